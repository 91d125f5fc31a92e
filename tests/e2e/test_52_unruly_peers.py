"""Peers that nobody knows, that send too much, too fast or nothing: what they cost is bounded, and
nobody else notices."""

import contextlib
import json
import signal
import struct
import threading
import time

from cluster import SANITIZED, SLOW, expect, expect_equal, now, parallel, plate, run, wait_until
from crossing import Ledger, counted, crossing, wait_inside, wait_right
from python_stand import PORTS, python_central
from websocket import WebSocket

VIETNAM = "Asia/Ho_Chi_Minh"
PATH = "/ws/p2p"
MEMORY_KIB = 400000 if SANITIZED else 100000  # more than this nobody can make it take
LINES = 30  # of the log, whatever a peer does, however often


class Stand:
    """One of ours, a well-behaved existing central, and the address of one that is not."""

    def __init__(self, stage):
        self.ours = stage.new("central-1", PORTS)
        self.good = python_central(stage, "central-2")
        self.ip = stage.new("central-9", PORTS).ip
        unruly = {"id": "central-9", "ip": self.ip, "api_port": PORTS[1], "link": "websocket"}
        stage.connect(self.ours, [self.good])
        config = self.ours.read_config()
        config["peer_centrals"].append(unruly)
        self.ours.write_config_text(json.dumps(config))
        self.good.write_config([self.ours.address()])
        self.ours.start(VIETNAM)
        self.good.start(VIETNAM)
        wait_until(lambda: self.connected("central-2"), 30, lambda: str(self.ours.peers()))
        self.ledger = Ledger(100)
        self.memory, self.lines = self.resident(), self.log_lines()

    def connected(self, name):
        return self.ours.peers().get(name, {}).get("connected")

    def resident(self):
        """KiB."""
        with open("/proc/%d/status" % self.ours.process.pid, encoding="ascii") as file:
            return int([line for line in file if line.startswith("VmRSS")][0].split()[1])

    def log_lines(self):
        return self.ours.log().count("\n")

    def dial(self, source=None, name="central-9"):
        """A link from the peer's address, or another; identified unless `name` is None."""
        link = WebSocket(self.ours.ip, self.ours.api_port, PATH, source=source or self.ip)
        if link.status == 101 and name is not None:
            say(link, {"peer_id": name})
        return link

    def goes_on(self):
        """The gate, and the other peer, as if nothing were."""
        crossing(self.ledger, [self.ours, self.good], 4)
        wait_right([self.ours], self.ledger)
        truth = {visit: row for visit, row in self.ours.shown().items()
                 if visit in self.ledger.cars}
        wait_until(lambda: counted(self.good, truth)["whole"] == len(truth), 60,
                   lambda: str(counted(self.good, truth)))

    def bounded(self, lines=LINES):
        expect(self.resident() - self.memory < MEMORY_KIB, "memory", self.memory, self.resident())
        new = self.log_lines() - self.lines
        expect(new <= lines, "%d new lines in the log:\n%s" % (
            new, "\n".join(self.ours.log().splitlines()[-new:][:60])))


def say(link, message):
    link.send(json.dumps(message).encode())


def entry(number, **changes):
    """A well-formed message, and what is changed in it."""
    message = {"type": "VEHICLE_ENTRY_PENDING", "source_central": "central-9",
               "timestamp": now() * 1000,
               "event_id": "central-9_%d_%s" % (now() * 1000, plate(number)),
               "data": {"plate_id": plate(number), "plate_view": plate(number), "edge_id": 1,
                        "camera_type": "ENTRY", "direction": "ENTRY",
                        "entry_time": "2026-01-05 08:00:00"}}
    message["data"].update(changes.pop("data", {}))
    message.update(changes)
    return message


def closing_code(link, seconds=60):
    """How the other side ended it; None = without a word."""
    deadline = time.monotonic() + seconds * SLOW
    with contextlib.suppress(ConnectionError):
        while True:
            expect(time.monotonic() < deadline, "the link is still open")
            link.socket.settimeout(seconds * SLOW)
            if link.receive() is None:
                break
    return link.close_code


def arrived(stand, number, seconds=60):
    wait_until(lambda: plate(number) in {row[0] for row in stand.ours.visits().values()}, seconds,
               "the entry of %s" % plate(number))


