/* transitions.h: changing a job's state inside a transaction (private to storage/). */
#ifndef IMLD_STORAGE_TRANSITIONS_H
#define IMLD_STORAGE_TRANSITIONS_H

#include "storage/database.h"
#include "storage/jobs.h"

/* A job's own columns that decisions need; IML_ERROR_NOT_FOUND. */
struct imld_standing {
    enum imld_state state;
    bool has_checkpoint; /* one to go on from */
    bool is_suspect;
    int64_t losses, attempt, priority, threads, memory_bytes;
};
IML_MUST_USE enum iml_code imld_standing_get(struct imld_connection *connection, int64_t number,
                                             struct imld_standing *standing,
                                             struct iml_error *error);

/* What goes with a transition; texts are JSON or NULL (the column becomes NULL). */
struct imld_passage {
    const char *actor, *reason, *result, *error;
};

/* Applies a transition that is legal for a job that stands so: the state with its times, attempt,
 * losses and intents, and the event. */
IML_MUST_USE enum iml_code imld_transition_apply(struct imld_database *database, int64_t number,
                                                 const struct imld_standing *standing,
                                                 enum imld_verb verb, enum imld_state to,
                                                 const struct imld_passage *passage,
                                                 struct iml_error *error);

/* Finds and applies. IML_ERROR_CONFLICT: illegal, naming the state. holds: nothing was done. */
IML_MUST_USE enum iml_code imld_transition_try(struct imld_database *database, int64_t number,
                                               enum imld_verb verb,
                                               const struct imld_passage *passage, bool *holds,
                                               enum imld_state *state, struct iml_error *error);

/* A job that went from running to queued obeys a stored pause or cancel at once; stop waits for the
 * next run, which restores the best weights. */
IML_MUST_USE enum iml_code imld_intents_obey_queued(struct imld_database *database, int64_t number,
                                                    struct iml_error *error);

#endif
