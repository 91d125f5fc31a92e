"""GET /metrics: the rules of the text format, and figures that follow what happens."""

import json
import re

from cluster import (camera_event, expect, expect_equal, plate, run, wait_equal_digests,
                     wait_linked, wait_until)
from websocket import WebSocket

NAME = re.compile(r"^[a-z][a-z0-9_]*$")
SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([0-9eE+.naNIif-]+)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
UNITS = ("_milliseconds", "_minutes", "_hours", "_ms", "_kb", "_megabytes", "_percent")


def labels_of(text):
    pairs, at = [], 0
    while text and at < len(text):
        match = LABEL.match(text, at)
        expect(match, "labels", text)
        pairs.append((match[1], match[2]))
        at = match.end()
    expect_equal(len(dict(pairs)), len(pairs), "a label twice: %s" % text)
    return tuple(sorted(pairs))


def family_of(name, types):
    for end in ("_bucket", "_sum", "_count"):
        if name.endswith(end) and types.get(name[:-len(end)]) == "histogram":
            return name[:-len(end)]
    return name


def check_histogram(name, samples):
    buckets = [(dict(labels)["le"], value) for (sample, labels), value in samples.items()
               if sample == name + "_bucket"]
    expect_equal(buckets[-1][0], "+Inf", name)
    expect_equal([float(le) for le, _ in buckets], sorted(float(le) for le, _ in buckets), name)
    expect_equal([value for _, value in buckets], sorted(value for _, value in buckets), name)
    expect_equal(buckets[-1][1], samples[(name + "_count", ())], name)
    expect((name + "_sum", ()) in samples, name)


