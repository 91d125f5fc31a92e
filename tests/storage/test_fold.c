/*
 * What holds for every fold, on random sets of events; test_fold_rules.c has the single rules.
 */
#include "support_fold.h"
#include "tests/support_main.h"

#include <check.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES 2000

/* Asserting costs a message each: count here, assert once. */
static void require(bool holds, const char *what, uint64_t seed)
{
    if (!holds) {
        ck_abort_msg("%s: seed %llu", what, (unsigned long long)seed);
    }
}

static void fold_json(const struct fold_case *test, struct buffer *json)
{
    struct fold_output output;
    struct fold_input input = fold_case_input(test);

    fold(&input, &output);
    buffer_clear(json);
    fold_case_output_json(&output, json);
    fold_free(&output);
}

static bool same(const struct buffer *a, const struct buffer *b)
{
    return slice_equal(buffer_slice(a), buffer_slice(b));
}

/* Swaps `size` bytes at two places of an array. */
static void swap(char *items, size_t size, size_t i, size_t j)
{
    for (size_t k = 0; k < size; k++) {
        char kept = items[i * size + k];
        items[i * size + k] = items[j * size + k];
        items[j * size + k] = kept;
    }
}

static void shuffle(void *items, size_t count, size_t size, uint64_t *state)
{
    for (size_t i = count; i > 1; i--) {
        swap(items, size, i - 1, fold_case_below(state, i));
    }
}

/* Some of the input once more, and all of it in another order. */
static void disturb(struct fold_case *test, uint64_t *state)
{
    for (size_t i = 0, count = test->event_count; i < count; i++) {
        if (fold_case_below(state, 3) == 0) {
            struct fold_event *added = fold_case_add(test, 0);
            *added = test->events[i];
        }
    }
    if (test->tariff_count) {
        test->tariffs[test->tariff_count++] = test->tariffs[0];
    }
    if (test->subscription_count) {
        test->subscriptions[test->subscription_count++] = test->subscriptions[0];
    }
    if (test->fix_count) {
        test->fixes[test->fix_count++] = test->fixes[0];
    }
    test->plates[test->plate_count++] = test->plates[0];
    shuffle(test->events, test->event_count, sizeof *test->events, state);
    shuffle(test->tariffs, test->tariff_count, sizeof *test->tariffs, state);
    shuffle(test->subscriptions, test->subscription_count, sizeof *test->subscriptions, state);
    shuffle(test->fixes, test->fix_count, sizeof *test->fixes, state);
    shuffle(test->plates, test->plate_count, sizeof *test->plates, state);
}

START_TEST(test_order_and_repetition_do_not_matter)
{
    struct buffer first = {0};
    struct buffer again = {0};

    for (uint64_t seed = 1; seed <= CASES; seed++) {
        struct fold_case test = {0};
        uint64_t state = seed;
        fold_case_random(&test, seed);
        fold_json(&test, &first);
        for (int round = 0; round < 3; round++) {
            shuffle(test.events, test.event_count, sizeof *test.events, &state);
            fold_json(&test, &again);
            require(same(&first, &again), "order", seed);
        }
        disturb(&test, &state);
        fold_json(&test, &again);
        require(same(&first, &again), "repetition", seed);
        fold_case_free(&test);
    }
    buffer_free(&first);
    buffer_free(&again);
}
END_TEST

static bool is_wanted(const struct fold_case *test, struct slice plate)
{
    for (size_t i = 0; i < test->plate_count; i++) {
        if (slice_equal(plate, slice_text(test->plates[i]))) {
            return true;
        }
    }
    return false;
}

/* Leaves the closed set for P of header fold.h, and nothing else. */
static void close_set(struct fold_case *test)
{
    bool keep[512] = {false};
    size_t count = 0;

    ck_assert_uint_le(test->event_count, sizeof keep);
    for (size_t i = 0; i < test->event_count; i++) {
        if (!is_wanted(test, test->events[i].event.plate_id)) {
            continue;
        }
        for (size_t j = 0; j < test->event_count; j++) {
            struct slice named = test->events[i].event.visit;
            keep[j] |= i == j || (named.data && slice_equal(named, test->events[j].event.visit));
        }
    }
    for (size_t i = 0; i < test->event_count; i++) {
        if (keep[i]) {
            test->events[count++] = test->events[i];
        }
    }
    test->event_count = count;
}

