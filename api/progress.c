#include "api/progress.h"

#include "proto/clock.h"
#include "proto/fact.h"
#include "proto/limits.h"
#include "proto/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The mutex guards the list of waiters and what they share with the thread that brings facts. */
struct progress {
    pthread_mutex_t mutex;
    struct progress_waiter *waiters;
    size_t count;
    bool stopping;
    pthread_cond_t entered; /* who rests while nobody waits is told of the first */
    uint64_t last_batch;    /* of the thread that brings facts; 0 = none seen */
};

/* ---- facts ----------------------------------------------------------------------------------- */

static bool concerns(const struct fact *fact, const struct progress_waiter *waiter)
{
    if (waiter->wanted == NULL) {
        return true;
    }
    for (size_t i = 0; i < fact->head_count; i++) {
        for (size_t j = 0; j < waiter->wanted_count; j++) {
            if (stream_compare(&fact->heads[i].stream, &waiter->wanted[j].stream) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* `fact` NULL: something was missed. Mutex held. */
static void wake(struct progress *progress, const struct fact *fact)
{
    for (struct progress_waiter *waiter = progress->waiters; waiter != NULL;
         waiter = waiter->next) {
        if (fact == NULL || concerns(fact, waiter)) {
            waiter->has_news = true;
            (void)pthread_cond_signal(&waiter->woken);
        }
    }
}

bool progress_fact(struct progress *progress, struct slice bytes)
{
    struct fact fact;
    bool has_waiters;

    (void)pthread_mutex_lock(&progress->mutex);
    has_waiters = progress->waiters != NULL;
    (void)pthread_mutex_unlock(&progress->mutex);
    if (!has_waiters) {
        progress->last_batch = 0; /* not unpacked; who comes now reads the log first */
        return false;
    }
    if (fact_unpack(&fact, bytes) != 0) {
        log_error("FACT_INVALID", "bytes=%zu", bytes.len);
        return true;
    }
    (void)pthread_mutex_lock(&progress->mutex);
    wake(progress, fact.batch == progress->last_batch + 1 ? &fact : NULL);
    (void)pthread_mutex_unlock(&progress->mutex);
    progress->last_batch = fact.batch;
    fact_free(&fact);
    return true;
}

static struct timespec monotonic(int64_t ms)
{
    return (struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
}

void progress_rest(struct progress *progress, int64_t rest_ms)
{
    const struct timespec until = monotonic(clock_mono_ms() + rest_ms);
    int rc = 0;

    (void)pthread_mutex_lock(&progress->mutex);
    while (progress->waiters == NULL && !progress->stopping && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&progress->entered, &progress->mutex, &until);
    }
    (void)pthread_mutex_unlock(&progress->mutex);
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* Its times are of the monotonic clock. */
static void start_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;

    /* None of these four can fail with valid arguments on Linux. */
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(condition, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

bool progress_enter(struct progress *progress, struct progress_waiter *waiter,
                    const struct position *wanted, size_t wanted_count)
{
    bool entered;

    *waiter = (struct progress_waiter){.wanted = wanted, .wanted_count = wanted_count};
    start_condition(&waiter->woken);
    (void)pthread_mutex_lock(&progress->mutex);
    entered = !progress->stopping && progress->count < LIMIT_WAITERS;
    if (entered) {
        waiter->next = progress->waiters;
        progress->waiters = waiter;
        progress->count++;
        (void)pthread_cond_signal(&progress->entered);
    }
    (void)pthread_mutex_unlock(&progress->mutex);
    if (!entered) {
        (void)pthread_cond_destroy(&waiter->woken);
    }
    return entered;
}

bool progress_wait(struct progress *progress, struct progress_waiter *waiter, int64_t until_ms)
{
    const struct timespec until = monotonic(until_ms);
    bool has_news;
    int rc = 0;

    (void)pthread_mutex_lock(&progress->mutex);
    while (!waiter->has_news && !progress->stopping && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&waiter->woken, &progress->mutex, &until);
    }
    has_news = waiter->has_news && !progress->stopping;
    waiter->has_news = false;
    (void)pthread_mutex_unlock(&progress->mutex);
    return has_news;
}

void progress_leave(struct progress *progress, struct progress_waiter *waiter)
{
    struct progress_waiter **at = &progress->waiters;

    (void)pthread_mutex_lock(&progress->mutex);
    while (*at != waiter) {
        at = &(*at)->next;
    }
    *at = waiter->next;
    progress->count--;
    (void)pthread_mutex_unlock(&progress->mutex);
    (void)pthread_cond_destroy(&waiter->woken);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct progress *progress_new(void)
{
    struct progress *progress = bytes_allocate(1, sizeof *progress);

    (void)pthread_mutex_init(&progress->mutex, NULL); /* cannot fail on Linux */
    start_condition(&progress->entered);
    return progress;
}

void progress_stop(struct progress *progress)
{
    (void)pthread_mutex_lock(&progress->mutex);
    progress->stopping = true;
    wake(progress, NULL);
    (void)pthread_cond_signal(&progress->entered);
    (void)pthread_mutex_unlock(&progress->mutex);
}

void progress_destroy(struct progress **progress)
{
    if (*progress == NULL) {
        return;
    }
    (void)pthread_cond_destroy(&(*progress)->entered);
    (void)pthread_mutex_destroy(&(*progress)->mutex);
    free(*progress);
    *progress = NULL;
}
