"""The workers of a poll: order, limits, second attempts, and an end without leftovers."""

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.page_memory import PageMemory
from signal_client_oci.scheduler import dispatcher as workers
from signal_client_oci.scheduler.dispatcher import Dispatcher, Outcome
from signal_client_oci.scheduler.requests import LaneKey, Task

ASHBURN = LaneKey("us-ashburn-1", "audit")
FRANKFURT = LaneKey("eu-frankfurt-1", "audit")


@dataclass
class Transport:
    """What an abort is told to."""

    aborted: threading.Event = field(default_factory=threading.Event)

    def abort(self):
        """Note it."""
        self.aborted.set()


@dataclass
class Client:
    """A lent client."""

    name: tuple[str, str]
    transport: Transport = field(default_factory=Transport)
    given_back: bool = False


LONG = 30.0
"""Seconds that nothing has to wait for, however slow the machine is."""


class Office:
    """A dispatcher, the clients that it borrowed, and how many requests were in flight at the same time."""

    def __init__(self, width=4, until=None):
        self.clients = []
        self.in_flight = self.most_in_flight = 0
        self.sent = []
        self._lock = threading.Lock()
        self.dispatcher = Dispatcher(self._borrow, width, until)

    @contextmanager
    def _borrow(self, region, service):
        client = Client((region, service))
        self.clients.append(client)
        yield client
        client.given_back = True

    def submit(self, answers, *, lane=ASHBURN, job=None, source="audit"):
        """Submit a request that gives or raises one answer for each attempt, the last one from then on."""
        left = list(answers)

        def send(client):
            with self._lock:
                self.in_flight += 1
                self.most_in_flight = max(self.most_in_flight, self.in_flight)
                self.sent.append((job, time.monotonic()))
                answer = left.pop(0) if len(left) > 1 else left[0]
            try:
                answer = answer(client) if callable(answer) else answer
            finally:
                with self._lock:
                    self.in_flight -= 1
            if isinstance(answer, Exception):
                raise answer
            return answer

        self.dispatcher.submit([Task(source, lane, send, job)])

    def has_place(self, lane):
        """True if a task for the lane would be sent at once; a lane of its own is opened for it."""
        self.dispatcher._lane(lane)
        return lane in self.dispatcher.free_places()

    def first(self, count):
        """The jobs of the first outcomes; whatever is told to wait is told to wait longer than this does."""
        end = time.monotonic() + LONG / 2
        jobs = []
        while len(jobs) < count:
            assert time.monotonic() < end, "outcomes are missing"
            outcome = self.dispatcher.next_outcome(0.05)
            if outcome is not None:
                jobs.append(outcome.task.tag)
        return jobs

    def outcomes(self, seconds=5.0):
        """Everything that comes out until nothing is open."""
        end = time.monotonic() + seconds
        found = []
        while self.dispatcher._open:
            assert time.monotonic() < end, "outcomes are missing"
            outcome = self.dispatcher.next_outcome(0.05)
            if outcome is not None:
                found.append(outcome)
        return found


def until(holds):
    """Wait until another thread has made something true."""
    end = time.monotonic() + LONG / 2
    while not holds():
        assert time.monotonic() < end, "what is waited for does not come"
        time.sleep(0.001)


@pytest.fixture
def office():
    """A dispatcher of four that is closed in the end and leaves no thread."""
    made = Office()
    yield made
    made.dispatcher.close()
    assert not _threads()


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(workers, "_FIRST_DELAY", 0.01)


def _threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("oci-cloud")]


def failure(code="SERVICE_ERROR", recovery=Recovery.RETRY, **how):
    """A failure as the clients raise it."""
    return Failure(code, recovery=recovery, **how)


def test_every_request_has_one_outcome(office):
    """As many outcomes come as requests were submitted, each with what its own request gave."""
    for number in range(50):
        office.submit([number * number], job=number)
    found = office.outcomes()
    assert sorted((one.task.tag, one.result) for one in found) == [(n, n * n) for n in range(50)]
    assert office.dispatcher.counts.sent == {"audit": 50}
    assert office.dispatcher.counts.retries == {}


def test_requests_of_a_lane_go_in_order():
    """With one place, a lane sends in the order of submission."""
    office = Office(width=1)
    for number in range(20):
        office.submit(["x"], job=number)
    found = office.outcomes()
    office.dispatcher.close()
    assert [one.task.tag for one in found] == [job for job, _ in office.sent] == list(range(20))


