"""Real centrals for the end-to-end tests: processes, their files, and those who talk to them.

A test file lists its scenarios and ends in `run(...)`. Each scenario gets a `Cluster`: a temporary
directory, addresses of its own in 127.0.0.0/8 and free ports, so that files run side by side.
Centrals are the program named by $PARKMESH. When a scenario fails, the logs are printed and the
directory is kept.
"""

import contextlib
import ctypes
import errno
import hashlib
import itertools
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from zoneinfo import ZoneInfo

from http_client import Http

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PARKMESH = os.environ.get("PARKMESH") or os.path.join(ROOT, "build", "parkmesh")
FAKETIME = "/usr/lib/%s-linux-gnu/faketime/libfaketimeMT.so.1" % os.uname().machine
FINDINGS = re.compile(r"(ERROR|WARNING): \w+Sanitizer|runtime error:|Assertion .* failed")
PR_SET_PDEATHSIG = 1


def _slowness():
    """How much longer an instrumented program may take."""
    with open(PARKMESH, "rb") as file:
        program = file.read()
    if b"__tsan_init" in program:
        return 10.0
    if b"__asan_init" in program:
        return 6.0
    return 2.0 if b"__ubsan_handle" in program else 1.0


SLOW = float(os.environ.get("E2E_SLOW") or _slowness())
SANITIZED = _slowness() > 1


class Failure(Exception):
    """What was expected did not happen."""


class Skip(Exception):
    """This machine lacks something the scenario needs."""


def expect(condition, *what):
    if not condition:
        raise Failure(" ".join(str(part) for part in what))


def expect_equal(got, wanted, what):
    expect(got == wanted, "%s: got %r, wanted %r" % (what, got, wanted))


def wait_until(predicate, seconds, what):
    """Polls until the predicate holds and returns its value. `what` may be a function that tells
    the state of things when it never did."""
    deadline = time.monotonic() + seconds * SLOW
    pause = 0.01
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise Failure("not within %g s: %s" % (seconds * SLOW, text))
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)


def now():
    return int(time.time())


