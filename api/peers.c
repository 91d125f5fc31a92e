/*
 * How centrals get to know each other over HTTP. Whoever holds the mesh secret may put itself into
 * our list, and an administrator whom he likes; anybody else asks, and a person decides.
 */
#include "api/peers.h"

#include "api/ask.h"
#include "api/asking.h"
#include "api/handlers.h"
#include "api/peer_links.h"
#include "api/respond.h"
#include "api/seals.h"
#include "api/supervise.h"
#include "proto/clock.h"
#include "proto/probe.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define DEFAULT_API_PORT 8000
#define POLL_MS 20 /* between two looks whether the link has answered */
#define ASK_MS 1000

/* ---- the configuration ----------------------------------------------------------------------- */

int peers_own(struct request *request, struct introduce_central *own)
{
    json_t *config = supervise_config(request);
    bool good;

    if (config == NULL) {
        return -1;
    }
    good = introduce_read(json_object_get(config, "this_central"), own);
    json_decref(config);
    if (!good) {
        respond_error(request, PROBLEM_INTERNAL, "Lỗi nội bộ");
        return -1;
    }
    return 0;
}

static int change(struct request *request, enum supervisor_verb verb, const struct buffer *json,
                  char action[16])
{
    struct supervisor_request question = {.verb = verb, .json = buffer_slice(json)};
    struct supervisor_answer answer;
    struct problem problem;
    struct ask *ask;
    int rc = supervise_ask(request, &question, &ask, &answer);

    action[0] = '\0';
    if (rc == 0) {
        json_t *what = json_read_object(answer.json, &problem);
        (void)slice_copy(json_member_text(what, "action"), action, 16); /* ours: fits */
        json_decref(what);
    }
    ask_destroy(&ask);
    return rc;
}

int peers_put(struct request *request, const struct introduce_central *central, char action[16])
{
    struct buffer json = {0};
    struct json_writer writer = json_writer(&json);
    int rc;

    json_put_open(&writer, '{');
    json_set_text(&writer, "id", central->id.text);
    json_set_text(&writer, "ip", central->ip);
    if (central->p2p_port != 0) {
        json_set_int(&writer, "p2p_port", central->p2p_port);
    }
    if (central->api_port != 0) {
        json_set_int(&writer, "api_port", central->api_port);
    }
    json_put_close(&writer, '}');
    rc = change(request, SUPERVISOR_PEER_PUT, &json, action);
    buffer_free(&json);
    if (rc == 0) {
        (void)asking_remove(request->gateway->asking, &central->id);
    }
    return rc;
}

int peers_remove(struct request *request, const struct node_id *id, char action[16])
{
    struct buffer json = {0};
    struct json_writer writer = json_writer(&json);
    int rc;

    json_put_open(&writer, '{');
    json_set_text(&writer, "id", id->text);
    json_put_close(&writer, '}');
    rc = change(request, SUPERVISOR_PEER_REMOVE, &json, action);
    buffer_free(&json);
    if (rc == 0) {
        (void)asking_remove(request->gateway->asking, id);
    }
    return rc;
}

void peers_tell(struct request *request, const struct introduce_central *own,
                const struct introduce_central *to, bool leaves, struct introduction *out)
{
    *out = (struct introduction){.to = *to, .leaves = leaves};
    introduce_tell(request->gateway, own, out, 1);
}

/* ---- GET /api/p2p/info ----------------------------------------------------------------------- */