def test_no_more_are_in_flight_than_the_lane_is_wide(office):
    """The width bounds a lane; the bound is reached, not only kept."""
    for _ in range(12):
        office.submit([lambda _: time.sleep(0.02)])
    assert not office.has_place(ASHBURN)
    office.outcomes()
    assert office.most_in_flight == 4
    assert office.has_place(ASHBURN)


def test_a_slow_lane_holds_no_other_up(office):
    """While one region hangs, another's requests come out."""
    release = threading.Event()
    for _ in range(8):
        office.submit([lambda _: release.wait(5)], job="slow")
    for _ in range(8):
        office.submit(["quick"], lane=FRANKFURT, job="quick")
    jobs = []
    while len(jobs) < 8:
        outcome = office.dispatcher.next_outcome(0.5)
        assert outcome is not None
        jobs.append(outcome.task.tag)
    release.set()
    assert jobs == ["quick"] * 8
    assert {one.result for one in office.outcomes()} == {True}


def test_one_client_serves_a_lane(office):
    """However many workers send, a region's client is borrowed once, and given back at the end."""
    for lane in (ASHBURN, FRANKFURT):
        for _ in range(8):
            office.submit([lambda _: time.sleep(0.005)], lane=lane)
    office.outcomes()
    assert sorted(client.name for client in office.clients) == [tuple(FRANKFURT), tuple(ASHBURN)]
    assert not any(client.given_back for client in office.clients)
    office.dispatcher.close()
    assert all(client.given_back for client in office.clients)


def test_what_may_pass_is_tried_again(office):
    """A failure that may pass does not come out while the same request succeeds later."""
    office.submit([failure("THROTTLED"), failure("CONFLICT"), "good"], job="one")
    (outcome,) = office.outcomes()
    assert outcome.result == "good"
    assert office.dispatcher.counts.sent == {"audit": 3}
    assert office.dispatcher.counts.retries == {"audit": 2}
    assert office.dispatcher.counts.throttled == {"audit": 1}


@pytest.mark.parametrize(
    ("code", "attempts"), [("SERVICE_ERROR", 4), ("THROTTLED", 4), ("CONFLICT", 4), ("TIMEOUT", 2)]
)
def test_attempts_are_bounded(office, code, attempts):
    """A request that fails for ever is given up, one that only costs time sooner."""
    office.submit([failure(code)])
    (outcome,) = office.outcomes()
    assert outcome.result.code == code
    assert len(office.sent) == attempts


@pytest.mark.parametrize("recovery", [Recovery.COMPARTMENT, Recovery.REGION, Recovery.REQUEST])
def test_what_will_not_pass_is_not_tried_again(office, recovery):
    """A refusal comes out at once."""
    office.submit([failure("FORBIDDEN", recovery), "never"])
    (outcome,) = office.outcomes()
    assert outcome.result.code == "FORBIDDEN"
    assert len(office.sent) == 1


@pytest.mark.slow
def test_waits_grow(office, monkeypatch):
    """Each wait is about twice the one before it."""
    monkeypatch.setattr(workers, "_FIRST_DELAY", 0.04)
    office.submit([failure()])
    office.outcomes()
    moments = [at for _, at in office.sent]
    waits = [later - at for at, later in pairwise(moments)]
    assert [0.03 * 2**n <= wait for n, wait in enumerate(waits)] == [True] * 3


@pytest.mark.slow
def test_the_service_says_how_long_to_wait(office):
    """`Retry-After` is waited for where it is longer than the own wait."""
    office.submit([failure("THROTTLED", retry_after=0.2), "good"])
    (outcome,) = office.outcomes()
    assert outcome.result == "good"
    assert office.sent[1][1] - office.sent[0][1] >= 0.2


def test_nobody_waits_for_minutes(office):
    """A `Retry-After` of more than a minute is left to the next poll."""
    office.submit([failure("THROTTLED", retry_after=61.0)])
    (outcome,) = office.outcomes(1.0)
    assert outcome.result.code == "THROTTLED"
    assert len(office.sent) == 1


def test_no_attempt_begins_after_the_end():
    """A wait that ends behind the poll's time is not begun."""
    office = Office(until=time.monotonic() + 0.5)
    office.submit([failure(retry_after=2.0)])
    (outcome,) = office.outcomes(0.4)
    office.dispatcher.close()
    assert outcome.result.code == "SERVICE_ERROR"


