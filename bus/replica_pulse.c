/*
 * What we tell without being asked: HEARTBEAT with our digests and changed heads, ACK for what a
 * peer has itself, and a push of what was written here. None of it must arrive: it only makes the
 * others ask sooner. Heartbeats also measure round trips and the difference of clocks (NTP's
 * four-timestamp rule, RFC 5905 section 8, with the hold time sent as a duration).
 */
#include "bus/replica_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RTT_MAX_MS 60000      /* an echo older than that measures nothing */
#define SKEW_CALM_MS 1500     /* below: a warned difference is over */
#define ANNOUNCE_SPREAD_MS 40 /* whoever is first spares the others the same news */

/* ---- heads to tell ---- */

void replica_pulse_mark(struct replica_central *peer, struct replica_view *view, uint32_t stream,
                        uint32_t flag)
{
    struct replica_marks *marks = flag == VIEW_TELL ? &peer->tell : &peer->ack;
    if (!(view->flags & flag) && marks->count < REPLICA_MARKS) {
        marks->streams[marks->count++] = stream;
        view->flags |= flag;
    }
}

/* Takes up to `max` heads out of the list, oldest mark first; `is_news`: those that the peer has
 * heard of meanwhile are left out. */
static size_t take(struct replica *replica, struct replica_central *peer, uint32_t flag,
                   struct head *out, size_t max)
{
    struct replica_marks *marks = flag == VIEW_TELL ? &peer->tell : &peer->ack;
    size_t taken = 0;
    size_t next = 0;

    while (next < marks->count && taken < max) {
        uint32_t stream = marks->streams[next++];
        struct replica_view *view = replica_peer_view(replica, peer, stream);
        view->flags &= ~flag;
        if (flag == VIEW_ACK || view->known < replica->streams[stream].head) {
            out[taken++] = replica_vector_head(replica, stream);
        }
    }
    marks->count -= next;
    memmove(marks->streams, marks->streams + next, marks->count * sizeof *marks->streams);
    return taken;
}

void replica_pulse_forget(struct replica_central *peer)
{
    for (size_t i = 0; i < peer->tell.count; i++) {
        peer->views[peer->tell.streams[i]].flags &= ~(uint32_t)VIEW_TELL;
    }
    for (size_t i = 0; i < peer->ack.count; i++) {
        peer->views[peer->ack.streams[i]].flags &= ~(uint32_t)VIEW_ACK;
    }
    peer->tell.count = peer->ack.count = 0;
    peer->announce_at_ms = REPLICA_NEVER;
    peer->echo_ms = 0;
}

void replica_pulse_announce(struct replica *replica, struct replica_central *peer)
{
    if (peer->announce_at_ms != REPLICA_NEVER) {
        return;
    }
    int64_t at = replica->now.mono_ms + (int64_t)replica_random(replica, ANNOUNCE_SPREAD_MS);
    int64_t soonest = peer->pulse_sent_ms + REPLICA_ANNOUNCE_MS;
    peer->announce_at_ms = at > soonest ? at : soonest;
}

/* ---- HEARTBEAT ---- */

/* All but the heads, for which `heads` has room. */
static struct message_heartbeat state_now(const struct replica *replica,
                                          const struct replica_central *peer, struct head *heads)
{
    struct message_heartbeat heartbeat = {
        .wall_ms = replica->now.wall_ms,
        .hlc = replica->hlc,
        .log_digest = replica->log_digest,
        .state_digest = replica->state_digest,
        .events = replica->events,
        .sent_ms = replica->now.mono_ms,
        .echo_ms = peer->echo_ms,
        .hold_ms = peer->echo_ms ? replica->now.mono_ms - peer->echo_at_ms : 0,
        .heads = heads,
    };
    if (replica->own.seq) {
        heads[heartbeat.count++] = replica->own;
    }
    return heartbeat;
}

void replica_pulse_answer(struct replica *replica, struct replica_link *link)
{
    struct head heads[1];
    struct buffer message = {.limit = 0};
    struct message_heartbeat heartbeat = state_now(replica, link->peer, heads);
    int packed = message_pack_heartbeat(&message, &heartbeat);

    replica_send(replica, link, &message, packed);
}

void replica_pulse_notice(struct replica *replica, struct replica_link *link,
                          enum problem_code code, const char *text)
{
    struct head heads[1];
    struct buffer message = {.limit = 0};
    struct message_heartbeat heartbeat = state_now(replica, link->peer, heads);

    (void)snprintf(heartbeat.notice.code, sizeof heartbeat.notice.code, "%s",
                   problem_name(code)); /* fits */
    /* A longer text is cut; it is for people. */
    (void)slice_copy(slice_text(text), heartbeat.notice.text, sizeof heartbeat.notice.text);
    int packed = message_pack_heartbeat(&message, &heartbeat);
    replica_send(replica, link, &message, packed);
}

