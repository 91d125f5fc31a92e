/*
 * Counters, read from the sums that the writer keeps (store_count.c): never a scan of the visits.
 */
#include "storage/history_internal.h"

#include "proto/localtime.h"

/* Sums of any events stay in range. */
static int64_t add(int64_t a, int64_t b)
{
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) {
        return b < 0 ? INT64_MIN : INT64_MAX;
    }
    return sum;
}

static int each_hour(struct history *history, int64_t from_ms, history_count_fn each, void *context,
                     struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[HISTORY_COUNTS]);
    int more, result = 0;
    sql_bind_int(&sql, from_ms);
    while (!result && (more = sql_step(&sql, problem)) != 0) {
        if (more < 0) {
            return -1;
        }
        struct history_count count = {.hour_ms = sql_int(&sql, 0),
                                      .central = sql_text(&sql, 1),
                                      .lot = sql_text(&sql, 2),
                                      .entries = sql_int(&sql, 3),
                                      .exits = sql_int(&sql, 4),
                                      .revenue = sql_int(&sql, 5),
                                      .gone = sql_int(&sql, 6)};
        result = each(context, &count);
    }
    sql_reset(&sql);
    return result;
}

static int each_inside(struct history *history, history_count_fn each, void *context,
                       struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[HISTORY_INSIDE]);
    int more, result = 0;
    while (!result && (more = sql_step(&sql, problem)) != 0) {
        if (more < 0) {
            return -1;
        }
        struct history_count count = {
            .central = sql_text(&sql, 0), .lot = sql_text(&sql, 1), .inside = sql_int(&sql, 2)};
        result = each(context, &count);
    }
    sql_reset(&sql);
    return result;
}

int history_sums(struct history *history, int64_t from_ms, history_count_fn inside,
                 history_count_fn hour, void *context, struct problem *problem)
{
    struct problem spare;
    /* A commit in between must not lose a vehicle. */
    if (sql_run(history->db, "BEGIN", problem)) {
        return -1;
    }
    int result = each_inside(history, inside, context, problem);
    if (!result) {
        result = each_hour(history, from_ms, hour, context, problem);
    }
    if (sql_run(history->db, "COMMIT", result ? &spare : problem)) {
        return -1;
    }
    return result;
}

struct today {
    struct history_stats *stats;
    int64_t end_ms;
};

static int add_inside(void *context, const struct history_count *count)
{
    struct today *today = context;
    today->stats->inside = add(today->stats->inside, count->inside);
    return 0;
}

/* Hours behind the day are few: clocks that run ahead. */
static int add_hour(void *context, const struct history_count *count)
{
    struct today *today = context;
    if (count->hour_ms < today->end_ms) {
        struct history_stats *stats = today->stats;
        stats->entries_today = add(stats->entries_today, count->entries);
        stats->exits_today = add(stats->exits_today, count->exits);
        stats->revenue_today = add(stats->revenue_today, count->revenue);
    }
    return 0;
}

int history_stats(struct history *history, int64_t now_ms, struct history_stats *out,
                  struct problem *problem)
{
    struct today today = {.stats = out};
    int64_t start = 0;
    localtime_day(now_ms, &start, &today.end_ms);
    *out = (struct history_stats){0};
    return history_sums(history, start, add_inside, add_hour, &today, problem);
}
