/* The desk between those who ask the node and the node, without either. */
#include "api/desk.h"

#include "tests/support_main.h"

#include <check.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define PLACES 8
#define PATIENCE_MS 20000 /* only ever spent by a test that fails */
#define ASKERS 12
#define ROUNDS 3000
#define TOGETHER 5 /* at most so many of one asker under way */

static struct desk *desk;
static struct desk_asker *asker;
static atomic_bool abandon;
static struct problem problem;

static void setup(void)
{
    desk = desk_new(PLACES);
    ck_assert_ptr_nonnull(desk);
    atomic_store(&abandon, false);
    asker = desk_asker_new(desk, &abandon);
}

static void teardown(void)
{
    desk_asker_destroy(&asker);
    desk_destroy(&desk);
    ck_assert_ptr_null(asker);
    ck_assert_ptr_null(desk);
}

static void say(const char *question)
{
    ck_assert_int_eq(desk_send(asker, slice_text(question), 0, &problem), 0);
}

static void ck_answer(const char *text)
{
    struct slice answer;
    ck_assert_int_eq(desk_receive(asker, PATIENCE_MS, &answer, &problem), 0);
    ck_assert_msg(slice_equal(answer, slice_text(text)), "%.*s", (int)answer.len, answer.data);
}

static void ck_lost(int wait_ms, enum problem_code code)
{
    struct slice answer;
    ck_assert_int_eq(desk_receive(asker, wait_ms, &answer, &problem), -1);
    ck_assert_int_eq(problem.code, code);
}

static struct desk_slip *take(const char *question)
{
    struct desk_slip *slip = desk_take(desk);
    ck_assert_ptr_nonnull(slip);
    ck_assert(slice_equal(desk_question(slip), slice_text(question)));
    return slip;
}

static void answer(struct desk_slip *slip, const char *text)
{
    ck_assert_uint_eq(desk_paper(slip)->len, 0);
    ck_assert_int_eq(buffer_append(desk_paper(slip), text, strlen(text)), 0);
    desk_answer(slip);
}

static bool is_readable(void)
{
    struct pollfd place = {.fd = desk_fd(desk), .events = POLLIN};
    return poll(&place, 1, 0) == 1;
}

START_TEST(questions_and_answers_keep_their_order)
{
    struct desk_slip *slips[3];

    say("one");
    say("two");
    slips[0] = take("one");
    say("three");
    slips[1] = take("two");
    slips[2] = take("three");
    ck_assert_ptr_null(desk_take(desk));
    answer(slips[2], "III");
    answer(slips[0], "I");
    answer(slips[1], "II");
    ck_answer("I");
    say("four");
    ck_answer("II");
    answer(take("four"), "");
    ck_answer("III");
    ck_answer("");
}
END_TEST

START_TEST(answers_are_read_one_by_one)
{
    struct slice first;
    say("one");
    say("two");
    answer(take("one"), "I");
    answer(take("two"), "II");
    ck_assert_int_eq(desk_receive(asker, 0, &first, &problem), 0);
    ck_assert(slice_equal(first, slice_text("I")));
    ck_answer("II");
    say("three");
    answer(take("three"), "III");
    ck_answer("III");
}
END_TEST

START_TEST(large_questions_pass)
{
    struct buffer large = {0};
    char *bytes = buffer_extend(&large, 400000);

    memset(bytes, 'x', 400000);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(desk_send(asker, buffer_slice(&large), 0, &problem), 0);
        struct desk_slip *slip = desk_take(desk);
        ck_assert(slice_equal(desk_question(slip), buffer_slice(&large)));
        answer(slip, "yes");
        ck_answer("yes");
    }
    buffer_free(&large);
}
END_TEST

START_TEST(a_late_answer_is_nobodys)
{
    struct slice bytes;
    struct desk_slip *slip;

    ck_assert_int_eq(desk_call(asker, slice_text("one"), 1, &bytes, &problem), -1);
    ck_assert_int_eq(problem.code, PROBLEM_BUSY);
    slip = take("one"); /* what was asked may still happen */
    say("two");
    answer(slip, "I");
    answer(take("two"), "II");
    ck_answer("II");
    ck_lost(0, PROBLEM_BUSY); /* nothing is under way */
}
END_TEST

/* After one that was not answered in time all that were under way are lost. */
START_TEST(what_was_under_way_is_lost_together)
{
    struct desk_slip *first, *second;

    say("one");
    say("two");
    say("three");
    first = take("one");
    second = take("two");
    answer(second, "II");
    ck_lost(1, PROBLEM_BUSY);
    say("four");
    answer(first, "I");
    answer(take("three"), "III");
    answer(take("four"), "IV");
    ck_answer("IV");
}
END_TEST

