/* augment.h: weak and strong views of 8-bit images (FIXMATCH §3), byte for byte what Pillow 9.4
 * makes of them.
 *
 * An image is channels × height × width bytes, one plane after the other (grey: one plane; else
 * red, green, blue), as in a CIFAR file and as a net's input. Nothing here allocates, fails or
 * keeps state: any number of threads may make views at once, each with buffers of its own. */
#ifndef IMLD_AUGMENT_H
#define IMLD_AUGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "imld/error.h"
#include "imld/random.h"

#define IML_VIEW_SIDE_MAX 8192 /* pixels: up to here Pillow's coordinates are 16.16 fixed point */

struct iml_view_shape {
    size_t channels;      /* 1 or 3 */
    size_t height, width; /* 1 … IML_VIEW_SIDE_MAX */
};

/* IML_ERROR_LIMIT: images of that shape can't be augmented; all functions below assume they can. */
IML_MUST_USE enum iml_code iml_view_check(const struct iml_view_shape *shape,
                                          struct iml_error *error);

/* Bytes of one image. */
size_t iml_view_bytes(const struct iml_view_shape *shape);

#define IML_LEVELS 9 /* an operation's level is 1 … IML_LEVELS */

/* One operation of RandAugment. */
struct iml_operation {
    const char *name; /* as Pillow or the paper has it: "AutoContrast", "ShearX" */
    bool is_signed;   /* the argument's sign is drawn */
    /* The argument at that level, without its sign; NULL: there is none. In Pillow's unit: the
     * factor of an enhancement, bits kept, degrees, slope, threshold, whole pixels. */
    double (*argument)(const struct iml_view_shape *shape, unsigned level);
    /* From one image to another of the same shape; the two don't overlap. argument: a factor in
     * 0 … 1, bits in 0 … 8, a threshold in 0 … 256; any angle in degrees, any slope in −1 … 1, any
     * whole number of pixels; not looked at where there is none. */
    void (*apply)(const struct iml_view_shape *shape, double argument, const uint8_t *in,
                  uint8_t *out);
};

enum { IML_OPERATION_COUNT = 14 };

/* FIXMATCH 3.2, in the order of its table: the place of a row is the number that a draw gives. */
extern const struct iml_operation iml_operations[IML_OPERATION_COUNT];

/* One operation, as drawn: whether or not it is applied. */
struct iml_view_choice {
    unsigned operation; /* place in iml_operations */
    bool is_applied;
    unsigned level;   /* 1 … IML_LEVELS */
    bool is_negative; /* what is_signed asks for */
};

enum { IML_VIEW_CHOICES = 2 };

/* All that is random in a view (FIXMATCH 3.4). */
struct iml_view_draw {
    bool is_flipped;
    unsigned dy, dx; /* 0 … 8: the crop's corner in the image padded by 4 */
    struct iml_view_choice choices[IML_VIEW_CHOICES];
    size_t cy, cx; /* the cutout's centre */
};

/* Draws a view: words 0 … 12 of the stream (seed, IML_PURPOSE_WEAK_… or IML_PURPOSE_STRONG_…, the
 * image's place in its list, the pass or step). Whether images may be flipped (data.flip) is the
 * job's, and the same for each image of a pool. */
enum iml_view_flip { IML_VIEW_FLIP_NEVER, IML_VIEW_FLIP_HALF };
void iml_view_draw(const struct iml_view_shape *shape, enum iml_view_flip flip,
                   const struct iml_stream *stream, struct iml_view_draw *draw);

/* FIXMATCH 3.1: flip, padding by reflection, crop. in and out don't overlap. */
void iml_weak_view(const struct iml_view_shape *shape, const struct iml_view_draw *draw,
                   const uint8_t *in, uint8_t *out);

/* FIXMATCH 3.2, 3.3: the weak view, the operations that apply, cutout. scratch: one image, the
 * caller's, written. in, scratch and out don't overlap. */
void iml_strong_view(const struct iml_view_shape *shape, const struct iml_view_draw *draw,
                     const uint8_t *in, uint8_t *scratch, uint8_t *out);

/* FIXMATCH 3.3, in place: a square of side 2⌊min(height, width)/4⌋ around (cy, cx), clipped to the
 * image, becomes 127. */
void iml_cutout(const struct iml_view_shape *shape, size_t cy, size_t cx, uint8_t *image);

#endif
