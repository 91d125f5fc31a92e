/*
 * Two cures, both inside the caller's batch.
 *
 * Damage is rows that do not hash to the chain beside them. A chain is a hash of all that led to
 * it, so a peer's run that ends at our chain has, by that, our very bytes: they take the place of
 * the damaged ones. Damage longer than a run is mended from its end: each run ends at the first row
 * of the one before.
 *
 * A fork is two branches that both verify. One of them keeps the stream; ours, when it is the other
 * one, moves to the stream that we are writing, event by event. What a row said by itself is taken
 * back and said again at its new place, then the fold looks at every visit concerned.
 */
#include "storage/store_internal.h"

#include "proto/log.h"

#include <inttypes.h>
#include <string.h>

/* A row of the log, copied out: replacing it changes what a statement points to. */
struct row {
    bool exists;
    uint64_t lsn;
    int64_t visit;      /* its number */
    struct buffer name; /* of the visit; empty when the row has none */
    struct buffer header, body;
    bool has_body;
    struct digest body_hash, chain;
};

struct work {
    struct store *store;
    size_t stream;
    struct row row;
    struct buffer moved;
    sqlite3_stmt *find, *drop, *drop_change, *drop_redaction;
};

static void finish(struct work *work)
{
    sqlite3_finalize(work->find);
    sqlite3_finalize(work->drop);
    sqlite3_finalize(work->drop_change);
    sqlite3_finalize(work->drop_redaction);
    buffer_free(&work->row.header);
    buffer_free(&work->row.body);
    buffer_free(&work->row.name);
    buffer_free(&work->moved);
}

static int start(struct work *work, struct store *store, size_t stream, struct problem *problem)
{
    *work = (struct work){.store = store, .stream = stream};
    if (sql_prepare(store->db,
                    "SELECT e.lsn, e.header, e.body, e.body_hash, e.chain, e.visit, v.name"
                    " FROM event e LEFT JOIN visit v ON v.id = e.visit"
                    " WHERE e.sid = ? AND e.seq = ?",
                    &work->find, problem) ||
        sql_prepare(store->db, "DELETE FROM event WHERE lsn = ?", &work->drop, problem) ||
        sql_prepare(store->db, "DELETE FROM history_changes WHERE sid = ? AND seq = ?",
                    &work->drop_change, problem) ||
        sql_prepare(store->db, "DELETE FROM redaction WHERE sid = ? AND seq = ?",
                    &work->drop_redaction, problem)) {
        finish(work);
        return store_fail(store, problem);
    }
    return 0;
}

static int read_row(struct work *work, uint64_t seq, struct problem *problem)
{
    struct row *row = &work->row;
    buffer_clear(&row->header);
    buffer_clear(&row->body);
    buffer_clear(&row->name);
    struct sql sql = sql_start(work->find);
    sql_bind_int(&sql, (int64_t)work->stream + 1);
    sql_bind_u64(&sql, seq);
    int found = sql_step(&sql, problem);
    row->exists = found > 0;
    row->has_body = false;
    if (found > 0) {
        struct slice header = sql_blob(&sql, 1), body = sql_blob(&sql, 2);
        row->lsn = sql_u64(&sql, 0);
        row->has_body = body.data != NULL;
        row->body_hash = sql_digest(&sql, 3);
        row->chain = sql_digest(&sql, 4);
        row->visit = sql_int(&sql, 5);
        struct slice name = sql_text(&sql, 6);
        (void)buffer_append(&row->name, name.data, name.len);
        /* What is too long is damaged anyway. */
        (void)buffer_append(&row->header, header.data, header.len);
        (void)buffer_append(&row->body, body.data, body.len);
        sql_reset(&sql);
    }
    return found < 0 ? store_fail(work->store, problem) : 0;
}

static struct slice row_body(const struct row *row)
{
    if (!row->has_body) {
        return (struct slice){NULL, 0};
    }
    return row->body.len ? buffer_slice(&row->body) : slice_text("");
}

static int drop_at(struct work *work, sqlite3_stmt *stmt, uint64_t seq, struct problem *problem)
{
    struct sql sql = sql_start(stmt);
    sql_bind_int(&sql, (int64_t)work->stream + 1);
    sql_bind_u64(&sql, seq);
    return sql_finish(&sql, problem) ? store_fail(work->store, problem) : 0;
}

