"""Reading and correcting visits: lists by cursor, files, search, the story, conflicts, counters."""

import csv
import io
import json
import time
import urllib.parse

from cluster import expect, expect_equal, plate, run, wait_equal_digests, wait_linked, wait_until

DAY = "2026-03-29"  # Europe/Berlin: 23 hours


def ask(asked, path, wanted=200, **query):
    answer = asked.get(path + ("?" + urllib.parse.urlencode(query) if query else ""))
    expect_equal(answer.status, wanted, "%s %s %s" % (path, query, answer))
    return answer


def names(asked, **query):
    return [v["event_id"] for v in ask(asked, "/api/v1/visits", **query).json["visits"]]


def soon():
    """An hour from now, to the millisecond."""
    return time.strftime("%Y-%m-%dT%H:%M:%S.678Z", time.gmtime(time.time() + 3600))


def fill(central, plates, minutes=10):
    start = time.time() - len(plates) * minutes * 60 - 3600
    for number, plate in enumerate(plates):
        central.entry(plate, "v%d" % number, ts=start + number * minutes * 60)


def lists_and_search(cluster):
    central = cluster.new("central-1")
    central.write_config()
    central.start()
    plates = ["51F-204.%02d" % n for n in range(30)] + ["30A-O12.35", "30A-012.36", "29-MĐ1 999.56"]
    fill(central, plates)
    central.exit("51F-204.00", "v0")

    seen, cursor = [], None
    while True:
        query = {"limit": 7, **({"cursor": cursor} if cursor else {})}
        page = ask(central, "/api/v1/visits", **query).json
        seen += [v["event_id"] for v in page["visits"]]
        if len(seen) == 7:
            central.entry("99Z-999.99", "late", ts=time.time())
        cursor = page["next"]
        if not cursor:
            break
    expect_equal(seen, ["v%d" % n for n in reversed(range(33))], "every visit once")

    expect_equal(names(central, plate="51F20417"), ["v17"], "exact")
    expect_equal(names(central, plate="51F2041"), [], "exact is no prefix")
    expect_equal(len(names(central, plate_prefix="51f-2041")), 10, "prefix")
    expect_equal(names(central, plate_part="0417"), ["v17"], "part")
    expect_equal(names(central, plate_part="012"), ["v31"], "letters are not digits")
    expect_equal(names(central, plate_part="012", lookalike="true"), ["v31", "v30"], "look alike")
    expect_equal(names(central, plate_part="MĐ1"), ["v32"], "letters of the view")
    expect_equal(names(central, plate_part="%"), [], "D-12: no wildcard")
    expect_equal(names(central, status="OUT"), ["v0"], "left")
    expect_equal(names(central, central="nowhere"), [], "central")
    expect_equal(len(names(central, central="central-1")), 34, "central")
    visit = ask(central, "/api/v1/visits", plate="51F20417").json["visits"][0]
    entry = visit["entry_time"]
    expect_equal(names(central, **{"from": entry, "limit": 1000})[-1], "v17", "from")
    expect_equal(names(central, to=entry)[0], "v16", "to is not within")
    expect_equal(names(central, by="left", **{"from": "2026-01-01T00:00:00Z"}), ["v0"], "left")
    expect("v0" not in names(central, by="inside", **{"from": "2099-01-01T00:00:00Z"}), "inside")

    for query in ({"limit": 0}, {"limit": 1001}, {"cursor": "x"}, {"from": "noon"}, {"by": "x"},
                  {"status": "LOST"}, {"format": "xml"}, {"plate": "a", "plate_part": "b"}):
        answer = ask(central, "/api/v1/visits", 422, **query)
        expect_equal(answer.headers["Content-Type"].split(";")[0], "application/problem+json", "9457")
        expect(next(iter(query)) in answer.json["detail"], answer)

    old = ask(central, "/api/parking/history", search="204", limit=50).json
    expect_equal(old["count"], 30, "the old path finds the same")


def files(cluster):
    central = cluster.new("central-1")
    central.write_config()
    central.start()
    fill(central, ["51F-204.%02d" % n for n in range(20)])
    central.event("ENTRY", "30A-111.11", "formula", camera_name="=cmd|' /C calc'!A0")
    answer = ask(central, "/api/v1/visits", format="csv")
    expect(answer.headers["Content-Type"].startswith("text/csv"), answer)
    rows = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8"))))
    expect_equal(len(rows), 21, "a header and every visit")
    row = next(r for r in rows if r["event_id"] == "formula")
    expect_equal(row["entry_camera_name"], "'=cmd|' /C calc'!A0", "no formula")
    lines = central.request("GET", "/api/v1/visits", headers={"Accept": "application/x-ndjson"})
    got = [json.loads(line) for line in lines.body.decode().splitlines()]
    expect_equal([v["event_id"] for v in got], [r["event_id"] for r in rows], "the same, as lines")
    expect_equal(len(ask(central, "/api/v1/visits", format="csv", limit=3).body.splitlines()), 4, "")


