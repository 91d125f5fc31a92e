#include "tests/bus/support_world_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_MS 1000

/* ---- life ---- */

static struct replica_options options_of(const struct world *world, const struct node *node)
{
    struct replica_options options = {
        .node = node->id,
        .mesh_id = {{7}},
        .boot = node->boot,
        .heartbeat_ms = world->options.heartbeat_ms,
        .api_port = 8000,
        .software = "parkmesh test",
        .fold = 1,
        .seed = world->options.seed,
    };
    return options;
}

void world_start(struct world *world, size_t number)
{
    struct node *node = &world->nodes[number];
    struct head none = {.seq = 0};

    if (node->replica) {
        return;
    }
    node->boot = node->epoch = ++world->last_boot;
    node->own = none;
    node->last_fact_ms = node->last_apply_ms = 0;
    struct replica_options options = options_of(world, node);
    node->replica = replica_new(&options);
    replica_set_peers(node->replica, node->peers, node->peer_count, world_now(world));
    passage_set_vector(world, node);
    passage_drain(world, number);
    for (size_t other = 0; other < world->options.nodes; other++) {
        if (node->dials[other]) {
            passage_plan(
                world,
                (struct moment){.kind = DIAL, .node = number, .other = other, .boot = node->boot},
                (int64_t)world_random(world, WORLD_DIAL_MS));
        }
    }
}

void world_kill(struct world *world, size_t number, unsigned lost)
{
    struct node *node = &world->nodes[number];

    if (!node->replica) {
        return;
    }
    replica_destroy(&node->replica);
    for (size_t i = 0; i < world->wire_count; i++) {
        struct wire_between *wire = &world->wires[i];
        for (size_t side = 0; side < 2; side++) {
            /* After a power cut nobody tells the other side. */
            if (wire->ends[side] == number && wire->numbers[side]) {
                wire->numbers[side] = 0;
                wire->is_broken = true;
                if (passage_happens(world, 50)) {
                    passage_tell_broken(world, wire, 1 - side);
                }
            }
        }
    }
    for (size_t i = 0; i < node->log.count && lost; i++) {
        size_t count = node->log.streams[i].count;
        memlog_truncate(&node->log, i, count - count * lost / 100);
    }
}

bool world_is_up(const struct world *world, size_t node)
{
    return world->nodes[node].replica != NULL;
}

struct world *world_new(const struct world_options *options)
{
    struct world *world = bytes_allocate(1, sizeof *world);

    world->options = *options;
    world->random = options->seed * 2654435761U + 12345;
    world->now_ms = START_MS;
    world->last_boot = 100;
    for (size_t i = 0; i < options->nodes; i++) {
        (void)snprintf(world->nodes[i].id.text, sizeof world->nodes[i].id.text, "central-%zu",
                       i + 1);
        world_start(world, i);
    }
    return world;
}

void world_destroy(struct world **world_p)
{
    struct world *world = *world_p;

    for (size_t i = 0; i < world->options.nodes; i++) {
        replica_destroy(&world->nodes[i].replica);
        memlog_free(&world->nodes[i].log);
    }
    for (size_t i = 0; i < world->heap_count; i++) {
        buffer_free(&world->heap[i].bytes);
    }
    memlog_free(&world->truth);
    free(world->heap);
    free(world->wires);
    free(world);
    *world_p = NULL;
}

static void configure(struct world *world, size_t number, size_t other)
{
    struct node *node = &world->nodes[number];

    if (node->knows[other]) {
        return;
    }
    node->knows[other] = true;
    struct replica_peer *peer = &node->peers[node->peer_count++];
    *peer = (struct replica_peer){.id = world->nodes[other].id, .p2p_port = 9000, .api_port = 8000};
    (void)snprintf(peer->ip, sizeof peer->ip, "10.0.0.%zu", other + 1);
    if (node->replica) {
        replica_set_peers(node->replica, node->peers, node->peer_count, world_now(world));
        passage_drain(world, number);
    }
}

void world_connect(struct world *world, size_t from, size_t to)
{
    configure(world, from, to);
    configure(world, to, from);
    world->nodes[from].dials[to] = true;
    passage_dial(world, from, to);
    passage_drain(world, from);
}

/* ---- faults ---- */

void world_cut(struct world *world, size_t a, size_t b, bool is_cut)
{
    world->is_cut[a][b] = world->is_cut[b][a] = is_cut;
}

