/* reference_main.c: imld-reference DIR: writes the reference pages into DIR. */
#include <stdio.h>
#include <stdlib.h>

#include "spec/resolve.h"

static int write_page(const char *folder, const char *name)
{
    char path[4096];
    const int length = snprintf(path, sizeof path, "%s/%s.md", folder, name);
    if (length < 0 || (size_t)length >= sizeof path) return 1;
    char *const page = imld_reference_page(name);
    FILE *const file = page ? fopen(path, "w") : NULL;
    int failed = !file;
    if (file) {
        failed = fputs(page, file) < 0;
        if (fclose(file) != 0) failed = 1;
    }
    if (failed) perror(path);
    free(page);
    return failed;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"endpoints", "errors", "fields", "metrics", "states"};
    if (argc != 2) {
        (void)fprintf(stderr, "usage: imld-reference DIR\n");
        return 2;
    }
    int failed = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        failed |= write_page(argv[1], names[i]);
    return failed;
}
