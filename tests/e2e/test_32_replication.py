"""Defects of the existing system between centrals, R: those about where cars stand in the lots."""

from cluster import expect_equal, now, run, wait_linked, wait_same, wait_until
from standing import Standing, away, row


def seen(central, plate, lot, ts, **more):
    answer = central.event("LOCATION_UPDATE", plate, ts=ts, camera=7, camera_name=lot,
                           camera_type="PARKING_LOT", data={"location": lot}, **more)
    expect_equal(answer.status, 200, str(answer))
    return answer.json


def inside(central, plate):
    return [r for r in central.history(in_parking_only="true").values() if r["plate_id"] == plate]


def r_16_seen_before_the_entry_arrives(mesh):
    """A car is seen in a lot at B while its entry is still on the way: the entry that comes counts,
    with its name and time, and what was seen is kept."""
    a, b = mesh.centrals
    base, car = now() - 3600, mesh.plate()
    with away(b):
        entered = a.entry(car, ts=base).json["event_id"]
        seen(b, car, "Deck B", base + 60)
        expect_equal([r["is_anomaly"] for r in inside(b, car)], [1], "at first an anomaly")
    for central in (a, b):
        wait_until(lambda c=central: [r["event_id"] for r in inside(c, car)] == [entered], 20,
                   lambda c=central: inside(c, car))
        one = row(central, entered, last_location="Deck B", is_anomaly=0)
        expect_equal(central.instant(one["entry_time"]), base, "entry time")
    wait_same([a, b])


def r_17_seen_before_the_exit_told_after_it(mesh):
    """What a camera saw before the car left opens no visit when it is told later, here or there."""
    a, b = mesh.centrals
    base, car = now() - 3600, mesh.plate()
    name = a.entry(car, ts=base).json["event_id"]
    a.exit(car, ts=base + 1200)
    row(b, name, status="OUT")
    for central, lot in ((a, "Deck A"), (b, "Deck B")):
        seen(central, car, lot, base + 600)
    wait_same([a, b])
    for central in (a, b):
        expect_equal(inside(central, car), [], "inside at " + central.name)


def r_18_newest_sighting_counts(mesh):
    """Two sightings told at two centrals, the older one last: the newer place stays."""
    a, b = mesh.centrals
    base, car = now() - 3600, mesh.plate()
    name = a.entry(car, ts=base).json["event_id"]
    row(b, name)
    seen(b, car, "Deck B", base + 900)
    row(a, name, last_location="Deck B")
    seen(a, car, "Deck A", base + 300)
    wait_same([a, b])
    for central in (a, b):
        one = row(central, name, last_location="Deck B")
        expect_equal(central.instant(one["last_location_time"]), base + 900, "when")


def r_19_place_arrives_by_synchronisation(mesh):
    """B was away while a car parked, and while another was seen that never entered."""
    a, b = mesh.centrals
    base, car, ghost = now() - 3600, mesh.plate(), mesh.plate()
    with away(b):
        name = a.entry(car, ts=base).json["event_id"]
        seen(a, car, "Deck B", base + 60)
        odd = seen(a, ghost, "Deck B", base + 120)["event_id"]
    one = row(b, name, last_location="Deck B", is_anomaly=0)
    expect_equal(b.instant(one["last_location_time"]), base + 60, "when")
    row(b, odd, last_location="Deck B", is_anomaly=1)


def r_26_port_of_a_new_peer_is_kept(mesh):
    """A peer that is added by address and port is dialled there, now and after a restart, and its
    port is in the configuration of both."""
    cluster = mesh.cluster
    one, two = (cluster.new(name, None) for name in ("central-5", "central-6"))
    for central in (one, two):
        cluster.connect(central, [])
        central.start()
    answer = one.post("/api/p2p/add-peer", {"ip": two.ip, "api_port": two.api_port})
    expect_equal((answer.status, answer.json["success"], answer.json["peer"]["id"]),
                 (200, True, "central-6"), str(answer))
    wait_linked([one, two])
    row(two, one.entry(mesh.plate()).json["event_id"])
    for central, other in ((one, two), (two, one)):
        peer = central.read_config()["peer_centrals"][0]
        expect_equal((peer["id"], peer["p2p_port"], peer.get("api_port", 8000)),
                     (other.name, other.p2p_port, other.api_port), "at " + central.name)
    one.stop()
    one.start()
    wait_linked([one, two])
    one.stop()
    two.stop()


def r_29_no_peer_of_ones_own_name(mesh):
    """One's own address, and a machine with one's own id, are refused at once as peers."""
    a = mesh.centrals[0]
    twin = mesh.another(name=a.name)
    before = a.read_config()
    for ip in (a.ip, twin.ip):
        answer = a.post("/api/p2p/add-peer", {"ip": ip, "api_port": 8000})
        expect_equal((answer.status // 100, answer.json["success"]), (4, False), str(answer))
    answer = a.post("/api/p2p/register-peer", {"id": a.name, "ip": twin.ip, "api_port": 8000})
    expect_equal((answer.status // 100, answer.json["success"]), (4, False), str(answer))
    expect_equal(a.read_config(), before, "configuration")
    twin.stop()


with Standing("central-1", "central-2") as stage:
    run(r_26_port_of_a_new_peer_is_kept, r_29_no_peer_of_ones_own_name, r_16_seen_before_the_entry_arrives, r_17_seen_before_the_exit_told_after_it,
        r_18_newest_sighting_counts, r_19_place_arrives_by_synchronisation, stage=stage)
