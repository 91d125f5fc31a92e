"""Equality from data: the matrix of all centrals at each of them, and two centrals with one id."""

import json
import os
import re

from cluster import ROOT, expect, expect_equal, plate, run, wait_equal_digests, wait_linked, \
    wait_until

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
HEX = re.compile(r"[0-9a-f]{32}")


def sync(central):
    """(centrals by id, cells by (row, column))."""
    answer = central.get("/api/v1/sync")
    expect_equal(answer.status, 200, str(answer))
    got = answer.json
    names = [c["id"] for c in got["centrals"]]
    expect_equal(names[0], central.name, "the first is the one that was asked")
    expect_equal([len(row) for row in got["matrix"]], [len(names)] * len(names), "square")
    cells = {}
    for one, row in zip(names, got["matrix"]):
        for other, cell in zip(names, row):
            expect_equal(cell is None, one == other, "diagonal")
            cells[one, other] = cell
    return {c["id"]: c for c in got["centrals"]}, cells


def relations(central):
    return {pair: cell and cell["sync"] for pair, cell in sync(central)[1].items()}


def shape(value):
    """What must be the same in the sample and in a real answer."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items() if key != "last"}
    if isinstance(value, list):
        return sorted({json.dumps(shape(item), sort_keys=True) for item in value if item})
    if isinstance(value, str):
        return "hex" if HEX.fullmatch(value) else "time" if RFC3339.fullmatch(value) else "text"
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def keys(value):
    """The keys at every place, without the values."""
    if isinstance(value, dict):
        return {key: keys(item) for key, item in value.items()}
    return [keys(item) for item in value if item][:1] if isinstance(value, list) else None


def the_matrix(cluster):
    a, b, c = centrals = cluster.mesh("central-1", "central-2", "central-3")
    for central in centrals:
        central.start()
    wait_linked(centrals)
    for number in range(6):
        centrals[number % 3].entry(plate(number))
    wait_equal_digests(centrals)
    for central in centrals:
        wait_until(lambda central=central: set(relations(central).values()) == {None, "equal"}, 10,
                   lambda central=central: str(relations(central)))
    wait_until(lambda: all(x["rtt_ms"] is not None and x["events"] == 6
                           for x in sync(a)[0].values()), 10, lambda: "rtt: %s" % sync(a)[0])
    infos, cells = sync(a)
    expect_equal(len({i["log_digest"] for i in infos.values()}), 1, "log digests")
    expect_equal(len({i["state_digest"] for i in infos.values()}), 1, "state digests")
    expect_equal({i["events"] for i in infos.values()}, {6}, "events")
    for info in infos.values():
        expect(info["connected"] and HEX.fullmatch(info["log_digest"]) and
               HEX.fullmatch(info["state_digest"]) and info["software"].startswith("parkmesh ") and
               info["code"] is None and info["fold"] >= 1 and info["age_s"] < 60, info)
    cell = cells["central-2", "central-3"]
    expect(RFC3339.fullmatch(cell["equal_at"]) and cell["age_s"] >= 0 and cell["seconds"] == 0 and
           cell["last"] is None, cell)

    # The sample of the document has the same keys and the same kinds of values.
    with open(os.path.join(ROOT, "docs", "api.md"), encoding="utf-8") as file:
        section = file.read().split("## GET /api/v1/sync")[1].split("\n## ")[0]
    sample = json.loads(re.search(r"```json\n(.*?)```", section, re.S).group(1))
    real = a.get("/api/v1/sync").json
    expect_equal(keys(real), keys(sample), "keys of the sample")
    expect_equal(shape(real["centrals"][1]), shape(sample["centrals"][1]), "a central")
    expect_equal(shape(real["matrix"][0][1]), shape(sample["matrix"][0][1]), "a cell")

    # One is away: nobody calls it equal any more, and its last relation grows old.
    c.kill9()
    for number in range(6, 10):
        a.entry(plate(number))
    for central, other in ((a, "central-2"), (b, "central-1")):
        wait_until(lambda central=central, other=other:
                   relations(central)["central-1", "central-2"] == "equal" and
                   sync(central)[0][other]["events"] == 10, 10,
                   lambda central=central: str(sync(central)))
        wait_until(lambda central=central: relations(central)["central-1", "central-3"] ==
                   relations(central)["central-3", "central-2"] == "unknown", 10,
                   lambda central=central: str(relations(central)))
        infos, cells = sync(central)
        expect(not infos["central-3"]["connected"] and infos["central-3"]["events"] == 6,
               infos["central-3"])
        for pair in (("central-1", "central-3"), ("central-2", "central-3")):
            expect_equal((cells[pair]["behind"], cells[pair]["last"]),
                         (None, {"sync": "ahead", "behind": 0, "ahead": 4}), str(pair))
            expect_equal(cells[pair[::-1]]["last"], {"sync": "behind", "behind": 4, "ahead": 0},
                         "mirrored")
    age = sync(a)[1]["central-1", "central-3"]["age_s"]
    wait_until(lambda: sync(a)[1]["central-1", "central-3"]["age_s"] > age + 0.5, 10, "older")
    c.start()
    wait_until(lambda: set(relations(a).values()) == {None, "equal"}, 20,
               lambda: str(relations(a)))

    # Links off: nothing is known of anybody, and errors are those of RFC 9457.
    a.post("/api/p2p/stop", {})
    wait_until(lambda: set(relations(a).values()) == {None, "unknown"}, 10,
               lambda: str(relations(a)))
    answer = a.post("/api/v1/sync", {})
    expect_equal((answer.status, answer.headers["Content-Type"].split(";")[0]),
                 (405, "application/problem+json"), "type of errors")
    expect_equal({key: answer.json[key] for key in ("type", "title", "status", "code")},
                 {"type": "about:blank", "title": "Method Not Allowed", "status": 405,
                  "code": "METHOD_NOT_ALLOWED"}, "error")
    expect(answer.json["detail"].endswith("takes GET") and answer.headers["Allow"] == "GET", answer)
    expect_equal(a.get("/api/v1/nothing").json["status"], 404, "another")


def says_twins(central, *twins):
    """Its log and status warn of two centrals with one id and name both addresses. Who dials out
    on one machine does so from 127.0.0.1, so each address comes with the port for HTTP."""
    addresses = ["(api_port %d, boot " % twin.api_port for twin in twins]

    def found():
        lines = [line for line in central.log().splitlines()
                 if " DUPLICATE_ID " in line and all(a in line for a in addresses)]
        warnings = [w["text"] for w in central.get("/api/status").json["warnings"]
                    if w["code"] == "DUPLICATE_ID"]
        return lines and any(all(a in text for a in addresses) for text in warnings)
    wait_until(found, 20, lambda: "%s names %s; %s" % (
        central.name, addresses, central.get("/api/status").json["warnings"]))


def twins_at_a_third(cluster):
    """A central, its copy on another machine, and a third one that meets both."""
    first, twin, third = (cluster.new(n) for n in ("central-1", "central-1", "central-2"))
    cluster.connect(first, [third])
    cluster.connect(twin, [third])
    cluster.connect(third, [first])
    first.start()
    third.start()
    wait_linked([first, third])
    twin.start()
    for central in (first, twin, third):
        says_twins(central, first, twin)
    for central in (first, twin):
        infos, _ = sync(central)
        expect_equal(infos["central-1"]["code"], "DUPLICATE_ID", "of itself")
        expect(all(str(c.api_port) in infos["central-1"]["problem"] for c in (first, twin)),
               infos["central-1"])
    expect_equal(sync(third)[0]["central-1"]["code"], "DUPLICATE_ID", "at the third")
    expect(sync(third)[0]["central-1"]["connected"], "one of both stays")
    # The one that was refused is equal to nobody; gates go on at all of them.
    expect_equal(relations(twin)["central-1", "central-2"], "unknown", "of the refused one")
    for number, central in enumerate((first, twin, third)):
        expect(central.entry(plate(number)).json["success"], "entry")
    wait_until(lambda: set(relations(first).values()) == {None, "equal"}, 20,
               lambda: str(relations(first)))
    wait_until(lambda: len(third.history()) == 2, 20, "the first one's entry at the third")
    # The first goes; its twin takes the place with all that it has.
    first.stop()
    wait_until(lambda: len(third.history()) == 3, 60, lambda: str(third.peers()))


def twins_meet(cluster):
    """Each is configured at the other's address, under a name that it does not have."""
    first, twin = (cluster.new("central-1") for _ in range(2))
    cluster.connect(first, [])
    other = {**first.address(), "id": "central-2"}
    twin.write_config([other], cluster.secret)
    first.start()
    twin.start()
    for central in (first, twin):
        says_twins(central, first, twin)


run(the_matrix, twins_at_a_third, twins_meet)
