/* serve.h: a program that is measured: it waits on stdin for "NAME REPETITIONS", repeats the
 * quantity of that name, and answers on stdout, so that bench/run can let several programs take
 * turns. */
#ifndef IMLD_BENCH_SERVE_H
#define IMLD_BENCH_SERVE_H

#include <stddef.h>

struct bench_quantity {
    const char *name;
    void (*prepare)(void *context,
                    size_t argument);            /* once before the repetitions; NULL: nothing */
    void (*run)(void *context, size_t argument); /* one repetition */
    size_t argument;
};

/* Answers until stdin ends. After prepare and one repetition that does not count, each repetition
 * gives three numbers: seconds, processor seconds and involuntary context switches of the process.
 * "names" lists the quantities; "window NAME MILLISECONDS" repeats for that time and answers the
 * repetitions and the seconds that they took; "note" answers the line of `note`. Returns the exit
 * code: 0 at the end of stdin, 1 after a line that is not understood. */
int bench_serve(const struct bench_quantity *quantities, size_t count, void *context,
                const char *note);

/* From now on the peak of the process's resident memory counts anew; the resident bytes. */
size_t bench_reset_peak_bytes(void);
size_t bench_peak_bytes(void); /* since then; 0: not known */

#endif
