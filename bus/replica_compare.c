/*
 * Finding what differs when digests do and the announced heads do not explain it: digests per
 * node, then the heads of the nodes that differ, in pages.
 *
 * In a busy mesh digests differ all the time because events are under way. So a round begins at
 * once on first contact, later only when both digests have been quiet for about a heartbeat (or
 * differ for REPLICA_COMPARE_MS), and rounds that find nothing to ask for become rare.
 */
#include "bus/replica_divergence.h"

#define PAGE_MS 5000          /* a page must be here by then */
#define INTERVAL_MAX_MS 16000 /* between rounds that find nothing */
#define NEVER_YET (INT64_MIN / 2)

static int64_t jittered(struct replica *replica, int64_t base)
{
    return base / 2 + (int64_t)replica_random(replica, (uint64_t)base / 2 + 1);
}

void replica_compare_reset(struct replica *replica, struct replica_central *peer)
{
    struct replica_compare *compare = &peer->compare;

    compare->phase = COMPARE_IDLE;
    compare->deadline_ms = REPLICA_NEVER;
    compare->node_count = 0;
    compare->last_ms = NEVER_YET;
    compare->interval_ms = replica->options.heartbeat_ms;
    compare->differs_ms = REPLICA_NEVER;
    compare->patience_ms = 0;
}

void replica_compare_settled(struct replica *replica, struct replica_central *peer)
{
    replica_compare_reset(replica, peer);
    peer->is_mapped = true;
    peer->compare.patience_ms = jittered(replica, replica->options.heartbeat_ms);
}

void replica_compare_differs(struct replica *replica, struct replica_central *peer)
{
    struct replica_compare *compare = &peer->compare;

    if (compare->differs_ms == REPLICA_NEVER) {
        compare->differs_ms = compare->changed_ms = replica->now.mono_ms;
    }
    if (!digest_equal(&compare->theirs, &peer->log_digest) ||
        !digest_equal(&compare->ours, &replica->log_digest)) {
        compare->theirs = peer->log_digest;
        compare->ours = replica->log_digest;
        compare->changed_ms = replica->now.mono_ms;
    }
}

/* ---- a round ---- */

static void request_page(struct replica *replica, struct replica_central *peer)
{
    struct replica_compare *compare = &peer->compare;
    struct buffer message = {.limit = 0};
    int64_t patience = 2 * replica->options.heartbeat_ms;
    struct message_vector_request request = {.after = compare->after};

    if (compare->phase == COMPARE_HEADS) {
        request.nodes = compare->nodes;
        request.count = compare->node_count;
    }
    compare->deadline_ms = replica->now.mono_ms + (patience > PAGE_MS ? patience : PAGE_MS);
    int packed = message_pack_vector_request(&message, &request);
    replica_send_peer(replica, peer, &message, packed);
}

static void begin(struct replica *replica, struct replica_central *peer)
{
    struct replica_compare *compare = &peer->compare;

    compare->phase = COMPARE_DIGESTS;
    compare->after = (struct stream){.epoch = 0};
    compare->node_count = 0;
    compare->wanted = false;
    compare->last_ms = replica->now.mono_ms;
    request_page(replica, peer);
}

void replica_compare_now(struct replica *replica, struct replica_central *peer)
{
    begin(replica, peer);
}

static void end(struct replica *replica, struct replica_central *peer)
{
    struct replica_compare *compare = &peer->compare;
    int64_t beat = replica->options.heartbeat_ms;
    int64_t max = beat > INTERVAL_MAX_MS ? beat : INTERVAL_MAX_MS;

    compare->phase = COMPARE_IDLE;
    compare->deadline_ms = REPLICA_NEVER;
    compare->interval_ms = compare->wanted ? beat : compare->interval_ms * 2;
    if (compare->interval_ms > max) {
        compare->interval_ms = max;
    }
    compare->patience_ms = jittered(replica, beat);
    peer->is_mapped = true;
    replica_diff_compared(replica, peer);
}

/* The peer holds all that we hold of this node. */
static void same_node(struct replica *replica, struct replica_central *peer,
                      const struct replica_node *node)
{
    for (uint32_t i = 0; i < node->count; i++) {
        struct head head = replica_vector_head(replica, node->streams[i]);
        replica_peer_learn(replica, peer, &head, false);
    }
    replica_diff_same(replica, peer, node);
}

