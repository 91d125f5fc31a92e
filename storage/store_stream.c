/*
 * Streams and their heads, all in memory: an event costs no statement on table stream, a commit one
 * per head that moved. sid is index + 1, for ever.
 */
#include "storage/store_internal.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const struct stream *stream)
{
    uint64_t hash = 14695981039346656037u ^ stream->epoch;
    for (const char *c = stream->node.text; *c; c++) {
        hash = (hash ^ (uint64_t)(unsigned char)*c) * 1099511628211u;
    }
    return hash ^ hash >> 31;
}

static size_t slot_of(const struct store *store, const struct stream *stream)
{
    size_t mask = store->stream_slot_count - 1;
    size_t slot = (size_t)hash_of(stream) & mask;
    while (store->stream_slots[slot] &&
           stream_compare(&store->streams[store->stream_slots[slot] - 1].stream, stream) != 0) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static void rehash(struct store *store, size_t slots)
{
    free(store->stream_slots);
    store->stream_slots = calloc(slots, sizeof *store->stream_slots);
    if (!store->stream_slots) {
        abort();
    }
    store->stream_slot_count = slots;
    for (size_t i = 0; i < store->now.stream_count; i++) {
        store->stream_slots[slot_of(store, &store->streams[i].stream)] = (uint32_t)(i + 1);
    }
}

/* Lists a stream in memory; it is not in the table `stream` yet. */
static struct store_stream *list(struct store *store, const struct stream *stream)
{
    size_t index = store->now.stream_count;
    store->streams =
        memory_grow(store->streams, &store->stream_capacity, index + 1, sizeof *store->streams);
    store->streams[index] = (struct store_stream){.stream = *stream};
    if ((index + 1) * 2 > store->stream_slot_count) {
        rehash(store, store->stream_slot_count ? store->stream_slot_count * 2 : 64);
    }
    store->stream_slots[slot_of(store, stream)] = (uint32_t)(index + 1);
    store->now.stream_count++;
    return &store->streams[index];
}

size_t store_stream_find(const struct store *store, const struct stream *stream)
{
    if (store->now.stream_count == 0) {
        return STORE_NO_STREAM;
    }
    size_t slot = slot_of(store, stream);
    return store->stream_slots[slot] ? store->stream_slots[slot] - 1 : STORE_NO_STREAM;
}

int store_stream_add(struct store *store, const struct stream *stream, size_t *index,
                     struct problem *problem)
{
    if (store->now.stream_count >= LIMIT_HEADS) {
        return problem_set(problem, PROBLEM_INTERNAL, "rebuild the database from a peer",
                           "the log already holds %d streams", LIMIT_HEADS);
    }
    static const struct digest zero;
    struct sql sql = store_sql(store, STORE_STREAM_ADD);
    sql_bind_int(&sql, (int64_t)store->now.stream_count + 1);
    sql_bind_text(&sql, slice_text(stream->node.text));
    sql_bind_u64(&sql, stream->epoch);
    sql_bind_digest(&sql, &zero);
    if (sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    *index = store->now.stream_count;
    list(store, stream);
    return 0;
}

int store_stream_load(struct store *store, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db, "SELECT sid, node, epoch, head, chain FROM stream ORDER BY sid",
                    &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        struct stream stream = {.epoch = sql_u64(&sql, 2)};
        if (!node_id_parse(sql_text(&sql, 1), &stream.node) || stream.epoch == 0 ||
            sql_int(&sql, 0) != (int64_t)store->now.stream_count + 1) {
            more = problem_set(problem, PROBLEM_DB_CORRUPT, "restore a backup",
                               "%s: table stream holds a row that parkmesh did not write",
                               store->path);
            break;
        }
        struct store_stream *listed = list(store, &stream);
        listed->seq = listed->begun_seq = sql_u64(&sql, 3);
        listed->chain = listed->begun_chain = sql_digest(&sql, 4);
        struct head head = {stream, listed->seq, listed->chain};
        listed->part = head_digest(&head);
    }
    sqlite3_finalize(stmt);
    return more;
}

/* Notes that a head is about to change. */
static void note_change(struct store *store, size_t index)
{
    struct store_stream *stream = &store->streams[index];
    if (store->has_mark && stream->mark != store->marks) {
        store->saved = memory_grow(store->saved, &store->saved_capacity, store->saved_count + 1,
                                   sizeof *store->saved);
        store->saved[store->saved_count++] =
            (struct store_saved){index, stream->seq, stream->chain};
        stream->mark = store->marks;
    }
    if (!stream->changed) {
        store->changed = memory_grow(store->changed, &store->changed_capacity,
                                     store->changed_count + 1, sizeof *store->changed);
        store->changed[store->changed_count++] = index;
        stream->changed = true;
    }
}

void store_stream_advance(struct store *store, size_t index, const struct digest *chain)
{
    note_change(store, index);
    store->streams[index].seq++;
    store->streams[index].chain = *chain;
}

void store_stream_set(struct store *store, size_t index, uint64_t seq, const struct digest *chain)
{
    note_change(store, index);
    store->streams[index].seq = seq;
    store->streams[index].chain = *chain;
    store->now.rewinds++;
}

struct digest store_stream_sum(const struct store *store)
{
    struct digest sum = {{0}};
    for (size_t i = 0; i < store->now.stream_count; i++) {
        const struct store_stream *stream = &store->streams[i];
        struct head head = {stream->stream, stream->seq, stream->chain};
        struct digest part = head_digest(&head);
        digest_add(&sum, &part);
    }
    return sum;
}

int store_stream_save(struct store *store, struct problem *problem)
{
    for (size_t i = 0; i < store->changed_count; i++) {
        const struct store_stream *stream = &store->streams[store->changed[i]];
        struct sql sql = store_sql(store, STORE_STREAM_SAVE);
        sql_bind_u64(&sql, stream->seq);
        sql_bind_digest(&sql, &stream->chain);
        sql_bind_int(&sql, (int64_t)store->changed[i] + 1);
        if (sql_finish(&sql, problem)) {
            return -1;
        }
    }
    return 0;
}

/* Forgets streams that the table no longer has. Their places in `changed` go with them. */
static void forget_after(struct store *store, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < store->changed_count; i++) {
        if (store->changed[i] < count) {
            store->changed[kept++] = store->changed[i];
        }
    }
    store->changed_count = kept;
    store->now.stream_count = count;
    if (store->stream_slot_count) {
        rehash(store, store->stream_slot_count);
    }
}

