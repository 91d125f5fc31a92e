/*
 * Bugs planted between the daemon's objects, to see that the checks find them and that the shrinker
 * makes them small. Without a planted bug every call goes through unchanged.
 */
#include "tests/sim/sim_outside.h"

#include "storage/store.h"

#include <string.h>

enum store_run_result __real_store_append_run(struct store *store, const struct run *run,
                                              enum fact_origin origin, int64_t now_ms,
                                              struct problem *problem);
enum store_run_result __wrap_store_append_run(struct store *store, const struct run *run,
                                              enum fact_origin origin, int64_t now_ms,
                                              struct problem *problem);
int __real_store_fold(struct store *store, struct problem *problem);
int __wrap_store_fold(struct store *store, struct problem *problem);
int __real_store_commit(struct store *store, struct problem *problem);
int __wrap_store_commit(struct store *store, struct problem *problem);
int __real_store_sync(const struct store *store, struct problem *problem);
int __wrap_store_sync(const struct store *store, struct problem *problem);
uint64_t __real_random_nonzero(void);
uint64_t __wrap_random_nonzero(void);

/* True at each `often`-th call while this bug is planted. */
static bool strikes(const char *bug, uint64_t often)
{
    struct sim_outside *world = sim_outside_world();
    return strcmp(world->bug, bug) == 0 && ++world->bug_calls % often == 0;
}

/* "drop": a peer's run is taken for stored. */
enum store_run_result __wrap_store_append_run(struct store *store, const struct run *run,
                                              enum fact_origin origin, int64_t now_ms,
                                              struct problem *problem)
{
    return strikes("drop", 5) ? STORE_RUN_OLD
                              : __real_store_append_run(store, run, origin, now_ms, problem);
}

/* "fold": what was touched is not folded, and not by the commit either. */
int __wrap_store_fold(struct store *store, struct problem *problem)
{
    bool skips = strikes("fold", 1) && sim_outside_world()->bug_calls % 9 < 2;
    return skips ? 0 : __real_store_fold(store, problem);
}

/* "ack": what was answered is not durable. */
int __wrap_store_commit(struct store *store, struct problem *problem)
{
    if (strikes("ack", 20)) {
        store_rollback(store);
        return 0;
    }
    return __real_store_commit(store, problem);
}

/* "sync": answers do not wait for the disk. */
int __wrap_store_sync(const struct store *store, struct problem *problem)
{
    return strikes("sync", 1) ? 0 : __real_store_sync(store, problem);
}

/* "epoch": the same one after each start. */
uint64_t __wrap_random_nonzero(void)
{
    return strikes("epoch", 1) ? 1 : __real_random_nonzero();
}
