/* clock.c: the wall clock, the clock of intervals, and a time as text; see clock.h. */
#include "base/clock.h"

#include <stdio.h>

#define YEAR_10000_MS INT64_C(253402300800000)

static int64_t read_ms(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t imld_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

int64_t imld_ticks_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

double imld_ticks_seconds(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

struct timespec imld_ticks_after_ms(int64_t ms)
{
    struct timespec tick;
    (void)clock_gettime(CLOCK_MONOTONIC, &tick);
    tick.tv_sec += (time_t)(ms / 1000);
    tick.tv_nsec += (long)(ms % 1000) * 1000000;
    if (tick.tv_nsec >= 1000000000) {
        tick.tv_nsec -= 1000000000;
        tick.tv_sec++;
    }
    return tick;
}

bool imld_time_text(int64_t wall_ms, char text[IMLD_TIME_TEXT_MAX])
{
    const time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    text[0] = '\0';
    if (wall_ms < 0 || wall_ms >= YEAR_10000_MS || !gmtime_r(&seconds, &utc)) return false;
    const size_t length = strftime(text, IMLD_TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + length, IMLD_TIME_TEXT_MAX - length, ".%03uZ",
                   (unsigned)(wall_ms % 1000));
    return true;
}
