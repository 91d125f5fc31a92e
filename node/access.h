/*
 * Accounts, sessions and tokens: what the node decides when it is asked to change them. Inside a
 * batch of the store. Node thread.
 */
#ifndef NODE_ACCESS_H
#define NODE_ACCESS_H

#include "proto/access.h"
#include "proto/command.h"
#include "storage/store.h"

/*
 * Carries `access` out and leaves a line in the audit. Fills `answer`: OK, or nothing is stored and
 * NAME_TAKEN, NOT_FOUND, PRECONDITION_FAILED, LAST_ADMIN, LIMIT_REACHED or FIELD_INVALID. 0; -1
 * with `problem` when the store failed, as for node/decide.h.
 */
int access_decide(struct store *store, const struct access *access, int64_t now_ms,
                  struct answer *answer, struct problem *problem);

#endif
