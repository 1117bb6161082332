"""`ContractError`, and the small questions that every rule of the contract is made of.

A message names places, keys and types, never a value: a value may be an operator's secret.
"""

from __future__ import annotations

import json
import math
import re
from datetime import date
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

__all__ = [
    "ContractError",
    "breach",
    "choice",
    "compact_json",
    "exact_keys",
    "listing",
    "mapping",
    "plain_json",
    "rfc3339_utc",
    "text",
    "whole",
]

_MAX_DEPTH: Final = 100
_SCALARS: Final = (int, bool, type(None))
_RFC3339_UTC = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|\+00:00)", re.ASCII
)


class ContractError(Exception):
    """A plugin broke the contract.

    `breach` is the rule's stable name in upper snake case, `where` the place in the item, such as
    `batch.artifacts[3].id`; the text is one line and quotes no value.
    """

    def __init__(self, breach: str, where: str, message: str) -> None:
        super().__init__(breach, where, message)
        self.breach = breach
        self.where = where
        self.message = message

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.breach}]"


def breach(rule: str, where: str, message: str) -> NoReturn:
    """Raise the `ContractError` of a rule."""
    raise ContractError(rule, where, message)


def mapping(value: object, where: str, required: Collection[str] = ()) -> dict[str, Any]:
    """The value as a plain dict that has every required key."""
    if type(value) is not dict:
        breach("WRONG_TYPE", where, f"must be a dict, is {type(value).__name__}")
    if missing := [key for key in required if key not in value]:
        breach("MISSING_KEY", where, f"has no {_join(missing)}")
    return value


def exact_keys(
    value: object, where: str, required: Collection[str], optional: Collection[str] = ()
) -> dict[str, Any]:
    """The value as a dict that has every required key and no key that the contract does not know."""
    known = mapping(value, where, required)
    if len(known) > len(required):
        unknown = [key for key in known if key not in required and key not in optional]
        if unknown:
            breach("UNKNOWN_KEY", where, f"has {_join(map(str, unknown))}, unknown to the contract")
    return known


def listing(value: object, where: str) -> list[Any]:
    """The value as a plain list."""
    if type(value) is not list:
        breach("WRONG_TYPE", where, f"must be a list, is {type(value).__name__}")
    return value


def text(value: object, where: str, *, empty: bool = False) -> str:
    """The value as text, which may be empty only if the rule says so."""
    if type(value) is not str:
        breach("WRONG_TYPE", where, f"must be text, is {type(value).__name__}")
    if not value and not empty:
        breach("EMPTY", where, "must not be empty")
    return value


def whole(value: object, where: str) -> int:
    """The value as a whole number that is not negative."""
    if type(value) is not int:
        breach("WRONG_TYPE", where, f"must be a whole number, is {type(value).__name__}")
    if value < 0:
        breach("NEGATIVE", where, "must not be negative")
    return value


def choice(value: object, where: str, allowed: Collection[str]) -> str:
    """The value as one of the words that the contract allows there."""
    if type(value) is not str or value not in allowed:
        breach("UNKNOWN_VALUE", where, f"must be one of {_join(allowed)}")
    return value


def rfc3339_utc(value: object, where: str) -> str:
    """The value as an RFC 3339 time in UTC (`Z` or `+00:00`; a leap second is allowed)."""
    match = _RFC3339_UTC.fullmatch(value) if type(value) is str else None
    if match is None:
        breach("NOT_RFC3339_UTC", where, "must be an RFC 3339 time in UTC, such as 2024-01-31T09:00:00Z")
    try:
        date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        breach("NOT_RFC3339_UTC", where, "is a day that no calendar has")
    return match.string


def plain_json(value: object, where: str) -> None:
    """Nothing but dict with text keys, list, str, int, finite float, bool and None, at most 100 levels deep.

    Subclasses are refused too (enumerations, ordered dicts): no class of the plugin reaches the host. A depth
    limit is what ends a walk through a container that holds itself.
    """
    pending: list[tuple[Any, str, int]] = [(value, where, 0)]
    while pending:
        node, at, depth = pending.pop()
        if depth > _MAX_DEPTH:
            breach("NOT_JSON", where, f"is nested deeper than {_MAX_DEPTH} levels")
        if type(node) is dict:
            for key, child in node.items():
                if not (type(key) is str and key.isascii()):
                    _encodable(key, f"{at}, a key")
                if not _is_plain_scalar(child):
                    pending.append((child, f"{at}.{key}", depth + 1))
        elif type(node) is list:
            pending.extend(
                (child, f"{at}[{index}]", depth + 1)
                for index, child in enumerate(node)
                if not _is_plain_scalar(child)
            )
        elif not _is_plain_scalar(node):
            _alien(node, at)


def compact_json(value: object) -> bytes:
    """A plain value as compact JSON in UTF-8, the form whose bytes the contract's limits count."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _is_plain_scalar(value: object) -> bool:
    if type(value) is str:
        return value.isascii()
    return type(value) in _SCALARS


def _alien(value: object, where: str) -> None:
    if type(value) is float:
        if not math.isfinite(value):
            breach("NOT_JSON", where, "is no finite number")
    elif type(value) is str:
        _encodable(value, where)
    else:
        breach("NOT_JSON", where, f"is {type(value).__name__}, which JSON does not have")


def _encodable(value: object, where: str) -> None:
    if type(value) is not str:
        breach("NOT_JSON", where, f"must be text, is {type(value).__name__}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            breach("NOT_JSON", where, "holds half a surrogate pair, which UTF-8 cannot carry")


def _join(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
