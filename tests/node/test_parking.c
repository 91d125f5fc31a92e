/* The rules of a gate, each a small case: what a command becomes, and what its answer says. */
#include "node/parking.h"

#include "tests/support_main.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW 1795361269088LL
#define MINUTE 60000LL

static struct parking parking;

static struct parking_view view_now(void)
{
    struct parking_view view = {.now_ms = NOW,
                                .tariff = {.free_s = 1800, .per_hour = 25000},
                                .corrected_entry_ms = EVENT_NONE,
                                .corrected_exit_ms = EVENT_NONE,
                                .corrected_fee = EVENT_NONE};
    ck_assert(node_id_parse(slice_text("central-1"), &view.node));
    return view;
}

static struct command gate(enum gate_type type, const char *plate, const char *sent_id)
{
    struct command command;
    command_init(&command, COMMAND_GATE);
    command.gate = type;
    command.plate_text = slice_text(plate);
    command.sent_id = slice_text(sent_id);
    command.camera_id = slice_text("1");
    return command;
}

static struct visit visit_of(const char *name, enum visit_status status, int64_t entry_ms)
{
    struct visit visit;
    visit_init(&visit);
    visit.event_id = slice_text(name);
    visit.plate_id = slice_text("51G12345");
    visit.plate_view = slice_text("51G-123.45");
    visit.status = status;
    visit.entry_ms = entry_ms;
    visit.id = 7;
    return visit;
}

#define ck_slice(actual, text) ck_assert(slice_equal((actual), slice_text(text)))

START_TEST(an_entry_without_id_is_named_by_this_central)
{
    struct command command = gate(GATE_ENTRY, " 51g-123.45 ", NULL);
    struct parking_view view = view_now();
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), 0);
    ck_assert_int_eq(parking_decide(&parking, &view), 0);
    ck_assert_uint_eq(parking.event.kind, EVENT_VEHICLE_ENTRY_PENDING);
    ck_slice(parking.event.visit, "central-1_1795361269088_51G12345");
    ck_slice(parking.event.plate_id, "51G12345");
    ck_slice(parking.event.plate_view, "51G-123.45");
    ck_assert_int_eq(parking.event.t_eff, NOW);
}
END_TEST

START_TEST(an_entry_while_inside_is_logged_and_answered_with_a_code)
{
    struct command command = gate(GATE_ENTRY, "51G12345", "edge-1_9_51G12345");
    struct parking_view view = view_now();
    struct visit open = visit_of("first", VISIT_IN, NOW - MINUTE);
    struct visit row = visit_of("edge-1_9_51G12345", VISIT_SUPERSEDED, NOW);
    struct position position = {.seq = 3};
    view.open = &open;
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), 0);
    ck_assert_int_eq(parking_decide(&parking, &view), 0);
    parking_complete(&parking, &position, &row, &open);
    ck_assert_int_eq(parking.answer.code, PROBLEM_ALREADY_INSIDE);
    ck_assert_str_eq(parking.answer.visit, "first");
    ck_assert_int_eq(parking.answer.entry_ms, NOW - MINUTE);
}
END_TEST

static const struct {
    const char *what;
    int64_t device, expected;
    uint32_t clock;
    int64_t off; /* its clock less ours, by its heartbeats */
} TIMES[] = {
    {"no device time", EVENT_NONE, NOW, 0, 0},
    {"two hours late: queued at the camera", NOW - 120 * MINUTE, NOW - 120 * MINUTE,
     EVENT_CLOCK_DEVICE, 0},
    {"exactly seven days late", NOW - LIMIT_DEVICE_LATE_MS, NOW - LIMIT_DEVICE_LATE_MS,
     EVENT_CLOCK_DEVICE, 0},
    {"older than seven days", NOW - LIMIT_DEVICE_LATE_MS - 1, NOW, 0, 0},
    {"a minute early", NOW + LIMIT_DEVICE_EARLY_MS, NOW + LIMIT_DEVICE_EARLY_MS, EVENT_CLOCK_DEVICE,
     0},
    {"more than a minute early", NOW + LIMIT_DEVICE_EARLY_MS + 1, NOW, 0, 0},
    {"a camera in 2009", 1234567890000, NOW, 0, 0},
    {"its clock is an hour slow", NOW - 60 * MINUTE, NOW, EVENT_CLOCK_DEVICE, -60 * MINUTE},
    {"so it is, and it queued", NOW - 80 * MINUTE, NOW - 20 * MINUTE, EVENT_CLOCK_DEVICE,
     -60 * MINUTE},
    {"slow, and its heartbeat took a while", NOW - 60 * MINUTE, NOW, EVENT_CLOCK_DEVICE,
     -60 * MINUTE - 700},
    {"an hour fast", NOW + 60 * MINUTE, NOW, EVENT_CLOCK_DEVICE, 60 * MINUTE},
    {"fast, and it queued", NOW + 40 * MINUTE, NOW - 20 * MINUTE, EVENT_CLOCK_DEVICE, 60 * MINUTE},
    {"in 2009, and it queued", 1234567890000 - 20 * MINUTE, NOW - 20 * MINUTE, EVENT_CLOCK_DEVICE,
     1234567890000 - NOW},
    {"slow, and queued for more than seven days", NOW - LIMIT_DEVICE_LATE_MS - 61 * MINUTE, NOW, 0,
     -60 * MINUTE},
    {"no date at all", INT64_MIN + 1, NOW, EVENT_CLOCK_DEVICE, 60 * MINUTE},
};

