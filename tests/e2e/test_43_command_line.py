"""The command line from outside: help, man pages and options agree, each command does what it says,
and its errors tell what to do."""

import json
import os
import re
import socket
import subprocess
import threading

from cluster import (PARKMESH, ROOT, SLOW, Skip, expect, expect_equal, free_port, program, run,
                     wait_linked, wait_until)
from commands import (NOBODY, REFUSED, USAGE, answered, ask, entries, on_terminal, one, write)


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def helped(*words):
    status, out, err = program(*words, "--help")
    expect(status == 0 and not err, words, status, err)
    return out


def commands():
    """Names as the overview lists them, with their operands."""
    listed = helped().split("\nCommands:\n")[1].split("\n\n")[0]
    return [re.split(r"\s{2,}", line.strip())[0] for line in listed.splitlines()]


def name_of(command):
    return re.sub(r" [\[A-Z].*", "", command)


def options(text):
    """Of a help text: the flags with their values."""
    found = text.split("\nOptions:\n")[1].split("\n\n")[0]
    return {re.split(r"\s{2,}", line.strip())[0] for line in found.splitlines()}


# ---- what people read ----------------------------------------------------------------------


def manual(cluster):
    """The table of commands, --help and the man pages say the same."""
    del cluster
    page = read("docs", "man", "parkmesh.1")
    body = page.split(".SH COMMANDS")[1].split('.\\" end of commands')[0]
    sections = dict(re.findall(r"^\.SS (.+)\n((?:(?!\.SS).*\n)*)", body, re.M))
    expect_equal(sorted(sections), sorted(commands()), "commands of parkmesh(1)")
    everything = set()
    for command, text in sections.items():
        text = text.replace("\\-", "-")
        said = text.split("Options:\n")[1] if "Options:\n" in text else ""
        wanted = options(helped(*name_of(command).split()))
        everything |= wanted
        expect_equal(set(re.findall(r"--[\w-]+", said)) | {"--help"},
                     {option.split()[0] for option in wanted}, "options of " + command)
    described = page.split(".SH OPTIONS")[1].split('.\\" end of options')[0].replace("\\-", "-")
    found = re.findall(r'^\.TP\n\.BI? (--[\w-]+)(?: " (\w+)")?$', described, re.M)
    expect_equal({" ".join(filter(None, item)) for item in found} | {"--help"}, everything,
                 "options of parkmesh(1)")
    for file in ("parkmesh.1", "parkmesh.json.5", "parkmesh-bus.7"):
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z",
                               os.path.join(ROOT, "docs", "man", file)],
                              capture_output=True, check=False) if os.path.exists("/usr/bin/man") \
            else None
        expect(done is None or not done.stderr, file, done and done.stderr)


def configuration_manual(cluster):
    """parkmesh.json(5) has the keys of docs/configuration.md, with their variables."""
    del cluster
    page = read("docs", "man", "parkmesh.json.5").split('.\\" end of keys')[0]
    shown = re.findall(r"^\.TP\n\.B (\w+)$", page, re.M)
    document = read("docs", "configuration.md").split("## Where it listens")[0]
    keys = re.findall(r"^\| `(\w+)` \|", document, re.M)
    expect_equal(sorted(shown), sorted(keys), "keys")
    expect_equal(sorted(set(re.findall(r"PARKMESH_\w+", page))),
                 sorted(set(re.findall(r"PARKMESH_\w+", document))), "variables")


def exit_statuses(cluster):
    """parkmesh(1) and the overview have every status that a command may end with, and no other."""
    del cluster
    known = {int(status) for status in re.findall(r"X\(\w+, (\d+), \d+\)", read("proto", "problem.h"))}
    block = read("docs", "man", "parkmesh.1").split('.SH "EXIT STATUS"')[1].split(".fi")[0]
    expect_equal({int(status) for status in re.findall(r"^(\d+) ", block, re.M)}, known | {REFUSED},
                 "statuses of parkmesh(1)")
    told = helped().split("Exit status:")[1].split("\n\n")[0]
    expect_equal({int(status) for status in re.findall(r"\b\d+\b", told)}, known | {REFUSED},
                 "statuses of the overview")


def help_texts(cluster):
    """Examples first, exit statuses last; each example is accepted, as far as words go."""
    del cluster
    for command in commands():
        text = helped(*name_of(command).split())
        expect(text.index("Examples:") < text.index("Usage:") < text.index("Options:")
               < text.index("Exit status:"), command, text)
        expect("Usage: parkmesh %s" % name_of(command) in text, text)
        expect("--json" in options(text) or name_of(command) in ("run", "completion"), text)


