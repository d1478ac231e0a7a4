/* convolution_multiply.c: the products of matrices at one point of Winograd's convolution; see
 * winograd.h.
 *
 * A step computes 6 × 16 (or 4 × 16) elements in registers: 12 sums, two vectors of the right
 * matrix, one broadcast of the left. Sums run over inputs (or tiles) in order. */
#include <assert.h>

#include "engine/net/lanes.h"
#include "engine/net/winograd.h"

enum { HALVES = WINOGRAD_PANEL / LANES };

LANES_INLINE void multiply_strip(const struct iml_winograd_product *p, size_t first, size_t panel)
{
    lanes sums[WINOGRAD_STRIP][HALVES] = {0};
    for (size_t t = 0; t < p->term_count; t++) {
        const iml_real *v = p->terms[t].v + first * p->v_stride;
        const iml_real *u = p->terms[t].u + panel * p->inputs * WINOGRAD_PANEL;
        for (size_t c = 0; c < p->inputs; c++) {
            const lanes u0 = lanes_load(u + c * WINOGRAD_PANEL);
            const lanes u1 = lanes_load(u + c * WINOGRAD_PANEL + LANES);
            for (size_t r = 0; r < WINOGRAD_STRIP; r++) {
                const lanes left = lanes_of(v[r * p->v_stride + c]);
                sums[r][0] = lanes_fma(left, u0, sums[r][0]);
                sums[r][1] = lanes_fma(left, u1, sums[r][1]);
            }
        }
    }
    iml_real *m = p->m + first * p->outputs + panel * WINOGRAD_PANEL;
    for (size_t r = 0; r < WINOGRAD_STRIP; r++) {
        lanes_store(m + r * p->outputs, sums[r][0]);
        lanes_store(m + r * p->outputs + LANES, sums[r][1]);
    }
}

void iml_winograd_multiply(const struct iml_winograd_product *product)
{
    assert(product->tiles % WINOGRAD_STRIP == 0 && product->outputs % WINOGRAD_PANEL == 0);
    for (size_t panel = 0; panel < product->outputs / WINOGRAD_PANEL; panel++) {
        for (size_t first = 0; first < product->tiles; first += WINOGRAD_STRIP)
            multiply_strip(product, first, panel);
    }
}

LANES_INLINE void add_strip(const struct iml_winograd_sum *s, size_t input, size_t output,
                            size_t rows)
{
    lanes sums[WINOGRAD_STRIP][HALVES] = {0};
    const iml_real *v = s->v + input, *m = s->m + output;
    for (size_t t = 0; t < s->tiles; t++) {
        const lanes m0 = lanes_load(m + t * s->outputs);
        const lanes m1 = lanes_load(m + t * s->outputs + LANES);
        for (size_t r = 0; r < rows; r++) {
            const lanes left = lanes_of(v[t * s->inputs + r]);
            sums[r][0] = lanes_fma(left, m0, sums[r][0]);
            sums[r][1] = lanes_fma(left, m1, sums[r][1]);
        }
    }
    for (size_t r = 0; r < rows; r++) {
        iml_real *u = s->u + (input + r) * s->outputs + output;
        lanes_store(u, lanes_load(u) + sums[r][0]);
        lanes_store(u + LANES, lanes_load(u + LANES) + sums[r][1]);
    }
}

void iml_winograd_multiply_transposed(const struct iml_winograd_sum *sum)
{
    assert(sum->inputs % 16 == 0 && sum->outputs % WINOGRAD_PANEL == 0);
    /* as many strips of 6 as leave a multiple of 4: 16 = 2·6 + 4, 32 = 4·6 + 2·4, 48 = 8·6 */
    const size_t fours = (3 - sum->inputs % 6 / 2) % 3;
    const size_t sixes = sum->inputs - fours * 4;
    for (size_t output = 0; output < sum->outputs; output += WINOGRAD_PANEL) {
        for (size_t input = 0; input < sixes; input += 6) add_strip(sum, input, output, 6);
        for (size_t input = sixes; input < sum->inputs; input += 4)
            add_strip(sum, input, output, 4);
    }
}
