"""Camera boxes on /ws/edge: what they say is stored once, what happens elsewhere reaches them."""

import json
import time
from datetime import datetime, timezone

from cluster import SLOW, expect, expect_equal, now, plate, run, wait_linked, wait_until
from edge_box import EdgeBox
from websocket import BINARY, WebSocket


def connect(central, edge=None, **more):
    opened = WebSocket(central.ip, central.api_port, "/ws/edge")
    expect_equal(opened.status, 101, "handshake")
    if edge is not None:
        tell(opened, {"edge_id": edge, **more})
        expect_equal(opened.receive()["type"], "connected", "first answer")
    return opened


def knowing(central, *edges):
    """Boxes that have been told what is inside. That comes a moment after the first answer, and
    would hold what happens until then. The car that it tells of came before this process: nobody
    is told of it in another way."""
    central.entry(plate(99999), "edge-99_1_Z", camera=99)
    central.stop()
    central.start()
    boxes = [connect(central, edge) for edge in edges]
    for box in boxes:
        box.wait_for(about("ENTRY", plate(99999)), 10 * SLOW)
    return boxes


def tell(opened, message):
    opened.send(json.dumps(message, ensure_ascii=False).encode())


def event(kind, text, camera, event_id, **more):
    data = {"plate_text": text, "plate_id": text, "confidence": 0.9, "source": "auto"}
    data.update(more.pop("data", {}))
    return {"type": kind, "camera_id": camera, "camera_name": "Cổng", "camera_type": kind,
            "timestamp": time.time(), "event_id": event_id, "data": data, **more}


def about(kind, text):
    return lambda message: message["type"] == kind and \
        message.get("data", {}).get("plate_text") == text


def pong_next(opened, what):
    """Nothing else has been sent to this box."""
    tell(opened, {"type": "ping"})
    expect_equal(opened.receive(), {"type": "pong"}, what)


def answered(opened):
    """What was sent before has been stored."""
    tell(opened, {"type": "ping"})
    opened.wait_for(lambda message: message["type"] == "pong", 10 * SLOW)


def handshakes(cluster):
    """E-17, E-18, S-08: who may speak, and who is listened to."""
    central, = cluster.mesh("central-1")
    central.start()
    for first, code in ((b'{"hello": 1}', 1008), (b'{"edge_id": 0}', 1008), (b"not json", 1007),
                        (b'{"type": "ping"}', 1008)):
        opened = connect(central)
        opened.send(first)
        expect_equal((opened.receive(), opened.close_code), (None, code), first)
    opened = connect(central, 1)
    opened.send(b"x", BINARY)
    expect_equal((opened.receive(), opened.close_code), (None, 1003), "binary")

    quick = connect(central)
    tell(quick, event("ENTRY", plate(1), 7, "edge-7_1_A"))
    expect_equal(quick.receive()["type"], "connected", "an event as first frame")
    wait_until(lambda: "edge-7_1_A" in central.history(), 10, "the first frame's event")
    tell(quick, {"type": "WHAT"})
    tell(quick, {"type": "ping"})
    message = quick.receive()
    if message["type"] == "ENTRY":  # its own was inside already when it was told what is
        expect_equal(message["event_id"], "edge-7_1_A", "what is inside")
        message = quick.receive()
    expect_equal(message, {"type": "pong"}, "an unknown type is ignored")

    older = connect(central, 3)
    newer = connect(central, 3)
    older.close()
    wait_until(lambda: central.entry(plate(2), camera=9).status == 200, 10, "an entry elsewhere")
    newer.wait_for(about("ENTRY", plate(2)), 10 * SLOW)


