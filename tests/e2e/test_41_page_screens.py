"""Every screen and dialog of the page for everybody: both languages, light and dark, phone and desk."""

from cluster import expect, expect_equal, run
from page_stand import SCREENS, axe, furnish, good, need_browser, open_browser, show

LANGUAGES = ("vi", "en")
WAYS = [(code, width, theme) for code in LANGUAGES for width in (360, 1440)
        for theme in ("light", "dark")]


def language(browser, code):
    if browser.run("return document.documentElement.lang") != code:
        browser.click("header .language")
        browser.wait("html[lang=%s]" % code)


def keys_shown(browser):
    """Texts that look like keys of the catalogue."""
    return browser.run(
        r"return document.body.innerText.match(/\b(nav|help|home|visits|gate|mesh|health|code|kind|"
        r"rule|feed|cards|people|cameras|accounts|conflicts?|correct)\.[a-zA-Z_.]+/g) ?? []")


def check(browser, source, where):
    """Every language, width and theme of a screen that is shown."""
    for code, width, theme in WAYS:
        what = "%s %s %d %s" % (where, code, width, theme)
        language(browser, code)
        browser.size(width, 8000 if width < 600 else 900)  # so tall that the bar covers nothing
        browser.run("document.documentElement.dataset.theme = arguments[0]", theme)
        expect_equal(browser.violations(source), [], what)
        expect_equal(browser.run("return document.querySelectorAll('[translate=yes], .plate:not("
                                 "[translate=no])').length"), 0, "plates and ids to translate at " + what)
        expect(browser.run("return document.documentElement.scrollWidth <= window.innerWidth"),
               what, "is too wide")
        expect_equal(keys_shown(browser), [], "keys at " + what)


def every_screen(cluster):
    need_browser()
    source = axe()
    a = furnish(cluster, "ha-noi-1", "ha-noi-2")[0]
    visit = good(a.get("/api/v1/visits?status=OUT&limit=1"))["visits"][0]["event_id"]
    with open_browser() as browser:
        for screen in (*SCREENS, "visits/" + visit):
            show(browser, a, screen)
            check(browser, source, screen)
            # What is drawn again stays in its order.
            expect_equal(browser.run("return document.querySelector('main h1, main a.back') ==="
                                     " document.querySelector('main :is(h1, h2, a.back)')"),
                         True, "the heading comes first at " + screen)
        expect_equal(browser.console(), [], "console")


def dialogs(cluster):
    """Each kind of dialog without violations; focus goes back to where it was."""
    need_browser()
    source = axe()
    a = furnish(cluster, "ha-noi-1", visits=3)[0]
    with open_browser() as browser:
        for screen, button in (("home", "Trợ giúp"), ("mesh", "Thêm máy chủ"),
                               ("mesh", "Máy chủ này"), ("cameras", "Thêm"), ("people", "Thêm"),
                               ("accounts", "Thêm"), ("cards", "Xóa: 51F-204.17"),
                               ("cameras", "Xem: Cổng Bắc vào")):
            show(browser, a, screen)
            browser.click("header button, main button", button)
            browser.wait("dialog h2")
            browser.gone("dialog [aria-busy=true]")
            for theme in ("dark", "light"):
                browser.run("document.documentElement.dataset.theme = arguments[0]", theme)
                expect_equal(browser.violations(source), [], "%s %s %s" % (screen, button, theme))
            browser.press("escape")
            browser.gone("dialog")
            browser.focused("after " + screen, "e.getAttribute('aria-label') ?? e.innerText",
                            button)
        show(browser, a, "visits")
        browser.press("?")
        browser.wait("dialog p", "Mọi lượt xe")
        browser.press("escape")
        browser.gone("dialog")
        browser.press("/")
        browser.focused("after /", "e.type", "search")
        # A camera that gives no picture is said to.
        expect_equal([m for m in browser.console() if "/api/stream/" not in m], [], "console")


CUT = """return [...document.querySelectorAll(arguments[0])].filter((e) =>
  e.scrollWidth > e.clientWidth || e.offsetHeight > arguments[1]).map((e) => e.innerText)"""
LINE = 40  # px; more are two lines
INSIDE = """const [e, around] = ['dialog [role=alert]', 'dialog'].map((css) => document.querySelector(css)
  .getBoundingClientRect());
return e.top >= around.top && e.bottom <= around.bottom"""
ENDS = """return [...document.querySelectorAll('main tbody tr')].map((row) =>
  [...row.querySelectorAll('.cell-status .badge, .cell-fee:not(.none)')].map((e) => Math.round(
    e.matches('td') ? e.getBoundingClientRect().right - parseFloat(getComputedStyle(e).paddingRight)
      : e.getBoundingClientRect().right))).filter((ends) => Math.max(...ends) - Math.min(...ends) > 1)"""


def usual_widths(cluster):
    """On a small desk and on a phone nothing is cut that tells two apart, and faults are seen."""
    need_browser()
    a, b = furnish(cluster, "ha-noi-1", "ha-noi-2", visits=12)
    with open_browser() as browser:
        browser.size(1280, 900)
        show(browser, a, "health")
        expect_equal(browser.run(CUT, ".stats.six .stat-value", LINE), [], "figures in two lines")
        show(browser, a, "visits")
        browser.wait("main td .lot", "Tầng hầm B1")
        expect_equal(browser.run(CUT, "main td .lot, main td.cell-duration", 2 * LINE), [], "cut")
        browser.size(390, 844)
        browser.until("cards", lambda: browser.find("main thead") is None)
        expect_equal(browser.run(ENDS), [], "right ends of cards")
        show(browser, a, "cards")
        browser.click("main button", "Thêm")
        browser.type(browser.field("Biển số"), "!!")
        browser.press("enter")
        browser.wait("dialog [role=alert]")
        browser.until("the fault is seen", lambda: browser.run(INSIDE))
        browser.press("escape")
        browser.size(1280, 900)
        show(browser, a, "mesh")
        browser.wait("main td.cell-rtt", "ms")
        b.kill9()
        browser.wait("main td", "Mất kết nối")
        expect_equal(browser.texts("main td.cell-rtt, main td.cell-clock"), ["–", "–"],
                     "figures of a link that is gone")


if __name__ == "__main__":
    run(every_screen, dialogs, usual_widths)
