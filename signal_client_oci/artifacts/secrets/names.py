"""Which names tell that their value is a secret, and which values are none whatever their name.

A name counts as it is meant, not as it is spelled: `DB_PASS`, `dbPass`, `db-pass` and `db.pass` are one. Where neither
the name nor the value can tell, the value is evidence and stays.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = [
    "KINDS",
    "MARKER",
    "is_marked",
    "is_opaque",
    "is_reference",
    "is_word",
    "kind_of_key",
    "kind_of_value",
]

_LONGEST_KNOWN: Final = 64  # of the names whose kind is remembered
MARKER: Final = re.compile(rb"<redacted:[a-z-]{1,32}>")

_EXACT: Final = {
    "accountkey": "key",
    "bypasscode": "password",
    "clientkeydata": "private-key",
    "cookie": "cookie",
    "cookie2": "cookie",
    "cookies": "cookie",
    "credential": "credentials",
    "credentials": "credentials",
    "ocpapimsubscriptionkey": "key",
    "opcobotoken": "obo-token",
    "opcsourcessecustomerkey": "key",
    "opcssecustomerkey": "key",
    "otp": "password",
    "oldpwd": "directory",
    "otpcode": "password",
    "pwd": "directory",
    "seed": "seed",
    "smscode": "password",
    "totpcode": "password",
    "totpseed": "seed",
    "verificationcode": "password",
    "secretbundlecontent": "secret",
    "secretcontent": "secret",
    "setcookie": "cookie",
    "setcookie2": "cookie",
    "xfunctionskey": "key",
}
_ENDINGS: Final = (
    ("authorization", "authorization"),
    ("cookie", "cookie"),
    ("password", "password"),
    ("passwd", "password"),
    ("passphrase", "password"),
    ("passcode", "password"),
    ("pwd", "password"),
    ("keypass", "password"),
    ("storepass", "password"),
    ("privatekey", "private-key"),
    ("presharedkey", "password"),
    ("psk", "password"),
    ("secretaccesskey", "secret"),
    ("sharedaccesskey", "key"),
    ("secretkey", "secret"),
    ("apikey", "key"),
    ("accesskey", "key"),
    ("authkey", "key"),
    ("sharedkey", "key"),
    ("customerkey", "key"),
    ("storagekey", "key"),
    ("securestring", "secret"),
    ("secretstring", "secret"),
    ("secret", "secret"),
    ("token", "token"),
)
KINDS: Final = frozenset({*_EXACT.values(), *(kind for _, kind in _ENDINGS)})
"""What `kind_of_key` may return."""

# the last word of a telling name is written as one: `pass-word` is a name, `pa-ss` is none
_LAST_WORD: Final = re.compile(
    r"(?:authorization|token|cookies?|pass(?:[-_. ]*(?:word|wd|phrase|code))?|(?:sms|verification|otp)[-_. ]*code"
    r"|pwd|psk|otp|seed|key|secret|string|credentials?|content|data)2?[-_. ]*$",
    re.IGNORECASE,
)
# what may stand behind a telling name without changing what it names: `password1`, `clientSecretValue`
_SUFFIX: Final = re.compile(
    r"(?:value|plaintext|plain|text|base64|confirm(?:ation)?|[0-9]{1,3})$", re.IGNORECASE
)
# tokens that open nothing: places in a list and marks of a repeated request; names of Kubernetes secrets; a switch
_HARMLESS: Final = frozenset(
    {
        "assecurestring",
        "clientrequesttoken",
        "continuationtoken",
        "idempotencytoken",
        "imagepullsecret",
        "markertoken",
        "nextpagetoken",
        "nexttoken",
        "opcclientretrytoken",
        "opcidempotencytoken",
        "opcretrytoken",
        "pagetoken",
        "pagingtoken",
        "retrytoken",
        "starttoken",
        "synctoken",
        "tlssecret",
    }
)
# what stands for no value, tells whether there is one, or tells what became of it
_WORDS: Final = frozenset(
    b"""none null nil undefined true false yes no on off ok n/a na unknown empty set unset unchanged default
    chauthtok denied granted allowed permitted failed failure failures fail success successful succeeded error errors
    invalid valid expired expires expiring missing required incorrect wrong changed change reset updated rotated revoked
    disabled enabled accepted rejected refused unauthorized unauthenticated forbidden passed pass hidden masked redacted
    removed not is was has for the a an too must can cannot could should will with by from of to in at and or but this
    that authentication authorization verification check mismatch match policy age length complexity history strength
    user root account anonymous public private optional never always only again attempt attempts prompt input field
    unexpected identifier string number object keyword eof type bearer basic digest negotiate ntlm""".split()
)
# what stands where a secret would stand
_PLACEHOLDER: Final = re.compile(
    rb"[*\xe2\x80\xa2xX#.?_-]{2,}|[*?]"  # a mask of somebody else
    rb"|\$\{[^}]*\}|\$\([^)]*\)|\$[A-Za-z_][A-Za-z0-9_]*|%[A-Za-z_][A-Za-z0-9_]*%"  # variables of shells
    rb"|\{\{.*\}\}|\{[A-Za-z_][A-Za-z0-9_.]*\}|%[sdrv]"  # of templates and formats
    rb"|:[A-Za-z0-9_]{1,32}|\$[0-9]{1,2}"  # of SQL
    rb"|<[^<>]*>|\[[A-Za-z_ -]*\]|\([A-Za-z_ -]*\)",  # `<password>`, `[FILTERED]`, `(hidden)`
    re.DOTALL,
)
# the value says where the secret is kept, not what it is
_REFERENCE: Final = re.compile(
    rb"ocid1\.[a-z0-9]{1,64}\.[a-z0-9-]{0,32}\.[a-z0-9-]{0,32}\.[A-Za-z0-9._/:-]+"
    rb"|arn:[a-z-]+:(?:secretsmanager|ssm|kms|iam):\S+|projects/[^/\s]+/secrets/\S+|@Microsoft\.KeyVault\(.*"
    rb"|(?:vault|secret|secretref|file|env|keyring|op|ssm):[A-Za-z/_.#-][^\s]*",
)
_PATH: Final = re.compile(rb"(?:[~/]|\.{1,2}/|[A-Za-z]:[\\/]).*", re.DOTALL)
_SEED: Final = re.compile(rb"[A-Z2-7]{16,}=*")  # of one-time passwords (RFC 4648, base32)
_API_KEY_ID: Final = re.compile(rb"ocid1\.[^/\s]+/ocid1\.[^/\s]+/[0-9a-fA-F:]+")
# a name of several words, as Kubernetes and vaults give to secrets
_NAME: Final = re.compile(rb"[a-z]{2,}(?:[-_./][a-z]+[0-9]{0,2})+")
# values that are no secrets under names of a kind
_STAYS: Final = {
    "credentials": _API_KEY_ID,  # public by nature: it tells which key signed
    "directory": _PATH,  # that a shell is in
    "private-key": _PATH,
    "secret": _NAME,
}
_DIGIT, _LOWER, _UPPER, _SIGN = (
    re.compile(one) for one in (rb"[0-9]", rb"[a-z]", rb"[A-Z]", rb"[^A-Za-z0-9]")
)
_LEAST_OPAQUE: Final = 8
_LONG: Final = 24
_LONGEST_WORD: Final = 256


def kind_of_key(name: bytes) -> str:
    """Return the kind of secret that stands under a name, "" when the name tells of none."""
    return _kind_of_key(name) if len(name) <= _LONGEST_KNOWN else ""


@lru_cache(maxsize=4096)
def _kind_of_key(name: bytes) -> str:
    text = name.decode("utf-8", "replace").strip().lstrip("-/$")
    # a principal's claims repeat the headers of the request with an `h_` in front
    compact = re.sub(r"[-_. ]", "", re.sub(r"^h_", "", text.lower()))
    if compact in _HARMLESS:
        return ""
    while True:
        kind = _EXACT.get(compact) or next(
            (kind for ending, kind in _ENDINGS if compact.endswith(ending)), ""
        )
        if kind:
            return kind if _LAST_WORD.search(text) else ""
        if compact.endswith("pass") and _names_pass(text):
            return "password"
        shorter = _SUFFIX.sub("", compact)
        if shorter == compact or not shorter:
            return ""
        text, compact = _SUFFIX.sub("", re.sub(r"[-_. ]+$", "", text)), shorter


def _names_pass(text: str) -> bool:
    """Tell whether `pass` is a word of its own at the end of a name."""
    return bool(re.fullmatch(r"(?i:.*[^A-Za-z])?(?i:pass)|.*[a-z0-9]Pass", text, re.DOTALL))


def kind_of_value(kind: str, value: bytes) -> str:
    """Return the kind to mask a value as, by the kind of its name and its own look; "" when it is no secret."""
    if value.startswith(b"ST$") and kind != "authorization":
        return "session-token"
    if not value.strip() or is_word(value) or is_reference(value) or is_marked(value):
        return ""
    if kind == "seed":
        return "secret" if _SEED.fullmatch(value) else ""
    stays = _STAYS.get(kind)
    if stays and stays.fullmatch(value):
        return ""
    return "password" if kind == "directory" else kind


def is_word(value: bytes) -> bool:
    """Tell whether a value says whether there is a secret, or what became of it, or stands in for it."""
    bare = value.strip()
    if len(bare) > _LONGEST_WORD:
        return False
    return bare.lower().rstrip(b".,:;!") in _WORDS or _PLACEHOLDER.fullmatch(bare) is not None


def is_reference(value: bytes) -> bool:
    """Tell whether a value names the place where a secret is kept."""
    return _REFERENCE.fullmatch(value.strip()) is not None


def is_marked(value: bytes) -> bool:
    """Tell whether a value is a marker that masking put there."""
    return MARKER.fullmatch(value) is not None


def is_opaque(value: bytes) -> bool:
    """Tell whether a value looks made by a machine or by the rules for passwords, and not like a word."""
    if len(value) < _LEAST_OPAQUE:
        return False
    classes = sum(one.search(value) is not None for one in (_LOWER, _UPPER, _DIGIT, _SIGN))
    return (classes > 1 and _DIGIT.search(value) is not None) or classes > 2 or len(value) >= _LONG  # noqa: PLR2004