START_TEST(device_time_counts_when_plausible)
{
    struct command command = gate(GATE_ENTRY, "51G12345", NULL);
    struct parking_view view = view_now();
    command.device_ms = TIMES[_i].device;
    command.clock_ms = TIMES[_i].off;
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), 0);
    ck_assert_msg(parking.event.t_eff == TIMES[_i].expected, "%s", TIMES[_i].what);
    ck_assert_msg(parking.event.clock == TIMES[_i].clock, "%s", TIMES[_i].what);
}
END_TEST

START_TEST(a_dead_clock_is_suspect)
{
    struct command command = gate(GATE_ENTRY, "51G12345", NULL);
    struct parking_view view = view_now();
    view.now_ms = 1000; /* 1970 */
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), 0);
    ck_assert_uint_eq(parking.event.clock, EVENT_CLOCK_SUSPECT);
}
END_TEST

/* What an exit becomes, by what is known. `visit` NULL = a name of our own. */
static const struct {
    const char *what, *sent;
    enum visit_status named; /* (-1) = the sent id names nothing known */
    bool has_open;
    int64_t open_entry, device;
    const char *visit;
    int64_t fee;
} EXITS[] = {
    {"by plate", NULL, (enum visit_status) - 1, true, NOW - 90 * MINUTE, EVENT_NONE, "open", 25000},
    {"a fresh id of the exit camera", "x", (enum visit_status) - 1, true, NOW - 30 * MINUTE,
     EVENT_NONE, "open", 0},
    {"names its entry", "named", VISIT_IN, true, NOW - 10 * MINUTE, EVENT_NONE, "named", 25000},
    {"repeats a closed visit: the next one stays open", "named", VISIT_OUT, true, NOW - 10 * MINUTE,
     EVENT_NONE, "named", EVENT_NONE},
    {"names a superseded visit: closes what is open", "named", VISIT_SUPERSEDED, true,
     NOW - 91 * MINUTE, EVENT_NONE, "open", 50000},
    {"nothing is open", NULL, (enum visit_status) - 1, false, 0, EVENT_NONE, NULL, EVENT_NONE},
    {"another central's clock is ahead", NULL, (enum visit_status) - 1, true, NOW + 10 * MINUTE,
     EVENT_NONE, "open", 0},
    {"queued long before the open visit began", NULL, (enum visit_status) - 1, true,
     NOW - 10 * MINUTE, NOW - 60 * MINUTE, NULL, EVENT_NONE},
};

START_TEST(an_exit_names_the_visit_it_closes)
{
    struct command command = gate(GATE_EXIT, "51G12345", EXITS[_i].sent);
    struct parking_view view = view_now();
    struct visit open = visit_of("open", VISIT_IN, EXITS[_i].open_entry);
    struct visit named = visit_of("named", EXITS[_i].named, NOW - 60 * MINUTE);
    command.device_ms = EXITS[_i].device;
    view.open = EXITS[_i].has_open ? &open : NULL;
    view.named = (int)EXITS[_i].named >= 0 ? &named : NULL;
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), 0);
    ck_assert_int_eq(parking_decide(&parking, &view), 0);
    const char *expected =
        EXITS[_i].visit != NULL ? EXITS[_i].visit : "central-1_1795361269088_51G12345";
    ck_assert_msg(slice_equal(parking.event.visit, slice_text(expected)), "%s: %.*s",
                  EXITS[_i].what, (int)parking.event.visit.len, parking.event.visit.data);
    ck_assert_msg(parking.event.fee == EXITS[_i].fee, "%s: fee %lld", EXITS[_i].what,
                  (long long)parking.event.fee);
}
END_TEST

