"""/ws/history: what a dashboard hears."""

import resource

from cluster import SLOW, expect, expect_equal, now, plate, run, wait_linked, wait_until
from websocket import BINARY, WebSocket


def listen(central, **options):
    socket = WebSocket(central.ip, central.api_port, "/ws/history", **options)
    expect_equal(socket.status, 101, "handshake")
    return socket


def about(text, **fields):
    def matches(message):
        data = message.get("data", {})
        return message["type"] == "history_update" and data.get("plate_id") == text and all(
            data.get(key) == value for key, value in fields.items())
    return matches


def local_and_peer(cluster):
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    wait_linked([a, b])
    # The first event of a process may be pulled, and is then told by its visit.
    a.entry(plate(9))
    b.entry(plate(8))
    wait_until(lambda: len(a.history()) == len(b.history()) == 2, 10, "both at both")
    at_a, at_b = listen(a), listen(b)
    for socket in (at_a, at_b):
        expect_equal(socket.receive()["type"], "history_update", "first message")
    base = now() - 7200
    entered = a.entry(plate(1), ts=base, camera=5).json
    data = at_a.wait_for(about(plate(1), event_type="ENTRY"), 10 * SLOW)["data"]
    for key in ("success", "action", "plate_view", "history_id", "entry_time", "event_id"):
        expect_equal(data.get(key), entered[key], key)
    expect_equal((data["camera_id"], data["camera_type"]), (5, "ENTRY"), "camera")
    data = at_b.wait_for(about(plate(1), event_type="ENTRY"), 10 * SLOW)["data"]
    expect_equal((data["type"], data["event_id"], data["source_central"], data["entry_time"]),
                 ("p2p_entry_synced", entered["event_id"], "central-1", entered["entry_time"]),
                 "at B")

    left = b.exit(plate(1), ts=base + 3600).json
    data = at_b.wait_for(about(plate(1), event_type="EXIT"), 10 * SLOW)["data"]
    for key in ("success", "action", "exit_time", "duration", "fee", "event_id"):
        expect_equal(data.get(key), left[key], key)
    data = at_a.wait_for(about(plate(1), event_type="EXIT"), 10 * SLOW)["data"]
    expect_equal((data["type"], data["event_id"], data["exit_central"], data["fee"]),
                 ("p2p_exit_synced", entered["event_id"], "central-2", 25000), "at A")

    row = a.history()[entered["event_id"]]["id"]
    a.put("/api/parking/history/%d" % row, {"plate_id": plate(2), "plate_view": plate(2)})
    for socket in (at_a, at_b):
        data = socket.wait_for(lambda m: m["data"].get("type") == "updated", 10 * SLOW)["data"]
        expect(isinstance(data["history_id"], int), data)
    a.delete("/api/parking/history/%d" % row)
    for socket in (at_a, at_b):
        socket.wait_for(lambda m: m["data"].get("type") == "deleted", 10 * SLOW)


def r_20_after_an_outage(cluster):
    """R-20: what arrives by synchronisation is told, too."""
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    wait_linked([a, b])
    b.post("/api/p2p/stop")
    for number in range(50):
        a.entry(plate(number), ts=now() - 60)
    socket = listen(b)
    socket.receive()
    b.post("/api/p2p/start")
    expect_equal(socket.wait_for(lambda m: True, 20 * SLOW)["type"], "history_update", "told")
    wait_until(lambda: len(b.history()) == 50, 20, "all at B")


def w_02_w_03_unruly_clients(cluster):
    """W-02, W-03: garbage, clients that do not read, many of them; the gate goes on."""
    central, = cluster.mesh("central-1")
    central.start()
    good = listen(central)
    good.receive()
    good.send(b"not JSON, and nobody minds")
    binary = listen(central)
    binary.send(bytes(100), BINARY)
    huge = listen(central)
    huge.send(b"x" * 60000)
    deaf = [listen(central) for _ in range(10)]
    for number in range(1000):
        expect(central.entry(plate(number), ts=now() - 60).json["success"], number)
    good.wait_for(about(plate(999)), 20 * SLOW)
    for socket in deaf:
        socket.close()
    other = listen(central)
    expect_equal(other.receive()["type"], "history_update", "a new client")
    expect_equal(central.get("/api/stats").json["vehicles_in_parking"], 1000, "inside")


def s_02_origin_and_stop(cluster):
    """S-02: no other web page listens in. At the end clients are told that it is one (1001)."""
    central, = cluster.mesh("central-1")
    central.start()
    foreign = WebSocket(central.ip, central.api_port, "/ws/history",
                        headers={"Origin": "http://evil.example"})
    expect_equal(foreign.status, 403, "foreign origin")
    own = listen(central, headers={"Origin": "http://%s:%d" % (central.ip, central.api_port)})
    own.receive()
    elsewhere = WebSocket(central.ip, central.api_port, "/ws/nothing")
    expect(elsewhere.status in (404, 405), "unknown path", elsewhere.status)
    central.stop()
    expect_equal(own.receive(), None, "close frame")
    expect_equal(own.close_code, 1001, "close code")


def more_pages_than_a_shell_lets_files_be_open(cluster):
    """The soft limit of open files is no limit of pages."""
    central, = cluster.mesh("central-1")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    central.start(preexec=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard)))
    pages = [listen(central) for _ in range(100)]
    for page in pages:
        page.receive()  # from then on it hears all
    expect_equal(central.entry(plate(1)).status, 200, "HTTP beside them")
    for page in pages:
        page.wait_for(about(plate(1), event_type="ENTRY"), 10 * SLOW)


run(local_and_peer, r_20_after_an_outage, w_02_w_03_unruly_clients, s_02_origin_and_stop,
    more_pages_than_a_shell_lets_files_be_open)
