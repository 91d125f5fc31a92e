#include "api/edge_message.h"

#include "api/json.h"
#include "proto/event.h"
#include "proto/run.h"
#include "proto/tariff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One fact on its way to messages. */
struct telling {
    const struct fact *fact;
    const struct node_id *node;
    edge_message_fn each;
    void *context;
    bool *told;                  /* a flag a visit of the fact */
    enum edge_message_kind kind; /* of the message that is being written */
    struct buffer text;
};

/* An event with the row of its visit. */
struct source {
    struct event event;
    struct slice node; /* of the stream */
    bool local;
    const struct fact_visit *visit; /* NULL: its row is as it was */
};

/* ---- members --------------------------------------------------------------------------------- */

static struct json_writer start(struct telling *telling, const char *type)
{
    struct json_writer writer;

    buffer_clear(&telling->text);
    telling->kind = strcmp(type, "ENTRY") == 0 ? EDGE_MESSAGE_INSIDE : EDGE_MESSAGE_OTHER;
    writer = json_writer(&telling->text);
    json_put_open(&writer, '{');
    json_set_text(&writer, "type", type);
    return writer;
}

static void finish(struct telling *telling, struct json_writer *writer, const struct source *source)
{
    char sender[LIMIT_TEXT + 1] = "";

    json_put_close(writer, '}');
    if (telling->text.full) {
        return; /* every part of it is bounded far below the buffer's ceiling */
    }
    if (source != NULL && source->local) {
        const struct event *event = &source->event;
        (void)slice_copy(event->edge_id.data != NULL ? event->edge_id : event->camera_id, sender,
                         sizeof sender);
    }
    telling->each(telling->context, telling->kind, sender, buffer_slice(&telling->text));
}

static void put_plates(struct json_writer *writer, struct slice id, struct slice view)
{
    json_set_slice(writer, "plate_id", id);
    json_set_slice(writer, "plate_text", id);
    json_set_slice(writer, "plate_view", view.data != NULL ? view : id);
}

static void put_confidence(struct json_writer *writer, double confidence)
{
    json_set_number(writer, "confidence",
                    confidence == confidence ? confidence : 0); /* NaN: not known */
}

/* camera_id, camera_name, camera_type, and of another central's event where it comes from. */
static void put_camera(struct json_writer *writer, const struct source *source)
{
    const struct event *event = &source->event;
    struct slice edge = event->edge_id.data != NULL ? event->edge_id : event->camera_id;
    struct slice central =
        event->source_central.data != NULL ? event->source_central : source->node;

    json_set_id(writer, "camera_id", event->camera_id);
    if (source->local) {
        json_set_slice(writer, "camera_name", event->camera_name);
    } else {
        char name[LIMIT_NODE_ID + LIMIT_TEXT + 2];
        (void)snprintf(name, sizeof name, "%.*s/%.*s", (int)central.len, central.data,
                       (int)edge.len, edge.data != NULL ? edge.data : "");
        json_set_slice(writer, "source_central", central);
        json_set_text(writer, "camera_name", name);
    }
    json_set_slice(writer, "camera_type", event->camera_type);
}

/* ---- one event ------------------------------------------------------------------------------- */

static void tell_entry(struct telling *telling, const struct source *source)
{
    const struct fact_visit *visit = source->visit;
    struct json_writer writer = start(telling, "ENTRY");

    json_set_slice(&writer, "event_id", visit->event_id);
    put_camera(&writer, source);
    json_set_local(&writer, "entry_time", visit->entry_ms);
    json_put_key(&writer, "data");
    json_put_open(&writer, '{');
    put_plates(&writer, visit->plate_id, visit->plate_view);
    put_confidence(&writer, source->event.confidence);
    json_set_text(&writer, "source", source->local ? "central" : "p2p_sync");
    json_put_close(&writer, '}');
    finish(telling, &writer, source);
}

static void put_exit(struct json_writer *writer, const struct fact_visit *visit)
{
    char duration[64];

    json_set_local(writer, "entry_time", visit->entry_ms);
    json_set_local(writer, "exit_time", visit->exit_ms);
    json_set_known(writer, "fee", visit->fee, EVENT_NONE);
    if (visit->entry_ms != EVENT_NONE && visit->exit_ms != EVENT_NONE) {
        tariff_duration_text(tariff_seconds(visit->entry_ms, visit->exit_ms), duration,
                             sizeof duration);
        json_set_text(writer, "duration", duration);
    }
}

