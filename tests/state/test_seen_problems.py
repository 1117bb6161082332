"""What a checkpoint stores of problems is written bit by bit, and comes out as if it were written at once."""

from __future__ import annotations

import base64

import msgspec
import pytest

from signal_client_oci.state.checkpoint import is_larger
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.seen_problems import SeenProblems


def digests(first, after):
    """Digests by their numbers, descending, so that the order in which they came is told from a sorted one."""
    return [(10_000 - number).to_bytes(8, "big") for number in range(first, after)]


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
    assert problems.to_json()["listed"] == base64.b64encode(b"".join(sorted(every))).decode()


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
