/*
 * One position, different bytes: a snapshot of a virtual machine was resumed, or somebody wrote
 * into a database. Chains are equal up to some event and differ from there on, so the first one is
 * found by halves: ours from the reader, theirs by a SYNC_REQUEST for a single event.
 *
 * Then every central does the same without a word: the branch whose chain is smaller at that event
 * stays in the stream, and whoever holds the other one moves it to the stream that it is writing.
 * Nothing is thrown away, and the old stream is filled like any other that is behind.
 */
#include "bus/replica_divergence.h"

#include <inttypes.h>
#include <string.h>

#define STEP_MS 5000   /* an answer must be here by then, or is asked for again */
#define STEP_TRIES 4   /* then the check is given up */
#define RETRY_MS 200   /* until a question finds a place again */
#define MOVE_MS 600000 /* a long branch takes its time; then the move is taken for lost */

void replica_fork_forget(struct replica_central *peer)
{
    peer->check = (struct replica_check){.is_active = false};
}

static bool is_same_suspect(const struct replica_suspect *a, const struct replica_suspect *b)
{
    return a->stream == b->stream && a->is_diff == b->is_diff;
}

void replica_fork_suspect(struct replica *replica, struct replica_central *peer,
                          const struct replica_suspect *suspect)
{
    struct replica_check *check = &peer->check;

    if (!peer->active || (check->is_active && is_same_suspect(&check->what, suspect))) {
        return;
    }
    for (size_t i = 0; i < check->waiting_count; i++) {
        if (is_same_suspect(&check->waiting[i], suspect)) {
            check->waiting[i] = *suspect;
            return;
        }
    }
    if (check->waiting_count == LIMIT_SUSPECTS) {
        if (!suspect->is_diff) {
            return; /* met again when these are done */
        }
        check->waiting_count--;
    }
    /* A person waits. */
    size_t place = suspect->is_diff ? 0 : check->waiting_count;
    memmove(&check->waiting[place + 1], &check->waiting[place],
            (check->waiting_count - place) * sizeof *check->waiting);
    check->waiting[place] = *suspect;
    check->waiting_count++;
    if (!check->is_active) {
        check->deadline_ms = replica->now.mono_ms; /* begins with the next tick */
    }
}

/* Behind is no news; but who holds less of a stream than we may hold other bytes, and who holds
 * more of the one that we are writing remembers what we have forgotten. */
void replica_fork_head(struct replica *replica, struct replica_central *peer,
                       const struct head *head)
{
    uint32_t stream = replica_vector_find(replica, &head->stream);
    if (stream == REPLICA_NONE || head->seq == 0 || replica->streams[stream].head == 0) {
        return;
    }
    const struct replica_stream *ours = &replica->streams[stream];
    bool is_own = replica->own.seq && stream_compare(&ours->id, &replica->own.stream) == 0;
    if (head->seq < ours->head || (is_own && head->seq > ours->head)) {
        replica_fork_suspect(
            replica, peer,
            &(struct replica_suspect){
                .stream = stream, .seq = head->seq, .has_chain = true, .chain = head->chain});
    }
}

bool replica_fork_refuses(const struct replica *replica, uint32_t stream, const struct run *run)
{
    const struct replica_stream *entry = &replica->streams[stream];
    struct digest chain = run->chain_before;

    if (entry->fork_seq < run->from || entry->fork_seq - run->from >= run->count) {
        return false;
    }
    for (uint64_t i = 0; i <= entry->fork_seq - run->from; i++) {
        chain = chain_next(&chain, run->items[i].header, &run->items[i].body_hash);
    }
    return memcmp(chain.bytes, entry->fork_chain.bytes, sizeof chain.bytes) > 0;
}

/* ---- what came of it ---- */

static void move_away(struct replica *replica, struct replica_central *peer, uint32_t stream,
                      uint64_t from, const struct digest *chain)
{
    struct replica_move *move = &replica->move;

    if (move->token) {
        return; /* one at a time; this one is found again */
    }
    *move = (struct replica_move){.token = replica_fetch_token(replica),
                                  .stream = stream,
                                  .from = from,
                                  .peer = peer->config.id,
                                  .deadline_ms = replica->now.mono_ms + MOVE_MS};
    replica_put(replica,
                &(struct replica_output){.kind = REPLICA_MOVE,
                                         .token = move->token,
                                         .stream = replica->streams[stream].id,
                                         .from = from,
                                         .chain = *chain,
                                         .peer = peer->config.id},
                NULL);
}