/* Takes a row out of the log, if there is one, and back what it said. */
static int drop_row(struct work *work, uint64_t seq, struct problem *problem)
{
    struct store *store = work->store;
    const struct row *row = &work->row;
    const struct store_place place = {.stream = work->stream, .seq = seq};
    struct event event;
    struct slice name = row->name.len ? buffer_slice(&row->name) : (struct slice){NULL, 0};

    struct sql sql = sql_start(work->drop);
    sql_bind_u64(&sql, row->lsn);
    if (row->exists && sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    if (drop_at(work, work->drop_redaction, seq, problem)) {
        return -1;
    }
    if (sqlite3_changes(store->db) > 0) {
        store->now.settings++;
        if (store_setting_load(store, problem)) {
            return store_fail(store, problem);
        }
    }
    if (event_unpack(&event, buffer_slice(&row->header), row_body(row))) {
        event_init(&event, 0);
    }
    /* A damaged row may no longer tell of which visit its change was. */
    return drop_at(work, work->drop_change, seq, problem) ||
                   store_forget(store, &place, row->visit, name, &event, problem)
               ? -1
               : 0;
}

/* ---- damage ---- */

static bool is_sound(const struct work *work, const struct run_item *item,
                     const struct digest *chain, const struct position *position)
{
    const struct row *row = &work->row;
    if (!row->exists || !slice_equal(buffer_slice(&row->header), item->header) ||
        !digest_equal(&row->body_hash, &item->body_hash) || !digest_equal(&row->chain, chain)) {
        return false;
    }
    if (!row->has_body) {
        struct event event;
        return event_unpack_header(&event, item->header) || !item->body.data ||
               store_is_redacted(work->store, position, event.kind);
    }
    struct digest hash = body_hash(row_body(row));
    return digest_equal(&hash, &row->body_hash);
}

/* Replaces the row with the item. 1 = done, 0 = the peer has no body for it, -1. */
static int replace(struct work *work, const struct position *position, const struct run_item *given,
                   const struct digest *chain, struct problem *problem)
{
    struct run_item item = *given;
    struct event event;
    struct store_place place = {.stream = work->stream, .seq = position->seq, .chain = *chain};

    if (store_read_item(work->store, position, &item, &event, problem)) {
        return -1;
    }
    if (!given->body.data && !store_is_redacted(work->store, position, event.kind) &&
        (!work->row.exists || work->row.has_body)) {
        return 0;
    }
    /* A new number: whoever follows the feed has passed the old one, and may have been told that
     * these bytes were damaged. */
    place.lsn = ++work->store->now.lsn;
    if (drop_row(work, position->seq, problem)) {
        return -1;
    }
    if (event.plate_id.len > 0) {
        /* The row of its visit may be older than any event of it, see store_closure. */
        texts_add(&work->store->touched_plates, event.plate_id);
    }
    return store_put_event(work->store, &place, &item, &event, problem) ? -1 : 1;
}

/* How many items lead to a chain that is ours, by a row or by the head. -1 = a problem. */
static int find_join(struct work *work, const struct run *run, struct problem *problem)
{
    const struct store_stream *ours = &work->store->streams[work->stream];
    struct digest chain = run->chain_before;
    int join = 0;

    for (size_t i = 0; i < run->count && run->from + i <= ours->seq; i++) {
        chain = chain_next(&chain, run->items[i].header, &run->items[i].body_hash);
        if (read_row(work, run->from + i, problem)) {
            return -1;
        }
        if ((work->row.exists && digest_equal(&work->row.chain, &chain)) ||
            (run->from + i == ours->seq && digest_equal(&ours->chain, &chain))) {
            join = (int)i + 1;
        }
    }
    return join;
}

static enum store_run_result replace_all(struct work *work, const struct run *run, size_t count,
                                         struct problem *problem)
{
    struct store *store = work->store;
    struct digest chain = run->chain_before;
    size_t mended = 0, missing = 0;

    for (size_t i = 0; i < count; i++) {
        const struct position position = {run->stream, run->from + i};
        chain = chain_next(&chain, run->items[i].header, &run->items[i].body_hash);
        if (read_row(work, position.seq, problem)) {
            return STORE_RUN_FAILED;
        }
        if (is_sound(work, &run->items[i], &chain, &position)) {
            continue;
        }
        int done = replace(work, &position, &run->items[i], &chain, problem);
        if (done < 0) {
            return STORE_RUN_FAILED;
        }
        mended += done > 0;
        missing += done == 0;
    }
    const struct store_stream *head = &store->streams[work->stream];
    if (run->from + count - 1 == head->seq && !digest_equal(&head->chain, &chain)) {
        store_stream_set(store, work->stream, head->seq, &chain);
        mended++;
    }
    if (missing) {
        return STORE_RUN_GAP;
    }
    if (!mended && count < run->count && run->from + count <= head->seq) {
        return STORE_RUN_FORK; /* what is damaged lies behind what it proves */
    }
    return mended ? STORE_RUN_APPLIED : STORE_RUN_OLD;
}

enum store_run_result store_repair(struct store *store, const struct run *run, int64_t now_ms,
                                   struct problem *problem)
{
    struct work work;
    struct digest before;
    if (store_usable(store, problem)) {
        return STORE_RUN_FAILED;
    }
    store->now_ms = now_ms;
    size_t stream = store_stream_find(store, &run->stream);
    if (stream == STORE_NO_STREAM || run->from == 0 || run->from > store->streams[stream].seq) {
        return STORE_RUN_GAP;
    }
    int held = store_chain_at(store, stream, run->from - 1, &before, problem);
    if (held < 0 || start(&work, store, stream, problem)) {
        return STORE_RUN_FAILED;
    }
    int join = find_join(&work, run, problem);
    enum store_run_result result = STORE_RUN_FAILED;
    if (join == 0) {
        result = STORE_RUN_FORK;
    } else if (join > 0) {
        result = replace_all(&work, run, (size_t)join, problem);
    }
    finish(&work);
    bool is_mended = result == STORE_RUN_APPLIED || result == STORE_RUN_OLD;
    bool is_part = held == 0 || !digest_equal(&before, &run->chain_before);
    return is_mended && is_part ? STORE_RUN_PART : result;
}

/* ---- a fork ---- */

/* Our log holds these very bytes, under whatever stream: another holder of the branch was first.
 * 1, 0, -1. */
static int is_held(struct work *work, const struct run_item *item, struct slice visit,
                   struct problem *problem)
{
    struct store *store = work->store;
    if (!visit.data || !item->body.data) {
        return 0;
    }
    if (store_focus(store, visit, problem) || store_focus_load(store, problem)) {
        return -1;
    }
    for (size_t i = 0; i < store->focus->count; i++) {
        const struct store_known *known = &store->focus->events[i];
        if (slice_equal(known->header, item->header) &&
            slice_equal(known->folded.body, item->body)) {
            return 1;
        }
    }
    return 0;
}

static int move_event(struct work *work, uint64_t seq, struct problem *problem)
{
    struct store *store = work->store;
    struct row *row = &work->row;
    const struct position position = {store->streams[work->stream].stream, seq};
    struct event event;

    if (read_row(work, seq, problem)) {
        return -1;
    }
    if (!row->exists) {
        log_error("EVENT_MISSING", "node=%s epoch=%016" PRIx64 " seq=%" PRIu64,
                  position.stream.node.text, position.stream.epoch, seq);
        return 0;
    }
    if (drop_row(work, seq, problem)) {
        return -1;
    }
    store->now.events--;
    struct run_item item = {.header = buffer_slice(&row->header), .body_hash = row->body_hash};
    if (row->has_body) {
        event_move(row_body(row), &position, &work->moved);
        item.body = buffer_slice(&work->moved);
        item.body_hash = body_hash(item.body);
    }
    const struct position there = {store->streams[store->now.own].stream,
                                   store->streams[store->now.own].seq + 1};
    if (store_read_item(store, &there, &item, &event, problem)) {
        return -1;
    }
    int held = is_held(work, &item, event.visit, problem);
    if (held) {
        return held < 0 ? -1 : 0;
    }
    return store_append_item(store, store->now.own, &item, &event, FACT_SYNC, problem);
}

static int move_all(struct work *work, uint64_t from, struct problem *problem)
{
    struct store *store = work->store;
    uint64_t head = store->streams[work->stream].seq;
    struct digest before;

    int held = store_chain_at(store, work->stream, from - 1, &before, problem);
    if (held <= 0) {
        return held < 0 ? -1
                        : problem_set(problem, PROBLEM_CHAIN_BROKEN, NULL,
                                      "event %" PRIu64 " is missing", from - 1);
    }
    if (store_own_stream(store, problem)) {
        return -1;
    }
    for (uint64_t seq = from; seq <= head; seq++) {
        if (move_event(work, seq, problem)) {
            return -1;
        }
    }
    store_stream_set(store, work->stream, from - 1, &before);
    return 0;
}

enum store_run_result store_move_branch(struct store *store, const struct position *from,
                                        const struct digest *chain, int64_t now_ms,
                                        struct problem *problem)
{
    struct work work;
    struct digest ours;
    if (store_usable(store, problem)) {
        return STORE_RUN_FAILED;
    }
    store->now_ms = now_ms;
    size_t stream = store_stream_find(store, &from->stream);
    if (stream == STORE_NO_STREAM || from->seq == 0 || from->seq > store->streams[stream].seq + 1) {
        return STORE_RUN_OLD;
    }
    bool is_beyond = from->seq > store->streams[stream].seq;
    int held = store_chain_at(store, stream, from->seq - is_beyond, &ours, problem);
    if (held < 0) {
        return STORE_RUN_FAILED;
    }
    if (held == 0 || !digest_equal(&ours, chain)) {
        return STORE_RUN_OLD;
    }
    if (stream == store->now.own) {
        store->now.own = STORE_NO_STREAM; /* the next write mints an epoch */
    }
    if (is_beyond) {
        return STORE_RUN_APPLIED;
    }
    if (start(&work, store, stream, problem)) {
        return STORE_RUN_FAILED;
    }
    int failed = move_all(&work, from->seq, problem);
    finish(&work);
    return failed ? STORE_RUN_FAILED : STORE_RUN_APPLIED;
}
