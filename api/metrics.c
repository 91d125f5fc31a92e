/*
 * GET /metrics in the text format of Prometheus, 0.0.4. Labels are ids of centrals, routes of our
 * table and codes: never a plate, a person or anything else from a request.
 */
#include "api/handlers.h"

#include "api/disk.h"
#include "api/meter.h"
#include "api/peer_links.h"
#include "api/respond.h"
#include "api/route.h"
#include "proto/clock.h"
#include "proto/event.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECONDS(us) ((double)(us) / 1e6)

static void head(struct buffer *out, const char *name, const char *type, const char *help)
{
    (void)buffer_printf(out, "# HELP parkmesh_%s %s\n# TYPE parkmesh_%s %s\n", name, help, name,
                        type); /* `full` is looked at in the end, here and below */
}

static void gauge(struct buffer *out, const char *name, const char *help, double value)
{
    head(out, name, "gauge", help);
    (void)buffer_printf(out, "parkmesh_%s %.15g\n", name, value);
}

static void counter(struct buffer *out, const char *name, const char *help, uint64_t value)
{
    head(out, name, "counter", help);
    (void)buffer_printf(out, "parkmesh_%s %" PRIu64 "\n", name, value);
}

/* ---- this server ----------------------------------------------------------------------------- */

static void put_http(struct buffer *out, struct meter *meter)
{
    const struct route *route;
    bool last;
    size_t i = 0;

    head(out, "http_requests_total", "counter", "Answers by route, method and class of status.");
    do {
        route = route_at(i);
        last = route == NULL;
        for (int class = 1; class <= METER_CLASSES; class ++) {
            uint64_t count = meter_http_count(meter, i, class);
            if (count > 0) {
                (void)buffer_printf(out,
                                    "parkmesh_http_requests_total{route=\"%s\",method=\"%s\","
                                    "code=\"%dxx\"} %" PRIu64 "\n",
                                    last ? "none" : route->path, last ? "none" : route->method,
                                    class, count);
            }
        }
        i++;
    } while (!last);
}

static void put_commands(struct buffer *out, struct meter *meter)
{
    static const int64_t bounds[METER_BUCKETS] = METER_BOUNDS;
    struct meter_commits commits;
    uint64_t sum = 0;

    head(out, "commands_total", "counter", "Requests that the writer decided, by outcome.");
    for (int code = 0; code < PROBLEM_COUNT; code++) {
        uint64_t count = meter_outcome_count(meter, (enum problem_code)code);
        if (count > 0 || code == PROBLEM_OK) {
            (void)buffer_printf(out, "parkmesh_commands_total{outcome=\"%s\"} %" PRIu64 "\n",
                                problem_name((enum problem_code)code), count);
        }
    }
    head(out, "commands_repeated_total", "counter", "Of these, repetitions that were recognised.");
    (void)buffer_printf(out, "parkmesh_commands_repeated_total %" PRIu64 "\n",
                        meter_deduped_count(meter));
    head(out, "commit_duration_seconds", "histogram",
         "From the hand-over of a command to the writer until it is durable.");
    meter_commits(meter, &commits);
    for (size_t i = 0; i <= METER_BUCKETS; i++) {
        sum += commits.buckets[i];
        if (i < METER_BUCKETS) {
            (void)buffer_printf(
                out, "parkmesh_commit_duration_seconds_bucket{le=\"%.10g\"} %" PRIu64 "\n",
                SECONDS(bounds[i]), sum);
        }
    }
    (void)buffer_printf(out,
                        "parkmesh_commit_duration_seconds_bucket{le=\"+Inf\"} %" PRIu64 "\n"
                        "parkmesh_commit_duration_seconds_sum %.6f\n"
                        "parkmesh_commit_duration_seconds_count %" PRIu64 "\n",
                        sum, SECONDS(commits.sum_us), sum);
}

/* ---- sockets and sessions -------------------------------------------------------------------- */

static void put_channels(struct buffer *out, struct push *push)
{
    struct push_figures figures;

    head(out, "websockets", "gauge", "Open WebSockets.");
    for (size_t i = 0; push_figures(push, i, &figures); i++) {
        (void)buffer_printf(out, "parkmesh_websockets{channel=\"%s\"} %" PRIu32 "\n", figures.path,
                            figures.open);
    }
    head(out, "websockets_opened_total", "counter", "WebSockets that were opened.");
    for (size_t i = 0; push_figures(push, i, &figures); i++) {
        (void)buffer_printf(out, "parkmesh_websockets_opened_total{channel=\"%s\"} %" PRIu64 "\n",
                            figures.path, figures.opened);
    }
    head(out, "websockets_cut_total", "counter",
         "WebSockets that were cut: slow did not take what was queued, silent answered no ping.");
    for (size_t i = 0; push_figures(push, i, &figures); i++) {
        (void)buffer_printf(
            out,
            "parkmesh_websockets_cut_total{channel=\"%s\",reason=\"slow\"} %" PRIu64 "\n"
            "parkmesh_websockets_cut_total{channel=\"%s\",reason=\"silent\"} %" PRIu64 "\n",
            figures.path, figures.slow, figures.path, figures.silent);
    }
    head(out, "websocket_messages_dropped_total", "counter",
         "Messages that slow WebSockets did not get any more.");
    for (size_t i = 0; push_figures(push, i, &figures); i++) {
        (void)buffer_printf(
            out, "parkmesh_websocket_messages_dropped_total{channel=\"%s\"} %" PRIu64 "\n",
            figures.path, figures.dropped);
    }
}

