#include "api/envelope.h"

#include "proto/event.h"
#include "proto/limits.h"
#include "tests/support_main.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t utc(const char *text)
{
    int64_t ms = 0;

    ck_assert_int_eq(localtime_parse(slice_text(text), &ms), 0);
    return ms;
}

static void assert_text(struct slice got, const char *wanted)
{
    ck_assert_msg(slice_equal(got, slice_text(wanted)), "got \"%.*s\", wanted \"%s\"", (int)got.len,
                  got.data != NULL ? got.data : "(absent)", wanted != NULL ? wanted : "(absent)");
}

static void read_good(struct envelope *envelope, const char *text, const struct zone *zone)
{
    struct problem problem = {.code = PROBLEM_OK};

    ck_assert_msg(envelope_read(envelope, slice_text(text), zone, &problem) == 0, "%s: %s", text,
                  problem.text);
}

/* ---- as the existing centrals send them ------------------------------------------------------ */

START_TEST(test_entry)
{
    struct zone *zone = zone_new("Asia/Ho_Chi_Minh");
    struct envelope envelope;

    read_good(&envelope,
              "{\"type\": \"VEHICLE_ENTRY_PENDING\", \"source_central\": \"central-9\","
              " \"timestamp\": 1795361288503, \"event_id\": \"central-9_1795361288503_98A00001\","
              " \"data\": {\"plate_id\": \"98A00001\", \"plate_view\": \"98A-000.01\","
              " \"edge_id\": 9, \"camera_type\": \"ENTRY\", \"direction\": \"ENTRY\","
              " \"entry_time\": \"2026-11-22 14:00:00\", \"more\": [1]}, \"more\": {}}",
              zone);
    ck_assert_int_eq(envelope.type, ENVELOPE_VEHICLE_ENTRY_PENDING);
    assert_text(envelope.source_central, "central-9");
    ck_assert_int_eq(envelope.sent_ms, INT64_C(1795361288503));
    assert_text(envelope.visit.event_id, "central-9_1795361288503_98A00001");
    assert_text(envelope.visit.plate_id, "98A00001");
    assert_text(envelope.visit.plate_view, "98A-000.01");
    assert_text(envelope.visit.edge_id, "9");
    assert_text(envelope.visit.camera_type, "ENTRY");
    ck_assert_int_eq(envelope.visit.entry.ms, utc("2026-11-22T07:00:00Z"));
    ck_assert_int_eq(envelope.visit.exit.ms, EVENT_NONE);
    envelope_free(&envelope);
    zone_destroy(&zone);
}
END_TEST

START_TEST(test_exit)
{
    struct zone *zone = zone_new("UTC");
    struct envelope envelope;

    read_good(&envelope,
              "{\"type\": \"VEHICLE_EXIT\", \"source_central\": \"central-9\", \"timestamp\": 5,"
              " \"event_id\": null, \"data\": {\"plate_id\": \"98A00001\","
              " \"exit_central\": \"central-8\", \"exit_edge\": \"edge-20\","
              " \"exit_time\": \"2026-11-22 14:30:00\", \"fee\": 25000.0,"
              " \"duration\": \"0 gi\\u1edd 30 ph\\u00fat\"}}",
              zone);
    assert_text(envelope.visit.event_id, NULL);
    assert_text(envelope.visit.source_central, "central-8");
    assert_text(envelope.visit.edge_id, "edge-20");
    ck_assert_int_eq(envelope.visit.exit.ms, utc("2026-11-22T14:30:00Z"));
    ck_assert_int_eq(envelope.visit.fee, 25000);
    envelope_free(&envelope);
    zone_destroy(&zone);
}
END_TEST

