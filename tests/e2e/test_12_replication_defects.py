"""What went wrong between centrals of the existing system, each defect by its letter: the scenario
that showed it, and what happens instead."""

import os

from cluster import expect, expect_equal, fee, need_faketime, now, plate, run, wait_equal_digests, \
    wait_linked, wait_same, wait_until

VIETNAM = "Asia/Ho_Chi_Minh"


def pair(cluster, zone="UTC", names=("central-1", "central-2")):
    centrals = cluster.mesh(*names)
    for central in centrals:
        central.start(zone)
    wait_linked(centrals)
    return centrals


def at(central, event_id, **fields):
    """Waits until the visit there has these fields."""
    def found():
        row = central.history(status=fields["status"]).get(event_id) if "status" in fields else \
            central.history().get(event_id)
        return row and all(row[key] == value for key, value in fields.items()) and row
    return wait_until(found, 20, lambda: "%s at %s: %s" % (
        fields, central.name, central.visits().get(event_id)))


def r_01_r_02_offline_entry_any_zone(cluster):
    """R-01, R-02: an entry, and a whole visit, while B is down."""
    a, b = pair(cluster, VIETNAM)
    base = now() - 7200
    b.stop()
    inside = a.entry(plate(1), ts=base).json["event_id"]
    whole = a.entry(plate(2), ts=base).json["event_id"]
    a.exit(plate(2), ts=base + 3600)
    b.start(VIETNAM)
    at(b, inside, status="IN")
    at(b, whole, status="OUT", fee=fee(3600))
    # Both are asked on the same day, unless it ends between the two questions.
    wait_until(lambda: b.get("/api/stats").json["revenue_today"] ==
               a.get("/api/stats").json["revenue_today"], 10, "the same revenue")


def r_03_r_04_r_14_exit_during_outage(cluster):
    """R-03, R-04, R-14: the exit of a known visit; the next day's fee is from the new entry."""
    a, b = pair(cluster)
    base = now() - 4 * 86400
    first = a.entry(plate(1), ts=base).json["event_id"]
    at(b, first, status="IN")
    b.post("/api/p2p/stop")
    a.exit(plate(1), ts=base + 3600)
    again = a.entry(plate(1), ts=base + 86400).json["event_id"]
    b.post("/api/p2p/start")
    at(b, first, status="OUT", fee=fee(3600))
    at(b, again, status="IN")
    left = b.exit(plate(1), ts=base + 86400 + 5400).json
    expect_equal((left["event_id"], left["fee"]), (again, fee(5400)), "exit at B")


def r_05_edit_and_delete_during_outage(cluster):
    """R-05: corrections arrive; a central whose disk was replaced does not bring back the dead."""
    a, b = pair(cluster)
    edited = a.entry(plate(1)).json["event_id"]
    deleted = a.entry(plate(2)).json["event_id"]
    at(b, deleted)
    b.post("/api/p2p/stop")
    rows = a.history()
    a.put("/api/parking/history/%d" % rows[edited]["id"], {"plate_id": "x51f-999.99",
                                                            "plate_view": "x51f-999.99"})
    a.delete("/api/parking/history/%d" % rows[deleted]["id"])
    b.post("/api/p2p/start")
    at(b, edited, plate_id="X51F99999", plate_view="X51F-999.99")
    wait_until(lambda: deleted not in b.history(), 10, "deleted at B")
    expect(deleted in b.history(status="DELETED"), "shown when asked for")

    a.stop()
    for name in os.listdir(a.data):
        os.unlink(os.path.join(a.data, name))
    a.start()
    wait_linked([a, b])
    at(a, edited, plate_id="X51F99999")
    wait_same([a, b])
    expect(deleted not in a.history(), "deleted at A")
    new = a.entry(plate(3)).json["event_id"]
    at(b, new)
    wait_equal_digests([a, b])


