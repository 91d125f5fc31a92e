"""What the measurements share: running centrals and the C programs."""
import http.client
import json
import os
import signal
import subprocess
import time

PARKMESH = os.environ.get("PARKMESH", "build/parkmesh")
BENCH = os.environ.get("PARKMESH_BENCH_DIR", "build/tests")


def tool(name, *args):
    out = subprocess.run([os.path.join(BENCH, name), *map(str, args)], check=True,
                         capture_output=True, text=True).stdout
    return json.loads(out.splitlines()[-1])


class Central:
    """A running central on 127.0.0.<number>."""

    started = []

    def __init__(self, number, count, base, secret):
        self.number = number
        self.ip = f"127.0.0.{number}"
        self.dir = os.path.join(base, str(number))
        self.process = None
        os.makedirs(self.dir, exist_ok=True)
        self.config = os.path.join(self.dir, "config.json")

        def identity(k):
            return {"id": f"central-{k}", "ip": f"127.0.0.{k}", "p2p_port": 9700, "api_port": 8700}
        with open(os.open(self.config, os.O_CREAT | os.O_WRONLY, 0o600), "w") as file:
            json.dump({"this_central": identity(number), "mesh_secret": secret,
                       "peer_centrals": [identity(k) for k in range(1, count + 1) if k != number]},
                      file)

    def start(self):
        self.process = subprocess.Popen([PARKMESH, "run", "--config", self.config, "--data", self.dir],
                                        stderr=open(os.path.join(self.dir, "log"), "ab"))
        Central.started.append(self)
        wait_until(lambda: self.get("/readyz") is not None, 20)
        return self

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    def get(self, path):
        try:
            link = http.client.HTTPConnection(self.ip, 8700, timeout=5)
            link.request("GET", path)
            answer = link.getresponse()
            body = answer.read()
            return body if answer.status == 200 else None
        except OSError:
            return None
        finally:
            link.close()

    def status(self):
        return json.loads(self.get("/api/p2p/status"))

    def connected(self):
        return self.status()["connected_peers"]

    def rss_mib(self):
        with open(f"/proc/{self.process.pid}/status") as file:
            for line in file:
                if line.startswith("VmRSS"):
                    return int(line.split()[1]) / 1024
        return 0


class Processors:
    """What became of this machine's processor time since start(): /proc/stat, proc(5)."""

    def start(self):
        self.first = self.times()

    @staticmethod
    def times():
        with open("/proc/stat") as file:
            return [int(field) for field in file.readline().split()[1:9]]

    def stolen(self):
        """The share that the host of a virtual machine gave to others, as text."""
        spent = [now - then for now, then in zip(self.times(), self.first)]
        return f"{100 * spent[7] / max(sum(spent), 1):.0f} %"


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("bench: waited in vain")
        time.sleep(0.02)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def measure_latency(a, b, count):
    """p50 and p99 of milliseconds from POST at A until the row is committed at B."""
    taken = tool("bench_latency", a.ip, 8700, os.path.join(b.dir, "central.db"), count)
    return taken["p50_ms"], taken["p99_ms"]
