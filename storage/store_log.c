/*
 * Appending to the log, and what each event says by itself: the plates of a visit, retries,
 * administrators' changes. What needs other events is the fold's.
 */
#include "storage/store_internal.h"

#include "proto/clock.h"
#include "proto/localtime.h"
#include "proto/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool store_is_change(uint32_t kind)
{
    return kind == EVENT_HISTORY_UPDATE || kind == EVENT_HISTORY_DELETE ||
           kind == EVENT_HISTORY_UNDELETE;
}

/* Events of a gate or a lot camera: what a camera may repeat. */
static bool is_sighting(uint32_t kind)
{
    return kind == EVENT_VEHICLE_ENTRY_PENDING || kind == EVENT_VEHICLE_EXIT ||
           kind == EVENT_LOCATION_UPDATE;
}

struct slice store_visit_key(const struct event *event, size_t stream, uint64_t seq,
                             char out[LIMIT_EVENT_ID + 1])
{
    struct slice none = {NULL, 0};
    if (!store_is_change(event->kind) && !is_sighting(event->kind) && event->kind != EVENT_IMPORT) {
        return none;
    }
    if (event->visit.data || event->plate_id.len == 0) {
        return event->visit;
    }
    /* It names no visit, but it has a plate and so a place in a timeline. */
    snprintf(out, LIMIT_EVENT_ID + 1, "#%zu:%" PRIu64, stream, seq);
    return slice_text(out);
}

/* A person's change is known by the key that its sender chose, and by nothing else. */
static bool is_keyed_change(const struct event *event)
{
    return store_is_change(event->kind) && event->sent_id.data && !event->camera_id.data;
}

bool store_has_retry_key(const struct event *event)
{
    bool is_change = is_keyed_change(event);
    return (is_sighting(event->kind) || is_change) &&
           (event->sent_id.data || event->device_ms != EVENT_NONE) &&
           event->sent_id.len <= LIMIT_TEXT && event->camera_id.len <= LIMIT_TEXT &&
           (is_change || event->plate_id.len <= LIMIT_TEXT);
}

bool store_retry_key(const struct event *event, struct digest *key)
{
    if (!store_has_retry_key(event)) {
        return false;
    }
    /* Each text behind its length; an absent one has a length that no text has. */
    char bytes[2 * sizeof(int64_t) + 3 * (sizeof(uint32_t) + LIMIT_TEXT)];
    const struct slice parts[] = {event->sent_id, event->camera_id,
                                  is_keyed_change(event) ? (struct slice){NULL, 0}
                                                         : event->plate_id};
    int64_t kind = event->kind;
    memcpy(bytes, &kind, sizeof kind);
    memcpy(bytes + sizeof kind, &event->device_ms, sizeof event->device_ms);
    size_t used = 2 * sizeof(int64_t);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        uint32_t len = parts[i].data ? (uint32_t)parts[i].len : UINT32_MAX;
        memcpy(bytes + used, &len, sizeof len);
        if (parts[i].len) {
            memcpy(bytes + used + sizeof len, parts[i].data, parts[i].len);
        }
        used += sizeof len + parts[i].len;
    }
    *key = body_hash((struct slice){bytes, used});
    return true;
}

bool store_sender_key(const struct event *event, struct digest *key)
{
    char bytes[LIMIT_RETRY_KEY + LIMIT_TEXT + 64];

    if (!is_sighting(event->kind) || event->retry_key.len == 0 ||
        event->retry_key.len > LIMIT_RETRY_KEY || event->plate_id.len > LIMIT_TEXT) {
        return false;
    }
    /* No hash of what a camera repeats begins so: that begins with a small number. */
    int len =
        snprintf(bytes, sizeof bytes, "key %" PRIu32 " %zu ", event->kind, event->retry_key.len);
    size_t used = (size_t)len;
    memcpy(bytes + used, event->retry_key.data, event->retry_key.len);
    used += event->retry_key.len;
    if (event->plate_id.len) {
        memcpy(bytes + used, event->plate_id.data, event->plate_id.len);
        used += event->plate_id.len;
    }
    *key = body_hash((struct slice){bytes, used});
    return true;
}

