/*
 * The index of parts of plates. Visits are many and plates are few, so a search first finds the
 * plates that contain a text and then their visits. Every end of a plate is a row: what contains
 * "204" has an end that begins with it. An end lies anywhere in the index, so each new plate would
 * touch a handful of pages of its own; new ones wait in a small table, in order of arrival, that a
 * search reads as well, and go in when there is nothing else to do, or some at a time when they
 * have become many.
 */
#include "storage/store_internal.h"

#include "proto/plate.h"

#include <string.h>

#define LOOK_BYTES (LIMIT_TEXT + 1)

/* The next end of a text of `len` bytes at `*at` or after it; absent when there is none. */
static struct slice next_end(const char *look, size_t len, size_t *at)
{
    while (*at + LIMIT_PLATE_PART <= len) {
        const char *end = look + (*at)++;
        if (((unsigned char)*end & 0xC0) != 0x80) { /* else within a character */
            return (struct slice){end, (size_t)(look + len - end)};
        }
    }
    return (struct slice){NULL, 0};
}

/* Runs the statement, which takes some ends at once, on all ends of a text: adds or drops. */
static int each_end(struct store *store, enum store_statement which, struct slice text,
                    struct slice plate, struct problem *problem)
{
    char look[LOOK_BYTES];
    size_t len = plate_look(text, look, sizeof look), at = 0;
    while (at + LIMIT_PLATE_PART <= len) {
        struct sql sql = store_sql(store, which);
        sql_bind_text(&sql, plate);
        for (int i = 0; i < STORE_PART_ROWS; i++) {
            sql_bind_text(&sql, next_end(look, len, &at));
        }
        if (sql_finish(&sql, problem)) {
            return -1;
        }
    }
    return 0;
}

