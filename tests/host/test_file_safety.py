"""Files and directories that another user could change or exchange are refused, and none is followed or harmed."""

import errno
import logging
import os
import stat
import threading

import pytest

from signal_client_oci.cli.output.artifact_files import ArtifactFiles
from signal_client_oci.host import CheckpointFile, JsonLinesSink, StateDirectory, StateError
from signal_client_oci.host.files.atomic_files import replace_file
from signal_client_oci.host.files.checkpoint_store import file_stem

STRANGER = 54_321
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
VICTIM = "keep me\n"
ONE = {"id": "1", "source": "", "timestamp": "", "raw": "", "metadata": {}}


@pytest.fixture(autouse=True)
def usual_umask():
    """The umask of most systems."""
    old = os.umask(0o022)
    yield
    os.umask(old)


@pytest.fixture
def victim(tmp_path):
    """A file of this user's that nothing may write to."""
    path = tmp_path / "victim"
    path.write_text(VICTIM)
    return path


def by_state(tmp_path):
    """Use a checkpoint file; return nothing."""
    with CheckpointFile(tmp_path / "prod.state") as store:
        store.load("prod")
        store.save("prod", {"n": 1})


def by_directory(tmp_path):
    """Use a directory of checkpoints."""
    with StateDirectory(tmp_path / "data") as store:
        store.load("prod")
        store.save("prod", {"n": 1})


def by_artifacts(tmp_path):
    """Use a directory of artifacts."""
    with ArtifactFiles(tmp_path / "data" / "artifacts", ["prod"]) as files:
        files.publish("prod", [ONE])


def by_sink(tmp_path):
    """Use one file of artifacts."""
    with JsonLinesSink(tmp_path / "prod.jsonl") as sink:
        sink.publish("prod", [ONE])


CHECKPOINT = f"data/checkpoints/{file_stem('prod')}.json"
FILES = {
    "the file of --state": (by_state, "prod.state"),
    "its lock": (by_state, ".prod.state.lock"),
    "the directory's lock": (by_directory, "data/lock"),
    "a checkpoint": (by_directory, CHECKPOINT),
    "the artifacts of an instance": (by_artifacts, "data/artifacts/prod.jsonl"),
    "a file of artifacts": (by_sink, "prod.jsonl"),
}
DIRECTORIES = {
    "the directory of run": (by_directory, "data"),
    "its checkpoints": (by_directory, "data/checkpoints"),
    "its artifacts": (by_artifacts, "data/artifacts"),
}


def made(tmp_path, place):
    """The path of a file that does not exist yet, in a private directory."""
    path = tmp_path / place
    for parent in reversed(path.relative_to(tmp_path).parents):
        (tmp_path / parent).mkdir(mode=0o700, exist_ok=True)
    return path


def told(use, tmp_path):
    """The one sentence with which a use is refused."""
    with pytest.raises(StateError) as caught:
        use(tmp_path)
    text = str(caught.value)
    assert text.isprintable()
    assert ": " in text
    assert "; " in text
    return text


@pytest.mark.parametrize(("use", "place"), FILES.values(), ids=FILES)
def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path, victim, use, place):
    """What it leads to keeps its contents and mode, and the error names the link."""
    victim.chmod(0o640)
    path = made(tmp_path, place)
    path.symlink_to(victim)
    text = told(use, tmp_path)
    assert text.startswith(f"{path}: is a symbolic link; ")
    assert (victim.read_text(), stat.S_IMODE(victim.stat().st_mode)) == (VICTIM, 0o640)
    assert path.is_symlink()


@pytest.mark.parametrize(("use", "place"), FILES.values(), ids=FILES)
def test_a_link_that_leads_nowhere_makes_no_file_there(tmp_path, use, place):
    """Nothing is created behind a dangling link."""
    made(tmp_path, place).symlink_to(tmp_path / "elsewhere")
    assert "is a symbolic link" in told(use, tmp_path)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize(("use", "place"), FILES.values(), ids=FILES)
