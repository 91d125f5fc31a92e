#include "api/handlers.h"

#include "api/ask.h"
#include "api/feed_item.h"
#include "api/respond.h"
#include "api/visit_row.h"

#include <stdlib.h>

#define ASK_MS 1000

struct bus_report *bus_ask(struct request *request)
{
    struct ask *ask = ask_new(BUS_REPORT_ENDPOINT, &request->gateway->abandon);
    struct bus_report *report = bytes_allocate(1, sizeof *report);
    struct problem problem;
    struct slice bytes;

    if (ask_call(ask, slice_text("?"), ASK_MS, &bytes, &problem) != 0 ||
        bus_report_unpack(report, bytes) != 0) {
        *report = (struct bus_report){.is_listening = false};
    }
    ask_destroy(&ask);
    return report;
}

static void put_topic(struct json_writer *writer, const struct feed_cursor *at,
                      const struct bus_topic *topic)
{
    const struct feed_cursor last = {at->feed, topic->lsn};

    json_put_open(writer, '{');
    json_set_text(writer, "topic", topic->prefix);
    json_set_int(writer, "subscribers", (int64_t)topic->subscribers);
    feed_item_put_cursor(writer, "last", &last);
    json_put_close(writer, '}');
}

static void put_replay(struct json_writer *writer, const struct bus_replay *replay)
{
    json_put_open(writer, '{');
    json_set_text(writer, "address", replay->address);
    json_set_text(writer, "topic", replay->prefix);
    feed_item_put_cursor(writer, "at", &replay->at);
    json_set_int(writer, "fetched", (int64_t)replay->sent);
    visit_row_time(writer, "begun_at", replay->begun_ms);
    json_set_bool(writer, "under_way", replay->is_under_way);
    json_put_close(writer, '}');
}

void bus_get(struct request *request)
{
    struct bus_report *report = bus_ask(request);
    struct json_writer writer = respond_json(request);

    json_put_open(&writer, '{');
    json_set_bool(&writer, "listening", report->is_listening);
    if (report->is_listening) {
        json_set_text(&writer, "address", report->address);
        json_set_int(&writer, "port", report->port);
        json_set_int(&writer, "replay_port", report->replay_port);
        json_set_bool(&writer, "encrypted", report->is_encrypted);
        feed_item_put_cursor(&writer, "now", &report->at);
        json_set_int(&writer, "published", (int64_t)report->published);
        json_set_int(&writer, "replays", (int64_t)report->replays);
        json_set_int(&writer, "fetched", (int64_t)report->replayed);
        json_set_int(&writer, "unknown_cursors", (int64_t)report->unknown);
    }
    json_put_key(&writer, "topics");
    json_put_open(&writer, '[');
    for (size_t i = 0; i < report->topic_count; i++) {
        put_topic(&writer, &report->at, &report->topics[i]);
    }
    json_put_close(&writer, ']');
    json_put_key(&writer, "recent_replays");
    json_put_open(&writer, '[');
    for (size_t i = 0; i < report->replay_count; i++) {
        put_replay(&writer, &report->recent[i]);
    }
    json_put_close(&writer, ']');
    json_put_close(&writer, '}');
    respond_send(request, 200);
    free(report);
}
