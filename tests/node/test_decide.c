/* Commands from start to answer, over a real store: what is logged, what the fold makes of it, and
 * what the asker is told. */
#include "support_house.h"
#include "tests/support_main.h"

#include "node/decide.h"

#include <check.h>
#include <string.h>

#define NOW HOUSE_NOW
#define MINUTE HOUSE_MINUTE
#define HOUR HOUSE_HOUR
#define NONE EVENT_NONE
#define PLATE "51G-123.45"
#define ID "edge-1_9_51G12345"

static struct house house;
static struct buffer bytes; /* of the event that a test reads back */

static void setup(void)
{
    house_start(&house, "central-1");
}

static void teardown(void)
{
    buffer_free(&bytes);
    house_stop(&house);
}

static struct answer gate(enum gate_type type, const char *plate, const char *id, int64_t device_ms)
{
    struct command command = house_gate(type, plate, id, device_ms);
    return house_decide(&house, &command);
}

static struct answer change(enum command_kind kind, const char *visit, const char *plate)
{
    struct command command = house_change(kind, visit, plate);
    return house_decide(&house, &command);
}

static struct visit row_of(const char *name)
{
    struct visit visit;
    ck_assert_int_eq(store_find_visit(house.store, slice_text(name), &visit, &house.problem), 1);
    return visit;
}

#define ck_code(answer_, expected)                                                            \
    do {                                                                                      \
        struct answer got_ = (answer_);                                                       \
        ck_assert_msg(got_.code == (expected), "%s: %s", problem_name(got_.code), got_.text); \
    } while (0)
#define ck_slice(actual, text) ck_assert(slice_equal((actual), slice_text(text)))
#define ck_events(count) ck_assert_uint_eq(store_event_count(house.store), (count))

/* ---- entries ---- */

START_TEST(an_entry_opens_a_visit)
{
    struct answer answer = gate(GATE_ENTRY, PLATE, NULL, NONE);
    struct visit row = row_of("central-1_1795361269088_51G12345");
    ck_code(answer, PROBLEM_OK);
    ck_assert(!answer.deduped);
    ck_assert_str_eq(answer.visit, "central-1_1795361269088_51G12345");
    ck_assert_str_eq(answer.plate_id, "51G12345");
    ck_assert_str_eq(answer.plate_view, PLATE);
    ck_assert_int_eq(answer.gate, GATE_ENTRY);
    ck_assert_int_eq(answer.entry_ms, NOW);
    ck_assert_int_eq(answer.history_id, row.id);
    ck_assert_uint_eq(answer.position.seq, 1);
    ck_assert_str_eq(answer.position.stream.node.text, "central-1");
    ck_assert_int_eq(row.status, VISIT_IN);
    ck_events(1);
}
END_TEST

static const struct {
    const char *what, *id;
    int64_t device_ms;
    bool is_repeat;
} RETRIES[] = {
    {"with id and time", ID, NOW - MINUTE, true},
    {"with id only", ID, NONE, true},
    {"with time only", NULL, NOW - MINUTE, true},
    {"with neither", NULL, NONE, false},
};

START_TEST(a_retry_is_answered_and_not_logged)
{
    struct answer first = gate(GATE_ENTRY, PLATE, RETRIES[_i].id, RETRIES[_i].device_ms);
    house.now_ms += 5000;
    struct answer again = gate(GATE_ENTRY, "51g 12345", RETRIES[_i].id, RETRIES[_i].device_ms);
    ck_assert_msg(again.deduped == RETRIES[_i].is_repeat, "%s", RETRIES[_i].what);
    if (!RETRIES[_i].is_repeat) {
        return;
    }
    ck_code(again, PROBLEM_OK);
    ck_assert_int_eq(position_compare(&again.position, &first.position), 0);
    ck_assert_str_eq(again.visit, first.visit);
    ck_assert_int_eq(again.history_id, first.history_id);
    ck_assert_int_eq(again.entry_ms, first.entry_ms);
    ck_assert_int_eq(again.gate, GATE_ENTRY);
    ck_events(1);
}
END_TEST

START_TEST(a_retry_is_known_after_a_restart_too)
{
    struct answer first = gate(GATE_ENTRY, PLATE, NULL, NOW - MINUTE);
    house_close(&house);
    house_open(&house);
    struct answer again = gate(GATE_ENTRY, PLATE, NULL, NOW - MINUTE);
    ck_assert(again.deduped);
    ck_assert_int_eq(position_compare(&again.position, &first.position), 0);
    ck_events(1);
}
END_TEST

