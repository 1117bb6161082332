"""Polls one shard on its interval, for as long as this process owns it."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from signal_client_oci.host.conformance.contract_checks import ContractError
from signal_client_oci.host.instances import Instance
from signal_client_oci.host.nats.access import ClusterError
from signal_client_oci.host.nats.buckets.bucket import NotOwnerError
from signal_client_oci.host.nats.connection import TRANSIENT, explain
from signal_client_oci.host.nats.delivery.checkpoints import UnreadableCheckpointError, fence
from signal_client_oci.host.nats.delivery.retry_pause import DeliveryStoppedError, RetryPause
from signal_client_oci.host.nats.delivery.shard_delivery import DeliveryCounts, ShardDelivery
from signal_client_oci.host.nats.layout import status_key
from signal_client_oci.host.nats.node.configuration import ShardConfig
from signal_client_oci.host.nats.node.ending import end_tasks
from signal_client_oci.host.nats.node.observing import PollNews
from signal_client_oci.host.nats.node.parts import NodeParts
from signal_client_oci.host.nats.node.poll_thread import poll_in_thread
from signal_client_oci.host.nats.node.poll_times import PollTimes
from signal_client_oci.host.nats.node.status import ShardStatus
from signal_client_oci.host.nats.ownership.leases import RENEWALS, HeldLease
from signal_client_oci.host.plugins import UnknownConnectorError, describe
from signal_client_oci.host.runner import PollResult
from signal_client_oci.settings.schema import FIELDS

__all__ = ["ShardWorker"]

_log = logging.getLogger(__name__)
_SLOT_SECONDS: Final = 10.0
_RETRY_SECONDS: Final = 0.25
_LONGEST_LOOKBACK: Final = FIELDS["lookback_minutes"].schema["maximum"]
_SAFE_TO_QUOTE: Final = (ContractError, ClusterError, UnknownConnectorError, UnreadableCheckpointError)


class ShardWorker:
    """Renews the lease, polls, and gives the lease up in the end, unless it was lost.

    Attributes:
        held: The lease.
        is_polling: Whether a poll runs.
    """

    def __init__(self, config: ShardConfig, held: HeldLease, status: ShardStatus, parts: NodeParts) -> None:
        self.held = held
        self.is_polling = False
        self._config = config
        self._status = status
        self._parts = parts
        self._news = PollNews(parts.observer, held.shard.label)
        self._times = PollTimes(held, config.instance, parts.monotonic)
        self._is_interrupted = False
        self._is_stopping = False
        self._wake = asyncio.Event()

    @property
    def config(self) -> ShardConfig:
        """What is polled."""
        return self._config

    def configure(self, config: ShardConfig) -> None:
        """Poll with other settings: a poll under way ends with its batch, and the next begins at once."""
        self._config = config
        self._news.owned(config)
        self._times.make_due()
        self._interrupt()

    def stop(self) -> None:
        """End: a poll under way ends with its batch."""
        self._is_stopping = True
        self._interrupt()

    def hand_over(self) -> None:
        """End between two polls."""
        self._is_stopping = True
        self._wake.set()

    async def run(self) -> None:
        """Own the shard until it is stopped or lost; the lease is given up in the end."""
        renewing = asyncio.ensure_future(self._keep_renewing())
        delivery: ShardDelivery | None = None
        self._news.owned(self._config)
        try:
            delivery = await self._take_over()
            while not self._is_over:
                await self._wait_until_due()
                if delivery is not None and not self._is_over:
                    await self._poll_in_turn(delivery)
        except NotOwnerError:
            self.held.is_lost = True
        finally:
            await end_tasks([renewing])  # a renewal after the lease was given up would take it again
            self._news.given_up()
            await self._give_up(delivery)

    @property
    def _is_over(self) -> bool:
        return self._is_stopping or self.held.is_lost

    def _interrupt(self) -> None:
        self._is_interrupted = True
        self._wake.set()

    def _should_stop(self) -> bool:
        """Asked in the poll's thread."""
        return self._is_interrupted or not self.held.is_certain

    async def _keep_renewing(self) -> None:
        pause, told = self.held.lease.seconds / RENEWALS, ""
        while not self.held.is_lost:
            await asyncio.sleep(pause)
            try:
                await self.held.renew()
                pause, told = self.held.lease.seconds / RENEWALS, ""
            except NotOwnerError:
                _log.warning("%s: another node has taken the lease", self.held.shard.label)
            except TRANSIENT as error:
                told = _tell_not_renewed(self.held, explain(error), told)
                pause = self.held.lease.seconds / RENEWALS / 4
        self._interrupt()

    async def _take_over(self) -> ShardDelivery | None:
        """Fence off the owner before; None when the worker ends first."""
        parts = self._parts
        while not self._is_over:
            try:
                newest = await parts.stream.publisher.refresh_limits()
                checkpoint = await fence(parts.checkpoints, self.held, newest, fencing=parts.fencing)
            except (*TRANSIENT, ClusterError, UnreadableCheckpointError) as error:
                if not isinstance(error, TRANSIENT):
                    self._tell_aborted(str(error), DeliveryCounts())
                _log.warning("%s: taking over: %s", self.held.shard.label, explain(error))
                await self._sleep(_RETRY_SECONDS if isinstance(error, TRANSIENT) else self.held.lease.seconds)
            else:
                self._parts.statuses.tell(status_key(self.held.shard), self._status.value)
                return ShardDelivery(self.held, checkpoint, parts.stream, self._new_pause)
        return None

    async def _wait_until_due(self) -> None:
        while not self._is_over:
            left = self._times.seconds_left
            if left > 0:
                await self._sleep(left)
            elif not self.held.is_certain:
                await self._sleep(
                    _RETRY_SECONDS
                )  # NATS was away: the renewal tells whether it is still owned
            else:
                return

    async def _sleep(self, seconds: float) -> None:
        """Wait, but not when there is news."""
        self._wake.clear()
        if not self._is_over:
            try:
                await asyncio.wait_for(self._wake.wait(), seconds)
            except asyncio.TimeoutError:
                return

    async def _poll_in_turn(self, delivery: ShardDelivery) -> None:
        """Poll when not too many others do."""
        has_slot = await _acquire(self._parts.slots)
        try:
            if not self._is_over:
                await self._poll(delivery)
        finally:
            if has_slot:
                self._parts.slots.release()

    async def _poll(self, delivery: ShardDelivery) -> None:
        parts, config = self._parts, self._config
        self._is_interrupted = False
        began = parts.monotonic()
        self.is_polling = True
        self._status.started()
        self._news.started()
        try:
            instance = _instance_to_poll(config, delivery)
            result = await poll_in_thread(
                parts.plugins, instance, delivery, self._should_stop, self._news.progress
            )
        except (NotOwnerError, DeliveryStoppedError):
            delivery.poll_aborted()
            self._times.make_due()
            self._news.finished(None, "it is left to the next owner", 0.0)
            if self.held.is_lost or not self._is_stopping:
                raise NotOwnerError(self.held.shard.label) from None
        except Exception as error:  # noqa: BLE001  a poll that fails must not end its shard's schedule
            delivery.poll_aborted()
            self._schedule(began, config)
            self._tell_aborted(_in_words(error), delivery.counts)
        else:
            self._tell_finished(result, delivery, began, config)
        finally:
            self.is_polling = False

    def _tell_finished(
        self, result: PollResult, delivery: ShardDelivery, began: float, config: ShardConfig
    ) -> None:
        if self._should_stop():
            self._times.make_due()
            status = self._status.interrupted(delivery.counts, 0.0)
        else:
            if result.report["status"] == "ok":
                delivery.poll_completed()
            self._schedule(began, config)
            status = self._status.finished(result, delivery.counts, self._times.seconds_left)
        self._news.finished(result, None, self._times.seconds_left)
        self._parts.statuses.tell(status_key(self.held.shard), status)

    def _tell_aborted(self, problem: str, counts: DeliveryCounts) -> None:
        _log.warning("%s: the poll was aborted: %s", self.held.shard.label, problem)
        self._news.finished(None, problem, self._times.seconds_left)
        status = self._status.aborted(problem, counts, self._times.seconds_left)
        self._parts.statuses.tell(status_key(self.held.shard), status)

    def _schedule(self, began: float, config: ShardConfig) -> None:
        """Poll again an interval after the last poll began, unless the settings have changed meanwhile."""
        if config is self._config:
            self._times.schedule(began, config.instance)

    def _new_pause(self) -> RetryPause:
        return RetryPause(self.held, self._parts.give_up, self._tell_waiting)

    def _tell_waiting(self, reason: str) -> None:
        self._parts.statuses.tell(status_key(self.held.shard), self._status.waiting(reason))

    async def _give_up(self, delivery: ShardDelivery | None) -> None:
        if self.held.is_lost:
            return
        try:
            is_clean = delivery is not None and delivery.is_clean
            await self.held.give_up(self._times.seconds_left, is_clean=is_clean)
        except (NotOwnerError, *TRANSIENT) as error:
            _log.info("%s: the lease runs out by itself: %s", self.held.shard.label, explain(error))


def _instance_to_poll(config: ShardConfig, delivery: ShardDelivery) -> Instance:
    """Return the instance; what joined regions have delivered is in the stream, and is not stored twice."""
    if delivery.joins_regions:
        return config.instance.with_settings(lookback_minutes=_LONGEST_LOOKBACK)
    return config.instance


async def _acquire(slots: asyncio.Semaphore) -> bool:
    try:
        await asyncio.wait_for(slots.acquire(), _SLOT_SECONDS)
    except asyncio.TimeoutError:
        return False
    return True


def _in_words(error: Exception) -> str:
    return " ".join(str(error).split()) if isinstance(error, _SAFE_TO_QUOTE) else describe(error)


def _tell_not_renewed(held: HeldLease, reason: str, told: str) -> str:
    """Log why a shard is not polled, once for each reason; return what was told."""
    if held.is_certain or reason == told:
        return told
    _log.warning("%s: not polled, because its lease cannot be renewed: %s", held.shard.label, reason)
    return reason
