/*
 * Step 2 of the fold: each timeline from left to right. At most one visit is open at any time, so
 * the state of the walk is one pointer; everything else stands in the stays.
 */
#include "storage/fold_internal.h"

#include <stdlib.h>

struct walk {
    struct fold_work *work;
    struct slice plate;
    struct fold_stay *open; /* or NULL */
};

static int compare_points(const void *a, const void *b)
{
    const struct fold_point *x = a;
    const struct fold_point *y = b;

    if (x->timeline != y->timeline) {
        return x->timeline < y->timeline ? -1 : 1;
    }
    if (x->t != y->t) {
        return x->t < y->t ? -1 : 1;
    }
    if (x->rank != y->rank) {
        return x->rank < y->rank ? -1 : 1;
    }
    int order = slice_compare(x->item->visit, y->item->visit);
    return order ? order : fold_stamp_compare(x->item->source, y->item->source);
}

static void list_exit(struct walk *walk, enum anomaly_code code, struct slice visit,
                      const struct fold_item *exit, int64_t t)
{
    fold_list(walk->work, (struct fold_anomaly){
                              .code = code,
                              .plate_id = walk->plate,
                              .visit = visit,
                              .position = exit->source->position,
                              .t = t,
                          });
}

/* The visit that took the place of `stay`. Shortens the chain, so that a long one is followed in
 * full only once. */
static struct fold_stay *resolve(struct fold_stay *stay)
{
    struct fold_stay *last = stay;

    while (last->winner) {
        last = last->winner;
    }
    while (stay->winner) {
        struct fold_stay *next = stay->winner;
        stay->winner = last;
        stay = next;
    }
    return last;
}

/* `loser` ends without a place in the timeline; what named it means `winner` from now on. */
static void give_up(struct walk *walk, struct fold_stay *loser, struct fold_stay *winner,
                    enum fold_state state)
{
    loser->state = state;
    loser->winner = winner;
    if (loser->exit) {
        list_exit(walk, ANOMALY_EXTRA_EXIT, loser->id, loser->exit, loser->exit_t);
        loser->exit = NULL;
    }
}

static void supersede(struct walk *walk, struct fold_stay *loser, struct fold_stay *winner)
{
    give_up(walk, loser, winner, FOLD_SUPERSEDED);
    loser->superseded_by = winner;
}

static void list_entry(struct walk *walk, enum anomaly_code code, const struct fold_stay *loser,
                       const struct fold_stay *winner)
{
    fold_list(walk->work, (struct fold_anomaly){
                              .code = code,
                              .plate_id = walk->plate,
                              .visit = loser->id,
                              .other = winner->id,
                              .position = loser->entry->source->position,
                              .t = loser->entry_ms,
                          });
}

static bool is_duplicate(const struct fold_stay *later, const struct fold_stay *open)
{
    return later->entry_ms - open->entry_ms <= LIMIT_DUPLICATE_MS &&
           slice_equal(fold_central(later->entry), fold_central(open->entry));
}

/*
 * Whether `later` proves that `open` has ended. A central of the existing system lets a plate in
 * only when it is not inside there; so when we heard of an entry at one, and afterwards of a later
 * one, we missed the exit between them. Who hears of the earlier one last has missed nothing.
 */
static bool is_next_at_peer(const struct fold_stay *open, const struct fold_stay *later)
{
    return !later->suspect && !fold_is_original(open->entry) && !fold_is_original(later->entry) &&
           slice_equal(fold_central(open->entry), fold_central(later->entry)) &&
           later->entry_ms - open->entry_ms > LIMIT_DUPLICATE_MS &&
           fold_stamp_compare(open->entry->source, later->entry->source) < 0;
}

static void meet_entry(struct walk *walk, struct fold_stay *stay, bool candidate)
{
    struct fold_stay *open = walk->open;

    if (stay->exit && stay->end_ms == EVENT_NONE) {
        /* Its exit came by already. */
        stay->state = FOLD_CLOSED;
        stay->exit_ms = stay->entry_ms;
        list_exit(walk, ANOMALY_EXIT_BEFORE_ENTRY, stay->id, stay->exit, stay->exit_t);
        return;
    }
    if (open && candidate) {
        give_up(walk, stay, open, FOLD_GAVE_WAY);
        return;
    }
    bool real = open && !stay->weak;
    if (real && open->weak) {
        supersede(walk, open, stay);
    } else if (real && ((open->suspect && !stay->suspect) || is_next_at_peer(open, stay))) {
        list_entry(walk, ANOMALY_CONFLICT, open, stay);
        supersede(walk, open, stay);
    } else if (open) {
        list_entry(walk, is_duplicate(stay, open) ? ANOMALY_DUPLICATE : ANOMALY_CONFLICT, stay,
                   open);
        supersede(walk, stay, open);
        return;
    }
    stay->state = FOLD_OPEN;
    walk->open = stay;
}

