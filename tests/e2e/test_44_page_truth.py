"""What the page shows is so: times in the central's zone wherever the browser is, the pictures of a
camera and that they stopped, and a list of which only a part is in the document."""

import base64
import os
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from camera_box import CameraBox
from cluster import ROOT, expect, expect_equal, now, run
from page_stand import (CAMERAS, DRAWN, PASSWORD, ZONE, address, axe, furnish, good, hold, let_go,
                        need_browser, open_browser, show, wait_held)

FAR = "America/New_York"  # its clock shows another day half of the time
VISITS, BATCH = 1500, 500
MOST_ROWS = 450  # in the document: a few pages of at most 100


def local(seconds):
    return datetime.fromtimestamp(seconds, ZoneInfo(ZONE))


def shown(seconds):
    """As the page writes it today."""
    when, today = local(seconds), local(now())
    return when.strftime("%H:%M" if when.date() == today.date() else "%d/%m %H:%M")


def another_zone(cluster):
    """A browser on the other side of the world reads, types and filters the central's times."""
    need_browser()
    a = furnish(cluster, "ha-noi-1", visits=1)[0]
    entered = now() - 2 * 3600
    good(a.entry("30G-111.22", ts=entered, camera_name="Cổng Bắc vào"))
    midnight = local(now()).replace(hour=0, minute=0, second=0)
    good(a.entry("30H-000.01", ts=int((midnight - timedelta(minutes=1)).timestamp())))
    good(a.entry("30H-000.02", ts=int(midnight.timestamp())))
    with open_browser() as browser:
        browser.cdp("Emulation.setTimezoneOverride", timezoneId=FAR)
        show(browser, a, "visits")
        expect_equal(browser.run("return Intl.DateTimeFormat().resolvedOptions().timeZone"), FAR,
                     "the browser's zone")
        browser.wait("header .zone", ZONE)
        browser.wait("main td time", shown(entered))
        browser.click("main button", "Hôm nay")
        browser.wait("main td a", "30H-000.02")
        browser.gone("main td a", "30H-000.01")
        day = local(now()) - timedelta(days=1)
        show(browser, a, "visits?from=%s&to=%s" % (day.strftime("%Y-%m-%d"), day.strftime("%Y-%m-%d")))
        browser.wait("main td a", "30H-000.01")
        browser.gone("main td a", "30H-000.02")
        # What is typed is the central's time, too.
        show(browser, a, "visits?q=30G11122")
        browser.click("main td a", "30G-111.22")
        browser.click("main button", "Sửa")
        field = browser.field("Vào")
        expect_equal(browser.run("return document.querySelector(arguments[0]).value", field),
                     local(entered).strftime("%Y-%m-%dT%H:%M"), "time to be corrected")
        earlier = entered - entered % 60 - 1800
        browser.choose(field, local(earlier).strftime("%Y-%m-%dT%H:%M"))
        browser.click("dialog button", "Lưu")
        browser.gone("dialog")
        browser.wait("main time", shown(earlier))
        expect_equal(a.rows("SELECT entry_ms FROM history WHERE plate_id = '30G11122'"),
                     [(earlier * 1000,)], "corrected to")
        show(browser, a, "gate")
        browser.type("#gate-plate", "30G-111.22")
        browser.wait("#gate-state time", shown(earlier))
        browser.press("enter")
        browser.wait("dialog .soft", "2 giờ")
        browser.press("escape")
        heartbeat(a, 1)  # of less than a minute ago, however long the rest took
        show(browser, a, "cameras")
        browser.wait("main td", "giây trước")
        expect("giờ trước" not in browser.text("main"), "heard hours ago:", browser.text("main"))
        heartbeat(a, 1, timestamp=time.time() - 7230)
        browser.wait("main td", "Đồng hồ chậm 2 giờ")
        expect_equal(browser.console(), [], "console")


def heartbeat(central, number, **fields):
    """Of a camera of page_stand.py, or of one that camera_pictures adds."""
    name, kind = ("Cổng Tây", "EXIT") if number == 8 else CAMERAS[str(number)][:2]
    good(central.post("/api/edge/heartbeat", {"camera_id": number, "camera_name": name,
                                              "camera_type": kind, **fields}))


def picture(browser, colour):
    """A JPEG of one colour, made by the browser itself."""
    url = browser.run("const c = document.createElement('canvas'); [c.width, c.height] = [64, 36];"
                      "const p = c.getContext('2d'); p.fillStyle = arguments[0];"
                      "p.fillRect(0, 0, 64, 36); return c.toDataURL('image/jpeg')", colour)
    return base64.b64decode(url.split(",")[1])


