/*
 * What we lack. A SYNC_REQUEST occupies one of the peer's places until the node has applied what
 * came, so that one chunk travels while another is written, and a slow disk slows the asking. A
 * stream is asked of one peer at a time; what was received but is not yet applied counts as ours
 * (`queued`), so that the next chunk can be asked for at once, and stops counting when it fails.
 */
#include "bus/replica_divergence.h"

#include <stdlib.h>
#include <string.h>

#define GAP_RETRY_MS 100    /* until a stream is asked for again after APPLY_GAP */
#define REFUSED_MIN_MS 1000 /* pause after APPLY_REFUSED, doubled up to the next line */
#define REFUSED_MAX_MS 10000
#define EMPTY_RETRY_MS 1000 /* a peer that could give nothing is left alone for so long */
#define SWEEP_MS 5000       /* between looks for lost applies */

/* ---- at the node ---- */

static struct replica_apply *free_apply(struct replica *replica)
{
    while (replica->apply_free < replica->apply_count &&
           replica->applies[replica->apply_free].token) {
        replica->apply_free++;
    }
    if (replica->apply_free == replica->apply_count) {
        if (replica->apply_count == REPLICA_APPLIES) {
            return NULL;
        }
        size_t count = replica->apply_count ? replica->apply_count * 2 : 64;
        struct replica_apply *applies = bytes_allocate(count, sizeof *applies);
        if (replica->apply_count) {
            memcpy(applies, replica->applies, replica->apply_count * sizeof *applies);
        }
        free(replica->applies);
        replica->applies = applies;
        replica->apply_count = count;
    }
    return &replica->applies[replica->apply_free];
}

/* Hands a run to the node if it continues what we have; false when it does not. */
static bool apply(struct replica *replica, struct replica_central *peer, uint32_t stream,
                  const struct run *run, uint64_t request)
{
    struct replica_stream *entry = &replica->streams[stream];
    uint64_t to = run->from + run->count - 1;
    struct buffer packed = {.limit = 0};

    if (run->from > entry->queued + 1 || to <= entry->queued ||
        replica->now.mono_ms < replica->refused_until_ms) {
        return false;
    }
    if (replica_fork_refuses(replica, stream, run)) {
        replica_block_fork(replica, peer, stream, entry->fork_seq);
        return false; /* the branch that we have just left */
    }
    struct replica_apply *place = free_apply(replica);
    if (!place || run_repack(run, &packed)) {
        buffer_free(&packed);
        return false;
    }
    /* The place is in the token, so that the answer finds it. */
    *place = (struct replica_apply){.token = replica_token(replica) * REPLICA_APPLIES +
                                             (uint64_t)(place - replica->applies),
                                    .stream = stream,
                                    .from = run->from,
                                    .to = to,
                                    .peer = peer,
                                    .request = request,
                                    .deadline_ms = replica->now.mono_ms + REPLICA_APPLY_MS};
    if (replica->sweep_ms == REPLICA_NEVER) {
        replica->sweep_ms = replica->now.mono_ms + SWEEP_MS;
    }
    entry->queued = to;
    replica_put(replica,
                &(struct replica_output){.kind = REPLICA_APPLY,
                                         .token = place->token,
                                         .bytes = buffer_slice(&packed),
                                         .origin = request ? FACT_SYNC : FACT_LIVE,
                                         .stream = run->stream,
                                         .from = run->from,
                                         .peer = peer->config.id},
                packed.data);
    return true;
}

uint64_t replica_fetch_token(struct replica *replica)
{
    return replica_token(replica) * REPLICA_APPLIES;
}

void replica_fetch_void(struct replica *replica, uint32_t stream)
{
    for (size_t i = 0; i < replica->apply_count; i++) {
        if (replica->applies[i].token && replica->applies[i].stream == stream) {
            replica->applies[i].to = 0;
        }
    }
}

/* ---- requests ---- */

static struct replica_request *find_request(struct replica_central *peer, uint64_t id)
{
    for (size_t i = 0; i < LIMIT_OUTSTANDING; i++) {
        if (id && peer->requests[i].id == id) {
            return &peer->requests[i];
        }
    }
    return NULL;
}

