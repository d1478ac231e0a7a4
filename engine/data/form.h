/* form.h: a form of image set: what its files are called and how they are read. Add one: a file
 * with a struct iml_form and its line in forms.c. Private to engine/data. */
#ifndef IMLD_ENGINE_DATA_FORM_H
#define IMLD_ENGINE_DATA_FORM_H

#include "engine/data/folder.h"

/* What the headers of a split's files say. */
struct iml_split_shape {
    size_t images; /* at most UINT32_MAX */
    size_t channels, height, width;
};

struct iml_form {
    enum iml_set_form form;
    const char *name;
    /* Whether the folder has files of that split in this form. */
    enum iml_code (*has_split)(const struct iml_folder *folder, enum iml_set_split split, bool *has,
                               struct iml_error *error);
    /* Headers and file sizes, checked against each other. */
    enum iml_code (*shape)(const struct iml_folder *folder, enum iml_set_split split,
                           struct iml_split_shape *shape, struct iml_error *error);
    /* All labels of the split; count = shape's images. */
    enum iml_code (*labels)(const struct iml_folder *folder, enum iml_set_split split, size_t count,
                            uint8_t *labels, struct iml_error *error);
    /* The pixels of the images `chosen` (ascending, count), one after the other; shape = what the
     * split's shape was when the memory was planned: files that have changed since are an error. */
    enum iml_code (*pixels)(const struct iml_folder *folder, enum iml_set_split split,
                            const struct iml_split_shape *shape, const uint32_t *chosen,
                            size_t count, uint8_t *pixels, struct iml_error *error);
    /* Sets where = file and byte of that image's label. NULL: any label below the form's own bound
     * is fine (the form has checked it). */
    void (*where_label)(const struct iml_folder *folder, enum iml_set_split split, size_t image,
                        struct iml_error *error);
};

extern const struct iml_form iml_form_idx, iml_form_cifar;
extern const struct iml_form *const iml_forms[]; /* ends with NULL */

#endif
