/* edges.c: the memory between the layers of an evaluator; see evaluator.h. */
#include <assert.h>

#include "engine/net/evaluator.h"

/* rows × width elements; the product was checked in iml_evaluator_new. */
static iml_real *take(const struct iml_evaluator *self, struct iml_arena *arena, size_t width)
{
    return iml_arena_take(arena, self->rows * width, sizeof(iml_real));
}

static bool is_in_place(const struct iml_layer *layer)
{
    return layer->kind->is_in_place && layer->input > 0;
}

/* Adjoints that only the way down itself needs: a fork's, which end where they are added to the
 * other reader's, so that the blocks of a net take turns in one array. From the fork's layer to the
 * last one that reads its edge, on the way down from the latter to the former. */
struct passing {
    size_t width, last;
    iml_real *adjoint, *adjoint_tangent;
};
struct passings {
    struct passing list[IML_LAYERS_MAX / 2]; /* at most every second layer is a fork */
    size_t count;
};

/* The last layer that reads edge e, or one that shares its adjoint. */
static size_t last_reader(const struct iml_net *net, size_t e)
{
    size_t last = e;
    for (size_t l = e; l < net->layer_count; l++) {
        const struct iml_layer *layer = &net->layers[l];
        if (layer->input != e && !(layer->kind->has_second && layer->second == e)) continue;
        last = l;
        if (!layer->kind->is_in_place && !layer->kind->shares_adjoints) continue;
        const size_t further = last_reader(net, l + 1);
        if (further > last) last = further;
    }
    return last;
}

/* Arrays of `width` that are free again at layer l, or new ones. */
static const struct passing *take_passing(const struct iml_evaluator *self, struct iml_arena *arena,
                                          size_t l, struct passings *passings)
{
    const size_t width = self->net->layers[l].out, last = last_reader(self->net, l + 1);
    for (size_t i = 0; i < passings->count; i++) {
        struct passing *passing = &passings->list[i];
        if (passing->width != width || passing->last >= l) continue;
        passing->last = last;
        return passing;
    }
    assert(passings->count < IML_LAYERS_MAX / 2);
    struct passing *passing = &passings->list[passings->count++];
    *passing = (struct passing){.width = width, .last = last, .adjoint = take(self, arena, width)};
    if (self->wants_products) passing->adjoint_tangent = take(self, arena, width);
    return passing;
}

static void lay_out_fork(struct iml_evaluator *self, struct iml_arena *arena, size_t l,
                         struct passings *passings)
{
    struct iml_edge *edge = &self->edges[l + 1];
    const struct passing *passing = take_passing(self, arena, l, passings);
    *edge = self->edges[self->net->layers[l].input];
    edge->adjoint = passing->adjoint;
    edge->adjoint_tangent = passing->adjoint_tangent;
}

static void lay_out_edge(struct iml_evaluator *self, struct iml_arena *arena, size_t l,
                         struct passings *passings)
{
    const struct iml_layer *layer = &self->net->layers[l];
    const struct iml_edge *in = &self->edges[layer->input];
    const bool keeps_adjoint = layer->kind->keeps_adjoint && self->wants_products;
    const bool shares_adjoints = layer->kind->shares_adjoints && layer->input > 0;
    struct iml_edge *edge = &self->edges[l + 1];
    if (layer->kind->is_fork) {
        lay_out_fork(self, arena, l, passings);
        return;
    }
    if (is_in_place(layer)) {
        *edge = *in;
        if (keeps_adjoint) edge->adjoint = take(self, arena, layer->out);
        return;
    }
    edge->width = edge->stride = layer->out;
    edge->value = take(self, arena, layer->out);
    if (self->wants_products) edge->tangent = take(self, arena, layer->out);
    edge->adjoint = shares_adjoints && !keeps_adjoint ? in->adjoint : take(self, arena, layer->out);
    if (self->wants_products)
        edge->adjoint_tangent =
            shares_adjoints ? in->adjoint_tangent : take(self, arena, layer->out);
}

/* --- values alone ---
 *
 * Tiles run through the layers independently of each other, so a tile has the same place in an
 * array whatever edge is in it: edges of other widths share the array's stride. The last edge
 * and the features have arrays of their own, whose rows others read one by one. */

