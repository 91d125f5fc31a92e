#include "api/notice.h"

#include "api/json.h"
#include "proto/event.h"
#include "proto/gate_text.h"
#include "proto/limits.h"
#include "proto/run.h"
#include "proto/tariff.h"

#include <stdlib.h>
#include <string.h>

struct slice notice_resync(void)
{
    return slice_text("{\"type\":\"history_update\",\"data\":{\"type\":\"resync\","
                      "\"event_type\":\"ENTRY\"}}");
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
    json_set_id(writer, "camera_id", event->camera_id);
    json_set_slice(writer, "camera_name", event->camera_name);
    json_set_slice(writer, "camera_type", event->camera_type);
}

/* When a visit that an exit closed began and ended, and what it cost. */
static void put_stay(struct json_writer *writer, const struct fact_visit *visit, int64_t t_eff)
{
    int64_t exit_ms = visit->exit_ms != EVENT_NONE ? visit->exit_ms : t_eff;
    char text[64];

    if (visit->entry_ms != EVENT_NONE) {
        json_set_local(writer, "entry_time", visit->entry_ms);
    }
    json_set_local(writer, "exit_time", exit_ms);
    if (visit->entry_ms != EVENT_NONE) {
        tariff_duration_text(tariff_seconds(visit->entry_ms, exit_ms), text, sizeof text);
        json_set_text(writer, "duration", text);
    }
    json_set_known(writer, "fee", visit->fee, EVENT_NONE);
}

/* A gate event of our own: the fields of the answer that the camera got. */
static void put_local_gate(struct json_writer *writer, const struct source *source)
{
    const struct event *event = &source->event;
    const struct fact_visit *visit = source->visit;
    bool is_exit = event->kind == EVENT_VEHICLE_EXIT;
    bool success = is_exit ? fact_visit_is(visit, "OUT") : !fact_visit_is(visit, "SUPERSEDED");
    char text[LIMIT_TEXT + 40];

    json_set_text(writer, "event_type", is_exit ? "EXIT" : "ENTRY");
    put_camera(writer, event);
    json_set_bool(writer, "success", success);
    json_set_text(writer, "action", is_exit ? "EXIT" : "ENTRY");
    if (success) {
        gate_text_done(is_exit,
                       event->plate_view.data != NULL ? event->plate_view : event->plate_id, text,
                       sizeof text);
        json_set_text(writer, "message", text);
    } else {
        json_set_text(writer, "code", is_exit ? "NO_OPEN_VISIT" : "ALREADY_INSIDE");
    }
    json_set_slice(writer, "plate_id", event->plate_id);
    json_set_slice(writer, "plate_view", event->plate_view);
    json_set_known(writer, "history_id", visit != NULL ? visit->history_id : EVENT_NONE,
                   EVENT_NONE);
    if (!is_exit) {
        json_set_local(writer, "entry_time",
                       visit != NULL && visit->entry_ms != EVENT_NONE ? visit->entry_ms
                                                                      : event->t_eff);
    } else if (success) {
        put_stay(writer, visit, event->t_eff);
    }
    json_set_slice(writer, "event_id", event->visit);
}

static void put_peer_entry(struct json_writer *writer, const struct source *source)
{
    const struct event *event = &source->event;

    json_set_text(writer, "type", "p2p_entry_synced");
    json_set_text(writer, "event_type", "ENTRY");
    json_set_slice(writer, "event_id", event->visit);
    json_set_slice(writer, "source_central",
                   event->source_central.data != NULL ? event->source_central : source->node);
    json_set_id(writer, "edge_id", event->edge_id.data != NULL ? event->edge_id : event->camera_id);
    json_set_slice(writer, "plate_id", event->plate_id);
    json_set_slice(writer, "plate_view", event->plate_view);
    json_set_text(writer, "direction", "ENTRY");
    json_set_local(writer, "entry_time", event->t_eff);
}

