/* pattern.c: see pattern.h. */
#include "tests/unit/engine/pattern.h"

#include <zlib.h>

void pattern_draw(const struct iml_view_shape *shape, uint8_t *image)
{
    for (size_t c = 0; c < shape->channels; c++) {
        for (size_t y = 0; y < shape->height; y++) {
            for (size_t x = 0; x < shape->width; x++) {
                const size_t value = shape->channels == 3 ? (7 * x + 13 * y + 31 * c + x * y) % 251
                                                          : (5 * x + 11 * y + x * y) % 199 + 20;
                *image++ = (uint8_t)value;
            }
        }
    }
}

uint32_t pattern_crc(uint32_t crc, const struct iml_view_shape *shape, const uint8_t *image)
{
    uint8_t interleaved[PATTERN_MOST];
    const size_t pixels = shape->height * shape->width, bytes = iml_view_bytes(shape);
    for (size_t i = 0; i < bytes; i++)
        interleaved[i] = image[i % shape->channels * pixels + i / shape->channels];
    return (uint32_t)crc32(crc, interleaved, (uInt)bytes);
}
