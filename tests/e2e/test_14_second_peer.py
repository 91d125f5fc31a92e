"""A peer written in another language from docs/protocol.md alone judges a real central: it greets,
pulls and verifies the log, and writes a stream of its own."""

import os
import re
import time

from cluster import ROOT, SLOW, expect, expect_equal, now, plate, run, wait_linked, wait_until
import pymesh
from pymesh import ACK, BYE, ENTRY_PENDING, EVENT, EXIT, HEARTBEAT, HELLO, REDACT, SYNC_REQUEST, \
    SYNC_RESPONSE, ZERO, Keys, Peer, body, header, pack
from pymesh_stand import Place, connected, events, judged, new_peer, one_central, pull_all, start, \
    write_entry

UNKNOWN_KIND = 4711


# ---- keys and greeting ---------------------------------------------------------------------


def keys_as_documented(cluster):
    with open(os.path.join(ROOT, "docs", "protocol.md"), encoding="utf-8") as file:
        text = file.read()
    secret = re.search(r"for the secret `([^`]+)`", text).group(1)
    keys = Keys(secret)
    for name in ("secret_key", "public_key", "mesh_id"):
        wanted = re.search(r"^\| %s \| `([0-9a-f]+)` \|" % name, text, re.M).group(1)
        expect_equal(getattr(keys, name).hex(), wanted, name)
    expect(Keys(cluster.secret).mesh_id != keys.mesh_id, "another secret, another mesh")


def greeting(cluster):
    central = one_central(cluster, Place("pymesh-1"))
    central.start()
    entered = central.entry(plate(1)).json
    peer = new_peer(cluster, "pymesh-1")
    peer.dial(central.ip, central.p2p_port)
    low, high, mesh_id, node, epoch, boot, wall, hlc, log, state, capabilities, software, port = \
        peer.greet()[:13]
    expect(low <= 1 <= high, "versions", low, high)
    expect_equal((mesh_id, node, port), (peer.keys.mesh_id, "central-1", central.api_port), "HELLO")
    expect_equal(str(epoch), entered["position"]["epoch"], "epoch")
    expect(boot != 0 and isinstance(capabilities, list), "boot, capabilities", boot, capabilities)
    expect(software.startswith("parkmesh "), software)
    expect(abs(wall - time.time() * 1000) < 60000 * SLOW, "wall", wall)
    expect(abs((hlc >> 16) - wall) < 60000 * SLOW, "hlc", hlc)
    peer.pull()
    expect_equal(log, peer.log.digest(), "log digest of HELLO")
    expect(state != ZERO, "state digest")
    shown = peer.until(lambda: central.peers()["pymesh-1"]["connected"] and
                       central.peers()["pymesh-1"], 10, lambda: str(central.peers()))
    expect_equal((shown["status"], shown["software"], shown["direction"]),
                 ("connected", "pymesh 1", "accepted"), "status")
    # Of a round trip in which one of both stood still the offset is off by half of it.
    peer.until(lambda: central.peers()["pymesh-1"]["rtt_ms"] is not None and
               abs(central.peers()["pymesh-1"]["clock_offset_ms"]) < 2000, 10,
               lambda: "round trip, clock: %s" % central.peers())

    # HELLO once more is answered with HELLO.
    peer.forget()
    peer.pump(0.6)
    peer.forget()
    peer.hello()
    peer.take(HELLO)
    # Three heartbeats of silence end the link; a BYE ends it at once.
    peer.quiet = True
    wait_until(lambda: not central.peers()["pymesh-1"]["connected"], 10, "silence noticed")
    peer.quiet = False
    peer.greet()
    peer.until(lambda: central.peers()["pymesh-1"]["connected"], 10, "back")
    peer.quiet = True
    peer.send(BYE, "tests are over")
    wait_until(lambda: "tests are over" in (central.peers()["pymesh-1"]["last_error"] or ""), 10,
               lambda: str(central.peers()))
    central.stop()


