/* vector.c: sums with a fixed tree, and elementwise operations; see vector.h. */
#include "engine/core/vector.h"

#include "engine/core/clones.h"

enum {
    BLOCK = 4096,
    LANES = 8, /* independent partial sums: without them the additions wait for each other */
    LEVELS = 64
};

/* Sums of blocks, added like the carries of a binary counter: block 0 + 1, 2 + 3, then (0+1) +
 * (2+3). */
struct tree {
    double sums[LEVELS]; /* sums[l] holds 2^l blocks if bit l of count is set */
    size_t count;
};

static void tree_add(struct tree *tree, double sum)
{
    size_t level = 0;
    for (size_t carry = tree->count; carry & 1; carry >>= 1) sum = tree->sums[level++] + sum;
    tree->sums[level] = sum;
    tree->count++;
}

static double tree_sum(const struct tree *tree)
{
    double sum = 0;
    size_t level = 0;
    for (size_t left = tree->count; left; left >>= 1, level++) {
        if (left & 1) sum = tree->sums[level] + sum;
    }
    return sum;
}

static double lanes_sum(const double lanes[LANES])
{
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) +
           ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

IML_CLONES static double block_dot(size_t n, const iml_real *a, const iml_real *b)
{
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (size_t l = 0; l < LANES; l++) lanes[l] += (double)a[i + l] * (double)b[i + l];
    }
    for (size_t l = 0; i < n; i++, l++) lanes[l] += (double)a[i] * (double)b[i];
    return lanes_sum(lanes);
}

double iml_dot(size_t n, const iml_real *a, const iml_real *b)
{
    struct tree tree;
    tree.count = 0;
    for (size_t i = 0; i < n; i += BLOCK) {
        tree_add(&tree, block_dot(n - i < BLOCK ? n - i : BLOCK, a + i, b + i));
    }
    return tree_sum(&tree);
}

IML_CLONES static double block_dot_weighted(size_t n, const iml_real *d, const iml_real *a,
                                            const iml_real *b)
{
    double lanes[LANES] = {0};
    for (size_t i = 0; i < n; i++) lanes[i % LANES] += (double)d[i] * (double)a[i] * (double)b[i];
    return lanes_sum(lanes);
}

double iml_dot_weighted(size_t n, const iml_real *d, const iml_real *a, const iml_real *b)
{
    struct tree tree;
    tree.count = 0;
    for (size_t i = 0; i < n; i += BLOCK)
        tree_add(&tree, block_dot_weighted(n - i < BLOCK ? n - i : BLOCK, d + i, a + i, b + i));
    return tree_sum(&tree);
}

double iml_norm_squared(size_t n, const iml_real *x)
{
    return iml_dot(n, x, x);
}

IML_CLONES void iml_axpy(size_t n, double alpha, const iml_real *x, iml_real *y)
{
    const iml_real factor = (iml_real)alpha;
    for (size_t i = 0; i < n; i++) y[i] += factor * x[i];
}

IML_CLONES void iml_xpby(size_t n, const iml_real *x, double beta, iml_real *y)
{
    const iml_real factor = (iml_real)beta;
    for (size_t i = 0; i < n; i++) y[i] = x[i] + factor * y[i];
}

IML_CLONES void iml_axmy(size_t n, double alpha, const iml_real *x, iml_real *y)
{
    const iml_real factor = (iml_real)alpha;
    for (size_t i = 0; i < n; i++) y[i] = factor * x[i] - y[i];
}

IML_CLONES void iml_scale(size_t n, double alpha, iml_real *x)
{
    const iml_real factor = (iml_real)alpha;
    for (size_t i = 0; i < n; i++) x[i] *= factor;
}

IML_CLONES void iml_scaled_copy(size_t n, double alpha, const iml_real *x, iml_real *y)
{
    const iml_real factor = (iml_real)alpha;
    for (size_t i = 0; i < n; i++) y[i] = factor * x[i];
}

IML_CLONES void iml_divide(size_t n, double divisor, const iml_real *x, iml_real *y)
{
    for (size_t i = 0; i < n; i++) y[i] = (iml_real)((double)x[i] / divisor);
}

IML_CLONES void iml_add_product(size_t n, const iml_real *d, const iml_real *x, iml_real *y)
{
    for (size_t i = 0; i < n; i++) y[i] += d[i] * x[i];
}
