"""Secrets that a JSON text tells by their place: under a telling name, beside one, or behind one in a list.

What has no telling place is searched by its shape, also in JSON and base64 inside of strings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from signal_client_oci.artifacts.json_scan import string_end
from signal_client_oci.artifacts.json_strings import COLON, plain_text
from signal_client_oci.artifacts.secrets.hints import candidate_offsets, may_contain_secret
from signal_client_oci.artifacts.secrets.json_values import JsonValues, Pair, TextSearch
from signal_client_oci.artifacts.secrets.names import kind_of_key
from signal_client_oci.artifacts.secrets.neighbours import Neighbours
from signal_client_oci.artifacts.secrets.patterns import text_spans
from signal_client_oci.artifacts.secrets.schemes import Span

__all__ = ["Reader", "Secret", "mask_text", "replaced"]

MAX_NESTING: Final = 8  # of JSON and base64 inside strings
MAX_PASSES: Final = 4
LONGEST_NAME: Final = 4096
_BACKSLASH: Final = ord("\\")

_OPENS_JSON: Final = re.compile(
    rb"\s*(?:\{\s*[\"}]|\[\s*[\"\[{\]])"
)  # and no line that begins with `[12:00:01]`
_USER_DATA: Final = frozenset({b"userdata"})
_CUSTOMER_KEY: Final = re.compile(rb"customer[-_ ]?secret[-_ ]?key", re.IGNORECASE)
# only these names take a number for a secret: `failedPassword` counts
_NUMERIC: Final = frozenset(b"password passwd passphrase passcode pwd pass otp pin".split())


class Secret(msgspec.Struct, frozen=True, gc=False):
    """A secret as it stood in a record, and what stands in its place now."""

    plain: bytes
    mask: bytes


def mask_text(
    text: bytes, secrets: list[Secret], *, nesting: int = 0, plain: bool = False, looked: bool = False
) -> bytes:
    """Mask until a further look finds nothing: a mask may end what kept something else from being seen.

    `plain` says that the text need not be JSON, `looked` that it may contain a secret. What was masked is added to
    `secrets`.
    """
    for _ in range(MAX_PASSES if not nesting else 1):  # the outermost text is what is looked at again
        if not looked and not may_contain_secret(text):
            break
        looked = False
        customer_key = _tells_of_a_customer_key(text)
        if plain:
            spans = _spans_of(text, nesting, customer_key=customer_key)
        else:
            spans = _apart(Reader(text, nesting, customer_key=customer_key).spans())
        if not spans:
            break
        secrets += [Secret(plain_text(text[span.start : span.stop]), span.mask) for span in spans]
        text = replaced(text, spans)
    return text


def _tells_of_a_customer_key(text: bytes) -> bool:
    """Tell whether a text names a customer secret key, as the service or a program would write it."""
    return (b"ustomer" in text or b"USTOMER" in text) and _CUSTOMER_KEY.search(text) is not None


def replaced(text: bytes, spans: Iterable[Span]) -> bytes:
    """Return a text with the masks of ordered spans in their places."""
    pieces: list[bytes] = []
    pos = 0
    for span in spans:
        pieces += (text[pos : span.start], span.mask)
        pos = span.stop
    return b"".join((*pieces, text[pos:]))


def _apart(spans: Iterable[Span]) -> list[Span]:
    """Put spans in order, and make one of those that overlap."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.stop)):
        if not kept or span.start >= kept[-1].stop:
            kept.append(span)
        elif span.stop > kept[-1].stop:
            kept[-1] = kept[-1]._replace(stop=span.stop)
    return kept


def _spans_of(
    text: bytes, nesting: int, *, customer_key: bool, places: Sequence[int] | None = None
) -> list[Span]:
    """Return what is secret in a string's text: JSON is read as such, anything else by shape.

    `customer_key` says that the record tells of a customer secret key, whose secret is called just `key`; `places` are
    the candidates, where they are known.
    """
    if nesting < MAX_NESTING and _OPENS_JSON.match(text) and b'"' in text:
        return _apart(Reader(text, nesting + 1, customer_key=customer_key).spans())
    if places is None:
        places = candidate_offsets(text)
    return text_spans(
        text, places, lambda inner: _decoded_redacted(inner, nesting + 1), customer_key=customer_key
    )


def _decoded_redacted(text: bytes, nesting: int) -> tuple[bytes, int]:
    """Mask what was decoded from base64."""
    if nesting > MAX_NESTING:
        return text, 0
    secrets: list[Secret] = []
    return mask_text(text, secrets, nesting=nesting, plain=True), len(secrets)


_SEARCH: Final = TextSearch(_spans_of, _decoded_redacted)


class Reader:
    """Looks at the strings of a JSON text that hold a candidate, and at the values that belong to them.

    Nothing but a number can be secret outside of strings, so the last quote before a candidate opens its string.
    """

    def __init__(self, text: bytes, nesting: int, *, customer_key: bool) -> None:
        self._text = text
        self._values = JsonValues(text, nesting, _SEARCH, customer_key=customer_key)
        self._neighbours = Neighbours(self._values)

    def spans(self) -> list[Span]:
        """Return all spans to mask, in no order and perhaps overlapping."""
        for place in self._values.places:
            if place >= self._values.done:
                self._string(*self._around(place))
        return self._values.found

    def _around(self, place: int) -> Pair:
        """Return start and end of the text of the string that a place lies in."""
        text, first = self._text, self._values.done
        quote = text.rfind(b'"', first, place)
        while quote > first and self._escaped(quote):
            quote = text.rfind(b'"', first, quote)
        if quote < 0:  # no string opens since what was looked at last
            quote = first - 1
        end = string_end(text, quote)
        return quote + 1, end - 1 if end > 0 else len(text)

    def _escaped(self, quote: int) -> bool:
        """Tell whether an odd number of backslashes stands before a quote."""
        at = quote
        while at > self._values.done and self._text[at - 1] == _BACKSLASH:
            at -= 1
        return (quote - at) % 2 == 1

    def _string(self, start: int, stop: int) -> None:
        """Look at a string with a candidate: a key tells of its value, a value is searched."""
        content = self._text[start:stop]
        self._values.done = stop + 1
        colon = COLON.match(self._text, stop + 1)
        name = plain_text(content) if len(content) <= LONGEST_NAME else content
        if colon and self._member(name, colon.end()):
            return
        self._values.search(content, start)
        if not colon:
            self._neighbours.look(name, start, stop)

    def _member(self, name: bytes, value: int) -> bool:
        """Mask the value of a member whose name tells; False when it does not."""
        compact = re.sub(rb"[-_. ]", b"", name[:64].lower())
        kind = kind_of_key(name)
        if kind:
            self._values.mask(value, kind, numeric=compact in _NUMERIC)
        elif compact == b"auth":
            self._values.login(value)
        elif compact in _USER_DATA:
            self._values.user_data(value)
        elif compact == b"stringdata":
            self._values.every(value, "secret")
        elif compact == b"key" and self._values.customer_key:
            self._values.customer_secret(value)
        else:
            return False
        return True
