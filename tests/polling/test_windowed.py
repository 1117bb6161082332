"""Reading by windows, with a service in memory: whatever happens on the way, each record is delivered once."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import seam
from support.collecting import raw_settings

from signal_client_oci.artifacts.envelope import MappedRecord
from signal_client_oci.errors.failure import Failure, Recovery
from signal_client_oci.oci_api.operations import Page
from signal_client_oci.polling import paging
from signal_client_oci.polling.context import PollContext
from signal_client_oci.polling.paging import Turns
from signal_client_oci.polling.protocol import Hindsight
from signal_client_oci.polling.scope import Compartment, Scope
from signal_client_oci.polling.service_clock import ServiceClock
from signal_client_oci.polling.sources.windowed import WindowedSource
from signal_client_oci.polling.windows.planner import Planner
from signal_client_oci.polling.windows.windowed_api import Margins
from signal_client_oci.scheduler.requests import LaneHealth, LaneKey
from signal_client_oci.settings.model import parse_settings
from signal_client_oci.state.batch_limits import BatchLimits
from signal_client_oci.state.batcher import Batcher
from signal_client_oci.state.changes import Delivery
from signal_client_oci.state.checkpoint import parse
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.stream_state import compartment_key

NOON = datetime(2026, 3, 2, 12, tzinfo=timezone.utc)
HOME, FAR = "us-ashburn-1", "eu-frankfurt-1"


@dataclass(frozen=True)
class Record:
    """A record that can be read from `visible` on; `names` is what it says of its compartment, if not the truth."""

    id: str
    region: str
    compartment: str
    moment: datetime
    visible: datetime
    names: str = ""

    def to_artifact(self, *, harmless=False):  # noqa: ARG002  (there is nothing to mask in it)
        """Its artifact."""
        return MappedRecord({"id": self.id, "raw": "x" * 10, "metadata": {}}, 0, False)  # noqa: FBT003


@dataclass
class Service:
    """Holds records, and fails when it is told to."""

    max_compartments: int = 1
    page_size: int = 3
    max_window: int = 7 * 24 * 60
    source: str = "audit"
    title: str = "Audit Events"
    service: str = "audit"
    margins: Margins = Margins()  # noqa: RUF009
    unit_name: str = "compartment"
    read_count: str = "read"
    shortest_retention: int = 90
    records: list = field(default_factory=list)
    now: datetime = NOON
    asked: list = field(default_factory=list)
    trouble: object = None
    tells_date: bool = True
    region: str = HOME

    def units(self, scope):
        """Each compartment by itself."""
        return scope.compartments

    def ask(self, region, compartments, start, end, page):
        """One page: what is visible of the compartments in `[start, end)`; the token is where it goes on."""
        self.asked.append((region, tuple(compartments), start, end, page))
        if self.trouble is not None and (failure := self.trouble(region, compartments, start, end, page)):
            raise failure
        found = sorted(
            (one.moment.isoformat(), one.id)
            for one in self.records
            if one.compartment in compartments and one.region == region
            if start <= one.moment < end and one.visible <= self.now
        )
        if page is not None:
            found = [one for one in found if list(one) > json.loads(page)]
        token = json.dumps(found[self.page_size - 1]) if len(found) > self.page_size else None
        return Page([key.encode() for _, key in found[: self.page_size]], token, "RID", self.date)

    @property
    def date(self):
        """What its answers say of its clock."""
        return self.now.replace(microsecond=0) if self.tells_date else None

    def with_smaller_pages(self):
        """Its pages have one size."""

    def read(self, text, origin):
        """The record of an id."""
        return next(one for one in self.records if one.id == text.decode() and one.region == origin.region)

    def is_excluded(self, record):
        """Nothing is another source's."""
        del record
        return False

    def key_of(self, record, keys):
        """Records name their compartment."""
        return keys.get(record.names or record.compartment) if self.max_compartments > 1 else None