START_TEST(test_other_events_do_not_matter)
{
    struct buffer all = {0};
    struct buffer closed = {0};

    for (uint64_t seed = 1; seed <= CASES; seed++) {
        struct fold_case test = {0};
        fold_case_random(&test, seed);
        fold_json(&test, &all);
        close_set(&test);
        fold_json(&test, &closed);
        require(same(&all, &closed), "closure", seed);
        fold_case_free(&test);
    }
    buffer_free(&all);
    buffer_free(&closed);
}
END_TEST

static const struct visit *find_visit(const struct fold_output *output, struct slice id)
{
    for (size_t i = 0; i < output->visit_count; i++) {
        if (slice_equal(output->visits[i].event_id, id)) {
            return &output->visits[i];
        }
    }
    return NULL;
}

static void check_visit(const struct fold_case *test, const struct fold_output *output, size_t i,
                        uint64_t seed)
{
    const struct visit *visit = &output->visits[i];
    bool ended = visit->exit_ms != EVENT_NONE;

    require(is_wanted(test, visit->plate_id), "plate of P", seed);
    require(i == 0 || slice_compare(visit[-1].event_id, visit->event_id) < 0, "sorted ids", seed);
    require(!ended || visit->exit_ms >= visit->entry_ms, "exit not before entry", seed);
    require(ended || (visit->fee == 0 && !visit->exit_central.data), "no end, no exit", seed);
    require(visit->status != VISIT_OUT || ended, "OUT has an end", seed);
    require(visit->status == VISIT_OUT || visit->status == VISIT_DELETED || !ended, "an end is OUT",
            seed);
    require(visit->fee >= 0, "fee", seed);
    require((visit->status == VISIT_SUPERSEDED) == (visit->superseded_by.data != NULL),
            "superseder", seed);
    if (visit->superseded_by.data) {
        const struct visit *winner = find_visit(output, visit->superseded_by);
        require(winner && winner->status != VISIT_DELETED &&
                    slice_equal(winner->plate_id, visit->plate_id),
                "superseder of the same timeline", seed);
    }
    for (size_t j = 0; j < i; j++) {
        const struct visit *other = &output->visits[j];
        bool both = slice_equal(other->plate_id, visit->plate_id);
        require(!both || other->status != VISIT_IN || visit->status != VISIT_IN, "one open", seed);
        /* Of two visits with a place in the timeline one ends before the other starts. */
        if (both && visit->status == VISIT_OUT && other->status == VISIT_OUT &&
            visit->exit_ms > visit->entry_ms && other->exit_ms > other->entry_ms) {
            require(visit->exit_ms <= other->entry_ms || other->exit_ms <= visit->entry_ms,
                    "no overlap", seed);
        }
    }
}

static void check_anomaly(const struct fold_case *test, const struct fold_output *output,
                          const struct fold_anomaly *anomaly, uint64_t seed)
{
    require(is_wanted(test, anomaly->plate_id), "anomaly of P", seed);
    require(!anomaly->other.data || find_visit(output, anomaly->other), "winner exists", seed);
}

START_TEST(test_every_output_makes_sense)
{
    for (uint64_t seed = 1; seed <= 2 * CASES; seed++) {
        struct fold_case test = {0};
        struct fold_output output;
        fold_case_random(&test, seed);
        struct fold_input input = fold_case_input(&test);
        fold(&input, &output);
        for (size_t i = 0; i < output.visit_count; i++) {
            check_visit(&test, &output, i, seed);
        }
        for (size_t i = 0; i < output.anomaly_count; i++) {
            check_anomaly(&test, &output, &output.anomalies[i], seed);
        }
        fold_free(&output);
        fold_case_free(&test);
    }
}
END_TEST

