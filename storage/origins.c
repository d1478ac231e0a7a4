/* origins.c: reading the checkpoint that a job starts from; see origins.h. */
#include "storage/origins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/checkpoint_file.h"
#include "storage/jobs.h"
#include "storage/paths.h"
#include "storage/state.h"

void imld_origin_clear(struct imld_origin *origin)
{
    free(origin->spec);
    free(origin->split);
    *origin = (struct imld_origin){0};
}

static char *copy(const char *text, bool *has_failed)
{
    char *copied = text ? strdup(text) : NULL;
    *has_failed = *has_failed || (text && !copied);
    return copied;
}

static enum iml_code read_row(struct imld_reader *reader, sqlite3_stmt *statement,
                              struct imld_origin *origin, char path[PATH_MAX],
                              struct iml_error *error)
{
    struct imld_checkpoint *checkpoint = &origin->checkpoint;
    bool has_failed = false;
    origin->source = sqlite3_column_int64(statement, 0);
    (void)snprintf(checkpoint->name, sizeof checkpoint->name, "%s", imld_column_text(statement, 1));
    checkpoint->step = sqlite3_column_int64(statement, 2);
    checkpoint->bytes = sqlite3_column_int64(statement, 3);
    checkpoint->created_ms = sqlite3_column_int64(statement, 4);
    (void)snprintf(checkpoint->sha256, sizeof checkpoint->sha256, "%s",
                   imld_column_text(statement, 5));
    origin->spec = copy(imld_column_text(statement, 7), &has_failed);
    origin->split = copy(imld_column_text(statement, 8), &has_failed);
    if (has_failed) return iml_error_set(error, IML_ERROR_MEMORY, "no memory for another job");
    if (imld_path_checkpoint(path, reader->storage->folder, origin->source,
                             imld_column_text(statement, 6)))
        return IML_OK;
    return iml_error_set(error, IML_ERROR_IO, "the path of a checkpoint is too long");
}

static enum iml_code find(struct imld_reader *reader, int64_t job, struct imld_origin *origin,
                          char path[PATH_MAX], struct iml_error *error)
{
    char id[IMLD_JOB_ID_MAX];
    const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_end()};
    sqlite3_stmt *statement =
        imld_statement(&reader->connection,
                       "SELECT o.source, o.name, o.step, o.bytes, o.created_ms, o.sha256, o.file,"
                       " jobs.spec, jobs.split FROM origins AS o"
                       " LEFT JOIN jobs ON jobs.number = o.source WHERE o.job = ?1",
                       binds, error);
    if (!statement) return imld_failed(error);
    bool has_row = false;
    enum iml_code code = imld_statement_step(&reader->connection, statement, &has_row, error);
    imld_job_id(job, id);
    if (code == IML_OK && !has_row)
        code = iml_error_set(error, IML_ERROR_NOT_FOUND, "job %s starts from no checkpoint", id);
    if (code == IML_OK) code = read_row(reader, statement, origin, path, error);
    imld_statement_end(statement);
    return code;
}

enum iml_code imld_origin_read(struct imld_reader *reader, int64_t job, struct imld_origin *origin,
                               struct imld_checkpoint_content *content, struct iml_error *error)
{
    char path[PATH_MAX];
    *origin = (struct imld_origin){0};
    *content = (struct imld_checkpoint_content){0};
    enum iml_code code = find(reader, job, origin, path, error);
    if (code == IML_OK) code = imld_checkpoint_file_read(path, &origin->checkpoint, content, error);
    if (code != IML_OK) imld_origin_clear(origin);
    return code;
}
