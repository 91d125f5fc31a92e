/* WebSocket clients of /ws/history. */
#include "support_stand.h"
#include "tests/support_main.h"

#include "api/notice.h"
#include "proto/clock.h"
#include "proto/event.h"
#include "proto/limits.h"
#include "proto/run.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

#define RESYNC \
    "{\"type\":\"history_update\",\"data\":{\"type\":\"resync\",\"event_type\":\"ENTRY\"}}"

static void expect_text(int fd, const char *part)
{
    static char text[70000];
    size_t len;
    int opcode = stand_frame(fd, text, sizeof text, &len);

    ck_assert_int_eq(opcode, 1);
    ck_assert_msg(strstr(text, part) != NULL, "%s lacks %s", text, part);
}

/* ---- facts ----------------------------------------------------------------------------------- */

/* A run of one event of stream (node, 1). */
static void pack_run(const char *node, struct event *event, struct buffer *out)
{
    struct buffer header = {0}, body = {0}, items = {0};
    struct stream stream = {.epoch = 1};
    struct digest before = {{0}}, hash, after;

    ck_assert(node_id_parse(slice_text(node), &stream.node));
    event->hlc = 1;
    ck_assert_int_eq(event_pack(event, &header, &body), 0);
    hash = body_hash(buffer_slice(&body));
    after = chain_next(&before, buffer_slice(&header), &hash);
    ck_assert_int_eq(run_put_item(&items, buffer_slice(&header), buffer_slice(&body), &hash), 0);
    ck_assert_int_eq(run_pack(out, &stream, 1, &before, &after, &items, 1), 0);
    buffer_free(&header);
    buffer_free(&body);
    buffer_free(&items);
}

static struct fact_visit visit_row(const char *event_id, const char *status)
{
    return (struct fact_visit){.event_id = slice_text(event_id),
                               .history_id = 9,
                               .revision = 1,
                               .status = slice_text(status),
                               .plate_id = slice_text("51F20417"),
                               .plate_view = slice_text("51F-204.17"),
                               .entry_ms = 0,
                               .exit_ms = EVENT_NONE,
                               .fee = 0};
}

/* One event and one visit, as the notices say it. */
struct told {
    char text[4096];
    int count;
};

static void tell(void *context, struct slice message)
{
    struct told *told = context;

    told->count++;
    (void)snprintf(told->text, sizeof told->text, "%.*s", (int)message.len, message.data);
}

static struct told notice(const char *node, enum fact_origin origin, struct event *event,
                          const char *status)
{
    struct buffer run = {0};
    struct fact_event item = {.lsn = 1, .origin = origin};
    struct fact_visit visit = visit_row("v1", status != NULL ? status : "");
    struct fact fact = {.batch = 1,
                        .items = &item,
                        .item_count = 1,
                        .visits = &visit,
                        .visit_count = status != NULL ? 1 : 0};
    struct node_id self;
    struct told told = {.count = 0};

    ck_assert(node_id_parse(slice_text("c1"), &self));
    event->visit = slice_text("v1");
    event->plate_id = slice_text("51F20417");
    event->camera_id = slice_text("3");
    pack_run(node, event, &run);
    item.run = buffer_slice(&run);
    notice_each(&fact, &self, tell, &told);
    buffer_free(&run);
    return told;
}

