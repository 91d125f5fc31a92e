/*
 * Step 1 of the fold: what each visit is, from the events that name it and nothing else. Events are
 * sorted by (visit, stamp) once; then each visit is one run of them, repetitions are neighbours,
 * and "the smallest stamp" is the first one met.
 */
#include "storage/fold_internal.h"

#include <stdlib.h>

/* Room for t_eff and any sum of offsets. */
__extension__ typedef __int128 wide;

/* What the events of one visit have to offer. */
struct group {
    const struct fold_item *items;
    size_t count;
    const struct fold_item *entry, *import, *location; /* the best of each kind, or NULL */
    const struct fold_item *reopen;
    size_t change_count; /* in work->changes */
    size_t exit_count;   /* in work->exits */
};

static int64_t hold(wide ms)
{
    return ms < 0 ? 0 : ms > FOLD_TIME_MAX ? FOLD_TIME_MAX : (int64_t)ms;
}

static bool covers(const struct fold_clock_fix *fix, const struct position *position)
{
    return (fix->epoch == 0 || fix->epoch == position->stream.epoch) &&
           fix->from <= position->seq && position->seq <= fix->to &&
           node_id_compare(&fix->node, &position->stream.node) == 0;
}

/* Both cover one position, so the node is the same. */
static bool is_repeated(const struct fold_clock_fix *fixes, size_t index,
                        const struct position *position)
{
    const struct fold_clock_fix *fix = &fixes[index];

    for (size_t i = 0; i < index; i++) {
        if (fixes[i].offset_ms == fix->offset_ms && fixes[i].epoch == fix->epoch &&
            fixes[i].from == fix->from && fixes[i].to == fix->to && covers(&fixes[i], position)) {
            return true;
        }
    }
    return false;
}

int64_t fold_time(int64_t t_eff, const struct position *position,
                  const struct fold_clock_fix *fixes, size_t fix_count)
{
    wide t = t_eff;

    for (size_t i = 0; i < fix_count; i++) {
        if (covers(&fixes[i], position) && !is_repeated(fixes, i, position)) {
            t += fixes[i].offset_ms;
        }
    }
    return hold(t);
}

static int64_t retime(const struct fold_work *work, const struct fold_item *item, int64_t ms)
{
    return fold_time(ms, &item->source->position, work->input->clock_fixes,
                     work->input->clock_fix_count);
}

static bool is_suspect(const struct fold_work *work, const struct fold_event *source)
{
    if (!(source->event.clock & EVENT_CLOCK_SUSPECT)) {
        return false;
    }
    for (size_t i = 0; i < work->input->clock_fix_count; i++) {
        if (covers(&work->input->clock_fixes[i], &source->position)) {
            return false;
        }
    }
    return true;
}

static bool has_effect(const struct event *event)
{
    if (event->redacted) {
        return false;
    }
    switch (event->kind) {
    case EVENT_VEHICLE_ENTRY_PENDING:
    case EVENT_IMPORT:
        return event->visit.len && event->plate_id.len;
    case EVENT_VEHICLE_EXIT:
        return event->visit.len || event->plate_id.len;
    case EVENT_LOCATION_UPDATE:
        return event->plate_id.len && event->location.len;
    case EVENT_HISTORY_UPDATE:
    case EVENT_HISTORY_DELETE:
    case EVENT_HISTORY_UNDELETE:
        return event->visit.len;
    default:
        return false;
    }
}

static int compare_items(const void *a, const void *b)
{
    const struct fold_item *x = a;
    const struct fold_item *y = b;
    int order = slice_compare(x->visit, y->visit);
    return order ? order : fold_stamp_compare(x->source, y->source);
}

static void collect_items(struct fold_work *work)
{
    const struct fold_input *input = work->input;
    struct fold_item *items = work->items;
    size_t count = 0;

    for (size_t i = 0; i < input->event_count; i++) {
        const struct fold_event *source = &input->events[i];
        if (has_effect(&source->event)) {
            items[count++] = (struct fold_item){
                .source = source,
                .visit = fold_named(source->event.visit),
                .t = fold_time(source->event.t_eff, &source->position, input->clock_fixes,
                               input->clock_fix_count),
                .suspect = is_suspect(work, source),
            };
        }
    }
    if (count > 1) {
        qsort(items, count, sizeof *items, compare_items);
    }
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || compare_items(&items[i - 1], &items[i]) != 0) {
            items[work->item_count++] = items[i];
        }
    }
}

/* The index of a plate in P, or plate_count. */
static size_t find_plate(const struct fold_work *work, struct slice plate)
{
    size_t low = 0;
    size_t high = work->plate_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = slice_compare(work->plates[middle], plate);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return work->plate_count;
}

