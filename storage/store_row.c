/*
 * A row of table history: folded columns as the fold left them, rendered texts, local columns.
 */
#include "storage/store_internal.h"

#include "proto/localtime.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What is made for a row while it is written. */
struct rendered {
    uint64_t lsn; /* of the change */
    char entry[LOCALTIME_TEXT], exit[LOCALTIME_TEXT], location[LOCALTIME_TEXT];
    char duration[64];
};

static struct store_row read_row(const struct sql *sql, int64_t id, struct arena *arena)
{
    struct store_row row = {
        .id = id,
        .revision = sql_int(sql, 0),
        .digest = sql_digest(sql, 1),
        .plate_id = arena_copy(arena, sql_text(sql, 2)),
        .plate_view = arena_copy(arena, sql_text(sql, 3)),
        .superseded_by = arena_copy(arena, sql_text(sql, 4)),
        .counted =
            {
                .entry_ms = sql_int(sql, 5),
                .exit_ms = sql_optional(sql, 6),
                .fee = sql_int(sql, 7),
                .central = arena_copy(arena, sql_text(sql, 9)),
                .exit_central = arena_copy(arena, sql_text(sql, 10)),
                .lot = arena_copy(arena, sql_text(sql, 11)),
            },
    };
    if (visit_status_parse(sql_text(sql, 8), &row.counted.status)) {
        row.counted.status = VISIT_DELETED; /* no status that we write; keep it out of sight */
    }
    return row;
}

int store_row_find(struct store *store, int64_t id, struct slice name, struct store_row *row,
                   struct problem *problem)
{
    struct store_focus *focus = store_focus_on(store, id, name);
    if (focus && focus->has_row != STORE_ROW_UNREAD) {
        *row = focus->row;
        return focus->has_row == STORE_ROW_READ;
    }
    if (focus != store->focus) {
        focus = NULL; /* only the place of the one asked for last grows */
    }
    struct sql sql = store_sql(store, STORE_ROW_FIND);
    sql_bind_int(&sql, id);
    int found = sql_step(&sql, problem);
    if (found < 0) {
        return store_fail(store, problem);
    }
    if (found) {
        *row = read_row(&sql, id, focus ? &focus->memory : &store->bodies);
        sql_reset(&sql);
    }
    if (focus) {
        focus->has_row = found ? STORE_ROW_READ : STORE_ROW_NONE;
        focus->row = found ? *row : (struct store_row){.id = 0};
    }
    return found;
}

/* A camera id as existing pages expect it: an integer where it is one exactly. */
static void bind_camera(struct sql *sql, struct slice id)
{
    int64_t value = 0;
    bool decimal = id.data && id.len > 0 && id.len <= 18 && (id.data[0] != '0' || id.len == 1);
    for (size_t i = 0; decimal && i < id.len; i++) {
        decimal = id.data[i] >= '0' && id.data[i] <= '9';
        value = value * 10 + (id.data[i] - '0');
    }
    if (decimal) {
        sql_bind_int(sql, value);
    } else {
        sql_bind_text(sql, id);
    }
}

/* The text of now, which rows of one batch share. */
static struct slice updated_at(struct store *store)
{
    int64_t second = store->now_ms / 1000;
    if (second != store->updated_s || !store->updated_text[0]) {
        utctime_text(store->now_ms, store->updated_text);
        store->updated_s = second;
    }
    return slice_text(store->updated_text);
}

/* Absent for an absent time. */
static struct slice render(int64_t ms, char out[LOCALTIME_TEXT])
{
    if (ms == EVENT_NONE) {
        return (struct slice){NULL, 0};
    }
    localtime_text(ms, out);
    return slice_text(out);
}

static struct slice render_duration(const struct visit *visit, char *out, size_t size)
{
    if (visit->exit_ms == EVENT_NONE) {
        return (struct slice){NULL, 0};
    }
    tariff_duration_text(tariff_seconds(visit->entry_ms, visit->exit_ms), out, size);
    return slice_text(out);
}

