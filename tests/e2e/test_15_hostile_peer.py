"""The Python peer (pymesh.py) misbehaves: broken runs, wrong secrets, wrong names, garbage under
the right key. The central stores none of it, says why, and goes on."""

import os
import random
import struct

from cluster import expect, expect_equal, now, plate, run, wait_until
import pymesh
from pymesh import ACK, BYE, ENTRY_PENDING, EVENT, HEARTBEAT, HELLO, REJECT, SYNC_REQUEST, \
    SYNC_RESPONSE, VECTOR_REQUEST, ZERO, Keys, Stream, body, chain_next, hash16, header, pack
from pymesh_stand import Place, connected, connected_again, events, goes_on, new_peer, \
    one_central, pull_all, refused, start, write_entry


# ---- runs ----------------------------------------------------------------------------------


def changed(run_, **fields):
    names = ("node", "epoch", "first", "before", "after", "items")
    return [fields.get(name, value) for name, value in zip(names, run_)]


def invalid_runs(peer):
    """Runs from 2 on that do not prove themselves, or break a rule."""
    good = peer.own.run(2, 2)
    first, item = peer.own.run(1, 1), good[5][0]
    other = os.urandom(16)
    invalid = [
        changed(good, after=other),
        changed(good, before=other),
        changed(good, items=[]),
        changed(good, first=0),
        changed(good, epoch=0),
        changed(good, node=""),
        changed(good, node="no node"),
        changed(good, node="n" * 64),
        changed(good, before=ZERO[:15]),
        changed(good, items=[[item[0]]]),
        changed(good, items=[[item[0], None]]),
        changed(good, items=[["text", item[1]]]),
        changed(first, before=other, after=chain_next(other, *[first[5][0][0],
                                                               hash16(first[5][0][1])])),
        good[:5],
    ]
    for header_bytes, body_bytes in ((bytes(300), item[1]), (b"", item[1]), (pack([1, 0, 1, 1, 0]),
                                     item[1]), (pack([1, 1, 1 << 63, 1, 0]), item[1]),
                                     (item[0], b""), (item[0], b"\xc1"), (item[0], item[1] + b"x"),
                                     (item[0], b"\x91" * 20 + b"\x01"), (item[0], bytes(32769))):
        stream = Stream(peer.node, peer.own.epoch)
        stream.items, stream.chains = peer.own.items[:1], peer.own.chains[:2]
        stream.append(header_bytes, body_bytes)
        invalid.append(stream.run(2, 2))
    crowd = Stream(peer.node, 5)
    for _ in range(501):
        crowd.append(item[0], item[1])
    invalid.append(crowd.run(1, 501))
    return invalid


def broken_runs(cluster):
    central, peer = start(cluster)
    name, _ = write_entry(peer, 1)
    peer.push(1, 1)
    peer.until(lambda: name in central.history(), 10, "the good one")
    before, alarms = events(central), refused(central)
    peer.serving = False
    write_entry(peer, 2)
    invalid = invalid_runs(peer)
    for run_ in invalid:
        peer.send(EVENT, run_)
    peer.until(lambda: refused(central) >= alarms + len(invalid), 10,
               lambda: "%d refused of %d" % (refused(central) - alarms, len(invalid)))
    expect_equal(events(central), before, "events")
    expect_equal(refused(central), alarms + len(invalid), "refused")
    peer.serving = True
    peer.push(2, 2)
    peer.until(lambda: len(central.history()) == 2, 10, lambda: str(central.history()))
    goes_on(central, peer, 40)


def forks(cluster):
    """Runs that prove themselves, but say other things than the log does."""
    central, peer = start(cluster)
    name, _ = write_entry(peer, 1)
    peer.push(1, 1)
    peer.until(lambda: name in central.history(), 10, "the good one")
    before = events(central)
    peer.serving = False
    write_entry(peer, 2)
    fork = Stream(peer.node, peer.own.epoch)
    for number in (8, 9):
        fork.append(header(ENTRY_PENDING, now() * 1000),
                    body({1: "fork-%d" % number, 2: plate(number), 3: plate(number)}))
    peer.send(EVENT, fork.run(1, 2))
    peer.until(lambda: central.peers()["pymesh-1"]["code"] == "CHAIN_MISMATCH", 10,
               lambda: str(central.peers()))
    peer.send(EVENT, fork.run(2, 2))
    peer.pump(0.5)
    expect_equal((events(central), set(central.history())), (before, {name}), "after the fork")
    expect_equal(refused(central), 0, "refused")
    # Answers that nobody asked for.
    peer.send(SYNC_RESPONSE, 12345, [fork.run(1, 2)], False)
    peer.send(SYNC_RESPONSE, 12345, [], True)
    # A stream of the central itself: the one it is writing, and one it never wrote.
    central.entry(plate(20))
    pull_all(peer, before + 2)
    own = next(stream for key, stream in peer.log.streams.items() if key[0] == "central-1")
    forged = Stream(own.node, own.epoch)
    forged.append(*own.items[0][:2])
    forged.append(header(ENTRY_PENDING, now() * 1000), body({1: "forged", 2: plate(30)}))
    peer.send(EVENT, forged.run(1, 2))
    peer.send(EVENT, forged.run(2, 2))
    peer.pump(0.5)
    expect("forged" not in central.history(), "wrote into the central's own stream")
    expect(central.running(), "died")
    # The right bytes still get in, and what the peer had wrong is forgiven.
    peer.serving = True
    peer.push(2, 2)
    peer.until(lambda: len(central.history()) == 3, 10, lambda: str(central.history()))
    goes_on(central, peer, 40)
    peer.until(lambda: central.peers()["pymesh-1"]["sync"] == "equal", 10,
               lambda: str(central.peers()))