def it_dials_us(cluster):
    """The other direction: its DEALER at our ROUTER. With both, the smaller id's counts."""
    place = Place("pymesh-1", "127.0.0.1")
    central = one_central(cluster, place)
    peer = new_peer(cluster, "pymesh-1")
    peer.listen(place.ip, place.port)
    central.start()
    hello = peer.take(HELLO)
    expect_equal(peer.remote_id, b"central-1#%016x" % hello[5], "routing id")
    name, _ = write_entry(peer, 1)
    peer.greeted = True
    peer.until(lambda: name in central.history(), 10, "pulled from us, by our heartbeat's head")
    expect_equal(central.peers()["pymesh-1"]["direction"], "dialled", "direction")
    central.entry(plate(2))
    run_ = peer.take(EVENT)[0]
    peer.log.add(run_)
    peer.until(lambda: central.peers()["pymesh-1"]["sync"] == "equal", 10,
               lambda: str(central.peers()))

    # A second link, dialled by us: pymesh-1 is not the smaller id, so it stays spare.
    spare = Peer("pymesh-1", cluster.secret, slow=SLOW)
    cluster.closing.callback(spare.close)
    spare.boot, spare.own, spare.log = peer.boot, peer.own, peer.log
    spare.beside = [peer]  # which must not fall silent yet
    spare.dial(central.ip, central.p2p_port)
    spare.greet()
    peer.forget()
    peer.beside, spare.beside = [spare], []
    central.entry(plate(3))
    peer.log.add(peer.take(EVENT)[0])
    spare.pump(0.2)
    expect(not any(kind == EVENT for kind, _ in spare.inbox), "pushed on the spare link")
    # The first falls silent: the spare takes over.
    peer.quiet = True
    spare.until(lambda: central.peers()["pymesh-1"]["direction"] == "accepted", 20,
                lambda: str(central.peers()["pymesh-1"]))
    central.entry(plate(4))
    spare.log.add(spare.take(EVENT)[0])
    expect_equal(spare.log.count(), 4, "events")


# ---- pulling -------------------------------------------------------------------------------


def pulls_and_verifies(cluster):
    central = one_central(cluster, Place("pymesh-1"))
    central.start()
    base = now() - 20000
    ids = [central.entry(plate(n), ts=base + n).json["event_id"] for n in range(20)]
    for n in range(8):
        expect(central.exit(plate(n), ts=base + 9000 + n).json["success"], "exit")
    central.put("/api/parking/fees", {"fees": {"fee_base": 1, "fee_per_hour": 30000}})
    central.entry(plate(9), ts=base + 500)     # inside already
    central.exit(plate(500), ts=base + 600)    # never entered
    central.event("LOCATION_UPDATE", plate(10), ts=base + 700, data={"location": "Tầng B1"})
    rows = central.history()
    for text in ("51F-111.11", "51F-222.22"):
        answer = central.put("/api/parking/history/%d" % rows[ids[11]]["id"],
                             {"plate_id": text, "plate_view": text})
        expect_equal(answer.status, 200, str(answer))
    expect_equal(central.delete("/api/parking/history/%d" % rows[ids[12]]["id"]).status, 200,
                 "delete")
    central.stop()
    central.start()  # another epoch
    central.exit(plate(13), ts=base + 9500)

    peer = connected(cluster, central)
    requests = peer.pull(max_bytes=1500)
    expect(requests > 3, "a small budget gives small answers, not", requests)
    streams = peer.log.heads()
    expect_equal(len(streams), 2, "streams")
    expect_equal({head[0] for head in streams}, {"central-1"}, "their node")
    expect_equal(peer.log.count(), events(central), "events")
    expect_equal(peer.log.count(), central.event_count(), "events in the database")
    beat = peer.take(HEARTBEAT, check=lambda f: f[4] == peer.log.count())
    expect_equal(beat[2], peer.log.digest(), "log digest")
    mine = judged(peer.log)
    expect_equal({v["event_id"]: v["status"] for v in mine},
                 {key: row[5] for key, row in central.visits().items()}, "visits")
    expect_equal(pymesh.add(map(pymesh.visit_digest, mine)), beat[3], "state digest")
    peer.until(lambda: central.peers()["pymesh-1"]["sync"] == "equal", 10,
               lambda: str(central.peers()))
    expect_equal(central.peers()["pymesh-1"]["code"], None, "no alarm")
    expect("different histories" not in central.log(), "an unknown state digest is no difference")

    # Answers as documented: several wants, budget, more, what is not there.
    wants = [[node, epoch, 1] for node, epoch, _, _ in streams]
    runs, more = peer.ask_runs(wants)
    expect_equal(([r[2] for r in runs], [r[0:2] for r in runs], more),
                 ([1, 1], [w[:2] for w in wants], False), "both whole")
    runs, more = peer.ask_runs(wants, 1)
    expect_equal((len(runs), len(runs[0][5]), more), (1, 1, True), "budget of one byte")
    expect_equal(peer.ask_runs([["central-1", 12345, 1]]), [[], False], "an unknown stream")
    expect_equal(peer.ask_runs([[*streams[0][:2], streams[0][2] + 1]]), [[], False], "the future")
    expect_equal(peer.ask_vector(["nobody", "central-1", "central-1"]), streams, "heads")
    expect_equal(peer.ask_vector([]), [["central-1", peer.log.digest()]], "digests")
    # Two outstanding requests are answered, in order.
    peer.forget()
    for number in (901, 902):
        peer.send(SYNC_REQUEST, number, wants[:1], 4096)
    expect_equal([peer.take(SYNC_RESPONSE)[0] for _ in range(2)], [901, 902], "answers")


