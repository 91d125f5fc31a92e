/* A WAL written through the gathering VFS is the file that it would have been without. */
#include "storage/gather.h"

#include "tests/support_main.h"

#include <check.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEPS 4000
#define WIDEST 70000 /* passes the buffer */

struct pair {
    sqlite3_file *plain, *gathered;
};

static char directory[64];

static sqlite3_file *open_wal(const char *vfs_name, const char *name)
{
    static char paths[2][128]; /* SQLite keeps the pointer while the file is open */
    sqlite3_vfs *vfs = sqlite3_vfs_find(vfs_name);
    char *path = paths[vfs_name == NULL];
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL;

    ck_assert_ptr_nonnull(vfs);
    (void)snprintf(path, sizeof paths[0], "%s/%s", directory, name);
    sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(vfs->xOpen(vfs, path, file, flags, &flags), SQLITE_OK);
    return file;
}

static void close_wal(sqlite3_file *file)
{
    ck_assert_int_eq(file->pMethods->xClose(file), SQLITE_OK);
    free(file);
}

static void make_directory(void)
{
    (void)snprintf(directory, sizeof directory, "/tmp/test_gather.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static struct pair open_pair(void)
{
    make_directory();
    return (struct pair){open_wal(NULL, "plain"), open_wal(gather_vfs(), "gathered")};
}

static void remove_files(void)
{
    char path[128];
    const char *const names[] = {"plain", "gathered"};

    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        ck_assert_int_eq(unlink(path), 0);
    }
    ck_assert_int_eq(rmdir(directory), 0);
}

static sqlite3_int64 size_of(sqlite3_file *file)
{
    sqlite3_int64 size = -1;
    ck_assert_int_eq(file->pMethods->xFileSize(file, &size), SQLITE_OK);
    return size;
}

static void ck_same_range(struct pair pair, sqlite3_int64 at, int len)
{
    static char a[WIDEST], b[WIDEST];
    int plain = pair.plain->pMethods->xRead(pair.plain, a, len, at);

    ck_assert_int_eq(pair.gathered->pMethods->xRead(pair.gathered, b, len, at), plain);
    ck_assert_int_eq(memcmp(a, b, (size_t)len), 0);
}

static void write_both(struct pair pair, sqlite3_int64 at, int len, char fill)
{
    static char bytes[WIDEST];

    memset(bytes, fill, (size_t)len);
    ck_assert_int_eq(pair.plain->pMethods->xWrite(pair.plain, bytes, len, at), SQLITE_OK);
    ck_assert_int_eq(pair.gathered->pMethods->xWrite(pair.gathered, bytes, len, at), SQLITE_OK);
}

/* Mostly what SQLite does, header and page one behind the other; sometimes anything. */
START_TEST(any_sequence_of_calls_leaves_the_same_file)
{
    struct pair pair = open_pair();
    unsigned seed = (unsigned)_i + 1;
    sqlite3_int64 end = 0;

    for (int i = 0; i < STEPS; i++) {
        int what = rand_r(&seed) % 100;
        int len = what < 5 ? rand_r(&seed) % WIDEST + 1 : i % 2 != 0 ? 4096 : 24;
        sqlite3_int64 at = what < 90 ? end : rand_r(&seed) % (end + 1);
        if (what == 95) {
            ck_same_range(pair, at, len);
        } else if (what == 96) {
            ck_assert_int_eq(pair.plain->pMethods->xTruncate(pair.plain, at), SQLITE_OK);
            ck_assert_int_eq(pair.gathered->pMethods->xTruncate(pair.gathered, at), SQLITE_OK);
            end = at;
        } else if (what == 97) {
            ck_assert_int_eq(size_of(pair.gathered), size_of(pair.plain));
        } else if (what == 98) {
            ck_assert_int_eq(pair.gathered->pMethods->xSync(pair.gathered, SQLITE_SYNC_NORMAL),
                             SQLITE_OK);
        } else {
            write_both(pair, at, len, (char)i);
            end = at + len > end ? at + len : end;
        }
    }
    ck_assert_int_eq(size_of(pair.gathered), size_of(pair.plain));
    for (sqlite3_int64 at = 0; at < end; at += 65536) {
        ck_same_range(pair, at, 65536);
    }
    close_wal(pair.plain);
    close_wal(pair.gathered);
    remove_files();
}
END_TEST

/* Seen from outside: a sync means that the bytes are in the file. */
START_TEST(a_sync_writes_what_was_gathered)
{
    struct pair pair = open_pair();
    char path[128], bytes[24];

    write_both(pair, 0, 24, 'x');
    ck_assert_int_eq(pair.gathered->pMethods->xSync(pair.gathered, SQLITE_SYNC_NORMAL), SQLITE_OK);
    (void)snprintf(path, sizeof path, "%s/gathered", directory);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(bytes, 1, sizeof bytes, file), sizeof bytes);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(bytes[23], 'x');
    close_wal(pair.plain);
    close_wal(pair.gathered);
    remove_files();
}
END_TEST

