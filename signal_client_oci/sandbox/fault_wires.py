"""Faults of the wire: an answer that breaks off, never comes, or comes a byte at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from signal_client_oci.sandbox.faults import Fault
    from signal_client_oci.sandbox.http.http_connection import Connection

__all__ = ["SILENT_KINDS", "deliver"]

SILENT_KINDS = frozenset({"hang", "reset"})
"""Faults under which no status is ever sent."""


def deliver(fault: Fault, connection: Connection, head: bytes, body: bytes) -> bool:
    """Send an answer, whole or as the fault has it; return whether the connection is kept."""
    misbehave = _DELIVERIES.get(fault.kind)
    if misbehave is None:
        connection.send(head + body)
        return True
    misbehave(fault, connection, head, body)
    return False


def _truncated(_fault: Fault, connection: Connection, head: bytes, body: bytes) -> None:
    """Less than Content-Length announces, then an orderly close."""
    connection.send(head + body[: len(body) // 2])


def _reset(_fault: Fault, connection: Connection, _head: bytes, _body: bytes) -> None:
    """A TCP reset instead of an answer."""
    connection.reset()


def _reset_mid_body(_fault: Fault, connection: Connection, head: bytes, body: bytes) -> None:
    """A TCP reset in the middle of the body."""
    connection.send(head + body[: len(body) // 2])
    connection.pause(_SETTLE_SECONDS)
    connection.reset()


def _hang(_fault: Fault, connection: Connection, _head: bytes, _body: bytes) -> None:
    """No answer until the client gives up."""
    connection.wait_until_closed()


def _hang_mid_body(_fault: Fault, connection: Connection, head: bytes, body: bytes) -> None:
    """Half of the body, and then nothing until the client gives up."""
    connection.send(head + body[: len(body) // 2])
    connection.wait_until_closed()


def _slow_drip(fault: Fault, connection: Connection, head: bytes, body: bytes) -> None:
    """The body a byte at a time, `seconds` apart, so that no read ever times out."""
    connection.send(head)
    for at in range(len(body)):
        connection.send(body[at : at + 1])
        if not connection.pause(fault.seconds):
            return


_SETTLE_SECONDS = 0.02  # lets the client read what was sent: a reset discards what is still under way

_DELIVERIES: dict[str, Callable[[Fault, Connection, bytes, bytes], None]] = {
    "truncated": _truncated,
    "reset": _reset,
    "reset_mid_body": _reset_mid_body,
    "hang": _hang,
    "hang_mid_body": _hang_mid_body,
    "slow_drip": _slow_drip,
}
