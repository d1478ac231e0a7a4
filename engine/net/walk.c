/* walk.c: the ways of a tile of rows through a net: up, over the loss, and down; see evaluator.h.
 *
 * A way is a row of steps. With L layers: step k < L is layer k upwards, step L the loss, step L +
 * i is layer L − i downwards. Before each step that needs sums over the batch a stage ends: one
 * pass of the team, in which each tile takes the stage's steps and then gathers its sums; a
 * barrier; the sums are added in tile order. A gradient of linear, batch norm, relu, linear:
 *
 *   stage 1:  linear, gather
 *   stage 2:  batch norm, relu, linear, loss, linear down, relu down, gather
 *   stage 3:  batch norm down, linear down
 *
 * Of a batch with a chooser (imld/net.h) a stage ends before the loss, too: it sees all logits.
 * With a coupling, one also ends where a way down has reached the features: what flows back to them
 * from the weights is added there, on the caller's thread.
 */
#include <assert.h>
#include <string.h>

#include "engine/net/evaluator.h"

struct way {
    enum iml_phase up, down;
    bool goes_down;
    bool is_on_tangents; /* down: ȳ and x̄ are the adjoint tangents */
    void (*at_loss)(const struct iml_tile *tile);
};

static const struct way forward = {.up = IML_PHASE_FORWARD, .at_loss = iml_loss_rows_value};
static const struct way gradient = {.up = IML_PHASE_FORWARD,
                                    .down = IML_PHASE_BACKWARD,
                                    .goes_down = true,
                                    .at_loss = iml_loss_rows_backward};
static const struct way tangent = {.up = IML_PHASE_TANGENT, .at_loss = iml_loss_rows_tangent};
static const struct way product = {.up = IML_PHASE_TANGENT,
                                   .down = IML_PHASE_TANGENT_BACKWARD,
                                   .goes_down = true,
                                   .at_loss = iml_loss_rows_tangent_backward};
static const struct way gauss_newton = {.up = IML_PHASE_TANGENT,
                                        .down = IML_PHASE_BACKWARD,
                                        .goes_down = true,
                                        .is_on_tangents = true,
                                        .at_loss = iml_loss_rows_tangent_backward};

/* Steps from … to − 1 of a way, and the sums that step `to` needs if there is one. */
struct stage {
    const struct iml_pass *pass;
    const struct way *way;
    size_t from, to;
    size_t part_rows; /* of a tile that take the steps together */
};

enum {
    PART_ELEMENTS = 64 * 1024, /* of a part's rows: half of a core's second cache */
    PART_PIXELS = 48 * 16      /* a whole block of tiles (convolution_winograd.c) */
};

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Whether the step is the loss. */
static bool is_loss(const struct iml_pass *pass, size_t step)
{
    return step == pass->evaluator->net->layer_count;
}

static size_t length_of(const struct iml_pass *pass, const struct way *way)
{
    const size_t layers = pass->evaluator->net->layer_count;
    return way->goes_down ? 2 * layers + 1 : layers + 1;
}

/* The layer of a step that is not the loss. */
static size_t layer_of(const struct iml_pass *pass, size_t step)
{
    const size_t layers = pass->evaluator->net->layer_count;
    return step < layers ? step : 2 * layers - step;
}

static enum iml_phase phase_of(const struct iml_pass *pass, const struct way *way, size_t step)
{
    return step < pass->evaluator->net->layer_count ? way->up : way->down;
}

/* Where the means of a step lie: Gauss–Newton leaves those of the linearization's ȳ alone. */
static enum iml_phase slot_of(const struct way *way, enum iml_phase phase)
{
    return way->is_on_tangents && phase == way->down ? IML_PHASE_TANGENT_BACKWARD : phase;
}

/* --- one tile --- */

/* Where the tile that begins with row `first` starts in an array; NULL stays NULL. */
static iml_real *at_row(iml_real *array, size_t first, size_t stride)
{
    return array ? array + first * stride : NULL;
}

