"""C is away while A and B work; when it comes back it catches up, whatever its zone and clock."""

import os
import threading
import time

from cluster import (SLOW, Failure, expect, expect_equal, fee, now, parallel, plate, run,
                     wait_equal_digests, wait_linked, wait_same, wait_until)

SHARE = float(os.environ.get("E2E_SHARE", "1" if SLOW < 10 else "0.1"))
KNOWN = int(2000 * SHARE)     # visits open when C goes: one event each while it is away
WHOLE = int(4000 * SHARE)     # visits that begin and end while C is away: two events each
AT_ONCE = int(6000 * SHARE)   # entries from many connections, last
CATCH_UP_S = 10


class Watch(threading.Thread):
    """Looks at a central again and again for plates with two open visits."""

    def __init__(self, central):
        super().__init__(daemon=True)
        self.central, self.found, self.stopping = central, [], threading.Event()
        self.looks = 0

    def run(self):
        while not self.stopping.wait(0.05):
            try:
                self.found += self.central.twice_inside()
                self.looks += 1
            except Exception:  # pylint: disable=broad-except
                pass  # not up yet, or down again

    def end(self):
        self.stopping.set()
        self.join()
        expect_equal(self.found, [], "plates twice inside at %s" % self.central.name)


def name_of(number):
    return "edge-1_%d_%s" % (1000000 + number, plate(number))


def enter(central, number, ts):
    answer = central.entry(plate(number), name_of(number), ts=ts)
    expect(answer.status == 200 and answer.json["success"], "entry", number, answer)


def leave(central, number, ts):
    # A central that was restarted a moment ago may not hold the entry yet; the answer then says so.
    answer = central.exit(plate(number), name_of(number) if number % 3 else None, ts=ts)
    expect(answer.status == 200, "exit", number, answer)
    return answer.json["success"]


def work_without(a, b, first, base):
    """10,000 events at A and B, then 6,000 at once; returns the expected visits."""
    pair = (a, b)
    expected = {}

    def close(i):
        leave(pair[i % 2], first + i, base + 4000 + i)

    def whole(i):
        number = first + KNOWN + i
        enter(pair[i % 2], number, base + i)
        leave(pair[i % 2], number, base + i + 3700)

    for i in range(KNOWN):
        expected[name_of(first + i)] = (base * 1000, (base + 4000 + i) * 1000, fee(4000 + i), "OUT")
    for i in range(WHOLE):
        expected[name_of(first + KNOWN + i)] = ((base + i) * 1000, (base + i + 3700) * 1000,
                                                fee(3700), "OUT")
    parallel(close, range(KNOWN), 16)
    parallel(whole, range(WHOLE), 16)
    last = first + KNOWN + WHOLE
    parallel(lambda i: enter(pair[i % 2], last + i, base + 5000), range(AT_ONCE), 48)
    for i in range(AT_ONCE):
        expected[name_of(last + i)] = ((base + 5000) * 1000, None, 0, "IN")
    return expected


def catch_up(centrals, c, start):
    """Restarts C and measures from both links up to equal histories."""
    watch = Watch(c)
    watch.start()
    start()
    wait_linked(centrals)
    began = time.monotonic()
    visits = wait_same(centrals, CATCH_UP_S)
    print("      equal %.1f s after both links were up" % (time.monotonic() - began), flush=True)
    watch.end()
    wait_equal_digests(centrals)
    return visits


def hold_expected(visits, expected):
    wrong = [(key, visits.get(key), value) for key, value in expected.items()
             if key not in visits or visits[key][2:6] != value]
    expect(not wrong, len(wrong), "visits are wrong or lost, e.g.", wrong[:3])
    expect_equal(len(visits), len(expected), "visits")


def away(cluster, zones, clock, leave_by):
    a, b, c = centrals = cluster.mesh("central-1", "central-2", "central-3")

    def start_c():
        c.start(zones[2], clock=clock)

    a.start(zones[0])
    b.start(zones[1])
    start_c()
    wait_linked(centrals)
    base = now() - 20000
    parallel(lambda i: enter(centrals[i % 3], i, base), range(KNOWN), 16)
    wait_same(centrals, 30)

    leave_by(c)
    expected = work_without(a, b, 0, base)
    a.stop()
    a.start(zones[0])
    hold_expected(catch_up(centrals, c, start_c), expected)


def r_07_r_34_r_35_stopped_politely(cluster):
    """Thousands of missed events arrive in bounded chunks, all of them, and gates go on meanwhile."""
    away(cluster, ("UTC", "UTC", "UTC"), None, lambda c: c.stop())


def killed_other_zone_wrong_clock(cluster):
    away(cluster, ("Asia/Ho_Chi_Minh", "UTC", "America/Bogota"), 600, lambda c: c.kill9())


def clock_behind(cluster):
    """C ten minutes behind has cars of its own, and A is killed while C catches up."""
    a, b, c = centrals = cluster.mesh("central-1", "central-2", "central-3")
    for central, clock in ((a, None), (b, None), (c, -600)):
        central.start("Asia/Ho_Chi_Minh", clock=clock)
    wait_linked(centrals)
    count = int(500 * SHARE)
    for central in centrals:
        expect_equal(central.post("/api/p2p/stop").status, 200, "mesh stop")
    parallel(lambda i: expect(centrals[i % 3].entry(plate(i), name_of(i)).status == 200, i),
             range(3 * count), 16)
    for central in centrals:
        expect_equal(central.post("/api/p2p/start").status, 200, "mesh start")
    a.kill9()
    a.start("Asia/Ho_Chi_Minh")
    wait_linked(centrals)
    visits = wait_same(centrals, CATCH_UP_S)
    expect_equal(set(visits), {name_of(i) for i in range(3 * count)}, "visits")
    wait_equal_digests(centrals)
    # A heartbeat must have gone there and back since A is there again.
    offset = wait_until(lambda: a.peers()["central-3"].get("clock_offset_ms"), 20, "C's clock at A")
    if not -605000 < offset < -595000:
        raise Failure("A sees C's clock off by %s ms, it is 600 s behind" % offset)


run(r_07_r_34_r_35_stopped_politely, killed_other_zone_wrong_clock, clock_behind)
