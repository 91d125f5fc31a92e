#include "node/fatal.h"

#include "proto/log.h"

#include <unistd.h>

void fatal_when_failed(const struct problem *problem)
{
    if (problem->code != PROBLEM_DB_FAILED) {
        return;
    }
    log_problem(LOG_LEVEL_ERROR, problem);
    _exit(problem_exit_status(problem->code));
}