def plate(number):
    return "%02dA%05d" % (30 + number // 100000, number % 100000)


def fee(seconds, free=1800, per_hour=25000):
    """The tariff, in whole seconds."""
    return 0 if seconds <= free else -(-(seconds - free) // 3600) * per_hour


def camera_event(kind, plate_text, event_id=None, ts=None, camera=1, data=None, **more):
    """What an edge posts. `ts` in seconds since 1970, None = none sent."""
    body = {"type": kind, "camera_id": camera, "camera_name": "Cổng %s" % camera,
            "camera_type": "EXIT" if kind == "EXIT" else "ENTRY",
            "data": {"plate_text": plate_text, "confidence": 0.92, "source": "auto"}}
    body["data"].update(data or {})
    if ts is not None:
        body["timestamp"] = ts
    if event_id is not None:
        body["event_id"] = event_id
    body.update(more)
    return body


def parallel(function, items, threads=16):
    """function(item) for all, on so many threads; the results in order."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def _ports():
    """Ports that the kernel gives to nobody who calls from here, each once a round. Every process
    begins at a place of its own, so that files side by side do not meet."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as file:
        low, high = map(int, file.read().split())
    ports = [port for port in range(10000, 65536) if not low <= port <= high]
    start = os.getpid() * 131 % len(ports)
    return itertools.cycle(ports[start:] + ports[:start])


_port_numbers = _ports()


def free_port(ip):
    """A port of `ip` where nobody listens, never one twice. All that listens in a test takes its
    port from here. It is not one that the kernel chooses: such a port may be the near end of
    somebody's connection, or another listener's, by the time its owner binds it. Nor does anybody
    hold it at another address, for some centrals listen at all of them."""
    for port in _port_numbers:
        try:
            for address in (ip, ""):
                with socket.socket() as probe:
                    probe.bind((address, port))
            return port
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise AssertionError("the ports never end")


def _die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def program(*arguments, env=None, timeout=30, **options):
    """Runs the program to its end: (exit status, stdout, stderr)."""
    done = subprocess.run([PARKMESH, *arguments], env={**os.environ, **(env or {})},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout * SLOW, check=False, **options)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Central(Http):
    """One central: configuration file, data directory, process."""

    ready_path = "/readyz"

    def __init__(self, directory, name, ip, ports=None):
        self.name, self.ip, self.directory = name, ip, directory
        self.p2p_port, self.api_port = ports or (free_port(ip), free_port(ip))
        self.config_file = os.path.join(directory, "config", "p2p_config.json")
        self.data = os.path.join(directory, "data")
        self.database = os.path.join(self.data, "central.db")
        self.log_file = os.path.join(directory, "log")
        self.program = PARKMESH
        self.process = None
        self.zone = "UTC"
        os.makedirs(os.path.dirname(self.config_file))
        os.makedirs(self.data)
        super().__init__(ip, self.api_port)

    # ---- configuration ---------------------------------------------------------------------

    def address(self):
        return {"id": self.name, "ip": self.ip, "p2p_port": self.p2p_port,
                "api_port": self.api_port}

    def write_config(self, peers=(), secret=None, **more):
        config = {"this_central": self.address(), "peer_centrals": list(peers),
                  "heartbeat_ms": 500}
        if secret:
            config["mesh_secret"] = secret
        config.update(more)
        self.write_config_text(json.dumps(config, indent=2, ensure_ascii=False))
        return config

    def write_config_text(self, text):
        with open(self.config_file, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.config_file, 0o600)

    def read_config(self):
        with open(self.config_file, encoding="utf-8") as file:
            return json.load(file)

    # ---- process ---------------------------------------------------------------------------

    def start(self, zone="UTC", clock=None, env=None, wait=True, preexec=None, arguments=()):
        """`clock`: seconds by which this central's clock is wrong."""
        expect(self.process is None, self.name, "runs already")
        environment = {**os.environ, "TZ": zone, **(env or {})}
        self.zone = zone
        if clock:
            need_faketime()
            environment.update({"LD_PRELOAD": FAKETIME, "FAKETIME": "%+ds" % clock,
                                "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"})

        def before():
            _die_with_parent()
            if preexec:
                preexec()

        with open(self.log_file, "ab") as log:
            log.write(b"---- start ----\n")
            log.flush()
            self.process = subprocess.Popen(
                [self.program, "run", "--config", self.config_file, "--data", self.data,
                 *arguments],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=before, cwd=self.directory)
        self.forget_connections()
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=20):
        def ready():
            expect(self.process.poll() is None, self.name, "ended with", self.process.returncode)
            with contextlib.suppress(OSError):
                return self.get(self.ready_path).status == 200
            return False
        wait_until(ready, seconds, "%s ready" % self.name)

    def running(self):
        return self.process is not None and self.process.poll() is None

    def wait_end(self, seconds=5):
        """The exit status of a process that ends by itself."""
        try:
            status = self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise Failure("%s still runs after %g s" % (self.name, seconds * SLOW)) from None
        self.process = None
        self.forget_connections()
        return status

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self, seconds=5):
        self.signal(signal.SIGTERM)
        expect_equal(self.wait_end(seconds), 0, "exit status of %s after SIGTERM" % self.name)

    def kill9(self):
        self.signal(signal.SIGKILL)
        self.process.wait()
        self.process = None
        self.forget_connections()

    def log(self):
        with open(self.log_file, encoding="utf-8", errors="replace") as file:
            return file.read()

    # ---- cameras ---------------------------------------------------------------------------

    def event(self, *arguments, **fields):
        return self.post("/api/edge/event", camera_event(*arguments, **fields))

    def entry(self, plate_text, event_id=None, **fields):
        return self.event("ENTRY", plate_text, event_id, **fields)

    def exit(self, plate_text, event_id=None, **fields):
        fields.setdefault("camera", 2)
        return self.event("EXIT", plate_text, event_id, **fields)

    # ---- what it holds ---------------------------------------------------------------------

    def rows(self, sql, parameters=()):
        """Straight from the database, read-only."""
        database = sqlite3.connect("file:%s?mode=ro" % self.database, uri=True, timeout=10)
        try:
            return database.execute(sql, parameters).fetchall()
        finally:
            database.close()

    def visits(self):
        """Every visit by event_id, as the fold left it."""
        return {row[0]: row[1:] for row in self.rows(
            "SELECT event_id, plate_id, plate_view, entry_ms, exit_ms, fee, status, superseded_by,"
            " source_central, exit_central, hex(digest) FROM history")}

    def history(self, **query):
        """GET /api/parking/history: rows by event_id."""
        query.setdefault("limit", -1)
        text = "&".join("%s=%s" % item for item in query.items())
        answer = self.get("/api/parking/history?" + text)
        expect_equal(answer.status, 200, "status of history")
        rows = answer.json["history"]
        expect_equal(answer.json["count"], len(rows), "count of history")
        return {row["event_id"]: row for row in rows}

    def instant(self, text):
        """Seconds since 1970 of a time as this central writes it."""
        if text is None:
            return None
        local = datetime.strptime(text, "%Y-%m-%d %H:%M:%S")
        return int(local.replace(tzinfo=ZoneInfo(self.zone)).timestamp())

    def shown(self, **query):
        """The history as people see it, comparable between centrals in different zones."""
        return {key: (row["plate_id"], self.instant(row["entry_time"]),
                      self.instant(row["exit_time"]), row["fee"], row["status"])
                for key, row in self.history(**query).items()}

    def twice_inside(self):
        """Plates with more than one open visit: never."""
        return self.rows("SELECT plate_id FROM history WHERE status = 'IN'"
                         " GROUP BY plate_id HAVING count(*) > 1")

    def peers(self):
        """Configured and pending ones by id; none while the central is rebuilding its listeners."""
        status = self.get("/api/p2p/status").json
        return {peer["peer_id"]: peer for peer in status.get("pending", []) + status.get("peers", [])}

    def heads(self):
        """The streams of its log as far as they go."""
        return self.rows("SELECT node, epoch, head, chain FROM stream WHERE head > 0"
                         " ORDER BY node, epoch")

    def event_count(self):
        return self.rows("SELECT count(*) FROM event")[0][0]


