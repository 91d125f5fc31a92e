#include "api/batch_item.h"

#include "proto/event.h"
#include "proto/localtime.h"

#include <stdio.h>
#include <string.h>

struct batch_item {
    struct camera_event
        reading;       /* its command borrows from the rest; its problem says what failed */
    json_t *converted; /* owned; NULL for an item as cameras say it */
    char *key;         /* LIMIT_RETRY_KEY + 1 bytes */
};

static int refuse(struct batch_item *item, enum problem_code code, const char *text)
{
    return problem_set(&item->reading.problem, code, NULL, "%s", text);
}

static int read_key(struct batch_item *item, const json_t *json)
{
    const json_t *key = json_object_get(json, "key");

    if (key == NULL) {
        return 0;
    }
    if (!json_is_string(key) || json_string_length(key) == 0 ||
        json_string_length(key) > LIMIT_RETRY_KEY) {
        return refuse(item, PROBLEM_FIELD_INVALID, "key must be a text of 1 to 128 bytes");
    }
    (void)snprintf(item->key, LIMIT_RETRY_KEY + 1, "%s", json_string_value(key));
    return 0;
}

/* The name that cameras have for it. */
static const char *type_of(const json_t *json)
{
    static const struct {
        const char *kind, *type;
    } kinds[] = {{"VEHICLE_ENTRY_PENDING", "ENTRY"},
                 {"VEHICLE_EXIT", "EXIT"},
                 {"LOCATION_UPDATE", "LOCATION_UPDATE"}};
    struct slice kind = json_member_text(json, "kind");

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (slice_equal(kind, slice_text(kinds[i].kind))) {
            return kinds[i].type;
        }
    }
    return NULL;
}

/* Copies a member under another name; absent and null stay absent. 0 or -1 (out of memory). */
static int copy(json_t *to, const char *name, const json_t *from, const char *member)
{
    json_t *value = json_object_get(from, member);

    if (value == NULL || json_is_null(value) || json_object_get(to, name) != NULL) {
        return 0;
    }
    return json_object_set(to, name, value);
}

/* What cameras keep in `data`, and beside it. 0 or -1. */
static int convert_members(json_t *to, const json_t *json)
{
    static const char *const beside[] = {"event_id", "camera_id", "camera_name", "camera_type"};
    static const char *const inside[] = {"confidence", "source", "edge_id", "location"};
    static const char *const plates[] = {"plate", "plate_view", "plate_id"};
    json_t *data = json_object_get(to, "data");
    int rc = 0;

    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
        rc |= copy(to, beside[i], json, beside[i]);
    }
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++) {
        rc |= copy(data, inside[i], json, inside[i]);
    }
    for (size_t i = 0; i < sizeof plates / sizeof plates[0]; i++) {
        rc |= copy(data, "plate_text", json, plates[i]);
    }
    return rc;
}

static int convert_time(struct batch_item *item, const json_t *json)
{
    const json_t *time = json_object_get(json, "time");
    int64_t ms;

    if (time == NULL || json_is_null(time)) {
        return 0;
    }
    if (!json_is_string(time) || localtime_parse(json_member_text(json, "time"), &ms) != 0) {
        return refuse(item, PROBLEM_FIELD_INVALID, "time must be RFC 3339 with an offset");
    }
    return json_object_set_new(item->converted, "timestamp", json_real((double)ms / 1000)) == 0
               ? 0
               : refuse(item, PROBLEM_INTERNAL, "out of memory");
}

static int convert(struct batch_item *item, const json_t *json)
{
    const char *type = type_of(json);

    if (type == NULL) {
        return refuse(item, PROBLEM_TYPE_UNKNOWN,
                      "kind must be VEHICLE_ENTRY_PENDING, VEHICLE_EXIT or LOCATION_UPDATE");
    }
    item->converted = json_pack("{s:s, s:{}}", "type", type, "data");
    if (item->converted == NULL || convert_members(item->converted, json) != 0) {
        return refuse(item, PROBLEM_INTERNAL, "out of memory");
    }
    return convert_time(item, json);
}

static int read_item(struct batch_item *item, const json_t *json)
{
    command_init(&item->reading.command, COMMAND_GATE);
    if (!json_is_object(json)) {
        return refuse(item, PROBLEM_FIELD_INVALID, "an event is an object");
    }
    if (read_key(item, json) != 0) {
        return -1;
    }
    if (json_object_get(json, "kind") != NULL && convert(item, json) != 0) {
        return -1;
    }
    if (camera_event_read(&item->reading, item->converted != NULL ? item->converted : json) != 0) {
        return -1;
    }
    if (item->key[0] != '\0') {
        item->reading.command.retry_key = slice_text(item->key);
    }
    return 0;
}

int batch_item_pack(const json_t *json, char key[LIMIT_RETRY_KEY + 1], struct buffer *question,
                    struct problem *problem)
{
    struct batch_item item = {.key = key};
    int rc = read_item(&item, json);

    if (rc != 0) {
        *problem = item.reading.problem;
    } else if (command_pack(&item.reading.command, question) != 0) {
        rc = problem_set(problem, PROBLEM_FIELD_INVALID, NULL, "a text is too long");
    }
    json_decref(item.converted);
    return rc;
}
