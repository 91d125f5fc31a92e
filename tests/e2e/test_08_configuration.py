"""The configuration is changed while the central runs: over the API, by SIGHUP."""

import json
import os
import signal
import socket

from cluster import expect, expect_equal, file_hash, free_port, plate, run, wait_linked, \
    wait_same, wait_until

CONFIG = "/api/p2p/config"


def link_ages(central):
    """Connected peers and since when."""
    return {name: peer["since"] for name, peer in central.peers().items() if peer["connected"]}


def r_25_put_adds_and_removes(cluster):
    """Links follow the configuration at once, when peers are added and when they are removed."""
    a, b, c = centrals = [cluster.new("central-%d" % number) for number in (1, 2, 3)]
    cluster.connect(a, [b])
    cluster.connect(b, [a])
    cluster.connect(c, [a])
    for central in centrals:
        central.start()
    wait_linked([a, b])
    # C has the secret but is not configured at A: shown as pending, gets nothing.
    wait_until(lambda: a.peers().get("central-3", {}).get("status") == "pending", 20,
               lambda: str(a.peers()))
    a.entry(plate(1))
    before = link_ages(a)

    answer = a.put(CONFIG, {"peer_centrals": [b.address(), c.address()]})
    expect_equal((answer.status, answer.json["success"]), (200, True), str(answer))
    wait_linked([a, c])
    wait_until(lambda: c.history(), 10, "the entry at C")
    expect_equal(link_ages(a)["central-2"], before["central-2"], "B's link was kept")
    stored = a.read_config()
    expect_equal({p["id"]: p["p2p_port"] for p in stored["peer_centrals"]},
                 {"central-2": b.p2p_port, "central-3": c.p2p_port}, "R-26: ports kept")
    expect_equal(stored["mesh_secret"], cluster.secret, "secret kept")

    shown = a.get(CONFIG)
    expect(cluster.secret not in shown.body.decode(), "the secret is never shown")
    expect_equal(shown.json["config"]["this_central"]["id"], "central-1", "GET")

    answer = a.put(CONFIG, shown.json["config"])
    expect_equal(answer.status, 200, "all of it sent back: %s" % answer)
    expect_equal(a.read_config()["mesh_secret"], cluster.secret, "secret kept")
    wait_linked([a, b])
    wait_linked([a, c])
    # A client that sends back what it got, less one peer.
    config = shown.json["config"]
    config["peer_centrals"] = [p for p in config["peer_centrals"] if p["id"] != "central-2"]
    answer = a.put(CONFIG, {"this_central": config["this_central"],
                            "peer_centrals": config["peer_centrals"]})
    expect_equal(answer.status, 200, str(answer))
    wait_until(lambda: not a.peers().get("central-2", {}).get("connected"), 10, "B's link is gone")
    expect_equal(a.get("/api/p2p/status").json["total_peers"], 1, "total_peers")
    expect_equal(a.read_config()["peer_centrals"][0]["p2p_port"], c.p2p_port, "port kept again")


def r_29_d_05_put_refused(cluster):
    """A peer without an address, or with this central's own id, is refused and the file stays."""
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    wait_linked([a, b])
    before = file_hash(a.config_file), link_ages(a)
    for change, word in [
            ({"peer_centrals": [{"id": "central-2", "ip": ""}]}, "ip"),           # D-05
            ({"peer_centrals": [{"ip": "127.0.0.1"}]}, "id"),
            ({"peer_centrals": [a.address()]}, "central-1"),
            ({"peer_centrals": [b.address(), b.address()]}, "central-2"),
            ({"this_central": {"id": "no good"}}, "id"),
            ({"this_central": {"api_port": 0}}, "api_port"),
            ({"this_central": {"api_port": a.p2p_port}}, "port"),
            ({"this_central": "x"}, "this_central"),
            ({"peer_centrals": "x"}, "peer_centrals"),
            ({"surprise": 1}, "surprise")]:
        answer = a.put(CONFIG, change)
        expect(answer.status in (400, 409) and answer.json["success"] is False, change, answer)
        expect(word in answer.json["error"], "wanted", word, "for", change, "in", answer)
        expect(answer.code, change, answer)
    expect_equal((file_hash(a.config_file), link_ages(a)), before, "file and links")
    expect_equal(sorted(os.listdir(os.path.dirname(a.config_file))), ["p2p_config.json"],
                 "no temporary files")


