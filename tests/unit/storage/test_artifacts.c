/* test_artifacts.c: documents of a run: committed with its rows, replaced by their key, thinned to
 * a set that depends on the steps alone (DESIGN §6). */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/artifacts.h"

static int64_t job;

static int setup(void **state)
{
    (void)fixture_setup(state);
    job = make_running(&fixture);
    return 0;
}

static enum iml_code try_rows(const struct imld_artifact_row *rows, size_t count, int64_t step)
{
    struct imld_rows_write request = {
        .job = job, .artifacts = rows, .artifact_count = count, .step = step, .steps_of = 50};
    imld_rows_write_prepare(&request);
    return imld_storage_run(fixture.storage, &request.write);
}

static void write_one(const char *name, int64_t step, const char *document)
{
    const struct imld_artifact_row row = {name, step, document, strlen(document)};
    assert_int_equal(try_rows(&row, 1, step), IML_OK);
}

struct listing {
    struct imld_artifact_facts facts[IMLD_ARTIFACTS_MAX + 8];
    size_t count;
};

static bool add(void *context, const struct imld_artifact_facts *facts)
{
    struct listing *listing = context;
    assert_true(listing->count < sizeof listing->facts / sizeof listing->facts[0]);
    listing->facts[listing->count++] = *facts;
    return true;
}

static struct imld_reader *reader(void)
{
    struct iml_error error = {0};
    struct imld_reader *taken = imld_reader_take(fixture.storage, &error);
    assert_non_null(taken);
    return taken;
}

static void list_after(const char *name, int64_t step, size_t limit, struct listing *listing)
{
    struct iml_error error = {0};
    struct imld_reader *taken = reader();
    const struct imld_artifact_range range = {
        .job = job, .after_name = name, .after_step = step, .limit = limit};
    listing->count = 0;
    assert_int_equal(imld_artifacts_list(taken, &range, add, listing, &error), IML_OK);
    imld_reader_give(taken);
}

/* The document is as expected; NULL: there is none. */
static void check_document(const char *name, int64_t step, const char *expected)
{
    struct iml_error error = {0};
    struct imld_artifact_facts facts;
    char *document = NULL;
    struct imld_reader *taken = reader();
    const enum iml_code code =
        imld_artifact_read(taken, job, name, step, &facts, &document, &error);
    imld_reader_give(taken);
    assert_int_equal(code, expected ? IML_OK : IML_ERROR_NOT_FOUND);
    if (expected) assert_string_equal(document, expected);
    if (expected) assert_int_equal(facts.bytes, strlen(expected));
    free(document);
}

static void test_an_artifact_replaces_the_one_of_its_key(void **state)
{
    (void)state;
    static struct listing listing;
    write_one("lens", 10, "{\"a\":1}");
    write_one("lens", 20, "{\"a\":2}");
    write_one("lens", 10, "{\"a\":33}");
    write_one("spectrum", 5, "{}");
    list_after("", 0, 100, &listing);
    assert_int_equal(listing.count, 3);
    assert_string_equal(listing.facts[0].name, "lens");
    assert_true(listing.facts[0].step == 10 && listing.facts[0].bytes == 8);
    assert_true(listing.facts[0].created_ms == fixture_now_ms);
    assert_string_equal(listing.facts[2].name, "spectrum");
    check_document("lens", 10, "{\"a\":33}");
    check_document("lens", 20, "{\"a\":2}");
    check_document("lens", 15, NULL);
    check_document("nothing", -1, NULL);
    list_after("lens", 10, 1, &listing); /* a list goes on behind a key */
    assert_true(listing.count == 1 && listing.facts[0].step == 20);
    list_after("spectrum", 5, 100, &listing);
    assert_int_equal(listing.count, 0);
}

static void test_the_newest_is_not_beyond_the_jobs_own_step(void **state)
{
    (void)state;
    write_one("spectrum", 10, "{\"a\":1}");
    write_one("spectrum", 30, "{\"a\":3}");
    check_document("spectrum", -1, "{\"a\":3}");
    assert_int_equal(run_rows(&fixture, job, 20, 1), IML_OK); /* a crash: it comes again */
    check_document("spectrum", -1, "{\"a\":1}");
    check_document("spectrum", 30, "{\"a\":3}");
}

