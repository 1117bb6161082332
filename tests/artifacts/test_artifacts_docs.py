"""The page on artifacts says what the mapping does."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import pytest
from support.cases import check_each
from support.example_records import NAMES, ORIGIN, example, mapped, text_of

from signal_client_oci.artifacts.audit.record import read_audit_event
from signal_client_oci.artifacts.envelope import unmapped
from signal_client_oci.artifacts.secrets import names as secret_keys
from signal_client_oci.artifacts.secrets import patterns as secret_patterns
from signal_client_oci.artifacts.severity import CODES
from signal_client_oci.artifacts.vocabulary import table

PAGE = (Path(__file__).parents[2] / "docs" / "artifacts.md").read_text("utf-8")
OTHER_VALUES = [
    "192.0.2.77",
    "2026-03-05T01:02:03.000Z",
    1772619327,
    77,
    "77",
    "other",
    "LOW",
    "block",
    ["other"],
    {"other": "x"},
]
OTHER_TYPES = [
    "com.oraclecloud.identityControlPlane.CreatePolicy.end",
    "com.oraclecloud.objectstorage.listobjects",
    "com.oraclecloud.objectstorage.deleteobject",
    "admin.app.create.success",
    "535 Authentication failed",
    "250 Ok",
    "SUCCESS",
    "GRANT",
    "4720",
]


def section(title):
    """Return the text under a heading of the page, down to the next heading of its level or above."""
    level = title.partition(" ")[0]
    body = PAGE.split(f"\n{title}\n", 1)[1]
    return re.split(rf"\n#{{1,{len(level)}}} ", body)[0]


def rows(text):
    """Return the cells of a section's tables, heads and rules left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    heads = {index for index, line in enumerate(lines[1:]) if set(line) <= set("|- ")}
    return [row for index, row in enumerate(cells) if index not in heads and index - 1 not in heads]


def fields_of(title):
    """Return the mapping rows of a section: field, paths, example."""
    found = []
    for field, paths, _, shown in rows(section(title)):
        if field.startswith("`") and "From" in section(title):
            found.append(
                (field.strip("`"), re.findall(r"`([^`]+)`", paths), shown.strip("`").replace("\\|", "|"))
            )
    return found


LOG_SECTIONS = re.findall(r"^(### .+)$", section("## Logging"), re.MULTILINE)
LOG_COMMON = section("## Logging").split("\n### ")[0]
AUDIT, CLOUD_GUARD = fields_of("## Audit"), fields_of("## Cloud Guard")
LOGS = [row for title in LOG_SECTIONS for row in fields_of(title)]
COMMON = [
    (field.strip("`"), re.findall(r"`([^`]+)`", paths), shown.strip("`"))
    for field, paths, _, shown in (row for row in rows(LOG_COMMON) if len(row) == 4)
]
SOURCES = {"audit": AUDIT, "logging": COMMON + LOGS, "cloud_guard": CLOUD_GUARD}


def names_of(source):
    """Return the examples of a source; audit events that come by way of Logging have both mappings."""
    return [name for name in NAMES if name.startswith(source)]


def written(value):
    """Write a value as the page does."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else str(value)


@pytest.mark.parametrize("source", SOURCES)
def test_every_field_is_on_the_page(source):
    """What a mapping makes is in its tables, and the tables hold nothing that it does not make."""
    made_fields = {
        field for name in names_of(source) if name != "logging_audit_record"
        for field in example(name)["artifact"]["metadata"]
    }  # fmt: skip
    assert made_fields == {field for field, _, _ in SOURCES[source]}


ROWS = [(source, *row) for source, table_rows in SOURCES.items() for row in table_rows]


EXAMPLES = {name: example(name) for name in NAMES}


def test_an_example_on_the_page_is_real():
    """The value shown is the one that a record of the examples has in that field."""
    check_each(find_what_is_shown, ((f"{row[0]}-{row[1]}", row) for row in ROWS))


def find_what_is_shown(row):
    """Look for a row's value in the examples of its source."""
    source, field, _, shown = row
    assert shown in [written(EXAMPLES[name]["artifact"]["metadata"].get(field)) for name in names_of(source)]


@pytest.mark.slow
def test_a_field_comes_from_where_the_page_says():
    """Another value at a path that the page names makes another value of the field."""
    check_each(follow_paths, ((f"{row[0]}-{row[1]}", row) for row in ROWS))


def follow_paths(row):
    """Change what stands at a row's paths."""
    source, field, paths, shown = row
    for path in paths:
        assert any(moves(name, path, field) for name in names_of(source)), path
    assert paths or shown


