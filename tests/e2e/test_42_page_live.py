"""The page while things happen: centrals that come and go, corrections that travel, a list that
fills under the eyes, sessions that end. Waits are bounded, not measured; what is worth knowing about
speed is printed."""

import socket
import threading
import time

from cluster import expect, expect_equal, free_port, now, run, wait_linked, wait_until
from page_stand import (PASSWORD, ZONE, address, axe, furnish, good, need_browser, open_browser,
                        show)

RATE = 100  # events a second
BUSY_S = 5


def seen(browser, what, css, text=None):
    started = time.monotonic()
    browser.wait(css, text)
    print("  %s: seen after %.1f s" % (what, time.monotonic() - started))


def add_a_central(cluster):
    """From the address to the same history, by the page alone; then taken out again."""
    need_browser()
    a, b = cluster.new("ha-noi-1"), cluster.new("ha-noi-2")
    for central in (a, b):
        cluster.connect(central, [])
        central.start(zone=ZONE)
    for number in range(20):
        good(b.entry("30B-%03d.00" % number, ts=now() - 100 - number))
    with open_browser() as browser:
        show(browser, a, "mesh")
        browser.wait("main .empty", "chạy một mình")
        browser.click("main button", "Thêm máy chủ")
        browser.type(browser.field("Địa chỉ"), "127.0.0.250")  # nobody
        browser.press("enter")
        browser.wait("dialog [role=alert]")
        browser.type(browser.field("Địa chỉ"), b.ip)
        browser.type(browser.field("Cổng HTTP"), str(b.api_port))
        browser.press("enter")
        browser.wait("dialog li", "Đã thấy ha-noi-2")
        browser.wait("dialog li", "Bên kia đã nhận")
        browser.wait("dialog li", "Hai bên đã có cùng lịch sử")
        expect_equal(browser.violations(axe()), [], "the steps")
        browser.click("dialog button.primary", "Đóng")
        browser.wait("main td", "Giống nhau")
        browser.click("main button", "Thử: ha-noi-2")
        browser.wait(".message", "ha-noi-2 trả lời sau")
        expect_equal(a.event_count(), b.event_count(), "events")
        browser.click("main button", "Sửa: ha-noi-2")
        browser.choose(browser.field("Kiểu kết nối"), "mesh")
        browser.press("enter")
        browser.gone("dialog")
        browser.wait("main td", "Đã kết nối")
        expect_equal(a.read_config()["peer_centrals"][0]["link"], "mesh", "kind of link")
        browser.click("main button", "Xóa: ha-noi-2")
        browser.type(browser.field("Lý do"), "thử")
        browser.press("enter")
        browser.wait("main .empty", "chạy một mình")
    expect_equal(a.read_config()["peer_centrals"], [], "configured after the removal")


def listens(address, port):
    try:
        socket.create_connection((address, port), 1).close()
    except OSError:
        return False
    return True


def own_address(cluster):
    """This central's own settings: what is wrong is said, and a new port is where the page goes."""
    need_browser()
    a = cluster.new("ha-noi-1")
    cluster.connect(a, [])
    a.start(zone=ZONE)
    port = free_port(a.ip)
    with open_browser() as browser:
        show(browser, a, "mesh")
        browser.click("main button", "Máy chủ này")
        browser.type(browser.field("Mã máy chủ"), "ha noi/1")
        browser.press("enter")
        browser.wait("dialog [role=alert]")
        browser.type(browser.field("Mã máy chủ"), "ha-noi-1")
        browser.type(browser.field("Cổng HTTP"), str(port))
        browser.press("enter")
        browser.wait("dialog a", str(port))
        wait_until(lambda: listens(a.ip, port), 20, "the new port")  # a hand takes longer than it
        browser.click("dialog a", str(port))
        browser.wait("h1", "Hệ thống đang chạy")
        browser.wait("header .site", "ha-noi-1")
        expect(str(port) in browser.run("return location.origin"), "at the new port")
    expect_equal(a.read_config()["this_central"]["api_port"], port, "port")


def link_cut_and_healed(cluster):
    """The guard is told, also that this site goes on and how much waits; and that it is over."""
    need_browser()
    a, b = furnish(cluster, "ha-noi-1", "ha-noi-2", visits=3)
    with open_browser() as browser:
        show(browser, a, "mesh")
        browser.wait("main td", "Giống nhau")
        b.kill9()
        seen(browser, "a link that is gone", "main td", "Mất kết nối")
        browser.wait("main [role=status]", "Bãi này vẫn hoạt động bình thường")
        for number in range(14):
            good(a.entry("30C-%03d.00" % number))
        browser.wait("main [role=status]", "14 sự kiện chờ gửi tới ha-noi-2")
        show(browser, a, "home")
        browser.wait("main [role=status]", "14 sự kiện chờ gửi tới ha-noi-2")
        browser.wait("main li a", "Mất kết nối tới ha-noi-2")
        show(browser, a, "gate")  # whoever works there is told as well
        browser.wait("main [role=status]", "Bãi này vẫn hoạt động bình thường")
        show(browser, a, "mesh")
        b.start(zone=ZONE)
        seen(browser, "the link again", "main td", "Đã kết nối")
        browser.wait("main td", "Giống nhau")
        browser.gone("main [role=status]", "vẫn hoạt động bình thường")


