"""What went wrong at the gates, in the data, with time and money: each defect by its letter, and
what happens instead. One central."""

import json
import time
from datetime import datetime, timedelta
from urllib.parse import quote
from zoneinfo import ZoneInfo

from cluster import expect, expect_equal, fee, need_faketime, now, plate, run, wait_until

VIETNAM = "Asia/Ho_Chi_Minh"


def alone(cluster, zone="UTC", **options):
    central, = cluster.mesh("central-1")
    return central.start(zone, **options)


def stay(central, number, seconds, until=None):
    """A visit of so many seconds that ends now; the answer to its exit."""
    until = now() if until is None else until
    expect(central.entry(plate(number), ts=until - seconds).json["success"], "entry")
    answer = central.exit(plate(number), ts=until)
    expect(answer.json["success"], answer)
    return answer.json


def e_01_exit_names_the_entry(cluster):
    """E-01: an exit with the entry's event_id closes the visit; the same exit again is repeated."""
    central = alone(cluster)
    base = now() - 7200
    name = "edge-1_%d_%s" % (base * 1000, plate(1))
    central.entry(plate(1), name, ts=base)
    left = central.exit(plate(1), name, ts=base + 3600)
    expect_equal((left.json["success"], left.json.get("deduped", False), left.json["fee"]),
                 (True, False, fee(3600)), str(left))
    again = central.exit(plate(1), name, ts=base + 3600)
    expect_equal((again.status, again.json["success"], again.json["deduped"],
                  again.json["event_id"]), (200, True, True, name), str(again))
    expect_equal(central.history()[name]["status"], "OUT", "visit")
    expect_equal(central.event_count(), 2, "events")


def e_03_e_04_e_06_edge_delete_and_update(cluster):
    """E-03, E-04, E-06: by event_id only, one record each, sound plates only."""
    central = alone(cluster)
    first = central.entry(plate(1)).json["event_id"]
    second = central.entry(plate(2)).json["event_id"]
    answer = central.post("/api/edge/event", {"type": "DELETE", "camera_id": 1, "history_id": 1,
                                              "data": {"history_id": 1}})
    expect_equal((answer.status, answer.json["success"], answer.code),
                 (200, False, "DELETE_WITHOUT_ID"), str(answer))
    expect_equal(set(central.history()), {first, second}, "nothing was deleted")

    answer = central.post("/api/edge/event", {
        "type": "UPDATE", "camera_id": 1, "event_id": second, "history_id": 1,
        "data": {"plate_text": "51F-123.45"}})
    expect_equal((answer.status, answer.json["success"]), (200, True), str(answer))
    rows = central.history()
    expect_equal((rows[first]["plate_id"], rows[second]["plate_id"], rows[second]["plate_view"]),
                 (plate(1), "51F12345", "51F-123.45"), "plates")
    answer = central.post("/api/edge/event", {"type": "UPDATE", "camera_id": 1, "event_id": second,
                                              "data": {"plate_text": ""}})
    expect_equal((answer.status, answer.code), (400, "PLATE_UNUSABLE"), str(answer))
    answer = central.post("/api/edge/event", {"type": "DELETE", "camera_id": 1,
                                              "data": {"event_id": first}})
    expect(answer.status == 200, answer)
    if answer.json["success"]:
        expect(first not in central.history(), "deleted by data.event_id")
    answer = central.post("/api/edge/event", {"type": "DELETE", "camera_id": 1,
                                              "event_id": second})
    expect_equal((answer.status, answer.json["success"]), (200, True), str(answer))
    expect(second not in central.history(), "deleted")
    changes = [c for c in central.get("/api/parking/history/changes").json["changes"]
               if c["old_data"]["event_id"] == second]
    expect_equal([c["change_type"] for c in changes], ["DELETE", "UPDATE"], "changes, newest first")


