/* The reader's thread: runs, the vector, and what is no request. */
#include "support_asker.h"
#include "support_house.h"
#include "tests/support_main.h"

#include "node/reader.h"
#include "proto/run.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#define EVENTS 600 /* more than LIMIT_RUN_EVENTS, and more than LIMIT_RUN_BYTES */

static struct house house;
static struct stream stream; /* where the events are */
static zactor_t *actor;
static zsock_t *mesh;
static zframe_t *frame; /* of the last answer */

static void start(void)
{
    actor = zactor_new(reader_actor, house.path);
    ck_assert_ptr_nonnull(actor);
}

static void setup(void)
{
    house_start(&house, "central-1");
    asker_prepare();
    mesh = asker_connect(ZMQ_DEALER, HANDOFF_READER);
}

static void teardown(void)
{
    zframe_destroy(&frame);
    zactor_destroy(&actor);
    zsock_destroy(&mesh);
    house_stop(&house);
    zsys_shutdown();
}

static void fill(unsigned count)
{
    char text[LIMIT_TEXT];
    memset(text, 'x', sizeof text);
    house_begin(&house);
    for (unsigned i = 0; i < count; i++) {
        char plate[32];
        (void)snprintf(plate, sizeof plate, "51G%06u", i);
        struct command command = house_gate(GATE_ENTRY, plate, NULL, EVENT_NONE);
        command.camera_name = command.edge_id = (struct slice){text, sizeof text};
        stream = house_decide_more(&house, &command).position.stream;
    }
    house_commit(&house);
}

/* Asks for a run; ceilings as given, not as a well-behaved mesh would. */
static void ask_run(uint64_t token, uint64_t from, size_t max_bytes, size_t max_events)
{
    struct buffer packed = {0};
    struct read_request request = {.token = token,
                                   .verb = READ_RUN,
                                   .stream = stream,
                                   .from = from,
                                   .max_bytes = max_bytes,
                                   .max_events = max_events};
    ck_assert_int_eq(read_request_pack(&request, &packed), 0);
    asker_send(mesh, NULL, buffer_slice(&packed));
    buffer_free(&packed);
}

static void ask_vector(uint64_t token)
{
    struct buffer packed = {0};
    struct read_request request = {.token = token, .verb = READ_VECTOR};
    ck_assert_int_eq(read_request_pack(&request, &packed), 0);
    asker_send(mesh, NULL, buffer_slice(&packed));
    buffer_free(&packed);
}

/* Slices live until the next answer. */
static struct read_answer answered(uint64_t token, enum read_verb verb)
{
    struct read_answer answer;
    zframe_destroy(&frame);
    frame = asker_receive(mesh);
    ck_assert_int_eq(read_answer_unpack(&answer, asker_slice(frame)), 0);
    ck_assert_uint_eq(answer.token, token);
    ck_assert_int_eq(answer.verb, verb);
    return answer;
}

static size_t count_of(const struct read_answer *answer, uint64_t from)
{
    struct run run;
    struct wire wire;
    ck_assert_int_eq(run_unpack(&run, &wire, answer->run), 0);
    ck_assert_int_eq(stream_compare(&run.stream, &stream), 0);
    ck_assert_uint_eq(run.from, from);
    size_t count = run.count;
    run_free(&run);
    wire_close(&wire);
    return count;
}

START_TEST(a_run_is_read)
{
    fill(10);
    start();
    ask_run(5, 3, LIMIT_RUN_BYTES, 4);
    struct read_answer answer = answered(5, READ_RUN);
    ck_assert_uint_eq(count_of(&answer, 3), 4);
    ask_run(6, 8, LIMIT_RUN_BYTES, 500);
    answer = answered(6, READ_RUN);
    ck_assert_uint_eq(count_of(&answer, 8), 3);
    fill(5); /* committed by another connection meanwhile */
    ask_run(7, 11, LIMIT_RUN_BYTES, 500);
    answer = answered(7, READ_RUN);
    ck_assert_uint_eq(count_of(&answer, 11), 5);
}
END_TEST