def correction_seen_elsewhere(cluster):
    """A plate is corrected at one central, read at the other, and taken back."""
    need_browser()
    a, b = furnish(cluster, "ha-noi-1", "ha-noi-2", visits=2)
    good(a.entry("30A-246.8B", ts=now() - 30))
    with open_browser() as here, open_browser() as there:
        show(there, b, "visits")
        show(here, a, "visits")
        here.press("/")
        here.press(*"2468")  # the camera took 8 for B
        here.until("one row", lambda: len(here.texts("main tbody tr")) == 1)
        here.click("main td a", "30A-246.8B")
        here.click("main button", "Sửa")
        here.type(here.field("Biển số"), "30A-246.88")
        here.type(here.field("Lý do"), "Camera đọc sai")
        here.press("enter")
        here.wait("h1 .plate", "30A-246.88")
        seen(there, "a correction at the other central", "main td a", "30A-246.88")
        there.click("main td a", "30A-246.88")
        there.wait("main li", "Camera đọc sai")
        here.click(".message button", "Hoàn tác")
        here.wait("h1 .plate", "30A-246.8B")
        there.wait("h1 .plate", "30A-246.8B")
        # Deleted with a reason, and back.
        here.click("main button", "Xóa lượt")
        here.wait("dialog h2", "Xóa lượt")
        here.press("enter")
        here.wait("main .badge", "Đã xóa")
        here.click("main button", "Khôi phục")
        here.type(here.field("Lý do"), "xóa nhầm")
        here.press("enter")
        here.wait("main .badge", "Trong bãi")
        there.wait("main .badge", "Trong bãi")
        expect_equal(here.console() + there.console(), [], "console")


class Traffic(threading.Thread):
    """Entries at a steady rate."""

    def __init__(self, central):
        super().__init__(daemon=True)
        self.central, self.sent, self.over = central, 0, threading.Event()

    def run(self):
        started = time.monotonic()
        while not self.over.is_set() and self.sent < RATE * BUSY_S:
            self.central.entry("31D-%03d.%02d" % (self.sent // 100, self.sent % 100))
            self.sent += 1
            self.over.wait(max(0, started + self.sent / RATE - time.monotonic()))
        self.seconds = time.monotonic() - started


def list_under_load(cluster):
    """What is read does not move; that there is more is said, and shown when asked for."""
    need_browser()
    a = furnish(cluster, "ha-noi-1", visits=60)[0]
    first = "return document.querySelector('main tbody tr a')?.innerText"
    place = ("const r = [...document.querySelectorAll('main tbody tr')][20];"
             "return [r.innerText, Math.round(r.getBoundingClientRect().top)]")
    with open_browser() as browser:
        show(browser, a, "visits")
        browser.until("rows", lambda: len(browser.texts("main tbody tr")) >= 40)
        top = browser.run(first)
        traffic = Traffic(a)
        traffic.start()
        browser.until("a new row by itself", lambda: browser.run(first) != top)
        browser.run("scrollTo(0, 600)")
        # What was asked for before somebody read still moves the rows; that there is more is told
        # by the first answer after it.
        browser.wait("main [role=status] button", "lượt mới")
        before = browser.run(place)
        browser.until("more of them", lambda: int(browser.text(
            "main [role=status] button").split()[0]) > 5)
        expect_equal(browser.run(place), before, "the row that is read")
        traffic.join()
        print("  %d entries in %.1f s" % (traffic.sent, traffic.seconds))
        expect_equal(browser.run(place), before, "the row that is read")
        browser.click("main [role=status] button", "lượt mới")
        newest = "31D-%03d.%02d" % ((traffic.sent - 1) // 100, (traffic.sent - 1) % 100)
        browser.wait("main td a", newest)
        browser.type("input[type=search]", "31d 003.0O")  # O for 0
        browser.wait("main td a", "31D-003.00")
        browser.gone("main td a", "31D-003.01")
        # The filter is part of the address: it stays when rows come in.
        good(a.entry("31D-777.77"))
        browser.wait("main td a", "31D-003.00")
        expect_equal(browser.find("main td a", "31D-777.77"), None, "a row that does not match")
        expect_equal(browser.console(), [], "console")


def session_ends(cluster):
    """Ended at the server, the session ends on the screen; then the same screen comes back."""
    need_browser()
    a = furnish(cluster, "ha-noi-1", visits=2)[0]
    with open_browser() as browser:
        browser.cdp("Network.enable")
        browser.cdp("Network.setExtraHTTPHeaders", headers={"X-Forwarded-For": "192.0.2.7"})
        browser.open(address(a, "mesh"))
        for password in (PASSWORD, "mot cau moi de nho"):
            browser.wait("main.login")
            browser.type("input[name=username]", "lan")
            browser.type("input[name=password]", password)
            browser.press("enter")
            browser.wait("h1", "Máy chủ")
            good(a.put("/api/v1/accounts/lan", {"password": "mot cau moi de nho"}))
        browser.wait("main.login")


def central_restarts(cluster):
    """The page lives through it, with its filter, and shows what came meanwhile."""
    need_browser()
    a, b = furnish(cluster, "ha-noi-1", "ha-noi-2", visits=4)
    with open_browser() as browser:
        show(browser, a, "visits?status=IN")
        browser.wait("main td a", "30K-888.88")
        a.kill9()
        seen(browser, "a central that is gone", "[role=alert]", "Mất liên lạc với máy chủ")
        good(b.entry("30E-123.45"))
        a.start(zone=ZONE)
        wait_linked([a, b])
        browser.gone("[role=alert]", "Mất liên lạc với máy chủ")
        browser.wait("main td a", "30E-123.45")
        expect("status=IN" in browser.run("return location.hash"), "the filter is kept")
        expect_equal(set(browser.texts("main tbody .badge.good")), set(), "cars that left")


if __name__ == "__main__":
    run(add_a_central, own_address, link_cut_and_healed, correction_seen_elsewhere,
        list_under_load, session_ends, central_restarts)
