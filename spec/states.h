/* states.h: the states of a job, the verbs and events that change them, and the legal transitions
 * (DESIGN §5): one table. */
#ifndef IMLD_SPEC_STATES_H
#define IMLD_SPEC_STATES_H

#include <stdbool.h>
#include <stddef.h>

enum imld_state {
    IMLD_QUEUED,
    IMLD_RUNNING,
    IMLD_PAUSED,
    IMLD_COMPLETED,
    IMLD_FAILED,
    IMLD_CANCELLED,
    IMLD_STATES
};

enum imld_verb {
    IMLD_VERB_CLAIM,    /* by the queue */
    IMLD_VERB_PAUSE,    /* by a user */
    IMLD_VERB_RESUME,   /* by a user */
    IMLD_VERB_STOP,     /* by a user */
    IMLD_VERB_CANCEL,   /* by a user */
    IMLD_VERB_RETRY,    /* by a user */
    IMLD_VERB_SHUTDOWN, /* the daemon ends in good order */
    IMLD_VERB_LOST,     /* found at start: the process died under a running job */
    IMLD_VERB_FINISH,   /* the run reached its end, or a stop rule fired */
    IMLD_VERB_FAIL,     /* the run met an error that it can't mend */
    IMLD_VERBS
};

const char *imld_state_name(enum imld_state state); /* "queued", … */
bool imld_state_parse(const char *name, enum imld_state *state);
bool imld_state_has_ended(enum imld_state state); /* completed, failed, cancelled */

const char *imld_verb_name(enum imld_verb verb); /* "claim", "pause", … */
bool imld_verb_parse(const char *name, enum imld_verb *verb);
bool imld_verb_is_users(enum imld_verb verb); /* pause, resume, stop, cancel, retry */

/* Where `verb` leads from `from`. has_checkpoint decides between the rows that depend on it (stop
 * of a paused or queued job: completed with a checkpoint, cancelled without). For a *running* job
 * pause, stop and cancel are intents that the run obeys: the row says where they lead. */
enum imld_transition {
    IMLD_TRANSITION_LEGAL,  /* *to is set */
    IMLD_TRANSITION_HOLDS,  /* the target state holds already: nothing to do, *to = from */
    IMLD_TRANSITION_ILLEGAL /* 409, naming the state */
};
enum imld_transition imld_transition_find(enum imld_verb verb, enum imld_state from,
                                          bool has_checkpoint, enum imld_state *to);

#endif
