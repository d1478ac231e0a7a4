/* pixels.h: from a file's bytes to the net's inputs, by a table of 256 numbers a channel (DESIGN
 * §4, data.pixels). */
#ifndef IMLD_ENGINE_DATA_PIXELS_H
#define IMLD_ENGINE_DATA_PIXELS_H

#include "imld/arena.h"
#include "imld/dataset.h"
#include "imld/trainer.h"

struct iml_pixel_table {
    size_t channels, channel_pixels; /* pixels of one channel of one image */
    iml_real *values;                /* channels × 256, borrowed from the arena */
};

void iml_pixel_table_layout(struct iml_pixel_table *table, size_t channels, size_t channel_pixels,
                            struct iml_arena *arena);

/* Fills the table. bytes: the job's training images (count), used by IML_PIXELS_STANDARDIZED alone:
 * (byte − mean) / deviation of each channel, summed exactly in integers; a channel without any
 * deviation is only shifted. symmetric: byte·2/255 − 1; unit: byte/255. */
void iml_pixel_table_fill(struct iml_pixel_table *table, enum iml_pixels pixels,
                          const uint8_t *bytes, size_t count);

/* One image. */
void iml_pixel_table_apply(const struct iml_pixel_table *table, const uint8_t *bytes,
                           iml_real *out);

#endif
