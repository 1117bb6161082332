"""One poll, driven as the contract's delivery rule says."""

import errno
import logging
import threading

import pytest
from support.host_fakes import (
    NAME,
    SCHEMA,
    VALIDATION,
    Fake,
    artifact,
    batch,
    counting,
    instance,
    plugins_of,
    report,
    source_report,
)

from signal_client_oci.host import (
    BatchProgress,
    ContractError,
    DeliveryError,
    Host,
    InstanceBusyError,
    MemoryCheckpoints,
    MemorySink,
    StateError,
    UnknownConnectorError,
    UnknownInstanceError,
)


def host_of(poll, *instances, sink=None, checkpoints=None, **fake):
    """A host with one fake connector and, unless told otherwise, one instance named `one`."""
    plugins = plugins_of(Fake(poll, **fake))
    return Host(plugins, checkpoints or MemoryCheckpoints(), sink or MemorySink(), instances or [instance()])


class Diary:
    """A sink and a checkpoint store that write down, in order, what is asked of them, and fail when told."""

    def __init__(self, fail_at=()):
        self.notes = []
        self.fail_at = fail_at

    def note(self, *words):
        """Write down; fail as a full disk if this was to fail."""
        self.notes.append(words)
        if words in self.fail_at:
            raise OSError(28, "No space left on device")

    def publish(self, _name, artifacts):
        """Note the artifacts' numbers."""
        self.note("publish", *(int(item["id"], 16) for item in artifacts))

    def load(self, _name):
        """Note a reading."""
        self.note("load")

    def save(self, _name, checkpoint):
        """Note the position."""
        self.note("save", checkpoint["next"])


def test_a_batch_is_published_then_stored_then_the_next_is_asked_for():
    """The order of the contract, batch by batch; the report's checkpoint is the last to be stored."""
    diary = Diary()

    def poll(*_):
        for position in (1, 2):
            diary.note("asked")
            yield batch(artifact(position), checkpoint={"next": position})
        diary.note("asked")
        yield report(checkpoint={"next": 9}, audit=source_report(fetched=2))
        diary.note("ended")

    host_of(poll, sink=diary, checkpoints=diary).poll_once("one")
    assert diary.notes == [
        ("load",),
        *[("asked",), ("publish", 1), ("save", 1)],
        *[("asked",), ("publish", 2), ("save", 2)],
        *[("asked",), ("save", 9), ("ended",)],
    ]


def test_an_empty_batch_moves_the_position_only():
    """Nothing is published for it, its checkpoint is stored."""
    diary = Diary()
    items = [batch(checkpoint={"next": 4}), report(checkpoint={"next": 5})]
    host_of(lambda *_: iter(items), sink=diary, checkpoints=diary).poll_once("one")
    assert diary.notes == [("load",), ("save", 4), ("save", 5)]


@pytest.mark.parametrize("failure", [("publish", 3, 4, 5), ("save", 6)])
def test_a_batch_that_could_not_be_kept_comes_again(failure):
    """When sink or store fail the poll ends there, closed, and the next goes on at the last stored checkpoint."""
    diary = Diary(fail_at=[failure])
    closed = []

    def poll(*args):
        try:
            yield from counting(9)(*args)
        finally:
            closed.append(True)

    host = host_of(poll, sink=diary, checkpoints=diary)
    with pytest.raises(OSError, match="No space left"):
        host.poll_once("one")
    assert diary.notes[-1] == failure
    assert closed == [True]


class FullDisk(MemoryCheckpoints):
    """A store that fails so many times, as a full disk does."""

    def __init__(self, failures):
        super().__init__()
        self.left = failures

    def save(self, instance, checkpoint):
        """Fail, or keep it."""
        if self.left:
            self.left -= 1
            raise OSError(errno.ENOSPC, "No space left on device", "/data/one.json")
        super().save(instance, checkpoint)


def test_a_checkpoint_that_cannot_be_stored_does_not_deliver_its_batch_for_ever():
    """While the disk is full nothing is read and nothing delivered again; then the poll goes on from there."""
    polls = []

    def poll(*args):
        polls.append(args[2])
        yield from counting(6)(*args)

    sink = MemorySink()
    host = host_of(poll, sink=sink, checkpoints=FullDisk(4))
    for _ in range(4):
        with pytest.raises(DeliveryError):
            host.poll_once("one")
    assert (len(sink.artifacts()), polls) == (3, [None])
    host.poll_once("one")
    assert [int(item["id"], 16) for item in sink.artifacts()] == list(range(6))
    assert polls[1] == {"version": 1, "next": 3}


