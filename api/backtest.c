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
    char *json = imld_json_dump(verdict);
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
    struct imld_reader *reader = NULL;
    struct imld_job job = {0};
    json_t *document = NULL, *spec = NULL, *rules = NULL;

    if (!imld_lookup_job(request, &reader, &job, &answer)) goto out;
    imld_reader_give(reader);
    document = imld_request_json(request, &problems);
    if (!document) {
        answer = imld_answer_problems(400, &problems);
        goto out;
    }
    spec = json_loads(job.spec, 0, NULL);
    rules = spec ? read_rules(api, document, spec, &problems) : NULL;
    if (rules)
        answer = replay(api, job.number, rules);
    else
        answer = spec ? imld_answer_problems(422, &problems)
                      : imld_answer_problem(500, "the stored job can't be read");
out:
    json_decref(rules);
    json_decref(spec);
    json_decref(document);
    imld_job_clear(&job);
    imld_problems_clear(&problems);
    return answer;
}
