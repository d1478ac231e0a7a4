/* pool.c: a daemon without HTTP for tests; see pool.h. */
#include "pool.h"

#include "tests/unit/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/origin.h"
#include "spec/metrics.h"
#include "spec/resolve.h"
#include "storage/artifacts.h"

enum { SIDE = 6, CLASSES = 4, TRAIN = 240, TEST = 80 };

/* ---- the data set ---- */

static void put_number(FILE *file, uint32_t number)
{
    for (int shift = 24; shift >= 0; shift -= 8) (void)fputc((int)(number >> shift & 255), file);
}

static FILE *create(const struct pool *pool, const char *name)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/tiny/%s", pool->data, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    return file;
}

/* A class is a bright stripe of its own, in noise that no net of this size learns by heart at once.
 */
static void write_split(const struct pool *pool, const char *prefix, uint32_t count, uint32_t seed)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s-images-idx3-ubyte", prefix);
    FILE *images = create(pool, name);
    (void)snprintf(name, sizeof name, "%s-labels-idx1-ubyte", prefix);
    FILE *labels = create(pool, name);
    put_number(images, 0x803);
    put_number(images, count);
    put_number(images, SIDE);
    put_number(images, SIDE);
    put_number(labels, 0x801);
    put_number(labels, count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t label = i % CLASSES;
        (void)fputc((int)label, labels);
        for (uint32_t p = 0; p < SIDE * SIDE; p++) {
            seed = seed * 1664525u + 1013904223u;
            (void)fputc((int)(p / SIDE == label ? 100 + (seed >> 25) : seed >> 24), images);
        }
    }
    assert_int_equal(fclose(images), 0);
    assert_int_equal(fclose(labels), 0);
}

void pool_make(struct pool *pool)
{
    *pool = (struct pool){0};
    (void)snprintf(pool->folder, sizeof pool->folder, "/tmp/imld-pool-XXXXXX");
    assert_non_null(mkdtemp(pool->folder));
    (void)snprintf(pool->state, sizeof pool->state, "%s/state", pool->folder);
    (void)snprintf(pool->data, sizeof pool->data, "%s/data", pool->folder);
    char tiny[160];
    (void)snprintf(tiny, sizeof tiny, "%s/tiny", pool->data);
    assert_int_equal(mkdir(pool->data, 0700), 0);
    assert_int_equal(mkdir(tiny, 0700), 0);
    write_split(pool, "train", TRAIN, 1);
    write_split(pool, "t10k", TEST, 2);
    pool->roots[0] = pool->data;
}

void pool_remove(struct pool *pool)
{
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf %s", pool->folder);
    assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a folder that this test made */
}

/* ---- start and end ---- */

static void on_commit(void *context, int64_t job)
{
    struct pool *pool = context;
    (void)job;
    (void)pthread_mutex_lock(&pool->mutex);
    pool->changes++;
    (void)pthread_cond_broadcast(&pool->changed);
    (void)pthread_mutex_unlock(&pool->mutex);
}

static void on_pool_change(void *context)
{
    const struct pool *pool = context;
    imld_dispatch_wake(pool->dispatch);
}

static void open_storage(struct pool *pool)
{
    struct iml_error error = {0};
    const struct imld_storage_options options = {.folder = pool->state, .program = "imld test"};
    if (imld_storage_open(&options, &pool->storage, &error) != IML_OK)
        fail_msg("%s: %s", error.where, error.what);
    imld_storage_listen(pool->storage, on_commit, pool);
    struct imld_jobs_recover recover = {0};
    imld_jobs_recover_prepare(&recover);
    assert_int_equal(imld_storage_run(pool->storage, &recover.write), IML_OK);
}

