"""PostgreSQL with logical replication at the same work, in turns with ParkMesh.

Environment: PARKMESH, PARKMESH_BENCH_DIR (as run.py). Arguments: --seconds S per figure (default 5),
--missed N events of the catch-up (default 100000), --durable for a replica that is as durable as ours,
--dir DIR for databases.

Needs Debian's postgresql-15; as root it runs as the user postgres. Its rows are those of bench_limits
(a log row, a history row, three indexes, one transaction an event), its clients pgbench over a Unix
socket with prepared statements: no HTTP, no JSON, no rules of a car park.
"""
import argparse
import os
import pwd
import secrets
import shutil
import statistics
import subprocess
import tempfile
import time

from stand import Central, measure_latency, percentile, tool, wait_until

BIN = "/usr/lib/postgresql/15/bin"
ROUNDS = 3
CLIENTS = (1, 16, 64)

TABLES = """
CREATE SEQUENCE n;
CREATE TABLE log(lsn bigint PRIMARY KEY, sid int, seq bigint, kind int, hlc bigint, header bytea,
                 body bytea, chain bytea);
CREATE UNIQUE INDEX by_seq ON log(sid, seq);
CREATE TABLE history(id bigint PRIMARY KEY, event_id text, plate_id text, plate_view text,
                     entry_ms bigint, entry_time text, camera_id int, camera_name text, source text,
                     status text);
CREATE UNIQUE INDEX by_event ON history(event_id);
CREATE INDEX by_plate ON history(plate_id);
"""

EVENT = """
WITH n AS (SELECT nextval('n') AS v),
     l AS (INSERT INTO log SELECT v, 1, v, 1, v, decode(repeat('00', 24), 'hex'),
           decode(repeat('00', 150), 'hex'), decode(repeat('00', 16), 'hex') FROM n)
INSERT INTO history SELECT v, 'edge-10_' || v || '_10C' || v, '10C' || v, '10C' || v, v,
       '2026-11-22 08:01:10', 1, 'North gate', 'auto', 'IN' FROM n;
"""


class Server:
    """One PostgreSQL server, reached through a socket in its directory."""

    def __init__(self, base, number):
        self.dir = os.path.join(base, f"postgres-{number}")
        self.port = 55432 + number
        os.makedirs(self.dir)
        if os.getuid() == 0:
            shutil.chown(self.dir, "postgres")
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "--no-instructions")
        with open(os.path.join(self.data, "postgresql.conf"), "a") as file:
            file.write(f"listen_addresses = ''\nunix_socket_directories = '{self.dir}'\n"
                       f"port = {self.port}\nwal_level = logical\nfsync = on\n"
                       "synchronous_commit = on\nmax_connections = 120\n")
        self.run("pg_ctl", "-D", self.data, "-w", "-l", os.path.join(self.dir, "log"), "start")
        self.sql(TABLES)

    @property
    def data(self):
        return os.path.join(self.dir, "data")

    @property
    def address(self):
        return ("-h", self.dir, "-p", str(self.port), "-U", "postgres")

    def run(self, program, *args):
        """As the user postgres when we are root, which PostgreSQL refuses to be."""
        user = pwd.getpwnam("postgres").pw_uid if os.getuid() == 0 else None
        return subprocess.run([os.path.join(BIN, program), *args], check=True, user=user,
                              capture_output=True, text=True, cwd="/").stdout

    def sql(self, text):
        return self.run("psql", *self.address, "-qAtX", "-v", "ON_ERROR_STOP=1", "-c", text).strip()

    def count(self):
        return int(self.sql("SELECT count(*) FROM history"))

    def load(self, script, clients, *limit):
        """Transactions a second of pgbench."""
        out = self.run("pgbench", *self.address, "-n", "-M", "prepared", "-c", str(clients), "-f",
                       script, *limit, "postgres")
        line = next(line for line in out.splitlines() if line.startswith("tps"))
        return float(line.split()[2])

    def memory_mib(self):
        """What its processes hold together, shared pages once (PSS)."""
        with open(os.path.join(self.data, "postmaster.pid")) as file:
            first = file.readline().strip()
        pids = subprocess.run(["pgrep", "-P", first], capture_output=True, text=True).stdout.split()
        total = 0
        for pid in [first, *pids]:
            try:
                with open(f"/proc/{pid}/smaps_rollup") as file:
                    total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
            except OSError:
                pass  # it ended meanwhile
        return total / 1024

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-w", "-m", "immediate", "stop")


def replicate(a, b, durable):
    """With `durable` what B shows is on its disk, as at a central; by default PostgreSQL shows it
    before, which is safe, for what a crash takes is sent again."""
    a.sql("CREATE PUBLICATION p FOR TABLE log, history")
    b.sql(f"CREATE SUBSCRIPTION s CONNECTION 'host={a.dir} port={a.port} user=postgres "
          f"dbname=postgres' PUBLICATION p WITH (synchronous_commit = {'on' if durable else 'off'})")
    wait_until(lambda: b.sql("SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'") == "0",
               60)


