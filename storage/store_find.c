/*
 * Questions that a decision asks, in the writer's own view. Answers live in an arena until the next
 * question, so that no statement stays open across a commit.
 */
#include "storage/store_internal.h"

#include <stdlib.h>
#include <string.h>

/* The open visit of a plate: the latest, should there be several. */
static int find_latest(struct store *store, struct sql *sql, struct visit *visit,
                       struct problem *problem)
{
    int found = 0, more;
    struct visit row;
    while ((more = sql_step(sql, problem)) > 0) {
        store_row_read(sql, &store->answer, &row);
        if (!found || row.entry_ms > visit->entry_ms ||
            (row.entry_ms == visit->entry_ms && slice_compare(row.event_id, visit->event_id) < 0)) {
            *visit = row;
        }
        found = 1;
    }
    return more < 0 ? store_fail(store, problem) : found;
}

static int find(struct store *store, struct sql *sql, struct visit *visit, struct problem *problem)
{
    int found = sql_step(sql, problem);
    if (found > 0) {
        store_row_read(sql, &store->answer, visit);
        sql_reset(sql);
    }
    return found < 0 ? store_fail(store, problem) : found;
}

/* A question needs no batch, but a lost one must not answer. */
static int start(struct store *store, struct problem *problem)
{
    arena_clear(&store->answer);
    return store->in_batch || store->failed ? store_usable(store, problem) : 0;
}

int store_find_open(struct store *store, const char *plate_id, struct visit *visit,
                    struct problem *problem)
{
    if (start(store, problem)) {
        return -1;
    }
    struct sql sql = store_sql(store, STORE_FIND_OPEN);
    sql_bind_text(&sql, slice_text(plate_id));
    return find_latest(store, &sql, visit, problem);
}

int store_find_read(struct store *store, struct slice plate_id, struct visit *visit,
                    struct problem *problem)
{
    if (start(store, problem)) {
        return -1;
    }
    struct sql sql = store_sql(store, STORE_FIND_READ);
    sql_bind_text(&sql, plate_id);
    return find_latest(store, &sql, visit, problem);
}

int store_told(struct store *store, struct slice event_id, struct slice plate_id,
               struct store_told *out, struct problem *problem)
{
    *out = (struct store_told){.reopened_ms = EVENT_NONE};
    if (start(store, problem) || store_focus(store, event_id, problem) ||
        store_focus_load(store, problem)) {
        return -1;
    }
    for (size_t i = 0; i < store->focus->count; i++) {
        const struct fold_event *known = store_focus_event(store->focus, i);
        uint32_t kind = known ? known->event.kind : 0;
        bool import = kind == EVENT_IMPORT;
        if (kind == EVENT_VEHICLE_ENTRY_PENDING || import) {
            out->entry = true;
            out->plate = out->plate || slice_equal(known->event.plate_id, plate_id);
        }
        if (known && store_is_change(kind) && known->event.exit_ms == EVENT_REOPEN &&
            known->event.t_eff > out->reopened_ms) {
            out->reopened_ms = known->event.t_eff;
        }
        out->sighting = out->sighting || kind == EVENT_LOCATION_UPDATE;
        out->exit = out->exit || kind == EVENT_VEHICLE_EXIT ||
                    (import && slice_equal(known->event.status, slice_text("OUT")));
    }
    return 0;
}

int store_find_visit(struct store *store, struct slice event_id, struct visit *visit,
                     struct problem *problem)
{
    if (start(store, problem) || store_focus(store, event_id, problem)) {
        return -1;
    }
    if (!store->focus->exists) {
        return 0;
    }
    struct sql sql = store_sql(store, STORE_FIND_ROW);
    sql_bind_int(&sql, store->focus->id);
    return find(store, &sql, visit, problem);
}

