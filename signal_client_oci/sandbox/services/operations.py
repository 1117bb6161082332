"""Which path is which operation, and how a tenancy performs it once the caller is known."""

from __future__ import annotations

import json
import re
import urllib.parse
from typing import TYPE_CHECKING, NamedTuple

from signal_client_oci.sandbox.http.api_errors import RefusalError, invalid_parameter, not_found
from signal_client_oci.sandbox.http.clocks import to_micros
from signal_client_oci.sandbox.services.calls import Call

if TYPE_CHECKING:
    from collections.abc import Callable

    from signal_client_oci.sandbox.http.http_connection import Answer, Request
    from signal_client_oci.sandbox.tenancy import Tenancy

__all__ = ["SERVICES", "compartments_of", "perform", "understand"]

SERVICES = ("audit", "logging", "cloudguard", "identity")
"""The services by the names that `endpoint_template` uses."""


class _Route(NamedTuple):
    service: str
    method: str
    path: re.Pattern[str]
    operation: str


def _route(service: str, method: str, path: str, operation: str) -> _Route:
    pattern = re.compile(re.sub(r"\{\}", "([^/]+)", path) + "/?")
    return _Route(service, method, pattern, operation)


_ROUTES = (
    _route("audit", "GET", "/20190901/auditEvents", "list_events"),
    _route("logging", "POST", "/20190909/search", "search_logs"),
    _route("logging", "GET", "/20200531/logGroups", "list_log_groups"),
    _route("cloudguard", "GET", "/20200131/configuration", "get_configuration"),
    _route("cloudguard", "GET", "/20200131/problems", "list_problems"),
    _route("cloudguard", "GET", "/20200131/problems/{}", "get_problem"),
    _route("cloudguard", "GET", "/20200131/problems/{}/histories", "list_problem_histories"),
    _route("identity", "GET", "/20160918/compartments", "list_compartments"),
    _route("identity", "GET", "/20160918/compartments/{}", "get_compartment"),
    _route("identity", "GET", "/20160918/tenancies/{}", "get_tenancy"),
    _route("identity", "GET", "/20160918/tenancies/{}/regionSubscriptions", "list_region_subscriptions"),
    _route("identity", "GET", "/20160918/users/{}", "get_user"),
    _route("identity", "GET", "/20160918/userGroupMemberships", "list_user_group_memberships"),
    _route("identity", "GET", "/20160918/groups/{}", "get_group"),
)
_SCOPE = re.compile(r'"(ocid1\.(?:tenancy|compartment)\.[^"/]*)')


def understand(request: Request) -> Call:
    """Return the call that a request makes; its operation is empty when there is no such path."""
    _slash, region, service, *rest = (*request.path.split("/", 3), "", "")[:4]
    path = "/" + (rest[0] if rest else "")
    for route in _ROUTES:
        if (route.service, route.method) == (service, request.method) and (
            match := route.path.fullmatch(path)
        ):
            ids = tuple(urllib.parse.unquote(part) for part in match.groups())
            return Call(service, route.operation, region, request.query, ids, _body(request))
    return Call(service, "", region, request.query)


def compartments_of(call: Call) -> tuple[str, ...]:
    """Return the compartments that a call names, also those in a search query, parsed or not."""
    if call.compartment:
        return (call.compartment,)
    return tuple(dict.fromkeys(_SCOPE.findall(str(call.body.get("searchQuery", "")))))


def perform(tenancy: Tenancy, call: Call) -> Answer:
    """Answer an authenticated call; raises `RefusalError`."""
    operation = _OPERATIONS.get((call.service, call.operation))
    if operation is None:
        raise not_found()
    if tenancy.identity.regions.get(call.region) != "READY":
        raise RefusalError(401)
    with tenancy.lock:
        call.now = to_micros(tenancy.clock())
        _require_policy(tenancy, call)
        return operation(tenancy, call)


def _require_policy(tenancy: Tenancy, call: Call) -> None:
    for compartment in _compartments_that_need_a_policy(call):
        if tenancy.denials.covers(call.service, compartment, call.region, call.operation):
            raise not_found()


def _compartments_that_need_a_policy(call: Call) -> tuple[str, ...]:
    if call.operation == "list_problems":
        return ("",)  # single compartments are weighed by access level there
    return compartments_of(call) or (call.path_ids if call.service == "identity" else ()) or ("",)


def _body(request: Request) -> dict[str, object]:
    if not request.body:
        return {}
    try:
        content = json.loads(request.body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _list_events(tenancy: Tenancy, call: Call) -> Answer:
    if not tenancy.tree.is_readable(call.compartment):
        raise not_found()
    return tenancy.audit.list_events(call)


def _search_logs(tenancy: Tenancy, call: Call) -> Answer:
    if not call.body:
        raise invalid_parameter("The request body is not a JSON object.")
    return tenancy.logging.search_logs(call, tenancy.tree)


def _list_log_groups(tenancy: Tenancy, call: Call) -> Answer:
    if not tenancy.tree.is_readable(call.compartment):
        raise not_found()
    return tenancy.logging.list_log_groups(call)


def _list_problems(tenancy: Tenancy, call: Call) -> Answer:
    return tenancy.cloud_guard.list_problems(call, tenancy.tree, _denied(tenancy, call))


def _get_problem(tenancy: Tenancy, call: Call) -> Answer:
    _require_readable_problem(tenancy, call)
    return tenancy.cloud_guard.get_problem(call)


def _list_problem_histories(tenancy: Tenancy, call: Call) -> Answer:
    _require_readable_problem(tenancy, call)
    return tenancy.cloud_guard.list_problem_histories(call)


def _require_readable_problem(tenancy: Tenancy, call: Call) -> None:
    if tenancy.cloud_guard.compartment_of(call) in _denied(tenancy, call):
        raise not_found()


def _denied(tenancy: Tenancy, call: Call) -> frozenset[str]:
    return tenancy.denials.compartments(call.service, call.region, call.operation)


_OPERATIONS: dict[tuple[str, str], Callable[[Tenancy, Call], Answer]] = {
    ("audit", "list_events"): _list_events,
    ("logging", "search_logs"): _search_logs,
    ("logging", "list_log_groups"): _list_log_groups,
    ("cloudguard", "get_configuration"): lambda tenancy, call: tenancy.cloud_guard.get_configuration(
        call, tenancy.tree
    ),
    ("cloudguard", "list_problems"): _list_problems,
    ("cloudguard", "get_problem"): _get_problem,
    ("cloudguard", "list_problem_histories"): _list_problem_histories,
    ("identity", "list_compartments"): lambda tenancy, call: tenancy.identity.list_compartments(
        call, _denied(tenancy, call)
    ),
    ("identity", "get_compartment"): lambda tenancy, call: tenancy.identity.get_compartment(call),
    ("identity", "get_tenancy"): lambda tenancy, call: tenancy.identity.get_tenancy(call),
    ("identity", "list_region_subscriptions"): lambda tenancy, call: (
        tenancy.identity.list_region_subscriptions(call)
    ),
    ("identity", "get_user"): lambda tenancy, call: tenancy.identity.get_user(call),
    ("identity", "list_user_group_memberships"): lambda tenancy, call: (
        tenancy.identity.list_user_group_memberships(call)
    ),
    ("identity", "get_group"): lambda tenancy, call: tenancy.identity.get_group(call),
}
