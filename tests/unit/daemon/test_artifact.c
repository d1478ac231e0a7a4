/* test_artifact.c: an engine's artifact as JSON: every kind of entry, numbers that JSON does not
 * have; and its way through the sink of a run into storage. */
#include "tests/unit/check.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/artifact.h"
#include "daemon/local_sink.h"
#include "storage/artifacts.h"

static void check_text(const struct iml_entry *entries, size_t count, const char *expected)
{
    struct iml_artifact artifact = {.name = "lens", .count = count};
    for (size_t i = 0; i < count; i++) artifact.entries[i] = entries[i];
    char *text = imld_artifact_text(&artifact, 120);
    assert_non_null(text);
    assert_string_equal(text, expected);
    json_t *parsed = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(parsed);
    json_decref(parsed);
    free(text);
}

static void test_entries_become_members(void **state)
{
    (void)state;
    static const double one[] = {0.1}, list[] = {1, 1e-300, 1.0 / 3}, table[] = {1, 2, 3, 4, 5, 6};
    static const char *const texts[] = {"cg", "\"x\"\n"};
    check_text(NULL, 0, "{\"name\":\"lens\",\"step\":120}");
    const struct iml_entry entries[] = {
        {.name = "solver", .text = "neumann"},
        {.name = "solvers", .texts = texts, .rows = 2},
        {.name = "damping", .values = one},
        {.name = "ritz", .values = list, .rows = 3},
        {.name = "curve", .values = table, .rows = 2, .columns = 3},
        {.name = "nothing"},
    };
    check_text(entries, 6,
               "{\"name\":\"lens\",\"step\":120,\"solver\":\"neumann\","
               "\"solvers\":[\"cg\",\"\\\"x\\\"\\u000a\"],\"damping\":0.1,"
               "\"ritz\":[1,1e-300,0.3333333333333333],\"curve\":[[1,2,3],[4,5,6]],"
               "\"nothing\":[]}");
}

static void test_doubles_come_back_bit_for_bit(void **state)
{
    (void)state;
    double values[64];
    uint64_t seed = 1;
    for (size_t i = 0; i < 64; i++) {
        do {
            seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
            memcpy(&values[i], &seed, sizeof seed);
        } while (!isfinite(values[i]));
    }
    struct iml_artifact artifact = {
        .name = "lens", .count = 1, .entries = {{.name = "v", .values = values, .rows = 64}}};
    char *text = imld_artifact_text(&artifact, 0);
    json_t *parsed = json_loads(text, 0, NULL);
    for (size_t i = 0; i < 64; i++) {
        const double back = json_number_value(json_array_get(json_object_get(parsed, "v"), i));
        assert_memory_equal(&back, &values[i], sizeof back);
    }
    json_decref(parsed);
    free(text);
}

static void test_what_is_not_finite_is_null_with_its_kind(void **state)
{
    (void)state;
    const double one[] = {-HUGE_VAL}, list[] = {1, nan("")}, table[] = {1, HUGE_VAL, 3, 4};
    const struct iml_entry entries[] = {
        {.name = "damping", .values = one},
        {.name = "ritz", .values = list, .rows = 2},
        {.name = "curve", .values = table, .rows = 2, .columns = 2},
    };
    check_text(entries, 3,
               "{\"name\":\"lens\",\"step\":120,\"damping\":null,\"ritz\":[1,null],"
               "\"curve\":[[1,null],[3,4]],\"not_finite\":{\"/damping\":\"-inf\","
               "\"/ritz/1\":\"nan\",\"/curve/0/1\":\"inf\"}}");
}

/* ---- through the sink ---- */

struct stage {
    char folder[32];
    struct imld_storage *storage;
    struct imld_log log;
    struct imld_orders orders;
    struct imld_local_sink sink;
};

static ptrdiff_t first(void *context, const struct imld_candidate *queued, size_t count)
{
    (void)context;
    (void)queued;
    return count ? 0 : -1;
}

