/* run_case.h: jobs for tests of whole runs, and the law of every result. */
#ifndef IMLD_TESTS_RUN_CASE_H
#define IMLD_TESTS_RUN_CASE_H

#include "pool.h"

/* 60 + 30 · 4 steps; checkpoints after every step unless said otherwise. */
#define META_JOB(updates, rest)                                                                    \
    "{'algorithm': 'iml', 'data': {'set': 'tiny', 'train': 100, 'validation': 60},"                \
    " 'model': {'hidden': [8]}, 'inner': {'batch': 20, 'warmup': {'steps': 60},"                   \
    " 'steps_per_update': 4}, 'meta': {'updates': " #updates ", 'curvature': {'batch': 50},"       \
    " 'validation_batch': 30}, 'evaluation': {'every_updates': 2}" rest "}"
#define PLAIN_JOB(steps, rate, rest)                                                               \
    "{'algorithm': 'supervised', 'data': {'set': 'tiny', 'train': 100, 'validation': 60},"         \
    " 'model': {'hidden': [8]}, 'inner': {'batch': 20, 'steps': " #steps ","                       \
    " 'optimizer': {'kind': 'sgd', 'learning_rate': " #rate "}},"                                  \
    " 'evaluation': {'every_steps': 10}" rest "}"
#define EACH_STEP ", 'checkpoint': {'every_seconds': 0}"

/* The number at a JSON pointer of a text; NaN: there is none. */
double case_number(const char *json, const char *pointer);

/* The result is the evaluation of the best step: the same numbers as its rows. */
void case_check_result(struct pool *pool, const struct imld_job *job);

#endif
