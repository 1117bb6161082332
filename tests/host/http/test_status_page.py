"""The status page as an operator sees it: in a real browser, in light and dark, on a desk and on a phone."""

from __future__ import annotations

import json

import pytest
from support.board_news import INTERVAL, BoardNews, failed_with, read_until

HOSTILE = "<img src=x onerror='hacked=1'><script>hacked=1</script>"
TAB, ENTER = "\ue004", "\ue007"
_CONTRASTS = """
const probe = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function rgba(color) {
  probe.clearRect(0, 0, 1, 1);
  probe.fillStyle = color;
  probe.fillRect(0, 0, 1, 1);
  return probe.getImageData(0, 0, 1, 1).data;
}
function luminance([r, g, b]) {
  const linear = (one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
  const parts = [r, g, b].map((one) => linear(one / 255));
  return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
}
function background(node) {
  for (let at = node; at; at = at.parentElement) {
    const color = rgba(getComputedStyle(at).backgroundColor);
    if (color[3] === 255) return color;
  }
  return [255, 255, 255];
}
const found = [];
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const node = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || !node.checkVisibility() || node.closest(".skip, noscript")) continue;
  const [one, other] = [rgba(getComputedStyle(node).color), background(node)].map(luminance).sort((a, b) => b - a);
  found.push([(one + 0.05) / (other + 0.05), texts.currentNode.data.trim()]);
}
return found.sort((a, b) => a[0] - b[0]);
"""


def opened(browser, server, *, width=1000, dark=False):
    """Open the page and wait until it has shown its first answer."""
    browser.emulate(width=width, dark=dark)
    browser.log("browser")
    browser.log("performance")
    browser.open(server.url)
    browser.find("#version:not(:empty)")


def refreshed(browser):
    """Have the page ask again, as it does when a person comes back to it, and wait for the answer."""
    browser.run("return refresh()")


def shown(browser, selector):
    """The texts of all elements, as a person reads them."""
    return browser.run(
        "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)", selector
    )


@pytest.fixture
def news():
    """Twenty instances that were polled, one of which failed."""
    names = [f"acme-{number}" for number in range(19)]
    news = BoardNews(*names, "troubled")
    for name in names:
        news.poll(name, took=0.0, records=3, audit=read_until(60, 0))
    failed = failed_with("NOT_AUTHENTICATED", "OCI refused the key.", "Upload the key again.")
    news.poll("troubled", "failed", took=0.0, audit=failed, logging=failed, cloud_guard=failed)
    return news


@pytest.mark.parametrize(("width", "dark"), [(1000, False), (1000, True), (320, False), (320, True)])
@pytest.mark.slow
def test_the_page_is_readable_and_asks_nobody_else(browser, serving, news, width, dark):
    """Every text has a contrast of 4.5 or more and fits the width; no error, and no request to elsewhere."""
    server = serving(news.board)
    news.board.watch("new", INTERVAL)
    opened(browser, server, width=width, dark=dark)
    browser.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    faintest, text = browser.run(_CONTRASTS)[0]
    assert faintest >= 4.5, text
    assert browser.run("return document.documentElement.scrollWidth") <= width
    assert browser.log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.log("performance")]
    asked = {
        one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"
    }
    paths = ("", "page.css", "page.js", "icon.svg", "status.json")
    assert asked == {f"{server.url}{path}" for path in paths}


