"""What docs/page.md tells about size and speed, measured.

    PARKMESH=build/parkmesh python3 tests/e2e/page_figures.py
"""

import http.client

from cluster import run
from page_stand import ZONE, address, good, need_browser, open_browser

ROWS = 10000
BATCH = 500


def size_of(central, path):
    """Bytes on the wire, packed."""
    connection = http.client.HTTPConnection(central.ip, central.api_port)
    connection.request("GET", path, headers={"Accept-Encoding": "gzip", "Accept": "text/html"})
    return len(connection.getresponse().read())


def figures(cluster):
    need_browser()
    a = cluster.mesh("ha-noi-1")[0]
    a.start(zone=ZONE)
    with open_browser() as browser:
        browser.cdp("Emulation.setCPUThrottlingRate", rate=4)
        browser.open(address(a))
        browser.wait(".chart canvas")
        paint = browser.run("return performance.getEntriesByName('first-contentful-paint')[0]"
                            ".startTime")
        shown = browser.run("return performance.now()")
        print("  CPU slowed 4 times: first paint %d ms, home with its chart at most %d ms"
              % (paint, shown))
        browser.cdp("Emulation.setCPUThrottlingRate", rate=1)
        browser.until("all screens", lambda: browser.run(
            "return performance.getEntriesByType('resource').filter("
            "e => e.name.includes('/screens/')).length") >= 13)
        paths = browser.run("return performance.getEntriesByType('resource').map("
                            "e => new URL(e.name).pathname).filter(p => p.startsWith('/web/'))")
        sizes = {path: size_of(a, path) for path in {"/", *paths, "/web/i18n/en.json"}}
        print("  %d files, %d bytes packed; of others %d" % (
            len(sizes), sum(sizes.values()),
            sum(size for path, size in sizes.items() if "/vendor/" in path)))
        for start in range(0, ROWS, BATCH):
            good(a.post("/api/v1/events", [
                {"kind": "VEHICLE_ENTRY_PENDING", "plate": "31E-%03d.%02d" % (n // 100, n % 100),
                 "key": str(n)} for n in range(start, start + BATCH)]))
        browser.open(address(a, "visits"))
        browser.wait("main td a", "31E-")
        took, held, longest = browser.run_async(
            "const done = arguments[arguments.length - 1], started = performance.now();"
            "const tasks = []; new PerformanceObserver(l => l.getEntries().forEach(e =>"
            " tasks.push(e.duration))).observe({type: 'longtask'});"
            "const step = () => { scrollTo(0, document.body.scrollHeight);"
            " const rows = document.querySelectorAll('main tbody tr:not(.apart)');"
            " if (Number(rows[rows.length - 1]?.getAttribute('aria-rowindex')) > arguments[0])"
            "  return done([performance.now() - started, rows.length, Math.max(0, ...tasks)]);"
            " if (performance.now() - started > 28000) return done([-1, rows.length, -1]);"
            " requestAnimationFrame(step); }; step();", ROWS)
        print("  scrolled down to row %d: %.1f s, %d rows in the document, longest task %d ms"
              % (ROWS, took / 1000, held, longest))
        jump = browser.run_async(
            "const done = arguments[arguments.length - 1], started = performance.now();"
            "scrollTo(0, document.body.scrollHeight / 2);"
            "const step = () => { const e = document.elementFromPoint(innerWidth / 2, innerHeight / 2);"
            " e?.closest('tr:not(.apart)') ? done(performance.now() - started)"
            " : requestAnimationFrame(step); }; step();")
        print("  a jump to its middle, until rows stand there: %d ms" % jump)
        typed = browser.run_async(
            "const done = arguments[arguments.length - 1], started = performance.now();"
            "const e = document.querySelector('input[type=search]'); e.value = '31E-077.7';"
            "e.dispatchEvent(new Event('input', {bubbles: true}));"
            "const step = () => document.querySelectorAll('main tbody tr').length <= 100 &&"
            " document.querySelector('main td a')?.innerText.startsWith('31E-077.7')"
            " ? done(performance.now() - started) : setTimeout(step, 5); step();")
        print("  from the last key to the rows found among %d: %d ms" % (ROWS, typed))


if __name__ == "__main__":
    run(figures)
