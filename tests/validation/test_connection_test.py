"""The connection test as a whole: its order, its time, its verdict, and what it never does."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections import Counter
from itertools import pairwise

import pytest
from support.sandbox_changes import set_region
from support.validating import CHECKS, HOME, OTHER, World, by_name, statuses, validated

from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api import transport
from signal_client_oci.oci_api.client import Client
from signal_client_oci.sandbox.data.keys import shared_private_key_pem
from signal_client_oci.settings.api_key import load_api_key
from signal_client_oci.settings.model import parse_settings
from signal_client_oci.validation import compartments, probe_session
from signal_client_oci.validation import connection_test as connection
from signal_client_oci.validation.findings import join_names

SKIPPED = ["skipped"]
HANGS_SECONDS = transport.READ_SECONDS  # how long a request hangs that nobody ends


@pytest.fixture(scope="module")
def shared():
    """One sandbox for all tests."""
    made = World()
    with made.sandbox:
        yield made


@pytest.fixture
def world(shared):
    """The sandbox in order."""
    shared.reset()
    return shared


@pytest.fixture
def little_time(world, monkeypatch):
    """Let the connection test give up after ten times what it takes where all is well, instead of thirteen seconds."""
    world.validated()  # opens what the first one has to open
    began = time.monotonic()
    world.validated()
    enough = max(0.8, 10 * (time.monotonic() - began))
    monkeypatch.setattr(connection, "AUTHENTICATION_SECONDS", enough / 3)
    monkeypatch.setattr(connection, "ALL_SECONDS", enough)
    monkeypatch.setattr(transport, "_GRACE_SECONDS", 0.1)
    world.reset()
    return enough


def eventually(holds, seconds=5.0):
    """Wait until the server has noticed."""
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.005)
    return holds()


@pytest.mark.slow
def test_connection_that_works(world):
    """All seven checks are ok, in order, with OCI's request id where OCI was asked, and nothing to do."""
    answer = world.validated()
    assert (answer["ok"], answer["status"], answer["field_errors"]) == (True, "ok", {})
    assert answer["summary"] == ("Audit Events, Logging Search and Cloud Guard Problems can be collected.")
    assert [check["name"] for check in answer["checks"]] == CHECKS
    for check in answer["checks"]:
        assert (check["status"], check["code"], check["remedy"]) == ("ok", "OK", "")
        assert (check["opc_request_id"] is None) == (check["name"] in ("settings", "private_key"))


@pytest.mark.slow
def test_each_service_is_asked_cheaply(world):
    """One subscription list, one page of compartments, and per region one short window, one record, one problem."""
    world.validated()
    asked = sorted((one.operation, one.region) for one in world.asked())
    assert asked.count(("list_region_subscriptions", HOME)) == 1
    assert asked.count(("list_compartments", HOME)) == 1
    assert {region for operation, region in asked if operation == "search_logs"} == {HOME, OTHER}
    assert {region for operation, region in asked if operation == "list_events"} == {HOME, OTHER}
    assert asked.count(("get_configuration", HOME)) == asked.count(("list_problems", HOME)) == 1
    assert [one.params["limit"] for one in world.asked("search_logs")] == ["1", "1"]
    assert [one.params["limit"] for one in world.asked("list_problems")] == ["1"]


@pytest.mark.slow
def test_problems_are_asked_for_as_a_poll_asks(world):
    """The subtree and the level of access are those that a poll needs."""
    world.validated()
    assert world.asked("list_problems")[0].params["compartmentIdInSubtree"] == "true"
    world.reset()
    world.validated(include_subcompartments=False)
    assert "compartmentIdInSubtree" not in world.asked("list_problems")[0].params


