"""The example clients of the bus as processes, and a storm in which they and their central die."""

import contextlib
import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time

from cluster import (ROOT, Failure, Skip, expect, expect_equal, free_port, plate, program,
                     wait_linked, wait_until)
from test_24_feed import follow, where

EXAMPLES = os.path.join(ROOT, "docs", "examples")
LANGUAGES = ("python", "node", "c")
LINE = re.compile(rb'^([0-9a-f]{16}:\d+) (.*"type"(?:=>|: ?)"(\w+)".*)?\n', re.M)


def command_of(language, directory):
    """How an example is started."""
    if language == "python":
        return ["/usr/bin/python3", os.path.join(EXAMPLES, "bus_client.py")]
    if language == "node":
        if not os.path.isdir(os.path.join(EXAMPLES, "node_modules", "zeromq")):
            raise Skip("docs/examples/node_modules is missing: scripts/setup --test")
        return ["node", os.path.join(EXAMPLES, "bus_client.mjs")]
    built = os.path.join(directory, "bus_client")
    if not os.path.exists(built):
        subprocess.run(["cc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-o", built,
                        os.path.join(EXAMPLES, "bus_client.c"), "-lczmq", "-lzmq", "-lmsgpackc"],
                       check=True)
    return [built]


def one_central(cluster, name="central-1", **bus):
    central = cluster.new(name)
    central.bus, central.replay = free_port(central.ip), free_port(central.ip)
    central.write_config(bus={"port": central.bus, "replay_port": central.replay, **bus})
    return central.start()


def environment(central):
    """What `parkmesh bus` prints, as a shell takes it."""
    status, out, err = program("bus", "--config", central.config_file)
    expect_equal(status, 0, err)
    return {name: value.strip("'") for name, value in
            (line.split("=", 1) for line in out.splitlines())}


