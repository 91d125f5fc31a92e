/*
 * Why one thread decides and writes: one order of events, nothing to reconcile, and a group commit
 * that batches by itself: while a batch is decided the next commands queue up, and the next turn
 * takes them all. Waiting for the disk is nothing to decide: when there is more than one request,
 * the syncer's thread waits, and the node decides the next batch upon what it has written. Answers
 * and facts are held back until the disk has confirmed (`held`), in the order of the commits.
 * A lone request is not worth two changes of threads.
 */
#include "node/node.h"

#include "bus/inproc.h"
#include "node/batch.h"
#include "node/convoy.h"
#include "node/fatal.h"
#include "node/leisure.h"
#include "node/syncer.h"
#include "proto/clock.h"
#include "proto/handoff.h"
#include "proto/log.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

/* Sync chunks read ahead of their turn, so that live runs behind them are seen; bytes of one are
 * at most LIMIT_RUN_BYTES. */
#define SYNC_AHEAD 16
#define BATCH_MAX (LIMIT_BATCH_COMMANDS + LIMIT_BATCH_LIVE + 1)
/* Turns after $TERM. Who asks on and on is cut off; what catching up left over is asked for again,
 * as are live runs that still wait for others. */
#define LAST_TURNS 4

/* A request from its arrival to its answer. */
struct pending {
    struct request request;    /* borrows from `slip` or `bytes` */
    struct desk_slip *slip;    /* a command's, until it is answered; NULL for a run */
    zmq_msg_t identity, bytes; /* a run's */
};

struct queue {
    struct pending *items[LIMIT_BATCH_LIVE];
    size_t count;
};

/* Requests carried out together, and what everybody is told of them. */
struct carried {
    struct pending *items[BATCH_MAX];
    size_t count;
    struct buffer fact; /* empty when there is none */
};

struct node {
    struct batch_place place;
    struct desk *desk; /* commands */
    zsock_t *pipe, *peers, *facts;
    zactor_t *syncer;
    struct queue live, sync; /* peers' runs that wait for their turn */
    struct convoy convoy;    /* of what is in `live` */
    struct carried batch;
    struct request *requests[BATCH_MAX]; /* of the same, for batch_carry_out */
    struct carried held;                 /* written, and the syncer waits for the disk */
    bool holds;                          /* `held` is in use */
    struct buffer out;                   /* answers to peers' runs are packed here */
    bool full;                           /* the disk was, and nothing was written since */
};

/* A full disk is told once, not once a camera and second. */
static void note_failure(struct node *node, const struct problem *problem)
{
    bool full = problem->code == PROBLEM_DISK_FULL;

    if (!full || !node->full) {
        log_problem(LOG_LEVEL_ERROR, problem);
    }
    node->full = node->full || full;
}

static int receive(void *socket, zmq_msg_t *message)
{
    (void)zmq_msg_init(message); /* documented to always succeed */
    return zmq_msg_recv(message, socket, ZMQ_DONTWAIT) < 0 ? -1 : 0;
}

static void drop_rest(void *socket, const zmq_msg_t *last)
{
    bool more = zmq_msg_more(last) != 0;
    while (more) {
        zmq_msg_t extra;
        if (receive(socket, &extra) != 0) {
            return;
        }
        more = zmq_msg_more(&extra) != 0;
        (void)zmq_msg_close(&extra);
    }
}

static void free_pending(struct pending *pending)
{
    (void)zmq_msg_close(&pending->identity);
    (void)zmq_msg_close(&pending->bytes);
    free(pending);
}

static struct slice message_slice(zmq_msg_t *message)
{
    return (struct slice){zmq_msg_data(message), zmq_msg_size(message)};
}

static struct pending *new_pending(void)
{
    struct pending *pending = malloc(sizeof *pending);

    assert(pending != NULL);
    pending->slip = NULL;
    (void)zmq_msg_init(&pending->identity); /* documented to always succeed */
    (void)zmq_msg_init(&pending->bytes);
    return pending;
}

/* The next hand-over, [identity][bytes], or NULL when none is queued. A message without bytes
 * gives empty ones. */
static struct pending *receive_run(struct node *node)
{
    void *socket = zsock_resolve(node->peers);
    struct pending *pending = new_pending();

    if (receive(socket, &pending->identity) != 0) {
        free_pending(pending);
        return NULL;
    }
    if (zmq_msg_more(&pending->identity)) {
        (void)receive(socket, &pending->bytes); /* frames of one message arrive together */
        drop_rest(socket, &pending->bytes);
    }
    return pending;
}