START_TEST(another_plate_camera_or_kind_is_no_retry)
{
    struct command command = house_gate(GATE_ENTRY, PLATE, NULL, NOW);
    (void)gate(GATE_ENTRY, PLATE, NULL, NOW);
    (void)gate(GATE_ENTRY, "30A-999.99", NULL, NOW);
    (void)gate(GATE_EXIT, PLATE, NULL, NOW);
    command.camera_id = slice_text("2");
    (void)house_decide(&house, &command);
    ck_events(4);
}
END_TEST

START_TEST(an_entry_repeated_with_another_time_collapses)
{
    (void)gate(GATE_ENTRY, PLATE, ID, NOW - MINUTE);
    struct answer again = gate(GATE_ENTRY, PLATE, ID, NOW);
    ck_code(again, PROBLEM_OK);
    ck_assert(again.deduped);
    ck_assert_uint_eq(again.position.seq, 2);
    ck_assert_int_eq(again.entry_ms, NOW - MINUTE);
    ck_events(2);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM history"), 1);
}
END_TEST

START_TEST(an_entry_while_inside_names_the_open_visit)
{
    struct answer first = gate(GATE_ENTRY, PLATE, NULL, NOW - 10 * MINUTE);
    struct answer second = gate(GATE_ENTRY, PLATE, ID, NOW);
    ck_code(second, PROBLEM_ALREADY_INSIDE);
    ck_assert(!second.deduped);
    ck_assert_str_eq(second.visit, first.visit);
    ck_assert_int_eq(second.history_id, first.history_id);
    ck_assert_int_eq(second.entry_ms, NOW - 10 * MINUTE);
    ck_assert_uint_eq(second.position.seq, 2);
    ck_assert_int_eq(row_of(ID).status, VISIT_SUPERSEDED);
    ck_events(2);
}
END_TEST

START_TEST(a_retry_gets_the_first_verdict)
{
    struct answer first = gate(GATE_ENTRY, PLATE, NULL, NOW - 10 * MINUTE);
    (void)gate(GATE_ENTRY, PLATE, ID, NOW);
    struct answer inside = gate(GATE_ENTRY, PLATE, ID, NOW);
    ck_code(inside, PROBLEM_ALREADY_INSIDE);
    ck_assert(inside.deduped);
    ck_assert_str_eq(inside.visit, first.visit);
    ck_assert_uint_eq(inside.position.seq, 2);

    (void)gate(GATE_EXIT, "30A-999.99", NULL, NOW);
    struct answer nobody = gate(GATE_EXIT, "30A-999.99", NULL, NOW);
    ck_code(nobody, PROBLEM_NO_OPEN_VISIT);
    ck_assert(nobody.deduped);
    ck_assert_uint_eq(nobody.position.seq, 3);
    ck_events(3);
}
END_TEST

START_TEST(a_location_is_noted_at_the_open_visit)
{
    struct command command = house_gate(GATE_LOCATION, PLATE, NULL, NOW);
    struct answer entry = gate(GATE_ENTRY, PLATE, NULL, NOW - 10 * MINUTE);
    command.location = slice_text("B2");
    ck_code(house_decide(&house, &command), PROBLEM_OK);
    ck_slice(row_of(entry.visit).last_location, "B2");
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM history WHERE status = 'IN'"), 1);
}
END_TEST

/* ---- exits and money ---- */

START_TEST(an_exit_closes_by_plate)
{
    struct answer entry = gate(GATE_ENTRY, PLATE, NULL, NOW - 90 * MINUTE);
    struct answer answer = gate(GATE_EXIT, PLATE, NULL, NONE);
    ck_code(answer, PROBLEM_OK);
    ck_assert_str_eq(answer.visit, entry.visit);
    ck_assert_int_eq(answer.history_id, entry.history_id);
    ck_assert_int_eq(answer.entry_ms, NOW - 90 * MINUTE);
    ck_assert_int_eq(answer.exit_ms, NOW);
    ck_assert_int_eq(answer.fee, 25000);
    struct event event = house_event(&house, &answer.position, &bytes);
    ck_assert_int_eq(event.fee, 25000);
    ck_assert_int_eq(event.free_s, 1800);
    ck_assert(slice_equal(event.closes, slice_text(entry.visit)));
    ck_assert_int_eq(row_of(entry.visit).status, VISIT_OUT);
}
END_TEST

