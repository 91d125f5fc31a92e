#!/usr/bin/env python3
"""docs/compatibility.md says which test holds each promise to clients of the existing system.

usage: check_compatibility.py [--write] [root]

The page is made from this file and from the tests: a scenario of tests/e2e whose name begins with the
id of a defect (`def e_01_...`, `def r_01_r_02_...`) is the test of that defect, and the first sentence
of its docstring is the row's text. A defect without a test has its reason in CANNOT_ARISE.

Prints one line per problem, exit status 1 if there is any: a defect, route or message without a test,
a test that does not exist or is not run, a page that differs from what would be written. `--write`
writes the page.
"""
import ast
import json
import pathlib
import re
import sys

PAGE = "docs/compatibility.md"
RECORDED = "tests/e2e/data/http.jsonl"
REPLAY = "test_30_recorded_http.py:recorded_exchanges"
SOCKETS = "test_31_recorded_sockets.py:"
FRAMES = "test_48_peer_frames.py:"

# Letter -> what its defects are about, how many there are.
DEFECTS = {
    "R": ("Between centrals", 38), "E": ("Cameras' events", 19), "D": ("Data", 14),
    "T": ("Time", 5), "F": ("Fees", 8), "K": ("Cameras", 10), "C": ("Settings", 7),
    "W": ("WebSockets", 6), "S": ("Security", 10), "P": ("Size and speed", 7),
}

# Id -> why no central of ours can have the defect, with what a reader can check.
CANNOT_ARISE = {
    "D-07": "Nothing is pruned on purpose: the log is the history. No question reads all of it; "
            "`performance.md` has the figures of ten million visits",
    "F-07": "No tariff is fetched from elsewhere: it is set by PUT, checked, and an event of the log",
    "F-08": "As F-07: no request waits for another machine to know its tariff",
    "K-09": "No thread rewrites cameras in the database: heartbeats are in memory, and whether one "
            "is silent is worked out when it is asked or due",
    "P-02": "The database stays open: one writer that commits many requests at once (WAL), readers "
            "of their own, and no event loop that they share (`design.md`, Threads)",
    "P-03": "Counters are kept by the writer in the commit that changes them; `scripts/bench` "
            "measures them at ten million visits",
}

# Route -> tests beside the replay of what was recorded.
ROUTES = {
    "GET /": [], "GET /api/status": [], "GET /api/cameras": [], "GET /api/parking/state": [],
    "GET /api/parking/occupancy": [], "GET /api/parking/history": [],
    "PUT /api/parking/history/{id}": [], "DELETE /api/parking/history/{id}": [],
    "GET /api/parking/history/changes": [], "GET /api/stats": [], "GET /api/staff": [],
    "PUT /api/staff": [], "GET /api/subscriptions": [], "PUT /api/subscriptions": [],
    "GET /api/parking/fees": [], "PUT /api/parking/fees": [], "GET /api/config": [],
    "POST /api/config": ["test_20_cameras.py:c_05_boxes_are_told_at_once"], "POST /api/edge/event": [], "POST /api/edge/heartbeat": [],
    "POST /api/edge/sync-config": [], "POST /api/edge/detection": [], "GET /api/p2p/config": [],
    "PUT /api/p2p/config": [], "GET /api/p2p/status": [], "GET /api/p2p/sync-state": [],
    "POST /api/p2p/test-connection": [], "POST /api/p2p/add-peer": [], "GET /api/p2p/info": [],
    "POST /api/p2p/register-peer": [], "POST /api/p2p/unregister-peer": [],
    "POST /api/cameras/{id}/offer": ["test_20_cameras.py:offers"], "POST /api/cameras/{id}/offer-annotated": ["test_20_cameras.py:offers"],
    "GET /api/stream/raw": ["test_20_cameras.py:video"], "GET /api/stream/annotated": ["test_20_cameras.py:video"],
}

