"""Times are read in every spelling that records use, and written as RFC 3339 UTC."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_client_oci.artifacts.times import (
    identity_time,
    utc_moment,
    utc_text,
    utc_text_of_epoch,
    utc_text_of_second,
)

EARLY, LATE = datetime(1, 1, 2, tzinfo=timezone.utc), datetime(9999, 12, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-03-04T09:15:27.348Z", "2026-03-04T09:15:27.348Z"),
        ("2026-03-04T09:15:27Z", "2026-03-04T09:15:27Z"),
        ("2026-03-31T09:15:27Z", "2026-03-31T09:15:27Z"),
        ("2026-03-04T09:15:27.123456789Z", "2026-03-04T09:15:27.123456Z"),
        ("2026-03-04T10:15:27.348+01:00", "2026-03-04T09:15:27.348Z"),
        ("2026-03-04T09:15:27-0530", "2026-03-04T14:45:27.000Z"),
        ("2026-03-04 09:15:27 UTC", "2026-03-04T09:15:27.000Z"),
        ("2026-03-04T09:15:27,5", "2026-03-04T09:15:27.500Z"),
        ("2026-03-04T09:15Z", "2026-03-04T09:15:00.000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000Z"),
        ("2016-12-31T23:59:60.75Z", "2017-01-01T00:00:00.750Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("2026-02-30T00:00:00Z", None),
        ("2026-03-04T24:00:00Z", None),
        ("2026-03-04T09:15:61Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+23:00", None),
        ("9999-12-31T23:59:60Z", None),
        ("٢٠٢٦-03-04T09:15:27Z", None),
        ("2026-03-04", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times(written, read):
    """Every known spelling is read, and anything else gives None."""
    assert utc_text(written) == read
    assert (utc_moment(written) is None) == (read is None)


@settings(deadline=None)
@given(st.datetimes(EARLY.replace(tzinfo=None), LATE.replace(tzinfo=None), timezones=st.just(timezone.utc)))
@pytest.mark.slow
def test_a_time_comes_back(moment):
    """A time that is written is read as the same moment, and its identity cuts at milliseconds."""
    text = moment.isoformat().replace("+00:00", "Z")
    assert utc_moment(utc_text(text)) == moment
    assert identity_time(text) == identity_time(moment.isoformat())
    assert identity_time(text).endswith(f"{moment.microsecond // 1000:03d}Z")


@settings(deadline=None)
@given(st.text())
@pytest.mark.slow
def test_any_text_may_stand_for_a_time(text):
    """Nothing raises, and a text that is not a time identifies by itself."""
    if utc_text(text) is None:
        assert identity_time(text) == text


@pytest.mark.parametrize("value", [1e400, float("nan"), 10**400, "x", "", "1" * 5000, -(10**30), "1.5"])
def test_an_epoch_that_is_no_time(value):
    """Numbers beyond the calendar give None."""
    assert utc_text_of_epoch(value) is None


def test_epochs_are_read_in_their_unit():
    """Milliseconds as a rule, seconds where it is said."""
    assert (
        utc_text_of_epoch(1772615727348) == utc_text_of_epoch("1772615727348") == "2026-03-04T09:15:27.348Z"
    )
    assert utc_text_of_second(1772615727) == "2026-03-04T09:15:27.000Z"
    assert utc_text_of_epoch(-1) == "1969-12-31T23:59:59.999Z"
