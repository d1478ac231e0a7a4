/* run_case.c: jobs for tests of whole runs; see run_case.h. */
#include "run_case.h"

#include <math.h>

#include "spec/resolve.h"
#include "tests/unit/check.h"

double case_number(const char *json, const char *pointer)
{
    json_t *document = json_loads(json, 0, NULL);
    assert_non_null(document);
    const json_t *value = imld_json_at(document, pointer);
    const double number = json_is_number(value) ? json_number_value(value) : nan("");
    json_decref(document);
    return number;
}

void case_check_result(struct pool *pool, const struct imld_job *job)
{
    enum { CAPACITY = 512 };
    static struct imld_point points[CAPACITY];
    const size_t count = pool_points(pool, job->number, "validation/accuracy", points, CAPACITY);
    size_t best = 0;
    for (size_t i = 1; i < count; i++)
        if (points[i].value > points[best].value) best = i;
    assert_non_null(job->result);
    assert_true(case_number(job->result, "/step") == (double)points[best].step);
    assert_true((float)case_number(job->result, "/metrics/validation~1accuracy") ==
                points[best].value);
    const int64_t step = points[best].step;
    static const char *const others[] = {"validation/loss", "test/loss", "test/accuracy"};
    static const char *const pointers[] = {"/metrics/validation~1loss", "/metrics/test~1loss",
                                           "/metrics/test~1accuracy"};
    for (size_t i = 0; i < 3; i++) {
        const size_t rows = pool_points(pool, job->number, others[i], points, CAPACITY);
        for (size_t j = 0; j < rows; j++)
            if (points[j].step == step)
                assert_true((float)case_number(job->result, pointers[i]) == points[j].value);
    }
}
