#include "api/envelope.h"

#include "proto/event.h"
#include "proto/limits.h"
#include "proto/tariff.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MS_MAX 1e14 /* beyond the year 5000 */

const char *envelope_type_name(enum envelope_type type)
{
    switch (type) {
#define X(name)           \
    case ENVELOPE_##name: \
        return #name;
        ENVELOPE_TYPES(X)
#undef X
    case ENVELOPE_UNKNOWN:
        break;
    }
    return "UNKNOWN";
}

static enum envelope_type type_of(struct slice name)
{
#define X(known)                                 \
    if (slice_equal(name, slice_text(#known))) { \
        return ENVELOPE_##known;                 \
    }
    ENVELOPE_TYPES(X)
#undef X
    return ENVELOPE_UNKNOWN;
}

/* ---- members: absent (0) when missing or null, -1 when of another type or too long ----------- */

static int wrong(const char *key, struct problem *problem)
{
    return problem_set(problem, PROBLEM_FIELD_INVALID, NULL, "%s is missing or of another type",
                       key);
}

static const json_t *member_of(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);

    return json_is_null(member) ? NULL : member;
}

/* What identifies: as it is, or refused. Empty is absent. */
static int take_key(const json_t *object, const char *key, size_t max, struct slice *out,
                    struct problem *problem)
{
    struct slice text = json_member_text(object, key);

    if ((member_of(object, key) != NULL && text.data == NULL) || text.len > max) {
        return wrong(key, problem);
    }
    *out = text.len > 0 ? text : (struct slice){0};
    return 0;
}

/* What only describes: other types are as good as nothing, and the end may go. */
static void take_text(const json_t *object, const char *key, struct slice *out)
{
    struct slice text = json_member_text(object, key);

    text.len = slice_cut(text, LIMIT_TEXT);
    *out = text.len > 0 ? text : (struct slice){0};
}

/* A camera's name: text, or a number, which then stands in `spare`. */
static void take_id(const json_t *object, const char *key, char spare[ENVELOPE_NUMBER],
                    struct slice *out)
{
    const json_t *member = member_of(object, key);

    if (json_is_integer(member)) {
        (void)snprintf(spare, ENVELOPE_NUMBER, "%" JSON_INTEGER_FORMAT,
                       json_integer_value(member)); /* fits */
        *out = slice_text(spare);
    } else {
        take_text(object, key, out);
    }
}

static int take_number(const json_t *object, const char *key, double min, double max, int64_t *out,
                       struct problem *problem)
{
    const json_t *member = member_of(object, key);
    double value = json_is_number(member) ? json_number_value(member) : (double)NAN;