/* The other edge that a layer reads. */
static void add_second(const struct iml_tile *tile, const struct way *way, size_t edge,
                       struct iml_row_pass *rows)
{
    const struct iml_edge *second = &tile->pass->evaluator->edges[edge];
    rows->x2 = iml_edge_value(tile->pass, edge) + tile->first * second->stride;
    rows->x2_dot = at_row(second->tangent, tile->first, second->stride);
    rows->x2_bar = at_row(way->is_on_tangents ? second->adjoint_tangent : second->adjoint,
                          tile->first, second->stride);
    rows->x2_bar_dot = at_row(second->adjoint_tangent, tile->first, second->stride);
}

static struct iml_row_pass layer_rows(const struct iml_tile *tile, const struct way *way, size_t l)
{
    const struct iml_pass *pass = tile->pass;
    const struct iml_evaluator *self = pass->evaluator;
    const struct iml_layer *layer = &self->net->layers[l];
    const struct iml_layer_memory *memory = &self->memory[l];
    const struct iml_edge *in = &self->edges[layer->input], *out = &self->edges[l + 1];
    iml_real *y_bar = way->is_on_tangents ? out->adjoint_tangent : out->adjoint;
    iml_real *x_bar = way->is_on_tangents ? in->adjoint_tangent : in->adjoint;
    struct iml_row_pass rows = {
        .rows = tile->rows,
        .theta = pass->theta + layer->offset,
        .u = pass->u ? pass->u + layer->offset : NULL,
        .x = iml_edge_value(pass, layer->input) + tile->first * in->stride,
        .y = at_row(out->value, tile->first, out->stride),
        .x_dot = at_row(in->tangent, tile->first, in->stride),
        .y_dot = at_row(out->tangent, tile->first, out->stride),
        .y_bar = at_row(y_bar, tile->first, out->stride),
        .x_bar = at_row(x_bar, tile->first, in->stride),
        .y_bar_dot = at_row(out->adjoint_tangent, tile->first, out->stride),
        .x_bar_dot = at_row(in->adjoint_tangent, tile->first, in->stride),
        .convolution = memory->convolution,
        .packed_theta = {memory->packed_theta[0], memory->packed_theta[1]},
        .packed_u = {memory->packed_u[0], memory->packed_u[1]},
        .worker = tile->worker,
        .kept = at_row(memory->kept, tile->first, out->width),
        .first_row = tile->first,
        .rows_before = tile->rows_before,
        .mode = &pass->batch->mode,
    };
    if (layer->kind->has_second) add_second(tile, way, layer->second, &rows);
    for (enum iml_phase phase = 0; layer->kind->sums && phase < IML_PHASES; phase++)
        rows.means[phase] = iml_means(self, l, slot_of(way, phase));
    return rows;
}

/* The tile's part of the sums that a step needs. */
static void gather(const struct iml_tile *tile, const struct way *way, size_t step)
{
    const struct iml_evaluator *self = tile->pass->evaluator;
    const size_t l = layer_of(tile->pass, step);
    const struct iml_layer *layer = &self->net->layers[l];
    const struct iml_row_pass rows = layer_rows(tile, way, l);
    const enum iml_phase phase = phase_of(tile->pass, way, step);
    double *sums = iml_sums(self, l, slot_of(way, phase)) + tile->index * 2 * layer->channels;
    if (rows.rows_before == 0) memset(sums, 0, 2 * layer->channels * sizeof *sums);
    layer->kind->sums->gather[phase](layer, &rows, sums);
}

/* Sums that no mean is made of, but parameters' derivatives are (layer.h, keeps_sums). */
static bool keeps_sums(const struct iml_tile *tile, size_t step)
{
    const struct iml_net *net = tile->pass->evaluator->net;
    const size_t l = layer_of(tile->pass, step);
    return step > net->layer_count && net->layers[l].kind->sums &&
           net->layers[l].kind->sums->keeps_sums && !iml_needs_sums(tile->pass, l);
}

