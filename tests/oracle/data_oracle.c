/* data_oracle.c: the engine's side of data_oracle.py: reads problems (labels of a train split, what
 * a job asks of its data) from a JSON file and prints as JSON the lists that are drawn, or which
 * field is refused; and the batches of samplers. Ends with 1 and a line on stderr at any other
 * failure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "engine/data/pool.h"
#include "engine/data/sampler.h"

static _Noreturn void fail(const char *what, const char *detail)
{
    (void)fprintf(stderr, "data_oracle: %s: %s\n", what, detail);
    exit(1); /* NOLINT(concurrency-mt-unsafe): there is one thread */
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) fail("memory", "calloc failed");
    return memory;
}

static size_t read_size(const json_t *problem, const char *name)
{
    return (size_t)json_integer_value(json_object_get(problem, name));
}

static double read_number(const json_t *problem, const char *name)
{
    return json_number_value(json_object_get(problem, name));
}

/* The bytes of a list; the caller frees. */
static uint8_t *read_bytes(const json_t *list)
{
    uint8_t *out = allocate(json_array_size(list), 1);
    for (size_t i = 0; i < json_array_size(list); i++)
        out[i] = (uint8_t)json_integer_value(json_array_get(list, i));
    return out;
}

static json_t *write_list(size_t count, const uint32_t *numbers)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(list, json_integer((json_int_t)numbers[i])))
            fail("memory", "a list");
    }
    return list;
}

static void put(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value)) fail("memory", name);
}

static void make_facts(struct iml_set_facts *facts, const char *name, const uint8_t *labels,
                       size_t count)
{
    *facts = (struct iml_set_facts){.channels = 1, .height = 8, .width = 8, .train_images = count};
    (void)snprintf(facts->name, sizeof facts->name, "%s", name);
    for (size_t i = 0; i < count; i++) {
        facts->train_class_images[labels[i]]++;
        if (labels[i] >= facts->classes) facts->classes = labels[i] + (size_t)1;
    }
}

static enum iml_mismatch read_mismatch(const json_t *problem)
{
    const char *name = json_string_value(json_object_get(problem, "mismatch"));
    for (int i = 0; i < IML_MISMATCH_COUNT && name; i++) {
        if (strcmp(name, iml_mismatch_name((enum iml_mismatch)i)) == 0) return (enum iml_mismatch)i;
    }
    fail("no such mismatch", name ? name : "no text");
}

static json_t *write_origins(const struct iml_known *known, const uint8_t *labels,
                             const uint32_t *indices, size_t count)
{
    struct iml_origin *origins = allocate(count, sizeof *origins);
    iml_pool_own_origins(known, labels, indices, count, origins);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        if (json_array_append_new(
                list, json_pack("[i, b]", origins[i].class_number, origins[i].is_in_distribution)))
            fail("memory", "origins");
    }
    free(origins);
    return list;
}

/* The lists of a problem whose counts are known. */
static json_t *draw(const json_t *problem, const struct iml_pool_counts *counts,
                    const uint8_t *labels, size_t count)
{
    struct iml_error error = {0};
    const uint32_t seed = (uint32_t)read_size(problem, "seed");
    const size_t extra_images = read_size(problem, "extra_images");
    const struct iml_pool_lists lists = {
        .validation = allocate(counts->split.validation_total, sizeof(uint32_t)),
        .labeled = allocate(counts->split.train_total, sizeof(uint32_t)),
        .pool = allocate(counts->own_total, sizeof(uint32_t)),
        .scratch = allocate(2 * count + extra_images, sizeof(uint32_t))};
    uint32_t *extra = allocate(counts->extra_total, sizeof *extra);
    if (iml_pool_draw(seed, counts, labels, count, &lists, &error)) fail("draw", error.what);
    iml_pool_draw_extra(seed, counts, extra_images, extra, lists.scratch);
    json_t *out = json_object();
    put(out, "validation", write_list(counts->split.validation_total, lists.validation));
    put(out, "labeled", write_list(counts->split.train_total, lists.labeled));
    put(out, "pool", write_list(counts->own_total, lists.pool));
    put(out, "extra", write_list(counts->extra_total, extra));
    put(out, "origins", write_origins(&counts->known, labels, lists.pool, counts->own_total));
    free(lists.validation);
    free(lists.labeled);
    free(lists.pool);
    free(lists.scratch);
    free(extra);
    return out;
}

