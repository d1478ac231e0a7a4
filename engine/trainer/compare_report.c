/* compare_report.c: what a compare run found, as an artifact (MATH §5.7); see compare.h. */
#include <math.h>
#include <stdio.h>

#include "engine/trainer/compare.h"

size_t iml_compare_best(const struct iml_compare *compare)
{
    const double *cosines = iml_compare_column(compare, IML_COMPARE_COSINE);
    size_t best = compare->count;
    for (size_t i = 0; i + 1 < compare->count; i++)
        if (!isnan(cosines[i]) && (best == compare->count || cosines[i] > cosines[best])) best = i;
    return best;
}

/* Pairwise, of the q's and of what they make of λ; NaN where one is 0 or not finite. */
static void fill_cosines(const struct iml_trainer *self)
{
    struct iml_compare *compare = self->compare;
    const size_t n = iml_net_parameters(self->net), m = self->knowledge.size;
    const size_t count = compare->count;
    for (size_t i = 0; i < count; i++) {
        iml_compare_pull(self, i, compare->g);
        for (size_t j = 0; j <= i; j++) {
            iml_compare_pull(self, j, compare->other);
            compare->q_cosines[i * count + j] = compare->q_cosines[j * count + i] =
                iml_cosine(n, compare->q + i * n, compare->q + j * n);
            compare->cosines[i * count + j] = compare->cosines[j * count + i] =
                iml_cosine(m, compare->g, compare->other);
        }
    }
}

static void write_headline(struct iml_compare *compare)
{
    const size_t best = iml_compare_best(compare), reference = compare->count - 1;
    const double residual = iml_compare_column(compare, IML_COMPARE_RESIDUAL)[reference];
    if (best == compare->count)
        (void)snprintf(compare->headline, sizeof compare->headline,
                       "no estimate has a direction that could be compared; reference %s, "
                       "residual %.2g",
                       compare->kinds[reference], residual);
    else
        (void)snprintf(compare->headline, sizeof compare->headline,
                       "nearest to the reference (%s, residual %.2g): %s, cosine %.6g with %.0f "
                       "products",
                       compare->kinds[reference], residual, compare->names[best],
                       iml_compare_column(compare, IML_COMPARE_COSINE)[best],
                       iml_compare_column(compare, IML_COMPARE_PRODUCTS)[best]);
}

static const struct {
    const char *name;
    enum iml_compare_column column;
} columns[] = {
    {"residual", IML_COMPARE_RESIDUAL},
    {"residual_reported", IML_COMPARE_RESIDUAL_REPORTED},
    {"q_norm", IML_COMPARE_Q_NORM},
    {"vq", IML_COMPARE_VQ},
    {"products", IML_COMPARE_PRODUCTS},
    {"seconds", IML_COMPARE_SECONDS},
    {"bytes", IML_COMPARE_BYTES},
    {"step_size", IML_COMPARE_STEP_SIZE},
    {"hypergradient_norm", IML_COMPARE_HYPERGRADIENT_NORM},
    {"cosine", IML_COMPARE_COSINE},
    {"relative_error", IML_COMPARE_RELATIVE_ERROR},
    {"q_cosine", IML_COMPARE_Q_COSINE},
    {"q_relative_error", IML_COMPARE_Q_RELATIVE_ERROR},
};

void iml_compare_report(struct iml_trainer *self)
{
    struct iml_compare *compare = self->compare;
    struct iml_artifact *artifact = &compare->artifact;
    const size_t count = compare->count;
    for (size_t i = 0; i < count; i++) {
        compare->kinds[i] = compare->options[i].kind->name;
        compare->ends[i] =
            iml_end_name((enum iml_end)iml_compare_column(compare, IML_COMPARE_END)[i]);
    }
    fill_cosines(self);
    write_headline(compare);
    compare->numbers[0] = iml_compare_column(compare, IML_COMPARE_RESIDUAL)[count - 1];
    compare->numbers[1] = (double)iml_net_parameters(self->net);
    *artifact = (struct iml_artifact){.name = "compare"};
    iml_artifact_text(artifact, "headline", compare->headline);
    iml_artifact_list(artifact, "reference_residual", &compare->numbers[0], 0);
    iml_artifact_list(artifact, "parameters", &compare->numbers[1], 0);
    iml_artifact_texts(artifact, "solver", compare->names, count);
    iml_artifact_texts(artifact, "kind", compare->kinds, count);
    iml_artifact_texts(artifact, "end", compare->ends, count);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
        iml_artifact_list(artifact, columns[i].name, iml_compare_column(compare, columns[i].column),
                          count);
    iml_artifact_table(artifact, "q_cosines", compare->q_cosines, count, count);
    iml_artifact_table(artifact, "hypergradient_cosines", compare->cosines, count, count);
    self->artifacts = artifact;
    self->artifact_count = 1;
}
