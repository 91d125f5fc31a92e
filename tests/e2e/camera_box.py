"""A camera box: the endpoints of the existing one that a central calls."""

import http.server
import json
import threading

PORT = 5000
BOUNDARY = "frame"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):  # pylint: disable=invalid-name
        self.server.box.serve(self, None)

    def do_POST(self):  # pylint: disable=invalid-name
        length = int(self.headers.get("Content-Length", 0))
        self.server.box.serve(self, self.rfile.read(length))


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, request, client_address):
        pass  # a central that hangs up is part of the tests


class CameraBox:
    """Listens on port 5000 of `ip`. `requests` holds (method, path, JSON) in order; `answers` maps
    a path to (status, headers, body) in place of the usual answer. `gate`, when set, is waited for
    before anything is answered. `ended` is set when a stream has ended."""

    def __init__(self, ip):
        self.ip = ip
        self.requests = []
        self.answers = {}
        self.gate = None
        self.frames = []
        self.more = threading.Condition()
        self.ended = threading.Event()
        self.closed = False
        self._lock = threading.Lock()
        self._server = _Server((ip, PORT), _Handler)
        self._server.box = self
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self):
        with self.more:
            self.closed = True
            self.more.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def film(self, image=None):
        """One more frame for each stream; those that begin later get all of them. `image`: the
        bytes of a JPEG; without it a text that names stream and number."""
        with self.more:
            self.frames.append(image)
            self.more.notify_all()

    def seen(self, path):
        with self._lock:
            return [body for _, at, body in self.requests if at == path]

    def serve(self, handler, body):
        path = handler.path.split("?")[0]
        try:
            content = json.loads(body) if body else None
        except ValueError:
            content = body
        with self._lock:
            self.requests.append((handler.command, path, content))
        if self.gate:
            self.gate()
        if path in self.answers:
            self._answer(handler, *self.answers[path])
        elif path.startswith("/api/stream/"):
            self._stream(handler, path.rsplit("/", 1)[1])
        elif path in ("/offer", "/offer-annotated"):
            self._json(handler, {"sdp": "answer to %s%s" % (content["sdp"], path),
                                 "type": "answer"})
        elif path in ("/api/config", "/api/edge/init-sync"):
            self._json(handler, {"success": True})
        elif path == "/api/camera/info":
            self._json(handler, {"success": True, "camera": {}})
        else:
            self._json(handler, {"detail": "Not Found"}, 404)

    def _json(self, handler, value, status=200):
        self._answer(handler, status, {"Content-Type": "application/json"},
                     json.dumps(value).encode())

    @staticmethod
    def _answer(handler, status, headers, body):
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def _stream(self, handler, kind):
        """Every frame that was filmed, until the central goes or close()."""
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=" + BOUNDARY)
        handler.send_header("Connection", "close")
        handler.end_headers()
        number = 0
        try:
            while True:
                with self.more:
                    self.more.wait_for(lambda: self.closed or len(self.frames) > number)
                if self.closed:
                    break
                image = self.frames[number]
                number += 1
                if image is None:
                    image = ("%s picture %d" % (kind, number)).encode()
                handler.wfile.write(b"--%s\r\nContent-Type: image/jpeg\r\n\r\n%s\r\n"
                                    % (BOUNDARY.encode(), image))
                handler.wfile.flush()
        except OSError:
            pass
        finally:
            handler.close_connection = True
            self.ended.set()
