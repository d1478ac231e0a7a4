/* fixture.c: numbers from tests/fixtures; see fixture.h. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../check.h"

json_t *fixture_load(const char *file)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", IMLD_FIXTURES, file);
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (!root) fail_msg("%s: line %d: %s", path, error.line, error.text);
    return root;
}

static const json_t *find(const json_t *root, const char *path)
{
    const json_t *at = root;
    while (at && *path) {
        char key[128];
        const size_t length = strcspn(path, "/");
        assert_true(length < sizeof key);
        memcpy(key, path, length);
        key[length] = '\0';
        path += length + (path[length] == '/');
        at = json_is_array(at) ? json_array_get(at, strtoul(key, NULL, 10))
                               : json_object_get(at, key);
    }
    return at;
}

bool fixture_has(const json_t *root, const char *path)
{
    const json_t *at = find(root, path);
    return at && !json_is_null(at);
}

const json_t *fixture_at(const json_t *root, const char *path)
{
    const json_t *at = find(root, path);
    if (!at) fail_msg("the fixture has no %s", path);
    return at;
}

double fixture_number(const json_t *root, const char *path)
{
    const json_t *at = fixture_at(root, path);
    if (!json_is_number(at)) fail_msg("%s is no number", path);
    return json_number_value(at);
}

const char *fixture_text(const json_t *root, const char *path)
{
    const char *text = json_string_value(fixture_at(root, path));
    if (!text) fail_msg("%s is no string", path);
    return text;
}

/* Appends the numbers below `at` in order; out may be NULL to count only. */
static size_t flatten(const json_t *at, const char *path, double *out, size_t capacity)
{
    if (!json_is_array(at)) {
        if (!json_is_number(at)) fail_msg("%s holds something that is no number", path);
        if (out && capacity > 0) *out = json_number_value(at);
        return 1;
    }
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(at); i++) {
        const size_t left = capacity > count ? capacity - count : 0;
        count += flatten(json_array_get(at, i), path, out && left ? out + count : NULL, left);
    }
    return count;
}

size_t fixture_count(const json_t *root, const char *path)
{
    return flatten(fixture_at(root, path), path, NULL, 0);
}

void fixture_doubles(const json_t *root, const char *path, size_t count, double *out)
{
    const size_t found = flatten(fixture_at(root, path), path, out, count);
    if (found != count) fail_msg("%s has %zu numbers, not %zu", path, found, count);
}

void fixture_reals(const json_t *root, const char *path, size_t count, iml_real *out)
{
    double *numbers = malloc((count + 1) * sizeof *numbers);
    assert_non_null(numbers);
    fixture_doubles(root, path, count, numbers);
    for (size_t i = 0; i < count; i++) out[i] = (iml_real)numbers[i];
    free(numbers);
}

void fixture_labels(const json_t *root, const char *path, size_t count, uint32_t *out)
{
    double *numbers = malloc((count + 1) * sizeof *numbers);
    assert_non_null(numbers);
    fixture_doubles(root, path, count, numbers);
    for (size_t i = 0; i < count; i++) out[i] = (uint32_t)numbers[i];
    free(numbers);
}