def r_18_e_06_location_update(cluster):
    """E-06: over HTTP as over the socket; a sighting from before is stale (R-18)."""
    central = alone(cluster)
    base = now() - 7200
    name = central.entry(plate(1), ts=base).json["event_id"]
    for moment, lot in ((base + 600, "Deck B"), (base + 300, "Deck A")):
        answer = central.post("/api/edge/event", {
            "type": "LOCATION_UPDATE", "camera_id": 7, "camera_name": lot, "timestamp": moment,
            "camera_type": "PARKING_LOT", "data": {"plate_text": plate(1), "location": lot}})
        expect_equal((answer.status, answer.json["success"]), (200, True), str(answer))
    row = central.history()[name]
    expect_equal((row["last_location"], central.instant(row["last_location_time"])),
                 ("Deck B", base + 600), "location")


def e_07_already_inside(cluster):
    """E-07: a final answer, and a retry adds nothing to the log."""
    central = alone(cluster)
    base = now() - 600
    name = central.entry(plate(1), ts=base).json["event_id"]
    first = central.entry(plate(1), ts=base + 60, camera=9)
    expect_equal((first.status, first.json["success"], first.code, first.json["already_inside"]),
                 (200, False, "ALREADY_INSIDE", True), str(first))
    expect(first.json["entry_time"] and first.json["error"], first)
    for _ in range(5):
        expect_equal(central.entry(plate(1), ts=base + 60, camera=9).status, 200, "retry")
    expect_equal(central.event_count(), 2, "events")
    expect_equal(set(central.history()), {name}, "visits")


