/* plan_memory.c: what a run will take, the daemon's own copies of its state included; see plan.h.
 */
#include <string.h>

#include "base/size.h"
#include "daemon/plan.h"

/* A bound of iml_registry_bytes that is known before anything is allocated: θ, λ, the moments and
 * the warm vector of the solver, and the estimates of compare, lie in these parts, which hold as
 * much again for gradients (part "parameters": θ and one vector of its size, which stands for the
 * warm one). */
static bool state_bytes(const struct iml_plan *plan, size_t *bytes)
{
    static const char *const parts[] = {"parameters", "optimizer", "knowledge", "compare"};
    bool fits = true;
    *bytes = 0;
    for (size_t i = 0; i < plan->count; i++)
        for (size_t j = 0; j < sizeof parts / sizeof parts[0]; j++)
            if (strcmp(plan->parts[i].name, parts[j]) == 0)
                fits = fits && iml_size_add(*bytes, plan->parts[i].bytes, bytes);
    return fits;
}

enum iml_code imld_plan_memory(const struct iml_trainer_options *options,
                               const struct iml_set_facts *facts, struct iml_plan *plan,
                               struct iml_error *error)
{
    const enum iml_code code = iml_trainer_plan(options, facts, plan, error);
    if (code != IML_OK) return code;
    size_t state = 0;
    size_t both = 0;
    if (plan->count == IML_PARTS_MAX || !state_bytes(plan, &state) ||
        !iml_size_multiply(state, 2, &both) ||
        !iml_size_add(plan->total_bytes, both, &plan->total_bytes))
        return iml_error_set(error, IML_ERROR_MEMORY, "the planned memory does not fit a size_t");
    plan->parts[plan->count++] = (struct iml_plan_part){.name = "checkpoints", .bytes = both};
    return IML_OK;
}

json_t *imld_plan_json(const struct iml_plan *plan)
{
    json_t *parts = json_object();
    for (size_t i = 0; i < plan->count; i++) {
        const char *name = plan->parts[i].name; /* one name may come in two arenas */
        const json_int_t before = json_integer_value(json_object_get(parts, name));
        if (json_object_set_new(parts, name,
                                json_integer(before + (json_int_t)plan->parts[i].bytes)) != 0) {
            json_decref(parts);
            return NULL;
        }
    }
    return json_pack("{s:I, s:o}", "total_bytes", (json_int_t)plan->total_bytes, "parts", parts);
}