def between_boxes(cluster):
    """E-02, E-14: by socket or HTTP, what one box reports the others hear, and not itself."""
    central, = cluster.mesh("central-1")
    central.start()
    one, two = knowing(central, 1, 2)
    tell(one, event("ENTRY", plate(1), 1, "edge-1_1_A"))
    message = two.wait_for(lambda m: True, 10 * SLOW)
    expect_equal((message["type"], message["event_id"], message["camera_id"]),
                 ("ENTRY", "edge-1_1_A", 1), "by socket")
    expect_equal((message["data"]["plate_text"], message["data"]["plate_view"]),
                 (plate(1), plate(1)), "plates")
    datetime.strptime(message["entry_time"], "%Y-%m-%d %H:%M:%S")
    expect("history_id" not in message, message)
    pong_next(one, "the sender hears nothing of it")

    central.entry(plate(2), "edge-2_2_B", camera=2)
    expect_equal(one.wait_for(lambda m: True, 10 * SLOW)["event_id"], "edge-2_2_B", "by HTTP")
    pong_next(two, "the sender by HTTP hears nothing of it")

    tell(two, event("EXIT", plate(1), 2, "edge-1_1_A"))
    message = one.wait_for(about("EXIT", plate(1)), 10 * SLOW)
    expect_equal(message["event_id"], "edge-1_1_A", "exit")
    for key in ("entry_time", "exit_time", "fee", "duration"):
        expect(message.get(key) is not None, key, message)

    tell(one, {"type": "UPDATE", "camera_id": 1, "event_id": "edge-2_2_B",
               "data": {"type": "UPDATE", "history_id": 1, "event_id": "edge-2_2_B",
                        "plate_text": plate(3), "plate_view": plate(3), "plate_id": plate(3)}})
    message = two.wait_for(lambda m: True, 10 * SLOW)
    expect_equal((message["type"], message["data"]["event_id"], message["data"]["plate_text"]),
                 ("UPDATE", "edge-2_2_B", plate(3)), "correction")
    expect("event_id" not in message and "history_id" not in message, message)
    pong_next(one, "the corrector hears nothing of it")

    row = central.history()["edge-2_2_B"]["id"]
    central.put("/api/parking/history/%d" % row, {"plate_id": plate(4), "plate_view": plate(4)})
    central.delete("/api/parking/history/%d" % row)
    for opened in (one, two):
        for kind in ("UPDATE", "DELETE"):
            message = opened.wait_for(lambda m: True, 10 * SLOW)
            expect_equal((message["type"], message["data"]["event_id"]), (kind, "edge-2_2_B"),
                         "by a person")
            expect("event_id" not in message and "history_id" not in message, message)
    # Already inside: nobody is told of a second visit.
    central.entry(plate(5), "edge-9_1_E", camera=9)
    central.entry(plate(5), "edge-8_1_E", camera=8)
    for opened in (one, two):
        expect_equal(opened.wait_for(lambda m: True, 10 * SLOW)["event_id"], "edge-9_1_E", "once")
        pong_next(opened, "no second visit")


def of_other_centrals(cluster):
    """E-15, R-20: events of peers, live and after an outage."""
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    box, = knowing(b, 1)
    wait_linked([a, b])
    a.entry(plate(1), "edge-1_1_A")
    message = box.wait_for(about("ENTRY", plate(1)), 20 * SLOW)
    expect_equal((message["event_id"], message["source_central"]), ("edge-1_1_A", "central-1"),
                 "entry at a peer")
    # A box of this number stands at the other site, too: it is not the sender.
    expect_equal(message["data"]["plate_view"], plate(1), "plate")
    a.event("LOCATION_UPDATE", plate(2), "edge-5_2_B", camera=5, camera_name="Tầng 1",
            camera_type="PARKING_LOT", data={"location": "Tầng 1"})
    message = box.wait_for(about("ENTRY", plate(2)), 20 * SLOW)
    expect(message["data"]["is_anomaly"] and message["entry_time"], message)
    expect_equal(message["data"]["plate_view"], plate(2), "anomaly")

    b.post("/api/p2p/stop")
    for number in range(10, 160):  # more than are told one by one
        a.entry(plate(number), "edge-1_%d_C" % number, ts=now() - 60)
    b.post("/api/p2p/start")
    missing = {plate(number) for number in range(10, 160)}
    while missing:
        message = box.wait_for(lambda m: m["type"] == "ENTRY", 30 * SLOW)
        missing.discard(message["data"]["plate_text"])


