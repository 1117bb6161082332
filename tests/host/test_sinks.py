"""Artifacts as JSON lines: durable, whole after a crash, readable by any line reader."""

import errno
import json
import logging
import os
import stat
import subprocess
import sys
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.host_fakes import artifact

from signal_client_oci.host import JsonLinesSink, MemorySink, StateError
from signal_client_oci.host.files.sinks import json_line


def lines_of(path):
    """The artifacts of a file; fails at a line that is not whole."""
    assert path.read_bytes()[-1:] in {b"", b"\n"}
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def test_artifacts_are_appended_over_many_openings(tmp_path):
    """Each opening adds to what is there."""
    path = tmp_path / "deep" / "artifacts.jsonl"
    for number in range(3):
        with JsonLinesSink(path) as sink:
            assert sink.cut_bytes == 0
            sink.publish("one", [artifact(number), artifact(number + 10)])
            sink.publish("one", [])
    assert [item["id"][-2:] for item in lines_of(path)] == ["00", "0a", "01", "0b", "02", "0c"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_publish_returns_after_the_sync(tmp_path, monkeypatch):
    """All lines of the batch are in the file when it is synced, and it is synced once a batch."""
    path = tmp_path / "a.jsonl"
    seen = []
    with JsonLinesSink(path) as sink:
        monkeypatch.setattr(os, "fsync", lambda _descriptor: seen.append(len(lines_of(path))))
        sink.publish("one", [artifact(1), artifact(2)])
        assert seen == [2]
        sink.publish("one", [artifact(3)])
        assert seen == [2, 3]


WHOLE = (json_line(artifact(1)) + json_line(artifact(2, raw="ü" * 70_000))).encode()


@pytest.mark.parametrize("cut", [1, 2, 40, 65_536, 70_000, 300_000])
def test_an_unfinished_last_line_is_cut_off(tmp_path, caplog, cut):
    """However much of a line a crash left, the lines before it stay and those after it are whole."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(WHOLE + json_line(artifact(3, raw="ö" * 80_000)).encode()[:cut])
    with caplog.at_level(logging.WARNING), JsonLinesSink(path) as sink:
        assert sink.cut_bytes == cut
        sink.publish("one", [artifact(4)])
    assert [item["id"][-1] for item in lines_of(path)] == ["1", "2", "4"]
    assert f"removed an incomplete last line of {cut} bytes" in caplog.text


def test_a_file_of_nothing_but_an_unfinished_line_is_emptied(tmp_path):
    """The very first line may be the one that a crash cut."""
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"id":"00')
    with JsonLinesSink(path) as sink:
        assert sink.cut_bytes == 9
    assert path.read_bytes() == b""


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_after_a_failed_write_the_file_is_whole_again(tmp_path, monkeypatch, failing):
    """A full disk raises; what it left of the batch is removed at once, and no later than the next batch is written."""
    path = tmp_path / "a.jsonl"
    real = os.write

    def full(descriptor, body=b""):
        if isinstance(body, memoryview):
            real(descriptor, body[: len(body) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    with JsonLinesSink(path) as sink:
        sink.publish("one", [artifact(1)])
        with monkeypatch.context() as patch:
            patch.setattr(os, failing, full)
            for _ in range(2):
                with pytest.raises(OSError, match="No space left"):
                    sink.publish("one", [artifact(2), artifact(3)])
                assert [item["id"][-1] for item in lines_of(path)] == ["1"]
        with monkeypatch.context() as patch:
            patch.setattr(os, failing, full)
            patch.setattr(os, "ftruncate", full)
            with pytest.raises(OSError, match="No space left"):
                sink.publish("one", [artifact(2), artifact(3)])
        sink.publish("one", [artifact(2), artifact(3)])
    assert [item["id"][-1] for item in lines_of(path)] == ["1", "2", "3"]


@pytest.mark.parametrize("text", ["my notes\nno newline at the end", "[1]\n", "\n"])
def test_a_file_of_something_else_is_refused_untouched(tmp_path, text):
    """Naming the wrong file costs nothing."""
    path = tmp_path / "notes.txt"
    path.write_text(text)
    with pytest.raises(StateError, match="is not a file of artifacts; name another file"):
        JsonLinesSink(path)
    assert path.read_text() == text


def test_what_is_no_regular_file_is_refused(tmp_path):
    """A named pipe without a reader is told, not waited for."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StateError, match="is not a regular file"):
        JsonLinesSink(tmp_path / "pipe")


@pytest.mark.slow
def test_one_process_at_a_time(tmp_path):
    """Another process cannot open the file, so it cannot cut off a line that is being written."""
    code = "import sys; from pathlib import Path; import signal_client_oci.host as d"
    code += "; d.JsonLinesSink(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path / "a.jsonl")]
    with JsonLinesSink(tmp_path / "a.jsonl"):
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert "is in use by another process" in run.stderr
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


@pytest.mark.slow
def test_instances_share_a_file_without_mixing_lines(tmp_path):
    """Batches of many threads come out line by line, none lost."""
    path = tmp_path / "a.jsonl"
    with JsonLinesSink(path) as sink:

        def deliver(base):
            for number in range(20):
                sink.publish("one", [artifact(base + number, raw="x" * 3000)])

        threads = [threading.Thread(target=deliver, args=(base * 100,), daemon=True) for base in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert len({item["id"] for item in lines_of(path)}) == 100


def test_a_closed_sink_refuses(tmp_path):
    """After `close` nothing is written."""
    sink = JsonLinesSink(tmp_path / "a.jsonl")
    sink.close()
    sink.close()
    with pytest.raises(ValueError, match="closed"):
        sink.publish("one", [artifact()])


@given(st.text())
@pytest.mark.slow
def test_a_record_is_one_line_for_every_reader(raw):
    """No text makes a second line, even for readers that split at every Unicode line end."""
    item = artifact(raw=raw)
    line = json_line(item)
    assert line.splitlines() == [line[:-1]]
    assert json.loads(line) == item


def test_memory_keeps_copies_by_instance():
    """What a plugin does to its dicts afterwards changes nothing."""
    sink = MemorySink()
    first = artifact(1)
    sink.publish("one", [first])
    sink.publish("two", [artifact(2, "two")])
    first["metadata"]["instance"] = "changed"
    assert sink.artifacts("one") == [artifact(1)]
    assert [name for name, _ in sink.batches] == ["one", "two"]
    assert len(sink.artifacts()) == 2
