"""A central.db of the existing Python system opens in place, with what is met in the field."""

import os
import sqlite3

from cluster import expect, expect_equal, run, wait_equal_digests, wait_linked, wait_same

ZONE = "Asia/Ho_Chi_Minh"

SCHEMA = """
CREATE TABLE history (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT, source_central TEXT, edge_id TEXT,
    plate_id TEXT NOT NULL, plate_view TEXT NOT NULL, entry_time TEXT NOT NULL,
    entry_camera_id INTEGER, entry_camera_name TEXT, entry_confidence REAL, entry_source TEXT,
    exit_time TEXT, exit_camera_id INTEGER, exit_camera_name TEXT, exit_confidence REAL,
    exit_source TEXT, duration TEXT, fee INTEGER DEFAULT 0, status TEXT NOT NULL,
    sync_status TEXT DEFAULT 'LOCAL', created_at TEXT DEFAULT CURRENT_TIMESTAMP,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP);
ALTER TABLE history ADD COLUMN last_location TEXT;
ALTER TABLE history ADD COLUMN last_location_time TEXT;
ALTER TABLE history ADD COLUMN is_anomaly INTEGER DEFAULT 0;
CREATE INDEX idx_history_plate_id ON history(plate_id);
CREATE INDEX idx_history_status ON history(status);
CREATE INDEX idx_history_created_at ON history(created_at);
CREATE INDEX idx_history_event_id ON history(event_id);
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT, event_type TEXT NOT NULL, camera_id INTEGER NOT NULL,
    camera_name TEXT, camera_type TEXT, plate_text TEXT, confidence REAL, source TEXT,
    timestamp TEXT DEFAULT CURRENT_TIMESTAMP, data TEXT);
CREATE TABLE cameras (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, type TEXT NOT NULL, status TEXT DEFAULT 'offline',
    last_heartbeat TEXT, events_sent INTEGER DEFAULT 0, events_failed INTEGER DEFAULT 0,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP, updated_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE history_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT, history_id INTEGER NOT NULL, change_type TEXT NOT NULL,
    old_plate_id TEXT, old_plate_view TEXT, new_plate_id TEXT, new_plate_view TEXT, old_data TEXT,
    new_data TEXT, changed_at TEXT DEFAULT CURRENT_TIMESTAMP, changed_by TEXT DEFAULT 'system');
CREATE TABLE parking_lots (
    id INTEGER PRIMARY KEY AUTOINCREMENT, location_name TEXT NOT NULL UNIQUE,
    capacity INTEGER DEFAULT 0, camera_id INTEGER, camera_type TEXT, edge_id TEXT,
    created_at TEXT DEFAULT CURRENT_TIMESTAMP, updated_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE p2p_sync_state (
    peer_central_id TEXT PRIMARY KEY, last_sync_timestamp INTEGER NOT NULL, last_sync_time TEXT,
    updated_at TEXT DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE vehicles (plate_id TEXT UNIQUE, status TEXT);
"""

COLUMNS = ("id", "event_id", "source_central", "edge_id", "plate_id", "plate_view", "entry_time",
           "exit_time", "duration", "fee", "status", "sync_status", "last_location",
           "last_location_time", "is_anomaly")
ROWS = [
    (3, "central-1_1741000000000_30A00001", None, "edge-1", "30A00001", "30A-000.01",
     "2025-03-03 08:00:00", "2025-03-03 10:10:00", "2 giờ 10 phút", 50000, "OUT", "LOCAL", None,
     None, 0),
    # No id: one is derived from the row.
    (4, None, None, None, "30A00002", "30A-000.02", "2025-03-03 09:00:00", None, None, 0, "IN",
     "P2P", None, None, 0),
    # From a peer, parked, an anomaly.
    (7, "central-2_1741003600000_30A00003", "central-2", "edge-9", "30A00003", "30A-000.03",
     "2025-03-03 09:00:00", None, None, 0, "IN", "SYNCED", "Deck B", "2025-03-03 09:05:00", 1),
    # Two open rows of one plate: the earlier stays open.
    (8, "central-1_1741010000000_30A00004", None, None, "30A00004", "30A-000.04",
     "2025-03-03 10:00:00", None, None, 0, "IN", "LOCAL", None, None, 0),
    (9, "central-1_1741013600000_30A00004", None, None, "30A00004", "30A-000.04",
     "2025-03-03 11:00:00", None, None, 0, "IN", "LOCAL", None, None, 0),
    # One id twice: the closed one is the truth.
    (10, "central-1_1741020000000_30A00005", None, None, "30A00005", "30A-000.05",
     "2025-03-03 12:00:00", None, None, 0, "IN", "LOCAL", None, None, 0),
    (11, "central-1_1741020000000_30A00005", None, None, "30A00005", "30A-000.05",
     "2025-03-03 12:00:00", "2025-03-03 12:20:00", "0 giờ 20 phút", 0, "OUT", "SYNCED", None, None,
     0),
]


def build(path, schema=SCHEMA, columns=COLUMNS, rows=ROWS):
    database = sqlite3.connect(path)
    database.executescript(schema)
    database.executemany("INSERT INTO history(%s) VALUES(%s)" % (
        ", ".join(columns), ", ".join("?" * len(columns))), rows)
    database.commit()
    database.close()


