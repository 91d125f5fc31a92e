#include "tests/sim/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MESH_ID \
    {           \
        {       \
            7   \
        }       \
    }
#define READER_MS 8
#define FACT_MS 4
#define REREAD_MS 40  /* the vector is read again that long after a lost fact */
#define RETRY_MS 1000 /* or after the reader could not read */
#define IDLE_MS 1000  /* the node tidies up */
#define AGAIN_MS 2000 /* systemd starts a process again that could not start */
#define OUTPUTS 5000  /* after one input, at most: memory is bounded */

struct replica_now sim_host_now(struct sim *sim, const struct sim_host *host)
{
    sim->outside.mono_ms = sim->now_ms - host->started_ms + 1;
    sim->outside.wall_ms = SIM_WALL_MS + sim->now_ms + host->clock_ms;
    return (struct replica_now){.mono_ms = sim->outside.mono_ms, .wall_ms = sim->outside.wall_ms};
}

/* ---- outputs of the replica ---- */

static void alarm_heard(struct sim *sim, const struct sim_host *host,
                        const struct replica_output *output)
{
    sim->alarms[output->code]++;
    if (output->code == PROBLEM_DUPLICATE_ID) {
        sim_trace_rare(&sim->trace, SIM_RARE_DUPLICATE_ID);
    } else if (output->code == PROBLEM_CLOCK_SKEW) {
        sim_trace_rare(&sim->trace, SIM_RARE_CLOCK_SKEW);
    } else if (strcmp(output->id, "PEER_DOWN") == 0) {
        sim_trace_rare(&sim->trace, SIM_RARE_PEER_LOST);
    }
    sim_say(sim, "%s at %zu: %s peer=%s %s", host->id.text, host->place, output->id,
            output->peer.text, output->text);
}

static void ask_reader(struct sim *sim, const struct sim_host *host,
                       const struct replica_output *output)
{
    struct sim_moment moment = {
        .kind = SIM_READ, .place = host->place, .boot = host->boot, .what = *output};
    sim_time_plan(sim, moment, 1 + (int64_t)sim_random_below(&sim->random, READER_MS));
}

static void note_synced(struct sim *sim, struct sim_host *host, const struct replica_output *output)
{
    struct problem problem = {.code = PROBLEM_OK};

    (void)sim_host_now(sim, host);
    if (store_set_synced(host->store, &output->peer, output->wall_ms, &problem) != 0 &&
        problem.code == PROBLEM_DB_FAILED) {
        host->store_failed = true; /* the process ends when its outputs are taken */
    }
}

void sim_host_drain(struct sim *sim, size_t place)
{
    struct sim_host *host = &sim->hosts[place];
    struct replica_output output;
    size_t count = 0;

    while (host->is_up && replica_next(host->replica, &output)) {
        count++;
        switch (output.kind) {
        case REPLICA_SEND:
            sim_net_send(sim, place, &output);
            break;
        case REPLICA_CLOSE:
            sim_net_close(sim, place, &output);
            break;
        case REPLICA_APPLY:
        case REPLICA_REPAIR:
        case REPLICA_MOVE:
            sim_node_take_run(sim, host, &output);
            break;
        case REPLICA_READ:
            ask_reader(sim, host, &output);
            break;
        case REPLICA_SYNCED:
            note_synced(sim, host, &output);
            break;
        case REPLICA_ALARM:
            alarm_heard(sim, host, &output);
            break;
        }
    }
    sim->longest = count > sim->longest ? count : sim->longest;
    if (count > OUTPUTS) {
        sim_fail(sim, "%zu outputs after one input of the replica at %zu", count, place);
    }
    if (host->is_up) {
        int64_t deadline_ms = replica_deadline(host->replica);
        host->deadline_ms =
            deadline_ms == INT64_MAX ? INT64_MAX : deadline_ms - 1 + host->started_ms;
    }
    if (host->is_up && !host->is_ending && (sim->disks[place].is_dead || host->store_failed)) {
        sim_fault_died(sim, place);
    }
}

