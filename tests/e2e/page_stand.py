"""Centrals with something on every screen of the page: for its tests and its pictures."""

import os

from browser import Browser, available, axe_source
from cluster import ROOT, Skip, expect_equal, now, wait_equal_digests, wait_linked

SCREENS = ("home", "visits", "gate", "mesh", "conflicts", "lots", "cameras", "people", "cards",
           "tariff", "accounts", "health")
ZONE = "Asia/Ho_Chi_Minh"
PASSWORD = "mot cau de nho"
PATIENT = """const soon = window.setTimeout;
window.setTimeout = (call, ms, ...rest) => soon(call, ms === 10000 ? 600000 : ms, ...rest);"""
# Answers that the page has asked for and does not get before they are let go, each as it was then.
HOLDING = """const send = window.fetch;
window.holding = {path: null, held: []};
window.fetch = async (path, options) => {
  const answer = await send(path, options);
  const {holding} = window;
  if (!holding.path || options.method !== "GET" || !path.startsWith(holding.path)) return answer;
  const whole = new Response(await answer.arrayBuffer(), answer);
  await new Promise((go) => holding.held.push(go));
  return whole;
};"""
DRAWN = """const done = arguments[0], frame = requestAnimationFrame;
frame(() => frame(() => frame(() => setTimeout(done))))"""
ARRIVED = """const here = document.querySelector('nav a[aria-current=page]');
return here?.getAttribute('href') === arguments[0]
  && document.title.startsWith(here.textContent.trim() + ' ')
  && document.querySelector('[aria-busy=true]') === null
  && document.querySelector(arguments[1]) !== null"""
# What stands on a screen that does not say that it is busy until its rows are there.
ROWS = {"people": "main :is(table, .empty)", "cards": "main :is(table, .empty)",
        "tariff": "main form"}
CAMERAS = {"1": ("Cổng Bắc vào", "ENTRY", 0), "2": ("Cổng Bắc ra", "EXIT", 0),
           "3": ("Tầng hầm B1", "PARKING_LOT", 40), "4": ("Tầng hầm B2", "PARKING_LOT", 12)}
STAFF = [
    {"id": 1, "name": "Nguyễn Thị Lan", "position": "Trưởng ca", "phone": "0912 345 678",
     "shift": "Đêm", "status": "active"},
    {"id": 2, "name": "Trần Văn Đức", "position": "Bảo vệ", "phone": "0987 111 222",
     "shift": "Ngày", "status": "active"},
    {"id": 3, "name": "Lê Minh", "position": "Bảo vệ", "shift": "Ngày", "status": "inactive"}]
SUBSCRIPTIONS = [
    {"id": 1, "plate_number": "51F-204.17", "owner_name": "Công ty An Phát", "type": "company",
     "status": "active", "start_date": "2026-01-01", "end_date": "2099-12-31"},
    {"id": 2, "plate_number": "30A-555.55", "owner_name": "Phạm Hùng", "type": "monthly",
     "status": "active", "start_date": "2024-01-01", "end_date": "2024-12-31",
     "phone": "0909 000 111"},
    {"id": 3, "plate_number": "29A1-234.56", "owner_name": "Đỗ Hà", "type": "regular",
     "status": "inactive"}]


def need_browser():
    if not available():
        raise Skip("needs chromium and chromium-driver")


def address(central, screen="home"):
    return "http://%s:%d/#/%s" % (central.ip, central.api_port, screen)


def axe():
    return axe_source(ROOT)


def open_browser(**options):
    """A browser in the zone of the centrals. What a person may take back for ten seconds stays as
    long as a slow machine needs for what is looked at meanwhile."""
    os.environ["TZ"] = ZONE
    browser = Browser(**options)
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", source=PATIENT)
    browser.cdp("Page.addScriptToEvaluateOnNewDocument", source=HOLDING)
    return browser


