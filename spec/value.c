/* value.c: one value against one row of the field table (DESIGN §4); see value.h. */
#include "spec/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spec/metrics.h"
#include "spec/nearest.h"
#include "spec/pointer.h"

/* What a check is about. */
struct check {
    const struct imld_field *field;
    unsigned algorithms;
    const json_t *value;
    const char *pointer;
    struct imld_problems *problems;
};

struct type {
    /* NULL: the value breaks the rule, and a problem has been added */
    json_t *(*check)(const struct check *check);
    void (*rule)(const struct imld_field *field, struct imld_text *text);
};

/* "found …; … is needed", with a hint that may be empty. */
static json_t *refuse(const struct check *check, const char *hint)
{
    char found[IMLD_EXCERPT_BYTES];
    struct imld_text rule = {0};
    imld_excerpt(found, check->value);
    struct imld_field field = *check->field;
    field.algorithms &= check->algorithms; /* what another algorithm may say is no help here */
    imld_value_rule(&field, &rule);
    imld_problems_add(check->problems, check->pointer, "found %s; needed is %s%s", found,
                      rule.bytes ? rule.bytes : "another value", hint);
    imld_text_clear(&rule);
    return NULL;
}

/* NULL: not an integer in the range. Exact: all bounds are far below 2⁵³. */
static json_t *integer_of(const struct imld_field *field, const json_t *value)
{
    if (!json_is_number(value)) return NULL;
    const double number = json_number_value(value);
    if (!(number >= field->minimum && number <= field->maximum) || number != floor(number))
        return NULL;
    return json_integer((json_int_t)number);
}

static json_t *number_of(const struct imld_field *field, const json_t *value)
{
    if (!json_is_number(value)) return NULL;
    const double number = json_number_value(value);
    if (!(number >= field->minimum && number <= field->maximum)) return NULL;
    return json_deep_copy(value);
}

static json_t *text_of(const struct imld_field *field, const json_t *value)
{
    if (!json_is_string(value)) return NULL;
    const double characters = (double)imld_characters(json_string_value(value));
    if (characters < field->minimum || characters > field->maximum) return NULL;
    return json_deep_copy(value);
}

static json_t *check_integer(const struct check *check)
{
    json_t *const result = integer_of(check->field, check->value);
    return result ? result : refuse(check, "");
}

static json_t *check_number(const struct check *check)
{
    json_t *const result = number_of(check->field, check->value);
    return result ? result : refuse(check, "");
}

static json_t *check_boolean(const struct check *check)
{
    return json_is_boolean(check->value) ? json_deep_copy(check->value) : refuse(check, "");
}

static json_t *check_text(const struct check *check)
{
    json_t *const result = text_of(check->field, check->value);
    if (result) return result;
    char hint[64] = "";
    if (json_is_string(check->value))
        (void)snprintf(hint, sizeof hint, "; this one has %zu",
                       imld_characters(json_string_value(check->value)));
    return refuse(check, hint);
}

/* The form that a set's name has, so that no path ever gets past here (DESIGN §8). */
static json_t *check_set_name(const struct check *check)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    const char *const name = json_string_value(check->value);
    json_t *const text = text_of(check->field, check->value);
    if (text && strchr(first, name[0]) && !strstr(name, "..") &&
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == strlen(name))
        return text;
    json_decref(text);
    return refuse(check, "");
}

static json_t *check_choice(const struct check *check)
{
    const char *const word = json_string_value(check->value);
    if (word && imld_choices_have(check->field->choices, word)) return json_deep_copy(check->value);
    char near[65], hint[96] = "";
    if (word && imld_nearest_choice(word, check->field->choices, near, sizeof near))
        (void)snprintf(hint, sizeof hint, "; did you mean \"%s\"?", near);
    return refuse(check, hint);
}

static bool is_metric_for_rules(const struct imld_metric *metric, unsigned algorithms)
{
    return metric->is_evaluated && metric->better != IMLD_BETTER_NONE &&
           (metric->algorithms & algorithms) && strncmp(metric->name, "test/", 5) != 0;
}

