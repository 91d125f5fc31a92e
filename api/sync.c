/*
 * Who holds what: GET /api/v1/sync, and the warnings that statuses carry. All of it is what the
 * mesh knows (proto/report.h); here it only gets its words.
 */
#include "api/handlers.h"

#include "api/ask.h"
#include "api/peer_links.h"
#include "api/respond.h"
#include "proto/clock.h"
#include "proto/event.h"

#include <stdio.h>

/* A mesh that does not answer within this is shown as not running. */
#define SYNC_REPORT_MS 1000

/* Without links nobody but the log itself knows what is in it. 0 when that cannot be read, either.
 */
static uint64_t count_log(struct request *request)
{
    struct problem problem;
    struct history *history = readers_take(request->gateway->readers, false, &problem);
    uint64_t events = 0;

    if (history != NULL) {
        (void)history_event_count(history, &events, &problem);
        readers_give(request->gateway->readers, false, &history);
    }
    return events;
}

int sync_report(struct request *request, bool with_matrix, struct mesh_report *report)
{
    struct ask *ask = ask_new(MESH_REPORT_ENDPOINT, &request->gateway->abandon);
    struct problem problem;
    struct slice bytes;
    int rc = ask_call(ask, slice_text(with_matrix ? MESH_REPORT_MATRIX : "?"), SYNC_REPORT_MS,
                      &bytes, &problem);

    *report = (struct mesh_report){.running = false};
    if (rc == 0) {
        rc = mesh_report_unpack(report, bytes);
    }
    if (rc != 0 || !report->running) {
        report->events = count_log(request);
    }
    ask_destroy(&ask);
    return rc;
}

/* ---- warnings ---- */

void sync_put_warning(struct json_writer *writer, enum problem_code code, const char *text)
{
    json_put_open(writer, '{');
    json_set_text(writer, "code", problem_name(code));
    json_set_text(writer, "text", text);
    json_put_close(writer, '}');
}

/* What stays as it is until a person does something; that a peer is away is no such thing. */
static bool needs_a_person(enum problem_code code)
{
    return code == PROBLEM_DUPLICATE_ID || code == PROBLEM_CHAIN_MISMATCH ||
           code == PROBLEM_STATE_DIVERGED || code == PROBLEM_CLOCK_SKEW ||
           code == PROBLEM_MESH_VERSION || code == PROBLEM_MESH_MISMATCH;
}

void sync_put_warnings(struct json_writer *writer, const struct gateway *gateway,
                       const struct mesh_report *report)
{
    if (report->running && !report->has_secret) {
        sync_put_warning(writer, PROBLEM_MESH_WITHOUT_SECRET,
                         "Chưa có mesh_secret: chỉ kết nối được với central trên cùng máy");
    }
    if (gateway->is_open) {
        sync_put_warning(writer, PROBLEM_OPEN_WITHOUT_AUTH,
                         "HTTP mở cho mọi máy trong mạng mà không cần đăng nhập");
    }
    if (peer_links_used(gateway->peer_links)) {
        sync_put_warning(writer, PROBLEM_LINK_UNAUTHENTICATED,
                         "Đang nối bằng WebSocket với central thuộc hệ thống cũ: kết nối này không "
                         "được xác thực, chỉ dùng trong thời gian chuyển đổi");
    }
    if (report->problem != PROBLEM_OK) {
        sync_put_warning(writer, report->problem, report->problem_text);
    }
    for (size_t i = 0; i < report->count; i++) {
        const struct peer_report *peer = &report->peers[i];
        if (needs_a_person(peer->problem)) {
            sync_put_warning(writer, peer->problem, peer->last_error);
        }
    }
}

/* ---- GET /api/v1/sync ---- */

/* Null when negative. */
static void put_seconds(struct json_writer *writer, const char *key, int64_t ms)
{
    json_put_key(writer, key);
    if (ms < 0) {
        json_put_nothing(writer);
    } else {
        json_put_number(writer, (double)ms / 1000);
    }
}

/* Null when it is not known: zeros stand for that, but for the log of a central that is empty. */
static void put_digest(struct json_writer *writer, const char *key, bool is_known,
                       const struct digest *digest)
{
    char hex[33] = "";

    if (is_known) {
        digest_hex(digest, hex);
    }
    json_set_text(writer, key, hex);
}

static void put_log(struct json_writer *writer, bool is_known, bool has_events, uint64_t events,
                    const struct digest *log, const struct digest *state)
{
    json_set_known(writer, "events", has_events ? (int64_t)events : -1, -1);
    put_digest(writer, "log_digest", is_known, log);
    put_digest(writer, "state_digest", is_known && !digest_is_zero(state), state);
}

static void put_problem(struct json_writer *writer, enum problem_code code, const char *text)
{
    json_set_text(writer, "code", code != PROBLEM_OK ? problem_name(code) : "");
    json_set_text(writer, "problem", code != PROBLEM_OK ? text : "");
}

