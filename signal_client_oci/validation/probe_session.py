"""Asks OCI on behalf of the checks: side by side, within a time, and with nothing left behind.

A check is a plain function that asks and waits. What a socket does is bounded by the transport; what cannot be
interrupted (a name server that does not answer) is left to a daemon thread that nobody waits for.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Final, NamedTuple, TypeVar

from typing_extensions import Self

from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.client import Client, borrow
from signal_client_oci.oci_api.page_memory import PageMemory
from signal_client_oci.settings.api_key import ApiKey
from signal_client_oci.settings.model import Settings

__all__ = ["Enquirer", "internal_failure"]

_T = TypeVar("_T")

_PATIENCE_SECONDS: Final = 0.7  # after the time is up, for requests to notice
_QUICK_SECONDS: Final = 2.0
_WORTH_ANOTHER: Final = frozenset({"UNREACHABLE", "RESPONSE_CUT_OFF"})

logger = logging.getLogger(__name__)


class _Line(NamedTuple):
    """The client of one service in one region, and the places for requests under way at the same time."""

    client: Client
    places: threading.BoundedSemaphore


class Enquirer:
    """A context manager that lends its clients to any number of threads and ends them all."""

    def __init__(self, settings: Settings, api_key: ApiKey, until: float) -> None:
        self.settings = settings
        self.until = until
        """`time.monotonic()` at which every request has to be over; may be moved between requests."""
        self._api_key = api_key
        self._memory = PageMemory()
        self._lines: dict[tuple[str, str], _Line] = {}
        self._borrowed = ExitStack()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def seconds_left(self) -> float:
        """How long requests may still take."""
        return max(0.0, self.until - time.monotonic())

    def ask(self, region: str, service: str, send: Callable[[Client], _T]) -> _T:
        """Return what `send` makes of the client of a service in a region.

        A connection that breaks at once gets one more attempt, nothing else does.

        Raises:
            Failure: what went wrong.
        """
        began = time.monotonic()
        result = self._attempt(region, service, send)
        broke_at_once = time.monotonic() - began < _QUICK_SECONDS
        if isinstance(result, Failure) and result.code in _WORTH_ANOTHER and broke_at_once:
            result = self._attempt(region, service, send)
        if isinstance(result, Failure):
            raise result
        return result

    def together(
        self, asks: Sequence[Callable[[], _T]], patience: float = _PATIENCE_SECONDS
    ) -> list[_T | Failure]:
        """Run functions side by side; return what each returned, or the Failure that it ended with.

        Those that are not done `patience` seconds after the time is up are given up as TIMEOUT.
        """
        unanswered = Failure("TIMEOUT", detail="there was no answer when the check had to end")
        results: list[_T | Failure] = [unanswered] * len(asks)

        def run(at: int) -> None:
            results[at] = _outcome(asks[at])

        threads = [
            threading.Thread(target=run, args=(at,), name="oci-cloud validate", daemon=True)
            for at in range(len(asks))
        ]
        with self._lock:
            self._threads += threads
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(self.seconds_left + patience)
        return list(results)

    def _attempt(self, region: str, service: str, send: Callable[[Client], _T]) -> _T | Failure:
        try:
            line = self._line(region, service)
            with line.places:
                line.client.transport.until = self.until
                line.client.transport.memory = self._memory
                return self._within_memory(send, line.client)
        except Failure as failure:
            return Failure("TIMEOUT", detail="no time was left") if failure.code == "STOPPED" else failure

    def _within_memory(self, send: Callable[[Client], _T], client: Client) -> _T:
        """Send; what comes back is small, whatever was received for it."""
        try:
            return send(client)
        finally:
            self._memory.give_back(self._memory.finish())

    def _line(self, region: str, service: str) -> _Line:
        with self._lock:
            if self._closed:
                raise Failure("STOPPED")
            if (region, service) not in self._lines:
                client = self._borrowed.enter_context(
                    borrow(self.settings, self._api_key, region, service, self.until)
                )
                places = threading.BoundedSemaphore(self.settings.max_concurrency)
                self._lines[region, service] = _Line(client, places)
            return self._lines[region, service]

    def _close(self) -> None:
        """End what is under way, wait for the threads and give the clients back."""
        with self._lock:
            self._closed = True
            lines, threads = list(self._lines.values()), list(self._threads)
        for line in lines:
            line.client.transport.abort()
        end = time.monotonic() + _PATIENCE_SECONDS
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        self._borrowed.close()


def internal_failure(error: Exception) -> Failure:
    """Name the kind and the place of an unexpected exception, here and in the log; its text could hold a secret."""
    places = traceback.extract_tb(error.__traceback__)
    place = f"{places[-1].name} line {places[-1].lineno}" if places else "an unknown place"
    detail = f"{type(error).__name__} in {place}"
    logger.error("oci-cloud: the connection test failed by itself: %s", detail)
    return Failure("INTERNAL_ERROR", detail=detail)


def _outcome(ask: Callable[[], _T]) -> _T | Failure:
    try:
        return ask()
    except Failure as failure:
        return failure
    except Exception as error:  # noqa: BLE001  (nothing may leave a hook as an exception; it is reported and logged)
        return internal_failure(error)