class Reader:
    """Polls one service again and again, without threads; stores what a host would store."""

    def __init__(self, service, scope, seed=1, **given_settings):
        self.service, self.random = service, Random(seed)
        self.compartments, self.regions, self.listed_before = *scope, 0
        self.settings = parse_settings(raw_settings("audit", **given_settings))
        self.stored = PollState(seam.TENANCY).checkpoint()
        self.delivered = Counter()
        self.result = None
        self.warnings = []
        self.batch_limits = (5, 1000)
        self.give_up_after = None
        self.cuts_off = False
        self.wrong = timedelta(0)

    def now(self):
        """The host's clock, which may be wrong."""
        return self.service.now + self.wrong

    def poll(self, *, stop_after=None, crash_after=None, lose=False):
        """Poll until all is read, or so many answers came, or so many batches were published.

        `lose` says that the last published batch's checkpoint was not stored.
        """
        state = parse(self.stored)
        context = PollContext("acme", self.settings, self.now, self.now())
        self.clock = ServiceClock(context, state)
        batcher = Batcher(BatchLimits(*self.batch_limits))
        source = WindowedSource(self.service, context, state)
        self.warnings = []
        for number, pending in enumerate(self._batches(source, state, batcher, stop_after), 1):
            state.apply(pending.changes)
            self.delivered.update(one["id"] for one in pending.artifacts)
            if number == crash_after and lose:
                return
            self.stored = json.loads(json.dumps(state.checkpoint()))
            if number == crash_after:
                return
        self.result = source.finish(Hindsight())
        state.apply(self.result.changes)
        self.warnings += self.clock.warnings()
        self.stored = json.loads(json.dumps(state.checkpoint()))

    def _batches(self, source, state, batcher, stop_after):
        step = source.start(Scope(self.regions, list(self.compartments), self.listed_before))
        state.apply(step.output)
        waiting = self._followed(step, batcher)
        answers = 0
        while waiting and answers != stop_after:
            task = waiting.pop(self.random.randrange(len(waiting)))
            answers += 1
            self.service.now += timedelta(milliseconds=self.random.randrange(50))
            waiting += self._answered(source, state, task, batcher)
            free = {LaneKey(region, "audit"): self.random.randrange(2) for region in self.regions}
            waiting += self._followed(source.refill(free), batcher)
            yield from batcher.ready()
        yield from batcher.flush()

    def _answered(self, source, state, task, batcher):
        client = Client(task.lane.region, self.service)
        if self.cuts_off:
            asked = task.call.keywords
            self.service.asked.append((task.lane.region, (), asked["start"], asked["end"], None))
            stopped = Failure("STOPPED", has_begun=True)
            return self._followed(source.on_failure(task, stopped, LaneHealth(is_healthy=True)), batcher)
        try:
            page = task.call(client)
        except Failure as failure:
            state.apply(self.clock.note(failure.date))
            return self._followed(source.on_failure(task, failure, LaneHealth(is_healthy=True)), batcher)
        state.apply(self.clock.note(page.date))
        return self._followed(source.on_page(task, page), batcher)

    def _followed(self, step, batcher):
        """Take what a step has, as the loop does; a turn is given up after so many."""
        self.warnings += step.warnings
        for turns, item in enumerate(step.output, 1):
            batcher.push(item)
            if turns == self.give_up_after and isinstance(item, Delivery):
                break
        return list(step.tasks)

    def position(self, ocid, region=HOME):
        """The stored position of a compartment."""
        return parse(self.stored).stream("audit", region).cursors[compartment_key(ocid)]


@dataclass
class Client:
    """Stands for the client of one region."""

    region: str
    service: Service

    def check(self):
        """Let everything take its time."""


class Asking:
    """A service as the collector sees it: `fetch` gets the client, which knows its region."""

    def __init__(self, service):
        self._service = service

    def __getattr__(self, name):
        return getattr(self._service, name)

    @property
    def now(self):
        """The service's clock."""
        return self._service.now

    @now.setter
    def now(self, moment):
        self._service.now = moment

    def fetch(self, client, compartments, start, end, page, bounds):
        """One page of the client's region."""
        del bounds
        return self._service.ask(client.region, compartments, start, end, page)


def compartment(name, created=0, *, deleted=False):
    """A compartment of that name."""
    return Compartment(f"ocid1.compartment.oc1..{name}", name, created, deleted)


def reader(service, compartments, *, regions=(HOME,), seed=1, **given_settings):
    """A reader of these compartments."""
    return Reader(Asking(service), (list(compartments), list(regions)), seed, **given_settings)


A, B, C = (compartment(name) for name in "abc")


def record(number, moment, of=A, visible=None, region=HOME, names=""):
    """Record `number` of a compartment."""
    return Record(f"{number:016x}" * 2, region, of.ocid, moment, visible or moment, names)


# --- the whole ----------------------------------------------------------------------------------------------------

FAILURES = [
    ("SERVICE_ERROR", Recovery.RETRY),
    ("TIMEOUT", Recovery.RETRY),
    ("RESPONSE_TOO_LARGE", Recovery.REQUEST),
    ("PAGE_TOKEN_REFUSED", Recovery.REQUEST),
    ("INVALID_REQUEST", Recovery.REQUEST),
    ("AUDIT_NOT_AUTHORIZED", Recovery.COMPARTMENT),
    ("NOT_AUTHENTICATED", Recovery.REGION),
]


@st.composite
def histories(draw):
    """How some hours go by: records, late ones among them, and polls that fare differently."""
    random = Random(draw(st.integers(0, 2**32)))
    overlap = draw(st.sampled_from([1, 5, 15, 60]))
    gaps = draw(st.lists(st.sampled_from([1, 5, 5, 5, 17, 90, 400]), min_size=2, max_size=8))
    return random, overlap, gaps, draw(st.sampled_from([1, 2, 50])), draw(st.integers(1, 6))


def _emit(random, service, overlap, minutes):
    for _ in range(random.randrange(0, 25)):
        moment = service.now + timedelta(seconds=random.randrange(60 * minutes))
        late = timedelta(seconds=random.choice([0, 0, 3, random.randrange(60 * overlap)]))
        service.records.append(
            record(
                len(service.records),
                moment,
                random.choice([A, B, C]),
                moment + late,
                random.choice([HOME, FAR]),
            )
        )


def _troubled(random, rate):
    def trouble(region, compartments, start, end, page):
        del region, compartments, start, end
        if random.random() >= rate:
            return None
        code, recovery = random.choice(FAILURES)
        if code == "PAGE_TOKEN_REFUSED" and page is None:
            return None
        return Failure(code, recovery=recovery)

    return trouble


