/*
 * Plates first, then their visits: see store_plate.c for the index. What is gathered may hold a few
 * visits too many (a view that differs, a plate since corrected); who reads the rows looks again.
 */
#define _GNU_SOURCE /* memmem */

#include "storage/history_internal.h"

#include "proto/plate.h"
#include "storage/memory.h"

#include <string.h>

#define HALF (LIMIT_TEXT + 1)
#define SAMPLE 32     /* plates whose visits tell how many the others have */
#define PLATE_COST 40 /* finding the visits of a plate, in entries of an index walked over */

int history_term_set(struct history_term *term, const struct history_query *query,
                     struct problem *problem)
{
    *term = (struct history_term){.match = query->match, .look = query->look};
    if (query->search.len == 0) {
        return 0;
    }
    if (query->search.len > LIMIT_TEXT) {
        return problem_set(problem, PROBLEM_PARAMETER_INVALID, NULL,
                           "search has %zu bytes, at most %d are looked for", query->search.len,
                           LIMIT_TEXT);
    }
    term->is_set = true;
    term->bare = (struct slice){term->text, plate_bare(query->search, term->text, HALF)};
    term->shape =
        (struct slice){term->text + HALF, plate_look(query->search, term->text + HALF, HALF)};
    term->is_indexed = term->shape.len >= LIMIT_PLATE_PART;
    if (term->bare.len == 0) { /* nothing but separators: they mean themselves */
        memcpy(term->text, query->search.data, query->search.len);
        term->bare = (struct slice){term->text, query->search.len};
    }
    return 0;
}

static bool contains(struct slice text, struct slice part)
{
    return part.len <= text.len && memmem(text.data, text.len, part.data, part.len) != NULL;
}

static bool compare(const struct history_term *term, struct slice text, struct slice wanted)
{
    switch (term->match) {
    case HISTORY_EXACT:
        return slice_equal(text, wanted);
    case HISTORY_PREFIX:
        return text.len >= wanted.len && memcmp(text.data, wanted.data, wanted.len) == 0;
    case HISTORY_PART:
        break;
    }
    return contains(text, wanted);
}

static bool finds(const struct history_term *term, struct slice text)
{
    char reduced[HALF];
    size_t len = term->look ? plate_look(text, reduced, sizeof reduced)
                            : plate_bare(text, reduced, sizeof reduced);
    return compare(term, (struct slice){reduced, len}, term->look ? term->shape : term->bare);
}

bool history_term_finds_plate(const struct history_term *term, struct slice plate)
{
    return term->look ? finds(term, plate) : compare(term, plate, term->bare);
}

bool history_term_finds(const struct history_term *term, const struct visit *visit)
{
    if (!term->is_set) {
        return true;
    }
    if (term->shape.len == 0) {
        return contains(visit->plate_view, term->bare);
    }
    return history_term_finds_plate(term, visit->plate_id) || finds(term, visit->plate_view);
}

bool history_walk_wants(const struct history_walk *walk, struct slice plate)
{
    return !plate.data || !walk->odd || history_term_finds_plate(walk->term, plate) ||
           texts_find(walk->odd, plate) != TEXTS_NONE;
}

void history_has_end(sqlite3_context *context, int count, sqlite3_value **values)
{
    const struct history *history = sqlite3_user_data(context);
    const char *text = (const char *)sqlite3_value_text(values[0]);
    struct slice plate = {text, text ? (size_t)sqlite3_value_bytes(values[0]) : 0};
    char look[HALF];
    size_t len = plate_look(plate, look, sizeof look);
    (void)count; /* as registered */
    sqlite3_result_int(context, contains((struct slice){look, len}, history->wanted));
}

void history_wanted(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct history_walk *walk = ((struct history *)sqlite3_user_data(context))->walk;
    const char *text = (const char *)sqlite3_value_text(values[0]);
    struct slice plate = {text, text ? (size_t)sqlite3_value_bytes(values[0]) : 0};
    (void)count; /* as registered */
    walk->seen++;
    sqlite3_result_int(context, walk->seen >= walk->most || history_walk_wants(walk, plate));
}

/* The gathering under way: the newest keys so far, in order. */
struct gather {
    struct history *history;
    const struct history_term *term;
    const struct history_key *before;
    int64_t least_ms;
    size_t most; /* plates */
    size_t seen; /* visits */
    struct history_key *keys;
    size_t size, count;
    struct texts plates; /* whose visits may be found */
};

static int compare_keys(const struct history_key *a, const struct history_key *b)
{
    if (a->t != b->t) {
        return a->t > b->t ? -1 : 1;
    }
    return (a->id < b->id) - (a->id > b->id);
}