void sim_host_tick(struct sim *sim, size_t place)
{
    struct sim_host *host = &sim->hosts[place];

    replica_tick(host->replica, sim_host_now(sim, host));
    sim_host_drain(sim, place);
}

/* ---- life ---- */

static void start_replica(struct sim *sim, struct sim_host *host)
{
    const struct replica_options options = {.node = host->id,
                                            .mesh_id = MESH_ID,
                                            .boot = host->boot,
                                            .heartbeat_ms = sim->plan.heartbeat_ms,
                                            .api_port = 8000,
                                            .software = "parkmesh sim",
                                            .seed = sim_random_next(&sim->random)};
    struct sim_moment moment = {.place = host->place, .boot = host->boot};

    host->replica = replica_new(&options);
    replica_set_peers(host->replica, host->peers, host->peer_count, sim_host_now(sim, host));
    moment.kind = SIM_REREAD;
    sim_time_plan(sim, moment, 1 + (int64_t)sim_random_below(&sim->random, READER_MS));
    moment.kind = SIM_IDLE;
    sim_time_plan(sim, moment, IDLE_MS);
    moment.kind = SIM_DIAL;
    for (moment.other = 0; moment.other < SIM_CENTRALS; moment.other++) {
        if (host->dials[moment.other]) {
            sim_time_plan(sim, moment, (int64_t)sim_random_below(&sim->random, 500));
        }
    }
}

/* A process that cannot start is started again, as systemd does; what its problem may be depends on
 * what was done to its disk. */
static void could_not_start(struct sim *sim, struct sim_host *host, const struct problem *problem)
{
    struct sim_disk *disk = &sim->disks[host->place];

    sim_say(sim, "%s at %zu cannot start: %s %s", host->id.text, host->place,
            problem_name(problem->code), problem->text);
    if (!disk->had_error && problem->code != PROBLEM_DISK_FULL) {
        sim_fail(sim, "%s cannot start: %s %s", host->id.text, problem_name(problem->code),
                 problem->text);
    }
    if (disk->is_dead) {
        sim_trace_rare(&sim->trace, SIM_RARE_TORN_OPEN);
        sim_disk_lose(disk, &sim->random);
    } else {
        sim_disk_settle(disk);
    }
    sim_time_plan(sim, (struct sim_moment){.kind = SIM_RESTART, .place = host->place}, AGAIN_MS);
}

void sim_host_start(struct sim *sim, size_t place)
{
    struct sim_host *host = &sim->hosts[place];
    struct problem problem = {.code = PROBLEM_OK};
    char path[48];

    if (host->is_up || !host->exists) {
        return;
    }
    sim_outside_path(place, path);
    host->boot = ++sim->last_boot;
    host->started_ms = sim->now_ms;
    (void)sim_host_now(sim, host);
    bool is_new = sim_disk_find(&sim->disks[place], "", false) == NULL;
    const struct store_options options = {.path = path, .node = host->id, .reserve = true};
    host->store = store_open(&options, &problem);
    if (!host->store) {
        could_not_start(sim, host, &problem);
        return;
    }
    sim_say(sim, "%s at %zu starts, boot %llu, %llu events", host->id.text, place,
            (unsigned long long)host->boot, (unsigned long long)store_event_count(host->store));
    if (!is_new) {
        sim_trace_rare(&sim->trace, SIM_RARE_RESTARTED);
    }
    host->is_up = true;
    host->is_frozen = host->has_turn = host->store_failed = false;
    host->fact_at_ms = 0;
    sim_truth_started(sim, host);
    start_replica(sim, host);
    sim_host_drain(sim, place);
}

static void close_all(struct sim *sim, struct sim_host *host, enum sim_end end)
{
    struct sim_disk *disk = &sim->disks[host->place];

    host->is_ending = true;
    if (end == SIM_END_STOP) {
        replica_bye(host->replica, "stopped", sim_host_now(sim, host));
        sim_host_drain(sim, host->place);
    } else {
        disk->is_dead = true; /* whatever closing would write is not written */
    }
    host->is_up = host->is_ending = false;
    replica_destroy(&host->replica);
    runs_close(&host->runs);
    (void)sim_host_now(sim, host);
    store_close(&host->store);
}

