/* reference.c: the reference pages in Markdown, made from the tables (DESIGN §4); see resolve.h. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "spec/endpoints.h"
#include "spec/errors.h"
#include "spec/facts.h"
#include "spec/fields.h"
#include "spec/metrics.h"
#include "spec/resolve.h"
#include "spec/states.h"
#include "spec/value.h"

/* A cell of a table: "|" escaped. */
static void cell(struct imld_text *page, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            imld_text_add(page, "\\|");
        else
            imld_text_append(page, text, 1);
    }
}

static void add_default(struct imld_text *page, const struct imld_field *field)
{
    const char *help = NULL;
    if (!field->fallback)
        imld_text_add(page, "Required.");
    else if (field->fallback[0] == '\0')
        imld_text_add(page, "No default.");
    else if (imld_facts_has(field->fallback, &help))
        imld_text_printf(page, "Default: %s.", help);
    else
        imld_text_printf(page, "Default: `%s`.", field->fallback);
}

static void add_field(struct imld_text *page, const struct imld_field *field)
{
    char algorithms[IMLD_ALGORITHMS_BYTES];
    imld_text_printf(page, "## `%s`\n\n%s\n\n", field->path, field->help);
    if (field->when && field->when[0] == '!')
        imld_text_printf(page, "Only where `%s` is not given. ", field->when + 1);
    else if (field->when)
        imld_text_printf(page, "Only where `%s`. ", field->when);
    imld_text_add(page, "Needed: ");
    imld_value_rule(field, page);
    imld_text_add(page, ". ");
    add_default(page, field);
    if (field->unit[0]) imld_text_printf(page, " Unit: %s.", field->unit);
    if (field->algorithms != IMLD_ALL)
        imld_text_printf(page, " Algorithm: %s.",
                         imld_algorithms_text(field->algorithms, algorithms));
    if (field->is_patchable) imld_text_add(page, " `PATCH` may change it.");
    imld_text_add(page, "\n\n");
}

static void fields(struct imld_text *page)
{
    imld_text_add(page,
                  "# Job fields\n\nA job is one JSON document. `-` in a path stands for each item "
                  "of a list; a condition such as `kind=adam` speaks of the field `kind` beside "
                  "it. A field outside its condition, or of another algorithm, is an error, as is "
                  "an unknown one. A real with an integral value is an integer.\n\n");
    for (size_t i = 0; i < imld_field_count; i++) add_field(page, &imld_fields[i]);
}

static void metrics(struct imld_text *page)
{
    imld_text_add(page,
                  "# Metrics\n\nThe x-axis of each is `step`: inner steps done. Rows of a metric "
                  "that is not deterministic may differ between a run and the same run resumed. "
                  "Stop rules and `checkpoint.best` take metrics that are measured at evaluations, "
                  "but no `test/…`.\n\n| name | unit | better | deterministic | measured | "
                  "algorithms | meaning |\n| --- | --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < imld_metric_count; i++) {
        const struct imld_metric *const m = &imld_metrics[i];
        char algorithms[IMLD_ALGORITHMS_BYTES];
        imld_text_printf(page, "| `%s` | %s | %s | %s | %s | ", m->name, m->unit,
                         imld_better_name(m->better), m->is_deterministic ? "yes" : "no",
                         m->is_evaluated ? "at evaluations" : "at updates");
        cell(page, imld_algorithms_text(m->algorithms, algorithms));
        imld_text_add(page, " | ");
        cell(page, m->help);
        imld_text_add(page, " |\n");
    }
}

/* "running", "holds", "—"; both where a checkpoint decides. */
static void add_transition(struct imld_text *page, enum imld_verb verb, enum imld_state from)
{
    enum imld_state with = from, without = from;
    const enum imld_transition a = imld_transition_find(verb, from, true, &with);
    const enum imld_transition b = imld_transition_find(verb, from, false, &without);
    static const char *const marks[] = {"", "holds", "—"};
    const char *const x = a == IMLD_TRANSITION_LEGAL ? imld_state_name(with) : marks[a];
    const char *const y = b == IMLD_TRANSITION_LEGAL ? imld_state_name(without) : marks[b];
    if (strcmp(x, y) == 0)
        imld_text_printf(page, " %s |", x);
    else
        imld_text_printf(page, " %s; without a checkpoint: %s |", x, y);
}

static void states(struct imld_text *page)
{
    imld_text_add(page, "# States and transitions\n\nWhere each verb or event leads from each "
                        "state. *holds*: the target state holds already, nothing changes. —: "
                        "refused with 409. Users send pause, resume, stop, cancel and retry; the "
                        "others are events of the daemon.\n\n| verb or event |");
    for (unsigned i = 0; i < IMLD_STATES; i++)
        imld_text_printf(page, " from %s |", imld_state_name((enum imld_state)i));
    imld_text_add(page, "\n| --- |");
    for (unsigned i = 0; i < IMLD_STATES; i++) imld_text_add(page, " --- |");
    imld_text_add(page, "\n");
    for (unsigned v = 0; v < IMLD_VERBS; v++) {
        imld_text_printf(page, "| %s |", imld_verb_name((enum imld_verb)v));
        for (unsigned i = 0; i < IMLD_STATES; i++)
            add_transition(page, (enum imld_verb)v, (enum imld_state)i);
        imld_text_add(page, "\n");
    }
}

static void endpoints(struct imld_text *page)
{
    imld_text_add(page, "# Endpoints\n\nEach may also answer 401, 403, 404, 405, 408, 421, 429, "
                        "431, 500 and 503. HEAD is served where GET is. An unknown query argument "
                        "is a 400. Right: `none` needs no identity, `read` any caller, `submit` a "
                        "submitter, `owner` the job's owner or an admin.\n\n| request | query | "
                        "body | right | answers | meaning |\n| --- | --- | --- | --- | --- | --- "
                        "|\n");
    for (size_t i = 0; i < imld_endpoint_count; i++) {
        const struct imld_endpoint *const e = &imld_endpoints[i];
        imld_text_printf(page, "| `%s %s` | %s | %s | %s | %s | %s |\n", e->method, e->path,
                         e->query, e->request ? e->request : "", imld_right_name(e->right),
                         e->answers, e->help);
    }
}

static void errors(struct imld_text *page)
{
    imld_text_add(page, "# Errors\n\nAn error is `application/problem+json` (RFC 9457): `type`, "
                        "`title`, `status`, `detail`, and for a document `errors` with a JSON "
                        "pointer each.\n\n| status | type | title | meaning, and what to do |\n| "
                        "--- | --- | --- | --- |\n");
    for (size_t i = 0; i < imld_error_kind_count; i++) {
        const struct imld_error_kind *const e = &imld_error_kinds[i];
        imld_text_printf(page, "| %u | `%s` | %s | %s |\n", e->status, e->type, e->title, e->help);
    }
}

static const struct {
    const char *name;
    void (*write)(struct imld_text *page);
} pages[] = {
    {"endpoints", endpoints}, {"errors", errors}, {"fields", fields},
    {"metrics", metrics},     {"states", states},
};

char *imld_reference_page(const char *name)
{
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (strcmp(pages[i].name, name) != 0) continue;
        struct imld_text page = {0};
        imld_text_add(&page, "<!-- Made from the tables in spec/ by imld-reference. -->\n\n");
        pages[i].write(&page);
        return imld_text_take(&page);
    }
    return NULL;
}
