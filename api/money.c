#include "api/handlers.h"

#include "api/decision.h"
#include "api/respond.h"
#include "api/revision.h"
#include "proto/clock.h"
#include "proto/tariff.h"

#include <math.h>

/* ---- counters -------------------------------------------------------------------------------- */

static void put_counter(struct json_writer *writer, const char *key, int64_t value)
{
    json_set_int(writer, key, value);
}

void money_put_stats(struct json_writer *writer, const struct history_stats *stats)
{
    put_counter(writer, "vehicles_in_parking", stats->inside);
    put_counter(writer, "entries_today", stats->entries_today);
    put_counter(writer, "exits_today", stats->exits_today);
    put_counter(writer, "revenue_today", stats->revenue_today);
}

void money_stats(struct request *request)
{
    struct problem problem;
    struct history_stats stats;
    struct json_writer writer;
    struct history *history = readers_take(request->gateway->readers, false, &problem);
    int rc;

    if (history == NULL) {
        respond_problem(request, &problem);
        return;
    }
    rc = history_stats(history, clock_wall_ms(), &stats, &problem);
    readers_give(request->gateway->readers, false, &history);
    if (rc != 0) {
        respond_problem(request, &problem);
        return;
    }
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    money_put_stats(&writer, &stats);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

/* ---- tariff ---------------------------------------------------------------------------------- */

int money_read_tariff(struct request *request, struct tariff *tariff, bool *from_log)
{
    struct problem problem;
    struct history *history = readers_take(request->gateway->readers, false, &problem);
    int rc = -1;

    if (history != NULL) {
        rc = history_tariff(history, clock_wall_ms(), tariff, from_log, &problem);
        readers_give(request->gateway->readers, false, &history);
    }
    if (rc != 0) {
        respond_problem(request, &problem);
    }
    return rc != 0 ? -1 : 0;
}

static void put_tariff(struct json_writer *writer, const struct tariff *tariff)
{
    json_put_key(writer, "fees");
    json_put_open(writer, '{');
    json_set_number(writer, "fee_base", (double)tariff->free_s / 3600);
    json_set_int(writer, "fee_per_hour", tariff->per_hour);
    json_put_close(writer, '}');
}

void money_fees_get(struct request *request)
{
    struct tariff tariff;
    struct json_writer writer;
    bool from_log = false;

    if (money_read_tariff(request, &tariff, &from_log) != 0) {
        return;
    }
    tariff_tag(&tariff, request->etag, sizeof request->etag);
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    put_tariff(&writer, &tariff);
    json_put_key(&writer, "source");
    json_put_string(&writer, from_log ? "log" : "default");
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

const char *money_merge_tariff(const json_t *fees, struct tariff *tariff)
{
    const json_t *base = json_object_get(fees, "fee_base");
    const json_t *per_hour = json_object_get(fees, "fee_per_hour");
    double value;

    if (base == NULL && per_hour == NULL) {
        return "fees cần fee_base hoặc fee_per_hour";
    }
    if (base != NULL) {
        tariff->free_s =
            json_is_number(base) ? tariff_hours_to_seconds(json_number_value(base)) : -1;
        if (tariff->free_s < 0) {
            return "fee_base phải là số giờ từ 0 đến 8760";
        }
    }
    if (per_hour != NULL) {
        value = json_is_number(per_hour) ? json_number_value(per_hour) : -1;
        if (!(value >= 0 && value <= 1e9) || value > floor(value)) {
            return "fee_per_hour phải là số nguyên từ 0 đến 1000000000";
        }
        tariff->per_hour = (int64_t)value;
    }
    return NULL;
}

/* The whole tariff to set, from the body and what is in force. 0, or -1 after an answer. */
static int read_change(struct request *request, const json_t *body, struct tariff *tariff)
{
    const json_t *fees = json_object_get(body, "fees");
    const char *error = NULL;
    bool from_log;

    if (!json_is_object(fees)) {
        error = "fees phải là một object";
    } else if (money_read_tariff(request, tariff, &from_log) != 0) {
        return -1;
    } else {
        error = money_merge_tariff(fees, tariff);
    }
    if (error == NULL) {
        return 0;
    }
    respond_error(request, PROBLEM_FIELD_INVALID, error);
    return -1;
}

static void answer_change(struct request *request, const struct answer *answer)
{
    struct json_writer writer;

    tariff_tag(&answer->tariff, request->etag, sizeof request->etag);
    if (answer->code != PROBLEM_OK) {
        decision_refuse(request, answer);
        return;
    }
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_put_key(&writer, "message");
    json_put_string(&writer, "Đã cập nhật cấu hình phí gửi xe");
    put_tariff(&writer, &answer->tariff);
    decision_put(&writer, answer);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

void money_fees_put(struct request *request)
{
    struct command command;
    struct answer answer;
    json_t *body = request_object(request);

    if (body == NULL) {
        return;
    }
    command_init(&command, COMMAND_TARIFF);
    command.author = caller_author(request, body);
    command.reason = json_member_text(body, "reason");
    if (revision_read(request, &command.if_match) == 0 &&
        read_change(request, body, &command.tariff) == 0 &&
        decision_ask(request, &command, &answer) == 0) {
        answer_change(request, &answer);
    }
    json_decref(body);
}
