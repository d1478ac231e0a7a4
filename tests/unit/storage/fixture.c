/* fixture.c: see fixture.h. */
#include "fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "storage/artifacts.h"

#define FIRST_MS 1700000000000
int64_t fixture_now_ms = FIRST_MS;

static int64_t now_ms(void)
{
    return fixture_now_ms;
}

void fixture_make(struct fixture *self)
{
    *self = (struct fixture){.storage = NULL};
    (void)snprintf(self->folder, sizeof self->folder, "storage-test-XXXXXX");
    assert_non_null(mkdtemp(self->folder));
}

void fixture_make_in_memory(struct fixture *self)
{
    *self = (struct fixture){.storage = NULL};
    (void)snprintf(self->folder, sizeof self->folder, "/dev/shm/imld-test-XXXXXX");
    if (!mkdtemp(self->folder)) fixture_make(self);
}

enum iml_code fixture_try_open(struct fixture *self, struct iml_error *error)
{
    const struct imld_storage_options options = {
        .folder = self->folder, .program = "imld test", .now_ms = now_ms};
    return imld_storage_open(&options, &self->storage, error);
}

void fixture_open(struct fixture *self)
{
    struct iml_error error = {0};
    if (fixture_try_open(self, &error) != IML_OK)
        fail_msg("open: %s (%s)", error.what, error.where);
}

void fixture_close(struct fixture *self)
{
    imld_storage_close(self->storage);
    self->storage = NULL;
}

static void remove_tree(const char *path)
{
    DIR *folder = opendir(path);
    if (folder) {
        for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
            char inner[2 * PATH_MAX];
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
            (void)snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
            remove_tree(inner);
        }
        (void)closedir(folder);
    }
    (void)remove(path);
}

void fixture_remove(struct fixture *self)
{
    fixture_close(self);
    remove_tree(self->folder);
}

struct fixture fixture;

int fixture_setup(void **state)
{
    (void)state;
    fixture_now_ms = FIRST_MS;
    fixture_make(&fixture);
    fixture_open(&fixture);
    return 0;
}

int fixture_teardown(void **state)
{
    (void)state;
    fixture_remove(&fixture);
    return 0;
}

void fixture_path(const struct fixture *self, const char *name, char path[PATH_MAX])
{
    const size_t length = strlen(self->folder);
    assert_true(length + strlen(name) + 2 <= PATH_MAX);
    memcpy(path, self->folder, length);
    path[length] = '/';
    memcpy(path + length + 1, name, strlen(name) + 1);
}

size_t fixture_count_files(const char *path)
{
    size_t count = 0;
    DIR *folder = opendir(path);
    if (!folder) return 0;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    (void)closedir(folder);
    return count;
}

enum iml_code run_create(struct fixture *self, const char *name, int64_t priority, int64_t *number)
{
    struct imld_job_create request = {.owner = "ann",
                                      .name = name,
                                      .note = "",
                                      .tags = "[\"paper\"]",
                                      .spec = "{\"algorithm\":\"iml\",\"seed\":1}",
                                      .early_stopping = "[]",
                                      .best_metric = "validation/accuracy",
                                      .best_is_higher = true,
                                      .priority = priority,
                                      .threads = 1,
                                      .memory_bytes = 1000};
    imld_job_create_prepare(&request);
    const enum iml_code code = imld_storage_run(self->storage, &request.write);
    if (number) *number = request.number;
    return code;
}

static ptrdiff_t choose_first(void *context, const struct imld_candidate *queued, size_t count)
{
    (void)context;
    (void)queued;
    return count > 0 ? 0 : -1;
}

enum iml_code run_claim(struct fixture *self, int64_t *number, bool *from_checkpoint)
{
    struct imld_job_claim request = {.choose = choose_first};
    imld_job_claim_prepare(&request);
    const enum iml_code code = imld_storage_run(self->storage, &request.write);
    *number = request.number;
    if (from_checkpoint) *from_checkpoint = request.from_checkpoint;
    return code;
}

enum iml_code run_verb(struct fixture *self, int64_t number, enum imld_verb verb,
                       struct imld_job_verb *answer)
{
    struct imld_job_verb request = {.number = number, .verb = verb, .actor = "ann"};
    imld_job_verb_prepare(&request);
    const enum iml_code code = imld_storage_run(self->storage, &request.write);
    if (answer) *answer = request;
    return code;
}