@pytest.mark.slow
def test_a_lane_that_is_throttled_sends_less(office):
    """Refusals of several requests make all of the lane wait as long as the service says."""
    refusal = failure("THROTTLED", retry_after=0.3)
    for number in range(4):
        office.submit([refusal, "good"], job=number)
    until(lambda: len(office.sent) >= 4)
    for _ in range(4):
        office.dispatcher.next_outcome(0.05)
    refused_at = time.monotonic()
    office.submit(["good"], job="new")
    assert not office.has_place(ASHBURN)
    office.outcomes()
    assert min(at for job, at in office.sent[4:]) >= refused_at + 0.15
    assert {job for job, _ in office.sent[4:]} == {0, 1, 2, 3, "new"}


def test_one_throttled_request_slows_nobody(office):
    """A single 429 may be about what that request asks for: the others go on at once."""
    office.submit([failure("THROTTLED", retry_after=LONG), "good"], job="refused")
    until(lambda: office.sent)
    assert office.dispatcher.next_outcome(0.05) is None
    for number in range(8):
        office.submit([lambda _: time.sleep(0.01)], job=number)
    assert set(office.first(8)) == set(range(8))


def test_throttling_in_one_region_leaves_the_others_alone(office):
    """Limits are a lane's own."""
    for _ in range(4):
        office.submit([failure("THROTTLED", retry_after=LONG), "good"], job="throttled")
    for _ in range(4):
        office.submit(["good"], lane=FRANKFURT, job="free")
    assert office.first(4) == ["free"] * 4


@pytest.mark.slow
def test_the_number_in_flight_recovers(office):
    """A lane that was cut back by throttling uses its whole width again after good answers."""
    for _ in range(4):
        office.submit([failure("THROTTLED"), failure("THROTTLED"), "good"])
    office.outcomes()
    for _ in range(30):
        office.submit(["good"])
    office.outcomes(20)
    release = threading.Event()
    for _ in range(4):
        office.submit([lambda _: release.wait(5)])
    end = time.monotonic() + 5
    while office.in_flight < 4 and time.monotonic() < end:
        office.dispatcher.next_outcome(0.01)
    assert office.in_flight == 4
    release.set()
    office.outcomes()


def test_a_region_that_refuses_everything_is_left(office):
    """After three refusals without any answer, what still waits comes out with the same failure, unsent."""
    for number in range(20):
        office.submit([failure("NOT_AUTHENTICATED", Recovery.REGION)], job=number)
    found = office.outcomes()
    assert {one.result.code for one in found} == {"NOT_AUTHENTICATED"}
    assert {one.task.tag for one in found} == set(range(20))
    assert len(office.sent) < 20
    assert office.dispatcher.counts.sent == {"audit": len(office.sent)}
    assert not office.has_place(ASHBURN)
    assert office.has_place(FRANKFURT)


def test_a_region_that_answered_once_is_not_left(office):
    """Where anything was answered, refusals are taken one by one."""
    office.submit(["good"])
    office.outcomes()
    for _ in range(12):
        office.submit([failure("NOT_AUTHENTICATED", Recovery.REGION)])
    office.outcomes()
    assert len(office.sent) == 13


def test_a_lane_without_hope_makes_no_second_attempts(office):
    """After ten requests failed for good with none answered in between, later ones get one attempt each."""
    for number in range(10):
        office.submit([failure("SERVICE_ERROR")], job=number)
    office.outcomes(20)
    for number in range(10, 15):
        office.submit([failure("SERVICE_ERROR")], job=number)
    office.outcomes(20)
    assert sorted(job for job, _ in office.sent if job >= 10) == list(range(10, 15))
    assert sum(job == 0 for job, _ in office.sent) == 4


def test_an_answer_brings_hope_back():
    """Failures in between answers count from the last answer."""
    office = Office(width=1)
    for number in range(24):
        office.submit(["good"] if number % 3 == 2 else [failure("SERVICE_ERROR")], job=number)
    office.outcomes(20)
    office.dispatcher.close()
    assert sum(job == 22 for job, _ in office.sent) == 4


def test_health_tells_a_service_from_a_request(office):
    """A lane out of which only failures came is not hopeful; one answer makes it so."""
    assert office.dispatcher.health(ASHBURN).is_healthy
    for _ in range(3):
        office.submit([failure("INVALID_REQUEST", Recovery.REQUEST)])
    office.outcomes()
    assert not office.dispatcher.health(ASHBURN).is_healthy
    office.submit(["good"])
    office.outcomes()
    assert office.dispatcher.health(ASHBURN).is_healthy