static void meet_sighting(struct walk *walk, const struct fold_point *point)
{
    const struct event *event = &point->item->source->event;

    /* An import knows where its own visit was seen, a camera only the plate. */
    if (walk->open && (event->kind == EVENT_LOCATION_UPDATE || walk->open == point->stay)) {
        walk->open->last_location = event->location;
        walk->open->last_location_ms = point->t;
    }
}

static bool took_money(const struct fold_item *exit)
{
    int64_t fee = 0;
    return exit && fold_exit_fee(exit, &fee) && fee > 0;
}

static void close_open(struct walk *walk, int64_t t)
{
    walk->open->state = FOLD_CLOSED;
    walk->open->exit_ms = t;
    walk->open = NULL;
}

/*
 * Whether an exit that names nothing known is told once more, in its instant and on its timeline,
 * by one that names the open visit; by any, when nothing is open. Points are in order of time, so a
 * second's are neighbours.
 */
static bool is_told_better(const struct walk *walk, const struct fold_point *point)
{
    const struct fold_work *work = walk->work;
    size_t index = (size_t)(point - work->points);

    for (int step = -1; step <= 1; step += 2) {
        for (size_t i = index + (size_t)step; i < work->point_count; i += (size_t)step) {
            const struct fold_point *other = &work->points[i];
            if (other->timeline != point->timeline || other->t / 1000 != point->t / 1000) {
                break;
            }
            if (other->rank == FOLD_EXIT && other->stay &&
                fold_is_one_instant(other->told, point->told) &&
                (!walk->open || resolve(other->stay) == walk->open)) {
                return true;
            }
        }
    }
    return false;
}

static void meet_exit(struct walk *walk, const struct fold_point *point)
{
    const struct fold_item *exit = point->item;
    struct fold_stay *target = point->stay ? resolve(point->stay) : walk->open;

    if (!point->stay && is_told_better(walk, point)) {
        return;
    }

    if (!target) {
        list_exit(walk, ANOMALY_ORPHAN_EXIT, exit->visit, exit, point->t);
        return;
    }
    bool undone = target->reopen && fold_stamp_compare(exit->source, target->reopen->source) < 0;
    if (!undone && target->exit && fold_is_one_instant(target->exit_told, point->told)) {
        return; /* told once more */
    }
    if (undone || target->exit) {
        bool twice = !undone && took_money(target->exit) && took_money(exit);
        list_exit(walk, twice ? ANOMALY_DOUBLE_EXIT : ANOMALY_EXTRA_EXIT, target->id, exit,
                  point->t);
        return;
    }
    target->exit = exit;
    target->exit_t = point->t;
    target->exit_told = point->told;
    if (target == walk->open && target->end_ms == EVENT_NONE) {
        close_open(walk, point->t);
    }
}

static void meet(struct walk *walk, const struct fold_point *point)
{
    switch (point->rank) {
    case FOLD_ENTRY:
    case FOLD_CANDIDATE:
        meet_entry(walk, point->stay, point->rank == FOLD_CANDIDATE);
        break;
    case FOLD_SIGHTING:
        meet_sighting(walk, point);
        break;
    case FOLD_EXIT:
        meet_exit(walk, point);
        break;
    case FOLD_END:
        if (walk->open == point->stay) {
            close_open(walk, point->t);
        }
        break;
    }
}

void fold_walk(struct fold_work *work)
{
    struct walk walk = {.work = work};
    size_t timeline = SIZE_MAX;

    if (work->point_count > 1) {
        qsort(work->points, work->point_count, sizeof *work->points, compare_points);
    }
    for (size_t i = 0; i < work->point_count; i++) {
        const struct fold_point *point = &work->points[i];
        if (point->timeline != timeline) {
            timeline = point->timeline;
            walk.plate = work->plates[timeline];
            walk.open = NULL;
        }
        meet(&walk, point);
    }
}
