/* verbs.c: what users ask of a job, and how a run leaves `running` (DESIGN §5). */
#include <assert.h>
#include <stdio.h>

#include "storage/events.h"
#include "storage/rows.h"
#include "storage/transitions.h"

static enum iml_code touch(struct imld_database *database, int64_t number, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(number),
                                      imld_bind_integer(database->now_ms), imld_bind_end()};
    return imld_sql_run(
        &database->connection,
        "UPDATE jobs SET revision = revision + 1, changed_ms = ?2 WHERE number = ?1", binds, error);
}

/* A stored intent survives a crash; asking twice stores it once. */
static enum iml_code store_intent(struct imld_database *database,
                                  const struct imld_job_verb *request, struct iml_error *error)
{
    const char *verb = imld_verb_name(request->verb);
    const struct imld_bind binds[] = {imld_bind_integer(request->number), imld_bind_text(verb),
                                      imld_bind_text(request->actor ? request->actor : ""),
                                      imld_bind_integer(database->now_ms), imld_bind_end()};
    enum iml_code code = imld_sql_run(&database->connection,
                                      "INSERT OR IGNORE INTO intents (job, verb, actor, created_ms)"
                                      " VALUES (?1, ?2, ?3, ?4)",
                                      binds, error);
    if (code != IML_OK || sqlite3_changes(database->connection.handle) == 0) return code;
    char data[48];
    (void)snprintf(data, sizeof data, "{\"verb\":\"%s\"}", verb);
    code = imld_event_write(database, request->number, "intent", request->actor, data, error);
    if (code == IML_OK) code = touch(database, request->number, error);
    return code;
}

/* Resume of a running job takes back a pause that the run has not obeyed yet. */
static enum iml_code withdraw_pause(struct imld_database *database, struct imld_job_verb *request,
                                    struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(request->number),
                                      imld_bind_text(imld_verb_name(IMLD_VERB_PAUSE)),
                                      imld_bind_end()};
    enum iml_code code = imld_sql_run(
        &database->connection, "DELETE FROM intents WHERE job = ?1 AND verb = ?2", binds, error);
    if (code != IML_OK || sqlite3_changes(database->connection.handle) == 0) return code;
    request->holds = true;
    code = imld_event_write(database, request->number, "intent_withdrawn", request->actor,
                            "{\"verb\":\"pause\"}", error);
    if (code == IML_OK) code = touch(database, request->number, error);
    return code;
}

static enum iml_code apply_verb(struct imld_write *self, struct imld_database *database,
                                struct iml_error *error)
{
    struct imld_job_verb *request = (struct imld_job_verb *)self;
    const struct imld_passage passage = {.actor = request->actor};
    struct imld_standing standing;
    enum imld_state to;
    request->holds = request->is_intent = false;
    if (!imld_verb_is_users(request->verb))
        return iml_error_set(error, IML_ERROR_ARGUMENT, "%s is not a user's verb",
                             imld_verb_name(request->verb));
    enum iml_code code =
        imld_standing_get(&database->connection, request->number, &standing, error);
    if (code != IML_OK) return code;
    request->state = standing.state;
    if (request->verb == IMLD_VERB_RESUME && standing.state == IMLD_RUNNING) {
        code = withdraw_pause(database, request, error);
        if (code != IML_OK || request->holds) return code;
    }
    if (standing.state == IMLD_RUNNING &&
        imld_transition_find(request->verb, standing.state, standing.has_checkpoint, &to) ==
            IMLD_TRANSITION_LEGAL) {
        request->is_intent = true;
        return store_intent(database, request, error);
    }
    return imld_transition_try(database, request->number, request->verb, &passage, &request->holds,
                               &request->state, error);
}

void imld_job_verb_prepare(struct imld_job_verb *request)
{
    request->write.apply = apply_verb;
}

static enum iml_code apply_end(struct imld_write *self, struct imld_database *database,
                               struct iml_error *error)
{
    const struct imld_job_end *request = (const struct imld_job_end *)self;
    const struct imld_passage passage = {.actor = "imld",
                                         .reason = request->reason,
                                         .result = request->result,
                                         .error = request->error};
    struct imld_standing standing;
    enum imld_state state = IMLD_RUNNING;
    bool holds = false;
    enum iml_code code =
        imld_standing_get(&database->connection, request->number, &standing, error);
    if (code != IML_OK) return code;
    if (standing.state != IMLD_RUNNING) return imld_job_not_running(request->number, error);
    if (request->rows) {
        assert(request->rows->job == request->number);
        code = imld_rows_apply(database, request->rows, error);
    }
    if (code == IML_OK)
        code = imld_transition_try(database, request->number, request->verb, &passage, &holds,
                                   &state, error);
    if (code == IML_OK && state == IMLD_QUEUED)
        code = imld_intents_obey_queued(database, request->number, error);
    return code;
}

void imld_job_end_prepare(struct imld_job_end *request)
{
    request->write.apply = apply_end;
}