static void add_to_batch(struct node *node, struct pending *pending)
{
    node->requests[node->batch.count] = &pending->request;
    node->batch.items[node->batch.count++] = pending;
}

static void take_commands(struct node *node)
{
    for (size_t i = 0; i < LIMIT_BATCH_COMMANDS; i++) {
        struct desk_slip *slip = desk_take(node->desk);
        struct pending *pending;
        if (slip == NULL) {
            return;
        }
        pending = new_pending();
        pending->slip = slip;
        pending->request.is_run = false;
        pending->request.command = desk_question(slip);
        add_to_batch(node, pending);
    }
}

static void note_synced(struct node *node, const struct apply_request *request)
{
    struct problem problem = {.code = PROBLEM_OK};
    if (store_set_synced(node->place.store, &request->peer, request->wall_ms, &problem) != 0) {
        fatal_when_failed(&problem);
        log_problem(LOG_LEVEL_WARN, &problem);
    }
}

/* Sorts what the mesh handed over into live runs and sync chunks. Called between batches. */
static void collect_runs(struct node *node)
{
    while (node->live.count < LIMIT_BATCH_LIVE && node->sync.count < SYNC_AHEAD) {
        struct pending *pending = receive_run(node);
        struct apply_request *run;
        if (pending == NULL) {
            return;
        }
        run = &pending->request.run;
        pending->request.is_run = true;
        if (apply_request_unpack(run, message_slice(&pending->bytes)) != 0) {
            log_error("INTERNAL", "where=node what=\"malformed hand-over from the mesh\"");
            free_pending(pending);
        } else if (run->token == 0) {
            note_synced(node, run);
            free_pending(pending);
        } else {
            struct queue *queue = run->origin == FACT_LIVE ? &node->live : &node->sync;
            if (queue == &node->live && queue->count == 0) {
                convoy_came(&node->convoy, clock_mono_us());
            }
            queue->items[queue->count++] = pending;
        }
    }
}

/* All live runs, and at most one sync chunk: a gate waits for no more than that. */
static void take_runs(struct node *node)
{
    if (node->live.count > 0) {
        convoy_left(&node->convoy, clock_mono_us());
    }
    for (size_t i = 0; i < node->live.count; i++) {
        add_to_batch(node, node->live.items[i]);
    }
    node->live.count = 0;
    if (node->sync.count == 0) {
        return;
    }
    add_to_batch(node, node->sync.items[0]);
    node->sync.count--;
    memmove(node->sync.items, node->sync.items + 1, node->sync.count * sizeof node->sync.items[0]);
}

/* Nothing of a failed batch was stored, whatever each request thought of itself. */
static void fail_all(struct node *node, const struct problem *problem)
{
    note_failure(node, problem);
    for (size_t i = 0; i < node->batch.count; i++) {
        struct request *request = node->requests[i];
        request->applied =
            (struct apply_answer){.token = request->run.token, .outcome = APPLY_REFUSED};
        answer_init(&request->answer, problem->code);
        (void)slice_copy(slice_text(problem->text), request->answer.text,
                         sizeof request->answer.text);
    }
}

/* ROUTER_MANDATORY is off: a mesh that is gone, or that takes no more, loses the answer, which it
 * treats as a time-out; the write stands and a repetition is recognised. */
