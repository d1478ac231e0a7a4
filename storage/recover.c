/* recover.c: at start, jobs that were running when the process died (DESIGN §5): back to the queue
 * as suspects; a suspect that ran alone is failed at its third loss. */
#include <stdio.h>

#include "storage/transitions.h"

#define LOSSES_MAX 3

/* The running ones, one after the other: each transition takes one away. */
static enum iml_code first_running(struct imld_connection *connection, int64_t *number,
                                   struct iml_error *error)
{
    *number = 0;
    return imld_sql_integer(connection,
                            "SELECT number FROM jobs WHERE state = 'running' ORDER BY number", NULL,
                            number, error);
}

static enum iml_code fail(struct imld_database *database, int64_t number,
                          struct imld_standing *standing, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(number), imld_bind_end()};
    char reason[96];
    (void)snprintf(reason, sizeof reason,
                   "{\"kind\":\"process_lost\",\"rule\":null,\"numbers\":{\"losses\":%d}}",
                   LOSSES_MAX);
    const struct imld_passage passage = {
        .actor = "imld",
        .reason = reason,
        .error = "{\"what\":\"the process died three times under this job, without a new "
                 "checkpoint in between\",\"where\":\"\",\"mend\":\"look at the daemon's log and "
                 "at the job's memory; retry goes on from its last checkpoint\"}"};
    const enum iml_code code =
        imld_sql_run(&database->connection, "UPDATE jobs SET losses = losses + 1 WHERE number = ?1",
                     binds, error);
    if (code != IML_OK) return code;
    return imld_transition_apply(database, number, standing, IMLD_VERB_FAIL, IMLD_FAILED, &passage,
                                 error);
}

static enum iml_code recover_one(struct imld_database *database, int64_t number,
                                 int64_t running_suspects, struct imld_jobs_recover *request,
                                 struct iml_error *error)
{
    const struct imld_passage passage = {.actor = "imld"};
    struct imld_standing standing;
    enum imld_state to = IMLD_QUEUED;
    enum iml_code code = imld_standing_get(&database->connection, number, &standing, error);
    if (code != IML_OK) return code;
    const bool ran_alone = standing.is_suspect && running_suspects == 1;
    if (ran_alone && standing.losses + 1 >= LOSSES_MAX) {
        request->failed++;
        return fail(database, number, &standing, error);
    }
    (void)imld_transition_find(IMLD_VERB_LOST, standing.state, standing.has_checkpoint, &to);
    code = imld_transition_apply(database, number, &standing, IMLD_VERB_LOST, to, &passage, error);
    if (code == IML_OK) code = imld_intents_obey_queued(database, number, error);
    if (code == IML_OK) request->requeued++;
    return code;
}

static enum iml_code apply(struct imld_write *self, struct imld_database *database,
                           struct iml_error *error)
{
    struct imld_jobs_recover *request = (struct imld_jobs_recover *)self;
    int64_t suspects = 0;
    int64_t number = 0;
    request->requeued = request->failed = 0;
    enum iml_code code = imld_sql_integer(
        &database->connection, "SELECT count(*) FROM jobs WHERE state = 'running' AND is_suspect",
        NULL, &suspects, error);
    for (;;) {
        if (code == IML_OK) code = first_running(&database->connection, &number, error);
        if (code != IML_OK || number == 0) return code;
        code = recover_one(database, number, suspects, request, error);
    }
}

void imld_jobs_recover_prepare(struct imld_jobs_recover *request)
{
    request->write.apply = apply;
}