START_TEST(test_notices)
{
    static const struct {
        const char *node;
        enum fact_origin origin;
        enum event_kind kind;
        const char *status, *part; /* status NULL: the event has no visit */
    } rows[] = {
        {"c1", FACT_LOCAL, EVENT_VEHICLE_ENTRY_PENDING, "IN",
         "{\"type\":\"history_update\",\"data\":{\"event_type\":\"ENTRY\",\"camera_id\":3,"
         "\"camera_name\":null,\"camera_type\":null,\"success\":true,\"action\":\"ENTRY\","
         "\"message\":\"Xe 51F20417 VÀO "
         "bãi\",\"plate_id\":\"51F20417\",\"plate_view\":null,\"history_id\":9,"},
        {"c1", FACT_LOCAL, EVENT_VEHICLE_ENTRY_PENDING, "SUPERSEDED",
         "\"success\":false,\"action\":\"ENTRY\",\"code\":\"ALREADY_INSIDE\""},
        {"c1", FACT_LOCAL, EVENT_VEHICLE_EXIT, "OUT",
         "\"action\":\"EXIT\",\"message\":\"Xe 51F20417 RA bãi\","},
        /* it closed nothing: no times, no fee */
        {"c1", FACT_LOCAL, EVENT_VEHICLE_EXIT, "DELETED",
         "\"code\":\"NO_OPEN_VISIT\",\"plate_id\":\"51F20417\",\"plate_view\":null,"
         "\"history_id\":9,\"event_id\":\"v1\"}}"},
        {"c1", FACT_LOCAL, EVENT_VEHICLE_EXIT, NULL,
         "\"code\":\"NO_OPEN_VISIT\",\"plate_id\":\"51F20417\",\"plate_view\":null,"
         "\"history_id\":null,\"event_id\":\"v1\"}}"},
        {"c1", FACT_LOCAL, EVENT_HISTORY_UPDATE, NULL,
         "\"type\":\"updated\",\"event_type\":\"ENTRY\",\"history_id\":null,"},
        {"c1", FACT_LOCAL, EVENT_VEHICLE_EXIT, "OUT",
         "\"duration\":\"1 giờ 0 phút\",\"fee\":0,\"event_id\":\"v1\"}}"},
        {"c2", FACT_LIVE, EVENT_VEHICLE_ENTRY_PENDING, "IN",
         "\"data\":{\"type\":\"p2p_entry_synced\",\"event_type\":\"ENTRY\",\"event_id\":\"v1\","
         "\"source_central\":\"c2\",\"edge_id\":3,"},
        {"c2", FACT_LIVE, EVENT_VEHICLE_EXIT, "OUT",
         "\"data\":{\"type\":\"p2p_exit_synced\",\"event_type\":\"EXIT\",\"event_id\":\"v1\","
         "\"exit_central\":\"c2\",\"exit_edge\":3,"},
        {"c1", FACT_LOCAL, EVENT_LOCATION_UPDATE, "IN",
         "\"data\":{\"event_type\":\"ENTRY\",\"event_id\":\"v1\",\"plate_id\":\"51F20417\","
         "\"is_anomaly\":true,"},
        {"c1", FACT_LOCAL, EVENT_LOCATION_UPDATE, "SUPERSEDED",
         "\"data\":{\"event_type\":\"LOCATION_UPDATE\","},
        {"c2", FACT_LIVE, EVENT_LOCATION_UPDATE, "IN", "\"action\":\"entry_created\""},
        {"c2", FACT_LIVE, EVENT_LOCATION_UPDATE, "SUPERSEDED", "\"action\":\"location_updated\""},
        {"c1", FACT_LOCAL, EVENT_HISTORY_UPDATE, "IN", "\"type\":\"updated\""},
        {"c2", FACT_LIVE, EVENT_HISTORY_DELETE, "DELETED",
         "\"type\":\"deleted\",\"event_type\":\"EXIT\",\"history_id\":9,\"event_id\":\"v1\""},
        {"c2", FACT_SYNC, EVENT_VEHICLE_EXIT, "OUT", "\"data\":{\"type\":\"visit\""}};

    ck_assert_int_eq(random_start(), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct event event;
        struct told told;
        event_init(&event, rows[i].kind);
        event.t_eff = 3600000;
        told = notice(rows[i].node, rows[i].origin, &event, rows[i].status);
        ck_assert_msg(told.count == 1 && strstr(told.text, rows[i].part) != NULL, "%zu: %d %s", i,
                      told.count, told.text);
    }
}
END_TEST

