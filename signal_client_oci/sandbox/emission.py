"""Putting records into a tenancy's services, and noting each in the ground truth."""

from __future__ import annotations

import hashlib
import itertools
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from typing_extensions import Unpack

from signal_client_oci.sandbox.clocks import Clock, format_time, from_micros, to_micros
from signal_client_oci.sandbox.data.audit_events import AuditFields, audit_event, audit_log_content
from signal_client_oci.sandbox.data.ground_truth import Emitted, GroundTruth
from signal_client_oci.sandbox.data.identifiers import Identifiers
from signal_client_oci.sandbox.data.log_records import LogFields, log_content, search_result
from signal_client_oci.sandbox.data.problems import ProblemVersion, StoredProblem, StoredProblemFields
from signal_client_oci.sandbox.data.timeline import TimelineEntry
from signal_client_oci.sandbox.http.http_connection import json_bytes
from signal_client_oci.sandbox.services.audit import SandboxAudit
from signal_client_oci.sandbox.services.cloud_guard import SandboxCloudGuard
from signal_client_oci.sandbox.services.compartments import CompartmentTree, SandboxCompartment
from signal_client_oci.sandbox.services.logging_search import LogGroup, SandboxLogging

__all__ = ["Emission"]

_PROCESSING_TIME = timedelta(seconds=3)


