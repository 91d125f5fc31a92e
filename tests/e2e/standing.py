"""One mesh for all scenarios of a file: a start and a stop cost more than most scenarios.

    with Standing("central-1", "central-2") as stage:
        run(..., stage=stage)

Each scenario gets the same `Standing`: centrals in `mesh.centrals`, and car plates that no other
scenario used from `mesh.plate()`. It leaves centrals as it found them: running, linked and with
their configuration. One that needs another start is for a `Cluster`.
"""

import contextlib
import itertools

from cluster import Cluster, expect, expect_equal, wait_linked, wait_until

PORTS = (9000, 8000)  # those that pages and cameras take for granted


def stop_links(central):
    expect_equal(central.post("/api/p2p/stop").status, 200, "stop of the links")


def start_links(central):
    expect_equal(central.post("/api/p2p/start").status, 200, "start of the links")


@contextlib.contextmanager
def away(central):
    """Its links are down meanwhile."""
    stop_links(central)
    yield
    start_links(central)


def row(central, event_id, seconds=20, **fields):
    """The visit there, as soon as it is there and has these fields."""
    def found():
        rows = central.history(status=fields["status"]) if "status" in fields else \
            central.history()
        one = rows.get(event_id)
        return one and all(one[key] == value for key, value in fields.items()) and one
    return wait_until(found, seconds, lambda: "%s at %s: %s" % (
        fields, central.name, central.visits().get(event_id)))


class Standing:
    def __init__(self, *names, zone="UTC", **config):
        self.names, self.zone, self.config = names, zone, config
        self.cluster = None
        self.centrals = []
        self.numbers = itertools.count(1)

    def __enter__(self):
        self.cluster = Cluster("standing")
        self.cluster.ports = PORTS
        self.centrals = self.cluster.mesh(*self.names, **self.config)
        for central in self.centrals:
            central.start(self.zone)
        wait_linked(self.centrals)
        return self

    def __exit__(self, kind, value, trace):
        failed = kind is not SystemExit or value.code != 0
        try:
            if not failed:
                failed = True
                self.cluster.finish()
                failed = False
        finally:
            self.cluster.destroy(failed)

    def __call__(self, title):
        return self

    def another(self, *, zone="UTC", name="central-9", peers=(), **config):
        """A central for one scenario, which stops it. `peers`: ids of others that are not there."""
        central = self.cluster.new(name)
        self.cluster.connect(central, [self.cluster.new(peer) for peer in peers], **config)
        return central.start(zone)

    def plate(self):
        """A car of its own, as a camera writes it."""
        return "29A%05d" % next(self.numbers)

    def finish(self):
        """At the end of each scenario."""
        for central in self.centrals:
            expect(central.running(), central.name, "does not run any more")

    def destroy(self, failed):
        """The mesh outlives its scenarios."""
