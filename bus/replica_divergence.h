/*
 * Logs that differ where they should not: forks between two centrals, damage in our own, and the
 * first difference as people are told it. Inside of the replica only; single-threaded like it.
 *
 * Of each file: `_response`, `_read` and `_applied` are offered the answers to SYNC_REQUEST, READ
 * and MOVE or REPAIR, and say whether the answer was theirs; arguments as in bus/replica.h,
 * borrowed.
 * `_tick` does what is due, `_deadline` says when something will be (monotonic ms, REPLICA_NEVER).
 */
#ifndef BUS_REPLICA_DIVERGENCE_H
#define BUS_REPLICA_DIVERGENCE_H

#include "bus/replica_internal.h"

/* replica_fork.c */
/* Compares a stream with the peer's as soon as possible. `suspect` is copied. */
void replica_fork_suspect(struct replica *replica, struct replica_central *peer,
                          const struct replica_suspect *suspect);
/* A head of the peer from VECTOR, which digests alone did not explain. */
void replica_fork_head(struct replica *replica, struct replica_central *peer,
                       const struct head *head);
/* The branch that stays in this stream is known, and the run is of another one. */
bool replica_fork_refuses(const struct replica *replica, uint32_t stream, const struct run *run);
/* True when the answer was to a question of a check. */
bool replica_fork_response(struct replica *replica, struct replica_central *peer,
                           const struct message_sync_response *response);
bool replica_fork_read(struct replica *replica, uint64_t token, bool failed, struct slice run,
                       uint64_t damaged);
bool replica_fork_applied(struct replica *replica, uint64_t token, enum apply_outcome outcome);
/* The peer has gone: its checks end. */
void replica_fork_forget(struct replica_central *peer);
void replica_fork_tick(struct replica *replica, struct replica_central *peer);
int64_t replica_fork_deadline(const struct replica *replica, const struct replica_central *peer);

/* replica_mend.c */
/* Our log does not verify at this event. */
void replica_mend_noticed(struct replica *replica, uint32_t stream, uint64_t seq);
/* The first event that differs in a damaged stream; false when the stream is not damaged. */
bool replica_mend_narrowed(struct replica *replica, uint32_t stream, uint64_t seq);
bool replica_mend_response(struct replica *replica, struct replica_central *peer,
                           const struct message_sync_response *response);
bool replica_mend_read(struct replica *replica, uint64_t token, bool failed, struct slice run,
                       uint64_t damaged);
bool replica_mend_applied(struct replica *replica, uint64_t token, enum apply_outcome outcome);
void replica_mend_tick(struct replica *replica);
int64_t replica_mend_deadline(const struct replica *replica);

/* replica_diff.c */
/* A head of the peer, heard while a difference is looked for. */
void replica_diff_head(struct replica *replica, struct replica_central *peer,
                       const struct head *head);
/* The peer holds all of this node as we do. */
void replica_diff_same(struct replica *replica, struct replica_central *peer,
                       const struct replica_node *node);
/* The round of comparing has ended. */
void replica_diff_compared(struct replica *replica, struct replica_central *peer);
/* What the check of the first stream found. */
void replica_diff_found(struct replica *replica, struct replica_central *peer,
                        enum diff_state state, uint64_t seq, const struct replica_check *check);

#endif
