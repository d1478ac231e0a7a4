/* test_bad_requests.c: requests that are HTTP but wrong: each with its status and the pointer of
 * its fault; the server serves on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/check.h"
#include "world.h"

static struct world world;

static int open_world(void **state)
{
    (void)state;
    const struct imld_api_limits limits = {.request_seconds = 5};
    world_open(&world, &limits);
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    world_close(&world);
    return 0;
}

#define BEGIN "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"tiny\"}"
#define IML "{\"algorithm\":\"iml\",\"data\":{\"set\":\"tiny\"}"

/* pointer: of one of the errors; NULL: the problem lists none. */
struct row {
    const char *method, *path, *headers, *body;
    unsigned status;
    const char *pointer;
};

/* clang-format off */
static const struct row documents[] = { /* all POST /v1/jobs */
    {0, 0, 0, "", 400, ""},
    {0, 0, 0, " ", 400, ""},
    {0, 0, 0, "{", 400, ""},
    {0, 0, 0, "{\"algorithm\":", 400, ""},
    {0, 0, 0, "[]", 400, ""},
    {0, 0, 0, "1", 400, ""},
    {0, 0, 0, "\"x\"", 400, ""},
    {0, 0, 0, "null", 400, ""},
    {0, 0, 0, "{} x", 400, ""},
    {0, 0, 0, "{}{}", 400, ""},
    {0, 0, 0, "{\"a\":1,}", 400, ""},
    {0, 0, 0, "{'a':1}", 400, ""},
    {0, 0, 0, "{\"a\":NaN}", 400, ""},
    {0, 0, 0, "{\"a\":Infinity}", 400, ""},
    {0, 0, 0, "{\"a\":01}", 400, ""},
    {0, 0, 0, "{\"a\":+1}", 400, ""},
    {0, 0, 0, "{\"a\":.5}", 400, ""},
    {0, 0, 0, "{\"a\":0x10}", 400, ""},
    {0, 0, 0, "{\"a\":TRUE}", 400, ""},
    {0, 0, 0, "{\"a\":1e400}", 400, ""},
    {0, 0, 0, "{\"a\":92233720368547758080}", 400, ""},
    {0, 0, 0, "{/* c */}", 400, ""},
    {0, 0, 0, "\xef\xbb\xbf{}", 400, ""},
    {0, 0, 0, "{\"a\":\"\xff\"}", 400, ""},
    {0, 0, 0, "{\"a\":\"\xc0\xaf\"}", 400, ""},
    {0, 0, 0, "{\"a\":\"\xed\xa0\x80\"}", 400, ""},
    {0, 0, 0, "{\"a\":\"\\ud800\"}", 400, ""},
    {0, 0, 0, "{\"a\":\"\\u0000\"}", 400, ""},
    {0, 0, 0, "{\"a\\u0000\":1}", 400, ""},
    {0, 0, 0, "{\"a\":\"\n\"}", 400, ""},
    {0, 0, 0, "{\"a\":1,\"a\":2}", 400, ""},
    {0, 0, 0, "{\"a\":1,\"\\u0061\":2}", 400, ""},
    {0, 0, 0, "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", 400, ""},
    {0, 0, 0, "{}", 422, "/algorithm"},
    {0, 0, 0, "{\"algorithm\":\"supervised\"}", 422, "/data/set"},
    {0, 0, 0, "{\"algorithm\":\"magic\",\"data\":{\"set\":\"tiny\"}}", 422, "/algorithm"},
    {0, 0, 0, "{\"algorithm\":7,\"data\":{\"set\":\"tiny\"}}", 422, "/algorithm"},
    {0, 0, 0, "{\"algorithm\":\"supervised\",\"data\":[]}", 422, "/data"},
    {0, 0, 0, "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"nothing\"}}", 422, "/data/set"},
    {0, 0, 0, "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"../../etc/passwd\"}}", 422, "/data/set"},
    {0, 0, 0, "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"/etc/passwd\"}}", 422, "/data/set"},
    {0, 0, 0, "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"..\"}}", 422, "/data/set"},
    {0, 0, 0, "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"\"}}", 422, "/data/set"},
    {0, 0, 0, "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"tiny/../tiny\"}}", 422, "/data/set"},
    {0, 0, 0, BEGIN ",\"colour\":1}", 422, "/colour"},
    {0, 0, 0, BEGIN ",\"a/b~c\":1}", 422, "/a~1b~0c"},
    {0, 0, 0, BEGIN ",\"name\":7}", 422, "/name"},
    {0, 0, 0, BEGIN ",\"name\":null}", 422, "/name"},
    {0, 0, 0, BEGIN ",\"tags\":\"x\"}", 422, "/tags"},
    {0, 0, 0, BEGIN ",\"tags\":[\"x\",3]}", 422, "/tags/1"},
    {0, 0, 0, BEGIN ",\"tags\":[\"\"]}", 422, "/tags/0"},
    {0, 0, 0, BEGIN ",\"seed\":-1}", 422, "/seed"},
    {0, 0, 0, BEGIN ",\"seed\":1.5}", 422, "/seed"},
    {0, 0, 0, BEGIN ",\"seed\":\"1\"}", 422, "/seed"},
    {0, 0, 0, BEGIN ",\"priority\":5000}", 422, "/priority"},
    {0, 0, 0, BEGIN ",\"resources\":{\"threads\":0}}", 422, "/resources/threads"},
    {0, 0, 0, BEGIN ",\"resources\":{\"threads\":64}}", 422, "/resources/threads"},
    {0, 0, 0, BEGIN ",\"resources\":{\"threads\":1000000000000}}", 422, "/resources/threads"},
    {0, 0, 0, BEGIN ",\"meta\":{\"updates\":3}}", 422, "/meta"},
    {0, 0, 0, BEGIN ",\"model\":{\"kind\":\"mlp\",\"hidden\":[0]}}", 422, "/model/hidden/0"},
    {0, 0, 0, BEGIN ",\"model\":{\"kind\":\"mlp\",\"hidden\":7}}", 422, "/model/hidden"},
    {0, 0, 0, BEGIN ",\"model\":{\"kind\":\"mlp\",\"hidden\":[1e300]}}", 422, "/model/hidden/0"},
    {0, 0, 0, BEGIN ",\"model\":{\"kind\":\"transformer\"}}", 422, "/model/kind"},
    {0, 0, 0, BEGIN ",\"inner\":{\"batch\":0}}", 422, "/inner/batch"},
    {0, 0, 0, BEGIN ",\"inner\":{\"optimizer\":{\"kind\":\"adam\",\"learning_rate\":-1}}}", 422, "/inner/optimizer/learning_rate"},
    {0, 0, 0, BEGIN ",\"inner\":{\"optimizer\":{\"kind\":\"adam\",\"momentum\":0.9}}}", 422, "/inner/optimizer/momentum"},
    {0, 0, 0, BEGIN ",\"early_stopping\":[{\"rule\":\"patience\",\"metric\":\"test/accuracy\"}]}", 422, "/early_stopping/0/metric"},
    {0, 0, 0, BEGIN ",\"early_stopping\":[{\"rule\":\"whim\"}]}", 422, "/early_stopping/0/rule"},
    {0, 0, 0, BEGIN ",\"early_stopping\":{}}", 422, "/early_stopping"},
    {0, 0, 0, BEGIN ",\"checkpoint\":{\"best\":\"test/loss\"}}", 422, "/checkpoint/best"},
    {0, 0, 0, BEGIN ",\"checkpoint\":{\"best\":\"beauty\"}}", 422, "/checkpoint/best"},
    {0, 0, 0, BEGIN ",\"checkpoint\":{\"keep\":0}}", 422, "/checkpoint/keep"},
    {0, 0, 0, "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"tiny\",\"train\":100000}}", 422, "/data/train"},
    {0, 0, 0, "{\"algorithm\":\"supervised\",\"data\":{\"set\":\"tiny\",\"test\":201}}", 422, "/data/test"},
    {0, 0, 0, IML ",\"meta\":{\"solver\":{\"kind\":\"neumann\",\"terms\":-1}}}", 422, "/meta/solver/terms"},
    {0, 0, 0, IML ",\"meta\":{\"solver\":{\"kind\":\"gauss\"}}}", 422, "/meta/solver/kind"},
    {0, 0, 0, IML ",\"meta\":{\"solver\":{\"kind\":\"neumann\",\"step_size\":\"fast\"}}}", 422, "/meta/solver/step_size"},
    {0, 0, 0, IML ",\"meta\":{\"knowledge\":{\"kind\":\"wisdom\"}}}", 422, "/meta/knowledge/kind"},
    {0, 0, 0, IML ",\"meta\":{\"updates\":1e30}}", 422, "/meta/updates"},
};

