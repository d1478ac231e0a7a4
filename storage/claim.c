/* claim.c: the queue gives a job to a run: one transaction (DESIGN §5). */
#include <assert.h>
#include <stdlib.h>

#include "storage/transitions.h"

struct candidates {
    struct imld_candidate *items; /* owned */
    size_t count, capacity;
};

static bool append(struct candidates *candidates, const struct imld_candidate *candidate)
{
    if (candidates->count == candidates->capacity) {
        const size_t more = candidates->capacity ? candidates->capacity * 2 : 64;
        struct imld_candidate *moved = realloc(candidates->items, more * sizeof *moved);
        if (!moved) return false;
        candidates->items = moved;
        candidates->capacity = more;
    }
    candidates->items[candidates->count++] = *candidate;
    return true;
}

static enum iml_code list_queued(struct imld_connection *connection, struct candidates *queued,
                                 struct iml_error *error)
{
    sqlite3_stmt *statement = imld_statement(
        connection,
        "SELECT number, priority, threads, memory_bytes, created_ms, is_suspect FROM jobs"
        " WHERE state = 'queued' ORDER BY priority DESC, number",
        NULL, error);
    if (!statement) return imld_failed(error);
    enum iml_code code = IML_OK;
    while (imld_statement_next(connection, statement, &code, error)) {
        const struct imld_candidate candidate = {
            .number = sqlite3_column_int64(statement, 0),
            .priority = sqlite3_column_int64(statement, 1),
            .threads = sqlite3_column_int64(statement, 2),
            .memory_bytes = sqlite3_column_int64(statement, 3),
            .created_ms = sqlite3_column_int64(statement, 4),
            .is_suspect = sqlite3_column_int(statement, 5) != 0,
        };
        if (!append(queued, &candidate))
            code = iml_error_set(error, IML_ERROR_MEMORY, "no memory for the queue");
    }
    imld_statement_end(statement);
    return code;
}

static enum iml_code apply(struct imld_write *self, struct imld_database *database,
                           struct iml_error *error)
{
    struct imld_job_claim *request = (struct imld_job_claim *)self;
    struct candidates queued = {0};
    struct imld_standing standing;
    const struct imld_passage passage = {.actor = "imld"};
    request->number = 0;
    request->from_checkpoint = false;
    enum iml_code code = list_queued(&database->connection, &queued, error);
    ptrdiff_t chosen = -1;
    if (code == IML_OK && queued.count > 0)
        chosen = request->choose(request->choose_context, queued.items, queued.count);
    assert(chosen < (ptrdiff_t)queued.count);
    if (chosen >= 0) {
        request->number = queued.items[chosen].number;
        code = imld_standing_get(&database->connection, request->number, &standing, error);
        if (code == IML_OK)
            code = imld_transition_apply(database, request->number, &standing, IMLD_VERB_CLAIM,
                                         IMLD_RUNNING, &passage, error);
        request->from_checkpoint = code == IML_OK && standing.has_checkpoint;
    }
    self->is_empty = chosen < 0; /* the queue is looked at often: each look would be an fsync */
    free(queued.items);
    return code;
}

void imld_job_claim_prepare(struct imld_job_claim *request)
{
    request->write.apply = apply;
}
