"""Maps the usual summary of a problem, in which nothing is missing, in less time than the general way takes.

Where no details are read, nearly all problems are such summaries. One is decoded in one go, into fields that must all
be there, and written into the form that its finding has prepared. Any other is left to the general way, which would
make the same of both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from signal_client_oci.artifacts.envelope import build_clean_artifact, sender_host
from signal_client_oci.artifacts.lenient_decode import DECODE_ERRORS
from signal_client_oci.artifacts.problems.fields import ABSENT, UsualSummary
from signal_client_oci.artifacts.problems.finding import cached_finding, finding_fields
from signal_client_oci.artifacts.problems.general_problem import read_general_problem
from signal_client_oci.artifacts.problems.identity import version_identity
from signal_client_oci.artifacts.sanitize import is_clean, non_empty
from signal_client_oci.artifacts.times import is_earlier, utc_moment, utc_text

if TYPE_CHECKING:
    from datetime import datetime

    from signal_client_oci.artifacts.envelope import MappedRecord, Metadata, Origin

__all__ = ["UsualProblem", "read_usual_problem"]

_decode: Final = msgspec.json.Decoder(UsualSummary).decode


class UsualProblem(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A problem of a usual summary, not mapped yet; attributes as those of `GeneralProblem`."""

    text: bytes
    origin: Origin
    id: str
    summary: UsualSummary

    def __repr__(self) -> str:
        """Return its id alone: the text may hold a secret."""
        return f"<{type(self).__name__} {self.id}>"

    @property
    def risk_level(self) -> str:
        """Its risk, as the service spells it."""
        return self.summary.risk_level

    @property
    def problem_id(self) -> str:
        """Its OCID."""
        return self.summary.id

    @property
    def is_active(self) -> bool:
        """True while it is open."""
        return self.summary.lifecycle_state == "ACTIVE"

    @property
    def last_detected(self) -> datetime | None:
        """When it was last detected, in UTC; None when that cannot be read."""
        return utc_moment(self.summary.time_last_detected)

    def to_artifact(self, details: bytes | None, *, harmless: bool = False) -> MappedRecord:
        """Return the problem's artifact; `details` and `harmless` as for `GeneralProblem`."""
        text, origin, metadata = self.text, self.origin, None
        timestamp = utc_text(self.summary.time_last_detected)
        if timestamp and details is None and is_clean(text):
            metadata = _metadata(self.summary, origin, timestamp)
        if timestamp is None or metadata is None:
            return read_general_problem(text, origin).to_artifact(details, harmless=harmless)
        redact = origin.redact and not harmless
        return build_clean_artifact(self.id, timestamp, metadata, text, redact=redact)


def read_usual_problem(text: bytes, origin: Origin) -> UsualProblem | None:
    """Return a problem of a usual summary, None for any other."""
    try:
        summary = _decode(text)
    except DECODE_ERRORS:
        return None
    if summary.additional_details is not ABSENT:
        return None
    ocid, detail, risk = summary.id, summary.lifecycle_detail, summary.risk_level
    identity = version_identity(origin, ocid, detail, risk, summary.time_last_detected)
    return UsualProblem(text, origin, identity, summary)


def _metadata(summary: UsualSummary, origin: Origin, timestamp: str) -> Metadata | None:
    """Map a clean summary, last detected at `timestamp`; None where something is missing all the same."""
    finding = cached_finding(origin, finding_fields(summary))
    ocid, name, resource = summary.id, summary.resource_name, summary.resource_id
    if finding.form is None or not non_empty(name) or ocid.isspace() or resource.isspace():
        return None
    start, change = timestamp, finding.change
    first, last = summary.time_first_detected, summary.time_last_detected
    if first != last:
        start = utc_text(first) or timestamp
    if change is None:
        change = "detected again" if first != last and is_earlier(first, last) else "detected"
    metadata = finding.form.copy()
    metadata["startTimeUTC"], metadata["endTimeUTC"] = start, timestamp
    metadata["senderHost"] = sender_host(name, resource)
    metadata["message"] = f"{finding.subject} {name} was {change}{finding.ending}"
    metadata["oci.problemId"], metadata["oci.resourceId"] = ocid, resource
    metadata["oci.resourceName"], metadata["oci.change"] = name, change
    metadata["oci.riskScore"] = summary.risk_score
    for list_name, texts in finding.lists:
        metadata[list_name] = texts.copy()
    return metadata
