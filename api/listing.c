/* listing.c: one page of a list as JSON; see listing.h. */
#include "api/listing.h"

void imld_listing_begin(struct imld_listing *self, const char *name, size_t limit)
{
    *self = (struct imld_listing){.limit = limit};
    imld_text_printf(&self->text, "{\"%s\":[", name);
}

bool imld_listing_next(struct imld_listing *self)
{
    if (self->count == self->limit) {
        self->has_more = true;
        return false;
    }
    if (self->count++) imld_text_add(&self->text, ",");
    return true;
}

void imld_listing_end(struct imld_listing *self)
{
    imld_text_printf(&self->text, "],\"more\":%s,\"cursor\":", self->has_more ? "true" : "false");
}
