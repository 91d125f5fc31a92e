/*
 * Which events a fold needs: the plates that any event of a touched visit carries, the visits in
 * which those plates ever occurred, all events of those visits. An exit that names no known visit
 * has an id of its own and is found by it like any other.
 *
 * A plate that comes every day has thousands of events, and nearly all of them are settled. So each
 * visit has a span, the time it takes up in a timeline: from its first event to its last (edits
 * count when they were made and for the times they set), to the end of time while it is open, and
 * to the entry of the visit that superseded it. Where no span crosses an instant, no vehicle was
 * inside then, and no later event names an earlier visit: what lies before cannot touch what comes
 * after. The timeline is cut at the last such instant before everything touched, whether as it was
 * or as it is now. A visit that carries several plates of one fold would tie their timelines
 * together; those are folded whole.
 *
 * Rows of visit_plate lie by plate, each on a page of its own. So the row of a visit of one plate
 * says that it is open until the plate comes again, which writes that page anyway; its row of
 * history tells when it left.
 */
#include "storage/store_internal.h"

#include <stdlib.h>
#include <string.h>

static void stretch(struct store_member *member, int64_t t)
{
    if (t == EVENT_NONE || t == EVENT_REOPEN) {
        return;
    }
    if (t < member->first) {
        member->first = t;
    }
    if (t > member->last) {
        member->last = t;
    }
}

/* A time of whole seconds may stand for any in its second (fold_is_one_instant). */
static int64_t end_of(int64_t t)
{
    return t >= 0 && t % 1000 == 0 ? t + 999 : t;
}

static void stretch_to_exit(struct store_member *member, int64_t t)
{
    stretch(member, t);
    stretch(member, end_of(t));
}

static void stretch_by_event(const struct store *store, struct store_member *member,
                             const struct fold_event *event)
{
    int64_t t = store_time(store, &event->position, event->event.t_eff);
    if (event->event.kind == EVENT_VEHICLE_EXIT) {
        stretch_to_exit(member, t);
        return; /* its other times are beliefs, not facts of the timeline */
    }
    stretch(member, t);
    stretch(member, event->event.entry_ms);
    stretch_to_exit(member, event->event.exit_ms);
}

/* The next event of the closure belongs to this visit. */
static void take_event(struct store *store, struct store_member *member, bool touched)
{
    const struct fold_event *event = &store->events[store->event_count++];
    member->event_count++;
    stretch_by_event(store, member, event);
    if (touched && event->event.plate_id.len > 0) { /* an empty one is no plate */
        texts_add(&store->plates, event->event.plate_id);
    }
}

static struct fold_event *next_event(struct store *store)
{
    store->events = memory_grow(store->events, &store->event_capacity, store->event_count + 1,
                                sizeof *store->events);
    return &store->events[store->event_count];
}

/* The same from what is known of it, which a request has mostly read already. */
static void read_focus(struct store *store, struct store_focus *focus, struct store_member *member,
                       bool touched)
{
    for (size_t i = 0; i < focus->count; i++) {
        const struct fold_event *event = store_focus_event(focus, i);
        if (focus->events[i].lsn <= store->now.folded) {
            member->fresh = false;
        }
        if (event) {
            *next_event(store) = *event;
            take_event(store, member, touched);
        }
    }
}

/* The same from what was logged since the last fold: all that a visit made since has. */
static void read_recent(struct store *store, struct store_member *member, bool touched)
{
    for (size_t i = member->recent; i > 0; i = store->recent[i - 1].next) {
        *next_event(store) = store->recent[i - 1].folded;
        take_event(store, member, touched);
    }
}

/* Reads the events of one visit into the closure; its plates too when it was touched. */
static int read_visit(struct store *store, size_t visit, bool touched, struct problem *problem)
{
    struct store_member *member = &store->members[visit];
    int64_t id = store_visits_id(&store->visits, visit);
    member->event = store->event_count;
    if (member->recent > 0) {
        read_recent(store, member, touched);
        return 0;
    }
    struct store_focus *focus = store_focus_on(store, id, store->visits.names.items[visit]);
    if (focus && focus->loaded) {
        read_focus(store, focus, member, touched);
        return 0;
    }
    struct sql sql = store_sql(store, STORE_EVENTS_OF_VISIT);
    sql_bind_int(&sql, id);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        size_t stream = (size_t)sql_int(&sql, 0) - 1;
        struct slice body = arena_copy(&store->bodies, sql_blob(&sql, 3));
        if (sql_u64(&sql, 4) <= store->now.folded) {
            member->fresh = false;
        }
        struct fold_event *event = next_event(store);
        if (stream >= store->now.stream_count ||
            event_unpack(&event->event, sql_blob(&sql, 2), body)) {
            continue; /* it was readable when it came in; then it has no say */
        }
        event->position = (struct position){store->streams[stream].stream, sql_u64(&sql, 1)};
        event->body = body;
        take_event(store, member, touched);
    }
    return more ? store_fail(store, problem) : 0;
}

