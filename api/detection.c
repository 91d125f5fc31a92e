/*
 * POST /api/edge/detection: what would happen at a barrier now. Reads only.
 */
#include "api/handlers.h"

#include "api/respond.h"
#include "proto/clock.h"
#include "proto/plate.h"
#include "proto/tariff.h"
#include "storage/settings.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define CENTRAL 64 /* bytes of a central's name, with the NUL */

/* What is asked, and what is known about it. */
struct look {
    struct plate plate;
    struct slice direction, camera_type;
    double confidence;
    int64_t now_ms;
    bool is_inside;
    int64_t entry_ms;
    char from[CENTRAL];
    struct tariff tariff;
    bool is_subscriber;
    struct settings_subscription subscription;
};

/* ---- the question ---------------------------------------------------------------------------- */

static const struct {
    const char *name;
    bool is_number;
} MEMBERS[] = {{"edge_id", false},     {"plate_id", false},  {"plate_view", false},
               {"camera_type", false}, {"direction", false}, {"confidence", true}};

/* 0, or -1 after a 422 or 400. */
static int check(struct request *request, const json_t *body, struct look *look)
{
    for (size_t i = 0; i < sizeof MEMBERS / sizeof MEMBERS[0]; i++) {
        const json_t *member = json_object_get(body, MEMBERS[i].name);
        if (member == NULL) {
            respond_parameter(request, "body", MEMBERS[i].name, "Field required", "missing");
            return -1;
        }
        if (MEMBERS[i].is_number ? !json_is_number(member) || !isfinite(json_number_value(member))
                                 : !json_is_string(member)) {
            respond_parameter(request, "body", MEMBERS[i].name,
                              MEMBERS[i].is_number ? "Input should be a valid number"
                                                   : "Input should be a valid string",
                              MEMBERS[i].is_number ? "float_type" : "string_type");
            return -1;
        }
    }
    if (plate_parse(json_member_text(body, "plate_id"), &look->plate) != 0) {
        respond_error(request, PROBLEM_PLATE_UNUSABLE, "Biển số cần ít nhất 6 chữ cái hoặc chữ số");
        return -1;
    }
    look->direction = json_member_text(body, "direction");
    look->camera_type = json_member_text(body, "camera_type");
    look->confidence = json_number_value(json_object_get(body, "confidence"));
    return 0;
}

/* ---- what is known --------------------------------------------------------------------------- */

static int each(void *context, const struct visit *visit)
{
    struct look *look = context;

    if (!slice_equal(visit->plate_id, slice_text(look->plate.id))) {
        return 0;
    }
    look->is_inside = true;
    look->entry_ms = visit->entry_ms;
    (void)slice_copy(visit->source_central, look->from, sizeof look->from); /* for people */
    return 1;
}

/* 0 or -1. */
static int find(struct history *history, struct look *look, struct problem *problem)
{
    const struct history_query query = {
        .limit = -1, .now_ms = look->now_ms, .status = "IN", .search = slice_text(look->plate.id)};
    bool from_log;

    if (history_each(history, &query, each, look, problem) < 0 ||
        history_tariff(history, look->now_ms, &look->tariff, &from_log, problem) < 0) {
        return -1;
    }
    int found = settings_subscription(history, slice_text(look->plate.id), look->now_ms,
                                      &look->subscription, problem);
    look->is_subscriber = found > 0;
    return found < 0 ? -1 : 0;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static void put_exit(struct json_writer *writer, const struct look *look)
{
    int64_t seconds = tariff_seconds(look->entry_ms, look->now_ms);
    char text[64];

    json_set_bool(writer, "has_entry", look->is_inside);
    if (!look->is_inside) {
        json_set_text(writer, "error", "Không có lượt VÀO nào đang mở");
        return;
    }
    json_set_local(writer, "entry_time", look->entry_ms);
    tariff_duration_text(seconds, text, sizeof text);
    json_set_text(writer, "duration", text);
    json_set_int(writer, "fee", look->is_subscriber ? 0 : tariff_fee(&look->tariff, seconds));
}

static void put_vehicle(struct json_writer *writer, const struct look *look)
{
    json_put_open(writer, '{');
    json_set_text(writer, "plate_id", look->plate.id);
    json_set_text(writer, "plate_view", look->plate.view);
    json_set_slice(writer, "direction", look->direction);
    json_set_slice(writer, "camera_type", look->camera_type);
    json_set_number(writer, "confidence", look->confidence);
    json_set_bool(writer, "is_subscriber", look->is_subscriber);
    json_set_text(writer, "customer_type",
                  look->is_subscriber ? look->subscription.type : "regular");
    if (slice_equal(look->direction, slice_text("ENTRY"))) {
        json_set_bool(writer, "already_inside", look->is_inside);
        if (look->is_inside) {
            json_set_local(writer, "entry_time", look->entry_ms);
            json_set_text(writer, "entry_from", look->from);
        }
    } else if (slice_equal(look->direction, slice_text("EXIT"))) {
        put_exit(writer, look);
    }
    json_put_close(writer, '}');
}

static void answer(struct request *request, struct look *look)
{
    struct problem problem;
    struct json_writer writer;
    struct history *history = readers_take(request->gateway->readers, false, &problem);
    int rc = -1;

    if (history != NULL) {
        rc = find(history, look, &problem);
        readers_give(request->gateway->readers, false, &history);
    }
    if (rc != 0) {
        respond_problem(request, &problem);
        return;
    }
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_set_bool(&writer, "allowed", true);
    json_put_key(&writer, "vehicle_info");
    put_vehicle(&writer, look);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

void detection_look(struct request *request)
{
    struct look look = {.now_ms = clock_wall_ms()};
    json_t *body = request_object(request);

    if (body == NULL) {
        return;
    }
    if (check(request, body, &look) == 0) {
        answer(request, &look);
    }
    json_decref(body);
}