class Client:
    """An example that follows a topic into a file of its own."""

    def __init__(self, central, language, topic="v1.", cursor=None, **changes):
        self.name = "%s-%s" % (language, topic.rsplit(".", 1)[-1] or "all")
        self.base = os.path.join(central.directory, self.name)
        self.command = command_of(language, os.path.dirname(central.directory)) + [
            topic, self.base + ".kept"] + ([cursor] if cursor else [])
        self.environment = {**os.environ, **environment(central), **changes}
        self.process = None
        self.start()

    def start(self):
        with open(self.base + ".err", "ab") as err:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=err,
                                            stderr=err)
        return self

    def kill9(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def size(self):
        with contextlib.suppress(OSError):
            return os.path.getsize(self.base + ".kept")
        return 0

    def kept(self):
        """(cursor, type) of each message that it kept, in order; no type: a place to go on from."""
        with contextlib.suppress(OSError):
            with open(self.base + ".kept", "rb") as file:
                return [(match[1].decode(), (match[3] or b"").decode())
                        for match in LINE.finditer(file.read())]
        return []

    def messages(self, kind):
        return [cursor for cursor, found in self.kept() if found == kind]

    def bodies(self):
        """The messages themselves; not of the one in C, which keeps another notation."""
        with open(self.base + ".kept", encoding="utf-8") as file:
            return [json.loads(text) for text in
                    (line.split(" ", 1)[1] for line in file.read().split("\n")[:-1])
                    if text.strip()]

    def said(self):
        with open(self.base + ".err", encoding="utf-8", errors="replace") as file:
            return file.read()


def hold_exactly_once(client, wanted, seconds):
    """Each event of `wanted` (cursors, in order) is in the client's file, once; nothing is twice."""
    last = wanted[-1]
    wait_until(lambda: last in client.messages("event"), seconds, lambda: "%s has %d of %d: %s" % (
        client.name, len(client.messages("event")), len(wanted), client.said()[-500:]))
    told = [cursor for cursor, kind in client.kept() if kind]
    expect_equal(len(told), len(set(told)), "%s: messages doubled by cursor" % client.name)
    asked = set(wanted)
    kept = [cursor for cursor in told if cursor in asked]
    wrong = next((pair for pair in zip(kept, wanted) if pair[0] != pair[1]), None)
    expect(kept == wanted, "%s: events lost or out of order: %d of %d, the first (kept, wanted): %s"
           % (client.name, len(kept), len(wanted), wrong))


class Storm:
    """Events flow in while clients and central are killed, and the database restored once."""

    def __init__(self, cluster, events, seed):
        self.cluster, self.events = cluster, events
        self.random = random.Random(seed)
        self.peer = cluster.new("central-2")
        self.central = cluster.new("central-1")
        central = self.central
        central.bus, central.replay = free_port(central.ip), free_port(central.ip)
        bus = {"port": central.bus, "replay_port": central.replay}
        cluster.connect(central, [self.peer], bus=bus)
        cluster.connect(self.peer, [central])
        for each in (central, self.peer):
            each.start()
        wait_linked([central, self.peer], 60)
        self.sent, self.stopping = 0, False
        self.start = where(central)["beginning"]
        self.clients = [Client(central, language, cursor=self.start) for language in LANGUAGES]

    def _items(self, first, count):
        return json.dumps([{"kind": "VEHICLE_EXIT" if n % 2 else "VEHICLE_ENTRY_PENDING",
                            "plate": plate(n // 2), "event_id": "storm-%d" % (n // 2),
                            "key": "storm-%d" % n} for n in range(first, first + count)]).encode()

    def _send(self, size):
        while self.sent < self.events and not self.stopping:
            count = min(size, self.events - self.sent)
            body = self._items(self.sent, count)
            with contextlib.suppress(OSError, ValueError, KeyError):
                answer = self.central.request("POST", "/api/v1/events", body, {
                    "Content-Type": "application/json"})
                if answer.status == 200 and all(a["status"] == 200 for a in answer.json):
                    self.sent += count
                    continue
            time.sleep(0.05)  # it is away; the keys make a repetition harmless

    def _back_up(self):
        source = sqlite3.connect("file:%s?mode=ro" % self.central.database, uri=True)
        target = sqlite3.connect(self.central.directory + "/backup.db")
        with contextlib.closing(source), contextlib.closing(target):
            source.backup(target)

    def _restore(self):
        for end in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.central.database + end)
        shutil.copy(self.central.directory + "/backup.db", self.central.database)

    def _wait_ahead(self):
        """Until every client has kept events that the copy does not have."""
        copy = sqlite3.connect(self.central.directory + "/backup.db")
        with contextlib.closing(copy):
            count = copy.execute("SELECT count(*) FROM event").fetchone()[0]
        for client in self.clients:
            wait_until(lambda: len(client.messages("event")) > count, 60, client.said)  # pylint: disable=W0640

    def run(self, client_kills, central_kills, batch=100):
        """Kills spread evenly over the events: the backup is made after a third of the central's
        kills and restored after two thirds."""
        sender = threading.Thread(target=self._send, args=(batch,))
        deaths = ["client"] * client_kills + ["central"] * central_kills
        self.random.shuffle(deaths)
        central_deaths = 0
        sender.start()
        try:
            for number, death in enumerate(deaths):
                due = (number + 1) * self.events // (len(deaths) + 1)
                wait_until(lambda: self.sent >= due, 600, lambda: "sent %d" % self.sent)
                if death == "client":
                    client = self.random.choice(self.clients)
                    client.kill9()
                    client.start()
                    continue
                central_deaths += 1
                if central_deaths == max(1, central_kills // 3):
                    self._back_up()
                is_restored = central_deaths == max(2, central_kills * 2 // 3)
                if is_restored:
                    self._wait_ahead()
                self.central.kill9()
                if is_restored:
                    self._restore()
                self.central.start()
            wait_until(lambda: self.sent >= self.events, 600, lambda: "sent %d" % self.sent)
        finally:
            self.stopping = True
            sender.join()

    def check(self, seconds=60):
        """Holds that nothing was lost or doubled; returns figures."""
        wait_until(lambda: self.peer.heads() == self.central.heads(), seconds,
                   lambda: "heads %s and %s" % (self.central.heads(), self.peer.heads()))
        whole, _ = follow(self.central, self.start, limit=1000)
        wanted = [event["cursor"] for event in whole]
        for client in self.clients:
            hold_exactly_once(client, wanted, seconds)
            expect(client.process.poll() is None, client.name, "ended", client.said()[-500:])
            client.kill9()
        return {"events": len(wanted),
                "kept": {client.name: len(client.kept()) for client in self.clients},
                "unknown": sum("unknown there" in client.said() for client in self.clients)}


__all__ = ["Client", "Failure", "LANGUAGES", "Storm", "environment", "hold_exactly_once",
           "one_central"]
