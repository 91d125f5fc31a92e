"""Hands at the page: text that would like to be more than text, the gate by keyboard, and what a role
may not do."""

import zmq

from cluster import expect, expect_equal, free_port, now, run
from page_stand import axe, address, furnish, good, need_browser, open_browser, show

HOSTILE = ('<b>30A</b>-12"345', "30A'; DROP-1", "\u202e30A-99999\u202c", "<img src=x onerror=a()>")
LONG = "Ả" * 10000


def hostile_text(cluster):
    """Text stays text, in its place, whatever it is."""
    need_browser()
    a = furnish(cluster, "ha-noi-1", visits=1)[0]
    for text in HOSTILE:
        good(a.entry(text, ts=now() - 60, camera_name=text))
    a.entry("30A-" + LONG, ts=now() - 60)  # may be refused
    good(a.exit("<i>99H</i>-777.77", ts=now() - 60))  # of nobody: a conflict
    a.entry("30A-777.77", ts=now() - 60, camera_name=LONG)
    good(a.put("/api/staff", {"staff": [
        {"id": 1, "name": HOSTILE[0], "position": HOSTILE[3], "shift": HOSTILE[2],
         "phone": HOSTILE[1], "status": "active"},
        {"id": 2, "name": "W" * 500, "status": "active"}]}))
    good(a.put("/api/subscriptions", {"subscriptions": [
        {"id": 1, "plate_number": HOSTILE[0], "owner_name": LONG[:150], "note": HOSTILE[3],
         "type": HOSTILE[3], "status": "active"}]}))
    with open_browser() as browser:
        for width in (1440, 360):
            browser.size(width, 900)
            for screen in ("visits", "people", "cards", "conflicts", "health", "home"):
                show(browser, a, screen)
                browser.until("rows of " + screen, lambda: browser.find("main :is(table, a, .plate)"))
                expect_equal(browser.run("return document.querySelectorAll("
                                         "'main b, main img, main script').length"), 0, screen)
                expect(browser.run("return document.documentElement.scrollWidth"
                                   " <= window.innerWidth"), screen, width, "is too wide")
            show(browser, a, "people")
            expect(HOSTILE[0] in browser.text("main"), "the name as it is")
        browser.size(1440, 900)
        show(browser, a, "visits")
        expect("<img" in browser.text("main").lower(), "the plate as it is")
        browser.click("main td a", "<B>")
        browser.wait("h1 .plate", "<B>")
        expect_equal(browser.console(), [], "console")


def gate_by_keyboard(cluster):
    """In, out and paid with the keyboard alone; Escape records nothing."""
    need_browser()
    a = furnish(cluster, "ha-noi-1", visits=1)[0]
    good(a.entry("30G-111.22", ts=now() - 7200))
    before = a.event_count()
    with open_browser() as browser:
        show(browser, a, "gate")
        browser.until("focus", lambda: browser.run(
            "return document.activeElement.id") == "gate-plate" or browser.run(
                "document.querySelector('#gate-plate').focus()"))
        browser.press(*"30g-555.66", "enter")
        browser.wait("dialog h2", "Cho xe vào?")
        browser.press("escape")
        browser.gone("dialog")
        expect_equal(a.event_count(), before, "events after Escape")
        browser.focused("the plate", "e.id", "gate-plate")
        browser.press("enter")
        browser.wait("dialog h2", "Cho xe vào?")
        browser.press("enter")
        browser.wait("main h2", "Đã ghi xe vào")
        browser.focused("the plate", "e.id", "gate-plate")
        browser.press(*"30g11122")
        browser.wait("#gate-state", "Đang trong bãi từ")
        browser.press("enter")
        browser.wait("dialog .fee", "50.000 đ")
        browser.press("enter")
        browser.wait("main h2", "Đã ghi xe ra")
        expect_equal(browser.text("main .fee"), "50.000 đ", "fee shown")
        expect_equal(a.event_count(), before + 2, "events")
        expect_equal(browser.console(), [], "console")
    rows = a.rows("SELECT plate_id, status, fee FROM history WHERE plate_id LIKE '30G%'"
                  " ORDER BY plate_id")
    expect_equal(rows, [("30G11122", "OUT", 50000), ("30G55566", "IN", 0)], "history")


