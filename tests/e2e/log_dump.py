"""Reads the log out of a central's database and asks the second fold (tests/fold.py) whether the
history beside it is what the events say. Shares no code with the program."""

import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import fold  # pylint: disable=wrong-import-position

KINDS = {1: "VEHICLE_ENTRY_PENDING", 2: "VEHICLE_ENTRY_CONFIRMED", 3: "VEHICLE_EXIT",
         4: "LOCATION_UPDATE", 6: "HISTORY_UPDATE", 7: "HISTORY_DELETE", 8: "HISTORY_UNDELETE",
         9: "CONFIG_UPDATE", 10: "SUBSCRIPTION_UPDATE", 12: "CLOCK_FIX", 13: "REDACT", 14: "IMPORT"}
KEYS = {1: "visit", 2: "plate_id", 3: "plate_view", 4: "source_central", 5: "edge_id",
        6: "camera_id", 7: "camera_name", 8: "camera_type", 9: "confidence", 10: "source",
        13: "fee", 14: "free_s", 15: "per_hour", 16: "supersedes", 19: "entry_ms", 20: "exit_ms",
        21: "location", 22: "location_ms", 23: "is_anomaly", 25: "exit_camera_id",
        26: "exit_camera_name", 27: "exit_confidence", 28: "exit_source", 29: "status",
        30: "target_node", 31: "target_epoch", 32: "target_from", 33: "target_to",
        34: "offset_ms", 38: "moved_from", 36: "json", 39: "item", 40: "valid_from_ms",
        41: "valid_to_ms", 42: "retry_key", 43: "exit_central"}
FIXED = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b",
         0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
SIZED = {0xC4: ("bin", ">B"), 0xC5: ("bin", ">H"), 0xC6: ("bin", ">I"), 0xD9: ("str", ">B"),
         0xDA: ("str", ">H"), 0xDB: ("str", ">I"), 0xDC: ("array", ">H"), 0xDD: ("array", ">I"),
         0xDE: ("map", ">H"), 0xDF: ("map", ">I")}


class Unpacker:
    """msgpack, without extension types."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, layout):
        value = struct.unpack_from(layout, self.data, self.at)[0]
        self.at += struct.calcsize(layout)
        return value

    def value(self):
        tag = self.take(">B")
        if tag < 0x80:
            return tag
        if tag >= 0xE0:
            return tag - 0x100
        if tag < 0x90:
            return self.several("map", tag & 0x0F)
        if tag < 0xA0:
            return self.several("array", tag & 0x0F)
        if tag < 0xC0:
            return self.several("str", tag & 0x1F)
        if tag in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[tag]
        if tag in FIXED:
            return self.take(FIXED[tag])
        kind, layout = SIZED[tag]
        return self.several(kind, self.take(layout))

    def several(self, kind, count):
        if kind == "array":
            return [self.value() for _ in range(count)]
        if kind == "map":
            return {self.value(): self.value() for _ in range(count)}
        data = self.data[self.at:self.at + count]
        self.at += count
        return data.decode() if kind == "str" else bytes(data)


def unpack(data):
    return Unpacker(data).value()


def unsigned(number):
    return number & 0xFFFFFFFFFFFFFFFF


def _event(node, epoch, seq, header, body):
    _, kind, hlc, t_eff, clock = unpack(header)[:5]
    event = {"kind": KINDS.get(kind, str(kind)), "hlc": hlc, "t_eff": t_eff, "clock": clock,
             "redacted": body is None, "node": node, "epoch": unsigned(epoch), "seq": seq,
             "body": (body or b"").hex()}
    for number, value in (unpack(body) if body is not None else {}).items():
        if number in KEYS:
            event[KEYS[number]] = unpack(value) if KEYS[number] == "supersedes" else value
    return event


def _visits(central):
    names = ("event_id", "source_central", "edge_id", "plate_id", "plate_view", "entry_ms",
             "entry_camera_id", "entry_camera_name", "entry_source", "entry_confidence",
             "exit_ms", "exit_central", "exit_camera_id", "exit_camera_name", "exit_source",
             "exit_confidence", "fee", "status", "superseded_by", "last_location",
             "last_location_ms", "is_anomaly", "suspect")
    visits = []
    for row in central.rows("SELECT %s FROM history" % ", ".join(names)):
        visit = {name: value for name, value in zip(names, row) if value is not None}
        for name in ("entry_camera_id", "exit_camera_id"):
            if name in visit:
                visit[name] = str(visit[name])
        visit["is_anomaly"], visit["suspect"] = bool(visit["is_anomaly"]), bool(visit["suspect"])
        visits.append(visit)
    return sorted(visits, key=lambda v: fold.key(v["event_id"]))


def _anomalies(central):
    names = ("code", "plate_id", "visit", "other", "node", "epoch", "seq", "t")
    anomalies = []
    for row in central.rows("SELECT %s FROM anomaly" % ", ".join(names)):
        anomaly = {name: value for name, value in zip(names, row) if value is not None}
        anomaly["epoch"] = unsigned(anomaly["epoch"])
        anomalies.append(anomaly)
    return sorted(anomalies, key=lambda a: (fold.key(a["plate_id"]), a["t"], *fold.position(a),
                                            fold.CODES.index(a["code"])))


def dump(central):
    """The log and what was folded from it, as tests/fold.py takes it."""
    events = [_event(*row) for row in central.rows(
        "SELECT node, epoch, seq, header, body FROM event JOIN stream USING (sid)")]
    given = {"events": events, "tariffs": [], "subscriptions": [], "clock_fixes": []}
    given["plates"] = sorted({e["plate_id"] for e in events if e.get("plate_id")})
    for event in events:
        if event["kind"] == "CLOCK_FIX":
            given["clock_fixes"].append({
                "node": event["target_node"], "epoch": event.get("target_epoch", 0),
                "from": event["target_from"], "to": event["target_to"],
                "offset_ms": event["offset_ms"]})
    clock = fold.Clock(given["clock_fixes"])
    for event in events:
        if event["kind"] == "CONFIG_UPDATE":
            given["tariffs"].append({**event, "t": clock.time(event)})
        if event["kind"] == "SUBSCRIPTION_UPDATE" and event.get("item") and (
                event.get("status") == "REMOVED" or "json" in event):
            given["subscriptions"].append({**event, "t": clock.time(event)})
    given["visits"], given["anomalies"] = _visits(central), _anomalies(central)
    return given


def difference(central):
    """A text about the first difference between the history and the second fold, or None."""
    return fold.check(1, dump(central))
