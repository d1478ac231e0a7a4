/* clock.h: seconds that only go forward, for durations. */
#ifndef IMLD_DAEMON_CLOCK_H
#define IMLD_DAEMON_CLOCK_H

#include <time.h>

static inline double imld_now(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#endif
