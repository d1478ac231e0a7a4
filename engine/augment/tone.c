/* tone.c: AutoContrast, Equalize, Posterize, Solarize: each byte by its value alone, the first two
 * by a table from its channel's histogram. */
#include <assert.h>
#include <string.h>

#include "engine/augment/apply.h"

void iml_map_bytes(const uint8_t table[IML_BYTE_VALUES], size_t n, const uint8_t *in, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) out[i] = table[in[i]];
}

/* Two halves, since equal neighbours would wait for each other's count in one. */
static void count_values(size_t n, const uint8_t *in, uint32_t histogram[IML_BYTE_VALUES])
{
    uint32_t odd[IML_BYTE_VALUES] = {0};
    memset(histogram, 0, IML_BYTE_VALUES * sizeof histogram[0]);
    size_t i = 0;
    for (; i + 1 < n; i += 2) {
        histogram[in[i]]++;
        odd[in[i + 1]]++;
    }
    if (i < n) histogram[in[i]]++;
    for (size_t v = 0; v < IML_BYTE_VALUES; v++) histogram[v] += odd[v];
}

/* The smallest and the largest value present. */
static void find_ends(const uint32_t histogram[IML_BYTE_VALUES], int *low, int *high)
{
    *low = 0;
    *high = IML_BYTE_VALUES - 1;
    while (*low < *high && histogram[*low] == 0) (*low)++;
    while (*high > *low && histogram[*high] == 0) (*high)--;
}

static uint8_t clamp_byte(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* Makes a table of a histogram; false: the channel stays as it is. */
typedef bool make_table(const uint32_t histogram[IML_BYTE_VALUES], uint8_t table[IML_BYTE_VALUES]);

static void map_channels(const struct iml_view_shape *shape, make_table *make, const uint8_t *in,
                         uint8_t *out)
{
    const size_t plane = shape->height * shape->width;
    for (size_t c = 0; c < shape->channels; c++, in += plane, out += plane) {
        uint32_t histogram[IML_BYTE_VALUES];
        uint8_t table[IML_BYTE_VALUES];
        count_values(plane, in, histogram);
        if (make(histogram, table))
            iml_map_bytes(table, plane, in, out);
        else
            memcpy(out, in, plane);
    }
}

/* In double, product and sum rounded one by one: the largest value becomes 254 in 4,852 of the
 * 32,640 pairs of ends, as it does in Pillow. */
static bool make_auto_contrast(const uint32_t histogram[IML_BYTE_VALUES],
                               uint8_t table[IML_BYTE_VALUES])
{
    int low, high;
    find_ends(histogram, &low, &high);
    if (high <= low) return false;
    const double scale = 255.0 / (high - low), offset = -low * scale;
    for (int v = 0; v < IML_BYTE_VALUES; v++) table[v] = clamp_byte((int)(v * scale + offset));
    return true;
}

static bool make_equalize(const uint32_t histogram[IML_BYTE_VALUES], uint8_t table[IML_BYTE_VALUES])
{
    int low, high;
    uint32_t total = 0;
    find_ends(histogram, &low, &high);
    for (size_t v = 0; v < IML_BYTE_VALUES; v++) total += histogram[v];
    const uint32_t step = (total - histogram[high]) / 255; /* 0 also where one value is present */
    if (step == 0) return false;
    uint32_t n = step / 2;
    for (size_t v = 0; v < IML_BYTE_VALUES; n += histogram[v], v++) {
        const uint32_t level = n / step; /* above 255 where the last bin is large */
        table[v] = (uint8_t)(level > 255 ? 255 : level);
    }
    return true;
}

void iml_auto_contrast(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                       uint8_t *out)
{
    (void)argument;
    map_channels(shape, make_auto_contrast, in, out);
}

void iml_equalize(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                  uint8_t *out)
{
    (void)argument;
    map_channels(shape, make_equalize, in, out);
}

void iml_posterize(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                   uint8_t *out)
{
    assert(argument >= 0 && argument <= 8);
    const unsigned mask = 0xFFU << (8 - (unsigned)argument);
    const size_t n = iml_view_bytes(shape);
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(in[i] & mask);
}

void iml_solarize(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                  uint8_t *out)
{
    assert(argument >= 0 && argument <= 256);
    const int threshold = (int)argument;
    const size_t n = iml_view_bytes(shape);
    for (size_t i = 0; i < n; i++) out[i] = (uint8_t)(in[i] < threshold ? in[i] : 255 - in[i]);
}