/* Its streams may be asked for again, of anybody. */
static void release(struct replica *replica, struct replica_central *peer,
                    const struct replica_request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        struct replica_stream *entry = &replica->streams[request->streams[i]];
        if (entry->asked == peer) {
            entry->asked = NULL;
        }
    }
}

void replica_fetch_replan(struct replica *replica, int64_t at_ms)
{
    if (at_ms < replica->replan_ms) {
        replica->replan_ms = at_ms;
    }
}

void replica_fetch_forget(struct replica *replica, struct replica_central *peer, bool all)
{
    for (size_t i = 0; i < LIMIT_OUTSTANDING; i++) {
        struct replica_request *request = &peer->requests[i];
        if (request->id && request->waiting) {
            release(replica, peer, request);
            request->id = 0;
            replica_fetch_replan(replica, replica->now.mono_ms);
        } else if (all) {
            request->id = 0;
        }
    }
}

void replica_fetch_abandon(struct replica *replica, struct replica_central *peer)
{
    replica_fetch_forget(replica, peer, true);
    for (size_t i = 0; i < replica->apply_count; i++) {
        if (replica->applies[i].token && replica->applies[i].peer == peer) {
            replica->applies[i].peer = NULL;
        }
    }
}

bool replica_fetch_is_idle(const struct replica_central *peer)
{
    for (size_t i = 0; i < LIMIT_OUTSTANDING; i++) {
        if (peer->requests[i].id) {
            return false;
        }
    }
    return true;
}

/* ---- planning ---- */

struct candidate {
    uint32_t stream;
    uint32_t class; /* 0 our own former epochs, 1 live, 2 others */
    uint64_t gap;
};

static int compare_candidates(const void *a, const void *b)
{
    const struct candidate *first = a;
    const struct candidate *second = b;
    if (first->class != second->class) {
        return first->class < second->class ? -1 : 1;
    }
    return (first->gap > second->gap) - (first->gap < second->gap);
}

/* Somebody not demoted could give it as well. */
static bool has_better(const struct replica *replica, const struct replica_central *peer,
                       uint32_t stream)
{
    uint64_t queued = replica->streams[stream].queued;
    for (size_t i = 0; i < replica->peer_count; i++) {
        const struct replica_central *other = replica->peers[i];
        if (other != peer && other->active && other->demoted_until_ms <= replica->now.mono_ms &&
            stream < other->view_count && other->views[stream].known > queued &&
            other->views[stream].behind && !replica_block_holds(replica, other, stream)) {
            return true;
        }
    }
    return false;
}

static bool may_ask(const struct replica *replica, const struct replica_central *peer,
                    uint32_t stream)
{
    const struct replica_stream *entry = &replica->streams[stream];
    if (entry->asked || peer->views[stream].known <= entry->queued ||
        entry->hold_until_ms > replica->now.mono_ms || replica_block_holds(replica, peer, stream)) {
        return false;
    }
    return peer->demoted_until_ms <= replica->now.mono_ms || !has_better(replica, peer, stream);
}

/* Looks at the urgent streams and, from a random place on, at some of the others: peers with the
 * same streams do not look for the same ones. */
static size_t look(struct replica *replica, struct replica_central *peer, struct candidate *out)
{
    size_t count = 0;
    uint32_t seen = peer->behind_count < REPLICA_LOOK ? peer->behind_count : REPLICA_LOOK;
    uint32_t others = peer->behind_count - peer->urgent;
    uint32_t start = others ? (uint32_t)replica_random(replica, others) : 0;

    for (uint32_t i = 0; i < seen && count < REPLICA_WINDOW; i++) {
        uint32_t place = i < peer->urgent ? i : peer->urgent + (start + i - peer->urgent) % others;
        uint32_t stream = peer->behind[place];
        if (may_ask(replica, peer, stream)) {
            const struct replica_stream *entry = &replica->streams[stream];
            const struct replica_view *view = &peer->views[stream];
            bool is_own = node_id_compare(&entry->id.node, &replica->options.node) == 0;
            out[count++] = (struct candidate){
                .stream = stream,
                .class = is_own ? 0 : (view->flags & VIEW_LIVE ? 1 : 2),
                .gap = view->known - entry->queued,
            };
        }
    }
    qsort(out, count, sizeof *out, compare_candidates);
    return count;
}

