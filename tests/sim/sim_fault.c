#include "tests/sim/sim.h"

#include <stdlib.h>
#include <string.h>

#define RESTART_MS 3000
#define MINUTE_MS INT64_C(60000)
#define YEAR_MS INT64_C(31536000000)

/* ---- ways between places ---- */

/* Whether this step cuts the way between two of `count` centrals. */
static bool cuts(const struct sim_step *step, size_t count, size_t from, size_t to)
{
    size_t place = step->place % count;
    size_t apart = from < to ? to - from : from - to;

    switch ((int)step->kind) {
    case SIM_STEP_HALVES:
        return (step->arg >> from & 1) != (step->arg >> to & 1);
    case SIM_STEP_ONE_WAY:
        return from == place && (step->arg % 2 == 0 || to == step->other % count);
    case SIM_STEP_RING:
        return apart != 1 && apart != count - 1;
    case SIM_STEP_CHAIN:
        return apart != 1;
    case SIM_STEP_ALONE:
        return from == place || to == place;
    default:
        return false;
    }
}

static bool concerns(const struct sim_step *step, size_t count, size_t from, size_t to)
{
    return step->arg % 3 == 0 || from == step->place % count || to == step->other % count;
}

/* A step begins to spoil the ways (by 1) or ends (by -1). */
static void spoil(struct sim *sim, const struct sim_step *step, unsigned by)
{
    size_t count = sim->plan.centrals;
    unsigned strength = 5 + (unsigned)(step->arg >> 8) % 60;

    for (size_t from = 0; from < count; from++) {
        for (size_t to = 0; to < count; to++) {
            struct sim_way *way = &sim->ways[from][to];
            bool is_meant = from != to && concerns(step, count, from, to);
            way->cuts += from != to && cuts(step, count, from, to) ? by : 0;
            way->loss += is_meant && step->kind == SIM_STEP_LOSS ? by * strength : 0;
            way->duplicates += is_meant && step->kind == SIM_STEP_TWICE ? by * strength : 0;
            way->disorders += is_meant && step->kind == SIM_STEP_DISORDER ? by : 0;
            if (is_meant && (step->kind == SIM_STEP_DELAY || step->kind == SIM_STEP_DISORDER)) {
                int64_t more_ms = (int64_t)strength * (step->kind == SIM_STEP_DELAY ? 40 : 2);
                way->delay_ms += by == 1 ? more_ms : -more_ms;
            }
        }
    }
}

/* ---- disks ---- */

static void lost_disk(struct sim *sim, struct sim_host *host)
{
    host->disk_losses++;
    sim_truth_destroyed(sim);
}

static void back_up(struct sim *sim, size_t place)
{
    sim_disk_copy(&sim->backups[place], &sim->disks[place]);
    sim_truth_copy(&sim->backup_heads[place], &sim->hosts[place].heads);
    sim->has_backup[place] = sim_disk_find(&sim->backups[place], "", false) != NULL;
}

static void restore(struct sim *sim, size_t place)
{
    struct sim_host *host = &sim->hosts[place];

    if (!sim->has_backup[place]) {
        return;
    }
    sim_host_end(sim, place, SIM_END_KILL);
    sim_disk_copy(&sim->disks[place], &sim->backups[place]);
    sim_truth_copy(&host->heads, &sim->backup_heads[place]);
    sim_trace_rare(&sim->trace, SIM_RARE_RESTORED);
    lost_disk(sim, host);
}

static void empty(struct sim *sim, size_t place)
{
    size_t room = sim->disks[place].room;

    sim_host_end(sim, place, SIM_END_KILL);
    sim_disk_free(&sim->disks[place]);
    sim->disks[place] = (struct sim_disk){.room = room};
    sim->hosts[place].heads.count = 0;
    sim_trace_rare(&sim->trace, SIM_RARE_EMPTIED);
    lost_disk(sim, &sim->hosts[place]);
}

static void make_clone(struct sim *sim, const struct sim_step *step, uint64_t number)
{
    size_t original = step->place % sim->plan.centrals;
    size_t place = SIM_CENTRALS + number % (SIM_PLACES - SIM_CENTRALS);
    const struct sim_host *from = &sim->hosts[original];
    struct sim_host *clone = &sim->hosts[place];

    if (clone->exists) {
        return;
    }
    clone->exists = true;
    clone->id = from->id;
    clone->original = original;
    clone->clone_step = number + 1;
    clone->clock_ms = from->clock_ms;
    clone->peer_count = from->peer_count;
    memcpy(clone->peers, from->peers, sizeof clone->peers);
    memcpy(clone->dials, from->knows, sizeof clone->dials);
    sim->disks[place].room = SIZE_MAX;
    sim_disk_copy(&sim->disks[place], &sim->disks[original]);
    sim_truth_copy(&clone->heads, &from->heads);
    sim_trace_rare(&sim->trace, SIM_RARE_CLONED);
    sim_host_start(sim, place);
}

