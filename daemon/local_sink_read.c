/* local_sink_read.c: what a run's earlier attempts wrote: checkpoints and rows; see local_sink.h.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/local_sink.h"

struct listing {
    struct imld_checkpoint *checkpoints;
    size_t capacity, count;
};

static bool list_one(void *context, const struct imld_checkpoint *checkpoint)
{
    struct listing *listing = context;
    if (listing->count == listing->capacity) { /* keep the newest: drop the oldest */
        memmove(listing->checkpoints, listing->checkpoints + 1,
                (listing->capacity - 1) * sizeof *listing->checkpoints);
        listing->count--;
    }
    listing->checkpoints[listing->count++] = *checkpoint;
    return true;
}

enum iml_code imld_local_sink_list(struct imld_sink *sink, struct imld_checkpoint *checkpoints,
                                   size_t capacity, size_t *count, struct iml_error *error)
{
    const struct imld_local_sink *self = (const struct imld_local_sink *)(const void *)sink;
    *count = 0;
    struct imld_reader *reader = imld_reader_take(self->storage, error);
    if (!reader) return error->code;
    struct listing listing = {.checkpoints = checkpoints, .capacity = capacity};
    const enum iml_code code = imld_checkpoints_list(reader, self->job, list_one, &listing, error);
    imld_reader_give(reader);
    *count = listing.count;
    return code;
}

enum iml_code imld_local_sink_read(struct imld_sink *sink, const char *name,
                                   struct imld_checkpoint_content *content, struct iml_error *error)
{
    const struct imld_local_sink *self = (const struct imld_local_sink *)(const void *)sink;
    struct imld_reader *reader = imld_reader_take(self->storage, error);
    if (!reader) return error->code;
    const enum iml_code code = imld_checkpoint_read(reader, self->job, name, content, error);
    imld_reader_give(reader);
    return code;
}

enum iml_code imld_local_sink_origin(struct imld_sink *sink, struct imld_origin *origin,
                                     struct imld_checkpoint_content *content,
                                     struct iml_error *error)
{
    const struct imld_local_sink *self = (const struct imld_local_sink *)(const void *)sink;
    struct imld_reader *reader = imld_reader_take(self->storage, error);
    if (!reader) return error->code;
    const enum iml_code code = imld_origin_read(reader, self->job, origin, content, error);
    imld_reader_give(reader);
    return code;
}

enum iml_code imld_local_sink_history(struct imld_sink *sink, int64_t step,
                                      struct imld_history *history, struct iml_error *error)
{
    const struct imld_local_sink *self = (const struct imld_local_sink *)(const void *)sink;
    struct imld_reader *reader = imld_reader_take(self->storage, error);
    if (!reader) return error->code;
    const enum iml_code code = imld_history_load(history, reader, self->job, step, error);
    imld_reader_give(reader);
    return code;
}
