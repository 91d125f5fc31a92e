#include "bus/publisher_internal.h"

#include "proto/clock.h"
#include "proto/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A request from outside: a map {op, after, topic, credit}. */
struct wish {
    struct slice op, after, topic;
    uint64_t credit;
};

static int read_wish(struct wish *wish, struct wire *wire, struct slice bytes)
{
    *wish = (struct wish){.credit = 0};
    if (bytes.len > LIMIT_BUS_REQUEST || wire_open(wire, bytes)) {
        return -1;
    }
    for (size_t i = 0; i < wire_map_count(&wire->root); i++) {
        const msgpack_object_kv *pair = wire_map_at(&wire->root, i);
        struct slice key;
        if (!wire_get_str(&pair->key, LIMIT_TEXT, &key)) {
            continue;
        }
        if (slice_equal(key, slice_text("op"))) {
            (void)wire_get_str(&pair->val, LIMIT_TEXT, &wish->op);
        } else if (slice_equal(key, slice_text("after"))) {
            (void)wire_get_str(&pair->val, LIMIT_TEXT, &wish->after);
        } else if (slice_equal(key, slice_text("topic"))) {
            (void)wire_get_str(&pair->val, LIMIT_TEXT, &wish->topic);
        } else if (slice_equal(key, slice_text("credit"))) {
            (void)wire_get_u64(&pair->val, 0, LIMIT_BUS_CREDIT, &wish->credit);
        }
    }
    return 0;
}

/* 0, or -1 when the subscriber takes no more now, or has gone. */
static int send_to(struct publisher *publisher, const struct publisher_session *session,
                   struct slice bytes)
{
    void *socket = zsock_resolve(publisher->replay);

    if (zmq_send(socket, session->id, session->id_len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
        return -1; /* ROUTER_MANDATORY: nothing was begun */
    }
    return zmq_send(socket, bytes.data, bytes.len, ZMQ_DONTWAIT) < 0 ? -1 : 0;
}

/* What became of a message to a session: 0 it went. -1: who takes no more is left alone for a
 * while, who has gone is forgotten. */
static int judge(struct publisher_session *session, int sent)
{
    if (sent != 0) {
        session->is_resting = true;
        session->is_open = errno == EAGAIN;
    }
    return sent;
}

static int say(struct publisher *publisher, const struct publisher_session *session,
               enum problem_code code, const char *text)
{
    msgpack_packer packer;

    buffer_clear(&publisher->out);
    wire_packer(&packer, &publisher->out);
    msgpack_pack_map(&packer, 3);
    publisher_put(&packer, "type", "error");
    publisher_put(&packer, "code", problem_name(code));
    publisher_put(&packer, "text", text);
    return send_to(publisher, session, buffer_slice(&publisher->out));
}

static int say_unknown(struct publisher *publisher, const struct publisher_session *session,
                       const struct feed_page *page)
{
    msgpack_packer packer;

    buffer_clear(&publisher->out);
    wire_packer(&packer, &publisher->out);
    msgpack_pack_map(&packer, 5);
    publisher_put(&packer, "type", "error");
    publisher_put(&packer, "code", problem_name(PROBLEM_CURSOR_UNKNOWN));
    publisher_put(&packer, "text", "this database never gave the cursor, or lost what it named");
    publisher_put_cursor(&packer, "resume", &page->resume);
    publisher_put_cursor(&packer, "now", &page->now);
    return send_to(publisher, session, buffer_slice(&publisher->out));
}

static int say_live(struct publisher *publisher, const struct publisher_session *session,
                    const struct feed_page *page)
{
    msgpack_packer packer;

    buffer_clear(&publisher->out);
    wire_packer(&packer, &publisher->out);
    msgpack_pack_map(&packer, 2);
    publisher_put(&packer, "type", "live");
    publisher_put_cursor(&packer, "cursor", &page->next);
    return send_to(publisher, session, buffer_slice(&publisher->out));
}

static struct publisher_session *session_of(struct publisher *publisher, struct slice id)
{
    struct publisher_session *room = NULL;

    for (size_t i = 0; i < LIMIT_BUS_SESSIONS; i++) {
        struct publisher_session *session = &publisher->sessions[i];
        if (session->is_open && session->id_len == id.len &&
            memcmp(session->id, id.data, id.len) == 0) {
            return session;
        }
        if (!session->is_open && room == NULL) {
            room = session;
        }
    }
    if (room != NULL) {
        *room = (struct publisher_session){.id_len = id.len};
        memcpy(room->id, id.data, id.len);
    }
    return room;
}

/* A replay begins, anew if one was under way. */
static void begin(struct publisher *publisher, struct publisher_session *session,
                  const struct wish *wish)
{
    session->is_open = session->is_reading = session->is_judged = session->is_resting = false;
    if (!feed_cursor_parse(wish->after, &session->after) ||
        !slice_copy(wish->topic, session->topic, sizeof session->topic)) {
        (void)say(publisher, session, PROBLEM_FIELD_INVALID,
                  "replay needs `after`, a cursor, and may have `topic` and `credit`");
        return;
    }
    session->token = ++publisher->tokens;
    session->credit = wish->credit;
    session->sent = 0;
    session->begun_ms = clock_wall_ms();
    session->is_open = true;
}

static void take_request(struct publisher *publisher, struct slice id, const char *address,
                         struct slice bytes)
{
    struct publisher_session *session = session_of(publisher, id);
    struct wish wish;
    struct wire wire;

