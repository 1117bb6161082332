"""`demo`: it works from end to end, and would notice if it did not."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.command_lines import call, one_line, run

from signal_client_oci.cli.demo.demo_run import STEPS, verdict_on
from signal_client_oci.cli.demo.demo_steps import DemoTenancy, open_demo_tenancy
from signal_client_oci.cli.demo.demo_verification import compare
from signal_client_oci.sandbox.data.scenario_audit import invented_secrets

DOCS = Path(__file__).parents[2] / "docs"
sys.path.insert(0, str(DOCS))
from demo_picture import LEFT_OUT, PICTURE, lines_of


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The output of the demo in a process of its own, and where it put its artifacts."""
    directory = tmp_path_factory.mktemp("demo") / "new"
    return run("demo", "--directory", directory), directory


@pytest.mark.slow
def test_the_demo_shows_the_whole_job_and_verifies_it(shown):
    """List, form, validation, three polls, artifacts and the comparison are shown; the exit code is 0."""
    ended, directory = shown
    assert (ended.code, ended.err) == (0, "")
    scenes = [
        "Oracle Cloud (OCI)",
        "Tenancy OCID *",
        "acme: ok. ",
        "Poll 1",
        "Poll 2",
        "Poll 3",
        "oci_cloud_guard",
    ]
    places = [ended.out.index(scene) for scene in scenes]
    assert places == sorted(places)
    assert "Every record arrived exactly once" in ended.out
    assert str(directory / "artifacts.jsonl") in ended.out


@pytest.mark.slow
def test_new_records_arrive_with_every_poll_and_none_comes_twice(shown):
    """The file holds each record once, of all three sources."""
    ended, directory = shown
    artifacts = [json.loads(line) for line in (directory / "artifacts.jsonl").read_text().splitlines()]
    assert len({artifact["id"] for artifact in artifacts}) == len(artifacts)
    streams = Counter(artifact["metadata"]["streamName"] for artifact in artifacts)
    assert set(streams) == {"oci_cloud_audit", "oci_cloud_logging", "oci_cloud_guard"}
    counts = [line.split()[2] for line in ended.out.splitlines() if line.startswith("acme: ok, ")]
    assert len(counts) == 3
    assert sum(map(int, counts)) == len(artifacts)
    assert all(map(int, counts))


def steady(line):
    """A line without what differs from run to run or is of no account: sizes, seconds, widths of columns."""
    return re.sub(r"[\d.,]+ (KiB|s)\b", r"N \1", " ".join(line.split()))


@pytest.mark.slow
def test_the_readme_shows_what_the_demo_prints(shown):
    """Each line of the README's example is printed, in that order; `...` stands for lines left out."""
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^What the demo ends with:\n\n```\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    printed = iter(map(steady, shown[0].out.splitlines()))
    for line in example.splitlines():
        assert line == "..." or steady(line) in printed, line


@pytest.mark.slow
def test_the_picture_shows_what_the_demo_prints(shown):
    """Each line of `docs/demo.svg` is printed, in that order, and the picture asks nobody for a font."""
    picture = PICTURE.read_text(encoding="utf-8")
    prompt, *lines = lines_of(picture)
    assert prompt == "$ signal-client-oci demo"
    assert len(lines) > 20
    printed = iter(map(steady, shown[0].out.splitlines()))
    for line in lines:
        assert line == LEFT_OUT or not line.strip("─ ") or steady(line) in printed, line
    assert "Every record arrived exactly once" in lines[-1]
    assert not re.search(r"@font-face|url\(.?http|href", picture)


def test_a_directory_that_is_not_empty_is_refused(capsys, tmp_path):
    """An earlier demo is not mixed with a new one."""
    (tmp_path / "artifacts.jsonl").touch()
    assert "is not empty" in one_line(call(capsys, "demo", "--directory", tmp_path))


def artifact(key, source="audit", identity=None):
    """An artifact of a record with this key."""
    streams = {"audit": "oci_cloud_audit", "logging": "oci_cloud_logging"}
    raws = {"audit": {"eventId": key}, "logging": {"logContent": {"data": {"sandboxMarker": key}}}}
    metadata = {"streamName": streams[source]}
    return {"id": identity or key, "raw": json.dumps(raws[source]), "metadata": metadata}


@pytest.mark.parametrize(
    ("artifacts", "counted"),
    [
        ([artifact("a"), artifact("b")], (2, 2, 0, 0, 0)),
        ([artifact("a")], (2, 1, 1, 0, 0)),
        ([artifact("a"), artifact("b"), artifact("c")], (2, 3, 0, 1, 0)),
        ([artifact("a"), artifact("b"), artifact("b", identity="other")], (2, 3, 0, 0, 1)),
        ([artifact("a", identity="same"), artifact("b", identity="same")], (2, 2, 0, 0, 1)),
        ([artifact("a"), {**artifact("b"), "raw": "[]"}], (2, 2, 1, 1, 0)),
    ],
)
def test_missing_unexpected_and_repeated_records_are_counted(artifacts, counted):
    """Any difference between what was emitted and what was delivered shows."""
    [comparison] = compare({"audit": Counter(["a", "b"])}, artifacts)
    assert comparison[1:] == counted
    assert comparison.agrees is (counted[2:] == (0, 0, 0))


def test_every_kind_of_difference_is_a_failure():
    """Wrong records, a secret or a poll that was not ok end the demo with a reason."""
    good = compare({"audit": Counter(["a"])}, [artifact("a")])
    bad = compare({"audit": Counter(["a"])}, [])
    assert verdict_on(good, [], passed=True) is None
    assert "audit" in (verdict_on(bad, [], passed=True) or "")
    assert "session_token" in (verdict_on(good, ["session_token"], passed=True) or "")
    assert verdict_on(good, [], passed=False)
    assert "nothing of audit" in (verdict_on(compare({"audit": Counter()}, []), [], passed=True) or "")


@pytest.mark.slow
def test_a_demo_whose_records_get_lost_exits_with_1(capsys, tmp_path, monkeypatch):
    """The demo's verdict comes from the sandbox's own truth: a record that was not collected is found missing."""
    emitted = DemoTenancy.expected

    def with_one_more(self):
        return {**emitted(self), "audit": emitted(self)["audit"] + Counter(["never-delivered"])}

    monkeypatch.setattr(DemoTenancy, "expected", with_one_more)
    monkeypatch.setattr("signal_client_oci.cli.demo.demo_run.STEPS", STEPS[:1])
    ended = call(capsys, "demo", "--directory", tmp_path)
    assert ended.code == 1
    assert "The demo failed: what was delivered of audit" in ended.out


@pytest.mark.slow
def test_the_demo_emits_secrets_that_it_can_find_again():
    """The check for secrets is no empty promise: what the sandbox emits does hold them."""
    with open_demo_tenancy() as demo:
        emitted = b"".join(record.raw for record in demo.tenancy.ground_truth).decode()
    assert all(secret in emitted for secret in invented_secrets().values())
