"""One poll in a thread of its own: the host's poll, with the shard's delivery as its sink and store.

The plugin's hooks block, the client of NATS does not. So the poll runs in a thread, and each batch goes through the
event loop and back before the next one is asked for.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from signal_client_oci.contract import Artifact, Checkpoint, Context
from signal_client_oci.host.instances import Instance
from signal_client_oci.host.nats.delivery.shard_delivery import ShardDelivery
from signal_client_oci.host.plugins import Plugins
from signal_client_oci.host.runner import BatchProgress, Host, PollResult
from signal_client_oci.host.schedule import deadline_seconds

__all__ = ["poll_in_thread"]

_LEAST_SECONDS: Final = 15.0
_T = TypeVar("_T")


async def poll_in_thread(
    plugins: Plugins,
    instance: Instance,
    delivery: ShardDelivery,
    should_stop: Callable[[], bool],
    on_progress: Callable[[BatchProgress], None],
) -> PollResult:
    """Poll once; raises what `Host.poll_once` and the delivery raise. The callables are called in the poll's thread."""
    loop = asyncio.get_running_loop()
    bridge = _Bridge(delivery, loop)
    host = Host(plugins, bridge, bridge, [instance])
    # a poll on a very short interval may take longer than that: ended early again and again, it would get nowhere
    seconds = max(_LEAST_SECONDS, deadline_seconds(instance.poll_interval_minutes * 60.0))
    context = Context(deadline_seconds=seconds, should_stop=should_stop)
    result: asyncio.Future[PollResult] = loop.create_future()

    def run() -> None:
        try:
            done = host.poll_once(instance.name, context, on_progress)
        except BaseException as error:  # noqa: BLE001  it is raised again, in the event loop
            _settle(loop, result, result.set_exception, error)
        else:
            _settle(loop, result, result.set_result, done)

    # A daemon, because a plugin that hangs must not keep the process from ending.
    threading.Thread(target=run, name=f"poll {instance.name}", daemon=True).start()
    return await result


class _Bridge:
    """Sink and checkpoint store of a poll's thread: each call is done in the event loop."""

    def __init__(self, delivery: ShardDelivery, loop: asyncio.AbstractEventLoop) -> None:
        self._delivery = delivery
        self._loop = loop

    def publish(self, instance: str, artifacts: Sequence[Artifact]) -> None:  # noqa: ARG002  (it has one)
        """Deliver all of them; returns when they are stored."""
        self._wait(self._delivery.deliver(self._delivery.encode(artifacts)))

    def load(self, instance: str) -> Checkpoint | None:  # noqa: ARG002
        """Return what was saved last, or None."""
        return self._delivery.load()

    def save(self, instance: str, checkpoint: Checkpoint) -> None:  # noqa: ARG002
        """Store a checkpoint; returns when it is stored."""
        self._wait(self._delivery.save(checkpoint))

    def _wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


def _settle(
    loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any], settle: Callable[[Any], None], value: object
) -> None:
    def unless_cancelled() -> None:
        if not future.done():
            settle(value)

    with suppress(RuntimeError):  # the event loop has ended, and nobody waits any more
        loop.call_soon_threadsafe(unless_cancelled)
