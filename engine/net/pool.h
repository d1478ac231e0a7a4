/* pool.h: the walk over the windows of a pool, for its kinds. */
#ifndef IMLD_ENGINE_NET_POOL_H
#define IMLD_ENGINE_NET_POOL_H

#include "engine/net/layer.h"

/* The pixels of one window that lie inside the image: rows y … y_end − 1, columns alike. */
struct iml_pool_window {
    size_t y, y_end, x, x_end;
};
struct iml_pool_window iml_pool_window(const struct iml_layer *layer, size_t oy, size_t ox);

#endif
