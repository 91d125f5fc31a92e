"""Cameras: heartbeats, the settings page, boxes that register themselves, video."""

import contextlib
import http.client
import json
import socket
import threading
import time

from camera_box import CameraBox
from cluster import SLOW, expect, expect_equal, free_port, run, wait_until
from websocket import PING, PONG, TEXT, WebSocket

CONFIG = "/api/config"
SYNC = "/api/edge/sync-config"
HARD_NAME = "Cổng {A} \"b\" 'c' \\ %s ${d}"


def lone(cluster, **config):
    """A central for itself, with cameras by id as configured."""
    central = cluster.new("central-1")
    cluster.connect(central, [], **config)
    central.start()
    return central


def address(central, number):
    """A loopback address for a box."""
    return central.ip.rsplit(".", 1)[0] + ".%d" % (200 + number)


def box(cluster, central, number):
    made = CameraBox(address(central, number))
    cluster.closing.callback(made.close)
    return made


def beat(central, camera, source=None, **fields):
    """A heartbeat, from the address `source`."""
    body = {"camera_id": camera, "camera_name": "box %s" % camera, "camera_type": "ENTRY",
            "status": "online", "events_sent": 17, "events_failed": 5, **fields}
    return post_from(central, source, "/api/edge/heartbeat", body)


def post_from(central, source, path, body):
    if source is None:
        return central.post(path, body)
    connection = http.client.HTTPConnection(central.ip, central.api_port, timeout=60,
                                            source_address=(source, 0))
    with contextlib.closing(connection):
        connection.request("POST", path, body=json.dumps(body))
        response = connection.getresponse()
        response.read()
        return response


def cameras(central):
    answer = central.get("/api/cameras").json
    expect_equal([c["id"] for c in answer["cameras"]], sorted(c["id"] for c in answer["cameras"]),
                 "order")
    expect_equal((answer["total"], answer["online"]),
                 (len(answer["cameras"]), sum(c["status"] == "online" for c in answer["cameras"])),
                 "counts")
    return {camera["id"]: camera for camera in answer["cameras"]}


def settings(central):
    return central.get(CONFIG).json["config"]


def post(central, change, status=200):
    answer = central.post(CONFIG, change)
    expect_equal((answer.status, answer.json["success"]), (status, status == 200), str(answer))
    return answer.json


def k_01_k_08_silence(cluster):
    """A camera that is silent for longer than the configured time is offline, and stays it."""
    a = lone(cluster, cameras={"heartbeat_timeout_s": 5,
                               "items": {"3": {"name": "North", "ip": "127.0.0.9"}}})
    expect_equal(cameras(a)[3].get("config_only"), True, "configured, not heard")
    expect_equal(beat(a, 3).status, 200, "heartbeat")
    expect_equal((cameras(a)[3]["status"], cameras(a)[3]["name"], cameras(a)[3]["events_sent"]),
                 ("online", "North", 17), "heard")
    wait_until(lambda: cameras(a)[3]["status"] == "offline", 20, "silence is noticed")
    expect_equal(cameras(a)[3]["connection_lost"], True, "K-01: and stays so")
    heard = cameras(a)[3]["last_heartbeat"]
    post(a, {"camera": {"heartbeat_timeout": 3600}})
    expect_equal((cameras(a)[3]["status"], cameras(a)[3]["last_heartbeat"]), ("online", heard),
                 "K-08: the time-out holds at once")
    expect_equal(settings(a)["camera"]["heartbeat_timeout"], 3600, "shown")
    post(a, {"camera": {"heartbeat_timeout": 0}}, 400)
    post(a, {"camera": {}}, 400)


def k_03_heartbeat_without_camera(cluster):
    """A heartbeat without `camera_id` is refused, and makes no camera."""
    a = lone(cluster)
    for _ in range(2):
        answer = a.post("/api/edge/heartbeat", {"camera_name": "x", "camera_type": "ENTRY"})
        expect_equal((answer.status, answer.code), (400, "FIELD_INVALID"), str(answer))
    expect_equal(cameras(a), {}, "no camera came of it")


