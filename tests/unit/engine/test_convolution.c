/* test_convolution.c: the compiled convolutions of this build against the plain loops, on shapes of
 * the nets of FIXMATCH §2 and for every number of images up to a tile and more; what has no kernel
 * is an error. In builds on plain loops both are the same. */
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
    {128, 128, 4, 5, 3, 1}, {16, 16, 5, 5, 3, 1}, {5, 7, 6, 5, 3, 2},   {64, 64, 2, 2, 3, 1},
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

static struct side open_side(const struct iml_convolution_options *options, const iml_real *w)
{
    struct iml_error error = {0};
    struct side self = {.in = iml_image_elements(&options->from),
                        .out = iml_image_elements(&options->to),
                        .weights = options->from.channels * options->to.channels *
                                   options->window.height * options->window.width};
    if (iml_convolution_new(options, &self.convolution, &error) != IML_OK)
        fail_msg("%s", error.what);
    const struct iml_convolution_sizes *sizes = iml_convolution_sizes(self.convolution);
    const size_t stride = (sizes->scratch_bytes + 63) / 64 * 64;
    self.scratch = aligned_alloc(64, 2 * stride + 64);
    iml_convolution_use(self.convolution, self.scratch, stride);
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

/* All kernels on `images` images; where has_sum the results are added to those before. */
static void compute(struct side *self, size_t images, bool has_sum, const iml_real *x,
                    const iml_real *y_bar)
{
    const struct iml_convolution_call call = {.images = images, .has_sum = has_sum, .worker = 1};
    iml_convolution_forward(self->convolution, &call, x, self->packed[IML_PACKING_FORWARD],
                            self->y);
    if (iml_convolution_sizes(self->convolution)->packed[IML_PACKING_BACKWARD] > 0)
        iml_convolution_backward_data(self->convolution, &call, y_bar,
                                      self->packed[IML_PACKING_BACKWARD], self->x_bar);
    iml_convolution_backward_weights(self->convolution, &call, x, y_bar, self->gradient);
    iml_convolution_unpack(self->convolution, self->gradient, self->w_bar);
}

static void check_same(size_t n, const iml_real *a, const iml_real *b, const char *what,
                       const struct shape *shape, size_t images)
{
    double difference = 0, size = 0;
    for (size_t i = 0; i < n; i++) {
        const double distance = (double)a[i] - (double)b[i];
        difference += distance * distance;
        size += (double)b[i] * (double)b[i];
    }
    if (difference <= 4e-12 * size) return; /* 2e-6 relative, squared */
    fail_msg("%s, %zu to %zu at %zu × %zu, %zu images: relative error %.3g", what, shape->in,
             shape->out, shape->height, shape->width, images, sqrt(difference / size));
}

static void test_compiled_is_plain(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 4, 15, 16, IMAGES};
    /* without compiled kernels both sides are the loops: two counts show that */
    const size_t all = sizeof counts / sizeof counts[0], used = iml_convolution_compiled ? all : 2;
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        const struct iml_convolution_options compiled = options_of(&shapes[s], false);
        const struct iml_convolution_options plain = options_of(&shapes[s], true);
        iml_real *w = drawn(1, shapes[s].in * shapes[s].out * shapes[s].kernel * shapes[s].kernel);
        struct side a = open_side(&compiled, w), b = open_side(&plain, w);
        iml_real *x = drawn(2, IMAGES * a.in), *y_bar = drawn(3, IMAGES * a.out);
        for (size_t i = 0; i < used; i++) {
            for (int has_sum = 0; has_sum < 2; has_sum++) {
                compute(&a, counts[i], has_sum, x, y_bar);
                compute(&b, counts[i], has_sum, x, y_bar);
                check_same(counts[i] * a.out, a.y, b.y, "forward", &shapes[s], counts[i]);
                if (compiled.wants_backward_data)
                    check_same(counts[i] * a.in, a.x_bar, b.x_bar, "backward data", &shapes[s],
                               counts[i]);
                check_same(a.weights, a.w_bar, b.w_bar, "backward weights", &shapes[s], counts[i]);
            }
        }
        close_side(&a);
        close_side(&b);
        free(w);
        free(x);
        free(y_bar);
    }
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
        cmocka_unit_test(test_which_has_a_kernel),
        cmocka_unit_test(test_reference_loops_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
