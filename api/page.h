/* page.h: the files of clients/web, as the build put them into the binary (api/embed.cmake). */
#ifndef IMLD_API_PAGE_H
#define IMLD_API_PAGE_H

#include <stddef.h>

struct imld_page_file {
    const char *endpoint; /* "page", "page_script", "page_style" */
    const char *content_type;
    const unsigned char *bytes;
    size_t length;
    const char *etag; /* with its quotes */
};

extern const struct imld_page_file imld_page_files[];
extern const size_t imld_page_file_count;

#endif
