/* convolution_transform.c: the transforms of Winograd's F(4×4, 3×3); see winograd.h. Interpolation
 * points 0, ±1, ±2, ∞:
 *
 *        4  0 −5  0  1  0         1/4    0     0
 *        0 −4 −4  1  1  0        −1/6  −1/6  −1/6         1  1  1  1  1  0
 *   Bᵀ = 0  4 −4 −1  1  0    G = −1/6   1/6  −1/6    Aᵀ = 0  1 −1  2 −2  0
 *        0 −2 −1  2  1  0        1/24  1/12   1/6         0  1  1  4  4  0
 *        0  2 −1 −2  1  0        1/24 −1/12   1/6         0  1 −1  8 −8  1
 *        0  4  0 −5  0  1          0     0     1
 *
 * Each is applied to rows, then to columns, eight channels at a time. */
#include "engine/net/lanes.h"
#include "engine/net/winograd.h"

enum { TILE = WINOGRAD_TILE, PATCH = WINOGRAD_PATCH, KERNEL = 3 };

/* --- one dimension --- */

LANES_INLINE void input_line(const lanes d[PATCH], lanes out[PATCH]) /* Bᵀ d */
{
    const lanes a = lanes_add(d[4], -4, d[2]), b = lanes_add(d[3], -4, d[1]);
    const lanes c = d[4] - d[2], e = 2 * (d[3] - d[1]);
    out[0] = lanes_add(lanes_add(d[4], -5, d[2]), 4, d[0]);
    out[1] = a + b;
    out[2] = a - b;
    out[3] = c + e;
    out[4] = c - e;
    out[5] = lanes_add(lanes_add(d[5], -5, d[3]), 4, d[1]);
}

LANES_INLINE void adjoint_line(const lanes y[TILE], lanes out[PATCH]) /* A y */
{
    const lanes a = y[0] + y[2], b = y[1] + y[3];
    const lanes c = lanes_add(y[0], 4, y[2]), e = lanes_add(2 * y[1], 8, y[3]);
    out[0] = y[0];
    out[1] = a + b;
    out[2] = a - b;
    out[3] = c + e;
    out[4] = c - e;
    out[5] = y[3];
}

LANES_INLINE void output_line(const lanes m[PATCH], lanes out[TILE]) /* Aᵀ m */
{
    const lanes a = m[1] + m[2], b = m[1] - m[2], c = m[3] + m[4], e = m[3] - m[4];
    out[0] = m[0] + a + c;
    out[1] = lanes_add(b, 2, e);
    out[2] = lanes_add(a, 4, c);
    out[3] = lanes_add(b, 8, e) + m[5];
}

LANES_INLINE void weights_line(const lanes g[KERNEL], lanes out[PATCH]) /* G g */
{
    const lanes a = g[0] + g[2], b = lanes_add(g[0], 4, g[2]);
    const lanes sixth = lanes_of((iml_real)(-1.0 / 6)), fine = lanes_of((iml_real)(1.0 / 24));
    out[0] = (iml_real)0.25 * g[0];
    out[1] = sixth * (a + g[1]);
    out[2] = sixth * (a - g[1]);
    out[3] = fine * lanes_add(b, 2, g[1]);
    out[4] = fine * lanes_add(b, -2, g[1]);
    out[5] = g[2];
}

LANES_INLINE void gradient_line(const lanes u[PATCH], lanes out[KERNEL]) /* Gᵀ u */
{
    const lanes a = u[1] + u[2], b = u[2] - u[1], c = u[3] + u[4], e = u[3] - u[4];
    const lanes sixth = lanes_of((iml_real)(1.0 / 6));
    out[0] = lanes_add(lanes_add((iml_real)0.25 * u[0], -1.0 / 6, a), 1.0 / 24, c);
    out[1] = lanes_add(sixth * b, 1.0 / 12, e);
    out[2] = lanes_fma(sixth, c - a, u[5]);
}

/* --- a side of a patch or a tile that lies within the image --- */

struct span {
    size_t from, to; /* of the patch's or tile's own rows or columns */
};