START_TEST(nothing_there_is_nil)
{
    fill(2);
    start();
    ask_run(1, 3, LIMIT_RUN_BYTES, 500);
    ck_assert_ptr_null(answered(1, READ_RUN).run.data);
    ask_run(2, LIMIT_SEQ, LIMIT_RUN_BYTES, 500);
    ck_assert_ptr_null(answered(2, READ_RUN).run.data);
    stream.epoch ^= 1;
    ask_run(3, 1, LIMIT_RUN_BYTES, 500);
    ck_assert_ptr_null(answered(3, READ_RUN).run.data);
}
END_TEST

START_TEST(a_budget_is_clipped)
{
    fill(EVENTS);
    start();
    ask_run(1, 1, LIMIT_MESSAGE_BYTES, LIMIT_RUN_EVENTS);
    struct read_answer answer = answered(1, READ_RUN);
    size_t count = count_of(&answer, 1);
    ck_assert_uint_gt(count, 1);
    ck_assert_uint_lt(count, LIMIT_RUN_EVENTS);
    ck_assert_uint_le(answer.run.len, LIMIT_RUN_BYTES + 4096); /* the frame of the run */
    ask_run(2, 1, 0, 0); /* nothing is no answer: at least one event */
    answer = answered(2, READ_RUN);
    ck_assert_uint_eq(count_of(&answer, 1), 1);
}
END_TEST

START_TEST(the_vector_is_the_stores)
{
    start();
    ask_vector(1);
    struct read_answer answer = answered(1, READ_VECTOR);
    ck_assert_uint_eq(answer.count, 0);
    ck_assert_uint_eq(answer.events, 0);
    read_answer_free(&answer);

    fill(3);
    ask_vector(2);
    answer = answered(2, READ_VECTOR);
    struct digest log = store_log_digest(house.store), state = store_state_digest(house.store);
    ck_assert_uint_eq(answer.count, 1);
    ck_assert_int_eq(stream_compare(&answer.heads[0].stream, &stream), 0);
    ck_assert_uint_eq(answer.heads[0].seq, 3);
    ck_assert_uint_eq(answer.events, 3);
    ck_assert(digest_equal(&answer.log_digest, &log));
    ck_assert(digest_equal(&answer.state_digest, &state));
    read_answer_free(&answer);
}
END_TEST

/* [9, 3]; a run of 501 events; a run from 0; a token that is a text; and no documents at all. */
static const struct slice MALFORMED[] = {
    {"\x92\x09\x03", 3},
    {"\x97\x09\x01\xa1"
     "c\x01\x01\x01\xcd\x01\xf5",
     11},
    {"\x97\x09\x01\xa1"
     "c\x01\x00\x01\x01",
     9},
    {"\x92\xa1x\x02", 4},
    {"\x91\x09", 2},
    {"", 0},
    {"\xc1", 1},
    {"\xdd\xff\xff\xff\xff", 5},
};

START_TEST(what_is_no_request_is_dropped)
{
    start();
    asker_send(mesh, NULL, MALFORMED[_i]);
    asker_send(mesh, "", MALFORMED[_i]); /* an envelope that nobody here uses */
    ask_vector(1);
    struct read_answer answer = answered(1, READ_VECTOR);
    read_answer_free(&answer);
}
END_TEST

START_TEST(a_database_that_is_not_there_yet_fails_softly)
{
    (void)snprintf(house.path, sizeof house.path, "%s/later.db", house.directory);
    start();
    ask_vector(1);
    (void)answered(1, READ_FAILED);
    ask_run(2, 1, LIMIT_RUN_BYTES, 500); /* of a stream without a name: no request */
    house_close(&house);
    house_open(&house); /* at the other path */
    fill(1);
    ask_run(3, 1, LIMIT_RUN_BYTES, 500);
    struct read_answer answer = answered(3, READ_RUN);
    ck_assert_uint_eq(count_of(&answer, 1), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reader");
    TCase *tcase = tcase_create("reader");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_run_is_read);
    tcase_add_test(tcase, nothing_there_is_nil);
    tcase_add_test(tcase, a_budget_is_clipped);
    tcase_add_test(tcase, the_vector_is_the_stores);
    tcase_add_loop_test(tcase, what_is_no_request_is_dropped, 0,
                        (int)(sizeof MALFORMED / sizeof *MALFORMED));
    tcase_add_test(tcase, a_database_that_is_not_there_yet_fails_softly);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