START_TEST(an_answer_in_time_costs_no_waiting)
{
    for (int i = 0; i < 1000; i++) { /* as many waits would be more than the test may take */
        say("one");
        answer(take("one"), "I");
        ck_answer("I");
    }
}
END_TEST

START_TEST(who_leaves_is_told_so)
{
    say("one");
    answer(take("one"), "I");
    say("two");
    atomic_store(&abandon, true);
    ck_answer("I");                               /* it is there already */
    ck_lost(100 * PATIENCE_MS, PROBLEM_STOPPING); /* long before that */
    answer(take("two"), "II");
}
END_TEST

/* The node carries out a question whose asker has gone: its bytes live until it is answered. */
START_TEST(an_asker_may_go_at_any_time)
{
    struct desk_slip *slip;

    say("one");
    say("two");
    slip = take("one");
    desk_asker_destroy(&asker);
    ck_assert(slice_equal(desk_question(slip), slice_text("one")));
    answer(slip, "I");
    answer(take("two"), "II");
    asker = desk_asker_new(desk, &abandon);
    say("three");
    answer(take("three"), "III"); /* not received */
    say("four");                  /* not even taken */
}
END_TEST

/* ---- a full desk ---- */

static void fill(void)
{
    for (int i = 0; i < PLACES; i++) {
        say("one");
    }
}

START_TEST(a_full_desk_refuses_after_a_while)
{
    struct slice bytes;
    struct desk_asker *other = desk_asker_new(desk, &abandon);

    fill();
    ck_assert_int_eq(desk_send(other, slice_text("two"), 1, &problem), -1);
    ck_assert_int_eq(problem.code, PROBLEM_BUSY);
    ck_assert_int_eq(desk_call(other, slice_text("two"), 1, &bytes, &problem), -1);
    ck_assert_int_eq(problem.code, PROBLEM_BUSY);
    answer(take("one"), "I");
    ck_assert_int_eq(desk_send(other, slice_text("two"), 1, &problem), 0);
    atomic_store(&abandon, true);
    ck_assert_int_eq(desk_send(other, slice_text("three"), 100 * PATIENCE_MS, &problem), -1);
    ck_assert_int_eq(problem.code, PROBLEM_STOPPING);
    desk_asker_destroy(&other);
}
END_TEST

static void *ask_at_a_full_desk(void *argument)
{
    struct desk_asker *other = desk_asker_new(desk, &abandon);
    struct slice bytes;
    struct problem own;
    int *rc = argument;

    *rc = desk_call(other, slice_text("two"), PATIENCE_MS, &bytes, &own);
    desk_asker_destroy(&other);
    return NULL;
}

START_TEST(who_finds_no_place_waits_for_one)
{
    struct desk_slip *slip = NULL;
    pthread_t thread;
    int rc = -1;

    fill();
    ck_assert_int_eq(pthread_create(&thread, NULL, ask_at_a_full_desk, &rc), 0);
    for (int i = 0; i < PLACES; i++) {
        answer(take("one"), "I");
    }
    while (slip == NULL) {
        slip = desk_take(desk);
    }
    ck_assert(slice_equal(desk_question(slip), slice_text("two")));
    answer(slip, "II");
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(rc, 0);
}
END_TEST

/* ---- sleep ---- */

START_TEST(only_a_node_that_dozes_is_woken)
{
    say("one");
    ck_assert(!is_readable());
    ck_assert(!desk_doze(desk));
    answer(take("one"), "I");
    say("two");
    say("three");
    answer(take("two"), "II");
    ck_assert(!desk_doze(desk)); /* taken from the desk with the other, and not yet given out */
    answer(take("three"), "III");
    ck_assert(desk_doze(desk));
    ck_assert(desk_doze(desk));
    ck_assert(!is_readable());
    say("four");
    ck_assert(is_readable());
    ck_assert(!desk_doze(desk));
    desk_wake(desk);
    ck_assert(!is_readable());
    say("five");
    ck_assert(!is_readable());
    answer(take("four"), "IV");
    answer(take("five"), "V");
    ck_assert(desk_doze(desk));
    ck_assert_ptr_null(desk_take(desk)); /* woken by something else */
    say("six");
    ck_assert(!is_readable());
    answer(take("six"), "VI");
    desk_wake(desk); /* for nothing */
}
END_TEST

/* ---- many ---- */

struct crowd {
    struct desk *desk;
    atomic_bool ends;
    atomic_uint answered, failed;
};

