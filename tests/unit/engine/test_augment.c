/* test_augment.c: operations against known answers (FIXMATCH 3.2): CRC-32 of the bytes that
 * Pillow 9.4 makes of two images, and laws that hold for each operation of the table. The bytes
 * themselves are compared in tests/oracle/augment_oracle.py. */
#include "imld/augment.h"

#include <string.h>

#include "tests/unit/check.h"
#include "tests/unit/engine/pattern.h"

enum { MOST = PATTERN_MOST, GUARD = 16 };

static const struct iml_view_shape rgb = {3, 32, 32}, grey = {1, 28, 28}, odd = {3, 5, 7};

static double argument_of(const struct iml_operation *operation, const struct iml_view_shape *shape,
                          unsigned level, bool is_negative)
{
    const double argument = operation->argument ? operation->argument(shape, level) : 0;
    return operation->is_signed && is_negative ? -argument : argument;
}

static const struct iml_operation *find_operation(const char *name)
{
    size_t i = 0;
    while (i < IML_OPERATION_COUNT && strcmp(iml_operations[i].name, name) != 0) i++;
    assert_true(i < IML_OPERATION_COUNT);
    return &iml_operations[i];
}

/* In the order of FIXMATCH's table: a draw gives the place. Made with Pillow. */
/* clang-format off */
static const struct {
    const char *name;
    uint32_t rgb_6, rgb_9, grey_6, grey_9; /* level 6 and positive, level 9 and negative */
} known[IML_OPERATION_COUNT] = {
    {"AutoContrast", 0x31f40740, 0x31f40740, 0x5b0f3f0b, 0x5b0f3f0b},
    {"Brightness",   0xe0b783a9, 0xb3f393fe, 0xf9657b00, 0x10f661f8},
    {"Color",        0x6f2010dd, 0x5725cedd, 0x8fffa12e, 0x8fffa12e},
    {"Contrast",     0x4ab56729, 0x980a9241, 0x065b23c6, 0x044e0ad5},
    {"Equalize",     0xb2aeaa2f, 0xb2aeaa2f, 0x82ed4f13, 0x82ed4f13},
    {"Identity",     0xb32bfb18, 0xb32bfb18, 0x8fffa12e, 0x8fffa12e},
    {"Posterize",    0xe9a1ef6e, 0xcc5d5adf, 0x6daf000c, 0xc5a2a840},
    {"Rotate",       0xb0078dd2, 0xe079bafa, 0x117abbf4, 0xc2a68b16},
    {"Sharpness",    0x4eeb1365, 0xf50823b5, 0x485e7e42, 0x11fa8dfc},
    {"ShearX",       0x659ca369, 0x0ba04bc8, 0xed9c54b1, 0x7c933d69},
    {"ShearY",       0xbface2ee, 0xd05efed9, 0x8d0f8a88, 0x33053fa9},
    {"Solarize",     0xa5112e11, 0xdaf1ef2c, 0x74d3ecab, 0xfa04c5e3},
    {"TranslateX",   0xe8dbd563, 0x09e14f91, 0x4dba7c6b, 0xfaca449d},
    {"TranslateY",   0xf268f489, 0x6a0627b3, 0x8f679887, 0x21911d76},
};
/* clang-format on */

static uint32_t crc_of(const struct iml_operation *operation, const struct iml_view_shape *shape,
                       unsigned level, bool is_negative)
{
    uint8_t in[MOST], out[MOST];
    pattern_draw(shape, in);
    operation->apply(shape, argument_of(operation, shape, level, is_negative), in, out);
    return pattern_crc(0, shape, out);
}

static void test_each_operation_gives_pillows_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < IML_OPERATION_COUNT; i++) {
        const struct iml_operation *const operation = &iml_operations[i];
        assert_string_equal(operation->name, known[i].name);
        assert_int_equal(crc_of(operation, &rgb, 6, false), known[i].rgb_6);
        assert_int_equal(crc_of(operation, &rgb, 9, true), known[i].rgb_9);
        assert_int_equal(crc_of(operation, &grey, 6, false), known[i].grey_6);
        assert_int_equal(crc_of(operation, &grey, 9, true), known[i].grey_9);
    }
}

static const double factors[] = {0.14, 0.23, 0.32, 0.41, 0.5, 0.59, 0.68, 0.77, 0.86};