void replica_pulse_beat(struct replica *replica, struct replica_central *peer)
{
    int64_t beat = replica->options.heartbeat_ms;
    int64_t now = replica->now.mono_ms;
    struct head heads[LIMIT_HEADS_CHANGED];
    struct message_heartbeat heartbeat = state_now(replica, peer, heads);

    heartbeat.count += take(replica, peer, VIEW_TELL, heads + heartbeat.count,
                            LIMIT_HEADS_CHANGED - heartbeat.count);
    peer->pulse_sent_ms = now;
    peer->pulse_ms = beat - (int64_t)replica_random(replica, (uint64_t)beat / 10 + 1);
    peer->pulse_digest = replica->log_digest;
    peer->announce_at_ms = peer->tell.count ? now + REPLICA_ANNOUNCE_MS : REPLICA_NEVER;

    struct buffer message = {.limit = 0};
    int packed = message_pack_heartbeat(&message, &heartbeat);
    replica_send_peer(replica, peer, &message, packed);
}

static void acknowledge(struct replica *replica, struct replica_central *peer)
{
    struct head heads[LIMIT_HEADS_CHANGED];
    size_t count = take(replica, peer, VIEW_ACK, heads, LIMIT_HEADS_CHANGED);
    struct buffer message = {.limit = 0};
    int packed = message_pack_ack(&message, heads, count);

    replica_send_peer(replica, peer, &message, packed);
    peer->ack_sent_ms = replica->now.mono_ms;
}

/* The regular one; four times as often while our log moves, so that "in sync" is seen soon. */
static int64_t beat_due(const struct replica *replica, const struct replica_central *peer)
{
    bool has_changed = !digest_equal(&peer->pulse_digest, &replica->log_digest);
    int64_t pause = has_changed ? replica->options.heartbeat_ms / 4 : peer->pulse_ms;
    int64_t at = peer->pulse_sent_ms + pause;
    return peer->announce_at_ms < at ? peer->announce_at_ms : at;
}

static int64_t ack_due(const struct replica_central *peer)
{
    return peer->ack.count ? peer->ack_sent_ms + REPLICA_ACK_MS : REPLICA_NEVER;
}

int64_t replica_pulse_deadline(const struct replica *replica, const struct replica_central *peer)
{
    if (!peer->active) {
        return REPLICA_NEVER;
    }
    int64_t beat = beat_due(replica, peer);
    int64_t ack = ack_due(peer);
    return beat < ack ? beat : ack;
}

void replica_pulse_tick(struct replica *replica, struct replica_central *peer)
{
    if (peer->active && replica->now.mono_ms >= beat_due(replica, peer)) {
        replica_pulse_beat(replica, peer);
    }
    if (peer->active && replica->now.mono_ms >= ack_due(peer)) {
        acknowledge(replica, peer);
    }
}

/* ---- clocks ---- */

static void judge_clock(struct replica *replica, struct replica_central *peer)
{
    int64_t size = peer->offset_ms < 0 ? -peer->offset_ms : peer->offset_ms;

    if (!peer->is_skewed && size >= LIMIT_CLOCK_WARN_MS) {
        char text[300];
        (void)snprintf(text, sizeof text,
                       "the clock of %s is %" PRId64 ".%" PRId64 " s %s that of %s; check the time "
                       "synchronisation of both",
                       peer->config.id.text, size / 1000, size % 1000 / 100,
                       peer->offset_ms > 0 ? "ahead of" : "behind",
                       replica->options.node.text); /* fits */
        peer->is_skewed = true;
        if (peer->problem == PROBLEM_OK) {
            replica_peer_problem(peer, PROBLEM_CLOCK_SKEW, text);
        }
        replica_alarm(replica,
                      &(struct replica_news){.code = PROBLEM_CLOCK_SKEW, .peer = &peer->config.id},
                      "%s", text);
    } else if (peer->is_skewed && size < SKEW_CALM_MS) {
        peer->is_skewed = false;
        if (peer->problem == PROBLEM_CLOCK_SKEW) {
            replica_peer_problem(peer, PROBLEM_OK, "");
        }
    }
}

static void sample_clock(struct replica *replica, struct replica_central *peer,
                         const struct message_heartbeat *heartbeat)
{
    if (heartbeat->echo_ms <= 0 || heartbeat->echo_ms > replica->now.mono_ms) {
        return;
    }
    int64_t rtt = replica->now.mono_ms - heartbeat->echo_ms - heartbeat->hold_ms;
    if (rtt < 0 || rtt > RTT_MAX_MS) {
        return;
    }
    peer->rtt_ms = rtt;
    peer->rtt_sent_ms = heartbeat->echo_ms;
    /* A slow trip says little about the clock: only those near the best one count, which itself
     * grows old. */
    peer->best_rtt_ms++;
    if (peer->best_rtt_ms <= 0 || rtt < peer->best_rtt_ms) {
        peer->best_rtt_ms = rtt;
    }
    if (rtt <= 2 * peer->best_rtt_ms + 10) {
        peer->offset_ms = heartbeat->wall_ms + rtt / 2 - replica->now.wall_ms;
        judge_clock(replica, peer);
    }
}

