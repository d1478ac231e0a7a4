/* test_listeners.c: what may be listened on, stale socket files, passed sockets. */
#include "tests/unit/check.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/listeners.h"

static void test_addresses_outside_loopback_are_refused_with_a_remedy(void **state)
{
    (void)state;
    static const char *const refused[] = {"0.0.0.0:80",
                                          "192.168.1.2:7733",
                                          "[::]:80",
                                          "example.org:80",
                                          "unix:relative",
                                          "unix:",
                                          "127.0.0.1",
                                          "127.0.0.1:",
                                          "127.0.0.1:x",
                                          "127.0.0.1:65536",
                                          "127.0.0.1:-1",
                                          ":80",
                                          "127.0.0.1: 80",
                                          "",
                                          "[::1:80",
                                          "127.1:80",
                                          ("unix:/a/path/that/is/longer/than/the/kernel/allows/for/"
                                           "a/socket/name/which/ends/after/one/"
                                           "hundred/and/seven/bytes")};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct iml_error error = {0};
        assert_int_equal(imld_address_check(refused[i], true, &error), IML_ERROR_ARGUMENT);
        assert_non_null(strstr(error.mend, "unix:PATH"));
    }
}

static void test_tcp_needs_dev(void **state)
{
    (void)state;
    static const char *const loopback[] = {"127.0.0.1:7733", "localhost:0", "[::1]:80",
                                           "127.8.8.8:1"};
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
        struct iml_error error = {0};
        assert_int_equal(imld_address_check(loopback[i], true, NULL), IML_OK);
        assert_int_equal(imld_address_check(loopback[i], false, &error), IML_ERROR_ARGUMENT);
        assert_non_null(strstr(error.what, "--dev"));
    }
    assert_int_equal(imld_address_check("unix:/run/x", false, NULL), IML_OK);
}

struct folder {
    char path[64], address[128];
};

