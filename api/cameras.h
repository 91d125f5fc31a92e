/*
 * The camera table of a running central, shared by the thread that follows the configuration and by
 * the workers that take heartbeats and answer. It outlives the HTTP server, so that a change of
 * ports makes no camera look silent. Any thread.
 */
#ifndef API_CAMERAS_H
#define API_CAMERAS_H

#include "api/camera_table.h"

#include <stdatomic.h>

struct cameras;

struct cameras *cameras_new(void);
void cameras_destroy(struct cameras **cameras);

/* Takes effect at once. */
void cameras_configure(struct cameras *cameras, const struct camera_settings *settings);

/* A heartbeat that came now. False when there is no room. A clock that has become wrong, or right
 * again, is logged. */
bool cameras_hear(struct cameras *cameras, const struct camera_report *report);

/* camera_table_offset of the camera that calls itself `id`, a number or not. */
int64_t cameras_offset(struct cameras *cameras, struct slice id, const char *address);

/* Copies one; false when it is unknown. */
bool cameras_find(struct cameras *cameras, int64_t id, struct camera *out);

/* Calls `look` with the table and the monotonic time while nothing can change it; it must be
 * short and call nothing of this file. */
typedef void (*cameras_look_fn)(void *context, const struct camera_table *table, int64_t mono_ms);
void cameras_look(struct cameras *cameras, cameras_look_fn look, void *context);

/* A copy of what is configured; the caller frees `items`. */
struct camera_settings cameras_settings(struct cameras *cameras);

/* How often the list has changed since the start. */
struct cameras_mark {
    uint64_t any;    /* in anything */
    uint64_t status; /* in who is there and online, or in what is configured */
};

/*
 * Waits until the list is another than at `*mark`, a change by time alone included, until the
 * monotonic time `until_ms` (INT64_MAX = without end), or until `*stop` is true and cameras_wake
 * has been called. `*mark` is then what there is. Several may wait, each with a `stop` of its own:
 * while the ports of a central change, two servers have one list.
 */
void cameras_wait(struct cameras *cameras, struct cameras_mark *mark, int64_t until_ms,
                  const atomic_bool *stop);
void cameras_wake(struct cameras *cameras);

#endif