def lot_cameras(cluster):
    """E-05, E-06, E-13, R-16, R-17, R-18: what cameras in a lot see."""
    central, = cluster.mesh("central-1")
    central.start()
    lot, gate = connect(central, 5), connect(central, 1)

    def seen(kind, text, event_id, ago=0, **data):
        tell(lot, event(kind, text, 5, event_id, camera_name="Tầng 1", camera_type="PARKING_LOT",
                        timestamp=time.time() - ago, data=data))

    # E-05: nobody saw it enter, and the camera says no time.
    seen("ENTRY", plate(1), "edge-5_1_A", 200, is_anomaly=True, entry_time=None)
    message = gate.wait_for(about("ENTRY", plate(1)), 10 * SLOW)
    expect(message["data"]["is_anomaly"] and message["data"]["location"] == "Tầng 1", message)
    row = central.history()["edge-5_1_A"]
    expect_equal((row["is_anomaly"], row["status"], row["last_location"]), (1, "IN", "Tầng 1"),
                 "anomaly")
    # the real entry, a little older, takes its place everywhere.
    central.entry(plate(1), "edge-1_2_A", ts=now() - 300, camera=9)
    gate.wait_for(about("ENTRY", plate(1)), 10 * SLOW)
    gate.wait_for(lambda m: m["type"] == "DELETE" and m["data"]["event_id"] == "edge-5_1_A",
                  10 * SLOW)
    expect_equal([row["is_anomaly"] for row in central.history(status="IN").values()], [0], "rows")

    # A vehicle that is inside, with and without a time.
    def text(seconds):
        return datetime.fromtimestamp(now() - seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")

    seen("LOCATION_UPDATE", plate(1), "edge-5_3_A", location="Tầng 2", location_time=text(10))
    message = gate.wait_for(lambda m: m["type"] == "LOCATION_UPDATE", 10 * SLOW)
    expect_equal((message["data"]["plate_id"], message["data"]["location"]),
                 (plate(1), "Tầng 2"), "location")
    # an older sighting that comes later.
    seen("LOCATION_UPDATE", plate(1), "edge-5_4_A", location="Tầng 9", location_time=text(100))
    answered(lot)
    expect_equal(central.history()["edge-1_2_A"]["last_location"], "Tầng 2", "newest wins")
    seen("ENTRY", plate(1), "edge-5_5_A", 5)
    answered(lot)
    expect_equal(central.history()["edge-1_2_A"]["last_location"], "Tầng 1", "newer again")
    expect_equal(central.get("/api/stats").json["vehicles_in_parking"], 1, "still one")

    # seen before it left, told after. E-13: and the same once more.
    central.exit(plate(1), ts=now())
    for _ in range(2):
        seen("ENTRY", plate(1), "edge-5_6_A", 20, location="Tầng 1")
    seen("ENTRY", plate(1), "edge-5_5_A", 5)
    answered(lot)
    expect_equal(central.get("/api/stats").json["vehicles_in_parking"], 0, "no ghost")

    # E-06: by HTTP it is the same.
    answer = central.event("ENTRY", plate(2), "edge-5_7_B", camera=5, camera_name="Tầng 1",
                           camera_type="PARKING_LOT")
    expect_equal((answer.status, answer.json["success"]), (200, True), "by HTTP")
    expect_equal(central.history()["edge-5_7_B"]["is_anomaly"], 1, "anomaly by HTTP")

    # A location_time has whole seconds: it must not put a car into the lot before it entered.
    entered = time.time()
    central.entry(plate(3), "edge-1_8_C", ts=entered)
    central.event("LOCATION_UPDATE", plate(3), "edge-5_8_C", camera=5, ts=entered + 0.0001,
                  camera_type="PARKING_LOT", data={"location": "Tầng 3", "location_time": datetime.
                                                   fromtimestamp(entered, timezone.utc).strftime(
                                                       "%Y-%m-%d %H:%M:%S")})
    expect_equal([(key, row["last_location"]) for key, row in central.history().items()
                  if row["plate_id"] == plate(3)], [("edge-1_8_C", "Tầng 3")], "same second")


def away(cluster):
    """A box that was away is told what is inside now."""
    central, = cluster.mesh("central-1")
    central.start()
    for number in range(300):
        central.entry(plate(number), "edge-9_%d_A" % number, ts=now() - 600 + number, camera=9)
    central.exit(plate(7), ts=now())
    box = EdgeBox(central, 3, "EXIT", reconnect_s=0.2, retry_s=0.2).start()
    wait_until(lambda: box.row("edge-9_299_A") and len(box.rows) == 299, 20, "rows of the box")
    expect(box.row("edge-9_7_A") is None, "left already")
    box.leave(plate(5))
    wait_until(lambda: central.history()["edge-9_5_A"]["status"] == "OUT", 10, "exit at the box")
    box.stop()


def lost_by_design(central, box):
    """Events that an existing box wrote to a socket and that are not here. It took them for
    delivered, so nobody can bring them back; but then the connection died with the process, and
    they are the last ones that were written on it."""
    stored = set(central.visits())
    lost = []
    for connection in range(1, box.connections + 1):
        ids = [message["event_id"] for number, message in box.written if number == connection]
        missing = [event_id not in stored for event_id in ids]
        count = sum(missing)
        expect(missing == [False] * (len(ids) - count) + [True] * count,
               "lost in the midst of a connection", missing)
        expect(count == 0 or connection in box.died, "lost on a connection that did not die")
        lost += ids[len(ids) - count:]
    return lost


def e_10_killed_under_traffic(cluster):
    """E-10, proof: a central that is killed again and again, boxes that go on."""
    central, = cluster.mesh("central-1")
    central.start()
    quick = {"reconnect_s": 0.3, "retry_s": 0.1}
    plain = EdgeBox(central, 1, **quick).start()
    by_http = EdgeBox(central, 2, path="/ws/none", **quick).start()
    acknowledged = EdgeBox(central, 3, ack=True, **quick).start()
    entries = {box: [] for box in (plain, by_http, acknowledged)}
    for round_number in range(4):
        for number in range(40):
            for index, box in enumerate(entries):
                text = plate(1000 * index + 100 * round_number + number)
                entries[box].append((box.enter(text), text))
                if box is not plain and number % 2:
                    box.leave(text)
                elif box is by_http and number % 5 == 0:
                    box.leave(text, manual=True)
            time.sleep(0.002)
            if number == 20 and round_number < 3:
                central.kill9()
        if round_number < 3:
            central.start()
    wait_until(lambda: all(box.idle() for box in entries), 60, lambda: "queues %s" % [
        (len(box.queue), len(box.unanswered)) for box in entries])
    # Nobody tells an unmodified box what was stored: what its living connection carried is.
    wait_until(lambda: plain.connections in plain.died or {
        message["event_id"] for number, message in plain.written
        if number == plain.connections} <= set(central.visits()), 20, "what was written last")
    for box in entries:
        box.stop()
    visits = central.visits()
    lost = lost_by_design(central, plain)
    for box, made in entries.items():
        for event_id, text in made:
            if event_id in lost:
                continue
            expect(event_id in visits, "camera", box.camera, "lost", event_id)
            expect_equal(visits[event_id][0], text, "plate")
            left = box.row(event_id)["status"] == "OUT"
            expect_equal(visits[event_id][5], "OUT" if left else "IN", event_id)
    expect_equal(len(visits), sum(len(made) for made in entries.values()) - len(lost), "visits")
    expect_equal(central.twice_inside(), [], "twice inside")
    expect_equal(central.rows("SELECT code, count(*) FROM anomaly GROUP BY code"), [], "anomalies")
    print("      %d events; %d of an unmodified box went down with a connection, 0 of the others"
          % (central.event_count(), len(lost)))


run(handshakes, between_boxes, of_other_centrals, lot_cameras, away, e_10_killed_under_traffic)
