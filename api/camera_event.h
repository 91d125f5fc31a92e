/*
 * What a camera reports, as JSON, by HTTP or WebSocket: read into a command for the node, and the
 * node's answer written. Checks types and decides nothing. Cameras repeat what was not answered
 * with 200 for ever, so only what can never become an event is refused: everything beside type and
 * plate that makes no sense is left out. Pure.
 */
#ifndef API_CAMERA_EVENT_H
#define API_CAMERA_EVENT_H

#include "api/json.h"
#include "proto/command.h"
#include "proto/problem.h"

/* Bytes of a name that was sent as a number. */
#define CAMERA_EVENT_NAME DECIMAL_TEXT

/* A command and what it borrows beside the parsed document. */
struct camera_event {
    struct command command;
    char camera_id[CAMERA_EVENT_NAME], edge_id[CAMERA_EVENT_NAME], sent_id[CAMERA_EVENT_NAME];
    struct problem problem;
};

/* 0, or -1 with `problem`: TYPE_UNKNOWN, PLATE_UNUSABLE, FIELD_INVALID. The command borrows from
 * both arguments. */
int camera_event_read(struct camera_event *reading, const json_t *event);

/* The answer as members of an open object. */
void camera_event_put(struct json_writer *writer, const struct answer *answer);

#endif
