/* world.c: see world.h. */
#include "world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/check.h"

const char small_job[] = "{\"name\":\"small\",\"algorithm\":\"supervised\","
                         "\"data\":{\"set\":\"tiny\"},\"tags\":[\"paper\"]}";

/* ---- the daemon's part ---- */

static bool set_view(void *context, const char *name, struct imld_set_view *view, char why[512])
{
    (void)context;
    if (strcmp(name, "tiny") == 0) {
        *view = (struct imld_set_view){1000, 200, 10, 1, 28, 28, {0}};
        return true;
    }
    (void)snprintf(why, 512, "there is no data set %s", name);
    return false;
}

static bool plan(void *context, const json_t *spec, json_t **memory, struct imld_problems *problems)
{
    struct world *world = context;
    (void)spec;
    if (world->during_plan) world->during_plan(world);
    if (atomic_load(&world->plan_refuses)) {
        imld_problems_add(problems, "/resources", "needs more memory than there is");
        return false;
    }
    *memory = json_pack("{s:i, s:{s:i}}", "total_bytes", 4096, "parts", "parameters", 4096);
    return *memory != NULL;
}

static double seconds_per_step(void *context, const json_t *spec, uint64_t *steps)
{
    (void)context;
    (void)spec;
    *steps = 0;
    return nan("");
}

static void wake(void *context)
{
    struct world *world = context;
    (void)atomic_fetch_add(&world->wakes, 1);
}

static void notify(void *context, int64_t job)
{
    struct world *world = context;
    (void)job;
    (void)atomic_fetch_add(&world->notices, 1);
}

static void live(void *context, int64_t job, struct imld_live *facts)
{
    (void)context;
    (void)job;
    *facts = (struct imld_live){.is_running = true, .step = 7, .steps_of = 70, .eta_seconds = 12.5};
}

static json_t *waiting(void *context, int64_t job)
{
    (void)context;
    (void)job;
    return json_pack("{s:s, s:i, s:i, s:i}", "rule", "threads", "asked", 1, "free", 0, "limit", 2);
}

static json_t *datasets(void *context)
{
    (void)context;
    return json_pack("{s:[{s:s, s:s}]}", "datasets", "name", "tiny", "form", "idx");
}

static json_t *server(void *context)
{
    (void)context;
    return json_pack("{s:s, s:{s:i, s:i}}", "program", "imld test", "threads", "limit", 2, "used",
                     0);
}

static bool is_ready(void *context, char why[256])
{
    struct world *world = context;
    (void)snprintf(why, 256, "draining");
    return atomic_load(&world->is_ready);
}

static void log_line(void *context, const char *level, const char *line)
{
    struct world *world = context;
    if (strcmp(level, "warn") == 0) (void)atomic_fetch_add(&world->warnings, 1);
    if (strcmp(level, "error") == 0) (void)atomic_fetch_add(&world->errors, 1);
    if (getenv("IMLD_TEST_LOG")) print_message("%s %s\n", level, line);
}

/* ---- sockets ---- */

static int listen_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 64), 0);
    return fd;
}