@pytest.mark.parametrize(
    "wrong",
    [
        {"tenancy_ocid": "ocid1.compartment.oc1..aaaa"},
        {"user_ocid": ""},
        {"fingerprint": "12:34"},
        {"private_key": ""},
        {"region": "US East (Ashburn)"},
        {"compartment_ocid": "prod"},
        {"additional_regions": ["mars-1"]},
        {"audit_enabled": "perhaps"},
        {"logging_query": "search 'x'"},
        {"lookback_minutes": 0},
        {"endpoint_template": "http://oci.example/{region}/{service}"},
        {"no_such_setting": 1},
    ],
)
def test_wrong_setting_is_named_and_nothing_is_sent(world, wrong):
    """A field error names the way out, the other checks are skipped, and OCI hears nothing."""
    answer = world.validated(**wrong)
    field = next(iter(wrong))
    assert statuses(answer) == ["failed", *SKIPPED * 6]
    assert by_name(answer)["settings"]["code"] == "SETTINGS_INVALID"
    assert answer["field_errors"][field]
    assert answer["field_errors"][field] in by_name(answer)["settings"]["message"]
    assert answer["summary"].startswith("Nothing can be collected: ")
    assert world.asked() == []


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        (
            {"private_key": "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----"},
            "private_key",
            "PRIVATE_KEY_IS_PUBLIC",
        ),
        ({"private_key": "ssh-rsa AAAA"}, "private_key", "PRIVATE_KEY_IS_PUBLIC"),
        ({"private_key": shared_private_key_pem(9)}, "fingerprint", "KEY_FINGERPRINT_MISMATCH"),
        ({"private_key": shared_private_key_pem(9)[:900]}, "private_key", "PRIVATE_KEY_INCOMPLETE"),
    ],
)
def test_wrong_key_is_named_and_nothing_is_sent(world, wrong, field, code):
    """Key and fingerprint are judged before the first request."""
    answer = world.validated(**wrong)
    assert statuses(answer) == ["ok", "failed", *SKIPPED * 5]
    check = by_name(answer)["private_key"]
    assert check["code"] == code
    assert answer["field_errors"] == {field: f"{check['message']} {check['remedy']}"}
    assert world.asked() == []


def test_wrong_key_is_told_together_with_wrong_settings(world):
    """Whoever got two things wrong learns of both at once, and a key with an error of its own field of one only."""
    answer = world.validated(region="Frankfurt", private_key=shared_private_key_pem(9))
    assert statuses(answer) == ["failed", "failed", *SKIPPED * 5]
    assert set(answer["field_errors"]) == {"region", "fingerprint"}
    assert "eu-frankfurt-1" in answer["field_errors"]["region"]
    assert by_name(answer)["private_key"]["code"] == "KEY_FINGERPRINT_MISMATCH"
    answer = world.validated(fingerprint="12:34", private_key=shared_private_key_pem(9))
    assert list(answer["field_errors"]) == ["fingerprint"]
    assert world.asked() == []


@pytest.mark.parametrize("given", [None, [], "settings", 5, {}, {1: 2}, {"region": {"a": []}}, object()])
def test_settings_of_any_kind_are_answered(given):
    """Whatever the host hands over, the hook answers with a report."""
    answer = validated(given)
    assert answer["status"] == "failed"
    assert answer["field_errors"]


@pytest.mark.parametrize("source", ["audit", "logging", "cloud_guard"])
@pytest.mark.slow
def test_source_that_is_switched_off_is_not_asked(world, source):
    """Its check is skipped, its service hears nothing, and the verdict is that of the others."""
    answer = world.validated(**{f"{source}_enabled": False})
    assert (answer["status"], by_name(answer)[source]["status"]) == ("ok", "skipped")
    assert by_name(answer)[source]["code"] == "SWITCHED_OFF"
    assert source.replace("_", "") not in {one.service for one in world.asked()}


@pytest.mark.parametrize("source", ["audit", "logging", "cloud_guard"])
def test_only_source_that_fails_fails_all(world, source):
    """Where the only enabled source cannot be read, nothing can flow."""
    others = {f"{name}_enabled": False for name in ("audit", "logging", "cloud_guard") if name != source}
    world.tenancy.deny(source.replace("_", ""))
    answer = world.validated(**others)
    assert answer["status"] == "failed"
    assert answer["summary"].startswith("Nothing can be collected: ")


def test_all_sources_failing_fails_all(world):
    """Three denied sources are no degraded connection."""
    for service in ("audit", "logging", "cloudguard"):
        world.tenancy.deny(service)
    answer = world.validated()
    assert (answer["ok"], answer["status"]) == (False, "failed")
    assert statuses(answer) == ["ok", "ok", "ok", "ok", "failed", "failed", "failed"]


@pytest.mark.slow
def test_degraded_summary_says_what_works_and_what_does_not(world):
    """The one sentence names the sources that can be collected, and the code of what cannot."""
    world.tenancy.cloud_guard.status = "DISABLED"
    assert world.validated()["summary"] == (
        "Audit Events and Logging Search can be collected; "
        "needs attention: Cloud Guard Problems (CLOUD_GUARD_DISABLED)."
    )


@pytest.mark.slow
def test_scope_is_what_is_asked_for(world):
    """With a compartment as scope, it and what is below it are tried, and its existence is looked up."""
    answer = world.validated(compartment_ocid=world.prod)
    assert by_name(answer)["audit"]["status"] == by_name(answer)["compartments"]["status"] == "ok"
    assert {one.compartment for one in world.asked("list_events")} == {world.prod, world.below}
    assert len(world.asked("get_compartment")) == 1
    assert "'prod' and what is below it" in by_name(answer)["compartments"]["message"]


