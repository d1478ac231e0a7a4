/* idx.c: MNIST's idx files, plain or gzip: big-endian magic and dimensions, then bytes (DESIGN §4).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "engine/data/form.h"
#include "engine/data/reader.h"

enum { IMAGES_MAGIC = 0x803, LABELS_MAGIC = 0x801, SIDE_MAX = 4096 };
enum kind { IMAGES, LABELS };

/* names[split][kind]; ".gz" may follow, the plain file is taken first */
static const char *const names[2][2] = {
    [IML_SPLIT_TRAIN] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte"},
    [IML_SPLIT_TEST] = {"t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"},
};

struct header {
    uint32_t count, height, width; /* a labels file has count alone */
};

/* The file's name as it is there; file stays empty where neither form of it exists. */
static enum iml_code find_file(const struct iml_folder *folder, enum iml_set_split split,
                               enum kind kind, char file[IML_FILE_NAME_MAX], bool *has,
                               struct iml_error *error)
{
    const char *name = names[split][kind];
    const size_t length = strlen(name);
    memcpy(file, name, length + 1);
    enum iml_code code = iml_folder_has(folder, file, has, error);
    if (code != IML_OK || *has) return code;
    memcpy(file + length, ".gz", 4);
    code = iml_folder_has(folder, file, has, error);
    if (code == IML_OK && !*has) file[length] = '\0';
    return code;
}

static enum iml_code idx_has_split(const struct iml_folder *folder, enum iml_set_split split,
                                   bool *has, struct iml_error *error)
{
    char file[IML_FILE_NAME_MAX];
    const enum iml_code code = find_file(folder, split, IMAGES, file, has, error);
    if (code != IML_OK || *has) return code;
    return find_file(folder, split, LABELS, file, has, error); /* one alone is a broken set */
}

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* The content's size that the header promises against what the file can hold. */
static enum iml_code check_size(const struct iml_reader *reader, uint64_t promised,
                                struct iml_error *error)
{
    const uint64_t bound = iml_reader_bound(reader);
    if (promised <= bound && (promised == bound || !iml_reader_bound_is_exact(reader)))
        return IML_OK;
    enum iml_code code = IML_OK;
    if (iml_reader_bound_is_exact(reader)) {
        code = iml_error_set(error, IML_ERROR_DATA,
                             "the file has %" PRIu64 " bytes, its header promises %" PRIu64
                             ": it is %s",
                             bound, promised, bound < promised ? "cut off" : "followed by more");
    } else {
        code = iml_error_set(error, IML_ERROR_DATA,
                             "the header promises %" PRIu64
                             " bytes, a gzip file of this size holds %" PRIu64 " at most",
                             promised, bound);
    }
    iml_reader_where(reader, promised < bound ? promised : bound, error);
    return code;
}

static enum iml_code check_sides(const struct iml_reader *reader, const struct header *header,
                                 struct iml_error *error)
{
    if (header->height >= 1 && header->height <= SIDE_MAX && header->width >= 1 &&
        header->width <= SIDE_MAX)
        return IML_OK;
    const enum iml_code code =
        iml_error_set(error, IML_ERROR_DATA,
                      "images of %" PRIu32 " × %" PRIu32 " pixels: each side must be 1 to %d",
                      header->height, header->width, SIDE_MAX);
    iml_reader_where(reader, 8, error);
    return code;
}

static enum iml_code read_header(struct iml_reader *reader, enum kind kind, struct header *header,
                                 struct iml_error *error)
{
    unsigned char bytes[16];
    const size_t length = kind == IMAGES ? 16 : 8;
    const uint32_t magic = kind == IMAGES ? IMAGES_MAGIC : LABELS_MAGIC;
    enum iml_code code = iml_reader_read(reader, bytes, length, "the header", error);
    if (code != IML_OK) return code;
    if (big_endian(bytes) != magic) {
        code = iml_error_set(error, IML_ERROR_DATA,
                             "the magic number is 0x%08" PRIx32 ", 0x%08" PRIx32 " was expected",
                             big_endian(bytes), magic);
        iml_reader_where(reader, 0, error);
        return code;
    }
    *header = (struct header){.count = big_endian(bytes + 4), .height = 1, .width = 1};
    if (header->count == 0) {
        code = iml_error_set(error, IML_ERROR_DATA, "the header promises no %s at all",
                             kind == IMAGES ? "images" : "labels");
        iml_reader_where(reader, 4, error);
        return code;
    }
    if (kind == IMAGES) {
        header->height = big_endian(bytes + 8);
        header->width = big_endian(bytes + 12);
        code = check_sides(reader, header, error);
        if (code != IML_OK) return code;
    }
    /* 2³² · 2¹² · 2¹² + 16 fits 64 bits */
    return check_size(reader, length + (uint64_t)header->count * header->height * header->width,
                      error);
}

