/* The publisher beside a reader of straw: when it asks for what, and when it leaves the log alone.
 */
#include "tests/bus/support_central.h"

#include "bus/publisher.h"

#include "proto/bytes.h"
#include "proto/fact.h"
#include "proto/feed_pack.h"

#include <check.h>

struct stand {
    zsock_t *facts, *reader;
    zactor_t *publisher;
    uint16_t port, replay_port;
    uint64_t lsn; /* where the feed of straw stands */
};

static void stand_new(struct stand *stand)
{
    struct publisher_args args = {.address = "127.0.0.1"};

    stand->lsn = 7;
    args.port = stand->port = central_free_port(args.address);
    args.replay_port = stand->replay_port = central_free_port(args.address);
    stand->facts = zsock_new_pub(FACTS_ENDPOINT);
    stand->reader = zsock_new_router(FEED_READER);
    ck_assert(stand->facts != NULL && stand->reader != NULL);
    stand->publisher = zactor_new(publisher_actor, &args);
    ck_assert_ptr_nonnull(stand->publisher);
}

static void stand_free(struct stand *stand)
{
    zactor_destroy(&stand->publisher);
    zsock_destroy(&stand->reader);
    zsock_destroy(&stand->facts);
}

/* One question of the publisher within `ms`, answered with where the feed stands and no event. */
static bool answer(struct stand *stand, int ms, struct feed_page_request *request)
{
    struct feed_page page = {.state = FEED_PAGE_KNOWN};
    const struct buffer none = {0};
    struct buffer out = {0};
    struct slice asked;
    zframe_t *who, *bytes;

    zsock_set_rcvtimeo(stand->reader, ms);
    if (zsock_recv(stand->reader, "ff", &who, &bytes) != 0) {
        return false;
    }
    asked = (struct slice){(const char *)zframe_data(bytes), zframe_size(bytes)};
    ck_assert_int_eq(feed_page_request_unpack(request, asked), 0);
    page.token = request->token;
    page.now = page.next = (struct feed_cursor){3, stand->lsn};
    ck_assert_int_eq(feed_page_pack(&page, &none, 0, &out), 0);
    ck_assert_int_eq(zsock_send(stand->reader, "fb", who, out.data, out.len), 0);
    buffer_free(&out);
    zframe_destroy(&who);
    zframe_destroy(&bytes);
    return true;
}

START_TEST(with_nobody_there_commits_ask_for_nothing)
{
    enum {
        COMMITS = 300
    };
    struct stand stand;
    struct feed_page_request request;
    int asked = 0;

    stand_new(&stand);
    ck_assert(answer(&stand, CENTRAL_PATIENCE_MS, &request));
    for (int i = 0; i < COMMITS; i++) {
        stand.lsn++;
        ck_assert_int_eq(zstr_send(stand.facts, "committed"), 0);
        if (answer(&stand, 5, &request)) {
            ck_assert_uint_eq(request.after.feed, 0); /* only where the feed stands */
            asked++;
        }
    }
    ck_assert_msg(asked < COMMITS / 2, "%d questions for %d commits", asked, COMMITS);
    stand_free(&stand);
}
END_TEST

START_TEST(a_subscriber_makes_it_read)
{
    struct stand stand;
    struct feed_page_request request;
    zsock_t *subscriber;

    stand_new(&stand);
    ck_assert(answer(&stand, CENTRAL_PATIENCE_MS, &request));
    subscriber = zsock_new(ZMQ_SUB);
    zsock_set_subscribe(subscriber, "v1.");
    ck_assert_int_eq(zsock_connect(subscriber, "tcp://127.0.0.1:%d", stand.port), 0);
    do { /* without a fact: what was committed before it came is read at once */
        ck_assert(answer(&stand, CENTRAL_PATIENCE_MS, &request));
    } while (request.after.feed == 0);
    ck_assert_uint_eq(request.after.feed, 3);
    ck_assert_str_eq(request.topic, "v1.");
    zsock_destroy(&subscriber);
    do { /* and it leaves the log alone again */
        stand.lsn++;
        (void)zstr_send(stand.facts, "committed");
        ck_assert(answer(&stand, CENTRAL_PATIENCE_MS, &request));
    } while (request.after.feed != 0);
    stand_free(&stand);
}
END_TEST

/* The next question about a replay, asked by `*who`; where the feed stands is answered in between.
 */
