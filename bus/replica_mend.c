/*
 * Our own bytes that do not verify. The reader finds them when it reads a run for a peer, and on a
 * slow walk over the whole log that this file paces: one step at a time, none while a peer is being
 * served. What is found is asked of every peer in turn that holds it; the node takes a run only if
 * it ends at our chain, so that it cannot be talked into other events. Damage may be longer than a
 * run: then we ask on, run by run, until one ends at our chain, and from there back to where it
 * begins.
 */
#include "bus/replica_divergence.h"

#include <inttypes.h>
#include <string.h>

#define ASK_MS 15000   /* an answer must be here by then */
#define AGAIN_MS 1000  /* until the next peer is asked */
#define LATER_MS 30000 /* nobody could help: until all are asked again */
#define BUSY_MS 100    /* a peer is being served: the walk waits */

static struct replica_damage *find_damage(struct replica *replica, uint32_t stream)
{
    for (size_t i = 0; i < replica->mend.damage_count; i++) {
        if (replica->mend.damages[i].stream == stream) {
            return &replica->mend.damages[i];
        }
    }
    return NULL;
}

static void tell(struct replica *replica, uint32_t stream, uint64_t seq)
{
    const struct stream *id = &replica->streams[stream].id;

    replica_alarm(replica, &(struct replica_news){.code = PROBLEM_CHAIN_BROKEN},
                  "event %" PRIu64 " of %s/%016" PRIx64
                  " does not verify in the log of this central: the disk or somebody changed it. "
                  "It is fetched again from a peer that holds it; check the disk",
                  seq, id->node.text, id->epoch);
}

/* The chain before may be what is damaged: the run begins one earlier. */
static uint64_t first_from(const struct replica_damage *damage)
{
    return damage->seq > 1 ? damage->seq - 1 : 1;
}

void replica_mend_noticed(struct replica *replica, uint32_t stream, uint64_t seq)
{
    struct replica_mend *mend = &replica->mend;
    struct replica_damage *damage = find_damage(replica, stream);

    if (damage && damage->seq <= seq) {
        return;
    }
    if (!damage) {
        if (mend->damage_count == LIMIT_DAMAGES) {
            return; /* the next walk finds it */
        }
        damage = &mend->damages[mend->damage_count++];
    }
    *damage =
        (struct replica_damage){.stream = stream, .seq = seq, .next_ms = replica->now.mono_ms};
    damage->from = first_from(damage);
    tell(replica, stream, seq);
}

bool replica_mend_narrowed(struct replica *replica, uint32_t stream, uint64_t seq)
{
    struct replica_damage *damage = find_damage(replica, stream);

    if (!damage) {
        return false;
    }
    damage->next_ms = damage->from == seq ? replica->now.mono_ms + LATER_MS : replica->now.mono_ms;
    damage->from = seq;
    return true;
}

static void remove_damage(struct replica *replica, struct replica_damage *damage)
{
    *damage = replica->mend.damages[--replica->mend.damage_count];
}

/* ---- asking ---- */

static bool can_help(const struct replica *replica, const struct replica_central *peer,
                     const struct replica_damage *damage)
{
    return peer->active && peer->state == PEER_CONNECTED && damage->stream < peer->view_count &&
           peer->views[damage->stream].known >= damage->from &&
           peer->demoted_until_ms <= replica->now.mono_ms;
}

static void ask(struct replica *replica, struct replica_damage *damage)
{
    damage->next_ms = replica->now.mono_ms + LATER_MS;
    for (size_t i = 0; i < replica->peer_count; i++) {
        struct replica_central *peer = replica->peers[damage->turn++ % replica->peer_count];
        if (!can_help(replica, peer, damage)) {
            continue;
        }
        damage->request =
            replica_fetch_probe(replica, peer, damage->stream, damage->from, LIMIT_RUN_BYTES);
        damage->peer = peer->config.id;
        damage->next_ms = replica->now.mono_ms + (damage->request ? ASK_MS : AGAIN_MS);
        return;
    }
}