def k_07_k_10_removed_and_unconfigured(cluster):
    """A camera that was removed is gone; one that only sends heartbeats is online."""
    a = lone(cluster, cameras={"items": {"3": {"ip": "127.0.0.9"}, "4": {"ip": "127.0.0.8"}}})
    for camera in (3, 4, 7):
        beat(a, camera)
    expect_equal({i: c["status"] for i, c in cameras(a).items()},
                 {3: "online", 4: "online", 7: "online"}, "K-10: told as it is")
    expect_equal(cameras(a)[7]["config_missing"], True, "flag")
    config = settings(a)
    del config["edge_cameras"]["3"]
    config["edge_cameras"]["4"]["name"] = HARD_NAME
    answer = post(a, config)
    expect_equal(answer["not_applied"], [], "the page's own object is all known")
    expect_equal([r["camera_id"] for r in answer["sync_results"]], ["4"], "boxes told")
    expect_equal(sorted(cameras(a)), [4, 7], "K-07: gone")
    expect_equal(cameras(a)[4]["name"], HARD_NAME, "C-02, C-03: any name")
    expect_equal(settings(a)["edge_cameras"]["4"]["name"], HARD_NAME, "shown")
    post(a, settings(a))
    a.stop()
    a.start()
    expect_equal((sorted(cameras(a)), cameras(a)[4]["name"]), ([4], HARD_NAME), "after a restart")


def wrong_clocks(cluster):
    """A box whose clock is wrong after a power cut: its heartbeats say so. Nobody is kept in, and
    what it queued counts from when it happened."""
    a = lone(cluster, auth="open")
    home, other = address(a, 1), address(a, 2)

    def leave(number, at, source=home):
        body = {"type": "EXIT", "camera_id": 2, "timestamp": at,
                "data": {"plate_text": "51F-700.%02d" % number}}
        connection = http.client.HTTPConnection(a.ip, a.api_port, timeout=60,
                                                source_address=(source, 0))
        with contextlib.closing(connection):
            connection.request("POST", "/api/edge/event", body=json.dumps(body))
            return json.loads(connection.getresponse().read())

    for number in range(5):
        entered = a.entry("51F-700.%02d" % number, ts=time.time() - 1800, camera=1)
        expect_equal(entered.code, "OK", "entry")
    beat(a, 2, home, timestamp=time.time() - 3600)
    off = cameras(a)[2]["clock_offset_ms"]
    expect(-3660000 < off < -3599900, "clock of the box", off)  # whole milliseconds, each rounded
    began = time.time()
    answer = leave(0, began - 3600)
    expect_equal((answer["success"], answer["code"]), (True, "OK"), "exit of a slow box")
    # The time that the heartbeat was on its way counts as an error of the clock.
    expect(began - 1 <= a.instant(answer["exit_time"]) <= time.time() + 60, "it left now", answer)
    answer = leave(1, began - 3600 - 600)
    expect_equal(answer["code"], "OK", "queued for ten minutes")
    expect(began - 601 <= a.instant(answer["exit_time"]) <= began - 540, "ten minutes ago", answer)
    expect_equal(leave(2, began - 3600, other)["code"], "NO_OPEN_VISIT",
                 "another box, whose clock nobody knows: an exit of an hour ago")
    for _ in range(3):
        beat(a, 2, home, timestamp=time.time() - 3600)
    wait_until(lambda: beat(a, 2, home, timestamp=time.time()) and
               "CAMERA_CLOCK_RIGHT" in a.log(), 20, "right, and not 2 s on its way")
    expect_equal(leave(3, time.time() - 3600)["code"], "NO_OPEN_VISIT", "right: an hour ago")
    expect_equal(leave(4, time.time())["code"], "OK", "right: now")
    text = a.log()
    expect_equal([text.count(code) for code in ("CAMERA_CLOCK_WRONG", "CAMERA_CLOCK_RIGHT")],
                 [1, 1], "told once each")
    for odd in ("yesterday", -1, 1e300, [], None, True):
        expect_equal(beat(a, 2, home, timestamp=odd).status, 200, "odd time in a heartbeat")
    expect_equal(cameras(a)[2]["clock_offset_ms"], None, "not told, not known")


