#include "tests/sim/sim.h"

#include "proto/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_MS 10000

enum shape {
    SHAPE_FULL,
    SHAPE_CHAIN,
    SHAPE_STAR,
    SHAPE_RING,
    SHAPE_DENSE /* full, everybody dials everybody */
};

void sim_say(struct sim *sim, const char *format, ...)
{
    va_list arguments;

    if (sim->trace.is_shown) {
        (void)printf("%9.3f  ", (double)sim->now_ms / 1000);
        va_start(arguments, format);
        (void)vprintf(format, arguments);
        va_end(arguments);
        (void)printf("\n");
    }
}

/* ---- the beginning ---- */

static void know(struct sim *sim, size_t place, size_t other)
{
    struct sim_host *host = &sim->hosts[place];
    struct replica_peer *peer = &host->peers[host->peer_count++];

    *peer = (struct replica_peer){.id = sim->hosts[other].id, .p2p_port = 9000, .api_port = 8000};
    (void)snprintf(peer->ip, sizeof peer->ip, "10.0.0.%zu", other + 1);
    host->knows[other] = true;
}

static void join(struct sim *sim, size_t a, size_t b)
{
    uint64_t who = sim->plan.shape == SHAPE_DENSE ? 2 : sim_random_below(&sim->random, 3);

    know(sim, a, b);
    know(sim, b, a);
    sim->hosts[a].dials[b] = who != 0;
    sim->hosts[b].dials[a] = who != 1;
}

static void build(struct sim *sim)
{
    size_t count = sim->plan.centrals;

    for (size_t i = 0; i < SIM_PLACES; i++) {
        struct sim_host *host = &sim->hosts[i];
        host->place = i;
        host->exists = i < count;
        sim->disks[i].room = SIZE_MAX;
        (void)snprintf(host->id.text, sizeof host->id.text, "central-%zu", i + 1);
        for (size_t k = 0; k < SIM_PLACES; k++) {
            sim->ways[i][k] =
                (struct sim_way){.loss = sim->plan.loss,
                                 .delay_ms = 1 + (int64_t)sim_random_below(&sim->random, 60)};
        }
    }
    for (size_t a = 1; a < count; a++) {
        for (size_t b = 0; b < a; b++) {
            bool is_next = a == b + 1;
            enum shape shape = (enum shape)sim->plan.shape;
            if (shape == SHAPE_FULL || shape == SHAPE_DENSE || (shape == SHAPE_STAR && b == 0) ||
                (shape == SHAPE_CHAIN && is_next) ||
                (shape == SHAPE_RING && (is_next || (b == 0 && a == count - 1)))) {
                join(sim, a, b);
            }
        }
    }
}

static void begin(struct sim *sim)
{
    sim->random = (struct sim_random){sim->plan.seed ^ UINT64_C(0x5DEECE66D)};
    sim->outside.disks = sim->disks;
    sim->outside.disk_count = SIM_PLACES;
    sim->outside.random = (struct sim_random){sim->plan.seed ^ UINT64_C(0xB5297A4D)};
    sim->outside.bug = sim->plan.bug;
    sim->now_ms = SIM_START_MS;
    sim->scratch.limit = LIMIT_JSON_TEXT;
    log_setup(sim->trace.is_shown ? LOG_LEVEL_WARN : (enum log_level)(LOG_LEVEL_ERROR + 1),
              LOG_FORMAT_TEXT);
    if (sim_outside_begin(&sim->outside) != 0) {
        sim_fail(sim, "the libraries do not take our clocks and disks");
    }
    build(sim);
    for (size_t i = 0; i < sim->plan.centrals; i++) {
        sim_host_start(sim, i);
    }
    for (size_t i = 0; i < sim->plan.count; i++) {
        const struct sim_step *step = &sim->plan.steps[i];
        struct sim_moment moment = {.kind = SIM_STEP, .place = SIM_NOWHERE, .number = i};
        sim_time_plan(sim, moment, step->at_ms);
        if (step->for_ms) {
            moment.kind = SIM_MEND;
            sim_time_plan(sim, moment, step->at_ms + step->for_ms);
        }
    }
}

