"""Text and bytes that hold a secret: their repr hides it, and they cannot be pickled.

Crash reporters show the local variables of every frame by their repr, and pickle, `copy` or `dataclasses.asdict`
carry a secret to places where nobody expects it. `Settings` holds secrets as pydantic's `SecretStr`; the types here
hold them before and after, without loading pydantic.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn, Protocol, runtime_checkable

from typing_extensions import Self

__all__ = ["HiddenBytes", "HiddenText", "HoldsSecret", "SecretValue", "hidden"]

_HIDDEN: Final = "**********"


@runtime_checkable
class SecretValue(Protocol):
    """The part of pydantic's `SecretStr` that is used here."""

    def get_secret_value(self) -> str:
        """Return the plain text."""


class HoldsSecret:
    """Base class of objects that hold a secret: they can be neither pickled nor copied."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        _refuse(self, "pickled or copied")

    def __copy__(self) -> Self:
        _refuse(self, "copied")

    def __deepcopy__(self, memo: Any) -> Self:
        _refuse(self, "copied")


class HiddenText(str):
    """Text whose repr hides it; a copy is the text itself, and it cannot be pickled.

    `str()` and formatting return the plain text, so never put one into a message.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return repr(_HIDDEN)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        _refuse(self, "pickled")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self


class HiddenBytes(bytes):
    """Bytes whose repr hides them; they can be neither pickled nor copied."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"b{_HIDDEN!r}"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        _refuse(self, "pickled or copied")

    def __copy__(self) -> Self:
        _refuse(self, "copied")

    def __deepcopy__(self, memo: Any) -> Self:
        _refuse(self, "copied")


def hidden(secret: str | SecretValue) -> HiddenText:
    """Return the text of a secret, given as plain text or as a `SecretStr`, with a repr that hides it."""
    return HiddenText(secret if isinstance(secret, str) else secret.get_secret_value())


def _refuse(one: object, what: str) -> NoReturn:
    raise TypeError(f"{type(one).__name__} holds a secret and cannot be {what}")