static void put_self(struct json_writer *writer, const struct gateway *gateway,
                     const struct mesh_report *report)
{
    char software[64];

    (void)snprintf(software, sizeof software, "parkmesh %s", gateway->version); /* fits */
    json_put_open(writer, '{');
    json_set_text(writer, "id", gateway->node.text);
    json_set_bool(writer, "connected", report->running);
    put_seconds(writer, "age_s", report->running ? 0 : -1);
    put_log(writer, report->running, report->running, report->events, &report->log_digest,
            &report->state_digest);
    json_set_known(writer, "fold", (int64_t)report->fold, 0);
    json_set_int(writer, "clock_offset_ms", 0);
    json_set_int(writer, "rtt_ms", 0);
    json_set_text(writer, "software", software);
    put_problem(writer, report->problem, report->problem_text);
    json_put_close(writer, '}');
}

static void put_peer(struct json_writer *writer, const struct peer_report *peer)
{
    bool is_known = peer->said_age_ms >= 0;

    json_put_open(writer, '{');
    json_set_text(writer, "id", peer->id.text);
    json_set_bool(writer, "connected", peer->state == PEER_CONNECTED);
    put_seconds(writer, "age_s", peer->said_age_ms);
    put_log(writer, is_known, peer->has_events, peer->events, &peer->log_digest,
            &peer->state_digest);
    json_set_known(writer, "fold", (int64_t)peer->fold, 0);
    json_set_known(writer, "clock_offset_ms", peer->clock_offset_ms, EVENT_NONE);
    json_set_known(writer, "rtt_ms", peer->rtt_ms, -1);
    json_set_text(writer, "software", peer->software);
    put_problem(writer, peer->problem, peer->last_error);
    json_put_close(writer, '}');
}

static void put_figures(struct json_writer *writer, bool is_known, const struct sync_cell *cell)
{
    json_set_known(writer, "behind", is_known ? (int64_t)cell->behind : -1, -1);
    json_set_known(writer, "ahead", is_known ? (int64_t)cell->ahead : -1, -1);
}

/* `last` is there only when nothing can be said of now, so that nobody takes it for more. */
static void put_cell(struct json_writer *writer, const struct sync_cell *cell, int64_t now_ms)
{
    bool is_known = cell->sync != SYNC_UNKNOWN;
    int64_t since_ms = cell->equal_at_ms > 0 && now_ms > cell->equal_at_ms
                           ? now_ms - cell->equal_at_ms
                       : cell->equal_at_ms > 0 ? 0
                                               : -1;

    json_put_open(writer, '{');
    json_set_text(writer, "sync", peer_sync_name(cell->sync));
    put_figures(writer, is_known, cell);
    put_seconds(writer, "seconds", cell->sync == SYNC_EQUAL ? 0 : is_known ? since_ms : -1);
    put_seconds(writer, "age_s", cell->age_ms);
    json_set_time(writer, "equal_at", cell->equal_at_ms);
    json_put_key(writer, "last");
    if (is_known || cell->age_ms < 0) {
        json_put_nothing(writer);
    } else {
        json_put_open(writer, '{');
        json_set_text(writer, "sync", peer_sync_name(cell->last));
        put_figures(writer, cell->last != SYNC_UNKNOWN, cell);
        json_put_close(writer, '}');
    }
    json_put_close(writer, '}');
}

static int put_row(struct request *request, struct json_writer *writer,
                   const struct mesh_report *report, size_t from, int64_t now_ms)
{
    json_put_open(writer, '[');
    for (size_t to = 0; to < report->centrals; to++) {
        if (from == to) {
            json_put_nothing(writer);
        } else {
            struct sync_cell cell = mesh_report_cell(report, from, to);
            put_cell(writer, &cell, now_ms);
        }
    }
    json_put_close(writer, ']');
    return respond_flow(request);
}

static void respond_matrix(struct request *request, const struct mesh_report *report)
{
    struct json_writer writer = respond_json(request);
    int64_t now_ms = clock_wall_ms();
    struct problem problem;
    int gone = 0;

    json_put_open(&writer, '{');
    json_set_text(&writer, "this_central", request->gateway->node.text);
    json_set_time(&writer, "at", now_ms);
    json_set_bool(&writer, "running", report->running);
    json_put_key(&writer, "centrals");
    json_put_open(&writer, '[');
    put_self(&writer, request->gateway, report);
    for (size_t i = 0; i + 1 < report->centrals && i < report->count; i++) {
        put_peer(&writer, &report->peers[i]);
    }
    json_put_close(&writer, ']');
    json_put_key(&writer, "matrix");
    json_put_open(&writer, '[');
    for (size_t from = 0; from < report->centrals && !gone; from++) {
        gone = put_row(request, &writer, report, from, now_ms);
    }
    if (gone) {
        (void)problem_set(&problem, PROBLEM_INTERNAL, NULL, "the answer could not be sent");
        respond_cut(request, &problem);
        return;
    }
    json_put_close(&writer, ']');
    json_put_key(&writer, "warnings");
    json_put_open(&writer, '[');
    sync_put_warnings(&writer, request->gateway, report);
    json_put_close(&writer, ']');
    json_put_close(&writer, '}');
    respond_send(request, 200);
}

void sync_matrix(struct request *request)
{
    struct mesh_report report;
    struct problem problem;

    if (sync_report(request, true, &report) != 0) {
        (void)problem_set(&problem, PROBLEM_BUSY, "ask again",
                          "the mesh does not answer; it is starting, stopping or busy");
        respond_problem(request, &problem);
        return;
    }
    respond_matrix(request, &report);
    mesh_report_free(&report);
}
