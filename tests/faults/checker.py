"""What must hold after any fault, once everything is reachable again.

A `Ledger` keeps what gates posted and what they were answered; `check` asks every central over its
API, waits for a bounded time until all agree, and compares that with the ledger.
"""

import threading

import log_dump
from cluster import difference, expect, expect_equal, wait_until

SHOWN = ("plate_id", "entry_time", "exit_time", "fee", "status")


class Ledger:
    """Thread-safe. Positions are (node, epoch, seq) of the log, visits are event_ids."""

    def __init__(self):
        self.lock = threading.Lock()
        self.posted = set()   # every event_id that a gate ever sent
        self.visits = {}      # event_id -> who answered the entry with 200
        self.left = set()     # event_ids whose exit was answered with 200
        self.positions = set()

    def note_posted(self, event_id):
        with self.lock:
            self.posted.add(event_id)

    def note_answer(self, central, answer, is_exit=False):
        """An answer of status 200: from now on it must never be lost."""
        body = answer.json
        position = body.get("position")
        with self.lock:
            if position:
                self.positions.add((position["node"], int(position["epoch"]), position["seq"]))
            if body.get("success") and is_exit:
                self.left.add(body["event_id"])
            elif body.get("success"):
                self.visits[body["event_id"]] = central.name

    def answered(self):
        with self.lock:
            return len(self.positions)


def enter(ledger, central, plate, event_id, **fields):
    """One entry at a gate, with its place in the ledger. The answer, or None when none came."""
    ledger.note_posted(event_id)
    try:
        answer = central.entry(plate, event_id, **fields)
    except OSError:
        return None
    if answer.status == 200:
        ledger.note_answer(central, answer)
    return answer


def leave(ledger, central, plate, event_id, **fields):
    try:
        answer = central.exit(plate, event_id, **fields)
    except OSError:
        return None
    if answer.status == 200:
        ledger.note_answer(central, answer, is_exit=True)
    return answer


def heads(central):
    """(node, epoch) -> highest seq, from the log."""
    return {(node, epoch & 0xFFFFFFFFFFFFFFFF): seq for node, epoch, seq in central.rows(
        "SELECT node, epoch, seq FROM (SELECT node, epoch, (SELECT max(seq) FROM event"
        " WHERE event.sid = stream.sid) AS seq FROM stream) WHERE seq IS NOT NULL")}


def lacking(central, ledger):
    """Answered positions that its log does not hold."""
    held = heads(central)
    return [p for p in sorted(ledger.positions) if held.get(p[:2], 0) < p[2]]


def digests(central):
    return [(log.hex(), state.hex()) for log, state in central.rows(
        "SELECT log_digest, state_digest FROM log_state")]


def whole_history(central):
    """Everything the API shows, those it hides by default included; by event_id."""
    rows = central.history()
    for status in ("SUPERSEDED", "DELETED"):
        rows.update(central.history(status=status))
    result = {}
    for event_id, row in rows.items():
        result[event_id] = tuple(central.instant(row[name]) if name.endswith("time") else row[name]
                                 for name in SHOWN)
    return result


def _say_equal(centrals):
    names = {central.name for central in centrals}
    return all(peer["sync"] == "equal" for central in centrals
               for name, peer in central.peers().items() if name in names)


def wait_agreed(centrals, ledger, seconds=60):
    """The cheap part: answered positions everywhere, all digests equal and known to be so."""
    wait_until(lambda: not any(lacking(c, ledger) for c in centrals), seconds,
               lambda: "answered but not held: %s" % {
                   c.name: lacking(c, ledger)[:3] for c in centrals if lacking(c, ledger)})
    wait_until(lambda: all(digests(c) == digests(centrals[0]) for c in centrals[1:]), seconds,
               lambda: "digests %s" % {c.name: digests(c) for c in centrals})
    wait_until(lambda: _say_equal(centrals), seconds, lambda: "not shown as equal: %s" % {
        c.name: {name: peer["sync"] for name, peer in c.peers().items()} for c in centrals})


def check(centrals, ledger, seconds=60, fold=True):
    """All of it; returns the history. `fold`: also asks the second fold about each log."""
    wait_agreed(centrals, ledger, seconds)
    first = whole_history(centrals[0])
    for central in centrals[1:]:
        other = whole_history(central)
        expect(other == first, "history of", central.name, difference(first, other))
    lost = set(ledger.visits) - set(first)
    expect(not lost, "answered visits that nobody shows:", len(lost), sorted(lost)[:3])
    open_again = {event_id for event_id in ledger.left if first[event_id][4] == "IN"}
    expect(not open_again, "exits that were answered and forgotten:", sorted(open_again)[:3])
    invented = set(first) - ledger.posted
    expect(not invented, "visits that nobody reported:", sorted(invented)[:3])
    inside = [row[0] for row in first.values() if row[4] == "IN"]
    expect_equal(len(inside), len(set(inside)), "plates inside, each once")
    if fold:
        for central in centrals:
            expect(log_dump.difference(central) is None, central.name,
                   log_dump.difference(central))
    return first
