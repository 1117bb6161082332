"""Headless Chromium over WebDriver (W3C), with nothing but the standard library."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

_FLAGS = (
    "--headless",
    "--no-sandbox",  # CI runs as root, and the only page is ours
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_OFFLINE = ("--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1")
_WIDTH, _HEIGHT = 900, 1000
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key that WebDriver gives an element's id under
_PASTE = """
const field = document.querySelector(arguments[0]);
field.focus();
field.select();
document.execCommand("insertText", false, arguments[1]);
"""
_ELEMENT_WITHIN_MS = 10_000
_ANSWER_WITHIN_SECONDS = 60.0


class Browser:
    """One Chromium window. Elements are named by CSS selectors and waited for; `close` ends the window.

    With `logs`, `log` returns what the browser noted: its console, and its network traffic. With `offline`, no name
    but that of loopback leads anywhere.
    """

    def __init__(
        self, chromedriver: str, chromium: str, profile: Path, *, logs: bool = False, offline: bool = False
    ) -> None:
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._driver = subprocess.Popen(
            [chromedriver, "--port=0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        try:
            self._session = f"http://127.0.0.1:{self._port()}/session"
            arguments = [*_FLAGS, f"--window-size={_WIDTH},{_HEIGHT}", f"--user-data-dir={profile}"]
            arguments += [*_OFFLINE] if offline else []
            options = {"goog:chromeOptions": {"binary": chromium, "args": arguments}}
            wanted = options | {"timeouts": {"implicit": _ELEMENT_WITHIN_MS}}
            if logs:
                wanted["goog:loggingPrefs"] = {"browser": "ALL", "performance": "ALL"}
            session = self._ask("POST", "", {"capabilities": {"alwaysMatch": wanted}})
        except BaseException:
            self._end_driver()
            raise
        self._session += f"/{session['sessionId']}"

    def open(self, url: str) -> None:
        """Load a page."""
        self._ask("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run the body of a JavaScript function in the page and return what it returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def find(self, selector: str) -> str:
        """Return the id of the first such element, once there is one."""
        return self._ask("POST", "/element", {"using": "css selector", "value": selector})[_ELEMENT]

    def text(self, selector: str) -> str:
        """Return what a person reads in an element."""
        return self._ask("GET", f"/element/{self.find(selector)}/text")

    def is_visible(self, selector: str) -> bool:
        """Tell whether a person can see an element."""
        return self._ask("GET", f"/element/{self.find(selector)}/displayed")

    def click(self, selector: str) -> None:
        """Click an element that a person could click."""
        self._ask("POST", f"/element/{self.find(selector)}/click", {})

    def paste(self, selector: str, text: str) -> None:
        """Replace a field's content, as from the clipboard."""
        self.find(selector)
        self.run(_PASTE, selector, text)

    def picture(self) -> bytes:
        """Return a PNG of the whole page, not only of what the window shows."""
        self._ask("POST", "/window/rect", {"width": _WIDTH, "height": _HEIGHT})
        height = self.run("return document.documentElement.scrollHeight + outerHeight - innerHeight")
        self._ask("POST", "/window/rect", {"width": _WIDTH, "height": height})
        return base64.b64decode(self._ask("GET", "/screenshot"))

    def picture_as_emulated(self) -> bytes:
        """Return a PNG of the whole page at the width and with the scale that `emulate` has set."""
        shot = self._devtools("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        return base64.b64decode(shot["data"])

    def emulate(
        self, *, width: int, height: int = 800, dark: bool = False, reduced_motion: bool = True
    ) -> None:
        """Show pages as a device of this width does, with these preferences of its user."""
        self._devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if reduced_motion else "no-preference"},
        ]
        self._devtools("Emulation.setEmulatedMedia", features=features)

    def press(self, key: str) -> None:
        """Press and release a key, given as WebDriver's code for it."""
        actions = [{"type": kind, "value": key} for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def log(self, kind: str) -> list[dict[str, Any]]:
        """Return the entries of the log `browser` or `performance` since it was last asked for."""
        return self._ask("POST", "/se/log", {"type": kind})

    def shadow_pictures(self, name: str, kind: str) -> list[int]:
        """Return, for each SVG in a shadow tree, closed or not, how many elements of this name and class it has."""
        root = self._devtools("DOM.getDocument", depth=-1, pierce=True)["root"]
        pictures = [
            picture
            for node in _below(root)
            for shadow in node.get("shadowRoots", [])
            for picture in _below(shadow)
            if picture["nodeName"] == "svg"
        ]
        return [
            sum(
                one["nodeName"] == name and kind in " ".join(one.get("attributes", []))
                for one in _below(picture)
            )
            for picture in pictures
        ]

    def _devtools(self, command: str, **parameters: Any) -> Any:
        return self._ask("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def close(self) -> None:
        """Close the window and end the driver."""
        try:
            self._ask("DELETE", "")
        finally:
            self._end_driver()

    def _port(self) -> int:
        too_long = threading.Timer(_ANSWER_WITHIN_SECONDS, self._kill)
        too_long.daemon = True
        too_long.start()
        try:
            for line in self._driver.stdout:
                found = re.search(r"started successfully on port (\d+)", line)
                if found:
                    return int(found[1])
        finally:
            too_long.cancel()
        raise RuntimeError("chromedriver ended before it listened")

    def _end_driver(self) -> None:
        self._driver.terminate()
        try:
            self._driver.wait(timeout=10)
        finally:
            self._kill()
            self._driver.wait(timeout=10)
            self._driver.stdout.close()

    def _kill(self) -> None:
        """Kill driver and browser, whatever they do."""
        with suppress(ProcessLookupError):
            os.killpg(self._driver.pid, signal.SIGKILL)

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        content = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(self._session + path, content, headers, method=method)
        try:
            with self._opener.open(request, timeout=_ANSWER_WITHIN_SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as refusal:
            with refusal:
                error = json.load(refusal)["value"]
            raise AssertionError(f"{error['error']}: {error['message'].splitlines()[0]}") from None


def _below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a node of the document and all below it, without shadow trees."""
    yield node
    for child in node.get("children", []):
        yield from _below(child)