/* One of the two ends: the copy, or the original whose place the copy takes. */
static void end_clone(struct sim *sim, size_t place, bool is_kept)
{
    struct sim_host *clone = &sim->hosts[place];
    struct sim_host *original = &sim->hosts[clone->original];

    sim_host_end(sim, place, SIM_END_KILL);
    if (is_kept) {
        sim_host_end(sim, clone->original, SIM_END_KILL);
        sim_disk_copy(&sim->disks[clone->original], &sim->disks[place]);
        sim_truth_copy(&original->heads, &clone->heads);
        original->disk_losses++;
        sim_trace_rare(&sim->trace, SIM_RARE_CLONE_KEPT);
    }
    sim_disk_free(&sim->disks[place]);
    sim->disks[place] = (struct sim_disk){.room = SIZE_MAX};
    clone->heads.count = 0;
    clone->exists = false;
    clone->clone_step = 0;
    sim_truth_destroyed(sim);
    sim_host_start(sim, clone->original);
}

static void end_clone_of(struct sim *sim, uint64_t number, bool is_kept)
{
    for (size_t place = SIM_CENTRALS; place < SIM_PLACES; place++) {
        if (sim->hosts[place].exists && sim->hosts[place].clone_step == number + 1) {
            end_clone(sim, place, is_kept);
        }
    }
}

static void arm(struct sim *sim, const struct sim_step *step, size_t place)
{
    struct sim_disk *disk = &sim->disks[place];

    if (step->kind == SIM_STEP_TORN) {
        bool while_opening = step->arg % 4 == 0;
        if (while_opening) {
            sim_host_end(sim, place, SIM_END_KILL);
            sim_time_plan(sim, (struct sim_moment){.kind = SIM_RESTART, .place = place}, 100);
        }
        disk->error = SIM_DISK_POWER_CUT;
        disk->error_in = 1 + step->arg / 4 % (step->arg % 4 < 2 ? 8 : 30);
    } else if (step->kind == SIM_STEP_SYNC_ERROR) {
        disk->error = SIM_DISK_SYNC_FAILS;
        disk->error_in = 1 + step->arg % 4;
    } else {
        disk->error = step->arg % 3 ? SIM_DISK_WRITE_FAILS : SIM_DISK_READ_FAILS;
        disk->error_in = 1 + step->arg / 3 % 12;
    }
}

void sim_fault_died(struct sim *sim, size_t place)
{
    struct sim_disk *disk = &sim->disks[place];

    if (!disk->is_dead) {
        sim_trace_rare(&sim->trace, disk->met == SIM_DISK_SYNC_FAILS ? SIM_RARE_SYNC_FAILED
                                                                     : SIM_RARE_IO_FAILED);
    }
    sim_host_end(sim, place, disk->is_dead ? SIM_END_POWER : SIM_END_KILL);
    sim_time_plan(sim, (struct sim_moment){.kind = SIM_RESTART, .place = place},
                  1 + (int64_t)sim_random_below(&sim->random, RESTART_MS));
}

/* ---- clocks ---- */

static int64_t clock_error(const struct sim_step *step)
{
    int64_t unit_ms = step->kind == SIM_STEP_YEARS ? YEAR_MS : MINUTE_MS;
    int64_t units = 1 + (int64_t)(step->arg >> 4) % (step->kind == SIM_STEP_YEARS ? 20 : 90);
    return step->arg % 2 ? units * unit_ms : -units * unit_ms;
}

/* ---- processes ---- */

static void hang(struct sim *sim, const struct sim_step *step, size_t place)
{
    if (sim->hosts[place].is_up) {
        sim->hosts[place].is_frozen = true;
        if (step->for_ms > 4 * sim->plan.heartbeat_ms) {
            sim_trace_rare(&sim->trace, SIM_RARE_HUNG);
        }
    }
}

