"""What a string says of its neighbours: of the `value` beside a `key`, of what stands behind it in a list."""

from __future__ import annotations

import re
from typing import Final

from signal_client_oci.artifacts.json_strings import COLON, plain_text, strings_from
from signal_client_oci.artifacts.secrets.commands import COMMANDS, secret_arguments
from signal_client_oci.artifacts.secrets.json_values import MAX_MARKS, JsonValues, Pair
from signal_client_oci.artifacts.secrets.names import is_opaque, is_word, kind_of_key
from signal_client_oci.artifacts.secrets.reach import Reach
from signal_client_oci.artifacts.secrets.schemes import Span, marker, opens_private_key

__all__ = ["Neighbours"]

MAX_ELEMENTS: Final = 48
MAX_LINES: Final = 256
FARTHEST_VALUE: Final = 8192
FARTHEST_DATA: Final = 16_384
_MAX_NESTED: Final = 4  # walks that may come by the same place

_NEXT_STRING: Final = re.compile(rb'\s{0,256},\s{0,256}"')  # what stands between two strings of a list
_ENDS_LIST: Final = re.compile(rb"\s{0,256}\]")
_IN_LIST: Final = re.compile(rb"[\[,]\s{0,64}\Z")  # before the quote of an element of a list
_OPENS_INNER_LIST: Final = re.compile(rb"[\[,]\s{0,64}\[\s{0,64}\Z")  # a pair in a list of pairs
# before a string that names what stands under `value` in the same object
_NAMES_VALUE: Final = re.compile(
    rb'"(?:(?:property|header|field|param|parameter|attribute|variable|setting|option)?[-_]?(?:key|name)'
    rb'|header|field|param|parameter|attribute|variable)"\s{0,20}:\s{0,20}\Z',
    re.IGNORECASE,
)
_KIND_BEFORE: Final = re.compile(rb'"kind"\s{0,20}:\s{0,20}\Z')  # as every object of Kubernetes has it
_VALUES: Final = frozenset(
    b"value values val content #text defaultvalue headervalue propertyvalue fieldvalue paramvalue parametervalue"
    b" attributevalue variablevalue settingvalue optionvalue".split()
)
# the `value` that goes with a `key` and stands right before it
_VALUE_BEFORE: Final = re.compile(
    rb'value(?:s"\s{0,20}:\s{0,20}\[|"\s{0,20}:)\s{0,20}'  # `values": [` or `value": `
    rb'"((?:[^"\\]|\\.){1,8192})"\s{0,20}\]?\s{0,20},'  # the value itself
    rb'\s{0,20}"[a-z]{3,12}"\s{0,20}:\s{0,20}"',  # the name of the member that names it
    re.IGNORECASE | re.DOTALL,
)
_OPTION: Final = re.compile(rb"--?[A-Za-z][A-Za-z0-9_.-]*")
_KEY_LINE: Final = re.compile(rb"[A-Za-z0-9+/=]+(?:\\[nr])*")  # of a PEM whose lines are elements of a list


