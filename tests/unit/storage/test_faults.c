/* test_faults.c: EIO, ENOSPC and EROFS at every system call of ours and every call of SQLite's VFS
 * in turn (docs/style.md, habit 6): fresh state, arm at N, a job's life, disarm, check, N + 1,
 * until a run passes in which no fault fired; once, and for a while. What was acknowledged is
 * there, what was refused is not, nothing half-written is visible, and all goes on without a
 * restart when the fault is gone. */
#include "life.h"

#include <errno.h>

#include "fault.h"

#define CAP 10000
/* "For a while": a sync that fails without end would leave the writer waiting for the disk without
 * end, as it should. */
#define WHILE_CALLS 6

/* The fault is gone: what was refused is not there, and the rest of the life works in place. */
static void go_on(struct world *world, size_t at)
{
    struct iml_error why = {0};
    assert_true(shows_world(&fixture, world));
    assert_int_equal(live(&fixture, world, &at), IML_OK);
    assert_true(imld_storage_is_healthy(fixture.storage, &why));
    assert_true(shows_world(&fixture, world));
}

/* Faults that may be absorbed, with why. */
static bool is_benign(enum fault_op op, bool is_at_close)
{
    static const unsigned ever =
        1u << FAULT_CLOSE |     /* the descriptor is closed in any case */
        1u << FAULT_UNLINK |    /* a pruned file: an orphan at next start */
        1u << FAULT_DB_ACCESS | /* SQLite asks whether a journal is there */
        1u << FAULT_DB_SIZE |   /* the log is not cut to its limit now */
        1u << FAULT_DB_SYNC;    /* settled as done */
    return is_at_close /* the log stays, and is read at the next start */ || (ever & (1u << op));
}

/* One trial; false: no fault fired. */
static bool try_at(uint64_t at, int error_number, uint64_t limit, size_t benign[FAULT_OPS])
{
    const struct fault_plan plan = {.at = at,
                                    .limit = limit,
                                    .ops = error_number == EIO ? FAULT_ALL : FAULT_CHANGES,
                                    .error = error_number};
    struct world world = {.job = 0};
    struct iml_error error = {0};
    size_t step = 0;
    fixture_make_in_memory(&fixture);
    fault_arm(&plan);
    enum iml_code code = fixture_try_open(&fixture, &error);
    if (code == IML_OK) {
        code = live(&fixture, &world, &step);
        assert_int_not_equal(code, IML_ERROR_IN_DOUBT);
        if (fault_fired() > 0) {
            fault_disarm();
            go_on(&world, step);
        }
        const bool is_at_close = fault_fired() == 0;
        fixture_close(&fixture);
        if (code == IML_OK && fault_fired() > 0) {
            if (!is_benign(fault_fired_op(), is_at_close))
                fail_msg("call %llu (%s) failed unnoticed", (unsigned long long)at,
                         fault_op_name(fault_fired_op()));
            benign[fault_fired_op()]++;
        }
    } else {
        assert_true(error.what[0] != '\0');
        assert_true(fault_fired() > 0);
    }
    const bool has_fired = fault_fired() > 0;
    fault_disarm();
    fixture_open(&fixture);
    go_on(&world, world.job != 0 && world.state == IMLD_COMPLETED ? LIFE : step);
    fixture_close(&fixture);
    check_closed(&fixture, &world);
    fixture_remove(&fixture);
    return has_fired;
}

static void try_all(const char *name, int error_number, uint64_t limit)
{
    size_t benign[FAULT_OPS] = {0};
    uint64_t at = 1;
    while (at < CAP && try_at(at, error_number, limit, benign)) at++;
    assert_true(at > 20 && at < CAP);
    print_message("%s, %s: %llu calls;", name, limit == 1 ? "once" : "for a while",
                  (unsigned long long)at - 1);
    for (unsigned op = 0; op < FAULT_OPS; op++) {
        if (benign[op])
            print_message(" %zu %s absorbed", benign[op], fault_op_name((enum fault_op)op));
    }
    print_message("\n");
}

static void test_input_output_errors(void **state)
{
    (void)state;
    try_all("EIO", EIO, 1);
    try_all("EIO", EIO, WHILE_CALLS);
}

static void test_no_space(void **state)
{
    (void)state;
    try_all("ENOSPC", ENOSPC, 1);
    try_all("ENOSPC", ENOSPC, WHILE_CALLS);
}

static void test_read_only_file_system(void **state)
{
    (void)state;
    try_all("EROFS", EROFS, 1);
    try_all("EROFS", EROFS, WHILE_CALLS);
}

static void test_a_full_disk_is_told_and_healed_without_a_restart(void **state)
{
    (void)state;
    const struct fault_plan full = {
        .at = 1, .ops = 1u << FAULT_WRITE | 1u << FAULT_DB_WRITE, .error = ENOSPC};
    struct iml_error why = {0};
    fixture_make_in_memory(&fixture);
    fixture_open(&fixture);
    const int64_t number = make_running(&fixture);
    fault_arm(&full);
    assert_int_equal(run_rows(&fixture, number, 1, 1), IML_ERROR_NO_SPACE);
    assert_false(imld_storage_is_healthy(fixture.storage, &why));
    assert_int_equal(why.code, IML_ERROR_NO_SPACE);
    assert_int_equal(run_checkpoint(&fixture, number, "step-1", 1, 1), IML_ERROR_NO_SPACE);
    fault_disarm();
    assert_int_equal(run_rows(&fixture, number, 1, 1), IML_OK);
    assert_true(imld_storage_is_healthy(fixture.storage, &why));
    fixture_remove(&fixture);
}

int main(void)
{
    fault_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_disk_is_told_and_healed_without_a_restart),
        cmocka_unit_test(test_input_output_errors),
        cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_read_only_file_system),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
