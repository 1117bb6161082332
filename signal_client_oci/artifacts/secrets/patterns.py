"""Secrets in free text: where to look for them, and the shapes that tell of themselves.

Every expression looks at a bounded stretch, or at text that is not looked at again, so that the work grows with the
text and no faster.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Final

from pydantic import StringConstraints, TypeAdapter

from signal_client_oci.artifacts.secrets.assignments import assigned_spans
from signal_client_oci.artifacts.secrets.commands import COMMANDS, command_spans
from signal_client_oci.artifacts.secrets.names import MARKER, is_opaque, is_word
from signal_client_oci.artifacts.secrets.schemes import (
    Span,
    basic_credentials,
    encoded_again,
    marker,
    private_key_span,
)

__all__ = ["SHAPES", "candidate_offsets", "may_contain_secret", "text_spans"]

Redact = Callable[[bytes], tuple[bytes, int]]

# --- may there be a secret at all, and where ----------------------------------------------------------------------

# Parts of the words and shapes by which secrets are found, in lower case. The first few are in many records, so each is
# looked for by itself; the others are looked for together, where one of them occurs.
_COMMON: Final = (
    re.compile(rb"k(?:en|ie|ey)"),  # token, cookie, key
    re.compile(rb"p(?:ass|wd|sk)"),
    re.compile(rb"zation"),
    re.compile(rb"c(?:ret|redential)"),
    re.compile(rb"/p/"),
    re.compile(rb"seed"),
    re.compile(rb"otp"),
    re.compile(rb"code"),
)
_VENDOR_TOKENS: Final = (
    "gh[opusr]_", "github_pat_", "glpat-", "xox[a-z]-", "xapp-", r"hv[sb]\.", "[sr]k_(?:live|test)_", "sk-(?:proj|ant)-", "npm_",
    "pypi-ag", "aiza", "gocspx-", r"ya29\.", "dop_v1_", "shpat_", "hf_", "dckr_pat_", "age-secret-key-1",
)  # fmt: skip
_TEXT_MARKS: Final = (
    "-----begin", r"st\$", "sig=", "%2fp", r"bearer[ \t%+]", r"basic[ \t%+]", "securestring", r"sg\.", "/services/t", "webhook", ":thin:",
    ":oci:", r"\$(?:2[aby]|5|6|y)\$", "user[-_]?data", "stringdata", "/integrations/", "execve", "proctitle=", "command=-", "private-lines:",
    r"""signature=\\*"?[^<\\"]""", "identified", r"""auth\\*["']\s?:""", r"auth (?:plain|login)", "/bot[0-9]",
)  # fmt: skip
# base64 of JSON, scripts, cloud-init, PEM and assignments begins like this
_BASE64_HEADS: Final = [
    "eyJ",
    "eyAi",
    "ewog",
    "ewoJ",
    "ew0K",
    "W3si",
    "W3sK",
    "Wwog",
    "IyEv",
    "I2Nsb3Vk",
    "I2luY2x1",
    "Q29udGVudC1U",
    "TUlNRS1W",
    "LS0tLS1C",
    "cGFzc3dvcmQ",
    "UEFTU1dPUkQ",
    "ZXhwb3J0",
    "Z3JhbnRf",
    "dXNlcm5h",
]
_HEADS_IN_LOWER_CASE: Final = tuple(one.lower() for one in _BASE64_HEADS)
_TWO_WORDS: Final = ("aws configure", "net user", "net use", "net1 user", "net.exe use", "vault login")
_COMMAND_NAMES: Final = tuple(name for name in COMMANDS if name not in {"net", "az", "oc", "aws", "vault"})
_SENTENCES: Final = (
    r"[a-z] code[ :]",
    *(rf"""{re.escape(one)}[ r]""" for one in _TWO_WORDS),
    *(one.replace(" ", r"""\\*["'], ?\\*["']""") for one in _TWO_WORDS),
    *(rf"{one}[ \t]" for one in ("sqlplus", "sqlldr", "expdp", "impdp", "xfreerdp", "schtasks")),
)
# commands that take a secret behind an option or from a pipe, so only in texts that have a dash or a bar
_COMMANDS: Final = (
    r"echo[ \t]",
    r"printf[ \t]",
    *(rf"""{re.escape(name)}(?:\.exe)?[ \t"'\\,]""" for name in _COMMAND_NAMES),
    *(one.replace(" ", r"""[ "'\\,]+""") for one in ("az login", "oc create")),
)
_RARE: Final = (*_VENDOR_TOKENS, *_HEADS_IN_LOWER_CASE, *_TEXT_MARKS, *_SENTENCES, *_COMMANDS)
_LONGEST_RARE: Final = 40  # characters of any of these
_SLOWLY: Final = 64  # bytes that are searched for the places themselves


