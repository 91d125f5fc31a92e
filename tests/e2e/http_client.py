"""A keep-alive HTTP client, one connection a thread."""

import contextlib
import http.client
import json
import select
import threading
import time

IDLE_S = 1.0  # a server closes a connection that was idle for two seconds; never on its brink


class Answer:
    """Status, headers and body; `json` is None when the body is none."""

    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body
        try:
            self.json = json.loads(body)
        except ValueError:
            self.json = None

    @property
    def code(self):
        return self.json.get("code") if isinstance(self.json, dict) else None

    def __repr__(self):
        return "%d %s" % (self.status, self.body[:400].decode("utf-8", "replace"))


class AnswerMissing(ConnectionError):
    """A kept connection ended without an answer: perhaps it was just being closed as idle."""


class Http:
    """Requests to one address. An error of the network is an OSError or HTTPException."""

    def __init__(self, ip, port, timeout=60):
        self.host, self.port, self.timeout = ip, port, timeout
        self._local = threading.local()

    def forget_connections(self):
        """Other threads' connections are closed as these end."""
        self._local = threading.local()

    def _connection(self):
        connection = getattr(self._local, "connection", None)
        if connection is not None and connection.sock is not None:
            # A server closes an idle connection when it likes: that is no failed request.
            if time.monotonic() - connection.used > IDLE_S or \
                    select.select([connection.sock], [], [], 0)[0]:
                connection.close()
        if connection is None:
            connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
            self._local.connection = connection
        return connection

    def request(self, method, path, body=None, headers=None):
        """`body`: bytes as they are, anything else as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json")
        try:
            return self._exchange(method, path, body, headers)
        except AnswerMissing:
            if method != "GET":
                raise
            return self._exchange(method, path, body, headers)  # RFC 9112, 9.3.1

    def _exchange(self, method, path, body, headers):
        connection = self._connection()
        reused = connection.sock is not None
        try:
            # A server that has heard enough of a body answers and closes: the answer counts.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body=body, headers=headers)
            if connection.sock is None:
                raise ConnectionError("closed before the request was out")
            response = connection.getresponse()
            answer = Answer(response, response.read())
            connection.used = time.monotonic()
            return answer
        except (ConnectionResetError, BrokenPipeError) as error:  # RemoteDisconnected is one
            self._drop(connection)
            raise (AnswerMissing if reused else ConnectionError)(repr(error)) from error
        except http.client.HTTPException as error:
            self._drop(connection)
            raise ConnectionError(repr(error)) from error
        except OSError:
            self._drop(connection)
            raise

    def _drop(self, connection):
        connection.close()
        self._local.connection = None

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body, **options)

    def put(self, path, body=None, **options):
        return self.request("PUT", path, body, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)
