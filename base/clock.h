/* clock.h: the wall clock, the clock of intervals, and a time as text. */
#ifndef IMLD_BASE_CLOCK_H
#define IMLD_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds since 1970, UTC; jumps when the clock is set. */
int64_t imld_wall_ms(void);

/* Only go forward (CLOCK_MONOTONIC); only their differences mean something. */
int64_t imld_ticks_ms(void);
double imld_ticks_seconds(void);

/* The tick `ms` (≥ 0) from now, for pthread_cond_timedwait on a condition of CLOCK_MONOTONIC. */
struct timespec imld_ticks_after_ms(int64_t ms);

/* RFC 3339 UTC with milliseconds, such as 2026-11-25T19:43:19.007Z. false: a time before 1970 or
 * after the year 9999; text is then empty. */
enum { IMLD_TIME_TEXT_MAX = 32 };
bool imld_time_text(int64_t wall_ms, char text[IMLD_TIME_TEXT_MAX]);

#endif
