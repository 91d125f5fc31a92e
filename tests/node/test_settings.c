/* Staff, subscriptions and lots from command to what is in force, over a real store. */
#include "support_house.h"
#include "tests/support_main.h"

#include "node/decide.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static struct house house;

static void setup(void)
{
    house_start(&house, "central-1");
}

static void teardown(void)
{
    house_stop(&house);
}

static struct answer set_list(enum command_kind kind, const char *json, const char *etag)
{
    struct command command;
    char tags[80];
    command_init(&command, kind);
    command.json = slice_text(json);
    (void)snprintf(tags, sizeof tags, "\"zz\", \"%s\"", etag != NULL ? etag : "");
    command.if_match = slice_text(etag != NULL ? tags : NULL);
    command.author = slice_text("An");
    return house_decide(&house, &command);
}

static struct answer set_staff(const char *json)
{
    return set_list(COMMAND_STAFF, json, NULL);
}

static struct answer set_lot(const char *name, int64_t capacity, bool remove)
{
    struct command command;
    command_init(&command, COMMAND_LOT);
    command.location = slice_text(name);
    command.capacity = capacity;
    command.camera_id = slice_text("7");
    command.camera_type = slice_text("PARKING_LOT");
    command.edge_id = slice_text("10.20.0.41");
    command.remove = remove;
    return house_decide(&house, &command);
}

/* The elements in force as "id=json " in order of arrival at the callback. */
static int gather(void *context, struct slice item, struct slice json)
{
    struct buffer *out = context;
    return buffer_printf(out, "%.*s=%.*s ", (int)item.len, item.data, (int)json.len, json.data);
}

static void ck_list(enum event_kind kind, const char *expected)
{
    struct buffer text = {0};
    ck_assert_int_eq(store_begin(house.store, &house.problem), 0);
    ck_assert_int_eq(store_elements(house.store, kind, gather, &text, NULL, &house.problem), 0);
    store_rollback(house.store);
    ck_assert_int_eq(buffer_append(&text, "", 1), 0);
    ck_assert_str_eq(text.data, expected);
    buffer_free(&text);
}

static int64_t capacity_of(const char *name)
{
    struct settings_lot lot;
    ck_assert_int_eq(store_begin(house.store, &house.problem), 0);
    int found = store_lot(house.store, slice_text(name), &lot, &house.problem);
    store_rollback(house.store);
    ck_assert_int_ge(found, 0);
    return found ? lot.capacity : -1;
}

#define ONE "{\"id\":1,\"name\":\"An\",\"status\":\"active\"}"
#define ONE_OFF "{\"id\":1,\"name\":\"An\",\"status\":\"inactive\"}"
#define TWO "{\"id\":2,\"name\":\"Binh\",\"status\":\"active\"}"
#define ck_events(count) ck_assert_uint_eq(store_event_count(house.store), (count))

START_TEST(each_changed_element_is_one_event)
{
    struct answer answer = set_staff("[" ONE "," TWO "]");
    ck_assert_msg(answer.code == PROBLEM_OK, "%s", answer.text);
    ck_assert_int_eq(answer.changed, 2);
    ck_assert_uint_eq(answer.position.seq, 2);
    ck_events(2);
    ck_list(EVENT_STAFF_UPDATE, "1=" ONE " 2=" TWO " ");

    answer = set_staff("[" TWO "," ONE_OFF "]");
    ck_assert_int_eq(answer.changed, 1);
    ck_events(3);
    ck_list(EVENT_STAFF_UPDATE, "1=" ONE_OFF " 2=" TWO " ");
}
END_TEST

START_TEST(nothing_changed_is_nothing_logged)
{
    struct answer first = set_staff("[" ONE "]");
    struct answer again = set_staff("[{\"status\":\"active\",\"name\":\"An\",  \"id\":1}]");
    ck_assert_int_eq(again.code, PROBLEM_OK);
    ck_assert_int_eq(again.changed, 0);
    ck_assert_uint_eq(again.position.seq, 0);
    ck_assert_str_eq(again.etag, first.etag);
    ck_events(1);
}
END_TEST

START_TEST(what_is_not_in_the_list_is_removed)
{
    set_staff("[" ONE "," TWO "]");
    struct answer answer = set_staff("[" TWO "]");
    ck_assert_int_eq(answer.changed, 1);
    ck_list(EVENT_STAFF_UPDATE, "2=" TWO " ");
    answer = set_staff("[]");
    ck_assert_int_eq(answer.changed, 1);
    ck_list(EVENT_STAFF_UPDATE, "");
    answer = set_staff("[" ONE "]"); /* and may come again */
    ck_assert_int_eq(answer.changed, 1);
    ck_list(EVENT_STAFF_UPDATE, "1=" ONE " ");
}
END_TEST

START_TEST(an_old_etag_changes_nothing)
{
    struct answer first = set_staff("[" ONE "]");
    struct answer second = set_list(COMMAND_STAFF, "[" TWO "]", first.etag);
    ck_assert_int_eq(second.code, PROBLEM_OK);
    ck_assert_str_ne(second.etag, first.etag);
    struct answer late = set_list(COMMAND_STAFF, "[]", first.etag);
    ck_assert_int_eq(late.code, PROBLEM_PRECONDITION_FAILED);
    ck_assert_str_eq(late.etag, second.etag);
    ck_list(EVENT_STAFF_UPDATE, "2=" TWO " ");
}
END_TEST

