/* Camera boxes: what they are told about a fact, and what becomes of what they say when the node
 * does not answer well. */
#include "support_stand.h"
#include "tests/support_main.h"

#include "api/edge_message.h"
#include "proto/event.h"
#include "proto/run.h"

#include <check.h>
#include <string.h>
#include <unistd.h>

#define HELLO "{\"edge_id\": 3, \"ack\": true}"

/* ---- messages of a fact ---------------------------------------------------------------------- */

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

struct told {
    char text[4096], sender[80];
    int count;
};

static void tell(void *context, enum edge_message_kind kind, const char *sender, struct slice text)
{
    struct told *told = context;

    told->count++;
    (void)snprintf(told->text, sizeof told->text, "%.*s", (int)text.len, text.data);
    (void)snprintf(told->sender, sizeof told->sender, "%s", sender);
    ck_assert_int_eq(kind == EDGE_MESSAGE_INSIDE, strstr(told->text, ":\"ENTRY\"") != NULL);
}

START_TEST(test_messages)
{
    static const struct {
        const char *node;
        enum fact_origin origin;
        enum event_kind kind;
        const char *status;
        int64_t revision;
        const char *sender, *part; /* NULL = nothing is said */
    } rows[] = {
        {"c1", FACT_LOCAL, EVENT_VEHICLE_ENTRY_PENDING, "IN", 1, "3",
         "{\"type\":\"ENTRY\",\"event_id\":\"v1\",\"camera_id\":3,\"camera_name\":null,"},
        {"c1", FACT_LOCAL, EVENT_VEHICLE_ENTRY_PENDING, "SUPERSEDED", 1, NULL, NULL},
        {"c1", FACT_LOCAL, EVENT_VEHICLE_EXIT, "OUT", 2, "3", "\"fee\":25000,\"duration\":"},
        {"c1", FACT_LOCAL, EVENT_VEHICLE_EXIT, "IN", 1, "", "\"type\":\"ENTRY\""},
        {"c2", FACT_LIVE, EVENT_VEHICLE_ENTRY_PENDING, "IN", 1, "",
         "\"source_central\":\"c2\",\"camera_name\":\"c2/3\""},
        {"c2", FACT_SYNC, EVENT_VEHICLE_EXIT, "OUT", 2, "", "\"type\":\"EXIT\""},
        {"c1", FACT_LOCAL, EVENT_LOCATION_UPDATE, "IN", 1, "3",
         "\"plate_view\":\"51F-204.17\",\"is_anomaly\":true,\"location\":\"A\",\"location_time\":"},
        {"c1", FACT_LOCAL, EVENT_LOCATION_UPDATE, "IN", 4, "3",
         "{\"type\":\"LOCATION_UPDATE\",\"data\":{"},
        {"c1", FACT_LOCAL, EVENT_HISTORY_UPDATE, "IN", 2, "3",
         "{\"type\":\"UPDATE\",\"data\":{\"event_id\":\"v1\",\"plate_id\":\"51F20417\","},
        {"c2", FACT_LIVE, EVENT_HISTORY_DELETE, "DELETED", 2, "",
         "{\"type\":\"DELETE\",\"data\":{\"event_id\":\"v1\","},
        {"c1", FACT_LOCAL, EVENT_HISTORY_UNDELETE, "IN", 3, "", "\"type\":\"ENTRY\""},
        /* rows that changed by another visit's event */
        {"c1", FACT_LOCAL, EVENT_CONFIG_UPDATE, "GONE", 2, "", "\"type\":\"DELETE\""},
        {"c1", FACT_LOCAL, EVENT_CONFIG_UPDATE, "SUPERSEDED", 2, "", "\"type\":\"DELETE\""},
        {"c1", FACT_LOCAL, EVENT_CONFIG_UPDATE, "OUT", 1, NULL, NULL}};
    struct node_id self = {"c1"};

    ck_assert_int_eq(random_start(), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buffer run = {0};
        struct fact_event item = {.lsn = 1, .origin = rows[i].origin};
        struct fact_visit visit = {.event_id = slice_text("v1"),
                                   .history_id = 9,
                                   .revision = rows[i].revision,
                                   .status = slice_text(rows[i].status),
                                   .plate_id = slice_text("51F20417"),
                                   .plate_view = slice_text("51F-204.17"),
                                   .entry_ms = 0,
                                   .exit_ms = 3600000,
                                   .fee = 25000};
        struct fact fact = {
            .batch = 1, .items = &item, .item_count = 1, .visits = &visit, .visit_count = 1};
        struct told told = {.count = 0};
        struct event event;
        event_init(&event, rows[i].kind);
        event.t_eff = 3600000;
        event.visit = slice_text("v1");
        event.plate_id = slice_text("51F20417");
        event.camera_id = slice_text("3");
        event.location = slice_text("A");
        pack_run(rows[i].node, &event, &run);
        item.run = buffer_slice(&run);
        edge_message_each(&fact, &self, tell, &told);
        ck_assert_msg(told.count == (rows[i].part != NULL), "%zu: %d %s", i, told.count, told.text);
        if (rows[i].part != NULL) {
            ck_assert_msg(strstr(told.text, rows[i].part) != NULL, "%zu: %s", i, told.text);
            ck_assert_str_eq(told.sender, rows[i].sender);
            ck_assert_ptr_null(strstr(told.text, "history_id"));
        }
        buffer_free(&run);
    }
}
END_TEST