def _lived(history, *, crashes):
    random, overlap, gaps, together, page_size = history
    service = Service(max_compartments=together, page_size=page_size)
    one = reader(service, [A, B, C], regions=(HOME, FAR), seed=random.random(), overlap_minutes=overlap)
    service.now = NOON - timedelta(minutes=59)
    _emit(random, service, overlap, 58)
    service.now = NOON
    one.poll()
    for gap in gaps:
        _emit(random, service, overlap, gap)
        service.now += timedelta(minutes=gap)
        service.trouble = _troubled(random, random.choice([0, 0, 0.2, 0.6]))
        how = {"stop_after": random.choice([None, None, 0, 1, 3, 10])}
        if crashes:
            how |= {"crash_after": random.choice([None, 1, 2, 4]), "lose": random.random() < 0.5}
        before = one.delivered.copy()
        one.poll(**how)
        assert all(count <= 1 for count in (one.delivered - before).values())
    service.trouble = None
    for _ in range(4):
        service.now += timedelta(minutes=overlap + 1)
        one.poll()
    assert one.result.status == "ok"
    return service, one


@pytest.mark.slow
@given(histories())
@settings(max_examples=30, deadline=None)
def test_each_record_is_delivered_once(history):
    """Late records, failures of all kinds, divided queries, interruptions: nothing is lost, nothing comes twice."""
    service, one = _lived(history, crashes=False)
    assert one.delivered == Counter(each.id for each in service.records)


@pytest.mark.slow
@given(histories())
@settings(max_examples=30, deadline=None)
def test_after_a_crash_only_the_batch_that_was_not_stored_comes_again(history):
    """A process that dies after any batch loses nothing; each crash repeats one batch at most."""
    service, one = _lived(history, crashes=True)
    assert set(one.delivered) == {each.id for each in service.records}
    repeats = sum(one.delivered.values()) - len(one.delivered)
    assert repeats <= one.batch_limits[0] * len(history[2])


# --- windows and pieces -------------------------------------------------------------------------------------------


def test_a_long_window_is_read_in_pieces_that_grow_over_quiet_time():
    """Two quiet weeks are few requests; all pieces touch."""
    service = Service()
    one = reader(service, [A], lookback_minutes=20160)
    one.poll()
    windows = sorted((start, end) for _, _, start, end, _ in service.asked)
    assert windows[0][0] == NOON - timedelta(minutes=1, days=14)
    assert windows[-1][1] == NOON - timedelta(minutes=1)
    assert [end for _, end in windows[:-1]] == [start for start, _ in windows[1:]]
    assert len(windows) < 40


@pytest.mark.slow
def test_a_busy_time_is_read_in_smaller_pieces():
    """Where an hour has many pages, the pieces after it are shorter."""
    service = Service(page_size=1)
    service.records = [record(n, NOON - timedelta(minutes=300 - n / 2)) for n in range(400)]
    one = reader(service, [A], lookback_minutes=600)
    one.poll()
    lengths = {end - start for _, _, start, end, _ in service.asked}
    assert min(lengths) < timedelta(minutes=30)
    assert one.delivered == Counter(each.id for each in service.records)


def test_a_piece_is_not_longer_than_the_service_allows():
    """The service's longest window bounds each request."""
    service = Service(max_window=14 * 24 * 60)
    one = reader(service, [A])
    one.poll()
    service.now += timedelta(days=40)
    service.asked.clear()
    one.poll()
    assert max(end - start for _, _, start, end, _ in service.asked) <= timedelta(days=14)


def test_the_position_moves_only_over_what_was_read_to_its_last_page():
    """A window of which the last page is missing leaves the position where it was."""
    service = Service(page_size=1)
    service.records = [record(n, NOON - timedelta(minutes=30 - n)) for n in range(4)]
    service.trouble = lambda *asked: Failure("SERVICE_ERROR", recovery=Recovery.RETRY) if asked[4] else None
    one = reader(service, [A])
    one.poll()
    first = one.position(A.ocid)
    assert first.read_until == first.begin
    assert sum(one.delivered.values()) == 1
    service.trouble = None
    service.now += timedelta(minutes=5)
    one.poll()
    assert one.position(A.ocid).read_until > first.read_until
    assert one.delivered == Counter(each.id for each in service.records)


def test_after_a_timeout_the_next_poll_asks_for_less():
    """What could not be read in one piece is asked for in shorter ones, until it gets through."""
    service = Service()

    def slow(region, compartments, start, end, page):
        del region, compartments, page
        too_long = end - start > timedelta(minutes=5)
        return Failure("TIMEOUT", recovery=Recovery.RETRY) if too_long else None

    service.trouble = slow
    service.records = [record(n, NOON - timedelta(minutes=3 * n + 2)) for n in range(15)]
    one = reader(service, [A])
    for _ in range(8):
        one.poll()
        service.now += timedelta(minutes=5)
    assert one.delivered == Counter(each.id for each in service.records)


def test_an_answer_that_is_too_large_is_asked_for_in_parts():
    """Shorter windows of the same poll bring what one answer could not hold."""
    service = Service()

    def large(region, compartments, start, end, page):
        del region, compartments, page
        return Failure("RESPONSE_TOO_LARGE") if end - start > timedelta(minutes=20) else None

    service.trouble = large
    service.records = [record(n, NOON - timedelta(minutes=3 * n + 2)) for n in range(15)]
    one = reader(service, [A])
    one.poll()
    assert one.result.status == "ok"
    assert one.delivered == Counter(each.id for each in service.records)


def test_a_minute_that_is_too_large_stays_and_is_named():
    """Where even one minute is too large, the rest is read later, and the report says so each time."""
    service = Service()
    bad = NOON - timedelta(minutes=30)
    service.trouble = lambda _region, _compartments, start, end, _page: (
        Failure("RESPONSE_TOO_LARGE") if start <= bad < end else None
    )
    one = reader(service, [A])
    one.poll()
    assert one.result.error["code"] == "RESPONSE_TOO_LARGE"
    assert one.position(A.ocid).read_until * 60 <= bad.timestamp()