/* Members for visits from number `from` on. */
static void add_members(struct store *store, size_t from, bool fresh)
{
    size_t count = store->visits.ids.count;
    store->members =
        memory_grow(store->members, &store->member_capacity, count, sizeof *store->members);
    for (size_t i = from; i < count; i++) {
        store->members[i] = (struct store_member){.first = INT64_MAX,
                                                  .last = INT64_MIN,
                                                  .entry = EVENT_NONE,
                                                  .was_first = INT64_MAX,
                                                  .was_entry = EVENT_NONE,
                                                  .fresh = fresh};
    }
}

static int by_first(const void *a, const void *b)
{
    const struct store_span *left = a, *right = b;
    return (left->first > right->first) - (left->first < right->first);
}

/* Tells the row of a span that it has ended, when the plate comes with another visit than it. */
static int close_span(struct store *store, struct store_span *span, size_t plate, size_t touched,
                      struct problem *problem)
{
    size_t visit = store_visits_find(&store->visits, span->visit);
    if (!span->is_open || span->last == INT64_MAX || (visit != TEXTS_NONE && visit < touched)) {
        return 0;
    }
    struct sql sql = store_sql(store, STORE_PLATE_CLOSE);
    sql_bind_int(&sql, span->last);
    sql_bind_text(&sql, store->plates.items[plate]);
    sql_bind_int(&sql, span->visit);
    span->is_open = false;
    return sql_finish(&sql, problem) ? store_fail(store, problem) : 0;
}

/* Reads the spans of a plate, in order of time. */
static int read_spans(struct store *store, size_t plate, size_t *count, struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_VISITS_OF_PLATE);
    sql_bind_text(&sql, store->plates.items[plate]);
    int more;
    *count = 0;
    while ((more = sql_step(&sql, problem)) > 0) {
        store->spans =
            memory_grow(store->spans, &store->span_capacity, *count + 1, sizeof *store->spans);
        int64_t last = sql_int(&sql, 2), exit_ms = sql_optional(&sql, 4);
        store->spans[(*count)++] = (struct store_span){
            sql_int(&sql, 0), sql_int(&sql, 1), exit_ms == EVENT_NONE ? last : end_of(exit_ms),
            sql_int(&sql, 1) + sql_int(&sql, 3), last == INT64_MAX};
    }
    if (more) {
        return store_fail(store, problem);
    }
    if (*count > 1) {
        qsort(store->spans, *count, sizeof *store->spans, by_first);
    }
    return 0;
}

/* The number of the first span that the fold needs; sets where the cut is. */
static size_t cut_spans(struct store *store, struct store_cut *cut, size_t count, size_t touched)
{
    cut->at = INT64_MIN;
    if (cut->whole) {
        return 0;
    }
    int64_t earliest = cut->touched;
    for (size_t i = 0; i < count && store->spans[i].first < earliest; i++) {
        size_t visit = store_visits_find(&store->visits, store->spans[i].visit);
        if (visit != TEXTS_NONE && visit < touched) {
            earliest = store->spans[i].first; /* where a touched visit was before */
        }
    }
    size_t from = 0;
    int64_t end = INT64_MIN;
    for (size_t i = 0; i < count && store->spans[i].first <= earliest; i++) {
        if (end < store->spans[i].first && i > 0) {
            from = i;
            cut->at = store->spans[i].first;
        }
        if (store->spans[i].last > end) {
            end = store->spans[i].last;
        }
    }
    /* All that was there ended before what is new. */
    if (count > 0 && end < earliest && store->spans[count - 1].first < earliest) {
        from = count;
        cut->at = earliest;
    }
    return from;
}

/* The place of the visit of a span in the closure, in `*place`; added when it is new. */
static int add_span(struct store *store, const struct store_span *span, size_t *place,
                    struct problem *problem)
{
    *place = store_visits_find(&store->visits, span->visit);
    if (*place != TEXTS_NONE) {
        return 0;
    }
    struct sql sql = store_sql(store, STORE_VISIT_NAME);
    sql_bind_int(&sql, span->visit);
    int found = sql_step(&sql, problem);
    if (found <= 0) {
        return found < 0 ? store_fail(store, problem)
                         : problem_set(problem, PROBLEM_DB_CORRUPT, "restore a backup",
                                       "%s: a visit has no name", store->path);
    }
    *place = store_visits_add(&store->visits, span->visit, sql_text(&sql, 0));
    sql_reset(&sql);
    add_members(store, *place, false);
    return 0;
}

