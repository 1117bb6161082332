"""`policy`, `schema` and `explain`: what they print is what the package itself says."""

from __future__ import annotations

import json
import re

import pytest
from support.command_lines import call, one_line, write_instances

from signal_client_oci.errors.catalog import CATALOG
from signal_client_oci.errors.policies import statements
from signal_client_oci.settings.schema import settings_schema

ALL = ("audit", "logging", "cloud_guard", "identity")
USER = "ocid1.user.oc1..aaaaaaaauser"
GROUP = "ocid1.group.oc1..aaaaaaaagroup"


def policy(capsys, *arguments):
    """The statements that a call prints."""
    ended = call(capsys, "policy", *arguments)
    assert ended.code == 0, ended
    return ended.out.splitlines()


def test_the_statements_of_all_sources_are_the_package_s_own(capsys):
    """Command line, remedies and docs cannot disagree."""
    assert policy(capsys, "--group", "readers") == statements(ALL, "readers")


def test_without_a_group_the_placeholder_is_explained_apart_from_the_statements(capsys):
    """What can be piped stays free of advice."""
    ended = call(capsys, "policy")
    assert ended.out.splitlines() == statements(ALL)
    assert "--group" in ended.err


@pytest.mark.parametrize(
    ("arguments", "subject"),
    [
        (["--group", "Team Blue"], "group 'Team Blue'"),
        (["--domain", "Default", "--group", "readers"], "group 'Default'/'readers'"),
        (["--group", "Default/readers"], "group 'Default'/'readers'"),
        (["--group", "'My Domain'/'readers'"], "group 'My Domain'/'readers'"),
        (["--group-ocid", GROUP], f"group id {GROUP}"),
    ],
)
def test_a_group_is_named_as_the_policy_language_wants_it(capsys, arguments, subject):
    """Names with blanks and domains are quoted, an OCID stands after `id`."""
    assert all(line.startswith(f"Allow {subject} to ") for line in policy(capsys, *arguments))


def test_a_single_user_is_allowed_by_a_condition(capsys):
    """IAM knows no `Allow user`."""
    pattern = re.compile(rf"Allow any-user to .+ in tenancy where request\.user\.id = '{re.escape(USER)}'")
    lines = policy(capsys, "--user", USER)
    assert len(lines) == len(statements(ALL))
    assert all(map(pattern.fullmatch, lines))


def test_only_the_sources_that_are_switched_on_need_rights(capsys, tmp_path, tenancy):
    """An instance's switches decide, and --source overrides them."""
    settings = tenancy.settings(logging_enabled=False, cloud_guard_enabled=False)
    path = write_instances(tmp_path, prod=settings)
    assert policy(capsys, path, "--group", "g") == statements(["audit", "identity"], "g")
    assert policy(capsys, path, "--group", "g", "-s", "logging") == statements(["logging", "identity"], "g")


@pytest.mark.parametrize(
    ("switches", "way_out"),
    [
        (dict.fromkeys(("audit_enabled", "logging_enabled", "cloud_guard_enabled"), False), "--source"),
        ({"audit_enabled": "maybe"}, "audit_enabled: This must be true or false"),
    ],
)
def test_switches_that_leave_nothing_or_say_nothing_are_refused(capsys, tmp_path, tenancy, switches, way_out):
    """A policy without statements helps nobody, and a switch that is neither on nor off is not guessed."""
    path = write_instances(tmp_path, prod=tenancy.settings(**switches))
    assert way_out in one_line(call(capsys, "policy", path))


def test_searching_audit_needs_more(capsys, tmp_path, tenancy):
    """An instance's mode decides what Audit needs, --audit-mode overrides it, and nothing is stated twice."""
    only_audit = {"logging_enabled": False, "cloud_guard_enabled": False}
    path = write_instances(tmp_path, prod=tenancy.settings(audit_mode="Search", **only_audit))
    searched = statements(["audit_search", "identity"], "g")
    assert policy(capsys, path, "--group", "g") == searched
    assert policy(capsys, "-s", "audit", "--audit-mode", "search", "--group", "g") == searched
    listed = statements(["audit", "identity"], "g")
    assert policy(capsys, path, "--group", "g", "--audit-mode", "events") == listed
    assert policy(capsys, "--audit-mode", "search", "--group", "g") == statements(ALL, "g")
    refused = call(capsys, "policy", "--audit-mode", "export")
    assert "--audit-mode: This must be one of events, search" in one_line(refused)
    path = write_instances(tmp_path, prod=tenancy.settings(audit_mode="export"))
    assert "audit_mode: This must be one of events, search" in one_line(call(capsys, "policy", path))


