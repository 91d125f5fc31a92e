#include "storage/element.h"
#include "storage/store_internal.h"

/* The columns that store_row_read reads, in its order. */
#define ROW_COLUMNS                                                                               \
    "SELECT id, event_id, source_central, edge_id, plate_id, plate_view, entry_ms,"               \
    " entry_camera_id, entry_camera_name, entry_source, entry_confidence, exit_ms, exit_central," \
    " exit_camera_id, exit_camera_name, exit_source, exit_confidence, fee, status,"               \
    " superseded_by, last_location, last_location_ms, is_anomaly, suspect, revision,"             \
    " sync_status, entry_time, exit_time, duration, last_location_time, created_at, updated_at,"  \
    " digest"                                                                                     \
    " FROM history "

/* The columns that bind_row binds, in its order. */
#define ROW_CHANGES                                                                               \
    "plate_view = ?, source_central = ?, edge_id = ?, entry_time = ?, entry_camera_id = ?,"       \
    " entry_camera_name = ?, entry_confidence = ?, entry_source = ?, exit_ms = ?, exit_time = ?," \
    " exit_central = ?, exit_camera_id = ?, exit_camera_name = ?, exit_confidence = ?,"           \
    " exit_source = ?, duration = ?, fee = ?, status = ?, superseded_by = ?, sync_status = ?,"    \
    " last_location = ?, last_location_ms = ?, last_location_time = ?, is_anomaly = ?,"           \
    " suspect = ?, digest = ?, updated_at = ?, lsn = ?"

