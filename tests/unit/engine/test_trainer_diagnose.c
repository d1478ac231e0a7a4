/* test_trainer_diagnose.c: looks at the estimates of a run (MATH §5): when they are taken, that
 * each tells what its function tells by hand, that nothing else changes by them, cancel and resume.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/core/vector.h"
#include "engine/trainer/run.h"
#include "tests/unit/check.h"
#include "tests/unit/engine/trainer_case.h"

enum { FOREVER = 1000, UPDATES = 6, EVERY = 3, PAIRS = 3 };

static const char *const names[] = {"lens", "spectrum", "reference", "variance"};
enum { ARTIFACTS = sizeof names / sizeof names[0] };

static size_t rows_at(const struct case_log *log, const char *metric, uint64_t update)
{
    size_t count = 0;
    for (size_t i = 0; i < log->count; i++) {
        const struct case_entry *entry = &log->entries[i];
        count += entry->metric && entry->update == update && strcmp(entry->metric, metric) == 0;
    }
    return count;
}

/* ---- when ---- */

static void test_looks_are_taken_when_due_and_only_then(void **state)
{
    static const char *const rows[] = {
        "lens/smallest",         "lens/best_residual",  "spectrum/trace",
        "meta/cosine_to_exact",  "meta/error_to_exact", "meta/reference_residual",
        "meta/variance",         "meta/mean_cosine",    "solver/q_variance",
        "solver/q_mean_cosine",  "lens/negative_share", "lens/v_inverse_v",
        "spectrum/smallest",     "spectrum/largest",    "lens/largest",
        "spectrum/negative_mass"};
    const struct iml_trainer_options options = case_iml_looking(*state, UPDATES, EVERY);
    struct iml_trainer *trainer = case_open(&options, NULL);
    struct case_log *log = calloc(1, sizeof *log);
    assert_non_null(log);
    uint64_t update = 0;
    while (case_act(trainer, log)) {
        const bool is_update = iml_trainer_progress(trainer).update > update;
        size_t count = 0;
        const struct iml_artifact *artifacts = iml_trainer_artifacts(trainer, &count);
        update = iml_trainer_progress(trainer).update;
        const bool is_due = is_update && (update == 1 || update % EVERY == 0);
        assert_int_equal(count, is_due ? ARTIFACTS : 0);
        for (size_t i = 0; i < count; i++) {
            assert_string_equal(artifacts[i].name, names[i]);
            assert_string_equal(artifacts[i].entries[0].name, "update");
            assert_true(*artifacts[i].entries[0].values == (double)update);
        }
    }
    for (update = 1; update <= UPDATES; update++) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
            if (rows_at(log, rows[i], update) != (update == 1 || update % EVERY == 0))
                fail_msg("%s at update %u", rows[i], (unsigned)update);
        assert_int_equal(rows_at(log, "solver/residual_exact", update), 1);
        assert_int_equal(rows_at(log, "solver/residual_scaled", update), 1);
        assert_int_equal(rows_at(log, "lens/alpha_mu_max", update), 0); /* it is preconditioned */
    }
    free(log);
    iml_trainer_close(trainer);
}

/* ---- what ---- */

static const struct iml_entry *entry_of(const struct iml_trainer *trainer, const char *artifact,
                                        const char *name)
{
    size_t count = 0;
    const struct iml_artifact *artifacts = iml_trainer_artifacts(trainer, &count);
    for (size_t i = 0; i < count; i++) {
        for (size_t e = 0; e < artifacts[i].count; e++)
            if (strcmp(artifacts[i].name, artifact) == 0 &&
                strcmp(artifacts[i].entries[e].name, name) == 0)
                return &artifacts[i].entries[e];
    }
    fail_msg("no entry %s/%s", artifact, name);
    return NULL;
}

static void check_list(const struct iml_trainer *trainer, const char *artifact, const char *name,
                       const double *expected, size_t rows, size_t columns)
{
    const struct iml_entry *entry = entry_of(trainer, artifact, name);
    const size_t count = (rows > 0 ? rows : 1) * (columns > 0 ? columns : 1);
    assert_int_equal(entry->rows, rows);
    assert_int_equal(entry->columns, columns);
    assert_memory_equal(entry->values, expected, count * sizeof *expected);
}

