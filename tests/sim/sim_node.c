/*
 * The node's thread: what node/node.c does with sockets, done with queues. Batches are carried out
 * by the daemon's own node/batch.
 */
#include "tests/sim/sim.h"

#include "proto/run.h"

#include <stdlib.h>
#include <string.h>

#define TURN_MS 8    /* a turn begins within, after something was queued */
#define SLOW_MS 3000 /* on a slow disk */
#define ANSWER_MS 4
#define LONG_SYNC_PERCENT 20
#define LONG_SYNC_MS 1000
#define COMMAND_QUEUE 512

/* Requests carried out together, and the fact of it. */
struct sim_turn {
    struct sim_request *taken[LIMIT_BATCH_COMMANDS + LIMIT_BATCH_LIVE + 1];
    struct request *requests[LIMIT_BATCH_COMMANDS + LIMIT_BATCH_LIVE + 1];
    size_t count;
    struct buffer fact;
};

static void append(struct sim_request ***queue, size_t *count, struct sim_request *request)
{
    *queue = realloc(*queue, (*count + 1) * sizeof **queue);
    if (!*queue) {
        abort();
    }
    (*queue)[(*count)++] = request;
}

static void free_request(struct sim_request *request)
{
    buffer_free(&request->bytes);
    free(request);
}

static void forget(struct sim_request **queue, size_t *count)
{
    for (size_t i = 0; i < *count; i++) {
        free_request(queue[i]);
    }
    *count = 0;
}

static void free_turn(struct sim_turn **turn)
{
    if (*turn) {
        forget((*turn)->taken, &(*turn)->count);
        buffer_free(&(*turn)->fact);
    }
    free(*turn);
    *turn = NULL;
}

void sim_node_forget(struct sim_host *host)
{
    free_turn(&host->held);
    forget(host->commands, &host->command_count);
    forget(host->live, &host->live_count);
    forget(host->sync, &host->sync_count);
}

static void plan_turn(struct sim *sim, struct sim_host *host)
{
    int64_t in_ms = 1 + (int64_t)sim_random_below(&sim->random, host->is_slow ? SLOW_MS : TURN_MS);

    if (!host->has_turn) {
        host->has_turn = true;
        sim_time_plan(
            sim, (struct sim_moment){.kind = SIM_TURN, .place = host->place, .boot = host->boot},
            in_ms);
    }
}

static void answer_run(struct sim *sim, const struct sim_host *host, uint64_t token,
                       enum apply_outcome outcome)
{
    sim_time_plan(sim,
                  (struct sim_moment){.kind = SIM_APPLIED,
                                      .place = host->place,
                                      .boot = host->boot,
                                      .number = token,
                                      .outcome = outcome},
                  (int64_t)sim_random_below(&sim->random, ANSWER_MS));
}

void sim_node_take_run(struct sim *sim, struct sim_host *host, const struct replica_output *output)
{
    struct sim_request *request = NULL;

    if (node_id_compare(&output->peer, &output->stream.node) != 0) {
        sim_trace_rare(&sim->trace, SIM_RARE_RELAYED);
    }
    if (host->live_count + host->sync_count >= SIM_QUEUE) {
        answer_run(sim, host, output->token, APPLY_REFUSED);
        return;
    }
    request = bytes_allocate(1, sizeof *request);
    if (buffer_append(&request->bytes, output->bytes.data, output->bytes.len)) {
        sim_fail(sim, "a run of %zu bytes", output->bytes.len);
    }
    request->request.is_run = true;
    request->request.run = (struct apply_request){.token = output->token,
                                                  .is_repair = output->kind == REPLICA_REPAIR,
                                                  .moved = {output->stream, output->from},
                                                  .chain = output->chain,
                                                  .origin = output->origin,
                                                  .run = buffer_slice(&request->bytes),
                                                  .peer = output->peer,
                                                  .wall_ms = output->wall_ms};
    if (output->origin == FACT_LIVE) {
        append(&host->live, &host->live_count, request);
    } else {
        append(&host->sync, &host->sync_count, request);
    }
    plan_turn(sim, host);
}