void sim_host_end(struct sim *sim, size_t place, enum sim_end end)
{
    struct sim_host *host = &sim->hosts[place];
    struct sim_disk *disk = &sim->disks[place];

    if (!host->is_up) {
        return;
    }
    sim_say(sim, "%s at %zu ends: %s", host->id.text, place,
            end == SIM_END_STOP   ? "stop"
            : end == SIM_END_KILL ? "kill"
                                  : "power cut");
    close_all(sim, host, end);
    if (host->held) { /* nobody was told of it: it may be gone, or be done once more */
        host->disk_losses++;
        sim_truth_destroyed(sim);
        if (end == SIM_END_POWER) {
            sim_trace_rare(&sim->trace, SIM_RARE_HELD_LOST);
        }
    }
    sim_node_forget(host);
    for (size_t i = 0; i < host->frozen_count; i++) {
        buffer_free(&host->frozen[i].bytes);
    }
    host->frozen_count = 0;
    host->is_frozen = false;
    sim_net_gone(sim, place, end == SIM_END_POWER && sim_random_chance(&sim->random, 70));
    if (end != SIM_END_STOP && !sim->is_healing) {
        sim_trace_rare(&sim->trace, SIM_RARE_UNCLEAN);
    }
    if (end == SIM_END_POWER) {
        sim_disk_lose(disk, &sim->random);
        sim_trace_rare(&sim->trace, SIM_RARE_POWER_LOST);
    } else if (disk->is_dead && end == SIM_END_STOP) {
        sim_disk_lose(disk, &sim->random); /* the power went while it stopped */
    } else {
        sim_disk_settle(disk);
    }
}

void sim_host_free(struct sim *sim, size_t place)
{
    struct sim_host *host = &sim->hosts[place];

    sim_host_end(sim, place, SIM_END_KILL);
    free(host->heads.heads);
    free(sim->backup_heads[place].heads);
    free(host->frozen);
    free(host->commands);
    free(host->live);
    free(host->sync);
    sim_disk_free(&sim->disks[place]);
    sim_disk_free(&sim->backups[place]);
}

/* ---- the reader ---- */

static bool has_reader(struct sim_host *host)
{
    struct problem problem = {.code = PROBLEM_OK};
    char path[48];

    if (!host->runs) {
        sim_outside_path(host->place, path);
        host->runs = runs_open(path, &problem);
    }
    return host->runs != NULL;
}

static void read_run(struct sim *sim, struct sim_host *host, const struct replica_output *what)
{
    struct buffer run = {.limit = LIMIT_MESSAGE_BYTES};
    struct problem problem = {.code = PROBLEM_OK};
    struct replica_now now = sim_host_now(sim, host);
    size_t count = 0;
    int found = -1;

    if (has_reader(host)) {
        found = runs_read(host->runs, &what->stream, what->from, what->max_bytes, what->max_events,
                          &run, &count, &problem);
    }
    struct slice bytes = found == 1 ? buffer_slice(&run) : (struct slice){NULL, 0};
    uint64_t damaged = host->runs ? runs_damaged(host->runs) : 0;
    if (damaged) {
        sim_fail(sim, "%s: event %" PRIu64 " does not verify", host->id.text, damaged);
    }
    replica_read(host->replica, what->token, found < 0, bytes, damaged, now);
    buffer_free(&run);
}

static void read_vector(struct sim *sim, struct sim_host *host)
{
    struct runs_vector vector = {.count = 0};
    struct problem problem = {.code = PROBLEM_OK};
    struct replica_now now = sim_host_now(sim, host);

    if (!has_reader(host) || runs_vector(host->runs, &vector, &problem) != 0) {
        sim_time_plan(
            sim, (struct sim_moment){.kind = SIM_REREAD, .place = host->place, .boot = host->boot},
            RETRY_MS);
        return;
    }
    replica_set_vector(host->replica, vector.heads, vector.count, vector.events, vector.rewinds,
                       &vector.state_digest, now);
    runs_vector_free(&vector);
}