@pytest.mark.slow
def test_root_alone_needs_no_list(world):
    """Without sub-compartments nothing has to be listed."""
    answer = world.validated(include_subcompartments=False)
    assert by_name(answer)["compartments"]["status"] == "ok"
    assert world.asked("list_compartments") == []


@pytest.mark.slow
def test_compartments_that_were_deleted_are_not_tried(world):
    """A deleted compartment below the scope says nothing about the rights."""
    world.tenancy.deny("audit", compartment=world.gone)
    assert by_name(world.validated())["audit"]["status"] == "ok"


@pytest.mark.slow
def test_all_regions_are_the_ready_ones(world):
    """With "all", the sources are tried in every subscribed region that is ready."""
    set_region(world.tenancy, "uk-london-1", "IN_PROGRESS")
    answer = world.validated(additional_regions=["all"])
    assert answer["status"] == "ok"
    assert {one.region for one in world.asked("list_events")} == {HOME, OTHER}


@pytest.mark.slow
def test_of_many_regions_the_first_are_tried(world):
    """To stay quick not every region is tried, and the message says how many were."""
    for region in ("uk-london-1", "us-phoenix-1", "ap-tokyo-1", "ap-osaka-1", "eu-paris-1", "eu-milan-1"):
        set_region(world.tenancy, region)
    answer = world.validated(additional_regions=["all"], logging_enabled=False, cloud_guard_enabled=False)
    assert "the first 6 of 8 regions" in by_name(answer)["audit"]["message"]
    assert len({one.region for one in world.asked("list_events")}) == 6


@pytest.mark.slow
def test_home_region_that_nobody_collects_is_mentioned(world):
    """IAM changes are recorded in the home region, so leaving it out is worth a word."""
    answer = world.validated(region=OTHER, additional_regions=[])
    assert answer["status"] in ("ok", "degraded")
    assert f"home region {HOME}, which is not among them" in by_name(answer)["authentication"]["message"]


@pytest.mark.slow
def test_connection_reset_is_tried_once_more(world):
    """One broken connection costs nothing but a second attempt."""
    world.fault("reset", operation="list_events", times=1)
    assert world.validated()["status"] == "ok"


@pytest.mark.slow
def test_connection_that_stays_broken_is_reported(world):
    """Two broken connections are reported as such."""
    world.fault("reset", operation="list_events", region=OTHER)
    check = by_name(world.validated())["audit"]
    assert (check["status"], check["code"]) == ("warning", "UNREACHABLE")
    assert len([one for one in world.asked("list_events") if one.region == OTHER]) == 2


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.slow
def test_nothing_else_is_tried_again(world, status):
    """The connection test waits for nobody: an error of the service is its finding."""
    world.fault("status", operation="list_events", status=status)
    world.validated()
    assert len(world.asked("list_events")) == 2


@pytest.mark.parametrize(
    ("service", "told"),
    [
        (None, "Whether Audit Events, Logging Search and Cloud Guard Problems can be collected is not known"),
        ("logging", "can be collected; whether Logging Search can be collected is not known"),
    ],
)
@pytest.mark.slow
def test_what_was_throttled_was_not_tested(world, service, told):
    """A 429 proves nothing: the summary never says of a source that only answered 429 that it can be collected."""
    world.fault("status", service=service, status=429)
    answer = world.validated()
    assert (answer["status"], answer["ok"]) == ("degraded", True)
    assert told in answer["summary"]
    assert "OCI throttled (429)" in answer["summary"]
    collected = answer["summary"].partition(" can be collected")[0] if service else ""
    assert "Logging" not in collected


@pytest.mark.parametrize("include_subcompartments", [True, False])
@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_wrong_scope_needs_no_policy(world, include_subcompartments, is_deleted):
    """Once the scope is known to be wrong, no check asks for a policy, and the user's groups are not looked up."""
    scope = world.gone if is_deleted else "ocid1.compartment.oc1..aaaaaaaanowhere"
    for service in ("audit", "logging", "cloudguard") if is_deleted else ():
        world.tenancy.deny(service, scope)
    answer = world.validated(compartment_ocid=scope, include_subcompartments=include_subcompartments)
    checks = by_name(answer)
    code = "COMPARTMENT_DELETED" if is_deleted else "COMPARTMENT_UNKNOWN"
    assert checks["compartments"]["code"] == checks["audit"]["code"] == code
    assert not [check for check in answer["checks"] if "Allow group" in check["remedy"]]
    assert "Follow the remedy of Compartments" in checks["audit"]["remedy"]
    assert not world.asked("list_user_group_memberships")


