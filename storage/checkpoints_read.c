/* checkpoints_read.c: listing, opening and reading checkpoints. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "storage/checkpoint_file.h"
#include "storage/jobs.h"
#include "storage/paths.h"
#include "storage/state.h"

#define COLUMNS "name, step, bytes, created_ms, sha256, file"

static void read_row(sqlite3_stmt *statement, struct imld_checkpoint *checkpoint)
{
    (void)snprintf(checkpoint->name, sizeof checkpoint->name, "%s", imld_column_text(statement, 0));
    checkpoint->step = sqlite3_column_int64(statement, 1);
    checkpoint->bytes = sqlite3_column_int64(statement, 2);
    checkpoint->created_ms = sqlite3_column_int64(statement, 3);
    (void)snprintf(checkpoint->sha256, sizeof checkpoint->sha256, "%s",
                   imld_column_text(statement, 4));
}

enum iml_code imld_checkpoints_list(struct imld_reader *reader, int64_t job,
                                    bool (*visit)(void *context, const struct imld_checkpoint *c),
                                    void *context, struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_end()};
    sqlite3_stmt *statement = imld_statement(
        &reader->connection,
        "SELECT " COLUMNS " FROM checkpoints WHERE job = ?1"
        " ORDER BY name IN ('best', 'last'), CASE WHEN name IN ('best', 'last') THEN 0 ELSE step"
        " END, name",
        binds, error);
    if (!statement) return imld_failed(error);
    enum iml_code code = IML_OK;
    while (imld_statement_next(&reader->connection, statement, &code, error)) {
        struct imld_checkpoint checkpoint;
        read_row(statement, &checkpoint);
        if (!visit(context, &checkpoint)) break;
    }
    imld_statement_end(statement);
    return code;
}

enum iml_code imld_checkpoint_newest(struct imld_reader *reader, int64_t job,
                                     struct imld_checkpoint *checkpoint, bool *found,
                                     struct iml_error *error)
{
    const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_end()};
    *found = false;
    sqlite3_stmt *statement =
        imld_statement(&reader->connection,
                       "SELECT " COLUMNS " FROM checkpoints WHERE job = ?1 AND name <> 'best'"
                       " ORDER BY step DESC, name = 'last' DESC LIMIT 1",
                       binds, error);
    if (!statement) return imld_failed(error);
    const enum iml_code code = imld_statement_step(&reader->connection, statement, found, error);
    if (code == IML_OK && *found) read_row(statement, checkpoint);
    imld_statement_end(statement);
    return code;
}

/* The row and the file's path. */
static enum iml_code find(struct imld_reader *reader, int64_t job, const char *name,
                          struct imld_checkpoint *checkpoint, char path[PATH_MAX],
                          struct iml_error *error)
{
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(job, id);
    const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_text(name),
                                      imld_bind_end()};
    sqlite3_stmt *statement = imld_statement(
        &reader->connection, "SELECT " COLUMNS " FROM checkpoints WHERE job = ?1 AND name = ?2",
        binds, error);
    if (!statement) return imld_failed(error);
    bool has_row = false;
    enum iml_code code = imld_statement_step(&reader->connection, statement, &has_row, error);
    if (code == IML_OK && !has_row)
        code =
            iml_error_set(error, IML_ERROR_NOT_FOUND, "job %s has no checkpoint %.40s", id, name);
    if (code == IML_OK) {
        read_row(statement, checkpoint);
        if (!imld_path_checkpoint(path, reader->storage->folder, job,
                                  imld_column_text(statement, 5)))
            code = iml_error_set(error, IML_ERROR_IO, "the path of a checkpoint is too long");
    }
    imld_statement_end(statement);
    return code;
}

/* Between the row and the open the file may be pruned: then the row is looked at again, and it
 * names another file or is gone. */
static enum iml_code open_file(struct imld_reader *reader, int64_t job, const char *name,
                               struct imld_checkpoint *checkpoint, char path[PATH_MAX], int *fd,
                               struct iml_error *error)
{
    *fd = -1;
    for (unsigned attempt = 0;; attempt++) {
        const enum iml_code code = find(reader, job, name, checkpoint, path, error);
        if (code != IML_OK) return code;
        *fd = open(path, O_RDONLY | O_CLOEXEC);
        if (*fd >= 0) return IML_OK;
        if (errno != ENOENT) return imld_io_error(error, "open", path);
        if (attempt == 8) break;
    }
    (void)iml_error_set(error, IML_ERROR_DATA, "the checkpoint's file is not there");
    iml_error_where(error, "%s", path);
    return IML_ERROR_DATA;
}

enum iml_code imld_checkpoint_open(struct imld_reader *reader, int64_t job, const char *name,
                                   struct imld_checkpoint *checkpoint, int *fd,
                                   struct iml_error *error)
{
    char path[PATH_MAX];
    enum iml_code code = open_file(reader, job, name, checkpoint, path, fd, error);
    if (code == IML_OK) code = imld_checkpoint_file_check(*fd, path, checkpoint, error);
    if (code == IML_OK || *fd < 0) return code;
    (void)close(*fd);
    *fd = -1;
    return code;
}

enum iml_code imld_checkpoint_read(struct imld_reader *reader, int64_t job, const char *name,
                                   struct imld_checkpoint_content *content, struct iml_error *error)
{
    struct imld_checkpoint checkpoint;
    char path[PATH_MAX];
    int fd = -1;
    *content = (struct imld_checkpoint_content){0};
    enum iml_code code = open_file(reader, job, name, &checkpoint, path, &fd, error);
    if (code != IML_OK) return code;
    code = imld_checkpoint_file_load(fd, path, &checkpoint, content, error);
    (void)close(fd);
    return code;
}
