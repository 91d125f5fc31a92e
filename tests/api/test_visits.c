/* History, its corrections, the tariff and the mesh endpoints. */
#include "support_stand.h"
#include "tests/support_main.h"

#include "api/json.h"
#include "proto/command.h"
#include "proto/report.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static json_t *get(const struct stand *stand, const char *target, int status)
{
    struct reply reply = stand_ask(stand, "GET", target, NULL, NULL);
    struct problem problem = {.text = ""};
    json_t *value;

    ck_assert_msg(reply.status == status, "%s -> %d %s", target, reply.status, reply.body);
    value = json_read_object((struct slice){reply.body, reply.len}, &problem);
    ck_assert_msg(value != NULL, "%s -> %s: %s", target, problem.text, reply.body);
    stand_reply_free(&reply);
    return value;
}

static int64_t integer(const json_t *object, const char *key)
{
    ck_assert_msg(json_is_integer(json_object_get(object, key)), "%s", key);
    return json_integer_value(json_object_get(object, key));
}

static void expect(const struct stand *stand, const char *method, const char *target,
                   const char *body, int status, const char *part)
{
    struct reply reply = stand_ask(stand, method, target, NULL, body);

    ck_assert_msg(reply.status == status, "%s %s -> %d %s", method, target, reply.status,
                  reply.body);
    ck_assert_msg(strstr(reply.body, part) != NULL, "%s %s -> %s lacks %s", method, target,
                  reply.body, part);
    stand_reply_free(&reply);
}

START_TEST(test_list)
{
    static const char *const columns[] = {"id",
                                          "event_id",
                                          "source_central",
                                          "edge_id",
                                          "plate_id",
                                          "plate_view",
                                          "entry_time",
                                          "entry_camera_id",
                                          "entry_camera_name",
                                          "entry_confidence",
                                          "entry_source",
                                          "exit_time",
                                          "exit_camera_id",
                                          "exit_camera_name",
                                          "exit_confidence",
                                          "exit_source",
                                          "duration",
                                          "fee",
                                          "status",
                                          "sync_status",
                                          "created_at",
                                          "updated_at",
                                          "last_location",
                                          "last_location_time",
                                          "is_anomaly"};
    struct stand stand;
    json_t *answer;
    const json_t *row;

    stand_prepare(&stand);
    stand_fill(&stand, 5);
    stand_start(&stand);
    answer = get(&stand, "/api/parking/history?limit=2&offset=1", 200);
    ck_assert_int_eq(integer(answer, "count"), 2);
    ck_assert(json_is_object(json_object_get(answer, "stats")));
    row = json_array_get(json_object_get(answer, "history"), 0);
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        ck_assert_msg(json_object_get(row, columns[i]) != NULL, "%s", columns[i]);
    }
    ck_assert_str_eq(json_string_value(json_object_get(row, "plate_id")), "51A00003");
    ck_assert_str_eq(json_string_value(json_object_get(row, "status")), "OUT");
    ck_assert_int_eq(integer(row, "is_anomaly"), 0);
    ck_assert_int_eq(integer(row, "fee"), 25000);
    ck_assert_str_eq(json_string_value(json_object_get(row, "entry_camera_id")), "cam-x");
    row = json_array_get(json_object_get(answer, "history"), 1);
    ck_assert_int_eq(integer(row, "entry_camera_id"), 3);
    json_decref(answer);
    stand_free(&stand);
}
END_TEST

