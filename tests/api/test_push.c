/* Channels and their clients, on a bare server: hooks, queues, close codes. */
#include "support_stand.h"
#include "tests/support_main.h"

#include "api/push.h"
#include "proto/limits.h"

#include <check.h>
#include <civetweb.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PATH "/ws/test"

/* A server with one channel, whose hooks do what a test needs. */
struct house {
    struct stand stand; /* for its port only */
    struct push *push;
    struct push_channel *channel;
    struct mg_context *server;
    atomic_int opened, closed, offered;
    atomic_bool busy; /* the text hook waits */
};

/* ---- hooks ----------------------------------------------------------------------------------- */

static void on_open(void *context, struct push_client *client, struct request *request)
{
    struct house *house = context;

    (void)request;
    push_send(client, slice_text("hello"));
    atomic_fetch_add(&house->opened, 1);
}

static void on_close(void *context, struct push_client *client)
{
    struct house *house = context;

    free(push_own(client));
    atomic_fetch_add(&house->closed, 1);
}

/* "tag NAME" claims, "close" is closed, anything else comes back. */
static void on_text(void *context, struct push_client *client, struct slice text)
{
    char word[200];

    (void)context;
    (void)slice_copy(text, word, sizeof word);
    if (strncmp(word, "tag ", 4) == 0) {
        push_send(client, slice_text(push_claim(client, word + 4) ? "replaced" : "claimed"));
    } else if (strcmp(word, "close") == 0) {
        push_send(client, slice_text("one more"));
        push_close(client, PUSH_POLICY);
    } else {
        push_send(client, text);
    }
}

static void on_silence(void *context, struct push_client *client)
{
    (void)context;
    push_send(client, slice_text("ping"));
}

/* A thousand numbers, each client from its own cursor. */
static void on_room(void *context, struct push_client *client)
{
    struct house *house = context;
    int *next = push_own(client);
    char text[16];

    if (next == NULL) {
        next = bytes_allocate(1, sizeof *next);
        push_set_own(client, next);
    }
    for (; *next < 1000; ++*next) {
        (void)snprintf(text, sizeof text, "%d", *next);
        if (!push_offer(client, slice_text(text))) {
            atomic_fetch_add(&house->offered, 1);
            return;
        }
    }
}

/* ---- life ------------------------------------------------------------------------------------ */

static struct push_options plain(void)
{
    return (struct push_options){.path = PATH, .open = on_open, .text = on_text, .close = on_close};
}

static void house_start(struct house *house, struct push_options options, uint32_t ping_ms)
{
    const struct mg_callbacks callbacks = {.begin_request = NULL};
    const char *settings[] = {
        "listening_ports",    "127.0.0.1:0", "num_threads", "8", "tcp_nodelay", "1",
        "request_timeout_ms", "2000",        NULL};
    struct mg_server_port port;

    memset(house, 0, sizeof *house);
    (void)signal(SIGPIPE, SIG_IGN);
    zsys_handler_set(NULL);
    ck_assert_ptr_nonnull(zsys_init());
    house->push = push_new(3, ping_ms);
    options.context = house;
    house->channel = push_add(house->push, &options);
    house->server = mg_start(&callbacks, house, settings);
    ck_assert_ptr_nonnull(house->server);
    ck_assert_int_eq(mg_get_server_ports(house->server, 1, &port), 1);
    house->stand.port = port.port;
    push_serve(house->push, house->server, NULL);
}

static void house_stop(struct house *house)
{
    push_stop(house->push);
    mg_stop(house->server);
    push_destroy(&house->push);
    ck_assert_int_eq(atomic_load(&house->opened), atomic_load(&house->closed));
    zsys_shutdown();
}

static void expect(int fd, const char *wanted)
{
    static char text[70000];
    size_t len;
    int opcode = stand_frame(fd, text, sizeof text, &len);

    ck_assert_int_eq(opcode, 1);
    ck_assert_msg(strcmp(text, wanted) == 0, "%.200s, not %.200s", text, wanted);
}