static void add_point(struct fold_work *work, struct fold_point point)
{
    work->points[work->point_count++] = point;
}

static bool is_out(const struct event *event)
{
    return slice_equal(event->status, slice_text("OUT"));
}

/* `b` is the later one by stamp. */
static bool is_better_import(const struct fold_item *a, const struct fold_item *b)
{
    bool out = is_out(&b->source->event);
    bool original = fold_is_original(b);

    if (out != is_out(&a->source->event)) {
        return out;
    }
    if (original != fold_is_original(a)) {
        return original;
    }
    if (a->t != b->t) {
        return b->t < a->t;
    }
    return slice_compare(b->source->body, a->source->body) < 0;
}

static struct group sort_out(struct fold_work *work, const struct fold_item *items, size_t count)
{
    struct group group = {.items = items, .count = count};

    for (size_t i = 0; i < count; i++) {
        const struct fold_item *item = &items[i];
        const struct event *event = &item->source->event;
        switch (event->kind) {
        case EVENT_VEHICLE_ENTRY_PENDING:
            group.entry = group.entry ? group.entry : item;
            break;
        case EVENT_IMPORT:
            if (!group.import || is_better_import(group.import, item)) {
                group.import = item;
            }
            break;
        case EVENT_LOCATION_UPDATE:
            group.location = group.location ? group.location : item;
            break;
        case EVENT_VEHICLE_EXIT:
            work->exits[group.exit_count++] = item;
            break;
        default: /* a change */
            if (event->kind != EVENT_HISTORY_DELETE && event->exit_ms == EVENT_REOPEN) {
                group.reopen = item;
            }
            work->changes[group.change_count++] = (struct fold_change){item, false};
        }
    }
    return group;
}

static int compare_positions(const void *a, const void *b)
{
    const struct fold_change *x = a;
    const struct fold_change *y = b;
    return position_compare(&x->item->source->position, &y->item->source->position);
}

static int compare_position_with(const void *key, const void *element)
{
    const struct fold_change *change = element;
    return position_compare(key, &change->item->source->position);
}

/* A change that a mended fork moved is also known by the place that it had before. */
static void mark_moved(struct fold_change *changes, size_t count, size_t by,
                       const struct position *seen, size_t seen_count)
{
    for (size_t i = 0; i < count; i++) {
        struct position before;
        if (i == by || !event_moved_from(&changes[i].item->source->event, &before)) {
            continue;
        }
        for (size_t j = 0; j < seen_count; j++) {
            changes[i].superseded =
                changes[i].superseded || position_compare(&seen[j], &before) == 0;
        }
    }
}

static void mark_superseded(struct fold_change *changes, size_t count)
{
    struct position seen[LIMIT_SUPERSEDES], before;
    bool any_moved = false;

    qsort(changes, count, sizeof *changes, compare_positions);
    for (size_t i = 0; i < count && !any_moved; i++) {
        any_moved = event_moved_from(&changes[i].item->source->event, &before);
    }
    for (size_t i = 0; i < count; i++) {
        size_t seen_count = event_supersedes(&changes[i].item->source->event, seen);
        for (size_t j = 0; j < seen_count; j++) {
            struct fold_change *found =
                bsearch(&seen[j], changes, count, sizeof *changes, compare_position_with);
            if (found && found != &changes[i]) {
                found->superseded = true;
            }
        }
        if (any_moved) {
            mark_moved(changes, count, i, seen, seen_count);
        }
    }
}

static bool is_better_change(const struct fold_item *a, const struct fold_item *b)
{
    bool deletes = b->source->event.kind == EVENT_HISTORY_DELETE;

    if (deletes != (a->source->event.kind == EVENT_HISTORY_DELETE)) {
        return deletes;
    }
    return fold_stamp_compare(a->source, b->source) < 0;
}

/* The change that wins, or NULL. */
static const struct fold_item *choose_change(struct fold_change *changes, size_t count)
{
    const struct fold_item *best = NULL;
    const struct fold_item *best_of_all = NULL;

    if (count > 1) {
        mark_superseded(changes, count);
    }
    for (size_t i = 0; i < count; i++) {
        const struct fold_item *item = changes[i].item;
        if (!best_of_all || is_better_change(best_of_all, item)) {
            best_of_all = item;
        }
        if (!changes[i].superseded && (!best || is_better_change(best, item))) {
            best = item;
        }
    }
    return best ? best : best_of_all;
}

