#include "tests/sim/sim_run.h"

#include <stdlib.h>
#include <string.h>

#define RUNS 1500 /* at most */

struct shrink {
    struct sim_plan best;
    const char *kind;
    size_t runs;
};

/* Keeps `plan` when it still fails in the same way. */
static bool try(struct shrink *shrink, const struct sim_plan *plan)
{
    struct sim_result result;

    if (shrink->runs >= RUNS) {
        return false;
    }
    shrink->runs++;
    if (sim_run_once(plan, false, &result) || strcmp(result.kind, shrink->kind) != 0) {
        return false;
    }
    shrink->best = *plan;
    return true;
}

/* Leaves out pieces of the list, large ones first. */
static bool drop_steps(struct shrink *shrink)
{
    bool is_smaller = false;

    for (size_t piece = (shrink->best.count + 1) / 2; piece > 0; piece /= 2) {
        for (size_t at = 0; at < shrink->best.count;) {
            struct sim_plan plan = shrink->best;
            size_t end = at + piece < plan.count ? at + piece : plan.count;
            memmove(plan.steps + at, plan.steps + end, (plan.count - end) * sizeof plan.steps[0]);
            plan.count -= end - at;
            if (try(shrink, &plan)) {
                is_smaller = true;
            } else {
                at += piece;
            }
        }
    }
    return is_smaller;
}

static bool simplify(struct shrink *shrink)
{
    bool is_simpler = false;

    while (shrink->best.centrals > 1) {
        struct sim_plan plan = shrink->best;
        plan.centrals--;
        if (!try(shrink, &plan)) {
            break;
        }
        is_simpler = true;
    }
    for (int field = 0; field < 3; field++) {
        struct sim_plan plan = shrink->best;
        unsigned *const fields[] = {&plan.loss, &plan.lost_facts, &plan.shape};
        if (*fields[field]) {
            *fields[field] = 0;
            is_simpler = try(shrink, &plan) || is_simpler;
        }
    }
    while (shrink->best.seconds > 1) {
        struct sim_plan plan = shrink->best;
        plan.seconds /= 2;
        if (!try(shrink, &plan)) {
            break;
        }
        is_simpler = true;
    }
    return is_simpler;
}

static void shorten_steps(struct shrink *shrink)
{
    for (size_t i = 0; i < shrink->best.count; i++) {
        struct sim_plan plan = shrink->best;
        if (plan.steps[i].for_ms > 200) {
            plan.steps[i].for_ms /= 4;
            (void)try(shrink, &plan);
        }
    }
}

size_t sim_shrink(struct sim_plan *plan, const struct sim_result *result)
{
    struct shrink *shrink = malloc(sizeof *shrink);

    if (!shrink) {
        abort();
    }
    *shrink = (struct shrink){.best = *plan, .kind = result->kind};
    while (drop_steps(shrink) | simplify(shrink)) {
        continue;
    }
    shorten_steps(shrink);
    *plan = shrink->best;
    size_t runs = shrink->runs;
    free(shrink);
    return runs;
}
