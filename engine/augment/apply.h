/* apply.h: what stands in the table of operations: `argument` and `apply` of struct iml_operation,
 * by the name of the operation. Private to engine/augment. */
#ifndef IMLD_ENGINE_AUGMENT_APPLY_H
#define IMLD_ENGINE_AUGMENT_APPLY_H

#include "imld/augment.h"

typedef void iml_apply(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                       uint8_t *out);

iml_apply iml_brightness, iml_color, iml_contrast, iml_sharpness;       /* blend.c */
iml_apply iml_auto_contrast, iml_equalize, iml_posterize, iml_solarize; /* tone.c */
iml_apply iml_rotate, iml_shear_x, iml_shear_y;                         /* affine.c */
iml_apply iml_translate_x, iml_translate_y;                             /* translate.c */

enum { IML_BYTE_VALUES = 256 };

/* tone.c: out = table[in], n bytes. */
void iml_map_bytes(const uint8_t table[IML_BYTE_VALUES], size_t n, const uint8_t *in, uint8_t *out);

#endif
