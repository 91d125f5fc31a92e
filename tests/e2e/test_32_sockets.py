"""Defects of the existing system with its WebSockets, W, and with a flood of them, S and P."""

import threading

from cluster import SLOW, expect, expect_equal, now, run, wait_until
from standing import Standing, away, row
from websocket import BINARY, WebSocket


def listen(central, path="/ws/history"):
    socket = WebSocket(central.ip, central.api_port, path)
    expect_equal(socket.status, 101, "handshake of " + path)
    return socket


def page(central):
    """A dashboard that has heard what every one hears first."""
    socket = listen(central)
    socket.receive()
    return socket


def about(name, **fields):
    def matches(message):
        data = message["data"]
        return data.get("event_id") == name and all(data.get(k) == v for k, v in fields.items())
    return matches


def w_01_dashboards_come_and_go(mesh):
    """Dashboards connect and leave all the time: every edit is answered, and told to the peer."""
    a, b = mesh.centrals
    car = mesh.plate()
    entered = a.entry(car).json
    stop = threading.Event()

    def come_and_go():
        while not stop.is_set():
            listen(a).close()
    pages = [threading.Thread(target=come_and_go, daemon=True) for _ in range(4)]
    for one in pages:
        one.start()
    try:
        for _ in range(30):
            fixed = mesh.plate()
            answer = a.put("/api/parking/history/%d" % entered["history_id"],
                           {"plate_id": fixed, "plate_view": fixed})
            expect_equal((answer.status, answer.json["success"]), (200, True), str(answer))
    finally:
        stop.set()
        for one in pages:
            one.join()
    row(b, entered["event_id"], plate_id=fixed)


def w_03_frames_that_are_no_text(mesh):
    """A binary frame is no reason to die; where it ends a socket, it is with a close code."""
    a = mesh.centrals[0]
    for path in ("/ws/history", "/ws/cameras", "/ws/edge"):
        socket = listen(a, path)
        socket.send(bytes(100), BINARY)
        if path == "/ws/edge":
            expect_equal(socket.receive(), None, "closed")
            expect(socket.close_code in (1003, 1007, 1008), path, socket.close_code)
        socket.close()
    expect(a.entry(mesh.plate()).json["success"], "goes on")


def w_04_deletion_refreshes_lots(mesh):
    """The notice of an edit or a deletion carries an event_type, for which a lot view looks."""
    a = mesh.centrals[0]
    socket = page(a)
    entered = a.entry(mesh.plate()).json
    fixed = mesh.plate()
    path = "/api/parking/history/%d" % entered["history_id"]
    wanted = ("ENTRY", "EXIT", "LOCATION_UPDATE", "PARKING_LOT_CONFIG_UPDATE")
    for kind in ("updated", "deleted"):
        answer = a.put(path, {"plate_id": fixed, "plate_view": fixed}) if kind == "updated" else \
            a.delete(path)
        expect_equal(answer.status, 200, str(answer))
        data = socket.wait_for(about(entered["event_id"], type=kind), 10 * SLOW)["data"]
        expect(data.get("event_type") in wanted, kind, data)


def w_05_first_message(mesh):
    """Who connects is told at once to fetch the list: what happened meanwhile is not missed."""
    a = mesh.centrals[0]
    first = listen(a).receive()
    expect_equal((first["type"], first["data"]["event_type"]), ("history_update", "ENTRY"), first)


def w_06_order_of_notices(mesh):
    """What happened is told in the order of the commits: of one car never the exit before its
    entry, to boxes here and at a peer, and to pages."""
    a, b = mesh.centrals
    watching, early, boxes = page(a), page(b), []
    # What is inside is told a moment after the greeting: a car of that moment would be told twice.
    marker = a.entry(mesh.plate()).json["event_id"]
    for central, heard in ((a, watching), (b, early)):
        heard.wait_for(about(marker), 20 * SLOW)  # boxes that come now hear of it in no other way
        boxes.append(listen(central, "/ws/edge"))
        boxes[-1].send(b'{"edge_id": 95}')
        boxes[-1].wait_for(lambda m: m.get("event_id") == marker, 20 * SLOW)
    base, names = now() - 7200, []
    for _ in range(40):
        car = mesh.plate()
        names.append(a.entry(car, ts=base).json["event_id"])
        a.exit(car, ts=base + 60)
    row(b, names[-1], status="OUT")
    here, there = [], []

    def last_exit(message):
        here.append(message)
        return (message["type"], message["event_id"]) == ("EXIT", names[-1])
    boxes[0].wait_for(last_exit, 20 * SLOW)
    boxes[1].send(b'{"type": "ping"}')
    boxes[1].wait_for(lambda m: m["type"] == "pong" or there.append(m), 20 * SLOW)
    kinds = {name: [m["type"] for m in here if m["event_id"] == name] for name in names}
    expect_equal(kinds, {name: ["ENTRY", "EXIT"] for name in names}, "at a box here")
    for name in names:  # what was over when it arrived is told to nobody there
        kinds = [m["type"] for m in there if m["event_id"] == name]
        expect(kinds in ([], ["ENTRY"], ["EXIT"], ["ENTRY", "EXIT"]), "at a box of the peer", name, kinds)
    last = watching.wait_for(lambda m: m["data"].get("event_id") == names[-1] and
                             m["data"].get("event_type") == "EXIT", 20 * SLOW)
    expect_equal(last["data"]["exit_time"] is None, False, "the last notice is the last event")


def p_07_heartbeats_cost_little(mesh):
    """Heartbeats that change nothing a page shows do not send the whole list again each time."""
    a = mesh.centrals[0]
    socket = listen(a, "/ws/cameras")
    for number in range(50):
        answer = a.post("/api/edge/heartbeat", {"camera_id": 81, "camera_name": "Gate 81",
                                                "camera_type": "ENTRY", "events_sent": number})
        expect_equal(answer.status, 200, str(answer))
    lists = []

    def last(message):
        lists.append(message)
        return [c["events_sent"] for c in message["data"]["cameras"] if c["id"] == 81] == [49]
    socket.wait_for(last, 20 * SLOW)
    expect(len(lists) < 50, "lists sent for 50 heartbeats:", len(lists))


def s_08_limits_of_bodies_frames_and_sockets(mesh):
    """A body, a frame and a number of sockets beyond the limits are refused, each by itself."""
    central = mesh.another(limits={"ws_clients": 8})
    answer = central.post("/api/edge/event", b'{"x":"' + b"y" * (1 << 20) + b'"}')
    expect_equal((answer.status, answer.code), (413, "BODY_TOO_LARGE"), str(answer))
    greedy = listen(central)
    greedy.send(b"x" * 65000)
    sockets = [listen(central) for _ in range(6)]
    refused = wait_until(lambda: (lambda s: s if s.status == 503 else sockets.append(s))(
        WebSocket(central.ip, central.api_port, "/ws/history")), 10, "503 beyond the limit")
    refused.close()
    expect(central.entry(mesh.plate()).json["success"], "the gate goes on")
    for one in sockets + [greedy]:
        one.close()
    central.stop()


with Standing("central-1", "central-2") as stage:
    run(w_01_dashboards_come_and_go, w_03_frames_that_are_no_text, w_04_deletion_refreshes_lots,
        w_05_first_message, w_06_order_of_notices, p_07_heartbeats_cost_little,
        s_08_limits_of_bodies_frames_and_sockets, stage=stage)
