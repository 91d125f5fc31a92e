"""The network between centrals fails in every way that packets know."""

import lab
from checker import Ledger, check, heads
from cluster import expect, wait_until
from load import Load
from relay import Network


def shown_down(one, other):
    return not one.peers()[other.name]["connected"]


def during(sites, fault, more=60):
    """Load before, during and after a fault; then everything must agree."""
    ledger = Ledger()
    with Load(sites, ledger) as load:
        wait_until(lambda: ledger.answered() >= 30, 20, "answers before")
        fault()
        so_far = ledger.answered()
        wait_until(lambda: ledger.answered() >= so_far + more, 30, "answers during the fault")
        lab.heal(sites)
        so_far = ledger.answered()
        wait_until(lambda: ledger.answered() >= so_far + 30, 30, "answers after healing")
        load.stop()
    check(sites, ledger)
    return ledger


def halves(cluster):
    sites = cluster.started(4)

    def fault():
        lab.cut(sites[:2], sites[2:])
        wait_until(lambda: shown_down(sites[0], sites[2]) and shown_down(sites[3], sites[1]), 20,
                   "the halves see that they are halves")
    during(sites, fault)


def one_way(cluster):
    """What A sends to B is lost; what B sends arrives. C hears both and passes everything on."""
    a, b, c = sites = cluster.started(3)
    ledger = Ledger()
    b.deaf_to(a)
    with Load(sites, ledger) as load:
        wait_until(lambda: ledger.answered() >= 100, 30, "answers during the fault")
        load.stop()
    wait_until(lambda: shown_down(a, b) and shown_down(b, a), 20, "A and B see it")
    wait_until(lambda: heads(a) == heads(b) == heads(c), 30, "all events at all through C")
    lab.heal(sites)
    check(sites, ledger)


def one_direction_suffices(cluster):
    """A firewall lets A dial B and never B dial A; between C and the others likewise."""
    a, b, c = sites = cluster.mesh("central-1", "central-2", "central-3")
    a.refuse_dials_of(b, c)
    b.refuse_dials_of(c)
    for site in (c, b, a):
        site.start()
    wait_until(lambda: not any(shown_down(x, y) for x in sites for y in sites if x is not y), 30,
               "every pair is linked")
    ledger = Ledger()
    with Load(sites, ledger) as load:
        wait_until(lambda: ledger.answered() >= 60, 30, "answers")
        load.stop()
    check(sites, ledger)


def a_chain(cluster):
    """A-B-C-D: events of A reach D through the two between, while the rest is cut."""
    sites = cluster.started(4)
    lab.chain(sites)
    wait_until(lambda: shown_down(sites[0], sites[3]) and shown_down(sites[0], sites[2]), 20, "cut")
    ledger = Ledger()
    with Load(sites, ledger) as load:
        wait_until(lambda: ledger.answered() >= 100, 30, "answers")
        load.stop()
    wait_until(lambda: all(heads(site) == heads(sites[0]) for site in sites[1:]), 30,
               "all events along the chain")
    expect(shown_down(sites[0], sites[3]), "the ends were never linked")
    lab.heal(sites)
    check(sites, ledger)


def isolated_one_by_one(cluster):
    """Each is alone for a while, and what it takes in meanwhile arrives."""
    sites = cluster.started(3)
    ledger = Ledger()
    with Load(sites, ledger) as load:
        for alone in sites:
            others = [site for site in sites if site is not alone]
            lab.cut([alone], others)
            wait_until(lambda a=alone, o=others: all(shown_down(a, x) for x in o), 20, "alone")
            so_far = ledger.answered()
            wait_until(lambda n=so_far: ledger.answered() >= n + 30, 20, "answers while alone")
            lab.heal(sites)
        load.stop()
    check(sites, ledger)


def lossy(cluster):
    """Every fifth packet is lost, both ways."""
    sites = cluster.started(3)

    def fault():
        for site in sites:
            site.lose(20)
    during(sites, fault)


def resets(cluster):
    """Connections are reset under load, again and again: what was on its way is lost."""
    sites = cluster.started(3)
    ledger = Ledger()
    with Load(sites, ledger) as load:
        for number in range(12):
            one = sites[number % 3]
            one.reset_those_of(*(site for site in sites if site is not one))
            so_far = ledger.answered()
            wait_until(lambda n=so_far: ledger.answered() >= n + 10, 20, "answers")
            one.heal()
        load.stop()
    check(sites, ledger)


def slow_and_swallowing_relays(cluster):
    """All links lead through relays: they delay, then swallow what they are given, then reset."""
    network = Network()
    cluster.closing.callback(network.close)
    names = ("central-1", "central-2", "central-3")
    relays = []

    def link(peer):
        relays.append(network.relay(lab.HUB, peer.ip, peer.p2p_port))
        return lab.HUB, relays[-1].port

    sites = cluster.mesh(*names, links={(x, y): link for x in names for y in names if x != y})
    for site in sites:
        site.refuse_dials_of(*(other for other in sites if other is not site))
        site.start()
    wait_until(lambda: not any(shown_down(x, y) for x in sites for y in sites if x is not y), 30,
               "linked through relays")
    ledger = Ledger()
    with Load(sites, ledger) as load:
        for fault in ("delay", "swallow", "reset"):
            for relay in relays:
                {"delay": lambda r: r.delay(0.15), "swallow": lambda r: r.swallow(),
                 "reset": lambda r: r.reset()}[fault](relay)
            so_far = ledger.answered()
            wait_until(lambda n=so_far: ledger.answered() >= n + 60, 30, "answers in " + fault)
            for relay in relays:
                relay.heal()
        load.stop()
    check(sites, ledger)


if __name__ == "__main__":
    lab.run(halves, one_way, one_direction_suffices, a_chain, isolated_one_by_one, lossy, resets,
            slow_and_swallowing_relays)
