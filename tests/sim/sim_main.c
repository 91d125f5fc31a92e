#include "tests/sim/sim_run.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS 64
#define PYTHON "/usr/bin/python3"
#define FAILURES 5 /* then enough is known */

struct options {
    uint64_t first, seeds;
    int64_t seconds; /* of virtual time; 0 = as the seed has it */
    long budget_s;   /* of real time; 0 = none */
    size_t jobs;
    uint64_t twin_every; /* each n-th seed goes to tests/fold.py; 0 = none */
    const char *plan, *bug;
    bool is_one, is_shown, keeps_plan, wants_all, tests_itself;
};

/* Sums over seeds. */
struct sums {
    uint64_t seeds, failed, rare[SIM_RARE_COUNT], messages, commits;
    int64_t virtual_ms, settled_ms, settled_most_ms;
    size_t longest;
    long peak_kib;
};

static const char USAGE[] =
    "usage: sim [--seeds N] [--first S]   runs seeds S..S+N-1\n"
    "       sim --seed S [-v]             runs one; -v: a trace for people\n"
    "       sim --plan FILE [-v]          runs a schedule as printed for a failing seed\n"
    "       sim --self-test               plants bugs, which must be found and made small\n"
    "  --seconds T     of virtual time until everything is mended (default: by seed)\n"
    "  --budget S      starts no more seeds after so many seconds of real time\n"
    "  --jobs N        processes at once (default 2)\n"
    "  --twin N        each N-th seed is folded by tests/fold.py, too (default 10, 0 = none)\n"
    "  --all           fails when a rare path was never taken (and the time was enough)\n"
    "  --no-shrink     leaves failing schedules as they are\n"
    "  --bug NAME      plants a bug: drop, fold, ack, sync, epoch\n";

static double now_s(void)
{
    struct timespec time;
    return clock_gettime(CLOCK_MONOTONIC, &time) == 0
               ? (double)time.tv_sec + (double)time.tv_nsec / 1e9
               : 0;
}

/* ---- results ---- */

static void add(struct sums *sums, const struct sim_result *result)
{
    sums->seeds++;
    sums->messages += result->trace.messages;
    sums->commits += result->trace.commits;
    sums->virtual_ms += result->now_ms;
    sums->settled_ms += result->settled_ms;
    sums->settled_most_ms =
        result->settled_ms > sums->settled_most_ms ? result->settled_ms : sums->settled_most_ms;
    sums->longest = result->longest > sums->longest ? result->longest : sums->longest;
    sums->peak_kib = result->peak_kib > sums->peak_kib ? result->peak_kib : sums->peak_kib;
    for (int i = 0; i < SIM_RARE_COUNT; i++) {
        sums->rare[i] += result->trace.rare[i] > 0;
    }
}

static void tell_failure(const struct options *options, const struct sim_job *job)
{
    struct sim_plan plan = job->plan;

    (void)printf("FAILED seed %" PRIu64 " at %.3f s: %s\n", plan.seed,
                 job->result->now_ms == INT64_MAX ? 0 : (double)job->result->now_ms / 1000,
                 job->result->text);
    if (!options->keeps_plan) {
        size_t before = plan.count;
        size_t runs = sim_shrink(&plan, job->result);
        (void)printf("made small in %zu runs: %zu of %zu steps; again: sim --plan FILE -v\n", runs,
                     plan.count, before);
        sim_plan_write(&plan, stdout);
    }
    (void)printf("again: scripts/sim --seed %" PRIu64 " -v\n", job->plan.seed);
    (void)fflush(stdout);
}

static int tell(const struct options *options, const struct sums *sums, double took_s)
{
    int missing = 0;

    if (sums->seeds == 0) {
        (void)printf("no seed was run\n");
        return 1;
    }
    (void)printf("\nrare paths, by seeds that took them:\n");
    for (int i = 0; i < SIM_RARE_COUNT; i++) {
        (void)printf("  %8" PRIu64 "  %-16s %s\n", sums->rare[i],
                     sim_trace_rare_name((enum sim_rare)i), sim_trace_rare_text((enum sim_rare)i));
        missing += sums->rare[i] == 0;
    }
    (void)printf("\n%" PRIu64 " seeds in %.1f s (%.1f a second), %" PRIu64 " failed\n"
                 "%.1f h of virtual time, %" PRIu64 " messages, %" PRIu64 " commits\n"
                 "equal %.1f s after mending on average, %.1f s at most\n"
                 "at most %zu outputs after one input, %ld MiB of memory a run\n",
                 sums->seeds, took_s, (double)sums->seeds / took_s, sums->failed,
                 (double)sums->virtual_ms / 3600000, sums->messages, sums->commits,
                 (double)sums->settled_ms / 1000 / (double)sums->seeds,
                 (double)sums->settled_most_ms / 1000, sums->longest, sums->peak_kib / 1024);
    if (missing && options->wants_all && sums->seeds >= options->seeds) {
        (void)printf("%d rare paths were never taken\n", missing);
        return 1;
    }
    return sums->failed ? 1 : 0;
}