def r_06_mark_moves_with_data(cluster):
    """R-06: the mark of the last synchronisation says when the logs were equal, nothing else."""
    a, b = pair(cluster)
    a.entry(plate(1))
    wait_equal_digests([a, b])

    def mark():
        return {row["peer_central_id"]: row["last_sync_timestamp"]
                for row in b.get("/api/p2p/sync-state").json["sync_state"]}

    wait_until(lambda: "central-1" in mark(), 10, "a first mark")
    a.kill9()
    wait_until(lambda: not b.peers()["central-1"]["connected"], 20, "link down")
    before = mark()
    b.entry(plate(2))
    expect_equal(mark(), before, "mark while A is away")
    a.start()
    wait_equal_digests([a, b])
    wait_until(lambda: mark()["central-1"] > before["central-1"], 10, "mark moves on")


def r_08_r_15_other_row_numbers(cluster):
    """R-08, R-15: row 1 is another car at B; one change is one change."""
    a, b = cluster.mesh("central-1", "central-2")
    a.start()
    b.start()
    wait_linked([a, b])
    b.post("/api/p2p/stop")
    at_b = b.entry(plate(1)).json
    at_a = a.entry(plate(2)).json
    expect_equal((at_a["history_id"], at_b["history_id"]), (1, 1), "row numbers")
    b.post("/api/p2p/start")
    at(b, at_a["event_id"])
    a.put("/api/parking/history/1", {"plate_id": "51F55555", "plate_view": "51F-555.55"})
    at(b, at_a["event_id"], plate_id="51F55555")
    at(b, at_b["event_id"], plate_id=plate(1))
    changes = b.get("/api/parking/history/changes").json["changes"]
    expect_equal(len(changes), 1, "changes at B")
    own = b.history()[at_a["event_id"]]["id"]
    expect_equal((changes[0]["history_id"], changes[0]["new_plate_id"],
                  changes[0]["old_data"]["plate_id"]), (own, "51F55555", plate(2)), "change at B")
    listed = b.get("/api/parking/history/changes?history_id=%d" % own).json
    expect_equal(listed["count"], 1, "of this row")
    a.delete("/api/parking/history/1")
    wait_until(lambda: at_a["event_id"] not in b.history(), 10, "deleted at B")
    expect(at_b["event_id"] in b.history(), "the other car stays")


def r_11_exit_before_its_entry(cluster):
    """R-11: B hears of the exit first."""
    a, b = pair(cluster)
    base = now() - 7200
    name = "edge-1_%d_%s" % (base * 1000, plate(1))
    a.post("/api/p2p/stop")
    b_answer = b.exit(plate(1), name, ts=base + 3600)
    expect_equal((b_answer.status, b_answer.code), (200, "NO_OPEN_VISIT"), str(b_answer))
    expect(a.entry(plate(1), name, ts=base).json["success"], "entry at A")
    a.post("/api/p2p/start")
    for central in (a, b):
        row = at(central, name, status="OUT", fee=fee(3600))
        expect_equal((central.instant(row["entry_time"]), central.instant(row["exit_time"])),
                     (base, base + 3600), "instants")
    wait_same([a, b])


def r_12_exit_has_the_entrys_name(cluster):
    """R-12: also when the plate was corrected at one central only a moment ago."""
    a, b = pair(cluster)
    name = a.entry(plate(1)).json["event_id"]
    row = at(b, name)["id"]
    b.put("/api/parking/history/%d" % row, {"plate_id": "51F77777", "plate_view": "51F-777.77"})
    left = b.exit("51F-777.77").json
    expect_equal((left["success"], left["event_id"]), (True, name), "exit")
    at(a, name, status="OUT", plate_id="51F77777")


def r_13_late_copy_of_an_exit(cluster):
    """R-13: a repeated exit of the last visit does not close the next one."""
    a, b = pair(cluster)
    base = now() - 7200
    first = a.entry(plate(1), ts=base).json["event_id"]
    a.exit(plate(1), first, ts=base + 60)
    second = a.entry(plate(1), ts=base + 600).json["event_id"]
    at(b, second, status="IN")
    for central in (a, b):
        answer = central.exit(plate(1), first, ts=base + 60, camera=7)
        expect_equal(answer.status, 200, str(answer))
    old = b.exit(plate(1), ts=base + 120, camera=8)  # queued by a camera, without a name
    expect_equal(old.status, 200, str(old))
    visits = wait_same([a, b])
    expect_equal((visits[first][5], visits[first][3], visits[second][5]),
                 ("OUT", (base + 60) * 1000, "IN"), "visits")


