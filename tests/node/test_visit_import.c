/* Whole visits of other systems: what is logged, and that nothing is logged twice. */
#include "support_house.h"
#include "tests/support_main.h"

#include "node/decide.h"
#include "proto/event.h"

#include <check.h>
#include <string.h>

#define ENTRY (HOUSE_NOW - INT64_C(90) * 24 * HOUSE_HOUR) /* older than any camera may be */
#define VISIT "old-7_1_51G12345"
#define ck_events(count) ck_assert_uint_eq(store_event_count(house.store), (count))
#define ck_slice(actual, text) ck_assert(slice_equal((actual), slice_text(text)))

static struct house house;
static struct buffer header, body;

static void setup(void)
{
    house_start(&house, "central-1");
}

static void teardown(void)
{
    buffer_free(&header);
    buffer_free(&body);
    house_stop(&house);
}

/* An OUT visit as another system knew it, IN with `exit_ms` EVENT_NONE. */
static struct event visit_of(const char *name, int64_t exit_ms)
{
    struct event event;

    event_init(&event, EVENT_IMPORT);
    event.visit = slice_text(name);
    event.plate_id = slice_text("51G12345");
    event.plate_view = slice_text("51G-123.45");
    event.t_eff = ENTRY;
    event.camera_id = slice_text("3");
    event.source_central = slice_text("old-7");
    event.status = slice_text(exit_ms != EVENT_NONE ? "OUT" : "IN");
    event.exit_ms = exit_ms;
    if (exit_ms != EVENT_NONE) {
        event.exit_central = slice_text("old-8");
        event.fee = 50000;
    }
    return event;
}

static struct answer import(const struct event *event)
{
    struct command command;

    ck_assert_int_eq(event_pack(event, &header, &body), 0);
    command_init(&command, COMMAND_IMPORT);
    command.header = buffer_slice(&header);
    command.body = buffer_slice(&body);
    return house_decide(&house, &command);
}

static struct visit row_of(const char *name)
{
    struct visit visit;

    ck_assert_int_eq(store_find_visit(house.store, slice_text(name), &visit, &house.problem), 1);
    return visit;
}

START_TEST(a_visit_comes_as_it_was)
{
    struct event event = visit_of(VISIT, ENTRY + HOUSE_HOUR);
    struct answer answer = import(&event);
    struct visit visit = row_of(VISIT);

    ck_assert_int_eq(answer.code, PROBLEM_OK);
    ck_assert(!answer.deduped && answer.position.seq == 1 && answer.history_id == visit.id);
    ck_assert_str_eq(answer.visit, VISIT);
    ck_assert(visit.status == VISIT_OUT && visit.entry_ms == ENTRY && visit.fee == 50000);
    ck_assert_int_eq(visit.exit_ms, ENTRY + HOUSE_HOUR);
    ck_slice(visit.source_central, "old-7");
    ck_slice(visit.exit_central, "old-8");
}
END_TEST

START_TEST(times_that_cannot_be_are_refused)
{
    struct event backwards = visit_of(VISIT, ENTRY - 1);
    struct event left_later = visit_of(VISIT, HOUSE_NOW + INT64_C(60) * 24 * HOUSE_HOUR);
    struct event enters_later = visit_of(VISIT, EVENT_NONE);
    struct answer answer = import(&backwards);

    ck_assert_int_eq(answer.code, PROBLEM_FIELD_INVALID);
    ck_assert_str_eq(answer.text, "exit_time: thời điểm ra trước thời điểm vào");
    answer = import(&left_later);
    ck_assert_int_eq(answer.code, PROBLEM_FIELD_INVALID);
    ck_assert_ptr_nonnull(strstr(answer.text, "exit_time: thời điểm ra quá xa"));
    enters_later.t_eff = HOUSE_NOW + INT64_C(60) * 24 * HOUSE_HOUR;
    answer = import(&enters_later);
    ck_assert_int_eq(answer.code, PROBLEM_FIELD_INVALID);
    ck_assert_ptr_nonnull(strstr(answer.text, "entry_time: thời điểm vào quá xa"));
    ck_events(0);
    backwards.clock = EVENT_CLOCK_SUSPECT; /* of an old database, where it did happen */
    ck_assert_int_eq(import(&backwards).code, PROBLEM_OK);
    ck_events(1);
}
END_TEST

