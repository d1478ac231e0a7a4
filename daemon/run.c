/* run.c: the run loop: step, rows, evaluations, stop rules, checkpoints, orders (DESIGN §5). */
#include "daemon/run.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "daemon/artifact.h"
#include "daemon/deviation.h"

/* What the loop comes to. */
enum outcome { GO_ON, FINISHED, RULE_FIRED, STOPPED, PAUSED, CANCELLED, SHUT_DOWN };

double imld_run_seconds(const struct imld_run *run)
{
    const double waited = run->options->sink->waited_seconds - run->waited_at_open;
    return run->options->seconds_before + (imld_ticks_seconds() - run->opened) - waited;
}

static int64_t step_of(const struct imld_run *run)
{
    return (int64_t)iml_trainer_progress(run->trainer).step;
}

/* ---- rows ---- */

static enum iml_code put(struct imld_run *run, const char *metric, int64_t step, double value,
                         struct iml_error *error)
{
    struct imld_sink *sink = run->options->sink;
    sink->row(sink, metric, step, value);
    return imld_history_put(&run->history, metric, step, (float)value, error);
}

static enum iml_code put_rows(struct imld_run *run, int64_t step, struct iml_error *error)
{
    enum iml_code code = IML_OK;
    for (size_t i = 0; i < run->rows.count && code == IML_OK; i++)
        code = put(run, run->rows.rows[i].metric, step, run->rows.rows[i].value, error);
    return code;
}

/* What the last step or evaluation measured beside its rows. */
static void put_artifacts(const struct imld_run *run, int64_t step)
{
    size_t count = 0;
    const struct iml_artifact *artifacts = iml_trainer_artifacts(run->trainer, &count);
    struct imld_sink *sink = run->options->sink;
    for (size_t i = 0; i < count; i++)
        sink->artifact(sink, artifacts[i].name, step, imld_artifact_text(&artifacts[i], step));
}

/* What the trainer says in words, as events: {step, what, mend}. */
static enum iml_code put_notes(struct imld_run *run, int64_t step, struct iml_error *error)
{
    struct imld_sink *sink = run->options->sink;
    size_t count = 0;
    const struct iml_note *notes = iml_trainer_notes(run->trainer, &count);
    enum iml_code code = IML_OK;
    for (size_t i = 0; i < count && code == IML_OK; i++) {
        struct imld_text text = {0};
        imld_text_printf(&text, "{\"step\": %jd, \"what\": ", (intmax_t)step);
        imld_text_json_string(&text, notes[i].what);
        imld_text_add(&text, ", \"mend\": ");
        imld_text_json_string(&text, notes[i].mend);
        imld_text_add(&text, "}");
        char *data = imld_text_take(&text);
        code = sink->event(sink, iml_note_kind_name(notes[i].kind), data, error);
        free(data);
    }
    return code;
}

/* Seconds left at the pace of this attempt; NaN: not known. */
static double eta(const struct imld_run *run, const struct iml_progress *progress)
{
    const int64_t done = (int64_t)progress->step - run->resumed_step;
    if (progress->steps_of == 0 || done <= 0) return nan("");
    const double seconds = imld_run_seconds(run) - run->options->seconds_before;
    return (double)(progress->steps_of - progress->step) * seconds / (double)done;
}

static enum iml_code tell_progress(struct imld_run *run, struct iml_error *error)
{
    const struct iml_progress progress = iml_trainer_progress(run->trainer);
    struct imld_sink *sink = run->options->sink;
    imld_orders_tell(run->options->orders, (int64_t)progress.step, (int64_t)progress.steps_of,
                     eta(run, &progress));
    return sink->progress(sink, (int64_t)progress.step, (int64_t)progress.steps_of,
                          imld_run_seconds(run), error);
}

/* ---- checkpoints ---- */

enum iml_code imld_run_checkpoint(struct imld_run *run, struct iml_error *error)
{
    const int64_t step = step_of(run);
    run->checkpointed = imld_ticks_seconds();
    /* The state of a step is on disk already: one update of λ more is not worth another file of the
     * same name, since a resume comes to it again with the same bits. */
    if (step == run->checkpointed_step) return IML_OK;
    struct imld_sink *sink = run->options->sink;
    imld_snapshot_take(&run->current, iml_trainer_registry(run->trainer));
    const struct imld_sink_checkpoint files[] = {
        {.step = step, .state = &run->current},
        {.name = "best", .step = run->best.step, .state = &run->best.state},
    };
    const bool has_best = run->best.has_state && run->best.has_changed;
    const enum iml_code code = sink->checkpoint(sink, files, has_best ? 2 : 1, error);
    if (code != IML_OK) return code;
    run->best.has_changed = false;
    run->checkpointed_step = step;
    run->has_checkpointed = true;
    run->checkpointed = imld_ticks_seconds();
    return IML_OK;
}

static bool checkpoint_is_due(const struct imld_run *run)
{
    const double seconds = run->has_checkpointed ? run->options->checkpoint_seconds
                                                 : run->options->first_checkpoint_seconds;
    return imld_ticks_seconds() - run->checkpointed >= seconds && step_of(run) > 0;
}

