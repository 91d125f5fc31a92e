/* POST /api/edge/event: what reaches the node, and what comes back. */
#include "support_stand.h"
#include "tests/support_main.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static struct reply post(const struct stand *stand, const char *body)
{
    return stand_ask(stand, "POST", "/api/edge/event", NULL, body);
}

static void expect(const struct stand *stand, const char *body, int status, const char *first,
                   const char *second)
{
    struct reply reply = post(stand, body);

    ck_assert_msg(reply.status == status, "%s -> %d %s", body, reply.status, reply.body);
    ck_assert_msg(strstr(reply.body, first) != NULL, "%s -> %s lacks %s", body, reply.body, first);
    ck_assert_msg(second == NULL || strstr(reply.body, second) != NULL, "%s -> %s lacks %s", body,
                  reply.body, second != NULL ? second : "");
    stand_reply_free(&reply);
}

START_TEST(test_fields_reach_the_node)
{
    struct stand stand;

    stand_new(&stand);
    expect(
        &stand,
        "{\"type\":\"ENTRY\",\"camera_id\":3,\"camera_name\":\"North\",\"camera_type\":\"ENTRY\","
        "\"timestamp\":1795361269.088,\"event_id\":\"e1\",\"data\":{\"plate_text\":\"51F-204.17\","
        "\"confidence\":0.95,\"source\":\"auto\",\"edge_id\":\"edge-1\"}}",
        200,
        "\"success\":true,\"action\":\"ENTRY\",\"message\":\"gate=1 confidence=0.95 "
        "plate=51F-204.17 view= id=e1 camera=3 name=North type=ENTRY source=auto edge=edge-1 "
        "device=1795361269088 location= location_ms=- ",
        "\"event_id\":\"c1_1_X\",\"position\":{\"node\":\"c1\",\"epoch\":"
        "\"18446744073709551615\",\"seq\":5}}");
    expect(&stand, "{\"type\":\"EXIT\",\"camera_id\":\"4\",\"data\":{\"plate_text\":\"51F20417\"}}",
           200, "camera=4 ", "\"duration\":\"1 giờ 0 phút\",\"fee\":25000");
    expect(&stand, "{\"type\":\"DETECTION\",\"data\":{\"plate_text\":\"51F20417\"}}", 200,
           "gate=3 ", "camera= ");
    stand_free(&stand);
}
END_TEST

/* A valid plate is never lost to a field beside it. */
START_TEST(test_odd_fields_are_left_out)
{
    struct stand stand;

    stand_new(&stand);
    expect(&stand,
           "{\"type\":\"ENTRY\",\"camera_id\":null,\"camera_name\":5,\"timestamp\":\"soon\","
           "\"event_id\":null,\"data\":{\"plate_text\":\"51F20417\",\"confidence\":null,"
           "\"entry_time\":null}}",
           200, "gate=1 plate=51F20417 view= id= camera= name= type= source= edge= device=- ",
           NULL);
    expect(&stand, "{\"type\":\"ENTRY\",\"camera_id\":[1],\"data\":{\"plate_text\":\"51F20417\"}}",
           200, "camera= ", NULL);
    expect(&stand, "{\"type\":\"ENTRY\",\"camera_id\":3.0,\"data\":{\"plate_text\":\"51F20417\"}}",
           200, "camera=3 ", NULL);
    expect(&stand, "{\"type\":\"ENTRY\",\"timestamp\":-1,\"data\":{\"plate_text\":\"51F20417\"}}",
           200, "device=- ", NULL);
    expect(&stand,
           "{\"type\":\"ENTRY\",\"data\":{\"event_id\":\"in-data\",\"plate_text\":\"51F20417\"}}",
           200, "id=in-data ", NULL);
    stand_free(&stand);
}
END_TEST

START_TEST(test_device_time)
{
    struct stand stand;

    setenv("TZ", "UTC", 1);
    stand_new(&stand);
    expect(&stand,
           "{\"type\":\"ENTRY\",\"data\":{\"plate_text\":\"51F20417\","
           "\"entry_time\":\"1970-01-01 00:01:00\"}}",
           200, "device=60000 ", NULL);
    expect(&stand,
           "{\"type\":\"EXIT\",\"data\":{\"plate_text\":\"51F20417\","
           "\"entry_time\":\"1970-01-01 00:01:00\",\"exit_time\":\"1970-01-01 00:02:00\"}}",
           200, "device=120000 ", NULL);
    expect(&stand,
           "{\"type\":\"EXIT\",\"data\":{\"plate_text\":\"51F20417\","
           "\"entry_time\":\"1970-01-01 00:01:00\"}}",
           200, "device=- ", NULL);
    expect(&stand,
           "{\"type\":\"ENTRY\",\"timestamp\":90.5,\"data\":{\"plate_text\":\"51F20417\","
           "\"entry_time\":\"1970-01-01 00:01:00\"}}",
           200, "device=90500 ", NULL);
    stand_free(&stand);
}
END_TEST

