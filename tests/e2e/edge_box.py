"""A camera box as those that exist: what it sends, when it sends it again, what it keeps of what it
is told. Not nicer: it takes a written socket for a stored event, by HTTP it repeats about once a
second until it gets exactly 200, and it drops every message whose top-level `event_id` it knows.

`ack=True` makes it a box of tomorrow that asks for acknowledgements and repeats by HTTP what was
not acknowledged.
"""

import contextlib
import itertools
import json
import socket
import threading
import time
from datetime import datetime

from http_client import Http
from websocket import WebSocket

RECONNECT_S = 5
RETRY_S = 1
HTTP_TIMEOUT_S = 5


class EdgeBox:
    """One box. Its threads end with `stop`."""

    _milliseconds = itertools.count(int(time.time() * 1000))

    def __init__(self, central, camera, kind="ENTRY", ack=False, path="/ws/edge",
                 reconnect_s=RECONNECT_S, retry_s=RETRY_S):
        self.central, self.camera, self.kind, self.ack = central, camera, kind, ack
        self.path, self.reconnect_s, self.retry_s = path, reconnect_s, retry_s
        self.name = "Cổng %d" % camera
        self.rows = {}                # own table: row number -> row
        self.heard = []               # every message, as it came
        self.written = []             # [connection number, event] of each write to a socket
        self.died = set()             # numbers of connections that ended without a close frame
        self.socket = None
        self.connections = 0
        self.lock = threading.RLock()
        self.queue = []               # for HTTP, in order
        self.unanswered = []          # written, not acknowledged (ack only)
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._listen, daemon=True),
                        threading.Thread(target=self._post, daemon=True)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        self.stopped.set()
        with self.lock:
            if self.socket is not None:
                with contextlib.suppress(OSError):
                    self.socket.socket.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(10)

    # ---- what happens at the gate ----------------------------------------------------------

    def _event_id(self, plate_id):
        return "edge-%d_%d_%s" % (self.camera, next(self._milliseconds), plate_id)

    def _message(self, kind, name, **data):
        return {"type": kind, "camera_id": self.camera, "camera_name": self.name,
                "camera_type": self.kind, "timestamp": time.time(), "event_id": name,
                "data": data}

    def enter(self, plate_id, view=None, source="auto"):
        event_id = self._event_id(plate_id)
        entry_time = datetime.now().strftime("%Y-%m-%d %H:%M:%S")
        with self.lock:
            row = self._insert(event_id, plate_id, view or plate_id, entry_time)
            self._send(self._message(
                "ENTRY", event_id, plate_text=view or plate_id, plate_id=plate_id, confidence=0.95,
                source=source, event_id=event_id, entry_id=row, entry_time=entry_time))
        return event_id

    def leave(self, plate_id, manual=False):
        """An automatic exit has the id of the entry, or none; a manual one has a fresh id."""
        with self.lock:
            row = self._open(plate_id)
            event_id = row["event_id"] if row else None
            if row:
                row["status"] = "OUT"
            if manual:
                event_id = self._event_id(plate_id)
            self._send(self._message("EXIT", event_id, plate_text=plate_id, plate_id=plate_id,
                                     confidence=0.9, source="manual" if manual else "auto",
                                     event_id=event_id, duration="7 phút", fee=0))
        return event_id

    def locate(self, plate_id, location, location_time):
        event_id = self._event_id(plate_id)
        with self.lock:
            self._send(self._message("LOCATION_UPDATE", event_id, plate_text=plate_id,
                                     plate_id=plate_id, location=location,
                                     location_time=location_time, event_id=event_id))
        return event_id

    def correct(self, event_id, plate_id, view):
        with self.lock:
            number = self._number(event_id)
            self.rows[number].update(plate_id=plate_id, plate_view=view)
            self._send({"type": "UPDATE", "camera_id": self.camera, "event_id": event_id,
                        "timestamp": time.time(),
                        "data": {"type": "UPDATE", "history_id": number, "event_id": event_id,
                                 "plate_text": plate_id, "plate_view": view,
                                 "plate_id": plate_id}})

    def idle(self):
        with self.lock:
            return not self.queue and not self.unanswered

    # ---- its own table ---------------------------------------------------------------------

    def _insert(self, event_id, plate_id, view, entry_time):
        number = len(self.rows) + 1
        self.rows[number] = {"event_id": event_id, "plate_id": plate_id, "plate_view": view,
                             "entry_time": entry_time, "status": "IN", "location": None}
        return number

    def _number(self, event_id):
        return next((n for n, row in self.rows.items() if row["event_id"] == event_id), None)

    def _open(self, plate_id):
        return next((row for row in self.rows.values()
                     if row["plate_id"] == plate_id and row["status"] == "IN"), None)

    def row(self, event_id):
        with self.lock:
            number = self._number(event_id)
            return dict(self.rows[number]) if number else None

    def _take(self, message):
        event_id, data = message.get("event_id"), message.get("data") or {}
        if event_id and self._number(event_id):
            return
        kind = message.get("type")
        if kind == "ENTRY":
            self._insert(event_id, data.get("plate_text", "UNKNOWN"), data.get("plate_view"),
                         message.get("entry_time"))
        elif kind == "EXIT":
            number = self._number(event_id)
            if number:
                self.rows[number].update(status="OUT", fee=message.get("fee"))
        elif kind in ("UPDATE", "DELETE"):
            number = message.get("history_id") or self._number(event_id or data.get("event_id"))
            if number in self.rows and kind == "UPDATE":
                self.rows[number].update(plate_id=data.get("plate_text"),
                                         plate_view=data.get("plate_view"))
            elif number in self.rows:
                self.rows[number].update(status="DELETED", event_id=None)
        elif kind == "LOCATION_UPDATE":
            row = self._open(data.get("plate_id"))
            if row:
                row["location"] = data.get("location")

    # ---- the socket ------------------------------------------------------------------------

    def _send(self, message):
        """By socket when there is one, which counts as delivered; else by HTTP."""
        if self.socket is not None:
            try:
                self.socket.send(json.dumps(message, ensure_ascii=False).encode())
                self.written.append((self.connections, message))
                if self.ack:
                    self.unanswered.append(message)
                return
            except OSError:
                self.socket = None
        self.queue.append(message)

    def _listen(self):
        while not self.stopped.is_set():
            try:
                opened = WebSocket(self.central.ip, self.central.api_port, self.path)
            except OSError:
                opened = None
            if opened is not None and opened.status == 101:
                self._hear(opened)
            self.stopped.wait(self.reconnect_s)

    def _hear(self, opened):
        with contextlib.suppress(OSError):
            hello = {"edge_id": self.camera}
            if self.ack:
                hello["ack"] = True
            opened.send(json.dumps(hello).encode())
            with self.lock:
                self.connections += 1
                self.socket = opened
            opened.socket.settimeout(None)
            while True:
                message = opened.receive()
                if message is None:
                    break
                with self.lock:
                    self.heard.append(message)
                    if message.get("type") == "ack":
                        self.unanswered.pop(0)
                    else:
                        self._take(message)
        with self.lock:
            if opened.close_code is None:
                self.died.add(self.connections)
            if self.socket is opened:
                self.socket = None
            self.queue[:0] = self.unanswered
            self.unanswered = []
        opened.close()

    # ---- HTTP ------------------------------------------------------------------------------

    def _post(self):
        while not self.stopped.is_set():
            with self.lock:
                message = self.queue[0] if self.queue else None
            if message is None:
                self.stopped.wait(0.01)
                continue
            client = Http(self.central.ip, self.central.api_port, timeout=HTTP_TIMEOUT_S)
            try:
                delivered = client.post("/api/edge/event", message).status == 200
            except Exception:  # pylint: disable=broad-except
                delivered = False
            client.forget_connections()
            if delivered:
                with self.lock:
                    self.queue.remove(message)
            else:
                self.stopped.wait(self.retry_s)
