"""Centrals get to know each other over HTTP: add, register, unregister, test, accept."""

import hashlib
import hmac
import socket
import threading
import time

from cluster import expect, expect_equal, file_hash, free_port, plate, run, wait_linked, \
    wait_same, wait_until

CONFIG = "/api/p2p/config"
PEERS = "/api/v1/peers"
STRANGER = {"X-Forwarded-For": "10.20.0.8"}  # then nobody is local, and nobody an administrator


def pair(cluster, *ids):
    """Centrals that hold the secret and know nobody."""
    centrals = [cluster.new(name) for name in ids]
    for central in centrals:
        cluster.connect(central, [])
        central.start()
    return centrals


def configured(central):
    return {p["id"]: p for p in central.get(CONFIG).json["config"]["peer_centrals"]}


def listed(central):
    return {p["id"]: p for p in central.get(PEERS).json["peers"]}


def add(central, other):
    return central.post("/api/p2p/add-peer", {"ip": other.ip, "api_port": other.api_port})


def info(cluster):
    a, = pair(cluster, "central-1")
    answer = a.get("/api/p2p/info", headers=STRANGER)
    expect_equal(answer.status, 200, str(answer))
    expect_equal(answer.json["info"], {"id": "central-1", "ip": a.ip, "api_port": a.api_port,
                                       "p2p_port": a.p2p_port, "software": "parkmesh"}, "who it is")


def add_links_both(cluster):
    """R-25, R-26: one call at one of both, ports other than the usual ones, and they are linked."""
    a, b = pair(cluster, "central-1", "central-2")
    answer = add(a, b)
    expect_equal((answer.status, answer.json["success"]), (200, True), str(answer))
    expect_equal(answer.json["peer"]["id"], "central-2", str(answer))
    expect_equal(answer.json["registration_success"], True, str(answer))
    expect_equal(configured(a)["central-2"]["api_port"], b.api_port, "R-26 at A")
    expect_equal(configured(a)["central-2"]["p2p_port"], b.p2p_port, "learned from B")
    expect_equal(configured(b)["central-1"]["api_port"], a.api_port, "R-26 at B")
    wait_linked([a, b])
    expect_equal(a.get("/api/p2p/status").json["total_peers"], 1, "R-25: at once")
    a.entry(plate(1))
    wait_same([a, b])
    peers = a.get("/api/p2p/status").json["peers"]
    expect_equal([(p["peer_id"], p["status"], p["connected"]) for p in peers],
                 [("central-2", "connected", True)], "one element a peer, with both")
    again = add(a, b)
    expect_equal((again.status, again.json["success"]), (400, False), "configured already")


def refused_at_once(cluster):
    """R-29: equal ids and one's own address."""
    a, b = pair(cluster, "central-1", "central-1")
    before = file_hash(a.config_file), file_hash(b.config_file)
    for answer in (add(a, b), add(a, a)):
        expect_equal((answer.status, answer.code), (409, "DUPLICATE_ID"), str(answer))
    answer = a.post("/api/p2p/register-peer", {"id": "central-1", "ip": b.ip, "api_port": 8000})
    expect_equal((answer.status, answer.code), (409, "DUPLICATE_ID"), str(answer))
    for body in ({}, {"ip": ""}, {"ip": "10.0.0.1/x"}, {"ip": "u@10.0.0.1"}, {"ip": 7},
                 {"ip": b.ip, "api_port": 0}, {"ip": b.ip, "api_port": "x"}):
        expect_equal(a.post("/api/p2p/add-peer", body).status, 422, body)
    for ip, kind in ((5, "type_error.str"), ("10.0.0.1/x", "value_error")):
        answer = a.post("/api/p2p/add-peer", {"ip": ip})
        expect_equal(answer.json["detail"][0]["type"], kind, "what is wrong with it")
    for body in ({}, {"id": "x"}, {"id": "x", "ip": "10.0.0.1"}, {"ip": "10.0.0.1", "api_port": 1}):
        expect_equal(a.post("/api/p2p/register-peer", body).status, 422, body)
    expect_equal(a.post("/api/p2p/add-peer", {"ip": a.ip, "api_port": free_port(a.ip)}).status, 400,
                 "nobody there")
    expect_equal((file_hash(a.config_file), file_hash(b.config_file)), before, "files")


