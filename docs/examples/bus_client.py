#!/usr/bin/env python3
"""Follows a central's bus and keeps each message once: a line "CURSOR JSON" of FILE.
usage: set -a; eval "$(parkmesh bus)"; bus_client.py TOPIC FILE [CURSOR]
Without FILE begins behind CURSOR, or now. A line is the effect and the cursor in one write, so that
kill -9 neither loses nor doubles one. Against power cuts add os.fsync."""
import json, os, sys, msgpack, zmq

TOPIC, FILE, START = (sys.argv[1:] + [""])[:3]
PATIENCE_MS, CREDIT, CONTEXT = 3000, 1000, zmq.Context()
CONTEXT.linger = 0
LAST = {}  # feed -> last cursor of it that was kept; the newest at the end
def feed(cursor): return cursor[:16]
def lsn(cursor): return int(cursor[17:])
def at(): return next(reversed(LAST.values()))
def note(cursor): LAST.pop(feed(cursor), None); LAST[feed(cursor)] = cursor

def load():
    whole, kept = 0, open(FILE, "a+b")
    kept.seek(0)
    for line in kept:
        if line.endswith(b"\n"):
            whole, _ = whole + len(line), note(line.split(None, 1)[0].decode())
    kept.truncate(whole)  # a line that was cut off
    return kept

def keep(cursor, message=None):
    text = json.dumps(message, ensure_ascii=False) if message else ""
    OUT.write(("%s %s\n" % (cursor, text)).encode())
    OUT.flush(), note(cursor)

def dial(kind, port):
    socket = CONTEXT.socket(kind)
    for key in ("server", "public", "secret"):
        if "BUS_SERVER_KEY" in os.environ:
            setattr(socket, "curve_%skey" % key, os.environ["BUS_%s_KEY" % key.upper()].encode())
    socket.connect("tcp://%s:%s" % (os.environ["BUS_ADDRESS"], os.environ[port]))
    return socket

def replay():  # from the last cursor to where live begins
    known, used = list(LAST.values()), 0
    ask = {"op": "replay", "after": known.pop(), "topic": TOPIC, "credit": CREDIT}
    with dial(zmq.DEALER, "BUS_REPLAY_PORT") as socket:
        socket.send(msgpack.packb(ask))
        while socket.poll(PATIENCE_MS):
            message = msgpack.unpackb(socket.recv())
            if message["type"] == "live":
                return keep(message["cursor"])
            if message["type"] in ("event", "visit"):
                keep(message["cursor"], message)
                used += 1
                if used % CREDIT == 0: socket.send(msgpack.packb({"op": "credit", "credit": CREDIT}))
            elif message["code"] == "CURSOR_UNKNOWN":  # restored from a copy: go back in what is ours
                print(ask["after"], "is unknown there", file=sys.stderr, flush=True)
                foreign = feed(message["resume"]) != feed(ask["after"])
                ask["after"] = known.pop() if known and foreign else message["resume"]
                socket.send(msgpack.packb(ask))
            else:
                raise ConnectionError(message["text"])
    raise ConnectionError("no answer on replay port " + os.environ["BUS_REPLAY_PORT"])

def take(message, links):
    if not links and message["topic"] == TOPIC:  # a welcome or a position
        if not message["ok"]: sys.exit(TOPIC + " can never match: begin with v1.<central>.<KIND>")
        if not LAST: keep(START or message["now"])
        if feed(message["now"]) != feed(at()) or lsn(message["last"]) > lsn(at()): replay()
    elif links and LAST:
        before = msgpack.unpackb(links[0]).get(TOPIC, 1 << 62)
        if feed(message["cursor"]) != feed(at()) or before > lsn(at()): replay()
        elif lsn(message["cursor"]) > lsn(at()): keep(message["cursor"], message)

OUT = load()
while True:
    try:
        with dial(zmq.SUB, "BUS_PORT") as live:
            live.subscribe(TOPIC)
            while live.poll(PATIENCE_MS):
                _, body, *rest = live.recv_multipart()
                take(msgpack.unpackb(body), rest)
        print("silence: wrong address, port or keys, or no central", file=sys.stderr, flush=True)
    except ConnectionError as problem: print(problem, file=sys.stderr, flush=True)
