#include "tests/bus/support_world_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALL_MS INT64_C(1700000000000)
#define MOMENTS 200000 /* things under way at once, at most */
#define NODE_MS 8      /* the node answers a run within */
#define READER_MS 8
#define REREAD_MS 40 /* the vector is read again that long after a lost fact */

/* ---- chance and time ---- */

uint64_t world_random(struct world *world, uint64_t below)
{
    world->random = world->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (world->random >> 33) % below;
}

bool passage_happens(struct world *world, unsigned per_cent)
{
    return world_random(world, 100) < per_cent;
}

struct replica_now world_now(const struct world *world)
{
    return (struct replica_now){.mono_ms = world->now_ms, .wall_ms = WALL_MS + world->now_ms};
}

static bool is_before(const struct moment *a, const struct moment *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap(struct moment *a, struct moment *b)
{
    struct moment kept = *a;
    *a = *b;
    *b = kept;
}

void passage_plan(struct world *world, struct moment moment, int64_t in_ms)
{
    MUST(world->heap_count < MOMENTS);
    if (world->heap_count == world->heap_capacity) {
        world->heap_capacity = world->heap_capacity ? world->heap_capacity * 2 : 256;
        world->heap = realloc(world->heap, world->heap_capacity * sizeof *world->heap);
        MUST(world->heap);
    }
    moment.at_ms = world->now_ms + in_ms;
    moment.order = world->orders++;
    size_t at = world->heap_count++;
    world->heap[at] = moment;
    while (at && is_before(&world->heap[at], &world->heap[(at - 1) / 2])) {
        swap(&world->heap[at], &world->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static struct moment take_first(struct world *world)
{
    struct moment first = world->heap[0];
    size_t at = 0;
    world->heap[0] = world->heap[--world->heap_count];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < world->heap_count &&
            is_before(&world->heap[child + 1], &world->heap[child])) {
            child++;
        }
        if (child >= world->heap_count || is_before(&world->heap[at], &world->heap[child])) {
            return first;
        }
        swap(&world->heap[at], &world->heap[child]);
        at = child;
    }
}

/* ---- wires ---- */

static struct wire_between *find_wire(struct world *world, size_t node, uint64_t number,
                                      size_t *side)
{
    for (size_t i = world->wire_count; i-- > 0 && number;) {
        struct wire_between *wire = &world->wires[i];
        for (*side = 0; *side < 2; (*side)++) {
            if (wire->ends[*side] == node && wire->numbers[*side] == number) {
                return wire;
            }
        }
    }
    return NULL;
}

static void link_up(struct world *world, struct wire_between *wire, size_t side)
{
    char address[64];
    struct node *node = &world->nodes[wire->ends[side]];
    const struct node *other = &world->nodes[wire->ends[1 - side]];

    wire->numbers[side] = ++world->last_number;
    (void)snprintf(address, sizeof address, "10.0.0.%zu:%u", wire->ends[1 - side] + 1,
                   side == 0 ? 9000U : 40000U + (unsigned)(world->last_number % 20000));
    replica_link_up(node->replica, wire->numbers[side], side == 0 ? &other->id : NULL, address,
                    world_now(world));
}

static bool is_dialled(const struct world *world, size_t from, size_t to)
{
    for (size_t i = 0; i < world->wire_count; i++) {
        const struct wire_between *wire = &world->wires[i];
        if (wire->ends[0] == from && wire->ends[1] == to && wire->numbers[0]) {
            return true;
        }
    }
    return false;
}

void passage_dial(struct world *world, size_t from, size_t to)
{
    struct node *node = &world->nodes[from];

    if (!node->replica || is_dialled(world, from, to)) {
        return;
    }
    if (!world->nodes[to].replica || world->is_cut[from][to]) {
        replica_link_error(node->replica, &world->nodes[to].id, "nowhere", PROBLEM_PEER_UNREACHABLE,
                           "no route", world_now(world));
        passage_plan(world,
                     (struct moment){.kind = DIAL, .node = from, .other = to, .boot = node->boot},
                     WORLD_DIAL_MS);
        return;
    }
    world->wires = realloc(world->wires, (world->wire_count + 1) * sizeof *world->wires);
    MUST(world->wires);
    struct wire_between *wire = &world->wires[world->wire_count++];
    *wire = (struct wire_between){.ends = {from, to}};
    link_up(world, wire, 0);
}

/* One side has let go of a wire; who dialled it dials again. */
static void let_go(struct world *world, struct wire_between *wire, size_t side, int64_t in_ms)
{
    size_t node = wire->ends[side];
    wire->numbers[side] = 0;
    if (side == 0) {
        wire->is_broken = true;
        passage_plan(world,
                     (struct moment){.kind = DIAL,
                                     .node = node,
                                     .other = wire->ends[1],
                                     .boot = world->nodes[node].boot},
                     in_ms + 1);
    }
}

void passage_tell_broken(struct world *world, struct wire_between *wire, size_t side)
{
    size_t node = wire->ends[side];
    wire->is_broken = true;
    if (wire->numbers[side]) {
        passage_plan(world,
                     (struct moment){.kind = BREAK,
                                     .node = node,
                                     .boot = world->nodes[node].boot,
                                     .number = wire->numbers[side]},
                     (int64_t)world_random(world, 5));
    }
}

/* ---- outputs ---- */

static void transmit(struct world *world, size_t node, const struct replica_output *output)
{
    size_t side = 0;
    struct wire_between *wire = find_wire(world, node, output->link, &side);

    world->sent++;
    if (!wire || wire->is_broken) {
        return;
    }
    if (world->seen) {
        world->seen(world->seen_context, node, wire->ends[1 - side], output->bytes, world->now_ms);
    }
    size_t copies = 1U + (passage_happens(world, world->options.duplicates) ? 1U : 0U);
    for (size_t i = 0; i < copies; i++) {
        if (passage_happens(world, world->options.loss)) {
            continue;
        }
        struct moment moment = {.kind = ARRIVAL,
                                .node = wire->ends[1 - side],
                                .other = (size_t)(wire - world->wires),
                                .boot = world->nodes[wire->ends[1 - side]].boot};
        int64_t in_ms = 1 + (int64_t)world_random(world, (uint64_t)world->options.delay_ms);
        if (world->options.ordered && world->now_ms + in_ms < wire->last_at[1 - side]) {
            in_ms = wire->last_at[1 - side] - world->now_ms;
        }
        wire->last_at[1 - side] = world->now_ms + in_ms;
        MUST(buffer_append(&moment.bytes, output->bytes.data, output->bytes.len) == 0);
        passage_plan(world, moment, in_ms);
    }
}

static void hand_over(struct world *world, size_t number, const struct replica_output *output)
{
    struct node *node = &world->nodes[number];
    struct moment moment = {.node = number, .boot = node->boot, .what = *output};
    int64_t in_ms = 1 + (int64_t)world_random(world, NODE_MS);

    if (output->kind != REPLICA_READ) {
        moment.kind = APPLY;
        /* The node takes runs in the order in which they were handed over. */
        if (world->now_ms + in_ms < node->last_apply_ms) {
            in_ms = node->last_apply_ms - world->now_ms;
        }
        node->last_apply_ms = world->now_ms + in_ms;
        if (output->kind != REPLICA_MOVE) {
            MUST(buffer_append(&moment.bytes, output->bytes.data, output->bytes.len) == 0);
        }
    } else {
        moment.kind = READ;
        in_ms = 1 + (int64_t)world_random(world, READER_MS);
    }
    passage_plan(world, moment, in_ms);
}

static void close_wire(struct world *world, size_t node, const struct replica_output *output)
{
    size_t side = 0;
    struct wire_between *wire = find_wire(world, node, output->link, &side);

    if (wire) {
        let_go(world, wire, side, output->retry_ms);
        if (side == 0 && passage_happens(world, 50)) {
            passage_tell_broken(world, wire, 1);
        }
    }
}

/* Takes every output of a node, and when it wants to be woken. */
void passage_drain(struct world *world, size_t number)
{
    struct node *node = &world->nodes[number];
    struct replica_output output;
    size_t count = 0;

    while (node->replica && replica_next(node->replica, &output)) {
        count++;
        switch (output.kind) {
        case REPLICA_SEND:
            transmit(world, number, &output);
            break;
        case REPLICA_CLOSE:
            close_wire(world, number, &output);
            break;
        case REPLICA_APPLY:
        case REPLICA_REPAIR:
        case REPLICA_MOVE:
        case REPLICA_READ:
            hand_over(world, number, &output);
            break;
        case REPLICA_SYNCED:
            break;
        case REPLICA_ALARM:
            world->alarms[output.code]++;
            world->mended += strcmp(output.id, "CHAIN_MENDED") == 0;
            if (getenv("WORLD_SHOW")) {
                printf("%lld central-%zu %s %s: %s\n", (long long)world->now_ms, number + 1,
                       output.id, output.peer.text, output.text);
                fflush(stdout);
            }
            break;
        }
    }
    if (count > world->longest) {
        world->longest = count;
    }
    if (node->replica) {
        node->deadline_ms = replica_deadline(node->replica);
    }
}

/* ---- the node beside the replica ---- */

void passage_set_vector(struct world *world, struct node *node)
{
    size_t count = 0;
    struct head *heads = memlog_heads(&node->log, &count);
    struct digest digest = memlog_digest(&node->log);

    replica_set_vector(node->replica, heads, count, memlog_count(&node->log), node->log.rewinds,
                       &digest, world_now(world));
    free(heads);
}

/* A commit of `count` events; the fact arrives a little later, or not at all. */
void passage_publish(struct world *world, size_t number, const struct stream *stream, size_t count,
                     enum fact_origin origin)
{
    struct node *node = &world->nodes[number];
    struct moment moment = {.kind = FACT, .node = number, .boot = node->boot};
    int64_t in_ms = (int64_t)world_random(world, 4);

    if (passage_happens(world, world->options.lost_facts)) {
        moment.kind = REREAD;
        passage_plan(world, moment, REREAD_MS);
        return;
    }
    memlog_fact(&node->log, stream, count, origin, &node->own, &moment.bytes);
    if (world->now_ms + in_ms < node->last_fact_ms) {
        in_ms = node->last_fact_ms - world->now_ms;
    }
    node->last_fact_ms = world->now_ms + in_ms;
    passage_plan(world, moment, in_ms);
}

void world_write(struct world *world, size_t number, size_t count, size_t size)
{
    struct node *node = &world->nodes[number];

    if (!node->replica || count == 0) {
        return;
    }
    struct stream stream = {.node = node->id, .epoch = node->epoch};
    uint64_t salt = world_random(world, 1000000);
    memlog_write(&node->log, &stream, count, size, salt);
    memlog_write(&world->truth, &stream, count, size, salt);
    node->own = memlog_head(&node->log, &stream);
    passage_publish(world, number, &stream, count, FACT_LOCAL);
}

/* Our events of a stream go on in the one that this process writes; a new one, if it is that. */
static enum apply_outcome move_away(struct world *world, const struct moment *moment)
{
    struct node *node = &world->nodes[moment->node];
    const struct position from = {moment->what.stream, moment->what.from};
    uint64_t rewinds = node->log.rewinds;

    if (node->own.seq && stream_compare(&node->own.stream, &from.stream) == 0) {
        node->own = (struct head){.seq = 0};
        node->epoch = ++world->last_boot;
    }
    struct stream to = {.node = node->id, .epoch = node->epoch};
    enum apply_outcome outcome = memlog_move(&node->log, &from, &moment->what.chain, &to);
    if (node->log.rewinds != rewinds) {
        struct moment fact = {.kind = FACT, .node = moment->node, .boot = node->boot};
        node->own = memlog_head(&node->log, &to);
        if (passage_happens(world, 50)) {
            fact.kind = REREAD;
        } else {
            memlog_move_fact(&node->log, &from.stream, &node->own, &fact.bytes);
        }
        if (world->now_ms < node->last_fact_ms) {
            passage_plan(world, fact, node->last_fact_ms - world->now_ms);
        } else {
            passage_plan(world, fact, 0);
        }
    }
    return outcome;
}

static void apply(struct world *world, struct moment *moment)
{
    struct node *node = &world->nodes[moment->node];
    struct moment answer = {.kind = APPLIED,
                            .node = moment->node,
                            .boot = moment->boot,
                            .number = moment->what.token,
                            .outcome = APPLY_REFUSED};

    if (world->options.frozen || passage_happens(world, world->options.refusals)) {
        answer.outcome = APPLY_REFUSED;
    } else if (moment->what.kind == REPLICA_MOVE) {
        answer.outcome = move_away(world, moment);
    } else if (moment->what.kind == REPLICA_REPAIR) {
        answer.outcome = memlog_repair(&node->log, buffer_slice(&moment->bytes));
    } else {
        uint64_t before = memlog_head(&node->log, &moment->what.stream).seq;
        answer.outcome = memlog_apply(&node->log, buffer_slice(&moment->bytes));
        uint64_t after = memlog_head(&node->log, &moment->what.stream).seq;
        if (after > before) {
            passage_publish(world, moment->node, &moment->what.stream, after - before,
                            moment->what.origin);
        }
    }
    passage_plan(world, answer, (int64_t)world_random(world, 4));
}

/* ---- what happens ---- */

static void arrive(struct world *world, struct moment *moment)
{
    struct wire_between *wire = &world->wires[moment->other];
    size_t side = wire->ends[0] == moment->node ? 0 : 1;
    struct node *node = &world->nodes[moment->node];

    if (wire->is_broken || world->is_cut[wire->ends[0]][wire->ends[1]]) {
        return;
    }
    if (!wire->numbers[side]) {
        if (side == 0) {
            return;
        }
        link_up(world, wire, side); /* a listener learns of a link by its first message */
    }
    replica_message(node->replica, wire->numbers[side], buffer_slice(&moment->bytes),
                    world_now(world));
}

static void break_wire(struct world *world, const struct moment *moment)
{
    size_t side = 0;
    struct wire_between *wire = find_wire(world, moment->node, moment->number, &side);

    if (wire) {
        let_go(world, wire, side, WORLD_DIAL_MS);
        replica_link_down(world->nodes[moment->node].replica, moment->number, world_now(world));
    }
}

static void answer_read(struct world *world, const struct moment *moment)
{
    struct node *node = &world->nodes[moment->node];
    struct buffer run = {.limit = 0};
    bool failed = passage_happens(world, world->options.refusals);
    size_t count = memlog_read(&node->log, &moment->what.stream, moment->what.from,
                               moment->what.max_bytes, moment->what.max_events, &run);
    struct slice bytes = count && !failed ? buffer_slice(&run) : (struct slice){NULL, 0};
    uint64_t damaged = memlog_damaged(&node->log, &moment->what.stream, moment->what.from,
                                      moment->what.max_events);

    replica_read(node->replica, moment->what.token, failed, bytes, damaged, world_now(world));
    buffer_free(&run);
}

static void hear_fact(struct world *world, const struct moment *moment)
{
    struct fact fact;
    MUST(fact_unpack(&fact, buffer_slice(&moment->bytes)) == 0);
    replica_committed(world->nodes[moment->node].replica, &fact, world_now(world));
    fact_free(&fact);
}

static void happen(struct world *world, struct moment *moment)
{
    struct node *node = &world->nodes[moment->node];

    if (node->replica && node->boot == moment->boot && !node->is_frozen) {
        switch (moment->kind) {
        case ARRIVAL:
            arrive(world, moment);
            break;
        case BREAK:
            break_wire(world, moment);
            break;
        case DIAL:
            passage_dial(world, moment->node, moment->other);
            break;
        case APPLY:
            apply(world, moment);
            break;
        case APPLIED:
            replica_applied(node->replica, moment->number, moment->outcome, world_now(world));
            break;
        case READ:
            answer_read(world, moment);
            break;
        case FACT:
            hear_fact(world, moment);
            break;
        case REREAD:
            passage_set_vector(world, node);
            break;
        }
        passage_drain(world, moment->node);
    }
    buffer_free(&moment->bytes);
}

/* Wakes every node that wants it now; a woken node must not want it again at once. */
static void wake(struct world *world)
{
    for (size_t i = 0; i < world->options.nodes; i++) {
        struct node *node = &world->nodes[i];
        if (node->replica && !node->is_frozen && node->deadline_ms <= world->now_ms) {
            replica_tick(node->replica, world_now(world));
            passage_drain(world, i);
            MUST(node->deadline_ms > world->now_ms);
        }
    }
}

static int64_t next_ms(const struct world *world)
{
    int64_t next = world->heap_count ? world->heap[0].at_ms : INT64_MAX;
    for (size_t i = 0; i < world->options.nodes; i++) {
        if (world->nodes[i].replica && !world->nodes[i].is_frozen &&
            world->nodes[i].deadline_ms < next) {
            next = world->nodes[i].deadline_ms;
        }
    }
    return next;
}

void world_run(struct world *world, int64_t ms)
{
    int64_t until = world->now_ms + ms;

    for (;;) {
        int64_t next = next_ms(world);
        if (next > until) {
            world->now_ms = until;
            return;
        }
        world->now_ms = next > world->now_ms ? next : world->now_ms;
        if (world->heap_count && world->heap[0].at_ms <= world->now_ms) {
            struct moment moment = take_first(world);
            happen(world, &moment);
        } else {
            wake(world);
        }
    }
}