def test_an_unexpected_exception_is_a_failure_by_name(office):
    """A defect while sending does not end a worker, and its text, which may hold a secret, is left out."""
    office.submit([KeyError("Signature canary")])
    for _ in range(6):
        office.submit(["good"])
    found = office.outcomes()
    failed = [one.result for one in found if isinstance(one.result, Failure)]
    assert [(one.code, "KeyError" in one.message) for one in failed] == [("CLIENT_ERROR", True)]
    assert "canary" not in repr(failed) + failed[0].message
    assert [one.result for one in found if one.result == "good"] == ["good"] * 6


def test_a_client_that_cannot_be_made_is_a_failure():
    """Where borrowing fails, each request fails, and nothing hangs."""

    @contextmanager
    def borrow(_region, _service):
        raise Failure("CLIENT_ERROR")
        yield

    office = Office()
    office.dispatcher = Dispatcher(borrow, 2, None)
    for _ in range(5):
        office.submit(["good"])
    assert {one.result.code for one in office.outcomes()} == {"CLIENT_ERROR"}
    office.dispatcher.close()


def test_has_pending_knows_whose_outcome_is_missing(office):
    """A source has something pending until its last outcome was handed out, whatever the others do."""
    mine, other = "audit", "logging"
    release = threading.Event()
    office.submit(["good"], source=mine)
    office.submit([lambda _: release.wait(5)], source=other)
    assert office.dispatcher.has_pending(mine)
    until(lambda: office.dispatcher.next_outcome(0.05) or not office.dispatcher.has_pending(mine))
    assert not office.dispatcher.has_pending(mine)
    assert office.dispatcher.has_pending(other)
    release.set()
    office.outcomes()
    assert not office.dispatcher.has_pending(other)
    assert office.dispatcher.counts.sent == {"audit": 1, "logging": 1}


def test_nothing_comes_while_nothing_is_there(office):
    """Waiting for an outcome ends after the timeout that was given."""
    release = threading.Event()
    office.submit([lambda _: release.wait(LONG)])
    began = time.monotonic()
    assert office.dispatcher.next_outcome(0.05) is None
    assert time.monotonic() - began < LONG / 2
    release.set()
    office.outcomes()


# --- the end --------------------------------------------------------------------------------------------------


def test_an_abort_ends_what_is_under_way(office):
    """Requests in flight are told to end, those that wait are dropped, and new ones are not sent."""
    for number in range(10):
        office.submit([lambda client: client.transport.aborted.wait(5) and failure("STOPPED")], job=number)
    until(lambda: len(office.sent) >= 4)
    office.dispatcher.abort()
    assert list(office.dispatcher.last_outcomes()) == []
    assert not office.dispatcher._open
    office.submit(["late"])
    assert len(office.sent) == 4


def test_what_was_answered_before_the_abort_still_comes(office):
    """Answers that are here, or arrive within a second, are delivered; failures are left to the next poll."""
    office.submit(["here"], job=1)
    office.submit([lambda client: client.transport.aborted.wait(5) and "just in time"], job=2)
    office.submit([lambda client: client.transport.aborted.wait(5) and failure("STOPPED")], job=3)
    until(lambda: len(office.sent) >= 3)
    office.dispatcher.abort()
    assert sorted(one.result for one in office.dispatcher.last_outcomes()) == ["here", "just in time"]


def test_what_follows_an_answer_after_the_abort_is_not_waited_for(office):
    """The next page of an answer that was here is never sent, so the end does not wait a second for it."""
    office.submit(["here"])
    until(lambda: office.sent)
    office.dispatcher.abort()
    outcomes = office.dispatcher.last_outcomes()
    assert next(outcomes).result == "here"
    office.submit(["its next page"])
    assert not office.dispatcher._open
    assert list(outcomes) == []


def test_how_long_was_waited_in_vain_is_known(office):
    """After an abort, the longest unanswered wait of each source can be told."""
    office.submit([lambda client: client.transport.aborted.wait(5) and failure("STOPPED")])
    until(lambda: office.sent)
    time.sleep(0.05)
    office.dispatcher.abort()
    list(office.dispatcher.last_outcomes())
    assert 0.05 <= office.dispatcher.unanswered["audit"] < LONG / 2