# --- who is asked together ----------------------------------------------------------------------------------------


def test_compartments_at_one_position_are_asked_together():
    """One query holds as many as the service takes; those that stand elsewhere are asked for apart."""
    service = Service(max_compartments=2)
    one = reader(service, [A, B, C])
    one.poll()
    assert sorted(len(names) for _, names, _, _, _ in service.asked) == [1, 2]


def test_compartments_that_one_poll_read_take_turns():
    """Each of them comes first now and then, so that polls that are cut short do not always read the same."""
    one = reader(Service(), [A, B, C])
    one.poll()
    scope, firsts = Scope([HOME], [A, B, C], 0), Counter()
    for minute in range(5, 65):
        context = PollContext("acme", one.settings, one.now, NOON + timedelta(minutes=minute))
        plan = Planner(one.service, context, parse(one.stored), scope, 15).plan()
        assert {member for partition in plan.partitions for member in partition.compartments} == {A, B, C}
        firsts[plan.partitions[0].compartments] += 1
    assert min(firsts[(each,)] for each in (A, B, C)) > 10


def test_a_denied_one_is_asked_for_alone_until_it_is_allowed():
    """It keeps its position, costs one request a poll, and joins the others once it has caught up."""
    service = Service(max_compartments=50)

    def denial(region, compartments, start, end, page):
        del region, start, end, page
        return (
            Failure("AUDIT_NOT_AUTHORIZED", recovery=Recovery.COMPARTMENT) if B.ocid in compartments else None
        )

    service.trouble = denial
    one = reader(service, [A, B, C])
    one.poll()
    stuck = one.position(B.ocid).read_until
    assert one.result.status == "partial"
    assert (one.result.counts["read"], one.result.counts["denied"]) == (2, 1)
    assert B.ocid in one.result.error["message"]
    service.records = [record(1, NOON - timedelta(minutes=20), B)]
    service.now += timedelta(minutes=5)
    service.asked.clear()
    one.poll()
    assert sorted(len(names) for _, names, _, _, _ in service.asked) == [1, 2]
    assert one.position(B.ocid).read_until == stuck
    service.trouble = None
    for _ in range(6):
        service.now += timedelta(minutes=5)
        service.asked.clear()
        one.poll()
    assert one.delivered == Counter([service.records[0].id])
    assert [len(names) for _, names, _, _, _ in service.asked] == [3]


@pytest.mark.parametrize("stays_behind", [A, C])
def test_a_record_that_names_another_compartment_comes_once(stays_behind):
    """It is remembered as long as the compartment in whose answer it came stays behind, whichever it names."""
    service = Service(max_compartments=2)
    recent = NOON - timedelta(minutes=5)
    service.records = [record(1, recent, C, names=A.ocid), record(2, recent, A, names=C.ocid)]
    one = reader(service, [A, B, C])
    one.poll()
    service.trouble = lambda _region, names, *_: (
        Failure("AUDIT_NOT_AUTHORIZED", recovery=Recovery.COMPARTMENT) if stays_behind.ocid in names else None
    )
    for _ in range(6):
        service.now += timedelta(minutes=15)
        one.poll()
    service.trouble = None
    for _ in range(2):
        service.now += timedelta(minutes=15)
        one.poll()
    assert one.result.status == "ok"
    assert one.delivered == Counter(each.id for each in service.records)


@pytest.mark.slow
def test_what_is_stored_does_not_grow_with_the_compartments():
    """Answers come one after another, and still all that were read in one poll stand at few different positions."""
    service = Service()
    one = reader(service, [compartment(str(number)) for number in range(300)])
    for _ in range(4):
        one.poll()
        service.now += timedelta(minutes=5)
    track = parse(one.stored).stream("audit", HOME)
    assert len(track.cursors) == 300
    assert len(set(track.cursors.values())) <= 30


def test_all_denied_is_failed():
    """Where nothing can be read, the source has failed."""
    service = Service()
    service.trouble = lambda *_: Failure("AUDIT_NOT_AUTHORIZED", recovery=Recovery.COMPARTMENT)
    one = reader(service, [A, B])
    one.poll()
    assert one.result.status == "failed"
    assert one.result.counts == {"read": 0, "denied": 2}


def test_a_region_that_refuses_leaves_the_other_alone():
    """Each region has its own positions, and the report counts both."""
    service = Service()
    service.trouble = lambda region, *_: (
        Failure("NOT_AUTHENTICATED", recovery=Recovery.REGION) if region == FAR else None
    )
    one = reader(service, [A], regions=(HOME, FAR))
    one.poll()
    assert one.result.status == "partial"
    assert FAR in one.result.error["message"]
    assert one.position(A.ocid, HOME).read_until > one.position(A.ocid, FAR).read_until


def test_who_waited_longest_is_first():
    """A poll that is always cut off gets around: no compartment starves."""
    service = Service()
    several = [compartment(f"c{number}") for number in range(6)]
    one = reader(service, several, seed=7)
    first = one.random
    one.random = Random(0)
    one.random.randrange = lambda *_: 0
    read = set()
    for _ in range(6):
        service.asked.clear()
        one.poll(stop_after=1)
        read |= {names[0] for _, names, _, _, _ in service.asked}
        service.now += timedelta(minutes=5)
    assert read == {each.ocid for each in several}
    assert first is not one.random