static void apply_change(struct fold_stay *stay)
{
    const struct event *change = &stay->change->source->event;

    if (change->plate_id.len) {
        if (!slice_equal(change->plate_id, stay->plate_id)) {
            stay->plate_view = (struct slice){NULL, 0};
        }
        stay->plate_id = change->plate_id;
    }
    if (change->plate_view.data) {
        stay->plate_view = change->plate_view;
    }
    if (change->entry_ms != EVENT_NONE) {
        stay->entry_ms = hold(change->entry_ms);
    }
    if (change->exit_ms >= 0) {
        stay->end_ms = hold(change->exit_ms);
        stay->end_ms = stay->end_ms < stay->entry_ms ? stay->entry_ms : stay->end_ms;
        stay->reopen = NULL;
    }
    if (change->kind == EVENT_HISTORY_DELETE) {
        stay->state = FOLD_DELETED;
    }
}

/*
 * The event whose facts the visit has. What a central says of an entry at another one is hearsay
 * once that one tells it by its own row, which knows more, and knows what people corrected there.
 */
static const struct fold_item *choose_entry(const struct group *group)
{
    bool own_row = group->import && fold_is_original(group->import) &&
                   !group->import->source->event.is_anomaly;

    if (group->entry && (fold_is_original(group->entry) || !own_row)) {
        return group->entry;
    }
    return group->import ? group->import : group->location;
}

/* The visit that a group makes. Its entry is NULL when it is unknown. */
static struct fold_stay make_stay(struct fold_work *work, const struct group *group)
{
    struct fold_stay stay = {
        .id = group->items[0].visit,
        .entry = choose_entry(group),
        .import = group->import,
        .end_ms = EVENT_NONE,
        .exit_ms = EVENT_NONE,
        .last_location_ms = EVENT_NONE,
    };

    if (stay.entry) {
        const struct event *event = &stay.entry->source->event;
        stay.plate_id = event->plate_id;
        stay.plate_view = event->plate_view;
        stay.entry_ms = stay.entry->t;
        stay.suspect = stay.entry->suspect;
        stay.weak = event->kind == EVENT_LOCATION_UPDATE ||
                    (event->kind == EVENT_IMPORT && event->is_anomaly);
        stay.reopen = group->reopen;
        stay.change = choose_change(work->changes, group->change_count);
        if (stay.change) {
            apply_change(&stay);
        }
    }
    return stay;
}

static int compare_exits(const void *a, const void *b)
{
    const struct fold_item *x = *(const struct fold_item *const *)a;
    const struct fold_item *y = *(const struct fold_item *const *)b;

    if (x->t != y->t) {
        return x->t < y->t ? -1 : 1;
    }
    int order =
        slice_compare(fold_named(x->source->event.plate_id), fold_named(y->source->event.plate_id));
    return order ? order : slice_compare(fold_central(x), fold_central(y));
}

static int compare_exits_and_stamps(const void *a, const void *b)
{
    int order = compare_exits(a, b);
    return order ? order
                 : fold_stamp_compare((*(const struct fold_item *const *)a)->source,
                                      (*(const struct fold_item *const *)b)->source);
}

/* Drops what two gateways delivered twice. Returns what is left. */
static size_t merge_exits(const struct fold_item **exits, size_t count)
{
    size_t kept = 0;

    if (count > 1) {
        qsort(exits, count, sizeof *exits, compare_exits_and_stamps);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare_exits(&exits[kept - 1], &exits[i]) != 0) {
            exits[kept++] = exits[i];
        }
    }
    return kept;
}

static int64_t import_exit_time(const struct fold_work *work, const struct fold_item *import)
{
    int64_t exit_ms = import->source->event.exit_ms;
    return exit_ms == EVENT_NONE ? import->t : retime(work, import, exit_ms);
}

/* A deleted visit meets no walk: it takes its exit at once. */
static void keep_exit(const struct fold_work *work, struct fold_stay *stay,
                      const struct group *group)
{
    for (size_t i = 0; i < group->exit_count; i++) {
        const struct fold_item *exit = work->exits[i];
        if (!(stay->reopen && fold_stamp_compare(exit->source, stay->reopen->source) < 0) &&
            (!stay->exit || fold_stamp_compare(exit->source, stay->exit->source) < 0)) {
            stay->exit = exit;
            stay->exit_t = exit->t;
        }
    }
    if (group->exit_count == 0 && group->import && is_out(&group->import->source->event) &&
        !(stay->reopen && fold_stamp_compare(group->import->source, stay->reopen->source) < 0)) {
        stay->exit = group->import;
        stay->exit_t = import_exit_time(work, group->import);
    }
    if (stay->end_ms != EVENT_NONE) {
        stay->exit_ms = stay->end_ms;
    } else if (stay->exit) {
        stay->exit_ms = stay->exit_t < stay->entry_ms ? stay->entry_ms : stay->exit_t;
    }
}

