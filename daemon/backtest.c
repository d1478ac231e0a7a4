/* backtest.c: stop rules asked of a recorded curve; see backtest.h. */
#include "daemon/backtest.h"

#include "daemon/history.h"
#include "daemon/rules.h"

/* A run writes this metric at each evaluation, and at no other step. */
static const char evaluated_metric[] = "run/seconds";

static json_t *describe(const struct imld_verdict *verdict, int64_t step,
                        const struct imld_series *evaluations, size_t asked)
{
    const size_t count = evaluations ? evaluations->count : 0;
    json_t *const fired = verdict->rule ? json_integer(step) : json_null();
    json_t *const last = count > 0 ? json_integer(evaluations->steps[count - 1]) : json_null();
    return json_pack("{s:s?, s:o?, s:o, s:I, s:o}", "rule", verdict->rule, "numbers",
                     verdict->numbers, "step", fired, "evaluations", (json_int_t)asked, "last_step",
                     last);
}

/* A loss that made a run end between two evaluations is its last one. */
static struct imld_verdict ask_last_loss(const struct imld_history *history,
                                         const json_t *early_stopping, int64_t evaluated,
                                         int64_t *step)
{
    const struct imld_series *losses = imld_history_find(history, "train/loss");
    if (!losses || losses->steps[losses->count - 1] <= evaluated) return (struct imld_verdict){0};
    *step = losses->steps[losses->count - 1];
    return imld_rules_ask(early_stopping, history, *step);
}

static enum iml_code replay(const struct imld_history *history, const json_t *early_stopping,
                            json_t **answer, struct iml_error *error)
{
    const struct imld_series *evaluations = imld_history_find(history, evaluated_metric);
    const size_t count = evaluations ? evaluations->count : 0;
    if (count > IMLD_BACKTEST_MAX)
        return iml_error_set(error, IML_ERROR_CONFLICT,
                             "the job has %zu evaluations, at most %d are asked", count,
                             IMLD_BACKTEST_MAX);
    struct imld_verdict verdict = {0};
    size_t asked = 0;
    int64_t step = -1;
    while (!verdict.rule && asked < count) {
        step = evaluations->steps[asked++];
        verdict = imld_rules_ask(early_stopping, history, step);
    }
    if (!verdict.rule) verdict = ask_last_loss(history, early_stopping, step, &step);
    *answer = describe(&verdict, step, evaluations, asked);
    return *answer ? IML_OK : iml_error_set(error, IML_ERROR_MEMORY, "no memory for the answer");
}

enum iml_code imld_backtest(struct imld_storage *storage, int64_t job, const json_t *early_stopping,
                            json_t **answer, struct iml_error *error)
{
    struct imld_history history = {0};
    struct imld_reader *reader = imld_reader_take(storage, error);
    if (!reader) return error->code;
    enum iml_code code = imld_history_load(&history, reader, job, INT64_MAX, error);
    imld_reader_give(reader);
    if (code == IML_OK) code = replay(&history, early_stopping, answer, error);
    imld_history_clear(&history);
    return code;
}
