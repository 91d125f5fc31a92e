#include "tests/bus/support_memlog.h"

#include "proto/event.h"
#include "proto/run.h"

#include <stdlib.h>
#include <string.h>

static const struct digest zero;

static struct memlog_stream *find(const struct memlog *log, const struct stream *id)
{
    for (size_t i = 0; i < log->count; i++) {
        if (stream_compare(&log->streams[i].id, id) == 0) {
            return &log->streams[i];
        }
    }
    return NULL;
}

/* One that the log has. */
static struct memlog_stream *held(const struct memlog *log, const struct stream *id)
{
    struct memlog_stream *found = find(log, id);
    MUST(found);
    return found;
}

static struct memlog_stream *require(struct memlog *log, const struct stream *id)
{
    struct memlog_stream *found = find(log, id);
    if (found) {
        return found;
    }
    if (log->count == log->capacity) {
        log->capacity = log->capacity ? log->capacity * 2 : 8;
        log->streams = realloc(log->streams, log->capacity * sizeof *log->streams);
        MUST(log->streams);
    }
    log->streams[log->count] = (struct memlog_stream){.id = *id};
    return &log->streams[log->count++];
}

static void free_event(struct memlog_event *event)
{
    buffer_free(&event->header);
    buffer_free(&event->body);
}

void memlog_truncate(struct memlog *log, size_t stream, size_t keep)
{
    struct memlog_stream *entry = &log->streams[stream];
    while (entry->count > keep) {
        free_event(&entry->events[--entry->count]);
    }
}

void memlog_free(struct memlog *log)
{
    for (size_t i = 0; i < log->count; i++) {
        memlog_truncate(log, i, 0);
        free(log->streams[i].events);
    }
    free(log->streams);
    *log = (struct memlog){.count = 0};
}

static const struct digest *chain_at(const struct memlog_stream *stream, uint64_t seq)
{
    return seq ? &stream->events[seq - 1].chain : &zero;
}

static void append(struct memlog_stream *stream, struct slice header, struct slice body)
{
    struct memlog_event event = {.body_hash = body_hash(body)};

    if (stream->count == stream->capacity) {
        stream->capacity = stream->capacity ? stream->capacity * 2 : 16;
        stream->events = realloc(stream->events, stream->capacity * sizeof *stream->events);
        MUST(stream->events);
    }
    MUST(buffer_append(&event.header, header.data, header.len) == 0);
    MUST(buffer_append(&event.body, body.data, body.len) == 0);
    event.chain = chain_next(chain_at(stream, stream->count), header, &event.body_hash);
    stream->events[stream->count++] = event;
}

uint64_t memlog_write(struct memlog *log, const struct stream *stream, size_t count, size_t size,
                      uint64_t salt)
{
    struct memlog_stream *entry = require(log, stream);
    uint64_t first = entry->count + 1;

    for (size_t i = 0; i < count; i++) {
        struct buffer header = {.limit = 0};
        struct buffer body = {.limit = 0};
        char *text = bytes_allocate(size + 1, 1);
        msgpack_packer packer;
        memset(text, 'x', size);
        wire_packer(&packer, &header);
        msgpack_pack_array(&packer, 5);
        msgpack_pack_int(&packer, EVENT_VERSION);
        msgpack_pack_int(&packer, EVENT_LOCATION_UPDATE);
        msgpack_pack_uint64(&packer, 1000 + entry->count);
        msgpack_pack_int64(&packer, 5);
        msgpack_pack_int(&packer, 0);
        wire_packer(&packer, &body);
        msgpack_pack_map(&packer, 2);
        msgpack_pack_int(&packer, EVENT_KEY_VISIT);
        wire_put_slice_str(&packer, (struct slice){text, size});
        msgpack_pack_int(&packer, EVENT_KEY_DEVICE_MS);
        msgpack_pack_uint64(&packer, salt % 1000000 + entry->count);
        append(entry, buffer_slice(&header), buffer_slice(&body));
        buffer_free(&header);
        buffer_free(&body);
        free(text);
    }
    return first;
}

static bool verifies(const struct memlog_stream *stream, uint64_t seq)
{
    const struct memlog_event *event = &stream->events[seq - 1];
    struct digest hash = body_hash(buffer_slice(&event->body));
    struct digest chain =
        chain_next(chain_at(stream, seq - 1), buffer_slice(&event->header), &event->body_hash);
    return digest_equal(&hash, &event->body_hash) && digest_equal(&chain, &event->chain);
}

