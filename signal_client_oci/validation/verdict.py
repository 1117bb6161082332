"""The verdict over all checks: does data flow, and from where?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from signal_client_oci.contract import SOURCES, Validation
from signal_client_oci.validation.findings import TITLES, Finding, join_names

__all__ = ["verdict"]

_PREREQUISITES: Final = ("settings", "private_key", "authentication")
_NO_SCOPE: Final = "COMPARTMENT_UNKNOWN"


def verdict(findings: Mapping[str, Finding], field_errors: Mapping[str, str]) -> Validation:
    """Return the contract's answer; checks without a finding were not made.

    `failed`: nothing can flow. `degraded`: something works and something does not. Field errors come only with
    `failed`, since a host refuses to save a form with them.
    """
    complete = {name: findings.get(name) or Finding.skipped("NOT_CHECKED") for name in TITLES}
    status = _status(complete)
    return {
        "ok": status != "failed",
        "status": status,
        "summary": _summary(status, complete),
        "checks": [finding.check(name) for name, finding in complete.items()],
        "field_errors": dict(field_errors) if status == "failed" else {},
    }


def _status(findings: Mapping[str, Finding]) -> Literal["ok", "degraded", "failed"]:
    can_start = all(findings[name].status in ("ok", "warning") for name in _PREREQUISITES)
    if not can_start or findings["compartments"].code == _NO_SCOPE or not _working(findings):
        return "failed"
    return "degraded" if _needing_attention(findings) else "ok"


def _working(findings: Mapping[str, Finding]) -> list[str]:
    return [TITLES[name] for name in SOURCES if findings[name].status in ("ok", "warning")]


def _needing_attention(findings: Mapping[str, Finding]) -> list[str]:
    return [name for name, finding in findings.items() if finding.status in ("warning", "failed")]


def _summary(status: str, findings: Mapping[str, Finding]) -> str:
    """Say in one sentence what works and what does not."""
    names = _needing_attention(findings)
    if status == "failed":
        name = next((name for name in names if findings[name].status == "failed"), names[0])
        return f"Nothing can be collected: {findings[name].check(name)['message']}"
    works = f"{join_names(_working(findings))} can be collected"
    if not names:
        return f"{works}."
    told = [f"{TITLES[name]} ({findings[name].code})" for name in names]
    return f"{works}; needs attention: {join_names(told)}."