/* As many streams as one answer can hold. The rest is left to other peers. */
static size_t choose(struct replica *replica, struct replica_central *peer,
                     struct replica_request *request, struct sync_want *wants)
{
    struct candidate candidates[REPLICA_WINDOW];
    size_t found = look(replica, peer, candidates);
    size_t max = replica->now.mono_ms < peer->single_until_ms ? 1 : LIMIT_SYNC_WANTS;
    uint64_t events = 0;
    size_t count = 0;

    for (size_t i = 0; i < found && count < max && events < LIMIT_RUN_EVENTS; i++) {
        struct replica_stream *entry = &replica->streams[candidates[i].stream];
        entry->asked = peer;
        request->streams[count] = candidates[i].stream;
        wants[count++] = (struct sync_want){.stream = entry->id, .from = entry->queued + 1};
        events += candidates[i].gap < LIMIT_RUN_EVENTS ? candidates[i].gap : LIMIT_RUN_EVENTS;
    }
    request->count = count;
    return count;
}

/* Sends what was put together; the request waits for its answer then. */
static void send_request(struct replica *replica, struct replica_central *peer,
                         struct replica_request *request, struct message_sync_request *what)
{
    struct buffer message = {.limit = 0};
    int64_t patience = 2 * replica->options.heartbeat_ms;

    request->id = what->request = ++replica->last_request;
    request->waiting = true;
    request->deadline_ms =
        replica->now.mono_ms + (patience > REPLICA_REQUEST_MS ? patience : REPLICA_REQUEST_MS);
    int packed = message_pack_sync_request(&message, what);
    replica_send_peer(replica, peer, &message, packed);
}

uint64_t replica_fetch_probe(struct replica *replica, struct replica_central *peer, uint32_t stream,
                             uint64_t from, size_t max_bytes)
{
    struct sync_want want = {.stream = replica->streams[stream].id, .from = from};

    for (size_t i = 0; i < LIMIT_OUTSTANDING; i++) {
        struct replica_request *request = &peer->requests[i];
        if (request->id == 0 && peer->active) {
            *request = (struct replica_request){.is_probe = true};
            send_request(
                replica, peer, request,
                &(struct message_sync_request){.wants = &want, .count = 1, .max_bytes = max_bytes});
            return request->id;
        }
    }
    return 0;
}

/* False when there is nothing to ask for. */
static bool ask(struct replica *replica, struct replica_central *peer,
                struct replica_request *request)
{
    struct sync_want wants[LIMIT_SYNC_WANTS];

    *request = (struct replica_request){.id = 0};
    size_t count = choose(replica, peer, request, wants);
    if (count == 0) {
        return false;
    }
    send_request(replica, peer, request,
                 &(struct message_sync_request){
                     .wants = wants, .count = count, .max_bytes = LIMIT_RUN_BYTES});
    return true;
}

void replica_fetch_plan(struct replica *replica, struct replica_central *peer)
{
    int64_t now = replica->now.mono_ms;

    if (!replica->ready || !peer->active || peer->behind_count == 0) {
        return;
    }
    if (now < replica->refused_until_ms || now < peer->retry_at_ms) {
        return; /* a replan is due then */
    }
    for (size_t i = 0; i < LIMIT_OUTSTANDING; i++) {
        if (peer->requests[i].id == 0 && !ask(replica, peer, &peer->requests[i])) {
            return;
        }
    }
}

/* ---- what comes ---- */

void replica_fetch_event(struct replica *replica, struct replica_central *peer,
                         const struct run *run)
{
    uint64_t to = run->from + run->count - 1;
    uint32_t stream = replica_vector_require(replica, &run->stream, false);
    struct head head = {.stream = run->stream, .seq = to, .chain = run->chain_after};

    if (stream == REPLICA_NONE) {
        return;
    }
    bool is_own = replica->own.seq && stream_compare(&run->stream, &replica->own.stream) == 0;
    if (!is_own && peer->live_applies < REPLICA_LIVE_APPLIES &&
        apply(replica, peer, stream, run, 0)) {
        peer->live_applies++;
    }
    replica_peer_learn(replica, peer, &head, true);
    replica_fetch_plan(replica, peer); /* a gap is pulled */
}

