"""Staff, subscriptions and tariff: set anywhere, the same everywhere, also where somebody was away."""

import json
import os

import log_dump
from cluster import (expect, expect_equal, now, plate, run, wait_equal_digests, wait_linked,
                     wait_until)


def person(number, name, status="active"):
    return {"id": number, "name": name, "position": "Bảo vệ", "phone": "0900", "shift": "Ca đêm",
            "status": status}


def subscription(number, plate_text, status="active", **more):
    return {"id": number, "plate_number": plate_text, "owner_name": "An", "type": "monthly",
            "status": status, **more}


def staff(central):
    answer = central.get("/api/staff")
    expect_equal((answer.status, answer.json["success"]), (200, True), "staff of " + central.name)
    return {element["id"]: element for element in answer.json["staff"]}


def put(central, what, elements, **options):
    answer = central.put("/api/" + what, {what: elements}, **options)
    expect(answer.status == 200 and answer.json["success"], "PUT", what, answer)
    return answer.json


def start(cluster, count=3, zone="Asia/Ho_Chi_Minh"):
    centrals = cluster.mesh(*["central-%d" % (i + 1) for i in range(count)])
    for central in centrals:
        central.start(zone)
    wait_linked(centrals)
    return centrals


def same_everywhere(centrals):
    wait_equal_digests(centrals)
    first = staff(centrals[0])
    for central in centrals:
        expect_equal(staff(central), first, "staff at " + central.name)
        expect_equal(log_dump.difference(central), None, "second fold of " + central.name)
    return first


def one_away(cluster):
    """Edits of different elements at two separated centrals both stay; of one, the later."""
    a, b, c = centrals = start(cluster)
    answer = put(a, "staff", [person(1, "An"), person(2, "Bình"), person(3, "Chi")])
    expect_equal(answer["changed"], 3, "events")
    expect(answer["position"]["seq"] == 3, "position", answer)
    wait_until(lambda: len(staff(c)) == 3, 10, "staff at C")
    tags = {central.get("/api/staff").headers["ETag"] for central in centrals[:1] + [c]}
    expect_equal(len(tags), 1, "one tag for one list")

    c.stop()
    put(a, "staff", [person(1, "An", "inactive"), person(2, "Bình"), person(3, "Chi")])
    put(b, "subscriptions", [subscription(1, "51F-204.17")])
    expect_equal(b.put("/api/parking/fees", {"fees": {"fee_per_hour": 30000}}).status, 200, "fees")
    wait_equal_digests([a, b])
    a.stop()
    b.stop()
    c.start("UTC")  # alone, with what it knew
    put(c, "staff", [person(1, "An"), person(2, "Bình"), person(4, "Dung")])
    a.start("Asia/Ho_Chi_Minh")
    b.start("Asia/Ho_Chi_Minh")
    wait_linked(centrals)
    people = same_everywhere(centrals)
    expect_equal(sorted(people), [1, 2, 4], "3 was removed at C, 4 is new there")
    expect_equal(people[1]["status"], "inactive", "1 was changed at A only")
    for central in centrals:
        fees = central.get("/api/parking/fees").json
        expect_equal((fees["fees"]["fee_per_hour"], fees["source"]), (30000, "log"), "fees")
        expect_equal(central.get("/api/subscriptions").json["subscriptions"],
                     [subscription(1, "51F-204.17")], "subscriptions")


def f_01_subscribers_pay_nothing(cluster):
    a, b, _ = centrals = start(cluster)
    put(b, "subscriptions", [subscription(1, "51f 204.17"),
                             subscription(2, "51F-204.18", end_date="2020-01-01"),
                             subscription(3, "51F-204.19", status="inactive")])
    wait_equal_digests(centrals)
    fees = {}
    for plate_text in ("51F-204.17", "51F-204.18", "51F-204.19"):
        ts = now() - 8000  # in the midst of its second hour to be paid
        a.entry(plate_text, ts=ts)
        look = a.post("/api/edge/detection", {
            "edge_id": "1", "plate_id": plate_text.lower(), "plate_view": plate_text,
            "camera_type": "car", "direction": "EXIT", "confidence": 0.9}).json["vehicle_info"]
        fees[plate_text] = a.exit(plate_text).json["fee"]
        expect_equal(look["fee"], fees[plate_text], "preview of " + plate_text)
    expect_equal(fees, {"51F-204.17": 0, "51F-204.18": 50000, "51F-204.19": 50000}, "fees")
    put(b, "subscriptions", [])
    same_everywhere(centrals)
    expect_equal({row["plate_view"]: row["fee"] for row in b.history().values()}, fees,
                 "fees once taken")


