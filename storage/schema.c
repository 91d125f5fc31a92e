/*
 * One string per version; MIGRATIONS[n] makes version n + 1 from version n. A published migration
 * is never edited, a new one is appended.
 *
 * Integers that are unsigned 64 bits elsewhere (epoch, hlc, target_*) are stored as their signed
 * view, so compare them for equality in SQL and for order in C. Times named *_ms, t are ms UTC.
 */
#include "storage/schema.h"

#include "storage/sql.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const MIGRATIONS[SCHEMA_VERSION] = {
    /* unknown_kind.<number> (events of kinds that were not understood when they came); and of this
     * file: clean (0 while open), zone of the texts and of table visit_count, fold (version of the
     * rules that made the folded tables), sums (version of what store_count.c and store_plate.c
     * keep). What stands in log_state was here up to version 9. */
    "CREATE TABLE meta("
    " key TEXT PRIMARY KEY,"
    " value) WITHOUT ROWID;"

    /* sid is dense from 1 and local. head 0 = known, nothing held. */
    "CREATE TABLE stream("
    " sid INTEGER PRIMARY KEY,"
    " node TEXT NOT NULL,"
    " epoch INTEGER NOT NULL,"
    " head INTEGER NOT NULL,"
    " chain BLOB NOT NULL,"
    " base INTEGER NOT NULL DEFAULT 0,"
    " base_chain BLOB,"
    " UNIQUE(node, epoch)) STRICT;"

    /* The log. header and body are the origin's bytes; body NULL = erased. visit is the number of
     * the visit that the fold finds the event under, NULL for kinds that the fold does not read. */
    "CREATE TABLE event("
    " lsn INTEGER PRIMARY KEY,"
    " sid INTEGER NOT NULL,"
    " seq INTEGER NOT NULL,"
    " kind INTEGER NOT NULL,"
    " hlc INTEGER NOT NULL,"
    " visit INTEGER,"
    " header BLOB NOT NULL,"
    " body BLOB,"
    " body_hash BLOB NOT NULL,"
    " chain BLOB NOT NULL,"
    " UNIQUE(sid, seq)) STRICT;"
    "CREATE INDEX event_visit ON event(visit) WHERE visit IS NOT NULL;"

    /* Everything below is derived from the log and can be rebuilt. */

    /* The numbers that this file gives to visits, in order of arrival: what is new lies together on
     * the last pages of every index, whatever the visits are called. meta.visit_id is the highest
     * ever given. */
    "CREATE TABLE visit("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL UNIQUE) STRICT;"

    /* Every plate that any event of a visit has ever carried, and the time that the visit takes up
     * in a timeline (store_closure.c); last = 2^63-1 while it is open. */
    "CREATE TABLE visit_plate("
    " plate TEXT NOT NULL,"
    " visit INTEGER NOT NULL,"
    " first INTEGER NOT NULL,"
    " last INTEGER NOT NULL,"
    " PRIMARY KEY(plate, visit)) STRICT, WITHOUT ROWID;"

    /* Gate events whose retry could not be found by their visit: hash of what a camera repeats. */
    "CREATE TABLE retry("
    " key BLOB PRIMARY KEY,"
    " lsn INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

    /* Visits with a closing event that carries no fee, and when it says they closed: what a tariff
     * for a time in the past can change. */
    "CREATE TABLE unpriced("
    " t INTEGER NOT NULL,"
    " visit INTEGER NOT NULL,"
    " PRIMARY KEY(t, visit)) STRICT, WITHOUT ROWID;"

    /* kind 9 (CONFIG_UPDATE): t = t_eff with clock fixes applied, free_s, per_hour.
     * kind 12 (CLOCK_FIX): target_*, offset_ms. */
    "CREATE TABLE setting("
    " sid INTEGER NOT NULL,"
    " seq INTEGER NOT NULL,"
    " kind INTEGER NOT NULL,"
    " t_eff INTEGER NOT NULL,"
    " t INTEGER NOT NULL,"
    " hlc INTEGER NOT NULL,"
    " node TEXT NOT NULL,"
    " epoch INTEGER NOT NULL,"
    " free_s INTEGER,"
    " per_hour INTEGER,"
    " target_node TEXT,"
    " target_epoch INTEGER,"
    " target_from INTEGER,"
    " target_to INTEGER,"
    " offset_ms INTEGER,"
    " PRIMARY KEY(sid, seq)) STRICT, WITHOUT ROWID;"

    /* Positions whose bodies a REDACT event (sid, seq) erased, also when they arrive later. */
    "CREATE TABLE redaction("
    " sid INTEGER NOT NULL,"
    " seq INTEGER NOT NULL,"
    " target_node TEXT NOT NULL,"
    " target_epoch INTEGER NOT NULL,"
    " target_from INTEGER NOT NULL,"
    " target_to INTEGER NOT NULL,"
    " PRIMARY KEY(sid, seq)) STRICT, WITHOUT ROWID;"

    /* One row per visit, id = visit.id. The columns up to is_anomaly are those of the Python
     * central. Camera ids have no affinity: decimal ones are integers, others text ('007' must stay
     * what it is). */
    "CREATE TABLE history("
    " id INTEGER PRIMARY KEY,"
    " event_id TEXT NOT NULL,"
    " source_central TEXT,"
    " edge_id TEXT,"
    " plate_id TEXT NOT NULL,"
    " plate_view TEXT NOT NULL,"
    " entry_time TEXT NOT NULL,"
    " entry_camera_id,"
    " entry_camera_name TEXT,"
    " entry_confidence REAL,"
    " entry_source TEXT,"
    " exit_time TEXT,"
    " exit_camera_id,"
    " exit_camera_name TEXT,"
    " exit_confidence REAL,"
    " exit_source TEXT,"
    " duration TEXT,"
    " fee INTEGER DEFAULT 0,"
    " status TEXT NOT NULL,"
    " sync_status TEXT DEFAULT 'LOCAL',"
    " created_at TEXT,"
    " updated_at TEXT,"
    " last_location TEXT,"
    " last_location_time TEXT,"
    " is_anomaly INTEGER NOT NULL DEFAULT 0,"
    " entry_ms INTEGER NOT NULL,"
    " exit_ms INTEGER,"
    " exit_central TEXT,"
    " superseded_by TEXT,"
    " last_location_ms INTEGER,"
    " suspect INTEGER NOT NULL DEFAULT 0,"
    " revision INTEGER NOT NULL DEFAULT 1,"
    " digest BLOB NOT NULL);"
    "CREATE INDEX history_entry ON history(entry_ms, id);"
    "CREATE INDEX history_exit ON history(exit_ms) WHERE exit_ms IS NOT NULL;"
    "CREATE INDEX history_inside ON history(entry_ms) WHERE status = 'IN';"

    /* What the fold listed for a person to look at; (node, epoch, seq) is the event. */
    "CREATE TABLE anomaly("
    " id INTEGER PRIMARY KEY,"
    " plate_id TEXT NOT NULL,"
    " t INTEGER NOT NULL,"
    " code TEXT NOT NULL,"
    " visit TEXT,"
    " other TEXT,"
    " node TEXT NOT NULL,"
    " epoch INTEGER NOT NULL,"
    " seq INTEGER NOT NULL) STRICT;"
    "CREATE INDEX anomaly_plate ON anomaly(plate_id);"

    /* One row per HISTORY_* event, and those of a Python central (sid NULL). history_id is the row
     * as it was when the change arrived, 0 when there was none: join by event_id. */
    "CREATE TABLE history_changes("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " history_id INTEGER NOT NULL,"
    " change_type TEXT NOT NULL,"
    " old_plate_id TEXT,"
    " old_plate_view TEXT,"
    " new_plate_id TEXT,"
    " new_plate_view TEXT,"
    " old_data TEXT,"
    " new_data TEXT,"
    " changed_at TEXT,"
    " changed_by TEXT DEFAULT 'system',"
    " event_id TEXT,"
    " sid INTEGER,"
    " seq INTEGER,"
    " reason TEXT,"
    " source_central TEXT,"
    " UNIQUE(sid, seq));"
    "CREATE INDEX history_changes_event ON history_changes(event_id);"

    /* Local bookkeeping, not derived: when a peer's log digest last equalled ours. */
    "CREATE TABLE p2p_sync_state("
    " peer_central_id TEXT PRIMARY KEY,"
    " last_sync_timestamp INTEGER NOT NULL,"
    " last_sync_time TEXT,"
    " updated_at TEXT);"
    "PRAGMA application_id = 1347244872;" /* SCHEMA_APPLICATION_ID */
    "PRAGMA user_version = 1;",

    /* Each event that sets or removes an element of a list: kinds 5 (a lot, item = location), 10
     * and
     * 11. in_force = 1: it has the greatest stamp of its element; status 'REMOVED': then there is
     * no such element. t: t_eff with clock fixes applied. plate, valid_*: of subscriptions. */
    "CREATE TABLE element("
    " sid INTEGER NOT NULL,"
    " seq INTEGER NOT NULL,"
    " kind INTEGER NOT NULL,"
    " item TEXT NOT NULL,"
    " in_force INTEGER NOT NULL,"
    " t_eff INTEGER NOT NULL,"
    " t INTEGER NOT NULL,"
    " hlc INTEGER NOT NULL,"
    " node TEXT NOT NULL,"
    " epoch INTEGER NOT NULL,"
    " status TEXT,"
    " plate TEXT,"
    " valid_from INTEGER,"
    " valid_to INTEGER,"
    " json TEXT,"
    " capacity INTEGER,"
    " camera_id TEXT,"
    " camera_type TEXT,"
    " edge_id TEXT,"
    " PRIMARY KEY(sid, seq)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX element_item ON element(kind, item);"
    "CREATE INDEX element_in_force ON element(kind, item) WHERE in_force = 1;"
    "CREATE INDEX history_location ON history(last_location, last_location_ms)"
    " WHERE status = 'IN' AND last_location IS NOT NULL;"
    "CREATE INDEX element_plate ON element(plate, item) WHERE plate IS NOT NULL;"
    "PRAGMA user_version = 2;",

    /* Reading at size. The index of the list carries the plate, so that a walk can pass over rows
     * without reading them; visits out of sight have one of their own. */
    "DROP INDEX history_entry;"
    "CREATE INDEX history_entry ON history(entry_ms, id, plate_id);"
    "CREATE INDEX history_aside ON history(entry_ms)"
    " WHERE status IN ('SUPERSEDED', 'DELETED');"

    /* A visit's entry_ms less `first`: 0 but for what was corrected or re-timed. */
    "ALTER TABLE visit_plate ADD COLUMN late INTEGER NOT NULL DEFAULT 0;"

    /* For each distinct plate of visit_plate, and for each other reading of plate_odd, every end of
     * it as it looks (plate_look), of LIMIT_PLATE_PART characters or more: what contains a text
     * begins with it in this table. What is new waits in plate_new, so that many are added at
     * once. */
    "CREATE TABLE plate_part("
    " look TEXT NOT NULL,"
    " plate TEXT NOT NULL,"
    " PRIMARY KEY(look, plate)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE plate_new("
    " plate TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;"
    /* Views that have more in them than their plate (plate_bare): letters like U+0110. */
    "CREATE TABLE plate_odd("
    " plate TEXT NOT NULL,"
    " bare TEXT NOT NULL,"
    " PRIMARY KEY(plate, bare)) STRICT, WITHOUT ROWID;"

    /* Sums over history, kept by whoever changes a row (store_count.c). t = start of a local hour
     * of meta.zone; '' = unknown. entries: by where and when it entered; exits, revenue: by where
     * and when it left; gone: exits by where it had entered. No affinity: a sum that no longer fits
     * becomes a real, not an error. */
    "CREATE TABLE visit_count("
    " t INTEGER NOT NULL,"
    " central TEXT NOT NULL,"
    " lot TEXT NOT NULL,"
    " entries, exits, revenue, gone,"
    " PRIMARY KEY(t, central, lot)) WITHOUT ROWID;"
    /* Vehicles inside now, by where they entered. */
    "CREATE TABLE visit_inside("
    " central TEXT NOT NULL,"
    " lot TEXT NOT NULL,"
    " cars INTEGER NOT NULL,"
    " PRIMARY KEY(central, lot)) STRICT, WITHOUT ROWID;"

    /* What was listed, by time and by visit. */
    "CREATE INDEX anomaly_time ON anomaly(t, node, epoch, seq, code, plate_id);"
    "CREATE INDEX anomaly_visit ON anomaly(visit) WHERE visit IS NOT NULL;"
    "CREATE INDEX anomaly_other ON anomaly(other) WHERE other IS NOT NULL;"
    "PRAGMA user_version = 3;",

    /* The feeds of this database, one each start (proto/feed.h): events from lsn `first` on, up to
     * the first of the next one, are its. Beside it meta.lsn: the highest lsn ever given when the
     * newest rows of the log have moved or gone, so that none is given twice. */
    "CREATE TABLE feed("
    " id INTEGER PRIMARY KEY,"
    " feed INTEGER NOT NULL UNIQUE,"
    " first INTEGER NOT NULL) STRICT;"
    "PRAGMA user_version = 4;",

    /* Who may use this central: local, not derived, never sent to peers. Times in ms UTC; digests
     * and hashes only, never a token or password. */
    "CREATE TABLE account("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL COLLATE NOCASE UNIQUE,"
    " role TEXT NOT NULL,"
    " hash TEXT NOT NULL,"
    " revision INTEGER NOT NULL,"
    " created INTEGER NOT NULL,"
    " changed INTEGER NOT NULL) STRICT;"
    "CREATE TABLE session("
    " digest BLOB NOT NULL UNIQUE,"
    " account INTEGER NOT NULL,"
    " started INTEGER NOT NULL,"
    " used INTEGER NOT NULL) STRICT;"
    "CREATE TABLE token("
    " id INTEGER PRIMARY KEY,"
    " name TEXT NOT NULL COLLATE NOCASE UNIQUE,"
    " role TEXT NOT NULL,"
    " digest BLOB NOT NULL UNIQUE,"
    " revision INTEGER NOT NULL,"
    " created INTEGER NOT NULL,"
    " expires INTEGER NOT NULL) STRICT;"
    /* What was changed here beside the log. login = 1: kinds that anybody can cause. */
    "CREATE TABLE audit("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " t INTEGER NOT NULL,"
    " kind TEXT NOT NULL,"
    " login INTEGER NOT NULL,"
    " author TEXT,"
    " address TEXT,"
    " subject TEXT,"
    " reason TEXT,"
    " detail TEXT) STRICT;"
    "CREATE INDEX audit_login ON audit(login, id);"
    "CREATE INDEX audit_t ON audit(t, id);"
    /* People's changes among the events, for the audit: few, so gates pay nothing. */
    "CREATE INDEX event_change ON event(hlc) WHERE kind IN (5, 6, 7, 8, 9, 10, 11, 12, 13);"
    "PRAGMA user_version = 5;",

    /* A list of more than two values is a table that SQLite makes for each INSERT: a quarter of
     * what an event cost. */
    "DROP INDEX event_change;"
    "CREATE INDEX event_change ON event(hlc) WHERE kind BETWEEN 5 AND 13;"
    "PRAGMA user_version = 6;",

    /* Folded visits in the feed: the lsn of a row's last change. What was there before changed last
     * in the order in which it came. Rows that went: numbers only, for names hold plates. */
    "ALTER TABLE history ADD COLUMN lsn INTEGER NOT NULL DEFAULT 0;"
    "UPDATE history SET lsn = id + (SELECT max((SELECT coalesce(max(lsn), 0) FROM event),"
    " coalesce((SELECT value FROM meta WHERE key = 'lsn'), 0),"
    " (SELECT coalesce(max(first), 1) - 1 FROM feed)));"
    "CREATE INDEX history_lsn ON history(lsn);"
    "CREATE TABLE visit_gone("
    " lsn INTEGER PRIMARY KEY,"
    " visit INTEGER NOT NULL,"
    " revision INTEGER NOT NULL,"
    " central TEXT) STRICT;"
    "PRAGMA user_version = 7;",

    /* How far this central and one of the existing system have told each other; local. feed, lsn:
     * the last event of our feed that the other side has read, NULL = none. heard: ms, up to when
     * we have what it holds, NULL = never. t: ms of the last change. */
    "CREATE TABLE peer_mark("
    " peer TEXT PRIMARY KEY,"
    " feed INTEGER,"
    " lsn INTEGER,"
    " heard INTEGER,"
    " t INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "PRAGMA user_version = 8;",

    /* What every commit writes lies together. plate_new in order of arrival: a batch adds to its
     * last page, whatever the plates are called. A plate may be in it twice. */
    "ALTER TABLE plate_new RENAME TO plate_new_8;"
    "CREATE TABLE plate_new("
    " id INTEGER PRIMARY KEY,"
    " plate TEXT NOT NULL) STRICT;"
    "INSERT INTO plate_new(plate) SELECT plate FROM plate_new_8;"
    "DROP TABLE plate_new_8;"
    /* Vehicles inside now share the last page of visit_count with the hour that is counted: rows
     * with t = 2^63-1 (SCHEMA_COUNT_INSIDE) and their number in `entries`, by where they entered.
     */
    "INSERT INTO visit_count(t, central, lot, entries, exits, revenue, gone)"
    " SELECT 9223372036854775807, central, lot, cars, 0, 0, 0 FROM visit_inside;"
    "DROP TABLE visit_inside;"
    /* visit_plate.last stays at 2^63-1 when a visit of one plate leaves, until the plate comes
     * again: history.exit_ms tells (store_closure.c). */
    "PRAGMA user_version = 9;",

    /* Where the log and the folded tables stand, in one row that each transaction that changes them
     * rewrites with one statement. rewinds: of heads; visit_id, lsn: the highest
     * given until then. Rows folded again may have a higher lsn: what opens the file takes the
     * higher. */
    "CREATE TABLE log_state("
    " id INTEGER PRIMARY KEY CHECK(id = 1),"
    " hlc INTEGER NOT NULL,"
    " events INTEGER NOT NULL,"
    " visit_id INTEGER NOT NULL,"
    " rewinds INTEGER NOT NULL,"
    " lsn INTEGER NOT NULL,"
    " log_digest BLOB NOT NULL,"
    " state_digest BLOB NOT NULL) STRICT;"
    "INSERT INTO log_state(id, hlc, events, visit_id, rewinds, lsn, log_digest, state_digest)"
    " SELECT 1, coalesce((SELECT value FROM meta WHERE key = 'hlc'), 0),"
    " coalesce((SELECT value FROM meta WHERE key = 'events'), 0),"
    " coalesce((SELECT value FROM meta WHERE key = 'visit_id'), 0),"
    " coalesce((SELECT value FROM meta WHERE key = 'rewinds'), 0),"
    " coalesce((SELECT value FROM meta WHERE key = 'lsn'), 0),"
    " coalesce(CAST((SELECT value FROM meta WHERE key = 'log_digest') AS BLOB), zeroblob(16)),"
    " coalesce(CAST((SELECT value FROM meta WHERE key = 'state_digest') AS BLOB), zeroblob(16));"
    "DELETE FROM meta WHERE key IN"
    " ('hlc', 'events', 'visit_id', 'rewinds', 'lsn', 'log_digest', 'state_digest');"
    "PRAGMA user_version = 10;",
};

