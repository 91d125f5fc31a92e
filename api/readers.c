#include "api/readers.h"

#include "proto/limits.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct readers {
    char *database;
    pthread_mutex_t mutex;
    pthread_cond_t given;
    struct history **idle; /* a stack */
    uint32_t idle_count;
    uint32_t unopened;
    uint32_t total;
    uint32_t dumps; /* handles lent to dumps */
};

static void close_all(struct readers *readers)
{
    for (uint32_t i = 0; i < readers->idle_count; i++) {
        history_close(&readers->idle[i]);
    }
    free(readers->idle);
    free(readers->database);
    free(readers);
}

struct readers *readers_new(const char *database, uint32_t count, struct problem *problem)
{
    struct readers *readers = bytes_allocate(1, sizeof *readers);
    pthread_condattr_t attributes;

    readers->total = count > 0 ? count : 1;
    readers->idle = bytes_allocate(readers->total, sizeof(struct history *));
    readers->idle[0] = history_open(database, problem);
    if (readers->idle[0] == NULL) {
        close_all(readers);
        return NULL;
    }
    readers->idle_count = 1;
    readers->unopened = readers->total - 1;
    readers->database = bytes_allocate(1, strlen(database) + 1);
    memcpy(readers->database, database, strlen(database) + 1);
    /* None of these four can fail with valid arguments on Linux. */
    (void)pthread_mutex_init(&readers->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&readers->given, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return readers;
}

void readers_destroy(struct readers **readers)
{
    if (*readers == NULL) {
        return;
    }
    (void)pthread_cond_destroy(&(*readers)->given);
    (void)pthread_mutex_destroy(&(*readers)->mutex);
    close_all(*readers);
    *readers = NULL;
}

static bool available(const struct readers *readers, bool dump)
{
    uint32_t dumps_allowed = readers->total > 1 ? readers->total / 2 : 1;

    return readers->idle_count + readers->unopened > 0 && (!dump || readers->dumps < dumps_allowed);
}

/* Opens one that was counted as lent; gives back the right to it when that fails. */
static struct history *open_another(struct readers *readers, bool dump, struct problem *problem)
{
    struct history *history = history_open(readers->database, problem);

    if (history == NULL) {
        (void)pthread_mutex_lock(&readers->mutex);
        readers->unopened++;
        readers->dumps -= dump ? 1 : 0;
        (void)pthread_cond_broadcast(&readers->given);
        (void)pthread_mutex_unlock(&readers->mutex);
    }
    return history;
}

struct history *readers_take(struct readers *readers, bool dump, struct problem *problem)
{
    struct history *history = NULL;
    struct timespec until;
    bool opens = false;
    int rc = 0;

    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += LIMIT_READERS_WAIT_MS / 1000;
    (void)pthread_mutex_lock(&readers->mutex);
    while (!available(readers, dump) && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&readers->given, &readers->mutex, &until);
    }
    if (available(readers, dump)) {
        opens = readers->idle_count == 0;
        if (opens) {
            readers->unopened--;
        } else {
            history = readers->idle[--readers->idle_count];
        }
        readers->dumps += dump ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&readers->mutex);
    if (opens) {
        return open_another(readers, dump, problem);
    }
    if (history == NULL) {
        (void)problem_set(problem, PROBLEM_BUSY, NULL, "Hệ thống đang bận, vui lòng thử lại");
    }
    return history;
}

void readers_give(struct readers *readers, bool dump, struct history **history)
{
    (void)pthread_mutex_lock(&readers->mutex);
    readers->idle[readers->idle_count++] = *history;
    readers->dumps -= dump ? 1 : 0;
    /* a dump and a short question may be waiting: the right one must wake up */
    (void)pthread_cond_broadcast(&readers->given);
    (void)pthread_mutex_unlock(&readers->mutex);
    *history = NULL;
}