static const char *const TEXTS[STORE_STATEMENTS] = {
    [STORE_BEGIN] = "BEGIN IMMEDIATE",
    [STORE_COMMIT] = "COMMIT",
    [STORE_ROLLBACK] = "ROLLBACK",
    [STORE_MARK] = "SAVEPOINT request",
    [STORE_RELEASE] = "RELEASE request",
    [STORE_UNDO] = "ROLLBACK TO request",
    [STORE_META_SET] = "INSERT INTO meta(key, value) VALUES(?, ?)"
                       " ON CONFLICT(key) DO UPDATE SET value = excluded.value",
    [STORE_STATE_SAVE] = "UPDATE log_state SET hlc = ?, events = ?, visit_id = ?, rewinds = ?,"
                         " lsn = ?, log_digest = ?, state_digest = ? WHERE id = 1",
    [STORE_UNKNOWN_ADD] = "INSERT INTO meta(key, value) VALUES('unknown_kind.' || ?, 1)"
                          " ON CONFLICT(key) DO UPDATE SET value = value + 1",
    [STORE_STREAM_ADD] = "INSERT INTO stream(sid, node, epoch, head, chain) VALUES(?, ?, ?, 0, ?)",
    [STORE_STREAM_SAVE] = "UPDATE stream SET head = ?, chain = ? WHERE sid = ?",
    [STORE_EVENT_ADD] = "INSERT INTO event(lsn, sid, seq, kind, hlc, visit, header, body,"
                        " body_hash, chain) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [STORE_EVENT_CHAIN] = "SELECT chain FROM event WHERE sid = ? AND seq = ?",
    [STORE_EVENTS_IN_RANGE] = "SELECT e.lsn, e.seq, e.kind, e.visit, e.header, e.body, v.name"
                              " FROM event e LEFT JOIN visit v ON v.id = e.visit"
                              " WHERE e.sid = ? AND e.seq BETWEEN ? AND ?",
    [STORE_EVENT_ERASE] = "UPDATE event SET body = NULL, visit = NULL WHERE lsn = ?",
    [STORE_VISIT_FIND] = "SELECT id FROM visit WHERE name = ?",
    [STORE_VISIT_NAME] = "SELECT name FROM visit WHERE id = ?",
    [STORE_VISIT_ADD] = "INSERT INTO visit(id, name) VALUES(?, ?)",
    [STORE_VISIT_DROP] = "DELETE FROM visit WHERE id = ?1"
                         " AND NOT EXISTS (SELECT 1 FROM event WHERE visit = ?1)",
    [STORE_EVENTS_OF_VISIT] = "SELECT sid, seq, header, body, lsn FROM event WHERE visit = ?",
    [STORE_PLATE_NOTE] = "INSERT OR IGNORE INTO visit_plate(plate, visit, first, last)"
                         " VALUES(?, ?, 0, 0)",
    [STORE_PLATE_ADD] = "INSERT INTO visit_plate(first, last, late, plate, visit)"
                        " VALUES(?, ?, ?, ?, ?)",
    [STORE_PLATE_SAVE] = "UPDATE visit_plate SET first = ?, last = ?, late = ?"
                         " WHERE plate = ? AND visit = ?",
    [STORE_PLATE_CLOSE] = "UPDATE visit_plate SET last = ? WHERE plate = ? AND visit = ?",
    [STORE_PLATE_DROP] = "DELETE FROM visit_plate WHERE plate = ? AND visit = ?",
    /* An open span may have ended with the exit that its row of history has. */
    [STORE_VISITS_OF_PLATE] =
        "SELECT visit, first, last, late, iif(last < 9223372036854775807, NULL,"
        " (SELECT h.exit_ms FROM history h WHERE h.id = visit AND h.status = 'OUT'))"
        " FROM visit_plate WHERE plate = ?",
    [STORE_RETRY_ADD] = "INSERT OR IGNORE INTO retry(key, lsn) VALUES(?, ?)",
    [STORE_RETRY_FIND] = "SELECT sid, seq, header, body FROM event"
                         " WHERE lsn = (SELECT lsn FROM retry WHERE key = ?)",
    [STORE_RETRY_DROP] = "DELETE FROM retry WHERE key = ?",
    [STORE_UNPRICED_ADD] = "INSERT OR IGNORE INTO unpriced(t, visit) VALUES(?, ?)",
    [STORE_UNPRICED_DROP] = "DELETE FROM unpriced WHERE visit = ?",
    [STORE_UNPRICED_SINCE] = "SELECT u.visit, v.name FROM unpriced u"
                             " JOIN visit v ON v.id = u.visit WHERE u.t >= ?",
    [STORE_SETTING_ADD] = "INSERT INTO setting(sid, seq, kind, t_eff, t, hlc, node, epoch, free_s,"
                          " per_hour, target_node, target_epoch, target_from, target_to,"
                          " offset_ms) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [STORE_SETTING_TIME] = "UPDATE setting SET t = ? WHERE sid = ? AND seq = ?",
    [STORE_SETTING_DROP] = "DELETE FROM setting WHERE sid = ? AND seq = ?",
    [STORE_SETTINGS] = "SELECT sid, seq, kind, t_eff, hlc, free_s, per_hour, target_node,"
                       " target_epoch, target_from, target_to, offset_ms FROM setting",
    [STORE_ELEMENT_ADD] =
        "INSERT INTO element(sid, seq, kind, item, in_force, t_eff, t, hlc, node, epoch, status,"
        " plate, valid_from, valid_to, json, capacity, camera_id, camera_type, edge_id)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [STORE_ELEMENT_ROWS] = "SELECT sid, seq, hlc, in_force FROM element"
                           " WHERE kind = ?1 AND item = ?2 AND (in_force = 1 OR ?3)",
    [STORE_ELEMENT_RULE] = "UPDATE element SET in_force = ? WHERE sid = ? AND seq = ?",
    [STORE_ELEMENT_AT] = "SELECT kind, item FROM element WHERE sid = ? AND seq = ?",
    [STORE_ELEMENT_DROP] = "DELETE FROM element WHERE sid = ? AND seq = ?",
    [STORE_ELEMENTS] = ELEMENT_LIST_SQL,
    [STORE_IS_SUBSCRIBED] = "SELECT 1 FROM element WHERE plate = ? AND kind = ? LIMIT 1",
    [STORE_SUBSCRIPTIONS] = ELEMENT_SUBSCRIPTION_SQL,
    [STORE_SUBSCRIBED_SINCE] =
        "SELECT DISTINCT p.visit, v.name FROM visit_plate p JOIN visit v ON v.id = p.visit"
        " WHERE p.plate IN (SELECT plate FROM element WHERE kind = ?1 AND item = ?2)"
        " AND p.last >= ?3",
    [STORE_ELEMENT_TIMES] = "SELECT sid, seq, t_eff FROM element WHERE kind = ?",
    [STORE_ELEMENT_TIME] = "UPDATE element SET t = ? WHERE sid = ? AND seq = ?",
    [STORE_LOT] = "SELECT capacity, camera_id, camera_type, edge_id FROM element"
                  " WHERE kind = ? AND item = ? AND in_force = 1"
                  " AND status IS NOT '" EVENT_REMOVED "'",
    [STORE_HAS_SETTING] = "SELECT 1 FROM element WHERE kind = ?1"
                          " UNION ALL SELECT 1 FROM setting WHERE kind = ?1 LIMIT 1",
    [STORE_REDACTION_ADD] = "INSERT INTO redaction(sid, seq, target_node, target_epoch,"
                            " target_from, target_to) VALUES(?, ?, ?, ?, ?, ?)",
    [STORE_REDACTIONS] = "SELECT target_node, target_epoch, target_from, target_to FROM redaction",
    [STORE_CHANGE_ADD] =
        "INSERT INTO history_changes(history_id, change_type, old_plate_id, old_plate_view,"
        " new_plate_id, new_plate_view, old_data, changed_at, changed_by, event_id, sid, seq,"
        " reason, source_central)"
        " VALUES(coalesce((SELECT h.id FROM visit v JOIN history h ON h.id = v.id"
        " WHERE v.name = ?1), 0), ?2,"
        " CASE WHEN json_valid(?3) THEN json_extract(?3, '$.plate_id') END,"
        " CASE WHEN json_valid(?3) THEN json_extract(?3, '$.plate_view') END,"
        " ?4, ?5, ?3, ?6, coalesce(?7, 'system'), ?1, ?8, ?9, ?10, ?11)",
    [STORE_CHANGE_DROP] = "DELETE FROM history_changes WHERE sid = ? AND seq = ?",
    [STORE_ROW_FIND] = "SELECT revision, digest, plate_id, plate_view, superseded_by, entry_ms,"
                       " exit_ms, fee, status, source_central, exit_central, last_location"
                       " FROM history WHERE id = ?",
    [STORE_ROW_ADD] =
        "INSERT INTO history(plate_view, source_central, edge_id, entry_time,"
        " entry_camera_id, entry_camera_name, entry_confidence, entry_source, exit_ms, exit_time,"
        " exit_central, exit_camera_id, exit_camera_name, exit_confidence, exit_source, duration,"
        " fee, status, superseded_by, sync_status, last_location, last_location_ms,"
        " last_location_time, is_anomaly, suspect, digest, updated_at, lsn, plate_id, entry_ms,"
        " event_id, created_at, id)"
        " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?,"
        " ?, ?, ?, ?, ?)",
    /* Indexed columns are named only where they change: naming one rewrites its index entry. */
    [STORE_ROW_CHANGE] = "UPDATE history SET " ROW_CHANGES
                         ", revision = revision + 1, plate_id = ?, entry_ms = ? WHERE id = ?",
    [STORE_ROW_CLOSE] = "UPDATE history SET " ROW_CHANGES ", revision = revision + 1 WHERE id = ?",
    [STORE_ROW_DROP] = "DELETE FROM history WHERE id = ?",
    [STORE_ROW_GONE] = "INSERT INTO visit_gone(lsn, visit, revision, central) VALUES(?, ?, ?, ?)",
    [STORE_ANOMALY_ADD] = "INSERT INTO anomaly(plate_id, t, code, visit, other, node, epoch, seq)"
                          " VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
    [STORE_ANOMALY_DROP] = "DELETE FROM anomaly WHERE plate_id = ? AND t >= ?",
    /* An open visit takes up all time to come. The fold leaves one at most; an ORDER BY would make
     * a sorter for every question. */
    [STORE_FIND_OPEN] = ROW_COLUMNS
    "WHERE id IN (SELECT visit FROM visit_plate WHERE plate = ?1 AND last = 9223372036854775807)"
    " AND plate_id = ?1 AND status = 'IN'",
    [STORE_FIND_READ] = ROW_COLUMNS
    "WHERE id IN (SELECT visit FROM visit_plate WHERE plate = ?1 AND last = 9223372036854775807)"
    " AND plate_id <> ?1 AND status = 'IN'",
    [STORE_FIND_ROW] = ROW_COLUMNS "WHERE id = ?",
    [STORE_VISIT_JSON] =
        "SELECT json_object('id', id, 'event_id', event_id, 'source_central', source_central,"
        " 'edge_id', edge_id, 'plate_id', plate_id, 'plate_view', plate_view,"
        " 'entry_time', entry_time, 'entry_ms', entry_ms, 'entry_camera_id', entry_camera_id,"
        " 'entry_camera_name', entry_camera_name, 'entry_confidence', entry_confidence,"
        " 'entry_source', entry_source, 'exit_time', exit_time, 'exit_ms', exit_ms,"
        " 'exit_central', exit_central, 'exit_camera_id', exit_camera_id,"
        " 'exit_camera_name', exit_camera_name, 'exit_confidence', exit_confidence,"
        " 'exit_source', exit_source, 'duration', duration, 'fee', fee, 'status', status,"
        " 'superseded_by', superseded_by, 'last_location', last_location,"
        " 'last_location_time', last_location_time, 'is_anomaly', is_anomaly),"
        " json_object('id', id, 'event_id', event_id, 'plate_id', plate_id,"
        " 'plate_view', plate_view, 'entry_time', entry_time, 'exit_time', exit_time,"
        " 'fee', fee, 'status', status)"
        " FROM history WHERE id = ?",
    [STORE_COUNT_ADD] = "UPDATE visit_count SET entries = entries + ?4, exits = exits + ?5,"
                        " revenue = revenue + ?6, gone = gone + ?7"
                        " WHERE t = ?1 AND central = ?2 AND lot = ?3",
    [STORE_COUNT_NEW] = "INSERT INTO visit_count(t, central, lot, entries, exits, revenue, gone)"
                        " VALUES(?, ?, ?, ?, ?, ?, ?)",
    [STORE_COUNT_DROP] = "DELETE FROM visit_count WHERE t = ? AND central = ? AND lot = ?"
                         " AND entries = 0 AND exits = 0 AND revenue = 0 AND gone = 0",
    /* STORE_PART_ROWS ends of ?1; an absent one is ignored too. */
    [STORE_PART_ADD] = "INSERT OR IGNORE INTO plate_part(look, plate) VALUES(?2, ?1), (?3, ?1),"
                       " (?4, ?1), (?5, ?1), (?6, ?1), (?7, ?1), (?8, ?1), (?9, ?1)",
    [STORE_PART_DROP] = "DELETE FROM plate_part WHERE plate = ?1"
                        " AND look IN (?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [STORE_PART_NEW] = "INSERT INTO plate_new(plate) VALUES(?)",
    [STORE_PART_WAITING] = "SELECT id, plate FROM plate_new ORDER BY id LIMIT ?",
    [STORE_PART_DONE] = "DELETE FROM plate_new WHERE id <= ?",
    [STORE_PART_FORGET] = "DELETE FROM plate_new WHERE id = ?",
    [STORE_ODD_ADD] = "INSERT OR IGNORE INTO plate_odd(plate, bare) VALUES(?, ?)",
    [STORE_ODD_OF] = "SELECT bare FROM plate_odd WHERE plate = ?",
    [STORE_ODD_DROP] = "DELETE FROM plate_odd WHERE plate = ?",
    [STORE_PLATE_USED] = "SELECT 1 FROM visit_plate WHERE plate = ? LIMIT 1",
    [STORE_SYNCED_SET] =
        "INSERT INTO p2p_sync_state(peer_central_id, last_sync_timestamp, last_sync_time,"
        " updated_at) VALUES(?1, ?2, ?3, ?3) ON CONFLICT(peer_central_id) DO UPDATE SET"
        " last_sync_timestamp = ?2, last_sync_time = ?3, updated_at = ?3",
};

int store_prepare(struct store *store, struct problem *problem)
{
    for (size_t i = 0; i < STORE_STATEMENTS; i++) {
        if (!store->statements[i] &&
            sql_prepare(store->db, TEXTS[i], &store->statements[i], problem)) {
            return -1;
        }
    }
    return 0;
}

void store_finalize(struct store *store)
{
    for (size_t i = 0; i < STORE_STATEMENTS; i++) {
        sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
}

struct sql store_sql(struct store *store, enum store_statement which)
{
    return sql_start(store->statements[which]);
}