def test_second_attempts_are_dropped_by_an_abort(office):
    """What waits for its next attempt is not waited for at the end."""
    office.submit([failure(retry_after=LONG)])
    until(lambda: office.sent)
    assert office.dispatcher.next_outcome(0.05) is None
    began = time.monotonic()
    office.dispatcher.abort()
    assert list(office.dispatcher.last_outcomes()) == []
    office.dispatcher.close()
    assert time.monotonic() - began < LONG / 2


def test_closing_leaves_no_thread_even_in_the_middle():
    """A dispatcher that is closed while requests are in flight ends them, its threads and its loans."""
    office = Office()
    for lane in (ASHBURN, FRANKFURT):
        for _ in range(6):
            office.submit([lambda client: client.transport.aborted.wait(LONG)], lane=lane)
    until(lambda: len(office.sent) >= 8)
    assert len(_threads()) == 8
    began = time.monotonic()
    office.dispatcher.close()
    assert time.monotonic() - began < LONG / 2
    assert not _threads()
    assert all(client.given_back for client in office.clients)


def test_closing_twice_is_harmless(office):
    """The second close finds nothing to do."""
    office.submit(["good"])
    office.outcomes()
    office.dispatcher.close()
    office.dispatcher.close()
    assert not _threads()


def test_no_thread_is_started_before_it_is_needed(office):
    """A dispatcher that sends nothing has no thread, and one request needs one."""
    assert not _threads()
    office.submit(["good"])
    office.outcomes()
    assert len(_threads()) == 1


def test_an_outcome_names_its_task():
    """What comes out is the task as it was submitted, with its tag."""
    task = Task("audit", ASHBURN, lambda _: None, "tag")
    assert Outcome(task, 1).task.tag == "tag"


def test_a_system_that_starts_no_more_threads_is_told(monkeypatch):
    """Where not even one worker can be had, each request fails, and nothing hangs."""

    def start(_thread):
        raise RuntimeError("can't start new thread")

    office = Office()
    monkeypatch.setattr(threading.Thread, "start", start)
    for _ in range(3):
        office.submit(["good"])
    assert {one.result.code for one in office.outcomes()} == {"CLIENT_ERROR"}


def test_the_threads_that_there_are_do_the_work(monkeypatch):
    """Where no further worker can be had, the first ones answer everything."""
    office, start, started = Office(width=4), threading.Thread.start, []

    def first_only(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", first_only)
    for _ in range(6):
        office.submit(["good"])
    assert [one.result for one in office.outcomes()] == ["good"] * 6
    office.dispatcher.close()


# --- memory ---------------------------------------------------------------------------------------------------


def _claiming(size, result):
    def answer(client):
        client.transport.memory.claim(size, lambda: True)
        return result

    return answer


def test_nothing_is_sent_while_the_memory_is_full(monkeypatch):
    """What was received and not mapped fills the memory of all lanes; asking for the next outcome makes room."""
    monkeypatch.setattr(workers, "PageMemory", lambda: PageMemory(100))
    office = Office()
    office.submit([_claiming(100, "page")], job=1)
    until(lambda: office.dispatcher.memory.is_full)
    office.submit(["other"], lane=FRANKFURT, job=2)
    assert not office.has_place(ASHBURN)
    assert office.first(1) == [1]
    assert [job for job, _ in office.sent] == [1]
    assert office.first(1) == [2]
    office.dispatcher.next_outcome(0.001)
    assert not office.dispatcher.memory.is_full
    office.dispatcher.close()


def test_a_failure_keeps_no_memory(office):
    """What was received of an answer that came to nothing is given back at once."""

    def fail(client):
        client.transport.memory.claim(1 << 30, lambda: True)
        raise failure("RESPONSE_TOO_LARGE", Recovery.REQUEST)

    office.submit([fail])
    assert len(office.outcomes()) == 1
    assert not office.dispatcher.memory.is_full


def test_an_answer_that_was_cut_off_by_the_end_is_told(office):
    """After an abort, a failure whose answer had begun comes out, so that less is asked for next time."""
    for begun in (True, False):
        office.submit(
            [
                lambda client, begun=begun: (
                    client.transport.aborted.wait(5) and failure("STOPPED", has_begun=begun)
                )
            ],
            job=begun,
        )
    until(lambda: len(office.sent) >= 2)
    office.dispatcher.abort()
    assert [one.task.tag for one in office.dispatcher.last_outcomes()] == [True]