void pool_open(struct pool *pool)
{
    imld_log_open(&pool->log, IMLD_LOG_ERROR, NULL);
    (void)pthread_mutex_init(&pool->mutex, NULL);
    (void)pthread_cond_init(&pool->changed, NULL);
    imld_paces_init(&pool->paces);
    open_storage(pool);
    const struct imld_queue_limits limits = {
        .threads = 2, .memory_bytes = INT64_C(1) << 30, .passing_seconds = 600};
    assert_int_equal(imld_dispatch_open(&limits, &pool->dispatch, NULL), IML_OK);
    const struct imld_workers_options workers = {
        .storage = pool->storage,
        .log = &pool->log,
        .program = "imld test",
        .roots = {.paths = pool->roots, .count = 1},
        .paces = &pool->paces,
        .storage_retry_ms = 20,
        .changed = on_pool_change,
        .context = pool,
    };
    assert_int_equal(imld_workers_open(&workers, &pool->workers, NULL), IML_OK);
    const struct imld_dispatch_options dispatch = {
        .storage = pool->storage, .workers = pool->workers, .log = &pool->log};
    assert_int_equal(imld_dispatch_start(pool->dispatch, &dispatch, NULL), IML_OK);
}

void pool_close(struct pool *pool)
{
    assert_true(imld_dispatch_stop(pool->dispatch, 40));
    assert_int_equal(imld_workers_shutdown(pool->workers, 20, 40), 0);
    imld_workers_close(pool->workers);
    imld_dispatch_close(pool->dispatch);
    imld_storage_close(pool->storage);
    imld_paces_clear(&pool->paces);
    (void)pthread_cond_destroy(&pool->changed);
    (void)pthread_mutex_destroy(&pool->mutex);
}

/* ---- jobs ---- */

static bool tiny_view(void *context, const char *name, struct imld_set_view *view, char why[512])
{
    (void)context;
    (void)why;
    *view = (struct imld_set_view){TRAIN, TEST, CLASSES, 1, SIDE, SIDE, {0}};
    return strcmp(name, "tiny") == 0;
}

static json_t *resolve(struct pool *pool, const char *spec)
{
    char *text = strdup(spec);
    for (char *c = text; *c; c++) *c = (char)(*c == '\'' ? '"' : *c);
    json_error_t where;
    json_t *document = json_loads(text, 0, &where);
    if (!document) fail_msg("%s", where.text);
    const struct imld_resolve_context context = {.set_view = tiny_view,
                                                 .origin_view = imld_origin_find,
                                                 .origin_context = pool->storage,
                                                 .threads_limit = 2};
    struct imld_problems problems = {0};
    json_t *resolved = imld_spec_resolve(document, &context, &problems);
    if (!resolved) fail_msg("%s: %s", problems.items[0].pointer, problems.items[0].detail);
    imld_problems_clear(&problems);
    json_decref(document);
    free(text);
    return resolved;
}

static const char *text_at(const json_t *spec, const char *pointer)
{
    return json_string_value(imld_json_at(spec, pointer));
}

int64_t pool_submit(struct pool *pool, const char *spec)
{
    json_t *resolved = resolve(pool, spec);
    char *text = json_dumps(resolved, JSON_COMPACT);
    char *rules = json_dumps(json_object_get(resolved, "early_stopping"), JSON_COMPACT);
    const char *best = json_string_value(imld_json_at(resolved, "/checkpoint/best"));
    struct imld_job_create create = {
        .owner = "ada",
        .name = "",
        .note = "",
        .tags = "[]",
        .spec = text,
        .early_stopping = rules,
        .best_metric = best,
        .best_is_higher = imld_metric_find(best)->better == IMLD_BETTER_HIGHER,
        .threads = json_integer_value(imld_json_at(resolved, "/resources/threads")),
        .memory_bytes = 1 << 20,
        .origin_checkpoint = text_at(resolved, "/from/checkpoint"),
        .origin_sha256 = text_at(resolved, "/from/sha256"),
    };
    const char *source = text_at(resolved, "/from/job");
    assert_true(!source || imld_job_number(source, &create.origin_job));
    imld_job_create_prepare(&create);
    if (imld_storage_run(pool->storage, &create.write) != IML_OK)
        fail_msg("%s", create.write.error.what);
    free(text);
    free(rules);
    json_decref(resolved);
    imld_dispatch_wake(pool->dispatch);
    return create.number;
}

