/*
 * Events that change how other events are read: tariffs, clock fixes, redactions. They are few, so
 * they are held in memory; their tables are for readers and for the next start.
 */
#include "storage/store_internal.h"

#include <string.h>

#define FREE_S_MOST (365LL * 24 * 3600)
#define PER_HOUR_MOST 1000000000LL

int64_t store_time(const struct store *store, const struct position *position, int64_t t_eff)
{
    return fold_time(t_eff, position, store->fixes, store->fix_count);
}

static void list_setting(struct store *store, const struct store_setting *setting)
{
    store->settings = memory_grow(store->settings, &store->setting_capacity,
                                  store->setting_count + 1, sizeof *store->settings);
    store->settings[store->setting_count++] = *setting;
}

/* Remakes what the fold takes: fixes, and tariffs at their corrected times. */
static void resolve(struct store *store)
{
    store->fix_count = store->tariff_count = 0;
    for (size_t i = 0; i < store->setting_count; i++) {
        if (store->settings[i].kind != EVENT_CLOCK_FIX) {
            continue;
        }
        store->fixes = memory_grow(store->fixes, &store->fix_capacity, store->fix_count + 1,
                                   sizeof *store->fixes);
        store->fixes[store->fix_count++] = store->settings[i].fix;
    }
    for (size_t i = 0; i < store->setting_count; i++) {
        struct store_setting *setting = &store->settings[i];
        if (setting->kind != EVENT_CONFIG_UPDATE) {
            continue;
        }
        setting->tariff.t = store_time(store, &setting->tariff.position, setting->t_eff);
        store->tariffs = memory_grow(store->tariffs, &store->tariff_capacity,
                                     store->tariff_count + 1, sizeof *store->tariffs);
        store->tariffs[store->tariff_count++] = setting->tariff;
    }
}

/* False when the event is incomplete or out of range: then it has no effect anywhere. */
static bool read_setting(const struct position *position, const struct event *event,
                         struct store_setting *out)
{
    *out = (struct store_setting){.kind = event->kind, .t_eff = event->t_eff};
    out->tariff.hlc = event->hlc;
    out->tariff.position = *position;
    if (event->kind == EVENT_CONFIG_UPDATE) {
        out->tariff.tariff = (struct tariff){event->free_s, event->per_hour};
        return event->free_s >= 0 && event->free_s <= FREE_S_MOST && event->per_hour >= 0 &&
               event->per_hour <= PER_HOUR_MOST;
    }
    out->fix = (struct fold_clock_fix){.epoch = event->target_epoch,
                                       .from = event->target_from,
                                       .to = event->target_to,
                                       .offset_ms = event->offset_ms};
    return event->target_node.data && node_id_parse(event->target_node, &out->fix.node) &&
           event->target_to >= event->target_from && event->offset_ms != EVENT_NONE;
}

static int read_settings(struct store *store, struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_SETTINGS);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        size_t stream = (size_t)sql_int(&sql, 0) - 1;
        if (stream >= store->now.stream_count) {
            continue;
        }
        struct position position = {store->streams[stream].stream, sql_u64(&sql, 1)};
        struct event event;
        event_init(&event, (uint32_t)sql_int(&sql, 2));
        event.t_eff = sql_int(&sql, 3);
        event.hlc = sql_u64(&sql, 4);
        event.free_s = sql_optional(&sql, 5);
        event.per_hour = sql_optional(&sql, 6);
        event.target_node = sql_text(&sql, 7);
        event.target_epoch = sql_u64(&sql, 8);
        event.target_from = sql_u64(&sql, 9);
        event.target_to = sql_u64(&sql, 10);
        event.offset_ms = sql_optional(&sql, 11);
        struct store_setting setting;
        if (read_setting(&position, &event, &setting)) {
            list_setting(store, &setting);
        }
    }
    return more;
}

static void list_redaction(struct store *store, const struct store_range *range)
{
    store->redactions = memory_grow(store->redactions, &store->redaction_capacity,
                                    store->redaction_count + 1, sizeof *store->redactions);
    store->redactions[store->redaction_count++] = *range;
}

