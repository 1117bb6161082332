"""Calls OCI for the checks: in parallel, within a time limit, and with nothing left behind.

A check is a plain function that calls and waits. What a socket does is bounded by the transport; what cannot be
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

__all__ = ["ProbeSession", "internal_failure"]

_T = TypeVar("_T")

_GRACE_SECONDS: Final = 0.7  # after the time limit, for requests to notice it
_QUICK_SECONDS: Final = 2.0
_WORTH_A_RETRY: Final = frozenset({"UNREACHABLE", "RESPONSE_CUT_OFF"})

logger = logging.getLogger(__name__)


class _BorrowedClient(NamedTuple):
    """The client of one service in one region, and its slots for requests in flight."""

    client: Client
    slots: threading.BoundedSemaphore


class ProbeSession:
    """A context manager that lends its clients to any number of threads, and stops them all at its end.

    Attributes:
        settings: The settings under test.
        until: `time.monotonic()` at which every request has to be over; may be changed between requests.
    """

    def __init__(self, settings: Settings, api_key: ApiKey, until: float) -> None:
        self.settings = settings
        self.until = until
        self._api_key = api_key
        self._memory = PageMemory()
        self._clients: dict[tuple[str, str], _BorrowedClient] = {}
        self._loans = ExitStack()
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def call(self, region: str, service: str, operation: Callable[[Client], _T]) -> _T:
        """Return what an operation returns for the client of a service in a region.

        A connection that breaks at once is tried a second time, nothing else is.

        Raises:
            Failure: what went wrong; TIMEOUT where no time was left.
        """
        began = time.monotonic()
        result = self._attempt(region, service, operation)
        broke_at_once = time.monotonic() - began < _QUICK_SECONDS
        if isinstance(result, Failure) and result.code in _WORTH_A_RETRY and broke_at_once:
            result = self._attempt(region, service, operation)
        if isinstance(result, Failure):
            try:
                raise result
            finally:
                del result  # or the failure and this frame would keep each other
        return result

    def call_main(self, service: str, operation: Callable[[Client], _T]) -> _T:
        """Do as `call` does, in the main region of the settings."""
        return self.call(self.settings.region, service, operation)

    def run_parallel(
        self, functions: Sequence[Callable[[], _T]], grace: float = _GRACE_SECONDS
    ) -> list[_T | Failure]:
        """Run functions in parallel; return what each returned, or the Failure that it ended with.

        Those that have not returned `grace` seconds after the time limit are abandoned as TIMEOUT.
        """
        unanswered = Failure("TIMEOUT", detail="no answer came before the check had to end")
        results: list[_T | Failure] = [unanswered] * len(functions)

        def run(at: int) -> None:
            results[at] = _result_of(functions[at])

        threads = [
            threading.Thread(target=run, args=(at,), name="oci-cloud validate", daemon=True)
            for at in range(len(functions))
        ]
        with self._lock:
            self._threads += threads
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, self.until - time.monotonic()) + grace)
        # a copy: an abandoned thread may still write its result
        return list(results)

    def _attempt(self, region: str, service: str, operation: Callable[[Client], _T]) -> _T | Failure:
        try:
            client, slots = self._borrowed(region, service)
            with slots:
                client.transport.until = self.until
                client.transport.memory = self._memory
                try:
                    return operation(client)
                finally:  # what an operation returns here is small, whatever was received for it
                    self._memory.give_back(self._memory.finish())
        except Failure as failure:
            if failure.code == "STOPPED":
                return Failure("TIMEOUT", detail="no time was left")
            return failure.without_frames()

    def _borrowed(self, region: str, service: str) -> _BorrowedClient:
        with self._lock:
            if self._closed:
                raise Failure("STOPPED")
            if (region, service) not in self._clients:
                loan = borrow(self.settings, self._api_key, region, service, self.until)
                self._clients[region, service] = _BorrowedClient(
                    self._loans.enter_context(loan),
                    threading.BoundedSemaphore(self.settings.max_concurrency),
                )
            return self._clients[region, service]

    def _close(self) -> None:
        """Abort what is in flight, wait for the threads and return the clients."""
        with self._lock:
            self._closed = True
            clients, threads = list(self._clients.values()), list(self._threads)
        for borrowed in clients:
            borrowed.client.transport.abort()
        end = time.monotonic() + _GRACE_SECONDS
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
        self._loans.close()


def internal_failure(error: Exception) -> Failure:
    """Return, and log, the kind and the place of an unexpected exception; its text could hold a secret."""
    places = traceback.extract_tb(error.__traceback__)
    place = f"{places[-1].name} line {places[-1].lineno}" if places else "an unknown place"
    detail = f"{type(error).__name__} in {place}"
    logger.error("oci-cloud: the connection test failed by itself: %s", detail)
    return Failure("INTERNAL_ERROR", detail=detail)


def _result_of(function: Callable[[], _T]) -> _T | Failure:
    try:
        return function()
    except Failure as failure:
        return failure.without_frames()
    except Exception as error:  # noqa: BLE001  (nothing may leave a hook as an exception; it is reported and logged)
        return internal_failure(error)