# Socket -> (message, test). `{"type": ...}` is left out; of /ws/history what `data` says is given.
MESSAGES = {
    "/ws/history": [
        ("at the start: fetch the list", "test_32_sockets.py:w_05_first_message"),
        ("an event of a camera here: `event_type` ENTRY, EXIT", SOCKETS + "history_notices"),
        ("`event_type` LOCATION_UPDATE, here", SOCKETS + "history_notices"),
        ("a car that only a lot camera saw, here and at a peer", SOCKETS + "history_notices"),
        ("`type` updated", SOCKETS + "history_notices"),
        ("`type` deleted", SOCKETS + "history_notices"),
        ("`event_type` PARKING_LOT_CONFIG_UPDATE", SOCKETS + "history_notices"),
        ("`type` p2p_entry_synced", SOCKETS + "history_notices"),
        ("`type` p2p_exit_synced", SOCKETS + "history_notices"),
        ("`type` p2p_entry_replaced: `visit` instead, for both visits",
         SOCKETS + "history_replaced_entry"),
        ("`action` location_updated, of a peer", SOCKETS + "history_notices"),
        ("whatever a page sends: ignored", SOCKETS + "history_deaf_ears"),
    ],
    "/ws/cameras": [
        ("cameras_update at the start", SOCKETS + "cameras_list"),
        ("cameras_update after a heartbeat", SOCKETS + "cameras_list"),
        ("cameras_update after `sync-config`", SOCKETS + "cameras_list"),
        ("cameras_update after `POST /api/config`", SOCKETS + "cameras_list"),
        ("cameras_update when a camera falls silent",
         "test_20_cameras.py:k_02_p_07_pages_hear_of_it"),
        ("`ping` of the page, plain text: `pong`", SOCKETS + "cameras_keepalive"),
        ("`ping` of the central after silence, plain text", SOCKETS + "cameras_silence"),
        ("other text: ignored", SOCKETS + "cameras_keepalive"),
    ],
    "/ws/edge, from the box": [
        ("`edge_id`: connected; none: 1008; no JSON: a close code", SOCKETS + "edge_handshakes"),
        ("ping: pong", SOCKETS + "edge_handshakes"),
        ("an event as first message", "test_32_edges.py:e_17_event_as_first_frame"),
        ("ENTRY, and again", SOCKETS + "edge_messages"),
        ("ENTRY of a lot camera", SOCKETS + "edge_messages"),
        ("EXIT", SOCKETS + "edge_messages"),
        ("DETECTION", SOCKETS + "edge_messages"),
        ("LOCATION_UPDATE", SOCKETS + "edge_messages"),
        ("UPDATE", SOCKETS + "edge_messages"),
        ("DELETE", SOCKETS + "edge_messages"),
        ("PARKING_LOT and unknown types: ignored", SOCKETS + "edge_handshakes"),
    ],
    "/ws/edge, to the box": [
        ("ENTRY, of a camera here", SOCKETS + "edge_messages"),
        ("ENTRY, of a peer", SOCKETS + "edge_messages"),
        ("ENTRY, of a lot camera", SOCKETS + "edge_messages"),
        ("EXIT", "test_32_edges.py:e_02_all_other_edges_hear"),
        ("UPDATE", "test_32_edges.py:e_14_edits_are_addressed_by_name"),
        ("DELETE", "test_32_edges.py:e_14_edits_are_addressed_by_name"),
        ("LOCATION_UPDATE", SOCKETS + "edge_messages"),
    ],
    "/ws/p2p, from the central": [
        ("`peer_id`: taken; none: 1008; no JSON: 1000", FRAMES + "accepting"),
        ("VEHICLE_ENTRY_PENDING, VEHICLE_EXIT, LOCATION_UPDATE, PARKING_LOT_CONFIG",
         FRAMES + "accepting"),
        ("VEHICLE_ENTRY_CONFIRMED, HEARTBEAT, CONFIG_UPDATE, SUBSCRIPTION_UPDATE, unknown types: "
         "no effect", FRAMES + "accepting"),
        ("HISTORY_UPDATE, HISTORY_DELETE: only with an `event_id`", FRAMES + "accepting"),
        ("SYNC_REQUEST, SYNC_RESPONSE", FRAMES + "accepting"),
        ("the same from a central that was dialled", FRAMES + "dialling"),
    ],
    "/ws/p2p, to the central": [
        ("`peer_id`, by who dials", FRAMES + "dialling"),
        ("SYNC_REQUEST", FRAMES + "accepting"),
        ("VEHICLE_ENTRY_PENDING", FRAMES + "accepting"),
        ("SYNC_RESPONSE with the row, then VEHICLE_EXIT", FRAMES + "accepting"),
    ],
}

HEAD = """# Compatibility

Existing browser pages, camera boxes and scripts work with a ParkMesh central as they are. This page
names the test of each promise. It is written by `tests/check_compatibility.py --write`; the test
`compatibility` fails when it is not up to date, or when anything on it has no test.

| | | with a test | cannot arise |
|---|---|---|---|
| HTTP routes | %(routes)d | %(routes)d | |
| WebSocket messages | %(messages)d | %(messages)d | |
| defects of the existing system | %(defects)d | %(tested)d | %(reasons)d |

Tests are files of `tests/e2e`, and the name of a scenario in it. What differs on purpose is in
`api.md`, "What differs from the existing system", and in DIFFERENT of the two replays.

## HTTP routes

Recorded: requests made of three centrals of the existing system, with their answers. They are made of
ours in the same order by `%(replay)s`, which compares status, keys and types.

| route | recorded | other tests |
|---|---|---|
"""


class Scenario:
    def __init__(self, name, text):
        self.name, self.text = name, text  # file.py:function, docstring