START_TEST(an_exit_closes_the_visit_it_names)
{
    (void)gate(GATE_ENTRY, PLATE, ID, NOW - 10 * MINUTE);
    struct answer answer = gate(GATE_EXIT, "51G-123.4S", ID, NOW); /* read differently */
    ck_code(answer, PROBLEM_OK);
    ck_assert(!answer.deduped);
    ck_assert_str_eq(answer.visit, ID);
    ck_assert_int_eq(answer.fee, 0);
    ck_assert_int_eq(row_of(ID).status, VISIT_OUT);
}
END_TEST

START_TEST(an_exit_of_a_closed_visit_leaves_the_next_one_open)
{
    (void)gate(GATE_ENTRY, PLATE, ID, NOW - 60 * MINUTE);
    (void)gate(GATE_EXIT, PLATE, ID, NOW - 50 * MINUTE);
    struct answer next = gate(GATE_ENTRY, PLATE, NULL, NOW - 10 * MINUTE);
    struct answer again = gate(GATE_EXIT, PLATE, ID, NOW);
    ck_code(again, PROBLEM_OK);
    ck_assert(again.deduped);
    ck_assert_str_eq(again.visit, ID);
    ck_assert_int_eq(again.exit_ms, NOW - 50 * MINUTE);
    ck_assert_int_eq(row_of(next.visit).status, VISIT_IN);
    ck_events(4);
}
END_TEST

START_TEST(an_exit_without_visit_is_logged)
{
    struct answer answer = gate(GATE_EXIT, PLATE, NULL, NOW);
    ck_code(answer, PROBLEM_NO_OPEN_VISIT);
    ck_assert_str_eq(answer.plate_view, PLATE);
    ck_assert_int_eq(answer.gate, GATE_EXIT);
    ck_assert_uint_eq(answer.position.seq, 1);
    ck_events(1);
    struct event event = house_event(&house, &answer.position, &bytes);
    ck_assert_int_eq(event.fee, NONE);
    ck_assert_ptr_null(event.closes.data);
}
END_TEST

START_TEST(an_exit_costs_what_was_in_force_at_its_time)
{
    struct command tariff = house_tariff(0, 1000);
    (void)gate(GATE_ENTRY, PLATE, NULL, NOW - 5 * HOUR);
    (void)gate(GATE_ENTRY, "30A-999.99", NULL, NOW - 5 * HOUR);
    struct answer set = house_decide(&house, &tariff);
    ck_code(set, PROBLEM_OK);
    ck_assert_int_eq(set.tariff.per_hour, 1000);
    ck_assert_uint_eq(set.position.seq, 3);
    struct answer before = gate(GATE_EXIT, PLATE, NULL, NOW - 2 * HOUR); /* was queued */
    struct answer after = gate(GATE_EXIT, "30A-999.99", NULL, NOW);
    ck_code(before, PROBLEM_OK);
    ck_assert_int_eq(before.fee, 75000);
    ck_code(after, PROBLEM_OK);
    ck_assert_int_eq(after.fee, 5000);
}
END_TEST

START_TEST(entry_and_exit_within_one_batch)
{
    struct command entry = house_gate(GATE_ENTRY, PLATE, NULL, NOW - HOUR);
    struct command leave = house_gate(GATE_EXIT, PLATE, NULL, NOW);
    house_begin(&house);
    struct answer first = house_decide_more(&house, &entry);
    struct answer second = house_decide_more(&house, &leave);
    struct answer retry = house_decide_more(&house, &leave);
    house_commit(&house);
    ck_code(second, PROBLEM_OK);
    ck_assert_str_eq(second.visit, first.visit);
    ck_assert_int_eq(second.fee, 25000);
    ck_assert(retry.deduped);
    ck_assert_uint_eq(retry.position.seq, 2);
    ck_assert_int_eq(row_of(first.visit).status, VISIT_OUT);
}
END_TEST

/* ---- changes ---- */

/* Checks that the change at `position` lists exactly `count` seen ones. */
static void check_supersedes(const struct position *position, const struct position *seen,
                             size_t count)
{
    struct position listed[LIMIT_SUPERSEDES];
    struct event event = house_event(&house, position, &bytes);
    ck_assert_uint_eq(event_supersedes(&event, listed), count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_int_eq(position_compare(&listed[i], &seen[i]), 0);
    }
}

