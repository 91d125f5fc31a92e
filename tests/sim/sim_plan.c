#include "tests/sim/sim_plan.h"

#include "proto/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct kind {
    const char *name;
    unsigned weight;
    int64_t for_ms;
};

static const struct kind KINDS[] = {
#define X(name, weight, for_ms) {#name, weight, for_ms},
    SIM_LOADS(X) SIM_FAULTS(X)
#undef X
};

const char *sim_plan_name(enum sim_step_kind kind)
{
    return KINDS[kind].name;
}

bool sim_plan_is_load(enum sim_step_kind kind)
{
    return kind <= SIM_STEP_BURST;
}

static enum sim_step_kind draw(struct sim_random *random, int first, int end, uint64_t allowed)
{
    unsigned sum = 0;
    int kind = first;

    for (int i = first; i < end; i++) {
        sum += allowed >> i & 1 ? KINDS[i].weight : 0;
    }
    unsigned at = (unsigned)sim_random_below(random, sum);
    for (kind = first; kind < end - 1; kind++) {
        unsigned weight = allowed >> kind & 1 ? KINDS[kind].weight : 0;
        if (at < weight) {
            break;
        }
        at -= weight;
    }
    return (enum sim_step_kind)kind;
}

static struct sim_step *add(struct sim_plan *plan, struct sim_random *random, int64_t at_ms)
{
    struct sim_step *step = &plan->steps[plan->count];

    if (plan->count + 1 < SIM_STEP_MAX) {
        plan->count++;
    }
    *step = (struct sim_step){.at_ms = at_ms,
                              .place = (unsigned)sim_random_below(random, 1000),
                              .arg = sim_random_next(random) >> 8};
    step->other = step->place + 1 +
                  (unsigned)sim_random_below(random, plan->centrals > 1 ? plan->centrals - 1 : 1);
    return step;
}

static void add_fault(struct sim_plan *plan, struct sim_random *random, uint64_t allowed,
                      int64_t end_ms)
{
    struct sim_step *step = add(plan, random, (int64_t)sim_random_below(random, (uint64_t)end_ms));
    int64_t longest_ms = 0;

    step->kind = draw(random, SIM_STEP_BURST + 1, SIM_STEP_COUNT, allowed);
    longest_ms = KINDS[step->kind].for_ms;
    if (longest_ms) {
        /* Short ones are as likely as long ones. */
        longest_ms >>= sim_random_below(random, 5);
        step->for_ms = 1 + (int64_t)sim_random_below(random, (uint64_t)longest_ms);
    }
    if (step->kind == SIM_STEP_ALONE && sim_random_chance(random, 30)) {
        struct sim_step flap = *step;
        flap.for_ms = flap.for_ms / 8 + 200;
        *step = flap;
        for (int i = 1; i < 6; i++) {
            struct sim_step *again = add(plan, random, 0);
            *again = flap;
            again->at_ms += 2 * i * flap.for_ms;
        }
    }
}

static int is_later(const void *a, const void *b)
{
    const struct sim_step *first = a, *second = b;

    if (first->at_ms != second->at_ms) {
        return first->at_ms < second->at_ms ? -1 : 1;
    }
    return first->arg < second->arg ? -1 : first->arg > second->arg;
}

