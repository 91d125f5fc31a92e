#include "api/cameras.h"

#include "proto/clock.h"

#include <pthread.h>
#include <stdlib.h>

struct cameras {
    pthread_mutex_t mutex;
    struct camera_table table;
};

struct cameras *cameras_new(void)
{
    struct cameras *cameras = bytes_allocate(1, sizeof *cameras);

    cameras->table.timeout_ms = CAMERA_TIMEOUT_MS;
    (void)pthread_mutex_init(&cameras->mutex, NULL); /* cannot fail with default attributes */
    return cameras;
}

void cameras_destroy(struct cameras **cameras)
{
    if (*cameras == NULL) {
        return;
    }
    (void)pthread_mutex_destroy(&(*cameras)->mutex); /* nobody holds it */
    free(*cameras);
    *cameras = NULL;
}

void cameras_configure(struct cameras *cameras, const struct camera_settings *settings)
{
    (void)pthread_mutex_lock(&cameras->mutex);
    camera_table_configure(&cameras->table, settings);
    (void)pthread_mutex_unlock(&cameras->mutex);
}

bool cameras_hear(struct cameras *cameras, const struct camera_report *report)
{
    int64_t wall_ms = clock_wall_ms();
    bool taken;

    (void)pthread_mutex_lock(&cameras->mutex);
    taken = camera_table_hear(&cameras->table, report, clock_mono_ms(), wall_ms);
    (void)pthread_mutex_unlock(&cameras->mutex);
    return taken;
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
