"""Makes the pictures of the status page anew: python docs/status_page_picture.py (`bash tests/form/install.sh` before).

It shows an invented morning of five tenancies, with the real server and page in the tests' browser.
"""

from __future__ import annotations

import math
import random
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from palette_png import with_palette  # noqa: E402
from support.board_news import BoardNews, failed_with, read_until  # noqa: E402
from support.browser import Browser  # noqa: E402

from signal_client_oci.host import BatchProgress  # noqa: E402
from signal_client_oci.host.http.addresses import ListenAddress  # noqa: E402
from signal_client_oci.host.http.server import serve  # noqa: E402

FOLDER = ROOT / "docs" / "monitoring"
REFUSED_FROM, DENIED_FROM = 59, 65
TENANCIES = ("acme-prod", "acme-staging", "globex", "initech", "umbrella")
REFUSED = failed_with(
    "NOT_AUTHENTICATED",
    "OCI does not accept the API key: user, fingerprint and key do not belong together, or the key was deleted",
    "In the OCI console open the user's API keys, compare the fingerprints, and upload the public key again.",
)
DENIED = failed_with(
    "LOGGING_NOT_AUTHORIZED",
    "1 of 14 compartments could not be read, among them payments in eu-frankfurt-1",
    "Allow group signal-client-readers to read log-content in tenancy",
)


def morning() -> BoardNews:
    """Return a board after six hours of polls."""
    chance = random.Random(7)  # noqa: S311  the same picture each time
    news = BoardNews(*TENANCIES)
    for step in range(72):
        for number, name in enumerate(TENANCIES):
            poll(news, name, step, number, chance)
        news.pass_time(300)
    news.pass_time(-200)
    return news


def poll(news: BoardNews, name: str, step: int, number: int, chance: random.Random) -> None:
    """One poll of one tenancy."""
    is_refused = name == "globex" and step >= REFUSED_FROM
    is_denied = name == "umbrella" and step >= DENIED_FROM
    news.board.started(name)
    for source, usual in (("audit", 120), ("logging", 900), ("cloud_guard", 2)):
        if not is_refused and not (is_denied and source == "logging"):
            records = int(usual * (1.2 + math.sin(step / 9 + number)) * chance.random())
            news.board.progress(BatchProgress(name, source, records, records, 1))
    audit = read_until(40 + 30 * chance.random(), news.seconds, duplicates=9, redacted=1)
    logging = read_until(60 + 50 * chance.random(), news.seconds, duplicates=4)
    cloud_guard = read_until(step % 6 * 300 + 20, news.seconds)
    if is_refused:
        audit = logging = cloud_guard = REFUSED
    elif is_denied:
        logging = DENIED
    status = "failed" if is_refused else "degraded" if is_denied else "ok"
    news.end(name, status, audit=audit, logging=logging, cloud_guard=cloud_guard)


def main() -> None:
    """Write the pictures in light and dark."""
    server = serve(morning().board, ListenAddress("127.0.0.1", 0))
    programs = [shutil.which(name) or name for name in ("chromedriver", "chromium")]
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(*programs, Path(profile))
        try:
            for name, dark in (("light", False), ("dark", True)):
                browser.emulate(width=960, height=600, dark=dark)
                browser.open(server.url)
                browser.find(".instance")
                picture = with_palette(browser.picture_as_emulated())
                (FOLDER / f"status_page_{name}.png").write_bytes(picture)
        finally:
            browser.close()
            server.close()


if __name__ == "__main__":
    main()