START_TEST(lists_do_not_mix)
{
    set_staff("[" ONE "]");
    struct answer answer =
        set_list(COMMAND_SUBSCRIPTIONS,
                 "[{\"id\":1,\"plate_number\":\"51F-204.17\",\"status\":\"active\"}]", NULL);
    ck_assert_int_eq(answer.changed, 1);
    ck_list(EVENT_STAFF_UPDATE, "1=" ONE " ");
    ck_list(EVENT_SUBSCRIPTION_UPDATE,
            "1={\"id\":1,\"plate_number\":\"51F-204.17\",\"status\":\"active\"} ");
}
END_TEST

START_TEST(what_is_in_force_outlives_a_restart_and_a_rebuild)
{
    set_staff("[" ONE "," TWO "]");
    set_staff("[" ONE_OFF "]");
    set_lot("Deck B", 40, false);
    house_close(&house);
    house_open(&house);
    ck_list(EVENT_STAFF_UPDATE, "1=" ONE_OFF " ");
    ck_assert_int_eq(store_rebuild(house.store, &house.problem), 0);
    ck_list(EVENT_STAFF_UPDATE, "1=" ONE_OFF " ");
    ck_assert_int_eq(capacity_of("Deck B"), 40);
}
END_TEST

START_TEST(a_lot_is_set_changed_and_removed)
{
    ck_assert_int_eq(set_lot("Deck B", 40, false).changed, 1);
    ck_assert_int_eq(set_lot("Deck B", 40, false).changed, 0);
    ck_assert_int_eq(set_lot("Deck B", 50, false).changed, 1);
    ck_assert_int_eq(capacity_of("Deck B"), 50);
    ck_assert_int_eq(set_lot("Deck B", 0, true).changed, 1);
    ck_assert_int_eq(capacity_of("Deck B"), -1);
    ck_assert_int_eq(set_lot("Deck B", 0, true).changed, 0);
    ck_events(3);
}
END_TEST

#define SUBSCRIBED(status) "[{\"id\":7,\"plate_number\":\"51g 123.45\",\"status\":\"" status "\"}]"

static struct answer leave(const char *plate, int64_t after_ms)
{
    struct command command = house_gate(GATE_EXIT, plate, NULL, EVENT_NONE);
    house.now_ms += after_ms;
    return house_decide(&house, &command);
}

static void enter(const char *plate)
{
    struct command command = house_gate(GATE_ENTRY, plate, NULL, EVENT_NONE);
    ck_assert_int_eq(house_decide(&house, &command).code, PROBLEM_OK);
}

START_TEST(a_subscriber_pays_nothing_and_the_exit_says_why)
{
    struct buffer bytes = {0};
    enter("51G-123.45");
    set_list(COMMAND_SUBSCRIPTIONS, SUBSCRIBED("active"), NULL);
    struct answer answer = leave("51G12345", 3 * HOUSE_HOUR);
    ck_assert_int_eq(answer.code, PROBLEM_OK);
    ck_assert_int_eq(answer.fee, 0);
    struct event event = house_event(&house, &answer.position, &bytes);
    ck_assert_int_eq(event.fee, 0);
    ck_assert(slice_equal(event.item, slice_text("7")));
    ck_assert_int_eq(event.per_hour, EVENT_NONE);
    ck_assert_int_eq(house_number(&house, "SELECT count(*) FROM anomaly"), 0);
    buffer_free(&bytes);
}
END_TEST

START_TEST(an_inactive_subscription_pays)
{
    enter("51G-123.45");
    set_list(COMMAND_SUBSCRIPTIONS, SUBSCRIBED("inactive"), NULL);
    ck_assert_int_eq(leave("51G12345", 3 * HOUSE_HOUR).fee, 75000);
}
END_TEST

START_TEST(money_taken_is_not_given_back)
{
    enter("51G-123.45");
    ck_assert_int_eq(leave("51G12345", 3 * HOUSE_HOUR).fee, 75000);
    set_list(COMMAND_SUBSCRIPTIONS, SUBSCRIBED("active"), NULL);
    ck_assert_int_eq(store_rebuild(house.store, &house.problem), 0);
    ck_assert_int_eq(house_number(&house, "SELECT fee FROM history"), 75000);
}
END_TEST

