"""The mesh protocol a second time, written from docs/protocol.md alone: keys, events, chains,
digests, messages, and a peer that talks to a real central. Shares no code with the program.

Needs python3-zmq, python3-msgpack and libsodium (for Argon2id and the public key).
"""

import contextlib
import ctypes
import hashlib
import os
import struct
import time

import msgpack
import zmq
from zmq.utils import monitor, z85

HELLO, REJECT, HEARTBEAT, EVENT, VECTOR_REQUEST, VECTOR, SYNC_REQUEST, SYNC_RESPONSE, ACK, BYE = \
    range(1, 11)
ENTRY_PENDING, EXIT, REDACT = 1, 3, 13
ZERO = bytes(16)
RUN_BYTES = 256 * 1024
FRAME_BYTES = 1024 * 1024 - 33  # CURVE adds 33 bytes


# ---- keys ----------------------------------------------------------------------------------


class Keys:
    """What a mesh secret stands for."""

    def __init__(self, secret):
        sodium = ctypes.CDLL("libsodium.so.23")
        if sodium.sodium_init() < 0:
            raise RuntimeError("no random numbers")
        password, derived = secret.encode(), ctypes.create_string_buffer(64)
        failed = sodium.crypto_pwhash_argon2id(
            derived, ctypes.c_ulonglong(64), password, ctypes.c_ulonglong(len(password)),
            b"parkmesh-mesh-v1", ctypes.c_ulonglong(3), ctypes.c_size_t(16 * 1024 * 1024), 2)
        if failed:
            raise MemoryError("Argon2id")
        self.secret_key, public = derived.raw[:32], ctypes.create_string_buffer(32)
        sodium.crypto_scalarmult_base(public, self.secret_key)
        self.public_key = public.raw
        self.mesh_id = hash16(derived.raw[32:48])


# ---- chains and digests --------------------------------------------------------------------


def hash16(data):
    return hashlib.blake2b(data, digest_size=16).digest()


def pack(value):
    return msgpack.packb(value, use_bin_type=True)


def unpack(data):
    return msgpack.unpackb(data, raw=False, strict_map_key=False)


def chain_next(previous, header, body_hash):
    return hash16(previous + struct.pack("<I", len(header)) + header + body_hash)


def part(node, epoch, seq, chain):
    return hash16(node.encode() + b"\0" + struct.pack("<QQ", epoch, seq) + chain) if seq else ZERO


def add(digests):
    total = sum(int.from_bytes(digest, "little") for digest in digests)
    return (total % (1 << 128)).to_bytes(16, "little")


COLUMNS = ("event_id", "source_central", "edge_id", "plate_id", "plate_view", "entry_ms",
           "entry_camera_id", "entry_camera_name", "entry_source", "entry_confidence", "exit_ms",
           "exit_central", "exit_camera_id", "exit_camera_name", "exit_source", "exit_confidence",
           "fee", "status", "superseded_by", "last_location", "last_location_ms", "is_anomaly",
           "suspect")
REALS = ("entry_confidence", "exit_confidence")


def visit_digest(visit):
    data = b""
    for name in COLUMNS:
        value = visit.get(name)
        if value is None:
            data += b"\xff\xff\xff\xff"
            continue
        if isinstance(value, str):
            column = value.encode()
        elif name in REALS:
            column = struct.pack("<d", value)
        else:
            column = struct.pack("<q", value)
        data += struct.pack("<I", len(column)) + column
    return hash16(data)


# ---- events --------------------------------------------------------------------------------


def header(kind, t_eff, hlc=None, clock=0, more=()):
    return pack([1, kind, t_eff << 16 if hlc is None else hlc, t_eff, clock, *more])


def body(fields):
    return pack({**fields, 63: os.urandom(16)})


