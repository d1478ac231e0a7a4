/* artifact.c: the entries of an artifact as members of a JSON object; see artifact.h. */
#include "daemon/artifact.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

/* A document on its way: its text, and what it must tell of numbers that JSON does not have. */
struct writing {
    struct imld_text text, not_finite;
};

static void write_number(struct writing *writing, const char *pointer, double value)
{
    if (isfinite(value)) {
        imld_text_double(&writing->text, value);
        return;
    }
    imld_text_add(&writing->text, "null");
    imld_text_add(&writing->not_finite, writing->not_finite.length > 0 ? "," : "");
    imld_text_json_string(&writing->not_finite, pointer);
    imld_text_add(&writing->not_finite, isnan(value) ? ":\"nan\""
                                        : value > 0  ? ":\"inf\""
                                                     : ":\"-inf\"");
}

static void write_texts(struct imld_text *text, const struct iml_entry *entry)
{
    imld_text_add(text, "[");
    for (size_t i = 0; i < entry->rows; i++) {
        if (i > 0) imld_text_add(text, ",");
        imld_text_json_string(text, entry->texts[i]);
    }
    imld_text_add(text, "]");
}

/* One row of a table: columns numbers at /NAME/row/column. */
static void write_row(struct writing *writing, const struct iml_entry *entry, size_t row)
{
    char pointer[128];
    imld_text_add(&writing->text, "[");
    for (size_t j = 0; j < entry->columns; j++) {
        (void)snprintf(pointer, sizeof pointer, "/%s/%zu/%zu", entry->name, row, j);
        if (j > 0) imld_text_add(&writing->text, ",");
        write_number(writing, pointer, entry->values[row * entry->columns + j]);
    }
    imld_text_add(&writing->text, "]");
}

static void write_numbers(struct writing *writing, const struct iml_entry *entry)
{
    char pointer[128];
    imld_text_add(&writing->text, "[");
    for (size_t i = 0; i < entry->rows; i++) {
        (void)snprintf(pointer, sizeof pointer, "/%s/%zu", entry->name, i);
        if (i > 0) imld_text_add(&writing->text, ",");
        if (entry->columns > 0) {
            write_row(writing, entry, i);
        } else {
            write_number(writing, pointer, entry->values[i]);
        }
    }
    imld_text_add(&writing->text, "]");
}

static bool is_own_member(const char *name)
{
    return strcmp(name, "name") == 0 || strcmp(name, "step") == 0 ||
           strcmp(name, "not_finite") == 0;
}

static void write_entry(struct writing *writing, const struct iml_entry *entry)
{
    char pointer[128];
    assert(!is_own_member(entry->name) && strcspn(entry->name, "~/\"\\") == strlen(entry->name));
    imld_text_printf(&writing->text, ",\"%s\":", entry->name);
    if (entry->text) {
        imld_text_json_string(&writing->text, entry->text);
    } else if (entry->texts) {
        write_texts(&writing->text, entry);
    } else if (entry->rows > 0 || !entry->values) { /* nothing measured: an empty list */
        write_numbers(writing, entry);
    } else {
        (void)snprintf(pointer, sizeof pointer, "/%s", entry->name);
        write_number(writing, pointer, entry->values[0]);
    }
}

char *imld_artifact_text(const struct iml_artifact *artifact, int64_t step)
{
    struct writing writing = {0};
    imld_text_printf(&writing.text, "{\"name\":\"%s\",\"step\":%" PRId64, artifact->name, step);
    for (size_t i = 0; i < artifact->count; i++) write_entry(&writing, &artifact->entries[i]);
    if (writing.not_finite.length > 0)
        imld_text_printf(&writing.text, ",\"not_finite\":{%s}", writing.not_finite.bytes);
    imld_text_add(&writing.text, "}");
    char *text = writing.not_finite.has_failed ? NULL : imld_text_take(&writing.text);
    imld_text_clear(&writing.text);
    imld_text_clear(&writing.not_finite);
    return text;
}
