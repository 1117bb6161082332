"""Text that somebody else wrote is safe to show."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_client_oci.artifacts.sanitize import MAX_CHARACTERS, is_clean, sanitize, sanitize_list, set_fields


@settings(deadline=None)
@given(st.text())
@pytest.mark.slow
def test_sanitized_text_is_safe(text):
    """Nothing that is shown moves a cursor, and a text that stands for no value is empty."""
    safe = sanitize(text)
    assert not {unicodedata.category(char) for char in safe} & {"Cc", "Cs", "Zl", "Zp"}
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f") & set(safe)
    assert safe not in ("None", "null")
    assert not safe.isspace()
    assert sanitize(safe) == safe
    safe.encode()


@given(st.text(min_size=1, max_size=3), st.integers(1, 3))
@settings(deadline=None, max_examples=20)
@pytest.mark.slow
def test_sanitized_text_is_bounded(text, times):
    """However long a text is, what is shown of it has a length, and says how long it was."""
    long = text * (MAX_CHARACTERS * times)
    safe = sanitize(long)
    assert len(safe) <= MAX_CHARACTERS
    assert safe.endswith(f"... [{len(long)} characters in all]") or len(long) <= MAX_CHARACTERS or not safe


@settings(deadline=None)
@given(st.lists(st.text(max_size=3), max_size=5))
@pytest.mark.slow
def test_sanitized_lists_hold_only_values(texts):
    """A list has only texts with a value."""
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
@pytest.mark.slow
def test_clean_texts_need_no_second_look(fields):
    """Where a record is found clean, fields come out the same with and without a look at each."""
    text = json.dumps(fields).encode()
    if is_clean(text):
        quick, slow = {}, {}
        set_fields(quick, fields.items(), clean=True)
        set_fields(slow, fields.items())
        assert quick == slow