/* Of a patch, which begins one pixel before its tile. */
static struct span patch_span(size_t tile, size_t side)
{
    const size_t start = tile * TILE; /* of the tile; the patch's row 1 */
    return (struct span){.from = tile == 0 ? 1 : 0,
                         .to = side + 1 - start < PATCH ? side + 1 - start : PATCH};
}

static struct span tile_span(size_t tile, size_t side)
{
    const size_t start = tile * TILE;
    return (struct span){.from = 0, .to = side - start < TILE ? side - start : TILE};
}

/* Elements of a line; those outside the image are 0. */
LANES_INLINE void load_line(const iml_real *line, struct span span, size_t count, lanes *out)
{
    if (span.from == 0 && span.to == count) {
        for (size_t i = 0; i < count; i++) out[i] = lanes_load(line + i * LANES);
        return;
    }
    for (size_t i = 0; i < count; i++)
        out[i] = i >= span.from && i < span.to ? lanes_load(line + i * LANES) : lanes_of(0);
}

/* --- tiles --- */

/* Where pixel (row, column) of channel block 0 lies; may be before the image, and is then not read.
 */
static const iml_real *pixel(const struct iml_image *form, const iml_real *image, ptrdiff_t row,
                             ptrdiff_t column)
{
    return image + (row * (ptrdiff_t)form->width + column) * LANES;
}

/* The next tile's lines: of some twenty places at a time, which the hardware does not follow.
 * (Measured on Zen 3, 32 channels, 32²: 5 % of a forward call, 20 % of a gradient of W.) */
LANES_INLINE void prefetch(const iml_real *tile, size_t stride, size_t rows)
{
    for (size_t y = 0; y < rows; y++) {
        __builtin_prefetch(tile + y * stride + (size_t)TILE * LANES);
        __builtin_prefetch(tile + y * stride + (size_t)(TILE + 2) * LANES);
    }
}

void iml_winograd_transform_input(const struct iml_image *form, const iml_real *image,
                                  struct iml_tile_place place, struct iml_points out)
{
    const struct span rows = patch_span(place.row, form->height);
    const struct span columns = patch_span(place.column, form->width);
    const size_t area = form->height * form->width;
    const iml_real *corner =
        pixel(form, image, (ptrdiff_t)(place.row * TILE) - 1, (ptrdiff_t)(place.column * TILE) - 1);
    for (size_t block = 0; block < form->channels / LANES; block++) {
        const iml_real *from = corner + block * area * LANES;
        lanes half[PATCH][PATCH];
        prefetch(from + (size_t)2 * LANES, form->width * LANES, PATCH);
        for (size_t y = 0; y < PATCH; y++) {
            lanes line[PATCH];
            const bool is_inside = y >= rows.from && y < rows.to;
            load_line(from + y * form->width * LANES, is_inside ? columns : (struct span){0, 0},
                      PATCH, line);
            input_line(line, half[y]);
        }
        for (size_t x = 0; x < PATCH; x++) {
            lanes line[PATCH], done[PATCH];
            for (size_t y = 0; y < PATCH; y++) line[y] = half[y][x];
            input_line(line, done);
            for (size_t y = 0; y < PATCH; y++)
                lanes_store(out.at + (y * PATCH + x) * out.stride + block * LANES, done[y]);
        }
    }
}

void iml_winograd_transform_adjoint(const struct iml_image *form, const iml_real *image,
                                    struct iml_tile_place place, struct iml_points out)
{
    const struct span rows = tile_span(place.row, form->height);
    const struct span columns = tile_span(place.column, form->width);
    const size_t area = form->height * form->width;
    const iml_real *corner =
        pixel(form, image, (ptrdiff_t)(place.row * TILE), (ptrdiff_t)(place.column * TILE));
    for (size_t block = 0; block < form->channels / LANES; block++) {
        const iml_real *from = corner + block * area * LANES;
        lanes half[TILE][PATCH];
        prefetch(from, form->width * LANES, TILE);
        for (size_t y = 0; y < TILE; y++) {
            lanes line[TILE];
            load_line(from + y * form->width * LANES, y < rows.to ? columns : (struct span){0, 0},
                      TILE, line);
            adjoint_line(line, half[y]);
        }
        for (size_t x = 0; x < PATCH; x++) {
            lanes line[TILE], done[PATCH];
            for (size_t y = 0; y < TILE; y++) line[y] = half[y][x];
            adjoint_line(line, done);
            for (size_t y = 0; y < PATCH; y++)
                lanes_store(out.at + (y * PATCH + x) * out.stride + block * LANES, done[y]);
        }
    }
}