def c_01_nothing_is_ignored_silently(cluster):
    """What is called saved is saved, and what cannot be is refused."""
    a = lone(cluster, api_token="0123456789abcdefgh")
    before = a.read_config()
    for change, word in [
            ({"parking": {"api_url": "http://x"}}, "parking.api_url"),
            ({"staff": {"api_url": "http://x"}}, "staff.api_url"),
            ({"subscriptions": {"api_url": "http://x"}}, "subscriptions.api_url"),
            ({"report": {"api_url": "http://x"}}, "report.api_url"),
            ({"central_sync": {"servers": ["x"]}}, "central_sync"),
            ({"parking": {"fee_base": None}}, "fee_base"),                      # C-04
            ({"parking": {"fee_per_hour": "x"}}, "fee_per_hour"),
            ({"server": {"host": "0.0.0.0"}}, "port"),
            ({"edge_cameras": {"abc": {}}}, "abc"),
            ({"edge_cameras": {"3": {"ip": "http://evil"}}}, "ip"),
            ({"edge_cameras": {"3": {"ip": "a:22"}}}, "ip"),
            ({"edge_cameras": {"3": {"camera_type": "X\"; import os"}}}, "camera_type"),
            ({"edge_cameras": {"3": None}}, "edge_cameras.3"),
            ({"edge_cameras": []}, "edge_cameras"),
            ({"camera": 5}, "camera")]:
        expect(word in post(a, change, 400)["error"], "names", word, change)
    expect_equal(a.read_config(), before, "the file")
    expect_equal(a.post(CONFIG, b"nope").status, 400, "no JSON")
    answer = post(a, {"barrier": {"enabled": True}, "parking_lot": {"capacity": 9},
                      "camera": {"heartbeat_timeout": 60, "colour": 1},
                      "database": {"db_file": "elsewhere"}})
    expect_equal(sorted(answer["not_applied"]),
                 ["barrier", "camera.colour", "database", "parking_lot.capacity"], "named")
    expect_equal(post(a, {})["sync_results"], [], "nothing asked for")
    shown = a.get(CONFIG).body.decode()
    expect("0123456789abcdefgh" not in shown and cluster.secret not in shown, "secrets")


def f_04_one_tariff(cluster):
    """The settings page changes the one tariff there is."""
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    post(a, {"parking": {"fee_base": 2, "fee_per_hour": 7000, "api_url": ""}})
    for central in (a, b):
        wait_until(lambda c=central: c.get("/api/parking/fees").json["fees"] ==
                   {"fee_base": 2, "fee_per_hour": 7000}, 20, "the tariff everywhere")
        expect_equal(settings(central)["parking"],
                     {"fee_base": 2, "fee_per_hour": 7000, "api_url": ""}, "and in the page")


def c_05_boxes_are_told_at_once(cluster):
    """All boxes are called at the same time, so that dead ones cost one time-out."""
    a = lone(cluster)
    boxes = [box(cluster, a, number) for number in range(10)]
    together = threading.Barrier(len(boxes), timeout=60 * SLOW)
    for one in boxes:
        one.gate = together.wait  # nobody is answered before all have been asked
    items = {str(n + 1): {"name": "G%d" % n, "ip": one.ip, "camera_type": "EXIT"}
             for n, one in enumerate(boxes)}
    items["77"] = {"name": "nobody", "ip": address(a, 30)}
    items["78"] = {"name": "no address"}
    answer = post(a, {"edge_cameras": items})
    results = {result["camera_id"]: result for result in answer["sync_results"]}
    expect_equal(sorted(results), sorted(set(items) - {"78"}), "a result for each address")
    for number, one in enumerate(boxes):
        expect_equal(results[str(number + 1)]["success"], True, str(results))
        expect_equal(one.requests, [
            ("POST", "/api/config", {"camera": {"type": "EXIT", "name": "G%d" % number}}),
            ("POST", "/api/edge/init-sync",
             {"central_url": "http://%s:%d" % (a.ip, a.api_port), "camera_id": number + 1})],
                     "both calls in order")
    expect(not results["77"]["success"] and address(a, 30) in results["77"]["error"], results)
    for one in boxes:
        one.gate = None
    boxes[0].answers["/api/config"] = (500, {}, b"{}")
    results = {r["camera_id"]: r for r in post(a, {"edge_cameras": items})["sync_results"]}
    expect(not results["1"]["success"] and "500" in results["1"]["error"], results)
    expect_equal(len(boxes[0].seen("/api/edge/init-sync")), 1, "the second call is not made")