_FIRST: Final = re.compile(r"\[[^\]]*\]|\\.|.", re.DOTALL)


def _by_first(alternatives: Iterable[str]) -> str:
    """Write alternatives so that only those are tried that begin with the character at hand."""
    groups: dict[str, list[str]] = {}
    for one in alternatives:
        first = _FIRST.match(one)
        if first:
            groups.setdefault(first.group(), []).append(one[first.end() :])
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in groups.items())


_WORDS: Final = (
    r"(?:token|cookies?2?|key|pass(?:w(?:or)?d|phrase|code)?|pwd|psk|otp|seed|(?:otp|sms|totp|verification)[-_]?code"
    r"|authorization|secret(?:[-_]?bundle)?(?:[-_]?content|string)?|credentials?|securestring)"
    r"(?:[-_. ]?(?:data|value|plain|text|base64|confirm|confirmation|[0-9]{1,3}))*"
)
# a text as JSON has it, other than the empty one, a mask and an OCID, perhaps in a JSON string
_TEXT: Final = r"""\\*"(?:[^"<o]|<[^r]|o[^c])"""
# a value, other than null, true and false
_VALUE: Final = (
    rf"""(?:(?:\[\s*)?(?:{_TEXT}|\\*'|\{{)|\[\s*(?:\[|\\*"<redacted:[a-z-]+>\\*"\s*,)|[0-9-]|[^\s"'ntf\[{{0-9\\-]"""
    r"""|n(?:[^u]|u[^l]|ul[^l]|ull\w))"""
)
_GIVES: Final = (
    rf"""(?:[\s_-]*(?:[=:\]]|>[^<"\\\s]|%3[ad]|%253d|\\*["']\s*\]?=|\\*["']\s*:\s*{_VALUE}|\\*["']\s*[,}}\]]"""
    r"""|\\*["']\s+(?:value|content))|\s+\\*["'])"""
)


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Compile an expression for pydantic's engine, which looks for many words at once and never backtracks."""
    validator = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)]).validator
    matches: Callable[[str], bool] = validator.isinstance_python
    return matches


_names_a_secret = _matcher(f"{_WORDS}{_GIVES}")
_tells_of_a_secret = _matcher(
    r"""pass(?:word|code)\s+(?:is|was|to|set|changed|reset)\s|chpasswd|kind\\*"\s*:\s*\\*"secret"""
    r"""|customer[-_ ]?secret[-_ ]?key|\\u00|\\/p\\/|/p/|""" + "|".join(_SENTENCES)
)
_has_shape = _matcher("|".join(_TEXT_MARKS))
_has_token = _matcher("|".join((*_VENDOR_TOKENS, *_HEADS_IN_LOWER_CASE)))
_has_command = _matcher(rf"""-{_WORDS}(?:\s|\\*["'])|""" + "|".join(_COMMANDS))
_has_options = _matcher(r""" -|"-|=-|\t-|'-""")
_has_rare = _matcher("|".join(_RARE))
_has_user_info = _matcher(r""":\\*/\\*/[^/\s:@"]*:[^\s@"<]+@""")
_rare_places: Final = re.compile(_by_first(_RARE).encode())
_escaped_places: Final = re.compile(rb"\\(?:u00|/p)")
_user_info_places: Final = re.compile(rb":\\{0,8}/\\{0,8}/")


def may_contain_secret(text: bytes) -> bool:
    """Tell whether a text may hold a secret at all; a few microseconds, and never wrong when it says no."""
    try:
        lower = text.decode().lower()
    except UnicodeDecodeError:
        return True
    return (
        _names_a_secret(lower)
        or _tells_of_a_secret(lower)
        or _has_shape(lower)
        or _has_token(lower)
        or (("|" in lower or _has_options(lower)) and _has_command(lower))
        or ("@" in lower and _has_user_info(lower))
    )


def candidate_offsets(text: bytes) -> list[int]:
    """Return, in order, the places that may belong to a secret; a string without one holds no secret of its own."""
    lower = text.lower()
    places = [found.start() for word in _COMMON for found in word.finditer(lower)]
    places += _rare_offsets(lower, 0, len(lower))
    if b"\\" in text:
        places += [found.start() for found in _escaped_places.finditer(text)]
    if b"@" in text:
        places += [found.start() for found in _user_info_places.finditer(text)]
    places.sort()
    return places


