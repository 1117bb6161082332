"""Cloud Guard problems: the text of one problem to its identity and its artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from signal_client_oci.artifacts.envelope import UNREADABLE, build_artifact, bytes_identity, fields_identity
from signal_client_oci.artifacts.lenient_decode import any_unreadable, read_fields
from signal_client_oci.artifacts.problems.fields import Problem
from signal_client_oci.artifacts.problems.mapping import problem_metadata
from signal_client_oci.artifacts.redaction import mask_record
from signal_client_oci.artifacts.sanitize import is_clean
from signal_client_oci.artifacts.severity import DEFAULT, severity_of_risk
from signal_client_oci.artifacts.times import utc_moment, utc_text

if TYPE_CHECKING:
    from datetime import datetime

    from signal_client_oci.artifacts.envelope import MappedRecord, Origin

__all__ = ["ProblemRecord", "read_problem"]

_DECODER: Final = msgspec.json.Decoder(Problem)
_IDENTITY: Final = frozenset({"id", "lifecycleDetail", "riskLevel", "timeLastDetected"})


class ProblemRecord:
    """One problem: its identity now, its artifact when asked.

    `problem_id` is its OCID (None when it has none), `risk_level` as the service spells it, `is_active` whether it
    is open.
    """

    __slots__ = (
        "_origin",
        "_parse_errors",
        "_problem",
        "_text",
        "id",
        "is_active",
        "problem_id",
        "risk_level",
    )

    def __init__(self, text: bytes, origin: Origin) -> None:
        self._text, self._origin = text, origin
        self._problem, self._parse_errors = read_fields(text, _DECODER, Problem)
        problem = self._problem
        self.problem_id = problem.id or None
        self.risk_level = problem.risk_level
        self.is_active = (problem.lifecycle_state or "ACTIVE").upper() != "INACTIVE"
        sound = problem.id and not any_unreadable(self._parse_errors, _IDENTITY)
        self.id = (
            _identity(problem, origin) if sound else bytes_identity("problem", origin.tenancy_ocid, "", text)
        )

    @property
    def last_detected(self) -> datetime | None:
        """When it was last detected, in UTC; None when that cannot be read."""
        return utc_moment(self._problem.time_last_detected or "")

    def to_artifact(self, details: bytes | None) -> MappedRecord:
        """Map the problem to its artifact.

        `details` is the body of GetProblem; it takes the summary's place when it is a JSON object that is about
        the same problem.
        """
        text, problem, parse_errors = self._text, self._problem, list(self._parse_errors)
        if details is not None:
            whole, problems = read_fields(details, _DECODER, Problem)
            if whole.id == problem.id and not any_unreadable(problems, frozenset()):
                text, problem, parse_errors = details, whole, problems
        timestamp = utc_text(problem.time_last_detected or "")
        if timestamp is None:
            parse_errors = [*parse_errors, "timeLastDetected: no time that can be read"]
            timestamp = self._origin.read_at
        severity = severity_of_risk(problem.risk_level)
        if problem.risk_level and severity is None:
            parse_errors = [*parse_errors, "riskLevel: none of the known levels"]
        clean = not parse_errors and is_clean(text)
        metadata = problem_metadata(problem, self._origin, timestamp, severity or DEFAULT, clean=clean)
        if not problem.id and not problem.detector_rule_id:
            metadata["messageType"], metadata["message"] = UNREADABLE
        masked, secrets = mask_record(text) if self._origin.redact else (text, [])
        return build_artifact(self.id, timestamp, metadata, masked, secrets, parse_errors)


def read_problem(text: bytes, origin: Origin) -> ProblemRecord:
    """Read the identity of one item of ListProblems; `.to_artifact(details)` maps it. Never raises."""
    return ProblemRecord(text, origin)


def _identity(problem: Problem, origin: Origin) -> str:
    """Give the id of a problem as it stands: another one as soon as its state, risk or last detection changes."""
    return fields_identity(
        "problem",
        origin.tenancy_ocid,
        "",
        (
            problem.id or "",
            problem.lifecycle_detail or "",
            problem.risk_level or "",
            problem.time_last_detected or "",
        ),
    )
