/* team.h: a run's own threads. Work is cut into fixed tasks whose shape depends on the problem
 * alone; threads take tasks from one atomic counter, and a pass ends with a barrier: who takes
 * which task can't change a bit of the result. */
#ifndef IMLD_TEAM_H
#define IMLD_TEAM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "imld/error.h"

#define IML_THREADS_MAX 64

struct iml_team;

/* Starts threads − 1 helpers (the caller is the first worker), each with all signals blocked and at
 * nice value `nice` (0: unchanged; the caller's own value is not touched). cancel is borrowed for
 * the team's life; NULL: never cancelled. */
IML_MUST_USE enum iml_code iml_team_open(unsigned threads, int nice, const atomic_bool *cancel,
                                         struct iml_team **team, struct iml_error *error);
void iml_team_close(struct iml_team *team);

/* Runs task(context, i, worker) for i in 0 … tasks − 1, worker < iml_team_size; returns when all
 * are done. false: the cancel flag was seen between two tasks and some tasks were left out.
 * Allocates nothing. Called from the thread that opened the team, or from one thread at a time. */
bool iml_team_run(struct iml_team *team, size_t tasks,
                  void (*task)(void *context, size_t i, unsigned worker), void *context);

unsigned iml_team_size(const struct iml_team *team);
bool iml_team_is_cancelled(const struct iml_team *team);

#endif
