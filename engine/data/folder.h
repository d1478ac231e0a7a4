/* folder.h: a set's folder under a data root: names are looked up beneath the root, and a symbolic
 * link that leaves it is refused (DESIGN §8). Private to engine/data. */
#ifndef IMLD_ENGINE_DATA_FOLDER_H
#define IMLD_ENGINE_DATA_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "imld/dataset.h"

enum { IML_PATH_SHOWN = 384, IML_FILE_NAME_MAX = 64 };

struct iml_folder {
    int root;         /* owned: the root's descriptor; −1: closed */
    const char *path; /* borrowed: the root's path, for texts */
    char name[IML_SET_NAME_MAX];
};

/* IML_ERROR_NOT_FOUND: the root has no folder of that name. The name must be valid. */
IML_MUST_USE enum iml_code iml_folder_open(const char *root, const char *name,
                                           struct iml_folder *folder, struct iml_error *error);
void iml_folder_close(struct iml_folder *folder);

/* A descriptor of a regular file in the folder, read-only; the caller closes it. *fd = −1 and
 * IML_OK: there is no such file. */
IML_MUST_USE enum iml_code iml_folder_open_file(const struct iml_folder *folder, const char *file,
                                                int *fd, struct iml_error *error);

/* Whether the folder has the file (whatever is wrong with it). */
IML_MUST_USE enum iml_code iml_folder_has(const struct iml_folder *folder, const char *file,
                                          bool *has, struct iml_error *error);

/* Calls visit for each entry's name, in no particular order. */
IML_MUST_USE enum iml_code iml_folder_walk(const struct iml_folder *folder,
                                           void (*visit)(void *context, const char *entry),
                                           void *context, struct iml_error *error);

/* "root/name/file" for texts, cut where it is too long. */
void iml_folder_show(const struct iml_folder *folder, const char *file, char shown[IML_PATH_SHOWN]);

#endif
