"""The peer links of a central of the existing system (python_central.py): JSON envelopes on
WebSockets, dialled and accepted. Mistakes of the original are named by the ids of
docs/compatibility.md."""

import asyncio
import json
import sqlite3
from datetime import datetime

import websockets

from python_central_rows import now_ms

TYPES = {"VEHICLE_ENTRY_PENDING", "VEHICLE_ENTRY_CONFIRMED", "VEHICLE_EXIT", "LOCATION_UPDATE",
         "PARKING_LOT_CONFIG", "HISTORY_UPDATE", "HISTORY_DELETE", "HEARTBEAT", "SYNC_REQUEST",
         "SYNC_RESPONSE", "CONFIG_UPDATE", "SUBSCRIPTION_UPDATE"}
PING_S, PONG_S = 30, 10  # of who dials
GONE = (OSError, asyncio.TimeoutError, websockets.WebSocketException)
WRONG = (AttributeError, KeyError, TypeError, ValueError, sqlite3.Error)  # "logged", the link stays


def envelope(kind, source, data, event_id=None):
    return json.dumps({"type": kind, "source_central": source, "timestamp": now_ms(),
                       "event_id": event_id, "data": data})


def sound(message):
    """What who dials asks of a frame."""
    return (isinstance(message, dict) and message.get("type") in TYPES
            and "source_central" in message and "timestamp" in message
            and ("event_id" in message or not message["type"].startswith("VEHICLE_")))


class Links:
    """`peers` is the list of the configuration. Each peer of the start is dialled for ever; two
    centrals that dial each other have two links, and each event goes over both (R-15)."""

    def __init__(self, own, peers, rows, redial_s, heartbeat_s):
        self.own_id, self.ip, self.peers, self.rows = own["id"], own["ip"], peers, rows
        self.redial_s, self.heartbeat_s = redial_s, heartbeat_s
        self.inbound, self.outbound, self.tasks = {}, {}, {}
        self.pinged = {}
        self.sent = self.received = 0

    def start(self):
        self.follow()
        if self.peers:  # with peers that come later there is no heartbeat
            self.tasks[None] = asyncio.create_task(self._beat())

    def follow(self):
        """Dials those who are new in the configuration and forgets those who left it; one with a
        new address is dialled at the old one (R-27)."""
        wanted = {peer["id"]: peer for peer in self.peers}
        for name in [name for name in self.tasks if name is not None and name not in wanted]:
            self.tasks.pop(name).cancel()
        for name, peer in wanted.items():
            if name not in self.tasks:
                self.tasks[name] = asyncio.create_task(self._dial(peer))

    async def stop(self):
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    # ---- sockets ---------------------------------------------------------------------------

    async def accept(self, socket):
        """/ws/p2p. Any id is believed (S-04)."""
        try:
            peer = json.loads(await socket.recv()).get("peer_id")
        except (AttributeError, ValueError, websockets.ConnectionClosed):
            return
        if not peer:
            await socket.close(1008, "No peer_id provided")
            return
        self.inbound[peer] = socket
        try:
            await self._ask(peer)
            async for text in socket:
                message = json.loads(text)
                if message.get("type") in TYPES:
                    await self._handle(message)
        except (AttributeError, ValueError, *GONE):
            pass
        finally:
            self.inbound.pop(peer, None)  # be it another socket by now
            self.rows.mark(peer)

    async def _dial(self, peer):
        address = "ws://%s:%s/ws/p2p" % (peer["ip"], peer.get("api_port", 8000))
        while True:
            try:
                # What is larger than 1 MiB ends the link.
                async with websockets.connect(address, ping_interval=PING_S, ping_timeout=PONG_S,
                                              local_addr=(self.ip, 0)) as socket:
                    await socket.send(json.dumps({"peer_id": self.own_id}))
                    self.outbound[peer["id"]] = socket
                    await self._ask(peer["id"])
                    async for text in socket:
                        await self._hear(peer["id"], text)
            except GONE:
                pass
            finally:
                self.outbound.pop(peer["id"], None)
                self.rows.mark(peer["id"])  # failed dials, too
            await asyncio.sleep(self.redial_s)

    async def _hear(self, peer, text):
        try:
            message = json.loads(text)
        except ValueError:
            return
        if sound(message):
            if message["type"] == "HEARTBEAT":
                self.pinged[peer] = datetime.now().isoformat()
            await self._handle(message)

    async def _beat(self):
        while True:
            await asyncio.sleep(self.heartbeat_s)
            if self.inbound:
                await self.broadcast("HEARTBEAT", {})

    # ---- sending ---------------------------------------------------------------------------

    async def broadcast(self, kind, data, event_id=None):
        """Over every link, and nobody keeps what does not arrive (R-31)."""
        if not self.peers:
            return  # even if somebody is connected
        self.sent += 1
        text = envelope(kind, self.own_id, data, event_id)
        for socket in [*self.inbound.values(), *self.outbound.values()]:
            try:
                await socket.send(text)
            except GONE:
                pass

    async def direct(self, peer, kind, data):
        """To one; a dead link that it dialled hides a healthy one that we dialled (R-36)."""
        socket = self.inbound.get(peer) or self.outbound.get(peer)
        if socket is None:
            return False
        try:
            await socket.send(envelope(kind, self.own_id, data))
        except GONE:
            return False
        return True

    async def _ask(self, peer):
        await self.direct(peer, "SYNC_REQUEST", {"since_timestamp": self.rows.last_sync(peer)})

    # ---- hearing ---------------------------------------------------------------------------

    async def _handle(self, message):
        self.received += 1
        try:
            await self._apply(message["type"], message.get("source_central"),
                              message.get("event_id"), message.get("data") or {})
        except WRONG:
            pass

    async def _apply(self, kind, source, event_id, data):
        """Nothing is passed on to third centrals (R-30); pages are not told here."""
        rows = self.rows
        if kind == "VEHICLE_ENTRY_PENDING":
            rows.peer_enter(source, event_id, data)
        elif kind == "VEHICLE_EXIT":
            rows.peer_leave(event_id, data)
        elif kind == "LOCATION_UPDATE":
            if not rows.locate(data["plate_id"], data["location"], data["location_time"]):
                rows.anomaly(event_id, data["plate_id"], data["location"], data["location_time"],
                             "Auto-detected: %s/%s" % (source, data["location"]), source)
        elif kind == "PARKING_LOT_CONFIG":
            rows.lot(data["location_name"], data["capacity"], data["camera_id"],
                     data["camera_type"], data["edge_id"])
        elif kind == "HISTORY_UPDATE":
            rows.edit(data["history_id"], data["plate_text"], data["plate_view"])
        elif kind == "HISTORY_DELETE":
            rows.delete(data["history_id"])
        elif kind == "SYNC_REQUEST":
            await self.direct(source, "SYNC_RESPONSE",
                              {"events": rows.since(data["since_timestamp"])})
        elif kind == "SYNC_RESPONSE":
            try:
                rows.merge(source, data["events"])
            finally:
                rows.mark(source)
