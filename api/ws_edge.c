#include "api/ws_edge.h"

#include "api/camera_event.h"
#include "api/edge_message.h"
#include "api/meter.h"
#include "api/refusals.h"
#include "api/respond.h"
#include "proto/clock.h"
#include "proto/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define EDGE_RETRY_NS 200000000 /* between attempts to store an event */

struct ws_edge {
    struct gateway *gateway;
    struct push_channel *channel;
    atomic_uint waiting; /* boxes whose event could not be stored yet */
    atomic_uint flood;   /* counts how often every box is to be told what is inside */
};

/* One box. */
struct box {
    char address[CALLER_ADDRESS];
    char id[PUSH_TAG];    /* "" = it has not said who it is; constant once `named` */
    bool wants_ack;       /* worker thread only, as is `events` */
    int64_t events;       /* received on this connection */
    atomic_bool named;    /* what follows belongs to the writing thread */
    bool told_once;       /* what is inside was read */
    unsigned flood;       /* the one after which it was read */
    struct buffer inside; /* messages to be told, each with its NUL */
    size_t told;          /* bytes of them */
};

/* ---- answers to a box ------------------------------------------------------------------------ */

static void send_plain(struct push_client *client, const char *type, const char *message)
{
    struct buffer text = {0};
    struct json_writer writer = json_writer(&text);

    json_put_open(&writer, '{');
    json_set_text(&writer, "type", type);
    if (message != NULL) {
        json_set_text(&writer, "message", message);
    }
    json_put_close(&writer, '}');
    push_send(client, buffer_slice(&text));
    buffer_free(&text);
}

/* The answer that POST /api/edge/event would have got. `number` counts this connection's events. */
static void send_ack(struct push_client *client, struct slice sent_id, const struct answer *answer)
{
    struct box *box = push_own(client);
    struct buffer text = {0};
    struct json_writer writer = json_writer(&text);

    if (!box->wants_ack) {
        return;
    }
    json_put_open(&writer, '{');
    json_set_text(&writer, "type", "ack");
    json_set_int(&writer, "number", box->events);
    json_put_key(&writer, "data");
    json_put_open(&writer, '{');
    json_set_slice(&writer, "sent_id", sent_id.len > 0 ? sent_id : (struct slice){0});
    camera_event_put(&writer, answer);
    json_put_close(&writer, '}');
    json_put_close(&writer, '}');
    push_send(client, buffer_slice(&text));
    buffer_free(&text);
}

/* ---- an event -------------------------------------------------------------------------------- */

static bool is_final(const struct answer *answer)
{
    return problem_http_status(answer->code) < 500;
}

/* 0 with a final answer, or -1 with the reason why there is none yet. */
static int attempt(struct ws_edge *edge, struct worker *worker, const struct command *command,
                   struct answer *answer, struct problem *problem)
{
    int64_t began_us = clock_mono_us();
    struct slice bytes;

    buffer_clear(&worker->question);
    if (command_pack(command, &worker->question) != 0) {
        answer_init(answer, PROBLEM_FIELD_INVALID);
        return 0;
    }
    if (desk_call(worker->node, buffer_slice(&worker->question), LIMIT_COMMAND_WAIT_MS, &bytes,
                  problem) != 0) {
        return -1;
    }
    if (answer_unpack(answer, bytes) != 0) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "an answer that is none");
    }
    meter_command(edge->gateway->meter, answer->code, answer->deduped, clock_mono_us() - began_us);
    return is_final(answer) ? 0 : problem_set(problem, answer->code, NULL, "%s", answer->text);
}

/* Until it is stored, or this process ends. False when it was not. */
static bool store(struct ws_edge *edge, struct push_client *client, const struct command *command,
                  struct answer *answer)
{
    const struct timespec pause = {.tv_nsec = EDGE_RETRY_NS};
    const struct box *box = push_own(client);
    struct problem problem;
    bool waits = false, stored;

    while (!(stored = attempt(edge, push_worker(client), command, answer, &problem) == 0) &&
           !atomic_load(&edge->gateway->abandon)) {
        if (!waits) {
            waits = true;
            atomic_fetch_add(&edge->waiting, 1);
            log_warn("EDGE_WAITS", "edge=%s code=%s", box->id, problem_name(problem.code));
            push_close(client, PUSH_TRY_LATER);
        }
        (void)nanosleep(&pause, NULL); /* an early return only tries again sooner */
    }
    if (waits) {
        atomic_fetch_sub(&edge->waiting, 1);
    }
    if (!stored) {
        log_error("EDGE_EVENT_LOST", "edge=%s code=%s", box->id, problem_name(problem.code));
    }
    return stored;
}