static void expect_close(int fd, int code)
{
    char text[200];
    size_t len;

    ck_assert_int_eq(stand_frame(fd, text, sizeof text, &len), 8);
    ck_assert_int_eq(((unsigned char)text[0] << 8) | (unsigned char)text[1], code);
    stand_send_frame(fd, 0x88, text, 2); /* goodbye, too */
    ck_assert_int_eq(stand_frame(fd, text, sizeof text, &len), -1);
    (void)close(fd);
}

static int join(const struct house *house)
{
    int fd = stand_websocket(&house->stand, PATH, 0);

    expect(fd, "hello");
    return fd;
}

static void say(int fd, const char *text)
{
    stand_send_frame(fd, 0x81, text, strlen(text));
}

/* ---- tests ----------------------------------------------------------------------------------- */

START_TEST(test_messages_and_fragments)
{
    struct house house;
    int fd;

    house_start(&house, plain(), 0);
    fd = join(&house);
    say(fd, "xin chào");
    expect(fd, "xin chào");
    stand_send_frame(fd, 0x01, "in ", 3);
    stand_send_frame(fd, 0x00, "three ", 6);
    stand_send_frame(fd, 0x89, "", 0); /* control frames come between */
    stand_send_frame(fd, 0x80, "parts", 5);
    for (int i = 0; i < 2; i++) { /* in either order */
        char text[200];
        size_t len;
        int opcode = stand_frame(fd, text, sizeof text, &len);
        ck_assert(opcode == 10 || (opcode == 1 && strcmp(text, "in three parts") == 0));
    }
    say(fd, "close");
    expect(fd, "one more");
    expect_close(fd, 1008);
    house_stop(&house);
}
END_TEST

START_TEST(test_close_codes)
{
    static char big[LIMIT_WS_FRAME + 1];
    static const struct {
        int first_byte;
        const char *payload;
        size_t len;
        int code;
    } rows[] = {{0x88, "\x03\xe8", 2, 1000},   /* echoed */
                {0x88, "\x03\xed", 2, 1002},   /* 1005 may not be sent */
                {0x82, "x", 1, 1003},          /* binary */
                {0x81, "\xff\xfe", 2, 1007},   /* not UTF-8 */
                {0x81, big, sizeof big, 1009}, /* too long */
                {0x80, "x", 1, 1002},          /* the end of no message */
                {0x09, "x", 1, 1002},          /* a fragment of a ping */
                {0x83, "x", 1, 1002},          /* a reserved opcode */
                {0xf1, "x", 1, 1002}};         /* reserved bits */
    struct house house;

    memset(big, 'x', sizeof big);
    house_start(&house, plain(), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int fd = join(&house);
        stand_send_frame(fd, rows[i].first_byte, rows[i].payload, rows[i].len);
        expect_close(fd, rows[i].code);
    }
    for (int i = 0; i < 2; i++) { /* in fragments, too */
        int fd = join(&house);
        stand_send_frame(fd, 0x01, big, LIMIT_WS_FRAME);
        stand_send_frame(fd, 0x80, big, (size_t)(1 - i));
        if (i == 0) {
            expect_close(fd, 1009);
        } else {
            big[LIMIT_WS_FRAME] = '\0';
            expect(fd, big);
            (void)close(fd);
        }
    }
    house_stop(&house);
}
END_TEST

START_TEST(test_tags)
{
    struct house house;
    int a, b, c;

    house_start(&house, plain(), 0);
    a = join(&house);
    b = join(&house);
    c = join(&house);
    say(a, "tag 3");
    expect(a, "claimed");
    say(b, "tag 4");
    expect(b, "claimed");
    push_tagged(house.channel, "3", slice_text("from 3"));
    push_all(house.channel, slice_text("all"));
    expect(a, "all");
    expect(b, "from 3");
    expect(b, "all");
    expect(c, "all");
    say(c, "tag 3");
    expect(c, "replaced");
    (void)close(a); /* the older one goes, the newer one keeps the name */
    push_tagged(house.channel, "", slice_text("still here"));
    expect(c, "still here");
    push_tagged(house.channel, "3", slice_text("from the newer one"));
    expect(b, "still here");
    expect(b, "from the newer one");
    (void)close(b);
    (void)close(c);
    house_stop(&house);
}
END_TEST

