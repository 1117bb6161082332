"""The host's context: a wrong value names its key, and a wrong clock is told, with what is off and by how much."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone, tzinfo

import pytest
from support.collecting import Answer, Host, at

from signal_client_oci.plugin import signal_client_poll


class _BrokenZone(tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, _moment):
        raise ZeroDivisionError("canary")


def _raising():
    raise ZeroDivisionError("canary")


WRONG = {
    "deadline_seconds": ["soon", True, float("nan"), [1]],
    "should_stop": [True, 5],
    "now": [
        5,
        datetime(2026, 3, 2, tzinfo=timezone.utc),
        lambda: None,
        lambda: "09:00",
        lambda: date(2026, 3, 2),
    ],
    "max_batch_artifacts": [0, -1, "1000", 2.5, True],
    "max_batch_bytes": [0, -4, "4 MiB", False],
}
WRONG["now"] += [
    lambda: datetime(1, 1, 1, tzinfo=timezone.utc),
    lambda: datetime.max.replace(tzinfo=timezone.utc),
    lambda: datetime.max.replace(tzinfo=timezone(timedelta(hours=-9))),
    lambda: datetime(2026, 3, 2, tzinfo=_BrokenZone()),
    lambda _first: None,
    _raising,
]
CASES = [(key, value) for key, values in WRONG.items() for value in values]


@pytest.mark.parametrize(("key", "value"), CASES, ids=[f"{key}-{at}" for at, (key, _) in enumerate(CASES)])
def test_a_wrong_value_names_its_key(oci, instance, caplog, key, value):
    """The poll fails as a whole, sends nothing, keeps the checkpoint, and says which key of the context is wrong."""
    host = instance("audit")
    oci.audit(Answer([]))
    host.poll()
    kept, sent = host.checkpoint, len(oci.asked)
    report = _report_of(host, {"now": host.clock, key: value})
    assert (report["status"], report["checkpoint"]) == ("failed", kept)
    assert len(oci.asked) == sent
    error = report["sources"]["audit"]["error"]
    assert error["code"] == "CONTEXT_INVALID"
    assert error["message"].startswith(f"`{key}` in the host's context must be a")
    assert "canary" not in caplog.text + str(report)


@pytest.mark.parametrize(
    ("context", "told"),
    [
        ({"max_batch_artifacts": 0}, "found: 0"),
        ({"max_batch_bytes": -(10**5000)}, "found: int"),
        ({"deadline_seconds": float("nan")}, "found: nan"),
        ({"deadline_seconds": "canary"}, "found: str"),
        ({"now": _raising}, "it raised ZeroDivisionError"),
    ],
)
def test_a_wrong_value_is_told_as_what_it_is(instance, context, told):
    """A number is shown, of anything else only the type, and what a function raised is called that."""
    host = instance("audit")
    report = _report_of(host, {"now": host.clock, **context})
    assert report["sources"]["audit"]["error"]["message"].endswith(f"; {told}")


@pytest.mark.parametrize("context", [None, [], "now"])
def test_a_context_that_is_no_object_is_told(instance, context):
    """Whatever a host passes, the answer is a report."""
    report = _report_of(instance("audit"), context)
    assert report["sources"]["audit"]["error"]["message"].startswith("the host's context must be an object")


@pytest.mark.parametrize("key", ["now", "should_stop"])
def test_a_function_that_breaks_in_the_middle_is_told(oci, instance, key):
    """A clock or stop question that raises once the poll runs is named, and the poll's end is still told."""
    oci.audit(Answer([]))
    host, calls = instance("audit"), []

    def breaking():
        calls.append(1)
        return _raising() if len(calls) > 1 else (host.clock() if key == "now" else False)

    report = _report_of(host, {"now": host.clock, key: breaking})
    assert report["sources"]["audit"]["error"]["code"] == "CONTEXT_INVALID"
    assert f"`{key}`" in report["sources"]["audit"]["error"]["message"]
    assert report["finished_at"] >= report["started_at"]


def _report_of(host: Host, context):
    (*_, report) = signal_client_poll(
        connector="oci-cloud",
        instance=host.name,
        settings=host.settings,
        checkpoint=host.checkpoint,
        context=context,
    )
    return report


# --- the clock ----------------------------------------------------------------------------------------------------

_NOW = at("09:00:30")


def _answer(moment):
    return Answer([], headers={"Date": moment.strftime("%a, %d %b %Y %H:%M:%S GMT")})


def _told(oci, instance, now, date_=_NOW):
    oci.audit(_answer(date_))
    host = instance("audit")
    host.clock = now
    return [(one["code"], one["message"]) for one in host.poll()["warnings"]]


@pytest.mark.parametrize(
    ("off", "told"),
    [
        (timedelta(hours=2), "is 2 hours ahead of OCI's clock"),
        (timedelta(hours=-5, minutes=-30), "is 5 hours 30 minutes behind OCI's clock"),
        (timedelta(days=400, seconds=20), "is 400 days ahead of OCI's clock"),
        (timedelta(minutes=-7), "is 7 minutes behind OCI's clock"),
    ],
)
def test_a_clock_far_from_ocis_is_told(oci, instance, off, told):
    """The warning says that it is the host's `now`, in which direction it is off, and by how much."""
    assert _told(oci, instance, lambda: _NOW + off) == [
        ("HOST_CLOCK_WRONG", f"`now` in the host's context {told}")
    ]


@pytest.mark.parametrize("off", [timedelta(0), timedelta(minutes=4), timedelta(minutes=-4)])
def test_a_clock_near_ocis_is_not_told(oci, instance, off):
    """What OCI tolerates is no warning, and neither is an answer without a Date."""
    assert _told(oci, instance, lambda: _NOW + off) == []


def test_an_answer_that_took_long_is_no_wrong_clock(oci, instance):
    """A poll that has lasted for minutes, or whose host paused it, has a clock that is right all the same."""
    times = iter([_NOW, *(_NOW + timedelta(minutes=20) for _ in range(50))])
    assert _told(oci, instance, lambda: next(times), _NOW + timedelta(minutes=15)) == []


def test_a_clock_without_a_time_zone_is_told(oci, instance):
    """A naive time is taken as UTC, and the report says so: by itself, or with how far it is off."""
    ((code, message),) = _told(oci, instance, lambda: _NOW.replace(tzinfo=None))
    assert (code, "taken as UTC" in message) == ("HOST_CLOCK_NAIVE", True)
    ((code, message),) = _told(oci, instance, lambda: _NOW.replace(tzinfo=None) + timedelta(hours=1))
    assert code == "HOST_CLOCK_WRONG"
    assert message.endswith("is 1 hour ahead of OCI's clock; it tells no time zone and was taken as UTC")


def test_the_machines_own_clock_is_named_where_it_is_that(oci, instance):
    """A host that passes no `now` has the system's clock, so that is the one to set."""
    oci.audit(_answer(datetime.now(timezone.utc) + timedelta(hours=3, seconds=5)))
    report = _report_of(instance("audit"), {})
    (warning,) = report["warnings"]
    assert (warning["code"], warning["message"]) == (
        "CLOCK_SKEW",
        "this machine's clock is 3 hours behind OCI's clock",
    )


def test_another_time_zone_is_the_same_moment(oci, instance):
    """An aware time need not be in UTC to be right."""
    assert _told(oci, instance, lambda: _NOW.astimezone(timezone(timedelta(hours=9)))) == []
