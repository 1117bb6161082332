"""What secrets look like in the records of OCI: by the key they stand under, and by their own shape.

Every expression is linear in the text: repeats are bounded, or start only where a run of their characters starts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Annotated, Final

from pydantic import StringConstraints, TypeAdapter

__all__ = ["hints", "is_marked", "kind_of_key", "shapes_in", "suspicious", "value_kind"]

# The words that tell of a secret, each found by a part of it: token, cookie, key; password, passphrase,
# passcode, pwd; authorization; secret, credentials; bearer.
_WORDS: Final = (
    re.compile(rb"k(?:en|ie|ey)"),
    re.compile(rb"p(?:ass(?:w|ph|c)|wd)"),
    re.compile(rb"zation(?! failed)"),
    re.compile(rb'c(?:ret|redentials\\*"\s*:\s*(?!\s|null|\\*"\\*"))'),
    re.compile(rb"/p/"),
    re.compile(rb"bearer "),
)
# what else there may be in the text in lower case, and as it is, behind one byte each that most records do not have
_EQUALS, _PERCENT = (ord(char) for char in "=%")  # numbers are found faster
_LOWER_SIGNS: Final = ((_EQUALS, re.compile(rb"signature=")), (_PERCENT, re.compile(rb"%2fp")))
_DOLLAR, _J, _AT, _BACKSLASH = (ord(char) for char in "$J@\\")
_SIGNS: Final = (
    (_DOLLAR, re.compile(rb"ST\$")),
    (_J, re.compile(rb"eyJ")),
    (_AT, re.compile(rb'://[^/\s:@"]{0,100}:[^/\s@"<]{1,200}@')),
    (_BACKSLASH, re.compile(rb"\\(?:u00|/p)")),
)


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Compile an expression for pydantic's engine, which looks for many words at once and never backtracks."""
    validator = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)]).validator
    matches: Callable[[str], bool] = validator.isinstance_python
    return matches


# All in lower case. A value as JSON has it, other than null and the empty text, perhaps inside another JSON string:
_JSON_VALUE: Final = r"""(?:\\*"[^"]|\\*'|[\[{0-9-]|[^\s"'n\[{0-9\\-]|n(?:[^u]|u[^l]|ul[^l]|ull\w))"""
# behind a word: a value, or the end of a string, which may be the name of a claim whose value comes next
_TELLING: Final = rf"""[\s_-]*(?:[=:]|\\*["'] {{0,4}}=|\\*["']\s*:\s*{_JSON_VALUE}|\\*["']\s*[,}}\]])"""
_SIGN: Final = r"key-----|bearer |createcustomersecretkey|st\$|eyj|signature=|\\u00|(?:\\?/|%2f)p(?:\\?/|%2f)"
_WORD: Final = (
    "(?:token|cookie2?|key(?:-?data)?|password|passwd|passphrase|passcode|pwd|authorization"
    "|secret(?:-?bundle)?(?:-?content)?)"
)
_CREDENTIALS: Final = f"credentials{_TELLING}"
# first the cheap question, which no word answers that is only a part of another; then whether there is a value
_may_name_a_secret = _matcher(rf"""{_WORD}[\s_-]*["'\\=:]|{_CREDENTIALS}|{_SIGN}""")
_names_a_secret = _matcher(f"{_WORD}{_TELLING}|{_CREDENTIALS}|{_SIGN}")
_has_user_info = _matcher(r"""://[^/\s:@"]*:[^/\s@"<]+@""")

_LONGEST_KNOWN_KEY: Final = 64  # of the keys whose kind is remembered
_MARKED: Final = re.compile(rb"<redacted:[a-z-]+>")
_API_KEY_ID: Final = re.compile(rb"ocid1\.[^/\s]+/ocid1\.[^/\s]+/[0-9a-fA-F:]+")
_OCID: Final = re.compile(rb"ocid1\.[A-Za-z0-9_.-]+")
# what stands for no value, or says whether there is one
_NO_SECRETS: Final = frozenset({b"None", b"null", b"true", b"false", b"True", b"False"})

