#include "proto/report.h"

#include "proto/limits.h"
#include "proto/wire.h"

#include <stdlib.h>

static void put_peer(msgpack_packer *packer, const struct peer_report *peer)
{
    msgpack_pack_array(packer, 20);
    wire_put_text(packer, peer->id.text);
    wire_put_text(packer, peer->ip);
    msgpack_pack_uint16(packer, peer->p2p_port);
    msgpack_pack_uint16(packer, peer->api_port);
    msgpack_pack_uint32(packer, (uint32_t)peer->state);
    msgpack_pack_int64(packer, peer->since_ms);
    msgpack_pack_int64(packer, peer->last_heard_ms);
    msgpack_pack_uint32(packer, (uint32_t)peer->sync);
    msgpack_pack_int64(packer, peer->equal_at_ms);
    msgpack_pack_uint64(packer, peer->behind);
    msgpack_pack_uint64(packer, peer->ahead);
    msgpack_pack_int64(packer, peer->lag_s);
    msgpack_pack_int64(packer, peer->rtt_ms);
    msgpack_pack_int64(packer, peer->clock_offset_ms);
    wire_put_text(packer, peer->direction);
    wire_put_text(packer, peer->software);
    msgpack_pack_uint32(packer, (uint32_t)peer->problem);
    wire_put_text(packer, peer->last_error);
    msgpack_pack_uint64(packer, peer->sent);
    msgpack_pack_uint64(packer, peer->received);
}

static bool read_peer(struct peer_report *peer, const msgpack_object *object)
{
    struct wire_row row = wire_row(object);

    wire_row_text(&row, peer->id.text, sizeof peer->id.text);
    wire_row_text(&row, peer->ip, sizeof peer->ip);
    peer->p2p_port = (uint16_t)wire_row_u64(&row, 0, UINT16_MAX);
    peer->api_port = (uint16_t)wire_row_u64(&row, 0, UINT16_MAX);
    peer->state = (enum peer_state)wire_row_u64(&row, PEER_UNKNOWN, PEER_PENDING);
    peer->since_ms = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    peer->last_heard_ms = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    peer->sync = (enum peer_sync)wire_row_u64(&row, SYNC_UNKNOWN, SYNC_BOTH);
    peer->equal_at_ms = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    peer->behind = wire_row_u64(&row, 0, UINT64_MAX);
    peer->ahead = wire_row_u64(&row, 0, UINT64_MAX);
    peer->lag_s = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    peer->rtt_ms = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    peer->clock_offset_ms = wire_row_i64(&row, INT64_MIN, INT64_MAX);
    wire_row_text(&row, peer->direction, sizeof peer->direction);
    wire_row_text(&row, peer->software, sizeof peer->software);
    peer->problem = (enum problem_code)wire_row_u64(&row, 0, PROBLEM_COUNT - 1);
    wire_row_text(&row, peer->last_error, sizeof peer->last_error);
    peer->sent = wire_row_u64(&row, 0, UINT64_MAX);
    peer->received = wire_row_u64(&row, 0, UINT64_MAX);
    return !row.bad;
}

static void put_bool(msgpack_packer *packer, bool value)
{
    if (value) {
        msgpack_pack_true(packer);
    } else {
        msgpack_pack_false(packer);
    }
}

int mesh_report_pack(const struct mesh_report *report, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    if (report->count > LIMIT_LINKS) {
        return -1;
    }
    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 9);
    put_bool(&packer, report->running);
    put_bool(&packer, report->has_secret);
    wire_put_text(&packer, report->address);
    wire_put_text(&packer, report->error);
    msgpack_pack_uint64(&packer, report->sent);
    msgpack_pack_uint64(&packer, report->received);
    msgpack_pack_uint64(&packer, report->refused);
    msgpack_pack_uint64(&packer, report->events);
    msgpack_pack_array(&packer, report->count);
    for (size_t i = 0; i < report->count; i++) {
        put_peer(&packer, &report->peers[i]);
    }
    if (out->full) {
        out->len = before;
        return -1;
    }
    return 0;
}

int mesh_report_unpack(struct mesh_report *report, struct slice bytes)
{
    struct wire wire;

    *report = (struct mesh_report){.running = false};
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    report->running = wire_row_bool(&row);
    report->has_secret = wire_row_bool(&row);
    wire_row_text(&row, report->address, sizeof report->address);
    wire_row_text(&row, report->error, sizeof report->error);
    report->sent = wire_row_u64(&row, 0, UINT64_MAX);
    report->received = wire_row_u64(&row, 0, UINT64_MAX);
    report->refused = wire_row_u64(&row, 0, UINT64_MAX);
    report->events = wire_row_u64(&row, 0, UINT64_MAX);
    const msgpack_object *peers = wire_row_array(&row, LIMIT_LINKS, &report->count);
    report->peers = bytes_allocate(report->count, sizeof *report->peers);
    for (size_t i = 0; i < report->count && !row.bad; i++) {
        row.bad = !read_peer(&report->peers[i], wire_at(peers, i));
    }
    wire_close(&wire);
    if (row.bad) {
        mesh_report_free(report);
        return -1;
    }
    return 0;
}

void mesh_report_free(struct mesh_report *report)
{
    free(report->peers);
    report->peers = NULL;
    report->count = 0;
}

const char *peer_state_name(enum peer_state state)
{
    switch (state) {
    case PEER_UNKNOWN:
        return "unknown";
    case PEER_CONNECTING:
        return "connecting";
    case PEER_CONNECTED:
        return "connected";
    case PEER_DISCONNECTED:
        return "disconnected";
    case PEER_REJECTED:
        return "rejected";
    case PEER_PENDING:
        return "pending";
    }
    return "unknown";
}

const char *peer_sync_name(enum peer_sync sync)
{
    switch (sync) {
    case SYNC_UNKNOWN:
        return "unknown";
    case SYNC_EQUAL:
        return "equal";
    case SYNC_BEHIND:
        return "behind";
    case SYNC_AHEAD:
        return "ahead";
    case SYNC_BOTH:
        return "both";
    }
    return "unknown";
}
