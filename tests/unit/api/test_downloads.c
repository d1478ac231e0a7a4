/* test_downloads.c: checkpoints: list, download, ranges (RFC 9110 13, 14). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "storage/checkpoints.h"
#include "tests/unit/check.h"
#include "world.h"

enum { FLOATS = 50000 };

static struct world world;
static char base[96], etag[80];
static struct reply whole;

static int open_world(void **state)
{
    (void)state;
    world_open(&world, NULL);
    const int64_t job = make_job(&world, small_job);
    assert_int_equal(claim_job(&world), job);
    float *data = calloc(FLOATS, sizeof *data);
    assert_non_null(data);
    for (int i = 0; i < FLOATS; i++) data[i] = (float)i;
    const struct imld_tensor tensor = {.name = "parameters/0.weight",
                                       .dtype = "F32",
                                       .rank = 1,
                                       .shape = {FLOATS},
                                       .data = data,
                                       .bytes = FLOATS * sizeof *data};
    const struct imld_metadata metadata = {"step", "120"};
    const struct imld_checkpoint_file file = {.name = "step-120",
                                              .step = 120,
                                              .tensors = &tensor,
                                              .tensor_count = 1,
                                              .metadata = &metadata,
                                              .metadata_count = 1};
    const struct imld_rows_write rows = {.job = job, .step = 120};
    struct iml_error error = {0};
    if (imld_checkpoint_write(world.storage, job, &file, 1, 3, &rows, &error) != IML_OK)
        print_error("%s\n", error.what);
    assert_int_equal(error.code, IML_OK);
    free(data);
    char id[IMLD_JOB_ID_MAX];
    imld_job_id(job, id);
    (void)snprintf(base, sizeof base, "/v1/jobs/%s/checkpoints/step-120", id);
    ask(&world, "GET", base, NULL, NULL, &whole);
    assert_int_equal(whole.status, 200);
    assert_true(whole.length > FLOATS * sizeof(float));
    char text[512];
    (void)snprintf(etag, sizeof etag, "%.79s", reply_header(&whole, "ETag", text));
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    reply_clear(&whole);
    world_close(&world);
    return 0;
}

static void test_the_list_names_it(void **state)
{
    (void)state;
    char path[96];
    (void)snprintf(path, sizeof path, "%.*s", (int)(strrchr(base, '/') - base), base);
    json_t *list = ask_json(&world, "GET", path, NULL, NULL, 200);
    const json_t *only = json_array_get(json_object_get(list, "checkpoints"), 0);
    assert_string_equal(json_string_value(json_object_get(only, "name")), "step-120");
    assert_int_equal(json_integer_value(json_object_get(only, "bytes")), whole.length);
    const char *sha256 = json_string_value(json_object_get(only, "sha256"));
    assert_int_equal(strlen(etag), 66);
    assert_int_equal(strncmp(etag + 1, sha256, 64), 0);
    json_decref(list);
}

/* first and last: of the part that is expected; status 206 alone looks at them. */
static void check_range(const char *headers, unsigned status, size_t first, size_t last)
{
    struct reply reply;
    char text[512], expected[128];
    ask(&world, "GET", base, headers, NULL, &reply);
    if (reply.status != status) print_error("%s: %u\n", headers, reply.status);
    assert_int_equal(reply.status, status);
    if (status == 200) {
        assert_int_equal(reply.length, whole.length);
        assert_memory_equal(reply.body, whole.body, whole.length);
    }
    if (status == 206) {
        (void)snprintf(expected, sizeof expected, "bytes %zu-%zu/%zu", first, last, whole.length);
        assert_string_equal(reply_header(&reply, "Content-Range", text), expected);
        assert_int_equal(reply.length, last - first + 1);
        assert_memory_equal(reply.body, whole.body + first, reply.length);
    }
    if (status == 416) {
        (void)snprintf(expected, sizeof expected, "bytes */%zu", whole.length);
        assert_string_equal(reply_header(&reply, "Content-Range", text), expected);
    }
    if (status != 416 && status != 412)
        assert_string_equal(reply_header(&reply, "ETag", text), etag);
    reply_clear(&reply);
}

static void test_ranges(void **state)
{
    (void)state;
    const size_t size = whole.length;
    char headers[256];
    check_range("Range: bytes=0-0\r\n", 206, 0, 0);
    check_range("Range: bytes=0-99\r\n", 206, 0, 99);
    check_range("Range: bytes=100000-\r\n", 206, 100000, size - 1);
    check_range("Range: bytes=-10\r\n", 206, size - 10, size - 1);
    check_range("Range: bytes=-999999999\r\n", 206, 0, size - 1);
    check_range("Range: bytes=5-999999999\r\n", 206, 5, size - 1);
    check_range("Range: bytes=999999999-\r\n", 416, 0, 0);
    check_range("Range: bytes=-0\r\n", 416, 0, 0);
    (void)snprintf(headers, sizeof headers, "Range: bytes=%zu-\r\n", size);
    check_range(headers, 416, 0, 0);
    /* several, and forms that are no range: the whole file */
    check_range("Range: bytes=0-1,5-6\r\n", 200, 0, 0);
    check_range("Range: bytes=9-5\r\n", 200, 0, 0);
    check_range("Range: bytes=x-5\r\n", 200, 0, 0);
    check_range("Range: bytes=--5\r\n", 200, 0, 0);
    check_range("Range: bytes=\r\n", 200, 0, 0);
    check_range("Range: lines=0-5\r\n", 200, 0, 0);
    check_range("Range: bytes=0-99999999999999999999999\r\n", 200, 0, 0);
}

static void test_conditions(void **state)
{
    (void)state;
    char headers[256];
    (void)snprintf(headers, sizeof headers, "Range: bytes=0-9\r\nIf-Range: %s\r\n", etag);
    check_range(headers, 206, 0, 9);
    check_range("Range: bytes=0-9\r\nIf-Range: \"other\"\r\n", 200, 0, 0);
    (void)snprintf(headers, sizeof headers, "If-None-Match: %s\r\n", etag);
    check_range(headers, 304, 0, 0);
    check_range("If-None-Match: *\r\n", 304, 0, 0);
    check_range("If-None-Match: \"other\"\r\n", 200, 0, 0);
    (void)snprintf(headers, sizeof headers, "If-Match: %s\r\n", etag);
    check_range(headers, 200, 0, 0);
    check_range("If-Match: \"other\"\r\n", 412, 0, 0);
}

static void test_head_gives_the_length_alone(void **state)
{
    (void)state;
    struct reply reply;
    char text[512];
    ask(&world, "HEAD", base, NULL, NULL, &reply);
    assert_int_equal(reply.status, 200);
    assert_int_equal(reply.length, 0);
    assert_int_equal(strtoul(reply_header(&reply, "Content-Length", text), NULL, 10), whole.length);
    reply_clear(&reply);
}

/* The connection goes on after a download, over loopback too (sendfile). */
static void test_downloads_on_one_connection(void **state)
{
    (void)state;
    char request[256];
    const int fd = client_tcp(world.port);
    (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", base);
    for (int i = 0; i < 5; i++) {
        struct reply reply;
        client_say(fd, request);
        client_read(fd, &reply, true);
        assert_int_equal(reply.length, whole.length);
        assert_memory_equal(reply.body, whole.body, whole.length);
        reply_clear(&reply);
    }
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_list_names_it),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_conditions),
        cmocka_unit_test(test_head_gives_the_length_alone),
        cmocka_unit_test(test_downloads_on_one_connection),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