def silent_address(cluster):
    """P-05: a machine that takes the call and says nothing holds up nobody else."""
    a, = pair(cluster, "central-1")
    with socket.socket() as hole:
        hole.bind((a.ip, free_port(a.ip)))
        hole.listen()
        answers = []
        caller = threading.Thread(target=lambda: answers.append(a.post(
            "/api/p2p/add-peer", {"ip": a.ip, "api_port": hole.getsockname()[1]})))
        caller.start()
        taken, _ = hole.accept()  # the call is under way
        expect_equal(a.entry(plate(1)).status, 200, "a gate meanwhile")
        expect_equal(a.get("/api/p2p/status").status, 200, "a page meanwhile")
        expect(not answers, "the call still waits")
        taken.close()
        caller.join()
        expect_equal(answers[0].status, 400, str(answers[0]))


def moved(cluster):
    """R-27: another address of B, told by registering again, is followed at once."""
    a, b = pair(cluster, "central-1", "central-2")
    add(a, b)
    wait_linked([a, b])
    port = free_port(b.ip)
    expect_equal(b.put(CONFIG, {"this_central": {"p2p_port": port}}).status, 200, "B moves")
    b.p2p_port = port
    wait_until(lambda: configured(a)["central-2"]["p2p_port"] == port, 20,
               lambda: "A was told: %s" % configured(a))
    wait_linked([a, b])
    a.entry(plate(1))
    wait_same([a, b])


def put_tells(cluster):
    """registration_results, and removing at one of both removes at the other."""
    a, b, c = pair(cluster, "central-1", "central-2", "central-3")
    c.kill9()
    answer = a.put(CONFIG, {"peer_centrals": [b.address(), c.address()]})
    expect_equal(answer.status, 200, str(answer))
    results = {r["peer_id"]: r["success"] for r in answer.json["registration_results"]}
    expect_equal(results, {"central-2": True, "central-3": False}, str(answer))
    expect_equal(set(configured(a)), {"central-2", "central-3"}, "stored, whatever they said")
    wait_linked([a, b])
    answer = a.put(CONFIG, {"peer_centrals": []})
    expect_equal(answer.json["unregistration_results"][0]["success"], True, str(answer))
    expect_equal(configured(b), {}, "B forgot A")
    expect_equal(a.get("/api/p2p/status").json["standalone_mode"], True, "R-25")


def strangers_ask(cluster):
    """S-04, S-07: without the secret a central only asks, and a person decides."""
    a, b = pair(cluster, "central-1", "central-2")
    body = {"id": "central-2", "ip": b.ip, "api_port": b.api_port, "p2p_port": b.p2p_port}
    answer = a.post("/api/p2p/register-peer", body, headers=STRANGER)
    expect_equal((answer.status, answer.json["success"], answer.code),
                 (200, False, "AWAITING_APPROVAL"), str(answer))
    expect_equal(configured(a), {}, "nothing happened yet")
    asks = listed(a)["central-2"]
    expect_equal((asks["state"], asks["asks"], asks["has_secret"]), ("pending", "join", False),
                 "in the list")
    expect(asks["asked_from"].startswith("127."), "no proxy is trusted:", asks)
    expect_equal(a.post(PEERS + "/central-2/accept", headers=STRANGER).status, 401, "who may")
    answer = a.post(PEERS + "/central-2/accept")
    expect_equal((answer.status, answer.json["action"]), (200, "added"), str(answer))
    expect_equal(answer.json["told"]["success"], True, str(answer))
    wait_linked([a, b])
    expect_equal(listed(a)["central-2"]["asks"], None, "nothing is asked any more")

    leave = "/api/p2p/unregister-peer?peer_id=central-2"
    answer = a.post(leave, headers=STRANGER)
    expect_equal((answer.status, answer.code), (200, "AWAITING_APPROVAL"), "S-07: %s" % answer)
    expect(a.peers()["central-2"]["connected"], "S-07: the link stays")
    expect_equal(listed(a)["central-2"]["asks"], "leave", "in the list")
    expect_equal(a.post(leave, headers=dict(STRANGER, Origin="http://10.20.0.8:3000")).status, 403,
                 "a page of another origin")
    expect_equal(a.post("/api/p2p/unregister-peer?peer_id=nobody").status, 404, "unknown")
    expect_equal(a.post("/api/p2p/unregister-peer").status, 422, "without an id")
    answer = a.delete(PEERS + "/central-2")
    expect_equal((answer.status, answer.json["action"]), (200, "removed"), str(answer))
    expect_equal((configured(a), configured(b)), ({}, {}), "both forgot the other")
    expect_equal(a.delete(PEERS + "/central-2").status in (200, 404), True, "again is harmless")


