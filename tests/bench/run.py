"""Measures the physical limits and ParkMesh against them, in one run, and prints a Markdown table.

Environment: PARKMESH (the program), PARKMESH_BENCH_DIR (where bench_limits and bench_load are).
Arguments: --seconds S per figure (default 5), --missed N events of the catch-up (default 100000),
--dir DIR for databases (default: a temporary directory on the current disk).

Limits and ParkMesh take turns (limit, ParkMesh, limit, ...) and ratios are made pair by pair, because
the speed of a shared machine drifts; medians are printed. So is the share of its processors that the
host gave to others meanwhile ("stolen"): whoever needs both cores loses more by it than a limit that
needs one.
"""
import argparse
import os
import secrets
import shutil
import statistics
import subprocess
import tempfile
import time

from stand import BENCH, Central, Processors, measure_latency, tool, wait_until

ROUNDS = 3
REST = 2.5  # s: a central that was loaded settles new plates, which the next figure should not meet


def measure_catch_up(a, b, missed):
    """B is away while A takes `missed` events; seconds from B's ready to equal, and B's memory."""
    b.stop()
    tool("bench_load", "events", a.ip, 8700, 64, 600, missed)
    want = a.status()["events"]
    start = time.monotonic()
    b.start()
    peak, status = 0, b.status()
    wait_until(lambda: b.connected() > 0, 30)
    up = time.monotonic()
    first = b.status()["events"]
    while status["events"] < want:
        peak = max(peak, b.rss_mib())
        status = b.status()
        time.sleep(0.05)
    end = time.monotonic()
    return {"rate": (want - first) / (end - up), "seconds": end - start, "peak": peak}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--missed", type=int, default=100000)
    parser.add_argument("--dir")
    options = parser.parse_args()
    base = tempfile.mkdtemp(prefix="parkmesh-bench-", dir=options.dir)
    rows = []
    processors = Processors()

    def paired(name, limit_name, limit, ours, target):
        """Alternates limit and ours; a row with medians and the median of the pairwise ratio."""
        processors.start()
        pairs = []
        for _ in range(ROUNDS):
            pairs.append((limit(), ours()))
            time.sleep(REST)
        ratio = statistics.median(o / l for l, o in pairs)
        rows.append((name, f"{statistics.median(o for _, o in pairs):,.0f} /s", limit_name,
                     f"{statistics.median(l for l, _ in pairs):,.0f} /s", f"{ratio:.2f}", target,
                     processors.stolen()))

    def sqlite(batch):
        return lambda: tool("bench_limits", "sqlite", base, batch, options.seconds)["rows_per_s"]

    def events(central, connections):
        return lambda: tool("bench_load", "events", central.ip, 8700, connections,
                            options.seconds)["per_s"]

    def noop(connections):
        def measure():
            server = subprocess.Popen([os.path.join(BENCH, "bench_limits"), "http", "127.0.0.1:8701"],
                                      stdout=subprocess.PIPE)
            server.stdout.readline()
            rate = tool("bench_load", "get", "127.0.0.1", 8701, connections, options.seconds)["per_s"]
            server.kill()
            server.wait()
            return rate
        return measure

    try:
        alone = Central(1, 1, os.path.join(base, "alone"), secrets.token_hex(20)).start()
        idle = alone.rss_mib()
        paired("intake, 1 connection", "SQLite FULL, batch 1", sqlite(1), events(alone, 1), ">= 0.5")
        paired("intake, 64 connections", "SQLite FULL, batch 100", sqlite(100), events(alone, 64),
               ">= 0.5")
        paired("intake, 64 connections", "civetweb no-op, 64", noop(64), events(alone, 64), "")
        after = alone.rss_mib()
        alone.stop()

        mesh = os.path.join(base, "mesh")
        secret = secrets.token_hex(20)
        a, b = (Central(k, 2, mesh, secret).start() for k in (1, 2))
        wait_until(lambda: a.connected() == 1 and b.connected() == 1, 20)
        processors.start()
        floors, ours = [], []
        for _ in range(ROUNDS):
            floors.append(tool("bench_limits", "floor", base, 400))
            ours.append(measure_latency(a, b, 400))
        for i, (name, key, target) in enumerate((("p50", "p50_ms", "<= 2"), ("p99", "p99_ms", "<= 4"))):
            ratio = statistics.median(o[i] / f[key] for o, f in zip(ours, floors))
            rows.append((f"POST at A to B, {name}", f"{statistics.median(o[i] for o in ours):.2f} ms",
                         "floor", f"{statistics.median(f[key] for f in floors):.2f} ms",
                         f"{ratio:.2f}", target, processors.stolen()))
        processors.start()
        limit = sqlite(1000)()
        catch = measure_catch_up(a, b, options.missed)
        limit = (limit + sqlite(1000)()) / 2
        rows.append((f"catch-up of {options.missed:,} events", f"{catch['rate']:,.0f} /s",
                     "SQLite FULL, batch 1000", f"{limit:,.0f} /s", f"{catch['rate'] / limit:.2f}",
                     ">= 0.4", processors.stolen()))
        b.stop()
        a.stop()
        rows.append(("resident memory, idle", f"{idle:.1f} MiB", "", "", "", "<= 20 MiB", ""))
        rows.append(("resident memory, after the intake", f"{after:.1f} MiB", "", "", "", "", ""))
        rows.append(("resident memory, catching up", f"{catch['peak']:.1f} MiB", "", "", "",
                     "<= 64 MiB", ""))
    finally:
        for central in Central.started:
            if central.process.poll() is None:
                central.process.kill()
        shutil.rmtree(base, ignore_errors=True)

    print("| what | ParkMesh | limit | its rate | ratio | to reach | stolen |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
