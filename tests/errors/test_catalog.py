"""The table of codes: complete, well-formed, used, and the same in the documentation."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from signal_client_oci.errors.catalog import CATALOG, SECTIONS, denied_code
from signal_client_oci.errors.failure import Failure
from signal_client_oci.errors.key_errors import KEY_ERRORS
from signal_client_oci.errors.policies import statements
from signal_client_oci.oci_api import client as clients
from signal_client_oci.settings.schema import FIELDS

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "signal_client_oci"
STATEMENTS = set(statements(("audit", "logging", "cloud_guard", "identity")))
TABLE = [
    section for section in (PACKAGE / "errors" / "catalog").glob("*.py") if section.name != "__init__.py"
]
NOT_RAISING = [*TABLE, PACKAGE / "sandbox", PACKAGE / "host", PACKAGE / "cli"]


def _generator():
    spec = importlib.util.spec_from_file_location(
        "generate_troubleshooting", ROOT / "docs" / "generate_troubleshooting.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _sources():
    """Yield the text of each module that can raise a code."""
    for path in PACKAGE.rglob("*.py"):
        if not any(path.is_relative_to(folder) for folder in NOT_RAISING):
            yield path.read_text(encoding="utf-8")


def test_no_code_stands_in_two_sections():
    """Each code has exactly one entry."""
    assert sum(len(section.entries) for section in SECTIONS) == len(CATALOG)


@pytest.mark.parametrize("code", CATALOG)
def test_entry_is_complete(code):
    """A code is upper snake case, its summary a clause, diagnosis and remedy are sentences."""
    entry = CATALOG[code]
    assert re.fullmatch(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*", code)
    assert entry.summary
    assert not entry.summary.endswith(".")
    for text in (entry.diagnosis, entry.remedy):
        assert re.match(r"[A-Z`]", text)
        assert text.endswith((".", "`"))
    assert not re.search(r"(?<!`)\{\w+\}(?!`)", " ".join(entry)), "a placeholder was not filled in"


@pytest.mark.parametrize("code", CATALOG)
def test_statements_in_remedies_are_the_codes_own(code):
    """A policy statement in a remedy is one of those that `policies` has, to the letter."""
    assert set(re.findall(r"`(Allow [^`]*)`", CATALOG[code].remedy)) <= STATEMENTS
    assert "Allow user" not in " ".join(CATALOG[code])


@pytest.mark.parametrize(
    ("code", "where"),
    [
        ("CLOUD_GUARD_NOT_ENABLED", "Identity & Security > Cloud Guard"),
        ("CLOUD_GUARD_DISABLED", "Identity & Security > Cloud Guard"),
        ("SIGN_UP_REQUIRED", "Identity & Security > Cloud Guard"),
        ("COMPARTMENT_UNKNOWN", "Identity & Security > Compartments"),
        ("COMPARTMENT_DELETED", "Identity & Security > Compartments"),
        ("LOGGING_QUERY_REFUSED", "Observability & Management > Logging > Search"),
    ],
)
def test_a_remedy_says_where_by_itself(code, where):
    """A check shows the remedy without the diagnosis, so the remedy contains the place in the console."""
    assert where in CATALOG[code].remedy
    assert not re.search(r"\b(?:Enable Cloud Guard|service) there\b", CATALOG[code].remedy)


@pytest.mark.parametrize("code", sorted(code for code in CATALOG if code not in KEY_ERRORS))
def test_every_entry_can_be_met(code):
    """No entry explains a code that nothing in the package uses."""
    assert any(f'"{code}"' in text for text in _sources())


@pytest.mark.parametrize("code", CATALOG)
def test_settings_are_named_by_their_titles(code):
    """An entry names a field as the form does, never by the name that programs give it."""
    names = {name for name in FIELDS if "_" in name}
    assert not names & set(re.findall(r"\w+", " ".join(CATALOG[code])))


@pytest.mark.slow
def test_every_code_that_is_used_has_an_entry():
    """Whatever is raised, reported or warned of under a code can be explained."""
    pattern = re.compile(
        r"(?:Failure|from_code|trouble|skipped|CheckpointError)\(\s*(?:\"\w+\",\s*)?\"([A-Z]+(?:_[A-Z]+)+)\""
    )
    used = {code for text in _sources() for code in pattern.findall(text)}
    assert len(used) > 20
    assert used <= set(CATALOG)


def test_every_error_of_a_key_has_an_entry():
    """Each error of a private key can be explained like every other code."""
    assert set(KEY_ERRORS) <= set(CATALOG)
    assert Failure("PRIVATE_KEY_TOO_SHORT").remedy == KEY_ERRORS["PRIVATE_KEY_TOO_SHORT"].remedy


@pytest.mark.parametrize("service", sorted(clients.SERVICES))
def test_every_service_has_a_code_for_its_missing_policy(service):
    """A 404 of each service leads to a remedy with statements."""
    assert re.search("`Allow group <group> to ", CATALOG[denied_code(service)].remedy)


@pytest.mark.parametrize(
    ("code", "way_out"),
    [
        ("AUDIT_NOT_AUTHORIZED", "Allow group <group> to read audit-events in tenancy"),
        ("LOGGING_NOT_AUTHORIZED", "Allow group <group> to read log-content in tenancy"),
        ("CLOUD_GUARD_NOT_AUTHORIZED", "Allow group <group> to read cloud-guard-config in tenancy"),
        ("COMPARTMENTS_NOT_AUTHORIZED", "Allow group <group> to inspect compartments in tenancy"),
        ("REGIONS_NOT_AUTHORIZED", "Allow group <group> to inspect tenancies in tenancy"),
        ("AUDIT_NOT_AUTHORIZED", "group '<domain>'/'<group>'"),
        ("TLS_UNKNOWN_CA", "REQUESTS_CA_BUNDLE"),
        ("PROXY_FAILED", "HTTPS_PROXY"),
        ("CLOCK_SKEW", "timedatectl set-ntp true"),
        ("CLOUD_GUARD_NOT_ENABLED", "free tenancy"),
        ("NOT_AUTHENTICATED", "API keys"),
        ("REGION_NOT_SUBSCRIBED", "subscribe"),
        ("NOT_FROM_OCI", "Endpoint Template"),
    ],
)
def test_remedy_names_the_exact_way_out(code, way_out):
    """The remedy contains the statement, variable, command or console path that helps."""
    assert way_out in CATALOG[code].remedy


def test_troubleshooting_page_is_what_the_table_says():
    """`docs/troubleshooting.md` is made from the table and was not forgotten after a change."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    assert page == _generator().troubleshooting_page()


def test_troubleshooting_page_has_a_heading_for_every_code():
    """Each code can be linked to."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    assert re.findall(r"^### (\w+)$", page, re.MULTILINE) == list(CATALOG)


def test_troubleshooting_page_shows_nothing_as_html():
    """A placeholder in angle brackets is in code, where it is not taken for a tag."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    prose = re.sub(r"```.*?```|`[^`]*`", "", page, flags=re.DOTALL)
    assert not re.search(r"<\w", prose)
