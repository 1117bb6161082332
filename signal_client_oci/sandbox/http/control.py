"""Commands over HTTP, for users whose sandbox runs in another process: `POST /_control`.

The body is `{"do": …}` with the arguments beside it, the response a JSON object:

- `advance` (seconds): move a `VirtualClock`, and let the scenarios catch up. Answers `{"now": …, "emitted": n}`.
- `fault` (the fields of `InjectedFault`; kinds `status` and `body`), `clear_faults`.
- `set` (any of latency, rate_limit {per_second, burst, retry_after}, record_requests).
- `counts`: `{"requests": n, "by_status": {status: n}, "connections": n}`; `clear_counts`.
- `keys` (tenancy, service): the ground truth's keys.

Only programs on this machine are obeyed. A web page that makes a browser send a command is recognized by the name
that the browser was told (`Host`), by `Origin` or by `Sec-Fetch-Site`, and gets 403.
"""

from __future__ import annotations

import json
from typing import Any, Final

from signal_client_oci.sandbox.clocks import VirtualClock, format_time
from signal_client_oci.sandbox.cloud import SimulatedCloud
from signal_client_oci.sandbox.faults import InjectedFault
from signal_client_oci.sandbox.http.http_connection import HttpRequest, HttpResponse, json_response
from signal_client_oci.sandbox.http.rate_limit import RateLimit

__all__ = ["CONTROL_PATH", "run_command"]

CONTROL_PATH = "/_control"
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_OWN_SITE: Final = (None, "same-origin", "none")


def run_command(cloud: SimulatedCloud, request: HttpRequest) -> HttpResponse:
    """Run one command; answer a foreign one with 403 and an unknown or malformed one with 400, and say why."""
    if reason := _foreign(cloud, request):
        return json_response({"error": reason}, 403)
    try:
        arguments = json.loads(request.body)
        return json_response(_perform(cloud, arguments.pop("do"), arguments))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return json_response({"error": f"{type(error).__name__}: {error}"}, 400)


def _foreign(cloud: SimulatedCloud, request: HttpRequest) -> str:
    """Return why a request may come from a web page, empty if it does not."""
    scheme = cloud.base_url.partition(":")[0]
    places = {f"{name}:{cloud.port}" for name in _LOOPBACK}
    if cloud.port == _DEFAULT_PORTS[scheme]:
        places.update(_LOOPBACK)
    if request.headers.get("host", "").lower() not in places:
        return (
            f"the Host is not a loopback name with the port {cloud.port}; send Host: 127.0.0.1:{cloud.port}"
        )
    origin = request.headers.get("origin")
    if origin is not None and origin.lower() not in {f"{scheme}://{place}" for place in places}:
        return "the Origin is another site; send the command without a browser"
    if request.headers.get("sec-fetch-site") not in _OWN_SITE:
        return "the request comes from a page of another site; send the command without a browser"
    if request.method != "POST":
        return "a command is sent with POST"
    return ""


def _perform(cloud: SimulatedCloud, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a command; raises `KeyError` and others for one that cannot be run."""
    match command:
        case "advance":
            if not isinstance(cloud.clock, VirtualClock):
                raise TypeError("only a virtual clock can be advanced")
            now = cloud.clock.advance(seconds=float(arguments["seconds"]))
            return {"now": format_time(now), "emitted": sum(one.advance() for one in cloud.scenarios)}
        case "fault":
            if "body" in arguments:
                arguments["body"] = arguments["body"].encode()
            cloud.faults.add(InjectedFault(**arguments))
        case "clear_faults":
            cloud.faults.clear()
        case "set":
            _set(cloud, arguments)
        case "counts":
            log = cloud.request_log
            by_status = {str(status): count for status, count in log.counts().items()}
            return {"requests": log.total, "by_status": by_status, "connections": cloud.connections}
        case "clear_counts":
            cloud.request_log.clear()
        case "keys":
            return {"keys": cloud.tenancies[arguments["tenancy"]].ground_truth.keys(arguments["service"])}
        case _:
            raise KeyError(command)
    return {}


def _set(cloud: SimulatedCloud, arguments: dict[str, Any]) -> None:
    if "latency" in arguments:
        cloud.latency = arguments["latency"]
    if "rate_limit" in arguments:
        limit = arguments["rate_limit"]
        cloud.rate_limit = RateLimit(**limit) if limit else None
    if "record_requests" in arguments:
        cloud.request_log.enabled = bool(arguments["record_requests"])