static void open_folder(struct folder *folder)
{
    (void)snprintf(folder->path, sizeof folder->path, "/tmp/imld-listen-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    (void)snprintf(folder->address, sizeof folder->address, "unix:%s/s", folder->path);
}

static void close_folder(struct folder *folder)
{
    assert_int_equal(rmdir(folder->path), 0); /* also: no socket file was left */
}

static void test_a_socket_for_everybody_that_goes_at_the_end(void **state)
{
    (void)state;
    struct folder folder;
    struct imld_listeners listeners = {0};
    struct stat status;
    open_folder(&folder);
    assert_int_equal(imld_listeners_add(&listeners, folder.address, false, NULL), IML_OK);
    assert_int_equal(listeners.count, 1);
    assert_int_equal(listeners.items[0].kind, IMLD_LISTEN_UNIX);
    assert_string_equal(listeners.items[0].address, folder.address);
    assert_int_equal(stat(folder.address + 5, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0666);
    assert_true(fcntl(listeners.items[0].fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(listeners.items[0].fd, F_GETFD) & FD_CLOEXEC);
    imld_listeners_close(&listeners, false);
    close_folder(&folder);
}

static void test_a_stale_socket_is_replaced_and_a_live_one_is_not(void **state)
{
    (void)state;
    struct folder folder;
    struct imld_listeners first = {0};
    struct imld_listeners second = {0};
    struct iml_error error = {0};
    open_folder(&folder);
    assert_int_equal(imld_listeners_add(&first, folder.address, false, NULL), IML_OK);
    assert_int_equal(imld_listeners_add(&second, folder.address, false, &error),
                     IML_ERROR_CONFLICT);
    assert_non_null(strstr(error.what, "listens"));
    (void)close(first.items[0].fd); /* as kill -9 leaves it: the file without a listener */
    assert_int_equal(imld_listeners_add(&second, folder.address, false, NULL), IML_OK);
    imld_listeners_close(&second, false);
    close_folder(&folder);
}

static void test_another_kind_of_file_is_left_alone(void **state)
{
    (void)state;
    struct folder folder;
    struct imld_listeners listeners = {0};
    struct iml_error error = {0};
    open_folder(&folder);
    const int fd = open(folder.address + 5, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(imld_listeners_add(&listeners, folder.address, false, &error),
                     IML_ERROR_CONFLICT);
    assert_int_equal(unlink(folder.address + 5), 0); /* still there */
    close_folder(&folder);
}

static void test_port_0_tells_the_port(void **state)
{
    (void)state;
    struct imld_listeners listeners = {0};
    assert_int_equal(imld_listeners_add(&listeners, "127.0.0.1:0", true, NULL), IML_OK);
    assert_int_equal(listeners.items[0].kind, IMLD_LISTEN_DEV);
    assert_int_equal(strncmp(listeners.items[0].address, "127.0.0.1:", 10), 0);
    assert_string_not_equal(listeners.items[0].address, "127.0.0.1:0");
    imld_listeners_close(&listeners, false);
}

static void test_passed_sockets_are_counted_for_this_process_alone(void **state)
{
    (void)state;
    char pid[32];
    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    assert_int_equal(imld_passed_sockets(pid, "2"), 2);
    assert_int_equal(imld_passed_sockets("1", "2"), 0);
    assert_int_equal(imld_passed_sockets(NULL, "2"), 0);
    assert_int_equal(imld_passed_sockets(pid, NULL), 0);
    assert_int_equal(imld_passed_sockets(pid, "-3"), 0);
}

/* A socket as systemd makes it: of this family, listening or not. */
static int make_socket(struct folder *folder, int family, int type, bool is_listening)
{
    const int fd = socket(family, type, 0);
    assert_true(fd >= 0);
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    memcpy(un.sun_path, folder->address + 5, strlen(folder->address + 5) + 1);
    const struct sockaddr *address = family == AF_UNIX ? (const void *)&un : (const void *)&in;
    assert_int_equal(bind(fd, address, family == AF_UNIX ? sizeof un : sizeof in), 0);
    if (is_listening) assert_int_equal(listen(fd, 5), 0);
    return fd;
}

static void test_a_passed_socket_is_taken_and_its_file_stays(void **state)
{
    (void)state;
    struct folder folder;
    struct imld_listeners listeners = {0};
    open_folder(&folder);
    const int fd = make_socket(&folder, AF_UNIX, SOCK_STREAM, true);
    assert_int_equal(imld_listeners_take(&listeners, fd, 1, false, NULL), IML_OK);
    assert_int_equal(listeners.items[0].kind, IMLD_LISTEN_UNIX);
    assert_string_equal(listeners.items[0].address, folder.address);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    imld_listeners_close(&listeners, false);
    assert_int_equal(unlink(folder.address + 5), 0);
    close_folder(&folder);
}

static void test_passed_sockets_obey_the_same_rules(void **state)
{
    (void)state;
    struct folder folder;
    struct imld_listeners listeners = {0};
    open_folder(&folder);
    const int tcp = make_socket(&folder, AF_INET, SOCK_STREAM, true);
    assert_int_equal(imld_listeners_take(&listeners, tcp, 1, false, NULL), IML_ERROR_ARGUMENT);
    assert_int_equal(imld_listeners_take(&listeners, tcp, 1, true, NULL), IML_OK);
    imld_listeners_close(&listeners, false);
    const int deaf = make_socket(&folder, AF_UNIX, SOCK_STREAM, false);
    assert_int_equal(imld_listeners_take(&listeners, deaf, 1, true, NULL), IML_ERROR_ARGUMENT);
    (void)close(deaf);
    assert_int_equal(unlink(folder.address + 5), 0);
    const int datagrams = make_socket(&folder, AF_UNIX, SOCK_DGRAM, false);
    assert_int_equal(imld_listeners_take(&listeners, datagrams, 1, true, NULL), IML_ERROR_ARGUMENT);
    (void)close(datagrams);
    assert_int_equal(unlink(folder.address + 5), 0);
    close_folder(&folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses_outside_loopback_are_refused_with_a_remedy),
        cmocka_unit_test(test_tcp_needs_dev),
        cmocka_unit_test(test_a_socket_for_everybody_that_goes_at_the_end),
        cmocka_unit_test(test_a_stale_socket_is_replaced_and_a_live_one_is_not),
        cmocka_unit_test(test_another_kind_of_file_is_left_alone),
        cmocka_unit_test(test_port_0_tells_the_port),
        cmocka_unit_test(test_passed_sockets_are_counted_for_this_process_alone),
        cmocka_unit_test(test_a_passed_socket_is_taken_and_its_file_stays),
        cmocka_unit_test(test_passed_sockets_obey_the_same_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
