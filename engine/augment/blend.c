/* blend.c: Brightness, Color, Contrast, Sharpness: a blend of the image with a degenerate one, as
 * Pillow computes it: in float, product and sum rounded one by one, truncated. In double 283 of
 * 589,824 bytes would differ; contracted to a fused multiply-add 116. */
#include <assert.h>
#include <string.h>

#include "engine/augment/apply.h"

/* 0 ≤ factor ≤ 1: the sum stays within 0 … 255. */
static uint8_t blend(int degenerate, int value, float factor)
{
    return (uint8_t)((float)degenerate + factor * (float)(value - degenerate));
}

static float checked_factor(double argument)
{
    assert(argument >= 0 && argument <= 1);
    return (float)argument;
}

/* The degenerate image is one grey: a table does it. */
static void blend_with_grey(const struct iml_view_shape *shape, int grey, float factor,
                            const uint8_t *in, uint8_t *out)
{
    uint8_t table[IML_BYTE_VALUES];
    for (int v = 0; v < IML_BYTE_VALUES; v++) table[v] = blend(grey, v, factor);
    iml_map_bytes(table, iml_view_bytes(shape), in, out);
}

void iml_brightness(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                    uint8_t *out)
{
    blend_with_grey(shape, 0, checked_factor(argument), in, out);
}

/* Luma by ITU-R 601 in 16 bits, as Pillow converts RGB to L. */
static int luma(int red, int green, int blue)
{
    return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16;
}

void iml_color(const struct iml_view_shape *shape, double argument, const uint8_t *in, uint8_t *out)
{
    const float factor = checked_factor(argument);
    const size_t n = shape->height * shape->width;
    if (shape->channels == 1) { /* a grey image is its own degenerate */
        memcpy(out, in, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const int red = in[i], green = in[n + i], blue = in[2 * n + i];
        const int grey = luma(red, green, blue);
        out[i] = blend(grey, red, factor);
        out[n + i] = blend(grey, green, factor);
        out[2 * n + i] = blend(grey, blue, factor);
    }
}

/* The mean of the grey image, rounded: in double over an exact integer sum. */
static int mean_grey(const struct iml_view_shape *shape, const uint8_t *in)
{
    const size_t n = shape->height * shape->width;
    uint64_t sum = 0;
    if (shape->channels == 1) {
        for (size_t i = 0; i < n; i++) sum += in[i];
    } else {
        for (size_t i = 0; i < n; i++) sum += (unsigned)luma(in[i], in[n + i], in[2 * n + i]);
    }
    return (int)((double)sum / (double)n + 0.5);
}

void iml_contrast(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                  uint8_t *out)
{
    blend_with_grey(shape, mean_grey(shape, in), checked_factor(argument), in, out);
}

/* One row of pixels that have all eight neighbours. Pillow's SMOOTH is a float filter of weights
 * 1/13 and 5/13; in integers it gives the same bytes, since a thirteenth is never within 1/26 of
 * where rounding turns. */
static void sharpen_row(size_t width, float factor, const uint8_t *in, uint8_t *out)
{
    const uint8_t *const above = in - width, *const below = in + width;
    for (size_t x = 1; x + 1 < width; x++) {
        const int sum = above[x - 1] + above[x] + above[x + 1] + in[x - 1] + 5 * in[x] + in[x + 1] +
                        below[x - 1] + below[x] + below[x + 1];
        out[x] = blend((2 * sum + 13) / 26, in[x], factor);
    }
    out[0] = in[0];
    out[width - 1] = in[width - 1];
}

void iml_sharpness(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                   uint8_t *out)
{
    const float factor = checked_factor(argument);
    const size_t height = shape->height, width = shape->width, plane = height * width;
    if (height < 3 || width < 3) {
        memcpy(out, in, iml_view_bytes(shape));
        return;
    }
    for (size_t c = 0; c < shape->channels; c++, in += plane, out += plane) {
        memcpy(out, in, width);
        for (size_t y = 1; y + 1 < height; y++)
            sharpen_row(width, factor, in + y * width, out + y * width);
        memcpy(out + plane - width, in + plane - width, width);
    }
}