static struct slice view_of(const struct visit *visit)
{
    return visit->plate_view.data ? visit->plate_view : visit->plate_id;
}

/* The parameters that the statements writing a row begin with. */
static void bind_row(struct store *store, struct sql *sql, const struct visit *visit,
                     const struct digest *digest, struct rendered *text)
{
    bool local = !visit->source_central.data ||
                 slice_equal(visit->source_central, slice_text(store->node.text));
    sql_bind_text(sql, view_of(visit));
    sql_bind_text(sql, visit->source_central);
    sql_bind_text(sql, visit->edge_id);
    sql_bind_text(sql, render(visit->entry_ms, text->entry));
    bind_camera(sql, visit->entry_camera_id);
    sql_bind_text(sql, visit->entry_camera_name);
    sql_bind_real(sql, visit->entry_confidence);
    sql_bind_text(sql, visit->entry_source);
    sql_bind_optional(sql, visit->exit_ms);
    sql_bind_text(sql, render(visit->exit_ms, text->exit));
    sql_bind_text(sql, visit->exit_central);
    bind_camera(sql, visit->exit_camera_id);
    sql_bind_text(sql, visit->exit_camera_name);
    sql_bind_real(sql, visit->exit_confidence);
    sql_bind_text(sql, visit->exit_source);
    sql_bind_text(sql, render_duration(visit, text->duration, sizeof text->duration));
    sql_bind_int(sql, visit->fee);
    sql_bind_text(sql, slice_text(visit_status_name(visit->status)));
    sql_bind_text(sql, visit->superseded_by);
    sql_bind_text(sql, slice_text(local ? "LOCAL" : "SYNCED"));
    sql_bind_text(sql, visit->last_location);
    sql_bind_optional(sql, visit->last_location_ms);
    sql_bind_text(sql, render(visit->last_location_ms, text->location));
    sql_bind_int(sql, visit->is_anomaly);
    sql_bind_int(sql, visit->suspect);
    sql_bind_digest(sql, digest);
    sql_bind_text(sql, updated_at(store));
    sql_bind_u64(sql, text->lsn);
}

static void note_visit(struct store *store, const struct visit *visit, int64_t id, int64_t revision,
                       const char *status)
{
    if (store->importing) {
        return; /* all of them; whoever asks reads the table */
    }
    store->fact_visits = memory_grow(store->fact_visits, &store->fact_visit_capacity,
                                     store->now.visit_count + 1, sizeof *store->fact_visits);
    struct arena *arena = &store->fact_memory;
    store->fact_visits[store->now.visit_count++] =
        (struct fact_visit){.event_id = arena_copy(arena, visit->event_id),
                            .history_id = id,
                            .revision = revision,
                            .status = slice_text(status),
                            .plate_id = arena_copy(arena, visit->plate_id),
                            .plate_view = arena_copy(arena, visit->plate_view),
                            .entry_ms = visit->entry_ms,
                            .exit_ms = visit->exit_ms,
                            .fee = visit->fee,
                            .source_central = arena_copy(arena, visit->source_central)};
}

/* What a row does not lose by being written anew. */
struct kept {
    int64_t revision;
    struct slice created_at;
    uint64_t lsn; /* 0 = it changed now */
};

/* The age that a row had before a rebuild or in the database of a Python central; `kept` stays as
 * it is when there is none. 0 or -1. */
static int find_kept(struct store *store, struct slice event_id, const struct digest *digest,
                     struct kept *kept, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db,
                    "SELECT revision, created_at, digest, lsn FROM temp.kept WHERE event_id = ?",
                    &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    sql_bind_text(&sql, event_id);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        struct digest was = sql_digest(&sql, 2);
        kept->revision = sql_int(&sql, 0);
        kept->created_at = arena_copy(&store->bodies, sql_text(&sql, 1));
        kept->lsn = digest_equal(&was, digest) ? sql_u64(&sql, 3) : 0;
    }
    sqlite3_finalize(stmt);
    return found < 0 ? -1 : 0;
}