/* The runs of an answer that was asked for. */
static size_t take_runs(struct replica *replica, struct replica_central *peer,
                        struct replica_request *request,
                        const struct message_sync_response *response)
{
    size_t useful = 0;

    for (size_t i = 0; i < response->count; i++) {
        const struct run *run = &response->runs[i];
        uint32_t stream = replica_vector_find(replica, &run->stream);
        for (size_t want = 0; want < request->count; want++) {
            if (request->streams[want] != stream) {
                continue;
            }
            struct head head = {.stream = run->stream,
                                .seq = run->from + run->count - 1,
                                .chain = run->chain_after};
            if (apply(replica, peer, stream, run, request->id)) {
                request->applying++;
            }
            useful += run->from <= replica->streams[stream].queued;
            replica_peer_learn(replica, peer, &head, false);
        }
    }
    return useful;
}

static bool is_answered(const struct replica *replica, uint32_t stream,
                        const struct message_sync_response *response)
{
    for (size_t i = 0; i < response->count; i++) {
        if (stream_compare(&response->runs[i].stream, &replica->streams[stream].id) == 0) {
            return true;
        }
    }
    return false;
}

void replica_fetch_response(struct replica *replica, struct replica_central *peer,
                            const struct message_sync_response *response)
{
    struct replica_request *request = find_request(peer, response->request);

    if (!request || !request->waiting) {
        return; /* too late, or twice */
    }
    if (request->is_probe) {
        request->id = 0;
        if (!replica_fork_response(replica, peer, response)) {
            (void)replica_mend_response(replica, peer, response); /* else nobody waits for it now */
        }
        replica_fetch_plan(replica, peer);
        return;
    }
    release(replica, peer, request);
    request->waiting = false;
    size_t useful = take_runs(replica, peer, request, response);
    for (size_t i = 0; i < request->count && !response->more; i++) {
        uint32_t stream = request->streams[i];
        if (!is_answered(replica, stream, response)) {
            /* It does not hold what it was thought to. */
            replica_peer_unlearn(replica, peer, stream, replica->streams[stream].durable);
            replica_fetch_replan(replica, replica->now.mono_ms);
        }
    }
    if (request->applying == 0) {
        request->id = 0;
    }
    if (useful == 0 && (response->more || response->count)) {
        peer->retry_at_ms = replica->now.mono_ms + EMPTY_RETRY_MS;
        replica_fetch_replan(replica, peer->retry_at_ms);
    }
    replica_fetch_plan(replica, peer);
}

/* The answer failed: of one stream, it is that one's fault; of many, they are asked for singly. */
void replica_fetch_garbled(struct replica *replica, struct replica_central *peer)
{
    struct replica_request *oldest = NULL;

    for (size_t i = 0; i < LIMIT_OUTSTANDING; i++) {
        struct replica_request *request = &peer->requests[i];
        if (request->id && request->waiting && (!oldest || request->id < oldest->id)) {
            oldest = request;
        }
    }
    if (!oldest) {
        return;
    }
    release(replica, peer, oldest);
    if (oldest->count == 1) {
        uint32_t stream = oldest->streams[0];
        replica_block_fork(replica, peer, stream, replica->streams[stream].queued + 1);
    } else {
        peer->single_until_ms = replica->now.mono_ms + REPLICA_BLOCK_MS;
    }
    oldest->id = 0;
    peer->retry_at_ms = replica->now.mono_ms + EMPTY_RETRY_MS;
    replica_fetch_replan(replica, peer->retry_at_ms);
}

/* ---- the node's answers ---- */

/* What was queued behind a run that failed does not count as ours any more. */
static void failed(struct replica *replica, const struct replica_apply *done,
                   enum apply_outcome outcome)
{
    struct replica_stream *entry = &replica->streams[done->stream];
    int64_t now = replica->now.mono_ms;

    entry->queued = entry->durable;
    if (outcome == APPLY_FORK) {
        if (done->peer) {
            replica_block_fork(replica, done->peer, done->stream, done->from);
        }
        replica_fetch_replan(replica, now);
    } else if (outcome == APPLY_GAP) {
        entry->hold_until_ms = now + GAP_RETRY_MS;
        replica_fetch_replan(replica, entry->hold_until_ms);
    } else if (now >= replica->refused_until_ms) {
        int64_t pause = replica->refused_ms ? replica->refused_ms * 2 : REFUSED_MIN_MS;
        replica->refused_ms = pause < REFUSED_MAX_MS ? pause : REFUSED_MAX_MS;
        replica->refused_until_ms = now + replica->refused_ms;
        replica_fetch_replan(replica, replica->refused_until_ms);
    }
}

