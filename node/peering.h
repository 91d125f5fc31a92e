/*
 * Commands of the peer link carried out: what a central of the existing system said, and how far we
 * have told each other. Node thread, inside a batch.
 */
#ifndef NODE_PEERING_H
#define NODE_PEERING_H

#include "proto/command.h"
#include "storage/store.h"

/* COMMAND_PEER, COMMAND_PEER_MARK. */
bool peering_is_command(enum command_kind kind);

/*
 * As decide(). COMMAND_PEER: `changed` events were logged, `position` is that of the last; `visit`
 * is what the message named or is called here. OK with `deduped`: the log had it all.
 * FIELD_INVALID: it can never become an event, `text` says why. Of a change (HISTORY_UPDATE,
 * _DELETE) also what a person's may be refused with.
 */
int peering_decide(struct store *store, const struct node_id *id, const struct command *command,
                   int64_t now_ms, struct answer *answer, struct problem *problem);

#endif
