"""What the host lends to a poll, taken with care: who breaks the contract gets a report that says how, no exception."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any, Final

from signal_client_oci.artifacts.sanitize import sanitize_name
from signal_client_oci.contract import Check
from signal_client_oci.errors.failure import make_check
from signal_client_oci.polling.context import in_utc

__all__ = ["ContextError", "HostClock", "as_context", "instance_name"]

_FIRST_YEAR: Final = 1971
_LAST_YEAR: Final = 9998
_WANTED: Final = "it must return an aware UTC datetime"


class ContextError(ValueError):
    """A key of the host's `context` has a value that breaks the contract; the text names the key and what it wants."""

    def __init__(self, problem: str, key: str = "") -> None:
        super().__init__(f'context["{key}"] {problem}' if key else f"context {problem}")

    def check(self) -> Check:
        """Return it for a report."""
        return make_check("settings", "Host context", "failed", "CONTEXT_INVALID", str(self))


class HostClock:
    """`context["now"]`, or the system's clock where it is absent; each call returns UTC or raises `ContextError`."""

    def __init__(self, now: object) -> None:
        self._now = now

    def __call__(self) -> datetime:
        """Return the present moment in UTC."""
        if self._now is None:
            return datetime.now(timezone.utc)
        if not callable(self._now):
            raise ContextError(f"must be a function, not {type(self._now).__name__}", "now")
        try:
            return _moment(self._now)
        except ContextError:
            raise
        except Exception as error:  # its text could hold anything
            raise ContextError(f"raised {type(error).__name__}; {_WANTED}", "now") from error


def as_context(context: object) -> Mapping[str, Any]:
    """Return the host's context, empty where there is none; raises `ContextError` for what is no dict."""
    if context is None:
        return {}
    if not isinstance(context, Mapping):
        raise ContextError(f"must be a dict, not {type(context).__name__}")
    return context


def instance_name(instance: object) -> str:
    """Return the instance's name as it is, and one that is safe to show for what is no text."""
    if isinstance(instance, str):
        return instance
    try:
        return sanitize_name(str(instance))
    except Exception:  # noqa: BLE001  an object of the host that has no text
        return sanitize_name("")


def _moment(now: Callable[[], object]) -> datetime:
    moment = now()
    if not isinstance(moment, datetime):
        raise ContextError(f"returned {type(moment).__name__}; {_WANTED}", "now")
    utc = in_utc(moment)
    if not _FIRST_YEAR <= utc.year <= _LAST_YEAR:
        raise ContextError(f"returned a time in the year {utc.year}; set the host's clock", "now")
    return utc
