"""Cars that enter at one central and leave at another, in meshes where some centrals are ours and some
are of the existing system, and what has to be found everywhere in the end.

A camera repeats what was not taken; what was answered with 200 and `success` is the truth. The cars
are the test's: what two centrals say of one car is compared with what its cameras were told."""

import collections
import itertools
import threading
import time

from cluster import SLOW, expect, expect_equal, now, parallel, plate, wait_until

PAUSE_S = 0.05  # of a camera before it tries again


class Car:
    """One stay. `fee` is None when the exit was answered without one."""

    def __init__(self, number, visit=None):
        self.plate = plate(number)
        self.visit, self.gate = visit, None
        self.left_at, self.fee, self.left_s = None, None, None


class Ledger:
    """What cameras were told, by event_id."""

    def __init__(self, first=1):
        self.numbers = itertools.count(first)
        self.cars = {}
        self.lock = threading.Lock()

    def new(self):
        with self.lock:
            return Car(next(self.numbers))

    def enter(self, central, car=None, ago=None):
        """`ago`: the camera says that it was so many seconds before now; an existing central does
        not listen to that."""
        car = car or self.new()
        answer = until_taken(central, "ENTRY", car.plate, 1, car.visit,
                             None if ago is None else now() - ago)
        expect(answer.get("event_id"), "entry of %s at %s" % (car.plate, central.name), answer)
        car.visit, car.gate = answer["event_id"], central
        with self.lock:
            self.cars[car.visit] = car
        return car

    def leave(self, central, car):
        answer = until_taken(central, "EXIT", car.plate, 2)
        car.left_at, car.fee = central, answer.get("fee")
        return car


def until_taken(central, kind, plate_id, camera, event_id=None, ts=None, seconds=120):
    """A camera's event, again and again until the central takes it."""
    deadline = time.monotonic() + seconds * SLOW
    while True:
        try:
            answer = central.event(kind, plate_id, event_id, ts=ts, camera=camera)
            if answer.status == 200 and answer.json.get("success"):
                return answer.json
            last = answer
        except OSError as error:
            last = error
        expect(time.monotonic() < deadline, "%s of %s at %s: %s" % (
            kind, plate_id, central.name, last))
        time.sleep(PAUSE_S)


def inside(central):
    """Plates of the cars that are inside there."""
    return {row[0] for row in central.rows("SELECT plate_id FROM history WHERE status = 'IN'")}


def wait_inside(centrals, cars, seconds=60):
    """Until each of them knows that these cars are inside."""
    plates = {car.plate for car in cars}
    for central in centrals:
        wait_until(lambda: plates <= inside(central), seconds, lambda: "%d of %d cars not known at %s" % (
            len(plates - inside(central)), len(plates), central.name))


def crossing(ledger, centrals, count, ago=None, threads=8):
    """`count` visits, as many of each pair of centrals; entries first, so that the exits have to
    cross. Returns the cars."""
    pairs = list(itertools.permutations(centrals, 2))
    chosen = [pairs[number % len(pairs)] for number in range(count)]
    cars = parallel(lambda pair: ledger.enter(pair[0], ago=ago), chosen, threads)
    wait_inside(centrals, cars)
    parallel(lambda item: ledger.leave(item[0][1], item[1]), list(zip(chosen, cars)), threads)
    return cars


# ---- what has to be there in the end -----------------------------------------------------------


def wrong_at_ours(central, ledger):
    """What is not as the cameras were told, as texts."""
    held, wrong = central.visits(), []
    for visit, car in ledger.cars.items():
        row = held.get(visit)
        if row is None:
            wrong.append("%s is missing" % visit)
            continue
        plate_id, _, _, _, fee, status = row[:6]
        if plate_id != car.plate:
            wrong.append("%s has the plate %s" % (visit, plate_id))
        if status != ("OUT" if car.left_at else "IN"):
            wrong.append("%s is %s, left at %s" % (visit, status, car.left_at and
                                                   car.left_at.name))
        elif car.fee is not None and fee != car.fee:
            wrong.append("%s has the fee %s, not %s" % (visit, fee, car.fee))
    return wrong


def wait_right(centrals, ledger, seconds=60):
    """Until each of ours says of every car what its cameras were told."""
    def right():
        return not any(wrong_at_ours(central, ledger) for central in centrals)
    wait_until(right, seconds, lambda: str([(central.name, len(wrong), wrong[:5]) for central in centrals
                                            for wrong in [wrong_at_ours(central, ledger)]]))


def counted(double, truth):
    """How many visits an existing central holds as they are, and what is wrong with the others.
    `truth`: rows of one of ours by event_id, as Central.shown() has them."""
    held, counts = double.held(), collections.Counter()
    for visit, row in truth.items():
        rows = held.get(visit, [])
        counts[verdict(double, rows, row)] += 1
    counts["of its own"] = len([visit for visit in held if visit not in truth])
    return counts


def verdict(double, rows, row):
    if len(rows) != 1:
        return "twice" if rows else "missing"
    plate_id, entry, left, fee, status = rows[0]
    if status != row[4]:
        return "still inside" if status == "IN" else "closed too early"
    if plate_id != row[0]:
        return "another plate"
    if (double.instant(entry), double.instant(left)) != row[1:3]:
        return "other times"
    return "whole" if fee == row[3] else "another fee"
