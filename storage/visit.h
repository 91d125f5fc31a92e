/*
 * A row of table `history`: one visit as the fold left it, with the columns that only this central
 * knows.
 */
#ifndef STORAGE_VISIT_H
#define STORAGE_VISIT_H

#include "proto/bytes.h"
#include "proto/event.h"
#include "proto/ids.h"

#include <stdbool.h>
#include <stdint.h>

enum visit_status {
    VISIT_IN,
    VISIT_OUT,
    VISIT_SUPERSEDED,
    VISIT_DELETED
};

const char *visit_status_name(enum visit_status status); /* "IN" ... */
int visit_status_parse(struct slice name, enum visit_status *out);

/* Texts are slices: in a row read from SQLite they live until the statement moves on, in a
 * `struct visit_copy` until it is overwritten. Absent: NULL data, EVENT_NONE, NaN. */
struct visit {
    /* folded: the same at every central */
    struct slice event_id, source_central, edge_id, plate_id, plate_view;
    int64_t entry_ms;
    struct slice entry_camera_id, entry_camera_name, entry_source;
    double entry_confidence;
    int64_t exit_ms;
    struct slice exit_central; /* where it left */
    struct slice exit_camera_id, exit_camera_name, exit_source;
    double exit_confidence;
    int64_t fee; /* VND; 0 while inside */
    enum visit_status status;
    struct slice superseded_by; /* event_id */
    struct slice last_location;
    int64_t last_location_ms;
    bool is_anomaly;
    bool suspect; /* its entry was written by a clock known to be wrong */

    /* local: never crosses the mesh, not in digests */
    int64_t id;           /* row number */
    int64_t revision;     /* counts changes of the folded columns, from 1 */
    bool synced;          /* sync_status: false LOCAL, true SYNCED */
    struct digest digest; /* of the folded columns, as the row has it; zero: not read */
    struct slice entry_time, exit_time, duration, last_location_time, created_at, updated_at;
};

/* A visit with everything absent. */
void visit_init(struct visit *visit);

/* What an IMPORT logged by `node` says, as the fold shows it when no other event names the visit
 * and nothing else is in its way. Borrows from the event. */
void visit_imported(const struct event *event, const struct node_id *node, struct visit *visit);

/* Where its texts are, the local ones too, in the order in which statements select them. */
#define VISIT_TEXTS 20
extern const size_t visit_texts[VISIT_TEXTS];

/* A visit with memory of its own. */
#define VISIT_COPY_TEXT \
    8192 /* 20 texts; each is bounded by limits.h, the usual row has 300 bytes */
struct visit_copy {
    struct visit visit;
    char text[VISIT_COPY_TEXT];
};

/* Copies `from`; a text that no longer fits is cut. */
void visit_copy(struct visit_copy *copy, const struct visit *from);

/* BLAKE2b-128 over the folded columns in the order above, each with its length; what the state
 * digest sums (docs/protocol.md). */
struct digest visit_digest(const struct visit *visit);

#endif