def test_what_cannot_be_stored_names_the_file_the_way_out_and_what_comes_again():
    """Each error is one sentence for each of these, for the artifacts and for the checkpoint, read and written."""

    class Broken(MemorySink, MemoryCheckpoints):
        def publish(self, *_):
            raise OSError(errno.EDQUOT, "Disk quota exceeded", "/data/one.jsonl")

        def load(self, *_):
            raise PermissionError(errno.EACCES, "Permission denied", "/data/one.json")

    def words(**parts):
        with pytest.raises(DeliveryError) as caught:
            host_of(counting(3), **parts).poll_once("one")
        assert isinstance(caught.value.__cause__, OSError)
        return str(caught.value)

    assert words(sink=Broken()) == (
        "/data/one.jsonl: Disk quota exceeded; free some space, or raise the quota. Nothing is lost: this batch of "
        "3 artifacts comes again with the next poll, with the same ids"
    )
    assert words(checkpoints=FullDisk(1)) == (
        "/data/one.json: No space left on device; free some space. Nothing is lost: the artifacts delivered with this "
        "checkpoint come again, with the same ids, if it cannot be stored before this process ends"
    )

    class Foreign(MemoryCheckpoints):
        def save(self, *_):
            raise StateError("/data/one.json: belongs to another user (uid 7); run this command as that user")

    with pytest.raises(
        StateError, match=r"as that user\. Nothing is lost: the artifacts delivered with this check"
    ):
        host_of(counting(3), checkpoints=Foreign()).poll_once("one")
    assert words(checkpoints=Broken()) == (
        "/data/one.json: Permission denied; let this user write to it. Nothing is lost: "
        "the next poll tries again, and nothing was read before"
    )


def test_the_next_poll_goes_on_at_the_stored_checkpoint():
    """Two hosts over one store: the second takes up what the first stored, and nothing comes twice."""
    checkpoints, sink = MemoryCheckpoints(), MemorySink()
    host_of(counting(4), checkpoints=checkpoints, sink=sink).poll_once("one")
    result = host_of(counting(9), checkpoints=checkpoints, sink=sink).poll_once("one")
    assert [int(item["id"], 16) for item in sink.artifacts()] == list(range(9))
    assert result.delivered["audit"] == 5


def test_the_result_holds_report_and_counts():
    """What the host counted itself, and progress after every batch."""
    progress = []
    host = host_of(counting(5))
    result = host.poll_once("one", on_progress=progress.append)
    assert result.report["status"] == "ok"
    assert result.delivered == {"audit": 5, "logging": 0, "cloud_guard": 0}
    assert (result.batches, result.raw_bytes) == (2, 5 * len('{"n":1}'))
    assert progress == [BatchProgress("one", "audit", 3, 3, 1), BatchProgress("one", "audit", 2, 5, 2)]


def test_the_plugin_gets_copies_and_the_context_as_given():
    """A plugin that changes its settings or context changes nothing of the host's."""
    seen = []

    def poll(name, settings, checkpoint, context):
        seen.append((name, settings["regions"][:], checkpoint, dict(context)))
        settings["regions"].append("changed")
        context.clear()
        return iter([report()])

    host = host_of(poll, instance(regions=["a"]))
    context = {"deadline_seconds": 5.0, "max_batch_artifacts": 7}
    host.poll_once("one", context)
    host.poll_once("one", context)
    assert seen == [("one", ["a"], None, context), ("one", ["a"], {"version": 1}, context)]


def test_limits_of_the_context_are_enforced():
    """A batch over the limits that this poll was given is refused."""
    with pytest.raises(ContractError, match="BATCH_ARTIFACTS"):
        host_of(counting(9)).poll_once("one", {"max_batch_artifacts": 2})


BREACHES = {
    "no report": (lambda *_: iter([batch(artifact())]), "NO_REPORT"),
    "nothing": (lambda *_: iter([]), "NO_REPORT"),
    "an item after the report": (lambda *_: iter([report(), batch(artifact())]), "AFTER_REPORT"),
    "not an iterator": (lambda *_: [report()], "WRONG_TYPE"),
    "None": (lambda *_: None, "WRONG_TYPE"),
    "an exception at the call": (lambda *_: {}["x"], "EXCEPTION"),
    "an unknown type": (lambda *_: iter([{"type": "log"}]), "UNKNOWN_TYPE"),
}


@pytest.mark.parametrize("case", BREACHES)
def test_a_breach_ends_the_poll(case):
    """What breaks the contract is a `ContractError` of its rule, and neither published nor stored."""
    poll, rule = BREACHES[case]
    sink, checkpoints = MemorySink(), MemoryCheckpoints()
    with pytest.raises(ContractError) as caught:
        host_of(poll, sink=sink, checkpoints=checkpoints).poll_once("one")
    assert caught.value.rule == rule
    assert len(sink.batches) == (case == "no report")


def test_a_refused_batch_is_neither_published_nor_stored():
    """The rules come before the sink."""
    sink, checkpoints = MemorySink(), MemoryCheckpoints()
    bad = artifact() | {"id": "X"}
    with pytest.raises(ContractError, match=r"batch\.artifacts\[0\]\.id: .*ARTIFACT_ID"):
        host_of(lambda *_: iter([batch(bad)]), sink=sink, checkpoints=checkpoints).poll_once("one")
    assert not sink.batches
    assert not checkpoints.saved


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit])
def test_an_exception_out_of_the_generator_is_told_without_its_text(kind):
    """Type and place are told, also of an exit, which ends no host; the text may quote a secret and is not."""

    def poll(*_):
        yield batch(artifact())
        raise kind("canary-secret")

    with pytest.raises(
        ContractError, match=rf"{kind.__name__} at test_runner\.py:\d+ \[EXCEPTION\]"
    ) as caught:
        host_of(poll).poll_once("one")
    assert "canary" not in str(caught.value)


