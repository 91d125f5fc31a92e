"""Malformed requests get an answer with a code, garbage is refused and counted, the disk may fill
up; the central goes on."""

import os
import random
import re
import socket
import struct
import subprocess
import time

from cluster import SLOW, Skip, expect, expect_equal, now, parallel, plate, run, wait_linked, \
    wait_until

EVENT = "/api/edge/event"

# method, path, body, status, code (None = not told by the contract)
REFUSED = [
    ("POST", EVENT, b"{", 400, "JSON_INVALID"),
    ("POST", EVENT, b"", 400, "JSON_INVALID"),
    ("POST", EVENT, b"[]", 400, None),
    ("POST", EVENT, b"null", 400, None),
    ("POST", EVENT, b'"x"', 400, None),
    ("POST", EVENT, b"[" * 100000, 400, "JSON_INVALID"),
    ("POST", EVENT, b'{"a":' * 5000 + b"1" + b"}" * 5000, 400, "JSON_INVALID"),
    ("POST", EVENT, b'{"type": "ENTRY", "type": "EXIT", "camera_id": 1}', 400, "JSON_INVALID"),
    ("POST", EVENT, b'{"type": "ENTRY\xff"}', 400, "JSON_INVALID"),
    ("POST", EVENT, b'{"type": "ENTRY", "camera_id": 1, "data": {"plate_text": "30A\\u000012345"}}',
     400, None),
    ("POST", EVENT, {"type": "ENTRY", "camera_id": 1, "data": {"plate_text": None}}, 400, None),
    ("POST", EVENT, {"type": "ENTRY", "camera_id": 1, "data": []}, 400, None),
    ("POST", EVENT, {"type": "ENTRY", "camera_id": 1, "data": "x"}, 400, None),
    ("POST", EVENT, {"type": "ENTRY", "camera_id": 1, "data": {"plate_text": 5}}, 400, None),
    ("POST", EVENT, {"type": "ENTRY", "camera_id": 1, "data": {"plate_text": "30A-1"}}, 400,
     "PLATE_UNUSABLE"),
    ("POST", EVENT, {"type": "ENTRY", "camera_id": 1, "data": {"plate_text": "đường phố"}}, 400,
     "PLATE_UNUSABLE"),
    ("POST", EVENT, {"type": "ENTRY", "camera_id": 1, "data": {"plate_text": "A" * 5000}}, 400,
     None),
    ("POST", EVENT, {"type": "ENTRY", "camera_id": 1, "event_id": "e" * 5000,
                     "data": {"plate_text": "30A12345"}}, 400, "FIELD_INVALID"),
    ("POST", EVENT, {"type": 7, "camera_id": 1, "data": {"plate_text": "30A12345"}}, 400, None),
    ("POST", EVENT, {"camera_id": 1, "data": {"plate_text": "30A12345"}}, 400, None),
    ("POST", EVENT, {"type": "JUMP", "camera_id": 1, "data": {"plate_text": "30A12345"}}, 400,
     "TYPE_UNKNOWN"),
    ("POST", EVENT, b"x" * (1024 * 1024), 413, "BODY_TOO_LARGE"),
    ("GET", EVENT, None, 405, "METHOD_NOT_ALLOWED"),
    ("GET", "/api/nothing", None, 404, "NOT_FOUND"),
    ("GET", "/%00", None, None, None),
    ("GET", "/../../etc/passwd", None, None, None),
    ("GET", "/api/parking/history?limit=many", None, 422, None),
    ("GET", "/api/parking/history?offset=1e3", None, 422, None),
    ("GET", "/api/parking/history?today_only=perhaps", None, 422, None),
    ("GET", "/api/parking/history?limit=99999999999999999999", None, 422, None),
    ("PUT", "/api/parking/history/x", {"plate_id": "30A12345", "plate_view": "30A12345"}, 422,
     None),
    ("PUT", "/api/parking/history/1", b"{", 400, "JSON_INVALID"),
    ("PUT", "/api/parking/history/1", {"plate_id": "30A12345"}, 400, None),
    ("PUT", "/api/parking/history/1", {"plate_id": "", "plate_view": ""}, 400, None),
    ("PUT", "/api/parking/history/1", {"plate_id": "1", "plate_view": "1"}, 400, None),
    ("PUT", "/api/parking/history/999", {"plate_id": "30A12345", "plate_view": "30A12345"}, 404,
     "VISIT_UNKNOWN"),
    ("DELETE", "/api/parking/history/999", None, 404, "VISIT_UNKNOWN"),
    ("DELETE", "/api/parking/history/-1", None, None, None),
    ("PUT", "/api/parking/fees", b"[]", 400, None),
    ("PUT", "/api/parking/fees", {}, 400, None),
    ("PUT", "/api/parking/fees", {"fees": "x"}, 400, None),
    ("PUT", "/api/parking/fees", {"fees": {"fee_base": "abc"}}, 400, None),
    ("PUT", "/api/parking/fees", {"fees": {"fee_base": 0.5, "fee_per_hour": -1}}, 400, None),
    ("PUT", "/api/parking/fees", b'{"fees": {"fee_base": 1e999, "fee_per_hour": 1}}', 400, None),
    ("PUT", "/api/p2p/config", b"{", 400, "JSON_INVALID"),
    ("PUT", "/api/p2p/config", b"[]", 400, None),
]


