"""Disks that break: the process ends at once with status 74 and says why; nothing answered is lost."""

import os
import re

import lab
from checker import Ledger, check, enter
from cluster import expect, expect_equal, now, plate, wait_linked, wait_until
from disk import Disk
from load import Load

IO_ERROR = 74


def one_central(cluster, **config):
    site = cluster.mesh("central-1", **config)[0]
    disk = Disk(os.path.join(site.directory, "disk"))
    site.env = disk.env
    site.start()
    return site, disk


def some_cars(site, ledger, count, first=0):
    for number in range(first, first + count):
        answer = enter(ledger, site, plate(number), "edge_%d_%s" % (number, plate(number)),
                       ts=now() - 3600)
        expect_equal(answer.status, 200, "entry")


def ends_with_a_word(site, disk):
    """By itself, with the status for I/O errors, and a message that a person can act on."""
    expect_equal(site.wait_end(10), IO_ERROR, "exit status")
    expect(disk.failed() > 0, "the fault was met")
    line = [text for text in site.log().splitlines() if "DB_FAILED" in text][-1]
    for word in ("central.db", "hint=", "dmesg"):
        expect(word in line, "the message lacks", word, line)
    return line


def back_again(site, disk, ledger):
    """After the disk was mended: every answered event is there, and a repeated one is stored once."""
    disk.heal()
    site.start()
    check([site], ledger)


def at_a_commit(cluster):
    """Each way in which writing a commit can fail."""
    for what in ("sync", "write"):
        site, disk = one_central(cluster)
        ledger = Ledger()
        some_cars(site, ledger, 20)
        disk.break_down(what, which="wal", spare=3)
        gone = None
        for number in range(20, 40):
            gone = enter(ledger, site, plate(number), "edge_%d_%s" % (number, plate(number)),
                         ts=now() - 3600)
            if gone is None:
                break
        expect(gone is None, "no answer from a disk that failed", gone)
        ends_with_a_word(site, disk)
        disk.heal()
        site.start()
        unanswered = "edge_%d_%s" % (number, plate(number))
        expect_equal(enter(ledger, site, plate(number), unanswered, ts=now() - 3600).status, 200,
                     "repeated by the camera")
        some_cars(site, ledger, 5, first=100)
        check([site], ledger)
        site.stop()


def at_a_checkpoint(cluster):
    """Nobody asks for anything: the central ends all the same, when it notices."""
    site, disk = one_central(cluster)
    ledger = Ledger()
    disk.break_down("sync", which="database")
    for number in range(5):  # their commits touch the WAL only; between two it may checkpoint
        enter(ledger, site, plate(number), "edge_%d_%s" % (number, plate(number)), ts=now() - 3600)
    line = ends_with_a_word(site, disk)
    expect("checkpoint" in line, line)
    back_again(site, disk, ledger)


def while_reading(cluster):
    """A sector that cannot be read any more, under the writer."""
    site, disk = one_central(cluster)
    ledger = Ledger()
    some_cars(site, ledger, 300)
    site.stop()
    site.start()  # an empty cache
    disk.break_down("read")
    expect(enter(ledger, site, plate(900), "edge_900", ts=now() - 3600) is None, "no answer")
    ends_with_a_word(site, disk)
    back_again(site, disk, ledger)


def at_the_start(cluster):
    """A disk that is broken already: no half-started central, and the reason on stderr."""
    for what, spare in (("sync", 0), ("write", 0), ("read", 2)):
        site, disk = one_central(cluster)
        ledger = Ledger()
        some_cars(site, ledger, 5)
        site.kill9()
        disk.break_down(what, spare=spare)
        site.start(wait=False)
        expect_equal(site.wait_end(10), IO_ERROR, "exit status, broken: " + what)
        expect(re.search(r"ERROR DB_FAILED text=\S*central\.db", site.log()), "the reason", what)
        expect("dmesg" in site.log(), "what to do")
        back_again(site, disk, ledger)
        site.stop()


def under_load_from_peers(cluster):
    """The disk of one central breaks while runs of its peers arrive; the others do not notice."""
    sites = cluster.mesh("central-1", "central-2", "central-3")
    disk = Disk(os.path.join(sites[0].directory, "disk"))
    sites[0].env = disk.env
    for site in sites:
        site.start()
    wait_linked(sites)
    ledger = Ledger()
    some_cars(sites[1], ledger, 20)
    disk.break_down("sync", which="wal", spare=1)
    for number in range(20, 2020):  # how many of them one sync carries there is not ours to say
        enter(ledger, sites[1 + number % 2], plate(number), "edge_%d_%s" % (number, plate(number)),
              ts=now() - 3600)
        if number >= 60 and not sites[0].running():
            break
    ends_with_a_word(sites[0], disk)
    disk.heal()
    sites[0].start()
    check(sites, ledger)


def slow(cluster):
    """Each sync takes 0.2 s: a commit carries more, everything is answered, nothing is lost."""
    sites = cluster.mesh("central-1", "central-2")
    disk = Disk(os.path.join(sites[0].directory, "disk"))
    sites[0].env = disk.env
    for site in sites:
        site.start()
    ledger = Ledger()
    disk.slow(0.2)
    with Load(sites, ledger, gates=8) as load:
        wait_until(lambda: ledger.answered() >= 300, 60, "answers of a slow disk")
        load.stop()
    disk.heal()
    expect_equal(set(load.statuses()), {200}, "statuses")
    check(sites, ledger)


if __name__ == "__main__":
    lab.run(at_a_commit, at_a_checkpoint, while_reading, at_the_start, under_load_from_peers, slow)