int store_setting_load(struct store *store, struct problem *problem)
{
    store->setting_count = store->redaction_count = 0;
    if (read_settings(store, problem)) {
        return -1;
    }
    resolve(store);
    struct sql sql = store_sql(store, STORE_REDACTIONS);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        struct store_range range = {.from = sql_u64(&sql, 2), .to = sql_u64(&sql, 3)};
        range.stream.epoch = sql_u64(&sql, 1);
        if (node_id_parse(sql_text(&sql, 0), &range.stream.node)) {
            list_redaction(store, &range);
        }
    }
    return more;
}

static int touch_unpriced(struct store *store, int64_t since, struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_UNPRICED_SINCE);
    sql_bind_int(&sql, since);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        store_visits_add(&store->touched, sql_int(&sql, 0), sql_text(&sql, 1));
    }
    return more ? store_fail(store, problem) : 0;
}

/* A range of one stream in SQLite's integers. */
static void bind_range(struct sql *sql, size_t stream, uint64_t from, uint64_t to)
{
    sql_bind_int(sql, (int64_t)stream + 1);
    sql_bind_u64(sql, from > LIMIT_SEQ ? LIMIT_SEQ : from);
    sql_bind_u64(sql, to > LIMIT_SEQ ? LIMIT_SEQ : to);
}

static int touch_range(struct store *store, const struct fold_clock_fix *fix,
                       struct problem *problem)
{
    for (size_t i = 0; i < store->now.stream_count; i++) {
        const struct stream *stream = &store->streams[i].stream;
        if (node_id_compare(&fix->node, &stream->node) != 0 ||
            (fix->epoch != 0 && fix->epoch != stream->epoch)) {
            continue;
        }
        struct sql sql = store_sql(store, STORE_EVENTS_IN_RANGE);
        bind_range(&sql, i, fix->from, fix->to);
        int more;
        while ((more = sql_step(&sql, problem)) > 0) {
            struct slice name = sql_text(&sql, 6);
            if (name.data) {
                store_visits_add(&store->touched, sql_int(&sql, 3), name);
            }
        }
        if (more) {
            return store_fail(store, problem);
        }
    }
    return 0;
}

/* A clock fix moves tariffs and subscriptions too: notes their new times. */
static int save_times(struct store *store, struct problem *problem)
{
    for (size_t i = 0; i < store->setting_count; i++) {
        const struct store_setting *setting = &store->settings[i];
        if (setting->kind != EVENT_CONFIG_UPDATE) {
            continue;
        }
        struct sql sql = store_sql(store, STORE_SETTING_TIME);
        sql_bind_int(&sql, setting->tariff.t);
        sql_bind_int(&sql, (int64_t)store_stream_find(store, &setting->tariff.position.stream) + 1);
        sql_bind_u64(&sql, setting->tariff.position.seq);
        if (sql_finish(&sql, problem)) {
            return store_fail(store, problem);
        }
    }
    return store_element_times(store, problem);
}

/* Touches what the setting can change, now that it is in force or is no longer. */
static int touch(struct store *store, const struct store_setting *setting, struct problem *problem)
{
    if (setting->kind == EVENT_CONFIG_UPDATE) {
        /* With clock fixes about, the times in `unpriced` are not exact. */
        return touch_unpriced(store, store->fix_count ? INT64_MIN : setting->tariff.t, problem);
    }
    if (save_times(store, problem) || touch_unpriced(store, INT64_MIN, problem)) {
        return -1;
    }
    return touch_range(store, &setting->fix, problem);
}

