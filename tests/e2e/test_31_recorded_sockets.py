"""What pages and camera boxes of the existing system heard by WebSocket. The same happens to ours,
and each message has the keys and types that were recorded, extra ones beside. Where ours differs on
purpose, DIFFERENT or a comment says why."""

import json
import threading
import time

from cluster import SLOW, expect, expect_equal, now, run, wait_same, wait_until
from replay import Replay
from standing import Standing, away, row
from websocket import PING, PONG, WebSocket
import recorded

EXCHANGES = {exchange["name"]: exchange for exchange in recorded.lines("http.jsonl")}
RECORDED_S = 1795361270  # about when
NOTICE_S = 0.1           # between two notices to one page
REFETCHED = ("ENTRY", "EXIT", "LOCATION_UPDATE", "PARKING_LOT_CONFIG_UPDATE")  # by a lot view

# Keys of recorded messages that ours do not have, by type.
DIFFERENT = {
    "UPDATE": {"history_id", "event_id", "plate_text_old", "plate_view_old"},  # E-14
    "DELETE": {"history_id", "event_id"},                                      # E-14
}


def listen(central, path):
    socket = WebSocket(central.ip, central.api_port, path)
    expect_equal(socket.status, 101, "handshake of " + path)
    return socket


def sound(shape, message, what):
    found = shape.wrong(message)
    expect(not found, what, found, message)


# ---- /ws/history ---------------------------------------------------------------------------


def history_shapes():
    """(type, event_type, is an anomaly) -> shape of `data`."""
    known = {}
    for message in recorded.lines("ws_history.jsonl"):
        data = {key: value for key, value in message["data"].items() if value is not None}
        known.setdefault((data.get("type"), data.get("event_type"), "is_anomaly" in data),
                         recorded.Shape()).learn(data)
    return known


class Page:
    """A dashboard, and the recorded kinds of notices that it has heard."""

    def __init__(self, central, shapes):
        self.socket, self.shapes, self.heard = listen(central, "/ws/history"), shapes, set()
        expect_equal(self.socket.receive()["type"], "history_update", "told at once to fetch")

    def listen(self):
        """Until it is quiet: of what happens within 100 ms only the last notice is sent."""
        self.socket.socket.settimeout(2 * NOTICE_S)
        while True:
            try:
                message = self.socket.receive()
            except TimeoutError:
                return
            expect_equal(message["type"], "history_update", "outer type")
            data = message["data"]
            expect(data.get("event_type") in REFETCHED, "a lot view does not look", data)
            key = (data.get("type"), data["event_type"], bool(data.get("is_anomaly")))
            if data.get("type") in ("updated", "deleted"):
                key = (data["type"], None, False)
            if key in self.shapes:
                sound(self.shapes[key], data, str(key))
                self.heard.add(key)


def history_notices(mesh):
    """Every recorded kind of notice is heard, where things happen and at a peer. A story is told
    again when two of its notices fell into 100 ms."""
    a, b = mesh.centrals[:2]
    here, there = pages = Page(a, history_shapes()), Page(b, history_shapes())
    both = {("updated", None, False), ("deleted", None, False),
            (None, "PARKING_LOT_CONFIG_UPDATE", False)}
    local = both | {(None, "ENTRY", False), (None, "EXIT", False), (None, "ENTRY", True),
                    (None, "LOCATION_UPDATE", False)}
    remote = both | {("p2p_entry_synced", "ENTRY", False), ("p2p_exit_synced", "EXIT", False),
                     ("history_update", "ENTRY", True), ("history_update", "LOCATION_UPDATE", False)}
    # Ours tell a detection as the entry that it makes, which a lot view knows.
    expect_equal(set(here.shapes) - local - remote, {(None, "DETECTION", False)},
                 "recorded and told otherwise")
    for turn in range(20):
        for step in story(mesh, a, turn):
            step()
            for page in pages:
                page.listen()
        if here.heard >= local and there.heard >= remote:
            return
    expect(False, "never heard here:", local - here.heard, "at the peer:", remote - there.heard)


def story(mesh, central, turn):
    """Things that are noticed, as functions."""
    car, ghost, fixed = mesh.plate(), mesh.plate(), mesh.plate()
    base = now() - 3600
    parked = central.entry(mesh.plate()).json
    path = "/api/parking/history/%d" % parked["history_id"]

    def sighting(plate, second):
        central.event("LOCATION_UPDATE", plate, ts=base + second, camera=7, camera_name="Bãi A",
                      camera_type="PARKING_LOT", data={"location": "Bãi A"})
    return [
        lambda: central.event("DETECTION", mesh.plate()),
        lambda: central.entry(car, ts=base),
        lambda: sighting(car, 60),
        lambda: central.exit(car, ts=base + 120),
        lambda: sighting(ghost, 180),
        lambda: central.put(path, {"plate_id": fixed, "plate_view": fixed}),
        lambda: central.delete(path),
        lambda: central.post("/api/edge/sync-config", {"edge_cameras": {"45": {
            "name": "Bãi H", "ip": central.ip, "camera_type": "PARKING_LOT",
            "parking_lot_capacity": 12 + turn}}}),
    ]