static const struct row requests[] = {
    {"GET", "/nothing", 0, 0, 404, ""},
    {"GET", "/v1", 0, 0, 404, ""},
    {"GET", "/v1/jobs/j0000001/nothing", 0, 0, 404, ""},
    {"GET", "/v1/jobs/j9999999", 0, 0, 404, NULL},
    {"GET", "/v1/jobs/1", 0, 0, 404, NULL},
    {"GET", "/v1/jobs/j1", 0, 0, 404, NULL},
    {"GET", "/v1/jobs/j00000000000000000000000000000001", 0, 0, 404, NULL},
    {"GET", "/v1/jobs/J0000001", 0, 0, 404, NULL},
    {"GET", "/v1/jobs/j000000%31", 0, 0, 404, ""},
    {"GET", "/v1/jobs/j0000001/checkpoints/..", 0, 0, 404, ""},
    {"GET", "/v1/jobs/j0000001/checkpoints/%2e%2e%2fimld.db", 0, 0, 404, ""},
    {"GET", "/v1/jobs/j0000001/checkpoints/best", 0, 0, 404, NULL},
    {"GET", "/v1/jobs/j0000001/checkpoints/imld.db", 0, 0, 404, NULL},
    {"DELETE", "/v1/jobs", 0, 0, 405, ""},
    {"PUT", "/v1/jobs/j0000001", 0, "{}", 405, ""},
    {"POST", "/v1/jobs/j0000001", 0, "{}", 405, ""},
    {"POST", "/healthz", 0, 0, 405, ""},
    {"PATCH", "/", 0, 0, 405, ""},
    {"GET", "/v1/jobs/j0000001/stop", 0, 0, 405, ""},
    {"BREW", "/v1/jobs", 0, 0, 501, ""},
    {"GET", "/v1/jobs?colour=red", 0, 0, 400, "?colour"},
    {"GET", "/healthz?x", 0, 0, 400, "?x"},
    {"GET", "/v1/jobs?limit=0", 0, 0, 400, "?limit"},
    {"GET", "/v1/jobs?limit=501", 0, 0, 400, "?limit"},
    {"GET", "/v1/jobs?limit=-1", 0, 0, 400, "?limit"},
    {"GET", "/v1/jobs?limit=+5", 0, 0, 400, "?limit"},
    {"GET", "/v1/jobs?limit=1e2", 0, 0, 400, "?limit"},
    {"GET", "/v1/jobs?limit=", 0, 0, 400, "?limit"},
    {"GET", "/v1/jobs?limit=99999999999999999999", 0, 0, 400, "?limit"},
    {"GET", "/v1/jobs?limit=5&limit=6", 0, 0, 400, "?limit"},
    {"GET", "/v1/jobs?state=happy", 0, 0, 400, "?state"},
    {"GET", "/v1/jobs?state=", 0, 0, 400, "?state"},
    {"GET", "/v1/jobs?cursor=x", 0, 0, 400, "?cursor"},
    {"GET", "/v1/jobs?name=%ff", 0, 0, 400, "?name"},
    {"GET", "/v1/jobs?name=a%00b", 0, 0, 400, "?name"},
    {"GET", "/v1/jobs?name=%4", 0, 0, 400, "?name"},
    {"GET", "/v1/jobs?name=%zz", 0, 0, 400, "?name"},
    {"GET", "/v1/jobs?%ff=1", 0, 0, 400, "?"},
    {"GET", "/v1/jobs/j0000001/metrics?from=x", 0, 0, 400, "?from"},
    {"GET", "/v1/jobs/j0000001/metrics?max_points=3", 0, 0, 400, "?max_points"},
    {"GET", "/v1/jobs/j0000001/metrics?max_points=1000001", 0, 0, 400, "?max_points"},
    {"GET", "/v1/jobs/j0000001/metrics?names=", 0, 0, 400, "?names"},
    {"GET", "/v1/jobs/j0000001/metrics?names=,,", 0, 0, 400, "?names"},
    {"GET", "/v1/jobs/j0000001/metrics?cursor=zz", 0, 0, 400, "?cursor"},
    {"GET", "/v1/jobs/j0000001/metrics?cursor=01234567.", 0, 0, 400, "?cursor"},
    {"GET", "/v1/jobs/j0000001/metrics", "Accept: image/png\r\n", 0, 406, NULL},
    {"GET", "/v1/jobs/j0000001/events?cursor=-1", 0, 0, 400, "?cursor"},
    {"POST", "/v1/jobs?dry_run=yes", 0, BEGIN "}", 400, "?dry_run"},
    {"POST", "/v1/jobs", "Idempotency-Key:\r\n", BEGIN "}", 400, ""},
    {"POST", "/v1/jobs", "Idempotency-Key: a b\r\n", BEGIN "}", 400, ""},
    {"POST", "/v1/jobs", "Idempotency-Key: \xc3\xa4\r\n", BEGIN "}", 400, ""},
    {"POST", "/v1/jobs/j0000001/stop?wait=61", 0, 0, 400, "?wait"},
    {"POST", "/v1/jobs/j0000001/stop?wait=forever", 0, 0, 400, "?wait"},
    {"POST", "/v1/jobs/j0000001/stop", 0, "{\"force\":true}", 422, ""},
    {"POST", "/v1/jobs/j0000001/stop", 0, "[", 400, ""},
    {"POST", "/v1/jobs/j9999999/stop", 0, 0, 404, NULL},
    {"PATCH", "/v1/jobs/j0000001", 0, "{\"seed\":3}", 422, "/seed"},
    {"PATCH", "/v1/jobs/j0000001", 0, "{\"name\":[]}", 422, "/name"},
    {"PATCH", "/v1/jobs/j0000001", 0, "[", 400, ""},
    {"PATCH", "/v1/jobs/j0000001", "If-Match: r1\r\n", "{\"name\":\"x\"}", 412, NULL},
    {"DELETE", "/v1/jobs/j9999999", 0, 0, 404, NULL},
    {"GET", "/healthz", "Origin: http://evil.example\r\n", 0, 403, ""},
    {"GET", "/healthz", "Origin: null\r\n", 0, 403, ""},
    {"GET", "/healthz", "Origin: http://localhost:99\r\n", 0, 403, ""},
    {"GET", "/healthz", "Origin: http://localhost.evil.example\r\n", 0, 403, ""},
    {"POST", "/v1/jobs", "Origin: http://evil.example\r\n", BEGIN "}", 403, ""},
    {"GET", "/healthz", "Sec-Fetch-Site: cross-site\r\n", 0, 403, ""},
};
/* clang-format on */

