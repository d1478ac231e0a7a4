/* cifar.c: CIFAR-10 binary: records of one label byte and 3 × 32 × 32 pixels, in data_batch_N.bin
 * (in numeric order) and test_batch.bin (DESIGN §4). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/data/form.h"
#include "engine/data/reader.h"

enum { CHANNELS = 3, SIDE = 32, PIXELS = CHANNELS * SIDE * SIDE, RECORD = PIXELS + 1 };
enum { CLASSES = 10, FILES_MAX = 256 };

static const char *const test_file = "test_batch.bin";

/* Numbers of the training files, ascending. */
struct batches {
    unsigned numbers[FILES_MAX];
    size_t count;
    bool has_too_many;
};

/* The number of "data_batch_N.bin" written plainly (no leading zero), below a million; 0 if it is
 * none. */
static unsigned batch_number(const char *entry)
{
    static const char before[] = "data_batch_", after[] = ".bin";
    if (strncmp(entry, before, sizeof before - 1) != 0) return 0;
    unsigned number = 0;
    for (entry += sizeof before - 1; *entry >= '0' && *entry <= '9'; entry++) {
        number = 10 * number + (unsigned)(*entry - '0');
        if (number == 0 || number > 999999) return 0;
    }
    return strcmp(entry, after) == 0 ? number : 0;
}

static void note_batch(void *context, const char *entry)
{
    struct batches *batches = context;
    const unsigned number = batch_number(entry);
    if (number == 0) return;
    if (batches->count == FILES_MAX) {
        batches->has_too_many = true;
        return;
    }
    size_t i = batches->count++;
    for (; i > 0 && batches->numbers[i - 1] > number; i--)
        batches->numbers[i] = batches->numbers[i - 1];
    batches->numbers[i] = number;
}

static enum iml_code find_batches(const struct iml_folder *folder, struct batches *batches,
                                  struct iml_error *error)
{
    *batches = (struct batches){0};
    enum iml_code code = iml_folder_walk(folder, note_batch, batches, error);
    if (code != IML_OK || !batches->has_too_many) return code;
    char shown[IML_PATH_SHOWN];
    iml_folder_show(folder, NULL, shown);
    code = iml_error_set(error, IML_ERROR_DATA, "more than %d files data_batch_N.bin", FILES_MAX);
    iml_error_where(error, "%s", shown);
    return code;
}

/* The split's files one after the other. */
struct walk {
    const struct iml_folder *folder;
    enum iml_set_split split;
    struct batches batches;
    size_t next;               /* file */
    struct iml_reader *reader; /* owned; of the file at hand */
    size_t images;             /* in that file */
};

static enum iml_code walk_open(struct walk *walk, const struct iml_folder *folder,
                               enum iml_set_split split, struct iml_error *error)
{
    *walk = (struct walk){.folder = folder, .split = split};
    if (split == IML_SPLIT_TRAIN) return find_batches(folder, &walk->batches, error);
    walk->batches.count = 1;
    return IML_OK;
}

static void walk_close(struct walk *walk)
{
    iml_reader_close(walk->reader);
    walk->reader = NULL;
}

static bool walk_has_next(const struct walk *walk)
{
    return walk->next < walk->batches.count;
}

/* Opens the next file; its size must be whole records. */
static enum iml_code walk_next(struct walk *walk, struct iml_error *error)
{
    walk_close(walk);
    char file[IML_FILE_NAME_MAX];
    if (walk->split == IML_SPLIT_TEST)
        memcpy(file, test_file, strlen(test_file) + 1);
    else
        (void)snprintf(file, sizeof file, "data_batch_%u.bin", walk->batches.numbers[walk->next]);
    walk->next++;
    enum iml_code code = iml_reader_open(walk->folder, file, &walk->reader, error);
    if (code != IML_OK) return code;
    const uint64_t bytes = iml_reader_bound(walk->reader);
    walk->images = (size_t)(bytes / RECORD);
    if (bytes > 0 && bytes % RECORD == 0) return IML_OK;
    code = iml_error_set(error, IML_ERROR_DATA,
                         "the file has %llu bytes, a multiple of %d was expected",
                         (unsigned long long)bytes, RECORD);
    iml_reader_where(walk->reader, bytes - bytes % RECORD, error);
    return code;
}

static enum iml_code cifar_has_split(const struct iml_folder *folder, enum iml_set_split split,
                                     bool *has, struct iml_error *error)
{
    if (split == IML_SPLIT_TEST) return iml_folder_has(folder, test_file, has, error);
    struct batches batches;
    const enum iml_code code = find_batches(folder, &batches, error);
    *has = code == IML_OK && batches.count > 0;
    return code;
}

