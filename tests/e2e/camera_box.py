"""The HTTP side of a camera box, on the port that all of them use: what a central calls."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT = 5000  # fixed in the boxes


class CameraBox:
    """Takes configuration and media requests at (ip, PORT) and remembers them in `calls`."""

    def __init__(self, ip):
        self.ip, self.calls, self.heard = ip, [], threading.Condition()
        box = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                box.note(self.path, json.loads(body or b"null"))
                if "offer" in self.path:
                    self.answer({"sdp": "v=0 answer", "type": "answer"})
                else:
                    self.answer({"success": True})

            def do_GET(self):  # pylint: disable=invalid-name
                box.note(self.path, None)
                picture = b"--frame\r\nContent-Type: image/jpeg\r\n\r\npicture\r\n"
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                self.wfile.write(picture * 3)
                self.close_connection = True

            def answer(self, value):
                text = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format, *arguments):  # pylint: disable=redefined-builtin
                pass

        self.server = ThreadingHTTPServer((ip, PORT), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def note(self, path, body):
        with self.heard:
            self.calls.append((path, body))
            self.heard.notify_all()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class MuteBoxes:
    """Boxes that take a connection and never answer; `connected` are those that were called."""

    def __init__(self, ips):
        self.connected, self.changed = set(), threading.Condition()
        self.listeners, self.held = [], []
        for ip in ips:
            listener = socket.create_server((ip, PORT))
            self.listeners.append(listener)
            threading.Thread(target=self.accept, args=(ip, listener), daemon=True).start()

    def accept(self, ip, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self.changed:
                self.held.append(connection)
                self.connected.add(ip)
                self.changed.notify_all()

    def close(self):
        for one in self.listeners + self.held:
            one.close()