def show(browser, central, screen):
    """Goes to a screen and waits until everything on it is there, and the focus where the page puts
    it: the screen before is there for a moment longer, and has a heading and buttons as well."""
    name = screen.split("/")[0].split("?")[0]
    browser.open(address(central, screen))
    browser.until("the screen " + screen, lambda: browser.run(ARRIVED, "#/" + name,
                                                              ROWS.get(name, "main h1")))


def hold(browser, path):
    """From now on answers to GET of what begins with `path` wait; None: none does but those that do."""
    browser.run("window.holding.path = arguments[0]", path)


def wait_held(browser, number=1):
    browser.until("%d answers that wait" % number,
                  lambda: browser.run("return window.holding.held.length") >= number)


def let_go(browser):
    """The answers that wait come now, and are drawn as far as the page draws them."""
    browser.run("window.holding.held.splice(0).forEach((go) => go())")
    browser.run_async(DRAWN)


def good(answer):
    expect_equal(answer.status, 200, "status of %s" % answer)
    return answer.json


def _lists(central):
    good(central.post("/api/edge/sync-config", {"edge_cameras": {
        key: {"name": name, "ip": "127.0.0.3%s" % key, "camera_type": kind,
              "parking_lot_capacity": capacity}
        for key, (name, kind, capacity) in CAMERAS.items()}}))
    for key in ("1", "2", "3"):
        name, kind, _ = CAMERAS[key]
        good(central.post("/api/edge/heartbeat", {
            "camera_id": int(key), "camera_name": name, "camera_type": kind,
            "events_sent": 140 + int(key), "events_failed": int(key) - 1}))
    good(central.put("/api/staff", {"staff": STAFF}))
    good(central.put("/api/subscriptions", {"subscriptions": SUBSCRIPTIONS}))
    central.post("/api/v1/accounts", {"name": "lan", "role": "operator", "password": PASSWORD})
    central.post("/api/v1/accounts", {"name": "chu-bai", "role": "admin", "password": PASSWORD})
    central.post("/api/v1/tokens", {"name": "ke-toan", "role": "viewer"})


def _traffic(centrals, visits):
    first = now() - visits * 700
    for number in range(visits):
        central = centrals[number % len(centrals)]
        text = "30A-%03d.%02d" % (number * 37 % 1000, number * 11 % 100)
        ts = first + number * 700
        good(central.entry(text, ts=ts, camera_name="Cổng Bắc vào"))
        if number % 3 != 1:
            left = min(now() - 60, ts + 1500 + number * 900 % 17000)
            good(central.exit(text, ts=left, camera_name="Cổng Bắc ra"))
        else:
            good(central.post("/api/edge/event", {
                "type": "LOCATION_UPDATE", "camera_id": 3, "camera_name": "Tầng hầm B1",
                "timestamp": ts + 120, "data": {"plate_text": text, "location": "Tầng hầm B1"}}))


def _quarrel(one, other):
    """Two entries of one plate while both are apart, and an exit of nobody."""
    for central in (one, other):
        good(central.post("/api/p2p/stop"))
    good(one.entry("30K-888.88", ts=now() - 500, camera_name="Cổng Nam"))
    good(other.entry("30K-888.88", ts=now() - 400, camera_name="Cổng Đông"))
    for central in (one, other):
        good(central.post("/api/p2p/start"))
    good(one.exit("99H-000.11", ts=now() - 100))


def furnish(cluster, *names, visits=24):
    """Centrals of one mesh that hold the same: visits, lots, cameras, people, conflicts."""
    centrals = cluster.mesh(*names)
    for central in centrals:
        central.start(zone=ZONE)
    wait_linked(centrals)
    _lists(centrals[0])
    _traffic(centrals, visits)
    good(centrals[0].entry("51F-204.17", ts=now() - 3000))
    if len(centrals) > 1:
        _quarrel(centrals[0], centrals[1])
        wait_linked(centrals)
        wait_equal_digests(centrals)
    return centrals