def moves(name, path, field):
    """Return whether a field of an example changes with the value at a path."""
    given = EXAMPLES[name]
    kind = "details" if given.get("details") else "record"
    keys = path.split(".")
    place = given[kind]
    for key in keys[:-1]:
        place = place.get(key) if isinstance(place, dict) else None
    if not isinstance(place, dict) or place.get(keys[-1]) in (None, "", "-"):
        return False
    before = given["artifact"]["metadata"].get(field)
    for value in [*OTHER_VALUES, *OTHER_TYPES, f"{place[keys[-1]]}x", None]:
        changed = copy.deepcopy(given)
        target = changed[kind]
        for key in keys[:-1]:
            target = target[key]
        target[keys[-1]] = value
        if kind == "details" and path == "id":
            changed["record"]["id"] = value
        after = (
            mapped(given["source"], changed["record"], changed.get("details")).artifact["metadata"].get(field)
        )
        if after != before:
            return True
    return False


def test_the_scale_is_on_the_page():
    """Labels and codes are the code's."""
    assert {row[0].strip("`"): int(row[1]) for row in rows(section("## Severity"))} == CODES


def test_the_vocabulary_is_on_the_page():
    """Message types and log types are the tables'."""
    listed = [tuple(cell.strip("`") for cell in row) for row in rows(section("## Message types"))]
    assert listed == [(row["messageType"], row["host"], row["meaning"]) for row in table("message_types")]
    kinds = [tuple(cell.strip("`") for cell in row) for row in rows(LOG_COMMON) if len(row) == 5]
    assert kinds == [
        (row["type"], row["mapping"], row["messageType"], row["severity"], row["what"])
        for row in table("log_types")
    ]


def test_the_numbers_on_the_page_are_the_tables():
    """How many events, services and rules are listed is said right."""
    events = table("audit_events")
    services = {row["service"].split()[0] for row in events}
    assert f"{len(events)} event types of {len(services)} services" in PAGE
    assert f"{len(table('cloud_guard_rules'))} detector rules" in PAGE
    assert f"{len(table('identity_domain_events'))} events of identity domains" in PAGE


def test_the_markers_are_on_the_page():
    """Every kind of secret that is masked has its row."""
    kinds = {kind for kind in secret_keys.KINDS if kind not in {"directory", "seed"}}
    kinds |= secret_patterns.KINDS | {"session-token"}
    listed = {
        row[0].strip("`").removeprefix("<redacted:").removesuffix(">")
        for row in rows(section("## Redaction"))
    }
    assert listed == kinds


EVENT, FLOW = example("audit_update_security_list")["record"], example("logging_flow_accepted")["record"]
PROBLEM = example("cloud_guard_summary_only")["record"]
DATA, CONTENT = EVENT["data"], FLOW["logContent"]
ODD_RECORDS = [
    ("audit", text_of(EVENT).replace(b'"PUT"', b"PUT")),
    ("audit", text_of(EVENT).replace(b"web-sl", b"web-\xff\xfe")),
    ("audit", text_of(EVENT).replace(b"web-sl", b"web-\x01")),
    ("audit", text_of(EVENT)[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ("audit", text_of(EVENT)[:-1]),
    ("audit", text_of(EVENT) + b"x"),
    ("audit", b"5"),
    ("audit", {**EVENT, "data": {**DATA, "eventName": 5, "identity": 5, "response": "{}"}}),
    ("audit", {**EVENT, "data": None, "eventTime": "never"}),
    ("audit", {**EVENT, "data": {**DATA, "request": json.dumps(DATA["request"])}}),
    ("logging", {"logContent": {**CONTENT, "time": None}}),
    (
        "logging",
        {**FLOW, "logContent": {**CONTENT, "data": {**CONTENT["data"], "packets": "many", "action": []}}},
    ),
    ("logging", {**FLOW, "logContent": {**CONTENT, "type": "com.oraclecloud.waf", "data": {"request": 5}}}),
    ("logging", text_of(FLOW).replace(b'"packets":9', b'"packets":NINE')),
    ("cloud_guard", {**PROBLEM, "riskLevel": "APOCALYPTIC"}),
]


@pytest.mark.slow
def test_the_parse_errors_are_on_the_page():
    """Every kind of parse error that a record can have is in the table, and the table has no other."""
    odd = [mapped(source, record) for source, record in ODD_RECORDS]
    odd.append(unmapped(read_audit_event(b"{}", ORIGIN), "audit", KeyError()))
    told = {error for one in odd for error in one.artifact["metadata"]["oci.parseError"].split("; ")}
    patterns = [
        re.escape(text)
        .replace("<field>", r"[\w.]+")
        .replace(r"<time\ field>", r"[\w.]+")
        .replace(r"\.\.\.", ".+")
        for row in rows(section("## Records that cannot be read completely"))
        for text in re.findall(r"`([^`]+)`", row[0])
        if text != "oci.parseError"
    ]
    assert [error for error in told if not any(re.fullmatch(pattern, error) for pattern in patterns)] == []
    assert [pattern for pattern in patterns if not any(re.fullmatch(pattern, error) for error in told)] == []
