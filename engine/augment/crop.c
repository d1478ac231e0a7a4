/* crop.c: the weak view (FIXMATCH 3.1) and cutout (3.3). */
#include <string.h>

#include "imld/augment.h"

enum { PADDING = 4, CUTOUT_VALUE = 127 };

/* Which of n pixels stands at i when they are continued by reflection without repeating an edge. */
static size_t reflect(long i, size_t n)
{
    if (n == 1) return 0;
    const long period = 2 * ((long)n - 1);
    const long at = (i % period + period) % period;
    return (size_t)(at < (long)n ? at : period - at);
}

/* One row, moved by `shift` (dx − 4); the image is flipped before it is padded. */
static void copy_row(size_t width, bool is_flipped, long shift, const uint8_t *in, uint8_t *out)
{
    const long n = (long)width;
    const long first = shift < 0 ? -shift : 0, last = shift > 0 ? n - shift : n;
    long x = 0;
    for (; x < n && x < first; x++) {
        const size_t at = reflect(x + shift, width);
        out[x] = in[is_flipped ? width - 1 - at : at];
    }
    if (is_flipped) {
        for (; x < last; x++) out[x] = in[n - 1 - x - shift];
    } else if (x < last) {
        memcpy(out + x, in + x + shift, (size_t)(last - x));
        x = last;
    }
    for (; x < n; x++) {
        const size_t at = reflect(x + shift, width);
        out[x] = in[is_flipped ? width - 1 - at : at];
    }
}

void iml_weak_view(const struct iml_view_shape *shape, const struct iml_view_draw *draw,
                   const uint8_t *in, uint8_t *out)
{
    const size_t height = shape->height, width = shape->width;
    const long down = (long)draw->dy - PADDING, across = (long)draw->dx - PADDING;
    for (size_t c = 0; c < shape->channels; c++, in += height * width) {
        for (size_t y = 0; y < height; y++, out += width)
            copy_row(width, draw->is_flipped, across, in + reflect((long)y + down, height) * width,
                     out);
    }
}

/* The part of centre − s/2 … centre + s/2 − 1 that lies in 0 … n − 1. */
static void clip(size_t centre, size_t half, size_t n, size_t *first, size_t *end)
{
    *first = centre > half ? centre - half : 0;
    *end = centre + half < n ? centre + half : n;
}

void iml_cutout(const struct iml_view_shape *shape, size_t cy, size_t cx, uint8_t *image)
{
    const size_t height = shape->height, width = shape->width;
    const size_t half = (height < width ? height : width) / 4;
    size_t top, bottom, left, right;
    clip(cy, half, height, &top, &bottom);
    clip(cx, half, width, &left, &right);
    for (size_t c = 0; c < shape->channels; c++) {
        for (size_t y = top; y < bottom; y++)
            memset(image + (c * height + y) * width + left, CUTOUT_VALUE, right - left);
    }
}
