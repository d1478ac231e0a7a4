/* spectrum.c: the density of H's eigenvalues by stochastic Lanczos quadrature (MATH §5.2) [G]. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "engine/core/vector.h"
#include "engine/diagnostics/lanczos.h"
#include "imld/random.h"

static const double negative_below = -1e-6; /* of λ_max: nodes above it may be rounding of 0 */

void iml_spectrum_layout(struct iml_spectrum *self, const struct iml_spectrum_options *options,
                         size_t size, struct iml_arena *arena)
{
    const size_t before = arena->plan.total_bytes;
    assert(options->probes > 0 && options->steps > 0 && options->top <= IML_SPECTRUM_TOP_MAX);
    *self = (struct iml_spectrum){.options = *options};
    iml_lanczos_layout(&self->lanczos, options->steps, size, arena);
    self->options.steps = self->lanczos.steps;
    if (self->options.top > self->options.steps) self->options.top = self->options.steps;
    const size_t row_bytes = self->options.steps * sizeof *self->nodes;
    self->nodes = iml_arena_take(arena, options->probes, row_bytes);
    self->weights = iml_arena_take(arena, options->probes, row_bytes);
    self->bytes = arena->plan.total_bytes - before;
}

/* One probe's nodes and weights. The start vector lies where Lanczos keeps its first one. */
static void probe(struct iml_spectrum *self, const struct iml_curvature *curvature, unsigned i,
                  const struct iml_stream *stream)
{
    struct iml_lanczos *lanczos = &self->lanczos;
    double *nodes = self->nodes + (size_t)i * self->options.steps;
    double *weights = self->weights + (size_t)i * self->options.steps;
    memset(nodes, 0, self->options.steps * sizeof *nodes);
    memset(weights, 0, self->options.steps * sizeof *weights);
    iml_stream_normal(stream, 1, lanczos->size, lanczos->basis);
    iml_lanczos_run(lanczos, curvature, 0, lanczos->basis);
    self->products += lanczos->products;
    self->end = lanczos->end;
    memcpy(nodes, lanczos->values, lanczos->reached * sizeof *nodes);
    memcpy(weights, lanczos->firsts, lanczos->reached * sizeof *weights);
    for (unsigned k = 0; k < self->options.top && k < lanczos->reached; k++)
        self->top[k] = fmax(self->top[k], nodes[lanczos->reached - 1 - k]);
}

/* Extremes, trace and negative mass from all nodes. */
static void sum_up(struct iml_spectrum *self)
{
    const size_t count = (size_t)self->options.probes * self->options.steps;
    const double probes = self->options.probes;
    self->smallest = HUGE_VAL;
    self->largest = -HUGE_VAL;
    self->trace = self->negative_mass = 0;
    for (size_t i = 0; i < count; i++) {
        if (self->weights[i] == 0) continue; /* unused, or an eigenvector that the probe lacks */
        self->smallest = fmin(self->smallest, self->nodes[i]);
        self->largest = fmax(self->largest, self->nodes[i]);
        self->trace += (double)self->lanczos.size * self->weights[i] * self->nodes[i] / probes;
    }
    for (size_t i = 0; i < count; i++) {
        if (self->nodes[i] < negative_below * self->largest)
            self->negative_mass += self->weights[i] / probes;
    }
}

void iml_spectrum_measure(struct iml_spectrum *self, const struct iml_curvature *curvature,
                          uint32_t seed, uint32_t update)
{
    assert(curvature->size == self->lanczos.size);
    self->products = 0;
    self->end = IML_END_TERMS;
    for (unsigned k = 0; k < self->options.top; k++) self->top[k] = -HUGE_VAL;
    for (unsigned i = 0; i < self->options.probes && self->end == IML_END_TERMS; i++) {
        const struct iml_stream stream = {
            .seed = seed, .purpose = IML_PURPOSE_PROBE, .index = i + 1, .pass = update};
        probe(self, curvature, i, &stream);
    }
    if (self->end == IML_END_TERMS) sum_up(self);
}

void iml_spectrum_density(const struct iml_spectrum *self, double width, size_t count,
                          const double *x, double *density)
{
    const double root_two_pi = 2.5066282746310002;
    const size_t nodes = (size_t)self->options.probes * self->options.steps;
    assert(width > 0);
    for (size_t i = 0; i < count; i++) {
        density[i] = 0;
        for (size_t k = 0; k < nodes; k++) {
            const double z = (x[i] - self->nodes[k]) / width;
            density[i] += self->weights[k] * exp(-z * z / 2);
        }
        density[i] /= root_two_pi * width * self->options.probes;
    }
}