def strangers(stage):
    """No name, a name that nobody knows, an address that is not the peer's: 1008, and no more."""
    stand = Stand(stage)
    elsewhere = stage.new("elsewhere").ip
    for _ in range(10):
        for first in (b"zzz", b"[]", b"{}", b'{"x": 1}', b'{"peer_id": ""}', b'{"peer_id": 7}',
                      b'{"peer_id": "stranger"}', b'{"peer_id": "central-1"}',
                      json.dumps({"peer_id": "x" * 100000}).encode(), b"\xff\xfe",
                      json.dumps(entry(1)).encode()):
            link = stand.dial(name=None)
            link.send(first)
            code = closing_code(link)
            expect(code in (1000, 1003, 1007, 1008, 1009), first[:40], code)
            if first == b'{"x": 1}':
                expect_equal(code, 1008, "no peer_id")
        link = stand.dial(elsewhere)
        expect(link.status == 403 or closing_code(link) == 1008, "from elsewhere", link.status)
    expect_equal(stand.ours.visits(), {}, "visits")
    stand.goes_on()
    stand.bounded()


def too_large(stage):
    """Frames without end are not collected."""
    stand = Stand(stage)
    for _ in range(3):
        link = stand.dial()
        with contextlib.suppress(OSError):
            link.send(json.dumps(entry(1, note="x" * (9 << 20))).encode())
        code = closing_code(link)
        expect(code in (None, 1009), "9 MiB in a frame", code)

        link = stand.dial()  # 2^62 bytes are announced
        with contextlib.suppress(OSError):
            link.socket.sendall(bytes([0x81, 0xFF]) + struct.pack(">Q", 1 << 62) + b"mask" + b"x" * 65536)
        code = closing_code(link)
        expect(code in (None, 1002, 1009), "2^62", code)

        link = stand.dial()  # one message in pieces, for ever
        link.socket.settimeout(60)
        with contextlib.suppress(OSError):
            for number in range(4096):
                link.socket.sendall(bytes([0x01 if number == 0 else 0x00, 0xFE])
                                    + struct.pack(">H", 8192) + b"\0\0\0\0" + b"x" * 8192)
        code = closing_code(link)
        expect(code in (None, 1002, 1003, 1009), "32 MiB in pieces", code)
    stand.goes_on()
    stand.bounded()


def who_never_reads(stage):
    """A peer that takes nothing out of its socket: what waits for it is bounded, and when it
    listens again it hears it all."""
    stand = Stand(stage)
    deaf = stand.dial()
    cars = parallel(lambda _: stand.ledger.enter(stand.ours), range(3000))
    wait_inside([stand.good], cars)
    stand.goes_on()
    stand.bounded()
    deaf.close()
    listening = stand.dial()
    wanted, heard = {car.visit for car in cars}, set()
    listening.socket.settimeout(60)
    while not wanted <= heard:
        message = listening.receive()
        expect(message is not None, "closed with", listening.close_code, len(heard))
        if message["type"] == "SYNC_RESPONSE":
            heard |= {row["event_id"] for row in message["data"]["events"]}
        elif message["event_id"]:
            heard.add(message["event_id"])
    listening.close()


def half_open(stage):
    """R-24: a peer that stands still with its sockets open is found by pings, and hears the rest when
    it goes on."""
    stand = Stand(stage)
    stand.good.signal(signal.SIGSTOP)
    cars = parallel(lambda _: stand.ledger.enter(stand.ours), range(50))
    wait_until(lambda: not stand.connected("central-2"), 90, lambda: str(stand.ours.peers()))
    stand.good.signal(signal.SIGCONT)
    wait_until(lambda: stand.connected("central-2"), 60, lambda: str(stand.ours.peers()))
    wait_inside([stand.good], cars)
    stand.goes_on()
    stand.bounded()


def flood(stage):
    """Messages as fast as they go: the gates come first, and so does another peer."""
    stand = Stand(stage)
    ending = threading.Event()

    def pour(number):
        while not ending.is_set():
            with contextlib.suppress(OSError):
                link = stand.dial()
                link.socket.settimeout(5)
                while not ending.is_set():
                    number += 1
                    say(link, entry(20000 + number % 5000))
    pourers = [threading.Thread(target=pour, args=(2500 * number,)) for number in range(2)]
    for thread in pourers:
        thread.start()
    try:
        arrived(stand, 20001)
        for _ in range(3):
            stand.goes_on()
    finally:
        ending.set()
        for thread in pourers:
            thread.join()
    stand.bounded()
    expect_equal(stand.ours.twice_inside(), [], "plates twice inside")


def crowd(stage):
    """Hundreds of links that say nothing: the places are limited, and pages, gates and the other
    peer have theirs."""
    stand = Stand(stage)
    links = []
    for _ in range(200):
        with contextlib.suppress(OSError):
            links.append(stand.dial(name=None))
    stand.goes_on()
    page = WebSocket(stand.ours.ip, stand.ours.api_port, "/ws/history")
    expect_equal(page.status, 101, "a page")
    for link in links:
        link.close()
    stand.bounded()


run(strangers, too_large, who_never_reads, half_open, flood, crowd)
