/* Centrals of the existing system that come to /ws/p2p: who may, what they are told, how they
 * leave. What they say becomes commands; the node's side has its own tests. */
#include "support_stand.h"
#include "tests/support_main.h"

#include "api/json.h"
#include "proto/clock.h"
#include "proto/limits.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELLO "{\"peer_id\": \"central-9\"}"
#define TEXT_FRAME 0x81
#define FRAME (1024 * 1024)
#define UPGRADE                                                                  \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

static void start(struct stand *stand, const struct api_peer *peer, int rows)
{
    stand_prepare(stand);
    stand_fill(stand, rows);
    stand->options.peers = (struct api_peers){.items = peer, .count = peer != NULL ? 1 : 0};
    stand_start(stand);
}

/* At an address of this machine where nobody listens, so that dialling it fails at once. */
static struct api_peer peer_of(const char *id, enum api_link link)
{
    struct api_peer peer = {.ip = "127.0.0.1", .api_port = 1, .link = link, .timezone = "UTC"};

    ck_assert(node_id_parse(slice_text(id), &peer.id));
    return peer;
}

static void say(int fd, const char *text)
{
    stand_send_frame(fd, TEXT_FRAME, text, strlen(text));
}

/* The code of the close frame that comes, whatever is said before it. */
static int close_code(int fd)
{
    char *text = malloc(FRAME);
    size_t len;
    int opcode = stand_frame(fd, text, FRAME, &len), code = -1;

    while (opcode >= 0 && opcode != 8) {
        opcode = stand_frame(fd, text, FRAME, &len);
    }
    if (opcode == 8 && len >= 2) {
        code = (int)((unsigned char)text[0] << 8 | (unsigned char)text[1]);
    }
    free(text);
    return code;
}

/* The next message; pings are answered. */
static json_t *hear(int fd)
{
    char *text = malloc(FRAME);
    struct problem problem;
    json_t *message = NULL;
    size_t len;
    int opcode;

    while ((opcode = stand_frame(fd, text, FRAME, &len)) != 1) {
        ck_assert_int_eq(opcode, 9);
        stand_send_frame(fd, 0x8a, text, len);
    }
    ck_assert_uint_lt(len, LIMIT_PEER_SAY);
    message = json_read_object((struct slice){text, len}, &problem);
    ck_assert_ptr_nonnull(message);
    free(text);
    return message;
}

static bool is_type(const json_t *message, const char *type)
{
    return slice_equal(json_member_text(message, "type"), slice_text(type));
}

static json_t *hear_type(int fd, const char *type)
{
    json_t *message = hear(fd);

    while (!is_type(message, type)) {
        json_decref(message);
        message = hear(fd);
    }
    return message;
}

/* ---- who may come ---------------------------------------------------------------------------- */

START_TEST(test_nobody_without_an_entry)
{
    const struct api_peer mesh = peer_of("central-9", API_LINK_MESH);
    struct stand stand;
    struct reply reply;

    start(&stand, _i == 0 ? NULL : &mesh, 0);
    reply = stand_ask(&stand, "GET", "/ws/p2p", UPGRADE, NULL);
    ck_assert_int_eq(reply.status, 403);
    ck_assert_ptr_nonnull(strstr(reply.body, "FORBIDDEN"));
    stand_reply_free(&reply);
    stand_free(&stand);
}
END_TEST

START_TEST(test_first_message)
{
    static const struct {
        const char *text;
        int code;
    } cases[] = {{"zzz", 1000},
                 {"{\"x\": 1}", 1008},
                 {"{\"peer_id\": \"\"}", 1008},
                 {"{\"peer_id\": \"central-8\"}", 1008},
                 {"{\"peer_id\": \"c1\"}", 1008}, /* the stand's own */
                 {"{\"peer_id\": \"a b\"}", 1008}};
    const struct api_peer peer = peer_of("central-9", API_LINK_WEBSOCKET);
    struct stand stand;

    start(&stand, &peer, 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int fd = stand_websocket(&stand, "/ws/p2p", 0);
        say(fd, cases[i].text);
        ck_assert_msg(close_code(fd) == cases[i].code, "%s", cases[i].text);
        (void)close(fd);
    }
    stand_free(&stand);
}
END_TEST

