"""Polls every enabled instance on its interval, each in a thread of its own, until stopped.

An instance that hangs, fails or breaks the contract does not affect another one: they share only the host's sink and
counters. The interval counts from the start of one poll to the start of the next; after a poll that took longer,
the next one starts at once. What `Host.configure` changes meanwhile takes effect with the next poll.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

from signal_client_oci.contract import Context
from signal_client_oci.host.conformance.contract_checks import ContractError
from signal_client_oci.host.files.atomic_files import StateError
from signal_client_oci.host.plugins import UnknownConnectorError, describe
from signal_client_oci.host.runner import InstanceBusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from signal_client_oci.host.instances import Instance
    from signal_client_oci.host.runner import BatchProgress, Host, PollResult

__all__ = ["Observer", "PollOutcome", "Schedule", "deadline_seconds"]

_log = logging.getLogger(__name__)
_MAX_MARGIN_SECONDS: Final = 10.0
_RESTART_SECONDS: Final = 60.0
_SAFE_TO_QUOTE: Final = (ContractError, InstanceBusyError, StateError, UnknownConnectorError, OSError)
_T = TypeVar("_T")


@dataclass(frozen=True)
class PollOutcome:
    """How one scheduled poll ended: with a result, or with the problem (one line) that aborted it."""

    instance: str
    result: PollResult | None
    problem: str | None
    next_poll_in_seconds: float


class Observer:
    """What a user interface can follow; each method is called in the instance's own thread."""

    def started(self, instance: str) -> None:
        """A poll begins."""

    def progress(self, progress: BatchProgress) -> None:
        """A batch was published and its checkpoint stored."""

    def finished(self, outcome: PollOutcome) -> None:
        """A poll ended, with a report or without."""


class Schedule:
    """Runs the enabled instances that the host has at `start`.

    `wait` (event, seconds → whether the event is set) and `monotonic` are the clock; tests pass their own. A
    schedule is started once. `run` is `start`, then waiting until `stop` or Ctrl-C, then `join`.
    """

    def __init__(
        self,
        host: Host,
        *,
        observer: Observer | None = None,
        context: Context | None = None,
        wait: Callable[[threading.Event, float], bool] = threading.Event.wait,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._host = host
        self._observer = observer or Observer()
        self._context = context or Context()
        self._wait = wait
        self._monotonic = monotonic
        self._stop = threading.Event()
        self._stopped: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._threads: dict[str, threading.Thread] = {}

    def start(self) -> None:
        """Start polling, all instances at once; raises ValueError if none is enabled."""
        names = [instance.name for instance in self._host.instances.values() if instance.enabled]
        if not names:
            raise ValueError("no instance is enabled")
        for name in names:
            # A daemon, because a plugin that hangs must not keep the process from ending.
            thread = threading.Thread(target=self._never_die, args=(name,), name=f"poll {name}", daemon=True)
            self._threads[name] = thread
            thread.start()

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called, or Ctrl-C pressed."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ask every poll to stop (`should_stop`) and start no other; returns at once."""
        self._stop.set()
        self._stopped.put(None)

    def join(self, timeout_seconds: float) -> tuple[str, ...]:
        """Wait for the running polls, at most so long in all; return the names of those that still run."""
        until = time.monotonic() + timeout_seconds
        for thread in self._threads.values():
            thread.join(max(0.0, until - time.monotonic()))
        return tuple(name for name, thread in self._threads.items() if thread.is_alive())

    def run(self, grace_seconds: float = 30.0) -> tuple[str, ...]:
        """Poll until `stop` or Ctrl-C, then wait for running polls; return the names of those that did not end in time.

        A second Ctrl-C ends the wait at once, as KeyboardInterrupt. Nothing is lost either way: the next poll
        resumes from the checkpoint that was stored last.
        """
        try:
            self.start()
            self._stopped.get()  # unlike Event.wait, it can be interrupted by Ctrl-C at any moment
        except KeyboardInterrupt:
            _log.info("stopping; press Ctrl-C again to exit at once")
        finally:
            self.stop()
        return self.join(grace_seconds)

    def _never_die(self, name: str) -> None:
        """Poll until the schedule stops; what ends the thread in between, even `SystemExit`, starts it anew."""
        while not self._stop.is_set():
            try:
                self._keep_polling(name)
            except BaseException as error:  # noqa: BLE001  an instance that is polled no more would be lost in silence
                self._log_restart(name, error)
                self._wait(self._stop, _RESTART_SECONDS)

    def _log_restart(self, name: str, error: BaseException) -> None:
        with suppress(Exception):  # the log itself may be what fails
            _log.error(
                "%s: the polling thread died (%s) and starts anew in %d seconds; nothing is lost",
                name,
                describe(error),
                _RESTART_SECONDS,
            )

    def _keep_polling(self, name: str) -> None:
        while not self._stop.is_set():
            instance = self._host.instance(name)
            seconds = self._poll(instance) if instance.enabled else _interval_seconds(instance)
            if self._wait(self._stop, seconds):
                return

    def _poll(self, instance: Instance) -> float:
        began = self._monotonic()
        self._notify(self._observer.started, instance.name)
        result, problem = self._attempt(instance)
        rest = max(0.0, _interval_seconds(instance) - (self._monotonic() - began))
        self._notify(self._observer.finished, PollOutcome(instance.name, result, problem, rest))
        return rest

    def _attempt(self, instance: Instance) -> tuple[PollResult | None, str | None]:
        try:
            progress = partial(self._notify, self._observer.progress)
            return self._host.poll_once(instance.name, self._context_of(instance), progress), None
        except BaseException as error:  # noqa: BLE001  a poll that fails, or a plugin that exits, ends no schedule
            problem = " ".join(str(error).split()) if isinstance(error, _SAFE_TO_QUOTE) else describe(error)
            _log.warning("%s: the poll was aborted: %s", instance.name, problem)
            return None, problem

    def _notify(self, method: Callable[[_T], None], news: _T) -> None:
        try:
            method(news)
        except Exception as error:  # noqa: BLE001  a user interface that fails must not stop the polls
            _log.warning("the observer failed: %s", describe(error))

    def _context_of(self, instance: Instance) -> Context:
        deadline = deadline_seconds(_interval_seconds(instance))
        return Context(deadline_seconds=deadline, should_stop=self._stop.is_set) | self._context


def deadline_seconds(interval_seconds: float) -> float:
    """Return a poll's time budget: its interval less a tenth (at most 10 s), so that it ends before the next is due."""
    return interval_seconds - min(_MAX_MARGIN_SECONDS, interval_seconds / 10)


def _interval_seconds(instance: Instance) -> float:
    return instance.poll_interval_minutes * 60.0
