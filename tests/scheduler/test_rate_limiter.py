"""`pacing`: a lane finds the rate that a service accepts, and keeps to it."""

from __future__ import annotations

import heapq
import random
from collections import deque

import pytest

from signal_client_oci.scheduler.rate_limiter import RateLimiter


class Service:
    """A token bucket in virtual time, asked by eight workers at the moments that a pace allows."""

    def __init__(self, rate, burst, *, latency=0.02, seed=0):
        self.rate, self.burst, self.latency = rate, burst, latency
        self.random = random.Random(seed)
        self.tokens, self.since = float(burst), 0.0
        self.accepted = self.refused = 0

    def accepts(self, now):
        """Take a token if there is one."""
        self.tokens = min(self.burst, self.tokens + (now - self.since) * self.rate)
        self.since = now
        if self.tokens < 1:
            self.refused += 1
            return False
        self.tokens -= 1
        self.accepted += 1
        return True

    def work_off(self, pace, requests, width=8):
        """Send `requests` until each was accepted; return the seconds that took."""
        now, in_a_row, last = 0.0, 0, None
        waiting, later, flying = deque((number, 1) for number in range(requests)), [], []
        while waiting or later or flying:
            while later and later[0][0] <= now:
                waiting.append(heapq.heappop(later)[1:])
            while waiting and len(flying) < width and pace.ready_at() <= now:
                pace.sent(now)
                heapq.heappush(
                    flying, (now + self.latency * self.random.uniform(0.8, 1.2), now, *waiting.popleft())
                )
            moments = [flying[0][0]] if flying else []
            moments += [later[0][0]] if later else []
            moments += [pace.ready_at()] if waiting and len(flying) < width else []
            now = max(now, min(moments))
            if not flying or flying[0][0] > now:
                continue
            _, sent_at, number, attempt = heapq.heappop(flying)
            if self.accepts(now):
                in_a_row, last = 0, None
                pace.accepted(now)
                continue
            in_a_row, last = in_a_row + (number != last), number
            pace.refused(now, sent_at, first=attempt == 1, together=in_a_row > 1)
            heapq.heappush(later, (now + 0.5 * 2 ** min(attempt - 1, 4), number, attempt + 1))
        return now


def _throttled(accepted=5, *, now=10.0):
    pace = RateLimiter()
    for number in range(accepted):
        pace.accepted(now - number / 100)
    assert pace.refused(now, now, first=True, together=True)
    return pace


def test_nobody_waits_before_a_refusal():
    """However many requests are sent and accepted, the next one may go at once."""
    pace = RateLimiter()
    for number in range(1000):
        pace.sent(number / 1000)
        pace.accepted(number / 1000)
    assert pace.ready_at() <= 0
    assert pace.rate is None


@pytest.mark.parametrize("refusals", [1, 2])
def test_single_refusals_are_not_about_the_rate(refusals):
    """One or two refusals apart from each other may be about what was asked for."""
    pace = RateLimiter()
    for number in range(refusals):
        assert not pace.refused(number, number, first=True, together=False)
    assert pace.rate is None


def test_a_request_that_is_refused_again_and_again_slows_nobody():
    """Second and later attempts of one request say nothing about the others."""
    pace = RateLimiter()
    assert not pace.refused(1, 1, first=True, together=False)
    for moment in range(2, 50):
        assert not pace.refused(moment, moment, first=False, together=False)
    assert pace.rate is None


def test_three_refusals_within_seconds_are_about_the_rate():
    """A service that refuses now and then, never twice in a row, is heard too."""
    pace = RateLimiter()
    fell = [pace.refused(moment, moment, first=True, together=False) for moment in (1, 3, 5)]
    assert fell == [False, False, True]


def test_a_fall_is_to_seven_tenths_of_what_was_accepted():
    """The first rate is taken from the last second's acceptances, not less than ten."""
    assert _throttled(accepted=40).rate == pytest.approx(28)
    assert _throttled(accepted=2).rate == pytest.approx(7)


def test_what_was_sent_before_a_fall_causes_no_second_one():
    """Eight requests in flight that are refused together are one event."""
    pace = _throttled(accepted=40)
    assert not pace.refused(10.1, 9.9, first=True, together=True)
    assert pace.rate == pytest.approx(28)
    assert pace.refused(10.3, 10.2, first=True, together=True)


def test_requests_are_spread():
    """Once a rate is kept, each sending moves the next one by its share of a second; a late one catches up a little."""
    pace = _throttled(accepted=20)
    pace.sent(11.0)
    assert pace.ready_at() == pytest.approx(10.9 + 1 / pace.rate, abs=0.001)
    pace.sent(pace.ready_at())
    assert pace.ready_at() == pytest.approx(10.9 + 2 / pace.rate, abs=0.001)


def test_the_rate_rises_again():
    """What was found is reached again within seconds, and what is free beyond it is found."""
    pace = _throttled(accepted=10)
    now = 10.0
    while now < 40.0:
        pace.sent(now)
        pace.accepted(now)
        now = max(now + 0.005, pace.ready_at())
    assert pace.rate > 50


def test_a_rate_never_falls_to_nothing():
    """A service that refuses everything is still asked every other second."""
    pace = _throttled()
    for moment in range(11, 200):
        pace.refused(moment, moment, first=True, together=True)
    assert pace.rate == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("rate", "burst"), [(20, 20), (50, 50), (100, 20)])
def test_a_limit_is_found_and_used(rate, burst, seed):
    """At least nine tenths of what a service accepts is used, and at most one request of twenty is refused."""
    service = Service(rate, burst, seed=seed)
    took = service.work_off(RateLimiter(), 30 * rate)
    assert (service.accepted - burst) / took >= 0.9 * rate
    assert service.refused <= 0.05 * (service.accepted + service.refused)


@pytest.mark.parametrize("rate", [1, 3])
def test_a_small_limit_is_kept_too(rate):
    """Against a service that accepts next to nothing, most requests are accepted all the same."""
    service = Service(rate, rate, seed=1)
    took = service.work_off(RateLimiter(), 60 * rate)
    assert took < 1.5 * 60
    assert service.refused < 0.5 * service.accepted
