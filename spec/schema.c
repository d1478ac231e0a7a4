/* schema.c: the tables as JSON, for GET /v1/schema (DESIGN §7); see resolve.h. */
#include <string.h>

#include "spec/facts.h"
#include "spec/fallback.h"
#include "spec/fields.h"
#include "spec/metrics.h"
#include "spec/resolve.h"
#include "spec/states.h"

static void set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value);
}

/* "a|b" as a list. */
static json_t *words(const char *text)
{
    json_t *const list = json_array();
    while (*text) {
        const size_t length = strcspn(text, "|");
        (void)json_array_append_new(list, json_stringn(text, length));
        text += length;
        if (*text == '|') text++;
    }
    return list;
}

/* A bound without a fraction as an integer: 1000000, not 1e6. */
static json_t *bound(double value)
{
    const bool is_integer = value >= -1e15 && value <= 1e15 && value == (double)(json_int_t)value;
    return is_integer ? json_integer((json_int_t)value) : json_real(value);
}

static void set_default(json_t *object, const struct imld_field *field)
{
    const char *help = NULL;
    set(object, "required", json_boolean(field->fallback == NULL));
    set(object, "default", json_null());
    if (!field->fallback || field->fallback[0] == '\0') return;
    const struct imld_facts usual = {0};
    const char *const text = imld_facts_text(field->fallback, &usual);
    if (imld_facts_has(field->fallback, &help))
        set(object, "default_rule", json_string(help));
    else
        set(object, "default", imld_fallback_value(field->fallback));
    if (text) set(object, "default", imld_fallback_value(text));
}

static json_t *field_json(const struct imld_field *field)
{
    json_t *const object = json_object();
    char algorithms[IMLD_ALGORITHMS_BYTES];
    set(object, "path", json_string(field->path));
    set(object, "algorithms", words(imld_algorithms_text(field->algorithms, algorithms)));
    set(object, "when", field->when ? json_string(field->when) : json_null());
    set(object, "type", json_string(imld_field_type_name(field->type)));
    set_default(object, field);
    const bool has_bounds = field->maximum > 0;
    set(object, "minimum", has_bounds ? bound(field->minimum) : json_null());
    set(object, "maximum", has_bounds ? bound(field->maximum) : json_null());
    if (field->items_maximum > 0) {
        set(object, "items_minimum", json_integer(field->items_minimum));
        set(object, "items_maximum", json_integer(field->items_maximum));
    }
    if (field->choices) set(object, "choices", words(field->choices));
    set(object, "unit", json_string(field->unit));
    set(object, "patchable", json_boolean(field->is_patchable));
    set(object, "help", json_string(field->help));
    return object;
}

static json_t *metric_json(const struct imld_metric *metric)
{
    json_t *const object = json_object();
    char algorithms[IMLD_ALGORITHMS_BYTES];
    set(object, "name", json_string(metric->name));
    set(object, "unit", json_string(metric->unit));
    set(object, "better", json_string(imld_better_name(metric->better)));
    set(object, "deterministic", json_boolean(metric->is_deterministic));
    set(object, "at_evaluations", json_boolean(metric->is_evaluated));
    set(object, "algorithms", words(imld_algorithms_text(metric->algorithms, algorithms)));
    set(object, "help", json_string(metric->help));
    return object;
}

/* The verbs that a user may send in that state. */
static json_t *state_json(enum imld_state state)
{
    json_t *const object = json_object(), *const verbs = json_array();
    for (unsigned i = 0; i < IMLD_VERBS; i++) {
        const enum imld_verb verb = (enum imld_verb)i;
        enum imld_state to = state;
        if (imld_verb_is_users(verb) &&
            imld_transition_find(verb, state, true, &to) == IMLD_TRANSITION_LEGAL)
            (void)json_array_append_new(verbs, json_string(imld_verb_name(verb)));
    }
    set(object, "name", json_string(imld_state_name(state)));
    set(object, "ended", json_boolean(imld_state_has_ended(state)));
    set(object, "verbs", verbs);
    return object;
}

json_t *imld_schema(void)
{
    json_t *const fields = json_array(), *const metrics = json_array(),
                  *const states = json_array();
    for (size_t i = 0; i < imld_field_count; i++)
        (void)json_array_append_new(fields, field_json(&imld_fields[i]));
    for (size_t i = 0; i < imld_metric_count; i++)
        (void)json_array_append_new(metrics, metric_json(&imld_metrics[i]));
    for (unsigned i = 0; i < IMLD_STATES; i++)
        (void)json_array_append_new(states, state_json((enum imld_state)i));
    json_t *const schema = json_object();
    set(schema, "fields", fields);
    set(schema, "metrics", metrics);
    set(schema, "states", states);
    return schema;
}
