/*
 * Events on their way to the running central, many in one request. Each has a key by which the
 * central recognises a repetition, so that work that broke off is simply done again. Main thread.
 */
#ifndef NODE_SENDER_H
#define NODE_SENDER_H

#include "node/own_api.h"
#include "node/terminal.h"
#include "proto/bytes.h"

#define SENDER_ITEMS 250 /* in one request: an answer every few milliseconds, for the bar */

/* Zero-initialise, fill the first part, end with sender_free. */
struct sender {
    const struct own_api *api;
    bool prints;                       /* each answer goes to stdout, a JSON object a line */
    struct terminal_progress progress; /* counts lines */
    uint64_t run;                      /* random; names events that do not name themselves */

    uint64_t stored, repeated; /* what the central has now; of it, had already */
    uint64_t refused;          /* told on stderr */
    uint64_t line;             /* the newest that was added */
    struct buffer body;        /* the request that is being put together */
    size_t count;
    uint64_t lines[SENDER_ITEMS]; /* where its events came from */
    char message[300];            /* of the newest answer, for people */
};

/* Adds the event of a line, and sends when there are enough. Without a `key` it gets one: of its
 * content when that says when it happened, else for this run only. 0, or -1 when sending failed:
 * the problem says so. `event` is changed and not kept. */
int sender_add(struct sender *sender, uint64_t line, json_t *event, struct problem *problem);

/* A line that is no event: told, counted, passed over. */
void sender_refuse(struct sender *sender, uint64_t line, const struct problem *problem);

/* Sends what is left. While the central does not answer, it is asked again for half a minute. */
int sender_flush(struct sender *sender, struct problem *problem);

void sender_free(struct sender *sender);

#endif
