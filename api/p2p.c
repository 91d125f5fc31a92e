#include "api/handlers.h"

#include "api/peer_news.h"
#include "api/respond.h"
#include "api/supervise.h"
#include "proto/command.h"
#include "proto/event.h"
#include "proto/localtime.h"
#include "proto/report.h"

/* ---- configuration and start/stop: the supervisor -------------------------------------------- */

static void put_config(struct json_writer *writer, const struct supervisor_answer *answer)
{
    json_put_key(writer, "config");
    if (answer->json.len > 0) {
        json_put_raw(writer, answer->json);
    } else {
        json_put_nothing(writer);
    }
}

/* The fate of the newest change, when it was not followed: some changes are answered before they
 * are tried. */
static void put_last_error(struct json_writer *writer, const struct problem *problem)
{
    if (problem->code == PROBLEM_OK) {
        return;
    }
    json_put_key(writer, "last_error");
    json_put_open(writer, '{');
    json_put_key(writer, "code");
    json_put_string(writer, problem_name(problem->code));
    json_put_key(writer, "error");
    json_put_string(writer, problem->text);
    json_put_key(writer, "hint");
    json_put_string(writer, problem->hint[0] != '\0' ? problem->hint : NULL);
    json_put_close(writer, '}');
}

void p2p_config_get(struct request *request)
{
    struct supervisor_request question = {.verb = SUPERVISOR_CONFIG_GET};
    struct supervisor_answer answer;
    struct json_writer writer;
    struct ask *ask;

    if (supervise_call(request, &question, &ask, &answer) != 0) {
        ask_destroy(&ask);
        return;
    }
    if (answer.json.len == 0) {
        respond_problem(request, &answer.problem);
    } else {
        writer = respond_json(request);
        json_put_open(&writer, '{');
        json_put_key(&writer, "success");
        json_put_bool(&writer, true);
        put_config(&writer, &answer);
        put_last_error(&writer, &answer.problem);
        json_put_close(&writer, '}');
        respond_send(request, 200);
    }
    ask_destroy(&ask);
}

/* The links follow already; now those whom it concerns are told, and then the answer goes out. */
static void respond_config(struct request *request, const json_t *before,
                           const struct supervisor_answer *answer)
{
    struct problem problem;
    json_t *after = json_read_object(answer->json, &problem);
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_set_text(&writer, "message", answer->problem.text);
    peer_news_tell(request, before, after, &writer);
    put_config(&writer, answer);
    json_put_close(&writer, '}');
    respond_send(request, 200);
    json_decref(after);
}

void p2p_config_put(struct request *request)
{
    struct supervisor_request question = {.verb = SUPERVISOR_CONFIG_PUT};
    struct supervisor_answer answer;
    struct ask *ask;
    json_t *before,
        *body = request_object(request); /* only to name errors; the supervisor reads it itself */

    if (body == NULL) {
        return;
    }
    json_decref(body);
    before = supervise_config(request);
    if (before == NULL) {
        return;
    }
    question.json = request->body;
    if (supervise_ask(request, &question, &ask, &answer) == 0) {
        respond_config(request, before, &answer);
    }
    ask_destroy(&ask);
    json_decref(before);
}

static void order(struct request *request, enum supervisor_verb verb, const char *done)
{
    struct supervisor_request question = {.verb = verb};
    struct supervisor_answer answer;
    struct ask *ask;

    if (request_body(request) != 0) {
        return;
    }
    if (supervise_ask(request, &question, &ask, &answer) == 0) {
        respond_message(request, done);
    }
    ask_destroy(&ask);
}

void p2p_start(struct request *request)
{
    order(request, SUPERVISOR_MESH_START, "Mạng P2P đang chạy");
}

void p2p_stop(struct request *request)
{
    order(request, SUPERVISOR_MESH_STOP, "Mạng P2P đã dừng");
}

/* ---- GET /api/p2p/status --------------------------------------------------------------------- */

static void put_time(struct json_writer *writer, const char *key, int64_t ms)
{
    char text[LOCALTIME_ISO];

    if (ms <= 0) {
        json_set_text(writer, key, "");
        return;
    }
    localtime_iso(ms, text);
    json_set_text(writer, key, text);
}

