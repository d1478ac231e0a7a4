/* resources.h: the handlers, one file a resource; router.c binds them to the table of endpoints. */
#ifndef IMLD_API_RESOURCES_H
#define IMLD_API_RESOURCES_H

#include "api/request.h"

struct imld_answer imld_jobs_create(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_jobs_page(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_jobs_read(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_jobs_change(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_jobs_remove(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_verbs_post(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_backtest_post(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_metrics_read(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_events_read(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_artifacts_read_all(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_artifacts_read(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_checkpoints_read_all(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_checkpoints_download(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_datasets_read(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_schema_read(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_server_read(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_health_live(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_health_ready(struct imld_api *api, struct imld_request *request);
struct imld_answer imld_page_read(struct imld_api *api, struct imld_request *request);

#endif