@pytest.mark.parametrize("kind", ["pipe", "directory", "device"])
def test_what_is_no_file_is_refused_without_waiting(tmp_path, use, place, kind):
    """Neither a named pipe without a reader, a directory nor a device is opened, and each stays what it is."""
    path = made(tmp_path, place)
    if kind == "pipe":
        os.mkfifo(path, 0o600)
    elif kind == "directory":
        path.mkdir(0o700)
    elif os.geteuid():
        pytest.skip("only root can make a device")
    else:
        try:
            os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("this system lets nobody make a device")
    before = path.lstat().st_mode
    waiting = threading.Timer(20, os._exit, (99,))
    waiting.daemon = True
    waiting.start()
    try:
        assert "; name a file" in told(use, tmp_path)
    finally:
        waiting.cancel()
    assert path.lstat().st_mode == before


@needs_root
@pytest.mark.parametrize(("use", "place"), FILES.values(), ids=FILES)
def test_a_file_of_another_user_is_refused(tmp_path, use, place):
    """Root is told too, with the two ways out; the file keeps its owner and contents."""
    path = made(tmp_path, place)
    path.write_text("")
    path.chmod(0o600)
    os.chown(path, STRANGER, -1)
    text = told(use, tmp_path)
    assert f"{path}: belongs to another user (uid {STRANGER}); run this command as that user, or" in text
    assert f"chown {os.geteuid()} {path}" in text
    assert (path.stat().st_uid, path.read_text()) == (STRANGER, "")


@pytest.mark.parametrize(("use", "place"), FILES.values(), ids=FILES)
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused(tmp_path, use, place, mode):
    """The error names the mode and the command; done as it says, the file is used."""
    path = made(tmp_path, place)
    path.write_text("{}" if path.suffix in {".state", ".json"} else "")
    path.chmod(mode)
    text = told(use, tmp_path)
    assert f"{path}: can be written by other users (mode {mode:04o}); run: chmod go-w {path}" in text
    path.chmod(mode & ~0o022)
    use(tmp_path)


@pytest.mark.parametrize(("use", "place"), FILES.values(), ids=FILES)
def test_a_file_that_others_may_only_read_is_used(tmp_path, use, place):
    """Reading along changes nothing of what is collected."""
    path = made(tmp_path, place)
    path.write_text("{}" if path.suffix in {".state", ".json"} else "")
    path.chmod(0o644)
    use(tmp_path)


@needs_root
@pytest.mark.parametrize(("use", "place"), DIRECTORIES.values(), ids=DIRECTORIES)
def test_a_directory_of_another_user_is_refused(tmp_path, use, place):
    """Its owner could exchange every file in it; root is told too."""
    path = made(tmp_path, f"{place}/x").parent
    os.chown(path, STRANGER, -1)
    assert f"{path}: belongs to another user (uid {STRANGER}); " in told(use, tmp_path)
    assert list(path.iterdir()) == []


@pytest.mark.parametrize(("use", "place"), DIRECTORIES.values(), ids=DIRECTORIES)
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_directory_that_others_may_write_to_is_refused(tmp_path, use, place, mode):
    """The connector's own directories are nobody else's, sticky or not; nothing is made in them, nothing changed."""
    path = made(tmp_path, f"{place}/x").parent
    path.chmod(mode)
    text = told(use, tmp_path)
    assert f"{path}: " in text
    assert f"chmod go-w {path}" in text or f"chmod o-w {path}" in text
    assert list(path.iterdir()) == []
    assert stat.S_IMODE(path.stat().st_mode) == mode


USES = [by_state, by_directory, by_artifacts, by_sink]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("levels", [0, 2])
def test_a_parent_in_which_all_may_exchange_files_is_refused(tmp_path, use, levels):
    """Writable by all and not sticky, right above or further up: the error names it and the command."""
    shared = tmp_path / "shared"
    place = shared.joinpath(*"ab"[:levels])
    place.mkdir(parents=True)
    shared.chmod(0o777)
    text = told(use, place)
    assert text.startswith(f"{shared}: every user can replace the files in it")
    assert f"run: chmod o-w {shared}" in text
    assert list(place.iterdir()) == []
    shared.chmod(0o1777)
    use(place)


