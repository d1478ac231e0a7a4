/* catalog.c: the sets under the data roots: names, facts, list, single images (DESIGN §4, §8). */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/io.h"
#include "engine/data/set.h"

static bool is_name_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool iml_set_name_is_valid(const char *name)
{
    if (!name || !is_name_start(name[0])) return false;
    const size_t length = strnlen(name, IML_SET_NAME_MAX);
    if (length == IML_SET_NAME_MAX || strcmp(name, "synthetic") == 0) return false;
    for (size_t i = 0; i < length; i++) {
        if (!is_name_start(name[i]) && !strchr("._-", name[i])) return false;
        if (name[i] == '.' && name[i + 1] == '.') return false;
    }
    return true;
}

enum iml_code iml_set_inspect(const struct iml_set_roots *roots, const char *name,
                              struct iml_set_facts *facts, struct iml_error *error)
{
    struct iml_set set;
    enum iml_code code = iml_set_open(roots, name, &set, error);
    if (code == IML_OK) code = iml_set_facts_read(&set, facts, error);
    iml_set_close(&set);
    return code;
}

/* Names found, each once. */
struct names {
    char (*names)[IML_SET_NAME_MAX]; /* owned */
    size_t count, capacity;
};

static enum iml_code add_name(struct names *names, const char *name, struct iml_error *error)
{
    if (names->count == names->capacity) {
        const size_t capacity = names->capacity ? 2 * names->capacity : 64;
        void *grown = realloc(names->names, capacity * sizeof names->names[0]);
        if (!grown)
            return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate the list of sets");
        names->names = grown;
        names->capacity = capacity;
    }
    memcpy(names->names[names->count++], name, strlen(name) + 1);
    return IML_OK;
}

static enum iml_code add_root(struct names *names, const char *root, struct iml_error *error)
{
    DIR *directory = opendir(root);
    if (!directory) return errno == ENOENT ? IML_OK : imld_io_error(error, "read the folder", root);
    enum iml_code code = IML_OK;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): readdir of a stream of our own is safe in glibc */
    for (const struct dirent *entry; code == IML_OK && (entry = readdir(directory));) {
        if (iml_set_name_is_valid(entry->d_name)) code = add_name(names, entry->d_name, error);
    }
    closedir(directory);
    return code;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(a, b);
}

enum iml_code iml_set_list(const struct iml_set_roots *roots,
                           void (*visit)(void *context, const struct iml_set_facts *facts,
                                         const struct iml_error *broken),
                           void *context, struct iml_error *error)
{
    struct names names = {0};
    enum iml_code code = IML_OK;
    for (size_t i = 0; i < roots->count && code == IML_OK; i++)
        code = add_root(&names, roots->paths[i], error);
    if (code == IML_OK && names.count > 0)
        qsort(names.names, names.count, sizeof names.names[0], compare_names);
    for (size_t i = 0; i < names.count && code == IML_OK; i++) {
        if (i > 0 && strcmp(names.names[i], names.names[i - 1]) == 0) continue;
        struct iml_set_facts facts = {0};
        struct iml_error broken = {0};
        const enum iml_code found = iml_set_inspect(roots, names.names[i], &facts, &broken);
        if (found == IML_ERROR_NOT_FOUND) continue;
        memcpy(facts.name, names.names[i], sizeof facts.name);
        visit(context, &facts, found == IML_OK ? NULL : &broken);
    }
    free(names.names);
    return code;
}

/* The label of one image: reads the split's labels, which are small beside the images. */
static enum iml_code read_label(const struct iml_set *set, enum iml_set_split split, size_t index,
                                uint8_t *label, struct iml_error *error)
{
    const size_t count = set->shape[split].images;
    uint8_t *labels = malloc(count);
    if (!labels) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate %zu labels", count);
    const enum iml_code code = iml_set_labels(set, split, labels, error);
    if (code == IML_OK) *label = labels[index];
    free(labels);
    return code;
}

static enum iml_code read_image(const struct iml_set *set, enum iml_set_split split, size_t index,
                                uint8_t *pixels, size_t pixels_bytes, uint8_t *label,
                                struct iml_error *error)
{
    const struct iml_split_shape *shape = &set->shape[split];
    if (!set->has[split] || index >= shape->images) {
        return iml_error_set(error, IML_ERROR_NOT_FOUND, "image %zu of %zu in the %s split", index,
                             shape->images, split == IML_SPLIT_TRAIN ? "train" : "test");
    }
    if (pixels_bytes != shape->channels * shape->height * shape->width) {
        return iml_error_set(error, IML_ERROR_ARGUMENT, "room for %zu bytes, an image has %zu",
                             pixels_bytes, shape->channels * shape->height * shape->width);
    }
    const uint32_t chosen = (uint32_t)index;
    const enum iml_code code = read_label(set, split, index, label, error);
    return code == IML_OK ? iml_set_pixels(set, split, &chosen, 1, pixels, error) : code;
}

/* NOLINTNEXTLINE(readability-function-size): which image takes four values, where to two more */
enum iml_code iml_set_read_image(const struct iml_set_roots *roots, const char *name,
                                 enum iml_set_split split, size_t index, uint8_t *pixels,
                                 size_t pixels_bytes, uint8_t *label, struct iml_error *error)
{
    struct iml_set set;
    enum iml_code code = iml_set_open(roots, name, &set, error);
    if (code == IML_OK) code = read_image(&set, split, index, pixels, pixels_bytes, label, error);
    iml_set_close(&set);
    return code;
}