uint64_t memlog_damaged(const struct memlog *log, const struct stream *stream, uint64_t from,
                        size_t max_events)
{
    const struct memlog_stream *entry = find(log, stream);
    for (uint64_t seq = from; entry && seq <= entry->count && seq - from < max_events; seq++) {
        if (!verifies(entry, seq)) {
            return seq;
        }
    }
    return 0;
}

void memlog_damage(struct memlog *log, const struct stream *stream, uint64_t seq)
{
    held(log, stream)->events[seq - 1].body.data[4] ^= 1;
}

void memlog_damage_chains(struct memlog *log, const struct stream *stream, uint64_t seq,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        held(log, stream)->events[seq + i - 1].chain.bytes[7] ^= 1;
    }
}

static enum apply_outcome repair_run(struct memlog *log, const struct run *run)
{
    struct memlog_stream *entry = find(log, &run->stream);
    struct digest chain = run->chain_before;
    size_t join = 0;

    if (!entry || run->from > entry->count) {
        return APPLY_GAP;
    }
    for (size_t i = 0; i < run->count && run->from + i <= entry->count; i++) {
        chain = chain_next(&chain, run->items[i].header, &run->items[i].body_hash);
        join = digest_equal(&chain, chain_at(entry, run->from + i)) ? i + 1 : join;
    }
    if (join == 0) {
        return APPLY_FORK;
    }
    if (join < run->count && run->from + join <= entry->count &&
        !memlog_damaged(log, &run->stream, run->from, join)) {
        return APPLY_FORK;
    }
    chain = run->chain_before;
    for (size_t i = 0; i < join; i++) {
        struct memlog_event *event = &entry->events[run->from + i - 1];
        chain = chain_next(&chain, run->items[i].header, &run->items[i].body_hash);
        event->chain = chain;
        buffer_clear(&event->body);
        MUST(buffer_append(&event->body, run->items[i].body.data, run->items[i].body.len) == 0);
    }
    return digest_equal(&run->chain_before, chain_at(entry, run->from - 1)) ? APPLY_DONE
                                                                            : APPLY_PART;
}

enum apply_outcome memlog_repair(struct memlog *log, struct slice packed)
{
    struct run run;
    struct wire wire;

    MUST(run_unpack(&run, &wire, packed) == 0);
    enum apply_outcome outcome = repair_run(log, &run);
    run_free(&run);
    wire_close(&wire);
    return outcome;
}

enum apply_outcome memlog_move(struct memlog *log, const struct position *from,
                               const struct digest *chain, const struct stream *to)
{
    struct memlog_stream *entry = find(log, &from->stream);
    bool is_beyond = entry && from->seq == entry->count + 1;

    if (!entry || from->seq > entry->count + 1 ||
        !digest_equal(chain, chain_at(entry, from->seq - is_beyond))) {
        return APPLY_FORK;
    }
    for (uint64_t seq = from->seq; seq <= entry->count; seq++) {
        const struct position position = {from->stream, seq};
        struct buffer body = {.limit = 0};
        event_move(buffer_slice(&entry->events[seq - 1].body), &position, &body);
        struct memlog_stream *target = require(log, to);
        entry = held(log, &from->stream); /* require may have moved it */
        append(target, buffer_slice(&entry->events[seq - 1].header), buffer_slice(&body));
        buffer_free(&body);
    }
    if (!is_beyond) {
        memlog_truncate(log, (size_t)(entry - log->streams), (size_t)from->seq - 1);
        log->rewinds++;
    }
    return APPLY_DONE;
}

void memlog_move_fact(const struct memlog *log, const struct stream *stream, const struct head *own,
                      struct buffer *out)
{
    struct head heads[2] = {memlog_head(log, stream), *own};
    struct fact fact = {.log_digest = memlog_digest(log),
                        .state_digest = memlog_digest(log),
                        .events = memlog_count(log),
                        .hlc = memlog_count(log),
                        .rewinds = log->rewinds,
                        .rewound = 1,
                        .own = *own,
                        .heads = heads,
                        .head_count = 2};
    MUST(fact_pack(&fact, out) == 0);
}

size_t memlog_read(const struct memlog *log, const struct stream *stream, uint64_t from,
                   size_t max_bytes, size_t max_events, struct buffer *out)
{
    const struct memlog_stream *entry = find(log, stream);
    struct buffer items = {.limit = 0};
    size_t count = 0;

    if (!entry || from == 0 || from > entry->count) {
        return 0;
    }
    while (from - 1 + count < entry->count && (count == 0 || count < max_events) &&
           (count == 0 || items.len < max_bytes) && verifies(entry, from + count)) {
        const struct memlog_event *event = &entry->events[from - 1 + count];
        size_t before = items.len;
        MUST(run_put_item(&items, buffer_slice(&event->header), buffer_slice(&event->body),
                          &event->body_hash) == 0);
        if (count && items.len > max_bytes) {
            items.len = before;
            break;
        }
        count++;
    }
    if (count == 0) {
        buffer_free(&items);
        return 0;
    }
    MUST(run_pack(out, stream, from, chain_at(entry, from - 1), chain_at(entry, from - 1 + count),
                  &items, count) == 0);
    buffer_free(&items);
    return count;
}

