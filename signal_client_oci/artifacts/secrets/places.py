"""Secrets that a JSON text tells by their place: under a telling name, beside one, or behind one in a list.

What has no telling place is searched by its shape, also in JSON and base64 inside of strings.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from signal_client_oci.artifacts.json_scan import string_end
from signal_client_oci.artifacts.json_strings import (
    COLON,
    Escapes,
    JsonString,
    outer_place,
    plain_text,
    strings_from,
    unescaped,
)
from signal_client_oci.artifacts.secrets.commands import COMMANDS, secret_arguments
from signal_client_oci.artifacts.secrets.hints import candidate_offsets, may_contain_secret
from signal_client_oci.artifacts.secrets.names import (
    is_marked,
    is_opaque,
    is_word,
    kind_of_key,
    kind_of_value,
)
from signal_client_oci.artifacts.secrets.patterns import text_spans
from signal_client_oci.artifacts.secrets.reach import Reach
from signal_client_oci.artifacts.secrets.schemes import (
    Span,
    authorization_spans,
    basic_credentials,
    cookie_spans,
    encoded_again,
    marker,
    opens_private_key,
)

__all__ = ["Reader", "Secret", "mask_text", "replaced", "value_spans"]

MAX_NESTING: Final = 8  # of JSON and base64 inside strings
MAX_PASSES: Final = 4
MAX_MARKS: Final = 64  # quotes and runs of brackets looked at for the `value` that goes with a `key`
MAX_ELEMENTS: Final = 48
MAX_LINES: Final = 256
FARTHEST_VALUE: Final = 8192
FARTHEST_DATA: Final = 16_384
MAX_NESTED: Final = 4  # objects whose members are looked at from outside of them, and from inside
LONGEST_NAME: Final = 4096
SHORTEST_TOKEN: Final = 16  # of one word, among those that tell of themselves
_BACKSLASH: Final = ord("\\")

_NUMBER: Final = re.compile(rb"-?[0-9]{4,}(?![0-9.eE+-])")  # shorter ones count something
_NEXT_STRING: Final = re.compile(rb'\s{0,256},\s{0,256}"')  # what stands between two strings of a list
_ENDS_LIST: Final = re.compile(rb"\s{0,256}\]")
_IN_LIST: Final = re.compile(rb"[\[,]\s{0,64}\Z")  # before the quote of an element of a list
_OPENS_INNER_LIST: Final = re.compile(rb"[\[,]\s{0,64}\[\s{0,64}\Z")  # a pair in a list of pairs
# before a string that names what stands under `value` in the same object
_NAMES_VALUE: Final = re.compile(
    rb'"(?:(?:property|header|field|param|parameter|attribute|variable|setting|option)?[-_]?(?:key|name)'
    rb'|header|field|param|parameter|attribute|variable)"\s{0,20}:\s{0,20}\Z',
    re.IGNORECASE,
)
_KIND_BEFORE: Final = re.compile(rb'"kind"\s{0,20}:\s{0,20}\Z')  # as every object of Kubernetes has it
_VALUES: Final = frozenset(
    b"value values val content #text defaultvalue headervalue propertyvalue fieldvalue paramvalue parametervalue"
    b" attributevalue variablevalue settingvalue optionvalue".split()
)
_OPENS_JSON: Final = re.compile(
    rb"\s*(?:\{\s*[\"}]|\[\s*[\"\[{\]])"
)  # and no line that begins with `[12:00:01]`
# the `value` that goes with a `key` and stands right before it
_VALUE_BEFORE: Final = re.compile(
    rb'value(?:s"\s{0,20}:\s{0,20}\[|"\s{0,20}:)\s{0,20}'  # `values": [` or `value": `
    rb'"((?:[^"\\]|\\.){1,8192})"\s{0,20}\]?\s{0,20},'  # the value itself
    rb'\s{0,20}"[a-z]{3,12}"\s{0,20}:\s{0,20}"',  # the name of the member that names it
    re.IGNORECASE | re.DOTALL,
)
_OPTION: Final = re.compile(rb"--?[A-Za-z][A-Za-z0-9_.-]*")
_KEY_LINE: Final = re.compile(rb"[A-Za-z0-9+/=]+(?:\\[nr])*")  # of a PEM whose lines are elements of a list
# what the members of an object are called that hold the secret which the object is named after
_HELD: Final = frozenset(
    b"value values content contents data text plaintext plain string base64 parameter secret password token raw".split()
)
_USER_DATA: Final = frozenset({b"userdata"})
_CUSTOMER_KEY: Final = re.compile(rb"customer[-_ ]?secret[-_ ]?key", re.IGNORECASE)
_SHORTEST_CUSTOMER_KEY: Final = 20
# only these names take a number for a secret: `failedPassword` counts
_NUMERIC: Final = frozenset(b"password passwd passphrase passcode pwd pass otp pin".split())

Pair = tuple[int, int]


class Secret(NamedTuple):
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


class Reader:
    """Looks at the strings of a JSON text that hold a candidate, and at the values that belong to them.

    Nothing but a number can be secret outside of strings, so the last quote before a candidate opens its string.
    """

    def __init__(self, text: bytes, nesting: int, *, customer_key: bool) -> None:
        self.text, self.nesting = text, nesting
        self.places = candidate_offsets(text)
        self.found: list[Span] = []
        self.done = 0
        self.looked_for_value = self.looked_for_data = (
            0  # up to where what stands before its name was looked for
        )
        self.customer_key = customer_key
        self.held, self.behind, self.data = (Reach(most=MAX_NESTED) for _ in range(3))

    def spans(self) -> list[Span]:
        """Return all spans to mask, in no order and perhaps overlapping."""
        for place in self.places:
            if place >= self.done:
                self._string(*self._around(place))
        return self.found

    def _around(self, place: int) -> Pair:
        """Return start and end of the text of the string that a place lies in."""
        text, first = self.text, self.done
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
        while at > self.done and self.text[at - 1] == _BACKSLASH:
            at -= 1
        return (quote - at) % 2 == 1

    def _string(self, start: int, stop: int) -> None:
        """Look at a string with a candidate: a key tells of its value, a value is searched."""
        content = self.text[start:stop]
        self.done = stop + 1
        colon = COLON.match(self.text, stop + 1)
        name = plain_text(content) if len(content) <= LONGEST_NAME else content
        if colon and self._member(name, colon.end()):
            return
        self._search(content, start)
        if not colon:
            self._neighbours(name, start, stop)

    def _member(self, name: bytes, value: int) -> bool:
        """Mask the value of a member whose name tells; False when it does not."""
        compact = re.sub(rb"[-_. ]", b"", name[:64].lower())
        kind = kind_of_key(name)
        if kind:
            self._mask(value, kind, numeric=compact in _NUMERIC)
        elif compact == b"auth":
            self._login(value)
        elif compact in _USER_DATA:
            self._user_data(value)
        elif compact == b"stringdata":
            self._every(value, "secret")
        elif compact == b"key" and self.customer_key:
            self._customer_key(value)
        else:
            return False
        return True

    def _neighbours(self, name: bytes, start: int, stop: int) -> None:
        """Look at what a string says of its neighbours in the same object or list."""
        ahead = self.text[max(0, start - 49) : start - 1]
        if _NAMES_VALUE.search(ahead):
            kind = kind_of_key(name)
            if kind:
                self._value_before(start, kind)
                self._value_behind(stop + 1, kind)
        elif name in {b"Secret", b"SecretList"} and _KIND_BEFORE.search(ahead):
            self._kubernetes_secret(start, stop)
        elif _IN_LIST.search(ahead):
            self._element(name, stop, ahead)

    # --- values -------------------------------------------------------------------------------------------

    def _mask(self, pos: int, kind: str, *, numeric: bool = False) -> None:
        """Mask the value at a place: a string, a number of some names, a list of strings, or what an object holds."""
        opening = self.text[pos : pos + 1]
        number = _NUMBER.match(self.text, pos) if numeric else None
        if number:
            self.found.append(Span(*number.span(), b"0"))
        elif opening == b"{" and kind != "cookie":
            self._held(pos, kind)
        elif opening in {b'"', b"[", b"{"}:
            self._every(pos, kind)

    def _every(self, pos: int, kind: str) -> None:
        """Mask every string of a value, up to one that is no secret by its own look."""
        for string in strings_from(self.text, pos, one_value=True):
            if string.value < 0 and not self._leaf(string.start, string.stop, kind):
                self._search(self.text[string.start : string.stop], string.start)
            self.done = max(self.done, string.stop + 1)

    def _walk(
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

    def _held(self, pos: int, kind: str) -> None:
        """Mask what an object holds under a plain name, as in `{"token": {"value": ...}}`; the rest tells by itself."""
        held = False
        for string in self._walk(self.held, pos, most=MAX_MARKS, one_value=True):
            if string.value >= 0:
                held = self.text[string.start : string.stop].lower() in _HELD
            elif held:
                self._leaf(string.start, string.stop, kind)

    def _leaf(self, start: int, stop: int, kind: str) -> bool:
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

    def _search(self, content: bytes, start: int) -> None:
        """Search a string's own text, and the JSON that it may hold."""
        if is_marked(content) or (len(content) < SHORTEST_TOKEN and content.isalnum()):
            return
        escapes, places = None, None
        if b"\\" in content:
            content, escapes = unescaped(content)
        else:
            first, last = (bisect_left(self.places, at) for at in (start, start + len(content)))
            places = [place - start for place in self.places[first:last]]
        spans = _spans_of(content, self.nesting, customer_key=self.customer_key, places=places)
        self._add(spans, escapes, start)

    def _value_string(self, pos: int) -> Pair | None:
        """Return the span of the string that begins at a place."""
        end = string_end(self.text, pos) if self.text[pos : pos + 1] == b'"' else -1
        return (pos + 1, end - 1) if end > 0 else None

    def _user_data(self, pos: int) -> None:
        """Mask what a script for a new machine holds, which comes in base64."""
        value = self._value_string(pos)
        if value is None:
            return
        content = self.text[slice(*value)]
        again = encoded_again(content, lambda inner: _decoded_redacted(inner, self.nesting + 1))
        if again is not None:
            self.found.append(Span(*value, again))
            self.done = value[1] + 1

    def _login(self, pos: int) -> None:
        """Mask the user and password in base64 that a registry's configuration calls just `auth`."""
        value = self._value_string(pos)
        if value and basic_credentials(self.text[slice(*value)]):
            self._leaf(*value, "authorization")
            self.done = value[1] + 1

    def _customer_key(self, pos: int) -> None:
        """Mask the secret that the answer of CreateCustomerSecretKey calls just `key`."""
        value = self._value_string(pos)
        content = self.text[slice(*value)] if value else b""
        if value and len(content) + 2 > _SHORTEST_CUSTOMER_KEY and is_opaque(content):
            self._leaf(*value, "secret")
            self.done = value[1] + 1

    # --- neighbours ---------------------------------------------------------------------------------------

    def _value_before(self, start: int, kind: str) -> None:
        """Mask the `value` that stands right before the `key` whose text begins at a place."""
        first, self.looked_for_value = max(self.looked_for_value, start - FARTHEST_VALUE), start
        place = max(self.text.rfind(b'"value', first, start), self.text.rfind(b'"Value', first, start))
        if place >= 0 and (found := _VALUE_BEFORE.fullmatch(self.text, place + 1, start)):
            self._leaf(*found.span(1), kind)

    def _value_behind(self, pos: int, kind: str) -> None:
        """Mask the `value` that stands behind a `key` in the same object."""
        for string in self._walk(self.behind, pos, most=MAX_MARKS):
            is_key = string.value >= 0 and not string.depth
            if is_key and self.text[string.start : string.stop].lower().replace(b"_", b"") in _VALUES:
                self._mask(string.value, kind)
                return

    def _kubernetes_secret(self, start: int, stop: int) -> None:
        """Mask the `data` of a Kubernetes secret, which stands before or behind its `kind`."""
        done = self.done
        self._data_behind(stop + 1, in_items=self.text[start:stop] == b"SecretList")
        first, self.looked_for_data = max(self.looked_for_data, start - FARTHEST_DATA), start
        place = self.text.rfind(b'"data"', first, start)
        colon = COLON.match(self.text, place + len(b'"data"')) if place >= 0 else None
        if (
            colon
            and self.text[colon.end() : colon.end() + 1] == b"{"
            and self._is_sibling(colon.end(), start)
        ):
            self._every(colon.end(), "secret")
        self.done = max(done, stop + 1)

    def _data_behind(self, pos: int, *, in_items: bool) -> None:
        """Mask the `data` behind a `kind`: of the same object, or of each item of a list."""
        for string in self._walk(self.data, pos):
            is_key = string.value >= 0 and (in_items or not string.depth) and string.start >= pos
            if is_key and self.text[string.start : string.stop] == b"data":
                self._every(string.value, "secret")
                pos = self.done

    def _is_sibling(self, pos: int, start: int) -> bool:
        """Tell whether the object at a place ends in the same object in which the text at `start` stands."""
        for string in strings_from(self.text, pos):
            if string.start >= start:
                return string.start == start and string.depth == 0
        return False

    def _element(self, name: bytes, stop: int, ahead: bytes) -> None:
        """Look at what an element of a list says of those behind it: options, commands, headers, lines of a key."""
        if opens_private_key(name):
            self._key_lines(stop + 1)
            return
        command = name.rpartition(b"/")[2].lower().removesuffix(b".exe").decode("latin-1")
        if command in COMMANDS:
            self._arguments(command, stop + 1)
            return
        kind = kind_of_key(name)
        following = self._next_string(stop + 1) if kind else None
        if following and self._belongs(name, kind, following, ahead):
            self._leaf(*following, kind)

    def _belongs(self, name: bytes, kind: str, following: Pair, ahead: bytes) -> bool:
        """Tell whether an element of a list is the value of the telling name before it."""
        value = plain_text(self.text[slice(*following)])
        if _OPTION.fullmatch(name):
            return not value.startswith(b"-")
        if _OPENS_INNER_LIST.search(ahead) and _ENDS_LIST.match(self.text, following[1] + 1):
            return True
        is_header = kind in {"authorization", "cookie", "obo-token"}
        return is_header and is_opaque(value) and not is_word(value)

    def _next_string(self, pos: int) -> Pair | None:
        """Return the span of the string that is the next element of a list."""
        found = _NEXT_STRING.match(self.text, pos)
        return self._value_string(found.end() - 1) if found else None

    def _arguments(self, command: str, pos: int) -> None:
        """Mask the secrets among the arguments of a command that is written as a list."""
        spans: list[Pair] = []
        while len(spans) < MAX_ELEMENTS and (following := self._next_string(pos)):
            spans.append(following)
            pos = following[1] + 1
        arguments = [self.text[slice(*span)] for span in spans]
        for at, start, stop in secret_arguments(command, arguments):
            first = spans[at][0]
            self.found.append(Span(first + start, first + stop, marker("password")))

    def _key_lines(self, pos: int) -> None:
        """Mask the lines of a private key that stand in a list, one by one."""
        for _ in range(MAX_LINES):
            following = self._next_string(pos)
            line = self.text[slice(*following)].strip() if following else b""
            if following is None or not _KEY_LINE.fullmatch(line):
                return
            self.found.append(Span(*following, marker("private-key")))
            pos = self.done = following[1] + 1
