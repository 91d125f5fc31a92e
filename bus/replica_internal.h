/*
 * What the files of the replication state machine share. Nobody else includes this.
 *
 *   replica.c           life cycle, dispatch of messages, outputs, passing of time
 *   replica_vector.c    our vector: interned streams, digests per node
 *   replica_link.c      transport links, two links to one peer
 *   replica_hello.c     HELLO and REJECT, one id used twice
 *   replica_peer.c      peers, and what each is known to hold
 *   replica_block.c     streams that differ at a peer, left alone there
 *   replica_pulse.c     what we tell: HEARTBEAT, ACK, pushed EVENTs; clocks
 *   replica_fetch.c     what we lack: planning, SYNC_REQUEST, SYNC_RESPONSE, applying
 *   replica_serve.c     what others lack: SYNC_REQUEST, VECTOR_REQUEST
 *   replica_compare.c   finding what differs: VECTOR
 *   replica_equal.c     who equals whom, and unequal states of equal logs
 *   replica_fork.c      the first event of a stream that differs; which branch moves
 *   replica_mend.c      damage in our own log: looking for it, having it mended
 *   replica_diff.c      the first difference, for people
 *   replica_report.c    how it stands
 *
 * Sizes: S streams are interned once and are numbers from then on; each of P peers has an array of
 * S views. A changed head costs O(P), a message O(what it names); O(S) work happens only when
 * digests become equal, a peer restarts, or somebody asks for a report.
 */
#ifndef BUS_REPLICA_INTERNAL_H
#define BUS_REPLICA_INTERNAL_H

#include "bus/replica.h"

#define REPLICA_NONE UINT32_MAX        /* no such stream */
#define REPLICA_NEVER INT64_MAX        /* a deadline that is not set */
#define REPLICA_REFUSED_RETRY_MS 30000 /* until a refused link is tried again; jittered */
#define REPLICA_REQUEST_MS 15000       /* a SYNC_RESPONSE must be here by then */
#define REPLICA_APPLY_MS 60000         /* the node has lost a run that it did not answer by then */
#define REPLICA_ANNOUNCE_MS 50         /* between heartbeats that announce relayed heads */
#define REPLICA_ACK_MS 200             /* between ACKs to one peer */
#define REPLICA_UNKNOWN_RETRY_MS 5000  /* the same, when a person may accept it any moment */
#define REPLICA_PROBES 4               /* questions to a process whose id comes again */
#define REPLICA_PROBE_MS 500           /* the least time for an answer to each */
#define REPLICA_DEMOTED_MS 30000       /* a peer that missed a deadline is asked last for so long */
#define REPLICA_BLOCK_MS 60000         /* a stream whose chain differs is left alone for so long */
#define REPLICA_COMPARE_MS 15000       /* digests may differ in busy times so long without VECTOR */
#define REPLICA_TWIN_MS 120000         /* a refused twin that does not come again is gone then */
#define REPLICA_SELDOM_MS 60000        /* between alarms about links that belong to no peer */
#define REPLICA_MARKS 256              /* heads waiting to be told to one peer; more: VECTOR */
#define REPLICA_BLOCKS 64              /* streams with a differing chain remembered per peer */
#define REPLICA_WINDOW 256             /* streams to choose from in one planning */
#define REPLICA_LOOK 4096              /* streams looked at for them, at most */
#define REPLICA_LIVE_APPLIES 64        /* pushed runs of one peer at the node; more are pulled */
#define REPLICA_APPLIES 65536          /* runs at the node in all */

/* ---- our vector ---- */

struct replica_node {
    struct node_id id;
    struct digest digest; /* sum of head_digest over its streams */
    uint32_t *streams;    /* by epoch; owned */
    uint32_t count, capacity;
};

