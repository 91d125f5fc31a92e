#include "proto/probe.h"

#include "proto/wire.h"

#define QUESTION 2

/* Takes back what was appended if not all of it fitted. */
static int finish(struct buffer *out, size_t before)
{
    if (out->full) {
        out->len = before;
        return -1;
    }
    return 0;
}

int probe_question_pack(const struct probe_question *question, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 3);
    msgpack_pack_uint64(&packer, QUESTION);
    wire_put_text(&packer, question->peer.text);
    msgpack_pack_int64(&packer, question->since_ms);
    return finish(out, before);
}

int probe_question_unpack(struct probe_question *question, struct slice bytes)
{
    struct wire wire;

    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    (void)wire_row_u64(&row, QUESTION, QUESTION);
    question->peer = wire_row_node(&row);
    question->since_ms = wire_row_i64(&row, 0, INT64_MAX);
    wire_close(&wire);
    return row.bad ? -1 : 0;
}

int probe_report_pack(const struct probe_report *report, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_uint64(&packer, (uint64_t)report->state);
    msgpack_pack_int64(&packer, report->rtt_ms);
    return finish(out, before);
}

int probe_report_unpack(struct probe_report *report, struct slice bytes)
{
    struct wire wire;

    *report = (struct probe_report){.state = PROBE_NOT_CONNECTED};
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    report->state = (enum probe_state)wire_row_u64(&row, PROBE_UNKNOWN_PEER, PROBE_ANSWERED);
    report->rtt_ms = wire_row_i64(&row, 0, INT64_MAX);
    wire_close(&wire);
    return row.bad ? -1 : 0;
}
