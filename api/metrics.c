/* metrics.c: GET /v1/jobs/{id}/metrics: rows as JSON columns or CSV, thinned on request (DESIGN
 * §7). */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/columns.h"
#include "api/json_text.h"
#include "api/lookup.h"
#include "api/resources.h"
#include "api/server.h"

enum { NAMES_MAX = 256, POINTS_MAX = 1000000, THIN_MIN = 10 };

/* What was asked, and how far the answer has come. */
struct query {
    int64_t job, from, to, max_points; /* max_points 0: not thinned */
    const char *cursor;                /* borrowed; NULL: from the start */
    char *names[NAMES_MAX];            /* owned */
    size_t name_count;
    size_t left; /* points that the answer may still take */
    bool is_thinned, has_more, has_failed;
    struct imld_text next; /* the cursor of the answer */
};

static bool add_name(void *context, const char *name)
{
    struct query *query = context;
    if (query->name_count == NAMES_MAX) return false;
    char *copy = strdup(name);
    if (!copy) query->has_failed = true;
    if (copy) query->names[query->name_count++] = copy;
    return copy != NULL;
}

/* ---- the cursor: for each metric a hash of its name and the last step served, "5f3a9c01.120-…"
 * ---- */

static uint32_t hash_name(const char *name)
{
    uint32_t hash = 0x811c9dc5; /* FNV-1a */
    for (const char *c = name; *c; c++) hash = (hash ^ (unsigned char)*c) * 0x01000193;
    return hash;
}

/* One "hash.step" of a cursor, which moves on; false: not one. */
static bool read_cursor_part(const char **cursor, uint32_t *hash, int64_t *step)
{
    char *end = NULL;
    if (strspn(*cursor, "0123456789abcdef") != 8 || (*cursor)[8] != '.') return false;
    *hash = (uint32_t)strtoul(*cursor, NULL, 16);
    const char *digits = *cursor + 9;
    if (*digits < '0' || *digits > '9') return false;
    errno = 0;
    *step = strtoll(digits, &end, 10);
    *cursor = *end == '-' ? end + 1 : end;
    return !errno && (*end == '\0' || (*end == '-' && end[1]));
}

static bool cursor_is_fit(const char *cursor)
{
    uint32_t hash = 0;
    int64_t step = 0;
    if (strcmp(cursor, "0") == 0) return true; /* nothing was served yet */
    do {
        if (!read_cursor_part(&cursor, &hash, &step)) return false;
    } while (*cursor);
    return true;
}

/* The last step served of a metric; -1: none. */
static int64_t served_step(const char *cursor, const char *name)
{
    const uint32_t wanted = hash_name(name);
    uint32_t hash = 0;
    int64_t step = 0;
    while (cursor && *cursor && read_cursor_part(&cursor, &hash, &step)) {
        if (hash == wanted) return step;
    }
    return -1;
}

static void note_served(struct query *query, const char *name, int64_t step)
{
    if (step < 0) return;
    imld_text_printf(&query->next, "%s%08" PRIx32 ".%" PRId64, query->next.length ? "-" : "",
                     hash_name(name), step);
}

/* ---- reading one metric ---- */

static enum iml_code read_column(struct imld_reader *reader, struct query *query, const char *name,
                                 struct imld_column *column, struct iml_error *error)
{
    const int64_t served = served_step(query->cursor, name);
    const struct imld_point_range range = {.job = query->job,
                                           .metric = name,
                                           .from = served >= query->from ? served + 1 : query->from,
                                           .to = query->to,
                                           .limit = query->left};
    if (range.from > range.to) return IML_OK;
    const enum iml_code code = imld_column_read(column, reader, &range, error);
    if (code != IML_OK) return code;
    query->has_more |= column->is_cut;
    note_served(query, name, column->count ? column->points[column->count - 1].step : served);
    if (query->max_points > 0 && column->count > (size_t)query->max_points) {
        imld_column_thin(column, (size_t)query->max_points);
        query->is_thinned = true;
    }
    query->left -= column->count;
    return IML_OK;
}

/* ---- both forms ---- */

static void write_json_column(struct imld_text *text, const char *name,
                              const struct imld_column *column)
{
    imld_json_string(text, name);
    imld_text_add(text, ":{\"step\":[");
    for (size_t i = 0; i < column->count; i++)
        imld_text_printf(text, i ? ",%" PRId64 : "%" PRId64, column->points[i].step);
    imld_text_add(text, "],\"value\":[");
    for (size_t i = 0; i < column->count; i++) {
        if (i) imld_text_add(text, ",");
        imld_json_float(text, column->points[i].value);
    }
    imld_text_add(text, "],\"kind\":{");
    bool is_first = true;
    for (size_t i = 0; i < column->count; i++) {
        const struct imld_point *point = &column->points[i];
        if (isfinite(point->value)) continue;
        imld_text_printf(text, "%s\"%" PRId64 "\":\"%s\"", is_first ? "" : ",", point->step,
                         imld_value_kind_name(imld_value_kind_of(point->value)));
        is_first = false;
    }
    imld_text_add(text, "}}");
}

/* Metric names have no comma and no quote (spec/metrics.c). */
static void write_csv_column(struct imld_text *text, const char *name,
                             const struct imld_column *column)
{
    for (size_t i = 0; i < column->count; i++) {
        const struct imld_point *point = &column->points[i];
        imld_text_printf(text, "%s,%" PRId64 ",", name, point->step);
        if (isfinite(point->value)) imld_text_float(text, point->value);
        imld_text_printf(text, ",%s\n", imld_value_kind_name(imld_value_kind_of(point->value)));
    }
}

