#!/usr/bin/env python3
"""The rules of docs/fold.md a second time, to check the fold of the program against.

usage: fold.py --check FILE    one JSON object per line, {input..., "visits": [...],
                               "anomalies": [...]}: computes both again and compares; prints the
                               first difference and exits with 1
       fold.py FILE            prints visits and anomalies of each line

fold(input) is a pure function over plain dicts. An absent field is an absent key. Input:
  events       [{"kind", "hlc", "t_eff", "clock", "redacted", "node", "epoch", "seq", "body", and
                the fields of the event; "supersedes", "moved_from": [[node, epoch, seq]...]}...]
  plates       [text...]
  tariffs      [{"t", "hlc", "node", "epoch", "seq", "free_s", "per_hour"}...]
  subscriptions [{"t", "hlc", "node", "epoch", "seq", "item", "status", "plate_id",
                "valid_from_ms", "valid_to_ms"}...]; may be absent
  clock_fixes  [{"node", "epoch", "from", "to", "offset_ms"}...]

Clarity before speed: this file rather walks a list twice than be clever.
"""
import json
import sys

TIME_MAX = 253402300799999
REOPEN = -1
SUSPECT = 2
DUPLICATE_MS = 60000
FREE_MAX, PER_HOUR_MAX = 31536000, 1000000000
DEFAULT_TARIFF = (1800, 25000)

ENTRY, EXIT, LOCATION, IMPORT = ("VEHICLE_ENTRY_PENDING", "VEHICLE_EXIT", "LOCATION_UPDATE",
                                 "IMPORT")
DELETE = "HISTORY_DELETE"
CHANGES = ("HISTORY_UPDATE", DELETE, "HISTORY_UNDELETE")
CODES = ("DUPLICATE", "CONFLICT", "ID_COLLISION", "EXIT_BEFORE_ENTRY", "DOUBLE_EXIT",
         "EXTRA_EXIT", "ORPHAN_EXIT", "FEE_DIFFERS")

# Ranks of the walk.
AT_ENTRY, AT_CANDIDATE, AT_SIGHTING, AT_EXIT, AT_END = range(5)


def hold(ms):
    """A time within the range that everything can compute with."""
    return max(0, min(TIME_MAX, ms))


def key(text):
    """Sort key of a text that may be absent: absent first, then by bytes."""
    return (False, b"") if text is None else (True, text.encode())


def position(event):
    return event["node"], event["epoch"], event["seq"]


def stamp(event):
    return (event["hlc"], *position(event))


def is_one_instant(a, b):
    """Whole seconds may stand for any time in their second."""
    return a // 1000 == b // 1000 and 0 in (a % 1000, b % 1000)


def is_original(event):
    """Told by the central that saw it."""
    return central(event) == event["node"]


def central(event):
    return event.get("source_central") or event["node"]


def plate_of(event):
    return event.get("plate_id") or None


def visit_of(event):
    return event.get("visit") or None


def money(event):
    """What was taken, None when nothing is said."""
    fee = event.get("fee")
    return fee if fee is not None and fee >= 0 else None


class Clock:
    """T of events."""

    def __init__(self, fixes):
        self.fixes = {(f["node"], f["epoch"], f["from"], f["to"], f["offset_ms"]) for f in fixes}

    def covering(self, event):
        node, epoch, seq = position(event)
        return [fix for fix in self.fixes
                if fix[0] == node and fix[1] in (0, epoch) and fix[2] <= seq <= fix[3]]

    def time(self, event, ms=None):
        """T, or another time of the same event, re-timed alike."""
        base = event["t_eff"] if ms is None else ms
        return hold(base + sum(fix[4] for fix in self.covering(event)))

    def is_suspect(self, event):
        return bool(event["clock"] & SUSPECT) and not self.covering(event)


# ---- money -------------------------------------------------------------------------------------

def is_tariff(free_s, per_hour):
    return (free_s is not None and per_hour is not None and
            0 <= free_s <= FREE_MAX and 0 <= per_hour <= PER_HOUR_MAX)