/* ---- the loop's parts ---- */

static enum iml_code evaluate(struct imld_run *run, enum outcome *outcome, struct iml_error *error)
{
    const int64_t step = step_of(run);
    enum iml_code code = iml_trainer_evaluate(run->trainer, &run->rows, error);
    if (code == IML_OK) code = put_rows(run, step, error);
    double deviation = 0;
    if (code == IML_OK && imld_deviation(&run->history, step, &deviation))
        code = put(run, IMLD_DEVIATION_METRIC, step, deviation, error);
    if (code == IML_OK) code = put(run, "run/seconds", step, imld_run_seconds(run), error);
    if (code != IML_OK) return code;
    put_artifacts(run, step);
    imld_best_look(&run->best, &run->history, step, iml_trainer_registry(run->trainer));
    run->verdict = imld_rules_ask(run->rules, &run->history, step);
    if (run->verdict.rule) *outcome = RULE_FIRED;
    return tell_progress(run, error);
}

/* Divergence is asked at every step; the step that fires writes its loss as a row. */
static enum iml_code look_at_loss(struct imld_run *run, enum outcome *outcome,
                                  struct iml_error *error)
{
    const struct iml_progress progress = iml_trainer_progress(run->trainer);
    if (progress.is_report) return IML_OK;
    const struct imld_series *losses = imld_history_find(&run->history, "train/loss");
    const float first = losses ? losses->values[0] : (float)progress.first_loss;
    if (!imld_loss_diverges((float)progress.last_loss, first)) return IML_OK;
    const int64_t step = (int64_t)progress.step;
    const enum iml_code code = put(run, "train/loss", step, progress.last_loss, error);
    if (code != IML_OK) return code;
    run->verdict = imld_rules_ask(run->rules, &run->history, step);
    assert(run->verdict.rule);
    *outcome = RULE_FIRED;
    return IML_OK;
}

static enum iml_code step(struct imld_run *run, enum outcome *outcome, struct iml_error *error)
{
    const int64_t before = step_of(run);
    enum iml_code code = iml_trainer_step(run->trainer, &run->rows, error);
    if (code == IML_OK) code = put_rows(run, step_of(run), error);
    if (code == IML_OK) put_artifacts(run, step_of(run));
    if (code == IML_OK) code = put_notes(run, step_of(run), error);
    if (code == IML_OK && step_of(run) > before) code = look_at_loss(run, outcome, error);
    if (code == IML_OK) code = tell_progress(run, error);
    return code;
}

/* What a user or the daemon asks for; the strongest first. */
static const struct order {
    enum imld_verb verb;
    enum outcome outcome;
} orders[] = {
    {IMLD_VERB_CANCEL, CANCELLED},
    {IMLD_VERB_STOP, STOPPED},
    {IMLD_VERB_PAUSE, PAUSED},
};

/* New rules are asked at the next evaluation, as a back-test would. */
static void change_rules(struct imld_run *run, char *text)
{
    json_t *rules = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    if (!rules) return;
    json_decref(run->rules);
    run->rules = rules;
}

static enum outcome look_at_orders(struct imld_run *run)
{
    struct imld_orders *mail = run->options->orders;
    if (atomic_load(&mail->has_news)) {
        char *rules = NULL;
        const unsigned intents = imld_orders_take(mail, &rules);
        change_rules(run, rules);
        for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++)
            if (intents & (1U << orders[i].verb)) return orders[i].outcome;
    }
    return atomic_load(&mail->is_shutdown) ? SHUT_DOWN : GO_ON;
}

/* A run that goes on from a step at which it was evaluated asks its rules again: the process may
 * have died between the checkpoint and the end that a rule had brought. */
static bool fires_at_once(struct imld_run *run)
{
    const struct imld_series *losses = imld_history_find(&run->history, "train/loss");
    if (run->resumed_step == 0 || !losses || losses->steps[losses->count - 1] != run->resumed_step)
        return false;
    run->verdict = imld_rules_ask(run->rules, &run->history, run->resumed_step);
    return run->verdict.rule != NULL;
}

static enum iml_code one_round(struct imld_run *run, enum outcome *outcome, struct iml_error *error)
{
    *outcome = look_at_orders(run);
    const struct iml_progress progress = iml_trainer_progress(run->trainer);
    /* a stop waits for an evaluation that is due: stopped at once, a run still has a result */
    if (*outcome == STOPPED && progress.is_evaluation_due) return evaluate(run, outcome, error);
    if (*outcome != GO_ON) return IML_OK;
    if (progress.is_evaluation_due) return evaluate(run, outcome, error);
    if (progress.is_finished) {
        *outcome = FINISHED;
        return IML_OK;
    }
    if (checkpoint_is_due(run)) {
        const enum iml_code code = imld_run_checkpoint(run, error);
        if (code != IML_OK) return code;
    }
    return step(run, outcome, error);
}