struct replica_stream {
    struct stream id;
    struct replica_node *node;
    uint64_t head;       /* committed here, as facts say */
    struct digest chain; /* at `head` */
    uint64_t durable;    /* at least `head`: the node may answer a run before its fact arrives */
    uint64_t queued;     /* at least `durable`: the last seq handed to the node */
    struct replica_central *asked; /* whose SYNC_RESPONSE is awaited; one peer at a time */
    int64_t hold_until_ms;         /* monotonic: not asked for before */
    uint64_t fork_seq;             /* where a fork was found; 0 = never */
    struct digest fork_chain;      /* of the branch that stays, there */
};

/* ---- what a peer holds ---- */

enum {
    VIEW_LIVE = 1,
    VIEW_TELL = 2,
    VIEW_ACK = 4,
    VIEW_LISTED = 8 /* named by the peer since it was asked for a difference */
};

struct replica_view {
    uint64_t known;  /* the highest head it was heard to hold */
    uint32_t behind; /* place in `behind` + 1; 0 = not in it */
    uint32_t flags;  /* VIEW_*: heard of lately; in `tell`; in `ack` */
};

/* Streams whose heads wait to be told, oldest first. */
struct replica_marks {
    uint32_t streams[REPLICA_MARKS];
    size_t count;
};

/* A stream whose chain at the peer differs from ours. */
struct replica_block {
    uint32_t stream;
    uint64_t known, head; /* theirs and ours then: another value ends the block */
    int64_t until_ms;     /* monotonic */
    uint64_t told;        /* the seq that the alarm named */
};

/* A SYNC_REQUEST of ours. */
struct replica_request {
    uint64_t id;  /* 0 = free */
    bool waiting; /* for the response; else for the node to apply what came */
    int64_t deadline_ms;
    uint32_t streams[LIMIT_SYNC_WANTS];
    size_t count;
    size_t applying; /* runs at the node */
    bool is_probe;   /* of a check or a mend; then `count` is 0 */
};

/* A SYNC_REQUEST of the peer. */
struct replica_service {
    uint64_t id;
    struct sync_want wants[LIMIT_SYNC_WANTS];
    size_t count, next; /* wants, and the one to read now */
    size_t max_bytes;
    struct buffer runs; /* packed, for the response */
    size_t run_count, events;
    bool more;
    bool reading; /* the peer's READ is for this one */
};

enum compare_phase {
    COMPARE_IDLE,
    COMPARE_DIGESTS,
    COMPARE_HEADS
};

/* The VECTOR conversation with a peer. */
struct replica_compare {
    enum compare_phase phase;
    struct stream after;   /* the last item seen of the answer awaited */
    int64_t deadline_ms;   /* for that answer */
    struct node_id *nodes; /* that differ; LIMIT_VECTOR_PAGE of them have room; owned */
    size_t node_count;
    bool wanted;                /* this round found something to ask for */
    struct digest ours, theirs; /* as last compared */
    int64_t last_ms;            /* the newest round began */
    int64_t interval_ms;        /* until the next */
    int64_t differs_ms;         /* digests differ since; REPLICA_NEVER = equal or unknown */
    int64_t changed_ms;         /* one of both digests changed then */
    int64_t patience_ms;        /* jittered: how long both must be quiet */
};

/* A stream that may differ at the peer. */
struct replica_suspect {
    uint32_t stream;
    uint64_t seq;        /* what the peer holds of it */
    bool has_chain;      /* `chain` is the peer's there */
    struct digest chain; /* else it is asked for */
    bool is_diff;        /* asked for by a person */
};

/* Looking for the first event that differs, by halves. Both chains are equal at `low`. */
struct replica_check {
    bool is_active;
    struct replica_suspect what;
    uint64_t rewinds;   /* of our log when it began */
    uint64_t low, high; /* they differ at `high`; 0 = not compared yet */
    uint64_t at;        /* the seq being looked at */
    bool has_ours, has_theirs, is_damaged;
    struct digest ours, theirs;           /* at `at` */
    struct digest ours_high, theirs_high; /* at `high` */
    bool high_damaged;                    /* our log does not verify there */
    uint64_t token, request;              /* READ and SYNC_REQUEST under way; 0 = none */
    unsigned tries;                       /* how often it was asked for in vain */
    int64_t deadline_ms, until_ms;        /* something is due; both chains must be known */
    struct replica_suspect waiting[LIMIT_SUSPECTS];
    size_t waiting_count;
};

