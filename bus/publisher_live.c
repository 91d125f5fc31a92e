#include "bus/publisher_internal.h"

#include "proto/log.h"

#include <stdio.h>
#include <string.h>

bool publisher_live_wants(const struct publisher *publisher, char topic[FEED_TOPIC])
{
    bool is_first = true;

    topic[0] = '\0';
    for (size_t i = 0; i < LIMIT_BUS_TOPICS; i++) {
        const char *text = publisher->topics[i].text;
        size_t same = 0;
        if (text[0] == '\0') {
            continue;
        }
        while (!is_first && topic[same] != '\0' && topic[same] == text[same]) {
            same++;
        }
        if (is_first) {
            (void)snprintf(topic, FEED_TOPIC, "%s", text);
        } else {
            topic[same] = '\0';
        }
        is_first = false;
    }
    return !is_first;
}

/* The place of a prefix, made when it is new; NULL when there is no room. */
static struct publisher_topic *place_of(struct publisher *publisher, const char *text)
{
    struct publisher_topic *room = NULL;

    for (size_t i = 0; i < LIMIT_BUS_TOPICS; i++) {
        struct publisher_topic *topic = &publisher->topics[i];
        if (strcmp(topic->text, text) == 0) {
            return topic;
        }
        if (topic->text[0] == '\0' && room == NULL) {
            room = topic;
        }
    }
    if (room != NULL) {
        (void)snprintf(room->text, sizeof room->text, "%s", text);
        room->is_valid = feed_topic_tells(text) != 0;
        room->last = publisher->at.lsn;
        room->subscribers = 0;
        publisher->is_stale = true;
    }
    return room;
}

/* A send never waits: a subscriber whose queue is full misses the message and sees it from the
 * links of the next one, or from a position. */
static void send_frame(struct publisher *publisher, const void *data, size_t len, bool more)
{
    (void)zmq_send(zsock_resolve(publisher->live), data, len,
                   ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
}

/* {type, topic, ok, now, last} to whoever subscribed to just this prefix. */
static void tell(struct publisher *publisher, const struct publisher_topic *topic, const char *type)
{
    const struct feed_cursor last = {publisher->at.feed, topic->last};
    msgpack_packer packer;

    buffer_clear(&publisher->out);
    wire_packer(&packer, &publisher->out);
    msgpack_pack_map(&packer, 5);
    publisher_put(&packer, "type", type);
    publisher_put(&packer, "topic", topic->text);
    wire_put_slice_str(&packer, slice_text("ok"));
    if (topic->is_valid) {
        msgpack_pack_true(&packer);
    } else {
        msgpack_pack_false(&packer);
    }
    publisher_put_cursor(&packer, "now", &publisher->at);
    publisher_put_cursor(&packer, "last", &last);
    send_frame(publisher, topic->text, strlen(topic->text), true);
    send_frame(publisher, publisher->out.data, publisher->out.len, false);
}

static void subscribe(struct publisher *publisher, struct slice prefix)
{
    char text[FEED_TOPIC];

    if (prefix.len == 0 || !slice_copy(prefix, text, sizeof text) || !wire_is_utf8(prefix)) {
        log_info("BUS_TOPIC_INVALID", "bytes=%zu", prefix.len);
        return; /* no welcome: the client says that the topic is wrong */
    }
    struct publisher_topic *topic = place_of(publisher, text);
    if (topic == NULL) {
        log_warn("BUS_TOPICS_FULL", "most=%d", LIMIT_BUS_TOPICS);
        return;
    }
    topic->subscribers++;
    if (publisher->at.feed != 0) {
        tell(publisher, topic, "welcome");
    }
}

/* A subscriber of a prefix has gone. */
static void unsubscribe(struct publisher *publisher, struct slice prefix)
{
    for (size_t i = 0; i < LIMIT_BUS_TOPICS && prefix.len > 0; i++) {
        struct publisher_topic *topic = &publisher->topics[i];
        if (slice_equal(slice_text(topic->text), prefix) && --topic->subscribers == 0) {
            topic->text[0] = '\0';
        }
    }
}

void publisher_live_take(struct publisher *publisher)
{
    zmq_msg_t frame;

    (void)zmq_msg_init(&frame); /* cannot fail */
    while (zmq_msg_recv(&frame, zsock_resolve(publisher->live), ZMQ_DONTWAIT) >= 0) {
        const char *data = zmq_msg_data(&frame);
        size_t len = zmq_msg_size(&frame);
        if (len > 0 && data[0] == 1) {
            subscribe(publisher, (struct slice){data + 1, len - 1});
        } else if (len > 0 && data[0] == 0) {
            unsubscribe(publisher, (struct slice){data + 1, len - 1});
        }
    }
    (void)zmq_msg_close(&frame);
}

/* For each prefix that lets the event pass: the lsn that was published before it there. */
static void make_links(struct publisher *publisher, const struct feed_page_item *item)
{
    struct publisher_topic *matching[LIMIT_BUS_TOPICS];
    msgpack_packer packer;
    uint32_t count = 0;

    for (size_t i = 0; i < LIMIT_BUS_TOPICS; i++) {
        struct publisher_topic *topic = &publisher->topics[i];
        size_t len = strlen(topic->text);
        if (len > 0 && len <= item->topic.len && memcmp(topic->text, item->topic.data, len) == 0) {
            matching[count++] = topic;
        }
    }
    buffer_clear(&publisher->links);
    wire_packer(&packer, &publisher->links);
    msgpack_pack_map(&packer, count);
    for (uint32_t i = 0; i < count; i++) {
        wire_put_text(&packer, matching[i]->text);
        msgpack_pack_uint64(&packer, matching[i]->last);
        matching[i]->last = item->cursor.lsn;
    }
}

void publisher_live_page(struct publisher *publisher, const struct feed_page *page)
{
    bool is_first = publisher->at.feed == 0;

    if (page->state != FEED_PAGE_KNOWN) {
        return; /* asked again at the next tick */
    }
    for (size_t i = 0; i < page->count; i++) {
        const struct feed_page_item *item = &page->items[i];
        make_links(publisher, item);
        publisher->published++;
        send_frame(publisher, item->topic.data, item->topic.len, true);
        send_frame(publisher, item->map.data, item->map.len, true);
        send_frame(publisher, publisher->links.data, publisher->links.len, false);
    }
    publisher->at = page->next;
    publisher->now = page->now;
    publisher->has_news = publisher->has_news || page->more;
    for (size_t i = 0; i < LIMIT_BUS_TOPICS && is_first; i++) { /* those who came before we knew */
        if (publisher->topics[i].text[0] != '\0') {
            publisher->topics[i].last = publisher->at.lsn;
            tell(publisher, &publisher->topics[i], "welcome");
        }
    }
}

void publisher_live_position(struct publisher *publisher)
{
    for (size_t i = 0; i < LIMIT_BUS_TOPICS && publisher->at.feed != 0; i++) {
        if (publisher->topics[i].text[0] != '\0') {
            tell(publisher, &publisher->topics[i], "position");
        }
    }
}
