/* life.c: see life.h. */
#include "life.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "storage/artifacts.h"

/* The steps of a job's life: each is tried, and changes the world if it is acknowledged. */
static enum iml_code do_create(struct fixture *self, struct world *world)
{
    const enum iml_code code = run_create(self, "job", 0, &world->job);
    if (code != IML_OK) world->job = 0;
    world->state = IMLD_QUEUED;
    return code;
}

static enum iml_code do_claim(struct fixture *self, struct world *world)
{
    int64_t claimed = 0;
    const enum iml_code code = run_claim(self, &claimed, NULL);
    if (code == IML_OK) assert_int_equal(claimed, world->job);
    if (code == IML_OK) world->state = IMLD_RUNNING;
    return code;
}

static enum iml_code do_rows(struct fixture *self, struct world *world)
{
    const enum iml_code code = run_rows(self, world->job, world->step + 1, 1);
    if (code == IML_OK) world->step++;
    if (code == IML_OK) world->rows++;
    return code;
}

static enum iml_code checkpoint(struct fixture *self, struct world *world, const char *name,
                                size_t growth)
{
    const enum iml_code code = run_checkpoint(self, world->job, name, world->step + 1, 1);
    if (code != IML_OK) return code;
    world->step++;
    world->rows++;
    world->checkpoints += growth;
    return code;
}

static enum iml_code do_first_checkpoint(struct fixture *self, struct world *world)
{
    return checkpoint(self, world, "step-2", 1);
}

static enum iml_code do_second_checkpoint(struct fixture *self, struct world *world)
{
    return checkpoint(self, world, "step-3", 0); /* the first is pruned */
}

static enum iml_code do_best(struct fixture *self, struct world *world)
{
    return checkpoint(self, world, "best", 1);
}

static enum iml_code do_end(struct fixture *self, struct world *world)
{
    const enum iml_code code = run_end(self, world->job, IMLD_VERB_FINISH);
    if (code == IML_OK) world->state = IMLD_COMPLETED;
    return code;
}

typedef enum iml_code step_function(struct fixture *self, struct world *world);
static step_function *const life[] = {
    do_create, do_claim, do_rows, do_first_checkpoint, do_second_checkpoint, do_best, do_end};
_Static_assert(sizeof life / sizeof life[0] == LIFE, "steps");

static bool count_job(void *context, const struct imld_job *job)
{
    (void)job;
    ++*(size_t *)context;
    return true;
}

static bool count_point(void *context, const struct imld_point *point)
{
    (void)point;
    ++*(size_t *)context;
    return true;
}

static bool count_artifact(void *context, const struct imld_artifact_facts *facts)
{
    (void)facts;
    ++*(size_t *)context;
    return true;
}

static bool list_name(void *context, const struct imld_checkpoint *checkpoint)
{
    char(*names)[IMLD_CHECKPOINT_NAME_MAX] = context;
    while (**names) names++;
    memcpy(*names, checkpoint->name, sizeof *names);
    return true;
}

/* All checkpoints that rows name can be read, and are as many. */
static bool shows_files(const struct world *world, struct imld_reader *reader)
{
    struct iml_error error = {0};
    char names[8][IMLD_CHECKPOINT_NAME_MAX] = {""};
    size_t count = 0;
    if (imld_checkpoints_list(reader, world->job, list_name, names, &error) != IML_OK) return false;
    for (; names[count][0]; count++) {
        struct imld_checkpoint_content content;
        if (imld_checkpoint_read(reader, world->job, names[count], &content, &error) != IML_OK)
            return false;
        imld_checkpoint_content_clear(&content);
    }
    return count == world->checkpoints;
}

static bool shows_job(const struct world *world, struct imld_reader *reader)
{
    struct iml_error error = {0};
    struct imld_job job;
    size_t rows = 0;
    size_t artifacts = 0;
    const struct imld_artifact_range all = {.job = world->job, .after_name = "", .limit = 100};
    const struct imld_point_range range = {
        .job = world->job, .metric = "train/loss", .to = INT64_MAX, .limit = 100};
    if (imld_job_get(reader, world->job, &job, &error) != IML_OK) return false;
    const bool is_same = job.state == world->state && job.step == world->step;
    imld_job_clear(&job);
    return is_same && imld_points_read(reader, &range, count_point, &rows, &error) == IML_OK &&
           rows == world->rows &&
           imld_artifacts_list(reader, &all, count_artifact, &artifacts, &error) == IML_OK &&
           artifacts == world->rows && shows_files(world, reader);
}

bool shows_world(struct fixture *self, const struct world *world)
{
    struct iml_error error = {0};
    size_t jobs = 0;
    struct imld_reader *reader = imld_reader_take(self->storage, &error);
    assert_non_null(reader);
    const struct imld_job_filter all = {.limit = 100};
    bool is_shown = imld_jobs_list(reader, &all, count_job, &jobs, &error) == IML_OK &&
                    jobs == (world->job != 0);
    if (is_shown && world->job != 0) is_shown = shows_job(world, reader);
    imld_reader_give(reader);
    return is_shown;
}

static void check_integrity(const struct fixture *self)
{
    char path[PATH_MAX];
    sqlite3 *handle = NULL;
    sqlite3_stmt *statement = NULL;
    fixture_path(self, "imld.db", path);
    assert_int_equal(sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(handle, "PRAGMA integrity_check", -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0), "ok");
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_close(handle), SQLITE_OK);
}

void check_closed(const struct fixture *self, const struct world *world)
{
    char path[PATH_MAX];
    char id[IMLD_JOB_ID_MAX];
    char name[64];
    check_integrity(self);
    imld_job_id(world->job, id);
    (void)snprintf(name, sizeof name, "checkpoints/%s", id);
    fixture_path(self, name, path);
    assert_int_equal(fixture_count_files(path), world->checkpoints);
}

enum iml_code live_one(struct fixture *self, struct world *world, size_t step)
{
    return life[step](self, world);
}

enum iml_code live(struct fixture *self, struct world *world, size_t *at)
{
    for (; *at < LIFE; ++*at) {
        const enum iml_code code = live_one(self, world, *at);
        if (code != IML_OK) return code;
    }
    return IML_OK;
}