def _rare_offsets(lower: bytes, start: int, stop: int) -> list[int]:
    """Return the places of what is rare between two places, by halves: a fast engine says whether, a slow one where."""
    if not _has_rare(lower[start : stop + _LONGEST_RARE].decode("utf-8", "replace")):
        return []
    if stop - start <= _SLOWLY:
        found = _rare_places.finditer(lower, start, min(len(lower), stop + _LONGEST_RARE))
        return [one.start() for one in found if one.start() < stop]
    middle = (start + stop) // 2
    return _rare_offsets(lower, start, middle) + _rare_offsets(lower, middle, stop)


# --- shapes that tell of themselves -------------------------------------------------------------------------------

_VENDOR: Final = (
    rb"(?P<secret>(?:gh[opusr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abeprs]-[A-Za-z0-9-]{10,}"
    rb"|xapp-[A-Za-z0-9-]{10,}|hv[sb]\.[A-Za-z0-9_-]{16,}|[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|sk-(?:proj|ant)-[A-Za-z0-9_-]{16,}"
    rb"|npm_[A-Za-z0-9]{20,}|pypi-Ag[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{16,}|ya29\.[A-Za-z0-9_-]{16,}"
    rb"|dop_v1_[a-f0-9]{32,}|shpat_[a-fA-F0-9]{20,}|hf_[A-Za-z0-9]{20,}|AGE-SECRET-KEY-1[A-Z0-9]{20,}|dckr_pat_[A-Za-z0-9_-]{16,}"
    rb"|sq0csp-[A-Za-z0-9_-]{20,}|EAAA[A-Za-z0-9_-]{40,}|SG\.[A-Za-z0-9_-]{12,}\.[A-Za-z0-9_-]{12,}))"
)
_NOT_INSIDE_A_WORD: Final = rb"(?:(?<![A-Za-z0-9_-])|(?<=%[0-9A-Fa-f]{2})|(?<=\\[nrt]))"
SHAPES: Final = (
    (re.compile(_NOT_INSIDE_A_WORD + _VENDOR), "token"),
    (re.compile(rb"(?P<secret>ST(?:\$|%24)[A-Za-z0-9_.=~+/%-]{16,})"), "session-token"),
    # JWT (three parts) and JWE (five, of which the second may be empty)
    (
        re.compile(
            _NOT_INSIDE_A_WORD
            + rb"(?P<secret>eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*){0,3}|\.\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){0,2}))"
        ),
        "token",
    ),
    (
        re.compile(
            rb"(?i:/|%2f)p(?:/|%2f)(?P<secret>[^/%\s\"?#<]{6,512})(?=(?:/|%2f)n(?:/|%2f)[^/%\s]{1,300}(?:/|%2f)b(?:/|%2f))",
            re.IGNORECASE,
        ),
        "par",
    ),
    (re.compile(rb"(?i:x-amz-|x-goog-)?(?i:signature)=\"?(?P<secret>[A-Za-z0-9+/=%_-]{16,})"), "signature"),
    (re.compile(rb"(?<![A-Za-z])(?i:sig)=(?P<secret>[A-Za-z0-9+/=%_-]{20,})"), "signature"),
    (
        re.compile(rb"(?i:/services/)T[A-Za-z0-9]{5,}/B[A-Za-z0-9]{5,}/(?P<secret>[A-Za-z0-9]{12,})"),
        "webhook",
    ),
    (re.compile(rb"(?i:webhooks/)[0-9]{10,24}/(?P<secret>[A-Za-z0-9_-]{20,})"), "webhook"),
    (
        re.compile(rb"(?i:webhook/)(?P<secret>[0-9a-fA-F]{16,}(?:/[0-9a-fA-F-]{16,}(?:/[A-Za-z0-9_-]+)?)?)"),
        "webhook",
    ),
    (re.compile(rb"/bot[0-9]{6,12}(?::|%3A)(?P<secret>[A-Za-z0-9_-]{20,})"), "token"),
    (
        re.compile(
            rb":(?i:thin|oci8?):[A-Za-z0-9_$#.-]{1,64}/\\{0,4}\"(?P<secret>[^\"\r\n\\]{1,128})\\{0,4}\"@"
        ),
        "password",
    ),
    (re.compile(rb":(?i:thin|oci8?):[A-Za-z0-9_$#.-]{1,64}/(?P<secret>[^\s@\"'<\\]{1,128})@"), "password"),
    (re.compile(rb"(?i:/integrations/)(?P<secret>[0-9a-f]{32})(?=/)"), "webhook"),
    (re.compile(rb"(?i:auth (?:plain|login)\s{1,4})(?P<secret>[A-Za-z0-9+/]{8,}={0,2})"), "authorization"),
    (
        re.compile(rb"(?i:[a-z] code)(?: (?:is|was))?:?\s{1,4}(?P<secret>[0-9]{4,8})(?![0-9A-Za-z])"),
        "password",
    ),
    (
        re.compile(
            rb"(?i:private-lines:) [0-9]{1,3}(?:\s|\\{1,4}[nr]){1,4}(?P<secret>[A-Za-z0-9+/=]{20,}(?:(?:\s|\\{1,4}[nr]){1,4}[A-Za-z0-9+/=]{20,})*)"
        ),
        "private-key",
    ),
    (re.compile(rb"(?<![A-Za-z0-9])(?P<secret>\$(?:2[aby]|5|6|y)\$[./A-Za-z0-9$=,]{20,})"), "password-hash"),
)
_LOOKS_SIGNED: Final = tuple(re.compile(one) for one in (rb"[0-9]", rb"[A-Za-z]"))
_USER_INFO: Final = re.compile(
    rb"://[^/\s:@\"]{0,100}:(?![0-9]{1,5}(?:[/?#]|\Z))(?P<secret>[^\s/?#\"'<>\\]{1,200})@(?=[A-Za-z0-9.\[-])"
)
_USER_INFO_WITH_SLASH: Final = re.compile(
    rb"://[A-Za-z0-9_%+-]{1,100}:(?![0-9]{1,5}(?:[/?#]|\Z))(?P<secret>[^\s\"'<>\\]{1,200})@(?=[A-Za-z0-9.\[-])"
)
_BEARER: Final = re.compile(rb"(?i:bearer)(?:[ \t]|%20|\+){1,8}(?P<secret>[A-Za-z0-9._~+/-]{16,}=*)")
_BASIC: Final = re.compile(
    rb"(?i:basic)(?:[ \t]|%20|\+){1,8}(?P<secret>[A-Za-z0-9+/_-]{6,}={0,2})(?![A-Za-z0-9])"
)
_ENCODED: Final = re.compile(rb"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{20,}={0,2}")
_HEADS: Final = tuple(one.encode() for one in _BASE64_HEADS)
_IDENTIFIED: Final = re.compile(
    rb"identified\s{1,8}by\s{1,8}(?:values\s{1,8}|password\s{1,8})?(?:\\{0,4}\"(?P<double>[^\"\r\n]{1,1024}?)\\{0,4}\""
    rb"|'(?P<single>[^'\r\n]{1,1024})'|(?P<bare>[^\s\"';,)]{1,256}))",
    re.IGNORECASE,
)
_REPLACED: Final = re.compile(rb"\s{1,8}(?i:replace)\s{1,8}\\{0,4}\"(?P<double>[^\"\r\n]{1,1024}?)\\{0,4}\"")


