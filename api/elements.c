#include "api/elements.h"

#include "api/json.h"
#include "proto/localtime.h"
#include "proto/plate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number that a browser can hold exactly. */
#define ID_MOST INT64_C(9007199254740991)
#define NOON "12:00:00"

/* What is wrong, in words, as a check finds it. */
struct finding {
    const char *list; /* "staff" */
    size_t index;
    char *error;
    size_t size;
};

static const char *const STAFF_TEXTS[] = {"position", "phone", "shift", NULL};
static const char *const SUBSCRIPTION_TEXTS[] = {"owner_name", "type", "phone", "note", NULL};
static const char *const SUBSCRIPTION_DAYS[] = {"start_date", "end_date", NULL};
static const char *const NO_DAYS[] = {NULL};

static const char *const *texts_of(enum event_kind kind)
{
    return kind == EVENT_STAFF_UPDATE ? STAFF_TEXTS : SUBSCRIPTION_TEXTS;
}

static const char *const *days_of(enum event_kind kind)
{
    return kind == EVENT_STAFF_UPDATE ? NO_DAYS : SUBSCRIPTION_DAYS;
}

static int wrong(const struct finding *finding, const char *field, const char *reason)
{
    (void)snprintf(finding->error, finding->size, "%s[%zu]%s%s: %s", finding->list, finding->index,
                   field != NULL ? "." : "", field != NULL ? field : "", reason);
    return -1;
}

/* ---- single values --------------------------------------------------------------------------- */

bool elements_id(const json_t *element, char out[LIMIT_ELEMENT_ID + 1])
{
    const json_t *id = json_object_get(element, "id");

    if (json_is_integer(id)) {
        json_int_t number = json_integer_value(id);
        (void)snprintf(out, LIMIT_ELEMENT_ID + 1, "%" PRId64, (int64_t)number);
        return number >= 0 && number <= ID_MOST;
    }
    struct slice text = json_member_text(element, "id");
    return text.len > 0 && memchr(text.data, '\0', text.len) == NULL &&
           slice_copy(text, out, LIMIT_ELEMENT_ID + 1);
}

static bool is_absent(const json_t *value)
{
    return value == NULL || json_is_null(value) ||
           (json_is_string(value) && json_string_length(value) == 0);
}

static bool is_text(const json_t *value)
{
    return json_is_string(value) && json_string_length(value) <= LIMIT_TEXT;
}

static bool is_status(const json_t *value)
{
    const char *text = json_string_value(value);
    return text != NULL && (strcmp(text, "active") == 0 || strcmp(text, "inactive") == 0);
}

/* The local time of a clock on a day "YYYY-MM-DD"; false when there is no such day. */
static bool day_at(const json_t *value, const char *clock, int64_t *ms)
{
    char text[LOCALTIME_TEXT + 16], back[LOCALTIME_TEXT];
    const char *day = json_string_value(value);

    if (day == NULL || strlen(day) != strlen("YYYY-MM-DD")) {
        return false;
    }
    /* In UTC every time exists, so what comes back otherwise is no day. */
    (void)snprintf(text, sizeof text, "%sT" NOON "Z", day);
    if (localtime_parse(slice_text(text), ms) != 0) {
        return false;
    }
    utctime_text(*ms, back);
    if (strncmp(back, day, strlen(day)) != 0) {
        return false;
    }
    (void)snprintf(text, sizeof text, "%s %s", day, clock);
    return localtime_parse(slice_text(text), ms) == 0;
}

static bool has_plate(const json_t *element, struct plate *plate)
{
    struct slice text = json_member_text(element, "plate_number");
    return text.data != NULL && plate_parse(text, plate) == 0;
}

/* ---- checks ---------------------------------------------------------------------------------- */

static int check_days(const struct finding *finding, const json_t *element)
{
    int64_t start = 0, end = INT64_MAX;

    for (size_t i = 0; SUBSCRIPTION_DAYS[i] != NULL; i++) {
        const json_t *value = json_object_get(element, SUBSCRIPTION_DAYS[i]);
        if (!is_absent(value) && !day_at(value, NOON, i == 0 ? &start : &end)) {
            return wrong(finding, SUBSCRIPTION_DAYS[i], "phải là ngày dạng YYYY-MM-DD");
        }
    }
    if (end < start) {
        return wrong(finding, "end_date", "phải không trước start_date");
    }
    return 0;
}

