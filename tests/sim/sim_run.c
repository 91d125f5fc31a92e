#include "tests/sim/sim_run.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PATIENCE_S 300 /* of real time: a run that takes longer hangs */
#define FAILED 3       /* exit status of a process whose check failed */

_Noreturn void sim_fail(struct sim *sim, const char *format, ...)
{
    struct sim_result *result = sim->result;
    va_list arguments;

    result->has_failed = true;
    result->now_ms = sim->now_ms;
    (void)snprintf(result->kind, sizeof result->kind, "%s", format);
    va_start(arguments, format);
    (void)vsnprintf(result->text, sizeof result->text, format, arguments);
    va_end(arguments);
    sim_say(sim, "FAILED: %s", result->text);
    (void)fflush(stdout);
    _exit(FAILED);
}

static void finish(const struct sim *sim)
{
    struct sim_result *result = sim->result;
    struct rusage usage;

    result->trace = sim->trace;
    result->now_ms = sim->now_ms;
    result->settled_ms = sim->settled_ms;
    result->longest = sim->longest;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        result->peak_kib = usage.ru_maxrss;
    }
    result->has_ended = true;
}

/* In the new process. */
static _Noreturn void run(const struct sim_job *job, const char *twin_path, bool is_shown)
{
    struct sim *sim = calloc(1, sizeof *sim);

    (void)alarm(PATIENCE_S);
    if (!sim) {
        _exit(FAILED);
    }
    sim->plan = job->plan;
    sim->result = job->result;
    sim->twin_path = twin_path;
    sim->trace.is_shown = is_shown;
    sim_run(sim);
    finish(sim);
    free(sim);
    (void)fflush(stdout);
    _exit(0);
}

void sim_run_start(struct sim_job *job, const struct sim_plan *plan, const char *twin_path,
                   bool is_shown)
{
    if (!job->result) {
        job->result = mmap(NULL, sizeof *job->result, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    }
    if (job->result == MAP_FAILED) {
        perror("mmap");
        exit(71);
    }
    memset(job->result, 0, sizeof *job->result);
    job->plan = *plan;
    (void)fflush(stdout);
    job->pid = fork();
    if (job->pid < 0) {
        perror("fork");
        exit(71);
    }
    if (job->pid == 0) {
        run(job, twin_path, is_shown);
    }
}

static void judge(struct sim_job *job, int status)
{
    struct sim_result *result = job->result;

    job->pid = 0;
    if (!result->has_failed &&
        !(WIFEXITED(status) && WEXITSTATUS(status) == 0 && result->has_ended)) {
        result->has_failed = true;
        (void)snprintf(result->text, sizeof result->text, "the process ended with %s %d",
                       WIFSIGNALED(status) ? "signal" : "status",
                       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        (void)slice_copy(slice_text(result->text), result->kind, sizeof result->kind);
        result->now_ms = INT64_MAX;
    }
}

size_t sim_run_wait(struct sim_job *jobs, size_t count)
{
    for (;;) {
        int status = 0;
        pid_t pid = wait(&status);
        if (pid < 0 && errno != EINTR) {
            perror("wait");
            exit(71);
        }
        for (size_t i = 0; i < count && pid > 0; i++) {
            if (jobs[i].pid == pid) {
                judge(&jobs[i], status);
                return i;
            }
        }
    }
}

bool sim_run_once(const struct sim_plan *plan, bool is_shown, struct sim_result *out)
{
    struct sim_job job = {.pid = 0};

    sim_run_start(&job, plan, NULL, is_shown);
    (void)sim_run_wait(&job, 1);
    *out = *job.result;
    (void)munmap(job.result, sizeof *job.result);
    return !out->has_failed;
}