def many_events(cluster):
    """More than one run: 500 events an answer at most."""
    central, peer = start(cluster)
    for n in range(1203):
        write_entry(peer, n, (now() - 3000) * 1000 + n)
    peer.until(lambda: events(central) == 1203, 30, "all pulled from us: %s" % events(central))
    expect(peer.asked_of_us >= 13, "100 events an answer of ours, asked", peer.asked_of_us)
    runs, more = peer.ask_runs([[peer.node, peer.own.epoch, 1], [peer.node, peer.own.epoch, 1]])
    expect_equal(([len(r[5]) for r in runs], more), ([500], True), "500 events and no more")
    runs, more = peer.ask_runs([[peer.node, peer.own.epoch, 1100]])
    expect_equal(([len(r[5]) for r in runs], more), ([104], False), "the rest")
    expect_equal(runs[0], peer.own.run(1100, 1203), "the bytes that we sent")


# ---- writing -------------------------------------------------------------------------------


def beside_two(cluster):
    """Centrals A and B, and a Python peer that only A knows."""
    a, b = cluster.new("central-1"), cluster.new("central-2")
    cluster.connect(a, [b, Place("pymesh-1")])
    cluster.connect(b, [a])
    a.start()
    b.start()
    wait_linked([a, b])
    return a, b, connected(cluster, a)


def own_stream(cluster):
    a, b, peer = beside_two(cluster)
    base = (now() - 7200) * 1000

    name, seq = write_entry(peer, 1, base)
    peer.push(seq, seq)
    ack = peer.take(ACK, check=lambda f: f[0] and f[0][0][0] == "pymesh-1")
    expect_equal(ack[0], [peer.own.head()], "ACK")
    for central in (a, b):
        row = peer.until(lambda central=central: central.history().get(name), 10,
                         "entry at " + central.name)
        expect_equal((row["source_central"], row["plate_id"], row["status"], row["sync_status"],
                      row["entry_camera_id"], row["entry_camera_name"], row["entry_confidence"]),
                     ("pymesh-1", plate(1), "IN", "SYNCED", 7, "Cổng Python", 0.75), central.name)
        expect_equal(central.instant(row["entry_time"]) * 1000, base, "entry time")
    peer.push(1, 1)  # again: nothing happens

    # A gap is pulled: 2 is lost, 3 arrives.
    write_entry(peer, 2, base + 1000)
    seq = peer.write(EXIT, {1: name, 2: plate(1), 3: plate(1), 13: 99000}, base + 3600000)
    before = peer.asked_of_us
    peer.push(seq, seq)
    for central in (a, b):
        row = peer.until(lambda central=central: central.history(status="OUT").get(name), 10,
                         "exit at " + central.name)
        expect_equal(row["fee"], 99000, "a fee is a fact")
        expect_equal(len(central.history()), 2, "visits")
    expect(peer.asked_of_us > before, "asked for the gap")

    a.entry(plate(5))
    peer.log.add(peer.take(EVENT)[0])
    peer.until(lambda: a.peers()["pymesh-1"]["sync"] == "equal", 10, lambda: str(a.peers()))
    b.entry(plate(6))  # comes through A: announced, then pulled
    peer.take(HEARTBEAT, check=lambda f: any(head[0] == "central-2" for head in f[8]))
    pull_all(peer, 5)