def d_03_an_absent_list_is_no_empty_one(cluster):
    (a,) = start(cluster, 1)
    put(a, "staff", [person(1, "An")])
    for path in ("/api/staff", "/api/subscriptions", "/api/parking/fees"):
        answer = a.put(path, {})
        expect_equal((answer.status, answer.json["code"]), (400, "FIELD_INVALID"), path)
    expect_equal(list(staff(a)), [1], "staff")
    old = a.get("/api/staff").headers["ETag"]
    put(a, "staff", [person(1, "An"), person(2, "Bình")], headers={"If-Match": old})
    answer = a.put("/api/staff", {"staff": []}, headers={"If-Match": old})
    expect_equal((answer.status, answer.json["code"]), (412, "PRECONDITION_FAILED"), "old tag")
    expect_equal(len(staff(a)), 2, "staff")


def files_of_the_existing_system(cluster):
    """Taken over only where the log has none from anywhere."""
    a, b = centrals = cluster.mesh("central-1", "central-2")
    files = {"staff.json": [person(1, "Cũ")],
             "subscriptions.json": [subscription(1, "51F-204.17"), {"id": 2}],
             "parking_fees.json": {"fee_base": 1, "fee_per_hour": 10000}}
    for name, content in files.items():
        with open(os.path.join(a.data, name), "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False)
    a.start()
    b.start()
    wait_linked(centrals)
    same_everywhere(centrals)
    expect_equal(staff(b), {1: person(1, "Cũ")}, "staff of the file")
    expect_equal(b.get("/api/parking/fees").json["fees"], {"fee_base": 1, "fee_per_hour": 10000},
                 "tariff of the file")
    put(b, "staff", [])
    wait_equal_digests(centrals)
    events = a.event_count()
    a.stop()
    a.start()
    wait_linked(centrals)
    expect_equal((staff(a), a.event_count()), ({}, events), "nothing is imported again")
    expect(os.path.exists(os.path.join(a.data, "staff.json")), "the file stays")
    expect("IMPORTED" in a.log(), "told in the log")


def lots(central):
    answer = central.get("/api/parking/occupancy")
    expect_equal(answer.status, 200, "occupancy of " + central.name)
    return {lot["camera"]["name"]: (lot["occupancy"]["total_capacity"],
                                    [car["plate_id"] for car in lot["occupancy"]["vehicles"]])
            for lot in answer.json["parking_lots"]}


def lot_camera(central, name, capacity):
    answer = central.post("/api/edge/sync-config", {"edge_cameras": {"7": {
        "name": name, "ip": "127.0.0.77", "camera_type": "PARKING_LOT",
        "parking_lot_capacity": capacity}}})
    expect(answer.status == 200 and answer.json["success"], "sync-config", answer)


def r_21_lots_are_known_where_somebody_was_away(cluster):
    """A lot, the cars in it and its other name reach the central that was away."""
    centrals = start(cluster)
    a, b, c = centrals
    c.stop()
    lot_camera(a, "Tầng B1", 40)
    car = plate(1)
    a.entry(car)
    a.event("LOCATION_UPDATE", car, camera=7, camera_type="PARKING_LOT", data={
        "location": "Tầng B1"})
    wait_until(lambda: lots(b) == {"Tầng B1": (40, [car])}, 20, "lot and car at B")
    c.start("Asia/Ho_Chi_Minh")
    wait_linked(centrals)
    wait_until(lambda: lots(c) == {"Tầng B1": (40, [car])}, 20, "lot and car at C")
    lot_camera(a, "Tầng B2", 30)  # the same camera: the old lot goes with its name
    for central in centrals:
        wait_until(lambda one=central: lots(one) == {"Tầng B2": (30, [])}, 20,
                   "the other name at " + central.name)
    wait_equal_digests(centrals)


run(one_away, f_01_subscribers_pay_nothing, d_03_an_absent_list_is_no_empty_one,
    files_of_the_existing_system, r_21_lots_are_known_where_somebody_was_away)
