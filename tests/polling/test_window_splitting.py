"""How a long window is split into slices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_client_oci.polling.windows.window_splitting import next_slice_minutes, slice_end, spare_minutes
from signal_client_oci.state.windows import DAY

pytestmark = pytest.mark.slow

minutes = st.integers(0, 60_000_000)


def cut(start, end, spans, tail, longest):
    """The pieces of a window whose span changes from piece to piece."""
    pieces = []
    at = start
    while at < end:
        span = spans[len(pieces) % len(spans)]
        stop = min(slice_end(at, end, span, tail), at + longest)
        assert stop > at, "a piece must hold at least a minute"
        pieces.append((at, stop))
        at = stop
    return pieces


@given(
    minutes,
    st.integers(1, 30 * DAY),
    st.lists(st.one_of(st.just(0), st.integers(30, 20 * DAY)), min_size=1, max_size=8),
    st.integers(0, 120),
    st.sampled_from([7 * DAY, 14 * DAY]),
)
def test_pieces_tile_their_window(start, length, spans, tail, longest):
    """Whatever the spans, the pieces cover `[start, end)` in order, without a gap and without an overlap."""
    pieces = cut(start, start + length, spans, tail, longest)
    assert pieces[0][0] == start
    assert pieces[-1][1] == start + length
    assert [stop for _, stop in pieces[:-1]] == [at for at, _ in pieces[1:]]
    assert max(stop - at for at, stop in pieces) <= longest


@given(minutes, st.integers(1, 600), st.integers(0, 120))
def test_pieces_of_one_minute_tile_too(start, length, tail):
    """The smallest span there is cuts a window into its minutes."""
    assert cut(start, start + length, [1], tail, DAY) == [(at, at + 1) for at in range(start, start + length)]


@given(minutes, st.integers(181, 20 * DAY), st.integers(0, 20 * DAY), st.integers(0, 120))
def test_a_long_window_cuts_before_its_overlap(start, length, span, tail):
    """In a long window no piece reaches from before the tail into it, so that the digests stay few."""
    end = start + length
    pieces = [(start, slice_end(start, end, span, tail))]
    assert all(stop <= end - tail or at >= end - tail for at, stop in pieces)


@given(minutes, st.integers(1, 180), st.integers(0, 120))
def test_the_usual_window_is_one_request(start, length, tail):
    """A window of up to three hours of which nothing is known yet is asked for at once."""
    assert slice_end(start, start + length, 0, tail) == start + length


@given(st.integers(1, 14 * DAY), st.integers(0, 100_000), st.sampled_from([7 * DAY, 14 * DAY]))
def test_spans_stay_within_bounds(span, pages, longest):
    """The next span is never less than a minute nor more than the service takes."""
    assert 1 <= next_slice_minutes(span, pages, longest) <= longest


@given(st.integers(1, 3 * DAY), st.integers(9, 10_000))
def test_a_full_piece_is_followed_by_smaller_ones(span, pages):
    """More than eight pages make the next piece smaller, down to a minute; one page makes it larger."""
    assert next_slice_minutes(span, pages, 14 * DAY) < span or span == 1
    assert next_slice_minutes(span, 1, 14 * DAY) == 4 * span
    assert next_slice_minutes(span, 0, 14 * DAY) == 4 * span


@given(st.integers(1, 14 * DAY), st.integers(2, 8))
def test_a_comfortable_piece_keeps_its_size(span, pages):
    """Between two and eight pages the span stays as it is."""
    assert next_slice_minutes(span, pages, 14 * DAY) == span


@given(start=st.integers(0, 40_000_000), length=st.integers(181, 14 * DAY))
def test_pieces_for_spare_places_get_shorter_and_end_together(start, length):
    """Cut for spare places alone, a window's pieces never grow, and the last ones are minutes long."""
    at, spans = start, []
    while at < start + length:
        spans.append(min(spare_minutes(at, start + length), start + length - at))
        at += spans[-1]
    assert spans == sorted(spans, reverse=True)
    assert max(spans[-12:]) <= 15
    assert len(spans) <= 100
