/* Staff, subscriptions and lots over HTTP: what is refused, and why. */
#include "support_stand.h"
#include "tests/support_main.h"

#include "api/elements.h"
#include "api/json.h"
#include "proto/localtime.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void expect(const struct stand *stand, const char *method, const char *target,
                   const char *headers, const char *body, int status, const char *part)
{
    struct reply reply = stand_ask(stand, method, target, headers, body);

    ck_assert_msg(reply.status == status, "%s %s %s -> %d %s", method, target, body, reply.status,
                  reply.body);
    ck_assert_msg(strstr(reply.body, part) != NULL || strstr(reply.head, part) != NULL,
                  "%s %s %s -> %s lacks %s", method, target, body, reply.body, part);
    stand_reply_free(&reply);
}

START_TEST(nothing_set_is_an_empty_list)
{
    struct stand stand;

    stand_new(&stand);
    expect(&stand, "GET", "/api/staff", NULL, NULL, 200,
           "{\"success\":true,\"staff\":[],\"source\":\"log\"}");
    expect(&stand, "GET", "/api/subscriptions", NULL, NULL, 200, "ETag: \"0000");
    expect(&stand, "GET", "/api/parking/occupancy", NULL, NULL, 200,
           "{\"success\":true,\"parking_lots\":[]}");
    expect(&stand, "GET", "/api/parking/state", NULL, NULL, 200, "\"vehicles_in_parking\":[]");
    stand_free(&stand);
}
END_TEST

START_TEST(a_list_is_answered_with_its_position)
{
    struct stand stand;

    stand_new(&stand);
    expect(&stand, "PUT", "/api/staff", NULL, "{\"staff\":[]}", 200,
           "\"position\":{\"node\":\"c1\"");
    expect(&stand, "PUT", "/api/staff", "If-Match: \"abc\"\r\n",
           "{\"staff\":[{\"id\":1,\"name\":\"An\",\"status\":\"active\"}]}", 200,
           "\"success\":true");
    expect(&stand, "PUT", "/api/staff", "If-Match: abc\r\n", "{\"staff\":[]}", 400, "If-Match");
    expect(&stand, "PUT", "/api/staff", "If-Match: \"a\", W/\"b\"\r\n", "{\"staff\":[]}", 200,
           "\"success\":true");
    expect(&stand, "PUT", "/api/staff", "If-Match: \"a\" \"b\"\r\n", "{\"staff\":[]}", 400,
           "If-Match");
    stand_free(&stand);
}
END_TEST

#define STAFF(element) "{\"staff\":[" element "]}"
#define SUBS(element) "{\"subscriptions\":[" element "]}"

static const struct {
    const char *path, *body, *why;
} BAD[] = {
    {"/api/staff", "{}", "staff phải là một mảng"},
    {"/api/staff", "{\"staff\":null}", "staff phải là một mảng"},
    {"/api/staff", "{\"staff\":{}}", "staff phải là một mảng"},
    {"/api/staff", "[]", "FIELD_INVALID"},
    {"/api/staff", "{\"staff\":[}", "JSON_INVALID"},
    {"/api/staff", STAFF("1"), "staff[0]: "},
    {"/api/staff", STAFF("{\"name\":\"An\",\"status\":\"active\"}"), "staff[0].id: "},
    {"/api/staff", STAFF("{\"id\":-1,\"name\":\"An\",\"status\":\"active\"}"), "staff[0].id: "},
    {"/api/staff", STAFF("{\"id\":1.5,\"name\":\"An\",\"status\":\"active\"}"), "staff[0].id: "},
    {"/api/staff", STAFF("{\"id\":1,\"status\":\"active\"}"), "staff[0].name: "},
    {"/api/staff", STAFF("{\"id\":1,\"name\":\"An\"}"), "staff[0].status: "},
    {"/api/staff", STAFF("{\"id\":1,\"name\":\"An\",\"status\":\"on\"}"), "staff[0].status: "},
    {"/api/staff", STAFF("{\"id\":1,\"name\":\"An\",\"status\":\"active\",\"phone\":9}"),
     "staff[0].phone: "},
    {"/api/staff",
     STAFF("{\"id\":1,\"name\":\"An\",\"status\":\"active\"},"
           "{\"id\":\"1\",\"name\":\"An\",\"status\":\"active\"}"),
     "staff[1].id: "},
    {"/api/subscriptions", "{}", "subscriptions phải là một mảng"},
    {"/api/subscriptions", SUBS("{\"id\":1,\"status\":\"active\"}"),
     "subscriptions[0].plate_number: "},
    {"/api/subscriptions", SUBS("{\"id\":1,\"plate_number\":\"51-F2\",\"status\":\"active\"}"),
     "subscriptions[0].plate_number: "},
    {"/api/subscriptions",
     SUBS("{\"id\":1,\"plate_number\":\"51F20417\",\"status\":\"active\","
          "\"start_date\":\"2031-02-30\"}"),
     "subscriptions[0].start_date: "},
    {"/api/subscriptions",
     SUBS("{\"id\":1,\"plate_number\":\"51F20417\",\"status\":\"active\","
          "\"start_date\":\"2031-02-02\",\"end_date\":\"2031-02-01\"}"),
     "subscriptions[0].end_date: "},
    {"/api/subscriptions",
     SUBS("{\"id\":1,\"plate_number\":\"51F20417\",\"status\":\"active\",\"end_date\":1}"),
     "subscriptions[0].end_date: "},
};

