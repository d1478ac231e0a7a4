/* test_convolution.c: compiled convolutions, our own Winograd and columns against the plain loops,
 * on shapes of the nets of FIXMATCH §2 and for every number of images up to a tile and more; what
 * has no kernel is an error. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"
#include "engine/net/convolution.h"
#include "imld/random.h"

enum { IMAGES = 21 };

struct shape {
    size_t in, out, height, width, kernel, stride;
};

static const struct shape shapes[] = {
    {1, 32, 9, 7, 3, 1},    {3, 16, 8, 8, 3, 1},  {16, 32, 8, 8, 3, 1}, {32, 32, 9, 7, 3, 2},
    {16, 32, 8, 6, 1, 1},   {32, 64, 9, 8, 1, 2}, {64, 64, 4, 4, 3, 1}, {64, 128, 7, 7, 3, 1},
    {128, 128, 4, 5, 3, 1}, {1, 16, 7, 6, 3, 2},  {16, 16, 5, 5, 3, 1}, {5, 7, 6, 5, 3, 2},
    {64, 64, 2, 2, 3, 1},
};

static struct iml_convolution_options options_of(const struct shape *shape, bool is_plain)
{
    const size_t padding = shape->kernel / 2;
    const bool is_input = shape->in < 4;
    return (struct iml_convolution_options){
        .from = {shape->in, shape->height, shape->width,
                 is_input ? 1 : iml_convolution_block(shape->in)},
        .to = {shape->out, (shape->height + 2 * padding - shape->kernel) / shape->stride + 1,
               (shape->width + 2 * padding - shape->kernel) / shape->stride + 1,
               iml_convolution_block(shape->out)},
        .window = {shape->kernel, shape->kernel, shape->stride, padding},
        .wants_backward_data = !is_input,
        .is_plain = is_plain,
        .workers = 2};
}

/* A convolution and what it computes, W's gradient in W's order. */
struct side {
    struct iml_convolution *convolution;
    void *scratch;
    size_t stride_bytes;
    iml_real *packed[IML_PACKINGS], *y, *x_bar, *gradient, *w_bar;
    size_t in, out, weights;
};

static iml_real *drawn(uint32_t index, size_t count)
{
    iml_real *out = calloc(count, sizeof *out);
    const struct iml_stream stream = {.seed = 2, .purpose = IML_PURPOSE_PROBE, .index = index};
    assert_non_null(out);
    iml_stream_uniform(&stream, -1, 1, count, out);
    return out;
}

/* By `kind`; NULL: what a net takes. */
static struct side open_side(const struct iml_convolution_options *options,
                             const struct iml_convolution_kind *kind, const iml_real *w)
{
    struct iml_error error = {0};
    struct side self = {.in = iml_image_elements(&options->from),
                        .out = iml_image_elements(&options->to),
                        .weights = options->from.channels * options->to.channels *
                                   options->window.height * options->window.width};
    const enum iml_code code = kind ? kind->create(options, &self.convolution, &error)
                                    : iml_convolution_new(options, &self.convolution, &error);
    if (code != IML_OK) fail_msg("%s", error.what);
    const struct iml_convolution_sizes *sizes = iml_convolution_sizes(self.convolution);
    self.stride_bytes = (sizes->scratch_bytes + 63) / 64 * 64;
    self.scratch = aligned_alloc(64, 2 * self.stride_bytes + 64);
    memset(self.scratch, 0, 2 * self.stride_bytes + 64);
    iml_convolution_use(self.convolution, self.scratch, self.stride_bytes);
    for (enum iml_packing p = 0; p < IML_PACKINGS; p++) {
        self.packed[p] = calloc(sizes->packed[p] + 1, sizeof(iml_real));
        if (sizes->packed[p] > 0) iml_convolution_pack(self.convolution, p, w, self.packed[p]);
    }
    self.y = calloc(IMAGES * self.out, sizeof(iml_real));
    self.x_bar = calloc(IMAGES * self.in, sizeof(iml_real));
    self.gradient = calloc(sizes->gradient, sizeof(iml_real));
    self.w_bar = calloc(self.weights, sizeof(iml_real));
    return self;
}

static void close_side(struct side *self)
{
    iml_convolution_free(self->convolution);
    free(self->scratch);
    for (enum iml_packing p = 0; p < IML_PACKINGS; p++) free(self->packed[p]);
    free(self->y);
    free(self->x_bar);
    free(self->gradient);
    free(self->w_bar);
}

/* What the kernels read. */
struct inputs {
    iml_real *x, *y_bar, *x_dot, *y_bar_dot;
};

/* All kernels on `images` images; where has_sum the results are added to those before. count: of
 * terms, the second of the dots. */
