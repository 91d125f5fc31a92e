"""A disk without room: intake answers 507 before anything is half-written, the rest goes on, and it
goes on storing by itself when there is room again."""

import errno
import json
import os

import lab
from checker import Ledger, check, enter, heads
from cluster import SLOW, camera_event, expect, expect_equal, now, parallel, plate, wait_linked, \
    wait_until
from commands import ask, entries, visits, write
from disk import Disk, SmallDisk
from websocket import WebSocket

FULL = (507, "DISK_FULL")


def name_of(number):
    return "edge_%d_%s" % (number, plate(number))


def car(site, ledger, number, **more):
    return enter(ledger, site, plate(number), name_of(number), ts=now() - 3600, **more)


def small_disk(cluster, site):
    disk = SmallDisk(site.data)
    cluster.closing.callback(disk.unmount)
    return disk


def fill_until_refused(site, disk, ledger, first, leave=0):
    """The number of the first car that was refused; those before it were answered with 200."""
    disk.fill(leave)
    for number in range(first, first + 20000):
        answer = car(site, ledger, number)
        if answer.status != 200:
            expect_equal((answer.status, answer.code, answer.json["success"]), (*FULL, False),
                         "answer of a full disk")
            return number
    raise AssertionError("the disk never got full")


def intake_refused(cluster):
    """507 with a code; nothing of it stored; questions answered; room again without a restart."""
    site = cluster.mesh("central-1")[0]
    disk = small_disk(cluster, site)
    site.start()
    ledger = Ledger()
    parallel(lambda number: car(site, ledger, number), range(50))
    refused = fill_until_refused(site, disk, ledger, 50)
    for number in range(refused, refused + 20):
        answer = car(site, ledger, number)
        if answer.status != 200:  # a checkpoint may have made some room
            expect_equal((answer.status, answer.code), FULL, "again")
    told = next((answer for answer in (site.put("/api/parking/fees", {"fees": {
        "fee_base": 0.5, "fee_per_hour": 25000 + number, "fee_per_day": 0, "fee_overnight": 0}})
        for number in range(500)) if answer.status != 200), None)
    expect(told is not None and (told.status, told.code) == FULL, "a tariff", str(told))
    expect("is full" in told.json["error"] and "free space" in told.json["hint"] and
           site.database in told.json["error"], "what, where and what to do", told.json)
    expect_equal(site.get("/readyz").status, 200, "ready to be read")
    for path in ("/api/stats", "/api/status", "/api/p2p/status", "/api/p2p/config"):
        expect_equal(site.get(path).status, 200, path)
    shown = set(site.history())
    expect_equal(shown, set(ledger.visits), "what is shown is what was answered")
    told = [line for line in site.log().splitlines() if " ERROR " in line]
    expect("free space" in "".join(told), "the log says what to do", told[:1])
    expect(len(told) <= 3, "and does not fill what is left of the disk:", len(told), "lines")

    disk.free()
    wait_until(lambda: car(site, ledger, refused).status == 200, 5, "stored again")
    wait_until(lambda: os.path.exists(site.database + ".reserve"), 10, "the reserve is back")
    expect("DISK_ROOM_AGAIN" in site.log(), "the log says so")
    check([site], ledger)


def restarted_while_full(cluster):
    """After kill -9 and after a polite stop: it comes up, shows what it has, and refuses."""
    for end in ("kill9", "stop"):
        site = cluster.mesh("central-1")[0]
        disk = small_disk(cluster, site)
        site.start()
        ledger = Ledger()
        parallel(lambda number, s=site, l=ledger: car(s, l, number), range(50))
        refused = fill_until_refused(site, disk, ledger, 50)
        getattr(site, end)()
        if end == "kill9":  # a polite stop gives back the room of the WAL
            disk.fill()
        site.start()
        expect_equal(set(site.history()), set(ledger.visits), "what is shown, after " + end)
        refused = fill_until_refused(site, disk, ledger, refused)
        site.kill9()  # now without a reserve
        disk.fill()
        site.start()
        expect_equal(set(site.history()), set(ledger.visits), "what is shown, without a reserve")
        disk.free()
        wait_until(lambda s=site, l=ledger, n=refused: car(s, l, n).status == 200, 5, "stored again")
        check([site], ledger)
        site.stop()