static bool has_pointer(const json_t *problem, const char *pointer)
{
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach(json_object_get(problem, "errors"), i,
                       item) if (strcmp(json_string_value(json_object_get(item, "pointer")),
                                        pointer) == 0) return true;
    return false;
}

static void check_row(const struct row *row)
{
    struct reply reply;
    char type[512];
    ask(&world, row->method ? row->method : "POST", row->path ? row->path : "/v1/jobs",
        row->headers, row->body, &reply);
    const bool is_right = reply.status == row->status;
    if (!is_right)
        print_error("%s %s %s: %u instead of %u: %s\n", row->method, row->path, row->body,
                    reply.status, row->status, reply.body);
    assert_true(is_right);
    assert_string_equal(reply_header(&reply, "Content-Type", type), "application/problem+json");
    json_t *problem = reply_json(&reply);
    assert_int_equal(json_integer_value(json_object_get(problem, "status")), row->status);
    assert_true(json_string_length(json_object_get(problem, "title")) > 0);
    assert_true(json_string_length(json_object_get(problem, "detail")) > 0);
    if (row->pointer && !has_pointer(problem, row->pointer))
        print_error("%s %s: no pointer %s in %s\n", row->path, row->body, row->pointer, reply.body);
    assert_true(!row->pointer || has_pointer(problem, row->pointer));
    json_decref(problem);
    reply_clear(&reply);
}