def fee_by(tariff, entry_ms, exit_ms):
    free_s, per_hour = tariff
    charged = max(0, exit_ms - entry_ms) // 1000 - free_s
    return -(-charged // 3600) * per_hour if charged > 0 else 0


def tariff_at(tariffs, ms):
    in_force = [t for t in tariffs if t["t"] <= ms and is_tariff(t["free_s"], t["per_hour"])]
    if not in_force:
        return DEFAULT_TARIFF
    newest = max(in_force, key=lambda t: (t["t"], *stamp(t)))
    return newest["free_s"], newest["per_hour"]


def is_free(subscriptions, plate, ms):
    """Whether what was said last of some element by then lets the plate stay without paying."""
    elements = {}
    for update in subscriptions:
        if update["t"] <= ms:
            elements.setdefault(update["item"], []).append(update)
    last = [max(updates, key=stamp) for updates in elements.values()]
    return any(u.get("status") == "active" and u.get("plate_id") == plate and
               u.get("valid_from_ms", ms) <= ms < u.get("valid_to_ms", ms + 1) for u in last)


# ---- step 1: what each visit is ----------------------------------------------------------------

def has_effect(event):
    visit, plate, kind = visit_of(event), plate_of(event), event["kind"]
    if event["redacted"]:
        return False
    if kind in (ENTRY, IMPORT):
        return bool(visit and plate)
    if kind == LOCATION:
        return bool(plate and event.get("location"))
    return kind == EXIT or (kind in CHANGES and bool(visit))


def choose_import(imports, clock):
    def order(event):
        return (event.get("status") != "OUT", central(event) != event["node"],
                clock.time(event), event["body"].encode(), stamp(event))
    return min(imports, key=order, default=None)


def choose_change(changes):
    def listed_by_another(change):
        names = [list(position(change))] + change.get("moved_from", [])[:1]
        return any(name in other.get("supersedes", [])
                   for other in changes if other is not change for name in names)
    standing = [change for change in changes if not listed_by_another(change)] or changes
    return max(standing, key=lambda c: (c["kind"] == DELETE, stamp(c)), default=None)


def merge_exits(exits):
    """Of equal deliveries the one with the smallest stamp. `exits` is [(T, event)...]."""
    kept = {}
    for t, event in sorted(exits, key=lambda e: stamp(e[1])):
        kept.setdefault((visit_of(event), t, plate_of(event), central(event)), (t, event))
    return list(kept.values())


class Visit:
    """One visit id and the events that name it, in order of stamp."""

    def __init__(self, name, events, clock):
        def of(*kinds):
            return [e for e in events if e["kind"] in kinds]

        self.id = name
        self.imported = choose_import(of(IMPORT), clock)
        self.first_entry = next(iter(of(ENTRY)), None)
        self.entry = self.first_entry or self.imported or next(iter(of(LOCATION)), None)
        if (self.first_entry and self.imported and not is_original(self.first_entry) and
                is_original(self.imported) and not self.imported.get("is_anomaly")):
            self.entry = self.imported
        self.known = self.entry is not None
        self.sightings = of(LOCATION)
        self.exits = merge_exits([(clock.time(e), e) for e in of(EXIT)])
        if not self.known:
            return

        self.collisions = [e for e in of(ENTRY) if e["plate_id"] != self.entry["plate_id"] and
                           (self.entry is self.first_entry or is_original(e))]
        self.candidate = self.entry["kind"] == LOCATION
        self.weak = self.candidate or (self.entry is self.imported and
                                       bool(self.entry.get("is_anomaly")))
        self.suspect = clock.is_suspect(self.entry)
        if self.imported and self.imported.get("status") == "OUT" and not self.exits:
            end = clock.time(self.imported, self.imported.get("exit_ms"))
            self.exits = [(end, self.imported)]
        self.apply(of(*CHANGES), clock)

        # What the walk finds out.
        self.exit = None           # (T, event) that gives the exit facts
        self.exit_ms = None
        self.status = None         # None until the walk comes to the entry
        self.superseded_by = None
        self.stands_for = None     # the open visit that a candidate gave way to
        self.last_location = None  # (T, name)

    def apply(self, changes, clock):
        winner = self.change = choose_change(changes)
        change = winner or {}
        self.plate = plate_of(change) or self.entry["plate_id"]
        self.plate_view = change.get("plate_view")
        if self.plate_view is None and self.plate == self.entry["plate_id"]:
            self.plate_view = self.entry.get("plate_view")
        entry_ms, end_ms = change.get("entry_ms"), change.get("exit_ms")
        self.entry_ms = clock.time(self.entry) if entry_ms is None else hold(entry_ms)
        self.end_ms = None
        if end_ms is not None and end_ms >= 0:
            self.end_ms = max(hold(end_ms), self.entry_ms)
        self.reopened = None
        if self.end_ms is None:
            self.reopened = max((stamp(c) for c in changes
                                 if c["kind"] != DELETE and c.get("exit_ms") == REOPEN),
                                default=None)
        self.deleted = winner is not None and winner["kind"] == DELETE

    def follows_at_peer(self, earlier):
        """Heard of later, at the same central of those that let nobody in twice."""
        mine, other = self.entry, earlier.entry
        return (not is_original(mine) and not is_original(other) and
                central(mine) == central(other) and
                self.entry_ms - earlier.entry_ms > DUPLICATE_MS and stamp(mine) > stamp(other))

    def is_undone(self, exit_event):
        """An administrator opened the visit again after this exit."""
        return self.reopened is not None and stamp(exit_event) < self.reopened

    def last(self):
        """The visit that stands in for this one now."""
        visit = self
        while visit.superseded_by or visit.stands_for:
            visit = visit.superseded_by or visit.stands_for
        return visit

    def settle_deleted(self):
        self.status = "DELETED"
        kept = [e for e in self.exits if not self.is_undone(e[1])]
        self.exit = min(kept, key=lambda e: stamp(e[1]), default=None)
        if self.end_ms is not None:
            self.exit_ms = self.end_ms
        elif self.exit:
            self.exit_ms = max(self.exit[0], self.entry_ms)


# ---- step 2: the timeline of one plate ---------------------------------------------------------

class Timeline:
    def __init__(self, plate):
        self.plate = plate
        self.points = []
        self.open = None
        self.anomalies = []

    def add(self, t, rank, event, visit, told=None):
        # `visit` is the known visit that the event names, `told` when it was before it was moved.
        told = t if told is None else told
        self.points.append(((t, rank, key(visit_of(event)), stamp(event)), event, visit, told))

    def add_visit(self, visit, clock):
        for event in visit.sightings:
            self.add(clock.time(event), AT_SIGHTING, event, visit)
        if visit.deleted:
            visit.settle_deleted()
            return
        for event in visit.collisions:
            self.blame("ID_COLLISION", event, clock.time(event), visit.id)
        self.add(visit.entry_ms, AT_CANDIDATE if visit.candidate else AT_ENTRY, visit.entry, visit)
        for t, event in visit.exits:
            coarse = t < visit.entry_ms and is_one_instant(t, visit.entry_ms)
            self.add(visit.entry_ms if coarse else t, AT_EXIT, event, visit, told=t)
        if visit.end_ms is not None:
            self.add(visit.end_ms, AT_END, visit.change, visit)
        if visit.imported and visit.imported.get("location"):
            seen = clock.time(visit.imported, visit.imported.get("location_ms"))
            self.add(seen, AT_SIGHTING, visit.imported, visit)

    def blame(self, code, event, t, visit_id, other=None):
        anomaly = {"code": code, "plate_id": self.plate, "t": t, "node": event["node"],
                   "epoch": event["epoch"], "seq": event["seq"]}
        if visit_id is not None:
            anomaly["visit"] = visit_id
        if other is not None:
            anomaly["other"] = other
        self.anomalies.append(anomaly)

    def walk(self):
        meet = {AT_ENTRY: self.meet_entry, AT_CANDIDATE: self.meet_entry,
                AT_SIGHTING: self.meet_sighting, AT_END: self.meet_end}
        for (t, rank, _, _), event, visit, told in sorted(self.points, key=lambda p: p[0]):
            if rank == AT_EXIT:
                self.meet_exit(t, event, visit, told)
            else:
                meet[rank](t, event, visit)

    def is_told_better(self, t):
        """An exit that names no known visit is told again by one that does."""
        return any(rank == AT_EXIT and visit and is_one_instant(t, told) and
                   (self.open is None or visit.last() is self.open)
                   for (_, rank, _, _), _, visit, told in self.points)

    def release_exit(self, visit):
        """A visit without a place of its own has no exit; the one it had is left over."""
        if visit.exit:
            self.blame("EXTRA_EXIT", visit.exit[1], visit.exit[0], visit.id)
            visit.exit = None

    def supersede(self, loser, winner, code):
        if code:
            self.blame(code, loser.entry, loser.entry_ms, loser.id, winner.id)
        loser.status, loser.superseded_by = "SUPERSEDED", winner
        self.release_exit(loser)

    def meet_entry(self, t, event, visit):
        present = self.open
        if visit.exit and visit.end_ms is None:
            visit.status, visit.exit_ms = "OUT", visit.entry_ms
            self.blame("EXIT_BEFORE_ENTRY", visit.exit[1], visit.exit[0], visit.id)
            return
        if present is None:
            pass
        elif visit.candidate:
            visit.status, visit.stands_for = "GAVE_WAY", present
            self.release_exit(visit)
            return
        elif present.weak and not visit.weak:
            self.supersede(present, visit, None)
        elif not visit.weak and not visit.suspect and (present.suspect or
                                                       visit.follows_at_peer(present)):
            self.supersede(present, visit, "CONFLICT")
        else:
            near = visit.entry_ms - present.entry_ms <= DUPLICATE_MS
            same = central(visit.entry) == central(present.entry)
            self.supersede(visit, present, "DUPLICATE" if near and same else "CONFLICT")
            return
        visit.status, self.open = "IN", visit

    def meet_sighting(self, t, event, visit):
        if self.open and (event["kind"] == LOCATION or self.open is visit):
            self.open.last_location = (t, event["location"])

    def meet_exit(self, t, event, visit, told):
        if visit is None and self.is_told_better(told):
            return
        target = visit.last() if visit else self.open
        if target is None:
            self.blame("ORPHAN_EXIT", event, t, visit_of(event))
        elif target.is_undone(event):
            self.blame("EXTRA_EXIT", event, t, target.id)
        elif target.exit and is_one_instant(target.exit_told, told):
            pass  # told once more
        elif target.exit:
            both = (money(event) or 0) > 0 and (money(target.exit[1]) or 0) > 0
            self.blame("DOUBLE_EXIT" if both else "EXTRA_EXIT", event, t, target.id)
        else:
            target.exit, target.exit_told = (t, event), told
            if target is self.open and target.end_ms is None:
                self.close(t)

    def meet_end(self, t, event, visit):
        if self.open is visit:
            self.close(t)

    def close(self, t):
        self.open.status, self.open.exit_ms = "OUT", t
        self.open = None


# ---- rows --------------------------------------------------------------------------------------

def charge(visit, timeline, given):
    """The fee of a visit with an end; lists a fee that no longer fits."""
    if visit.change and money(visit.change) is not None:
        return money(visit.change)
    if visit.exit and money(visit.exit[1]) is not None:
        t, event = visit.exit
        used = event.get("free_s"), event.get("per_hour")
        if (not visit.deleted and is_tariff(*used) and
                fee_by(used, visit.entry_ms, visit.exit_ms) != money(event)):
            timeline.blame("FEE_DIFFERS", event, t, visit.id)
        return money(event)
    if is_free(given.get("subscriptions", []), visit.plate, visit.exit_ms):
        return 0
    return fee_by(tariff_at(given["tariffs"], visit.exit_ms), visit.entry_ms, visit.exit_ms)


def row(visit, timeline, given):
    entry = visit.entry
    result = {
        "event_id": visit.id, "source_central": central(entry), "edge_id": entry.get("edge_id"),
        "plate_id": visit.plate, "plate_view": visit.plate_view, "entry_ms": visit.entry_ms,
        "entry_camera_id": entry.get("camera_id"), "entry_camera_name": entry.get("camera_name"),
        "entry_source": entry.get("source"), "entry_confidence": entry.get("confidence"),
        "exit_ms": visit.exit_ms, "fee": 0, "status": visit.status,
        "is_anomaly": visit.weak, "suspect": visit.suspect,
        "superseded_by": visit.superseded_by.id if visit.superseded_by else None,
    }
    if visit.candidate:
        result["entry_camera_name"] = f"Auto-detected: {central(entry)}/{entry['location']}"
        result["entry_source"] = "parking_lot_auto"
        result["entry_confidence"] = 0
    if visit.last_location:
        result["last_location_ms"], result["last_location"] = visit.last_location
    if visit.exit_ms is not None:
        result["fee"] = charge(visit, timeline, given)
        if visit.exit:
            event = visit.exit[1]
            prefix = "exit_" if event["kind"] == IMPORT else ""
            result["exit_central"] = central(event)
            if event["kind"] == IMPORT and "exit_central" in event:
                result["exit_central"] = event["exit_central"] or None
            for name in ("camera_id", "camera_name", "source", "confidence"):
                result["exit_" + name] = event.get(prefix + name)
    return {name: value for name, value in result.items() if value is not None}


def fold(given):
    clock = Clock(given["clock_fixes"])
    timelines = {plate: Timeline(plate) for plate in given["plates"]}
    events = sorted({position(e): e for e in given["events"] if has_effect(e)}.values(), key=stamp)

    named, loose = {}, []
    for event in events:
        if visit_of(event):
            named.setdefault(visit_of(event), []).append(event)
        else:
            loose.append(event)

    visits, stray_exits = [], []
    for name, group in named.items():
        visit = Visit(name, group, clock)
        if not visit.known:
            stray_exits += visit.exits
        elif visit.plate in timelines:
            visits.append(visit)
            timelines[visit.plate].add_visit(visit, clock)
    stray_exits += merge_exits([(clock.time(e), e) for e in loose if e["kind"] == EXIT])
    stray = [(t, AT_EXIT, e) for t, e in stray_exits]
    stray += [(clock.time(e), AT_SIGHTING, e) for e in loose if e["kind"] == LOCATION]
    for t, rank, event in stray:
        if plate_of(event) in timelines:
            timelines[plate_of(event)].add(t, rank, event, None)

    for timeline in timelines.values():
        timeline.walk()
    rows = [row(visit, timelines[visit.plate], given)
            for visit in visits if visit.status != "GAVE_WAY"]
    anomalies = [a for timeline in timelines.values() for a in timeline.anomalies]
    return {
        "visits": sorted(rows, key=lambda r: key(r["event_id"])),
        "anomalies": sorted(anomalies, key=lambda a: (key(a["plate_id"]), a["t"], *position(a),
                                                      CODES.index(a["code"]))),
    }


# ---- command line ------------------------------------------------------------------------------

def check(number, given):
    """A text about the first difference, or None."""
    for name, mine in fold(given).items():
        theirs = given[name]
        for i in range(max(len(mine), len(theirs))):
            a = mine[i] if i < len(mine) else None
            b = theirs[i] if i < len(theirs) else None
            if a != b:
                parts = {k for k in {*(a or {}), *(b or {})}
                         if (a or {}).get(k) != (b or {}).get(k)}
                return (f"line {number}: {name}[{i}] differs in {', '.join(sorted(parts))}\n"
                        f"  expected {json.dumps(a)}\n  got      {json.dumps(b)}\n"
                        f"  input    {json.dumps({k: given[k] for k in given if k != name})}")
    return None


def main(arguments):
    checking = arguments[:1] == ["--check"]
    paths = arguments[1:] if checking else arguments
    if len(paths) != 1:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    count = 0
    with open(paths[0], encoding="utf-8") as lines:
        for count, line in enumerate(lines, 1):
            given = json.loads(line)
            if not checking:
                print(json.dumps(fold(given)))
                continue
            difference = check(count, given)
            if difference:
                print(difference)
                return 1
    if checking and count == 0:
        print("nothing to check")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
