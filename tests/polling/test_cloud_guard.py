"""The Cloud Guard source at the HTTP seam: what is asked, what is delivered when, and what is said when it is off."""

import json
import tracemalloc
from collections import Counter

import pytest
from support import seam
from support.collecting import COMPARTMENT, Answer, at, denied
from support.sandbox_changes import move_to

from signal_client_oci.polling import loop
from signal_client_oci.state.checkpoint import parse

CONFIGURATION, PROBLEMS = "/20200131/configuration", "/20200131/problems"
LISTS = [("ACTIVE", None), ("INACTIVE", "RESOLVED"), ("INACTIVE", "DISMISSED"), ("INACTIVE", "DELETED")]


def problem(number=1, detail="OPEN", risk="HIGH", last="2026-03-02T08:30:00.000Z", **fields):
    """One summary as ListProblems gives it."""
    return {
        "id": f"ocid1.cloudguardproblem.oc1.iad.{number}",
        "compartmentId": seam.TENANCY,
        "detectorRuleId": "BUCKET_IS_PUBLIC",
        "riskLevel": risk,
        "lifecycleState": "ACTIVE" if detail == "OPEN" else "INACTIVE",
        "lifecycleDetail": detail,
        "timeFirstDetected": "2026-01-02T08:30:00.000Z",
        "timeLastDetected": last,
        "regions": ["us-ashburn-1"],
    } | fields


def full(summary):
    """The same as GetProblem gives it."""
    return summary | {"description": "A bucket is public", "recommendation": "Make it private"}


class CloudGuard:
    """Cloud Guard of one region at the seam; its problems are what `problems` holds."""

    def __init__(self, oci, region=seam.REGION, status="ENABLED", items=None):
        self.oci = oci
        self.problems = []
        self.page_size = 1000
        oci.answer(
            "cloudguard",
            "/configuration",
            Answer({"reportingRegion": region, "status": status}),
            region=seam.REGION,
        )
        oci.answer(
            "cloudguard", "/problems", Answer({"items": items}) if items else self._list, region=region
        )
        for number in range(1, 8):
            path = f"/problems/ocid1.cloudguardproblem.oc1.iad.{number}"
            oci.answer("cloudguard", path, self._get, region=region)
        self.details = None

    def _list(self, asked):
        found = [
            one
            for one in self.problems
            if one["lifecycleState"] == asked.query["lifecycleState"]
            and one["lifecycleDetail"] == asked.query.get("lifecycleDetail", one["lifecycleDetail"])
        ]
        at_ = int(asked.query.get("page", 0))
        token = str(at_ + self.page_size) if at_ + self.page_size < len(found) else None
        return Answer({"items": found[at_ : at_ + self.page_size]}, token=token)

    def _get(self, asked):
        if self.details is not None:
            return self.details
        ocid = asked.path.rsplit("/", 1)[1]
        return Answer(full(next(one for one in self.problems if one["id"] == ocid)))

    def lists(self):
        """The requests for lists."""
        return self.oci.paths(PROBLEMS)

    def gets(self):
        """The numbers of the problems whose details were asked for."""
        return [one.path.rsplit(".", 1)[1] for one in self.oci.asked if PROBLEMS + "/" in one.path]


@pytest.fixture
def guard(oci):
    """An enabled Cloud Guard in the home region."""
    return CloudGuard(oci)


@pytest.fixture
def host(instance, clock):
    """An instance that reads Cloud Guard alone, with the subtree."""
    move_to(clock, at("09:00:30"))
    return instance("cloud_guard", include_subcompartments=True)


def delivered(host):
    """(number, lifecycle detail, risk) of what was delivered, in order."""
    raws = [json.loads(artifact["raw"]) for artifact in host.artifacts("cloud_guard")]
    return [(int(raw["id"].rsplit(".", 1)[1]), raw["lifecycleDetail"], raw["riskLevel"]) for raw in raws]


