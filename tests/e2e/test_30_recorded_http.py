"""What pages, cameras and peers of the existing system asked of three of its centrals, asked of three
of ours in the same order. Answers have the same status class, the same keys and the same types; where
the existing system was wrong, or the design decides otherwise, DIFFERENT says what is right and why."""

import json
import re
from http.client import HTTPException

from cluster import Failure, expect, run, wait_until
from standing import Standing, row
import recorded

EXCHANGES = recorded.lines("http.jsonl")
SHAPES = recorded.shapes(EXCHANGES)
HEADERS = {
    "cors_simple": {"Origin": "http://page.example"},
    "cors_preflight": {"Origin": "http://page.example", "Access-Control-Request-Method": "PUT",
                       "Access-Control-Request-Headers": "content-type"},
}
# An exchange that is answered otherwise: status, what the answer holds, why.
NOT_JSON = (400, {"success": False, "code": "JSON_INVALID"}, "D-13: a fault of the caller, not ours")
NO_OBJECT = (400, {"success": False, "code": "FIELD_INVALID"}, "D-13: as above")
PLATE = (400, {"success": False, "code": "PLATE_UNUSABLE"}, "E-11: 400, not 500")
REPEATED = (200, {"success": True, "deduped": True}, "E-07: the same camera, time and plate again")
NO_ENTRY = (200, {"success": False, "code": "NO_OPEN_VISIT"}, "a camera's event is never refused")
GOES_ON = (200, {"success": True, "action": "ENTRY"}, "D-13: the next one is not affected")

DIFFERENT = {
    "fees_put_bad_json": NOT_JSON, "fees_put_list_body": NO_OBJECT,
    "staff_put_bad_json": NOT_JSON, "staff_put_list_body": NO_OBJECT,
    "subscriptions_put_bad_json": NOT_JSON, "subscriptions_put_list_body": NO_OBJECT,
    "config_post_bad_json": NOT_JSON, "event_bad_json": NOT_JSON, "event_array": NO_OBJECT,
    "event_empty_body": NOT_JSON, "history_put_bad_json": NOT_JSON,
    "heartbeat_bad_json": NOT_JSON, "sync_config_bad_json": NOT_JSON,
    "entry_already_inside": REPEATED, "exit_again": REPEATED,
    "entry_camera_type_parking_lot": (200, {"success": True, "action": "LOCATION_UPDATE"},
                                      "E-06: a lot camera's entry says where the car is"),
    "entry_data_null": PLATE, "entry_plate_int": PLATE,
    "exit_unknown_vehicle": NO_ENTRY,
    "exit_with_entry_event_id_is_deduped_no_exit": (200, {"success": True, "action": "EXIT"},
                                                    "E-01"),
    "exit_with_fresh_event_id": (200, {"success": False, "code": "NO_OPEN_VISIT"},
                                 "E-01: the exit before it has closed the visit"),
    "p2p_put_config_422": (200, {"success": True}, "PUT merges: absent keys are kept"),
    "poison_entry_no_camera_id": GOES_ON,
    "poison_after_0": GOES_ON, "poison_after_1": GOES_ON, "poison_after_2": GOES_ON,
    "poison_after_3": GOES_ON, "poison_missing_type_after": GOES_ON, "poison_hb_after_0": GOES_ON,
    "poison_hb_after_1": GOES_ON, "poison_hb_after_2": GOES_ON,
    "poison_missing_type_c3": (400, {"success": False, "code": "TYPE_UNKNOWN"}, "E-11"),
}


class Replay:
    """The centrals, and which visit each exchange made."""

    def __init__(self, mesh):
        self.centrals = {central.name: central for central in mesh.centrals}
        self.first = mesh.centrals[0].ip
        self.made, self.rows = {}, {}

    def here(self, text):
        """Centrals and cameras were at 127.0.0.1, .2 and so on; ours have a network of their own."""
        network, first = self.first.rsplit(".", 1)
        return re.sub(r"127\.0\.0\.(\d+)",
                      lambda ip: "%s.%d" % (network, int(first) - 1 + int(ip[1])), text)

    def ask(self, exchange):
        central, path = self.centrals[exchange["node"]], exchange["path"]
        if "row_of" in exchange:
            visit = (central, exchange["row_of"])
            if visit not in self.rows:
                self.rows[visit] = row(central, self.made.get(exchange["row_of"]))["id"]
            path = re.sub(r"\d+$", str(self.rows[visit]), path)
        body = None
        if "body" in exchange:
            body = self.here(json.dumps(exchange["body"], ensure_ascii=False)).encode()
        elif "raw" in exchange:
            body = exchange["raw"].encode()
        headers = dict(HEADERS.get(exchange["name"], {}))
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = central.request(exchange["method"], self.here(path), body, headers)
        if isinstance(answer.json, dict) and answer.json.get("event_id"):
            self.made.setdefault(exchange["name"], answer.json["event_id"])
        return answer


def as_recorded(exchange, answer):
    """What is wrong with an answer that ought to be like the recorded one."""
    if answer.status // 100 != exchange["status"] // 100:
        return ["status %d, not %d" % (answer.status, exchange["status"])]
    wanted = exchange.get("answer")
    if not isinstance(wanted, dict):
        return []
    if answer.status >= 400:  # of a refusal clients read nothing else
        wanted = {key: wanted[key] for key in ("success", "error") if key in wanted}
        shape = recorded.Shape().learn(wanted)
    else:
        shape = SHAPES[recorded.route(exchange["method"], exchange["path"])]
    return shape.wrong(answer.json, wanted=set(wanted)) + [
        "%s is %r, not %r" % (key, answer.json.get(key), wanted[key]) for key in recorded.STABLE
        if key in wanted and answer.json.get(key) != wanted[key]]


def as_decided(status, holds, answer):
    if answer.status != status:
        return ["status %d, not %d" % (answer.status, status)]
    return ["%s is %r, not %r" % (key, (answer.json or {}).get(key), value)
            for key, value in holds.items() if (answer.json or {}).get(key) != value]


def judge(exchange, answer):
    if exchange["name"] in DIFFERENT:
        return as_decided(*DIFFERENT[exchange["name"]][:2], answer)
    return as_recorded(exchange, answer)


def recorded_exchanges(mesh):
    replay, wrong = Replay(mesh), []
    for exchange in EXCHANGES:
        found, answer = [], None

        def right(exchange=exchange):
            nonlocal found, answer
            answer = replay.ask(exchange)
            found = judge(exchange, answer)
            return not found
        try:
            if exchange["method"] == "GET":  # what one central did is at the others a moment later
                wait_until(right, 5, "as recorded")
            else:
                right()
        except (Failure, OSError, HTTPException) as error:
            found = found or [repr(error)]
        if found:
            wrong.append("%s (%s %s): %s\n    %s" % (exchange["name"], exchange["method"],
                                                    exchange["path"], "; ".join(found), answer))
    expect(not wrong, "%d of %d:\n%s" % (len(wrong), len(EXCHANGES), "\n".join(wrong)))
    unused = set(DIFFERENT) - {exchange["name"] for exchange in EXCHANGES}
    expect(not unused, "no such exchanges:", unused)


with Standing("central-1", "central-2", "central-3",
              cors_origins=[HEADERS["cors_simple"]["Origin"]]) as stage:
    run(recorded_exchanges, stage=stage)