@needs_root
@pytest.mark.parametrize("use", USES)
def test_a_parent_that_belongs_to_another_user_is_used_and_not_changed(tmp_path, use):
    """Such as a user's home for root, or `/tmp` for a user: only what is the connector's own has to be the user's."""
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    os.chown(home, STRANGER, -1)
    use(home)
    assert (home.stat().st_uid, stat.S_IMODE(home.stat().st_mode)) == (STRANGER, 0o755)


@needs_root
def test_a_link_of_another_user_on_the_way_is_refused(tmp_path):
    """Whoever owns it may let it lead elsewhere tomorrow; a link of this user's own is followed."""
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    by_directory(link)
    os.chown(link, STRANGER, -1, follow_symlinks=False)
    assert f"{link}: is a symbolic link of another user" in told(by_directory, link)


@pytest.mark.parametrize("use", USES)
def test_all_parents_that_are_made_are_private(tmp_path, use):
    """Every directory has mode 0700 and every file 0600, under any umask; the one that existed keeps its mode."""
    tmp_path.chmod(0o755)
    for umask in (0, 0o022, 0o077):
        place = tmp_path / f"{umask:o}" / "b" / "c"
        old = os.umask(umask)
        try:
            use(place)
        finally:
            os.umask(old)
        below = [tmp_path / f"{umask:o}", *(tmp_path / f"{umask:o}").rglob("*")]
        modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in below}
        assert modes == {(True, 0o700), (False, 0o600)}
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


@pytest.mark.parametrize(
    "place", ["data/lock", ".prod.state.lock", "data/artifacts/prod.jsonl", "prod.jsonl"]
)
def test_a_file_with_a_second_name_is_not_written_to(tmp_path, victim, place):
    """A hard link in the place of a lock or of artifacts could be any file of this user's."""
    path = made(tmp_path, place)
    victim.chmod(0o600)
    os.link(victim, path)
    use = next(use for use, name in FILES.values() if name == place)
    assert f"{path}: has 2 names (hard links); " in told(use, tmp_path)
    assert victim.read_text() == VICTIM


def test_a_checkpoint_with_a_second_name_is_replaced_and_the_other_stays(tmp_path):
    """Such as a backup by hard links: it keeps what was stored then."""
    path, backup = tmp_path / "prod.state", tmp_path / "backup"
    with CheckpointFile(path) as store:
        store.save("prod", {"n": 1})
        os.link(path, backup)
        assert store.load("prod") == {"n": 1}
        store.save("prod", {"n": 2})
        assert store.load("prod") == {"n": 2}
    assert backup.read_text() == '{"n":1}'


@pytest.mark.parametrize("kind", ["rest", "link", "hard link", "pipe"])
def test_nothing_in_the_place_of_the_temporary_file_is_written_to(tmp_path, victim, kind):
    """The rest of a crash does not block the next save, and a trap is removed and not followed."""
    path, temporary = tmp_path / "c.json", tmp_path / ".c.json.tmp"
    if kind == "rest":
        temporary.write_text("half")
        temporary.chmod(0o666)
    elif kind == "link":
        temporary.symlink_to(victim)
    elif kind == "hard link":
        os.link(victim, temporary)
    else:
        os.mkfifo(temporary)
    replace_file(path, b"{}")
    assert (path.read_text(), victim.read_text()) == ("{}", VICTIM)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not temporary.exists()


def test_what_cannot_be_removed_is_told_with_its_path(tmp_path):
    """A directory in the place of the temporary file is named, and the old checkpoint stands."""
    path = tmp_path / "c.json"
    replace_file(path, b"{}")
    (tmp_path / ".c.json.tmp").mkdir()
    with pytest.raises(StateError, match=r"\.c\.json\.tmp: cannot be removed \(.*\); remove it by hand"):
        replace_file(path, b'{"n":1}')
    assert path.read_text() == "{}"