def filled_while_down(cluster):
    """Others filled the disk after a polite stop: the reserve is what it starts on."""
    site = cluster.mesh("central-1")[0]
    disk = small_disk(cluster, site)
    site.start()
    ledger = Ledger()
    parallel(lambda number: car(site, ledger, number), range(50))
    site.stop()
    expect(os.path.exists(site.database + ".reserve"), "there is a reserve")
    disk.fill()
    site.start()
    expect(not os.path.exists(site.database + ".reserve"), "it was used up")
    expect_equal(set(site.history()), set(ledger.visits), "what is shown")
    refused = fill_until_refused(site, disk, ledger, 50)
    disk.free()
    wait_until(lambda: car(site, ledger, refused).status == 200, 5, "stored again")
    check([site], ledger)


def mesh_goes_on(cluster):
    """A central with a full disk still serves a new one everything it holds."""
    a, b = sites = cluster.mesh("central-1", "central-2")
    disk = small_disk(cluster, a)
    a.start()
    ledger = Ledger()
    parallel(lambda number: car(a, ledger, number), range(300))
    fill_until_refused(a, disk, ledger, 300)
    b.start()
    wait_linked(sites)
    wait_until(lambda: heads(b) == heads(a), 20, "B has what A holds")
    # What B takes in waits until A has room.
    parallel(lambda number: car(b, ledger, number), range(30000, 30100))
    expect_equal(a.get("/api/stats").status, 200, "A answers")
    disk.free()
    check(sites, ledger)


def catching_up(cluster):
    """The disk fills in the middle of catching up, more than once."""
    a, b = sites = cluster.mesh("central-1", "central-2")
    disk = small_disk(cluster, b)
    a.start()
    ledger = Ledger()
    count = 3000 if SLOW < 2 else 1200
    parallel(lambda number: car(a, ledger, number), range(count))
    b.start()
    wait_until(lambda: b.event_count() > 0, 20, "B began")
    for _ in range(4):
        held = b.event_count()
        disk.fill()
        if held < count:
            wait_until(lambda: "DISK_FULL" in b.log() or b.event_count() == count, 20, "B is full")
        expect_equal(b.get("/api/stats").status, 200, "B answers")
        expect_equal(b.get("/api/parking/history?limit=5").status, 200, "B shows")
        expect(b.running(), "B lives")
        disk.free()
        wait_until(lambda h=held: b.event_count() > h or h == count, 30, "B goes on")
    check(sites, ledger)


def large_requests(cluster):
    """Many large requests at once when it gets full: each is stored or refused, never a half."""
    site = cluster.mesh("central-1")[0]
    disk = small_disk(cluster, site)
    site.start()
    ledger = Ledger()
    car(site, ledger, 1)
    disk.fill(leave=200000)

    def large(number):
        ledger.note_posted(name_of(number))
        body = camera_event("ENTRY", plate(number), name_of(number), ts=now() - 3600)
        body["data"]["note"] = "x" * 40000
        body["camera_name"] = "Cổng vào " + "y" * 180
        answer = site.post("/api/edge/event", json.loads(json.dumps(body)))
        if answer.status == 200:
            ledger.note_answer(site, answer)
        else:
            expect_equal((answer.status, answer.code), FULL, "refused")
        return answer.status

    statuses = parallel(large, range(100, 2500), 32)
    expect(200 in statuses and 507 in statuses, "some of both", statuses.count(200),
           statuses.count(507))
    expect_equal(set(site.history()), set(ledger.visits), "all or nothing")
    disk.free()
    repeated = [100 + i for i, status in enumerate(statuses) if status == 507][:200]
    expect_equal(set(parallel(large, repeated, 32)), {200}, "repeated by the cameras")
    check([site], ledger)


def box_waits(cluster):
    """An event by socket that finds a full disk waits for room, and is stored without being sent
    again; the box is meanwhile sent to HTTP, where it hears what is not stored."""
    site = cluster.mesh("central-1")[0]
    disk = small_disk(cluster, site)
    site.start()
    ledger = Ledger()
    box = WebSocket(site.ip, site.api_port, "/ws/edge")
    box.send(b'{"edge_id": 3}')
    expect_equal(box.receive()["type"], "connected", "greeting")
    refused = fill_until_refused(site, disk, ledger, 1)
    sent = []
    while "EDGE_WAITS" not in site.log():  # the first ones may still find room
        held, number = site.event_count(), 90000 + len(sent)
        sent.append(name_of(number))
        expect(len(sent) < 2000, "there is always room")
        disk.fill()
        box.send(json.dumps(camera_event("ENTRY", plate(number), sent[-1],
                                         ts=now() - 3600)).encode())
        wait_until(lambda h=held: site.event_count() > h or "EDGE_WAITS" in site.log(), 10,
                   "stored, or not")
    waiting = sent[-1]
    while box.receive() is not None:  # ENTRYs of the others
        pass
    expect_equal(box.close_code, 1013, "the box is sent away")
    again = WebSocket(site.ip, site.api_port, "/ws/edge")
    expect_equal(again.status, 503, "others, too")
    again.close()
    expect(waiting not in site.history(), "not stored yet")
    disk.free()
    wait_until(lambda: waiting in site.history(), 10, "stored by itself")
    wait_until(lambda: car(site, ledger, refused).status == 200, 5, "and so are others")
    third = WebSocket(site.ip, site.api_port, "/ws/edge")
    expect_equal(third.status, 101, "boxes are welcome again")
    third.close()
    expect("EDGE_EVENT_LOST" not in site.log(), "nothing was lost")
    expect_equal(site.event_count(), len(ledger.positions) + len(sent), "each once")


