"""The peer link frame by frame: the recorded transcript of a central of the existing system, played
to one of ours that accepts and to one that dials; who may be linked, and by what."""

import json
import threading
from datetime import datetime, timedelta, timezone

import recorded
from cluster import SLOW, expect, expect_equal, free_port, plate, run, wait_linked, wait_until
from python_stand import PORTS, must, python_central
from websocket import PING, PONG, TEXT, WebSocket
from websocket_door import Door

TRANSCRIPT = recorded.lines("ws_p2p.jsonl")
FIRST = "fake central-9 (dialed in)"
PEER = "central-9"
RECORDED_DAY = "2026-11-22"
YESTERDAY = (datetime.now(timezone.utc) - timedelta(days=1)).strftime("%Y-%m-%d")
NEVER = 99999999999999


def said(who, direction):
    """What was recorded, on another day."""
    return [line["text"].replace(RECORDED_DAY, YESTERDAY) for line in TRANSCRIPT
            if line["who"] == who and line["direction"] == direction]


def like(kind, number=0):
    """A recorded frame of our role: its keys are what the other side reads."""
    found = [json.loads(line["text"]) for line in TRANSCRIPT
             if line["direction"] == "recv" and '"%s"' % kind in line["text"]]
    return found[number]


def tell(link, message):
    link.send(json.dumps(message, ensure_ascii=False).encode())


def of_type(kind, text=""):
    return lambda message: message.get("type") == kind and text in json.dumps(message)


def ask(link, since):
    tell(link, {"type": "SYNC_REQUEST", "source_central": PEER, "timestamp": 1, "event_id": None,
                "data": {"since_timestamp": since}})


def all_heard(link):
    """What was sent before has been dealt with."""
    ask(link, NEVER)
    link.wait_for(lambda message: message.get("type") == "SYNC_RESPONSE"
                  and message["data"]["events"] == [], 20 * SLOW)


def write_config(central, peers, **more):
    central.write_config(peers, timezone="UTC", **more)


def stranger(ip="127.0.0.1", port=None, **more):
    """A central that nobody runs: whoever calls it is refused."""
    return {"id": PEER, "ip": ip, "p2p_port": 1, "api_port": port or free_port(ip),
            "link": "websocket", **more}


def come(central, name=PEER, path="/ws/p2p", port=None):
    link = WebSocket(central.ip, port or central.api_port, path)
    expect_equal(link.status, 101, "handshake")
    if name:
        tell(link, {"peer_id": name})
    return link


def visits(central, text):
    return central.rows("SELECT event_id, status, entry_time, exit_time, fee, is_anomaly,"
                        " source_central FROM history WHERE plate_id = ? AND status IN"
                        " ('IN', 'OUT')", (text,))


def play(central, link):
    """The other side's part of the transcript, then what our central holds, rightly."""
    for text in said(FIRST, "send")[1:]:
        link.send(text.encode())
        all_heard(link)
    at = lambda clock: "%s %s:00" % (YESTERDAY, clock)
    for text, row in (
            # The older entry takes over, and the exit that names the other closes it.
            ("98A00001", ("central-9_1795361188503_98A00001", "OUT", at("13:00"), at("14:30"),
                          25000, 0, PEER)),
            ("98A00002", ("central-9_1795361288504_98A00002", "OUT", at("14:00"), at("14:40"),
                          25000, 0, PEER)),
            # The exit came before its entry.
            ("98A00003", ("central-9_1795361288506_98A00003", "OUT", at("14:00"), at("14:40"),
                          25000, 0, PEER)),
            # Known as inside, and the row brings its exit.
            ("98A00007", ("central-9_1795361288510_98A00007", "OUT", at("14:00"), at("14:55"),
                          25000, 0, PEER)),
            # Closed when first heard of.
            ("98A00008", ("central-9_1795361288511_98A00008", "OUT", at("14:00"), at("14:50"),
                          25000, 0, PEER))):
        expect_equal([tuple(found) for found in visits(central, text)], [row], text)
    expect_equal(visits(central, "98A00004"), [], "an edit by the sender's row number (R-08)")
    expect_equal(visits(central, "98A00009"), [], "a row without a name, as recorded")
    for text, anomaly in (("98A00005", 1), ("98A00010", 0)):
        found = visits(central, text)
        expect_equal([(row[1], row[5]) for row in found], [("IN", anomaly)], text)
        expect(found[0][0], "a visit has a name", found)
    lots = central.get("/api/parking/occupancy").json
    expect("Bãi Z" in json.dumps(lots, ensure_ascii=False), "the lot", lots)