/* Opens one of the four files and reads its header. The caller closes *reader. */
static enum iml_code open_file(const struct iml_folder *folder, enum iml_set_split split,
                               enum kind kind, struct iml_reader **reader, struct header *header,
                               struct iml_error *error)
{
    char file[IML_FILE_NAME_MAX];
    bool has = false;
    *reader = NULL;
    enum iml_code code = find_file(folder, split, kind, file, &has, error);
    if (code == IML_OK) code = iml_reader_open(folder, file, reader, error);
    if (code == IML_OK) code = read_header(*reader, kind, header, error);
    return code;
}

static enum iml_code idx_shape(const struct iml_folder *folder, enum iml_set_split split,
                               struct iml_split_shape *shape, struct iml_error *error)
{
    struct iml_reader *images = NULL, *labels = NULL;
    struct header header = {0}, labels_header = {0};
    enum iml_code code = open_file(folder, split, IMAGES, &images, &header, error);
    if (code == IML_OK) code = open_file(folder, split, LABELS, &labels, &labels_header, error);
    if (code == IML_OK && header.count != labels_header.count) {
        code = iml_error_set(error, IML_ERROR_DATA,
                             "there are %" PRIu32 " images, but %" PRIu32 " labels", header.count,
                             labels_header.count);
        iml_reader_where(labels, 4, error);
    }
    if (code == IML_OK) {
        *shape = (struct iml_split_shape){
            .images = header.count, .channels = 1, .height = header.height, .width = header.width};
    }
    iml_reader_close(images);
    iml_reader_close(labels);
    return code;
}

static enum iml_code changed(const struct iml_reader *reader, struct iml_error *error)
{
    const enum iml_code code =
        iml_error_set(error, IML_ERROR_DATA, "the file has changed while it was being read");
    iml_reader_where(reader, 4, error);
    return code;
}

static enum iml_code idx_labels(const struct iml_folder *folder, enum iml_set_split split,
                                size_t count, uint8_t *labels, struct iml_error *error)
{
    struct iml_reader *reader = NULL;
    struct header header = {0};
    enum iml_code code = open_file(folder, split, LABELS, &reader, &header, error);
    if (code == IML_OK && header.count != count) code = changed(reader, error);
    if (code == IML_OK) code = iml_reader_read(reader, labels, count, "the labels", error);
    if (code == IML_OK) code = iml_reader_end(reader, error);
    iml_reader_close(reader);
    return code;
}

/* Walks the file once; with the whole split wanted its end is checked too (a packed file's
 * checksum). */
static enum iml_code read_chosen(struct iml_reader *reader, const struct iml_split_shape *shape,
                                 const uint32_t *chosen, size_t count, uint8_t *pixels,
                                 struct iml_error *error)
{
    const size_t bytes = shape->height * shape->width;
    uint64_t next = 0; /* image at which the reader stands */
    enum iml_code code = IML_OK;
    for (size_t i = 0; i < count && code == IML_OK; i++) {
        code = iml_reader_skip(reader, (chosen[i] - next) * bytes, "the images", error);
        if (code == IML_OK)
            code = iml_reader_read(reader, pixels + i * bytes, bytes, "the images", error);
        next = (uint64_t)chosen[i] + 1;
    }
    return code;
}

static enum iml_code idx_pixels(const struct iml_folder *folder, enum iml_set_split split,
                                const struct iml_split_shape *shape, const uint32_t *chosen,
                                size_t count, uint8_t *pixels, struct iml_error *error)
{
    struct iml_reader *reader = NULL;
    struct header header = {0};
    enum iml_code code = open_file(folder, split, IMAGES, &reader, &header, error);
    if (code == IML_OK && (header.count != shape->images || header.height != shape->height ||
                           header.width != shape->width))
        code = changed(reader, error);
    if (code == IML_OK) code = read_chosen(reader, shape, chosen, count, pixels, error);
    if (code == IML_OK &&
        count > 1) { /* a job's images: read on, so that a broken rest is seen too */
        const uint64_t rest = shape->images - 1 - chosen[count - 1];
        code = iml_reader_skip(reader, rest * shape->height * shape->width, "the images", error);
        if (code == IML_OK) code = iml_reader_end(reader, error);
    }
    iml_reader_close(reader);
    return code;
}

static void idx_where_label(const struct iml_folder *folder, enum iml_set_split split, size_t image,
                            struct iml_error *error)
{
    char file[IML_FILE_NAME_MAX], shown[IML_PATH_SHOWN];
    bool has = false;
    struct iml_error ignored = {0}; /* the file was just read; at worst its plain name is shown */
    if (find_file(folder, split, LABELS, file, &has, &ignored) != IML_OK) file[0] = '\0';
    iml_folder_show(folder, file, shown);
    iml_error_where(error, "%s, byte %zu", shown, 8 + image);
}

const struct iml_form iml_form_idx = {
    .form = IML_SET_IDX,
    .name = "idx",
    .has_split = idx_has_split,
    .shape = idx_shape,
    .labels = idx_labels,
    .pixels = idx_pixels,
    .where_label = idx_where_label,
};