def need_faketime():
    if not os.path.exists(FAKETIME):
        raise Skip("needs libfaketime (apt install faketime)")


class Cluster:
    """The centrals of one scenario."""

    _numbers = itertools.count(1)

    def __init__(self, title):
        self.title = title
        self.directory = tempfile.mkdtemp(prefix="parkmesh-%s-" % title)
        os.chmod(self.directory, 0o755)
        self.centrals = []
        self.ports = None  # (p2p, api) of every new central; None = free ones
        self.closing = contextlib.ExitStack()
        self.secret = program("secret", "new")[1].strip()

    def new(self, name, ports=(), kind=Central):
        """A central that is not configured yet, at these ports; None = free ones."""
        pid = os.getpid()
        ip = "127.%d.%d.%d" % (64 + (pid >> 8) % 128, pid % 256, next(self._numbers) % 250 + 1)
        directory = os.path.join(self.directory, "%d-%s" % (len(self.centrals) + 1, name))
        central = kind(directory, name, ip, self.ports if ports == () else ports)
        self.centrals.append(central)
        return central

    def mesh(self, *names, links=None, **config):
        """Configured centrals, each a peer of each. `links` maps (from, to) to the (ip, port)
        under which `from` is to dial `to`."""
        centrals = [self.new(name) for name in names]
        for central in centrals:
            self.connect(central, [peer for peer in centrals if peer is not central], links,
                         **config)
        return centrals

    def connect(self, central, peers, links=None, **config):
        addresses = []
        for peer in peers:
            address = peer.address()
            if links and (central.name, peer.name) in links:
                address["ip"], address["p2p_port"] = links[central.name, peer.name](peer)
            addresses.append(address)
        central.write_config(addresses, config.pop("secret", self.secret), **config)

    def finish(self):
        """Stops what still runs, politely, and looks for complaints of the sanitizers."""
        for central in self.centrals:
            if central.running():
                central.signal(signal.SIGTERM)
        for central in self.centrals:
            if central.process is not None:
                expect_equal(central.wait_end(), 0, "exit status of %s" % central.name)
            if os.path.exists(central.log_file):
                found = FINDINGS.search(central.log())
                expect(not found, central.name, "reports", found and found.group(0))

    def destroy(self, failed):
        for central in self.centrals:
            if central.running():
                central.kill9()
        self.closing.close()
        if not failed:
            shutil.rmtree(self.directory, ignore_errors=True)
            return
        for central in self.centrals:
            if os.path.exists(central.log_file):
                print("---- log of %s (%s) ----" % (central.name, central.log_file))
                print(central.log()[-int(os.environ.get("E2E_LOG", "6000")):])
        print("kept:", self.directory)


