/*
 * Who equals whom: what each central said last of its log and of the visits it made of it, compared
 * with ours and with each other's.
 *
 * Equality is read from digests only. What differs is counted from the heads that were heard: a
 * central's heads are complete when they sum up to the number of events that it says it holds. Only
 * then does a head that it was not heard to have count as missing there; otherwise only the
 * difference of both numbers is sure. So every figure is a lower bound of the truth.
 */
#include "bus/replica_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAID_BEATS 3          /* heartbeats; who said nothing for longer is not called equal */
#define ODD_STATES 3          /* statements of another state before it is an alarm */
#define ODD_BEATS 2           /* heartbeats that they must span */
#define MATRIX_WORK 4000000ul /* heads compared for one matrix; then numbers only */

/* ---- equal logs, unequal states ---- */

/* Once for the log; shown as long as it lasts, unless something worse is. */
static void tell_diverged(struct replica *replica, struct replica_central *peer)
{
    char text[480];

    (void)snprintf(text, sizeof text,
                   "%s and %s hold the same events but made different histories of them. Compare "
                   "the state digests of all centrals in /api/v1/sync: the one that stands alone "
                   "is wrong. Update it, move its data directory away and start it: it pulls "
                   "everything back. Keep the old directory for a report",
                   replica->options.node.text, peer->config.id.text); /* fits */
    if (peer->problem == PROBLEM_OK || peer->problem == PROBLEM_CLOCK_SKEW) {
        replica_peer_problem(peer, PROBLEM_STATE_DIVERGED, text);
    }
    if (!peer->has_diverged) {
        peer->has_diverged = true;
        replica_alarm(
            replica,
            &(struct replica_news){.code = PROBLEM_STATE_DIVERGED, .peer = &peer->config.id}, "%s",
            text);
    }
}

static void forget_diverged(struct replica_central *peer)
{
    peer->odd_states = 0;
    peer->has_diverged = false;
    if (peer->problem == PROBLEM_STATE_DIVERGED) {
        replica_peer_problem(peer, PROBLEM_OK, "");
    }
}

/* Equal logs must fold to equal histories, by the same version of the rules. One odd statement may
 * be a state that is being made anew: it has to hold. */
static void check_state(struct replica *replica, struct replica_central *peer)
{
    int64_t now = replica->now.mono_ms;

    if (peer->fold != replica->options.fold) {
        forget_diverged(peer); /* they may differ */
        return;
    }
    if (digest_is_zero(&peer->state_digest) || digest_is_zero(&replica->state_digest)) {
        return; /* not known at the moment */
    }
    if (digest_equal(&peer->state_digest, &replica->state_digest)) {
        if (peer->has_diverged) {
            replica_alarm(replica,
                          &(struct replica_news){.id = "STATE_EQUAL", .peer = &peer->config.id},
                          "the same events make the same history again");
        }
        forget_diverged(peer);
        return;
    }
    if (peer->odd_states == 0) {
        peer->odd_since_ms = now;
    }
    peer->odd_states += peer->odd_states < ODD_STATES;
    if (peer->odd_states == ODD_STATES &&
        now - peer->odd_since_ms >= ODD_BEATS * replica->options.heartbeat_ms) {
        tell_diverged(replica, peer);
    }
}

/* ---- what was said ---- */

void replica_equal_said(struct replica *replica, struct replica_central *peer,
                        const struct digest *log, const struct digest *state)
{
    peer->digest_known = true;
    peer->log_digest = *log;
    peer->state_digest = *state;
    peer->said_ms = replica->now.mono_ms;
    replica_peer_judge(replica, peer);
    if (peer->equal) {
        check_state(replica, peer);
    }
    if (digest_is_zero(log)) {
        replica_equal_count(peer, log, 0); /* an empty log, whatever it says of its number */
    }
    for (size_t i = 0; i < replica->peer_count; i++) {
        struct replica_central *other = replica->peers[i];
        if (other != peer && other->active && other->digest_known &&
            digest_equal(log, &other->log_digest)) {
            peer->equal_with_ms[other->slot] = other->equal_with_ms[peer->slot] =
                replica->now.wall_ms;
        }
    }
}

void replica_equal_count(struct replica_central *peer, const struct digest *log, uint64_t events)
{
    peer->events_known = true;
    peer->events = events;
    peer->events_digest = *log;
}

bool replica_equal_counted(const struct replica_central *peer)
{
    return peer->digest_known && peer->events_known &&
           digest_equal(&peer->events_digest, &peer->log_digest);
}

/* ---- places in the table of pairs ---- */

void replica_equal_enter(struct replica *replica, struct replica_central *peer)
{
    while (peer->slot < LIMIT_PEERS - 1 && replica->slots[peer->slot]) {
        peer->slot++;
    }
    replica->slots[peer->slot] = true;
}

void replica_equal_leave(struct replica *replica, struct replica_central *peer)
{
    for (size_t i = 0; i < replica->peer_count; i++) {
        replica->peers[i]->equal_with_ms[peer->slot] = 0;
    }
    replica->slots[peer->slot] = false;
}

