/* test_lock.c: one holder a state folder (DESIGN §6). */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/state.h"

static void test_a_second_open_in_the_same_process_is_refused(void **state)
{
    (void)state;
    struct fixture second = fixture;
    struct iml_error error = {0};
    char pid[32];
    (void)snprintf(pid, sizeof pid, "pid %ld", (long)getpid());
    second.storage = NULL;
    assert_int_equal(fixture_try_open(&second, &error), IML_ERROR_CONFLICT);
    assert_non_null(strstr(error.what, pid));
    assert_int_equal(run_create(&fixture, "still works", 0, NULL), IML_OK);
}

static void test_another_process_is_refused_until_it_is_closed(void **state)
{
    (void)state;
    char path[PATH_MAX];
    fixture_path(&fixture, "imld.lock", path);
    for (int round = 0; round < 2; round++) {
        const pid_t child = fork();
        if (child == 0) { /* opens the file anew: the inherited descriptor shares the lock */
            struct iml_error error = {0};
            int fd = -1;
            _exit((int)imld_lock_take(path, &fd, &error));
        }
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), round == 0 ? IML_ERROR_CONFLICT : IML_OK);
        if (round == 0) fixture_close(&fixture);
    }
}

static void test_the_lock_goes_with_the_process(void **state)
{
    (void)state;
    fixture_close(&fixture);
    const pid_t child = fork();
    if (child == 0) {
        struct iml_error error = {0};
        _exit(fixture_try_open(&fixture, &error) == IML_OK ? 0 : 1); /* never closed */
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(WEXITSTATUS(status), 0);
    fixture_open(&fixture);
}

static void test_other_descriptors_of_the_file_do_not_drop_it(void **state)
{
    (void)state;
    char path[PATH_MAX];
    struct iml_error error = {0};
    int fd = -1;
    fixture_path(&fixture, "imld.lock", path);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(imld_lock_take(path, &fd, &error), IML_ERROR_CONFLICT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_a_second_open_in_the_same_process_is_refused),
        FIXTURE_TEST(test_another_process_is_refused_until_it_is_closed),
        FIXTURE_TEST(test_the_lock_goes_with_the_process),
        FIXTURE_TEST(test_other_descriptors_of_the_file_do_not_drop_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
