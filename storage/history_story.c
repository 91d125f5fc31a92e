/*
 * How a visit came to be what it is: its events, each with what became of it. The fold has left its
 * verdict in the row and in table anomaly; what is told here is read from there, and which of
 * several changes won follows the rule of fold.h. Nothing is folded again.
 */
#include "storage/history_internal.h"

#include "storage/fold.h"
#include "storage/memory.h"

#include <stdlib.h>
#include <string.h>

struct line {
    struct history_told told;
    bool replaced; /* a change whose author of a later one had seen it */
};

struct story {
    struct history *history;
    struct slice name;
    const struct visit *visit;
    struct line *lines;
    size_t count;
    struct arena memory;
};

/* Takes the rows of a statement that selects an event. */
static int read_lines(struct story *story, struct sql *sql, struct problem *problem)
{
    int more;
    while (story->count < HISTORY_STORY_EVENTS && (more = sql_step(sql, problem)) != 0) {
        if (more < 0) {
            return -1;
        }
        struct line *line = &story->lines[story->count];
        struct history_told *told = &line->told;
        struct slice header = arena_copy(&story->memory, sql_blob(sql, 3));
        struct slice body = arena_copy(&story->memory, sql_blob(sql, 4));
        struct slice name = sql_text(sql, 5);
        *line = (struct line){.replaced = false};
        if (!node_id_parse(sql_text(sql, 0), &told->position.stream.node)) {
            continue;
        }
        told->position.stream.epoch = sql_u64(sql, 1);
        told->position.seq = sql_u64(sql, 2);
        told->rule = event_unpack(&told->event, header, body) ? "UNREADABLE" : NULL;
        if (told->rule) {
            event_init(&told->event, (uint32_t)sql_u64(sql, 6));
            told->event.hlc = sql_u64(sql, 7);
        }
        if (!slice_equal(name, story->name)) {
            told->named = arena_copy(&story->memory, name);
        }
        story->count++;
    }
    sql_reset(sql);
    return 0;
}

/* The exit that closed the visit may have been logged under a name of its own. */
static int read_exits(struct story *story, struct problem *problem)
{
    const struct visit *visit = story->visit;
    size_t from = story->count, kept = story->count;
    if (!visit || visit->exit_ms == EVENT_NONE) {
        return 0;
    }
    struct sql sql = sql_start(story->history->stmt[HISTORY_EXITS_NEAR]);
    sql_bind_text(&sql, visit->plate_id);
    sql_bind_int(&sql, visit->exit_ms);
    sql_bind_text(&sql, story->name);
    sql_bind_int(&sql, HISTORY_STORY_EVENTS);
    if (read_lines(story, &sql, problem)) {
        return -1;
    }
    for (size_t i = from; i < story->count; i++) {
        if (story->lines[i].told.event.t_eff == visit->exit_ms) {
            story->lines[kept++] = story->lines[i];
        }
    }
    story->count = kept;
    return 0;
}

static int by_stamp(const void *a, const void *b)
{
    const struct history_told *x = &((const struct line *)a)->told;
    const struct history_told *y = &((const struct line *)b)->told;
    if (x->event.hlc != y->event.hlc) {
        return x->event.hlc < y->event.hlc ? -1 : 1;
    }
    return position_compare(&x->position, &y->position);
}

static const char *code_of(struct slice name)
{
    static const enum anomaly_code codes[] = {
#define X(name) ANOMALY_##name,
        ANOMALY_CODES(X)
#undef X
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (slice_equal(name, slice_text(anomaly_name(codes[i])))) {
            return anomaly_name(codes[i]);
        }
    }
    return "LISTED";
}

/* What was listed about single events. A fee that differs is no verdict about the exit. */
static int take_listed(struct story *story, struct problem *problem)
{
    struct sql sql = sql_start(story->history->stmt[HISTORY_LISTED_AT]);
    int more;
    sql_bind_text(&sql, story->name);
    while ((more = sql_step(&sql, problem)) > 0) {
        const char *code = code_of(sql_text(&sql, 0));
        for (size_t i = 0; i < story->count; i++) {
            struct history_told *told = &story->lines[i].told;
            if (told->position.seq == sql_u64(&sql, 4) &&
                told->position.stream.epoch == sql_u64(&sql, 3) &&
                slice_equal(slice_text(told->position.stream.node.text), sql_text(&sql, 2)) &&
                (!told->rule || strcmp(told->rule, "FEE_DIFFERS") == 0)) {
                told->rule = code;
                told->other = arena_copy(&story->memory, sql_text(&sql, 1));
            }
        }
    }
    return more;
}

static bool is_change(const struct history_told *told)
{
    return (told->event.kind == EVENT_HISTORY_UPDATE || told->event.kind == EVENT_HISTORY_DELETE ||
            told->event.kind == EVENT_HISTORY_UNDELETE) &&
           !told->event.redacted && !told->rule;
}

