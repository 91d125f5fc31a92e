"""The page's shell in a real browser: languages, themes, sizes, a central that goes and comes."""

import os

from browser import Browser, available, axe_source
from cluster import Skip, expect, expect_equal, run, wait_linked

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def need_browser():
    if not available():
        raise Skip("needs chromium and chromium-driver")


def address(central, screen="home"):
    return f"http://{central.ip}:{central.api_port}/#/{screen}"


def languages(cluster):
    need_browser()
    a = cluster.mesh("ha-noi-1")[0]
    a.start()
    with Browser() as browser:
        browser.open(address(a))
        browser.wait("h1", "Hệ thống đang chạy")
        expect_equal(browser.run("return document.documentElement.lang"), "vi", "language")
        browser.choose("select[aria-label='Ngôn ngữ']", "en")
        browser.wait("nav a", "Centrals")
        expect_equal(browser.run("return document.documentElement.lang"), "en", "language")
        browser.reload()  # the choice stays
        browser.wait("nav a", "Centrals")
        expect_equal([m for m in browser.console() if "404" not in m], [], "console")


def no_violations(cluster):
    """axe-core on each screen of the shell, light and dark, on a phone and on a screen."""
    need_browser()
    axe = axe_source(ROOT)
    a, b = cluster.mesh("ha-noi-1", "ha-noi-2")
    a.start()
    b.start()
    wait_linked([a, b])
    with Browser() as browser:
        for width in (360, 1440):
            browser.size(width, 900)
            for theme in ("light", "dark"):
                for screen in ("home", "mesh"):
                    browser.open(address(a, screen))
                    browser.wait("h1")
                    browser.gone("[aria-busy=true]")
                    browser.run("document.documentElement.dataset.theme = arguments[0]", theme)
                    expect_equal(browser.violations(axe), [], f"{screen} {theme} {width}")
                    expect(browser.run("return document.documentElement.scrollWidth"
                                       " <= window.innerWidth"), f"{screen} {width}: too wide")


def central_restarts(cluster):
    need_browser()
    a = cluster.mesh("ha-noi-1")[0]
    a.start()
    with Browser() as browser:
        browser.open(address(a))
        browser.wait("h1", "Hệ thống đang chạy")
        a.kill9()
        browser.wait("[role=alert]", "Mất liên lạc với central")
        browser.wait(".stale-note")
        a.start()
        browser.gone("[role=alert]", "Mất liên lạc với central")
        browser.gone(".stale-note")


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
        expect_equal(browser.run("return document.activeElement.className"), "skip", "first stop")
        browser.press("enter")
        expect_equal(browser.run("return document.activeElement.id"), "main", "after it")
        browser.run("document.querySelector('nav a[href=\"#/mesh\"]').focus()")
        browser.press("enter")
        browser.wait("h1", "Các central")


if __name__ == "__main__":
    run(languages, no_violations, central_restarts, keyboard)
