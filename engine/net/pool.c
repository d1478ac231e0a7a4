/* pool.c: the windows of a pool; see pool.h. */
#include "engine/net/pool.h"

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t start(size_t place, const struct iml_window *window)
{
    const size_t padded = place * window->stride;
    return padded > window->padding ? padded - window->padding : 0;
}

struct iml_pool_window iml_pool_window(const struct iml_layer *layer, size_t oy, size_t ox)
{
    const struct iml_window *w = &layer->window;
    return (struct iml_pool_window){
        .y = start(oy, w),
        .y_end = smaller(oy * w->stride + w->height - w->padding, layer->from.height),
        .x = start(ox, w),
        .x_end = smaller(ox * w->stride + w->width - w->padding, layer->from.width)};
}