def test_the_requests(guard, host):
    """First the configuration of the tenancy, then four lists with all bounds, the subtree and ACCESSIBLE."""
    assert host.poll()["status"] == "ok"
    configuration, *lists = guard.oci.asked
    assert (configuration.method, configuration.path) == ("GET", CONFIGURATION)
    assert configuration.query == {"compartmentId": seam.TENANCY}
    bounds = {
        "timeFirstDetectedGreaterThanOrEqualTo": "2015-01-01T00:00:00Z",
        "timeFirstDetectedLessThanOrEqualTo": "2026-03-03T09:00:30Z",
        "timeLastDetectedGreaterThanOrEqualTo": "2015-01-01T00:00:00Z",
        "timeLastDetectedLessThanOrEqualTo": "2026-03-03T09:00:30Z",
    }
    common = {
        "compartmentId": seam.TENANCY,
        "compartmentIdInSubtree": "True",
        "accessLevel": "ACCESSIBLE",
        "limit": "1000",
        **bounds,
    }
    expected = [
        common | {"lifecycleState": state} | ({"lifecycleDetail": detail} if detail else {})
        for state, detail in LISTS
    ]
    assert [one.query | {"compartmentIdInSubtree": "True"} for one in lists] == expected
    assert {one.query["compartmentIdInSubtree"].lower() for one in lists} == {"true"}
    assert all((one.method, one.path, one.body) == ("GET", PROBLEMS, None) for one in lists)


def test_one_compartment_alone_has_no_subtree(guard, instance):
    """Without sub-compartments, neither the subtree nor an access level is asked for."""
    host = instance("cloud_guard", compartment_ocid=COMPARTMENT)
    host.poll()
    assert {one.query["compartmentId"] for one in guard.lists()} == {COMPARTMENT}
    assert not any(
        "compartmentIdInSubtree" in one.query or "accessLevel" in one.query for one in guard.lists()
    )
    assert guard.oci.asked[0].query == {"compartmentId": seam.TENANCY}


def test_only_the_reporting_region_is_asked(oci, instance):
    """The configuration of the home region names another one: problems come from there and only there."""
    guard = CloudGuard(oci, region="eu-frankfurt-1")
    guard.problems = [problem()]
    host = instance("cloud_guard", additional_regions=["uk-london-1"])
    host.poll()
    assert {(one.path, one.region) for one in oci.asked if one.path == PROBLEMS} == {
        (PROBLEMS, "eu-frankfurt-1")
    }
    assert {one.region for one in oci.asked if one.path.startswith(PROBLEMS + "/")} == {"eu-frankfurt-1"}
    assert delivered(host) == [(1, "OPEN", "HIGH")]


def test_a_reporting_region_that_nobody_knows_is_no_host(oci, instance):
    """A region name from the service is checked like one from the form before a request goes there."""
    CloudGuard(oci, region="evil.example.com")
    host = instance("cloud_guard")
    report = host.poll()
    assert report["sources"]["cloud_guard"]["error"]["code"] == "REGION_UNKNOWN"
    assert len(oci.asked) == 1


def test_details_are_read_of_what_is_new(guard, host):
    """GetProblem brings description and recommendation, and its body is what is delivered."""
    guard.problems = [problem(1), problem(2)]
    host.poll()
    assert sorted(guard.gets()) == ["1", "2"]
    raws = [json.loads(one["raw"]) for one in host.artifacts("cloud_guard")]
    assert {raw["recommendation"] for raw in raws} == {"Make it private"}


def test_without_details_the_summary_is_delivered(guard, host):
    """Switched off, details cost no request."""
    guard.problems = [problem(1)]
    host.settings["cloud_guard_details"] = False
    host.poll()
    assert guard.gets() == []
    assert json.loads(host.artifacts("cloud_guard")[0]["raw"]) == problem(1)


@pytest.mark.parametrize(
    "details",
    [denied(), Answer({"code": "x", "message": "y"}, status=500), Answer(b"<html>"), Answer(b""), Answer([])],
    ids=["404", "500", "HTML", "empty", "list"],
)
@pytest.mark.slow
def test_where_details_fail_the_summary_comes_with_a_warning(guard, host, details):
    """No problem is held back for want of its details, and it has the id that it has with them."""
    guard.problems = [problem(1), problem(2)]
    guard.details = details
    report = host.poll()
    assert report["sources"]["cloud_guard"]["status"] == "ok"
    raws = [json.loads(one["raw"]) for one in host.artifacts("cloud_guard")]
    assert sorted(raws, key=lambda raw: raw["id"]) == [problem(1), problem(2)]
    assert host.source("cloud_guard")["counts"]["details_missing"] == 2
    (warning,) = report["warnings"]
    assert warning["code"] == "PROBLEM_DETAILS_MISSING"
    assert "read cloud-guard-problems" in warning["remedy"]


