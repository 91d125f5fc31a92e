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

int history_counts(struct history *history, int64_t from_ms, int64_t to_ms, history_count_fn each,
                   void *context, struct problem *problem)
{
    struct sql sql = sql_start(history->stmt[HISTORY_COUNTS]);
    int more, result = 0;
    sql_bind_int(&sql, from_ms);
    sql_bind_int(&sql, to_ms);
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

int history_inside(struct history *history, history_count_fn each, void *context,
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

static int add_today(void *context, const struct history_count *count)
{
    struct history_stats *stats = context;
    stats->inside = add(stats->inside, count->inside);
    stats->entries_today = add(stats->entries_today, count->entries);
    stats->exits_today = add(stats->exits_today, count->exits);
    stats->revenue_today = add(stats->revenue_today, count->revenue);
    return 0;
}

int history_stats(struct history *history, int64_t now_ms, struct history_stats *out,
                  struct problem *problem)
{
    int64_t start = 0, end = 0;
    localtime_day(now_ms, &start, &end);
    *out = (struct history_stats){0};
    /* Both in one snapshot: a commit in between must not lose a vehicle. */
    if (sql_run(history->db, "BEGIN", problem)) {
        return -1;
    }
    int result = history_inside(history, add_today, out, problem) ||
                         history_counts(history, start, end, add_today, out, problem)
                     ? -1
                     : 0;
    struct problem spare;
    return sql_run(history->db, "COMMIT", result ? &spare : problem) || result ? -1 : 0;
}