static void take_step(const struct iml_tile *tile, const struct way *way, size_t step)
{
    const struct iml_net *net = tile->pass->evaluator->net;
    if (is_loss(tile->pass, step)) {
        way->at_loss(tile);
        return;
    }
    if (keeps_sums(tile, step)) gather(tile, way, step);
    const size_t l = layer_of(tile->pass, step);
    const struct iml_layer_kind *kind = net->layers[l].kind;
    const struct iml_row_pass rows = layer_rows(tile, way, l);
    iml_row_kernel *const kernels[IML_PHASES] = {
        [IML_PHASE_FORWARD] = kind->forward,
        [IML_PHASE_BACKWARD] = kind->backward,
        [IML_PHASE_TANGENT] = kind->tangent,
        [IML_PHASE_TANGENT_BACKWARD] = kind->tangent_backward,
    };
    kernels[phase_of(tile->pass, way, step)](&net->layers[l], &rows);
}

/* Whether all steps of a stage can be taken by a part of a tile. */
static bool is_divisible(const struct stage *stage)
{
    const struct iml_pass *pass = stage->pass;
    const struct iml_net *net = pass->evaluator->net;
    if (pass->evaluator->tile_rows == 0) return false;
    for (size_t step = stage->from; step <= stage->to; step++) {
        if (step == length_of(pass, stage->way)) return true;
        if (is_loss(pass, step)) return step == stage->to;
        const struct iml_sums_kind *sums = net->layers[layer_of(pass, step)].kind->sums;
        if (sums && !sums->adds_rows) return false;
    }
    return true;
}

/* Rows of a tile of images that take a stage's steps together, so that what one step writes is in
 * cache for the next: no more than PART elements of an edge, but enough pixels for a convolution.
 * (WRN-28-2, gradient: 2, 4 and 16 images of 32², 16² and 8².) */
static size_t part_rows(const struct stage *stage)
{
    const struct iml_net *net = stage->pass->evaluator->net;
    size_t elements = 1, pixels = 1, rows = 1;
    if (!is_divisible(stage)) return stage->pass->batch->rows;
    for (size_t step = stage->from; step < stage->to && !is_loss(stage->pass, step); step++) {
        const struct iml_layer *layer = &net->layers[layer_of(stage->pass, step)];
        elements = larger(elements, larger(layer->in, layer->out));
        pixels = larger(pixels, layer->from.height * layer->from.width);
    }
    while (2 * rows * elements <= PART_ELEMENTS || rows * pixels < PART_PIXELS) rows *= 2;
    return rows;
}

static void stage_task(void *context, size_t i, unsigned worker)
{
    const struct stage *stage = context;
    const struct iml_pass *pass = stage->pass;
    struct iml_tile tile = {.pass = pass, .index = i, .worker = worker};
    size_t first = 0, rows = 0;
    iml_row_tile(pass->batch->rows, iml_evaluator_row_tiles(pass->evaluator, pass->batch->rows),
                 pass->evaluator->tile_rows, i, &first, &rows);
    while (tile.rows_before < rows) {
        const size_t left = rows - tile.rows_before;
        tile.first = first + tile.rows_before;
        tile.rows = left < stage->part_rows ? left : stage->part_rows;
        for (size_t step = stage->from; step < stage->to; step++)
            take_step(&tile, stage->way, step);
        if (stage->to < length_of(pass, stage->way) && !is_loss(pass, stage->to) &&
            iml_needs_sums(pass, layer_of(pass, stage->to)))
            gather(&tile, stage->way, stage->to);
        tile.rows_before += tile.rows;
    }
}

/* --- a whole way --- */

/* Whether the weights are functions of θ in this way. */
static bool is_coupled(const struct iml_pass *pass, const struct way *way)
{
    return way->goes_down && !way->is_on_tangents && iml_coupling_of(pass->batch);
}

/* Whether the way down has just left the last layer, which is linear, and what lies below it takes
 * no means. */
static bool is_at_features(const struct iml_pass *pass, size_t step)
{
    return step == pass->evaluator->net->layer_count + 2;
}

