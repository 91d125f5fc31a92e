"""The feed: nothing missed and nothing twice across kill -9, restarts and a restored copy; reads
that wait for a write made elsewhere; requests with names."""

import json
import os
import shutil
import threading
import time

from cluster import SLOW, expect, expect_equal, plate, run, wait_linked, wait_until
from websocket import PING, PONG, TEXT, WebSocket

FIELDS = {"cursor", "kind", "position", "time", "time_source", "event_id", "plate_id", "plate_view"}


def where(central):
    answer = central.get("/api/v1/events")
    expect_equal(answer.status, 200, str(answer))
    expect_equal(answer.json["events"], [], "events without `after`")
    return answer.json


def page(site, after, **query):
    text = "".join("&%s=%s" % item for item in query.items())
    answer = site.get("/api/v1/events?after=%s%s" % (after, text))
    expect_equal(answer.status, 200, str(answer))
    return answer.json


def follow(site, after, limit=7, **query):
    """All events behind a cursor, page by page, and the cursor at the end."""
    events = []
    while True:
        got = page(site, after, limit=limit, **query)
        events += got["events"]
        after = got["next"]
        if not got["more"]:
            return events, after


def position(answer):
    got = answer.json["position"]
    return "%s:%s:%d" % (got["node"], got["epoch"], got["seq"])


def places(events):
    return [(e["position"]["node"], e["position"]["epoch"], e["position"]["seq"]) for e in events]


def one_central(cluster):
    central = cluster.new("central-1")
    central.write_config()
    return central.start()


def pages_filters_and_parameters(cluster):
    central = one_central(cluster)
    for number in range(20):
        central.entry(plate(number), "visit-%d" % number)
    central.exit(plate(3), "visit-3")
    start = where(central)
    events, end = follow(central, start["beginning"])
    expect_equal(len(events), 21, "events")
    expect_equal(end, start["now"], "the end")
    expect_equal(len({e["cursor"] for e in events}), 21, "cursors")
    expect(FIELDS <= set(events[0]), "fields", events[0])
    expect_equal(events[20]["kind"], "VEHICLE_EXIT", "the last")
    expect_equal(events[20]["closes"], "visit-3", "what it closes")
    expect_equal(events[20]["camera_id"], "2", "camera as text")
    expect_equal(page(central, events[4]["cursor"], limit=1)["events"], events[5:6], "one page")

    exits, end = follow(central, start["beginning"], kind="VEHICLE_EXIT,KIND_99")
    expect_equal(exits, events[20:], "one kind")
    expect_equal(end, start["now"], "filters move on")
    expect_equal(follow(central, start["beginning"], topic="v1.central-1.VEHICLE_EX")[0], exits,
                 "topic")
    expect_equal(follow(central, start["beginning"], central="central-1")[0], events, "central")
    expect_equal(follow(central, start["beginning"], central="central-2")[0], [], "another")
    for wrong in ("after=1", "after=", "limit=0", "limit=1001", "wait=31", "wait=-1", "kind=ENTRY",
                  "central=%20", "after=" + start["now"].upper() + "0000000000000000000000"):
        answer = central.get("/api/v1/events?" + wrong)
        expect_equal((answer.status, answer.code), (422, "PARAMETER_INVALID"), wrong)
        expect_equal(answer.headers["Content-Type"], "application/problem+json; charset=utf-8",
                     wrong)


