"""A mesh under load with a random fault every few seconds, for as long as one likes.

usage: soak.py [--minutes M] [--seed S] [--centrals N] [--every SECONDS]

The seed decides which faults come, in which order and for how long; what the processes make of them
is theirs. Each line says what was done to whom and when, so that a finding can be looked into. Every
so often all is healed and must agree within a minute; at the end everything is compared.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import sys
import time
import traceback

import lab
from checker import Ledger, check, heads, wait_agreed
from cluster import FAKETIME, Failure, expect, wait_until
from disk import Disk, SmallDisk
from load import Load

CHECK_EVERY = 12  # faults
AGREED_S = 90
IO_ERROR = 74
YEAR = 365 * 86400


class Soak:
    """The mesh, its load, and what was done to it."""

    def __init__(self, cluster, options):
        self.options = options
        self.chance = random.Random(options.seed)
        self.began = time.monotonic()
        self.counts = {}
        self.waits = []  # seconds until all agreed
        self.ledger = Ledger()
        self.sites = cluster.mesh(*("central-%d" % (i + 1) for i in range(options.centrals)))
        self.disks, self.small = {}, {}
        for site in self.sites:
            self.small[site] = SmallDisk(site.data)
            cluster.closing.callback(self.small[site].unmount)
            self.disks[site] = Disk(os.path.join(site.directory, "disk"))
            site.env = self.disks[site].env
            site.start()
        self.clocks = {site: 0 for site in self.sites}
        self.broken = set()  # whose disk gave an I/O error since it was started
        self.copies = {}

    def say(self, *words):
        print("%7.1f  %s" % (time.monotonic() - self.began, " ".join(str(w) for w in words)),
              flush=True)

    # ---- helpers of the faults -------------------------------------------------------------

    def one(self):
        return self.chance.choice(self.sites)

    def groups(self):
        mixed = self.sites[:]
        self.chance.shuffle(mixed)
        middle = self.chance.randrange(1, len(mixed))
        return mixed[:middle], mixed[middle:]

    def names(self, sites):
        return "+".join(site.name for site in sites)

    def down(self, site):
        """Dead by kill -9, or already by its broken disk; by nothing else."""
        if site.process is None:
            return
        if site.running():
            site.kill9()
            return
        status = site.wait_end()
        expect(status == IO_ERROR and site in self.broken, site.name, "ended with", status)
        self.broken.discard(site)

    def start(self, site):
        if not site.running():
            self.down(site)
            self.disks[site].heal()
            self.small[site].free()
            wrong = self.clocks[site]
            env = dict(self.disks[site].env)
            if wrong:
                env.update({"LD_PRELOAD": env["LD_PRELOAD"] + ":" + FAKETIME,
                            "FAKETIME": "%+ds" % wrong, "DONT_FAKE_MONOTONIC": "1",
                            "NO_FAKE_STAT": "1"})
            site.start(env=env)

    def stand_still(self, low=0.5, high=4.0):
        time.sleep(self.chance.uniform(low, high))

    # ---- the faults: each says what it does, and leaves it to `heal` to undo it ---------------

    def halves(self):
        these, those = self.groups()
        self.say("cut", self.names(these), "from", self.names(those))
        lab.cut(these, those)

    def one_way(self):
        one, other = self.chance.sample(self.sites, 2)
        self.say("lost: what", other.name, "sends to", one.name)
        one.deaf_to(other)

    def chain(self):
        mixed = self.sites[:]
        self.chance.shuffle(mixed)
        self.say("chain", self.names(mixed))
        lab.chain(mixed)

    def lossy(self):
        percent = self.chance.choice((5, 20, 40))
        self.say("loss", percent, "%")
        for site in self.sites:
            site.lose(percent)

    def reset(self):
        one = self.one()
        self.say("reset", one.name)
        one.reset_those_of(*(site for site in self.sites if site is not one))

    def network_heals(self):
        self.say("network heals")
        lab.heal(self.sites)

    def kill(self):
        victims = self.chance.sample(self.sites, self.chance.choice((1, 1, 1, 2, len(self.sites))))
        self.say("kill -9", self.names(victims))
        for site in victims:
            self.down(site)
        for site in victims:
            self.start(site)

    def still(self):
        site = self.one()
        if site.running():
            self.say("SIGSTOP", site.name)
            site.signal(signal.SIGSTOP)
            self.stand_still(1.0, 8.0)
            site.signal(signal.SIGCONT)

    def clock(self):
        site = self.one()
        self.clocks[site] = self.chance.choice((0, 0, 300, -300, 3600, YEAR, -YEAR))
        self.say("kill -9 and a clock that is wrong by", self.clocks[site], "s:", site.name)
        self.down(site)
        self.start(site)

    def full(self):
        site = self.one()
        self.say("disk full", site.name)
        self.small[site].fill(self.chance.choice((0, 0, 100000)))
        self.stand_still(1.0, 6.0)
        self.small[site].free()

    def slow_disk(self):
        site = self.one()
        delay = self.chance.choice((0.02, 0.1, 0.5))
        self.say("disk slow by", delay, "s a sync:", site.name)
        self.disks[site].slow(delay)

    def broken_disk(self):
        site = self.one()
        what = self.chance.choice(("sync", "write", "read"))
        self.say("I/O error at", what + ":", site.name)
        self.broken.add(site)
        self.disks[site].break_down(what, spare=self.chance.randrange(20))
        self.stand_still(0.5, 3.0)
        self.disks[site].heal()

    def _held_elsewhere(self, site):
        """Whether all that it answered is at another central too, so that losing its disk loses
        nothing that anybody could have kept. Certain while it is down."""
        mine = heads(site)
        others = [heads(other) for other in self.sites if other is not site and other.running()]
        return any(all(theirs.get(stream, 0) >= seq for stream, seq in mine.items())
                   for theirs in others)

    def back_in_time(self):
        """An old copy or an empty disk in place of what it has."""
        site = self.one()
        self.heal()
        site.nft("add rule inet fault in tcp dport 8000 drop\n")  # its gates are closed for now
        while True:  # what was under way is committed late, and is at another central or not
            wait_until(lambda: self._held_elsewhere(site), 60, "its events are at another central")
            self.down(site)
            if self._held_elsewhere(site):
                break
            self.start(site)
        site.nft("flush ruleset\n" + lab.RULES)
        copy = self.copies.get(site)
        self.say("back in time:", site.name, "as it was at %.1f" % copy[0] if copy else "emptied")
        for name in os.listdir(site.data):
            os.unlink(os.path.join(site.data, name))
        if copy:
            for name in os.listdir(copy[1]):
                shutil.copy(os.path.join(copy[1], name), site.data)
        self.start(site)
        self.copies.pop(site, None)

    def keep_copy(self):
        site = self.one()
        self.down(site)
        self.say("kill -9 and a copy of the data:", site.name)
        copy = os.path.join(site.directory, "copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(site.data, copy)
        self.copies[site] = (time.monotonic() - self.began, copy)
        self.start(site)

    # ---- the run ---------------------------------------------------------------------------

    def heal(self):
        lab.heal(self.sites)
        for site in self.sites:
            self.disks[site].heal()
            self.small[site].free()
            self.start(site)

    def look(self, load):
        """Everything heals; with the load going on, what was answered until now gets everywhere."""
        self.heal()
        expect(all(gate.is_alive() for gate in load.gates), "every gate still works")
        with self.ledger.lock:
            wanted = {}
            for node, epoch, seq in self.ledger.positions:
                wanted[node, epoch] = max(seq, wanted.get((node, epoch), 0))

        def lacking(site):
            held = heads(site)
            return [(stream, held.get(stream, 0), seq) for stream, seq in wanted.items()
                    if held.get(stream, 0) < seq]
        began = time.monotonic()
        wait_until(lambda: not any(lacking(site) for site in self.sites), AGREED_S,
                   lambda: "lacking: %s" % {s.name: lacking(s)[:3] for s in self.sites})
        self.waits.append(time.monotonic() - began)
        self.say("all", self.ledger.answered(), "answered events at all after %.1f s" %
                 self.waits[-1])

    def run(self):
        faults = [self.halves, self.one_way, self.chain, self.lossy, self.reset, self.network_heals,
                  self.network_heals, self.kill, self.still, self.clock, self.full, self.slow_disk,
                  self.broken_disk, self.keep_copy, self.back_in_time]
        ends = self.began + self.options.minutes * 60
        with Load(self.sites, self.ledger, seed=self.options.seed, gates=2, pause=0.1) as load:
            number = 0
            while time.monotonic() < ends:
                fault = self.chance.choice(faults)
                fault()
                self.counts[fault.__name__] = self.counts.get(fault.__name__, 0) + 1
                for site in self.sites:
                    self.start(site)
                number += 1
                if number % CHECK_EVERY == 0:
                    self.look(load)
                time.sleep(self.chance.uniform(0.5, 1.5) * self.options.every)
            self.look(load)
            load.stop()
        statuses = load.statuses()
        expect(set(statuses) <= {200, 503, 507, None}, "statuses", statuses)
        began = time.monotonic()
        wait_agreed(self.sites, self.ledger, AGREED_S)
        self.waits.append(time.monotonic() - began)
        self.heal()
        check(self.sites, self.ledger)
        self.say("faults:", number, dict(sorted(self.counts.items())))
        self.say("requests by status:", {str(k): v for k, v in statuses.items()})
        self.say("answered events:", self.ledger.answered(), "visits:", len(self.ledger.visits),
                 "exits:", len(self.ledger.left), "streams:", len(heads(self.sites[0])))
        self.say("until all agreed: longest %.1f s of %d" % (max(self.waits), len(self.waits)))
        self.say("largest process: %d MiB" % (
            resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024))


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--centrals", type=int, default=5)
    parser.add_argument("--every", type=float, default=3.0, help="seconds between two faults")
    options = parser.parse_args(arguments)
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
        sys.argv += ["--seed", str(options.seed)]  # the same inside the namespaces
    lab.enter()
    print("soak: seed %d, %g minutes, %d centrals" % (options.seed, options.minutes,
                                                      options.centrals), flush=True)
    cluster = lab.Lab("soak")
    failed = True
    try:
        Soak(cluster, options).run()
        cluster.finish()
        failed = False
        print("ok    soak", flush=True)
    except Failure as failure:
        print("FAIL  soak, seed %d: %s" % (options.seed, failure), flush=True)
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc(file=sys.stdout)
        print("FAIL  soak, seed %d" % options.seed, flush=True)
    finally:
        cluster.destroy(failed)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
