/*
 * GET and POST /api/config, for the settings page of the existing system. A POST has three parts:
 * cameras and tariff, which are followed at once, then the boxes, then addresses of this central,
 * which end the very connection and are therefore asked for last.
 */
#include "api/handlers.h"

#include "api/audit.h"
#include "api/camera_lots.h"
#include "api/camera_setup.h"
#include "api/cameras.h"
#include "api/decision.h"
#include "api/page_change.h"
#include "api/respond.h"
#include "api/supervise.h"

#include <stdlib.h>
#include <string.h>

/* The configuration as the supervisor shows it, without secrets. Owned; NULL after an answer. */
static json_t *read_present(struct request *request)
{
    struct supervisor_request question = {.verb = SUPERVISOR_CONFIG_GET};
    struct supervisor_answer answer;
    struct problem problem;
    struct ask *ask;
    json_t *present = NULL;

    if (supervise_call(request, &question, &ask, &answer) == 0) {
        present = json_read_object(answer.json, &problem);
        if (present == NULL) {
            respond_error(request, PROBLEM_INTERNAL, "Lỗi nội bộ");
        }
    }
    ask_destroy(&ask);
    return present;
}

/* ---- GET ------------------------------------------------------------------------------------- */

static void put_member(struct json_writer *writer, const char *key, const json_t *value)
{
    char *text = value != NULL ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

    json_put_key(writer, key);
    if (text != NULL) {
        json_put_raw(writer, slice_text(text));
    } else {
        json_put_nothing(writer);
    }
    free(text);
}

/* {"api_url": ""}: lists of other systems are never asked. */
static void put_url(struct json_writer *writer, const char *section)
{
    json_put_key(writer, section);
    json_put_open(writer, '{');
    json_put_key(writer, "api_url");
    json_put_string(writer, "");
    json_put_close(writer, '}');
}

static void put_addresses(struct json_writer *writer, const json_t *present)
{
    const json_t *own = json_object_get(present, "this_central");
    char path[600];

    page_change_database(present, path, sizeof path);
    json_put_key(writer, "server");
    json_put_open(writer, '{');
    json_set_text(writer, "host", page_change_host(present));
    put_member(writer, "port", json_object_get(own, "api_port"));
    json_put_close(writer, '}');
    json_put_key(writer, "database");
    json_put_open(writer, '{');
    json_set_text(writer, "db_file", path);
    json_put_close(writer, '}');
    json_put_key(writer, "central_server");
    json_put_open(writer, '{');
    put_member(writer, "ip", json_object_get(own, "ip"));
    json_put_close(writer, '}');
}

static void put_config(struct json_writer *writer, const json_t *present,
                       const struct tariff *tariff)
{
    const json_t *cameras = json_object_get(present, "cameras");

    json_put_open(writer, '{');
    json_set_text(writer, "backend_type", "central");
    put_addresses(writer, present);
    json_put_key(writer, "camera");
    json_put_open(writer, '{');
    put_member(writer, "heartbeat_timeout", json_object_get(cameras, "heartbeat_timeout_s"));
    json_put_close(writer, '}');
    json_put_key(writer, "parking");
    json_put_open(writer, '{');
    json_set_number(writer, "fee_base", (double)tariff->free_s / 3600);
    json_set_int(writer, "fee_per_hour", tariff->per_hour);
    json_put_key(writer, "api_url");
    json_put_string(writer, "");
    json_put_close(writer, '}');
    put_url(writer, "staff");
    put_url(writer, "subscriptions");
    put_url(writer, "report");
    json_put_key(writer, "central_sync");
    json_put_open(writer, '{');
    json_put_key(writer, "servers");
    json_put_open(writer, '[');
    json_put_close(writer, ']');
    json_put_close(writer, '}');
    put_member(writer, "edge_cameras", json_object_get(cameras, "items"));
    json_put_close(writer, '}');
}

void page_config_get(struct request *request)
{
    struct tariff tariff;
    struct json_writer writer;
    bool from_log;
    json_t *present;

    if (money_read_tariff(request, &tariff, &from_log) != 0) {
        return;
    }
    present = read_present(request);
    if (present == NULL) {
        return;
    }
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_put_key(&writer, "config");
    put_config(&writer, present, &tariff);
    json_put_close(&writer, '}');
    respond_send(request, 200);
    json_decref(present);
}

/* ---- POST ------------------------------------------------------------------------------------ */

