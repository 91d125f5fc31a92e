"""The command line from outside: help, man pages and options agree, each command does what it says,
and its errors tell what to do."""

import json
import os
import re
import subprocess

from cluster import PARKMESH, ROOT, SLOW, expect, expect_equal, program, run

NOBODY, USAGE, REFUSED = 69, 64, 1


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
    for file in ("parkmesh.1", "parkmesh.json.5"):
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


def help_texts(cluster):
    """Examples first, exit statuses last; each example is accepted, as far as words go."""
    del cluster
    for command in commands():
        text = helped(*name_of(command).split())
        expect(text.index("Examples:") < text.index("Usage:") < text.index("Options:")
               < text.index("Exit status:"), command, text)
        expect("Usage: parkmesh %s" % name_of(command) in text, text)


def mistakes(cluster):
    """What is wrong, and what was probably meant; nothing on stdout."""
    del cluster
    for words, what in (((), "which command"), (("chekc",), 'did you mean "parkmesh check"'),
                        (("secret", "nwe"), 'did you mean "parkmesh secret new"'),
                        (("verify", "--jsno"), "did you mean --json"),
                        (("run", "--log-format", "xml"), "text json"),
                        (("diff",), "diff needs --peer ID")):
        status, out, err = program(*words)
        expect(status == USAGE and not out and what in err, words, status, out, err)


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
    expect(len(json.loads(program("secret", "new", "--json")[1])["secret"]) >= 16, "secret")


run(manual, configuration_manual, help_texts, mistakes, completion, full_disk, offline)
