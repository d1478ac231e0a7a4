/* test_io.c: the helpers over the table of system calls: short writes, interruptions, faults,
 * folders. */
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../check.h"

/* A disk that is played: what the replaced calls saw and what they shall do. */
static struct {
    char bytes[256];
    size_t length;
    size_t write_limit; /* bytes a call takes at most */
    int interruptions;  /* EINTR before the next write goes through */
    int write_error;    /* errno of every write; 0: none */
    int fsync_error, mkdir_error;
    int open_files, fsyncs;
} played;

static ssize_t played_write(int fd, const void *bytes, size_t count)
{
    (void)fd;
    if (played.interruptions > 0) {
        played.interruptions--;
        errno = EINTR;
        return -1;
    }
    if (played.write_error != 0) {
        errno = played.write_error;
        return -1;
    }
    const size_t n = count < played.write_limit ? count : played.write_limit;
    assert_true(played.length + n <= sizeof played.bytes);
    memcpy(played.bytes + played.length, bytes, n);
    played.length += n;
    return (ssize_t)n;
}

static int played_open(const char *path, int flags, mode_t mode)
{
    const int fd = imld_io_system.open(path, flags, mode);
    if (fd >= 0) played.open_files++;
    return fd;
}

static int played_close(int fd)
{
    played.open_files--;
    return imld_io_system.close(fd);
}

static int played_fsync(int fd)
{
    (void)fd;
    played.fsyncs++;
    errno = played.fsync_error;
    return played.fsync_error ? -1 : 0;
}

static int played_mkdir(const char *path, mode_t mode)
{
    if (played.mkdir_error == 0) return imld_io_system.mkdir(path, mode);
    errno = played.mkdir_error;
    return -1;
}

static int replace(void **state)
{
    (void)state;
    static struct imld_io io;
    io = imld_io_system;
    io.write = played_write;
    io.open = played_open;
    io.close = played_close;
    io.fsync = played_fsync;
    io.mkdir = played_mkdir;
    memset(&played, 0, sizeof played);
    played.write_limit = SIZE_MAX;
    imld_io_replace(&io);
    return 0;
}

static int restore(void **state)
{
    (void)state;
    imld_io_replace(NULL);
    assert_ptr_equal(imld_io(), &imld_io_system);
    return 0;
}

static void test_short_and_interrupted_writes(void **state)
{
    (void)state;
    struct iml_error error = {0};
    played.write_limit = 3;
    played.interruptions = 2;
    assert_int_equal(imld_io_write_all(9, "ten bytes.", 10, "file", &error), IML_OK);
    assert_int_equal(played.length, 10);
    assert_memory_equal(played.bytes, "ten bytes.", 10);
    assert_int_equal(imld_io_write_all(9, "", 0, "file", &error), IML_OK);
}

static void check_write_fault(int number, enum iml_code expected)
{
    struct iml_error error = {0};
    played.write_error = number;
    assert_int_equal(imld_io_write_all(9, "x", 1, "some/file", &error), expected);
    assert_string_equal(error.where, "some/file");
    assert_non_null(strstr(error.what, "can't write: "));
    assert_non_null(strstr(error.what, strerror(number)));
}

static void test_write_faults(void **state)
{
    (void)state;
    check_write_fault(EIO, IML_ERROR_IO);
    check_write_fault(EROFS, IML_ERROR_IO);
    check_write_fault(ENOSPC, IML_ERROR_NO_SPACE);
    check_write_fault(EDQUOT, IML_ERROR_NO_SPACE);
    check_write_fault(ENOENT, IML_ERROR_NOT_FOUND);
}

/* The first error's place stays as it was. */
static void test_error_after_an_error(void **state)
{
    (void)state;
    struct iml_error error = {0};
    (void)iml_error_set(&error, IML_ERROR_DATA, "first");
    iml_error_where(&error, "there");
    errno = EIO;
    assert_int_equal(imld_io_error(&error, "write", "file"), IML_ERROR_DATA);
    assert_string_equal(error.where, "there");
    errno = ENOSPC;
    assert_int_equal(imld_io_error(NULL, "write", "file"), IML_ERROR_NO_SPACE);
}

static void make_root(char root[PATH_MAX])
{
    (void)snprintf(root, PATH_MAX, "/tmp/imld-test-io-XXXXXX");
    assert_non_null(mkdtemp(root));
}

static void test_make_folders(void **state)
{
    (void)state;
    char root[PATH_MAX], path[PATH_MAX];
    struct iml_error error = {0};
    make_root(root);
    (void)snprintf(path, sizeof path, "%.4000s/a/b", root);
    assert_int_equal(imld_io_make_folders(path, 0700, &error), IML_OK);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISDIR(status.st_mode));
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_int_equal(played.fsyncs, 2);     /* of the parents of a and of b */
    assert_int_equal(played.open_files, 0); /* nothing leaks */
    assert_int_equal(imld_io_make_folders(path, 0700, &error), IML_OK);
    assert_int_equal(played.fsyncs, 2);

    assert_int_equal(rmdir(path), 0);
    played.mkdir_error = EACCES;
    assert_int_equal(imld_io_make_folders(path, 0700, &error), IML_ERROR_IO);
    assert_string_equal(error.where, path);
    (void)snprintf(path, sizeof path, "%.4000s/a", root);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(root), 0);
}

static void test_refused_paths(void **state)
{
    (void)state;
    struct iml_error error = {0};
    assert_int_equal(imld_io_make_folders("", 0700, &error), IML_ERROR_ARGUMENT);
    char path[PATH_MAX + 1];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    error = (struct iml_error){0};
    assert_int_equal(imld_io_make_folders(path, 0700, &error), IML_ERROR_ARGUMENT);
}

static void test_sync_folder(void **state)
{
    (void)state;
    char root[PATH_MAX];
    struct iml_error error = {0};
    make_root(root);
    assert_int_equal(imld_io_sync_folder(root, &error), IML_OK);
    played.fsync_error = EIO;
    assert_int_equal(imld_io_sync_folder(root, &error), IML_ERROR_IO);
    assert_non_null(strstr(error.what, "fsync"));
    assert_int_equal(played.open_files, 0);
    assert_int_equal(rmdir(root), 0);
    error = (struct iml_error){0};
    assert_int_equal(imld_io_sync_folder(root, &error), IML_ERROR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_short_and_interrupted_writes, replace, restore),
        cmocka_unit_test_setup_teardown(test_write_faults, replace, restore),
        cmocka_unit_test_setup_teardown(test_error_after_an_error, replace, restore),
        cmocka_unit_test_setup_teardown(test_make_folders, replace, restore),
        cmocka_unit_test_setup_teardown(test_refused_paths, replace, restore),
        cmocka_unit_test_setup_teardown(test_sync_folder, replace, restore),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