def mistakes(cluster):
    """What is wrong, and what was probably meant; nothing on stdout."""
    del cluster
    for words, what in (((), "which command"), ((), "hint: run, check, secret, "),
                        (("peers",), "hint: list, add, accept, test, remove; "),
                        (("chekc",), 'did you mean "parkmesh check"'),
                        (("secret", "nwe"), 'did you mean "parkmesh secret new"'),
                        (("verify", "--jsno"), "did you mean --json"),
                        (("run", "--log-format", "xml"), "text json"),
                        (("diff",), "diff needs --peer ID")):
        status, out, err = program(*words)
        expect(status == USAGE and not out and what in err, words, status, out, err)


def asking_for_help(cluster):
    """All the ways that people try."""
    del cluster
    whole, status, peers = helped(), helped("status"), helped("peers")
    expect(whole.index("Examples:") < whole.index("Commands:") < whole.index("Options:"), whole)
    for words, wanted in ((("help",), whole), (("-h",), whole), (("help", "status"), status),
                          (("status", "-h"), status), (("help", "peers"), peers),
                          (("peers", "-h"), peers), (("help", "peers", "add"), helped("peers", "add"))):
        expect_equal(program(*words), (0, wanted, ""), words)
    code, out, err = program("help", "stauts")
    expect(code == USAGE and not out and 'did you mean "parkmesh status"' in err, code, out, err)
    expect_equal(program("-V"), program("--version"), "version")


def completion(cluster):
    """What bash offers, by its own script."""
    del cluster

    def offered(*words):
        script = ('source %s; COMP_WORDS=(%s "$@"); COMP_CWORD=$#; _parkmesh;'
                  ' printf "%%s\\n" "${COMPREPLY[@]}"' % (
                      os.path.join(ROOT, "packaging", "parkmesh.bash"), PARKMESH))
        done = subprocess.run(["bash", "-c", script, "bash", *words], capture_output=True,
                              timeout=10 * SLOW, check=True)
        return done.stdout.decode().split()
    expect_equal(set(offered("")), {name_of(command).split()[0] for command in commands()}, "first")
    expect_equal(offered("ver"), ["verify"], "a beginning")
    expect_equal(offered("secret", ""), ["new"], "second word")
    expect("--data" in offered("verify", "--"), "flags")
    expect_equal(offered("run", "--log-format", "j"), ["json"], "a value")
    expect_equal(offered("run", "--config", ""), [], "a file")


def full_disk(cluster):
    """What cannot be printed is not done."""
    del cluster
    with open("/dev/full", "wb") as full:
        done = subprocess.run([PARKMESH, "--help"], stdout=full, stderr=subprocess.PIPE,
                              check=False)
    expect(done.returncode == 74 and b"cannot write to stdout" in done.stderr, done)


# ---- without a central ---------------------------------------------------------------------


def offline(cluster):
    """check, secret and verify; commands for a central say that none runs."""
    central = cluster.new("central-1")
    central.write_config()
    status, out, _ = program("check", central.config_file, "--json")
    found = json.loads(out)
    expect(status == 0 and found["ok"] and found["id"] == "central-1", out)
    central.write_config_text('{"this_centrall": {}}')
    status, out, err = program("check", central.config_file, "--json")
    expect(status == 78 and not json.loads(out)["ok"] and "this_centrall" in out, status, out, err)
    status, out, err = program("diff", "--peer", "b", "--config", central.config_file)
    expect(status == 78 and "has errors" in err, status, err)
    status, out, err = program("diff", "--peer", "b", "--config", central.config_file + "x")
    expect(status == 78 and "CONFIG_UNREADABLE" in err, status, err)
    status, out, _ = program("check", "--json", central.config_file + "x")
    expect(status == 78 and "there is no file" in json.loads(out)["errors"], status, out)
    expect(len(json.loads(program("secret", "new", "--json")[1])["secret"]) >= 16, "secret")


# ---- a running central ---------------------------------------------------------------------


ASKING = (("status",), ("peers", "list"), ("peers", "add", "127.0.0.1:1"), ("peers", "accept", "b"),
          ("peers", "test", "b"), ("peers", "remove", "b"), ("diff", "--peer", "b"),
          ("send", "--plate", "51F20417"), ("import", "any"), ("watch",), ("export",), ("simulate",),
          ("simulate", "--clean"))


