/*
 * POST /api/v1/events and /api/v1/visits: many items, an answer for each in their order. Each is a
 * command of its own, so that a bad one undoes no other; a window of them is under way at once, so
 * that they share the node's commits.
 */
#include "api/batch_item.h"
#include "api/decision.h"
#include "api/handlers.h"
#include "api/respond.h"
#include "api/visit_item.h"
#include "proto/log.h"
#include "proto/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Below every queue between here and the node, so that no answer of the window is dropped. */
#define WINDOW 64

#define NDJSON "application/x-ndjson"

/* An item between its question and its answer. */
struct slot {
    bool is_asked;
    enum problem_code code; /* why not */
    char text[200];
    char key[LIMIT_RETRY_KEY + 1];
};

/* What the items are. */
struct kind {
    /* Packs the command of an item. `key`: what names it, in: unless it says so itself, out: in the
     * end ("" = nothing). 0, or -1 with a problem. */
    int (*pack)(const json_t *json, char key[LIMIT_RETRY_KEY + 1], struct buffer *question,
                struct problem *problem);
    /* The node's answer as members of an open object. */
    void (*put)(struct json_writer *writer, const struct answer *answer);
};

struct batch {
    struct request *request;
    const struct kind *kind;
    struct json_writer writer;
    json_t *array;     /* owned; NULL: lines */
    struct slice rest; /* lines that have not been read */
    size_t count, sent, answered;
    char key[LIMIT_RETRY_KEY + 1]; /* Idempotency-Key; each item adds its place */
    bool is_broken;                /* the node did not answer in time: nothing more is asked */
    struct problem broken;
    struct slot slots[WINDOW];
};

/* ---- what was sent --------------------------------------------------------------------------- */

/* The next line that is not empty, without its end; absent when there is none. */
static struct slice next_line(struct slice *rest)
{
    while (rest->len > 0) {
        const char *end = memchr(rest->data, '\n', rest->len);
        struct slice line = {rest->data, end != NULL ? (size_t)(end - rest->data) : rest->len};
        size_t used = line.len + (end != NULL);
        rest->data += used;
        rest->len -= used;
        if (line.len > 0 && line.data[line.len - 1] == '\r') {
            line.len--;
        }
        if (line.len > 0) {
            return line;
        }
    }
    return (struct slice){NULL, 0};
}

static bool begins_array(struct slice body)
{
    size_t i = 0;

    while (i < body.len && strchr(" \t\r\n", body.data[i]) != NULL) {
        i++;
    }
    return i < body.len && body.data[i] == '[';
}

static int read_name(struct batch *batch)
{
    const char *key = mg_get_header(batch->request->connection, "Idempotency-Key");

    if (key == NULL) {
        return 0;
    }
    /* room for a colon and the place */
    if (key[0] == '\0' || strlen(key) > LIMIT_RETRY_KEY - 10 || !wire_is_utf8(slice_text(key))) {
        respond_error(batch->request, PROBLEM_FIELD_INVALID,
                      "Idempotency-Key must be a text of 1 to 118 bytes");
        return -1;
    }
    (void)snprintf(batch->key, sizeof batch->key, "%s", key);
    return 0;
}