static void test_wrong_documents(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        check_row(&documents[i]);
        check_serves(&world);
    }
}

static void test_wrong_requests(void **state)
{
    (void)state;
    assert_int_equal(make_job(&world, BEGIN "}"), 1);
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        check_row(&requests[i]);
        check_serves(&world);
    }
}

static void test_every_wrong_field_is_listed(void **state)
{
    (void)state;
    json_t *problem = ask_json(&world, "POST", "/v1/jobs", NULL,
                               BEGIN ",\"seed\":-1,\"colour\":1,\"name\":7}", 422);
    assert_true(has_pointer(problem, "/seed"));
    assert_true(has_pointer(problem, "/colour"));
    assert_true(has_pointer(problem, "/name"));
    json_decref(problem);
}

static void test_what_the_daemon_refuses_is_422(void **state)
{
    (void)state;
    atomic_store(&world.plan_refuses, true);
    json_t *problem = ask_json(&world, "POST", "/v1/jobs", NULL, BEGIN "}", 422);
    assert_true(has_pointer(problem, "/resources"));
    json_decref(problem);
    atomic_store(&world.plan_refuses, false);
}

/* Says text on a connection to loopback; the status of the answer. */
static unsigned say_tcp(const char *text)
{
    struct reply reply;
    const int fd = client_tcp(world.port);
    client_say(fd, text);
    client_read(fd, &reply, true);
    const unsigned status = reply.status;
    reply_clear(&reply);
    (void)close(fd);
    return status;
}

