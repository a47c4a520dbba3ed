#!/usr/bin/env python3
"""Pictures of a report page, by headless Chromium through chromedriver (W3C WebDriver): page.py PAGE FOLDER."""
import base64
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

# What is cut out: a name, how wide the page is then, what it is filtered by, and from the top of one element to the bottom
# of another.
CUTS = [
    ("page", 1200, "rank <= 12", "body", "#parallel .parallel"),
    ("matters", 900, "", "section:has(> #influence)", "#influence"),
    ("training", 1200, "", "section:has(> #curves)", "section:has(> #classes)"),
]
MARGIN = 16
# From where to where elements go, in pixels of the page.
BOXES = "return arguments[0].map(s => { const b = document.querySelector(s).getBoundingClientRect(); " \
        "return [b.top + scrollY, b.bottom + scrollY]; })"
# A thin frame around what is cut out, so that it stands on a page of the same colour as a picture.
FRAME = "const frame = document.body.appendChild(document.createElement('div')); " \
        "Object.assign(frame.style, {position: 'absolute', left: 0, top: arguments[0] + 'px', width: arguments[1] + 'px', " \
        "height: arguments[2] + 'px', border: '1px solid var(--line)', borderRadius: '8px', zIndex: 9})"


class Browser:
    """A headless Chromium with an empty profile of its own."""

    def __init__(self, profile):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.driver = subprocess.Popen(["chromedriver", f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.base = f"http://127.0.0.1:{port}/session"
        arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                     "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                     f"--user-data-dir={profile}"]
        wanted = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": {"args": arguments}}}}
        for _ in range(100):
            try:
                self.base += "/" + self.post("", wanted)["sessionId"]
                return
            except OSError:
                time.sleep(0.1)
        self.driver.kill()
        sys.exit("error: chromedriver does not answer")

    def post(self, path, body):
        asked = urllib.request.Request(self.base + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return json.load(answer)["value"]

    def devtools(self, command, **parameters):
        return self.post("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def get(self, script, *arguments):
        return self.post("/execute/sync", {"script": script, "args": list(arguments)})

    def end(self):
        try:
            urllib.request.urlopen(urllib.request.Request(self.base, method="DELETE"), timeout=10).close()
        finally:
            self.driver.terminate()
            self.driver.wait()


def take(browser, page, folder, theme):
    """Writes all cuts of the page in one theme, light or dark."""
    browser.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
    for name, width, where, first, last in CUTS:
        browser.devtools("Emulation.setDeviceMetricsOverride", width=width, height=1000, deviceScaleFactor=1, mobile=False)
        state = urllib.parse.quote(json.dumps({"filter": where}))
        browser.post("/url", {"url": "about:blank"})
        browser.post("/url", {"url": f"{page.resolve().as_uri()}#{state}"})
        while browser.get("return document.body.dataset.ready") != "yes":
            time.sleep(0.1)
        time.sleep(0.5)
        (top, _), (_, bottom) = browser.get(BOXES, [first, last])
        top = max(top - MARGIN, 0)
        height = bottom - top + MARGIN
        browser.get(FRAME, top, width, height)
        clip = {"x": 0, "y": top, "width": width, "height": height, "scale": 1}
        taken = browser.devtools("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        (folder / f"{name}-{theme}.png").write_bytes(base64.b64decode(taken["data"]))


def main(page, folder):
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(profile)
        try:
            for theme in ("light", "dark"):
                take(browser, page, folder, theme)
        finally:
            browser.end()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
