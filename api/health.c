/* health.c: GET /healthz: the process answers; GET /readyz: jobs are taken and run. */
#include "api/json_text.h"
#include "api/resources.h"
#include "api/server.h"

struct imld_answer imld_health_live(struct imld_api *api, struct imld_request *request)
{
    (void)api;
    (void)request;
    static const char ok[] = "{\"status\":\"ok\"}";
    struct imld_answer answer = imld_answer_empty(200);
    answer.constant = ok;
    answer.length = sizeof ok - 1;
    answer.content_type = "application/json";
    return answer;
}

struct imld_answer imld_health_ready(struct imld_api *api, struct imld_request *request)
{
    char why[256] = "";
    struct iml_error error = {0};
    if (!imld_storage_is_healthy(api->storage, &error))
        return imld_answer_problem(503, "storage waits: %s", error.what);
    if (!api->control->is_ready(api->control->context, why))
        return imld_answer_problem(503, "not ready: %s", why);
    return imld_health_live(api, request);
}
