/* arena_reset.h: an arena that is laid out again. Private to the engine; imld/arena.h is the rest.
 */
#ifndef IMLD_ENGINE_CORE_ARENA_RESET_H
#define IMLD_ENGINE_CORE_ARENA_RESET_H

#include "imld/arena.h"

/* An open arena as it was before its first slice, all bytes set to `byte`. */
void iml_arena_reset(struct iml_arena *arena, unsigned char byte);

#endif
