"""What pages, cameras and peers of the existing system asked of three of its centrals, asked of three
of ours in the same order. Answers have the same status class, the same keys and the same types; where
the existing system was wrong, or the design decides otherwise, DIFFERENT says what is right and why."""

from http.client import HTTPException

from cluster import Failure, expect, run, wait_until
from replay import HEADERS, Replay
from standing import Standing
import recorded

EXCHANGES = recorded.lines("http.jsonl")
SHAPES = recorded.shapes(EXCHANGES)
# An exchange that is answered otherwise: status, what the answer holds, why.
NOT_JSON = (400, {"success": False, "code": "JSON_INVALID"}, "D-13: a fault of the caller, not ours")
NO_OBJECT = (400, {"success": False, "code": "FIELD_INVALID"}, "D-13: as above")
NO_FIELD = (400, {"success": False, "code": "FIELD_INVALID"}, "D-03, K-03: not taken for empty")
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
    "staff_put_missing_key_empties_list": NO_FIELD, "heartbeat_no_id": NO_FIELD,
    "poison_heartbeat_no_name_c2": NO_FIELD,
    "config_post_bad": NO_FIELD, "sync_config_bad_cam_id": NO_FIELD,
    "stream_raw_cam_without_config": (404, {"success": False, "code": "CAMERA_UNKNOWN"},
                                      "K-03: the heartbeat without a number made no camera"),
    "p2ptest_testconn": (400, {"success": False, "code": "LINK_DOWN"},
                         "nobody is central-9; when this was recorded somebody said so (S-04)"),
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
    return shape.wrong(answer.json, wanted=set(wanted)) + recorded.wrong_deletions(answer.json) + [
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


def everywhere(mesh):
    """Whether all centrals hold the same events: what is changed at one is often another's."""
    logs = [central.rows("SELECT node, epoch, max(seq) FROM event JOIN stream USING (sid)"
                         " GROUP BY sid ORDER BY node, epoch") for central in mesh.centrals]
    return all(log == logs[0] for log in logs)


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
                wait_until(lambda: everywhere(mesh), 20, "what was done elsewhere before it")
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
