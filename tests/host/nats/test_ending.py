"""Tasks of a node end when they are told to."""

import asyncio

from signal_client_oci.host.nats.node.ending import end_tasks


def test_a_task_that_loses_a_cancellation_ends_nevertheless():
    """As one does that waits for an answer of NATS which comes at that very moment."""
    lost = []

    async def stubborn():
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                lost.append(1)
                if len(lost) > 1:
                    raise

    async def run():
        task = asyncio.ensure_future(stubborn())
        await asyncio.sleep(0)
        await asyncio.wait_for(end_tasks([task]), 5)
        return task.cancelled()

    assert asyncio.run(run())
    assert len(lost) == 2
