"""Secrets in free text that are values given to a telling name: `password=X`, `Authorization: Basic X`, `--token X`.

A mask ends where the value ends: at white space, at the closing quote, or at the separator that begins the next value.
What says something about a secret, and not the secret, stays: `authorization=denied`, `pass: 12`, `token: expired`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from signal_client_oci.artifacts.secrets.names import MARKER, is_opaque, kind_of_key, kind_of_value
from signal_client_oci.artifacts.secrets.schemes import Span, authorization_spans, cookie_spans, marker

__all__ = ["assigned_spans"]

_WORD_BEFORE: Final = re.compile(rb"[A-Za-z0-9_.$/-]{0,64}\Z")
_WORD_AFTER: Final = re.compile(rb"[A-Za-z0-9_-]{0,64}")
# `=`, `: `, `::`, `=>`, `%3D`, also behind a closing quote; then perhaps a line end, a bracket, an opening quote
_GIVEN: Final = re.compile(
    rb"(?P<close>\\{0,8}[\"']\]?)?[ \t]{0,8}(?P<sign>:{1,2}=?|={1,2}>?|%(?:25)?3[ADad])(?P<blank>(?:[ \t]|\\{1,4}t){0,64})"
    rb"(?P<fold>(?:\\{1,4}r|\r)?(?:\\{1,4}n|\n)(?:[ \t]|\\{1,4}t){1,16})?(?:\[ {0,4}|\((?= {0,2}[\"'])|\{(?!\{))?(?P<quote>\\{0,8}[\"'])?"
)
_ELEMENT: Final = re.compile(rb"(?:\s[^<>]{0,200})?>(?P<bare>[^<>\s][^<>]{0,4095})</")
_ATTRIBUTE: Final = re.compile(
    rb"[\"']\s{1,8}(?:value|Value|content)\s{0,4}=\s{0,4}(?P<quote>[\"'])(?P<bare>[^\"'<>]{1,4096})(?P=quote)"
)
_SAID: Final = re.compile(
    rb"\s{1,4}(?i:is|was|to|set to|changed to|reset to)[ :]{1,3}[\"'`]?(?P<bare>[^\s\"'`,;]{1,256})"
)
_OPTION: Final = re.compile(
    rb"(?:[ \t]{1,8}|[\"'],? {0,4}[\"'])(?:\\{0,4}\"(?P<double>[^\"\r\n]{1,4096}?)\\{0,4}\"|'(?P<single>[^'\r\n]{1,4096})'"
    rb"|(?P<bare>[^\s\"'|&;<>-][^\s\"'|;<>]{0,4095}))"
)
_STATEMENT: Final = re.compile(rb"[ \t]{1,8}(?:\"(?P<double>[^\"\s]{1,256})\"|'(?P<single>[^'\s]{1,256})')")
_OPTION_NAME: Final = re.compile(rb"--?[A-Za-z][A-Za-z0-9_.-]*")
_CODE: Final = re.compile(rb"[0-9]{4,8}[.!]?")
# `chpasswd <<< "opc:X"`, and the same as cloud-init has it
_HERE_STRING: Final = re.compile(
    rb"[ \t]{0,8}<<<[ \t]{0,8}(?:\\{0,4}[\"'])?[A-Za-z0-9_.-]{1,64}:(?P<bare>[^\"'\s\\]{1,256})"
)
_USER_LIST: Final = re.compile(rb":\s{1,16}(?:expire:\s{1,4}\w{1,8}\s{1,16})?(?:list|users):[ \t]{0,4}\|?-?")
_USER: Final = re.compile(
    rb"\s{1,16}(?:- {1,4})?[\"']?[A-Za-z_][A-Za-z0-9_.-]{0,63}:(?P<bare>[^\s\"']{1,256})[\"']?"
)
_FOLDED_BASE64: Final = re.compile(rb"(?:(?:\\{1,4}r|\r)?(?:\\{1,4}n|\n) [A-Za-z0-9+/=]{1,128})*")
_STOP: Final = re.compile(rb"[\s\"'`&;,<)}\]\\%|]|\.(?=\s|\Z)")
_NEXT_PAIR: Final = re.compile(rb"[&\s\"']|\Z|(?:amp;)?[A-Za-z0-9_.~%\[\]-]{1,64}=")
_NEXT_FIELD: Final = re.compile(rb"[\s\"']|\Z|[A-Za-z_][A-Za-z0-9_ .-]{0,40}=|\\")
_NEXT_ITEM: Final = re.compile(rb"[\s\"'{\[]|\Z|[A-Za-z_][A-Za-z0-9_.-]{0,64}[\"']?\s?[=:]")
_CLOSED: Final = re.compile(rb"[\s\"',;)}\]|&>:.\\<]|\Z")
_ENDS_ESCAPED: Final = re.compile(rb"\\+[\"']|\\+[nrt]")
_ENDS_ENCODED: Final = re.compile(rb"%(?:26|20|22|27|0[AaDd]|3[BbCc]|7[Dd])")
# what a template or a shell puts a value in place of
_PLACEHOLDER: Final = re.compile(rb"\{\{[^{}\r\n]{0,256}\}\}|\$\{[^{}\r\n]{0,256}\}|\$\([^()\r\n]{0,256}\)")
_BRACED: Final = re.compile(rb"[^}\r\n]{1,256}(?=\}(?:[;\s\"']|\Z))")
_OPENING: Final = {b")": b"(", b"}": b"{", b"]": b"["}
_LONGEST_QUOTED: Final = 65_536
_LEAST_NAMED: Final = 16
_SHORTEST_NUMBER: Final = 4


def assigned_spans(text: bytes, place: int, done: int, *, customer_key: bool) -> Iterator[Span]:
    """Yield the value that a word around a place is given, when the word tells of a secret.

    `customer_key` says that the text tells of a customer secret key, whose secret is called just `key`.
    """
    after = _WORD_AFTER.match(text, place)
    before = _WORD_BEFORE.search(text[max(done, place - 64) : place])
    if not after or not before:
        return
    word, at = before.group() + after.group(), after.end()
    if text.startswith(b"<redacted:", max(0, place - len(before.group()) - 10)):
        return  # a word of a mask
    kind = kind_of_key(word)
    if word.endswith(b"chpasswd"):
        yield from _passwords_of_users(text, at)
    if customer_key and word.lower() == b"key":
        kind = "key"
    if not kind:
        return
    given = _GIVEN.match(text, at)
    if given:
        yield from _given(text, word, kind, given)
    elif kind in {"password", "secret", "token", "key"}:
        yield from _named(text, word, kind, at)


def _passwords_of_users(text: bytes, at: int) -> Iterator[Span]:
    """Yield the passwords that chpasswd is given, from a here-string or as cloud-init lists them."""
    found = _HERE_STRING.match(text, at)
    if found is None and (users := _USER_LIST.match(text, at)):
        at = users.end()
        found = _USER.match(text, at)
    while found:
        if not MARKER.search(found["bare"]):
            yield Span(*found.span("bare"), marker("password"))
        found = _USER.match(text, found.end())


def _named(text: bytes, word: bytes, kind: str, at: int) -> Iterator[Span]:
    """Yield the value that stands behind a telling name in XML, as an option's argument, or in a sentence."""
    option = _OPTION_NAME.fullmatch(word) is not None
    ways = (
        (_ELEMENT, True),
        (_ATTRIBUTE, True),
        (_OPTION, option),
        (_STATEMENT, kind == "password" or word.lower().endswith(b"securestring")),
        (_SAID, kind == "password"),
    )
    for way, fits in ways:
        found = way.match(text, at) if fits else None
        if not found:
            continue
        group = found.lastgroup or "bare"
        group = "bare" if group == "quote" else group
        value = found[group]
        masked = kind_of_value(kind, value)
        code = word.lower().endswith(b"code") and _CODE.fullmatch(value)
        if MARKER.search(value) or not masked or (way is _SAID and not (code or is_opaque(value))):
            return
        yield Span(*found.span(group), marker(masked))
        return