static int list_retry(struct store *store, const struct digest *key, uint64_t lsn,
                      struct problem *problem)
{
    store->now.has_retries = true;
    struct sql sql = store_sql(store, STORE_RETRY_ADD);
    sql_bind_digest(&sql, key);
    sql_bind_u64(&sql, lsn);
    return sql_finish(&sql, problem) ? store_fail(store, problem) : 0;
}

static int add_retry(struct store *store, const struct event *event, uint64_t lsn,
                     struct problem *problem)
{
    struct digest key;
    if (store_sender_key(event, &key) && list_retry(store, &key, lsn, problem)) {
        return -1;
    }
    /* With an id of its own that is also the visit's, it is found by the visit. */
    if ((event->sent_id.data && slice_equal(event->sent_id, event->visit)) ||
        !store_retry_key(event, &key)) {
        return 0;
    }
    return list_retry(store, &key, lsn, problem);
}

/* A tariff for a time in the past can change the visits that this event closes. */
static int add_unpriced(struct store *store, const struct event *event, int64_t visit,
                        struct problem *problem)
{
    int64_t t = event->kind == EVENT_VEHICLE_EXIT ? event->t_eff : event->exit_ms;
    if (event->fee != EVENT_NONE || t == EVENT_NONE || t == EVENT_REOPEN ||
        event->kind == EVENT_LOCATION_UPDATE || event->kind == EVENT_VEHICLE_ENTRY_PENDING) {
        return 0;
    }
    struct sql sql = store_sql(store, STORE_UNPRICED_ADD);
    sql_bind_int(&sql, t);
    sql_bind_int(&sql, visit);
    return sql_finish(&sql, problem) ? store_fail(store, problem) : 0;
}

static int add_change(struct store *store, size_t stream, uint64_t seq, const struct event *event,
                      struct problem *problem)
{
    char changed_at[LOCALTIME_TEXT];
    utctime_text(event->t_eff, changed_at);
    const char *type = event->kind == EVENT_HISTORY_UPDATE   ? "UPDATE"
                       : event->kind == EVENT_HISTORY_DELETE ? "DELETE"
                                                             : "UNDELETE";
    struct slice source = event->source_central;
    if (!source.data) {
        source = slice_text(store->streams[stream].stream.node.text);
    }
    struct sql sql = store_sql(store, STORE_CHANGE_ADD);
    sql_bind_text(&sql, event->visit);
    sql_bind_text(&sql, slice_text(type));
    sql_bind_text(&sql, event->before);
    sql_bind_text(&sql, event->plate_id);
    sql_bind_text(&sql, event->plate_view);
    sql_bind_text(&sql, slice_text(changed_at));
    sql_bind_text(&sql, event->author);
    sql_bind_int(&sql, (int64_t)stream + 1);
    sql_bind_u64(&sql, seq);
    sql_bind_text(&sql, event->reason);
    sql_bind_text(&sql, source);
    return sql_finish(&sql, problem) ? store_fail(store, problem) : 0;
}

static int derive_visit(struct store *store, size_t stream, uint64_t seq, uint64_t lsn,
                        const struct event *event, struct slice key, struct problem *problem)
{
    int64_t visit = 0;
    if (store_visit_make(store, key, &visit, problem)) {
        return -1;
    }
    /* Otherwise the fold does this, with the time that the visit takes up. */
    if (event->plate_id.len > 0 && store->importing) {
        struct sql sql = store_sql(store, STORE_PLATE_NOTE);
        sql_bind_text(&sql, event->plate_id);
        sql_bind_int(&sql, visit);
        if (sql_finish(&sql, problem)) {
            return store_fail(store, problem);
        }
    }
    store_visits_add(&store->touched, visit, key);
    if (store_is_change(event->kind) && add_change(store, stream, seq, event, problem)) {
        return -1;
    }
    if (add_retry(store, event, lsn, problem)) {
        return -1;
    }
    return add_unpriced(store, event, visit, problem);
}