def s_10_malformed_requests(cluster):
    """Refusals name the field and carry a code, and nothing of the inside."""
    central, = cluster.mesh("central-1")
    central.start()
    central.entry("30A-000.01")
    before = central.visits()
    wrong = []
    for method, path, body, status, code in REFUSED:
        answer = central.request(method, path, body)
        shown = "%s %s %r" % (method, path, body if body is None or len(str(body)) < 90 else "...")
        if answer.status < 400 or (status and answer.status != status) or \
                (code and answer.code != code):
            wrong.append("%s: %s, wanted %s %s" % (shown, answer, status, code))
        elif answer.status >= 500:
            wrong.append("%s: %s" % (shown, answer))
        elif answer.status not in (422,) and status and (
                not answer.json or answer.json.get("success") is not False
                or not answer.json.get("error") or not answer.code):
            wrong.append("%s: no success, error, code: %s" % (shown, answer))
    expect(not wrong, "\n" + "\n".join(wrong))
    answer = central.post(EVENT, b'{"type": "ENTRY",\n "camera_id" 1}')
    expect("2" in answer.json["error"], "line and column", answer)
    expect_equal(central.visits(), before, "visits")
    expect(central.entry("30A-000.02").json["success"], "goes on")


def raw(ip, port, data, seconds=2.0):
    """Sends bytes and answers what comes back until the other side has enough."""
    with socket.create_connection((ip, port), 5) as peer:
        peer.settimeout(seconds * SLOW)
        got = b""
        try:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            while True:
                part = peer.recv(65536)
                if not part:
                    return got
                got += part
        except OSError:
            return got