def visits_by_the_same_cursor(cluster):
    """Folded visits for who asks for them, by HTTP and WebSocket; events alone for all others."""
    one, two = cluster.mesh("central-1", "central-2")
    one.start()
    two.start()
    wait_linked([one, two])
    start = where(one)
    live = socket_at(one, "?kind=VISIT&after=" + start["now"])
    for number in range(6):
        one.entry(plate(number), "visit-%d" % number)
    two.entry(plate(10), "visit-10")
    one.exit(plate(3), "visit-3")
    wait_until(lambda: len(follow(one, start["beginning"])[0]) == 8, 20, "all events")

    events, end = follow(one, start["beginning"])
    expect_equal([e["kind"] for e in events].count("VISIT"), 0, "unasked")
    visits, at = follow(one, start["beginning"], limit=3, kind="VISIT")
    expect_equal(at, end, "the same cursor at the end")
    expect_equal({v["kind"] for v in visits}, {"VISIT"}, "kind")
    expect_equal(sorted(v["event_id"] for v in visits),
                 sorted(["visit-%d" % n for n in range(6)] + ["visit-10"]), "each once")
    expect_equal([v["revision"] for v in visits if v["event_id"] == "visit-3"], [2], "as it is now")
    left = visits[[v["event_id"] for v in visits].index("visit-3")]
    expect_equal((left["status"], left["fee"], "position" in left), ("OUT", 0, False), "its facts")
    shown = {v["id"]: v for v in one.get("/api/v1/visits?limit=100").json["visits"]}
    for visit in visits:
        row = shown[visit["id"]]
        for name in set(visit) - {"cursor", "kind", "entry_time", "exit_time", "lot_time"}:
            expect_equal(visit[name], row[name], "%s of %s" % (name, visit["event_id"]))

    both, _ = follow(one, start["beginning"], kind="EVENT,VISIT")
    expect_equal([e for e in both if e["kind"] != "VISIT"], events, "events among them")
    expect_equal([e for e in both if e["kind"] == "VISIT"], visits, "visits among them")
    lsns = [int(e["cursor"].split(":")[1]) for e in both]
    expect_equal(lsns, sorted(lsns), "in one order")
    some, _ = follow(one, start["beginning"], kind="VEHICLE_EXIT,VISIT")
    expect_equal([e for e in some if e["kind"] != "VISIT"],
                 [e for e in events if e["kind"] == "VEHICLE_EXIT"], "a kind beside them")
    for query in ({"topic": "v1.central-2.VISIT"}, {"kind": "VISIT", "central": "central-2"},
                  {"kind": "VISIT", "topic": "v1.central-2."}):
        there, at = follow(one, start["beginning"], **query)
        expect_equal([v["event_id"] for v in there], ["visit-10"], query)
        expect_equal(at, end, "moved on")
    for query in ({"topic": "v1."}, {"topic": "v1.central-1.V"}):
        expect_equal({"VISIT"} & {e["kind"] for e in follow(one, start["beginning"], **query)[0]},
                     set(), "as ever")
    expect_equal(follow(one, start["beginning"], kind="VEHICLE_EXIT", topic="v1.central-1.VISIT")[0],
                 [], "no event has such a topic")

    told = {}
    for message in messages(live):
        expect(message["type"] in ("position", "visit"), "nothing else", message)
        if message["type"] == "visit":
            told[message["visit"]["event_id"]] = message["visit"]
            if told.keys() >= {v["event_id"] for v in visits} and told["visit-3"]["revision"] == 2:
                break
    expect_equal(told, {v["event_id"]: v for v in visits}, "live")
    after = where(one)["now"]
    two.exit(plate(10), "visit-10")
    got = page(one, after, topic="v1.central-2.VISIT", wait=20)["events"]
    expect_equal([(v["event_id"], v["status"], v["exit_central"]) for v in got],
                 [("visit-10", "OUT", "central-2")], "waited for")


def a_wait_ends_with_the_event(cluster):
    central = one_central(cluster)
    after = where(central)["now"]
    # A place is free again a moment after its answer: the crowd comes first, to all of them.
    answers = []
    lock = threading.Lock()

    def wait():
        answer = central.get("/api/v1/events?after=%s&wait=30" % after)
        with lock:
            answers.append(answer)
    threads = [threading.Thread(target=wait) for _ in range(20)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answers) == 4, 20, "those beyond the places are refused")
    expect_equal({(a.status, a.code) for a in answers}, {(503, "BUSY")}, "refused")
    expect_equal(central.get("/api/stats").status, 200, "others are answered")
    central.entry(plate(1), "visit-1")
    for thread in threads:
        thread.join(30 * SLOW)
    told = [a.json["events"] for a in answers if a.status == 200]
    expect_equal(len(told), 16, "all who waited")
    expect(all(e == told[0] and len(e) == 1 for e in told), "the same event for each")

    after = told[0][0]["cursor"]
    got = []
    waiting = threading.Thread(target=lambda: got.append(page(central, after, wait=30)))
    started = time.monotonic()
    waiting.start()
    central.entry(plate(2), "visit-2")
    waiting.join(30 * SLOW)
    expect(got and time.monotonic() - started < 25 * SLOW, "woken by the event")
    expect_equal([e["event_id"] for e in got[0]["events"]], ["visit-2"], "the event")

    after = got[0]["next"]
    waiting = threading.Thread(target=wait)
    waiting.start()
    central.stop()
    waiting.join(30 * SLOW)
    expect(not waiting.is_alive(), "the stop ends a wait")