int store_derive(struct store *store, size_t stream, uint64_t seq, uint64_t lsn,
                 const struct event *event, struct problem *problem)
{
    char spare[LIMIT_EVENT_ID + 1];
    struct slice key = store_visit_key(event, stream, seq, spare);
    if (event->redacted) {
        return 0;
    }
    if (key.data) {
        return derive_visit(store, stream, seq, lsn, event, key, problem);
    }
    struct position position = {store->streams[stream].stream, seq};
    if (event->kind == EVENT_CONFIG_UPDATE || event->kind == EVENT_CLOCK_FIX) {
        return store_setting_add(store, &position, event, problem);
    }
    if (store_is_element(event->kind)) {
        return store_element_add(store, &position, event, problem);
    }
    if (event->kind == EVENT_REDACT) {
        return store_redact(store, &position, event, problem);
    }
    return 0;
}

/* Puts the event into the fact, as a run of one. */
static void note_item(struct store *store, const struct store_stream *before,
                      const struct digest *chain, const struct run_item *item, uint64_t lsn,
                      enum fact_origin origin)
{
    if (origin == FACT_SYNC || store->importing) {
        return; /* listeners need the head only, and a chunk of catching up is large */
    }
    size_t at = store->runs.len;
    buffer_clear(&store->json);
    if (run_put_item(&store->json, item->header, item->body, &item->body_hash) ||
        run_pack(&store->runs, &before->stream, before->seq + 1, &before->chain, chain,
                 &store->json, 1)) {
        log_error("FACT_DROPPED", "lsn=%" PRIu64, lsn);
        return;
    }
    store->items = memory_grow(store->items, &store->item_capacity, store->now.item_count + 1,
                               sizeof *store->items);
    store->items[store->now.item_count++] =
        (struct store_item){lsn, origin, at, store->runs.len - at};
    store->now.run_bytes = store->runs.len;
}

/* So that a person can be told without a walk through the log. */
static int count_unknown(struct store *store, uint32_t kind, struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_UNKNOWN_ADD);
    sql_bind_int(&sql, kind);
    return sql_finish(&sql, problem) ? store_fail(store, problem) : 0;
}

