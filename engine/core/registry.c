/* registry.c: what must survive a restart, by name; see include/imld/registry.h. */
#include "imld/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static const size_t type_bytes[] = {
    [IML_ITEM_REAL] = sizeof(iml_real), [IML_ITEM_F64] = sizeof(double),
    [IML_ITEM_U64] = sizeof(uint64_t),  [IML_ITEM_U32] = sizeof(uint32_t),
    [IML_ITEM_U8] = sizeof(uint8_t),
};

static const char *const type_names[] = {
    [IML_ITEM_REAL] = sizeof(iml_real) == sizeof(double) ? "F64" : "F32",
    [IML_ITEM_F64] = "F64",
    [IML_ITEM_U64] = "U64",
    [IML_ITEM_U32] = "U32",
    [IML_ITEM_U8] = "U8",
};

enum iml_code iml_registry_open(struct iml_registry *registry, struct iml_error *error)
{
    registry->count = 0;
    registry->items = calloc(IML_ITEMS_MAX, sizeof *registry->items);
    if (!registry->items)
        return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a registry of %d items",
                             IML_ITEMS_MAX);
    return IML_OK;
}

void iml_registry_close(struct iml_registry *registry)
{
    free(registry->items);
    *registry = (struct iml_registry){0};
}

enum iml_code iml_registry_add(struct iml_registry *registry, const struct iml_item *item,
                               struct iml_error *error)
{
    assert(item->rank <= IML_RANK_MAX && (!item->is_transposed || item->rank == 2));
    assert(!iml_registry_find(registry, item->name));
    if (registry->count == IML_ITEMS_MAX)
        return iml_error_set(error, IML_ERROR_LIMIT, "a run can't have more than %d state items",
                             IML_ITEMS_MAX);
    registry->items[registry->count++] = *item;
    return IML_OK;
}

const struct iml_item *iml_registry_find(const struct iml_registry *registry, const char *name)
{
    for (size_t i = 0; i < registry->count; i++) {
        if (strcmp(registry->items[i].name, name) == 0) return &registry->items[i];
    }
    return NULL;
}

size_t iml_item_bytes(const struct iml_item *item)
{
    size_t bytes = type_bytes[item->type];
    for (size_t i = 0; i < item->rank; i++) bytes *= item->shape[i];
    return bytes;
}

size_t iml_registry_bytes(const struct iml_registry *registry)
{
    size_t bytes = 0;
    for (size_t i = 0; i < registry->count; i++) bytes += iml_item_bytes(&registry->items[i]);
    return bytes;
}

/* out (columns × rows) = in (rows × columns) turned, elements of `size` bytes */
static void transpose(size_t rows, size_t columns, size_t size, const char *in, char *out)
{
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++)
            memcpy(out + (c * rows + r) * size, in + (r * columns + c) * size, size);
    }
}

void iml_item_export(const struct iml_item *item, void *out, size_t bytes)
{
    assert(bytes == iml_item_bytes(item));
    if (item->is_transposed)
        transpose(item->shape[1], item->shape[0], type_bytes[item->type], item->data, out);
    else
        memcpy(out, item->data, bytes);
}

void iml_item_import(const struct iml_item *item, const void *in, size_t bytes)
{
    assert(bytes == iml_item_bytes(item));
    if (item->is_transposed)
        transpose(item->shape[0], item->shape[1], type_bytes[item->type], in, item->data);
    else
        memcpy(item->data, in, bytes);
}

void iml_registry_export(const struct iml_registry *registry, void *out, size_t bytes)
{
    assert(bytes == iml_registry_bytes(registry));
    char *at = out;
    for (size_t i = 0; i < registry->count; i++) {
        const size_t item_bytes = iml_item_bytes(&registry->items[i]);
        iml_item_export(&registry->items[i], at, item_bytes);
        at += item_bytes;
    }
}

void iml_registry_import(const struct iml_registry *registry, const void *in, size_t bytes)
{
    assert(bytes == iml_registry_bytes(registry));
    const char *at = in;
    for (size_t i = 0; i < registry->count; i++) {
        const size_t item_bytes = iml_item_bytes(&registry->items[i]);
        iml_item_import(&registry->items[i], at, item_bytes);
        at += item_bytes;
    }
}

const char *iml_item_dtype(const struct iml_item *item)
{
    return type_names[item->type];
}
