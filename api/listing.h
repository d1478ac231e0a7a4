/* listing.h: one page of a list as JSON: {"NAME":[items],"more":…,"cursor":…}. */
#ifndef IMLD_API_LISTING_H
#define IMLD_API_LISTING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/* The text is the caller's to clear, or to answer with. Whoever reads asks for one item more than
 * `limit`, so that the page knows whether there are more. */
struct imld_listing {
    struct imld_text text;
    size_t count, limit;
    bool has_more;
};

void imld_listing_begin(struct imld_listing *self, const char *name, size_t limit);

/* Before each item: false: the page is full, and this item is of the next one. */
bool imld_listing_next(struct imld_listing *self);

/* After the last one; the cursor's value and the closing brace are left to the caller. */
void imld_listing_end(struct imld_listing *self);

#endif
