"""`[instances.NAME]` tables of a TOML file."""

from __future__ import annotations

import difflib
import math
import os
import re
import sys
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from signal_client_oci.contract import CONNECTOR
from signal_client_oci.host.instances.instance import Instance, InstancesError, InstanceSet
from signal_client_oci.host.instances.names import (
    is_safe_to_show,
    line_of,
    looks_like_key,
    shown_name,
    shown_names,
    shown_setting,
)
from signal_client_oci.host.instances.secret_files import expand_home, read_key_file, read_secret_file
from signal_client_oci.settings.schema import FIELDS
from signal_client_oci.settings.secrecy import HiddenText

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

__all__ = ["read_instances"]

_MIN_INTERVAL_MINUTES: Final = 0.02
_MAX_INTERVAL_MINUTES: Final = 1440
_OWN_KEYS: Final = (
    "private_key_file",
    "private_key_env",
    "private_key_passphrase_env",
    "enabled",
    "poll_interval_minutes",
    "shard_by_region",
)
_KEY_SOURCES: Final = ("private_key_file", "private_key_env", "private_key")
_PASSPHRASE_SOURCES: Final = ("private_key_passphrase_env", "private_key_passphrase")
_TOML_PLACE: Final = re.compile(r"\(at (?:line \d+, column \d+|end of document)\)$")
# How the messages of tomllib and tomli begin; what follows in some of them is quoted from the file.
_TOML_PROBLEMS: Final = (
    "Invalid value",
    "Invalid statement",
    "Invalid date or datetime",
    "Invalid hex value",
    "Invalid initial character for a key part",
    "Expected newline or end of document after a statement",
    "Expected",
    "Unterminated string",
    "Unclosed array",
    "Unclosed inline table",
    "Unescaped '\\' in a string",
    "Escaped character is not a Unicode scalar value",
    "Illegal character",
    "Found invalid character",
    "Cannot declare",
    "Cannot mutate",
    "Cannot overwrite a value",
    "Cannot redefine",
    "Duplicate inline table key",
    "Exceeds the limit",
    "maximum recursion depth exceeded",
)


def read_instances(
    path: Path, *, names: Collection[str] | None = None, environ: Mapping[str, str] = os.environ
) -> InstanceSet:
    """Read the instances of a TOML file, or only those of the given names; key files of others are not opened.

    A table holds the connector's settings under their own names and may have `enabled`,
    `poll_interval_minutes` (0.02 to 1440), `shard_by_region`, one of `private_key_file` (`~`, or relative to the
    TOML file), `private_key_env` and `private_key`, and `private_key_passphrase_env` in place of
    `private_key_passphrase`. Raises `InstancesError`.
    """
    path = expand_home(path, str(path))
    opened = read_secret_file(path, str(path), "name an instances file")
    tables = _tables(_parse_toml(opened.text, path), path, opened.text)
    for name in names or ():
        if name not in tables:
            raise InstancesError(
                str(path), f"has no instance {shown_name(name)}", f"it has: {shown_names(tables)}"
            )
    warnings: list[str] = []
    chosen = [name for name in tables if names is None or name in names]
    instances = tuple(
        _TomlInstance(path, name, environ, opened.text, warnings).read(tables[name]) for name in chosen
    )
    if any(key in tables[name] for name in chosen for key in ("private_key", "private_key_passphrase")):
        warnings += opened.warnings
    return InstanceSet(path, instances, tuple(dict.fromkeys(warnings)))


