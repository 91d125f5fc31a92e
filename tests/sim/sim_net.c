#include "tests/sim/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIAL_MS 500 /* between attempts to connect */

static struct sim_wire *find_wire(struct sim *sim, size_t place, uint64_t number, size_t *side)
{
    for (size_t i = sim->wire_count; i-- > 0 && number;) {
        struct sim_wire *wire = &sim->wires[i];
        for (*side = 0; *side < 2; (*side)++) {
            if (wire->ends[*side] == place && wire->numbers[*side] == number) {
                return wire;
            }
        }
    }
    return NULL;
}

static void link_up(struct sim *sim, struct sim_wire *wire, size_t side)
{
    char address[64];
    struct sim_host *host = &sim->hosts[wire->ends[side]];
    const struct sim_host *other = &sim->hosts[wire->ends[1 - side]];

    wire->numbers[side] = ++sim->last_number;
    (void)snprintf(address, sizeof address, "10.0.0.%zu:%u", wire->ends[1 - side] + 1,
                   side == 0 ? 9000U : 40000U + (unsigned)(sim->last_number % 20000));
    replica_link_up(host->replica, wire->numbers[side], side == 0 ? &other->id : NULL, address,
                    sim_host_now(sim, host));
}

static bool is_dialled(const struct sim *sim, size_t from, size_t to)
{
    for (size_t i = 0; i < sim->wire_count; i++) {
        const struct sim_wire *wire = &sim->wires[i];
        if (wire->ends[0] == from && wire->ends[1] == to && wire->numbers[0]) {
            return true;
        }
    }
    return false;
}

static void dial_again(struct sim *sim, size_t from, size_t to, int64_t in_ms)
{
    sim_time_plan(sim,
                  (struct sim_moment){
                      .kind = SIM_DIAL, .place = from, .other = to, .boot = sim->hosts[from].boot},
                  in_ms);
}

static struct sim_wire *new_wire(struct sim *sim)
{
    sim->wires = realloc(sim->wires, (sim->wire_count + 1) * sizeof *sim->wires);
    if (!sim->wires) {
        abort();
    }
    return &sim->wires[sim->wire_count++];
}

void sim_net_dial(struct sim *sim, size_t from, size_t to)
{
    struct sim_host *host = &sim->hosts[from];

    if (!host->is_up || is_dialled(sim, from, to)) {
        return;
    }
    if (!sim->hosts[to].is_up || sim->hosts[to].is_frozen || sim->ways[from][to].cuts ||
        sim->ways[to][from].cuts) {
        replica_link_error(host->replica, &sim->hosts[to].id, "nowhere", PROBLEM_PEER_UNREACHABLE,
                           "no route", sim_host_now(sim, host));
        dial_again(sim, from, to, DIAL_MS);
        return;
    }
    struct sim_wire *wire = new_wire(sim);
    *wire = (struct sim_wire){.ends = {from, to}};
    link_up(sim, wire, 0);
}

/* One side has let go of a wire; who dialled it dials again. */
static void let_go(struct sim *sim, struct sim_wire *wire, size_t side, int64_t in_ms)
{
    wire->numbers[side] = 0;
    if (side == 0) {
        wire->is_broken = true;
        dial_again(sim, wire->ends[0], wire->ends[1], in_ms + 1);
    }
}

static void tell_broken(struct sim *sim, struct sim_wire *wire, size_t side)
{
    wire->is_broken = true;
    if (wire->numbers[side]) {
        size_t place = wire->ends[side];
        sim_time_plan(sim,
                      (struct sim_moment){.kind = SIM_BREAK,
                                          .place = place,
                                          .boot = sim->hosts[place].boot,
                                          .number = wire->numbers[side]},
                      (int64_t)sim_random_below(&sim->random, 5));
    }
}

/* One copy of a message on its way. */
static void travel(struct sim *sim, struct sim_wire *wire, size_t side, struct slice bytes)
{
    size_t from = wire->ends[side], to = wire->ends[1 - side];
    const struct sim_way *way = &sim->ways[from][to];
    struct sim_moment moment = {.kind = SIM_ARRIVAL,
                                .place = to,
                                .other = (size_t)(wire - sim->wires),
                                .boot = sim->hosts[to].boot};
    int64_t in_ms = 1 + (int64_t)sim_random_below(&sim->random, (uint64_t)way->delay_ms);

    if (way->cuts || sim_random_chance(&sim->random, way->loss)) {
        return;
    }
    if (!way->disorders && sim->now_ms + in_ms < wire->last_at[1 - side]) {
        in_ms = wire->last_at[1 - side] - sim->now_ms;
    }
    wire->last_at[1 - side] = sim->now_ms + in_ms;
    if (buffer_append(&moment.bytes, bytes.data, bytes.len)) {
        sim_fail(sim, "a message of %zu bytes", bytes.len);
    }
    sim_time_plan(sim, moment, in_ms);
}