/* What a person asked about a peer. */
struct replica_diff {
    bool is_looking;
    int64_t asked_ms, done_ms;
    bool has_first;
    struct replica_suspect first; /* the first stream found to differ; seq 0 = it has none of it */
    struct diff_report found;
};

struct replica_central {
    struct replica_peer config;
    enum peer_state state;
    int64_t since_ms, heard_ms; /* wall */
    uint64_t boot;              /* 0 = never met */
    char software[64];
    enum problem_code problem;
    char last_error[300];
    uint64_t sent, received;
    struct replica_link *active; /* the link to use; NULL = none */

    bool digest_known, equal, has_diverged;
    bool is_mapped; /* `known` is complete: what it does not name, it does not hold */
    struct digest log_digest, state_digest;
    int64_t said_ms; /* monotonic: it said them then */
    uint64_t fold;   /* version of its fold; 0 = it does not say */
    bool events_known;
    uint64_t events; /* of the log with `events_digest`, which is `log_digest` or an older one */
    struct digest events_digest;
    unsigned odd_states;                /* times that it told another state of an equal log */
    int64_t odd_since_ms;               /* monotonic: the first of them */
    size_t slot;                        /* its place in the others' `equal_with_ms` */
    int64_t equal_with_ms[LIMIT_PEERS]; /* wall: its log last equalled that peer's; 0 = never */
    int64_t equal_at_ms;                /* wall: and ours; 0 = never */
    int64_t synced_ms; /* monotonic: REPLICA_SYNCED was said; REPLICA_NEVER = not yet */
    bool resynced;     /* became equal since then */

    int64_t rtt_ms, best_rtt_ms, offset_ms; /* -1, -1, EVENT_NONE = unknown */
    int64_t rtt_sent_ms; /* monotonic: when the HEARTBEAT left that rtt_ms was measured with */
    int64_t probed_ms;   /* monotonic: the last HEARTBEAT that a probe sent */
    bool is_skewed;
    int64_t twin_until_ms;       /* monotonic: DUPLICATE_ID is over, unless a twin comes again */
    int64_t echo_ms, echo_at_ms; /* newest sent_ms of the peer (0 = none), and when it came */
    int64_t pulse_sent_ms;       /* the last HEARTBEAT to it */
    int64_t pulse_ms;            /* until the next */
    int64_t announce_at_ms;      /* relayed heads wait for a HEARTBEAT then */
    struct digest pulse_digest;  /* what it said */
    int64_t ack_sent_ms;
    struct replica_marks tell, ack;

    struct replica_view *views;
    uint32_t view_count;
    uint32_t *behind; /* streams it has more of than we; the first `urgent` are live or our own */
    uint32_t behind_count, behind_capacity, urgent;
    struct replica_block blocks[REPLICA_BLOCKS];
    size_t block_count;
    struct replica_request requests[LIMIT_OUTSTANDING];
    size_t live_applies;
    int64_t demoted_until_ms, single_until_ms, retry_at_ms;
    struct replica_service services[LIMIT_OUTSTANDING];
    size_t service_count;
    uint64_t read_token; /* READ under way, its request perhaps given up; 0 = none */
    int64_t read_deadline_ms;
    struct replica_compare compare;
    struct replica_check check;
    struct replica_diff diff;
};

/* Right secret, not configured here. */
struct replica_stranger {
    struct node_id id;
    char ip[64];
    uint16_t api_port;
    char software[64];
    int64_t since_ms, heard_ms; /* wall */
};

/* ---- links ---- */

