/* rules.h: stop rules (DESIGN §5): pure functions of (their parameters, the rows up to a step), so
 * that they can be changed on a running job, survive a resume, and say the same of a recorded
 * curve. */
#ifndef IMLD_DAEMON_RULES_H
#define IMLD_DAEMON_RULES_H

#include <jansson.h>
#include <stdbool.h>

#include "daemon/history.h"

struct imld_rule {
    const char *name;
    /* Whether the rule fires at `step`; later rows are not looked at. numbers (a new object,
     * borrowed by nobody) is filled with what decided: value, best, count, threshold … */
    bool (*fires)(const json_t *parameters, const struct imld_history *history, int64_t step,
                  json_t *numbers);
};

extern const struct imld_rule imld_rule_patience;
extern const struct imld_rule imld_rule_target;
extern const struct imld_rule imld_rule_budget;
extern const struct imld_rule imld_rule_forgetting;
extern const struct imld_rule imld_rule_unstable_weights;
extern const struct imld_rule imld_rule_collapsed_weights;
extern const struct imld_rule imld_rule_divergence; /* always on */

/* The table; ends with NULL. */
extern const struct imld_rule *const imld_rules[];

struct imld_verdict {
    const char *rule; /* NULL: none fired */
    json_t *numbers;  /* owned; NULL where none fired */
};

/* Asks divergence, then each rule of the job's early_stopping list in its order; the first that
 * fires wins. To be asked after an evaluation at `step`. */
struct imld_verdict imld_rules_ask(const json_t *early_stopping, const struct imld_history *history,
                                   int64_t step);

/* What divergence says of one loss; first: train/loss at step 0. The run loop asks it at every
 * step. */
bool imld_loss_diverges(float loss, float first);

/* A JSON number, null where value is not finite. NULL: no memory. */
json_t *imld_json_number(double value);

#endif