@pytest.mark.slow
def test_a_search_that_works_is_not_said_to_be_impossible(world):
    """The search of a deleted compartment finds nothing; the summary and the check do not contradict each other."""
    answer = world.validated(compartment_ocid=world.gone)
    assert "Logging Search and Cloud Guard Problems can be collected" in answer["summary"]
    message = by_name(answer)["logging"]["message"]
    assert message == "Nothing was found, because the compartment was deleted."


@pytest.mark.slow
def test_services_are_asked_side_by_side(world):
    """The whole takes as long as the longest way through it: many a request is sent while another is under way."""
    world.validated()
    world.sandbox.request_log.clear()
    world.sandbox.latency = 0.2
    world.validated()
    started = sorted(one.started for one in world.asked())
    overlapping = [after for before, after in pairwise(started) if after - before < 0.2]
    assert len(overlapping) > len(started) / 4


@pytest.mark.slow
def test_answer_comes_in_time_when_everything_hangs(world, little_time):
    """Silent endpoints are timeouts, and no connection is left open."""
    world.fault("hang")
    began = time.monotonic()
    answer = world.validated()
    assert time.monotonic() - began < little_time + HANGS_SECONDS / 2
    assert answer["status"] == "failed"
    assert {check["code"] for check in answer["checks"][2:]} == {"TIMEOUT"}
    assert eventually(lambda: world.sandbox.connections == 0)


@pytest.mark.slow
@pytest.mark.usefixtures("little_time")
@pytest.mark.parametrize("service", ["audit", "logging", "cloudguard"])
@pytest.mark.sampled(3)
def test_service_that_hangs_holds_up_no_other(world, service):
    """The other services' checks are made and right."""
    world.fault("hang", service=service)
    answer = world.validated()
    wrong = [check["name"] for check in answer["checks"] if check["status"] != "ok"]
    assert (answer["status"], wrong) == ("degraded", [service.replace("cloudguard", "cloud_guard")])


@pytest.mark.usefixtures("little_time")
@pytest.mark.slow
def test_identity_that_hangs_is_not_the_end(world, monkeypatch):
    """When Identity does not answer but the services accept the key, data flows."""
    monkeypatch.setattr(connection, "AUTHENTICATION_SECONDS", 0.3)
    monkeypatch.setattr(compartments, "_WAIT_SECONDS", 0.2)
    world.fault("hang", service="identity")
    answer = world.validated()
    checks = by_name(answer)
    assert answer["status"] == "degraded"
    assert (checks["authentication"]["status"], checks["authentication"]["code"]) == ("warning", "TIMEOUT")
    assert "other services accept the key" in checks["authentication"]["message"]
    assert checks["compartments"]["code"] == "TIMEOUT"
    assert checks["audit"]["code"] == "OK"


def test_limits_leave_room_below_twenty_seconds():
    """Everything that may be waited for adds up to less than the contract allows."""
    assert connection.AUTHENTICATION_SECONDS < connection.ALL_SECONDS
    groups_and_end = 2 * probe_session._GRACE_SECONDS
    assert connection.ALL_SECONDS + connection._GRACE_SECONDS + groups_and_end < 16


@pytest.mark.slow
def test_connections_and_threads_end_with_the_answer(world):
    """Nothing is left open once the hook has answered (threads: see `validated`)."""
    world.validated()
    assert eventually(lambda: world.sandbox.connections == 0)


@pytest.mark.parametrize("most", [1, 2])
@pytest.mark.slow
def test_requests_in_flight_stay_within_the_setting(world, monkeypatch, most):
    """`max_concurrency` bounds the requests to one service of one region here too."""
    world.tenancy.logging.groups.clear()
    world.sandbox.latency = 0.02
    call, lock, seen = Client.call, threading.Lock(), []
    under_way = Counter()

    def counted(client, *args, **kwargs):
        with lock:
            under_way[client] += 1
            seen.append(under_way[client])
        try:
            return call(client, *args, **kwargs)
        finally:
            with lock:
                under_way[client] -= 1

    monkeypatch.setattr(Client, "call", counted)
    world.validated(max_concurrency=most)
    assert max(seen) <= most


