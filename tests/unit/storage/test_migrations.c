/* test_migrations.c: a new database, an old one, a newer one, a foreign one, a damaged one. */
#include "fixture.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "storage/schema.h"

static int setup(void **state)
{
    (void)state;
    fixture_make(&fixture);
    return 0;
}

/* On the database file as another program would. */
static void execute(const char *sql)
{
    char path[PATH_MAX];
    sqlite3 *handle = NULL;
    fixture_path(&fixture, "imld.db", path);
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_exec(handle, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

/* Makes it a database of ours, of that version. */
static void mark(size_t version)
{
    char pragmas[96];
    (void)snprintf(pragmas, sizeof pragmas, "PRAGMA application_id = %d; PRAGMA user_version = %zu",
                   IMLD_APPLICATION_ID, version);
    execute(pragmas);
}

static int64_t ask(const char *sql)
{
    char path[PATH_MAX];
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    fixture_path(&fixture, "imld.db", path);
    assert_int_equal(sqlite3_open(path, &handle), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const int64_t value = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
    return value;
}

static void test_a_new_database_has_the_newest_schema(void **state)
{
    (void)state;
    fixture_open(&fixture);
    fixture_close(&fixture);
    assert_int_equal(ask("PRAGMA user_version"), imld_migration_count);
    assert_int_equal(ask("PRAGMA application_id"), IMLD_APPLICATION_ID);
    assert_int_equal(ask("SELECT count(*) FROM sqlite_schema WHERE type = 'table'"
                         " AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE '%STRICT%'"),
                     0);
}

static void test_every_version_migrates_to_the_newest(void **state)
{
    (void)state;
    for (size_t version = 0; version < imld_migration_count; version++) {
        fixture_remove(&fixture);
        fixture_make(&fixture);
        for (size_t i = 0; i < version; i++) execute(imld_migrations[i]);
        if (version > 0) mark(version);
        fixture_open(&fixture);
        assert_int_equal(run_create(&fixture, "job", 0, NULL), IML_OK);
        fixture_close(&fixture);
        assert_int_equal(ask("PRAGMA user_version"), imld_migration_count);
    }
}

/* A running job with a row and a checkpoint, as version 1 wrote it. */
static const char old_job[] =
    "INSERT INTO jobs (number, state, owner, name, note, tags, spec, spec_hash, early_stopping,"
    " best_metric, best_is_higher, program, priority, threads, memory_bytes, created_ms, "
    "changed_ms,"
    " step) VALUES (7, 'running', 'ann', 'old', '', '[]', '{}', x'00', '[]', 'm', 1, 'imld 0.1.0',"
    " 0, 1, 1, 1, 1, 20);"
    "INSERT INTO series VALUES (1, 7, 'train/loss');"
    "INSERT INTO points VALUES (1, 10, 0.5, 0), (1, 20, NULL, 1);"
    "INSERT INTO checkpoints VALUES (7, 'step-10', 10, 1, 1, 'aa', 'step-10.aa.safetensors');";

static void test_a_job_of_the_first_version_keeps_its_rows(void **state)
{
    (void)state;
    execute(imld_migrations[0]);
    execute(old_job);
    mark(1);
    fixture_open(&fixture);
    struct imld_job job;
    get_job(&fixture, 7, &job);
    assert_string_equal(job.name, "old");
    assert_true(job.has_checkpoint && job.step == 20);
    imld_job_clear(&job);
    assert_int_equal(run_recover(&fixture, NULL, NULL), IML_OK);
    int64_t number = 0;
    bool from_checkpoint = false;
    assert_int_equal(run_claim(&fixture, &number, &from_checkpoint), IML_OK);
    assert_true(number == 7 && from_checkpoint);
    assert_int_equal(run_rows(&fixture, 7, 30, 1), IML_OK);
    fixture_close(&fixture);
    assert_int_equal(ask("SELECT count(*) FROM points WHERE series = 1"), 3);
    assert_int_equal(ask("SELECT count(*) FROM checkpoints WHERE job = 7"), 1);
}

static void test_a_newer_schema_is_refused_untouched(void **state)
{
    (void)state;
    struct iml_error error = {0};
    fixture_open(&fixture);
    fixture_close(&fixture);
    execute("PRAGMA user_version = 1000");
    assert_int_equal(fixture_try_open(&fixture, &error), IML_ERROR_DATA);
    assert_non_null(strstr(error.what, "1000"));
    assert_non_null(strstr(error.where, "imld.db"));
    assert_null(fixture.storage);
    assert_int_equal(ask("PRAGMA user_version"), 1000);
    assert_int_equal(ask("SELECT token FROM meta"), 0);
}

static void test_another_programs_database_is_refused(void **state)
{
    (void)state;
    struct iml_error error = {0};
    execute("CREATE TABLE other (x)");
    assert_int_equal(fixture_try_open(&fixture, &error), IML_ERROR_DATA);
    assert_int_equal(ask("SELECT count(*) FROM sqlite_schema"), 1);
}

static void test_a_damaged_database_is_told(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct iml_error error = {0};
    char noise[4096];
    fixture_open(&fixture);
    for (int i = 0; i < 50; i++) assert_int_equal(run_create(&fixture, "job", 0, NULL), IML_OK);
    fixture_close(&fixture);
    fixture_path(&fixture, "imld.db", path);
    memset(noise, 0x5a, sizeof noise);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 4096 * 3, SEEK_SET), 0);
    assert_int_equal(fwrite(noise, 1, sizeof noise, file), sizeof noise);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(fixture_try_open(&fixture, &error), IML_ERROR_DATA);
    file = fopen(path, "r+b"); /* and one that is no database at all */
    assert_non_null(file);
    assert_int_equal(fwrite(noise, 1, sizeof noise, file), sizeof noise);
    assert_int_equal(fclose(file), 0);
    error = (struct iml_error){0};
    assert_int_equal(fixture_try_open(&fixture, &error), IML_ERROR_DATA);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_database_has_the_newest_schema),
        TEST(test_every_version_migrates_to_the_newest),
        TEST(test_a_job_of_the_first_version_keeps_its_rows),
        TEST(test_a_newer_schema_is_refused_untouched),
        TEST(test_another_programs_database_is_refused),
        TEST(test_a_damaged_database_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