/* Adds the visits of one plate to the closure, from its cut on, and reads them. */
static int add_plate(struct store *store, size_t plate, size_t touched, struct problem *problem)
{
    size_t count = 0, known = store->visits.ids.count;
    if (read_spans(store, plate, &count, problem)) {
        return -1;
    }
    store->cuts[plate].spans = count;
    for (size_t i = 0; i < count; i++) {
        if (close_span(store, &store->spans[i], plate, touched, problem)) {
            return -1;
        }
    }
    for (size_t i = cut_spans(store, &store->cuts[plate], count, touched); i < count; i++) {
        const struct store_span *span = &store->spans[i];
        size_t visit;
        if (add_span(store, span, &visit, problem)) {
            return -1;
        }
        struct store_member *member = &store->members[visit];
        member->was_first = span->first;
        member->was_last = span->last;
        member->was_entry = member->entry = span->entry;
        member->was_open = member->was_open || span->is_open;
        member->has_row = member->has_row || member->plate == plate + 1;
    }
    for (size_t i = known; i < store->visits.ids.count; i++) {
        if (read_visit(store, i, false, problem)) {
            return -1;
        }
    }
    return 0;
}

/* The plates of P that the events from number `from` on carry; what ties two of them together. */
static void tie_plates(struct store *store, size_t from_visit)
{
    for (size_t i = from_visit; i < store->visits.ids.count; i++) {
        struct store_member *member = &store->members[i];
        for (size_t k = member->event; k < member->event + member->event_count; k++) {
            size_t plate = texts_find(&store->plates, store->events[k].event.plate_id);
            if (plate == TEXTS_NONE) {
                continue;
            }
            if (member->first < store->cuts[plate].touched) {
                store->cuts[plate].touched = member->first;
            }
            if (member->plate == 0) {
                member->plate = plate + 1;
            }
            if (member->plate != plate + 1) {
                store->cuts[plate].whole = store->cuts[member->plate - 1].whole = true;
            }
        }
    }
}

static int read_touched(struct store *store, size_t *touched, struct problem *problem)
{
    struct store_visits visits = store->visits;
    store->visits = store->touched;
    store->touched = visits;
    store_visits_clear(&store->touched);
    struct texts plates = store->plates;
    store->plates = store->touched_plates;
    store->touched_plates = plates;
    texts_clear(&store->touched_plates);
    arena_clear(&store->bodies);
    store->event_count = 0;
    *touched = store->visits.ids.count;
    /* After a redaction a row may have outlived the events that made it. */
    bool erased = store->plates.count > 0;
    add_members(store, 0, !erased && !store->importing);
    store_recent_link(store, *touched);
    for (size_t i = 0; i < *touched; i++) {
        if (read_visit(store, i, true, problem)) {
            return -1;
        }
    }
    store->cuts =
        memory_grow(store->cuts, &store->cut_capacity, store->plates.count, sizeof *store->cuts);
    for (size_t i = 0; i < store->plates.count; i++) {
        store->cuts[i] = (struct store_cut){
            .at = INT64_MIN, .touched = INT64_MAX, .whole = erased || store->importing};
    }
    return 0;
}

int store_closure(struct store *store, size_t *touched, struct problem *problem)
{
    if (read_touched(store, touched, problem)) {
        return -1;
    }
    tie_plates(store, 0);
    for (size_t i = 0; i < store->plates.count; i++) {
        if (add_plate(store, i, *touched, problem)) {
            return -1;
        }
    }
    /* A visit read just now may tie plates together that were cut; then they are added whole. */
    for (size_t done = *touched; done < store->visits.ids.count;) {
        size_t read = store->visits.ids.count;
        tie_plates(store, done);
        done = read;
        for (size_t i = 0; i < store->plates.count; i++) {
            if (store->cuts[i].whole && store->cuts[i].at != INT64_MIN &&
                add_plate(store, i, *touched, problem)) {
                return -1;
            }
        }
    }
    return 0;
}