static bool give(struct replica *replica, struct replica_central *peer,
                 struct replica_damage *damage, const struct run *run)
{
    struct buffer packed = {.limit = 0};

    if (run->from != damage->from ||
        stream_compare(&run->stream, &replica->streams[damage->stream].id) != 0 ||
        run_repack(run, &packed)) {
        buffer_free(&packed);
        return false;
    }
    damage->last = run->from + run->count - 1;
    damage->token = replica_fetch_token(replica);
    damage->next_ms = replica->now.mono_ms + REPLICA_APPLY_MS;
    replica_put(replica,
                &(struct replica_output){.kind = REPLICA_REPAIR,
                                         .token = damage->token,
                                         .bytes = buffer_slice(&packed),
                                         .origin = FACT_SYNC,
                                         .stream = run->stream,
                                         .from = run->from,
                                         .peer = peer->config.id},
                packed.data);
    return true;
}

bool replica_mend_response(struct replica *replica, struct replica_central *peer,
                           const struct message_sync_response *response)
{
    for (size_t i = 0; i < replica->mend.damage_count; i++) {
        struct replica_damage *damage = &replica->mend.damages[i];
        if (!damage->request || damage->request != response->request) {
            continue;
        }
        damage->request = 0;
        damage->next_ms = replica->now.mono_ms + AGAIN_MS;
        for (size_t k = 0; k < response->count && !damage->token; k++) {
            (void)give(replica, peer, damage, &response->runs[k]); /* else another one is asked */
        }
        return true;
    }
    return false;
}

/* ---- the node's answer ---- */

static void mended(struct replica *replica, struct replica_damage *damage)
{
    const struct stream *id = &replica->streams[damage->stream].id;

    replica_alarm(replica, &(struct replica_news){.id = "CHAIN_MENDED", .peer = &damage->peer},
                  "event %" PRIu64 " of %s/%016" PRIx64 " is whole again", damage->seq,
                  id->node.text, id->epoch);
    replica_block_end(replica, damage->stream);
    /* There may be more of it behind. */
    replica->mend.stream = damage->stream;
    replica->mend.from = damage->from;
    replica->mend.token = 0;
    replica->mend.due_ms = replica->now.mono_ms + BUSY_MS;
    remove_damage(replica, damage);
    replica_fetch_replan(replica, replica->now.mono_ms);
}

/* The run ended at our chain but does not begin there: next the one that ends at its first event,
 * as long as this one was, and not beyond where we saw damage unless that is mended. */
static void go_back(struct replica *replica, struct replica_damage *damage)
{
    uint64_t first = first_from(damage), length = damage->last - damage->from;
    uint64_t least = damage->from > first ? first : 1;

    damage->from = damage->from > least + length ? damage->from - length : least;
    damage->next_ms = replica->now.mono_ms;
}

/* The run ended nowhere at our chain: the next one may, or the logs part somewhere. */
static void go_on(struct replica *replica, struct replica_damage *damage)
{
    struct replica_central *peer = replica_peer_find(replica, &damage->peer);
    uint64_t head = replica->streams[damage->stream].head;
    uint64_t known =
        peer && damage->stream < peer->view_count ? peer->views[damage->stream].known : 0;

    if (damage->last > damage->from && damage->last < head && damage->last < known) {
        damage->from = damage->last;
        damage->next_ms = replica->now.mono_ms;
    } else if (known) {
        replica_fork_suspect(replica, peer,
                             &(struct replica_suspect){.stream = damage->stream, .seq = known});
    }
}

bool replica_mend_applied(struct replica *replica, uint64_t token, enum apply_outcome outcome)
{
    for (size_t i = 0; i < replica->mend.damage_count && token; i++) {
        struct replica_damage *damage = &replica->mend.damages[i];
        if (damage->token != token) {
            continue;
        }
        damage->token = 0;
        damage->next_ms = replica->now.mono_ms + LATER_MS;
        if (outcome == APPLY_DONE) {
            mended(replica, damage);
        } else if (outcome == APPLY_PART) {
            go_back(replica, damage);
        } else if (outcome == APPLY_FORK) {
            go_on(replica, damage);
        } else {
            damage->next_ms = replica->now.mono_ms + AGAIN_MS;
        }
        return true;
    }
    return false;
}