static enum apply_outcome apply_run(struct memlog *log, const struct run *run)
{
    struct memlog_stream *entry = require(log, &run->stream);

    if (run->from > entry->count + 1) {
        return APPLY_GAP;
    }
    if (!digest_equal(chain_at(entry, run->from - 1), &run->chain_before)) {
        return APPLY_FORK;
    }
    for (size_t i = 0; i < run->count; i++) {
        const struct run_item *item = &run->items[i];
        uint64_t seq = run->from + i;
        if (seq > entry->count) {
            append(entry, item->header, item->body);
        } else if (!digest_equal(&entry->events[seq - 1].body_hash, &item->body_hash)) {
            return APPLY_FORK;
        }
    }
    return APPLY_DONE;
}

enum apply_outcome memlog_apply(struct memlog *log, struct slice packed)
{
    struct run run;
    struct wire wire;

    MUST(run_unpack(&run, &wire, packed) == 0);
    enum apply_outcome outcome = apply_run(log, &run);
    run_free(&run);
    wire_close(&wire);
    return outcome;
}

struct head memlog_head(const struct memlog *log, const struct stream *stream)
{
    const struct memlog_stream *entry = find(log, stream);
    struct head head = {.stream = *stream};
    if (entry) {
        head.seq = entry->count;
        head.chain = *chain_at(entry, entry->count);
    }
    return head;
}

struct head *memlog_heads(const struct memlog *log, size_t *count)
{
    struct head *heads = bytes_allocate(log->count, sizeof *heads);
    *count = 0;
    for (size_t i = 0; i < log->count; i++) {
        if (log->streams[i].count) {
            heads[(*count)++] = memlog_head(log, &log->streams[i].id);
        }
    }
    return heads;
}

struct digest memlog_digest(const struct memlog *log)
{
    struct digest sum = {{0}};
    for (size_t i = 0; i < log->count; i++) {
        struct head head = memlog_head(log, &log->streams[i].id);
        struct digest part = head_digest(&head);
        digest_add(&sum, &part);
    }
    return sum;
}

uint64_t memlog_count(const struct memlog *log)
{
    uint64_t count = 0;
    for (size_t i = 0; i < log->count; i++) {
        count += log->streams[i].count;
    }
    return count;
}

bool memlog_is_part(const struct memlog *part, const struct memlog *whole)
{
    for (size_t i = 0; i < part->count; i++) {
        const struct memlog_stream *mine = &part->streams[i];
        const struct memlog_stream *theirs = find(whole, &mine->id);
        for (size_t k = 0; k < mine->count; k++) {
            if (!theirs || k >= theirs->count ||
                !slice_equal(buffer_slice(&mine->events[k].header),
                             buffer_slice(&theirs->events[k].header)) ||
                !slice_equal(buffer_slice(&mine->events[k].body),
                             buffer_slice(&theirs->events[k].body))) {
                return false;
            }
        }
    }
    return true;
}

void memlog_fact(const struct memlog *log, const struct stream *stream, size_t count,
                 enum fact_origin origin, const struct head *own, struct buffer *out)
{
    struct head head = memlog_head(log, stream);
    struct buffer *runs = bytes_allocate(count, sizeof *runs);
    struct fact fact = {
        .log_digest = memlog_digest(log),
        .state_digest = memlog_digest(log), /* a function of the log, like the real one */
        .events = memlog_count(log),
        .hlc = memlog_count(log),
        .rewinds = log->rewinds,
        .own = *own,
        .heads = &head,
        .head_count = 1,
        .items = bytes_allocate(count, sizeof *fact.items),
        .item_count = count,
    };
    for (size_t i = 0; i < count; i++) {
        MUST(memlog_read(log, stream, head.seq - count + 1 + i, 0, 1, &runs[i]) == 1);
        fact.items[i] = (struct fact_event){.origin = origin, .run = buffer_slice(&runs[i])};
    }
    out->limit = (size_t)64 * 1024 * 1024;
    MUST(fact_pack(&fact, out) == 0);
    for (size_t i = 0; i < count; i++) {
        buffer_free(&runs[i]);
    }
    free(runs);
    free(fact.items);
}