static void put_peer(struct json_writer *writer, const struct peer_report *peer)
{
    json_put_open(writer, '{');
    json_set_text(writer, "peer_id", peer->id.text);
    json_set_text(writer, "peer_ip", peer->ip);
    json_set_int(writer, "peer_port", peer->api_port);
    json_set_int(writer, "p2p_port", peer->p2p_port);
    json_set_text(writer, "link", "mesh");
    json_set_text(writer, "status", peer_state_name(peer->state));
    json_set_bool(writer, "connected", peer->state == PEER_CONNECTED);
    put_time(writer, "since", peer->since_ms);
    put_time(writer, "last_ping_time", peer->last_heard_ms);
    json_set_text(writer, "sync", peer_sync_name(peer->sync));
    put_time(writer, "equal_at", peer->equal_at_ms);
    /* the larger of the two directions: how far this pair is apart */
    json_set_int(writer, "lag_events",
                 (int64_t)(peer->behind > peer->ahead ? peer->behind : peer->ahead));
    json_set_known(writer, "lag_seconds", peer->lag_s, -1);
    json_set_int(writer, "behind", (int64_t)peer->behind);
    json_set_int(writer, "ahead", (int64_t)peer->ahead);
    json_set_known(writer, "rtt_ms", peer->rtt_ms, -1);
    json_set_known(writer, "clock_offset_ms", peer->clock_offset_ms, EVENT_NONE);
    json_set_text(writer, "direction", peer->direction);
    json_set_text(writer, "software", peer->software);
    json_set_int(writer, "messages_sent", (int64_t)peer->sent);
    json_set_int(writer, "messages_received", (int64_t)peer->received);
    json_set_text(writer, "last_error", peer->last_error);
    json_set_text(writer, "code", peer->problem != PROBLEM_OK ? problem_name(peer->problem) : "");
    json_put_close(writer, '}');
}

static void put_peers(struct json_writer *writer, const char *key, const struct mesh_report *report,
                      bool pending)
{
    json_put_key(writer, key);
    json_put_open(writer, '[');
    for (size_t i = 0; i < report->count; i++) {
        if ((report->peers[i].state == PEER_PENDING) == pending) {
            put_peer(writer, &report->peers[i]);
        }
    }
    json_put_close(writer, ']');
}

static void respond_report(struct request *request, const struct mesh_report *report)
{
    struct json_writer writer = respond_json(request);
    int64_t total = 0, connected = 0;

    for (size_t i = 0; i < report->count; i++) {
        total += report->peers[i].state != PEER_PENDING;
        connected += report->peers[i].state == PEER_CONNECTED;
    }
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_set_text(&writer, "this_central", request->gateway->node.text);
    json_set_bool(&writer, "running", report->running);
    json_set_bool(&writer, "standalone_mode", total == 0);
    json_set_int(&writer, "total_peers", total);
    json_set_int(&writer, "connected_peers", connected);
    json_set_int(&writer, "messages_sent", (int64_t)report->sent);
    json_set_int(&writer, "messages_received", (int64_t)report->received);
    json_set_int(&writer, "messages_refused", (int64_t)report->refused);
    json_set_int(&writer, "events", (int64_t)report->events);
    json_set_text(&writer, "address", report->address);
    json_set_text(&writer, "last_error", report->error);
    put_peers(&writer, "peers", report, false);
    put_peers(&writer, "pending", report, true);
    json_put_key(&writer, "warnings");
    json_put_open(&writer, '[');
    sync_put_warnings(&writer, request->gateway, report);
    json_put_close(&writer, ']');
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

/* A stopped mesh has nobody to ask; that is an answer, not an error. */
void p2p_status(struct request *request)
{
    struct mesh_report report;

    if (sync_report(request, false, &report) != 0) {
        (void)slice_copy(slice_text("the mesh is stopped or does not answer"), report.error,
                         sizeof report.error); /* fits */
    }
    respond_report(request, &report);
    mesh_report_free(&report);
}

/* ---- GET /api/p2p/sync-state ----------------------------------------------------------------- */

static void put_slice(struct json_writer *writer, const char *key, struct slice text)
{
    json_put_key(writer, key);
    json_put_text(writer, text);
}

static int each_synced(void *context, const struct history_synced *synced)
{
    struct json_writer *writer = context;

    json_put_open(writer, '{');
    put_slice(writer, "peer_central_id", synced->peer_central_id);
    json_set_int(writer, "last_sync_timestamp", synced->last_sync_timestamp);
    put_slice(writer, "last_sync_time", synced->last_sync_time);
    put_slice(writer, "updated_at", synced->updated_at);
    json_put_close(writer, '}');
    return 0;
}

void p2p_sync_state(struct request *request)
{
    struct problem problem;
    struct json_writer writer;
    struct history *history = readers_take(request->gateway->readers, false, &problem);
    int rc;

    if (history == NULL) {
        respond_problem(request, &problem);
        return;
    }
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_put_key(&writer, "sync_state");
    json_put_open(&writer, '[');
    rc = history_synced(history, each_synced, &writer, &problem);
    readers_give(request->gateway->readers, false, &history);
    if (rc != 0) {
        respond_problem(request, &problem);
        return;
    }
    json_put_close(&writer, ']');
    json_put_close(&writer, '}');
    respond_send(request, 200);
}
