/* jobs.c: ids, and reading jobs. */
#include "storage/jobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "storage/spec_hash.h"
#include "storage/state.h"

/* The order of read_row. */
#define COLUMNS                                                                                    \
    "number, state, owner, name, note, tags, spec, early_stopping, reason, result, error, split,"  \
    " program, best_metric, best_is_higher,"                                                       \
    " EXISTS (SELECT 1 FROM checkpoints WHERE job = number AND checkpoints.name <> 'best'),"       \
    " is_suspect, losses, priority, attempt, threads, memory_bytes, created_ms, started_ms,"       \
    " ended_ms, changed_ms, step, steps_of, running_seconds, revision,"                            \
    " (SELECT group_concat(verb) FROM intents WHERE job = number)"

void imld_job_id(int64_t number, char id[IMLD_JOB_ID_MAX])
{
    (void)snprintf(id, IMLD_JOB_ID_MAX, "j%07lld", (long long)number);
}

bool imld_job_number(const char *id, int64_t *number)
{
    if (id[0] != 'j' || strlen(id) >= IMLD_JOB_ID_MAX) return false;
    int64_t value = 0;
    for (const char *digit = id + 1; *digit; digit++) {
        if (*digit < '0' || *digit > '9') return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *digit - '0', &value))
            return false;
    }
    char canonical[IMLD_JOB_ID_MAX];
    imld_job_id(value, canonical);
    if (value < 1 || strcmp(canonical, id) != 0) return false;
    *number = value;
    return true;
}

enum iml_code imld_job_absent(int64_t number, struct iml_error *error)
{
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(number, id);
    return iml_error_set(error, IML_ERROR_NOT_FOUND, "there is no job %s", id);
}

enum iml_code imld_job_not_running(int64_t number, struct iml_error *error)
{
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(number, id);
    return iml_error_set(error, IML_ERROR_CONFLICT, "job %s is not running", id);
}

void imld_job_clear(struct imld_job *job)
{
    char *const texts[] = {job->owner, job->name,           job->note,    job->tags,
                           job->spec,  job->early_stopping, job->reason,  job->result,
                           job->error, job->split,          job->program, job->best_metric};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) free(texts[i]);
    *job = (struct imld_job){0};
}

/* Borrowed from the statement: valid until its next step. */
static void read_row(sqlite3_stmt *statement, struct imld_job *job)
{
    char **const texts[] = {&job->owner, &job->name,           &job->note,    &job->tags,
                            &job->spec,  &job->early_stopping, &job->reason,  &job->result,
                            &job->error, &job->split,          &job->program, &job->best_metric};
    int64_t *const losses_to_step_of[] = {&job->losses,     &job->priority,     &job->attempt,
                                          &job->threads,    &job->memory_bytes, &job->created_ms,
                                          &job->started_ms, &job->ended_ms,     &job->changed_ms,
                                          &job->step,       &job->steps_of};
    *job = (struct imld_job){0};
    int column = 0;
    job->number = sqlite3_column_int64(statement, column++);
    (void)imld_state_parse(imld_column_text(statement, column++), &job->state);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        /* the struct owns its texts elsewhere: here it borrows, and imld_job_clear is never called
         */
        const union {
            const char *borrowed;
            char *text;
        } value = {.borrowed = imld_column_text(statement, column++)};
        *texts[i] = value.text;
    }
    job->best_is_higher = sqlite3_column_int(statement, column++) != 0;
    job->has_checkpoint = sqlite3_column_int(statement, column++) != 0;
    job->is_suspect = sqlite3_column_int(statement, column++) != 0;
    for (size_t i = 0; i < sizeof losses_to_step_of / sizeof losses_to_step_of[0]; i++)
        *losses_to_step_of[i] = sqlite3_column_int64(statement, column++);
    job->running_seconds = sqlite3_column_double(statement, column++);
    job->revision = sqlite3_column_int64(statement, column++);
    const char *intents = imld_column_text(statement, column);
    for (unsigned verb = 0; intents && verb < IMLD_VERBS; verb++) {
        if (strstr(intents, imld_verb_name((enum imld_verb)verb))) job->intents |= 1u << verb;
    }
}

/* Owned copies of what read_row borrowed; on failure nothing is owned. */
static enum iml_code own_texts(struct imld_job *job, struct iml_error *error)
{
    char **const texts[] = {&job->owner, &job->name,           &job->note,    &job->tags,
                            &job->spec,  &job->early_stopping, &job->reason,  &job->result,
                            &job->error, &job->split,          &job->program, &job->best_metric};
    bool has_failed = false;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!*texts[i]) continue;
        *texts[i] = strdup(*texts[i]);
        has_failed = has_failed || !*texts[i];
    }
    if (!has_failed) return IML_OK;
    imld_job_clear(job);
    return iml_error_set(error, IML_ERROR_MEMORY, "no memory for a job");
}

