#include "api/refusals.h"

#include "proto/bytes.h"
#include "proto/limits.h"
#include "proto/log.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

struct counter {
    int64_t since_ms; /* when the first of `lines` was written */
    unsigned lines;
    uint64_t left_out;
};

struct refusals {
    pthread_mutex_t mutex;
    struct counter counters[PROBLEM_COUNT];
};

struct refusals *refusals_new(void)
{
    struct refusals *refusals = bytes_allocate(1, sizeof *refusals);

    (void)pthread_mutex_init(&refusals->mutex, NULL); /* cannot fail on Linux */
    return refusals;
}

void refusals_destroy(struct refusals **refusals)
{
    if (*refusals == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&(*refusals)->mutex);
    free(*refusals);
    *refusals = NULL;
}

bool refusals_take(struct refusals *refusals, enum problem_code code, int64_t now_ms,
                   uint64_t *left_out)
{
    struct counter *counter = &refusals->counters[code];
    bool taken;

    assert(code >= 0 && code < PROBLEM_COUNT);
    (void)pthread_mutex_lock(&refusals->mutex); /* a plain mutex of ours: locking it cannot fail */
    if (counter->lines == 0 || now_ms - counter->since_ms >= LIMIT_REFUSALS_MS) {
        counter->since_ms = now_ms;
        counter->lines = 0;
    }
    taken = counter->lines < LIMIT_REFUSALS;
    if (taken) {
        counter->lines++;
        *left_out = counter->left_out;
        counter->left_out = 0;
    } else {
        counter->left_out++;
    }
    (void)pthread_mutex_unlock(&refusals->mutex);
    return taken;
}

uint64_t refusals_untold(struct refusals *refusals, enum problem_code code)
{
    struct counter *counter = &refusals->counters[code];
    uint64_t untold;

    assert(code >= 0 && code < PROBLEM_COUNT);
    (void)pthread_mutex_lock(&refusals->mutex);
    untold = counter->left_out;
    counter->left_out = 0;
    (void)pthread_mutex_unlock(&refusals->mutex);
    return untold;
}

void refusals_log_untold(struct refusals *refusals)
{
    for (int code = 0; code < PROBLEM_COUNT; code++) {
        uint64_t untold = refusals_untold(refusals, (enum problem_code)code);
        if (untold > 0) {
            log_info("HTTP_LEFT_OUT", "problem=%s left_out=%" PRIu64,
                     problem_name((enum problem_code)code), untold);
        }
    }
}
