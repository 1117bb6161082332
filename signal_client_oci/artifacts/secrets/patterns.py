"""Secrets in free text: the shapes that tell of themselves, wherever they stand.

Every expression looks at a bounded stretch, or at text that is not looked at again, so that the work grows with the
text and no faster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from signal_client_oci.artifacts.secrets.assignments import Assignments
from signal_client_oci.artifacts.secrets.commands import CommandLines
from signal_client_oci.artifacts.secrets.hints import BASE64_HEADS
from signal_client_oci.artifacts.secrets.names import MARKER, is_opaque, is_word
from signal_client_oci.artifacts.secrets.schemes import (
    Span,
    basic_credentials,
    encoded_again,
    marker,
    private_key_span,
)

__all__ = ["KINDS", "text_spans"]

Redact = Callable[[bytes], tuple[bytes, int]]

# the parts of telling names that a place may point to
_NAME_PARTS: Final = tuple(
    b"token cookie key pass pwd psk authoriz secret securest credential seed otp code".split()
)
# behind a character of a word a token is a part of something else, unless that character ends an escape
_NOT_INSIDE_A_WORD: Final = rb"(?:(?<![A-Za-z0-9_-])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))"
_VENDOR: Final = b"|".join(
    (
        rb"gh[opusr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}",
        rb"xox[abeprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}",  # Slack
        rb"hv[sb]\.[A-Za-z0-9_-]{16,}",  # Vault
        rb"[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|sk-(?:proj|ant)-[A-Za-z0-9_-]{16,}",  # Stripe, OpenAI, Anthropic
        rb"npm_[A-Za-z0-9]{20,}|pypi-Ag[A-Za-z0-9_-]{16,}|dckr_pat_[A-Za-z0-9_-]{16,}",
        rb"AIza[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{16,}|ya29\.[A-Za-z0-9_-]{16,}",  # Google
        rb"dop_v1_[a-f0-9]{32,}|shpat_[a-fA-F0-9]{20,}|hf_[A-Za-z0-9]{20,}",  # DigitalOcean, Shopify, Hugging Face
        rb"AGE-SECRET-KEY-1[A-Z0-9]{20,}",
        rb"SG\.[A-Za-z0-9_-]{12,}\.[A-Za-z0-9_-]{12,}",  # SendGrid
    )
)
# three parts of a signed web token, or five of an encrypted one, of which the second may be empty
_WEB_TOKEN: Final = (
    rb"eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,3}"
    rb"|\.\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){0,2})"
)
_SLASH: Final = rb"\\{0,4}/"  # also in JSON inside of text
# a pre-authenticated request of Object Storage: `/p/<secret>/n/<namespace>/b/`
_PAR: Final = (
    rb"(?:/|%2f)p(?:/|%2f)(?P<secret>[^/%\s\"?#<]{6,512})"
    rb"(?=(?:/|%2f)n(?:/|%2f)[^/%\s]{1,300}(?:/|%2f)b(?:/|%2f))"
)
_BREAKS: Final = rb"(?:\s|\\{1,4}[nr]){1,4}"  # ends of lines, written out or not
_PUTTY_LINES: Final = (
    rb"(?i:private-lines:) [0-9]{1,3}" + _BREAKS + rb"(?P<secret>[A-Za-z0-9+/=]{20,}"
    rb"(?:" + _BREAKS + rb"[A-Za-z0-9+/=]{20,})*)"
)
# `your verification code is 123456`, and no error, status or postal code
_CODES: Final = tuple(
    b"your verification confirmation security login log-in signin sign-in authentication activation recovery backup"
    b" bypass access reset one-time otp sms mfa 2fa totp".split()
)
_CODE: Final = (
    rb"(?i:" + b"|".join(rb"(?<=" + one + rb")" for one in _CODES) + rb")"
    rb" (?i:code)(?: (?:is|was))?:?\s{1,4}(?P<secret>[0-9]{4,8})(?![0-9A-Za-z])"
)
_ORACLE: Final = rb":(?i:thin|oci8?):[A-Za-z0-9_$#.-]{1,64}/"  # `jdbc:oracle:thin:user/`
# the first two characters that a shape may begin with, the shape, and the kind of what it finds
_SHAPES: Final = (
    (
        "gh|gi|gl|xo|xa|hv|sk|rk|np|py|ai|go|ya|do|sh|hf|ag|dc|sg",
        _NOT_INSIDE_A_WORD + rb"(?P<secret>" + _VENDOR + rb")",
        "token",
    ),
    ("st", rb"(?P<secret>ST(?:\$|%24)[A-Za-z0-9_.=~+/%-]{16,})", "session-token"),
    ("ey", _NOT_INSIDE_A_WORD + rb"(?P<secret>" + _WEB_TOKEN + rb")", "token"),
    ("/p|%2", rb"(?i:" + _PAR + rb")", "par"),
    ("si", rb"(?i:signature)=\"?(?P<secret>[A-Za-z0-9+/=%_-]{16,1024})", "signature"),
    ("si", rb"(?<![A-Za-z])(?i:sig)=(?P<secret>[A-Za-z0-9+/=%_-]{20,1024})", "signature"),
    # Slack, Discord, Teams, Telegram, PagerDuty
    (
        "/s",
        rb"(?i:/services)"
        + _SLASH
        + rb"T[A-Za-z0-9]{5,}"
        + _SLASH
        + rb"B[A-Za-z0-9]{5,}"
        + _SLASH
        + rb"(?P<secret>[A-Za-z0-9]{12,})",
        "webhook",
    ),
    (
        "we",
        rb"(?i:webhooks)" + _SLASH + rb"[0-9]{10,24}" + _SLASH + rb"(?P<secret>[A-Za-z0-9_-]{20,})",
        "webhook",
    ),
    (
        "we",
        rb"(?i:webhook/)(?P<secret>[0-9a-fA-F]{16,}(?:/[0-9a-fA-F-]{16,}(?:/[A-Za-z0-9_-]+)?)?)",
        "webhook",
    ),
    ("/b", rb"/bot[0-9]{6,12}(?::|%3A)(?P<secret>[A-Za-z0-9_-]{20,})", "token"),
    ("/i", rb"(?i:/integrations)" + _SLASH + rb"(?P<secret>[0-9a-f]{32})(?=" + _SLASH + rb")", "webhook"),
    (":t|:o", _ORACLE + rb"\\{0,4}\"(?P<secret>[^\"\r\n\\]{1,128})\\{0,4}\"@", "password"),
    (":t|:o", _ORACLE + rb"(?P<secret>[^\s@\"'<\\]{1,128})@", "password"),
    ("au", rb"(?i:auth (?:plain|login)\s{1,4})(?P<secret>[A-Za-z0-9+/]{8,}={0,2})", "authorization"),
    (" c", _CODE, "password"),
    ("pr", _PUTTY_LINES, "private-key"),
    # bcrypt, SHA-256, SHA-512 and yescrypt as crypt(3) writes them
    (
        "$2|$5|$6|$y",
        rb"(?<![A-Za-z0-9])(?P<secret>\$(?:2[aby]|5|6|y)\$[./A-Za-z0-9$=,]{20,})",
        "password-hash",
    ),
)
KINDS: Final = frozenset(kind for _, _, kind in _SHAPES)
"""The kinds of what a shape alone tells."""


def _by_head() -> dict[bytes, list[tuple[re.Pattern[bytes], str]]]:
    """Return the shapes by their first two characters, so that a place is held to few of them."""
    shapes: dict[bytes, list[tuple[re.Pattern[bytes], str]]] = {}
    for heads, shape, kind in _SHAPES:
        compiled = re.compile(shape)
        for head in heads.split("|"):
            shapes.setdefault(head.encode(), []).append((compiled, kind))
    return shapes


_BY_HEAD: Final = _by_head()
_LOOKS_SIGNED: Final = tuple(re.compile(one) for one in (rb"[0-9]", rb"[A-Za-z]"))
# the password of a URL: not a port, up to the `@` before a host
_NO_PORT: Final = rb"(?![0-9]{1,5}(?:[/?#]|\Z))"
_USER_INFO: Final = re.compile(
    rb"://[^/\s:@\"]{0,100}:" + _NO_PORT + rb"(?P<secret>[^\s/?#\"'<>\\]{1,200})@(?=[A-Za-z0-9.\[-])"
)
_USER_INFO_WITH_SLASH: Final = re.compile(
    rb"://[A-Za-z0-9_%+-]{1,100}:" + _NO_PORT + rb"(?P<secret>[^\s\"'<>\\]{1,200})@(?=[A-Za-z0-9.\[-])"
)
_BLANKS: Final = rb"(?:[ \t]|%20|\+){1,8}"
_BEARER: Final = re.compile(rb"(?i:bearer)" + _BLANKS + rb"(?P<secret>[A-Za-z0-9._~+/-]{16,}=*)")
_BASIC: Final = re.compile(
    rb"(?i:basic)" + _BLANKS + rb"(?P<secret>[A-Za-z0-9+/_-]{6,1024}={0,2})(?![A-Za-z0-9])"
)
_ENCODED: Final = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,}={0,2}")
_ENCODED_HEADS: Final = tuple(one.encode() for one in BASE64_HEADS)
# in JSON with backslashes before its quotes
_DOUBLE_QUOTED: Final = rb"\\{0,4}\"(?P<double>[^\"\r\n]{1,1024}?)\\{0,4}\""
# SQL: `IDENTIFIED BY X`, `IDENTIFIED WITH plugin BY 'X'`, `IDENTIFIED BY VALUES 'X'`
_IDENTIFIED: Final = re.compile(
    rb"identified\s{1,8}(?:with\s{1,8}[A-Za-z0-9_'\"`]{1,64}\s{1,8})?by\s{1,8}(?:values\s{1,8}|password\s{1,8})?(?:"
    + _DOUBLE_QUOTED
    + rb"|'(?P<single>[^'\r\n]{1,1024})'|(?P<bare>[^\s\"';,)]{1,256}))",
    re.IGNORECASE,
)
_REPLACED: Final = re.compile(rb"\s{1,8}(?i:replace)\s{1,8}" + _DOUBLE_QUOTED)


def text_spans(
    text: bytes, places: Iterable[int], redact: Redact, *, customer_key: bool = False
) -> list[Span]:
    """Return, in order and without overlaps, the secrets in a plain text.

    `places` are its candidates, in order; `redact` masks what is decoded from base64; `customer_key` says that the text
    tells of a customer secret key, whose secret is called just `key`.
    """
    assignments, commands = Assignments(text, customer_key=customer_key), CommandLines(text)
    spans: list[Span] = []
    done = 0
    for place in places:
        if place < done:
            continue
        head = text[place : place + 8].lower()
        if head.startswith(_NAME_PARTS):
            found = assignments.spans(place, done)
        else:
            found = _spans_at(text, place, redact, commands)
        for span in found:
            if span.start >= done:
                done = span.stop
                if span.mask:
                    spans.append(span)
    return spans


def _spans_at(text: bytes, place: int, redact: Redact, commands: CommandLines) -> Iterator[Span]:
    """Yield the secrets that a candidate points to; one without a mask says that nothing else is in its stretch."""
    head = text[place : place + 12].lower()
    for shape, kind in _BY_HEAD.get(head[:2], ()):
        found = shape.match(text, place)
        if found and _tells(kind, found["secret"]):
            yield Span(*found.span("secret"), marker(kind))
            return
    if head.startswith(b"://"):
        found = _USER_INFO.match(text, place) or _USER_INFO_WITH_SLASH.match(text, place)
        if found and not is_word(found["secret"]) and not MARKER.search(found["secret"]):
            yield Span(*found.span("secret"), marker("password"))
    elif head.startswith((b"bearer", b"basic")):
        yield from _scheme(text, place)
    elif head.startswith(b"-----begin"):
        span = private_key_span(text, place)
        if span:
            yield span
    elif head.startswith(b"identified"):
        yield from _identified(text, place)
    elif text.startswith(_ENCODED_HEADS, place):
        yield from _encoded(text, place, redact)
    else:
        yield from commands.spans(place)


def _tells(kind: str, secret: bytes) -> bool:
    """Tell whether what has the shape of a secret is no word: the name of an IDS rule may follow `signature=`."""
    if MARKER.search(secret):
        return False
    if kind == "signature":
        return all(one.search(secret, 0, 256) for one in _LOOKS_SIGNED) and is_opaque(secret)
    return True


def _scheme(text: bytes, place: int) -> Iterator[Span]:
    """Yield the credentials behind `Bearer` or `Basic`, wherever they stand."""
    if place and text[place - 1 : place].isalnum():
        return
    found = _BEARER.match(text, place)
    if found and is_opaque(found["secret"]):
        yield Span(*found.span("secret"), marker("token"))
    found = _BASIC.match(text, place)
    if found and basic_credentials(found["secret"]):
        yield Span(*found.span("secret"), marker("authorization"))


def _encoded(text: bytes, place: int, redact: Redact) -> Iterator[Span]:
    """Yield a base64 text with what is secret in it masked, encoded again."""
    found = _ENCODED.match(text, place)
    if found:
        again = encoded_again(found.group(), redact)
        yield Span(*found.span(), again or b"")


def _identified(text: bytes, place: int) -> Iterator[Span]:
    """Yield the passwords of an SQL statement, the new one and the one that it replaces."""
    found = _IDENTIFIED.match(text, place)
    while found and found.lastgroup:
        value = found[found.lastgroup]
        if not is_word(value) and not MARKER.search(value):
            yield Span(*found.span(found.lastgroup), marker("password"))
        found = _REPLACED.match(text, found.end())
