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


def d_09_capacity_that_is_no_number(mesh):
    """A lot with a senseless capacity is refused, and the list of lots is whole."""
    a = mesh.centrals[0]
    register_lot(a, 41, "Deck D", 12)
    for capacity in ("x", -1, 1e99, [], True):
        answer = register_lot(a, 41, "Deck D", capacity)
        expect_equal((answer.status, answer.json["success"]), (400, False), str(answer))
    register_lot(a, 41, "Deck D", None)
    expect(isinstance(lots(a)["Deck D"]["total_capacity"], int), lots(a))


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


def d_14_renamed_lot(mesh):
    """A lot camera gets another name: the old lot is gone from the list, or empty of capacity."""
    a, b = mesh.centrals
    register_lot(a, 42, "Deck Old", 30)
    wait_until(lambda: "Deck Old" in lots(b), 20, "at B")
    register_lot(a, 42, "Deck New", 30)
    for central in (a, b):
        wait_until(lambda c=central: lots(c).get("Deck New", {}).get("total_capacity") == 30 and
                   "Deck Old" not in lots(c), 20, lambda c=central: lots(c))


def t_05_changes_say_their_zone(mesh):
    """Under /api/v1/ the time of a change carries its offset, so that no reader has to guess one."""
    a = mesh.centrals[0]
    entered = a.entry(mesh.plate()).json
    a.delete("/api/parking/history/%d" % entered["history_id"])
    story = a.get("/api/v1/visits/" + entered["event_id"])
    expect_equal(story.status, 200, str(story))
    change = [event for event in story.json["events"] if event["kind"] == "HISTORY_DELETE"][0]
    for key in ("time", "logged_at"):
        moment = datetime.fromisoformat(change[key])
        expect(moment.tzinfo is not None and abs(moment.timestamp() - now()) < 300, key, change)


def f_01_subscribers_pay_nothing(mesh):
    """A subscriber pays nothing while the subscription is valid, its last day included, at every
    central; others pay."""
    a, b = mesh.centrals
    wait_until(lambda: 86400 - now() % 86400 > 30, 31, "the next day")  # "today" is one day below
    today = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    cars = [mesh.plate() for _ in range(5)]
    put(a, "/api/subscriptions", {"subscriptions": [
        subscriber(1, cars[0]), subscriber(2, cars[1][:3] + "-" + cars[1][3:], end_date=today),
        subscriber(3, cars[2], status="inactive"),
        subscriber(4, cars[3], end_date="2020-01-31", start_date="2020-01-01")]})
    wait_until(lambda: len(b.get("/api/subscriptions").json["subscriptions"]) == 4, 20, "at B")
    base = now() - 7200
    for car, wanted in zip(cars, (0, 0, fee(7200), fee(7200), fee(7200))):
        name = a.entry(car, ts=base).json["event_id"]
        row(b, name)
        left = b.exit(car).json  # by b's own clock, which is after the list's
        expect_equal((left["success"], left["fee"]), (True, wanted), car)
        row(a, name, status="OUT", fee=wanted)


def f_04_one_tariff(mesh):
    """The settings page and the tariff's own path show and change one tariff, in force at once."""
    a, b = mesh.centrals
    before = a.get("/api/parking/fees").json["fees"]
    answer = a.post("/api/config", {"parking": {"fee_base": 0.5, "fee_per_hour": 31000}})
    expect_equal((answer.status, answer.json["success"]), (200, True), str(answer))
    for central in (a, b):
        wait_until(lambda c=central: c.get("/api/parking/fees").json["fees"]["fee_per_hour"] ==
                   c.get("/api/config").json["config"]["parking"]["fee_per_hour"] == 31000, 20,
                   "at " + central.name)
    car = mesh.plate()
    a.entry(car, ts=now() - 3600)
    expect_equal(a.exit(car).json["fee"], 31000, "fee")
    put(a, "/api/parking/fees", {"fees": before})
    wait_until(lambda: b.get("/api/config").json["config"]["parking"]["fee_per_hour"] ==
               before["fee_per_hour"], 20, "put back")


def r_21_settings_reach_who_was_away(mesh):
    """Lots, tariff, staff and subscribers that were set while B was away are there when it is back."""
    a, b = mesh.centrals
    car = mesh.plate()
    before = a.get("/api/parking/fees").json["fees"]
    with away(b):
        register_lot(a, 43, "Deck R", 21)
        put(a, "/api/staff", {"staff": [{**PERSON, "id": 77}]})
        put(a, "/api/subscriptions", {"subscriptions": [subscriber(78, car)]})
        put(a, "/api/parking/fees", {"fees": {**before, "fee_per_hour": 9000}})
    wait_until(lambda: lots(b).get("Deck R", {}).get("total_capacity") == 21, 20, "the lot")
    for path, key in (("/api/staff", "staff"), ("/api/subscriptions", "subscriptions")):
        wait_until(lambda p=path: b.get(p).json.get(key) == a.get(p).json[key] != [], 20, path)
    wait_until(lambda: b.get("/api/parking/fees").json["fees"]["fee_per_hour"] == 9000, 20, "fees")
    put(b, "/api/parking/fees", {"fees": before})
    wait_until(lambda: a.get("/api/parking/fees").json["fees"] == before, 20, "put back")
    wait_same([a, b])


with Standing("central-1", "central-2") as stage:
    run(d_02_p_01_p_06_look_ups_use_indexes, d_03_empty_bodies_change_nothing,
        d_04_killed_while_saving, d_09_capacity_that_is_no_number,
        d_13_refused_events_hold_nothing, d_14_renamed_lot, t_05_changes_say_their_zone,
        f_01_subscribers_pay_nothing, f_04_one_tariff, r_21_settings_reach_who_was_away,
        stage=stage)
