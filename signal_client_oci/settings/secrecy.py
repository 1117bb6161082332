"""Values that must stay text or bytes and yet not be seen: their repr hides them, and nothing writes them to a file.

Crash reporters show the local variables of every frame by their repr, and pickle, `copy` or `dataclasses.asdict`
carry a secret to places where nobody looks for it. Where pydantic is at hand, a secret is a `SecretStr`; here
is what holds it before and after.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn, Protocol

from typing_extensions import Self

__all__ = ["HiddenBytes", "HiddenText", "HoldsSecret", "hidden"]

_HIDDEN: Final = "**********"


class _SecretValue(Protocol):
    """What is asked of pydantic's `SecretStr`, which is not loaded for this."""

    def get_secret_value(self) -> str: ...


class HoldsSecret:
    """Base of objects that hold a secret: they are neither pickled nor copied."""

    __slots__ = ()

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        _refuse(self, "pickled or copied")

    def __copy__(self) -> Self:
        _refuse(self, "copied")

    def __deepcopy__(self, memo: Any) -> Self:
        _refuse(self, "copied")


class HiddenText(str):
    """A text with a repr that hides it; a copy is the text itself, and pickle is refused.

    `str()` and formatting give the plain text: it is for what goes on being text, never for messages.
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
    """Bytes with a repr that hides them, neither pickled nor copied."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"b{_HIDDEN!r}"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        _refuse(self, "pickled or copied")

    def __copy__(self) -> Self:
        _refuse(self, "copied")

    def __deepcopy__(self, memo: Any) -> Self:
        _refuse(self, "copied")


def hidden(secret: str | _SecretValue) -> HiddenText:
    """Return the text of a secret, plain or a `SecretStr`, with a repr that hides it."""
    return HiddenText(secret if isinstance(secret, str) else secret.get_secret_value())


def _refuse(one: object, what: str) -> NoReturn:
    raise TypeError(f"{type(one).__name__} holds a secret and cannot be {what}")