START_TEST(what_is_wrong_is_named)
{
    struct stand stand;

    stand_new(&stand);
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        expect(&stand, "PUT", BAD[i].path, NULL, BAD[i].body, 400, BAD[i].why);
    }
    stand_free(&stand);
}
END_TEST

static const struct {
    enum event_kind kind;
    const char *before, *after; /* NULL: no use */
} MENDED[] = {
    {EVENT_STAFF_UPDATE, "{\"id\":1,\"name\":\"An\",\"status\":\"active\"}",
     "{\"id\":1,\"name\":\"An\",\"status\":\"active\"}"},
    {EVENT_STAFF_UPDATE, "{\"name\":\"An\",\"phone\":84}",
     "{\"id\":9,\"name\":\"An\",\"status\":\"inactive\"}"},
    {EVENT_STAFF_UPDATE, "[]", NULL},
    {EVENT_SUBSCRIPTION_UPDATE, "{\"id\":1}", NULL},
    {EVENT_SUBSCRIPTION_UPDATE,
     "{\"id\":1,\"plate_number\":\"51F-204.17\",\"status\":\"active\",\"end_date\":\"soon\","
     "\"note\":null,\"colour\":\"red\"}",
     "{\"colour\":\"red\",\"id\":1,\"plate_number\":\"51F-204.17\",\"status\":\"active\"}"},
    {EVENT_SUBSCRIPTION_UPDATE,
     "{\"id\":1,\"plate_number\":\"51F20417\",\"status\":\"active\",\"end_date\":\"2031-01-01\","
     "\"start_date\":\"2031-01-02\"}",
     "{\"end_date\":\"2031-01-01\",\"id\":1,\"plate_number\":\"51F20417\",\"status\":"
     "\"inactive\"}"},
};

START_TEST(what_files_hold_is_mended)
{
    json_t *element = json_read(slice_text(MENDED[_i].before), NULL);
    json_t *list = json_pack("[O]", element);
    char error[200] = "";

    ck_assert(elements_mend(MENDED[_i].kind, element, 9) == (MENDED[_i].after != NULL));
    if (MENDED[_i].after != NULL) {
        char *text = elements_text(element);
        ck_assert_str_eq(text, MENDED[_i].after);
        ck_assert_msg(elements_check(MENDED[_i].kind, list, error, sizeof error) == 0, "%s", error);
        free(text);
    }
    json_decref(list);
    json_decref(element);
}
END_TEST

START_TEST(days_are_local_and_both_count)
{
    json_t *element = json_pack("{s:s,s:s,s:s}", "plate_number", "51f-204.17", "start_date",
                                "2031-04-02", "end_date", "2031-04-02");
    struct event event;
    char plate[LIMIT_PLATE + 1], text[LOCALTIME_TEXT];

    ck_assert_int_eq(localtime_set_zone("Asia/Ho_Chi_Minh"), 0);
    event_init(&event, EVENT_SUBSCRIPTION_UPDATE);
    elements_subscription(element, &event, plate);
    ck_assert(slice_equal(event.plate_id, slice_text("51F20417")));
    utctime_text(event.valid_from_ms, text);
    ck_assert_str_eq(text, "2031-04-01 17:00:00");
    utctime_text(event.valid_to_ms, text);
    ck_assert_str_eq(text, "2031-04-02 17:00:00");
    json_decref(element);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lists");
    TCase *tests = tcase_create("lists");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, nothing_set_is_an_empty_list);
    tcase_add_test(tests, a_list_is_answered_with_its_position);
    tcase_add_test(tests, what_is_wrong_is_named);
    tcase_add_loop_test(tests, what_files_hold_is_mended, 0, sizeof MENDED / sizeof MENDED[0]);
    tcase_add_test(tests, days_are_local_and_both_count);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
