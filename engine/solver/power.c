/* power.c: ‖H‖₂ by a warm-started power iteration, for α = 1/μ̂ (MATH §4). */
#include "engine/solver/power.h"

#include <assert.h>
#include <math.h>

#include "engine/core/vector.h"
#include "imld/random.h"

enum { FIRST_PRODUCTS = 20, LATER_PRODUCTS = 2 };

void iml_power_layout(struct iml_solver *self, struct iml_arena *arena)
{
    if (self->options.step_size > 0) return;
    self->warm = iml_arena_take(arena, self->size, sizeof *self->warm);
    self->warm_products = iml_arena_take(arena, 1, sizeof *self->warm_products);
}

enum iml_code iml_power_register(const struct iml_solver *self, const struct iml_net *net,
                                 struct iml_registry *registry, struct iml_error *error)
{
    if (!self->warm) return IML_OK;
    const enum iml_code code =
        iml_net_register(net, registry, "state/solver/power/", "", self->warm, error);
    if (code) return code;
    const struct iml_item products = {
        .name = "state/solver/power_products", .type = IML_ITEM_U64, .data = self->warm_products};
    return iml_registry_add(registry, &products, error);
}

double iml_power_iterate(const struct iml_system *system, enum iml_part part, unsigned products,
                         iml_real *u, iml_real *work)
{
    const size_t size = system->curvature->size;
    double largest = 0;
    for (unsigned k = 0; k < products; k++) {
        const bool is_applied = part == IML_PART_DATA ? iml_system_apply_data(system, u, work)
                                                      : iml_system_apply(system, u, work);
        if (!is_applied) return nan("");
        const double norm = sqrt(iml_norm_squared(size, work));
        if (!isfinite(norm)) return norm;
        if (norm == 0) break;
        largest = fmax(largest, norm);
        iml_divide(size, norm, work, u);
    }
    return largest;
}

/* A fixed direction with a share of every eigenvector: it needs no seed, since the 20 products that
 * follow leave little of it. */
static void start(const struct iml_solver *self)
{
    const struct iml_stream stream = {.seed = 0, .purpose = IML_PURPOSE_PROBE};
    iml_stream_normal(&stream, 1, self->size, self->warm);
    iml_scale(self->size, 1 / sqrt(iml_norm_squared(self->size, self->warm)), self->warm);
}

static double estimate(const struct iml_solver *self, const struct iml_system *system,
                       enum iml_part part, iml_real *work)
{
    const bool is_first = *self->warm_products == 0;
    const unsigned before = system->report->products;
    if (is_first) start(self);
    const double mu = iml_power_iterate(system, part, is_first ? FIRST_PRODUCTS : LATER_PRODUCTS,
                                        self->warm, work);
    *self->warm_products += system->report->products - before;
    return mu;
}

bool iml_step_size(struct iml_solver *self, const struct iml_system *system, enum iml_part part,
                   iml_real *work, double *alpha)
{
    struct iml_report *report = system->report;
    *alpha = self->options.step_size;
    if (!(*alpha > 0)) {
        assert(self->warm && self->warm_products);
        const double mu = estimate(self, system, part, work);
        if (!isfinite(mu)) {
            if (report->end != IML_END_CANCELLED) report->end = IML_END_NOT_FINITE;
            return false;
        }
        report->largest_curvature = mu;
        *alpha = isfinite(1 / mu) ? 1 / mu : 1; /* the matrix is 0: no α is too large */
    }
    report->step_size = *alpha;
    return true;
}
