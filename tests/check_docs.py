#!/usr/bin/env python3
"""The documents tell the truth about the code.

usage: check_docs.py [root]

1. docs/design.md ends in a section "Code structure" with exactly one line per source file.
   A line counts when its first word is a path: `proto/event.[ch]` stands for a pair.
2. Each event kind, message type and error code of proto/ appears in docs/protocol.md.
3. Each row of the table "Failures" in docs/replication.md names a test, and each test named on that
   page exists: `tests/path` is a file, `tests/path:name` a test or scenario defined in it.

Prints one line per problem; exit status 1 if there is any.
"""
import pathlib
import re
import sys

SECTION = "Code structure"

# Folder -> the files of it that must be listed.
LISTED = {
    "proto": ("*.c", "*.h"),
    "storage": ("*.c", "*.h"),
    "bus": ("*.c", "*.h"),
    "api": ("*.c", "*.h", "*.js", "*.css", "*.html", "*.cmake"),
    "node": ("*.c", "*.h"),
    "tests": ("*.c", "*.py", "*.sh"),
    "scripts": ("*",),
}

# Header -> the X-macro list in it.
ENUMERATIONS = {
    "proto/event.h": "EVENT_KINDS",
    "proto/message.h": "MESSAGE_TYPES",
    "proto/problem.h": "ERROR_CODES",
}

HEADING = re.compile(r"^(#+)\s+(?:[\d.]+\s+)?(.*?)\s*#*$")
ENTRY = re.compile(r"^[\s|*+-]*`?((?:%s)(?:/[\w-]+)+(?:\.\w+)*(?:\.\[ch\])?)" % "|".join(LISTED))
TEST = re.compile(r"`(tests/[\w./-]+)(?::(\w+))?`")
NOT_OURS = {"node_modules", "__pycache__"}


def sources(root):
    """The paths that have to be listed."""
    return {path.relative_to(root).as_posix()
            for folder, patterns in LISTED.items()
            for pattern in patterns
            for path in (root / folder).rglob(pattern)
            if path.is_file() and not NOT_OURS & set(path.parts)}


def section(text, title=SECTION):
    """Numbered lines of the section, or a text saying what is wrong with it."""
    level, lines, fenced = 0, [], False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        heading = None if fenced else HEADING.match(line)
        if heading and heading[2].strip("`* ").lower() == title.lower():
            level, lines = len(heading[1]), []
        elif heading and level and len(heading[1]) <= level:
            return f'"{heading[2]}" comes after "{title}", which must be the last section'
        elif level:
            lines.append((number, line))
    return lines if level else f'no section "{title}"'


def expand(name):
    return [name[:-4] + "c", name[:-4] + "h"] if name.endswith("[ch]") else [name]


def check_structure(root):
    design = root / "docs/design.md"
    if not design.is_file():
        yield "docs/design.md: missing"
        return
    lines = section(design.read_text(encoding="utf-8"))
    if isinstance(lines, str):
        yield f"docs/design.md: {lines}"
        return
    listed = {}
    for number, line in lines:
        entry = ENTRY.match(line)
        for name in expand(entry[1]) if entry else []:
            if name in listed:
                yield f"docs/design.md:{number}: {name} is listed twice (line {listed[name]})"
            elif not (root / name).is_file():
                yield f"docs/design.md:{number}: {name} does not exist"
            listed.setdefault(name, number)
    for name in sorted(sources(root) - set(listed)):
        yield f'docs/design.md: "{SECTION}" does not list {name}'


def enumerators(text, macro):
    """Names of the entries of an X-macro list; None if there is no such list."""
    text = re.sub(r"/\*.*?\*/", " ", text.replace("\\\n", " "), flags=re.S)
    found = re.search(rf"^[ \t]*#[ \t]*define[ \t]+{macro}\((\w+)\)(.*)$", text, re.M)
    return re.findall(rf"\b{found[1]}\(\s*(\w+)", found[2]) if found else None


def check_enumerations(root):
    protocol = root / "docs/protocol.md"
    if not protocol.is_file():
        yield "docs/protocol.md: missing"
        return
    words = set(re.findall(r"\w+", protocol.read_text(encoding="utf-8")))
    for header, macro in ENUMERATIONS.items():
        path = root / header
        names = enumerators(path.read_text(encoding="utf-8"), macro) if path.is_file() else None
        if not names:
            yield f"{header}: no list {macro}(X)"
        for name in names or []:
            if name not in words:
                yield f"docs/protocol.md: {name} ({macro} in {header}) is not described"


def is_test(root, path, name):
    """The file is there and defines the test, or the scenario of a Python file."""
    if not (root / path).is_file():
        return False
    text = (root / path).read_text(encoding="utf-8") if name else ""
    return not name or re.search(rf"START_TEST\({name}\)|^def {name}\(", text, re.M) is not None


def check_failures(root):
    page = root / "docs/replication.md"
    if not page.is_file():
        yield "docs/replication.md: missing"
        return
    text = page.read_text(encoding="utf-8")
    for number, line in enumerate(text.splitlines(), 1):
        for path, name in TEST.findall(line):
            if not is_test(root, path, name):
                yield f"docs/replication.md:{number}: {path} {name} does not exist".replace("  ", " ")
    lines = section(text, "Failures")
    rows = [] if isinstance(lines, str) else [row for row in lines if row[1].startswith("|")][2:]
    if not rows:
        yield 'docs/replication.md: no table in a last section "Failures"'
    for number, line in rows:
        if not TEST.search(line.rstrip("| ").rpartition("|")[2]):
            yield f"docs/replication.md:{number}: the row names no test in its last column"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else
                        pathlib.Path(__file__).resolve().parent.parent).resolve()
    problems = [*check_structure(root), *check_enumerations(root), *check_failures(root)]
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
