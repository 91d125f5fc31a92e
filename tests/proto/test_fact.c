#include "proto/fact.h"

#include "proto/event.h"
#include "proto/limits.h"
#include "tests/proto/support_suite.h"

#include <stdlib.h>
#include <string.h>

static struct head heads[] = {{{{"a"}, 1}, 5, {{1}}}, {{{"b"}, UINT64_MAX}, 6, {{2}}}};

static struct fact example(struct fact_event *items, struct fact_visit *visits)
{
    items[0] = (struct fact_event){41, FACT_LOCAL, slice_text("packed run")};
    items[1] = (struct fact_event){42, FACT_SYNC, slice_text("another")};
    visits[0] = (struct fact_visit){.event_id = slice_text("central-1_1_51G12345"),
                                    .history_id = 9,
                                    .revision = 2,
                                    .status = slice_text("OUT"),
                                    .plate_id = slice_text("51G12345"),
                                    .plate_view = slice_text("51G-123.45"),
                                    .entry_ms = 1,
                                    .exit_ms = 2,
                                    .fee = 25000,
                                    .source_central = slice_text("central-1")};
    visits[1] = (struct fact_visit){.event_id = slice_text("x"),
                                    .status = slice_text("GONE"),
                                    .entry_ms = EVENT_NONE,
                                    .exit_ms = EVENT_NONE,
                                    .fee = EVENT_NONE};
    return (struct fact){.batch = 7,
                         .lsn = 42,
                         .log_digest = {{1}},
                         .state_digest = {{2}},
                         .events = 43,
                         .hlc = 44,
                         .own = heads[0],
                         .heads = heads,
                         .head_count = 2,
                         .items = items,
                         .item_count = 2,
                         .visits = visits,
                         .visit_count = 2};
}

START_TEST(comes_back)
{
    struct fact_event items[2];
    struct fact_visit visits[2];
    struct fact fact = example(items, visits), got;
    struct buffer buffer = {0};
    ck_assert_int_eq(fact_pack(&fact, &buffer), 0);
    ck_assert_int_eq(fact_unpack(&got, buffer_slice(&buffer)), 0);
    ck_assert(got.batch == 7 && got.lsn == 42 && got.events == 43 && got.hlc == 44);
    ck_assert(digest_equal(&got.log_digest, &fact.log_digest));
    ck_assert(digest_equal(&got.state_digest, &fact.state_digest));
    ck_assert(got.own.seq == 5 && got.head_count == 2 && got.heads[1].seq == 6);
    ck_assert_int_eq(stream_compare(&got.heads[1].stream, &heads[1].stream), 0);
    ck_assert(got.item_count == 2 && got.items[1].lsn == 42 && got.items[1].origin == FACT_SYNC);
    ck_assert(slice_equal(got.items[0].run, slice_text("packed run")));
    ck_assert_uint_eq(got.visit_count, 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert(slice_equal(got.visits[i].event_id, visits[i].event_id));
        ck_assert(slice_equal(got.visits[i].status, visits[i].status));
        ck_assert(slice_equal(got.visits[i].plate_id, visits[i].plate_id));
        ck_assert(slice_equal(got.visits[i].plate_view, visits[i].plate_view));
        ck_assert(slice_equal(got.visits[i].source_central, visits[i].source_central));
        ck_assert(got.visits[i].history_id == visits[i].history_id);
        ck_assert(got.visits[i].revision == visits[i].revision);
        ck_assert(got.visits[i].entry_ms == visits[i].entry_ms);
        ck_assert(got.visits[i].exit_ms == visits[i].exit_ms);
        ck_assert(got.visits[i].fee == visits[i].fee);
    }
    fact_free(&got);
    buffer_free(&buffer);
}
END_TEST

START_TEST(may_be_empty)
{
    struct fact fact = {.batch = 1}, got;
    struct buffer buffer = {0};
    ck_assert_int_eq(fact_pack(&fact, &buffer), 0);
    ck_assert_int_eq(fact_unpack(&got, buffer_slice(&buffer)), 0);
    ck_assert(got.own.seq == 0 && got.head_count + got.item_count + got.visit_count == 0);
    fact_free(&got);
    buffer_free(&buffer);
}
END_TEST

START_TEST(is_not_packed_when_no_reader_would_take_it)
{
    struct fact_visit *visits = calloc(LIMIT_ITEMS / 11, sizeof *visits);
    struct fact fact = {.visits = visits, .visit_count = LIMIT_ITEMS / 11}, got;
    struct buffer buffer = {0};
    ck_assert_ptr_nonnull(visits);
    ck_assert_int_eq(fact_pack(&fact, &buffer), -1);
    fact.visit_count = (LIMIT_ITEMS - 15) / 11;
    ck_assert_int_eq(fact_pack(&fact, &buffer), 0);
    ck_assert_int_eq(fact_unpack(&got, buffer_slice(&buffer)), 0);
    fact_free(&got);

    buffer_free(&buffer);
    buffer_init(&buffer, 100);
    ck_assert_int_eq(fact_pack(&fact, &buffer), -1);
    ck_assert_uint_eq(buffer.len, 0);
    buffer_free(&buffer);
    free(visits);
}
END_TEST

static void read_hostile(struct slice bytes)
{
    struct fact fact;
    if (fact_unpack(&fact, bytes) == 0) {
        fact_free(&fact);
    }
}

START_TEST(hostile_bytes_are_survived)
{
    struct fact_event items[2];
    struct fact_visit visits[2];
    struct fact fact = example(items, visits);
    struct buffer buffer = {0};
    ck_assert_int_eq(fact_pack(&fact, &buffer), 0);
    suite_hostile(buffer_slice(&buffer), 10000, read_hostile);
    buffer_free(&buffer);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {comes_back, may_be_empty, is_not_packed_when_no_reader_would_take_it,
                            hostile_bytes_are_survived};
    return suite_run("fact", tests, sizeof tests / sizeof *tests);
}