/* The exit was logged without its visit; a correction of the entry comes in later. */
START_TEST(an_exit_without_a_visit_gets_the_subscription_of_its_time)
{
    set_list(COMMAND_SUBSCRIPTIONS, SUBSCRIBED("active"), NULL);
    struct answer answer = leave("51G12345", 3 * HOUSE_HOUR);
    ck_assert_int_eq(answer.code, PROBLEM_NO_OPEN_VISIT);
    house.now_ms += 1;
    set_list(COMMAND_SUBSCRIPTIONS, "[]", NULL); /* later: the exit keeps what was in force then */
    house.now_ms += 1;
    struct command command =
        house_gate(GATE_ENTRY, "51G12345", NULL, house.now_ms - 2 * HOUSE_HOUR);
    ck_assert_int_eq(house_decide(&house, &command).code, PROBLEM_OK);
    ck_assert_int_eq(house_number(&house, "SELECT fee FROM history WHERE status = 'OUT'"), 0);
    struct digest digest = store_state_digest(house.store);
    ck_assert_int_eq(store_rebuild(house.store, &house.problem), 0);
    struct digest again = store_state_digest(house.store);
    ck_assert(digest_equal(&digest, &again));
}
END_TEST

static void ck_rebuilt(void)
{
    struct digest before = store_state_digest(house.store);
    ck_assert_int_eq(store_rebuild(house.store, &house.problem), 0);
    struct digest after = store_state_digest(house.store);
    ck_assert(digest_equal(&before, &after));
}

/* Appends an event about those from seq `from` to `to` of this stream. */
static void append_about(uint32_t kind, const struct position *position, uint64_t from, uint64_t to,
                         int64_t offset_ms)
{
    struct event event;
    struct position at;
    event_init(&event, kind);
    event.t_eff = house.now_ms;
    event.target_node = slice_text(position->stream.node.text);
    event.target_epoch = position->stream.epoch;
    event.target_from = from;
    event.target_to = to;
    event.offset_ms = offset_ms;
    house_begin(&house);
    ck_assert_int_eq(store_append(house.store, &event, house.now_ms, &at, &house.problem), 0);
    ck_assert_int_eq(store_fold(house.store, &house.problem), 0);
    house_commit(&house);
}

START_TEST(what_was_before_an_erased_element_is_in_force_again)
{
    set_staff("[" ONE "]");
    struct answer answer = set_staff("[" ONE_OFF "]");
    append_about(EVENT_REDACT, &answer.position, answer.position.seq, answer.position.seq,
                 EVENT_NONE);
    ck_list(EVENT_STAFF_UPDATE, "1=" ONE " ");
    ck_rebuilt();
    ck_list(EVENT_STAFF_UPDATE, "1=" ONE " ");
}
END_TEST

/* The exit was logged before the subscription; a clock fix, or its erasure, changes that. */
START_TEST(subscriptions_are_moved_and_erased_with_their_events)
{
    const char *sql = "SELECT fee FROM history WHERE status = 'OUT'";
    leave("51G12345", 3 * HOUSE_HOUR);
    house.now_ms += 1000;
    struct command command =
        house_gate(GATE_ENTRY, "51G12345", NULL, house.now_ms - 2 * HOUSE_HOUR);
    ck_assert_int_eq(house_decide(&house, &command).code, PROBLEM_OK);
    struct answer answer = set_list(COMMAND_SUBSCRIPTIONS, SUBSCRIBED("active"), NULL);
    ck_assert_int_eq(house_number(&house, sql), 50000);
    append_about(EVENT_CLOCK_FIX, &answer.position, answer.position.seq, answer.position.seq,
                 -HOUSE_HOUR);
    ck_assert_int_eq(house_number(&house, sql), 0);
    ck_rebuilt();
    ck_assert_int_eq(house_number(&house, sql), 0);
    append_about(EVENT_REDACT, &answer.position, answer.position.seq, answer.position.seq,
                 EVENT_NONE);
    ck_assert_int_eq(house_number(&house, sql), 50000);
    ck_rebuilt();
    ck_assert_int_eq(house_number(&house, sql), 50000);
}
END_TEST

START_TEST(a_lot_that_cannot_be_is_refused)
{
    ck_assert_int_eq(set_lot("Deck B", -1, false).code, PROBLEM_FIELD_INVALID);
    ck_assert_int_eq(set_lot("Deck B", LIMIT_CAPACITY + 1, false).code, PROBLEM_FIELD_INVALID);
    ck_assert_int_eq(set_lot("", 1, false).code, PROBLEM_FIELD_INVALID);
    ck_events(0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings");
    TCase *tcase = tcase_create("settings");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, each_changed_element_is_one_event);
    tcase_add_test(tcase, nothing_changed_is_nothing_logged);
    tcase_add_test(tcase, what_is_not_in_the_list_is_removed);
    tcase_add_test(tcase, an_old_etag_changes_nothing);
    tcase_add_test(tcase, lists_do_not_mix);
    tcase_add_test(tcase, what_is_in_force_outlives_a_restart_and_a_rebuild);
    tcase_add_test(tcase, a_lot_is_set_changed_and_removed);
    tcase_add_test(tcase, a_lot_that_cannot_be_is_refused);
    tcase_add_test(tcase, a_subscriber_pays_nothing_and_the_exit_says_why);
    tcase_add_test(tcase, an_inactive_subscription_pays);
    tcase_add_test(tcase, what_was_before_an_erased_element_is_in_force_again);
    tcase_add_test(tcase, subscriptions_are_moved_and_erased_with_their_events);
    tcase_add_test(tcase, money_taken_is_not_given_back);
    tcase_add_test(tcase, an_exit_without_a_visit_gets_the_subscription_of_its_time);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