/* ---- what happens ---- */

static void hear_fact(struct sim *sim, struct sim_host *host, const struct sim_moment *moment)
{
    struct fact fact;

    if (fact_unpack(&fact, buffer_slice(&moment->bytes)) != 0) {
        sim_fail(sim, "a fact cannot be read");
    }
    replica_committed(host->replica, &fact, sim_host_now(sim, host));
    fact_free(&fact);
}

static void tidy(struct sim *sim, struct sim_host *host)
{
    (void)sim_host_now(sim, host);
    sim_node_tidy(sim, host, true);
    sim_time_plan(sim,
                  (struct sim_moment){.kind = SIM_IDLE, .place = host->place, .boot = host->boot},
                  IDLE_MS);
}

static void freeze(struct sim_host *host, const struct sim_moment *moment)
{
    host->frozen = realloc(host->frozen, (host->frozen_count + 1) * sizeof *host->frozen);
    if (!host->frozen) {
        abort();
    }
    host->frozen[host->frozen_count++] = *moment;
}

static void happen(struct sim *sim, struct sim_host *host, struct sim_moment *moment)
{
    switch (moment->kind) {
    case SIM_ARRIVAL:
        sim_net_arrive(sim, moment);
        break;
    case SIM_BREAK:
        sim_net_broke(sim, moment);
        break;
    case SIM_DIAL:
        sim_net_dial(sim, moment->place, moment->other);
        break;
    case SIM_TURN:
        sim_node_turn(sim, host);
        break;
    case SIM_SYNCED:
        sim_node_synced(sim, host);
        break;
    case SIM_APPLIED:
        replica_applied(host->replica, moment->number, moment->outcome, sim_host_now(sim, host));
        break;
    case SIM_READ:
        read_run(sim, host, &moment->what);
        break;
    case SIM_FACT:
        hear_fact(sim, host, moment);
        break;
    case SIM_REREAD:
        read_vector(sim, host);
        break;
    case SIM_IDLE:
        tidy(sim, host);
        break;
    case SIM_REACHED:
        sim_node_take_command(sim, host, moment);
        break;
    case SIM_CAMERA:
    case SIM_ANSWER:
    case SIM_STEP:
    case SIM_MEND:
    case SIM_RESTART:
        break; /* not of a process */
    }
}

void sim_host_happen(struct sim *sim, struct sim_moment *moment)
{
    struct sim_host *host = &sim->hosts[moment->place];

    if (host->is_up && host->boot == moment->boot) {
        if (host->is_frozen) {
            freeze(host, moment);
            return;
        }
        happen(sim, host, moment);
        sim_host_drain(sim, moment->place);
    }
    buffer_free(&moment->bytes);
}

void sim_host_thaw(struct sim *sim, size_t place)
{
    struct sim_host *host = &sim->hosts[place];

    host->is_frozen = false;
    for (size_t i = 0; i < host->frozen_count; i++) {
        sim_time_plan(sim, host->frozen[i], 0);
    }
    host->frozen_count = 0;
}

void sim_host_publish(struct sim *sim, struct sim_host *host, struct buffer *fact)
{
    struct sim_moment moment = {.kind = SIM_FACT, .place = host->place, .boot = host->boot};
    int64_t in_ms = (int64_t)sim_random_below(&sim->random, FACT_MS);

    if (sim_random_chance(&sim->random, sim->plan.lost_facts) && !sim->is_healing) {
        sim_trace_rare(&sim->trace, SIM_RARE_LOST_FACT);
        moment.kind = SIM_REREAD;
        sim_time_plan(sim, moment, REREAD_MS);
        return;
    }
    if (sim->now_ms + in_ms < host->fact_at_ms) {
        in_ms = host->fact_at_ms - sim->now_ms;
    }
    host->fact_at_ms = sim->now_ms + in_ms;
    moment.bytes = *fact;
    *fact = (struct buffer){.limit = fact->limit};
    sim_time_plan(sim, moment, in_ms);
}