int store_find_state(struct store *store, struct slice event_id, struct visit *visit,
                     struct problem *problem)
{
    struct store_row row;
    if (start(store, problem) || store_focus(store, event_id, problem)) {
        return -1;
    }
    int found = store->focus->exists
                    ? store_row_find(store, store->focus->id, store->focus->name, &row, problem)
                    : 0;
    if (found <= 0) {
        return found;
    }
    visit_init(visit);
    visit->event_id = store->focus->name;
    visit->source_central = row.counted.central;
    visit->plate_id = row.plate_id;
    visit->plate_view = row.plate_view;
    visit->entry_ms = row.counted.entry_ms;
    visit->exit_ms = row.counted.exit_ms;
    visit->exit_central = row.counted.exit_central;
    visit->fee = row.counted.fee;
    visit->status = row.counted.status;
    visit->superseded_by = row.superseded_by;
    visit->last_location = row.counted.lot;
    visit->id = row.id;
    visit->revision = row.revision;
    visit->digest = row.digest;
    return 1;
}

int store_find_row(struct store *store, int64_t history_id, struct visit *visit,
                   struct problem *problem)
{
    if (start(store, problem)) {
        return -1;
    }
    struct sql sql = store_sql(store, STORE_FIND_ROW);
    sql_bind_int(&sql, history_id);
    return find(store, &sql, visit, problem);
}

static bool repeats(const struct event *known, const struct event *event, int64_t now_ms)
{
    if (event->retry_key.data && slice_equal(known->retry_key, event->retry_key)) {
        return known->kind == event->kind && slice_equal(known->plate_id, event->plate_id);
    }
    if (known->kind != event->kind || !slice_equal(known->sent_id, event->sent_id) ||
        !slice_equal(known->camera_id, event->camera_id) || known->device_ms != event->device_ms ||
        (!store_is_change(event->kind) && !slice_equal(known->plate_id, event->plate_id))) {
        return false;
    }
    /* A device's time alone is only good for a while: its clock may be set back. */
    return event->sent_id.data || (known->t_eff >= now_ms - LIMIT_RETRY_WINDOW_MS &&
                                   known->t_eff <= now_ms + LIMIT_RETRY_WINDOW_MS);
}

/* What an event leaves open it does not ask for. */
static bool asks_otherwise(const struct event *event, const struct event *known)
{
    return (event->plate_id.data && (!slice_equal(event->plate_id, known->plate_id) ||
                                     !slice_equal(event->plate_view, known->plate_view))) ||
           (event->entry_ms != EVENT_NONE && event->entry_ms != known->entry_ms) ||
           (event->exit_ms != EVENT_NONE && event->exit_ms != known->exit_ms);
}

static int answer_retry(const struct event *event, const struct event *known,
                        const struct position *position, struct store_retry *retry)
{
    *retry = (struct store_retry){.position = *position, .differs = asks_otherwise(event, known)};
    if (known->visit.data) {
        slice_copy(known->visit, retry->visit, sizeof retry->visit);
    }
    return 1;
}

/* Among the events of the visit that has the sent id, which is the rule. */
static int find_in_visit(struct store *store, const struct event *event, int64_t now_ms,
                         struct store_retry *retry, struct problem *problem)
{
    if (store_focus(store, event->sent_id, problem) || store_focus_load(store, problem)) {
        return -1;
    }
    for (size_t i = 0; i < store->focus->count; i++) {
        const struct fold_event *known = store_focus_event(store->focus, i);
        if (known && repeats(&known->event, event, now_ms)) {
            return answer_retry(event, &known->event, &known->position, retry);
        }
    }
    return 0;
}

