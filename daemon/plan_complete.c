/* plan_complete.c: the defaults of a job on few labels that only the engine can work out, written
 * into its resolved spec; see plan.h. */
#include "daemon/plan.h"
#include "imld/pool.h"

static bool put_new(json_t *object, const char *key, json_t *value)
{
    if (!json_object_get(object, key)) return json_object_set_new(object, key, value) == 0;
    json_decref(value);
    return true;
}

static bool put_count(json_t *object, const char *key, size_t count)
{
    return count == 0 || put_new(object, key, json_integer((json_int_t)count));
}

static bool put_known(json_t *mismatch, const struct iml_pool_defaults *defaults)
{
    json_t *const known = json_array();
    bool is_whole = known != NULL;
    for (size_t i = 0; i < defaults->known_count && is_whole; i++)
        is_whole = json_array_append_new(known, json_integer(defaults->known[i])) == 0;
    if (is_whole) return put_new(mismatch, "known", known);
    json_decref(known);
    return false;
}

bool imld_plan_complete(json_t *spec, const struct iml_set_roots *roots)
{
    struct iml_trainer_options options;
    struct iml_set_facts facts;
    struct iml_pool_defaults defaults;
    struct iml_error ignored = {0}; /* the job's plan tells it */
    json_t *const data = json_object_get(spec, "data");
    json_t *const mismatch = json_object_get(data, "mismatch");
    if (imld_plan_options(spec, &options, &ignored) != IML_OK ||
        iml_trainer_facts(&options.data, roots, &facts, &ignored) != IML_OK)
        return true;
    options.data.pool.validation = options.data.validation;
    if (iml_pool_find_defaults(&facts, &options.data.pool, &defaults, &ignored) != IML_OK)
        return true;
    return put_count(data, "test", defaults.test) &&
           put_count(data, "unlabeled", defaults.unlabeled) &&
           (!mismatch || put_known(mismatch, &defaults));
}