def door(cluster):
    """One that stands at the mesh's door is in the same list, and accepted in the same way."""
    a, b = pair(cluster, "central-1", "central-2")
    b.put(CONFIG, {"peer_centrals": [a.address()]})
    a.post("/api/p2p/unregister-peer?peer_id=central-2")  # A forgets what B told it
    wait_until(lambda: listed(a).get("central-2", {}).get("state") == "pending", 20,
               lambda: str(listed(a)))
    expect_equal(listed(a)["central-2"]["has_secret"], True, "it showed so")
    answer = a.post(PEERS + "/central-2/accept")
    expect_equal((answer.status, answer.json["action"]), (200, "added"), str(answer))
    # Here its address at the door is 127.0.0.1, where it does not listen: it dials.
    wait_linked([a, b])


def key_of(secret):
    """docs/protocol.md, section 2; None without Argon2id in this Python."""
    try:
        from argon2.low_level import Type, hash_secret_raw  # pylint: disable=import-outside-toplevel
    except ImportError:
        return None
    derived = hash_secret_raw(secret.encode(), b"parkmesh-mesh-v1", 3, 16384, 1, 64, Type.ID)
    return hashlib.blake2b(b"parkmesh-http-v1", key=derived[48:], digest_size=32).digest()


def seals(cluster):
    """A seal holds once, for one central, for a minute."""
    a, b = pair(cluster, "central-1", "central-2")
    with socket.socket() as tap:  # A tells B, but we stand there
        tap.bind((b.ip, free_port(b.ip)))
        tap.listen()
        fake = dict(b.address(), api_port=tap.getsockname()[1])
        caller = threading.Thread(target=lambda: a.put(CONFIG, {"peer_centrals": [fake]}))
        caller.start()
        taken, _ = tap.accept()
        heard = b""
        while b"\r\n\r\n" not in heard or not heard.endswith(b"}"):
            heard += taken.recv(4096)
        taken.sendall(b"HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n")
        taken.close()
        caller.join()
    head, body = heard.split(b"\r\n\r\n", 1)
    seal = [line.split(b": ", 1)[1] for line in head.split(b"\r\n")
            if line.lower().startswith(b"x-parkmesh-seal")][0].decode()
    sealed = dict(STRANGER, **{"X-ParkMesh-Seal": seal})
    key = key_of(cluster.secret)
    if key:
        text = b"parkmesh-http-1\nPOST\n/api/p2p/register-peer\n%s\n%s" % (
            seal.split()[1].encode(), body)
        expect(hmac.compare_digest(hashlib.blake2b(text, key=key, digest_size=32).hexdigest(),
                                   seal.split()[2]), "as documented")
    register = "/api/p2p/register-peer"
    other = body.replace(b"central-1", b"central-9")
    expect_equal(b.post(register, other, headers=sealed).code, "AWAITING_APPROVAL", "other body")
    expect_equal(a.post(register, body.replace(b"central-1", b"central-8")).status, 404,
                 "for another central, whoever sends it")
    answer = b.post(register, body, headers=sealed)
    expect_equal((answer.json["success"], answer.json["action"]), (True, "added"), str(answer))
    b.delete(PEERS + "/central-1")
    answer = b.post(register, body, headers=sealed)
    expect_equal(answer.code, "AWAITING_APPROVAL", "a replay: %s" % answer)


def tested(cluster):
    """test-connection sends a message over the link, whichever way it was dialled (R-36)."""
    a, b = pair(cluster, "central-1", "central-2")
    test = "/api/p2p/test-connection"
    expect_equal(a.post(test).status, 422, "without an id")
    answer = a.post(test + "?peer_id=central-2")
    expect_equal((answer.status, answer.code), (400, "LINK_DOWN"), "unknown: %s" % answer)
    add(a, b)
    wait_linked([a, b])
    before = a.peers()["central-2"]["messages_sent"]
    for central, peer in ((a, "central-2"), (b, "central-1")):
        answer = central.post(test + "?peer_id=" + peer)
        expect_equal((answer.status, answer.json["success"]), (200, True), str(answer))
        expect(0 <= answer.json["rtt_ms"] < 60000, answer)
    expect(a.peers()["central-2"]["messages_sent"] > before, "something was sent")
    b.kill9()
    wait_until(lambda: not a.peers()["central-2"]["connected"], 20, "the link is down")
    started = time.monotonic()
    answer = a.post(test + "?peer_id=central-2")
    expect_equal((answer.status, answer.code), (400, "LINK_DOWN"), str(answer))
    expect(time.monotonic() - started < 60, "answered")


run(info, add_links_both, refused_at_once, silent_address, moved, put_tells, strangers_ask, door,
    seals, tested)