START_TEST(an_exit_without_visit_says_so)
{
    struct command command = gate(GATE_EXIT, "51G12345", NULL);
    struct parking_view view = view_now();
    struct position position = {.seq = 1};
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), 0);
    ck_assert_int_eq(parking_decide(&parking, &view), 0);
    parking_complete(&parking, &position, NULL, NULL);
    ck_assert_int_eq(parking.answer.code, PROBLEM_NO_OPEN_VISIT);
    ck_assert_str_eq(parking.answer.plate_id, "51G12345");
}
END_TEST

START_TEST(an_exit_that_closes_nothing_costs_nothing)
{
    struct command command = gate(GATE_EXIT, "51G12345", "named");
    struct parking_view view = view_now();
    struct visit named = visit_of("named", VISIT_DELETED, NOW - 120 * MINUTE);
    struct position position = {.seq = 1};
    named.exit_ms = NOW - 60 * MINUTE;
    named.fee = 25000;
    view.named = &named;
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), 0);
    ck_assert_int_eq(parking_decide(&parking, &view), 0);
    parking_complete(&parking, &position, &named, NULL);
    ck_assert_int_eq(parking.answer.code, PROBLEM_NO_OPEN_VISIT);
    ck_assert_str_eq(parking.answer.visit, "named");
    ck_assert_int_eq(parking.answer.fee, EVENT_NONE);
    ck_assert_int_eq(parking.answer.entry_ms, EVENT_NONE);
    ck_assert_int_eq(parking.answer.exit_ms, EVENT_NONE);
}
END_TEST

static const char *const UNUSABLE[] = {NULL, "", "AB1", "-- ..", "12345\n6", "\xff\xfe 123456"};

START_TEST(an_unusable_plate_is_refused)
{
    struct command command = gate(GATE_ENTRY, UNUSABLE[_i], "id");
    struct parking_view view = view_now();
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), -1);
    ck_assert_int_eq(parking.answer.code, PROBLEM_PLATE_UNUSABLE);
}
END_TEST

START_TEST(a_cameras_delete_without_id_changes_nothing)
{
    struct command command = gate(GATE_DELETE, NULL, NULL);
    struct parking_view view = view_now();
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), -1);
    ck_assert_int_eq(parking.answer.code, PROBLEM_DELETE_WITHOUT_ID);
}
END_TEST

static struct command edit(const char *plate)
{
    struct command command;
    command_init(&command, COMMAND_EDIT);
    command.history_id = 7;
    command.plate_text = command.plate_view = slice_text(plate);
    command.author = slice_text("lan");
    return command;
}

START_TEST(an_edit_carries_the_whole_corrected_state)
{
    struct command command = edit("30a-999.99");
    struct parking_view view = view_now();
    struct visit named = visit_of("v", VISIT_OUT, NOW - 60 * MINUTE);
    view.named = &named;
    view.corrected_entry_ms = NOW - 61 * MINUTE;
    view.before = slice_text("{}");
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), 0);
    ck_assert_int_eq(parking_decide(&parking, &view), 0);
    ck_slice(parking.event.visit, "v");
    ck_slice(parking.event.plate_id, "30A99999");
    ck_slice(parking.event.author, "lan");
    ck_assert_int_eq(parking.event.entry_ms, NOW - 61 * MINUTE);
    ck_assert_int_eq(parking.event.exit_ms, EVENT_NONE);
}
END_TEST

START_TEST(an_edit_to_a_plate_that_is_inside_is_a_conflict)
{
    struct command command = edit("51G-123.45");
    struct parking_view view = view_now();
    struct visit named = visit_of("v", VISIT_IN, NOW), open = visit_of("w", VISIT_IN, NOW);
    view.named = &named;
    view.open = &open;
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), 0);
    ck_assert_int_eq(parking_decide(&parking, &view), -1);
    ck_assert_int_eq(parking.answer.code, PROBLEM_PLATE_INSIDE);
}
END_TEST

START_TEST(a_deleted_visit_can_only_be_undeleted)
{
    struct command command;
    struct parking_view view = view_now();
    struct visit named = visit_of("v", VISIT_DELETED, NOW);
    view.named = &named;
    command_init(&command, COMMAND_DELETE);
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), 0);
    ck_assert_int_eq(parking_decide(&parking, &view), -1);
    ck_assert_int_eq(parking.answer.code, PROBLEM_VISIT_UNKNOWN);
    command_init(&command, COMMAND_UNDELETE);
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), 0);
    ck_assert_int_eq(parking_decide(&parking, &view), 0);
    ck_slice(parking.event.plate_id, "51G12345");
}
END_TEST

