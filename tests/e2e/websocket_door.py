"""The accepting side of a WebSocket, as small as a test needs: who dials us is heard frame by frame."""

import base64
import hashlib
import socket
import struct

from websocket import GUID, TEXT, WebSocket


class Accepted(WebSocket):
    """A connection that came; `path` is what it asked for."""

    def __init__(self, connection, timeout):  # pylint: disable=super-init-not-called
        self.socket, self.bytes, self.close_code = connection, b"", None
        connection.settimeout(timeout)
        while b"\r\n\r\n" not in self.bytes:
            self._more()
        head, self.bytes = self.bytes.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        self.path = lines[0].split()[1]
        headers = {name.lower(): value.strip() for name, _, value in
                   (line.partition(":") for line in lines[1:])}
        accept = hashlib.sha1((headers["sec-websocket-key"] + GUID).encode()).digest()
        connection.sendall(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(accept) + b"\r\n\r\n")

    def send(self, payload, opcode=TEXT):
        length = len(payload)
        head = bytes([0x80 | opcode])
        if length < 126:
            head += bytes([length])
        elif length < 65536:
            head += bytes([126]) + struct.pack(">H", length)
        else:
            head += bytes([127]) + struct.pack(">Q", length)
        self.socket.sendall(head + payload)

    def frame(self):
        first, second = self._take(2)
        if not second & 0x80:
            raise ConnectionError("a client's frame without a mask")
        length = second & 0x7F
        if length == 126:
            length = struct.unpack(">H", self._take(2))[0]
        elif length == 127:
            length = struct.unpack(">Q", self._take(8))[0]
        mask = self._take(4)
        return first & 0x0F, bytes(byte ^ mask[i % 4]
                                   for i, byte in enumerate(self._take(length)))


class Door:
    """A listening port."""

    def __init__(self, ip, port):
        self.socket = socket.create_server((ip, port))

    def accept(self, timeout):
        self.socket.settimeout(timeout)
        return Accepted(self.socket.accept()[0], timeout)

    def close(self):
        self.socket.close()