/* Whatever P is, an entered visit is in the output for exactly one plate. */
START_TEST(test_every_visit_is_somewhere)
{
    for (uint64_t seed = 1; seed <= CASES; seed++) {
        static const char *const all[] = {"29A11111", "30B22222", "51C33333"};
        struct fold_case test = {0};
        struct fold_output output;
        fold_case_random(&test, seed);
        size_t found[3] = {0};
        for (size_t i = 0; i < 3; i++) {
            test.plates[0] = all[i];
            test.plate_count = 1;
            struct fold_input input = fold_case_input(&test);
            fold(&input, &output);
            found[i] = output.visit_count;
            fold_free(&output);
        }
        memcpy(test.plates, all, sizeof all);
        test.plate_count = 3;
        struct fold_input input = fold_case_input(&test);
        fold(&input, &output);
        require(output.visit_count == found[0] + found[1] + found[2], "one plate each", seed);
        for (size_t i = 0; i < test.event_count; i++) {
            const struct event *event = &test.events[i].event;
            bool enters = event->kind == EVENT_VEHICLE_ENTRY_PENDING || event->kind == EVENT_IMPORT;
            require(!enters || event->redacted || !event->visit.len || !event->plate_id.len ||
                        find_visit(&output, event->visit),
                    "an entry is shown", seed);
        }
        fold_free(&output);
        fold_case_free(&test);
    }
}
END_TEST

/* Three centrals correct one plate in turn, each having seen the one before; and then two at once
 * without having seen each other. All orders of arrival end alike, at every prefix. */
START_TEST(test_edit_chain_over_centrals)
{
    struct buffer text = {0};
    struct fold_case test = {0};
    struct fold_output output;

    fold_case_script(&test, "plates P Q R S; entry v1 P 100; edit v1 Q 0 node=B hlc=30;"
                            "edit v1 R 0 node=C hlc=20;"
                            "exit v1 P 300; edit v1 S 0 node=B hlc=10;");
    struct position first = test.events[1].position;
    struct position second = test.events[2].position;
    fold_case_supersede(&test, &test.events[2], &first, 1);
    fold_case_supersede(&test, &test.events[4], &second, 1);
    for (uint64_t seed = 1; seed <= 50; seed++) {
        uint64_t state = seed;
        shuffle(test.events, test.event_count, sizeof *test.events, &state);
        struct fold_input input = fold_case_input(&test);
        fold(&input, &output);
        buffer_clear(&text);
        fold_case_text(&output, &text);
        ck_assert_str_eq(text.data, "v1 S OUT 100-300");
        fold_free(&output);
    }
    fold_case_free(&test);
    buffer_free(&text);
}
END_TEST

/* Many supersessions in one chain, and exits that name each link: must not be quadratic. */
START_TEST(test_long_chains)
{
    enum {
        LINKS = 20000
    };
    struct fold_case test = {0};
    struct fold_output output;
    char *names = fold_case_own(&test, LINKS * 16);

    test.plates[test.plate_count++] = "A";
    for (int i = 0; i < LINKS; i++) {
        char *name = names + (ptrdiff_t)i * 16;
        struct fold_event *entry = fold_case_add(&test, EVENT_IMPORT);
        ck_assert_int_gt(snprintf(name, 16, "v%d", i), 0);
        entry->event.visit = slice_text(name);
        entry->event.plate_id = slice_text("A");
        entry->event.t_eff = i;
        entry->event.is_anomaly = i == 0;
        if (i) {
            struct fold_event *exit = fold_case_add(&test, EVENT_VEHICLE_EXIT);
            exit->event.visit = slice_text(name);
            exit->event.t_eff = LINKS + i;
        }
    }
    struct fold_input input = fold_case_input(&test);
    fold(&input, &output);
    ck_assert_uint_eq(output.visit_count, LINKS);
    ck_assert_uint_eq(output.anomaly_count, 2 * (LINKS - 2));
    fold_free(&output);
    fold_case_free(&test);
}
END_TEST

START_TEST(test_empty)
{
    struct fold_input input = {0};
    struct fold_output output;

    fold(&input, &output);
    ck_assert_uint_eq(output.visit_count, 0);
    ck_assert_uint_eq(output.anomaly_count, 0);
    fold_free(&output);
    fold_free(&output);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fold");
    TCase *tests = tcase_create("properties");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_order_and_repetition_do_not_matter);
    tcase_add_test(tests, test_other_events_do_not_matter);
    tcase_add_test(tests, test_every_output_makes_sense);
    tcase_add_test(tests, test_every_visit_is_somewhere);
    tcase_add_test(tests, test_edit_chain_over_centrals);
    tcase_add_test(tests, test_long_chains);
    tcase_add_test(tests, test_empty);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
