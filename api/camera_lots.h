/*
 * Lots: a configured PARKING_LOT camera is one, under the camera's name. What changes is logged, so
 * that every central has the same lots.
 */
#ifndef API_CAMERA_LOTS_H
#define API_CAMERA_LOTS_H

#include "api/camera_table.h"
#include "api/request.h"

/* Logs the lots of `after`, and those of `before` that are no more. What is as it was costs a
 * question to the node and logs nothing. 0, or -1 after an answer. */
int camera_lots_follow(struct request *request, const json_t *body,
                       const struct camera_settings *before, const struct camera_settings *after);

#endif