_EXACT: Final = {
    "credentials": "credentials",
    "cookie": "cookie",
    "cookie2": "cookie",
    "setcookie": "cookie",
    "setcookie2": "cookie",
    "opcobotoken": "obo-token",
    "clientkeydata": "private-key",
    "secretcontent": "credentials",
    "secretbundlecontent": "credentials",
    "secretkey": "secret",
    "opcssecustomerkey": "key",
    "opcsourcessecustomerkey": "key",
}
_ENDINGS: Final = (
    ("authorization", "authorization"),
    ("cookie", "cookie"),
    ("password", "password"),
    ("passwd", "password"),
    ("passphrase", "password"),
    ("passcode", "password"),
    ("pwd", "password"),
    ("privatekey", "private-key"),
    ("secretaccesskey", "secret"),
    ("apikey", "key"),
    ("secret", "secret"),
    ("token", "token"),
)
# tokens that open nothing: places in a list, and marks by which a service knows a repeated request
_HARMLESS: Final = frozenset(
    {
        "clientrequesttoken",
        "continuationtoken",
        "idempotencytoken",
        "markertoken",
        "nextpagetoken",
        "nexttoken",
        "opcclientretrytoken",
        "opcidempotencytoken",
        "opcretrytoken",
        "pagetoken",
        "retrytoken",
        "starttoken",
        "synctoken",
    }
)
_HEADER: Final = re.compile(r"x-.*(token|key|secret)")

# what follows a word that tells of a secret in plain text: `password=...`, `token: ...`, `'cookie': ['...`, also where
# it is JSON with escaped quotes
_ASSIGNED: Final = re.compile(
    rb"(?:\\{0,8}[\"'])?[ ]{0,4}[:=][ ]{0,4}(?:\[[ ]{0,4})?(?:\\{0,8}(?P<quote>[\"']))?"
)
_WORD_BEFORE: Final = re.compile(rb"[A-Za-z0-9_-]{0,64}\Z")
_WORD_AFTER: Final = re.compile(rb"[A-Za-z0-9_-]{0,64}")
_VALUE: Final = re.compile(rb"[^\s\"'&,;<>}\])\\]+")
_VALUE_LINE: Final = re.compile(rb"(?i:signature )[^\r\n<]+|[^\r\n\"'<\\\s][^\r\n\"'<\\]*")
_VALUE_QUOTED: Final = {b'"': re.compile(rb'[^"\r\n<\\]+'), b"'": re.compile(rb"[^'\r\n<\\]+")}
# the directory that a shell is in, as sudo logs it
_DIRECTORY: Final = re.compile(rb"(?:OLD)?PWD=/")
_LINE_KINDS: Final = frozenset({"authorization", "cookie"})

_KEY_BEGIN: Final = re.compile(rb"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----\Z")
_KEY_END: Final = re.compile(rb"-----END [A-Z ]{0,30}PRIVATE KEY-----")
_SESSION: Final = re.compile(rb"ST\$[A-Za-z0-9_.=~+/-]+")
_JWT: Final = re.compile(
    rb"(?:(?<![A-Za-z0-9_-])|(?<=%[0-9A-Fa-f]{2}))eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"
)
_BEARER: Final = re.compile(rb"(?<![A-Za-z0-9])bearer +([A-Za-z0-9._~+/-]{16,}=*)", re.IGNORECASE)
_PAR: Final = re.compile(
    rb"(?:/|%2f)p(?:/|%2f)([^/%\s\"?#<]{1,512})(?=(?:/|%2f)n(?:/|%2f)[^/%\s]{1,300}(?:/|%2f)b(?:/|%2f))",
    re.IGNORECASE,
)
_SIGNATURE: Final = re.compile(rb"signature=\"?([A-Za-z0-9+/=%_-]{16,})", re.IGNORECASE)
_USER_INFO: Final = re.compile(rb'://[^/\s:@"]{0,100}:([^/\s@"<]{1,200})@')
# by the byte that a hint begins with
_BY_BYTE: Final = {
    b"S": ((_SESSION, "session-token"), (_SIGNATURE, "signature")),
    b"e": ((_JWT, "token"),),
    b"b": ((_BEARER, "token"),),
    b"B": ((_BEARER, "token"),),
    b"/": ((_PAR, "par"),),
    b"%": ((_PAR, "par"),),
    b"s": ((_SIGNATURE, "signature"),),
    b":": ((_USER_INFO, "password"),),
}

Shape = tuple[int, int, str]


