#include "api/ws_cameras.h"

#include "api/camera_list.h"
#include "proto/clock.h"
#include "proto/limits.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>

struct ws_cameras {
    struct cameras *cameras;
    struct push_channel *channel;
    pthread_t watcher;
    bool watches;
    atomic_bool stopping;
};

/* {"type":"cameras_update","data":{...}} into `out`. */
static struct slice write_list(struct cameras *cameras, struct buffer *out)
{
    struct json_writer writer = json_writer(out);

    json_put_open(&writer, '{');
    json_set_text(&writer, "type", "cameras_update");
    json_put_key(&writer, "data");
    json_put_open(&writer, '{');
    camera_list_put(&writer, cameras);
    json_put_close(&writer, '}');
    json_put_close(&writer, '}');
    return buffer_slice(out);
}

static void tell(struct ws_cameras *ws_cameras)
{
    struct buffer out = {0};

    if (push_count(ws_cameras->channel) > 0) { /* who comes later gets the list first of all */
        push_notice(ws_cameras->channel, write_list(ws_cameras->cameras, &out));
    }
    buffer_free(&out);
}

static void *watch(void *argument)
{
    struct ws_cameras *ws_cameras = argument;
    struct cameras_mark told = {0}, now = {0};
    int64_t next_ms = 0; /* when small news may be told again */

    (void)prctl(PR_SET_NAME, "cameras"); /* a name for people; without it all works */
    while (!atomic_load(&ws_cameras->stopping)) {
        bool waits = now.any != told.any;
        cameras_wait(ws_cameras->cameras, &now, waits ? next_ms : INT64_MAX, &ws_cameras->stopping);
        if (now.status != told.status || (now.any != told.any && clock_mono_ms() >= next_ms)) {
            tell(ws_cameras);
            told = now;
            next_ms = clock_mono_ms() + LIMIT_CAMERAS_TELL_MS;
        }
    }
    return NULL;
}

/* ---- hooks ----------------------------------------------------------------------------------- */

static void on_open(void *context, struct push_client *client, struct request *request)
{
    struct ws_cameras *ws_cameras = context;
    struct buffer out = {0};

    (void)request; /* takes no parameters */
    push_notify(client, write_list(ws_cameras->cameras, &out));
    buffer_free(&out);
}

static void on_text(void *context, struct push_client *client, struct slice text)
{
    (void)context;
    if (slice_equal(text, slice_text("ping"))) {
        push_send(client, slice_text("pong"));
    }
}

static void on_silence(void *context, struct push_client *client)
{
    (void)context;
    push_send(client, slice_text("ping"));
}

/* ---- life ------------------------------------------------------------------------------------ */

struct ws_cameras *ws_cameras_new(struct push *push, struct cameras *cameras)
{
    struct ws_cameras *ws_cameras = bytes_allocate(1, sizeof *ws_cameras);
    const struct push_options options = {.path = "/ws/cameras",
                                         .notice_ms = LIMIT_NOTICE_MS,
                                         .silence_ms = LIMIT_CAMERAS_SILENCE_MS,
                                         .context = ws_cameras,
                                         .open = on_open,
                                         .text = on_text,
                                         .silence = on_silence};

    ws_cameras->cameras = cameras;
    ws_cameras->channel = push_add(push, &options);
    ws_cameras->watches = pthread_create(&ws_cameras->watcher, NULL, watch, ws_cameras) == 0;
    assert(ws_cameras->watches);
    return ws_cameras;
}

void ws_cameras_stop(struct ws_cameras *ws_cameras)
{
    if (ws_cameras->watches) {
        atomic_store(&ws_cameras->stopping, true);
        cameras_wake(ws_cameras->cameras);
        (void)pthread_join(ws_cameras->watcher, NULL); /* it was created, and once */
        ws_cameras->watches = false;
    }
}

void ws_cameras_destroy(struct ws_cameras **ws_cameras)
{
    free(*ws_cameras);
    *ws_cameras = NULL;
}
