/*
 * Peers, and what each is known to hold. `known` per stream rises with everything a peer says
 * (heartbeats, vectors, runs, acknowledgements) and falls only when it restarts or could not give
 * what it was thought to have. Streams of which it has more than we are in its list `behind`.
 */
#include "bus/replica_divergence.h"

#include <stdlib.h>
#include <string.h>

#define SYNCED_MS 60000  /* between REPLICA_SYNCED of one peer while nothing happens */
#define RESYNCED_MS 5000 /* and after it had been behind or ahead */

/* ---- the table of peers ---- */

struct replica_central *replica_peer_find(const struct replica *replica, const struct node_id *id)
{
    for (size_t i = 0; i < replica->peer_count; i++) {
        if (node_id_compare(&replica->peers[i]->config.id, id) == 0) {
            return replica->peers[i];
        }
    }
    return NULL;
}

static struct replica_central *new_peer(struct replica *replica, const struct replica_peer *config)
{
    struct replica_central *peer = bytes_allocate(1, sizeof *peer);

    peer->config = *config;
    peer->state = PEER_UNKNOWN;
    peer->since_ms = replica->now.wall_ms;
    peer->rtt_ms = peer->best_rtt_ms = -1;
    peer->rtt_sent_ms = peer->probed_ms = REPLICA_NEVER;
    peer->offset_ms = EVENT_NONE;
    peer->synced_ms = REPLICA_NEVER;
    peer->announce_at_ms = REPLICA_NEVER;
    peer->demoted_until_ms = peer->single_until_ms = peer->retry_at_ms = INT64_MIN;
    peer->ack_sent_ms = replica->now.mono_ms - REPLICA_ACK_MS;
    peer->compare.nodes = bytes_allocate(LIMIT_VECTOR_PAGE, sizeof *peer->compare.nodes);
    replica_equal_enter(replica, peer);
    replica_compare_reset(replica, peer);
    return peer;
}

void replica_peer_free(struct replica_central *peer)
{
    replica_serve_forget(peer);
    free(peer->compare.nodes);
    free(peer->views);
    free(peer->behind);
    free(peer);
}

/* Says no on every link of a peer that is configured no longer. */
static void dismiss(struct replica *replica, struct replica_central *peer)
{
    for (size_t i = 0; i < replica->link_count; i++) {
        struct replica_link *link = replica->links[i];
        if (link->waiting && node_id_compare(&link->hello.node, &peer->config.id) == 0) {
            link->waiting = false; /* or it would take over */
        }
    }
    for (size_t i = 0; i < replica->link_count; i++) {
        struct replica_link *link = replica->links[i];
        bool is_dialled = link->dialled && node_id_compare(&link->expected, &peer->config.id) == 0;
        if (!link->gone && (link->peer == peer || is_dialled)) {
            replica_hello_reject(replica, link, PROBLEM_UNKNOWN_PEER,
                                 "%s no longer has %s among its peer_centrals",
                                 replica->options.node.text, peer->config.id.text);
        }
    }
    replica_fetch_abandon(replica, peer);
    replica_equal_leave(replica, peer);
    replica_peer_free(peer);
}

/* The address changed: what was dialled at the old one is dialled again. */
static void move(struct replica *replica, struct replica_central *peer,
                 const struct replica_peer *config)
{
    bool has_moved =
        strcmp(peer->config.ip, config->ip) != 0 || peer->config.p2p_port != config->p2p_port;

    peer->config = *config;
    for (size_t i = 0; i < replica->link_count && has_moved; i++) {
        struct replica_link *link = replica->links[i];
        if (!link->gone && link->dialled && node_id_compare(&link->expected, &config->id) == 0) {
            replica_link_leave(replica, link, 0, "its address was changed here");
        }
    }
}

static void forget_stranger(struct replica *replica, const struct node_id *id)
{
    for (size_t i = 0; i < replica->stranger_count; i++) {
        if (node_id_compare(&replica->strangers[i].id, id) == 0) {
            replica->stranger_count--;
            memmove(&replica->strangers[i], &replica->strangers[i + 1],
                    (replica->stranger_count - i) * sizeof *replica->strangers);
            return;
        }
    }
}