/* Adds or changes one row; `*is_saved`: there was one to change. */
static int write_span(struct store *store, enum store_statement which, size_t visit,
                      struct slice plate, bool *is_saved, struct problem *problem)
{
    struct sql sql = store_sql(store, which);
    const struct store_member *member = &store->members[visit];
    sql_bind_int(&sql, member->first);
    sql_bind_int(&sql, member->last);
    sql_bind_int(&sql, member->entry > member->first ? member->entry - member->first : 0);
    sql_bind_text(&sql, plate);
    sql_bind_int(&sql, store_visits_id(&store->visits, visit));
    if (sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    *is_saved = sqlite3_changes(store->db) > 0;
    return 0;
}

/* A plate without visits until now is new to the index of plates. */
static int note_plate(struct store *store, struct slice plate, struct problem *problem)
{
    size_t known = texts_find(&store->plates, plate);
    if (known != TEXTS_NONE && store->cuts[known].spans++ > 0) {
        return 0;
    }
    return store_plate_new(store, plate, problem);
}

/* Saves the span of one visit under every plate that it carries. */
static int save_span(struct store *store, size_t visit, struct problem *problem)
{
    const struct store_member *member = &store->members[visit];
    for (size_t i = 0; i < member->event_count; i++) {
        struct slice plate = store->events[member->event + i].event.plate_id;
        bool again = plate.len == 0;
        for (size_t k = 0; k < i && !again; k++) {
            again = slice_equal(store->events[member->event + k].event.plate_id, plate);
        }
        if (again) {
            continue;
        }
        bool is_saved = false;
        if (!member->fresh &&
            write_span(store, STORE_PLATE_SAVE, visit, plate, &is_saved, problem)) {
            return -1;
        }
        if (!is_saved && (write_span(store, STORE_PLATE_ADD, visit, plate, &is_saved, problem) ||
                          note_plate(store, plate, problem))) {
            return -1;
        }
    }
    return 0;
}

/* It carries a plate that is not folded now. */
static bool is_foreign(const struct store *store, const struct store_member *member)
{
    for (size_t i = member->event; i < member->event + member->event_count; i++) {
        if (store->events[i].event.plate_id.len > 0 &&
            texts_find(&store->plates, store->events[i].event.plate_id) == TEXTS_NONE) {
            return true;
        }
    }
    return false;
}

/* What the fold adds to the span that the events show. */
static void stretch_by_output(struct store *store, struct store_member *member,
                              const struct fold_output *output)
{
    if (member->output == 0) {
        return;
    }
    const struct visit *visit = &output->visits[member->output - 1];
    member->entry = visit->entry_ms;
    stretch(member, visit->entry_ms);
    stretch_to_exit(member, visit->exit_ms);
    if (visit->status == VISIT_IN) {
        member->last = INT64_MAX;
    }
    size_t by = visit->superseded_by.data ? texts_find(&store->visits.names, visit->superseded_by)
                                          : TEXTS_NONE;
    if (by != TEXTS_NONE && store->members[by].output) {
        stretch(member, output->visits[store->members[by].output - 1].entry_ms);
    }
}

/* All its events that carry a plate carry the same. */
static bool has_one_plate(const struct store *store, const struct store_member *member)
{
    struct slice plate = {NULL, 0};
    for (size_t i = member->event; i < member->event + member->event_count; i++) {
        struct slice other = store->events[i].event.plate_id;
        if (other.len > 0 && plate.len > 0 && !slice_equal(plate, other)) {
            return false;
        }
        plate = other.len > 0 ? other : plate;
    }
    return plate.len > 0;
}

/* What its rows of visit_plate say needs no change. */
static bool is_kept(const struct store *store, const struct store_member *member, bool touched,
                    const struct fold_output *output)
{
    bool one = has_one_plate(store, member);
    int64_t last = member->was_last;
    if (member->was_open) {
        const struct visit *visit = member->output > 0 ? &output->visits[member->output - 1] : NULL;
        bool has_left = visit && visit->status == VISIT_OUT && visit->exit_ms != EVENT_NONE;
        last = one && has_left ? end_of(visit->exit_ms) : INT64_MAX;
    }
    return member->first == member->was_first && member->last == last &&
           member->entry == member->was_entry && (!touched || (one && member->has_row));
}

int store_closure_save(struct store *store, size_t touched, const struct fold_output *output,
                       struct problem *problem)
{
    for (size_t i = 0; i < store->visits.ids.count; i++) {
        struct store_member *member = &store->members[i];
        stretch_by_output(store, member, output);
        /* A visit that may belong to another plate keeps what that plate's fold said. */
        if (member->output == 0 && i >= touched && is_foreign(store, member) &&
            member->was_last > member->last) {
            member->last = member->was_last;
        }
        if (member->event_count > 0 && !is_kept(store, member, i < touched, output) &&
            save_span(store, i, problem)) {
            return -1;
        }
    }
    return 0;
}