void peers_info(struct request *request)
{
    struct introduce_central own;
    struct json_writer writer;

    if (peers_own(request, &own) != 0) {
        return;
    }
    writer = respond_json(request);
    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_put_key(&writer, "info");
    json_put_open(&writer, '{');
    json_set_text(&writer, "id", own.id.text);
    json_set_text(&writer, "ip", own.ip);
    json_set_int(&writer, "api_port", own.api_port);
    json_set_int(&writer, "p2p_port", own.p2p_port);
    json_set_text(&writer, "software", "parkmesh"); /* not which version: anybody may ask */
    json_put_close(&writer, '}');
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

/* ---- POST /api/p2p/add-peer ------------------------------------------------------------------ */

/* The address of a body; -1 after a 422. */
static int read_address(struct request *request, const json_t *body,
                        struct introduce_central *central)
{
    const json_t *member = json_object_get(body, "ip");
    struct slice ip = json_member_text(body, "ip");
    const json_t *port = json_object_get(body, "api_port");
    json_int_t number = json_is_integer(port) ? json_integer_value(port) : DEFAULT_API_PORT;

    *central = (struct introduce_central){.api_port = 0};
    if (ip.len == 0 || !slice_copy(ip, central->ip, sizeof central->ip) ||
        strpbrk(central->ip, "/@?#%\\ []") != NULL) {
        respond_parameter(request, "body", "ip", "the address of a central is needed",
                          member == NULL           ? "missing"
                          : json_is_string(member) ? "value_error"
                                                   : "type_error.str");
        return -1;
    }
    if ((port != NULL && !json_is_integer(port)) || number < 1 || number > 65535) {
        respond_parameter(request, "body", "api_port", "a port from 1 to 65535", "int_parsing");
        return -1;
    }
    central->api_port = (uint16_t)number;
    return 0;
}

static bool is_known(const json_t *config, const struct node_id *id)
{
    const json_t *peers = json_object_get(config, "peer_centrals");

    for (size_t i = 0; i < json_array_size(peers); i++) {
        if (slice_equal(json_member_text(json_array_get(peers, i), "id"), slice_text(id->text))) {
            return true;
        }
    }
    return false;
}

static void refuse_twin(struct request *request, const struct node_id *id)
{
    struct problem problem;

    (void)problem_set(&problem, PROBLEM_DUPLICATE_ID,
                      "mỗi central phải có id riêng: hãy đổi this_central.id của một bên",
                      "\"%s\" là id của chính central này", id->text);
    respond_problem(request, &problem);
}

static void respond_added(struct request *request, const struct introduce_central *peer,
                          const struct introduction *told)
{
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", true);
    json_set_text(&writer, "message",
                  told->success ? "Đã thêm central và đăng ký ở hai bên"
                                : "Đã thêm central; bên kia chưa đăng ký central này");
    json_put_key(&writer, "peer");
    json_put_open(&writer, '{');
    json_set_text(&writer, "id", peer->id.text);
    json_set_text(&writer, "ip", peer->ip);
    json_set_int(&writer, "api_port", peer->api_port);
    json_set_known(&writer, "p2p_port", peer->p2p_port, 0);
    json_put_close(&writer, '}');
    json_set_bool(&writer, "registration_success", told->success);
    json_set_text(&writer, "registration_message", told->message);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

static void add(struct request *request, const json_t *config, struct introduce_central *peer)
{
    struct introduce_central own;
    struct introduction told;
    struct problem problem;
    char action[16];

    if (!introduce_read(json_object_get(config, "this_central"), &own)) {
        respond_error(request, PROBLEM_INTERNAL, "Lỗi nội bộ");
    } else if (own.api_port == peer->api_port && strcmp(own.ip, peer->ip) == 0) {
        refuse_twin(request, &own.id); /* without calling: it is this very central */
    } else if (introduce_ask(request, peer, &problem) != 0) {
        if (problem.code != PROBLEM_STOPPING && problem.code != PROBLEM_LIBRARY_MISSING) {
            problem.code = PROBLEM_FIELD_INVALID; /* 400, as the existing system */
        }
        respond_problem(request, &problem);
    } else if (node_id_compare(&own.id, &peer->id) == 0) {
        refuse_twin(request, &own.id);
    } else if (is_known(config, &peer->id)) {
        (void)problem_set(&problem, PROBLEM_FIELD_INVALID, "đổi địa chỉ bằng PUT /api/p2p/config",
                          "%s đã có trong peer_centrals", peer->id.text);
        respond_problem(request, &problem);
    } else if (peers_put(request, peer, action) == 0) {
        peers_tell(request, &own, peer, false, &told);
        respond_added(request, peer, &told);
    }
}

void peers_add(struct request *request)
{
    struct introduce_central peer;
    json_t *body = request_object(request), *config;

    if (body == NULL) {
        return;
    }
    if (read_address(request, body, &peer) == 0 && (config = supervise_config(request)) != NULL) {
        add(request, config, &peer);
        json_decref(config);
    }
    json_decref(body);
}

/* ---- POST /api/p2p/register-peer, unregister-peer -------------------------------------------- */

static void respond_change(struct request *request, bool done, const char *message,
                           const char *action)
{
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    json_set_bool(&writer, "success", done);
    json_set_text(&writer, done ? "message" : "error", message);
    json_set_text(&writer, "code", problem_name(done ? PROBLEM_OK : PROBLEM_AWAITING_APPROVAL));
    json_set_text(&writer, "action", action);
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

static void note(struct request *request, const struct introduce_central *central, bool leaves)
{
    struct asking_peer peer = {.id = central->id,
                               .p2p_port = central->p2p_port,
                               .api_port = central->api_port,
                               .leaves = leaves,
                               .since_ms = clock_wall_ms()};

    memcpy(peer.ip, central->ip, sizeof peer.ip);
    (void)slice_copy(slice_text(request->caller.address), peer.from, sizeof peer.from);
    asking_add(request->gateway->asking, &peer);
    respond_change(request, false, "Đã ghi nhận yêu cầu; chờ người quản trị chấp nhận", "pending");
}

/* A request is for one central; another one, or one that was renamed, must not do what it says.
 * False after an answer. */
static bool is_for_us(struct request *request, struct slice to)
{
    if (to.data == NULL || slice_equal(to, slice_text(request->gateway->node.text))) {
        return true;
    }
    respond_error(request, PROBLEM_NOT_FOUND, "Yêu cầu này dành cho central khác");
    return false;
}

static bool is_entitled(struct request *request)
{
    return seals_hold(request) || caller_may(&request->caller, ROLE_ADMIN);
}

/* A central that knows itself only as 127.0.0.1 is where it called from. */
static void mend_address(const struct request *request, struct introduce_central *central)
{
    if (strncmp(central->ip, "127.", 4) == 0 && strncmp(request->caller.address, "127.", 4) != 0) {
        (void)slice_copy(slice_text(request->caller.address), central->ip, sizeof central->ip);
    }
}

void peers_register(struct request *request)
{
    struct introduce_central central, address;
    char action[16];
    json_t *body = request_object(request);

    if (body == NULL) {
        return;
    }
    if (!node_id_parse(json_member_text(body, "id"), &central.id)) {
        respond_parameter(request, "body", "id", "the id of a central is needed", "missing");
    } else if (json_object_get(body, "api_port") == NULL) {
        respond_parameter(request, "body", "api_port", "a port from 1 to 65535", "missing");
    } else if (read_address(request, body, &address) == 0 && introduce_read(body, &central)) {
        central.api_port = address.api_port;
        mend_address(request, &central);
        if (node_id_compare(&central.id, &request->gateway->node) == 0) {
            refuse_twin(request, &central.id);
        } else if (!is_for_us(request, json_member_text(body, "to"))) {
            /* answered */
        } else if (!is_entitled(request)) {
            note(request, &central, false);
        } else if (peers_put(request, &central, action) == 0) {
            respond_change(request, true, "Đã lưu central này", action);
        }
    }
    json_decref(body);
}

void peers_unregister(struct request *request)
{
    struct introduce_central central = {.api_port = 0};
    char name[LIMIT_NODE_ID + 1] = "", action[16];
    json_t *config;
    bool known;

    if (request_body(request) != 0 ||
        request_query_text(request, "peer_id", name, sizeof name) != 0) {
        return;
    }
    if (!node_id_parse(slice_text(name), &central.id)) {
        respond_parameter(request, "query", "peer_id", "the id of a central is needed", "missing");
        return;
    }
    config = supervise_config(request);
    if (config == NULL) {
        return;
    }
    known = is_known(config, &central.id);
    json_decref(config);
    if (!known) {
        respond_error(request, PROBLEM_NOT_FOUND, "Không có central này trong cấu hình");
    } else if (!is_for_us(request, request_query(request, "to"))) {
        /* answered */
    } else if (!is_entitled(request)) {
        note(request, &central, true);
    } else if (peers_remove(request, &central.id, action) == 0) {
        respond_change(request, true, "Đã xoá central này", action);
    }
}

/* ---- POST /api/p2p/test-connection ----------------------------------------------------------- */

static int poll_link(struct request *request, const struct probe_question *question,
                     struct probe_report *report, struct problem *problem)
{
    const struct timespec pause = {.tv_nsec = POLL_MS * 1000000L};
    struct buffer *packed = &request->worker->question;
    struct ask *ask = ask_new(MESH_REPORT_ENDPOINT, &request->gateway->abandon);
    struct slice bytes;
    int rc = 0;

    buffer_clear(packed);
    if (probe_question_pack(question, packed) != 0) {
        rc = problem_set(problem, PROBLEM_INTERNAL, NULL, "Lỗi nội bộ");
    }
    while (rc == 0 && !atomic_load(&request->gateway->abandon)) {
        rc = ask_call(ask, buffer_slice(packed), ASK_MS, &bytes, problem);
        if (rc == 0 && probe_report_unpack(report, bytes) != 0) {
            rc = problem_set(problem, PROBLEM_INTERNAL, NULL, "Lỗi nội bộ");
        }
        if (rc != 0 || report->state != PROBE_WAITING ||
            clock_mono_ms() > question->since_ms + LIMIT_PROBE_MS) {
            break;
        }
        (void)nanosleep(&pause, NULL); /* cut short: asked a little earlier */
    }
    ask_destroy(&ask);
    return rc;
}

static void respond_probe(struct request *request, const struct node_id *peer,
                          const struct probe_report *report)
{
    struct problem problem;
    struct json_writer writer;
    char text[200];

    if (report->state == PROBE_ANSWERED) {
        (void)snprintf(text, sizeof text, "%s trả lời sau %lld ms", peer->text,
                       (long long)report->rtt_ms);
        writer = respond_json(request);
        json_put_open(&writer, '{');
        json_set_bool(&writer, "success", true);
        json_set_text(&writer, "message", text);
        json_set_int(&writer, "rtt_ms", report->rtt_ms);
        json_put_close(&writer, '}');
        respond_send(request, 200);
        return;
    }
    (void)problem_set(&problem, PROBLEM_LINK_DOWN, "GET /api/p2p/status cho biết vì sao",
                      report->state == PROBE_UNKNOWN_PEER ? "%s không có trong peer_centrals"
                      : report->state == PROBE_NOT_CONNECTED
                          ? "%s chưa kết nối"
                          : "%s đã kết nối nhưng chưa trả lời trong 5 giây",
                      peer->text);
    respond_problem(request, &problem);
}

/* False when it is not linked that way. */
static bool test_websocket(struct request *request, const char *name, struct probe_report *report)
{
    int64_t rtt_ms = peer_links_test(request->gateway->peer_links, name);

    if (rtt_ms == -1) {
        return false;
    }
    report->state = rtt_ms >= 0 ? PROBE_ANSWERED : PROBE_WAITING;
    report->rtt_ms = rtt_ms;
    return true;
}

void peers_test(struct request *request)
{
    struct probe_question question = {.since_ms = clock_mono_ms()};
    struct probe_report report = {.state = PROBE_NOT_CONNECTED};
    char name[LIMIT_NODE_ID + 1] = "";
    struct problem problem;

    if (request_body(request) != 0 ||
        request_query_text(request, "peer_id", name, sizeof name) != 0) {
        return;
    }
    if (!node_id_parse(slice_text(name), &question.peer)) {
        respond_parameter(request, "query", "peer_id", "the id of a central is needed", "missing");
    } else if (test_websocket(request, name, &report)) {
        respond_probe(request, &question.peer, &report);
    } else if (poll_link(request, &question, &report, &problem) != 0) {
        respond_problem(request, &problem);
    } else {
        respond_probe(request, &question.peer, &report);
    }
}
