"""The power goes at any instant: what was answered with 200 is on the disk at that moment."""

import os
import random
import shutil
import sqlite3
import threading
import time

import lab
import powerloss
from checker import Ledger, check, enter
from cluster import expect, expect_equal, now, parallel, plate, wait_until

STREAMS = 8
ROUNDS = 3  # a checkpoint behind each, and then one more without
CUTS = 60


class Times(Ledger):
    """A ledger that remembers when each answer came."""

    def __init__(self):
        super().__init__()
        self.order = []  # (time, position)
        self.turn = threading.Lock()

    def note_answer(self, central, answer, is_exit=False):
        super().note_answer(central, answer, is_exit)
        position = answer.json["position"]
        with self.turn:
            self.order.append((time.time(),
                               (position["node"], int(position["epoch"]), position["seq"])))

    def before(self, when):
        return {position for at, position in self.order if at <= when}


def car(site, ledger, number):
    return enter(ledger, site, plate(number), "edge_%d_%s" % (number, plate(number)),
                 ts=now() - 3600)


def positions(directory):
    """Those in the database as it was found, after SQLite's own recovery."""
    database = sqlite3.connect(os.path.join(directory, "central.db"))
    try:
        expect_equal(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)], "integrity")
        return {(node, epoch & 0xFFFFFFFFFFFFFFFF, seq) for node, epoch, seq in database.execute(
            "SELECT node, epoch, seq FROM event JOIN stream USING (sid)")}
    finally:
        database.close()


def cut_at(operations, when, directory, torn=None):
    """The disk at that instant, in `directory`."""
    platter = powerloss.Platter()
    for done, operation in operations:
        if done > when:
            break
        platter.feed(operation)
    shutil.rmtree(directory, ignore_errors=True)
    platter.write_to(directory, torn)


def database_syncs(path):
    """How often the trace has a sync of the database itself: a checkpoint."""
    return sum(operation[0] == "sync" and operation[1].endswith(".db")
               for _, operation in powerloss.read(path))


def traced_load(site, ledger, path, count):
    """`count` cars at several gates at once, with checkpoints in between, then kill -9."""
    each = count // STREAMS // (ROUNDS + 1)

    def gate(first):
        for number in range(first, first + each):
            expect_equal(car(site, ledger, number).status, 200, "entry")
            time.sleep(0.2 * (number % 20 == 19))  # a commit of fewer
    for number in range(ROUNDS):
        before = database_syncs(path)
        parallel(gate, [stream * 10000 + number * each for stream in range(STREAMS)], STREAMS)
        wait_until(lambda b=before: database_syncs(path) > b, 20, "an idle moment: it checkpoints")
    parallel(gate, [stream * 10000 + ROUNDS * each for stream in range(STREAMS)], STREAMS)
    site.kill9()


def any_instant(cluster):
    site = cluster.mesh("central-1")[0]
    path = os.path.join(site.directory, "trace")
    powerloss.trace(site, path)
    site.start()
    ledger = Times()
    traced_load(site, ledger, path, 512)
    powerloss.wait_written(site, path, 1)
    operations = powerloss.read(path)
    syncs = sum(operation[0] == "sync" for _, operation in operations)
    checkpoints = database_syncs(path)
    expect(syncs > 50, "syncs", syncs, "of the database", checkpoints)
    chance = random.Random(20)
    first = ledger.order[0][0]
    span = operations[-1][0] - first
    directory = os.path.join(site.directory, "after")
    held = 0
    for number in range(CUTS):
        when = first + span * chance.random() if number else operations[-1][0] + 1
        answered = ledger.before(when)
        cut_at(operations, when, directory, torn=number if number % 2 else None)
        missing = answered - positions(directory)
        expect(not missing, "cut", number, "lost", len(missing), "of", len(answered),
               sorted(missing)[:3])
        held += len(answered)
    print("      %d power cuts, %d syncs (%d of the database), %d of %d answered events there" % (
        CUTS, syncs, checkpoints, held, held), flush=True)

    # A central starts from the last of them, and goes on.
    cut_at(operations, operations[-1][0] + 1, directory)
    shutil.rmtree(site.data)
    os.rename(directory, site.data)
    site.start()
    expect_equal(car(site, ledger, 99999).status, 200, "entry after the power cut")
    check([site], ledger)


def after_a_failed_sync(cluster):
    """A sync fails, the process ends, and what it had written is still seen by whoever reads: the
    next start must bring it to the disk anew, before it answers a repeated event or writes behind it.
    """
    site = cluster.mesh("central-1")[0]
    path = os.path.join(site.directory, "trace")
    powerloss.trace(site, path, inject="fdatasync:error=EIO:when=30+")
    site.start()
    ledger = Times()
    number = 0
    while car(site, ledger, number) is not None:
        number += 1
        expect(number < 1000, "no sync failed")
    expect_equal(site.wait_end(10), 74, "exit status")
    powerloss.wait_written(site, path, 1)
    powerloss.trace(site, path)
    site.start()
    expect_equal(car(site, ledger, number).status, 200, "the camera repeats it")
    for more in range(5):
        expect_equal(car(site, ledger, 500 + more).status, 200, "and others come")
    site.kill9()
    powerloss.wait_written(site, path, 2)
    operations = powerloss.read(path)
    expect(any(operation[0] == "lost" for _, operation in operations), "a sync failed")
    directory = os.path.join(site.directory, "after")
    cut_at(operations, operations[-1][0] + 1, directory)
    missing = ledger.positions - positions(directory)
    expect(not missing, "answered and lost:", sorted(missing))
    shutil.rmtree(site.data)
    os.rename(directory, site.data)
    site.start()
    check([site], ledger)


def with_peers(cluster):
    """The same in a mesh: the one that lost power takes part again, and all agree."""
    a, b, c = sites = cluster.mesh("central-1", "central-2", "central-3")
    path = os.path.join(a.directory, "trace")
    powerloss.trace(a, path)
    for site in sites:
        site.start()
    ledger = Times()
    for number in range(60):
        expect_equal(car(sites[number % 3], ledger, number).status, 200, "entry")
    # What it answered after `middle` is nowhere else if they have not heard of it before it dies.
    wait_until(lambda: all(len(s.history()) == 60 for s in (b, c)), 20, "B and C have everything")
    a.kill9()
    powerloss.wait_written(a, path, 1)
    operations = powerloss.read(path)
    directory = os.path.join(a.directory, "after")
    middle = ledger.order[30][0]
    cut_at(operations, middle, directory, torn=7)
    missing = {p for p in ledger.before(middle) if p[0] == a.name} - positions(directory)
    expect(not missing, "answered and lost:", sorted(missing)[:3])
    shutil.rmtree(a.data)
    os.rename(directory, a.data)
    a.start()
    expect_equal(car(a, ledger, 900).status, 200, "entry after the power cut")
    check(sites, ledger)


if __name__ == "__main__":
    lab.run(any_instant, after_a_failed_sync, with_peers)
