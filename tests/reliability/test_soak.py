"""All promises at once: days of random trouble in virtual time, and then delivered = emitted."""

import pytest
from soak import Soak, make_quick


@pytest.mark.deep
@pytest.mark.slow
@pytest.mark.parametrize("seed", [2])
def test_hours_of_trouble_lose_and_repeat_nothing(monkeypatch, seed):
    """Two tenancies, late records, faults, crashes, restarts and outages: each record arrives exactly once."""
    make_quick(monkeypatch.setattr)
    soak = Soak(days=0.4, seed=seed)
    soak.run()
    assert soak.polls > 50
    assert soak.drops
    assert len(soak.troubled) > 8
