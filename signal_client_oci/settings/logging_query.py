r"""The operator's part of a Logging query: what follows the scope and precedes the plugin's own sort.

Oracle's "Logging Query Language Specification" (query_language_specification.htm) gives the grammar: stages
between pipes, text in single quotes with `\'` inside, names in double quotes with two double quotes inside,
and comments as in SQL. A clause is split into tokens and rebuilt from them, so that nothing that the service
would interpret differently remains: it cannot leave the scope, start another search, or hide the sort that
follows it.
"""

from __future__ import annotations

import itertools
import re
from typing import Final, NamedTuple

__all__ = ["logging_clause"]

_EXAMPLE: Final = "where type = 'com.oraclecloud.vcn.flowlogs.DataEvent'"
_FILTER_INSTEAD: Final = f"Remove it, or filter with where, for example {_EXAMPLE}."
_LOSES: Final = "Records would be lost, because each poll reads another time window."

_ALLOWED: Final = frozenset({"where", "extend"})
_UNSUPPORTED: Final = {
    "search": "The plugin adds the search part itself, from the compartments of this form.",
    "sort": "The plugin sorts by time itself.",
    "top": _LOSES,
    "limit": _LOSES,
    "head": _LOSES,
    "tail": _LOSES,
    "dedup": _LOSES,
    "count": "Totals would be collected instead of the records.",
    "summarize": "Totals would be collected instead of the records.",
    "select": "Records would arrive without their id, time and content, and could not be identified.",
}
"""Stage → why it is not supported in a clause."""

_SIGNS: Final = frozenset({"not", "(", "-", "+"})
_OPERATORS: Final = frozenset(
    {"=", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "in", "not", "and", "or", "(", ")"}
)
_KEPT_COLUMNS: Final = frozenset({"datetime", "logcontent"})
_PAIRS: Final = {")": "(", "]": "["}
_KEY_BODY: Final = re.compile("[A-Za-z0-9+/]{60}")

_TOKEN: Final = re.compile(
    r"""(?P<blank>\s+|--[^\n]*|/\*.*?\*/)
      | (?P<text>'(?:[^'\\\n]|\\[^\n])*')
      | (?P<name>"(?:[^"\\\n]|"")*")
      | (?P<word>\$?[A-Za-z_][A-Za-z0-9_]*)
      | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[A-Za-z][A-Za-z0-9]*)?)
      | (?P<mark><=|>=|!=|[.,=<>+*()\[\]-]|/(?![/*]))
      | (?P<pipe>\|)""",
    re.VERBOSE | re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    text: str


def logging_clause(query: str) -> str:
    r"""Return a clause on one line without a leading pipe, to be put after `search "..." | `; "" if there is none.

    Comments are removed, runs of white space become one space, stage names lowercase, and a condition gets the
    `where` that the language lets it omit. A clause that was returned is returned unchanged when it is read again.

    Raises:
        ValueError: the clause could leave the scope, or would lose or change records; the message says what to
            do.
    """
    tokens = _tokens(query.replace("\r\n", "\n").replace("\r", "\n"))
    _check_no_key(query, tokens)
    _check_brackets(tokens)
    stages = _stages(tokens)
    return " | ".join(_stage(stage) for stage in stages)


def _tokens(query: str) -> list[_Token]:
    """Split a clause into tokens; each run of white space and comments becomes one blank."""
    # Whether the second backslash escapes the quote is not documented, so the text could end in two places.
    if re.search(r"\\\\'", query):
        raise ValueError("Two backslashes before a quote are ambiguous. Remove one of them.")
    odd = re.search(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]", query
    )
    if odd:
        raise ValueError(f"The query contains the invisible character U+{ord(odd[0]):04X}. Type it again.")
    tokens, position = [], 0
    while position < len(query):
        match = _TOKEN.match(query, position)
        if not match:
            raise ValueError(_unreadable(query[position:]))
        position = match.end()
        if match.lastgroup != "blank":
            tokens.append(_Token(match.lastgroup or "", match[0]))
        elif tokens and tokens[-1].kind != "blank":
            tokens.append(_Token("blank", " "))
    return tokens


