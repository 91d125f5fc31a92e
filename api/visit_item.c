#include "api/visit_item.h"

#include "api/decision.h"
#include "proto/event.h"
#include "proto/localtime.h"
#include "proto/plate.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FEE_MOST INT64_C(1000000000000000) /* VND; nobody ever took as much */

/* The visit under way, and the texts that are not in `json`. */
struct item {
    const json_t *json;
    struct event event;
    struct problem *problem;
    char visit[LIMIT_EVENT_ID + 1], plate[LIMIT_PLATE + 1];
    char edge_id[32], camera_id[32], exit_camera_id[32];
};

static int refuse(struct item *item, const char *name, const char *why)
{
    return problem_set(item->problem, PROBLEM_FIELD_INVALID, NULL, "%s %s", name, why);
}

static const json_t *member(const struct item *item, const char *name)
{
    const json_t *value = json_object_get(item->json, name);

    return json_is_null(value) ? NULL : value;
}

/* A text of at most `max` bytes, or an integer as its digits in `spare` (32 bytes; NULL: none may
 * be). Absent and null stay absent. 0 or -1. */
static int read_text(struct item *item, const char *name, size_t max, char *spare,
                     struct slice *out)
{
    const json_t *value = member(item, name);

    *out = (struct slice){NULL, 0};
    if (value == NULL) {
        return 0;
    }
    if (spare != NULL && json_is_integer(value)) {
        (void)snprintf(spare, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        *out = slice_text(spare);
        return 0;
    }
    if (!json_is_string(value) || json_string_length(value) > max) {
        return problem_set(item->problem, PROBLEM_FIELD_INVALID, NULL,
                           "%s must be a text of at most %zu bytes", name, max);
    }
    *out = json_member_text(item->json, name);
    return 0;
}

static int read_texts(struct item *item)
{
    struct event *event = &item->event;
    const struct {
        const char *name;
        struct slice *out;
        char *spare;
    } TEXTS[] = {{"entry_central", &event->source_central, NULL},
                 {"edge_id", &event->edge_id, item->edge_id},
                 {"entry_camera_id", &event->camera_id, item->camera_id},
                 {"entry_camera_name", &event->camera_name, NULL},
                 {"entry_source", &event->source, NULL},
                 {"exit_central", &event->exit_central, NULL},
                 {"exit_camera_id", &event->exit_camera_id, item->exit_camera_id},
                 {"exit_camera_name", &event->exit_camera_name, NULL},
                 {"exit_source", &event->exit_source, NULL},
                 {"lot", &event->location, NULL}};

    for (size_t i = 0; i < sizeof TEXTS / sizeof *TEXTS; i++) {
        if (read_text(item, TEXTS[i].name, LIMIT_TEXT, TEXTS[i].spare, TEXTS[i].out) != 0) {
            return -1;
        }
    }
    return 0;
}

static int read_time(struct item *item, const char *name, int64_t *out)
{
    const json_t *value = member(item, name);

    *out = EVENT_NONE;
    if (value == NULL) {
        return 0;
    }
    return json_is_string(value) && localtime_parse(json_member_text(item->json, name), out) == 0
               ? 0
               : refuse(item, name, "must be a time like 2026-11-22T08:15:03+07:00");
}

static int read_number(struct item *item, const char *name, double *out)
{
    const json_t *value = member(item, name);

    /* a zero has no sign, as it has none when it is told */
    *out = json_is_number(value) ? json_number_value(value) + 0.0 : (double)NAN;
    return value == NULL || json_is_number(value) ? 0 : refuse(item, name, "must be a number");
}

static int read_flag(struct item *item, const char *name, bool *out)
{
    const json_t *value = member(item, name);

    *out = json_is_true(value);
    return value == NULL || json_is_boolean(value) ? 0
                                                   : refuse(item, name, "must be true or false");
}

/* The id as it is where it is one (exports have short ones, too), else what a plate gives. */
static int read_plate(struct item *item)
{
    struct slice id, view;

    if (read_text(item, "plate_id", LIMIT_PLATE, NULL, &id) != 0 ||
        read_text(item, "plate_view", LIMIT_PLATE, NULL, &view) != 0) {
        return -1;
    }
    if (view.len == 0) {
        view = id;
    }
    if (plate_reduce(id.len > 0 ? id : view, item->plate, sizeof item->plate) == 0) {
        return problem_set(item->problem, PROBLEM_PLATE_UNUSABLE, NULL,
                           "plate_id or plate_view must have letters or digits");
    }
    item->event.plate_id = slice_text(item->plate);
    item->event.plate_view = view;
    return 0;
}

/* IN or OUT, and times that fit it. */
static int read_stay(struct item *item)
{
    struct event *event = &item->event;
    struct slice status;
    bool is_suspect;

    if (read_time(item, "entry_time", &event->t_eff) != 0 ||
        read_time(item, "exit_time", &event->exit_ms) != 0 ||
        read_time(item, "lot_time", &event->location_ms) != 0 ||
        read_text(item, "status", LIMIT_TEXT, NULL, &status) != 0 ||
        read_flag(item, "suspect", &is_suspect) != 0) {
        return -1;
    }
    bool is_out = event->exit_ms != EVENT_NONE;
    if (event->t_eff == EVENT_NONE) {
        return refuse(item, "entry_time", "is missing");
    }
    if (status.data != NULL && !slice_equal(status, slice_text(is_out ? "OUT" : "IN"))) {
        return refuse(item, "status",
                      is_out ? "must be OUT, as there is an exit_time"
                             : "must be IN, as there is no exit_time");
    }
    event->status = slice_text(is_out ? "OUT" : "IN");
    event->clock = is_suspect ? EVENT_CLOCK_SUSPECT : 0;
    if (event->location.len > 0 && event->location_ms == EVENT_NONE) {
        event->location_ms = event->t_eff;
    }
    return 0;
}

static int read_exit(struct item *item)
{
    struct event *event = &item->event;
    const json_t *fee = member(item, "fee"), *central = json_object_get(item->json, "exit_central");

    if (fee != NULL && (!json_is_integer(fee) || json_integer_value(fee) < 0 ||
                        json_integer_value(fee) > FEE_MOST)) {
        return refuse(item, "fee", "must be an amount in VND");
    }
    if (event->exit_ms == EVENT_NONE) {
        return 0;
    }
    event->fee = fee != NULL ? json_integer_value(fee) : EVENT_NONE;
    if (json_is_null(central)) {
        event->exit_central = slice_text(""); /* said to be unknown: an absent one is the entry's */
    }
    return 0;
}

/* The visit's name; without one a name that plate and time decide, so that another import of the
 * same visit names it so, too. */
static int read_name(struct item *item)
{
    struct event *event = &item->event;
    struct digest digest;
    char text[LIMIT_PLATE + 40], hex[33];

    if (read_text(item, "event_id", LIMIT_EVENT_ID, item->visit, &event->visit) != 0) {
        return -1;
    }
    if (event->visit.len > 0) {
        return 0;
    }
    (void)snprintf(text, sizeof text, "%s %" PRId64, item->plate, event->t_eff);
    digest = body_hash(slice_text(text));
    digest_hex(&digest, hex);
    (void)snprintf(item->visit, sizeof item->visit, "import-%.16s", hex);
    event->visit = slice_text(item->visit);
    return 0;
}

static int read_all(struct item *item)
{
    struct event *event = &item->event;

    event_init(event, EVENT_IMPORT);
    if (!json_is_object(item->json)) {
        return problem_set(item->problem, PROBLEM_FIELD_INVALID, NULL, "a visit is an object");
    }
    if (read_texts(item) != 0 || read_plate(item) != 0 || read_stay(item) != 0 ||
        read_number(item, "entry_confidence", &event->confidence) != 0 ||
        read_number(item, "exit_confidence", &event->exit_confidence) != 0 ||
        read_flag(item, "is_anomaly", &event->is_anomaly) != 0) {
        return -1;
    }
    return read_exit(item) != 0 ? -1 : read_name(item);
}

int visit_item_pack(const json_t *json, struct buffer *question, struct problem *problem)
{
    struct item item = {.json = json, .problem = problem};
    struct buffer header, body;
    struct command command;
    int rc = read_all(&item);

    if (rc != 0) {
        return -1;
    }
    buffer_init(&header, LIMIT_HEADER_BYTES);
    buffer_init(&body, LIMIT_BODY_BYTES);
    command_init(&command, COMMAND_IMPORT);
    if (event_pack(&item.event, &header, &body) != 0) {
        rc = problem_set(problem, PROBLEM_FIELD_INVALID, NULL, "a text or number is out of range");
    } else {
        command.header = buffer_slice(&header);
        command.body = buffer_slice(&body);
        rc = command_pack(&command, question);
        if (rc != 0) {
            (void)problem_set(problem, PROBLEM_INTERNAL, NULL, "the visit does not fit a command");
        }
    }
    buffer_free(&header);
    buffer_free(&body);
    return rc;
}

void visit_item_put(struct json_writer *writer, const struct answer *answer)
{
    bool success = answer->code == PROBLEM_OK;

    json_set_bool(writer, "success", success);
    if (answer->deduped) {
        json_set_bool(writer, "deduped", true);
    }
    json_set_text(writer, success ? "message" : "error", answer->text);
    json_set_text(writer, "code", problem_name(answer->code));
    decision_put(writer, answer);
}