/* ---- the walk ---- */

/* Events in a packed run of our own reader. */
static size_t count_events(struct slice run)
{
    struct wire wire;
    if (!run.data || wire_open(&wire, run)) {
        return 0;
    }
    struct wire_row row = wire_row(&wire.root);
    for (int i = 0; i < 5; i++) {
        (void)wire_row_any(&row); /* node, epoch, from, two chains */
    }
    size_t count = 0;
    (void)wire_row_array(&row, LIMIT_RUN_EVENTS, &count);
    wire_close(&wire);
    return count;
}

static bool is_serving(const struct replica *replica)
{
    for (size_t i = 0; i < replica->peer_count; i++) {
        if (replica->peers[i]->service_count) {
            return true;
        }
    }
    return false;
}

static void step(struct replica *replica)
{
    struct replica_mend *mend = &replica->mend;
    int64_t now = replica->now.mono_ms;

    if (is_serving(replica)) {
        mend->due_ms = now + BUSY_MS;
        return;
    }
    while (mend->stream < replica->stream_count &&
           mend->from > replica->streams[mend->stream].head) {
        mend->stream++;
        mend->from = 1;
    }
    if (mend->stream >= replica->stream_count) {
        int64_t next = mend->pass_ms + LIMIT_SCRUB_PASS_MS;
        mend->stream = 0;
        mend->from = 1;
        mend->due_ms = next > now ? next : now + LIMIT_SCRUB_STEP_MS;
        mend->pass_ms = mend->due_ms;
        return;
    }
    mend->token = replica_token(replica);
    mend->due_ms = now + ASK_MS;
    replica_put(replica,
                &(struct replica_output){.kind = REPLICA_READ,
                                         .token = mend->token,
                                         .stream = replica->streams[mend->stream].id,
                                         .from = mend->from,
                                         .max_bytes = LIMIT_RUN_BYTES,
                                         .max_events = LIMIT_RUN_EVENTS},
                NULL);
}

bool replica_mend_read(struct replica *replica, uint64_t token, bool failed, struct slice run,
                       uint64_t damaged)
{
    struct replica_mend *mend = &replica->mend;
    size_t count = failed ? 0 : count_events(run);

    if (!token || mend->token != token) {
        return false;
    }
    mend->token = 0;
    mend->due_ms = replica->now.mono_ms + LIMIT_SCRUB_STEP_MS;
    if (damaged && damaged <= replica->streams[mend->stream].head) {
        replica_mend_noticed(replica, mend->stream, damaged);
    }
    if (failed) {
        return true; /* the same again */
    }
    mend->from += count;
    if (damaged || count == 0) {
        mend->stream++; /* the rest of it is walked when this is mended */
        mend->from = 1;
    }
    return true;
}

/* ---- time ---- */

int64_t replica_mend_deadline(const struct replica *replica)
{
    int64_t deadline = replica->mend.due_ms;

    for (size_t i = 0; i < replica->mend.damage_count; i++) {
        const struct replica_damage *damage = &replica->mend.damages[i];
        deadline = damage->next_ms < deadline ? damage->next_ms : deadline;
    }
    return deadline;
}

void replica_mend_tick(struct replica *replica)
{
    for (size_t i = 0; i < replica->mend.damage_count; i++) {
        struct replica_damage *damage = &replica->mend.damages[i];
        if (replica->now.mono_ms >= damage->next_ms) {
            damage->request = damage->token = 0;
            ask(replica, damage);
        }
    }
    if (replica->now.mono_ms >= replica->mend.due_ms) {
        replica->mend.token = 0; /* the reader has lost it */
        step(replica);
    }
}