def r_32_opens_in_place(cluster):
    """Rows without an event_id get one, so that they replicate."""
    a, b = cluster.mesh("central-1", "central-2", timezone=ZONE)
    build(a.database)
    a.start(ZONE)
    beside = [name for name in os.listdir(a.data) if "central.db" in name and
              not name.endswith(("central.db", "-wal", "-shm"))]
    backups = []
    for name in beside:
        with open(os.path.join(a.data, name), "rb") as file:
            if file.read(15) == b"SQLite format 3":
                backups.append(os.path.join(a.data, name))
    expect_equal(len(backups), 1, "backup beside it, of %s" % beside)
    copy = sqlite3.connect("file:%s?mode=ro" % backups[0], uri=True)
    old = copy.execute("SELECT %s FROM history ORDER BY id" % ", ".join(COLUMNS)).fetchall()
    copy.close()
    expect_equal(old, ROWS, "rows of the backup")

    by_id = {row["id"]: row for row in a.history().values()}
    expect({3, 4, 7, 8} <= set(by_id), "row numbers", sorted(by_id))
    for wanted in (ROWS[0], ROWS[2], ROWS[3]):
        wanted = dict(zip(COLUMNS, wanted))
        got = by_id[wanted["id"]]
        for name in ("event_id", "plate_id", "plate_view", "entry_time", "exit_time", "duration",
                     "fee", "status", "last_location", "last_location_time", "is_anomaly"):
            expect_equal(got[name], wanted[name], "%s of row %d" % (name, wanted["id"]))
    expect(by_id[4]["event_id"], "an id was derived")
    expect_equal(by_id[7]["source_central"], "central-2", "origin")
    closed = [r for r in a.history(status="OUT").values() if r["plate_id"] == "30A00005"]
    expect_equal([(r["exit_time"], r["fee"]) for r in closed], [("2025-03-03 12:20:00", 0)],
                 "two rows of one id")
    inside = a.get("/api/stats").json["vehicles_in_parking"]
    expect_equal(inside, 3, "inside")
    expect_equal(a.twice_inside(), [], "twice inside")

    b.start(ZONE)
    wait_linked([a, b])
    wait_same([a, b])
    events = a.event_count()
    a.stop()
    a.start(ZONE)
    expect_equal(a.event_count(), events, "imported once")
    wait_linked([a, b])
    wait_same([a, b])
    wait_equal_digests([a, b])

    # The car is known at the other gate, and pays from its entry.
    answer = b.exit("30A-000.04")
    expect_equal((answer.json["success"], answer.json["event_id"]),
                 (True, "central-1_1741010000000_30A00004"), "exit at B")
    expect(answer.json["fee"] > 25000 * 24 * 300, answer)


def both_have_it(cluster):
    """Two Python centrals that replicated to each other migrate: nothing is doubled."""
    a, b = cluster.mesh("central-1", "central-2", timezone=ZONE)
    build(a.database)
    # At B the same visits under other row numbers, seen from the other side; one had not left yet.
    other = []
    for row in ROWS:
        row = dict(zip(COLUMNS, row))
        if row["event_id"] is None or row["id"] == 11:
            continue
        row["id"] += 100
        row["source_central"] = None if row["source_central"] == "central-2" else "central-1"
        if row["id"] == 103:
            row.update(exit_time=None, duration=None, fee=0, status="IN")
        other.append(tuple(row[name] for name in COLUMNS))
    build(b.database, rows=other)
    a.start(ZONE)
    b.start(ZONE)
    wait_linked([a, b])
    visits = wait_same([a, b])
    expect_equal(len(visits), 6, "visits")
    expect_equal(visits[ROWS[0][1]][4:6], (50000, "OUT"), "OUT beats IN")
    wait_equal_digests([a, b])


def early_file(cluster):
    """A file of an early version: a stray column, columns missing, `vehicles` beside it."""
    central, = cluster.mesh("central-1", timezone=ZONE)
    schema = """
        CREATE TABLE history (
            id INTEGER PRIMARY KEY AUTOINCREMENT, plate_id TEXT NOT NULL, plate_view TEXT NOT NULL,
            entry_time TEXT NOT NULL, entry_camera_id INTEGER, entry_camera_name TEXT,
            exit_time TEXT, fee INTEGER DEFAULT 0, status TEXT NOT NULL, TEXT TEXT,
            created_at TEXT DEFAULT CURRENT_TIMESTAMP);
        CREATE TABLE vehicles (plate_id TEXT UNIQUE, status TEXT);
        INSERT INTO vehicles VALUES('30A99999', 'IN');"""
    build(central.database, schema, ("id", "plate_id", "plate_view", "entry_time", "status"),
          [(1, "30A00001", "30A-000.01", "2025-03-03 08:00:00", "IN"),
           (2, "30A00002", "30A-000.02", "2025-03-03T08:30:00", "IN"),
           (3, "30A00003", "30A-000.03", "yesterday", "IN")])
    central.start(ZONE)
    rows = {row["plate_id"]: row for row in central.history().values()}
    expect_equal(rows["30A00001"]["entry_time"], "2025-03-03 08:00:00", "entry")
    expect(rows["30A00001"]["event_id"], "event_id")
    expect("30A00002" in rows, "a time with a T", rows)
    expect("30A99999" not in rows, "vehicles are ignored")
    expect(central.entry("30A-000.09").json["success"], "entry")


def only_vehicles(cluster):
    """An early design with no history at all."""
    central, = cluster.mesh("central-1")
    database = sqlite3.connect(central.database)
    database.execute("CREATE TABLE vehicles (plate_id TEXT UNIQUE, status TEXT)")
    database.execute("INSERT INTO vehicles VALUES('30A99999', 'IN')")
    database.commit()
    database.close()
    central.start()
    expect_equal(central.history(), {}, "history")
    expect(central.entry("30A-000.01").json["success"], "entry")


if __name__ == "__main__":
    run(r_32_opens_in_place, both_have_it, early_file, only_vehicles)
