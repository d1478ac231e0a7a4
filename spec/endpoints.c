/* endpoints.c: the table of HTTP endpoints (DESIGN §7); see endpoints.h. */
#include "spec/endpoints.h"

#define JSON "application/json"

/* clang-format off */
const struct imld_endpoint imld_endpoints[] = {
    {"page", "GET", "/", IMLD_RIGHT_NONE, "", NULL, "200 304",
     "The page: jobs with state, progress, best value and a curve."},
    {"page_script", "GET", "/page.js", IMLD_RIGHT_NONE, "", NULL, "200 304",
     "The page's script: a file of its own, since the page's policy allows none inside of it."},
    {"page_style", "GET", "/page.css", IMLD_RIGHT_NONE, "", NULL, "200 304",
     "The page's style."},
    {"healthz", "GET", "/healthz", IMLD_RIGHT_NONE, "", NULL, "200",
     "200 as long as the process answers."},
    {"readyz", "GET", "/readyz", IMLD_RIGHT_NONE, "", NULL, "200 503",
     "200 when jobs are taken and run; 503 while starting, ending, or waiting for storage."},
    {"schema_get", "GET", "/v1/schema", IMLD_RIGHT_READ, "", NULL, "200 304",
     "The tables of job fields, metrics and states, as JSON."},
    {"server_get", "GET", "/v1/server", IMLD_RIGHT_READ, "", NULL, "200",
     "The daemon's version, limits, load and storage."},
    {"datasets_list", "GET", "/v1/datasets", IMLD_RIGHT_READ, "", NULL, "200 503",
     "The data sets under the data roots, with form, shape, classes and counts of images."},
    {"jobs_create", "POST", "/v1/jobs", IMLD_RIGHT_SUBMIT, "dry_run", JSON, "200 201 400 410 413 415 422 503",
     "Submits a job: 201 and its Location once it is durable; with dry_run=true 200 with the resolved spec and planned memory, and nothing is stored."},
    {"jobs_list", "GET", "/v1/jobs", IMLD_RIGHT_READ, "state owner tag name limit cursor", NULL, "200 400",
     "Jobs, newest first, filtered; cursor continues a list."},
    {"jobs_get", "GET", "/v1/jobs/{id}", IMLD_RIGHT_READ, "", NULL, "200 304 404",
     "One job, with its resolved spec; the ETag changes with it."},
    {"jobs_patch", "PATCH", "/v1/jobs/{id}", IMLD_RIGHT_OWNER, "", JSON, "200 400 404 412 413 415 422 503",
     "Changes name, note, tags, priority or early_stopping, also while the job runs."},
    {"jobs_delete", "DELETE", "/v1/jobs/{id}", IMLD_RIGHT_OWNER, "", NULL, "204 404 409 503",
     "Deletes an ended job with its rows and files."},
    {"jobs_stop", "POST", "/v1/jobs/{id}/stop", IMLD_RIGHT_OWNER, "wait", NULL, "200 202 400 404 409 503",
     "Ends the job in good order, with the best weights restored."},
    {"jobs_cancel", "POST", "/v1/jobs/{id}/cancel", IMLD_RIGHT_OWNER, "wait", NULL, "200 202 400 404 409 503",
     "Ends the job at once, without a result."},
    {"jobs_pause", "POST", "/v1/jobs/{id}/pause", IMLD_RIGHT_OWNER, "wait", NULL, "200 202 400 404 409 503",
     "Holds the job after a checkpoint, until resume."},
    {"jobs_resume", "POST", "/v1/jobs/{id}/resume", IMLD_RIGHT_OWNER, "wait", NULL, "200 202 400 404 409 503",
     "Puts a paused job back into the queue; it goes on from its last state."},
    {"jobs_retry", "POST", "/v1/jobs/{id}/retry", IMLD_RIGHT_OWNER, "wait", NULL, "200 202 400 404 409 503",
     "Puts a failed or cancelled job back into the queue, from its last checkpoint."},
    {"jobs_backtest", "POST", "/v1/jobs/{id}/early_stopping/backtest", IMLD_RIGHT_READ, "", JSON, "200 400 404 409 413 415 422",
     "Where the stop rules of the body, {early_stopping: […]}, would have ended the job's recorded curve: rule, numbers and step (null: none fires); nothing is stored."},
    {"metrics_get", "GET", "/v1/jobs/{id}/metrics", IMLD_RIGHT_READ, "names from to max_points cursor", NULL, "200 400 404 406",
     "Metric rows as JSON columns, or as CSV with Accept: text/csv; max_points thins and keeps minimum and maximum."},
    {"events_get", "GET", "/v1/jobs/{id}/events", IMLD_RIGHT_READ, "limit cursor", NULL, "200 400 404",
     "The job's log, oldest first; cursor continues it."},
    {"artifacts_list", "GET", "/v1/jobs/{id}/artifacts", IMLD_RIGHT_READ, "limit cursor", NULL, "200 400 404",
     "What the job measured beside numbers (lens, spectrum, reports): names and steps, sorted; cursor continues the list."},
    {"artifacts_get", "GET", "/v1/jobs/{id}/artifacts/{name}", IMLD_RIGHT_READ, "step", NULL, "200 304 400 404",
     "An artifact as JSON: name, step and its entries; the newest, or that of ?step=N. A number that is not finite is null, and not_finite tells its kind."},
    {"checkpoints_list", "GET", "/v1/jobs/{id}/checkpoints", IMLD_RIGHT_READ, "", NULL, "200 404",
     "The job's checkpoints with step, bytes and SHA-256."},
    {"checkpoints_get", "GET", "/v1/jobs/{id}/checkpoints/{name}", IMLD_RIGHT_READ, "", NULL, "200 206 304 404 412 416",
     "A checkpoint's safetensors file; Range is served, the ETag is its SHA-256."},
};
/* clang-format on */

const size_t imld_endpoint_count = sizeof imld_endpoints / sizeof imld_endpoints[0];

const char *imld_right_name(enum imld_right right)
{
    static const char *const names[] = {
        [IMLD_RIGHT_NONE] = "none",   [IMLD_RIGHT_READ] = "read",   [IMLD_RIGHT_SUBMIT] = "submit",
        [IMLD_RIGHT_OWNER] = "owner", [IMLD_RIGHT_ADMIN] = "admin",
    };
    return names[right];
}