def killed_and_restarted(cluster):
    central = one_central(cluster)
    after = where(central)["now"]
    seen, acknowledged = [], []
    for life in range(5):
        stop = threading.Event()

        def report(life=life, stop=stop):
            number = 0
            while not stop.is_set():
                name = "visit-%d-%d" % (life, number)
                try:
                    if central.entry(plate(life * 1000 + number), name).status == 200:
                        acknowledged.append(name)
                except OSError:
                    return
                number += 1
        writer = threading.Thread(target=report)
        writer.start()
        target = len(seen) + 30
        while len(seen) < target:
            got = page(central, after, wait=5)
            seen += got["events"]
            after = got["next"]
        central.kill9()
        stop.set()
        writer.join()
        central.start()
    events, _ = follow(central, after)
    seen += events
    expect_equal(len({e["cursor"] for e in seen}), len(seen), "no cursor twice")
    expect_equal(len(set(places(seen))), len(seen), "no event twice")
    missing = set(acknowledged) - {e["event_id"] for e in seen}
    expect_equal(missing, set(), "what was answered with 200 and never told")
    expect_equal(len({e["cursor"].split(":")[0] for e in seen}), 5, "a feed each life")
    whole, _ = follow(central, where(central)["beginning"], limit=1000)
    expect_equal(whole, seen, "the same from the beginning")


def a_restored_copy(cluster):
    one, two = cluster.mesh("central-1", "central-2")
    one.start()
    two.start()
    wait_linked([one, two])
    for number in range(3):
        one.entry(plate(number), "visit-%d" % number)
    kept = where(one)["now"]
    one.stop()
    shutil.copy(one.database, one.database + ".copy")
    one.start()
    one.entry(plate(10), "visit-10")
    one.entry(plate(11), "visit-11")
    lost = where(one)["now"]
    wait_until(lambda: two.event_count() == 5, 20, "the peer has all")
    one.kill9()
    for end in ("-wal", "-shm"):
        if os.path.exists(one.database + end):
            os.unlink(one.database + end)
    os.rename(one.database + ".copy", one.database)
    one.start()
    answer = one.get("/api/v1/events?after=" + lost)
    expect_equal((answer.status, answer.code), (410, "CURSOR_UNKNOWN"), "the lost feed")
    expect_equal(answer.json["resume"], answer.json["beginning"], "where to go on")
    one.entry(plate(12), "visit-12")
    wait_until(lambda: one.event_count() == 6, 20, "the lost events are back")
    events, _ = follow(one, kept)
    expect_equal({e["event_id"] for e in events}, {"visit-10", "visit-11", "visit-12"},
                 "behind the copy")
    known = {kept.split(":")[0], lost.split(":")[0]}
    expect(not known & {e["cursor"].split(":")[0] for e in events}, "cursors of an old feed")


