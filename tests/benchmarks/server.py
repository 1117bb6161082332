"""The benchmark's own OCI: one process, one thread, no signature check, bodies made by filling in numbers.

It is built to be several times faster than what is measured against it, and its own limit is measured too.
`python -m tests.benchmarks.server` prints its port and serves until its standard input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

from tests.benchmarks.scenario import Place, Scenario, Timeline, compartment
from tests.benchmarks.texts import BLOCK, TENANCY, block_of, minute_of

__all__ = ["Server", "main"]

_END_OF_HEAD: Final = b"\r\n\r\n"
_BLOCKS_A_COMPARTMENT: Final = 0x10000
_REFUSED: Final = b'{"code":"TooManyRequests","message":"User-rate limit exceeded."}'
_CONFIGURATION: Final = b'{"reportingRegion":"us-ashburn-1","status":"ENABLED","selfManageResources":false}'

Answer = tuple[int, Sequence[bytes | bytearray], str]
"""Status, the body's parts, the next page's token ("" = none)."""


class Server:
    """The scenarios by name, and how each path is answered."""

    def __init__(self) -> None:
        self.places: dict[str, Place] = {}

    def answer(self, target: str, body: bytes) -> tuple[Answer, float]:
        """Return the answer to a request, and the seconds after which it is sent."""
        path, _, query = target.partition("?")
        name, region_or_action, *rest = [*path.split("/")[1:], ""]
        if name == "control":
            return self._control(region_or_action, body), 0.0
        place = self.places[name]
        service = rest[0]
        if not place.allows(service):
            return (429, [_REFUSED], ""), place.scenario.latency
        given = {key: values[-1] for key, values in parse_qs(query).items()}
        return _SERVICES[service](place.scenario, "/".join(rest[1:-1]), given, body), place.scenario.latency

    def _control(self, action: str, body: bytes) -> Answer:
        told: dict[str, Any] = json.loads(body)
        if action == "open":
            scenario = Scenario(**told)
            self.places[scenario.name] = Place(scenario)
            return 200, [b"{}"], ""
        return 200, [json.dumps(self.places[told["name"]].counts).encode()], ""


def _audit(scenario: Scenario, _path: str, given: dict[str, str], _body: bytes) -> Answer:
    named = given["compartmentId"]
    number = 0 if named == TENANCY else int(named[-6:])
    stretches = scenario.each if number else scenario.audit
    window = (minute_of(given["startTime"]), minute_of(given["endTime"]))
    return _page("audit", stretches, window, given.get("page", ""), (scenario.page_size, number))


def _logging(scenario: Scenario, _path: str, given: dict[str, str], body: bytes) -> Answer:
    asked = json.loads(body)
    query, kind = asked["searchQuery"], "logging"
    stretches = scenario.logging if f'"{TENANCY}"' in query else ()
    if f'"{TENANCY}/_Audit_Include_Subcompartment"' in query:
        kind, stretches = "audit_search", scenario.audit
    window = (minute_of(asked["timeStart"]), minute_of(asked["timeEnd"]))
    status, parts, token = _page(kind, stretches, window, given.get("page", ""), (1000, 0))
    return status, [b'{"results":', *parts, b',"summary":{"resultCount":1000,"fieldCount":0}}'], token


def _cloud_guard(scenario: Scenario, path: str, given: dict[str, str], _body: bytes) -> Answer:
    if path.endswith("configuration"):
        return 200, [_CONFIGURATION], ""
    count = scenario.problems if given.get("lifecycleState", "ACTIVE") == "ACTIVE" else 0
    stretches = [(0, 1, count)] if count else ()
    status, parts, token = _page("cloudguard", stretches, (0, 1), given.get("page", ""), (1000, 0))
    return status, [b'{"items":', *parts, b"}"], token


def _identity(scenario: Scenario, _path: str, _given: dict[str, str], _body: bytes) -> Answer:
    listed = [
        {
            "id": compartment(number),
            "compartmentId": TENANCY,
            "name": f"team-{number}",
            "lifecycleState": "ACTIVE",
            "timeCreated": "2024-01-01T00:00:00.000Z",
        }
        for number in range(1, scenario.compartments + 1)
    ]
    return 200, [json.dumps(listed).encode()], ""


_SERVICES: Final[dict[str, Callable[[Scenario, str, dict[str, str], bytes], Answer]]] = {
    "audit": _audit,
    "logging": _logging,
    "cloudguard": _cloud_guard,
    "identity": _identity,
}


def _page(
    service: str,
    stretches: Sequence[tuple[int, int, int]],
    window: tuple[int, int],
    token: str,
    shape: tuple[int, int],
) -> Answer:
    """Return one page of what lies in a window; a token is the number of the page's first record."""
    size, place = shape
    if not stretches:
        return 200, [b"[]"], ""
    timeline = Timeline(stretches)
    after = timeline.first_from(window[1])
    first = int(token) if token else timeline.first_from(window[0])
    end = min(first + size, after)
    parts: list[bytes | bytearray] = [b"["]
    while first < end:
        number, slot = divmod(first, BLOCK)
        until = min(BLOCK, slot + end - first)
        minute = timeline.minute_of(number * BLOCK)
        parts.append(block_of(service).records(place * _BLOCKS_A_COMPARTMENT + number, minute, slot, until))
        parts.append(b",")
        first += until - slot
    parts[max(1, len(parts) - 1) :] = [b"]"]
    return 200, parts, str(end) if end < after else ""


class _Connection(asyncio.Protocol):
    """One client's connection, kept open between requests."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        head_end = self._received.find(_END_OF_HEAD)
        if head_end < 0:
            return
        head = self._received[:head_end]
        start = head_end + len(_END_OF_HEAD)
        length = _content_length(head)
        if len(self._received) < start + length:
            return
        body, self._received = self._received[start : start + length], self._received[start + length :]
        answer, latency = self._server.answer(head.split(b" ", 2)[1].decode(), body)
        if latency:
            asyncio.get_running_loop().call_later(latency, self._send, answer)
        else:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        status, parts, token = answer
        following = f"opc-next-page: {token}\r\n" if token else ""
        head = (
            f"HTTP/1.1 {status} {'OK' if status == 200 else 'Too Many Requests'}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {sum(map(len, parts))}\r\n"
            f"opc-request-id: benchmark\r\n{following}\r\n"
        )
        self._transport.write(b"".join([head.encode(), *parts]))


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = Server()
    for kind in ("audit", "audit_search", "logging", "cloudguard"):
        block_of(kind)
    listening = await loop.create_server(lambda: _Connection(server), "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    ended = asyncio.Event()
    threading.Thread(target=_wait_for_end, args=(loop, ended), daemon=True).start()
    await ended.wait()


def _wait_for_end(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    sys.stdin.read()
    loop.call_soon_threadsafe(ended.set)


def main() -> None:
    """Serve until standard input ends."""
    asyncio.run(_serve())


if __name__ == "__main__":
    main()
