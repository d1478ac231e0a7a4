/* arena.h: memory that is planned before anything is allocated, taken once, and freed as a whole.
 *
 * A layout function takes slices from an arena in a fixed order. Run on a *measuring* arena it only
 * adds up bytes, by named part; run on an *open* one it gets the memory. Plan and run can't
 * disagree, since they are the same code. One thread at a time. */
#ifndef IMLD_ARENA_H
#define IMLD_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "imld/error.h"

#define IML_PARTS_MAX 32

struct iml_plan_part {
    const char *name; /* borrowed: a string literal such as "parameters" */
    size_t bytes;     /* alignment included */
};

/* Bytes by part, in the order in which the parts were first named. */
struct iml_plan {
    struct iml_plan_part parts[IML_PARTS_MAX];
    size_t count;
    size_t total_bytes;
    bool overflow; /* a size did not fit size_t: the totals are meaningless */
};

struct iml_arena {
    struct iml_plan plan; /* of all slices so far */
    const char *part;     /* the part that the next slices belong to */
    char *base;           /* owned; NULL while measuring */
    size_t capacity_bytes;
};

/* An arena that only measures. */
void iml_arena_measure(struct iml_arena *arena);

/* Allocates what `plan` says, zeroed and touched. Free with iml_arena_close. */
IML_MUST_USE enum iml_code iml_arena_open(struct iml_arena *arena, const struct iml_plan *plan,
                                          struct iml_error *error);

/* NULL-safe; the arena is empty afterwards. */
void iml_arena_close(struct iml_arena *arena);

/* Names the part that the following slices belong to. */
void iml_arena_part(struct iml_arena *arena, const char *name);

/* A 64-byte aligned slice of count × size bytes; NULL while measuring (so a layout function must
 * not look into what it takes), never NULL from an open arena: taking more than was planned is a
 * programming error and asserts. */
void *iml_arena_take(struct iml_arena *arena, size_t count, size_t size);

/* True while measuring. */
bool iml_arena_is_measuring(const struct iml_arena *arena);

#endif
