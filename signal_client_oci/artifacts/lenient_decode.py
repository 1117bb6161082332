"""Decodes the fields that a mapping reads, and salvages what can be read of a record that is not as it should be.

A sound record is decoded by msgspec in one go. Any other is cut into members by the scanner of `records`,
and every field is tried by itself: the good ones are taken, the bad ones are named.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final, TypeVar, get_args

import msgspec

from signal_client_oci.artifacts.json_scan import object_members

__all__ = ["UNREADABLE", "any_unreadable", "plain_json", "read_fields"]

Shape = TypeVar("Shape", bound=msgspec.Struct)

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_TOO_DEEP: Final = "record: nested too deeply"
_NOTHING: Final = ("", "None", "null")
_KINDS: Final = {
    "{": "an object",
    "[": "a list",
    '"': "a string",
    "t": "a truth value",
    "f": "a truth value",
    "n": "null",
}


def read_fields(
    text: bytes, decoder: msgspec.json.Decoder[Shape], shape: type[Shape]
) -> tuple[Shape, list[str]]:
    """Give a record's fields and the parse_errors about it, each "field: what is wrong"; never raises."""
    try:
        return decoder.decode(text), []
    except msgspec.ValidationError:
        parse_errors: list[str] = []
    except RecursionError:
        parse_errors = [_TOO_DEEP]
    except UnicodeDecodeError:
        parse_errors = ["record: not UTF-8"]
    except msgspec.DecodeError:
        parse_errors = ["record: no valid JSON"]
    fields = _salvaged(text, shape, "", parse_errors)
    return shape(**fields), parse_errors


def any_unreadable(parse_errors: list[str], fields: frozenset[str]) -> bool:
    """Tell whether one of the fields, or the record as a whole, could not be read.

    Too deep a nesting does not count: the fields themselves were salvaged, and where it begins depends on the
    depth of the reader's own calls, on which nothing that identifies a record may depend.
    """
    return bool(parse_errors) and any(
        parse_error != _TOO_DEEP and (path == "record" or path in fields)
        for parse_error in parse_errors
        for path in (parse_error.partition(":")[0],)
    )


def plain_json(raw: msgspec.Raw | bytes) -> Any:
    """Decode a piece of a record, also one with control characters or broken ones in it; None when it cannot be."""
    try:
        return msgspec.json.decode(raw)
    except UNREADABLE:
        pass
    try:
        return json.loads(bytes(raw).decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def _salvaged(text: bytes, shape: type[msgspec.Struct], path: str, parse_errors: list[str]) -> dict[str, Any]:
    """Read what can be read of an object's text as keyword arguments of its shape."""
    members, end = object_members(text)
    if end < 0 or text[end:].strip():
        is_object = text.lstrip().startswith(b"{") and end < 0
        what = (
            "cut off, or too large to be read part by part" if is_object else f"{_kind(text)}, not an object"
        )
        parse_errors.append(f"{path or 'record'}: {what}")
    values = dict(members)
    found = {}
    for name, (key, kind) in _fields_of(shape).items():
        if key in values:
            value = _value(text[slice(*values[key])], kind, f"{path}.{key}" if path else key, parse_errors)
            if value is not None:
                found[name] = value
    return found


def _value(text: bytes, kind: Any, path: str, parse_errors: list[str]) -> Any:
    """Read one member's text as the kind its field has; None, with a parse_error, when it cannot be."""
    if text == b"null" or kind is msgspec.Raw:
        return None if text == b"null" else msgspec.Raw(text)
    inner = next((part for part in get_args(kind) if _is_shape(part)), None)
    if inner is not None:
        return _object(text, inner, path, parse_errors)
    try:
        return msgspec.json.decode(text, type=kind)
    except UNREADABLE as problem:
        written = _forced(text) if text.startswith(b'"') else None
        if written is not None and str in get_args(kind):
            parse_errors.append(f"{path}: text with characters that JSON does not allow")
            return written
        if written is None or written.strip() not in _NOTHING:
            wrong = isinstance(problem, msgspec.ValidationError)
            parse_errors.append(
                f"{path}: {_kind(text)} was not expected" if wrong else f"{path}: no valid JSON"
            )
        return None


def _object(text: bytes, shape: type[msgspec.Struct], path: str, parse_errors: list[str]) -> Any:
    """Read a member that should be an object, also when somebody wrote it into a string."""
    if text.startswith(b'"'):
        written = _forced(text).strip()
        if written in _NOTHING:
            return None
        parse_errors.append(
            f"{path}: an object written as a string" if written.startswith("{") else f"{path}: a string"
        )
        if not written.startswith("{"):
            return None
        text = written.encode("utf-8", "replace")
        return shape(**_salvaged(text, shape, path, []))
    if not text.startswith(b"{"):
        parse_errors.append(f"{path}: {_kind(text)}, not an object")
        return None
    return shape(**_salvaged(text, shape, path, parse_errors))


def _forced(text: bytes) -> str:
    """Give the text that a JSON string stands for, with replacement characters for what is none."""
    written = text.decode("utf-8", "replace")
    try:
        value = json.loads(written, strict=False)
    except (ValueError, RecursionError):
        value = written.strip('"')
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _kind(text: bytes) -> str:
    """Say what kind of JSON value a text begins as."""
    head = text.lstrip()[:1].decode("latin-1")
    return _KINDS.get(head, "a number" if head in "-0123456789" and head else "no JSON value")


def _is_shape(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


@cache
def _fields_of(shape: type[msgspec.Struct]) -> dict[str, tuple[str, Any]]:
    """Give each field's name with its JSON key and its type."""
    return {field.name: (field.encode_name, field.type) for field in msgspec.structs.fields(shape)}
