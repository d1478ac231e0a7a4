/* test_checkpoints.c: files and rows appear together, older ones go, orphans go, a download
 * survives (DESIGN §6). */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int64_t job;

static int setup(void **state)
{
    (void)fixture_setup(state);
    job = make_running(&fixture);
    return 0;
}

static void folder_of_job(char path[PATH_MAX])
{
    char id[IMLD_JOB_ID_MAX];
    char name[64];
    imld_job_id(job, id);
    (void)snprintf(name, sizeof name, "checkpoints/%s", id);
    fixture_path(&fixture, name, path);
}

static size_t count_files(void)
{
    char path[PATH_MAX];
    folder_of_job(path);
    return fixture_count_files(path);
}

struct listed {
    char text[256];
};

static bool list_one(void *context, const struct imld_checkpoint *checkpoint)
{
    struct listed *listed = context;
    const size_t length = strlen(listed->text);
    (void)snprintf(listed->text + length, sizeof listed->text - length, "%s ", checkpoint->name);
    assert_int_equal(strlen(checkpoint->sha256), 64);
    assert_int_equal(checkpoint->created_ms, fixture_now_ms);
    return true;
}

static void check_list(const char *expected)
{
    struct iml_error error = {0};
    struct listed listed = {""};
    struct imld_reader *reader = imld_reader_take(fixture.storage, &error);
    assert_int_equal(imld_checkpoints_list(reader, job, list_one, &listed, &error), IML_OK);
    imld_reader_give(reader);
    assert_string_equal(listed.text, expected);
}

static void test_the_newest_are_kept_beside_best_and_last(void **state)
{
    (void)state;
    static const char *const names[] = {"step-9", "step-10", "step-100", "best", "step-101"};
    static const int64_t steps[] = {9, 10, 100, 50, 101};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(run_checkpoint(&fixture, job, names[i], steps[i], 2), IML_OK);
    assert_int_equal(run_checkpoint(&fixture, job, "last", 102, 2), IML_OK);
    check_list("step-100 step-101 best last ");
    assert_int_equal(count_files(), 4);
    struct iml_error error = {0};
    struct imld_checkpoint newest;
    bool found = false;
    struct imld_reader *reader = imld_reader_take(fixture.storage, &error);
    assert_int_equal(imld_checkpoint_newest(reader, job, &newest, &found, &error), IML_OK);
    imld_reader_give(reader);
    assert_true(found);
    assert_string_equal(newest.name, "last");
    struct imld_job stored;
    get_job(&fixture, job, &stored);
    assert_true(stored.has_checkpoint);
    assert_int_equal(stored.step, 102);
    imld_job_clear(&stored);
    assert_int_equal(count_events(&fixture, job, "checkpoint"), 6);
}

static void test_best_alone_is_not_one_to_go_on_from(void **state)
{
    (void)state;
    struct iml_error error = {0};
    struct imld_checkpoint newest;
    bool found = true;
    assert_int_equal(run_checkpoint(&fixture, job, "best", 3, 2), IML_OK);
    struct imld_reader *reader = imld_reader_take(fixture.storage, &error);
    assert_int_equal(imld_checkpoint_newest(reader, job, &newest, &found, &error), IML_OK);
    imld_reader_give(reader);
    assert_false(found);
}

static void test_the_same_content_again_keeps_its_file(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(run_checkpoint(&fixture, job, "step-7", 7, 2), IML_OK);
    assert_int_equal(count_files(), 1);
    struct imld_checkpoint_content content;
    struct iml_error error = {0};
    struct imld_reader *reader = imld_reader_take(fixture.storage, &error);
    assert_int_equal(imld_checkpoint_read(reader, job, "step-7", &content, &error), IML_OK);
    imld_reader_give(reader);
    assert_int_equal(content.tensor_count, 2);
    assert_string_equal(content.metadata, "{\"program\":\"imld test\"}");
    imld_checkpoint_content_clear(&content);
}

static void test_a_refused_checkpoint_leaves_nothing(void **state)
{
    (void)state;
    assert_int_equal(run_checkpoint(&fixture, job, "step-1", 1, 2), IML_OK);
    assert_int_equal(run_end(&fixture, job, IMLD_VERB_PAUSE), IML_OK);
    assert_int_equal(run_checkpoint(&fixture, job, "step-2", 2, 2), IML_ERROR_CONFLICT);
    check_list("step-1 ");
    assert_int_equal(count_files(), 1);
}

static void test_a_download_survives_the_pruning(void **state)
{
    (void)state;
    struct iml_error error = {0};
    struct imld_checkpoint checkpoint;
    struct stat status;
    char byte = 0;
    int fd = -1;
    assert_int_equal(run_checkpoint(&fixture, job, "step-1", 1, 1), IML_OK);
    struct imld_reader *reader = imld_reader_take(fixture.storage, &error);
    assert_int_equal(imld_checkpoint_open(reader, job, "step-1", &checkpoint, &fd, &error), IML_OK);
    assert_int_equal(run_checkpoint(&fixture, job, "step-2", 2, 1), IML_OK);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_nlink, 0);
    assert_int_equal(status.st_size, checkpoint.bytes);
    assert_int_equal(pread(fd, &byte, 1, checkpoint.bytes - 1), 1);
    assert_int_equal(close(fd), 0);
    assert_int_equal(imld_checkpoint_open(reader, job, "step-1", &checkpoint, &fd, &error),
                     IML_ERROR_NOT_FOUND);
    imld_reader_give(reader);
}