static const char *nearest_metric(const char *word, unsigned algorithms)
{
    const char *nearest = NULL;
    unsigned best = IMLD_FAR;
    for (size_t i = 0; i < imld_metric_count; i++) {
        if (!is_metric_for_rules(&imld_metrics[i], algorithms)) continue;
        const unsigned distance = imld_distance(word, imld_metrics[i].name);
        if (distance >= best) continue;
        best = distance;
        nearest = imld_metrics[i].name;
    }
    return nearest && imld_is_near(best, word) ? nearest : NULL;
}

static json_t *check_metric(const struct check *check)
{
    const char *const word = json_string_value(check->value);
    const struct imld_metric *const metric = word ? imld_metric_find(word) : NULL;
    if (metric && is_metric_for_rules(metric, check->algorithms))
        return json_deep_copy(check->value);
    const char *const nearest = word && !metric ? nearest_metric(word, check->algorithms) : NULL;
    char hint[96] = "";
    if (word && strncmp(word, "test/", 5) == 0)
        (void)snprintf(hint, sizeof hint, "; test images never decide anything");
    else if (nearest)
        (void)snprintf(hint, sizeof hint, "; did you mean \"%s\"?", nearest);
    return refuse(check, hint);
}

/* "auto" or a number. */
static json_t *check_step_size(const struct check *check)
{
    const char *const word = json_string_value(check->value);
    if (word && strcmp(word, "auto") == 0) return json_deep_copy(check->value);
    json_t *const result = number_of(check->field, check->value);
    return result ? result : refuse(check, "");
}

/* A list of values that item_of takes; each that it does not is a problem of its own. */
static json_t *check_list(const struct check *check, enum imld_field_type item_type,
                          json_t *(*item_of)(const struct imld_field *, const json_t *))
{
    const struct imld_field *const field = check->field;
    struct imld_field item_field = *field;
    item_field.type = item_type;
    const size_t count = json_array_size(check->value);
    if (!json_is_array(check->value) || count < field->items_minimum ||
        count > field->items_maximum)
        return refuse(check, "");
    json_t *const list = json_array();
    bool is_whole = list != NULL;
    for (size_t i = 0; i < count && list; i++) {
        char pointer[IMLD_POINTER_BYTES];
        struct check item = *check;
        item.field = &item_field;
        item.value = json_array_get(check->value, i);
        item.pointer = pointer;
        imld_pointer_item(pointer, check->pointer, i);
        json_t *const value = item_of(field, item.value);
        if (value && json_array_append_new(list, value) == 0) continue;
        is_whole = false;
        if (!value) refuse(&item, "");
    }
    if (is_whole) return list;
    json_decref(list);
    return NULL;
}

static json_t *check_integers(const struct check *check)
{
    return check_list(check, IMLD_INTEGER, integer_of);
}

static json_t *check_numbers(const struct check *check)
{
    return check_list(check, IMLD_NUMBER, number_of);
}

/* No two the same: tags are a set. */
static json_t *check_texts(const struct check *check)
{
    json_t *const list = check_list(check, IMLD_TEXT, text_of);
    const size_t problems = check->problems->total;
    for (size_t i = 1; i < json_array_size(list); i++) {
        for (size_t j = 0; j < i; j++) {
            if (!json_equal(json_array_get(list, i), json_array_get(list, j))) continue;
            char pointer[IMLD_POINTER_BYTES], found[IMLD_EXCERPT_BYTES];
            imld_pointer_item(pointer, check->pointer, i);
            imld_excerpt(found, json_array_get(list, i));
            imld_problems_add(check->problems, pointer, "found %s again; item %zu is the same",
                              found, j);
            break;
        }
    }
    if (check->problems->total == problems) return list;
    json_decref(list);
    return NULL;
}

static json_t *check_objects(const struct check *check)
{
    const size_t count = json_array_size(check->value);
    if (json_is_array(check->value) && count >= check->field->items_minimum &&
        count <= check->field->items_maximum)
        return json_array();
    return refuse(check, "");
}

static json_t *check_section(const struct check *check)
{
    if (json_is_object(check->value)) return json_object();
    return refuse(check, "");
}

static void rule_range(const struct imld_field *field, struct imld_text *text)
{
    imld_text_printf(text, " from %.10g to %.10g", field->minimum, field->maximum);
}

static void rule_items(const struct imld_field *field, struct imld_text *text)
{
    if (field->items_minimum == field->items_maximum)
        imld_text_printf(text, "a list of %u ", field->items_maximum);
    else if (field->items_minimum > 0)
        imld_text_printf(text, "a list of %u to %u ", field->items_minimum, field->items_maximum);
    else
        imld_text_printf(text, "a list of at most %u ", field->items_maximum);
}

