/*
 * How far the peer link has got with each central of the existing system. Written a few times a
 * minute, so its statements are prepared for each use.
 */
#include "storage/store_internal.h"

#include "proto/feed.h"

#define TEXT_OF(number) #number
#define NUMBER_TEXT(number) TEXT_OF(number)

int store_set_mark(struct store *store, struct slice peer, const struct feed_cursor *told,
                   int64_t heard_ms, int64_t now_ms, struct problem *problem)
{
    sqlite3_stmt *stmt = NULL;

    if (store_usable(store, problem) != 0) {
        return -1;
    }
    if (sql_prepare(store->db,
                    "INSERT INTO peer_mark(peer, feed, lsn, heard, t) VALUES(?, ?, ?, ?, ?)"
                    " ON CONFLICT(peer) DO UPDATE SET feed = coalesce(excluded.feed, feed),"
                    " lsn = coalesce(excluded.lsn, lsn), heard = coalesce(excluded.heard, heard),"
                    " t = excluded.t",
                    &stmt, problem) != 0) {
        return store_fail(store, problem);
    }
    struct sql sql = sql_start(stmt);
    sql_bind_text(&sql, peer);
    if (told->feed != 0) {
        sql_bind_u64(&sql, told->feed);
        sql_bind_u64(&sql, told->lsn);
    } else {
        sql_bind_optional(&sql, EVENT_NONE);
        sql_bind_optional(&sql, EVENT_NONE);
    }
    sql_bind_optional(&sql, heard_ms);
    sql_bind_int(&sql, now_ms);
    int result = sql_finish(&sql, problem);
    sqlite3_finalize(stmt);
    /* Anybody may call himself anything where links are open to all. */
    if (result != 0 ||
        sql_run(store->db,
                "DELETE FROM peer_mark WHERE peer IN (SELECT peer FROM peer_mark"
                " ORDER BY t DESC, peer LIMIT -1 OFFSET " NUMBER_TEXT(LIMIT_PEER_MARKS) ")",
                problem) != 0) {
        return store_fail(store, problem);
    }
    return 0;
}