def measure_replication(a, b, count):
    """Milliseconds from a transaction's begin at A to its row at B, seen by a loop in B's server."""
    def session(server):
        return subprocess.Popen([os.path.join(BIN, "psql"), *server.address, "-qAtX"], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    writer, watcher = session(a), session(b)
    taken = []
    for _ in range(count):
        known = int(a.sql("SELECT last_value FROM n"))
        watcher.stdin.write("DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM history WHERE id > "
                            f"{known}) LOOP PERFORM pg_sleep(0.0001); END LOOP; END $$;"
                            " SELECT 1;\n")
        watcher.stdin.flush()
        time.sleep(0.02)  # it looks before there is anything to see
        start = time.monotonic()
        writer.stdin.write(EVENT.replace("\n", " ") + "\n")
        writer.stdin.flush()
        watcher.stdout.readline()
        taken.append((time.monotonic() - start) * 1000)
    for process in (writer, watcher):
        process.stdin.close()
        process.wait(10)
    return statistics.median(taken), percentile(taken, 0.99)


def measure_catch_up(a, b, script, missed):
    b.sql("ALTER SUBSCRIPTION s DISABLE")
    a.load(script, 64, "-t", str(missed // 64))
    first, want = b.count(), a.count()
    start, peak = time.monotonic(), 0
    b.sql("ALTER SUBSCRIPTION s ENABLE")
    while b.count() < want:
        peak = max(peak, b.memory_mib())
        time.sleep(0.05)
    return (want - first) / (time.monotonic() - start), peak


def measure_our_catch_up(a, b, missed):
    b.stop()
    tool("bench_load", "events", a.ip, 8700, 64, 600, missed)
    want = a.status()["events"]
    b.start()
    first, start = b.status()["events"], time.monotonic()
    peak = 0
    while b.status()["events"] < want:
        peak = max(peak, b.rss_mib())
        time.sleep(0.05)
    return (want - first) / (time.monotonic() - start), peak


def measure(base, options):
    """The rows of the table."""
    rows = []
    script = os.path.join(base, "event.sql")
    with open(script, "w") as file:
        file.write(EVENT)
    os.chmod(base, 0o755)
    theirs = [Server(base, number) for number in (1, 2)]
    replicate(*theirs, options.durable)
    secret = secrets.token_hex(20)
    ours = [Central(number, 2, base, secret).start() for number in (1, 2)]
    wait_until(lambda: all(central.connected() == 1 for central in ours), 20)

    seconds = str(int(options.seconds))
    for clients in CLIENTS:
        pairs = []
        for _ in range(ROUNDS):
            other = theirs[0].load(script, clients, "-T", seconds)
            wait_until(lambda: theirs[1].count() == theirs[0].count(), 120)
            mine = tool("bench_load", "events", ours[0].ip, 8700, clients, options.seconds)["per_s"]
            wait_until(lambda: ours[1].status()["events"] == ours[0].status()["events"], 120)
            pairs.append((other, mine))
        ratio = statistics.median(mine / other for other, mine in pairs)
        rows.append((f"intake, replicated, {clients} clients",
                     f"{statistics.median(mine for _, mine in pairs):,.0f} /s",
                     f"{statistics.median(other for other, _ in pairs):,.0f} /s", f"{ratio:.2f}"))

    pairs = [(measure_replication(*theirs, 100), measure_latency(*ours, 100)) for _ in range(ROUNDS)]
    for i, name in enumerate(("p50", "p99")):
        ratio = statistics.median(mine[i] / other[i] for other, mine in pairs)
        rows.append((f"A to B, {name}", f"{statistics.median(mine[i] for _, mine in pairs):.2f} ms",
                     f"{statistics.median(other[i] for other, _ in pairs):.2f} ms", f"{ratio:.2f}"))
    (their_rate, their_peak) = measure_catch_up(*theirs, script, options.missed)
    (our_rate, our_peak) = measure_our_catch_up(*ours, options.missed)
    rows.append((f"catch-up of {options.missed:,} events", f"{our_rate:,.0f} /s",
                 f"{their_rate:,.0f} /s", f"{our_rate / their_rate:.2f}"))
    rows.append(("memory, catching up", f"{our_peak:.0f} MiB", f"{their_peak:.0f} MiB",
                 f"{our_peak / their_peak:.2f}"))
    for server in theirs:
        server.stop()
    for central in ours:
        central.stop()
    return rows


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--missed", type=int, default=100000)
    parser.add_argument("--durable", action="store_true", help="PostgreSQL's replica commits as ours does")
    parser.add_argument("--dir")
    options = parser.parse_args()
    if not os.path.exists(os.path.join(BIN, "initdb")):
        raise SystemExit("bench: PostgreSQL is missing; run: apt-get install postgresql-15")
    base = tempfile.mkdtemp(prefix="parkmesh-bench-", dir=options.dir)
    try:
        rows = measure(base, options)
    finally:
        for central in Central.started:
            if central.process.poll() is None:
                central.process.kill()
        subprocess.run(["pkill", "-f", base], check=False)  # servers of a run that failed
        shutil.rmtree(base, ignore_errors=True)
    print("| what | ParkMesh | PostgreSQL 15 | ratio |")
    print("|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
