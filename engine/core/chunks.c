/* chunks.c: long vector work in fixed chunks; see chunks.h. */
#include "engine/core/chunks.h"

#include "engine/core/vector.h"

enum {
    SMALLEST = 16384, /* elements: below it a task costs more than it gains */
    CHUNKS_MAX = 64
};

struct work {
    iml_chunk *chunk;
    void *context;
    size_t n, length;
    double sums[CHUNKS_MAX];
};

static void run_chunk(void *context, size_t i, unsigned worker)
{
    (void)worker;
    struct work *work = context;
    const size_t first = i * work->length, left = work->n - first;
    work->sums[i] = work->chunk(work->context, first, left < work->length ? left : work->length);
}

double iml_in_chunks(struct iml_team *team, size_t n, iml_chunk *chunk, void *context)
{
    struct work work = {.chunk = chunk, .context = context, .n = n, .length = SMALLEST};
    while (n > work.length * CHUNKS_MAX) work.length *= 2;
    const size_t count = (n + work.length - 1) / work.length;
    if (team) {
        (void)iml_team_run(team, count, run_chunk, &work);
    } else {
        for (size_t i = 0; i < count; i++) run_chunk(&work, i, 0);
    }
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += work.sums[i];
    return sum;
}

struct pair {
    const iml_real *a, *b;
};

static double dot_chunk(void *context, size_t first, size_t count)
{
    const struct pair *pair = context;
    return iml_dot(count, pair->a + first, pair->b + first);
}

double iml_dot_in_chunks(struct iml_team *team, size_t n, const iml_real *a, const iml_real *b)
{
    struct pair pair = {a, b};
    return iml_in_chunks(team, n, dot_chunk, &pair);
}

double iml_norm_squared_in_chunks(struct iml_team *team, size_t n, const iml_real *x)
{
    return iml_dot_in_chunks(team, n, x, x);
}