def nobody_runs(cluster):
    """Every command for a running central says that none runs, and where it looked."""
    central = cluster.new("central-1")
    central.write_config()
    for words in ASKING:
        status, out, err = ask(central, *words)
        expect(status == NOBODY and not out and "no central answers" in err
               and central.config_file in err, words, status, out, err)
    status, out, err = ask(central, "status", "--check")
    expect(status == 2 and out.startswith("PARKMESH CRITICAL - no central") and not err, status, out)
    status, out, err = program("status", "--check", "--config", central.config_file + "x")
    expect(status == 3 and out.startswith("PARKMESH UNKNOWN"), status, out, err)
    with socket.create_server((central.ip, central.api_port)) as stranger:
        thread = threading.Thread(target=lambda: stranger.accept()[0].sendall(
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"))
        thread.start()
        status, _, err = ask(central, "status")
        thread.join()
    expect(status == NOBODY, "somebody else's server", status, err)


def wrong_token(cluster):
    """Off loopback the token counts; a wrong one is named as what it is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            raise Skip("this machine has no address but loopback") from None
        address = probe.getsockname()[0]
    central = cluster.new("central-1")
    central.ip = central.host = address
    central.api_port = central.port = free_port(address)
    tokens = ["the one and only %d" % number for number in (1, 2)]
    tokens = [token.replace(" ", "-") for token in tokens]
    central.write_config(api_token=tokens[0], bind=address)
    central.start(wait=False)
    wait_until(lambda: ask(central, "status")[0] == 0, 20, "status with the right token")
    central.write_config(api_token=tokens[1], bind=address)
    status, out, err = ask(central, "status")
    expect(status == 77 and not out and "UNAUTHORIZED" in err, status, out, err)
    status, out, _ = ask(central, "status", "--check")
    expect(status == 3 and "UNKNOWN" in out, status, out)


def status_screen(cluster):
    """One screen for people, one object for programs, one line for monitoring."""
    a, b = cluster.mesh("central-a", "central-b")
    a.start()
    b.start()
    wait_linked([a, b])
    a.entry("51F-204.17")
    found = answered(a, "status")
    expect_equal((found["central"], found["ready"], found["events"]), ("central-a", True, 1), "status")
    expect(found["uptime_s"] >= 0 and found["disk"]["free_bytes"] > 0
           and found["disk"]["database_bytes"] > 0, found)
    wait_until(lambda: answered(a, "status")["peers"][0]["sync"] == "equal", 20, "equal")
    status, out, err = ask(a, "status")
    expect(status == 0 and not err and "\033" not in out, status, out, err)
    for text in ("central-a", "ParkMesh", "up 0 d", "events 1, vehicles inside 1", "free", "GiB",
                 "central-b", "connected", "equal"):
        expect(text in out, text, "is not in", out)
    status, out, _ = ask(a, "status", "--check")
    if found["disk"]["free_bytes"] > 1 << 30:
        expect(status == 0 and out.startswith("PARKMESH OK - central-a: all is well | events=1c"),
               status, out)
    b.stop()
    wait_until(lambda: not a.peers()["central-b"]["connected"], 20, "central-b is away")
    status, out, _ = ask(a, "status", "--check")
    expect(status == 1 and "WARNING" in out and "central-b not connected" in out, status, out)


def alone(cluster):
    """A central without peers and secret is well; what names nobody says where to look."""
    central = one(cluster)
    status, out, _ = ask(central, "status", "--check")
    if answered(central, "status")["disk"]["free_bytes"] > 1 << 30:
        expect(status == 0 and out.startswith("PARKMESH OK"), status, out)
    expect("MESH_WITHOUT_SECRET" in ask(central, "status")[1], "it is shown all the same")
    for words in (("diff", "--peer", "b"), ("peers", "test", "b"), ("peers", "accept", "b"),
                  ("peers", "remove", "b")):
        status, out, err = ask(central, *words)
        expect(status != 0 and not out and "hint: parkmesh peers list" in err, words, status, err)
    status, out, err = ask(central, "account", "reset", "nobody", "--data", central.data)
    expect(status == REFUSED and not out and "NOT_FOUND" in err and "hint" not in err, status, err)


def colors(cluster):
    """Only on a terminal, never with NO_COLOR."""
    central = cluster.new("central-1")
    central.write_config()
    central.start()


    def shown(**environment):
        status, text = on_terminal("status", "--config", central.config_file, which="stdout",
                                   **environment)
        expect_equal(status, 0, "status")
        return text

    expect(b"\033[" in shown(), "no colours on a terminal")
    expect(b"\033[" not in shown(NO_COLOR="1"), "colours in spite of NO_COLOR")
    expect(b"\033[" not in shown(TERM="dumb"), "colours on a dumb terminal")


def peers(cluster):
    """Two strangers are linked, tested and parted from the command line."""
    a, b = cluster.new("central-a"), cluster.new("central-b")
    for central in (a, b):
        central.write_config(secret=cluster.secret)
        central.start()
    status, out, _ = ask(a, "peers", "list")
    expect(status == 0 and "no other centrals" in out, status, out)
    status, out, err = ask(a, "peers", "add", "%s:%d" % (b.ip, b.api_port))
    expect(status == 0 and "added central-b" in out and not err, status, out, err)
    wait_linked([a, b])
    listed = answered(a, "peers", "list")["peers"]
    expect_equal([(peer["id"], peer["state"]) for peer in listed], [("central-b", "configured")],
                 "list")
    status, out, _ = ask(a, "peers", "list")
    expect(status == 0 and "central-b" in out and "configured" in out, out)
    wait_until(lambda: ask(a, "peers", "test", "central-b")[0] == 0, 20, "test")
    status, out, err = ask(a, "peers", "add", "%s:%d" % (b.ip, b.api_port))
    expect(status == 65 and not out and "FIELD_INVALID" in err, "twice", status, out, err)
    status, _, err = ask(a, "peers", "add", "%s:%d" % (a.ip, a.api_port))
    expect(status == REFUSED and "DUPLICATE_ID" in err, "itself", status, err)
    for words in (("add", "a b"), ("add", "x:99999"), ("test", "-/-")):
        status, _, err = ask(a, "peers", *words)
        expect(status == USAGE, words, status, err)
    status, _, err = ask(a, "peers", "accept", "central-x")
    expect(status == REFUSED and "NOT_FOUND" in err, "accept of nobody", status, err)
    status, out, err = ask(a, "peers", "remove", "central-b")
    expect(status == 0 and "central-b" in out, status, out, err)
    wait_until(lambda: not a.peers() and not b.peers(), 20, lambda: [a.peers(), b.peers()])
    status, _, err = ask(a, "peers", "test", "central-b")
    expect(status in (NOBODY, REFUSED) and "LINK_DOWN" in err, "test of nobody", status, err)


def accept(cluster):
    """Who asks is listed, and accepted by name; then both hold the same."""
    a, b = cluster.new("central-a"), cluster.new("central-b")
    a.write_config(secret=cluster.secret)
    b.write_config([a.address()], secret=cluster.secret)  # a has never heard of b
    a.start()
    b.start()
    wait_until(lambda: a.peers().get("central-b"), 20, "central-b asks")
    status, out, _ = ask(a, "peers", "list")
    expect(status == 0 and re.search(r"central-b .* pending", out), out)
    status, out, err = ask(a, "peers", "accept", "central-b")
    expect(status == 0 and out.startswith("central-b: added"), status, out, err)
    wait_linked([a, b])
    status, out, err = ask(a, "peers", "accept", "central-b")
    expect(status == REFUSED and not out and "NOT_FOUND" in err, "again", status, out, err)
    expect_equal([(peer["id"], peer["state"]) for peer in answered(a, "peers", "list")["peers"]],
                 [("central-b", "configured")], "list")


# ---- events --------------------------------------------------------------------------------


def send(cluster):
    """One event by flags, files, stdin; what is wrong is told with its line."""
    central = one(cluster)
    status, out, err = ask(central, "send", "--plate", "51F-204.17", "--camera", "3")
    expect(status == 0 and out.startswith("OK") and not err, status, out, err)
    status, out, _ = ask(central, "send", "--type", "EXIT", "--plate", "51f 204 17", "--json")
    expect(status == 0 and json.loads(out)["action"] == "EXIT", status, out)
    status, out, err = ask(central, "send", "--plate", "51")
    expect(status == 65 and not out and "event 1: PLATE_UNUSABLE" in err, status, out, err)
    for words in (("--type", "EXIT"), ("--plate", "51F20417", "file"),
                  ("--plate", "51F20417", "--type", "FLY"), ("no-such-file",)):
        status, out, err = ask(central, "send", *words)
        expect(status == USAGE and not out and err, words, status, out, err)
    lines = entries(3)
    path = write(cluster, "some.ndjson", [lines[0], "{broken", "", lines[1], '{"kind": "X"}'])
    status, out, err = ask(central, "send", path)
    expect(status == 65 and out.startswith("2 events stored, 0 of them were there already, 2"), out)
    expect("line 2: JSON_INVALID" in err and "line 5: TYPE_UNKNOWN" in err, err)
    done = subprocess.run([PARKMESH, "send", "--config", central.config_file], check=False,
                          input="\n".join(lines).encode(), capture_output=True)
    expect(done.returncode == 0
           and done.stdout.startswith(b"3 events stored, 2 of them were there already"), done)
    before = central.event_count()
    for _ in range(2):  # an event without a time happens each time that it is sent
        done = subprocess.run([PARKMESH, "send", "--config", central.config_file], check=True,
                              input=b'{"kind": "VEHICLE_EXIT", "plate": "99A99999"}', capture_output=True)
    expect_equal(central.event_count(), before + 2, "events")


def watch(cluster):
    """Nothing is missed across a restart of the central; unknown cursors are told."""
    central = one(cluster)
    here = central.get("/api/v1/events").json["now"]
    command = [PARKMESH, "watch", "--json", "--config", central.config_file]
    watching = subprocess.Popen([*command, "--after", here, "--limit", "4"], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)
    central.entry("51F-000.01")
    first = watching.stdout.readline()  # it listens
    central.entry("51F-000.02")
    central.kill9()
    central.start()
    central.entry("51F-000.03")
    central.exit("51F-000.01")
    out, err = watching.communicate(timeout=60 * SLOW)
    told = [json.loads(line) for line in [first, *out.splitlines()]]
    expect(watching.returncode == 0, out, err)
    expect_equal([event["plate_id"] for event in told],
                 ["51F00001", "51F00002", "51F00003", "51F00001"], "events")
    status, out, err = ask(central, "watch", "--after", told[1]["cursor"], "--topic",
                           "v1.central-1.VEHICLE_EXIT", "--limit", "1")
    expect(status == 0 and "VEHICLE_EXIT" in out and told[3]["cursor"] in out, status, out, err)
    status, out, err = ask(central, "watch", "--json", "--after", here, "--topic",
                           "v1.central-1.VISIT", "--limit", "3")
    visits = [json.loads(line) for line in out.splitlines()]
    expect_equal({visit["kind"] for visit in visits}, {"VISIT"}, "visits alone")
    expect_equal(sorted((visit["plate_id"], visit["status"]) for visit in visits),
                 [("51F00001", "OUT"), ("51F00002", "IN"), ("51F00003", "IN")], "visits")
    status, out, err = ask(central, "watch", "--after", here, "--topic", "v1.central-1.VI",
                           "--limit", "3")
    expect(status == 0 and out.count("VISIT IN ") == 2 and out.count("VISIT OUT ") == 1
           and out.count(" central-1\n") == 3, status, out, err)
    status, out, err = ask(central, "watch", "--after", "0123456789abcdef:7")
    expect(status == REFUSED and not out and "CURSOR_UNKNOWN" in err and "--after" in err, err)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*command, "--after", here], stdout=full, stderr=subprocess.PIPE,
                              timeout=30 * SLOW, check=False)
    expect(done.returncode == 74 and b"stdout" in done.stderr, done)


def simulate(cluster):
    """Cars come and go; --clean takes them away and nothing else."""
    central = one(cluster)
    central.entry("51F-204.17")
    status, out, err = ask(central, "simulate", "--cars", "30", "--rate", "500")
    expect(status == 0 and out.startswith("30 cars entered and left, 60 events"), status, out, err)
    history = central.history()
    expect_equal(sorted(row["status"] for row in history.values()), ["IN"] + 30 * ["OUT"], "visits")
    status, out, err = ask(central, "simulate", "--clean")
    expect(status == 0 and out.startswith("30 simulated visits removed"), status, out, err)
    expect_equal([row["plate_id"] for row in central.history().values()], ["51F20417"], "left")
    expect_equal(answered(central, "simulate", "--clean")["removed"], 0, "again")
    status, _, err = ask(central, "simulate", "--cars", "0")
    expect(status == USAGE and "--cars is a number from 1" in err, status, err)


run(manual, configuration_manual, exit_statuses, help_texts, mistakes, asking_for_help, completion,
    full_disk, offline, nobody_runs, wrong_token, status_screen, alone, colors, peers, accept, send,
    watch, simulate)
