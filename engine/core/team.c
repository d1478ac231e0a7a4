/* team.c: a run's own threads, one barrier a pass; see include/imld/team.h. */
#include "imld/team.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Looks at an atomic this often before sleeping. A pass of a small net lasts 0.2–2 ms; the gap
 * between two passes is microseconds, which a sleep and a wake would double. */
enum { SPINS = 1000, CACHE_LINE = 64 };

struct helper {
    struct iml_team *team;
    pthread_t thread;
    unsigned worker;
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): cache lines of their own on purpose */
struct iml_team {
    const atomic_bool *cancel; /* borrowed; NULL: never cancelled */
    unsigned threads;
    int nice;
    pthread_mutex_t mutex; /* for sleeping only; guards nothing but the wake-ups */
    pthread_cond_t started, ended;
    /* the pass at hand: written by the caller before `pass` is raised, read by helpers after it */
    void (*task)(void *context, size_t i, unsigned worker);
    void *context;
    size_t tasks;
    _Alignas(CACHE_LINE) atomic_size_t next; /* the task to take */
    atomic_bool is_cut_short;                /* a task was left out */
    _Alignas(CACHE_LINE) atomic_uint pass;   /* number of the pass; helpers wait for its change */
    atomic_uint running;                     /* helpers that are still in the pass */
    atomic_bool is_closing;
    struct helper helpers[IML_THREADS_MAX];
};

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

bool iml_team_is_cancelled(const struct iml_team *team)
{
    return team && team->cancel && atomic_load_explicit(team->cancel, memory_order_relaxed);
}

static void work(struct iml_team *team, unsigned worker)
{
    for (;;) {
        const size_t i = atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed);
        if (i >= team->tasks) return;
        if (iml_team_is_cancelled(team)) {
            atomic_store_explicit(&team->is_cut_short, true, memory_order_relaxed);
            return;
        }
        team->task(team->context, i, worker);
    }
}

/* Waits until another pass than `seen` has begun; its number. */
static unsigned wait_for_pass(struct iml_team *team, unsigned seen)
{
    for (int spin = 0; spin < SPINS; spin++) {
        const unsigned pass = atomic_load_explicit(&team->pass, memory_order_acquire);
        if (pass != seen) return pass;
        pause_briefly();
    }
    (void)pthread_mutex_lock(&team->mutex);
    unsigned pass = 0;
    while ((pass = atomic_load_explicit(&team->pass, memory_order_acquire)) == seen)
        (void)pthread_cond_wait(&team->started, &team->mutex);
    (void)pthread_mutex_unlock(&team->mutex);
    return pass;
}

static void leave_pass(struct iml_team *team)
{
    if (atomic_fetch_sub_explicit(&team->running, 1, memory_order_acq_rel) != 1) return;
    (void)pthread_mutex_lock(&team->mutex);
    (void)pthread_cond_signal(&team->ended);
    (void)pthread_mutex_unlock(&team->mutex);
}

static void *help(void *argument)
{
    const struct helper *helper = argument;
    struct iml_team *team = helper->team;
    /* on Linux a niceness belongs to a thread; a failure (no right to lower it) leaves it unchanged
     */
    if (team->nice != 0) (void)setpriority(PRIO_PROCESS, (id_t)gettid(), team->nice);
    unsigned seen = 0;
    for (;;) {
        seen = wait_for_pass(team, seen);
        if (atomic_load_explicit(&team->is_closing, memory_order_relaxed)) return NULL;
        work(team, helper->worker);
        leave_pass(team);
    }
}

static void begin_pass(struct iml_team *team)
{
    (void)pthread_mutex_lock(&team->mutex);
    atomic_fetch_add_explicit(&team->pass, 1, memory_order_release);
    (void)pthread_cond_broadcast(&team->started);
    (void)pthread_mutex_unlock(&team->mutex);
}

static void wait_for_helpers(struct iml_team *team)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load_explicit(&team->running, memory_order_acquire) == 0) return;
        pause_briefly();
    }
    (void)pthread_mutex_lock(&team->mutex);
    while (atomic_load_explicit(&team->running, memory_order_acquire) != 0)
        (void)pthread_cond_wait(&team->ended, &team->mutex);
    (void)pthread_mutex_unlock(&team->mutex);
}

/* Starts one helper with all signals blocked: signals are the daemon's main thread's. */
static int start_helper(struct helper *helper)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failure = pthread_create(&helper->thread, NULL, help, helper);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

enum iml_code iml_team_open(unsigned threads, int nice, const atomic_bool *cancel,
                            struct iml_team **team, struct iml_error *error)
{
    *team = NULL;
    if (threads < 1 || threads > IML_THREADS_MAX)
        return iml_error_set(error, IML_ERROR_ARGUMENT, "a team has 1 to %d threads, not %u",
                             IML_THREADS_MAX, threads);
    const size_t bytes = (sizeof(struct iml_team) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    struct iml_team *self = aligned_alloc(CACHE_LINE, bytes);
    if (!self) return iml_error_set(error, IML_ERROR_MEMORY, "can't allocate a team of threads");
    memset(self, 0, bytes);
    self->cancel = cancel;
    self->nice = nice;
    (void)pthread_mutex_init(&self->mutex, NULL);
    (void)pthread_cond_init(&self->started, NULL);
    (void)pthread_cond_init(&self->ended, NULL);
    for (self->threads = 1; self->threads < threads; self->threads++) {
        struct helper *helper = &self->helpers[self->threads];
        *helper = (struct helper){.team = self, .worker = self->threads};
        const int failure = start_helper(helper);
        if (failure == 0) continue;
        const unsigned started = self->threads;
        iml_team_close(self);
        return iml_error_set(error, IML_ERROR_LIMIT, "can't start thread %u of %u: %s", started + 1,
                             threads, strerrordesc_np(failure));
    }
    *team = self;
    return IML_OK;
}

void iml_team_close(struct iml_team *team)
{
    if (!team) return;
    atomic_store_explicit(&team->is_closing, true, memory_order_relaxed);
    begin_pass(team);
    for (unsigned i = 1; i < team->threads; i++) (void)pthread_join(team->helpers[i].thread, NULL);
    (void)pthread_cond_destroy(&team->started);
    (void)pthread_cond_destroy(&team->ended);
    (void)pthread_mutex_destroy(&team->mutex);
    free(team);
}

bool iml_team_run(struct iml_team *team, size_t tasks,
                  void (*task)(void *context, size_t i, unsigned worker), void *context)
{
    team->task = task;
    team->context = context;
    team->tasks = tasks;
    atomic_store_explicit(&team->next, 0, memory_order_relaxed);
    atomic_store_explicit(&team->is_cut_short, false, memory_order_relaxed);
    const bool needs_help = team->threads > 1 && tasks > 1;
    if (needs_help) {
        atomic_store_explicit(&team->running, team->threads - 1, memory_order_relaxed);
        begin_pass(team);
    }
    work(team, 0);
    if (needs_help) wait_for_helpers(team);
    return !atomic_load_explicit(&team->is_cut_short, memory_order_relaxed);
}

unsigned iml_team_size(const struct iml_team *team)
{
    return team->threads;
}