static void check_number(const struct iml_trainer *trainer, const char *artifact, const char *name,
                         double expected)
{
    check_list(trainer, artifact, name, &expected, 0, 0);
}

static void check_row(const struct case_log *log, const char *metric, double expected)
{
    const double told = case_last(log, metric);
    /* equality of bits is meant */
    /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-exp42-c,cert-flp37-c) */
    if (memcmp(&told, &expected, sizeof told) != 0)
        fail_msg("%s: %.17g, by hand %.17g", metric, told, expected);
}

/* Two runs at their second look (update 3): one that looks, and one that stops right before that
 * update, solves by hand, and holds H. */
struct twins {
    struct iml_trainer *looking, *plain;
    struct case_log log;
    const struct iml_curvature *curvature;
    struct iml_report report;
    struct iml_arena arena; /* of what the test lays out */
    size_t parameters;
};

static struct twins *twins_open(const struct iml_trainer_options *options)
{
    struct iml_trainer_options plain = *options;
    struct iml_error error = {0};
    double loss = 0;
    plain.diagnostics = (struct iml_diagnostics_options){0};
    struct twins *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->looking = case_open(options, NULL);
    self->plain = case_open(&plain, NULL);
    while (iml_trainer_progress(self->plain).update < EVERY - 1 ||
           self->plain->state->steps_left > 0 || self->plain->state->is_evaluation_due)
        assert_true(case_act(self->plain, &self->log));
    self->log.count = 0;
    while (iml_trainer_progress(self->looking).update < EVERY)
        assert_true(case_act(self->looking, &self->log));
    struct iml_trainer *t = self->plain;
    self->parameters = iml_net_parameters(t->net);
    assert_int_equal(iml_find_v(t, EVERY - 1, t->v, &loss, &error), IML_OK);
    assert_int_equal(iml_find_curvature(t, EVERY - 1, NULL, &self->curvature, &error), IML_OK);
    iml_solver_draw(&t->solver, options->seed, EVERY - 1);
    iml_solver_solve(&t->solver, self->curvature, t->v, t->q, &self->report);
    iml_knowledge_pull(&t->knowledge, t->theta, t->q, t->hypergradient);
    return self;
}

static void twins_close(struct twins *self)
{
    iml_arena_close(&self->arena);
    iml_trainer_close(self->looking);
    iml_trainer_close(self->plain);
    free(self);
}

/* Memory for a layout function: run it twice, first on a measuring arena. */
static struct iml_arena *arena_for(struct twins *self, struct iml_arena *plan)
{
    struct iml_error error = {0};
    assert_int_equal(iml_arena_open(&self->arena, &plan->plan, &error), IML_OK);
    return &self->arena;
}

static iml_real *vector(struct twins *self)
{
    (void)self;
    iml_real *out = calloc(self->parameters, sizeof *out);
    assert_non_null(out);
    return out;
}

static void test_the_residual_by_hand(void **state)
{
    for (int is_preconditioned = 0; is_preconditioned < 2; is_preconditioned++) {
        struct iml_trainer_options options = case_iml_looking(*state, UPDATES, EVERY);
        options.meta.solver.precondition =
            is_preconditioned ? IML_PRECONDITION_L2 : IML_PRECONDITION_NONE;
        options.meta.solver.damping = 0.03;
        struct twins *twins = twins_open(&options);
        iml_real *r = vector(twins), *u = vector(twins);
        const double mu = is_preconditioned ? 1 / twins->report.step_size
                                            : iml_data_curvature(twins->curvature, 20, u, r);
        const struct iml_residuals residuals =
            iml_residuals_measure(twins->curvature, 0.03, mu, twins->plain->v, twins->plain->q, r);
        assert_true(mu > 0);
        check_row(&twins->log, "solver/residual_exact", residuals.plain);
        check_row(&twins->log, "solver/residual_scaled", residuals.scaled);
        free(r);
        free(u);
        twins_close(twins);
    }
}