def test_nothing_is_asked_after_the_end(world):
    """A check that was given up and goes on later sends nothing more."""
    settings = parse_settings(world.tenancy.settings())
    key = load_api_key(world.tenancy.private_key_pem, "", world.tenancy.fingerprint)
    with probe_session.ProbeSession(settings, key, time.monotonic() + 5) as session:
        pass
    with pytest.raises(Failure, match="TIMEOUT"):
        session.call(HOME, "audit", lambda client: client.call("get_configuration"))
    assert world.asked() == []


class _Rows(list):
    """What a check has read so far."""


def test_a_failed_check_keeps_nothing_of_what_it_read(world):
    """As soon as a failure is told, what its check had read is let go, also while nobody looks for garbage."""
    settings = parse_settings(world.tenancy.settings())
    key = load_api_key(world.tenancy.private_key_pem, "", world.tenancy.fingerprint)
    kept = []

    def check():
        rows = _Rows()
        kept.append(weakref.ref(rows))
        session.call(HOME, "audit", _refused)

    with probe_session.ProbeSession(settings, key, time.monotonic() + 5) as session:
        gc.disable()
        try:
            results = session.run_parallel([check, check])
            assert [result.code for result in results] == ["INVALID_REQUEST"] * 2
            assert [rows() for rows in kept] == [None, None]
        finally:
            gc.enable()


def _refused(_client):
    raise Failure("INVALID_REQUEST")


def _raise(*_args, **_kwargs):
    raise ValueError("canary: Authorization: Signature keyId")


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("compartments", "check_compartments"),
        ("audit", "check_audit"),
        ("logging", "check_logging"),
        ("cloud_guard", "check_cloud_guard"),
    ],
)
@pytest.mark.slow
def test_unexpected_exception_of_a_check_stays_there(world, monkeypatch, caplog, name, function):
    """It becomes a failed check without its text, in the answer as in the log; the others are made."""
    monkeypatch.setattr(connection, function, _raise)
    monkeypatch.setattr(compartments, "_WAIT_SECONDS", 0.1)
    answer = world.validated()
    check = by_name(answer)[name]
    assert (check["status"], check["code"]) == ("failed", "INTERNAL_ERROR")
    assert "ValueError in _raise line" in check["message"]
    assert answer["status"] == "degraded"
    assert "canary" not in str(answer) + caplog.text
    assert "ValueError in _raise" in caplog.text


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("settings", "parse_settings"),
        ("private_key", "load_api_key"),
        ("authentication", "ProbeSession"),
        ("authentication", "check_authentication"),
        ("cloud_guard", "name_groups"),
    ],
)
def test_unexpected_exception_elsewhere_is_no_exception_of_the_hook(world, monkeypatch, name, function):
    """The check that was being made fails, those after it are skipped, and nothing is raised."""
    monkeypatch.setattr(connection, function, _raise)
    answer = world.validated()
    assert by_name(answer)[name]["code"] == "INTERNAL_ERROR"
    assert "canary" not in str(answer)


@pytest.mark.slow
def test_failure_inside_a_check_is_its_finding(world, monkeypatch):
    """A request that fails a check without being caught is reported with its code and remedy."""

    def fails(*_args):
        raise Failure("CONFLICT", opc_request_id="R")

    monkeypatch.setattr(connection, "check_audit", fails)
    check = by_name(world.validated())["audit"]
    assert (check["status"], check["code"], check["opc_request_id"]) == ("failed", "CONFLICT", "R")


@pytest.mark.slow
def test_encrypted_key_works_with_its_passphrase(world):
    """The passphrase opens the key and is shown nowhere (see `validated`)."""
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    key = load_pem_private_key(world.tenancy.private_key_pem.encode(), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"canary phrase"))
    settings = world.tenancy.settings(private_key=pem.decode(), private_key_passphrase="canary phrase")
    assert validated(settings)["status"] == "ok"
    wrong = validated(settings | {"private_key_passphrase": "canary wrong"})
    assert by_name(wrong)["private_key"]["code"] == "PASSPHRASE_WRONG"
    assert list(wrong["field_errors"]) == ["private_key_passphrase"]


@pytest.mark.slow
def test_two_tenancies_are_told_apart(world):
    """One after the other, each is validated with its own key and compartments."""
    world.neighbour.add_log_group(HOME, world.neighbour.ocid, "logs")
    assert world.validated()["status"] == "ok"
    assert validated(world.neighbour.settings())["status"] == "ok"
    assert {one.tenancy for one in world.asked()} == {world.tenancy.ocid, world.neighbour.ocid}


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        ("abc", "a, b and c"),
        ("abcdef", "a, b, c, d and 2 more"),
    ],
)
def test_names_are_listed_as_a_part_of_a_sentence(names, text):
    """Few are all named, of many the first."""
    assert join_names(names) == text
