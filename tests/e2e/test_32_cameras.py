"""Defects of the existing system with its cameras and settings, K and C."""

import json
import threading

from camera_box import MuteBoxes
from cluster import SLOW, expect, expect_equal, run, wait_until
from standing import Standing
from websocket import WebSocket


def cameras(central):
    answer = central.get("/api/cameras")
    expect_equal(answer.status, 200, str(answer))
    return {camera["id"]: camera for camera in answer.json["cameras"]}


def beat(central, number, name="Gate", kind="ENTRY", **more):
    return central.post("/api/edge/heartbeat", {
        "camera_id": number, "camera_name": name, "camera_type": kind, **more})


def register(central, number, name, ip, kind="ENTRY", **more):
    answer = central.post("/api/edge/sync-config", {"edge_cameras": {str(number): {
        "name": name, "ip": ip, "camera_type": kind, **more}}})
    expect_equal((answer.status, answer.json["success"]), (200, True), str(answer))


def lots(central):
    answer = central.get("/api/parking/occupancy")
    expect_equal(answer.status, 200, str(answer))
    return {one["camera"]["name"]: one["occupancy"] for one in answer.json["parking_lots"]}


def settings(central):
    return central.get("/api/config").json["config"]


def elsewhere(central, last):
    """An address beside this central's."""
    return "%s.%d" % (central.ip.rsplit(".", 1)[0], last)


def k_03_heartbeat_without_a_number(mesh):
    """A heartbeat that names no camera is refused, and no camera appears."""
    a = mesh.centrals[0]
    before = cameras(a)
    for body in ({"camera_name": "x", "camera_type": "ENTRY"}, {"camera_id": None},
                 {"camera_id": 41}, {"camera_id": "x", "camera_name": "x", "camera_type": "ENTRY"}):
        answer = a.post("/api/edge/heartbeat", body)
        expect_equal((answer.status, answer.json["success"], answer.code),
                     (400, False, "FIELD_INVALID"), str(answer))
    expect_equal(cameras(a), before, "cameras")


def k_04_registering_one_touches_no_other(mesh):
    """A camera that registers leaves the counters and the last heartbeat of others alone."""
    a = mesh.centrals[0]
    register(a, 51, "Gate 51", elsewhere(a, 151))
    beat(a, 51, events_sent=17, events_failed=3)
    register(a, 52, "Gate 52", elsewhere(a, 152))
    shown = cameras(a)
    expect_equal((shown[51]["status"], shown[51]["events_sent"], shown[51]["events_failed"]),
                 ("online", 17, 3), "the first")
    expect_equal((shown[52]["status"], shown[52]["last_heartbeat"]), ("offline", None),
                 "the second was not heard of")


def k_05_c_06_capacity_stays(mesh):
    """The capacity of a lot is the same everywhere and survives other cameras and the settings."""
    a, b = mesh.centrals
    register(a, 53, "Deck K", elsewhere(a, 153), "PARKING_LOT", parking_lot_capacity=40)
    register(a, 54, "Gate 54", elsewhere(a, 154))
    for central in (a, b):
        wait_until(lambda c=central: lots(c).get("Deck K", {}).get("total_capacity") == 40, 20,
                   lambda c=central: lots(c))
    config = settings(a)
    expect_equal(config["edge_cameras"]["53"]["parking_lot_capacity"], 40, "in the settings")
    config["edge_cameras"]["53"]["parking_lot_capacity"] = 55
    for name in config["edge_cameras"]:
        config["edge_cameras"][name]["ip"] = ""  # nobody is called
    answer = a.post("/api/config", {"edge_cameras": config["edge_cameras"]})
    expect_equal(answer.status, 200, str(answer))
    for central in (a, b):
        wait_until(lambda c=central: lots(c)["Deck K"]["total_capacity"] == 55, 20,
                   lambda c=central: lots(c))


def k_06_two_boxes_under_one_number(mesh):
    """Every box registers itself under "1": two of them are two cameras, or the second is told."""
    a = mesh.centrals[0]
    first, second = elsewhere(a, 161), elsewhere(a, 162)
    register(a, 1, "Box 161", first)
    register(a, 1, "Box 162", second)
    kept = {camera["ip"]: camera["name"] for camera in settings(a)["edge_cameras"].values()}
    expect_equal((kept.get(first), kept.get(second)), ("Box 161", "Box 162"), "both are kept")


def k_07_removed_camera(mesh):
    """A camera that is taken out of the settings is gone, unless it is heard of."""
    a = mesh.centrals[0]
    register(a, 55, "Gate 55", "")
    register(a, 56, "Gate 56", elsewhere(a, 156))
    config = settings(a)["edge_cameras"]
    del config["56"]
    for name in config:
        config[name]["ip"] = ""
    expect_equal(a.post("/api/config", {"edge_cameras": config}).status, 200, "settings")
    expect(56 not in cameras(a), "still listed", cameras(a))


def k_10_heard_but_not_configured(mesh):
    """A camera that sends heartbeats is shown as online, whether it is configured or not."""
    a = mesh.centrals[0]
    expect_equal(beat(a, 57, "Gate 57").status, 200, "heartbeat")
    shown = cameras(a)[57]
    expect_equal((shown["status"], shown.get("config_missing")), ("online", True), shown)