enum { EDGES_MAX = IML_LAYERS_MAX + 1, NONE = EDGES_MAX };

/* Which array each edge has, and how wide the arrays are. */
struct sharing {
    size_t array_of[EDGES_MAX];
    size_t last_reader[EDGES_MAX]; /* of an array, by edge: the last layer that reads it */
    size_t widths[EDGES_MAX],
        users[EDGES_MAX]; /* of an array; the edge that holds it, NONE: free */
    size_t arrays;
};

static bool shares_values(const struct iml_layer *layer)
{
    return is_in_place(layer) || layer->kind->is_fork;
}

/* The edge whose array edge e has. */
static size_t owner_of(const struct iml_net *net, size_t e)
{
    while (e > 0 && shares_values(&net->layers[e - 1])) e = net->layers[e - 1].input;
    return e;
}

static void find_last_readers(const struct iml_net *net, struct sharing *sharing)
{
    for (size_t l = 0; l < net->layer_count; l++) {
        const struct iml_layer *layer = &net->layers[l];
        sharing->last_reader[owner_of(net, layer->input)] = l;
        if (layer->kind->has_second) sharing->last_reader[owner_of(net, layer->second)] = l;
    }
    sharing->last_reader[owner_of(net, net->layer_count)] = net->layer_count; /* the loss */
}

/* The narrowest free array that is wide enough, else a new one. */
static size_t find_array(struct sharing *sharing, size_t width, bool is_own)
{
    size_t best = NONE;
    for (size_t a = 0; a < sharing->arrays && !is_own; a++) {
        if (sharing->users[a] != NONE || sharing->widths[a] < width) continue;
        if (best == NONE || sharing->widths[a] < sharing->widths[best]) best = a;
    }
    if (best != NONE) return best;
    sharing->widths[sharing->arrays] = width;
    return sharing->arrays++;
}

static void share_arrays(const struct iml_net *net, struct sharing *sharing)
{
    find_last_readers(net, sharing);
    for (size_t l = 0; l < net->layer_count; l++) {
        const struct iml_layer *layer = &net->layers[l];
        if (!shares_values(layer)) {
            const size_t features = net->layers[net->layer_count - 1].input;
            const bool is_own =
                l + 1 == owner_of(net, net->layer_count) || l + 1 == owner_of(net, features);
            const size_t array = find_array(sharing, layer->out, is_own);
            sharing->users[array] = l + 1;
            sharing->array_of[l + 1] = array;
        }
        for (size_t a = 0; a < sharing->arrays; a++) {
            if (sharing->users[a] != NONE && sharing->last_reader[sharing->users[a]] == l)
                sharing->users[a] = NONE;
        }
    }
}

static void lay_out_values(struct iml_evaluator *self, struct iml_arena *arena)
{
    const struct iml_net *net = self->net;
    struct sharing sharing = {0};
    iml_real *arrays[EDGES_MAX];
    share_arrays(net, &sharing);
    for (size_t a = 0; a < sharing.arrays; a++) arrays[a] = take(self, arena, sharing.widths[a]);
    for (size_t l = 0; l < net->layer_count; l++) {
        struct iml_edge *edge = &self->edges[l + 1];
        const size_t owner = owner_of(net, l + 1), array = sharing.array_of[owner];
        edge->width = edge->stride = net->layers[l].out;
        if (owner == 0) continue;
        edge->value = arrays[array];
        edge->stride = sharing.widths[array];
    }
}

void iml_edges_lay_out(struct iml_evaluator *self, struct iml_arena *arena)
{
    self->edges[0].width = self->edges[0].stride = self->net->options.inputs;
    if (self->use == IML_EVALUATOR_VALUES) {
        lay_out_values(self, arena);
        return;
    }
    if (self->use == IML_EVALUATOR_CHAINED) {
        self->edges[0].tangent = take(self, arena, self->edges[0].width);
        self->edges[0].adjoint = take(self, arena, self->edges[0].width);
        self->edges[0].adjoint_tangent = take(self, arena, self->edges[0].width);
    }
    struct passings passings = {0};
    for (size_t l = 0; l < self->net->layer_count; l++) lay_out_edge(self, arena, l, &passings);
}
