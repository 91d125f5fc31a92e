#include "api/handlers.h"

#include "api/cameras.h"
#include "api/respond.h"

/* The id as a number or as decimal text; 0 when it is neither. */
static int64_t read_id(const json_t *value)
{
    int64_t id = 0;

    if (json_is_string(value)) {
        return camera_table_id((struct slice){json_string_value(value), json_string_length(value)});
    }
    if (json_is_integer(value)) {
        id = json_integer_value(value);
    }
    return id > 0 && id <= LIMIT_CAMERA_ID ? id : 0;
}

/* A counter is only shown: what is none counts as 0, as an absent one does. */
static int64_t read_counter(const json_t *body, const char *key)
{
    const json_t *value = json_object_get(body, key);
    int64_t count = json_is_integer(value) ? json_integer_value(value) : 0;

    return count > 0 && count <= LIMIT_INTEGER ? count : 0;
}

/* NULL, or what is wrong. */
static const char *read_report(const json_t *body, struct camera_report *report)
{
    report->id = read_id(json_object_get(body, "camera_id"));
    report->name = json_member_text(body, "camera_name");
    report->type = json_member_text(body, "camera_type");
    report->sent = read_counter(body, "events_sent");
    report->failed = read_counter(body, "events_failed");
    report->clock_ms = json_seconds(json_object_get(body, "timestamp"));
    if (report->id == 0) {
        return "camera_id phải là số nguyên dương";
    }
    if (report->name.len == 0 || report->name.len > LIMIT_CAMERA_NAME) {
        return "camera_name phải là chuỗi không rỗng, tối đa 128 byte";
    }
    if (report->type.len == 0 || report->type.len >= CAMERA_TYPE) {
        return "camera_type phải là ENTRY, EXIT hoặc PARKING_LOT";
    }
    return NULL;
}

void heartbeat_post(struct request *request)
{
    struct camera_report report = {.address = request->caller.address};
    struct json_writer writer;
    const char *error;
    json_t *body = request_object(request);

    if (body == NULL) {
        return;
    }
    error = read_report(body, &report);
    if (error != NULL) {
        respond_error(request, PROBLEM_FIELD_INVALID, error);
    } else if (!cameras_hear(request->gateway->cameras, &report)) {
        respond_error(request, PROBLEM_BUSY, "Quá nhiều camera");
    } else {
        writer = respond_json(request);
        json_put_open(&writer, '{');
        json_set_bool(&writer, "success", true);
        json_put_close(&writer, '}');
        respond_send(request, 200);
    }
    json_decref(body);
}