START_TEST(test_location_and_lot)
{
    struct envelope envelope;

    read_good(&envelope,
              "{\"type\": \"LOCATION_UPDATE\", \"event_id\": \"edge-3_1795361288508_98A00005\","
              " \"data\": {\"plate_id\": \"98A00005\", \"location\": \"B\\u00e3i A\","
              " \"location_time\": \"2026-11-22 14:00:00\", \"is_anomaly\": true}}",
              NULL);
    ck_assert_int_eq(envelope.sent_ms, EVENT_NONE);
    assert_text(envelope.source_central, NULL);
    assert_text(envelope.visit.location, "Bãi A");
    ck_assert(envelope.visit.is_anomaly);
    ck_assert_int_eq(envelope.visit.location_ms, utc("2026-11-22 14:00:00"));
    envelope_free(&envelope);

    read_good(&envelope,
              "{\"type\": \"PARKING_LOT_CONFIG\", \"event_id\": null, \"data\": {"
              "\"location_name\": \"B\\u00e3i Z\", \"capacity\": 33, \"camera_id\": 9,"
              " \"camera_type\": \"PARKING_LOT\", \"edge_id\": \"127.0.0.9\"}}",
              NULL);
    assert_text(envelope.lot.name, "Bãi Z");
    ck_assert_int_eq(envelope.lot.capacity, 33);
    assert_text(envelope.lot.camera_id, "9");
    assert_text(envelope.lot.camera_type, "PARKING_LOT");
    assert_text(envelope.lot.edge_id, "127.0.0.9");
    envelope_free(&envelope);
}
END_TEST

START_TEST(test_rows)
{
    struct zone *zone = zone_new("Asia/Ho_Chi_Minh");
    struct envelope envelope;
    struct envelope_visit row;
    struct problem problem;

    read_good(&envelope,
              "{\"type\": \"SYNC_RESPONSE\", \"source_central\": \"central-9\", \"data\":"
              " {\"events\": [{\"id\": 1, \"event_id\": \"a_1_X\", \"plate_id\": \"30G56789\","
              " \"plate_view\": \"30G-567.89\", \"entry_time\": \"2026-11-22 15:27:49\","
              " \"entry_camera_id\": 1, \"entry_camera_name\": \"C\\u1ed5ng\","
              " \"entry_confidence\": 0.92, \"entry_source\": \"auto\","
              " \"exit_time\": \"2026-11-22 15:27:50\", \"exit_camera_id\": \"cam-x\","
              " \"exit_confidence\": 0.5, \"exit_source\": \"p2p_sync\", \"fee\": 25000,"
              " \"status\": \"OUT\", \"sync_status\": \"LOCAL\","
              " \"created_at\": \"2026-11-22 08:27:49\", \"is_anomaly\": 1,"
              " \"last_location\": \"A\", \"last_location_time\": \"2026-11-22 15:27:49\"},"
              " {\"plate_id\": \"51G99999\", \"entry_time\": \"2026-11-22 15:27:49\","
              " \"status\": \"IN\", \"exit_time\": null}, {\"event_id\": \"x\"}, 7,"
              " {\"event_id\": 7, \"plate_id\": \"51G99999\","
              " \"entry_time\": \"2026-11-22 15:27:49\"}]}}",
              zone);
    ck_assert_uint_eq(envelope_rows(&envelope), 5);
    ck_assert_int_eq(envelope_row(&envelope, 0, zone, &row, &problem), 0);
    assert_text(row.event_id, "a_1_X");
    assert_text(row.plate_view, "30G-567.89");
    ck_assert_int_eq(row.entry.ms, utc("2026-11-22T08:27:49Z"));
    ck_assert_int_eq(row.exit.ms, utc("2026-11-22T08:27:50Z"));
    ck_assert_int_eq(row.created_ms, utc("2026-11-22T08:27:49Z"));
    assert_text(row.entry.camera_id, "1");
    assert_text(row.entry.camera_name, "Cổng");
    ck_assert_double_eq(row.entry.confidence, 0.92);
    assert_text(row.exit.camera_id, "cam-x");
    assert_text(row.exit.camera_name, NULL);
    assert_text(row.location, "A");
    ck_assert_int_eq(row.fee, 25000);
    ck_assert(row.is_out && row.is_anomaly);
    ck_assert_int_eq(envelope_row(&envelope, 1, zone, &row, &problem), 0);
    assert_text(row.event_id, NULL);
    ck_assert(!row.is_out && !row.is_anomaly && isnan(row.entry.confidence));
    for (size_t i = 2; i < 5; i++) {
        ck_assert_int_eq(envelope_row(&envelope, i, zone, &row, &problem), -1);
        ck_assert_int_eq(problem.code, PROBLEM_FIELD_INVALID);
    }
    envelope_free(&envelope);
    zone_destroy(&zone);
}
END_TEST

