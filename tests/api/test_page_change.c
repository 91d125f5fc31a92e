/* What a settings page asks for, read against what it was shown. */
#include "api/page_change.h"

#include "tests/support_main.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static const char PRESENT[] =
    "{\"this_central\":{\"id\":\"a\",\"ip\":\"10.0.0.1\",\"p2p_port\":9000,\"api_port\":8000},"
    "\"bind\":\"\",\"data_dir\":\"data\",\"cameras\":{\"heartbeat_timeout_s\":60,\"items\":{"
    "\"3\":{\"name\":\"N\",\"ip\":\"10.0.0.3\",\"camera_type\":\"ENTRY\",\"parking_lot_capacity\":"
    "0},"
    "\"7\":{\"name\":\"Deck\",\"ip\":\"\",\"camera_type\":\"PARKING_LOT\","
    "\"parking_lot_capacity\":40}}}}";

static json_t *present;
static struct page_change change;

static void setup(void)
{
    present = json_loads(PRESENT, 0, NULL);
    ck_assert_ptr_nonnull(present);
}

static void teardown(void)
{
    page_change_free(&change);
    json_decref(present);
}

static int read_body(const char *text)
{
    json_t *body = json_loads(text, 0, NULL);
    int rc;

    ck_assert_msg(body != NULL, "%s", text);
    page_change_free(&change);
    change =
        (struct page_change){.present = present, .tariff = {.free_s = 1800, .per_hour = 25000}};
    rc = page_change_read(&change, body);
    json_decref(body);
    return rc;
}

static void expect(const json_t *value, const char *text)
{
    json_t *wanted = json_loads(text, JSON_DECODE_ANY, NULL);
    char *shown = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    ck_assert_msg(json_equal(value, wanted), "%s, wanted %s", shown, text);
    free(shown);
    json_decref(wanted);
}

static void expect_change(const char *cameras, const char *home, const char *not_applied)
{
    expect(change.cameras, cameras);
    expect(change.home, home);
    expect(change.not_applied, not_applied);
}

/* A page that saves what it was shown changes nothing. */
START_TEST(test_as_shown)
{
    ck_assert_int_eq(
        read_body("{\"backend_type\":\"central\",\"server\":{\"host\":\"10.0.0.1\",\"port\":8000},"
                  "\"database\":{\"db_file\":\"data/central.db\"},\"camera\":"
                  "{\"heartbeat_timeout\":60},\"parking\":{\"fee_base\":0.5,\"fee_per_hour\":25000,"
                  "\"api_url\":\"\"},\"staff\":{\"api_url\":\"\"},\"subscriptions\":{\"api_url\":"
                  "\"\"},\"report\":{\"api_url\":\"\"},\"central_server\":{\"ip\":\"10.0.0.1\"},"
                  "\"central_sync\":{\"servers\":[]}}"),
        0);
    expect_change("{}", "{}", "[]");
    ck_assert(!change.sets_tariff && !change.names_cameras);
}
END_TEST

START_TEST(test_wishes)
{
    ck_assert_int_eq(read_body("{\"server\":{\"host\":\"0.0.0.0\",\"port\":8001},"
                               "\"central_server\":{\"ip\":\"\"},\"camera\":"
                               "{\"heartbeat_timeout\":90},\"parking\":{\"fee_base\":0.5,"
                               "\"fee_per_hour\":30000}}"),
                     0);
    expect_change("{\"heartbeat_timeout_s\":90}",
                  "{\"bind\":\"*\",\"this_central\":{\"api_port\":8001,\"ip\":\"auto\"}}", "[]");
    ck_assert(change.sets_tariff);
    ck_assert_int_eq(change.tariff.free_s, 1800);
    ck_assert_int_eq(change.tariff.per_hour, 30000);
}
END_TEST

START_TEST(test_cameras_replace)
{
    ck_assert_int_eq(read_body("{\"edge_cameras\":{\"3\":{\"name\":\"M\",\"colour\":1},\"9\":{}}}"),
                     0);
    expect_change("{\"items\":{\"3\":{\"name\":\"M\"},\"7\":null,\"9\":{}}}", "{}",
                  "[\"edge_cameras.3.colour\"]");
    ck_assert(change.names_cameras);
}
END_TEST