def post_lines(central, lines):
    answer = central.request("POST", "/api/v1/visits", "\n".join(lines).encode(),
                             headers={"Content-Type": "application/x-ndjson"})
    expect_equal(answer.status, 200, answer)
    return [json.loads(line) for line in answer.body.decode().splitlines()]


def state(central):
    return {name: row[-1] for name, row in central.visits().items()}


def imports(cluster):
    """An export becomes the same visits elsewhere; a second one, and one at home, changes nothing."""
    a, b = cluster.new("central-1"), cluster.new("central-2")
    for central in (a, b):
        central.write_config()
        central.start()
    fill(a, ["51F-204.%02d" % n for n in range(12)])
    for number in range(5):
        a.exit("51F-204.%02d" % number, "v%d" % number, ts=time.time())
    a.event("LOCATION_UPDATE", "51F-204.07", camera_name="Deck 'B'", camera_type="PARKING_LOT")
    a.event("ENTRY", "30A-111.11", "precise", data={"confidence": 0.12345678901234567})
    edited = a.request("PUT", "/api/v1/visits/v1", {"exit_time": soon(),
                                                     "author": "An"})
    expect_equal(edited.status, 200, edited)
    lines = ask(a, "/api/v1/visits", format="ndjson").body.decode().splitlines()
    told = post_lines(b, lines)
    expect_equal([(item["status"], item.get("deduped")) for item in told], 13 * [(200, None)], "told")
    expect_equal([item["event_id"] for item in told], [json.loads(l)["event_id"] for l in lines], "")
    expect_equal(state(b), state(a), "visits")
    for central in (b, a):
        before = central.event_count()
        expect(all(item["deduped"] for item in post_lines(central, lines)), "again")
        expect_equal(central.event_count(), before, "events of " + central.name)

    row = json.loads(lines[0])
    wrong = [{}, {**row, "status": "SUPERSEDED"}, {**row, "entry_time": "noon"}, {**row, "fee": "free"},
             {**row, "plate_id": "", "plate_view": None}, {**row, "event_id": "x" * 201}, 7,
             {**row, "event_id": "x", "entry_time": "2099-01-01T00:00:00Z", "exit_time": None},
             {**row, "event_id": "x", "entry_time": soon(), "exit_time": row["entry_time"]},
             {**row, "entry_confidence": "high"}, {**row, "entry_central": "y" * 600}]
    told = post_lines(b, [json.dumps(item) for item in wrong])
    expect_equal({item["status"] for item in told}, {400}, told)
    expect("status must be" in told[1]["error"] and told[4]["code"] == "PLATE_UNUSABLE", told)
    few = {"plate_view": "29A-999.99", "entry_time": "2019-05-01T08:00:00+07:00",
           "exit_time": "2019-05-01T10:00:00+07:00", "entry_camera_id": 7}
    first, second = post_lines(b, [json.dumps(few), json.dumps(few)])
    expect(first["event_id"] == second["event_id"] and second["deduped"], first, second)
    visit = ask(b, "/api/v1/visits/" + first["event_id"]).json["visit"]
    expect_equal((visit["fee"], visit["entry_central"], visit["entry_camera_id"]),
                 (50000, "central-2", 7), "what the row did not say")


def own_rows_are_never_refused(cluster):
    """Left before it entered, by the clocks of two cameras or as an import that says so: the row
    that is told is one that another central takes, and it becomes the same there."""
    a, b = cluster.new("central-1"), cluster.new("central-2")
    for central in (a, b):
        central.write_config()
        central.start()
    now = time.time()
    for number, back in enumerate((0.001, 1, 30, 59, 3000)):
        name = "early%d" % number
        expect_equal(a.event("ENTRY", plate(number), name, ts=now).status, 200, name)
        expect_equal(a.event("EXIT", plate(number), name, ts=now - back).status, 200, name)
    # the exit comes first, from another gate of the same plate's way
    a.event("EXIT", plate(7), "first", ts=now - 40)
    a.event("ENTRY", plate(7), "first", ts=now)
    odd = {"event_id": "odd", "plate_view": "29A-999.99", "entry_time": "2019-05-01T08:00:00+07:00",
           "exit_time": "2019-05-01T07:59:30+07:00"}
    refused, taken = post_lines(a, [json.dumps(odd), json.dumps({**odd, "suspect": True})])
    expect_equal((refused["status"], taken["status"]), (400, 200), "only with its word for it")
    rows = {v["event_id"]: v for v in ask(a, "/api/v1/visits").json["visits"]}
    codes = {c["event_id"] for c in ask(a, "/api/v1/conflicts").json["conflicts"]
             if c["code"] == "EXIT_BEFORE_ENTRY"}
    for name in sorted(set(rows) - {"odd"}):
        row = rows[name]
        expect_equal((row["status"], row["exit_time"], row["suspect"], name in codes),
                     ("OUT", row["entry_time"], False, True), row)
    expect_equal(len(rows), 7, "visits")
    lines = ask(a, "/api/v1/visits", format="ndjson").body.decode().splitlines()
    told = post_lines(b, lines)
    expect_equal([item["status"] for item in told], 7 * [200], told)
    expect_equal(state(b), state(a), "visits")