def r_27_ports_move(cluster):
    """A peer that moves is dialled at its new address without a restart."""
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    wait_linked([a, b])
    port = free_port(a.ip)
    answer = a.put(CONFIG, {"this_central": {"api_port": port}})
    expect_equal((answer.status, answer.json["success"]), (200, True), "answered first")
    a.port = a.api_port = port
    a.forget_connections()
    a.wait_ready()
    expect(a.entry(plate(1)).json["success"], "entry at the new port")
    wait_until(lambda: b.history(), 10, "the entry at B")

    port = free_port(a.ip)
    answer = a.put(CONFIG, {"this_central": {"p2p_port": port}})
    expect_equal(answer.status, 200, str(answer))
    a.p2p_port = port
    expect_equal(b.put(CONFIG, {"peer_centrals": [a.address()]}).status, 200, "told B")
    wait_linked([a, b])
    a.entry(plate(2))
    wait_same([a, b])


def occupied_port(cluster):
    """A port of another program is refused at once: no file changes, here or at a peer."""
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    wait_linked([a, b])
    before = file_hash(a.config_file), file_hash(b.config_file), link_ages(a)
    for key in ("api_port", "p2p_port"):
        with socket.socket() as other:
            port = free_port(a.ip)
            other.bind((a.ip, port))
            other.listen()
            answer = a.put(CONFIG, {"this_central": {key: port}})
            expect_equal((answer.status, answer.code), (409, "PORT_IN_USE"), str(answer))
            expect(key in answer.json["error"] and str(port) in answer.json["error"], answer)
            expect("registration_results" not in answer.json, "nobody was told:", answer)
            expect_equal((file_hash(a.config_file), file_hash(b.config_file), link_ages(a)), before,
                         key)
            expect("last_error" not in a.get(CONFIG).json, "it was not tried")
    expect("CONFIG_REVERTED" not in a.log(), a.log())
    expect(a.entry(plate(1)).json["success"], "entry")
    wait_same([a, b])


def taken_back(cluster):
    """A change that fails after its answer: the old ports are back, at the others' too."""
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    wait_linked([a, b])
    before = a.read_config()
    # Each port is free of others, but the one is not given up before the other is bound.
    answer = a.put(CONFIG, {"this_central": {"api_port": a.p2p_port, "p2p_port": a.api_port}})
    expect_equal(answer.status, 200, str(answer))
    expect(answer.json["registration_results"][0]["success"], "B was told:", answer)
    wait_until(lambda: "CONFIG_REVERTED" in a.log(), 10, "it fails")
    a.forget_connections()
    wait_until(lambda: b.read_config()["peer_centrals"] == [a.address()], 20,
               lambda: "B knows where A is: %s" % b.read_config())
    wait_until(lambda: a.read_config() == before, 5, lambda: "file restored: %s" %
               json.dumps(a.read_config()))
    shown = a.get(CONFIG).json
    expect_equal(shown["last_error"]["code"], "PORT_IN_USE", "its fate: %s" % shown)
    expect(str(a.api_port) in shown["last_error"]["error"], shown)
    expect_equal(shown["config"]["this_central"]["p2p_port"], a.p2p_port, "what is in force")
    wait_linked([a, b])
    expect(a.entry(plate(1)).json["success"], "entry")
    wait_same([a, b])


def hangup(cluster):
    a, b = cluster.new("central-1"), cluster.new("central-2")
    cluster.connect(a, [])
    cluster.connect(b, [a])
    a.start()
    b.start()
    a.write_config([b.address()], cluster.secret)
    a.signal(signal.SIGHUP)
    wait_linked([a, b])

    a.write_config_text('{"this_central": {"id": "central-1"')
    a.signal(signal.SIGHUP)
    wait_until(lambda: "CONFIG_INVALID" in a.log(), 10, "the error in the log")
    expect(a.running() and a.entry(plate(1)).json["success"], "the old one stays in force")
    wait_linked([a, b])
    wait_until(lambda: b.history(), 10, "the entry at B")


