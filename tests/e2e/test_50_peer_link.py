"""Centrals of ours and of the existing system in one mesh: what crosses, who was away, and what an
existing central cannot be told."""

from cluster import expect, expect_equal, now, parallel, plate, run, wait_equal_digests, \
    wait_linked, wait_same, wait_until
from crossing import Ledger, counted, crossing, wait_inside, wait_right
from python_stand import PORTS, must, python_central

VIETNAM = "Asia/Ho_Chi_Minh"


def mixed(stage, ours, theirs, zone=VIETNAM, **config):
    """Centrals of both kinds, each a peer of each, running and linked."""
    mine = [stage.new(name, PORTS) for name in ours]
    others = [python_central(stage, name) for name in theirs]
    everybody = mine + others
    for central in mine:
        stage.connect(central, [peer for peer in everybody if peer is not central], **config)
    for central in others:
        central.write_config([peer.address() for peer in everybody if peer is not central])
    for central in everybody:
        central.start(zone)
    wait_mixed(mine, others)
    return mine, others


def wait_mixed(ours, theirs, seconds=60):
    """Until each sees each, over whatever link."""
    wait_linked(ours, seconds)

    def linked():
        return all(central.peers().get(other.name, {}).get("connected")
                   for central in ours for other in theirs)
    wait_until(linked, seconds, lambda: "links: %s" % [central.peers() for central in ours])


def wait_whole(doubles, ours, seconds=120):
    """Until they hold every visit that ours show, as it is there; the counts."""
    def missing():
        truth = ours.shown()
        return [(double.name, counts) for double in doubles
                for counts in [counted(double, truth)] if counts != {"whole": len(truth),
                                                                     "of its own": 0}]
    wait_until(lambda: not missing(), seconds, lambda: str(missing()))
    for double in doubles:
        print("      %s: %s" % (double.name, dict(counted(double, ours.shown()))), flush=True)


def thousand_visits_and_outages(stage):
    """1,000 visits that enter at one and leave at another of four; then one of ours is away, then
    one of theirs while 6,000 events happen. Both of ours are right and equal, and both of theirs
    end with every visit."""
    ours, theirs = mixed(stage, ("central-1", "central-2"), ("central-3", "central-4"))
    ledger, everybody = Ledger(), ours + theirs
    for number in range(5):
        crossing(ledger, everybody, 200, ago=3600 if number % 2 else None)
    wait_right(ours, ledger)
    wait_whole(theirs, ours[0])

    ours[1].stop()
    crossing(ledger, [ours[0], *theirs], 60)
    ours[1].start(VIETNAM)
    wait_right(ours, ledger)

    away = theirs[1]
    away.stop()
    crossing(ledger, [*ours, theirs[0]], 3000)
    away.start(VIETNAM)
    wait_mixed(ours, theirs)
    wait_whole(theirs, ours[0])
    crossing(ledger, everybody, 24)

    wait_right(ours, ledger)
    visits = wait_same(ours)
    wait_equal_digests(ours)
    expect_equal(len(visits), 4084, "visits")
    wait_whole(theirs, ours[0])


def cars_that_return(stage):
    """One plate again and again, at other gates: an exit closes its own visit, although an existing
    central gives it a name that nobody knows."""
    ours, theirs = mixed(stage, ("central-1", "central-2"), ("central-3", "central-4"))
    ledger, everybody = Ledger(), ours + theirs
    cars = [ledger.new() for _ in range(24)]
    for turn in range(4):
        def enter(item):
            return ledger.enter(everybody[item[0] % 4], again(item[1]))
        def leave(item):
            return ledger.leave(everybody[(item[0] + turn) % 4], item[1])
        stays = parallel(enter, list(enumerate(cars)))
        wait_inside(everybody, stays)
        parallel(leave, list(enumerate(stays)))
        wait_right(ours, ledger)
        wait_until(lambda: not any(inside_anywhere(central) for central in theirs), 60, "all left")
    expect_equal(len(wait_same(ours)), 96, "visits")
    wait_whole(theirs, ours[0])


