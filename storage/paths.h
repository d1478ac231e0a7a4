/* paths.h: file names below the state folder (private to storage/). */
#ifndef IMLD_STORAGE_PATHS_H
#define IMLD_STORAGE_PATHS_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

/* path = root, or path += "/name"; false: longer than PATH_MAX (path is as it was). */
bool imld_path_start(char path[PATH_MAX], const char *root);
bool imld_path_append(char path[PATH_MAX], const char *name);

/* FOLDER/checkpoints/ID[/NAME]; name may be NULL. */
bool imld_path_checkpoint(char path[PATH_MAX], const char *folder, int64_t job, const char *name);

#endif
