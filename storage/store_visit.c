/*
 * Visits by number, and the ones in focus. A request asks whether its event repeats another, which
 * row it belongs to, and is folded: three times the same events of the same visit. They are read
 * once and kept, row and all, until another visit takes their place or what the log says changes
 * otherwise. There are places for many, so that an exit mostly finds what its entry left: each name
 * has one place by its hash, and the last one asked for has it.
 */
#include "storage/store_internal.h"

#include <stdlib.h>
#include <string.h>

size_t store_visits_add(struct store_visits *visits, int64_t id, struct slice name)
{
    size_t known = visits->ids.count;
    size_t place = texts_add(&visits->ids, (struct slice){(const char *)&id, sizeof id});
    if (place == known) {
        texts_add(&visits->names, name);
    }
    return place;
}

size_t store_visits_find(const struct store_visits *visits, int64_t id)
{
    return texts_find(&visits->ids, (struct slice){(const char *)&id, sizeof id});
}

int64_t store_visits_id(const struct store_visits *visits, size_t place)
{
    int64_t id;
    memcpy(&id, visits->ids.items[place].data, sizeof id);
    return id;
}

void store_visits_clear(struct store_visits *visits)
{
    texts_clear(&visits->ids);
    texts_clear(&visits->names);
}

void store_visits_free(struct store_visits *visits)
{
    texts_free(&visits->ids);
    texts_free(&visits->names);
}

void store_focus_drop(struct store *store)
{
    store->focus_age++;
    store->recent_lost = true;
}

static void empty(struct store_focus *focus)
{
    free(focus->events);
    focus->events = NULL;
    focus->count = focus->capacity = 0;
    focus->age = 0;
    arena_free(&focus->memory);
}

void store_focus_free(struct store *store)
{
    for (size_t i = 0; i < LIMIT_FOCI; i++) {
        if (store->foci[i]) {
            empty(store->foci[i]);
            free(store->foci[i]);
        }
    }
    free(store->recent);
    arena_free(&store->recent_memory);
}

/* Of an event that was packed or unpacked just now: the same as unpacking its bytes, for less. */
static void copy_event(struct arena *arena, const struct fold_event *from, struct fold_event *out)
{
    *out = *from;
    event_copy(&from->event, arena_take(arena, event_text_bytes(&from->event)), &out->event);
    out->body = arena_copy(arena, from->body);
}

void store_recent_add(struct store *store, int64_t visit, struct slice name,
                      const struct fold_event *folded)
{
    if (store->importing || visit <= store->now.known_id) {
        return; /* it may have events that were folded before */
    }
    store_visits_add(&store->touched, visit, name);
    store->recent = memory_grow(store->recent, &store->recent_capacity, store->recent_count + 1,
                                sizeof *store->recent);
    struct store_recent *recent = &store->recent[store->recent_count++];
    recent->visit = visit;
    copy_event(&store->recent_memory, folded, &recent->folded);
}

void store_recent_link(struct store *store, size_t members)
{
    for (size_t i = store->recent_lost ? 0 : store->recent_count; i-- > 0;) {
        size_t member = store_visits_find(&store->visits, store->recent[i].visit);
        if (member < members) {
            store->recent[i].next = store->members[member].recent;
            store->members[member].recent = i + 1;
        }
    }
}

void store_recent_clear(struct store *store)
{
    store->recent_count = 0;
    store->recent_lost = false;
    arena_clear(&store->recent_memory);
}

static size_t place_of(struct slice name)
{
    return texts_hash(name) % LIMIT_FOCI;
}

struct store_focus *store_focus_on(const struct store *store, int64_t id, struct slice name)
{
    struct store_focus *focus = store->foci[place_of(name)];
    return focus && focus->age == store->focus_age && focus->exists && focus->id == id ? focus
                                                                                       : NULL;
}

/* Moves the focus to the place of a name; 1 when the visit is there already. */
static bool move_focus(struct store *store, struct slice name)
{
    struct store_focus **place = &store->foci[place_of(name)];
    if (!*place) {
        *place = bytes_allocate(1, sizeof **place);
    }
    struct store_focus *last = store->focus, *focus = *place;
    store->focus = focus;
    bool known = focus->age == store->focus_age && slice_equal(focus->name, name);
    if (!known) {
        focus->age = 0;
        memcpy(focus->text, name.data ? name.data : "", name.len);
        focus->name = (struct slice){focus->text, name.len};
    }
    /* Not before the name is copied, which may be of one of its events. */
    if (last && last != focus &&
        (last->count > LIMIT_FOCUS_EVENTS || last->memory.bytes > LIMIT_FOCUS_BYTES)) {
        empty(last);
    }
    return known;
}