/* The row of a vehicle that was seen in a lot changes with the sighting: one notice, the
 * sighting's, for the last one is all that a page gets within 100 ms. */
START_TEST(test_a_sighting_is_one_notice)
{
    struct buffer run = {0};
    struct fact_event item = {.lsn = 1, .origin = FACT_LOCAL};
    struct fact_visit visit = visit_row("v1", "IN");
    struct fact fact = {
        .batch = 1, .items = &item, .item_count = 1, .visits = &visit, .visit_count = 1};
    struct node_id self = {"c1"};
    struct told told = {.count = 0};
    struct event event;

    ck_assert_int_eq(random_start(), 0);
    event_init(&event, EVENT_LOCATION_UPDATE);
    event.visit = slice_text("v2");
    event.plate_id = slice_text("51F20417");
    event.location = slice_text("B1");
    event.t_eff = 3600000;
    pack_run("c1", &event, &run);
    item.run = buffer_slice(&run);
    visit.revision = 2;
    notice_each(&fact, &self, tell, &told);
    ck_assert_int_eq(told.count, 1);
    ck_assert_ptr_nonnull(strstr(told.text, "\"event_type\":\"LOCATION_UPDATE\""));
    ck_assert_ptr_nonnull(strstr(told.text, "\"location\":\"B1\""));
    buffer_free(&run);
}
END_TEST

START_TEST(test_many_changes_are_one_notice)
{
    static struct fact_visit visits[NOTICE_MAX + 1];
    struct fact fact = {.visits = visits, .visit_count = NOTICE_MAX};
    struct node_id self = {"c1"};
    struct told told = {.count = 0};

    for (size_t i = 0; i <= NOTICE_MAX; i++) {
        visits[i] = visit_row("v", "IN");
    }
    notice_each(&fact, &self, tell, &told);
    ck_assert_int_eq(told.count, NOTICE_MAX);
    told.count = 0;
    fact.visit_count++;
    notice_each(&fact, &self, tell, &told);
    ck_assert_int_eq(told.count, 1);
    ck_assert_str_eq(told.text, RESYNC);
}
END_TEST

/* ---- clients --------------------------------------------------------------------------------- */

static void publish_visit(struct stand *stand, uint64_t batch, const char *event_id)
{
    struct fact_visit visit = visit_row(event_id, "IN");
    struct fact fact = {.batch = batch, .visits = &visit, .visit_count = 1};

    stand_publish(stand, &fact);
}

/* The next message that is about `event_id`; how many came before it. */
static int read_up_to(int fd, const char *event_id)
{
    char text[4096], part[64];
    size_t len;

    (void)snprintf(part, sizeof part, "\"event_id\":\"%s\"", event_id);
    for (int before = 0;; before++) {
        ck_assert_int_eq(stand_frame(fd, text, sizeof text, &len), 1);
        if (strstr(text, part) != NULL) {
            return before;
        }
    }
}

START_TEST(test_a_page_is_told)
{
    struct stand stand;
    int a, b;

    stand_new(&stand);
    a = stand_websocket(&stand, "/ws/history", 0);
    b = stand_websocket(&stand, "/ws/history", 0);
    expect_text(a, RESYNC);
    expect_text(b, RESYNC);
    publish_visit(&stand, 1, "v1");
    expect_text(a, "\"event_id\":\"v1\"");
    publish_visit(&stand, 9, "lost"); /* a gap: something was missed */
    expect_text(a, RESYNC);
    (void)close(a);
    publish_visit(&stand, 10, "v3");
    (void)read_up_to(b, "v3");
    (void)close(b);
    stand_free(&stand);
}
END_TEST