void pool_verb(struct pool *pool, int64_t job, enum imld_verb verb)
{
    struct imld_job_verb request = {.number = job, .verb = verb, .actor = "ada"};
    imld_job_verb_prepare(&request);
    if (imld_storage_run(pool->storage, &request.write) != IML_OK)
        fail_msg("%s", request.write.error.what);
    imld_workers_notify(pool->workers, job);
    imld_dispatch_wake(pool->dispatch);
}

static struct imld_reader *take_reader(struct pool *pool)
{
    struct iml_error error = {0};
    struct imld_reader *reader = imld_reader_take(pool->storage, &error);
    if (!reader) fail_msg("%s", error.what);
    return reader;
}

struct imld_job pool_job(struct pool *pool, int64_t number)
{
    struct imld_job job = {0};
    struct iml_error error = {0};
    struct imld_reader *reader = take_reader(pool);
    if (imld_job_get(reader, number, &job, &error) != IML_OK) fail_msg("%s", error.what);
    imld_reader_give(reader);
    return job;
}

void pool_wait(struct pool *pool, int64_t number, bool (*holds)(const struct imld_job *job))
{
    for (;;) {
        (void)pthread_mutex_lock(&pool->mutex);
        const unsigned long seen = pool->changes;
        (void)pthread_mutex_unlock(&pool->mutex);
        struct imld_job job = pool_job(pool, number);
        const bool is_done = holds(&job);
        const bool is_stuck = !is_done && imld_state_has_ended(job.state);
        imld_job_clear(&job);
        if (is_done) return;
        if (is_stuck) fail_msg("job %jd has ended without it", (intmax_t)number);
        (void)pthread_mutex_lock(&pool->mutex);
        while (pool->changes == seen) (void)pthread_cond_wait(&pool->changed, &pool->mutex);
        (void)pthread_mutex_unlock(&pool->mutex);
    }
}

bool job_has_ended(const struct imld_job *job)
{
    return imld_state_has_ended(job->state);
}

bool job_is_running(const struct imld_job *job)
{
    return job->state == IMLD_RUNNING;
}

bool job_is_paused(const struct imld_job *job)
{
    return job->state == IMLD_PAUSED;
}

bool job_has_checkpoint(const struct imld_job *job)
{
    return job->has_checkpoint;
}

bool job_is_queued(const struct imld_job *job)
{
    return job->state == IMLD_QUEUED;
}

/* ---- what was recorded ---- */

struct counting {
    const char *kind;
    size_t count;
};

static bool count_event(void *context, const struct imld_event *event)
{
    struct counting *counting = context;
    counting->count += strcmp(event->kind, counting->kind) == 0;
    return true;
}

size_t pool_events(struct pool *pool, int64_t job, const char *kind)
{
    struct counting counting = {.kind = kind};
    struct imld_reader *reader = take_reader(pool);
    assert_int_equal(imld_events_list(reader, job, 0, 100000, count_event, &counting, NULL),
                     IML_OK);
    imld_reader_give(reader);
    return counting.count;
}

struct points {
    struct imld_point *points;
    size_t count, capacity;
};

static bool take_point(void *context, const struct imld_point *point)
{
    struct points *points = context;
    assert_true(points->count < points->capacity);
    points->points[points->count++] = *point;
    return true;
}

size_t pool_points(struct pool *pool, int64_t job, const char *metric, struct imld_point *points,
                   size_t capacity)
{
    struct points all = {.points = points, .capacity = capacity};
    struct imld_reader *reader = take_reader(pool);
    const struct imld_point_range range = {
        .job = job, .metric = metric, .to = INT64_MAX, .limit = capacity + 1};
    assert_int_equal(imld_points_read(reader, &range, take_point, &all, NULL), IML_OK);
    imld_reader_give(reader);
    return all.count;
}

