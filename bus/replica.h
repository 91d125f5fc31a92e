/*
 * Replication as a pure state machine: (state, input, now) -> (state, outputs). No sockets, files,
 * threads, clocks or randomness of its own; the daemon (bus/mesh.c) and the simulator run the same
 * object code. Single-threaded.
 *
 * The idea: events live in streams with dense numbers; our own vector (head per stream) is the only
 * truth about what we lack. A pushed EVENT is a hint: next in line is applied, old is ignored, a
 * gap is pulled with SYNC_REQUEST from any peer that has it, at most LIMIT_OUTSTANDING at a time
 * per peer, each wanted run from one peer at a time. Digests in HELLO and HEARTBEAT say whether two
 * logs are equal; when they differ and the announced heads do not explain it, VECTOR_REQUEST asks.
 * Nothing here survives a restart but the vector, which the log holds.
 */
#ifndef BUS_REPLICA_H
#define BUS_REPLICA_H

#include "proto/diff.h"
#include "proto/event.h"
#include "proto/fact.h"
#include "proto/handoff.h"
#include "proto/ids.h"
#include "proto/message.h"
#include "proto/probe.h"
#include "proto/report.h"

struct replica;

struct replica_options {
    struct node_id node;
    struct digest mesh_id; /* equal for all centrals of one operator */
    uint64_t boot;         /* random, this process start */
    int64_t heartbeat_ms;
    uint16_t api_port;    /* announced */
    const char *software; /* "parkmesh 0.1.0"; announced */
    uint64_t fold;        /* version of the rules that make visits of events; announced, 0 = not.
                             Only states made by one version are compared */
    uint64_t seed;        /* of the jitter */
};

/* A configured central. */
struct replica_peer {
    struct node_id id;
    char ip[64];
    uint16_t p2p_port, api_port;
};

struct replica *replica_new(const struct replica_options *options);
void replica_destroy(struct replica **replica);

/* Now, in both clocks. Monotonic decides waiting, wall is only reported and announced. */
struct replica_now {
    int64_t mono_ms, wall_ms;
};

/* Inputs. */

/* The configured centrals (all of them). Links of unchanged peers stay; links of removed ones get a
 * REJECT and are closed; a pending peer that is now configured is greeted when it is dialled or
 * dials, which it does every few seconds. */
void replica_set_peers(struct replica *replica, const struct replica_peer *peers, size_t count,
                       struct replica_now now);

/* Our vector as the log holds it: once at the start, and again whenever facts were missed. Until
 * the first call HELLO is not sent, messages are dropped, and nothing is requested or served. It
 * may be older than facts that were heard before: heads only rise, and the digests told are summed
 * from them. `events` belongs to the same snapshot and says whether `state_digest` is current.
 * `rewinds` (proto/fact.h) says whether heads were set back: if more often than we know, the heads
 * are taken as they are, and others are gone. */
void replica_set_vector(struct replica *replica, const struct head *heads, size_t count,
                        uint64_t events, uint64_t rewinds, const struct digest *state_digest,
                        struct replica_now now);

/* Where others reach us ("10.0.0.1:9000"), for messages to people; "" at first. */
void replica_set_address(struct replica *replica, const char *address);

/* A transport link came up. `expected`: whom we dialled, NULL for an accepted link. `address`: of
 * the other side as text, for messages. Link numbers are the caller's, rising, never reused. An
 * accepted link that was closed comes up again, under a new number, when it says more. */
void replica_link_up(struct replica *replica, uint64_t link, const struct node_id *expected,
                     const char *address, struct replica_now now);
/* The transport lost it (or never had it). Harmless for a link that REPLICA_CLOSE named. */
void replica_link_down(struct replica *replica, uint64_t link, struct replica_now now);
/* A dialled peer could not be reached at this address, or refused the CURVE handshake: shown in the
 * report. */
void replica_link_error(struct replica *replica, const struct node_id *peer, const char *address,
                        enum problem_code code, const char *text, struct replica_now now);