class Stream:
    """Events of one writer; items are (header, body or None, hash of body)."""

    def __init__(self, node, epoch):
        self.node, self.epoch = node, epoch
        self.items, self.chains = [], [ZERO]

    def append(self, header_bytes, body_bytes, body_hash=None):
        body_hash = body_hash or hash16(body_bytes)
        self.items.append((header_bytes, body_bytes, body_hash))
        self.chains.append(chain_next(self.chains[-1], header_bytes, body_hash))

    @property
    def seq(self):
        return len(self.items)

    def head(self):
        return [self.node, self.epoch, self.seq, self.chains[-1]]

    def run(self, first, last):
        items = [[h, b] if b is not None else [h, None, digest]
                 for h, b, digest in self.items[first - 1:last]]
        return [self.node, self.epoch, first, self.chains[first - 1],
                self.chains[first - 1 + len(items)], items]


class BadRun(Exception):
    """A run that does not prove itself."""


class Log:
    """Streams by (node, epoch)."""

    def __init__(self):
        self.streams = {}

    def stream(self, node, epoch):
        return self.streams.setdefault((node, epoch), Stream(node, epoch))

    def seq(self, node, epoch):
        return self.stream(node, epoch).seq

    def add(self, run):
        """Verifies every link and stores what is new."""
        node, epoch, first, before, after, items = run[:6]
        chain, links = before, []
        for item in items:
            digest = hash16(item[1]) if item[1] is not None else item[2]
            chain = chain_next(chain, item[0], digest)
            links.append((item[0], item[1], digest, chain))
        if chain != after or not links:
            raise BadRun("chain_after of %s %x from %d" % (node, epoch, first))
        stream = self.stream(node, epoch)
        if first > stream.seq + 1:
            raise BadRun("gap in %s %x: from %d, have %d" % (node, epoch, first, stream.seq))
        if stream.chains[first - 1] != before:
            raise BadRun("chain_before of %s %x from %d" % (node, epoch, first))
        for offset, (header_bytes, body_bytes, digest, chain) in enumerate(links):
            if first + offset <= stream.seq:
                if stream.chains[first + offset] != chain:
                    raise BadRun("other bytes at %s %x %d" % (node, epoch, first + offset))
            else:
                stream.append(header_bytes, body_bytes, digest)

    def heads(self):
        return [stream.head() for _, stream in sorted(self.streams.items()) if stream.seq]

    def digest(self, node=None):
        return add(part(*head) for head in self.heads() if node in (None, head[0]))

    def nodes(self):
        return sorted({head[0] for head in self.heads()}, key=str.encode)

    def count(self):
        return sum(head[2] for head in self.heads())


# ---- a peer --------------------------------------------------------------------------------


class Silence(Exception):
    """What was waited for did not come."""


class Door:
    """Our ZAP handler: admits one key."""

    def __init__(self, context, key):
        self.key = key
        self.socket = context.socket(zmq.REP)
        self.socket.bind("inproc://zeromq.zap.01")

    def serve(self):
        while self.socket.poll(0):
            request = self.socket.recv_multipart()
            good = request[2] == b"parkmesh" and request[5] == b"CURVE" and request[6] == self.key
            self.socket.send_multipart([b"1.0", request[1], b"200" if good else b"400",
                                        b"OK" if good else b"no", b"", b""])