static void put_sessions(struct buffer *out, struct identity *identity)
{
    int64_t count = identity_sessions(identity, clock_wall_ms());

    head(out, "sessions", "gauge", "Sessions of people that are logged in.");
    if (count >= 0) {
        (void)buffer_printf(out, "parkmesh_sessions %" PRId64 "\n", count);
    }
}

static void put_disk(struct buffer *out, const char *database)
{
    struct disk_use use;

    disk_measure(database, &use);
    if (use.database >= 0) {
        gauge(out, "database_bytes", "Size of the database file.", (double)use.database);
    }
    gauge(out, "wal_bytes", "Size of the write-ahead log.", (double)use.wal);
    if (use.free >= 0) {
        gauge(out, "disk_free_bytes", "Room on the disk of the database.", (double)use.free);
    }
}

/* ---- other centrals -------------------------------------------------------------------------- */

enum peer_figure {
    FIGURE_UP,
    FIGURE_EQUAL,
    FIGURE_LAG_EVENTS,
    FIGURE_LAG_SECONDS,
    FIGURE_OFFSET,
    FIGURE_RTT,
    FIGURE_COUNT
};

/* False when it is not known: then there is no sample. */
static bool figure_of(const struct peer_report *peer, enum peer_figure figure, double *value)
{
    switch (figure) {
    case FIGURE_UP:
        *value = peer->state == PEER_CONNECTED ? 1 : 0;
        return true;
    case FIGURE_EQUAL:
        *value = peer->sync == SYNC_EQUAL ? 1 : 0;
        return true;
    case FIGURE_LAG_EVENTS:
        *value = (double)peer_report_count(peer,
                                           peer->behind > peer->ahead ? peer->behind : peer->ahead);
        return *value >= 0;
    case FIGURE_LAG_SECONDS:
        *value = (double)peer->lag_s;
        return peer->lag_s >= 0;
    case FIGURE_OFFSET:
        *value = (double)peer->clock_offset_ms / 1000;
        return peer->clock_offset_ms != EVENT_NONE;
    case FIGURE_RTT:
        *value = (double)peer->rtt_ms / 1000;
        return peer->rtt_ms >= 0;
    case FIGURE_COUNT:
        break;
    }
    return false;
}

static void put_peers(struct buffer *out, const struct mesh_report *report)
{
    static const struct {
        const char *name, *help;
    } figures[FIGURE_COUNT] = {
        {"peer_up", "1 while the link to a peer is up."},
        {"peer_log_equal", "1 while its log digest equals ours."},
        {"peer_lag_events", "Events that one of both lacks; no sample: unknown."},
        {"peer_lag_seconds", "Since both logs were last equal; no sample: never."},
        {"peer_clock_offset_seconds", "Its clock less ours."},
        {"peer_round_trip_seconds", "A message there and back."},
    };

    for (int figure = 0; figure < FIGURE_COUNT; figure++) {
        head(out, figures[figure].name, "gauge", figures[figure].help);
        for (size_t i = 0; i < report->count; i++) {
            const struct peer_report *peer = &report->peers[i];
            double value;
            if (peer->state != PEER_PENDING && figure_of(peer, (enum peer_figure)figure, &value)) {
                (void)buffer_printf(out, "parkmesh_%s{peer=\"%s\"} %.15g\n", figures[figure].name,
                                    peer->id.text, value);
            }
        }
    }
}

/* WebSockets of centrals of the existing system. True while there is one. */
static bool put_links(struct buffer *out, struct peer_links *links)
{
    struct peer_link_report *reports = bytes_allocate(PEER_LINK_REPORTS, sizeof *reports);
    size_t count = peer_links_report(links, reports, PEER_LINK_REPORTS);
    bool used = false;

    head(out, "peer_websockets", "gauge", "WebSockets open to a peer without the mesh.");
    for (size_t i = 0; i < count; i++) {
        if (strcmp(reports[i].link, "websocket") == 0 || reports[i].sockets > 0) {
            used = used || reports[i].sockets > 0;
            (void)buffer_printf(out, "parkmesh_peer_websockets{peer=\"%s\"} %u\n",
                                reports[i].id.text, reports[i].sockets);
        }
    }
    head(out, "peer_websocket_messages_refused_total", "counter",
         "Messages and rows that meant nothing.");
    for (size_t i = 0; i < count; i++) {
        if (reports[i].received > 0) {
            (void)buffer_printf(
                out, "parkmesh_peer_websocket_messages_refused_total{peer=\"%s\"} %" PRIu64 "\n",
                reports[i].id.text, reports[i].refused);
        }
    }
    free(reports);
    return used;
}

