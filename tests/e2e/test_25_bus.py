"""The bus: the example client misses nothing and prints nothing twice, whoever is killed; a wrong
topic, address or cursor is told soon; a taken port stops no central."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import msgpack
import zmq

from cluster import (ROOT, SLOW, expect, expect_equal, free_port, plate, program, run,
                     wait_until)
from test_24_feed import follow, where

CLIENT = os.path.join(ROOT, "docs", "examples", "bus_client.py")


def one_central(cluster):
    central = cluster.new("central-1")
    central.bus, central.replay = free_port(central.ip), free_port(central.ip)
    central.write_config(bus={"port": central.bus, "replay_port": central.replay})
    return central.start()


class Client:
    """The example, as a process of its own."""

    def __init__(self, central, name, topic="v1.", cursor=None, port=None):
        self.directory = central.directory
        self.name = name
        self.command = [sys.executable, CLIENT, central.ip, str(port or central.bus),
                        str(central.replay), topic, os.path.join(self.directory, name + ".cursor")]
        self.cursor = [cursor] if cursor else []
        self.start()

    def start(self):
        with open(self.path("out"), "ab") as out, open(self.path("err"), "ab") as err:
            self.process = subprocess.Popen(self.command + self.cursor, stdout=out, stderr=err)

    def path(self, end):
        return os.path.join(self.directory, self.name + "." + end)

    def kill9(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def messages(self, kind):
        with open(self.path("out"), encoding="utf-8") as file:
            told = [json.loads(line) for line in file.read().split("\n")[:-1]]
        return [message for message in told if message["type"] == kind]

    def events(self):
        return self.messages("event")

    def said(self):
        with open(self.path("err"), encoding="utf-8") as file:
            return file.read()


def cursors(events):
    return [event["cursor"] for event in events]


def nothing_lost_whoever_dies(cluster):
    central = one_central(cluster)
    start = where(central)["beginning"]
    clients = [Client(central, "all", cursor=start),
               Client(central, "exits", "v1.central-1.VEHICLE_EXIT", cursor=start)]
    stop = threading.Event()

    def report():
        number = 0
        while not stop.is_set():
            try:
                central.entry(plate(number), "visit-%d" % number)
                central.exit(plate(number), "visit-%d" % number)
            except OSError:
                time.sleep(0.05)
                continue
            number += 1
    writer = threading.Thread(target=report)
    writer.start()
    try:
        for turn in range(9):
            before = len(clients[turn % 2].events())
            wait_until(lambda: len(clients[turn % 2].events()) > before + 5, 10, clients[turn % 2].said)
            if turn % 3 == 2:
                central.kill9()
                central.start()
            else:
                clients[turn % 2].kill9()
                clients[turn % 2].start()
    finally:
        stop.set()
        writer.join()
    whole, _ = follow(central, start, limit=1000)
    exits = [event for event in whole if event["kind"] == "VEHICLE_EXIT"]
    for client, wanted in zip(clients, (whole, exits)):
        wait_until(lambda: len(set(cursors(client.events()))) >= len(wanted), 30,
                   lambda: "%s has %d of %d: %s" % (client.name, len(client.events()), len(wanted),
                                                    client.said()[-500:]))
        client.kill9()
        got = client.events()
        # killed between printing and keeping the cursor it prints one again: by cursor it is one
        unique = [e for i, e in enumerate(got) if e["cursor"] not in cursors(got[max(0, i - 3):i])]
        expect_equal(cursors(unique), cursors(wanted), client.name)
        expect_equal([{k: v for k, v in e.items() if k != "type"} for e in unique], wanted,
                     "the same members as by HTTP")
        expect(len(got) - len(unique) <= 4, "repeated", len(got) - len(unique))


def replayed(central, after, topic):
    """What the replay socket tells from a cursor on, and the cursor where live begins."""
    told = []
    with zmq.Context.instance().socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect("tcp://%s:%d" % (central.ip, central.replay))
        dealer.send(msgpack.packb({"op": "replay", "after": after, "topic": topic, "credit": 9999}))
        while True:
            expect(dealer.poll(10000 * SLOW), "replay goes on after", told[-1:])
            message = msgpack.unpackb(dealer.recv())
            if message["type"] == "live":
                return told, message["cursor"]
            told.append(message)


def visits_are_told_as_they_change(cluster):
    central = one_central(cluster)
    start = where(central)["beginning"]
    with zmq.Context.instance().socket(zmq.SUB) as sub:
        sub.linger = 0
        sub.connect("tcp://%s:%d" % (central.ip, central.bus))
        sub.subscribe("v1.central-1.VISIT")

        def hear(kind):
            while True:
                expect(sub.poll(10000 * SLOW), "a message of type", kind)
                topic, message, *links = map(bytes, sub.recv_multipart())
                message = msgpack.unpackb(message)
                if message["type"] == kind:
                    return topic.decode(), message, [msgpack.unpackb(link) for link in links]

        expect_equal(hear("welcome")[1]["ok"], True, "a topic")
        central.entry(plate(1), "visit-1")
        topic, first, links = hear("visit")
        expect_equal(topic, "v1.central-1.VISIT", "topic")
        expect_equal((first["event_id"], first["status"], first["revision"], first["fee"]),
                     ("visit-1", "IN", 1, 0), "as it came in")
        expect("exit_time" not in first and first["entry_central"] == "central-1", first)
        central.exit(plate(1), "visit-1")
        _, second, links = hear("visit")
        expect_equal((second["id"], second["status"], second["revision"]), (first["id"], "OUT", 2),
                     "as it left")
        expect_equal(links[0]["v1.central-1.VISIT"], int(first["cursor"].split(":")[1]), "link")
        events, _ = follow(central, start)
        expect_equal(sorted([int(m["cursor"].split(":")[1]) for m in events + [first, second]]),
                     [1, 2, 3, 4], "one order for events and visits")
        # told again, it is the visit as it is, where it changed last
        told, live = replayed(central, start, "v1.central-1.VISIT")
        expect_equal(told, [second], "replay")
        expect_equal(live, where(central)["now"], "live")
        told, _ = replayed(central, first["cursor"], "v1.")
        expect_equal([m["type"] for m in told], ["event", "visit"], "behind the first revision")
        expect_equal(replayed(central, second["cursor"], "v1.")[0], [], "behind the last")
        central.exit(plate(2), "visit-2")  # nothing came in: an event, and no visit
        central.entry(plate(3), "visit-3")
        expect_equal(hear("visit")[1]["event_id"], "visit-3", "the next")


def what_is_wrong_is_told(cluster):
    central = one_central(cluster)
    wrong = Client(central, "topic", "v2.")
    expect_equal(wrong.process.wait(10 * SLOW), 1, "a topic that cannot be")
    expect("can never match" in wrong.said(), wrong.said())
    lost = Client(central, "address", port=free_port(central.ip))
    wait_until(lambda: "silence on port" in lost.said(), 10, "no welcome")
    lost.kill9()
    start = where(central)["beginning"]
    central.entry(plate(1), "visit-1")
    old = Client(central, "old", cursor="0000000000000001:7")
    wait_until(lambda: len(old.events()) == 1, 20, old.said)
    expect("going on at " + start in old.said(), old.said())
    old.kill9()

    context = zmq.Context.instance()
    dealer = context.socket(zmq.DEALER)
    dealer.linger = 0
    dealer.connect("tcp://%s:%d" % (central.ip, central.replay))
    for sent, code in ((b"\xc1", "MESSAGE_INVALID"), (b"", "MESSAGE_INVALID"),
                       (msgpack.packb({"op": "x"}), "FIELD_INVALID"),
                       (msgpack.packb({"op": "replay", "after": "1"}), "FIELD_INVALID"),
                       (msgpack.packb({"op": "replay", "after": "0000000000000001:7", "credit": 1}),
                        "CURSOR_UNKNOWN")):
        dealer.send(sent)
        expect(dealer.poll(10000 * SLOW), "an answer to", sent)
        expect_equal(msgpack.unpackb(dealer.recv())["code"], code, sent)
    dealer.send(msgpack.packb({"op": "replay", "after": start, "credit": 0}))
    dealer.send(msgpack.packb({"op": "credit", "credit": 1}))
    expect_equal(msgpack.unpackb(dealer.recv())["event_id"], "visit-1", "by credit")
    dealer.send(msgpack.packb({"op": "credit", "credit": 2}))
    expect_equal(msgpack.unpackb(dealer.recv())["type"], "visit", "and what it became")
    expect_equal(msgpack.unpackb(dealer.recv()), {"type": "live", "cursor": where(central)["now"]},
                 "where live begins")
    dealer.close()


SECRET = "a secret of the subscribers"


def subscriber(address, port, topic, keys):
    sub = zmq.Context.instance().socket(zmq.SUB)
    sub.linger = 0
    if keys:
        sub.curve_serverkey = keys["server_key"].encode()
        sub.curve_publickey = keys["public_key"].encode()
        sub.curve_secretkey = keys["secret_key"].encode()
    sub.connect("tcp://%s:%d" % (address, port))
    sub.subscribe(topic)
    return sub


def is_welcome(sub, seconds=10):
    with sub:
        return bool(sub.poll(seconds * 1000 * SLOW)) and \
            msgpack.unpackb(sub.recv_multipart()[1])["type"] == "welcome"


def with_a_secret_only_who_has_the_keys(cluster):
    central = cluster.new("central-1")
    central.bus, central.replay = free_port(central.ip), free_port(central.ip)
    ports = {"port": central.bus, "replay_port": central.replay}
    central.write_config(bus={**ports, "bind": "0.0.0.0"})
    status, _, err = program("run", "--config", central.config_file, "--data", central.data)
    expect_equal(status, 78, "a bus for everybody without a secret")
    expect("bus.bind" in err and "secret" in err, err)

    central.write_config(bus={**ports, "bind": "0.0.0.0", "secret": SECRET})
    central.start()
    status, out, _ = program("bus", "--json", "--config", central.config_file)
    keys = json.loads(out)
    expect_equal((status, keys["address"], keys["port"], keys["replay_port"]),
                 (0, central.ip, central.bus, central.replay), "parkmesh bus")
    _, lines, _ = program("bus", "--config", central.config_file)
    expect("BUS_SERVER_KEY='%s'\n" % keys["server_key"] in lines, lines)
    expect(is_welcome(subscriber("127.0.0.1", central.bus, "v1.", keys)), "with the keys")
    other = zmq.curve_keypair()
    wrong = [None,
             {**keys, "public_key": other[0].decode(), "secret_key": other[1].decode()},
             {**keys, "server_key": other[0].decode()}]
    silent = [subscriber("127.0.0.1", central.bus, "v1.", made) for made in wrong]
    dealer = zmq.Context.instance().socket(zmq.DEALER)
    dealer.linger = 0
    dealer.connect("tcp://127.0.0.1:%d" % central.replay)
    dealer.send(msgpack.packb({"op": "replay", "after": where(central)["now"], "credit": 1}))
    wait_until(lambda: "BUS_REFUSED" in central.log(), 10, "the refusal in the log")
    with subscriber("127.0.0.1", central.bus, "v1.", keys) as good:
        for _ in range(3):  # a welcome and two positions later
            expect(good.poll(10000 * SLOW), "a message to who has the keys")
            good.recv_multipart()
    for sub in silent + [dealer]:
        expect(not sub.poll(0), "a message without the right keys")
        sub.close()


def ports_and_secret_follow_the_configuration(cluster):
    central = one_central(cluster)
    sub = subscriber(central.ip, central.bus, "v1.", None)
    moved, taken = free_port(central.ip), free_port(central.ip)
    answer = central.put("/api/p2p/config", {"bus": {"port": moved}})
    expect_equal(answer.status, 200, str(answer))
    expect(is_welcome(subscriber(central.ip, moved, "v1.", None)), "at the new port")
    with socket.socket() as listener:
        listener.bind((central.ip, taken))
        listener.listen()
        answer = central.put("/api/p2p/config", {"bus": {"port": taken}})
        expect_equal((answer.status, answer.json["code"]), (409, "PORT_IN_USE"), "a taken port")
    expect(is_welcome(subscriber(central.ip, moved, "v1.", None)), "still there")
    answer = central.put("/api/p2p/config", {"bus": {"secret": SECRET}})
    expect_equal(answer.status, 200, str(answer))
    _, out, _ = program("bus", "--json", "--config", central.config_file)
    expect(is_welcome(subscriber(central.ip, moved, "v1.", json.loads(out))), "with the new keys")
    sub.close()


def a_taken_port_leaves_a_central_without_a_bus(cluster):
    central = one_central(cluster)
    other = cluster.new("central-2")
    other.write_config(bind=central.ip, bus={"port": central.bus, "replay_port": central.replay})
    other.ip = other.host = central.ip
    other.start()
    expect("BUS_UNAVAILABLE" in other.log(), "told")
    expect_equal(other.entry(plate(1)).status, 200, "gates go on")


if __name__ == "__main__":
    run(nothing_lost_whoever_dies, visits_are_told_as_they_change, what_is_wrong_is_told,
        with_a_secret_only_who_has_the_keys, ports_and_secret_follow_the_configuration,
        a_taken_port_leaves_a_central_without_a_bus)