START_TEST(a_visit_is_edited_deleted_and_undeleted)
{
    struct command by_row = house_change(COMMAND_EDIT, NULL, "30a-999.99");
    struct answer entry = gate(GATE_ENTRY, PLATE, NULL, NONE);
    by_row.history_id = entry.history_id;
    by_row.reason = slice_text("misread");
    struct answer edit = house_decide(&house, &by_row);
    ck_code(edit, PROBLEM_OK);
    ck_assert_str_eq(edit.visit, entry.visit);
    ck_assert_str_eq(edit.plate_id, "30A99999");
    check_supersedes(&edit.position, NULL, 0);
    struct event event = house_event(&house, &edit.position, &bytes);
    ck_slice(event.author, "lan");
    ck_slice(event.reason, "misread");
    ck_assert_ptr_nonnull(strstr(event.before.data, "51G12345"));

    struct answer gone = change(COMMAND_DELETE, entry.visit, NULL);
    ck_code(gone, PROBLEM_OK);
    check_supersedes(&gone.position, &edit.position, 1);
    ck_assert_int_eq(row_of(entry.visit).status, VISIT_DELETED);

    struct command back = house_change(COMMAND_UNDELETE, NULL, NULL);
    back.history_id = entry.history_id;
    struct answer undelete = house_decide(&house, &back);
    ck_code(undelete, PROBLEM_OK);
    check_supersedes(&undelete.position, &gone.position, 1);
    ck_assert_int_eq(row_of(entry.visit).status, VISIT_IN);
    ck_slice(row_of(entry.visit).plate_id, "30A99999");
    ck_events(4);
}
END_TEST

START_TEST(a_second_edit_carries_the_first_ones_corrections)
{
    struct answer entry = gate(GATE_ENTRY, PLATE, NULL, NOW - HOUR);
    struct command earlier = house_change(COMMAND_EDIT, entry.visit, PLATE);
    (void)gate(GATE_EXIT, PLATE, NULL, NOW);
    earlier.entry_ms = NOW - 2 * HOUR;
    struct answer first = house_decide(&house, &earlier);
    ck_assert_int_eq(first.entry_ms, NOW - 2 * HOUR);
    struct answer second = change(COMMAND_EDIT, entry.visit, "30A-999.99");
    ck_code(second, PROBLEM_OK);
    check_supersedes(&second.position, &first.position, 1);
    struct event event = house_event(&house, &second.position, &bytes);
    ck_assert_int_eq(event.entry_ms, NOW - 2 * HOUR);
    ck_assert_int_eq(row_of(entry.visit).entry_ms, NOW - 2 * HOUR);
    ck_slice(row_of(entry.visit).plate_id, "30A99999");
}
END_TEST

START_TEST(a_visit_that_is_not_there_is_unknown)
{
    struct answer entry = gate(GATE_ENTRY, PLATE, NULL, NONE);
    struct command by_row = house_change(COMMAND_DELETE, NULL, NULL);
    ck_code(change(COMMAND_UNDELETE, entry.visit, NULL), PROBLEM_VISIT_UNKNOWN);
    ck_code(change(COMMAND_DELETE, entry.visit, NULL), PROBLEM_OK);
    ck_code(change(COMMAND_DELETE, entry.visit, NULL), PROBLEM_VISIT_UNKNOWN);
    ck_code(change(COMMAND_EDIT, entry.visit, PLATE), PROBLEM_VISIT_UNKNOWN);
    ck_code(change(COMMAND_EDIT, "nobody", PLATE), PROBLEM_VISIT_UNKNOWN);
    ck_code(house_decide(&house, &by_row), PROBLEM_VISIT_UNKNOWN); /* names nothing at all */
    by_row.history_id = 4711;
    struct answer answer = house_decide(&house, &by_row);
    ck_code(answer, PROBLEM_VISIT_UNKNOWN);
    ck_assert_uint_eq(answer.position.seq, 0);
    ck_events(2);
}
END_TEST

