"""What tests with the Python peer (pymesh.py) have in common."""

from cluster import SLOW, expect, expect_equal, free_port, now, plate
from log_dump import KEYS, KINDS, fold
import pymesh
from pymesh import ENTRY_PENDING, Peer


class Place:
    """What the configuration of a central says about the Python peer."""

    def __init__(self, name, ip="127.0.0.1"):
        self.name, self.ip, self.port = name, ip, free_port(ip)

    def address(self):
        return {"id": self.name, "ip": self.ip, "p2p_port": self.port, "api_port": 80}


def one_central(cluster, place, *others, name="central-1"):
    central = cluster.new(name)
    cluster.connect(central, [place, *others])
    return central


def new_peer(cluster, name, secret=None):
    peer = Peer(name, secret or cluster.secret, slow=SLOW)
    cluster.closing.callback(peer.close)
    return peer


def connected(cluster, central, name="pymesh-1"):
    """A greeted Python peer of this central."""
    peer = new_peer(cluster, name)
    peer.dial(central.ip, central.p2p_port)
    peer.greet()
    peer.until(lambda: central.peers()[name]["connected"], 10, lambda: str(central.peers()))
    return peer


def start(cluster):
    central = one_central(cluster, Place("pymesh-1"))
    central.start()
    return central, connected(cluster, central)


def connected_again(cluster, central, old):
    """A new process of the same central, with the log of the old one."""
    old.close()
    peer = new_peer(cluster, old.node)
    peer.own, peer.log = old.own, old.log
    peer.dial(central.ip, central.p2p_port)
    peer.greet()
    peer.until(lambda: central.peers()[peer.node]["connected"], 20, lambda: str(central.peers()))
    return peer


def events(central):
    return central.get("/api/status").json["events"]


def refused(central):
    return central.get("/api/p2p/status").json["messages_refused"]


def write_entry(peer, number, t_eff=None, name=None):
    t_eff = now() * 1000 if t_eff is None else t_eff
    name = name or "%s_%d_%s" % (peer.node, t_eff, plate(number))
    seq = peer.write(ENTRY_PENDING, {1: name, 2: plate(number), 3: plate(number), 6: "7",
                                     7: "Cổng Python", 9: 0.75, 10: "auto"}, t_eff)
    return name, seq


def pull_all(peer, count):
    """The mesh hears of a commit a moment after the camera."""
    def pulled():
        peer.pull()
        return peer.log.count() == count
    peer.until(pulled, 10, lambda: "%d events pulled of %d" % (peer.log.count(), count))


def goes_on(central, peer, number):
    """The central still takes cameras' events and still talks to this peer."""
    before = events(central)
    expect(central.running(), "the central died")
    expect(central.entry(plate(number)).json["success"], "entry")
    expect_equal(events(central), before + 1, "events")
    peer.until(lambda: central.peers()[peer.node]["connected"], 10,
               lambda: str(central.peers()[peer.node]))
    pull_all(peer, before + 1)


def as_fold_event(stream, seq):
    header_bytes, body_bytes, _ = stream.items[seq - 1]
    _, kind, hlc, t_eff, clock = pymesh.unpack(header_bytes)[:5]
    event = {"kind": KINDS.get(kind, str(kind)), "hlc": hlc, "t_eff": t_eff, "clock": clock,
             "node": stream.node, "epoch": stream.epoch, "seq": seq, "redacted": body_bytes is None,
             "body": (body_bytes or b"").hex()}
    for key, value in (pymesh.unpack(body_bytes) if body_bytes else {}).items():
        if key in KEYS:
            event[KEYS[key]] = value
    return event


def judged(log):
    """The history that a second fold makes of a pulled log."""
    lists = [as_fold_event(stream, seq) for stream in log.streams.values()
             for seq in range(1, stream.seq + 1)]
    given = {"events": lists, "plates": sorted({e["plate_id"] for e in lists if "plate_id" in e})}
    given["clock_fixes"] = []
    given["tariffs"] = [{**e, "t": e["t_eff"]} for e in lists if e["kind"] == "CONFIG_UPDATE"]
    return fold.fold(given)["visits"]