static void answer_run(struct node *node, struct pending *pending)
{
    void *socket = zsock_resolve(node->peers);

    buffer_clear(&node->out);
    if (apply_answer_pack(&pending->request.applied, &node->out) == 0 &&
        zmq_msg_send(&pending->identity, socket, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0) {
        (void)zmq_send(socket, node->out.data, node->out.len, ZMQ_DONTWAIT);
    }
}

/* The same holds of an asker that is gone. */
static void answer_command(struct pending *pending)
{
    int packed = answer_pack(&pending->request.answer, desk_paper(pending->slip));

    assert(packed == 0); /* its texts have bounds, the paper is larger */
    desk_answer(pending->slip);
}

static void send_answer(struct node *node, struct pending *pending)
{
    if (pending->slip == NULL) {
        answer_run(node, pending);
    } else {
        answer_command(pending);
    }
}

/* What the last commit made of the log, for all listeners. */
static void take_fact(struct node *node, struct buffer *fact)
{
    buffer_clear(fact);
    if (store_take_fact(node->place.store, fact) != 0) {
        log_error("INTERNAL", "where=node what=\"a fact could not be packed; listeners resync\"");
        buffer_clear(fact);
    }
}

static void publish(struct node *node, const struct buffer *fact)
{
    if (fact->len > 0) { /* a slow listener loses it, sees the gap in `batch`, reads the log */
        if (node->full) {
            log_info("DISK_ROOM_AGAIN", "text=\"events are stored again\"");
            node->full = false;
        }
        (void)zmq_send(zsock_resolve(node->facts), fact->data, fact->len, ZMQ_DONTWAIT);
    }
}

/* Every answer, then the fact. */
static void tell(struct node *node, struct carried *carried)
{
    for (size_t i = 0; i < carried->count; i++) {
        send_answer(node, carried->items[i]);
        free_pending(carried->items[i]);
    }
    carried->count = 0;
    publish(node, &carried->fact);
}

/* The syncer's word that the disk has it. A signal may interrupt the wait; nothing else does. */
static void wait_for_disk(struct node *node)
{
    char *word;

    do {
        word = zstr_recv(node->syncer);
    } while (word == NULL && errno == EINTR);
    assert(word != NULL);
    zstr_free(&word);
}

/* Waits until the disk has what is held, and tells it. */
static void tell_held(struct node *node)
{
    if (node->holds) {
        wait_for_disk(node);
        node->holds = false;
        tell(node, &node->held);
    }
}

/* The same if the disk has it by now. Between requests, and while nothing is to be done. */
static void tell_if_synced(void *of)
{
    struct node *node = of;

    if (node->holds && (zsock_events(node->syncer) & ZMQ_POLLIN) != 0) {
        tell_held(node);
    }
}

/* Hands the batch over to the syncer. What was held before has been told. */
static void hold(struct node *node)
{
    struct carried free_one = node->held;

    node->held = node->batch;
    node->batch = free_one;
    node->holds = true;
    (void)zstr_send(node->syncer, "");
}

static void tidy(struct node *node, bool idle)
{
    struct problem problem;

    if (store_tidy(node->place.store, idle, &problem) != 0) {
        fatal_when_failed(&problem);
        note_failure(node, &problem);
    }
}

/* How long the live runs that are there may wait, if nothing else is, us. */
static int64_t convoy_us(const struct node *node)
{
    return convoy_wait_us(&node->convoy, node->live.count, clock_mono_us());
}

/* Fills the batch; false when nothing is to be done now. */
static bool fill_batch(struct node *node)
{
    collect_runs(node);
    take_commands(node);
    if (node->batch.count == 0 && node->sync.count == 0 && convoy_us(node) > 0) {
        return false;
    }
    take_runs(node);
    return node->batch.count > 0;
}

/* One turn; false when nothing was there that cannot wait. */
static bool turn(struct node *node)
{
    struct problem problem;

    if (!fill_batch(node)) {
        return false;
    }
    bool may_owe = node->batch.count > 1 || node->sync.count > 0;
    if (batch_carry_out(&node->place, node->requests, node->batch.count, may_owe, &problem) != 0) {
        fatal_when_failed(&problem);
        fail_all(node, &problem);
    }
    take_fact(node, &node->batch.fact);
    /* A batch that wrote nothing may answer for one that waits: a camera's second try. */
    tell_held(node);
    if (store_owes_sync(node->place.store)) {
        hold(node);
    } else {
        tell(node, &node->batch);
    }
    convoy_stored(&node->convoy, clock_mono_us());
    tidy(node, false);
    return true;
}

/* Whether the pipe says so. Takes all that is in it. */
static bool told_to_stop(struct node *node)
{
    bool stop = false;

    while (!stop && (zsock_events(node->pipe) & ZMQ_POLLIN)) {
        char *word = zstr_recv(node->pipe);
        stop = word == NULL || strcmp(word, "$TERM") == 0;
        zstr_free(&word);
    }
    return stop;
}

/* Does a little of what can wait; whether there is more of it. */
static bool settle(struct node *node)
{
    struct problem problem;
    int more = node->full ? 0 : store_settle(node->place.store, &problem);

    if (more < 0) {
        fatal_when_failed(&problem);
        note_failure(node, &problem);
    }
    return more > 0;
}

static void use_leisure(struct node *node, struct leisure *leisure)
{
    switch (leisure_next(leisure, clock_mono_ms())) {
    case LEISURE_TIDY:
        tidy(node, true);
        break;
    case LEISURE_SETTLE:
        leisure_settled(leisure, settle(node));
        break;
    case LEISURE_NOTHING:
        break;
    }
}

/* Waits at most `wait_ms` until there may be something; true when it may be in the pipe. An early
 * return (a signal) only makes us look sooner. */
static bool wait_for_work(const struct node *node, int64_t wait_ms)
{
    int rc;
    struct pollfd places[] = {{.fd = zsock_fd(node->pipe), .events = POLLIN},
                              {.fd = desk_fd(node->desk), .events = POLLIN},
                              {.fd = zsock_fd(node->peers), .events = POLLIN},
                              {.fd = zsock_fd(node->syncer), .events = POLLIN}};

    if (wait_ms != 0 && !desk_doze(node->desk)) {
        wait_ms = 0;
    }
    rc = poll(places, sizeof places / sizeof places[0], (int)wait_ms);
    if (rc > 0 && places[1].revents != 0) {
        desk_wake(node->desk);
    }
    return rc > 0 && places[0].revents != 0;
}

/* How long there may be nothing to do, ms, rounded up. */
static int64_t idle_ms(const struct node *node, const struct leisure *leisure)
{
    int64_t ms = leisure_wait_ms(leisure, clock_mono_ms());
    int64_t convoy_ms = (convoy_us(node) + 999) / 1000;

    return node->live.count > 0 && convoy_ms < ms ? convoy_ms : ms;
}

/*
 * Turns until $TERM. The descriptor of a socket tells only of what came since the socket was last
 * used, so there is no waiting before a turn has found both empty. That is one poll a turn; zloop
 * asks each socket twice, with four system calls a time.
 */
static void run(struct node *node)
{
    struct leisure leisure = leisure_start(clock_mono_ms());
    bool worked = true;
    bool stop = told_to_stop(node); /* it may have come before the first look */

    while (!stop) {
        if (worked) {
            leisure_asked(&leisure, clock_mono_ms());
        } else {
            use_leisure(node, &leisure);
        }
        if (wait_for_work(node, worked ? 0 : idle_ms(node, &leisure))) {
            stop = told_to_stop(node);
        }
        tell_if_synced(node);
        worked = !stop && turn(node);
    }
}

static zsock_t *bind_socket(int type, const char *endpoint, int hwm)
{
    zsock_t *socket = zsock_new(type);
    if (socket == NULL) {
        return NULL;
    }
    zsock_set_sndhwm(socket, hwm);
    zsock_set_rcvhwm(socket, hwm);
    zsock_set_linger(socket, 0);
    if (inproc_bind(socket, endpoint) != 0) {
        zsock_destroy(&socket);
    }
    return socket;
}

static void free_node(struct node *node)
{
    for (size_t i = 0; i < node->live.count; i++) {
        free_pending(node->live.items[i]);
    }
    for (size_t i = 0; i < node->sync.count; i++) {
        free_pending(node->sync.items[i]);
    }
    zactor_destroy(&node->syncer);
    inproc_close(&node->peers);
    inproc_close(&node->facts);
    store_close(&node->place.store);
    buffer_free(&node->out);
    buffer_free(&node->batch.fact);
    buffer_free(&node->held.fact);
    free(node);
}

static struct node *new_node(zsock_t *pipe, const struct node_args *args)
{
    struct node *node = calloc(1, sizeof *node);
    assert(node != NULL);
    node->pipe = pipe;
    node->place = (struct batch_place){args->store, args->id, tell_if_synced, node};
    node->desk = args->desk;
    node->peers = bind_socket(ZMQ_ROUTER, HANDOFF_NODE, LIMIT_BATCH_LIVE);
    node->facts = bind_socket(ZMQ_PUB, FACTS_ENDPOINT, LIMIT_FACTS_QUEUE);
    /* inproc names are ours: a failed bind is our bug */
    assert(node->peers != NULL && node->facts != NULL);
    node->syncer = zactor_new(syncer_actor, args->store);
    assert(node->syncer != NULL);
    return node;
}

void node_actor(zsock_t *pipe, void *args)
{
    struct node *node = new_node(pipe, args);

    (void)prctl(PR_SET_NAME, "node"); /* as top -H shows it */
    zsock_signal(pipe, 0);
    run(node);
    for (int i = 0; i < LAST_TURNS && turn(node); i++) { /* what was asked before is answered */
        ;
    }
    tell_held(node);
    free_node(node);
}