static void spoil_disk(struct sim *sim, const struct sim_step *step, uint64_t number, size_t place)
{
    switch ((int)step->kind) {
    case SIM_STEP_TORN:
    case SIM_STEP_IO_ERROR:
    case SIM_STEP_SYNC_ERROR:
        arm(sim, step, place);
        break;
    case SIM_STEP_BACKUP:
        back_up(sim, place);
        break;
    case SIM_STEP_RESTORE:
        restore(sim, place);
        break;
    case SIM_STEP_EMPTY:
        empty(sim, place);
        break;
    case SIM_STEP_CLONE:
        make_clone(sim, step, number);
        break;
    case SIM_STEP_FULL:
        sim->disks[place].room = sim_disk_used(&sim->disks[place]) + step->arg % 150000;
        break;
    default:
        break;
    }
}

static void spoil_process(struct sim *sim, const struct sim_step *step, size_t place)
{
    struct sim_host *host = &sim->hosts[place];

    switch ((int)step->kind) {
    case SIM_STEP_STOP:
        sim_host_end(sim, place, SIM_END_STOP);
        break;
    case SIM_STEP_KILL:
        sim_host_end(sim, place, SIM_END_KILL);
        break;
    case SIM_STEP_POWER:
        sim_host_end(sim, place, SIM_END_POWER);
        break;
    case SIM_STEP_CLOCK:
    case SIM_STEP_YEARS:
        host->clock_ms += clock_error(step);
        break;
    case SIM_STEP_HANG:
        hang(sim, step, place);
        break;
    case SIM_STEP_SLOW:
        host->is_slow = true;
        break;
    case SIM_STEP_NEWER:
        host->is_newer = true;
        break;
    default:
        break;
    }
}

void sim_fault_step(struct sim *sim, uint64_t number)
{
    const struct sim_step *step = &sim->plan.steps[number];
    size_t place = step->place % sim->plan.centrals;

    sim_say(sim, "step %llu: %s %zu %u for %lld ms", (unsigned long long)number,
            sim_plan_name(step->kind), place, step->other % sim->plan.centrals,
            (long long)step->for_ms);
    spoil(sim, step, 1);
    spoil_disk(sim, step, number, place);
    spoil_process(sim, step, place);
    if (step->kind == SIM_STEP_RESET) {
        sim_net_reset(sim, place, step->other % sim->plan.centrals);
    } else if (step->kind == SIM_STEP_LOOK) {
        sim_check_now(sim);
    }
}

void sim_fault_mend(struct sim *sim, uint64_t number)
{
    const struct sim_step *step = &sim->plan.steps[number];
    size_t place = step->place % sim->plan.centrals;
    struct sim_host *host = &sim->hosts[place];

    if (sim->is_healing) {
        return; /* everything was mended */
    }
    spoil(sim, step, UINT32_MAX);
    switch ((int)step->kind) {
    case SIM_STEP_STOP:
    case SIM_STEP_KILL:
    case SIM_STEP_POWER:
    case SIM_STEP_RESTORE:
    case SIM_STEP_EMPTY:
        sim_host_start(sim, place);
        break;
    case SIM_STEP_TORN:
    case SIM_STEP_IO_ERROR:
    case SIM_STEP_SYNC_ERROR:
        sim->disks[place].error = SIM_DISK_WELL;
        break;
    case SIM_STEP_CLONE:
        end_clone_of(sim, number, step->arg % 3 == 0);
        break;
    case SIM_STEP_CLOCK:
    case SIM_STEP_YEARS:
        host->clock_ms -= clock_error(step);
        break;
    case SIM_STEP_FULL:
        sim->disks[place].room = SIZE_MAX;
        break;
    case SIM_STEP_HANG:
        if (host->is_frozen) {
            sim_host_thaw(sim, place);
        }
        break;
    case SIM_STEP_SLOW:
        host->is_slow = false;
        break;
    case SIM_STEP_NEWER:
        host->is_newer = false;
        break;
    default:
        break; /* ways are mended already */
    }
}

void sim_fault_heal(struct sim *sim)
{
    sim->is_healing = true;
    sim_say(sim, "everything is mended");
    for (size_t place = SIM_CENTRALS; place < SIM_PLACES; place++) {
        if (sim->hosts[place].exists) {
            end_clone(sim, place, false);
        }
    }
    for (size_t from = 0; from < SIM_PLACES; from++) {
        for (size_t to = 0; to < SIM_PLACES; to++) {
            sim->ways[from][to] = (struct sim_way){.delay_ms = 20};
        }
    }
    for (size_t place = 0; place < sim->plan.centrals; place++) {
        struct sim_host *host = &sim->hosts[place];
        sim->disks[place].room = SIZE_MAX;
        sim->disks[place].error = SIM_DISK_WELL;
        host->is_slow = false;
        if (host->is_frozen) {
            sim_host_thaw(sim, place);
        }
        sim_host_start(sim, place);
    }
}
