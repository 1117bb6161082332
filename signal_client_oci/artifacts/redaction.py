"""Masks secrets inside a record's JSON text, and leaves every other byte as it is.

A secret is known by its place or by its shape. Its place: a member whose name tells (`authorization`, `adminPassword`), the
value that goes with a `key` or `name`, the argument behind an option, the data of a Kubernetes secret. Its shape: see
`secret_patterns`. It gives way to a marker that keeps its kind: `<redacted:session-token>`. Strings that hold JSON or
base64 are read too. A text in which nothing can be secret comes back as the same object.

Who, from where, what and with which outcome are read from the record before it is masked; each value of the metadata
is masked by itself.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from signal_client_oci.artifacts.json_scan import string_end
from signal_client_oci.artifacts.sanitize import sanitize
from signal_client_oci.artifacts.secrets.commands import COMMANDS, secret_arguments
from signal_client_oci.artifacts.secrets.names import (
    is_marked,
    is_opaque,
    is_word,
    kind_of_key,
    kind_of_value,
)
from signal_client_oci.artifacts.secrets.patterns import candidate_offsets, may_contain_secret, text_spans
from signal_client_oci.artifacts.secrets.schemes import (
    Span,
    authorization_spans,
    basic_credentials,
    cookie_spans,
    encoded_again,
    is_address,
    marker,
    opens_private_key,
)
from signal_client_oci.contract import MetadataValue

__all__ = ["Secret", "mask_metadata", "mask_record", "redact", "redact_value"]

MAX_NESTING: Final = 8  # of JSON and base64 inside strings
MAX_PASSES: Final = 4
MAX_MARKS: Final = 64  # quotes and brackets looked at for the `value` that goes with a `key`
MAX_MARKS_OF_A_SECRET: Final = 2048
MAX_ELEMENTS: Final = 48
MAX_LINES: Final = 256
FARTHEST_VALUE: Final = 8192
FARTHEST_DATA: Final = 16_384
MAX_KUBERNETES: Final = 64

_ESCAPE: Final = re.compile(rb"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_OTHER_ESCAPE: Final = re.compile(rb"\\[^\"\\/]|\x00")
_SHORT: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}
_BACKSLASH: Final = ord("\\")
_COLON: Final = re.compile(rb"\s{0,20}:\s{0,20}")
_MARK: Final = re.compile(rb'["{}\[\]]')
_NUMBER: Final = re.compile(rb"-?[0-9]{4,}(?![0-9.eE+-])")
_NEXT_STRING: Final = re.compile(rb'\s{0,256},\s{0,256}"')
_ENDS_LIST: Final = re.compile(rb"\s{0,256}\]")
_IN_LIST: Final = re.compile(rb"[\[,]\s{0,64}\Z")
_OPENS_INNER_LIST: Final = re.compile(rb"[\[,]\s{0,64}\[\s{0,64}\Z")
_NAMES_VALUE: Final = re.compile(
    rb'"(?:key|name|header|headername|field|param|parameter|attribute|variable)"\s{0,20}:\s{0,20}\Z',
    re.IGNORECASE,
)
_KIND_BEFORE: Final = re.compile(rb'"kind"\s{0,20}:\s{0,20}\Z')
_VALUES: Final = frozenset(
    f'"{name}"'.encode()
    for name in ("value", "values", "val", "content", "#text", "headervalue", "defaultvalue")
)
# the `value` that goes with a `key` and stands right before it
_VALUE_BEFORE: Final = re.compile(
    rb'value(?:s"\s{0,20}:\s{0,20}\[|"\s{0,20}:)\s{0,20}"((?:[^"\\]|\\.){1,8192})"\s{0,20}\]?\s{0,20},'
    rb'\s{0,20}"[a-z]{3,12}"\s{0,20}:\s{0,20}"',
    re.IGNORECASE | re.DOTALL,
)
# what the members of an object are called that hold the secret which the object is named after
_HELD: Final = frozenset(
    b"value values content contents data text plaintext plain string base64 parameter secret password token raw".split()
)
# metadata that tell who, from where and when
_IDENTITIES: Final = (
    "userName",
    "clientIP",
    "clientPort",
    "serverIP",
    "serverPort",
    "clientHostname",
    "serverHostname",
    "emailFrom",
    "emailTo",
    "startTimeUTC",
    "endTimeUTC",
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


def redact(text: bytes) -> tuple[bytes, int]:
    """Mask the secrets in a record's JSON text; return the text and how many values were masked.

    JSON stays JSON, with every type as it was. Doing it twice changes nothing more. Never raises, also on text that is
    no JSON.
    """
    masked, secrets = mask_record(text)
    return masked, len(secrets)


def mask_record(
    text: bytes, known_of: Callable[[], Iterable[tuple[str, str]]] | None = None
) -> tuple[bytes, list[Secret]]:
    """Mask the secrets in a record's JSON text; return the text and what was masked.

    `known_of` gives strings that the record's own structure tells to be secrets, each with its kind. They are masked as
    they would be without it, in a fraction of the time.
    """
    secrets: list[Secret] = []
    if not may_contain_secret(text):
        return text, secrets
    if known_of:
        text, rest = _mask_strings(text, known_of(), secrets)
        if secrets and not may_contain_secret(rest):
            return text, secrets
    return _until_nothing_is_left(text, 0, secrets), secrets


def redact_value(text: bytes) -> tuple[bytes, int]:
    """Mask the secrets in a plain text, which may hold JSON; as `redact`."""
    secrets: list[Secret] = []
    return _until_nothing_is_left(text, 0, secrets, plain=True), len(secrets)


def mask_metadata(metadata: dict[str, MetadataValue], secrets: Sequence[Secret]) -> None:
    """Mask each value of a record's metadata by itself, then what of the record's secrets is left in one that was derived.

    Who and from where are never masked for what else the record holds.
    """
    texts = "\x01".join(
        value if isinstance(value, str) else "\x01".join(value)
        for value in metadata.values()
        if isinstance(value, (str, list))
    )
    if may_contain_secret(texts.encode("utf-8", "surrogatepass")):
        _map_texts(metadata, metadata, _masked_by_itself)
    lower = texts.lower()
    identities = {str(metadata[name]).lower() for name in _IDENTITIES if name in metadata}
    left = {}
    for secret in secrets:
        plain = secret.plain.decode("utf-8", "replace").lower()
        if plain in lower and plain not in identities and is_opaque(secret.plain) and not is_address(plain):
            left[plain] = secret.mask.decode()
    if left:
        derived = [name for name in metadata if name not in _IDENTITIES]
        _map_texts(metadata, derived, lambda text: _without(text, left))


def _map_texts(
    metadata: dict[str, MetadataValue], names: Iterable[str], change: Callable[[str], str]
) -> None:
    """Change the texts of some values in their place."""
    for name in names:
        value = metadata[name]
        if isinstance(value, str):
            metadata[name] = sanitize(change(value))  # a mask may be longer than what it masks
        elif isinstance(value, list):
            metadata[name] = [sanitize(change(item)) for item in value]


def _masked_by_itself(text: str) -> str:
    masked, count = redact_value(text.encode("utf-8", "surrogatepass"))
    return masked.decode("utf-8", "replace") if count else text


def _without(text: str, left: Mapping[str, str]) -> str:
    """Mask secrets in a text in which their context is lost, and perhaps their case."""
    for plain, mask in left.items():
        at = text.lower().find(plain)
        while at >= 0:
            text = text[:at] + mask + text[at + len(plain) :]
            at = text.lower().find(plain, at + len(mask))
    return text


def _mask_strings(
    text: bytes, known: Iterable[tuple[str, str]], secrets: list[Secret]
) -> tuple[bytes, bytes]:
    """Mask strings wherever they stand as a whole; return the text, and the text without anything of them.

    One that is not written as JSON is usually written is left to the general reading.
    """
    places: list[tuple[int, int, bytes, list[Secret]]] = []
    for value, kind in dict.fromkeys(known):
        plain = value.encode("utf-8", "surrogatepass")
        spans = _leaf_spans(plain, kind)
        written = _written(plain)
        at = text.find(written) if spans else -1
        if at >= 0:
            masked = _written(_applied(plain, spans))
            found = [Secret(plain[span.start : span.stop], span.mask) for span in spans]
            while at >= 0:
                places.append((at, at + len(written), masked, found))
                at = text.find(written, at + len(written))
    pieces: list[bytes] = []
    pos = 0
    for start, stop, masked, found in sorted(places):
        pieces += (text[pos:start], masked)
        secrets += found
        pos = stop
    pieces.append(text[pos:])
    return b"".join(pieces), b'""'.join(pieces[::2])


def _written(plain: bytes) -> bytes:
    if b"\\" in plain or b'"' in plain:
        plain = plain.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + plain + b'"'


def _until_nothing_is_left(text: bytes, nesting: int, secrets: list[Secret], *, plain: bool = False) -> bytes:
    """Mask until a further look finds nothing: a mask may end what kept something else from being seen."""
    for _ in range(MAX_PASSES):
        if not may_contain_secret(text):
            break
        customer_key = _CUSTOMER_KEY.search(text) is not None
        if plain:
            spans = _spans_of(text, nesting, customer_key=customer_key)
        else:
            spans = _apart(_Reader(text, nesting, customer_key=customer_key).spans())
        if not spans:
            break
        secrets += [Secret(_plain(text[span.start : span.stop]), span.mask) for span in spans]
        text = _applied(text, spans)
    return text


def _applied(text: bytes, spans: Iterable[Span]) -> bytes:
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


def _spans_of(text: bytes, nesting: int, *, customer_key: bool) -> list[Span]:
    """Return what is secret in a string's text: JSON is read as such, anything else by shape.

    `customer_key` says that the record tells of a customer secret key, whose secret is called just `key`.
    """
    if nesting < MAX_NESTING and text.lstrip()[:1] in {b"{", b"["} and b'"' in text:
        return _apart(_Reader(text, nesting + 1, customer_key=customer_key).spans())
    return text_spans(text, lambda inner: _decoded_redacted(inner, nesting + 1), customer_key=customer_key)


def _decoded_redacted(text: bytes, nesting: int) -> tuple[bytes, int]:
    """Mask what was decoded from base64."""
    if nesting > MAX_NESTING:
        return text, 0
    secrets: list[Secret] = []
    return _until_nothing_is_left(text, nesting, secrets, plain=True), len(secrets)


def _leaf_spans(plain: bytes, kind: str) -> list[Span]:
    """Return what to mask of a string that stands under a telling name."""
    masked = kind_of_value(kind, plain)
    if not masked:
        return []
    if kind == "authorization":
        return list(authorization_spans(plain, 0, len(plain), whole=True))
    if kind == "cookie":
        return list(cookie_spans(plain, 0, len(plain), whole=True))
    return [Span(0, len(plain), marker(masked))]


class _Reader:
    """Looks at the strings of a JSON text that hold a candidate, and at the values that belong to them.

    Nothing outside of strings can be secret in JSON but a number, so the last quote before a candidate opens its string.
    """

    def __init__(self, text: bytes, nesting: int, *, customer_key: bool) -> None:
        self.text, self.nesting = text, nesting
        self.found: list[Span] = []
        self.done = 0
        self.looked = 0  # up to where a `value` before its `key` was looked for
        self.kubernetes = 0
        self.customer_key = customer_key

    def spans(self) -> list[Span]:
        """Return all spans to mask, in no order and perhaps overlapping."""
        for place in candidate_offsets(self.text):
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
        colon = _COLON.match(self.text, stop + 1)
        name = _plain(content)
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
                self._value_behind(stop + 1, _VALUES, kind, MAX_MARKS)
        elif name in {b"Secret", b"SecretList"} and _KIND_BEFORE.search(ahead):
            self._kubernetes_secret(start, stop)
        elif _IN_LIST.search(ahead):
            self._element(name, stop, ahead)

    # --- values -------------------------------------------------------------------------------------------

    def _mask(self, pos: int, kind: str, *, numeric: bool = False) -> None:
        """Mask the value at a place: a string, a number of some names, a list of strings, or what an object holds."""
        text = self.text
        opening = text[pos : pos + 1]
        number = _NUMBER.match(text, pos) if numeric else None
        if number:
            self.found.append(Span(*number.span(), b"0"))
        elif opening == b"{" and kind != "cookie":
            self._held(pos, kind)
        elif opening in {b'"', b"[", b"{"}:
            self._every(pos, kind)

    def _every(self, pos: int, kind: str) -> None:
        """Mask every string of a value, up to one that is no secret by its own look."""
        depth = 0
        while mark := _MARK.search(self.text, pos):
            at, what = mark.start(), mark.group()
            pos = at + 1
            if what == b'"':
                end = string_end(self.text, at)
                pos = end if end > 0 else len(self.text)
                is_key = _COLON.match(self.text, pos)
                stop = pos - 1 if end > 0 else pos
                if not is_key and not self._leaf(at + 1, stop, kind):
                    self._search(self.text[at + 1 : stop], at + 1)
            else:
                depth += 1 if what in b"{[" else -1
            self.done = max(self.done, pos)
            if depth <= 0:
                return

    def _held(self, pos: int, kind: str) -> None:
        """Mask what an object holds under a plain name, as in `{"token": {"value": ...}}`; the rest tells by itself."""
        held, depth = False, 0
        for _ in range(MAX_MARKS):
            mark = _MARK.search(self.text, pos)
            if mark is None:
                return
            at, what = mark.start(), mark.group()
            pos = at + 1
            if what == b'"':
                end = string_end(self.text, at)
                pos = end if end > 0 else len(self.text)
                stop = pos - 1 if end > 0 else pos
                if _COLON.match(self.text, pos):
                    held = self.text[at + 1 : stop].lower() in _HELD
                elif held:
                    self._leaf(at + 1, stop, kind)
            else:
                depth += 1 if what in b"{[" else -1
            if depth <= 0:
                return

    def _leaf(self, start: int, stop: int, kind: str) -> bool:
        """Mask one string; False when it is none that its name would make a secret, but may hold one."""
        content = self.text[start:stop]
        if is_marked(content):
            return True
        plain, marks = _unescaped(content) if b"\\" in content else (content, None)
        spans = _leaf_spans(plain, kind)
        self._add(spans, marks, start)
        return bool(spans) or not plain.strip()

    def _add(self, spans: Iterable[Span], marks: _Marks | None, start: int) -> None:
        for span in spans:
            a, b = (_outer(marks, span.start), _outer(marks, span.stop)) if marks else span[:2]
            self.found.append(Span(start + a, start + b, span.mask))

    def _search(self, content: bytes, start: int) -> None:
        """Search a string's own text, and the JSON that it may hold."""
        if is_marked(content):
            return
        inner, marks = _unescaped(content) if b"\\" in content else (content, None)
        self._add(_spans_of(inner, self.nesting, customer_key=self.customer_key), marks, start)

    def _user_data(self, pos: int) -> None:
        """Mask what a script for a new machine holds, which comes in base64."""
        if self.text[pos : pos + 1] != b'"':
            return
        end = string_end(self.text, pos)
        if end < 0:
            return
        content = self.text[pos + 1 : end - 1]
        again = encoded_again(content, lambda inner: _decoded_redacted(inner, self.nesting + 1))
        if again is not None:
            self.found.append(Span(pos + 1, end - 1, again))
            self.done = end

    def _login(self, pos: int) -> None:
        """Mask the user and password in base64 that a registry's configuration calls just `auth`."""
        end = string_end(self.text, pos) if self.text[pos : pos + 1] == b'"' else -1
        if end > 0 and basic_credentials(self.text[pos + 1 : end - 1]):
            self._leaf(pos + 1, end - 1, "authorization")
            self.done = end

    def _customer_key(self, pos: int) -> None:
        """Mask the secret that the answer of CreateCustomerSecretKey calls just `key`."""
        end = string_end(self.text, pos) if self.text[pos : pos + 1] == b'"' else -1
        if end > 0 and end - pos > _SHORTEST_CUSTOMER_KEY and is_opaque(self.text[pos + 1 : end - 1]):
            self._leaf(pos + 1, end - 1, "secret")
            self.done = end

    # --- neighbours ---------------------------------------------------------------------------------------

    def _value_before(self, start: int, kind: str) -> None:
        """Mask the `value` that stands right before the `key` whose text begins at a place."""
        first, self.looked = max(self.looked, start - FARTHEST_VALUE), start
        place = max(self.text.rfind(b'"value', first, start), self.text.rfind(b'"Value', first, start))
        if place >= 0 and (found := _VALUE_BEFORE.fullmatch(self.text, place + 1, start)):
            self._leaf(*found.span(1), kind)

    def _value_behind(self, pos: int, names: frozenset[bytes], kind: str, most: int) -> None:
        """Mask the value of the next member of the same object that has one of some names."""
        depth = 0
        for _ in range(most):
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
            if colon and not depth and self.text[mark.start() : pos].lower() in names:
                self._mask(colon.end(), kind)
                return

    def _kubernetes_secret(self, start: int, stop: int) -> None:
        """Mask the `data` of a Kubernetes secret, which stands before or behind its `kind`."""
        self.kubernetes += 1
        if self.kubernetes > MAX_KUBERNETES:
            return
        done = self.done
        self._data_behind(stop + 1, in_items=self.text[start:stop] == b"SecretList")
        place = self.text.rfind(b'"data"', max(0, start - FARTHEST_DATA), start)
        colon = _COLON.match(self.text, place + len(b'"data"')) if place >= 0 else None
        if (
            colon
            and self.text[colon.end() : colon.end() + 1] == b"{"
            and self._is_sibling(colon.end(), start)
        ):
            self._every(colon.end(), "secret")
        self.done = max(done, stop + 1)

    def _data_behind(self, pos: int, *, in_items: bool) -> None:
        """Mask the `data` behind a `kind`: of the same object, or of each item of a list."""
        depth = 0
        for _ in range(MAX_MARKS_OF_A_SECRET):
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
            if colon and (in_items or not depth) and self.text[mark.start() : pos] == b'"data"':
                self._every(colon.end(), "secret")
                pos = max(pos, self.done)

    def _is_sibling(self, pos: int, start: int) -> bool:
        """Tell whether the object at a place ends in the same object in which the text at `start` stands."""
        depth = 0
        while (mark := _MARK.search(self.text, pos)) and mark.start() < start - 1:
            what, pos = mark.group(), mark.end()
            if what == b'"':
                pos = string_end(self.text, mark.start())
                if pos < 0:
                    return False
            else:
                depth += 1 if what in b"{[" else -1
                if depth < 0:
                    return False
        return depth == 0

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
        if following is None:
            return
        value = _plain(self.text[slice(*following)])
        if re.fullmatch(rb"--?[A-Za-z][A-Za-z0-9_.-]*", name):
            fits = not value.startswith(b"-")
        elif _OPENS_INNER_LIST.search(ahead) and _ENDS_LIST.match(self.text, following[1] + 1):
            fits = True
        else:
            fits = kind in {"authorization", "cookie", "obo-token"} and (
                is_opaque(value) and not is_word(value)
            )
        if fits:
            self._leaf(*following, kind)

    def _next_string(self, pos: int) -> Pair | None:
        """Return the span of the string that is the next element of a list."""
        found = _NEXT_STRING.match(self.text, pos)
        if not found:
            return None
        end = string_end(self.text, found.end() - 1)
        return (found.end(), end - 1) if end > 0 else None

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
            if following is None or not re.fullmatch(rb"[A-Za-z0-9+/=]+(?:\\[nr])*", line):
                return
            self.found.append(Span(*following, marker("private-key")))
            pos = self.done = following[1] + 1


_Marks = tuple["array[int]", "array[int]"]


def _plain(content: bytes) -> bytes:
    """Return the text that a JSON string stands for."""
    return _unescaped(content)[0] if b"\\" in content else content


def _unescaped(content: bytes) -> tuple[bytes, _Marks]:
    """Resolve a JSON string's escapes; return the text, and the places after each escape inside and outside."""
    outer = array("q", (0, *(escape.end() for escape in _ESCAPE.finditer(content))))
    if not _OTHER_ESCAPE.search(
        content
    ):  # nothing but quotes, slashes and backslashes, each one byte shorter
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
    """Return the bytes that one escape stands for."""
    code, char = escape.groups()
    if code is not None:
        return chr(int(code, 16)).encode("utf-8", "surrogatepass")
    return _SHORT.get(char, char)


def _outer(marks: _Marks, position: int) -> int:
    """Return the place in the escaped text of a place in the resolved one."""
    inner, outer = marks
    at = bisect_right(inner, position) - 1
    return outer[at] + position - inner[at]