static void test_hosts_and_origins_on_loopback(void **state)
{
    (void)state;
    static const struct {
        const char *host, *more;
        unsigned status;
    } rows[] = {
        {"localhost", "", 200},
        {"localhost:1234", "", 200},
        {"LocalHost", "", 200},
        {"127.0.0.1", "", 200},
        {"127.0.0.1:7733", "", 200},
        {"[::1]", "", 200},
        {"[::1]:7733", "", 200},
        {"evil.example", "", 421},
        {"localhost.evil.example", "", 421},
        {"127.0.0.1.nip.io", "", 421},
        {"127.0.0.2", "", 421},
        {"localhost:x", "", 421},
        {"localhost:", "", 421},
        {"[::1", "", 421},
        {"::1", "", 421},
        {"localhost:7733", "Origin: http://localhost:7733\r\n", 200},
        {"localhost:7733", "Origin: http://localhost\r\n", 403},
        {"localhost:7733", "Origin: http://127.0.0.1:7733\r\n", 403},
        {"localhost", "Origin: ftp://localhost\r\n", 403},
        {"localhost", "Sec-Fetch-Site: same-origin\r\n", 200},
        {"localhost", "Sec-Fetch-Site: cross-site\r\n", 403},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "GET /healthz HTTP/1.1\r\nHost: %s\r\n%s\r\n",
                       rows[i].host, rows[i].more);
        const unsigned status = say_tcp(text);
        if (status != rows[i].status)
            print_error("%s %s: %u\n", rows[i].host, rows[i].more, status);
        assert_int_equal(status, rows[i].status);
    }
    static const char *const every[] = {"GET",    "HEAD",    "POST",  "PUT",    "PATCH",
                                        "DELETE", "OPTIONS", "TRACE", "UNKNOWN"};
    for (size_t i = 0; i < sizeof every / sizeof every[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text, "%s /healthz HTTP/1.0\r\nHost: evil.example\r\n\r\n",
                       every[i]);
        assert_int_equal(say_tcp(text), 421);
        (void)snprintf(text, sizeof text,
                       "%s /healthz HTTP/1.0\r\nHost: localhost\r\nOrigin: http://evil\r\n\r\n",
                       every[i]);
        assert_int_equal(say_tcp(text), 403);
    }
}

