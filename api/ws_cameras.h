/*
 * /ws/cameras: the list of cameras, whole, when a page comes and after each change. A camera that
 * comes, goes or falls silent is told at once; counters and times of heartbeats wait for
 * LIMIT_CAMERAS_TELL_MS, because each page takes the whole list each time. Pages keep the
 * connection alive with the texts `ping` and `pong`, and so do we.
 */
#ifndef API_WS_CAMERAS_H
#define API_WS_CAMERAS_H

#include "api/cameras.h"
#include "api/push.h"

struct ws_cameras;

/* Adds the channel and starts to watch. `cameras` outlives it. */
struct ws_cameras *ws_cameras_new(struct push *push, struct cameras *cameras);

/* Ends the watching; before the push is destroyed. Again is harmless. */
void ws_cameras_stop(struct ws_cameras *ws_cameras);

/* After the push is gone. */
void ws_cameras_destroy(struct ws_cameras **ws_cameras);

#endif
