"""Bytes that differ are found, named and mended without an operator; `parkmesh verify` and
`parkmesh diff` tell people."""

import json
import sqlite3

from cluster import (expect, expect_equal, plate, program, run, wait_equal_digests, wait_linked,
                     wait_same, wait_until)
from log_dump import difference
from pymesh import body, chain_next, hash16, unpack


def change(central, *statements):
    """Behind the back of a stopped central."""
    database = sqlite3.connect(central.database)
    with database:
        for sql, parameters in statements:
            expect_equal(database.execute(sql, parameters).rowcount, 1, sql)
    database.close()


def verify(central):
    status, out, err = program("verify", "--data", central.data)
    expect(status in (0, 65), "verify ended with", status, out, err)
    return status, out


def pair(cluster):
    """Two centrals with the same log; the first has written all of it. Both are stopped."""
    a, b = cluster.mesh("central-a", "central-b")
    a.start()
    b.start()
    wait_linked([a, b])
    for number in range(6):
        expect_equal(a.entry(plate(number)).status, 200, "entry")
    wait_same([a, b])
    wait_equal_digests([a, b])
    a.stop()
    b.stop()
    return a, b


def start(*centrals):
    for central in centrals:
        central.start()
    wait_linked(list(centrals))


def check_whole(a, b):
    wait_equal_digests([a, b])
    wait_same([a, b])
    a.stop()
    b.stop()
    for central in (a, b):
        expect_equal(verify(central)[0], 0, "verify of %s: %s" % (central.name, verify(central)))
        expect_equal(difference(central), None, "the second fold about " + central.name)


def damage(cluster):
    a, b = pair(cluster)
    expect_equal((verify(a)[0], verify(b)[0]), (0, 0), "whole logs")
    change(b, ("UPDATE event SET body = ? WHERE seq = 2", (body({1: "forged", 2: plate(77)}),)),
           ("UPDATE event SET chain = zeroblob(16) WHERE seq = 5", ()))
    status, out = verify(b)
    expect(status == 65 and "event 2" in out and "central-a" in out, "verify", status, out)
    status, out, _ = program("verify", "--data", b.data, "--json")
    found = json.loads(out)["findings"]
    expect(status == 65 and found[0]["fault"] == "body" and found[0]["seq"] == 2, status, out)
    start(a, b)
    wait_until(lambda: "CHAIN_MENDED" in b.log(), 60, b.log)
    expect("CHAIN_BROKEN" in b.log() and "event 2 of central-a/" in b.log(), "not named", b.log())
    expect("CHAIN_MISMATCH" not in a.log() + b.log(), "taken for a fork", a.log(), b.log())
    check_whole(a, b)
    expect(not any("forged" in key for key in b.visits()), "the forged visit stayed")


def fork(cluster):
    """Both hold seq 4 to 6 of one stream, with other bytes from 4 on: a resumed snapshot."""
    a, b = pair(cluster)
    rows = b.rows("SELECT seq, header, body, chain FROM event ORDER BY seq")
    chain = rows[2][3]
    statements = []
    for seq, header, old, _ in rows[3:]:
        new = body({**{key: value for key, value in unpack(old).items() if key != 63},
                    7: "camera of the other branch"})
        chain = chain_next(chain, header, hash16(new))
        statements.append(("UPDATE event SET body = ?, body_hash = ?, chain = ? WHERE seq = ?",
                           (new, hash16(new), chain, seq)))
    # As after a power cut: what is summed is made again at the start.
    change(b, *statements, ("UPDATE stream SET chain = ?", (chain,)),
           ("UPDATE meta SET value = 0 WHERE key = 'clean'", ()))
    start(a, b)
    wait_until(lambda: "CHAIN_MENDED" in a.log() + b.log(), 60, lambda: a.log() + b.log())
    # Whoever is quicker finds it; the other one's search ends when the logs are equal again.
    expect("event 4 of central-a/" in a.log() + b.log(), "not named", a.log(), b.log())
    wait_equal_digests([a, b], 60)
    expect_equal(a.event_count(), 9, "events: both branches of three")
    expect_equal(len(wait_same([a, b])), 6, "visits: one for each vehicle")
    expect_equal(b.entry(plate(50)).status, 200, "entry")
    wait_same([a, b])
    check_whole(a, b)


def asked(cluster):
    a, b = pair(cluster)
    ask = ("diff", "--config", a.config_file, "--peer")
    expect_equal(program(*ask, "central-b")[0], 69, "nobody runs")
    a.start()
    expect_equal(program(*ask, "central-b")[0], 69, "not connected")
    expect_equal(program(*ask, "central-x")[0], 64, "no such peer")
    expect_equal(program("diff")[0], 64, "no peer named")
    expect_equal(a.get("/api/v1/sync/diff?peer=central-b").status, 502, "status")
    expect_equal(a.get("/api/v1/sync/diff?peer=central-x").status, 404, "status")
    expect_equal(a.get("/api/v1/sync/diff").status, 422, "status")
    b.start()
    wait_linked([a, b])
    wait_equal_digests([a, b])
    status, out, err = program(*ask, "central-b")
    expect(status == 0 and out.startswith("equal"), "diff", status, out, err)
    status, out, err = program(*ask, "central-b", "--json")
    expect(status == 0 and json.loads(out)["result"] == "equal", "diff --json", status, out, err)
    status, _, err = program("verify", "--data", a.directory)
    expect(status not in (0, 65) or "no database" in err, "an empty directory", status, err)


run(damage, fork, asked)
