/* snapshot.c: registry → tensors and back; see snapshot.h. */
#include "daemon/snapshot.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum iml_code imld_snapshot_open(struct imld_snapshot *snapshot,
                                 const struct iml_registry *registry, struct iml_error *error)
{
    *snapshot = (struct imld_snapshot){.byte_count = iml_registry_bytes(registry),
                                       .tensor_count = registry->count};
    snapshot->bytes = calloc(snapshot->byte_count + 1, 1);
    snapshot->tensors = calloc(registry->count + 1, sizeof *snapshot->tensors);
    if (!snapshot->bytes || !snapshot->tensors) {
        imld_snapshot_close(snapshot);
        return iml_error_set(error, IML_ERROR_MEMORY, "no memory for a snapshot of %zu bytes",
                             iml_registry_bytes(registry));
    }
    char *at = snapshot->bytes;
    for (size_t i = 0; i < registry->count; i++) {
        const struct iml_item *item = &registry->items[i];
        struct imld_tensor *tensor = &snapshot->tensors[i];
        *tensor = (struct imld_tensor){.dtype = iml_item_dtype(item),
                                       .rank = item->rank,
                                       .data = at,
                                       .bytes = iml_item_bytes(item)};
        (void)snprintf(tensor->name, sizeof tensor->name, "%s", item->name);
        memcpy(tensor->shape, item->shape, sizeof tensor->shape);
        at += tensor->bytes;
    }
    return IML_OK;
}

void imld_snapshot_close(struct imld_snapshot *snapshot)
{
    free(snapshot->bytes);
    free(snapshot->tensors);
    *snapshot = (struct imld_snapshot){0};
}

void imld_snapshot_take(struct imld_snapshot *snapshot, const struct iml_registry *registry)
{
    iml_registry_export(registry, snapshot->bytes, snapshot->byte_count);
}

void imld_snapshot_give(const struct imld_snapshot *snapshot, const struct iml_registry *registry)
{
    iml_registry_import(registry, snapshot->bytes, snapshot->byte_count);
}

/* "F32 [128, 784]"; the caller frees it. NULL: no memory. */
static char *shape_text(const struct imld_tensor *tensor)
{
    struct imld_text text = {0};
    imld_text_printf(&text, "%s [", tensor->dtype);
    for (size_t i = 0; i < tensor->rank; i++)
        imld_text_printf(&text, "%s%zu", i ? ", " : "", tensor->shape[i]);
    imld_text_add(&text, "]");
    return imld_text_take(&text);
}

static const struct imld_tensor *find(const struct imld_checkpoint_content *content,
                                      const char *name)
{
    for (size_t i = 0; i < content->tensor_count; i++)
        if (strcmp(content->tensors[i].name, name) == 0) return &content->tensors[i];
    return NULL;
}

static bool is_of_one_form(const struct imld_tensor *a, const struct imld_tensor *b)
{
    return strcmp(a->dtype, b->dtype) == 0 && a->rank == b->rank && a->bytes == b->bytes &&
           memcmp(a->shape, b->shape, a->rank * sizeof a->shape[0]) == 0;
}

static enum iml_code check_tensor(const struct imld_tensor *wanted,
                                  const struct imld_checkpoint_content *content,
                                  struct iml_error *error)
{
    const struct imld_tensor *found = find(content, wanted->name);
    if (!found)
        return iml_error_set(error, IML_ERROR_DATA, "the checkpoint has no tensor %s",
                             wanted->name);
    if (is_of_one_form(wanted, found)) return IML_OK;
    char *want = shape_text(wanted);
    char *have = shape_text(found);
    (void)iml_error_set(error, IML_ERROR_DATA, "tensor %s is %s, but %s is wanted", wanted->name,
                        have ? have : "?", want ? want : "?");
    free(want);
    free(have);
    return IML_ERROR_DATA;
}

/* The first tensor of the checkpoint that the snapshot doesn't know. */
static const char *find_extra(const struct imld_snapshot *snapshot,
                              const struct imld_checkpoint_content *content)
{
    for (size_t i = 0; i < content->tensor_count; i++) {
        bool is_known = false;
        for (size_t j = 0; j < snapshot->tensor_count && !is_known; j++)
            is_known = strcmp(content->tensors[i].name, snapshot->tensors[j].name) == 0;
        if (!is_known) return content->tensors[i].name;
    }
    return NULL;
}

enum iml_code imld_snapshot_load(struct imld_snapshot *snapshot,
                                 const struct imld_checkpoint_content *content,
                                 struct iml_error *error)
{
    for (size_t i = 0; i < snapshot->tensor_count; i++) {
        const enum iml_code code = check_tensor(&snapshot->tensors[i], content, error);
        if (code != IML_OK) return code;
    }
    const char *extra = find_extra(snapshot, content);
    if (extra)
        return iml_error_set(error, IML_ERROR_DATA,
                             "the checkpoint has a tensor %s that this job does not know", extra);
    char *at = snapshot->bytes;
    for (size_t i = 0; i < snapshot->tensor_count; i++) {
        const struct imld_tensor *tensor = &snapshot->tensors[i];
        const struct imld_tensor *found = find(content, tensor->name);
        assert(found); /* checked above */
        memcpy(at, found->data, tensor->bytes);
        at += tensor->bytes;
    }
    return IML_OK;
}

static bool begins(const char *name, const char *const *prefixes)
{
    for (size_t i = 0; prefixes[i]; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) return true;
    return false;
}

enum iml_code imld_snapshot_import(struct imld_snapshot *snapshot,
                                   const struct imld_checkpoint_content *content,
                                   const char *const *prefixes, struct iml_error *error)
{
    for (size_t i = 0; i < snapshot->tensor_count; i++) {
        const struct imld_tensor *tensor = &snapshot->tensors[i];
        if (!begins(tensor->name, prefixes)) continue;
        const enum iml_code code = check_tensor(tensor, content, error);
        if (code != IML_OK) return code;
    }
    char *at = snapshot->bytes;
    for (size_t i = 0; i < snapshot->tensor_count; i++) {
        const struct imld_tensor *tensor = &snapshot->tensors[i];
        const struct imld_tensor *found =
            begins(tensor->name, prefixes) ? find(content, tensor->name) : NULL;
        if (found) memcpy(at, found->data, tensor->bytes);
        at += tensor->bytes;
    }
    return IML_OK;
}