static struct feed_page_request next_question(struct stand *stand, zframe_t **who)
{
    struct feed_page_request request = {.token = 0};
    const struct buffer none = {0};

    while (request.token == 0) {
        zframe_t *bytes;
        zsock_set_rcvtimeo(stand->reader, CENTRAL_PATIENCE_MS);
        ck_assert_int_eq(zsock_recv(stand->reader, "ff", who, &bytes), 0);
        struct slice asked = {(const char *)zframe_data(bytes), zframe_size(bytes)};
        ck_assert_int_eq(feed_page_request_unpack(&request, asked), 0);
        zframe_destroy(&bytes);
        if (request.token == 0) {
            struct feed_page page = {.state = FEED_PAGE_KNOWN, .now = {3, stand->lsn}};
            struct buffer out = {0};
            page.next = page.now;
            ck_assert_int_eq(feed_page_pack(&page, &none, 0, &out), 0);
            ck_assert_int_eq(zsock_send(stand->reader, "fb", *who, out.data, out.len), 0);
            buffer_free(&out);
            zframe_destroy(who);
        }
    }
    return request;
}

/* Answers with the messages of lsn `first` to `last`, each of which is its number. */
static void give(struct stand *stand, zframe_t **who, uint64_t token, uint64_t first, uint64_t last,
                 bool more)
{
    struct feed_page page = {.token = token, .state = FEED_PAGE_KNOWN, .more = more};
    struct buffer items = {0}, out = {0};

    page.now = (struct feed_cursor){3, stand->lsn};
    page.next = (struct feed_cursor){3, last};
    for (uint64_t lsn = first; lsn <= last; lsn++) {
        const struct feed_cursor cursor = {3, lsn};
        char digit = (char)lsn;
        ck_assert_int_eq(feed_page_put_item(&items, &cursor, "v1.c.X", (struct slice){&digit, 1}),
                         0);
    }
    ck_assert_int_eq(feed_page_pack(&page, &items, last - first + 1, &out), 0);
    ck_assert_int_eq(zsock_send(stand->reader, "fb", *who, out.data, out.len), 0);
    zframe_destroy(who);
    buffer_free(&items);
    buffer_free(&out);
}

static void ask_replay(zsock_t *subscriber, uint64_t after, uint64_t credit)
{
    const struct feed_cursor cursor = {3, after};
    char text[FEED_CURSOR_TEXT];
    struct buffer out = {0};
    msgpack_packer packer;

    feed_cursor_text(&cursor, text);
    wire_packer(&packer, &out);
    msgpack_pack_map(&packer, 3);
    wire_put_text(&packer, "op");
    wire_put_text(&packer, "replay");
    wire_put_text(&packer, "after");
    wire_put_text(&packer, text);
    wire_put_text(&packer, "credit");
    msgpack_pack_uint64(&packer, credit);
    ck_assert_int_eq(zsock_send(subscriber, "b", out.data, out.len), 0);
    buffer_free(&out);
}

/* The next message is of one byte: its lsn. */
static void assert_gets(zsock_t *subscriber, uint64_t first, uint64_t last)
{
    for (uint64_t lsn = first; lsn <= last; lsn++) {
        zframe_t *frame = zframe_recv(subscriber);
        ck_assert_ptr_nonnull(frame);
        ck_assert_uint_eq(zframe_size(frame), 1);
        ck_assert_uint_eq(zframe_data(frame)[0], lsn);
        zframe_destroy(&frame);
    }
}

static zsock_t *dial_replay(const struct stand *stand)
{
    zsock_t *subscriber = zsock_new(ZMQ_DEALER);

    ck_assert_int_eq(zsock_connect(subscriber, "tcp://127.0.0.1:%d", stand->replay_port), 0);
    zsock_set_rcvtimeo(subscriber, CENTRAL_PATIENCE_MS);
    return subscriber;
}

