/* pattern.h: the two images of the known answers of augmentation, in any size, and the CRC-32 that
 * these are given by. */
#ifndef IMLD_TESTS_PATTERN_H
#define IMLD_TESTS_PATTERN_H

#include "imld/augment.h"

enum { PATTERN_MOST = 3 * 32 * 32 }; /* bytes of the largest */

/* v = (7x + 13y + 31c + xy) mod 251 of an RGB image, (5x + 11y + xy) mod 199 + 20 of a grey one. */
void pattern_draw(const struct iml_view_shape *shape, uint8_t *image);

/* Continues a CRC-32 (zlib's; 0 to begin) over the image, row by row, its channels interleaved. */
uint32_t pattern_crc(uint32_t crc, const struct iml_view_shape *shape, const uint8_t *image);

#endif
