#include "proto/bus_report.h"

#include "proto/wire.h"

static void put_bool(msgpack_packer *packer, bool value)
{
    if (value) {
        msgpack_pack_true(packer);
    } else {
        msgpack_pack_false(packer);
    }
}

static void put_cursor(msgpack_packer *packer, const struct feed_cursor *cursor)
{
    msgpack_pack_uint64(packer, cursor->feed);
    msgpack_pack_uint64(packer, cursor->lsn);
}

static void put_lists(msgpack_packer *packer, const struct bus_report *report)
{
    msgpack_pack_array(packer, report->topic_count);
    for (size_t i = 0; i < report->topic_count; i++) {
        const struct bus_topic *topic = &report->topics[i];
        msgpack_pack_array(packer, 3);
        wire_put_text(packer, topic->prefix);
        msgpack_pack_uint64(packer, topic->subscribers);
        msgpack_pack_uint64(packer, topic->lsn);
    }
    msgpack_pack_array(packer, report->replay_count);
    for (size_t i = 0; i < report->replay_count; i++) {
        const struct bus_replay *replay = &report->recent[i];
        msgpack_pack_array(packer, 7);
        wire_put_text(packer, replay->address);
        wire_put_text(packer, replay->prefix);
        put_cursor(packer, &replay->at);
        msgpack_pack_uint64(packer, replay->sent);
        msgpack_pack_int64(packer, replay->begun_ms);
        put_bool(packer, replay->is_under_way);
    }
}

int bus_report_pack(const struct bus_report *report, struct buffer *out)
{
    msgpack_packer packer;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 13);
    put_bool(&packer, report->is_listening);
    wire_put_text(&packer, report->address);
    msgpack_pack_uint16(&packer, report->port);
    msgpack_pack_uint16(&packer, report->replay_port);
    put_bool(&packer, report->is_encrypted);
    put_cursor(&packer, &report->at);
    msgpack_pack_uint64(&packer, report->published);
    msgpack_pack_uint64(&packer, report->replays);
    msgpack_pack_uint64(&packer, report->replayed);
    msgpack_pack_uint64(&packer, report->unknown);
    put_lists(&packer, report);
    return out->full ? -1 : 0;
}

static struct feed_cursor row_cursor(struct wire_row *row)
{
    struct feed_cursor cursor = {.feed = 0};

    cursor.feed = wire_row_u64(row, 0, UINT64_MAX);
    cursor.lsn = wire_row_u64(row, 0, UINT64_MAX);
    return cursor;
}

static void read_lists(struct bus_report *report, struct wire_row *row)
{
    const msgpack_object *list = wire_row_array(row, LIMIT_BUS_TOPICS, &report->topic_count);
    for (size_t i = 0; i < report->topic_count && !row->bad; i++) {
        struct wire_row item = wire_row(wire_at(list, i));
        wire_row_text(&item, report->topics[i].prefix, sizeof report->topics[i].prefix);
        report->topics[i].subscribers = wire_row_u64(&item, 0, UINT64_MAX);
        report->topics[i].lsn = wire_row_u64(&item, 0, UINT64_MAX);
        row->bad = item.bad;
    }
    list = wire_row_array(row, LIMIT_BUS_SESSIONS, &report->replay_count);
    for (size_t i = 0; i < report->replay_count && !row->bad; i++) {
        struct wire_row item = wire_row(wire_at(list, i));
        struct bus_replay *replay = &report->recent[i];
        wire_row_text(&item, replay->address, sizeof replay->address);
        wire_row_text(&item, replay->prefix, sizeof replay->prefix);
        replay->at = row_cursor(&item);
        replay->sent = wire_row_u64(&item, 0, UINT64_MAX);
        replay->begun_ms = wire_row_i64(&item, INT64_MIN, INT64_MAX);
        replay->is_under_way = wire_row_bool(&item);
        row->bad = item.bad;
    }
}

int bus_report_unpack(struct bus_report *report, struct slice bytes)
{
    struct wire wire;

    *report = (struct bus_report){.is_listening = false};
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    report->is_listening = wire_row_bool(&row);
    wire_row_text(&row, report->address, sizeof report->address);
    report->port = (uint16_t)wire_row_u64(&row, 0, UINT16_MAX);
    report->replay_port = (uint16_t)wire_row_u64(&row, 0, UINT16_MAX);
    report->is_encrypted = wire_row_bool(&row);
    report->at = row_cursor(&row);
    report->published = wire_row_u64(&row, 0, UINT64_MAX);
    report->replays = wire_row_u64(&row, 0, UINT64_MAX);
    report->replayed = wire_row_u64(&row, 0, UINT64_MAX);
    report->unknown = wire_row_u64(&row, 0, UINT64_MAX);
    read_lists(report, &row);
    wire_close(&wire);
    return row.bad ? -1 : 0;
}