@dataclass(frozen=True)
class _TomlInstance:
    path: Path
    name: str
    environ: Mapping[str, str] = field(repr=False)
    text: str = field(repr=False)
    warnings: list[str]

    def read(self, table: Mapping[str, Any]) -> Instance:
        for key, value in table.items():
            self._check_key(key)
            self._check_value(key, value)
        settings = {key: value for key, value in table.items() if key not in _OWN_KEYS}
        key = self._one_of(table, _KEY_SOURCES)
        if not key:
            raise self._fault("", "has no private key", 'add private_key_file = "/path/to/key.pem"')
        settings["private_key"] = self._secret(table, key)
        passphrase = self._one_of(table, _PASSPHRASE_SOURCES)
        if passphrase and table[passphrase] != "":
            settings["private_key_passphrase"] = self._secret(table, passphrase)
        return Instance(
            self.name,
            settings,
            CONNECTOR,
            self._switch(table, "enabled", default=True),
            self._interval(table),
            self._switch(table, "shard_by_region", default=False),
        )

    def _fault(self, key: str, problem: str, remedy: str) -> InstancesError:
        return InstancesError(self._place(key), problem, remedy)

    def _place(self, key: str) -> str:
        """Return the place of a key of this table, with the name of the table unless that could be a secret."""
        table = self.name if is_safe_to_show(self.name) else f"(the table {line_of(self.name, self.text)})"
        return f"{self.path}: instances.{table}{key and '.'}{key}"

    def _check_key(self, key: str) -> None:
        known = (*FIELDS, *_OWN_KEYS)
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"known settings: {', '.join(known)}"
            if shown_setting(key):
                raise self._fault(key, "is not a setting of the connector", remedy)
            problem = (
                f"has a name {line_of(key, self.text)}".rstrip() + " that is not a setting of the connector"
            )
            raise self._fault("", problem, remedy)

    def _check_value(self, key: str, value: object) -> None:
        items = value if isinstance(value, list) else [value]
        for item in items:
            finite = not isinstance(item, float) or math.isfinite(item)
            if not isinstance(item, (str, int, float)) or not finite:
                raise self._fault(
                    key, "has a value that no setting accepts", "give text, a number, true, false or a list"
                )

    def _one_of(self, table: Mapping[str, Any], keys: tuple[str, ...]) -> str:
        given = [key for key in keys if key in table]
        if len(given) > 1:
            raise self._fault("", f"has both {' and '.join(given)}", "keep one of them")
        return given[0] if given else ""

    def _secret(self, table: Mapping[str, Any], key: str) -> str:
        value = table[key]
        if not isinstance(value, str) or not value.strip():
            raise self._fault(
                key, "must be text that is not empty", "give it in quotes, or leave the key out"
            )
        if key == "private_key_file":
            opened = read_key_file(value, self.path.parent, self._place(key))
            self.warnings.extend(opened.warnings)
            return opened.text
        return self._from_environment(value, key) if key in _OWN_KEYS else HiddenText(value)

    def _from_environment(self, variable: str, key: str) -> str:
        # The variable's name is not shown: it could be a secret that was pasted in its place.
        value = HiddenText(self.environ.get(variable, ""))
        if not value.strip():
            raise self._fault(
                key, "names an environment variable that is not set or empty", "export it, or fix the name"
            )
        return value

    def _switch(self, table: Mapping[str, Any], key: str, *, default: bool) -> bool:
        switch = table.get(key, default)
        if not isinstance(switch, bool):
            raise self._fault(key, "is neither true nor false", "write true or false, without quotes")
        return switch

    def _interval(self, table: Mapping[str, Any]) -> float:
        minutes: float = table.get("poll_interval_minutes", 5)
        is_number = isinstance(minutes, (int, float)) and not isinstance(minutes, bool)
        if not is_number or not _MIN_INTERVAL_MINUTES <= minutes <= _MAX_INTERVAL_MINUTES:
            remedy = f"give minutes from {_MIN_INTERVAL_MINUTES} to {_MAX_INTERVAL_MINUTES}, without quotes"
            raise self._fault("poll_interval_minutes", "is not a valid interval", remedy)
        return minutes


def _parse_toml(text: str, path: Path) -> dict[str, Any]:
    # Python 3.10 has no tomllib; there the extra `cli` installs tomli, which is the same.
    toml = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        return _hidden(toml.loads(text))
    except (ValueError, RecursionError) as error:
        problem = _toml_problem(str(error))
    # Raised outside of the handler: the library's error holds the whole file, and would be the context of this one.
    remedy = "fix that line; put text in quotes, and text of several lines in three single quotes"
    raise InstancesError(str(path), f"is not valid TOML: {problem}", remedy)


def _toml_problem(words: str) -> str:
    """Return what the parser says is wrong and where, without what it quotes from the file."""
    place = _TOML_PLACE.search(words)
    begins = next((known for known in _TOML_PROBLEMS if words.startswith(known)), "Syntax error")
    return f"{begins} {place[0]}" if place else begins


def _hidden(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document with every text hidden from repr, because any of them may be a secret."""
    return {key: _hidden_value(value) for key, value in document.items()}


def _hidden_value(value: Any) -> Any:
    if isinstance(value, dict):
        return _hidden(value)
    return HiddenText(value) if isinstance(value, str) else value


def _tables(document: dict[str, Any], path: Path, text: str) -> dict[str, dict[str, Any]]:
    example = "begin each instance with a line such as [instances.prod]"
    if unknown := [key for key in document if key != "instances"]:
        name = (
            repr(unknown[0]) if shown_setting(unknown[0]) else f"a name {line_of(unknown[0], text)}".rstrip()
        )
        raise InstancesError(str(path), f"has {name} outside of an [instances.NAME] table", example)
    tables = document.get("instances")
    if not isinstance(tables, dict) or not tables:
        raise InstancesError(str(path), "has no instances", example)
    for name, table in tables.items():
        if looks_like_key(name):
            problem = f"has a table {line_of(name, text)}".rstrip() + " whose name looks like a private key"
            raise InstancesError(str(path), problem, "name it with a word or two, such as [instances.prod]")
        place = f"{path}: instances.{name!r}" if is_safe_to_show(name) else f"{path}: instances"
        if not isinstance(table, dict):
            raise InstancesError(place.replace("'", ""), "is not a table", example)
        if not name.strip() or not name.isprintable():
            raise InstancesError(place, "is not a valid name", "use letters, digits, blanks, - or _")
    return tables
