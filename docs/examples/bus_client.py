#!/usr/bin/env python3
"""Follows a central's bus and loses nothing: prints each event and visit once, as one JSON line.

usage: bus_client.py HOST PORT REPLAY_PORT TOPIC FILE [CURSOR]
The cursor is kept in FILE, after the event was printed. Without it, begins at CURSOR or from now.
"""
import json, os, sys
import msgpack
import zmq

HOST, PORT, REPLAY_PORT, TOPIC, FILE = sys.argv[1:6]
PATIENCE_MS, CREDIT = 3000, 500
CONTEXT = zmq.Context()
CONTEXT.linger = 0


def lsn(cursor): return int(cursor.split(":")[1])

def keep(cursor):
    with open(FILE + ".new", "w", encoding="ascii") as file:
        file.write(cursor)
    os.replace(FILE + ".new", FILE)
    return cursor


def handle(event):
    print(json.dumps(event, ensure_ascii=False), flush=True)
    return keep(event["cursor"])


def replay(cursor):
    """Handles everything from the cursor to where live begins; returns the cursor of that."""
    with CONTEXT.socket(zmq.DEALER) as socket:
        socket.connect("tcp://%s:%s" % (HOST, REPLAY_PORT))
        socket.send(msgpack.packb({"op": "replay", "after": cursor, "topic": TOPIC, "credit": CREDIT}))
        used = 0
        while socket.poll(PATIENCE_MS):
            message = msgpack.unpackb(socket.recv())
            if message["type"] in ("event", "visit"):
                cursor, used = handle(message), used + 1
                if used == CREDIT // 2:
                    socket.send(msgpack.packb({"op": "credit", "credit": used}))
                    used = 0
            elif message["type"] == "live":
                return keep(message["cursor"])
            elif message["code"] == "CURSOR_UNKNOWN":  # the database was restored from a copy
                print(cursor, "is unknown, going on at", message["resume"], file=sys.stderr, flush=True)
                return replay(message["resume"])
            else:
                raise ConnectionError(message["text"])
    raise ConnectionError("no answer on replay port " + REPLAY_PORT)


def follow(cursor):
    with CONTEXT.socket(zmq.SUB) as socket:
        socket.connect("tcp://%s:%s" % (HOST, PORT))
        socket.subscribe(TOPIC)
        while socket.poll(PATIENCE_MS):
            frames = socket.recv_multipart()
            message = msgpack.unpackb(frames[1])
            if message["type"] in ("event", "visit"):
                if cursor and lsn(message["cursor"]) > lsn(cursor):
                    missed = msgpack.unpackb(frames[2]).get(TOPIC, 1 << 62) > lsn(cursor)
                    cursor = replay(cursor) if missed else handle(message)
            elif message["topic"] == TOPIC:  # a welcome or a position
                if not message["ok"]:
                    sys.exit("%s can never match: begin with v1.<central>.<KIND>" % TOPIC)
                cursor = cursor or keep(message["now"])
                restarted = message["type"] == "welcome" and message["now"][:16] != cursor[:16]
                if restarted or lsn(message["last"]) > lsn(cursor):
                    cursor = replay(cursor)
    raise ConnectionError("silence on port %s: a wrong address, or no central" % PORT)


while True:
    try:
        with open(FILE if os.path.exists(FILE) else os.devnull, encoding="ascii") as kept:
            follow(kept.read() or (sys.argv[6] if len(sys.argv) > 6 else ""))
    except ConnectionError as problem:
        print(problem, file=sys.stderr, flush=True)
