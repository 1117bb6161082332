"""The sandbox's control over HTTP, for tests whose sandbox runs in another process: `POST /_control`.

The body is `{"do": …}` with the arguments beside it, the answer a JSON object:

- `advance` (seconds): move a `VirtualClock`, and let the scenarios catch up. Answers `{"now": …, "emitted": n}`.
- `fault` (the fields of `Fault`), `clear_faults`.
- `set` (any of latency, rate_limit {per_second, burst, retry_after}, record_requests).
- `counts`: `{"requests": n, "by_status": {status: n}, "connections": n}`; `clear_counts`.
- `keys` (tenancy, service): the ground truth's keys.

Only programs on this machine may steer: a web page that makes a browser send a command gives itself away by the
name that the browser was told (`Host`), by `Origin` or by `Sec-Fetch-Site`, and gets 403.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from signal_client_oci.sandbox.faults import Fault
from signal_client_oci.sandbox.http.clocks import VirtualClock, format_time
from signal_client_oci.sandbox.http.http_connection import json_answer
from signal_client_oci.sandbox.http.rate_limit import RateLimit

if TYPE_CHECKING:
    from collections.abc import Callable

    from signal_client_oci.sandbox.cloud import Sandbox
    from signal_client_oci.sandbox.http.http_connection import Answer, Request

__all__ = ["CONTROL_PATH", "control"]

CONTROL_PATH = "/_control"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_OWN_SITE: Final = (None, "same-origin", "none")


def control(sandbox: Sandbox, request: Request) -> Answer:
    """Obey one command; a foreign one is answered with 403, an unknown or malformed one with 400, and says why."""
    if reason := _foreign(sandbox, request):
        return json_answer({"error": reason}, 403)
    try:
        arguments = json.loads(request.body)
        command = _COMMANDS[arguments.pop("do")]
        return json_answer(command(sandbox, arguments))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return json_answer({"error": f"{type(error).__name__}: {error}"}, 400)


def _foreign(sandbox: Sandbox, request: Request) -> str:
    """Say why a request may come from a web page, empty if it does not."""
    scheme = sandbox.base_url.partition(":")[0]
    places = {f"{name}:{sandbox.port}" for name in _LOOPBACK}
    if sandbox.port == _DEFAULT_PORTS[scheme]:
        places.update(_LOOPBACK)
    if request.headers.get("host", "").lower() not in places:
        return f"the Host is not a loopback name with the port {sandbox.port}; send Host: 127.0.0.1:{sandbox.port}"
    origin = request.headers.get("origin")
    if origin is not None and origin.lower() not in {f"{scheme}://{place}" for place in places}:
        return "the Origin is another site; send the command without a browser"
    if request.headers.get("sec-fetch-site") not in _OWN_SITE:
        return "the request comes from a page of another site; send the command without a browser"
    if request.method != "POST":
        return "a command is sent with POST"
    return ""


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