    if (session == NULL) {
        struct publisher_session stranger = {.id_len = id.len};
        memcpy(stranger.id, id.data, id.len);
        (void)say(publisher, &stranger, PROBLEM_BUSY, "too many replays at once; ask again");
        return;
    }
    if (read_wish(&wish, &wire, bytes) != 0) {
        (void)say(publisher, session, PROBLEM_MESSAGE_INVALID, "no msgpack map");
        return;
    }
    session->heard_ms = clock_mono_ms();
    (void)snprintf(session->address, sizeof session->address, "%s", address ? address : "");
    if (slice_equal(wish.op, slice_text("replay"))) {
        begin(publisher, session, &wish);
    } else if (!slice_equal(wish.op, slice_text("credit"))) {
        (void)say(publisher, session, PROBLEM_FIELD_INVALID, "`op` is replay or credit");
    } else if (session->credit <=
               LIMIT_BUS_CREDIT) { /* credit that comes too late changes nothing */
        session->credit += wish.credit;
    }
    wire_close(&wire);
}

void publisher_replay_take(struct publisher *publisher)
{
    zmsg_t *message;

    while ((message = zmsg_recv_nowait(publisher->replay)) != NULL) {
        zframe_t *id = zmsg_first(message), *bytes = zmsg_last(message);
        if (zmsg_size(message) >= 2 && zframe_size(id) < sizeof publisher->sessions[0].id) {
            take_request(publisher, (struct slice){(const char *)zframe_data(id), zframe_size(id)},
                         zframe_meta(bytes, "Peer-Address"),
                         (struct slice){(const char *)zframe_data(bytes), zframe_size(bytes)});
        }
        zmsg_destroy(&message);
    }
    publisher_replay_go_on(publisher);
}

/* Sends what credit allows; -1 when the subscriber takes no more, or its credit is used up. */
static int send_items(struct publisher *publisher, struct publisher_session *session,
                      const struct feed_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        if (session->credit == 0 ||
            judge(session, send_to(publisher, session, page->items[i].map)) != 0) {
            return -1;
        }
        session->credit--;
        session->sent++;
        publisher->replayed++;
        session->after = page->items[i].cursor;
    }
    return 0;
}

/* Its last message: said again when it does not go. */
static void end(struct publisher_session *session, int sent)
{
    if (judge(session, sent) == 0) {
        session->is_open = false;
    }
}

/* Asks for at most `most` messages behind `after`. A page that was asked for before finds nobody.
 */
static void ask(struct publisher *publisher, struct publisher_session *session,
                const struct feed_cursor *after, uint64_t most)
{
    struct feed_page_request request = {.token = ++publisher->pages, .after = *after, .most = most};

    (void)slice_copy(slice_text(session->topic), request.topic, sizeof request.topic); /* fits */
    session->page = request.token;
    session->is_reading = publisher_ask(publisher, &request) == 0;
}

static void take_page(struct publisher *publisher, struct publisher_session *session,
                      const struct feed_page *page)
{
    session->is_reading = false;
    if (page->state == FEED_PAGE_FAILED) {
        session->is_resting = true; /* the database fails: asked again at the next tick */
        return;
    }
    session->is_judged = true;
    if (page->state == FEED_PAGE_UNKNOWN) {
        publisher->unknown++;
        end(session, say_unknown(publisher, session, page));
        return;
    }
    if (page->more && session->credit > page->count) {
        /* the reader reads on while this page is sent */
        ask(publisher, session, &page->next, session->credit - page->count);
    }
    if (send_items(publisher, session, page) != 0) {
        session->is_reading = false; /* what is read does not follow what was sent */
        return;
    }
    session->after = page->next;
    if (!page->more) {
        end(session, say_live(publisher, session, page));
    }
}

void publisher_replay_page(struct publisher *publisher, const struct feed_page *page)
{
    for (size_t i = 0; i < LIMIT_BUS_SESSIONS; i++) {
        struct publisher_session *session = &publisher->sessions[i];
        if (session->is_open && session->is_reading && session->page == page->token) {
            take_page(publisher, session, page);
        }
    }
}

void publisher_replay_go_on(struct publisher *publisher)
{
    int64_t now_ms = clock_mono_ms();

    for (size_t i = 0; i < LIMIT_BUS_SESSIONS; i++) {
        struct publisher_session *session = &publisher->sessions[i];
        if (session->is_open && now_ms - session->heard_ms > LIMIT_BUS_SILENCE_MS) {
            session->is_open = false;
        }
        if (session->is_open && !session->is_reading && !session->is_resting &&
            (session->credit > 0 || !session->is_judged)) {
            ask(publisher, session, &session->after, session->credit);
        }
    }
}

void publisher_replay_tick(struct publisher *publisher)
{
    for (size_t i = 0; i < LIMIT_BUS_SESSIONS; i++) {
        publisher->sessions[i].is_resting = false;
    }
    publisher_replay_go_on(publisher);
}
