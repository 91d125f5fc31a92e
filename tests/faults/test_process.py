"""Processes that die, stand still, or live in another year."""

import random
import signal
import time

import lab
from checker import Ledger, check, enter, heads
from cluster import expect, expect_equal, need_faketime, now, plate, wait_linked, wait_until
from load import Load

YEAR = 365 * 86400


def killed(cluster):
    """kill -9 of a random central under load, again and again."""
    sites = cluster.started(3)
    chance = random.Random(11)
    ledger = Ledger()
    with Load(sites, ledger) as load:
        for _ in range(8):
            victim = chance.choice(sites)
            so_far = ledger.answered()
            wait_until(lambda n=so_far: ledger.answered() >= n + 20, 30, "answers")
            victim.kill9()
            victim.start()
        load.stop()
    check(sites, ledger)


def all_killed(cluster):
    """The whole mesh at once, in the middle of it."""
    sites = cluster.started(4)
    ledger = Ledger()
    with Load(sites, ledger) as load:
        wait_until(lambda: ledger.answered() >= 80, 30, "answers")
        for site in sites:
            site.kill9()
        for site in sites:
            site.start()
        so_far = ledger.answered()
        wait_until(lambda: ledger.answered() >= so_far + 80, 30, "answers again")
        load.stop()
    check(sites, ledger)


def stopped(cluster):
    """SIGSTOP: its peers see it fall silent and go on; SIGCONT: it takes part again."""
    sites = cluster.started(3)
    ledger = Ledger()
    with Load(sites[1:], ledger) as load:
        for _ in range(2):
            sites[0].signal(signal.SIGSTOP)
            wait_until(lambda: not any(s.peers()["central-1"]["connected"] for s in sites[1:]), 20,
                       "the others see it")
            so_far = ledger.answered()
            wait_until(lambda n=so_far: ledger.answered() >= n + 30, 20, "the others go on")
            sites[0].signal(signal.SIGCONT)
            wait_linked(sites)
        load.stop()
    check(sites, ledger)


def hung_peer(cluster):
    """A central that hangs beside a healthy one: what the writer commits is at the healthy one, event
    for event, while the hung one holds nothing of it; and one that catches up meanwhile is served by
    both others, of which one hangs."""
    sites = cluster.mesh("central-1", "central-2", "central-3", "central-4")
    a, hung, healthy, late = sites
    for site in sites[:3]:
        site.start()
    wait_linked(sites[:3])
    ledger = Ledger()
    enter(ledger, a, plate(1), "first", ts=now() - 3600)
    wait_until(lambda: heads(hung) == heads(healthy) == heads(a), 20, "all three have it")
    before = heads(hung)
    hung.signal(signal.SIGSTOP)
    # No waiting for the peers to notice: the first of these events meets a full belief in it.
    for number in range(2, 302):
        name = "edge_%d" % number
        expect_equal(enter(ledger, a, plate(number), name, ts=now() - 3600).status, 200, "entry")
        if number % 50 == 0:
            wait_until(lambda n=name: n in healthy.history(), 20, "the healthy one shows it")
    wait_until(lambda: heads(healthy) == heads(a), 20, "the healthy one holds every event")
    late.start()
    wait_until(lambda: heads(late) == heads(a), 30, "one that comes late holds every event")
    expect_equal(heads(hung), before, "what the hung one holds")
    wait_until(lambda: healthy.peers()["central-1"]["sync"] == "equal", 20,  # by a heartbeat
               "A and the healthy one")
    hung.signal(signal.SIGCONT)
    check(sites, ledger)


def hung_while_serving(cluster):
    """A new central catches up from two; one of them hangs in the middle of it."""
    a, b, late = sites = cluster.mesh("central-1", "central-2", "central-3")
    a.start()
    b.start()
    wait_linked([a, b])
    ledger = Ledger()
    with Load([a, b], ledger, gates=8, pause=0.001) as load:
        wait_until(lambda: ledger.answered() >= 2000, 60, "answers")
        load.stop()
    wait_until(lambda: heads(a) == heads(b), 20, "A and B agree")
    late.start()
    wait_until(lambda: late.event_count() > 0, 20, "it began")
    b.signal(signal.SIGSTOP)
    wait_until(lambda: heads(late) == heads(a), 60, "all of it from the other")
    b.signal(signal.SIGCONT)
    check(sites, ledger)


def clocks(cluster):
    """Clocks that are wrong by minutes and by years, and one that jumps under load."""
    need_faketime()
    sites = cluster.mesh(*("central-%d" % (i + 1) for i in range(4)))
    for site, wrong in zip(sites, (0, 40 * 60, 3 * YEAR, -2 * YEAR)):
        site.start(clock=wrong)
    wait_linked(sites)
    ledger = Ledger()
    with Load(sites, ledger) as load:
        wait_until(lambda: ledger.answered() >= 60, 30, "answers")
        for wrong in (-YEAR, 5 * 60, 0):
            sites[1].kill9()
            sites[1].start(clock=wrong)
            so_far = ledger.answered()
            wait_until(lambda n=so_far: ledger.answered() >= n + 30, 30, "answers")
        load.stop()
    check(sites, ledger)
    told = sites[0].get("/api/p2p/status").json
    expect("CLOCK_SKEW" in str(told), "the alarm names the skewed ones:", told)


def storm(cluster):
    """Twelve centrals killed and started at once settle: all linked, all equal, and quiet."""
    sites = cluster.started(12)
    ledger = Ledger()
    for number in range(120):
        enter(ledger, sites[number % 12], plate(number), "edge_%d" % number, ts=now() - 3600)
    for site in sites:
        site.kill9()
    for site in sites:
        site.start(wait=False)
    for site in sites:
        site.wait_ready(60)
    wait_linked(sites, 60)
    check(sites, ledger, fold=False)

    # Settled means: nothing but heartbeats. Each counts what it sends between two looks.
    def sent():
        return [site.get("/api/p2p/status").json["messages_sent"] for site in sites]

    def beats():
        return [site.peers()[other.name]["last_ping_time"] for site in sites
                for other in sites if other is not site]
    first, begin = sent(), time.monotonic()
    seen = beats()
    wait_until(lambda: all(x != y for x, y in zip(beats(), seen)), 20, "a heartbeat each way")
    passed, per_link = time.monotonic() - begin, 0
    for one, other in zip(first, sent()):
        per_link = max(per_link, (other - one) / 11)
    print("      %.1f messages a link and second at rest" % (per_link / passed), flush=True)
    expect(per_link <= 2 * (passed / 0.5 + 2), "messages on each link while nothing happens",
           per_link, "in", passed, "s")


if __name__ == "__main__":
    lab.run(killed, all_killed, stopped, hung_peer, hung_while_serving, clocks, storm)
