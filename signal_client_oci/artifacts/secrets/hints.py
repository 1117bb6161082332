"""May a text hold a secret at all, and at which places: what is cheap to ask before anything is read closely.

The words and shapes here are parts of what `secret_places` and `secret_patterns` mask: a text without any of them comes
out as it went in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Final, NamedTuple

from pydantic import StringConstraints, TypeAdapter

from signal_client_oci.artifacts.secrets.commands import COMMANDS

__all__ = ["BASE64_HEADS", "candidate_offsets", "lower_case", "may_contain_secret", "text_may_contain_secret"]


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Compile an expression for pydantic's engine, which looks for many words at once and never backtracks."""
    validator = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)]).validator
    matches: Callable[[str], bool] = validator.isinstance_python
    return matches


lower_case: Final[Callable[[str], str]] = TypeAdapter(
    Annotated[str, StringConstraints(to_lower=True)]
).validator.validate_python
"""Does as `str.lower` in a fourth of the time, a third of what all questions about a text would take."""


def _words(*words: str) -> tuple[tuple[Callable[[str], bool], bytes], ...]:
    """Return each word with what tells quickly whether a text has it: of many words, most are missing."""
    return tuple((_matcher(word), word.encode()) for word in words)


def _offsets(
    words: Iterable[tuple[Callable[[str], bool], bytes]], text: bytes, characters: str
) -> Iterator[int]:
    """Yield the places of some words in a text."""
    for is_in, word in words:
        at = text.find(word) if is_in(characters) else -1
        while at >= 0:
            yield at
            at = text.find(word, at + 1)


# --- names of secrets, and what they are given --------------------------------------------------------------------

# in lower case, and without what stands before their last word
_LONG_WORDS: Final = (
    r"token|cookies?2?|pass(?:[-_. ]*(?:w(?:or)?d|phrase|code))?|seed|(?:totp|verification)[-_. ]*code|authorization"
    r"|credentials?|securestring|secret(?:[-_]?bundle)?(?:[-_]?content|string)?"
)
_SHORT_WORDS: Final = "key|pwd|psk|otp|(?:otp|sms)[-_. ]*code"
_ENDINGS: Final = "(?:[-_. ]*(?:data|value|plain|text|base64|confirm|confirmation|[0-9]{1,3}))*"
_WORDS: Final = f"(?:{_LONG_WORDS}|{_SHORT_WORDS}){_ENDINGS}"


def _other_than(*words: str) -> str:
    """Write what begins like none of some words, by the first character in which it differs."""
    return "(?:" + "|".join(_differs(words)) + ")"


def _differs(words: Iterable[str]) -> Iterator[str]:
    firsts: dict[str, list[str]] = {}
    for word in words:
        firsts.setdefault(word[0], []).append(word[1:])
    yield "[^" + "".join(re.escape(first) for first in firsts) + "]|$"
    for first, rests in firsts.items():
        if all(rests):
            yield re.escape(first) + "(?:" + "|".join(_differs(rests)) + ")"