/* The residual of a sum without its α is that of the sum times α, as the solver's own is. */
static void test_the_residual_of_an_unscaled_sum(void **state)
{
    struct iml_trainer_options options = case_iml_looking(*state, UPDATES, EVERY);
    options.meta.optimizer.learning_rate = 0; /* λ goes one way whatever the size of q */
    options.meta.solver.precondition = IML_PRECONDITION_NONE;
    struct twins *scaled = twins_open(&options);
    options.meta.solver.is_unscaled = true;
    struct twins *unscaled = twins_open(&options);
    const double alpha = case_last(&unscaled->log, "solver/step_size");
    assert_true(fabs(alpha - 1) > 0.05);
    check_close(case_last(&unscaled->log, "solver/q_norm") * alpha,
                case_last(&scaled->log, "solver/q_norm"), 1e-5);
    check_close(case_last(&unscaled->log, "solver/residual_exact"),
                case_last(&scaled->log, "solver/residual_exact"), 1e-5);
    twins_close(scaled);
    twins_close(unscaled);
}

static void test_the_lens_by_hand(void **state)
{
    enum { STEPS = 12, CURVE = STEPS + 1 };
    struct iml_trainer_options options = case_iml_looking(*state, UPDATES, EVERY);
    options.meta.solver.precondition = IML_PRECONDITION_NONE;
    options.meta.solver.damping = 0.02;
    struct twins *twins = twins_open(&options);
    struct iml_arena plan;
    struct iml_lens lens;
    double curve[CURVE];
    iml_arena_measure(&plan);
    iml_lens_layout(&lens, STEPS, 0.02, twins->parameters, &plan);
    iml_lens_layout(&lens, STEPS, 0.02, twins->parameters, arena_for(twins, &plan));
    iml_lens_look(&lens, twins->curvature, twins->plain->v);
    const double alpha = twins->report.step_size;
    const struct iml_lens_estimates e = iml_lens_estimate(&lens, alpha);
    check_row(&twins->log, "lens/alpha_mu_max", e.alpha_mu_max);
    check_row(&twins->log, "lens/smallest", e.smallest);
    check_row(&twins->log, "lens/largest", e.largest);
    check_row(&twins->log, "lens/negative_share", e.negative_share);
    check_row(&twins->log, "lens/v_inverse_v", e.v_inverse_v);
    const struct iml_lens_best least = iml_lens_find_best(&lens, alpha, -1, twins->report.products);
    check_row(&twins->log, "lens/best_residual", least.residual);
    check_number(twins->looking, "lens", "damping", 0.02);
    check_number(twins->looking, "lens", "step_size", alpha);
    check_list(twins->looking, "lens", "ritz_values", lens.lanczos.values, STEPS, 0);
    check_list(twins->looking, "lens", "weights", lens.lanczos.firsts, STEPS, 0);
    for (int s = 0; s < IML_LENS_SOLVERS; s++) {
        iml_lens_curve(&lens, (enum iml_lens_solver)s, alpha, CURVE, curve);
        check_list(twins->looking, "lens", iml_lens_solver_name((enum iml_lens_solver)s), curve,
                   CURVE, 0);
    }
    /* neumann's curve at the job's K is the residual that a product more gives */
    iml_lens_curve(&lens, IML_LENS_NEUMANN, alpha, CURVE, curve);
    check_close(curve[3], case_last(&twins->log, "solver/residual_exact"), 1e-4);
    twins_close(twins);
}

/* The target is the solver's own; of a solver that has none, 0.1. */
static void test_the_best_in_hindsight_by_hand(void **state)
{
    static const double targets[] = {0.5, 0};
    for (size_t i = 0; i < 2; i++) {
        struct iml_trainer_options options = case_iml_looking(*state, UPDATES, EVERY);
        options.meta.solver =
            (struct iml_solver_options){.kind = iml_solver_kind_find("minres"),
                                        .terms = 11,
                                        .damping = 0.8, /* so that 12 steps get there */
                                        .target_residual = targets[i]};
        struct twins *twins = twins_open(&options);
        const double *curve = entry_of(twins->looking, "lens", "minres")->values;
        const double target = targets[i] > 0 ? targets[i] : 0.1;
        check_number(twins->looking, "lens", "target_residual", target);
        check_number(twins->looking, "lens", "step_size",
                     1 / case_last(&twins->log, "lens/largest"));
        const size_t best = (size_t)case_last(&twins->log, "lens/best_products");
        if (best == 0 || best >= 12) fail_msg("%zu products", best);
        for (int s = 0; s < IML_LENS_SOLVERS; s++) {
            const char *name = iml_lens_solver_name((enum iml_lens_solver)s);
            const double *any = entry_of(twins->looking, "lens", name)->values;
            for (size_t k = 0; k < best; k++) assert_true(any[k] > target);
        }
        if (i == 0) /* minres ended at its target */
            assert_true(case_last(&twins->log, "solver/products") <= (double)best + 1);
        assert_true(curve[best + 1] <= target); /* minres needs at most one more */
        twins_close(twins);
    }
}

