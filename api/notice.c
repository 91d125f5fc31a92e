#include "api/notice.h"

#include "api/json.h"
#include "proto/event.h"
#include "proto/gate_text.h"
#include "proto/limits.h"
#include "proto/localtime.h"
#include "proto/run.h"
#include "proto/tariff.h"

#include <stdlib.h>
#include <string.h>

struct slice notice_resync(void)
{
    return slice_text("{\"type\":\"history_update\",\"data\":{\"type\":\"resync\","
                      "\"event_type\":\"ENTRY\"}}");
}

/* ---- members --------------------------------------------------------------------------------- */

static void put_text(struct json_writer *writer, const char *key, struct slice text)
{
    json_put_key(writer, key);
    json_put_text(writer, text);
}

static void put_string(struct json_writer *writer, const char *key, const char *text)
{
    put_text(writer, key, slice_text(text));
}

static void put_time(struct json_writer *writer, const char *key, int64_t ms)
{
    char text[LOCALTIME_TEXT];

    json_put_key(writer, key);
    if (ms == EVENT_NONE) {
        json_put_nothing(writer);
        return;
    }
    localtime_text(ms, text);
    json_put_string(writer, text);
}

static void put_integer(struct json_writer *writer, const char *key, int64_t value)
{
    json_put_key(writer, key);
    if (value == EVENT_NONE) {
        json_put_nothing(writer);
    } else {
        json_put_int(writer, value);
    }
}

static void put_id(struct json_writer *writer, const char *key, struct slice id)
{
    json_put_key(writer, key);
    json_put_id(writer, id);
}

static void put_flag(struct json_writer *writer, const char *key, bool value)
{
    json_put_key(writer, key);
    json_put_bool(writer, value);
}

static bool has_status(const struct fact_visit *visit, const char *status)
{
    return visit != NULL && slice_equal(visit->status, slice_text(status));
}

/* ---- one event ------------------------------------------------------------------------------- */

struct source {
    struct event event;
    struct slice node; /* of the stream */
    bool local;
    const struct fact_visit *visit; /* the row that the event names, or NULL */
};

static void put_camera(struct json_writer *writer, const struct event *event)
{
    put_id(writer, "camera_id", event->camera_id);
    put_text(writer, "camera_name", event->camera_name);
    put_text(writer, "camera_type", event->camera_type);
}

/* When a visit that an exit closed began and ended, and what it cost. */
static void put_stay(struct json_writer *writer, const struct fact_visit *visit, int64_t t_eff)
{
    int64_t exit_ms = visit->exit_ms != EVENT_NONE ? visit->exit_ms : t_eff;
    char text[64];

    if (visit->entry_ms != EVENT_NONE) {
        put_time(writer, "entry_time", visit->entry_ms);
    }
    put_time(writer, "exit_time", exit_ms);
    if (visit->entry_ms != EVENT_NONE) {
        tariff_duration_text(tariff_seconds(visit->entry_ms, exit_ms), text, sizeof text);
        put_string(writer, "duration", text);
    }
    put_integer(writer, "fee", visit->fee);
}

/* A gate event of our own: the fields of the answer that the camera got. */
static void put_local_gate(struct json_writer *writer, const struct source *source)
{
    const struct event *event = &source->event;
    const struct fact_visit *visit = source->visit;
    bool is_exit = event->kind == EVENT_VEHICLE_EXIT;
    bool success = is_exit ? has_status(visit, "OUT") : !has_status(visit, "SUPERSEDED");
    char text[LIMIT_TEXT + 40];

    put_string(writer, "event_type", is_exit ? "EXIT" : "ENTRY");
    put_camera(writer, event);
    put_flag(writer, "success", success);
    put_string(writer, "action", is_exit ? "EXIT" : "ENTRY");
    if (success) {
        gate_text_done(is_exit,
                       event->plate_view.data != NULL ? event->plate_view : event->plate_id, text,
                       sizeof text);
        put_string(writer, "message", text);
    } else {
        put_string(writer, "code", is_exit ? "NO_OPEN_VISIT" : "ALREADY_INSIDE");
    }
    put_text(writer, "plate_id", event->plate_id);
    put_text(writer, "plate_view", event->plate_view);
    put_integer(writer, "history_id", visit != NULL ? visit->history_id : EVENT_NONE);
    if (!is_exit) {
        put_time(writer, "entry_time",
                 visit != NULL && visit->entry_ms != EVENT_NONE ? visit->entry_ms : event->t_eff);
    } else if (success) {
        put_stay(writer, visit, event->t_eff);
    }
    put_text(writer, "event_id", event->visit);
}