/* However much happens, a page is told ten times a second; and the last thing it is always told. */
START_TEST(test_notices_are_coalesced)
{
    struct stand stand;
    int64_t started_ms = clock_mono_ms(), elapsed_ms;
    int fd, told;

    stand_new(&stand);
    fd = stand_websocket(&stand, "/ws/history", 0);
    expect_text(fd, RESYNC);
    for (uint64_t batch = 1; batch <= 2000; batch++) {
        publish_visit(&stand, batch, batch < 2000 ? "v" : "last");
    }
    told = read_up_to(fd, "last");
    elapsed_ms = clock_mono_ms() - started_ms;
    ck_assert_msg(told <= elapsed_ms / LIMIT_NOTICE_MS + 1, "%d notices in %d ms", told,
                  (int)elapsed_ms);
    (void)close(fd);
    stand_free(&stand);
}
END_TEST

START_TEST(test_frames_of_clients)
{
    static const struct {
        int first_byte;
        const char *payload;
        int code; /* of the close frame */
    } rows[] = {{0x88, "\x03\xe8", 1000}, {0x83, "x", 1002}, {0xf1, "x", 1002}, {0x82, "x", 1003}};
    struct stand stand;
    char text[200];
    size_t len;
    int fd;

    stand_new(&stand);
    fd = stand_websocket(&stand, "/ws/history", 0);
    expect_text(fd, RESYNC);
    stand_send_frame(fd, 0x81, "ignored", 7);
    stand_send_frame(fd, 0x89, "hi", 2);
    ck_assert_int_eq(stand_frame(fd, text, sizeof text, &len), 10);
    ck_assert_str_eq(text, "hi");
    (void)close(fd);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        /* the place of the one before is free again once its worker noticed */
        fd = stand_websocket(&stand, "/ws/history", 0);
        expect_text(fd, RESYNC);
        stand_send_frame(fd, rows[i].first_byte, rows[i].payload, strlen(rows[i].payload));
        ck_assert_int_eq(stand_frame(fd, text, sizeof text, &len), 8);
        ck_assert_int_eq(((unsigned char)text[0] << 8) | (unsigned char)text[1], rows[i].code);
        ck_assert_int_eq(stand_frame(fd, text, sizeof text, &len), -1);
        (void)close(fd);
    }
    stand_free(&stand);
}
END_TEST

/* The answer's status to a WebSocket handshake. */
static int try_websocket(const struct stand *stand)
{
    struct reply reply = stand_ask(stand, "GET", "/ws/history",
                                   "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                                   "Sec-WebSocket-Version: 13\r\n"
                                   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                                   NULL);
    int status = reply.status;

    stand_reply_free(&reply);
    return status;
}

START_TEST(test_too_many_clients)
{
    struct stand stand;
    int fds[3];

    stand_new(&stand);
    for (int i = 0; i < 3; i++) {
        fds[i] = stand_websocket(&stand, "/ws/history", 0);
        expect_text(fds[i], RESYNC);
    }
    ck_assert_int_eq(try_websocket(&stand), 503);
    for (int i = 0; i < 3; i++) {
        (void)close(fds[i]);
    }
    stand_free(&stand);
}
END_TEST

START_TEST(test_stop_says_going_away)
{
    struct stand stand;
    char text[200];
    size_t len;
    int fd;

    stand_new(&stand);
    fd = stand_websocket(&stand, "/ws/history", 0);
    expect_text(fd, RESYNC);
    api_stop(&stand.api);
    ck_assert_int_eq(stand_frame(fd, text, sizeof text, &len), 8);
    ck_assert_int_eq(((unsigned char)text[0] << 8) | (unsigned char)text[1], 1001);
    (void)close(fd);
    stand_free(&stand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws_history");
    TCase *tests = tcase_create("ws_history");

    tcase_add_test(tests, test_notices);
    tcase_add_test(tests, test_a_sighting_is_one_notice);
    tcase_add_test(tests, test_many_changes_are_one_notice);
    tcase_add_test(tests, test_a_page_is_told);
    tcase_add_test(tests, test_notices_are_coalesced);
    tcase_add_test(tests, test_frames_of_clients);
    tcase_add_test(tests, test_too_many_clients);
    tcase_add_test(tests, test_stop_says_going_away);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
