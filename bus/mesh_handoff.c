#include "bus/mesh_internal.h"

#include "proto/clock.h"
#include "proto/fact.h"
#include "proto/handoff.h"
#include "proto/log.h"

#include <stdlib.h>
#include <string.h>

#define VECTOR_TOKEN (UINT64_C(1) << 62) /* questions of our own; the replica counts from 1 */
#define VECTOR_ANSWER_MS 10000           /* then the question is asked again */
#define VECTOR_RETRY_MS 1000             /* the reader could not read */
#define VECTOR_AGAIN_MS 1000             /* after START: a commit while we subscribed was missed */

/* ---- our vector ---- */

static int send_packed(struct mesh *mesh, zsock_t *socket, const struct buffer *packed)
{
    loop_used(mesh->loop, socket);
    return zmq_send(zsock_resolve(socket), packed->data, packed->len, ZMQ_DONTWAIT) < 0 ? -1 : 0;
}

/* Asks the reader. Until it answers, facts wait in their queue, so that none older than the answer
 * is taken for news and none newer is lost. */
static void ask_vector(struct mesh *mesh, int64_t now_ms)
{
    struct mesh_vector *vector = &mesh->vector;
    struct buffer packed = {.data = NULL};

    if (!vector->waiting && mesh->rest_ms == MESH_NEVER) {
        loop_unwatch(mesh->loop, mesh->facts);
    }
    mesh->rest_ms = MESH_NEVER;
    vector->token = VECTOR_TOKEN | ++mesh->last_number;
    const struct read_request request = {.token = vector->token, .verb = READ_VECTOR};
    bool asked =
        read_request_pack(&request, &packed) == 0 && send_packed(mesh, mesh->reader, &packed) == 0;
    vector->waiting = true;
    vector->due_ms = now_ms + (asked ? VECTOR_ANSWER_MS : VECTOR_RETRY_MS);
    buffer_free(&packed);
}

static int on_facts(zsock_t *socket, void *argument);

static void take_vector(struct mesh *mesh, const struct read_answer *answer)
{
    struct mesh_vector *vector = &mesh->vector;
    struct replica_now now = mesh_now();

    if (!vector->waiting || answer->token != vector->token) {
        return; /* an answer that came too late; a newer one is under way */
    }
    if (answer->verb != READ_VECTOR) {
        vector->due_ms = now.mono_ms + VECTOR_RETRY_MS;
        return;
    }
    replica_set_vector(mesh->replica, answer->heads, answer->count, answer->events, answer->rewinds,
                       &answer->state_digest, now);
    vector->due_ms = vector->known ? MESH_NEVER : now.mono_ms + VECTOR_AGAIN_MS;
    vector->known = true;
    vector->waiting = false;
    vector->events = answer->events;
    vector->rewinds = answer->rewinds;
    if (loop_watch(mesh->loop, mesh->facts, on_facts, mesh)) {
        vector->due_ms = now.mono_ms + VECTOR_RETRY_MS;
    }
}

/* ---- facts ---- */

/* Nothing was missed between what we hold and this fact. After START that is the vector, which has
 * no batch number: the count of events tells the same. */
static bool is_next(const struct mesh_vector *vector, const struct fact *fact)
{
    if (vector->batch_known) {
        return fact->batch == vector->batch + 1;
    }
    if (fact->rewinds != vector->rewinds) {
        return fact->rewinds < vector->rewinds;
    }
    return fact->events <= vector->events || fact->events - fact->item_count == vector->events;
}

