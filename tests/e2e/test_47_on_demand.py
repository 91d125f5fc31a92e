"""libcurl, and the two dozen libraries behind it: not in an idle central, loaded by the first call
to another machine, missed by such calls only."""

import os
import re

from camera_box import CameraBox
from cluster import expect, expect_equal, plate, program, run, wait_linked, wait_until

LATER = re.compile(r"/lib(curl|crypto|ssl|gnutls|ldap|ssh2)[.-]")
OFFER = {"sdp": "v=0", "type": "offer"}


def loaded(central):
    """Which of the libraries that nothing needs at the start are in the process."""
    with open("/proc/%d/maps" % central.process.pid, encoding="utf-8") as file:
        return sorted({match[1] for match in map(LATER.search, file) if match})


def lone(cluster, name="central-1", **options):
    """A central for itself, and a box as its camera 3."""
    central = cluster.new(name)
    box = CameraBox(central.ip.rsplit(".", 1)[0] + ".201")
    cluster.closing.callback(box.close)
    cluster.connect(central, [], cameras={"items": {"3": {"ip": box.ip, "camera_type": "ENTRY"}}})
    central.start(**options)
    return central, box


def camera_calls_load_it(cluster):
    a, box = lone(cluster)
    expect_equal(a.entry(plate(1)).json["success"], True, "events are taken")
    for path in ("/api/status", "/api/p2p/status", "/api/parking/history", "/metrics", "/"):
        expect_equal(a.get(path).status, 200, path)
    expect_equal(loaded(a), [], "libraries of an idle central")
    answer = a.post("/api/cameras/3/offer", OFFER)
    expect_equal((answer.status, answer.json["type"]), (200, "answer"), str(answer))
    expect_equal(box.seen("/offer"), [OFFER], "asked of the box")
    expect("curl" in loaded(a), "loaded by the first call:", loaded(a))
    a.stop()


def peer_calls_load_it(cluster):
    a, b = cluster.new("central-1"), cluster.new("central-2")
    for central in (a, b):
        cluster.connect(central, [])
        central.start()
        expect_equal(loaded(central), [], "libraries of an idle central")
    answer = a.post("/api/p2p/add-peer", {"ip": b.ip, "api_port": b.api_port})
    expect_equal((answer.status, answer.json["success"]), (200, True), str(answer))
    wait_linked([a, b])
    expect("curl" in loaded(a), "A asked B:", loaded(a))
    expect_equal(loaded(b), [], "B was asked")


def the_dialling_of_peers_loads_it(cluster):
    a = cluster.new("central-1")
    other = {"id": "central-2", "ip": a.ip, "p2p_port": 9, "api_port": 9, "link": "websocket"}
    a.write_config([other], cluster.secret)
    a.start()
    wait_until(lambda: "curl" in loaded(a), 20, "a dialled peer")
    a.stop()


def without_it_only_calls_fail(cluster):
    """A libcurl that is none: each request that needs it says so, and the central needs none."""
    broken = os.path.join(cluster.directory, "broken")
    os.makedirs(broken)
    library = os.path.join(broken, "libcurl.so.4")
    with open(library, "wb") as file:
        file.write(b"this is no library")
    a, box = lone(cluster, env={"LD_LIBRARY_PATH": broken})
    for answer in (a.post("/api/cameras/3/offer", OFFER), a.get("/api/stream/raw?camera_id=3"),
                   a.post("/api/p2p/add-peer", {"ip": "127.0.0.1", "api_port": 9})):
        expect_equal(answer.code, "LIBRARY_MISSING", str(answer))
        expect("libcurl.so.4" in str(answer.json), "which one:", answer.json)
    expect_equal(a.post("/api/cameras/3/offer", OFFER).status, 503, "offer")
    answer = a.post("/api/config", {"edge_cameras": {"3": {"ip": box.ip, "name": "new"}}})
    expect_equal(answer.status, 200, str(answer))
    told, = answer.json["sync_results"]
    expect_equal((told["success"], told["code"]), (False, "LIBRARY_MISSING"), str(told))
    expect_equal(box.requests, [], "nobody was called")
    expect_equal(a.entry(plate(2)).json["success"], True, "events are taken")
    status, _, error = program("status", "--config", a.config_file,
                               env={"LD_LIBRARY_PATH": broken})
    expect_equal((status, "LIBRARY_MISSING" in error), (69, True), error)
    os.remove(library)
    answer = a.post("/api/cameras/3/offer", OFFER)
    expect_equal((answer.status, answer.json["type"]), (200, "answer"), "once it is there")
    expect("curl" in loaded(a), "loaded:", loaded(a))
    a.stop()


run(camera_calls_load_it, peer_calls_load_it, the_dialling_of_peers_loads_it,
    without_it_only_calls_fail)