/* "open": any id, from anywhere; still not our own. */
START_TEST(test_open)
{
    struct stand stand;
    json_t *message;
    int fd;

    stand_prepare(&stand);
    stand.options.peers.is_open = true;
    stand_start(&stand);
    fd = stand_websocket(&stand, "/ws/p2p", 0);
    say(fd, HELLO);
    message = hear_type(fd, "SYNC_REQUEST");
    json_decref(message);
    (void)close(fd);
    fd = stand_websocket(&stand, "/ws/p2p", 0);
    say(fd, "{\"peer_id\": \"c1\"}");
    ck_assert_int_eq(close_code(fd), 1008);
    (void)close(fd);
    stand_free(&stand);
}
END_TEST

/* ---- what is said ---------------------------------------------------------------------------- */

/* At once it is asked for all since a week and fourteen hours. */
START_TEST(test_question)
{
    const struct api_peer peer = peer_of("central-9", API_LINK_AUTO);
    struct stand stand;
    json_t *message, *since;
    int64_t back_ms;
    int fd;

    start(&stand, &peer, 0);
    fd = stand_websocket(&stand, "/ws/p2p", 0);
    say(fd, HELLO);
    message = hear_type(fd, "SYNC_REQUEST");
    since = json_object_get(json_object_get(message, "data"), "since_timestamp");
    ck_assert(json_is_integer(since));
    back_ms = clock_wall_ms() - json_integer_value(since);
    ck_assert_int_ge(back_ms, LIMIT_PEER_FIRST_MS + LIMIT_PEER_BACK_MS);
    ck_assert_int_lt(back_ms, LIMIT_PEER_FIRST_MS + LIMIT_PEER_BACK_MS + 60000);
    json_decref(message);
    (void)close(fd);
    stand_free(&stand);
}
END_TEST

/* Closed visits: rows that say IN, all of a frame before their exits; every one of them. */
START_TEST(test_answer)
{
    const struct api_peer peer = peer_of("central-9", API_LINK_WEBSOCKET);
    const size_t wanted = 3 * LIMIT_PEER_ROWS + 7;
    json_t *rows = json_object(), *exits = json_object();
    struct stand stand;
    int fd;

    start(&stand, &peer, (int)wanted);
    fd = stand_websocket(&stand, "/ws/p2p", 0);
    say(fd, HELLO);
    say(fd, "{\"type\": \"SYNC_REQUEST\", \"source_central\": \"central-9\", \"timestamp\": 1,"
            " \"event_id\": null, \"data\": {\"since_timestamp\": 0}}");
    while (json_object_size(exits) < wanted) {
        json_t *message = hear(fd);
        json_t *data = json_object_get(message, "data"), *row;
        size_t i;
        json_array_foreach(json_object_get(data, "events"), i, row)
        {
            ck_assert(slice_equal(json_member_text(row, "status"), slice_text("IN")));
            ck_assert_ptr_null(json_object_get(row, "exit_time"));
            ck_assert_ptr_null(json_object_get(row, "fee"));
            json_object_set_new(rows, json_member_text(row, "event_id").data, json_true());
        }
        if (is_type(message, "VEHICLE_EXIT")) {
            const char *id = json_string_value(json_object_get(message, "event_id"));
            ck_assert_ptr_nonnull(json_object_get(rows, id));
            ck_assert_int_eq(json_integer_value(json_object_get(data, "fee")), 25000);
            json_object_set_new(exits, id, json_true());
        }
        json_decref(message);
    }
    json_decref(rows);
    json_decref(exits);
    (void)close(fd);
    stand_free(&stand);
}
END_TEST

/* Nothing to tell is an answer, too. */
START_TEST(test_empty_answer)
{
    const struct api_peer peer = peer_of("central-9", API_LINK_WEBSOCKET);
    struct stand stand;
    json_t *message;
    int fd;

    start(&stand, &peer, 0);
    fd = stand_websocket(&stand, "/ws/p2p", 0);
    say(fd, HELLO);
    say(fd, "{\"type\": \"SYNC_REQUEST\", \"data\": {\"since_timestamp\": 99999999999999}}");
    message = hear_type(fd, "SYNC_RESPONSE");
    ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(message, "data"), "events")),
                      0);
    json_decref(message);
    (void)close(fd);
    stand_free(&stand);
}
END_TEST

