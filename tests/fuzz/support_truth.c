#include "tests/fuzz/support_truth.h"

#include "proto/event.h"
#include "proto/run.h"
#include "tests/fuzz/support_source.h"

#include <string.h>

#define FORKED_FROM 5 /* the first seq of TRUTH_FORK that differs from log 1 */

static size_t keep(struct buffer *packed, char *out, size_t size)
{
    size_t length = packed->len;

    source_require(length <= size);
    memcpy(out, packed->data, length);
    buffer_free(packed);
    return length;
}

static void make_event(struct truth_event *event, const struct digest *before, int seq, int salt)
{
    struct buffer header = {.limit = 0};
    struct buffer body = {.limit = 0};
    msgpack_packer packer;

    wire_packer(&packer, &header);
    msgpack_pack_array(&packer, 5);
    msgpack_pack_int(&packer, EVENT_VERSION);
    msgpack_pack_int(&packer, EVENT_LOCATION_UPDATE);
    msgpack_pack_int(&packer, 1000 + seq);
    msgpack_pack_int(&packer, 5);
    msgpack_pack_int(&packer, 0);
    wire_packer(&packer, &body);
    msgpack_pack_map(&packer, 1);
    msgpack_pack_int(&packer, EVENT_KEY_DEVICE_MS);
    msgpack_pack_int(&packer, salt * 1000 + seq);
    event->hash = body_hash(buffer_slice(&body));
    event->chain = chain_next(before, buffer_slice(&header), &event->hash);
    event->sizes[0] = keep(&header, event->bytes[0], sizeof event->bytes[0]);
    event->sizes[1] = keep(&body, event->bytes[1], sizeof event->bytes[1]);
}

void truth_make(struct truth *truth)
{
    static const struct {
        const char *node;
        uint64_t epoch;
        int salt;
    } streams[TRUTH_LOGS] = {{"central-2", 7, 1}, {"central-2", 8, 2}, {"central-3", 1, 3},
                             {"central-1", 5, 4}, {"central-9", 2, 5}, {"central-2", 8, 2},
                             {"central-1", 6, 6}};

    memset(truth, 0, sizeof *truth);
    for (int i = 0; i < TRUTH_LOGS; i++) {
        struct truth_log *log = &truth->logs[i];
        struct digest before = {{0}};
        source_require(node_id_parse(slice_text(streams[i].node), &log->stream.node));
        log->stream.epoch = streams[i].epoch;
        for (int k = 0; k < TRUTH_EVENTS; k++) {
            bool is_forked = i == TRUTH_FORK && k + 1 >= FORKED_FROM;
            make_event(&log->events[k], &before, k + 1, streams[i].salt + (is_forked ? 50 : 0));
            before = log->events[k].chain;
        }
    }
}

struct head truth_head(const struct truth_log *log, uint64_t seq)
{
    struct head head = {.stream = log->stream, .seq = seq};

    if (seq) {
        head.chain = log->events[seq - 1].chain;
    }
    return head;
}

const struct truth_log *truth_find(const struct truth *truth, const struct head *head)
{
    for (size_t i = 0; i < TRUTH_LOGS; i++) {
        const struct truth_log *log = &truth->logs[i];
        if (stream_compare(&log->stream, &head->stream) == 0 && head->seq <= TRUTH_EVENTS &&
            (head->seq == 0 || digest_equal(&log->events[head->seq - 1].chain, &head->chain))) {
            return log;
        }
    }
    return NULL;
}

bool truth_run(const struct truth_log *log, uint64_t from, size_t count, struct buffer *out)
{
    struct buffer items = {.limit = 0};

    if (from == 0 || from > TRUTH_EVENTS || count == 0) {
        return false;
    }
    size_t room = TRUTH_EVENTS - (size_t)from + 1;
    count = count > room ? room : count;
    for (size_t i = 0; i < count; i++) {
        const struct truth_event *event = &log->events[from - 1 + i];
        source_require(run_put_item(&items, (struct slice){event->bytes[0], event->sizes[0]},
                                    (struct slice){event->bytes[1], event->sizes[1]},
                                    &event->hash) == 0);
    }
    struct head before = truth_head(log, from - 1);
    struct head after = truth_head(log, from - 1 + count);
    source_require(run_pack(out, &log->stream, from, &before.chain, &after.chain, &items, count) ==
                   0);
    buffer_free(&items);
    return true;
}