/* ---- boxes ----------------------------------------------------------------------------------- */

static void expect_text(int fd, const char *part)
{
    static char text[8192];
    size_t len;

    ck_assert_int_eq(stand_frame(fd, text, sizeof text, &len), 1);
    ck_assert_msg(strstr(text, part) != NULL, "%s lacks %s", text, part);
}

static int join(const struct stand *stand)
{
    int fd = stand_websocket(stand, "/ws/edge", 0);

    stand_send_frame(fd, 0x81, HELLO, sizeof HELLO - 1);
    expect_text(fd, "\"connected\"");
    return fd;
}

static void report(int fd, const char *plate)
{
    char text[200];
    int len = snprintf(text, sizeof text,
                       "{\"type\":\"ENTRY\",\"event_id\":\"e1\",\"data\":{\"plate_text\":\"%s\"}}",
                       plate);

    stand_send_frame(fd, 0x81, text, (size_t)len);
}

START_TEST(test_events_and_answers)
{
    struct stand stand;
    int fd;

    stand_new(&stand);
    fd = join(&stand);
    report(fd, "51F20417");
    expect_text(fd,
                "{\"type\":\"ack\",\"number\":1,\"data\":{\"sent_id\":\"e1\",\"success\":true,");
    report(fd, "51F20418"); /* the camera and the box are those that said hello */
    expect_text(fd, "camera=3 name= type= source= edge=3 ");
    report(fd, "30A00001");
    expect_text(fd, "\"success\":false,\"action\":\"ENTRY\"");
    report(fd, "");
    expect_text(fd, "\"code\":\"PLATE_UNUSABLE\"");
    (void)close(fd);
    stand_free(&stand);
}
END_TEST

/* The disk is full: the box is sent to HTTP, where it learns what is not stored. */
START_TEST(test_full_disk)
{
    struct stand stand;
    struct reply reply;
    char text[200];
    size_t len;
    int fd;

    stand_new(&stand);
    fd = join(&stand);
    report(fd, "30A00004");
    ck_assert_int_eq(stand_frame(fd, text, sizeof text, &len), 8);
    ck_assert_int_eq(((unsigned char)text[0] << 8) | (unsigned char)text[1], 1013);
    reply = stand_ask(&stand, "GET", "/ws/edge",
                      "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                      "Sec-WebSocket-Version: 13\r\n"
                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                      NULL);
    ck_assert_int_eq(reply.status, 503);
    stand_reply_free(&reply);
    (void)close(fd);
    stand_free(&stand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ws_edge");
    TCase *tests = tcase_create("ws_edge");

    tcase_add_test(tests, test_messages);
    tcase_add_test(tests, test_events_and_answers);
    tcase_add_test(tests, test_full_disk);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
