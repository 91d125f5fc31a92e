"""The database of a central of the existing system (python_central.py), and what it does to rows.

Written from what such centrals were seen to do, mistakes included; each mistake is named by the id
that docs/compatibility.md gives it. It is quicker than the original, which opens the file for every
row and waits for the disk (R-35): that is of no matter here.
"""

import json
import math
import os
import re
import sqlite3
import time
from datetime import datetime

SCHEMA = """
CREATE TABLE IF NOT EXISTS history (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT, source_central TEXT, edge_id TEXT,
    plate_id TEXT NOT NULL, plate_view TEXT NOT NULL, entry_time TEXT NOT NULL,
    entry_camera_id INTEGER, entry_camera_name TEXT, entry_confidence REAL, entry_source TEXT,
    exit_time TEXT, exit_camera_id INTEGER, exit_camera_name TEXT, exit_confidence REAL,
    exit_source TEXT, duration TEXT, fee INTEGER DEFAULT 0, status TEXT NOT NULL,
    sync_status TEXT DEFAULT 'LOCAL', created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP, last_location TEXT, last_location_time TEXT,
    is_anomaly INTEGER DEFAULT 0);
CREATE INDEX IF NOT EXISTS idx_history_plate_id ON history(plate_id);
CREATE INDEX IF NOT EXISTS idx_history_status ON history(status);
CREATE INDEX IF NOT EXISTS idx_history_created_at ON history(created_at);
CREATE TABLE IF NOT EXISTS events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event_type TEXT NOT NULL, camera_id INTEGER NOT NULL,
    camera_name TEXT, camera_type TEXT, plate_text TEXT, confidence REAL, source TEXT,
    timestamp TEXT DEFAULT CURRENT_TIMESTAMP, data TEXT);
CREATE TABLE IF NOT EXISTS cameras (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, status TEXT DEFAULT 'offline',
    last_heartbeat TEXT, events_sent INTEGER DEFAULT 0, events_failed INTEGER DEFAULT 0,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP, updated_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE IF NOT EXISTS history_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, history_id INTEGER NOT NULL, change_type TEXT NOT NULL,
    old_plate_id TEXT, old_plate_view TEXT, new_plate_id TEXT, new_plate_view TEXT, old_data TEXT,
    new_data TEXT, changed_at TEXT DEFAULT CURRENT_TIMESTAMP, changed_by TEXT DEFAULT 'system');
CREATE TABLE IF NOT EXISTS parking_lots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, location_name TEXT NOT NULL UNIQUE,
    capacity INTEGER DEFAULT 0, camera_id INTEGER, camera_type TEXT, edge_id TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP, updated_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE IF NOT EXISTS p2p_sync_state (
    peer_central_id TEXT PRIMARY KEY, last_sync_timestamp INTEGER NOT NULL, last_sync_time TEXT,
    updated_at TEXT);
"""

LAYOUT = "%Y-%m-%d %H:%M:%S"
DAY_MS = 86400 * 1000
SYNC_ROWS = 5000


def now_ms():
    return int(time.time() * 1000)


def local_now():
    return datetime.now().strftime(LAYOUT)


