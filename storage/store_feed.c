/*
 * The feed of this start. It is recorded by the transaction that opens the database, before anybody
 * can be told a cursor of it.
 */
#include "storage/store_internal.h"

#define NUMBER_TEXT(number) #number
#define NUMBER(macro) NUMBER_TEXT(macro)

int store_feed_add(struct store *store, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;

    if (sql_run(store->db,
                "DELETE FROM feed WHERE id <= (SELECT max(id) FROM feed) - " NUMBER(LIMIT_FEEDS),
                problem) ||
        sql_prepare(store->db, "INSERT INTO feed(feed, first) VALUES(?, ?)", &stmt, problem)) {
        return -1;
    }
    struct sql sql = sql_start(stmt);
    sql_bind_u64(&sql, random_nonzero());
    sql_bind_u64(&sql, store->now.lsn + 1);
    int result = sql_finish(&sql, problem);
    sqlite3_finalize(stmt);
    return result;
}
