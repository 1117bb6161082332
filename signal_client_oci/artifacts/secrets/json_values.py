"""The values of a JSON text: what is masked of the one that stands at a place, and how far it was looked at."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from signal_client_oci.artifacts.json_scan import string_end
from signal_client_oci.artifacts.json_strings import Escapes, JsonString, outer_place, strings_from, unescaped
from signal_client_oci.artifacts.secrets.hints import candidate_offsets
from signal_client_oci.artifacts.secrets.names import is_marked, is_opaque, kind_of_value
from signal_client_oci.artifacts.secrets.reach import Reach
from signal_client_oci.artifacts.secrets.schemes import (
    Span,
    authorization_spans,
    basic_credentials,
    cookie_spans,
    encoded_again,
    marker,
)

__all__ = ["MAX_MARKS", "JsonValues", "Pair", "TextSearch", "value_spans"]

MAX_MARKS: Final = 64  # quotes and runs of brackets looked at for the `value` that goes with a `key`
MAX_NESTED: Final = 4  # objects whose members are looked at from outside of them, and from inside
SHORTEST_TOKEN: Final = 16  # of one word, among those that tell of themselves
_SHORTEST_CUSTOMER_KEY: Final = 20

_NUMBER: Final = re.compile(rb"-?[0-9]{4,}(?![0-9.eE+-])")  # shorter ones count something
# what the members of an object are called that hold the secret which the object is named after
_HELD: Final = frozenset(
    b"value values content contents data text plaintext plain string base64 parameter secret password token raw".split()
)

Pair = tuple[int, int]


class TextSearch(NamedTuple):
    """How the text of one string of a record is searched, and what is encoded in it.

    Attributes:
        spans_of: (text, nesting, customer_key=, places=) → what is secret in it; `places` are the candidates, or None.
        decoded_redacted: (text, nesting) → what was decoded from base64, masked, and the number of masks.
    """

    spans_of: Callable[..., list[Span]]
    decoded_redacted: Callable[[bytes, int], tuple[bytes, int]]


def value_spans(plain: bytes, kind: str) -> list[Span]:
    """Return what to mask of a string that stands under a telling name."""
    masked = kind_of_value(kind, plain)
    if not masked:
        return []
    if kind == "authorization":
        return list(authorization_spans(plain, 0, len(plain), whole=True))
    if kind == "cookie":
        return list(cookie_spans(plain, 0, len(plain), whole=True))
    return [Span(0, len(plain), marker(masked))]


class JsonValues:
    """Masks the value at a place of a JSON text: a string, a list of strings, or what an object holds.

    Attributes:
        text: The JSON text.
        places: Where a secret may stand in it.
        found: What is to be masked.
        done: Up to where everything was looked at.
        customer_key: The record tells of a customer secret key, whose secret is called just `key`.
    """

    def __init__(self, text: bytes, nesting: int, search: TextSearch, *, customer_key: bool) -> None:
        self.text, self.nesting = text, nesting
        self.places = candidate_offsets(text)
        self.found: list[Span] = []
        self.done = 0
        self.customer_key = customer_key
        self._search = search
        self._held = Reach(most=MAX_NESTED)

    def mask(self, pos: int, kind: str, *, numeric: bool = False) -> None:
        """Mask the value at a place: a string, a number of some names, a list of strings, or what an object holds."""
        opening = self.text[pos : pos + 1]
        number = _NUMBER.match(self.text, pos) if numeric else None
        if number:
            self.found.append(Span(*number.span(), b"0"))
        elif opening == b"{" and kind != "cookie":
            self._held_in(pos, kind)
        elif opening in {b'"', b"[", b"{"}:
            self.every(pos, kind)

    def every(self, pos: int, kind: str) -> None:
        """Mask every string of a value, up to one that is no secret by its own look."""
        for string in strings_from(self.text, pos, one_value=True):
            if string.value < 0 and not self.leaf(string.start, string.stop, kind):
                self.search(self.text[string.start : string.stop], string.start)
            self.done = max(self.done, string.stop + 1)

    def walk(
        self, reach: Reach, pos: int, *, most: int | None = None, one_value: bool = False
    ) -> Iterator[JsonString]:
        """Yield the strings from a place on, unless too many walks of the kind have come by there."""
        if reach.limit(pos) <= pos:
            return
        last = pos
        try:
            for string in strings_from(self.text, pos, most=most, one_value=one_value):
                last = string.stop
                yield string
        finally:
            reach.went(pos, last)

    def _held_in(self, pos: int, kind: str) -> None:
        """Mask what an object holds under a plain name, as in `{"token": {"value": ...}}`; the rest tells by itself."""
        held = False
        for string in self.walk(self._held, pos, most=MAX_MARKS, one_value=True):
            if string.value >= 0:
                held = self.text[string.start : string.stop].lower() in _HELD
            elif held:
                self.leaf(string.start, string.stop, kind)

    def leaf(self, start: int, stop: int, kind: str) -> bool:
        """Mask one string; False when it is none that its name would make a secret, but may hold one."""
        content = self.text[start:stop]
        if is_marked(content):
            return True
        plain, escapes = unescaped(content) if b"\\" in content else (content, None)
        spans = value_spans(plain, kind)
        self._add(spans, escapes, start)
        return bool(spans) or not plain.strip()

    def _add(self, spans: Iterable[Span], escapes: Escapes | None, start: int) -> None:
        """Note spans of a string's plain text that begins at a place."""
        for span in spans:
            a, b = (outer_place(escapes, place) if escapes else place for place in span[:2])
            self.found.append(Span(start + a, start + b, span.mask))

    def search(self, content: bytes, start: int) -> None:
        """Search a string's own text, and the JSON that it may hold."""
        if is_marked(content) or (len(content) < SHORTEST_TOKEN and content.isalnum()):
            return
        escapes, places = None, None
        if b"\\" in content:
            content, escapes = unescaped(content)
        else:
            first, last = (bisect_left(self.places, at) for at in (start, start + len(content)))
            places = [place - start for place in self.places[first:last]]
        spans = self._search.spans_of(content, self.nesting, customer_key=self.customer_key, places=places)
        self._add(spans, escapes, start)

    def value_string(self, pos: int) -> Pair | None:
        """Return the span of the string that begins at a place."""
        end = string_end(self.text, pos) if self.text[pos : pos + 1] == b'"' else -1
        return (pos + 1, end - 1) if end > 0 else None

    def user_data(self, pos: int) -> None:
        """Mask what a script for a new machine holds, which comes in base64."""
        value = self.value_string(pos)
        if value is None:
            return
        content = self.text[slice(*value)]
        again = encoded_again(content, lambda inner: self._search.decoded_redacted(inner, self.nesting + 1))
        if again is not None:
            self.found.append(Span(*value, again))
            self.done = value[1] + 1

    def login(self, pos: int) -> None:
        """Mask the user and password in base64 that a registry's configuration calls just `auth`."""
        value = self.value_string(pos)
        if value and basic_credentials(self.text[slice(*value)]):
            self.leaf(*value, "authorization")
            self.done = value[1] + 1

    def customer_secret(self, pos: int) -> None:
        """Mask the secret that the answer of CreateCustomerSecretKey calls just `key`."""
        value = self.value_string(pos)
        content = self.text[slice(*value)] if value else b""
        if value and len(content) + 2 > _SHORTEST_CUSTOMER_KEY and is_opaque(content):
            self.leaf(*value, "secret")
            self.done = value[1] + 1
