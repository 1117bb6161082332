"""Times, addresses and texts are read as records write them."""

from __future__ import annotations

import json
import unicodedata
from datetime import datetime, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_client_oci.artifacts.addresses import endpoint, one_ip, port_number
from signal_client_oci.artifacts.sanitize import MAX_CHARACTERS, is_clean, sanitize, sanitize_list, set_fields
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
    """Every spelling seen is read, and what is no time is none."""
    assert utc_text(written) == read
    assert (utc_moment(written) is None) == (read is None)


@settings(deadline=None)
@given(st.datetimes(EARLY.replace(tzinfo=None), LATE.replace(tzinfo=None), timezones=st.just(timezone.utc)))
def test_a_time_comes_back(moment):
    """A time that is written is read as the same moment, and its identity cuts at milliseconds."""
    text = moment.isoformat().replace("+00:00", "Z")
    assert utc_moment(utc_text(text)) == moment
    assert identity_time(text) == identity_time(moment.isoformat())
    assert identity_time(text).endswith(f"{moment.microsecond // 1000:03d}Z")


@settings(deadline=None)
@given(st.text())
def test_any_text_may_stand_for_a_time(text):
    """Nothing raises, and what is no time identifies by itself."""
    if utc_text(text) is None:
        assert identity_time(text) == text


@pytest.mark.parametrize("value", [1e400, float("nan"), 10**400, "x", "", "1" * 5000, -(10**30), "1.5"])
def test_an_epoch_that_is_no_time(value):
    """Numbers beyond the calendar are no times."""
    assert utc_text_of_epoch(value) is None


def test_epochs_are_read_in_their_unit():
    """Milliseconds as a rule, seconds where it is said."""
    assert (
        utc_text_of_epoch(1772615727348) == utc_text_of_epoch("1772615727348") == "2026-03-04T09:15:27.348Z"
    )
    assert utc_text_of_second(1772615727) == "2026-03-04T09:15:27.000Z"
    assert utc_text_of_epoch(-1) == "1969-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    ("text", "ip", "port"),
    [
        ("10.0.0.1:443", "10.0.0.1", 443),
        ("[2001:db8::1]:443", "2001:db8::1", 443),
        ("2001:db8::1", "2001:db8::1", None),
        ("10.0.0.1", "10.0.0.1", None),
        ("10.0.0.1:8080, 10.0.0.2:8081", "10.0.0.2", 8081),
        ("10.0.0.1:http", "10.0.0.1", None),
        ("web:443", None, None),
        ("-", None, None),
        (None, None, None),
        ("1" * 10_000, None, None),
    ],
)
def test_endpoints(text, ip, port):
    """An address and its port are read from one text."""
    assert endpoint(text) == (ip, port)


@settings(deadline=None)
@given(st.text())
def test_any_text_may_stand_for_an_address(text):
    """Nothing raises."""
    assert one_ip(text) in (None, text.strip())
    endpoint(text)


@pytest.mark.parametrize(
    ("value", "port"),
    [(443, 443), ("443", 443), (0, 0), (65536, None), ("-1", None), (True, None), (1.0, None), ("٤٤٣", None)],
)
def test_ports(value, port):
    """A port is a whole number of sixteen bits, as number or text."""
    assert port_number(value) == port


@settings(deadline=None)
@given(st.text())
def test_shown_text_is_safe(text):
    """Nothing that is shown moves a cursor, and a text of nothing is empty."""
    safe = sanitize(text)
    assert not {unicodedata.category(char) for char in safe} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f") & set(safe)
    assert safe not in ("None", "null")
    assert not safe.isspace()
    assert sanitize(safe) == safe
    safe.encode()


@given(st.text(min_size=1, max_size=3), st.integers(1, 3))
@settings(deadline=None, max_examples=20)
def test_shown_text_is_bounded(text, times):
    """However long a text is, what is shown of it has a length, and says how long it was."""
    long = text * (MAX_CHARACTERS * times)
    safe = sanitize(long)
    assert len(safe) <= MAX_CHARACTERS
    assert safe.endswith(f"... [{len(long)} characters in all]") or len(long) <= MAX_CHARACTERS or not safe


@settings(deadline=None)
@given(st.lists(st.text(max_size=3), max_size=5))
def test_shown_lists_hold_no_nothing(texts):
    """A list has only texts that say something."""
    assert all(sanitize_list(texts))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (r'{"a": "x"}', True),
        (r'{"a": "\"x\" \\ \/"}', True),
        (r'{"a": "\n"}', False),
        (r'{"a": "\u202e"}', False),
        (r'{"a": "\\\n"}', False),
        ('{"a": "\x7f"}', False),
        ('{"a": "é"}', False),
    ],
)
def test_quotes_and_slashes_are_clean_and_other_escapes_are_not(text, clean):
    """What can only stand for printable ASCII needs no second look."""
    assert is_clean(text.encode()) is clean


@settings(deadline=None)
@given(
    st.dictionaries(
        st.text(alphabet=st.characters(codec="ascii"), max_size=9), st.text(max_size=9), max_size=5
    )
)
def test_clean_texts_need_no_second_look(fields):
    """Where a record is found clean, fields come out the same with and without a look at each."""
    text = json.dumps(fields).encode()
    if is_clean(text):
        quick, slow = {}, {}
        set_fields(quick, fields.items(), clean=True)
        set_fields(slow, fields.items())
        assert quick == slow
