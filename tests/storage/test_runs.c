/* The log read back for peers. */
#include "support_store.h"
#include "tests/support_main.h"

#include "proto/wire.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define T0 (CENTRAL_NOW - 3600000)

static struct central a, b;
static struct runs *runs;
static struct problem problem;
static struct position last;

static void setup(void)
{
    central_start(&a, "central-1");
    central_start(&b, "central-2");
    for (int i = 0; i < 20; i++) {
        char visit[16];
        snprintf(visit, sizeof visit, "v%d", i);
        last = central_entry(&a, visit, "30A12345", T0 + i);
    }
    runs = runs_open(a.path, &problem);
    ck_assert_msg(runs != NULL, "%s", problem.text);
}

static void teardown(void)
{
    runs_close(&runs);
    ck_assert_ptr_null(runs);
    central_stop(&a);
    central_stop(&b);
}

START_TEST(a_run_is_what_was_written)
{
    struct buffer out = {0};
    struct run run;
    struct wire wire;
    size_t count = 0;
    ck_assert_int_eq(runs_read(runs, &last.stream, 3, LIMIT_RUN_BYTES, 5, &out, &count, &problem),
                     1);
    ck_assert_uint_eq(count, 5);
    ck_assert_int_eq(run_unpack(&run, &wire, buffer_slice(&out)), 0);
    ck_assert_uint_eq(run.from, 3);
    ck_assert_uint_eq(run.count, 5);
    ck_assert_int_eq(stream_compare(&run.stream, &last.stream), 0);
    struct event event;
    ck_assert_int_eq(event_unpack(&event, run.items[4].header, run.items[4].body), 0);
    ck_assert(slice_equal(event.visit, slice_text("v6")));
    run_free(&run);
    wire_close(&wire);
    buffer_free(&out);
}
END_TEST

START_TEST(limits_of_a_run)
{
    static const struct {
        uint64_t from;
        size_t bytes, events, count;
        int result;
    } rows[] = {
        {1, LIMIT_RUN_BYTES, 500, 20, 1},
        {20, LIMIT_RUN_BYTES, 500, 1, 1},
        {21, LIMIT_RUN_BYTES, 500, 0, 0},
        {22, LIMIT_RUN_BYTES, 500, 0, 0},
        {0, LIMIT_RUN_BYTES, 500, 0, 0},
        {UINT64_MAX, LIMIT_RUN_BYTES, 500, 0, 0},
        {1, 1, 500, 1, 1},
        {1, LIMIT_RUN_BYTES, 1, 1, 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buffer out = {0};
        size_t count = 99;
        int result = runs_read(runs, &last.stream, rows[i].from, rows[i].bytes, rows[i].events,
                               &out, &count, &problem);
        ck_assert_msg(result == rows[i].result && count == rows[i].count, "row %zu: %d %zu", i,
                      result, count);
        ck_assert_int_eq(out.len > 0, rows[i].result);
        buffer_free(&out);
    }
    struct stream unknown = {last.stream.node, 5};
    struct buffer out = {0};
    size_t count = 99;
    ck_assert_int_eq(runs_read(runs, &unknown, 1, 1000, 10, &out, &count, &problem), 0);
    ck_assert_uint_eq(count, 0);
}
END_TEST

START_TEST(a_vector_lists_every_stream_in_order)
{
    central_entry(&b, "w1", "30A54321", T0);
    central_pull(&a, &b, 10);
    central_reopen(&a);
    central_entry(&a, "v99", "30A54321", T0);
    struct runs_vector vector;
    ck_assert_int_eq(runs_vector(runs, &vector, &problem), 0);
    ck_assert_uint_eq(vector.count, 3);
    ck_assert_uint_eq(vector.events, 22);
    struct digest sum = {{0}};
    for (size_t i = 0; i < vector.count; i++) {
        struct digest part = head_digest(&vector.heads[i]);
        digest_add(&sum, &part);
        if (i > 0) {
            ck_assert_int_lt(stream_compare(&vector.heads[i - 1].stream, &vector.heads[i].stream),
                             0);
        }
    }
    ck_assert(digest_equal(&sum, &vector.log_digest));
    struct digest log = store_log_digest(a.store), state = store_state_digest(a.store);
    ck_assert(digest_equal(&log, &vector.log_digest));
    ck_assert(digest_equal(&state, &vector.state_digest));
    runs_vector_free(&vector);
}
END_TEST

START_TEST(an_open_batch_is_not_seen)
{
    struct event event;
    struct position position;
    struct buffer out = {0};
    size_t count;
    event_init(&event, EVENT_STAFF_UPDATE);
    event.t_eff = T0;
    ck_assert_int_eq(store_begin(a.store, &problem), 0);
    ck_assert_int_eq(store_append(a.store, &event, T0, &position, &problem), 0);
    ck_assert_int_eq(runs_read(runs, &last.stream, 21, 1000, 10, &out, &count, &problem), 0);
    ck_assert_int_eq(store_commit(a.store, &problem), 0);
    ck_assert_int_eq(runs_read(runs, &last.stream, 21, 1000, 10, &out, &count, &problem), 1);
    buffer_free(&out);
}
END_TEST

START_TEST(a_missing_database_is_a_problem)
{
    struct runs *none = runs_open("/nonexistent/central.db", &problem);
    ck_assert_ptr_null(none);
    ck_assert_str_eq(problem_name(problem.code), "DB_UNWRITABLE");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runs");
    TCase *tcase = tcase_create("runs");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_run_is_what_was_written);
    tcase_add_test(tcase, limits_of_a_run);
    tcase_add_test(tcase, a_vector_lists_every_stream_in_order);
    tcase_add_test(tcase, an_open_batch_is_not_seen);
    tcase_add_test(tcase, a_missing_database_is_a_problem);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
