"""A headless Chromium, driven through chromedriver's W3C WebDriver interface. Standard library only.

    with Browser() as browser:
        browser.open("http://127.0.0.1:8000/")
        browser.wait("h1")                     # CSS; waits until it is there and visible
        browser.click_text("button", "Lưu")
        browser.screenshot("home.png")

Every wait ends by an event or fails after WAIT_S with the page's text and its console.
"""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from cluster import free_port

WAIT_S = 60  # a slow machine draws slowly, and starts a browser more slowly
POLL_S = 0.05
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"enter": "\ue007", "tab": "\ue004", "escape": "\ue00c", "down": "\ue015", "up": "\ue013",
        "backspace": "\ue003", "shift": "\ue008"}


class BrowserError(AssertionError):
    """What was expected of the page did not happen."""


def available():
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


class Browser:
    def __init__(self, width=1440, height=900, language="vi"):
        self.port = free_port("127.0.0.1")
        self.profile = tempfile.mkdtemp(prefix="chromium-")
        self.driver = subprocess.Popen(["chromedriver", f"--port={self.port}"],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.session = None
        self._start(width, height, language)

    def _start(self, width, height, language):
        arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     "--no-first-run", "--hide-scrollbars", f"--user-data-dir={self.profile}",
                     f"--window-size={width},{height}", f"--lang={language}"]
        wanted = {"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"}}}}
        deadline = time.monotonic() + WAIT_S
        while True:
            try:
                answer = self._call("POST", "/session", wanted)
                break
            except (OSError, BrowserError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(POLL_S)
        self.session = answer["sessionId"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.session:
            try:
                self._call("DELETE", f"/session/{self.session}")
            except (OSError, BrowserError):
                pass
            self.session = None
        self.driver.terminate()
        self.driver.wait(10)
        shutil.rmtree(self.profile, ignore_errors=True)

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise BrowserError(f"{path}: {value['error']}: {value['message'].splitlines()[0]}") from None

    def do(self, method, path, body=None):
        return self._call(method, f"/session/{self.session}{path}", body)

    def cdp(self, command, **parameters):
        return self.do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    # ---- the page ----

    def open(self, url):
        self.do("POST", "/url", {"url": url})

    def reload(self):
        self.do("POST", "/refresh", {})

    def run(self, script, *arguments):
        """The value of a function body; elements come back as the driver's references."""
        return self.do("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def run_async(self, script, *arguments):
        """The same for a body that calls its last argument when it is done."""
        return self.do("POST", "/execute/async", {"script": script, "args": list(arguments)})

    def text(self, css="body"):
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", css)

    def texts(self, css):
        return self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)",
                        css)

    def until(self, what, condition, seconds=WAIT_S):
        """Waits until `condition()` is true and returns its value."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise BrowserError(f"{what}: not within {seconds} s\n{self.text()[:2000]}\n"
                                   f"console: {self.console()}")
            time.sleep(POLL_S)

    def find(self, css, text=None):
        """The first visible element that matches, containing `text` if given; None if there is none."""
        return self.run(
            "const [css, text] = arguments;"
            "return [...document.querySelectorAll(css)].find(e => e.checkVisibility() &&"
            " (text === null || e.innerText.includes(text) || e.getAttribute('aria-label') === text))"
            " ?? null", css, text)

    def wait(self, css, text=None, seconds=WAIT_S):
        return self.until(f"{css} {text or ''}", lambda: self.find(css, text), seconds)

    def gone(self, css, text=None, seconds=WAIT_S):
        self.until(f"no {css} {text or ''}", lambda: self.find(css, text) is None, seconds)

    def click(self, css, text=None):
        """Of what can be pressed: a button that still waits for its data would swallow it."""
        element = self.until(f"{css} {text or ''} to be pressed", lambda: self.run(
            "return arguments[0]?.disabled ? null : arguments[0]", self.find(css, text)))
        self.do("POST", f"/element/{element[ELEMENT]}/click", {})

    def type(self, css, value, text=None, clear=True):
        element = self.wait(css, text)
        if clear:
            self.until(f"{css} empty", lambda: self._emptied(element))
        self.do("POST", f"/element/{element[ELEMENT]}/value", {"text": value})

    def _emptied(self, element):
        """Clears a field; whether it stayed empty. The driver's clear says nothing to the page, which would
        put the old text back, and may do so once more when it is just drawing itself."""
        self.do("POST", f"/element/{element[ELEMENT]}/clear", {})
        return self.run_async(
            "const [e, done] = arguments; e.dispatchEvent(new Event('input', {bubbles: true}));"
            "requestAnimationFrame(() => requestAnimationFrame(() => done(e.value === '')))", element)

    def focused(self, what, script, wanted):
        """Waits until a property of the element that has the focus is `wanted`: the page puts the
        focus where it belongs a moment after it drew."""
        self.until(f"{what}: focus on {wanted}", lambda: self.run(
            "const e = document.activeElement; return " + script) == wanted)

    def choose(self, css, value):
        """An option of a select, as a person's choice."""
        self.wait(css)
        self.run("const e = document.querySelector(arguments[0]); e.value = arguments[1];"
                 "e.dispatchEvent(new Event('input', {bubbles: true}));"
                 "e.dispatchEvent(new Event('change', {bubbles: true}));", css, value)

    def field(self, label):
        """CSS of the control with that label."""
        found = self.until(f"field {label}", lambda: self.run(
            "const l = [...document.querySelectorAll('label')].find(l => l.checkVisibility() &&"
            " l.innerText.trim().startsWith(arguments[0])); return l ? l.htmlFor : null", label))
        return f"#{found}"

    def press(self, *keys):
        actions = []
        for key in keys:
            value = KEYS.get(key, key)
            actions += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        self.do("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def size(self, width, height):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=width < 600)

    def screenshot(self, path):
        with open(path, "wb") as out:
            out.write(base64.b64decode(self.do("GET", "/screenshot")))

    def console(self):
        """What the page complained about since the last call."""
        try:
            entries = self.do("POST", "/se/log", {"type": "browser"})
        except BrowserError:
            return []
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]

    # ---- accessibility ----

    def violations(self, axe):
        """What axe-core (its source text) has against the page as it is now, in one line each."""
        self.run(axe)
        result = self.run_async(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',"
            " 'best-practice']}).then(r => done(r.violations.map(v => v.id + ': ' + v.help + ' '"
            " + v.nodes.map(n => n.target.join(' ') + ' ' + (n.any[0]?.message ?? '')).join(' | '))),"
            " e => done(['axe: ' + e]));")
        return result


def axe_source(root):
    path = os.path.join(root, "api", "web", "node_modules", "axe-core", "axe.min.js")
    with open(path, encoding="utf-8") as source:
        return source.read()
