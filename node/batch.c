#include "node/batch.h"

#include "node/access.h"
#include "node/decide.h"
#include "proto/clock.h"
#include "proto/log.h"

struct batch {
    struct store *store;
    const struct batch_place *place;
    bool careful; /* a savepoint around each request */
    bool may_owe;
};

/* Whether a failure is the request's own, so that others can go on without it. After any other the
 * database itself is in doubt or full. */
static bool is_own_fault(enum problem_code code)
{
    return code == PROBLEM_FIELD_INVALID || code == PROBLEM_MESSAGE_INVALID ||
           code == PROBLEM_INTERNAL || code == PROBLEM_CHAIN_BROKEN;
}

static int carry_out_command(struct batch *batch, struct request *request, struct problem *problem)
{
    struct command command;
    struct access access;

    if (command_unpack(&command, request->command) != 0) {
        if (access_unpack(&access, request->command) == 0) {
            return access_decide(batch->store, &access, clock_wall_ms(), &request->answer, problem);
        }
        answer_init(&request->answer, PROBLEM_INTERNAL);
        return 0;
    }
    if (command.kind == COMMAND_PROBE) {
        answer_init(&request->answer, PROBLEM_OK);
        return 0;
    }
    return decide(batch->store, &batch->place->id, &command, clock_wall_ms(), &request->answer,
                  problem);
}

/* What became of a run or a move, as the mesh is told. */
static int note_result(struct batch *batch, struct request *request, enum store_run_result result,
                       struct problem *problem)
{
    switch (result) {
    case STORE_RUN_APPLIED:
        request->applied.outcome = APPLY_DONE;
        return store_fold(batch->store, problem);
    case STORE_RUN_PART:
        request->applied.outcome = APPLY_PART;
        return store_fold(batch->store, problem);
    case STORE_RUN_OLD:
        request->applied.outcome = APPLY_DONE;
        return 0;
    case STORE_RUN_GAP:
        request->applied.outcome = APPLY_GAP;
        return 0;
    case STORE_RUN_FORK:
        request->applied.outcome = APPLY_FORK;
        return 0;
    case STORE_RUN_FAILED:
        break;
    }
    return -1;
}

/* Events that are not as the mesh thought are not touched: it looks again. */
static int carry_out_move(struct batch *batch, struct request *request, struct problem *problem)
{
    enum store_run_result result = store_move_branch(batch->store, &request->run.moved,
                                                     &request->run.chain, clock_wall_ms(), problem);

    request->applied.token = request->run.token;
    return note_result(batch, request, result == STORE_RUN_OLD ? STORE_RUN_FORK : result, problem);
}

static int store_run(struct batch *batch, struct request *request, const struct run *run,
                     struct problem *problem)
{
    enum store_run_result result =
        request->run.is_repair
            ? store_repair(batch->store, run, clock_wall_ms(), problem)
            : store_append_run(batch->store, run, request->run.origin, clock_wall_ms(), problem);

    return note_result(batch, request, result, problem);
}

static int carry_out_run(struct batch *batch, struct request *request, struct problem *problem)
{
    struct run run;
    struct wire wire;
    int rc;

    request->applied.token = request->run.token;
    request->applied.outcome = APPLY_FORK; /* the replica verified it: changed on the way */
    if (run_unpack(&run, &wire, request->run.run) != 0) {
        return 0;
    }
    rc = store_run(batch, request, &run, problem);
    run_free(&run);
    wire_close(&wire);
    return rc;
}

static void refuse(struct request *request, const struct problem *problem)
{
    log_problem(LOG_LEVEL_ERROR, problem);
    request->applied.outcome = APPLY_REFUSED;
    answer_init(&request->answer, problem->code);
    (void)slice_copy(slice_text(problem->text), request->answer.text, sizeof request->answer.text);
}

static int carry_out(struct batch *batch, struct request *request, struct problem *problem)
{
    int rc;

    if (batch->careful && store_mark(batch->store, problem) != 0) {
        return -1;
    }
    if (!request->is_run) {
        rc = carry_out_command(batch, request, problem);
    } else if (request->run.origin) {
        rc = carry_out_run(batch, request, problem);
    } else {
        rc = carry_out_move(batch, request, problem);
    }
    if (!batch->careful) {
        return rc;
    }
    if (rc == 0) {
        return store_release(batch->store, problem);
    }
    if (!is_own_fault(problem->code)) {
        return -1;
    }
    store_undo(batch->store); /* if that fails, so will the commit */
    refuse(request, problem);
    problem->code = PROBLEM_OK;
    return 0;
}

static int try_all(struct batch *batch, struct request *const *requests, size_t count,
                   struct problem *problem)
{
    const struct batch_place *place = batch->place;

    if (store_begin(batch->store, problem) != 0) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        if (carry_out(batch, requests[i], problem) != 0) {
            store_rollback(batch->store);
            return -1;
        }
        if (place->between) {
            place->between(place->of);
        }
    }
    return batch->may_owe ? store_commit_owing(batch->store, problem)
                          : store_commit(batch->store, problem);
}

int batch_carry_out(const struct batch_place *place, struct request *const *requests, size_t count,
                    bool may_owe, struct problem *problem)
{
    struct batch batch = {.store = place->store, .place = place, .may_owe = may_owe};

    problem->code = PROBLEM_OK;
    if (try_all(&batch, requests, count, problem) == 0) {
        return 0;
    }
    if (!is_own_fault(problem->code)) {
        return -1;
    }
    log_problem(LOG_LEVEL_WARN, problem);
    batch.careful = true;
    problem->code = PROBLEM_OK;
    return try_all(&batch, requests, count, problem);
}
