"""Import and export by the command line: whole visits come over, whatever breaks off in between."""

import csv
import glob
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import time

from cluster import PARKMESH, SLOW, expect, expect_equal, plate, run, wait_until
from commands import (BAD, FULL, USAGE, ask, begin, entries, moment, on_terminal, one, visits, write)
from test_10_existing_database import ROWS, ZONE, build


def state(central):
    """Every visit by its name, as the digest of what the fold made of it."""
    return {name: row[-1] for name, row in central.visits().items()}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def busy(central):
    """Some of all that a visit may be, with texts that spreadsheets and CSV find hard."""
    for number in range(12):
        central.entry(plate(number), "v%d" % number)
    for number in range(5):
        central.exit(plate(number), "v%d" % number)
    for number, name in enumerate(('=cmd|" /C calc"!A0', "''=twice", "two\nlines, \"quoted\"",
                                   "'plain", "Cổng Đông")):
        central.event("ENTRY", plate(100 + number), "n%d" % number, camera_name=name)
    central.event("LOCATION_UPDATE", plate(7), camera_name="Deck B", camera_type="PARKING_LOT")
    central.event("ENTRY", plate(200), "precise", data={"confidence": 0.12345678901234567})
    soon = time.strftime("%Y-%m-%dT%H:%M:%S.678Z", time.gmtime(time.time() + 3600))
    edit = central.put("/api/v1/visits/v1", {"exit_time": soon, "author": "An"})
    expect_equal(edit.status, 200, edit)


def round_trip(cluster):
    """What one central exports, a fresh one imports: the same visits, and again nothing."""
    source = one(cluster)
    busy(source)
    for name in ("visits.csv", "visits.ndjson"):
        path = os.path.join(cluster.directory, name)
        status, out, err = ask(source, "export", "--output", path, "--format", name.split(".")[1])
        expect(status == 0 and not out and "18 visits in %s" % path in err, status, out, err)
        expect_equal(glob.glob(path + "*"), [path], "files")
        target = one(cluster, "central-2")
        status, out, err = ask(target, "import", path)
        expect_equal((status, out, err),
                     (0, "18 visits stored, 0 of them were there already, 0 refused\n", ""), "import")
        expect_equal(state(target), state(source), name)
        before = target.event_count()
        status, out, _ = ask(target, "import", path)
        expect(status == 0 and out.startswith("18 visits stored, 18 of them were there"), out)
        expect_equal(target.event_count(), before, "events after a second import")
        target.put("/api/v1/visits/v2", {"plate": "99A-999.99", "author": "An"})
        shown = state(target)
        ask(target, "import", path)
        expect_equal(state(target), shown, "what was corrected stays so")
    rows = list(csv.DictReader(read(os.path.join(cluster.directory, "visits.csv")).decode()
                               .splitlines(keepends=True)))
    expect_equal(len(rows), 18, "rows")


def python_database(cluster):
    """A central.db of the Python system becomes what it becomes when it is taken over in place."""
    path = os.path.join(cluster.directory, "old.db")
    build(path)
    before = read(path)
    target, in_place = one(cluster, timezone=ZONE), cluster.new("central-1")
    in_place.write_config(timezone=ZONE)
    shutil.copy(path, in_place.database)  # with the same times of creation, which make names
    in_place.start()
    for repeated in (0, len(ROWS)):
        status, out, err = ask(target, "import", path)
        expect_equal((status, out, err),
                     (0, "%d visits stored, %d of them were there already, 0 refused\n"
                      % (len(ROWS), repeated), ""), "import")
    expect_equal(state(target), state(in_place), "visits")
    expect_equal(target.event_count(), len(ROWS), "events")
    expect(read(path) == before and not glob.glob(path + "-*"), "it was only read")

    database = sqlite3.connect(path)
    database.execute("UPDATE history SET entry_time = 'noon' WHERE id = 3")
    database.commit()
    database.close()
    status, out, err = ask(target, "import", path)
    expect(status == 0 and "row 3: entry_time made no sense" in err, status, out, err)
    status, out, err = ask(target, "import", target.database)
    expect(status == BAD and not out and "a database of ParkMesh" in err and "export" in err, err)
    empty = os.path.join(cluster.directory, "empty.db")
    sqlite3.connect(empty).execute("CREATE TABLE x(y)").connection.close()
    status, out, err = ask(target, "import", empty)
    expect(status == BAD and "DB_FOREIGN" in err, status, out, err)