static void check_same_tensors(struct pool *pool, int64_t a, int64_t b, const char *name)
{
    struct imld_checkpoint_content one = {0};
    struct imld_checkpoint_content two = {0};
    struct imld_reader *reader = take_reader(pool);
    struct iml_error error = {0};
    enum iml_code code = imld_checkpoint_read(reader, a, name, &one, &error);
    if (code == IML_OK) code = imld_checkpoint_read(reader, b, name, &two, &error);
    imld_reader_give(reader); /* before anything fails: storage waits for it at its end */
    if (code != IML_OK) fail_msg("%s: %s", error.where, error.what);
    assert_int_equal(one.tensor_count, two.tensor_count);
    for (size_t i = 0; i < one.tensor_count; i++) {
        assert_string_equal(one.tensors[i].name, two.tensors[i].name);
        assert_int_equal(one.tensors[i].bytes, two.tensors[i].bytes);
        assert_memory_equal(one.tensors[i].data, two.tensors[i].data, one.tensors[i].bytes);
    }
    imld_checkpoint_content_clear(&one);
    imld_checkpoint_content_clear(&two);
}

struct artifacts {
    struct imld_artifact_facts facts[1024];
    size_t count;
};

static bool take_artifact(void *context, const struct imld_artifact_facts *facts)
{
    struct artifacts *artifacts = context;
    assert_true(artifacts->count < sizeof artifacts->facts / sizeof artifacts->facts[0]);
    artifacts->facts[artifacts->count++] = *facts;
    return true;
}

static void list_artifacts(struct imld_reader *reader, int64_t job, struct artifacts *artifacts)
{
    const struct imld_artifact_range range = {.job = job, .after_name = "", .limit = SIZE_MAX / 2};
    artifacts->count = 0;
    assert_int_equal(imld_artifacts_list(reader, &range, take_artifact, artifacts, NULL), IML_OK);
}

static char *read_artifact(struct imld_reader *reader, int64_t job,
                           const struct imld_artifact_facts *facts)
{
    struct imld_artifact_facts found;
    char *document = NULL;
    assert_int_equal(
        imld_artifact_read(reader, job, facts->name, facts->step, &found, &document, NULL), IML_OK);
    return document;
}

static void check_same_artifacts(struct pool *pool, int64_t a, int64_t b)
{
    static struct artifacts one, two;
    struct imld_reader *reader = take_reader(pool);
    list_artifacts(reader, a, &one);
    list_artifacts(reader, b, &two);
    assert_int_equal(one.count, two.count);
    for (size_t i = 0; i < one.count; i++) {
        assert_string_equal(one.facts[i].name, two.facts[i].name);
        assert_int_equal(one.facts[i].step, two.facts[i].step);
        char *document = read_artifact(reader, a, &one.facts[i]);
        char *other = read_artifact(reader, b, &two.facts[i]);
        assert_string_equal(document, other);
        free(document);
        free(other);
    }
    imld_reader_give(reader);
}

void pool_check_same(struct pool *pool, int64_t a, int64_t b)
{
    enum { CAPACITY = 4096 };
    static struct imld_point one[CAPACITY];
    static struct imld_point two[CAPACITY];
    check_same_tensors(pool, a, b, "best");
    check_same_tensors(pool, a, b, "last");
    check_same_artifacts(pool, a, b);
    for (size_t i = 0; i < imld_metric_count; i++) {
        if (!imld_metrics[i].is_deterministic) continue;
        const size_t count = pool_points(pool, a, imld_metrics[i].name, one, CAPACITY);
        assert_int_equal(pool_points(pool, b, imld_metrics[i].name, two, CAPACITY), count);
        for (size_t j = 0; j < count; j++) {
            assert_true(one[j].step == two[j].step);
            assert_memory_equal(&one[j].value, &two[j].value, sizeof one[j].value);
        }
    }
}

int pool_set_up(void **state)
{
    static struct pool pool;
    pool_make(&pool);
    pool_open(&pool);
    *state = &pool;
    return 0;
}

int pool_tear_down(void **state)
{
    pool_close(*state);
    pool_remove(*state);
    return 0;
}
