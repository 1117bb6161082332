"""Expressions of a search query: functions from a record to a value, and what their operators mean."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["BINARY", "FUNCTIONS", "NEGATION", "SearchExpression", "applied", "field_value"]

SearchExpression = Callable[[Mapping[str, Any]], Any]
"""A record's decoded `{"datetime": …, "logContent": {…}}` → the value of an expression; a missing field is None."""

NEGATION = 3
"""How strongly `not` binds: more than `and`, less than a comparison."""


def applied(function: Callable[..., Any], *operands: SearchExpression) -> SearchExpression:
    """Return the function's value for the operands' values."""
    return lambda record: function(*[operand(record) for operand in operands])


def field_value(path: tuple[str, ...]) -> SearchExpression:
    """Return the field that `path` leads to from `logContent`; `datetime` and `logContent` are columns.

    `logContent` alone is every value inside of it, as a tuple.
    """
    if path == ("datetime",):
        return lambda record: record.get("datetime")
    if path == ("logContent",):
        return lambda record: tuple(_values(record.get("logContent")))

    def value(record: Mapping[str, Any]) -> Any:
        found = record.get("logContent")
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found

    return value


def _values(content: object) -> Iterator[Any]:
    if isinstance(content, dict | list):
        for inner in content.values() if isinstance(content, dict) else content:
            yield from _values(inner)
    else:
        yield content


def _equal(left: object, right: object) -> bool:
    """Return whether two values are equal; a `*` in a text on the right stands for any characters."""
    if isinstance(left, tuple):
        return any(_equal(one, right) for one in left)
    if isinstance(left, str) and isinstance(right, str) and "*" in right:
        return re.fullmatch(".*".join(map(re.escape, right.split("*"))), left, re.DOTALL) is not None
    return left == right and isinstance(left, bool) is isinstance(right, bool)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[object, object], bool]:
    """Return a comparison of two numbers or two texts, which is false for everything else."""

    def holds(left: object, right: object) -> bool:
        kinds = [
            float if isinstance(one, int) and not isinstance(one, bool) else type(one)
            for one in (left, right)
        ]
        return kinds in ([float, float], [str, str]) and compare(left, right)

    return holds


BINARY: dict[str, tuple[int, Callable[[Any, Any], Any]]] = {
    "or": (1, lambda left, right: left is True or right is True),
    "and": (2, lambda left, right: left is True and right is True),
    "=": (4, _equal),
    "!=": (4, lambda left, right: not _equal(left, right)),
    "in": (4, lambda left, right: any(_equal(left, one) for one in right)),
    "<": (4, _ordered(operator.lt)),
    "<=": (4, _ordered(operator.le)),
    ">": (4, _ordered(operator.gt)),
    ">=": (4, _ordered(operator.ge)),
}
"""Operator between two operands → (how strongly it binds, what it does)."""


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _contains(text: object, part: object, is_case_sensitive: object = False) -> bool:  # noqa: FBT002  as in queries
    if isinstance(text, tuple):
        return any(_contains(one, part, is_case_sensitive) for one in text)
    if is_case_sensitive is True:
        return _text(part) in _text(text)
    return _text(part).lower() in _text(text).lower()


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "isnull": lambda value: value is None,
    "isnotnull": lambda value: value is not None,
    "contains_ci": _contains,
    "contains_cs": lambda text, part, _flag=True: _contains(text, part, True),  # noqa: FBT003  as in queries
    "upper": lambda value: _text(value).upper(),
    "lower": lambda value: _text(value).lower(),
    "concat": lambda *values: "".join(map(_text, values)),
}
"""Function → what it does."""