void world_reset(struct world *world, size_t a, size_t b)
{
    for (size_t i = 0; i < world->wire_count; i++) {
        struct wire_between *wire = &world->wires[i];
        if ((wire->ends[0] == a && wire->ends[1] == b) ||
            (wire->ends[0] == b && wire->ends[1] == a)) {
            passage_tell_broken(world, wire, 0);
            passage_tell_broken(world, wire, 1);
        }
    }
}

void world_heal(struct world *world)
{
    world->options.loss = world->options.duplicates = world->options.refusals = 0;
    world->options.lost_facts = 0;
    memset(world->is_cut, 0, sizeof world->is_cut);
    for (size_t i = 0; i < world->options.nodes; i++) {
        world_start(world, i);
    }
}

void world_freeze(struct world *world, size_t node, bool is_frozen)
{
    world->nodes[node].is_frozen = is_frozen;
}

void world_import(struct world *world, size_t node, const struct stream *stream, size_t count)
{
    MUST(!world->nodes[node].replica);
    memlog_write(&world->nodes[node].log, stream, count, 20, 1);
}

void world_watch(struct world *world, world_seen_fn seen, void *context)
{
    world->seen = seen;
    world->seen_context = context;
}

/* ---- judging ---- */

bool world_is_equal(const struct world *world)
{
    struct digest first = memlog_digest(&world->nodes[0].log);
    for (size_t i = 1; i < world->options.nodes; i++) {
        struct digest other = memlog_digest(&world->nodes[i].log);
        if (!digest_equal(&first, &other)) {
            return false;
        }
    }
    return true;
}

/* Every pair that knows each other is connected, equal and has nothing open. */
static bool is_reported_equal(struct world *world)
{
    bool is_equal = true;
    for (size_t i = 0; i < world->options.nodes && is_equal; i++) {
        struct mesh_report report = {.running = true};
        if (!world->nodes[i].replica) {
            return false;
        }
        replica_report(world->nodes[i].replica, &report, world_now(world));
        for (size_t k = 0; k < report.count; k++) {
            const struct peer_report *peer = &report.peers[k];
            is_equal = is_equal && peer->state == PEER_CONNECTED && peer->sync == SYNC_EQUAL &&
                       peer->behind == 0 && peer->ahead == 0 && peer->lag_s == 0;
        }
        mesh_report_free(&report);
    }
    return is_equal;
}

int64_t world_settle(struct world *world, int64_t max_ms)
{
    int64_t start = world->now_ms;

    while (world->now_ms - start <= max_ms) {
        if (world_is_equal(world) && is_reported_equal(world)) {
            return world->now_ms - start;
        }
        world_run(world, 50);
    }
    return -1;
}

void world_check(struct world *world)
{
    for (size_t i = 0; i < world->options.nodes; i++) {
        ck_assert_msg(memlog_is_part(&world->nodes[i].log, &world->truth),
                      "central-%zu holds events that nobody wrote", i + 1);
        for (size_t k = 0; k < i; k++) {
            struct digest a = memlog_digest(&world->nodes[i].log);
            struct digest b = memlog_digest(&world->nodes[k].log);
            bool is_same = memlog_is_part(&world->nodes[i].log, &world->nodes[k].log) &&
                           memlog_is_part(&world->nodes[k].log, &world->nodes[i].log);
            ck_assert_int_eq(digest_equal(&a, &b), is_same);
        }
    }
    /* No faults of ours were made to look like somebody else's. */
    ck_assert_uint_eq(world->alarms[PROBLEM_CHAIN_MISMATCH], 0);
    ck_assert_uint_eq(world->alarms[PROBLEM_MESSAGE_INVALID], 0);
    ck_assert_uint_eq(world->alarms[PROBLEM_INTERNAL], 0);
    ck_assert_uint_eq(world->alarms[PROBLEM_STATE_DIVERGED], 0);
    ck_assert_uint_eq(world->alarms[PROBLEM_CLOCK_SKEW], 0);
}

struct replica *world_replica(struct world *world, size_t node)
{
    return world->nodes[node].replica;
}

struct memlog *world_log(struct world *world, size_t node)
{
    return &world->nodes[node].log;
}

uint64_t world_sent(const struct world *world)
{
    return world->sent;
}

size_t world_longest(const struct world *world)
{
    return world->longest;
}

uint64_t world_alarms(const struct world *world, enum problem_code code)
{
    return world->alarms[code];
}

uint64_t world_mended(const struct world *world)
{
    return world->mended;
}
