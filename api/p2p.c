#include "api/handlers.h"

#include "api/peer_links.h"
#include "api/peer_news.h"
#include "api/respond.h"
#include "api/retell.h"
#include "api/supervise.h"
#include "proto/command.h"
#include "proto/event.h"
#include "proto/localtime.h"
#include "proto/report.h"

#include <stdlib.h>
#include <string.h>

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
        json_set_bool(&writer, "success", true);
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

static void change_config(struct request *request)
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

void p2p_config_put(struct request *request)
{
    retell_hold(request->gateway->retell);
    change_config(request);
    retell_release(request->gateway->retell);
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

/* The WebSockets of centrals of the existing system, beside what the mesh reports. */
struct links {
    struct peer_link_report *items;
    size_t count;
};

static const struct peer_link_report *find_link(const struct links *links, const struct node_id *id)
{
    for (size_t i = 0; i < links->count; i++) {
        if (node_id_compare(&links->items[i].id, id) == 0) {
            return &links->items[i];
        }
    }
    return NULL;
}

/* What there is to say of a peer that has a WebSocket: nothing of logs and clocks. */
static struct peer_report peer_of(const struct peer_link_report *link, uint16_t p2p_port)
{
    struct peer_report peer = {.id = link->id,
                               .p2p_port = p2p_port,
                               .api_port = link->api_port,
                               .state = link->sockets > 0     ? PEER_CONNECTED
                                        : link->since_ms != 0 ? PEER_DISCONNECTED
                                                              : PEER_UNKNOWN,
                               .since_ms = link->since_ms,
                               .last_heard_ms = link->heard_ms,
                               .lag_s = -1,
                               .rtt_ms = -1,
                               .clock_offset_ms = EVENT_NONE,
                               .sent = link->sent,
                               .received = link->received};

    memcpy(peer.ip, link->ip, sizeof peer.ip);
    memcpy(peer.direction, link->direction, sizeof peer.direction);
    memcpy(peer.last_error, link->last_error, sizeof link->last_error);
    return peer;
}

/* One of which the mesh knows nothing. */
static bool stands_alone(const struct mesh_report *report, const struct peer_link_report *link)
{
    for (size_t i = 0; i < report->count; i++) {
        if (report->peers[i].state != PEER_PENDING &&
            node_id_compare(&report->peers[i].id, &link->id) == 0) {
            return false;
        }
    }
    return link->sockets > 0 || strcmp(link->link, "websocket") == 0;
}

/* What the mesh says now counts more than what was known of it a second ago. */
static void put_link(struct json_writer *writer, const struct peer_report *peer,
                     const struct peer_link_report *link)
{
    bool is_mesh = link == NULL || (link->sockets == 0 && peer->state == PEER_CONNECTED);

    json_set_text(writer, "link", is_mesh ? "mesh" : link->link);
    json_set_text(writer, "link_reason",
                  is_mesh && peer->state == PEER_CONNECTED ? "đang nối bằng mạng lưới ParkMesh"
                  : link != NULL                           ? link->why
                                                           : "");
    if (link != NULL && link->sockets > 0) {
        json_set_int(writer, "sockets", link->sockets);
        json_set_int(writer, "messages_refused", (int64_t)link->refused);
    }
}

static void put_count(struct json_writer *writer, const char *key, const struct peer_report *peer,
                      uint64_t count)
{
    json_set_known(writer, key, peer_report_count(peer, count), -1);
}

static void put_peer(struct json_writer *writer, const struct peer_report *peer,
                     const struct peer_link_report *link)
{
    json_put_open(writer, '{');
    json_set_text(writer, "peer_id", peer->id.text);
    json_set_text(writer, "peer_ip", peer->ip);
    json_set_int(writer, "peer_port", peer->api_port);
    json_set_int(writer, "p2p_port", peer->p2p_port);
    put_link(writer, peer, link);
    json_set_text(writer, "status", peer_report_status(peer));
    json_set_bool(writer, "connected", peer->state == PEER_CONNECTED);
    put_time(writer, "since", peer->since_ms);
    put_time(writer, "last_ping_time", peer->last_heard_ms);
    json_set_text(writer, "sync", peer_sync_name(peer->sync));
    put_time(writer, "equal_at", peer->equal_at_ms);
    /* the larger of the two directions: how far this pair is apart */
    put_count(writer, "lag_events", peer, peer->behind > peer->ahead ? peer->behind : peer->ahead);
    json_set_known(writer, "lag_seconds", peer->lag_s, -1);
    put_count(writer, "behind", peer, peer->behind);
    put_count(writer, "ahead", peer, peer->ahead);
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

/* Those of the mesh report; one that has a WebSocket is shown as that. */
static void put_peers(struct json_writer *writer, const char *key, const struct mesh_report *report,
                      const struct links *links, bool pending)
{
    json_put_key(writer, key);
    json_put_open(writer, '[');
    for (size_t i = 0; i < report->count; i++) {
        const struct peer_report *peer = &report->peers[i];
        const struct peer_link_report *link = find_link(links, &peer->id);
        if ((peer->state == PEER_PENDING) != pending) {
            continue;
        }
        if (link != NULL && link->sockets > 0) {
            struct peer_report linked = peer_of(link, peer->p2p_port);
            put_peer(writer, &linked, link);
        } else {
            put_peer(writer, peer, pending ? NULL : link);
        }
    }
    for (size_t i = 0; i < links->count && !pending; i++) {
        if (stands_alone(report, &links->items[i])) {
            struct peer_report peer = peer_of(&links->items[i], 0);
            put_peer(writer, &peer, &links->items[i]);
        }
    }
    json_put_close(writer, ']');
}

static void count_peers(const struct mesh_report *report, const struct links *links, int64_t *total,
                        int64_t *connected)
{
    *total = *connected = 0;
    for (size_t i = 0; i < report->count; i++) {
        const struct peer_link_report *link = find_link(links, &report->peers[i].id);
        *total += report->peers[i].state != PEER_PENDING;
        *connected += report->peers[i].state == PEER_CONNECTED ||
                      (report->peers[i].state != PEER_PENDING && link != NULL && link->sockets > 0);
    }
    for (size_t i = 0; i < links->count; i++) {
        if (stands_alone(report, &links->items[i])) {
            *total += 1;
            *connected += links->items[i].sockets > 0;
        }
    }
}

static void respond_report(struct request *request, const struct mesh_report *report,
                           const struct links *links)
{
    struct json_writer writer = respond_json(request);
    int64_t total, connected;

    count_peers(report, links, &total, &connected);
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
    put_peers(&writer, "peers", report, links, false);
    put_peers(&writer, "pending", report, links, true);
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
    struct links links = {.items = bytes_allocate(PEER_LINK_REPORTS, sizeof *links.items)};
    struct mesh_report report;

    if (sync_report(request, false, &report) != 0) {
        (void)slice_copy(slice_text("the mesh is stopped or does not answer"), report.error,
                         sizeof report.error); /* fits */
    }
    links.count = peer_links_report(request->gateway->peer_links, links.items, PEER_LINK_REPORTS);
    respond_report(request, &report, &links);
    mesh_report_free(&report);
    free(links.items);
}

/* ---- GET /api/p2p/sync-state ----------------------------------------------------------------- */

static void put_slice(struct json_writer *writer, const char *key, struct slice text)
{
    json_set_slice(writer, key, text);
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
