"""Decodes the fields that a mapping reads, and recovers what can be read of a malformed record.

A well-formed record is decoded by msgspec in one go. Any other is cut into members by `json_scan`, and every field is
decoded by itself: the readable ones are used, the others are named in the record's parse errors.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final, NamedTuple, TypeVar, get_args

import msgspec

from signal_client_oci.artifacts.json_scan import object_members

__all__ = [
    "DECODE_ERRORS",
    "NOT_UTF_8",
    "ParseError",
    "any_unreadable",
    "decode_fields",
    "decode_leniently",
]

Shape = TypeVar("Shape", bound=msgspec.Struct)
_RECORD: Final = "record"  # the field of what is wrong with a record as a whole


class ParseError(NamedTuple):
    """What could not be read of a record.

    `field` is the path of the field in the record's JSON, `record` for the record as a whole; `detail` says in a few
    English words what is wrong with it. As text: `field: detail`.
    """

    field: str
    detail: str

    def __str__(self) -> str:
        return f"{self.field}: {self.detail}"

    def within(self, path: str) -> ParseError:
        """Return the error of a part as one of the record that has the part at a path."""
        return ParseError(path if self.field == _RECORD else f"{path}.{self.field}", self.detail)


_TOO_DEEP: Final = ParseError(_RECORD, "nested too deeply")
_NOT_JSON: Final = ParseError(_RECORD, "not valid JSON")
NOT_UTF_8: Final = ParseError(_RECORD, "not valid UTF-8")

# what msgspec raises for a text that is not JSON, not of the shape, not UTF-8 or nested too deeply
DECODE_ERRORS: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_EMPTY: Final = ("", "None", "null")
_KINDS: Final = {
    "{": "an object",
    "[": "a list",
    '"': "a string",
    "t": "a boolean",
    "f": "a boolean",
    "n": "null",
}


def decode_fields(
    text: bytes, decoder: msgspec.json.Decoder[Shape], shape: type[Shape]
) -> tuple[Shape, list[ParseError]]:
    """Return a record's fields and what could not be read of it; never raises, whatever the bytes."""
    try:
        return decoder.decode(text), []
    except msgspec.ValidationError:
        # valid JSON with some field of another type: the recovery below finds out which
        errors: list[ParseError] = []
    except RecursionError:
        errors = [_TOO_DEEP]
    except (msgspec.DecodeError, UnicodeDecodeError):
        # which of the two is raised for broken characters depends on msgspec's release
        errors = [_NOT_JSON if _is_utf_8(text) else NOT_UTF_8]
    fields = _recover_object(text, shape, "", errors)
    return shape(**fields), errors


def _is_utf_8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def any_unreadable(errors: list[ParseError], fields: frozenset[str]) -> bool:
    """Return whether one of the fields, or the record as a whole, could not be read.

    Too deep a nesting does not count: the fields themselves were recovered, and where it begins depends on the
    depth of the caller's stack, on which nothing that identifies a record may depend.
    """
    if not errors:  # nearly always, and cheaper than to build a generator
        return False
    return any(error.field in fields or (error.field == _RECORD and error != _TOO_DEEP) for error in errors)


def decode_leniently(raw: msgspec.Raw | bytes) -> Any:
    """Return the value of a JSON text, also with control or broken characters in it; None when there is none."""
    try:
        return msgspec.json.decode(raw)
    except DECODE_ERRORS:
        pass
    try:
        return json.loads(bytes(raw).decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def _recover_object(
    text: bytes, shape: type[msgspec.Struct], path: str, errors: list[ParseError]
) -> dict[str, Any]:
    """Return what can be read of an object's text as keyword arguments of its shape; add to `errors` what cannot."""
    members, end = object_members(text)
    if end < 0 or text[end:].strip():
        errors.append(ParseError(path or _RECORD, _object_error(text, end)))
    values = dict(members)
    found = {}
    for name, (key, kind) in _fields_of(shape).items():
        if key in values:
            value = _recover_value(text[slice(*values[key])], kind, f"{path}.{key}" if path else key, errors)
            if value is not None:
                found[name] = value
    return found


def _recover_value(text: bytes, kind: Any, path: str, errors: list[ParseError]) -> Any:
    """Return one member's value in the type that its field has; None, with a parse error, when it cannot be."""
    if text == b"null" or kind is msgspec.Raw:
        return None if text == b"null" else msgspec.Raw(text)
    inner = next((part for part in get_args(kind) if _is_shape(part)), None)
    if inner is not None:
        return _recover_member_object(text, inner, path, errors)
    try:
        return msgspec.json.decode(text, type=kind)
    except DECODE_ERRORS as error:
        written = _string_value(text) if text.startswith(b'"') else None
        if written is not None and str in get_args(kind):
            errors.append(ParseError(path, "contains characters that JSON does not allow"))
            return written
        # pipelines write "None" or "null" for a field without a value: nothing is lost
        if written is None or written.strip() not in _EMPTY:
            is_other_type = isinstance(error, msgspec.ValidationError)
            detail = f"unexpected type (found {_kind(text)})" if is_other_type else _NOT_JSON.detail
            errors.append(ParseError(path, detail))
        return None


def _recover_member_object(
    text: bytes, shape: type[msgspec.Struct], path: str, errors: list[ParseError]
) -> Any:
    """Return a member that should be an object, also when a pipeline encoded it as a string; None when it is not."""
    if text.startswith(b'"'):
        written = _string_value(text).strip()
        if written in _EMPTY:
            return None
        if written.startswith("{"):
            errors.append(ParseError(path, "an object encoded as a string"))
            # one error names the string; what is wrong inside it is not reported again for each field
            return shape(**_recover_object(written.encode("utf-8", "replace"), shape, path, []))
    if not text.startswith(b"{"):
        errors.append(ParseError(path, _object_error(text, -1)))
        return None
    return shape(**_recover_object(text, shape, path, errors))


def _string_value(text: bytes) -> str:
    """Return the text that a JSON string stands for, with replacement characters for broken ones."""
    written = text.decode("utf-8", "replace")
    try:
        value = json.loads(written, strict=False)
    except (ValueError, RecursionError):
        value = written.strip('"')
    # joins surrogate pairs and replaces half ones, which no UTF-8 can carry
    return str(value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _object_error(text: bytes, end: int) -> str:
    """Return what is wrong with a text that is not one whole object; `end` as from `object_members`."""
    if not text.lstrip().startswith(b"{"):
        return f"expected an object, found {_kind(text)}"
    return (
        "truncated, or too large to be read field by field"
        if end < 0
        else "an object with something after its end"
    )


def _kind(text: bytes) -> str:
    """Return in words what type of JSON value a text begins as."""
    head = text.lstrip()[:1].decode("latin-1")
    return _KINDS.get(head, "a number" if head in "-0123456789" and head else "something that is not JSON")


def _is_shape(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


@cache
def _fields_of(shape: type[msgspec.Struct]) -> dict[str, tuple[str, Any]]:
    """Return each field's name with its JSON key and its type."""
    return {field.name: (field.encode_name, field.type) for field in msgspec.structs.fields(shape)}
