"""Turns the name of an API operation into words: `UpdateSecurityList` into "updated security list".

Most names begin with their verb. Others end with it, in the past tense (`ProblemDetected`) or as a noun
(`OperatorLogin`), have it in the middle (`BdsInstanceResetPassword`), or are written without capitals.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final, NamedTuple

from signal_client_oci.artifacts.table_rows import table

__all__ = ["Phrase", "phrase_of"]

_WORDS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_PASTS: Final = {
    "get": "read",
    "head": "looked at",
    "put": "put",
    "read": "read",
    "set": "set",
    "run": "ran",
    "begin": "began",
    "reset": "reset",
    "stop": "stopped",
    "drop": "dropped",
    "submit": "submitted",
    "undo": "undid",
    "send": "sent",
    "find": "found",
    "withdraw": "withdrew",
    "shrink": "shrank",
    "unset": "unset",
    "make": "made",
    "leave": "left",
    "split": "split",
    "bring": "brought",
    "rerun": "reran",
    "map": "mapped",
    "unmap": "unmapped",
    "skip": "skipped",
    "tag": "tagged",
    "untag": "untagged",
    "commit": "committed",
    "infer": "inferred",
    "embed": "embedded",
    "bind": "bound",
    "unbind": "unbound",
    "rebuild": "rebuilt",
    "scan": "scanned",
    "backup": "backed up",
    "rollback": "rolled back",
}
_LOGINS: Final = {
    "login": ("logged in", "log in"),
    "logon": ("logged on", "log on"),
    "logout": ("logged out", "log out"),
    "logoff": ("logged off", "log off"),
}
_REPORTS: Final = frozenset({"warning", "error", "alert", "status"})
_OUTCOMES: Final = frozenset({"success", "failure"})
_MANY: Final = frozenset({"bulk", "batch"})
_VOWELS: Final = "aeiou"
_MAX_SPLIT: Final = 80  # letters of a name that are worth the search
_MIN_REST: Final = 3  # letters of what follows the verb in a name without capitals


class Phrase(NamedTuple):
    """An operation in words: its `verb` ("" when the name has none that is known), what it did and what it does."""

    verb: str
    past_tense: str
    infinitive: str


def phrase_of(name: str) -> Phrase:
    """Return an operation in words; the name itself where it is not a sequence of words."""
    if "." in name:
        return _dotted(name)
    words = _words(name)
    if len(words) > 1 and words[0] in _OUTCOMES:
        words = words[1:]
    if len(words) > 1 and words[0] in _MANY and words[1] in _verbs():
        return _phrase(words[1], [*words[2:], "in", "bulk"])
    return _of_words(words, name)


def _of_words(words: list[str], name: str) -> Phrase:  # noqa: PLR0911  (one for each place of the verb)
    """Return the phrase of words, by where their verb stands."""
    if not words:
        return Phrase("", name, name)
    *before, last = words
    if last == "action":  # InstanceAction, DbNodeAction: a name without a verb
        return _phrase("run", words)
    if words[0] in _verbs():
        return _phrase(words[0], words[1:])
    if before and last in _LOGINS:
        past, infinitive = _LOGINS[last]
        return Phrase("login", " ".join([past, "as", *before]), " ".join([infinitive, "as", *before]))
    if before and last in _REPORTS:
        return _phrase("report", words)
    # in the past tense, before a noun: DeactivatedApp
    for at in (len(words) - 1, 0):
        if words[at] in _pasts() and len(words) > 1:
            return _phrase(_pasts()[words[at]], words[:at] + words[at + 1 :])
    found = next((at for at, word in enumerate(words) if word in _verbs()), None)
    if found is not None and len(words) > 1:
        return _phrase(words[found], words[:found] + words[found + 1 :])
    text = " ".join(words)
    return Phrase("", f"called {text}", f"call {text}") if before else Phrase("", name, name)


def _phrase(verb: str, rest: list[str]) -> Phrase:
    return Phrase(verb, " ".join([_past(verb), *rest]), " ".join([verb, *rest]))


def _dotted(name: str) -> Phrase:
    """Return the phrase of a name with dots, as Kubernetes has them (`...v1.pods.create`): its verb is last."""
    kind, _, verb = name.rpartition(".")
    return _phrase(verb.lower(), [kind]) if verb.isalpha() else Phrase("", name, name)


def _words(name: str) -> list[str]:
    """Split a name into lower-case words, at its capitals or, where it has none, after its verb."""
    words = [word.lower() for word in _WORDS.findall(name)]
    return _split_lower(words[0]) if len(words) == 1 and name == name.lower() else words


def _split_lower(name: str) -> list[str]:
    """Split a name without capitals: `deletenodepool` and `problemdetected` have the verb at one of their ends."""
    starts = [verb for verb in _verbs() if name.startswith(verb) and len(name) - len(verb) >= _MIN_REST]
    if starts:
        verb = max(starts, key=len)
        return [verb, *_nouns(name[len(verb) :])]
    ends = [past for past in _pasts() if name.endswith(past) and len(name) - len(past) >= _MIN_REST]
    if ends:
        past = max(ends, key=len)
        return [*_nouns(name[: -len(past)]), past]
    return [name]


def _nouns(text: str) -> list[str]:
    """Split a text without capitals into words of listed names; the text as it is where that cannot be done."""
    if len(text) > _MAX_SPLIT:
        return [text]
    splits: list[list[str] | None] = [[]]
    for end in range(1, len(text) + 1):
        candidates = [
            [*before, text[start:end]]
            for start in range(end)
            if (before := splits[start]) is not None and text[start:end] in _listed_words()
        ]
        splits.append(min(candidates, key=len, default=None))
    return splits[-1] or [text]


@cache
def _verbs() -> frozenset[str]:
    return frozenset(row["verb"] for row in table("verbs"))


@cache
def _pasts() -> dict[str, str]:
    return {_past(verb): verb for verb in _verbs() if " " not in _past(verb)}


@cache
def _listed_words() -> frozenset[str]:
    return frozenset(
        word.lower()
        for row in table("audit_events")
        for word in _WORDS.findall(row["event"])
        if len(word) >= _MIN_REST and row["event"] != row["event"].lower()
    )


def _past(verb: str) -> str:
    if verb in _PASTS:
        return _PASTS[verb]
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2:-1] not in _VOWELS:
        return verb[:-1] + "ied"
    return verb + "ed"