START_TEST(test_small_ones)
{
    static const struct {
        const char *text;
        enum envelope_type type;
    } cases[] = {
        {"{\"type\": \"HEARTBEAT\"}", ENVELOPE_HEARTBEAT},
        {"{\"type\": \"HEARTBEAT\", \"data\": null}", ENVELOPE_HEARTBEAT},
        {"{\"type\": \"CONFIG_UPDATE\", \"data\": {\"a\": 1}}", ENVELOPE_CONFIG_UPDATE},
        {"{\"type\": \"SUBSCRIPTION_UPDATE\", \"data\": 4}", ENVELOPE_SUBSCRIPTION_UPDATE},
        {"{\"type\": \"VEHICLE_ENTRY_CONFIRMED\", \"event_id\": \"a\"}",
         ENVELOPE_VEHICLE_ENTRY_CONFIRMED},
        {"{\"type\": \"HISTORY_DELETE\", \"data\": {\"history_id\": 18}}", ENVELOPE_HISTORY_DELETE},
        {"{\"type\": \"HISTORY_UPDATE\", \"data\": {\"history_id\": 18}}", ENVELOPE_HISTORY_UPDATE},
        {"{\"type\": \"ERROR\", \"error\": \"x\"}", ENVELOPE_ERROR},
        {"{\"type\": \"BOGUS\", \"event_id\": 9}", ENVELOPE_UNKNOWN},
        {"{\"type\": \"\"}", ENVELOPE_UNKNOWN},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct envelope envelope;
        read_good(&envelope, cases[i].text, NULL);
        ck_assert_int_eq(envelope.type, cases[i].type);
        ck_assert_str_eq(envelope_type_name(envelope.type),
                         cases[i].type == ENVELOPE_UNKNOWN
                             ? "UNKNOWN"
                             : json_string_value(json_object_get(envelope.document, "type")));
        envelope_free(&envelope);
    }
}
END_TEST

