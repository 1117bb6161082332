"""Reads one record of Logging Search: its identity first, its artifact when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signal_client_oci.artifacts.logs.flows.usual_flow import UsualFlowRecord, read_usual_flow
from signal_client_oci.artifacts.logs.general_record import GeneralRecord

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Origin

__all__ = ["LogRecord", "read_log_record"]

LogRecord = GeneralRecord | UsualFlowRecord


def read_log_record(text: bytes, origin: Origin) -> LogRecord:
    """Return one `results[].data` of SearchLogs as a record; never raises, whatever the bytes."""
    return read_usual_flow(text, origin) or GeneralRecord(text, origin)