/* FIXMATCH 3.2's column of arguments. */
static void test_arguments_by_level(void **state)
{
    (void)state;
    static const double bits[] = {4, 4, 5, 5, 6, 6, 6, 7, 7},
                        thresholds[] = {231, 205, 180, 154, 128, 103, 77, 52, 26},
                        shifts[] = {0, 1, 2, 3, 4, 5, 5, 6, 7};
    for (unsigned level = 1; level <= IML_LEVELS; level++) {
        const size_t i = level - 1;
        static const char *const enhancements[] = {"Brightness", "Color", "Contrast", "Sharpness"};
        for (size_t k = 0; k < sizeof enhancements / sizeof enhancements[0]; k++) {
            const double factor = find_operation(enhancements[k])->argument(&rgb, level);
            assert_true((float)factor == (float)factors[i]);
        }
        assert_true(find_operation("Posterize")->argument(&rgb, level) == bits[i]);
        assert_true(find_operation("Solarize")->argument(&rgb, level) == thresholds[i]);
        assert_true(find_operation("Rotate")->argument(&rgb, level) == 3.0 * level);
        assert_true(find_operation("TranslateX")->argument(&grey, level) == shifts[i]);
        assert_true(find_operation("TranslateY")->argument(&grey, level) == shifts[i]);
        check_close(find_operation("ShearX")->argument(&rgb, level), 0.03 * level, 1e-15);
        check_close(find_operation("ShearY")->argument(&rgb, level), 0.03 * level, 1e-15);
    }
    assert_true(find_operation("TranslateX")->argument(&rgb, 9) == 8); /* of 32 */
    assert_true(find_operation("TranslateX")->argument(&odd, 9) == 1); /* of 7 */
    assert_true(find_operation("TranslateY")->argument(&odd, 9) == 1); /* of 5 */
}

/* Every operation, level and sign on that shape: `in` stays, `out` is written whole, and no byte
 * beside it. */
static void check_every_operation(const struct iml_view_shape *shape)
{
    uint8_t in[MOST], kept[MOST], guarded[MOST + 2 * GUARD];
    const size_t bytes = iml_view_bytes(shape);
    pattern_draw(shape, in);
    memcpy(kept, in, bytes);
    for (size_t i = 0; i < (size_t)2 * IML_OPERATION_COUNT * IML_LEVELS; i++) {
        const struct iml_operation *const operation = &iml_operations[i % IML_OPERATION_COUNT];
        const unsigned level = 1 + (unsigned)(i / IML_OPERATION_COUNT % IML_LEVELS);
        const bool is_negative = i / IML_OPERATION_COUNT / IML_LEVELS == 1;
        const double argument = argument_of(operation, shape, level, is_negative);
        uint8_t again[MOST];
        memset(guarded, 0xA5, sizeof guarded);
        operation->apply(shape, argument, in, guarded + GUARD);
        memset(again, 0x5A, sizeof again);
        operation->apply(shape, argument, in, again);
        assert_memory_equal(guarded + GUARD, again, bytes);
        assert_memory_equal(in, kept, bytes);
        for (size_t k = 0; k < GUARD; k++) {
            assert_int_equal(guarded[k], 0xA5);
            assert_int_equal(guarded[GUARD + bytes + k], 0xA5);
        }
    }
}

static void test_operations_write_their_image_and_nothing_else(void **state)
{
    (void)state;
    static const struct iml_view_shape shapes[] = {{1, 1, 1},  {3, 1, 1},   {1, 2, 2},  {3, 2, 9},
                                                   {3, 9, 2},  {1, 1, 31},  {1, 3, 3},  {3, 5, 7},
                                                   {3, 13, 1}, {1, 28, 28}, {3, 32, 32}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) check_every_operation(&shapes[i]);
}

/* Blends, tables, and the shapes that geometry leaves whole. */
static void test_a_constant_image_stays_constant(void **state)
{
    (void)state;
    static const char *const names[] = {"AutoContrast", "Color",    "Contrast",
                                        "Equalize",     "Identity", "Sharpness"};
    uint8_t in[MOST], out[MOST];
    for (int value = 0; value < 256; value += 15) {
        memset(in, value, sizeof in);
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            find_operation(names[i])->apply(&rgb, 0.5, in, out);
            assert_memory_equal(out, in, MOST);
        }
    }
}

