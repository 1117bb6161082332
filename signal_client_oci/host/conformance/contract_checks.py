"""`ContractError`, and the basic checks that every rule of the contract is made of.

Each `as_...` function returns the value with its type proven, or raises. A message names places, keys and types,
never a value: a value may be an operator's secret.
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
    "as_choice",
    "as_count",
    "as_dict",
    "as_list",
    "as_rfc3339_utc",
    "as_text",
    "compact_json",
    "exact_keys",
    "fail",
    "require_json",
]

_MAX_DEPTH: Final = 100
_SCALARS: Final = (int, bool, type(None))
_RFC3339_UTC = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?(Z|\+00:00)", re.ASCII
)


class ContractError(Exception):
    """A plugin broke the contract.

    `rule` is the stable name of the rule, in upper snake case; `where` is the place in the item, such as
    `batch.artifacts[3].id`. The text is one line and quotes no value.
    """

    def __init__(self, rule: str, where: str, message: str) -> None:
        super().__init__(rule, where, message)
        self.rule = rule
        self.where = where
        self.message = message

    def __str__(self) -> str:
        return f"{self.where}: {self.message} [{self.rule}]"


def fail(rule: str, where: str, message: str) -> NoReturn:
    """Raise a `ContractError`."""
    raise ContractError(rule, where, message)


def as_dict(value: object, where: str, required: Collection[str] = ()) -> dict[str, Any]:
    """Return the value as a plain dict that has every required key."""
    if type(value) is not dict:
        fail("WRONG_TYPE", where, f"must be a dict, is {type(value).__name__}")
    if missing := [key for key in required if key not in value]:
        fail("MISSING_KEY", where, f"has no {_join(missing)}")
    return value


def exact_keys(
    value: object, where: str, required: Collection[str], optional: Collection[str] = ()
) -> dict[str, Any]:
    """Return the value as a dict that has every required key and none that the contract does not know."""
    known = as_dict(value, where, required)
    if len(known) > len(required):
        unknown = [key for key in known if key not in required and key not in optional]
        if unknown:
            fail("UNKNOWN_KEY", where, f"has {_join(map(str, unknown))}, unknown to the contract")
    return known


def as_list(value: object, where: str) -> list[Any]:
    """Return the value as a plain list."""
    if type(value) is not list:
        fail("WRONG_TYPE", where, f"must be a list, is {type(value).__name__}")
    return value


def as_text(value: object, where: str, *, empty: bool = False) -> str:
    """Return the value as text; it may be empty only if the rule says so."""
    if type(value) is not str:
        fail("WRONG_TYPE", where, f"must be text, is {type(value).__name__}")
    if not value and not empty:
        fail("EMPTY", where, "must not be empty")
    return value


def as_count(value: object, where: str) -> int:
    """Return the value as an integer that is not negative."""
    if type(value) is not int:
        fail("WRONG_TYPE", where, f"must be an integer, is {type(value).__name__}")
    if value < 0:
        fail("NEGATIVE", where, "must not be negative")
    return value


def as_choice(value: object, where: str, allowed: Collection[str]) -> str:
    """Return the value as one of the words that the contract allows there."""
    if type(value) is not str or value not in allowed:
        fail("UNKNOWN_VALUE", where, f"must be one of {_join(allowed)}")
    return value


def as_rfc3339_utc(value: object, where: str) -> str:
    """Return the value as an RFC 3339 time in UTC (`Z` or `+00:00`; a leap second is allowed)."""
    match = _RFC3339_UTC.fullmatch(value) if type(value) is str else None
    if match is None:
        fail("NOT_RFC3339_UTC", where, "must be an RFC 3339 time in UTC, such as 2024-01-31T09:00:00Z")
    try:
        date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        fail("NOT_RFC3339_UTC", where, "is not a calendar date")
    return match.string


def require_json(value: object, where: str) -> None:
    """Require nothing but dict with text keys, list, str, int, finite float, bool and None, at most 100 levels deep.

    Subclasses (enumerations, ordered dicts) are refused too: no class of the plugin reaches the host. The depth limit
    also ends the walk through a container that holds itself.
    """
    pending: list[tuple[Any, str, int]] = [(value, where, 0)]
    while pending:
        node, at, depth = pending.pop()
        if depth > _MAX_DEPTH:
            fail("NOT_JSON", where, f"is nested deeper than {_MAX_DEPTH} levels")
        if type(node) is dict:
            for key, child in node.items():
                if not (type(key) is str and key.isascii()):
                    _require_utf8(key, f"{at}, a key")
                if not _is_plain_scalar(child):
                    pending.append((child, f"{at}.{key}", depth + 1))
        elif type(node) is list:
            pending.extend(
                (child, f"{at}[{index}]", depth + 1)
                for index, child in enumerate(node)
                if not _is_plain_scalar(child)
            )
        elif not _is_plain_scalar(node):
            _require_scalar(node, at)


def compact_json(value: object) -> bytes:
    """Return a plain value as compact JSON in UTF-8, the form whose bytes the contract's limits count."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _is_plain_scalar(value: object) -> bool:
    if type(value) is str:
        return value.isascii()
    return type(value) in _SCALARS


def _require_scalar(value: object, where: str) -> None:
    if type(value) is float:
        if not math.isfinite(value):
            fail("NOT_JSON", where, "is not a finite number")
    elif type(value) is str:
        _require_utf8(value, where)
    else:
        fail("NOT_JSON", where, f"is {type(value).__name__}, which JSON does not have")


def _require_utf8(value: object, where: str) -> None:
    if type(value) is not str:
        fail("NOT_JSON", where, f"must be text, is {type(value).__name__}")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            fail("NOT_JSON", where, "holds half a surrogate pair, which UTF-8 cannot encode")


def _join(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)