void sim_node_take_command(struct sim *sim, struct sim_host *host, struct sim_moment *moment)
{
    const struct sim_client *client = &sim->clients[moment->number];
    struct sim_request *request = NULL;

    if (host->command_count >= COMMAND_QUEUE) {
        return; /* BUSY: it comes again */
    }
    request = bytes_allocate(1, sizeof *request);
    if (buffer_append(&request->bytes, client->packed.data, client->packed.len)) {
        sim_fail(sim, "a command of %zu bytes", client->packed.len);
    }
    request->request.command = buffer_slice(&request->bytes);
    request->client = moment->number + 1;
    request->try = moment->other;
    append(&host->commands, &host->command_count, request);
    plan_turn(sim, host);
}

/* ---- a turn ---- */

static void take(struct sim_turn *turn, struct sim_request **queue, size_t *count, size_t most)
{
    size_t taken = *count < most ? *count : most;

    for (size_t i = 0; i < taken; i++) {
        turn->requests[turn->count] = &queue[i]->request;
        turn->taken[turn->count++] = queue[i];
    }
    *count -= taken;
    if (*count) {
        memmove(queue, queue + taken, *count * sizeof *queue);
    }
}

static void fail_fork(struct sim *sim, const struct sim_host *host,
                      const struct apply_request *request)
{
    struct run run;
    struct wire wire;

    if (!request->origin || run_unpack(&run, &wire, request->run) != 0) {
        sim_fail(sim, "%s: a %s of %s does not fit the log", host->id.text,
                 request->origin ? "run" : "move", request->peer.text);
    }
    sim_fail(sim, "%s at %zu: a run of %s, (%s, %llu) %llu and %zu more, does not continue the log",
             host->id.text, host->place, request->peer.text, run.stream.node.text,
             (unsigned long long)run.stream.epoch, (unsigned long long)run.from, run.count - 1);
}

static void note_outcome(struct sim *sim, const struct sim_host *host,
                         const struct request *request)
{
    bool is_live = request->run.origin == FACT_LIVE;

    switch (request->applied.outcome) {
    case APPLY_DONE:
        sim_trace_rare(&sim->trace, is_live ? SIM_RARE_PUSHED : SIM_RARE_PULLED);
        break;
    case APPLY_PART:
        break;
    case APPLY_GAP:
        sim_trace_rare(&sim->trace, SIM_RARE_GAP);
        break;
    case APPLY_FORK:
        fail_fork(sim, host, &request->run);
        break;
    case APPLY_REFUSED:
        sim_trace_rare(&sim->trace, SIM_RARE_REFUSED_RUN);
        break;
    }
}

static void answer_client(struct sim *sim, struct sim_host *host, struct sim_request *request)
{
    struct sim_moment moment = {.kind = SIM_ANSWER,
                                .place = host->place,
                                .boot = host->boot,
                                .number = request->client - 1,
                                .other = request->try};

    if (request->request.answer.code == PROBLEM_INTERNAL) {
        sim_trace_rare(&sim->trace, SIM_RARE_REPLAYED);
    }
    if (answer_pack(&request->request.answer, &moment.bytes) != 0) {
        sim_fail(sim, "an answer cannot be packed");
    }
    sim_trace_mix(&sim->trace, moment.bytes.data, moment.bytes.len);
    sim_time_plan(sim, moment, (int64_t)sim_random_below(&sim->random, ANSWER_MS));
}

static void answer_all(struct sim *sim, struct sim_host *host, struct sim_turn *turn)
{
    for (size_t i = 0; i < turn->count; i++) {
        struct sim_request *request = turn->taken[i];
        if (request->request.is_run) {
            note_outcome(sim, host, &request->request);
            answer_run(sim, host, request->request.run.token, request->request.applied.outcome);
        } else {
            answer_client(sim, host, request);
        }
        free_request(request);
    }
    turn->count = 0;
}

