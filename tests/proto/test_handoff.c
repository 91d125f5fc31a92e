#include "proto/handoff.h"

#include "tests/proto/support_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_apply_requests)
{
    struct buffer out = {.limit = 0};
    struct apply_request request = {
        .token = 9, .origin = FACT_LIVE, .run = slice_text("packed run")};
    struct apply_request read;

    ck_assert_int_eq(apply_request_pack(&request, &out), 0);
    ck_assert_int_eq(apply_request_unpack(&read, buffer_slice(&out)), 0);
    ck_assert_uint_eq(read.token, 9);
    ck_assert_int_eq(read.origin, FACT_LIVE);
    ck_assert(slice_equal(read.run, request.run));

    buffer_clear(&out);
    request = (struct apply_request){
        .token = 8, .moved = {{{"central-2"}, UINT64_MAX}, 9}, .chain = {{3}}};
    buffer_clear(&out);
    ck_assert_int_eq(apply_request_pack(&request, &out), 0);
    ck_assert_int_eq(apply_request_unpack(&read, buffer_slice(&out)), 0);
    ck_assert_int_eq((int)read.origin, 0);
    ck_assert_int_eq(position_compare(&read.moved, &request.moved), 0);
    ck_assert(digest_equal(&read.chain, &request.chain));

    request = (struct apply_request){
        .token = 8, .origin = FACT_SYNC, .run = slice_text("run"), .is_repair = true};
    buffer_clear(&out);
    ck_assert_int_eq(apply_request_pack(&request, &out), 0);
    ck_assert_int_eq(apply_request_unpack(&read, buffer_slice(&out)), 0);
    ck_assert(read.is_repair && slice_equal(read.run, request.run));

    buffer_clear(&out);
    request = (struct apply_request){.peer = {"central-2"}, .wall_ms = -5};
    ck_assert_int_eq(apply_request_pack(&request, &out), 0);
    ck_assert_int_eq(apply_request_unpack(&read, buffer_slice(&out)), 0);
    ck_assert_uint_eq(read.token, 0);
    ck_assert_str_eq(read.peer.text, "central-2");
    ck_assert_int_eq(read.wall_ms, -5);
    buffer_free(&out);
}
END_TEST

START_TEST(test_apply_answers)
{
    struct buffer out = {.limit = 0};
    struct apply_answer answer = {.token = 3, .outcome = APPLY_REFUSED};
    struct apply_answer read;

    ck_assert_int_eq(apply_answer_pack(&answer, &out), 0);
    ck_assert_int_eq(apply_answer_unpack(&read, buffer_slice(&out)), 0);
    ck_assert_uint_eq(read.token, 3);
    ck_assert_int_eq(read.outcome, APPLY_REFUSED);
    ck_assert_int_eq(apply_answer_unpack(&read, SUITE_BYTES("\x92\x03\x05")), -1);
    buffer_free(&out);
}
END_TEST

START_TEST(test_reads)
{
    struct buffer out = {.limit = 0};
    struct read_request request = {.token = 4,
                                   .verb = READ_RUN,
                                   .stream = {{"central-2"}, 7},
                                   .from = 8,
                                   .max_bytes = 1000,
                                   .max_events = 5};
    struct read_request asked;
    struct read_answer answer = {.token = 4, .verb = READ_RUN};
    struct read_answer read;

    ck_assert_int_eq(read_request_pack(&request, &out), 0);
    ck_assert_int_eq(read_request_unpack(&asked, buffer_slice(&out)), 0);
    ck_assert_str_eq(asked.stream.node.text, "central-2");
    ck_assert_uint_eq(asked.stream.epoch, 7);
    ck_assert_uint_eq(asked.from, 8);
    ck_assert_uint_eq(asked.max_bytes, 1000);
    ck_assert_uint_eq(asked.max_events, 5);

    buffer_clear(&out); /* nothing there */
    ck_assert_int_eq(read_answer_pack(&answer, &out), 0);
    ck_assert_int_eq(read_answer_unpack(&read, buffer_slice(&out)), 0);
    ck_assert_int_eq(read.verb, READ_RUN);
    ck_assert_ptr_null(read.run.data);
    read_answer_free(&read);

    buffer_clear(&out);
    answer.verb = READ_FAILED;
    ck_assert_int_eq(read_answer_pack(&answer, &out), 0);
    ck_assert_int_eq(read_answer_unpack(&read, buffer_slice(&out)), 0);
    ck_assert_int_eq(read.verb, READ_FAILED);
    ck_assert_uint_eq(read.token, 4);
    buffer_free(&out);
}
END_TEST