static bool is_listed(const struct replica_peer *peers, size_t count, const struct node_id *id)
{
    for (size_t i = 0; i < count; i++) {
        if (node_id_compare(&peers[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

void replica_set_peers(struct replica *replica, const struct replica_peer *peers, size_t count,
                       struct replica_now now)
{
    replica->now = now;
    for (size_t i = replica->peer_count; i-- > 0;) {
        if (!is_listed(peers, count, &replica->peers[i]->config.id)) {
            dismiss(replica, replica->peers[i]);
            replica->peer_count--;
            memmove(&replica->peers[i], &replica->peers[i + 1],
                    (replica->peer_count - i) * sizeof(struct replica_central *));
        }
    }
    /* In the order of the configuration, which is the order of the report. */
    struct replica_central **table = bytes_allocate(count, sizeof(struct replica_central *));
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (is_listed(peers, i, &peers[i].id) ||
            node_id_compare(&peers[i].id, &replica->options.node) == 0) {
            continue; /* twice, or ourselves */
        }
        struct replica_central *peer = replica_peer_find(replica, &peers[i].id);
        if (peer) {
            move(replica, peer, &peers[i]);
        } else {
            peer = new_peer(replica, &peers[i]);
            forget_stranger(replica, &peers[i].id);
        }
        table[kept++] = peer;
    }
    free(replica->peers);
    replica->peers = table;
    replica->peer_count = kept;
    replica_finish(replica);
}

void replica_peer_stranger(struct replica *replica, const struct replica_link *link,
                           const struct message_hello *hello)
{
    struct replica_stranger stranger = {.id = hello->node,
                                        .api_port = (uint16_t)hello->api_port,
                                        .since_ms = replica->now.wall_ms,
                                        .heard_ms = replica->now.wall_ms};
    struct slice address = slice_text(link->address);
    const char *colon = strrchr(link->address, ':');

    /* "10.0.0.2:49152" or "[fe80::1]:49152": the port is that of one connection. Without one it is
     * the bare address. */
    if (address.len && address.data[0] == '[') {
        address.data++;
        address.len = strcspn(address.data, "]");
    } else if (colon && colon == strchr(link->address, ':')) {
        address.len = (size_t)(colon - address.data);
    }
    (void)slice_copy(address, stranger.ip, sizeof stranger.ip); /* shown to people only */
    memcpy(stranger.software, hello->software, sizeof stranger.software);
    bool is_news = true;
    for (size_t i = 0; i < replica->stranger_count; i++) {
        if (node_id_compare(&replica->strangers[i].id, &hello->node) == 0) {
            stranger.since_ms = replica->strangers[i].since_ms;
            is_news = false;
        }
    }
    if (is_news) {
        replica_alarm(replica,
                      &(struct replica_news){.id = "PEER_PENDING",
                                             .code = PROBLEM_UNKNOWN_PEER,
                                             .peer = &hello->node,
                                             .address = stranger.ip},
                      "it has the right secret but is not configured here; accept it to exchange "
                      "events with it");
    }
    /* Last heard is last in the list; a full list loses the one heard longest ago. */
    forget_stranger(replica, &hello->node);
    if (replica->stranger_count == LIMIT_PENDING_PEERS) {
        struct node_id oldest = replica->strangers[0].id;
        forget_stranger(replica, &oldest);
    }
    replica->strangers[replica->stranger_count++] = stranger;
}

/* ---- states ---- */

void replica_peer_state(struct replica *replica, struct replica_central *peer,
                        enum peer_state state)
{
    if (peer->state != state) {
        peer->state = state;
        peer->since_ms = replica->now.wall_ms;
    }
}

void replica_peer_problem(struct replica_central *peer, enum problem_code code, const char *text)
{
    peer->problem = code;
    /* A longer text is cut; it is for people. */
    (void)slice_copy(slice_text(text), peer->last_error, sizeof peer->last_error);
}

void replica_peer_refused(struct replica *replica, struct replica_central *peer,
                          const char *address, enum problem_code code, const char *text)
{
    if (peer->problem != code) {
        replica_alarm(
            replica,
            &(struct replica_news){.code = code, .peer = &peer->config.id, .address = address},
            "%s", text);
    }
    replica_peer_problem(peer, code, text);
    if (!peer->active) {
        replica_peer_state(replica, peer, PEER_REJECTED);
    }
}

void replica_peer_up(struct replica *replica, struct replica_central *peer)
{
    if (peer->state == PEER_CONNECTED) {
        return;
    }
    replica_peer_state(replica, peer, PEER_CONNECTED);
    replica_peer_problem(peer, PROBLEM_OK, "");
    peer->is_skewed = false;
    replica_alarm(replica,
                  &(struct replica_news){
                      .id = "PEER_UP", .peer = &peer->config.id, .address = peer->active->address},
                  "it runs %s", peer->software[0] ? peer->software : "an unnamed version");
    replica_peer_judge(replica, peer);
}

void replica_peer_down(struct replica *replica, struct replica_central *peer, const char *why)
{
    replica_fetch_forget(replica, peer, false);
    replica_serve_forget(peer);
    replica_compare_reset(replica, peer);
    replica_fork_forget(peer);
    replica_pulse_forget(peer);
    peer->equal = false;
    if (peer->state == PEER_CONNECTING) {
        replica_peer_state(replica, peer, PEER_UNKNOWN);
    }
    if (peer->state != PEER_CONNECTED) {
        return;
    }
    replica_peer_state(replica, peer, PEER_DISCONNECTED);
    replica_peer_problem(peer, PROBLEM_PEER_UNREACHABLE, why);
    replica_alarm(replica,
                  &(struct replica_news){.id = "PEER_DOWN",
                                         .code = PROBLEM_PEER_UNREACHABLE,
                                         .peer = &peer->config.id},
                  "%s", why);
}

void replica_peer_restarted(struct replica *replica, struct replica_central *peer)
{
    replica_fetch_forget(replica, peer, true);
    replica_serve_forget(peer);
    replica_compare_reset(replica, peer);
    replica_fork_forget(peer);
    replica_pulse_forget(peer);
    if (peer->view_count) {
        memset(peer->views, 0, peer->view_count * sizeof *peer->views);
    }
    peer->behind_count = peer->urgent = 0;
    peer->block_count = 0;
    peer->digest_known = peer->equal = peer->is_mapped = peer->has_diverged = false;
    peer->events_known = false;
    peer->odd_states = 0;
    peer->rtt_ms = peer->best_rtt_ms = -1;
    peer->rtt_sent_ms = peer->probed_ms = REPLICA_NEVER;
    peer->offset_ms = EVENT_NONE;
    peer->demoted_until_ms = peer->single_until_ms = peer->retry_at_ms = INT64_MIN;
}

/* ---- the list `behind`: places below `urgent` are live or our own streams ---- */

struct replica_view *replica_peer_view(struct replica *replica, struct replica_central *peer,
                                       uint32_t stream)
{
    if (peer->view_count < replica->stream_count) {
        struct replica_view *views = bytes_allocate(replica->stream_capacity, sizeof *views);
        if (peer->view_count) {
            memcpy(views, peer->views, peer->view_count * sizeof *views);
        }
        free(peer->views);
        peer->views = views;
        peer->view_count = replica->stream_capacity;
    }
    return &peer->views[stream];
}

static void put_behind(struct replica_central *peer, uint32_t place, uint32_t stream)
{
    peer->behind[place] = stream;
    peer->views[stream].behind = place + 1;
}

static void swap_behind(struct replica_central *peer, uint32_t a, uint32_t b)
{
    uint32_t stream = peer->behind[a];
    put_behind(peer, a, peer->behind[b]);
    put_behind(peer, b, stream);
}

static void add_behind(struct replica_central *peer, uint32_t stream, bool is_urgent)
{
    if (peer->views[stream].behind == 0) {
        if (peer->behind_count == peer->behind_capacity) {
            uint32_t capacity = peer->behind_capacity ? peer->behind_capacity * 2 : 64;
            uint32_t *behind = bytes_allocate(capacity, sizeof *behind);
            if (peer->behind_count) {
                memcpy(behind, peer->behind, peer->behind_count * sizeof *behind);
            }
            free(peer->behind);
            peer->behind = behind;
            peer->behind_capacity = capacity;
        }
        put_behind(peer, peer->behind_count++, stream);
    }
    uint32_t place = peer->views[stream].behind - 1;
    if (is_urgent && place >= peer->urgent) {
        swap_behind(peer, place, peer->urgent++);
    }
}

static void remove_behind(struct replica_central *peer, uint32_t stream)
{
    uint32_t place = peer->views[stream].behind - 1;
    if (place < peer->urgent) {
        swap_behind(peer, place, --peer->urgent);
        place = peer->urgent;
    }
    swap_behind(peer, place, --peer->behind_count);
    peer->views[stream].behind = 0;
    peer->views[stream].flags &= ~(uint32_t)VIEW_LIVE;
}

/* ---- knowledge ---- */

void replica_peer_learn(struct replica *replica, struct replica_central *peer,
                        const struct head *head, bool is_live)
{
    uint32_t stream = replica_vector_require(replica, &head->stream, false);
    if (stream == REPLICA_NONE || head->seq == 0) {
        return;
    }
    const struct replica_stream *ours = &replica->streams[stream];
    struct replica_view *view = replica_peer_view(replica, peer, stream);
    if (head->seq > view->known) {
        view->known = head->seq;
    }
    if (head->seq == ours->head && !digest_equal(&head->chain, &ours->chain)) {
        replica_block_fork(replica, peer, stream, head->seq);
    }
    /* Nobody else writes into the stream that we are writing: what a peer may claim beyond our
     * head is either not yet told to us by our own node, or a copy of this very process. */
    bool is_own = replica->own.seq && stream_compare(&ours->id, &replica->own.stream) == 0;
    if (view->known > ours->head && !is_own) {
        bool is_former = node_id_compare(&ours->id.node, &replica->options.node) == 0;
        view->flags |= is_live ? VIEW_LIVE : 0;
        add_behind(peer, stream, is_live || is_former);
    }
}

void replica_peer_unlearn(struct replica *replica, struct replica_central *peer, uint32_t stream,
                          uint64_t known)
{
    struct replica_view *view = replica_peer_view(replica, peer, stream);
    if (known < view->known) {
        view->known = known;
    }
    if (view->behind && view->known <= replica->streams[stream].head) {
        remove_behind(peer, stream);
    }
}

void replica_peer_head_changed(struct replica *replica, uint32_t stream)
{
    uint64_t head = replica->streams[stream].head;
    bool is_own =
        replica->own.seq && stream_compare(&replica->streams[stream].id, &replica->own.stream) == 0;

    for (size_t i = 0; i < replica->peer_count; i++) {
        struct replica_central *peer = replica->peers[i];
        struct replica_view *view = replica_peer_view(replica, peer, stream);
        if (view->behind && view->known <= head) {
            remove_behind(peer, stream);
        }
        if (!peer->active) {
            continue;
        }
        /* Who has it only needs to hear that we hold it, too. */
        replica_pulse_mark(peer, view, stream, view->known < head ? VIEW_TELL : VIEW_ACK);
        if (view->known < head && !is_own) {
            replica_pulse_announce(replica, peer);
        }
    }
}

void replica_peer_head_lowered(struct replica *replica, uint32_t stream)
{
    const struct replica_stream *entry = &replica->streams[stream];
    bool is_own = replica->own.seq && stream_compare(&entry->id, &replica->own.stream) == 0;

    for (size_t i = 0; i < replica->peer_count; i++) {
        struct replica_central *peer = replica->peers[i];
        struct replica_view *view = replica_peer_view(replica, peer, stream);
        if (view->known > entry->head && !is_own) {
            add_behind(peer, stream, true);
        }
        if (peer->active && entry->head) {
            replica_pulse_mark(peer, view, stream, VIEW_TELL);
        }
    }
    replica_fetch_replan(replica, replica->now.mono_ms);
}

/* ---- equality ---- */

/* Equal logs: what it holds is what we hold. */
static void level(struct replica *replica, struct replica_central *peer)
{
    for (uint32_t i = 0; i < replica->stream_count; i++) {
        struct replica_view *view = replica_peer_view(replica, peer, i);
        view->known = replica->streams[i].head;
        view->behind = 0;
        view->flags &= ~(uint32_t)VIEW_LIVE;
    }
    peer->behind_count = peer->urgent = 0;
    peer->block_count = 0;
}

static void tell_synced(struct replica *replica, struct replica_central *peer)
{
    int64_t pause = peer->resynced ? RESYNCED_MS : SYNCED_MS;

    if (peer->synced_ms != REPLICA_NEVER && replica->now.mono_ms - peer->synced_ms < pause) {
        return;
    }
    peer->synced_ms = replica->now.mono_ms;
    peer->resynced = false;
    replica_put(replica,
                &(struct replica_output){.kind = REPLICA_SYNCED,
                                         .peer = peer->config.id,
                                         .wall_ms = replica->now.wall_ms},
                NULL);
}

void replica_peer_judge(struct replica *replica, struct replica_central *peer)
{
    bool was_equal = peer->equal;

    if (!peer->active || !peer->digest_known || peer->state != PEER_CONNECTED) {
        return; /* not up: it may still say no */
    }
    peer->equal = digest_equal(&peer->log_digest, &replica->log_digest);
    if (!peer->equal) {
        replica_compare_differs(replica, peer);
        return;
    }
    peer->equal_at_ms = replica->now.wall_ms;
    if (!was_equal) {
        bool is_news =
            peer->synced_ms == REPLICA_NEVER || replica->now.mono_ms - peer->synced_ms >= SYNCED_MS;
        level(replica, peer);
        replica_compare_settled(replica, peer);
        peer->resynced = true;
        if (peer->problem == PROBLEM_CHAIN_MISMATCH) {
            replica_peer_problem(peer, PROBLEM_OK, "");
            replica_alarm(replica,
                          &(struct replica_news){.id = "CHAIN_MENDED", .peer = &peer->config.id},
                          "%s", "the logs are equal again");
        }
        if (is_news) {
            replica_alarm(replica,
                          &(struct replica_news){.id = "PEER_IN_SYNC",
                                                 .peer = &peer->config.id,
                                                 .has_events = true,
                                                 .events = replica->events},
                          "%s", "");
        }
    }
    tell_synced(replica, peer);
}
