/* snapshot.h: the registry of a trainer as a list of tensors, and back (DESIGN §3: a checkpoint is
 * the registry and nothing else). */
#ifndef IMLD_DAEMON_SNAPSHOT_H
#define IMLD_DAEMON_SNAPSHOT_H

#include "imld/registry.h"
#include "storage/checkpoints.h"

/* A state in memory, in the outside's order. All memory is taken when it opens. */
struct imld_snapshot {
    void *bytes;                 /* owned */
    size_t byte_count;           /* iml_registry_bytes */
    struct imld_tensor *tensors; /* owned; in registry order, their data in `bytes` */
    size_t tensor_count;
};

IML_MUST_USE enum iml_code imld_snapshot_open(struct imld_snapshot *snapshot,
                                              const struct iml_registry *registry,
                                              struct iml_error *error);
void imld_snapshot_close(struct imld_snapshot *snapshot);

/* Copies the state out of the registry, and back in (then call iml_trainer_restored). Nothing is
 * allocated. */
void imld_snapshot_take(struct imld_snapshot *snapshot, const struct iml_registry *registry);
void imld_snapshot_give(const struct imld_snapshot *snapshot, const struct iml_registry *registry);

/* Fills the snapshot from a checkpoint: each tensor is looked up by name and its type and shape are
 * compared; nothing may be missing or left over. IML_ERROR_DATA names the tensor; the snapshot is
 * then unchanged. */
IML_MUST_USE enum iml_code imld_snapshot_load(struct imld_snapshot *snapshot,
                                              const struct imld_checkpoint_content *content,
                                              struct iml_error *error);

/* Takes from a checkpoint the tensors whose names begin with one of the prefixes (a list that ends
 * with NULL): each of the snapshot's must be in the checkpoint, in its type and shape; the others
 * stay. IML_ERROR_DATA names the tensor; the snapshot is then unchanged. */
IML_MUST_USE enum iml_code imld_snapshot_import(struct imld_snapshot *snapshot,
                                                const struct imld_checkpoint_content *content,
                                                const char *const *prefixes,
                                                struct iml_error *error);

#endif