/* ---- the second implementation of the fold ---- */

static int ask_twin(char *path)
{
    char program[] = PYTHON, check[] = "--check";
    char script[] = PARKMESH_SOURCE_DIR "/tests/fold.py";
    char *const arguments[] = {program, script, check, path, NULL};
    int status = 0;
    pid_t child = 0;

    (void)fflush(stdout);
    child = fork();
    if (child == 0) {
        (void)execv(PYTHON, arguments);
        _exit(127);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        return -1;
    }
    (void)printf("tests/fold.py %s\n", WEXITSTATUS(status) ? "DIFFERS" : "agrees");
    return WEXITSTATUS(status) ? -1 : 0;
}

/* ---- many seeds ---- */

struct crew {
    const struct options *options;
    struct sim_job jobs[JOBS];
    size_t busy;
    uint64_t next;
    char twin_path[64];
    bool twin_has_work; /* some seed left a history for it */
    struct sums sums;
};

static void hire(struct crew *crew)
{
    const struct options *options = crew->options;
    struct sim_plan *plan = malloc(sizeof *plan);
    size_t free_one = 0;

    if (!plan) {
        abort();
    }
    while (crew->jobs[free_one].pid) {
        free_one++;
    }
    sim_plan_make(plan, crew->next, options->seconds);
    (void)snprintf(plan->bug, sizeof plan->bug, "%s", options->bug);
    bool has_twin = crew->twin_path[0] && crew->next % options->twin_every == 0;
    crew->twin_has_work = crew->twin_has_work || has_twin;
    sim_run_start(&crew->jobs[free_one], plan, has_twin ? crew->twin_path : NULL, false);
    crew->next++;
    crew->busy++;
    free(plan);
}

static void collect(struct crew *crew)
{
    size_t done = sim_run_wait(crew->jobs, crew->options->jobs);
    struct sim_job *job = &crew->jobs[done];

    crew->busy--;
    add(&crew->sums, job->result);
    if (job->result->has_failed) {
        crew->sums.failed++;
        /* The shrinker waits for its own processes only when no other one ends meanwhile. */
        struct sim_job failed = *job;
        struct sim_result result = *job->result;
        failed.result = &result;
        while (crew->busy) {
            collect(crew);
        }
        tell_failure(crew->options, &failed);
    }
}

static int run_many(const struct options *options)
{
    struct crew *crew = calloc(1, sizeof *crew);
    double start_s = now_s();
    int result = 0;

    if (!crew) {
        abort();
    }
    crew->options = options;
    crew->next = options->first;
    if (options->twin_every) {
        (void)snprintf(crew->twin_path, sizeof crew->twin_path, "/tmp/sim-twin-XXXXXX");
        int fd = mkstemp(crew->twin_path);
        if (fd < 0 || close(fd) != 0) {
            perror(crew->twin_path);
            exit(73);
        }
    }
    while (crew->busy || crew->next < options->first + options->seeds) {
        bool is_enough = (options->budget_s && now_s() - start_s > (double)options->budget_s) ||
                         crew->sums.failed >= FAILURES;
        if (!is_enough && crew->next < options->first + options->seeds &&
            crew->busy < options->jobs) {
            hire(crew);
        } else if (crew->busy) {
            collect(crew);
        } else {
            break;
        }
    }
    result = tell(options, &crew->sums, now_s() - start_s);
    if (crew->twin_path[0]) {
        result = crew->twin_has_work && ask_twin(crew->twin_path) ? 1 : result;
        (void)unlink(crew->twin_path);
    }
    free(crew);
    return result;
}

/* ---- one ---- */

static int run_one(const struct options *options, struct sim_plan *plan)
{
    struct sim_job job = {.pid = 0};
    struct sim_result result;

    if (options->bug[0]) {
        (void)snprintf(plan->bug, sizeof plan->bug, "%s", options->bug);
    }
    bool is_good = sim_run_once(plan, options->is_shown, &result);
    if (is_good) {
        (void)printf("seed %" PRIu64 " holds: %" PRIu64 " messages, %" PRIu64
                     " commits, equal after %.1f s, trace %016" PRIx64 "\n",
                     plan->seed, result.trace.messages, result.trace.commits,
                     (double)result.settled_ms / 1000, result.trace.hash);
        return 0;
    }
    job.plan = *plan;
    job.result = &result;
    tell_failure(options, &job);
    return 1;
}

static int run_plan(const struct options *options, struct sim_plan *plan)
{
    FILE *file = fopen(options->plan, "r");

    if (!file || sim_plan_read(plan, file) != 0) {
        (void)fprintf(stderr, "%s: no schedule\n", options->plan);
        return 65;
    }
    (void)fclose(file); /* only read */
    struct options again = *options;
    again.keeps_plan = true;
    return run_one(&again, plan);
}

