"""JSON that no decoder accepts is cut into its parts, whatever is inside them, and the work has a limit."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signal_client_oci.artifacts import json_scan
from signal_client_oci.artifacts.json_scan import (
    JsonScanError,
    list_elements,
    object_members,
    object_members_within,
    string_end,
)


def test_members_of_an_object_are_found_without_reading_them():
    """Keys are resolved, the last of doubled ones comes last, and values keep their bytes."""
    text = b' {"a" : [1, {"b": 2}], "\\u0062":"}", "a":\x01 x } tail'
    members, end = object_members(text)
    assert [(key, text[slice(*span)]) for key, span in members] == [
        ("a", b'[1, {"b": 2}]'),
        ("b", b'"}"'),
        ("a", b"\x01 x"),
    ]
    assert text[end:] == b" tail"
    assert object_members(b"[1]") == ([], -1)


@settings(deadline=None)
@given(st.text())
@pytest.mark.slow
def test_the_end_of_a_string_is_found(text):
    """A string's end is found past escapes and quotes, however many there are."""
    written = json.dumps(text * 50).encode()
    assert string_end(written + b'"', 0) == len(written)
    assert string_end(written[:-1], 0) == -1


def test_the_parts_of_a_list_are_found_without_reading_them():
    """Elements keep their bytes, a wrong bracket stays within its element, and a truncated list has no end."""
    text = b' [1, {"a":[\x01}, "]," ] tail'
    spans, end = list_elements(text)
    assert [text[slice(*span)] for span in spans] == [b"1", b'{"a":[\x01}', b'"],"']
    assert text[end:] == b" tail"
    assert list_elements(b" [ ] ") == ([], 4)
    assert list_elements(b'[1, {"a":2}')[1] == -1


def _do_not_check() -> None:
    """Let the scan go on."""


@pytest.mark.parametrize(
    ("scan", "kind"),
    [
        (lambda: list_elements(b"[1,]"), "malformed"),
        (lambda: list_elements(b"[1,2,3]", 2), "too_many_items"),
        (lambda: object_members_within(b'{"a":1,"b":2,"c":3}', 1, _do_not_check), "too_many_items"),
        (lambda: list_elements(b"[" * 20_000 + b"]" * 20_000), "too_many_tokens"),
    ],
    ids=["a gap", "a list", "an object", "brackets"],
)
def test_an_error_says_its_kind(monkeypatch, scan, kind):
    """Whoever asked can tell a malformed text from one beyond a limit without reading a sentence."""
    monkeypatch.setattr(json_scan, "_MAX_TOKENS", 1 << 14)
    with pytest.raises(JsonScanError) as refused:
        scan()
    assert refused.value.kind == kind


@pytest.mark.deep
@pytest.mark.slow
def test_an_object_of_too_many_parts_is_not_looked_through():
    """How many steps one odd record costs is bounded; what it is too large for counts as cut off."""
    assert object_members(b'{"a":[' + b"{}," * 2_000_000 + b"1]}") == ([], -1)
    assert object_members(b'{"a":"' + b"x" * (9 << 20) + b'"}') == ([], -1)
    assert object_members(b'{"a":[' + b"{}," * 100_000 + b"1]}")[0][0][0] == "a"