def text_spans(text: bytes, redact: Redact, *, customer_key: bool = False) -> list[Span]:
    """Return, in order and without overlaps, the secrets in a plain text.

    `redact` masks what is decoded from base64; `customer_key` is as for `assigned_spans`.
    """
    spans: list[Span] = []
    done = 0
    for place in candidate_offsets(text):
        if place < done:
            continue
        head = text[place : place + 8].lower()
        if head.startswith(_COMMON_HEADS):
            found = assigned_spans(text, place, done, customer_key=customer_key)
        else:
            found = _spans_at(text, place, redact)
        for span in found:
            if span.start >= done:
                done = span.stop
                if span.mask:
                    spans.append(span)
    return spans


def _spans_at(text: bytes, place: int, redact: Redact) -> Iterator[Span]:
    """Yield the secrets that a candidate points to; one without a mask says that nothing else is in its stretch."""
    head = text[place : place + 12].lower()
    for shape, kind in SHAPES:
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
    elif text.startswith(_HEADS, place):
        yield from _encoded(text, place, redact)
    else:
        yield from command_spans(text, place)


_COMMON_HEADS: Final = (
    b"ken",
    b"kie",
    b"key",
    b"pass",
    b"pwd",
    b"psk",
    b"zation",
    b"cret",
    b"credential",
    b"seed",
    b"securest",
    b"otp",
    b"code",
)


def _tells(kind: str, secret: bytes) -> bool:
    """Tell whether what has the shape of a secret is no word: the name of an IDS rule may follow `signature=`."""
    if MARKER.search(secret):
        return False
    if kind == "signature":
        return all(one.search(secret) for one in _LOOKS_SIGNED) and is_opaque(secret)
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
