/* columns.c: the points of one metric; see columns.h. */
#include "api/columns.h"

#include <math.h>
#include <stdlib.h>

enum { READ_AT_ONCE = 100000 }; /* no reader keeps a transaction open for long */

static bool keep(void *context, const struct imld_point *point)
{
    struct imld_column *column = context;
    if (column->count == column->capacity) {
        const size_t capacity = column->capacity ? column->capacity * 2 : 1024;
        struct imld_point *points = realloc(column->points, capacity * sizeof *points);
        if (!points) {
            column->has_failed = true;
            return false;
        }
        column->points = points;
        column->capacity = capacity;
    }
    column->points[column->count++] = *point;
    return true;
}

enum iml_code imld_column_read(struct imld_column *column, struct imld_reader *reader,
                               const struct imld_point_range *range, struct iml_error *error)
{
    const size_t wanted = range->limit + 1; /* one more tells whether there are more */
    struct imld_point_range part = *range;  /* what is left of it */
    for (;;) {
        const size_t before = column->count;
        const size_t left = wanted - before;
        part.limit = left < READ_AT_ONCE ? left : READ_AT_ONCE;
        const enum iml_code code = imld_points_read(reader, &part, keep, column, error);
        if (code != IML_OK) return code;
        if (column->has_failed)
            return iml_error_set(error, IML_ERROR_MEMORY, "no memory for the points of %s",
                                 range->metric);
        if (column->count - before < part.limit) return IML_OK;
        if (column->count == wanted) break;
        part.from = column->points[column->count - 1].step + 1;
        if (part.from > part.to) return IML_OK;
    }
    column->count--;
    column->is_cut = true;
    return IML_OK;
}

/* Copies the kept points of [begin, end) to the place `out`; returns the place after them. */
static size_t thin_run(struct imld_point *points, size_t begin, size_t end, size_t out)
{
    size_t smallest = end, largest = end, broken = end;
    for (size_t i = begin; i < end; i++) {
        const float value = points[i].value;
        if (!isfinite(value)) {
            if (broken == end) broken = i;
            continue;
        }
        if (smallest == end || value < points[smallest].value) smallest = i;
        if (largest == end || value > points[largest].value) largest = i;
    }
    for (size_t i = begin; i < end; i++) { /* out ≤ i: nothing unread is overwritten */
        if (i == smallest || i == largest || i == broken) points[out++] = points[i];
    }
    return out;
}

void imld_column_thin(struct imld_column *column, size_t max_points)
{
    if (column->count <= max_points) return;
    const size_t runs = (max_points - 2) / 3;
    const size_t last = column->count - 1;
    size_t out = 1;
    for (size_t run = 0; run < runs; run++) {
        const size_t begin = 1 + (last - 1) * run / runs;
        const size_t end = 1 + (last - 1) * (run + 1) / runs;
        out = thin_run(column->points, begin, end, out);
    }
    column->points[out++] = column->points[last];
    column->count = out;
}

void imld_column_clear(struct imld_column *column)
{
    free(column->points);
    *column = (struct imld_column){0};
}