/* ---- itself ---- */

/* The first seed that fails with this bug, made small. */
static int find_bug(const char *bug, struct sim_plan *plan)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct sim_result result;
        sim_plan_make(plan, seed, 0);
        (void)snprintf(plan->bug, sizeof plan->bug, "%s", bug);
        if (!sim_run_once(plan, false, &result)) {
            size_t before = plan->count;
            size_t runs = sim_shrink(plan, &result);
            (void)printf("bug %-6s seed %" PRIu64 ": %s\n%zu of %zu steps after %zu runs:\n", bug,
                         seed, result.text, plan->count, before, runs);
            sim_plan_write(plan, stdout);
            return plan->count < before && plan->count <= 12 ? 0 : -1;
        }
    }
    (void)printf("bug %s was not found\n", bug);
    return -1;
}

static int test_itself(struct sim_plan *plan)
{
    static const char *const bugs[] = {"drop", "fold", "ack", "sync", "epoch"};
    int failed = 0;

    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct sim_result first, second;
        sim_plan_make(plan, seed, 0);
        if (!sim_run_once(plan, false, &first) || !sim_run_once(plan, false, &second) ||
            first.trace.hash != second.trace.hash ||
            first.trace.messages != second.trace.messages) {
            (void)printf("seed %" PRIu64 " does not repeat itself: %s\n", seed, first.text);
            failed = 1;
        }
    }
    for (size_t i = 0; i < sizeof bugs / sizeof *bugs; i++) {
        if (find_bug(bugs[i], plan) != 0) {
            (void)printf("bug %s: not found, or not made small\n", bugs[i]);
            failed = 1;
        }
    }
    return failed;
}

/* ---- command line ---- */

static uint64_t number(const char *text)
{
    char *end = NULL;

    errno = 0;
    uint64_t value = strtoull(text, &end, 10);
    if (errno || end == text || *end) {
        (void)fputs(USAGE, stderr);
        exit(64);
    }
    return value;
}

static void take_option(int option, struct options *options)
{
    switch (option) {
    case 'n':
        options->seeds = number(optarg);
        break;
    case 's':
        options->is_one = true;
        options->first = number(optarg);
        break;
    case 'f':
        options->first = number(optarg);
        break;
    case 't':
        options->seconds = (int64_t)number(optarg);
        break;
    case 'b':
        options->budget_s = (long)number(optarg);
        break;
    case 'j':
        options->jobs = (size_t)number(optarg);
        break;
    case 'w':
        options->twin_every = number(optarg);
        break;
    case 'p':
        options->plan = optarg;
        break;
    case 'g':
        options->bug = optarg;
        break;
    case 'a':
        options->wants_all = true;
        break;
    case 'k':
        options->keeps_plan = true;
        break;
    case 'i':
        options->tests_itself = true;
        break;
    case 'v':
        options->is_shown = true;
        break;
    default:
        (void)fputs(USAGE, option == 'h' ? stdout : stderr);
        exit(option == 'h' ? 0 : 64);
    }
}

static void read_options(int argc, char **argv, struct options *options)
{
    static const struct option names[] = {
        {"seeds", required_argument, NULL, 'n'},  {"first", required_argument, NULL, 'f'},
        {"seed", required_argument, NULL, 's'},   {"seconds", required_argument, NULL, 't'},
        {"budget", required_argument, NULL, 'b'}, {"jobs", required_argument, NULL, 'j'},
        {"twin", required_argument, NULL, 'w'},   {"plan", required_argument, NULL, 'p'},
        {"bug", required_argument, NULL, 'g'},    {"all", no_argument, NULL, 'a'},
        {"no-shrink", no_argument, NULL, 'k'},    {"self-test", no_argument, NULL, 'i'},
        {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
    int option = 0;

    while ((option = getopt_long(argc, argv, "vj:", names, NULL)) != -1) {
        take_option(option, options);
    }
    options->jobs = options->jobs < 1 ? 1 : options->jobs > JOBS ? JOBS : options->jobs;
}

int main(int argc, char **argv)
{
    struct options options = {.first = 1, .seeds = 100, .jobs = 2, .twin_every = 10, .bug = ""};
    struct sim_plan *plan = calloc(1, sizeof *plan);
    int result = 0;

    if (!plan) {
        abort();
    }
    read_options(argc, argv, &options);
    if (options.tests_itself) {
        result = test_itself(plan);
    } else if (options.plan) {
        result = run_plan(&options, plan);
    } else if (options.is_one) {
        sim_plan_make(plan, options.first, options.seconds);
        result = run_one(&options, plan);
    } else {
        result = run_many(&options);
    }
    free(plan);
    return result;
}
