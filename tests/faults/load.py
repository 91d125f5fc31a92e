"""Gates under load: cars that enter here, leave there, and are reported again when no answer came."""

import itertools
import random
import threading
import time

from checker import enter, leave
from cluster import now, plate


class Gate(threading.Thread):
    """One gate of one central. An unanswered or refused event is repeated, as a camera does it."""

    def __init__(self, load, central, number):
        super().__init__(daemon=True)
        self.load, self.central = load, central
        self.chance = random.Random("%d %d" % (load.seed, number))
        self.number = number
        self.statuses = {}

    def _until_answered(self, call):
        """Whether it was answered with 200 in the end."""
        while not self.load.ending.is_set():
            answer = call()
            status = answer.status if answer is not None else None
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status == 200:
                return True
            time.sleep(self.load.pause)
        return False

    def run(self):
        for i in itertools.count():
            if self.load.ending.is_set():
                return
            text = plate(self.number * 100000 + i % 100000)
            name = "%s_%d_%s" % (self.central.name, self.number * 10000000 + i, text)
            when = now() - self.chance.randrange(60, 7200)
            if self._until_answered(lambda t=text, n=name, w=when: enter(
                    self.load.ledger, self.central, t, n, ts=w, camera=self.number)):
                self.load.inside.append((text, name))
            if self.chance.random() < 0.5 and self.load.inside:
                gone = self.load.inside.pop(self.chance.randrange(len(self.load.inside)))
                self._until_answered(lambda g=gone: leave(
                    self.load.ledger, self.central, g[0], g[1], camera=100 + self.number))
            time.sleep(self.chance.random() * 2 * self.load.pause)


class Load:
    """`gates` at each central until `stop`. Cars leave through any gate."""

    def __init__(self, centrals, ledger, seed=1, gates=2, pause=0.05):
        self.ledger, self.seed, self.pause = ledger, seed, pause
        self.ending = threading.Event()
        self.inside = []
        self.gates = [Gate(self, central, 1 + i * gates + j)
                      for i, central in enumerate(centrals) for j in range(gates)]

    def __enter__(self):
        for gate in self.gates:
            gate.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.ending.set()
        for gate in self.gates:
            gate.join()

    def statuses(self):
        """How often each HTTP status was met; None = no answer."""
        total = {}
        for gate in self.gates:
            for status, count in dict(gate.statuses).items():
                total[status] = total.get(status, 0) + count
        return total