def hear_ours(central, link, number):
    """What happens here reaches the other side, as the existing centrals say it."""
    text = plate(number)
    entered = central.entry(text).json
    message = link.wait_for(of_type("VEHICLE_ENTRY_PENDING", text), 20 * SLOW)
    expect_equal((list(message), list(message["data"])),
                 (list(like("VEHICLE_ENTRY_PENDING")),
                  list(like("VEHICLE_ENTRY_PENDING")["data"])), "keys of an entry")
    expect_equal((message["event_id"], message["source_central"], message["data"]["edge_id"]),
                 (entered["event_id"], "central-1", 1), "entry")
    left = central.exit(text).json
    row = link.wait_for(of_type("SYNC_RESPONSE", text), 20 * SLOW)["data"]["events"][0]
    expect_equal((row["status"], row["event_id"]), ("IN", entered["event_id"]), "row")
    expect("exit_time" not in row, "its exit follows", row)
    message = link.wait_for(of_type("VEHICLE_EXIT", text), 20 * SLOW)
    expect_equal((list(message), list(message["data"])),
                 (list(like("VEHICLE_EXIT")), list(like("VEHICLE_EXIT")["data"])),
                 "keys of an exit")
    expect_equal((message["event_id"], message["data"]["fee"], message["data"]["exit_central"]),
                 (entered["event_id"], left["fee"], "central-1"), "exit (R-12)")


def told_again(link, number):
    """What it was told on an earlier link; what happens now is news behind that."""
    link.wait_for(of_type("SYNC_RESPONSE", plate(number)), 20 * SLOW)


def first_question(link):
    message = link.wait_for(of_type("SYNC_REQUEST"), 20 * SLOW)
    expect_equal((list(message), list(message["data"])),
                 (list(like("SYNC_REQUEST")), list(like("SYNC_REQUEST")["data"])), "keys")
    since = message["timestamp"] - message["data"]["since_timestamp"]
    expect(0 <= since - (7 * 24 + 14) * 3600000 < 60000, "a week and 14 hours back", message)


def status_of(central, name=PEER):
    found = [peer for peer in central.get("/api/p2p/status").json["peers"]
             if peer["peer_id"] == name]
    expect_equal(len(found), 1, "entries of %s" % name)
    return found[0]


# ---- scenarios ---------------------------------------------------------------------------------


def accepting(cluster):
    """R-02, R-03, R-08, R-09, R-11, R-12, R-22: the transcript, played to who accepts."""
    central = cluster.new("central-1")
    write_config(central, [stranger(timezone="UTC")])
    central.start()
    for text, code in ((b'{"x": 1}', 1008), (b"zzz", 1000), (b'{"peer_id": "central-8"}', 1008),
                       (b'{"peer_id": "central-1"}', 1008)):
        link = come(central, None)
        link.send(text)
        expect_equal((link.receive(), link.close_code), (None, code), text)
    link = come(central)
    first_question(link)
    play(central, link)
    hear_ours(central, link, 701)
    found = status_of(central)
    expect_equal((found["link"], found["status"], found["connected"], found["direction"]),
                 ("websocket", "connected", True, "accepted"), found)
    expect("LINK_UNAUTHENTICATED" in json.dumps(central.get("/api/p2p/status").json["warnings"]),
           "a warning while it is in use")
    tested = central.post("/api/p2p/test-connection?peer_id=" + PEER, {})
    expect_equal((tested.status, tested.json["code"]), (400, "LINK_DOWN"), "nobody answers pings")
    second = come(central)
    second.wait_for(of_type("SYNC_REQUEST"), 20 * SLOW)
    wait_until(lambda: status_of(central)["sockets"] == 2, 10, "both stay")
    told_again(second, 701)
    hear_ours(central, second, 702)
    link.close()
    wait_until(lambda: status_of(central)["sockets"] == 1, 10, "the first has gone")
    hear_ours(central, second, 703)
    second.send(b"garbage")
    while second.receive() is not None:
        pass
    expect_equal(second.close_code, 1000, "what is no JSON")
    wait_until(lambda: not status_of(central)["connected"], 10, "unlinked")
    refused = central.log().count("PEER_MESSAGE_REFUSED")
    expect(1 <= refused <= 2, "once a link, not for each message:", refused)
    central.stop()