enum iml_code run_end(struct fixture *self, int64_t number, enum imld_verb verb)
{
    struct imld_job_end request = {
        .number = number, .verb = verb, .reason = "{\"kind\":\"finished\"}"};
    imld_job_end_prepare(&request);
    return imld_storage_run(self->storage, &request.write);
}

/* Each row comes with an artifact of its step. */
static struct imld_artifact_row lens_of(int64_t step)
{
    return (struct imld_artifact_row){.name = "lens", .step = step, .document = "{}", .bytes = 2};
}

enum iml_code run_rows(struct fixture *self, int64_t job, int64_t step, float value)
{
    const struct imld_point_row rows[] = {{"train/loss", step, value},
                                          {"validation/accuracy", step, value / 2}};
    const struct imld_artifact_row artifact = lens_of(step);
    struct imld_rows_write request = {.job = job,
                                      .rows = rows,
                                      .count = 2,
                                      .artifacts = &artifact,
                                      .artifact_count = 1,
                                      .step = step,
                                      .steps_of = 100,
                                      .running_seconds = 1};
    imld_rows_write_prepare(&request);
    return imld_storage_run(self->storage, &request.write);
}

enum iml_code run_checkpoint(struct fixture *self, int64_t job, const char *name, int64_t step,
                             size_t keep)
{
    const float weights[6] = {1, 2, 3, 4, 5, (float)step};
    const uint64_t position = (uint64_t)step;
    const struct imld_tensor tensors[] = {
        {.name = "parameters/0.weight",
         .dtype = "F32",
         .rank = 2,
         .shape = {2, 3},
         .data = weights,
         .bytes = sizeof weights},
        {.name = "state/step", .dtype = "U64", .data = &position, .bytes = sizeof position}};
    const struct imld_metadata metadata[] = {{"program", "imld test"}};
    struct imld_checkpoint_file file = {.step = step,
                                        .tensors = tensors,
                                        .tensor_count = 2,
                                        .metadata = metadata,
                                        .metadata_count = 1};
    (void)snprintf(file.name, sizeof file.name, "%s", name);
    const struct imld_point_row rows[] = {{"train/loss", step, 0.5f}};
    const struct imld_artifact_row artifact = lens_of(step);
    const struct imld_rows_write write = {.job = job,
                                          .rows = rows,
                                          .count = 1,
                                          .artifacts = &artifact,
                                          .artifact_count = 1,
                                          .step = step,
                                          .steps_of = 100,
                                          .running_seconds = 2};
    struct iml_error error = {0};
    return imld_checkpoint_write(self->storage, job, &file, 1, keep, &write, &error);
}

enum iml_code run_recover(struct fixture *self, int64_t *requeued, int64_t *failed)
{
    struct imld_jobs_recover request = {.requeued = 0};
    imld_jobs_recover_prepare(&request);
    const enum iml_code code = imld_storage_run(self->storage, &request.write);
    if (requeued) *requeued = request.requeued;
    if (failed) *failed = request.failed;
    return code;
}

int64_t make_running(struct fixture *self)
{
    int64_t created = 0;
    int64_t claimed = 0;
    assert_int_equal(run_create(self, "job", 0, &created), IML_OK);
    assert_int_equal(run_claim(self, &claimed, NULL), IML_OK);
    assert_int_equal(claimed, created);
    return claimed;
}

void get_job(struct fixture *self, int64_t number, struct imld_job *job)
{
    struct iml_error error = {0};
    struct imld_reader *reader = imld_reader_take(self->storage, &error);
    assert_non_null(reader);
    const enum iml_code code = imld_job_get(reader, number, job, &error);
    imld_reader_give(reader);
    assert_int_equal(code, IML_OK);
}

enum imld_state state_of(struct fixture *self, int64_t number)
{
    struct imld_job job;
    get_job(self, number, &job);
    const enum imld_state state = job.state;
    imld_job_clear(&job);
    return state;
}

struct event_count {
    const char *kind;
    size_t count;
};

static bool count_event(void *context, const struct imld_event *event)
{
    struct event_count *counted = context;
    counted->count += strcmp(event->kind, counted->kind) == 0;
    return true;
}

size_t count_events(struct fixture *self, int64_t job, const char *kind)
{
    struct iml_error error = {0};
    struct event_count counted = {.kind = kind};
    struct imld_reader *reader = imld_reader_take(self->storage, &error);
    assert_non_null(reader);
    const enum iml_code code =
        imld_events_list(reader, job, 0, 1000000, count_event, &counted, &error);
    imld_reader_give(reader);
    assert_int_equal(code, IML_OK);
    return counted.count;
}
