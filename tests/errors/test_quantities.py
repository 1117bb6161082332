"""Numbers in sentences: one is singular, and every duration has its unit."""

from __future__ import annotations

import pytest

from signal_client_oci.errors.quantities import counted, in_seconds, roughly


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (counted(0, "problem"), "0 problems"),
        (counted(1, "problem"), "1 problem"),
        (counted(2000, "problem"), "2,000 problems"),
        (in_seconds(0.04), "0 seconds"),
        (in_seconds(0.44), "0.4 seconds"),
        (in_seconds(1.04), "1 second"),
        (in_seconds(12.4), "12 seconds"),
        (roughly(59 * 60), "59 minutes"),
        (roughly(60 * 60), "1 hour"),
        (roughly(-5 * 3600 - 61), "5 hours 1 minute"),
        (roughly(86400 + 60), "1 day"),
        (roughly(2 * 86400 + 3 * 3600), "2 days 3 hours"),
        (roughly(3), "0 minutes"),
    ],
)
def test_numbers_have_their_nouns(text, said):
    """The noun follows the number, a duration shows its two largest units."""
    assert text == said
