/* arena.c: planned memory; see include/imld/arena.h. */
#include "imld/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/size.h"

enum { ALIGNMENT = 64, HUGE_PAGE = 2 * 1024 * 1024 };

void iml_arena_measure(struct iml_arena *arena)
{
    *arena = (struct iml_arena){.part = "other"};
}

enum iml_code iml_arena_open(struct iml_arena *arena, const struct iml_plan *plan,
                             struct iml_error *error)
{
    iml_arena_measure(arena);
    if (plan->overflow)
        return iml_error_set(error, IML_ERROR_MEMORY, "the planned memory does not fit a size_t");
    size_t bytes = 0;
    if (!iml_size_add(plan->total_bytes, HUGE_PAGE, &bytes))
        return iml_error_set(error, IML_ERROR_MEMORY, "the planned memory does not fit a size_t");
    bytes -= bytes % HUGE_PAGE;
    arena->base = aligned_alloc(HUGE_PAGE, bytes);
    if (!arena->base)
        return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate %zu bytes", bytes);
    /* huge pages where the kernel has them: fresh 4 KiB pages cost 14 × a warm memset */
    (void)madvise(arena->base, bytes, MADV_HUGEPAGE);
    memset(arena->base, 0, bytes);
    arena->capacity_bytes = bytes;
    return IML_OK;
}

void iml_arena_close(struct iml_arena *arena)
{
    free(arena->base);
    iml_arena_measure(arena);
}

void iml_arena_part(struct iml_arena *arena, const char *name)
{
    arena->part = name;
}

static struct iml_plan_part *find_part(struct iml_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->parts[i].name, name) == 0) return &plan->parts[i];
    }
    assert(plan->count < IML_PARTS_MAX);
    plan->parts[plan->count] = (struct iml_plan_part){.name = name};
    return &plan->parts[plan->count++];
}

void *iml_arena_take(struct iml_arena *arena, size_t count, size_t size)
{
    struct iml_plan *plan = &arena->plan;
    size_t bytes = 0, total = 0;
    if (!iml_size_multiply(count, size, &bytes) || !iml_size_add(bytes, ALIGNMENT - 1, &bytes) ||
        !iml_size_add(plan->total_bytes, bytes - bytes % ALIGNMENT, &total)) {
        plan->overflow = true;
        assert(!arena->base);
        return NULL;
    }
    bytes -= bytes % ALIGNMENT;
    char *slice = arena->base ? arena->base + plan->total_bytes : NULL;
    find_part(plan, arena->part)->bytes += bytes;
    plan->total_bytes = total;
    assert(!arena->base || total <= arena->capacity_bytes); /* planned and taken by the same code */
    return slice;
}

bool iml_arena_is_measuring(const struct iml_arena *arena)
{
    return arena->base == NULL;
}