START_TEST(test_the_largest_vector)
{
    struct buffer out = {.limit = HANDOFF_BYTES};
    struct read_answer read;
    struct read_answer answer = {.token = 4,
                                 .verb = READ_VECTOR,
                                 .events = 12,
                                 .log_digest = {{1}},
                                 .state_digest = {{2}},
                                 .count = LIMIT_HEADS};
    answer.heads = bytes_allocate(LIMIT_HEADS, sizeof *answer.heads);
    for (size_t i = 0; i < LIMIT_HEADS; i++) {
        memset(answer.heads[i].stream.node.text, 'n', LIMIT_NODE_ID);
        answer.heads[i].stream.epoch = UINT64_MAX - i;
        answer.heads[i].seq = LIMIT_SEQ - i;
    }
    ck_assert_int_eq(read_answer_pack(&answer, &out), 0);
    ck_assert_int_eq(read_answer_unpack(&read, buffer_slice(&out)), 0);
    ck_assert_uint_eq(read.count, LIMIT_HEADS);
    ck_assert_uint_eq(read.events, 12);
    ck_assert_uint_eq(read.heads[LIMIT_HEADS - 1].seq, LIMIT_SEQ - LIMIT_HEADS + 1);
    ck_assert(digest_equal(&read.state_digest, &answer.state_digest));
    read_answer_free(&read);
    free(answer.heads);
    buffer_free(&out);
}
END_TEST

START_TEST(test_full_buffers_are_left_as_they_were)
{
    struct buffer out = {.limit = 20};
    struct apply_request request = {
        .token = 9, .origin = FACT_LIVE, .run = slice_text("a run that does not fit in there")};

    ck_assert_int_eq(buffer_append(&out, "abc", 3), 0);
    ck_assert_int_eq(apply_request_pack(&request, &out), -1);
    ck_assert_uint_eq(out.len, 3);
    buffer_free(&out);
}
END_TEST

static void read_all(struct slice bytes)
{
    struct apply_request request;
    struct apply_answer answer;
    struct read_request asked;
    struct read_answer read;

    if (apply_request_unpack(&request, bytes) == 0) {
        ck_assert(request.token == 0 || request.run.data != NULL);
    }
    if (apply_answer_unpack(&answer, bytes) == 0) {
        ck_assert_int_le(answer.outcome, APPLY_REFUSED);
    }
    if (read_request_unpack(&asked, bytes) == 0) {
        ck_assert_int_ge(asked.verb, READ_RUN);
    }
    if (read_answer_unpack(&read, bytes) == 0) {
        read_answer_free(&read);
    }
}

START_TEST(test_hostile)
{
    struct head heads[] = {{{{"a"}, 1}, 5, {{1}}}, {{{"b"}, UINT64_MAX}, 6, {{2}}}};
    struct read_answer answer = {.token = 4, .verb = READ_VECTOR, .heads = heads, .count = 2};
    struct buffer out = {.limit = 0};

    ck_assert_int_eq(read_answer_pack(&answer, &out), 0);
    suite_hostile(buffer_slice(&out), 20000, read_all);
    buffer_free(&out);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_apply_requests,
                                  test_apply_answers,
                                  test_reads,
                                  test_the_largest_vector,
                                  test_full_buffers_are_left_as_they_were,
                                  test_hostile};

    return suite_run("handoff", tests, sizeof tests / sizeof *tests);
}
