"""Masks secrets inside a record's JSON text, and leaves every other byte as it is.

A secret is known by the key it stands under (`authorization`, `x-auth-token`, `password`, ...) or by its own
shape (`ST$...`, a PEM private key, the access part of a pre-authenticated request). It gives way to a marker that
keeps its kind: `<redacted:session-token>`. Strings that hold JSON, such as the header `opc-principal`, are searched
too. A text without a suspicious byte sequence comes back as the same object.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from typing import Final, NamedTuple

from signal_client_oci.records import string_end
from signal_client_oci.secret_shapes import (
    hints,
    is_marked,
    kind_of_key,
    shapes_in,
    suspicious,
    value_kind,
)

__all__ = ["redact"]

MAX_NESTING: Final = 8  # of JSON inside strings of JSON
MAX_MARKS: Final = 64  # quotes and brackets looked at for the `value` that goes with a `key`

_ESCAPE: Final = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_LONGER: Final = re.compile(rb"\\[unrtbf]|\x00")
_SHORT: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_BACKSLASH: Final = ord("\\")
_COLON: Final = re.compile(rb"\s{0,20}:\s{0,20}")
_MARK: Final = re.compile(rb'["{}\[\]]')
_NUMBER: Final = re.compile(rb"-?[0-9][0-9.eE+-]*")
_NAMES_VALUE: Final = re.compile(rb'"(?:key|name|header)"\s{0,20}:\s{0,20}$', re.IGNORECASE)
_VALUES: Final = (b'"value"', b'"values"')
# the `value` that goes with a `key` and stands right before it
_VALUE_BEFORE: Final = re.compile(
    rb'value(?:s"\s{0,20}:\s{0,20}\[|"\s{0,20}:)\s{0,20}"((?:[^"\\]|\\.){1,8192})"\s{0,20}\]?\s{0,20},'
    rb'\s{0,20}"[a-z]{3,6}"\s{0,20}:\s{0,20}"',
    re.IGNORECASE | re.DOTALL,
)
_FARTHEST_VALUE: Final = 8400
# kinds whose objects are secret in every part; the others name a resource in theirs
_WHOLE_OBJECTS: Final = frozenset(
    {"authorization", "cookie", "credentials", "obo-token", "password", "private-key"}
)
_NUMBERS_TOO: Final = frozenset({"credentials", "password", "secret", "token"})
# the answer that makes a customer secret key calls the secret just `key`
_CUSTOMER_KEY: Final = re.compile(rb'"payload"\s{0,20}:\s{0,20}\{[^{}]{0,2000}?"key"\s{0,20}:\s{0,20}')


Pair = tuple[int, int]


class Span(NamedTuple):
    """A stretch of bytes to mask; `quoted` where the marker needs quotes of its own."""

    start: int
    stop: int
    kind: str
    quoted: bool = False


def redact(text: bytes) -> tuple[bytes, int]:
    """Mask the secrets in a record's JSON text; give the text and how many values were masked.

    The JSON stays valid. Doing it twice changes nothing more. Never raises, also on text that is no JSON.
    """
    if not suspicious(text):
        return text, 0
    spans = _apart(_Reader(text, 0).spans())
    if not spans:
        return text, 0
    pieces: list[bytes] = []
    pos = 0
    for span in spans:
        marker = f"<redacted:{span.kind}>".encode()
        pieces += (text[pos : span.start], b'"' + marker + b'"' if span.quoted else marker)
        pos = span.stop
    return b"".join((*pieces, text[pos:])), len(spans)


def _apart(spans: list[Span]) -> list[Span]:
    """Put spans in order, and make one of those that overlap."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.stop)):
        if not kept or span.start >= kept[-1].stop:
            kept.append(span)
        elif span.stop > kept[-1].stop:
            kept[-1] = kept[-1]._replace(stop=span.stop)
    return kept


