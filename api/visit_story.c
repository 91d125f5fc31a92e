/*
 * GET /api/v1/visits/{event_id}: the visit, and each event of it with what became of it and why.
 */
#include "api/handlers.h"

#include "api/respond.h"
#include "api/rule.h"
#include "api/visit_row.h"
#include "proto/clock.h"
#include "proto/event.h"

#include <string.h>

struct story {
    struct request *request;
    struct json_writer *writer;
};

static void put(struct json_writer *writer, const char *key, struct slice text)
{
    if (text.data != NULL) {
        json_set_slice(writer, key, text);
    }
}

static void put_known(struct json_writer *writer, const char *key, int64_t value)
{
    if (value != EVENT_NONE) {
        json_set_int(writer, key, value);
    }
}

static void put_instant(struct json_writer *writer, const char *key, int64_t ms)
{
    if (ms == EVENT_REOPEN) {
        json_put_key(writer, key);
        json_put_nothing(writer);
    } else if (ms != EVENT_NONE) {
        visit_row_time(writer, key, ms);
    }
}

/* A row as its author saw it, possibly written by another central: looked at before it is JSON. */
static void put_before(struct json_writer *writer, struct slice json)
{
    json_t *value = json.len > 0 ? json_read_object(json, NULL) : NULL;

    if (value != NULL) {
        json_put_key(writer, "before");
        json_put_raw(writer, json);
    }
    json_decref(value);
}

/* What the event says; absent fields are left out. */
static void put_body(struct json_writer *writer, const struct event *event)
{
    json_put_key(writer, "says");
    json_put_open(writer, '{');
    put(writer, "event_id", event->visit);
    put(writer, "plate_id", event->plate_id);
    put(writer, "plate_view", event->plate_view);
    put(writer, "source_central", event->source_central);
    put(writer, "edge_id", event->edge_id);
    if (event->camera_id.data != NULL) {
        json_set_id(writer, "camera_id", event->camera_id);
    }
    put(writer, "camera_name", event->camera_name);
    put(writer, "camera_type", event->camera_type);
    put(writer, "source", event->source);
    json_set_number(writer, "confidence", event->confidence);
    put(writer, "location", event->location);
    put(writer, "status", event->status);
    put(writer, "closes", event->closes);
    put_known(writer, "fee", event->fee);
    put_known(writer, "free_s", event->free_s);
    put_known(writer, "per_hour", event->per_hour);
    put_instant(writer, "entry_time", event->entry_ms);
    put_instant(writer, "exit_time", event->exit_ms);
    put(writer, "author", event->author);
    put(writer, "reason", event->reason);
    put_before(writer, event->before);
    json_put_close(writer, '}');
}

static int each_event(void *context, const struct history_told *told)
{
    struct story *story = context;
    struct json_writer *writer = story->writer;
    const struct event *event = &told->event;
    char spare[24];

    json_put_open(writer, '{');
    json_set_text(writer, "kind", event_kind_name(event->kind, spare));
    json_set_position(writer, "position", &told->position);
    visit_row_time(writer, "logged_at", hlc_ms(event->hlc));
    visit_row_time(writer, "time", event->t_eff);
    json_set_text(writer, "time_from",
                  (event->clock & EVENT_CLOCK_DEVICE) != 0 ? "device" : "central");
    json_set_bool(writer, "clock_suspect", (event->clock & EVENT_CLOCK_SUSPECT) != 0);
    visit_row_time(writer, "device_time", event->device_ms);
    put(writer, "logged_under", told->named);
    put_body(writer, event);
    json_set_text(writer, "rule", told->rule);
    json_set_text(writer, "decision", rule_text(slice_text(told->rule)));
    put(writer, "other", told->other);
    json_put_close(writer, '}');
    return respond_flow(story->request) != 0 ? -1 : 0;
}

/* The row in force; its etag goes into the head. */
static int read_visit(struct request *request, struct history *history, struct visit *visit,
                      struct problem *problem)
{
    int found = history_find(history, slice_text(request->parameter), visit, problem);

    if (found == 1) {
        visit_row_etag(visit, request->etag);
    }
    return found;
}

static int tell(struct request *request, struct history *history, struct json_writer *writer,
                struct problem *problem)
{
    struct story story = {request, writer};
    struct visit visit;
    int found = read_visit(request, history, &visit, problem);

    if (found < 0) {
        return -1;
    }
    json_put_open(writer, '{');
    json_put_key(writer, "visit");
    if (found == 1) {
        visit_row_json(writer, &visit);
    } else {
        json_put_nothing(writer);
    }
    json_put_key(writer, "events");
    json_put_open(writer, '[');
    int told = history_story(history, slice_text(request->parameter), found == 1 ? &visit : NULL,
                             each_event, &story, problem);
    json_put_close(writer, ']');
    json_put_close(writer, '}');
    return told < 0 ? -1 : told + found;
}

void visit_story_get(struct request *request)
{
    struct problem problem = {.code = PROBLEM_INTERNAL};
    struct history *history = readers_take(request->gateway->readers, false, &problem);
    struct json_writer writer;
    int rc;

    if (history == NULL) {
        respond_problem(request, &problem);
        return;
    }
    writer = respond_json(request);
    rc = tell(request, history, &writer, &problem);
    readers_give(request->gateway->readers, false, &history);
    if (rc < 0) {
        respond_cut(request, &problem);
    } else if (rc == 0) {
        respond_error(request, PROBLEM_VISIT_UNKNOWN, "Không tìm thấy lượt gửi xe");
    } else {
        respond_send(request, 200);
    }
}
