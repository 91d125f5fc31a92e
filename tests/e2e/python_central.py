#!/usr/bin/python3
"""A central of the existing Python system, for tests of mixed meshes: the routes that cameras, pages
and peers need, with the original's answers and mistakes. Mistakes are named by the ids of
docs/compatibility.md, where they are; test_49_python_central.py holds it to what was recorded.

usage: python_central.py run --config FILE --data DIRECTORY

HTTP and WebSockets are on `api_port` of `ip`. Seconds of the original that a test need not wait for
come from the environment: PYTHON_CENTRAL_REDIAL (10), PYTHON_CENTRAL_HEARTBEAT (30).
"""

import asyncio
import json
import os
import re
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request

from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.legacy.server import WebSocketServerProtocol

from python_central_links import WRONG, Links
from python_central_rows import Rows, now_ms

BANNER = {"service": "Central Parking Management Server", "version": "1.0.0", "status": "running"}
NOT_FOUND = 404, {"detail": "Not Found"}
CALL_S = 5
FRAME_BYTES = 16 << 20
PING_S = PONG_S = 20  # of who accepts


def refused(status, text, **more):
    return status, {"success": False, "error": text, **more}


class PythonCentral:
    """The configuration, the rows, the links, and what is asked over HTTP."""

    def __init__(self, config_file, data, redial_s, heartbeat_s):
        self.config_file = config_file
        with open(config_file, encoding="utf-8") as file:
            config = json.load(file)
        self.own, self.peers = config["this_central"], config["peer_centrals"]
        self.cameras = {}
        self.rows = Rows(data)
        self.links = Links(self.own, self.peers, self.rows, redial_s, heartbeat_s)
        self.routes = {
            ("GET", "/"): lambda query, body: (200, BANNER),
            ("GET", "/api/stats"): lambda query, body: (
                200, {"success": True, **self.rows.stats()}),
            ("GET", "/api/parking/history"): self.history,
            ("POST", "/api/edge/event"): self.camera_event,
            ("POST", "/api/edge/sync-config"): self.sync_config,
            ("GET", "/api/p2p/config"): self.config,
            ("PUT", "/api/p2p/config"): self.put_config,
            ("GET", "/api/p2p/info"): self.info,
            ("GET", "/api/p2p/status"): self.status,
            ("GET", "/api/p2p/sync-state"): self.sync_state,
            ("POST", "/api/p2p/test-connection"): self.test_connection,
            ("POST", "/api/p2p/add-peer"): self.add_peer,
            ("POST", "/api/p2p/register-peer"): self.register,
            ("POST", "/api/p2p/unregister-peer"): self.unregister,
        }

    async def answer(self, method, target, body):
        """Status and JSON."""
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        row = re.fullmatch(r"/api/parking/history/(\d+)", url.path)
        try:
            body = json.loads(body) if body else None
            if row and method in ("PUT", "DELETE"):
                return await self.change(method, int(row[1]), body)
            route = self.routes.get((method, url.path))
            if route is None:
                return NOT_FOUND
            answer = route(query, body)
            return await answer if asyncio.iscoroutine(answer) else answer
        except WRONG as error:
            return refused(500, repr(error))

    # ---- visits ----------------------------------------------------------------------------

    def history(self, query, _):
        rows = self.rows.history(query)
        return 200, {"success": True, "count": len(rows), "stats": self.rows.stats(),
                     "history": rows}

    async def camera_event(self, _, event):
        """An exit with the id of its entry counts as done already (E-01); so does what an edge
        sends of other types (E-06)."""
        kind, event_id = event["type"], event.get("event_id")
        if self.rows.named(event_id):
            return 200, {"success": True, "deduped": True, "event_id": event_id}
        text = (event.get("data") or {})["plate_text"]
        view = text.strip().upper()
        plate = re.sub("[^A-Z0-9]", "", view)
        if len(plate) < 6:
            return refused(400, "Biển số không hợp lệ")
        self.rows.log(event, view)
        if kind in ("ENTRY", "DETECTION"):  # E-09
            return await self.entry(event, event_id, text, plate, view)
        if kind == "EXIT":
            return await self.exit(event, plate, view)
        return refused(400, "Unknown event type: %s" % kind)

    async def entry(self, event, event_id, text, plate, view):
        row = self.rows.inside(plate)
        if row:
            return refused(400, "Xe %s đã VÀO lúc %s" % (view, row["entry_time"]),
                           already_inside=True, entry_time=row["entry_time"], event_id=None)
        event_id = event_id or "%s_%d_%s" % (self.own["id"], now_ms(), text.replace(" ", ""))
        done = self.rows.enter(event, event_id, plate, view)
        await self.links.broadcast("VEHICLE_ENTRY_PENDING", {
            "plate_id": plate, "plate_view": view, "edge_id": event["camera_id"],
            "camera_type": event.get("camera_type"), "direction": "ENTRY",
            "entry_time": done["entry_time"]}, event_id)
        return 200, {"success": True, "action": "ENTRY", "message": "Xe %s VÀO bãi" % view,
                     "plate_id": plate, "plate_view": view, **done}

    async def exit(self, event, plate, view):
        row = self.rows.inside(plate)
        if row is None:
            return refused(400, "Xe %s không có record VÀO!" % view)
        done = self.rows.leave(event, row)
        await self.links.broadcast("VEHICLE_EXIT", {
            "plate_id": plate, "exit_central": self.own["id"], "exit_edge": event["camera_id"],
            "exit_time": done["exit_time"], "fee": done["fee"],
            "duration": done["duration"]}, done["event_id"])
        return 200, {"success": True, "action": "EXIT", "message": "Xe %s RA bãi" % view,
                     "plate_id": plate, "plate_view": row["plate_view"], **done}

    async def change(self, method, number, body):
        """An edit takes any text for a plate (D-01); both reach peers by the row's number (R-08)."""
        if method == "PUT":
            if not body.get("plate_id") or not body.get("plate_view"):
                return refused(400, "plate_id and plate_view are required")
            if not self.rows.edit(number, body["plate_id"], body["plate_view"]):
                return refused(404, "not found")
            await self.links.broadcast("HISTORY_UPDATE", {
                "history_id": number, "plate_text": body["plate_id"],
                "plate_view": body["plate_view"]})
        else:
            if not self.rows.delete(number):
                return refused(404, "not found")
            await self.links.broadcast("HISTORY_DELETE", {"history_id": number})
        return 200, {"success": True}

    async def edge(self, socket):
        """/ws/edge: after the first frame, which says who it is, events."""
        await socket.recv()
        async for text in socket:
            event = json.loads(text)
            if event["type"] == "LOCATION_UPDATE":
                await self.seen(event)
            else:
                await self.camera_event(None, event)

    async def seen(self, event):
        """What a lot camera saw."""
        data = event["data"]
        plate, location, when = data["plate_id"], data["location"], data["location_time"]
        known = self.rows.locate(plate, location, when)
        if not known:
            self.rows.anomaly(event["event_id"], plate, location, when, "Auto-detected: %s/%s" % (
                event["camera_id"], event.get("camera_name")))
        await self.links.broadcast("LOCATION_UPDATE", {
            "plate_id": plate, "location": location, "location_time": when,
            "is_anomaly": not known}, event["event_id"])

    async def sync_config(self, _, body):
        """Every lot camera that was ever told of is told to peers, again."""
        for number, camera in body["edge_cameras"].items():
            if camera.get("ip"):
                self.cameras[int(number)] = camera
        for number, camera in self.cameras.items():
            if camera.get("camera_type") == "PARKING_LOT":
                lot = {"location_name": camera["name"],
                       "capacity": camera.get("parking_lot_capacity", 0), "camera_id": number,
                       "camera_type": "PARKING_LOT", "edge_id": camera["ip"]}
                self.rows.lot(*lot.values())
                await self.links.broadcast("PARKING_LOT_CONFIG", lot)
        return 200, {"success": True, "message": "Edge camera config synced successfully"}

    # ---- peers -----------------------------------------------------------------------------

    def save(self):
        """In place: a kill meanwhile leaves half a file (D-04)."""
        with open(self.config_file, "w", encoding="utf-8") as file:
            json.dump({"this_central": self.own, "peer_centrals": self.peers}, file, indent=2)

    def config(self, _, __):
        return 200, {"success": True,
                     "config": {"this_central": self.own, "peer_centrals": self.peers}}

    def info(self, _, __):
        return 200, {"success": True,
                     "info": {key: self.own[key] for key in ("id", "ip", "api_port")}}

    async def put_config(self, _, body):
        """Links stay as they were until the next start (R-25); ports are dropped (R-26)."""
        known = {peer["id"] for peer in self.peers}
        self.peers[:] = [{"id": peer["id"], "ip": peer["ip"]} for peer in body["peer_centrals"]]
        results = [{"peer_id": peer["id"], **await self.tell(peer["ip"], 8000)}
                   for peer in self.peers if peer["id"] not in known]
        self.save()
        return 200, {"success": True, "message": "P2P configuration updated successfully.",
                     "registration_results": results}

    async def tell(self, ip, port):
        """register-peer at the other side."""
        try:
            await asyncio.to_thread(call, "http://%s:%d/api/p2p/register-peer" % (ip, port), {
                key: self.own[key] for key in ("id", "ip", "api_port")})
        except (OSError, ValueError) as error:
            return {"success": False, "message": str(error)}
        return {"success": True, "message": ""}

    async def add_peer(self, _, body):
        ip, port = body["ip"], body.get("api_port", 8000)
        try:
            found = await asyncio.to_thread(call, "http://%s:%d/api/p2p/info" % (ip, port))
        except (OSError, ValueError) as error:
            return refused(400, "Cannot connect to peer: %s" % error)
        peer = {"id": found["info"]["id"], "ip": ip}
        if peer["id"] in [known["id"] for known in self.peers]:
            return refused(400, "Peer '%s' already exists in config" % peer["id"])
        self.peers.append(peer)  # not dialled before the next start
        self.save()
        told = await self.tell(ip, port)
        return 200, {"success": True, "message": "", "peer": peer,
                     "registration_success": told["success"]}

    def register(self, _, body):
        known = [peer for peer in self.peers if peer["id"] == body["id"]]
        for peer in known:
            peer["ip"] = body["ip"]
        if not known:
            self.peers.append({"id": body["id"], "ip": body["ip"]})
        self.save()
        self.links.follow()
        return 200, {"success": True, "action": "updated" if known else "added",
                     "message": "Peer '%s' registered successfully" % body["id"]}

    def unregister(self, query, _):
        left = [peer for peer in self.peers if peer["id"] != query["peer_id"]]
        if len(left) == len(self.peers):
            return refused(404, "Peer '%s' not found" % query["peer_id"])
        self.peers[:] = left
        self.save()
        self.links.follow()
        return 200, {"success": True,
                     "message": "Peer '%s' unregistered successfully" % query["peer_id"]}

    def status(self, _, __):
        """A peer with two links appears twice."""
        links, address = self.links, {peer["id"]: peer["ip"] for peer in self.peers}
        peers = [{"peer_id": name, "peer_ip": "N/A", "peer_port": 8000, "status": "connected",
                  "last_ping_time": None} for name in links.inbound]
        peers += [{"peer_id": name, "peer_ip": address.get(name, "N/A"), "peer_port": 8000,
                   "connected": name in links.outbound, "last_ping_time": links.pinged.get(name)}
                  for name in links.tasks if name is not None]
        return 200, {"success": True, "this_central": self.own["id"], "running": True,
                     "standalone_mode": not self.peers,
                     "total_peers": sum(name is not None for name in links.tasks),
                     "connected_peers": len(links.outbound), "messages_sent": links.sent,
                     "messages_received": links.received, "peers": peers}

    def sync_state(self, _, __):
        return 200, {"success": True, "sync_state": self.rows.all(
            "SELECT * FROM p2p_sync_state ORDER BY peer_central_id")}

    async def test_connection(self, query, _):
        if not await self.links.direct(query["peer_id"], "HEARTBEAT", {}):
            return refused(400, "Cannot reach %s" % query["peer_id"])
        return 200, {"success": True,
                     "message": "Successfully sent test message to %s" % query["peer_id"]}


