/*
 * Centrals, their disks, cameras, people and the network between them in one process, on one seed
 * and in virtual time. What decides, stores, folds and replicates is the daemon's own object code;
 * only threads and sockets are left out. One run has a process of its own (sim_main.c).
 *
 *   sim_main.c     command line, a process for each seed, sums
 *   sim_plan.c     the schedule of a seed: load and faults as a list; as text
 *   sim_shrink.c   a failing schedule made small
 *   sim_world.c    a run from start to end
 *   sim_time.c     virtual time: what happens next
 *   sim_net.c      links between replicas and what goes wrong on them
 *   sim_host.c     a central: its life, its mesh and its reader
 *   sim_node.c     its node
 *   sim_load.c     cameras and people: commands, retries, acknowledgements
 *   sim_fault.c    what the schedule breaks, and mends
 *   sim_truth.c    all that was ever committed, compared at each commit
 *   sim_check.c    what must hold in the end
 *   sim_dump.c     a database read from outside
 *   sim_twin.c     its log as input of the fold and of tests/fold.py
 *   sim_trace.c    running hash, lines for people, counters of rare paths
 *   sim_bug.c      bugs planted to see that the checks find them
 *   sim_outside.c  clocks, random numbers and files of the code under test
 *   sim_disk.c     disks with faults
 *
 * A check that fails ends the process (sim_fail): the parent knows the seed.
 */
#ifndef TESTS_SIM_H
#define TESTS_SIM_H

#include "bus/replica.h"
#include "node/batch.h"
#include "storage/runs.h"
#include "tests/sim/sim_outside.h"
#include "tests/sim/sim_plan.h"
#include "tests/sim/sim_trace.h"

#define SIM_PLACES (SIM_CENTRALS + 2) /* the last ones are for clones */
#define SIM_NOWHERE SIZE_MAX
#define SIM_START_MS INT64_C(1000)
#define SIM_WALL_MS INT64_C(1790000000000) /* wall clocks at virtual time 0 */
#define SIM_SETTLE_MS INT64_C(180000)      /* after healing all must be equal within */
#define SIM_FUTURE_KIND 200                /* an event kind of a newer central */
#define SIM_REDACT_MOST 2   /* a redaction names up to so many events more than one */
#define SIM_POISON "poison" /* the camera whose requests fail after they wrote something */
#define SIM_QUEUE 1512      /* runs between mesh and node; more are refused, as by the sockets */

/* ---- time ---- */

enum sim_moment_kind {
    /* of one process; another one at the same place never hears of it */
    SIM_ARRIVAL, /* message at `place` over wire `number` */
    SIM_BREAK,   /* it is told that its link `number` broke */
    SIM_DIAL,    /* it connects to `other` */
    SIM_TURN,    /* its node works */
    SIM_SYNCED,  /* the disk has what its node wrote */
    SIM_APPLIED, /* the node's answer to a run */
    SIM_READ,    /* the reader reads */
    SIM_FACT,    /* the mesh hears of a commit */
    SIM_REREAD,  /* the vector is read again */
    SIM_IDLE,    /* the node's idle timer */
    /* of the world */
    SIM_CAMERA,  /* client `number` sends its command, or sends it again */
    SIM_REACHED, /* which arrives at `place` */
    SIM_ANSWER,  /* it gets its answer */
    SIM_STEP,    /* step `number` of the schedule */
    SIM_MEND,    /* the end of it */
    SIM_RESTART  /* `place` is started when it is down */
};

struct sim_moment {
    int64_t at_ms;
    uint64_t order;
    enum sim_moment_kind kind;
    size_t place, other;
    uint64_t boot;
    uint64_t number;
    struct replica_output what; /* SIM_READ */
    enum apply_outcome outcome;
    struct buffer bytes;
};

/* ---- network ---- */

/* A connection. Each side has its own number for it; 0 = it has forgotten it. */
struct sim_wire {
    size_t ends[2]; /* ends[0] dialled */
    uint64_t numbers[2];
    bool is_broken;
    int64_t last_at[2]; /* newest arrival on the way to that end */
};

/* The way from one place to another. */
struct sim_way {
    unsigned cuts;             /* reasons why nothing passes */
    unsigned loss, duplicates; /* per cent */
    int64_t delay_ms;          /* each message takes 1..delay_ms */
    unsigned disorders;        /* reasons why messages overtake each other */
};

/* ---- a central ---- */

/* The heads of a disk, as committed. */
struct sim_heads {
    struct head *heads;
    size_t count;
};

struct sim_request {
    struct request request; /* borrows from `bytes` */
    struct buffer bytes;
    uint64_t client; /* index + 1; 0 = a run */
    size_t try;      /* of the client */
};

