#include "proto/diff.h"

#include "proto/wire.h"

#define QUESTION 1

const char *diff_state_name(enum diff_state state)
{
    static const char *const NAMES[] = {[DIFF_UNKNOWN_PEER] = "unknown_peer",
                                        [DIFF_NOT_CONNECTED] = "not_connected",
                                        [DIFF_LOOKING] = "looking",
                                        [DIFF_FAILED] = "failed",
                                        [DIFF_EQUAL] = "equal",
                                        [DIFF_MISSING_HERE] = "missing_here",
                                        [DIFF_MISSING_THERE] = "missing_there",
                                        [DIFF_DIFFERS] = "differs",
                                        [DIFF_DAMAGED] = "damaged_here"};
    return (unsigned)state < sizeof NAMES / sizeof *NAMES ? NAMES[state] : "failed";
}

/* Takes back what was appended if not all of it fitted. */
static int finish(struct buffer *out, size_t before)
{
    if (out->full) {
        out->len = before;
        return -1;
    }
    return 0;
}

int diff_question_pack(const struct node_id *peer, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, 2);
    msgpack_pack_uint64(&packer, QUESTION);
    wire_put_text(&packer, peer->text);
    return finish(out, before);
}

int diff_question_unpack(struct node_id *peer, struct slice bytes)
{
    struct wire wire;

    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    (void)wire_row_u64(&row, QUESTION, QUESTION);
    *peer = wire_row_node(&row);
    wire_close(&wire);
    return row.bad ? -1 : 0;
}

int diff_report_pack(const struct diff_report *report, struct buffer *out)
{
    msgpack_packer packer;
    size_t before = out->len;
    bool has_place = report->state >= DIFF_MISSING_HERE;

    wire_packer(&packer, out);
    msgpack_pack_array(&packer, has_place ? 6 : 1);
    msgpack_pack_uint64(&packer, (uint64_t)report->state);
    if (has_place) {
        wire_put_text(&packer, report->position.stream.node.text);
        msgpack_pack_uint64(&packer, report->position.stream.epoch);
        msgpack_pack_uint64(&packer, report->position.seq);
        wire_put_digest(&packer, &report->ours);
        wire_put_digest(&packer, &report->theirs);
    }
    return finish(out, before);
}

int diff_report_unpack(struct diff_report *report, struct slice bytes)
{
    struct wire wire;

    *report = (struct diff_report){.state = DIFF_FAILED};
    if (wire_open(&wire, bytes)) {
        return -1;
    }
    struct wire_row row = wire_row(&wire.root);
    report->state = (enum diff_state)wire_row_u64(&row, DIFF_UNKNOWN_PEER, DIFF_DAMAGED);
    if (!row.bad && report->state >= DIFF_MISSING_HERE) {
        report->position.stream.node = wire_row_node(&row);
        report->position.stream.epoch = wire_row_u64(&row, 1, UINT64_MAX);
        report->position.seq = wire_row_u64(&row, 1, LIMIT_SEQ);
        report->ours = wire_row_digest(&row);
        report->theirs = wire_row_digest(&row);
    }
    wire_close(&wire);
    return row.bad ? -1 : 0;
}
