#include "tests/sim/sim.h"

#include <stdlib.h>

#define MOMENTS 400000 /* under way at once, at most: memory is bounded */

static bool is_before(const struct sim_moment *a, const struct sim_moment *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap(struct sim_moment *a, struct sim_moment *b)
{
    struct sim_moment kept = *a;
    *a = *b;
    *b = kept;
}

void sim_time_plan(struct sim *sim, struct sim_moment moment, int64_t in_ms)
{
    if (sim->heap_count >= MOMENTS) {
        sim_fail(sim, "more than %d things are under way at once", MOMENTS);
    }
    if (sim->heap_count == sim->heap_capacity) {
        sim->heap_capacity = sim->heap_capacity ? sim->heap_capacity * 2 : 256;
        sim->heap = realloc(sim->heap, sim->heap_capacity * sizeof *sim->heap);
        if (!sim->heap) {
            abort();
        }
    }
    moment.at_ms = sim->now_ms + (in_ms > 0 ? in_ms : 0);
    moment.order = sim->orders++;
    size_t at = sim->heap_count++;
    sim->heap[at] = moment;
    while (at && is_before(&sim->heap[at], &sim->heap[(at - 1) / 2])) {
        swap(&sim->heap[at], &sim->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static struct sim_moment take_first(struct sim *sim)
{
    struct sim_moment first = sim->heap[0];
    size_t at = 0;

    sim->heap[0] = sim->heap[--sim->heap_count];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < sim->heap_count && is_before(&sim->heap[child + 1], &sim->heap[child])) {
            child++;
        }
        if (child >= sim->heap_count || is_before(&sim->heap[at], &sim->heap[child])) {
            return first;
        }
        swap(&sim->heap[at], &sim->heap[child]);
        at = child;
    }
}

static size_t first_awake(const struct sim *sim)
{
    size_t first = SIM_NOWHERE;

    for (size_t i = 0; i < SIM_PLACES; i++) {
        const struct sim_host *host = &sim->hosts[i];
        if (host->is_up && !host->is_frozen &&
            (first == SIM_NOWHERE || host->deadline_ms < sim->hosts[first].deadline_ms)) {
            first = i;
        }
    }
    return first;
}

bool sim_time_next(struct sim *sim, int64_t until_ms, struct sim_moment *out)
{
    for (;;) {
        size_t awake = first_awake(sim);
        int64_t wake_ms = awake == SIM_NOWHERE ? INT64_MAX : sim->hosts[awake].deadline_ms;
        int64_t moment_ms = sim->heap_count ? sim->heap[0].at_ms : INT64_MAX;
        int64_t next_ms = wake_ms < moment_ms ? wake_ms : moment_ms;

        if (next_ms > until_ms) {
            sim->now_ms = until_ms;
            return false;
        }
        sim->now_ms = next_ms > sim->now_ms ? next_ms : sim->now_ms;
        if (moment_ms <= wake_ms) {
            *out = take_first(sim);
            return true;
        }
        sim_host_tick(sim, awake);
        if (sim->hosts[awake].is_up && sim->hosts[awake].deadline_ms <= sim->now_ms) {
            sim_fail(sim, "central at %zu wants to be woken at once again", awake);
        }
    }
}
