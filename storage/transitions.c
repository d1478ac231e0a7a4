/* transitions.c: the states of a job change here and nowhere else (DESIGN §5): spec/states.h says
 * what is legal, this applies it together with its event. */
#include "storage/transitions.h"

#include <assert.h>

#include "base/text.h"
#include "storage/events.h"
#include "storage/needed.h"
#include "storage/result.h"

/* What a verb does beside the state. */
struct consequence {
    const char *kind;   /* of the event */
    const char *reason; /* where the passage gives none */
    bool is_new_attempt;
    bool is_loss;
    bool forgives_losses;
    bool keeps_intents;
};

/* A reason has the same three members whatever its kind (DESIGN §7). */
#define REASON(kind) "{\"kind\":\"" kind "\",\"rule\":null,\"numbers\":{}}"

/* clang-format off */
static const struct consequence consequences[IMLD_VERBS] = {
    [IMLD_VERB_CLAIM]    = {.kind = "claimed",   .keeps_intents = true},
    [IMLD_VERB_PAUSE]    = {.kind = "paused",    .reason = REASON("paused_by_user")},
    [IMLD_VERB_RESUME]   = {.kind = "resumed"},
    [IMLD_VERB_STOP]     = {.kind = "stopped",   .reason = REASON("stopped_by_user")},
    [IMLD_VERB_CANCEL]   = {.kind = "cancelled", .reason = REASON("cancelled_by_user")},
    [IMLD_VERB_RETRY]    = {.kind = "retried",   .is_new_attempt = true, .forgives_losses = true},
    [IMLD_VERB_SHUTDOWN] = {.kind = "requeued",  .keeps_intents = true},
    [IMLD_VERB_LOST]     = {.kind = "lost",      .is_new_attempt = true, .is_loss = true, .keeps_intents = true},
    [IMLD_VERB_FINISH]   = {.kind = "completed"},
    [IMLD_VERB_FAIL]     = {.kind = "failed"},
};
/* clang-format on */

enum iml_code imld_standing_get(struct imld_connection *connection, int64_t number,
                                struct imld_standing *standing, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(number), imld_bind_end()};
    *standing = (struct imld_standing){0};
    sqlite3_stmt *statement = imld_statement(
        connection,
        "SELECT state, EXISTS (SELECT 1 FROM checkpoints WHERE job = number AND name <> 'best'),"
        " is_suspect, losses, attempt, priority, threads, memory_bytes"
        " FROM jobs WHERE number = ?1",
        binds, error);
    if (!statement) return imld_failed(error);
    bool has_row = false;
    enum iml_code code = imld_statement_step(connection, statement, &has_row, error);
    if (code == IML_OK && !has_row) {
        code = imld_job_absent(number, error);
    } else if (code == IML_OK) {
        const bool is_known = imld_state_parse(imld_column_text(statement, 0), &standing->state);
        assert(is_known); /* the table's CHECK */
        (void)is_known;
        standing->has_checkpoint = sqlite3_column_int(statement, 1) != 0;
        standing->is_suspect = sqlite3_column_int(statement, 2) != 0;
        standing->losses = sqlite3_column_int64(statement, 3);
        standing->attempt = sqlite3_column_int64(statement, 4);
        standing->priority = sqlite3_column_int64(statement, 5);
        standing->threads = sqlite3_column_int64(statement, 6);
        standing->memory_bytes = sqlite3_column_int64(statement, 7);
    }
    imld_statement_end(statement);
    return code;
}

/* One step of a job's life, as state and event tell it. */
struct change {
    const struct imld_standing *from;
    const struct consequence *consequence;
    const struct imld_passage *passage;
    const char *reason;
    enum imld_state to;
};

static enum iml_code write_state(struct imld_database *database, int64_t number,
                                 const struct change *change, struct iml_error *error)
{
    const struct consequence *consequence = change->consequence;
    const struct imld_bind binds[] = {imld_bind_integer(number),
                                      imld_bind_text(imld_state_name(change->to)),
                                      imld_bind_integer(database->now_ms),
                                      imld_bind_integer(change->to == IMLD_RUNNING),
                                      imld_bind_integer(imld_state_has_ended(change->to)),
                                      imld_bind_text(change->reason),
                                      imld_bind_text(change->passage->result),
                                      imld_bind_text(change->passage->error),
                                      imld_bind_integer(consequence->is_new_attempt),
                                      imld_bind_integer(consequence->is_loss),
                                      imld_bind_integer(consequence->forgives_losses),
                                      imld_bind_end()};
    return imld_sql_run(
        &database->connection,
        "UPDATE jobs SET state = ?2, changed_ms = ?3, revision = revision + 1,"
        " started_ms = CASE WHEN ?4 AND started_ms = 0 THEN ?3 ELSE started_ms END,"
        " ended_ms = CASE WHEN ?5 THEN ?3 ELSE 0 END, reason = ?6, result = ?7, error = ?8,"
        " attempt = attempt + ?9, is_suspect = is_suspect OR ?10,"
        " losses = CASE WHEN ?11 THEN 0 ELSE losses + ?10 END WHERE number = ?1",
        binds, error);
}