static enum iml_code loop(struct imld_run *run, enum outcome *outcome, struct iml_error *error)
{
    *outcome = fires_at_once(run) ? RULE_FIRED : GO_ON;
    enum iml_code code = IML_OK;
    while (code == IML_OK && *outcome == GO_ON) code = one_round(run, outcome, error);
    return code;
}

/* ---- ends ---- */

static enum iml_code leave(struct imld_run *run, enum imld_verb verb, bool wants_checkpoint,
                           struct iml_error *error)
{
    struct imld_sink *sink = run->options->sink;
    if (wants_checkpoint && step_of(run) > 0) {
        const enum iml_code code = imld_run_checkpoint(run, error);
        if (code != IML_OK) return code;
    }
    return sink->end(sink, &(struct imld_run_end){.verb = verb}, error);
}

static enum iml_code end(struct imld_run *run, enum outcome outcome, struct iml_error *error)
{
    switch (outcome) {
    case STOPPED:
        return imld_run_finish(run, IMLD_VERB_STOP, error);
    case PAUSED:
        return leave(run, IMLD_VERB_PAUSE, true, error);
    case CANCELLED:
        return leave(run, IMLD_VERB_CANCEL, false, error);
    case SHUT_DOWN:
        return leave(run, IMLD_VERB_SHUTDOWN, true, error);
    case GO_ON:
    case FINISHED:
    case RULE_FIRED:
        break;
    }
    return imld_run_finish(run, IMLD_VERB_FINISH, error);
}

/* An error that the run can't mend. */
static enum iml_code fail(const struct imld_run *run, const struct iml_error *why,
                          struct iml_error *error)
{
    struct imld_text text = {0};
    imld_text_add(&text, "{\"what\": ");
    imld_text_json_string(&text, why->what);
    imld_text_add(&text, ", \"where\": ");
    imld_text_json_string(&text, why->where);
    imld_text_add(&text, ", \"mend\": ");
    imld_text_json_string(&text, why->mend);
    imld_text_add(&text, "}");
    char *json = imld_text_take(&text);
    struct imld_sink *sink = run->options->sink;
    const struct imld_run_end failed = {.verb = IMLD_VERB_FAIL, .error = json};
    const enum iml_code code = sink->end(sink, &failed, error);
    free(json);
    return code;
}

/* A step was abandoned: its memory is no state. Cancelled by its user, or by a shutdown that could
 * not wait; the job then goes on from its last checkpoint. */
static enum iml_code abandon(const struct imld_run *run, struct iml_error *error)
{
    struct imld_sink *sink = run->options->sink;
    char *rules = NULL;
    const unsigned intents = imld_orders_take(run->options->orders, &rules);
    free(rules);
    const bool is_users = (intents & (1U << IMLD_VERB_CANCEL)) != 0;
    const enum imld_verb verb = is_users ? IMLD_VERB_CANCEL : IMLD_VERB_SHUTDOWN;
    return sink->end(sink, &(struct imld_run_end){.verb = verb}, error);
}

static enum iml_code open_run(struct imld_run *run, struct iml_error *error)
{
    const struct imld_run_options *options = run->options;
    enum iml_code code =
        iml_trainer_open(options->trainer, &options->orders->cancel, &run->trainer, error);
    if (code != IML_OK) return code;
    const struct iml_registry *registry = iml_trainer_registry(run->trainer);
    code = imld_snapshot_open(&run->current, registry, error);
    if (code == IML_OK) code = imld_snapshot_open(&run->best.state, registry, error);
    if (code == IML_OK) code = imld_run_resume(run, error);
    run->opened = run->checkpointed = imld_ticks_seconds();
    run->waited_at_open = options->sink->waited_seconds;
    return code == IML_OK ? tell_progress(run, error) : code;
}

static void close_run(struct imld_run *run)
{
    iml_trainer_close(run->trainer);
    imld_history_clear(&run->history);
    imld_snapshot_close(&run->current);
    imld_snapshot_close(&run->best.state);
    json_decref(run->rules);
    json_decref(run->verdict.numbers);
}

bool imld_run(const struct imld_run_options *options, struct imld_run_pace *pace,
              struct iml_error *error)
{
    struct imld_run run = {
        .options = options,
        .best = {.metric = options->best_metric, .is_higher_better = options->is_higher_better},
        .rules = options->early_stopping ? json_deep_copy(options->early_stopping) : NULL,
        .checkpointed_step = -1,
    };
    struct iml_error why = {0};
    enum outcome outcome = GO_ON;
    enum iml_code code = open_run(&run, &why);
    if (code == IML_OK) code = loop(&run, &outcome, &why);
    if (run.trainer) { /* before the end brings the best step's state back */
        pace->steps = step_of(&run) - run.resumed_step;
        pace->seconds = imld_run_seconds(&run) - options->seconds_before;
    }
    if (code == IML_OK) code = end(&run, outcome, &why);
    if (code == IML_ERROR_CANCELLED)
        code = abandon(&run, error);
    else if (code != IML_OK)
        code = fail(&run, &why, error);
    close_run(&run);
    return code == IML_OK;
}