static void add_exit(struct fold_work *work, struct fold_stay *stay, const struct fold_item *exit,
                     int64_t told)
{
    /* Told in whole seconds, it was not before the entry. */
    bool is_coarse = told < stay->entry_ms && fold_is_one_instant(told, stay->entry_ms);
    int64_t t = is_coarse ? stay->entry_ms : told;

    add_point(work, (struct fold_point){stay->timeline, t, FOLD_EXIT, exit, stay, told});
}

static void add_exits(struct fold_work *work, struct fold_stay *stay, const struct group *group)
{
    const struct fold_item *import = group->import;

    for (size_t i = 0; i < group->exit_count; i++) {
        add_exit(work, stay, work->exits[i], work->exits[i]->t);
    }
    if (group->exit_count == 0 && import && is_out(&import->source->event)) {
        add_exit(work, stay, import, import_exit_time(work, import));
    }
}

static void list_collisions(struct fold_work *work, const struct fold_stay *stay,
                            const struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct fold_item *item = &group->items[i];
        bool is_hearsay = stay->entry == group->import && !fold_is_original(item);
        if (item->source->event.kind == EVENT_VEHICLE_ENTRY_PENDING && !is_hearsay &&
            !slice_equal(item->source->event.plate_id, stay->entry->source->event.plate_id)) {
            fold_list(work, (struct fold_anomaly){
                                .code = ANOMALY_ID_COLLISION,
                                .plate_id = work->plates[stay->timeline],
                                .visit = stay->id,
                                .position = item->source->position,
                                .t = item->t,
                            });
        }
    }
}

static void add_sightings(struct fold_work *work, struct fold_stay *stay, const struct group *group)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct fold_item *item = &group->items[i];
        if (item->source->event.kind == EVENT_LOCATION_UPDATE) {
            add_point(work, (struct fold_point){stay->timeline, item->t, FOLD_SIGHTING, item, stay,
                                                item->t});
        }
    }
}

/* All points of a visit of P. */
static void add_stay(struct fold_work *work, struct fold_stay *stay, const struct group *group)
{
    const struct fold_item *import = group->import;

    add_sightings(work, stay, group);
    if (stay->state == FOLD_DELETED) {
        keep_exit(work, stay, group);
        return;
    }
    list_collisions(work, stay, group);
    enum fold_rank rank =
        stay->entry->source->event.kind == EVENT_LOCATION_UPDATE ? FOLD_CANDIDATE : FOLD_ENTRY;
    add_point(work, (struct fold_point){stay->timeline, stay->entry_ms, rank, stay->entry, stay,
                                        stay->entry_ms});
    add_exits(work, stay, group);
    if (stay->end_ms != EVENT_NONE) {
        add_point(work, (struct fold_point){stay->timeline, stay->end_ms, FOLD_END, stay->change,
                                            stay, stay->end_ms});
    }
    if (import && import->source->event.location.len) {
        int64_t ms = import->source->event.location_ms;
        int64_t t = ms == EVENT_NONE ? import->t : retime(work, import, ms);
        add_point(work, (struct fold_point){stay->timeline, t, FOLD_SIGHTING, import, stay, t});
    }
}

/* Exits and sightings that name no known visit: each by its own plate. */
static void add_loose(struct fold_work *work, const struct fold_item *item, enum fold_rank rank)
{
    size_t timeline = find_plate(work, fold_named(item->source->event.plate_id));

    if (timeline < work->plate_count) {
        add_point(work, (struct fold_point){timeline, item->t, rank, item, NULL, item->t});
    }
}

static void add_group(struct fold_work *work, const struct fold_item *items, size_t count)
{
    struct group group = sort_out(work, items, count);
    group.exit_count = merge_exits(work->exits, group.exit_count);

    struct fold_stay made = {.entry = NULL};
    if (items[0].visit.data) {
        made = make_stay(work, &group);
    }
    if (made.entry) {
        made.timeline = find_plate(work, made.plate_id);
        if (made.timeline < work->plate_count) {
            struct fold_stay *stay = &work->stays[work->stay_count++];
            *stay = made;
            add_stay(work, stay, &group);
        }
        return;
    }
    for (size_t i = 0; i < group.exit_count; i++) {
        add_loose(work, work->exits[i], FOLD_EXIT);
    }
    for (size_t i = 0; i < count; i++) {
        if (items[i].source->event.kind == EVENT_LOCATION_UPDATE) {
            add_loose(work, &items[i], FOLD_SIGHTING);
        }
    }
}

void fold_visits(struct fold_work *work)
{
    collect_items(work);
    for (size_t i = 0, end = 0; i < work->item_count; i = end) {
        for (end = i + 1; end < work->item_count; end++) {
            if (!slice_equal(work->items[end].visit, work->items[i].visit)) {
                break;
            }
        }
        add_group(work, &work->items[i], end - i);
    }
}