def r_30_relay(cluster):
    """R-30: A and C know B only; what happens at A is known at C."""
    a, b, c = (cluster.new("central-%d" % number) for number in (1, 2, 3))
    cluster.connect(a, [b])
    cluster.connect(b, [a, c])
    cluster.connect(c, [b])
    for central in (a, b, c):
        central.start()
    wait_linked([a, b])
    wait_linked([b, c])
    entered = a.entry(plate(1)).json["event_id"]
    at(c, entered, status="IN", source_central="central-1")
    expect(c.exit(plate(1)).json["success"], "exit at C")
    at(a, entered, status="OUT")
    wait_same([a, b, c])


def r_23_one_sided_configuration(cluster):
    """R-23: only B lists A. It is refused until A accepts it, then the link works both ways."""
    a, b = cluster.new("central-1"), cluster.new("central-2")
    cluster.connect(a, [])
    cluster.connect(b, [a])
    a.start()
    b.start()
    wait_until(lambda: a.peers().get("central-2", {}).get("status") == "pending", 20,
               lambda: str(a.peers()))
    one = a.entry(plate(1)).json["event_id"]
    expect_equal(b.history(), {}, "nothing crosses before")
    peer = b.address()
    peer["p2p_port"] = 9  # A cannot dial: B's link serves both ways
    expect_equal(a.put("/api/p2p/config", {"peer_centrals": [peer]}).status, 200, "accept")
    wait_linked([a, b], 45)  # who was refused comes again within 30 s
    at(b, one)
    at(a, b.entry(plate(2)).json["event_id"])


def r_33_underscore_in_id(cluster):
    """Ids with an underscore change nothing: order is decided by time, not by parsing a name."""
    a, b = pair(cluster, names=("site_a", "site_b"))
    a.post("/api/p2p/stop")
    base = now() - 600
    winner = b.entry(plate(1), ts=base).json["event_id"]
    loser = a.entry(plate(1), ts=base + 60).json["event_id"]
    a.post("/api/p2p/start")
    at(a, winner, status="IN")
    at(a, loser, status="SUPERSEDED")
    wait_same([a, b])


def r_37_newcomer_knows_old_visits(cluster):
    """R-37: cars inside for more than 7 days are known to a fresh central."""
    need_faketime()
    a, b = cluster.new("central-1"), cluster.new("central-2")
    cluster.connect(a, [])
    a.start(clock=-30 * 86400)
    entered = a.entry(plate(1)).json["event_id"]
    a.stop()
    cluster.connect(a, [b])
    cluster.connect(b, [a])
    a.start()
    b.start()
    row = at(b, entered, status="IN")
    expect(now() - b.instant(row["entry_time"]) > 29 * 86400, row)
    expect(b.exit(plate(1)).json["fee"] > 25000 * 24 * 29, "fee")
    at(a, entered, status="OUT")


def r_38_t_03_clocks_differ(cluster):
    """R-38, T-03: B ten minutes ahead and in another zone."""
    need_faketime()
    a, b = cluster.mesh("central-1", "central-2")
    a.start(VIETNAM)
    b.start("UTC", clock=600)
    wait_linked([a, b])
    b.stop()
    entered = a.entry(plate(1), ts=now() - 3000).json["event_id"]
    b.start("UTC", clock=600)
    at(b, entered, status="IN")
    left = b.exit(plate(1)).json  # B's own clock: 3,600 s after the entry
    expect_equal(left["duration"][:6], "1 giờ ", left)
    at(a, entered, status="OUT", fee=left["fee"], duration=left["duration"])
    rows = [c.history()[entered] for c in (a, b)]
    expect(rows[0]["entry_time"] != rows[1]["entry_time"], "each in its own zone", rows)
    wait_same([a, b])


run(r_01_r_02_offline_entry_any_zone, r_03_r_04_r_14_exit_during_outage,
    r_05_edit_and_delete_during_outage, r_06_mark_moves_with_data, r_08_r_15_other_row_numbers,
    r_11_exit_before_its_entry, r_12_exit_has_the_entrys_name, r_13_late_copy_of_an_exit,
    r_30_relay, r_23_one_sided_configuration, r_33_underscore_in_id, r_37_newcomer_knows_old_visits,
    r_38_t_03_clocks_differ)
