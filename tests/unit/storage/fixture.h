/* fixture.h: a state folder of a test's own, with a clock that the test owns, and one call for each
 * request. */
#ifndef IMLD_TESTS_STORAGE_FIXTURE_H
#define IMLD_TESTS_STORAGE_FIXTURE_H

#include "check.h"

#include <limits.h>
#include <stdbool.h>

#include "storage/checkpoints.h"
#include "storage/jobs.h"
#include "storage/points.h"

struct fixture {
    char folder[PATH_MAX];
    struct imld_storage *storage; /* NULL: closed */
};

extern int64_t fixture_now_ms; /* the clock of every fixture */

void fixture_make(struct fixture *self); /* a new empty folder below the working directory */
/* The same in memory where there is /dev/shm: an fsync costs nothing there. */
void fixture_make_in_memory(struct fixture *self);
enum iml_code fixture_try_open(struct fixture *self, struct iml_error *error);
void fixture_open(struct fixture *self); /* asserts that it opens */
void fixture_close(struct fixture *self);
void fixture_remove(struct fixture *self); /* closes, and removes the folder */

/* "FOLDER/NAME" into path. */
void fixture_path(const struct fixture *self, const char *name, char path[PATH_MAX]);
size_t fixture_count_files(const char *folder); /* 0 where there is no folder */

/* The folder of the test at hand, and cmocka's two calls around it: new, open and at the clock's
 * start; then closed and removed. */
extern struct fixture fixture;
int fixture_setup(void **state);
int fixture_teardown(void **state);
#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* Each runs one request and returns its code. */
enum iml_code run_create(struct fixture *self, const char *name, int64_t priority, int64_t *number);
enum iml_code run_claim(struct fixture *self, int64_t *number, bool *from_checkpoint);
enum iml_code run_verb(struct fixture *self, int64_t number, enum imld_verb verb,
                       struct imld_job_verb *answer); /* answer may be NULL */
enum iml_code run_end(struct fixture *self, int64_t number, enum imld_verb verb);
/* Rows come with an artifact of their step. */
enum iml_code run_rows(struct fixture *self, int64_t job, int64_t step, float value);
enum iml_code run_checkpoint(struct fixture *self, int64_t job, const char *name, int64_t step,
                             size_t keep);
enum iml_code run_recover(struct fixture *self, int64_t *requeued, int64_t *failed);

/* Creates and claims, asserting success. */
int64_t make_running(struct fixture *self);

/* The job as it is stored; imld_job_clear it. Asserts that it is there. */
void get_job(struct fixture *self, int64_t number, struct imld_job *job);
enum imld_state state_of(struct fixture *self, int64_t number);

/* Events of a kind; job 0: of all. */
size_t count_events(struct fixture *self, int64_t job, const char *kind);

#endif
