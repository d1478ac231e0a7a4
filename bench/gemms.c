/* gemms.c: the floor of `bench/run hypergradient`: the matrix products of an MLP's gradient, each
 * timed alone as one call over the whole batch, by one library.
 *
 * bench_gemms INPUTS-HIDDEN-…-OUTPUTS BATCH openblas|onednn|engine. A library's threads come from
 * OPENBLAS_NUM_THREADS and OMP_NUM_THREADS; `engine` is engine/core/gemm.h, in one thread always.
 * Quantities: forward0, weights0, forward1, data1, weights1, … (layer 0 needs no data product). The
 * weights W lie in × out, as in the engine. */
#include <cblas.h>
#include <dnnl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/serve.h"
#include "engine/core/gemm.h"

enum { LAYERS_MAX = 16, ALIGNMENT = 64 };

/* C (m × n) = op(A)·op(B), row-major; a transposed A is k × m in memory, a transposed B n × k. */
struct product {
    bool is_a_transposed, is_b_transposed;
    size_t m, n, k;
    float *a, *b, *c;
};

typedef void multiply(const struct product *product);

static size_t lda(const struct product *p)
{
    return p->is_a_transposed ? p->m : p->k;
}

static size_t ldb(const struct product *p)
{
    return p->is_b_transposed ? p->k : p->n;
}

static void by_openblas(const struct product *p)
{
    cblas_sgemm(CblasRowMajor, p->is_a_transposed ? CblasTrans : CblasNoTrans,
                p->is_b_transposed ? CblasTrans : CblasNoTrans, (int)p->m, (int)p->n, (int)p->k, 1,
                p->a, (int)lda(p), p->b, (int)ldb(p), 0, p->c, (int)p->n);
}

static void by_onednn(const struct product *p)
{
    const dnnl_status_t status =
        dnnl_sgemm(p->is_a_transposed ? 'T' : 'N', p->is_b_transposed ? 'T' : 'N', (int64_t)p->m,
                   (int64_t)p->n, (int64_t)p->k, 1, p->a, (int64_t)lda(p), p->b, (int64_t)ldb(p), 0,
                   p->c, (int64_t)p->n);
    if (status == dnnl_success) return;
    (void)fprintf(stderr, "bench_gemms: dnnl_sgemm fails with status %d\n", (int)status);
    exit(1);
}

static void by_engine(const struct product *p)
{
    if (p->is_a_transposed)
        iml_gemm_tn(p->m, p->n, p->k, p->a, lda(p), p->b, ldb(p), 0, p->c, p->n);
    else if (p->is_b_transposed)
        iml_gemm_nt(p->m, p->n, p->k, p->a, lda(p), p->b, ldb(p), 0, p->c, p->n);
    else
        iml_gemm_nn(p->m, p->n, p->k, p->a, lda(p), p->b, ldb(p), 0, p->c, p->n);
}

static const struct {
    const char *name;
    multiply *multiply;
} libraries[] = {{"openblas", by_openblas}, {"onednn", by_onednn}, {"engine", by_engine}};

struct floor {
    multiply *multiply;
    struct product products[3 * LAYERS_MAX];
    struct bench_quantity quantities[3 * LAYERS_MAX];
    char names[3 * LAYERS_MAX][32];
    size_t count;
};

static void run(void *context, size_t argument)
{
    const struct floor *self = context;
    self->multiply(&self->products[argument]);
}

/* Small numbers, none of them 0: a GEMM's time does not depend on them. */
static float *matrix(size_t rows, size_t columns)
{
    const size_t bytes = rows * columns * sizeof(float);
    float *x = aligned_alloc(ALIGNMENT, (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    if (!x) {
        (void)fprintf(stderr, "bench_gemms: can't allocate %zu bytes\n", bytes);
        exit(1);
    }
    for (size_t i = 0; i < rows * columns; i++) x[i] = (float)(1 + i % 7) * (float)0.01;
    return x;
}

static void add(struct floor *self, const char *name, size_t layer, struct product product)
{
    const size_t i = self->count++;
    (void)snprintf(self->names[i], sizeof self->names[i], "%s%zu", name, layer);
    self->products[i] = product;
    self->quantities[i] =
        (struct bench_quantity){.name = self->names[i], .run = run, .argument = i};
}

static void add_layer(struct floor *self, size_t layer, size_t batch, size_t in, size_t out)
{
    float *x = matrix(batch, in), *y = matrix(batch, out), *w = matrix(in, out);
    float *x_bar = matrix(batch, in), *w_bar = matrix(in, out);
    add(self, "forward", layer,
        (struct product){.m = batch, .n = out, .k = in, .a = x, .b = w, .c = y});
    if (layer > 0)
        add(self, "data", layer,
            (struct product){.is_b_transposed = true,
                             .m = batch,
                             .n = in,
                             .k = out,
                             .a = y,
                             .b = w,
                             .c = x_bar});
    add(self, "weights", layer,
        (struct product){
            .is_a_transposed = true, .m = in, .n = out, .k = batch, .a = x, .b = y, .c = w_bar});
}

/* false: the text is no net. */
static bool add_net(struct floor *self, const char *text, size_t batch)
{
    char *end = NULL;
    size_t in = strtoul(text, &end, 10), layer = 0;
    for (; in > 0 && *end == '-' && layer < LAYERS_MAX; layer++) {
        const size_t out = strtoul(end + 1, &end, 10);
        if (out > 0) add_layer(self, layer, batch, in, out);
        in = out;
    }
    return in > 0 && *end == '\0' && layer > 0;
}

int main(int argc, char **argv)
{
    static struct floor self;
    for (size_t i = 0; argc > 3 && i < sizeof libraries / sizeof *libraries; i++) {
        if (strcmp(libraries[i].name, argv[3]) == 0) self.multiply = libraries[i].multiply;
    }
    if (!self.multiply || !add_net(&self, argv[1], strtoul(argv[2], NULL, 10))) {
        (void)fprintf(stderr, "usage: bench_gemms 784-128-128-10 BATCH openblas|onednn|engine\n");
        return 2;
    }
    if (self.multiply == by_engine) iml_gemm_prepare();
    return bench_serve(self.quantities, self.count, &self, openblas_get_corename());
}
