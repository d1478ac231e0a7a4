/* serve.c: a measured program's loop; see serve.h. */
#include "bench/serve.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { LINE = 256, NAME = 64 };

static double seconds_by(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Of all threads: a helper that lost its core delays the pass as much as the caller. */
static long involuntary_switches(void)
{
    struct rusage usage;
    (void)getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nivcsw;
}

static const struct bench_quantity *find(const struct bench_quantity *quantities, size_t count,
                                         const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(quantities[i].name, name) == 0) return &quantities[i];
    }
    return NULL;
}

static void warm_up(const struct bench_quantity *quantity, void *context)
{
    if (quantity->prepare) quantity->prepare(context, quantity->argument);
    quantity->run(context, quantity->argument);
}

static void repeat(const struct bench_quantity *quantity, void *context, long repetitions)
{
    warm_up(quantity, context);
    for (long i = 0; i < repetitions; i++) {
        const long switches = involuntary_switches();
        const double busy = seconds_by(CLOCK_PROCESS_CPUTIME_ID);
        const double start = seconds_by(CLOCK_MONOTONIC);
        quantity->run(context, quantity->argument);
        const double seconds = seconds_by(CLOCK_MONOTONIC) - start;
        printf("%.9f %.9f %ld ", seconds, seconds_by(CLOCK_PROCESS_CPUTIME_ID) - busy,
               involuntary_switches() - switches);
    }
    printf("\n");
}

static void fill_window(const struct bench_quantity *quantity, void *context, long milliseconds)
{
    warm_up(quantity, context);
    const double start = seconds_by(CLOCK_MONOTONIC), wanted = 1e-3 * (double)milliseconds;
    double seconds = 0;
    long repetitions = 0;
    while (seconds < wanted) {
        quantity->run(context, quantity->argument);
        repetitions++;
        seconds = seconds_by(CLOCK_MONOTONIC) - start;
    }
    printf("%ld %.9f\n", repetitions, seconds);
}

/* false: a line that is not understood. */
static bool answer(const struct bench_quantity *quantities, size_t count, void *context,
                   const char *line)
{
    char name[NAME] = "";
    long number = 0;
    const bool is_window = sscanf(line, "window %63s %ld", name, &number) == 2;
    if (!is_window && sscanf(line, "%63s %ld", name, &number) != 2) return false;
    const struct bench_quantity *quantity = find(quantities, count, name);
    if (!quantity) return false;
    if (is_window)
        fill_window(quantity, context, number);
    else
        repeat(quantity, context, number);
    return true;
}

int bench_serve(const struct bench_quantity *quantities, size_t count, void *context,
                const char *note)
{
    char line[LINE];
    while (fgets(line, sizeof line, stdin)) {
        if (strcmp(line, "names\n") == 0) {
            for (size_t i = 0; i < count; i++) printf("%s ", quantities[i].name);
            printf("\n");
        } else if (strcmp(line, "note\n") == 0) {
            printf("%s\n", note);
        } else if (!answer(quantities, count, context, line)) {
            (void)fprintf(stderr, "not understood: %s", line);
            return 1;
        }
        (void)fflush(stdout);
    }
    return 0;
}

/* A line "NAME:  123 kB" of /proc/self/status, in bytes; 0 where it is missing. */
static size_t status_bytes(const char *name)
{
    FILE *file = fopen("/proc/self/status", "re");
    char line[LINE];
    size_t bytes = 0;
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, name, strlen(name)) == 0)
            bytes = strtoul(line + strlen(name), NULL, 10) * 1024;
    }
    if (file) (void)fclose(file);
    return bytes;
}

size_t bench_reset_peak_bytes(void)
{
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (!file) return 0;
    const int written = fputs("5", file);
    if (fclose(file) != 0 || written < 0) return 0;
    return status_bytes("VmRSS:");
}

size_t bench_peak_bytes(void)
{
    return status_bytes("VmHWM:");
}
