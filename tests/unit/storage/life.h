/* life.h: a job's life in steps, and what an open storage must then show: for tests that disturb
 * it. */
#ifndef IMLD_TESTS_STORAGE_LIFE_H
#define IMLD_TESTS_STORAGE_LIFE_H

#include "fixture.h"

/* What has been acknowledged, as the database must show it. */
struct world {
    int64_t job; /* 0: none */
    enum imld_state state;
    int64_t step;
    size_t checkpoints;
    size_t rows;
};

/* Creation, claim, rows, three checkpoints (one prunes another), the end. */
#define LIFE 7

/* Lives from step *at until one is refused (its code; *at: the step) or the end. */
enum iml_code live(struct fixture *self, struct world *world, size_t *at);

/* One step. */
enum iml_code live_one(struct fixture *self, struct world *world, size_t step);

/* The open storage shows the world and nothing else. */
bool shows_world(struct fixture *self, const struct world *world);

/* PRAGMA integrity_check of a closed one, by the system's VFS; and its files are those that rows
 * name. */
void check_closed(const struct fixture *self, const struct world *world);

#endif