/* A blend by 1 is the image, by 0 the degenerate. */
static void test_the_ends_of_a_blend(void **state)
{
    (void)state;
    uint8_t in[MOST], out[MOST];
    pattern_draw(&rgb, in);
    static const char *const names[] = {"Brightness", "Color", "Contrast", "Sharpness"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        find_operation(names[i])->apply(&rgb, 1, in, out);
        assert_memory_equal(out, in, MOST);
    }
    find_operation("Brightness")->apply(&rgb, 0, in, out);
    for (size_t i = 0; i < MOST; i++) assert_int_equal(out[i], 0);
    find_operation("Color")->apply(&rgb, 0, in, out);
    assert_memory_equal(out, out + MOST / 3, MOST / 3);
    assert_memory_equal(out, out + (size_t)2 * (MOST / 3), MOST / 3);
}

/* 0.59 of the way from 0 to 100 is 58 in float, where an exact product would give 59. */
static void test_blends_round_as_floats_do(void **state)
{
    (void)state;
    const struct iml_view_shape one = {1, 1, 1};
    const uint8_t in = 100;
    uint8_t out = 0;
    find_operation("Brightness")->apply(&one, factors[5], &in, &out);
    assert_int_equal(out, 58);
}

/* The largest value becomes 254 where the sum's rounding falls below 255 (first: 0 and 25). */
static void test_auto_contrast_rounds_twice(void **state)
{
    (void)state;
    const struct iml_view_shape two = {1, 1, 2};
    const uint8_t in[2] = {0, 25}, wide[2] = {3, 25};
    uint8_t out[2];
    find_operation("AutoContrast")->apply(&two, 0, in, out);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 254);
    find_operation("AutoContrast")->apply(&two, 0, wide, out);
    assert_int_equal(out[0], 0);
    assert_int_equal(out[1], 255);
}

static void test_translations_move_the_picture_against_their_sign(void **state)
{
    (void)state;
    const struct iml_view_shape row = {1, 1, 5}, column = {1, 5, 1};
    const uint8_t in[5] = {1, 2, 3, 4, 5};
    static const struct {
        double shift;
        uint8_t right[5];
    } cases[] = {{0, {1, 2, 3, 4, 5}}, {2, {3, 4, 5, 0, 0}}, {-1, {0, 1, 2, 3, 4}},
                 {4, {5, 0, 0, 0, 0}}, {5, {0, 0, 0, 0, 0}}, {-9, {0, 0, 0, 0, 0}}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t out[5];
        find_operation("TranslateX")->apply(&row, cases[i].shift, in, out);
        assert_memory_equal(out, cases[i].right, sizeof out);
        find_operation("TranslateY")->apply(&column, cases[i].shift, in, out);
        assert_memory_equal(out, cases[i].right, sizeof out);
    }
}

/* What a counter-clockwise turn by that many quarters brings to (x, y). */
static uint8_t turned(const uint8_t *image, size_t side, int quarters, size_t x, size_t y)
{
    for (int turn = 0; turn < quarters; turn++) {
        const size_t before = x;
        x = side - 1 - y;
        y = before;
    }
    return image[y * side + x];
}

/* Pillow takes an exact path at these angles; the fixed point gives the same bytes. */
static void test_quarter_turns(void **state)
{
    (void)state;
    enum { SIDE = 6 };
    const struct iml_view_shape square = {1, SIDE, SIDE};
    uint8_t in[SIDE * SIDE], out[SIDE * SIDE];
    pattern_draw(&square, in);
    for (int quarter = -4; quarter <= 4; quarter++) {
        find_operation("Rotate")->apply(&square, 90.0 * quarter, in, out);
        for (size_t i = 0; i < sizeof out; i++)
            assert_int_equal(out[i], turned(in, SIDE, (quarter + 4) % 4, i % SIDE, i / SIDE));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_operation_gives_pillows_bytes),
        cmocka_unit_test(test_arguments_by_level),
        cmocka_unit_test(test_operations_write_their_image_and_nothing_else),
        cmocka_unit_test(test_a_constant_image_stays_constant),
        cmocka_unit_test(test_the_ends_of_a_blend),
        cmocka_unit_test(test_blends_round_as_floats_do),
        cmocka_unit_test(test_auto_contrast_rounds_twice),
        cmocka_unit_test(test_translations_move_the_picture_against_their_sign),
        cmocka_unit_test(test_quarter_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
