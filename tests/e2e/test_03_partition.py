"""Both halves go on working, and agree afterwards."""

import itertools

from cluster import (expect, expect_equal, now, plate, run, wait_equal_digests, wait_linked,
                     wait_same, wait_until)
from relay import Network
import log_dump

CARS = 20


def start_all(cluster, **config):
    centrals = cluster.mesh("central-1", "central-2", "central-3", **config)
    for central in centrals:
        central.start()
    wait_linked(centrals)
    return centrals


def wait_cut(central, others):
    wait_until(lambda: not any(p["connected"] for p in central.peers().values()) and
               not any(o.peers()[central.name]["connected"] for o in others), 20,
               lambda: "%s cut off: %s" % (central.name, central.peers()))


def enter_twice(a, b, base):
    """Each plate at both; the odd ones first at A, the even ones first at B. Answers the ids."""
    ids = []
    for number in range(CARS):
        first, second = (a, b) if number % 2 else (b, a)
        one = first.entry(plate(number), ts=base + number, camera=1)
        two = second.entry(plate(number), ts=base + number + 300, camera=3)
        expect(one.json["success"] and two.json["success"], one, two)
        ids.append((one.json["event_id"], two.json["event_id"]))
    return ids


def hold_winners(centrals, ids):
    visits = wait_same(centrals, 20)
    for winner, loser in ids:
        expect_equal(visits[winner][5], "IN", winner)
        expect_equal(visits[loser][5:7], ("SUPERSEDED", winner), loser)
    for central in centrals:
        expect_equal(set(central.history()), {winner for winner, _ in ids},
                     "history of " + central.name)
        expect_equal(set(central.history(status="SUPERSEDED")), {loser for _, loser in ids},
                     "superseded at " + central.name)
        expect_equal(central.get("/api/stats").json["vehicles_in_parking"], len(ids),
                     "inside at " + central.name)
    return visits


def hold_one_exit_closes(central, centrals, ids):
    """One exit at the gate ends the matter, wherever it is."""
    for number, (winner, _) in enumerate(ids):
        answer = central.exit(plate(number))
        expect(answer.json["success"], answer)
        expect_equal(answer.json["event_id"], winner, "closed")
    visits = wait_same(centrals, 20)
    for winner, loser in ids:
        expect_equal((visits[winner][5], visits[loser][5]), ("OUT", "SUPERSEDED"), winner)
    for central in centrals:
        expect_equal(central.get("/api/stats").json["vehicles_in_parking"], 0, "inside")
        expect(log_dump.difference(central) is None, central.name, log_dump.difference(central))


def r_09_r_10_mesh_stopped(cluster):
    """One plate at two gates during a cut: all keep the earlier entry, and one open visit."""
    a, b, c = centrals = start_all(cluster)
    expect_equal(a.post("/api/p2p/stop").json["success"], True, "stop")
    wait_cut(a, (b, c))
    expect_equal(a.get("/api/p2p/status").json["running"], False, "running")
    ids = enter_twice(a, b, now() - 3600)
    expect_equal(a.post("/api/p2p/start").json["success"], True, "start")
    wait_linked(centrals)
    hold_winners(centrals, ids)
    hold_one_exit_closes(c, centrals, ids)
    wait_equal_digests(centrals)


def relayed(cluster):
    """Centrals of which each dials each other through a relay of its own."""
    network = Network()
    cluster.closing.callback(network.close)
    names = ("central-1", "central-2", "central-3")
    relays = {}

    def via(pair):
        def link(peer):
            relays[pair] = network.relay(peer.ip, peer.ip, peer.p2p_port)
            return peer.ip, relays[pair].port
        return link

    links = {pair: via(pair) for pair in itertools.permutations(names, 2)}
    centrals = cluster.mesh(*names, links=links)
    for central in centrals:
        central.start()
    wait_linked(centrals)
    return centrals, [relay for pair, relay in relays.items() if "central-1" in pair]


def r_24_r_36_network_silent(cluster):
    """A link that is open but dead is given up after three missed heartbeats and dialled anew."""
    (a, b, c), around_a = relayed(cluster)
    centrals = (a, b, c)
    for relay in around_a:
        relay.silence()
    ids = enter_twice(a, b, now() - 3600)
    wait_cut(a, (b, c))
    for relay in around_a:
        relay.reset()
        relay.heal()
    wait_linked(centrals)
    hold_winners(centrals, ids)
    hold_one_exit_closes(a, centrals, ids)