static void put_peer_entry(struct json_writer *writer, const struct source *source)
{
    const struct event *event = &source->event;

    put_string(writer, "type", "p2p_entry_synced");
    put_string(writer, "event_type", "ENTRY");
    put_text(writer, "event_id", event->visit);
    put_text(writer, "source_central",
             event->source_central.data != NULL ? event->source_central : source->node);
    put_id(writer, "edge_id", event->edge_id.data != NULL ? event->edge_id : event->camera_id);
    put_text(writer, "plate_id", event->plate_id);
    put_text(writer, "plate_view", event->plate_view);
    put_string(writer, "direction", "ENTRY");
    put_time(writer, "entry_time", event->t_eff);
}

static void put_peer_exit(struct json_writer *writer, const struct source *source)
{
    const struct event *event = &source->event;

    put_string(writer, "type", "p2p_exit_synced");
    put_string(writer, "event_type", "EXIT");
    put_text(writer, "event_id", event->visit);
    put_text(writer, "exit_central", source->node);
    put_id(writer, "exit_edge", event->edge_id.data != NULL ? event->edge_id : event->camera_id);
    put_text(writer, "plate_id", event->plate_id);
    put_time(writer, "exit_time", event->t_eff);
    put_integer(writer, "fee", event->fee);
}

/* A vehicle in a lot: it was known to be inside, or is from now on (an anomaly). */
static void put_location(struct json_writer *writer, const struct source *source)
{
    bool created = has_status(source->visit, "IN") && source->visit->revision == 1;

    if (!source->local) {
        put_string(writer, "type", "history_update");
        put_string(writer, "action", created ? "entry_created" : "location_updated");
    }
    put_string(writer, "event_type", created ? "ENTRY" : "LOCATION_UPDATE");
    put_text(writer, "event_id", source->event.visit);
    put_text(writer, "plate_id", source->event.plate_id);
    if (created) {
        put_flag(writer, "is_anomaly", true);
    }
    put_text(writer, "location", source->event.location);
    put_time(writer, "location_time", source->event.t_eff);
}

/* An edit or a deletion; event_type makes the view of the lots fetch again, too. */
static void put_change(struct json_writer *writer, const struct source *source)
{
    bool deleted = source->event.kind == EVENT_HISTORY_DELETE;

    put_string(writer, "type", deleted ? "deleted" : "updated");
    put_string(writer, "event_type", deleted ? "EXIT" : "ENTRY");
    put_integer(writer, "history_id",
                source->visit != NULL ? source->visit->history_id : EVENT_NONE);
    put_text(writer, "event_id", source->event.visit);
    put_text(writer, "plate_id", source->event.plate_id);
}

/* False for a kind that says nothing to people who look at visits. */
static bool put_event(struct json_writer *writer, const struct source *source)
{
    switch (source->event.kind) {
    case EVENT_VEHICLE_ENTRY_PENDING:
        if (source->local) {
            put_local_gate(writer, source);
        } else {
            put_peer_entry(writer, source);
        }
        return true;
    case EVENT_VEHICLE_EXIT:
        if (source->local) {
            put_local_gate(writer, source);
        } else {
            put_peer_exit(writer, source);
        }
        return true;
    case EVENT_LOCATION_UPDATE:
        put_location(writer, source);
        return true;
    case EVENT_HISTORY_UPDATE:
    case EVENT_HISTORY_DELETE:
    case EVENT_HISTORY_UNDELETE:
        put_change(writer, source);
        return true;
    case EVENT_PARKING_LOT_CONFIG:
        put_string(writer, "event_type", "PARKING_LOT_CONFIG_UPDATE");
        put_text(writer, "camera_name", source->event.location);
        put_integer(writer, "capacity",
                    source->event.capacity == EVENT_NONE ? 0 : source->event.capacity);
        return true;
    default:
        return false;
    }
}

/* ---- one fact -------------------------------------------------------------------------------- */

/* The messages are gathered first: whether they are too many is known at the end. */
struct notices {
    struct buffer text;
    size_t ends[NOTICE_MAX];
    size_t count;
    bool overflow;
};

static struct json_writer start(struct notices *notices)
{
    struct json_writer writer = json_writer(&notices->text);

    json_put_open(&writer, '{');
    put_string(&writer, "type", "history_update");
    json_put_key(&writer, "data");
    json_put_open(&writer, '{');
    return writer;
}

