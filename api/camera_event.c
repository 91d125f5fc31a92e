#include "api/camera_event.h"

#include "api/decision.h"
#include "proto/event.h"
#include "proto/localtime.h"
#include "proto/plate.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define TYPES "ENTRY, EXIT, DETECTION, LOCATION_UPDATE, UPDATE, DELETE"

static int refuse(struct camera_event *reading, enum problem_code code, const char *text)
{
    return problem_set(&reading->problem, code, NULL, "%s", text);
}

/* ---- fields ---------------------------------------------------------------------------------- */

/* A text, cut to what an event may hold; absent for other types and for "". */
static struct slice text_of(const json_t *object, const char *key)
{
    struct slice text = json_member_text(object, key);

    text.len = slice_cut(text, LIMIT_TEXT);
    return text.len > 0 ? text : (struct slice){0};
}

/* A text, or an integer as decimal text in `spare`. */
static struct slice name_of(const json_t *object, const char *key, char spare[CAMERA_EVENT_NAME])
{
    const json_t *member = json_object_get(object, key);
    double real = json_is_real(member) ? json_real_value(member) : 0.5;

    if (json_is_integer(member)) {
        return (struct slice){spare, decimal_signed(json_integer_value(member), spare)};
    }
    if (fabs(real) < 1e15 && real >= trunc(real) && real <= trunc(real)) {
        return (struct slice){spare, decimal_signed((int64_t)real, spare)};
    }
    return text_of(object, key);
}

static int64_t time_of(const json_t *object, const char *key)
{
    struct slice text = json_member_text(object, key);
    int64_t ms;

    return text.len > 0 && localtime_parse(text, &ms) == 0 ? ms : EVENT_NONE;
}

static int read_type(struct camera_event *reading, const json_t *event)
{
    static const struct {
        const char *name;
        enum gate_type gate;
    } types[] = {{"ENTRY", GATE_ENTRY},         {"EXIT", GATE_EXIT},
                 {"DETECTION", GATE_DETECTION}, {"LOCATION_UPDATE", GATE_LOCATION},
                 {"UPDATE", GATE_UPDATE},       {"DELETE", GATE_DELETE}};
    struct slice name = json_member_text(event, "type");

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (slice_equal(name, slice_text(types[i].name))) {
            reading->command.gate = types[i].gate;
            return 0;
        }
    }
    if (name.len == 0) {
        return refuse(reading, PROBLEM_TYPE_UNKNOWN, "type: must be one of " TYPES);
    }
    return problem_set(&reading->problem, PROBLEM_TYPE_UNKNOWN, NULL,
                       "Unknown event type: %.*s; type must be one of " TYPES,
                       (int)slice_cut(name, 60), name.data);
}

static int read_plate(struct camera_event *reading, const json_t *data)
{
    struct command *command = &reading->command;
    const json_t *member = json_object_get(data, "plate_text");
    struct slice plate = json_member_text(data, "plate_text");
    struct slice view = json_member_text(data, "plate_view");
    struct plate a, b;

    if (command->gate == GATE_DELETE) {
        return 0;
    }
    if (member != NULL && !json_is_null(member) && !json_is_string(member)) {
        return refuse(reading, PROBLEM_PLATE_UNUSABLE,
                      "data.plate_text: biển số phải là một chuỗi (string)");
    }
    if (plate.len == 0) {
        return refuse(reading, PROBLEM_PLATE_UNUSABLE, "data.plate_text: thiếu biển số");
    }
    if (plate.len > LIMIT_TEXT) {
        return problem_set(&reading->problem, PROBLEM_PLATE_UNUSABLE, NULL,
                           "Không thể nhận dạng biển số: %.*s… (data.plate_text quá dài: %zu byte, "
                           "nhiều nhất %d)",
                           (int)slice_cut(plate, 40), plate.data, plate.len, LIMIT_PLATE);
    }
    command->plate_text = plate;
    /* An edge's correction sends the bare id and, beside it, the same plate as people read it. */
    if (command->gate == GATE_UPDATE && plate_parse(plate, &a) == 0 && plate_parse(view, &b) == 0 &&
        strcmp(a.id, b.id) == 0) {
        command->plate_text = view;
    }
    return 0;
}

static int read_confidence(struct camera_event *reading, const json_t *data)
{
    const json_t *member = json_object_get(data, "confidence");

    if (member == NULL || json_is_null(member)) {
        return 0;
    }
    if (!json_is_number(member) || !isfinite(json_number_value(member))) {
        return refuse(reading, PROBLEM_FIELD_INVALID, "confidence phải là một số");
    }
    reading->command.confidence = json_number_value(member);
    return 0;
}

