"""Defects of the existing system in what is stored and what is charged: D, T, F, and R-21."""

import json
import os
import sqlite3
import threading
from datetime import datetime, timedelta, timezone

from cluster import expect, expect_equal, fee, now, run, wait_same, wait_until
from standing import Standing, away, row

PERSON = {"id": 1, "name": "Đỗ Văn Z", "position": "Bảo vệ", "phone": "0900000009",
          "shift": "Ca ngày", "status": "active"}


def subscriber(number, plate, **more):
    today = datetime.now(timezone.utc)
    return {"id": number, "plate_number": plate, "owner_name": "Z", "type": "monthly",
            "status": "active", "start_date": (today - timedelta(30)).strftime("%Y-%m-%d"),
            "end_date": (today + timedelta(30)).strftime("%Y-%m-%d"), "phone": "09", "note": "",
            **more}


def put(central, path, body):
    answer = central.put(path, body)
    expect_equal((answer.status, answer.json["success"]), (200, True), str(answer))


def lots(central):
    answer = central.get("/api/parking/occupancy")
    expect_equal(answer.status, 200, str(answer))
    return {one["camera"]["name"]: one["occupancy"] for one in answer.json["parking_lots"]}


def register_lot(central, number, name, capacity):
    return central.post("/api/edge/sync-config", {"edge_cameras": {str(number): {
        "name": name, "ip": central.ip, "camera_type": "PARKING_LOT",
        "parking_lot_capacity": capacity}}})


def d_02_p_01_p_06_look_ups_use_indexes(mesh):
    """Whatever an event looks up, by name or by plate, is found by an index and never by a scan."""
    a = mesh.centrals[0]
    a.entry(mesh.plate())
    database = sqlite3.connect("file:%s?mode=ro" % a.database, uri=True)
    try:
        for table, column in (("visit", "name"), ("visit_plate", "plate")):
            plan = " ".join(str(step) for step in database.execute(
                "EXPLAIN QUERY PLAN SELECT * FROM %s WHERE %s = 'x'" % (table, column)))
            expect("SEARCH" in plan and "SCAN" not in plan, table, plan)
        plan = str(database.execute(
            "EXPLAIN QUERY PLAN SELECT * FROM history WHERE id = 1").fetchall())
        expect("SEARCH" in plan, "a visit's row", plan)
        unique = [index for index in database.execute("PRAGMA index_list(visit)").fetchall()
                  if index[2] and [column[2] for column in database.execute(
                      "PRAGMA index_info(%s)" % index[1])] == ["name"]]
        expect(unique, "event_id is not unique")
    finally:
        database.close()


def d_03_empty_bodies_change_nothing(mesh):
    """PUT of {} is refused: it is no empty list."""
    a = mesh.centrals[0]
    put(a, "/api/staff", {"staff": [PERSON]})
    put(a, "/api/subscriptions", {"subscriptions": [subscriber(1, mesh.plate())]})
    for path, key in (("/api/staff", "staff"), ("/api/subscriptions", "subscriptions")):
        for body in ({}, {key: None}, {key: "x"}, {key: [1]}):
            answer = a.put(path, body)
            expect_equal((answer.status, answer.json["success"]), (400, False), json.dumps(body))
        expect_equal(len(a.get(path).json[key]), 1, path)


def d_04_killed_while_saving(mesh):
    """kill -9 in the middle of saves: every file and list is the old or the new one, whole."""
    central = mesh.another()
    saved, stop = [0], threading.Event()

    def save():
        while not stop.is_set():
            try:
                number = saved[0] + 1
                central.put("/api/staff", {"staff": [{**PERSON, "id": number}] * 1})
                central.put("/api/p2p/config", {"peer_centrals": [
                    {"id": "central-%d" % (number % 5 + 20), "ip": "127.0.0.%d" % (number % 9 + 1)}]})
                saved[0] = number
            except OSError:
                return
    for _ in range(3):
        stop.clear()
        saver = threading.Thread(target=save, daemon=True)
        saver.start()
        before = saved[0]
        wait_until(lambda b=before: saved[0] >= b + 5, 20, "some saves")
        central.kill9()
        stop.set()
        saver.join()
        central.read_config()  # or it raises
        central.start()
        staff = central.get("/api/staff").json
        expect_equal((staff["success"], len(staff["staff"])), (True, 1), staff)
        expect(staff["staff"][0]["id"] >= saved[0], staff, "older than", saved[0])
        expect_equal([name for name in os.listdir(os.path.dirname(central.config_file))
                      if name != "p2p_config.json" and name.endswith(".json")], [], "left behind")
    central.stop()


def d_13_refused_events_hold_nothing(mesh):
    """Hundreds of events that cannot be stored leave no connection or file open behind them."""
    a = mesh.centrals[0]

    def files():
        return len(os.listdir("/proc/%d/fd" % a.process.pid))
    a.event("ENTRY", "AB1")
    before = files()
    for number in range(300):
        answer = a.post("/api/edge/event", {"type": "ENTRY", "data": {"plate_text": None},
                                            "camera_id": number})
        expect_equal((answer.status, answer.code), (400, "PLATE_UNUSABLE"), str(answer))
    expect(files() <= before + 3, "files", before, files())
    expect(a.entry(mesh.plate()).json["success"], "goes on")


with Standing("central-1", "central-2") as stage:
    run(d_02_p_01_p_06_look_ups_use_indexes, d_03_empty_bodies_change_nothing,
        d_04_killed_while_saving, d_13_refused_events_hold_nothing, stage=stage)