def k_01_k_02_k_08_silent_camera(mesh):
    """A camera that falls silent is offline after the configured time-out and stays it, and pages
    are told once by the socket."""
    central = mesh.another(cameras={"heartbeat_timeout_s": 5})
    page = WebSocket(central.ip, central.api_port, "/ws/cameras")
    page.receive()
    expect_equal(beat(central, 3, "North").status, 200, "heartbeat")

    def says(status):
        return lambda m: [c["status"] for c in m["data"]["cameras"] if c["id"] == 3] == [status]
    page.wait_for(says("online"), 10 * SLOW)
    told = page.wait_for(says("offline"), 15 * SLOW)
    expect_equal((told["data"]["online"], told["data"]["offline"]), (0, 1), "counts")
    shown = cameras(central)[3]
    expect_equal((shown["status"], shown["connection_lost"]), ("offline", True), shown)
    beat(central, 4, "South")  # a round later the first one is no better
    told = page.wait_for(lambda m: len(m["data"]["cameras"]) == 2, 10 * SLOW)
    expect(says("offline")(told), "offline stays", told)
    expect_equal(cameras(central)[3]["last_heartbeat"], shown["last_heartbeat"], "last heartbeat")
    page.close()
    central.stop()


def c_01_addresses_of_services(mesh):
    """A setting that the answer calls saved is saved; one that is not kept is refused."""
    a = mesh.centrals[0]
    for section, key in (("parking", "api_url"), ("staff", "api_url"), ("report", "api_url"),
                         ("subscriptions", "api_url")):
        answer = a.post("/api/config", {section: {key: "http://x.example/list"}})
        if answer.status == 200 and answer.json["success"]:
            expect_equal(settings(a)[section][key], "http://x.example/list", section)
            expect_equal(a.post("/api/config", {section: {key: ""}}).status, 200, "cleared")
        else:
            expect_equal((answer.status // 100, answer.json["success"]), (4, False), str(answer))
            expect_equal(settings(a)[section][key], "", section)


def c_02_c_03_s_03_names_are_only_names(mesh):
    """Quotes, braces, back-slashes and Python in a camera's name are text, before and after a
    second save."""
    a = mesh.centrals[0]
    names = ["Gate {A", "x'; import os #", '"); print("', "back\\slash\\1\\g<0>", "{%s}", "é\u2028"]
    for turn in range(2):
        for number, name in enumerate(names):
            register(a, 60 + number, name, elsewhere(a, 170 + number))
            expect_equal(settings(a)["edge_cameras"][str(60 + number)]["name"], name, turn)
    expect_equal(a.post("/api/config", {"edge_cameras": {}}).status, 200, "removed again")
    for body in ({"edge_cameras": {"61');": {"name": "x", "ip": elsewhere(a, 1)}}},
                 {"edge_cameras": {"61": {"name": "x", "ip": "1.2.3.4'"}}},
                 {"edge_cameras": {"61": {"name": "x", "camera_type": "';"}}},
                 {"server": {"host": "0.0.0.0'", "port": "8000;"}}):
        answer = a.post("/api/config", body)
        expect_equal((answer.status, answer.json["success"]), (400, False), json.dumps(body))


def c_04_values_that_are_none(mesh):
    """A value of the wrong type is refused with its name, and the good one stays."""
    a = mesh.centrals[0]
    before = settings(a)["parking"]
    for body, word in (({"parking": {"fee_base": None}}, "fee_base"),
                       ({"parking": {"fee_per_hour": "x"}}, "fee_per_hour"),
                       ({"camera": {"heartbeat_timeout": None}}, "heartbeat_timeout"),
                       ({"server": {"host": "a\\b", "port": 8000}}, "host"),
                       ({"server": {"host": "0.0.0.0"}}, "port")):
        answer = a.post("/api/config", body)
        expect_equal((answer.status, answer.json["success"]), (400, False), json.dumps(body))
        expect(word in answer.json["error"], "names the field", answer)
    expect_equal(settings(a)["parking"], before, "tariff")


def c_05_many_boxes_that_do_not_answer(mesh):
    """Saving the settings calls all boxes at the same time, so that ten dead ones cost one
    time-out; each has its own line in the answer."""
    a = mesh.centrals[0]
    ips = [elsewhere(a, 180 + number) for number in range(10)]
    boxes = MuteBoxes(ips)
    mesh.cluster.closing.callback(boxes.close)
    config = {str(number + 70): {"name": "Box", "ip": ip, "camera_type": "ENTRY"}
              for number, ip in enumerate(ips)}
    answers = []
    caller = threading.Thread(target=lambda: answers.append(
        a.post("/api/config", {"edge_cameras": config})), daemon=True)
    caller.start()
    with boxes.changed:
        called = boxes.changed.wait_for(lambda: boxes.connected == set(ips), 20 * SLOW)
        early = list(answers)
    expect(called and not early, "all are called before the first has timed out", boxes.connected)
    expect_equal(a.get("/api/stats").status, 200, "others are served meanwhile")
    caller.join()
    results = answers[0].json["sync_results"]
    expect_equal((answers[0].status, answers[0].json["success"]), (200, True), str(answers[0]))
    expect_equal({(r["camera_id"], r["success"]) for r in results},
                 {(number, False) for number in config}, "results")
    expect_equal(a.post("/api/config", {"edge_cameras": {}}).status, 200, "removed again")


with Standing("central-1", "central-2") as stage:
    run(k_01_k_02_k_08_silent_camera, k_03_heartbeat_without_a_number, k_04_registering_one_touches_no_other,
        k_05_c_06_capacity_stays, k_06_two_boxes_under_one_number, k_07_removed_camera,
        k_10_heard_but_not_configured, c_01_addresses_of_services,
        c_02_c_03_s_03_names_are_only_names, c_04_values_that_are_none,
        c_05_many_boxes_that_do_not_answer, stage=stage)