struct sim_host {
    size_t place;
    struct node_id id;
    bool exists; /* a clone's place is empty most of the time */
    bool is_up, is_ending, is_frozen, is_slow;
    bool is_newer;     /* its messages are as a newer version would write them */
    bool store_failed; /* the store said DB_FAILED: the process ends */
    struct store *store;
    struct runs *runs;
    struct replica *replica;
    uint64_t boot;
    int64_t started_ms, clock_ms; /* virtual; its wall clock is wrong by so much */
    int64_t deadline_ms;
    struct replica_peer peers[SIM_CENTRALS];
    size_t peer_count;
    bool knows[SIM_CENTRALS], dials[SIM_CENTRALS];

    struct sim_request **commands, **live, **sync;
    size_t command_count, live_count, sync_count;
    bool has_turn;
    struct sim_turn *held; /* written, not synced, not told; or NULL */
    int64_t fact_at_ms;

    struct sim_heads heads;    /* what is durable here, as its facts said */
    uint64_t clone_step;       /* of a clone: the step that made it + 1 */
    size_t original;           /* of a clone: the place of the other */
    unsigned disk_losses;      /* times that its disk legitimately forgot */
    struct sim_moment *frozen; /* what waits for its thawing */
    size_t frozen_count;
};

/* ---- truth ---- */

struct sim_fact_event {
    struct digest chain;
    struct buffer header, body;
    struct digest body_hash;
    uint64_t client; /* whose command it was, index + 1 */
    bool is_acked;
};

struct sim_fact_stream {
    struct stream id;
    struct sim_fact_event *events; /* seq 1 is events[0] */
    size_t count, capacity;
    uint64_t lost_above; /* beyond it a disk legitimately forgot the only copies */
};

/* One thing that a camera or a person wants. */
struct sim_client {
    struct buffer packed; /* the command; empty: an event that no command makes yet */
    uint32_t event_kind;  /* of that event, and what it is about */
    struct position target;
    int64_t offset_ms;
    uint64_t arg;
    char tag[32]; /* in the event's bytes: its number, as camera or as author */
    char sent_id[LIMIT_EVENT_ID + 1];
    bool is_gate, is_change; /* a camera's; an UPDATE or DELETE of a visit */
    bool is_exit, is_poison, is_done;
    size_t place;                /* where it asks */
    size_t try;                  /* the newest; answers to older ones count as well */
    unsigned tries_left;         /* until it is answered */
    unsigned repeats;            /* afterwards: a camera that did not hear the answer */
    unsigned logged[SIM_PLACES]; /* events made of it, by who wrote them */
};

/* A visit that somebody was told of. */
struct sim_visit {
    char name[LIMIT_EVENT_ID + 1];
    size_t place; /* where it began */
};

/* What a run leaves for who started its process. In shared memory. */
struct sim_result {
    bool has_failed, has_ended;
    char kind[120];  /* the same for failures of one kind */
    char text[1000]; /* in words */
    int64_t now_ms, settled_ms;
    struct sim_trace trace;
    size_t events, longest;
    long peak_kib; /* memory */
};

struct sim {
    struct sim_plan plan;
    struct sim_result *result;
    struct sim_outside outside;
    struct sim_random random; /* of the network and the threads */
    struct sim_trace trace;
    const char *twin_path; /* file for tests/fold.py, or NULL */
    int64_t now_ms;
    bool is_healing; /* no new faults */

    struct sim_moment *heap;
    size_t heap_count, heap_capacity;
    uint64_t orders, last_number, last_boot;

    struct sim_host hosts[SIM_PLACES];
    struct sim_disk disks[SIM_PLACES], backups[SIM_PLACES];
    struct sim_heads backup_heads[SIM_PLACES];
    bool has_backup[SIM_PLACES];
    struct sim_way ways[SIM_PLACES][SIM_PLACES];
    struct sim_wire *wires;
    size_t wire_count;

    struct sim_fact_stream *streams;
    size_t stream_count;
    struct sim_client *clients;
    size_t client_count;
    struct sim_visit *visits;
    size_t visit_count;
    uint64_t alarms[PROBLEM_COUNT];
    int64_t settled_ms; /* from mending to equality */
    struct buffer scratch;
    size_t longest; /* outputs after one input */
};