def scenarios(root, problems):
    """Those of all files by name; reports those that no run(...) names."""
    found = {}
    for path in sorted((root / "tests/e2e").glob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        run = {argument.id for call in ast.walk(tree) if isinstance(call, ast.Call)
               and isinstance(call.func, ast.Name) and call.func.id == "run"
               for argument in call.args if isinstance(argument, ast.Name)}
        for function in tree.body:
            if not isinstance(function, ast.FunctionDef):
                continue
            if function.name in run:
                name = "%s:%s" % (path.name, function.name)
                found[name] = Scenario(name, ast.get_docstring(function) or "")
            elif ids(function.name):
                problems.append("%s: %s is not run" % (path.name, function.name))
    return found


def ids(name):
    """R-01 and R-02 of r_01_r_02_name."""
    prefix = re.match(r"(?:[a-z]_\d\d_)+", name)
    return [id.upper().replace("_", "-") for id in re.findall(r"[a-z]_\d\d", prefix[0])] \
        if prefix else []


def sentence(text):
    """The first one of a docstring, without the ids that it may begin with."""
    text = re.sub(r"^(?:[A-Z]-\d\d(?:, | and )?)+[:.]?\s*", "", " ".join(text.split()))
    text = re.split(r"(?<=[^.]\.)\s(?=[A-Z])", text)[0].rstrip(".")
    return (text[:1].upper() + text[1:]).replace("|", "\\|")


def named(tests):
    return ", ".join("`%s`" % test for test in tests)


def route(method, path):
    path = re.sub(r"/history/(?!changes)[^/?]+", "/history/{id}", path.split("?")[0])
    return "%s %s" % (method, re.sub(r"/cameras/[^/]+/", "/cameras/{id}/", path))


def check_named(where, tests, known, problems):
    for test in tests:
        if test not in known:
            problems.append("%s: no such scenario: %s" % (where, test))


def routes(root, known, problems):
    counted = {}
    for line in (root / RECORDED).read_text(encoding="utf-8").splitlines():
        exchange = json.loads(line)
        key = route(exchange["method"], exchange["path"])
        counted[key] = counted.get(key, 0) + 1
    check_named("replay", [REPLAY], known, problems)
    for name, tests in ROUTES.items():
        check_named(name, tests, known, problems)
        if not counted.get(name) and not tests:
            problems.append("%s: nothing recorded and no test" % name)
        yield "| `%s` | %d | %s |" % (name, counted.get(name, 0), named(tests))


def messages(known, problems):
    for socket, rows in MESSAGES.items():
        yield "\n### %s\n\n| message | test |\n|---|---|" % socket
        for message, test in rows:
            check_named(socket, [test], known, problems)
            yield "| %s | `%s` |" % (message, test)


def defects(known, problems):
    """Rows of the tables, and how many ids have a test."""
    tested, lines = {}, []
    for scenario in known.values():
        for name in ids(scenario.name.split(":")[1]):
            tested.setdefault(name, []).append(scenario)
    wanted = ["%s-%02d" % (letter, number + 1) for letter, (_, count) in DEFECTS.items()
              for number in range(count)]
    for name in sorted(set(tested) - set(wanted)):
        problems.append("%s: no such defect, but %s" % (name, tested[name][0].name))
    for name in wanted:
        if name[2:] == "01":
            lines.append("\n### %s: %s\n\n| | what happens here | test |\n|---|---|---|" % (
                name[0], DEFECTS[name[0]][0]))
        if name in tested:
            text = next((sentence(s.text) for s in tested[name] if s.text), "")
            if not text:
                problems.append("%s: %s has no docstring" % (name, tested[name][0].name))
            lines.append("| %s | %s | %s |" % (name, text, named(s.name for s in tested[name])))
            if name in CANNOT_ARISE:
                problems.append("%s: has a test and a reason for having none" % name)
        elif name in CANNOT_ARISE:
            lines.append("| %s | %s | |" % (name, CANNOT_ARISE[name]))
        else:
            problems.append("%s: neither a test nor a reason" % name)
    return lines, len(set(tested) & set(wanted)), len(wanted)


def page(root, problems):
    known = scenarios(root, problems)
    rows = list(routes(root, known, problems))
    sockets = list(messages(known, problems))
    table, tested, total = defects(known, problems)
    return HEAD % {
        "routes": len(ROUTES), "messages": sum(map(len, MESSAGES.values())), "defects": total,
        "tested": tested, "reasons": len(CANNOT_ARISE), "replay": REPLAY,
    } + "\n".join(rows + ["\n## WebSocket messages"] + sockets + ["\n## Defects"] + table) + "\n"


def main():
    arguments = sys.argv[1:]
    write = "--write" in arguments
    rest = [argument for argument in arguments if argument != "--write"]
    root = pathlib.Path(rest[0] if rest else pathlib.Path(__file__).resolve().parent.parent)
    problems = []
    text = page(root, problems)
    if write:
        (root / PAGE).write_text(text, encoding="utf-8")
    elif not (root / PAGE).is_file() or (root / PAGE).read_text(encoding="utf-8") != text:
        problems.append("%s: not up to date; run tests/check_compatibility.py --write" % PAGE)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