def again(car):
    """The same plate, another stay."""
    copy = Ledger().new()
    copy.plate = car.plate
    return copy


def inside_anywhere(central):
    return central.rows("SELECT plate_id FROM history WHERE status = 'IN'")


def killed_after_the_answer(stage):
    """R-31: what was answered reaches the existing central, however soon ours was killed."""
    (ours,), (theirs,) = mixed(stage, ("central-1",), ("central-2",))
    ledger = Ledger()
    cars = []
    for _ in range(4):
        theirs.stop()
        cars += parallel(lambda _: ledger.enter(ours), range(10))
        ours.kill9()
        theirs.start(VIETNAM)
        ours.start(VIETNAM)
        wait_inside([theirs], cars)
        parallel(lambda car: ledger.leave(ours, car), cars)
        ours.kill9()
        ours.start(VIETNAM)
        cars = []
        wait_whole([theirs], ours)
    wait_right([ours], ledger)


def closed_while_away(stage):
    """R-02, R-03 towards an existing central: it was away while a car that it knew left, and
    another came and went."""
    (ours,), (theirs,) = mixed(stage, ("central-1",), ("central-2",))
    ledger = Ledger()
    known = ledger.enter(ours)
    wait_inside([theirs], [known])
    theirs.stop()
    ledger.leave(ours, known)
    ledger.leave(ours, ledger.enter(ours, ago=7200))
    theirs.start(VIETNAM)
    wait_whole([theirs], ours)


def what_they_cannot_be_told(stage):
    """Corrections and deletions name row numbers there, so they are not sent: the row at the existing
    central stays as it was, and everything else goes on."""
    (ours,), (theirs,) = mixed(stage, ("central-1",), ("central-2",))
    ledger = Ledger()
    cars = parallel(lambda _: ledger.enter(ours), range(12))
    wait_inside([theirs], cars)
    for number, car in enumerate(cars[:8]):
        row = ours.get("/api/parking/history?search=" + car.plate).json["history"][0]
        path = "/api/parking/history/%d" % row["id"]
        if number < 5:
            other = plate(900 + number)
            expect_equal(ours.put(path, {"plate_id": other, "plate_view": other}).status, 200,
                         "edit")
        else:
            expect_equal(ours.delete(path).status, 200, "delete")
    after = ledger.enter(ours)
    wait_inside([theirs], [after])
    expect_equal(dict(counted(theirs, ours.shown())),
                 {"whole": 5, "another plate": 5, "of its own": 3}, "at the existing central")
    changes = theirs.rows("SELECT count(*) FROM history_changes")
    expect_equal(changes, [(0,)], "rows that somebody changed there")


def both_ends_of_one_plate(stage):
    """Two entries of one plate: ours keeps both and shows which one counts, an existing central keeps
    its own (R-09). The exit closes it everywhere."""
    (ours,), (theirs,) = mixed(stage, ("central-1",), ("central-2",))
    car = plate(1)
    ours.post("/api/p2p/stop")
    wait_until(lambda: not ours.peers()["central-2"]["connected"], 20, ours.peers)
    first = must(theirs.entry(car))["event_id"]
    second = must(ours.entry(car, ts=now() + 30))["event_id"]
    ours.post("/api/p2p/start")
    wait_until(lambda: len(ours.visits()) == 2, 30, ours.visits)
    expect_equal({visit: row[5] for visit, row in ours.visits().items()},
                 {first: "IN", second: "SUPERSEDED"}, "at ours")
    left = must(ours.exit(car, ts=now() + 60))
    expect_equal(left["event_id"], first, "what left")
    wait_until(lambda: theirs.held()[first][0][4] == "OUT", 30, theirs.held)
    expect(second not in theirs.held(), "the loser at the existing central", theirs.held())


run(thousand_visits_and_outages, cars_that_return, killed_after_the_answer, closed_while_away,
    what_they_cannot_be_told, both_ends_of_one_plate)