int store_setting_add(struct store *store, const struct position *position,
                      const struct event *event, struct problem *problem)
{
    struct store_setting setting;
    if (!read_setting(position, event, &setting)) {
        return 0;
    }
    struct sql sql = store_sql(store, STORE_SETTING_ADD);
    sql_bind_int(&sql, (int64_t)store_stream_find(store, &position->stream) + 1);
    sql_bind_u64(&sql, position->seq);
    sql_bind_int(&sql, event->kind);
    sql_bind_int(&sql, event->t_eff);
    sql_bind_int(&sql, event->t_eff);
    sql_bind_u64(&sql, event->hlc);
    sql_bind_text(&sql, slice_text(position->stream.node.text));
    sql_bind_u64(&sql, position->stream.epoch);
    sql_bind_optional(&sql, event->free_s);
    sql_bind_optional(&sql, event->per_hour);
    sql_bind_text(&sql, event->target_node);
    sql_bind_u64(&sql, event->target_epoch);
    sql_bind_u64(&sql, event->target_from);
    sql_bind_u64(&sql, event->target_to);
    sql_bind_optional(&sql, event->offset_ms);
    if (sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    store->now.settings++;
    list_setting(store, &setting);
    resolve(store);
    if (event->kind == EVENT_CONFIG_UPDATE && store->fix_count && save_times(store, problem)) {
        return -1;
    }
    /* The list holds the corrected time. */
    return touch(store, &store->settings[store->setting_count - 1], problem);
}

static int drop_setting(struct store *store, size_t stream, uint64_t seq, struct problem *problem)
{
    struct position position = {store->streams[stream].stream, seq};
    for (size_t i = 0; i < store->setting_count; i++) {
        struct store_setting gone = store->settings[i];
        if (position_compare(&gone.tariff.position, &position) != 0) {
            continue;
        }
        struct sql sql = store_sql(store, STORE_SETTING_DROP);
        sql_bind_int(&sql, (int64_t)stream + 1);
        sql_bind_u64(&sql, seq);
        if (sql_finish(&sql, problem)) {
            return store_fail(store, problem);
        }
        store->now.settings++;
        memmove(&store->settings[i], &store->settings[i + 1],
                (--store->setting_count - i) * sizeof *store->settings);
        resolve(store);
        return touch(store, &gone, problem);
    }
    return 0;
}

bool store_is_redacted(const struct store *store, const struct position *position, uint32_t kind)
{
    /* A redaction that could be redacted would be forgotten when the database is rebuilt. */
    if (kind == EVENT_REDACT) {
        return false;
    }
    for (size_t i = 0; i < store->redaction_count; i++) {
        const struct store_range *range = &store->redactions[i];
        if (stream_compare(&range->stream, &position->stream) == 0 &&
            position->seq >= range->from && position->seq <= range->to) {
            return true;
        }
    }
    return false;
}

static int drop_by(struct store *store, enum store_statement which, size_t stream, uint64_t seq,
                   struct problem *problem)
{
    struct sql sql = store_sql(store, which);
    sql_bind_int(&sql, (int64_t)stream + 1);
    sql_bind_u64(&sql, seq);
    return sql_finish(&sql, problem) ? store_fail(store, problem) : 0;
}

/* Forgets what one erased event had left behind, as far as no other event of its visit says it. */
static int forget(struct store *store, int64_t visit, const struct event *event,
                  struct problem *problem)
{
    bool others = false, same_plate = false;
    struct sql sql = store_sql(store, STORE_EVENTS_OF_VISIT);
    sql_bind_int(&sql, visit);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        struct event other;
        others = true;
        if (event_unpack(&other, sql_blob(&sql, 2), sql_blob(&sql, 3)) == 0 &&
            slice_equal(other.plate_id, event->plate_id)) {
            same_plate = true;
        }
    }
    if (more) {
        return store_fail(store, problem);
    }
    if (event->plate_id.data) {
        texts_add(&store->touched_plates, event->plate_id);
    }
    if (event->plate_id.data && !same_plate) {
        texts_add(&store->lost, event->plate_id);
        sql = store_sql(store, STORE_PLATE_DROP);
        sql_bind_text(&sql, event->plate_id);
        sql_bind_int(&sql, visit);
        if (sql_finish(&sql, problem)) {
            return store_fail(store, problem);
        }
    }
    if (!others) {
        sql = store_sql(store, STORE_UNPRICED_DROP);
        sql_bind_int(&sql, visit);
        if (sql_finish(&sql, problem)) {
            return store_fail(store, problem);
        }
    }
    struct digest keys[2];
    size_t count = store_retry_key(event, &keys[0]) ? 1 : 0;
    count += store_sender_key(event, &keys[count]) ? 1 : 0;
    for (size_t i = 0; i < count; i++) {
        sql = store_sql(store, STORE_RETRY_DROP);
        sql_bind_digest(&sql, &keys[i]);
        if (sql_finish(&sql, problem)) {
            return store_fail(store, problem);
        }
    }
    return 0;
}

