"""The benchmarks run and write what they measured; how fast anything is, is not judged here."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT))  # the benchmarks are run as `python -m tests.benchmarks`

from tests.benchmarks.chart import Line, Panel, svg
from tests.benchmarks.rows import ROWS
from tests.benchmarks.scenario import NOW, Bucket, Scenario, Timeline
from tests.benchmarks.server import Server
from tests.benchmarks.texts import TENANCY, minute_text
from tests.benchmarks.verdicts import at_least, at_most

ONE_OF_EACH_KIND = ("audit-1000", "compartments", "throttled", "idle", "thousands", "one-window", "start")
TARGETS = {"compartments": 2, "throttled": 2, "memory": 2, "thousands": 4}
"""Rows with more than one target → how many."""


@pytest.mark.slow
@pytest.mark.deep
def test_it_runs_and_writes_its_page(tmp_path):
    """A run at tiny sizes measures every kind of row, writes page and plot, and its status says whether all is met."""
    page = tmp_path / "performance.md"
    page.write_text("# Speed\n\n<!-- measured:begin -->\nold\n<!-- measured:end -->\n\nThe end.\n")
    samples = tmp_path / "samples.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.benchmarks", "--tiny", "--write", tmp_path, "--json", samples),
            *("--only", *ONE_OF_EACH_KIND),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    verdicts = json.loads(samples.read_text())
    assert len(verdicts) == sum(TARGETS.get(row, 1) for row in ONE_OF_EACH_KIND)
    assert all(one["samples"] for one in verdicts)
    assert done.returncode == (0 if all(one["met"] for one in verdicts) else 1), done.stderr
    assert done.stderr == ""
    text = page.read_text()
    assert text.startswith("# Speed\n")
    assert text.endswith("\nThe end.\n")
    assert "old" not in text
    assert all(f"| {one['row']} | {one['against']} |" in text for one in verdicts)
    assert all(one["row"] in done.stdout for one in verdicts)
    ET.parse(tmp_path / "performance.svg")


def test_the_documented_run_is_a_whole_one():
    """The page in `docs` has every target of every row, each told as met or missed."""
    text = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    results = [
        line for line in text.splitlines() if line.startswith("| ") and (" met |" in line or "missed" in line)
    ]
    assert len(results) == sum(TARGETS.get(row, 1) for row in ROWS)


def _pages(server, service, window):
    """Follow the pages of a window; return the records of each."""
    start, end = (f"{minute_text(minute)}:00.000Z" for minute in window)
    path, body = {
        "audit": (f"20190901/auditEvents?compartmentId={TENANCY}&startTime={start}&endTime={end}", ""),
        "logging": (
            "20190909/search?limit=1000",
            {"timeStart": start, "timeEnd": end, "searchQuery": f'"{TENANCY}"'},
        ),
        "cloudguard": ("20200131/problems?lifecycleState=ACTIVE&limit=1000", ""),
    }[service]
    token = ""
    while True:
        target = f"/it/us-ashburn-1/{service}/{path}" + (f"&page={token}" if token else "")
        (status, parts, token), latency = server.answer(target, json.dumps(body).encode())
        assert (status, latency) == (200, 0)
        read = json.loads(b"".join(parts))
        yield (
            read
            if service == "audit"
            else [one.get("data", one) for one in read.get("results", read.get("items", []))]
        )
        if not token:
            return


def _server(**scenario):
    server = Server()
    server.answer("/control/open", json.dumps(Scenario("it", **scenario).to_json()).encode())
    return server


@pytest.mark.slow
@pytest.mark.parametrize("service", ["audit", "logging", "cloudguard"])
def test_the_server_sends_every_record_once(service):
    """The pages of a window hold as many records as the scenario has, no two alike, none too many on a page."""
    stretch = [(NOW - 61, NOW - 1, 2_300)]
    server = _server(page_size=700, audit=stretch, logging=stretch, problems=2_300)
    pages = list(_pages(server, service, (NOW - 61, NOW - 1)))
    records = [json.dumps(one) for page in pages for one in page]
    assert len(records) == len(set(records)) == 2_300
    assert [len(page) for page in pages[:-1]] == [700 if service == "audit" else 1_000] * (len(pages) - 1)


@pytest.mark.slow
def test_windows_that_tile_hold_the_same_records():
    """However a window is cut on minutes, the same texts come: otherwise nothing could be read in pieces."""
    server = _server(page_size=100, audit=[(NOW - 61, NOW - 41, 50), (NOW - 41, NOW - 1, 1_700)])
    whole = [one for page in _pages(server, "audit", (NOW - 61, NOW - 1)) for one in page]
    cuts = [NOW - 61, NOW - 60, NOW - 45, NOW - 41, NOW - 13, NOW - 1]
    pieces = [one for window in pairwise(cuts) for page in _pages(server, "audit", window) for one in page]
    assert pieces == whole
    assert len(whole) == 1_750


def test_a_timeline_knows_when_a_record_lies():
    """A record's minute is in the window that it is counted in."""
    timeline = Timeline([(100, 110, 7), (120, 160, 1_000)])
    for number in range(1_007):
        minute = timeline.minute_of(number)
        assert timeline.first_from(minute) <= number < timeline.first_from(minute + 1)


def test_the_server_keeps_its_rate():
    """What comes at once above the burst is refused, and counted as that."""
    bucket = Bucket(rate=0.001, burst=3)
    assert [bucket.allows() for _ in range(5)] == [True, True, True, False, False]
    server = _server(rate=0.001, burst=1, audit=[(NOW - 61, NOW - 1, 1)])
    target = f"/it/us-ashburn-1/audit/20190901/auditEvents?compartmentId={TENANCY}&startTime={minute_text(NOW - 9)}"
    statuses = [server.answer(f"{target}&endTime={minute_text(NOW)}", b"")[0][0] for _ in range(3)]
    assert statuses == [200, 429, 429]
    (_, parts, _), _ = server.answer("/control/counts", b'{"name":"it"}')
    assert json.loads(b"".join(parts)) == {"audit 200": 1, "audit 429": 2}


def test_a_median_is_judged():
    """The median decides, and the spread is told."""
    fast = at_least("row", "theirs", [4.0, 30.0, 16.0], 15, "x")
    assert (fast.met, fast.measured, fast.spread, fast.target) == (True, "16x", "4 to 30x", "≥ 15x")
    assert not at_least("row", "theirs", [14.0, 14.0, 99.0], 15, "x").met
    assert at_most("row", "before", [41.0, 39.9, 1.0], 40, " MiB").met
    assert not at_most("row", "before", [41.0], 40, " MiB").met


def test_the_plot_is_svg():
    """Every point of every line is drawn inside the picture."""
    lines = [Line("ours", [(1_000, 10.0), (1_000_000, 35.5)]), Line("theirs", [(1_000, 95.0)])]
    picture = ET.fromstring(svg([Panel("memory", lines), Panel("speed", lines)]))
    width, height = float(picture.get("width")), float(picture.get("height"))
    circles = picture.findall(".//{*}circle")
    assert len(circles) == 6
    for circle in circles:
        assert 0 < float(circle.get("cx")) < width
        assert 0 < float(circle.get("cy")) < height
