"""Measures the bus beside raw ZeroMQ in one run and prints a Markdown table: events a second to 1, 10
and 100 subscribers, commit to subscriber, a subscriber that stops reading, replay.

Environment: PARKMESH, PARKMESH_BENCH_DIR. Arguments: --seconds S per figure (default 8), --visits N in
the database that is replayed (default 500000; each has two messages, an import event and the visit),
--stall S seconds for which a subscriber does not read (default 60), --dir DIR for databases.
"""
import argparse
import http.client
import json
import os
import secrets
import shutil
import subprocess
import tempfile
import threading
import time

import msgpack
import zmq

from stand import BENCH, Central, percentile, tool

PORT, REPLAY_PORT = 9001, 9002
BATCH = 200


class Load(threading.Thread):
    """Posts events, so many a second or as many as go, and notes when each answer came."""

    def __init__(self, central, seconds, rate=None, name="load"):
        super().__init__()
        self.central, self.seconds, self.rate, self.label = central, seconds, rate, name
        self.answered, self.slowest, self.sent = {}, 0, 0

    def run(self):
        link = http.client.HTTPConnection(self.central.ip, 8700)
        start = time.monotonic()
        size = BATCH if self.rate is None else max(1, min(BATCH, self.rate // 20))
        while time.monotonic() < start + self.seconds:
            keys = ["%s-%d" % (self.label, n) for n in range(self.sent, self.sent + size)]
            body = json.dumps([{"kind": "VEHICLE_EXIT" if n % 2 else "VEHICLE_ENTRY_PENDING",
                                "plate": "30A%06d" % (n // 2), "key": key,
                                "event_id": "%s_%d" % (self.label, n // 2)}
                               for n, key in enumerate(keys, self.sent)])
            began = time.monotonic()
            link.request("POST", "/api/v1/events", body, {"Content-Type": "application/json"})
            link.getresponse().read()
            ended = time.monotonic()
            self.slowest = max(self.slowest, ended - began)
            self.answered[keys[-1]] = ended
            self.sent += size
            if self.rate:
                time.sleep(max(0, start + self.sent / self.rate - time.monotonic()))


def where(central):
    return json.loads(central.get("/api/v1/events"))


def live(central, subscribers, seconds):
    """Events a second that each of so many subscribers got."""
    listening = subprocess.Popen(
        [os.path.join(BENCH, "bench_bus"), "live", central.ip, str(PORT), "v1.central-1.VEHICLE",
         str(subscribers), str(seconds + 3)], stdout=subprocess.PIPE, text=True)
    listening.stdout.readline()
    load = Load(central, seconds, name="live%d-%d" % (subscribers, time.time()))
    load.start()
    load.join()
    got = json.loads(listening.communicate()[0].splitlines()[-1])
    return {**got, "sent": load.sent}


def follow(central, until, notes):
    """A subscriber in a thread: notes when each key came, and how often the links showed a gap."""
    with zmq.Context.instance().socket(zmq.SUB) as sub:
        sub.linger = 0
        sub.connect("tcp://%s:%d" % (central.ip, PORT))
        topic = "v1.central-1.VEHICLE"
        sub.subscribe(topic)
        last = None
        while not until.is_set():
            if not sub.poll(100):
                continue
            _, body, *links = sub.recv_multipart()
            came = time.monotonic()
            message = msgpack.unpackb(body)
            notes.setdefault("welcome", came)
            if links:
                before = msgpack.unpackb(links[0])[topic]
                notes["gaps"] = notes.get("gaps", 0) + (last is not None and before > last)
                last = int(message["cursor"].split(":")[1])
                notes.setdefault("came", {})[message.get("key")] = came
                notes["count"] = notes.get("count", 0) + 1


def latency(central, seconds, rate):
    """From the answer (after the commit) to a subscriber, for the last event of each request."""
    until, notes = threading.Event(), {}
    listener = threading.Thread(target=follow, args=(central, until, notes))
    listener.start()
    while "welcome" not in notes:
        time.sleep(0.01)
    load = Load(central, seconds, rate, "latency-%d" % time.time())
    load.start()
    load.join()
    time.sleep(1)
    until.set()
    listener.join()
    waits = [max(0, notes["came"][key] - when) * 1e3 for key, when in load.answered.items()]
    return {"p50_ms": percentile(waits, 0.5), "p99_ms": percentile(waits, 0.99), "sent": load.sent}


def stall(central, seconds, rate):
    """One subscriber stops reading; another, and intake, beside it. Then it fills its gap."""
    until, notes = threading.Event(), {}
    good = threading.Thread(target=follow, args=(central, until, notes))
    good.start()
    slow = zmq.Context.instance().socket(zmq.SUB)
    slow.linger, slow.rcvhwm = 0, 1000
    slow.connect("tcp://%s:%d" % (central.ip, PORT))
    slow.subscribe("v1.central-1.VEHICLE")
    slow.poll(10000)
    start = where(central)["now"]
    quiet = Load(central, 10, rate, "quiet-%d" % time.time())
    quiet.start()
    quiet.join()
    load = Load(central, seconds, rate, "stall-%d" % time.time())
    load.start()
    load.join()
    time.sleep(1)
    until.set()
    good.join()
    live_count = 0
    while slow.poll(200):
        live_count += len(slow.recv_multipart()) == 3
    slow.close()
    filled = replay(central, start, "v1.central-1.VEHICLE")
    return {"sent": quiet.sent + load.sent, "per_s": load.sent / seconds,
            "slowest_before_ms": quiet.slowest * 1e3, "slowest_ms": load.slowest * 1e3,
            "other_got": notes["count"], "other_gaps": notes["gaps"],
            "stalled_got_live": live_count, "filled": filled["messages"]}


def replay(central, after, topic):
    return tool("bench_bus", "replay", central.ip, REPLAY_PORT, after, topic)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--visits", type=int, default=500000)
    parser.add_argument("--stall", type=float, default=60)
    parser.add_argument("--dir")
    options = parser.parse_args()
    base = tempfile.mkdtemp(prefix="parkmesh-bus-", dir=options.dir)
    rows = []
    try:
        central = Central(1, 1, base, secrets.token_hex(20)).start()
        for subscribers in (1, 10, 100):
            raw = tool("bench_bus", "raw-live", subscribers, 1000000 // subscribers, 350)
            got = live(central, subscribers, options.seconds)
            rows.append(("live to %d" % subscribers, "%s events/s each, %s of %s sent" % (
                got["per_s"], got["least"], got["sent"]), "%s /s each" % raw["per_s"]))
            print(rows[-1], flush=True)
        got = latency(central, options.seconds, 500)
        rows.append(("commit to subscriber, 500 /s", "p50 %.2f ms, p99 %.2f ms" % (
            got["p50_ms"], got["p99_ms"]), ""))
        print(rows[-1], flush=True)
        got = stall(central, options.stall, 2000)
        rows.append(("a subscriber that does not read", json.dumps(got), ""))
        print(rows[-1], flush=True)
        central.stop()
        big = os.path.join(base, "big")
        os.makedirs(big)
        tool("bench_fill", os.path.join(big, "central.db"), options.visits)
        central.dir = big
        central.start()
        start = where(central)["beginning"]
        for topic in ("v1.", "v1.central-1.IMPORT", "v1.central-1.VISIT"):
            got = replay(central, start, topic)
            raw = tool("bench_bus", "raw-replay", got["messages"], got["bytes"])
            rows.append(("replay of %s" % topic, "%s messages of %s bytes, %s /s" % (
                got["messages"], got["bytes"], got["per_s"]), "%s /s" % raw["per_s"]))
            print(rows[-1], flush=True)
        central.stop()
    finally:
        for each in Central.started:
            if each.process.poll() is None:
                each.process.kill()
        shutil.rmtree(base, ignore_errors=True)
    print("| | ParkMesh | raw ZeroMQ |\n|---|---|---|")
    for row in rows:
        print("| %s | %s | %s |" % row)


if __name__ == "__main__":
    main()