int store_forget(struct store *store, const struct store_place *place, int64_t visit,
                 struct slice name, const struct event *event, struct problem *problem)
{
    store_focus_drop(store);
    if (name.data) {
        store_visits_add(&store->touched, visit, name);
        if (forget(store, visit, event, problem) ||
            drop_by(store, STORE_CHANGE_DROP, place->stream, place->seq, problem)) {
            return -1;
        }
    }
    /* A damaged event may no longer tell its kind. */
    if (store_element_drop(store, place->stream, place->seq, problem)) {
        return -1;
    }
    return drop_setting(store, place->stream, place->seq, problem);
}

/* Erases one body; `row` is the current row of STORE_EVENTS_IN_RANGE, whose walk ends here: what
 * follows changes the rows under it and asks the same question about other ranges. */
static int erase(struct store *store, size_t stream, struct sql *row, struct problem *problem)
{
    int64_t lsn = sql_int(row, 0);
    uint64_t seq = sql_u64(row, 1);
    int64_t visit = sql_int(row, 3);
    struct slice name = arena_copy(&store->bodies, sql_text(row, 6));
    struct slice header = arena_copy(&store->bodies, sql_blob(row, 4));
    struct slice body = arena_copy(&store->bodies, sql_blob(row, 5));
    sql_reset(row);
    struct sql sql = store_sql(store, STORE_EVENT_ERASE);
    sql_bind_int(&sql, lsn);
    if (sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    store_focus_drop(store);
    struct event event;
    if (event_unpack(&event, header, body)) {
        return 0;
    }
    const struct store_place place = {.stream = stream, .seq = seq};
    return store_forget(store, &place, visit, name, &event, problem);
}

static int erase_range(struct store *store, size_t stream, const struct store_range *range,
                       struct problem *problem)
{
    uint64_t next = range->from;
    int more = 1;
    arena_clear(&store->bodies);
    while (more > 0 && next <= range->to) {
        struct sql sql = store_sql(store, STORE_EVENTS_IN_RANGE);
        bind_range(&sql, stream, next, range->to);
        while ((more = sql_step(&sql, problem)) > 0 &&
               (!sql_blob(&sql, 5).data || sql_int(&sql, 2) == EVENT_REDACT)) {
            continue;
        }
        if (more > 0) {
            next = sql_u64(&sql, 1) + 1;
            more = erase(store, stream, &sql, problem) ? -1 : 1;
        } else if (more < 0) {
            store_fail(store, problem);
        }
    }
    return more < 0 ? -1 : 0;
}

int store_redact(struct store *store, const struct position *position, const struct event *event,
                 struct problem *problem)
{
    struct store_range range = {.from = event->target_from, .to = event->target_to};
    range.stream.epoch = event->target_epoch;
    if (!event->target_node.data || !node_id_parse(event->target_node, &range.stream.node) ||
        range.stream.epoch == 0 || range.from == 0 || range.to < range.from) {
        return 0;
    }
    if (range.to > LIMIT_SEQ) {
        range.to = LIMIT_SEQ;
    }
    struct sql sql = store_sql(store, STORE_REDACTION_ADD);
    sql_bind_int(&sql, (int64_t)store_stream_find(store, &position->stream) + 1);
    sql_bind_u64(&sql, position->seq);
    sql_bind_text(&sql, event->target_node);
    sql_bind_u64(&sql, range.stream.epoch);
    sql_bind_u64(&sql, range.from);
    sql_bind_u64(&sql, range.to);
    if (sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    store->now.settings++;
    list_redaction(store, &range);
    /* What is erased must not survive in free pages either; see store_tidy for the WAL. */
    store->truncate = true;
    size_t stream = store_stream_find(store, &range.stream);
    if (stream == STORE_NO_STREAM) {
        return 0;
    }
    if (sql_run(store->db, "PRAGMA secure_delete = ON", problem)) {
        return store_fail(store, problem);
    }
    return erase_range(store, stream, &range, problem);
}