int store_plate_new(struct store *store, struct slice plate, struct problem *problem)
{
    if (store->importing) {
        return 0; /* the index is made at the end */
    }
    struct sql sql = store_sql(store, STORE_PART_NEW);
    sql_bind_text(&sql, plate);
    if (sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    store->now.plates_new++;
    return 0;
}

int store_plate_view(struct store *store, struct slice plate, struct slice view,
                     struct problem *problem)
{
    char bare[LOOK_BYTES];
    size_t len = plate_bare(view, bare, sizeof bare);
    struct slice text = {bare, len};
    if (len == 0 || slice_equal(text, plate)) {
        return 0;
    }
    struct sql sql = store_sql(store, STORE_ODD_ADD);
    sql_bind_text(&sql, plate);
    sql_bind_text(&sql, text);
    if (sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    if (sqlite3_changes(store->db) > 0 && !store->importing &&
        each_end(store, STORE_PART_ADD, text, plate, problem)) {
        return store_fail(store, problem);
    }
    return 0;
}

int store_plate_move(struct store *store, struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_PART_WAITING);
    int64_t last = 0;
    int more;
    sql_bind_int(&sql, LIMIT_PLATES_STEP);
    while ((more = sql_step(&sql, problem)) > 0) {
        struct slice plate = sql_text(&sql, 1);
        last = sql_int(&sql, 0);
        if (each_end(store, STORE_PART_ADD, plate, plate, problem)) {
            sql_reset(&sql);
            return store_fail(store, problem);
        }
    }
    sql = store_sql(store, STORE_PART_DONE);
    sql_bind_int(&sql, last);
    if (more < 0 || sql_finish(&sql, problem)) {
        return store_fail(store, problem);
    }
    size_t moved = (size_t)sqlite3_changes(store->db);
    store->now.plates_new = moved > 0 ? store->now.plates_new - moved : 0;
    return 0;
}

int store_plate_save(struct store *store, struct problem *problem)
{
    return store->now.plates_new < LIMIT_PLATES_NEW ? 0 : store_plate_move(store, problem);
}

int store_settle(struct store *store, struct problem *problem)
{
    struct problem spare;
    if (!problem) {
        problem = &spare;
    }
    if (store->failed || store->in_batch || store->now.plates_new == 0) {
        return 0;
    }
    if (store_begin(store, problem)) {
        return -1;
    }
    if (store_plate_move(store, problem)) {
        store_rollback(store);
        return -1;
    }
    return store_commit(store, problem) ? -1 : store->now.plates_new > 0;
}

/* Takes out the other readings of a plate. */
static int forget_odd(struct store *store, struct slice plate, struct problem *problem)
{
    struct sql odd = store_sql(store, STORE_ODD_OF);
    int more;
    sql_bind_text(&odd, plate);
    while ((more = sql_step(&odd, problem)) > 0) {
        if (each_end(store, STORE_PART_DROP, sql_text(&odd, 0), plate, problem)) {
            sql_reset(&odd);
            return -1;
        }
    }
    if (more < 0) {
        return -1;
    }
    struct sql sql = store_sql(store, STORE_ODD_DROP);
    sql_bind_text(&sql, plate);
    return sql_finish(&sql, problem);
}

/* Takes a plate out of the index when no visit carries it any more; `gone` lists it then. */
static int forget(struct store *store, struct slice plate, struct texts *gone,
                  struct problem *problem)
{
    struct sql sql = store_sql(store, STORE_PLATE_USED);
    sql_bind_text(&sql, plate);
    int used = sql_step(&sql, problem);
    if (used != 0) {
        sql_reset(&sql);
        return used < 0 ? -1 : 0;
    }
    texts_add(gone, plate);
    return forget_odd(store, plate, problem) ||
                   each_end(store, STORE_PART_DROP, plate, plate, problem)
               ? -1
               : 0;
}

/* Takes plates out of those that wait: one walk over them, however many have gone. */
static int forget_waiting(struct store *store, const struct texts *gone, struct problem *problem)
{
    struct sql waiting = store_sql(store, STORE_PART_WAITING);
    int more;
    sql_bind_int(&waiting, -1); /* all of them */
    while ((more = sql_step(&waiting, problem)) > 0) {
        if (texts_find(gone, sql_text(&waiting, 1)) == TEXTS_NONE) {
            continue;
        }
        struct sql sql = store_sql(store, STORE_PART_FORGET);
        sql_bind_int(&sql, sql_int(&waiting, 0));
        if (sql_finish(&sql, problem)) {
            sql_reset(&waiting);
            return -1;
        }
        store->now.plates_new--;
    }
    return more;
}

int store_plate_forget(struct store *store, struct problem *problem)
{
    struct texts gone = {.count = 0};
    int failed = 0;
    for (size_t i = 0; i < store->lost.count && !failed; i++) {
        failed = forget(store, store->lost.items[i], &gone, problem);
    }
    if (!failed && gone.count > 0) {
        failed = forget_waiting(store, &gone, problem);
    }
    texts_free(&gone);
    texts_clear(&store->lost);
    return failed ? store_fail(store, problem) : 0;
}

/* Calls add for each row (plate, view) of a query. */
static int each_row(struct store *store, const char *query,
                    int (*add)(struct store *store, struct slice plate, struct slice view,
                               struct problem *problem),
                    struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;
    if (sql_prepare(store->db, query, &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    int more;
    while ((more = sql_step(&sql, problem)) > 0) {
        if (add(store, sql_text(&sql, 0), sql_text(&sql, 1), problem)) {
            more = -1;
            break;
        }
    }
    sqlite3_finalize(stmt);
    return more;
}

static int add_text(struct store *store, struct slice plate, struct slice text,
                    struct problem *problem)
{
    return each_end(store, STORE_PART_ADD, text, plate, problem);
}

int store_plate_all(struct store *store, struct problem *problem)
{
    bool importing = store->importing;
    store->now.plates_new = 0;
    store->importing = true; /* views are noted first, their ends come with the others */
    int failed =
        sql_run(store->db, "DELETE FROM plate_part; DELETE FROM plate_new; DELETE FROM plate_odd",
                problem) ||
        each_row(store, "SELECT plate_id, plate_view FROM history", store_plate_view, problem) ||
        each_row(store, "SELECT DISTINCT plate, plate FROM visit_plate", add_text, problem) ||
        each_row(store, "SELECT plate, bare FROM plate_odd", add_text, problem);
    store->importing = importing;
    return failed ? store_fail(store, problem) : 0;
}