def story_and_changes(cluster):
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    wait_linked([a, b])
    a.entry("51F-204.17", "v1")
    wait_equal_digests([a, b])
    path = "/api/v1/visits/v1"
    wait_until(lambda: b.get(path).status == 200, 20, "the visit at B")
    story = ask(a, path)
    etag = story.headers["ETag"]
    expect_equal(ask(b, path).headers["ETag"], etag, "one name of the state everywhere")
    expect_equal([e["rule"] for e in story.json["events"]], ["OPENED"], "story")
    event = story.json["events"][0]
    expect(event["decision"] and event["position"]["seq"] >= 1 and event["logged_at"], event)

    weak = b.request("PUT", path, {"plate": "51F-204.18"}, {"If-Match": "W/" + etag})
    expect_equal((weak.status, weak.code), (412, "PRECONDITION_FAILED"), "a weak tag names nothing")
    headers = {"If-Match": '"zz", ' + etag, "Idempotency-Key": "k1"}
    change = {"plate": "51F-204.18", "author": "An", "reason": "đọc nhầm"}
    first = b.request("PUT", path, change, headers)
    expect_equal(first.status, 200, str(first))
    expect_equal(first.json["visit"]["plate_id"], "51F20418", "changed")
    again = b.request("PUT", path, change, headers)
    expect_equal((again.status, again.json["deduped"], again.json["position"]),
                 (200, True, first.json["position"]), "a repetition is no second change")
    other = b.request("PUT", path, {"plate": "51F-204.19"}, {"Idempotency-Key": "k1"})
    expect_equal((other.status, other.code), (422, "KEY_REUSED"), "the key of another change")
    stale = b.request("PUT", path, {"plate": "51F-204.19"}, {"If-Match": etag})
    expect_equal((stale.status, stale.code), (412, "PRECONDITION_FAILED"), "somebody was faster")

    closed = b.request("PUT", path, {"exit_time": "2000-01-01T00:00:00Z"})
    expect_equal(closed.code, "FIELD_INVALID", "left before it entered")
    closed = b.request("PUT", path, {"exit_time": "2099-01-01T00:00:00+07:00"})
    expect_equal((closed.status, closed.code), (400, "FIELD_INVALID"), "years ahead")
    closed = b.request("PUT", path, {"exit_time": soon(), "reason": "quên"})
    expect_equal(closed.json["visit"]["status"], "OUT", "a forgotten visit")
    opened = b.request("PUT", path, {"exit_time": None})
    expect_equal(opened.json["visit"]["status"], "IN", "open again")
    expect_equal(b.request("DELETE", path, {"author": "An"}).json["visit"]["status"], "DELETED", "")
    expect_equal(b.request("DELETE", path).status, 404, "deleted already")
    back = b.request("POST", path + "/undelete", {})
    expect_equal((back.status, back.json["visit"]["status"]), (200, "IN"), str(back))
    wait_equal_digests([a, b])
    events = ask(a, path).json["events"]
    rules = [e["rule"] for e in events]
    expect_equal(rules[-1], "CHANGE_IN_FORCE", "the last")
    expect_equal(set(rules[1:-1]), {"CHANGE_REPLACED"}, "those before were seen")
    expect_equal(events[1]["says"]["before"]["plate_id"], "51F20417", "before")
    expect_equal(ask(a, "/api/v1/visits/nobody", 404).code, "VISIT_UNKNOWN", "unknown")

    a.exit("51F-204.18", "v1")
    wait_equal_digests([a, b])
    expect_equal(b.request("PUT", path, {"plate": "x"}).status, 400, "no plate")

    a.entry("30A-111.11", "gate/1 50%")
    path = "/api/v1/visits/" + urllib.parse.quote("gate/1 50%", safe="")
    expect_equal(ask(a, path).json["visit"]["event_id"], "gate/1 50%", "a name with a slash")
    fixed = a.request("PUT", path, {"plate": "30A-111.12"})
    expect_equal((fixed.status, fixed.json["visit"]["plate_id"]), (200, "30A11112"), str(fixed))