START_TEST(test_filters)
{
    static const struct {
        const char *target;
        int count;
    } rows[] = {{"/api/parking/history", 5},
                {"/api/parking/history?limit=0", 0},
                {"/api/parking/history?limit=-1", 5},
                {"/api/parking/history?limit=-7&offset=-3", 5},
                {"/api/parking/history?status=OUT", 5},
                {"/api/parking/history?status=IN", 0},
                {"/api/parking/history?status=FOO", 0},
                {"/api/parking/history?status=IN&entries_only=YES", 5},
                {"/api/parking/history?status=OUT&in_parking_only=1", 0},
                {"/api/parking/history?search=51a-000.03", 1},
                {"/api/parking/history?search=51A+00003", 1},
                {"/api/parking/history?search=%35%31A00003&search=51A00004&limit=9", 1},
                {"/api/parking/history?search=zzz", 0},
                {"/api/parking/history?unknown=1&=&&limit", -1},
                {"/api/parking/history?in_parking_only=off&today_only=f", 5}};
    struct stand stand;

    stand_prepare(&stand);
    stand_fill(&stand, 5);
    stand_start(&stand);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *answer = get(&stand, rows[i].target, rows[i].count < 0 ? 422 : 200);
        if (rows[i].count >= 0) {
            ck_assert_msg(integer(answer, "count") == rows[i].count, "%s", rows[i].target);
        }
        json_decref(answer);
    }
    stand_free(&stand);
}
END_TEST

START_TEST(test_bad_parameters)
{
    struct stand stand;

    stand_new(&stand);
    expect(&stand, "GET", "/api/parking/history?limit=abc", NULL, 422,
           "{\"detail\":[{\"loc\":[\"query\",\"limit\"],\"msg\":\"value is not a valid integer\","
           "\"type\":\"type_error.integer\"}],\"success\":false");
    expect(&stand, "GET", "/api/parking/history?limit=99999999999999999999", NULL, 422,
           "PARAMETER_INVALID");
    expect(&stand, "GET", "/api/parking/history?offset=1.5", NULL, 422, "offset");
    expect(&stand, "GET", "/api/parking/history?today_only=maybe", NULL, 422, "today_only");
    expect(&stand, "GET", "/api/parking/history?search=%ff", NULL, 422, "search");
    expect(&stand, "GET", "/api/parking/history/changes?history_id=x", NULL, 422, "history_id");
    expect(&stand, "PUT", "/api/parking/history/abc", "{}", 422, "[\"path\",\"history_id\"]");
    stand_free(&stand);
}
END_TEST

/* More than one chunk and more than one page; every row once, in order. */
START_TEST(test_dump_is_streamed)
{
    struct stand stand;
    json_t *answer;
    const json_t *rows;
    struct reply reply;

    stand_prepare(&stand);
    stand_fill(&stand, 700);
    stand_start(&stand);
    reply = stand_ask(&stand, "GET", "/api/parking/history?limit=-1", NULL, NULL);
    ck_assert_ptr_nonnull(strstr(reply.head, "Transfer-Encoding: chunked"));
    stand_reply_free(&reply);
    answer = get(&stand, "/api/parking/history?limit=-1", 200);
    rows = json_object_get(answer, "history");
    ck_assert_uint_eq(json_array_size(rows), 700);
    ck_assert_int_eq(integer(answer, "count"), 700);
    for (size_t i = 0; i < 700; i++) {
        char plate[16];
        (void)snprintf(plate, sizeof plate, "51A%05d", (int)(699 - i));
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(rows, i), "plate_id")),
                         plate);
    }
    json_decref(answer);
    stand_free(&stand);
}
END_TEST

static void expect_plate(const json_t *visit, const char *plate)
{
    ck_assert_str_eq(json_string_value(json_object_get(visit, "plate_id")), plate);
    ck_assert_str_eq(json_string_value(json_object_get(visit, "event_id")), "c1_1_51A00001");
}

START_TEST(test_changes)
{
    struct stand stand;
    json_t *answer;
    const json_t *row;

    stand_prepare(&stand);
    stand_fill(&stand, 2);
    stand_edit(&stand, "c1_1_51A00001", "51A99999", "misread");
    stand_start(&stand);
    answer = get(&stand, "/api/parking/history/changes", 200);
    ck_assert_int_eq(integer(answer, "count"), 1);
    row = json_array_get(json_object_get(answer, "changes"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(row, "change_type")), "UPDATE");
    ck_assert_str_eq(json_string_value(json_object_get(row, "new_plate_id")), "51A99999");
    ck_assert_str_eq(json_string_value(json_object_get(row, "old_plate_id")), "51A00001");
    ck_assert_str_eq(json_string_value(json_object_get(row, "reason")), "misread");
    expect_plate(json_object_get(row, "old_data"), "51A00001");
    expect_plate(json_object_get(row, "new_data"), "51A99999");
    json_decref(answer);
    stand_free(&stand);
}
END_TEST