/* 0, or -1 after an answer: nothing was carried out. */
static int start(struct batch *batch)
{
    struct slice body = batch->request->body;
    struct problem problem;

    if (begins_array(body)) {
        batch->array = json_read(body, &problem);
        if (batch->array == NULL) {
            respond_problem(batch->request, &problem);
            return -1;
        }
        batch->count = json_array_size(batch->array);
    } else {
        batch->rest = body;
        for (struct slice all = body; next_line(&all).data != NULL;) {
            batch->count++;
        }
        respond_type(batch->request, NDJSON);
    }
    if (batch->count > LIMIT_BATCH_ITEMS) {
        respond_error(batch->request, PROBLEM_BODY_TOO_LARGE, "at most 1000 items in one request");
        return -1;
    }
    return read_name(batch);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static void refuse(struct slot *slot, const struct problem *problem)
{
    slot->is_asked = false;
    slot->code = problem->code;
    (void)slice_copy(slice_text(problem->text), slot->text, sizeof slot->text);
}

static void give_up(struct batch *batch, const struct problem *problem)
{
    if (!batch->is_broken) {
        batch->is_broken = true;
        batch->broken = *problem;
    }
}

static void ask_for(struct batch *batch, struct slot *slot, const json_t *json)
{
    struct buffer *question = &batch->request->worker->question;
    struct problem problem;

    slot->key[0] = '\0';
    if (batch->key[0] != '\0') {
        (void)snprintf(slot->key, sizeof slot->key, "%.*s:%zu", LIMIT_RETRY_KEY - 10, batch->key,
                       batch->sent);
    }
    buffer_clear(question);
    if (batch->kind->pack(json, slot->key, question, &problem) != 0) {
        refuse(slot, &problem);
    } else if (desk_send(batch->request->worker->node, buffer_slice(question),
                         LIMIT_COMMAND_WAIT_MS, &problem) != 0) {
        give_up(batch, &problem);
        refuse(slot, &problem);
    } else {
        slot->is_asked = true;
    }
}

static void send_next(struct batch *batch)
{
    struct slot *slot = &batch->slots[batch->sent % WINDOW];
    struct problem problem;
    json_t *json;

    *slot = (struct slot){.is_asked = false};
    json = batch->array != NULL ? json_incref(json_array_get(batch->array, batch->sent))
                                : json_read(next_line(&batch->rest), &problem);
    if (batch->is_broken) {
        refuse(slot, &batch->broken);
    } else if (json == NULL) {
        refuse(slot, &problem);
    } else {
        ask_for(batch, slot, json);
    }
    json_decref(json);
    batch->sent++;
}

/* ---- answering ------------------------------------------------------------------------------- */

static void put_start(struct batch *batch, const struct slot *slot, int status)
{
    json_put_open(&batch->writer, '{');
    json_set_int(&batch->writer, "index", (int64_t)batch->answered);
    if (slot->key[0] != '\0') {
        json_set_text(&batch->writer, "key", slot->key);
    }
    json_set_int(&batch->writer, "status", status);
}

static void put_refusal(struct batch *batch, const struct slot *slot)
{
    put_start(batch, slot, problem_http_status(slot->code));
    json_set_bool(&batch->writer, "success", false);
    json_set_text(&batch->writer, "error", slot->text);
    json_set_text(&batch->writer, "code", problem_name(slot->code));
    json_put_close(&batch->writer, '}');
}

/* Fills the slot's refusal when no answer came. 0 or -1. */
static int receive(struct batch *batch, struct slot *slot, struct answer *answer)
{
    struct problem problem = batch->broken;
    struct slice bytes;

    if (batch->is_broken) {
        refuse(slot,
               &problem); /* what was asked may still happen; the key tells it is a repetition */
        return -1;
    }
    if (desk_receive(batch->request->worker->node, LIMIT_COMMAND_WAIT_MS, &bytes, &problem) != 0) {
        give_up(batch, &problem);
        refuse(slot, &problem);
        return -1;
    }
    if (answer_unpack(answer, bytes) != 0) {
        log_error("ANSWER_INVALID", "bytes=%zu", bytes.len);
        (void)problem_set(&problem, PROBLEM_INTERNAL, NULL, "Lỗi nội bộ");
        refuse(slot, &problem);
        return -1;
    }
    return 0;
}

static void answer_next(struct batch *batch)
{
    struct slot *slot = &batch->slots[batch->answered % WINDOW];
    struct answer answer;

    if (!slot->is_asked || receive(batch, slot, &answer) != 0) {
        put_refusal(batch, slot);
    } else {
        put_start(batch, slot, problem_http_status(answer.code));
        batch->kind->put(&batch->writer, &answer);
        json_put_close(&batch->writer, '}');
    }
    if (batch->array == NULL) {
        (void)buffer_append(batch->writer.out, "\n", 1); /* `full` is looked at by respond_flow */
        batch->writer.comma = false;
    }
    batch->answered++;
}

static void carry_out(struct batch *batch)
{
    bool is_gone = false;

    batch->writer = respond_json(batch->request);
    if (batch->array != NULL) {
        json_put_open(&batch->writer, '[');
    }
    while (batch->answered < batch->count) {
        while (batch->sent < batch->count && batch->sent - batch->answered < WINDOW) {
            send_next(batch);
        }
        answer_next(batch);
        /* A client that has gone still gets its events carried out. */
        is_gone = is_gone || respond_flow(batch->request) != 0;
        if (is_gone) {
            (void)respond_json(batch->request);
        }
    }
    if (is_gone) {
        struct problem problem;
        (void)problem_set(&problem, PROBLEM_INTERNAL, NULL, "the answer could not be sent");
        respond_cut(batch->request, &problem);
        return;
    }
    if (batch->array != NULL) {
        json_put_close(&batch->writer, ']');
    }
    respond_send(batch->request, 200);
}

static void run(struct request *request, const struct kind *kind)
{
    struct batch *batch = bytes_allocate(1, sizeof *batch); /* too much for a worker's stack */

    batch->request = request;
    batch->kind = kind;
    if (request_body(request) == 0 && start(batch) == 0) {
        carry_out(batch);
    }
    json_decref(batch->array);
    free(batch);
}

void batch_events(struct request *request)
{
    static const struct kind EVENTS = {batch_item_pack, camera_event_put};

    run(request, &EVENTS);
}

static int pack_visit(const json_t *json, char key[LIMIT_RETRY_KEY + 1], struct buffer *question,
                      struct problem *problem)
{
    key[0] = '\0'; /* what a visit says names it */
    return visit_item_pack(json, question, problem);
}

void batch_visits(struct request *request)
{
    static const struct kind VISITS = {pack_visit, visit_item_put};

    run(request, &VISITS);
}
