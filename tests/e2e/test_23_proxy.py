"""The reverse proxy of packaging/nginx.conf with a certificate of its own making (S-09): the file is
taken as it is, but for ports, paths and the name."""

import base64
import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess

from cluster import ROOT, Skip, expect, expect_equal, free_port, run, wait_until

PASSWORD = "mot mat khau dai"
CLIENT = "127.0.0.9"  # from here the client comes
MAIN = """pid %(dir)s/nginx.pid; error_log %(dir)s/nginx.log; daemon off; worker_processes 1;
events {} http { access_log off; client_body_temp_path %(dir)s/t1; proxy_temp_path %(dir)s/t2;
fastcgi_temp_path %(dir)s/t3; uwsgi_temp_path %(dir)s/t4; scgi_temp_path %(dir)s/t5;
include %(dir)s/site.conf; }
"""


class Proxy:
    """nginx before one central, and a client that comes through it."""

    def __init__(self, directory, central):
        self.port, plain = free_port("127.0.0.1"), free_port("127.0.0.1")
        self.directory = directory
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                        "-keyout", directory + "/tls.key", "-out", directory + "/tls.crt"],
                       check=True, stderr=subprocess.DEVNULL)
        with open(os.path.join(ROOT, "packaging", "nginx.conf"), encoding="utf-8") as file:
            text = file.read()
        for old, new in (("listen 443 ssl", "listen 127.0.0.1:%d ssl" % self.port),
                         ("listen 80;", "listen 127.0.0.1:%d;" % plain),
                         ("/etc/parkmesh/tls", directory + "/tls"),
                         ("parking.example", "localhost"),
                         ("http://127.0.0.1:8000", "http://%s:%d" % (central.ip, central.api_port))):
            expect(old in text, "packaging/nginx.conf has", old)
            text = text.replace(old, new)
        for name, content in (("site.conf", text), ("main.conf", MAIN % {"dir": directory})):
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(content)
        self.process = subprocess.Popen([shutil.which("nginx"), "-p", directory, "-c",
                                         directory + "/main.conf"], stderr=subprocess.DEVNULL)
        self.tls = ssl.create_default_context(cafile=directory + "/tls.crt")
        wait_until(self.answers, 10, self.log)

    def log(self):
        with contextlib.suppress(OSError), open(self.directory + "/nginx.log") as file:
            return file.read()
        return "no log"

    def answers(self):
        expect(self.process.poll() is None, "nginx ended", self.log())
        with contextlib.suppress(OSError):
            return self.call("GET", "/livez").status == 200
        return False

    def connect(self):
        raw = socket.create_connection(("127.0.0.1", self.port), 30, (CLIENT, 0))
        return self.tls.wrap_socket(raw, server_hostname="localhost")

    def call(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("localhost", self.port)
        connection.sock = self.connect()
        with contextlib.closing(connection):
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            answer.text = answer.read().decode()
        return answer

    def handshake(self, path, **headers):
        """(status, socket) of a WebSocket; the socket is the caller's."""
        link = self.connect()
        lines = ["GET %s HTTP/1.1" % path, "Host: localhost:%d" % self.port, "Upgrade: websocket",
                 "Connection: Upgrade", "Sec-WebSocket-Version: 13",
                 "Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)).decode()]
        lines += ["%s: %s" % item for item in headers.items()]
        link.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        head = b""
        while b"\r\n\r\n" not in head:
            part = link.recv(1)
            expect(part, "closed during the handshake", head)
            head += part
        return int(head.split()[1]), link

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


@contextlib.contextmanager
def behind_proxy(cluster):
    if not shutil.which("nginx"):
        raise Skip("nginx is not installed: scripts/setup --test")
    central, = cluster.mesh("central-1", trusted_proxies=["127.0.0.1"])
    central.start()
    central.request("POST", "/api/v1/accounts",
                    {"name": "lan", "role": "admin", "password": PASSWORD})
    proxy = Proxy(central.directory, central)
    try:
        yield central, proxy
    finally:
        proxy.stop()


def read_text_frame(link):
    data = b""
    while True:
        data += link.recv(4096) or b""
        if len(data) >= 2:
            size = data[1] & 127
            start = 2 if size < 126 else 4
            size = size if size < 126 else int.from_bytes(data[2:4], "big")
            if len(data) >= start + size:
                if data[0] & 15 == 1:
                    return json.loads(data[start:start + size])
                data = data[start + size:]


def s_09_tls(cluster):
    with behind_proxy(cluster) as (central, proxy):
        expect_equal(proxy.call("GET", "/api/stats").status, 401, "nobody is local behind a proxy")
        answer = proxy.call("POST", "/api/v1/login", {"name": "lan", "password": PASSWORD},
                            X_Forwarded_For="10.9.8.7", Forwarded="for=10.9.8.7")
        expect_equal(answer.status, 200, answer.text)
        cookie = answer.headers["Set-Cookie"]
        expect("; Secure" in cookie, cookie)
        cookie = cookie.split(";")[0]
        expect_equal(proxy.call("GET", "/api/stats", Cookie=cookie).status, 200, "logged in")
        me = json.loads(proxy.call("GET", "/api/v1/me", Cookie=cookie).text)
        expect_equal(me["address"], CLIENT, "the real client, not what it claims")
        login, = central.get("/api/v1/audit?kind=LOGIN").json["entries"]
        expect_equal(login["address"], CLIENT, "in the audit")

        own = "https://localhost:%d" % proxy.port
        for origin, status in ((own, 200), ("https://evil.example", 403)):
            answer = proxy.call("POST", "/api/p2p/start", {}, Cookie=cookie, Origin=origin)
            expect_equal(answer.status, status, origin)


def websockets(cluster):
    with behind_proxy(cluster) as (central, proxy):
        cookie = proxy.call("POST", "/api/v1/login", {"name": "lan", "password": PASSWORD}
                            ).headers["Set-Cookie"].split(";")[0]
        own = "https://localhost:%d" % proxy.port
        for headers, status in (({}, 401), ({"Cookie": cookie, "Origin": "https://evil.example"},
                                            403)):
            got, link = proxy.handshake("/ws/history", **headers)
            link.close()
            expect_equal(got, status, headers)
        got, link = proxy.handshake("/ws/history", Cookie=cookie, Origin=own)
        with link:
            expect_equal(got, 101, "handshake")
            expect_equal(read_text_frame(link)["data"]["type"], "resync", "the first message")
            central.event("ENTRY", "51F-204.17")
            expect(re.search("51F", json.dumps(read_text_frame(link))), "an entry")


if __name__ == "__main__":
    run(s_09_tls, websockets)
