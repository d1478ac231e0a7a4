/* queue.c: the claim policy; see queue.h. */
#include "daemon/queue.h"

#include <stdlib.h>

void imld_queue_clear(struct imld_queue *queue)
{
    free(queue->passed);
    *queue = (struct imld_queue){0};
}

static bool can_never_start(const struct imld_queue *queue, const struct imld_candidate *c)
{
    return c->threads > queue->limits.threads || c->memory_bytes > queue->limits.memory_bytes;
}

static bool fits(const struct imld_queue *queue, const struct imld_queue_load *load,
                 const struct imld_candidate *c)
{
    if (c->is_suspect && load->unproven > 0) return false;
    return c->threads <= queue->limits.threads - load->threads &&
           c->memory_bytes <= queue->limits.memory_bytes - load->memory_bytes;
}

static struct imld_passed *find_passed(const struct imld_queue *queue, int64_t number)
{
    for (size_t i = 0; i < queue->passed_count; i++)
        if (queue->passed[i].number == number) return &queue->passed[i];
    return NULL;
}

static void note_passed(struct imld_queue *queue, int64_t number, double now)
{
    if (find_passed(queue, number)) return;
    if (queue->passed_count == queue->passed_capacity) {
        const size_t capacity = queue->passed_capacity ? 2 * queue->passed_capacity : 16;
        struct imld_passed *passed = reallocarray(queue->passed, capacity, sizeof *passed);
        if (!passed) return; /* no memory: its time begins when it is passed again */
        queue->passed = passed;
        queue->passed_capacity = capacity;
    }
    queue->passed[queue->passed_count++] = (struct imld_passed){.number = number, .since = now};
}

/* Forgets those that wait no more. */
static void forget_gone(struct imld_queue *queue, const struct imld_candidate *queued, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < queue->passed_count; i++) {
        bool is_queued = false;
        for (size_t j = 0; j < count && !is_queued; j++)
            is_queued = queued[j].number == queue->passed[i].number;
        if (is_queued) queue->passed[kept++] = queue->passed[i];
    }
    queue->passed_count = kept;
}

ptrdiff_t imld_queue_choose(struct imld_queue *queue, const struct imld_queue_load *load,
                            const struct imld_candidate *queued, size_t count, double now)
{
    forget_gone(queue, queued, count);
    if (load->has_suspect) return -1;
    for (size_t i = 0; i < count; i++) {
        if (can_never_start(queue, &queued[i])) continue;
        if (fits(queue, load, &queued[i])) {
            for (size_t j = 0; j < i; j++)
                if (!can_never_start(queue, &queued[j])) note_passed(queue, queued[j].number, now);
            return (ptrdiff_t)i;
        }
        const struct imld_passed *passed = find_passed(queue, queued[i].number);
        if (passed && now - passed->since >= queue->limits.passing_seconds) return -1;
    }
    return -1;
}

struct imld_waiting imld_queue_explain(const struct imld_queue *queue,
                                       const struct imld_queue_load *load,
                                       const struct imld_candidate *candidate)
{
    const struct imld_queue_limits *limits = &queue->limits;
    const int64_t free_threads = limits->threads - load->threads;
    const int64_t free_bytes = limits->memory_bytes - load->memory_bytes;
    if (candidate->threads > free_threads && !load->has_suspect)
        return (struct imld_waiting){"threads", candidate->threads, free_threads, limits->threads};
    if (candidate->memory_bytes > free_bytes && !load->has_suspect)
        return (struct imld_waiting){"memory", candidate->memory_bytes, free_bytes,
                                     limits->memory_bytes};
    if (load->has_suspect || (candidate->is_suspect && load->unproven > 0))
        return (struct imld_waiting){.rule = "suspect"};
    return (struct imld_waiting){.rule = "behind"};
}
