/* test_views.c: what a view draws, weak views, cutout, and whole views against known answers
 * (FIXMATCH 3.1, 3.3, 3.4). tests/oracle/augment_oracle.py, which compares the bytes of many more,
 * made the numbers. */
#include "imld/augment.h"

#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/pattern.h"

enum { MOST = PATTERN_MOST, VIEWS = 64, SEED = 7, PASS = 3 };

static const struct iml_view_shape rgb = {3, 32, 32}, grey = {1, 28, 28}, odd = {3, 5, 7};

static uint32_t crc_of_cutout(const struct iml_view_shape *shape, size_t cy, size_t cx)
{
    uint8_t image[MOST];
    pattern_draw(shape, image);
    iml_cutout(shape, cy, cx, image);
    return pattern_crc(0, shape, image);
}

static void test_cutout_gives_pillows_bytes(void **state)
{
    (void)state;
    assert_int_equal(crc_of_cutout(&rgb, 0, 0), 0xd1f93138);
    assert_int_equal(crc_of_cutout(&grey, 0, 0), 0xc20e59ea);
    assert_int_equal(crc_of_cutout(&rgb, 20, 27), 0x3380040d);
    assert_int_equal(crc_of_cutout(&grey, 20, 27), 0xb03e2173);
}

static void test_padding_reflects_without_repeating_the_edge(void **state)
{
    (void)state;
    const struct iml_view_shape row = {1, 1, 6};
    const uint8_t in[6] = {10, 11, 12, 13, 14, 15};
    static const struct {
        bool is_flipped;
        unsigned dx;
        uint8_t right[6];
    } cases[] = {{false, 4, {10, 11, 12, 13, 14, 15}}, {true, 4, {15, 14, 13, 12, 11, 10}},
                 {false, 0, {14, 13, 12, 11, 10, 11}}, {false, 8, {14, 15, 14, 13, 12, 11}},
                 {true, 0, {11, 12, 13, 14, 15, 14}},  {true, 8, {11, 10, 11, 12, 13, 14}}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t out[6];
        const struct iml_view_draw draw = {
            .is_flipped = cases[i].is_flipped, .dy = 1, .dx = cases[i].dx};
        iml_weak_view(&row, &draw, in, out);
        assert_memory_equal(out, cases[i].right, sizeof out);
    }
}

/* Narrower than the padding: reflected again and again, as numpy's `reflect` does. */
static void test_padding_of_images_narrower_than_it(void **state)
{
    (void)state;
    const struct iml_view_shape two = {1, 2, 1}, one = {3, 1, 1};
    const uint8_t in[3] = {7, 9, 11};
    uint8_t out[3];
    for (unsigned dy = 0; dy <= 8; dy++) {
        const struct iml_view_draw draw = {.dy = dy, .dx = 8 - dy};
        iml_weak_view(&two, &draw, in, out);
        assert_int_equal(out[0], in[dy % 2]);
        assert_int_equal(out[1], in[(dy + 1) % 2]);
        iml_weak_view(&one, &draw, in, out);
        assert_memory_equal(out, in, sizeof out);
    }
}

static struct iml_view_draw draw_view(const struct iml_view_shape *shape, enum iml_view_flip flip,
                                      enum iml_purpose purpose, uint32_t index)
{
    struct iml_view_draw draw;
    const struct iml_stream stream = {
        .seed = SEED, .purpose = purpose, .index = index, .pass = PASS};
    iml_view_draw(shape, flip, &stream, &draw);
    return draw;
}

/* CRC-32 of 64 views, one after the other. */
static uint32_t crc_of_views(const struct iml_view_shape *shape, enum iml_view_flip flip,
                             enum iml_purpose purpose)
{
    uint8_t in[MOST], scratch[MOST], out[MOST];
    uint32_t crc = 0;
    pattern_draw(shape, in);
    for (uint32_t index = 0; index < VIEWS; index++) {
        const struct iml_view_draw draw = draw_view(shape, flip, purpose, index);
        if (purpose == IML_PURPOSE_STRONG_POOL)
            iml_strong_view(shape, &draw, in, scratch, out);
        else
            iml_weak_view(shape, &draw, in, out);
        crc = pattern_crc(crc, shape, out);
    }
    return crc;
}