static void take_digest(struct replica *replica, struct replica_central *peer,
                        const struct node_digest *theirs)
{
    struct replica_compare *compare = &peer->compare;
    size_t place = replica_vector_node_from(replica, &theirs->node);
    bool is_known = place < replica->node_count &&
                    node_id_compare(&replica->nodes[place]->id, &theirs->node) == 0;

    if (node_id_compare(&theirs->node, &compare->after.node) <= 0) {
        return; /* a page that came twice */
    }
    compare->after.node = theirs->node;
    if (is_known && digest_equal(&replica->nodes[place]->digest, &theirs->digest)) {
        same_node(replica, peer, replica->nodes[place]);
    } else if (compare->node_count < LIMIT_VECTOR_PAGE) {
        compare->nodes[compare->node_count++] = theirs->node;
    }
}

static void take_digests(struct replica *replica, struct replica_central *peer,
                         const struct message_vector *vector)
{
    struct replica_compare *compare = &peer->compare;
    struct node_id before = compare->after.node;

    if (compare->phase != COMPARE_DIGESTS) {
        return;
    }
    for (size_t i = 0; i < vector->count; i++) {
        take_digest(replica, peer, &vector->digests[i]);
    }
    bool is_news = node_id_compare(&before, &compare->after.node) != 0;
    if (vector->count && !is_news) {
        return;
    }
    if (vector->more && is_news && compare->node_count < LIMIT_VECTOR_PAGE) {
        request_page(replica, peer);
    } else if (compare->node_count) {
        compare->phase = COMPARE_HEADS;
        compare->after = (struct stream){.epoch = 0};
        request_page(replica, peer);
    } else {
        end(replica, peer);
    }
}

static void take_heads(struct replica *replica, struct replica_central *peer,
                       const struct message_vector *vector)
{
    struct replica_compare *compare = &peer->compare;
    uint32_t before = peer->behind_count;

    for (size_t i = 0; i < vector->count; i++) {
        replica_peer_learn(replica, peer, &vector->heads[i], false);
        replica_fork_head(replica, peer, &vector->heads[i]);
        replica_diff_head(replica, peer, &vector->heads[i]);
    }
    compare->wanted = compare->wanted || peer->behind_count > before;
    if (compare->phase == COMPARE_HEADS) {
        const struct stream *last = vector->count ? &vector->heads[vector->count - 1].stream : NULL;
        if (last && stream_compare(last, &compare->after) <= 0) {
            return; /* a page that came twice */
        }
        if (last && vector->more) {
            compare->after = *last;
            request_page(replica, peer);
        } else {
            end(replica, peer);
        }
    }
}

void replica_compare_vector(struct replica *replica, struct replica_central *peer,
                            const struct message_vector *vector)
{
    if (vector->is_heads) {
        take_heads(replica, peer, vector);
        replica_fetch_plan(replica, peer);
    } else {
        take_digests(replica, peer, vector);
    }
}

/* ---- time ---- */

int64_t replica_compare_deadline(const struct replica *replica, const struct replica_central *peer)
{
    const struct replica_compare *compare = &peer->compare;

    if (!peer->active || !peer->digest_known || peer->equal) {
        return REPLICA_NEVER;
    }
    if (compare->phase != COMPARE_IDLE) {
        return compare->deadline_ms;
    }
    /* Known differences first; streams that cannot be had from this peer do not count. */
    if (compare->differs_ms == REPLICA_NEVER || !replica->ready || !replica_fetch_is_idle(peer) ||
        peer->behind_count > peer->block_count) {
        return REPLICA_NEVER;
    }
    int64_t quiet = compare->changed_ms + compare->patience_ms;
    int64_t patience = compare->differs_ms + REPLICA_COMPARE_MS;
    int64_t again = compare->last_ms + compare->interval_ms;
    int64_t at = quiet < patience ? quiet : patience;
    return at > again ? at : again;
}

void replica_compare_tick(struct replica *replica, struct replica_central *peer)
{
    if (replica->now.mono_ms < replica_compare_deadline(replica, peer)) {
        return;
    }
    /* An answer that was lost ends the round. */
    peer->compare.phase = COMPARE_IDLE;
    peer->compare.deadline_ms = REPLICA_NEVER;
    if (replica->now.mono_ms >= replica_compare_deadline(replica, peer)) {
        begin(replica, peer);
    }
}