/* Lays `change` over the configuration. 0, or -1 after an answer. */
static int put_change(struct request *request, const json_t *change)
{
    struct supervisor_request question = {.verb = SUPERVISOR_CONFIG_PUT};
    struct supervisor_answer answer;
    struct ask *ask;
    char *text = json_dumps(change, JSON_COMPACT);
    int rc;

    if (text == NULL) {
        abort(); /* out of memory: it was parsed from valid UTF-8 */
    }
    question.json = slice_text(text);
    rc = supervise_call(request, &question, &ask, &answer);
    if (rc == 0 && problem_http_status(answer.problem.code) != 200) {
        struct problem named = {.code = answer.problem.code};
        page_change_name(answer.problem.text, named.text, sizeof named.text);
        page_change_name(answer.problem.hint, named.hint, sizeof named.hint);
        respond_problem(request, &named);
        rc = -1;
    } else if (rc == 0) {
        audit_supervised(request, &question);
    }
    ask_destroy(&ask);
    free(text);
    return rc;
}

static int put_cameras(struct request *request, const struct page_change *change)
{
    json_t *wrapped;
    int rc;

    if (json_object_size(change->cameras) == 0) {
        return 0;
    }
    wrapped = json_pack("{s:O}", "cameras", change->cameras);
    if (wrapped == NULL) {
        abort(); /* out of memory */
    }
    rc = put_change(request, wrapped);
    json_decref(wrapped);
    return rc;
}

static int put_tariff(struct request *request, const json_t *body, const struct tariff *tariff)
{
    struct command command;
    struct answer answer;

    command_init(&command, COMMAND_TARIFF);
    command.tariff = *tariff;
    command.author = caller_author(request, body);
    if (decision_ask(request, &command, &answer) != 0) {
        return -1;
    }
    if (answer.code != PROBLEM_OK) {
        decision_refuse(request, &answer);
        return -1;
    }
    return 0;
}

/* Where boxes will find this central when everything is followed. */
static void find_home(const struct page_change *change, struct camera_home *home)
{
    const json_t *now = json_object_get(change->present, "this_central");
    const json_t *asked = json_object_get(change->home, "this_central");
    const char *ip = json_string_value(json_object_get(asked, "ip"));
    const json_t *port = json_object_get(asked, "api_port");

    if (ip == NULL || strcmp(ip, "auto") == 0) {
        ip = json_string_value(json_object_get(now, "ip"));
    }
    if (port == NULL) {
        port = json_object_get(now, "api_port");
    }
    (void)slice_copy(slice_text(ip != NULL ? ip : ""), home->ip, sizeof home->ip); /* was checked */
    home->port = json_integer_value(port);
}

/* Everything that is followed at once; `results` gets what the boxes said. 0, or -1 after an
 * answer. */
static int follow(struct request *request, const json_t *body, const struct page_change *change,
                  struct json_writer *results)
{
    struct cameras *cameras = request->gateway->cameras;
    struct camera_settings before = cameras_settings(cameras), after = {0};
    struct camera_home home;
    int rc = put_cameras(request, change);

    if (rc == 0 && change->sets_tariff) {
        rc = put_tariff(request, body, &change->tariff);
    }
    if (rc == 0 && change->names_cameras) {
        after = cameras_settings(cameras);
        rc = camera_lots_follow(request, body, &before, &after);
    }
    if (rc == 0) {
        find_home(change, &home);
        camera_setup_all(&after, &home, &request->gateway->abandon, results);
    }
    free(before.items);
    free(after.items);
    return rc;
}

static void respond_done(struct request *request, const struct page_change *change,
                         struct slice results)
{
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_set_text(&writer, "message",
                  json_object_size(change->home) > 0 ? "Đã lưu cấu hình, các cổng đang được mở lại"
                  : json_array_size(change->not_applied) > 0
                      ? "Đã lưu cấu hình; phần không áp dụng ở đây: xem not_applied"
                      : "Đã lưu cấu hình");
    put_member(&writer, "not_applied", change->not_applied);
    json_put_raw(&writer, results);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

void page_config_post(struct request *request)
{
    struct page_change change = {0};
    struct buffer results = {0};
    struct json_writer writer = json_writer(&results);
    bool from_log;
    json_t *body = request_object(request), *present = NULL;

    if (body == NULL || money_read_tariff(request, &change.tariff, &from_log) != 0) {
        goto done;
    }
    present = read_present(request);
    change.present = present;
    if (present == NULL) {
        goto done;
    }
    if (page_change_read(&change, body) != 0) {
        respond_error(request, PROBLEM_FIELD_INVALID, change.error);
    } else if (follow(request, body, &change, &writer) == 0 &&
               (json_object_size(change.home) == 0 || put_change(request, change.home) == 0)) {
        respond_done(request, &change, buffer_slice(&results));
    }
done:
    page_change_free(&change);
    json_decref(present);
    json_decref(body);
    buffer_free(&results);
}