/* Among those that are listed by what a camera repeats. */
static int find_by_key(struct store *store, const struct digest *key, const struct event *event,
                       int64_t now_ms, struct store_retry *retry, struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_RETRY_FIND);
    sql_bind_digest(&sql, key);
    int found = sql_step(&sql, problem);
    if (found <= 0) {
        return found < 0 ? store_fail(store, problem) : 0;
    }
    struct event known;
    size_t stream = (size_t)sql_int(&sql, 0) - 1;
    found = 0;
    if (stream < store->now.stream_count && sql_blob(&sql, 3).data &&
        event_unpack(&known, sql_blob(&sql, 2), sql_blob(&sql, 3)) == 0 &&
        repeats(&known, event, now_ms)) {
        struct position position = {store->streams[stream].stream, sql_u64(&sql, 1)};
        found = answer_retry(event, &known, &position, retry);
    }
    sql_reset(&sql);
    return found;
}

int store_find_retry(struct store *store, const struct event *event, int64_t now_ms,
                     struct store_retry *retry, struct problem *problem)
{
    struct digest key;
    if (start(store, problem)) {
        return -1;
    }
    int found = 0;
    if (store->now.has_retries && store_sender_key(event, &key)) {
        found = find_by_key(store, &key, event, now_ms, retry, problem);
    }
    if (found || !store_has_retry_key(event)) {
        return found; /* or there is nothing to recognise it by */
    }
    found = event->sent_id.data ? find_in_visit(store, event, now_ms, retry, problem) : 0;
    if (found || !store->now.has_retries || !store_retry_key(event, &key)) {
        return found;
    }
    return find_by_key(store, &key, event, now_ms, retry, problem);
}

int store_find_import(struct store *store, const struct event *event, const struct node_id *node,
                      struct store_retry *retry, struct problem *problem)
{
    struct visit visit;
    visit_imported(event, node, &visit);
    struct digest digest = visit_digest(&visit);
    if (start(store, problem) || store_focus(store, event->visit, problem) ||
        store_focus_load(store, problem)) {
        return -1;
    }
    for (size_t i = 0; i < store->focus->count; i++) {
        const struct fold_event *known = store_focus_event(store->focus, i);
        if (!known || known->event.kind != EVENT_IMPORT) {
            continue;
        }
        visit_imported(&known->event, &known->position.stream.node, &visit);
        struct digest other = visit_digest(&visit);
        if (digest_equal(&digest, &other)) {
            return answer_retry(event, &known->event, &known->position, retry);
        }
    }
    return 0;
}

struct change {
    struct position position;
    struct position former; /* before a mended fork moved it; seq 0 = never */
    uint32_t kind;
    uint64_t hlc;
    int64_t entry_ms, exit_ms, fee; /* as corrected by it */
    struct position seen[LIMIT_SUPERSEDES];
    size_t seen_count;
};

static bool is_superseded(const struct change *changes, size_t count, size_t which)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; i != which && k < changes[i].seen_count; k++) {
            if (position_compare(&changes[i].seen[k], &changes[which].position) == 0 ||
                (changes[which].former.seq &&
                 position_compare(&changes[i].seen[k], &changes[which].former) == 0)) {
                return true;
            }
        }
    }
    return false;
}

/* Reads the HISTORY_* events of a visit; `*changes` is malloc'ed. */
static int read_changes(struct store *store, struct slice event_id, struct change **changes,
                        size_t *count, struct problem *problem)
{
    size_t capacity = 0;
    if (store_focus(store, event_id, problem) || store_focus_load(store, problem)) {
        return -1;
    }
    for (size_t i = 0; i < store->focus->count; i++) {
        const struct fold_event *known = store_focus_event(store->focus, i);
        if (!known || !store_is_change(known->event.kind)) {
            continue;
        }
        const struct event *event = &known->event;
        *changes = memory_grow(*changes, &capacity, *count + 1, sizeof **changes);
        struct change *change = &(*changes)[(*count)++];
        change->position = known->position;
        change->kind = event->kind;
        change->hlc = event->hlc;
        change->entry_ms = event->entry_ms;
        change->exit_ms = event->exit_ms;
        change->fee = event->fee;
        change->seen_count = event_supersedes(event, change->seen);
        if (!event_moved_from(event, &change->former)) {
            change->former.seq = 0;
        }
    }
    return 0;
}