static int put_row(struct store *store, const struct store_place *place,
                   const struct run_item *item, const struct event *event, struct problem *problem)
{
    char spare[LIMIT_EVENT_ID + 1];
    struct slice key = {NULL, 0};
    int64_t visit = EVENT_NONE;
    if (!event->redacted) {
        key = store_visit_key(event, place->stream, place->seq, spare);
    }
    if (key.data && store_visit_make(store, key, &visit, problem)) {
        return -1;
    }
    struct sql sql = store_sql(store, STORE_EVENT_ADD);
    sql_bind_u64(&sql, place->lsn);
    sql_bind_int(&sql, (int64_t)place->stream + 1);
    sql_bind_u64(&sql, place->seq);
    sql_bind_int(&sql, event->kind);
    sql_bind_u64(&sql, event->hlc);
    sql_bind_optional(&sql, visit);
    sql_bind_blob(&sql, item->header);
    sql_bind_blob(&sql, item->body);
    sql_bind_digest(&sql, &item->body_hash);
    sql_bind_digest(&sql, &place->chain);
    if (sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    if (key.data) {
        const struct store_known known = {
            .lsn = place->lsn,
            .header = item->header,
            .folded = {*event, {store->streams[place->stream].stream, place->seq}, item->body},
            .state = STORE_UNPACKED,
        };
        store_focus_append(store, &known);
        store_recent_add(store, visit, key, &known.folded);
    }
    return 0;
}

int store_put_event(struct store *store, const struct store_place *place,
                    const struct run_item *item, const struct event *event, struct problem *problem)
{
    if (put_row(store, place, item, event, problem)) {
        return -1;
    }
    return store_derive(store, place->stream, place->seq, place->lsn, event, problem);
}

int store_append_item(struct store *store, size_t stream, const struct run_item *item,
                      const struct event *event, enum fact_origin origin, struct problem *problem)
{
    struct store_stream *head = &store->streams[stream];
    const struct store_place place = {.stream = stream,
                                      .seq = head->seq + 1,
                                      .lsn = store->now.lsn + 1,
                                      .chain =
                                          chain_next(&head->chain, item->header, &item->body_hash)};
    if (put_row(store, &place, item, event, problem) ||
        (!event_kind_is_known(event->kind) && count_unknown(store, event->kind, problem))) {
        return -1;
    }
    note_item(store, head, &place.chain, item, place.lsn, origin);
    store_stream_advance(store, stream, &place.chain);
    store->now.lsn = place.lsn;
    store->now.events++;
    return store_derive(store, stream, place.seq, place.lsn, event, problem);
}

/* A redaction named our next number before we wrote it: others would erase the event on arrival. */
static bool is_spoilt(const struct store *store, const struct store_stream *own)
{
    struct position next = {own->stream, own->seq + 1};
    return store_is_redacted(store, &next, 0);
}

int store_own_stream(struct store *store, struct problem *problem)
{
    if (store->now.own != STORE_NO_STREAM && !is_spoilt(store, &store->streams[store->now.own])) {
        return 0;
    }
    struct stream stream = {store->node, random_nonzero()};
    size_t index = 0;
    if (store_stream_add(store, &stream, &index, problem)) {
        return -1;
    }
    store->now.own = index;
    return 0;
}

int store_append(struct store *store, struct event *event, int64_t now_ms,
                 struct position *position, struct problem *problem)
{
    if (store_usable(store, problem) || store_own_stream(store, problem)) {
        return -1;
    }
    store->now_ms = now_ms;
    bool ticked = event->hlc == 0;
    if (ticked) {
        event->hlc = hlc_tick(store->now.hlc, now_ms);
    }
    if (event_pack(event, &store->header, &store->body)) {
        return problem_set(problem, PROBLEM_FIELD_INVALID, "shorten the texts; send UTF-8",
                           "an event of kind %" PRIu32 " has a field that is too long or no text",
                           event->kind);
    }
    struct run_item item = {.header = buffer_slice(&store->header),
                            .body = buffer_slice(&store->body)};
    item.body_hash = body_hash(item.body);
    /* Our own stamp counts even when our clock has been far ahead of the wall. */
    store->now.hlc = ticked ? event->hlc : hlc_merge(store->now.hlc, event->hlc, now_ms);
    if (store_append_item(store, store->now.own, &item, event, FACT_LOCAL, problem)) {
        return -1;
    }
    position->stream = store->streams[store->now.own].stream;
    position->seq = store->streams[store->now.own].seq;
    return 0;
}

int store_chain_at(struct store *store, size_t stream, uint64_t seq, struct digest *chain,
                   struct problem *problem)
{
    *chain = (struct digest){{0}};
    if (seq == 0) {
        return 1;
    }
    if (stream == STORE_NO_STREAM || seq > store->streams[stream].seq) {
        return 0;
    }
    if (seq == store->streams[stream].seq) {
        *chain = store->streams[stream].chain;
        return 1;
    }
    struct sql sql = store_sql(store, STORE_EVENT_CHAIN);
    sql_bind_int(&sql, (int64_t)stream + 1);
    sql_bind_u64(&sql, seq);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        *chain = sql_digest(&sql, 0);
        sql_reset(&sql);
    }
    return found < 0 ? store_fail(store, problem) : found;
}