def test_one_that_always_fails_does_not_hold_up_the_others():
    """Of those that waited equally long, the one that failed last comes last."""
    service = Service()
    service.trouble = lambda _region, names, *_: (
        Failure("TIMEOUT", recovery=Recovery.RETRY) if A.ocid in names else None
    )
    one = reader(service, [A, B, C])
    one.poll()
    service.now += timedelta(minutes=5)
    service.asked.clear()
    one.random.randrange = lambda *_: 0
    one.poll()
    assert service.asked[-1][1] == (A.ocid,)


# --- which compartments are read ----------------------------------------------------------------------------------


def _minute(moment):
    return int(moment.timestamp()) // 60


def test_a_first_poll_begins_at_its_lookback():
    """Every compartment of a first poll has a position from then on, even if nothing could be read."""
    service = Service()
    service.trouble = lambda *_: Failure("SERVICE_ERROR", recovery=Recovery.RETRY)
    one = reader(service, [A, B], lookback_minutes=120)
    one.poll()
    assert one.position(A.ocid).read_until == one.position(B.ocid).read_until == _minute(NOON) - 121
    service.trouble = None
    service.now += timedelta(days=2)
    service.asked.clear()
    one.poll()
    assert min(start for _, _, start, _, _ in service.asked) == NOON - timedelta(minutes=121)


def test_a_compartment_that_appears_later_is_read_from_its_creation():
    """Also if it was created long before the poll that sees it first, as after an outage."""
    service = Service()
    one = reader(service, [A])
    one.poll()
    service.now += timedelta(hours=10)
    made = NOON + timedelta(hours=2)
    service.records = [record(1, made + timedelta(seconds=30), B)]
    one.listed_before = int(NOON.timestamp())
    one.compartments.append(compartment("b", _minute(made)))
    one.poll()
    assert one.delivered == Counter([service.records[0].id])
    assert min(start for _, names, start, _, _ in service.asked if B.ocid in names) == made


def test_an_old_compartment_that_joins_the_scope_begins_at_the_lookback():
    """What is new to the scope but not to the tenancy is like a first poll."""
    service = Service()
    one = reader(service, [A], lookback_minutes=60)
    one.poll()
    service.now += timedelta(hours=10)
    one.listed_before = int(NOON.timestamp())
    one.compartments.append(compartment("b", _minute(NOON - timedelta(days=30))))
    one.poll()
    assert one.position(B.ocid).begin == _minute(NOON + timedelta(hours=10)) - 61


def test_a_region_that_is_added_begins_at_the_lookback():
    """Its compartments, however new, begin where a first poll would."""
    service = Service()
    one = reader(service, [A])
    one.poll()
    service.now += timedelta(hours=10)
    one.regions.append(FAR)
    one.poll()
    assert one.position(A.ocid, FAR).begin == _minute(NOON + timedelta(hours=10)) - 61


def test_what_left_the_scope_goes_on_when_it_comes_back():
    """Its position is kept, and nothing of the time between is lost."""
    service = Service()
    one = reader(service, [A, B])
    one.poll()
    one.compartments.remove(B)
    service.now += timedelta(hours=5)
    one.poll()
    service.records = [record(1, NOON + timedelta(hours=1), B)]
    one.compartments.append(B)
    service.now += timedelta(minutes=5)
    one.poll()
    assert one.delivered == Counter([service.records[0].id])


def test_a_deleted_compartment_is_read_until_its_late_events_are_in():
    """It is read on for the overlap and half an hour more, then no longer asked for."""
    service = Service()
    one = reader(service, [A, B], overlap_minutes=15)
    one.poll()
    one.compartments[1] = compartment("b", deleted=True)
    service.records = [
        record(1, NOON + timedelta(minutes=4), B, NOON + timedelta(minutes=18)),
        record(2, NOON + timedelta(minutes=25), B),
    ]
    asked = []
    for number in range(16):
        service.now = NOON + timedelta(minutes=5 * (number + 1))
        service.asked.clear()
        one.poll()
        assert one.result.status == "ok"
        asked.append(any(B.ocid in names for _, names, _, _, _ in service.asked))
    assert one.delivered == Counter([each.id for each in service.records])
    assert asked[:9] == [True] * 9
    assert asked[-4:] == [False] * 4


def test_a_deleted_compartment_that_cannot_be_read_is_no_failure():
    """A 404 for it is counted, not reported as an error, and it is given up in the end."""
    service = Service()
    one = reader(service, [A, B])
    one.poll()
    one.compartments[1] = compartment("b", deleted=True)
    service.trouble = lambda _region, names, *_: (
        Failure("AUDIT_NOT_AUTHORIZED", recovery=Recovery.COMPARTMENT) if B.ocid in names else None
    )
    for number in range(16):
        service.now = NOON + timedelta(minutes=5 * (number + 1))
        service.asked.clear()
        one.poll()
        assert one.result.status == "ok"
        assert one.result.error is None
    assert not any(B.ocid in names for _, names, _, _, _ in service.asked)


def test_one_that_was_deleted_before_the_first_poll_is_read_too():
    """Its events of the lookback may still be there."""
    service = Service()
    service.records = [record(1, NOON - timedelta(minutes=20), B)]
    one = reader(service, [A, compartment("b", deleted=True)])
    one.poll()
    assert one.delivered == Counter([service.records[0].id])


def test_one_that_is_neither_new_nor_alive_is_not_begun():
    """A compartment that was deleted long ago and joins the scope is not asked for."""
    service = Service()
    one = reader(service, [A])
    one.poll()
    one.compartments.append(compartment("b", 1, deleted=True))
    one.listed_before = int(NOON.timestamp())
    service.asked.clear()
    service.now += timedelta(minutes=5)
    one.poll()
    assert not any(B.ocid in names for _, names, _, _, _ in service.asked)