def taken_back(cluster):
    """Each kind of change has a button that takes it back; the log tells both."""
    need_browser()
    a = furnish(cluster, "ha-noi-1", visits=1)[0]

    def staff():
        return {one["name"]: one["status"] for one in good(a.get("/api/staff"))["staff"]}

    def cameras():
        return good(a.get("/api/config"))["config"]["edge_cameras"]

    with open_browser() as browser:
        def undo(what, read, changed, before):
            browser.until(what, lambda: read() == changed)
            browser.wait(".message button", "Hoàn tác")
            browser.run("document.querySelector('.message button').id = 'back'")
            browser.click("#back")
            browser.gone("#back")
            browser.until(what + " taken back", lambda: read() == before)
            # The page hears of it later than the central knows it. Nothing is offered once more.
            browser.wait(".message", "Đã hoàn tác")
            expect_equal(browser.find(".message button"), None, "another undo of " + what)
            screen = browser.run("return location.hash")[2:]
            browser.reload()
            show(browser, a, screen)

        before = staff()
        show(browser, a, "people")
        browser.click("main button", "Cho nghỉ: Trần Văn Đức")
        undo("off duty", staff, {**before, "Trần Văn Đức": "inactive"}, before)
        browser.click("main button", "Xóa: Lê Minh")
        browser.type(browser.field("Lý do"), "đã thôi việc")
        browser.press("enter")
        undo("removed", staff, {k: v for k, v in before.items() if k != "Lê Minh"}, before)
        browser.type("input[type=search]", "tran van duc")  # without marks
        browser.until("one found", lambda: len(browser.texts("main tbody tr")) == 1)

        show(browser, a, "tariff")
        browser.type(browser.field("Tiền mỗi giờ"), "-5")
        browser.wait("main li strong", "–")
        browser.type(browser.field("Tiền mỗi giờ"), "30000")
        browser.type(browser.field("Lý do"), "giá mới")
        browser.press("enter")
        undo("a fee", lambda: good(a.get("/api/parking/fees"))["fees"]["fee_per_hour"], 30000, 25000)

        before = cameras()
        show(browser, a, "cameras")
        browser.click("main button", "Xóa: Cổng Bắc ra")
        browser.type(browser.field("Lý do"), "đã tháo")
        browser.press("enter")
        undo("a camera", cameras, {k: v for k, v in before.items() if k != "2"}, before)

        show(browser, a, "gate")
        browser.type("#gate-plate", "30G-777.88")
        browser.press("enter")
        browser.wait("dialog h2", "Cho xe vào?")
        browser.press("enter")
        browser.wait(".message", "Đã ghi xe vào: 30G-777.88")  # which one, when cars come one after the other
        undo("an entry", lambda: a.rows(
            "SELECT status FROM history WHERE plate_id = '30G77788'"), [("IN",)], [("DELETED",)])
        expect_equal(browser.console(), [], "console")


def programs_on_the_bus(cluster):
    """Who listens is listed under Health, and is gone when it goes."""
    need_browser()
    a = furnish(cluster, "ha-noi-1", visits=1)[0]
    ports = [free_port(a.ip), free_port(a.ip)]
    good(a.put("/api/p2p/config", {"bus": {"port": ports[0], "replay_port": ports[1]}}))
    with open_browser() as browser, zmq.Context() as context:
        show(browser, a, "health")
        browser.wait("main", "Hiện không có chương trình nào đang nhận")
        with context.socket(zmq.SUB) as program:
            program.linger = 0
            program.connect("tcp://%s:%d" % (good(a.get("/api/v1/bus"))["address"], ports[0]))
            program.subscribe("v1.ha-noi-1.")
            browser.wait("main table code", "v1.ha-noi-1.", seconds=20)
        browser.wait("main", "Hiện không có chương trình nào đang nhận", seconds=30)
        expect_equal(browser.console(), [], "console")


def roles(cluster):
    """What a role may not do is not shown; nobody sees anything without logging in."""
    need_browser()
    a = furnish(cluster, "ha-noi-1", visits=2)[0]
    with open_browser() as browser:
        # As somebody from elsewhere: who comes through a proxy is never local.
        browser.cdp("Network.enable")
        browser.cdp("Network.setExtraHTTPHeaders", headers={"X-Forwarded-For": "192.0.2.7"})
        browser.open(address(a, "accounts"))
        browser.wait("main.login")
        expect_equal(browser.violations(axe()), [], "login")
        browser.size(390, 844)
        expect_equal(browser.text("main .language").strip(), "English", "the other language")
        browser.size(1440, 900)
        browser.type("input[name=username]", "lan")
        browser.type("input[name=password]", "sai mat khau")
        browser.press("enter")
        browser.wait("[role=alert]", "Sai tên hoặc mật khẩu")
        browser.type("input[name=password]", "mot cau de nho")
        browser.press("enter")
        browser.wait("header .who", "lan")
        browser.wait("main", "Tài khoản này không được mở trang này")
        expect_equal(browser.find("nav a", "Tài khoản"), None, "accounts for an operator")
        show(browser, a, "mesh")
        expect_equal(browser.find("main button", "Thêm máy chủ"), None, "adding for an operator")
        browser.click("header .who")
        browser.type(browser.field("Mật khẩu hiện tại"), "mot cau de nho")
        browser.type(browser.field("Mật khẩu mới"), "mot cau khac de nho")
        browser.press("enter")
        browser.gone("dialog")
        browser.click("header button", "Đăng xuất")
        browser.wait("main.login")
        browser.type("input[name=username]", "lan")
        browser.type("input[name=password]", "mot cau khac de nho")
        browser.press("enter")
        browser.wait("header .who", "lan")


if __name__ == "__main__":
    run(hostile_text, gate_by_keyboard, taken_back, programs_on_the_bus, roles)