def history_deaf_ears(mesh):
    """What a page says on /ws/history is not listened to, and harms nobody."""
    a = mesh.centrals[0]
    page = Page(a, history_shapes())
    for text in (b"ping", b"{}", b'{"type": "history_update"}'):
        page.socket.send(text)
    name = a.entry(mesh.plate()).json["event_id"]
    page.socket.wait_for(lambda m: m["data"].get("event_id") == name, 10 * SLOW)


def history_replaced_entry(mesh):
    """An earlier entry of a peer takes the place of ours: the page hears of the visit."""
    a, b = mesh.centrals[:2]
    car, base = mesh.plate(), now() - 3600
    with away(b):
        ours = a.entry(car, ts=base + 60).json["event_id"]
        theirs = b.entry(car, ts=base).json["event_id"]
        page = Page(a, history_shapes())
    data = page.socket.wait_for(lambda m: m["data"].get("event_id") in (ours, theirs),
                                10 * SLOW)["data"]
    expect(data["event_type"] in REFETCHED, data)
    expect_equal(row(a, ours, status="SUPERSEDED")["superseded_by"], theirs, "ours")


# ---- /ws/cameras ---------------------------------------------------------------------------


def camera_shape():
    shape = recorded.Shape()
    for line in recorded.lines("ws_cameras.jsonl"):
        if line["text"].startswith("{"):
            shape.learn(json.loads(line["text"]))
    shape.keys["data"].keys["cameras"].learn([recorded.CONFIG_ONLY])
    return shape


def cameras_list(mesh):
    """The whole list at once, after a heartbeat, a registration and a change of the settings."""
    a, shape = mesh.centrals[0], camera_shape()
    socket = listen(a, "/ws/cameras")

    def shows(**fields):
        def matches(message):
            return [c for c in message["data"]["cameras"] if all(
                c.get(key) == value for key, value in fields.items())]
        message = socket.wait_for(matches, 10 * SLOW)
        sound(shape, message, "list")
        expect_equal(message["data"]["total"], len(message["data"]["cameras"]), "total")
    first = socket.receive()
    expect_equal(first["type"], "cameras_update", "first message")
    sound(shape, first, "first list")
    beat = {"camera_id": 46, "camera_name": "Cổng vào A", "camera_type": "ENTRY",
            "status": "online", "events_sent": 124, "events_failed": 5, "timestamp": 1234567890}
    expect_equal(a.post("/api/edge/heartbeat", beat).json, {"success": True}, "heartbeat")
    shows(id=46, events_sent=124)
    a.post("/api/edge/sync-config", {"edge_cameras": {
        "47": {"name": "Bãi A", "ip": a.ip, "camera_type": "PARKING_LOT"}}})
    shows(id=47, name="Bãi A", type="PARKING_LOT")
    a.post("/api/config", {"edge_cameras": {"47": {"name": "Bãi B", "ip": ""}}})
    shows(id=47, name="Bãi B")


def cameras_keepalive(mesh):
    """The plain text `ping` is answered `pong`; other text is ignored."""
    socket = listen(mesh.centrals[0], "/ws/cameras")
    for text in (b"hello", b"pong", b"{}", b"ping"):
        socket.send(text)
    while True:
        opcode, payload = socket.frame()
        if opcode == 1 and not payload.startswith(b"{"):
            break
    expect_equal(payload, b"pong", "answer")


class Quiet(threading.Thread):
    """A page that says nothing of itself. It hears all the time: who answers no ping is cut."""

    def __init__(self, socket):
        super().__init__(daemon=True)
        self.socket, self.text = socket, None

    def run(self):
        while self.text is None:
            opcode, payload = self.socket.frame()
            if opcode == PING:
                self.socket.send(payload, PONG)
            elif not payload.startswith(b"{"):
                self.text = payload


def cameras_silence(mesh):
    """Who says nothing for 30 s is sent the plain text `ping`."""
    mesh.quiet.join(60 * SLOW)
    expect_equal(mesh.quiet.text, b"ping", "after silence")


# ---- /ws/edge ------------------------------------------------------------------------------


