/* paths.c: file names below the state folder. */
#include "storage/paths.h"

#include <string.h>

#include "storage/jobs.h"

bool imld_path_start(char path[PATH_MAX], const char *root)
{
    const size_t length = strlen(root);
    if (length >= PATH_MAX) return false;
    memcpy(path, root, length + 1);
    return true;
}

bool imld_path_append(char path[PATH_MAX], const char *name)
{
    const size_t before = strlen(path);
    const size_t length = strlen(name);
    if (before + 1 + length >= PATH_MAX) return false;
    path[before] = '/';
    memcpy(path + before + 1, name, length + 1);
    return true;
}

bool imld_path_checkpoint(char path[PATH_MAX], const char *folder, int64_t job, const char *name)
{
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(job, id);
    return imld_path_start(path, folder) && imld_path_append(path, "checkpoints") &&
           imld_path_append(path, id) && (!name || imld_path_append(path, name));
}
