#include "api/cameras.h"

#include "proto/clock.h"
#include "proto/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct cameras {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* or somebody shall stop waiting; on the monotonic clock */
    struct cameras_mark mark;
    struct camera_table table;
};

struct cameras *cameras_new(void)
{
    struct cameras *cameras = bytes_allocate(1, sizeof *cameras);
    pthread_condattr_t attributes;

    cameras->table.timeout_ms = CAMERA_TIMEOUT_MS;
    /* None of these can fail with valid arguments on Linux. */
    (void)pthread_mutex_init(&cameras->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&cameras->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    return cameras;
}

void cameras_destroy(struct cameras **cameras)
{
    if (*cameras == NULL) {
        return;
    }
    (void)pthread_cond_destroy(&(*cameras)->changed); /* nobody waits */
    (void)pthread_mutex_destroy(&(*cameras)->mutex);  /* nor holds it */
    free(*cameras);
    *cameras = NULL;
}

/* Notes that the list changed. Locked. */
static void note(struct cameras *cameras, bool status)
{
    cameras->mark.any++;
    cameras->mark.status += status;
    (void)pthread_cond_broadcast(&cameras->changed);
}

void cameras_configure(struct cameras *cameras, const struct camera_settings *settings)
{
    (void)pthread_mutex_lock(&cameras->mutex);
    camera_table_configure(&cameras->table, settings);
    note(cameras, true);
    (void)pthread_mutex_unlock(&cameras->mutex);
}

static void log_clock(int64_t id, int64_t offset_ms)
{
    if (offset_ms == 0) {
        log_info("CAMERA_CLOCK_RIGHT", "camera=%" PRId64, id);
    } else {
        log_warn("CAMERA_CLOCK_WRONG",
                 "camera=%" PRId64 " offset_ms=%" PRId64
                 " text=\"its events are dated by this central's clock; switch time "
                 "synchronisation on at the box\"",
                 id, offset_ms);
    }
}

bool cameras_hear(struct cameras *cameras, const struct camera_report *report)
{
    int64_t wall_ms = clock_wall_ms();
    int64_t offset_ms;
    bool taken, tell;

    (void)pthread_mutex_lock(&cameras->mutex);
    taken = camera_table_hear(&cameras->table, report, clock_mono_ms(), wall_ms);
    if (taken) {
        note(cameras, false);
    }
    tell = taken && camera_table_tell_clock(&cameras->table, report->id, &offset_ms);
    (void)pthread_mutex_unlock(&cameras->mutex);
    if (tell) {
        log_clock(report->id, offset_ms);
    }
    return taken;
}

int64_t cameras_offset(struct cameras *cameras, struct slice id, const char *address)
{
    int64_t offset_ms;

    (void)pthread_mutex_lock(&cameras->mutex);
    offset_ms = camera_table_offset(&cameras->table, camera_table_id(id), address);
    (void)pthread_mutex_unlock(&cameras->mutex);
    return offset_ms;
}

bool cameras_find(struct cameras *cameras, int64_t id, struct camera *out)
{
    const struct camera *camera;

    (void)pthread_mutex_lock(&cameras->mutex);
    camera = camera_table_find(&cameras->table, id);
    if (camera != NULL) {
        *out = *camera;
    }
    (void)pthread_mutex_unlock(&cameras->mutex);
    return camera != NULL;
}

void cameras_look(struct cameras *cameras, cameras_look_fn look, void *context)
{
    (void)pthread_mutex_lock(&cameras->mutex);
    look(context, &cameras->table, clock_mono_ms());
    (void)pthread_mutex_unlock(&cameras->mutex);
}

static void copy_settings(void *context, const struct camera_table *table, int64_t mono_ms)
{
    struct camera_settings *settings = context;

    (void)mono_ms; /* settings do not age */
    settings->items = bytes_allocate(table->count, sizeof settings->items[0]);
    settings->timeout_ms = table->timeout_ms;
    for (size_t i = 0; i < table->count; i++) {
        if (table->items[i].configured) {
            settings->items[settings->count++] = table->items[i].setting;
        }
    }
}

struct camera_settings cameras_settings(struct cameras *cameras)
{
    struct camera_settings settings = {0};

    cameras_look(cameras, copy_settings, &settings);
    return settings;
}

/* ---- waiting --------------------------------------------------------------------------------- */

/* Until a signal or the monotonic time `until_ms`. */
static void sleep_until(struct cameras *cameras, int64_t until_ms)
{
    struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};

    if (until_ms == INT64_MAX) {
        (void)pthread_cond_wait(&cameras->changed, &cameras->mutex);
    } else { /* whether it was the signal or the time shows when everything is looked at again */
        (void)pthread_cond_timedwait(&cameras->changed, &cameras->mutex, &until);
    }
}

void cameras_wait(struct cameras *cameras, struct cameras_mark *mark, int64_t until_ms,
                  const atomic_bool *stop)
{
    (void)pthread_mutex_lock(&cameras->mutex);
    for (;;) {
        int64_t now_ms = clock_mono_ms(), next_ms;
        if (camera_table_sweep(&cameras->table, now_ms, &next_ms)) {
            cameras->mark.any++;
            cameras->mark.status++;
        }
        if (atomic_load(stop) || cameras->mark.any != mark->any || now_ms >= until_ms) {
            break;
        }
        sleep_until(cameras, next_ms < until_ms ? next_ms : until_ms);
    }
    *mark = cameras->mark;
    (void)pthread_mutex_unlock(&cameras->mutex);
}

void cameras_wake(struct cameras *cameras)
{
    (void)pthread_mutex_lock(&cameras->mutex);
    (void)pthread_cond_broadcast(&cameras->changed);
    (void)pthread_mutex_unlock(&cameras->mutex);
}