static void put_mesh(struct buffer *out, const struct mesh_report *report)
{
    gauge(out, "mesh_up", "1 while links to other centrals are on.", report->running ? 1 : 0);
    gauge(out, "events", "Events in the log.", (double)report->events);
    head(out, "mesh_messages_sent_total", "counter", "Messages to other centrals.");
    (void)buffer_printf(out, "parkmesh_mesh_messages_sent_total %" PRIu64 "\n", report->sent);
    head(out, "mesh_messages_received_total", "counter", "Messages from other centrals.");
    (void)buffer_printf(out, "parkmesh_mesh_messages_received_total %" PRIu64 "\n",
                        report->received);
    head(out, "mesh_messages_refused_total", "counter", "Bytes that were no message of ours.");
    (void)buffer_printf(out, "parkmesh_mesh_messages_refused_total %" PRIu64 "\n", report->refused);
    put_peers(out, report);
}

/* One sample a code, of ourselves and all peers. */
static void put_warnings(struct buffer *out, const struct mesh_report *report, bool has_websockets)
{
    uint64_t counts[PROBLEM_COUNT] = {0};

    counts[report->problem]++;
    counts[PROBLEM_LINK_UNAUTHENTICATED] += has_websockets;
    for (size_t i = 0; i < report->count; i++) {
        counts[report->peers[i].problem] += report->peers[i].state != PEER_PENDING;
    }
    head(out, "warnings", "gauge", "What is wrong now, by code.");
    for (int code = PROBLEM_OK + 1; code < PROBLEM_COUNT; code++) {
        if (counts[code] > 0) {
            (void)buffer_printf(out, "parkmesh_warnings{code=\"%s\"} %" PRIu64 "\n",
                                problem_name((enum problem_code)code), counts[code]);
        }
    }
}

static void put_bus(struct buffer *out, const struct bus_report *report)
{
    uint64_t subscribers = 0;

    for (size_t i = 0; i < report->topic_count; i++) {
        subscribers += report->topics[i].subscribers;
    }
    gauge(out, "bus_listening", "1 while other programs can follow the bus.",
          report->is_listening ? 1 : 0);
    gauge(out, "bus_subscriptions", "Subscriptions to the bus.", (double)subscribers);
    counter(out, "bus_messages_total", "Messages published on the bus, each counted once.",
            report->published);
    counter(out, "bus_replays_total", "Subscribers that asked for what they missed.",
            report->replays);
    counter(out, "bus_replayed_messages_total", "Messages that subscribers had missed and fetched.",
            report->replayed);
    counter(out, "bus_unknown_cursors_total", "Cursors that this database never gave, or lost.",
            report->unknown);
}

void metrics_get(struct request *request)
{
    struct bus_report *bus = bus_ask(request);
    struct gateway *gateway = request->gateway;
    struct mesh_report report;
    struct json_writer writer;
    struct buffer out = {0};

    (void)sync_report(request, false, &report); /* without an answer: not running, no peers */
    head(&out, "build_info", "gauge", "Always 1; the version is its label.");
    (void)buffer_printf(&out, "parkmesh_build_info{version=\"%s\",node=\"%s\"} 1\n",
                        gateway->version, gateway->node.text);
    gauge(&out, "ready", "1 while this central takes events.",
          atomic_load(&gateway->ready) && !atomic_load(&gateway->stopping) ? 1 : 0);
    gauge(&out, "http_requests_under_way", "Requests being answered.",
          (double)atomic_load(&gateway->under_way));
    put_http(&out, gateway->meter);
    put_commands(&out, gateway->meter);
    put_channels(&out, gateway->push);
    put_sessions(&out, gateway->identity);
    put_disk(&out, gateway->database);
    put_bus(&out, bus);
    free(bus);
    put_mesh(&out, &report);
    put_warnings(&out, &report, put_links(&out, gateway->peer_links));
    mesh_report_free(&report);
    writer = respond_json(request);
    json_put_raw(&writer, buffer_slice(&out));
    request->content_type = "text/plain; version=0.0.4; charset=utf-8";
    if (out.full) {
        respond_error(request, PROBLEM_INTERNAL, "Lỗi nội bộ");
    } else {
        respond_send(request, 200);
    }
    buffer_free(&out);
}