def _given(text: bytes, word: bytes, kind: str, given: re.Match[bytes]) -> Iterator[Span]:
    """Yield what is secret in the value behind `=` or `:`."""
    start, quote = given.end(), given["quote"]
    marked = MARKER.match(text, start)
    if marked:
        yield Span(start, marked.end(), b"")
        return
    if not quote and (placeholder := _PLACEHOLDER.match(text, start)):
        yield Span(start, placeholder.end(), b"")
        return
    if given["fold"] and kind not in {"authorization", "cookie", "obo-token"} and b"-" not in word:
        return
    stop = _closing(text, start, quote) if quote else -1
    if kind in {"authorization", "cookie"}:
        spans_of = authorization_spans if kind == "authorization" else cookie_spans
        spans = list(spans_of(text, start, stop if stop >= 0 else len(text), whole=False))
        yield from spans
        if spans:
            return
    quoted = stop >= 0
    if not quoted and text[start - 1 : start] == b"{" and (found := _BRACED.match(text, start)):
        stop, quoted = found.end(), True  # as ODBC has it: `Pwd={...};`
    if not quoted:
        stop = _value_end(text, start, given["sign"])
    value = text[start:stop]
    if given["sign"] == b"::" and (folded := _FOLDED_BASE64.match(text, stop)):
        stop = folded.end()
    masked = kind_of_value(kind, value)
    if masked and _is_given(word, masked, value, quoted=quoted):
        yield Span(start, stop, marker(masked))