static void test_the_spectrum_by_hand(void **state)
{
    const struct iml_trainer_options options = case_iml_looking(*state, UPDATES, EVERY);
    struct twins *twins = twins_open(&options);
    const struct iml_spectrum_options asked = {.probes = 2, .steps = 9, .top = 4};
    struct iml_arena plan;
    struct iml_spectrum spectrum;
    double density[IML_DENSITY_POINTS], integral = 0;
    iml_arena_measure(&plan);
    iml_spectrum_layout(&spectrum, &asked, twins->parameters, &plan);
    iml_spectrum_layout(&spectrum, &asked, twins->parameters, arena_for(twins, &plan));
    iml_spectrum_measure(&spectrum, twins->curvature, options.seed, EVERY - 1);
    check_row(&twins->log, "spectrum/smallest", spectrum.smallest);
    check_row(&twins->log, "spectrum/largest", spectrum.largest);
    check_row(&twins->log, "spectrum/trace", spectrum.trace);
    check_row(&twins->log, "spectrum/negative_mass", spectrum.negative_mass);
    check_list(twins->looking, "spectrum", "nodes", spectrum.nodes, 2, 9);
    check_list(twins->looking, "spectrum", "weights", spectrum.weights, 2, 9);
    check_list(twins->looking, "spectrum", "top", spectrum.top, 4, 0);
    const double width = *entry_of(twins->looking, "spectrum", "width")->values;
    const double *x = entry_of(twins->looking, "spectrum", "x")->values;
    iml_spectrum_density(&spectrum, width, IML_DENSITY_POINTS, x, density);
    check_list(twins->looking, "spectrum", "density", density, IML_DENSITY_POINTS, 0);
    for (size_t i = 0; i < IML_DENSITY_POINTS; i++) integral += density[i] * (x[1] - x[0]);
    check_close(integral, 1, 0.01);
    twins_close(twins);
}

/* g and q against those of another solver of the same size, at no damping. */
static void check_reference(struct twins *twins, const struct iml_solver_options *options,
                            double most_residual)
{
    struct iml_trainer *t = twins->plain;
    const size_t size = t->knowledge.size;
    struct iml_arena plan;
    struct iml_solver solver;
    struct iml_report report;
    iml_real *q = vector(twins), *g = calloc(size, sizeof *g);
    assert_non_null(g);
    iml_arena_measure(&plan);
    iml_solver_layout(&solver, options, twins->parameters, &plan);
    iml_solver_layout(&solver, options, twins->parameters, arena_for(twins, &plan));
    iml_solver_solve(&solver, twins->curvature, t->v, q, &report);
    iml_knowledge_pull(&t->knowledge, t->theta, q, g);
    check_row(&twins->log, "meta/cosine_to_exact", iml_cosine(size, t->hypergradient, g));
    check_number(twins->looking, "reference", "q_cosine", iml_cosine(twins->parameters, t->q, q));
    double distance = 0;
    for (size_t m = 0; m < size; m++) {
        const double d = (double)t->hypergradient[m] - (double)g[m];
        distance += d * d;
    }
    check_close(case_last(&twins->log, "meta/error_to_exact"),
                sqrt(distance / iml_norm_squared(size, g)), 1e-5);
    assert_string_equal(entry_of(twins->looking, "reference", "solver")->text, options->kind->name);
    assert_true(case_last(&twins->log, "meta/reference_residual") <= most_residual);
    free(q);
    free(g);
}

