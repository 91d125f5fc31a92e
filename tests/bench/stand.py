"""What the measurements share: running centrals, the C programs, a browser's WebSocket."""
import http.client
import json
import os
import signal
import socket
import struct
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


def wait_until(condition, seconds):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("bench: waited in vain")
        time.sleep(0.02)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


def watch(central, path):
    """A WebSocket on a path; returns the connected socket, past the handshake."""
    link = socket.create_connection((central.ip, 8700))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    link.sendall(f"GET {path} HTTP/1.1\r\nHost: {central.ip}:8700\r\n".encode() +
                 b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                 b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n")
    head = b""
    while b"\r\n\r\n" not in head:
        head += link.recv(1)
    return link


def read_exactly(link, count):
    data = b""
    while len(data) < count:
        part = link.recv(count - len(data))
        if not part:
            raise SystemExit("bench: WebSocket closed")
        data += part
    return data


def read_frame(link):
    opcode, length = read_exactly(link, 2)
    if length == 126:
        length = struct.unpack("!H", read_exactly(link, 2))[0]
    elif length == 127:
        length = struct.unpack("!Q", read_exactly(link, 8))[0]
    return read_exactly(link, length)


def measure_latency(a, b, count):
    """POST at A until B tells of it on /ws/events, which it does after its commit: an upper bound
    of "row committed at B"."""
    link = watch(b, "/ws/events")
    post = http.client.HTTPConnection(a.ip, 8700)
    post.connect()
    post.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    taken = []
    for i in range(-20, count):
        plate = f"88L{i + 10000:05d}"
        body = json.dumps({"type": "ENTRY", "camera_id": 1, "event_id": f"edge-1_{time.time_ns()}_{plate}",
                           "data": {"plate_text": plate}}).encode()
        start = time.perf_counter()
        post.request("POST", "/api/edge/event", body)
        while plate.encode() not in read_frame(link):
            pass
        if i >= 0:
            taken.append((time.perf_counter() - start) * 1e3)
        post.getresponse().read()
        time.sleep(0.003)
    link.close()
    return taken
