/* orphans.c: at start, files below checkpoints/ that no row names and no job starts from:
 * temporaries, files whose transaction never came, pruned ones that a crash left behind (DESIGN
 * §6). */
#include <dirent.h>
#include <string.h>

#include "base/io.h"
#include "storage/needed.h"
#include "storage/paths.h"
#include "storage/state.h"

/* The name of the next entry that is not the folder itself or its parent; NULL: the end. */
static const char *next_name(DIR *folder)
{
    for (;;) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): glibc's is safe where a stream has one thread */
        const struct dirent *entry = readdir(folder);
        if (!entry) return NULL;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return entry->d_name;
    }
}

static void remove_file(struct imld_storage *storage, const char *path)
{
    struct iml_error error = {0};
    if (imld_io()->unlink(path) == 0) {
        imld_storage_log(storage, "info", "removed the orphan %s", path);
        return;
    }
    imld_io_error(&error, "remove the orphan", path);
    imld_storage_log(storage, "warn", "%s (%s)", error.what, path);
}

static void clean_job(struct imld_storage *storage, struct imld_connection *connection, int64_t job,
                      const char *folder)
{
    DIR *files = opendir(folder);
    bool is_empty = true;
    if (!files) return;
    for (const char *name = next_name(files); name; name = next_name(files)) {
        char path[PATH_MAX];
        struct iml_error error = {0};
        int64_t count = 0;
        bool is_needed = false;
        const struct imld_bind binds[] = {imld_bind_integer(job), imld_bind_text(name),
                                          imld_bind_end()};
        enum iml_code code = imld_sql_integer(
            connection, "SELECT count(*) FROM checkpoints WHERE job = ?1 AND file = ?2", binds,
            &count, &error);
        if (code == IML_OK) code = imld_needed_file(connection, job, name, &is_needed, &error);
        if (code != IML_OK || count > 0 || is_needed) {
            is_empty = false;
            continue;
        }
        if (imld_path_start(path, folder) && imld_path_append(path, name))
            remove_file(storage, path);
    }
    (void)closedir(files);
    if (is_empty) (void)imld_io()->rmdir(folder); /* not empty after all: it stays */
}

void imld_orphans_remove(struct imld_storage *storage, struct imld_connection *connection)
{
    char root[PATH_MAX];
    if (!imld_storage_path(storage, "checkpoints", root)) return;
    DIR *jobs = opendir(root);
    if (!jobs) return;
    for (const char *name = next_name(jobs); name; name = next_name(jobs)) {
        char folder[PATH_MAX];
        int64_t job = 0;
        if (!imld_job_number(name, &job)) continue; /* not ours */
        if (imld_path_checkpoint(folder, storage->folder, job, NULL))
            clean_job(storage, connection, job, folder);
    }
    (void)closedir(jobs);
}
