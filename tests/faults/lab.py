"""Centrals in network namespaces, each with an address of its own on one bridge.

A test that calls `run(...)` of this module starts itself again in namespaces for network, mounts
and processes of its own: nothing of it reaches the machine, and nothing is left when it is killed.
The test process sits on the bridge, so that it talks to every central whatever is cut between them;
loss and partition are nft rules inside the centrals' namespaces. Without root, namespaces or nft the
test is skipped (exit status 77).
"""

import ctypes
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

import cluster as stage  # pylint: disable=wrong-import-position
from cluster import Central, Cluster  # pylint: disable=wrong-import-position

INSIDE = "PARKMESH_FAULTS_INSIDE"
SKIPPED = 77
CLONE_NEWNET = 0x40000000
HUB = "10.77.0.254"
UNSHARE = ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc",
           "--propagation", "private"]
PROBE = """set -e
mkdir -p /run/netns; mount -t tmpfs netns /run/netns; ip netns add probe
ip link add hub type bridge; ip link add one type veth peer name eth0 netns probe
ip netns exec probe nft 'add table inet fault
add chain inet fault in { type filter hook input priority 0; }
add rule inet fault in ip saddr 10.77.0.1 numgen random mod 100 < 30 drop
add rule inet fault in ip saddr 10.77.0.1 meta l4proto tcp reject with tcp reset'"""
RULES = """table inet fault {
 set unheard { type ipv4_addr; }
 set undialled { type ipv4_addr; }
 set unwelcome { type ipv4_addr; }
 chain lossy { }
 chain in {
  type filter hook input priority 0;
  ip saddr @unheard drop
  tcp flags & (syn | ack) == syn ip saddr @undialled drop
  ip saddr @unwelcome meta l4proto tcp reject with tcp reset
  ip saddr != %s jump lossy
 }
}
""" % HUB


def _command(*words, text=None):
    done = subprocess.run(words, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)
    if done.returncode:
        raise OSError("%s: %s" % (" ".join(words), done.stdout.strip()))


def _skip(reason):
    print("skip  " + reason, flush=True)
    sys.exit(SKIPPED)


def enter():
    """Returns inside the namespaces only."""
    if os.environ.get(INSIDE):
        return
    for tool, package in (("unshare", "util-linux"), ("ip", "iproute2"), ("nft", "nftables")):
        if not shutil.which(tool):
            _skip("needs %s (apt install %s)" % (tool, package))
    if os.geteuid() != 0:
        _skip("needs root for network namespaces")
    probe = subprocess.run([*UNSHARE, "sh", "-c", PROBE], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, check=False)
    if probe.returncode:
        _skip("no network namespaces with nft here: " + probe.stdout.strip().split("\n")[-1])
    os.environ[INSIDE] = "1"
    os.execvp(UNSHARE[0], [*UNSHARE, sys.executable, *sys.argv])


def _build_hub():
    _command("mount", "-t", "tmpfs", "netns", "/run/netns")
    _command("ip", "-batch", "-", text="link set lo up\nlink add hub type bridge\nlink set hub up\n"
             "address add %s/24 dev hub\n" % HUB)


class Site(Central):
    """A central in a namespace of its own."""

    def __init__(self, directory, name, number):
        self.namespace = "site-%d" % number
        super().__init__(directory, name, "10.77.0.%d" % number, (9000, 8000))
        self.timeout = 20 * stage.SLOW
        self.env = {}
        _command("ip", "netns", "add", self.namespace)
        _command("ip", "-batch", "-", text=(
            "link add v{0} type veth peer name eth0 netns {1}\nlink set v{0} master hub up\n"
        ).format(number, self.namespace))
        _command("ip", "-n", self.namespace, "-batch", "-", text=(
            "link set lo up\naddress add %s/24 dev eth0\nlink set eth0 up\n" % self.ip))
        self.nft(RULES)

    def nft(self, text):
        _command("ip", "netns", "exec", self.namespace, "nft", "-f", "-", text=text)

    def go_there(self):
        handle = os.open("/run/netns/" + self.namespace, os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(handle, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        os.close(handle)

    def start(self, env=None, preexec=None, **options):
        def before():
            self.go_there()
            if preexec:
                preexec()
        return super().start(env={**self.env, **(env or {})}, preexec=before, **options)

    # ---- the wires of this site ------------------------------------------------------------

    def _add(self, group, sites):
        self.nft("add element inet fault %s { %s }\n" % (group, ", ".join(s.ip for s in sites)))

    def deaf_to(self, *sites):
        """What they send is lost on the way."""
        self._add("unheard", sites)

    def refuse_dials_of(self, *sites):
        """A firewall: they cannot open a connection to here, answers pass."""
        self._add("undialled", sites)

    def reset_those_of(self, *sites):
        """Each packet from them ends its connection."""
        self._add("unwelcome", sites)

    def lose(self, percent):
        """Of all packets from other sites."""
        self.nft("flush chain inet fault lossy\nadd rule inet fault lossy"
                 " numgen random mod 100 < %d drop\n" % percent)

    def heal(self):
        self.nft("".join("flush set inet fault %s\n" % group
                         for group in ("unheard", "undialled", "unwelcome")) +
                 "flush chain inet fault lossy\n")


class Lab(Cluster):
    """The stage: sites on a bridge."""

    _hub = False

    def __init__(self, title):
        super().__init__(title)
        if not Lab._hub:
            _build_hub()
            Lab._hub = True

    def new(self, name):
        number = next(self._numbers)
        site = Site(os.path.join(self.directory, "%d-%s" % (len(self.centrals) + 1, name)), name,
                    number)
        self.centrals.append(site)
        return site

    def connect(self, central, peers, links=None, **config):
        config.setdefault("auth", "open")  # nobody else is on this wire
        super().connect(central, peers, links, **config)

    def started(self, count, **config):
        """So many centrals, each a peer of each, running and linked."""
        sites = self.mesh(*("central-%d" % (i + 1) for i in range(count)), **config)
        for site in sites:
            site.start()
        stage.wait_linked(sites)
        return sites


def cut(these, those):
    """Nothing passes between the two groups, in either direction."""
    for site in these:
        site.deaf_to(*those)
    for site in those:
        site.deaf_to(*these)


def chain(sites):
    """Each reaches its neighbours only."""
    for i, site in enumerate(sites):
        others = [other for j, other in enumerate(sites) if abs(i - j) > 1]
        if others:
            site.deaf_to(*others)


def heal(sites):
    for site in sites:
        site.heal()


def run(*scenarios):
    """As cluster.run, inside the namespaces."""
    enter()
    stage.run(*scenarios, stage=Lab)