/* They differ at `high`, and nowhere before. */
static void conclude_fork(struct replica *replica, struct replica_central *peer)
{
    struct replica_check *check = &peer->check;
    uint32_t stream = check->what.stream;
    int order = memcmp(check->ours_high.bytes, check->theirs_high.bytes, sizeof check->ours.bytes);

    if (check->what.is_diff) {
        replica_diff_found(replica, peer, check->high_damaged ? DIFF_DAMAGED : DIFF_DIFFERS,
                           check->high, check);
    }
    if (replica_mend_narrowed(replica, stream, check->high)) {
        return; /* ours is damaged: that first, and it may be all */
    }
    replica_block_found(replica, peer, stream, check->high, order > 0);
    if (order > 0) {
        replica->streams[stream].fork_seq = check->high;
        replica->streams[stream].fork_chain = check->theirs_high;
        move_away(replica, peer, stream, check->high, &check->ours_high);
    }
}

/* Nothing differs as far as both go. */
static void conclude_same(struct replica *replica, struct replica_central *peer)
{
    struct replica_check *check = &peer->check;
    const struct replica_stream *ours = &replica->streams[check->what.stream];
    bool is_own = replica->own.seq && stream_compare(&ours->id, &replica->own.stream) == 0;

    if (check->what.is_diff) {
        enum diff_state state = check->what.seq > ours->head   ? DIFF_MISSING_HERE
                                : check->what.seq < ours->head ? DIFF_MISSING_THERE
                                                               : DIFF_FAILED;
        replica_diff_found(replica, peer, state, check->low + 1, check);
    }
    if (is_own && check->what.seq > ours->head && check->low == ours->head && ours->head > 0) {
        /* A snapshot was resumed: what comes next must not have a number twice. */
        move_away(replica, peer, check->what.stream, ours->head + 1, &check->ours);
    }
}

static void give_up(struct replica *replica, struct replica_central *peer)
{
    if (peer->check.what.is_diff) {
        replica_diff_found(replica, peer, DIFF_FAILED, 0, &peer->check);
    }
    peer->check.is_active = false;
    peer->check.token = peer->check.request = 0;
}

/* ---- step by step ---- */

static void look_at(struct replica *replica, struct replica_check *check, uint64_t seq)
{
    check->at = seq;
    check->tries = 0;
    check->until_ms = replica->now.mono_ms + STEP_MS;
    check->has_ours = check->has_theirs = check->is_damaged = false;
    if (check->what.has_chain && seq == check->what.seq) {
        check->theirs = check->what.chain;
        check->has_theirs = true;
    }
}

static bool begin(struct replica *replica, struct replica_central *peer)
{
    struct replica_check *check = &peer->check;

    while (!check->is_active && check->waiting_count) {
        check->what = check->waiting[0];
        check->waiting_count--;
        memmove(check->waiting, check->waiting + 1, check->waiting_count * sizeof *check->waiting);
        uint64_t ours = replica->streams[check->what.stream].head;
        check->is_active = true;
        check->rewinds = replica->rewinds;
        check->low = check->high = 0;
        check->token = check->request = 0;
        check->ours = (struct digest){{0}};
        look_at(replica, check, ours < check->what.seq ? ours : check->what.seq);
        if (check->at == 0) {
            conclude_same(replica, peer);
            check->is_active = false;
        }
    }
    return check->is_active;
}

/* Both chains at `at` are known. */
static void compare(struct replica *replica, struct replica_central *peer)
{
    struct replica_check *check = &peer->check;

    if (!check->is_damaged && digest_equal(&check->ours, &check->theirs)) {
        check->low = check->at;
        if (check->high == 0) {
            conclude_same(replica, peer);
            check->is_active = false;
            return;
        }
    } else {
        check->high = check->at;
        check->ours_high = check->ours;
        check->theirs_high = check->theirs;
        check->high_damaged = check->is_damaged;
    }
    if (check->high - check->low > 1) {
        look_at(replica, check, check->low + (check->high - check->low) / 2);
    } else {
        conclude_fork(replica, peer);
        check->is_active = false;
    }
}

static void ask(struct replica *replica, struct replica_central *peer)
{
    struct replica_check *check = &peer->check;

    check->deadline_ms = check->until_ms;
    if (!check->has_ours && !check->token) {
        check->token = replica_token(replica);
        replica_put(replica,
                    &(struct replica_output){.kind = REPLICA_READ,
                                             .token = check->token,
                                             .stream = replica->streams[check->what.stream].id,
                                             .from = check->at,
                                             .max_bytes = 1,
                                             .max_events = 1,
                                             .peer = peer->config.id},
                    NULL);
    }
    if (!check->has_theirs && !check->request) {
        check->request = replica_fetch_probe(replica, peer, check->what.stream, check->at, 1);
        check->deadline_ms = check->request ? check->until_ms : replica->now.mono_ms + RETRY_MS;
    }
}

