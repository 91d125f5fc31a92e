"""Defects of the existing system at its cameras' socket, /ws/edge: E and some of R."""

import json

from cluster import SLOW, camera_event, expect, expect_equal, now, run, wait_same, wait_until
from standing import Standing, away, row
from websocket import WebSocket


class Edge(WebSocket):
    """A camera box at its central's socket."""

    def __init__(self, central, camera, introduce=True):
        super().__init__(central.ip, central.api_port, "/ws/edge")
        expect_equal(self.status, 101, "handshake")
        self.camera = camera
        if introduce:
            self.say({"edge_id": camera})
            expect_equal(self.receive()["type"], "connected", "greeting")

    def say(self, message):
        self.send(json.dumps(message, ensure_ascii=False).encode())

    def event(self, kind, plate, event_id=None, **fields):
        self.say(camera_event(kind, plate, event_id, camera=self.camera, **fields))

    def hear(self, kind, event_id):
        """The next message of this type about this visit."""
        return self.wait_for(lambda m: m.get("type") == kind and event_id in (
            m.get("event_id"), m.get("data", {}).get("event_id")), 10 * SLOW)

    def heard(self):
        """All that came until now: what a central does, it does in order."""
        self.say({"type": "ping"})
        messages = []
        while not messages or messages[-1].get("type") != "pong":
            messages.append(self.receive())
        return messages[:-1]


def lot(plate, event_id, ts, where, **fields):
    """An automatic entry of a lot camera."""
    body = camera_event("ENTRY", plate, event_id, ts=ts, camera=7, camera_name=where,
                        data={"is_anomaly": True, "entry_time": None, **fields})
    return {**body, "camera_type": "PARKING_LOT"}


def visit_id(camera, plate):
    return "edge-%d_%d_%s" % (camera, now() * 1000, plate)


def e_02_all_other_edges_hear(mesh):
    """An entry, by socket or by HTTP, is told to every other camera, so that the exit gate knows
    the car; a visit made at another central, too."""
    a, b = mesh.centrals
    gate, other, far = Edge(a, 31), Edge(a, 32), Edge(b, 33)
    car = mesh.plate()
    name = visit_id(31, car)
    gate.event("ENTRY", car, name)
    for edge in (other, far):
        told = edge.hear("ENTRY", name)
        expect_equal((told["data"]["plate_text"], told["data"]["plate_view"]), (car, car), "plate")
        expect(told["entry_time"], "entry time", told)
    left = a.exit(car).json
    expect(left["success"], left)
    for edge in (gate, other, far):
        told = edge.hear("EXIT", name)
        expect_equal(told["fee"], left["fee"], "fee")


def e_01_exit_by_socket_names_the_entry(mesh):
    """On the socket, too, an exit with its entry's event_id closes the visit."""
    a, b = mesh.centrals
    edge, car = Edge(a, 31), mesh.plate()
    name, base = visit_id(31, car), now() - 7200
    edge.event("ENTRY", car, name, ts=base)
    row(a, name, status="IN")
    edge.event("EXIT", car, name, ts=base + 3600)
    for central in (a, b):
        row(central, name, status="OUT", fee=25000)


def e_03_e_04_by_name_only(mesh):
    """A camera's own row number means nothing here: UPDATE and DELETE find their visit by event_id,
    change it once, and everybody is told once."""
    a, b = mesh.centrals
    edge, other = Edge(a, 31), Edge(a, 32)
    first, second = mesh.plate(), mesh.plate()
    kept, meant = visit_id(31, first), visit_id(31, second)
    edge.event("ENTRY", first, kept)
    edge.event("ENTRY", second, meant)
    number = row(a, kept)["id"]
    fixed = mesh.plate()
    edge.say({"type": "UPDATE", "camera_id": 31, "event_id": meant,
              "data": {"type": "UPDATE", "history_id": number, "event_id": meant,
                       "plate_text": fixed, "plate_view": fixed}})
    for central in (a, b):
        row(central, meant, plate_id=fixed)
        row(central, kept, plate_id=first)
    edge.say({"type": "UPDATE", "camera_id": 31, "event_id": meant,
              "data": {"event_id": meant, "plate_text": "", "plate_view": ""}})
    edge.say({"type": "DELETE", "camera_id": 31, "event_id": None,
              "data": {"history_id": number, "event_id": None, "plate_id": "UNKNOWN"}})
    edge.heard()
    expect_equal(row(a, kept)["plate_id"], first, "not deleted by number")
    expect_equal(row(a, meant)["plate_id"], fixed, "no empty plate")
    edge.say({"type": "DELETE", "camera_id": 31, "data": {"event_id": meant}})
    for central in (a, b):
        wait_until(lambda c=central: meant not in c.history(), 20, "deleted at " + central.name)
    other.hear("DELETE", meant)
    changes = a.get("/api/parking/history/changes").json["changes"]
    expect_equal([c["change_type"] for c in changes if c["event_id"] == meant],
                 ["DELETE", "UPDATE"], "changes")


