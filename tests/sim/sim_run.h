/*
 * Runs of plans, each in a process of its own: a failed check, a failed assertion or a sanitizer's
 * finding ends that process and is a result; and nothing of one run reaches the next.
 */
#ifndef TESTS_SIM_RUN_H
#define TESTS_SIM_RUN_H

#include "tests/sim/sim.h"

#include <sys/types.h>

struct sim_job {
    pid_t pid; /* 0 = none */
    struct sim_plan plan;
    struct sim_result *result; /* shared memory */
};

/* `twin_path` may be NULL. */
void sim_run_start(struct sim_job *job, const struct sim_plan *plan, const char *twin_path,
                   bool is_shown);
/* Waits for the end of one of the jobs and returns its index. */
size_t sim_run_wait(struct sim_job *jobs, size_t count);

/* One run from start to end; true when everything held. */
bool sim_run_once(const struct sim_plan *plan, bool is_shown, struct sim_result *out);

/* sim_shrink.c: makes a failing plan smaller while it fails in the same way. Returns the runs that
 * it took. */
size_t sim_shrink(struct sim_plan *plan, const struct sim_result *result);

#endif
