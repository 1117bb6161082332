"""Secrets that have an extent of their own: credentials of HTTP schemes, cookies, PEM blocks, base64.

What tells who and where stays: the scheme's name, the user and key id of a signature, the names of cookies.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Final, NamedTuple

from signal_client_oci.artifacts.secrets.names import MARKER, is_marked, is_word

__all__ = [
    "PEM_BEGIN",
    "Span",
    "authorization_spans",
    "basic_credentials",
    "cookie_spans",
    "encoded_again",
    "is_address",
    "marker",
    "opens_private_key",
    "private_key_span",
]


class Span(NamedTuple):
    """A stretch of bytes and what to put in its place."""

    start: int
    stop: int
    mask: bytes


@cache
def marker(kind: str) -> bytes:
    """Return what stands in place of a secret."""
    return b"<redacted:" + kind.encode() + b">"


# --- Authorization ------------------------------------------------------------------------------------------------

# a blank, or the end of a line that goes on in the next one, also as JSON writes them
_SPACE: Final = rb"(?:[ \t]|\\{1,4}t|(?:\\{1,4}r|\r)?(?:\\{1,4}n|\n)(?:[ \t]|\\{1,4}t))"
_SCHEME: Final = re.compile(
    rb"[\"']?(?i:(?P<name>basic|bearer|negotiate|ntlm|token|apikey|api-key|key|digest|signature|oauth|hawk|sigv4|"
    rb"aws4-hmac-sha256|sharedkey|sharedkeylite|sharedaccesssignature|splunk|kerberos|snowflake|dpop))"
    + _SPACE
    + rb"{1,16}"
)
# `name="value",`, the last one without a separator
_PARAMETER: Final = re.compile(
    rb"[ \t]{0,16}(?P<name>[A-Za-z_][A-Za-z0-9_-]{0,40})[ \t]{0,4}=[ \t]{0,4}"
    rb"(?:\\{0,8}\"(?P<quoted>[^\"\\\r\n]{0,8192})\\{0,8}\"|(?P<bare>[^\s\"',;]{1,8192}))"
    rb"(?P<end>[ \t]{0,16}[,;&]|(?=\s|\Z|[\"']))"
)
# parameters that tell who signed what, and how
_TELLING_PARAMETERS: Final = frozenset(
    b"username user realm uri algorithm qop nc keyid headers version credential signedheaders domain charset"
    b" oauth_version oauth_consumer_key oauth_signature_method oauth_timestamp sr se skn id ts created expires".split()
)
_BACKSLASH, _CARRIAGE_RETURN, _LINE_FEED = b"\\\r\n"  # which no quoted parameter has
# a request to OCI that was signed, as its SDKs write it: most headers are this, and read in a fraction of the time
_OTHER: Final = rb'(?:version|headers|algorithm)="(?!ST\$)[^"]{0,8192}"'
_SIGNED_REQUEST: Final = re.compile(
    rb'Signature (?:%b,)*keyId="(?P<key>[^"]{0,8192})",(?:%b,)*signature="(?P<secret>(?!ST\$)[^"]{0,8192})"(?:,%b)*'
    % (_OTHER, _OTHER, _OTHER)
)
_CREDENTIAL: Final = re.compile(rb"[^\s\"',;<\\]+")


def authorization_spans(text: bytes, start: int, stop: int, *, whole: bool) -> Iterator[Span]:
    """Yield what is secret in the value of an Authorization header.

    `whole` says that nothing but the value stands in the stretch: then what cannot be read is masked too.
    """
    mask = marker("authorization")
    signed = _SIGNED_REQUEST.fullmatch(text, start, stop) if whole else None
    if signed and not (_BACKSLASH in text or _CARRIAGE_RETURN in text or _LINE_FEED in text):
        yield from _signed_spans(signed, mask)
        return
    scheme = _SCHEME.match(text, start, stop)
    if scheme is None:
        if whole:
            yield Span(start, stop, mask)
        return
    at = scheme.end()
    has_parameters = scheme["name"].lower() not in {b"basic", b"bearer"}
    parameters = list(_parameters(text, at, stop)) if has_parameters else []
    if parameters:
        for parameter in parameters:
            yield from _parameter_span(parameter, mask)
        at = parameters[-1].end()
        if whole and _is_left(text[at:stop]):
            yield Span(at, stop, mask)
    elif whole:
        if _is_left(text[at:stop]):
            yield Span(at, stop, mask)
    elif (found := _CREDENTIAL.match(text, at, stop)) and not is_word(found.group()):
        yield Span(*found.span(), mask)


def _signed_spans(signed: re.Match[bytes], mask: bytes) -> Iterator[Span]:
    """Yield the session token and the signature of a signed request."""
    if signed["key"].startswith(b"ST$"):
        yield Span(*signed.span("key"), marker("session-token"))
    if signed["secret"] and not is_marked(signed["secret"]):
        yield Span(*signed.span("secret"), mask)


def _is_left(rest: bytes) -> bool:
    """Tell whether something is left to mask."""
    bare = rest.strip(b" \t\"',;")
    return bool(bare) and not is_marked(bare)


def _parameters(text: bytes, at: int, stop: int) -> Iterator[re.Match[bytes]]:
    """Yield the parameters of a scheme, each separated from the one before by a comma."""
    while found := _PARAMETER.match(text, at, stop):
        yield found
        if not found["end"]:
            return
        at = found.end()


def _parameter_span(found: re.Match[bytes], mask: bytes) -> Iterator[Span]:
    group = "quoted" if found["quoted"] is not None else "bare"
    value = found[group]
    if not value or is_marked(value):
        return
    if value.startswith(b"ST$"):
        yield Span(*found.span(group), marker("session-token"))
    elif found["name"].lower() not in _TELLING_PARAMETERS:
        yield Span(*found.span(group), mask)


def basic_credentials(value: bytes) -> bool:
    """Tell whether a word behind `Basic` is a user and a password in base64."""
    plain = _decoded(value)
    return plain is not None and b":" in plain


# --- cookies ------------------------------------------------------------------------------------------------------

# `name=value` or `name="value"`
_PAIR: Final = re.compile(
    _SPACE + rb"{0,16}(?P<name>[^\s=;,&\"'\\<>]{1,256})="
    rb"(?:\\{0,8}\"(?P<quoted>[^\"\\\r\n]{0,8192})\\{0,8}\"|(?P<bare>[^\s;\"'\\,<]{0,8192}))"
)
_NEXT_PAIR: Final = re.compile(rb"[ \t]{0,4};")
_ATTRIBUTES: Final = frozenset(
    b"path domain expires max-age samesite version priority comment secure httponly partitioned".split()
)
_FLAG: Final = re.compile(rb"[ \t]{0,4}(?i:secure|httponly|partitioned)(?=[ \t]{0,4}(?:;|\Z))")
_EXPIRES: Final = re.compile(rb"[ \t]{0,4}(?i:expires=[A-Za-z]{3,9},[ 0-9A-Za-z:-]{10,40})(?=;|\Z)")
_ADDRESS: Final = re.compile(
    rb"\[?(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7})\]?(?::[0-9]{1,5})?"
)
_LEAST_COOKIE: Final = 8


def cookie_spans(text: bytes, start: int, stop: int, *, whole: bool) -> Iterator[Span]:
    """Yield the values of a list of cookies; `whole` as for `authorization_spans`."""
    mask, at, spans = marker("cookie"), start, []
    while (
        found := _FLAG.match(text, at, stop) or _EXPIRES.match(text, at, stop) or _PAIR.match(text, at, stop)
    ):
        at = found.end()
        if found.re is _PAIR:
            spans += _cookie(found, mask, whole=whole)
        following = _NEXT_PAIR.match(text, at, stop)
        if not following:
            break
        at = following.end()
    if whole and text[at:stop].strip(b" \t;") and not MARKER.match(text, at, stop):
        yield Span(start, stop, mask)
        return
    yield from spans


def is_address(text: str) -> bool:
    """Tell whether a text is an IP address, perhaps with a port."""
    return _ADDRESS.fullmatch(text.encode("utf-8", "replace")) is not None


def _cookie(found: re.Match[bytes], mask: bytes, *, whole: bool) -> list[Span]:
    group = "quoted" if found["quoted"] is not None else "bare"
    value = found[group]
    stays = found["name"].lower() in _ATTRIBUTES or not value or is_word(value) or is_marked(value)
    if stays or (not whole and (len(value) < _LEAST_COOKIE or _ADDRESS.fullmatch(value))):
        return []
    return [Span(*found.span(group), mask)]


# --- PEM ----------------------------------------------------------------------------------------------------------

PEM_BEGIN: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END: Final = re.compile(rb"(?:\s|\\{1,8}[nrt]|[\"',+]){0,16}-----END ")
_BREAK: Final = re.compile(rb"(?:\s|\\{1,8}[nrt]){0,32}")
_PEM_HEADER: Final = re.compile(rb"(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset): ?[^\r\n\\]{0,200}")
_BASE64_LINE: Final = re.compile(rb"[A-Za-z0-9+/=_]{1,}")
_MOST_HEADERS: Final = 8
_SHORTEST_LINE: Final = 24
_SHORTEST_CLOSED: Final = 12
_MIXED: Final = tuple(re.compile(one) for one in (rb"[0-9+/=]", rb"[a-z]", rb"[A-Z]"))


def private_key_span(text: bytes, place: int) -> Span | None:
    """Return the base64 lines of the private key whose BEGIN line stands at a place; None when there are none.

    A key whose END is missing covers the lines that are base64 and no more.
    """
    begin = PEM_BEGIN.match(text, place)
    if not begin:
        return None
    start = stop = -1
    at = _line_start(text, begin.end())
    while line := _BASE64_LINE.match(text, at):
        closed = _PEM_END.match(text, line.end()) is not None
        if not _is_key_line(line.group(), closed=closed, follows=stop >= 0):
            break
        start, stop = line.start() if start < 0 else start, line.end()
        at = _line_start(text, stop)
    return None if start < 0 else Span(start, stop, marker("private-key"))


def _line_start(text: bytes, at: int) -> int:
    """Skip line breaks and the headers of an encrypted or armoured key."""
    at = _break(text, at)
    for _ in range(_MOST_HEADERS):
        header = _PEM_HEADER.match(text, at)
        if not header:
            break
        at = _break(text, header.end())
    return at


def _break(text: bytes, at: int) -> int:
    found = _BREAK.match(text, at)
    return found.end() if found else at


def _is_key_line(line: bytes, *, closed: bool, follows: bool) -> bool:
    """Tell whether a word is a line of a key: long and mixed, or the last one."""
    if follows and (closed or line.endswith(b"=")):
        return True
    mixed = all(one.search(line) for one in _MIXED)
    return mixed and len(line) >= (_SHORTEST_CLOSED if closed else _SHORTEST_LINE)


def opens_private_key(text: bytes) -> bool:
    """Tell whether a text begins a private key and does not end it, as the first of a list of lines does."""
    begin = PEM_BEGIN.search(text)
    return begin is not None and b"-----END " not in text[begin.end() :]


# --- base64 -------------------------------------------------------------------------------------------------------

_URL_SAFE: Final = bytes.maketrans(b"-_", b"+/")
_LARGEST_ENCODED: Final = 1 << 20


def _decoded(value: bytes) -> bytes | None:
    """Return the text that base64 stands for, None when it stands for none."""
    if len(value) > _LARGEST_ENCODED:
        return None
    letters = value.translate(_URL_SAFE).rstrip(b"=")
    try:
        plain = base64.b64decode(letters + b"=" * (-len(letters) % 4), validate=True)
        text = plain.decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return plain if text.isprintable() or not re.search(r"[\x00-\x08\x0e-\x1f]", text) else None


def encoded_again(value: bytes, redact: Callable[[bytes], tuple[bytes, int]]) -> bytes | None:
    """Mask what a base64 text stands for, and encode it as it was; None when there is nothing to mask."""
    plain = _decoded(value)
    if plain is None:
        return None
    masked, count = redact(plain)
    if not count:
        return None
    again = base64.b64encode(masked)
    if b"-" in value or b"_" in value:
        again = again.translate(bytes.maketrans(b"+/", b"-_"))
    return again if value.endswith(b"=") or len(value) % 4 == 0 else again.rstrip(b"=")
