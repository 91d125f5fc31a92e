"""Whatever is wrong at the start is said in words, with an exit status; nothing is damaged."""

import json
import os
import re
import socket
import sqlite3

from cluster import Skip, expect, expect_equal, file_hash, plate, program, run, wait_linked, \
    wait_until

NOBODY = 65534


def fails(central, status, *words, **options):
    """The central does not start, and says why: in one line, with the code that is the first word
    and what to do; what is wrong in the configuration is shown where it stands."""
    before = len(central.log()) if os.path.exists(central.log_file) else 0
    central.start(wait=False, **options)
    got = central.wait_end(20)
    said = central.log()[before:]
    expect_equal(got, status, "exit status, with " + said)
    for word in words:
        expect(word in said, "wanted %r in:" % word, said)
    if words[0] != "CONFIG_INVALID":
        told = [line for line in said.splitlines() if "rror" in line or words[0] in line
                or " ERROR " in line]
        expect(len(told) == 1 and " ERROR %s " % words[0] in told[0] and " hint=" in told[0],
               "one line that says it in:", said)
    return said


def port_in_use(cluster):
    for port in ("api_port", "p2p_port"):
        central, = cluster.mesh("central-1")
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind((central.ip, getattr(central, port)))
            other.listen()
            fails(central, 69, "PORT_IN_USE", "%s:%d" % (central.ip, getattr(central, port)))
        central.start()
        expect(central.entry(plate(1)).json["success"], "works when the port is free")
        central.stop()


def address_elsewhere(cluster):
    central, = cluster.mesh("central-1", bind="192.0.2.1", auth="open")
    fails(central, 69, "ADDRESS_UNAVAILABLE", "192.0.2.1")


def c_07_d_05_configuration_wrong(cluster):
    """A configuration that is wrong is refused with file, line and key, and never overwritten."""
    central = cluster.new("central-1")
    text = """{
  "this_central": {"id": "bad id!", "ip": "127.0.0.1", "api_port": 99999},
  "peer_centrals": [{"id": "central-2"}],
  "p2p_prot": 9000,
  "heartbeat_ms": "often"
}
"""
    central.write_config_text(text)
    status, out, err = program("check", central.config_file)
    said = out + err
    expect_equal(status, 78, "exit status of check")
    for word in (":2:", ":3:", ":4:3: ", ":5:", "CONFIG_INVALID", "p2p_prot", "99999", "^"):
        expect(word in said, "wanted %r in:" % word, said)
    fails(central, 78, "CONFIG_INVALID", "p2p_prot")
    expect_equal(open(central.config_file, encoding="utf-8").read(), text, "file")

    central.write_config_text('{"this_central": {"id": "central-1", "ip": "127.0.0.1",}}')
    fails(central, 78, "CONFIG_INVALID", ":1:")
    central.write_config_text(json.dumps(
        {"this_central": {**central.address(), "p2p_prot": 9000}, "peer_centrals": []}))
    said = fails(central, 78, "CONFIG_INVALID", "p2p_prot")
    expect('"p2p_port"' in said, "the nearest name", said)
    central.write_config_text("")
    fails(central, 78, "CONFIG_INVALID")
    os.unlink(central.config_file)
    os.mkdir(central.config_file)
    fails(central, 78, "CONFIG_UNREADABLE", central.config_file)
    os.rmdir(central.config_file)
    central.write_config([central.address()], cluster.secret)
    fails(central, 78, "CONFIG_INVALID", "central-1")  # a peer with our own id

    central.write_config([], cluster.secret)
    expect_equal(program("check", central.config_file)[0], 0, "check of a good file")
    central.start()


def s_01_open_to_the_network(cluster):
    """Beyond loopback everybody logs in, shows a token, or the file says that all is open."""
    central, = cluster.mesh("central-1", bind="0.0.0.0")
    away = {"X-Forwarded-For": "192.0.2.7"}  # nobody who came through a proxy is local
    for more, status in (({}, 401), ({"auth": "token", "api_token": "t" * 24}, 401),
                         ({"auth": "open"}, 200)):
        central.write_config([], cluster.secret, bind="0.0.0.0", **more)
        central.start()
        expect_equal(central.get("/api/stats").status, 200, "loopback stays open")
        expect_equal(central.get("/api/stats", headers=away).status, status, more)
        central.stop()


def directory_not_writable(cluster):
    if os.geteuid() != 0:
        raise Skip("needs root to become somebody else")
    central, = cluster.mesh("central-1")
    os.chmod(central.config_file, 0o644)
    os.chmod(central.data, 0o755)
    central.program = os.path.join(cluster.directory, "parkmesh")
    with open(central.program, "wb") as to, open(os.environ.get("PARKMESH", ""), "rb") as source:
        to.write(source.read())
    os.chmod(central.program, 0o755)

    def become_nobody():
        os.setgid(NOBODY)
        os.setuid(NOBODY)

    fails(central, 73, "DB_UNWRITABLE", central.data, preexec=become_nobody)
    expect_equal(os.listdir(central.data), [], "files in the directory")


