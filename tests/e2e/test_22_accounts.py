"""Accounts: the first administrator, logins, sessions, tokens, roles, the audit.

Callers on loopback are administrators, so whoever has to log in here comes through a proxy: with
X-Forwarded-For nobody is local.
"""

import contextlib
import fcntl
import json
import pathlib
import re
import socket
import sqlite3
import struct

from cluster import (Skip, camera_event, expect, expect_equal, parallel, plate, program,
                     run, wait_until)
from websocket import WebSocket

ROLES = pathlib.Path(__file__).parents[1] / "api" / "test_roles.c"

AWAY = {"X-Forwarded-For": "192.0.2.7"}
PASSWORD = "mot mat khau dai"
REST = ("viewer", "operator", "admin", "edge", "metrics")


def call(central, method, path, body=None, cookie=None, bearer=None, **headers):
    """A request from away. `headers` with _ for -."""
    more = {**AWAY, **{name.replace("_", "-"): value for name, value in headers.items()}}
    if cookie:
        more["Cookie"] = cookie
    if bearer:
        more["Authorization"] = "Bearer " + bearer
    return central.request(method, path, body, headers=more)


def add_account(central, name, role, password=PASSWORD):
    answer = central.request("POST", "/api/v1/accounts",
                             {"name": name, "role": role, "password": password})
    expect_equal(answer.status, 201, answer.body)
    return answer


def log_in(central, name, password=PASSWORD, **headers):
    """The cookie of a new session."""
    answer = call(central, "POST", "/api/v1/login", {"name": name, "password": password}, **headers)
    expect_equal(answer.status, 200, answer.body)
    return answer.headers["Set-Cookie"].split(";")[0]


