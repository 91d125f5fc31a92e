"""A WebSocket client of RFC 6455, as small as a test needs."""

import base64
import hashlib
import json
import os
import socket
import struct
import time

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class WebSocket:
    """`status` is that of the handshake; 101 = open. `source`: the address that it comes from."""

    def __init__(self, ip, port, path, headers=None, timeout=60, source=None):
        self.socket = socket.create_connection((ip, port), timeout, source and (source, 0))
        self.bytes = b""
        self.close_code = None
        key = base64.b64encode(os.urandom(16)).decode()
        lines = ["GET %s HTTP/1.1" % path, "Host: %s:%d" % (ip, port), "Upgrade: websocket",
                 "Connection: Upgrade", "Sec-WebSocket-Key: " + key, "Sec-WebSocket-Version: 13"]
        lines += ["%s: %s" % item for item in (headers or {}).items()]
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        while b"\r\n\r\n" not in self.bytes:
            self._more()
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        self.status = int(head.split()[1])
        wanted = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest())
        if self.status == 101 and wanted not in head:
            raise ConnectionError("wrong Sec-WebSocket-Accept")

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionError("closed")
        self.bytes += data

    def _take(self, count):
        while len(self.bytes) < count:
            self._more()
        data, self.bytes = self.bytes[:count], self.bytes[count:]
        return data

    def send(self, payload, opcode=TEXT):
        mask = os.urandom(4)
        length = len(payload)
        head = bytes([0x80 | opcode])
        if length < 126:
            head += bytes([0x80 | length])
        elif length < 65536:
            head += bytes([0x80 | 126]) + struct.pack(">H", length)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", length)
        whole = (mask * (length // 4 + 1))[:length]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(whole, "big")).to_bytes(
            length, "big")
        self.socket.sendall(head + mask + masked)

    def frame(self):
        """(opcode, payload)."""
        first, second = self._take(2)
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", self._take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self._take(8))[0]
        return first & 0x0F, self._take(length)

    def receive(self):
        """The next message as JSON; pings are answered. None when the other side said goodbye."""
        while True:
            opcode, payload = self.frame()
            if opcode == PING:
                self.send(payload, PONG)
            elif opcode == CLOSE:
                self.close_code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else None
                return None
            elif opcode == TEXT:
                return json.loads(payload)

    def wait_for(self, predicate, seconds):
        """The first message that the predicate accepts."""
        deadline = time.monotonic() + seconds
        seen = []
        while True:
            self.socket.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                message = self.receive()
            except TimeoutError:
                raise ConnectionError("no such message within %g s, only %s" % (seconds, seen)) \
                    from None
            if message is None:
                raise ConnectionError("closed with %s after %s" % (self.close_code, seen))
            if predicate(message):
                return message
            seen.append(message)

    def close(self):
        self.socket.close()
