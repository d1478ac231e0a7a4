/* affine.c: Rotate, ShearX, ShearY: output pixel (x, y) is the input's nearest to
 * (a(x+½) + b(y+½) + c, d(x+½) + e(y+½) + f), 0 outside, in Pillow's 16.16 fixed point. */
#include <math.h>
#include <string.h>

#include "engine/augment/apply.h"

/* a, b, c of the column, d, e, f of the row. */
struct matrix {
    double a, b, c, d, e, f;
};

static int32_t fix(double value)
{
    return (int32_t)floor(value * 65536 + 0.5);
}

/* One row of all planes: u and v are the fixed coordinates of its first pixel. */
static void transform_row(const struct iml_view_shape *shape, const int32_t step[2], int32_t u,
                          int32_t v, const uint8_t *in, uint8_t *out)
{
    const size_t plane = shape->height * shape->width;
    for (size_t x = 0; x < shape->width; x++, u += step[0], v += step[1]) {
        const size_t column = (size_t)(u >> 16), row = (size_t)(v >> 16); /* huge if negative */
        if (column >= shape->width || row >= shape->height) continue;
        const uint8_t *const from = in + row * shape->width + column;
        for (size_t c = 0; c < shape->channels; c++) out[c * plane + x] = from[c * plane];
    }
}

/* Coordinates stay below 2¹⁵ in size, and so fit, for sides up to IML_VIEW_SIDE_MAX. */
static void transform(const struct iml_view_shape *shape, const struct matrix *m, const uint8_t *in,
                      uint8_t *out)
{
    const int32_t step[2] = {fix(m->a), fix(m->d)}, down[2] = {fix(m->b), fix(m->e)};
    int32_t u = fix(m->c + m->a * 0.5 + m->b * 0.5), v = fix(m->f + m->d * 0.5 + m->e * 0.5);
    memset(out, 0, iml_view_bytes(shape));
    for (size_t y = 0; y < shape->height; y++, u += down[0], v += down[1])
        transform_row(shape, step, u, v, in, out + y * shape->width);
}

/* The top row stays, the others move. */
void iml_shear_x(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                 uint8_t *out)
{
    const struct matrix m = {.a = 1, .b = argument, .e = 1};
    transform(shape, &m, in, out);
}

void iml_shear_y(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                 uint8_t *out)
{
    const struct matrix m = {.a = 1, .d = argument, .e = 1};
    transform(shape, &m, in, out);
}

/* Pillow rounds cosine and sine to 15 decimals. */
static double round_15(double value)
{
    return nearbyint(value * 1e15) / 1e15;
}

/* Counter-clockwise, about the middle. */
void iml_rotate(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                uint8_t *out)
{
    const double degree = 3.14159265358979323846 / 180;
    const double turn = fmod(argument, 360), angle = -((turn < 0 ? turn + 360 : turn) * degree);
    const double cosine = round_15(cos(angle)), sine = round_15(sin(angle));
    const double x = (double)shape->width / 2, y = (double)shape->height / 2;
    const struct matrix m = {.a = cosine,
                             .b = sine,
                             .c = cosine * -x + sine * -y + x,
                             .d = -sine,
                             .e = cosine,
                             .f = -sine * -x + cosine * -y + y};
    transform(shape, &m, in, out);
}