int store_changes_seen(struct store *store, struct slice event_id, struct position *out,
                       struct problem *problem)
{
    struct change *changes = NULL;
    size_t count = 0;
    int kept = 0;
    if (start(store, problem)) {
        return -1;
    }
    if (read_changes(store, event_id, &changes, &count, problem)) {
        kept = -1;
    }
    for (size_t i = 0; kept >= 0 && kept < LIMIT_SUPERSEDES && i < count; i++) {
        if (!is_superseded(changes, count, i)) {
            out[kept++] = changes[i].position;
            /* Another central may have moved the same change to a place of its own. */
            if (changes[i].former.seq && kept < LIMIT_SUPERSEDES) {
                out[kept++] = changes[i].former;
            }
        }
    }
    free(changes);
    return kept;
}

/* The fold's order of changes (storage/fold.h, step 1). */
static bool wins_over(const struct change *a, const struct change *b)
{
    bool deletes = a->kind == EVENT_HISTORY_DELETE;
    if (deletes != (b->kind == EVENT_HISTORY_DELETE)) {
        return deletes;
    }
    if (a->hlc != b->hlc) {
        return a->hlc > b->hlc;
    }
    return position_compare(&a->position, &b->position) > 0;
}

static const struct change *change_in_force(const struct change *changes, size_t count)
{
    const struct change *best = NULL, *best_of_all = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!best_of_all || wins_over(&changes[i], best_of_all)) {
            best_of_all = &changes[i];
        }
        if (!is_superseded(changes, count, i) && (!best || wins_over(&changes[i], best))) {
            best = &changes[i];
        }
    }
    return best ? best : best_of_all;
}

int store_correction(struct store *store, struct slice event_id, int64_t *entry_ms,
                     int64_t *exit_ms, int64_t *fee, struct problem *problem)
{
    struct change *changes = NULL;
    size_t count = 0;
    if (start(store, problem)) {
        return -1;
    }
    int failed = read_changes(store, event_id, &changes, &count, problem);
    const struct change *change = failed ? NULL : change_in_force(changes, count);
    *entry_ms = change ? change->entry_ms : EVENT_NONE;
    *exit_ms = change ? change->exit_ms : EVENT_NONE;
    *fee = change ? change->fee : EVENT_NONE;
    free(changes);
    return failed;
}

int store_visit_json(struct store *store, struct slice event_id, struct buffer *out,
                     struct problem *problem)
{
    if (start(store, problem) || store_focus(store, event_id, problem)) {
        return -1;
    }
    if (!store->focus->exists) {
        return 0;
    }
    struct sql sql = store_sql(store, STORE_VISIT_JSON);
    sql_bind_int(&sql, store->focus->id);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        /* All of it where it fits into an event, else what a person needs to recognise it. */
        struct slice text = sql_text(&sql, 0);
        if (text.len > LIMIT_JSON_TEXT) {
            text = sql_text(&sql, 1);
        }
        if (buffer_append(out, text.data, text.len)) {
            found = problem_set(problem, PROBLEM_INTERNAL, NULL, "no room for a visit as JSON");
        }
        sql_reset(&sql);
    }
    return found < 0 ? store_fail(store, problem) : found;
}

int store_tariff(struct store *store, int64_t at_ms, struct tariff *out, struct problem *problem)
{
    const struct fold_tariff *best = NULL;
    if (start(store, problem)) {
        return -1;
    }
    for (size_t i = 0; i < store->tariff_count; i++) {
        const struct fold_tariff *tariff = &store->tariffs[i];
        if (tariff->t > at_ms) {
            continue;
        }
        if (!best || tariff->t > best->t ||
            (tariff->t == best->t &&
             (tariff->hlc > best->hlc ||
              (tariff->hlc == best->hlc &&
               position_compare(&tariff->position, &best->position) > 0)))) {
            best = tariff;
        }
    }
    *out = best ? best->tariff : TARIFF_DEFAULT;
    return best != NULL;
}
