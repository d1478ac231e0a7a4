/* test_hostile.c: documents made to hurt: deep, huge, and mutated at random. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tests/unit/check.h"
#include "tests/unit/spec/sets.h"

#define DETAIL_BYTES_MAX 2048

/* What holds for each answer, whatever was sent: bounded, and valid UTF-8 (jansson checks it). */
static void assert_sane(const struct imld_problems *problems)
{
    assert_true(problems->count <= IMLD_PROBLEMS_MAX && problems->count <= problems->total);
    for (size_t i = 0; i < problems->count; i++) {
        const struct imld_problem *const problem = &problems->items[i];
        assert_true(problem->pointer[0] == '\0' || problem->pointer[0] == '/');
        assert_true(strlen(problem->pointer) < 1024 && strlen(problem->detail) < DETAIL_BYTES_MAX);
        json_t *const pointer = json_string(problem->pointer);
        json_t *const detail = json_string(problem->detail);
        assert_non_null(pointer);
        assert_non_null(detail);
        json_decref(pointer);
        json_decref(detail);
    }
}

/* Refused; the caller frees the pointers. */
static char *refuse(struct imld_text *text, size_t *total)
{
    struct imld_problems problems = {0};
    assert_null(resolve_text(text->bytes, &problems));
    assert_sane(&problems);
    char *const pointers = pointers_of(&problems);
    if (total) *total = problems.total;
    imld_problems_clear(&problems);
    imld_text_clear(text);
    return pointers;
}

static void begin(struct imld_text *text)
{
    imld_text_add(text, "{\"algorithm\":\"iml\",\"data\":{\"set\":\"tiny\"},");
}

static void test_deep_nesting_is_refused(void **unused)
{
    (void)unused;
    static const char *const halves[][3] = {{"[", "1", "]"}, {"{\"a\":", "1", "}"}};
    for (size_t h = 0; h < 2; h++) {
        for (size_t depth = 30; depth < 1000; depth += 900) {
            struct imld_text text = {0};
            begin(&text);
            imld_text_add(&text, "\"x\":");
            for (size_t i = 0; i < depth; i++) imld_text_add(&text, halves[h][0]);
            imld_text_add(&text, halves[h][1]);
            for (size_t i = 0; i < depth; i++) imld_text_add(&text, halves[h][2]);
            imld_text_add(&text, "}");
            char *const pointers = refuse(&text, NULL);
            /* up to 32 levels the field is told, beyond them the depth */
            assert_string_equal(pointers, depth < 32 ? "/x" : "(root)");
            free(pointers);
        }
    }
}

static void test_a_million_bytes_of_key_are_cut(void **unused)
{
    (void)unused;
    struct imld_text text = {0};
    begin(&text);
    imld_text_add(&text, "\"x");
    for (size_t i = 0; i < 300000; i++) imld_text_add(&text, "ß/");
    imld_text_add(&text, "\":1}");
    char *const pointers = refuse(&text, NULL);
    assert_true(strlen(pointers) < 500);
    free(pointers);
}

static void test_a_million_bytes_of_text_are_cut(void **unused)
{
    (void)unused;
    static const char *const fields[] = {"\"name\"", "\"checkpoint\":{\"best\"",
                                         "\"inner\":{\"optimizer\":{\"kind\""};
    static const char *const ends[] = {"}", "}}", "}}}"};
    for (size_t f = 0; f < 3; f++) {
        for (size_t shift = 0; shift < 4; shift++) { /* the cut falls inside of each character */
            struct imld_text text = {0};
            begin(&text);
            imld_text_printf(&text, "%s:\"%.*s", fields[f], (int)shift, "aaa");
            for (size_t i = 0; i < 100000; i++) imld_text_add(&text, "\U0001F642");
            imld_text_printf(&text, "\"%s", ends[f]);
            free(refuse(&text, NULL));
        }
    }
}

static void test_many_unknown_fields_are_counted(void **unused)
{
    (void)unused;
    struct imld_text text = {0};
    size_t total = 0;
    begin(&text);
    for (size_t i = 0; i < 50000; i++) imld_text_printf(&text, "%s\"k%zu\":1", i ? "," : "", i);
    imld_text_add(&text, "}");
    free(refuse(&text, &total));
    assert_int_equal(total, 50000);
}

static void test_long_lists_are_refused_as_a_whole(void **unused)
{
    (void)unused;
    static const char *const lists[] = {"\"tags\"", "\"early_stopping\"", "\"model\":{\"hidden\""};
    static const char *const ends[] = {"]}", "]}", "]}}"};
    for (size_t f = 0; f < 3; f++) {
        struct imld_text text = {0};
        size_t total = 0;
        begin(&text);
        imld_text_printf(&text, "%s:[0", lists[f]);
        for (size_t i = 0; i < 200000; i++) imld_text_add(&text, ",0");
        imld_text_add(&text, ends[f]);
        free(refuse(&text, &total));
        assert_int_equal(total, 1);
    }
}

/* xorshift64*: a generator of the test's own. */
static uint64_t draw(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 2685821657736338717u;
}

