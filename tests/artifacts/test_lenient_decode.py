"""Of a malformed record every readable field is used, and every other one is named."""

from __future__ import annotations

import msgspec
import pytest

from signal_client_oci.artifacts.lenient_decode import (
    ParseError,
    any_unreadable,
    decode_fields,
    decode_leniently,
)


class Inner(msgspec.Struct):
    """An object inside the record."""

    name: str | None = None


class Outer(msgspec.Struct):
    """A record."""

    text: str | None = None
    count: int | None = None
    inner: Inner | None = None


DECODER = msgspec.json.Decoder(Outer)
DEEP = b"[" * 100_000 + b"]" * 100_000


@pytest.mark.parametrize(
    ("text", "fields", "errors"),
    [
        (b'{"text":"a","count":1,"inner":{"name":"b"}}', Outer("a", 1, Inner("b")), []),
        (b'{"text":5,"count":1}', Outer(None, 1), ["text: unexpected type (found a number)"]),
        (b'{"count":"None","text":"a"}', Outer("a"), []),
        (b'{"inner":"","text":"a"}', Outer("a"), []),
        (b'{"inner":[],"text":"a"}', Outer("a"), ["inner: expected an object, found a list"]),
        (b'{"inner":{"name":true}}', Outer(inner=Inner()), ["inner.name: unexpected type (found a boolean)"]),
        (
            b'{"inner":"{\\"name\\":\\"b\\"}"}',
            Outer(inner=Inner("b")),
            ["inner: an object encoded as a string"],
        ),
        (b'{"text":"a","x":oops}', Outer("a"), ["record: not valid JSON"]),
        (
            b'{"text":"\xff","count":1}',
            Outer("\ufffd", 1),
            ["record: not valid UTF-8", "text: contains characters that JSON does not allow"],
        ),
        (
            b'{"x":oops,"text":"\xff"}',
            Outer("\ufffd"),
            ["record: not valid UTF-8", "text: contains characters that JSON does not allow"],
        ),
        (b'{"text":"a","x":' + DEEP + b"}", Outer("a"), ["record: nested too deeply"]),
        (b"17", Outer(), ["record: expected an object, found a number"]),
    ],
    ids=range(12),
)
def test_readable_fields_are_used_and_the_others_are_named(text, fields, errors):
    """One bad field costs the record that field alone, and the parse error names it by its path."""
    decoded, found = decode_fields(text, DECODER, Outer)
    assert decoded == fields
    assert [str(error) for error in found] == errors


@pytest.mark.slow
def test_only_what_could_not_be_read_counts_as_unreadable():
    """A field of another name does not count, the record as a whole does, its depth does not."""
    fields = frozenset({"id"})
    assert not any_unreadable([], fields)
    assert not any_unreadable([ParseError("other", "missing")], fields)
    assert any_unreadable([ParseError("id", "missing")], fields)
    assert any_unreadable(decode_fields(b'{"x":oops}', DECODER, Outer)[1], fields)
    assert not any_unreadable(decode_fields(b'{"x":' + DEEP + b"}", DECODER, Outer)[1], fields)


def test_an_error_of_a_part_is_one_of_its_record():
    """The path of the part comes first, and stands for the part as a whole."""
    assert str(ParseError("name", "missing").within("logContent.data")) == "logContent.data.name: missing"
    assert (
        str(ParseError("record", "not valid JSON").within("logContent.data"))
        == "logContent.data: not valid JSON"
    )


@pytest.mark.parametrize(
    ("raw", "value"),
    [(b'{"a":1}', {"a": 1}), (b'"a\x01b"', "a\x01b"), (b'"\xff"', "\ufffd"), (b"oops", None), (DEEP, None)],
    ids=["JSON", "a control character", "broken UTF-8", "not JSON", "too deep"],
)
def test_a_piece_of_json_is_decoded_leniently(raw, value):
    """Characters that JSON does not allow do no harm, and what is not JSON gives None."""
    assert decode_leniently(raw) == value