static enum iml_code write_columns(struct imld_text *text, struct imld_reader *reader,
                                   struct query *query, bool is_csv, struct iml_error *error)
{
    for (size_t i = 0; i < query->name_count; i++) {
        struct imld_column column = {0};
        const enum iml_code code = read_column(reader, query, query->names[i], &column, error);
        if (code == IML_OK && is_csv) write_csv_column(text, query->names[i], &column);
        if (code == IML_OK && !is_csv) {
            if (i) imld_text_add(text, ",");
            write_json_column(text, query->names[i], &column);
        }
        imld_column_clear(&column);
        if (code != IML_OK) return code;
    }
    return IML_OK;
}

static struct imld_answer answer_json(struct query *query, struct imld_text *text)
{
    imld_json_key(text, "thinned");
    imld_text_add(text, query->is_thinned ? "true" : "false");
    imld_json_key(text, "more");
    imld_text_add(text, query->has_more ? "true" : "false");
    imld_json_key(text, "cursor");
    imld_json_string(text, query->next.length ? query->next.bytes : "0");
    imld_text_add(text, "}");
    return imld_answer_json(200, text);
}

static struct imld_answer answer_csv(struct query *query, struct imld_text *text)
{
    struct imld_answer answer = imld_answer_json(200, text);
    if (answer.status != 200) return answer;
    answer.content_type = "text/csv; charset=utf-8";
    imld_answer_header(&answer, "X-Cursor", "%s", query->next.length ? query->next.bytes : "0");
    imld_answer_header(&answer, "X-More", query->has_more ? "true" : "false");
    imld_answer_header(&answer, "X-Thinned", query->is_thinned ? "true" : "false");
    return answer;
}

/* ---- what was asked ---- */

static void split_names(struct query *query, const char *list, struct imld_problems *problems)
{
    while (*list) {
        const size_t length = strcspn(list, ",");
        char *name = strndup(list, length);
        if (length > 0 && (!name || !add_name(query, name)))
            imld_problems_add(problems, "?names", "too many names (at most %d)", NAMES_MAX);
        free(name);
        list += length;
        list += strspn(list, ",");
    }
    if (query->name_count == 0) imld_problems_add(problems, "?names", "names no metric");
}

static void read_query(const struct imld_request *request, struct query *query,
                       struct imld_problems *problems)
{
    const char *names = imld_request_argument(request, "names");
    query->left = POINTS_MAX;
    if (names) split_names(query, names, problems);
    (void)imld_request_number(request, "from", 0, INT64_MAX, 0, &query->from, problems);
    (void)imld_request_number(request, "to", 0, INT64_MAX, INT64_MAX, &query->to, problems);
    (void)imld_request_number(request, "max_points", THIN_MIN, POINTS_MAX, 0, &query->max_points,
                              problems);
    query->cursor = imld_request_argument(request, "cursor");
    if (query->cursor && !cursor_is_fit(query->cursor))
        imld_problems_add(problems, "?cursor", "is not a cursor of this list");
}

enum form { FORM_JSON, FORM_CSV, FORM_NONE };

/* The first type of Accept that we can make; quality values beside, since we have two forms
 * only. */
static enum form accepted(const char *accept)
{
    if (!accept || !*accept) return FORM_JSON;
    const char *csv = strstr(accept, "text/csv"), *json = strstr(accept, "application/json");
    if (csv && (!json || csv < json)) return FORM_CSV;
    const bool takes_any = strstr(accept, "*/*") || strstr(accept, "application/*");
    if (json || takes_any) return FORM_JSON;
    return strstr(accept, "text/*") ? FORM_CSV : FORM_NONE;
}

struct imld_answer imld_metrics_read(struct imld_api *api, struct imld_request *request)
{
    (void)api;
    struct imld_answer answer;
    struct imld_problems problems = {0};
    struct imld_job job = {0};
    struct imld_text text = {0};
    struct iml_error error = {0};
    struct query query = {0};
    struct imld_reader *reader = NULL;
    const enum form form = accepted(request->headers[IMLD_HEADER_ACCEPT]);
    enum iml_code code = IML_OK;

    read_query(request, &query, &problems);
    if (problems.total > 0 || form == FORM_NONE) {
        answer = problems.total > 0 ? imld_answer_problems(400, &problems)
                                    : imld_answer_problem(406, "there are JSON and CSV only");
        goto out;
    }
    if (!imld_lookup_job(request, &reader, &job, &answer)) goto out;
    query.job = job.number;
    if (query.name_count == 0)
        code = imld_points_metrics(reader, job.number, add_name, &query, &error);
    imld_text_add(&text, form == FORM_CSV ? "metric,step,value,kind\n" : "{\"metrics\":{");
    if (code == IML_OK) code = write_columns(&text, reader, &query, form == FORM_CSV, &error);
    if (code == IML_OK && query.has_failed)
        code = iml_error_set(&error, IML_ERROR_MEMORY, "out of memory");
    if (form == FORM_JSON) imld_text_add(&text, "}");
    if (code != IML_OK)
        answer = imld_answer_error(&error);
    else
        answer = form == FORM_CSV ? answer_csv(&query, &text) : answer_json(&query, &text);
out:
    for (size_t i = 0; i < query.name_count; i++) free(query.names[i]);
    imld_reader_give(reader);
    imld_job_clear(&job);
    imld_text_clear(&query.next);
    imld_text_clear(&text);
    imld_problems_clear(&problems);
    return answer;
}
