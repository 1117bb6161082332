"""What a host passes wrongly is told in the report, by its key; no exception leaves the hook; names are made safe."""

import json
import logging
from datetime import date, datetime, timedelta, timezone, tzinfo

import pytest
from support.collecting import Answer, Host, at

from signal_client_oci import plugin
from signal_client_oci.contract import CONNECTOR
from signal_client_oci.host.conformance import PollTerms, checked_poll

HOSTILE = "prod\x1b[2J\u202egnp.exe\n\ud800\x00"
SAFE = r"prod\x1b[2J\u202egnp.exe\n\ud800\x00"


class BrokenZone(tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, _moment):
        """Fail."""
        raise RuntimeError("canary")


def raising():
    """A clock that fails."""
    raise RuntimeError("canary-secret")


CLOCKS = {
    "raises": (raising, "raised RuntimeError; it must return an aware UTC datetime"),
    "no function": (7, "must be a function, not int"),
    "a moment": (at("09:00:00"), "must be a function, not datetime"),
    "nothing": (lambda: None, "returned NoneType; it must return an aware UTC datetime"),
    "a text": (lambda: "2026-03-02T09:00:00Z", "returned str; it must return an aware UTC datetime"),
    "a day": (lambda: date(2026, 3, 2), "returned date; it must return an aware UTC datetime"),
    "the first year": (
        lambda: datetime.min,  # noqa: DTZ901
        "returned a time in the year 1; set the host's clock",
    ),
    "the last year": (
        lambda: datetime.max,  # noqa: DTZ901
        "returned a time in the year 9999; set the host's clock",
    ),
    "beyond": (
        lambda: datetime.max.replace(tzinfo=timezone(timedelta(hours=-9))),
        "raised OverflowError; it must return an aware UTC datetime",
    ),
    "a broken zone": (
        lambda: datetime(2026, 3, 2, tzinfo=BrokenZone()),
        "raised RuntimeError; it must return an aware UTC datetime",
    ),
    "arguments": (lambda _first: None, "raised TypeError; it must return an aware UTC datetime"),
}


def only_report(context, instance="acme", settings=None):
    """The report of a poll that sends nothing."""
    items = plugin.signal_client_poll(CONNECTOR, instance, settings or {}, None, context)
    (report,) = checked_poll(items, PollTerms("acme"))
    return report


@pytest.mark.parametrize(("now", "told"), CLOCKS.values(), ids=CLOCKS)
def test_a_bad_clock_is_told_by_its_key(now, told):
    """The report is whole, names the key and what it wants, and quotes nothing that the host's code said."""
    report = only_report({"now": now})
    assert report["status"] == "failed"
    errors = [source["error"] for source in report["sources"].values()]
    assert {error["code"] for error in errors} == {"CONTEXT_INVALID"}
    assert {error["message"] for error in errors} == {f'context["now"] {told}'}
    assert "canary" not in json.dumps(report)
    assert report["checkpoint"]["version"]


@pytest.mark.parametrize("context", [7, "x", [("now", None)]])
def test_a_context_that_is_no_dict_is_told(context):
    """What is no dict is named; None is a context without keys."""
    told = only_report(context)["sources"]["audit"]["error"]
    assert told["code"] == "CONTEXT_INVALID"
    assert told["message"] == f"context must be a dict, not {type(context).__name__}"
    assert only_report(None)["sources"]["audit"]["error"]["code"] == "SETTINGS_INVALID"


@pytest.mark.parametrize("good_calls", [1, 2])
def test_a_clock_that_fails_during_the_poll_ends_it_with_a_report(oci, instance, good_calls):
    """Whenever the clock fails, the poll ends with a report, and the next one with a sound clock reads everything."""
    oci.audit(Answer([{"eventId": "1"}]))
    host, left = instance("audit"), [at("09:00:00")] * good_calls

    def now():
        return left.pop() if left else raising()

    report = host.poll(now=now)
    assert report["status"] == "failed"
    assert report["sources"]["audit"]["error"]["code"] == "CONTEXT_INVALID"
    host.poll(now=lambda: at("09:05:00"))
    assert host.keys("audit") == ["1"]


def test_a_hostile_name_is_safe_in_every_artifact_and_log_line(oci, instance, caplog):
    """Control characters, direction marks and broken characters are escapes; the record is delivered."""
    oci.audit(Answer([{"eventId": "1"}]))
    host = instance("audit")
    host = Host(host.settings, host.clock, HOSTILE)
    with caplog.at_level(logging.INFO):
        assert host.poll()["status"] == "ok"
    (artifact,) = host.artifacts("audit")
    assert artifact["metadata"]["instance"] == SAFE
    assert artifact["metadata"]["sourceInfo"] == f"oci-cloud/{SAFE}/us-ashburn-1"
    assert f"oci-cloud: fetched 1 audit events (instance {SAFE})" in caplog.messages
    json.dumps(artifact, ensure_ascii=False).encode()


def test_a_log_handler_that_fails_costs_no_report(oci, instance):
    """Lines are for people: whoever cannot take them loses lines, not records."""

    class Failing(logging.Handler):
        def emit(self, _record):
            raise RuntimeError("canary")

    oci.audit(Answer([{"eventId": "1"}]))
    host, handler = instance("audit"), Failing()
    logger = logging.getLogger("signal_client_oci")
    logger.addHandler(handler)
    try:
        assert host.poll(now=lambda: at("09:00:00"))["status"] == "ok"
        assert only_report({})["status"] == "failed"
    finally:
        logger.removeHandler(handler)
    assert host.keys("audit") == ["1"]


class Unprintable:
    """An object without a text."""

    def __str__(self):
        raise RuntimeError("canary")


@pytest.mark.parametrize(
    "name", ["", " ", "null", "x" * 100_000, HOSTILE, None, 7, b"x", ["a"], {}, Unprintable()]
)
def test_no_name_raises(name):
    """Whatever the host calls its instance, the answer is a report."""
    assert only_report({}, name)["sources"]["audit"]["error"]["code"] == "SETTINGS_INVALID"


@pytest.mark.parametrize(
    ("name", "shown"), [("null", "null"), ("None", "None"), (" ", "unnamed"), ("", "unnamed")]
)
def test_every_instance_has_a_name_in_its_artifacts(oci, instance, name, shown):
    """A name that reads like no value is a name; blanks are none."""
    oci.audit(Answer([{"eventId": "1"}]))
    host = Host(instance("audit").settings, lambda: at("09:00:00"), name)
    host.poll()
    assert host.artifacts("audit")[0]["metadata"]["instance"] == shown