struct replica_link {
    uint64_t number;
    bool gone; /* swept after the input */
    bool dialled;
    struct node_id expected; /* when dialled */
    char address[96];
    struct replica_central *peer; /* greeted as; NULL = not yet */
    uint64_t boot;
    int64_t up_ms, heard_ms;    /* monotonic */
    int64_t hello_sent_ms;      /* REPLICA_NEVER = not yet */
    bool early;                 /* `hello` came before our vector was known */
    bool waiting;               /* its id is in use: the other process is asked whether it lives */
    unsigned probes;            /* how often it was asked */
    int64_t probed_ms;          /* first; a heartbeat that echoes this or more is proof of life */
    int64_t probe_ms;           /* ask again then, or decide */
    struct message_hello hello; /* the newest */
};

/* ---- at the node ---- */

struct replica_apply {
    uint64_t token; /* 0 = free */
    uint32_t stream;
    uint64_t from, to;
    struct replica_central *peer; /* NULL = no longer configured */
    uint64_t request;             /* of `peer`; 0 = pushed */
    int64_t deadline_ms;
};

/* Our events that leave a stream; at the node. */
struct replica_move {
    uint64_t token; /* 0 = none */
    uint32_t stream;
    uint64_t from;
    struct node_id peer; /* with whom it was found */
    int64_t deadline_ms;
};

/* A stream in which our own log does not verify. */
struct replica_damage {
    uint32_t stream;
    uint64_t seq;     /* what the reader named */
    uint64_t from;    /* what is asked for */
    uint64_t last;    /* of the run that was given to the node */
    uint64_t request; /* SYNC_REQUEST under way; 0 = none */
    uint64_t token;   /* REPAIR under way; 0 = none */
    struct node_id peer;
    size_t turn; /* whom to ask next */
    int64_t next_ms;
};

struct replica_mend {
    struct replica_damage damages[LIMIT_DAMAGES];
    size_t damage_count;
    uint64_t token; /* READ of the walk under way; 0 = none */
    uint32_t stream;
    uint64_t from;
    int64_t due_ms, pass_ms; /* the next step; when this walk began */
};

struct replica_queued {
    struct replica_output output;
    char *data; /* what output.bytes or output.text points to; owned */
};

struct replica {
    struct replica_options options;
    char software[64];
    uint64_t random;
    struct replica_now now;    /* of the input being worked on */
    char address[96];          /* where others reach us, for messages */
    bool slots[LIMIT_PEERS];   /* in use by peers */
    enum problem_code problem; /* about ourselves */
    char problem_text[300];
    int64_t problem_until_ms; /* monotonic: over, unless it is said again */
    bool ready;               /* the vector is known */
    int64_t ready_ms;

    struct replica_stream *streams;
    uint32_t stream_count, stream_capacity;
    uint32_t *table; /* hash table of stream numbers + 1 */
    uint32_t table_size;
    struct replica_node **nodes; /* by id */
    size_t node_count, node_capacity;
    struct digest log_digest, state_digest;
    uint64_t events;
    struct head own; /* seq 0 = no local write since the start */
    uint64_t hlc;
    uint64_t rewinds; /* as the vector or the last fact told */
    struct replica_move move;
    struct replica_mend mend;

    struct replica_central **peers;
    size_t peer_count;
    struct replica_stranger strangers[LIMIT_PENDING_PEERS];
    size_t stranger_count;
    struct replica_link *links[LIMIT_LINKS];
    size_t link_count;

    struct replica_apply *applies;
    size_t apply_count; /* places, free ones included */
    size_t apply_free;  /* no place below it is free */
    uint64_t last_token, last_request;
    int64_t refused_until_ms, refused_ms; /* the node stores nothing: pause, and its length */
    int64_t replan_ms;                    /* plan every peer then */
    int64_t sweep_ms;                     /* look for lost applies then */