START_TEST(a_write_that_fails_is_reported_by_the_sync)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(gather_vfs());
    sqlite3_file *file = calloc(1, (size_t)vfs->szOsFile);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_WAL;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(vfs->xOpen(vfs, "/dev/full", file, flags, &flags), SQLITE_OK);
    ck_assert_int_eq(file->pMethods->xWrite(file, "bytes", 5, 0), SQLITE_OK);
    ck_assert_int_ne(file->pMethods->xSync(file, SQLITE_SYNC_NORMAL), SQLITE_OK);
    (void)file->pMethods->xClose(file); /* nothing is left to be written */
    free(file);
}
END_TEST

/* ---- syncs that are left to others ---- */

/* A database in WAL mode whose last transaction is in the WAL. */
static sqlite3 *open_database(void)
{
    static char path[128];
    sqlite3 *db = NULL;

    make_directory();
    (void)snprintf(path, sizeof path, "%s/db", directory);
    ck_assert_int_eq(
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, gather_vfs()),
        SQLITE_OK);
    return db;
}

static void run_sql(sqlite3 *db, const char *sql)
{
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void close_database(sqlite3 *db)
{
    char path[128];

    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    (void)snprintf(path, sizeof path, "%s/db", directory);
    ck_assert_int_eq(unlink(path), 0); /* closing removed the others */
    ck_assert_int_eq(rmdir(directory), 0);
}

START_TEST(only_a_wal_of_ours_can_owe_a_sync)
{
    sqlite3 *db = open_database(), *plain = NULL;

    ck_assert_ptr_null(gather_wal(db)); /* no WAL yet */
    run_sql(db, "PRAGMA journal_mode = WAL; CREATE TABLE t(x)");
    ck_assert_ptr_nonnull(gather_wal(db));
    ck_assert_int_eq(sqlite3_open(sqlite3_db_filename(db, "main"), &plain), SQLITE_OK);
    run_sql(plain, "INSERT INTO t VALUES (1)");
    ck_assert_ptr_null(gather_wal(plain));
    ck_assert_int_eq(sqlite3_close(plain), SQLITE_OK);
    close_database(db);
}
END_TEST

START_TEST(a_commit_owes_its_sync_only_when_asked_to)
{
    sqlite3 *db = open_database();

    run_sql(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t(x)");
    struct gather *wal = gather_wal(db);
    run_sql(db, "INSERT INTO t VALUES (1)");
    ck_assert(!gather_owes(wal));
    gather_owe(wal, true);
    ck_assert(!gather_owes(wal));
    run_sql(db, "INSERT INTO t VALUES (2)");
    gather_owe(wal, false);
    ck_assert(gather_owes(wal));
    ck_assert_int_eq(gather_sync_owed(wal), SQLITE_OK);
    gather_owe(wal, true);
    run_sql(db, "SELECT * FROM t"); /* writes nothing */
    gather_owe(wal, false);
    ck_assert(!gather_owes(wal));
    close_database(db);
}
END_TEST

/* The first commit after a checkpoint begins the file anew: its header is synced before the frames
 * are written over the old ones, or a power cut could leave old frames behind a new header. */
START_TEST(a_new_header_does_not_wait)
{
    struct pair pair = open_pair();
    struct gather *wal = (struct gather *)(void *)pair.gathered;

    gather_owe(wal, true);
    write_both(pair, 0, 32, 'h');
    ck_assert_int_eq(pair.gathered->pMethods->xSync(pair.gathered, SQLITE_SYNC_NORMAL), SQLITE_OK);
    ck_assert(!gather_owes(wal));
    write_both(pair, 32, 24, 'f');
    ck_assert_int_eq(pair.gathered->pMethods->xSync(pair.gathered, SQLITE_SYNC_NORMAL), SQLITE_OK);
    ck_assert(gather_owes(wal));
    ck_same_range(pair, 0, 56);
    close_wal(pair.plain);
    close_wal(pair.gathered);
    remove_files();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gather");
    TCase *tcase = tcase_create("wal");
    sqlite3_initialize();
    tcase_add_loop_test(tcase, any_sequence_of_calls_leaves_the_same_file, 0, 20);
    tcase_add_test(tcase, a_sync_writes_what_was_gathered);
    tcase_add_test(tcase, a_write_that_fails_is_reported_by_the_sync);
    tcase_add_test(tcase, only_a_wal_of_ours_can_owe_a_sync);
    tcase_add_test(tcase, a_commit_owes_its_sync_only_when_asked_to);
    tcase_add_test(tcase, a_new_header_does_not_wait);
    suite_add_tcase(suite, tcase);
    return main_run(suite);
}