static const char seed_text[] =
    "{\"algorithm\":\"iml\",\"data\":{\"set\":\"tiny\",\"train\":20,\"validation\":10,\"test\":8},"
    "\"model\":{\"kind\":\"mlp\",\"hidden\":[8,8]},\"inner\":{\"optimizer\":{\"kind\":\"sgd\","
    "\"momentum\":0.5},\"batch\":4,\"warmup\":{\"until\":{\"gradient_norm\":0.1}}},\"meta\":"
    "{\"solver\":{\"kind\":\"cg\",\"terms\":3},\"knowledge\":{\"clamp\":[1e-6,1]}},"
    "\"early_stopping\":[{\"rule\":\"budget\",\"steps\":9},{\"rule\":\"patience\"}],\"tags\":["
    "\"a\"]}";

/* Replaces, removes or doubles a piece, or puts a token in. */
static void mutate(char *text, size_t capacity, uint64_t *state)
{
    static const char *const tokens[] = {
        "{}",       "[]",     "null",     "-1",        "1e300", "\"x\"", "true",          "0.5",
        "\"auto\"", "[[[]]]", "\"kind\"", "\"until\"", "\"\"",  "99999", "\"test/loss\"", ","};
    const size_t length = strlen(text);
    const size_t i = draw(state) % length, n = draw(state) % 12 + 1;
    const size_t taken = i + n < length ? n : length - i;
    const char *put = tokens[draw(state) % (sizeof tokens / sizeof tokens[0])];
    char piece[16] = "";
    switch (draw(state) % 4) {
    case 0:
        put = "";
        break;
    case 1:
        text[i] = (char)(32 + draw(state) % 95);
        return;
    case 2:
        memcpy(piece, text + i, taken);
        put = piece;
        break;
    default:
        break;
    }
    if (length + strlen(put) + 1 > capacity) return;
    const size_t gone = put == piece ? 0 : taken;
    memmove(text + i + strlen(put), text + i + gone, length - i - gone + 1);
    memcpy(text + i, put, strlen(put));
}

/* Whatever JSON comes out: no crash, sane problems, and what is accepted resolves to itself. */
static void test_mutated_documents(void **unused)
{
    (void)unused;
    uint64_t state = 20240117;
    size_t parsed = 0, accepted = 0;
    for (size_t trial = 0; trial < 20000; trial++) {
        char text[2048];
        strcpy(text, seed_text);
        for (size_t k = draw(&state) % 3 + 1; k > 0; k--) mutate(text, sizeof text, &state);
        json_t *const document = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
        if (!document) continue;
        parsed++;
        struct imld_problems problems = {0};
        json_t *const spec = imld_spec_resolve(document, &test_context, &problems);
        assert_true((spec != NULL) == (problems.total == 0));
        assert_sane(&problems);
        imld_problems_clear(&problems);
        if (spec) {
            json_t *const again = imld_spec_resolve(spec, &test_context, &problems);
            assert_true(json_equal(spec, again));
            json_decref(again);
            accepted++;
        }
        json_decref(spec);
        json_decref(document);
    }
    assert_true(parsed > 100 && accepted > 10);
}

/* jansson's memory, of which the N-th piece is refused (and all later ones where it persists). */
static size_t pieces, refused_from;
static bool refuses_all_later;

static void *scarce_malloc(size_t bytes)
{
    pieces++;
    const bool is_refused = pieces == refused_from || (refuses_all_later && pieces > refused_from);
    return refused_from > 0 && is_refused ? NULL : malloc(bytes);
}

/* Each piece in turn, until none is refused any more: never half a spec. */
static void check_without_memory(const char *text)
{
    json_t *const document = json_loads(text, 0, NULL);
    struct imld_problems problems = {0};
    json_t *const whole = imld_spec_resolve(document, &test_context, &problems);
    assert_non_null(whole);
    json_set_alloc_funcs(scarce_malloc, free);
    for (int persists = 0; persists < 2; persists++) {
        refuses_all_later = persists;
        size_t refused = 0;
        for (refused_from = 1; refused_from < 10000; refused_from++) {
            pieces = 0;
            json_t *const spec = imld_spec_resolve(document, &test_context, &problems);
            if (spec)
                assert_true(json_equal(spec, whole));
            else
                assert_true(problems.total > 0);
            refused += spec == NULL;
            json_decref(spec);
            imld_problems_clear(&problems);
            if (pieces < refused_from) break;
        }
        assert_true(refused > 50 && refused_from < 10000);
    }
    json_set_alloc_funcs(malloc, free);
    json_decref(whole);
    json_decref(document);
}

static void test_without_memory_nothing_is_left_out(void **unused)
{
    (void)unused;
    check_without_memory(seed_text);
    check_without_memory("{\"algorithm\":\"supervised\",\"from\":{\"job\":\"j0000002\"}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_deep_nesting_is_refused),
        cmocka_unit_test(test_a_million_bytes_of_key_are_cut),
        cmocka_unit_test(test_a_million_bytes_of_text_are_cut),
        cmocka_unit_test(test_many_unknown_fields_are_counted),
        cmocka_unit_test(test_long_lists_are_refused_as_a_whole),
        cmocka_unit_test(test_mutated_documents),
        cmocka_unit_test(test_without_memory_nothing_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