LANES_INLINE void store_line(iml_real *to, const lanes line[TILE], size_t count, bool has_sum)
{
    for (size_t x = 0; x < count; x++) {
        iml_real *at = to + x * LANES;
        lanes_store(at, has_sum ? lanes_load(at) + line[x] : line[x]);
    }
}

void iml_winograd_transform_output(const struct iml_image *form, struct iml_points in,
                                   struct iml_tile_place place, bool has_sum, iml_real *image)
{
    const struct span rows = tile_span(place.row, form->height);
    const struct span columns = tile_span(place.column, form->width);
    const size_t area = form->height * form->width;
    iml_real *corner = image + (place.row * form->width + place.column) * TILE * LANES;
    for (size_t block = 0; block < form->channels / LANES; block++) {
        lanes half[PATCH][TILE];
        for (size_t y = 0; y < PATCH; y++) {
            lanes line[PATCH];
            for (size_t x = 0; x < PATCH; x++)
                line[x] = lanes_load(in.at + (y * PATCH + x) * in.stride + block * LANES);
            output_line(line, half[y]);
        }
        lanes done[TILE][TILE];
        for (size_t x = 0; x < TILE; x++) {
            lanes line[PATCH], column[TILE];
            for (size_t y = 0; y < PATCH; y++) line[y] = half[y][x];
            output_line(line, column);
            for (size_t y = 0; y < TILE; y++) done[y][x] = column[y];
        }
        iml_real *to = corner + block * area * LANES;
        for (size_t y = 0; y < rows.to; y++)
            store_line(to + y * form->width * LANES, done[y], columns.to, has_sum);
    }
}

/* --- weights --- */

void iml_winograd_transform_weights(const iml_real *taps, size_t inputs, size_t outputs,
                                    struct iml_points out)
{
    const size_t elements = inputs * outputs;
    for (size_t i = 0; i < elements; i += LANES) {
        lanes half[KERNEL][PATCH];
        for (size_t y = 0; y < KERNEL; y++) {
            lanes line[KERNEL];
            for (size_t x = 0; x < KERNEL; x++)
                line[x] = lanes_load(taps + (y * KERNEL + x) * elements + i);
            weights_line(line, half[y]);
        }
        for (size_t x = 0; x < PATCH; x++) {
            lanes line[KERNEL], done[PATCH];
            for (size_t y = 0; y < KERNEL; y++) line[y] = half[y][x];
            weights_line(line, done);
            for (size_t y = 0; y < PATCH; y++)
                lanes_store(out.at + (y * PATCH + x) * out.stride + i, done[y]);
        }
    }
}

void iml_winograd_transform_gradient(struct iml_points in, size_t inputs, size_t outputs,
                                     bool has_sum, iml_real *gradient)
{
    for (size_t i = 0; i < inputs * outputs; i += LANES) {
        lanes half[PATCH][KERNEL];
        for (size_t y = 0; y < PATCH; y++) {
            lanes line[PATCH];
            for (size_t x = 0; x < PATCH; x++)
                line[x] = lanes_load(in.at + (y * PATCH + x) * in.stride + i);
            gradient_line(line, half[y]);
        }
        for (size_t x = 0; x < KERNEL; x++) {
            lanes line[PATCH], done[KERNEL];
            for (size_t y = 0; y < PATCH; y++) line[y] = half[y][x];
            gradient_line(line, done);
            for (size_t y = 0; y < KERNEL; y++) {
                iml_real *at = gradient + (y * KERNEL + x) * inputs * outputs + i;
                lanes_store(at, has_sum ? lanes_load(at) + done[y] : done[y]);
            }
        }
    }
}
