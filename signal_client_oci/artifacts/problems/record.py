"""Reads one Cloud Guard problem: its identity first, its artifact when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signal_client_oci.artifacts.problems.general_problem import GeneralProblem, read_general_problem
from signal_client_oci.artifacts.problems.usual_problem import UsualProblem, read_usual_problem

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Origin

__all__ = ["ProblemRecord", "read_problem"]

ProblemRecord = GeneralProblem | UsualProblem


def read_problem(text: bytes, origin: Origin) -> ProblemRecord:
    """Return one item of ListProblems as a problem; never raises, whatever the bytes."""
    return read_usual_problem(text, origin) or read_general_problem(text, origin)
