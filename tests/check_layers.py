#!/usr/bin/env python3
"""Includes point downwards only: each folder sees what docs/design.md allows it to see.

usage: check_layers.py [root]

Prints one line per violation; exit status 1 if there is any.
"""
import pathlib
import re
import sys

# Folder -> what of ours it may include beside itself: a folder, or one header of a folder.
OURS = {
    "proto": set(),
    "storage": {"proto"},
    "bus": {"proto"},
    "api": {"proto", "storage/history.h", "storage/settings.h", "storage/accounts.h",
            "storage/audit.h", "storage/visit_field.h"},
    "node": {"proto", "storage", "bus", "api"},
}

# Unit tests of a folder link that library and those below it.
TESTS = {
    "proto": {"proto"},
    "storage": {"storage", "proto"},
    "bus": {"bus", "proto"},
    "api": {"api", "storage", "proto"},
}

# Library header -> the folders whose business it is (tests may use any).
THEIRS = {
    "msgpack.h": {"proto"},
    "sodium.h": {"proto", "bus"},
    "sqlite3.h": {"storage"},
    "czmq.h": {"bus", "api", "node"},
    "zmq.h": {"bus", "api", "node"},
    "civetweb.h": {"api"},
    "jansson.h": {"api", "node"},
    "yajl/yajl_parse.h": {"api"},
    "curl/curl.h": {"api"},
    "systemd/sd-daemon.h": {"node"},
}

SOCKETS = {"czmq.h", "zmq.h", "civetweb.h", "curl/curl.h", "sys/socket.h", "netinet/in.h"}
THREADS = {"pthread.h", "threads.h"}

# Pure files, by path or by folder: what they must not reach, not even through a header of ours.
PURE = {
    "proto": SOCKETS | THREADS,
    "storage/fold": SOCKETS | THREADS | {"sqlite3.h"},
    "bus/replica": SOCKETS | THREADS,
    "node/parking": SOCKETS | THREADS | {"sqlite3.h"},
}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def includes(path):
    """(line number, is ours, name) of each include of a file."""
    text = path.read_text(encoding="utf-8")
    return [(text.count("\n", 0, m.start()) + 1, m[1] == '"', m[2])
            for m in INCLUDE.finditer(text)]


def may_see(allowed, name):
    return name in allowed or name.split("/")[0] in allowed


def reached(root, path, seen):
    """Library headers that a file includes, directly or through headers of ours."""
    names = set()
    for _, ours, name in includes(path):
        if not ours:
            names.add(name)
        elif name not in seen and (root / name).is_file():
            seen.add(name)
            names |= reached(root, root / name, seen)
    return names


def check_folder(root, folder):
    for path in sorted((root / folder).rglob("*.[ch]")):
        where = path.relative_to(root)
        for line, ours, name in includes(path):
            if ours and "/" not in name:
                yield f'{where}:{line}: write the folder: "{folder}/{name}"'
            elif ours and not may_see(OURS[folder] | {folder}, name):
                yield f'{where}:{line}: {folder} must not include "{name}"'
            elif not ours and folder not in THEIRS.get(name, {folder}):
                yield f"{where}:{line}: {folder} must not include <{name}>"


def check_pure(root, subject, forbidden):
    # A folder, or a file and those that continue its name: replica.c, replica_hello.c, ...
    paths = (root / subject).rglob("*.[ch]") if (root / subject).is_dir() else \
        [*(root / subject).parent.glob(f"{(root / subject).name}.[ch]"),
         *(root / subject).parent.glob(f"{(root / subject).name}_*.[ch]")]
    for path in sorted(paths):
        for name in sorted(reached(root, path, set()) & forbidden):
            yield f"{path.relative_to(root)}: is pure, must not reach <{name}>"


def check_tests(root, folder):
    for path in sorted((root / "tests" / folder).rglob("*.[ch]")):
        for line, ours, name in includes(path):
            if ours and name.split("/")[0] in OURS and not may_see(TESTS[folder], name):
                yield (f'{path.relative_to(root)}:{line}: tests of {folder} '
                       f'must not include "{name}"')


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                        pathlib.Path(__file__).resolve().parent.parent).resolve()
    problems = [p for folder in OURS for p in check_folder(root, folder)]
    problems += [p for item in PURE.items() for p in check_pure(root, *item)]
    problems += [p for folder in TESTS for p in check_tests(root, folder)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
