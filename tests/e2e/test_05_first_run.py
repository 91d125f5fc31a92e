"""A newcomer starts one central without any file; cameras of the existing system report to it."""

import json
import os
import shutil
import subprocess

from cluster import SLOW, Skip, expect, expect_equal, free_port, program, run

EVENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "edge_events.jsonl")

# What is answered instead of what was recorded: status and a part of the body. An event that finds
# the car inside, or no open visit, is final for the camera; a repeated one gets the first answer.
EXPECTED = {
    "entry_no_event_id": (200, {"success": True, "action": "ENTRY", "plate_id": "30G56789"}),
    # The same camera, time and plate again: a retry, though the plate was written otherwise.
    "entry_already_inside": (200, {"success": True, "deduped": True}),
    "entry_lowercase_separators": (200, {"plate_id": "51G12345", "plate_view": "51G-123.45"}),
    "entry_with_event_id": (200, {"event_id": "edge-1_1733140800000_29A12345"}),
    "entry_same_event_id_deduped": (200, {"success": True, "deduped": True,
                                          "event_id": "edge-1_1733140800000_29A12345"}),
    "entry_same_event_id_other_plate_deduped": (200, {"deduped": True}),
    "detection": (200, {"success": True, "plate_id": "43C55555"}),
    "entry_camera_type_parking_lot": (200, {"success": True, "plate_id": "60P11111"}),
    "entry_short_plate": (400, {"success": False, "code": "PLATE_UNUSABLE"}),
    "entry_empty_plate": (400, {"success": False, "code": "PLATE_UNUSABLE"}),
    "entry_unicode_plate": (200, {"plate_id": "30123456", "plate_view": "ĐÀ30-123456"}),
    "entry_no_data": (400, {"success": False}),
    "entry_data_null": (400, {"success": False}),
    "entry_plate_int": (400, {"success": False}),
    "entry_camera_id_string": (200, {"success": True, "plate_id": "30A00002"}),
    "entry_minimal": (200, {"success": True, "plate_id": "30A00003"}),
    "unknown_type": (400, {"success": False, "code": "TYPE_UNKNOWN"}),
    "event_bad_json": (400, {"success": False, "code": "JSON_INVALID"}),
    "event_array": (400, {"success": False}),
    "event_empty_body": (400, {"success": False, "code": "JSON_INVALID"}),
    "exit_unknown_vehicle": (200, {"success": False, "code": "NO_OPEN_VISIT"}),
    "exit_no_event_id": (200, {"success": True, "action": "EXIT", "fee": 0,
                               "duration": "0 giờ 0 phút"}),
    "exit_again": (200, {"deduped": True}),
    "exit_with_entry_event_id_is_deduped_no_exit": (
        200, {"success": True, "action": "EXIT", "event_id": "edge-1_1733140800000_29A12345"}),
    "exit_with_fresh_event_id": (200, {"success": False, "code": "NO_OPEN_VISIT"}),
    "entry_seen_by_edges": (200, {"success": True, "plate_id": "36B00001"}),
    "exit_seen_by_edges": (200, {"success": True, "action": "EXIT"}),
}


def newcomer(cluster):
    """No configuration file: one is written, and the central runs."""
    central = cluster.new("central-1")
    shutil.rmtree(os.path.dirname(central.config_file))
    shutil.rmtree(central.data)
    central.host = "127.0.0.1"
    central.port = free_port("127.0.0.1")
    central.start(env={"PARKMESH_API_PORT": str(central.port),
                       "PARKMESH_P2P_PORT": str(free_port("127.0.0.1"))})
    config = central.read_config()
    expect_equal(config["this_central"]["id"], "central-1", "default id")
    expect_equal(config.get("peer_centrals", []), [], "default peers")
    banner = central.get("/").json
    expect_equal(banner["status"], "running", banner)
    expect_equal(central.get("/api/p2p/status").json["standalone_mode"], True, "standalone")

    entered = curl(central, {"type": "ENTRY", "camera_id": 1, "data": {"plate_text": "30A-123.45"}})
    expect_equal((entered["success"], entered["plate_id"]), (True, "30A12345"), "curl ENTRY")
    left = curl(central, {"type": "EXIT", "camera_id": 2, "data": {"plate_text": "30A12345"}})
    expect_equal((left["success"], left["event_id"], left["fee"]), (True, entered["event_id"], 0),
                 "curl EXIT")
    row = central.history()[entered["event_id"]]
    expect_equal((row["id"], row["status"], row["is_anomaly"], row["sync_status"]),
                 (left["history_id"], "OUT", 0, "LOCAL"), "row")
    central.stop()
    log = central.log()
    expect("READY" in log and "STOPPED" in log, "log", log)


def curl(central, body):
    """As the README has it."""
    try:
        done = subprocess.run(
            ["curl", "-sS", "-H", "Content-Type: application/json", "-d", json.dumps(body),
             "http://%s:%d/api/edge/event" % (central.host, central.port)],
            stdout=subprocess.PIPE, check=True, timeout=30)
    except FileNotFoundError:
        raise Skip("needs curl") from None
    return json.loads(done.stdout)


def recorded_edges(cluster):
    """What cameras really sent to the existing system, with what they get now."""
    central, = cluster.mesh("central-1")
    central.start()
    with open(EVENTS, encoding="utf-8") as file:
        events = [json.loads(line) for line in file]
    expect(len(events) == len(EXPECTED), "events", len(events), len(EXPECTED))
    wrong = []
    for event in events:
        status, part = EXPECTED[event["name"]]
        body = event["raw"].encode() if "raw" in event else event["json"]
        answer = central.post("/api/edge/event", body)
        got = answer.json or {}
        if answer.status != status or any(got.get(key) != part[key] for key in part):
            wrong.append("%s: %s, wanted %s %s" % (event["name"], answer, status, part))
        # Whatever an existing client read in a successful answer is still there.
        if status == 200 and event["status"] == 200 and got.get("success") and \
                not event["answer"].get("deduped"):
            lost = set(event["answer"]) - set(got)
            if lost:
                wrong.append("%s: lacks %s" % (event["name"], lost))
        if status >= 400 and not isinstance(got.get("error"), str):
            wrong.append("%s: no error text" % event["name"])
    expect(not wrong, "\n".join(wrong))
    status = {row["plate_id"]: row["status"] for row in central.history().values()}
    expect_equal(status, {"30G56789": "OUT", "51G12345": "IN", "29A12345": "OUT", "43C55555": "IN",
                          "60P11111": "IN", "30123456": "IN", "30A00002": "IN", "30A00003": "IN",
                          "36B00001": "OUT"}, "visits")


def command_line(cluster):
    """Help, version, secrets, wrong usage."""
    del cluster
    status, out, _ = program("--help")
    expect_equal(status, 0, "--help")
    expect("Examples" in out and "parkmesh run" in out, out)
    status, out, _ = program("--version")
    expect(status == 0 and any(c.isdigit() for c in out), "--version", out)
    secrets = {program("secret", "new")[1].strip() for _ in range(3)}
    expect(len(secrets) == 3 and min(map(len, secrets)) >= 16, "secret new", secrets)
    for wrong in (("runn",), (), ("run", "--confg", "x"), ("secret", "old"), ("run", "extra")):
        status, out, err = program(*wrong, timeout=5 * SLOW)
        expect(status == 64 and "USAGE" in err and not out, wrong, status, out, err)


run(newcomer, recorded_edges, command_line)