_NO_SECRET: Final = ('"', "<redacted:", "ocid1.")
# the text of a string of JSON, perhaps in a string itself: not empty, no mask, no OCID
_TEXT: Final = (
    rf"""(?:"{_other_than(*_NO_SECRET)}|\\+"(?:{_other_than(*_NO_SECRET, chr(92))}|\\+[^\\"]|\\+"[^,\]}}:\s\\])"""
    r"""|\\*"(?:<redacted:[a-z-]*>[^"\\]|ocid1(?:\.[a-z0-9-]*){0,3}(?:[^a-z0-9.-]|$)"""
    r"""|ocid1(?:\.[a-z0-9-]*){3}\.(?:["\\]|$|[a-z0-9._/:-]*[^a-z0-9._"\\/:-])))"""
)
# a list with such a string behind others that are none
_LIST: Final = (
    r"""\[(?:[^"\]]*\\*"(?:\\*"|<redacted:[a-z-]*>\\*"|ocid1\.[^"\\]*\\*"))*"""
    rf"""[^"\]]*(?:{_TEXT}|['\[\{{]|$)"""
)
# a value: such a string or list, an object, a number, anything else but null, true and false
_VALUE: Final = (
    rf"""(?:{_TEXT}|{_LIST}|\\*'|\{{|[0-9-]|[^\s"'ntf\[\{{\\]|\\+[^\\"\s]"""
    rf"""|n{_other_than("ull")}|t{_other_than("rue")}|f{_other_than("alse")}|(?:null|true|false)[^\s,\]}}\\])"""
)
_BLANK: Final = r"(?:\s|\\+[nrt])"  # also as JSON writes it
_EQUALS: Final = "(?:=|%3[ad]|%253d)"  # also in URLs
# what follows a name that gives its secret: a sign and a value, text in XML, the next string of a list
_GIVES: Final = (
    rf"""(?:(?:[\s_.\\-]|\\[nrt])*(?:[:\]]|{_EQUALS}|\\*["'](?:[\s\\]|\\[nrt])*\]?{_EQUALS}|\\*["']{_BLANK}*:{_BLANK}*{_VALUE}"""
    rf"""|\\*["']{_BLANK}*[,)}}\]]|\\*["'][^\s:,}}\])\\=]|\\*["']{_BLANK}+(?:value|content))"""
    rf"""|[-_]*(?:{_BLANK}[^<>]*)?>[^<\s][^<>]*<\\*/|{_BLANK}+\\*["'])"""
)
# what every name of a secret has in it, by which its places are found
_NAMES: Final = _words(
    *("token", "cookie", "key", "pass", "pwd", "psk", "otp", "seed", "code"),
    *("authorization", "secret", "securestring", "credential"),
)


# --- marks that are rare ------------------------------------------------------------------------------------------

# base64 of JSON, scripts, cloud-init, PEM and assignments begins like this
BASE64_HEADS: Final = (
    *("eyJ", "eyAi", "ewog", "ewoJ", "ew0K", "W3si", "W3sK", "Wwog", "IyEv", "I2Nsb3Vk", "I2luY2x1"),
    *("Q29udGVudC1U", "TUlNRS1W", "LS0tLS1C", "cGFzc3dvcmQ", "UEFTU1dPUkQ"),
    *("ZXhwb3J0", "Z3JhbnRf", "dXNlcm5h"),
)
_HEADS: Final = _words(*BASE64_HEADS)
# beginnings of tokens that name their maker, and of the parts of URLs that are secret; `\\*` before a slash is JSON's
_TOKENS: Final = (
    *("gh[opusr]_[a-z0-9]{16}", "github_pat_", "glpat-", "xox[abeprs]-", "xapp-"),
    *("npm_[a-z0-9]{20}", "pypi-ag", "aiza[a-z0-9_-]{20}"),
    *("gocspx-", r"ya29\.", "dop_v1_", "shpat_", "dckr_pat_", "age-secret-key-1"),
    *(r"sig=[a-z0-9+/=%_\\-]{20}", r"""signature=\\*"?[^<\\"]"""),
    *(r"/services\\*/t", "webhook", r"/integrations\\*/", "/bot[0-9]{6}"),
    r"%2fp(?:\\*/|%2f)",
)
_SHORT_TOKENS: Final = (
    *(r"hv[sb]\.[a-z0-9_-]{16}", "[sr]k_(?:live|test)_", "sk-(?:proj|ant)-", "hf_[a-z0-9]{20}"),
    *(r"sg\.[a-z0-9_-]{12}", r"/p(?:\\*/|%2f)"),
)


def _two_words(*commands: str) -> Iterator[str]:
    """Write commands of two words, which stand in one text or in two strings of a list."""
    for one in commands:
        yield one.replace(".", r"\.").replace(" ", r"""(?: |\\*["'], ?\\*["'])""")