def interrupted(cluster, name, lines):
    """An import that is killed, and one whose central is. False when this test stood still meanwhile
    and one of them was over before it was interrupted."""
    count = len(lines)
    central = one(cluster)
    path = write(cluster, name + ".ndjson", lines)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    first = begin(central, "import", path, **quiet)
    wait_until(lambda: central.event_count() > 200, 60, "some of the " + name)
    first.kill()
    first.wait()
    there = central.event_count()
    if there == count:
        return False
    second = begin(central, "import", path)
    wait_until(lambda: central.event_count() > min(there + 200, count - 1), 60, "it goes on")
    central.kill9()
    central.start()
    out, err = second.communicate(timeout=120 * SLOW)
    expect(second.returncode == 0 and out.startswith(b"%d %s stored" % (count, name.encode()))
           and b"already, 0 refused" in out, out, err)
    expect_equal(central.event_count(), count, "events")
    status, out, _ = ask(central, "import", path, timeout=60)
    expect(status == 0 and "%d %s stored, %d of them" % (count, name, count) in out, out)
    expect_equal(central.event_count(), count, "events after it was done twice")
    central.stop()
    return there < count and b"trying for" in err


def interrupted_import(cluster):
    """Killed anywhere, and the central too: done again, each event and visit is there once."""
    for name, made in (("events", entries), ("visits", visits)):
        count = 3000
        while not interrupted(cluster, name, made(count)):
            count *= 2
            expect(count < 50000, "no import of", name, "was interrupted")


def filled(cluster, count):
    central = one(cluster)
    status, out, err = ask(central, "import", write(cluster, "fill.ndjson", visits(count)),
                           timeout=120)
    expect(status == 0, status, out, err)
    return central


def interrupted_export(cluster):
    """Killed at any byte, the same command goes on behind the last whole visit."""
    central = filled(cluster, 400)
    for name in ("csv", "ndjson"):
        whole = ask(central, "export", "--format", name)[1].encode()
        path = os.path.join(cluster.directory, "all." + name)
        words = ("export", "--format", name, "--output", path)
        for limit in (0, 10, 3000, 3001, len(whole) // 2, len(whole) - 1):
            done = begin(central, *words, preexec_fn=lambda n=limit: resource.setrlimit(
                resource.RLIMIT_FSIZE, (n, n)))  # SIGXFSZ ends it in the middle of a write
            done.communicate(timeout=30 * SLOW)
            expect(done.returncode == -signal.SIGXFSZ, limit, done.returncode)
            expect(not os.path.exists(path), "a file that is not complete")
            part = glob.glob(path + ".*.part")
            expect(len(part) == 1 and os.path.getsize(part[0]) <= limit, part)
        status, _, err = ask(central, *words)
        expect(status == 0 and "going on behind" in err and "400 visits in" in err, err)
        expect_equal(read(path), whole, "the file")
        expect_equal(glob.glob(path + ".*"), [], "left over")
    other = ask(central, *words, "--to", moment(0))
    expect(other[0] == 0 and "going on" not in other[2], "another export begins anew", other)


def restarted_export(cluster):
    """The central is killed while an export is under way: nothing is missing, nothing twice."""
    count = 4000
    central = filled(cluster, count)
    for name in ("csv", "ndjson"):
        done = begin(central, "export", "--format", name)
        text = os.read(done.stdout.fileno(), 1000)  # then the pipe is full, and the export waits
        central.kill9()
        central.start()
        rest, err = done.communicate(timeout=120 * SLOW)
        expect(done.returncode == 0, done.returncode, err)
        lines = (text + rest).decode().splitlines()
        ids = [json.loads(line)["event_id"] for line in lines] if name == "ndjson" \
            else [row["event_id"] for row in csv.DictReader(lines)]
        expect_equal(ids, ["old-%d" % number for number in reversed(range(count))], name)


def export_errors(cluster):
    """A full disk, a wrong time, a part that is no part, a file that cannot be."""
    central = filled(cluster, 5)
    status, out, err = ask(central, "export")
    expect(status == 0 and not err and len(out.splitlines()) == 6 and "event_id" in
           out.splitlines()[0], status, out, err)
    for words in (("--json",), ("--format", "ndjson", "--from", "2000-01-01T00:00:00Z")):
        status, out, _ = ask(central, "export", *words)
        expect_equal({json.loads(line)["plate_id"] for line in out.splitlines()},
                     {plate(number) for number in range(5)}, "visits")
    status, out, err = ask(central, "export", "--from", "yesterday")
    expect(status == BAD and not out and "PARAMETER_INVALID" in err, status, out, err)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PARKMESH, "export", "--config", central.config_file], stdout=full,
                              stderr=subprocess.PIPE, check=False)
    expect(done.returncode == FULL and done.stderr.count(b"error") == 1 and b"stdout" in done.stderr,
           done)
    status, out, err = ask(central, "export", "--output", "/nowhere/visits.csv")
    expect(status == USAGE and not out and "/nowhere/visits.csv" in err, status, out, err)
    path = os.path.join(cluster.directory, "visits.csv")
    done = begin(central, "export", "--output", path, restore_signals=False,
                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (700, 700)))
    out, err = done.communicate(timeout=30 * SLOW)
    expect(done.returncode == FULL and b"goes on where it stopped" in err, done.returncode, err)
    part = glob.glob(path + ".*.part")[0]
    with open(part, "wb") as file:
        file.write(b"no\nexport\nat all\n")
    status, _, err = ask(central, "export", "--output", path)
    expect(status == BAD and "no visit of an export" in err and "remove it" in err, status, err)


