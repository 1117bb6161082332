"""Minutes, windows and their pieces."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_client_oci.state.windows import (
    floor_minute,
    minute_to_datetime,
    minute_to_text,
    to_millisecond,
    to_text,
)

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
minutes = st.integers(0, 60_000_000)
moments = st.datetimes(
    datetime(1971, 1, 1),  # noqa: DTZ001  (the strategy adds the zone)
    datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.timezones(),
    allow_imaginary=False,
)


@pytest.mark.slow
@given(moments)
def test_floor_minute_is_the_minute_that_a_moment_lies_in(moment):
    """In every zone, and on both sides of every change of its clock, the minute begins at or before the moment."""
    begins = minute_to_datetime(floor_minute(moment))
    assert timedelta(0) <= moment - begins < timedelta(minutes=1)


def test_a_naive_moment_counts_as_utc():
    """A moment without a zone is the same as with UTC."""
    naive = datetime(2026, 3, 29, 1, 59, 59, 999_999)  # noqa: DTZ001  (that is the point)
    aware = naive.replace(tzinfo=timezone.utc)
    assert floor_minute(naive) == floor_minute(aware)
    assert to_text(naive) == to_text(aware) == "2026-03-29T01:59:59.999Z"


@given(minutes)
@pytest.mark.slow
def test_minutes_are_written_as_the_services_want_them(minute):
    """A minute's text is RFC 3339 with seconds of zero, and is read back as the same minute."""
    text = minute_to_text(minute)
    assert text.endswith(":00Z")
    assert floor_minute(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")) == minute


@pytest.mark.parametrize("minute", [-1, -(10**30), 10**30, 253_402_300_800 // 60])
def test_minutes_out_of_time_are_bounded(minute):
    """A number that no datetime can hold gives the nearest one, not an exception."""
    assert EPOCH <= minute_to_datetime(minute) < datetime(9999, 12, 31, 23, 59, 1, tzinfo=timezone.utc)
    assert minute_to_text(minute)[:4] in {"1970", "9999"}


@given(moments)
@pytest.mark.slow
def test_milliseconds_are_exact(moment):
    """Milliseconds are floored, with no rounding of floats in between."""
    rest = moment - EPOCH - timedelta(milliseconds=to_millisecond(moment))
    assert timedelta(0) <= rest < timedelta(milliseconds=1)