    struct replica_queued *queue;
    size_t queue_first, queue_count, queue_capacity;
    char *taken; /* bytes of the output taken last */
    uint64_t sent, received, refused, dropped;
    int64_t seldom_ms[PROBLEM_COUNT]; /* the last alarm of that code about no peer */
};

/* replica.c */
uint64_t replica_random(struct replica *replica, uint64_t below); /* 0..below-1; `below` > 0 */
uint64_t replica_token(struct replica *replica);
/* Queues a SEND of what `message` holds and empties it. `packed` is the packer's result. */
void replica_send(struct replica *replica, struct replica_link *link, struct buffer *message,
                  int packed);
/* The end of every input: links left behind vanish, what became free is asked for elsewhere. */
void replica_finish(struct replica *replica);
/* To the peer's active link; dropped when it has none. */
void replica_send_peer(struct replica *replica, struct replica_central *peer,
                       struct buffer *message, int packed);
/* Queues an output; `data` (may be NULL) becomes the queue's. */
void replica_put(struct replica *replica, const struct replica_output *output, char *data);
/* A line for the log. Good news and the coming and going of peers have names of their own. */
struct replica_news {
    const char *id;         /* NULL: the problem's name, and a warning */
    enum problem_code code; /* PROBLEM_OK for good news */
    const struct node_id *peer;
    const char *address; /* NULL = none */
    bool has_events;
    uint64_t events;
};
void replica_alarm(struct replica *replica, const struct replica_news *news, const char *format,
                   ...) __attribute__((format(printf, 3, 4)));

/* Of one code at most once in REPLICA_SELDOM_MS: about links that belong to no peer. */
void replica_alarm_seldom(struct replica *replica, const struct replica_news *news,
                          const char *text);

/* replica_vector.c */
void replica_vector_free(struct replica *replica);
uint32_t replica_vector_find(const struct replica *replica, const struct stream *stream);
/* Finds or creates; REPLICA_NONE when a peer's news would pass LIMIT_HEADS. */
uint32_t replica_vector_require(struct replica *replica, const struct stream *stream, bool is_ours);
/* Raises a committed head and the digests; false when it is not news. */
bool replica_vector_advance(struct replica *replica, uint32_t stream, const struct head *head);
/* Sets a head as it is, higher or lower; nothing that was at the node counts as ours any more. */
void replica_vector_set(struct replica *replica, uint32_t stream, const struct head *head);
/* The place of the first node not below `id`, and of the first stream above `epoch`. */
size_t replica_vector_node_from(const struct replica *replica, const struct node_id *id);
uint32_t replica_vector_epoch_after(const struct replica *replica, const struct replica_node *node,
                                    uint64_t epoch);
struct head replica_vector_head(const struct replica *replica, uint32_t stream);

/* replica_link.c */
struct replica_link *replica_link_find(const struct replica *replica, uint64_t number);
/* The best greeted link of a peer, or NULL. */
struct replica_link *replica_link_best(const struct replica *replica,
                                       const struct replica_central *peer);
/* Uses this link from now on. */
void replica_link_activate(struct replica *replica, struct replica_central *peer,
                           struct replica_link *link);
/* Traffic on a greeted link: perhaps the better one of two. */
void replica_link_heard(struct replica *replica, struct replica_link *link);
/* Forgets a link: output CLOSE unless `retry_ms` is negative (the transport knows). `why` in words
 * for the peer's last_error. */
void replica_link_leave(struct replica *replica, struct replica_link *link, int64_t retry_ms,
                        const char *why);
void replica_link_greet_all(struct replica *replica);
void replica_link_tick(struct replica *replica);
void replica_link_sweep(struct replica *replica);
int64_t replica_link_deadline(const struct replica *replica);

/* replica_hello.c */
void replica_hello_send(struct replica *replica, struct replica_link *link);
void replica_hello_heard(struct replica *replica, struct replica_link *link,
                         const struct message_hello *hello);
void replica_hello_rejected(struct replica *replica, struct replica_link *link,
                            const struct message_reject *reject);
