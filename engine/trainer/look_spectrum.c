/* look_spectrum.c: the density of H's eigenvalues by stochastic Lanczos quadrature (MATH §5.2). */
#include <stddef.h>

#include "engine/trainer/run.h"

static const double width_share = 0.01; /* of the range of nodes: deviation of the Gaussians */

static void lay_out(struct iml_trainer *self, struct iml_arena *arena)
{
    struct iml_diagnosis *d = &self->diagnosis;
    const struct iml_spectrum_look *asked = &self->options.diagnostics.spectrum;
    const struct iml_spectrum_options options = {
        .probes = asked->probes, .steps = asked->steps, .top = asked->top};
    iml_spectrum_layout(&d->spectrum, &options, iml_net_parameters(self->net), arena);
    d->spectrum_x = iml_arena_take(arena, IML_DENSITY_POINTS, sizeof *d->spectrum_x);
    d->spectrum_density = iml_arena_take(arena, IML_DENSITY_POINTS, sizeof *d->spectrum_density);
}

static void tell_density(const struct iml_look *look, struct iml_artifact *artifact)
{
    struct iml_diagnosis *d = &look->trainer->diagnosis;
    const struct iml_spectrum *spectrum = &d->spectrum;
    const double range = spectrum->largest - spectrum->smallest;
    const double width = range > 0 ? width_share * range : 1;
    const double first = spectrum->smallest - 3 * width, last = spectrum->largest + 3 * width;
    for (size_t i = 0; i < IML_DENSITY_POINTS; i++)
        d->spectrum_x[i] = first + (last - first) * (double)i / (IML_DENSITY_POINTS - 1);
    iml_spectrum_density(spectrum, width, IML_DENSITY_POINTS, d->spectrum_x, d->spectrum_density);
    iml_artifact_number(look, artifact, "width", width);
    iml_artifact_list(artifact, "x", d->spectrum_x, IML_DENSITY_POINTS);
    iml_artifact_list(artifact, "density", d->spectrum_density, IML_DENSITY_POINTS);
}

static void tell_numbers(const struct iml_look *look, struct iml_artifact *artifact)
{
    const struct iml_spectrum *s = &look->trainer->diagnosis.spectrum;
    const struct {
        enum iml_metric metric;
        const char *name;
        double value;
    } numbers[] = {
        {IML_METRIC_SPECTRUM_SMALLEST, "smallest", s->smallest},
        {IML_METRIC_SPECTRUM_LARGEST, "largest", s->largest},
        {IML_METRIC_SPECTRUM_TRACE, "trace", s->trace},
        {IML_METRIC_SPECTRUM_NEGATIVE_MASS, "negative_mass", s->negative_mass},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        iml_rows_add(look->rows, numbers[i].metric, numbers[i].value);
        iml_artifact_number(look, artifact, numbers[i].name, numbers[i].value);
    }
}

static enum iml_code look(const struct iml_look *look, struct iml_artifact *artifact,
                          struct iml_error *error)
{
    const struct iml_trainer *self = look->trainer;
    struct iml_spectrum *spectrum = &look->trainer->diagnosis.spectrum;
    iml_spectrum_measure(spectrum, look->curvature, self->options.seed, look->update);
    if (spectrum->end == IML_END_CANCELLED) return iml_look_cancelled(error);
    if (spectrum->end != IML_END_TERMS) return IML_OK; /* H is not finite */
    iml_artifact_number(look, artifact, "update", look->update + 1);
    iml_artifact_number(look, artifact, "probes", spectrum->options.probes);
    iml_artifact_number(look, artifact, "steps", spectrum->options.steps);
    tell_numbers(look, artifact);
    iml_artifact_list(artifact, "top", spectrum->top, spectrum->options.top);
    iml_artifact_table(artifact, "nodes", spectrum->nodes, spectrum->options.probes,
                       spectrum->options.steps);
    iml_artifact_table(artifact, "weights", spectrum->weights, spectrum->options.probes,
                       spectrum->options.steps);
    tell_density(look, artifact);
    return IML_OK;
}

const struct iml_diagnostic iml_look_spectrum = {
    .name = "spectrum",
    .every = offsetof(struct iml_diagnostics_options, spectrum.every_updates),
    .makes_artifact = true,
    .layout = lay_out,
    .look = look,
};
