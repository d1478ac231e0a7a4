/* planted_case.h: a pool of which half has wrong content by construction (FIXMATCH §6). An image
 * has a bright band at one of three heights in its left and its right half, the class's height in
 * both; or, half the time, no band on the left side. Half of the pool's images, of another set,
 * have two different heights, on a brighter ground: whoever believes the left half learns to
 * misread the right one. */
#ifndef IMLD_TESTS_PLANTED_CASE_H
#define IMLD_TESTS_PLANTED_CASE_H

#include "tests/unit/engine/trainer_case.h"

/* For cmocka: a group's state is a fresh root (struct sets) with the sets "right" and "wrong". */
int planted_set_up(void **state);

/* confidence on an mlp of 24 units, 12 labels and 1,020 images of the pool, τ 0.6, 24 updates of a
 * shared head by neumann(3); `confidence` and `meta` are otherwise as a job document has them that
 * leaves them out. *wrong becomes the pool's second set, which the options point to. */
struct iml_trainer_options planted_job(const struct sets *sets, struct iml_set_facts *wrong);

/* As the studies do it: signs of hypergradients, weights over their mean in the batch. The rate
 * stays at 0.01, five times theirs for a head: these runs are short. */
void planted_signs(struct iml_trainer_options *options);

/* 48 updates of 180 rows in place of 24 of 108. */
void planted_more_updates(struct iml_trainer_options *options);

/* Trains to the end; the last value of the metric. */
double planted_last(const struct iml_trainer_options *options, const char *metric);

#endif