def k_04_k_05_one_box_registers(cluster):
    """A box that registers leaves others' heartbeats, counters and capacities alone."""
    a = lone(cluster)
    beat(a, 2)
    answer = a.post(SYNC, {"edge_cameras": {"1": {
        "name": "Deck B", "ip": "127.0.0.41", "camera_type": "PARKING_LOT",
        "parking_lot_capacity": 40}}})
    expect_equal((answer.status, answer.json["success"]), (200, True), str(answer))
    heard = cameras(a)[2]
    answer = a.post(SYNC, {"edge_cameras": {"2": {
        "name": HARD_NAME, "ip": "127.0.0.42", "camera_type": "EXIT"}}})
    expect_equal(answer.json["cameras"], [{"key": "2", "camera_id": 2}], str(answer))
    expect_equal(settings(a)["edge_cameras"], {
        "1": {"name": "Deck B", "ip": "127.0.0.41", "camera_type": "PARKING_LOT",
              "parking_lot_capacity": 40},
        "2": {"name": HARD_NAME, "ip": "127.0.0.42", "camera_type": "EXIT",
              "parking_lot_capacity": 0}}, "K-05: the lot keeps its capacity")
    shown = cameras(a)
    expect_equal((shown[1]["status"], shown[1]["last_heartbeat"]), ("offline", None),
                 "K-04: a registration is no heartbeat")
    expect_equal((shown[2]["events_sent"], shown[2]["last_heartbeat"]),
                 (17, heard["last_heartbeat"]), "K-04: counters stay")
    for body, status in [({}, 400), ({"edge_cameras": []}, 400), ({"edge_cameras": {}}, 200),
                         ({"edge_cameras": {"3": {"name": "x"}}}, 200),
                         ({"edge_cameras": {"abc": {"ip": "127.0.0.9"}}}, 400),
                         ({"edge_cameras": {"3": {"ip": "no address!"}}}, 400),
                         ({"edge_cameras": {"3": 5}}, 400)]:
        expect_equal(a.post(SYNC, body).status, status, str(body))
    expect_equal(sorted(cameras(a)), [1, 2], "none of them came")


def lots_everywhere(cluster):
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()

    def lots(central):
        answer = central.get("/api/parking/occupancy").json
        return {lot["camera"]["name"]: lot["occupancy"]["total_capacity"]
                for lot in answer["parking_lots"]}

    a.post(SYNC, {"edge_cameras": {"1": {
        "name": "Deck B", "ip": "127.0.0.41", "camera_type": "PARKING_LOT",
        "parking_lot_capacity": 40}}})
    for central in (a, b):
        wait_until(lambda c=central: lots(c) == {"Deck B": 40}, 20, "the lot at both")
    # C-06: one lot camera, so the page's capacity is meant for it.
    expect_equal(post(a, {"parking_lot": {"capacity": 50}})["not_applied"], [], "C-06")
    wait_until(lambda: lots(b) == {"Deck B": 50}, 20, "its capacity")
    config = settings(a)
    expect_equal(config["edge_cameras"]["1"]["parking_lot_capacity"], 50, "shown")
    config["edge_cameras"]["1"]["name"] = "Deck C"
    post(a, config)
    wait_until(lambda: lots(b) == {"Deck C": 50}, 20, "D-14: renamed")


def k_06_every_box_says_1(cluster):
    """Boxes that all register under "1" do not overwrite each other."""
    a = lone(cluster, auth="open")
    first, second, third = (address(a, n) for n in (1, 2, 3))

    def register(ip, **fields):
        body = {"edge_cameras": {"1": {"ip": ip, **fields}}}
        return post_from(a, ip, SYNC, body).status

    beat(a, 1, first)
    beat(a, 2, second)
    expect_equal(register(first, name="A", camera_type="ENTRY"), 200, "first")
    expect_equal(register(second, name="B", camera_type="EXIT"), 200, "second")
    expect_equal(register(third, name="C", camera_type="PARKING_LOT"), 200, "never heard")
    expect_equal(register(second, name="B2", camera_type="EXIT"), 200, "again")
    expect_equal({i: (c["name"], c["ip"], c["camera_type"])
                  for i, c in settings(a)["edge_cameras"].items()},
                 {"1": ("A", first, "ENTRY"), "2": ("B2", second, "EXIT"),
                  "3": ("C", third, "PARKING_LOT")}, "three boxes, three cameras")