/* Tables that only a database of the Python central has. */
static const char LEGACY_TABLES[] =
    "SELECT count(*) FROM sqlite_master WHERE type = 'table'"
    " AND name IN ('history', 'events', 'cameras', 'vehicles', 'parking_lots', 'history_changes')";

/* A `file:` URI for the path; characters with a meaning in URIs are escaped. 0 or -1. */
static int uri_of(const char *path, const char *query, char *out, size_t size)
{
    struct buffer text;
    buffer_init(&text, size - 1);
    buffer_printf(&text, "file:");
    for (const char *c = path; *c; c++) {
        if (*c == '%' || *c == '?' || *c == '#') {
            buffer_printf(&text, "%%%02X", (unsigned)(unsigned char)*c);
        } else {
            buffer_append(&text, c, 1);
        }
    }
    buffer_printf(&text, "%s", query);
    bool fits = !text.full && slice_copy(buffer_slice(&text), out, size);
    buffer_free(&text);
    return fits ? 0 : -1;
}

static bool has_bytes(const char *path, const char *suffix)
{
    char name[4200];
    struct stat stat_buffer;
    int len = snprintf(name, sizeof name, "%s%s", path, suffix);
    return len > 0 && (size_t)len < sizeof name && stat(name, &stat_buffer) == 0 &&
           stat_buffer.st_size > 0;
}