START_TEST(test_lot_cameras)
{
    struct stand stand;

    stand_new(&stand);
    expect(&stand,
           "{\"type\":\"ENTRY\",\"camera_name\":\"Deck B\",\"camera_type\":\"PARKING_LOT\","
           "\"data\":{\"plate_text\":\"51F20417\"}}",
           200, "gate=4 ", "location=Deck B ");
    expect(&stand,
           "{\"type\":\"LOCATION_UPDATE\",\"camera_name\":\"Deck B\",\"data\":{\"plate_text\":"
           "\"51F20417\",\"location\":\"Deck C\"}}",
           200, "location=Deck C ", "\"action\":\"LOCATION_UPDATE\"");
    stand_free(&stand);
}
END_TEST

START_TEST(test_changes_from_edges)
{
    struct stand stand;

    stand_new(&stand);
    expect(&stand,
           "{\"type\":\"UPDATE\",\"event_id\":\"v1\",\"data\":{\"plate_text\":\"51F20417\","
           "\"plate_view\":\"51f-204.17\",\"history_id\":1}}",
           200, "gate=5 plate=51f-204.17 ", "id=v1 ");
    expect(&stand, "{\"type\":\"DELETE\",\"event_id\":null,\"data\":{\"plate_text\":null}}", 200,
           "gate=6 ", "id= ");
    stand_free(&stand);
}
END_TEST

START_TEST(test_answers_of_the_node)
{
    struct stand stand;

    stand_new(&stand);
    expect(&stand, "{\"type\":\"ENTRY\",\"data\":{\"plate_text\":\"30A00001\"}}", 200,
           "{\"success\":false,\"action\":\"ENTRY\",\"error\":",
           "\"code\":\"ALREADY_INSIDE\","
           "\"already_inside\":true");
    expect(&stand, "{\"type\":\"EXIT\",\"data\":{\"plate_text\":\"30A00002\"}}", 200,
           "{\"success\":false", "\"code\":\"NO_OPEN_VISIT\"");
    expect(&stand, "{\"type\":\"ENTRY\",\"data\":{\"plate_text\":\"30A00003\"}}", 200,
           "{\"success\":true,\"deduped\":true", "\"event_id\":\"c1_1_X\"");
    expect(&stand, "{\"type\":\"ENTRY\",\"data\":{\"plate_text\":\"30A00004\"}}", 507,
           "\"success\":false", "\"code\":\"DISK_FULL\"");
    stand_free(&stand);
}
END_TEST

START_TEST(test_what_can_never_become_an_event)
{
    static const struct {
        const char *body, *code;
    } rows[] = {{"", "JSON_INVALID"},
                {"{", "JSON_INVALID"},
                {"{\"type\":\"ENTRY\",\"type\":\"EXIT\"}", "JSON_INVALID"},
                {"[]", "FIELD_INVALID"},
                {"\"ENTRY\"", "FIELD_INVALID"},
                {"{\"data\":{\"plate_text\":\"30A00009\"}}", "TYPE_UNKNOWN"},
                {"{\"type\":null}", "\"type: must be one of ENTRY, EXIT, "},
                {"{\"type\":\"FOO\"}", "Unknown event type: FOO; type must be one of ENTRY"},
                {"{\"type\":\"ENTRY\",\"data\":{\"plate_text\":123456789}}", "(string)"},
                {"{\"type\":\"FOO\",\"data\":{\"plate_text\":\"30A00009\"}}", "TYPE_UNKNOWN"},
                {"{\"type\":5,\"data\":{\"plate_text\":\"30A00009\"}}", "TYPE_UNKNOWN"},
                {"{\"type\":\"ENTRY\"}", "data.plate_text: "},
                {"{\"type\":\"ENTRY\",\"data\":null}", "PLATE_UNUSABLE"},
                {"{\"type\":\"ENTRY\",\"data\":[]}", "FIELD_INVALID"},
                {"{\"type\":\"ENTRY\",\"data\":{\"plate_text\":null}}", "PLATE_UNUSABLE"},
                {"{\"type\":\"ENTRY\",\"data\":{\"plate_text\":\"\"}}", "PLATE_UNUSABLE"},
                {"{\"type\":\"ENTRY\",\"data\":{\"plate_text\":123456789}}", "PLATE_UNUSABLE"},
                {"{\"type\":\"ENTRY\",\"data\":{\"plate_text\":\"30A00009\",\"confidence\":\"x\"}}",
                 "FIELD_INVALID"},
                {"{\"type\":\"ENTRY\",\"data\":{\"plate_text\":\"30A00009\",\"confidence\":1e999}}",
                 "JSON_INVALID"}};
    struct stand stand;

    stand_new(&stand);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect(&stand, rows[i].body, 400, rows[i].code, "\"success\":false");
    }
    stand_free(&stand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate");
    TCase *tests = tcase_create("gate");

    tcase_add_test(tests, test_fields_reach_the_node);
    tcase_add_test(tests, test_odd_fields_are_left_out);
    tcase_add_test(tests, test_device_time);
    tcase_add_test(tests, test_lot_cameras);
    tcase_add_test(tests, test_changes_from_edges);
    tcase_add_test(tests, test_answers_of_the_node);
    tcase_add_test(tests, test_what_can_never_become_an_event);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
