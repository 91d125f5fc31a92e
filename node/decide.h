/*
 * One command from start to answer, inside a batch of the store: asks the store what the decision
 * needs, lets node/parking decide, appends, folds, completes the answer. Node thread.
 */
#ifndef NODE_DECIDE_H
#define NODE_DECIDE_H

#include "proto/command.h"
#include "storage/store.h"

/*
 * Fills `answer`. 0 also when the command was refused (nothing of it is stored then). -1 with
 * `problem`: something may have been written, so the caller undoes it (node/batch.h).
 */
int decide(struct store *store, const struct node_id *id, const struct command *command,
           int64_t now_ms, struct answer *answer, struct problem *problem);

#endif
