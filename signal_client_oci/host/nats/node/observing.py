"""What a node tells those who watch its polls, such as the board behind the status page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from signal_client_oci.host.nats.node.configuration import ShardConfig
from signal_client_oci.host.plugins import describe
from signal_client_oci.host.runner import BatchProgress, PollResult
from signal_client_oci.host.schedule import Observer, PollOutcome

__all__ = ["NodeObserver", "PollNews", "SilentObserver"]

_log = logging.getLogger(__name__)


class NodeObserver(Protocol):
    """An `Observer` of shards, which come and go; `instance` is a shard's label."""

    def watch(self, instance: str, interval_seconds: float) -> None:
        """The node owns it from now on, or polls it on another interval."""

    def forget(self, instance: str) -> None:
        """The node owns it no more."""

    def started(self, instance: str) -> None:
        """A poll begins."""

    def progress(self, progress: BatchProgress) -> None:
        """A batch was stored; called in the poll's thread."""

    def finished(self, outcome: PollOutcome) -> None:
        """A poll ended."""


class SilentObserver(Observer):
    """Of a node that nobody watches."""

    def watch(self, instance: str, interval_seconds: float) -> None:
        """Do nothing."""

    def forget(self, instance: str) -> None:
        """Do nothing."""


class PollNews:
    """The news of one shard, under its label: regions of an instance are told apart.

    An observer that raises is logged, and affects no poll.
    """

    def __init__(self, observer: NodeObserver, label: str) -> None:
        self._observer = observer
        self._label = label

    def owned(self, config: ShardConfig) -> None:
        """Tell that the shard is polled as configured."""
        seconds = config.instance.poll_interval_minutes * 60.0
        self._tell(lambda: self._observer.watch(self._label, seconds))

    def given_up(self) -> None:
        """Tell that the shard is polled no more."""
        self._tell(lambda: self._observer.forget(self._label))

    def started(self) -> None:
        """Tell that a poll begins."""
        self._tell(lambda: self._observer.started(self._label))

    def progress(self, progress: BatchProgress) -> None:
        """Tell that a batch was stored; called in the poll's thread."""
        self._tell(lambda: self._observer.progress(replace(progress, instance=self._label)))

    def finished(self, result: PollResult | None, problem: str | None, due_in_seconds: float) -> None:
        """Tell how a poll ended."""
        outcome = PollOutcome(self._label, result, problem, due_in_seconds)
        self._tell(lambda: self._observer.finished(outcome))

    def _tell(self, news: Callable[[], None]) -> None:
        try:
            news()
        except Exception as error:  # noqa: BLE001  one that fails must not stop the polls
            _log.warning("the observer failed: %s", describe(error))
