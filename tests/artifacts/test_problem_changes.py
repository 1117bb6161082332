"""A problem says what became of it last."""

from __future__ import annotations

import pytest
from support.example_records import example, mapped

PROBLEM = example("cloud_guard_summary_only")["record"]
FIRST, LATER = "2026-03-01T22:04:11.007Z", "2026-03-04T09:10:00.412Z"


@pytest.mark.parametrize(
    ("detail", "first", "last", "change"),
    [
        ("OPEN", FIRST, FIRST, "detected"),
        ("OPEN", FIRST, LATER, "detected again"),
        ("open", "2026-03-04T10:10:00.412+01:00", LATER, "detected"),
        ("OPEN", None, LATER, "detected"),
        ("RESOLVED", FIRST, LATER, "resolved"),
        ("DISMISSED", FIRST, LATER, "dismissed"),
        ("DELETED", FIRST, LATER, "deleted"),
        ("SOMETHING_NEW", FIRST, LATER, None),
        (None, FIRST, LATER, None),
    ],
)
def test_what_became_of_a_problem(detail, first, last, change):
    """New problems are told apart from those that were detected again, and closed ones say how they were closed."""
    record = PROBLEM | {"lifecycleDetail": detail, "timeFirstDetected": first, "timeLastDetected": last}
    metadata = mapped("cloud_guard", record).artifact["metadata"]
    assert metadata.get("oci.change") == change
    assert f" was {change or 'reported'}, risk" in str(metadata["message"])
