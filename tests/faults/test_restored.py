"""Databases that go back in time, exist twice or are gone: no operator, no collision, nothing lost
that was anywhere."""

import os
import shutil

import lab
from checker import Ledger, check, enter, heads
from cluster import expect, expect_equal, now, plate, wait_linked, wait_until


def cars(ledger, sites, first, count):
    for number in range(first, first + count):
        answer = enter(ledger, sites[number % len(sites)], plate(number), "edge_%d" % number,
                       ts=now() - 3600)
        expect_equal(answer.status, 200, "entry")


def everywhere(sites):
    wait_until(lambda: all(heads(site) == heads(sites[0]) for site in sites[1:]), 30,
               lambda: "all events at all: %s" % [heads(site) for site in sites])


def keep_copy(site, name):
    copy = os.path.join(site.directory, name)
    shutil.copytree(site.data, copy)
    return copy


def put_back(site, copy):
    shutil.rmtree(site.data)
    shutil.copytree(copy, site.data)


def old_copy(cluster):
    """Restored from a copy of yesterday, twice: it pulls back its own lost events, new ones never
    take a used number."""
    sites = cluster.started(3)
    ledger = Ledger()
    a = sites[0]
    cars(ledger, sites, 0, 30)
    a.kill9()
    copy = keep_copy(a, "yesterday")
    a.start()
    cars(ledger, sites, 30, 30)
    everywhere(sites)
    for round_number in (1, 2):
        a.kill9()
        put_back(a, copy)
        a.start()
        # At once, before it can have heard from anybody what it has lost.
        cars(ledger, [a], 100 * round_number, 5)
        check(sites, ledger)


def restored_while_alone(cluster):
    """It works for a while on the old copy, cut off from all others, and then they meet again."""
    a, b, c = sites = cluster.started(3)
    ledger = Ledger()
    cars(ledger, sites, 0, 15)
    a.kill9()
    copy = keep_copy(a, "yesterday")
    a.start()
    cars(ledger, sites, 15, 15)
    everywhere(sites)
    lab.cut([a], [b, c])
    a.kill9()
    put_back(a, copy)
    a.start()
    cars(ledger, sites, 200, 30)
    lab.heal(sites)
    check(sites, ledger)


def emptied(cluster):
    """A new disk: everything comes back from the others, its own events included."""
    sites = cluster.started(3)
    ledger = Ledger()
    cars(ledger, sites, 0, 60)
    everywhere(sites)
    a = sites[0]
    a.kill9()
    shutil.rmtree(a.data)
    os.mkdir(a.data)
    a.start()
    cars(ledger, sites, 100, 9)
    check(sites, ledger)


def clone(cluster):
    """A copied directory runs under the same id at another place: refused, with an alarm. What its
    gates were answered is not lost either."""
    sites = cluster.started(2)
    ledger = Ledger()
    a, b = sites
    cars(ledger, sites, 0, 20)
    everywhere(sites)
    twin = cluster.new(a.name)
    a.kill9()
    shutil.rmtree(twin.data)
    shutil.copytree(a.data, twin.data)
    a.start()
    wait_linked(sites)
    cluster.connect(twin, [b])
    twin.start()
    for site in (b, twin):
        wait_until(lambda s=site: "DUPLICATE_ID" in str(s.get("/api/p2p/status").json), 30,
                   "alarm at %s (%s)" % (site.name, site.ip))
    text = str(b.get("/api/p2p/status").json)
    expect(a.ip in text and twin.ip in text, "the alarm names both addresses", text)
    cars(ledger, sites, 20, 20)
    everywhere(sites)
    expect(heads(twin) != heads(a), "the clone got nothing")
    cars(ledger, [twin], 100, 10)  # its gates work all the same, and were answered
    twin.stop()

    # Started in place of the original, it brings them along, and the original pulls them.
    a.stop()
    twin.start()
    check([twin, b], ledger)
    twin.stop()
    a.start()
    check(sites, ledger)


if __name__ == "__main__":
    lab.run(old_copy, restored_while_alone, emptied, clone)