static int unreadable(sqlite3 *db, const char *path, struct problem *problem,
                      const struct problem *because)
{
    bool is_disk = db && (sqlite3_errcode(db) & 0xff) == SQLITE_IOERR;
    if (is_disk || because->code == PROBLEM_DB_UNWRITABLE || because->code == PROBLEM_DB_LOCKED ||
        because->code == PROBLEM_DISK_FULL) {
        *problem = *because;
        return -1;
    }
    return problem_set(problem, PROBLEM_DB_CORRUPT,
                       "move the file away; the peers give back what they hold, a backup the rest",
                       "%s cannot be read as a database: %s", path, because->text);
}

/* Decides by application_id and version, then by the tables that are there. */
static int judge(sqlite3 *db, const char *path, enum schema_origin *origin, struct problem *problem)
{
    struct problem because;
    int64_t id = 0, version = 0, tables = 0, legacy = 0;
    if (sql_integer(db, "PRAGMA application_id", &id, &because) < 0 ||
        sql_integer(db, "PRAGMA user_version", &version, &because) < 0 ||
        sql_integer(db, "SELECT count(*) FROM sqlite_master", &tables, &because) < 0 ||
        sql_integer(db, LEGACY_TABLES, &legacy, &because) < 0) {
        return unreadable(db, path, problem, &because);
    }
    if (id == SCHEMA_APPLICATION_ID && version > SCHEMA_VERSION) {
        return problem_set(problem, PROBLEM_DB_NEWER, "install the newer parkmesh again",
                           "%s was written by a newer parkmesh (database version %d, this one "
                           "knows %d); it was not touched",
                           path, (int)version, SCHEMA_VERSION);
    }
    if (id == SCHEMA_APPLICATION_ID) {
        *origin = SCHEMA_OURS;
    } else if (id == 0 && tables == 0) {
        *origin = SCHEMA_EMPTY;
    } else if (id == 0 && legacy > 0) {
        *origin = SCHEMA_LEGACY;
    } else {
        return problem_set(problem, PROBLEM_DB_FOREIGN, "give another data_dir",
                           "%s is a database of another program; it was not touched", path);
    }
    return 0;
}

