"""Every body that the sandbox sends is what the models of the official Python SDK expect."""

import json
import re
from datetime import timedelta

import pytest
from oci.loggingsearch.models import SearchLogsDetails

from signal_client_oci.sandbox.scenario import Scenario
from signal_client_oci.sandbox.services import operations

UNKNOWN = "UNKNOWN_ENUM_VALUE"
TYPES = {"str": [str], "int": [int], "float": [int, float], "bool": [bool]}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def deviations(raw, read, kind, where="body"):
    """Yield what JSON and the SDK's reading of it have that `kind`, a type as the models name it, does not know."""
    if inner := re.fullmatch(r"list\[(.*)\]", kind):
        for number, item in enumerate(raw):
            yield from deviations(item, read[number], inner[1], f"{where}[{number}]")
    elif inner := re.fullmatch(r"dict\(str, (.*)\)", kind):
        for name, value in raw.items():
            yield from deviations(value, read[name], inner[1], f"{where}.{name}")
    elif hasattr(read, "swagger_types"):
        yield from _deviations_of_a_model(raw, read, where)
    elif kind == "datetime":
        if not (isinstance(raw, str) and TIME.fullmatch(raw)):
            yield f"{where} is {raw!r}, not a time in milliseconds"
    elif kind != "object" and type(raw) not in TYPES[kind]:
        yield f"{where} is {raw!r}, not {kind}"


def _deviations_of_a_model(raw, read, where):
    yield from (f"{where}.{name} is not in the model" for name in raw.keys() - read.attribute_map.values())
    yield from (f"{where}.{name} is missing" for name in read.attribute_map.values() - raw.keys())
    for name, json_name in read.attribute_map.items():
        value, place = getattr(read, name), f"{where}.{json_name}"
        if isinstance(value, str) and value == UNKNOWN:
            yield f"{place} is {raw[json_name]!r}, which the model does not know"
        elif raw.get(json_name) is not None:
            yield from deviations(raw[json_name], value, read.swagger_types[name], place)
        elif "**[Required]**" in getattr(type(read), name).__doc__:
            yield f"{place} is required"


@pytest.fixture
def client(connect):
    """Make clients that keep (body, what the SDK read, its type) of each answer in `answers`."""

    def make(service, answers):
        one = connect(service, skip_deserialization=False)
        original = one.base_client.deserialize_response_data

        def read(body, kind, *rest):
            answers.append((json.loads(body), original(body, kind, *rest), kind))
            return answers[-1][1]

        one.base_client.deserialize_response_data = read
        return one

    return make


@pytest.fixture
def answers(tenancy, client, clock):
    """The answers of every operation, about an invented company whose problems have been in every state."""
    tenancy.logging.includes_audit = True
    story, found, start = Scenario(tenancy), [], clock() - timedelta(hours=1)
    clock.advance(hours=2)
    story.advance()
    for detail in ("DISMISSED", "DELETED"):
        tenancy.add_problem(lifecycle_detail=detail, comment="known")
    tenancy.emit_audit_event(tenancy.regions[0], tenancy.ocid)
    window, root, region = (start, clock()), tenancy.ocid, {"compartment_id_in_subtree": True}
    audit, logging, groups, guard, identity = (
        client(name, found) for name in ("audit", "logging", "groups", "cloudguard", "identity")
    )
    for ocid in tenancy.tree.subtree(root):
        audit.list_events(ocid, *window)
        groups.list_log_groups(ocid)
        identity.get_compartment(ocid)
        query = f'search "{ocid}" | sort by datetime asc'
        details = SearchLogsDetails(time_start=window[0], time_end=window[1], search_query=query)
        logging.search_logs(details, limit=1000)
    guard.get_configuration(root)
    for state in ("ACTIVE", "INACTIVE"):
        listed = guard.list_problems(root, lifecycle_state=state, access_level="ACCESSIBLE", **region).data
        for problem in listed.items:
            guard.get_problem(problem.id)
    identity.list_compartments(root, **region)
    identity.get_tenancy(root)
    identity.list_region_subscriptions(root)
    identity.get_user(tenancy.user)
    for one in identity.list_user_group_memberships(root, user_id=tenancy.user).data:
        identity.get_group(one.group_id)
    return found


@pytest.mark.slow
def test_every_body_is_what_the_models_of_the_sdk_expect(answers, sandbox):
    """Every field of the models, and none else, with a type and value that they know; only the root has no parent."""
    assert {one.operation for one in sandbox.requests} == set(operations._OPERATIONS)
    assert {one.status for one in sandbox.requests} == {200}
    assert list(dict.fromkeys(odd for answer in answers for odd in deviations(*answer))) == [
        "body.compartmentId is required"
    ]
    states = {body["lifecycleDetail"] for body, _, kind in answers if kind == "Problem"}
    assert states == {"OPEN", "RESOLVED", "DISMISSED", "DELETED"}


def test_a_deviation_is_seen(tenancy, client):
    """The check above sees an unknown or missing field, an unknown enum value, a wrong type and an absent value."""
    odd = {"riskLevel": "AWFUL", "manageType": "X", "labels": [7], "timeLastDetected": "2026-03-02T09:00:00Z"}
    usual = json.loads(tenancy.cloud_guard.problems[tenancy.add_problem()].versions[0].summary)
    del usual["locks"]
    tenancy.add_problem(raw=json.dumps(usual | odd | {"id": None}).encode())
    answers = []
    client("cloudguard", answers).list_problems(tenancy.ocid)
    assert sorted(deviations(*answers[-1])) == [
        "body.items[1].id is required",
        "body.items[1].labels[0] is 7, not str",
        "body.items[1].locks is missing",
        "body.items[1].manageType is not in the model",
        "body.items[1].riskLevel is 'AWFUL', which the model does not know",
        "body.items[1].timeLastDetected is '2026-03-02T09:00:00Z', not a time in milliseconds",
    ]