def erased_bodies(cluster):
    """A run that overlaps what is known; an erased body travels as its hash; REDACT erases."""
    a, b, peer = beside_two(cluster)
    base = (now() - 7200) * 1000
    for number in range(1, 3):
        write_entry(peer, number, base + number)
    peer.push(1, 2)
    peer.until(lambda: events(b) == 2, 10, "two events at B")
    write_entry(peer, 3, base + 2000)
    secret, hidden = write_entry(peer, 4, base + 3000)
    header_bytes, _, digest = peer.own.items[hidden - 1]
    peer.own.items[hidden - 1] = (header_bytes, None, digest)
    peer.push(2, 4)
    for central in (a, b):
        peer.until(lambda central=central: events(central) == 4, 10,
                   lambda central=central: "events of %s: %d" % (central.name, events(central)))
        expect(secret not in central.history(), "an erased entry shown")
    # REDACT erases at every central what was whole before.
    peer.write(REDACT, {30: "pymesh-1", 31: peer.own.epoch, 32: 1, 33: 1}, base + 4000)
    peer.push(5, 5)
    for central in (a, b):
        peer.until(lambda central=central: events(central) == 5 and len(central.history()) == 2,
                   10, "redacted at " + central.name)
    runs, _ = peer.ask_runs([["pymesh-1", peer.own.epoch, 1]])
    expect_equal([item[1:] for item in (runs[0][5][0], runs[0][5][3])],
                 [[None, peer.own.items[0][2]], [None, digest]], "erased, hash kept")
    expect_equal(runs[0][4], peer.own.chains[5], "and the chain still verifies")


def unknown_things(cluster):
    """Kinds, keys and elements of the future are kept and passed on, byte for byte."""
    a, b, peer = beside_two(cluster)
    t = now() * 1000
    peer.own.append(header(UNKNOWN_KIND, t, more=["future", [1, 2]]),
                    body({1: "x", 200: {"deep": [1, 2, {"er": None}]}, "text": b"\x00\xff"}))
    known = "pymesh-1_%d_%s" % (t, plate(1))
    peer.own.append(header(ENTRY_PENDING, t, more=[7]),
                    body({1: known, 2: plate(1), 3: plate(1), 99: "new field"}))
    peer.own.append(header(ENTRY_PENDING, t), body({1: 5, 2: plate(2)}))      # wrong type
    peer.own.append(header(ENTRY_PENDING, t), pack([1, 2, 3]))                # no map
    peer.own.append(header(ENTRY_PENDING, t), body({1: "e" * 300, 2: plate(3)}))  # too long
    for seq in range(1, 6):
        peer.push(seq, seq)
    for central in (a, b):
        peer.until(lambda central=central: events(central) == 5, 10,
                   lambda central=central: "%d events at %s" % (events(central), central.name))
        kept = central.rows("SELECT header, body FROM event ORDER BY seq")
        expect_equal(kept, [item[:2] for item in peer.own.items], "bytes at " + central.name)
        expect_equal(list(central.history()), [known], "history of " + central.name)
    peer.until(lambda: a.peers()["pymesh-1"]["sync"] == "equal", 10, lambda: str(a.peers()))

    # Messages with trailing elements and another version number are understood.
    peer.forget()
    peer.send(SYNC_REQUEST, 77, [["pymesh-1", peer.own.epoch, 1, "more"]], 1000000, "x", version=9)
    expect_equal(peer.take(SYNC_RESPONSE)[0], 77, "answer")


run(keys_as_documented, greeting, it_dials_us, pulls_and_verifies, many_events, own_stream,
    erased_bodies, unknown_things)
