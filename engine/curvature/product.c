/* product.c: a product with a matrix of the linearization at hand, and what is done with its parts
 * while they are in cache; see products.h. */
#include <assert.h>

#include "engine/curvature/products.h"
#include "engine/net/evaluator.h"

/* false: cancelled, which iml_curvature_is_cancelled shows as well: the flag stays set. */
static bool multiply(const struct iml_matrix *matrix, const iml_real *u, iml_real *out,
                     const iml_real *diagonal, const struct iml_consumer *consumer)
{
    const struct iml_evaluator *evaluator = matrix->evaluator;
    assert(evaluator->is_linearized);
    struct iml_pass pass = {.evaluator = evaluator,
                            .batch = &evaluator->batch,
                            .theta = evaluator->theta,
                            .u = u,
                            .diagonal = diagonal,
                            .consumer = consumer};
    pass.out = out;
    return matrix->passes->rows(&pass) && matrix->passes->weights(&pass);
}

void iml_product_apply(const struct iml_curvature *self, const iml_real *u, iml_real *hu)
{
    /* the curvature is the first member */
    const struct iml_matrix *matrix = (const struct iml_matrix *)(const void *)self;
    (void)multiply(matrix, u, hu, matrix->evaluator->diagonal, NULL);
}

double iml_product_consume(const struct iml_curvature *self, const iml_real *u, iml_real *au,
                           const struct iml_consumer *consumer)
{
    const struct iml_matrix *matrix = (const struct iml_matrix *)(const void *)self;
    const struct iml_evaluator *evaluator = matrix->evaluator;
    const size_t answers = evaluator->weight_tile_count + evaluator->convolutions;
    double sum = 0;
    assert(consumer);
    if (!multiply(matrix, u, au, NULL, consumer)) return sum;
    for (size_t i = 0; i < answers; i++) sum += evaluator->answers[i];
    return sum;
}