enum iml_code imld_job_get(struct imld_reader *reader, int64_t number, struct imld_job *job,
                           struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(number), imld_bind_end()};
    *job = (struct imld_job){0};
    sqlite3_stmt *statement = imld_statement(
        &reader->connection, "SELECT " COLUMNS " FROM jobs WHERE number = ?1", binds, error);
    if (!statement) return imld_failed(error);
    bool has_row = false;
    enum iml_code code = imld_statement_step(&reader->connection, statement, &has_row, error);
    if (code == IML_OK && !has_row) {
        code = imld_job_absent(number, error);
    } else if (code == IML_OK) {
        read_row(statement, job);
        code = own_texts(job, error);
    }
    imld_statement_end(statement);
    return code;
}

/* ",queued,running,": the states of a filter as the SQL below looks them up. */
static void add_states(struct imld_text *text, unsigned states)
{
    imld_text_add(text, ",");
    for (unsigned state = 0; state < IMLD_STATES; state++) {
        if (states & (1u << state))
            imld_text_printf(text, "%s,", imld_state_name((enum imld_state)state));
    }
}

enum iml_code imld_jobs_list(struct imld_reader *reader, const struct imld_job_filter *filter,
                             bool (*visit)(void *context, const struct imld_job *job),
                             void *context, struct iml_error *error)
{
    struct imld_text states = {0};
    add_states(&states, filter->states);
    if (states.has_failed) {
        imld_text_clear(&states);
        return iml_error_set(error, IML_ERROR_MEMORY, "no memory for a list of jobs");
    }
    const struct imld_bind binds[] = {imld_bind_integer(filter->before),
                                      imld_bind_integer((int64_t)filter->limit),
                                      imld_bind_text(filter->states ? states.bytes : NULL),
                                      imld_bind_text(filter->owner),
                                      imld_bind_text(filter->tag),
                                      imld_bind_text(filter->name),
                                      imld_bind_end()};
    sqlite3_stmt *statement = imld_statement(
        &reader->connection,
        "SELECT " COLUMNS " FROM jobs WHERE (?1 = 0 OR number < ?1)"
        " AND (?3 IS NULL OR instr(?3, ',' || state || ','))"
        " AND (?4 IS NULL OR owner = ?4)"
        " AND (?5 IS NULL OR EXISTS (SELECT 1 FROM json_each(tags) WHERE value = ?5))"
        " AND (?6 IS NULL OR instr(lower(name), lower(?6)))"
        " ORDER BY number DESC LIMIT ?2",
        binds, error);
    enum iml_code code = statement ? IML_OK : imld_failed(error);
    bool has_row = true;
    while (code == IML_OK && has_row) {
        struct imld_job job;
        code = imld_statement_step(&reader->connection, statement, &has_row, error);
        if (code != IML_OK || !has_row) break;
        read_row(statement, &job);
        if (!visit(context, &job)) break;
    }
    imld_statement_end(statement);
    imld_text_clear(&states);
    return code;
}

enum iml_code imld_jobs_ahead(struct imld_reader *reader, int64_t number, int64_t *count,
                              int64_t first[8], size_t *first_count, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(number), imld_bind_end()};
    sqlite3_stmt *statement =
        imld_statement(&reader->connection,
                       "SELECT ahead.number FROM jobs AS ahead, jobs AS this WHERE this.number = ?1"
                       " AND ahead.state = 'queued' AND (ahead.priority > this.priority"
                       " OR (ahead.priority = this.priority AND ahead.number < this.number))"
                       " ORDER BY ahead.priority DESC, ahead.number",
                       binds, error);
    *count = 0;
    *first_count = 0;
    if (!statement) return imld_failed(error);
    enum iml_code code = IML_OK;
    bool has_row = true;
    while (code == IML_OK && has_row) {
        code = imld_statement_step(&reader->connection, statement, &has_row, error);
        if (code != IML_OK || !has_row) break;
        if (*first_count < 8) first[(*first_count)++] = sqlite3_column_int64(statement, 0);
        ++*count;
    }
    imld_statement_end(statement);
    return code;
}

enum iml_code imld_jobs_count(struct imld_reader *reader, int64_t counts[IMLD_STATES],
                              struct iml_error *error)
{
    sqlite3_stmt *statement = imld_statement(
        &reader->connection, "SELECT state, count(*) FROM jobs GROUP BY state", NULL, error);
    for (size_t i = 0; i < IMLD_STATES; i++) counts[i] = 0;
    if (!statement) return imld_failed(error);
    enum iml_code code = IML_OK;
    bool has_row = true;
    while (code == IML_OK && has_row) {
        enum imld_state state;
        code = imld_statement_step(&reader->connection, statement, &has_row, error);
        if (code == IML_OK && has_row && imld_state_parse(imld_column_text(statement, 0), &state))
            counts[state] = sqlite3_column_int64(statement, 1);
    }
    imld_statement_end(statement);
    return code;
}

enum iml_code imld_job_identical(struct imld_reader *reader, const char *spec, int64_t *number,
                                 struct iml_error *error)
{
    unsigned char hash[IMLD_SPEC_HASH_BYTES];
    *number = 0;
    const enum iml_code code = imld_spec_hash(spec, hash, error);
    if (code != IML_OK) return code;
    const struct imld_bind binds[] = {imld_bind_blob(hash, sizeof hash), imld_bind_end()};
    return imld_sql_integer(&reader->connection,
                            "SELECT number FROM jobs WHERE spec_hash = ?1"
                            " ORDER BY number DESC LIMIT 1",
                            binds, number, error);
}
