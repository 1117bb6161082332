"""The sandbox's control over HTTP, for tests whose sandbox runs in another process: `POST /_control`.

The body is `{"do": …}` with the arguments beside it, the answer a JSON object:

- `advance` (seconds): move a `VirtualClock`, and let the scenarios catch up. Answers `{"now": …, "emitted": n}`.
- `fault` (the fields of `Fault`), `clear_faults`.
- `set` (any of latency, rate_limit {per_second, burst, retry_after}, record_requests).
- `counts`: `{"requests": n, "by_status": {status: n}, "connections": n}`; `clear_counts`.
- `keys` (tenancy, service): the ground truth's keys.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from signal_client_oci.sandbox.clocks import VirtualClock, format_time
from signal_client_oci.sandbox.faults import Fault
from signal_client_oci.sandbox.rate_limit import RateLimit
from signal_client_oci.sandbox.wire import json_answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from signal_client_oci.sandbox.cloud import Sandbox
    from signal_client_oci.sandbox.wire import Answer, Request

__all__ = ["CONTROL_PATH", "control"]

CONTROL_PATH = "/_control"


def control(sandbox: Sandbox, request: Request) -> Answer:
    """Obey one command; an unknown or malformed one is answered with 400 and says why."""
    try:
        arguments = json.loads(request.body)
        command = _COMMANDS[arguments.pop("do")]
        return json_answer(command(sandbox, arguments))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return json_answer({"error": f"{type(error).__name__}: {error}"}, 400)


def _advance(sandbox: Sandbox, arguments: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(sandbox.clock, VirtualClock):
        raise TypeError("only a virtual clock can be advanced")
    now = sandbox.clock.advance(seconds=float(arguments["seconds"]))
    return {"now": format_time(now), "emitted": sum(scenario.advance() for scenario in sandbox.scenarios)}


def _fault(sandbox: Sandbox, arguments: dict[str, Any]) -> dict[str, Any]:
    if "body" in arguments:
        arguments["body"] = arguments["body"].encode()
    sandbox.faults.add(Fault(**arguments))
    return {}


def _clear_faults(sandbox: Sandbox, _arguments: dict[str, Any]) -> dict[str, Any]:
    sandbox.faults.clear()
    return {}


def _set(sandbox: Sandbox, arguments: dict[str, Any]) -> dict[str, Any]:
    if "latency" in arguments:
        sandbox.latency = arguments["latency"]
    if "rate_limit" in arguments:
        limit = arguments["rate_limit"]
        sandbox.rate_limit = RateLimit(**limit) if limit else None
    if "record_requests" in arguments:
        sandbox.journal.enabled = bool(arguments["record_requests"])
    return {}


def _counts(sandbox: Sandbox, _arguments: dict[str, Any]) -> dict[str, Any]:
    by_status = {str(status): count for status, count in sandbox.journal.counts().items()}
    return {"requests": sandbox.journal.total, "by_status": by_status, "connections": sandbox.connections}


def _clear_counts(sandbox: Sandbox, _arguments: dict[str, Any]) -> dict[str, Any]:
    sandbox.journal.clear()
    return {}


def _keys(sandbox: Sandbox, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"keys": sandbox.tenancies[arguments["tenancy"]].ground_truth.keys(arguments["service"])}


_COMMANDS: dict[str, Callable[[Sandbox, dict[str, Any]], dict[str, Any]]] = {
    "advance": _advance,
    "fault": _fault,
    "clear_faults": _clear_faults,
    "set": _set,
    "counts": _counts,
    "clear_counts": _clear_counts,
    "keys": _keys,
}