static void fail_all(struct sim *sim, const struct sim_turn *turn, const struct problem *problem)
{
    if (problem->code == PROBLEM_DISK_FULL) {
        sim_trace_rare(&sim->trace, SIM_RARE_DISK_FULL);
    } else {
        sim_fail(sim, "a batch fails: %s %s", problem_name(problem->code), problem->text);
    }
    for (size_t i = 0; i < turn->count; i++) {
        turn->requests[i]->applied.outcome = APPLY_REFUSED;
        answer_init(&turn->requests[i]->answer, problem->code);
    }
}

static void unpack(struct sim *sim, const struct buffer *bytes, struct fact *fact)
{
    if (fact_unpack(fact, buffer_slice(bytes)) != 0) {
        sim_fail(sim, "a fact cannot be read");
    }
}

/* From here on a peer that asks is given these events, whether the disk has them or not. */
static void take_fact(struct sim *sim, struct sim_host *host, struct sim_turn *turn)
{
    struct fact fact;

    if (store_take_fact(host->store, &turn->fact) != 0) {
        sim_fail(sim, "a fact cannot be packed");
    }
    if (turn->fact.len > 0) {
        unpack(sim, &turn->fact, &fact);
        sim_truth_written(sim, host, &fact);
        fact_free(&fact);
    }
}

static void publish(struct sim *sim, struct sim_host *host, struct buffer *out)
{
    struct fact fact;

    if (out->len > 0) {
        sim->trace.commits++;
        sim_trace_mix(&sim->trace, out->data, out->len);
        unpack(sim, out, &fact);
        sim_truth_fact(sim, host, &fact);
        fact_free(&fact);
        sim_host_publish(sim, host, out);
    }
}

static void tell(struct sim *sim, struct sim_host *host, struct sim_turn *turn)
{
    publish(sim, host, &turn->fact);
    answer_all(sim, host, turn);
    free_turn(&turn);
}

/* What no command can ask for yet: an administrator's tool would do it this way. */
static int carry_out_event(struct sim *sim, struct sim_host *host, struct sim_request *request,
                           struct problem *problem)
{
    struct sim_client *client = &sim->clients[request->client - 1];
    struct answer *answer = &request->request.answer;
    struct event event;

    sim_load_event(sim, client, &event);
    answer_init(answer, PROBLEM_OK);
    if (store_begin(host->store, problem) != 0) {
        return -1;
    }
    event.t_eff = sim->outside.wall_ms;
    if (store_append(host->store, &event, sim->outside.wall_ms, &answer->position, problem) != 0 ||
        store_fold(host->store, problem) != 0) {
        store_rollback(host->store);
        return -1;
    }
    return store_commit(host->store, problem);
}

/* The daemon waits for the sync of a lone request; here it is left open now and then, too. */
static int carry_out(struct sim *sim, struct sim_host *host, struct sim_turn *turn,
                     struct problem *problem)
{
    const struct batch_place place = {.store = host->store, .id = host->id};

    bool may_owe = turn->count > 1 || sim_random_chance(&sim->random, 50);

    return turn->count == 1 && turn->taken[0]->client && turn->taken[0]->bytes.len == 0
               ? carry_out_event(sim, host, turn->taken[0], problem)
               : batch_carry_out(&place, turn->requests, turn->count, may_owe, problem);
}

/* An event without a command has a turn of its own. */
static void gather(struct sim_turn *turn, struct sim_host *host)
{
    size_t plain = 0;

    while (plain < host->command_count && host->commands[plain]->bytes.len > 0) {
        plain++;
    }
    if (plain == 0 && host->command_count > 0) {
        take(turn, host->commands, &host->command_count, 1);
        return;
    }
    take(turn, host->commands, &host->command_count,
         plain < LIMIT_BATCH_COMMANDS ? plain : LIMIT_BATCH_COMMANDS);
    take(turn, host->live, &host->live_count, LIMIT_BATCH_LIVE);
    take(turn, host->sync, &host->sync_count, 1);
}

/* The process ends, as the daemon does; only a disk with a fault may bring that about. */
static void fail_store(struct sim *sim, struct sim_host *host, const struct problem *problem)
{
    if (!sim->disks[host->place].had_error) {
        sim_fail(sim, "%s: DB_FAILED on a disk without a fault: %s", host->id.text, problem->text);
    }
    host->store_failed = true;
}