/* The text of a problem may repeat what was sent; its code is enough. */
static void log_refusal(struct ws_edge *edge, const struct box *box, const char *code,
                        const struct problem *problem)
{
    uint64_t left_out;
    char quoted[2 * PUSH_TAG];

    if (refusals_take(edge->gateway->refusals, problem->code, clock_mono_ms(), &left_out)) {
        log_warn(code, "edge=%s code=%s left_out=%" PRIu64,
                 log_quote(box->id, quoted, sizeof quoted), problem_name(problem->code), left_out);
    }
}

static void take_event(struct ws_edge *edge, struct push_client *client, const json_t *message)
{
    struct box *box = push_own(client);
    struct camera_event reading;
    struct answer answer;

    box->events++;
    if (camera_event_read(&reading, message) != 0) {
        log_refusal(edge, box, "EDGE_EVENT_REFUSED", &reading.problem);
        answer_init(&answer, reading.problem.code);
        (void)slice_copy(slice_text(reading.problem.text), answer.text, sizeof answer.text);
        send_ack(client, json_member_text(message, "event_id"), &answer);
        return;
    }
    if (reading.command.camera_id.len == 0) {
        reading.command.camera_id = slice_text(box->id);
    }
    /* Says where it came from: what this box reported is not told to it again. */
    if (reading.command.edge_id.len == 0) {
        reading.command.edge_id = slice_text(box->id);
    }
    reading.command.clock_ms =
        cameras_offset(edge->gateway->cameras, reading.command.camera_id, box->address);
    if (store(edge, client, &reading.command, &answer)) {
        send_ack(client, reading.command.sent_id, &answer);
    }
}

/* ---- who it is ------------------------------------------------------------------------------- */

/* A text or an integer; "" for 0, null and anything else. */
static void read_id(const json_t *message, const char *key, char out[PUSH_TAG])
{
    const json_t *member = json_object_get(message, key);
    struct slice text = json_member_text(message, key);

    out[0] = '\0';
    if (json_is_integer(member) && json_integer_value(member) != 0) {
        (void)snprintf(out, PUSH_TAG, "%" JSON_INTEGER_FORMAT, json_integer_value(member));
    } else if (text.len > 0 && text.len < PUSH_TAG) {
        (void)slice_copy(text, out, PUSH_TAG);
    }
}

/* The first message names the box: {"edge_id": 3}, or an event with its camera_id, because a box
 * may be quicker with an event than with its name. False when neither. */
static bool identify(struct push_client *client, const json_t *message)
{
    struct box *box = push_own(client);
    char id[PUSH_TAG], text[PUSH_TAG + 40], quoted[2 * PUSH_TAG];

    read_id(message, "edge_id", id);
    if (id[0] == '\0' && json_member_text(message, "type").len > 0) {
        read_id(message, "camera_id", id);
    }
    if (id[0] == '\0') {
        push_close(client, PUSH_POLICY);
        return false;
    }
    memcpy(box->id, id, sizeof box->id);
    box->wants_ack = json_is_true(json_object_get(message, "ack"));
    if (push_claim(client, id)) {
        log_info("EDGE_REPLACED", "edge=%s", log_quote(id, quoted, sizeof quoted));
    }
    (void)snprintf(text, sizeof text, "Edge '%s' registered successfully", id);
    send_plain(client, "connected", text);
    atomic_store(&box->named, true);
    push_wake_one(client);
    return true;
}

/* ---- hooks ----------------------------------------------------------------------------------- */

/* While events wait for room on the disk, boxes are better served by HTTP: see the header. */
static int on_admit(void *context, struct request *request)
{
    struct ws_edge *edge = context;

    if (atomic_load(&edge->waiting) == 0) {
        return 0;
    }
    respond_error(request, PROBLEM_BUSY, "Hệ thống đang bận, vui lòng gửi qua HTTP");
    return -1;
}

static void on_open(void *context, struct push_client *client, struct request *request)
{
    struct box *box = bytes_allocate(1, sizeof *box);

    (void)context;
    memcpy(box->address, request->caller.address, sizeof box->address);
    push_set_own(client, box);
}