def test_a_tenancy_that_would_steer_the_terminal_is_refused(capsys, tmp_path, tenancy):
    """Control characters of a file reach neither the screen nor the resource."""
    path = write_instances(tmp_path, prod=tenancy.settings(tenancy_ocid="ocid1.tenancy\u009b2J"))
    assert "tenancy_ocid: The OCID is incomplete or contains characters" in one_line(
        call(capsys, "policy", path, "--terraform")
    )


def test_terraform_gets_a_resource_whose_strings_cannot_be_templates(capsys, toml, tenancy):
    """Names with Terraform's template marks stay names; the tenancy is the instance's."""
    ended = call(capsys, "policy", toml, "--terraform", "--domain", 'a"${b}%{c}', "--group", "g")
    assert ended.code == 0
    assert f'compartment_id = "{tenancy.ocid}"' in ended.out
    assert ended.out.count("Allow group 'a\\\"$${b}%%{c}'/'g' to ") == len(statements(ALL))
    assert "variable" not in ended.out
    without_file = call(capsys, "policy", "--group", "g", "--terraform").out
    assert "= var.tenancy_ocid\n" in without_file
    assert without_file.startswith('variable "tenancy_ocid" {\n'), "what it uses is declared"


def test_terraform_takes_the_tenancy_from_a_pasted_preview(capsys, tmp_path, tenancy):
    """What the console hands out may stand in the file as it was pasted; what is no OCID is refused by its name."""
    preview = f"[DEFAULT]\nuser={USER}\ntenancy={tenancy.ocid}\n"
    path = write_instances(tmp_path, prod=tenancy.settings(tenancy_ocid=preview))
    assert f'compartment_id = "{tenancy.ocid}"' in call(capsys, "policy", path, "--terraform").out
    path = write_instances(tmp_path, prod=tenancy.settings(tenancy_ocid="acme"))
    assert "tenancy_ocid: This is not an OCID" in one_line(call(capsys, "policy", path, "--terraform"))


def test_statements_as_json(capsys):
    """A program gets a list."""
    assert json.loads(call(capsys, "policy", "--group", "g", "--json").out) == statements(ALL, "g")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--group", "a", "--user", USER], "--group, --group-ocid and --user cannot be combined; use one"),
        (["--group", "a'b"], "quotes or control characters cannot be used in a statement; use --group-ocid"),
        (["--group", "a/b/c'd"], "quotes or control characters"),
        (["--group", "a\nb"], "quotes or control characters"),
        (["--group", GROUP], "--group: this is an OCID, not a name; use --group-ocid"),
        (["--group", f"id {GROUP}"], "--group: this is an OCID, not a name; use --group-ocid"),
        (["--domain", "d"], "--domain needs the --group in that domain"),
        (["--user", GROUP], "--user: not the OCID of a user; it begins with ocid1.user."),
        (["--group-ocid", "readers"], "--group-ocid: not the OCID of a group; it begins with ocid1.group."),
        (["--terraform", "--json"], "--terraform and --json cannot be combined; use one of them"),
        (["--instance", "prod"], "--instance needs the FILE that has the instance"),
    ],
)
def test_what_fits_no_statement_is_refused(capsys, arguments, said):
    """A policy that OCI would refuse, or read differently, is not printed; the error names the option and the way."""
    assert said in one_line(call(capsys, "policy", *arguments))


def test_schema_is_the_form(capsys):
    """The printed form is the one that the host gets."""
    assert json.loads(call(capsys, "schema").out) == settings_schema()


@pytest.mark.parametrize("code", sorted(CATALOG))
def test_every_code_is_explained(capsys, code):
    """Meaning, way of finding out and remedy are all shown, whatever the case of the code."""
    ended = call(capsys, "explain", code.lower())
    words = " ".join(ended.out.split())
    entry = CATALOG[code]
    assert ended.code == 0
    assert entry.summary in words
    assert entry.diagnosis in words
    assert all(statement in ended.out for statement in re.findall(r"`(Allow [^`]+)`", entry.remedy))


@pytest.mark.slow
def test_the_list_of_codes_is_complete(capsys):
    """Without a code, each one is listed with its meaning, each on a line of its own."""
    lines = call(capsys, "explain").out.splitlines()
    listed = {line.split()[0] for line in lines if line.startswith("  ")}
    assert listed == set(CATALOG)


def test_an_entry_as_json(capsys):
    """A program gets the three parts by name."""
    told = json.loads(call(capsys, "explain", "STOPPED", "--json").out)
    assert told == {"STOPPED": CATALOG["STOPPED"]._asdict()}


def test_an_unknown_code_is_told_with_the_nearest(capsys):
    """A slip of the finger shows what was meant."""
    assert "CLOUD_GUARD_DISABLED" in one_line(call(capsys, "explain", "CLOUD_GUARD_DISABLE"))
