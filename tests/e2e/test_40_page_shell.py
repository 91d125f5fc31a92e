"""The page's shell in a real browser: the languages, and the keyboard."""

import os

from browser import Browser
from cluster import expect_equal, run
from page_stand import address, need_browser


def languages(cluster):
    need_browser()
    a = cluster.mesh("ha-noi-1")[0]
    a.start()
    with Browser() as browser:
        browser.open(address(a))
        browser.wait("h1", "Hệ thống đang chạy")
        expect_equal(browser.run("return document.documentElement.lang"), "vi", "language")
        browser.click("header button", "English")
        browser.wait("nav a", "Centrals")
        expect_equal(browser.run("return document.documentElement.lang"), "en", "language")
        browser.reload()  # the choice stays
        browser.wait("nav a", "Centrals")
        expect_equal(browser.console(), [], "console")


def keyboard(cluster):
    """Past the navigation with one key, and to every screen without a mouse."""
    need_browser()
    a = cluster.mesh("ha-noi-1")[0]
    a.start()
    with Browser() as browser:
        browser.open(address(a))
        browser.wait("h1", "Hệ thống đang chạy")
        browser.run("document.activeElement.blur()")
        browser.press("tab")
        browser.focused("first stop", "e.className", "skip")
        browser.press("enter")
        browser.focused("after it", "e.id", "main")
        browser.run("document.querySelector('nav a[href=\"#/mesh\"]').focus()")
        browser.press("enter")
        browser.wait("h1", "Máy chủ")


def page_from_a_folder(cluster):
    """While the page is worked on its files come from a folder, each time anew."""
    a = cluster.mesh("ha-noi-1")[0]
    folder = os.path.join(cluster.directory, "page")
    os.mkdir(folder)
    a.start(arguments=("--web-dir", folder))
    for text in ("one", "two"):
        with open(os.path.join(folder, "style.css"), "w", encoding="utf-8") as file:
            file.write("/* %s */" % text)
        expect_equal(a.get("/web/style.css").body, b"/* %s */" % text.encode(), "the file")


if __name__ == "__main__":
    run(languages, keyboard, page_from_a_folder)
