/* graph.h: the description of a net: its layers in order, its blocks of θ, its loss. Private to the
 * engine; immutable after iml_net_new, so any thread may read it. */
#ifndef IMLD_ENGINE_NET_GRAPH_H
#define IMLD_ENGINE_NET_GRAPH_H

#include "engine/net/layer.h"
#include "engine/net/loss.h"
#include "imld/net.h"

/* weight and bias, or γ and β, of each layer at most */
#define IML_BLOCKS_MAX ((size_t)2 * IML_LAYERS_MAX)

struct iml_model_kind;

struct iml_net {
    struct iml_net_options options;
    const struct iml_model_kind *model;
    const struct iml_loss_kind *loss;
    struct iml_layer layers[IML_LAYERS_MAX];
    size_t layer_count;
    struct iml_block blocks[IML_BLOCKS_MAX];
    size_t block_count;
    size_t with_parameters; /* layers that have parameters */
    size_t parameters;      /* P */
    size_t statistics;      /* elements of the running statistics */
};

#endif
