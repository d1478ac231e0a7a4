/* backtest.c: POST /v1/jobs/{id}/early_stopping/backtest: where a rule would have stopped a
 * recorded curve (DESIGN §7). Nothing is stored. */
#include <stdlib.h>
#include <string.h>

#include "api/json_text.h"
#include "api/lookup.h"
#include "api/resources.h"
#include "api/server.h"
#include "spec/pointer.h"

/* The rules of the body, resolved; a new reference. NULL: problems tell why. */
static json_t *read_rules(const struct imld_api *api, json_t *document, const json_t *spec,
                          struct imld_problems *problems)
{
    const char *key;
    json_t *value;
    json_object_foreach(document, key, value)
    {
        if (strcmp(key, "early_stopping") == 0) continue;
        char pointer[IMLD_POINTER_BYTES];
        imld_pointer_join(pointer, "", key);
        imld_problems_add(problems, pointer, "is not a field here; known is early_stopping");
    }
    if (!json_object_get(document, "early_stopping"))
        imld_problems_add(problems, "/early_stopping", "is missing: the rules to ask");
    if (problems->total > 0) return NULL;
    json_t *fields = imld_spec_resolve_patch(document, spec, api->control->resolve, problems);
    json_t *rules = json_incref(json_object_get(fields, "early_stopping"));
    json_decref(fields);
    return rules;
}

static struct imld_answer replay(struct imld_api *api, int64_t job, const json_t *rules)
{
    struct iml_error error = {0};
    struct imld_text text = {0};
    json_t *verdict = NULL;
    const struct imld_control *control = api->control;
    if (control->backtest(control->context, job, rules, &verdict, &error) != IML_OK)
        return imld_answer_error(&error);
    /* as a job's reason is written: values are floats, 9 digits read back the same one */
    char *json = json_dumps(verdict, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(verdict);
    if (!json) return imld_answer_problem(500, "out of memory");
    imld_text_add(&text, json);
    free(json);
    return imld_answer_json(200, &text);
}

struct imld_answer imld_backtest_post(struct imld_api *api, struct imld_request *request)
{
    struct imld_answer answer;
    struct imld_problems problems = {0};
    struct imld_subject subject;
    json_t *rules = NULL;

    if (!imld_lookup_subject(request, &subject, &answer)) goto out;
    rules = read_rules(api, subject.document, subject.spec, &problems);
    answer = rules ? replay(api, subject.job.number, rules) : imld_answer_problems(422, &problems);
out:
    json_decref(rules);
    imld_subject_clear(&subject);
    imld_problems_clear(&problems);
    return answer;
}
