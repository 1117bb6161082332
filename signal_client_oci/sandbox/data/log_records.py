"""Log records as Logging Search returns them: `{"data": {"datetime": epoch ms, "logContent": {…}}}`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict

from signal_client_oci.sandbox.clocks import format_time, to_micros
from signal_client_oci.sandbox.http.http_connection import json_bytes

__all__ = ["FLOW_LOG", "LogFields", "log_content", "search_result"]

FLOW_LOG = "com.oraclecloud.vcn.flowlogs.DataEvent"


class LogFields(TypedDict, total=False):
    """What can be chosen of a log record.

    `time` (default: now) is the record's own time, `visible` (default: `time`) when it can first be read.
    `marker` is put into the payload as `sandboxMarker` (default: a new one; None: no marker). `raw` is used
    as the exact text of the element of `results` instead. `log_type` is logContent's `type`; `payload` its
    `data`; `group` and `log` are OCIDs; `record_id` is logContent's `id`, which is not unique in reality;
    `extra` is merged into logContent's top level.
    """

    time: datetime
    visible: datetime
    marker: str | None
    raw: bytes
    log_type: str
    payload: dict[str, Any]
    group: str
    log: str
    record_id: str
    subject: str
    source: str
    extra: dict[str, Any]


def log_content(time: datetime, ingested: datetime, place: Mapping[str, str], fields: LogFields) -> bytes:
    """Return the text of `logContent`; `place` holds the ids of its `oracle` part."""
    content: dict[str, Any] = {
        "data": fields.get("payload", {}),
        "id": fields.get("record_id", "159f15e5"),
        "oracle": {**place, "ingestedtime": format_time(ingested)},
        "source": fields.get("source", "-"),
        "specversion": "1.0",
        "time": format_time(time),
        "type": fields.get("log_type", FLOW_LOG),
    }
    if "subject" in fields:
        content["subject"] = fields["subject"]
    return json_bytes(content | fields.get("extra", {}))


def search_result(time: datetime, content: bytes) -> bytes:
    """Return the element of `results` that carries `content`."""
    return b'{"data":{"datetime":%d,"logContent":%b}}' % (to_micros(time) // 1000, content)
