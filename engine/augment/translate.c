/* translate.c: TranslateX, TranslateY by whole pixels: out(x, y) = in(x + t, y), 0 outside. */
#include <stdlib.h>
#include <string.h>

#include "engine/augment/apply.h"

/* A line of n places moved by `shift`: where it starts in the output and in the input, and how many
 * are left of it. */
struct run {
    size_t out, in, count;
};

static struct run run_of(size_t n, long shift)
{
    const size_t size = (size_t)labs(shift);
    if (size >= n) return (struct run){0};
    return shift >= 0 ? (struct run){.in = size, .count = n - size}
                      : (struct run){.out = size, .count = n - size};
}

void iml_translate_x(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                     uint8_t *out)
{
    const struct run run = run_of(shape->width, (long)argument);
    const size_t rows = shape->channels * shape->height;
    memset(out, 0, iml_view_bytes(shape));
    for (size_t y = 0; y < rows; y++, in += shape->width, out += shape->width)
        memcpy(out + run.out, in + run.in, run.count);
}

void iml_translate_y(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                     uint8_t *out)
{
    const struct run run = run_of(shape->height, (long)argument);
    const size_t plane = shape->height * shape->width;
    memset(out, 0, iml_view_bytes(shape));
    for (size_t c = 0; c < shape->channels; c++, in += plane, out += plane)
        memcpy(out + run.out * shape->width, in + run.in * shape->width, run.count * shape->width);
}
