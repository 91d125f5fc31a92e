"""The examples of docs/api.md do what they say: blocks of sh, python and js are run, in their order,
against three centrals; where a block of JSON shows the answer, it has these keys and types."""

import json
import os
import re
import shutil
import subprocess

from cluster import ROOT, SLOW, expect, run
from standing import Standing
import recorded

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
LISTENED_S = 2         # instead of the time for which a person would listen
TIMED_OUT = 28         # curl's exit status when that time is over
CURL = """#!/bin/sh
status=0
%s --fail-with-body "$@" || status=$?
[ $status -ne %d ] || status=0
echo "$status $*" | tr '\\n' ' ' >> "$CALLS"
echo >> "$CALLS"
exit $status
"""


def blocks(*languages):
    with open(os.path.join(ROOT, "docs", "api.md"), encoding="utf-8") as file:
        text = file.read()
    found = [(text.count("\n", 0, match.start()) + 1, match[1], match[2])
             for match in BLOCK.finditer(text)]
    return [block for block in found if block[1] in languages]


def here(mesh, text):
    """The page's three centrals are at 127.0.0.1, .2 and .3."""
    for number, central in enumerate(mesh.centrals, 1):
        text = re.sub(r"\b127\.0\.0\.%d\b" % number, central.ip, text)
    for long, short in (("--max-time 30", "--max-time %d"), ("wait=20", "wait=%d")):
        text = text.replace(long, short % LISTENED_S)
    return text


def execute(mesh, line, command, text, **environment):
    done = subprocess.run(command, input=here(mesh, text), env={**os.environ, **environment},
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60 * SLOW,
                          cwd=mesh.cluster.directory, text=True, errors="replace", check=False)
    expect(done.returncode == 0, "docs/api.md:%d: exit status %d\n%s\n%s" % (
        line, done.returncode, done.stdout[-2000:], done.stderr[-2000:]))
    return done.stdout


def shown_answer(text):
    """The JSON of a block that shows an answer; None when it shows a part of one."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def curl(mesh):
    """Every example in sh ends well, every curl of it with a good status, and answers look as shown."""
    folder = os.path.join(mesh.cluster.directory, "bin")
    calls = os.path.join(mesh.cluster.directory, "calls")
    os.makedirs(folder)
    with open(os.path.join(folder, "curl"), "w", encoding="utf-8") as file:
        file.write(CURL % (shutil.which("curl"), TIMED_OUT))
    os.chmod(file.name, 0o755)
    path = folder + ":" + os.environ["PATH"]
    wrong, said, seen = [], None, 0
    for line, language, text in blocks("sh", "json"):
        if language == "sh" and "curl" in text:
            said = execute(mesh, line, ["/bin/sh", "-eu"], text, PATH=path, CALLS=calls)
            seen += 1
        elif language == "json" and said is not None:
            shown, answer = shown_answer(text), shown_answer(said)
            if isinstance(shown, dict) and answer is not None:
                shape = recorded.Shape().learn(shown)
                wrong += ["docs/api.md:%d: %s" % (line, what) for what in shape.wrong(answer)
                          if " is null, " not in what]  # not known at the moment, or to this one
            said = None
    with open(calls, encoding="utf-8") as file:
        wrong += ["curl ended with " + call for call in file if not call.startswith("0 ")]
    expect(not wrong, "\n".join(wrong))
    expect(seen >= 10, "examples of curl:", seen)


def python(mesh):
    """The examples in Python run and print what they read."""
    found = blocks("python")
    expect(found, "no example in Python")
    for line, _, text in found:
        printed = execute(mesh, line, ["/usr/bin/python3", "-"], text)
        expect(printed.strip(), "docs/api.md:%d printed nothing" % line)


def javascript(mesh):
    """The examples in JavaScript, in node; a page runs the same."""
    found = blocks("js")
    expect(found, "no example in JavaScript")
    for line, _, text in found:
        script = os.path.join(mesh.cluster.directory, "example-%d.mjs" % line)
        with open(script, "w", encoding="utf-8") as file:
            file.write(here(mesh, text))
        printed = execute(mesh, line, ["node", "--require", os.path.join(
            ROOT, "tests", "e2e", "node_websocket.js"), script], "")
        expect(printed.strip(), "docs/api.md:%d printed nothing" % line)


with Standing("central-1", "central-2", "central-3") as stage:
    run(curl, python, javascript, stage=stage)
