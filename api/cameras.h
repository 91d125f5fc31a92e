/*
 * The camera table of a running central, shared by the thread that follows the configuration and by
 * the workers that take heartbeats and answer. It outlives the HTTP server, so that a change of
 * ports makes no camera look silent. Any thread.
 */
#ifndef API_CAMERAS_H
#define API_CAMERAS_H

#include "api/camera_table.h"

struct cameras;

struct cameras *cameras_new(void);
void cameras_destroy(struct cameras **cameras);

/* Takes effect at once. */
void cameras_configure(struct cameras *cameras, const struct camera_settings *settings);

/* A heartbeat that came now. False when there is no room. */
bool cameras_hear(struct cameras *cameras, const struct camera_report *report);

/* Copies one; false when it is unknown. */
bool cameras_find(struct cameras *cameras, int64_t id, struct camera *out);

/* Calls `look` with the table and the monotonic time while nothing can change it; it must be
 * short and call nothing of this file. */
typedef void (*cameras_look_fn)(void *context, const struct camera_table *table, int64_t mono_ms);
void cameras_look(struct cameras *cameras, cameras_look_fn look, void *context);

#endif