    if (member == NULL) {
        return 0;
    }
    if (!(value >= min && value <= max)) {
        return wrong(key, problem);
    }
    *out = json_is_integer(member) ? (int64_t)json_integer_value(member) : (int64_t)llround(value);
    return 0;
}

static void take_confidence(const json_t *object, const char *key, double *out)
{
    const json_t *member = member_of(object, key);

    if (json_is_number(member)) {
        *out = json_number_value(member);
    }
}

static bool is_true(const json_t *object, const char *key)
{
    const json_t *member = json_object_get(object, key);

    return json_is_true(member) || (json_is_integer(member) && json_integer_value(member) != 0);
}

static int take_time(const json_t *object, const char *key, const struct zone *zone, int64_t *out,
                     struct problem *problem)
{
    if (member_of(object, key) == NULL) {
        return 0;
    }
    return zone_parse(zone, json_member_text(object, key), out) == 0 ? 0 : wrong(key, problem);
}

static int need(bool present, const char *key, struct problem *problem)
{
    return present ? 0 : wrong(key, problem);
}

/* ---- the data of each type ------------------------------------------------------------------- */

static int take_plates(struct envelope_visit *visit, const json_t *data, const char *id,
                       struct problem *problem)
{
    if (take_key(data, id, LIMIT_PLATE, &visit->plate_id, problem) != 0 ||
        take_key(data, "plate_view", LIMIT_PLATE, &visit->plate_view, problem) != 0) {
        return -1;
    }
    return need(visit->plate_id.data != NULL, id, problem);
}

static int take_entry(struct envelope_visit *visit, const json_t *data, const struct zone *zone,
                      struct problem *problem)
{
    take_id(data, "edge_id", visit->number, &visit->edge_id);
    take_text(data, "camera_type", &visit->camera_type);
    if (take_plates(visit, data, "plate_id", problem) != 0 ||
        take_time(data, "entry_time", zone, &visit->entry.ms, problem) != 0) {
        return -1;
    }
    return need(visit->entry.ms != EVENT_NONE, "entry_time", problem);
}

static int take_exit(struct envelope_visit *visit, const json_t *data, const struct zone *zone,
                     struct problem *problem)
{
    take_id(data, "exit_edge", visit->number, &visit->edge_id);
    if (take_plates(visit, data, "plate_id", problem) != 0 ||
        take_key(data, "exit_central", LIMIT_NODE_ID, &visit->source_central, problem) != 0 ||
        take_time(data, "exit_time", zone, &visit->exit.ms, problem) != 0 ||
        take_number(data, "fee", 0, LIMIT_INTEGER, &visit->fee, problem) != 0) {
        return -1;
    }
    visit->is_out = true;
    return need(visit->exit.ms != EVENT_NONE, "exit_time", problem);
}

static int take_location(struct envelope_visit *visit, const json_t *data, const struct zone *zone,
                         struct problem *problem)
{
    take_text(data, "location", &visit->location);
    visit->is_anomaly = is_true(data, "is_anomaly");
    if (take_plates(visit, data, "plate_id", problem) != 0 ||
        take_time(data, "location_time", zone, &visit->location_ms, problem) != 0 ||
        need(visit->location.data != NULL, "location", problem) != 0) {
        return -1;
    }
    return need(visit->location_ms != EVENT_NONE, "location_time", problem);
}

static int take_lot(struct envelope_lot *lot, const json_t *data, struct problem *problem)
{
    take_text(data, "location_name", &lot->name);
    take_id(data, "camera_id", lot->numbers[0], &lot->camera_id);
    take_id(data, "edge_id", lot->numbers[1], &lot->edge_id);
    take_text(data, "camera_type", &lot->camera_type);
    if (take_number(data, "capacity", 0, LIMIT_CAPACITY, &lot->capacity, problem) != 0) {
        return -1;
    }
    lot->capacity = lot->capacity == EVENT_NONE ? 0 : lot->capacity;
    return need(lot->name.data != NULL, "location_name", problem);
}

/* A change names its visit only by an extension; the row numbers of other centrals mean nothing. */
static int take_change(struct envelope *envelope, const json_t *data, struct problem *problem)
{
    struct envelope_visit *visit = &envelope->visit;

    if (visit->event_id.data == NULL &&
        take_key(data, "event_id", LIMIT_EVENT_ID, &visit->event_id, problem) != 0) {
        return -1;
    }
    if (envelope->type == ENVELOPE_HISTORY_UPDATE && visit->event_id.data != NULL) {
        return take_plates(visit, data, "plate_text", problem);
    }
    return 0;
}

static int take_data(struct envelope *envelope, const json_t *data, const struct zone *zone,
                     struct problem *problem)
{
    switch (envelope->type) {
    case ENVELOPE_VEHICLE_ENTRY_PENDING:
        return take_entry(&envelope->visit, data, zone, problem);
    case ENVELOPE_VEHICLE_EXIT:
        return take_exit(&envelope->visit, data, zone, problem);
    case ENVELOPE_LOCATION_UPDATE:
        return take_location(&envelope->visit, data, zone, problem);
    case ENVELOPE_PARKING_LOT_CONFIG:
        return take_lot(&envelope->lot, data, problem);
    case ENVELOPE_HISTORY_UPDATE:
    case ENVELOPE_HISTORY_DELETE:
        return take_change(envelope, data, problem);
    case ENVELOPE_SYNC_REQUEST:
        if (take_number(data, "since_timestamp", 0, MS_MAX, &envelope->since_ms, problem) != 0) {
            return -1;
        }
        return need(envelope->since_ms != EVENT_NONE, "since_timestamp", problem);
    case ENVELOPE_SYNC_RESPONSE:
        envelope->rows = json_object_get(data, "events");
        return need(json_is_array(envelope->rows), "events", problem);
    case ENVELOPE_VEHICLE_ENTRY_CONFIRMED:
    case ENVELOPE_HEARTBEAT:
    case ENVELOPE_CONFIG_UPDATE:
    case ENVELOPE_SUBSCRIPTION_UPDATE:
    case ENVELOPE_ERROR:
    case ENVELOPE_UNKNOWN:
        break;
    }
    return 0;
}

/* ---- reading --------------------------------------------------------------------------------- */

static void side_init(struct envelope_side *side)
{
    memset(side, 0, sizeof *side);
    side->ms = EVENT_NONE;
    side->confidence = NAN;
}

void envelope_visit_init(struct envelope_visit *visit)
{
    memset(visit, 0, sizeof *visit);
    side_init(&visit->entry);
    side_init(&visit->exit);
    visit->fee = visit->location_ms = visit->created_ms = EVENT_NONE;
}

static int read_document(struct envelope *envelope, const struct zone *zone,
                         struct problem *problem)
{
    const json_t *document = envelope->document;
    struct slice type = json_member_text(document, "type");