/* It is logged with the plate that its author saw, which is no new one. */
START_TEST(test_a_deletion_has_no_new_plate)
{
    static const char *const absent[] = {"new_plate_id", "new_plate_view", "new_data"};
    struct stand stand;
    json_t *answer;
    const json_t *row;

    stand_prepare(&stand);
    stand_fill(&stand, 2);
    stand_delete(&stand, "c1_1_51A00001", "51A00001", "twice");
    stand_start(&stand);
    answer = get(&stand, "/api/parking/history/changes", 200);
    row = json_array_get(json_object_get(answer, "changes"), 0);
    ck_assert_str_eq(json_string_value(json_object_get(row, "change_type")), "DELETE");
    ck_assert_str_eq(json_string_value(json_object_get(row, "old_plate_id")), "51A00001");
    expect_plate(json_object_get(row, "old_data"), "51A00001");
    for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
        ck_assert_msg(json_is_null(json_object_get(row, absent[i])), "%s", absent[i]);
    }
    json_decref(answer);
    stand_free(&stand);
}
END_TEST

START_TEST(test_corrections)
{
    const char *good = "{\"plate_id\":\"51A1\",\"plate_view\":\"51A-1\",\"reason\":\"r\","
                       "\"author\":\"Lan\",\"entry_time\":\"1970-01-01 00:01:00\"}";
    struct stand stand;

    setenv("TZ", "UTC", 1);
    stand_new(&stand);
    expect(&stand, "PUT", "/api/parking/history/5", good, 200,
           "{\"success\":true,\"event_id\":\"c1_1_X\",\"position\":");
    expect(&stand, "PUT", "/api/parking/history/404", good, 404,
           "entry_ms=60000 author=Lan reason=r ");
    expect(&stand, "PUT", "/api/parking/history/404", good, 404, "VISIT_UNKNOWN");
    expect(&stand, "PUT", "/api/parking/history/0", good, 404, "VISIT_UNKNOWN");
    expect(&stand, "PUT", "/api/parking/history/-4", good, 404, "VISIT_UNKNOWN");
    expect(&stand, "PUT", "/api/parking/history/5", "{\"plate_id\":\"51A1\"}", 400,
           "plate_id và plate_view là bắt buộc");
    expect(&stand, "PUT", "/api/parking/history/5", "{\"plate_id\":5,\"plate_view\":\"\"}", 400,
           "FIELD_INVALID");
    expect(&stand, "PUT", "/api/parking/history/5",
           "{\"plate_id\":\"51A1\",\"plate_view\":\"51A1\",\"exit_time\":\"noon\"}", 400,
           "exit_time");
    expect(&stand, "PUT", "/api/parking/history/5", "{", 400, "JSON_INVALID");
    expect(&stand, "DELETE", "/api/parking/history/5", NULL, 200, "\"success\":true");
    expect(&stand, "DELETE", "/api/parking/history/404", "{\"reason\":\"test\"}", 404,
           "reason=test ");
    expect(&stand, "DELETE", "/api/parking/history/5", "[", 400, "JSON_INVALID");
    stand_free(&stand);
}
END_TEST