def s_06_only_configured_boxes_are_called(cluster):
    """Nothing is called for a camera but its configured address, on the boxes' port."""
    a = lone(cluster)
    known, other = box(cluster, a, 1), box(cluster, a, 2)
    post(a, {"edge_cameras": {"3": {"ip": known.ip}}})
    beat(a, 9, other.ip)
    offer = {"sdp": "v=0", "type": "offer"}
    answer = a.post("/api/cameras/9/offer", offer)
    expect_equal((answer.status, answer.json["detail"], answer.code),
                 (404, "edge_camera_not_configured", "CAMERA_UNKNOWN"), str(answer))
    expect_equal(a.post("/api/cameras/77/offer", offer).status, 404, "unknown")
    known.answers["/offer"] = (302, {"Location": "http://%s:5000/offer" % other.ip}, b"{}")
    answer = a.post("/api/cameras/3/offer", offer)
    expect_equal((answer.status, answer.code), (502, "CAMERA_UNREACHABLE"), str(answer))
    expect_equal(a.get("/api/stream/raw?camera_id=9").status, 500, "no address")
    expect_equal(other.requests, [], "S-06: nobody called it")


def offers(cluster):
    a = lone(cluster)
    known = box(cluster, a, 1)
    post(a, {"edge_cameras": {"3": {"ip": known.ip}, "4": {"ip": address(a, 30)}}})
    offer = {"sdp": "v=0 ü", "type": "offer"}
    for path, at in [("offer", "/offer"), ("offer?annotated=false", "/offer"),
                     ("offer?annotated=true", "/offer-annotated"),
                     ("offer-annotated", "/offer-annotated")]:
        answer = a.post("/api/cameras/3/" + path, offer)
        expect_equal((answer.status, answer.json),
                     (200, {"sdp": "answer to v=0 ü" + at, "type": "answer"}), path)
    expect_equal(known.seen("/offer")[0], offer, "passed on as it is")
    known.answers["/offer"] = (422, {}, b'{"detail": "bad sdp"}')
    answer = a.post("/api/cameras/3/offer", offer)
    expect_equal((answer.status, answer.json["detail"]), (422, {"detail": "bad sdp"}), str(answer))
    known.answers["/offer"] = (200, {}, b"<html>")
    expect_equal(a.post("/api/cameras/3/offer", offer).status, 502, "no JSON")
    answer = a.post("/api/cameras/4/offer", offer)
    expect_equal((answer.status, answer.json["detail"]["error"],
                  answer.json["detail"]["endpoint"]),
                 (502, "edge_unreachable", "http://%s:5000/offer" % address(a, 30)), str(answer))
    expect_equal(a.post("/api/cameras/3/offer", b"[1]").status, 400, "no object")
    expect_equal(a.post("/api/cameras/x/offer", offer).status, 422, "no id")


class Viewer:
    """A client of a stream, byte by byte."""

    def __init__(self, central, camera, kind="raw"):
        self.socket = socket.create_connection((central.ip, central.api_port), 60 * SLOW)
        self.socket.sendall(b"GET /api/stream/%s?camera_id=%d HTTP/1.1\r\nHost: x\r\n\r\n"
                            % (kind.encode(), camera))
        self.bytes = b""

    def read_until(self, text):
        while text not in self.bytes:
            data = self.socket.recv(4096)
            expect(data, "ended before", text, "after", self.bytes)
            self.bytes += data
        return self.bytes

    def read_end(self):
        while True:
            data = self.socket.recv(4096)
            if not data:
                return
            self.bytes += data

    def close(self):
        self.socket.close()


def video(cluster):
    a = lone(cluster)
    known = box(cluster, a, 1)
    post(a, {"edge_cameras": {"3": {"ip": known.ip}, "4": {"ip": address(a, 30)}}})
    for kind in ("raw", "annotated"):
        known.ended.clear()
        viewer = Viewer(a, 3, kind)
        known.film()
        head = viewer.read_until(b"\r\n\r\n")
        expect(b" 200 " in head and b"multipart/x-mixed-replace; boundary=frame" in head, head)
        for number in (1, 2):
            known.film()
            viewer.read_until(b"%s picture %d" % (kind.encode(), number))
        viewer.close()

        def gone():
            known.film()
            return known.ended.is_set()
        wait_until(gone, 20, "the box is let go when the client went")
    answer = a.get("/api/stream/raw?camera_id=77")
    expect_equal((answer.status, "error" in answer.json), (404, True), str(answer))
    expect_equal(a.get("/api/stream/raw").status, 422, "which camera")
    expect_equal(a.get("/api/stream/raw?camera_id=4").status, 502, "nobody there")
    known.answers["/api/stream/raw"] = (200, {"Content-Type": "text/html"}, b"<html>")
    answer = a.get("/api/stream/raw?camera_id=3")
    expect_equal((answer.status, answer.code), (502, "CAMERA_UNREACHABLE"), "no video")
    viewers = [Viewer(a, 3, "annotated") for _ in range(8)]
    for viewer in viewers:
        viewer.read_until(b"\r\n\r\n")
    answer = a.get("/api/stream/annotated?camera_id=3")
    expect_equal((answer.status, answer.code), (503, "BUSY"), "a cap")
    viewers[0].close()

    def free():
        known.film()
        viewers[0] = Viewer(a, 3, "annotated")
        return b" 200 " in viewers[0].read_until(b"\r\n\r\n")
    wait_until(free, 20, "a place is free again")
    a.stop()
    for viewer in viewers:
        viewer.read_end()


