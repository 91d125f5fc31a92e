/*
 * GET /api/v1/peers and what a person decides about it: the configured centrals, those that stand
 * at the mesh's door with the right secret, and those that asked over HTTP, in one list.
 */
#include "api/asking.h"
#include "api/handlers.h"
#include "api/peers.h"
#include "api/respond.h"

#include <string.h>

/* What a central asks; NULL = nothing. */
static void put_question(struct json_writer *writer, const struct asking_peer *asks,
                         bool is_configured)
{
    json_set_text(writer, "asks",
                  asks == NULL    ? ""
                  : asks->leaves  ? "leave"
                  : is_configured ? "move"
                                  : "join");
    json_set_time(writer, "asked_at", asks != NULL ? asks->since_ms : 0);
    json_set_text(writer, "asked_from", asks != NULL ? asks->from : "");
    json_set_text(writer, "asked_ip", asks != NULL ? asks->ip : "");
}

static const struct asking_peer *find(const struct asking_peer *asking, size_t count,
                                      const struct node_id *id)
{
    for (size_t i = 0; i < count; i++) {
        if (node_id_compare(&asking[i].id, id) == 0) {
            return &asking[i];
        }
    }
    return NULL;
}

static const struct peer_report *reported(const struct mesh_report *report,
                                          const struct node_id *id)
{
    for (size_t i = 0; i < report->count; i++) {
        if (node_id_compare(&report->peers[i].id, id) == 0) {
            return &report->peers[i];
        }
    }
    return NULL;
}

static void put_central(struct json_writer *writer, const struct peer_report *peer,
                        const struct asking_peer *asks)
{
    bool is_configured = peer != NULL && peer->state != PEER_PENDING;

    json_put_open(writer, '{');
    json_set_text(writer, "id", peer != NULL ? peer->id.text : asks->id.text);
    json_set_text(writer, "state", is_configured ? "configured" : "pending");
    json_set_bool(writer, "has_secret",
                  peer != NULL); /* it showed so on the mesh, or is believed */
    json_set_text(writer, "ip", peer != NULL ? peer->ip : asks->ip);
    json_set_known(writer, "p2p_port", peer != NULL ? peer->p2p_port : asks->p2p_port, 0);
    json_set_known(writer, "api_port", peer != NULL ? peer->api_port : asks->api_port, 0);
    json_set_text(writer, "status",
                  peer != NULL ? peer_report_status(peer) : peer_state_name(PEER_PENDING));
    json_set_bool(writer, "connected", peer != NULL && peer->state == PEER_CONNECTED);
    json_set_time(writer, "since", peer != NULL ? peer->since_ms : asks->since_ms);
    put_question(writer, asks, is_configured);
    json_put_close(writer, '}');
}

void peer_list_get(struct request *request)
{
    struct asking_peer asking[LIMIT_ASKING_PEERS];
    size_t count = asking_list(request->gateway->asking, asking);
    struct mesh_report report;
    struct json_writer writer;

    if (sync_report(request, false, &report) != 0) {
        mesh_report_free(&report);
        respond_error(request, PROBLEM_BUSY, "the mesh does not answer");
        return;
    }
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_put_key(&writer, "peers");
    json_put_open(&writer, '[');
    for (size_t i = 0; i < report.count; i++) {
        put_central(&writer, &report.peers[i], find(asking, count, &report.peers[i].id));
    }
    for (size_t i = 0; i < count; i++) {
        if (reported(&report, &asking[i].id) == NULL) {
            put_central(&writer, NULL, &asking[i]);
        }
    }
    json_put_close(&writer, ']');
    json_put_close(&writer, '}');
    mesh_report_free(&report);
    respond_send(request, 200);
}

/* ---- decisions ------------------------------------------------------------------------------- */

static void respond_done(struct request *request, const struct node_id *id, const char *action,
                         const struct introduction *told)
{
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    json_set_text(&writer, "id", id->text);
    json_set_text(&writer, "action", action);
    json_put_key(&writer, "told");
    if (told != NULL) {
        json_put_open(&writer, '{');
        json_set_bool(&writer, "success", told->success);
        json_set_text(&writer, "message", told->message);
        json_put_close(&writer, '}');
    } else {
        json_put_nothing(&writer);
    }
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

/* Whom the path names. */
static int path_central(struct request *request, struct node_id *id)
{
    if (node_id_parse(slice_text(request->parameter), id)) {
        return 0;
    }
    respond_error(request, PROBLEM_NOT_FOUND, "no such central");
    return -1;
}

/* One that stands at the mesh's door, or a configured one. */
static bool find_reported(struct request *request, const struct node_id *id, bool pending,
                          struct introduce_central *central)
{
    struct mesh_report report;
    const struct peer_report *peer;
    bool found = false;

    if (sync_report(request, false, &report) == 0) {
        peer = reported(&report, id);
        found = peer != NULL && (peer->state == PEER_PENDING) == pending;
        if (found) {
            *central = (struct introduce_central){
                .id = peer->id, .p2p_port = peer->p2p_port, .api_port = peer->api_port};
            memcpy(central->ip, peer->ip, sizeof central->ip);
        }
    }
    mesh_report_free(&report);
    return found;
}

static void take_in(struct request *request, struct introduce_central *central)
{
    struct introduce_central own, found = *central;
    struct introduction told;
    struct problem problem;
    char action[16];

    if (peers_own(request, &own) != 0) {
        return;
    }
    /* The mesh does not tell where it listens; when it does not answer it still dials us. */
    if (central->p2p_port == 0 && introduce_ask(request, &found, &problem) == 0 &&
        node_id_compare(&found.id, &central->id) == 0) {
        central->p2p_port = found.p2p_port;
    }
    if (peers_put(request, central, action) == 0) {
        peers_tell(request, &own, central, false, &told);
        respond_done(request, &central->id, action, &told);
    }
}

void peer_list_accept(struct request *request)
{
    struct introduce_central central;
    struct asking_peer asks;
    struct node_id id;
    char action[16];

    if (request_body(request) != 0 || path_central(request, &id) != 0) {
        return;
    }
    if (asking_find(request->gateway->asking, &id, &asks)) {
        central = (struct introduce_central){
            .id = id, .p2p_port = asks.p2p_port, .api_port = asks.api_port};
        memcpy(central.ip, asks.ip, sizeof central.ip);
        if (!asks.leaves) {
            take_in(request, &central);
        } else if (peers_remove(request, &id, action) == 0) {
            respond_done(request, &id, action, NULL);
        }
    } else if (find_reported(request, &id, true, &central)) {
        take_in(request, &central);
    } else {
        respond_error(request, PROBLEM_NOT_FOUND, "this central asks nothing");
    }
}

void peer_list_delete(struct request *request)
{
    struct introduce_central own, central;
    struct introduction told;
    struct node_id id;
    char action[16];

    if (request_body(request) != 0 || path_central(request, &id) != 0) {
        return;
    }
    if (find_reported(request, &id, false, &central)) {
        if (peers_own(request, &own) == 0 && peers_remove(request, &id, action) == 0) {
            peers_tell(request, &own, &central, true, &told);
            respond_done(request, &id, action, &told);
        }
    } else if (asking_remove(request->gateway->asking, &id)) {
        respond_done(request, &id, "forgotten", NULL);
    } else {
        respond_error(request, PROBLEM_NOT_FOUND,
                      "neither configured nor asking; one that stands at the mesh's door with the "
                      "right secret stays in the list until it goes");
    }
}