static int check_element(enum event_kind kind, const struct finding *finding, const json_t *element)
{
    char id[LIMIT_ELEMENT_ID + 1];
    struct plate plate;

    if (!json_is_object(element)) {
        return wrong(finding, NULL, "phải là một object");
    }
    if (!elements_id(element, id)) {
        return wrong(finding, "id", "phải là số nguyên không âm hoặc văn bản từ 1 đến 64 byte");
    }
    if (kind == EVENT_STAFF_UPDATE && (is_absent(json_object_get(element, "name")) ||
                                       !is_text(json_object_get(element, "name")))) {
        return wrong(finding, "name", "phải là văn bản từ 1 đến 512 byte");
    }
    if (kind == EVENT_SUBSCRIPTION_UPDATE && !has_plate(element, &plate)) {
        return wrong(finding, "plate_number", "phải là biển số có ít nhất 6 chữ cái hoặc chữ số");
    }
    if (!is_status(json_object_get(element, "status"))) {
        return wrong(finding, "status", "phải là \"active\" hoặc \"inactive\"");
    }
    for (const char *const *name = texts_of(kind); *name != NULL; name++) {
        const json_t *value = json_object_get(element, *name);
        if (!is_absent(value) && !is_text(value)) {
            return wrong(finding, *name, "phải là văn bản không quá 512 byte");
        }
    }
    return kind == EVENT_SUBSCRIPTION_UPDATE ? check_days(finding, element) : 0;
}

/* Length of what the log keeps. */
static bool is_short(const json_t *element)
{
    char *text = elements_text(element);
    bool fits = strlen(text) <= LIMIT_JSON_TEXT;
    free(text);
    return fits;
}

int elements_check(enum event_kind kind, const json_t *list, char *error, size_t size)
{
    struct finding finding = {.list = kind == EVENT_STAFF_UPDATE ? "staff" : "subscriptions",
                              .error = error,
                              .size = size};
    json_t *ids = json_object();
    char id[LIMIT_ELEMENT_ID + 1];
    int rc = 0;

    if (json_array_size(list) > LIMIT_ELEMENTS) {
        (void)snprintf(error, size, "%s: không quá %d phần tử", finding.list, LIMIT_ELEMENTS);
        rc = -1;
    }
    for (; rc == 0 && finding.index < json_array_size(list); finding.index++) {
        const json_t *element = json_array_get(list, finding.index);
        rc = check_element(kind, &finding, element);
        if (rc == 0 && !is_short(element)) {
            rc = wrong(&finding, NULL, "dài quá 8192 byte");
        }
        if (rc != 0) {
            break;
        }
        (void)elements_id(element, id); /* checked */
        if (json_object_get(ids, id) != NULL) {
            rc = wrong(&finding, "id", "bị trùng");
        } else if (json_object_set_new(ids, id, json_true()) != 0) {
            rc = wrong(&finding, "id", "không hợp lệ");
        }
    }
    json_decref(ids);
    return rc;
}

/* ---- mending --------------------------------------------------------------------------------- */

/* Leaves the element without the member; whether it had it does not matter. */
static void drop(json_t *element, const char *name)
{
    (void)json_object_del(element, name);
}

static void give(json_t *element, const char *name, json_t *value)
{
    (void)json_object_set_new(element, name, value); /* fails only without memory, seen by check */
}

bool elements_mend(enum event_kind kind, json_t *element, int64_t spare_id)
{
    char id[LIMIT_ELEMENT_ID + 1], error[200];
    const struct finding finding = {.list = "", .error = error, .size = sizeof error};
    struct plate plate;
    int64_t ms;

    if (!json_is_object(element)) {
        return false;
    }
    if (!elements_id(element, id)) {
        give(element, "id", json_integer(spare_id));
    }
    if (kind == EVENT_STAFF_UPDATE && (is_absent(json_object_get(element, "name")) ||
                                       !is_text(json_object_get(element, "name")))) {
        give(element, "name", json_string("?"));
    }
    if (kind == EVENT_SUBSCRIPTION_UPDATE && !has_plate(element, &plate)) {
        return false;
    }
    if (!is_status(json_object_get(element, "status"))) {
        give(element, "status", json_string("inactive"));
    }
    for (const char *const *name = texts_of(kind); *name != NULL; name++) {
        if (!is_text(json_object_get(element, *name))) {
            drop(element, *name);
        }
    }
    for (const char *const *name = days_of(kind); *name != NULL; name++) {
        if (!day_at(json_object_get(element, *name), NOON, &ms)) {
            drop(element, *name);
        }
    }
    if (kind == EVENT_SUBSCRIPTION_UPDATE && check_days(&finding, element) != 0) {
        give(element, "status", json_string("inactive")); /* nobody can tell which day is meant */
        drop(element, "start_date");
    }
    return is_short(element);
}

/* ---- what the log takes ---------------------------------------------------------------------- */

char *elements_text(const json_t *element)
{
    char *text = json_dumps(element, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    if (text == NULL) { /* only without memory: what was parsed can be written */
        abort();
    }
    return text;
}

void elements_subscription(const json_t *element, struct event *event, char plate[LIMIT_PLATE + 1])
{
    struct plate parsed;
    int64_t noon, start, end;

    if (has_plate(element, &parsed)) {
        (void)slice_copy(slice_text(parsed.id), plate, LIMIT_PLATE + 1); /* it fits */
        event->plate_id = slice_text(plate);
    }
    if (day_at(json_object_get(element, "start_date"), NOON, &noon)) {
        localtime_day(noon, &start, &end);
        event->valid_from_ms = start;
    }
    if (day_at(json_object_get(element, "end_date"), NOON, &noon)) {
        localtime_day(noon, &start, &end);
        event->valid_to_ms = end;
    }
}