static void take_fact(struct mesh *mesh, struct slice bytes)
{
    struct mesh_vector *vector = &mesh->vector;
    struct replica_now now = mesh_now();
    struct fact fact;

    if (fact_unpack(&fact, bytes)) {
        log_error("INTERNAL", "reason=\"a fact cannot be read\" bytes=%zu", bytes.len);
        vector->batch_known = false; /* whatever it was, the next one shows the gap */
        return;
    }
    bool gap = !is_next(vector, &fact);
    vector->batch_known = true;
    vector->batch = fact.batch;
    if (gap) {
        ask_vector(mesh, now.mono_ms); /* its answer includes this fact */
    } else if (fact.rewinds > vector->rewinds ||
               (fact.rewinds == vector->rewinds && fact.events >= vector->events)) {
        replica_committed(mesh->replica, &fact, now);
    }
    fact_free(&fact);
}

/* One frame of a message, the others are taken along; false when there was none. */
static bool take_frame(zsock_t *socket, zmq_msg_t *frame)
{
    if (zmq_msg_recv(frame, zsock_resolve(socket), ZMQ_DONTWAIT) < 0) {
        return false;
    }
    (void)mesh_link_rest(zsock_resolve(socket), frame); /* ours have one frame */
    return true;
}

static struct slice frame_slice(zmq_msg_t *frame)
{
    return (struct slice){zmq_msg_data(frame), zmq_msg_size(frame)};
}

/* How many were taken. */
static unsigned take_facts(struct mesh *mesh)
{
    unsigned taken = 0;
    bool got = true;

    loop_used(mesh->loop, mesh->facts);
    while (got && taken < MESH_TURN && !mesh->vector.waiting) {
        zmq_msg_t frame;
        (void)zmq_msg_init(&frame); /* cannot fail */
        got = take_frame(mesh->facts, &frame);
        if (got) {
            take_fact(mesh, frame_slice(&frame));
            mesh_handoff_outputs(mesh);
            taken++;
        }
        (void)zmq_msg_close(&frame); /* valid message: cannot fail */
    }
    return taken;
}

/* How long facts may gather in their queue, of which `taken` were just taken, without waking this
 * thread; 0: the next one does. Whoever comes meets a mesh that is a moment behind the node, as it
 * may always be. */
static int64_t may_rest_ms(struct mesh *mesh, unsigned taken, int64_t now_ms)
{
    int64_t rest_ms = pace_rest_ms(&mesh->pace, taken, mesh->link_count > 0, now_ms);

    return mesh->vector.waiting ? 0 : rest_ms; /* then nobody looks at them anyway */
}

static int on_facts(zsock_t *socket, void *argument)
{
    struct mesh *mesh = argument;
    int64_t now_ms = clock_mono_ms();
    int64_t rest_ms;

    (void)socket; /* mesh->facts */
    rest_ms = may_rest_ms(mesh, take_facts(mesh), now_ms);
    if (rest_ms > 0) {
        loop_unwatch(mesh->loop, mesh->facts);
        mesh->rest_ms = now_ms + rest_ms;
    }
    return mesh_settle(mesh);
}

void mesh_handoff_wake(struct mesh *mesh)
{
    if (mesh->rest_ms != MESH_NEVER && loop_watch(mesh->loop, mesh->facts, on_facts, mesh) == 0) {
        mesh->rest_ms = MESH_NEVER;
    }
}

void mesh_handoff_catch_up(struct mesh *mesh)
{
    if (mesh->replica) {
        (void)take_facts(mesh); /* all, or the oldest of very many */
    }
}

/* ---- answers of node and reader ---- */

static void take_applied(struct mesh *mesh, struct slice bytes)
{
    struct apply_answer answer;
    if (apply_answer_unpack(&answer, bytes)) {
        log_error("INTERNAL", "reason=\"the node's answer cannot be read\"");
        return;
    }
    replica_applied(mesh->replica, answer.token, answer.outcome, mesh_now());
}

static void take_read(struct mesh *mesh, struct slice bytes)
{
    struct read_answer answer;
    if (read_answer_unpack(&answer, bytes)) {
        log_error("INTERNAL", "reason=\"the reader's answer cannot be read\"");
        return;
    }
    if (answer.token & VECTOR_TOKEN) {
        take_vector(mesh, &answer);
    } else {
        replica_read(mesh->replica, answer.token, answer.verb != READ_RUN, answer.run,
                     answer.damaged, mesh_now());
    }
    read_answer_free(&answer);
}

