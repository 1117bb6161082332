"""The checks of a report by their causes, so that one cause is told once, however many sources it stops."""

from __future__ import annotations

from signal_client_oci.contract import Check, Report

__all__ = ["told_once"]


def told_once(report: Report) -> list[Check]:
    """Return the errors and warnings of a report, one for each cause; its title names everything that it stops.

    Errors of sources and of the scope with the same code have the same cause. Each other warning is told as it is.
    """
    errors = [one["error"] for one in report["sources"].values() if one["error"] is not None]
    causes: dict[tuple[str, str], list[Check]] = {}
    for check in [*errors, *report["warnings"]]:
        is_shared = check in errors or check["name"] == "compartments"
        causes.setdefault((check["code"], "" if is_shared else check["message"]), []).append(check)
    return [{**checks[0], "title": _titles(checks)} for checks in causes.values()]


def _titles(checks: list[Check]) -> str:
    return ", ".join(dict.fromkeys(check["title"] for check in checks))