def camera_pictures(cluster):
    """A camera's pictures move; when they stop it is said, and they come back by themselves."""
    need_browser()
    a = furnish(cluster, "ha-noi-1", visits=1)[0]
    box = CameraBox(a.ip)
    cluster.closing.callback(box.close)
    good(a.post("/api/edge/sync-config", {"edge_cameras": {
        "8": {"name": "Cổng Tây", "ip": a.ip, "camera_type": "EXIT"}}}))
    heartbeat(a, 8)
    pixel = ("const c = document.querySelector('.video.live canvas');"
             "return c ? [c.width, ...c.getContext('2d').getImageData(9, 9, 1, 1).data] : []")

    def is_colour(red, blue):
        seen = browser.run(pixel)
        return len(seen) == 5 and seen[0] == 64 and abs(seen[1] - red) < 40 and abs(
            seen[3] - blue) < 40

    with open_browser() as browser:
        show(browser, a, "cameras")
        red, blue = picture(browser, "red"), picture(browser, "blue")
        browser.click("main button", "Xem: Cổng Tây")
        browser.wait("dialog .video")
        box.film(red)
        browser.until("a red picture", lambda: is_colour(255, 0))
        box.film(blue)
        browser.until("a blue picture", lambda: is_colour(0, 255))
        expect_equal(browser.violations(axe()), [], "a picture")
        box.close()
        browser.wait("dialog [role=status]", "Hình đứng yên từ")
        back = CameraBox(a.ip)
        cluster.closing.callback(back.close)
        back.film(red)
        browser.until("a red picture again", lambda: is_colour(255, 0))
        browser.press("escape")
        browser.gone("dialog")
        # The box learns of it when it sends the next pictures.
        browser.until("the stream ends", lambda: back.film(red) or back.ended.is_set())
        heartbeat(a, 8)  # the wall has those that are not silent
        browser.click("main button", "Xem hình các camera")
        browser.until("a picture on the wall", lambda: is_colour(255, 0))
        expect_equal(browser.violations(axe()), [], "the wall")


ROWS = "return document.querySelectorAll('main tbody tr:not(.apart)').length"
COUNT = "return document.querySelector('main .fresh > .bar .soft').innerText"
OLDER = "[...document.querySelectorAll('main .fresh > .bar button')].at(-1)?.click()"
PLACE = ("const r = document.querySelector('main tbody tr:not(.apart) a:focus').closest('tr');"
         "return [Number(r.getAttribute('aria-rowindex')), r.querySelector('a').innerText,"
         " Math.round(r.getBoundingClientRect().top)]")