    if (type.data == NULL) {
        return problem_set(problem, PROBLEM_TYPE_UNKNOWN, NULL, "type is missing");
    }
    envelope->type = type_of(type);
    if (envelope->type == ENVELOPE_UNKNOWN) {
        return 0;
    }
    take_text(document, "error", &envelope->error);
    if (take_key(document, "source_central", LIMIT_NODE_ID, &envelope->source_central, problem) !=
            0 ||
        take_number(document, "timestamp", 0, MS_MAX, &envelope->sent_ms, problem) != 0 ||
        take_key(document, "event_id", LIMIT_EVENT_ID, &envelope->event_id, problem) != 0) {
        return -1;
    }
    envelope->visit.event_id = envelope->event_id;
    return take_data(envelope, json_object_get(document, "data"), zone, problem);
}

int envelope_read(struct envelope *envelope, struct slice text, const struct zone *zone,
                  struct problem *problem)
{
    memset(envelope, 0, sizeof *envelope);
    envelope_visit_init(&envelope->visit);
    envelope->sent_ms = envelope->since_ms = envelope->lot.capacity = EVENT_NONE;
    envelope->document = json_read_object(text, problem);
    if (envelope->document == NULL) {
        return -1;
    }
    if (read_document(envelope, zone, problem) != 0) {
        envelope_free(envelope);
        return -1;
    }
    return 0;
}

void envelope_free(struct envelope *envelope)
{
    json_decref(envelope->document);
    envelope->document = envelope->rows = NULL;
}

size_t envelope_rows(const struct envelope *envelope)
{
    return json_array_size(envelope->rows);
}

static int row_side(struct envelope_side *side, const json_t *row, const char *prefix,
                    const struct zone *zone, struct problem *problem)
{
    char key[32];

    (void)snprintf(key, sizeof key, "%s_camera_id", prefix); /* all of them fit */
    take_id(row, key, side->number, &side->camera_id);
    (void)snprintf(key, sizeof key, "%s_camera_name", prefix);
    take_text(row, key, &side->camera_name);
    (void)snprintf(key, sizeof key, "%s_source", prefix);
    take_text(row, key, &side->source);
    (void)snprintf(key, sizeof key, "%s_confidence", prefix);
    take_confidence(row, key, &side->confidence);
    (void)snprintf(key, sizeof key, "%s_time", prefix);
    return take_time(row, key, zone, &side->ms, problem);
}

/* When the row was written there: UTC text, unlike the others. */
static int64_t created_of(const json_t *row)
{
    struct slice text = json_member_text(row, "created_at");
    char utc[LOCALTIME_TEXT + 1];
    int64_t ms;

    if (text.len != LOCALTIME_TEXT - 1) {
        return EVENT_NONE;
    }
    (void)snprintf(utc, sizeof utc, "%.*sZ", (int)text.len, text.data);
    return localtime_parse(slice_text(utc), &ms) == 0 ? ms : EVENT_NONE;
}

int envelope_row(const struct envelope *envelope, size_t index, const struct zone *zone,
                 struct envelope_visit *visit, struct problem *problem)
{
    const json_t *row = json_array_get(envelope->rows, index);
    struct slice status = json_member_text(row, "status");