class Boxes:
    """The recorded camera boxes and their sockets."""

    def __init__(self, mesh):
        self.mesh, self.replay, self.sockets, self.pending = mesh, Replay(mesh), {}, {}
        self.seconds = now() - 300 - RECORDED_S

    def today(self, text):
        """Times as recorded, but of today: a camera's clock is believed for a week."""
        message = json.loads(text)
        if "timestamp" in message:
            message["timestamp"] += self.seconds
        if "location_time" in message.get("data", {}):
            message["data"]["location_time"] = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now() - 60))
        return json.dumps(message, ensure_ascii=False)

    def expect_message(self, who, wanted):
        """One like the recorded one, about the same visit."""
        made = {EXCHANGES[name]["answer"]["event_id"]: visit
                for name, visit in self.replay.made.items()
                if "event_id" in EXCHANGES[name]["answer"]}
        name = wanted.get("event_id")
        if wanted["type"] == "EXIT":  # recorded: an id of its own
            name = self.replay.made["entry_seen_by_edges"]
        name = made.get(name, name)
        message = self.sockets[who].wait_for(lambda m: m["type"] == wanted["type"] and (
            name is None or name in (m.get("event_id"), m.get("data", {}).get("event_id"))), 10 * SLOW)
        left_out = DIFFERENT.get(wanted["type"], set())
        known = {key: value for key, value in wanted.items() if key not in left_out}
        known["data"] = {key: value for key, value in wanted.get("data", {}).items()
                         if key not in left_out}
        if "data" not in wanted and not known["data"]:
            del known["data"]
        sound(recorded.Shape().learn(known), message, who)


def edge_handshakes(mesh):
    """Who names no camera is sent away with 1008, who speaks no JSON with a code, too; a ping is
    answered, and unknown types are ignored."""
    a = mesh.centrals[0]
    for text, codes in ((b'{"hello": 1}', (1008,)), (b'{"edge_id": 0}', (1008,)),
                        (b"not json", (1003, 1007, 1008))):
        socket = listen(a, "/ws/edge")
        socket.send(text)
        expect_equal(socket.receive(), None, "closed after %r" % text)
        expect(socket.close_code in codes, text, socket.close_code)
    socket = listen(a, "/ws/edge")
    socket.send(b'{"edge_id": 1}')
    connected = socket.receive()
    sound(recorded.Shape().learn({"type": "", "message": ""}), connected, "connected")
    expect_equal(connected["type"], "connected", "greeting")
    socket.send(b'{"type": "WHAT"}')
    socket.send(json.dumps({"type": "PARKING_LOT", "camera_id": 1, "event_id": "x_1_29A00000",
                            "data": {"plate_text": "29A00000"}}).encode())
    socket.send(b'{"type": "ping"}')
    before = []
    socket.wait_for(lambda m: m == {"type": "pong"} or before.append(m), 10 * SLOW)
    expect(all(m["type"] == "ENTRY" and m["data"]["plate_id"] != "29A00000" for m in before),
           "only who is inside is told", before)
    socket.send(b"garbage")
    expect_equal(socket.receive(), None, "closed")


def edge_messages(mesh):
    """The recorded boxes say what they said, and hear what they heard."""
    boxes = Boxes(mesh)
    skipped = {"edge-noid", "edge-badjson"}
    sender = None
    for line in recorded.lines("ws_edge.jsonl"):
        who = line["who"]
        if line["direction"] == "http":
            answer = boxes.replay.ask(EXCHANGES[line["name"]])
            expect_equal(answer.status, 200, line["name"])
            sender = None
        elif who in skipped or line["direction"] == "closed":
            continue
        elif line["direction"] == "open":
            boxes.sockets[who] = listen(mesh.centrals[0], "/ws/edge")
        elif line["direction"] == "send" and line["text"].startswith("{"):
            boxes.sockets[who].send(boxes.today(line["text"]).encode())
            sender = who
        elif line["direction"] == "recv":
            wanted = json.loads(line["text"])
            by_row = wanted["type"] in ("UPDATE", "DELETE") and not wanted.get("event_id")
            own = who == sender and wanted["type"] not in ("connected", "pong")
            if not by_row and not own:  # E-04: not found by a row number; E-14: not told itself
                boxes.expect_message(who, wanted)
    a, b = mesh.centrals[:2]
    def as_told(central):
        """Closed by socket, deleted by event_id, and the others."""
        rows = {r["plate_id"]: r for r in central.history().values()}
        return (rows.get("36A11111", {}).get("status") == "OUT" and "36A11116" not in rows
                and "36A11112" in rows and rows.get("36A11115", {}).get("last_location"))
    wait_same([a, b])
    for central in (a, b):  # what a box says and what B hears is not waited for above
        wait_until(lambda c=central: as_told(c), 20, lambda c=central: str(c.history()))


with Standing("central-1", "central-2") as stage:
    stage.quiet = Quiet(listen(stage.centrals[0], "/ws/cameras"))  # its 30 s begin here
    stage.quiet.start()
    run(history_notices, history_replaced_entry, history_deaf_ears, cameras_list, cameras_keepalive,
        edge_handshakes, edge_messages, cameras_silence, stage=stage)