static int set_revision(struct store *store, int64_t id, int64_t revision, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db, "UPDATE history SET revision = ? WHERE id = ?", &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    sql_bind_int(&sql, revision);
    sql_bind_int(&sql, id);
    int result = sql_finish(&sql, problem);
    sqlite3_finalize(stmt);
    return result;
}

static struct store_counted counted(const struct visit *visit)
{
    return (struct store_counted){.entry_ms = visit->entry_ms,
                                  .exit_ms = visit->exit_ms,
                                  .fee = visit->fee,
                                  .status = visit->status,
                                  .central = visit->source_central,
                                  .exit_central = visit->exit_central,
                                  .lot = visit->last_location};
}

/* Keeps what was just written if it is of the visit asked for last. */
static void keep_row(struct store *store, int64_t id, int64_t revision, const struct visit *visit,
                     const struct digest *digest)
{
    struct store_focus *focus = store_focus_on(store, id, visit->event_id);
    if (focus && focus != store->focus) {
        focus->has_row = STORE_ROW_UNREAD;
    }
    if (!focus || focus != store->focus) {
        return;
    }
    struct arena *arena = &focus->memory;
    focus->row = (struct store_row){
        .id = id,
        .revision = revision,
        .digest = *digest,
        .plate_id = arena_copy(arena, visit->plate_id),
        .plate_view = arena_copy(arena, view_of(visit)),
        .superseded_by = arena_copy(arena, visit->superseded_by),
        .counted = counted(visit),
    };
    struct store_counted *texts = &focus->row.counted;
    texts->central = arena_copy(arena, texts->central);
    texts->exit_central = arena_copy(arena, texts->exit_central);
    texts->lot = arena_copy(arena, texts->lot);
    focus->has_row = STORE_ROW_READ;
}

/* What is kept beside the row. */
static int follow(struct store *store, const struct store_row *was, const struct visit *visit,
                  struct problem *problem)
{
    struct store_counted is = counted(visit);
    if (was && !slice_equal(was->plate_id, visit->plate_id)) {
        texts_add(&store->lost, was->plate_id);
    }
    return store_count(store, was ? &was->counted : NULL, &is, problem) ||
                   store_plate_view(store, visit->plate_id, visit->plate_view, problem)
               ? -1
               : 0;
}

