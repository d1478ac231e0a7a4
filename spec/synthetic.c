/* synthetic.c: what a job document says of its synthetic problem; see synthetic.h. */
#include "spec/synthetic.h"

#include <string.h>

#include "spec/fallback.h"
#include "spec/fields.h"
#include "spec/levels.h"
#include "spec/value.h"

bool imld_is_synthetic(const json_t *document)
{
    const char *const name = json_string_value(imld_json_at(document, "/data/set"));
    return name && strcmp(name, "synthetic") == 0;
}

/* As given, else by default; NULL: wrong. A new reference. */
static json_t *value_of(const json_t *document, const char *path)
{
    const struct imld_field *const field = imld_row_of(IMLD_ALL, path);
    const json_t *const given = imld_json_at(document, path);
    struct imld_problems ignored = {0};
    if (!given) return imld_fallback_value(field->fallback);
    json_t *const value = imld_value_check(field, IMLD_ALL, given, "", &ignored);
    imld_problems_clear(&ignored);
    return value;
}

static uint64_t count_of(const json_t *document, const char *path)
{
    json_t *const value = value_of(document, path);
    const uint64_t count = (uint64_t)json_integer_value(value);
    json_decref(value);
    return count; /* 0: wrong; the rows' minimum is 1 */
}

double imld_first_coefficient(const json_t *document)
{
    json_t *const value = value_of(document, "/meta/knowledge/initial");
    const double coefficient = json_number_value(value);
    json_decref(value);
    return coefficient; /* 0: wrong, and so the job is */
}

bool imld_synthetic_view(const json_t *document, struct imld_set_view *view,
                         uint64_t *validation_rows)
{
    json_t *const kind = value_of(document, "/data/synthetic/kind");
    const uint64_t dimension = count_of(document, "/data/synthetic/dimension");
    const uint64_t rows = count_of(document, "/data/synthetic/rows");
    const bool is_quadratic = kind && strcmp(json_string_value(kind), "quadratic") == 0;
    *view = (struct imld_set_view){.classes = 1, .channels = 1, .height = 1, .width = dimension};
    view->train_images = is_quadratic ? 2 * dimension : rows;
    view->test_images = is_quadratic ? 0 : rows;
    *validation_rows = is_quadratic ? dimension : 0;
    const bool is_right = kind && dimension > 0 && (is_quadratic || rows > 0);
    json_decref(kind);
    return is_right;
}
