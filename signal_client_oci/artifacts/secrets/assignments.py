"""Secrets in free text that are values given to a telling name: `password=X`, `Authorization: Basic X`, `--token X`.

A mask ends where the value ends: at white space, at the closing quote, or at the separator that begins the next value.
What says something about a secret, and not the secret, stays: `authorization=denied`, `pass: 12`, `token: expired`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from signal_client_oci.artifacts.secrets.names import MARKER, is_opaque, kind_of_key, kind_of_value
from signal_client_oci.artifacts.secrets.reach import Reach
from signal_client_oci.artifacts.secrets.schemes import Span, authorization_spans, cookie_spans, marker

__all__ = ["Assignments"]

_WORD: Final = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.$/-"
_WORD_AFTER: Final = re.compile(rb"[A-Za-z0-9_-]{0,64}")
_BLANK: Final = rb"(?:[ \t]|\\{1,4}t)"
# `=`, `: `, `::`, `=>`, `%3D`, also behind a closing quote; then perhaps a line end, a bracket, an opening quote
_GIVEN: Final = re.compile(
    rb"(?:\\{0,8}[\"']\]?|(?P<index>\]|%5[Dd]))?[ \t]{0,8}(?P<sign>:{1,2}=?|={1,2}>?|%(?:25)?3[ADad])"
    + (_BLANK + rb"{0,64}")
    + (rb"(?P<fold>(?:\\{1,4}r|\r)?(?:\\{1,4}n|\n)" + _BLANK + rb"{1,16})?")
    + rb"(?:\[ {0,4}|\((?= {0,2}[\"'])|\{(?!\{))?(?P<quote>\\{0,8}[\"'])?"
)
# `<password>X</password>`
_ELEMENT: Final = re.compile(rb"(?:\s[^<>]{0,200})?>(?P<bare>[^<>\s][^<>]{0,4095})</")
# `<add key="password" value="X">`
_ATTRIBUTE: Final = re.compile(
    rb"[\"']\s{1,8}(?:value|Value|content)\s{0,4}=\s{0,4}(?P<quote>[\"'])(?P<bare>[^\"'<>]{1,4096})(?P=quote)"
)
# `the password was changed to X`
_SAID: Final = re.compile(
    rb"\s{1,4}(?i:is|was|to|set to|changed to|reset to)[ :]{1,3}[\"'`]?(?P<bare>[^\s\"'`,;]{1,256})"
)
# `--password X`, and as a list has it: `"--password", "X"`
_OPTION: Final = re.compile(
    rb"(?:[ \t]{1,8}|[\"'],? {0,4}[\"'])(?:\\{0,4}\"(?P<double>[^\"\r\n]{1,4096}?)\\{0,4}\""
    rb"|'(?P<single>[^'\r\n]{1,4096})'|(?P<bare>[^\s\"'|&;<>-][^\s\"'|;<>]{0,4095}))"
)
_QUOTED: Final = rb"(?:\\{0,4}\"(?P<double>[^\"\s\\]{1,256})\\{0,4}\"|'(?P<single>[^'\s]{1,256})')"
# `CREATE USER bob PASSWORD 'X'`, `WITH PASSWORD = N'X'`, `ConvertTo-SecureString -String 'X'`
_STATEMENT: Final = re.compile(rb"[ \t]{1,8}(?:-[A-Za-z]{1,16}[ \t]{1,8}|= ?[Nn])?" + _QUOTED)
# `SET PASSWORD FOR 'bob'@'%' = 'X'`
_SET_PASSWORD: Final = re.compile(
    rb"[ \t]{1,8}(?i:for)[ \t]{1,8}[A-Za-z0-9_'\"`@%.:\\-]{1,128}[ \t]{0,8}=[ \t]{0,8}(?i:password\()?"
    + _QUOTED
)
_BEFORE_OPTION: Final = frozenset(b"%c" % one for one in b" \t\r\n\"'=") | {b""}
_OPTION_NAME: Final = re.compile(rb"--?[A-Za-z][A-Za-z0-9_.-]*")
_CODE: Final = re.compile(rb"[0-9]{4,8}[.!]?")
# `chpasswd <<< "opc:X"`, and the same as cloud-init has it
_HERE_STRING: Final = re.compile(
    rb"[ \t]{0,8}<<<[ \t]{0,8}(?:\\{0,4}[\"'])?[A-Za-z0-9_.-]{1,64}:(?P<bare>[^\"'\s\\]{1,256})"
)
# `chpasswd:` of cloud-init, up to its first user
_USER_LIST: Final = re.compile(rb":\s{1,16}(?:expire:\s{1,4}\w{1,8}\s{1,16})?(?:list|users):[ \t]{0,4}\|?-?")
_USER: Final = re.compile(
    rb"\s{1,16}(?:- {1,4})?[\"']?[A-Za-z_][A-Za-z0-9_.-]{0,63}:(?P<bare>[^\s\"']{1,256})[\"']?"
)
_FOLDED_BASE64: Final = re.compile(rb"(?:(?:\\{1,4}r|\r)?(?:\\{1,4}n|\n) [A-Za-z0-9+/=]{1,128})*")
# what may end a value that has no quotes, and what must follow a separator that does
_STOP: Final = re.compile(rb"[\s\"'`&;,<)}\]%|]|\\+|\.(?=\s|\Z)")
_CLOSED: Final = re.compile(rb"[\s\"',;)}\]|&>:.\\<]|\Z")
_ENDINGS: Final = {
    sign: re.compile(ending)
    for signs, ending in (
        (b"&", rb"[&\s\"']|\Z|(?:amp;)?[A-Za-z0-9_.~%\[\]-]{1,64}="),  # the next pair of a query
        (b";|", rb"[\s\"']|\Z|[A-Za-z_][A-Za-z0-9_ .-]{0,40}=|\\"),  # the next field
        (b",", rb"[\s\"'{\[]|\Z|[A-Za-z_][A-Za-z0-9_.-]{0,64}[\"']?\s?[=:]"),  # the next item
        (b"<", rb"/|redacted:|br"),
        (b"\"'`", _CLOSED.pattern),
        (b"\\", rb"[\"'nrt]"),  # an escaped quote, the end of a line
    )
    for sign in (signs[at : at + 1] for at in range(len(signs)))
}
# a separator, in a value behind `%3D`
_ENDS_ENCODED: Final = re.compile(rb"%(?:26|20|22|27|0[AaDd]|3[BbCc]|7[Dd])")
# what a template or a shell puts a value in place of
_PLACEHOLDER: Final = re.compile(rb"\{\{[^{}\r\n]{0,256}\}\}|\$\{[^{}\r\n]{0,256}\}|\$\([^()\r\n]{0,256}\)")
_BRACED: Final = re.compile(rb"[^}\r\n]{1,256}(?=\}(?:[;\s\"']|\Z))")
_OPENING: Final = {b")": b"(", b"}": b"{", b"]": b"["}
_NEAR: Final = 128
_MOST_NESTED: Final = 3  # long values in another one
_LEAST_NAMED: Final = 16
_SHORTEST_NUMBER: Final = 4


class Assignments:
    """The values that telling names are given in one text."""

    def __init__(self, text: bytes, *, customer_key: bool) -> None:
        """Take a text; `customer_key` says that it tells of a customer secret key, whose secret is just a `key`."""
        self._text, self._customer_key = text, customer_key
        self._at = -1  # where the word ends that was looked at last
        self._reach = Reach(most=_MOST_NESTED, near=_NEAR)

    def spans(self, place: int, done: int) -> Iterator[Span]:
        """Yield the value that a word around a place is given, when the word tells of a secret.

        Nothing before `done` belongs to it.
        """
        text = self._text
        after = _WORD_AFTER.match(text, place)
        before = text[max(done, place - 64) : place]
        before = before[len(before.rstrip(_WORD)) :]
        if not after or text.startswith(b"<redacted:", max(0, place - len(before) - 10)):
            return  # a word of a mask
        word, at = before + after.group(), after.end()
        if at == self._at:
            return  # another part of the same word
        self._at = at
        kind = kind_of_key(word)
        if word.endswith(b"chpasswd"):
            yield from _passwords_of_users(text, at)
        if self._customer_key and word.lower() == b"key":
            kind = "key"
        if not kind:
            return
        begins = at - len(word)
        opening = text[begins - 1 : begins] if begins else b""
        given = _GIVEN.match(text, at)
        if given and given["index"] and opening != b"[" and word[:2] not in {b"5B", b"5b"}:
            given = None  # `gdm-password]: ` is no `[password] => `
        if given:
            yield from self._given(word, kind, given)
        elif kind in {"password", "secret", "token", "key", "directory"}:
            is_option = _OPTION_NAME.fullmatch(word) is not None and opening in _BEFORE_OPTION
            yield from _named(text, word, kind, at, is_option=is_option)

    def _given(self, word: bytes, kind: str, given: re.Match[bytes]) -> Iterator[Span]:
        """Yield what is secret in the value behind `=` or `:`."""
        text, start = self._text, given.end()
        stands_for = MARKER.match(text, start) or (not given["quote"] and _PLACEHOLDER.match(text, start))
        if stands_for:
            yield Span(start, stands_for.end(), b"")
            return
        if given["fold"] and kind not in {"authorization", "cookie", "obo-token"} and b"-" not in word:
            return
        limit = min(len(text), self._reach.limit(start))
        stop = _closing(text, start, limit, given["quote"]) if given["quote"] else -1
        if kind in {"authorization", "cookie"}:
            spans_of = authorization_spans if kind == "authorization" else cookie_spans
            spans = list(spans_of(text, start, stop if stop >= 0 else limit, whole=False))
            yield from spans
            if spans:
                return
        quoted = stop >= 0
        if not quoted and text[start - 1 : start] == b"{" and (found := _BRACED.match(text, start)):
            stop, quoted = found.end(), True  # as ODBC has it: `Pwd={...};`
        if not quoted:
            stop = _value_end(text, start, limit, given["sign"])
        self._reach.went(start, limit if stop < 0 else stop)
        value = text[start : max(start, stop)]
        if given["sign"] == b"::" and (folded := _FOLDED_BASE64.match(text, stop)):
            stop = folded.end()
        masked = kind_of_value(kind, value)
        if masked and _is_given(word, masked, value, quoted=quoted):
            yield Span(start, stop, marker(masked))


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


def _named(text: bytes, word: bytes, kind: str, at: int, *, is_option: bool) -> Iterator[Span]:
    """Yield the value that stands behind a telling name in XML, as an option's argument, or in a sentence."""
    ways = (
        (_ELEMENT, True),
        (_ATTRIBUTE, True),
        (_OPTION, is_option),
        (_STATEMENT, kind == "password" or word.lower().endswith(b"securestring")),
        (_SET_PASSWORD, kind == "password" and text[at - len(word) - 4 : at - len(word)].lower() == b"set "),
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


def _is_given(word: bytes, kind: str, value: bytes, *, quoted: bool) -> bool:
    """Tell whether a value in free text is the secret itself, and not a word about it."""
    if kind == "session-token":
        return True
    if kind == "password":
        return _is_password(word, value)
    opaque, long = is_opaque(value), len(value) >= _LEAST_NAMED
    if kind in {"authorization", "cookie"}:
        return opaque and long and b"=" not in value[:-2]
    if kind == "private-key":
        return opaque and long
    return opaque or (quoted and long and not value.isalpha() and b" " not in value)


def _is_password(word: bytes, value: bytes) -> bool:
    """Tell whether what a word like `password` is given is no tag, status or count."""
    name = word.lower().lstrip(b"-/$")
    if name.rpartition(b"/")[2] in {b"passwd", b"nopasswd"} and value.startswith(b"ALL"):
        return False  # tags of sudoers
    if value.isdigit() and len(value) < _SHORTEST_NUMBER:
        return False
    about = value.isdigit() or value.isalpha()
    return not (name == b"pass" and about and not word.startswith((b"-", b"/")))


def _closing(text: bytes, start: int, limit: int, quote: bytes) -> int:
    """Return where a quoted value ends, -1 when its quote is not closed on this line."""
    stop = text.find(quote, start, limit)
    while stop > 0 and len(quote) == 1 and text[stop - 1 : stop] == b"\\":
        stop = text.find(quote, stop + 1, limit)
    return -1 if stop < 0 or text.find(b"\n", start, stop) >= 0 else stop


def _value_end(text: bytes, start: int, limit: int, sign: bytes) -> int:
    """Return where a value without quotes ends, -1 when that is too far away to see."""
    for found in _STOP.finditer(text, start, limit):
        at, character = found.start(), found.group()[:1]
        if character in _OPENING:
            ends = _closes(text, start, at)
        elif character == b"%":
            ends = sign.startswith(b"%") and _ENDS_ENCODED.match(text, at) is not None
        else:
            ending = _ENDINGS.get(
                character
            )  # white space and the full stop of a sentence end it whatever follows
            ends = ending is None or ending.match(text, found.end()) is not None
        if ends:
            return at
    return len(text) if limit == len(text) else -1


def _closes(text: bytes, start: int, at: int) -> bool:
    """Tell whether a closing bracket ends a value: it was opened before the value, and no text goes on behind it."""
    opened = _OPENING[text[at : at + 1]] in text[start : min(at, start + 256)]
    return not opened and _CLOSED.match(text, at + 1) is not None