/* Compares what the run repeats with what we hold. STORE_RUN_APPLIED: the rest is new. */
static enum store_run_result compare(struct store *store, size_t stream, const struct run *run,
                                     size_t *known, struct problem *problem)
{
    uint64_t head = stream == STORE_NO_STREAM ? 0 : store->streams[stream].seq;
    if (run->from == 0 || run->from - 1 > head) {
        return STORE_RUN_GAP;
    }
    *known = head - (run->from - 1) < run->count ? (size_t)(head - (run->from - 1)) : run->count;
    struct digest ours, theirs = run->chain_before;
    int held = store_chain_at(store, stream, run->from - 1, &ours, problem);
    if (held <= 0) {
        return held < 0 ? STORE_RUN_FAILED : STORE_RUN_GAP;
    }
    if (!digest_equal(&ours, &theirs)) {
        return STORE_RUN_FORK;
    }
    for (size_t i = 0; i < *known; i++) {
        theirs = chain_next(&theirs, run->items[i].header, &run->items[i].body_hash);
    }
    held = store_chain_at(store, stream, run->from - 1 + *known, &ours, problem);
    if (held <= 0) {
        return held < 0 ? STORE_RUN_FAILED : STORE_RUN_GAP;
    }
    if (!digest_equal(&ours, &theirs)) {
        return STORE_RUN_FORK;
    }
    if (*known == run->count) {
        return STORE_RUN_OLD;
    }
    /* Nobody but this process writes our stream of this start. */
    return stream != STORE_NO_STREAM && stream == store->now.own ? STORE_RUN_FORK
                                                                 : STORE_RUN_APPLIED;
}

int store_read_item(struct store *store, const struct position *position, struct run_item *item,
                    struct event *event, struct problem *problem)
{
    bool is_readable = event_unpack(event, item->header, item->body) == 0;
    bool is_erased = store_is_redacted(store, position, event->kind);
    if ((is_erased || !is_readable) && event_unpack(event, item->header, (struct slice){NULL, 0})) {
        return problem_set(problem, PROBLEM_MESSAGE_INVALID, NULL,
                           "stream of %s: event %" PRIu64 " has no readable header",
                           position->stream.node.text, position->seq);
    }
    if (is_erased) {
        item->body = (struct slice){NULL, 0};
    } else if (!is_readable) {
        /* Kept and relayed so that the stream goes on, but it says nothing to the fold. */
        log_warn("EVENT_UNREADABLE", "node=%s epoch=%" PRIx64 " seq=%" PRIu64,
                 position->stream.node.text, position->stream.epoch, position->seq);
    }
    return 0;
}

static int append_foreign(struct store *store, size_t stream, const struct run_item *given,
                          enum fact_origin origin, int64_t now_ms, struct problem *problem)
{
    struct run_item item = *given;
    struct event event;
    struct position position = {store->streams[stream].stream, store->streams[stream].seq + 1};
    if (store_read_item(store, &position, &item, &event, problem)) {
        return -1;
    }
    store->now.hlc = hlc_merge(store->now.hlc, event.hlc, now_ms);
    return store_append_item(store, stream, &item, &event, origin, problem);
}

enum store_run_result store_append_run(struct store *store, const struct run *run,
                                       enum fact_origin origin, int64_t now_ms,
                                       struct problem *problem)
{
    if (store_usable(store, problem)) {
        return STORE_RUN_FAILED;
    }
    store->now_ms = now_ms;
    size_t known = 0;
    size_t stream = store_stream_find(store, &run->stream);
    enum store_run_result result = compare(store, stream, run, &known, problem);
    if (result != STORE_RUN_APPLIED) {
        return result;
    }
    if (stream == STORE_NO_STREAM && store_stream_add(store, &run->stream, &stream, problem)) {
        return STORE_RUN_FAILED;
    }
    for (size_t i = known; i < run->count; i++) {
        if (append_foreign(store, stream, &run->items[i], origin, now_ms, problem)) {
            return STORE_RUN_FAILED;
        }
    }
    return STORE_RUN_APPLIED;
}
