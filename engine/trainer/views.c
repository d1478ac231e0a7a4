/* views.c: batches of views; see views.h. */
#include "engine/trainer/views.h"

#include <assert.h>

enum { ROWS_A_TASK = 16 };

void iml_view_maker_layout(struct iml_view_maker *self, const struct iml_set_facts *facts,
                           unsigned workers, struct iml_arena *arena)
{
    self->shape = (struct iml_view_shape){
        .channels = facts->channels, .height = facts->height, .width = facts->width};
    self->scratch = iml_arena_take(arena, workers, 2 * iml_view_bytes(&self->shape));
}

struct making {
    const struct iml_view_maker *self;
    const struct iml_batch_maker *maker;
    const struct iml_view_part *parts;
    size_t rows; /* of all parts */
};

/* The view of row `row` of a part, as numbers. */
static void make_view(const struct making *making, const struct iml_view_part *part, size_t row,
                      uint8_t *scratch, iml_real *out)
{
    const struct iml_view_maker *self = making->self;
    const size_t bytes = iml_view_bytes(&self->shape);
    const uint8_t *const image = part->images->pixels + part->places[row] * bytes;
    const struct iml_stream stream = {
        .seed = self->seed,
        .purpose = part->purpose,
        .index = part->places[row],
        .pass = (uint32_t)(part->order ? iml_sampler_pass(part->order, part->step, part->rows, row)
                                       : part->step)};
    struct iml_view_draw draw;
    iml_view_draw(&self->shape, self->flip, &stream, &draw);
    if (part->is_strong)
        iml_strong_view(&self->shape, &draw, image, scratch + bytes, scratch);
    else
        iml_weak_view(&self->shape, &draw, image, scratch);
    iml_pixel_table_apply(making->maker->table, scratch, out);
}

static void make_rows(void *context, size_t task, unsigned worker)
{
    const struct making *making = context;
    uint8_t *const scratch =
        making->self->scratch + (size_t)worker * 2 * iml_view_bytes(&making->self->shape);
    const struct iml_view_part *part = making->parts;
    size_t part_first = 0;
    const size_t first = task * ROWS_A_TASK, end = first + ROWS_A_TASK;
    for (size_t row = first; row < end && row < making->rows; row++) {
        while (row - part_first >= part->rows) part_first += (part++)->rows;
        make_view(making, part, row - part_first, scratch,
                  making->maker->values + row * making->maker->inputs);
    }
}

enum iml_code iml_views_make(const struct iml_view_maker *self, const struct iml_batch_maker *maker,
                             const struct iml_view_part *parts, size_t count,
                             struct iml_error *error)
{
    struct making making = {.self = self, .maker = maker, .parts = parts};
    for (size_t i = 0; i < count; i++) making.rows += parts[i].rows;
    assert(making.rows >= 1 && making.rows <= maker->rows);
    const size_t tasks = (making.rows + ROWS_A_TASK - 1) / ROWS_A_TASK;
    if (iml_team_run(maker->team, tasks, make_rows, &making)) return IML_OK;
    return iml_error_set(error, IML_ERROR_CANCELLED, "the step was cancelled");
}
