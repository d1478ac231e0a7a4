/* server_info.c: GET /v1/server: the daemon's own part (program, limits, load), storage, jobs by
 * state, and who asks. */
#include <inttypes.h>

#include "api/json_text.h"
#include "api/resources.h"
#include "api/server.h"
#include "storage/jobs.h"

static void add_count(struct imld_text *text, const char *key, uint64_t value)
{
    imld_json_key(text, key);
    imld_text_printf(text, "%" PRIu64, value);
}

static void add_storage(struct imld_text *text, struct imld_storage *storage)
{
    struct imld_storage_facts facts = {0};
    struct iml_error why = {0};
    imld_storage_describe(storage, &facts);
    const bool is_healthy = imld_storage_is_healthy(storage, &why);
    imld_json_key(text, "storage");
    imld_text_add(text, "{");
    imld_json_key(text, "healthy");
    imld_text_add(text, is_healthy ? "true" : "false");
    imld_json_key(text, "fault");
    imld_json_string(text, is_healthy ? NULL : why.what);
    add_count(text, "database_bytes", facts.database_bytes);
    add_count(text, "wal_bytes", facts.wal_bytes);
    add_count(text, "checkpoint_bytes", facts.checkpoint_bytes);
    add_count(text, "free_bytes", facts.free_bytes);
    add_count(text, "commits", facts.commits);
    add_count(text, "rows", facts.rows);
    add_count(text, "queue_length", facts.queue_length);
    imld_text_add(text, "}");
}

static enum iml_code add_jobs(struct imld_text *text, struct imld_storage *storage,
                              struct iml_error *error)
{
    int64_t counts[IMLD_STATES] = {0};
    struct imld_reader *reader = imld_reader_take(storage, error);
    if (!reader) return error->code;
    const enum iml_code code = imld_jobs_count(reader, counts, error);
    imld_reader_give(reader);
    imld_json_key(text, "jobs");
    imld_text_add(text, "{");
    for (unsigned state = 0; state < IMLD_STATES; state++)
        add_count(text, imld_state_name((enum imld_state)state), (uint64_t)counts[state]);
    imld_text_add(text, "}");
    return code;
}

static void add_daemon(struct imld_text *text, const struct imld_control *control)
{
    json_t *server = control->server(control->context);
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(server, key, value)
    {
        imld_json_key(text, key);
        imld_json_value(text, value);
    }
    json_decref(server);
}

static void add_limits(struct imld_text *text, const struct imld_api_limits *limits)
{
    imld_json_key(text, "limits");
    imld_text_add(text, "{");
    add_count(text, "body_bytes", limits->body_bytes);
    add_count(text, "url_bytes", limits->url_bytes);
    add_count(text, "connections", limits->connections);
    add_count(text, "connections_per_user", limits->connections_per_user);
    add_count(text, "idle_seconds", limits->idle_seconds);
    add_count(text, "request_seconds", limits->request_seconds);
    add_count(text, "commit_seconds", limits->commit_seconds);
    imld_text_add(text, "}");
}

struct imld_answer imld_server_read(struct imld_api *api, struct imld_request *request)
{
    struct imld_text text = {0};
    struct iml_error error = {0};
    imld_text_add(&text, "{");
    add_daemon(&text, api->control);
    add_storage(&text, api->storage);
    add_limits(&text, &api->limits);
    imld_json_key(&text, "caller");
    imld_text_add(&text, "{\"user\":");
    imld_json_string(&text, request->caller.user);
    imld_json_key(&text, "role");
    imld_json_string(&text, request->caller.is_admin ? "admin" : "owner");
    imld_text_add(&text, "}");
    const enum iml_code code = add_jobs(&text, api->storage, &error);
    imld_text_add(&text, "}");
    if (code == IML_OK) return imld_answer_json(200, &text);
    imld_text_clear(&text);
    return imld_answer_error(&error);
}
