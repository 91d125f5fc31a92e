"""docs/migration.md, rehearsed: centrals of the existing system are replaced one by one, in place and
under traffic."""

import contextlib
import os
import random
import sqlite3
import threading
import time

from cluster import SLOW, expect, expect_equal, file_hash, now, plate, run, wait_equal_digests, \
    wait_linked, wait_same, wait_until
from crossing import Ledger, until_taken, wait_right
from python_central_rows import Rows
from python_stand import python_central, python_pair, wait_both_ways

VIETNAM = "Asia/Ho_Chi_Minh"
NAMES = ("central-1", "central-2", "central-3", "central-4")
OLD = 60          # visits of each central that are older than what existing centrals synchronise
NAMELESS = 3      # of these rows, the first have no event_id: from an early version
FIRST_CAR = 50000  # plates of the traffic begin here
BACKUP = ".before-parkmesh"


# ---- what there was before ---------------------------------------------------------------------


def old_rows(name):
    """(event_id, plate, entry, exit, fee, status) of visits of 2026-01 at this central; each tenth
    car is still inside, which no other existing central knows (R-37)."""
    place = NAMES.index(name)
    for number in range(OLD):
        car = plate(1000 * (place + 1) + number)
        day, visit = 1 + number % 28, "%s_%d_%s" % (name, 1767225600000 + number, car)
        entry = "2026-01-%02d 08:00:00" % day
        if number % 10 == 9:
            yield visit, car, entry, None, 0, "IN"
        else:
            yield (None if number < NAMELESS else visit, car, entry, "2026-01-%02d 10:10:00" % day,
                   50000, "OUT")


def write_old_rows(central):
    """Its own visits, and copies of others' as they are met in the field: each third one was
    replicated, each sixth without its exit (R-03)."""
    rows = Rows(central.data)
    for name in NAMES:
        for number, (visit, car, entry, left, fee, status) in enumerate(old_rows(name)):
            own = name == central.name
            if not own and (number % 3 or visit is None or status == "IN"):
                continue
            if not own and number % 6 == 0:
                left, fee, status = None, 0, "IN"
            rows.database.execute(
                "INSERT INTO history(event_id, source_central, plate_id, plate_view, entry_time,"
                " exit_time, fee, status, sync_status, created_at, updated_at, duration)"
                " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (visit, None if own else name, car, car, entry, left, fee, status,
                 "LOCAL" if own else "SYNCED", "2026-01-29 00:00:00", "2026-01-29 00:00:00",
                 left and "2 giờ 10 phút"))
    rows.close()


def check_old_rows(central):
    """Each of all centrals, once, as it was where it happened."""
    found = {}
    for row in central.history().values():
        found.setdefault(row["plate_id"], []).append(row)
    for name in NAMES:
        for visit, car, entry, left, fee, status in old_rows(name):
            rows = found.get(car, [])
            expect_equal(len(rows), 1, "rows of %s at %s" % (car, central.name))
            row = rows[0]
            expect_equal((row["entry_time"], row["exit_time"], row["fee"], row["status"]),
                         (entry, left, fee, status), "%s at %s" % (car, central.name))
            expect(row["event_id"] == (visit or row["event_id"]), "event_id", row)


# ---- traffic -----------------------------------------------------------------------------------


def knows(central, car):
    """Whether its gate would let this car out."""
    with contextlib.suppress(sqlite3.Error):
        return central.rows("SELECT 1 FROM history WHERE plate_id = ? AND status = 'IN'",
                            (car.plate,))
    return False


def wait_known(central, car, seconds):
    deadline = time.monotonic() + seconds * SLOW
    while not knows(central, car):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class Traffic:
    """Gates of all centrals at work, whatever runs behind them. A car leaves elsewhere when that
    central knows it, which among existing ones is not sure (R-02, R-03), else where it came in."""

    THREADS = 4

    def __init__(self, centrals, seed):
        self.centrals, self.ledger = centrals, Ledger(FIRST_CAR)
        self.stopping, self.failed = threading.Event(), []
        self.left = 0
        self.threads = [threading.Thread(target=self._work, args=(random.Random(seed + number),))
                        for number in range(self.THREADS)]
        for thread in self.threads:
            thread.start()

    def _work(self, chance):
        try:
            while not self.stopping.is_set():
                self._stay(*chance.sample(self.centrals, 2), chance.random() < 0.1)
        except Exception as error:  # pylint: disable=broad-except
            self.failed.append(error)

    def _stay(self, first, second, remains):
        car = self.ledger.new()
        car.visit = "edge-1_%d_%s" % (now() * 1000, car.plate)
        self.ledger.enter(first, car, ago=0)
        if remains:
            return
        gate = second if wait_known(second, car, 3) else first
        answer = until_taken(gate, "EXIT", car.plate, 2, ts=now())
        car.left_at, car.fee = gate, answer.get("fee")
        with self.ledger.lock:
            self.left += 1

    def more(self, count):
        """Until so many more cars have left."""
        wanted = self.left + count
        wait_until(lambda: self.left >= wanted or self.failed, 120, lambda: "%d cars left of %d" % (
            self.left, wanted))
        expect(not self.failed, self.failed)

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()
        expect(not self.failed, self.failed)


# ---- the steps of docs/migration.md ------------------------------------------------------------


def to_parkmesh(central, secret):
    """Stop the one, start the other on the same files."""
    central.stop()
    before = file_hash(central.config_file)
    central.replace()
    central.start(VIETNAM, env={"PARKMESH_MESH_SECRET": secret})
    expect_equal(file_hash(central.config_file), before, "the configuration is left alone")
    expect(os.path.exists(central.database + BACKUP), "no copy of the old database")


def wait_every_link(centrals, seconds=60):
    """Until each of ours sees each of all, over whatever link."""
    ours = [central for central in centrals if central.is_ours()]

    def linked():
        return all(central.peers().get(other.name, {}).get("connected")
                   for central in ours for other in centrals if other is not central)
    wait_until(linked, seconds, lambda: "links: %s" % [central.peers() for central in ours])


def one_by_one(stage):
    """Four existing centrals become four of ours, under traffic. Then: equal histories, no visit
    lost, and the old rows everywhere, once each."""
    centrals = python_pair(stage, names=NAMES, start=False)
    for central in centrals:
        write_old_rows(central)
        central.start(VIETNAM)
    wait_both_ways(centrals)
    traffic = Traffic(centrals, seed=5)
    try:
        traffic.more(40)
        for place in (2, 0, 3, 1):
            to_parkmesh(centrals[place], stage.secret)
            wait_every_link(centrals)
            traffic.more(40)
    finally:
        traffic.stop()
    wait_linked(centrals, 60)
    wait_right(centrals, traffic.ledger)
    visits = wait_same(centrals, 60)
    wait_equal_digests(centrals)
    for central in centrals:
        check_old_rows(central)
    expect_equal(len(visits), len(NAMES) * OLD + len(traffic.ledger.cars), "visits")
    print("      %d old visits, %d of the traffic" % (len(NAMES) * OLD, len(traffic.ledger.cars)))


run(one_by_one)
