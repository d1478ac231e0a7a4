/* datasets.c: GET /v1/datasets: the sets under the data roots, as the daemon knows them. */
#include "api/json_text.h"
#include "api/resources.h"
#include "api/server.h"

struct imld_answer imld_datasets_read(struct imld_api *api, struct imld_request *request)
{
    (void)request;
    struct imld_text text = {0};
    json_t *sets = api->control->datasets(api->control->context);
    if (!sets) return imld_answer_problem(503, "the data sets can't be listed now");
    imld_json_value(&text, sets);
    json_decref(sets);
    return imld_answer_json(200, &text);
}
