#include "proto/run.h"

#include "proto/event.h"
#include "tests/proto/support_run.h"
#include "tests/proto/support_suite.h"

#include <stdlib.h>
#include <string.h>

static const struct stream STREAM = {{"central-1"}, 77};

START_TEST(comes_back)
{
    struct buffer buffer = {0};
    struct run run;
    struct wire wire;
    struct event event;
    support_run(&buffer, &STREAM, 12, 5);
    ck_assert_int_eq(run_unpack(&run, &wire, buffer_slice(&buffer)), 0);
    ck_assert_int_eq(stream_compare(&run.stream, &STREAM), 0);
    ck_assert_uint_eq(run.from, 12);
    ck_assert_uint_eq(run.count, 5);
    ck_assert_int_eq(run.chain_before.bytes[3], 9);
    struct digest chain = run.chain_before;
    for (size_t i = 0; i < run.count; i++) {
        ck_assert_int_eq(event_unpack(&event, run.items[i].header, run.items[i].body), 0);
        ck_assert_int_eq(event.t_eff, (int64_t)i);
        ck_assert_int_eq(event.redacted, i == 2);
        ck_assert(!digest_is_zero(&run.items[i].body_hash));
        chain = chain_next(&chain, run.items[i].header, &run.items[i].body_hash);
    }
    ck_assert(digest_equal(&chain, &run.chain_after));
    run_free(&run);
    wire_close(&wire);
    buffer_free(&buffer);
}
END_TEST

static int read_run(uint64_t from, size_t count)
{
    struct buffer buffer = {0};
    struct run run;
    struct wire wire;
    support_run(&buffer, &STREAM, from, count);
    int result = run_unpack(&run, &wire, buffer_slice(&buffer));
    if (result == 0) {
        ck_assert_uint_eq(run.count, count);
        run_free(&run);
        wire_close(&wire);
    }
    buffer_free(&buffer);
    return result;
}

START_TEST(has_limits)
{
    ck_assert_int_eq(read_run(1, 0), -1);
    ck_assert_int_eq(read_run(1, 1), 0);
    ck_assert_int_eq(read_run(0, 1), -1);
    ck_assert_int_eq(read_run(1, LIMIT_RUN_EVENTS), 0);
    ck_assert_int_eq(read_run(1, LIMIT_RUN_EVENTS + 1), -1);
    ck_assert_int_eq(read_run(LIMIT_SEQ, 1), 0);
    ck_assert_int_eq(read_run(LIMIT_SEQ, 2), -1);
    ck_assert_int_eq(read_run((uint64_t)LIMIT_SEQ + 1, 1), -1);
    ck_assert_int_eq(read_run(UINT64_MAX, 1), -1);
}
END_TEST

/* A run with one event, each part as wanted. */
static int read_parts(const struct stream *stream, struct slice header, struct slice body,
                      const struct digest *sent_hash)
{
    struct buffer items = {0}, buffer = {0};
    struct digest zero = {{0}};
    struct run run;
    struct wire wire;
    struct digest hash = body.data ? body_hash(body) : *sent_hash;
    struct digest after = chain_next(&zero, header, &hash);
    ck_assert_int_eq(run_put_item(&items, header, body, sent_hash), 0);
    ck_assert_int_eq(run_pack(&buffer, stream, 1, &zero, &after, &items, 1), 0);
    int result = run_unpack(&run, &wire, buffer_slice(&buffer));
    if (result == 0) {
        run_free(&run);
        wire_close(&wire);
    }
    buffer_free(&items);
    buffer_free(&buffer);
    return result;
}