static void compute(struct side *self, size_t images, bool has_sum, size_t count,
                    const struct inputs *inputs)
{
    const struct iml_convolution_call call = {.images = images, .has_sum = has_sum, .worker = 1};
    struct iml_convolution_terms terms = {
        .count = count,
        .x = {inputs->x, inputs->x_dot},
        .y_bar = {inputs->y_bar_dot, inputs->y_bar},
        .packed = {self->packed[IML_PACKING_FORWARD], self->packed[IML_PACKING_FORWARD]}};
    iml_convolution_forward(self->convolution, &call, &terms, self->y);
    terms.packed[0] = terms.packed[1] = self->packed[IML_PACKING_BACKWARD];
    if (iml_convolution_sizes(self->convolution)->packed[IML_PACKING_BACKWARD] > 0)
        iml_convolution_backward_data(self->convolution, &call, &terms, self->x_bar);
    iml_convolution_backward_weights(self->convolution, &call, &terms, self->gradient);
    iml_convolution_unpack(self->convolution, self->gradient, self->w_bar);
}

/* Relative L2 distance of a from b. */
static double distance(size_t n, const iml_real *a, const iml_real *b)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        size += (double)b[i] * (double)b[i];
    }
    return size > 0 ? sqrt(difference / size) : sqrt(difference);
}

static void check_same(size_t n, const iml_real *a, const iml_real *b, const char *what,
                       const struct shape *shape, size_t images, double most)
{
    const double found = distance(n, a, b);
    if (found <= most) return;
    fail_msg("%s, %zu to %zu at %zu × %zu, %zu images: relative error %.3g", what, shape->in,
             shape->out, shape->height, shape->width, images, found);
}

/* The same by both sides, for some numbers of images, without and with a sum, for one and two
 * terms.
 */
static void check_sides(const struct shape *shape, struct side *a, struct side *b,
                        const size_t *counts, size_t used, double most)
{
    const struct inputs inputs = {.x = drawn(2, IMAGES * a->in),
                                  .y_bar = drawn(3, IMAGES * a->out),
                                  .x_dot = drawn(4, IMAGES * a->in),
                                  .y_bar_dot = drawn(5, IMAGES * a->out)};
    for (size_t i = 0; i < 4 * used; i++) {
        const size_t images = counts[i / 4], terms = 1 + i % 2;
        compute(a, images, i % 4 > 1, terms, &inputs);
        compute(b, images, i % 4 > 1, terms, &inputs);
        check_same(images * a->out, a->y, b->y, "forward", shape, images, most);
        check_same(images * a->in, a->x_bar, b->x_bar, "backward data", shape, images, most);
        check_same(a->weights, a->w_bar, b->w_bar, "backward weights", shape, images, most);
    }
    free(inputs.x);
    free(inputs.y_bar);
    free(inputs.x_dot);
    free(inputs.y_bar_dot);
}

static void test_compiled_is_plain(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 4, 15, 16, IMAGES};
    /* without compiled kernels columns take their place, which have a test of their own */
    const size_t all = sizeof counts / sizeof counts[0], used = iml_convolution_compiled ? all : 2;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        const struct iml_convolution_options plain = options_of(&shapes[s], true);
        struct iml_convolution_options compiled = options_of(&shapes[s], false);
        iml_real *w = drawn(1, shapes[s].in * shapes[s].out * shapes[s].kernel * shapes[s].kernel);
        compiled.method = IML_CONVOLUTION_DIRECT;
        struct side a = open_side(&compiled, NULL, w), b = open_side(&plain, NULL, w);
        check_sides(&shapes[s], &a, &b, counts, used, 2e-6);
        close_side(&a);
        close_side(&b);
        free(w);
    }
}

/* By products of matrices, in either type, in blocks of one channel. */
static void test_columns_are_plain(void **state)
{
    (void)state;
    static const struct shape of_columns[] = {
        {1, 8, 7, 1, 5, 1},
        {6, 4, 1, 2, 7, 2},
        {3, 5, 9, 8, 5, 3},
        {4, 6, 5, 5, 1, 1},
    };
    static const size_t counts[] = {1, 5};
    const size_t others = sizeof of_columns / sizeof of_columns[0];
    for (size_t s = 0; s < others + sizeof shapes / sizeof shapes[0]; s++) {
        const struct shape *shape = s < others ? &of_columns[s] : &shapes[s - others];
        struct iml_convolution_options options = options_of(shape, true);
        options.from.block = options.to.block = 1;
        assert_true(iml_convolution_columns_are_possible(&options));
        iml_real *w = drawn(1, shape->in * shape->out * shape->kernel * shape->kernel);
        struct side a = open_side(&options, &iml_convolution_columns, w);
        struct side b = open_side(&options, NULL, w);
        check_sides(shape, &a, &b, counts, 2, sizeof(iml_real) == sizeof(double) ? 1e-14 : 2e-6);
        close_side(&a);
        close_side(&b);
        free(w);
    }
}

