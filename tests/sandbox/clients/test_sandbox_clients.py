"""The sandbox, read with Oracle's own command line and TypeScript SDK over its socket."""

from datetime import timedelta

import pytest

pytestmark = pytest.mark.slow

HOUR = timedelta(hours=1)


def test_the_command_line_lists_audit_events(filled, command_line, clock):
    """Every page of a window, whatever its hours."""
    window = f"--start-time {clock() - HOUR:%Y-%m-%dT%H:%MZ} --end-time {clock():%Y-%m-%dT%H:%MZ}"
    found = command_line("audit", f"audit event list --compartment-id {filled.ocid} --all {window}")
    assert sorted(one["event-id"] for one in found) == filled.ground_truth.keys("audit")


def test_the_command_line_lists_problems(filled, command_line):
    """With a limit it counts every field of the collection, so none may be missing."""
    found = command_line(
        "cloudguard",
        f"cloud-guard problem list --compartment-id {filled.ocid} --compartment-id-in-subtree true"
        " --access-level ACCESSIBLE --sort-by resourceName --limit 3",
    )
    assert [one["resource-name"] for one in found["items"]] == ["bucket-0", "bucket-1", "bucket-2"]
    assert found["items"][0]["locks"] == []


def test_the_command_line_searches_logs(filled, command_line, clock):
    """A query with more than one condition, as the console would send it."""
    query = f'search "{filled.ocid}" | data.n > 1 and not (data.n in (3)) | sort by datetime desc'
    window = f"--time-start {(clock() - HOUR).isoformat()} --time-end {clock().isoformat()}"
    found = command_line("logging", f"logging-search search-logs {window} --search-query", query)
    assert [one["data"]["logContent"]["data"]["n"] for one in found["results"]] == [2, 4]


@pytest.mark.usefixtures("filled")
def test_the_command_line_lists_compartments(command_line):
    """The root is looked up beside the list."""
    found = command_line("identity", "iam compartment list --all --include-root --sort-by NAME")
    assert [one["name"] for one in found] == ["acme", "dev", "prod"]


def test_the_typescript_sdk_reads_all_of_it(filled, typescript):
    """Lists in pages, the details of a problem and a search, in one process."""
    found = typescript()
    assert [one["name"] for one in found["compartments"]] == ["dev", "prod"]
    assert [one["regionKey"] for one in found["regions"]] == ["IAD", "FRA"]
    assert sorted(one["eventId"] for one in found["events"]) == filled.ground_truth.keys("audit")
    assert [one["riskLevel"] for one in found["problems"]] == ["HIGH", *["LOW"] * 4]
    assert found["details"]["id"] == found["problems"][0]["id"]
    assert found["details"]["recommendation"]
    assert [one["data"]["logContent"]["data"]["n"] for one in found["records"]] == [4, 3, 2]
