"""1,000 visits enter at one central and leave at another while all three run."""

import random

from cluster import (SANITIZED, expect, expect_equal, fee, now, parallel, plate, run,
                     wait_equal_digests, wait_linked, wait_same, wait_until)
import log_dump

VISITS = 1000


def visit_plan(number, centrals, base):
    """Where and when; half of the exits name the visit, half only the plate."""
    chance = random.Random(number)
    entered, left = chance.sample(centrals, 2)
    began = base + chance.randrange(3600)
    ended = began + chance.choice([60, 1800, 1801, 5400, 5401, chance.randrange(1, 30000)])
    name = "edge-1_%d_%s" % (began * 1000, plate(number)) if number % 2 else None
    return entered, left, plate(number), began, ended, name


def one_visit(plan):
    entered, left, text, began, ended, name = plan
    answer = entered.entry(text, name, ts=began)
    expect(answer.status == 200 and answer.json["success"], "entry", answer)
    event_id = answer.json["event_id"]
    # The exit may overtake the entry on its way to the other central: then it is logged and waits.
    answer = left.exit(text, name, ts=ended)
    expect(answer.status == 200, "exit", answer)
    expect(answer.json["success"] or answer.code == "NO_OPEN_VISIT", "exit", answer)
    if answer.json["success"]:
        expect_equal(answer.json["event_id"], event_id, "event_id of the exit")
        expect_equal(answer.json["fee"], fee(ended - began), "fee answered")
    return event_id


def three_centrals(cluster):
    centrals = cluster.mesh("central-1", "central-2", "central-3")
    for central in centrals:
        central.start()
    wait_linked(centrals)
    base = now() - 40000
    plans = [visit_plan(number, centrals, base) for number in range(VISITS)]
    ids = parallel(one_visit, plans, 24)

    visits = wait_until(lambda: all(
        sum(row[5] == "OUT" for row in c.visits().values()) == VISITS for c in centrals
    ) and wait_same(centrals), 30, lambda: "closed visits: %s" % [
        sum(row[5] == "OUT" for row in c.visits().values()) for c in centrals])
    for plan, event_id in zip(plans, ids):
        row = visits[event_id]
        expect_equal((row[0], row[2], row[3], row[4]),
                     (plan[2], plan[3] * 1000, plan[4] * 1000, fee(plan[4] - plan[3])), event_id)
    for central in centrals:
        expect_equal(len(central.history()), VISITS, "visits shown by " + central.name)
    wait_equal_digests(centrals)
    for central in centrals:
        expect(log_dump.difference(central) is None, central.name, log_dump.difference(central))

    def synced():
        return [row["peer_central_id"] for row in
                centrals[0].get("/api/p2p/sync-state").json["sync_state"]]
    wait_until(lambda: synced() == ["central-2", "central-3"], 10,
               lambda: "sync-state: %s" % synced())


def one_edge_many_gates(cluster):
    """The same camera event delivered to all three at once is one visit."""
    centrals = cluster.mesh("central-1", "central-2", "central-3")
    for central in centrals:
        central.start()
    wait_linked(centrals)
    base = now() - 7200
    count = 20 if SANITIZED else 100

    def deliver(item):
        number, central = item
        name = "edge-9_%d_%s" % (base * 1000, plate(number))
        answer = central.entry(plate(number), name, ts=base + number, camera=9)
        expect(answer.status == 200, answer)

    parallel(deliver, [(n, c) for n in range(count) for c in centrals], 12)
    visits = wait_until(
        lambda: len(wait_same(centrals)) == count and wait_same(centrals), 20, "one row each")
    expect_equal({row[5] for row in visits.values()}, {"IN"}, "status")
    wait_equal_digests(centrals)


run(three_centrals, one_edge_many_gates)
