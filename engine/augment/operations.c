/* operations.c: the table of RandAugment's operations and their arguments by level (FIXMATCH 3.2).
 */
#include <string.h>

#include "engine/augment/apply.h"

/* Literals: 0.05f + 0.09f·ℓ is another float at five of the levels. */
static double factor(const struct iml_view_shape *shape, unsigned level)
{
    static const float factors[IML_LEVELS] = {0.14F, 0.23F, 0.32F, 0.41F, 0.5F,
                                              0.59F, 0.68F, 0.77F, 0.86F};
    (void)shape;
    return (double)factors[level - 1];
}

/* ⌊numerator / denominator⌋ */
static double whole(size_t numerator, size_t denominator)
{
    const size_t quotient = numerator / denominator;
    return (double)quotient;
}

static double bits(const struct iml_view_shape *shape, unsigned level)
{
    (void)shape;
    return 4 + whole((size_t)4 * level, 10);
}

static double degrees(const struct iml_view_shape *shape, unsigned level)
{
    (void)shape;
    return 3 * level;
}

static double slope(const struct iml_view_shape *shape, unsigned level)
{
    (void)shape;
    return 0.03 * level;
}

static double threshold(const struct iml_view_shape *shape, unsigned level)
{
    (void)shape;
    return 256 - whole((size_t)256 * level, 10);
}

static double columns(const struct iml_view_shape *shape, unsigned level)
{
    return whole((size_t)3 * level * shape->width, 100);
}

static double rows(const struct iml_view_shape *shape, unsigned level)
{
    return whole((size_t)3 * level * shape->height, 100);
}

static void identity(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                     uint8_t *out)
{
    (void)argument;
    memcpy(out, in, iml_view_bytes(shape));
}

/* clang-format off */
const struct iml_operation iml_operations[IML_OPERATION_COUNT] = {
    /* name           sign   argument   apply */
    {"AutoContrast",  false, NULL,      iml_auto_contrast},
    {"Brightness",    false, factor,    iml_brightness},
    {"Color",         false, factor,    iml_color},
    {"Contrast",      false, factor,    iml_contrast},
    {"Equalize",      false, NULL,      iml_equalize},
    {"Identity",      false, NULL,      identity},
    {"Posterize",     false, bits,      iml_posterize},
    {"Rotate",        true,  degrees,   iml_rotate},
    {"Sharpness",     false, factor,    iml_sharpness},
    {"ShearX",        true,  slope,     iml_shear_x},
    {"ShearY",        true,  slope,     iml_shear_y},
    {"Solarize",      false, threshold, iml_solarize},
    {"TranslateX",    true,  columns,   iml_translate_x},
    {"TranslateY",    true,  rows,      iml_translate_y},
};
/* clang-format on */
