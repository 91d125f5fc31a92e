/* GET /api/cameras, POST /api/edge/heartbeat, the cameras of GET /api/status. */
#include "support_stand.h"
#include "tests/support_main.h"

#include "api/cameras.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static void ask(const struct stand *stand, const char *method, const char *target, const char *body,
                int status, const char *part)
{
    struct reply reply = stand_ask(stand, method, target, NULL, body);

    ck_assert_msg(reply.status == status, "%s -> %d %s", body != NULL ? body : target, reply.status,
                  reply.body);
    ck_assert_msg(strstr(reply.body, part) != NULL, "%s lacks %s", reply.body, part);
    stand_reply_free(&reply);
}

static void beat(const struct stand *stand, const char *body, int status, const char *part)
{
    ask(stand, "POST", "/api/edge/heartbeat", body, status, part);
}

/* ---- waiting --------------------------------------------------------------------------------- */

struct watcher {
    struct cameras *cameras;
    atomic_bool stop;
    pthread_t thread;
};

static void *watch(void *argument)
{
    struct watcher *watcher = argument;
    struct cameras_mark mark = {0};

    while (!atomic_load(&watcher->stop)) {
        cameras_wait(watcher->cameras, &mark, INT64_MAX, &watcher->stop);
    }
    return NULL;
}

/* Two servers have one list for a moment; the end of one does not swallow that of the other. */
START_TEST(test_each_ends_by_its_own_word)
{
    struct cameras *cameras = cameras_new();

    for (int round = 0; round < 200; round++) {
        struct watcher watchers[2] = {{.cameras = cameras}, {.cameras = cameras}};
        for (int i = 0; i < 2; i++) {
            ck_assert_int_eq(pthread_create(&watchers[i].thread, NULL, watch, &watchers[i]), 0);
        }
        for (int i = 0; i < 2; i++) {
            atomic_store(&watchers[i].stop, true);
            cameras_wake(cameras);
            ck_assert_int_eq(pthread_join(watchers[i].thread, NULL), 0);
        }
    }
    cameras_destroy(&cameras);
}
END_TEST

/* ---- over HTTP ------------------------------------------------------------------------------- */

START_TEST(test_list)
{
    static struct camera_setting items[] = {
        {.id = 3, .name = "North \"gate\"", .ip = "10.20.0.31", .type = "EXIT"},
        {.id = 4, .name = "South", .ip = "10.20.0.32", .type = "ENTRY"},
        {.id = 5, .name = "", .ip = "", .type = "PARKING_LOT"}};
    struct stand stand;

    stand_new(&stand);
    ask(&stand, "GET", "/api/cameras", NULL, 200,
        "{\"success\":true,\"total\":0,\"online\":0,\"offline\":0,\"cameras\":[]}");
    cameras_configure(stand.options.cameras,
                      &(struct camera_settings){.items = items, .count = 3, .timeout_ms = 60000});
    beat(&stand,
         "{\"camera_id\":3,\"camera_name\":\"own\",\"camera_type\":\"ENTRY\",\"events_sent\":17,"
         "\"events_failed\":2,\"status\":\"offline\",\"timestamp\":1}",
         200, "{\"success\":true}");
    ask(&stand, "GET", "/api/cameras", NULL, 200,
        "\"cameras\":[{\"id\":3,\"name\":\"North \\\"gate\\\"\",\"type\":\"EXIT\",\"status\":"
        "\"online\",\"last_heartbeat\":\"20");
    ask(&stand, "GET", "/api/cameras", NULL, 200,
        "\"stream_proxy\":{\"available\":true,\"default_mode\":\"annotated\","
        "\"supports_annotated\":true},\"control_proxy\":{\"available\":true,\"base_url\":"
        "\"http://10.20.0.31:5000\",\"info_url\":\"http://10.20.0.31:5000/api/camera/info\","
        "\"ws_url\":\"ws://10.20.0.31:5000/ws/detections\"}},{\"id\":4,");
    ask(&stand, "GET", "/api/cameras", NULL, 200,
        "{\"id\":4,\"name\":\"South\",\"type\":\"ENTRY\",\"status\":\"offline\",\"last_heartbeat\":"
        "null,\"events_sent\":0,\"events_failed\":0,\"clock_offset_ms\":null,\"location\":null,");
    ask(&stand, "GET", "/api/cameras", NULL, 200,
        "/ws/detections\"},\"config_only\":true},{\"id\":5,\"name\":\"Camera 5\"");
    ask(&stand, "GET", "/api/cameras", NULL, 200,
        "\"config_only\":true,\"config_missing\":true}]}");
    ask(&stand, "GET", "/api/cameras", NULL, 200,
        "{\"success\":true,\"total\":3,\"online\":1,\"offline\":2,");
    ask(&stand, "GET", "/api/status", NULL, 200,
        "\"cameras\":{\"total\":3,\"online\":1,\"offline\":2,\"cameras\":[{\"id\":3,");
    /* K-10: nobody configured it, and it is there. */
    beat(&stand, "{\"camera_id\":\"8\",\"camera_name\":\"B\",\"camera_type\":\"ENTRY\"}", 200, "");
    ask(&stand, "GET", "/api/cameras", NULL, 200,
        "{\"id\":8,\"name\":\"B\",\"type\":\"ENTRY\",\"status\":\"online\",");
    ask(&stand, "GET", "/api/cameras", NULL, 200, "\"total\":4,\"online\":2,\"offline\":2,");
    /* K-08, and silence without the passing of time: a time-out that is over already. */
    cameras_configure(stand.options.cameras,
                      &(struct camera_settings){.items = items, .count = 1, .timeout_ms = -1});
    ask(&stand, "GET", "/api/cameras", NULL, 200, "/ws/detections\"},\"connection_lost\":true},");
    ask(&stand, "GET", "/api/cameras", NULL, 200,
        "\"config_missing\":true,\"connection_lost\":true}]}");
    ask(&stand, "GET", "/api/cameras", NULL, 200, "\"total\":2,\"online\":0,\"offline\":2,");
    stand_free(&stand);
}
END_TEST