static bool is_at(const struct history_told *told, const struct position *seen)
{
    struct position former;
    return position_compare(&told->position, seen) == 0 ||
           (event_moved_from(&told->event, &former) && position_compare(&former, seen) == 0);
}

static void mark_replaced(struct story *story, size_t by)
{
    struct position seen[LIMIT_SUPERSEDES];
    size_t count = event_supersedes(&story->lines[by].told.event, seen);
    for (size_t i = 0; i < story->count; i++) {
        for (size_t k = 0; i != by && k < count; k++) {
            story->lines[i].replaced =
                story->lines[i].replaced || is_at(&story->lines[i].told, &seen[k]);
        }
    }
}

/* The lines are in order of stamps: of equals the later one wins, but a deletion beats others. */
static void judge_changes(struct story *story)
{
    struct line *best = NULL, *best_of_all = NULL;
    for (size_t i = 0; i < story->count; i++) {
        if (is_change(&story->lines[i].told)) {
            mark_replaced(story, i);
        }
    }
    for (size_t i = 0; i < story->count; i++) {
        struct line *line = &story->lines[i];
        if (!is_change(&line->told)) {
            continue;
        }
        bool deletes = line->told.event.kind == EVENT_HISTORY_DELETE;
        if (!best_of_all || deletes || best_of_all->told.event.kind != EVENT_HISTORY_DELETE) {
            best_of_all = line;
        }
        if (!line->replaced &&
            (!best || deletes || best->told.event.kind != EVENT_HISTORY_DELETE)) {
            best = line;
        }
    }
    best = best ? best : best_of_all;
    for (size_t i = 0; i < story->count; i++) {
        struct line *line = &story->lines[i];
        if (is_change(&line->told)) {
            line->told.rule = line == best     ? "CHANGE_IN_FORCE"
                              : line->replaced ? "CHANGE_REPLACED"
                                               : "CHANGE_LOST";
        }
    }
}

static const char *judge_entry(const struct story *story, bool first)
{
    if (!first) {
        return "ENTRY_REPEATED";
    }
    return story->visit && story->visit->status == VISIT_SUPERSEDED ? "SUPERSEDED" : "OPENED";
}

static const char *judge_exit(const struct story *story, const struct history_told *told,
                              bool first)
{
    if (!story->visit) {
        return "ORPHAN_EXIT";
    }
    if (told->named.data) {
        return "CLOSED_BY_PLATE";
    }
    if (!first || story->visit->exit_ms == EVENT_NONE) {
        return "EXIT_REPEATED";
    }
    return "CLOSED";
}

static void judge(struct story *story)
{
    bool entered = false, left = false;
    for (size_t i = 0; i < story->count; i++) {
        struct history_told *told = &story->lines[i].told;
        uint32_t kind = told->event.kind;
        if (told->rule) {
            left = left || strcmp(told->rule, "FEE_DIFFERS") == 0;
            entered = entered || kind == EVENT_VEHICLE_ENTRY_PENDING;
        } else if (told->event.redacted) {
            told->rule = "ERASED";
        } else if (kind == EVENT_VEHICLE_ENTRY_PENDING) {
            told->rule = judge_entry(story, !entered);
            entered = true;
        } else if (kind == EVENT_VEHICLE_EXIT) {
            told->rule = judge_exit(story, told, !left);
            left = true;
        } else if (kind == EVENT_IMPORT) {
            told->rule = "IMPORTED";
        } else {
            told->rule = kind == EVENT_LOCATION_UPDATE ? "SIGHTED" : "NO_EFFECT";
        }
        if (strcmp(told->rule, "SUPERSEDED") == 0 && !told->other.data) {
            told->other = story->visit->superseded_by;
        }
    }
}

int history_story(struct history *history, struct slice event_id, const struct visit *visit,
                  history_told_fn each, void *context, struct problem *problem)
{
    struct story story = {.history = history, .name = event_id, .visit = visit};
    story.lines = bytes_allocate(HISTORY_STORY_EVENTS, sizeof *story.lines);
    struct sql sql = sql_start(history->stmt[HISTORY_EVENTS]);
    sql_bind_text(&sql, event_id);
    sql_bind_int(&sql, HISTORY_STORY_EVENTS);
    int result = -1;
    if (read_lines(&story, &sql, problem) || read_exits(&story, problem)) {
        goto done;
    }
    qsort(story.lines, story.count, sizeof *story.lines, by_stamp);
    if (take_listed(&story, problem)) {
        goto done;
    }
    judge_changes(&story);
    judge(&story);
    result = story.count > 0 ? 1 : 0;
    for (size_t i = 0; result == 1 && i < story.count; i++) {
        int stop = each(context, &story.lines[i].told);
        result = stop ? stop : 1;
    }
done:
    arena_free(&story.memory);
    free(story.lines);
    return result;
}