def hangup_without_a_file(cluster):
    """No file, none that can be read, an empty one: the central stays what it is, and nothing is made."""
    a, b = cluster.mesh("central-7", "central-8")
    a.start()
    b.start()
    wait_linked([a, b])
    before, good = (a.get(CONFIG).json, link_ages(a)), a.config_file + ".good"
    os.rename(a.config_file, good)
    for number, (make, take, word) in enumerate([
            (lambda: None, lambda: None, "there is no file"),
            (lambda: os.mkdir(a.config_file), lambda: os.rmdir(a.config_file), "cannot read"),
            (lambda: a.write_config_text(""), lambda: os.remove(a.config_file), "CONFIG_INVALID")]):
        make()
        a.signal(signal.SIGHUP)
        wait_until(lambda n=number: a.log().count("CONFIG_KEPT") > n or "CONFIG_APPLIED" in a.log(),
                   10, "what came of it")
        expect("CONFIG_APPLIED" not in a.log(), word, a.log())
        expect(word in a.log() and a.config_file in a.log(), "what and where:", word, a.log())
        expect_equal((a.get(CONFIG).json, link_ages(a)), before, word)
        take()  # fails when a file was made
    expect_equal(os.path.exists(a.config_file), False, "nothing was made")
    os.rename(good, a.config_file)
    a.signal(signal.SIGHUP)
    wait_until(lambda: "CONFIG_APPLIED" in a.log(), 10, "the file is back")
    expect_equal((a.get(CONFIG).json, link_ages(a)), before, "the same as ever")


def put_without_a_file(cluster):
    """There is nothing to lay a change over: that is said, and no file of a lone central is made."""
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    kept = open(a.config_file, encoding="utf-8").read()
    os.unlink(a.config_file)
    for what, change in [
            ("PUT", lambda: a.put(CONFIG, {"heartbeat_ms": 1000})),
            ("a new port", lambda: a.put(CONFIG, {"this_central": {"api_port": free_port(a.ip)}})),
            ("forget one", lambda: a.post("/api/p2p/unregister-peer?peer_id=central-2")),
            ("take one in", lambda: a.post("/api/p2p/register-peer", b.address()))]:
        answer = change()
        expect_equal((answer.status, answer.code), (500, "CONFIG_UNREADABLE"), what)
        expect("there is no file " + a.config_file in answer.json["error"], what, answer)
        expect("put it back" in answer.json["hint"], what, answer)
        expect(not os.path.exists(a.config_file), what, "made a file")
    with open(a.config_file, "w", encoding="utf-8") as file:
        file.write(kept)
    expect_equal(a.put(CONFIG, {"heartbeat_ms": 1000}).status, 200, "with the file again")
    expect_equal((a.read_config()["this_central"]["id"], a.read_config()["heartbeat_ms"]),
                 ("central-1", 1000), "laid over it")


def hangup_to_an_occupied_port(cluster):
    """Nothing is wrong with the file: the hint names the port's problem, not `parkmesh check`."""
    a, = cluster.mesh("central-1")
    a.start()
    config, port = a.read_config(), free_port(a.ip)
    with socket.socket() as other:
        other.bind((a.ip, port))
        other.listen()
        config["this_central"]["p2p_port"] = port
        a.write_config_text(json.dumps(config))
        a.signal(signal.SIGHUP)
        wait_until(lambda: "CONFIG_KEPT" in a.log(), 10, "what came of it")
        kept, = [line for line in a.log().splitlines() if "CONFIG_KEPT" in line]
        expect("PORT_IN_USE" in kept and "SIGHUP" in kept and "check" not in kept, kept)
    a.signal(signal.SIGHUP)  # as the hint says
    wait_until(lambda: "CONFIG_APPLIED" in a.log(), 10, "the port is free now")


def this_central(central):
    try:
        return central.get("/api/p2p/status").json.get("this_central")  # 503 while it moves
    except OSError:
        return None  # the listener is being rebuilt


def r_28_new_identity(cluster):
    """R-28: a changed id is the id everywhere, at once, and old visits stay what they were."""
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    wait_linked([a, b])
    old = a.entry(plate(1)).json["event_id"]
    answer = a.put(CONFIG, {"this_central": {"id": "site_a"}})
    expect_equal(answer.status, 200, str(answer))
    a.name = "site_a"
    a.forget_connections()
    wait_until(lambda: "site_a" == this_central(a), 10, "own id")
    wait_until(lambda: b.peers().get("site_a", {}).get("status") == "pending", 20,
               lambda: "unknown to B: %s" % b.peers())
    expect_equal(b.put(CONFIG, {"peer_centrals": [a.address()]}).status, 200, "told B")
    wait_linked([a, b])
    new = a.entry(plate(2)).json["event_id"]
    expect(new.startswith("site_a_"), "event_id", new)
    visits = wait_until(lambda: (lambda v: new in v and v)(wait_same([a, b])), 10, "both at B")
    expect_equal((visits[old][7], visits[new][7]), ("central-1", "site_a"), "source_central")


run(r_25_put_adds_and_removes, r_29_d_05_put_refused, r_27_ports_move, occupied_port, taken_back,
    hangup, hangup_without_a_file, put_without_a_file, hangup_to_an_occupied_port, r_28_new_identity)
