#include "proto/report.h"

#include "proto/limits.h"
#include "proto/wire.h"

#include <stdlib.h>

#define CELL_FIELDS 6 /* cells are packed flat: an array each would pass LIMIT_ITEMS */

static void put_bool(msgpack_packer *packer, bool value)
{
    if (value) {
        msgpack_pack_true(packer);
    } else {
        msgpack_pack_false(packer);
    }
}

static void put_peer(msgpack_packer *packer, const struct peer_report *peer)
{
    msgpack_pack_array(packer, 26);
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
    msgpack_pack_int64(packer, peer->said_age_ms);
    wire_put_digest(packer, &peer->log_digest);
    wire_put_digest(packer, &peer->state_digest);
    put_bool(packer, peer->has_events);
    msgpack_pack_uint64(packer, peer->events);
    msgpack_pack_uint64(packer, peer->fold);
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
    peer->said_age_ms = wire_row_i64(&row, -1, INT64_MAX);
    peer->log_digest = wire_row_digest(&row);
    peer->state_digest = wire_row_digest(&row);
    peer->has_events = wire_row_bool(&row);
    peer->events = wire_row_u64(&row, 0, UINT64_MAX);
    peer->fold = wire_row_u64(&row, 0, UINT64_MAX);
    return !row.bad;
}

/* ---- the matrix ---- */

static size_t pairs(size_t centrals)
{
    return centrals ? centrals * (centrals - 1) / 2 : 0;
}

static void put_cells(msgpack_packer *packer, const struct mesh_report *report)
{
    msgpack_pack_uint64(packer, report->centrals);
    msgpack_pack_array(packer, pairs(report->centrals) * CELL_FIELDS);
    for (size_t i = 0; i < pairs(report->centrals); i++) {
        const struct sync_cell *cell = &report->cells[i];
        msgpack_pack_uint32(packer, (uint32_t)cell->sync);
        msgpack_pack_uint32(packer, (uint32_t)cell->last);
        msgpack_pack_uint64(packer, cell->behind);
        msgpack_pack_uint64(packer, cell->ahead);
        msgpack_pack_int64(packer, cell->equal_at_ms);
        msgpack_pack_int64(packer, cell->age_ms);
    }
}

static void read_cells(struct mesh_report *report, struct wire_row *row)
{
    size_t fields = 0;

    report->centrals = wire_row_u64(row, 0, LIMIT_PEERS + 1);
    struct wire_row cells =
        wire_row(wire_row_array(row, pairs(LIMIT_PEERS + 1) * CELL_FIELDS, &fields));
    if (row->bad || fields != pairs(report->centrals) * CELL_FIELDS) {
        row->bad = true;
        return;
    }
    report->cells = bytes_allocate(pairs(report->centrals), sizeof *report->cells);
    for (size_t i = 0; i < pairs(report->centrals); i++) {
        struct sync_cell *cell = &report->cells[i];
        cell->sync = (enum peer_sync)wire_row_u64(&cells, SYNC_UNKNOWN, SYNC_BOTH);
        cell->last = (enum peer_sync)wire_row_u64(&cells, SYNC_UNKNOWN, SYNC_BOTH);
        cell->behind = wire_row_u64(&cells, 0, UINT64_MAX);
        cell->ahead = wire_row_u64(&cells, 0, UINT64_MAX);
        cell->equal_at_ms = wire_row_i64(&cells, INT64_MIN, INT64_MAX);
        cell->age_ms = wire_row_i64(&cells, -1, INT64_MAX);
    }
    row->bad = cells.bad;
}

static enum peer_sync mirrored(enum peer_sync sync)
{
    return sync == SYNC_BEHIND ? SYNC_AHEAD : sync == SYNC_AHEAD ? SYNC_BEHIND : sync;
}

struct sync_cell mesh_report_cell(const struct mesh_report *report, size_t from, size_t to)
{
    size_t low = from < to ? from : to;
    size_t high = from < to ? to : from;
    /* Row after row of the upper triangle, the diagonal left out. */
    struct sync_cell cell =
        report->cells[pairs(report->centrals) - pairs(report->centrals - low) + (high - low - 1)];

    if (from > to) {
        uint64_t behind = cell.behind;
        cell.behind = cell.ahead;
        cell.ahead = behind;
        cell.sync = mirrored(cell.sync);
        cell.last = mirrored(cell.last);
    }
    return cell;
}

/* ---- the whole ---- */

int mesh_report_pack(const struct mesh_report *report, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    if (report->count > LIMIT_LINKS || report->centrals > LIMIT_PEERS + 1) {
        return -1;
    }
    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 16);
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
    wire_put_digest(&packer, &report->log_digest);
    wire_put_digest(&packer, &report->state_digest);
    msgpack_pack_uint64(&packer, report->fold);
    msgpack_pack_uint32(&packer, (uint32_t)report->problem);
    wire_put_text(&packer, report->problem_text);
    put_cells(&packer, report);
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
    report->log_digest = wire_row_digest(&row);
    report->state_digest = wire_row_digest(&row);
    report->fold = wire_row_u64(&row, 0, UINT64_MAX);
    report->problem = (enum problem_code)wire_row_u64(&row, 0, PROBLEM_COUNT - 1);
    wire_row_text(&row, report->problem_text, sizeof report->problem_text);
    if (!row.bad) {
        read_cells(report, &row);
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
    free(report->cells);
    report->peers = NULL;
    report->cells = NULL;
    report->count = report->centrals = 0;
}

int64_t peer_report_count(const struct peer_report *peer, uint64_t count)
{
    return count == 0 && peer->sync == SYNC_UNKNOWN ? -1 : (int64_t)count;
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

const char *peer_report_status(const struct peer_report *peer)
{
    enum peer_state state = peer->state;

    if (state == PEER_UNKNOWN) {
        bool is_wrong = peer->problem != PROBLEM_OK || peer->last_error[0] != '\0';
        state = is_wrong ? PEER_DISCONNECTED : PEER_CONNECTING;
    }
    return peer_state_name(state);
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
