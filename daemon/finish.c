/* finish.c: the end of a run that has results: last, best, result (DESIGN §5); see run.h. */
#include <math.h>
#include <stdlib.h>

#include "base/text.h"
#include "daemon/run.h"

/* {step, metrics}: what the restored best gives; values that aren't finite are null. */
static char *result_text(const struct imld_run *run)
{
    struct imld_text text = {0};
    imld_text_printf(&text, "{\"step\": %jd, \"metrics\": {", (intmax_t)run->best.step);
    for (size_t i = 0; i < run->rows.count; i++) {
        const float value = (float)run->rows.rows[i].value;
        if (i) imld_text_add(&text, ", ");
        imld_text_json_string(&text, run->rows.rows[i].metric);
        imld_text_add(&text, ": ");
        if (isfinite(value)) {
            imld_text_float(&text, value);
        } else {
            imld_text_add(&text, "null");
        }
    }
    imld_text_add(&text, "}}");
    return imld_text_take(&text);
}

/* {kind, rule, numbers}. */
static char *reason_text(const struct imld_run *run, enum imld_verb verb)
{
    json_t *reason = json_object();
    const char *kind = verb == IMLD_VERB_STOP      ? "stopped_by_user"
                       : run->verdict.rule != NULL ? "stopped_by_rule"
                                                   : "finished";
    (void)json_object_set_new(reason, "kind", json_string(kind));
    const bool is_rules = verb != IMLD_VERB_STOP && run->verdict.rule;
    (void)json_object_set_new(reason, "rule",
                              is_rules ? json_string(run->verdict.rule) : json_null());
    (void)json_object_set_new(reason, "numbers",
                              is_rules ? json_incref(run->verdict.numbers) : json_object());
    /* values are floats: 9 digits read back the same one */
    char *text = json_dumps(reason, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(reason);
    return text;
}

/* Writes the state at hand as `last`. A resume from there comes straight back to this end. */
static enum iml_code write_last(struct imld_run *run, struct iml_error *error)
{
    struct imld_sink *sink = run->options->sink;
    imld_snapshot_take(&run->current, iml_trainer_registry(run->trainer));
    struct imld_sink_checkpoint files[] = {
        {.name = "last",
         .step = (int64_t)iml_trainer_progress(run->trainer).step,
         .state = &run->current},
        {.name = "best", .step = run->best.step, .state = &run->best.state},
    };
    const bool is_of_before = run->best.step < run->best.lost_step; /* and now there is no other */
    const bool has_best = run->best.has_state && (run->best.has_changed || is_of_before);
    const enum iml_code code = sink->checkpoint(sink, files, has_best ? 2 : 1, error);
    if (code == IML_OK) run->best.has_changed = false;
    return code;
}

/* The best weights restored and evaluated. The result stays NULL where there never was a best. */
static enum iml_code evaluate_best(struct imld_run *run, char **result, struct iml_error *error)
{
    if (!run->best.has_state) return IML_OK;
    imld_snapshot_give(&run->best.state, iml_trainer_registry(run->trainer));
    enum iml_code code = iml_trainer_restored(run->trainer, error);
    if (code == IML_OK) code = iml_trainer_evaluate_state(run->trainer, &run->rows, error);
    if (code != IML_OK) return code;
    *result = result_text(run);
    return *result ? IML_OK : iml_error_set(error, IML_ERROR_MEMORY, "no memory for the result");
}

enum iml_code imld_run_finish(struct imld_run *run, enum imld_verb verb, struct iml_error *error)
{
    struct imld_sink *sink = run->options->sink;
    char *result = NULL;
    char *reason = NULL;
    enum iml_code code = write_last(run, error);
    if (code == IML_OK) code = evaluate_best(run, &result, error);
    if (code == IML_OK) {
        reason = reason_text(run, verb);
        const struct imld_run_end end = {.verb = verb, .reason = reason, .result = result};
        code = sink->end(sink, &end, error);
    }
    free(reason);
    free(result);
    return code;
}