static void test_whole_views(void **state)
{
    (void)state;
    static const struct {
        const struct iml_view_shape *shape;
        uint32_t weak, weak_flip, strong, strong_flip;
    } cases[] = {{&rgb, 0xbfc3ad24, 0x0344df44, 0x9b2ff0b3, 0xe98a42ae},
                 {&grey, 0xc210fa32, 0x0dfec1e0, 0xfedbd180, 0xd053560c},
                 {&odd, 0x9c587540, 0x49334f19, 0xcf0decb6, 0xf59785f4}};
    const enum iml_purpose weak = IML_PURPOSE_WEAK_LABELED, strong = IML_PURPOSE_STRONG_POOL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct iml_view_shape *const shape = cases[i].shape;
        assert_int_equal(crc_of_views(shape, IML_VIEW_FLIP_NEVER, weak), cases[i].weak);
        assert_int_equal(crc_of_views(shape, IML_VIEW_FLIP_HALF, weak), cases[i].weak_flip);
        assert_int_equal(crc_of_views(shape, IML_VIEW_FLIP_NEVER, strong), cases[i].strong);
        assert_int_equal(crc_of_views(shape, IML_VIEW_FLIP_HALF, strong), cases[i].strong_flip);
    }
}

/* Whether flips are allowed changes no other slot. */
static void test_each_draw_has_a_slot_of_its_own(void **state)
{
    (void)state;
    unsigned flips = 0, applied = 0;
    for (uint32_t index = 0; index < 400; index++) {
        const enum iml_purpose purpose = IML_PURPOSE_STRONG_POOL;
        struct iml_view_draw half = draw_view(&rgb, IML_VIEW_FLIP_HALF, purpose, index);
        const struct iml_view_draw never = draw_view(&rgb, IML_VIEW_FLIP_NEVER, purpose, index);
        assert_false(never.is_flipped);
        flips += half.is_flipped ? 1 : 0;
        for (size_t i = 0; i < IML_VIEW_CHOICES; i++) applied += half.choices[i].is_applied ? 1 : 0;
        assert_true(half.dy == never.dy && half.dx == never.dx && half.cy == never.cy);
        assert_true(half.cx == never.cx && half.dy <= 8 && half.dx <= 8 && half.cy < 32);
        for (size_t i = 0; i < IML_VIEW_CHOICES; i++) {
            assert_int_equal(half.choices[i].operation, never.choices[i].operation);
            assert_int_equal(half.choices[i].level, never.choices[i].level);
            assert_true(half.choices[i].operation < IML_OPERATION_COUNT);
            assert_true(half.choices[i].level >= 1 && half.choices[i].level <= IML_LEVELS);
        }
    }
    assert_in_range(flips, 160, 240); /* 4 deviations of 200 and 400 are 40 and 57 */
    assert_in_range(applied, 343, 457);
}

static void test_shapes_that_can_not_be_augmented(void **state)
{
    (void)state;
    static const struct iml_view_shape wrong[] = {{2, 8, 8}, {4, 8, 8},    {0, 8, 8},   {1, 0, 8},
                                                  {1, 8, 0}, {1, 8193, 8}, {3, 8, 8193}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct iml_error error = {0};
        assert_int_equal(iml_view_check(&wrong[i], &error), IML_ERROR_LIMIT);
        assert_non_null(strstr(error.what, "can't be augmented"));
    }
    assert_int_equal(iml_view_check(&odd, NULL), IML_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cutout_gives_pillows_bytes),
        cmocka_unit_test(test_padding_reflects_without_repeating_the_edge),
        cmocka_unit_test(test_padding_of_images_narrower_than_it),
        cmocka_unit_test(test_whole_views),
        cmocka_unit_test(test_each_draw_has_a_slot_of_its_own),
        cmocka_unit_test(test_shapes_that_can_not_be_augmented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
