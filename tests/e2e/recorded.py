"""Exchanges recorded from three centrals of the existing system (data/http.jsonl, data/ws_*.jsonl),
and what of them an answer of ours has to keep: the keys, and the JSON type of each value."""

import json
import os
import re

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")

# The same whenever the request is the same.
STABLE = ("success", "action", "plate_id", "plate_view", "deduped", "allowed", "already_inside",
          "has_entry", "direction", "change_type", "backend_type")

# Columns that no client reads: a camera that says no confidence has none (it was 0), and what is
# of one central only is not in the copies that a change keeps.
UNREAD = {"entry_confidence": "null", "exit_confidence": "null"}
LOCAL = {"created_at", "updated_at", "sync_status"}

# Columns of a change that a deletion leaves null; to a Shape they are null or text in any change.
NEW_OF_CHANGE = ("new_plate_id", "new_plate_view", "new_data")

# A camera that is configured and was not heard of: there was none when this was recorded.
CONFIG_ONLY = {
    "id": 4, "name": "South gate", "type": "EXIT", "status": "offline", "last_heartbeat": None,
    "events_sent": 0, "events_failed": 0, "location": None, "config_only": True,
    "stream_proxy": {"available": False, "reason": "no address"},
    "control_proxy": {"available": False, "reason": "no address"}}


def lines(name):
    with open(os.path.join(DATA, name), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def kind(value):
    """The JSON type; whole numbers and others are one."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return {str: "text", int: "number", float: "number", list: "list", dict: "object"}[type(value)]


def route(method, path):
    """`PUT /api/parking/history/{id}` of a recorded path."""
    path = path.split("?")[0]
    path = re.sub(r"/history/(?!changes)[^/]+$", "/history/{id}", path)
    return "%s %s" % (method, re.sub(r"/cameras/[^/]+/", "/cameras/{id}/", path))


class Shape:
    """What many examples of one value have in common."""

    def __init__(self):
        self.kinds, self.always, self.keys, self.element = set(), None, {}, None

    def learn(self, value):
        self.kinds.add(kind(value))
        if isinstance(value, dict):
            self.always = set(value) if self.always is None else self.always & set(value)
            for key, inner in value.items():
                self.keys.setdefault(key, Shape()).learn(inner)
        elif isinstance(value, list):
            for inner in value:
                self.element = self.element or Shape()
                self.element.learn(inner)
        return self

    def wrong(self, value, place="", wanted=None):
        """What `value` lacks, as texts. `wanted`: the keys it must have, else those that every
        example has. More keys than these are welcome."""
        if kind(value) not in self.kinds and self.kinds != {"null"}:
            return ["%s is %s, not %s" % (place or "answer", kind(value), sorted(self.kinds))]
        found = []
        if isinstance(value, dict):
            for key in sorted((self.always or set()) if wanted is None else wanted):
                if key not in value and not (place.endswith("_data") and key in LOCAL):
                    found.append("%s.%s is missing" % (place, key))
            for key, shape in self.keys.items():
                if key in value and UNREAD.get(key) != kind(value[key]):
                    found += shape.wrong(value[key], "%s.%s" % (place, key))
        elif isinstance(value, list) and self.element:
            for inner in value:
                found += self.element.wrong(inner, place + "[]")
        return found


def wrong_deletions(answer):
    """Values of a list of changes that a deletion does not have."""
    return ["%s of a deletion is %r, not null" % (key, change[key])
            for change in answer.get("changes", ()) if change.get("change_type") == "DELETE"
            for key in NEW_OF_CHANGE if change.get(key) is not None]


def shapes(exchanges):
    """Route -> shape of its good answers."""
    known = {}
    for exchange in exchanges:
        if exchange["status"] < 300 and "answer" in exchange:
            known.setdefault(route(exchange["method"], exchange["path"]), Shape()).learn(
                exchange["answer"])
    known["GET /api/cameras"].keys["cameras"].learn([CONFIG_ONLY])
    known["GET /api/status"].keys["cameras"].keys["cameras"] = \
        known["GET /api/cameras"].keys["cameras"]
    rows = known["GET /api/parking/history"].keys["history"].element
    known["GET /api/parking/state"].keys["vehicles_in_parking"].element = rows  # the same rows
    return known