static json_t *answer_split(const json_t *problem)
{
    const json_t *known = json_object_get(problem, "known");
    const size_t count = json_array_size(json_object_get(problem, "labels_of_images"));
    uint8_t *const labels = read_bytes(json_object_get(problem, "labels_of_images"));
    uint8_t *const classes = read_bytes(known);
    static struct iml_set_facts facts, extra; /* more than a frame may hold */
    make_facts(&facts, json_string_value(json_object_get(problem, "set")), labels, count);
    make_facts(&extra, "extra", labels, 0);
    extra.test_images = read_size(problem, "extra_images");
    const struct iml_pool_options options = {
        .validation = read_size(problem, "validation"),
        .labels = read_size(problem, "labels"),
        .leaves_out_labeled = json_is_true(json_object_get(problem, "leaves_out_labeled")),
        .unlabeled = read_size(problem, "unlabeled"),
        .mismatch = read_mismatch(problem),
        .share = read_number(problem, "share"),
        .known = json_is_array(known) ? classes : NULL,
        .known_count = json_array_size(known),
        .extra = extra.test_images > 0 ? &extra : NULL,
        .extra_count = read_size(problem, "extra_count"),
        .extra_share = read_number(problem, "extra_share")};
    static struct iml_pool_counts counts;
    struct iml_error error = {0};
    json_t *out;
    if (iml_pool_share(&facts, &options, &counts, &error))
        out = json_pack("{s: s, s: s}", "refused", error.where, "what", error.what);
    else
        out = draw(problem, &counts, labels, count);
    free(labels);
    free(classes);
    return out;
}

/* Places and passes of the rows of `steps` batches, from step `from` on. */
static json_t *answer_sampler(const json_t *problem)
{
    const size_t size = read_size(problem, "size"), count = read_size(problem, "count");
    struct iml_sampler sampler = {.seed = (uint32_t)read_size(problem, "seed"),
                                  .purpose = (enum iml_purpose)read_size(problem, "purpose"),
                                  .count = (uint32_t)count,
                                  .order = allocate(count, sizeof(uint32_t))};
    uint32_t *places = allocate(size, sizeof *places), *passes = allocate(size, sizeof *passes);
    json_t *out = json_array();
    const size_t from = read_size(problem, "from"), steps = read_size(problem, "steps");
    for (size_t step = from; step < from + steps; step++) {
        iml_sampler_batch(&sampler, step, size, places);
        for (size_t row = 0; row < size; row++)
            passes[row] = (uint32_t)iml_sampler_pass(&sampler, step, size, row);
        json_t *batch = json_pack("[o, o]", write_list(size, places), write_list(size, passes));
        if (json_array_append_new(out, batch)) fail("memory", "batches");
    }
    free(sampler.order);
    free(places);
    free(passes);
    return out;
}

int main(int argc, char **argv)
{
    json_error_t problem_error;
    json_t *problems = argc == 2 ? json_load_file(argv[1], 0, &problem_error) : NULL;
    if (!json_is_array(problems)) fail("usage", "data_oracle PROBLEMS.json");
    json_t *answers = json_array();
    for (size_t i = 0; i < json_array_size(problems); i++) {
        const json_t *problem = json_array_get(problems, i);
        json_t *answer =
            json_object_get(problem, "size") ? answer_sampler(problem) : answer_split(problem);
        if (json_array_append_new(answers, answer)) fail("memory", "answers");
    }
    const int failed = json_dumpf(answers, stdout, JSON_COMPACT);
    json_decref(answers);
    json_decref(problems);
    return failed ? 1 : 0;
}
