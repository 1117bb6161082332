"""Whatever a host calls its instance, names are safe in what leaves the plugin, and no hook raises."""

import json
import logging

import pytest
from support.collecting import Answer, Host, at

from signal_client_oci import plugin
from signal_client_oci.contract import CONNECTOR
from signal_client_oci.host.conformance import PollTerms, checked_poll

HOSTILE = "prod\x1b[2J\u202egnp.exe\n\ud800\x00"
SAFE = r"prod\x1b[2J\u202egnp.exe\n\ud800\x00"


def only_report(context, instance="acme", settings=None):
    """The report of a poll that sends nothing."""
    items = plugin.signal_client_poll(CONNECTOR, instance, settings or {}, None, context)
    (report,) = checked_poll(items, PollTerms("acme"))
    return report


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