@pytest.mark.slow
def test_the_id_does_not_depend_on_the_details(guard, host, instance):
    """Summary and full text of one version have the same id."""
    guard.problems = [problem(1)]
    host.poll()
    other = instance("cloud_guard", cloud_guard_details=False)
    other.poll()
    assert [one["id"] for one in host.artifacts("cloud_guard")] == [
        one["id"] for one in other.artifacts("cloud_guard")
    ]


@pytest.mark.slow
def test_a_problem_is_delivered_when_it_changes(guard, host, clock):
    """A changed lifecycle detail, risk level or last detection is a new artifact; anything else is none."""
    guard.problems = [problem(1)]
    steps = [
        ({}, False),
        ({"labels": ["x"]}, False),
        ({"risk": "CRITICAL"}, True),
        ({"risk": "CRITICAL", "last": "2026-03-02T09:30:00.000Z"}, True),
        ({"risk": "CRITICAL", "last": "2026-03-02T09:30:00.000Z"}, False),
        ({"detail": "RESOLVED", "risk": "CRITICAL", "last": "2026-03-02T09:30:00.000Z"}, True),
        ({"detail": "OPEN", "risk": "CRITICAL", "last": "2026-03-02T11:30:00.000Z"}, True),
    ]
    host.poll()
    count = 1
    for change, is_new in steps:
        clock.advance(minutes=30)
        guard.problems = [problem(1, **change)]
        host.poll()
        count += is_new
        assert len(delivered(host)) == count
        assert host.source("cloud_guard")["fetched"] == is_new
    assert len({one["id"] for one in host.artifacts("cloud_guard")}) == count
    assert delivered(host)[-2:] == [(1, "RESOLVED", "CRITICAL"), (1, "OPEN", "CRITICAL")]


@pytest.mark.slow
def test_a_problem_that_paging_misses_once_is_not_new_afterwards(guard, host, clock):
    """A list changes while it is read; a problem that one listing does not show is still known by the next."""
    guard.problems = [problem(1), problem(2)]
    host.poll()
    for seen in ([problem(2)], [problem(1), problem(2)]):
        clock.advance(minutes=30)
        guard.problems = seen
        host.poll()
    assert len(delivered(host)) == 2


def test_every_state_is_collected(guard, host):
    """Open and closed problems of every kind come, each once."""
    guard.problems = [
        problem(n, detail) for n, detail in enumerate(["OPEN", "RESOLVED", "DISMISSED", "DELETED"], 1)
    ]
    host.poll()
    assert sorted(delivered(host)) == [
        (1, "OPEN", "HIGH"),
        (2, "RESOLVED", "HIGH"),
        (3, "DISMISSED", "HIGH"),
        (4, "DELETED", "HIGH"),
    ]


@pytest.mark.slow
def test_the_first_poll_takes_open_ones_of_any_age_and_closed_ones_of_the_lookback(guard, host, clock):
    """What was closed long ago is old news; what is open is news, and what is closed later is delivered."""
    guard.problems = [
        problem(1, last="2025-12-24T08:30:00.000Z"),
        problem(2, "RESOLVED", last="2025-12-24T08:30:00.000Z"),
        problem(3, "RESOLVED", last="2026-03-02T08:30:00.000Z"),
    ]
    host.poll()
    assert sorted(delivered(host)) == [(1, "OPEN", "HIGH"), (3, "RESOLVED", "HIGH")]
    assert host.source("cloud_guard")["counts"]["closed_before_lookback"] == 1
    clock.advance(minutes=30)
    guard.problems[0] = problem(1, "DISMISSED", last="2025-12-24T08:30:00.000Z")
    host.poll()
    assert min(delivered(host)) == (1, "DISMISSED", "HIGH")
    assert len(delivered(host)) == 3


@pytest.mark.parametrize(
    ("least", "count"), [("CRITICAL", 1), ("HIGH", 2), ("MEDIUM", 3), ("LOW", 4), ("MINOR", 5)]
)
def test_the_least_risk_level(guard, host, least, count):
    """What is below the least risk level is neither delivered nor asked for in detail, and counted."""
    guard.problems = [
        problem(n, risk=risk) for n, risk in enumerate(["CRITICAL", "HIGH", "MEDIUM", "LOW", "MINOR"], 1)
    ]
    host.settings["cloud_guard_min_risk"] = least
    host.poll()
    assert len(delivered(host)) == len(guard.gets()) == count
    assert host.source("cloud_guard")["counts"].get("below_min_risk", 0) == 5 - count


