"""What a checkpoint stores of problems is written bit by bit, and comes out as if it were written at once."""

from __future__ import annotations

import base64

import msgspec
import pytest

from signal_client_oci.state.checkpoint import is_larger
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.seen_problems import SeenProblems


def _digest(number):
    return (10_000 - number).to_bytes(8, "big")


def _split(text):
    packed = base64.b64decode(text)
    return [packed[at : at + 8] for at in range(0, len(packed), 8)]


def digests(first, after):
    """Digests by their numbers, descending, so that the order in which they came is told from a sorted one."""
    return [_digest(number) for number in range(first, after)]


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (2, 3, 5, 7), (0, 3, 0, 4)], ids=str)
def test_what_is_added_is_stored_behind_what_was_there(sizes):
    """However many versions each batch delivers, the text is the base64 of all digests in their order."""
    problems, every = SeenProblems(), []
    assert problems.to_json()["listed"] == ""
    for size in sizes:
        new = digests(len(every), len(every) + size)
        problems.deliver(new)
        every += new
        assert problems.to_json()["listed"] == base64.b64encode(b"".join(every)).decode()
        assert problems.to_json()["listed"] == base64.b64encode(b"".join(every)).decode()
    problems.finish_listing(set(every), 60, 60)
    assert problems.to_json()["listed"] == base64.b64encode(b"".join(every)).decode()


@pytest.mark.parametrize("listed", [range(5), range(4), range(2, 9), range(7, 9), ()], ids=str)
@pytest.mark.parametrize("was_listed", [range(5), range(3), ()], ids=str)
def test_what_is_stored_of_a_listing_is_what_is_known_of_it(listed, was_listed):
    """Whatever a listing adds and leaves out, those of it that were delivered are stored, and those that it lost."""
    problems = SeenProblems()
    problems.deliver(digests(0, 5))
    problems.finish_listing({*map(_digest, was_listed)}, 60, 60)
    problems.deliver(digests(5, 8))
    problems.to_json()
    problems.finish_listing({*map(_digest, listed)}, 120, 60)
    stored = {name: {*_split(problems.to_json()[name])} for name in ("listed", "before")}
    assert stored["listed"] == {*digests(0, 8)} & {*map(_digest, listed)}
    assert (
        stored["before"]
        == ({*map(_digest, was_listed)} & {*digests(0, 5)} | {*digests(5, 8)}) - stored["listed"]
    )


def test_a_listing_of_what_was_listed_before_is_stored_as_before():
    """A listing of just what was delivered leaves the stored text as it is, and what comes next is stored behind it."""
    problems, order = SeenProblems(), (3, 1, 2)
    problems.to_json()
    for number in order:
        problems.deliver([_digest(number)])
    problems.finish_listing({*map(_digest, order)}, 60, 60)
    assert _split(problems.to_json()["listed"]) == [*map(_digest, order)]
    problems.deliver([_digest(0)])
    assert _split(problems.to_json()["listed"]) == [*map(_digest, (*order, 0))]


def test_a_checkpoint_is_measured_to_the_byte():
    """A checkpoint is larger than one byte less than its JSON has, and not larger than that."""
    state = PollState("ocid1.tenancy.oc1..acme")
    state.problems.deliver(digests(0, 100))
    for region in ("us-ashburn-1", "eu-frankfurt-1"):
        for end in (600, 601):
            state.stream("logging", region).seen.commit(digests(0, end), b"ab", end)
    checkpoint = state.checkpoint()
    size = len(msgspec.json.encode(checkpoint))
    assert is_larger(checkpoint, size - 1)
    assert not is_larger(checkpoint, size)