/* Whether something is to be done between all tiles' last step and this one. */
static bool is_cut(const struct iml_pass *pass, const struct way *way, size_t step)
{
    if (is_loss(pass, step))
        return way->up == IML_PHASE_FORWARD ? pass->batch->chooser != NULL : is_coupled(pass, way);
    return iml_needs_sums(pass, layer_of(pass, step)) ||
           (is_at_features(pass, step) && is_coupled(pass, way));
}

/* The first such step from `step` on, or the way's length. */
static size_t next_cut(const struct iml_pass *pass, const struct way *way, size_t step)
{
    const size_t length = length_of(pass, way);
    while (step < length && !is_cut(pass, way, step)) step++;
    return step;
}

/* The choice before the loss, or the weights' tangents there. */
static void before_loss(const struct iml_pass *pass, const struct way *way, size_t step)
{
    const struct iml_chooser *chooser = pass->batch->chooser;
    const struct iml_evaluator *self = pass->evaluator;
    if (way->up == IML_PHASE_FORWARD)
        chooser->choose(chooser->context, self, pass->batch->rows, iml_edge_value(pass, step));
    else
        chooser->coupling->tangent(chooser->context, self);
}

/* What flows back from the weights to the features. */
static void join(const struct iml_pass *pass, const struct way *way)
{
    const struct iml_chooser *chooser = pass->batch->chooser;
    if (way->up == IML_PHASE_FORWARD)
        chooser->coupling->adjoint(chooser->context, pass->evaluator);
    else
        chooser->coupling->adjoint_tangent(chooser->context, pass->evaluator);
}

/* On one thread, between two stages: what the step waits for. */
static void between_stages(const struct iml_pass *pass, const struct way *way, size_t step)
{
    if (is_loss(pass, step)) {
        before_loss(pass, way, step);
        return;
    }
    if (is_at_features(pass, step) && is_coupled(pass, way)) {
        assert(!iml_needs_sums(pass, layer_of(pass, step)));
        join(pass, way);
        return;
    }
    const enum iml_phase phase = phase_of(pass, way, step), slot = slot_of(way, phase);
    const size_t l = layer_of(pass, step);
    iml_settle(pass, l, phase, slot, iml_sums(pass->evaluator, l, slot));
}

static bool go(const struct iml_pass *pass, const struct way *way)
{
    const size_t tiles = iml_evaluator_row_tiles(pass->evaluator, pass->batch->rows);
    if (!iml_pass_pack(pass, way->goes_down)) return false;
    struct stage stage = {.pass = pass, .way = way, .to = next_cut(pass, way, 0)};
    stage.part_rows = part_rows(&stage);
    while (iml_team_run(pass->evaluator->team, tiles, stage_task, &stage)) {
        if (stage.to == length_of(pass, way)) return true;
        between_stages(pass, way, stage.to);
        stage.from = stage.to;
        stage.to = next_cut(pass, way, stage.from + 1);
        stage.part_rows = part_rows(&stage);
    }
    return false;
}

/* The means of layers that take none from this batch: all phases. */
static void settle_from_mode(const struct iml_pass *pass)
{
    const struct iml_net *net = pass->evaluator->net;
    for (size_t l = 0; l < net->layer_count; l++) {
        if (!net->layers[l].kind->sums || iml_needs_sums(pass, l)) continue;
        for (enum iml_phase phase = 0; phase < IML_PHASES; phase++)
            iml_settle(pass, l, phase, phase, NULL);
    }
}

bool iml_pass_forward(const struct iml_pass *pass)
{
    settle_from_mode(pass);
    return go(pass, &forward);
}

bool iml_pass_gradient_rows(const struct iml_pass *pass)
{
    settle_from_mode(pass);
    return go(pass, &gradient);
}

bool iml_pass_tangent(const struct iml_pass *pass)
{
    return go(pass, &tangent);
}

bool iml_pass_product_rows(const struct iml_pass *pass)
{
    return go(pass, &product);
}

bool iml_pass_gauss_newton_rows(const struct iml_pass *pass)
{
    return go(pass, &gauss_newton);
}