def configuration_kept(cluster):
    """A change that cannot be written: 507, and the file is as it was."""
    site = cluster.mesh("central-1")[0]
    folder = os.path.dirname(site.config_file)
    with open(site.config_file, encoding="utf-8") as file:
        text = file.read()
    disk = SmallDisk(folder)
    cluster.closing.callback(disk.unmount)
    site.write_config_text(text)
    site.start()
    disk.fill()
    with open(os.path.join(folder, "ballast"), "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError as error:
            expect_equal(error.errno, errno.ENOSPC, "full")
    answer = site.put("/api/p2p/config", {"heartbeat_ms": 1500})
    expect_equal((answer.status, answer.code), FULL, "PUT")
    with open(site.config_file, encoding="utf-8") as file:
        expect_equal(file.read(), text, "the file")
    expect_equal(sorted(os.listdir(folder)), ["ballast", "p2p_config.json"], "nothing left behind")
    os.unlink(os.path.join(folder, "ballast"))
    expect_equal(site.put("/api/p2p/config", {"heartbeat_ms": 1500}).status, 200, "with room")


def command_line(cluster):
    """send, import and export against a full disk say so; with room the same command goes on."""
    site = cluster.mesh("central-1")[0]
    disk = small_disk(cluster, site)
    site.start()
    count = 6000  # more than the reserve and the WAL have room for

    def command(*words):
        return ask(site, *words, timeout=120, preexec_fn=site.go_there)

    for words in (("send", write(cluster, "events.ndjson", entries(count))),
                  ("import", write(cluster, "visits.ndjson", visits(count)))):
        site.stop()  # what is left of a long WAL would be room
        site.start()
        disk.fill()
        before = site.event_count()
        status, out, err = command(*words)
        expect(status == 74 and not out and "DISK_FULL" in err and "do the same again" in err, words,
               status, out, err)
        held = site.event_count() - before
        expect(held < count, "the disk was not full", held)
        disk.free()
        status, out, err = command(*words)
        expect(status == 0 and out.startswith("%d " % count) and not err, words, status, out, err)
        expect_equal(site.event_count() - before, count, "events")
    path = os.path.join(cluster.directory, "out", "visits.csv")
    os.mkdir(os.path.dirname(path))
    disk = SmallDisk(os.path.dirname(path))  # of its own: the central gives its reserve away
    cluster.closing.callback(disk.unmount)
    disk.fill(20000)
    status, out, err = command("export", "--output", path)
    expect(status == 74 and not out and "DISK_FULL" in err and "make room" in err, status, out, err)
    disk.free()
    status, out, err = command("export", "--output", path)
    expect(status == 0 and "going on behind" in err, status, err)
    with open(path, encoding="utf-8") as file:
        expect_equal(len(file.readlines()), 1 + 2 * count, "lines")


def quota(cluster):
    """A used-up quota is a full disk, not a broken one."""
    site = cluster.mesh("central-1")[0]
    disk = Disk(os.path.join(site.directory, "disk"))
    site.env = disk.env
    site.start()
    ledger = Ledger()
    car(site, ledger, 1)
    disk.break_down("write", error=errno.EDQUOT)
    answer = car(site, ledger, 2)
    expect_equal((answer.status, answer.code), FULL, "answer")
    expect_equal(site.get("/api/stats").status, 200, "questions")
    disk.heal()
    expect_equal(car(site, ledger, 2).status, 200, "with room")
    check([site], ledger)


if __name__ == "__main__":
    lab.run(intake_refused, restarted_while_full, filled_while_down, mesh_goes_on, catching_up,
            large_requests, box_waits, configuration_kept, command_line, quota)