def reads_wait_for_a_write_elsewhere(cluster):
    one, two = cluster.mesh("central-1", "central-2")
    one.start()
    two.start()
    wait_linked([one, two])
    written = position(one.entry(plate(1), "visit-1"))
    history = two.get("/api/parking/history?after_position=%s&wait=30" % written)
    expect_equal([row["event_id"] for row in history.json["history"]], ["visit-1"], "read there")
    expect_equal(one.get("/api/stats?after_position=" + written).status, 200, "read here")

    expect_equal(two.post("/api/p2p/stop").status, 200, "links off")
    away = position(one.entry(plate(2), "visit-2"))
    answer = two.get("/api/stats?wait=0&after_position=%s,%s" % (written, away))
    expect_equal((answer.status, answer.code), (504, "POSITION_NOT_HELD"), str(answer))
    first, second = answer.json["positions"]
    expect_equal((first["held"], first["lag_events"]), (1, 0), "held")
    expect_equal((second["held"], second["lag_events"]), (1, 1), "lag")
    expect("lag_seconds" in second, "seconds", second)
    expect_equal(two.get("/api/v1/events?wait=0&after_position=" + away).json["status"],
                 504, "RFC 9457 on new paths")

    got = []
    reader = threading.Thread(target=lambda: got.append(
        two.get("/api/parking/history?wait=30&after_position=" + away)))
    reader.start()
    two.post("/api/p2p/start")
    reader.join(40 * SLOW)
    expect_equal(len(got[0].json["history"]), 2, "woken when it comes")
    for wrong in ("", "x", "central-1:1", "central-1:0:1", "central-1:1:0", "central-1:1:1,",
                  "central-1:1:x", ",".join(["central-1:1:1"] * 17)):
        answer = two.get("/api/stats?after_position=" + wrong)
        if wrong == "central-1:1:1,":
            continue # a comma too many is none of anybody's business
        expect_equal((answer.status, answer.code), (422, "PARAMETER_INVALID"), repr(wrong))


def socket_at(central, query=""):
    socket = WebSocket(central.ip, central.api_port, "/ws/events" + query)
    expect_equal(socket.status, 101, "handshake")
    return socket


def messages(socket):
    while True:
        opcode, payload = socket.frame()
        if opcode == PING:
            socket.send(payload, PONG)
        elif opcode == TEXT:
            yield json.loads(payload)
        else:
            return


def backlog_then_live(cluster):
    central = one_central(cluster)
    for number in range(300):
        central.entry(plate(number), "visit-%d" % number)
    start = where(central)
    slow = socket_at(central, "?after=" + start["beginning"])
    quick = socket_at(central, "?after=" + start["beginning"])
    exits = socket_at(central, "?kind=VEHICLE_EXIT")
    expect_equal(next(messages(exits)), {"type": "position", "next": start["now"],
                                         "now": start["now"], "beginning": start["beginning"]},
                 "where a client without a cursor begins")

    def take(socket, count):
        got = []
        for message in messages(socket):
            if message["type"] == "event":
                got.append(message["event"])
                if len(got) == count:
                    return got
        raise ConnectionError("closed after %d" % len(got))

    def more():
        for number in range(300, 600):
            central.entry(plate(number), "visit-%d" % number)
        central.exit(plate(1), "visit-1")
    writer = threading.Thread(target=more)
    writer.start()
    got = take(quick, 601)
    writer.join()
    expect_equal(got, follow(central, start["beginning"], limit=1000)[0], "all, in order, once")
    expect_equal(take(exits, 1), got[600:], "filtered")
    expect_equal(take(slow, 601), got, "one that begins to read only now")

    middle = socket_at(central, "?after=" + got[399]["cursor"])
    expect_equal(take(middle, 201), got[400:], "from the middle")
    refused = WebSocket(central.ip, central.api_port, "/ws/events?after=0000000000000001:5")
    expect_equal(refused.status, 410, "an unknown cursor")
    refused = WebSocket(central.ip, central.api_port, "/ws/events?after=x")
    expect_equal(refused.status, 422, "no cursor")
    central.stop()
    expect_equal([m for m in messages(middle) if m["type"] == "event"], [], "nothing twice")


def post_events(central, items, lines=False, key=None):
    headers = {"Idempotency-Key": key} if key else {}
    if lines:
        headers["Content-Type"] = "application/x-ndjson"
        body = "\n".join(i if isinstance(i, str) else json.dumps(i) for i in items).encode()
    else:
        body = items
    answer = central.request("POST", "/api/v1/events", body=body, headers=headers)
    expect_equal(answer.status, 200, str(answer))
    if not lines:
        return answer.json
    expect_equal(answer.headers["Content-Type"], "application/x-ndjson" if items else None, "type")
    return [json.loads(line) for line in answer.body.splitlines()]