def read(central, **options):
    """{(name, labels): value}, after every line was held against the format and the naming rules
    that `promtool check metrics` knows."""
    answer = central.get("/metrics", **options)
    expect_equal(answer.status, 200, str(answer))
    expect(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"), answer.headers)
    text = answer.body.decode()
    expect(text.endswith("\n"), "ends with a line feed")
    types, helps, samples, current, done = {}, {}, {}, None, set()
    for line in text.splitlines():
        if line.startswith("# HELP "):
            _, _, name, said = line.split(" ", 3)
            expect(name not in helps and said, "HELP once and with words:", line)
            helps[name] = said
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            expect(name in helps and name not in types, "TYPE once, after HELP:", line)
            expect(kind in ("counter", "gauge", "histogram"), line)
            expect(NAME.match(name) and name.startswith("parkmesh_"), line)
            expect_equal(name.endswith("_total"), kind == "counter", line)
            expect(not name.endswith(UNITS), "base units:", line)
            types[name], current = kind, name
            expect(name not in done, "one group:", line)
            done.add(name)
        else:
            match = SAMPLE.match(line)
            expect(match, "a sample:", line)
            expect_equal(family_of(match[1], types), current, "in its group: " + line)
            key = match[1], labels_of(match[2])
            expect(key not in samples, "twice:", line)
            samples[key] = float(match[3])
    for name, kind in types.items():
        if kind == "histogram":
            check_histogram(name, samples)
    return samples


def value(samples, name, **labels):
    return samples.get(("parkmesh_" + name, tuple(sorted(labels.items()))))


def format_holds(cluster):
    a, = cluster.mesh("central-1")
    a.start()
    before = read(a)
    expect_equal(value(before, "ready"), 1, "ready")
    expect_equal(value(before, "commands_total", outcome="OK"), 0, "nothing yet")
    car = plate(1)
    event = a.entry(car).json["event_id"]
    a.entry(car)
    expect_equal(a.get("/nowhere/" + car).status, 404, "no path")
    after = read(a)
    expect_equal(value(after, "commands_total", outcome="OK"), 1, "an entry")
    expect_equal(value(after, "commands_total", outcome="ALREADY_INSIDE"), 1, "inside already")
    expect_equal(value(after, "commit_duration_seconds_count"), 2, "two commits were waited for")
    expect_equal(value(after, "http_requests_total", route="/api/edge/event", method="POST",
                       code="2xx"), 2, "by route")
    expect_equal(value(after, "http_requests_total", route="none", method="none", code="4xx"), 1,
                 "no route")
    expect(value(after, "database_bytes") > 0 and value(after, "disk_free_bytes") > 0, "disk")
    text = a.get("/metrics").body.decode()
    expect(car not in text and event not in text, "no plate in a label")


def sockets_and_sessions(cluster):
    a, = cluster.mesh("central-1")
    a.start()
    before = read(a)
    for channel in ("/ws/history", "/ws/cameras", "/ws/edge", "/ws/events"):
        expect_equal(value(before, "websockets", channel=channel), 0, channel)
        for reason in ("slow", "silent"):
            expect_equal(value(before, "websockets_cut_total", channel=channel, reason=reason), 0,
                         channel)
    expect_equal(value(before, "sessions"), 0, "nobody is logged in")

    page = WebSocket(a.ip, a.api_port, "/ws/history")
    box = WebSocket(a.ip, a.api_port, "/ws/edge")
    box.send(json.dumps({"edge_id": "edge-1"}).encode())
    box.receive()
    box.send(json.dumps(camera_event("ENTRY", plate(3))).encode())
    figures = wait_until(lambda: (lambda s: value(s, "commands_total", outcome="OK") == 1 and s)(
        read(a)), 20, "a command that came over /ws/edge")
    expect_equal(value(figures, "commit_duration_seconds_count"), 1, "waited for")
    for channel in ("/ws/history", "/ws/edge"):
        expect_equal(value(figures, "websockets", channel=channel), 1, channel)
    page.close()
    wait_until(lambda: value(read(a), "websockets", channel="/ws/history") == 0, 20, "it left")
    expect_equal(value(read(a), "websockets_opened_total", channel="/ws/history"), 1, "was open")

    body = {"name": "lan", "role": "viewer", "password": "mot mat khau dai"}
    expect_equal(a.post("/api/v1/accounts", body).status, 201, "an account")
    expect_equal(a.post("/api/v1/login", {k: body[k] for k in ("name", "password")}).status, 200,
                 "logged in")
    expect_equal(value(read(a), "sessions"), 1, "a session")


def peers_are_told(cluster):
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    wait_linked([a, b])
    a.entry(plate(1))
    wait_equal_digests([a, b])
    # Each figure by itself: they come with different messages.
    for name, wanted in (("peer_up", 1), ("peer_log_equal", 1), ("peer_lag_seconds", 0)):
        wait_until(lambda: value(read(a), name, peer="central-2") == wanted, 20, name)
    wait_until(lambda: value(read(a), "peer_round_trip_seconds", peer="central-2") is not None, 20,
               "a round trip")
    b.kill9()
    wait_until(lambda: value(read(a), "peer_up", peer="central-2") == 0, 20, "down")
    a.entry(plate(2))
    wait_until(lambda: value(read(a), "peer_lag_events", peer="central-2") == 1, 20, "lag")
    a.post("/api/p2p/stop")
    expect_equal(value(read(a), "mesh_up"), 0, "links off")
    expect_equal((value(read(a), "events"), a.get("/api/p2p/status").json["events"]),
                 (2, a.get("/api/status").json["events"]), "events in the log, links or not")


def nobody_was_reached(cluster):
    """What is not known is null and has no sample; 0 would be as good as equal."""
    a, _ = cluster.mesh("central-1", "central-2")
    a.start()
    peer, = a.get("/api/p2p/status").json["peers"]
    expect_equal((peer["sync"], peer["lag_events"], peer["behind"], peer["ahead"]),
                 ("unknown", None, None, None), str(peer))
    expect(peer["status"] in ("connecting", "disconnected"), "words that pages know: %s" % peer)
    expect_equal(value(read(a), "peer_lag_events", peer="central-2"), None, "a sample")


def who_may(cluster):
    a, = cluster.mesh("central-1")
    a.start()
    answer = a.get("/metrics", headers={"X-Forwarded-For": "10.20.0.8"})
    expect_equal(answer.status, 401, "a role is needed")


run(format_holds, sockets_and_sessions, peers_are_told, nobody_was_reached, who_may)