def _unreadable(rest: str) -> str:
    char = rest[0]
    if char in "'\"":
        return f"A quote ({char}) is not closed on its line, or a name contains a backslash. Close the quote."
    if rest.startswith("/*"):
        return "A comment (/*) is not closed. End it with */."
    if char in "\u2018\u2019\u201c\u201d":
        return "The query contains curly quotes. Use straight ones (')."
    shown = char if char.isprintable() else f"U+{ord(char):04X}"
    return f"The character {shown} is not allowed outside quotes. Put text in single quotes."


def _check_no_key(query: str, tokens: list[_Token]) -> None:
    """Refuse a private key, whose first line reads as a comment and whose base64 as names that are added and divided.

    Raises:
        ValueError: there is one, with its header or without; OCI would quote it in an error.
    """
    outside_quotes = "".join(" " if token.kind in ("text", "name") else token.text for token in tokens)
    if "PRIVATE KEY-----" in query or _KEY_BODY.search(outside_quotes):
        raise ValueError("The query contains a private key: paste that into Private Key.")


def _check_brackets(tokens: list[_Token]) -> None:
    opened: list[str] = []
    for kind, text in tokens:
        if kind == "mark" and text in _PAIRS.values():
            opened.append(text)
        elif kind == "mark" and text in _PAIRS and (not opened or opened.pop() != _PAIRS[text]):
            raise ValueError(f"A '{text}' has no matching '{_PAIRS[text]}'. Add or remove the bracket.")
        elif kind == "pipe" and opened:
            raise ValueError("A pipe (|) is inside brackets. Close the brackets before it.")
    if opened:
        raise ValueError(f"A '{opened[-1]}' is never closed. Close it.")


def _stages(tokens: list[_Token]) -> list[list[_Token]]:
    """Split tokens at the pipes; a leading pipe is ignored, and an empty clause has no stage."""
    stages: list[list[_Token]] = [[]]
    for token in tokens:
        if token.kind == "pipe":
            stages.append([])
        elif stages[-1] or token.kind != "blank":
            stages[-1].append(token)
    if not stages[0]:
        stages = stages[1:]
    if any(not stage for stage in stages):
        raise ValueError("There is nothing between or after the pipes (|). Remove the extra pipe.")
    return stages


def _stage(tokens: list[_Token]) -> str:
    """Return one stage, rebuilt from its tokens.

    Raises:
        ValueError: it is not a stage that leaves each record unchanged.
    """
    name, rest = tokens[0].text.lower(), tokens[1:]
    if _is_condition(tokens):
        name, rest = "where", [_Token("blank", " "), *tokens]
    if name in _UNSUPPORTED:
        raise ValueError(f"{name} is not supported here. {_UNSUPPORTED[name]} {_FILTER_INSTEAD}")
    if name not in _ALLOWED:
        raise ValueError(f"Each stage must be a condition, for example {_EXAMPLE}.")
    if all(token.kind == "blank" for token in rest):
        raise ValueError(f"{name} has no condition. Add one, for example {_EXAMPLE}.")
    solid = [token for token in rest if token.kind != "blank"]
    for before, token in zip([_Token("word", name), *solid], solid, strict=False):
        if token.kind == "word" and token.text.lower() == "search" and before.text != ".":
            raise ValueError('A field named search must be in double quotes: "search".')
        if before.text.lower() == "as" and token.text.strip('"').lower() in _KEPT_COLUMNS:
            raise ValueError(f"extend must not replace {token.text}. Choose another name after as.")
    return name + "".join(token.text for token in rest).rstrip()


def _is_condition(tokens: list[_Token]) -> bool:
    """Return whether a stage is a condition without `where`: an operand, then an operator or the end.

    A text, a number or one quoted name alone is none: more likely it is a part of the scope that was pasted here.
    """
    solid = [token for token in tokens if token.kind != "blank"]
    if solid[0].kind == "word" and solid[0].text.lower() in _ALLOWED | _UNSUPPORTED.keys():
        return False
    operands = itertools.dropwhile(lambda token: token.text.lower() in _SIGNS, solid)
    first, rest = next(operands, _Token("", "")), list(operands)
    is_path = first.kind in ("word", "name") and [token.text for token in rest[:1]] == ["."]
    while is_path and len(rest) > 1 and rest[0].text == "." and rest[1].kind in ("word", "name"):
        rest = rest[2:]
    if not rest:
        return is_path or first.kind == "word"
    return first.kind in ("word", "name", "text", "number") and rest[0].text.lower() in _OPERATORS