static void test_the_reference_by_hand(void **state)
{
    struct iml_trainer_options options = case_iml_looking(*state, UPDATES, EVERY);
    options.meta.solver.damping = 0.2; /* a bias that the reference does not share */
    struct twins *twins = twins_open(&options);
    check_reference(twins, &(struct iml_solver_options){.kind = iml_solver_kind_find("exact")},
                    1e-3);
    options.diagnostics.reference.max_parameters = twins->parameters - 1; /* one too many */
    twins_close(twins);
    options.diagnostics.reference.max_products = 400;
    options.diagnostics.reference.target_residual = 1e-4;
    twins = twins_open(&options);
    check_reference(twins,
                    &(struct iml_solver_options){.kind = iml_solver_kind_find("minres"),
                                                 .terms = 400,
                                                 .target_residual = 1e-4},
                    0.5);
    /* what the reference says of itself is measured, not what minres believes */
    assert_true(case_last(&twins->log, "meta/reference_residual") > 0);
    twins_close(twins);
}

static void test_an_exact_job_is_its_own_reference(void **state)
{
    struct iml_trainer_options options = case_iml_looking(*state, UPDATES, EVERY);
    options.meta.solver = (struct iml_solver_options){.kind = iml_solver_kind_find("exact")};
    struct twins *twins = twins_open(&options);
    check_close(case_last(&twins->log, "meta/cosine_to_exact"), 1, 1e-12);
    assert_true(case_last(&twins->log, "meta/error_to_exact") <= 0);
    check_row(&twins->log, "meta/reference_residual", case_last(&twins->log, "solver/residual"));
    twins_close(twins);
}

/* The pairs beside the update's own, each drawn by a pass that no update has. */
static void test_the_variance_by_hand(void **state)
{
    struct iml_trainer_options options = case_iml_looking(*state, UPDATES, EVERY);
    options.meta.solver.step_size = 0.5; /* no warm vector: each pair's solve is one by itself */
    struct twins *twins = twins_open(&options);
    struct iml_trainer *t = twins->plain;
    const size_t size = t->knowledge.size, p = twins->parameters;
    iml_real *g = calloc(size, PAIRS * sizeof *g), *q = calloc(p, PAIRS * sizeof *q);
    assert_non_null(g);
    assert_non_null(q);
    for (uint32_t j = 0; j < PAIRS; j++) {
        struct iml_error error = {0};
        struct iml_report report;
        double loss = 0;
        const uint32_t own = EVERY - 1, other = 0x80000000U + own * (PAIRS - 1) + j - 1;
        assert_int_equal(iml_find_v(t, j ? other : own, t->v, &loss, &error), IML_OK);
        assert_int_equal(iml_find_curvature(t, j ? other : own, NULL, &twins->curvature, &error),
                         IML_OK);
        iml_solver_solve(&t->solver, twins->curvature, t->v, q + j * p, &report);
        iml_knowledge_pull(&t->knowledge, t->theta, q + j * p, g + j * size);
    }
    const struct iml_spread g_spread = iml_spread_of(size, PAIRS, g);
    const struct iml_spread q_spread = iml_spread_of(p, PAIRS, q);
    assert_true(g_spread.relative_variance > 1e-3 && g_spread.mean_cosine < 0.999);
    check_row(&twins->log, "meta/variance", g_spread.relative_variance);
    check_row(&twins->log, "meta/mean_cosine", g_spread.mean_cosine);
    check_row(&twins->log, "solver/q_variance", q_spread.relative_variance);
    check_row(&twins->log, "solver/q_mean_cosine", q_spread.mean_cosine);
    const double *cosines = entry_of(twins->looking, "variance", "cosines")->values;
    const double *norms = entry_of(twins->looking, "variance", "q_norms")->values;
    assert_true(cosines[1] <= iml_cosine(size, g, g + size) &&
                cosines[1] >= iml_cosine(size, g, g + size));
    check_close(norms[2], sqrt(iml_norm_squared(p, q + 2 * p)), 1e-12);
    free(g);
    free(q);
    twins_close(twins);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_looks_are_taken_when_due_and_only_then),
        cmocka_unit_test(test_the_residual_by_hand),
        cmocka_unit_test(test_the_residual_of_an_unscaled_sum),
        cmocka_unit_test(test_the_lens_by_hand),
        cmocka_unit_test(test_the_best_in_hindsight_by_hand),
        cmocka_unit_test(test_the_spectrum_by_hand),
        cmocka_unit_test(test_the_reference_by_hand),
        cmocka_unit_test(test_an_exact_job_is_its_own_reference),
        cmocka_unit_test(test_the_variance_by_hand),
    };
    return cmocka_run_group_tests(tests, case_set_up, case_tear_down);
}