static int on_answer(zsock_t *socket, void *argument)
{
    struct mesh *mesh = argument;
    void (*const take)(struct mesh *, struct slice) =
        socket == mesh->node ? take_applied : take_read;

    for (int i = 0; i < MESH_TURN; i++) {
        zmq_msg_t frame;
        (void)zmq_msg_init(&frame); /* cannot fail */
        bool got = take_frame(socket, &frame);
        if (got) {
            take(mesh, frame_slice(&frame));
            mesh_handoff_outputs(mesh);
        }
        (void)zmq_msg_close(&frame); /* valid message: cannot fail */
        if (!got) {
            break;
        }
    }
    return mesh_settle(mesh);
}

/* ---- what the replica wants ---- */

static void apply(struct mesh *mesh, const struct replica_output *output)
{
    struct buffer packed = {.data = NULL};
    bool is_run = output->kind != REPLICA_SYNCED;
    const struct apply_request request = {.token = is_run ? output->token : 0,
                                          .is_repair = output->kind == REPLICA_REPAIR,
                                          .moved = {output->stream, output->from},
                                          .chain = output->chain,
                                          .origin = output->origin,
                                          .run = output->bytes,
                                          .peer = output->peer,
                                          .wall_ms = output->wall_ms};
    int failed = apply_request_pack(&request, &packed) || send_packed(mesh, mesh->node, &packed);

    if (failed && is_run) {
        replica_applied(mesh->replica, output->token, APPLY_REFUSED, mesh_now());
    }
    buffer_free(&packed);
}

static void ask_run(struct mesh *mesh, const struct replica_output *output)
{
    struct buffer packed = {.data = NULL};
    const struct read_request request = {.token = output->token,
                                         .verb = READ_RUN,
                                         .stream = output->stream,
                                         .from = output->from,
                                         .max_bytes = output->max_bytes,
                                         .max_events = output->max_events};

    if (read_request_pack(&request, &packed) || send_packed(mesh, mesh->reader, &packed)) {
        replica_read(mesh->replica, output->token, true, (struct slice){NULL, 0}, 0, mesh_now());
    }
    buffer_free(&packed);
}

static void close_link(struct mesh *mesh, const struct replica_output *output)
{
    struct mesh_link *link = mesh_link_find(mesh, output->link);
    if (link && link->dial) {
        mesh_dial_hang_up(link->dial, output->retry_ms);
    } else {
        mesh_link_forget(mesh, output->link);
    }
}

/* Fields that have no value are left out. */
static void report_alarm(const struct replica_output *output)
{
    char quoted[700];
    char peer[80] = "";
    char address[240] = "";
    char events[40] = "";
    char text[720] = "";

    if (output->peer.text[0]) {
        (void)snprintf(peer, sizeof peer, "peer=%s ", output->peer.text); /* fits */
    }
    if (output->address[0]) {
        (void)snprintf(address, sizeof address, "address=%s ",
                       log_quote(output->address, quoted, sizeof address - 16)); /* fits */
    }
    if (output->has_events) {
        (void)snprintf(events, sizeof events, "events=%" PRIu64, output->events); /* fits */
    }
    if (output->text[0]) {
        (void)snprintf(text, sizeof text, "text=%s",
                       log_quote(output->text, quoted, sizeof quoted)); /* fits */
    }
    log_line(output->is_warning ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, output->id, "%s%s%s%s", peer,
             address, events, text);
}