START_TEST(what_is_said_twice_is_logged_once)
{
    struct event event = visit_of(VISIT, ENTRY + HOUSE_HOUR);

    (void)import(&event);
    struct answer again = import(&event);
    ck_assert(again.deduped && again.code == PROBLEM_OK);
    ck_events(1);

    /* Neither after a restart nor after a correction, which it would otherwise argue with. */
    house_close(&house);
    house_open(&house);
    struct command edit = house_change(COMMAND_EDIT, VISIT, "51G-999.99");
    ck_assert_int_eq(house_decide(&house, &edit).code, PROBLEM_OK);
    again = import(&event);
    ck_assert(again.deduped && again.position.seq == 1);
    ck_events(2);
    ck_slice(row_of(VISIT).plate_id, "51G99999");
}
END_TEST

START_TEST(news_of_a_visit_are_taken)
{
    struct event inside = visit_of(VISIT, EVENT_NONE);
    struct event left = visit_of(VISIT, ENTRY + HOUSE_HOUR);

    (void)import(&inside);
    ck_assert(row_of(VISIT).status == VISIT_IN);
    ck_assert(!import(&left).deduped);
    ck_assert(row_of(VISIT).status == VISIT_OUT);
    ck_assert(import(&inside).deduped); /* as old as it is, it says nothing new */
    ck_assert(row_of(VISIT).status == VISIT_OUT);
    ck_events(2);
}
END_TEST

START_TEST(a_visit_of_our_own_gates_is_known)
{
    struct command entry = house_gate(GATE_ENTRY, "51G-123.45", "v", HOUSE_NOW);
    struct event event = visit_of("v", EVENT_NONE);

    ck_assert_int_eq(house_decide(&house, &entry).code, PROBLEM_OK);
    struct visit visit = row_of("v");
    event.source_central = visit.source_central;
    event.t_eff = visit.entry_ms;
    event.camera_id = visit.entry_camera_id;
    event.camera_name = visit.entry_camera_name;
    event.source = visit.entry_source;
    event.confidence = visit.entry_confidence;
    event.edge_id = visit.edge_id;
    struct answer answer = import(&event);
    ck_assert(answer.deduped);
    ck_events(1);
}
END_TEST

/* What one other system tells of a plate, in its order: where it lets it in again, it had left
 * (docs/fold.md, entry of V, 5). Both stay. */
START_TEST(a_second_visit_inside_ends_the_first)
{
    struct event first = visit_of("a", EVENT_NONE), second = visit_of("b", EVENT_NONE);

    second.t_eff += HOUSE_HOUR;
    (void)import(&first);
    ck_assert_int_eq(import(&second).code, PROBLEM_OK);
    ck_assert(row_of("a").status == VISIT_SUPERSEDED && row_of("b").status == VISIT_IN);
    ck_assert(import(&second).deduped);
    ck_events(2);
}
END_TEST

START_TEST(bytes_that_are_no_import)
{
    struct event event = visit_of(VISIT, EVENT_NONE);
    struct command command;

    event.kind = EVENT_VEHICLE_EXIT;
    ck_assert_int_eq(import(&event).code, PROBLEM_INTERNAL);
    command_init(&command, COMMAND_IMPORT);
    ck_assert_int_eq(house_decide(&house, &command).code, PROBLEM_INTERNAL);
    ck_events(0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("visit_import");
    TCase *test = tcase_create("all");

    tcase_add_checked_fixture(test, setup, teardown);
    suite_add_tcase(suite, test);
    tcase_add_test(test, a_visit_comes_as_it_was);
    tcase_add_test(test, times_that_cannot_be_are_refused);
    tcase_add_test(test, what_is_said_twice_is_logged_once);
    tcase_add_test(test, news_of_a_visit_are_taken);
    tcase_add_test(test, a_visit_of_our_own_gates_is_known);
    tcase_add_test(test, a_second_visit_inside_ends_the_first);
    tcase_add_test(test, bytes_that_are_no_import);
    return main_run(suite);
}