class Peer:
    """A central in Python. Everything happens in `pump`, which the caller has to call."""

    def __init__(self, node, secret, slow=1.0, heartbeat=0.4):
        self.node, self.keys = node, Keys(secret)
        self.mesh_id = self.keys.mesh_id
        self.boot = int.from_bytes(os.urandom(8), "little") | 1
        self.own = Stream(node, int.from_bytes(os.urandom(8), "little") | 1)
        self.log = Log()
        self.log.streams[node, self.own.epoch] = self.own
        self.slow, self.heartbeat = slow, heartbeat
        self.versions = (1, 1)
        self.context = zmq.Context()
        self.dealer = self.router = self.events = self.door = None
        self.remote_id = None  # routing id of who dialled us
        self.inbox = []        # (type, fields) not yet looked at
        self.beat_ms = {}      # of both sides
        self.greeted, self.quiet = False, False
        self.polite, self.serving = True, True  # answers at all; answers SYNC_REQUEST
        self.sent_hello = self.sent_beat = 0.0
        self.request = 0
        self.asked_of_us = 0
        self.beside = []  # other peers of the same thread, who live on while this one waits

    def close(self):
        self.context.destroy(linger=0)

    # ---- sockets ---------------------------------------------------------------------------

    def _options(self, socket, keys):
        socket.curve_publickey = z85.encode(keys.public_key)
        socket.curve_secretkey = z85.encode(keys.secret_key)
        socket.setsockopt(zmq.SNDHWM, 1000)
        socket.setsockopt(zmq.LINGER, 0)

    def dial(self, ip, port, server_keys=None, own_keys=None, routing_id=None, curve=True):
        """Connects; replaces an earlier connection."""
        if self.dealer is not None:
            self.dealer.disable_monitor()
            self.dealer.close(0)
        self.dealer = self.context.socket(zmq.DEALER)
        if routing_id is None:
            routing_id = b"%s#%016x" % (self.node.encode(), self.boot)
        self.dealer.setsockopt(zmq.ROUTING_ID, routing_id)
        if curve:
            self._options(self.dealer, own_keys or self.keys)
            self.dealer.curve_serverkey = z85.encode(
                (server_keys or self.keys).public_key)
        self.events = self.dealer.get_monitor_socket()
        self.dealer.connect("tcp://%s:%d" % (ip, port))
        self.greeted = False

    def listen(self, ip, port):
        self.door = Door(self.context, self.keys.public_key)
        self.router = self.context.socket(zmq.ROUTER)
        self._options(self.router, self.keys)
        self.router.curve_server = True
        self.router.zap_domain = b"parkmesh"
        self.router.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self.router.setsockopt(zmq.MAXMSGSIZE, 1 << 20)
        self.router.bind("tcp://%s:%d" % (ip, port))

    def monitored(self):
        """Events of the connection since the last call."""
        events = []
        while self.events.poll(0):
            events.append(int(monitor.recv_monitor_message(self.events)["event"]))
        return events

    def send_bytes(self, data):
        if self.dealer is not None:
            self.dealer.send(data, zmq.DONTWAIT)
        else:
            self.router.send_multipart([self.remote_id, data], zmq.DONTWAIT)

    def send(self, kind, *fields, version=1):
        self.send_bytes(pack([kind, version, *fields]))

    # ---- what we say -----------------------------------------------------------------------

    def hello(self):
        self.sent_hello = time.monotonic()
        wall = int(time.time() * 1000)
        self.send(HELLO, *self.versions, self.mesh_id, self.node,
                  self.own.epoch if self.own.seq else 0, self.boot, wall, wall << 16,
                  self.log.digest(), ZERO, [], "pymesh 1", 0)

    def beat(self):
        self.sent_beat = time.monotonic()
        wall, mono = int(time.time() * 1000), time.monotonic_ns() // 1000000
        echo, at = self.beat_ms.get("theirs", (0, mono))
        heads = [self.own.head()] if self.own.seq else []
        self.send(HEARTBEAT, wall, wall << 16, self.log.digest(), ZERO, self.log.count(), mono,
                  echo, mono - at if echo else 0, heads)

    def push(self, first, last):
        self.send(EVENT, self.own.run(first, last))

    def write(self, kind, fields, t_eff=None, **more):
        """A local event; nobody is told."""
        t_eff = int(time.time() * 1000) if t_eff is None else t_eff
        self.own.append(header(kind, t_eff, **more), body(fields))
        return self.own.seq

    # ---- what we hear ----------------------------------------------------------------------

    def _received(self):
        if self.door is not None:
            self.door.serve()
        if self.dealer is not None:
            with contextlib.suppress(zmq.Again):
                return self.dealer.recv(zmq.DONTWAIT)
        if self.router is not None:
            with contextlib.suppress(zmq.Again):
                self.remote_id, data = self.router.recv_multipart(zmq.DONTWAIT)
                return data
        return None

    def _serve(self, kind, fields):
        """Answers what a peer may ask."""
        if kind == HELLO:
            self.greeted = True
            if time.monotonic() - self.sent_hello >= self.heartbeat / 2:
                self.hello()
        elif kind == HEARTBEAT:
            self.beat_ms["theirs"] = (fields[5], time.monotonic_ns() // 1000000)
        elif kind == VECTOR_REQUEST:
            names = fields[0]
            items = [h for h in self.log.heads() if h[0] in names] if names else \
                [[name, self.log.digest(name)] for name in self.log.nodes()]
            self.send(VECTOR, 1 if names else 0, items, False)
        elif kind == SYNC_REQUEST and self.serving:
            self.asked_of_us += 1
            runs = []
            for node, epoch, first in fields[1]:
                stream = self.log.streams.get((node, epoch))
                if stream and stream.seq >= first and not runs:
                    runs.append(stream.run(first, min(stream.seq, first + 99)))
            self.send(SYNC_RESPONSE, fields[0], runs, len(runs) < len(fields[1]))

    def pump(self, seconds=0.0):
        """Takes what has come, answers it, and lives on for so long."""
        deadline = time.monotonic() + seconds
        while True:
            data = self._received()
            if data is not None:
                kind, _, *fields = unpack(data)
                self.inbox.append((kind, fields))
                if self.polite:
                    self._serve(kind, fields)
                continue
            if self.greeted and not self.quiet and \
                    time.monotonic() - self.sent_beat >= self.heartbeat:
                self.beat()
            if time.monotonic() >= deadline:
                return
            time.sleep(0.005)

    def until(self, predicate, seconds, what):
        deadline = time.monotonic() + seconds * self.slow
        while True:
            self.pump(0.01)
            for other in self.beside:
                other.pump()
            value = predicate()
            if value:
                return value
            if time.monotonic() > deadline:
                text = what() if callable(what) else what
                raise Silence("%s: not within %g s: %s; heard %s" % (
                    self.node, seconds * self.slow, text, [kind for kind, _ in self.inbox[-20:]]))

    def take(self, kind, seconds=10, check=None):
        """The next message of this type (that passes the check), with those before it dropped."""
        def found():
            while self.inbox:
                got, fields = self.inbox.pop(0)
                if got == kind and (check is None or check(fields)):
                    return [fields]
            return None
        return self.until(found, seconds, "message %d" % kind)[0]

    def forget(self):
        self.pump()
        self.inbox.clear()

    def greet(self, seconds=10):
        """Says HELLO until the other side did; returns its fields."""
        last = 0.0

        def answered():
            nonlocal last
            if time.monotonic() - last > self.heartbeat:
                last = time.monotonic()
                self.hello()
            for position, (kind, fields) in enumerate(self.inbox):
                if kind == HELLO:
                    del self.inbox[:position + 1]
                    return [fields]
            return None
        return self.until(answered, seconds, "HELLO")[0]

    # ---- pulling ---------------------------------------------------------------------------

    def ask_vector(self, names):
        """All pages: [[node, digest]...] or heads."""
        items, after = [], ["", 0]
        while True:
            self.forget()
            self.send(VECTOR_REQUEST, names, *after)
            form, page, more = self.take(VECTOR)[:3]
            if form != (1 if names else 0):
                raise Silence("form %r" % form)
            items += page
            if not more:
                return items
            after = [page[-1][0], page[-1][1] if names else 0]

    def ask_runs(self, wants, max_bytes=RUN_BYTES):
        """(runs, more)."""
        self.request += 1
        number = self.request
        self.send(SYNC_REQUEST, number, wants, max_bytes)
        return self.take(SYNC_RESPONSE, check=lambda f: f[0] == number)[1:3]

    def pull(self, max_bytes=RUN_BYTES):
        """Everything the other side holds and we lack; returns the number of requests."""
        digests = self.ask_vector([])
        names = [name for name, digest in digests if self.log.digest(name) != digest]
        heads = self.ask_vector(names) if names else []
        before = self.request
        while True:
            wants = [[node, epoch, self.log.seq(node, epoch) + 1]
                     for node, epoch, seq, _ in heads if self.log.seq(node, epoch) < seq][:64]
            if not wants:
                break
            runs, more = self.ask_runs(wants, max_bytes)
            if not runs:
                raise Silence("nothing of %s, more %s" % (wants, more))
            for run in runs:
                self.log.add(run)
        for node, epoch, seq, chain in heads:
            if self.log.stream(node, epoch).chains[seq] != chain:
                raise BadRun("head of %s %x" % (node, epoch))
        return self.request - before