# --- the report ---------------------------------------------------------------------------------------------------


def test_covered_until_is_where_the_last_one_stands():
    """Up to that minute, everything of every compartment and region was read."""
    service = Service()
    one = reader(service, [A, B])
    one.poll()
    assert one.result.covered_until == "2026-03-02T11:59:00Z"
    service.trouble = lambda _region, names, *_: (
        Failure("SERVICE_ERROR", recovery=Recovery.RETRY) if B.ocid in names else None
    )
    service.now += timedelta(minutes=30)
    one.poll()
    assert one.result.covered_until == "2026-03-02T11:59:00Z"
    assert one.result.counts == {"read": 1, "failed": 1}


def test_a_gap_longer_than_the_retention_is_told():
    """After more days than the service may keep, the report says from when on records may be missing."""
    service = Service(shortest_retention=30)
    one = reader(service, [A])
    one.poll()
    service.now += timedelta(days=29)
    one.poll()
    assert one.warnings == []
    service.now += timedelta(days=31)
    one.poll()
    (warning,) = one.warnings
    assert warning["code"] == "RETENTION_EXCEEDED"
    assert "from 2026-03-31 09:59 UTC to " in warning["message"]


def test_what_no_service_keeps_is_not_asked_for():
    """A first poll of a machine without a clock, in 1970, costs no thousands of requests when the clock is right."""
    service = Service(now=datetime(1970, 1, 8, tzinfo=timezone.utc))
    service.trouble = lambda *_: Failure("UNREACHABLE", recovery=Recovery.REGION)
    one = reader(service, [A])
    one.poll()
    service.now, service.trouble = NOON, None
    service.records = [record(1, NOON - timedelta(days=365))]
    service.asked.clear()
    one.poll()
    assert one.delivered == Counter([service.records[0].id])
    assert len(service.asked) < 200
    assert [warning["code"] for warning in one.warnings] == ["RETENTION_EXCEEDED"]


def test_names_of_compartments_are_made_safe_for_the_report():
    """A name that holds control characters cannot break a line of the host's log."""
    service = Service()
    service.trouble = lambda *_: Failure("SERVICE_ERROR", recovery=Recovery.RETRY)
    one = reader(service, [A._replace(name="evil\n[INFO] all good\x1b[2J" + "x" * 500)])
    one.poll()
    message = one.result.error["message"]
    assert message.isprintable()
    assert len(message) < 400


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(days=30)])
def test_a_clock_that_comes_back_has_taken_nothing_for_read(ahead):
    """A poll in the future covers no more than what existed: what happens then is read once the clock is right."""
    service = Service()
    one = reader(service, [A])
    one.poll()
    one.wrong = ahead
    one.poll()
    assert one.position(A.ocid).read_until <= _minute(NOON)
    one.wrong = timedelta(0)
    service.now = NOON + timedelta(minutes=10)
    service.records = [record(1, NOON + timedelta(minutes=6))]
    one.poll()
    assert one.delivered == Counter([service.records[0].id])
    assert not one.warnings


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(days=30)])
def test_a_cursor_that_an_older_version_left_in_the_future_goes_back(ahead):
    """What lies beyond the service's clock was never read: reading begins again before it, and the report says so."""
    service = Service(tells_date=False)
    one = reader(service, [A])
    one.poll()
    service.now = NOON + ahead
    one.poll()
    service.tells_date = True
    service.now = NOON + timedelta(minutes=10)
    service.records = [record(1, NOON + timedelta(minutes=6))]
    one.poll()
    assert [warning["code"] for warning in one.warnings] == ["CLOCK_WENT_BACK"]
    one.poll()
    assert one.delivered == Counter([service.records[0].id])
    assert not one.warnings


SKEWED = ("CLOCK_SKEW", Recovery.REGION)
UNREACHABLE = ("UNREACHABLE", Recovery.REGION)


def _fails(service, failure):
    code, recovery = failure or ("", Recovery.RETRY)

    def refuse(*_):
        return Failure(code, recovery=recovery, date=service.now if failure == SKEWED else None)

    service.trouble = refuse if failure else None


@pytest.mark.slow
@pytest.mark.parametrize("failure", [SKEWED, UNREACHABLE, None])
@pytest.mark.parametrize("hours", [2, 10, 400])
@pytest.mark.parametrize("polls_ahead", [1, 30])
def test_a_clock_that_was_ahead_from_the_first_poll_on_loses_nothing(failure, hours, polls_ahead):
    """Refused or answered, far or not so far in the future: once the clock is right, everything new arrives."""
    service = Service()
    one = reader(service, [A])
    _fails(service, failure)
    one.wrong = timedelta(hours=hours)
    for number in range(polls_ahead):
        service.now = NOON + timedelta(minutes=5 * number)
        one.poll()
    one.wrong = timedelta(0)
    _fails(service, None)
    right = NOON + timedelta(minutes=5 * polls_ahead)
    service.records = [record(number, right + timedelta(minutes=7 * number)) for number in range(20)]
    for number in range(1, 40):
        service.now = right + timedelta(minutes=5 * number)
        one.poll()
    assert one.delivered == Counter(each.id for each in service.records)