START_TEST(test_fees)
{
    static const char *const bad[] = {"[1]",
                                      "{}",
                                      "{\"fees\":\"x\"}",
                                      "{\"fees\":{}}",
                                      "{\"fees\":{\"fee_base\":\"abc\"}}",
                                      "{\"fees\":{\"fee_base\":-1}}",
                                      "{\"fees\":{\"fee_base\":null}}",
                                      "{\"fees\":{\"fee_per_hour\":1.5}}",
                                      "{\"fees\":{\"fee_per_hour\":-1}}",
                                      "{\"fees\":{\"fee_per_hour\":1e300}}",
                                      "{\"fees\":{\"fee_base\":1e300}}"};
    struct stand stand;

    stand_new(&stand);
    expect(&stand, "GET", "/api/parking/fees", NULL, 200,
           "{\"success\":true,\"fees\":{\"fee_base\":0.5,\"fee_per_hour\":25000},"
           "\"source\":\"default\"}");
    expect(&stand, "PUT", "/api/parking/fees", "{\"fees\":{\"fee_base\":1.25}}", 200,
           "\"fees\":{\"fee_base\":1.25,\"fee_per_hour\":25000}");
    expect(&stand, "PUT", "/api/parking/fees", "{\"fees\":{\"fee_per_hour\":30000.0}}", 200,
           "\"fees\":{\"fee_base\":0.5,\"fee_per_hour\":30000}");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect(&stand, "PUT", "/api/parking/fees", bad[i], 400, "\"code\":\"FIELD_INVALID\"");
    }
    stand_free(&stand);
}
END_TEST

/* ---- the mesh -------------------------------------------------------------------------------- */

static void put_answer(zframe_t *question, struct buffer *out)
{
    struct supervisor_answer answer = {.problem = {.code = PROBLEM_OK}};
    struct supervisor_request request;

    ck_assert_int_eq(
        supervisor_request_unpack(
            &request, (struct slice){(const char *)zframe_data(question), zframe_size(question)}),
        0);
    answer.json = slice_text("{\"this_central\":{\"id\":\"c1\"}}");
    if (request.verb == SUPERVISOR_CONFIG_PUT) {
        (void)snprintf(answer.problem.text, sizeof answer.problem.text, "saved");
        if (request.json.len > 20) {
            (void)problem_set(&answer.problem, PROBLEM_CONFIG_INVALID, "look there", "bad key");
        }
    }
    ck_assert_int_eq(supervisor_answer_pack(&answer, out), 0);
}

static void put_report(struct buffer *out)
{
    struct peer_report peers[4] = {
        {.state = PEER_CONNECTED,
         .ip = "10.0.0.8",
         .api_port = 8000,
         .sync = SYNC_BEHIND,
         .behind = 3,
         .rtt_ms = 4,
         .lag_s = 2,
         .last_heard_ms = 1795361269088},
        {.state = PEER_PENDING, .rtt_ms = -1, .lag_s = -1, .problem = PROBLEM_UNKNOWN_PEER},
        {.state = PEER_UNKNOWN, .rtt_ms = -1, .lag_s = -1},
        {.state = PEER_UNKNOWN,
         .rtt_ms = -1,
         .lag_s = -1,
         .problem = PROBLEM_PEER_UNREACHABLE,
         .last_error = "nobody listens"}};
    struct mesh_report report = {.running = true, .peers = peers, .count = 4, .sent = 12};

    (void)node_id_parse(slice_text("c2"), &peers[0].id);
    (void)node_id_parse(slice_text("c9"), &peers[1].id);
    (void)node_id_parse(slice_text("c3"), &peers[2].id);
    (void)node_id_parse(slice_text("c4"), &peers[3].id);
    ck_assert_int_eq(mesh_report_pack(&report, out), 0);
}

/* Answers for the supervisor and for the mesh. */
static void others(zsock_t *pipe, void *argument)
{
    zsock_t *supervisor = zsock_new_router("@" COMMAND_SUPERVISOR);
    zsock_t *mesh = zsock_new_router("@" MESH_REPORT_ENDPOINT);
    zpoller_t *poller = zpoller_new(pipe, supervisor, mesh, NULL);
    zsock_t *ready;

    (void)argument;
    zsock_signal(pipe, 0);
    while ((ready = zpoller_wait(poller, -1)) != pipe) {
        zframe_t *routing = zframe_recv(ready), *question = zframe_recv(ready);
        struct buffer packed = {0};
        if (ready == mesh) {
            put_report(&packed);
        } else {
            put_answer(question, &packed);
        }
        (void)zframe_send(&routing, ready, ZFRAME_MORE);
        (void)zmq_send(zsock_resolve(ready), packed.data, packed.len, 0);
        zframe_destroy(&question);
        buffer_free(&packed);
    }
    zpoller_destroy(&poller);
    zsock_destroy(&supervisor);
    zsock_destroy(&mesh);
}