void replica_pulse_heard(struct replica *replica, struct replica_link *link,
                         const struct message_heartbeat *heartbeat)
{
    struct replica_central *peer = link->peer;

    if (heartbeat->sent_ms > peer->echo_ms) {
        peer->echo_ms = heartbeat->sent_ms;
        peer->echo_at_ms = replica->now.mono_ms;
    }
    sample_clock(replica, peer, heartbeat);
    replica_hello_alive(replica, link, heartbeat->echo_ms);
    for (size_t i = 0; i < heartbeat->count; i++) {
        replica_peer_learn(replica, peer, &heartbeat->heads[i], true);
    }
    replica_equal_count(peer, &heartbeat->log_digest, heartbeat->events);
    replica_equal_said(replica, peer, &heartbeat->log_digest, &heartbeat->state_digest);
    if (heartbeat->notice.code[0]) {
        replica_hello_noticed(replica, link, &heartbeat->notice);
    }
    replica_fetch_plan(replica, peer);
}

void replica_probe(struct replica *replica, const struct probe_question *question,
                   struct probe_report *report, struct replica_now now)
{
    struct replica_central *peer = replica_peer_find(replica, &question->peer);

    replica->now = now;
    *report = (struct probe_report){.state = PROBE_UNKNOWN_PEER};
    if (peer && (!peer->active || peer->state != PEER_CONNECTED || !replica->ready)) {
        report->state = PROBE_NOT_CONNECTED;
    } else if (peer && peer->rtt_sent_ms != REPLICA_NEVER &&
               peer->rtt_sent_ms >= question->since_ms) {
        *report = (struct probe_report){.state = PROBE_ANSWERED, .rtt_ms = peer->rtt_ms};
    } else if (peer) {
        report->state = PROBE_WAITING;
        if (peer->probed_ms == REPLICA_NEVER || peer->probed_ms < question->since_ms) {
            peer->probed_ms = now.mono_ms;
            replica_pulse_answer(replica, peer->active);
        }
    }
    replica_finish(replica);
}

/* ---- pushing what was written here ---- */

struct push {
    struct stream stream;
    uint64_t from;
    size_t count;
    struct digest chain_before, chain_after;
    struct buffer items;
};

/* Adds the events of one item if they continue the run and fit; false ends the push. */
static bool add_item(struct push *push, const struct run *run)
{
    bool continues = push->count == 0 || (stream_compare(&push->stream, &run->stream) == 0 &&
                                          run->from == push->from + push->count);
    if (!continues || push->count + run->count > LIMIT_RUN_EVENTS) {
        return false;
    }
    size_t before = push->items.len;
    for (size_t i = 0; i < run->count; i++) {
        const struct run_item *item = &run->items[i];
        if (run_put_item(&push->items, item->header, item->body, &item->body_hash)) {
            push->items.len = before;
            return false;
        }
    }
    if (push->count == 0) {
        push->stream = run->stream;
        push->from = run->from;
        push->chain_before = run->chain_before;
    }
    push->chain_after = run->chain_after;
    push->count += run->count;
    return true;
}

/* The local events of one commit as one run, cut where a message is full: the rest is pulled. */
static void gather(struct push *push, const struct fact *fact)
{
    bool fits = true;

    for (size_t i = 0; i < fact->item_count && fits; i++) {
        struct run run;
        struct wire wire;
        if (fact->items[i].origin != FACT_LOCAL || run_unpack(&run, &wire, fact->items[i].run)) {
            continue;
        }
        fits = add_item(push, &run);
        run_free(&run);
        wire_close(&wire);
    }
}

void replica_pulse_push(struct replica *replica, const struct fact *fact)
{
    struct push push = {.count = 0, .items = {.limit = LIMIT_RUN_BYTES}};
    struct buffer run = {.limit = 0};
    struct buffer event = {.limit = 0};
    bool is_heard = false;

    for (size_t i = 0; i < replica->peer_count; i++) {
        is_heard = is_heard || replica->peers[i]->active;
    }
    if (!is_heard) {
        return;
    }
    gather(&push, fact);
    if (push.count &&
        run_pack(&run, &push.stream, push.from, &push.chain_before, &push.chain_after, &push.items,
                 push.count) == 0 &&
        message_pack_event(&event, buffer_slice(&run)) == 0) {
        for (size_t i = 0; i < replica->peer_count; i++) {
            struct buffer copy = {.limit = 0};
            if (replica->peers[i]->active) {
                int copied = buffer_append(&copy, event.data, event.len);
                replica_send_peer(replica, replica->peers[i], &copy, copied);
            }
        }
    }
    buffer_free(&push.items);
    buffer_free(&run);
    buffer_free(&event);
}
