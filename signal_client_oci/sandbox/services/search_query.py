"""The part of the Logging query language that the sandbox understands.

`search "compartment[/group[/log]]"[, "…"] [| where field = 'value' [and …]] [| sort by datetime asc|desc]`,
with the operators `=` and `!=`. Source: docs.oracle.com, Logging/Reference/query_language_specification.htm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any, Literal

from signal_client_oci.sandbox.http.api_errors import ApiError, invalid_parameter

__all__ = ["SearchCondition", "SearchQuery", "SearchScope", "parse_query"]

_SCOPE = re.compile(r'\s*"([^"|]*)"\s*')
_SORT = re.compile(r"sort\s+by\s+datetime(?:\s+(asc|desc))?", re.IGNORECASE)
_CONDITION = re.compile(
    r"""\s*(?P<field>"[^"]+"|[A-Za-z_][\w.\-]*(?:\."[^"]+")*)\s*(?P<operator>!=|=)\s*"""
    r"""(?P<value>'(?:[^'\\]|\\.)*'|-?\d+(?:\.\d+)?|true|false|null)\s*"""
)
_COMMA = re.compile(",")
_AND = re.compile(r"and\b", re.IGNORECASE)
_LITERALS: dict[str, Any] = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class SearchScope:
    """One search stream: a compartment, in it a log group (or `_Audit`), in it a log; empty = all of them."""

    compartment: str
    group: str = ""
    log: str = ""


@dataclass(frozen=True)
class SearchCondition:
    """One comparison; `path` leads from `logContent` to the field."""

    path: tuple[str, ...]
    equal: bool
    value: Any

    def holds(self, content: object) -> bool:
        """Return whether a decoded `logContent` meets the condition; a missing field equals nothing but null."""
        for name in self.path:
            content = content.get(name) if isinstance(content, dict) else None
        return (content == self.value) is self.equal


@dataclass(frozen=True)
class SearchQuery:
    """A parsed query; `order` is empty for no order at all."""

    scopes: tuple[SearchScope, ...]
    conditions: tuple[SearchCondition, ...] = ()
    order: Literal["", "asc", "desc"] = ""


def parse_query(text: str) -> SearchQuery:
    """Return the parsed query; raises the 400 `ApiError` for everything beyond this part of the language."""
    search, *stages = _stages(text)
    conditions: list[SearchCondition] = []
    order: Literal["", "asc", "desc"] = ""
    for stage in stages:
        if sort := _SORT.fullmatch(stage):
            order = "desc" if (sort[1] or "").lower() == "desc" else "asc"
        elif re.match(r"where\b", stage, re.IGNORECASE):
            conditions += _conditions(stage[len("where") :])
        else:
            raise _refused(stage)
    return SearchQuery(_scopes(search), tuple(conditions), order)


def _refused(part: str) -> ApiError:
    return invalid_parameter(f"The search query is not valid near: {part.strip()[:80]}")


def _stages(text: str) -> list[str]:
    """Cut at the pipes outside of quotes."""
    parts = re.findall(r"""(?:[^|'"]|'(?:[^'\\]|\\.)*'|"[^"]*")+|\|""", text)
    stages, pipes = parts[::2], parts[1::2]
    if "".join(parts) != text or len(stages) != len(pipes) + 1 or "|" in stages or set(pipes) - {"|"}:
        raise _refused(text)
    return [stage.strip() for stage in stages]


def _scopes(search: str) -> tuple[SearchScope, ...]:
    keyword, _space, rest = search.partition(" ")
    if keyword.lower() != "search":
        raise invalid_parameter('The search query must begin with: search "')
    scopes = [match[1].split("/") for match in _separated(_SCOPE, _COMMA, rest)]
    if any(not parts[0] or len(parts) > len(fields(SearchScope)) for parts in scopes):
        raise _refused(rest)
    return tuple(SearchScope(*parts) for parts in scopes)


def _conditions(text: str) -> list[SearchCondition]:
    return [
        SearchCondition(_path(match["field"]), match["operator"] == "=", _value(match["value"]))
        for match in _separated(_CONDITION, _AND, text)
    ]


def _separated(item: re.Pattern[str], separator: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """Return the items of a text that is nothing but items with separators between them."""
    found, at = [], 0
    while match := item.match(text, at):
        found.append(match)
        if match.end() == len(text):
            return found
        between = separator.match(text, match.end())
        if between is None:
            raise _refused(text[match.end() :])
        at = between.end()
    raise _refused(text[at:] or text)


def _path(field: str) -> tuple[str, ...]:
    names = re.findall(r'"([^"]+)"|([\w\-]+)', field)
    path = [part for quoted, plain in names for part in (quoted.split(".") if quoted else [plain])]
    return tuple(path[1:] if path[0] == "logContent" else path)


def _value(literal: str) -> Any:
    if literal.startswith("'"):
        return re.sub(r"\\(.)", r"\1", literal[1:-1])
    return _LITERALS[literal] if literal in _LITERALS else float(literal)