static void go_on(struct replica *replica, struct replica_central *peer)
{
    struct replica_check *check = &peer->check;

    while (peer->active && begin(replica, peer)) {
        if (check->rewinds != replica->rewinds) {
            give_up(replica, peer); /* our log is another one now */
            continue;
        }
        if (!check->has_ours || !check->has_theirs) {
            ask(replica, peer);
            return;
        }
        compare(replica, peer);
    }
}

/* The chain at the only event of a run; false when it is not the one asked for. */
static bool read_chain(const struct replica *replica, const struct replica_check *check,
                       const struct run *run, struct digest *chain)
{
    if (run->from != check->at || run->count == 0 ||
        stream_compare(&run->stream, &replica->streams[check->what.stream].id) != 0) {
        return false;
    }
    *chain = chain_next(&run->chain_before, run->items[0].header, &run->items[0].body_hash);
    return true;
}

bool replica_fork_response(struct replica *replica, struct replica_central *peer,
                           const struct message_sync_response *response)
{
    struct replica_check *check = &peer->check;

    if (!check->request || check->request != response->request) {
        return false;
    }
    check->request = 0;
    for (size_t i = 0; i < response->count && !check->has_theirs; i++) {
        check->has_theirs = read_chain(replica, check, &response->runs[i], &check->theirs);
    }
    if (!check->has_theirs) {
        give_up(replica, peer); /* it does not have it, or it does not verify there */
    }
    go_on(replica, peer);
    return true;
}

bool replica_fork_read(struct replica *replica, uint64_t token, bool failed, struct slice bytes,
                       uint64_t damaged)
{
    for (size_t i = 0; i < replica->peer_count && token; i++) {
        struct replica_central *peer = replica->peers[i];
        struct replica_check *check = &peer->check;
        struct run run;
        struct wire wire;
        if (check->token != token) {
            continue;
        }
        check->token = 0;
        if (bytes.data && run_unpack(&run, &wire, bytes) == 0) {
            check->has_ours = read_chain(replica, check, &run, &check->ours);
            run_free(&run);
            wire_close(&wire);
        }
        if (damaged) {
            check->has_ours = check->is_damaged = true;
            replica_mend_noticed(replica, check->what.stream, damaged);
        }
        if (failed || !check->has_ours) {
            give_up(replica, peer);
        }
        go_on(replica, peer);
        return true;
    }
    return false;
}

/* ---- the node's answer ---- */

static void moved(struct replica *replica, const struct replica_move *move)
{
    const struct replica_stream *stream = &replica->streams[move->stream];

    if (replica->own.seq && stream_compare(&replica->own.stream, &stream->id) == 0) {
        /* Nothing moved, or the fact comes later: either way it is not ours to write any more. */
        replica->own = (struct head){.seq = 0};
        replica_peer_head_lowered(replica, move->stream);
    }
    replica_block_end(replica, move->stream);
    replica_alarm(replica, &(struct replica_news){.id = "CHAIN_MENDED", .peer = &move->peer},
                  "our events of %s/%016" PRIx64 " from %" PRIu64
                  " on went on under an epoch of their own; the other branch is pulled",
                  stream->id.node.text, stream->id.epoch, move->from);
}

bool replica_fork_applied(struct replica *replica, uint64_t token, enum apply_outcome outcome)
{
    struct replica_move done = replica->move;

    if (!token || done.token != token) {
        return false;
    }
    replica->move.token = 0;
    if (outcome == APPLY_DONE) {
        moved(replica, &done);
        replica_fetch_replan(replica, replica->now.mono_ms);
    } /* else it is noticed again when the block of the stream ends */
    return true;
}

/* ---- time ---- */

int64_t replica_fork_deadline(const struct replica *replica, const struct replica_central *peer)
{
    const struct replica_check *check = &peer->check;

    (void)replica; /* the same shape as its siblings */
    return peer->active && (check->is_active || check->waiting_count) ? check->deadline_ms
                                                                      : REPLICA_NEVER;
}

void replica_fork_tick(struct replica *replica, struct replica_central *peer)
{
    struct replica_check *check = &peer->check;

    if (replica->move.token && replica->now.mono_ms >= replica->move.deadline_ms) {
        replica->move.token = 0;
    }
    if (replica->now.mono_ms < replica_fork_deadline(replica, peer)) {
        return;
    }
    if (check->is_active && replica->now.mono_ms >= check->until_ms) {
        check->until_ms = replica->now.mono_ms + STEP_MS;
        check->token = check->request = 0; /* lost */
        if (++check->tries == STEP_TRIES) {
            give_up(replica, peer);
        }
    }
    go_on(replica, peer);
    if (replica->now.mono_ms >= replica_fork_deadline(replica, peer)) {
        check->deadline_ms = replica->now.mono_ms + RETRY_MS;
    }
}