# commands that take a secret without an option, and command lines as other programs write them down
_SHORT_COMMANDS: Final = (
    *_two_words("net user", "net use", "net1 user", "net.exe use"),
    rf"set{_BLANK}+password{_BLANK}+for",
)
_BARE_COMMANDS: Final = (
    *_two_words("aws configure", "vault login"),
    *(
        rf"{one}[ \t\\]"
        for one in ("sqlplus", "sqlldr", "expdp", "impdp", "rman", "xfreerdp", "winrs", "schtasks")
    ),
    *("chpasswd", "execve", "proctitle=", "command=-"),
)
_MARKS: Final = (
    *("-----begin", "private-lines:", r"bearer[ \t%+\\]", r"basic[ \t%+\\]", "auth (?:plain|login)"),
    *(":(?:thin|oci8?):", "identified", "user[-_]?data", "stringdata", r"""auth\\*["']\s?:"""),
    rf"pass(?:word|code){_BLANK}+(?:is|was|to|set|changed|reset)",
    r"securestring[ \t\\]",
    *(r"""kind\\*"\s*:\s*\\*"secret""", "customer[-_ ]?secret[-_ ]?key", r" code[ :\\]"),
    r"\\u00",  # an escape may stand for any letter of what else is looked for
)
_MARKS_WITH_DOLLAR: Final = (r"st\$", r"\$(?:2[aby]|5|6|y)\$")
_COMMAND_NAMES: Final = tuple(name for name in COMMANDS if name not in {"net", "az", "oc", "aws", "vault"})
# commands that take a secret behind an option or from a pipe, so only in texts that have a dash or a bar
_COMMANDS: Final = (
    *(r"echo[ \t\\]", r"printf[ \t\\]"),
    *(rf"""{re.escape(name)}(?:\.exe)?[ \t"'\\,]""" for name in _COMMAND_NAMES),
    *(one.replace(" ", r"""[ "'\\,]+""") for one in ("az login", "oc create")),
)
_AT_ONCE: Final = 20  # of these commands that are looked for together
_LONGEST_MARK: Final = 64  # characters of any of these
_SLOWLY: Final = 128  # bytes that are searched for the places themselves
# what an alternative begins with: a set, an escape or a character
_FIRST: Final = re.compile(r"\[[^\]]*\]|\\.|.", re.DOTALL)


def _by_first(alternatives: Iterable[str]) -> bytes:
    """Write alternatives so that only those are tried that begin with the character at hand."""
    groups: dict[str, list[str]] = {}
    for one in alternatives:
        first = _FIRST.match(one)
        if first:
            groups.setdefault(first.group(), []).append(one[first.end() :])
    return "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in groups.items()).encode()


class _Rare(NamedTuple):
    """Marks that are looked for together.

    Attributes:
        is_in: Tells whether a text in lower case has one of them.
        places: Finds where, slowly.
    """

    is_in: Callable[[str], bool]
    places: re.Pattern[bytes]

    def offsets(self, lower: bytes, start: int, stop: int) -> list[int]:
        """Return the places between two others, by halves: a fast engine says whether, a slow one where."""
        if not self.is_in(lower[start : stop + _LONGEST_MARK].decode("utf-8", "replace")):
            return []
        if stop - start <= _SLOWLY:
            return list(self._slowly(lower, start, stop))
        middle = (start + stop) // 2
        return self.offsets(lower, start, middle) + self.offsets(lower, middle, stop)

    def _slowly(self, lower: bytes, start: int, stop: int) -> Iterator[int]:
        """Yield the places between two others; one mark may begin in another."""
        last = min(len(lower), stop + _LONGEST_MARK)
        while (found := self.places.search(lower, start, last)) and found.start() < stop:
            yield found.start()
            start = found.start() + 1


