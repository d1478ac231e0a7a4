/* control.c: answers to the API; see control.h. Every function here may be called from any HTTP
 * thread. */
#include "daemon/control.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/backtest.h"
#include "daemon/frozen.h"
#include "daemon/plan.h"
#include "storage/storage.h"

_Static_assert((int)IMLD_CLASSES_MAX == IML_CLASSES_MAX, "each class has a place");

static bool set_view(void *context, const char *name, struct imld_set_view *view, char why[512])
{
    const struct imld_daemon_control *self = context;
    struct iml_set_facts facts;
    struct iml_error error = {0};
    if (iml_set_inspect(&self->roots, name, &facts, &error) != IML_OK) {
        (void)snprintf(why, 512, "%.255s%s%.200s", error.what, error.where[0] ? ": " : "",
                       error.where);
        return false;
    }
    *view = (struct imld_set_view){.train_images = facts.train_images,
                                   .test_images = facts.test_images,
                                   .classes = facts.classes,
                                   .channels = facts.channels,
                                   .height = facts.height,
                                   .width = facts.width};
    for (size_t c = 0; c < IMLD_CLASSES_MAX; c++)
        view->class_images[c] = facts.train_class_images[c];
    return true;
}

/* An engine error becomes a problem at the field that it names. */
static void add_problem(struct imld_problems *problems, const struct iml_error *error)
{
    const bool has_pointer = error->where[0] == '/';
    imld_problems_add(problems, has_pointer ? error->where : "", "%s%s%s", error->what,
                      error->mend[0] ? "; " : "", error->mend);
}

static bool complete(void *context, json_t *spec)
{
    const struct imld_daemon_control *self = context;
    return imld_plan_complete(spec, &self->roots);
}

static bool plan(void *context, const json_t *spec, json_t **memory, struct imld_problems *problems)
{
    const struct imld_daemon_control *self = context;
    struct iml_trainer_options options;
    struct iml_set_facts facts;
    struct iml_plan planned;
    struct iml_error error = {0};
    enum iml_code code = imld_plan_options(spec, &options, &error);
    options.roots = self->roots;
    if (code == IML_OK) code = iml_trainer_facts(&options.data, &self->roots, &facts, &error);
    if (code == IML_OK) code = imld_plan_memory(&options, &facts, &planned, &error);
    if (code != IML_OK) {
        add_problem(problems, &error);
        return false;
    }
    if (!imld_frozen_fits(self->storage, spec, &options, &facts, problems)) return false;
    const size_t limit = (size_t)self->configuration->memory_bytes;
    if (planned.total_bytes > limit) {
        imld_problems_add(problems, "",
                          "the job would hold %zu bytes of memory, and all jobs together may hold "
                          "%zu (--memory)",
                          planned.total_bytes, limit);
        return false;
    }
    *memory = imld_plan_json(&planned);
    if (!*memory) imld_problems_add(problems, "", "no memory for the plan");
    return *memory != NULL;
}

static double seconds_per_step(void *context, const json_t *spec, uint64_t *steps)
{
    const struct imld_daemon_control *self = context;
    struct iml_trainer_options options;
    *steps = 0;
    if (imld_plan_options(spec, &options, NULL) == IML_OK) *steps = iml_trainer_steps(&options);
    return imld_paces_find(self->paces, spec);
}

static enum iml_code backtest(void *context, int64_t job, const json_t *early_stopping,
                              json_t **answer, struct iml_error *error)
{
    const struct imld_daemon_control *self = context;
    return imld_backtest(self->storage, job, early_stopping, answer, error);
}

static void wake(void *context)
{
    const struct imld_daemon_control *self = context;
    imld_dispatch_wake(self->dispatch);
}

static void notify(void *context, int64_t job)
{
    const struct imld_daemon_control *self = context;
    imld_workers_notify(self->workers, job);
    imld_dispatch_wake(self->dispatch); /* its thread reads the row: this one must not block */
}

static void live(void *context, int64_t job, struct imld_live *live)
{
    const struct imld_daemon_control *self = context;
    *live = (struct imld_live){.eta_seconds = nan("")};
    struct imld_standing standing;
    if (!imld_workers_look(self->workers, job, &standing)) return;
    live->is_running = true;
    live->step = standing.step;
    live->steps_of = standing.steps_of;
    live->eta_seconds = standing.eta_seconds;
    struct iml_error why = {0};
    if (standing.has_fault) {
        memcpy(live->fault_text, standing.fault_text, sizeof live->fault_text);
    } else if (!imld_storage_is_healthy(self->storage,
                                        &why)) { /* a commit in doubt: the writer waits */
        memcpy(live->fault_text, why.what, sizeof live->fault_text);
    } else {
        return;
    }
    live->fault = "storage";
}