static void rule_integer(const struct imld_field *field, struct imld_text *text)
{
    imld_text_add(text, "an integer");
    rule_range(field, text);
}

static void rule_number(const struct imld_field *field, struct imld_text *text)
{
    imld_text_add(text, "a number");
    rule_range(field, text);
}

static void rule_boolean(const struct imld_field *field, struct imld_text *text)
{
    (void)field;
    imld_text_add(text, "true or false");
}

static void rule_text(const struct imld_field *field, struct imld_text *text)
{
    if (field->minimum > 0)
        imld_text_printf(text, "a text of %.10g to %.10g characters", field->minimum,
                         field->maximum);
    else
        imld_text_printf(text, "a text of at most %.10g characters", field->maximum);
}

static void rule_set_name(const struct imld_field *field, struct imld_text *text)
{
    imld_text_printf(text,
                     "the name of a data set: a-z, 0-9 and inside also . _ -, without \"..\", at "
                     "most %.10g characters",
                     field->maximum);
}

static void rule_choice(const struct imld_field *field, struct imld_text *text)
{
    if (!strchr(field->choices, '|')) {
        imld_text_printf(text, "\"%s\"", field->choices);
        return;
    }
    imld_text_add(text, "one of ");
    for (const char *c = field->choices; *c; c++) {
        if (*c == '|')
            imld_text_add(text, ", ");
        else
            imld_text_append(text, c, 1);
    }
}

static void rule_metric(const struct imld_field *field, struct imld_text *text)
{
    imld_text_add(text, "one of ");
    const char *separator = "";
    for (size_t i = 0; i < imld_metric_count; i++) {
        if (!is_metric_for_rules(&imld_metrics[i], field->algorithms)) continue;
        imld_text_printf(text, "%s%s", separator, imld_metrics[i].name);
        separator = ", ";
    }
}

static void rule_step_size(const struct imld_field *field, struct imld_text *text)
{
    imld_text_add(text, "\"auto\" or ");
    rule_number(field, text);
}

static void rule_integers(const struct imld_field *field, struct imld_text *text)
{
    rule_items(field, text);
    imld_text_add(text, "integers");
    rule_range(field, text);
}

static void rule_numbers(const struct imld_field *field, struct imld_text *text)
{
    rule_items(field, text);
    imld_text_add(text, "numbers");
    rule_range(field, text);
}

static void rule_texts(const struct imld_field *field, struct imld_text *text)
{
    rule_items(field, text);
    imld_text_printf(text, "different texts of %.10g to %.10g characters", field->minimum,
                     field->maximum);
}

static void rule_objects(const struct imld_field *field, struct imld_text *text)
{
    rule_items(field, text);
    imld_text_add(text, "objects");
}

static void rule_section(const struct imld_field *field, struct imld_text *text)
{
    (void)field;
    imld_text_add(text, "an object");
}

static const struct type types[IMLD_FIELD_TYPES] = {
    [IMLD_INTEGER] = {check_integer, rule_integer},
    [IMLD_NUMBER] = {check_number, rule_number},
    [IMLD_BOOLEAN] = {check_boolean, rule_boolean},
    [IMLD_TEXT] = {check_text, rule_text},
    [IMLD_SET_NAME] = {check_set_name, rule_set_name},
    [IMLD_CHOICE] = {check_choice, rule_choice},
    [IMLD_METRIC] = {check_metric, rule_metric},
    [IMLD_INTEGERS] = {check_integers, rule_integers},
    [IMLD_TEXTS] = {check_texts, rule_texts},
    [IMLD_NUMBERS] = {check_numbers, rule_numbers},
    [IMLD_STEP_SIZE] = {check_step_size, rule_step_size},
    [IMLD_OBJECTS] = {check_objects, rule_objects},
    [IMLD_SECTION] = {check_section, rule_section},
};

json_t *imld_value_check(const struct imld_field *field, unsigned algorithms, const json_t *value,
                         const char *pointer, struct imld_problems *problems)
{
    const struct check check = {field, algorithms, value, pointer, problems};
    return types[field->type].check(&check);
}

void imld_value_rule(const struct imld_field *field, struct imld_text *text)
{
    types[field->type].rule(field, text);
}
