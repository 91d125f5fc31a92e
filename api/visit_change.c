/*
 * Corrections of one visit: PUT, DELETE and undelete under /api/v1/visits/{event_id}. If-Match
 * takes the etag of the visit, Idempotency-Key (or `retry_key` in the body) makes a repetition
 * harmless.
 */
#include "api/handlers.h"

#include "api/caller.h"
#include "api/decision.h"
#include "api/respond.h"
#include "api/revision.h"
#include "api/visit_row.h"
#include "proto/event.h"
#include "proto/localtime.h"

#include <stdio.h>
#include <string.h>

#define RETRY_KEY 100 /* bytes of a key */

struct change {
    struct command command;
    json_t *body; /* or NULL */
    char retry[RETRY_KEY + LIMIT_EVENT_ID + 8];
};

/* The key of a repetition, together with the visit: one key for two visits is two keys. */
static int read_retry(struct request *request, struct change *change)
{
    struct slice key = slice_text(mg_get_header(request->connection, "Idempotency-Key"));

    if (key.len == 0) {
        key = json_member_text(change->body, "retry_key");
    }
    if (key.len > RETRY_KEY) {
        respond_error(request, PROBLEM_FIELD_INVALID, "Idempotency-Key: at most 100 bytes");
        return -1;
    }
    if (key.len > 0) {
        (void)snprintf(change->retry, sizeof change->retry, "%.*s %s", (int)key.len, key.data,
                       request->parameter);
        change->command.sent_id = slice_text(change->retry);
    }
    return 0;
}

static int start(struct request *request, enum command_kind kind, struct change *change)
{
    struct problem problem;

    *change = (struct change){.body = NULL};
    command_init(&change->command, kind);
    change->command.visit = slice_text(request->parameter);
    if (request_body(request) != 0 || revision_read(request, &change->command.if_match) != 0) {
        return -1;
    }
    if (request->body.len > 0) {
        change->body = json_read_object(request->body, &problem);
        if (change->body == NULL) {
            respond_problem(request, &problem);
            return -1;
        }
    }
    change->command.author = caller_author(request, change->body);
    change->command.reason = json_member_text(change->body, "reason");
    change->command.reason.len = slice_cut(change->command.reason, LIMIT_TEXT);
    if (read_retry(request, change) != 0) {
        json_decref(change->body);
        return -1;
    }
    return 0;
}

static void put_visit(struct request *request, struct json_writer *writer)
{
    struct problem problem;
    struct visit visit;
    struct history *history = readers_take(request->gateway->readers, false, &problem);
    int found = history == NULL
                    ? 0
                    : history_find(history, slice_text(request->parameter), &visit, &problem);

    json_put_key(writer, "visit");
    if (found == 1) {
        visit_row_etag(&visit, request->etag);
        visit_row_json(writer, &visit);
    } else {
        json_put_nothing(writer); /* it is done all the same; GET tells */
    }
    if (history != NULL) {
        readers_give(request->gateway->readers, false, &history);
    }
}

static void carry_out(struct request *request, struct change *change)
{
    struct json_writer writer;
    struct answer answer;

    if (decision_ask(request, &change->command, &answer) != 0) {
        return;
    }
    if (answer.code != PROBLEM_OK) {
        decision_refuse(request, &answer);
        return;
    }
    writer = respond_json(request);
    json_put_open(&writer, '{');
    decision_put(&writer, &answer);
    json_set_bool(&writer, "deduped", answer.deduped);
    put_visit(request, &writer);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

/* A corrected time: absent = as it is, null = `nothing`. */
static int read_time(struct request *request, const json_t *body, const char *key, int64_t nothing,
                     int64_t *out)
{
    const json_t *member = json_object_get(body, key);
    char text[120];

    *out = EVENT_NONE;
    if (member == NULL) {
        return 0;
    }
    if (json_is_null(member) && nothing != EVENT_NONE) {
        *out = nothing;
        return 0;
    }
    if (localtime_parse(json_member_text(body, key), out) == 0 && *out >= 0) {
        return 0;
    }
    (void)snprintf(text, sizeof text, "%s: a time like 2026-11-22T08:15:03+07:00 is expected", key);
    respond_error(request, PROBLEM_FIELD_INVALID, text);
    return -1;
}

static int read_edit(struct request *request, struct change *change)
{
    struct command *command = &change->command;
    const json_t *plate = json_object_get(change->body, "plate");

    command->plate_text = json_member_text(change->body, "plate");
    if ((plate != NULL && command->plate_text.len == 0) || command->plate_text.len > LIMIT_TEXT) {
        respond_error(request, PROBLEM_PLATE_UNUSABLE, "plate: a text is expected");
        return -1;
    }
    if (read_time(request, change->body, "entry_time", EVENT_NONE, &command->entry_ms) != 0 ||
        read_time(request, change->body, "exit_time", EVENT_REOPEN, &command->exit_ms) != 0) {
        return -1;
    }
    if (plate == NULL && command->entry_ms == EVENT_NONE && command->exit_ms == EVENT_NONE) {
        respond_error(request, PROBLEM_FIELD_INVALID,
                      "nothing to change: plate, entry_time or exit_time is expected");
        return -1;
    }
    return 0;
}

void visit_change_put(struct request *request)
{
    struct change change;

    if (start(request, COMMAND_EDIT, &change) != 0) {
        return;
    }
    if (read_edit(request, &change) == 0) {
        carry_out(request, &change);
    }
    json_decref(change.body);
}

void visit_change_delete(struct request *request)
{
    struct change change;

    if (start(request, COMMAND_DELETE, &change) == 0) {
        carry_out(request, &change);
        json_decref(change.body);
    }
}

void visit_change_undelete(struct request *request)
{
    struct change change;

    if (start(request, COMMAND_UNDELETE, &change) == 0) {
        carry_out(request, &change);
        json_decref(change.body);
    }
}