static json_t *waiting(void *context, int64_t job)
{
    struct imld_daemon_control *self = context;
    struct imld_waiting why = {.rule = "behind"};
    struct iml_error fault = {0};
    if (atomic_load(&self->is_stopping)) {
        why.rule = "draining";
    } else if (!imld_storage_is_healthy(self->storage, &fault)) {
        why.rule = "storage";
    } else {
        (void)imld_dispatch_explain(self->dispatch, job, &why); /* not seen yet: behind */
    }
    if (why.limit == 0)
        return json_pack("{s:s, s:n, s:n, s:n}", "rule", why.rule, "asked", "free", "limit");
    return json_pack("{s:s, s:I, s:I, s:I}", "rule", why.rule, "asked", (json_int_t)why.asked,
                     "free", (json_int_t)why.free, "limit", (json_int_t)why.limit);
}

static void add_set(void *context, const struct iml_set_facts *facts,
                    const struct iml_error *broken)
{
    json_t *sets = context;
    if (broken) {
        (void)json_array_append_new(sets, json_pack("{s:s, s:s, s:s}", "name", facts->name, "error",
                                                    broken->what, "where", broken->where));
        return;
    }
    (void)json_array_append_new(
        sets, json_pack("{s:s, s:s, s:[I,I,I], s:I, s:{s:I, s:I}}", "name", facts->name, "form",
                        iml_set_form_name(facts->form), "shape", (json_int_t)facts->channels,
                        (json_int_t)facts->height, (json_int_t)facts->width, "classes",
                        (json_int_t)facts->classes, "splits", "train",
                        (json_int_t)facts->train_images, "test", (json_int_t)facts->test_images));
}

static json_t *datasets(void *context)
{
    const struct imld_daemon_control *self = context;
    json_t *sets = json_array();
    struct iml_error error = {0};
    if (iml_set_list(&self->roots, add_set, sets, &error) != IML_OK) {
        json_decref(sets);
        return NULL;
    }
    return json_pack("{s:o}", "datasets", sets);
}

static json_t *settings(const struct imld_configuration *configuration)
{
    json_t *all = json_object();
    for (size_t i = 0; i < imld_option_count; i++) {
        if (imld_options[i].places == IMLD_ON_LINE) continue;
        char *value = imld_option_text(&imld_options[i], configuration);
        (void)json_object_set_new(all, imld_options[i].name, json_string(value ? value : ""));
        free(value);
    }
    return all;
}

static json_t *server(void *context)
{
    const struct imld_daemon_control *self = context;
    const struct imld_queue_load load = imld_workers_load(self->workers);
    char started[IMLD_TIME_TEXT_MAX];
    (void)imld_time_text(self->started_ms, started);
    return json_pack("{s:s, s:s, s:{s:I, s:I}, s:{s:I, s:I}, s:I, s:s, s:o}", "program",
                     self->program, "started", started, "threads", "limit",
                     (json_int_t)self->configuration->threads, "used", (json_int_t)load.threads,
                     "memory", "limit", (json_int_t)self->configuration->memory_bytes, "used",
                     (json_int_t)load.memory_bytes, "running", (json_int_t)load.running,
                     "cpu_kernel", iml_cpu_kernel(), "settings", settings(self->configuration));
}

static bool is_ready(void *context, char why[256])
{
    struct imld_daemon_control *self = context;
    if (atomic_load(&self->is_stopping)) {
        (void)snprintf(why, 256, "the daemon is ending");
        return false;
    }
    /* storage itself is asked by the API; a checkpoint's file may find no room where a row does */
    char fault[200];
    if (!imld_workers_wait_for_storage(self->workers, fault, sizeof fault)) return true;
    (void)snprintf(why, 256, "a run waits for storage: %s", fault);
    return false;
}

void imld_daemon_control_open(struct imld_daemon_control *self)
{
    self->resolve = (struct imld_resolve_context){
        .set_view = set_view,
        .complete = complete,
        .context = self,
        .threads_limit = (uint64_t)self->configuration->threads,
    };
    self->control = (struct imld_control){.context = self,
                                          .resolve = &self->resolve,
                                          .plan = plan,
                                          .seconds_per_step = seconds_per_step,
                                          .backtest = backtest,
                                          .wake = wake,
                                          .notify = notify,
                                          .live = live,
                                          .waiting = waiting,
                                          .datasets = datasets,
                                          .server = server,
                                          .is_ready = is_ready};
    atomic_store(&self->is_stopping, false);
}