def own_address():
    """An address of this machine that is not loopback: a caller from there is not local."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            request = struct.pack("256s", name.encode()[:15])
            with contextlib.suppress(OSError):
                ip = socket.inet_ntoa(fcntl.ioctl(probe.fileno(), 0x8915, request)[20:24])
                if not ip.startswith("127."):
                    return ip
    raise Skip("this machine has no address but loopback")


def s_01_first_start_makes_an_administrator(cluster):
    """S-01: off loopback nobody does anything without being somebody."""
    central, = cluster.mesh("central-1", bind="0.0.0.0")
    central.start()
    found = re.search(r"name +(\S+)\n +password +(\S+)\n", central.log())
    expect(found, "the password is printed", central.log())
    name, password = found.groups()
    with open(central.database, "rb") as file:
        expect(password.encode() not in file.read(), "the password is in the database")

    for method, path in (("GET", "/api/parking/history"), ("PUT", "/api/parking/fees"),
                         ("DELETE", "/api/parking/history/1"), ("POST", "/api/edge/event")):
        answer = call(central, method, path, None if method == "GET" else {})
        expect_equal((answer.status, answer.json["code"]), (401, "UNAUTHORIZED"), path)
    cookie = log_in(central, name, password)
    me = call(central, "GET", "/api/v1/me", cookie=cookie).json
    expect_equal((me["how"], me["name"], me["roles"]), ("session", name, list(REST)), "me")

    central.stop()
    central.start()
    expect_equal(len(re.findall(r"password +\S+\n", central.log())), 1, "printed once")
    me = call(central, "GET", "/api/v1/me", cookie=cookie).json
    expect_equal(me["how"], "session", "a session survives a restart")


def s_02_sessions(cluster):
    central, = cluster.mesh("central-1", trusted_proxies=["127.0.0.1"])
    central.start()
    add_account(central, "Lan", "operator")
    answer = call(central, "POST", "/api/v1/login", {"name": "lan", "password": PASSWORD})
    cookie = answer.headers["Set-Cookie"]
    for part in ("HttpOnly", "SameSite=Strict", "Path=/", "parkmesh_central-1="):
        expect(part in cookie, part, "in", cookie)
    expect("Secure" not in cookie, cookie)
    secure = call(central, "POST", "/api/v1/login", {"name": "Lan", "password": PASSWORD},
                  X_Forwarded_Proto="https").headers["Set-Cookie"]
    expect("; Secure" in secure, secure)

    first, second = cookie.split(";")[0], secure.split(";")[0]
    expect_equal(call(central, "GET", "/api/stats", cookie=first).status, 200, "logged in")
    expect_equal(call(central, "GET", "/api/p2p/config", cookie=first).json["code"], "FORBIDDEN",
                 "an operator is no administrator")
    expect_equal(call(central, "GET", "/api/stats", cookie=first[:-2]).status, 401, "cut cookie")

    # another page of the same site sends the cookie: it must not count
    central.stop()
    central.write_config([], cluster.secret, cors_origins=["*"])
    central.start()
    answer = call(central, "GET", "/api/stats", cookie=first, Origin="http://other.example")
    expect_equal(answer.status, 401, "a cookie from a page that only * allows")
    expect("Access-Control-Allow-Credentials" not in answer.headers, answer.headers)
    central.stop()
    central.write_config([], cluster.secret, cors_origins=["http://ui.example"])
    central.start()
    answer = call(central, "GET", "/api/stats", cookie=first, Origin="http://ui.example")
    expect_equal((answer.status, answer.headers.get("Access-Control-Allow-Credentials")),
                 (200, "true"), "a listed page")
    answer = call(central, "POST", "/api/p2p/stop", {}, cookie=first, Origin="http://evil.example")
    expect_equal(answer.status, 403, "S-02: a write from any other page")

    changed = call(central, "PUT", "/api/v1/me/password", {"old": PASSWORD, "new": PASSWORD * 2},
                   cookie=first)
    expect_equal(changed.status, 200, changed.body)
    expect_equal(call(central, "GET", "/api/stats", cookie=first).status, 200, "one's own session")
    expect_equal(call(central, "GET", "/api/stats", cookie=second).status, 401, "the others end")
    log_in(central, "Lan", PASSWORD * 2)

    answer = call(central, "POST", "/api/v1/logout", {}, cookie=first)
    expect("Max-Age=0" in answer.headers["Set-Cookie"], answer.headers)
    expect_equal(call(central, "GET", "/api/stats", cookie=first).status, 401, "after logging out")


def sessions_expire(cluster):
    central, = cluster.mesh("central-1")
    central.start()
    add_account(central, "an", "viewer")
    idle, old = log_in(central, "an"), log_in(central, "an")
    central.stop()
    with contextlib.closing(sqlite3.connect(central.database)) as db:
        rows = [row[0] for row in db.execute("SELECT rowid FROM session ORDER BY rowid")]
        db.execute("UPDATE session SET used = used - 12 * 3600000 WHERE rowid = ?", rows[:1])
        db.execute("UPDATE session SET started = started - 7 * 86400000 WHERE rowid = ?", rows[1:])
        db.commit()
    central.start()
    for cookie in (idle, old):
        expect_equal(call(central, "GET", "/api/stats", cookie=cookie).status, 401, "expired")
    log_in(central, "an")
    with contextlib.closing(sqlite3.connect(central.database)) as db:
        expect_equal(db.execute("SELECT count(*) FROM session").fetchone(), (1,), "sessions kept")


def guessing(cluster):
    """The same answer for an unknown account and a wrong password; then a pause."""
    central, = cluster.mesh("central-1")
    central.start()
    add_account(central, "an", "viewer")
    answers = [call(central, "POST", "/api/v1/login", {"name": name, "password": "x" * 12})
               for name in ("an", "nobody")]
    expect_equal([answer.status for answer in answers], [401, 401], "status")
    expect_equal(answers[0].json, answers[1].json, "answers")
    statuses = [call(central, "POST", "/api/v1/login", {"name": "an", "password": "x" * 12}).status
                for _ in range(5)]
    expect_equal(statuses, [401] * 4 + [429], "an allowance of five")
    answer = call(central, "POST", "/api/v1/login", {"name": "AN", "password": PASSWORD})
    expect_equal((answer.status, answer.json["code"]), (429, "TOO_MANY_ATTEMPTS"), "also when right")
    expect(int(answer.headers["Retry-After"]) > 0, answer.headers)
    kinds = [entry["kind"] for entry in central.get("/api/v1/audit?kind=LOGIN_FAILED").json["entries"]]
    expect_equal(len(kinds), 6, "failed logins in the audit")


def many_logins_at_once(cluster):
    """Logins are worked off two at a time; a crowd is sent away, gates do not wait for it."""
    central, = cluster.mesh("central-1")
    central.start()
    for i in range(4):
        add_account(central, "p%d" % i, "viewer")

    def attempt(i):
        return call(central, "POST", "/api/v1/login",
                    {"name": "p%d" % (i % 4), "password": PASSWORD}).status
    statuses = parallel(attempt, range(24), threads=24)
    expect(set(statuses) <= {200, 503, 429}, statuses)
    expect(200 in statuses, statuses)
    expect_equal(central.event("ENTRY", plate(1)).status, 200, "a gate")


def accounts(cluster):
    central, = cluster.mesh("central-1")
    central.start()
    made = central.request("POST", "/api/v1/accounts", {"name": "chief", "role": "admin"})
    expect_equal((made.status, made.headers["ETag"]), (201, '"1"'), made.body)
    chief = log_in(central, "chief", made.json["password"])

    def chiefs(method, path, body=None, **headers):
        return call(central, method, "/api/v1/accounts" + path, body, cookie=chief, **headers)
    for body, code in (({"name": "x", "role": "king", "password": PASSWORD}, "FIELD_INVALID"),
                       ({"name": "a b", "role": "viewer"}, "FIELD_INVALID"),
                       ({"name": "x", "role": "viewer", "password": "short"}, "FIELD_INVALID"),
                       ({"name": "CHIEF", "role": "viewer"}, "NAME_TAKEN"),
                       ({"role": "viewer"}, "FIELD_INVALID"), ({"name": "x"}, "FIELD_INVALID")):
        answer = chiefs("POST", "", body)
        expect_equal(answer.json["code"], code, body)
        expect(answer.headers["Content-Type"].startswith("application/problem+json"), answer.headers)
    expect_equal(chiefs("POST", "", {"name": "lan", "role": "viewer", "password": PASSWORD}).status,
                 201, "added")
    lan = log_in(central, "lan")
    expect_equal(chiefs("PUT", "/lan", {"role": "operator"}, If_Match='"9"').json["code"],
                 "PRECONDITION_FAILED", "an old tag")
    changed = chiefs("PUT", "/lan", {"role": "operator"}, If_Match='"1"')
    expect_equal((changed.status, changed.headers["ETag"], changed.json["role"]),
                 (200, '"2"', "operator"), "changed")
    expect("operator" in call(central, "GET", "/api/v1/me", cookie=lan).json["roles"], "at once")
    expect_equal(chiefs("PUT", "/nobody", {"role": "viewer"}).status, 404, "unknown")
    for method, body in (("PUT", {"role": "viewer"}), ("DELETE", None)):
        expect_equal(chiefs(method, "/chief", body).json["code"], "LAST_ADMIN", method)
    names = [account["name"] for account in chiefs("GET", "").json["accounts"]]
    expect_equal(names, ["chief", "lan"], "the list")
    expect("argon" not in chiefs("GET", "").body.decode(), "no hash is shown")
    expect_equal(chiefs("DELETE", "/lan", None, If_Match='"2"').status, 200, "removed")
    expect_equal(call(central, "GET", "/api/stats", cookie=lan).status, 401, "and its sessions")


def tokens(cluster):
    central, = cluster.mesh("central-1")
    central.start()
    made = central.request("POST", "/api/v1/tokens", {"name": "grafana", "role": "viewer"})
    expect_equal(made.status, 201, made.body)
    secret = made.json["token"]
    with open(central.database + "-wal", "rb") as file:
        expect(secret.encode() not in file.read(), "the token is in the database")
    expect("token" not in central.get("/api/v1/tokens/grafana").json, "shown once")
    expect_equal(call(central, "GET", "/api/stats", bearer=secret).status, 200, "it opens")
    me = call(central, "GET", "/api/v1/me", bearer=secret).json
    expect_equal((me["how"], me["name"]), ("token", "token:grafana"), "me")
    expect_equal(call(central, "GET", "/api/v1/tokens", bearer=secret).status, 403, "its scope")
    expect_equal(call(central, "GET", "/api/stats", bearer=secret[:-1]).status, 401, "cut")

    for body in ({"name": "x", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"},
                 {"name": "x", "role": "viewer", "expires_at": "soon"}, {"name": "x"},
                 {"name": "grafana", "role": "viewer"}):
        expect(central.request("POST", "/api/v1/tokens", body).status in (400, 409), body)
    changed = central.request("PUT", "/api/v1/tokens/grafana", {"role": "metrics"},
                              headers={"If-Match": made.headers["ETag"]})
    expect_equal((changed.status, changed.json["role"]), (200, "metrics"), "changed")
    expect_equal(call(central, "GET", "/api/stats", bearer=secret).status, 403, "another scope")
    expect_equal(central.request("DELETE", "/api/v1/tokens/grafana").status, 200, "revoked")
    expect_equal(call(central, "GET", "/api/v1/me", bearer=secret).json["how"], "none", "revoked")

    short = central.request("POST", "/api/v1/tokens", {"name": "short", "role": "viewer"}).json
    central.stop()
    with contextlib.closing(sqlite3.connect(central.database)) as db:
        db.execute("UPDATE token SET expires = 1")
        db.commit()
    central.start()
    expect_equal(call(central, "GET", "/api/stats", bearer=short["token"]).status, 401, "expired")
    expect(central.get("/api/v1/tokens/short").json["expired"], "and is listed as such")


def open_socket(central, path="/ws/history", cookie=None, bearer=None):
    headers = {**AWAY, **({"Cookie": cookie} if cookie else {}),
               **({"Authorization": "Bearer " + bearer} if bearer else {})}
    socket_ = WebSocket(central.ip, central.api_port, path, headers, timeout=20)
    expect_equal(socket_.status, 101, path)
    return socket_


def close_code(socket_):
    """That with which the central ends it; fails when it stays open."""
    while socket_.receive() is not None:
        pass
    return socket_.close_code


def sockets_end_with_their_caller(cluster):
    """An open WebSocket is worth what its session or token is worth, not what it once was."""
    central, = cluster.mesh("central-1")
    central.start()
    for name in ("lan", "an", "minh"):
        add_account(central, name, "viewer")
    stays, changes, revoked = (
        central.request("POST", "/api/v1/tokens", {"name": name, "role": "operator"}).json["token"]
        for name in ("grafana", "desk", "gone"))
    own, other = log_in(central, "lan"), log_in(central, "lan")
    an, minh = log_in(central, "an"), log_in(central, "minh")
    kept = [open_socket(central, cookie=own), open_socket(central, bearer=stays),
            open_socket(central, "/ws/events", cookie=own)]

    for what, socket_, change in (
            ("a changed password ends the others", open_socket(central, cookie=other),
             lambda: call(central, "PUT", "/api/v1/me/password",
                          {"old": PASSWORD, "new": PASSWORD * 2}, cookie=own)),
            ("a logout", open_socket(central, "/ws/cameras", cookie=an),
             lambda: call(central, "POST", "/api/v1/logout", {}, cookie=an)),
            ("another role", open_socket(central, cookie=minh),
             lambda: central.request("PUT", "/api/v1/accounts/minh", {"role": "metrics"})),
            ("a token's other role", open_socket(central, "/ws/edge", bearer=changes),
             lambda: central.request("PUT", "/api/v1/tokens/desk", {"role": "viewer"})),
            ("a revoked token", open_socket(central, "/ws/events", bearer=revoked),
             lambda: central.request("DELETE", "/api/v1/tokens/gone"))):
        answer = change()
        expect_equal(answer.status, 200, answer.body)
        expect_equal(close_code(socket_), 1008, what)

    removed = open_socket(central, cookie=log_in(central, "an"))
    expect_equal(central.request("DELETE", "/api/v1/accounts/an").status, 200, "removed")
    expect_equal(close_code(removed), 1008, "a removed account")

    # who had nothing to do with it has stayed and still hears
    central.entry(plate(1))
    for socket_ in kept:
        expect(socket_.receive() is not None, "still open", socket_.close_code)


def routes(central):
    """(method, path) of the server's own table, as its test of roles lists them."""
    with open(ROLES, encoding="utf-8") as file:
        rows = re.findall(r'\{"(\w+)", "([^"]+)", (ALL|"\w+")\}', file.read())
    expect(len(rows) > 20, "rows", len(rows))
    letters = dict(zip("vohem", REST))
    return [(method, path, set(REST) if who == "ALL" else {letters[c] for c in who.strip('"')})
            for method, path, who in rows]


