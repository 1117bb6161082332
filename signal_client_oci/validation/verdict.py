"""The verdict over all checks: does data flow, and from where?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from signal_client_oci.contract import SOURCES, Validation
from signal_client_oci.validation.findings import TITLES, Finding, join_names

__all__ = ["verdict"]

_PREREQUISITES: Final = ("settings", "private_key", "authentication")
_NO_SCOPE: Final = "COMPARTMENT_UNKNOWN"
_THROTTLED: Final = "THROTTLED"


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
    can_flow = _working(findings) or _unverified(findings)
    if not can_start or findings["compartments"].code == _NO_SCOPE or not can_flow:
        return "failed"
    return "degraded" if _needing_attention(findings) else "ok"


def _working(findings: Mapping[str, Finding]) -> list[str]:
    """Return the sources of which something was read."""
    unverified = _unverified(findings)
    return [name for name in SOURCES if findings[name].status in ("ok", "warning") and name not in unverified]


def _unverified(findings: Mapping[str, Finding]) -> list[str]:
    """Return the sources whose every request was throttled: a poll waits for its turn, a test does not."""
    return [name for name in SOURCES if findings[name].code == _THROTTLED]


def _needing_attention(findings: Mapping[str, Finding]) -> list[str]:
    return [name for name, finding in findings.items() if finding.status in ("warning", "failed")]


def _summary(status: str, findings: Mapping[str, Finding]) -> str:
    """Say in one sentence what works and what does not."""
    names = _needing_attention(findings)
    if status == "failed":
        name = next((name for name in names if findings[name].status == "failed"), names[0])
        return f"Nothing can be collected: {findings[name].check(name)['message']}"
    working, unverified = _working(findings), _unverified(findings)
    parts = [f"{_titles(working)} can be collected"] if working else []
    if unverified:
        parts.append(
            f"whether {_titles(unverified)} can be collected is not known, because OCI throttled (429)"
        )
    told = [f"{TITLES[name]} ({findings[name].code})" for name in names if name not in unverified]
    parts += [f"needs attention: {join_names(told)}"] if told else []
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _titles(names: Iterable[str]) -> str:
    return join_names(TITLES[name] for name in names)