static void put_peer_exit(struct json_writer *writer, const struct source *source)
{
    const struct event *event = &source->event;

    json_set_text(writer, "type", "p2p_exit_synced");
    json_set_text(writer, "event_type", "EXIT");
    json_set_slice(writer, "event_id", event->visit);
    json_set_slice(writer, "exit_central", source->node);
    json_set_id(writer, "exit_edge",
                event->edge_id.data != NULL ? event->edge_id : event->camera_id);
    json_set_slice(writer, "plate_id", event->plate_id);
    json_set_local(writer, "exit_time", event->t_eff);
    json_set_known(writer, "fee", event->fee, EVENT_NONE);
}

/* A vehicle in a lot: it was known to be inside, or is from now on (an anomaly). */
static void put_location(struct json_writer *writer, const struct source *source)
{
    bool created = fact_visit_is(source->visit, "IN") && source->visit->revision == 1;

    if (!source->local) {
        json_set_text(writer, "type", "history_update");
        json_set_text(writer, "action", created ? "entry_created" : "location_updated");
    }
    json_set_text(writer, "event_type", created ? "ENTRY" : "LOCATION_UPDATE");
    json_set_slice(writer, "event_id", source->event.visit);
    json_set_slice(writer, "plate_id", source->event.plate_id);
    if (created) {
        json_set_bool(writer, "is_anomaly", true);
    }
    json_set_slice(writer, "location", source->event.location);
    json_set_local(writer, "location_time", source->event.t_eff);
}

/* An edit or a deletion; event_type makes the view of the lots fetch again, too. */
static void put_change(struct json_writer *writer, const struct source *source)
{
    bool deleted = source->event.kind == EVENT_HISTORY_DELETE;

    json_set_text(writer, "type", deleted ? "deleted" : "updated");
    json_set_text(writer, "event_type", deleted ? "EXIT" : "ENTRY");
    json_set_known(writer, "history_id",
                   source->visit != NULL ? source->visit->history_id : EVENT_NONE, EVENT_NONE);
    json_set_slice(writer, "event_id", source->event.visit);
    json_set_slice(writer, "plate_id", source->event.plate_id);
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
        json_set_text(writer, "event_type", "PARKING_LOT_CONFIG_UPDATE");
        json_set_slice(writer, "camera_name", source->event.location);
        json_set_known(writer, "capacity",
                       source->event.capacity == EVENT_NONE ? 0 : source->event.capacity,
                       EVENT_NONE);
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
    json_set_text(&writer, "type", "history_update");
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
        size_t visit = fact_find_visit(fact, source.event.visit);
        size_t before = notices->text.len;
        struct json_writer writer = start(notices);
        source.node = slice_text(run.stream.node.text);
        source.local = source.local && node_id_compare(&run.stream.node, node) == 0;
        if (visit < fact->visit_count) {
            source.visit = &fact->visits[visit];
            told[visit] = true;
        } else if (source.event.kind == EVENT_LOCATION_UPDATE &&
                   (visit = fact_find_inside(fact, source.event.plate_id)) < fact->visit_count &&
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
    json_set_text(&writer, "type", "visit");
    json_set_text(&writer, "event_type", fact_visit_is(visit, "IN") ? "ENTRY" : "EXIT");
    json_set_slice(&writer, "event_id", visit->event_id);
    json_set_int(&writer, "history_id", visit->history_id);
    json_set_known(&writer, "revision", visit->revision, EVENT_NONE);
    json_set_slice(&writer, "status", visit->status);
    json_set_slice(&writer, "plate_id", visit->plate_id);
    json_set_slice(&writer, "plate_view", visit->plate_view);
    json_set_local(&writer, "entry_time", visit->entry_ms);
    json_set_local(&writer, "exit_time", visit->exit_ms);
    json_set_known(&writer, "fee", visit->fee, EVENT_NONE);
    json_set_slice(&writer, "source_central", visit->source_central);
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