/* Keeps a key among the newest. A visit that carried two plates comes twice. */
static void keep(struct gather *gather, const struct history_key *key)
{
    size_t low = 0, high = gather->count;
    if (key->t < gather->least_ms || compare_keys(gather->before, key) >= 0) {
        return;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_keys(&gather->keys[middle], key);
        if (order == 0) {
            return;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == gather->size) {
        return;
    }
    size_t last = gather->count < gather->size ? gather->count++ : gather->size - 1;
    memmove(&gather->keys[low + 1], &gather->keys[low], (last - low) * sizeof *key);
    gather->keys[low] = *key;
}

/* 1 or -1. */
static int add_visits(struct gather *gather, struct slice plate, struct problem *problem)
{
    struct sql sql = sql_start(gather->history->stmt[HISTORY_VISITS_OF_PLATE]);
    int more;
    sql_bind_text(&sql, plate);
    while ((more = sql_step(&sql, problem)) > 0) {
        struct history_key key = {sql_int(&sql, 0), sql_int(&sql, 1)};
        keep(gather, &key);
        gather->seen++;
    }
    return more < 0 ? -1 : 1;
}

/* Whether visits of the plate may be found: by the plate, or by a view that has more in it. */
static int is_wanted(struct gather *gather, struct slice plate, struct problem *problem)
{
    if (history_term_finds_plate(gather->term, plate)) {
        return 1;
    }
    struct sql sql = sql_start(gather->history->stmt[HISTORY_PLATE_IS_ODD]);
    sql_bind_text(&sql, plate);
    int odd = sql_step(&sql, problem);
    sql_reset(&sql);
    return odd;
}

/* 1, 0 when there are too many, -1. */
static int add_plates(struct gather *gather, struct sql *sql, struct problem *problem)
{
    int more, result = 1;
    while (result > 0 && (more = sql_step(sql, problem)) != 0) {
        struct slice plate = sql_text(sql, 0);
        int wanted = more < 0 ? -1 : is_wanted(gather, plate, problem);
        if (wanted > 0) {
            texts_add(&gather->plates, plate);
        }
        result = wanted < 0 ? -1 : gather->plates.count <= gather->most;
    }
    sql_reset(sql);
    return result;
}

/*
 * From the first plates: whether reading the visits of all of them costs less than walking back
 * through all visits until as many as wanted are met. 1, 0, -1.
 */
static int is_worth(struct gather *gather, struct problem *problem)
{
    struct sql sql = sql_start(gather->history->stmt[HISTORY_LAST_ID]);
    int got = sql_step(&sql, problem);
    if (got <= 0) {
        return got;
    }
    double all = (double)sql_int(&sql, 0), plates = (double)gather->plates.count;
    double visits = plates * (double)(gather->seen > 0 ? gather->seen : 1) / SAMPLE;
    sql_reset(&sql);
    return visits + plates * PLATE_COST <= (double)gather->size * all / visits;
}

/* 1, 0 when walking is better, -1. */
static int read_plates(struct gather *gather, struct problem *problem)
{
    int result = 1;
    for (size_t i = 0; result > 0 && i < gather->plates.count; i++) {
        if (i == SAMPLE && gather->most != HISTORY_GATHER_ALL) {
            result = is_worth(gather, problem);
        }
        if (result > 0) {
            result = add_visits(gather, gather->plates.items[i], problem);
        }
    }
    return result;
}

int history_gather(struct history *history, const struct history_term *term,
                   const struct history_key *before, int64_t least_ms, size_t most,
                   struct history_key *keys, size_t size, size_t *count, struct problem *problem)
{
    struct gather gather = {.history = history,
                            .term = term,
                            .before = before,
                            .least_ms = least_ms,
                            .most = most,
                            .keys = keys,
                            .size = size};
    char end[HALF + 1];
    struct slice from = term->shape;
    memcpy(end, from.data, from.len);
    size_t len = from.len;
    if (term->match == HISTORY_EXACT) {
        end[len++] = '\x01'; /* nothing lies between */
    } else {
        end[len - 1] = (char)((unsigned char)end[len - 1] + 1);
    }
    struct sql sql = sql_start(history->stmt[HISTORY_PLATES]);
    sql_bind_text(&sql, from);
    sql_bind_text(&sql, (struct slice){end, len});
    int result = add_plates(&gather, &sql, problem);
    if (result > 0) {
        history->wanted = term->shape;
        sql = sql_start(history->stmt[HISTORY_PLATES_NEW]);
        result = add_plates(&gather, &sql, problem);
    }
    result = result > 0 ? read_plates(&gather, problem) : result;
    texts_free(&gather.plates);
    *count = result > 0 ? gather.count : 0;
    return result;
}
