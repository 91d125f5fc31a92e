/*
 * Events and visits on their way to the running central, many in one request. The central
 * recognises a repetition (an event by its key, a visit by what it says), so that work that broke
 * off is simply done again. Main thread.
 */
#ifndef NODE_SENDER_H
#define NODE_SENDER_H

#include "node/own_api.h"
#include "node/record_file.h"
#include "node/terminal.h"
#include "proto/bytes.h"

#define SENDER_ITEMS 250 /* in one request: an answer every few milliseconds, for the bar */

/* What goes in one request. */
struct sender_goods {
    const char *what; /* in plural, for people */
    const char *path;
    bool has_keys;
};
extern const struct sender_goods SENDER_EVENTS, SENDER_VISITS;

/* Zero-initialise, fill the first part, end with sender_free. */
struct sender {
    const struct own_api *api;
    const struct sender_goods *goods;  /* of what is added now */
    const char *place;                 /* what numbers count: "line", "row" */
    bool prints;                       /* each answer goes to stdout, a JSON object a line */
    struct terminal_progress progress; /* counts places */
    uint64_t run;                      /* random; names events that do not name themselves */

    uint64_t stored, repeated; /* what the central has now; of it, had already */
    uint64_t refused;          /* told on stderr */
    uint64_t line;             /* place of the newest that was added */
    struct buffer body;        /* the request that is being put together */
    size_t count;
    uint64_t lines[SENDER_ITEMS]; /* where its events came from */
    char message[300];            /* of the newest answer, for people */
};

/* Says what is added from now on; sends what was added before, if that is something else. 0, or -1
 * when sending failed. */
int sender_aim(struct sender *sender, const struct sender_goods *goods, struct problem *problem);

/* Adds what stands at a place, and sends when there are enough. An event without a `key` gets one:
 * of its content when that says when it happened, else for this run only. 0, or -1 when sending
 * failed: the problem says so. `record` is changed and not kept. */
int sender_add(struct sender *sender, uint64_t line, json_t *record, struct problem *problem);

/* Hands each record of a file (node/record_file) to `each`, with the sender as its context, and
 * shows the progress. 0, or -1 with the problem of the file or of `each`. */
int sender_read(struct sender *sender, const char *path, record_fn each, struct problem *problem);

/* What can never be stored: told, counted, passed over. */
void sender_refuse(struct sender *sender, uint64_t line, const struct problem *problem);

/* Sends what is left. While the central does not answer, it is asked again for half a minute. */
int sender_flush(struct sender *sender, struct problem *problem);

/* Prints what became of all, for people; nothing when each answer was printed. */
void sender_sum(const struct sender *sender);

void sender_free(struct sender *sender);

#endif