# ---- who may talk --------------------------------------------------------------------------


def wrong_secret(cluster):
    central = one_central(cluster, Place("pymesh-1"))
    central.start()
    central.entry(plate(1))
    wrong = Keys("pm1-another-secret-of-somebody")
    right = Keys(cluster.secret)
    failed = {pymesh.zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, pymesh.zmq.EVENT_HANDSHAKE_FAILED_AUTH,
              pymesh.zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL}
    for title, options in (
            ("other secret", {"server_keys": wrong, "own_keys": wrong}),
            ("right server key, other own key", {"server_keys": right, "own_keys": wrong}),
            ("no CURVE", {"curve": False})):
        peer = new_peer(cluster, "pymesh-1")
        peer.dial(central.ip, central.p2p_port, **options)
        peer.hello()
        seen = set()

        def noticed(peer=peer, seen=seen):
            seen.update(peer.monitored())
            return seen & failed or pymesh.zmq.EVENT_DISCONNECTED in seen
        peer.until(noticed, 15, title)
        expect(pymesh.zmq.EVENT_HANDSHAKE_SUCCEEDED not in seen, title, "was let in")
        peer.pump(0.3)
        expect(not peer.inbox, title, "heard", peer.inbox)
        peer.close()
    expect(not central.peers()["pymesh-1"]["connected"], "connected")
    wait_until(lambda: "MESH_REFUSED" in central.log(), 10, "the refusal is logged")
    peer = connected(cluster, central)
    goes_on(central, peer, 2)


def rejections(cluster):
    central = one_central(cluster, Place("pymesh-1"))
    central.start()
    central.entry(plate(1))

    def rejected(name, code, mesh_id=None, versions=None):
        peer = new_peer(cluster, name)
        peer.mesh_id = mesh_id or peer.mesh_id
        peer.versions = versions or peer.versions
        peer.polite = False
        peer.dial(central.ip, central.p2p_port)
        peer.hello()
        got, text, retry = peer.take(REJECT)[:3]
        expect_equal(got, code, "REJECT (%s)" % text)
        expect(len(text) > 20 and retry > 0, "reason and retry", text, retry)
        # Nothing else is said to who was refused.
        peer.forget()
        peer.send(VECTOR_REQUEST, [], "", 0)
        peer.pump(0.3)
        expect(not [k for k, _ in peer.inbox if k not in (HELLO, REJECT)], code, peer.inbox)
        peer.close()
        return text

    rejected("pymesh-1", "MESH_MISMATCH", mesh_id=os.urandom(16))
    text = rejected("pymesh-1", "MESH_VERSION", versions=(7, 9))
    expect("7 to 9" in text, "the versions are named", text)
    rejected("central-1", "DUPLICATE_ID")
    rejected("stranger", "UNKNOWN_PEER")
    pending = wait_until(lambda: central.peers().get("stranger"), 10, "the stranger in the list")
    expect_equal((pending["status"], pending["software"]), ("pending", "pymesh 1"), "pending")
    expect(not central.peers()["pymesh-1"]["connected"], "connected")


def before_hello(cluster):
    """Nothing is heard."""
    central = one_central(cluster, Place("pymesh-1"))
    central.start()
    central.entry(plate(1))
    peer = new_peer(cluster, "pymesh-1")
    peer.polite = False
    write_entry(peer, 5)
    peer.dial(central.ip, central.p2p_port)
    peer.push(1, 1)
    peer.send(VECTOR_REQUEST, [], "", 0)
    peer.take(HELLO)
    peer.pump(0.3)
    expect_equal((events(central), [kind for kind, _ in peer.inbox if kind != HELLO]), (1, []),
                 "before HELLO")
    peer.polite = True
    peer.greet()
    peer.until(lambda: events(central) == 2, 10, "after HELLO")


def r_22_one_id_twice(cluster):
    """Refused while the first lives, taken over when it does not."""
    central, peer = start(cluster)
    double = new_peer(cluster, "pymesh-1")
    double.polite = False
    double.dial(central.ip, central.p2p_port)
    double.hello()

    double.beside = [peer]
    reject = double.take(REJECT)
    expect_equal(reject[0], "DUPLICATE_ID", reject[1])
    peer.until(lambda: central.peers()["pymesh-1"]["code"] == "DUPLICATE_ID", 10, "shown")
    expect(central.peers()["pymesh-1"]["connected"], "the first stays")
    peer.close()
    again = connected(cluster, central)
    again.pull()
    goes_on(central, again, 3)