def database_newer(cluster):
    central, = cluster.mesh("central-1")
    central.start()
    central.entry(plate(1))
    central.stop()
    with sqlite3.connect(central.database) as database:
        database.execute("PRAGMA journal_mode = DELETE")
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = file_hash(central.database), sorted(os.listdir(central.data))
    fails(central, 65, "DB_NEWER", central.database, "99")
    expect_equal((file_hash(central.database), sorted(os.listdir(central.data))), before, "files")


def database_foreign(cluster):
    central, = cluster.mesh("central-1")
    with sqlite3.connect(central.database) as database:
        database.execute("CREATE TABLE recipes(name TEXT)")
    database.close()
    before = file_hash(central.database)
    fails(central, 65, "DB_FOREIGN", central.database)
    expect_equal(file_hash(central.database), before, "file")
    os.unlink(central.database)
    with open(central.database, "wb") as file:
        file.write(b"no database at all" * 1000)
    before = file_hash(central.database)
    fails(central, 65, "DB_CORRUPT", central.database)
    expect_equal(file_hash(central.database), before, "file")


def database_locked(cluster):
    """A second process on the same directory."""
    central, = cluster.mesh("central-1")
    central.start()
    other = cluster.new("central-1")
    other.write_config([], cluster.secret)
    other.data = central.data
    fails(other, 69, "DB_LOCKED")
    expect(central.entry(plate(1)).json["success"], "the first one goes on")


def wrong_secret(cluster):
    a, b = cluster.new("central-1"), cluster.new("central-2")
    cluster.connect(a, [b])
    cluster.connect(b, [a], secret=program("secret", "new")[1].strip())
    a.start()
    b.start()
    for central, other in ((a, "central-2"), (b, "central-1")):
        # The first to start may say at first that the other does not answer.
        peer = wait_until(lambda c=central, o=other: (lambda p: "secret" in (
            p["last_error"] or "") and p)(c.peers()[o]), 20, lambda c=central: str(c.peers()))
        expect_equal(peer["connected"], False, "connected")
    expect(a.entry(plate(1)).json["success"], "the gate goes on")
    expect_equal(b.history(), {}, "nothing crossed")

    b.write_config([a.address()], cluster.secret)
    b.stop()
    b.start()
    # After a refused handshake the next try comes within 30 s.
    wait_linked([a, b], 45)
    wait_until(lambda: b.history(), 10, "the entry at B")


def two_with_one_id(cluster):
    a, b, twin = (cluster.new(name) for name in ("central-1", "central-2", "central-2"))
    cluster.connect(a, [b])
    cluster.connect(b, [a])
    cluster.connect(twin, [a])
    a.start()
    b.start()
    wait_linked([a, b])
    twin.start()
    wait_until(lambda: "DUPLICATE_ID" in a.log(), 20, "alarm at A")
    line = [line for line in a.log().splitlines() if "DUPLICATE_ID" in line][0]
    # Here both dial from 127.0.0.1; elsewhere the two addresses differ.
    expect(len(re.findall(r" at \d+\.\d+\.\d+\.\d+", line)) == 2, "both addresses in:", line)
    wait_until(lambda: (lambda peer: peer["connected"] and peer["code"] == "DUPLICATE_ID" and
                        peer["last_error"].count(" at ") == 2)(a.peers()["central-2"]), 10,
               lambda: "status: %s" % a.peers())
    refused = wait_until(lambda: (lambda p: p["status"] == "rejected" and p)(
        twin.peers()["central-1"]), 20, lambda: str(twin.peers()))
    expect("central-2" in refused["last_error"], "told to the twin", refused)
    one = a.entry(plate(1)).json["event_id"]
    wait_until(lambda: one in b.history(), 10, "the entry at the first one")
    expect_equal(twin.history(), {}, "history of the twin")


def peer_unreachable(cluster):
    """A peer that is not there is named, and does not hold up anything."""
    a = cluster.new("central-1")
    absent = cluster.new("central-2")
    cluster.connect(a, [absent])
    a.start()
    peer = wait_until(lambda: (lambda p: p["last_error"] and p)(a.peers()["central-2"]), 20,
                      lambda: str(a.peers()))
    expect("%s:%d" % (absent.ip, absent.p2p_port) in peer["last_error"], peer)
    expect_equal((peer["connected"], peer["last_ping_time"]), (False, None), "peer")
    expect(peer["sync"] != "equal", "unknown is not equal", peer)
    expect_equal(a.get("/readyz").status, 200, "ready alone")
    expect(a.entry(plate(1)).json["success"], "entry")


def no_secret(cluster):
    """Without a secret the mesh is for this machine, and says so."""
    a, b = cluster.mesh("central-1", "central-2", secret=None)
    a.start()
    b.start()
    wait_linked([a, b])
    expect("MESH_WITHOUT_SECRET" in a.log(), "log")


run(port_in_use, address_elsewhere, c_07_d_05_configuration_wrong, s_01_open_to_the_network,
    directory_not_writable, database_newer, database_foreign, database_locked, wrong_secret,
    two_with_one_id, peer_unreachable, no_secret)
