"""Defines the one scale of severity: the labels that the host's rules compare, and their syslog codes."""

from __future__ import annotations

from typing import Any, Final, Literal

__all__ = ["CODES", "DEFAULT", "Severity", "severity_of_risk", "severity_of_word"]

Severity = Literal["critical", "high", "medium", "low", "informational"]

CODES: Final[dict[Severity, int]] = {"critical": 2, "high": 3, "medium": 4, "low": 5, "informational": 6}
# of a record that does not say how severe it is
DEFAULT: Final[Severity] = "informational"

# risk levels of Cloud Guard (cloud_guard.models.ProblemSummary.risk_level): MINOR is the least of five
_RISKS: Final[dict[str, Severity]] = {
    "CRITICAL": "critical",
    "HIGH": "high",
    "MEDIUM": "medium",
    "LOW": "low",
    "MINOR": "informational",
}

# words that log records use for their own level: syslog, log4j, Palo Alto threat logs
_WORDS: Final[dict[str, Severity]] = {
    "emerg": "critical",
    "emergency": "critical",
    "alert": "critical",
    "crit": "critical",
    "critical": "critical",
    "fatal": "critical",
    "panic": "critical",
    "high": "high",
    "severe": "high",
    "err": "medium",
    "error": "medium",
    "medium": "medium",
    "warn": "low",
    "warning": "low",
    "low": "low",
    "notice": "informational",
    "info": "informational",
    "information": "informational",
    "informational": "informational",
    "debug": "informational",
    "trace": "informational",
}


def severity_of_risk(risk: str | None) -> Severity | None:
    """Return the severity of a Cloud Guard risk level, in whatever case it is written; None when it is not one."""
    return _RISKS.get(risk) or _RISKS.get(risk.strip().upper()) if risk else None


def severity_of_word(word: Any) -> Severity | None:
    """Return the severity of a log record's own level; None when it is not a known one."""
    return _WORDS.get(word.strip().lower()) if isinstance(word, str) else None
