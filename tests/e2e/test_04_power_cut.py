"""kill -9 in the middle of 16 entry streams: what was answered 200 is there, and gets about."""

import os
import random
import threading

from cluster import SLOW, expect, now, plate, run, wait_equal_digests, wait_linked, wait_same, \
    wait_until

ROUNDS = int(os.environ.get("E2E_ROUNDS", "20" if SLOW < 10 else "6"))
STREAMS = 16


class Stream(threading.Thread):
    """One gate that reports cars until its central is gone."""

    def __init__(self, central, first, base):
        super().__init__(daemon=True)
        self.central, self.first, self.base = central, first, base
        self.answered, self.refused = [], []

    def run(self):
        for i in range(100000):
            name = "edge-%d_%d_%s" % (self.first, i, plate(self.first + i))
            try:
                answer = self.central.entry(plate(self.first + i), name, ts=self.base)
            except OSError:
                return
            if answer.status == 200 and answer.json["success"]:
                self.answered.append(name)
            else:
                self.refused.append(answer)


def d_06_killed_under_load(cluster):
    """An event and its visit are one commit: whatever was answered is there after kill -9."""
    a, b, c = centrals = cluster.mesh("central-1", "central-2", "central-3")
    for central in centrals:
        central.start()
    wait_linked(centrals)
    base = now() - 3600
    chance = random.Random(4)
    answered = set()
    for number in range(ROUNDS):
        streams = [Stream(a, (number * STREAMS + i) * 10000, base) for i in range(STREAMS)]
        for stream in streams:
            stream.start()
        enough = chance.randrange(50, 400)
        wait_until(lambda s=streams, e=enough: sum(len(one.answered) for one in s) >= e, 20,
                   "%d answers" % enough)
        a.kill9()
        for stream in streams:
            stream.join()
            expect(not stream.refused, "refused", stream.refused[:1])
            answered |= set(stream.answered)
        a.start()
        missing = answered - set(a.visits())
        expect(not missing, "round", number, "lost", len(missing), sorted(missing)[:3])
    print("      %d entries answered in %d rounds" % (len(answered), ROUNDS), flush=True)
    wait_linked(centrals)
    for central in (b, c):
        wait_until(lambda one=central: answered <= set(one.visits()), 30,
                   lambda one=central: "%s lacks %d" % (one.name,
                                                         len(answered - set(one.visits()))))
    wait_same(centrals)
    wait_equal_digests(centrals)


def r_31_exits_survive(cluster):
    """R-31: A dies right after the answer to an exit; the others hear of it all the same."""
    a, b = centrals = cluster.mesh("central-1", "central-2")
    for central in centrals:
        central.start()
    wait_linked(centrals)
    base = now() - 7200
    for number in range(5):
        name = a.entry(plate(number), ts=base).json["event_id"]
        wait_until(lambda n=name: n in b.visits(), 10, "entry at B")
        expect(a.exit(plate(number)).json["success"], "exit")
        a.kill9()
        a.start()
        wait_until(lambda n=name: b.visits()[n][5] == "OUT", 20, "exit at B")


run(d_06_killed_under_load, r_31_exits_survive)