def test_a_risk_level_that_nobody_knows_is_collected(guard, host):
    """A level that OCI adds one day is not left out."""
    guard.problems = [problem(1, risk="APOCALYPTIC")]
    host.settings["cloud_guard_min_risk"] = "CRITICAL"
    host.poll()
    assert delivered(host) == [(1, "OPEN", "APOCALYPTIC")]


@pytest.mark.slow
def test_a_problem_that_becomes_riskier_is_delivered(guard, host, clock):
    """What was below the least risk level is not taken as known."""
    guard.problems = [problem(1, risk="LOW")]
    host.settings["cloud_guard_min_risk"] = "HIGH"
    host.poll()
    assert delivered(host) == []
    clock.advance(minutes=30)
    guard.problems = [problem(1, risk="HIGH")]
    host.poll()
    assert delivered(host) == [(1, "OPEN", "HIGH")]


@pytest.mark.slow
def test_between_two_intervals_nothing_is_asked(guard, host, clock):
    """By the host's clock: skipped, without a request, until the interval has passed."""
    host.settings["cloud_guard_interval_minutes"] = 30
    statuses = []
    for _ in range(8):
        before = len(guard.oci.asked)
        host.poll()
        statuses.append(host.source("cloud_guard")["status"])
        assert (len(guard.oci.asked) > before) == (statuses[-1] == "ok")
        assert host.source("cloud_guard")["covered_until"] is not None
        clock.advance(minutes=10)
    assert statuses == ["ok", "skipped", "skipped", "ok", "skipped", "skipped", "ok", "skipped"]


@pytest.mark.slow
def test_a_failed_poll_does_not_begin_an_interval(oci, host, clock):
    """What could not be read is tried again by the next poll."""
    oci.answer("cloudguard", "/configuration", Answer(b"<html>"))
    for _ in range(2):
        host.poll()
        assert host.source("cloud_guard")["status"] == "failed"
        assert host.source("cloud_guard")["requests"] == 4
        assert host.source("cloud_guard")["covered_until"] is None
        clock.advance(minutes=5)


@pytest.mark.usefixtures("guard")
def test_a_clock_that_went_back_does_not_stop_the_collection(host, clock):
    """An interval that lies in the future is over."""
    host.poll()
    clock.advance(days=-2)
    host.poll()
    assert host.source("cloud_guard")["status"] == "ok"


@pytest.mark.slow
def test_pages_are_followed(guard, host):
    """Lists of several pages are read to their end, each list with its own tokens."""
    guard.page_size = 2
    guard.problems = [problem(n) for n in range(1, 6)] + [problem(6, "RESOLVED"), problem(7, "RESOLVED")]
    host.poll()
    assert len(delivered(host)) == 7
    pages = [(one.query["lifecycleState"], one.query.get("page")) for one in guard.lists()]
    assert pages[:4] == [("ACTIVE", None), ("ACTIVE", "2"), ("ACTIVE", "4"), ("INACTIVE", None)]


def test_an_empty_page_is_not_the_end_and_an_empty_token_is(oci, host):
    """As everywhere in OCI."""
    oci.answer("cloudguard", "/configuration", Answer({"reportingRegion": seam.REGION, "status": "ENABLED"}))
    oci.answer(
        "cloudguard",
        "/problems",
        Answer({"items": []}, token="A"),
        Answer({"items": [problem(1)]}, token=""),
        Answer({"items": []}),
    )
    host.settings["cloud_guard_details"] = False
    assert host.poll()["status"] == "ok"
    assert [one.query.get("page") for one in oci.paths(PROBLEMS)] == [None, "A", None, None, None]
    assert delivered(host) == [(1, "OPEN", "HIGH")]


