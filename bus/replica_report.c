/*
 * How it stands. Figures are counted here, in one walk over what each peer is known to hold.
 */
#include "bus/replica_internal.h"

#include <string.h>

/* A peer may claim any head: sums stop at the ceiling. */
static void add(uint64_t *sum, uint64_t part)
{
    *sum = part > UINT64_MAX - *sum ? UINT64_MAX : *sum + part;
}

static void count(const struct replica *replica, const struct replica_central *peer,
                  struct peer_report *report)
{
    if (!peer->digest_known || peer->equal) {
        return;
    }
    for (uint32_t i = 0; i < replica->stream_count; i++) {
        uint64_t known = i < peer->view_count ? peer->views[i].known : 0;
        uint64_t head = replica->streams[i].head;
        if (known > head) {
            add(&report->behind, known - head);
        } else if (peer->is_mapped) {
            add(&report->ahead, head - known);
        }
    }
}

static enum peer_sync judge(const struct replica_central *peer, const struct peer_report *report)
{
    if (!peer->digest_known) {
        return SYNC_UNKNOWN;
    }
    if (peer->active && peer->equal) {
        return SYNC_EQUAL;
    }
    if (report->behind && report->ahead) {
        return SYNC_BOTH;
    }
    if (report->behind) {
        return SYNC_BEHIND;
    }
    /* Digests differ, or are old, and nothing explains it: that is not equal. */
    return report->ahead ? SYNC_AHEAD : SYNC_UNKNOWN;
}

static int64_t lag(const struct replica_central *peer, int64_t wall_ms)
{
    if (peer->active && peer->equal) {
        return 0;
    }
    if (peer->equal_at_ms == 0) {
        return -1;
    }
    int64_t since_ms = wall_ms - peer->equal_at_ms;
    return since_ms > 0 ? since_ms / 1000 : 0;
}

static void report_peer(const struct replica *replica, const struct replica_central *peer,
                        struct replica_now now, struct peer_report *out)
{
    *out = (struct peer_report){
        .id = peer->config.id,
        .p2p_port = peer->config.p2p_port,
        .api_port = peer->config.api_port,
        .state = peer->state,
        .since_ms = peer->since_ms,
        .last_heard_ms = peer->heard_ms,
        .equal_at_ms = peer->equal_at_ms,
        .lag_s = lag(peer, now.wall_ms),
        .rtt_ms = peer->rtt_ms,
        .clock_offset_ms = peer->offset_ms,
        .problem = peer->problem,
        .sent = peer->sent,
        .received = peer->received,
        .said_age_ms = peer->digest_known ? now.mono_ms - peer->said_ms : -1,
        .log_digest = peer->log_digest,
        .state_digest = peer->state_digest,
        .has_events = replica_equal_counted(peer),
        .events = peer->events,
        .fold = peer->fold,
    };
    memcpy(out->ip, peer->config.ip, sizeof out->ip);
    memcpy(out->software, peer->software, sizeof out->software);
    memcpy(out->last_error, peer->last_error, sizeof out->last_error);
    if (peer->active) {
        /* Both names fit. */
        (void)slice_copy(slice_text(peer->active->dialled ? "dialled" : "accepted"), out->direction,
                         sizeof out->direction);
    }
    count(replica, peer, out);
    out->sync = judge(peer, out);
}

static void report_stranger(const struct replica_stranger *stranger, struct peer_report *out)
{
    *out = (struct peer_report){
        .id = stranger->id,
        .api_port = stranger->api_port,
        .state = PEER_PENDING,
        .since_ms = stranger->since_ms,
        .last_heard_ms = stranger->heard_ms,
        .lag_s = -1,
        .said_age_ms = -1,
        .rtt_ms = -1,
        .clock_offset_ms = EVENT_NONE,
        .problem = PROBLEM_UNKNOWN_PEER,
    };
    memcpy(out->ip, stranger->ip, sizeof out->ip);
    memcpy(out->software, stranger->software, sizeof out->software);
    (void)slice_copy(slice_text("it has the right secret but is not configured here; accept it "
                                "to exchange events with it"),
                     out->last_error, sizeof out->last_error); /* fits */
}

void replica_report(const struct replica *replica, struct mesh_report *report,
                    struct replica_now now)
{
    size_t total = replica->peer_count + replica->stranger_count;

    report->sent = replica->sent;
    report->received = replica->received;
    report->refused = replica->refused;
    report->events = replica->events;
    report->log_digest = replica->log_digest;
    report->state_digest = replica->state_digest;
    report->fold = replica->options.fold;
    report->problem = replica->problem;
    memcpy(report->problem_text, replica->problem_text, sizeof report->problem_text);
    report->peers = bytes_allocate(total, sizeof *report->peers);
    report->count = total;
    for (size_t i = 0; i < replica->peer_count; i++) {
        report_peer(replica, replica->peers[i], now, &report->peers[i]);
    }
    for (size_t i = 0; i < replica->stranger_count; i++) {
        report_stranger(&replica->strangers[i], &report->peers[replica->peer_count + i]);
    }
}
