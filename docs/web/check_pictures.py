"""Checks a built site in a browser without the internet: python docs/web/check_pictures.py FOLDER.

Every Mermaid picture is drawn, and no page asks anyone but its own server.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from support.browser import Browser

SECONDS = 30.0
PICTURE = 'class="mermaid"'


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Keep requests out of the output."""


def main(site: Path) -> None:
    """Look at every page of the site; ends with a message if one is wrong."""
    pages = sorted(site.rglob("index.html"))
    drawn = 0
    programs = [shutil.which(name) or name for name in ("chromedriver", "chromium")]
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(*programs, Path(profile), logs=True, offline=True)
        try:
            for page in pages:
                pictures = page.read_text(encoding="utf-8").count(PICTURE)
                place = page.relative_to(site).parent.as_posix()
                browser.open(f"http://127.0.0.1:{server.server_port}/{place}/")
                wait_for(browser, pictures, place)
                drawn += pictures
            strangers = asked_elsewhere(browser, f"http://127.0.0.1:{server.server_port}/")
        finally:
            browser.close()
            server.shutdown()
            server.server_close()
    if strangers or not drawn:
        sys.exit(f"pictures drawn: {drawn}; pages ask elsewhere: {', '.join(sorted(strangers)) or 'no'}")
    print(f"{len(pages)} pages, {drawn} Mermaid pictures drawn without the internet")  # noqa: T201


def wait_for(browser: Browser, pictures: int, place: str) -> None:
    """Wait until so many pictures are drawn, each with its boxes."""
    until = time.monotonic() + SECONDS
    while (drawn := sum(boxes > 1 for boxes in browser.shadow_pictures("g", "node"))) < pictures:
        if time.monotonic() > until:
            sys.exit(f"{place}: {drawn} of {pictures} pictures are drawn")
        time.sleep(0.1)


def asked_elsewhere(browser: Browser, own: str) -> set[str]:
    """Return the addresses that pages asked for which are not the site's own."""
    events = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
    asked = {
        one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"
    }
    return {url for url in asked if url.startswith(("http:", "https:")) and not url.startswith(own)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