/* As a newer version may write it: another version, one field more. */
static void make_newer(struct slice bytes, struct buffer *out)
{
    static const char field[] = "\xa5newer";
    unsigned char first = (unsigned char)bytes.data[0];
    const char wide[] = {(char)0xdc, 0, 16};
    const char narrow[] = {(char)(first + 1)};

    (void)buffer_append(out, first == 0x9f ? wide : narrow, first == 0x9f ? 3 : 1);
    (void)buffer_append(out, bytes.data + 1, bytes.len - 1);
    (void)buffer_append(out, field, sizeof field - 1); /* our messages are below the ceiling */
    out->data[out->len - sizeof field + 1 - (bytes.len - 2)] = 2;
}

void sim_net_send(struct sim *sim, size_t place, const struct replica_output *output)
{
    size_t side = 0;
    struct sim_wire *wire = find_wire(sim, place, output->link, &side);

    sim->trace.messages++;
    sim_trace_mix_number(&sim->trace, (uint64_t)sim->now_ms << 8 | place);
    sim_trace_mix(&sim->trace, output->bytes.data, output->bytes.len);
    if (output->bytes.data[1] == MESSAGE_VECTOR_REQUEST) {
        sim_trace_rare(&sim->trace, SIM_RARE_COMPARED);
    }
    if (!wire || wire->is_broken) {
        return;
    }
    struct buffer newer = {.limit = 0};
    struct slice bytes = output->bytes;
    if (sim->hosts[place].is_newer) {
        make_newer(output->bytes, &newer);
        bytes = buffer_slice(&newer);
        sim_trace_rare(&sim->trace, SIM_RARE_NEWER);
    }
    travel(sim, wire, side, bytes);
    if (sim_random_chance(&sim->random, sim->ways[place][wire->ends[1 - side]].duplicates)) {
        travel(sim, wire, side, bytes);
    }
    buffer_free(&newer);
}

void sim_net_close(struct sim *sim, size_t place, const struct replica_output *output)
{
    size_t side = 0;
    struct sim_wire *wire = find_wire(sim, place, output->link, &side);

    if (wire) {
        bool tells = side == 0 && sim_random_chance(&sim->random, 50);
        let_go(sim, wire, side, output->retry_ms);
        if (tells) {
            tell_broken(sim, wire, 1);
        }
    }
}

void sim_net_arrive(struct sim *sim, struct sim_moment *moment)
{
    struct sim_wire *wire = &sim->wires[moment->other];
    size_t side = wire->ends[0] == moment->place ? 0 : 1;
    struct sim_host *host = &sim->hosts[moment->place];

    if (wire->is_broken) {
        return;
    }
    if (!wire->numbers[side]) {
        if (side == 0) {
            return;
        }
        link_up(sim, wire, side); /* a listener learns of a link by its first message */
    }
    replica_message(host->replica, wire->numbers[side], buffer_slice(&moment->bytes),
                    sim_host_now(sim, host));
}

void sim_net_broke(struct sim *sim, const struct sim_moment *moment)
{
    size_t side = 0;
    struct sim_wire *wire = find_wire(sim, moment->place, moment->number, &side);
    struct sim_host *host = &sim->hosts[moment->place];

    if (wire) {
        let_go(sim, wire, side, DIAL_MS);
        replica_link_down(host->replica, moment->number, sim_host_now(sim, host));
    }
}

void sim_net_gone(struct sim *sim, size_t place, bool is_silent)
{
    for (size_t i = 0; i < sim->wire_count; i++) {
        struct sim_wire *wire = &sim->wires[i];
        for (size_t side = 0; side < 2; side++) {
            if (wire->ends[side] == place && wire->numbers[side]) {
                wire->numbers[side] = 0;
                if (is_silent) {
                    wire->is_broken = true;
                } else {
                    tell_broken(sim, wire, 1 - side);
                }
            }
        }
    }
}

void sim_net_reset(struct sim *sim, size_t a, size_t b)
{
    for (size_t i = 0; i < sim->wire_count; i++) {
        struct sim_wire *wire = &sim->wires[i];
        if (!wire->is_broken && ((wire->ends[0] == a && wire->ends[1] == b) ||
                                 (wire->ends[0] == b && wire->ends[1] == a))) {
            tell_broken(sim, wire, 0);
            tell_broken(sim, wire, 1);
        }
    }
}