def addresses_move_last(cluster):
    a = lone(cluster)
    known = box(cluster, a, 1)
    config = settings(a)
    expect_equal((config["server"]["port"], config["central_server"]["ip"]), (a.api_port, a.ip),
                 "shown")
    old, a.api_port = a.api_port, free_port(a.ip)
    config["server"]["port"] = a.api_port
    config["edge_cameras"] = {"3": {"ip": known.ip}}
    answer = post(a, config)
    expect_equal([r["success"] for r in answer["sync_results"]], [True], str(answer))
    expect_equal(known.seen("/api/edge/init-sync"),
                 [{"central_url": "http://%s:%d" % (a.ip, a.api_port), "camera_id": 3}],
                 "the box is told where the central will be")
    a.port = a.api_port
    a.forget_connections()
    a.wait_ready()
    expect_equal(settings(a)["server"]["port"], a.api_port, "moved from %d" % old)
    expect_equal(cameras(a)[3]["ip"], known.ip, "with its cameras")


def told(page, predicate):
    """The cameras by id of the first list that fits."""
    def fits(message):
        expect_equal(message["type"], "cameras_update", "type")
        return predicate({camera["id"]: camera for camera in message["data"]["cameras"]})
    data = page.wait_for(fits, 60 * SLOW)["data"]
    return {camera["id"]: camera for camera in data["cameras"]}


def k_02_p_07_pages_hear_of_it(cluster):
    """Pages are told when a camera falls silent, and no oftener than something changes."""
    a = lone(cluster, cameras={"heartbeat_timeout_s": 5})
    page = WebSocket(a.ip, a.api_port, "/ws/cameras")
    expect_equal(page.receive(), {"type": "cameras_update", "data": {
        "total": 0, "online": 0, "offline": 0, "cameras": []}}, "the list at once")
    page.send(b"ping")
    expect_equal(page.frame(), (TEXT, b"pong"), "keep-alive")
    beat(a, 3)
    expect_equal(told(page, lambda c: 3 in c), cameras(a), "the list as GET has it")
    # P-07: counters alone are told when they have gathered, in one list.
    for number in range(100):
        beat(a, 3, events_sent=1000 + number)
    lists = []
    shown = told(page, lambda c: lists.append(c) or c[3]["events_sent"] == 1099)
    expect(len(lists) < 20, "lists for 100 heartbeats:", len(lists))
    # K-02: silence, told once and without anybody asking.
    if shown[3]["status"] == "online":
        shown = told(page, lambda c: c[3]["status"] == "offline")
    expect_equal(shown[3]["connection_lost"], True, "flag")
    post(a, {"edge_cameras": {"3": {"ip": "127.0.0.9", "name": "known"}}})
    shown = told(page, lambda c: True)
    expect_equal(shown[3]["name"], "known", "the next list is about the settings: K-02, once")
    a.post(SYNC, {"edge_cameras": {"4": {"ip": "127.0.0.8"}}})
    told(page, lambda c: 4 in c)
    post(a, {"edge_cameras": {}})
    told(page, lambda c: not c)
    a.signal(15)
    while True:
        opcode, payload = page.frame()
        if opcode == PING:
            page.send(payload, PONG)
        elif opcode == 8:
            break
    expect_equal(a.wait_end(), 0, "stopped")


run(k_01_k_08_silence, k_02_p_07_pages_hear_of_it, k_03_heartbeat_without_camera, k_07_k_10_removed_and_unconfigured,
    wrong_clocks, c_01_nothing_is_ignored_silently, f_04_one_tariff, c_05_boxes_are_told_at_once,
    k_04_k_05_one_box_registers, lots_everywhere, k_06_every_box_says_1,
    s_06_only_configured_boxes_are_called, offers, video, addresses_move_last)
