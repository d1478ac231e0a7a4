/* side.c: what the engine's sides of the oracles of trainers share; see side.h. */
#include "side.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void fail(const char *what, const char *detail)
{
    (void)fprintf(stderr, "oracle: %s: %s\n", what, detail);
    exit(1); /* NOLINT(concurrency-mt-unsafe): the team's helpers hold nothing that matters */
}

void must(enum iml_code code, const struct iml_error *error)
{
    if (code) fail(error->where[0] ? error->where : iml_code_name(code), error->what);
}

double number(const json_t *job, const char *name)
{
    const json_t *value = json_object_get(job, name);
    if (!json_is_number(value)) fail("no number", name);
    return json_number_value(value);
}

size_t size(const json_t *job, const char *name)
{
    return (size_t)number(job, name);
}

const char *text(const json_t *job, const char *name)
{
    const char *value = json_string_value(json_object_get(job, name));
    if (!value) fail("no text", name);
    return value;
}

void tell(const char *name, uint64_t step, size_t count, const double *numbers)
{
    (void)printf("{\"name\": \"%s\", \"step\": %llu, \"count\": %zu}\n", name,
                 (unsigned long long)step, count);
    if (count > 0 && fwrite(numbers, sizeof *numbers, count, stdout) != count)
        fail("can't write", name);
}

double *allocate(size_t count)
{
    double *numbers = calloc(count ? count : 1, sizeof *numbers);
    if (!numbers) fail("memory", "calloc failed");
    return numbers;
}

void tell_reals(const char *name, uint64_t step, size_t count, const iml_real *reals)
{
    double *numbers = allocate(count);
    for (size_t i = 0; i < count; i++) numbers[i] = (double)reals[i];
    tell(name, step, count, numbers);
    free(numbers);
}

void tell_integers(const char *name, uint64_t step, size_t count, const uint32_t *integers)
{
    double *numbers = allocate(count);
    for (size_t i = 0; i < count; i++) numbers[i] = integers[i];
    tell(name, step, count, numbers);
    free(numbers);
}
