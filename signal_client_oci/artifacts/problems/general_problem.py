"""Reads a Cloud Guard problem of whatever shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from signal_client_oci.artifacts.envelope import UNREADABLE_RECORD, build_artifact, bytes_identity
from signal_client_oci.artifacts.lenient_decode import ParseError, any_unreadable, decode_fields
from signal_client_oci.artifacts.problems.fields import ProblemFields
from signal_client_oci.artifacts.problems.identity import version_identity
from signal_client_oci.artifacts.problems.mapping import problem_metadata
from signal_client_oci.artifacts.sanitize import is_clean
from signal_client_oci.artifacts.severity import severity_of_risk
from signal_client_oci.artifacts.times import utc_moment, utc_text

if TYPE_CHECKING:
    from datetime import datetime

    from signal_client_oci.artifacts.envelope import MappedRecord, Origin

__all__ = ["GeneralProblem", "read_general_problem"]

_DECODER: Final = msgspec.json.Decoder(ProblemFields)
_IDENTITY: Final = frozenset({"id", "lifecycleDetail", "riskLevel", "timeLastDetected"})


class GeneralProblem(msgspec.Struct, frozen=True, eq=False, gc=False):
    """One problem: its identity at once, its artifact when asked."""

    text: bytes
    origin: Origin
    id: str
    _fields: ProblemFields
    _parse_errors: list[ParseError]

    def __repr__(self) -> str:
        """Return its id alone: the text may hold a secret."""
        return f"<{type(self).__name__} {self.id}>"

    @property
    def risk_level(self) -> str | None:
        """Its risk, as the service spells it."""
        return self._fields.risk_level

    @property
    def problem_id(self) -> str | None:
        """Its OCID, None when it has none."""
        return self._fields.id or None

    @property
    def is_active(self) -> bool:
        """True while it is open, and where it does not tell."""
        return (self._fields.lifecycle_state or "ACTIVE").upper() != "INACTIVE"

    @property
    def last_detected(self) -> datetime | None:
        """When it was last detected, in UTC; None when that cannot be read."""
        return utc_moment(self._fields.time_last_detected or "")

    def to_artifact(self, details: bytes | None, *, harmless: bool = False) -> MappedRecord:
        """Return the problem's artifact.

        `details` is the body of GetProblem; it replaces the summary when it is a JSON object about the same problem.
        `harmless` says that the summary is known to hold no secret.
        """
        text, problem, parse_errors = self.text, self._fields, self._parse_errors
        if details is not None:
            whole, errors = decode_fields(details, _DECODER, ProblemFields)
            if whole.id == problem.id and not any_unreadable(errors, frozenset()):
                text, problem, parse_errors = details, whole, errors
        timestamp = utc_text(problem.time_last_detected or "")
        if timestamp is None:
            parse_errors = [*parse_errors, ParseError("timeLastDetected", "not a readable time")]
            timestamp = self.origin.read_at
        if problem.risk_level and severity_of_risk(problem.risk_level) is None:
            parse_errors = [*parse_errors, ParseError("riskLevel", "not a known risk level")]
        clean = not parse_errors and is_clean(text)
        metadata = problem_metadata(problem, self.origin, timestamp, clean=clean)
        if not problem.id and not problem.detector_rule_id:
            metadata["messageType"], metadata["message"] = UNREADABLE_RECORD
        redact = self.origin.redact and not (harmless and text is self.text)
        return build_artifact(self.id, timestamp, metadata, text, parse_errors, redact=redact)


def read_general_problem(text: bytes, origin: Origin) -> GeneralProblem:
    """Return one item of ListProblems as a problem; never raises, whatever the bytes."""
    problem, errors = decode_fields(text, _DECODER, ProblemFields)
    if problem.id and not any_unreadable(errors, _IDENTITY):
        detail, risk, last = problem.lifecycle_detail, problem.risk_level, problem.time_last_detected
        identity = version_identity(origin, problem.id, detail or "", risk or "", last or "")
    else:
        identity = bytes_identity("problem", origin.tenancy_ocid, "", text)
    return GeneralProblem(text, origin, identity, problem, errors)