static enum iml_code cifar_shape(const struct iml_folder *folder, enum iml_set_split split,
                                 struct iml_split_shape *shape, struct iml_error *error)
{
    struct walk walk;
    *shape = (struct iml_split_shape){.channels = CHANNELS, .height = SIDE, .width = SIDE};
    enum iml_code code = walk_open(&walk, folder, split, error);
    while (code == IML_OK && walk_has_next(&walk)) {
        code = walk_next(&walk, error);
        if (code == IML_OK) shape->images += walk.images;
    }
    if (code == IML_OK && shape->images > UINT32_MAX)
        code = iml_error_set(error, IML_ERROR_LIMIT, "the split has %zu images", shape->images);
    walk_close(&walk);
    return code;
}

static enum iml_code changed(const struct walk *walk, struct iml_error *error)
{
    const enum iml_code code =
        iml_error_set(error, IML_ERROR_DATA, "the files have changed while they were being read");
    char shown[IML_PATH_SHOWN];
    iml_folder_show(walk->folder, NULL, shown);
    iml_error_where(error, "%s", shown);
    return code;
}

/* One record's label; the reader stands at record `image` of its file. */
static enum iml_code read_label(const struct walk *walk, size_t image, uint8_t *label,
                                struct iml_error *error)
{
    enum iml_code code = iml_reader_read(walk->reader, label, 1, "the labels", error);
    if (code != IML_OK || *label < CLASSES) return code;
    code = iml_error_set(error, IML_ERROR_DATA, "label %u of image %zu is not below %d",
                         (unsigned)*label, image, CLASSES);
    iml_reader_where(walk->reader, (uint64_t)image * RECORD, error);
    return code;
}

static enum iml_code cifar_labels(const struct iml_folder *folder, enum iml_set_split split,
                                  size_t count, uint8_t *labels, struct iml_error *error)
{
    struct walk walk;
    size_t done = 0;
    enum iml_code code = walk_open(&walk, folder, split, error);
    while (code == IML_OK && walk_has_next(&walk)) {
        code = walk_next(&walk, error);
        if (code == IML_OK && walk.images > count - done) code = changed(&walk, error);
        for (size_t i = 0; i < walk.images && code == IML_OK; i++) {
            code = read_label(&walk, i, &labels[done++], error);
            if (code == IML_OK) code = iml_reader_skip(walk.reader, PIXELS, "an image", error);
        }
    }
    if (code == IML_OK && done != count) code = changed(&walk, error);
    walk_close(&walk);
    return code;
}

/* Those of `chosen` that lie in the file at hand, whose first image has number `first` in the
 * split. */
static enum iml_code read_chosen(const struct walk *walk, size_t first, const uint32_t *chosen,
                                 size_t count, size_t *done, uint8_t *pixels,
                                 struct iml_error *error)
{
    size_t next = first; /* image at which the reader stands */
    enum iml_code code = IML_OK;
    while (code == IML_OK && *done < count && chosen[*done] < first + walk->images) {
        const size_t image = chosen[*done];
        uint8_t label = 0;
        code =
            iml_reader_skip(walk->reader, (uint64_t)(image - next) * RECORD, "the images", error);
        if (code == IML_OK) code = read_label(walk, image - first, &label, error);
        if (code == IML_OK)
            code =
                iml_reader_read(walk->reader, pixels + *done * PIXELS, PIXELS, "an image", error);
        next = image + 1;
        *done += 1;
    }
    return code;
}

static enum iml_code cifar_pixels(const struct iml_folder *folder, enum iml_set_split split,
                                  const struct iml_split_shape *shape, const uint32_t *chosen,
                                  size_t count, uint8_t *pixels, struct iml_error *error)
{
    struct walk walk;
    size_t done = 0, first = 0;
    enum iml_code code = walk_open(&walk, folder, split, error);
    while (code == IML_OK && walk_has_next(&walk) && done < count) {
        code = walk_next(&walk, error);
        if (code == IML_OK && walk.images > shape->images - first) code = changed(&walk, error);
        if (code == IML_OK) code = read_chosen(&walk, first, chosen, count, &done, pixels, error);
        first += walk.images;
    }
    if (code == IML_OK && done < count) code = changed(&walk, error);
    walk_close(&walk);
    return code;
}

const struct iml_form iml_form_cifar = {
    .form = IML_SET_CIFAR,
    .name = "cifar_binary",
    .has_split = cifar_has_split,
    .shape = cifar_shape,
    .labels = cifar_labels,
    .pixels = cifar_pixels,
};