def _rare(alternatives: Iterable[str]) -> _Rare:
    marks = tuple(alternatives)
    return _Rare(_matcher("|".join(marks)), re.compile(_by_first(marks)))


# grouped so that the engine has few words at once: its time leaps where they are too many or too much alike, and in
# every group that has a word of which it knows no more than three characters
_tokens = _rare((*_TOKENS, *_BARE_COMMANDS))
_short_marks = _rare((*_SHORT_TOKENS, *_SHORT_COMMANDS))
_marks = _rare(_MARKS)
_marks_with_dollar = _rare(_MARKS_WITH_DOLLAR)
_ALWAYS: Final = (_tokens, _short_marks, _marks)
_commands = tuple(_rare(_COMMANDS[at : at + _AT_ONCE]) for at in range(0, len(_COMMANDS), _AT_ONCE))
# each together with the names of secrets that begin as shortly
_has_short_word = _matcher(
    "|".join((f"(?:{_SHORT_WORDS}){_ENDINGS}{_GIVES}", *_SHORT_TOKENS, *_SHORT_COMMANDS))
)
_has_long_word = _matcher("|".join((f"(?:{_LONG_WORDS}){_ENDINGS}{_GIVES}", *_MARKS)))
_has_options = _matcher(r"""[ \t\n\r"'=]-[a-z-]|\\[nrt]-[a-z-]""")
_has_option_with_secret = _matcher(rf"""-[a-z0-9_.-]*{_WORDS}[-_.]*(?:{_BLANK}|\\*["'])""")
# an escape that JSON does not know, so that nobody can tell what it stands for
_has_unknown_escape = _matcher(r"""(?:^|[^\\])(?:\\\\)*\\[^"\\/bfnrtu]""")
_has_head = _matcher("|".join(BASE64_HEADS))
_has_user_info = _matcher(r""":\\*/\\*/[^/\s:@"]*:[^\s@"<]+@""")
_user_info_places: Final = re.compile(rb":\\{0,8}/\\{0,8}/")


def may_contain_secret(text: bytes) -> bool:
    """Tell whether a text may hold a secret at all; a few microseconds, and never wrong when it says no."""
    try:
        return text_may_contain_secret(text.decode())
    except UnicodeDecodeError:
        return True


def text_may_contain_secret(characters: str, lower: str | None = None) -> bool:
    """Do as `may_contain_secret` does, for a text that is decoded already, perhaps also into lower case."""
    if lower is None:
        lower = lower_case(characters)
    return (
        _has_long_word(lower)
        or _has_short_word(lower)
        or _has_head(characters)
        or _tokens.is_in(lower)
        or ("\\" in lower and _has_unknown_escape(lower))
        or ("$" in lower and _marks_with_dollar.is_in(lower))
        or ("@" in lower and _has_user_info(lower))
        or (
            _may_have_options(lower)
            and (any(group.is_in(lower) for group in _commands) or _has_option_with_secret(lower))
        )
    )


def _may_have_options(lower: str) -> bool:
    """Tell whether a text has a dash that may begin an option, or a pipe."""
    return "|" in lower or _has_options(lower) or lower.startswith("-")


def candidate_offsets(text: bytes) -> list[int]:
    """Return, in order, the places that may belong to a secret; a string without one holds no secret of its own."""
    lower = text.lower()
    characters = lower.decode("utf-8", "replace")
    places = list(_offsets(_NAMES, lower, characters))
    as_is = text.decode("utf-8", "replace")
    if _has_head(as_is):
        places += _offsets(_HEADS, text, as_is)
    groups = _ALWAYS if "$" not in characters else (*_ALWAYS, _marks_with_dollar)
    if _may_have_options(characters):
        groups = (*groups, *_commands)
    for group in groups:
        if group.is_in(characters):
            places += group.offsets(lower, 0, len(lower))
    if "@" in characters and _has_user_info(characters):
        places += [found.start() for found in _user_info_places.finditer(text)]
    places.sort()
    return places
