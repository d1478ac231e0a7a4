/* columns.h: the points of one metric in memory, and thinning them so that no extreme is lost. */
#ifndef IMLD_API_COLUMNS_H
#define IMLD_API_COLUMNS_H

#include "storage/points.h"

/* {0} is empty. */
struct imld_column {
    struct imld_point *points; /* owned */
    size_t count, capacity;
    bool is_cut;     /* there are more than were read */
    bool has_failed; /* no memory */
};

/* Adds the points of the range. */
IML_MUST_USE enum iml_code imld_column_read(struct imld_column *column, struct imld_reader *reader,
                                            const struct imld_point_range *range,
                                            struct iml_error *error);

/* Keeps at most max_points (≥ 10): the first and the last, and of each of equal runs of points
 * between them the smallest, the largest and the first that is not finite, in their order. */
void imld_column_thin(struct imld_column *column, size_t max_points);

void imld_column_clear(struct imld_column *column);

#endif
