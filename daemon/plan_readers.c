/* plan_readers.c: one reader a type of value of a resolved job; see plan_readers.h. */
#include "daemon/plan_readers.h"

#include <string.h>

#include "imld/trainer.h"

bool imld_read_size(const json_t *value, const struct imld_binding *binding, void *field)
{
    (void)binding;
    const double number = json_number_value(value); /* an integral real is an integer here */
    if (!json_is_number(value) || number < 0 || number > 1e15) return false;
    *(size_t *)field = (size_t)number;
    return true;
}

bool imld_read_unsigned(const json_t *value, const struct imld_binding *binding, void *field)
{
    size_t size = 0;
    if (!imld_read_size(value, binding, &size) || size > UINT32_MAX) return false;
    *(uint32_t *)field = (uint32_t)size;
    return true;
}

bool imld_read_double(const json_t *value, const struct imld_binding *binding, void *field)
{
    (void)binding;
    *(double *)field = json_number_value(value);
    return json_is_number(value);
}

bool imld_read_bool(const json_t *value, const struct imld_binding *binding, void *field)
{
    (void)binding;
    *(bool *)field = json_is_true(value);
    return json_is_boolean(value);
}

bool imld_read_negated(const json_t *value, const struct imld_binding *binding, void *field)
{
    (void)binding;
    *(bool *)field = json_is_false(value);
    return json_is_boolean(value);
}

bool imld_read_text(const json_t *value, const struct imld_binding *binding, void *field)
{
    (void)binding;
    *(const char **)field = json_string_value(value);
    return json_is_string(value);
}

bool imld_read_choice(const json_t *value, const struct imld_binding *binding, void *field)
{
    const char *name = json_string_value(value);
    for (unsigned i = 0; name && binding->names[i]; i++) {
        if (strcmp(binding->names[i], name) != 0) continue;
        memcpy(field, &i, sizeof i); /* enums of the engine count from 0 and are unsigned */
        return true;
    }
    return false;
}

bool imld_read_step_size(const json_t *value, const struct imld_binding *binding, void *field)
{
    if (!json_is_string(value)) return imld_read_double(value, binding, field);
    *(double *)field = 0;
    return strcmp(json_string_value(value), "auto") == 0;
}

static bool read_widths(const json_t *value, size_t *count, size_t widths[IML_HIDDEN_MAX])
{
    *count = json_array_size(value);
    if (!json_is_array(value) || *count > IML_HIDDEN_MAX) return false;
    for (size_t i = 0; i < *count; i++)
        if (!imld_read_size(json_array_get(value, i), NULL, &widths[i])) return false;
    return true;
}

bool imld_read_hidden(const json_t *value, const struct imld_binding *binding, void *field)
{
    struct iml_model_options *model = field;
    (void)binding;
    return read_widths(value, &model->hidden_count, model->hidden);
}

bool imld_read_presence(const json_t *value, const struct imld_binding *binding, void *field)
{
    (void)binding;
    *(bool *)field = json_is_object(value);
    return json_is_object(value);
}

bool imld_read_flip(const json_t *value, const struct imld_binding *binding, void *field)
{
    (void)binding;
    *(enum iml_view_flip *)field = json_is_true(value) ? IML_VIEW_FLIP_HALF : IML_VIEW_FLIP_NEVER;
    return json_is_boolean(value);
}

bool imld_read_classes(const json_t *value, const struct imld_binding *binding, void *field)
{
    struct iml_data_options *data = field;
    data->pool.known_count = json_array_size(value);
    if (!json_is_array(value) || data->pool.known_count > IML_CLASSES_MAX) return false;
    for (size_t i = 0; i < data->pool.known_count; i++) {
        size_t class_number = 0;
        if (!imld_read_size(json_array_get(value, i), binding, &class_number) ||
            class_number >= IML_CLASSES_MAX)
            return false;
        data->known[i] = (uint8_t)class_number;
    }
    data->pool.known = data->known;
    return true;
}

bool imld_read_clamp(const json_t *value, const struct imld_binding *binding, void *field)
{
    struct iml_knowledge_options *knowledge = field;
    return json_array_size(value) == 2 &&
           imld_read_double(json_array_get(value, 0), binding, &knowledge->clamp_low) &&
           imld_read_double(json_array_get(value, 1), binding, &knowledge->clamp_high);
}

bool imld_read_trainer_kind(const json_t *value, const struct imld_binding *binding, void *field)
{
    (void)binding;
    const struct iml_trainer_kind **kind = field;
    *kind = json_is_string(value) ? iml_trainer_kind_find(json_string_value(value)) : NULL;
    return *kind != NULL;
}

bool imld_read_optimizer_kind(const json_t *value, const struct imld_binding *binding, void *field)
{
    (void)binding;
    const struct iml_optimizer_kind **kind = field;
    *kind = json_is_string(value) ? iml_optimizer_kind_find(json_string_value(value)) : NULL;
    return *kind != NULL;
}

bool imld_read_knowledge_kind(const json_t *value, const struct imld_binding *binding, void *field)
{
    (void)binding;
    const struct iml_knowledge_kind **kind = field;
    *kind = json_is_string(value) ? iml_knowledge_kind_find(json_string_value(value)) : NULL;
    return *kind != NULL;
}

bool imld_read_known(const json_t *value, const struct imld_binding *binding, void *field)
{
    const char *name = json_string_value(value);
    if (!name || strcmp(name, "none") != 0) return imld_read_knowledge_kind(value, binding, field);
    *(const struct iml_knowledge_kind **)field = NULL;
    return true;
}

bool imld_read_solver_kind(const json_t *value, const struct imld_binding *binding, void *field)
{
    (void)binding;
    const struct iml_solver_kind **kind = field;
    *kind = json_is_string(value) ? iml_solver_kind_find(json_string_value(value)) : NULL;
    return *kind != NULL;
}

bool imld_read_model_kind(const json_t *value, const struct imld_binding *binding, void *field)
{
    (void)binding;
    const struct iml_model_kind **kind = field;
    *kind = json_is_string(value) ? iml_model_kind_find(json_string_value(value)) : NULL;
    return *kind != NULL;
}

bool imld_read_form(const json_t *value, const struct imld_binding *binding, void *field)
{
    struct iml_trainer_options *options = field;
    const char *const name = json_string_value(value);
    (void)binding;
    if (!name) return false;
    const bool is_free = strcmp(name, "weights_per_example") == 0;
    options->meta.knowledge.kind = iml_knowledge_kind_find(is_free ? name : "confidence");
    if (strcmp(name, "shared") == 0) options->confidence.input = IML_WEIGHER_FEATURES;
    return is_free || strcmp(name, "shared") == 0 || strcmp(name, "separate") == 0;
}

bool imld_read_weigher_hidden(const json_t *value, const struct imld_binding *binding, void *field)
{
    struct iml_weigher_options *weigher = field;
    (void)binding;
    return read_widths(value, &weigher->hidden_count, weigher->hidden);
}

bool imld_read_bound(const json_t *value, const struct imld_binding *binding, void *field)
{
    struct iml_bound *bound = field;
    bound->is_asked = true;
    return imld_read_double(value, binding, &bound->value);
}

bool imld_read_split_seed(const json_t *value, const struct imld_binding *binding, void *field)
{
    struct iml_trainer_options *options = field;
    options->has_split_seed = true;
    return imld_read_unsigned(value, binding, &options->split_seed);
}