static void answered(struct replica *replica, struct replica_apply *place,
                     enum apply_outcome outcome)
{
    struct replica_apply done = *place;
    struct replica_stream *entry = &replica->streams[done.stream];

    place->token = 0;
    if ((size_t)(place - replica->applies) < replica->apply_free) {
        replica->apply_free = (size_t)(place - replica->applies);
    }
    if (outcome == APPLY_DONE) {
        replica->refused_ms = 0;
        entry->durable = done.to > entry->durable ? done.to : entry->durable;
        entry->queued = entry->queued > entry->durable ? entry->queued : entry->durable;
    } else {
        failed(replica, &done, outcome);
    }
    if (!done.peer) {
        return;
    }
    if (done.request == 0) {
        done.peer->live_applies--;
    }
    struct replica_request *request = find_request(done.peer, done.request);
    if (request && --request->applying == 0 && !request->waiting) {
        request->id = 0;
    }
    replica_fetch_plan(replica, done.peer);
}

void replica_applied(struct replica *replica, uint64_t token, enum apply_outcome outcome,
                     struct replica_now now)
{
    size_t place = (size_t)(token % REPLICA_APPLIES);

    replica->now = now;
    if (replica_fork_applied(replica, token, outcome) ||
        replica_mend_applied(replica, token, outcome)) {
        replica_finish(replica);
        return;
    }
    if (token && place < replica->apply_count && replica->applies[place].token == token) {
        answered(replica, &replica->applies[place], outcome);
    }
    replica_finish(replica);
}

/* ---- time ---- */

int64_t replica_fetch_deadline(const struct replica *replica)
{
    int64_t deadline =
        replica->replan_ms < replica->sweep_ms ? replica->replan_ms : replica->sweep_ms;

    for (size_t i = 0; i < replica->peer_count; i++) {
        for (size_t k = 0; k < LIMIT_OUTSTANDING; k++) {
            const struct replica_request *request = &replica->peers[i]->requests[k];
            if (request->id && request->waiting && request->deadline_ms < deadline) {
                deadline = request->deadline_ms;
            }
        }
    }
    return deadline;
}

/* The peer did not answer in time: it is asked last for a while. */
static void expire(struct replica *replica, struct replica_central *peer)
{
    for (size_t i = 0; i < LIMIT_OUTSTANDING; i++) {
        struct replica_request *request = &peer->requests[i];
        if (request->id && request->waiting && replica->now.mono_ms >= request->deadline_ms) {
            release(replica, peer, request);
            request->id = 0;
            peer->demoted_until_ms = replica->now.mono_ms + REPLICA_DEMOTED_MS;
            replica_fetch_replan(replica, replica->now.mono_ms);
        }
    }
}

/* Runs that the node never answered. */
static void sweep(struct replica *replica)
{
    bool is_busy = false;

    for (size_t i = 0; i < replica->apply_count; i++) {
        if (replica->applies[i].token && replica->now.mono_ms >= replica->applies[i].deadline_ms) {
            answered(replica, &replica->applies[i], APPLY_REFUSED);
        }
        is_busy = is_busy || replica->applies[i].token;
    }
    replica->sweep_ms = is_busy ? replica->now.mono_ms + SWEEP_MS : REPLICA_NEVER;
}

void replica_fetch_settle(struct replica *replica)
{
    if (replica->now.mono_ms >= replica->replan_ms) {
        replica->replan_ms = REPLICA_NEVER;
        for (size_t i = 0; i < replica->peer_count; i++) {
            replica_fetch_plan(replica, replica->peers[i]);
        }
    }
}

void replica_fetch_tick(struct replica *replica)
{
    for (size_t i = 0; i < replica->peer_count; i++) {
        expire(replica, replica->peers[i]);
    }
    if (replica->now.mono_ms >= replica->sweep_ms) {
        sweep(replica);
    }
    replica_fetch_settle(replica);
}