/* ---- time passes ---- */

static void happen(struct sim *sim, struct sim_moment *moment)
{
    switch ((int)moment->kind) {
    case SIM_CAMERA:
        sim_load_send(sim, moment);
        break;
    case SIM_ANSWER:
        sim_load_answered(sim, moment);
        buffer_free(&moment->bytes);
        break;
    case SIM_STEP:
        if (sim_plan_is_load(sim->plan.steps[moment->number].kind)) {
            sim_load_step(sim, moment->number);
        } else if (!sim->is_healing) {
            sim_fault_step(sim, moment->number);
        }
        break;
    case SIM_MEND:
        sim_fault_mend(sim, moment->number);
        break;
    case SIM_RESTART:
        sim_host_start(sim, moment->place);
        break;
    default:
        sim_host_happen(sim, moment);
        break;
    }
}

static void pass(struct sim *sim, int64_t ms)
{
    int64_t until_ms = sim->now_ms + ms;
    struct sim_moment moment;

    while (sim_time_next(sim, until_ms, &moment)) {
        happen(sim, &moment);
    }
}

static bool is_asking(const struct sim *sim)
{
    for (size_t i = 0; i < sim->client_count; i++) {
        const struct sim_client *client = &sim->clients[i];
        if (!client->is_done && client->tries_left > 0) {
            return true;
        }
    }
    return false;
}

static void settle(struct sim *sim)
{
    int64_t start_ms = sim->now_ms;

    while (is_asking(sim) || !sim_check_is_equal(sim)) {
        if (sim->now_ms - start_ms > SIM_SETTLE_MS) {
            sim_check_why(sim);
            sim_fail(sim, "not equal %lld ms after everything was mended",
                     (long long)(sim->now_ms - start_ms));
        }
        pass(sim, 250);
    }
    sim->settled_ms = sim->now_ms - start_ms;
    sim_say(sim, "equal after %lld ms", (long long)sim->settled_ms);
}

/* At rest only heartbeats travel, at most one a beat over each of two links in each direction, and
 * a few answers. */
static void stay_quiet(struct sim *sim)
{
    uint64_t before = sim->trace.messages, commits = sim->trace.commits;
    uint64_t ways = (uint64_t)sim->plan.centrals * (sim->plan.centrals - 1);

    pass(sim, 2 * sim->plan.heartbeat_ms);
    before = sim->trace.messages;
    pass(sim, QUIET_MS);
    if (sim->trace.commits == commits &&
        sim->trace.messages - before >
            ways * 4 * (uint64_t)(QUIET_MS / sim->plan.heartbeat_ms + 1)) {
        sim_fail(sim, "%llu messages in %d ms at rest",
                 (unsigned long long)(sim->trace.messages - before), QUIET_MS);
    }
}

static void clear(struct sim *sim)
{
    for (size_t i = 0; i < SIM_PLACES; i++) {
        sim_host_free(sim, i);
    }
    for (size_t i = 0; i < sim->heap_count; i++) {
        buffer_free(&sim->heap[i].bytes);
    }
    for (size_t i = 0; i < sim->stream_count; i++) {
        for (size_t k = 0; k < sim->streams[i].count; k++) {
            buffer_free(&sim->streams[i].events[k].header);
            buffer_free(&sim->streams[i].events[k].body);
        }
        free(sim->streams[i].events);
    }
    for (size_t i = 0; i < sim->client_count; i++) {
        buffer_free(&sim->clients[i].packed);
    }
    buffer_free(&sim->scratch);
    free(sim->heap);
    free(sim->wires);
    free(sim->streams);
    free(sim->clients);
    free(sim->visits);
}

void sim_run(struct sim *sim)
{
    begin(sim);
    pass(sim, sim->plan.seconds * 1000);
    sim_fault_heal(sim);
    settle(sim);
    stay_quiet(sim);
    sim_check_end(sim);
    clear(sim);
}