def _lived_for_a_day(service):
    """A reader that has delivered a record every ten minutes, with a gap of three hours in the middle."""
    one = reader(service, [A])
    service.records = [record(number, NOON + timedelta(minutes=10 * number)) for number in range(150)]
    for number in [*range(0, 144, 12), *range(180, 289, 6)]:
        service.now = NOON + timedelta(minutes=5 * number)
        one.poll()
    return one


@pytest.mark.parametrize(
    ("failure", "behind"),
    [
        (SKEWED, timedelta(minutes=3)),
        (SKEWED, timedelta(hours=3)),
        (SKEWED, timedelta(days=9000)),
        (UNREACHABLE, timedelta(days=2)),
        (UNREACHABLE, timedelta(days=9000)),
    ],
)
def test_a_clock_that_is_behind_and_gets_no_answer_repeats_nothing(failure, behind):
    """A machine that starts in the past and is refused for it, or cannot reach OCI yet, goes on where it was."""
    service = Service()
    one = _lived_for_a_day(service)
    right = service.now
    one.wrong = -behind
    _fails(service, failure)
    one.poll()
    one.poll()
    one.wrong = timedelta(0)
    _fails(service, None)
    service.now = right + timedelta(minutes=5)
    one.poll()
    service.now = right + timedelta(hours=2)
    one.poll()
    assert one.delivered == Counter(each.id for each in service.records if each.moment < service.now)


@pytest.mark.slow
@pytest.mark.parametrize("days", [2, 400])
def test_a_clock_that_was_far_ahead_and_gets_no_answer_at_first_loses_nothing(days):
    """Right again, but without an answer for hours: reading starts before the first poll of the right clock."""
    service = Service()
    one = reader(service, [A])
    one.wrong = timedelta(days=days)
    for minutes in range(-150, 0, 5):
        service.now = NOON + timedelta(minutes=minutes)
        one.poll()
    one.wrong = timedelta(0)
    service.records = [record(number, NOON + timedelta(minutes=10 * number)) for number in range(40)]
    _fails(service, UNREACHABLE)
    for minutes in range(0, 300, 5):
        service.now = NOON + timedelta(minutes=minutes)
        one.poll()
    _fails(service, None)
    service.now = NOON + timedelta(hours=7)
    one.poll()
    assert one.delivered == Counter(each.id for each in service.records)


def test_nothing_is_left_out_though_the_polls_after_a_leap_fail():
    """What was asked for before it existed is read, even if nothing answers until the clock gets there."""
    service = Service()
    one = reader(service, [A])
    one.poll()
    one.wrong = timedelta(hours=3)
    one.poll()
    one.wrong = timedelta(0)
    service.records = [record(number, NOON + timedelta(minutes=10 * number)) for number in range(1, 20)]
    _fails(service, UNREACHABLE)
    service.now = NOON + timedelta(minutes=10)
    one.poll()
    _fails(service, None)
    service.now = NOON + timedelta(hours=4)
    one.poll()
    assert one.delivered == Counter(each.id for each in service.records)


@pytest.mark.slow
def test_a_host_that_is_hours_ahead_of_the_clock_that_signs_loses_nothing():
    """Requests are signed and answered by a right clock, windows come from a wrong one: all arrives, once, in time."""
    service = Service()
    one = reader(service, [A])
    one.wrong = timedelta(hours=5)
    service.records = [record(number, NOON + timedelta(minutes=7 * number)) for number in range(20)]
    for number in range(1, 40):
        service.now = NOON + timedelta(minutes=5 * number)
        one.poll()
    assert one.delivered == Counter(each.id for each in service.records)
    assert one.position(A.ocid).read_until <= _minute(service.now)


@pytest.mark.parametrize("behind", [10, 45])
def test_an_answer_without_a_date_bounds_nothing(behind):
    """A proxy may drop the header: cursors move as this host's clock says, and nothing repeats."""
    service = Service(tells_date=False)
    one = reader(service, [A])
    service.records = [record(number, NOON - timedelta(minutes=behind + number)) for number in range(5)]
    one.poll()
    assert one.position(A.ocid).read_until == _minute(NOON) - 1
    one.poll()
    assert one.delivered == Counter(each.id for each in service.records)


def test_a_clock_that_is_refused_forgets_nobody():
    """A poll years ahead does not forget where a compartment stands that is out of the scope at present."""
    service = Service()
    one = reader(service, [A, B])
    one.poll()
    one.compartments.remove(B)
    one.wrong = timedelta(days=400)
    _fails(service, SKEWED)
    one.poll()
    one.wrong = timedelta(0)
    _fails(service, None)
    service.now = NOON + timedelta(hours=5)
    one.poll()
    service.records = [record(1, NOON + timedelta(hours=1), B)]
    one.compartments.append(B)
    one.poll()
    assert one.delivered == Counter([service.records[0].id])


# --- how much at a time -------------------------------------------------------------------------------------------


def _turns(monkeypatch, texts, seconds_a_record):
    """How many records each turn of a page has, when a record takes so many seconds."""
    now = [0.0]
    monkeypatch.setattr(paging, "time", SimpleNamespace(monotonic=lambda: now[0]))
    turns, lengths = Turns(texts), []
    while turns.has_more:
        length = 0
        for block in turns.next_turn():
            now[0] += seconds_a_record * len(block)
            length += len(block)
        lengths.append(length)
    return lengths


