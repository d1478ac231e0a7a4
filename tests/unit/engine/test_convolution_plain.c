/* test_convolution_plain.c: the plain loops, against which all other convolutions are held, are the
 * convolution of MATH §2 by its definition: cross-correlation, zeros around. That backward is
 * forward's adjoint: test_layers.c. */
#include <math.h>

#include "engine/net/convolution.h"
#include "imld/random.h"
#include "tests/unit/check.h"

enum { ELEMENTS_MAX = 1024 };

#ifdef IML_REAL_DOUBLE
static const double tolerance = 1e-14;
#else
static const double tolerance = 1e-5;
#endif

struct shape {
    struct iml_image from, to;
    struct iml_window window;
};

static void draw(uint32_t index, iml_real *out)
{
    const struct iml_stream stream = {.seed = 3, .purpose = IML_PURPOSE_PROBE, .index = index};
    iml_stream_uniform(&stream, -1, 1, ELEMENTS_MAX, out);
}

/* Σ over input channels and window of W[o, i, ky, kx] · x[i, y·s + ky − p, x·s + kx − p] */
static double defined(const struct shape *shape, const iml_real *w, const iml_real *x, size_t o,
                      const size_t at[2])
{
    const struct iml_window *window = &shape->window;
    double sum = 0;
    for (size_t i = 0; i < shape->from.channels; i++)
        for (size_t ky = 0; ky < window->height; ky++)
            for (size_t kx = 0; kx < window->width; kx++) {
                const size_t row = at[0] * window->stride + ky,
                             column = at[1] * window->stride + kx;
                const bool is_inside = row >= window->padding && column >= window->padding &&
                                       row < shape->from.height + window->padding &&
                                       column < shape->from.width + window->padding;
                const size_t place =
                    ((o * shape->from.channels + i) * window->height + ky) * window->width + kx;
                if (is_inside)
                    sum += (double)w[place] *
                           (double)x[iml_image_at(&shape->from, i, row - window->padding,
                                                  column - window->padding)];
            }
    return sum;
}

static void check_shape(const struct shape *shape)
{
    static iml_real x[ELEMENTS_MAX], w[ELEMENTS_MAX], packed[ELEMENTS_MAX], y[ELEMENTS_MAX];
    const struct iml_convolution_options options = {.from = shape->from,
                                                    .to = shape->to,
                                                    .window = shape->window,
                                                    .is_plain = true,
                                                    .workers = 1};
    const struct iml_convolution_call call = {.images = 2};
    const size_t in = iml_image_elements(&shape->from), out = iml_image_elements(&shape->to);
    struct iml_convolution *convolution = NULL;
    struct iml_error error = {0};
    draw(0, x);
    draw(1, w);
    assert_int_equal(iml_convolution_new(&options, &convolution, &error), IML_OK);
    assert_true(2 * in <= ELEMENTS_MAX && 2 * out <= ELEMENTS_MAX);
    iml_convolution_pack(convolution, IML_PACKING_FORWARD, w, packed);
    const struct iml_convolution_terms terms = {.count = 1, .x = {x}, .packed = {packed}};
    iml_convolution_forward(convolution, &call, &terms, y);
    for (size_t n = 0; n < 2; n++)
        for (size_t o = 0; o < shape->to.channels; o++)
            for (size_t p = 0; p < shape->to.height * shape->to.width; p++) {
                const size_t at[2] = {p / shape->to.width, p % shape->to.width};
                const double right = defined(shape, w, x + n * in, o, at);
                const double got = (double)y[n * out + iml_image_at(&shape->to, o, at[0], at[1])];
                assert_true(fabs(got - right) <= tolerance * 10);
            }
    iml_convolution_free(convolution);
}

/* Not square, strides, no padding, blocks on either side. */
static void test_forward_is_the_definition(void **state)
{
    (void)state;
    static const struct shape shapes[] = {
        {{1, 1, 1, 1}, {1, 1, 1, 1}, {1, 1, 1, 0}}, {{3, 6, 5, 1}, {4, 6, 5, 2}, {3, 3, 1, 1}},
        {{3, 7, 5, 1}, {4, 4, 3, 4}, {3, 3, 2, 1}}, {{4, 6, 8, 2}, {3, 3, 4, 1}, {1, 1, 2, 0}},
        {{4, 5, 4, 4}, {2, 4, 2, 2}, {2, 3, 1, 0}},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) check_shape(&shapes[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forward_is_the_definition)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
