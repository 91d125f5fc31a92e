"""Centrals of other versions: a double of a newer one whose events cross two centrals that do not
understand them and reach a third unharmed, and a double of an older one."""

from cluster import SLOW, expect, expect_equal, now, plate, run, wait_equal_digests, wait_linked, \
    wait_until
from pymesh import ACK, HEARTBEAT, HELLO, REJECT, SYNC_RESPONSE, Peer, body, header
from pymesh_stand import Place, goes_on, new_peer, one_central, pull_all, refused, \
    write_entry

FUTURE = (200, 65537, 2 ** 32 - 1)  # event kinds
NEW_TYPES = (11, 40, 1000)          # message types


class Newer(Peer):
    """Speaks version 2: more behind every message, capabilities and versions of its own."""

    def __init__(self, *arguments, **named):
        super().__init__(*arguments, **named)
        self.versions = (1, 7)

    def send(self, kind, *fields, version=1):
        if kind == HELLO:
            fields = list(fields)
            fields[10] = ["zip", 5, None, {"a": [1]}, "fold:99"]
        elif kind == HEARTBEAT:
            fields = [*fields, []]  # notice, then what is not known yet
        super().send(kind, *fields, {"more": [1, None, b"\0"]}, "end", version=7)


def double(cluster, kind, name, central):
    peer = kind(name, cluster.secret, slow=SLOW)
    cluster.closing.callback(peer.close)
    peer.dial(central.ip, central.p2p_port)
    peer.greet()
    peer.until(lambda: central.peers()[name]["connected"], 10, lambda: str(central.peers()))
    return peer


def write_future(peer, t):
    """Events that nobody here understands, between some that everybody does."""
    names = []
    for place, kind in enumerate(FUTURE):
        name, _ = write_entry(peer, place, t + place)
        names.append(name)
        for _ in range(place + 1):
            peer.own.append(header(kind, t + place, more=["x", {"y": place}]),
                            body({1: "v%d" % place, 2: plate(place), 4000000000: [None, 1.5]}))
    return names


def through_a_chain(cluster):
    """newer - A - B - C: C never met it and holds its bytes."""
    a, b, c = (cluster.new("central-%d" % n) for n in (1, 2, 3))
    cluster.connect(a, [b, Place("pymesh-1")])
    cluster.connect(b, [a, c])
    cluster.connect(c, [b])
    for central in (a, b, c):
        central.start()
    wait_linked([a, b])
    wait_linked([b, c])
    newer = double(cluster, Newer, "pymesh-1", a)
    before = refused(a)
    for kind in NEW_TYPES:
        Peer.send(newer, kind, 1, [2, {"three": 4}], version=7)
    newer.until(lambda: refused(a) == before + len(NEW_TYPES), 10, "counted")
    names = write_future(newer, now() * 1000)
    total = newer.own.seq
    newer.push(1, total - 1)  # the rest is pulled
    for central in (a, b, c):
        newer.until(lambda central=central: central.event_count() == total, 20,
                    lambda central=central: "%d events at %s" % (central.event_count(),
                                                                 central.name))
        kept = central.rows("SELECT header, body, chain FROM event ORDER BY seq")
        expect_equal(kept, [(item[0], item[1], newer.own.chains[seq + 1])
                            for seq, item in enumerate(newer.own.items)],
                     "bytes and chain at " + central.name)
        expect_equal(sorted(central.history()), sorted(names), "what is understood")
        status = central.get("/api/status").json
        wanted = [{"kind": kind, "events": n + 1} for n, kind in enumerate(FUTURE)]
        expect_equal(status["unknown_events"]["total"], 6, "unknown events")
        expect_equal(sorted(status["unknown_events"]["kinds"], key=lambda k: k["kind"]), wanted,
                     "by kind")
        expect("EVENT_UNKNOWN" in [w["code"] for w in status["warnings"]], status["warnings"])
    # It said nothing while the bytes were looked at, which may have been too long.
    newer.until(lambda: (lambda peer: peer["connected"] and peer["code"] is None)(
        a.peers()["pymesh-1"]), 10, lambda: str(a.peers()))
    expect("MESSAGE_INVALID" not in a.log(), "an alarm about a type of a newer version")
    newer.until(lambda: a.peers()["pymesh-1"]["sync"] == "equal", 10, lambda: str(a.peers()))
    shown = [x for x in a.get("/api/v1/sync").json["centrals"] if x["id"] == "pymesh-1"][0]
    expect_equal((shown["fold"], shown["code"]), (99, None), "another fold is no alarm")

    # A restart forgets nothing of it, and who comes later gets it, too.
    c.stop()
    c.start()
    expect_equal(c.get("/api/status").json["unknown_events"]["total"], 6, "after a restart")
    d = cluster.new("central-4")
    cluster.connect(d, [c])
    cluster.connect(c, [b, d])
    c.stop()
    c.start()
    d.start()
    wait_until(lambda: d.event_count() == total, 20, "the fourth")
    expect_equal(d.rows("SELECT header, body FROM event ORDER BY seq"),
                 [item[:2] for item in newer.own.items], "bytes at the fourth")
    wait_equal_digests([c, d])
    goes_on(a, newer, 400)


def types_are_no_answers(cluster):
    """An answer is awaited while messages of unknown types come: it still counts."""
    central = one_central(cluster, Place("pymesh-1"))
    central.start()
    newer = double(cluster, Newer, "pymesh-1", central)
    newer.serving = False
    write_entry(newer, 1)
    write_entry(newer, 2)
    newer.beat()
    want = newer.take(7)
    for kind in NEW_TYPES:
        Peer.send(newer, kind, want[0], version=7)
    newer.send(SYNC_RESPONSE, want[0], [newer.own.run(1, 2)], False)
    newer.take(ACK, check=lambda f: f[0] and f[0][0][2] == 2)
    expect_equal(len(central.history()), 2, "visits")


def older_one(cluster):
    """Nothing behind the heads of its HEARTBEAT, no capability; versions up to ours."""
    central = one_central(cluster, Place("pymesh-1"))
    central.start()
    older = double(cluster, Peer, "pymesh-1", central)
    expect_equal(central.entry(plate(1)).status, 200, "entry")
    pull_all(older, 1)
    name, _ = write_entry(older, 2)
    older.push(1, 1)
    older.until(lambda: name in central.history(), 10, "its entry")

    def shown():
        return central.get("/api/v1/sync").json["centrals"][1]
    older.until(lambda: shown()["events"] == 2, 10, lambda: str(shown()))
    older.until(lambda: central.peers()["pymesh-1"]["sync"] == "equal", 10,
                lambda: str(central.peers()))
    expect_equal((shown()["fold"], shown()["code"]), (None, None), "shown")
    goes_on(central, older, 3)


def ranges(cluster):
    """HELLO tells a range; where it overlaps ours the link lives, else both are told."""
    central = one_central(cluster, Place("pymesh-1"))
    central.start()
    for low, high, is_good in ((1, 1, True), (1, 2, True), (1, 2 ** 63, True), (2, 2, False),
                               (2, 9, False)):
        peer = new_peer(cluster, "pymesh-1")
        peer.versions = (low, high)
        peer.dial(central.ip, central.p2p_port)
        if is_good:
            peer.greet()
            peer.take(HEARTBEAT)
        else:
            peer.hello()
            code, text = peer.take(REJECT)[:2]
            expect_equal(code, "MESH_VERSION", text)
            expect("%d to %d" % (low, high) in text and "1 to 1" in text, text)
        peer.close()


run(through_a_chain, types_are_no_answers, older_one, ranges)