void store_stream_undo(struct store *store)
{
    for (size_t i = 0; i < store->saved_count; i++) {
        const struct store_saved *saved = &store->saved[i];
        store->streams[saved->stream].seq = saved->seq;
        store->streams[saved->stream].chain = saved->chain;
    }
    if (store->now.stream_count > store->marked.stream_count) {
        forget_after(store, store->marked.stream_count);
    }
}

void store_stream_rollback(struct store *store)
{
    for (size_t i = 0; i < store->changed_count; i++) {
        struct store_stream *stream = &store->streams[store->changed[i]];
        stream->seq = stream->begun_seq;
        stream->chain = stream->begun_chain;
        stream->changed = false;
    }
    store->changed_count = 0;
    if (store->now.stream_count > store->begun.stream_count) {
        forget_after(store, store->begun.stream_count);
    }
}

void store_stream_commit(struct store *store)
{
    for (size_t i = 0; i < store->changed_count; i++) {
        struct store_stream *stream = &store->streams[store->changed[i]];
        struct head head = {stream->stream, stream->seq, stream->chain};
        digest_subtract(&store->log_digest, &stream->part);
        stream->part = head_digest(&head);
        digest_add(&store->log_digest, &stream->part);
        stream->begun_seq = stream->seq;
        stream->begun_chain = stream->chain;
        stream->changed = false;
    }
    if (store->now.rewinds != store->begun.rewinds) {
        /* A damaged head had a part that the sum never had. */
        store->log_digest = store_stream_sum(store);
    }
}