/* sim_world.c: runs the plan; returns when everything held. Needs a fresh process. */
void sim_run(struct sim *sim);
/* Ends the process: the check failed. */
_Noreturn void sim_fail(struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One line of the trace, for people. */
void sim_say(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* sim_time.c */
void sim_time_plan(struct sim *sim, struct sim_moment moment, int64_t in_ms);
/* The next moment not later than `until_ms`; false when there is none, and then it is until_ms. */
bool sim_time_next(struct sim *sim, int64_t until_ms, struct sim_moment *out);

/* sim_net.c */
void sim_net_dial(struct sim *sim, size_t from, size_t to);
void sim_net_send(struct sim *sim, size_t place, const struct replica_output *output);
void sim_net_close(struct sim *sim, size_t place, const struct replica_output *output);
void sim_net_arrive(struct sim *sim, struct sim_moment *moment);
void sim_net_broke(struct sim *sim, const struct sim_moment *moment);
/* The process at a place is gone. */
void sim_net_gone(struct sim *sim, size_t place, bool is_silent);
/* Every connection between two places breaks, what is under way is lost. */
void sim_net_reset(struct sim *sim, size_t a, size_t b);

/* sim_host.c */
void sim_host_start(struct sim *sim, size_t place);
enum sim_end {
    SIM_END_STOP,  /* politely */
    SIM_END_KILL,  /* what it wrote is in the page cache */
    SIM_END_POWER, /* what it synced is on the disk */
};
void sim_host_end(struct sim *sim, size_t place, enum sim_end end);
void sim_host_happen(struct sim *sim, struct sim_moment *moment);
void sim_host_drain(struct sim *sim, size_t place);
void sim_host_tick(struct sim *sim, size_t place);
void sim_host_free(struct sim *sim, size_t place);
/* What happened meanwhile happens now. */
void sim_host_thaw(struct sim *sim, size_t place);
/* The mesh will hear of a commit; takes the bytes. */
void sim_host_publish(struct sim *sim, struct sim_host *host, struct buffer *fact);
struct replica_now sim_host_now(struct sim *sim, const struct sim_host *host);

/* sim_node.c: the node's turns, as node/node.c has them. */
void sim_node_take_run(struct sim *sim, struct sim_host *host, const struct replica_output *output);
void sim_node_take_command(struct sim *sim, struct sim_host *host, struct sim_moment *moment);
void sim_node_turn(struct sim *sim, struct sim_host *host);
void sim_node_synced(struct sim *sim, struct sim_host *host);
void sim_node_tidy(struct sim *sim, struct sim_host *host, bool idle);
void sim_node_forget(struct sim_host *host);

/* sim_load.c */
void sim_load_step(struct sim *sim, uint64_t number);
void sim_load_send(struct sim *sim, const struct sim_moment *moment);
void sim_load_answered(struct sim *sim, const struct sim_moment *moment);
/* The event of a client that has no command. */
void sim_load_event(struct sim *sim, struct sim_client *client, struct event *out);
/* Whose command an event of the log is: client index + 1, or 0. */
uint64_t sim_load_of(const struct sim *sim, const struct event *event);

/* sim_fault.c */
void sim_fault_step(struct sim *sim, uint64_t number);
void sim_fault_mend(struct sim *sim, uint64_t number);
void sim_fault_heal(struct sim *sim);
/* The disk failed under a process: what follows. */
void sim_fault_died(struct sim *sim, size_t place);

/* sim_truth.c */
/* What a commit wrote, which the disk may not have yet; then what was told of it, which it has. */
void sim_truth_written(struct sim *sim, struct sim_host *host, const struct fact *fact);
void sim_truth_fact(struct sim *sim, struct sim_host *host, const struct fact *fact);
/* After a start: what the database holds, compared; what a crash left undecided is adopted. */
void sim_truth_started(struct sim *sim, struct sim_host *host);
/* A disk was legitimately forgotten: what was only there is excused. */
void sim_truth_destroyed(struct sim *sim);
void sim_truth_acked(struct sim *sim, const struct position *position, uint64_t client);
const struct sim_fact_stream *sim_truth_stream(const struct sim *sim, const struct stream *id);
struct head *sim_truth_head(struct sim_heads *heads, const struct stream *id, bool create);
void sim_truth_copy(struct sim_heads *to, const struct sim_heads *from);

/* sim_check.c */
bool sim_check_is_equal(struct sim *sim);
/* Says how far it is from that. */
void sim_check_why(struct sim *sim);
/* All that live against each other, at any moment. */
void sim_check_now(struct sim *sim);
void sim_check_end(struct sim *sim);

/* sim_dump.c */
struct sim_dump {
    uint64_t log, rows; /* hashes of all events in stream order, and of all folded rows */
    uint64_t events;
    struct digest log_digest, state_digest; /* summed from what was read */
};
/* Reads the database of a place; checks density, chains and every event against the truth. */
void sim_dump_read(struct sim *sim, size_t place, struct sim_dump *out);
int64_t sim_dump_number(struct sim *sim, size_t place, const char *question);

/* sim_twin.c */
/* Folds the log of a place from nothing, compares with its rows, and appends a line for
 * tests/fold.py to sim->twin_path when that is set. */
void sim_twin_check(struct sim *sim, size_t place, const struct sim_dump *dump);

#endif