def _is_given(word: bytes, kind: str, value: bytes, *, quoted: bool) -> bool:
    """Tell whether a value in free text is the secret itself, and not a word about it."""
    name = word.lower().lstrip(b"-/$")
    if kind == "password":
        if name.rpartition(b"/")[2] in {b"passwd", b"nopasswd"} and value.startswith(b"ALL"):
            return False  # tags of sudoers
        if value.isdigit() and len(value) < _SHORTEST_NUMBER:
            return False  # a status, a count
        about = value.isdigit() or value.isalpha()
        return not (name == b"pass" and about and not word.startswith((b"-", b"/")))
    if kind == "session-token":
        return True
    if kind in {"authorization", "cookie"}:
        return len(value) >= _LEAST_NAMED and is_opaque(value) and b"=" not in value[:-2]
    if kind == "private-key":
        return len(value) >= _LEAST_NAMED and is_opaque(value)
    return is_opaque(value) or (
        quoted and len(value) >= _LEAST_NAMED and not value.isalpha() and b" " not in value
    )


def _closing(text: bytes, start: int, quote: bytes) -> int:
    """Return where a quoted value ends, -1 when its quote is never closed on this line."""
    stop = text.find(quote, start, start + _LONGEST_QUOTED)
    while stop > 0 and len(quote) == 1 and text[stop - 1 : stop] == b"\\":
        stop = text.find(quote, stop + 1, start + _LONGEST_QUOTED)
    return -1 if stop < 0 or b"\n" in text[start:stop] else stop


def _value_end(text: bytes, start: int, sign: bytes) -> int:
    """Return where a value without quotes ends."""
    for found in _STOP.finditer(text, start):
        at, character = found.start(), found.group()
        if _ends_value(text, start, at, character, sign):
            return at
    return len(text)


def _ends_value(text: bytes, start: int, at: int, character: bytes, sign: bytes) -> bool:
    """Tell whether a character ends a value, or is a part of it."""
    after = at + 1
    if character == b"&":
        return _NEXT_PAIR.match(text, after) is not None
    if character in b";|":
        return _NEXT_FIELD.match(text, after) is not None
    if character == b",":
        return _NEXT_ITEM.match(text, after) is not None
    if character == b"<":
        return text.startswith((b"/", b"redacted:", b"br"), after)
    if character in b"\"'`":
        return _CLOSED.match(text, after) is not None
    if character in _OPENING:
        opened = _OPENING[character] in text[start : min(at, start + 256)]
        return not opened and _CLOSED.match(text, after) is not None
    if character == b"\\":
        return _ENDS_ESCAPED.match(text, at) is not None
    if character == b"%":
        return sign.startswith(b"%") and _ENDS_ENCODED.match(text, at) is not None
    return True  # white space, or the full stop of a sentence