def next_ping(link):
    while True:
        opcode, payload = link.frame()
        if opcode == PING:
            return payload


def a_test_waits_for_its_own_answer(cluster):
    """The answer to an earlier ping that comes meanwhile is none: the time would be wrong, too."""
    central = cluster.new("central-1")
    write_config(central, [stranger(timezone="UTC")])
    central.start()
    link = come(central)
    earlier, answers = next_ping(link), []
    for answers_its_own in (False, True):
        caller = threading.Thread(target=lambda: answers.append(
            central.post("/api/p2p/test-connection?peer_id=" + PEER, {})))
        caller.start()
        own = next_ping(link)
        link.send(own if answers_its_own else earlier, PONG)
        caller.join()
    expect_equal([(answer.status, answer.json.get("code")) for answer in answers],
                 [(400, "LINK_DOWN"), (200, None)], str(answers))
    link.close()
    central.stop()


def dialling(cluster):
    """R-02, R-03, R-08, R-09, R-11, R-12: the transcript, played by who was dialled."""
    central = cluster.new("central-1")
    port = free_port("127.0.0.1")
    door = Door("127.0.0.1", port)
    write_config(central, [stranger(port=port, timezone="UTC")])
    central.start()
    link = door.accept(20 * SLOW)
    expect_equal(link.path, "/ws/p2p", "path")
    expect_equal(link.receive(), {"peer_id": "central-1"}, "who it is")
    first_question(link)
    link.send(b"are you there", PING)
    while True:
        opcode, payload = link.frame()
        if opcode == PONG:
            break
        expect(opcode in (TEXT, PING), "frame", opcode)
    expect_equal(payload, b"are you there", "a ping is answered")
    play(central, link)
    hear_ours(central, link, 711)
    expect_equal(status_of(central)["direction"], "dialled", "direction")
    link.close()
    again = door.accept(20 * SLOW)  # by itself, and soon
    expect_equal(again.receive(), {"peer_id": "central-1"}, "who it is, again")
    again.wait_for(of_type("SYNC_REQUEST"), 20 * SLOW)
    told_again(again, 711)
    hear_ours(central, again, 712)
    central.stop()
    while again.receive() is not None:
        pass
    expect_equal(again.close_code, 1001, "a polite stop")
    door.close()


def nothing_lost(cluster):
    """R-06, R-31, R-34: what happened while nobody listened is told when somebody does, across a
    kill -9, and what was not proven to be read is told again."""
    central = cluster.new("central-1")
    write_config(central, [stranger(timezone="UTC")])
    central.start()
    link = come(central)
    link.wait_for(of_type("SYNC_REQUEST"), 20 * SLOW)
    link.close()
    wait_until(lambda: not status_of(central)["connected"], 10, "unlinked")
    for number in range(720, 760):
        central.entry(plate(number))
        central.exit(plate(number))
    central.entry(plate(760))
    central.kill9()
    central.start()
    link = come(central)
    wanted = {plate(number) for number in range(720, 760)}
    rows, exits, entered = set(), set(), False
    while exits != wanted or not entered:
        message = link.receive()
        if message["type"] == "SYNC_RESPONSE":
            rows |= {row["plate_id"] for row in message["data"]["events"]}
            expect(all(row["status"] == "IN" for row in message["data"]["events"]), message)
            entered = entered or plate(760) in rows
        elif message["type"] == "VEHICLE_EXIT":
            expect(message["data"]["plate_id"] in rows, "an exit before its row", message)
            exits.add(message["data"]["plate_id"])
        elif message["type"] == "VEHICLE_ENTRY_PENDING":
            entered = entered or message["data"]["plate_id"] == plate(760)
    link.close()
    central.stop()