def bad_files(cluster):
    """What is wrong is told with its line, the rest is stored."""
    central = one(cluster)
    path = write(cluster, "few.csv", [
        "kind,plate,time,camera_name,confidence",
        'VEHICLE_ENTRY_PENDING,51F-204.17,%s,"North, ""first"" gate",0.9' % moment(600),
        "VEHICLE_EXIT,51F-204.17,%s,South," % moment(60),
        "VEHICLE_EXIT,51F-204.18,2020-01-01T00:00:00Z,South,",
        "VEHICLE_EXIT,51F-204.18,%s,South,1,2" % moment(60),
        "VEHICLE_EXIT,51F-204.18,%s,South,high" % moment(60),
        '"VEHICLE_EXIT,51F-204.18'])
    status, out, err = ask(central, "import", path)
    expect(status == BAD and out.startswith("2 events stored") and "4 refused" in out, status, out)
    expect("line 4: FIELD_INVALID: a central believes" in err
           and all("line %d:" % number in err for number in (5, 6, 7)), err)
    row = list(central.history().values())[0]
    expect_equal((row["plate_id"], row["status"], row["entry_camera_name"]),
                 ("51F20417", "OUT", 'North, "first" gate'), "visit")
    mixed = [visits(1)[0], entries(1)[0], "{broken", json.dumps({"plate_view": "51F-1"}), "[]",
             json.dumps({"kind": "VEHICLE_EXIT", "plate": "51F20417"}), "x" * 300000]
    status, out, err = ask(central, "import", write(cluster, "mixed.ndjson", mixed))
    expect(status == BAD and out.startswith("2 ") and "5 refused" in out, status, out, err)
    for number, why in ((3, "JSON_INVALID"), (4, "entry_time is missing"), (5, "FIELD_INVALID"),
                        (6, "needs a time"), (7, "longer than")):
        expect("line %d: " % number in err and why in err, number, why, err)
    status, _, err = ask(central, "import", cluster.directory)
    expect(status == FULL and "directory" in err.lower(), status, err)
    status, _, err = ask(central, "import", os.path.join(cluster.directory, "none"))
    expect(status == USAGE and "No such file" in err, status, err)
    status, _, err = ask(central, "import", write(cluster, "nameless.csv", ['"a']))
    expect(status == BAD and "has no names" in err, status, err)
    status, out, err = ask(central, "import", write(cluster, "empty.csv", []))
    expect(status == 0 and out.startswith("0 "), status, out, err)


def bars(cluster):
    """A bar on a terminal, and only there."""
    central = one(cluster)
    config = ("--config", central.config_file)
    events, past = write(cluster, "e.ndjson", entries(300)), write(cluster, "v.ndjson", visits(300))
    path = os.path.join(cluster.directory, "out.csv")
    for words, what in ((("send", events), b"of 300 lines"), (("import", past), b"of 300 lines"),
                        (("export", "--output", path), b"of 600 visits"),
                        (("simulate", "--cars", "5", "--rate", "1000"), b"of 10 events")):
        status, text = on_terminal(*words, *config)
        expect(status == 0 and b"%" in text and what in text and b"\r" in text, words, status, text)
        if os.path.exists(path):
            os.unlink(path)
        status, text = on_terminal(*words, *config, TERM="dumb")
        expect(status == 0 and b"\r[" not in text, "on a dumb terminal", words, text)
        status, _, err = ask(central, *words)
        expect(status == 0 and "%" not in err and "\r" not in err, words, status, err)


if __name__ == "__main__":
    run(round_trip, python_database, interrupted_import, interrupted_export, restarted_export,
        export_errors, bad_files, bars)