def e_08_device_time(cluster):
    """E-08: what a camera queued counts from when it happened, unless that is no sensible time."""
    central = alone(cluster)
    base = now()
    for number, (stamp, kept) in enumerate([
            (base - 7200, True), (base - 6 * 86400, True), (base - 30 * 86400, False),
            (base + 30, True), (base + 3600, False), (0, False), (-5, False), (1e300, False),
            (base - 100.25, True)]):
        answer = central.entry(plate(number), ts=stamp)
        expect_equal((answer.status, answer.json["success"]), (200, True), "%s: %s" % (
            stamp, answer))
        got = central.instant(answer.json["entry_time"])
        wanted = int(stamp // 1) if kept else base
        expect(wanted <= got <= wanted + (1 if kept else 60), stamp, "became", got - base)
    for stamp in ("yesterday", [], {}, True, None):
        answer = central.event("ENTRY", "99Z99999", data={"entry_time": stamp}, timestamp=stamp)
        expect(answer.status in (200, 400), stamp, answer)


def e_11_d_08_d_10_odd_fields(cluster):
    """E-11, D-08, D-10: no 500, and no poison for those who come after."""
    central = alone(cluster)
    for number, (outer, inner) in enumerate([
            ('"camera_id":null', ""), ('"x":1', ""), ('"camera_id":1e99', ""),
            ('"camera_id":{}', ""), ('"camera_id":1', ',"confidence":1e999'),
            ('"camera_id":1', ',"confidence":"x"'), ('"camera_id":1,"timestamp":1e999', ""),
            ('"camera_id":1', ',"entry_time":"2031-04-02T08:00:00Z"'),
            ('"camera_id":1,"camera_name":5', ""), ('"camera_id":1', ',"x":{"y":[1]}')]):
        body = '{"type":"ENTRY",%s,"data":{"plate_text":"%s"%s}}' % (outer, plate(number), inner)
        answer = central.post("/api/edge/event", body.encode())
        expect(answer.status in (200, 400), body, answer)
        expect(answer.status == 200 or (answer.code and answer.json["error"]), body, answer)
    answer = central.get("/api/parking/history?limit=-1")
    expect_equal(answer.status, 200, "history")
    expect(all(row["entry_confidence"] is None or 0 <= row["entry_confidence"] <= 1
               for row in answer.json["history"]), answer)
    for row in central.history().values():
        expect_equal(central.exit(row["plate_view"]).json["success"], True, row["plate_view"])


def d_01_plates_are_normalised(cluster):
    """D-01: edits too; and an edit does not put a plate inside twice."""
    central = alone(cluster)
    one = central.entry(plate(1)).json
    central.entry(plate(2))
    answer = central.put("/api/parking/history/%d" % one["history_id"],
                         {"plate_id": " 30a-123.45 ", "plate_view": " 30a-123.45 "})
    expect_equal(answer.status, 200, str(answer))
    row = central.history()[one["event_id"]]
    expect_equal((row["plate_id"], row["plate_view"]), ("30A12345", "30A-123.45"), "plate")
    answer = central.put("/api/parking/history/%d" % one["history_id"],
                         {"plate_id": plate(2), "plate_view": plate(2)})
    expect_equal((answer.status, answer.code, answer.json["success"]),
                 (409, "PLATE_INSIDE", False), str(answer))
    expect(central.exit("30A12345").json["success"], "exit of the corrected plate")


def d_11_pages_hold_still(cluster):
    """D-11: pages neither repeat nor hide rows while cars keep coming; newest entry first."""
    central = alone(cluster)
    base = now() - 3600
    wanted = set()
    for number in range(120):
        wanted.add(central.entry(plate(number), ts=base + number // 40).json["event_id"])
    seen = []
    for offset in range(0, 120, 25):
        page = central.get("/api/parking/history?limit=25&offset=%d" % offset).json["history"]
        seen += [row["event_id"] for row in page]
        central.entry(plate(1000 + offset), ts=base - 600)  # an older one sorts behind
    expect_equal((len(seen), set(seen) >= wanted, len(set(seen))), (124, True, 124), "pages")
    times = [row["entry_time"] for row in central.get(
        "/api/parking/history?limit=-1").json["history"]]
    expect_equal(times, sorted(times, reverse=True), "order")
    expect_equal(len(central.get("/api/parking/history?limit=0").json["history"]), 0, "limit=0")
    expect_equal(len(central.get("/api/parking/history").json["history"]), 100, "default limit")


def d_12_filters(cluster):
    """D-12: signs in a search mean themselves; the filters of a page."""
    central = alone(cluster)
    base = now() - 60
    names = {}
    for text in ("30A-123.45", "51F-678.90", "29B1-111.11"):
        names[text] = central.entry(text, ts=base).json["event_id"]
    central.exit("51F-678.90", ts=base + 30)

    def found(**query):
        return {row["plate_view"] for row in central.history(**query).values()}

    for text, wanted in (("123", {"30A-123.45"}), ("a123", {"30A-123.45"}),
                         ("a-12 3.4", {"30A-123.45"}), ("b11", {"29B1-111.11"}), ("1", set(names)),
                         ("%", set()), ("_", set()), ("3_A", set()), ("zzz", set()),
                         ("'; DROP TABLE history", set())):
        expect_equal(found(search=quote(text)), wanted, "search " + text)
    everything = set(names)
    expect_equal(found(), everything, "all")
    expect_equal(found(in_parking_only="true"), {"30A-123.45", "29B1-111.11"}, "in_parking_only")
    expect_equal(found(status="OUT"), {"51F-678.90"}, "status")
    expect_equal(found(status="OUT", in_parking_only="1"), {"30A-123.45", "29B1-111.11"},
                 "in_parking_only wins")
    expect_equal(found(status="OUT", entries_only="yes"), everything, "entries_only wins")
    expect_equal(found(today_only="false"), everything, "today_only=false")


def t_01_t_02_early_morning(cluster):
    """T-01, T-02: at three in the morning, local time, `today` is the local day."""
    need_faketime()
    local = datetime.now(ZoneInfo(VIETNAM))
    three = (local + timedelta(days=1)).replace(hour=3, minute=0, second=0, microsecond=0)
    central = alone(cluster, VIETNAM, clock=int((three - local).total_seconds()))
    at_three = int(three.timestamp())
    yesterday = central.entry(plate(1), ts=at_three - 6 * 3600).json["event_id"]  # 21:00
    today = central.entry(plate(2), ts=at_three - 3600).json["event_id"]          # 02:00
    central.exit(plate(2), ts=at_three - 60)
    stats = central.get("/api/stats").json
    expect_equal({key: stats[key] for key in ("entries_today", "exits_today", "revenue_today",
                                              "vehicles_in_parking")},
                 {"entries_today": 1, "exits_today": 1, "revenue_today": fee(3540),
                  "vehicles_in_parking": 1}, "counters")
    expect_equal(set(central.history(today_only="true")), {today}, "today_only")
    expect_equal(set(central.history()), {today, yesterday}, "all")
    expect_equal(central.history()[today]["entry_time"][11:], "02:00:00", "local time")


def t_04_clock_stepped_back(cluster):
    """An exit by a clock that was put back closes the visit at zero duration, for nothing."""
    need_faketime()
    central = alone(cluster, clock=1800)
    name = central.entry(plate(1)).json["event_id"]
    central.stop()
    central.start()
    left = central.exit(plate(1)).json
    expect_equal((left["success"], left["event_id"], left["duration"], left["fee"]),
                 (True, name, "0 giờ 0 phút", 0), left)
    row = central.history()[name]
    expect_equal((row["status"], row["duration"]), ("OUT", "0 giờ 0 phút"), row)


def f_02_f_03_f_05_duration_and_fee(cluster):
    """F-02, F-03: integers, whole seconds."""
    central = alone(cluster)
    until = now()
    for number, (seconds, text, money) in enumerate([
            (0, "0 giờ 0 phút", 0), (59, "0 giờ 0 phút", 0), (1800, "0 giờ 30 phút", 0),
            (1801, "0 giờ 30 phút", 25000), (3660, "1 giờ 1 phút", 25000),
            (5400, "1 giờ 30 phút", 25000), (5401, "1 giờ 30 phút", 50000),
            (96000, "26 giờ 40 phút", 675000), (259140, "71 giờ 59 phút", 1800000)]):
        left = stay(central, number, seconds, until)
        expect_equal((left["duration"], left["fee"]), (text, money), "%d s" % seconds)
    for minutes in range(1, 200, 7):
        left = stay(central, 1000 + minutes, minutes * 60, until)
        expect_equal(left["duration"], "%d giờ %d phút" % divmod(minutes, 60), minutes)

    expect_equal(central.get("/api/parking/fees").json,
                 {"success": True, "fees": {"fee_base": 0.5, "fee_per_hour": 25000},
                  "source": "default"}, "default tariff")
    answer = central.put("/api/parking/fees", {"fees": {"fee_base": 1.2, "fee_per_hour": 10000}})
    expect_equal((answer.status, answer.json["success"]), (200, True), str(answer))
    shown = central.get("/api/parking/fees").json["fees"]
    expect_equal((shown["fee_base"], shown["fee_per_hour"]), (1.2, 10000), "tariff")
    time.sleep(1.1)  # exits carry whole seconds here; the next one is after the change
    left = stay(central, 500, 2 * 3600 + 12 * 60)
    expect_equal(left["fee"], 10000, "F-03, and F-05: at once")


def d_03_f_06_r_21_tariff_is_checked_and_replicated(cluster):
    """A tariff that makes no sense is refused; a good one is in force at every central."""
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    for body in ({}, {"fees": []}, {"fees": {}}, {"fees": {"fee_base": "abc"}},
                 {"fees": {"fee_base": -1, "fee_per_hour": 1}},
                 {"fees": {"fee_base": 1, "fee_per_hour": -1}},
                 {"fees": {"fee_base": 1, "fee_per_hour": 1e18}},
                 {"fees": {"fee_base": None, "fee_per_hour": True}}):
        answer = a.put("/api/parking/fees", body)
        expect_equal((answer.status, answer.json["success"]), (400, False), json.dumps(body))
    expect_equal(a.get("/api/parking/fees").json["source"], "default", "still the default")
    a.put("/api/parking/fees", {"fees": {"fee_base": 0, "fee_per_hour": 7000}})
    wait_until(lambda: b.get("/api/parking/fees").json["fees"]["fee_per_hour"] == 7000, 20,
               lambda: str(b.get("/api/parking/fees")))


run(e_01_exit_names_the_entry, e_03_e_04_e_06_edge_delete_and_update, r_18_e_06_location_update,
    e_07_already_inside, e_08_device_time, e_11_d_08_d_10_odd_fields, d_01_plates_are_normalised,
    d_11_pages_hold_still, d_12_filters, t_01_t_02_early_morning, t_04_clock_stepped_back,
    f_02_f_03_f_05_duration_and_fee, d_03_f_06_r_21_tariff_is_checked_and_replicated)
