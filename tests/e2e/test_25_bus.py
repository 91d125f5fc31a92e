"""The bus: the example clients lose nothing and keep nothing twice, whoever is killed; a wrong topic,
address, key or cursor is told soon; samples in docs/bus.md; a taken port stops no central."""

import json
import os
import re
import socket
import time

import msgpack
import zmq

from bus_clients import LANGUAGES, Client, Storm, hold_exactly_once, one_central
from cluster import ROOT, SLOW, expect, expect_equal, free_port, now, plate, program, run, wait_until
from test_24_feed import follow, page, where


def storm(cluster):
    """The three examples and their central are killed while events flow; the database is restored
    from a copy. tests/faults/bus_storm.py does it at length."""
    weather = Storm(cluster, events=1200, seed=25)
    weather.run(client_kills=9, central_kills=3, batch=20)
    figures = weather.check()
    expect_equal(figures["unknown"], len(LANGUAGES), "clients that met an unknown cursor")


def filters_and_visits_in_the_examples(cluster):
    central = one_central(cluster)
    start = where(central)["beginning"]
    exits = [Client(central, language, "v1.central-1.VEHICLE_EXIT", start)
             for language in LANGUAGES]
    visits = Client(central, "python", "v1.central-1.VISIT", start)
    for number in range(40):
        central.entry(plate(number), "visit-%d" % number)
        central.exit(plate(number), "visit-%d" % number)
        if number % 10 == 9:
            for client in exits + [visits]:
                client.kill9()
                client.start()
    wanted = [event["cursor"] for event in follow(central, start, kind="VEHICLE_EXIT")[0]]
    for client in exits:
        hold_exactly_once(client, wanted, 30)
        client.kill9()
    told, _ = replayed(central, start, "v1.central-1.VISIT")
    wait_until(lambda: told[-1]["cursor"] in visits.messages("visit"), 30, visits.said)
    latest = {body["id"]: body for body in visits.bodies()}
    expect_equal(sorted(latest.values(), key=lambda body: body["id"]),
                 sorted(told, key=lambda body: body["id"]), "the table of who took each message")
    visits.kill9()


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


def who_follows_is_told(cluster):
    central = one_central(cluster)
    start = where(central)["beginning"]
    subs = [subscriber(central.ip, central.bus, topic, None) for topic in ("v1.", "v1.", "v1.a.")]
    for sub in subs:
        expect(sub.poll(10000 * SLOW), "a welcome")
    central.entry(plate(1), "visit-1")
    replayed(central, start, "v1.central-1.")

    def told():
        return central.get("/api/v1/bus").json
    # The place of a replay is cleared after its last message has left.
    wait_until(lambda: told()["published"] == 2 and [
        replay["under_way"] for replay in told()["recent_replays"]] == [False], 10,
               lambda: str(told()))
    got = told()
    expect_equal((got["listening"], got["address"], got["port"], got["encrypted"]),
                 (True, central.ip, central.bus, False), "where")
    expect_equal({t["topic"]: t["subscribers"] for t in got["topics"]}, {"v1.": 2, "v1.a.": 1}, "who")
    expect_equal((got["replays"], got["fetched"], got["unknown_cursors"]), (1, 2, 0), "replays")
    fetched = got["recent_replays"][0]
    expect(fetched["address"].startswith("127."), fetched)
    expect_equal((fetched["topic"], fetched["fetched"], fetched["under_way"]),
                 ("v1.central-1.", 2, False), "who fetched")
    metrics = central.get("/metrics").body.decode()
    for line in ("parkmesh_bus_subscriptions 3", "parkmesh_bus_replayed_messages_total 2"):
        expect(line in metrics, line)
    status, out, err = program("status", "--config", central.config_file)
    expect(status == 0 and f"bus    {central.ip}:{central.bus}, subscriptions 3, fetched later 2\n"
           in out, status, out, err)
    _, out, _ = program("status", "--json", "--config", central.config_file)
    expect_equal(json.loads(out)["bus"]["topics"], told()["topics"], "for programs")
    for sub in subs:
        sub.close()
    wait_until(lambda: told()["topics"] == [], 20, lambda: str(told()["topics"]))


def what_is_wrong_is_told(cluster):
    """By each example, within 3 s of its start but for the time that an interpreter takes, which
    is over when it opens its file."""
    central = one_central(cluster, secret=SECRET)
    other = zmq.curve_keypair()
    start = where(central)["beginning"]
    central.entry(plate(1), "visit-1")

    def told(client, what):
        wait_until(lambda: os.path.exists(client.base + ".kept"), 20, client.said)
        begun = time.monotonic()
        wait_until(lambda: what in client.said(), 10, lambda: "%s: %r" % (client.name, client.said()))
        if SLOW == 1:
            expect(time.monotonic() - begun < 4.5, client.name, "said it late:", what)

    for language in LANGUAGES:
        topic = Client(central, language, "v2.")
        told(topic, "v2. can never match")  # and it ends by itself
        wait_until(lambda: topic.process.poll() not in (None, 0), 10, "its end")  # pylint: disable=W0640
        address = Client(central, language, "v1.a", BUS_PORT=str(free_port(central.ip)))
        told(address, "silence: wrong address, port or keys")
        address.kill9()
        keys = Client(central, language, "v1.k", BUS_PUBLIC_KEY=other[0].decode(),
                      BUS_SECRET_KEY=other[1].decode())
        told(keys, "silence: wrong address, port or keys")
        keys.kill9()
        old = Client(central, language, "v1.c", cursor="0000000000000001:7")
        wait_until(lambda: len(old.messages("event")) == 1, 20, old.said)  # pylint: disable=W0640
        told(old, "0000000000000001:7 is unknown there")
        old.kill9()