class _Reader:
    """Looks at the strings of a JSON text that hold a hint, and at the values that belong to them.

    Nothing outside of strings can be suspicious in JSON, so the last quote before a hint opens its string.
    """

    def __init__(self, text: bytes, nesting: int) -> None:
        self.text, self.nesting = text, nesting
        self.hints = hints(text)
        self.found: list[Span] = []
        self.done = 0

    def spans(self) -> list[Span]:
        """Give all spans to mask, in no order and perhaps overlapping."""
        if b"createcustomersecretkey" in self.text.lower():
            for found in _CUSTOMER_KEY.finditer(self.text):
                self._mask(found.end(), "secret")
            self.done = 0
        for hint in self.hints:
            if hint >= self.done:
                self._string(*self._around(hint))
        return self.found

    def _around(self, place: int) -> Pair:
        """Give start and end of the text of the string that a place lies in."""
        quote = self.text.rfind(b'"', 0, place)
        while quote > 0 and self._escaped(quote):
            quote = self.text.rfind(b'"', 0, quote)
        end = string_end(self.text, quote)
        return quote + 1, end - 1 if end > 0 else len(self.text)

    def _escaped(self, quote: int) -> bool:
        """Tell whether an odd number of backslashes stands before a quote."""
        if self.text[quote - 1] != _BACKSLASH:
            return False
        before = self.text[max(0, quote - 4096) : quote]
        return (len(before) - len(before.rstrip(b"\\"))) % 2 == 1

    def _string(self, start: int, stop: int) -> None:
        """Look at a string with a hint: a key tells of its value, a value is searched."""
        content = self.text[start:stop]
        self.done = stop + 1
        colon = _COLON.match(self.text, stop + 1)
        kind = kind_of_key(_plain(content)) if colon else ""
        if colon and kind:
            self._mask(colon.end(), kind)
            return
        self._search(content, start)
        if not colon and _NAMES_VALUE.search(self.text, max(0, start - 48), start - 1):
            kind = kind_of_key(_plain(content))
            if kind:
                self._value_before(start, kind)
                self._value_behind(stop + 1, kind)

    def _mask(self, pos: int, kind: str) -> None:
        """Mask the value at a place: a string, a number, a list of them, or an object that is secret throughout."""
        number = _NUMBER.match(self.text, pos) if kind in _NUMBERS_TOO else None
        if number:
            self.found.append(Span(*number.span(), kind, quoted=True))
        depth = 0
        if self.text[pos : pos + 1] not in (b'"', b"[", b"{"):
            return
        while mark := _MARK.search(self.text, pos):
            at, what = mark.start(), mark.group()
            pos = at + 1
            if what == b'"':
                end = string_end(self.text, at)
                pos = end if end > 0 else len(self.text)
                self._leaf(at + 1, pos - 1 if end > 0 else pos, kind)
            elif what == b"{" and kind not in _WHOLE_OBJECTS:
                return
            else:
                depth += 1 if what in b"{[" else -1
            self.done = pos
            if depth <= 0:
                return

    def _leaf(self, start: int, stop: int, kind: str) -> None:
        """Mask one string, unless it is the key of a member or needs no mask."""
        masked = value_kind(kind, self.text[start:stop])
        if masked and not _COLON.match(self.text, stop + 1):
            self.found.append(Span(start, stop, masked))

    def _value_before(self, start: int, kind: str) -> None:
        """Mask the `value` that stands right before the `key` whose text begins at a place."""
        first = max(0, start - _FARTHEST_VALUE)
        place = self.text[first:start].lower().rfind(b'"value')
        if place >= 0 and (found := _VALUE_BEFORE.fullmatch(self.text, first + place + 1, start)):
            self._leaf(*found.span(1), kind)

    def _value_behind(self, pos: int, kind: str) -> None:
        """Mask the `value` that goes with a `key` of the same object, as in a list of claims."""
        depth = 0
        for _ in range(MAX_MARKS):
            mark = _MARK.search(self.text, pos)
            if mark is None:
                return
            what, pos = mark.group(), mark.end()
            if what != b'"':
                depth += 1 if what in b"{[" else -1
                if depth < 0:
                    return
                continue
            pos = string_end(self.text, mark.start())
            if pos < 0:
                return
            colon = _COLON.match(self.text, pos)
            if colon and not depth and self.text[mark.start() : pos].lower() in _VALUES:
                self._mask(colon.end(), kind)
                return

    def _hints_in(self, start: int, stop: int) -> list[int]:
        """Give the hints that lie in a stretch of the text, counted from its start."""
        return [
            hint - start
            for hint in self.hints[bisect_left(self.hints, start) : bisect_left(self.hints, stop)]
        ]

    def _search(self, content: bytes, start: int) -> None:
        """Search a string's own text, and the JSON that it may hold."""
        if is_marked(content):
            return
        inner, marks = _unescaped(content) if b"\\" in content else (content, None)
        nested = inner.lstrip()[:1] in {b"{", b"["} and b'"' in inner and self.nesting < MAX_NESTING
        if nested:
            spans = _Reader(inner, self.nesting + 1).spans()
        else:
            places = hints(inner) if marks else self._hints_in(start, start + len(content))
            spans = [Span(*shape) for shape in shapes_in(inner, places)]
        for span in _apart(spans):
            a, b = (_outer(marks, span.start), _outer(marks, span.stop)) if marks else span[:2]
            self.found.append(Span(start + a, start + b, span.kind))


_Marks = tuple["array[int]", "array[int]"]


def _plain(content: bytes) -> bytes:
    """Give the text that a JSON string stands for."""
    return _unescaped(content)[0] if b"\\" in content else content


def _unescaped(content: bytes) -> tuple[bytes, _Marks]:
    """Resolve a JSON string's escapes; give the text, and the places after each escape inside and outside."""
    outer = array("q", (0, *(escape.end() for escape in _ESCAPE.finditer(content))))
    if not _LONGER.search(content):  # nothing but quotes, slashes and backslashes, each one byte shorter
        plain = (
            content.replace(rb"\\", b"\0").replace(rb"\"", b'"').replace(rb"\/", b"/").replace(b"\0", b"\\")
        )
        return plain, (array("q", (end - n for n, end in enumerate(outer))), outer)
    inner, shorter = array("q", (0,)), 0
    for escape in _ESCAPE.finditer(content):
        shorter += escape.end() - escape.start() - len(_resolved(escape))
        inner.append(escape.end() - shorter)
    return _ESCAPE.sub(_resolved, content), (inner, outer)


def _resolved(escape: re.Match[bytes]) -> bytes:
    """Give the bytes that one escape stands for."""
    code, char = escape.groups()
    if code is not None:
        return chr(int(code, 16)).encode("utf-8", "surrogatepass")
    return _SHORT.get(char, char)


def _outer(marks: _Marks, position: int) -> int:
    """Give the place in the escaped text of a place in the resolved one."""
    inner, outer = marks
    at = bisect_right(inner, position) - 1
    return outer[at] + position - inner[at]
