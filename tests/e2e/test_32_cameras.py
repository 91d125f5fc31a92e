"""Defects of the existing system with its cameras and settings, K and C."""

import json

from cluster import expect, expect_equal, run, wait_until
from standing import Standing


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
                       ({"server": {"host": "a\\b", "port": 8000}}, "server.host: "),
                       ({"server": {"host": "0.0.0.0", "port": 99999}}, "server.port: "),
                       ({"server": {"host": "0.0.0.0"}}, "port"),
                       ({"central_server": {"ip": "x y"}}, "central_server.ip: "),
                       ({"camera": {"heartbeat_timeout": -3}}, "camera.heartbeat_timeout: "),
                       ({"edge_cameras": {"61": {"ip": "1.2.3.4.5"}}}, "edge_cameras.61.ip: ")):
        answer = a.post("/api/config", body)
        expect_equal((answer.status, answer.json["success"]), (400, False), json.dumps(body))
        expect(word in answer.json["error"], "names the field", answer)
    expect_equal(settings(a)["parking"], before, "tariff")


with Standing("central-1", "central-2") as stage:
    run(k_05_c_06_capacity_stays, c_02_c_03_s_03_names_are_only_names, c_04_values_that_are_none,
        stage=stage)