static const struct {
    const char *what;
    int64_t entry, exit, now;
    const char *field; /* that is named; NULL = taken */
} GIVEN[] = {
    {"within a day", NOW, NOW + LIMIT_PEOPLE_EARLY_MS, NOW, NULL},
    {"left in 2099", EVENT_NONE, INT64_C(4070908800000), NOW, "exit_time: "},
    {"entered in 2099", INT64_C(4070908800000), EVENT_NONE, NOW, "entry_time: "},
    {"a millisecond beyond", NOW + LIMIT_PEOPLE_EARLY_MS + 1, EVENT_NONE, NOW, "entry_time: "},
    {"left before it entered", NOW, NOW - 1, NOW, "exit_time: "},
    {"opened again", EVENT_NONE, EVENT_REOPEN, NOW, NULL},
    {"our clock was reset", NOW, NOW + MINUTE, 0, NULL},
};

START_TEST(times_that_people_give_are_looked_at)
{
    struct command command = edit("51G-123.45");
    struct parking_view view = view_now();
    struct visit named = visit_of("v", VISIT_OUT, NOW - 60 * MINUTE);
    int rc = GIVEN[_i].field == NULL ? 0 : -1;

    view.named = &named;
    view.now_ms = GIVEN[_i].now;
    command.entry_ms = GIVEN[_i].entry;
    command.exit_ms = GIVEN[_i].exit;
    ck_assert_int_eq(parking_prepare(&parking, &command, &view), 0);
    ck_assert_msg(parking_decide(&parking, &view) == rc, "%s", GIVEN[_i].what);
    if (rc != 0) {
        ck_assert_int_eq(parking.answer.code, PROBLEM_FIELD_INVALID);
        ck_assert_msg(strncmp(parking.answer.text, GIVEN[_i].field, strlen(GIVEN[_i].field)) == 0,
                      "%s: %s", GIVEN[_i].what, parking.answer.text);
    }
}
END_TEST

static const struct {
    const char *text, *part;
} REFUSED[] = {
    {"51G", "cần ít nhất"},
    {"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
     "AAAA…\": quá dài (80 byte, nhiều nhất 64)"},
};

START_TEST(a_refused_plate_says_why)
{
    struct command command = gate(GATE_ENTRY, REFUSED[_i].text, NULL);
    struct parking_view view = view_now();

    ck_assert_int_eq(parking_prepare(&parking, &command, &view), -1);
    ck_assert_int_eq(parking.answer.code, PROBLEM_PLATE_UNUSABLE);
    ck_assert_msg(strstr(parking.answer.text, REFUSED[_i].part) != NULL, "%s", parking.answer.text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("parking");
    TCase *gates = tcase_create("gates");
    if (random_start() != 0) {
        return EXIT_FAILURE;
    }
    tcase_add_test(gates, an_entry_without_id_is_named_by_this_central);
    tcase_add_test(gates, an_entry_while_inside_is_logged_and_answered_with_a_code);
    tcase_add_loop_test(gates, device_time_counts_when_plausible, 0,
                        (int)(sizeof TIMES / sizeof *TIMES));
    tcase_add_test(gates, a_dead_clock_is_suspect);
    tcase_add_loop_test(gates, an_exit_names_the_visit_it_closes, 0,
                        (int)(sizeof EXITS / sizeof *EXITS));
    tcase_add_test(gates, an_exit_without_visit_says_so);
    tcase_add_test(gates, an_exit_that_closes_nothing_costs_nothing);
    tcase_add_loop_test(gates, an_unusable_plate_is_refused, 0,
                        (int)(sizeof UNUSABLE / sizeof *UNUSABLE));
    tcase_add_test(gates, a_cameras_delete_without_id_changes_nothing);
    tcase_add_test(gates, an_edit_carries_the_whole_corrected_state);
    tcase_add_test(gates, an_edit_to_a_plate_that_is_inside_is_a_conflict);
    tcase_add_test(gates, a_deleted_visit_can_only_be_undeleted);
    tcase_add_loop_test(gates, times_that_people_give_are_looked_at, 0,
                        (int)(sizeof GIVEN / sizeof *GIVEN));
    tcase_add_loop_test(gates, a_refused_plate_says_why, 0,
                        (int)(sizeof REFUSED / sizeof *REFUSED));
    suite_add_tcase(suite, gates);
    return main_run(suite);
}