def duration(entry, left):
    minutes = int((left - entry).total_seconds() // 60)
    return "%d giờ %d phút" % (minutes // 60, minutes % 60)


class Rows:
    """data/central.db, and the tariff beside it."""

    def __init__(self, directory):
        self.tariff_file = os.path.join(directory, "parking_fees.json")
        self.database = sqlite3.connect(os.path.join(directory, "central.db"), isolation_level=None)
        self.database.row_factory = sqlite3.Row
        self.database.execute("PRAGMA synchronous = OFF")
        self.database.executescript(SCHEMA)
        # Not of the original, which looks through the whole table for each id (D-02).
        self.database.execute("CREATE INDEX IF NOT EXISTS idx_history_event_id"
                              " ON history(event_id)")

    def close(self):
        self.database.close()

    def all(self, sql, *values):
        return [dict(row) for row in self.database.execute(sql, values)]

    def one(self, sql, *values):
        row = self.database.execute(sql, values).fetchone()
        return dict(row) if row else None

    def _insert(self, **columns):
        return self.database.execute("INSERT INTO history(%s) VALUES(%s)" % (
            ", ".join(columns), ", ".join("?" * len(columns))), list(columns.values())).lastrowid

    # ---- visits ----------------------------------------------------------------------------

    def named(self, event_id):
        return event_id and self.one("SELECT * FROM history WHERE event_id = ?", event_id)

    def inside(self, plate_id):
        """The open visit. It comes without its event_id: R-09, R-12 follow from that."""
        row = self.one("SELECT * FROM history WHERE plate_id = ? AND status = 'IN'"
                       " ORDER BY entry_time DESC", plate_id)
        if row:
            row.pop("event_id")
        return row

    def log(self, event, text):
        """Every event, those that are refused too (E-07)."""
        data = event.get("data") or {}
        self.database.execute(
            "INSERT INTO events(event_type, camera_id, camera_name, camera_type, plate_text,"
            " confidence, source, data) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            (event["type"], event["camera_id"], event.get("camera_name"), event.get("camera_type"),
             text, data.get("confidence", 0.0), data.get("source", "manual"), json.dumps(data)))

    def enter(self, event, event_id, plate_id, plate_view):
        """A camera's entry: the time is now, whatever the camera says (E-08)."""
        data, entry = event.get("data") or {}, local_now()
        number = self._insert(
            event_id=event_id, edge_id=data.get("edge_id"), plate_id=plate_id,
            plate_view=plate_view, entry_time=entry, entry_camera_id=event["camera_id"],
            entry_camera_name=event.get("camera_name"),
            entry_confidence=data.get("confidence", 0.0),
            entry_source=data.get("source", "manual"), status="IN")
        return {"history_id": number, "entry_time": entry, "event_id": event_id}

    def leave(self, event, row):
        """A camera's exit. The id is a new one (R-12)."""
        data, left = event.get("data") or {}, datetime.now().replace(microsecond=0)
        entry = datetime.strptime(row["entry_time"], LAYOUT)
        result = {"history_id": row["id"], "entry_time": row["entry_time"],
                  "exit_time": left.strftime(LAYOUT), "duration": duration(entry, left),
                  "fee": self.fee((left - entry).total_seconds())}
        self.database.execute(
            "UPDATE history SET exit_time = ?, exit_camera_id = ?, exit_camera_name = ?,"
            " exit_confidence = ?, exit_source = ?, duration = ?, fee = ?, status = 'OUT',"
            " updated_at = CURRENT_TIMESTAMP WHERE id = ?",
            (result["exit_time"], event["camera_id"], event.get("camera_name"),
             data.get("confidence", 0.0), data.get("source", "manual"), result["duration"],
             result["fee"], row["id"]))
        result["event_id"] = "central-%s_%d_%s" % (event["camera_id"], now_ms(), row["plate_id"])
        return result

    def fee(self, seconds):
        tariff = {"fee_base": 0.5, "fee_per_hour": 25000}
        if os.path.exists(self.tariff_file):
            with open(self.tariff_file, encoding="utf-8") as file:
                tariff.update(json.load(file))
        over = seconds / 3600 - tariff["fee_base"]
        return math.ceil(over) * tariff["fee_per_hour"] if over > 0 else 0

    def locate(self, plate_id, location, when):
        """Whether the car was inside; the last that is heard wins, not the newest (R-18)."""
        return self.database.execute(
            "UPDATE history SET last_location = ?, last_location_time = ?,"
            " updated_at = CURRENT_TIMESTAMP WHERE plate_id = ? AND status = 'IN'",
            (location, when, plate_id)).rowcount > 0

    def anomaly(self, event_id, plate_id, location, when, camera, source=None, edge="unknown"):
        """A car that only a lot camera saw. Nobody asks whether it has just left (R-17), or
        whether the id is known (E-13)."""
        self._insert(event_id=event_id, source_central=source, edge_id=edge, plate_id=plate_id,
                     plate_view=plate_id, entry_time=when, entry_camera_name=camera,
                     entry_confidence=0.0, entry_source="parking_lot_auto", status="IN",
                     sync_status="P2P", last_location=location, last_location_time=when,
                     is_anomaly=1)

    def edit(self, number, plate_id, plate_view):
        """The row of this number, whichever visit that is (R-08). Whether there was one."""
        old = self.one("SELECT * FROM history WHERE id = ?", number)
        if old is None:
            return False
        self.database.execute("UPDATE history SET plate_id = ?, plate_view = ?,"
                              " updated_at = CURRENT_TIMESTAMP WHERE id = ?",
                              (plate_id, plate_view, number))
        new = self.one("SELECT * FROM history WHERE id = ?", number)
        self._changed("UPDATE", old, new)
        return True

    def delete(self, number):
        old = self.one("SELECT * FROM history WHERE id = ?", number)
        if old is None:
            return False
        self.database.execute("DELETE FROM history WHERE id = ?", (number,))
        self._changed("DELETE", old, None)
        return True

    def _changed(self, kind, old, new):
        self.database.execute(
            "INSERT INTO history_changes(history_id, change_type, old_plate_id, old_plate_view,"
            " new_plate_id, new_plate_view, old_data, new_data) VALUES(?, ?, ?, ?, ?, ?, ?, ?)",
            (old["id"], kind, old["plate_id"], old["plate_view"], new and new["plate_id"],
             new and new["plate_view"], json.dumps(old), new and json.dumps(new)))

    def lot(self, name, capacity, camera, kind, edge):
        self.database.execute(
            "INSERT INTO parking_lots(location_name, capacity, camera_id, camera_type, edge_id)"
            " VALUES(?, ?, ?, ?, ?) ON CONFLICT(location_name) DO UPDATE SET capacity ="
            " excluded.capacity, camera_id = excluded.camera_id, camera_type ="
            " excluded.camera_type, edge_id = excluded.edge_id, updated_at = CURRENT_TIMESTAMP",
            (name, capacity, camera, kind, edge))

    # ---- what peers say --------------------------------------------------------------------

    def peer_enter(self, source, event_id, data):
        """An older entry of a plate that is inside should replace it and does not (R-09)."""
        if self.named(event_id) or self.inside(data.get("plate_id")):
            return
        edge = data.get("edge_id")
        self._insert(event_id=event_id, source_central=source, edge_id=str(edge),
                     plate_id=data.get("plate_id"), plate_view=data.get("plate_view"),
                     entry_time=data.get("entry_time"), entry_camera_name="%s/%s" % (source, edge),
                     entry_confidence=0.0, entry_source="p2p_sync", status="IN",
                     sync_status="SYNCED")

    def peer_leave(self, event_id, data):
        """An exit that comes before its entry is gone (R-11); one with an id that is not here
        closes whatever visit the plate has open (R-13)."""
        row = self.named(event_id) or self.inside(data["plate_id"])
        if row is None or row["status"] != "IN":
            return
        self.database.execute(
            "UPDATE history SET exit_time = ?, exit_camera_name = ?, exit_confidence = 0.0,"
            " exit_source = 'p2p_sync', duration = ?, fee = ?, status = 'OUT',"
            " updated_at = CURRENT_TIMESTAMP WHERE id = ?",
            (data.get("exit_time"), "%s/%s" % (data.get("exit_central"), data.get("exit_edge")),
             data.get("duration"), data.get("fee", 0), row["id"]))

    def since(self, instant_ms):
        """Rows for a SYNC_RESPONSE: created, not changed, since then (R-04); what is stored in UTC
        is compared with local time (R-01); the oldest 5000 (R-07)."""
        text = datetime.fromtimestamp(instant_ms / 1000).strftime(LAYOUT)
        rows = self.all("SELECT * FROM history WHERE created_at >= ? ORDER BY created_at, id"
                        " LIMIT ?", text, SYNC_ROWS)
        return [{key: value for key, value in row.items() if value is not None} for row in rows]

    def merge(self, responder, events):
        """Rows of a SYNC_RESPONSE. A known one is left as it is (R-03), a closed one is lost
        (R-02), and nobody looks for another open visit of the plate (R-10) or takes over where
        the car stands (R-19)."""
        self.database.execute("BEGIN")
        for row in events:
            if not row.get("event_id") or self.named(row["event_id"]):
                continue
            if row.get("status") != "IN" and row.get("exit_time"):
                continue
            try:
                self._insert(
                    event_id=row["event_id"], edge_id=row.get("edge_id"),
                    source_central=row.get("source_central") or responder,
                    plate_id=row.get("plate_id"), plate_view=row.get("plate_view"),
                    entry_time=row.get("entry_time"), entry_camera_id=row.get("entry_camera_id"),
                    entry_camera_name=row.get("entry_camera_name"),
                    entry_confidence=row.get("entry_confidence"), entry_source="sync",
                    status="IN", sync_status="SYNCED")
            except sqlite3.Error:
                continue
        self.database.execute("COMMIT")

    def last_sync(self, peer):
        row = self.one("SELECT last_sync_timestamp AS at FROM p2p_sync_state"
                       " WHERE peer_central_id = ?", peer)
        return row["at"] if row else now_ms() - 7 * DAY_MS

    def mark(self, peer):
        """"In sync until now", whatever was received (R-06, R-07, R-38)."""
        self.database.execute(
            "INSERT INTO p2p_sync_state VALUES(?, ?, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)"
            " ON CONFLICT(peer_central_id) DO UPDATE SET last_sync_timestamp ="
            " excluded.last_sync_timestamp, last_sync_time = excluded.last_sync_time,"
            " updated_at = excluded.updated_at", (peer, now_ms()))

    # ---- questions of pages ----------------------------------------------------------------

    def stats(self):
        """Days are those of UTC (T-01)."""
        return self.one(
            "SELECT (SELECT count(*) FROM history WHERE status = 'IN' AND exit_time IS NULL)"
            " AS vehicles_in_parking, (SELECT count(*) FROM history WHERE date(entry_time) ="
            " date('now')) AS entries_today, (SELECT count(*) FROM history WHERE status = 'OUT'"
            " AND date(exit_time) = date('now')) AS exits_today, (SELECT coalesce(sum(fee), 0)"
            " FROM history WHERE status = 'OUT' AND date(exit_time) = date('now'))"
            " AS revenue_today")

    def history(self, query):
        """GET /api/parking/history: newest row first by created_at, which is no order (D-11)."""
        where, values = ["1"], []
        if query.get("in_parking_only") == "true":
            where.append("status = 'IN' AND exit_time IS NULL")
        elif query.get("status"):
            where.append("status = ?")
            values.append(query["status"])
        if query.get("search"):
            where.append("replace(replace(replace(plate_view, ' ', ''), '-', ''), '.', '') LIKE ?")
            values.append("%" + re.sub("[ .-]", "", query["search"].upper()) + "%")
        return self.all("SELECT * FROM history WHERE %s ORDER BY created_at DESC LIMIT ? OFFSET ?"
                        % " AND ".join(where), *values, int(query.get("limit", 100)),
                        int(query.get("offset", 0)))