def network_reset(cluster):
    """Connections break again and again while cars enter; nothing is lost."""
    (a, b, c), around_a = relayed(cluster)
    centrals = (a, b, c)
    base = now() - 3600
    wanted = set()
    for number in range(150):
        central = centrals[number % 3]
        answer = central.entry(plate(number), ts=base + number)
        wanted.add(answer.json["event_id"])
        if number % 10 == 5:
            for relay in around_a:
                relay.reset()
    for relay in around_a:
        relay.refuse()
    wait_cut(a, (b, c))
    wanted.add(a.entry(plate(500), ts=base).json["event_id"])
    for relay in around_a:
        relay.heal()
    wait_linked(centrals)
    wait_until(lambda: set(wait_same(centrals)) == wanted, 20, "every entry everywhere")
    wait_equal_digests(centrals)


def changes_while_away(cluster):
    """Edits and deletions reach the visit that was meant, whatever its row number elsewhere."""
    a, b, c = centrals = start_all(cluster)
    base = now() - 7200
    c.post("/api/p2p/stop")
    for number in range(100, 105):  # rows 1.. of C are other cars
        c.entry(plate(number), ts=base)
    names = [a.entry(plate(number), ts=base + number).json["event_id"] for number in range(5)]
    c.post("/api/p2p/start")
    wait_linked(centrals)
    before = wait_same(centrals)
    rows_a, rows_c = a.history(), c.history()
    expect(any(rows_a[name]["id"] != rows_c[name]["id"] for name in names), "row numbers differ")

    c.stop()
    answer = a.put("/api/parking/history/%d" % rows_a[names[0]]["id"],
                   {"plate_id": "51F00001", "plate_view": "51F-000.01"})
    expect_equal((answer.status, answer.json["success"]), (200, True), "edit")
    answer = a.delete("/api/parking/history/%d" % rows_a[names[1]]["id"])
    expect_equal((answer.status, answer.json["success"]), (200, True), "delete")
    row_at_b = b.history()[names[2]]["id"]
    wait_until(lambda: b.put("/api/parking/history/%d" % row_at_b,
                             {"plate_id": "51F00003", "plate_view": "51F-000.03"}).status == 200,
               5, "edit at B")
    c.start()
    wait_linked(centrals)
    after = wait_until(lambda: (lambda v: v[names[0]][0] == "51F00001" and
                                v[names[2]][0] == "51F00003" and v)(wait_same(centrals)),
                       20, "the edits everywhere")
    expect_equal(after[names[0]][:2], ("51F00001", "51F-000.01"), "edited")
    expect_equal(after[names[1]][5], "DELETED", "deleted")
    for central in centrals:
        expect(names[1] not in central.history(), "deleted visit hidden at", central.name)
    untouched = set(before) - set(names[:3])
    expect_equal({key: before[key] for key in untouched}, {key: after[key] for key in untouched},
                 "all others")
    answer = c.exit("51F-000.01")
    expect_equal((answer.json["success"], answer.json["event_id"]), (True, names[0]), "exit at C")
    changes = c.get("/api/parking/history/changes").json["changes"]
    expect_equal(sorted((row["change_type"], row["old_plate_id"]) for row in changes),
                 [("DELETE", plate(1)), ("UPDATE", plate(0)), ("UPDATE", plate(2))],
                 "changes at C, each once")
    wait_same(centrals)
    wait_equal_digests(centrals)


def edited_on_both_sides(cluster):
    """Two people correct one plate during a partition: all show the same one afterwards."""
    a, b, _ = centrals = start_all(cluster)
    name = a.entry(plate(1), ts=now() - 7200).json["event_id"]
    wait_until(lambda: name in b.history() and name in centrals[2].history(), 10, "entry at all")
    a.post("/api/p2p/stop")
    for central, text in ((a, "51F11111"), (b, "51F22222")):
        row = central.history()[name]["id"]
        expect_equal(central.put("/api/parking/history/%d" % row,
                                 {"plate_id": text, "plate_view": text}).status, 200, "edit")
    a.post("/api/p2p/start")
    wait_linked(centrals)
    visits = wait_same(centrals)
    expect(visits[name][0] in ("51F11111", "51F22222"), visits)
    wait_equal_digests(centrals)  # also of the edit that shows nowhere
    for central in centrals:
        expect(log_dump.difference(central) is None, central.name, log_dump.difference(central))


run(r_09_r_10_mesh_stopped, r_24_r_36_network_silent, network_reset, changes_while_away,
    edited_on_both_sides)