static void open_stage(struct stage *self)
{
    struct iml_error error = {0};
    *self = (struct stage){.folder = "artifact-test-XXXXXX"};
    assert_non_null(mkdtemp(self->folder));
    const struct imld_storage_options options = {.folder = self->folder, .program = "imld test"};
    assert_int_equal(imld_storage_open(&options, &self->storage, &error), IML_OK);
    struct imld_job_create create = {.owner = "ada", .spec = "{}", .best_metric = "", .threads = 1};
    imld_job_create_prepare(&create);
    assert_int_equal(imld_storage_run(self->storage, &create.write), IML_OK);
    struct imld_job_claim claim = {.choose = first};
    imld_job_claim_prepare(&claim);
    assert_int_equal(imld_storage_run(self->storage, &claim.write), IML_OK);
    imld_log_open(&self->log, IMLD_LOG_ERROR, NULL);
    imld_orders_init(&self->orders);
    self->sink = (struct imld_local_sink){.storage = self->storage,
                                          .log = &self->log,
                                          .orders = &self->orders,
                                          .program = "imld test",
                                          .job = create.number,
                                          .keep = 3};
    imld_local_sink_open(&self->sink);
}

static void close_stage(struct stage *self)
{
    char command[64];
    imld_local_sink_close(&self->sink);
    imld_orders_clear(&self->orders);
    imld_storage_close(self->storage);
    (void)snprintf(command, sizeof command, "rm -rf %s", self->folder);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder that this test made */
}

static void give(struct stage *self, int64_t step, size_t bytes)
{
    char *document = malloc(bytes + 1);
    assert_non_null(document);
    memset(document, ' ', bytes);
    memcpy(document, "{}", 2);
    document[bytes] = '\0';
    self->sink.sink.artifact(&self->sink.sink, "lens", step, document);
}

/* Bytes of the document of that step; 0: there is none. */
static int64_t stored_bytes(struct stage *self, int64_t step)
{
    struct iml_error error = {0};
    struct imld_artifact_facts facts = {.bytes = 0};
    char *document = NULL;
    struct imld_reader *reader = imld_reader_take(self->storage, &error);
    const enum iml_code code =
        imld_artifact_read(reader, self->sink.job, "lens", step, &facts, &document, &error);
    assert_true(code == IML_OK || code == IML_ERROR_NOT_FOUND);
    imld_reader_give(reader);
    free(document);
    return code == IML_OK ? facts.bytes : 0;
}

static void test_the_sink_commits_them_with_its_rows(void **state)
{
    (void)state;
    struct stage stage;
    struct iml_error error = {0};
    open_stage(&stage);
    struct imld_sink *sink = &stage.sink.sink;
    stage.sink.stepped = stage.sink.flushed += 1000; /* nothing is due for a while */
    give(&stage, 10, 100);
    assert_int_equal(sink->progress(sink, 10, 100, 1, &error), IML_OK);
    assert_int_equal(stored_bytes(&stage, 10), 0); /* not committed: not served */
    give(&stage, 20, IMLD_ARTIFACT_BYTES_DUE - 10);
    assert_int_equal(sink->progress(sink, 20, 100, 1, &error), IML_OK);
    assert_int_equal(stored_bytes(&stage, 10), 100);
    assert_int_equal(stored_bytes(&stage, 20), IMLD_ARTIFACT_BYTES_DUE - 10);
    for (int64_t step = 30; step < 130; step++) give(&stage, step, 50);
    const struct imld_run_end end = {.verb = IMLD_VERB_FINISH};
    assert_int_equal(sink->end(sink, &end, &error), IML_OK);
    for (int64_t step = 30; step < 130; step++) assert_int_equal(stored_bytes(&stage, step), 50);
    give(&stage, 200, 50); /* never committed: its memory goes with the sink */
    close_stage(&stage);
}

static void test_a_document_that_memory_ran_out_for_is_told(void **state)
{
    (void)state;
    struct stage stage;
    struct iml_error error = {0};
    open_stage(&stage);
    struct imld_sink *sink = &stage.sink.sink;
    sink->artifact(sink, "lens", 10, NULL);
    stage.sink.flushed -= 10;
    assert_int_equal(sink->progress(sink, 10, 100, 1, &error), IML_ERROR_MEMORY);
    close_stage(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries_become_members),
        cmocka_unit_test(test_doubles_come_back_bit_for_bit),
        cmocka_unit_test(test_what_is_not_finite_is_null_with_its_kind),
        cmocka_unit_test(test_the_sink_commits_them_with_its_rows),
        cmocka_unit_test(test_a_document_that_memory_ran_out_for_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
