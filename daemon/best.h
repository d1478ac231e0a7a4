/* best.h: the best state so far, kept in memory from the evaluation that made it (DESIGN §5). */
#ifndef IMLD_DAEMON_BEST_H
#define IMLD_DAEMON_BEST_H

#include <stdint.h>

#include "daemon/history.h"
#include "daemon/snapshot.h"

struct imld_best {
    const char *metric; /* borrowed: checkpoint.best */
    bool is_higher_better;
    bool has_state;   /* state holds the state of `step` */
    bool has_changed; /* since it was last written */
    int64_t step;
    float value;
    /* the best of a time that comes again, whose file is broken: until its step no other is written
     * in its place, so that a process that dies meanwhile finds it broken again; 0: none */
    int64_t lost_step;
    struct imld_snapshot state;
};

/* Looks at the evaluation at `step`: a finite value that is better than the best (first of equals)
 * makes the registry's state the best. */
void imld_best_look(struct imld_best *best, const struct imld_history *history, int64_t step,
                    const struct iml_registry *registry);

/* The state was loaded from the checkpoint of `step`, whose value the history knows; false: it has
 * no finite value there, so that the state is of no use. */
bool imld_best_loaded(struct imld_best *best, const struct imld_history *history, int64_t step);

#endif