/* ---- several sockets, bad messages ----------------------------------------------------------- */

/* the second one stays when the first goes, and is spoken on. */
START_TEST(test_two_sockets)
{
    const struct api_peer peer = peer_of("central-9", API_LINK_WEBSOCKET);
    struct stand stand;
    int first, second;

    start(&stand, &peer, 0);
    first = stand_websocket(&stand, "/ws/p2p", 0);
    say(first, HELLO);
    json_decref(hear_type(first, "SYNC_REQUEST"));
    second = stand_websocket(&stand, "/ws/p2p", 0);
    say(second, HELLO);
    (void)close(first);
    say(second, "{\"type\": \"SYNC_REQUEST\", \"data\": {\"since_timestamp\": 99999999999999}}");
    json_decref(hear_type(second, "SYNC_RESPONSE"));
    (void)close(second);
    stand_free(&stand);
}
END_TEST

/* What means nothing is ignored, and the link stays; what is no JSON ends it, as recorded. */
START_TEST(test_bad_messages)
{
    static const char *const ignored[] = {
        "{\"type\": \"BOGUS\", \"data\": {}}",
        "{\"type\": \"HEARTBEAT\"}",
        "{\"type\": \"VEHICLE_EXIT\", \"data\": null}",
        "{}",
        "[]",
        "{\"type\": \"CONFIG_UPDATE\", \"data\": {\"a\": 1}}",
        "{\"type\": \"HISTORY_DELETE\", \"event_id\": null, \"data\": {\"history_id\": 18}}",
        "{\"type\": \"SYNC_RESPONSE\", \"data\": {\"events\": [{\"event_id\": \"x\"}, 3]}}"};
    const struct api_peer peer = peer_of("central-9", API_LINK_WEBSOCKET);
    struct stand stand;
    int fd;

    start(&stand, &peer, 0);
    fd = stand_websocket(&stand, "/ws/p2p", 0);
    say(fd, HELLO);
    for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) {
        say(fd, ignored[i]);
    }
    say(fd, "{\"type\": \"SYNC_REQUEST\", \"data\": {\"since_timestamp\": 99999999999999}}");
    json_decref(hear_type(fd, "SYNC_RESPONSE"));
    say(fd, "garbage");
    ck_assert_int_eq(close_code(fd), 1000);
    (void)close(fd);
    stand_free(&stand);
}
END_TEST

/* Removed from the configuration: its link ends, and it may not come again. */
START_TEST(test_removed)
{
    const struct api_peer peer = peer_of("central-9", API_LINK_WEBSOCKET);
    const struct api_peers nobody = {.count = 0};
    struct stand stand;
    struct reply reply;
    int fd;

    start(&stand, &peer, 0);
    fd = stand_websocket(&stand, "/ws/p2p", 0);
    say(fd, HELLO);
    json_decref(hear_type(fd, "SYNC_REQUEST"));
    api_set_peers(stand.api, &nobody);
    ck_assert_int_eq(close_code(fd), 1000);
    (void)close(fd);
    reply = stand_ask(&stand, "GET", "/ws/p2p", UPGRADE, NULL);
    ck_assert_int_eq(reply.status, 403);
    stand_reply_free(&reply);
    stand_free(&stand);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("peer_link");
    TCase *tests = tcase_create("peer_link");

    (void)signal(SIGPIPE, SIG_IGN);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_nobody_without_an_entry, 0, 2);
    tcase_add_test(tests, test_first_message);
    tcase_add_test(tests, test_open);
    tcase_add_test(tests, test_question);
    tcase_add_test(tests, test_answer);
    tcase_add_test(tests, test_empty_answer);
    tcase_add_test(tests, test_two_sockets);
    tcase_add_test(tests, test_bad_messages);
    tcase_add_test(tests, test_removed);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
