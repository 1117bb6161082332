"""Checkpoints on disk: atomic, private, one file for each instance."""

import errno
import json
import logging
import os
import stat
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_client_oci.host import CheckpointFile, MemoryCheckpoints, StateDirectory, StateError
from signal_client_oci.host.files.atomic_files import replace_file
from signal_client_oci.host.files.checkpoint_store import file_stem


class PowerCutError(BaseException):
    """The process ends here."""


@pytest.fixture(params=["directory", "file", "memory"])
def store(request, tmp_path):
    """Each kind of store in turn."""
    if request.param == "memory":
        yield MemoryCheckpoints()
        return
    with (
        StateDirectory(tmp_path / "s")
        if request.param == "directory"
        else CheckpointFile(tmp_path / "c") as kept
    ):
        yield kept


def test_the_last_checkpoint_comes_back(store):
    """None at first, then what was saved last, untouched by what happens to the dict afterwards."""
    assert store.load("one") is None
    store.save("one", {"n": 1})
    checkpoint = {"n": 2, "text": "Zürich \u2028", "deep": [{"x": None}]}
    store.save("one", checkpoint)
    checkpoint["deep"].append("later")
    assert store.load("one") == {"n": 2, "text": "Zürich \u2028", "deep": [{"x": None}]}


def test_checkpoints_outlive_the_process(tmp_path):
    """A directory that is opened again has every instance's own checkpoint."""
    with StateDirectory(tmp_path / "state") as state:
        state.save("one", {"n": 1})
        state.save("two", {"n": 2})
    with StateDirectory(tmp_path / "state") as state:
        assert [state.load(name) for name in ("one", "two", "three")] == [{"n": 1}, {"n": 2}, None]


STEPS = ["open", "unlink", "fchmod", "write", "fsync", "close", "replace"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_step_leaves_the_old_or_the_new_one(tmp_path, monkeypatch, step, after):
    """Wherever replacing a file ends, a reader finds one of the two contents whole; the next save works."""
    path = tmp_path / "checkpoint.json"
    replace_file(path, b'{"n": 1}')
    (tmp_path / ".checkpoint.json.tmp").write_text("the rest of an earlier crash")
    real = getattr(os, step)

    def cut(*args, **kwargs):
        if after:
            real(*args, **kwargs)
        elif step == "write":
            real(args[0], args[1][:3])
        elif step == "close":
            real(*args)
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(os, step, cut)
        with pytest.raises(PowerCutError):
            replace_file(path, b'{"n": 2}')
    replaced = step == "replace" and after
    assert path.read_bytes() == (b'{"n": 2}' if replaced else b'{"n": 1}')
    replace_file(path, b'{"n": 3}')
    assert path.read_bytes() == b'{"n": 3}'
    assert len(list(tmp_path.iterdir())) == 1


def test_the_file_is_synced_before_it_takes_the_name(tmp_path, monkeypatch):
    """Order of the system calls: write, fsync of the file, rename, fsync of the directory."""
    calls = []

    def noted(name, real):
        def call(*args, **kwargs):
            calls.append(
                f"{name} dir" if name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode) else name
            )
            return real(*args, **kwargs)

        return call

    path = tmp_path / "checkpoint.json"
    monkeypatch.setattr(os, "write", noted("write", os.write))
    monkeypatch.setattr(os, "fsync", noted("fsync", os.fsync))
    monkeypatch.setattr(os, "replace", noted("replace", os.replace))
    replace_file(path, b"{}")
    assert calls == ["write", "fsync", "replace", "fsync dir"]


def test_short_writes_are_continued(tmp_path, monkeypatch):
    """A system that takes three bytes at a time still gets all of them."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, body: real(descriptor, body[:3]))
    replace_file(tmp_path / "c", b"0123456789")
    assert (tmp_path / "c").read_bytes() == b"0123456789"


def test_files_are_private_whatever_the_umask(tmp_path):
    """Directories are made 0700, files 0600, under a umask that would allow all."""
    old = os.umask(0)
    try:
        with StateDirectory(tmp_path / "state") as state:
            state.save("one", {"n": 1})
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "state").rglob("*")}
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert modes == {"lock": 0o600, "checkpoints": 0o700, f"{file_stem('one')}.json": 0o600}


def test_an_existing_directory_keeps_its_mode(tmp_path):
    """The host does not lock other users out of a directory that it did not make."""
    tmp_path.chmod(0o755)
    StateDirectory(tmp_path).close()
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.parametrize("text", ["", '{"n": 1', "\x00" * 64, "[" * 100_000, "not json"])
def test_an_unreadable_checkpoint_is_none_with_a_warning(tmp_path, caplog, text):
    """What no JSON can be read from is moved aside, logged at WARNING and taken as no checkpoint."""
    with CheckpointFile(tmp_path / "c.json") as store, caplog.at_level(logging.WARNING):
        (tmp_path / "c.json").write_text(text)
        assert store.load("one") is None
        assert "one: the checkpoint cannot be read" in caplog.text
        assert (tmp_path / "c.json.unreadable").read_text() == text
        store.save("one", {"n": 1})
        assert store.load("one") == {"n": 1}


@pytest.mark.parametrize("value", [[], "text", 7, {"version": 99}])
def test_json_of_any_shape_is_handed_over(tmp_path, caplog, value):
    """Judging a checkpoint is the plugin's part: the host hands on whatever is JSON."""
    (tmp_path / "c.json").write_text(json.dumps(value))
    with CheckpointFile(tmp_path / "c.json") as store:
        assert store.load("one") == value
    assert not caplog.records