def test_the_same_token_twice_is_an_error(oci, host, clock):
    """The listing fails; what came is delivered and not delivered again when it is read at last."""
    oci.answer("cloudguard", "/configuration", Answer({"reportingRegion": seam.REGION, "status": "ENABLED"}))
    oci.answer(
        "cloudguard",
        "/problems",
        Answer({"items": [problem(1)]}, token="A"),
        Answer({"items": [problem(2)]}, token="A"),
        Answer({"items": [problem(1), problem(2), problem(3)]}),
        Answer({"items": []}),
    )
    host.settings["cloud_guard_details"] = False
    assert host.poll()["sources"]["cloud_guard"]["error"]["code"] == "PAGE_TOKEN_REPEATED"
    clock.advance(minutes=5)
    assert host.poll()["status"] == "ok"
    assert [number for number, _, _ in delivered(host)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("answer", "code", "text"),
    [
        (
            Answer({"reportingRegion": seam.REGION, "status": "DISABLED"}),
            "CLOUD_GUARD_DISABLED",
            "switched off",
        ),
        (
            Answer(
                {"code": "NotAuthorizedOrNotFound", "message": "Cloudguard subscription is not available"},
                status=404,
            ),
            "CLOUD_GUARD_NOT_ENABLED",
            "never enabled",
        ),
        (denied(), "CLOUD_GUARD_NOT_AUTHORIZED", "policy"),
    ],
)
def test_off_is_said_and_not_taken_for_no_problems(oci, instance, answer, code, text):
    """Disabled, never enabled and denied are failures of their own, the poll degraded, Audit untouched."""
    oci.answer("cloudguard", "/configuration", answer)
    oci.audit(Answer([]))
    report = instance("audit", "cloud_guard").poll()
    error = report["sources"]["cloud_guard"]["error"]
    assert report["status"] == "degraded"
    assert (report["sources"]["audit"]["status"], report["sources"]["cloud_guard"]["status"]) == (
        "ok",
        "failed",
    )
    assert error["code"] == code
    assert text in error["message"]
    assert error["remedy"]
    assert not oci.paths(PROBLEMS)


@pytest.mark.parametrize("body", [b"[]", b'{"items": null}', b"<html>", b"", b'{"items": [{'])
def test_an_answer_without_items_is_a_failure(oci, host, body):
    """A 200 with something else is never taken for "no problems"."""
    oci.answer("cloudguard", "/configuration", Answer({"reportingRegion": seam.REGION, "status": "ENABLED"}))
    oci.answer("cloudguard", "/problems", Answer(body))
    report = host.poll()
    assert report["sources"]["cloud_guard"]["error"]["code"] in {"RESPONSE_NOT_JSON", "RESPONSE_CUT_OFF"}
    assert report["status"] == "failed"


@pytest.mark.slow
def test_another_scope_starts_again(guard, host, clock):
    """A scope that is changed has its own problems: all that are open come, also those of the old scope."""
    guard.problems = [problem(1)]
    host.poll()
    clock.advance(minutes=30)
    host.settings["compartment_ocid"] = COMPARTMENT
    guard.problems = [problem(2)]
    host.poll()
    assert delivered(host) == [(1, "OPEN", "HIGH"), (2, "OPEN", "HIGH")]


def _poll_in(scope, guard, host, clock, *problems):
    """Two polls in a scope with these problems."""
    host.settings["compartment_ocid"] = scope
    guard.problems = list(problems)
    for _ in range(2):
        clock.advance(minutes=30)
        assert host.poll()["status"] == "ok"


@pytest.mark.slow
def test_a_scope_that_comes_back_goes_on(guard, host, clock):
    """What was delivered of it before does not come again; what changed or was closed meanwhile comes."""
    elsewhere = problem(4)
    _poll_in("", guard, host, clock, problem(1), problem(2), problem(3, "RESOLVED"))
    _poll_in(COMPARTMENT, guard, host, clock, elsewhere)
    clock.advance(days=9)
    changed = [problem(1), problem(2, "RESOLVED"), problem(3, "RESOLVED")]
    _poll_in("", guard, host, clock, *changed)
    _poll_in(COMPARTMENT, guard, host, clock, elsewhere)
    assert sorted(delivered(host)) == [
        (1, "OPEN", "HIGH"),
        (2, "OPEN", "HIGH"),
        (2, "RESOLVED", "HIGH"),
        (3, "RESOLVED", "HIGH"),
        (4, "OPEN", "HIGH"),
    ]


