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
        char pragma[64];
        fixture_remove(&fixture);
        fixture_make(&fixture);
        for (size_t i = 0; i < version; i++) execute(imld_migrations[i]);
        (void)snprintf(pragma, sizeof pragma, "PRAGMA user_version = %zu", version);
        if (version > 0) execute(pragma);
        fixture_open(&fixture);
        assert_int_equal(run_create(&fixture, "job", 0, NULL), IML_OK);
        fixture_close(&fixture);
        assert_int_equal(ask("PRAGMA user_version"), imld_migration_count);
    }
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
        TEST(test_a_newer_schema_is_refused_untouched),
        TEST(test_another_programs_database_is_refused),
        TEST(test_a_damaged_database_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