class Neighbours:
    """Looks at the neighbours of strings that have a candidate, in the same object or list."""

    def __init__(self, values: JsonValues) -> None:
        self._values = values
        self._text = values.text
        self._looked_for_value = self._looked_for_data = (
            0  # up to where what stands before its name was looked for
        )
        self._behind, self._data = Reach(most=_MAX_NESTED), Reach(most=_MAX_NESTED)

    def look(self, name: bytes, start: int, stop: int) -> None:
        """Look at what a string says of its neighbours in the same object or list."""
        ahead = self._text[max(0, start - 49) : start - 1]
        if _NAMES_VALUE.search(ahead):
            kind = kind_of_key(name)
            if kind:
                self._value_before(start, kind)
                self._value_behind(stop + 1, kind)
        elif name in {b"Secret", b"SecretList"} and _KIND_BEFORE.search(ahead):
            self._kubernetes_secret(start, stop)
        elif _IN_LIST.search(ahead):
            self._element(name, stop, ahead)

    def _value_before(self, start: int, kind: str) -> None:
        """Mask the `value` that stands right before the `key` whose text begins at a place."""
        first, self._looked_for_value = max(self._looked_for_value, start - FARTHEST_VALUE), start
        place = max(self._text.rfind(b'"value', first, start), self._text.rfind(b'"Value', first, start))
        if place >= 0 and (found := _VALUE_BEFORE.fullmatch(self._text, place + 1, start)):
            self._values.leaf(*found.span(1), kind)

    def _value_behind(self, pos: int, kind: str) -> None:
        """Mask the `value` that stands behind a `key` in the same object."""
        for string in self._values.walk(self._behind, pos, most=MAX_MARKS):
            is_key = string.value >= 0 and not string.depth
            if is_key and self._text[string.start : string.stop].lower().replace(b"_", b"") in _VALUES:
                self._values.mask(string.value, kind)
                return

    def _kubernetes_secret(self, start: int, stop: int) -> None:
        """Mask the `data` of a Kubernetes secret, which stands before or behind its `kind`."""
        done = self._values.done
        self._data_behind(stop + 1, in_items=self._text[start:stop] == b"SecretList")
        first, self._looked_for_data = max(self._looked_for_data, start - FARTHEST_DATA), start
        place = self._text.rfind(b'"data"', first, start)
        colon = COLON.match(self._text, place + len(b'"data"')) if place >= 0 else None
        if (
            colon
            and self._text[colon.end() : colon.end() + 1] == b"{"
            and self._is_sibling(colon.end(), start)
        ):
            self._values.every(colon.end(), "secret")
        self._values.done = max(done, stop + 1)

    def _data_behind(self, pos: int, *, in_items: bool) -> None:
        """Mask the `data` behind a `kind`: of the same object, or of each item of a list."""
        for string in self._values.walk(self._data, pos):
            is_key = string.value >= 0 and (in_items or not string.depth) and string.start >= pos
            if is_key and self._text[string.start : string.stop] == b"data":
                self._values.every(string.value, "secret")
                pos = self._values.done

    def _is_sibling(self, pos: int, start: int) -> bool:
        """Tell whether the object at a place ends in the same object in which the text at `start` stands."""
        for string in strings_from(self._text, pos):
            if string.start >= start:
                return string.start == start and string.depth == 0
        return False

    def _element(self, name: bytes, stop: int, ahead: bytes) -> None:
        """Look at what an element of a list says of those behind it: options, commands, headers, lines of a key."""
        if opens_private_key(name):
            self._key_lines(stop + 1)
            return
        command = name.rpartition(b"/")[2].lower().removesuffix(b".exe").decode("latin-1")
        if command in COMMANDS:
            self._arguments(command, stop + 1)
            return
        kind = kind_of_key(name)
        following = self._next_string(stop + 1) if kind else None
        if following and self._belongs(name, kind, following, ahead):
            self._values.leaf(*following, kind)

    def _belongs(self, name: bytes, kind: str, following: Pair, ahead: bytes) -> bool:
        """Tell whether an element of a list is the value of the telling name before it."""
        value = plain_text(self._text[slice(*following)])
        if _OPTION.fullmatch(name):
            return not value.startswith(b"-")
        if _OPENS_INNER_LIST.search(ahead) and _ENDS_LIST.match(self._text, following[1] + 1):
            return True
        is_header = kind in {"authorization", "cookie", "obo-token"}
        return is_header and is_opaque(value) and not is_word(value)

    def _next_string(self, pos: int) -> Pair | None:
        """Return the span of the string that is the next element of a list."""
        found = _NEXT_STRING.match(self._text, pos)
        return self._values.value_string(found.end() - 1) if found else None

    def _arguments(self, command: str, pos: int) -> None:
        """Mask the secrets among the arguments of a command that is written as a list."""
        spans: list[Pair] = []
        while len(spans) < MAX_ELEMENTS and (following := self._next_string(pos)):
            spans.append(following)
            pos = following[1] + 1
        arguments = [self._text[slice(*span)] for span in spans]
        for at, start, stop in secret_arguments(command, arguments):
            first = spans[at][0]
            self._values.found.append(Span(first + start, first + stop, marker("password")))

    def _key_lines(self, pos: int) -> None:
        """Mask the lines of a private key that stand in a list, one by one."""
        for _ in range(MAX_LINES):
            following = self._next_string(pos)
            line = self._text[slice(*following)].strip() if following else b""
            if following is None or not _KEY_LINE.fullmatch(line):
                return
            self._values.found.append(Span(*following, marker("private-key")))
            pos = self._values.done = following[1] + 1
