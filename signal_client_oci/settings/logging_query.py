r"""The operator's part of a Logging query: what follows the scope and precedes the plugin's own sort.

Oracle's "Logging Query Language Specification" (query_language_specification.htm) gives the grammar: stages
between pipes, text in single quotes with `\'` inside, names in double quotes with two double quotes inside,
and comments like those of SQL. A clause is cut into tokens and written anew, so that nothing that the service
would read differently gets through: it cannot leave the scope, start another search, or hide the sort that
follows it.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from signal_client_oci.settings.limits import MAX_LOGGING_QUERY

__all__ = ["logging_clause"]

_EXAMPLE: Final = "where type = 'com.oraclecloud.vcn.flowlogs.DataEvent'"
_FILTER_INSTEAD: Final = f"leave it out, or filter with where (for example {_EXAMPLE})"
_NOT_HERE: Final = "Records would be lost, as each poll reads another window of time"

_ALLOWED: Final = frozenset({"where", "extend"})
_REFUSED: Final = {
    "search": "The plugin writes the search part itself, from the compartments of this form",
    "sort": "The plugin sorts by time itself",
    "top": _NOT_HERE,
    "limit": _NOT_HERE,
    "head": _NOT_HERE,
    "tail": _NOT_HERE,
    "dedup": _NOT_HERE,
    "count": "Totals would be collected instead of the records",
    "summarize": "Totals would be collected instead of the records",
    "select": "Records would come without their id, time and content, and could not be told apart",
}
"""Stage → why it has no place in a clause."""

_KEPT_COLUMNS: Final = frozenset({"datetime", "logcontent"})
_PAIRS: Final = {")": "(", "]": "["}

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
    r"""Return a clause as one line without leading pipe, "" when there is none; goes after `search "..." | `.

    Comments are dropped, white space is made single, stage names lower-case. The result is its own clause.

    Raises:
        ValueError: the clause could leave the scope, or would lose or change records; the text says the way
            out.
    """
    if len(query) > MAX_LOGGING_QUERY:
        raise ValueError(f"This query has {len(query)} characters, and {MAX_LOGGING_QUERY} are the most.")
    tokens = _tokens(query.replace("\r\n", "\n").replace("\r", "\n"))
    _check_brackets(tokens)
    stages = _stages(tokens)
    return " | ".join(_stage(stage) for stage in stages)


def _tokens(query: str) -> list[_Token]:
    """Cut a clause into tokens; each run of white space and comments becomes one blank."""
    # Whether the second backslash escapes the quote is not documented: the text would end in two places.
    if re.search(r"\\\\'", query):
        raise ValueError("Two backslashes before a quote can be read in two ways: leave out one of them.")
    odd = re.search(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]", query
    )
    if odd:
        raise ValueError(f"This query holds the invisible character U+{ord(odd[0]):04X}: type it again.")
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
        return f"A quote ({char}) is not closed on its line, or a backslash stands in a name: close it."
    if rest.startswith("/*"):
        return "A comment (/*) is not closed: end it with */."
    if char in "\u2018\u2019\u201c\u201d":
        return "This query holds curly quotes: write straight ones (')."
    shown = char if char.isprintable() else f"U+{ord(char):04X}"
    return f"The character {shown} has no meaning outside quotes: put texts into single quotes."


def _check_brackets(tokens: list[_Token]) -> None:
    opened: list[str] = []
    for kind, text in tokens:
        if kind == "mark" and text in _PAIRS.values():
            opened.append(text)
        elif kind == "mark" and text in _PAIRS and (not opened or opened.pop() != _PAIRS[text]):
            raise ValueError(f"There is a '{text}' without its '{_PAIRS[text]}'.")
        elif kind == "pipe" and opened:
            raise ValueError("A pipe (|) stands inside brackets: close them before it.")
    if opened:
        raise ValueError(f"There is a '{opened[-1]}' that is never closed.")


def _stages(tokens: list[_Token]) -> list[list[_Token]]:
    """Split tokens at the pipes; one pipe at the start is passed over, and an empty clause has no stage."""
    stages: list[list[_Token]] = [[]]
    for token in tokens:
        if token.kind == "pipe":
            stages.append([])
        elif stages[-1] or token.kind != "blank":
            stages[-1].append(token)
    if not stages[0]:
        stages = stages[1:]
    if any(not stage for stage in stages):
        raise ValueError("There is nothing between or after the pipes (|): leave out the last one.")
    return stages


def _stage(tokens: list[_Token]) -> str:
    """Return one stage written anew.

    Raises:
        ValueError: it is not one of those that leave each record as it is.
    """
    name, rest = tokens[0].text.lower(), tokens[1:]
    if name in _REFUSED:
        raise ValueError(f"{name} has no place here. {_REFUSED[name]}: {_FILTER_INSTEAD}.")
    if tokens[0].kind != "word" or name not in _ALLOWED:
        raise ValueError(f"Begin each step with where: {_EXAMPLE}.")
    if all(token.kind == "blank" for token in rest):
        raise ValueError(f"A condition must follow {name}: {_EXAMPLE}.")
    solid = [token for token in rest if token.kind != "blank"]
    for before, token in zip([tokens[0], *solid], solid, strict=False):
        if token.kind == "word" and token.text.lower() == "search" and before.text != ".":
            raise ValueError('A field named search must stand in double quotes: "search".')
        if before.text.lower() == "as" and token.text.strip('"').lower() in _KEPT_COLUMNS:
            raise ValueError(f"extend must not replace {token.text}: choose another name after as.")
    return name + "".join(token.text for token in rest).rstrip()
