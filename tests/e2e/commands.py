"""Commands of the command line, driven from outside, and files for them."""

import json
import os
import subprocess
import time
from datetime import datetime, timezone

from cluster import PARKMESH, expect, plate, program

NOBODY, USAGE, REFUSED, BAD, FULL = 69, 64, 1, 65, 74


def ask(central, *words, **options):
    """A command against one central: (exit status, stdout, stderr)."""
    return program(*words, "--config", central.config_file, **options)


def answered(central, *words, **options):
    status, out, err = ask(central, *words, "--json", **options)
    expect(status == 0, words, status, out, err)
    return json.loads(out)


def begin(central, *words, **options):
    """The same, not waited for."""
    return subprocess.Popen([PARKMESH, *words, "--config", central.config_file],
                            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})


def on_terminal(*words, which="stderr", **environment):
    """Runs a command whose `which` is a terminal: (exit status, what that one showed)."""
    master, slave = os.openpty()
    plain = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, which: slave}
    with os.fdopen(master, "rb", closefd=True) as terminal:
        done = subprocess.Popen([PARKMESH, *words], env={**plain, "TERM": "xterm", **environment},
                                **streams)
        os.close(slave)
        text = b""
        try:
            while True:
                text += os.read(terminal.fileno(), 4096)
        except OSError:  # the other side is closed
            pass
        return done.wait(), text


def one(cluster, name="central-1", **config):
    """A central that runs alone."""
    central = cluster.new(name)
    central.write_config(**config)
    return central.start()


def moment(seconds_ago):
    return datetime.fromtimestamp(time.time() - seconds_ago, timezone.utc).isoformat()


def entries(count, **more):
    """Lines of NDJSON: entries of the last hour."""
    return [json.dumps({"kind": "VEHICLE_ENTRY_PENDING", "plate": plate(number), "camera_id": "1",
                        "time": moment(3600 - number % 3000), **more}) for number in range(count)]


def visits(count):
    """Lines of NDJSON: visits of a year ago that are over."""
    start = 365 * 24 * 3600
    return [json.dumps({"event_id": "old-%d" % number, "plate_view": plate(number), "fee": 25000,
                        "entry_time": moment(start - number), "entry_camera_name": "Cổng \"A\"",
                        "exit_time": moment(start - number - 3600), "entry_central": "old"})
            for number in range(count)]


def write(cluster, name, lines):
    path = os.path.join(cluster.directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write("".join(line + "\n" for line in lines))
    return path