def long_list(cluster):
    """A part of the rows is in the document; numbers, keys and places are those of all of them."""
    need_browser()
    a = cluster.mesh("ha-noi-1")[0]
    a.start(zone=ZONE)
    for start in range(0, VISITS, BATCH):
        good(a.post("/api/v1/events", [
            {"kind": "VEHICLE_ENTRY_PENDING", "plate": "31E-%03d.%02d" % (n // 100, n % 100),
             "key": str(n)} for n in range(start, start + BATCH)]))
    with open_browser() as browser:
        show(browser, a, "visits")
        browser.wait("main td a", "31E-")
        for _ in range(5):  # without a mouse: the button at the end
            before = browser.run(COUNT)
            browser.run(OLDER)
            browser.until("more rows", lambda before=before: browser.run(COUNT) != before)
        # And with one: scrolling brings the rest.
        browser.until("the end", lambda: browser.run(
            "scrollTo(0, document.body.scrollHeight);"
            "return document.body.innerText.includes('Tất cả 1.500 lượt')"))
        browser.until("the last row", lambda: browser.find("main td a", "31E-000.00"))
        expect_equal(browser.run("const r = document.querySelectorAll('main tbody tr');"
                                 "return [r[r.length - 1].getAttribute('aria-rowindex'),"
                                 " document.querySelector('main table').ariaRowCount]"),
                     [str(VISITS + 1), str(VISITS + 1)], "number of the last row, of rows")
        browser.until("few rows in the document", lambda: browser.run(ROWS) < MOST_ROWS)
        expect_equal(browser.violations(axe()), [], "the end of the list")
        # Arrows go from row to row, also where rows were not in the document a moment ago.
        browser.run("document.querySelector('main tbody tr:last-child a').focus()")
        for _ in range(30):  # not faster than it draws: what comes near is there after a frame
            browser.press(*["up"] * 10)
            browser.run_async(DRAWN)
        row, plate, _ = browser.run(PLACE)
        expect_equal((row, plate), (VISITS + 1 - 300, "31E-003.00"), "300 rows up")
        browser.until("few rows in the document", lambda: browser.run(ROWS) < MOST_ROWS)
        # What is read stays where it is, and says what became of it.
        before = browser.run(PLACE)
        good(a.entry("31F-000.01"))
        browser.wait("main [role=status] button", "1 lượt mới")
        good(a.exit("31E-003.00"))
        browser.until("that it left", lambda: browser.run(
            "return document.activeElement.closest('tr').innerText").find("Đã ra") >= 0)
        expect_equal(browser.run(PLACE), before, "the row that is read")
        browser.click("main [role=status] button", "1 lượt mới")
        browser.wait("main td a", "31F-000.01")
        browser.run("document.activeElement.blur()")
        good(a.entry("31F-000.02"))
        browser.wait("main .arrived td a", "31F-000.02")
        browser.until("it is said", lambda: "31F-000.02" in browser.run(
            "return [...document.querySelectorAll('main [role=status]')].map("
            "e => e.textContent).join(' ')"))
        expect_equal(browser.console(), [], "console")


def pressed_while_busy(cluster):
    """A button that is pressed while the list is being renewed counts once it is, each time."""
    need_browser()
    a = cluster.mesh("ha-noi-1")[0]
    a.start(zone=ZONE)
    good(a.post("/api/v1/events", [
        {"kind": "VEHICLE_ENTRY_PENDING", "plate": "31E-%03d.%02d" % (n // 100, n % 100),
         "key": str(n)} for n in range(400)]))
    with open_browser() as browser:
        show(browser, a, "visits")
        browser.wait("main .fresh > .bar .soft", "50")
        hold(browser, "/api/v1/visits?")
        good(a.entry("31F-000.01"))
        wait_held(browser)
        browser.run(OLDER)
        browser.run(OLDER)
        hold(browser, None)
        let_go(browser)
        browser.wait("main td a", "31F-000.01")
        browser.wait("main .fresh > .bar .soft", "250")
        expect_equal(browser.console(), [], "console")


def late_answers(cluster):
    """An answer that newer ones have overtaken does not undo what they showed."""
    need_browser()
    a = furnish(cluster, "ha-noi-1", visits=1)[0]
    with open_browser() as browser:
        # What a list is after one change, told after the next one.
        show(browser, a, "people")
        hold(browser, "/api/staff")
        browser.click("main button", "Cho nghỉ: Trần Văn Đức")
        wait_held(browser)  # what will be changed
        let_go(browser)
        wait_held(browser)  # what it was changed to
        hold(browser, None)
        browser.wait("main button", "Cho nghỉ: Nguyễn Thị Lan")
        browser.click("main button", "Cho nghỉ: Nguyễn Thị Lan")
        browser.wait("main button", "Vào ca: Nguyễn Thị Lan")
        let_go(browser)
        expect_equal(browser.find("main button", "Cho nghỉ: Nguyễn Thị Lan"), None, "the list before")
        # What is asked for every few seconds.
        show(browser, a, "cameras")
        hold(browser, "/api/cameras")
        wait_held(browser)
        hold(browser, None)
        heartbeat(a, 8)
        browser.wait("main td", "Cổng Tây")
        let_go(browser)
        expect(browser.find("main td", "Cổng Tây"), "the cameras before")
        # Who nobody was before the login.
        browser.cdp("Network.enable")
        browser.cdp("Network.setExtraHTTPHeaders", headers={"X-Forwarded-For": "192.0.2.7"})
        browser.open(address(a, "lots"))
        browser.reload()
        browser.wait("main.login")
        hold(browser, "/api/v1/me")
        browser.run("import('/web/lib/api.js').then((api) => api.findOut())")
        wait_held(browser)
        hold(browser, None)
        browser.type("input[name=username]", "lan")
        browser.type("input[name=password]", PASSWORD)
        browser.press("enter")
        browser.wait("header .who", "lan")
        let_go(browser)
        expect(browser.find("header .who", "lan"), "the session before")


def old_figures(cluster):
    """Without its central every screen is dimmed, says since when, and can still be read."""
    need_browser()
    source = axe()
    a = furnish(cluster, "ha-noi-1", visits=4)[0]
    with open_browser() as browser:
        show(browser, a, "home")
        browser.wait(".chart canvas")
        modules = {"/web/%s/%s" % (folder, name) for folder in ("lib", "screens")
                   for name in os.listdir(os.path.join(ROOT, "api", "web", folder))}
        browser.until("all screens", lambda: modules <= set(browser.run(
            "return performance.getEntriesByType('resource').map(e => new URL(e.name).pathname)")))
        a.kill9()
        for theme in ("light", "dark"):
            browser.run("document.documentElement.dataset.theme = arguments[0]", theme)
            browser.wait("main.away [role=alert]", "Mất liên lạc với máy chủ từ")
            expect_equal(browser.violations(source), [], "home without its central, " + theme)
        browser.run("location.hash = arguments[0]", address(a, "mesh").split("#")[1])
        browser.wait("main.away [role=alert]", "Không liên lạc được")


if __name__ == "__main__":
    run(another_zone, camera_pictures, long_list, pressed_while_busy, late_answers,
        old_figures)