START_TEST(test_change_by_name)
{
    struct envelope envelope;

    read_good(&envelope,
              "{\"type\": \"HISTORY_UPDATE\", \"event_id\": null, \"data\": {\"history_id\": 23,"
              " \"event_id\": \"a_1_X\", \"plate_text\": \"98B00003\","
              " \"plate_view\": \"98B-000.03\"}}",
              NULL);
    assert_text(envelope.visit.event_id, "a_1_X");
    assert_text(envelope.visit.plate_id, "98B00003");
    envelope_free(&envelope);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------- */

#define VISIT(fields) "{\"type\": \"VEHICLE_EXIT\", \"data\": {" fields "}}"

START_TEST(test_refused)
{
    static const struct {
        const char *text;
        enum problem_code code;
    } cases[] = {
        {"zzz", PROBLEM_JSON_INVALID},
        {"", PROBLEM_JSON_INVALID},
        {"[]", PROBLEM_FIELD_INVALID},
        {"{}", PROBLEM_TYPE_UNKNOWN},
        {"{\"type\": 3}", PROBLEM_TYPE_UNKNOWN},
        {"{\"type\": \"HEARTBEAT\", \"source_central\": 3}", PROBLEM_FIELD_INVALID},
        {"{\"type\": \"HEARTBEAT\", \"timestamp\": \"3\"}", PROBLEM_FIELD_INVALID},
        {"{\"type\": \"HEARTBEAT\", \"timestamp\": 1e300}", PROBLEM_FIELD_INVALID},
        {"{\"type\": \"HEARTBEAT\", \"timestamp\": -1}", PROBLEM_FIELD_INVALID},
        {"{\"type\": \"HEARTBEAT\", \"event_id\": {}}", PROBLEM_FIELD_INVALID},
        {"{\"type\": \"VEHICLE_EXIT\", \"data\": null}", PROBLEM_FIELD_INVALID},
        {"{\"type\": \"VEHICLE_EXIT\"}", PROBLEM_FIELD_INVALID},
        {VISIT("\"plate_id\": \"X\""), PROBLEM_FIELD_INVALID},
        {VISIT("\"exit_time\": \"2026-11-22 14:30:00\""), PROBLEM_FIELD_INVALID},
        {VISIT("\"plate_id\": \"X\", \"exit_time\": 3"), PROBLEM_FIELD_INVALID},
        {VISIT("\"plate_id\": \"X\", \"exit_time\": \"2026-13-22 14:30:00\""),
         PROBLEM_FIELD_INVALID},
        {VISIT("\"plate_id\": 3, \"exit_time\": \"2026-11-22 14:30:00\""), PROBLEM_FIELD_INVALID},
        {VISIT("\"plate_id\": \"X\", \"exit_time\": \"2026-11-22 14:30:00\", \"fee\": -1"),
         PROBLEM_FIELD_INVALID},
        {VISIT("\"plate_id\": \"X\", \"exit_time\": \"2026-11-22 14:30:00\", \"fee\": \"1\""),
         PROBLEM_FIELD_INVALID},
        {"{\"type\": \"SYNC_REQUEST\", \"data\": {}}", PROBLEM_FIELD_INVALID},
        {"{\"type\": \"SYNC_RESPONSE\", \"data\": {\"events\": {}}}", PROBLEM_FIELD_INVALID},
        {"{\"type\": \"LOCATION_UPDATE\", \"data\": {\"plate_id\": \"X\"}}", PROBLEM_FIELD_INVALID},
        {"{\"type\": \"PARKING_LOT_CONFIG\", \"data\": {\"capacity\": 3}}", PROBLEM_FIELD_INVALID},
        {"{\"type\": \"PARKING_LOT_CONFIG\", \"data\": {\"location_name\": \"A\","
         " \"capacity\": 1e9}}",
         PROBLEM_FIELD_INVALID},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct envelope envelope;
        struct problem problem = {.code = PROBLEM_OK};
        ck_assert_msg(envelope_read(&envelope, slice_text(cases[i].text), NULL, &problem) == -1,
                      "%s", cases[i].text);
        ck_assert_msg(problem.code == cases[i].code, "%s: %s", cases[i].text,
                      problem_name(problem.code));
    }
}
END_TEST

/* What identifies is refused when too long, what describes is cut between characters. */
START_TEST(test_lengths)
{
    char text[2000], name[1200] = "";
    struct envelope envelope;
    struct problem problem;

    for (size_t i = 0; i < 300; i++) {
        memcpy(name + 3 * i, "\xe1\xbb\x95", 4); /* ổ */
    }
    (void)snprintf(text, sizeof text,
                   "{\"type\": \"LOCATION_UPDATE\", \"data\": {\"plate_id\": \"X\","
                   " \"location\": \"%s\", \"location_time\": \"2026-11-22 14:00:00\"}}",
                   name);
    read_good(&envelope, text, NULL);
    ck_assert_uint_eq(envelope.visit.location.len, LIMIT_TEXT - LIMIT_TEXT % 3);
    envelope_free(&envelope);

    (void)snprintf(text, sizeof text, "{\"type\": \"HEARTBEAT\", \"event_id\": \"%s\"}", name);
    ck_assert_int_eq(envelope_read(&envelope, slice_text(text), NULL, &problem), -1);
    (void)snprintf(text, sizeof text, "{\"type\": \"HEARTBEAT\", \"source_central\": \"%s\"}",
                   name);
    ck_assert_int_eq(envelope_read(&envelope, slice_text(text), NULL, &problem), -1);
}
END_TEST

START_TEST(test_identity)
{
    static const struct {
        const char *text;
        enum problem_code code;
    } bad[] = {{"zzz", PROBLEM_JSON_INVALID},
               {"{\"x\": 1}", PROBLEM_FIELD_INVALID},
               {"{\"peer_id\": \"\"}", PROBLEM_FIELD_INVALID},
               {"{\"peer_id\": 4}", PROBLEM_FIELD_INVALID},
               {"[]", PROBLEM_FIELD_INVALID},
               {"{\"peer_id\": \"0123456789abcdef\"}", PROBLEM_FIELD_INVALID}};
    struct problem problem;
    struct buffer out = {0};
    char id[16];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_assert_int_eq(envelope_read_identity(slice_text(bad[i].text), id, sizeof id, &problem),
                         -1);
        ck_assert_msg(problem.code == bad[i].code, "%s", bad[i].text);
    }
    envelope_put_identity(&out, "central-1");
    assert_text(buffer_slice(&out), "{\"peer_id\":\"central-1\"}");
    ck_assert_int_eq(envelope_read_identity(buffer_slice(&out), id, sizeof id, &problem), 0);
    ck_assert_str_eq(id, "central-1");
    buffer_free(&out);
}
END_TEST

