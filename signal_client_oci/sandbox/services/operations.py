"""Which path is which operation, and how a tenancy performs it once the caller is known."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Callable

from signal_client_oci.sandbox.clocks import to_micros
from signal_client_oci.sandbox.data.problems import DETECTORS, RISK_LEVELS
from signal_client_oci.sandbox.http.api_errors import ApiError, invalid_parameter, not_found
from signal_client_oci.sandbox.http.http_connection import HttpRequest, HttpResponse
from signal_client_oci.sandbox.services.calls import ApiCall
from signal_client_oci.sandbox.services.policies import PolicyRule
from signal_client_oci.sandbox.tenancy import Tenancy

__all__ = ["compartments_of", "parse_call", "perform"]

_OPERATIONS: dict[str, tuple[str, str]] = {
    "list_events": ("audit GET 20190901/auditEvents", "compartmentId startTime endTime page"),
    "search_logs": ("logging POST 20190909/search", "limit page"),
    "list_log_groups": (
        "logging GET 20200531/logGroups",
        """compartmentId isCompartmentIdInSubtree=true|false displayName page limit
        sortBy=timeCreated|displayName sortOrder=ASC|DESC""",
    ),
    "get_configuration": ("cloudguard GET 20200131/configuration", "compartmentId"),
    "list_problems": (
        "cloudguard GET 20200131/problems",
        f"""compartmentId compartmentIdInSubtree=true|false accessLevel=RESTRICTED|ACCESSIBLE page limit
        timeFirstDetectedGreaterThanOrEqualTo timeFirstDetectedLessThanOrEqualTo
        timeLastDetectedGreaterThanOrEqualTo timeLastDetectedLessThanOrEqualTo
        lifecycleState=ACTIVE|INACTIVE lifecycleDetail=OPEN|RESOLVED|DISMISSED|DELETED
        riskLevel={"|".join(RISK_LEVELS)} region resourceId resourceType targetId label city state country
        detectorRuleIdList detectorType={"|".join(DETECTORS)} problemCategory=SECURITY_ZONE
        sortBy=riskLevel|timeLastDetected|resourceName sortOrder=ASC|DESC""",
    ),
    "get_problem": ("cloudguard GET 20200131/problems/{}", ""),
    "list_compartments": (
        "identity GET 20160918/compartments",
        """compartmentId compartmentIdInSubtree=true|false accessLevel=ANY|ACCESSIBLE page limit name
        lifecycleState sortBy=TIMECREATED|NAME sortOrder=ASC|DESC""",
    ),
    "get_compartment": ("identity GET 20160918/compartments/{}", ""),
    "get_tenancy": ("identity GET 20160918/tenancies/{}", ""),
    "list_region_subscriptions": ("identity GET 20160918/tenancies/{}/regionSubscriptions", ""),
    "get_user": ("identity GET 20160918/users/{}", ""),
    "list_user_group_memberships": (
        "identity GET 20160918/userGroupMemberships",
        "compartmentId userId groupId page limit",
    ),
    "get_group": ("identity GET 20160918/groups/{}", ""),
}
"""Operation → service, method and path; its query parameters, each with the values that it may have.

Each operation is a method of its service. Source: package `oci`, the clients' docstrings.
"""

_PATTERNS = [
    (name, re.compile(path.replace("{}", "([^/]+)") + "/?")) for name, (path, _) in _OPERATIONS.items()
]
_PARAMETERS = {
    name: {
        part.partition("=")[0]: tuple(filter(None, part.partition("=")[2].split("|")))
        for part in parts.split()
    }
    for name, (_, parts) in _OPERATIONS.items()
}
_REQUIRED = frozenset({"compartmentId", "startTime", "endTime"})
_SCOPE = re.compile(r'"(ocid1\.(?:tenancy|compartment)\.[^"/]*)')


def parse_call(request: HttpRequest) -> ApiCall:
    """Return the call that a request makes; its operation is empty when there is no such path. HEAD counts as GET."""
    method = "GET" if request.method == "HEAD" else request.method
    _slash, region, service, path = (*request.path.split("/", 3), "", "", "")[:4]
    for operation, pattern in _PATTERNS:
        if match := pattern.fullmatch(f"{service} {method} {path}"):
            ids = tuple(urllib.parse.unquote(part) for part in match.groups())
            return ApiCall(service, operation, region, request.query, ids, _json_object(request.body))
    return ApiCall(service, "", region, request.query)


def compartments_of(call: ApiCall) -> tuple[str, ...]:
    """Return the compartments that a call names, also those in a search query, valid or not."""
    if call.compartment:
        return (call.compartment,)
    return tuple(dict.fromkeys(_SCOPE.findall(str(call.body.get("searchQuery", "")))))


def perform(tenancy: Tenancy, call: ApiCall) -> HttpResponse:
    """Answer an authenticated call; raises `ApiError`."""
    if not call.operation:
        raise not_found()
    _check_parameters(call)
    if tenancy.identity.regions.get(call.region) != "READY":
        raise ApiError(401)
    with tenancy.lock:
        for compartment in _compartments_that_need_a_policy(call):
            rule = PolicyRule(call.service, compartment, call.region, call.operation)
            if tenancy.missing_policies.denies(rule):
                raise not_found()
        call.now = to_micros(tenancy.clock())
        call.denied = tenancy.missing_policies.compartments(call.service, call.region, call.operation)
        operation: Callable[[ApiCall], HttpResponse] = getattr(tenancy.services[call.service], call.operation)
        return operation(call)


def _check_parameters(call: ApiCall) -> None:
    """Refuse what the operation does not document, rather than ignore it, and what lacks a part."""
    documented = _PARAMETERS[call.operation]
    for name in _REQUIRED & documented.keys() - call.params.keys():
        raise ApiError(400, f"{name} is required.", "MissingParameter")
    for name, value in call.params.items():
        if name not in documented:
            raise invalid_parameter(f"{name} is not a parameter of {call.operation}.")
        if documented[name] and value not in documented[name]:
            raise invalid_parameter(f"{name} must be one of {', '.join(documented[name])}.")


def _compartments_that_need_a_policy(call: ApiCall) -> tuple[str, ...]:
    if call.operation == "list_problems":
        return ("",)  # its access level decides what a denied compartment means
    return compartments_of(call) or (call.path_ids if call.service == "identity" else ()) or ("",)


def _json_object(text: bytes) -> dict[str, object]:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