@pytest.mark.parametrize("failing", ["write", "fsync"])
def test_a_full_disk_is_told_with_the_path_and_leaves_no_rest(tmp_path, monkeypatch, failing):
    """The error names the checkpoint, which stands as it was, and the half one is gone."""
    path = tmp_path / "c.json"
    replace_file(path, b"{}")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, full)
        with pytest.raises(OSError, match="No space left") as caught:
            replace_file(path, b'{"n":1}')
    assert (caught.value.filename, caught.value.errno) == (str(path), errno.ENOSPC)
    assert [one.name for one in tmp_path.iterdir()] == ["c.json"]
    assert path.read_text() == "{}"


def test_an_exchanged_checkpoint_is_not_overwritten(tmp_path, victim):
    """What takes the file's place while it is held is refused at the next save."""
    with CheckpointFile(tmp_path / "prod.state") as store:
        store.save("prod", {"n": 1})
        (tmp_path / "prod.state").unlink()
        (tmp_path / "prod.state").symlink_to(victim)
        for use in (lambda: store.save("prod", {"n": 2}), lambda: store.load("prod")):
            with pytest.raises(StateError, match="is a symbolic link"):
                use()
    assert victim.read_text() == VICTIM


# --- damaged checkpoints that are kept ------------------------------------------------------------------------


def damaged(store, path, text):
    """Let a damaged checkpoint be read."""
    path.write_text(text)
    assert store.load("prod") is None


def test_unreadable_copies_are_numbered_private_and_few(tmp_path, caplog):
    """Each damaged checkpoint is kept beside the earlier ones, ten at most; the next is told not to be kept."""
    path = tmp_path / "prod.state"
    with CheckpointFile(path) as store, caplog.at_level(logging.WARNING):
        for number in range(10):
            damaged(store, path, f"damage {number}")
            assert f"moved to {path}.unreadable" in caplog.messages[-1]
        damaged(store, path, "damage 10")
        assert f"not kept: there are 10 already; remove {path}.unreadable" in caplog.messages[-1]
        store.save("prod", {"n": 1})
        assert store.load("prod") == {"n": 1}
    kept = [path.with_name("prod.state.unreadable")]
    kept += [path.with_name(f"prod.state.unreadable.{number}") for number in range(2, 11)]
    assert [one.read_text() for one in kept] == [f"damage {number}" for number in range(10)]
    assert {stat.S_IMODE(one.stat().st_mode) for one in kept} == {0o600}
    assert sorted(tmp_path.iterdir()) == sorted([path, tmp_path / ".prod.state.lock", *kept])


def test_an_unreadable_copy_overwrites_nothing_that_has_its_name(tmp_path, victim):
    """A file or a link that stands there stays, and what the link leads to as well."""
    path = tmp_path / "prod.state"
    path.with_name("prod.state.unreadable").symlink_to(victim)
    path.with_name("prod.state.unreadable.2").write_text("mine")
    with CheckpointFile(path) as store:
        damaged(store, path, "damage")
    assert victim.read_text() == VICTIM
    assert path.with_name("prod.state.unreadable").is_symlink()
    assert path.with_name("prod.state.unreadable.2").read_text() == "mine"
    assert path.with_name("prod.state.unreadable.3").read_text() == "damage"


@pytest.mark.slow
def test_a_file_far_larger_than_a_checkpoint_is_not_read_as_a_whole(tmp_path):
    """Sixteen mebibytes at most are read; a file beyond that is moved aside as it is."""
    path = tmp_path / "prod.state"
    with CheckpointFile(path) as store:
        path.touch(0o600)
        os.truncate(path, 2**24 + 1)
        assert store.load("prod") is None
    assert path.with_name("prod.state.unreadable").stat().st_size == 2**24 + 1
