"""Malformed records: sound pages around them, and exact texts."""

import json
from datetime import timedelta

import pytest
from oci.loggingsearch.models import SearchLogsDetails
from support.malformed_records import emit_malformed_records

HOME = "us-ashburn-1"


@pytest.mark.parametrize(("service", "least"), [("audit", 40), ("logging", 40), ("cloudguard", 60)])
def test_every_odd_record_is_json_of_its_own(tenancy, service, least):
    """A page of them is sound JSON; only the deep one is too deep for Python's reader."""
    emitted = emit_malformed_records(tenancy, service, HOME, tenancy.ocid)
    assert len({one.raw for one in emitted}) == len({one.key for one in emitted}) == len(emitted) >= least
    too_deep = []
    for one in emitted:
        try:
            json.loads(one.raw)
        except RecursionError:
            too_deep.append(one)
    assert len(too_deep) == 1
    assert max(len(one.raw) for one in emitted) > 5 << 20


@pytest.mark.slow
def test_odd_events_are_served_in_one_sound_page(tenancy, connect, clock):
    """The bytes of the page are the records' bytes with commas between them."""
    emitted = emit_malformed_records(tenancy, "audit", HOME, tenancy.ocid)
    client = connect("audit")
    client.base_client.deserialize_response_data = lambda data, *_rest: data
    page = client.list_events(tenancy.ocid, clock() - timedelta(hours=1), clock()).data
    assert page == b"[" + b",".join(one.raw for one in emitted) + b"]"


@pytest.mark.slow
def test_odd_records_do_not_break_a_filtered_search(tenancy, connect, clock):
    """Records that no condition can be applied to meet none."""
    emit_malformed_records(tenancy, "logging", HOME, tenancy.ocid)
    sound = tenancy.emit_log_record(HOME, tenancy.ocid, time=clock() - timedelta(seconds=1), log_type="sound")
    details = SearchLogsDetails(
        time_start=clock() - timedelta(hours=1),
        time_end=clock(),
        search_query=f"search \"{tenancy.ocid}\" | where type = 'sound' | sort by datetime asc",
    )
    [result] = connect("logging").search_logs(details).data["results"]
    assert result == json.loads(sound.raw)
