/* view.c: what a view draws (FIXMATCH 3.4), and the strong view (3.2). */
#include <assert.h>

#include "imld/augment.h"

/* Words of a sample's stream. */
enum slot {
    SLOT_FLIP = 0,
    SLOT_DY = 1,
    SLOT_DX = 2,
    SLOT_CHOICE = 3, /* operation, apply, level, sign of the first; the second's follow */
    SLOTS_A_CHOICE = 4,
    SLOT_CY = 11,
    SLOT_CX = 12,
    SLOTS = 13
};

enum { OFFSETS = 9 }; /* a crop's corner: 0 … 8 */

enum iml_code iml_view_check(const struct iml_view_shape *shape, struct iml_error *error)
{
    const bool is_grey_or_rgb = shape->channels == 1 || shape->channels == 3;
    const bool fits = shape->height >= 1 && shape->height <= IML_VIEW_SIDE_MAX &&
                      shape->width >= 1 && shape->width <= IML_VIEW_SIDE_MAX;
    if (is_grey_or_rgb && fits) return IML_OK;
    return iml_error_set(error, IML_ERROR_LIMIT,
                         "images of %zu × %zu pixels and %zu channels can't be augmented: 1 or 3 "
                         "channels and sides of 1 to %d pixels can",
                         shape->height, shape->width, shape->channels, IML_VIEW_SIDE_MAX);
}

size_t iml_view_bytes(const struct iml_view_shape *shape)
{
    return shape->channels * shape->height * shape->width;
}

static bool coin(uint32_t word)
{
    return word >> 31 != 0;
}

static struct iml_view_choice make_choice(const uint32_t words[SLOTS_A_CHOICE])
{
    return (struct iml_view_choice){.operation = iml_word_below(words[0], IML_OPERATION_COUNT),
                                    .is_applied = coin(words[1]),
                                    .level = 1 + iml_word_below(words[2], IML_LEVELS),
                                    .is_negative = coin(words[3])};
}

void iml_view_draw(const struct iml_view_shape *shape, enum iml_view_flip flip,
                   const struct iml_stream *stream, struct iml_view_draw *draw)
{
    uint32_t words[SLOTS];
    iml_stream_words(stream, 0, SLOTS, words);
    *draw =
        (struct iml_view_draw){.is_flipped = flip == IML_VIEW_FLIP_HALF && coin(words[SLOT_FLIP]),
                               .dy = iml_word_below(words[SLOT_DY], OFFSETS),
                               .dx = iml_word_below(words[SLOT_DX], OFFSETS),
                               .cy = iml_word_below(words[SLOT_CY], (uint32_t)shape->height),
                               .cx = iml_word_below(words[SLOT_CX], (uint32_t)shape->width)};
    for (size_t i = 0; i < IML_VIEW_CHOICES; i++)
        draw->choices[i] = make_choice(words + SLOT_CHOICE + i * SLOTS_A_CHOICE);
}

static void apply_choice(const struct iml_view_shape *shape, const struct iml_view_choice *choice,
                         const uint8_t *in, uint8_t *out)
{
    const struct iml_operation *const operation = &iml_operations[choice->operation];
    double argument = operation->argument ? operation->argument(shape, choice->level) : 0;
    if (operation->is_signed && choice->is_negative) argument = -argument;
    operation->apply(shape, argument, in, out);
}

void iml_strong_view(const struct iml_view_shape *shape, const struct iml_view_draw *draw,
                     const uint8_t *in, uint8_t *scratch, uint8_t *out)
{
    unsigned applied = 0;
    for (size_t i = 0; i < IML_VIEW_CHOICES; i++) applied += draw->choices[i].is_applied;
    /* two buffers by turns, so that the last operation writes to out */
    uint8_t *at = applied % 2 == 0 ? out : scratch;
    iml_weak_view(shape, draw, in, at);
    for (size_t i = 0; i < IML_VIEW_CHOICES; i++) {
        if (!draw->choices[i].is_applied) continue;
        uint8_t *const next = at == out ? scratch : out;
        apply_choice(shape, &draw->choices[i], at, next);
        at = next;
    }
    assert(at == out);
    iml_cutout(shape, draw->cy, draw->cx, out);
}