def s_04_who_may(cluster):
    """S-04: off unless an entry or ws_peers asks for it; the configuration is followed at once
    (R-25); a port of its own, with any path."""
    central = cluster.new("central-1")
    port = free_port(central.ip)
    write_config(central, [stranger(link="mesh")], ws_peer_port=port)
    central.start()
    expect_equal(WebSocket(central.ip, central.api_port, "/ws/p2p").status, 403, "mesh only")
    write_config(central, [stranger(ip="192.0.2.1", port=1)], ws_peer_port=port)
    central.signal(1)
    wait_until(lambda: "192.0.2.1" in json.dumps(central.get("/api/p2p/config").json), 10, "read")
    expect_equal(WebSocket(central.ip, central.api_port, "/ws/p2p").status, 403, "another address")
    write_config(central, [stranger()], ws_peer_port=port)
    central.signal(1)
    wait_until(lambda: WebSocket(central.ip, port, "/").status == 101, 10, "linked now")
    link = come(central, path="/", port=port)
    link.wait_for(of_type("SYNC_REQUEST"), 20 * SLOW)
    expect_equal(WebSocket(central.ip, port, "/ws/history").status, 404, "no page's channel there")
    write_config(central, [], ws_peer_port=port)
    central.signal(1)
    while link.receive() is not None:
        pass
    expect_equal(link.close_code, 1000, "not wanted any more")
    expect_equal(WebSocket(central.ip, central.api_port, "/ws/p2p").status, 403, "nobody")
    write_config(central, [], ws_peer_port=port, ws_peers="open")
    central.signal(1)
    wait_until(lambda: WebSocket(central.ip, central.api_port, "/ws/p2p").status == 101, 10, "open")
    link = come(central, "anybody")
    link.wait_for(of_type("SYNC_REQUEST"), 20 * SLOW)
    link.close()
    central.stop()


def mesh_first(cluster):
    """Two that speak the mesh have no WebSocket beside it, also while the mesh is down."""
    first, second = cluster.mesh("central-1", "central-2")
    first.start()
    second.start()
    wait_linked([first, second])
    found = status_of(first, "central-2")
    expect_equal((found["link"], found["connected"]), ("mesh", True), found)
    second.stop()
    wait_until(lambda: not status_of(first, "central-2")["connected"], 20, "away")
    wait_until(lambda: status_of(first, "central-2")["link"] == "mesh", 10, "it was on the mesh")
    expect_equal(WebSocket(first.ip, first.api_port, "/ws/p2p").status, 403,
                 "proven on the mesh, so not taken by WebSocket")
    second.start()
    wait_linked([first, second])
    expect("parkmesh_peer_websockets{" not in first.get("/metrics").body.decode(), "no WebSocket")
    expect("PEER_LINKED" not in first.log() + second.log(), "none ever")
    for central in (first, second):
        central.stop()


def auto(cluster):
    """With a central of the existing system "auto" finds the WebSocket, whoever dials first; what
    happens at one is soon at the other, also after either was away."""
    ours, theirs = cluster.new("central-1", PORTS), python_central(cluster, "central-2")
    write_config(ours, [theirs.address()])
    theirs.write_config([ours.address()])
    ours.start()
    expect_equal(status_of(ours, "central-2")["link"], "none", "nobody is there")
    theirs.start()

    def linked():
        found = status_of(ours, "central-2")
        return found["link"] == "websocket" and found["connected"]
    wait_until(linked, 30, lambda: "linked: %s" % status_of(ours, "central-2"))
    tested = must(ours.post("/api/p2p/test-connection?peer_id=central-2", {}))
    expect(tested["rtt_ms"] >= 0, tested)

    def theirs_is(text, status):
        return [row[-1] for rows in theirs.held().values() for row in rows
                if row[0] == text] == [status]

    def ours_is(text, status):
        return [row[1] for row in visits(ours, text)] == [status]
    for here, there, is_there in ((ours, theirs, theirs_is), (theirs, ours, ours_is)):
        first, second, third = (plate(800 + 10 * (here is ours) + i) for i in range(3))
        must(here.entry(first))
        wait_until(lambda: is_there(first, "IN"), 20, "entered at %s" % here.name)
        must(here.exit(first))
        wait_until(lambda: is_there(first, "OUT"), 20, "left at %s" % here.name)
        must(here.entry(second))
        there.stop()
        must(here.exit(second))
        must(here.entry(third))
        there.start()
        wait_until(lambda: is_there(third, "IN"), 40, "entered while %s was away" % there.name)
        wait_until(lambda: is_there(second, "OUT"), 40, "left while %s was away" % there.name)
    theirs.stop()
    ours.stop()


run(accepting, a_test_waits_for_its_own_answer, dialling, nothing_lost, s_04_who_may, mesh_first, auto)
