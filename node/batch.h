/*
 * Requests carried out together: one transaction, one COMMIT. Node thread.
 *
 * A poisonous request must not undo others, yet a savepoint around each costs a third of the whole
 * work (SQLite copies every page that it touches). So a batch is first tried without; only when a
 * request fails by its own fault is everything rolled back and carried out again with savepoints,
 * and then that request alone is undone.
 */
#ifndef NODE_BATCH_H
#define NODE_BATCH_H

#include "proto/command.h"
#include "proto/handoff.h"
#include "storage/store.h"

/* One request and what came of it. */
struct request {
    bool is_run;
    struct slice command;        /* packed struct command; when !is_run */
    struct apply_request run;    /* when is_run */
    struct answer answer;        /* to a command */
    struct apply_answer applied; /* to a run; its token is the run's */
};

/* What a batch is carried out with. */
struct batch_place {
    struct store *store;
    struct node_id id;
    void (*between)(void *of); /* called between requests, for what else cannot wait; or NULL */
    void *of;
};

/*
 * Carries out `count` requests in order and commits, with `may_owe` by store_commit_owing. 0: each
 * has its answer, and what was done is durable unless the store owes a sync. -1 with the problem
 * (DISK_FULL, DB_LOCKED, DB_FAILED ...): nothing of the batch was stored, the answers mean nothing.
 */
int batch_carry_out(const struct batch_place *place, struct request *const *requests, size_t count,
                    bool may_owe, struct problem *problem);

#endif