def conflicts(cluster):
    central = cluster.new("central-1")
    central.write_config()
    central.start()
    now = time.time()
    central.entry("51F-204.17", "v1", ts=now - 3600)
    central.entry("51F-204.17", "v2", ts=now - 1800)
    central.exit("30A-111.11", "lost", ts=now - 900)
    listed = ask(central, "/api/v1/conflicts").json
    expect_equal([c["code"] for c in listed["conflicts"]], ["ORPHAN_EXIT", "CONFLICT"], "newest first")
    both = listed["conflicts"][1]
    expect_equal((both["visit"]["event_id"], both["other"]["event_id"]), ("v2", "v1"), "both sides")
    expect(both["text"] and both["advice"], both)
    page = ask(central, "/api/v1/conflicts", limit=1).json
    rest = ask(central, "/api/v1/conflicts", limit=5, cursor=page["next"]).json
    expect_equal([c["code"] for c in rest["conflicts"]], ["CONFLICT"], "cursor")
    expect_equal(rest["next"], None, "the end")
    expect_equal(ask(central, "/api/v1/conflicts", code="DUPLICATE").json["count"], 0, "code")
    expect_equal(ask(central, "/api/v1/conflicts", plate="51f 204.17").json["count"], 1, "plate")
    expect_equal(names(central, anomaly="any", status="SUPERSEDED"), ["v2"], "listed visits")
    rules = [e["rule"] for e in ask(central, "/api/v1/visits/v2").json["events"]]
    expect_equal(rules, ["CONFLICT"], "the story says so too")
    expect_equal(ask(central, "/api/v1/conflicts", 422, cursor="x").code, "PARAMETER_INVALID", "")
    # Those that nobody has to do anything about.
    central.entry("51F-333.33", "v3", ts=now - 600)
    central.entry("51F-333.33", "v4", ts=now - 590)
    central.exit("51F-333.33", "v3", ts=now - 500)
    central.exit("51F-333.33", "v3", ts=now - 400)
    listed = ask(central, "/api/v1/conflicts", plate="51F-333.33").json["conflicts"]
    expect_equal({c["code"]: c["advice"] for c in listed}, {"DUPLICATE": None, "EXTRA_EXIT": None},
                 "nothing to do")
    expect(all(c["text"] for c in listed), listed)


def counters(cluster):
    central = cluster.new("central-1")
    central.write_config(timezone="Europe/Berlin")
    central.start()
    entered = time.time() - 3 * 3600
    for number in range(4):
        central.entry("51F-204.%02d" % number, "v%d" % number, ts=entered)
    central.exit("51F-204.00", "v0", ts=entered + 7200)
    total = ask(central, "/api/v1/stats", by="all", **{"from": "2020-01-01T00:00:00Z"}).json
    group = total["groups"][0]
    expect_equal((group["entries"], group["exits"], group["inside"]), (4, 1, 3), str(total))
    revenue = ask(central, "/api/v1/visits/v0").json["visit"]["fee"]
    expect_equal(group["revenue"], revenue, "money taken")
    hours = ask(central, "/api/v1/stats", by="hour", group="central",
                **{"from": "2020-01-01T00:00:00Z"}).json["groups"]
    expect_equal([(g["entries"], g["exits"], g["inside"], g["central"]) for g in hours],
                 [(4, 0, 4, "central-1"), (0, 1, 3, "central-1")], "by hour")
    # The night of the change to summer time: the visit is imported by a correction.
    change = central.request("PUT", "/api/v1/visits/v1", {"entry_time": DAY + "T23:30:00+02:00"})
    expect_equal(change.status, 200, str(change))
    day = ask(central, "/api/v1/stats", **{"from": DAY + "T00:00:00+01:00",
                                          "to": "2026-03-30T00:00:00+02:00"}).json
    expect_equal((day["from"], day["to"]), (DAY + "T00:00:00.000+01:00",
                                            "2026-03-30T00:00:00.000+02:00"), "23 hours")
    expect_equal([g["entries"] for g in day["groups"]], [1], "in the last hour of the short day")
    expect_equal(ask(central, "/api/stats").json["vehicles_in_parking"], 3, "the four counters")
    expect_equal(ask(central, "/api/v1/stats", 422, by="week").code, "PARAMETER_INVALID", "")
    wait_until(lambda: central.get("/livez").status == 200, 5, "alive")


run(lists_and_search, files, imports, own_rows_are_never_refused, story_and_changes, conflicts, counters)
