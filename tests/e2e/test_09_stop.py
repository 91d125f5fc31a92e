"""Stopping is polite and quick; whoever supervises is told."""

import os
import signal
import socket
import threading
import time

from cluster import (SLOW, expect, expect_equal, free_port, now, plate, run, wait_linked,
                     wait_until)


def load(central, answered, stopping, first):
    for i in range(100000):
        name = "edge-%d_%d" % (first, i)
        try:
            answer = central.entry(plate(first * 10000 + i), name, ts=now() - 60)
        except OSError:
            return
        if answer.status == 200 and answer.json["success"]:
            answered.append(name)
        else:
            stopping.append(answer)
            return


def during_load(cluster):
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    wait_linked([a, b])
    answered, refused = [], []
    threads = [threading.Thread(target=load, args=(a, answered, refused, i)) for i in range(16)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(answered) > 200, 20, "load")
    began = time.monotonic()
    a.stop(5)
    print("      gone after %.2f s" % (time.monotonic() - began), flush=True)
    for thread in threads:
        thread.join()
    expect(all((r.status, r.code) in ((503, "STOPPING"), (503, "BUSY")) for r in refused),
           "refusals", refused)
    names = set(answered)
    expect(names <= set(a.visits()), "lost", len(names - set(a.visits())))
    wait_until(lambda: not b.peers()["central-1"]["connected"], 5, "B knows at once (BYE)")
    a.start()
    wait_until(lambda: names <= set(b.visits()), 20, "all at B")
    expect("unclean" not in a.log().lower(), "a polite stop needs no check of the database")


def second_signal(cluster):
    central, = cluster.mesh("central-1")
    central.start()
    central.entry(plate(1))
    held = [socket.create_connection((central.ip, central.api_port)) for _ in range(5)]
    for peer in held:
        peer.sendall(b"POST /api/edge/event HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\n{")
    central.signal(signal.SIGTERM)
    central.signal(signal.SIGINT)
    began = time.monotonic()
    central.wait_end(5)
    expect(time.monotonic() - began < 2 * SLOW, "took", time.monotonic() - began)
    for peer in held:
        peer.close()
    central.start()
    expect_equal(len(central.history()), 1, "visits")


def interrupted(cluster):
    """Ctrl-C, with clients that hold their connections open."""
    central, = cluster.mesh("central-1")
    central.start()
    idle = [socket.create_connection((central.ip, central.api_port)) for _ in range(20)]
    expect_equal(central.get("/livez").status, 200, "livez")
    central.signal(signal.SIGINT)
    expect_equal(central.wait_end(5), 0, "exit status")
    for peer in idle:
        peer.close()


def readiness(cluster):
    central, = cluster.mesh("central-1")
    path = os.path.join(cluster.directory, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(path)
        supervisor.settimeout(20 * SLOW)
        central.start(env={"NOTIFY_SOCKET": path}, wait=False)
        expect(b"READY=1" in supervisor.recv(4096), "READY=1")
        expect_equal(central.get("/readyz").status, 200, "ready when it says so")
        central.stop()
        expect(b"STOPPING=1" in supervisor.recv(4096), "STOPPING=1")


def change_still_waiting(cluster):
    """A stop right after a change that moves the port: saved, and followed by the next start."""
    central, = cluster.mesh("central-1")
    central.start()
    port = free_port(central.ip)
    answer = central.put("/api/p2p/config", {"this_central": {"api_port": port}})
    expect(answer.status == 200 and answer.json["success"], "PUT", answer)
    central.stop()
    central.api_port = central.port = port
    central.start()
    expect_equal(central.get("/livez").status, 200, "on the new port")


run(during_load, second_signal, interrupted, readiness, change_still_waiting)
