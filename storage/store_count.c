/*
 * Sums over table history: how many entered, left and paid in each local hour, by central and lot,
 * and how many are inside. Whoever changes a row takes the old one out and the new one in. The
 * changes of a batch gather in memory, because they all meet the same few rows: a hundred entries
 * of one gate cost one UPDATE.
 */
#include "storage/schema.h"
#include "storage/store_internal.h"

#include "proto/localtime.h"

/* One fee counts as at most so much: no event makes a sum overflow. */
#define FEE_MOST INT64_C(1000000000000)

static struct sql name_cell(struct store *store, enum store_statement which,
                            const struct store_cell *cell)
{
    struct sql sql = store_sql(store, which);
    sql_bind_int(&sql, cell->t);
    sql_bind_text(&sql, cell->central);
    sql_bind_text(&sql, cell->lot);
    return sql;
}

static int write_cell(struct store *store, enum store_statement which,
                      const struct store_cell *cell, struct problem *problem)
{
    struct sql sql = name_cell(store, which, cell);
    sql_bind_int(&sql, cell->entries);
    sql_bind_int(&sql, cell->exits);
    sql_bind_int(&sql, cell->revenue);
    sql_bind_int(&sql, cell->gone);
    return sql_finish(&sql, problem);
}

/* The row is nearly always there. */
static int save_cell(struct store *store, const struct store_cell *cell, struct problem *problem)
{
    if (write_cell(store, STORE_COUNT_ADD, cell, problem) ||
        (sqlite3_changes64(store->db) == 0 && write_cell(store, STORE_COUNT_NEW, cell, problem))) {
        return -1;
    }
    if (cell->entries >= 0 && cell->exits >= 0 && cell->gone >= 0) {
        return 0;
    }
    struct sql sql = name_cell(store, STORE_COUNT_DROP, cell);
    return sql_finish(&sql, problem);
}

int store_count_save(struct store *store, struct problem *problem)
{
    for (size_t i = 0; i < store->cell_count; i++) {
        const struct store_cell *cell = &store->cells[i];
        bool changed = cell->entries || cell->exits || cell->revenue || cell->gone;
        if (changed && save_cell(store, cell, problem)) {
            return store_fail(store, problem);
        }
    }
    store_count_undo(store);
    return 0;
}

void store_count_undo(struct store *store)
{
    store->cell_count = 0;
    arena_clear(&store->cell_texts);
}

/* The sums of an hour, or of now (SCHEMA_COUNT_INSIDE), in `*cell`. The last used are the
 * likeliest. */
static int find_cell(struct store *store, int64_t t, struct slice central, struct slice lot,
                     struct store_cell **cell, struct problem *problem)
{
    for (size_t i = store->cell_count; i-- > 0;) {
        *cell = &store->cells[i];
        if ((*cell)->t == t && slice_equal((*cell)->central, central) &&
            slice_equal((*cell)->lot, lot)) {
            return 0;
        }
    }
    if (store->cell_count == LIMIT_COUNT_CELLS && store_count_save(store, problem)) {
        return -1;
    }
    *cell = &store->cells[store->cell_count++];
    **cell = (struct store_cell){.t = t,
                                 .central = arena_copy(&store->cell_texts, central),
                                 .lot = arena_copy(&store->cell_texts, lot)};
    return 0;
}

/* The unknown central or lot is an empty text. */
static struct slice known(struct slice text)
{
    return text.len > 0 ? text : (struct slice){"", 0};
}

static int64_t within(int64_t fee)
{
    return fee > FEE_MOST ? FEE_MOST : fee < -FEE_MOST ? -FEE_MOST : fee;
}

static int count_exit(struct store *store, const struct store_counted *row, int sign,
                      struct problem *problem)
{
    struct store_cell *cell;
    int64_t hour = localtime_hour(row->exit_ms);
    struct slice lot = known(row->lot);
    if (find_cell(store, hour, known(row->exit_central), lot, &cell, problem)) {
        return -1;
    }
    cell->exits += sign;
    cell->revenue += sign * within(row->fee);
    if (find_cell(store, hour, known(row->central), lot, &cell, problem)) {
        return -1;
    }
    cell->gone += sign;
    return 0;
}

/* Superseded and deleted visits count nowhere. */
static int count_row(struct store *store, const struct store_counted *row, int sign,
                     struct problem *problem)
{
    struct store_cell *cell;
    struct slice central = known(row->central), lot = known(row->lot);
    if (row->status != VISIT_IN && row->status != VISIT_OUT) {
        return 0;
    }
    if (find_cell(store, localtime_hour(row->entry_ms), central, lot, &cell, problem)) {
        return -1;
    }
    cell->entries += sign;
    if (row->status == VISIT_OUT && row->exit_ms != EVENT_NONE) {
        return count_exit(store, row, sign, problem);
    }
    if (find_cell(store, SCHEMA_COUNT_INSIDE, central, lot, &cell, problem)) {
        return -1;
    }
    cell->entries += sign;
    return 0;
}

static bool is_same(const struct store_counted *was, const struct store_counted *is)
{
    return was->status == is->status && was->entry_ms == is->entry_ms &&
           was->exit_ms == is->exit_ms && was->fee == is->fee &&
           slice_equal(known(was->central), known(is->central)) &&
           slice_equal(known(was->exit_central), known(is->exit_central)) &&
           slice_equal(known(was->lot), known(is->lot));
}

int store_count(struct store *store, const struct store_counted *was,
                const struct store_counted *is, struct problem *problem)
{
    if (was && is && is_same(was, is)) {
        return 0;
    }
    return (was && count_row(store, was, -1, problem)) || (is && count_row(store, is, 1, problem))
               ? -1
               : 0;
}

static int count_all(struct store *store, sqlite3_stmt *stmt, struct problem *problem)
{
    struct sql sql = sql_start(stmt);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        struct store_counted row = {.entry_ms = sql_int(&sql, 0),
                                    .exit_ms = sql_optional(&sql, 1),
                                    .fee = sql_int(&sql, 2),
                                    .central = sql_text(&sql, 4),
                                    .exit_central = sql_text(&sql, 5),
                                    .lot = sql_text(&sql, 6)};
        if (visit_status_parse(sql_text(&sql, 3), &row.status)) {
            continue;
        }
        if (store_count(store, NULL, &row, problem)) {
            return -1;
        }
    }
    return more < 0 || store_count_save(store, problem) ? -1 : 0;
}

int store_count_all(struct store *store, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    store_count_undo(store);
    if (sql_run(store->db, "DELETE FROM visit_count", problem) ||
        sql_prepare(store->db,
                    "SELECT entry_ms, exit_ms, fee, status, source_central, exit_central,"
                    " last_location FROM history",
                    &stmt, problem)) {
        return store_fail(store, problem);
    }
    int result = count_all(store, stmt, problem);
    sqlite3_finalize(stmt);
    return result ? store_fail(store, problem) : 0;
}
