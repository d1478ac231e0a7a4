/* test_arena.c: a plan equals what is taken; overflow is seen; slices are aligned and apart. */
#include "engine/core/arena_reset.h"

#include <stdint.h>
#include <string.h>

#include "../check.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
enum { RED_ZONE = 64 }; /* behind each slice */
#else
enum { RED_ZONE = 0 };
#endif

struct taken {
    unsigned char *first, *second, *third;
};

static struct taken lay_out(struct iml_arena *arena)
{
    struct taken taken = {0};
    iml_arena_part(arena, "parameters");
    taken.first = iml_arena_take(arena, 3, 4);
    iml_arena_part(arena, "buffers");
    taken.second = iml_arena_take(arena, 65, 1);
    iml_arena_part(arena, "parameters");
    taken.third = iml_arena_take(arena, 1, 64);
    return taken;
}

static void test_plan_is_what_is_taken(void **state)
{
    (void)state;
    struct iml_arena measure, arena;
    struct iml_error error = {0};
    iml_arena_measure(&measure);
    assert_true(iml_arena_is_measuring(&measure));
    const struct taken nothing = lay_out(&measure);
    assert_null(nothing.first);
    assert_null(nothing.third);
    assert_int_equal(measure.plan.count, 2);
    assert_string_equal(measure.plan.parts[0].name, "parameters");
    assert_int_equal(measure.plan.parts[0].bytes, 128 + 2 * RED_ZONE); /* alignment included */
    assert_int_equal(measure.plan.parts[1].bytes, 128 + RED_ZONE);
    assert_int_equal(measure.plan.total_bytes, 256 + 3 * RED_ZONE);
    assert_false(measure.plan.overflow);

    assert_int_equal(iml_arena_open(&arena, &measure.plan, &error), IML_OK);
    assert_false(iml_arena_is_measuring(&arena));
    const struct taken taken = lay_out(&arena);
    assert_int_equal(arena.plan.total_bytes, measure.plan.total_bytes);
    assert_int_equal(arena.plan.count, measure.plan.count);
    for (size_t i = 0; i < arena.plan.count; i++)
        assert_int_equal(arena.plan.parts[i].bytes, measure.plan.parts[i].bytes);
    assert_int_equal((uintptr_t)taken.first % 64, 0);
    assert_int_equal((uintptr_t)taken.second % 64, 0);
    assert_int_equal((uintptr_t)taken.third % 64, 0);
    for (size_t i = 0; i < 12; i++) assert_int_equal(taken.first[i], 0);
    memset(taken.first, 1, 12);
    memset(taken.second, 2, 65);
    memset(taken.third, 3, 64);
    assert_int_equal(taken.first[11], 1);
    assert_int_equal(taken.second[64], 2);
    iml_arena_close(&arena);
    assert_true(iml_arena_is_measuring(&arena));
    iml_arena_close(&arena);
}

/* Whether AddressSanitizer would report an access of that byte. */
static bool is_forbidden(const unsigned char *byte)
{
#if defined(__SANITIZE_ADDRESS__)
    return __asan_address_is_poisoned(byte);
#else
    (void)byte;
    return false;
#endif
}

/* What is not a slice's may not be touched where a sanitizer can tell; a reset forgets all slices.
 */
static void test_slices_are_apart(void **state)
{
    (void)state;
    struct iml_arena measure, arena;
    struct iml_error error = {0};
    iml_arena_measure(&measure);
    (void)lay_out(&measure);
    assert_int_equal(iml_arena_open(&arena, &measure.plan, &error), IML_OK);
    for (int round = 0; round < 2; round++) {
        const struct taken taken = lay_out(&arena);
        assert_false(is_forbidden(taken.first + 11));
        assert_false(is_forbidden(taken.second + 64));
        assert_false(is_forbidden(taken.third + 63));
        assert_int_equal(is_forbidden(taken.first + 12), RED_ZONE > 0);
        assert_int_equal(is_forbidden(taken.first + 127), RED_ZONE > 0);
        assert_int_equal(is_forbidden(taken.second + 65), RED_ZONE > 0);
        assert_int_equal(is_forbidden(taken.third + 64), RED_ZONE > 0);
        iml_arena_reset(&arena, 0xA5);
        assert_int_equal(arena.plan.total_bytes, 0);
        for (size_t i = 0; i < measure.plan.total_bytes; i++)
            assert_int_equal(taken.first[i], 0xA5);
    }
    iml_arena_close(&arena);
}

static void check_overflow(size_t count, size_t size, size_t before)
{
    struct iml_arena measure, arena;
    struct iml_error error = {0};
    iml_arena_measure(&measure);
    (void)iml_arena_take(&measure, before, 1);
    assert_null(iml_arena_take(&measure, count, size));
    assert_true(measure.plan.overflow);
    assert_int_equal(iml_arena_open(&arena, &measure.plan, &error), IML_ERROR_MEMORY);
    iml_arena_close(&arena);
}

static void test_overflow(void **state)
{
    (void)state;
    check_overflow(SIZE_MAX / 2, 3, 0);                 /* the product */
    check_overflow(SIZE_MAX - 10, 1, 0);                /* the alignment */
    check_overflow(SIZE_MAX / 2, 1, SIZE_MAX / 2 + 64); /* the sum */
}

/* The sanitizers end the process at an allocation that they find too large, unless asked. */
#if !defined(__SANITIZE_ADDRESS__)        /* else its header declares it */
const char *__asan_default_options(void); /* NOLINT(bugprone-reserved-identifier): its name */
#endif
const char *__asan_default_options(void) /* NOLINT(bugprone-reserved-identifier) */
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void); /* NOLINT(bugprone-reserved-identifier): its name */
const char *__tsan_default_options(void)  /* NOLINT(bugprone-reserved-identifier) */
{
    return "allocator_may_return_null=1";
}

static void test_no_memory(void **state)
{
    (void)state;
    struct iml_arena arena;
    struct iml_error error = {0};
    const struct iml_plan plan = {.total_bytes = (size_t)1 << 62};
    assert_int_equal(iml_arena_open(&arena, &plan, &error), IML_ERROR_MEMORY);
    assert_non_null(strstr(error.what, "bytes"));
    iml_arena_close(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_is_what_is_taken),
        cmocka_unit_test(test_slices_are_apart),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
