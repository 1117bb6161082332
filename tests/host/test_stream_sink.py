"""Artifacts on a stream: durable, and whole lines after a torn one, wherever the shell sends them."""

import errno
import fcntl
import io
import json
import logging
import os
import threading

import pytest
from support.host_fakes import artifact

from signal_client_oci.host import StreamSink
from signal_client_oci.host.storage import json_line


def lines_of(path):
    """The artifacts of a file; fails at a line that is not whole."""
    assert path.read_bytes()[-1:] in {b"", b"\n"}
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


def test_a_stream_is_flushed_at_once(tmp_path):
    """What was published is outside of the process: in a file synced, in memory readable."""
    memory = io.StringIO()
    StreamSink(memory).publish("one", [artifact(1)])
    assert json.loads(memory.getvalue()) == artifact(1)
    with (tmp_path / "out").open("w") as stream:
        StreamSink(stream).publish("one", [artifact(1), artifact(2)])
        assert lines_of(tmp_path / "out") == [artifact(1), artifact(2)]


def test_a_stream_that_is_a_file_is_synced(tmp_path, monkeypatch):
    """Redirected into a file, the artifacts are durable before the checkpoint is."""
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    with (tmp_path / "out").open("w") as stream:
        StreamSink(stream).publish("one", [artifact(1)])
        assert synced == [stream.fileno()]


def test_a_reader_that_went_away_is_an_error():
    """`| head` ends as BrokenPipeError, and nothing stays in the stream's buffer to fail later."""
    reading, writing = os.pipe()
    os.close(reading)
    stream = os.fdopen(writing, "w")
    with pytest.raises(BrokenPipeError):
        StreamSink(stream).publish("one", [artifact(1)])
    stream.close()


ONE, TWO = (json_line(artifact(number)).encode() for number in (1, 2))


@pytest.mark.parametrize("mode", ["a", "r+"])
@pytest.mark.parametrize(
    ("before", "kept"),
    [
        (ONE, ONE),
        (ONE + TWO[:1], ONE),
        (ONE + TWO[:40], ONE),
        (TWO[:9], b""),
        (ONE + json_line(artifact(2, raw="x" * 200_000)).encode()[:-40], ONE),
        (ONE + TWO[:-1], ONE + TWO),
        (b"my own notes", b"my own notes\n"),
    ],
    ids=["whole", "a byte", "torn", "nothing but a torn one", "long", "no line feed", "no artifact"],
)
def test_what_is_appended_begins_a_line(tmp_path, caplog, before, kept, mode):
    """`>>` after a crash: a torn artifact is removed, which comes again; anything else is kept and ended; both told."""
    path = tmp_path / "f.jsonl"
    path.write_bytes(before)
    with caplog.at_level(logging.WARNING), path.open(mode) as stream:
        stream.seek(0, os.SEEK_END)
        StreamSink(stream).publish("one", [artifact(3)])
    assert path.read_bytes() == kept + json_line(artifact(3)).encode()
    assert (str(path) in caplog.text) == (before != ONE)


def test_a_file_that_cannot_be_read_is_told(tmp_path, monkeypatch, caplog):
    """Where the system lets nobody look at the last line, the operator hears that it was not looked at."""
    path = tmp_path / "f.jsonl"
    path.write_bytes(ONE)

    def refuse(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    with path.open("a") as stream:
        monkeypatch.setattr(os, "open", refuse)
        StreamSink(stream)
    assert caplog.messages == [f"{path}: its last line cannot be checked (Permission denied)"]


def test_a_file_that_is_written_over_is_left_alone(tmp_path, caplog):
    """`1<> f` writes at the beginning: the end is not what comes before the next artifact."""
    path = tmp_path / "f.jsonl"
    path.write_bytes(b"x" * 100)
    with path.open("r+") as stream:
        StreamSink(stream)
    assert path.read_bytes() == b"x" * 100
    assert caplog.text == ""


def full_disk(real=os.write):
    """A system call that takes half of what it is given, and then no more."""
    taken = []

    def call(descriptor, body=b""):
        if taken or not body:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken.append(True)
        return real(descriptor, body[: len(body) // 2])

    return call


@pytest.mark.parametrize("mode", ["a", "r+"])
@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_what_a_failed_write_left_is_cut_back(tmp_path, monkeypatch, failing, mode):
    """A full disk is told with the file's name, the file ends with its last whole batch, the next one is whole."""
    path = tmp_path / "f.jsonl"
    path.write_bytes(ONE)
    with path.open(mode) as stream:
        stream.seek(0, os.SEEK_END)
        sink = StreamSink(stream)
        with monkeypatch.context() as patch:
            patch.setattr(os, failing, full_disk())
            with pytest.raises(OSError, match="No space left") as caught:
                sink.publish("one", [artifact(2), artifact(3)])
        assert caught.value.filename == str(path)
        assert path.read_bytes() == ONE
        sink.publish("one", [artifact(2)])
    assert path.read_bytes() == ONE + TWO


def test_what_another_process_appended_meanwhile_is_not_cut(tmp_path, monkeypatch):
    """Two polls may append to one file: a failed write of one never removes lines of the other."""
    path = tmp_path / "f.jsonl"
    path.write_bytes(ONE)
    half = full_disk()

    def full(descriptor, body):
        taken = half(descriptor, body)
        with path.open("ab") as other:
            other.write(TWO)
        return taken

    with path.open("a") as stream:
        sink = StreamSink(stream)
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            sink.publish("one", [artifact(4, raw="x" * 9000)])
    assert path.read_bytes().endswith(TWO)


def test_a_pipe_that_is_full_and_does_not_block_is_waited_for():
    """Another process may have made the pipe non-blocking (`| node ...`): that is no failure, and no line is lost."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    big = artifact(1, raw="x" * 4 * fcntl.fcntl(writing, fcntl.F_GETPIPE_SZ))
    with os.fdopen(writing, "w") as stream, os.fdopen(reading) as reader:
        taken = []
        thread = threading.Thread(target=lambda: taken.append(reader.readline()), daemon=True)
        thread.start()
        StreamSink(stream).publish("one", [big])
        thread.join(30)
    assert json.loads(taken[0]) == big
