"""Says the name of an API operation in words: `UpdateSecurityList` as "updated security list"."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["infinitive", "past_tense"]

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
    "backup": "backed up",
    "rollback": "rolled back",
    "bulk": "did bulk",
    "batch": "did batch",
    "cascading": "did cascading",
    "success": "did",
}
_VOWELS: Final = "aeiou"


def past_tense(name: str) -> str:
    """Return in words what the operation did; the name itself where it is not a sequence of words."""
    words = _words(name)
    return " ".join([_past(words[0]), *words[1:]]) if words else name


def infinitive(name: str) -> str:
    """Return in words what the operation does; the name itself where it is not a sequence of words."""
    return " ".join(_words(name)) or name


def _words(name: str) -> list[str]:
    """Split a camel-case name into lower-case words; none when it has no capital inside to split at.

    Of a name with dots, as Kubernetes has them (`io.k8s.core.v1.pods.create`), the last part is the verb.
    """
    if "." in name:
        kind, _, verb = name.rpartition(".")
        return [verb.lower(), kind] if verb.isalpha() else []
    words = [word.lower() for word in _WORDS.findall(name)]
    if words[-1:] == ["action"]:  # InstanceAction, DbNodeAction: a name without a verb
        words.insert(0, "run")
    return words if len(words) > 1 else []


def _past(verb: str) -> str:
    if verb in _PASTS:
        return _PASTS[verb]
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2:-1] not in _VOWELS:
        return verb[:-1] + "ied"
    return verb + "ed"
