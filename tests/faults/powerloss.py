"""Power cuts, replayed: what a disk would hold if only synced writes had reached it.

A central runs under strace. From its writes, truncations and syncs the files are built again as of
any instant: everything before the last successful sync of a file is there; of what came later,
nothing or an arbitrary part. A sync that failed takes its writes with it: the kernel marks the pages
clean and will not write them again, while whoever reads meanwhile still sees them.
"""

import os
import random
import re
import shutil

from cluster import PARKMESH, Skip, expect, wait_until

CALLS = "pwrite64,write,ftruncate,fdatasync,fsync,unlink,unlinkat,rename,renameat,renameat2"
SECTOR = 512
LINE = re.compile(r"^(\d+) +(\d+\.\d+) (.*)$")
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
ENDED = re.compile(r"^(.*\)) += (-?\d+)[^<]*(?:<(\d+\.\d+)>)?$")
ON_FILE = re.compile(r"^(\w+)\(\d+<([^>]*)>(.*)\)$")
ON_PATH = re.compile(r'^unlink(?:at)?\((?:\w+(?:<[^>]*>)?, )?"([^"]*)".*\)$')


def trace(site, path, inject=None):
    """From its next start on, `site` runs under strace, which appends to `path`."""
    if not shutil.which("strace"):
        raise Skip("needs strace (apt install strace)")
    wrapper = os.path.join(site.directory, "traced")
    with open(wrapper, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\nexec strace -D -f -q -ttt -T -y -xx -s 1000000 --seccomp-bpf"
                   " -e trace=%s -A -o '%s' %s '%s' \"$@\"\n" % (
                       CALLS, path, "-e inject=" + inject if inject else "", PARKMESH))
    os.chmod(wrapper, 0o755)
    site.program = wrapper


def wait_written(site, path, sessions):
    """Until strace has written down how so many processes ended. From here on `site` runs without
    it again."""
    site.program = PARKMESH

    def ends():
        with open(path, "rb") as file:
            return len(re.findall(rb"\+\+\+ (?:killed by|exited)", file.read()))
    wait_until(lambda: ends() >= sessions, 10, "the end of the trace")


def _text(hexed):
    return bytes.fromhex(hexed.replace("\\x", "")).decode() if "\\x" in hexed else hexed


def _operation(call, result):
    """(kind, path, ...) of a finished call on a database file, or None."""
    path = ON_PATH.match(call)
    if path:
        return ("unlink", _text(path[1])) if result == 0 else None
    match = ON_FILE.match(call)
    if not match:
        return None
    name, path, rest = match[1], _text(match[2]), match[3]
    if not path.endswith((".db", ".db-wal", ".db-journal")):
        return None
    if name in ("fdatasync", "fsync"):
        return ("sync" if result == 0 else "lost", path)
    if result < 0:
        return None
    if name == "ftruncate":
        return ("truncate", path, int(rest.split(",")[1]))
    expect(name == "pwrite64", "a write that is not replayed:", call[:80])
    data, _, at = rest[2:].rpartition(", ")[0].rpartition(", ")[0], None, rest.rpartition(", ")[2]
    data = bytes.fromhex(data.strip('"').replace("\\x", ""))[:result]
    return ("write", path, int(at), data)


def read(path):
    """[(when it was done, operation)] in order."""
    operations, open_calls = [], {}
    with open(path, encoding="ascii", errors="replace") as file:
        for line in file:
            match = LINE.match(line.rstrip("\n"))
            if not match:
                continue
            pid, when, text = match[1], float(match[2]), match[3]
            if text.endswith(" <unfinished ...>"):
                open_calls[pid] = text[:-len(" <unfinished ...>")]
                continue
            resumed = RESUMED.match(text)
            if resumed:
                text = open_calls.pop(pid, "") + resumed[2]
            ended = ENDED.match(text)
            if not ended:
                continue
            operation = _operation(ended[1], int(ended[2]))
            if operation:
                operations.append((when + (0 if resumed else float(ended[3] or 0)), operation))
    operations.sort(key=lambda item: item[0])
    return operations


def _apply(data, operation):
    if operation[0] == "truncate":
        del data[operation[2]:]
        data.extend(bytes(operation[2] - len(data)))
        return
    at, piece = operation[2:]
    data.extend(bytes(max(0, at + len(piece) - len(data))))
    data[at:at + len(piece)] = piece


class Platter:
    """What is on the disk for certain, and what may be."""

    def __init__(self):
        self.files = {}  # path -> bytes that survive
        self.dirty = {}  # path -> operations since its last sync

    def feed(self, operation):
        kind, path = operation[:2]
        if kind == "unlink":
            self.files.pop(path, None)
            self.dirty.pop(path, None)
        elif kind == "lost":
            self.dirty[path] = []
        elif kind == "sync":
            data = self.files.setdefault(path, bytearray())
            for item in self.dirty.pop(path, []):
                _apply(data, item)
        else:
            self.dirty.setdefault(path, []).append(operation)

    def _torn(self, path, chance):
        """Some of the unsynced writes made it, whole or by sectors, in any order."""
        data = bytearray(self.files.get(path, b""))
        items = list(self.dirty.get(path, []))
        chance.shuffle(items)
        for item in items:
            if item[0] == "truncate":
                continue
            for offset in range(0, len(item[3]), SECTOR):
                if chance.random() < 0.5:
                    _apply(data, ("write", path, item[2] + offset,
                                  item[3][offset:offset + SECTOR]))
        return data

    def write_to(self, directory, torn=None):
        """The files as the next start finds them. `torn`: a seed for what else survived."""
        os.makedirs(directory, exist_ok=True)
        chance = random.Random(torn)
        paths = set(self.files) | (set(self.dirty) if torn is not None else set())
        for path in sorted(paths):
            data = self.files.get(path, b"") if torn is None else self._torn(path, chance)
            with open(os.path.join(directory, os.path.basename(path)), "wb") as file:
                file.write(data)