/* One client never reads: it is cut; the other one gets everything meanwhile. */
START_TEST(test_slow_client_is_cut)
{
    static char text[1001];
    struct house house;
    int slow, quick;

    memset(text, 'v', sizeof text - 1);
    house_start(&house, plain(), 0);
    slow = stand_websocket(&house.stand, PATH, 2048);
    quick = join(&house);
    for (int round = 0; atomic_load(&house.closed) == 0; round++) {
        ck_assert_int_lt(round, 10000);
        for (int i = 0; i < 200; i++) {
            push_all(house.channel, slice_text(text));
        }
        for (int i = 0; i < 200; i++) {
            expect(quick, text);
        }
    }
    ck_assert_uint_eq(push_count(house.channel), 1);
    (void)close(slow);
    (void)close(quick);
    house_stop(&house);
}
END_TEST

START_TEST(test_room)
{
    struct push_options options = plain();
    struct house house;
    int fd;

    options.room = on_room;
    house_start(&house, options, 0);
    fd = join(&house);
    for (int i = 0; i < 1000; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%d", i);
        expect(fd, text);
    }
    ck_assert_int_gt(atomic_load(&house.offered), 0);
    (void)close(fd);
    house_stop(&house);
}
END_TEST

START_TEST(test_pings)
{
    struct house house;
    char text[200];
    size_t len;
    int live, dead;

    house_start(&house, plain(), 50);
    live = join(&house);
    dead = join(&house);
    while (atomic_load(&house.closed) == 0) {
        ck_assert_int_eq(stand_frame(live, text, sizeof text, &len), 9);
        stand_send_frame(live, 0x8a, "", 0);
    }
    ck_assert_uint_eq(push_count(house.channel), 1);
    (void)close(live);
    (void)close(dead);
    house_stop(&house);
}
END_TEST

START_TEST(test_silence)
{
    struct push_options options = plain();
    struct house house;
    int fd;

    options.silence_ms = 20;
    options.silence = on_silence;
    house_start(&house, options, 0);
    fd = join(&house);
    expect(fd, "ping");
    expect(fd, "ping");
    (void)close(fd);
    house_stop(&house);
}
END_TEST

START_TEST(test_the_last_notice_arrives)
{
    struct push_options options = plain();
    struct house house;
    char text[16];
    size_t len;
    int fd, told = 0;

    options.notice_ms = 50;
    house_start(&house, options, 0);
    fd = join(&house);
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        push_notice(house.channel, slice_text(text));
    }
    do {
        ck_assert_int_eq(stand_frame(fd, text, sizeof text, &len), 1);
        told++;
    } while (strcmp(text, "999") != 0);
    ck_assert_int_lt(told, 1000);
    (void)close(fd);
    house_stop(&house);
}
END_TEST

START_TEST(test_places)
{
    struct push_options options = plain();
    struct push *push = push_new(3, 0);

    (void)push_add(push, &options);
    ck_assert_uint_eq(push_places(push), 3);
    options.path = "/ws/other";
    options.clients_max = 5;
    (void)push_add(push, &options);
    ck_assert_uint_eq(push_places(push), 8);
    push_destroy(&push);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("push");
    TCase *tests = tcase_create("push");

    tcase_add_test(tests, test_messages_and_fragments);
    tcase_add_test(tests, test_close_codes);
    tcase_add_test(tests, test_tags);
    tcase_add_test(tests, test_slow_client_is_cut);
    tcase_add_test(tests, test_room);
    tcase_add_test(tests, test_pings);
    tcase_add_test(tests, test_silence);
    tcase_add_test(tests, test_the_last_notice_arrives);
    tcase_add_test(tests, test_places);
    suite_add_tcase(suite, tests);
    return main_run(suite);
}
