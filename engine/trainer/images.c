/* images.c: images as bytes, batches as numbers; see images.h. */
#include "engine/trainer/images.h"

#include <assert.h>
#include <string.h>

enum { ROWS_A_TASK = 16 };

void iml_images_layout(struct iml_images *images, const struct iml_set_facts *facts, size_t count,
                       struct iml_arena *arena)
{
    *images = (struct iml_images){.count = count,
                                  .channels = facts->channels,
                                  .height = facts->height,
                                  .width = facts->width};
    const size_t bytes = facts->channels * facts->height * facts->width; /* ≤ 2²⁶: set's bounds */
    images->pixels = iml_arena_take(arena, count, bytes);
    images->labels = iml_arena_take(arena, count, 1);
}

void iml_images_layout_values(struct iml_images *images, size_t inputs, size_t count,
                              bool has_weights, struct iml_arena *arena)
{
    *images = (struct iml_images){.count = count, .channels = 1, .height = 1, .width = inputs};
    images->values = iml_arena_take(arena, count, inputs * sizeof *images->values);
    images->targets = iml_arena_take(arena, count, sizeof *images->targets);
    if (has_weights) images->weights = iml_arena_take(arena, count, sizeof *images->weights);
}

void iml_batch_maker_layout(struct iml_batch_maker *maker, size_t rows, size_t inputs,
                            struct iml_arena *arena)
{
    *maker = (struct iml_batch_maker){.rows = rows, .inputs = inputs};
    maker->values = iml_arena_take(arena, rows, inputs * sizeof maker->values[0]);
    maker->labels = iml_arena_take(arena, rows, sizeof maker->labels[0]);
    maker->places = iml_arena_take(arena, rows, sizeof maker->places[0]);
}

void iml_batch_maker_layout_values(struct iml_batch_maker *maker, struct iml_arena *arena)
{
    maker->targets = iml_arena_take(arena, maker->rows, sizeof *maker->targets);
    maker->weights = iml_arena_take(arena, maker->rows, sizeof *maker->weights);
}

void iml_batch_place_run(struct iml_batch_maker *maker, size_t first, size_t rows)
{
    assert(rows <= maker->rows);
    for (size_t i = 0; i < rows; i++) maker->places[i] = (uint32_t)(first + i);
}

struct making {
    struct iml_batch_maker *maker;
    const struct iml_images *images;
    size_t rows;
};

static void copy_row(const struct making *making, size_t row, size_t place)
{
    const struct iml_batch_maker *maker = making->maker;
    const struct iml_images *images = making->images;
    memcpy(maker->values + row * maker->inputs, images->values + place * maker->inputs,
           maker->inputs * sizeof *maker->values);
    maker->targets[row] = images->targets[place];
    if (images->weights) maker->weights[row] = images->weights[place];
}

static void make_rows(void *context, size_t task, unsigned worker)
{
    (void)worker;
    const struct making *making = context;
    const struct iml_batch_maker *maker = making->maker;
    const size_t first = task * ROWS_A_TASK;
    for (size_t i = first; i < making->rows && i < first + ROWS_A_TASK; i++) {
        const size_t place = maker->places[i];
        if (making->images->values) {
            copy_row(making, i, place);
            continue;
        }
        maker->labels[i] = making->images->labels[place];
        iml_pixel_table_apply(maker->table, making->images->pixels + place * maker->inputs,
                              maker->values + i * maker->inputs);
    }
}

enum iml_code iml_batch_make(struct iml_batch_maker *maker, const struct iml_images *images,
                             size_t rows, struct iml_batch *batch, struct iml_error *error)
{
    assert(rows >= 1 && rows <= maker->rows);
    struct making making = {.maker = maker, .images = images, .rows = rows};
    const size_t tasks = (rows + ROWS_A_TASK - 1) / ROWS_A_TASK;
    if (!iml_team_run(maker->team, tasks, make_rows, &making))
        return iml_error_set(error, IML_ERROR_CANCELLED, "the step was cancelled");
    *batch = (struct iml_batch){
        .rows = rows, .inputs = maker->values, .labels = maker->labels, .divisor = (double)rows};
    if (!images->values) return IML_OK;
    batch->labels = NULL;
    batch->targets = maker->targets;
    batch->weights = images->weights ? maker->weights : NULL;
    return IML_OK;
}
