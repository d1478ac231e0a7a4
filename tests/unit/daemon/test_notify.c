/* test_notify.c: what systemd is told, by a datagram socket in its place; and the log's lines. */
#include "tests/unit/check.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/notify.h"

/* A manager's socket at this path ('@' first: abstract). */
static int open_manager(const char *path)
{
    const int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@') address.sun_path[0] = '\0';
    const socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    assert_int_equal(bind(fd, (const void *)&address, length), 0);
    return fd;
}

static void check_told(const char *path)
{
    const int manager = open_manager(path);
    struct imld_notify notify;
    imld_notify_open(&notify, path, NULL, NULL);
    assert_true(notify.fd >= 0);
    assert_int_equal(notify.watchdog_ms, 0);
    imld_notify_send(&notify, "READY=1\nSTATUS=%d runs", 3);
    char text[64] = "";
    const ssize_t length = recv(manager, text, sizeof text - 1, 0);
    assert_true(length > 0);
    assert_string_equal(text, "READY=1\nSTATUS=3 runs");
    imld_notify_close(&notify);
    (void)close(manager);
}

static void test_a_path_and_an_abstract_name_are_told(void **state)
{
    (void)state;
    char path[64];
    (void)snprintf(path, sizeof path, "/tmp/imld-notify-%d", (int)getpid());
    check_told(path);
    (void)unlink(path);
    path[0] = '@';
    check_told(path);
}

static void test_nobody_to_tell_is_no_fault(void **state)
{
    (void)state;
    static const char *const paths[] = {NULL, "", "relative", "@"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct imld_notify notify;
        imld_notify_open(&notify, paths[i], "10000000", NULL);
        assert_int_equal(notify.fd, -1);
        assert_int_equal(notify.watchdog_ms, 0);
        imld_notify_send(&notify, "READY=1");
        imld_notify_close(&notify);
    }
}

static void test_the_watchdog_is_ours_and_pinged_at_half_the_time(void **state)
{
    (void)state;
    char pid[32];
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    struct imld_notify notify;
    imld_notify_open(&notify, "@imld-test-watchdog", "30000000", pid);
    assert_int_equal(notify.watchdog_ms, 15000);
    imld_notify_close(&notify);
    imld_notify_open(&notify, "@imld-test-watchdog", "30000000", "1");
    assert_int_equal(notify.watchdog_ms, 0);
    imld_notify_close(&notify);
    imld_notify_open(&notify, "@imld-test-watchdog", "nonsense", NULL);
    assert_int_equal(notify.watchdog_ms, 0);
    imld_notify_close(&notify);
}

/* What a line of the log looks like, with stderr's place taken by a pipe. */
static void read_log_line(struct imld_log *log, char text[256])
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    log->fd = ends[1];
    imld_log(log, IMLD_LOG_DEBUG, "not shown");
    imld_log(log, IMLD_LOG_WARN, "two\nlines and %s", "\x1b[31mcolour");
    const ssize_t length = read(ends[0], text, 255);
    assert_true(length > 0);
    text[length] = '\0';
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void test_a_line_of_the_log_is_one_line_with_its_level(void **state)
{
    (void)state;
    char text[256];
    struct imld_log log;
    imld_log_open(&log, IMLD_LOG_INFO, NULL);
    assert_false(log.is_journal);
    read_log_line(&log, text);
    assert_non_null(strstr(text, "Z warn  two?lines and ?[31mcolour\n"));
    assert_null(strstr(text, "not shown"));

    struct stat status;
    char stream[64];
    assert_int_equal(fstat(STDERR_FILENO, &status), 0);
    (void)snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)status.st_dev,
                   (uintmax_t)status.st_ino);
    imld_log_open(&log, IMLD_LOG_INFO, stream);
    assert_true(log.is_journal);
    read_log_line(&log, text);
    assert_string_equal(text, "<4>two?lines and ?[31mcolour\n");
    imld_log_open(&log, IMLD_LOG_INFO, "1:2");
    assert_false(log.is_journal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_path_and_an_abstract_name_are_told),
        cmocka_unit_test(test_nobody_to_tell_is_no_fault),
        cmocka_unit_test(test_the_watchdog_is_ours_and_pinged_at_half_the_time),
        cmocka_unit_test(test_a_line_of_the_log_is_one_line_with_its_level),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
