/* states.c: DESIGN §5's table of transitions; see states.h. */
#include "spec/states.h"

#include <string.h>

enum needs { ANY, WITH_CHECKPOINT, WITHOUT_CHECKPOINT };

struct transition {
    enum imld_verb verb;
    enum imld_state from;
    enum needs needs;
    enum imld_state to;
};

/* clang-format off */
static const struct transition transitions[] = {
    {IMLD_VERB_CLAIM,    IMLD_QUEUED,    ANY,                IMLD_RUNNING},
    {IMLD_VERB_PAUSE,    IMLD_RUNNING,   ANY,                IMLD_PAUSED},
    {IMLD_VERB_PAUSE,    IMLD_QUEUED,    ANY,                IMLD_PAUSED},
    {IMLD_VERB_RESUME,   IMLD_PAUSED,    ANY,                IMLD_QUEUED},
    {IMLD_VERB_STOP,     IMLD_RUNNING,   ANY,                IMLD_COMPLETED},
    {IMLD_VERB_STOP,     IMLD_PAUSED,    WITH_CHECKPOINT,    IMLD_COMPLETED},
    {IMLD_VERB_STOP,     IMLD_QUEUED,    WITH_CHECKPOINT,    IMLD_COMPLETED},
    {IMLD_VERB_STOP,     IMLD_PAUSED,    WITHOUT_CHECKPOINT, IMLD_CANCELLED},
    {IMLD_VERB_STOP,     IMLD_QUEUED,    WITHOUT_CHECKPOINT, IMLD_CANCELLED},
    {IMLD_VERB_CANCEL,   IMLD_QUEUED,    ANY,                IMLD_CANCELLED},
    {IMLD_VERB_CANCEL,   IMLD_RUNNING,   ANY,                IMLD_CANCELLED},
    {IMLD_VERB_CANCEL,   IMLD_PAUSED,    ANY,                IMLD_CANCELLED},
    {IMLD_VERB_RETRY,    IMLD_FAILED,    ANY,                IMLD_QUEUED},
    {IMLD_VERB_RETRY,    IMLD_CANCELLED, ANY,                IMLD_QUEUED},
    {IMLD_VERB_SHUTDOWN, IMLD_RUNNING,   ANY,                IMLD_QUEUED},
    {IMLD_VERB_LOST,     IMLD_RUNNING,   ANY,                IMLD_QUEUED},
    {IMLD_VERB_FINISH,   IMLD_RUNNING,   ANY,                IMLD_COMPLETED},
    {IMLD_VERB_FAIL,     IMLD_RUNNING,   ANY,                IMLD_FAILED},
};

static const struct {
    const char *name;
    bool has_ended;
} states[IMLD_STATES] = {
    [IMLD_QUEUED]    = {"queued", false},
    [IMLD_RUNNING]   = {"running", false},
    [IMLD_PAUSED]    = {"paused", false},
    [IMLD_COMPLETED] = {"completed", true},
    [IMLD_FAILED]    = {"failed", true},
    [IMLD_CANCELLED] = {"cancelled", true},
};

static const struct {
    const char *name;
    bool is_users;
} verbs[IMLD_VERBS] = {
    [IMLD_VERB_CLAIM]    = {"claim", false},
    [IMLD_VERB_PAUSE]    = {"pause", true},
    [IMLD_VERB_RESUME]   = {"resume", true},
    [IMLD_VERB_STOP]     = {"stop", true},
    [IMLD_VERB_CANCEL]   = {"cancel", true},
    [IMLD_VERB_RETRY]    = {"retry", true},
    [IMLD_VERB_SHUTDOWN] = {"shutdown", false},
    [IMLD_VERB_LOST]     = {"lost", false},
    [IMLD_VERB_FINISH]   = {"finish", false},
    [IMLD_VERB_FAIL]     = {"fail", false},
};
/* clang-format on */

const char *imld_state_name(enum imld_state state)
{
    return states[state].name;
}

bool imld_state_parse(const char *name, enum imld_state *state)
{
    for (unsigned i = 0; i < IMLD_STATES; i++) {
        if (strcmp(states[i].name, name) != 0) continue;
        *state = (enum imld_state)i;
        return true;
    }
    return false;
}

bool imld_state_has_ended(enum imld_state state)
{
    return states[state].has_ended;
}

const char *imld_verb_name(enum imld_verb verb)
{
    return verbs[verb].name;
}

bool imld_verb_parse(const char *name, enum imld_verb *verb)
{
    for (unsigned i = 0; i < IMLD_VERBS; i++) {
        if (strcmp(verbs[i].name, name) != 0) continue;
        *verb = (enum imld_verb)i;
        return true;
    }
    return false;
}

bool imld_verb_is_users(enum imld_verb verb)
{
    return verbs[verb].is_users;
}

static bool applies(const struct transition *row, enum imld_verb verb, bool has_checkpoint)
{
    if (row->verb != verb) return false;
    return row->needs == ANY || (row->needs == WITH_CHECKPOINT) == has_checkpoint;
}

/* A state that the verb would lead to, and from which it leads nowhere, holds already. */
enum imld_transition imld_transition_find(enum imld_verb verb, enum imld_state from,
                                          bool has_checkpoint, enum imld_state *to)
{
    bool is_target = false;
    for (size_t i = 0; i < sizeof transitions / sizeof transitions[0]; i++) {
        const struct transition *row = &transitions[i];
        if (!applies(row, verb, has_checkpoint)) continue;
        if (row->from == from) {
            *to = row->to;
            return IMLD_TRANSITION_LEGAL;
        }
        if (row->to == from) is_target = true;
    }
    if (!is_target) return IMLD_TRANSITION_ILLEGAL;
    *to = from;
    return IMLD_TRANSITION_HOLDS;
}