@pytest.mark.parametrize(
    ("size", "seconds", "lengths"),
    [
        (10, 0.0001, [500, 500, 0]),
        (10, 3.0, [64] * 15 + [40, 0]),
        (5000, 3.0, [8] * 125 + [0]),
        (1 << 20, 0.0, [2] * 500 + [0]),
        (10, 0.0, [1000]),
    ],
    ids=["quick", "slow and small", "slow", "large", "no time at all"],
)
def test_a_turn_is_short_whatever_its_records_are(monkeypatch, size, seconds, lengths):
    """A turn ends after a time, after some megabytes, and after each block that takes longer; none is left out."""
    found = _turns(monkeypatch, [b"x" * size] * 1000, seconds)
    assert sum(found) == 1000
    assert len(found) == pytest.approx(len(lengths), abs=2)
    assert max(found) <= max(lengths) + 63


@pytest.mark.parametrize("size", [50_000, 5_000_000], ids=str)
def test_only_the_blocks_of_large_records_are_cut_up(size):
    """Where sizes differ much, the blocks with large records are cut into single ones, the others are not."""
    texts = [b"x" * 100] * 600 + [b"x" * size] * 3 + [b"x" * 100] * 600
    turns, blocks = Turns(texts), []
    while turns.has_more:
        blocks += turns.next_turn()
    assert [text for block in blocks for text in block] == texts
    assert all(len(block) == 1 or sum(map(len, block)) <= 64 * 1024 for block in blocks)
    assert len(blocks) < 200


def test_a_poll_may_end_between_any_two_turns():
    """Wherever a page's taking is given up, what was delivered of it is remembered and the rest is read again."""
    for given_up in range(1, 8):
        service = Service(page_size=100)
        service.records = [record(n, NOON - timedelta(minutes=30, seconds=n)) for n in range(8)]
        one = reader(service, [A])
        one.give_up_after = given_up
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(paging, "TURN_SECONDS", 0.0)
            patch.setattr(paging, "_BLOCK_RECORDS", 1)
            one.poll(stop_after=1)
        assert sum(one.delivered.values()) == given_up
        assert one.result.status == "partial"
        assert one.position(A.ocid).read_until == one.position(A.ocid).begin
        one.give_up_after = None
        one.poll()
        assert one.delivered == Counter(each.id for each in service.records)


def test_what_was_cut_off_while_it_arrived_is_asked_for_in_smaller_pieces():
    """An answer that began and could not end within the poll counts like one that was read half."""
    service = Service()
    one = reader(service, [A], lookback_minutes=120)
    one.cuts_off = True
    one.poll(stop_after=1)
    one.cuts_off = False
    before = len(service.asked)
    service.now += timedelta(minutes=1)
    one.poll()
    spans = [end - start for _, _, start, end, _ in service.asked]
    assert max(spans[before:]) <= spans[0] / 2


@pytest.mark.slow
def test_pages_that_are_too_many_are_read_in_shorter_pieces(monkeypatch):
    """A window with more pages than may be is cut; every record comes once, and the report tells."""
    monkeypatch.setattr(paging, "PAGES_A_SLICE", 5)
    service = Service(page_size=1)
    service.records = [record(n, NOON - timedelta(minutes=n + 2)) for n in range(40)]
    one = reader(service, [A])
    one.poll()
    assert one.result.status == "ok"
    assert one.delivered == Counter(each.id for each in service.records)
    (warning,) = one.warnings
    assert warning["code"] == "PAGES_WITHOUT_END"
    assert HOME in warning["message"]


def test_a_minute_of_too_many_pages_is_named(monkeypatch):
    """Where it cannot be cut, the error says which minute of which compartment; the position stays before it."""
    monkeypatch.setattr(paging, "PAGES_A_SLICE", 5)
    service = Service(page_size=1)
    minute = NOON - timedelta(minutes=30)
    service.records = [record(n, minute + timedelta(seconds=n)) for n in range(20)]
    one = reader(service, [A])
    one.poll()
    assert one.result.error["code"] == "PAGES_WITHOUT_END"
    assert "the minute from 2026-03-02 11:30 UTC" in one.result.error["message"]
    assert A.ocid in one.result.error["message"]
    assert one.position(A.ocid).read_until <= int(minute.timestamp()) // 60


def test_a_minute_that_is_too_large_is_asked_for_with_smaller_pages():
    """A service that can give fewer records a page is asked for them in that minute, and nowhere else."""
    service = Service(page_size=100)
    minute = NOON - timedelta(minutes=30)
    service.records = [record(n, minute + timedelta(seconds=n)) for n in range(30)]
    service.records.append(record(99, NOON - timedelta(minutes=3)))
    sizes = []

    def large(region, compartments, start, end, page):
        del region, compartments, page
        sizes.append((start, end, service.page_size))
        is_large = start <= minute < end and service.page_size > 10
        return Failure("RESPONSE_TOO_LARGE") if is_large else None

    service.trouble = large
    one = Reader(Shrinking(Asking(service)), ([A], [HOME]))
    one.poll()
    assert one.result.status == "ok"
    assert one.delivered == Counter(each.id for each in service.records)
    small = {(start, end) for start, end, size in sizes if size == 10}
    assert small == {(minute, minute + timedelta(minutes=1))}


class Shrinking:
    """A service whose pages can be made smaller."""

    def __init__(self, service, page_size=100):
        self._service, self._page_size = service, page_size

    def __getattr__(self, name):
        return getattr(self._service, name)

    def with_smaller_pages(self):
        """A tenth of the records."""
        return Shrinking(self._service, self._page_size // 10) if self._page_size > 1 else None

    def fetch(self, client, **asked):
        """One page, in this size."""
        self._service._service.page_size = self._page_size
        return self._service.fetch(client, **asked)