static void test_artifacts_of_a_checkpoint_are_in_its_transaction(void **state)
{
    (void)state;
    static const float data[2] = {1, 2};
    const struct imld_tensor tensor = {
        .name = "t", .dtype = "F32", .rank = 1, .shape = {2}, .data = data, .bytes = sizeof data};
    const struct imld_checkpoint_file file = {
        .name = "step-7", .step = 7, .tensors = &tensor, .tensor_count = 1};
    const struct imld_artifact_row row = {"lens", 7, "{}", 2};
    const struct imld_rows_write rows = {
        .job = job, .artifacts = &row, .artifact_count = 1, .step = 7, .steps_of = 50};
    struct iml_error error = {0};
    assert_int_equal(imld_checkpoint_write(fixture.storage, job, &file, 1, 3, &rows, &error),
                     IML_OK);
    check_document("lens", -1, "{}");
    assert_int_equal(run_end(&fixture, job, IMLD_VERB_FINISH), IML_OK);
    const struct imld_artifact_row late = {"lens", 8, "{}", 2};
    assert_int_equal(try_rows(&late, 1, 8), IML_ERROR_CONFLICT); /* it runs no more */
    check_document("lens", 8, NULL);
}

static void test_one_that_is_too_long_is_told_and_not_stored(void **state)
{
    (void)state;
    char *document = malloc(IMLD_ARTIFACT_BYTES_MAX + 2);
    assert_non_null(document);
    memset(document, ' ', IMLD_ARTIFACT_BYTES_MAX + 1);
    document[IMLD_ARTIFACT_BYTES_MAX + 1] = '\0';
    write_one("lens", 1, document);
    check_document("lens", 1, NULL);
    assert_int_equal(count_events(&fixture, job, "artifact_dropped"), 1);
    document[IMLD_ARTIFACT_BYTES_MAX] = '\0';
    write_one("lens", 2, document);
    check_document("lens", 2, document);
    assert_int_equal(count_events(&fixture, job, "artifact_dropped"), 1);
    free(document);
}

/* Artifacts of the steps first, first + 10, … before end, a hundred a transaction. */
static void write_many(int64_t first, int64_t end)
{
    struct imld_artifact_row rows[100];
    while (first < end) {
        size_t count = 0;
        for (; count < 100 && first < end; first += 10)
            rows[count++] = (struct imld_artifact_row){"lens", first, "{}", 2};
        assert_int_equal(try_rows(rows, count, first), IML_OK);
    }
}

static void test_too_many_are_thinned_evenly_and_the_newest_stays(void **state)
{
    (void)state;
    static struct listing listing;
    write_many(0, 10 * IMLD_ARTIFACTS_MAX);
    assert_int_equal(count_events(&fixture, job, "artifacts_thinned"), 0);
    write_many(10 * IMLD_ARTIFACTS_MAX, 30000);
    assert_int_equal(count_events(&fixture, job, "artifacts_thinned"), 1);
    list_after("", 0, 10000, &listing);
    assert_in_range(listing.count, IMLD_ARTIFACTS_MAX, IMLD_ARTIFACTS_MAX + 1);
    assert_int_equal(listing.facts[listing.count - 1].step, 29990);
    int64_t widest = 0;
    for (size_t i = 1; i < listing.count; i++) {
        const int64_t gap = listing.facts[i].step - listing.facts[i - 1].step;
        if (gap > widest) widest = gap;
    }
    assert_in_range(widest, 10, 200); /* 3,000 artifacts: one in six is every 60 steps */
}

static void test_what_stays_does_not_depend_on_crashes(void **state)
{
    (void)state;
    static struct listing undisturbed, disturbed;
    write_many(0, 12000);
    list_after("", 0, 10000, &undisturbed);
    assert_int_equal(run_end(&fixture, job, IMLD_VERB_FINISH), IML_OK);
    job = make_running(&fixture);
    write_many(0, 9000); /* lost at 9,000, goes on from 3,000; lost again */
    write_many(3000, 7000);
    write_many(5500, 12000);
    list_after("", 0, 10000, &disturbed);
    assert_int_equal(disturbed.count, undisturbed.count);
    for (size_t i = 0; i < disturbed.count; i++)
        assert_int_equal(disturbed.facts[i].step, undisturbed.facts[i].step);
}

static void test_they_go_with_their_job(void **state)
{
    (void)state;
    write_one("lens", 10, "{}");
    assert_int_equal(run_end(&fixture, job, IMLD_VERB_FINISH), IML_OK);
    struct imld_job_delete request = {.number = job, .actor = "ann"};
    imld_job_delete_prepare(&request);
    assert_int_equal(imld_storage_run(fixture.storage, &request.write), IML_OK);
    check_document("lens", 10, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_an_artifact_replaces_the_one_of_its_key),
        TEST(test_the_newest_is_not_beyond_the_jobs_own_step),
        TEST(test_artifacts_of_a_checkpoint_are_in_its_transaction),
        TEST(test_one_that_is_too_long_is_told_and_not_stored),
        TEST(test_too_many_are_thinned_evenly_and_the_newest_stays),
        TEST(test_what_stays_does_not_depend_on_crashes),
        TEST(test_they_go_with_their_job),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