def e_05_sight_without_time(mesh):
    """An automatic sighting of a lot camera has no location_time: an anomaly all the same."""
    a, b = mesh.centrals
    car = mesh.plate()
    name = visit_id(7, car)
    edge = Edge(a, 7)
    edge.say(lot(car, name, None, "Deck E"))
    for central in (a, b):
        one = row(central, name, status="IN", is_anomaly=1, last_location="Deck E")
        expect(one["last_location_time"], one)


def e_13_sight_repeated(mesh):
    """The same sighting again after the car has left opens no second visit."""
    a, b = mesh.centrals
    car, base = mesh.plate(), now() - 3600
    name = visit_id(7, car)
    edge = Edge(a, 7)
    told = lot(car, name, base, "Deck E", location="Deck E")
    edge.say(told)
    row(a, name, status="IN")
    expect(a.exit(car, ts=base + 600).json["success"], "exit")
    edge.say(told)
    edge.heard()
    wait_same([a, b])
    expect_equal([r["status"] for r in a.history().values() if r["plate_id"] == car], ["OUT"], car)


def e_09_detection_opens_one_visit(mesh):
    """DETECTION is the same as ENTRY, as docs/api.md says: one visit, however often it is seen."""
    a, _ = mesh.centrals
    edge, car = Edge(a, 31), mesh.plate()
    name, base = visit_id(31, car), now() - 600
    for second in range(3):
        edge.event("DETECTION", car, name, ts=base + second)
    edge.heard()
    row(a, name, status="IN")
    expect_equal([r["event_id"] for r in a.history().values() if r["plate_id"] == car], [name], car)


def e_12_origin_is_kept(mesh):
    """Which central and which camera made a visit is on the row, and in the answer to a look-up."""
    a, b = mesh.centrals
    car = mesh.plate()
    name = a.entry(car, camera=31, data={"edge_id": "box-31"}).json["event_id"]
    one = row(b, name)
    expect_equal((one["source_central"], one["edge_id"]), ("central-1", "box-31"), "origin")
    answer = b.post("/api/edge/detection", {
        "edge_id": "e", "plate_id": car, "plate_view": car, "camera_type": "car",
        "direction": "ENTRY", "confidence": 0.9})
    found = answer.json["vehicle_info"]
    expect_equal((answer.status, found["already_inside"]), (200, True), str(answer))
    expect("central-1" in found["entry_from"], "entry_from", found)


def e_16_look_up_cleans_the_plate(mesh):
    """A look-up reads a plate as an event does, whatever stands between its letters."""
    a, _ = mesh.centrals
    car = mesh.plate()
    a.entry(car)
    answer = a.post("/api/edge/detection", {
        "edge_id": "e", "plate_id": car[:3] + "/" + car[3:6] + "." + car[6:], "plate_view": car,
        "camera_type": "car", "direction": "EXIT", "confidence": 0.9})
    expect_equal((answer.status, answer.json["vehicle_info"]["has_entry"],
                  answer.json["vehicle_info"]["plate_id"]), (200, True, car), str(answer))