# ---- the mesh as a whole -------------------------------------------------------------------


def wait_linked(centrals, seconds=20):
    """Until each sees each as connected."""
    def linked():
        for central in centrals:
            peers = central.peers()
            for other in centrals:
                if other is not central and not peers.get(other.name, {}).get("connected"):
                    return False
        return True
    wait_until(linked, seconds, lambda: "links: %s" % [c.peers() for c in centrals])


def difference(one, other):
    """What differs, shortened for a message."""
    keys = [key for key in sorted(set(one) | set(other)) if one.get(key) != other.get(key)]
    return "%d differ, e.g. %s" % (len(keys), [(key, one.get(key), other.get(key))
                                               for key in keys[:3]])


def wait_same(centrals, seconds=20):
    """Until all hold and show the same history; returns it. Also holds that no plate is inside
    twice. What they agree on may be of before the last events, and then they differ once more."""
    def same():
        for central in centrals:
            expect_equal(central.twice_inside(), [], "plates twice inside at " + central.name)
        first = centrals[0].visits()
        if any(c.visits() != first for c in centrals[1:]):
            return None
        shown = centrals[0].shown()
        return (first,) if all(c.shown() == shown for c in centrals[1:]) else None
    visits, = wait_until(same, seconds, lambda: "held: %s, shown: %s" % (
        [difference(centrals[0].visits(), c.visits()) for c in centrals[1:]],
        [difference(centrals[0].shown(), c.shown()) for c in centrals[1:]]))
    return visits


def wait_equal_digests(centrals, seconds=10):
    """Until their logs are equal, and each says so of each: what it says may be of before the
    last events."""
    wait_until(lambda: len({tuple(c.heads()) for c in centrals}) == 1, seconds,
               lambda: "heads: %s" % [c.heads() for c in centrals])

    def equal():
        return all(peer["sync"] == "equal" for c in centrals for name, peer in c.peers().items()
                   if name in {other.name for other in centrals})
    wait_until(equal, seconds, lambda: "digests: %s" % [c.peers() for c in centrals])


def file_hash(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


# ---- running -------------------------------------------------------------------------------


def _run_one(scenario, stage):
    """'ok', 'skip' or 'FAIL'."""
    cluster = stage(scenario.__name__)
    failed = True
    started = time.monotonic()
    try:
        scenario(cluster)
        cluster.finish()
        failed = False
        print("ok    %s (%.1f s)" % (scenario.__name__, time.monotonic() - started), flush=True)
        return "ok"
    except Skip as reason:
        failed = False
        print("skip  %s: %s" % (scenario.__name__, reason), flush=True)
        return "skip"
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc(file=sys.stdout)
        print("FAIL  %s (%.1f s)" % (scenario.__name__, time.monotonic() - started), flush=True)
        return "FAIL"
    finally:
        cluster.destroy(failed)


def run(*scenarios, stage=Cluster):
    """All scenarios, or those named on the command line, each on a `stage` of its own. Exits with
    1 when one failed."""
    expect(threading.current_thread() is threading.main_thread(), "centrals die with their thread")
    wanted = set(sys.argv[1:])
    results = [_run_one(scenario, stage) for scenario in scenarios
               if not wanted or scenario.__name__ in wanted]
    sys.exit(1 if not results or "FAIL" in results else 0)
