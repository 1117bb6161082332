"""Says what a call of the Kubernetes API means, whether OKE wrote it into Audit or into its own log."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from signal_client_oci.artifacts.severity import Severity

__all__ = ["API_SERVER_PORT", "KubernetesCall", "KubernetesMeaning", "call_in_event_type", "meaning_of_call"]

API_SERVER_PORT: Final = 6443
_VERBS: Final = "create|update|patch|delete|deletecollection|get|list|watch"
# `io.k8s.core.v1.pods.exec.create`, `apps.v1.deployments.delete`
_EVENT_TYPE: Final = re.compile(
    rf"(?:^|\.)v[0-9]{{1,2}}(?:(?:alpha|beta)[0-9]{{1,2}})?\.([a-z]+)(?:\.([a-z]+))?\.({_VERBS})$"
)
_READS: Final = frozenset({"get", "list", "watch", "head"})
_DELETES: Final = frozenset({"delete", "deletecollection"})
_CHANGES: Final = frozenset({"create", "update", "patch"}) | _DELETES
_ROLES: Final = frozenset({"roles", "rolebindings", "clusterroles", "clusterrolebindings"})
_INTO_PODS: Final = frozenset({"exec", "attach", "portforward"})
# created in order to ask a question: nothing is changed
_QUESTIONS: Final = re.compile(
    r"(?:token|subjectaccess|selfsubjectaccess|selfsubjectrules|localsubjectaccess)reviews"
)
_ANONYMOUS: Final = frozenset({"system:anonymous", "system:unauthenticated"})
_REFUSED: Final = "403"


class KubernetesCall(NamedTuple):
    """A call: the verb, the kind of resource and the part of it that was asked for (`exec` of `pods`)."""

    verb: str
    resource: str
    inner: str


class KubernetesMeaning(NamedTuple):
    """What a call means in the host's vocabulary."""

    message_type: str
    severity: Severity
    techniques: tuple[str, ...] = ()


def call_in_event_type(event_type: str) -> KubernetesCall | None:
    """Return the call that the type of an audit event names; None when it is not one of Kubernetes."""
    found = _EVENT_TYPE.search(event_type)
    return KubernetesCall(found[3], found[1], found[2] or "") if found else None


def meaning_of_call(  # noqa: PLR0911  (a table of rules, the first that holds counts)
    call: KubernetesCall, user: str, status: str
) -> KubernetesMeaning:
    """Return what a call means by who made it (`system:...` are the cluster's own parts) and how it was answered."""
    verb, resource, inner = call
    if status == "401":
        return KubernetesMeaning("auth_failure", "medium")
    if user in _ANONYMOUS and verb == "list":
        return KubernetesMeaning("service_discovery", "low", ("T1613",))
    if _is_of_the_cluster(user):
        return _meaning_of_the_clusters_own(verb)
    if resource == "pods" and inner in _INTO_PODS:
        return KubernetesMeaning("remote_access", "high", ("T1609",))
    if resource == "secrets" and verb in _READS:
        return KubernetesMeaning("credential_access", "medium", ("T1552.007",))
    if verb in _READS or _QUESTIONS.fullmatch(resource):
        return KubernetesMeaning("resource_access", "low" if status == _REFUSED else "informational")
    return _meaning_of_change(verb, resource, is_workload=user.startswith("system:serviceaccount:"))


def _meaning_of_change(verb: str, resource: str, *, is_workload: bool) -> KubernetesMeaning:
    if resource in _ROLES and verb in _CHANGES - _DELETES:
        return KubernetesMeaning("privilege_escalation", "high", ("T1098.006",))
    if verb == "deletecollection" and not is_workload:
        return KubernetesMeaning("data_destruction", "medium")
    if verb in _DELETES:
        return KubernetesMeaning("service_activity" if is_workload else "config_change", "low")
    if verb in _CHANGES:
        return KubernetesMeaning("resource_change", "low")
    return KubernetesMeaning("api_call", "informational")


def _meaning_of_the_clusters_own(verb: str) -> KubernetesMeaning:
    """Nodes and controllers read secrets, renew leases and replace pods all day long."""
    if verb in _CHANGES:
        return KubernetesMeaning("service_activity", "informational")
    return KubernetesMeaning("resource_access" if verb in _READS else "api_call", "informational")


def _is_of_the_cluster(user: str) -> bool:
    if user.startswith("system:serviceaccount:"):
        return user.startswith("system:serviceaccount:kube-")
    return user.startswith("system:") and user not in _ANONYMOUS