static enum iml_code write_event(struct imld_database *database, int64_t number,
                                 const struct change *change, struct iml_error *error)
{
    const struct imld_standing *from = change->from;
    const struct imld_passage *passage = change->passage;
    const int64_t attempt = from->attempt + (change->consequence->is_new_attempt ? 1 : 0);
    struct imld_text data = {0};
    imld_text_printf(&data,
                     "{\"from\":\"%s\",\"to\":\"%s\",\"attempt\":%lld,\"priority\":%lld,"
                     "\"threads\":%lld,\"memory_bytes\":%lld,\"from_checkpoint\":%s",
                     imld_state_name(from->state), imld_state_name(change->to), (long long)attempt,
                     (long long)from->priority, (long long)from->threads,
                     (long long)from->memory_bytes, from->has_checkpoint ? "true" : "false");
    if (change->reason) imld_text_printf(&data, ",\"reason\":%s", change->reason);
    if (passage->error) imld_text_printf(&data, ",\"error\":%s", passage->error);
    imld_text_add(&data, "}");
    enum iml_code code =
        data.has_failed ? iml_error_set(error, IML_ERROR_MEMORY, "no memory for an event") : IML_OK;
    if (code == IML_OK)
        code = imld_event_write(database, number, change->consequence->kind, passage->actor,
                                data.bytes, error);
    imld_text_clear(&data);
    return code;
}

static enum iml_code apply_change(struct imld_database *database, int64_t number,
                                  const struct change *change, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(number), imld_bind_end()};
    enum iml_code code = write_state(database, number, change, error);
    if (code == IML_OK && !change->consequence->keeps_intents)
        code =
            imld_sql_run(&database->connection, "DELETE FROM intents WHERE job = ?1", binds, error);
    if (code == IML_OK) code = write_event(database, number, change, error);
    if (code == IML_OK && imld_state_has_ended(change->to))
        code = imld_needed_release(database, number, error);
    return code;
}

enum iml_code imld_transition_apply(struct imld_database *database, int64_t number,
                                    const struct imld_standing *standing, enum imld_verb verb,
                                    enum imld_state to, const struct imld_passage *passage,
                                    struct iml_error *error)
{
    assert(verb < IMLD_VERBS && to < IMLD_STATES);
    const struct consequence *consequence = &consequences[verb];
    struct imld_passage whole = *passage;
    struct imld_text recorded = {0};
    enum iml_code code = IML_OK;
    if (to == IMLD_COMPLETED && standing->state != IMLD_RUNNING)
        code = imld_result_recorded(&database->connection, number, &recorded, error);
    if (recorded.length > 0) whole.result = recorded.bytes;
    const struct change change = {.from = standing,
                                  .consequence = consequence,
                                  .passage = &whole,
                                  .reason = passage->reason ? passage->reason : consequence->reason,
                                  .to = to};
    if (code == IML_OK) code = apply_change(database, number, &change, error);
    imld_text_clear(&recorded);
    return code;
}

enum iml_code imld_transition_try(struct imld_database *database, int64_t number,
                                  enum imld_verb verb, const struct imld_passage *passage,
                                  bool *holds, enum imld_state *state, struct iml_error *error)
{
    struct imld_standing standing;
    *holds = false;
    const enum iml_code code = imld_standing_get(&database->connection, number, &standing, error);
    if (code != IML_OK) return code;
    enum imld_state to = standing.state;
    *state = standing.state;
    switch (imld_transition_find(verb, standing.state, standing.has_checkpoint, &to)) {
    case IMLD_TRANSITION_HOLDS:
        *holds = true;
        return IML_OK;
    case IMLD_TRANSITION_LEGAL:
        *state = to;
        return imld_transition_apply(database, number, &standing, verb, to, passage, error);
    case IMLD_TRANSITION_ILLEGAL:
        break;
    }
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(number, id);
    return iml_error_set(error, IML_ERROR_CONFLICT, "%s is not possible: job %s is %s",
                         imld_verb_name(verb), id, imld_state_name(standing.state));
}

static enum iml_code has_intent(struct imld_database *database, int64_t number, enum imld_verb verb,
                                bool *has, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(number),
                                      imld_bind_text(imld_verb_name(verb)), imld_bind_end()};
    int64_t count = 0;
    const enum iml_code code = imld_sql_integer(
        &database->connection, "SELECT count(*) FROM intents WHERE job = ?1 AND verb = ?2", binds,
        &count, error);
    *has = count > 0;
    return code;
}

enum iml_code imld_intents_obey_queued(struct imld_database *database, int64_t number,
                                       struct iml_error *error)
{
    static const enum imld_verb verbs[] = {IMLD_VERB_CANCEL, IMLD_VERB_PAUSE};
    const struct imld_passage passage = {.actor = "imld"};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        bool has = false;
        bool holds = false;
        enum imld_state state;
        const enum iml_code code = has_intent(database, number, verbs[i], &has, error);
        if (code != IML_OK) return code;
        if (has)
            return imld_transition_try(database, number, verbs[i], &passage, &holds, &state, error);
    }
    return IML_OK;
}
