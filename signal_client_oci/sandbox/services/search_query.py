"""The part of the Logging query language that the sandbox runs: `search`, `where` and `sort by datetime`.

`search "compartment[/group[/log]]"[,] "…" [| [where] expression] … [| sort by datetime [asc|desc]]`, with comments but
without arithmetic. Source: docs.oracle.com, Logging/Reference/query_language_specification.htm, which does not have the
operator `in`, and `not` only before brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple, NoReturn

from signal_client_oci.sandbox.http.api_errors import invalid_parameter
from signal_client_oci.sandbox.services.search_expressions import (
    BINARY,
    FUNCTIONS,
    NEGATION,
    SearchExpression,
    applied,
    field_value,
)

__all__ = ["SearchQuery", "SearchScope", "parse_query"]

_TOKEN = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?\*/)
      | (?P<text>'(?:[^'\\]|\\.)*')
      | (?P<name>"(?:[^"]|"")*")
      | (?P<word>[A-Za-z_]\w*)
      | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w))
      | (?P<mark>[<>!]=|[|.,=<>()\[\]])""",
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_LITERALS = {"true": True, "false": False, "null": None}
_NOT_RUN = frozenset({"search", "top", "dedup", "select", "extend", "summarize", "count"})


@dataclass(frozen=True)
class SearchScope:
    """One search stream: a compartment, in it a log group (or `_Audit`), in it a log; empty = all of them."""

    compartment: str
    group: str = ""
    log: str = ""


@dataclass(frozen=True)
class SearchQuery:
    """A parsed query; a record must meet every condition; `order` is empty for no order at all."""

    scopes: tuple[SearchScope, ...]
    conditions: tuple[SearchExpression, ...] = ()
    order: Literal["", "asc", "desc"] = ""


def parse_query(text: str) -> SearchQuery:
    """Return the parsed query; raises the 400 `ApiError` for what is malformed, or what the sandbox does not run."""
    return _Parser(text).query()


class _Token(NamedTuple):
    kind: str
    text: str

    @property
    def key(self) -> str:
        """What the grammar compares: a mark, or a word in lower case; empty for names, texts and numbers."""
        return self.text.lower() if self.kind in ("word", "mark") else ""


class _Parser:
    """Reads one query from left to right; an operator binds as strongly as `BINARY` says."""

    def __init__(self, text: str) -> None:
        self._tokens: list[_Token] = []
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise invalid_parameter(f"The search query is not valid near: {text[at : at + 80]}")
            at = match.end()
            if match.lastgroup != "blank":
                self._tokens.append(_Token(match.lastgroup or "", match[0]))
        self._next = 0

    def query(self) -> SearchQuery:
        """Return the whole query."""
        if not self._takes("search"):
            raise invalid_parameter('The search query must begin with: search "')
        scopes, conditions = [self._scope()], []
        order: Literal["", "asc", "desc"] = ""
        while self._takes(",") or self._token.kind == "name":
            scopes.append(self._scope())
        while self._takes("|"):
            if self._takes("sort"):
                self._expect("by")
                self._expect("datetime")
                order = "desc" if self._takes("desc") else "asc"
                self._takes("asc")
            else:
                conditions.append(self._condition())
        if self._token.kind:
            self._refuse()
        return SearchQuery(tuple(scopes), tuple(conditions), order)

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else _Token("", "")

    def _advance(self) -> _Token:
        self._next += 1
        return self._tokens[self._next - 1]

    def _takes(self, key: str) -> bool:
        found = self._token.key == key
        self._next += found
        return found

    def _expect(self, key: str) -> None:
        if not self._takes(key):
            self._refuse()

    def _refuse(self) -> NoReturn:
        rest = " ".join([token.text for token in self._tokens[self._next :]])
        raise invalid_parameter(f"The search query is not valid near: {rest[:80] or 'its end'}")

    def _scope(self) -> SearchScope:
        parts = self._token.text[1:-1].split("/")
        if self._token.kind != "name" or not parts[0] or len(parts) > len(fields(SearchScope)):
            self._refuse()
        self._advance()
        return SearchScope(*parts)

    def _condition(self) -> SearchExpression:
        if self._token.key in _NOT_RUN:
            raise invalid_parameter(
                f"The search query is not valid: the sandbox does not run {self._token.key}."
            )
        self._takes("where")
        return self._expression()

    def _expression(self, strength: int = 0) -> SearchExpression:
        """Return what follows as far as it binds more strongly than `strength`."""
        left = self._operand()
        while True:
            is_negated = self._token.key == "not"
            key = "in" if is_negated else self._token.key
            if key not in BINARY or BINARY[key][0] <= strength:
                return left
            self._advance()
            if is_negated:
                self._expect("in")
            right = self._list() if key == "in" else self._expression(BINARY[key][0])
            left = applied(BINARY[key][1], left, right)
            left = applied(_opposite, left) if is_negated else left

    def _operand(self) -> SearchExpression:
        if self._takes("not"):
            return applied(_opposite, self._expression(NEGATION))
        if self._takes("("):
            inner = self._expression()
            self._expect(")")
            return inner
        kind, literal = self._token.kind, self._token.key
        if kind in ("text", "number") or literal in _LITERALS:
            value = _value(self._advance())
            return lambda _record: value
        name = self._name()
        if not self._takes("("):
            path = [name]
            while self._takes("."):
                path.append(self._name())
            return field_value(tuple(path))
        if literal not in FUNCTIONS:
            raise invalid_parameter(f"The search query is not valid: the sandbox does not run {name}().")
        return applied(FUNCTIONS[literal], *self._items(")"))

    def _list(self) -> SearchExpression:
        closing = {"(": ")", "[": "]"}.get(self._token.key)
        if closing is None:
            self._refuse()
        self._advance()
        items = self._items(closing)
        return lambda record: [item(record) for item in items]

    def _items(self, closing: str) -> list[SearchExpression]:
        items: list[SearchExpression] = []
        while not self._takes(closing):
            if items:
                self._expect(",")
            items.append(self._expression())
        return items

    def _name(self) -> str:
        """Return a word, or the name in quotes: there every character stands for itself."""
        if self._token.kind not in ("word", "name"):
            self._refuse()
        text = self._advance().text
        return text[1:-1].replace('""', '"') if text.startswith('"') else text


def _opposite(value: object) -> bool:
    return value is not True


def _value(token: _Token) -> str | float | bool | None:
    if token.kind == "word":
        return _LITERALS[token.key]
    return re.sub(r"\\(.)", r"\1", token.text[1:-1]) if token.kind == "text" else float(token.text)
