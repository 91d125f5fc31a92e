"""Centrals of the existing system (python_central.py) as processes, beside ours or alone."""

import json
import os

from cluster import PARKMESH, Central, expect_equal, wait_until

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "python_central.py")
PORTS = (9000, 8000)  # such centrals know no other port of each other
REDIAL_S = 0.5        # 10 in the field

COMPARED = ("plate_id", "entry_time", "exit_time", "fee", "status")


class PythonCentral(Central):
    """One that can be replaced by ours: same files, same addresses, another program."""

    ready_path = "/"

    def __init__(self, directory, name, ip, ports=None):
        super().__init__(directory, name, ip, ports)
        self.program = PROGRAM

    def write_config(self, peers=(), secret=None, **more):
        """As such a central saves it: with what it knows, and no more."""
        self.write_config_text(json.dumps({
            "this_central": {"id": self.name, "ip": self.ip, "api_port": self.api_port},
            "peer_centrals": [{"id": peer["id"], "ip": peer["ip"]} for peer in peers]}))

    def start(self, zone="UTC", clock=None, env=None, wait=True, preexec=None):
        environment = {"PYTHON_CENTRAL_REDIAL": str(REDIAL_S), **(env or {})}
        return super().start(zone, clock, environment, wait, preexec)

    def replace(self):
        """From the next start on it is one of ours."""
        self.program, self.ready_path = PARKMESH, Central.ready_path

    def go_back(self):
        """From the next start on it is of the existing system."""
        self.program, self.ready_path = PROGRAM, PythonCentral.ready_path

    def is_ours(self):
        return self.program == PARKMESH

    # ---- what it holds ---------------------------------------------------------------------

    def held(self):
        """Rows by event_id, straight from the file. Twice the same id is a list of two."""
        found = {}
        for row in self.rows("SELECT event_id, %s FROM history" % ", ".join(COMPARED)):
            found.setdefault(row[0], []).append(row[1:])
        return found

    def links(self):
        """(ids of those who dialled it, ids of those whom it dialled)."""
        peers = self.get("/api/p2p/status").json["peers"]
        return ({peer["peer_id"] for peer in peers if peer.get("status") == "connected"},
                {peer["peer_id"] for peer in peers if peer.get("connected")})


def python_central(stage, name):
    return stage.new(name, PORTS, PythonCentral)


def python_pair(stage, zone="UTC", names=("central-1", "central-2"), start=True, **env):
    """Each a peer of each, running and linked both ways."""
    centrals = [python_central(stage, name) for name in names]
    for central in centrals:
        central.write_config([peer.address() for peer in centrals if peer is not central])
    if start:
        for central in centrals:
            central.start(zone, env=env)
        wait_both_ways(centrals)
    return centrals


def wait_both_ways(centrals):
    """Until each pair of them has its two links."""
    names = {central.name for central in centrals}

    def linked():
        return all(side >= names - {central.name} for central in centrals
                   for side in central.links())
    wait_until(linked, 20, lambda: "links: %s" % [central.links() for central in centrals])


def must(answer):
    """An event that was taken."""
    expect_equal((answer.status, answer.json.get("success")), (200, True), str(answer))
    return answer.json
