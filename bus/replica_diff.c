/*
 * What a person asks: where is the first event that differs? A round of comparing tells the streams
 * in question; of the first of them the check finds the event.
 */
#include "bus/replica_divergence.h"

#define FRESH_MS 3000    /* an answer is good for so long */
#define LOOKING_MS 30000 /* then it has failed */

static void consider(struct replica *replica, struct replica_central *peer,
                     const struct replica_suspect *suspect)
{
    struct replica_diff *diff = &peer->diff;

    if (!diff->has_first || stream_compare(&replica->streams[suspect->stream].id,
                                           &replica->streams[diff->first.stream].id) < 0) {
        diff->first = *suspect;
        diff->first.is_diff = true;
        diff->has_first = true;
    }
}

void replica_diff_head(struct replica *replica, struct replica_central *peer,
                       const struct head *head)
{
    uint32_t stream = replica_vector_find(replica, &head->stream);

    if (!peer->diff.is_looking || stream == REPLICA_NONE || head->seq == 0) {
        return;
    }
    replica_peer_view(replica, peer, stream)->flags |= VIEW_LISTED;
    const struct replica_stream *ours = &replica->streams[stream];
    if (ours->head != head->seq || !digest_equal(&ours->chain, &head->chain)) {
        consider(replica, peer,
                 &(struct replica_suspect){
                     .stream = stream, .seq = head->seq, .has_chain = true, .chain = head->chain});
    }
}

void replica_diff_same(struct replica *replica, struct replica_central *peer,
                       const struct replica_node *node)
{
    for (uint32_t i = 0; peer->diff.is_looking && i < node->count; i++) {
        replica_peer_view(replica, peer, node->streams[i])->flags |= VIEW_LISTED;
    }
}

static void finish(struct replica *replica, struct replica_central *peer, enum diff_state state)
{
    peer->diff.is_looking = false;
    peer->diff.done_ms = replica->now.mono_ms;
    peer->diff.found.state = state;
}

void replica_diff_compared(struct replica *replica, struct replica_central *peer)
{
    struct replica_diff *diff = &peer->diff;

    if (!diff->is_looking) {
        return;
    }
    for (uint32_t i = 0; i < replica->stream_count; i++) {
        if (replica->streams[i].head &&
            !(replica_peer_view(replica, peer, i)->flags & VIEW_LISTED)) {
            consider(replica, peer, &(struct replica_suspect){.stream = i});
        }
    }
    if (diff->has_first) {
        replica_fork_suspect(replica, peer, &diff->first);
    } else {
        finish(replica, peer, peer->equal ? DIFF_EQUAL : DIFF_FAILED);
    }
}

void replica_diff_found(struct replica *replica, struct replica_central *peer,
                        enum diff_state state, uint64_t seq, const struct replica_check *check)
{
    if (!peer->diff.is_looking) {
        return;
    }
    peer->diff.found =
        (struct diff_report){.position = {replica->streams[check->what.stream].id, seq}};
    if (state == DIFF_DIFFERS) {
        peer->diff.found.ours = check->ours_high;
        peer->diff.found.theirs = check->theirs_high;
    }
    finish(replica, peer, state);
}

static void start(struct replica *replica, struct replica_central *peer)
{
    struct replica_diff *diff = &peer->diff;

    diff->is_looking = true;
    diff->has_first = false;
    diff->asked_ms = replica->now.mono_ms;
    for (uint32_t i = 0; i < peer->view_count; i++) {
        peer->views[i].flags &= ~(uint32_t)VIEW_LISTED;
    }
    replica_compare_now(replica, peer);
}

static enum diff_state judge(struct replica *replica, struct replica_central *peer)
{
    struct replica_diff *diff = &peer->diff;
    int64_t now = replica->now.mono_ms;

    if (!peer->active || peer->state != PEER_CONNECTED || !peer->digest_known || !replica->ready) {
        diff->is_looking = false;
        diff->done_ms = 0;
        return DIFF_NOT_CONNECTED;
    }
    if (peer->equal) {
        diff->is_looking = false;
        return DIFF_EQUAL;
    }
    if (diff->is_looking && now - diff->asked_ms > LOOKING_MS) {
        finish(replica, peer, DIFF_FAILED);
    }
    if (!diff->is_looking && diff->done_ms && now - diff->done_ms < FRESH_MS) {
        return diff->found.state;
    }
    if (!diff->is_looking) {
        start(replica, peer);
    } else if (!diff->has_first && peer->compare.phase == COMPARE_IDLE) {
        replica_compare_now(replica, peer); /* an answer was lost */
    }
    return DIFF_LOOKING;
}

void replica_diff(struct replica *replica, const struct node_id *id, struct diff_report *report,
                  struct replica_now now)
{
    struct replica_central *peer = replica_peer_find(replica, id);

    replica->now = now;
    *report = (struct diff_report){.state = DIFF_UNKNOWN_PEER};
    if (peer) {
        enum diff_state state = judge(replica, peer);
        if (state >= DIFF_MISSING_HERE) {
            *report = peer->diff.found;
        }
        report->state = state;
    }
    replica_finish(replica);
}
