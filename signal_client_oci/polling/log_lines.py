"""The log lines of a poll: what each source fetched, each cause of failures, and what was not expected."""

from __future__ import annotations

import logging
import traceback
from contextlib import suppress
from typing import Final

from signal_client_oci.artifacts.sanitize import sanitize_name
from signal_client_oci.contract import Check, Report, SourceName
from signal_client_oci.errors.causes import told_once
from signal_client_oci.errors.failure import make_check

__all__ = ["internal_error", "log_report"]

logger = logging.getLogger("signal_client_oci")

_WORDS: Final[dict[SourceName, str]] = {
    "audit": "audit events",
    "logging": "log records",
    "cloud_guard": "Cloud Guard problems",
}


def log_report(report: Report, instance: str) -> None:
    """Write one line for each source that was read, and one for each cause of failures and each warning."""
    name = sanitize_name(instance)
    for source, one in report["sources"].items():
        if one["status"] != "skipped":
            _log(logging.INFO, "oci-cloud: fetched %d %s (instance %s)", one["fetched"], _WORDS[source], name)
    for check in told_once(report):
        _log(
            logging.WARNING,
            "oci-cloud: %s (instance %s): %s: %s. %s",
            check["code"],
            name,
            check["title"],
            check["message"].rstrip("."),
            check["remedy"],
        )


def _log(level: int, line: str, *values: object) -> None:
    """Write a log line; a handler of the host that fails must not cost the poll its report."""
    with suppress(Exception):
        logger.log(level, line, *values)


def internal_error(error: Exception) -> Check:
    """Name the kind and the place of an unexpected exception; its text could hold a secret."""
    places = traceback.extract_tb(error.__traceback__)
    place = f"{places[-1].name} line {places[-1].lineno}" if places else "unknown place"
    message = f"unexpected {type(error).__name__} in {place}"
    _log(logging.ERROR, "oci-cloud: %s", message)
    return make_check("settings", "Connector", "failed", "INTERNAL_ERROR", message)
