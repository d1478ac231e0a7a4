/* side.c: what the programs of imld's side share; see side.h. */
#include "bench/side.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_must(enum iml_code code, const struct iml_error *error)
{
    if (code == IML_OK) return;
    (void)fprintf(stderr, "%s: %s\n", program_invocation_short_name, error->what);
    exit(1);
}

size_t bench_part_bytes(const struct iml_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->parts[i].name, name) == 0) return plan->parts[i].bytes;
    }
    return 0;
}

double bench_norm(size_t n, const iml_real *x)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sqrt(sum);
}

void bench_solve(struct iml_solver *solver, const struct iml_curvature *curvature,
                 const iml_real *v, iml_real *q)
{
    struct iml_report report;
    iml_solver_solve(solver, curvature, v, q, &report);
    if (report.products == solver->options.terms) return;
    (void)fprintf(stderr, "%s: %s ended after %u products: %s\n", program_invocation_short_name,
                  solver->options.kind->name, report.products, iml_end_name(report.end));
    exit(1);
}