def the_replay_port_answers_what_it_gets(cluster):
    central = one_central(cluster)
    start = where(central)["beginning"]
    central.entry(plate(1), "visit-1")
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


CURSOR = re.compile(r"\b[0-9a-f]{16}:")
TIME = re.compile(r"\b20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
SAMPLE = re.compile(r"^```json (\w+)\n(.*?)^```$", re.M | re.S)


def masked(value):
    """What differs from run to run, made equal: feeds, times, epochs."""
    if isinstance(value, dict):
        return {key: "EPOCH" if key == "epoch" else masked(inner) for key, inner in value.items()}
    return TIME.sub("TIME", CURSOR.sub("FEED:", value)) if isinstance(value, str) else value


def samples_are_what_is_sent(cluster):
    """Each sample of docs/bus.md against the same message of a real central, but for what is masked."""
    with open(os.path.join(ROOT, "docs", "bus.md"), encoding="utf-8") as file:
        samples = {match[1]: json.loads(match[2]) for match in SAMPLE.finditer(file.read())}
    central = one_central(cluster)
    sent = {}
    with subscriber(central.ip, central.bus, "v1.", None) as sub:
        def hear(*kinds):
            while True:
                expect(sub.poll(10000 * SLOW), "a message of", kinds)
                _, message, *links = sub.recv_multipart()
                message = msgpack.unpackb(message)
                if message["type"] in kinds:
                    return message, msgpack.unpackb(links[0]) if links else None

        sent["welcome"], _ = hear("welcome")
        came = now() - 7200
        central.entry("51F-204.17", "central-1_7_51F20417", ts=came)
        _, _ = hear("event"), hear("visit")
        central.exit("51F-204.17", "central-1_7_51F20417", ts=came + 7140)
        sent["event"], sent["links"] = hear("event")
        sent["visit"], _ = hear("visit")
        sent["position"], _ = hear("position")
    with zmq.Context.instance().socket(zmq.DEALER) as dealer:
        dealer.linger = 0
        dealer.connect("tcp://%s:%d" % (central.ip, central.replay))

        def ask(request):
            dealer.send(msgpack.packb(request))
            expect(dealer.poll(10000 * SLOW), "an answer")
            return msgpack.unpackb(dealer.recv())

        expect_equal(samples["replay"]["op"], "replay", "the request")
        dealer.send(msgpack.packb({**samples["replay"], "after": where(central)["beginning"]}))
        while True:
            expect(dealer.poll(10000 * SLOW), "where live begins")
            sent["live"] = msgpack.unpackb(dealer.recv())
            if sent["live"]["type"] == "live":
                break
        expect_equal(set(samples["credit"]), {"op", "credit"}, "credit")
        sent["unknown"] = ask({"op": "replay", "after": "0000000000000001:7"})
        sent["refused"] = ask({"op": "rewind"})
    sent["item"], = page(central, where(central)["beginning"], kind="VISIT")["events"]
    expect_equal(set(samples), set(sent) | {"replay", "credit"}, "samples")
    for name, message in sent.items():
        expect_equal(masked(message), masked(samples[name]), "sample %s, really %s" % (
            name, json.dumps(message, ensure_ascii=False)))


def manual(cluster):
    """parkmesh-bus(7) has the names in the first columns of the tables of docs/bus.md."""
    del cluster
    with open(os.path.join(ROOT, "docs", "man", "parkmesh-bus.7"), encoding="utf-8") as file:
        page = file.read()
    shown = {name for line in re.findall(r"^\.T[PQ]\n\.B (.*)$", page, re.M) for name in line.split()}
    with open(os.path.join(ROOT, "docs", "bus.md"), encoding="utf-8") as file:
        columns = re.findall(r"^\| (`[^|]*)\|", file.read(), re.M)
    expect_equal(sorted(shown), sorted({name for column in columns
                                        for name in re.findall(r"`([\w.-]+)`", column)}), "names")


def a_taken_port_leaves_a_central_without_a_bus(cluster):
    central = one_central(cluster)
    other = cluster.new("central-2")
    other.write_config(bind=central.ip, bus={"port": central.bus, "replay_port": central.replay})
    other.ip = other.host = central.ip
    other.start()
    wait_until(lambda: "BUS_UNAVAILABLE" in other.log(), 10, "told")
    told, = [line for line in other.log().splitlines() if str(central.bus) in line]
    expect("problem=PORT_IN_USE" in told and " hint=" in told, told)
    expect_equal(other.entry(plate(1)).status, 200, "gates go on")


if __name__ == "__main__":
    run(storm, filters_and_visits_in_the_examples, visits_are_told_as_they_change,
        who_follows_is_told, what_is_wrong_is_told, the_replay_port_answers_what_it_gets, samples_are_what_is_sent,
        with_a_secret_only_who_has_the_keys, ports_and_secret_follow_the_configuration,
        manual, a_taken_port_leaves_a_central_without_a_bus)