static void test_orphans_go_at_the_next_start(void **state)
{
    (void)state;
    char path[PATH_MAX];
    static const char *const names[] = {"checkpoints/j0000001/step-9.tmp",
                                        "checkpoints/j0000001/step-9.0123456789abcdef.safetensors",
                                        "checkpoints/j0000077/best.tmp"};
    assert_int_equal(run_checkpoint(&fixture, job, "step-1", 1, 1), IML_OK);
    fixture_close(&fixture);
    fixture_path(&fixture, "checkpoints/j0000077", path);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < 3; i++) {
        fixture_path(&fixture, names[i], path);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fclose(file), 0);
    }
    fixture_open(&fixture);
    assert_int_equal(count_files(), 1);
    fixture_path(&fixture, "checkpoints", path);
    assert_int_equal(fixture_count_files(path), 1);
    check_list("step-1 ");
}

/* The job's only file. */
static void find_file(char path[PATH_MAX])
{
    char command[2 * PATH_MAX];
    folder_of_job(path);
    (void)snprintf(command, sizeof command, "ls %s/*", path);
    FILE *names = popen(command, "r"); /* NOLINT(cert-env33-c): a fixed command of the test */
    assert_non_null(names);
    assert_non_null(fgets(path, PATH_MAX, names));
    assert_int_equal(pclose(names), 0);
    path[strcspn(path, "\n")] = '\0';
}

/* One bit of the only file. */
static void flip(off_t offset)
{
    char path[PATH_MAX];
    find_file(path);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    const int byte = fgetc(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 1, file), byte ^ 1);
    assert_int_equal(fclose(file), 0);
}

static void test_a_flipped_bit_is_told_with_the_file(void **state)
{
    (void)state;
    static const off_t offsets[] = {0, 9, 60, 300};
    assert_int_equal(run_checkpoint(&fixture, job, "step-1", 1, 1), IML_OK);
    for (size_t i = 0; i < 4; i++) {
        struct iml_error error = {0};
        struct imld_checkpoint_content content;
        struct imld_reader *reader = imld_reader_take(fixture.storage, &error);
        flip(offsets[i] % 200);
        assert_int_equal(imld_checkpoint_read(reader, job, "step-1", &content, &error),
                         IML_ERROR_DATA);
        imld_reader_give(reader);
        assert_non_null(strstr(error.where, "step-1."));
        assert_null(content.bytes);
        flip(offsets[i] % 200);
    }
}

/* Only a run that could not read them writes an older step: they must not outlive it. */
static void test_later_ones_go_when_an_earlier_step_is_written(void **state)
{
    (void)state;
    assert_int_equal(run_checkpoint(&fixture, job, "step-7", 7, 2), IML_OK);
    assert_int_equal(run_checkpoint(&fixture, job, "step-8", 8, 2), IML_OK);
    assert_int_equal(run_checkpoint(&fixture, job, "step-3", 3, 2), IML_OK);
    check_list("step-3 ");
    assert_int_equal(count_files(), 1);
}

static void test_a_cut_or_lost_file_is_no_download(void **state)
{
    (void)state;
    struct imld_checkpoint checkpoint;
    struct iml_error error = {0};
    char path[PATH_MAX];
    int fd = -1;
    assert_int_equal(run_checkpoint(&fixture, job, "step-1", 1, 1), IML_OK);
    struct imld_reader *reader = imld_reader_take(fixture.storage, &error);
    find_file(path);
    assert_int_equal(truncate(path, 40), 0);
    assert_int_equal(imld_checkpoint_open(reader, job, "step-1", &checkpoint, &fd, &error),
                     IML_ERROR_DATA);
    assert_int_equal(fd, -1);
    assert_non_null(strstr(error.what, "40 bytes instead of"));
    assert_int_equal(unlink(path), 0);
    assert_int_equal(imld_checkpoint_open(reader, job, "step-1", &checkpoint, &fd, &error),
                     IML_ERROR_DATA);
    imld_reader_give(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_the_newest_are_kept_beside_best_and_last),
        TEST(test_best_alone_is_not_one_to_go_on_from),
        TEST(test_the_same_content_again_keeps_its_file),
        TEST(test_a_refused_checkpoint_leaves_nothing),
        TEST(test_a_download_survives_the_pruning),
        TEST(test_orphans_go_at_the_next_start),
        TEST(test_a_flipped_bit_is_told_with_the_file),
        TEST(test_later_ones_go_when_an_earlier_step_is_written),
        TEST(test_a_cut_or_lost_file_is_no_download),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