def call(url, body=None):
    """The JSON that another central answers."""
    request = urllib.request.Request(url, body and json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=CALL_S) as response:
        return json.load(response)


class Door:
    """HTTP and WebSockets on one port."""

    def __init__(self, central):
        self.central = central
        self.sockets, self.closing, self.busy = set(), False, 0

    # What WebSocketServerProtocol asks of its server.
    def register(self, socket):
        self.sockets.add(socket)

    def unregister(self, socket):
        self.sockets.discard(socket)

    def is_serving(self):
        return not self.closing

    async def socket(self, socket, path):
        if path == "/ws/p2p":
            await self.central.links.accept(socket)
        elif path == "/ws/edge":
            await self.central.edge(socket)

    async def enter(self, reader, writer):
        """One connection."""
        try:
            while not self.closing:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.decode("latin-1").split("\r\n")
                method, target, _ = lines[0].split(" ", 2)
                headers = {name.lower(): value.strip() for name, _, value in
                           (line.partition(":") for line in lines[1:])}
                if headers.get("upgrade", "").lower() == "websocket":
                    self.hand_over(writer.transport, head)
                    return
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                await self.answer(writer, method, target, body)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        writer.close()

    async def answer(self, writer, method, target, body):
        """A stop waits for what was begun, so that a camera knows what was taken."""
        self.busy += 1
        try:
            status, answer = await self.central.answer(method, target, body)
            text = json.dumps(answer, ensure_ascii=False).encode()
            writer.write(b"HTTP/1.1 %d -\r\nContent-Type: application/json\r\n"
                         b"Content-Length: %d\r\n\r\n" % (status, len(text)) + text)
            await writer.drain()
        finally:
            self.busy -= 1

    def hand_over(self, transport, head):
        socket = WebSocketServerProtocol(
            self.socket, self, extensions=[ServerPerMessageDeflateFactory()], max_size=FRAME_BYTES,
            ping_interval=PING_S, ping_timeout=PONG_S)
        transport.set_protocol(socket)
        socket.connection_made(transport)
        socket.data_received(head)

    async def rest(self):
        """Until nobody is being answered; nobody else will be."""
        self.closing = True
        while self.busy:
            await asyncio.sleep(0.01)

    async def close(self):
        await asyncio.gather(*[socket.close(1012) for socket in self.sockets],
                             return_exceptions=True)


async def main(config_file, data):
    central = PythonCentral(config_file, data, float(os.environ.get("PYTHON_CENTRAL_REDIAL", 10)),
                            float(os.environ.get("PYTHON_CENTRAL_HEARTBEAT", 30)))
    door = Door(central)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = await asyncio.start_server(door.enter, central.own["ip"],
                                        central.own.get("api_port", 8000))
    central.links.start()
    await stop.wait()
    server.close()
    await door.rest()
    await central.links.stop()
    await door.close()
    central.rows.close()


if __name__ == "__main__":
    if sys.argv[1:3] != ["run", "--config"] or sys.argv[4:5] != ["--data"] or len(sys.argv) != 6:
        sys.exit(__doc__)
    asyncio.run(main(sys.argv[3], sys.argv[5]))