static void tell_exit(struct telling *telling, const struct source *source)
{
    const struct fact_visit *visit = source->visit;
    struct json_writer writer = start(telling, "EXIT");

    json_set_slice(&writer, "event_id", visit->event_id);
    put_camera(&writer, source);
    put_exit(&writer, visit);
    json_put_key(&writer, "data");
    json_put_open(&writer, '{');
    put_plates(&writer, visit->plate_id, visit->plate_view);
    put_confidence(&writer, source->event.confidence);
    json_set_text(&writer, "source", source->local ? "central" : "p2p_sync");
    json_put_close(&writer, '}');
    finish(telling, &writer, source);
}

/* A vehicle that nobody saw enter was seen in a lot: the visit is concluded from that. */
static void tell_anomaly(struct telling *telling, const struct source *source)
{
    const struct fact_visit *visit = source->visit;
    struct json_writer writer = start(telling, "ENTRY");

    json_set_slice(&writer, "event_id", visit->event_id);
    put_camera(&writer, source);
    json_set_local(&writer, "entry_time", visit->entry_ms);
    json_put_key(&writer, "data");
    json_put_open(&writer, '{');
    put_plates(&writer, visit->plate_id, visit->plate_view);
    json_set_bool(&writer, "is_anomaly", true);
    json_set_slice(&writer, "location", source->event.location);
    json_set_local(&writer, "location_time", source->event.t_eff);
    json_put_close(&writer, '}');
    finish(telling, &writer, source);
}

static void tell_location(struct telling *telling, const struct source *source)
{
    const struct event *event = &source->event;
    struct json_writer writer = start(telling, "LOCATION_UPDATE");

    if (source->visit == NULL) { /* a name that boxes know would make them drop it */
        json_set_slice(&writer, "event_id", event->visit);
    }
    json_put_key(&writer, "data");
    json_put_open(&writer, '{');
    put_plates(&writer, event->plate_id, event->plate_view);
    json_set_slice(&writer, "location", event->location);
    json_set_local(&writer, "location_time", event->t_eff);
    json_put_close(&writer, '}');
    finish(telling, &writer, source);
}

/* A box finds its row by data.event_id, and only if the message has no id outside. */
static void tell_change(struct telling *telling, const char *type, const struct fact_visit *visit,
                        const struct source *source)
{
    struct json_writer writer = start(telling, type);

    json_put_key(&writer, "data");
    json_put_open(&writer, '{');
    json_set_slice(&writer, "event_id", visit->event_id);
    put_plates(&writer, visit->plate_id, visit->plate_view);
    json_put_close(&writer, '}');
    finish(telling, &writer, source);
}

/* ---- one fact -------------------------------------------------------------------------------- */

/* A sighting that changed nothing (it is older than what is known) is not told. */
static void tell_sighting(struct telling *telling, struct source *source)
{
    size_t inside = fact_find_inside(telling->fact, source->event.plate_id);

    if (fact_visit_is(source->visit, "IN")) {
        if (source->visit->revision == 1) {
            tell_anomaly(telling, source);
        } else {
            tell_location(telling, source);
        }
    } else if (inside < telling->fact->visit_count) {
        telling->told[inside] = telling->told[inside] || telling->fact->visits[inside].revision > 1;
        tell_location(telling, source);
    }
}

/* False when nothing was said, and the row is left to speak for itself. */
static bool tell_event(struct telling *telling, struct source *source)
{
    const struct fact_visit *visit = source->visit;

    switch (source->event.kind) {
    case EVENT_VEHICLE_ENTRY_PENDING:
        if (!fact_visit_is(visit, "IN")) {
            return false;
        }
        tell_entry(telling, source);
        return true;
    case EVENT_VEHICLE_EXIT:
        if (!fact_visit_is(visit, "OUT")) {
            return false;
        }
        tell_exit(telling, source);
        return true;
    case EVENT_LOCATION_UPDATE:
        tell_sighting(telling, source);
        return fact_visit_is(visit, "IN");
    case EVENT_HISTORY_UPDATE:
    case EVENT_HISTORY_DELETE:
        if (visit == NULL || fact_visit_is(visit, "SUPERSEDED")) {
            return false;
        }
        tell_change(telling, fact_visit_is(visit, "DELETED") ? "DELETE" : "UPDATE", visit, source);
        return true;
    default:
        return false;
    }
}