START_TEST(pages_of_a_replay_join)
{
    struct stand stand;
    struct feed_page_request request;
    zframe_t *who;

    stand_new(&stand);
    zsock_t *subscriber = dial_replay(&stand);
    ask_replay(subscriber, 0, 5);
    request = next_question(&stand, &who);
    ck_assert_uint_eq(request.after.lsn, 0);
    ck_assert_uint_eq(request.most, 5);
    give(&stand, &who, request.token, 1, 3, true);
    request = next_question(&stand, &who);
    ck_assert_uint_eq(request.after.lsn, 3);
    ck_assert_uint_eq(request.most, 2); /* never more than it takes */
    give(&stand, &who, request.token, 4, 5, true);
    assert_gets(subscriber, 1, 5);
    ask_replay(subscriber, 5, 9); /* its credit is used up: anew */
    request = next_question(&stand, &who);
    ck_assert_uint_eq(request.after.lsn, 5);
    give(&stand, &who, request.token, 6, 6, false);
    assert_gets(subscriber, 6, 6);
    zsock_destroy(&subscriber);
    stand_free(&stand);
}
END_TEST

START_TEST(a_page_that_comes_too_late_is_dropped)
{
    struct stand stand;
    struct feed_page_request old, request;
    zframe_t *late, *who;

    stand_new(&stand);
    zsock_t *subscriber = dial_replay(&stand);
    ask_replay(subscriber, 0, 5);
    old = next_question(&stand, &late);
    ask_replay(subscriber, 20, 5);
    request = next_question(&stand, &who);
    ck_assert_uint_eq(request.after.lsn, 20);
    give(&stand, &late, old.token, 1, 2, true);
    give(&stand, &who, request.token, 21, 23, true);
    assert_gets(subscriber, 21, 23);
    /* and one that was asked for ahead, while the page before it did not fit */
    request = next_question(&stand, &late);
    ck_assert_uint_eq(request.after.lsn, 23);
    ask_replay(subscriber, 40, 1);
    old = request;
    request = next_question(&stand, &who);
    give(&stand, &late, old.token, 24, 25, true);
    give(&stand, &who, request.token, 41, 43, true); /* more than its credit */
    assert_gets(subscriber, 41, 41);
    zsock_destroy(&subscriber);
    stand_free(&stand);
}
END_TEST

/* Nothing is read for who was killed in the middle, though it had credit. */
START_TEST(who_has_gone_is_forgotten)
{
    struct stand stand;
    struct feed_page_request request;
    zframe_t *who;
    int asked = 0;

    stand_new(&stand);
    zsock_t *subscriber = dial_replay(&stand);
    ask_replay(subscriber, 0, LIMIT_BUS_CREDIT);
    request = next_question(&stand, &who);
    give(&stand, &who, request.token, 1, 2, true);
    assert_gets(subscriber, 1, 2);
    zsock_destroy(&subscriber);
    zsock_set_rcvtimeo(stand.reader, 300);
    for (zframe_t *bytes; asked < 1000 && zsock_recv(stand.reader, "ff", &who, &bytes) == 0;) {
        struct slice question = {(const char *)zframe_data(bytes), zframe_size(bytes)};
        ck_assert_int_eq(feed_page_request_unpack(&request, question), 0);
        asked += request.token != 0;
        give(&stand, &who, request.token, 3, 4, request.token != 0);
        zframe_destroy(&bytes);
    }
    ck_assert_msg(asked < 100, "%d pages for nobody", asked);
    stand_free(&stand);
}
END_TEST

/* As at a change of ports and keys; those of a taken port are over soonest. */
START_TEST(successors_follow_at_once)
{
    struct publisher_args args = {.address = "127.0.0.1", .port = central_free_port("127.0.0.1")};
    zsock_t *taken = zsock_new(ZMQ_ROUTER);

    args.replay_port = args.port;
    ck_assert_int_eq(zsock_bind(taken, "tcp://127.0.0.1:%d", args.port), args.port);
    for (int i = 0; i < 300; i++) {
        struct problem problem;
        zactor_t *publisher = zactor_new(publisher_actor, &args);
        ck_assert_ptr_nonnull(publisher);
        ck_assert_int_eq(publisher_listens(publisher, &problem), -1);
        ck_assert_int_eq(problem.code, PROBLEM_PORT_IN_USE);
        zactor_destroy(&publisher);
    }
    zsock_destroy(&taken);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {successors_follow_at_once,
                                  with_nobody_there_commits_ask_for_nothing,
                                  a_subscriber_makes_it_read,
                                  pages_of_a_replay_join,
                                  a_page_that_comes_too_late_is_dropped,
                                  who_has_gone_is_forgotten};
    return central_suite("publisher", tests, sizeof tests / sizeof tests[0]);
}