int store_focus(struct store *store, struct slice name, struct problem *problem)
{
    if (name.len > LIMIT_EVENT_ID) {
        name.len = 0; /* nobody's name */
    }
    if (move_focus(store, name)) {
        return 0;
    }
    struct store_focus *focus = store->focus;
    focus->count = 0;
    focus->memory.chunk_bytes = LIMIT_FOCUS_BYTES / 4;
    arena_clear(&focus->memory);
    struct sql sql = store_sql(store, STORE_VISIT_FIND);
    sql_bind_text(&sql, focus->name);
    int found = sql_step(&sql, problem);
    if (found < 0) {
        return store_fail(store, problem);
    }
    if (found) {
        focus->id = sql_int(&sql, 0);
        sql_reset(&sql);
    }
    focus->exists = found > 0;
    focus->has_row = STORE_ROW_UNREAD;
    focus->loaded = found == 0; /* nothing names it */
    focus->age = store->focus_age;
    return 0;
}

/* Lists an event of the visit in focus; its bytes are copied. */
static struct store_known *list_event(struct store *store, const struct store_known *known,
                                      struct slice header, struct slice body)
{
    struct store_focus *focus = store->focus;
    focus->events =
        memory_grow(focus->events, &focus->capacity, focus->count + 1, sizeof *focus->events);
    struct store_known *event = &focus->events[focus->count++];
    *event = *known;
    event->header = arena_copy(&focus->memory, header);
    event->folded.body = arena_copy(&focus->memory, body);
    event->state = STORE_PACKED;
    return event;
}

int store_focus_load(struct store *store, struct problem *problem)
{
    struct store_focus *focus = store->focus;
    if (focus->loaded) {
        return 0;
    }
    focus->count = 0;
    struct sql sql = store_sql(store, STORE_EVENTS_OF_VISIT);
    sql_bind_int(&sql, focus->id);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        size_t stream = (size_t)sql_int(&sql, 0) - 1;
        if (stream >= store->now.stream_count) {
            continue;
        }
        struct store_known known = {.lsn = sql_u64(&sql, 4)};
        known.folded.position = (struct position){store->streams[stream].stream, sql_u64(&sql, 1)};
        (void)list_event(store, &known, sql_blob(&sql, 2), sql_blob(&sql, 3));
    }
    if (more) {
        return store_fail(store, problem);
    }
    focus->loaded = true;
    return 0;
}

const struct fold_event *store_focus_event(struct store_focus *focus, size_t i)
{
    struct store_known *known = &focus->events[i];
    if (known->state == STORE_PACKED) {
        known->state = event_unpack(&known->folded.event, known->header, known->folded.body)
                           ? STORE_UNREADABLE /* it was readable when it came in */
                           : STORE_UNPACKED;
    }
    return known->state == STORE_UNPACKED ? &known->folded : NULL;
}

void store_focus_append(struct store *store, const struct store_known *known)
{
    struct store_focus *focus = store->focus;
    if (!focus->loaded) {
        return;
    }
    struct store_known *listed = list_event(store, known, known->header, (struct slice){NULL, 0});
    copy_event(&focus->memory, &known->folded, &listed->folded);
    listed->state = STORE_UNPACKED;
}

/* The number that the visit had in the database of a Python central, in `*id` if it had one. */
static int kept_id(struct store *store, struct slice name, int64_t *id, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db, "SELECT id FROM temp.kept WHERE event_id = ?", &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    sql_bind_text(&sql, name);
    int found = sql_step(&sql, problem);
    if (found > 0) {
        *id = sql_int(&sql, 0);
    }
    sqlite3_finalize(stmt);
    return found < 0 ? -1 : 0;
}

int store_visit_make(struct store *store, struct slice name, int64_t *id, struct problem *problem)
{
    if (store_focus(store, name, problem)) {
        return -1;
    }
    struct store_focus *focus = store->focus;
    if (!focus->exists) {
        focus->age = 0; /* until it is done */
        focus->id = store->now.visit_id + 1;
        if (store->importing && kept_id(store, name, &focus->id, problem)) {
            return store_fail(store, problem);
        }
        struct sql sql = store_sql(store, STORE_VISIT_ADD);
        sql_bind_int(&sql, focus->id);
        sql_bind_text(&sql, name);
        if (sql_finish(&sql, problem)) {
            return store_fail(store, problem);
        }
        if (focus->id > store->now.visit_id) {
            store->now.visit_id = focus->id;
        }
        focus->exists = true;
        focus->age = store->focus_age;
        focus->has_row = STORE_ROW_NONE;
    }
    *id = focus->id;
    return 0;
}