static void tell_item(struct telling *telling, const struct fact_event *item)
{
    struct run run;
    struct wire wire;
    struct source source = {.local = item->origin == FACT_LOCAL};

    if (run_unpack(&run, &wire, item->run) != 0) {
        return;
    }
    if (event_unpack(&source.event, run.items[0].header, run.items[0].body) == 0) {
        size_t visit = fact_find_visit(telling->fact, source.event.visit);
        bool known = visit < telling->fact->visit_count;
        source.node = slice_text(run.stream.node.text);
        source.local = source.local && node_id_compare(&run.stream.node, telling->node) == 0;
        source.visit = known && !telling->told[visit] ? &telling->fact->visits[visit] : NULL;
        if (tell_event(telling, &source) && known) {
            telling->told[visit] = true;
        }
    }
    run_free(&run);
    wire_close(&wire);
}

/* A row that changed by no event of this fact that was told: by another entry, or by events that
 * were here before. Boxes know only what was inside once. */
static void tell_visit(struct telling *telling, const struct fact_visit *visit)
{
    struct json_writer writer;

    if (fact_visit_is(visit, "IN")) {
        writer = start(telling, "ENTRY");
        json_set_slice(&writer, "event_id", visit->event_id);
        json_set_slice(&writer, "source_central", visit->source_central);
        json_set_local(&writer, "entry_time", visit->entry_ms);
        json_put_key(&writer, "data");
        json_put_open(&writer, '{');
        put_plates(&writer, visit->plate_id, visit->plate_view);
        put_confidence(&writer, 0);
        json_set_text(&writer, "source", "p2p_sync");
        json_put_close(&writer, '}');
        finish(telling, &writer, NULL);
    } else if (fact_visit_is(visit, "OUT") && visit->revision > 1) {
        writer = start(telling, "EXIT");
        json_set_slice(&writer, "event_id", visit->event_id);
        put_exit(&writer, visit);
        json_put_key(&writer, "data");
        json_put_open(&writer, '{');
        put_plates(&writer, visit->plate_id, visit->plate_view);
        json_set_text(&writer, "source", "p2p_sync");
        json_put_close(&writer, '}');
        finish(telling, &writer, NULL);
    } else if (visit->revision > 1 && !fact_visit_is(visit, "OUT")) {
        tell_change(telling, "DELETE", visit, NULL);
    }
}

void edge_message_each(const struct fact *fact, const struct node_id *node, edge_message_fn each,
                       void *context)
{
    struct telling telling = {.fact = fact, .node = node, .each = each, .context = context};

    telling.told = bytes_allocate(fact->visit_count, sizeof *telling.told);
    for (size_t i = 0; i < fact->item_count; i++) {
        tell_item(&telling, &fact->items[i]);
    }
    for (size_t i = 0; i < fact->visit_count; i++) {
        if (!telling.told[i]) {
            tell_visit(&telling, &fact->visits[i]);
        }
    }
    buffer_free(&telling.text);
    free(telling.told);
}

void edge_message_inside(const struct visit *visit, const struct node_id *node, struct buffer *out)
{
    struct json_writer writer = json_writer(out);
    bool local = slice_equal(visit->source_central, slice_text(node->text));

    json_put_open(&writer, '{');
    json_set_text(&writer, "type", "ENTRY");
    json_set_slice(&writer, "event_id", visit->event_id);
    if (!local) {
        json_set_slice(&writer, "source_central", visit->source_central);
    }
    json_set_id(&writer, "camera_id", visit->entry_camera_id);
    json_set_slice(&writer, "camera_name", visit->entry_camera_name);
    json_set_local(&writer, "entry_time", visit->entry_ms);
    json_put_key(&writer, "data");
    json_put_open(&writer, '{');
    put_plates(&writer, visit->plate_id, visit->plate_view);
    put_confidence(&writer, visit->entry_confidence);
    json_set_text(&writer, "source", local ? "central" : "p2p_sync");
    if (visit->is_anomaly) {
        json_set_bool(&writer, "is_anomaly", true);
    }
    if (visit->last_location.data != NULL) {
        json_set_slice(&writer, "location", visit->last_location);
        json_set_local(&writer, "location_time", visit->last_location_ms);
    }
    json_put_close(&writer, '}');
    json_put_close(&writer, '}');
}