def test_a_medium_that_cannot_be_read_is_an_error(tmp_path):
    """An I/O error is never taken for a missing checkpoint: that would start again from lookback."""
    (tmp_path / "c.json").mkdir()
    with CheckpointFile(tmp_path / "c.json") as store, pytest.raises(StateError, match="is a directory"):
        store.load("one")


HOSTILE = [
    "",
    ".",
    "..",
    "../../etc/passwd",
    "/abs",
    "a/b",
    "a\\b",
    "a\0b",
    "x" * 5000,
    "Ä",
    "\ud800",
    "con",
    "-rf",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_in_the_directory(tmp_path, name):
    """Any instance name gives one plain file below `checkpoints`."""
    with StateDirectory(tmp_path / "state") as state:
        state.save(name, {"n": 1})
        assert state.load(name) == {"n": 1}
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "lock"]
    assert [path.parent for path in files] == [tmp_path / "state" / "checkpoints"]


@given(st.text(), st.text())
@pytest.mark.slow
def test_two_names_never_share_a_file(one, two):
    """Different names differ in their files, on file systems that fold case too."""
    stems = file_stem(one), file_stem(two)
    assert (stems[0].lower() == stems[1].lower()) == (one == two)
    assert all(
        len(stem) < 100 and stem.isascii() and "/" not in stem and stem[0] not in ".-" for stem in stems
    )


@pytest.mark.parametrize(
    "pair", [("a b", "a_b"), ("A", "a"), ("é", "e\u0301"), ("x" * 50, "x" * 51), ("a", "a ")]
)
def test_names_that_look_alike_are_kept_apart(pair):
    """Case, blanks, normal forms and length make different files."""
    assert file_stem(pair[0]) != file_stem(pair[1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", [StateDirectory, CheckpointFile])
def test_one_process_at_a_time(tmp_path, kind):
    """A second process is refused with a line that says what to do, and let in after the first has closed."""
    code = "import sys; from pathlib import Path; import signal_client_oci.host as d"
    code += f"; d.{kind.__name__}(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path / "state")]
    with kind(tmp_path / "state"):
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert "is in use by another process; stop that process, or name another path" in run.stderr
    assert subprocess.run(command, capture_output=True, check=False, timeout=60).returncode == 0


def test_a_closed_store_refuses(tmp_path):
    """After `close` nothing is read or written, because another process may hold it now."""
    state = StateDirectory(tmp_path)
    state.close()
    state.close()
    with pytest.raises(ValueError, match="closed"):
        state.save("one", {})
    with pytest.raises(ValueError, match="closed"):
        state.load("one")


def test_a_file_in_place_of_the_directory_is_told(tmp_path):
    """Naming a file where a directory is due is one clear line."""
    (tmp_path / "f").write_text("x")
    with pytest.raises(StateError, match="is a file; name a directory"):
        StateDirectory(tmp_path / "f")


@pytest.mark.parametrize("kind", ["directory", "file"])
def test_a_place_where_no_checkpoint_can_be_written_is_refused_at_the_start(tmp_path, monkeypatch, kind):
    """Not after the first batch was delivered: named, with the way out, and neither lock nor file is left behind."""

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "s"
    use, place = (StateDirectory, path / "checkpoints") if kind == "directory" else (CheckpointFile, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", refuse)
        with pytest.raises(StateError) as caught:
            use(path)
    assert str(caught.value) == (
        f"{place}: no file can be written there (No space left on device), so no checkpoint could be kept; "
        "free some space, or name another path"
    )
    with use(path) as store:
        assert [one for one in place.iterdir() if one.suffix == ".tmp"] == []
        assert store.load("one") is None