class Emission:
    """The services of one tenancy that hold records; `lock` guards them against its responses."""

    def __init__(self, root: SandboxCompartment, clock: Clock, reporting_region: str) -> None:
        self.lock = threading.RLock()
        self.clock = clock
        self.ocid = root.ocid
        self.tree = CompartmentTree(root)
        self.identifiers = Identifiers(root.ocid)
        self.audit = SandboxAudit(self.tree)
        self.logging = SandboxLogging(self.tree)
        self.cloud_guard = SandboxCloudGuard(self.tree, reporting_region)
        self.ground_truth = GroundTruth()
        self._sequence = itertools.count()

    def emit_audit_event(self, region: str, compartment: str, **fields: Unpack[AuditFields]) -> Emitted:
        """Put one event into Audit, and into Logging's `_Audit`; one that is given as text only into Audit."""
        with self.lock:
            processed, event_time = _audit_moments(fields, self.clock())
            visible = fields.get("visible", processed)
            event_id = fields.get("event_id") or self.identifiers.uuid()
            named = (compartment, self.tree[compartment].name)
            event = audit_event(event_id, event_time, self.ocid, named, fields)
            raw = fields.get("raw") or json_bytes(event)
            self.audit.timelines.add(region, self._entry(processed, visible, raw, compartment))
            if "raw" not in fields:
                self._copy_to_logging(region, event, event_time, fields.get("searchable", visible))
            return self.ground_truth.add(
                Emitted("audit", region, compartment, event_id, raw, processed, visible)
            )

    def emit_log_record(self, region: str, compartment: str, **fields: Unpack[LogFields]) -> Emitted:
        """Put one record into a log of this compartment, which is made if none is named."""
        with self.lock:
            time = fields.get("time") or self.clock()
            visible = fields.get("visible", time)
            marker = fields.get("marker", self.identifiers.uuid())
            group, log = self._log_of(region, compartment, fields)
            ids = {"compartmentid": compartment, "loggroupid": group, "logid": log, "tenantid": self.ocid}
            payload = fields.get("payload", {}) | ({} if marker is None else {"sandboxMarker": marker})
            content = log_content(time, visible, ids, {**fields, "payload": payload})
            raw = fields.get("raw") or search_result(time, content)
            self.logging.timelines.add(region, self._entry(time, visible, raw, compartment, group, log))
            key = hashlib.sha256(raw).hexdigest() if marker is None else marker
            return self.ground_truth.add(Emitted("logging", region, compartment, key, raw, time, visible))

    def add_log_group(self, region: str, compartment: str, name: str = "default") -> LogGroup:
        """Add a log group; `LogGroup.ocid` names it in queries."""
        with self.lock:
            group = LogGroup(self.identifiers.ocid("loggroup", region), name, region, compartment)
            self.logging.groups[group.ocid] = group
            return group

    def add_log(self, group: LogGroup, name: str = "default") -> str:
        """Add a log to a group and return its OCID."""
        with self.lock:
            ocid = self.identifiers.ocid("log", group.region)
            group.logs[ocid] = name
            return ocid

    def add_problem(self, compartment: str | None = None, **fields: Unpack[StoredProblemFields]) -> str:
        """Add a Cloud Guard problem (by default of the root compartment) and return its OCID."""
        with self.lock:
            last = fields.get("last_detected") or self.clock()
            region = self.cloud_guard.reporting_region
            ocid = self.identifiers.ocid("cloudguardproblem", region)
            first = fields.get("first_detected", last)
            problem = StoredProblem(ocid, compartment or self.ocid, first, {"regions": [region], **fields})
            self.cloud_guard.problems[ocid] = problem
            self._add_version(problem, ProblemVersion(to_micros(last), "HIGH", "OPEN", last), fields)
            return ocid

    def update_problem(self, ocid: str, **changes: Unpack[StoredProblemFields]) -> None:
        """Change a problem from `visible` on; raises `KeyError` for an unknown one."""
        with self.lock:
            problem = self.cloud_guard.problems[ocid]
            before = replace(problem.versions[-1], visible=to_micros(self.clock()), raw=None)
            self._add_version(problem, before, changes)

    def _add_version(
        self, problem: StoredProblem, before: ProblemVersion, changes: StoredProblemFields
    ) -> None:
        changed = ProblemVersion(
            to_micros(changes["visible"]) if "visible" in changes else before.visible,
            changes.get("risk_level", before.risk_level),
            changes.get("lifecycle_detail", before.lifecycle_detail),
            changes.get("last_detected", before.last_detected),
            changes.get("comment", before.comment),
            changes.get("raw"),
        )
        version = problem.add_version(changed)
        last = version.last_detected
        key = f"{problem.ocid} {version.lifecycle_detail} {version.risk_level} {format_time(last)}"
        region, visible = self.cloud_guard.reporting_region, from_micros(version.visible)
        self.ground_truth.add(
            Emitted("cloudguard", region, problem.compartment, key, version.summary, last, visible)
        )

    def _entry(self, at: datetime, visible: datetime, raw: bytes, *place: str) -> TimelineEntry:
        return TimelineEntry(to_micros(at), next(self._sequence), to_micros(visible), raw, *place)

    def _log_of(self, region: str, compartment: str, fields: LogFields) -> tuple[str, str]:
        """Return log group and log of a record, making the compartment's own ones when needed."""
        groups = self.logging.groups
        if "group" in fields:
            group = groups[fields["group"]]
        else:
            here = (one for one in groups.values() if (one.region, one.compartment) == (region, compartment))
            group = next(here, None) or self.add_log_group(region, compartment)
        return group.ocid, fields.get("log") or next(iter(group.logs), None) or self.add_log(group)

    def _copy_to_logging(
        self, region: str, event: dict[str, Any], event_time: datetime, visible: datetime
    ) -> None:
        compartment, event_id = event["data"]["compartmentId"], event["eventId"]
        raw = search_result(event_time, audit_log_content(event, self.ocid, visible))
        self.logging.timelines.add(region, self._entry(event_time, visible, raw, compartment, "_Audit"))
        if self.logging.includes_audit:
            copy = Emitted(
                "logging", region, compartment, event_id, raw, event_time, visible, copy_of_audit=True
            )
            self.ground_truth.add(copy)


def _audit_moments(fields: AuditFields, now: datetime) -> tuple[datetime, datetime]:
    """Return processed time and event time, each by default 3 s from the other."""
    if "event_time" in fields:
        now = fields["event_time"] + _PROCESSING_TIME
    processed = fields.get("processed", now)
    return processed, fields.get("event_time", processed - _PROCESSING_TIME)