static void test_bodies_of_other_types(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        unsigned status;
    } rows[] = {
        {"Content-Type: application/json\r\n", 201},
        {"Content-Type: APPLICATION/JSON\r\n", 201},
        {"Content-Type: application/json; charset=utf-8\r\n", 201},
        {"Content-Type: application/json ;charset=UTF-8\r\n", 201},
        {"Content-Type: text/plain\r\n", 415},
        {"Content-Type: application/jsonp\r\n", 415},
        {"Content-Type: application/x-www-form-urlencoded\r\n", 415},
        {"Content-Type:\r\n", 415},
        {"", 415},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct reply reply;
        char text[512];
        const int fd = client_unix(world.socket);
        (void)snprintf(text, sizeof text,
                       "POST /v1/jobs HTTP/1.1\r\nHost: x\r\n%sContent-Length: %zu\r\n\r\n%s",
                       rows[i].type, strlen(small_job), small_job);
        client_say(fd, text);
        client_read(fd, &reply, true);
        assert_int_equal(reply.status, rows[i].status);
        reply_clear(&reply);
        (void)close(fd);
    }
}

static void test_absurd_sizes(void **state)
{
    (void)state;
    enum { LARGE = 1 << 20 };
    char *body = malloc(LARGE + 2);
    assert_non_null(body);
    memset(body, ' ', LARGE + 1);
    body[LARGE + 1] = '\0';
    json_decref(ask_json(&world, "POST", "/v1/jobs", NULL, body, 413));
    memset(body, '[', LARGE);
    body[LARGE] = '\0';
    json_decref(ask_json(&world, "POST", "/v1/jobs", NULL, body, 400));
    char *name = body;
    const int begin = sprintf(name, BEGIN ",\"name\":\"");
    memset(name + begin, 'n', 100000);
    (void)strcpy(name + begin + 100000, "\"}");
    json_t *problem = ask_json(&world, "POST", "/v1/jobs", NULL, name, 422);
    assert_true(has_pointer(problem, "/name"));
    json_decref(problem);
    const int keys = sprintf(body, "{\"x\":0");
    size_t length = (size_t)keys;
    for (int i = 0; i < 20000; i++) length += (size_t)sprintf(body + length, ",\"x%d\":0", i);
    (void)strcpy(body + length, "}");
    problem = ask_json(&world, "POST", "/v1/jobs", NULL, body, 422);
    assert_true(json_array_size(json_object_get(problem, "errors")) <= 64);
    json_decref(problem);
    free(body);
}

/* (libmicrohttpd may miss the end of a half-closed connection: the deadline then ends it.) */
static void test_a_truncated_body_is_no_job(void **state)
{
    (void)state;
    json_t *before = ask_json(&world, "GET", "/v1/jobs?limit=500", NULL, NULL, 200);
    const int fd = client_unix(world.socket);
    client_say(fd, "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                   "Content-Length: 100\r\n\r\n" BEGIN "}");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_true(client_is_closed(fd));
    (void)close(fd);
    json_t *after = ask_json(&world, "GET", "/v1/jobs?limit=500", NULL, NULL, 200);
    assert_int_equal(json_array_size(json_object_get(before, "jobs")),
                     json_array_size(json_object_get(after, "jobs")));
    json_decref(before);
    json_decref(after);
}

static void test_405_names_the_methods(void **state)
{
    (void)state;
    struct reply reply;
    char allow[512];
    ask(&world, "PUT", "/v1/jobs/j0000001", NULL, NULL, &reply);
    assert_int_equal(reply.status, 405);
    assert_string_equal(reply_header(&reply, "Allow", allow), "GET, HEAD, PATCH, DELETE");
    assert_true(*reply_header(&reply, "X-Request-Id", allow) != '\0');
    assert_string_equal(reply_header(&reply, "X-Content-Type-Options", allow), "nosniff");
    reply_clear(&reply);
    assert_true(atomic_load(&world.warnings) > 0);
    assert_true(atomic_load(&world.warnings) < 100); /* limited: there were more than that */
    assert_int_equal(atomic_load(&world.errors), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_requests),
        cmocka_unit_test(test_wrong_documents),
        cmocka_unit_test(test_every_wrong_field_is_listed),
        cmocka_unit_test(test_what_the_daemon_refuses_is_422),
        cmocka_unit_test(test_hosts_and_origins_on_loopback),
        cmocka_unit_test(test_bodies_of_other_types),
        cmocka_unit_test(test_absurd_sizes),
        cmocka_unit_test(test_a_truncated_body_is_no_job),
        cmocka_unit_test(test_405_names_the_methods),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