static int read_sent_id(struct camera_event *reading, const json_t *event, const json_t *data)
{
    struct slice id = name_of(event, "event_id", reading->sent_id);

    if (id.len == 0) {
        id = name_of(data, "event_id", reading->sent_id);
    }
    if (id.len > LIMIT_EVENT_ID) {
        return refuse(reading, PROBLEM_FIELD_INVALID, "event_id quá dài");
    }
    reading->command.sent_id = id;
    return 0;
}

/* The device's clock at the event: `timestamp`, else the text that names this event's time. */
static void read_time(struct command *command, const json_t *event, const json_t *data)
{
    int64_t stamp_ms = json_seconds(json_object_get(event, "timestamp"));

    command->location_ms = time_of(data, "location_time");
    if (stamp_ms != 0) {
        command->device_ms = stamp_ms;
    } else if (command->gate == GATE_EXIT) {
        command->device_ms = time_of(data, "exit_time");
    } else if (command->gate == GATE_LOCATION) {
        command->device_ms = command->location_ms;
    } else {
        command->device_ms = time_of(data, "entry_time");
    }
}

static void read_camera(struct camera_event *reading, const json_t *event, const json_t *data)
{
    struct command *command = &reading->command;

    command->camera_id = name_of(event, "camera_id", reading->camera_id);
    command->camera_name = text_of(event, "camera_name");
    command->camera_type = text_of(event, "camera_type");
    command->source = text_of(data, "source");
    command->edge_id = name_of(data, "edge_id", reading->edge_id);
    /* A camera inside a lot sees where cars stand, not that they enter. */
    if (slice_equal(command->camera_type, slice_text("PARKING_LOT")) &&
        (command->gate == GATE_ENTRY || command->gate == GATE_DETECTION)) {
        command->gate = GATE_LOCATION;
    }
    if (command->gate == GATE_LOCATION) {
        command->location = text_of(data, "location");
        if (command->location.len == 0) {
            command->location = command->camera_name;
        }
    }
}

int camera_event_read(struct camera_event *reading, const json_t *event)
{
    const json_t *data = json_object_get(event, "data");

    command_init(&reading->command, COMMAND_GATE);
    if (read_type(reading, event) != 0) {
        return -1;
    }
    if (data != NULL && !json_is_null(data) && !json_is_object(data)) {
        return refuse(reading, PROBLEM_FIELD_INVALID, "data phải là một object");
    }
    read_camera(reading, event, data);
    read_time(&reading->command, event, data);
    if (read_plate(reading, data) != 0 || read_confidence(reading, data) != 0) {
        return -1;
    }
    return read_sent_id(reading, event, data);
}

/* ---- answer ---------------------------------------------------------------------------------- */

static const char *action_name(enum gate_type gate)
{
    switch (gate) {
    case GATE_EXIT:
        return "EXIT";
    case GATE_LOCATION:
        return "LOCATION_UPDATE";
    case GATE_UPDATE:
        return "UPDATE";
    case GATE_DELETE:
        return "DELETE";
    case GATE_ENTRY:
    case GATE_DETECTION: /* counts as an entry, as in the existing system */
        break;
    }
    return "ENTRY";
}

static void put_text(struct json_writer *writer, const char *key, const char *text)
{
    if (text[0] == '\0') {
        return;
    }
    json_put_key(writer, key);
    json_put_string(writer, text);
}

static void put_time(struct json_writer *writer, const char *key, int64_t ms)
{
    char text[LOCALTIME_TEXT];

    if (ms == EVENT_NONE) {
        return;
    }
    localtime_text(ms, text);
    put_text(writer, key, text);
}

static void put_visit(struct json_writer *writer, const struct answer *answer)
{
    put_text(writer, "plate_id", answer->plate_id);
    put_text(writer, "plate_view", answer->plate_view);
    if (answer->history_id != 0) {
        json_set_int(writer, "history_id", answer->history_id);
    }
    put_time(writer, "entry_time", answer->entry_ms);
    if (answer->gate != GATE_EXIT) {
        return;
    }
    put_time(writer, "exit_time", answer->exit_ms);
    if (answer->entry_ms != EVENT_NONE && answer->exit_ms != EVENT_NONE) {
        char text[64];
        tariff_duration_text(tariff_seconds(answer->entry_ms, answer->exit_ms), text, sizeof text);
        put_text(writer, "duration", text);
    }
    if (answer->fee != EVENT_NONE) {
        json_set_int(writer, "fee", answer->fee);
    }
}

void camera_event_put(struct json_writer *writer, const struct answer *answer)
{
    bool success = answer->code == PROBLEM_OK;

    json_set_bool(writer, "success", success);
    if (answer->deduped) {
        json_set_bool(writer, "deduped", true);
    }
    put_text(writer, "action", action_name(answer->gate));
    put_text(writer, success ? "message" : "error", answer->text);
    put_text(writer, "code", problem_name(answer->code));
    if (answer->code == PROBLEM_ALREADY_INSIDE) {
        json_set_bool(writer, "already_inside", true);
    }
    put_visit(writer, answer);
    decision_put(writer, answer);
}