int store_row_add(struct store *store, int64_t id, const struct visit *visit,
                  const struct digest *digest, struct problem *problem)
{
    struct rendered text;
    struct kept kept = {.revision = 1, .created_at = updated_at(store)};
    if (store->importing && find_kept(store, visit->event_id, digest, &kept, problem)) {
        return store_fail(store, problem);
    }
    text.lsn = kept.lsn ? kept.lsn : ++store->now.lsn;
    struct sql sql = store_sql(store, STORE_ROW_ADD);
    bind_row(store, &sql, visit, digest, &text);
    sql_bind_text(&sql, visit->plate_id);
    sql_bind_int(&sql, visit->entry_ms);
    sql_bind_text(&sql, visit->event_id);
    sql_bind_text(&sql, kept.created_at);
    sql_bind_int(&sql, id);
    if (sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    if (kept.revision != 1 && set_revision(store, id, kept.revision, problem)) {
        return store_fail(store, problem);
    }
    if (follow(store, NULL, visit, problem)) {
        return -1;
    }
    digest_add(&store->now.state_digest, digest);
    keep_row(store, id, kept.revision, visit, digest);
    note_visit(store, visit, id, kept.revision, visit_status_name(visit->status));
    return 0;
}

int store_row_change(struct store *store, const struct store_row *row, const struct visit *visit,
                     const struct digest *digest, struct problem *problem)
{
    struct rendered text;
    bool same =
        row->counted.entry_ms == visit->entry_ms && slice_equal(row->plate_id, visit->plate_id);
    text.lsn = ++store->now.lsn;
    struct sql sql = store_sql(store, same ? STORE_ROW_CLOSE : STORE_ROW_CHANGE);
    bind_row(store, &sql, visit, digest, &text);
    if (!same) {
        sql_bind_text(&sql, visit->plate_id);
        sql_bind_int(&sql, visit->entry_ms);
    }
    sql_bind_int(&sql, row->id);
    if (sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    if (follow(store, row, visit, problem)) {
        return -1;
    }
    digest_subtract(&store->now.state_digest, &row->digest);
    digest_add(&store->now.state_digest, digest);
    keep_row(store, row->id, row->revision + 1, visit, digest);
    note_visit(store, visit, row->id, row->revision + 1, visit_status_name(visit->status));
    return 0;
}

int store_row_drop(struct store *store, const struct store_row *row, struct slice event_id,
                   struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_ROW_DROP);
    sql_bind_int(&sql, row->id);
    if (sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    sql = store_sql(store, STORE_ROW_GONE);
    sql_bind_u64(&sql, ++store->now.lsn);
    sql_bind_int(&sql, row->id);
    sql_bind_int(&sql, row->revision + 1);
    sql_bind_text(&sql, row->counted.central);
    if (sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    if (store_count(store, &row->counted, NULL, problem)) {
        return -1;
    }
    texts_add(&store->lost, row->plate_id);
    digest_subtract(&store->now.state_digest, &row->digest);
    struct store_focus *focus = store_focus_on(store, row->id, event_id);
    if (focus) {
        focus->has_row = STORE_ROW_NONE;
    }
    struct visit gone;
    visit_init(&gone);
    gone.event_id = event_id;
    gone.plate_id = row->plate_id;
    gone.fee = EVENT_NONE;
    note_visit(store, &gone, row->id, row->revision + 1, "GONE");
    return 0;
}

void store_row_read(const struct sql *sql, struct arena *arena, struct visit *visit)
{
    visit_init(visit);
    visit->id = sql_int(sql, 0);
    visit->event_id = arena_copy(arena, sql_text(sql, 1));
    visit->source_central = arena_copy(arena, sql_text(sql, 2));
    visit->edge_id = arena_copy(arena, sql_text(sql, 3));
    visit->plate_id = arena_copy(arena, sql_text(sql, 4));
    visit->plate_view = arena_copy(arena, sql_text(sql, 5));
    visit->entry_ms = sql_int(sql, 6);
    visit->entry_camera_id = arena_copy(arena, sql_text(sql, 7));
    visit->entry_camera_name = arena_copy(arena, sql_text(sql, 8));
    visit->entry_source = arena_copy(arena, sql_text(sql, 9));
    visit->entry_confidence = sql_real(sql, 10);
    visit->exit_ms = sql_optional(sql, 11);
    visit->exit_central = arena_copy(arena, sql_text(sql, 12));
    visit->exit_camera_id = arena_copy(arena, sql_text(sql, 13));
    visit->exit_camera_name = arena_copy(arena, sql_text(sql, 14));
    visit->exit_source = arena_copy(arena, sql_text(sql, 15));
    visit->exit_confidence = sql_real(sql, 16);
    visit->fee = sql_int(sql, 17);
    if (visit_status_parse(sql_text(sql, 18), &visit->status)) {
        visit->status = VISIT_DELETED; /* no status that we write; keep it out of sight */
    }
    visit->superseded_by = arena_copy(arena, sql_text(sql, 19));
    visit->last_location = arena_copy(arena, sql_text(sql, 20));
    visit->last_location_ms = sql_optional(sql, 21);
    visit->is_anomaly = sql_int(sql, 22) != 0;
    visit->suspect = sql_int(sql, 23) != 0;
    visit->revision = sql_int(sql, 24);
    visit->synced = slice_equal(sql_text(sql, 25), slice_text("SYNCED"));
    visit->entry_time = arena_copy(arena, sql_text(sql, 26));
    visit->exit_time = arena_copy(arena, sql_text(sql, 27));
    visit->duration = arena_copy(arena, sql_text(sql, 28));
    visit->last_location_time = arena_copy(arena, sql_text(sql, 29));
    visit->created_at = arena_copy(arena, sql_text(sql, 30));
    visit->updated_at = arena_copy(arena, sql_text(sql, 31));
    visit->digest = sql_digest(sql, 32);
}