@pytest.mark.slow
def test_a_scope_that_was_never_read_goes_on_at_its_beginning(guard, host, clock):
    """Its first polls failed: what was closed since they began comes when it is read at last."""
    guard.oci.forget()
    host.poll()
    clock.advance(minutes=30)
    guard = CloudGuard(guard.oci)
    _poll_in(COMPARTMENT, guard, host, clock)
    clock.advance(days=9)
    _poll_in("", guard, host, clock, problem(1, "RESOLVED", last="2026-03-02T08:30:00.000Z"))
    assert delivered(host) == [(1, "RESOLVED", "HIGH")]


@pytest.mark.slow
def test_the_scope_before_is_kept_for_ninety_days(guard, host, clock):
    """What nobody comes back to takes no room for ever."""
    _poll_in("", guard, host, clock, problem(1))
    _poll_in(COMPARTMENT, guard, host, clock)
    kept = parse(host.checkpoint).problems.left
    assert (kept.scope, len(kept.delivered)) == (f"{seam.TENANCY} True", 1)
    clock.advance(days=91)
    _poll_in(COMPARTMENT, guard, host, clock)
    assert not parse(host.checkpoint).problems.left.scope


@pytest.mark.slow
def test_what_is_delivered_after_versions_were_dropped_is_remembered(guard, host, clock, monkeypatch):
    """A checkpoint that grew too large half-way costs the versions that had to go, and none of the later ones."""
    guard.problems = [problem(number) for number in range(1, 8)]
    host.settings["cloud_guard_details"] = False
    for number, item in enumerate(host.items(max_batch_artifacts=1)):
        monkeypatch.setattr(loop, "MAX_BYTES", 1 if number == 2 else 10_000)
        if item["type"] == "batch":
            host.batches.append(item)
        host.stored = json.dumps(item["checkpoint"]).encode()
    clock.advance(minutes=30)
    host.poll()
    assert sorted(Counter(delivered(host)).values()) == [1, 1, 1, 2, 2, 2, 2]


@pytest.mark.parametrize("wrong", [400, -400])
@pytest.mark.slow
def test_a_clock_that_was_wrong_before_the_first_reading_leaves_nothing_out(oci, host, clock, wrong):
    """A first poll that is refused far in the future or the past: what was closed within the lookback comes."""
    clock.advance(days=wrong)
    oci.answer("cloudguard", "/configuration", Answer(b"<html>"))
    host.poll()
    clock.advance(days=-wrong)
    oci.forget()
    guard = CloudGuard(oci)
    guard.problems = [problem(1, "RESOLVED", last="2026-03-02T08:30:00.000Z")]
    host.poll()
    assert delivered(host) == [(1, "RESOLVED", "HIGH")]


def test_a_first_poll_that_fails_keeps_its_lookback(oci, host, clock):
    """Closed problems of the first poll's lookback are not lost by a long outage at the beginning."""
    oci.answer("cloudguard", "/configuration", Answer(b"<html>"))
    host.poll()
    clock.advance(days=3)
    oci.forget()
    guard = CloudGuard(oci)
    guard.problems = [problem(1, "RESOLVED", last="2026-03-02T08:30:00.000Z")]
    host.poll()
    assert delivered(host) == [(1, "RESOLVED", "HIGH")]


@pytest.mark.slow
def test_details_of_a_million_fields_cost_no_memory(oci, instance):
    """A GetProblem answer is looked through without keeping what is in it, and delivered as it came."""
    guard = CloudGuard(oci)
    guard.problems = [problem()]
    odd = b",".join(b'"f%d":0' % number for number in range(1_000_000))
    guard.details = Answer(json.dumps(full(problem())).encode()[:-1] + b"," + odd + b"}")
    host = instance("cloud_guard", redact_secrets=False)
    tracemalloc.start()
    report = host.poll()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert report["status"] == "ok"
    assert len(host.artifacts("cloud_guard")[0]["raw"]) > len(odd)
    assert peak < 8 * len(odd)


@pytest.mark.slow
def test_a_problem_that_is_too_large_alone_is_told(oci, instance):
    """Where even single problems are too large, the source fails with that, and asks for no more."""
    guard = CloudGuard(oci, items=[{}] * 50_001)
    report = instance("cloud_guard").poll()
    assert report["sources"]["cloud_guard"]["error"]["code"] == "RESPONSE_TOO_LARGE"
    assert [one.query["limit"] for one in guard.lists()] == ["1000", "100", "10", "1"]