/* ---- the matrix ---- */

/* One central as the matrix sees it. */
struct side {
    const struct replica_central *peer; /* NULL = this one */
    bool is_known, is_here, has_events, is_complete;
    struct digest digest;
    uint64_t events;
    int64_t age_ms;
};

/* A peer may claim any head: sums stop at the ceiling. */
static void add(uint64_t *sum, uint64_t part)
{
    *sum = part > UINT64_MAX - *sum ? UINT64_MAX : *sum + part;
}

static uint64_t head_of(const struct replica *replica, const struct side *side, uint32_t stream)
{
    if (!side->peer) {
        return replica->streams[stream].head;
    }
    return stream < side->peer->view_count ? side->peer->views[stream].known : 0;
}

static struct side self_side(const struct replica *replica)
{
    return (struct side){.is_known = replica->ready,
                         .is_here = true,
                         .has_events = true,
                         .is_complete = true,
                         .digest = replica->log_digest,
                         .events = replica->events};
}

static struct side peer_side(const struct replica *replica, const struct replica_central *peer,
                             int64_t now_ms)
{
    struct side side = {.peer = peer,
                        .is_known = peer->digest_known,
                        .has_events = replica_equal_counted(peer),
                        .digest = peer->log_digest,
                        .events = peer->events,
                        .age_ms = now_ms - peer->said_ms};
    uint64_t sum = 0;

    side.is_here = peer->state == PEER_CONNECTED && peer->active &&
                   side.age_ms <= SAID_BEATS * replica->options.heartbeat_ms;
    for (uint32_t i = 0; i < replica->stream_count && side.has_events; i++) {
        add(&sum, head_of(replica, &side, i));
    }
    side.is_complete = side.has_events && sum == side.events;
    return side;
}

/* What the heads say. A head counts as missing only where the list is complete. */
static void compare_heads(const struct replica *replica, const struct side *a, const struct side *b,
                          struct sync_cell *cell)
{
    for (uint32_t i = 0; i < replica->stream_count; i++) {
        uint64_t of_a = head_of(replica, a, i);
        uint64_t of_b = head_of(replica, b, i);
        if (of_b > of_a && a->is_complete) {
            add(&cell->behind, of_b - of_a);
        } else if (of_a > of_b && b->is_complete) {
            add(&cell->ahead, of_a - of_b);
        }
    }
}

static void compare(const struct replica *replica, const struct side *a, const struct side *b,
                    size_t *work, struct sync_cell *cell)
{
    if (digest_equal(&a->digest, &b->digest)) {
        cell->last = SYNC_EQUAL;
        return;
    }
    if ((a->is_complete || b->is_complete) && *work >= replica->stream_count) {
        *work -= replica->stream_count;
        compare_heads(replica, a, b, cell);
    }
    if (a->has_events && b->has_events) {
        uint64_t lacks = b->events > a->events ? b->events - a->events : 0;
        uint64_t extra = a->events > b->events ? a->events - b->events : 0;
        cell->behind = lacks > cell->behind ? lacks : cell->behind;
        cell->ahead = extra > cell->ahead ? extra : cell->ahead;
    }
    /* Digests differ and nothing explains it: that is not equal. */
    cell->last = cell->behind && cell->ahead ? SYNC_BOTH
                 : cell->behind              ? SYNC_BEHIND
                 : cell->ahead               ? SYNC_AHEAD
                                             : SYNC_UNKNOWN;
}

static int64_t equal_at(const struct side *a, const struct side *b)
{
    return a->peer ? a->peer->equal_with_ms[b->peer->slot] : b->peer->equal_at_ms;
}

static struct sync_cell judge(const struct replica *replica, const struct side *a,
                              const struct side *b, size_t *work)
{
    struct sync_cell cell = {.equal_at_ms = equal_at(a, b), .age_ms = -1};

    if (a->is_known && b->is_known) {
        cell.age_ms = a->age_ms > b->age_ms ? a->age_ms : b->age_ms;
        compare(replica, a, b, work, &cell);
        cell.sync = a->is_here && b->is_here ? cell.last : SYNC_UNKNOWN;
    }
    return cell;
}

void replica_matrix(const struct replica *replica, struct mesh_report *report,
                    struct replica_now now)
{
    size_t centrals = replica->peer_count + 1;
    size_t work = MATRIX_WORK;
    size_t place = 0;
    struct side *sides = bytes_allocate(centrals, sizeof *sides);

    sides[0] = self_side(replica);
    for (size_t i = 1; i < centrals; i++) {
        sides[i] = peer_side(replica, replica->peers[i - 1], now.mono_ms);
    }
    report->centrals = centrals;
    report->cells = bytes_allocate(centrals * (centrals - 1) / 2, sizeof *report->cells);
    for (size_t i = 0; i < centrals; i++) {
        for (size_t j = i + 1; j < centrals; j++) {
            report->cells[place++] = judge(replica, &sides[i], &sides[j], &work);
        }
    }
    free(sides);
}