/* The first "status" behind the id of a central. */
static void expect_status(const struct stand *stand, const char *target, const char *id,
                          const char *status)
{
    struct reply reply = stand_ask(stand, "GET", target, NULL, NULL);
    const char *peer, *found;

    ck_assert_int_eq(reply.status, 200);
    peer = strstr(reply.body, id);
    ck_assert_ptr_nonnull(peer);
    found = strstr(peer, "\"status\":\"");
    ck_assert_ptr_nonnull(found);
    ck_assert_msg(strncmp(found + 10, status, strlen(status)) == 0, "%s of %s: %s", target, id,
                  found);
    stand_reply_free(&reply);
}

START_TEST(test_mesh)
{
    struct stand stand;
    zactor_t *actor;

    stand_new(&stand);
    expect(&stand, "GET", "/api/p2p/status", NULL, 200, "\"running\":false");
    actor = zactor_new(others, NULL);
    expect(&stand, "GET", "/api/p2p/config", NULL, 200,
           "{\"success\":true,\"config\":{\"this_central\":{\"id\":\"c1\"}}}");
    expect(&stand, "PUT", "/api/p2p/config", "{\"bind\":\"x\"}", 200,
           "\"message\":\"saved\",\"registration_results\":[],"
           "\"unregistration_results\":[],\"config\":{");
    expect(&stand, "PUT", "/api/p2p/config", "{\"unknown_key\":\"long value\"}", 400,
           "\"error\":\"bad key\",\"code\":\"CONFIG_INVALID\",\"hint\":\"look there\"");
    expect(&stand, "PUT", "/api/p2p/config", "[", 400, "JSON_INVALID");
    expect(&stand, "POST", "/api/p2p/stop", NULL, 200, "\"message\":\"Mạng P2P đã dừng\"");
    expect(&stand, "POST", "/api/p2p/start", NULL, 200, "\"success\":true");
    expect(&stand, "GET", "/api/p2p/status", NULL, 200,
           "\"running\":true,\"standalone_mode\":false,\"total_peers\":3,\"connected_peers\":1,"
           "\"messages_sent\":12");
    expect(&stand, "GET", "/api/p2p/status", NULL, 200,
           "\"peers\":[{\"peer_id\":\"c2\",\"peer_ip\":\"10.0.0.8\",\"peer_port\":8000");
    expect(&stand, "GET", "/api/p2p/status", NULL, 200, "\"pending\":[{\"peer_id\":\"c9\"");
    expect(&stand, "GET", "/api/p2p/status", NULL, 200, "MESH_WITHOUT_SECRET");
    expect_status(&stand, "/api/p2p/status", "\"c2\"", "connected\"");
    expect_status(&stand, "/api/p2p/status", "\"c3\"", "connecting\"");
    expect_status(&stand, "/api/p2p/status", "\"c4\"", "disconnected\"");
    expect_status(&stand, "/api/v1/peers", "\"c3\"", "connecting\"");
    expect_status(&stand, "/api/v1/peers", "\"c4\"", "disconnected\"");
    expect_status(&stand, "/api/v1/peers", "\"c9\"", "pending\"");
    expect(&stand, "GET", "/api/p2p/sync-state", NULL, 200, "\"sync_state\":[]");
    zactor_destroy(&actor);
    stand_free(&stand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("visits");
    TCase *tests = tcase_create("visits");

    tcase_add_test(tests, test_list);
    tcase_add_test(tests, test_filters);
    tcase_add_test(tests, test_bad_parameters);
    tcase_add_test(tests, test_dump_is_streamed);
    tcase_add_test(tests, test_changes);
    tcase_add_test(tests, test_a_deletion_has_no_new_plate);
    tcase_add_test(tests, test_corrections);
    tcase_add_test(tests, test_fees);
    tcase_add_test(tests, test_mesh);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
