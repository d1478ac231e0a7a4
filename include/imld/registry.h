/* registry.h: the list of everything that must survive a restart: name, type, shape, memory. A
 * checkpoint is this list and nothing else. Items are registered once, when a run opens. */
#ifndef IMLD_REGISTRY_H
#define IMLD_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imld/error.h"
#include "imld/real.h"

#define IML_ITEMS_MAX 1024
#define IML_ITEM_NAME_MAX 128
#define IML_RANK_MAX 4

enum iml_item_type { IML_ITEM_REAL, IML_ITEM_F64, IML_ITEM_U64, IML_ITEM_U32, IML_ITEM_U8 };

struct iml_item {
    char name[IML_ITEM_NAME_MAX]; /* "parameters/linear1.weight", "knowledge/…", "optimizer/…",
                                     "state/…": the tensor's name in a checkpoint */
    enum iml_item_type type;
    size_t rank;                /* 0: a scalar */
    size_t shape[IML_RANK_MAX]; /* as the outside sees it: PyTorch's */
    void *data;                 /* borrowed from the run's arena */
    bool is_transposed;         /* memory holds a rank-2 item as shape[1] × shape[0] */
};

struct iml_registry {
    struct iml_item *items; /* owned */
    size_t count;
};

IML_MUST_USE enum iml_code iml_registry_open(struct iml_registry *registry,
                                             struct iml_error *error);
void iml_registry_close(struct iml_registry *registry);

/* Adds an item (copied). Its name must be new; asserts otherwise. */
IML_MUST_USE enum iml_code iml_registry_add(struct iml_registry *registry,
                                            const struct iml_item *item, struct iml_error *error);

/* NULL if there is none. */
const struct iml_item *iml_registry_find(const struct iml_registry *registry, const char *name);

/* Bytes of one item's data, and of all. */
size_t iml_item_bytes(const struct iml_item *item);
size_t iml_registry_bytes(const struct iml_registry *registry);

/* Copies an item out in the outside's order (transposed items are turned), or in. `bytes` must be
 * iml_item_bytes. */
void iml_item_export(const struct iml_item *item, void *out, size_t bytes);
void iml_item_import(const struct iml_item *item, const void *in, size_t bytes);

/* All items in registry order, one after the other, each exported; `bytes` = iml_registry_bytes. */
void iml_registry_export(const struct iml_registry *registry, void *out, size_t bytes);
void iml_registry_import(const struct iml_registry *registry, const void *in, size_t bytes);

/* "F32", "F64", "U64", "U32", "U8": the safetensors name of the type in this build. */
const char *iml_item_dtype(const struct iml_item *item);

#endif