def every_cell_over_http(cluster):
    """A call of each role, and of nobody, on each route: refused exactly where the matrix says."""
    central, = cluster.mesh("central-1")
    central.start()
    secrets = {role: central.request("POST", "/api/v1/tokens", {"name": role, "role": role}
                                     ).json["token"] for role in REST}
    for method, path, who in routes(central):
        if path in ("/api/v1/login", "/api/v1/me/password", "/ws/p2p") or path.endswith("/diff"):
            continue  # refuse by themselves (/ws/p2p: test_48_peer_frames.py), or ask peers
        target = re.sub(r"\{\w+\}", "999999", path)
        for role in (*REST, None):
            headers = {"Upgrade": "websocket", "Connection": "Upgrade"} if method == "WS" else {}
            # a body that is no JSON: whoever may come in is told so, and nothing happens
            body = b"{" if method in ("POST", "PUT", "DELETE") else None
            if method == "WS":
                central.forget_connections()  # half a handshake ends its connection
            answer = central.request("GET" if method == "WS" else method, target, body,
                                     headers={**AWAY, **headers, **(
                                         {"Authorization": "Bearer " + secrets[role]}
                                         if role else {})})
            refused = 401 if role is None else 403
            may = role in who if role else who == set(REST)
            expect((answer.status != refused) == may, role, method, path, answer.status,
                   answer.body[:200])


