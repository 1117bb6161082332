"""SeenRecords of delivered records: kept while they are needed, bounded, and read back as they were written."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_client_oci.state.seen_records import (
    DIGEST_BYTES,
    SeenRecords,
    digest_of,
    join_digests,
    split_digests,
)

digests = st.binary(min_size=DIGEST_BYTES, max_size=DIGEST_BYTES)
tags = st.sampled_from([b"aa", b"bb", b"\x00\xff"])
ends = st.integers(0, 60_000_000)
filings = st.lists(st.tuples(digests, tags, ends), max_size=60, unique_by=lambda one: one[0])


def filled(given_filings):
    """SeenRecords with these records filed."""
    made = SeenRecords()
    for digest, tag, end in given_filings:
        assert made.add(digest)
        made.commit([digest], tag, end)
    return made


@given(filings)
@pytest.mark.slow
def test_what_was_filed_is_read_back(given_filings):
    """Writing and reading gives the same digests under the same windows and tags."""
    made = filled(given_filings)
    again = SeenRecords.from_json(made.to_json())
    assert again.to_json() == made.to_json()
    assert again.committed() == len(again) == len(given_filings)
    assert all(digest in again for digest, _, _ in given_filings)
    assert not any(again.add(digest) for digest, _, _ in given_filings)


@given(filings, st.lists(digests, max_size=5))
@pytest.mark.slow
def test_only_what_was_handed_out_is_stored(given_filings, waiting):
    """A digest that was claimed but not filed is known to this poll and to no later one."""
    made = filled(given_filings)
    new = {digest for digest in waiting if made.add(digest)}
    assert all(digest in made for digest in new)
    again = SeenRecords.from_json(made.to_json())
    assert not any(digest in again for digest in new)


def test_a_record_is_claimed_once():
    """The second claim of a digest says that it is known."""
    made = SeenRecords()
    assert made.add(b"12345678")
    assert not made.add(b"12345678")
    assert b"12345678" in made


@given(filings, st.dictionaries(tags, ends))
@pytest.mark.slow
def test_only_what_cannot_come_again_is_forgotten(given_filings, starts):
    """A digest goes if and only if its window ended where its compartment's next one begins, or earlier."""
    made = filled(given_filings)
    made.expire(lambda tag: starts.get(tag, 0))
    kept = {digest for digest, tag, end in given_filings if end > starts.get(tag, 0)}
    assert {digest for digest, _, _ in given_filings if digest in made} == kept
    assert len(made) == made.committed() == len(kept)


@given(filings)
@pytest.mark.slow
def test_dropping_the_oldest_comes_to_an_end(given_filings):
    """Each drop says truthfully how many digests went, oldest windows first, until none is left."""
    made = filled(given_filings)
    before = made.committed()
    while before:
        oldest = min(map(int, made.to_json()))
        dropped = made.drop_oldest()
        assert dropped > 0
        assert made.committed() == len(made) == before - dropped
        assert not made.committed() or min(map(int, made.to_json())) >= oldest
        before = made.committed()
    assert made.drop_oldest() == 0


@given(st.lists(st.tuples(tags, ends, st.integers(1, 300)), max_size=8, unique_by=lambda one: one[:2]))
@pytest.mark.slow
def test_the_stored_size_is_eight_bytes_a_record(shape):
    """In base64, eight bytes a digest and four a run are all that a checkpoint grows by."""
    made = SeenRecords()
    for number, (tag, end, count) in enumerate(shape):
        for index in range(count):
            made.commit([(number * 1000 + index).to_bytes(DIGEST_BYTES, "big")], tag, end)
    stored = made.to_json()
    total = sum(count for _, _, count in shape)
    assert sum(map(len, stored.values())) <= (8 * total + 4 * len(shape)) * 4 / 3 + 4 * len(stored)


@pytest.mark.slow
def test_a_run_may_be_longer_than_its_length_can_say():
    """More than 65,535 records of one compartment in one window are several runs."""
    count = 0xFFFF + 10
    made = SeenRecords()
    for number in range(count):
        made.commit([number.to_bytes(DIGEST_BYTES, "big")], b"aa", 7)
    again = SeenRecords.from_json(made.to_json())
    assert again.committed() == len(again) == count


def _base64(content):
    return base64.b64encode(content).decode()


@given(
    st.dictionaries(
        st.text(max_size=5) | st.just("5"), st.text(max_size=40) | st.binary(max_size=60).map(_base64)
    )
)
@pytest.mark.slow
def test_damage_is_a_value_error(stored):
    """Whatever stands in the checkpoint's place, it is read or refused with a ValueError."""
    try:
        made = SeenRecords.from_json(stored)
    except ValueError:
        return
    assert SeenRecords.from_json(made.to_json()).committed() == made.committed()


@pytest.mark.slow
@given(filings, st.data())
def test_a_cut_off_text_is_refused(given_filings, data):
    """A text that lost its end is a ValueError, unless it ends between two runs."""
    for end, text in filled(given_filings).to_json().items():
        cut = text[: data.draw(st.integers(0, len(text) - 1))]
        try:
            again = SeenRecords.from_json({end: cut})
        except ValueError:
            continue
        assert again.to_json().get(end, "") == cut


@given(st.lists(digests, max_size=20))
@pytest.mark.slow
def test_packed_digests_split_as_they_were_joined(given_digests):
    """`split_digests` and `join_digests` are each other's reverse."""
    packed = b"".join(given_digests)
    assert list(split_digests(join_digests(_base64(packed)))) == given_digests


@pytest.mark.parametrize("text", ["AAAA", "AAAAAAAAAAA", "*", "AAAAAAAAAAA=\n", "ä"])
def test_packed_digests_that_are_none_are_refused(text):
    """Half a digest, a stray character and broken base64 are ValueErrors."""
    with pytest.raises(ValueError, match=r"digests are|only ASCII"):
        join_digests(text)


def test_a_digest_is_the_beginning_of_the_id():
    """Eight bytes of the artifact's id stand for it."""
    assert digest_of("00112233445566778899aabbccddeeff") == bytes.fromhex("0011223344556677")