START_TEST(an_edit_cannot_put_a_car_inside_twice)
{
    struct answer first = gate(GATE_ENTRY, PLATE, NULL, NONE);
    (void)gate(GATE_ENTRY, "30A-999.99", NULL, NONE);
    ck_code(change(COMMAND_EDIT, first.visit, "30A-999.99"), PROBLEM_PLATE_INSIDE);
    ck_code(change(COMMAND_EDIT, first.visit, "51G 123 45"), PROBLEM_OK); /* itself */
    ck_events(3);
}
END_TEST

static struct answer keyed(const char *visit, const char *plate, int64_t entry_ms, int64_t exit_ms)
{
    struct command command = house_change(COMMAND_EDIT, visit, plate);
    command.sent_id = slice_text("k1");
    command.entry_ms = entry_ms;
    command.exit_ms = exit_ms;
    return house_decide(&house, &command);
}

/* What the first change left open, a repetition may not ask for: nobody would carry it out. */
START_TEST(a_key_names_one_change)
{
    struct answer entry = gate(GATE_ENTRY, PLATE, ID, NOW - HOUR);
    struct answer first = keyed(ID, "30A-999.99", NONE, NONE);
    ck_code(entry, PROBLEM_OK);
    ck_code(first, PROBLEM_OK);
    struct answer again = keyed(ID, "30A-999.99", NONE, NONE);
    ck_code(again, PROBLEM_OK);
    ck_assert(again.deduped && again.position.seq == first.position.seq);
    ck_code(keyed(ID, "30A-999.98", NONE, NONE), PROBLEM_KEY_REUSED);
    ck_code(keyed(ID, "30A-99999", NONE, NONE), PROBLEM_KEY_REUSED); /* as people read it */
    ck_code(keyed(ID, "30A-999.99", NOW - 2 * HOUR, NONE), PROBLEM_KEY_REUSED);
    ck_code(keyed(ID, "30A-999.99", NONE, NOW), PROBLEM_KEY_REUSED);
    ck_code(keyed(ID, "30A-999.99", NONE, EVENT_REOPEN), PROBLEM_KEY_REUSED);
    ck_events(2);
    ck_slice(row_of(ID).plate_id, "30A99999");
}
END_TEST

START_TEST(a_key_of_times_names_one_change)
{
    (void)gate(GATE_ENTRY, PLATE, ID, NOW - HOUR);
    struct answer first = keyed(ID, NULL, NOW - 2 * HOUR, NOW);
    ck_code(first, PROBLEM_OK);
    ck_assert(keyed(ID, NULL, NOW - 2 * HOUR, NOW).deduped);
    ck_code(keyed(ID, NULL, NOW - 2 * HOUR, NOW - 1), PROBLEM_KEY_REUSED);
    ck_code(keyed(ID, NULL, NOW - HOUR, NOW), PROBLEM_KEY_REUSED);
    ck_code(keyed(ID, NULL, NONE, EVENT_REOPEN), PROBLEM_KEY_REUSED);
    ck_events(2);
}
END_TEST

START_TEST(a_camera_changes_by_name_only)
{
    struct command edit = house_gate(GATE_UPDATE, "30A-999.99", ID, NONE);
    struct command gone = house_gate(GATE_DELETE, NULL, NULL, NONE);
    struct answer entry = gate(GATE_ENTRY, PLATE, ID, NONE);
    ck_code(house_decide(&house, &edit), PROBLEM_OK);
    ck_slice(row_of(ID).plate_id, "30A99999");
    gone.history_id = entry.history_id; /* a row number of the camera's own */
    ck_code(house_decide(&house, &gone), PROBLEM_DELETE_WITHOUT_ID);
    gone.sent_id = slice_text(ID);
    struct answer answer = house_decide(&house, &gone);
    ck_code(answer, PROBLEM_OK);
    ck_slice(house_event(&house, &answer.position, &bytes).author, "edge-1");
    ck_assert_int_eq(row_of(ID).status, VISIT_DELETED);
}
END_TEST

START_TEST(a_cameras_row_number_means_nothing_here)
{
    struct answer first = gate(GATE_ENTRY, PLATE, NULL, NOW - HOUR);
    struct command other = house_gate(GATE_EXIT, "30A-999.99", NULL, NOW);
    other.history_id = first.history_id;
    ck_code(house_decide(&house, &other), PROBLEM_NO_OPEN_VISIT);
    ck_assert_int_eq(row_of(first.visit).status, VISIT_IN);
}
END_TEST

/* ---- what cannot be stored ---- */