def s_01_authors(cluster):
    """S-01: who is logged in is the author, whatever the body says."""
    central, = cluster.mesh("central-1")
    central.start()
    add_account(central, "lan", "operator")
    token = central.request("POST", "/api/v1/tokens", {"name": "desk", "role": "operator"}).json
    cookie = log_in(central, "lan")
    ids = [central.event("ENTRY", plate(i)).json["history_id"] for i in range(3)]
    body = {"author": "Somebody", "reason": "nhầm"}
    call(central, "DELETE", "/api/parking/history/%d" % ids[0], body, cookie=cookie)
    call(central, "DELETE", "/api/parking/history/%d" % ids[1], body, bearer=token["token"])
    central.request("DELETE", "/api/parking/history/%d" % ids[2], body)  # from loopback
    changes = central.get("/api/parking/history/changes").json["changes"]
    expect_equal([change["changed_by"] for change in changes],
                 ["Somebody", "token:desk", "lan"], "authors")


def audit(cluster):
    first, second = cluster.mesh("central-1", "central-2")
    first.start()
    second.start()
    add_account(first, "lan", "admin")
    cookie = log_in(first, "lan")
    row = second.event("ENTRY", plate(7)).json
    second.request("DELETE", "/api/parking/history/%d" % row["history_id"],
                   {"author": "Minh", "reason": "xe nội bộ"})
    call(first, "PUT", "/api/parking/fees", {"fees": {"fee_per_hour": 20000}}, cookie=cookie)
    call(first, "PUT", "/api/p2p/config", {"heartbeat_ms": 600}, cookie=cookie)

    def entries(query=""):
        return first.get("/api/v1/audit?limit=100" + query).json["entries"]
    wait_until(lambda: any(entry["author"] == "Minh" for entry in entries()), 10, "replicated")
    kinds = {entry["kind"]: entry for entry in entries()}
    expect_equal(kinds["HISTORY_DELETE"]["central"], "central-2", "where")
    expect_equal(kinds["HISTORY_DELETE"]["reason"], "xe nội bộ", "why")
    expect_equal(kinds["CONFIGURATION_CHANGED"]["author"], "lan", "who")
    expect_equal(kinds["CONFIGURATION_CHANGED"]["detail"], "heartbeat_ms", "what")
    expect_equal(kinds["LOGIN"]["address"], "127.0.0.1", "where from: no proxy is trusted")
    expect("CONFIG_UPDATE" in kinds and "ACCOUNT_ADDED" in kinds, sorted(kinds))
    expect_equal({entry["kind"] for entry in entries("&author=Minh")}, {"HISTORY_DELETE"}, "author")
    expect_equal({entry["kind"] for entry in entries("&kind=LOGIN")}, {"LOGIN"}, "kind")
    expect_equal(first.get("/api/v1/audit?kind=NOPE").status, 422, "unknown kind")
    last = entries()[0]["time"]
    expect_equal(entries("&since=2090-01-01T00:00:00Z"), [], "since")
    expect(all(entry["time"] < last for entry in entries("&until=" + last)), "until")

    whole, pages, cursor = entries(), [], ""
    while True:
        page = first.get("/api/v1/audit?limit=2" + cursor).json
        pages += page["entries"]
        if not page["next"]:
            break
        cursor = "&cursor=" + page["next"]
    expect_equal(pages, whole, "pages")
    times = [entry["time"] for entry in whole]
    expect_equal(times, sorted(times, reverse=True), "newest first")
    expect_equal(call(first, "GET", "/api/v1/audit?cursor=9-9-9").status, 401, "for administrators")