void replica_hello_bye(struct replica *replica, struct replica_link *link, const char *reason);
/* The process at the other end of this greeted link lives, and has heard what we said at
 * `heard_ms`: newcomers with its id that waited for that are refused. */
void replica_hello_alive(struct replica *replica, struct replica_link *link, int64_t heard_ms);
/* The old process of a waiting newcomer's id has not answered: asks again, or lets it in. */
void replica_hello_decide(struct replica *replica, struct replica_link *link);
/* The old process of an id has no link any more: who waits takes over. */
void replica_hello_resolve(struct replica *replica, const struct node_id *id);
/* A peer has met another central with our id. */
void replica_hello_noticed(struct replica *replica, struct replica_link *link,
                           const struct message_notice *notice);
/* Twins that did not come again are forgotten. */
void replica_hello_tick(struct replica *replica);
/* REJECT and CLOSE; the text is for both sides. */
void replica_hello_reject(struct replica *replica, struct replica_link *link,
                          enum problem_code code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* replica_peer.c */
struct replica_central *replica_peer_find(const struct replica *replica, const struct node_id *id);
void replica_peer_free(struct replica_central *peer);
void replica_peer_state(struct replica *replica, struct replica_central *peer,
                        enum peer_state state);
void replica_peer_problem(struct replica_central *peer, enum problem_code code, const char *text);
/* A link of it was refused, by us or by it: alarm when that is news. */
void replica_peer_refused(struct replica *replica, struct replica_central *peer,
                          const char *address, enum problem_code code, const char *text);
/* It said something beyond HELLO, which it would not to somebody whom it refuses: connected. */
void replica_peer_up(struct replica *replica, struct replica_central *peer);
void replica_peer_down(struct replica *replica, struct replica_central *peer, const char *why);
/* It restarted: what it holds is unknown again. */
void replica_peer_restarted(struct replica *replica, struct replica_central *peer);
void replica_peer_stranger(struct replica *replica, const struct replica_link *link,
                           const struct message_hello *hello);
struct replica_view *replica_peer_view(struct replica *replica, struct replica_central *peer,
                                       uint32_t stream);
/* It holds this head. `is_live`: written or received by it just now. */
void replica_peer_learn(struct replica *replica, struct replica_central *peer,
                        const struct head *head, bool is_live);
/* It does not hold what it was thought to. */
void replica_peer_unlearn(struct replica *replica, struct replica_central *peer, uint32_t stream,
                          uint64_t known);
/* Our head of this stream rose. */
void replica_peer_head_changed(struct replica *replica, uint32_t stream);
/* Our head of this stream was set back, or the stream is no longer the one we write. */
void replica_peer_head_lowered(struct replica *replica, uint32_t stream);
/* Equal now? Also after each change of ours. */
void replica_peer_judge(struct replica *replica, struct replica_central *peer);

/* replica_block.c */
bool replica_block_holds(const struct replica *replica, const struct replica_central *peer,
                         uint32_t stream);
/* Some event up to `seq` differs: leaves the stream alone for a while and looks for the first. */
void replica_block_fork(struct replica *replica, struct replica_central *peer, uint32_t stream,
                        uint64_t seq);
/* The first event that differs is known: says so once. */
void replica_block_found(struct replica *replica, struct replica_central *peer, uint32_t stream,
                         uint64_t seq, bool is_ours_moved);
/* It may be asked for the stream again, and so may everybody else. */
void replica_block_end(struct replica *replica, uint32_t stream);

/* replica_pulse.c */
void replica_pulse_beat(struct replica *replica, struct replica_central *peer);
/* A sign of life over this very link, out of turn. It tells no heads but our own. */
void replica_pulse_answer(struct replica *replica, struct replica_link *link);
/* The same, with something that a person there has to know. */
void replica_pulse_notice(struct replica *replica, struct replica_link *link,
                          enum problem_code code, const char *text);
void replica_pulse_heard(struct replica *replica, struct replica_link *link,
                         const struct message_heartbeat *heartbeat);
void replica_pulse_mark(struct replica_central *peer, struct replica_view *view, uint32_t stream,
                        uint32_t flag);
void replica_pulse_announce(struct replica *replica, struct replica_central *peer);
void replica_pulse_forget(struct replica_central *peer);
void replica_pulse_push(struct replica *replica, const struct fact *fact);
void replica_pulse_tick(struct replica *replica, struct replica_central *peer);
int64_t replica_pulse_deadline(const struct replica *replica, const struct replica_central *peer);

/* replica_fetch.c */
void replica_fetch_event(struct replica *replica, struct replica_central *peer,
                         const struct run *run);
void replica_fetch_response(struct replica *replica, struct replica_central *peer,
                            const struct message_sync_response *response);
/* Asks for one run outside of the plan; the answer goes to the file that asked. The number of the
 * request, or 0 when the peer has no place free now. */
uint64_t replica_fetch_probe(struct replica *replica, struct replica_central *peer, uint32_t stream,
                             uint64_t from, size_t max_bytes);
/* A token for an output that the node answers. */
uint64_t replica_fetch_token(struct replica *replica);
/* Runs of the stream at the node are no news when they are answered. */
void replica_fetch_void(struct replica *replica, uint32_t stream);
/* Bytes came that are no message: if an answer is awaited, they were it. */
void replica_fetch_garbled(struct replica *replica, struct replica_central *peer);
void replica_fetch_plan(struct replica *replica, struct replica_central *peer);
void replica_fetch_replan(struct replica *replica, int64_t at_ms);
/* Forgets the requests that wait for this peer; `all`: those at the node, too. */
void replica_fetch_forget(struct replica *replica, struct replica_central *peer, bool all);
/* The peer will be freed. */
void replica_fetch_abandon(struct replica *replica, struct replica_central *peer);
bool replica_fetch_is_idle(const struct replica_central *peer);
/* Plans every peer if that is due. */
void replica_fetch_settle(struct replica *replica);
void replica_fetch_tick(struct replica *replica);
int64_t replica_fetch_deadline(const struct replica *replica);

/* replica_serve.c */
void replica_serve_request(struct replica *replica, struct replica_central *peer,
                           const struct message_sync_request *request);
void replica_serve_vector(struct replica *replica, struct replica_central *peer,
                          const struct message_vector_request *request);
void replica_serve_forget(struct replica_central *peer);
void replica_serve_tick(struct replica *replica, struct replica_central *peer);
int64_t replica_serve_deadline(const struct replica_central *peer);

/* replica_equal.c */
/* What the peer said of its log and state. */
void replica_equal_said(struct replica *replica, struct replica_central *peer,
                        const struct digest *log, const struct digest *state);
/* And how many events that log has. */
void replica_equal_count(struct replica_central *peer, const struct digest *log, uint64_t events);
/* The number is of the log that it told last. */
bool replica_equal_counted(const struct replica_central *peer);
/* A new peer; a peer that will be freed. */
void replica_equal_enter(struct replica *replica, struct replica_central *peer);
void replica_equal_leave(struct replica *replica, struct replica_central *peer);

/* replica_compare.c */
/* Begins a round now, whatever the digests did lately; one that is under way begins anew. */
void replica_compare_now(struct replica *replica, struct replica_central *peer);
void replica_compare_reset(struct replica *replica, struct replica_central *peer);
/* The logs are equal. */
void replica_compare_settled(struct replica *replica, struct replica_central *peer);
void replica_compare_differs(struct replica *replica, struct replica_central *peer);
void replica_compare_vector(struct replica *replica, struct replica_central *peer,
                            const struct message_vector *vector);
void replica_compare_tick(struct replica *replica, struct replica_central *peer);
int64_t replica_compare_deadline(const struct replica *replica, const struct replica_central *peer);

#endif