/* Any bytes from a link. */
void replica_message(struct replica *replica, uint64_t link, struct slice bytes,
                     struct replica_now now);

/* A commit of the node: heads, digests, local events to push. */
void replica_committed(struct replica *replica, const struct fact *fact, struct replica_now now);

/* Answers to outputs, before or after the fact of the same commit. Every APPLY must be answered
 * (APPLY_REFUSED when it could not be handed over): runs in flight are what limits the asking. */
void replica_applied(struct replica *replica, uint64_t token, enum apply_outcome outcome,
                     struct replica_now now);
/* `damaged`: where our log does not verify, as the reader says; 0 = it does. */
void replica_read(struct replica *replica, uint64_t token, bool failed, struct slice run,
                  uint64_t damaged, struct replica_now now);

/* Time has passed: heartbeats, time-outs. Call at least at replica_deadline. */
void replica_tick(struct replica *replica, struct replica_now now);
/* The monotonic ms at which something is due; INT64_MAX = nothing. Changes with every input. */
int64_t replica_deadline(const struct replica *replica);

/* Says BYE on every link and closes it (polite stop). */
void replica_bye(struct replica *replica, const char *reason, struct replica_now now);

/* Outputs, to be taken until none is left after every input. Bytes live until the next call. */
enum replica_output_kind {
    REPLICA_SEND,   /* bytes to link; may be lost */
    REPLICA_CLOSE,  /* forget the link; `retry_ms` until dialling `peer` again (0 = at once) */
    REPLICA_APPLY,  /* run to the node, answered by replica_applied */
    REPLICA_REPAIR, /* the same, to mend damage in what we hold */
    REPLICA_MOVE, /* our events of `stream` from `from` on leave it (`chain`: ours there), answered
                   * by replica_applied */
    REPLICA_READ, /* run from the reader, answered by replica_read */
    REPLICA_SYNCED, /* peer's log digest equals ours: p2p_sync_state */
    REPLICA_ALARM   /* log it: `id`, `is_warning`, peer, address, events, text */
};
struct replica_output {
    enum replica_output_kind kind;
    uint64_t link;
    uint64_t token;
    struct slice bytes; /* SEND: message; APPLY: packed run */
    enum fact_origin origin;
    struct stream stream;
    uint64_t from;
    struct digest chain; /* of a MOVE, see struct apply_request */
    size_t max_bytes, max_events;
    struct node_id peer;
    int64_t wall_ms;
    int64_t retry_ms;
    /* Of an ALARM. */
    const char *id; /* stable: PEER_UP, PEER_DOWN, PEER_IN_SYNC, PEER_PENDING, CHAIN_MENDED, or a
                     * problem's */
    enum problem_code code; /* PROBLEM_OK = good news */
    const char *address;    /* "" = none */
    const char *text;       /* "" = nothing that the fields do not say */
    bool has_events;
    uint64_t events;
    bool is_warning; /* else information */
};
bool replica_next(struct replica *replica, struct replica_output *output);

/* Where the log of a peer first differs from ours, found by asking it. Asks anew when the last
 * answer is older than a few seconds; call again (and pass time) until it is not DIFF_LOOKING. */
void replica_diff(struct replica *replica, const struct node_id *peer, struct diff_report *report,
                  struct replica_now now);

/* Whether the link to a peer carries messages now: sends it a HEARTBEAT unless one was sent for a
 * probe since `since_ms`; ask again (and pass time) until it is not PROBE_WAITING. */
void replica_probe(struct replica *replica, const struct probe_question *question,
                   struct probe_report *report, struct replica_now now);

/* Fills what a report says of us and the peers, and the counters; free it with mesh_report_free. */
void replica_report(const struct replica *replica, struct mesh_report *report,
                    struct replica_now now);
/* Fills `cells`/`centrals`: each configured central against each. Bounded work: at most
 * LIMIT_PEERS^2 / 2 pairs, and a few million heads. */
void replica_matrix(const struct replica *replica, struct mesh_report *report,
                    struct replica_now now);

#endif