def test_the_generator_is_closed_whatever_happens():
    """After a report, a breach, a failing callback and Ctrl-C alike."""
    closed = []

    def poll(*_):
        try:
            yield batch(artifact())
            yield report(audit=source_report(fetched=1))
        finally:
            closed.append(True)

    def interrupted(_progress):
        raise KeyboardInterrupt

    host_of(poll).poll_once("one")
    with pytest.raises(ContractError):
        host_of(poll).poll_once("one", {"max_batch_artifacts": 0})
    with pytest.raises(KeyboardInterrupt):
        host_of(poll).poll_once("one", on_progress=interrupted)
    assert closed == [True] * 3


def test_a_generator_that_will_not_close_broke_the_contract():
    """One that goes on after GeneratorExit leaves something behind."""

    class Clinging:
        def __init__(self, *_):
            self.items = iter([{"type": "log"}])

        def __iter__(self):
            return self

        def __next__(self):
            return next(self.items)

        def close(self):
            raise RuntimeError("generator ignored GeneratorExit")

    with pytest.raises(ContractError, match="on close: raised RuntimeError at") as caught:
        host_of(Clinging).poll_once("one")
    assert caught.value.__cause__.__context__.rule == "UNKNOWN_TYPE"


def test_one_poll_of_an_instance_at_a_time():
    """A second poll of the same instance is refused; one of another instance is not."""
    entered, leave = threading.Event(), threading.Event()

    def poll(name, *_):
        if name == "one":
            entered.set()
            assert leave.wait(10)
        yield report()

    host = host_of(poll, instance("one"), instance("two"))
    thread = threading.Thread(target=host.poll_once, args=("one",))
    thread.start()
    assert entered.wait(10)
    with pytest.raises(InstanceBusyError):
        host.poll_once("one")
    assert host.poll_once("two").report["status"] == "ok"
    leave.set()
    thread.join(10)
    assert host.poll_once("one").report["status"] == "ok"


def test_instances_have_checkpoints_of_their_own():
    """Two instances of one connector share nothing."""
    host = host_of(counting(4), instance("one"), instance("two"))
    assert host.poll_once("one").delivered["audit"] == 4
    assert host.poll_once("two").delivered["audit"] == 4
    assert host.poll_once("one").delivered["audit"] == 0


def test_new_settings_hold_from_the_next_poll_on():
    """`configure` replaces an instance and keeps its checkpoint."""
    seen = []

    def poll(_name, settings, checkpoint, _context):
        seen.append((settings["n"], checkpoint))
        yield report()

    host = host_of(poll, instance(n=1))
    host.poll_once("one")
    host.configure(instance(n=2))
    host.poll_once("one")
    assert seen == [(1, None), (2, {"version": 1})]


def test_schema_and_validation_come_through_the_hooks():
    """The answers are handed on as they are, checked, and the plugin gets a copy of the settings."""
    host = host_of(counting(0))
    assert host.schema(NAME) == SCHEMA
    assert host.validate("one") == VALIDATION
    kept = host_of(
        counting(0), instance(region="r"), validation=lambda settings: settings.clear() or VALIDATION
    )
    kept.validate("one")
    assert kept.instance("one").settings == {"region": "r"}


def test_answers_that_break_the_contract_are_refused():
    """A wrong schema, a wrong validation and an exception are `ContractError`s."""
    with pytest.raises(ContractError, match="MISSING_KEY"):
        host_of(counting(0), schema={"type": "object"}).schema(NAME)
    with pytest.raises(ContractError, match="STATUS"):
        host_of(counting(0), validation=VALIDATION | {"ok": False}).validate("one")
    with pytest.raises(ContractError, match=r"ValueError at .*EXCEPTION") as caught:
        host_of(counting(0), validation=lambda _settings: int("canary")).validate("one")
    assert "canary" not in str(caught.value)


def test_unknown_names_are_told_with_those_there_are():
    """An instance or a connector that does not exist is told with what does."""
    host = host_of(counting(0), instance("one"), instance("two", "aws"))
    with pytest.raises(UnknownInstanceError, match="no instance 'three'; known instances: one, two"):
        host.poll_once("three")
    with pytest.raises(UnknownConnectorError, match="'aws'; known connectors: fake-cloud"):
        host.poll_once("two")
    with pytest.raises(UnknownConnectorError):
        host.validate("two")
    with pytest.raises(UnknownConnectorError):
        host.schema("aws")


def test_no_setting_reaches_log_or_repr(caplog):
    """With a secret among the settings, neither the host's records nor its objects show it."""
    one = instance(private_key="canary-secret")

    def poll(*_):
        raise RuntimeError("canary-secret")

    host = host_of(poll, one)
    with caplog.at_level(logging.DEBUG), pytest.raises(ContractError) as caught:
        host.poll_once("one")
    assert "canary" not in caplog.text + repr(one) + repr(host) + str(caught.value) + repr(caught.value)
