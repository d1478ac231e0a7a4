/* arena.c: planned memory; see include/imld/arena.h. With AddressSanitizer a line that nobody may
 * touch follows each slice, and is part of the plan: without it one slice's overrun is another's.
 */
#include "imld/arena.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/size.h"
#include "engine/core/arena_reset.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
enum { RED_ZONE = 64 };
#else
enum { RED_ZONE = 0 };
#endif

enum { ALIGNMENT = 64, HUGE_PAGE = 2 * 1024 * 1024 };

/* All of the memory may be touched; the end of a slice, which took `bytes` for `used`, may not. */
static void allow(const char *memory, size_t bytes)
{
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(memory, bytes);
#else
    (void)memory, (void)bytes;
#endif
}

static void forbid_rest(const char *slice, size_t used, size_t bytes)
{
#if defined(__SANITIZE_ADDRESS__)
    __asan_poison_memory_region(slice + used, bytes - used);
#else
    (void)slice, (void)used, (void)bytes;
#endif
}

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

void iml_arena_reset(struct iml_arena *arena, unsigned char byte)
{
    assert(arena->base);
    allow(arena->base, arena->capacity_bytes);
    memset(arena->base, byte, arena->capacity_bytes);
    arena->plan = (struct iml_plan){0};
}

void iml_arena_close(struct iml_arena *arena)
{
    if (arena->base) allow(arena->base, arena->capacity_bytes);
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
    size_t used = 0, bytes = 0, total = 0;
    if (!iml_size_multiply(count, size, &used) ||
        !iml_size_add(used, RED_ZONE + ALIGNMENT - 1, &bytes) ||
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
    if (slice) forbid_rest(slice, used, bytes);
    return slice;
}

bool iml_arena_is_measuring(const struct iml_arena *arena)
{
    return arena->base == NULL;
}
