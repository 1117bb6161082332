"""Whether a plugin keeps the host contract: checks of its polls, its artifacts and the answers of its other hooks."""

from __future__ import annotations

from signal_client_oci.host.conformance.contract_checks import ContractError, compact_json
from signal_client_oci.host.conformance.hook_checks import (
    check_check,
    check_connector,
    check_schema,
    check_validation,
)
from signal_client_oci.host.conformance.poll_checks import PollConformance, checked_poll
from signal_client_oci.host.conformance.poll_terms import PollTerms

__all__ = [
    "ContractError",
    "PollConformance",
    "PollTerms",
    "check_check",
    "check_connector",
    "check_schema",
    "check_validation",
    "checked_poll",
    "compact_json",
]