def many_at_once(cluster):
    central = one_central(cluster)
    items = [{"kind": "VEHICLE_ENTRY_PENDING", "plate": plate(n), "key": "in-%d" % n,
              "time": "2020-01-01T00:00:00+07:00" if n else "now"} for n in range(150)]
    items[5] = {"type": "ENTRY", "camera_id": 3, "data": {"plate_text": plate(5)}}
    items[6]["kind"] = "PARKING_LOT_CONFIG"
    items[7] = 7
    items[8]["plate"] = "?"
    items[9]["key"] = "x" * 129
    bad = {0: "FIELD_INVALID", 6: "TYPE_UNKNOWN", 7: "FIELD_INVALID", 8: "PLATE_UNUSABLE",
           9: "FIELD_INVALID"}
    answers = post_events(central, items)
    expect_equal([a["index"] for a in answers], list(range(150)), "order")
    for n, answer in enumerate(answers):
        expect_equal((answer["status"], answer["code"]), (400, bad[n]) if n in bad else (200, "OK"),
                     "item %d" % n)
    expect_equal(central.event_count(), 145, "logged")
    expect_equal(answers[5]["plate_id"], plate(5), "as cameras say it")
    again = post_events(central, items)
    repeated = [n for n in range(150) if again[n].get("deduped")]
    expect_equal(repeated, [n for n in range(150) if n not in bad and n != 5], "recognised by key")
    for n in repeated:
        expect_equal(again[n]["event_id"], answers[n]["event_id"], "the first answer")
    expect_equal(again[5]["code"], "ALREADY_INSIDE", "without a key")
    expect_equal(central.event_count(), 146, "logged once")

    lines = ['{"type": "EXIT", "data": {"plate_text": "%s"}}' % plate(10), "{broken",
             {"kind": "VEHICLE_EXIT", "plate_view": plate(11)}, "",
             {"kind": "VEHICLE_EXIT", "plate": plate(11), "key": "own"}]
    first = post_events(central, lines, lines=True, key="till 7")
    expect_equal([a["code"] for a in first], ["OK", "JSON_INVALID", "OK", "NO_OPEN_VISIT"], "lines")
    expect_equal([a["key"] for a in first[2:]], ["till 7:2", "own"], "keys")
    central.kill9()
    central.start()
    second = post_events(central, lines, lines=True, key="till 7")
    expect_equal([a.get("deduped") for a in second], [True, None, True, True], "after kill -9")
    expect_equal([a["code"] for a in second], [a["code"] for a in first], "the first verdict")
    expect_equal(central.event_count(), 149, "nothing twice")

    for body, status in (([{}] * 1001, 413), (b"[" + b" " * 300000 + b"]", 413), (b"[1", 400)):
        answer = central.request("POST", "/api/v1/events", body=body)
        expect_equal(answer.status, status, str(answer))
    expect_equal(post_events(central, []), [], "none")
    expect_equal(post_events(central, [], lines=True), [], "no lines")


def requests_have_names(cluster):
    central = one_central(cluster)
    name = "till-7.2026:42_x"
    answer = central.get("/api/nope", headers={"X-Request-Id": name})
    expect_equal(answer.headers["X-Request-Id"], name, "taken")
    wait_until(lambda: "HTTP_REFUSED request=%s method=GET status=404" % name in central.log(), 5,
               "a line in the log")
    expect_equal(central.get("/livez", headers={"X-Request-Id": name}).headers["X-Request-Id"], name,
                 "on what went well, too")
    for bad in ("a b", "x" * 65, 'a"b', ""):
        made = central.get("/livez", headers={"X-Request-Id": bad}).headers["X-Request-Id"]
        expect(len(made) == 16 and made != bad, "made", bad, made)


if __name__ == "__main__":
    run(pages_filters_and_parameters, visits_by_the_same_cursor, a_wait_ends_with_the_event, killed_and_restarted,
        a_restored_copy, reads_wait_for_a_write_elsewhere, backlog_then_live, many_at_once,
        requests_have_names)