    envelope_visit_init(visit);
    take_id(row, "edge_id", visit->number, &visit->edge_id);
    take_text(row, "last_location", &visit->location);
    visit->is_anomaly = is_true(row, "is_anomaly");
    visit->created_ms = created_of(row);
    if (take_key(row, "event_id", LIMIT_EVENT_ID, &visit->event_id, problem) != 0 ||
        take_key(row, "source_central", LIMIT_NODE_ID, &visit->source_central, problem) != 0 ||
        take_plates(visit, row, "plate_id", problem) != 0 ||
        row_side(&visit->entry, row, "entry", zone, problem) != 0 ||
        row_side(&visit->exit, row, "exit", zone, problem) != 0 ||
        take_number(row, "fee", 0, LIMIT_INTEGER, &visit->fee, problem) != 0 ||
        take_time(row, "last_location_time", zone, &visit->location_ms, problem) != 0) {
        return -1;
    }
    visit->is_out = slice_equal(status, slice_text("OUT")) && visit->exit.ms != EVENT_NONE;
    return need(visit->entry.ms != EVENT_NONE, "entry_time", problem);
}

int envelope_read_identity(struct slice text, char *out, size_t size, struct problem *problem)
{
    json_t *document = json_read(text, problem);
    struct slice id = json_member_text(document, "peer_id");
    int rc = -1;

    if (document != NULL && id.len > 0 && id.len < size) {
        (void)slice_copy(id, out, size); /* it fits */
        rc = 0;
    } else if (document != NULL) {
        rc = wrong("peer_id", problem);
    }
    json_decref(document);
    return rc;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void set_slice(struct json_writer *writer, const char *key, struct slice text)
{
    if (text.data != NULL) {
        json_set_slice(writer, key, text);
    }
}

static void set_time(struct json_writer *writer, const char *key, int64_t ms,
                     const struct zone *zone)
{
    char text[LOCALTIME_TEXT];

    if (ms != EVENT_NONE) {
        zone_text(zone, ms, text);
        json_set_text(writer, key, text);
    }
}

static void set_id(struct json_writer *writer, const char *key, struct slice id)
{
    json_set_id(writer, key, id.data != NULL ? id : slice_text(""));
}

/* Up to the `{` of its data. `central` absent = who sends it. */
static struct json_writer open_message(struct buffer *out, const struct envelope_head *head,
                                       enum envelope_type type, struct slice central,
                                       struct slice event_id)
{
    struct json_writer writer = json_writer(out);

    json_put_open(&writer, '{');
    json_set_text(&writer, "type", envelope_type_name(type));
    json_set_slice(&writer, "source_central",
                   central.len > 0 ? central : slice_text(head->central));
    json_set_int(&writer, "timestamp", head->now_ms);
    json_set_slice(&writer, "event_id", event_id);
    json_put_key(&writer, "data");
    json_put_open(&writer, '{');
    return writer;
}

static void close_message(struct json_writer *writer)
{
    json_put_close(writer, '}');
    json_put_close(writer, '}');
}

void envelope_put_identity(struct buffer *out, const char *central)
{
    struct json_writer writer = json_writer(out);

    json_put_open(&writer, '{');
    json_put_key(&writer, "peer_id");
    json_put_string(&writer, central);
    json_put_close(&writer, '}');
}

void envelope_put_heartbeat(struct buffer *out, const struct envelope_head *head)
{
    struct json_writer writer =
        open_message(out, head, ENVELOPE_HEARTBEAT, (struct slice){0}, (struct slice){0});

    close_message(&writer);
}

void envelope_put_sync_request(struct buffer *out, const struct envelope_head *head,
                               int64_t since_ms)
{
    struct json_writer writer =
        open_message(out, head, ENVELOPE_SYNC_REQUEST, (struct slice){0}, (struct slice){0});

    json_set_int(&writer, "since_timestamp", since_ms);
    close_message(&writer);
}

void envelope_put_entry(struct buffer *out, const struct envelope_head *head,
                        const struct envelope_visit *visit)
{
    struct json_writer writer = open_message(out, head, ENVELOPE_VEHICLE_ENTRY_PENDING,
                                             visit->source_central, visit->event_id);

    set_slice(&writer, "plate_id", visit->plate_id);
    set_slice(&writer, "plate_view",
              visit->plate_view.len > 0 ? visit->plate_view : visit->plate_id);
    set_id(&writer, "edge_id", visit->edge_id);
    json_set_slice(&writer, "camera_type",
                   visit->camera_type.len > 0 ? visit->camera_type : slice_text("ENTRY"));
    json_set_text(&writer, "direction", "ENTRY");
    set_time(&writer, "entry_time", visit->entry.ms, head->zone);
    close_message(&writer);
}

void envelope_put_exit(struct buffer *out, const struct envelope_head *head,
                       const struct envelope_visit *visit)
{
    struct json_writer writer =
        open_message(out, head, ENVELOPE_VEHICLE_EXIT, visit->source_central, visit->event_id);
    bool known = visit->entry.ms != EVENT_NONE && visit->exit.ms != EVENT_NONE;
    char duration[64];

    set_slice(&writer, "plate_id", visit->plate_id);
    json_set_slice(&writer, "exit_central",
                   visit->source_central.len > 0 ? visit->source_central
                                                 : slice_text(head->central));
    set_id(&writer, "exit_edge", visit->edge_id);
    set_time(&writer, "exit_time", visit->exit.ms, head->zone);
    json_set_int(&writer, "fee", visit->fee != EVENT_NONE ? visit->fee : 0);
    tariff_duration_text(known ? tariff_seconds(visit->entry.ms, visit->exit.ms) : 0, duration,
                         sizeof duration);
    json_set_text(&writer, "duration", duration);
    close_message(&writer);
}

void envelope_put_location(struct buffer *out, const struct envelope_head *head,
                           const struct envelope_visit *visit)
{
    struct json_writer writer =
        open_message(out, head, ENVELOPE_LOCATION_UPDATE, visit->source_central, visit->event_id);

    set_slice(&writer, "plate_id", visit->plate_id);
    set_slice(&writer, "location", visit->location);
    set_time(&writer, "location_time", visit->location_ms, head->zone);
    json_set_bool(&writer, "is_anomaly", visit->is_anomaly);
    close_message(&writer);
}

void envelope_put_lot(struct buffer *out, const struct envelope_head *head,
                      const struct envelope_lot *lot)
{
    struct json_writer writer =
        open_message(out, head, ENVELOPE_PARKING_LOT_CONFIG, (struct slice){0}, (struct slice){0});

    set_slice(&writer, "location_name", lot->name);
    json_set_int(&writer, "capacity", lot->capacity);
    set_id(&writer, "camera_id", lot->camera_id);
    json_set_slice(&writer, "camera_type",
                   lot->camera_type.len > 0 ? lot->camera_type : slice_text("PARKING_LOT"));
    json_set_slice(&writer, "edge_id", lot->edge_id.data != NULL ? lot->edge_id : slice_text(""));
    close_message(&writer);
}

struct json_writer envelope_open_rows(struct buffer *out, const struct envelope_head *head)
{
    struct json_writer writer =
        open_message(out, head, ENVELOPE_SYNC_RESPONSE, (struct slice){0}, (struct slice){0});

    json_put_key(&writer, "events");
    json_put_open(&writer, '[');
    return writer;
}

void envelope_put_row(struct json_writer *writer, const struct envelope_head *head,
                      const struct envelope_visit *row)
{
    char created[LOCALTIME_TEXT];

    json_put_open(writer, '{');
    set_slice(writer, "event_id", row->event_id);
    set_slice(writer, "source_central", row->source_central);
    set_slice(writer, "edge_id", row->edge_id);
    set_slice(writer, "plate_id", row->plate_id);
    set_slice(writer, "plate_view", row->plate_view.len > 0 ? row->plate_view : row->plate_id);
    set_time(writer, "entry_time", row->entry.ms, head->zone);
    if (row->entry.camera_id.data != NULL) {
        set_id(writer, "entry_camera_id", row->entry.camera_id);
    }
    set_slice(writer, "entry_camera_name", row->entry.camera_name);
    if (isfinite(row->entry.confidence)) {
        json_set_number(writer, "entry_confidence", row->entry.confidence);
    }
    set_slice(writer, "entry_source", row->entry.source);
    json_set_text(writer, "status", "IN");
    if (row->created_ms != EVENT_NONE) {
        utctime_text(row->created_ms, created);
        json_set_text(writer, "created_at", created);
    }
    set_slice(writer, "last_location", row->location);
    set_time(writer, "last_location_time", row->location_ms, head->zone);
    json_set_int(writer, "is_anomaly", row->is_anomaly ? 1 : 0);
    json_put_close(writer, '}');
}

void envelope_close_rows(struct json_writer *writer)
{
    json_put_close(writer, ']');
    close_message(writer);
}
