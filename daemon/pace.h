/* pace.h: seconds a step of the jobs that have run here, to foretell like ones (DESIGN §7's dry
 * run). */
#ifndef IMLD_DAEMON_PACE_H
#define IMLD_DAEMON_PACE_H

#include <jansson.h>
#include <pthread.h>
#include <stdint.h>

enum { IMLD_PACES = 64 };

/* The newest of each kind of job; the oldest gives way. Any thread. */
struct imld_paces {
    pthread_mutex_t mutex;
    struct imld_pace {
        uint64_t kind; /* hash of what a step's time depends on; 0: free */
        double seconds_per_step;
    } items[IMLD_PACES];
    size_t next;
};

void imld_paces_init(struct imld_paces *paces);
void imld_paces_clear(struct imld_paces *paces);

void imld_paces_note(struct imld_paces *paces, const json_t *spec, double seconds_per_step);

/* NaN: no like job has run. */
double imld_paces_find(struct imld_paces *paces, const json_t *spec);

#endif