static void on_text(void *context, struct push_client *client, struct slice text)
{
    struct ws_edge *edge = context;
    struct box *box = push_own(client);
    struct problem problem;
    json_t *message = json_read_object(text, &problem);
    struct slice type;

    if (message == NULL) {
        log_refusal(edge, box, "EDGE_MESSAGE_INVALID", &problem);
        push_close(client, PUSH_NOT_TEXT);
        return;
    }
    if (box->id[0] != '\0' || identify(client, message)) {
        type = json_member_text(message, "type");
        if (slice_equal(type, slice_text("ping"))) {
            send_plain(client, "pong", NULL);
        } else if (type.len > 0) {
            take_event(edge, client, message);
        }
    }
    json_decref(message);
}

/* ---- what is inside -------------------------------------------------------------------------- */

static int gather(void *context, const struct visit *visit)
{
    void *const *both = context;
    const struct gateway *gateway = both[0];
    struct box *box = both[1];
    size_t before = box->inside.len;

    edge_message_inside(visit, &gateway->node, &box->inside);
    if (box->inside.full || buffer_append(&box->inside, "", 1) != 0) {
        box->inside.len = before;
        return 1; /* older ones are left out */
    }
    return 0;
}

/* The newest of those inside, into memory: the database is not held open for a slow box. False when
 * no handle was free for long. */
static bool read_inside(struct ws_edge *edge, struct box *box)
{
    const struct history_query query = {.limit = LIMIT_EDGE_INSIDE, .status = "IN"};
    void *both[2] = {edge->gateway, box};
    struct problem problem;
    struct history *history = readers_take(edge->gateway->readers, false, &problem);

    if (history == NULL) {
        return false;
    }
    buffer_free(&box->inside);
    buffer_init(&box->inside, LIMIT_EDGE_INSIDE_BYTES);
    box->told = 0;
    if (history_each(history, &query, gather, both, &problem) < 0) {
        log_warn("EDGE_INSIDE", "edge=%s code=%s", box->id, problem_name(problem.code));
    }
    readers_give(edge->gateway->readers, false, &history);
    return true;
}

static void on_room(void *context, struct push_client *client)
{
    struct ws_edge *edge = context;
    struct box *box = push_own(client);
    unsigned flood = atomic_load(&edge->flood);

    if (!atomic_load(&box->named)) {
        return;
    }
    if (!box->told_once || box->flood != flood) {
        if (!read_inside(edge, box)) {
            push_wake_one(client); /* that has waited already */
            return;
        }
        box->told_once = true;
        box->flood = flood;
    }
    while (box->told < box->inside.len) {
        struct slice text = slice_text(box->inside.data + box->told);
        if (!push_offer(client, text)) {
            return;
        }
        box->told += text.len + 1;
    }
    buffer_free(&box->inside);
    box->told = 0;
}

/* ---- what happens ---------------------------------------------------------------------------- */

/* The messages of one fact. Too many ENTRYs, as after catching up, are told from the database. */
struct flood {
    struct ws_edge *edge;
    size_t entries;
};

static void pass_on(void *context, enum edge_message_kind kind, const char *sender,
                    struct slice text)
{
    struct flood *flood = context;

    if (kind == EDGE_MESSAGE_INSIDE && flood->entries++ >= LIMIT_EDGE_BURST) {
        return;
    }
    push_tagged(flood->edge->channel, sender, text);
}

static void on_fact(void *context, const struct fact *fact)
{
    struct ws_edge *edge = context;
    struct flood flood = {.edge = edge};

    if (fact != NULL) {
        edge_message_each(fact, &edge->gateway->node, pass_on, &flood);
    }
    if (fact == NULL || flood.entries > LIMIT_EDGE_BURST) {
        atomic_fetch_add(&edge->flood, 1);
        push_wake(edge->channel);
    }
}

static void on_close(void *context, struct push_client *client)
{
    struct box *box = push_own(client);

    (void)context;
    buffer_free(&box->inside);
    free(box);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct ws_edge *ws_edge_new(struct push *push, struct gateway *gateway)
{
    struct ws_edge *edge = bytes_allocate(1, sizeof *edge);
    const struct push_options options = {.path = "/ws/edge",
                                         .clients_max = LIMIT_WS_EDGES,
                                         .context = edge,
                                         .admit = on_admit,
                                         .open = on_open,
                                         .text = on_text,
                                         .room = on_room,
                                         .fact = on_fact,
                                         .close = on_close};

    edge->gateway = gateway;
    edge->channel = push_add(push, &options);
    return edge;
}

void ws_edge_destroy(struct ws_edge **edge)
{
    free(*edge);
    *edge = NULL;
}