static int listen_tcp(unsigned short *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* ---- open and close ---- */

static void start_api(struct world *world, const struct imld_api_limits *limits)
{
    struct iml_error error = {0};
    struct imld_api_options options = {.listener_count = 2,
                                       .storage = world->storage,
                                       .control = &world->control,
                                       .log = log_line,
                                       .log_context = world};
    if (limits) options.limits = *limits;
    options.listeners[0] =
        (struct imld_listener){.kind = IMLD_LISTEN_UNIX, .fd = listen_unix(world->socket)};
    options.listeners[1] =
        (struct imld_listener){.kind = IMLD_LISTEN_DEV, .fd = listen_tcp(&world->port)};
    (void)strcpy(options.listeners[0].address, "unix");
    (void)strcpy(options.listeners[1].address, "tcp");
    if (imld_api_start(&options, &world->api, &error) != IML_OK) print_error("%s\n", error.what);
    assert_non_null(world->api);
}

void world_open(struct world *world, const struct imld_api_limits *limits)
{
    struct iml_error error = {0};
    memset(world, 0, sizeof *world);
    (void)strcpy(world->folder, "/tmp/imld-api-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    (void)snprintf(world->socket, sizeof world->socket, "%s/sock", world->folder);
    atomic_init(&world->is_ready, true);
    world->resolve = (struct imld_resolve_context){.set_view = set_view, .threads_limit = 2};
    world->control = (struct imld_control){.context = world,
                                           .resolve = &world->resolve,
                                           .plan = plan,
                                           .seconds_per_step = seconds_per_step,
                                           .wake = wake,
                                           .notify = notify,
                                           .live = live,
                                           .waiting = waiting,
                                           .datasets = datasets,
                                           .server = server,
                                           .is_ready = is_ready};
    const struct imld_storage_options options = {.folder = world->folder, .program = "imld test"};
    assert_int_equal(pthread_barrier_init(&world->barrier, NULL, 2), 0);
    if (imld_storage_open(&options, &world->storage, &error) != IML_OK)
        print_error("%s\n", error.what);
    assert_non_null(world->storage);
    start_api(world, limits);
}

void world_stop_api(struct world *world, unsigned seconds)
{
    imld_api_stop(world->api, seconds);
    world->api = NULL;
}

void world_close(struct world *world)
{
    char command[128];
    world_stop_api(world, 5);
    imld_storage_close(world->storage);
    (void)pthread_barrier_destroy(&world->barrier); /* its other user has been joined */
    (void)snprintf(command, sizeof command, "rm -rf %s", world->folder);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder of our own making */
}

/* ---- requests ---- */

void ask(struct world *world, const char *method, const char *path, const char *headers,
         const char *body, struct reply *reply)
{
    const int fd = client_unix(world->socket);
    char head[4096];
    (void)snprintf(head, sizeof head, "%s %s HTTP/1.1\r\nHost: localhost\r\n%s", method, path,
                   headers ? headers : "");
    client_say(fd, head);
    if (body) {
        (void)snprintf(head, sizeof head,
                       "Content-Type: application/json\r\nContent-Length: %zu\r\n", strlen(body));
        client_say(fd, head);
    }
    client_say(fd, "\r\n");
    if (body) client_say(fd, body);
    client_read(fd, reply, strcmp(method, "HEAD") != 0);
    (void)close(fd);
}

json_t *ask_json(struct world *world, const char *method, const char *path, const char *headers,
                 const char *body, unsigned status)
{
    struct reply reply;
    ask(world, method, path, headers, body, &reply);
    if (reply.status != status)
        print_error("%s %s: %u instead of %u: %s\n", method, path, reply.status, status,
                    reply.body);
    assert_int_equal(reply.status, status);
    json_t *json = status == 204 || status == 304 ? NULL : reply_json(&reply);
    reply_clear(&reply);
    return json;
}

int64_t make_job(struct world *world, const char *body)
{
    json_t *job = ask_json(world, "POST", "/v1/jobs", NULL, body, 201);
    int64_t number = 0;
    assert_true(imld_job_number(json_string_value(json_object_get(job, "id")), &number));
    json_decref(job);
    return number;
}

static ptrdiff_t choose_first(void *context, const struct imld_candidate *queued, size_t count)
{
    (void)context;
    (void)queued;
    return count > 0 ? 0 : -1;
}

int64_t claim_job(struct world *world)
{
    struct imld_job_claim claim = {.choose = choose_first};
    imld_job_claim_prepare(&claim);
    assert_int_equal(imld_storage_run(world->storage, &claim.write), IML_OK);
    return claim.number;
}

void end_job(struct world *world, int64_t number, enum imld_verb verb)
{
    struct imld_job_end end = {.number = number, .verb = verb};
    imld_job_end_prepare(&end);
    assert_int_equal(imld_storage_run(world->storage, &end.write), IML_OK);
}

static void held(struct imld_write *write)
{
    struct world *world = write->context;
    (void)pthread_barrier_wait(&world->barrier);
    (void)pthread_barrier_wait(&world->barrier);
}

void hold_writer(struct world *world)
{
    world->held = (struct imld_job_event){.kind = "test", .actor = "test"};
    imld_job_event_prepare(&world->held);
    world->held.write.done = held;
    world->held.write.context = world;
    assert_int_equal(imld_storage_submit(world->storage, &world->held.write), IML_OK);
    (void)pthread_barrier_wait(&world->barrier);
}

void let_writer_go(struct world *world)
{
    (void)pthread_barrier_wait(&world->barrier);
}

int say_job(const struct world *world, const char *query)
{
    const int fd = client_unix(world->socket);
    char head[512];
    (void)snprintf(
        head, sizeof head,
        "POST /v1/jobs%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Content-Length: %zu\r\n\r\n%s",
        query, strlen(small_job), small_job);
    client_say(fd, head);
    return fd;
}

void await_write(const struct world *world)
{
    struct imld_storage_facts facts = {0};
    while (facts.queue_length == 0) imld_storage_describe(world->storage, &facts);
}

void check_serves(struct world *world)
{
    json_decref(ask_json(world, "GET", "/healthz", NULL, NULL, 200));
}