def http_bytes(chance):
    yield b"\x00" * 100
    yield b"GET\r\n\r\n"
    yield b"GET / HTTP/9.9\r\n\r\n"
    yield b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n"
    yield b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n"
    yield b"POST /api/edge/event HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n{}"
    yield (b"POST /api/edge/event HTTP/1.1\r\nHost: a\r\n"
           b"Content-Length: 99999999999999999999\r\n\r\n{}")
    yield b"POST /api/edge/event HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n{}"
    yield (b"POST /api/edge/event HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
           b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n")
    yield b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(chance.randbytes(500))
    for _ in range(20):
        yield chance.randbytes(chance.randrange(1, 3000))


def mesh_bytes(chance):
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00"
    yield b"GET / HTTP/1.1\r\n\r\n"
    yield greeting
    yield greeting + b"NULL".ljust(20, b"\0") + bytes(32)
    yield greeting + b"PLAIN".ljust(20, b"\0") + bytes(32)
    yield greeting + b"CURVE".ljust(20, b"\0") + bytes(32)
    yield (greeting + b"CURVE".ljust(20, b"\0") + bytes(32) + b"\x04\xc8" + b"\x05HELLO" +
           chance.randbytes(194))
    yield greeting + b"CURVE".ljust(20, b"\0") + bytes(32) + b"\x06" + struct.pack(">Q", 1 << 62)
    for _ in range(20):
        yield chance.randbytes(chance.randrange(1, 3000))


def garbage_on_both_ports(cluster):
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    wait_linked([a, b])
    chance = random.Random(7)
    answers = parallel(lambda data: raw(a.ip, a.api_port, data), list(http_bytes(chance)), 8)
    expect(not any(b" 200 " in answer[:20] for answer in answers), "garbage got 200",
           [answer[:60] for answer in answers if b" 200 " in answer[:20]])
    long = raw(a.ip, a.api_port, b"GET /" + b"x" * 20000 + b" HTTP/1.1\r\n\r\n")
    expect(b"HTTP_MALFORMED" in long and b"16 KiB" in long, "a head that is too long", long[:300])
    refused = re.findall(r'^parkmesh_http_requests_total\{.*route="none".*code="4xx".*\} (\d+)',
                         a.get("/metrics").body.decode(), re.M)
    expect(sum(int(n) for n in refused) >= 10, "counted", refused)
    expect(" HTTP_REFUSED from=" in a.log(), "logged")
    parallel(lambda data: raw(a.ip, a.p2p_port, data, 0.5), list(mesh_bytes(chance)), 8)
    expect(a.running(), "A died")
    expect(a.entry(plate(1)).json["success"], "entry")
    wait_until(lambda: b.history(), 10, "the entry at B")
    wait_linked([a, b])


def slow_clients(cluster):
    """Connections that never finish what they began do not lock others out for long."""
    central, = cluster.mesh("central-1")
    central.start()
    idle = [socket.create_connection((central.ip, central.api_port)) for _ in range(30)]
    for number, peer in enumerate(idle):
        peer.sendall(b"POST /api/edge/event HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{"
                     if number % 2 else b"GET / HT")
    began = time.monotonic()
    expect(central.entry(plate(1)).json["success"], "entry")
    expect(time.monotonic() - began < 5 * SLOW, "took", time.monotonic() - began)
    for peer in idle:
        peer.close()
    expect(central.entry(plate(2)).json["success"], "entry")


def disk_full(cluster):
    central, = cluster.mesh("central-1")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=0755", "tmpfs",
                           central.data], stderr=subprocess.PIPE, check=False)
    if done.returncode:
        raise Skip("needs the right to mount a small tmpfs: " + done.stderr.decode().strip())
    cluster.closing.callback(lambda: subprocess.run(["umount", "-l", central.data], check=False))
    central.start()
    base = now() - 3600
    stored = set()
    filler = os.path.join(central.data, "filler")
    with open(filler, "wb") as file:
        space = os.statvfs(central.data)
        file.write(b"x" * max(0, space.f_bavail * space.f_frsize - 200 * 1024))
    refused = None
    for number in range(20000):
        answer = central.entry(plate(number), "edge-1_%d_%s" % (number, plate(number)), ts=base)
        if answer.status != 200:
            refused = answer
            break
        stored.add(answer.json["event_id"])
    expect(refused is not None, "never full")
    expect_equal((refused.status, refused.code), (507, "DISK_FULL"), str(refused))
    expect(central.running(), "died")
    wait_until(lambda: "DISK_FULL" in central.log(), 5, "a line in the log")
    expect_equal(set(central.history()), stored, "reads go on; history")
    os.unlink(filler)
    wait_until(lambda: central.entry(plate(30000), "edge-1_30000").status == 200, 20,
               "entry after room was made")
    central.stop()
    central.start()
    expect(stored <= set(central.history()), "lost", stored - set(central.history()))
    central.stop()


run(s_10_malformed_requests, garbage_on_both_ports, slow_clients, disk_full)