def e_14_edits_are_addressed_by_name(mesh):
    """What edges are told of an edit or a deletion names the visit and no row number, which at the
    edge is another car's; the edge that made it is not told."""
    a, _ = mesh.centrals
    sender, other = Edge(a, 31), Edge(a, 32)
    car, fixed = mesh.plate(), mesh.plate()
    name = visit_id(31, car)
    sender.event("ENTRY", car, name)
    number = row(a, name)["id"]
    a.put("/api/parking/history/%d" % number, {"plate_id": fixed, "plate_view": fixed})
    for edge in (sender, other):
        told = edge.hear("UPDATE", name)
        expect("history_id" not in told and not told.get("event_id"), "as edges find it", told)
        expect_equal((told["data"]["event_id"], told["data"]["plate_text"]), (name, fixed), "data")
    sender.say({"type": "DELETE", "camera_id": 31, "data": {"event_id": name}})
    told = other.hear("DELETE", name)
    expect("history_id" not in told and not told.get("event_id"), "as edges find it", told)
    expect(not [m for m in sender.heard() if m.get("type") == "DELETE"], "not told itself")


def e_15_sight_at_a_peer_has_its_plate(mesh):
    """An anomaly of another central reaches the edges here with plate and time."""
    a, b = mesh.centrals
    far, edge, car = Edge(b, 7), Edge(a, 31), mesh.plate()
    name = visit_id(7, car)
    far.say(lot(car, name, now() - 60, "Deck E"))
    told = edge.hear("ENTRY", name)
    expect_equal((told["data"]["plate_text"], told["data"]["plate_view"]), (car, car), told)
    expect(told["entry_time"], told)


def e_17_event_as_first_frame(mesh):
    """An edge that sends an event before it says who it is: the event counts, and introduces it."""
    a, _ = mesh.centrals
    edge, car = Edge(a, 34, introduce=False), mesh.plate()
    name = visit_id(34, car)
    edge.event("ENTRY", car, name)
    row(a, name, status="IN")
    second = a.entry(mesh.plate(), camera=35).json["event_id"]
    edge.hear("ENTRY", second)


def e_18_newer_socket_of_an_edge(mesh):
    """Two sockets of one edge, the older one is closed: the newer one goes on hearing."""
    a, _ = mesh.centrals
    older, newer = Edge(a, 36), Edge(a, 36)
    older.close()
    name = a.entry(mesh.plate(), camera=35).json["event_id"]
    newer.hear("ENTRY", name)
    again = a.entry(mesh.plate(), camera=35).json["event_id"]
    newer.hear("ENTRY", again)


def e_19_exit_of_a_deleted_visit(mesh):
    """An exit whose visit was deleted meanwhile is no success, and brings no revenue."""
    a, b = mesh.centrals
    car, base = mesh.plate(), now() - 7200
    entered = a.entry(car, ts=base).json
    before = a.get("/api/stats").json["revenue_today"]
    a.delete("/api/parking/history/%d" % entered["history_id"])
    answer = a.exit(car, entered["event_id"])
    expect_equal((answer.status, answer.json["success"]), (200, False), str(answer))
    wait_same([a, b])
    for central in (a, b):
        expect_equal(central.get("/api/stats").json["revenue_today"], before, "revenue")


def r_32_entry_without_a_name(mesh):
    """An entry by socket without event_id is given one, and replicates like any other."""
    a, b = mesh.centrals
    edge, car = Edge(a, 31), mesh.plate()
    with away(b):
        edge.event("ENTRY", car)
        edge.heard()
    found = wait_until(lambda: [r for r in b.history().values() if r["plate_id"] == car], 20,
                       "at B")
    expect(found[0]["event_id"], found)


with Standing("central-1", "central-2") as stage:
    run(e_01_exit_by_socket_names_the_entry, e_02_all_other_edges_hear, e_03_e_04_by_name_only,
        e_05_sight_without_time, e_09_detection_opens_one_visit, e_12_origin_is_kept,
        e_13_sight_repeated, e_14_edits_are_addressed_by_name, e_15_sight_at_a_peer_has_its_plate,
        e_16_look_up_cleans_the_plate, e_17_event_as_first_frame, e_18_newer_socket_of_an_edge,
        e_19_exit_of_a_deleted_visit, r_32_entry_without_a_name, stage=stage)