void sim_plan_make(struct sim_plan *plan, uint64_t seed, int64_t seconds)
{
    static const int64_t beats_ms[] = {500, 1000, 2000, 2000};
    struct sim_random random = {seed * UINT64_C(0x9E3779B97F4A7C15)};

    *plan = (struct sim_plan){.seed = seed};
    plan->centrals = 2 + (unsigned)sim_random_below(&random, SIM_CENTRALS - 1);
    plan->shape = (unsigned)sim_random_below(&random, 5);
    plan->heartbeat_ms = beats_ms[sim_random_below(&random, 4)];
    plan->seconds = seconds ? seconds : 20 + (int64_t)sim_random_below(&random, 60);
    plan->loss = sim_random_chance(&random, 30) ? (unsigned)sim_random_below(&random, 25) : 0;
    plan->lost_facts = sim_random_chance(&random, 25) ? 10 : 0;
    int64_t end_ms = plan->seconds * 1000;
    /* Not every seed has everything: some faults hide others. */
    uint64_t allowed = 0;
    for (int i = 0; i < SIM_STEP_COUNT; i++) {
        allowed |= sim_plan_is_load((enum sim_step_kind)i) || sim_random_chance(&random, 55)
                       ? UINT64_C(1) << i
                       : 0;
    }
    allowed |= UINT64_C(1) << SIM_STEP_RESET | UINT64_C(1) << SIM_STEP_BACKUP;
    uint64_t loads = (uint64_t)plan->seconds * (1 + sim_random_below(&random, 3));
    for (uint64_t i = 0; i < loads; i++) {
        struct sim_step *step =
            add(plan, &random, (int64_t)sim_random_below(&random, (uint64_t)end_ms));
        step->kind = draw(&random, 0, SIM_STEP_BURST + 1, allowed);
    }
    uint64_t faults = sim_random_below(&random, (uint64_t)plan->seconds);
    for (uint64_t i = 0; i < faults; i++) {
        add_fault(plan, &random, allowed, end_ms);
    }
    qsort(plan->steps, plan->count, sizeof plan->steps[0], is_later);
}

void sim_plan_write(const struct sim_plan *plan, FILE *out)
{
    (void)fprintf(out,
                  "plan seed=%" PRIu64 " centrals=%u shape=%u heartbeat=%" PRId64
                  " seconds=%" PRId64 " loss=%u lost_facts=%u bug=%s\n",
                  plan->seed, plan->centrals, plan->shape, plan->heartbeat_ms, plan->seconds,
                  plan->loss, plan->lost_facts, plan->bug[0] ? plan->bug : "none");
    for (size_t i = 0; i < plan->count; i++) {
        const struct sim_step *step = &plan->steps[i];
        (void)fprintf(out, "%8" PRId64 " %-11s %u %u %" PRId64 " %" PRIu64 "\n", step->at_ms,
                      sim_plan_name(step->kind), step->place % plan->centrals,
                      step->other % plan->centrals, step->for_ms, step->arg);
    }
}

static int read_step(struct sim_plan *plan, const char *line)
{
    struct sim_step step = {.at_ms = 0};
    char name[32];

    if (sscanf(line, "%" SCNd64 " %31s %u %u %" SCNd64 " %" SCNu64, &step.at_ms, name, &step.place,
               &step.other, &step.for_ms, &step.arg) != 6 ||
        plan->count >= SIM_STEP_MAX) {
        return -1;
    }
    for (int kind = 0; kind < SIM_STEP_COUNT; kind++) {
        if (strcmp(KINDS[kind].name, name) == 0) {
            step.kind = (enum sim_step_kind)kind;
            plan->steps[plan->count++] = step;
            return 0;
        }
    }
    return -1;
}

int sim_plan_read(struct sim_plan *plan, FILE *in)
{
    char line[300];

    *plan = (struct sim_plan){.count = 0};
    if (!fgets(line, sizeof line, in) ||
        sscanf(line,
               "plan seed=%" SCNu64 " centrals=%u shape=%u heartbeat=%" SCNd64 " seconds=%" SCNd64
               " loss=%u lost_facts=%u bug=%31s",
               &plan->seed, &plan->centrals, &plan->shape, &plan->heartbeat_ms, &plan->seconds,
               &plan->loss, &plan->lost_facts, plan->bug) != 8 ||
        plan->centrals == 0 || plan->centrals > SIM_CENTRALS) {
        return -1;
    }
    if (strcmp(plan->bug, "none") == 0) {
        plan->bug[0] = '\0';
    }
    while (fgets(line, sizeof line, in)) {
        if (read_step(plan, line) != 0) {
            return -1;
        }
    }
    return 0;
}