@pytest.mark.slow
def test_the_troubled_one_is_first_with_its_remedy(browser, serving, news):
    """The heading counts, the failed instance is open with cause and remedy, the others are one line each."""
    opened(browser, serving(news.board))
    assert browser.text("h1") == "20 instances, 1 failed: troubled NOT_AUTHENTICATED; 19 ok"
    assert shown(browser, "#counts li") == ["1 failed", "19 ok"]
    assert shown(browser, "h2")[:2] == ["troubled", "acme-0"]
    (finding,) = shown(browser, ".finding")
    remedy = "What to do: Upload the key again."
    for told in ("NOT_AUTHENTICATED", "Cloud Guard Problems", "OCI refused the key.", remedy):
        assert told in finding
    assert browser.run("return document.querySelectorAll('details[open]').length") == 1
    assert "Audit Events: lag 1 min" in shown(browser, ".chips")[1]
    assert browser.run("return document.title").startswith("20 instances, 1 failed")
    browser.click(".instance:nth-child(2) summary")
    picture = browser.run(
        "return document.querySelector('.instance:nth-child(2) .chart').getAttribute('aria-label')"
    )
    assert picture == "3 records in the last 6 hours; records: at most 3 in 5 min; lag: at most 1 min"
    assert browser.run("return document.querySelectorAll('.instance:nth-child(2) .bar').length") == 1


@pytest.mark.slow
def test_hostile_texts_are_text(browser, serving):
    """Names, messages and remedies cannot become elements, scripts or a second line of anything."""
    news = BoardNews(HOSTILE)
    news.poll(HOSTILE, "failed", audit=failed_with(HOSTILE, HOSTILE * 50, HOSTILE))
    opened(browser, serving(news.board))
    assert shown(browser, "h2") == [HOSTILE]
    assert f"What to do: {HOSTILE}" in shown(browser, ".finding")[0]
    assert browser.run("return [typeof hacked, document.images.length, document.scripts.length]") == [
        "undefined",
        1,
        1,
    ]
    assert browser.run("return document.documentElement.scrollWidth") <= 1000
    assert browser.log("browser") == []


@pytest.mark.slow
def test_the_page_follows_without_losing_the_place(browser, serving, news):
    """What a person opened is open and focused after a refresh that changes the order; what is gone goes."""
    opened(browser, serving(news.board))
    browser.press(TAB)
    assert browser.run("return document.activeElement.textContent") == "Skip to the instances"
    for _ in range(3):
        browser.press(TAB)
    browser.press(ENTER)
    focused = "return document.activeElement.querySelector('h2').textContent"
    assert browser.run(focused) == "acme-1"
    news.abort("acme-1", "No space left on device")
    news.poll("troubled")
    news.board.forget("acme-0")
    refreshed(browser)
    assert shown(browser, "h2")[0] == "acme-1"
    assert browser.run(focused) == "acme-1"
    assert "No space left on device" in shown(browser, ".finding")[0]
    assert "acme-0" not in shown(browser, "h2")
    assert browser.run("return document.activeElement.parentElement.open")


@pytest.mark.slow
def test_nothing_yet_is_said(browser, serving):
    """No instance, an instance that waits, and one that waits for too long each have their words."""
    news = BoardNews()
    opened(browser, serving(news.board))
    assert browser.text("h1") == "No instances"
    assert browser.is_visible("#empty")
    news.board.watch("prod", INTERVAL)
    refreshed(browser)
    assert not browser.is_visible("#empty")
    assert browser.text(".facts") == "no poll yet · every 5 min"
    news.board.started("prod")
    news.pass_time(4 * INTERVAL)
    refreshed(browser)
    assert browser.text("h1") == "1 instance, 1 overdue: prod NOT_POLLED"
    assert browser.text(".facts").startswith("polling for 20 min")
    assert "No poll has ended with a report for 20 min" in browser.text(".finding")


@pytest.mark.slow
def test_a_lost_server_is_told_until_it_is_back(browser, serving, news):
    """The page says since when it shows nothing new, and finds the server again by itself."""
    server = serving(news.board)
    opened(browser, server)
    server.close()
    refreshed(browser)
    lost = browser.text("#lost")
    assert lost.startswith("This page lost its server at ")
    assert "It shows what was known at 12:00:00 UTC, and tries again every 5 seconds." in lost
    assert browser.run("return document.title") == "Server lost · signal-client-oci"
    news.board.watch("new", INTERVAL)
    serving(news.board, server.address)
    assert browser.find(".instance:nth-child(21)")
    assert not browser.is_visible("#lost")