/* ---- writing --------------------------------------------------------------------------------- */

static void fill(struct envelope_visit *visit)
{
    envelope_visit_init(visit);
    visit->event_id = slice_text("central-1_1795361301327_98B00001");
    visit->source_central = slice_text("central-3");
    visit->plate_id = slice_text("98B00001");
    visit->plate_view = slice_text("98B-000.01");
    visit->edge_id = slice_text("2");
    visit->entry.ms = utc("2026-11-22T08:28:21Z");
    visit->entry.camera_id = slice_text("1");
    visit->entry.camera_name = slice_text("Cổng vào");
    visit->entry.source = slice_text("auto");
    visit->entry.confidence = 0.92;
    visit->exit.ms = utc("2026-11-22T09:30:22Z");
    visit->fee = 25000;
    visit->location = slice_text("Bãi A");
    visit->location_ms = utc("2026-11-22T08:40:00Z");
}

START_TEST(test_written_as_the_existing_centrals_do)
{
    struct zone *zone = zone_new("Asia/Ho_Chi_Minh");
    const struct envelope_head head = {"central-1", INT64_C(1795361302539), zone};
    struct envelope_visit visit;
    struct envelope_lot lot = {.name = slice_text("Bãi A"),
                               .capacity = 12,
                               .camera_id = slice_text("3"),
                               .edge_id = slice_text("127.0.0.9")};
    struct json_writer writer;
    struct buffer out = {0};

    fill(&visit);
    envelope_put_entry(&out, &head, &visit);
    assert_text(buffer_slice(&out),
                "{\"type\":\"VEHICLE_ENTRY_PENDING\",\"source_central\":\"central-3\","
                "\"timestamp\":1795361302539,\"event_id\":\"central-1_1795361301327_98B00001\","
                "\"data\":{\"plate_id\":\"98B00001\",\"plate_view\":\"98B-000.01\",\"edge_id\":2,"
                "\"camera_type\":\"ENTRY\",\"direction\":\"ENTRY\","
                "\"entry_time\":\"2026-11-22 15:28:21\"}}");
    buffer_clear(&out);
    visit.source_central = (struct slice){0};
    envelope_put_exit(&out, &head, &visit);
    assert_text(buffer_slice(&out),
                "{\"type\":\"VEHICLE_EXIT\",\"source_central\":\"central-1\","
                "\"timestamp\":1795361302539,\"event_id\":\"central-1_1795361301327_98B00001\","
                "\"data\":{\"plate_id\":\"98B00001\",\"exit_central\":\"central-1\","
                "\"exit_edge\":2,\"exit_time\":\"2026-11-22 16:30:22\",\"fee\":25000,"
                "\"duration\":\"1 giờ 2 phút\"}}");
    buffer_clear(&out);
    envelope_put_lot(&out, &head, &lot);
    assert_text(buffer_slice(&out),
                "{\"type\":\"PARKING_LOT_CONFIG\",\"source_central\":\"central-1\","
                "\"timestamp\":1795361302539,\"event_id\":null,\"data\":{\"location_name\":\"Bãi A"
                "\",\"capacity\":12,\"camera_id\":3,\"camera_type\":\"PARKING_LOT\","
                "\"edge_id\":\"127.0.0.9\"}}");
    buffer_clear(&out);
    envelope_put_heartbeat(&out, &head);
    assert_text(buffer_slice(&out), "{\"type\":\"HEARTBEAT\",\"source_central\":\"central-1\","
                                    "\"timestamp\":1795361302539,\"event_id\":null,\"data\":{}}");
    buffer_clear(&out);
    writer = envelope_open_rows(&out, &head);
    envelope_close_rows(&writer);
    assert_text(buffer_slice(&out), "{\"type\":\"SYNC_RESPONSE\",\"source_central\":\"central-1\","
                                    "\"timestamp\":1795361302539,\"event_id\":null,"
                                    "\"data\":{\"events\":[]}}");
    buffer_free(&out);
    zone_destroy(&zone);
}
END_TEST