/* C-06 */
START_TEST(test_one_lot)
{
    ck_assert_int_eq(read_body("{\"parking_lot\":{\"capacity\":50}}"), 0);
    expect_change("{\"items\":{\"7\":{\"parking_lot_capacity\":50}}}", "{}", "[]");
    ck_assert_int_eq(read_body("{\"parking_lot\":{\"capacity\":50},\"edge_cameras\":{\"7\":{},"
                               "\"8\":{\"camera_type\":\"PARKING_LOT\"}}}"),
                     0);
    expect(change.not_applied, "[\"parking_lot.capacity\"]");
    ck_assert_int_eq(read_body("{\"parking_lot\":{\"capacity\":50},\"edge_cameras\":{\"8\":{"
                               "\"camera_type\":\"PARKING_LOT\"}}}"),
                     0);
    expect(change.cameras, "{\"items\":{\"3\":null,\"7\":null,\"8\":{\"camera_type\":"
                           "\"PARKING_LOT\",\"parking_lot_capacity\":50}}}");
    ck_assert_int_eq(read_body("{\"parking_lot\":5}"), 0);
    expect_change("{}", "{}", "[\"parking_lot\"]");
}
END_TEST

START_TEST(test_not_applied)
{
    ck_assert_int_eq(read_body("{\"barrier\":{\"enabled\":true},\"backend_type\":\"edge\","
                               "\"database\":{\"db_file\":\"x\"},\"camera\":"
                               "{\"heartbeat_timeout\":60,\"x\":1},\"report\":{\"y\":1}}"),
                     0);
    expect_change("{}", "{}",
                  "[\"barrier\",\"backend_type\",\"database\",\"camera.x\",\"report.y\"]");
}
END_TEST

START_TEST(test_refused)
{
    static const struct {
        const char *body, *word;
    } cases[] = {{"{\"parking\":{\"api_url\":\"http://x\"}}", "parking.api_url"},
                 {"{\"staff\":{\"api_url\":7}}", "staff.api_url"},
                 {"{\"central_sync\":{\"servers\":[1]}}", "central_sync.servers"},
                 {"{\"server\":{\"host\":\"x\"}}", "server"},
                 {"{\"server\":7}", "server"},
                 {"{\"central_server\":{\"ip\":null}}", "central_server.ip"},
                 {"{\"camera\":{\"heartbeat_timeout\":\"60\"}}", "camera.heartbeat_timeout"},
                 {"{\"parking\":{\"fee_base\":null}}", "fee_base"},
                 {"{\"edge_cameras\":{\"3\":7}}", "edge_cameras.3"},
                 {"{\"edge_cameras\":[]}", "edge_cameras"}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_msg(read_body(cases[i].body) == -1, "%s", cases[i].body);
        ck_assert_msg(strstr(change.error, cases[i].word) != NULL, "%s: %s", cases[i].body,
                      change.error);
    }
}
END_TEST

/* What is wrong is said in the page's own words. */
START_TEST(test_names)
{
    static const struct {
        const char *ours, *page;
    } rows[] = {
        {"bind: no address", "server.host: no address"},
        {"this_central.api_port: out of range; cameras.items.3.ip: no address; bind: x",
         "server.port: out of range; edge_cameras.3.ip: no address; server.host: x"},
        {"this_central.ip: no address", "central_server.ip: no address"},
        {"cameras.heartbeat_timeout_s: 5 to 3600", "camera.heartbeat_timeout: 5 to 3600"},
        {"bus.bind: it stays; binding: so does this", "bus.bind: it stays; binding: so does this"},
        {"port 9000 is also that of bind: only a start is a name",
         "port 9000 is also that of bind: only a start is a name"},
        {"bind", "bind"},
        {"", ""}};
    char text[300];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        page_change_name(rows[i].ours, text, sizeof text);
        ck_assert_str_eq(text, rows[i].page);
    }
    page_change_name(rows[0].ours, text, 9);
    ck_assert_str_eq(text, "server.h");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page change");
    TCase *tests = tcase_create("page change");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_as_shown);
    tcase_add_test(tests, test_wishes);
    tcase_add_test(tests, test_cameras_replace);
    tcase_add_test(tests, test_one_lot);
    tcase_add_test(tests, test_not_applied);
    tcase_add_test(tests, test_refused);
    tcase_add_test(tests, test_names);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
