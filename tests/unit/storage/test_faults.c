/* test_faults.c: EIO, ENOSPC and EROFS at every system call of ours and every call of SQLite's VFS
 * in turn (docs/style.md, habit 6): fresh state, arm at N, a job's life, disarm, check, N + 1,
 * until a run passes in which no fault fired; once, and for a while. What was acknowledged is
 * there, what was refused is not, nothing half-written is visible, and all goes on without a
 * restart when the fault is gone. */
#include "fixture.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "fault.h"

#define CAP 10000
/* "For a while": a sync that fails without end would leave the writer waiting for the disk without
 * end, as it should. */
#define WHILE_CALLS 6

static struct fixture fixture;

/* What has been acknowledged, as the database must show it. */
struct world {
    int64_t job; /* 0: none */
    enum imld_state state;
    int64_t step;
    size_t checkpoints;
    size_t rows;
};

/* The steps of a job's life: each is tried, and changes the world if it is acknowledged. */
static enum iml_code do_create(struct world *world)
{
    const enum iml_code code = run_create(&fixture, "job", 0, &world->job);
    if (code != IML_OK) world->job = 0;
    world->state = IMLD_QUEUED;
    return code;
}

static enum iml_code do_claim(struct world *world)
{
    int64_t claimed = 0;
    const enum iml_code code = run_claim(&fixture, &claimed, NULL);
    if (code == IML_OK) assert_int_equal(claimed, world->job);
    if (code == IML_OK) world->state = IMLD_RUNNING;
    return code;
}

static enum iml_code do_rows(struct world *world)
{
    const enum iml_code code = run_rows(&fixture, world->job, world->step + 1, 1);
    if (code == IML_OK) world->step++;
    if (code == IML_OK) world->rows++;
    return code;
}

static enum iml_code checkpoint(struct world *world, const char *name, size_t growth)
{
    const enum iml_code code = run_checkpoint(&fixture, world->job, name, world->step + 1, 1);
    if (code != IML_OK) return code;
    world->step++;
    world->rows++;
    world->checkpoints += growth;
    return code;
}

static enum iml_code do_first_checkpoint(struct world *world)
{
    return checkpoint(world, "step-2", 1);
}

static enum iml_code do_second_checkpoint(struct world *world)
{
    return checkpoint(world, "step-3", 0); /* the first is pruned */
}

static enum iml_code do_best(struct world *world)
{
    return checkpoint(world, "best", 1);
}

static enum iml_code do_end(struct world *world)
{
    const enum iml_code code = run_end(&fixture, world->job, IMLD_VERB_FINISH);
    if (code == IML_OK) world->state = IMLD_COMPLETED;
    return code;
}

typedef enum iml_code step_function(struct world *world);
static step_function *const life[] = {
    do_create, do_claim, do_rows, do_first_checkpoint, do_second_checkpoint, do_best, do_end};
#define LIFE (sizeof life / sizeof life[0])

static bool count_job(void *context, const struct imld_job *job)
{
    (void)job;
    ++*(size_t *)context;
    return true;
}

static bool count_point(void *context, const struct imld_point *point)
{
    (void)point;
    ++*(size_t *)context;
    return true;
}

static bool list_name(void *context, const struct imld_checkpoint *checkpoint)
{
    char(*names)[IMLD_CHECKPOINT_NAME_MAX] = context;
    while (**names) names++;
    memcpy(*names, checkpoint->name, sizeof *names);
    return true;
}

static void check_files(const struct world *world, struct imld_reader *reader)
{
    struct iml_error error = {0};
    char names[8][IMLD_CHECKPOINT_NAME_MAX] = {""};
    size_t count = 0;
    assert_int_equal(imld_checkpoints_list(reader, world->job, list_name, names, &error), IML_OK);
    for (; names[count][0]; count++) {
        struct imld_checkpoint_content content;
        assert_int_equal(imld_checkpoint_read(reader, world->job, names[count], &content, &error),
                         IML_OK);
        imld_checkpoint_content_clear(&content);
    }
    assert_int_equal(count, world->checkpoints);
}

/* The open storage shows the world, and nothing else. */
static void check_world(const struct world *world)
{
    struct iml_error error = {0};
    size_t jobs = 0;
    struct imld_reader *reader = imld_reader_take(fixture.storage, &error);
    assert_non_null(reader);
    const struct imld_job_filter all = {.limit = 100};
    assert_int_equal(imld_jobs_list(reader, &all, count_job, &jobs, &error), IML_OK);
    assert_int_equal(jobs, world->job != 0);
    if (world->job != 0) {
        struct imld_job job;
        size_t rows = 0;
        assert_int_equal(imld_job_get(reader, world->job, &job, &error), IML_OK);
        assert_int_equal(job.state, world->state);
        assert_int_equal(job.step, world->step);
        imld_job_clear(&job);
        assert_int_equal(imld_points_read(reader, world->job, "train/loss", 0, INT64_MAX, 100,
                                          count_point, &rows, &error),
                         IML_OK);
        assert_int_equal(rows, world->rows);
        check_files(world, reader);
    }
    imld_reader_give(reader);
}

/* Read by the system's VFS: the shim is disarmed, but need not be trusted here. */
static void check_integrity(void)
{
    char path[PATH_MAX];
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    fixture_path(&fixture, "imld.db", path);
    assert_int_equal(sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(handle, "PRAGMA integrity_check", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

/* Files are exactly those that rows name: no temporary, no orphan (removed when it was opened). */
static void check_folder(const struct world *world)
{
    char path[PATH_MAX];
    char id[IMLD_JOB_ID_MAX];
    char name[64];
    imld_job_id(world->job, id);
    (void)snprintf(name, sizeof name, "checkpoints/%s", id);
    fixture_path(&fixture, name, path);
    assert_int_equal(fixture_count_files(path), world->checkpoints);
}

/* Lives until a step is refused; *at: the step. */
static enum iml_code live(struct world *world, size_t *at)
{
    for (; *at < LIFE; ++*at) {
        const enum iml_code code = life[*at](world);
        if (code != IML_OK) return code;
    }
    return IML_OK;
}

/* The fault is gone: what was refused is not there, and the rest of the life works in place. */
static void go_on(struct world *world, size_t at)
{
    struct iml_error why = {0};
    check_world(world);
    assert_int_equal(live(world, &at), IML_OK);
    assert_true(imld_storage_is_healthy(fixture.storage, &why));
    check_world(world);
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
        code = live(&world, &step);
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
    check_folder(&world);
    fixture_close(&fixture);
    check_integrity();
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