/* What was written reads back, in any zone. A row says nothing of the exit. */
START_TEST(test_read_back)
{
    static const char *const zones[] = {"UTC", "Asia/Ho_Chi_Minh", "America/New_York"};
    struct zone *zone = zone_new(zones[_i]);
    const struct envelope_head head = {"central-1", INT64_C(1795361302539), zone};
    struct envelope_visit visit, row;
    struct envelope envelope;
    struct json_writer writer;
    struct buffer out = {0};
    struct problem problem;

    fill(&visit);
    visit.created_ms = utc("2026-11-22T08:28:22Z");
    visit.is_anomaly = true;
    writer = envelope_open_rows(&out, &head);
    envelope_put_row(&writer, &head, &visit);
    envelope_put_row(&writer, &head, &visit);
    envelope_close_rows(&writer);
    ck_assert_int_eq(envelope_read(&envelope, buffer_slice(&out), zone, &problem), 0);
    ck_assert_uint_eq(envelope_rows(&envelope), 2);
    ck_assert_int_eq(envelope_row(&envelope, 1, zone, &row, &problem), 0);
    ck_assert(slice_equal(row.event_id, visit.event_id));
    ck_assert(slice_equal(row.source_central, visit.source_central));
    ck_assert(slice_equal(row.entry.camera_id, visit.entry.camera_id));
    ck_assert(slice_equal(row.entry.camera_name, visit.entry.camera_name));
    ck_assert_double_eq(row.entry.confidence, visit.entry.confidence);
    ck_assert_int_eq(row.entry.ms, visit.entry.ms);
    ck_assert_int_eq(row.created_ms, visit.created_ms);
    ck_assert_int_eq(row.location_ms, visit.location_ms);
    ck_assert(row.is_anomaly && !row.is_out);
    ck_assert_int_eq(row.exit.ms, EVENT_NONE);
    envelope_free(&envelope);

    buffer_clear(&out);
    envelope_put_location(&out, &head, &visit);
    ck_assert_int_eq(envelope_read(&envelope, buffer_slice(&out), zone, &problem), 0);
    ck_assert(slice_equal(envelope.visit.location, visit.location));
    ck_assert_int_eq(envelope.visit.location_ms, visit.location_ms);
    envelope_free(&envelope);

    buffer_clear(&out);
    envelope_put_sync_request(&out, &head, 77);
    ck_assert_int_eq(envelope_read(&envelope, buffer_slice(&out), zone, &problem), 0);
    ck_assert_int_eq(envelope.since_ms, 77);
    envelope_free(&envelope);
    buffer_free(&out);
    zone_destroy(&zone);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("envelope");
    TCase *tests = tcase_create("envelope");

    tcase_add_test(tests, test_entry);
    tcase_add_test(tests, test_exit);
    tcase_add_test(tests, test_location_and_lot);
    tcase_add_test(tests, test_rows);
    tcase_add_test(tests, test_small_ones);
    tcase_add_test(tests, test_change_by_name);
    tcase_add_test(tests, test_refused);
    tcase_add_test(tests, test_lengths);
    tcase_add_test(tests, test_identity);
    tcase_add_test(tests, test_written_as_the_existing_centrals_do);
    tcase_add_loop_test(tests, test_read_back, 0, 3);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