void sim_node_tidy(struct sim *sim, struct sim_host *host, bool idle)
{
    struct problem problem = {.code = PROBLEM_OK};

    if (idle && store_settle(host->store, &problem) < 0 && problem.code == PROBLEM_DB_FAILED) {
        fail_store(sim, host, &problem);
        return;
    }
    if (store_tidy(host->store, idle, &problem) != 0 && problem.code == PROBLEM_DB_FAILED) {
        fail_store(sim, host, &problem);
    }
}

void sim_node_synced(struct sim *sim, struct sim_host *host)
{
    struct problem problem = {.code = PROBLEM_OK};
    struct sim_turn *turn = host->held;

    if (!turn) {
        return; /* the turn after it has told it */
    }
    if (store_sync(host->store, &problem) != 0) {
        fail_store(sim, host, &problem);
        return; /* the process ends with what it holds */
    }
    host->held = NULL;
    tell(sim, host, turn);
}

/* The disk takes its time, now and then a second; what the node does meanwhile lies behind it. */
static void hold(struct sim *sim, struct sim_host *host, struct sim_turn *turn)
{
    bool is_long = host->is_slow || sim_random_chance(&sim->random, LONG_SYNC_PERCENT);
    uint64_t most_ms = is_long ? LONG_SYNC_MS : TURN_MS;

    host->held = turn;
    sim_time_plan(sim,
                  (struct sim_moment){.kind = SIM_SYNCED, .place = host->place, .boot = host->boot},
                  1 + (int64_t)sim_random_below(&sim->random, most_ms));
}

static void end_turn(struct sim *sim, struct sim_host *host, struct sim_turn *turn)
{
    take_fact(sim, host, turn);
    if (host->held) {
        sim_trace_rare(&sim->trace, SIM_RARE_HELD);
    }
    sim_node_synced(sim, host);
    if (host->store_failed) {
        free_turn(&turn);
    } else if (store_owes_sync(host->store)) {
        hold(sim, host, turn);
    } else {
        tell(sim, host, turn);
    }
}

void sim_node_turn(struct sim *sim, struct sim_host *host)
{
    struct problem problem = {.code = PROBLEM_OK};
    struct sim_turn *turn = bytes_allocate(1, sizeof *turn);

    host->has_turn = false;
    (void)sim_host_now(sim, host);
    if (host->sync_count > 1) {
        sim_trace_rare(&sim->trace, SIM_RARE_TWO_CHUNKS);
    }
    gather(turn, host);
    int failed = turn->count ? carry_out(sim, host, turn, &problem) : 0;
    if (failed && problem.code == PROBLEM_DB_FAILED) {
        fail_store(sim, host, &problem);
        if (sim->disks[host->place].is_dead) {
            sim_trace_rare(&sim->trace, SIM_RARE_TORN_COMMIT);
        }
        free_turn(&turn);
        return;
    }
    if (failed) {
        fail_all(sim, turn, &problem);
    }
    end_turn(sim, host, turn);
    sim_node_tidy(sim, host, false);
    if (host->command_count + host->live_count + host->sync_count > 0) {
        plan_turn(sim, host);
    }
}

/* ---- a request that cannot be carried out ---- */

int __real_decide(struct store *store, const struct node_id *id, const struct command *command,
                  int64_t now_ms, struct answer *answer, struct problem *problem);
int __wrap_decide(struct store *store, const struct node_id *id, const struct command *command,
                  int64_t now_ms, struct answer *answer, struct problem *problem);

int __wrap_decide(struct store *store, const struct node_id *id, const struct command *command,
                  int64_t now_ms, struct answer *answer, struct problem *problem)
{
    int result = __real_decide(store, id, command, now_ms, answer, problem);

    if (result == 0 && slice_equal(command->camera_name, slice_text(SIM_POISON))) {
        return problem_set(problem, PROBLEM_INTERNAL, NULL, "poison");
    }
    return result;
}