START_TEST(a_text_too_long_undoes_nobody_else)
{
    char text[LIMIT_TEXT + 2];
    struct command bad = house_gate(GATE_ENTRY, "30A-999.99", NULL, NONE);
    struct command entry = house_gate(GATE_ENTRY, PLATE, NULL, NONE);
    struct command other = house_gate(GATE_ENTRY, "30A-111.11", NULL, NONE);
    memset(text, 'x', sizeof text);
    bad.camera_name = (struct slice){text, sizeof text};

    house_begin(&house);
    struct answer refused = house_decide_more(&house, &bad); /* before the stream exists */
    struct answer first = house_decide_more(&house, &entry);
    struct answer again = house_decide_more(&house, &bad);
    struct answer second = house_decide_more(&house, &other);
    house_commit(&house);
    ck_code(refused, PROBLEM_FIELD_INVALID);
    ck_code(again, PROBLEM_FIELD_INVALID);
    ck_assert_int_eq(refused.gate, GATE_ENTRY);
    ck_assert_uint_eq(refused.position.seq, 0);
    ck_assert_uint_eq(first.position.seq, 1);
    ck_assert_uint_eq(second.position.seq, 2);
    ck_events(2);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM history"), 2);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM stream"), 1);
}
END_TEST

START_TEST(a_name_too_long_for_a_visit_is_refused)
{
    char id[LIMIT_EVENT_ID + 2];
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    ck_code(gate(GATE_ENTRY, PLATE, id, NONE), PROBLEM_FIELD_INVALID);
    id[LIMIT_EVENT_ID] = '\0';
    ck_code(gate(GATE_ENTRY, PLATE, id, NONE), PROBLEM_OK);
    ck_events(1);
}
END_TEST

START_TEST(an_unusable_plate_stores_nothing)
{
    ck_code(gate(GATE_ENTRY, "AB1", NULL, NONE), PROBLEM_PLATE_UNUSABLE);
    ck_code(gate(GATE_EXIT, NULL, ID, NONE), PROBLEM_PLATE_UNUSABLE);
    ck_events(0);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM stream"), 0);
}
END_TEST

static TCase *gates(void)
{
    TCase *tcase = tcase_create("gates");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_entry_opens_a_visit);
    tcase_add_loop_test(tcase, a_retry_is_answered_and_not_logged, 0,
                        (int)(sizeof RETRIES / sizeof *RETRIES));
    tcase_add_test(tcase, a_retry_is_known_after_a_restart_too);
    tcase_add_test(tcase, another_plate_camera_or_kind_is_no_retry);
    tcase_add_test(tcase, an_entry_repeated_with_another_time_collapses);
    tcase_add_test(tcase, an_entry_while_inside_names_the_open_visit);
    tcase_add_test(tcase, a_retry_gets_the_first_verdict);
    tcase_add_test(tcase, a_location_is_noted_at_the_open_visit);
    tcase_add_test(tcase, an_exit_closes_by_plate);
    tcase_add_test(tcase, an_exit_closes_the_visit_it_names);
    tcase_add_test(tcase, an_exit_of_a_closed_visit_leaves_the_next_one_open);
    tcase_add_test(tcase, an_exit_without_visit_is_logged);
    tcase_add_test(tcase, an_exit_costs_what_was_in_force_at_its_time);
    tcase_add_test(tcase, entry_and_exit_within_one_batch);
    return tcase;
}

static TCase *changes(void)
{
    TCase *tcase = tcase_create("changes");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_visit_is_edited_deleted_and_undeleted);
    tcase_add_test(tcase, a_second_edit_carries_the_first_ones_corrections);
    tcase_add_test(tcase, a_visit_that_is_not_there_is_unknown);
    tcase_add_test(tcase, an_edit_cannot_put_a_car_inside_twice);
    tcase_add_test(tcase, a_key_names_one_change);
    tcase_add_test(tcase, a_key_of_times_names_one_change);
    tcase_add_test(tcase, a_camera_changes_by_name_only);
    tcase_add_test(tcase, a_cameras_row_number_means_nothing_here);
    tcase_add_test(tcase, a_text_too_long_undoes_nobody_else);
    tcase_add_test(tcase, a_name_too_long_for_a_visit_is_refused);
    tcase_add_test(tcase, an_unusable_plate_stores_nothing);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("decide");
    suite_add_tcase(suite, gates());
    suite_add_tcase(suite, changes());
    return main_run(suite);
}
