"""Measures many centrals together and prints a Markdown table: a million missed events, five centrals
under load, a hung peer beside a healthy one, many idle centrals.

Environment: PARKMESH, PARKMESH_BENCH_DIR. Arguments: --missed N (default 1000000), --centrals N idle
ones (default 50), --seconds S per figure (default 5), --only NAME (missed, five, hung, idle),
--dir DIR for databases (default: a temporary directory on the current disk).

As root it runs in a network namespace of its own, so that the loopback counters show nothing else.
"""
import argparse
import os
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

from stand import Central, measure_latency, tool, wait_until

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(central):
    with open(f"/proc/{central.process.pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def loopback_bytes():
    with open("/proc/net/dev") as file:
        for line in file:
            if line.strip().startswith("lo:"):
                return int(line.split(":")[1].split()[8])
    return 0


def fleet(base, name, count):
    """Started centrals 1..count, all linked with all."""
    secret = secrets.token_hex(20)
    centrals = [Central(k, count, os.path.join(base, name), secret).start()
                for k in range(1, count + 1)]
    wait_until(lambda: all(c.connected() == count - 1 for c in centrals), 120)
    return centrals


def end(centrals):
    for central in centrals:
        central.process.send_signal(signal.SIGCONT)
        central.process.terminate()
    for central in centrals:
        central.process.wait(20)


def measure_missed(base, missed):
    """The memory of a central while it catches up, in quarters of the way: flat or not."""
    a, b = fleet(base, "missed", 2)
    b.stop()
    tool("bench_load", "events", a.ip, 8700, 64, 3600, missed)
    want = a.status()["events"]
    b.start()
    wait_until(lambda: b.connected() > 0, 30)
    start, first = time.monotonic(), b.status()["events"]
    quarters, have = [0.0] * 4, first
    while have < want:
        quarters[min(3, 4 * have // want)] = max(quarters[min(3, 4 * have // want)], b.rss_mib())
        have = b.status()["events"]
        time.sleep(0.1)
    rate = (want - first) / (time.monotonic() - start)
    end([a, b])
    return [(f"catch-up of {missed:,} events", f"{rate:,.0f} /s"),
            ("its resident memory, most in each quarter of the way",
             ", ".join(f"{q:.1f}" for q in quarters) + " MiB")]


def measure_five(base, seconds):
    """Five centrals take events at once; how far the last is behind the first when they stop."""
    centrals = fleet(base, "five", 5)
    rates = []

    def load(central):
        rates.append(tool("bench_load", "events", central.ip, 8700, 8, seconds)["per_s"])
    threads = [threading.Thread(target=load, args=(c,)) for c in centrals]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    stopped = time.monotonic()

    def equal():
        states = [c.status() for c in centrals]
        return all(p["sync"] == "equal" for s in states for p in s["peers"])
    wait_until(equal, 120)
    took = time.monotonic() - stopped
    memory = max(c.rss_mib() for c in centrals)
    end(centrals)
    return [("five centrals, 8 connections each: taken in all", f"{sum(rates):,.0f} /s"),
            ("written in all (every event at every central)", f"{5 * sum(rates):,.0f} /s"),
            ("all equal after the load", f"{took:.1f} s"),
            ("resident memory, largest", f"{memory:.1f} MiB")]


def measure_hung(base, count):
    """POST at A to B, with C healthy and with C stopped in the middle of everything."""
    centrals = fleet(base, "hung", 3)
    a, b, c = centrals
    pairs = []
    for _ in range(3):
        healthy = measure_latency(a, b, count)
        os.kill(c.process.pid, signal.SIGSTOP)
        hung = measure_latency(a, b, count)
        os.kill(c.process.pid, signal.SIGCONT)
        wait_until(lambda: a.connected() == 2 and c.connected() == 2, 60)
        pairs.append((healthy, hung))
    end(centrals)
    rows = []
    for i, name in enumerate(("p50", "p99")):
        ratio = statistics.median(hung[i] / healthy[i] for healthy, hung in pairs)
        rows.append((f"POST at A to B, {name}, while C hangs", f"{ratio:.2f} of that with C healthy"))
    return rows


def measure_idle(base, count, seconds):
    """What a central costs that has nothing to do but to know count - 1 others."""
    started = time.monotonic()
    centrals = fleet(base, "idle", count)
    settled = time.monotonic() - started
    time.sleep(3 * 2)  # heartbeats of the start
    cpu, sent, begin = [cpu_seconds(c) for c in centrals], loopback_bytes(), time.monotonic()
    time.sleep(max(seconds, 20))
    took = time.monotonic() - begin
    share = [(cpu_seconds(c) - was) / took * 100 for c, was in zip(centrals, cpu)]
    rate = (loopback_bytes() - sent) / took / count
    memory = [c.rss_mib() for c in centrals]
    end(centrals)
    return [(f"{count} centrals, all links up after", f"{settled:.1f} s"),
            ("CPU of an idle one, median and most, of a core",
             f"{statistics.median(share):.2f} %, {max(share):.2f} %"),
            ("resident memory of one, median and most",
             f"{statistics.median(memory):.1f}, {max(memory):.1f} MiB"),
            ("sent by one", f"{rate / 1000:.1f} kB/s")]


def enter_namespace():
    """Runs this program again in a network namespace of its own, where that is allowed."""
    if os.geteuid() != 0 or os.environ.get("PARKMESH_BENCH_NAMESPACE"):
        return
    os.environ["PARKMESH_BENCH_NAMESPACE"] = "1"
    words = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh",
             sys.executable, *sys.argv]
    if subprocess.run(["unshare", "--net", "true"], check=False, stderr=subprocess.DEVNULL,
                      stdout=subprocess.DEVNULL).returncode == 0:
        os.execvp(words[0], words)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--missed", type=int, default=1000000)
    parser.add_argument("--centrals", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--only", choices=["missed", "five", "hung", "idle"])
    parser.add_argument("--dir")
    options = parser.parse_args()
    enter_namespace()
    base = tempfile.mkdtemp(prefix="parkmesh-fleet-", dir=options.dir)
    measures = {"five": lambda: measure_five(base, options.seconds),
                "hung": lambda: measure_hung(base, 300),
                "idle": lambda: measure_idle(base, options.centrals, options.seconds),
                "missed": lambda: measure_missed(base, options.missed)}
    try:
        print("| what | figure |\n|---|---|")
        for name, measure in measures.items():
            if options.only in (None, name):
                for row in measure():
                    print("| " + " | ".join(row) + " |", flush=True)
    finally:
        for central in Central.started:
            if central.process.poll() is None:
                central.process.kill()
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