def s_05_camera_by_address(cluster):
    """S-05: existing cameras cannot log in; their address opens the gate's door and no other."""
    ip = own_address()
    central, = cluster.mesh("central-1", bind="0.0.0.0",
                            cameras={"items": {"3": {"name": "Cổng", "ip": ip}}})
    central.start()

    def from_camera(method, path, body=None, **headers):
        with socket.create_connection((ip, central.api_port), timeout=20) as link:
            data = json.dumps(body).encode() if body is not None else b""
            lines = ["%s %s HTTP/1.1" % (method, path), "Host: x", "Connection: close",
                     "Content-Length: %d" % len(data)]
            lines += ["%s: %s" % (name.replace("_", "-"), value) for name, value in headers.items()]
            link.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + data)
            answer = b""
            while part := link.recv(65536):
                answer += part
        return int(answer.split()[1])

    event = camera_event("ENTRY", plate(1))
    expect_equal(from_camera("POST", "/api/edge/event", event), 200, "an event")
    expect_equal(from_camera("GET", "/api/parking/history"), 401, "history")
    expect_equal(from_camera("PUT", "/api/parking/fees", {}), 401, "tariff")
    expect_equal(from_camera("POST", "/api/edge/event", event, X_Forwarded_For="10.0.0.1"), 401,
                 "somebody behind a proxy there")
    box = WebSocket(ip, central.api_port, "/ws/edge")
    box.send(b'{"edge_id": 3}')
    expect_equal(box.receive()["type"], "connected", "a camera's socket")
    central.request("PUT", "/api/p2p/config", {"cameras": {"items": {
        "3": {"name": "Cổng", "ip": "198.51.100.9"}}}})
    wait_until(lambda: from_camera("POST", "/api/edge/event", event) == 401, 10,
               "the camera has another address")
    expect_equal(close_code(box), 1008, "and its socket has ended")


def forgotten_password(cluster):
    central, = cluster.mesh("central-1")
    central.start()
    add_account(central, "chief", "admin")
    cookie = log_in(central, "chief")

    def reset(name):
        return program("account", "reset", name, "--config", central.config_file,
                       "--data", central.data)
    for is_running in (True, False):
        if not is_running:
            central.stop()
        status, out, err = reset("chief")
        expect_equal(status, 0, out + err)
        password = re.search(r"password +(\S+)", out).group(1)
        if not is_running:
            central.start()
        expect_equal(call(central, "GET", "/api/stats", cookie=cookie).status, 401, "old sessions")
        cookie = log_in(central, "chief", password)
    status, out, err = reset("nobody")
    expect(status != 0 and "NOT_FOUND" in err, status, out, err)


if __name__ == "__main__":
    run(s_01_first_start_makes_an_administrator, s_02_sessions, sessions_expire, guessing,
        many_logins_at_once, accounts, tokens, sockets_end_with_their_caller, every_cell_over_http,
        s_01_authors, audit, s_05_camera_by_address, forgotten_password)
