"""Reading a large history over HTTP: pages, plate search, counters; the start; what the indexes cost.

    scripts/bench size [--visits 10000000] [--requests 300] [--burst]

The history is made once (bench_fill) and kept in build/size; a second run uses it again. --burst adds
a load of plates that no other figure was measured with: remove build/size after it.
"""

import argparse
import http.client
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import threading
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HERE = os.path.join(ROOT, "build", "size")
PARKMESH = os.environ["PARKMESH"]
TOOLS = os.environ["PARKMESH_BENCH_DIR"]
DATABASE = os.path.join(HERE, "central.db")
BURST = 32000  # plates; nearly as many as may wait (LIMIT_PLATES_NEW)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Central:
    def __init__(self):
        self.api = free_port()
        with open(os.path.join(HERE, "config.json"), "w", encoding="utf-8") as file:
            json.dump({"this_central": {"id": "central-1", "ip": "127.0.0.1", "api_port": self.api,
                                        "p2p_port": free_port()},
                       "timezone": "Asia/Ho_Chi_Minh", "data_dir": HERE}, file)

    def start(self):
        """Seconds until it takes events."""
        began = time.monotonic()
        self.process = subprocess.Popen(
            [PARKMESH, "run", "--config", os.path.join(HERE, "config.json")],
            stderr=open(os.path.join(HERE, "log"), "ab"))
        while True:
            try:
                self.connect()
                if self.get("/readyz")[0] == 200:
                    return time.monotonic() - began
            except OSError:
                pass
            time.sleep(0.005)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()

    def connect(self):
        self.connection = http.client.HTTPConnection("127.0.0.1", self.api, timeout=600)

    def get(self, path, **query):
        target = path + ("?" + urllib.parse.urlencode(query) if query else "")
        began = time.monotonic()
        self.connection.request("GET", target)
        answer = self.connection.getresponse()
        body = answer.read()
        return answer.status, body, (time.monotonic() - began) * 1000


def warm(path):
    """What the kernel has dropped of the file meanwhile is no matter of ours."""
    with open(path, "rb", buffering=0) as file:
        while file.read(1 << 24):
            pass


def measure(central, what, requests, ask):
    times, rows = [], 0
    warm(DATABASE)
    central.connect()  # the one from before may have been idle for too long
    for _ in range(requests):
        path, query = ask()
        status, body, ms = central.get(path, **query)
        assert status == 200, (path, query, status, body[:200])
        times.append(ms)
        rows += json.loads(body).get("count", 0)
    times.sort()
    print(json.dumps({"what": what, "requests": requests, "rows_each": round(rows / requests, 1),
                      "p50_ms": round(statistics.median(times), 2),
                      "p99_ms": round(times[int(len(times) * 0.99)], 2),
                      "max_ms": round(times[-1], 2)}), flush=True)


def sample(central, count):
    """Plates of visits from all over the history."""
    plates, chance = [], random.Random(1)
    for _ in range(count):
        at = time.time() - chance.random() * 3 * 365 * 86400
        text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        visits = json.loads(central.get("/api/v1/visits", to=text, limit=1)[1])["visits"]
        plates += [v["plate_id"] for v in visits]
    return plates


def pages(central):
    state = {"cursor": None}

    def ask():
        query = {"limit": 50, **({"cursor": state["cursor"]} if state["cursor"] else {})}
        state["cursor"] = json.loads(central.get("/api/v1/visits", **query)[1])["next"]
        return "/api/v1/visits", {"limit": 50, "cursor": state["cursor"]}
    return ask


def questions(central, requests):
    chance = random.Random(2)
    plates = sample(central, 200)
    day = 86400 * 1000

    def part(plate, length):
        at = chance.randrange(len(plate) - length + 1)
        return plate[at:at + length]

    def v1(**query):
        return "/api/v1/visits", dict(query, limit=50)

    measure(central, "page by cursor", requests, pages(central))
    measure(central, "page before a random time", requests, lambda: v1(to=time.strftime(
        "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - chance.random() * 1000 * day / 1000))))
    measure(central, "plate, whole", requests, lambda: v1(plate=chance.choice(plates)))
    measure(central, "plate, first four characters", requests,
            lambda: v1(plate_prefix=chance.choice(plates)[:4]))
    for length in (3, 4, 5):
        measure(central, "plate, any %d characters" % length, requests,
                lambda length=length: v1(plate_part=part(chance.choice(plates), length)))
    measure(central, "plate, any 4 look-alike characters", requests,
            lambda: v1(plate_part=part(chance.choice(plates), 4), lookalike="true"))
    measure(central, "the page's search, any 3 characters", requests,
            lambda: ("/api/parking/history", {"limit": 50, "search": part(chance.choice(plates), 3)}))
    measure(central, "GET /api/stats", requests, lambda: ("/api/stats", {}))
    measure(central, "GET /api/v1/stats, 30 days by day", 20, lambda: ("/api/v1/stats", {
        "from": time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() - 30 * 86400))}))
    measure(central, "offset=100000 on the old path", 5,
            lambda: ("/api/parking/history", {"limit": 50, "offset": 100000}))


class Trickle:
    """A car every 50 ms: while somebody asks, new plates go on waiting for their index."""

    def __init__(self, api):
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(api,))

    def run(self, api):
        link, number = http.client.HTTPConnection("127.0.0.1", api, timeout=60), 0
        while not self.over.wait(0.05):
            number += 1
            link.request("POST", "/api/edge/event", json.dumps(
                {"type": "ENTRY", "camera_id": 9, "data": {"plate_text": "99T%06d" % number}}),
                {"Content-Type": "application/json"})
            link.getresponse().read()

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def busy(central, requests):
    """A burst of new plates, and the searches that come while they wait for their index."""
    burst = subprocess.run([os.path.join(TOOLS, "bench_load"), "events", "127.0.0.1", str(central.api),
                            "64", "600", str(2 * BURST)], check=True, capture_output=True, text=True)
    print(json.dumps({"what": "intake at this size, 64 connections, %d new plates" % BURST,
                      **json.loads(burst.stdout)}), flush=True)
    central.connect()  # likewise
    plates, chance = sample(central, 200), random.Random(3)
    with Trickle(central.api):
        measure(central, "plate, any 3 characters, with these waiting", requests, lambda: (
            "/api/v1/visits", {"limit": 50, "plate_part": chance.choice(plates)[2:5]}))


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--visits", type=int, default=10_000_000)
    options.add_argument("--requests", type=int, default=300)
    options.add_argument("--burst", action="store_true")
    options = options.parse_args()
    os.makedirs(HERE, exist_ok=True)
    subprocess.run([os.path.join(TOOLS, "bench_fill"), DATABASE, str(options.visits)], check=True)
    print(json.dumps({"what": "file", "bytes": os.path.getsize(DATABASE)}))
    warm(DATABASE)
    central = Central()
    starts = []
    for _ in range(3):
        starts.append(round(central.start(), 2))
        central.stop()
    print(json.dumps({"what": "start after a clean stop, three times", "seconds": starts}), flush=True)
    central.start()
    try:
        questions(central, options.requests)
        if options.burst:
            busy(central, options.requests)
    finally:
        central.stop()


main()