# ---- bytes ---------------------------------------------------------------------------------


def valid_and_invalid(peer):
    """Messages, and frames that are none."""
    wall = now() * 1000
    valid = [
        [HELLO, 1, 1, 1, peer.mesh_id, peer.node, 0, peer.boot, wall, 0, ZERO, ZERO, [], "x", 0],
        [HEARTBEAT, 1, wall, 0, ZERO, ZERO, 5, 1, 0, 0, [peer.own.head()]],
        [EVENT, 1, peer.own.run(1, 1)],
        [VECTOR_REQUEST, 1, ["central-1"], "", 0],
        [pymesh.VECTOR, 1, 1, [peer.own.head()], False],
        [pymesh.VECTOR, 1, 0, [["central-1", ZERO]], True],
        [SYNC_REQUEST, 1, 5, [["central-1", 1, 1]], 1000],
        [SYNC_RESPONSE, 1, 5, [peer.own.run(1, 1)], False],
        [ACK, 1, [peer.own.head()]],
    ]
    frames = [b"", b"\xc1", b"\xc0", b"\x90", b"\x91\x01", bytes(1000), b"\x91" * 1000,
              pack([99, 1, 2, 3]), pack([0, 1]), pack([HELLO, 0]), pack({1: 2}), pack([HELLO] * 3),
              b"\xdd" + struct.pack(">I", 0xFFFFFFFF), b"\xdb" + struct.pack(">I", 0x7FFFFFFF),
              b"\xc7\x00\x01", b"\x92\x03\xd4\x01\x00",
              pack([SYNC_REQUEST, 1, 1, [], 1]), pack([SYNC_REQUEST, 1, 1, [["a", 1, 1]] * 65, 1]),
              pack([SYNC_REQUEST, 1, 1, [["a", 1, 1]], 0]),
              pack([SYNC_REQUEST, 1, 1, [["a", 1, 1 << 63]], 5]),
              pack([HEARTBEAT, 1, wall, 0, ZERO, ZERO, 5, 1, 0, 0, [peer.own.head()] * 65]),
              pack([HEARTBEAT, 1, 1 << 62, 0, ZERO, ZERO, 5, 1, 0, 0, []]),
              pack([VECTOR_REQUEST, 1, ["n"] * 1025, "", 0]), pack([ACK, 1, [[""]]]),
              pack([1] * 65537), pack(["x" * (1 << 20)])[:pymesh.FRAME_BYTES]]
    return valid, frames


def garbage(cluster):
    central, peer = start(cluster)
    chance = random.Random(14)
    write_entry(peer, 1)
    peer.push(1, 1)
    peer.until(lambda: events(central) == 1, 10, "entry")
    valid, frames = valid_and_invalid(peer)
    expect_equal(refused(central), 0, "refused before")
    for frame in frames:
        peer.send_bytes(frame)
    peer.until(lambda: refused(central) >= len(frames), 20,
               lambda: "%d of %d refused" % (refused(central), len(frames)))
    expect_equal(refused(central), len(frames), "refused")
    for _ in range(3000):
        data = bytearray(pack(chance.choice(valid)))
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        peer.send_bytes(bytes(data[:chance.choice([len(data), chance.randrange(len(data) + 1)])]))
        if chance.random() < 0.02:
            peer.pump(0.01)
    for _ in range(500):
        peer.send_bytes(chance.randbytes(chance.randrange(400)))
    peer.pump(0.5)
    expect(central.running(), "died")
    before = central.event_count()
    peer = connected_again(cluster, central, peer)
    expect_equal(len([key for key in central.visits() if key.startswith("pymesh-1_")]), 1,
                 "visits of ours")
    expect(central.entry(plate(99)).json["success"], "entry")
    expect_equal(central.event_count(), before + 1, "events")
    pull_all(peer, before + 1)
    peer.until(lambda: central.peers()["pymesh-1"]["sync"] == "equal", 20,
               lambda: str(central.peers()))


def odd_frames(cluster):
    """A frame too much, a routing id that is none, a message that is too large."""
    central, peer = start(cluster)
    peer.dealer.send_multipart([pack([BYE, 1, "x"]), b"more"])
    odd = new_peer(cluster, "pymesh-1")
    odd.dial(central.ip, central.p2p_port, routing_id=b"somebody")
    odd.hello()
    odd.pump(0.3)
    expect_equal(odd.inbox, [], "an odd routing id is answered")
    odd.close()
    peer.monitored()
    peer.send_bytes(bytes(pymesh.FRAME_BYTES + 1))
    peer.until(lambda: pymesh.zmq.EVENT_DISCONNECTED in peer.monitored(), 10, "disconnected")
    peer = connected_again(cluster, central, peer)
    goes_on(central, peer, 1)


run(broken_runs, forks, wrong_secret, rejections, before_hello, r_22_one_id_twice, garbage,
    odd_frames)
