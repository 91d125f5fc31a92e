"""Pictures of every screen for docs/screens, in both languages, from real centrals.

    PARKMESH=build/parkmesh python3 tests/e2e/screens.py [folder]

`<screen>-<language>.png` at a desk, `<screen>-<language>-phone.png` on a phone; small ones, with a
palette of 256 colours.
"""

import collections
import os
import struct
import sys
import zlib

from cluster import ROOT, run
from page_stand import SCREENS, furnish, good, need_browser, open_browser, show

SIZES = {"": (1200, 750), "-phone": (390, 780)}
FOLDER = os.path.join(ROOT, "docs", "screens")
LANGUAGES = ("vi", "en")


def _chunks(data):
    at = 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        yield kind, data[at + 8:at + 8 + length]
        at += 12 + length


def _lines(packed, height, step):
    """The lines of a PNG with 8 bits a channel, unfiltered."""
    raw = zlib.decompress(packed)
    stride = len(raw) // height
    above = bytearray(stride - 1)
    for row in range(height):
        kind, line = raw[row * stride], bytearray(raw[row * stride + 1:(row + 1) * stride])
        for i, value in enumerate(line):
            left = line[i - step] if i >= step else 0
            up, corner = above[i], above[i - step] if i >= step else 0
            if kind == 1:
                value += left
            elif kind == 2:
                value += up
            elif kind == 3:
                value += (left + up) // 2
            elif kind == 4:
                guess = left + up - corner
                near = sorted((abs(guess - one), order, one)
                              for order, one in enumerate((left, up, corner)))
                value += near[0][2]
            line[i] = value & 255
        above = line
        yield line


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def shrink(path):
    """Rewrites a PNG with the 256 colours that it has most; the others become the nearest."""
    with open(path, "rb") as file:
        parts = list(_chunks(file.read()))
    header = dict(parts)[b"IHDR"]
    width, height, _, colour = struct.unpack(">IIBB", header[:10])
    step = 4 if colour == 6 else 3
    packed = b"".join(body for kind, body in parts if kind == b"IDAT")
    rows = [[(line[i], line[i + 1], line[i + 2]) for i in range(0, width * step, step)]
            for line in _lines(packed, height, step)]
    counts = collections.Counter(pixel for row in rows for pixel in row)
    palette = [pixel for pixel, _ in counts.most_common(256)]
    index = {pixel: number for number, pixel in enumerate(palette)}
    for pixel in counts:
        if pixel not in index:
            index[pixel] = min(range(len(palette)), key=lambda number, pixel=pixel: sum(
                (one - other) ** 2 for one, other in zip(palette[number], pixel)))
    raw = b"".join(b"\0" + bytes(index[pixel] for pixel in row) for row in rows)
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(
            ">IIBBBBB", width, height, 8, 3, 0, 0, 0)) + _chunk(
                b"PLTE", bytes(value for pixel in palette for value in pixel)) + _chunk(
                    b"IDAT", zlib.compress(raw, 9)) + _chunk(b"IEND", b""))


def _picture(browser, language, name):
    """At every size, from the top of the screen."""
    for suffix, (width, height) in SIZES.items():
        browser.size(width, height)
        browser.run("scrollTo(0, 0)")
        # A chart is drawn anew for its width.
        browser.until("a picture that stands", lambda: browser.run_async(
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() =>"
            " done(document.querySelector('[aria-busy=true]') === null)))"))
        path = os.path.join(FOLDER, "%s-%s%s.png" % (name, language, suffix))
        browser.screenshot(path)
        shrink(path)


def _screens(browser, central, code, visit):
    for screen in SCREENS:
        show(browser, central, screen)
        if screen == "home":
            browser.wait(".chart canvas")
        if screen == "gate":
            browser.type("#gate-plate", "51F-204.17")
            browser.wait("#gate-state time")
        _picture(browser, code, screen)
    show(browser, central, "visits/" + visit)
    _picture(browser, code, "visit")


def pictures(cluster):
    need_browser()
    os.makedirs(FOLDER, exist_ok=True)
    a = furnish(cluster, "ha-noi-1", "ha-noi-2", "hai-phong", visits=30)[0]
    visit = good(a.get("/api/v1/visits?status=OUT&limit=1"))["visits"][0]["event_id"]
    with open_browser() as browser:
        show(browser, a, "home")
        for code in LANGUAGES:
            if code != LANGUAGES[0]:
                browser.click("header .language")
            browser.wait("html[lang=%s]" % code)
            _screens(browser, a, code, visit)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        FOLDER = os.path.abspath(sys.argv.pop(1))
    run(pictures)