static void carry_out(struct mesh *mesh, const struct replica_output *output)
{
    switch (output->kind) {
    case REPLICA_SEND:
        mesh_link_send(mesh, output->link, output->bytes);
        break;
    case REPLICA_CLOSE:
        close_link(mesh, output);
        break;
    case REPLICA_APPLY:
    case REPLICA_REPAIR:
    case REPLICA_MOVE:
    case REPLICA_SYNCED:
        apply(mesh, output);
        break;
    case REPLICA_READ:
        ask_run(mesh, output);
        break;
    case REPLICA_ALARM:
        report_alarm(output);
        break;
    }
}

/* Tells the replica of links that sending found gone. True when there were any. */
static bool sweep(struct mesh *mesh)
{
    for (size_t i = 0; i < mesh->link_count; i++) {
        if (mesh->links[i]->lost) {
            uint64_t number = mesh->links[i]->number;
            mesh_link_forget(mesh, number);
            replica_link_down(mesh->replica, number, mesh_now());
            return true;
        }
    }
    return false;
}

void mesh_handoff_outputs(struct mesh *mesh)
{
    struct replica_output output;

    if (!mesh->replica) {
        return;
    }
    do {
        while (replica_next(mesh->replica, &output)) {
            carry_out(mesh, &output);
        }
    } while (sweep(mesh));
}

/* ---- life ---- */

static zsock_t *open_one(struct mesh *mesh, int type, const char *endpoint, int queue,
                         loop_fn *handler)
{
    zsock_t *socket = zsock_new(type);
    void *raw = zsock_resolve(socket);
    bool good = !mesh_link_set(raw, ZMQ_LINGER, 0) && !mesh_link_set(raw, ZMQ_SNDHWM, queue) &&
                !mesh_link_set(raw, ZMQ_RCVHWM, queue) &&
                (type != ZMQ_SUB || !zmq_setsockopt(raw, ZMQ_SUBSCRIBE, "", 0)) &&
                !zmq_connect(raw, endpoint) && !loop_watch(mesh->loop, socket, handler, mesh);
    if (!good) {
        zsock_destroy(&socket);
    }
    return socket;
}

int mesh_handoff_open(struct mesh *mesh, struct problem *problem)
{
    /* Subscribed first, then the vector is asked for: what is committed between is in both. */
    mesh->facts = open_one(mesh, ZMQ_SUB, mesh->at.facts, LIMIT_FACTS_QUEUE, on_facts);
    mesh->node = open_one(mesh, ZMQ_DEALER, mesh->at.node, LIMIT_PEER_QUEUE, on_answer);
    mesh->reader = open_one(mesh, ZMQ_DEALER, mesh->at.reader, LIMIT_PEER_QUEUE, on_answer);
    if (!mesh->facts || !mesh->node || !mesh->reader) {
        mesh_handoff_close(mesh);
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "the mesh cannot reach the node: %s",
                           zmq_strerror(errno));
    }
    mesh->vector = (struct mesh_vector){.due_ms = MESH_NEVER};
    mesh->rest_ms = MESH_NEVER;
    mesh->pace = (struct pace){0};
    ask_vector(mesh, clock_mono_ms());
    return 0;
}

void mesh_handoff_close(struct mesh *mesh)
{
    mesh->rest_ms = MESH_NEVER;
    mesh_unwatch(mesh, &mesh->facts);
    mesh_unwatch(mesh, &mesh->node);
    mesh_unwatch(mesh, &mesh->reader);
}

void mesh_handoff_tick(struct mesh *mesh, int64_t now_ms)
{
    if (now_ms >= mesh->vector.due_ms) {
        ask_vector(mesh, now_ms);
    }
    if (now_ms < mesh->rest_ms) {
        return;
    }
    int64_t rest_ms = may_rest_ms(mesh, take_facts(mesh), now_ms);
    if (rest_ms == 0) { /* the next commit, whenever it is, wakes us */
        mesh_handoff_wake(mesh);
    } else if (mesh->rest_ms != MESH_NEVER) { /* no gap was seen in them */
        mesh->rest_ms = now_ms + rest_ms;
    }
}