def suspicious(text: bytes) -> bool:
    """Tell whether a text may hold a secret at all; a microsecond or two, and never wrong when it says no."""
    try:
        lower = text.decode().lower()
    except UnicodeDecodeError:
        return True
    return (_may_name_a_secret(lower) and _names_a_secret(lower)) or (_AT in text and _has_user_info(lower))


def hints(text: bytes) -> list[int]:
    """Give, in order, the places that may belong to a secret; a string without one holds no secret of its own."""
    lower = text.lower()
    places = [found.start() for word in _WORDS for found in word.finditer(lower)]
    for signs, there in ((_LOWER_SIGNS, lower), (_SIGNS, text)):
        for byte, sign in signs:
            if byte in there:
                places += [found.start() for found in sign.finditer(there)]
    return sorted(places)


def is_marked(value: bytes) -> bool:
    """Tell whether a value is a marker that redaction put there."""
    return _MARKED.fullmatch(value) is not None


def kind_of_key(key: bytes) -> str:
    """Give the kind of secret that stands under a key, "" when the key tells of none."""
    return _kind_of_key(key) if len(key) <= _LONGEST_KNOWN_KEY else _kind_of_key.__wrapped__(key)


@lru_cache(maxsize=1024)
def _kind_of_key(key: bytes) -> str:
    # a principal's claims repeat the headers of the request with an `h_` in front
    name = key.decode("utf-8", "replace").strip().lower().replace("_", "-").removeprefix("h-")
    compact = name.replace("-", "").replace(" ", "")
    if compact in _EXACT:
        return _EXACT[compact]
    header = _HEADER.fullmatch(name)
    if header:
        return header.group(1)
    if compact in _HARMLESS:
        return ""
    return next((kind for ending, kind in _ENDINGS if compact.endswith(ending)), "")


def value_kind(kind: str, value: bytes) -> str:
    """Give the kind to mask a value as, by the kind of its key and its own look; "" when it needs no mask."""
    if not value or value in _NO_SECRETS or is_marked(value):
        return ""
    if value.startswith(b"ST$") and kind != "authorization":
        return "session-token"
    if kind == "credentials":
        return "api-key" if _API_KEY_ID.fullmatch(value) else kind
    if kind in {"key", "secret", "token"} and _OCID.fullmatch(value):
        return ""
    return kind


def shapes_in(text: bytes, places: list[int]) -> Iterator[Shape]:
    """Give start, end and kind of everything in a plain text that has the shape of a secret, by its hints."""
    done = 0
    for place in places:
        shape = shape_at(text, place) if place >= done else None
        if shape:
            yield shape
            done = shape[1]


def shape_at(text: bytes, place: int) -> Shape | None:
    """Give start, end and kind of the secret that a hint points to, None when there is none."""
    byte = text[place : place + 1]
    for shape, kind in _BY_BYTE.get(byte, ()):
        found = shape.match(text, place)
        if found:
            return (*found.span(shape.groups), kind)
    if byte in b"kK" and text[place : place + 8] == b"KEY-----":
        return _private_key(text, place)
    return _assigned(text, place)


def _private_key(text: bytes, place: int) -> Shape | None:
    """Give the PEM private key whose first line has its `KEY-----` at a place."""
    begin = text.rfind(b"-----BEGIN ", max(0, place - 60), place)
    if begin < 0 or not _KEY_BEGIN.match(text[begin : place + 8]):
        return None
    end = _KEY_END.search(text, place)
    return begin, end.end() if end else len(text), "private-key"


def _assigned(text: bytes, place: int) -> Shape | None:
    """Give the value that a word around a place is given in plain text, when the word tells of a secret."""
    after = _WORD_AFTER.match(text, place)
    sign = _ASSIGNED.match(text, after.end()) if after else None
    if not after or not sign:
        return None
    before = _WORD_BEFORE.search(text[max(0, place - 64) : place])
    word = (before.group() if before else b"") + after.group()
    kind = kind_of_key(word)
    if not kind or _DIRECTORY.fullmatch(word + text[after.end() : after.end() + 2]):
        return None
    shape = _VALUE_LINE if kind in _LINE_KINDS else _VALUE_QUOTED.get(sign["quote"], _VALUE)
    value = shape.match(text, sign.end())
    masked = value_kind(kind, value.group()) if value else ""
    return (*value.span(), masked) if value and masked else None