START_TEST(every_part_is_checked)
{
    const struct slice header = SUITE_BYTES("\x95\x01\x03\x05\x07\x01");
    const struct slice absent = {NULL, 0};
    struct digest hash = {{1}};
    ck_assert_int_eq(read_parts(&STREAM, header, slice_text("\x81\x01\xa1v"), NULL), 0);
    ck_assert_int_eq(read_parts(&STREAM, header, absent, &hash), 0);
    ck_assert_int_eq(read_parts(&STREAM, slice_text("\x95"), absent, &hash), -1);
    ck_assert_int_eq(read_parts(&STREAM, slice_text(""), absent, &hash), -1);
    ck_assert_int_eq(read_parts(&STREAM, header, slice_text("\x81\x01"), NULL), -1);
    ck_assert_int_eq(read_parts(&STREAM, header, slice_text(""), NULL), -1);

    struct stream other = STREAM;
    other.epoch = 0;
    ck_assert_int_eq(read_parts(&other, header, absent, &hash), -1);
    other = STREAM;
    other.node.text[0] = '-';
    ck_assert_int_eq(read_parts(&other, header, absent, &hash), -1);

    char *large = calloc(1, LIMIT_BODY_BYTES + 1);
    ck_assert_ptr_nonnull(large);
    for (size_t len = LIMIT_BODY_BYTES; len <= LIMIT_BODY_BYTES + 1; len++) {
        /* {62: bytes} */
        memcpy(large, "\x81\x3e\xc5", 3);
        large[3] = (char)((len - 5) >> 8);
        large[4] = (char)(len - 5);
        ck_assert_int_eq(read_parts(&STREAM, header, (struct slice){large, len}, NULL),
                         len > LIMIT_BODY_BYTES ? -1 : 0);
    }
    free(large);
}
END_TEST

START_TEST(a_first_event_has_nothing_before_it)
{
    struct buffer items = {0}, buffer = {0};
    struct digest before = {{1}}, hash = {{1}};
    struct slice header = SUITE_BYTES("\x95\x01\x03\x05\x07\x01");
    struct run run;
    struct wire wire;
    struct digest after = chain_next(&before, header, &hash);
    ck_assert_int_eq(run_put_item(&items, header, (struct slice){NULL, 0}, &hash), 0);
    ck_assert_int_eq(run_pack(&buffer, &STREAM, 1, &before, &after, &items, 1), 0);
    ck_assert_int_eq(run_unpack(&run, &wire, buffer_slice(&buffer)), -1);
    buffer_free(&items);
    buffer_free(&buffer);
}
END_TEST

static void read_hostile(struct slice bytes)
{
    struct run run;
    struct wire wire;
    if (run_unpack(&run, &wire, bytes) == 0) {
        ck_assert_uint_ge(run.count, 1);
        ck_assert_uint_le(run.count, LIMIT_RUN_EVENTS);
        ck_assert_uint_ge(run.from, 1);
        run_free(&run);
        wire_close(&wire);
    }
}

START_TEST(hostile_bytes_are_survived)
{
    struct buffer buffer = {0};
    support_run(&buffer, &STREAM, 3, 4);
    suite_hostile(buffer_slice(&buffer), 20000, read_hostile);
    buffer_free(&buffer);
}
END_TEST

/* Whatever single bit changes in the chained part, the run is refused. */
START_TEST(a_changed_bit_breaks_the_chain)
{
    struct buffer buffer = {0};
    struct run run;
    struct wire wire;
    support_run(&buffer, &STREAM, 3, 4);
    /* Behind the array's first byte, the name, the epoch (77: one byte) and `from`. */
    for (size_t at = 1 + 10 + 1 + 1; at < buffer.len; at++) {
        for (int bit = 0; bit < 8; bit++) {
            buffer.data[at] = (char)(buffer.data[at] ^ (1 << bit));
            ck_assert_msg(run_unpack(&run, &wire, buffer_slice(&buffer)) == -1, "byte %zu", at);
            buffer.data[at] = (char)(buffer.data[at] ^ (1 << bit));
        }
    }
    buffer_free(&buffer);
}
END_TEST

START_TEST(a_writer_can_stop_at_its_budget)
{
    struct buffer items;
    struct digest hash = {{0}};
    buffer_init(&items, 100);
    size_t count = 0;
    while (run_put_item(&items, slice_text("0123456789"), slice_text("0123456789"), &hash) == 0) {
        count++;
    }
    ck_assert_uint_eq(count, 4); /* 25 bytes each, none in part */
    ck_assert_uint_eq(items.len, 100);
    buffer_free(&items);
}
END_TEST

int main(void)
{
    const TTest *tests[] = {comes_back,
                            has_limits,
                            every_part_is_checked,
                            a_first_event_has_nothing_before_it,
                            hostile_bytes_are_survived,
                            a_changed_bit_breaks_the_chain,
                            a_writer_can_stop_at_its_budget};
    return suite_run("run", tests, sizeof tests / sizeof *tests);
}