static void finish(struct notices *notices, struct json_writer *writer)
{
    json_put_close(writer, '}');
    json_put_close(writer, '}');
    if (notices->text.full) {
        notices->overflow = true;
    } else {
        notices->ends[notices->count++] = notices->text.len;
    }
}

static bool room(struct notices *notices)
{
    if (notices->count == NOTICE_MAX) {
        notices->overflow = true;
    }
    return !notices->overflow;
}

static size_t find_visit(const struct fact *fact, struct slice event_id)
{
    size_t i = 0;

    while (i < fact->visit_count && !slice_equal(fact->visits[i].event_id, event_id)) {
        i++;
    }
    return i;
}

/* The visit whose place a sighting tells: the one that is inside with its plate. */
static size_t find_inside(const struct fact *fact, struct slice plate_id)
{
    size_t i = 0;

    while (i < fact->visit_count && !(slice_equal(fact->visits[i].plate_id, plate_id) &&
                                      has_status(&fact->visits[i], "IN"))) {
        i++;
    }
    return i;
}

/* Marks the visit of an event as told. What arrives by synchronisation is told by its visits. */
static void add_item(struct notices *notices, const struct fact *fact, size_t index,
                     const struct node_id *node, bool *told)
{
    struct run run;
    struct wire wire;
    struct source source = {.local = fact->items[index].origin == FACT_LOCAL};

    if (fact->items[index].origin == FACT_SYNC || !room(notices)) {
        return;
    }
    if (run_unpack(&run, &wire, fact->items[index].run) != 0) {
        return;
    }
    if (event_unpack(&source.event, run.items[0].header, run.items[0].body) == 0) {
        size_t visit = find_visit(fact, source.event.visit);
        size_t before = notices->text.len;
        struct json_writer writer = start(notices);
        source.node = slice_text(run.stream.node.text);
        source.local = source.local && node_id_compare(&run.stream.node, node) == 0;
        if (visit < fact->visit_count) {
            source.visit = &fact->visits[visit];
            told[visit] = true;
        } else if (source.event.kind == EVENT_LOCATION_UPDATE &&
                   (visit = find_inside(fact, source.event.plate_id)) < fact->visit_count &&
                   fact->visits[visit].revision > 1) {
            told[visit] = true; /* another notice would take the place of this one */
        }
        if (put_event(&writer, &source)) {
            finish(notices, &writer);
        } else {
            notices->text.len = before;
        }
    }
    run_free(&run);
    wire_close(&wire);
}

static void add_visit(struct notices *notices, const struct fact_visit *visit)
{
    struct json_writer writer;

    if (!room(notices)) {
        return;
    }
    writer = start(notices);
    put_string(&writer, "type", "visit");
    put_string(&writer, "event_type", has_status(visit, "IN") ? "ENTRY" : "EXIT");
    put_text(&writer, "event_id", visit->event_id);
    put_integer(&writer, "history_id", visit->history_id);
    put_integer(&writer, "revision", visit->revision);
    put_text(&writer, "status", visit->status);
    put_text(&writer, "plate_id", visit->plate_id);
    put_text(&writer, "plate_view", visit->plate_view);
    put_time(&writer, "entry_time", visit->entry_ms);
    put_time(&writer, "exit_time", visit->exit_ms);
    put_integer(&writer, "fee", visit->fee);
    put_text(&writer, "source_central", visit->source_central);
    finish(notices, &writer);
}

void notice_each(const struct fact *fact, const struct node_id *node, notice_fn each, void *context)
{
    bool *told = bytes_allocate(fact->visit_count, sizeof *told);
    struct notices *notices = bytes_allocate(1, sizeof *notices);
    size_t from = 0;

    buffer_init(&notices->text, 0);
    for (size_t i = 0; i < fact->item_count && !notices->overflow; i++) {
        add_item(notices, fact, i, node, told);
    }
    for (size_t i = 0; i < fact->visit_count && !notices->overflow; i++) {
        if (!told[i]) {
            add_visit(notices, &fact->visits[i]);
        }
    }
    if (notices->overflow) {
        each(context, notice_resync());
    } else {
        for (size_t i = 0; i < notices->count; i++) {
            each(context, (struct slice){notices->text.data + from, notices->ends[i] - from});
            from = notices->ends[i];
        }
    }
    buffer_free(&notices->text);
    free(notices);
    free(told);
}