/* Our own Winograd, in either type, also where a net would not choose it. Of float 1e-5; the
 * algorithm itself, in double, 1e-12. */
static void test_winograd_is_plain(void **state)
{
    (void)state;
    static const struct shape of_winograd[] = {
        {16, 16, 5, 7, 3, 1}, {32, 32, 9, 8, 3, 1},  {32, 64, 14, 14, 3, 1},
        {64, 32, 4, 4, 3, 1}, {48, 128, 7, 7, 3, 1}, {16, 32, 1, 2, 3, 1},
    };
    static const size_t counts[] = {1, 3, 16};
    for (size_t s = 0; s < sizeof of_winograd / sizeof of_winograd[0]; s++) {
        struct iml_convolution_options options = options_of(&of_winograd[s], true);
        options.from.block = options.to.block = 8;
        if (!iml_convolution_winograd_is_possible(&options)) skip(); /* no AVX2 */
        iml_real *w = drawn(1, of_winograd[s].in * of_winograd[s].out * 9);
        struct side a = open_side(&options, &iml_convolution_winograd, w);
        struct side b = open_side(&options, NULL, w);
        check_sides(&of_winograd[s], &a, &b, counts, sizeof counts / sizeof counts[0],
                    sizeof(iml_real) == sizeof(double) ? 1e-12 : 1e-5);
        close_side(&a);
        close_side(&b);
        free(w);
    }
}

/* Garbage in the scratch, and which worker's it is, change no bit. */
static void test_winograd_keeps_its_bits(void **state)
{
    (void)state;
    const struct shape shape = {32, 32, 7, 9, 3, 1};
    struct iml_convolution_options options = options_of(&shape, true);
    options.from.block = options.to.block = 8;
    if (!iml_convolution_winograd_is_possible(&options)) skip(); /* no AVX2 */
    iml_real *w = drawn(1, shape.in * shape.out * 9);
    struct side a = open_side(&options, &iml_convolution_winograd, w);
    struct side b = open_side(&options, &iml_convolution_winograd, w);
    iml_real *x = drawn(2, IMAGES * a.in), *y_bar = drawn(3, IMAGES * a.out);
    const struct inputs inputs = {.x = x, .y_bar = y_bar, .x_dot = x, .y_bar_dot = y_bar};
    memset(b.scratch, 0xA5, 2 * b.stride_bytes);
    compute(&a, 5, false, 2, &inputs);
    compute(&b, 5, false, 2, &inputs);
    assert_memory_equal(a.y, b.y, 5 * a.out * sizeof(iml_real));
    assert_memory_equal(a.x_bar, b.x_bar, 5 * a.in * sizeof(iml_real));
    assert_memory_equal(a.w_bar, b.w_bar, a.weights * sizeof(iml_real));
    close_side(&a);
    close_side(&b);
    free(w);
    free(x);
    free(y_bar);
}

/* Every layer of the nets has a compiled kernel where the build has any; odd ones have the loops.
 */
static void test_which_has_a_kernel(void **state)
{
    (void)state;
    const bool has_any = iml_convolution_compiled != NULL;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        const struct iml_convolution_options options = options_of(&shapes[s], false);
        assert_int_equal(iml_convolution_is_compiled(&options), has_any && shapes[s].in != 5);
    }
}

/* Two plain channels: oneDNN has reference loops for them, 2,000 × slower, which we never take. */
static void test_reference_loops_are_refused(void **state)
{
    (void)state;
    if (!iml_convolution_compiled) skip(); /* a build on plain loops has no oneDNN */
    const struct shape shape = {2, 32, 8, 8, 3, 1};
    const struct iml_convolution_options options = options_of(&shape, false);
    struct iml_convolution *convolution = NULL;
    struct iml_error error = {0};
    assert_false(iml_convolution_is_compiled(&options));
    assert_int_equal(iml_convolution_compiled->create(&options, &convolution, &error),
                     IML_ERROR_LIMIT);
    assert_null(convolution);
    assert_non_null(strstr(error.what, "ref"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compiled_is_plain),
        cmocka_unit_test(test_columns_are_plain),
        cmocka_unit_test(test_winograd_is_plain),
        cmocka_unit_test(test_winograd_keeps_its_bits),
        cmocka_unit_test(test_which_has_a_kernel),
        cmocka_unit_test(test_reference_loops_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