int schema_open_untouched(const char *path, sqlite3 **db, struct problem *problem)
{
    /* `immutable` creates nothing beside the file, but does not see a WAL. Where there is a WAL,
     * an ordinary reader creates nothing new either. What a power cut left half-written (creating
     * the database, or a transaction of the Python central) is no database until SQLite has put its
     * rollback journal back, which only a writer may do. */
    char uri[4200];
    bool has_journal = has_bytes(path, "-journal");
    const char *query = has_journal               ? "?mode=rw"
                        : has_bytes(path, "-wal") ? "?mode=ro"
                                                  : "?immutable=1";
    if (uri_of(path, query, uri, sizeof uri)) {
        return problem_set(problem, PROBLEM_DB_UNWRITABLE, "give a shorter data_dir",
                           "the path of the database is too long");
    }
    int mode = has_journal ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY;
    return sql_open(uri, mode | SQLITE_OPEN_URI, db, problem);
}

int schema_look(const char *path, enum schema_origin *origin, struct problem *problem)
{
    struct stat stat_buffer;
    if (stat(path, &stat_buffer)) {
        *origin = SCHEMA_EMPTY;
        if (errno == ENOENT) {
            return 0;
        }
        return problem_set(problem, PROBLEM_DB_UNWRITABLE, "check data_dir and its permissions",
                           "%s: %s", path, strerror(errno));
    }
    if (!S_ISREG(stat_buffer.st_mode)) {
        return problem_set(problem, PROBLEM_DB_UNWRITABLE, "give another data_dir",
                           "%s is not a file", path);
    }
    if (stat_buffer.st_size == 0 && !has_bytes(path, "-wal")) {
        *origin = SCHEMA_EMPTY;
        return 0;
    }
    sqlite3 *db = NULL;
    struct problem because;
    if (schema_open_untouched(path, &db, &because)) {
        return unreadable(NULL, path, problem, &because);
    }
    int result = judge(db, path, origin, problem);
    sqlite3_close(db);
    return result;
}

int schema_migrate(sqlite3 *db, struct problem *problem)
{
    int64_t version = 0;
    if (sql_integer(db, "PRAGMA user_version", &version, problem) < 0) {
        return -1;
    }
    /* A Python central leaves user_version at 0; its application_id tells the two apart. */
    if (version < 0 || version > SCHEMA_VERSION) {
        return problem_set(problem, PROBLEM_DB_NEWER, NULL, "database version %d is unknown",
                           (int)version);
    }
    for (int64_t next = version; next < SCHEMA_VERSION; next++) {
        if (sql_run(db, MIGRATIONS[next], problem)) {
            return -1;
        }
    }
    return 0;
}