START_TEST(test_heartbeats_refused)
{
    static const struct {
        const char *body, *part;
    } cases[] = {
        {"{\"camera_name\":\"x\",\"camera_type\":\"ENTRY\"}", "camera_id"}, /* K-03 */
        {"{\"camera_id\":null,\"camera_name\":\"x\",\"camera_type\":\"ENTRY\"}", "camera_id"},
        {"{\"camera_id\":0,\"camera_name\":\"x\",\"camera_type\":\"ENTRY\"}", "camera_id"},
        {"{\"camera_id\":-1,\"camera_name\":\"x\",\"camera_type\":\"ENTRY\"}", "camera_id"},
        {"{\"camera_id\":1.5,\"camera_name\":\"x\",\"camera_type\":\"ENTRY\"}", "camera_id"},
        {"{\"camera_id\":\"cam\",\"camera_name\":\"x\",\"camera_type\":\"ENTRY\"}", "camera_id"},
        {"{\"camera_id\":2}", "camera_name"},
        {"{\"camera_id\":2,\"camera_name\":7,\"camera_type\":\"ENTRY\"}", "camera_name"},
        {"{\"camera_id\":2,\"camera_name\":\"x\"}", "camera_type"},
        {"{\"camera_id\":2,\"camera_name\":\"x\",\"camera_type\":\"0123456789abcdef\"}",
         "camera_type"},
        {"[]", "object"}};
    struct stand stand;

    stand_new(&stand);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        beat(&stand, cases[i].body, 400, cases[i].part);
        beat(&stand, cases[i].body, 400, "\"code\":\"FIELD_INVALID\"");
    }
    beat(&stand, "x", 400, "JSON_INVALID");
    beat(&stand,
         "{\"camera_id\":2,\"camera_name\":\"x\",\"camera_type\":\"EXIT\",\"events_sent\":-5,"
         "\"events_failed\":1e300}",
         200, "true");
    ask(&stand, "GET", "/api/cameras", NULL, 200, "\"events_sent\":0,\"events_failed\":0,");
    ask(&stand, "GET", "/api/cameras", NULL, 200, "\"total\":1,\"online\":1,\"offline\":0,");
    stand_free(&stand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cameras");
    TCase *tests = tcase_create("cameras");

    tcase_add_test(tests, test_each_ends_by_its_own_word);
    tcase_add_test(tests, test_list);
    tcase_add_test(tests, test_heartbeats_refused);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