/* Answers with what was asked, sleeps whenever there is nothing; woken by nobody but askers. */
static void *run_node(void *argument)
{
    struct crowd *crowd = argument;
    struct pollfd place = {.fd = desk_fd(crowd->desk), .events = POLLIN};

    while (!atomic_load(&crowd->ends)) {
        struct desk_slip *slip;
        if (desk_doze(crowd->desk)) {
            int rc = poll(&place, 1, PATIENCE_MS);
            if (rc <= 0) {
                atomic_fetch_add(&crowd->failed, 1);
                return NULL;
            }
            desk_wake(crowd->desk);
        }
        while ((slip = desk_take(crowd->desk)) != NULL) {
            struct slice question = desk_question(slip);
            (void)buffer_append(desk_paper(slip), question.data, question.len);
            desk_answer(slip);
        }
    }
    return NULL;
}

static bool hears(struct desk_asker *one, unsigned number)
{
    char text[32];
    struct slice bytes;
    struct problem own;

    (void)snprintf(text, sizeof text, "%p %u", (void *)one, number);
    return desk_receive(one, PATIENCE_MS, &bytes, &own) == 0 &&
           slice_equal(bytes, slice_text(text));
}

static bool asks(struct desk_asker *one, unsigned number)
{
    char text[32];
    struct problem own;

    (void)snprintf(text, sizeof text, "%p %u", (void *)one, number);
    return desk_send(one, slice_text(text), PATIENCE_MS, &own) == 0;
}

/* Now one question, now several; now and then one whose answer it does not wait for. */
static void *run_asker(void *argument)
{
    struct crowd *crowd = argument;
    struct desk_asker *one = desk_asker_new(crowd->desk, &abandon);
    unsigned number = 0;

    for (unsigned round = 0; round < ROUNDS && atomic_load(&crowd->failed) == 0; round++) {
        unsigned count = round % 3 == 0 ? TOGETHER : 1, heard = number;
        for (unsigned i = 0; i < count; i++) {
            atomic_fetch_add(&crowd->failed, !asks(one, number++));
        }
        if (round % 50 == 49) {
            desk_asker_destroy(&one);
            one = desk_asker_new(crowd->desk, &abandon);
            continue;
        }
        if (round % 50 == 20) {
            struct slice bytes;
            struct problem own;
            while (desk_receive(one, 0, &bytes, &own) == 0) {
                ;
            }
            continue;
        }
        while (heard < number) {
            atomic_fetch_add(&crowd->failed, !hears(one, heard++));
            atomic_fetch_add(&crowd->answered, 1);
        }
    }
    desk_asker_destroy(&one);
    return NULL;
}

/* With few places askers wait for those, too. One alone and the node look for a moment before they
 * sleep; a second one comes and goes between. */
START_TEST(no_wake_up_is_lost)
{
    static const struct {
        size_t places;
        int askers;
    } cases[] = {{2, ASKERS}, {1000, ASKERS}, {1000, 2}, {1000, 1}};
    const int count = cases[_i].askers;
    struct crowd crowd = {.desk = desk_new(cases[_i].places)};
    pthread_t node, askers[ASKERS];
    struct desk_asker *last;

    ck_assert_int_eq(pthread_create(&node, NULL, run_node, &crowd), 0);
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(pthread_create(&askers[i], NULL, run_asker, &crowd), 0);
    }
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(pthread_join(askers[i], NULL), 0);
    }
    atomic_store(&crowd.ends, true);
    last = desk_asker_new(crowd.desk, &abandon);
    ck_assert(asks(last, 0)); /* wakes it a last time */
    ck_assert_int_eq(pthread_join(node, NULL), 0);
    desk_asker_destroy(&last);
    desk_destroy(&crowd.desk);
    ck_assert_uint_eq(atomic_load(&crowd.failed), 0);
    ck_assert_uint_gt(atomic_load(&crowd.answered), (unsigned)count * ROUNDS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("desk");
    TCase *tests = tcase_create("desk");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, questions_and_answers_keep_their_order);
    tcase_add_test(tests, answers_are_read_one_by_one);
    tcase_add_test(tests, large_questions_pass);
    tcase_add_test(tests, a_late_answer_is_nobodys);
    tcase_add_test(tests, what_was_under_way_is_lost_together);
    tcase_add_test(tests, an_answer_in_time_costs_no_waiting);
    tcase_add_test(tests, who_leaves_is_told_so);
    tcase_add_test(tests, an_asker_may_go_at_any_time);
    tcase_add_test(tests, a_full_desk_refuses_after_a_while);
    tcase_add_test(tests, who_finds_no_place_waits_for_one);
    tcase_add_test(tests, only_a_node_that_dozes_is_woken);
    tcase_add_loop_test(tests, no_wake_up_is_lost, 0, 4);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
