"""`check`: the verdict, the checks, the way out, and the exit code."""

from __future__ import annotations

import json

import pytest
from support.command_lines import call, write_instances

from signal_client_oci.errors.policies import statements
from signal_client_oci.sandbox import InjectedFault


@pytest.mark.slow
def test_a_working_connection_is_ok(capsys, toml):
    """Each of the seven checks has its line, and the exit code is 0."""
    ended = call(capsys, "check", toml)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("prod: ok. ")
    assert [line.split()[0] for line in ended.out.splitlines()[2:]] == ["ok"] * 7


@pytest.mark.slow
def test_a_degraded_connection_passes_unless_strict(capsys, tenancy, toml):
    """Data flows, so scripts go on; who wants all of it asks for it."""
    tenancy.cloud_guard.status = "DISABLED"
    ended = call(capsys, "check", toml)
    assert ended.code == 0
    assert ended.out.startswith("prod: degraded. ")
    assert call(capsys, "check", toml, "--strict").code == 1


@pytest.mark.slow
def test_the_remedy_stands_below_the_check_that_failed(capsys, tenancy, toml):
    """Code, request id and the exact statements to copy follow the failing line."""
    tenancy.deny("audit")
    lines = call(capsys, "check", toml).out.splitlines()
    failed = next(number for number, line in enumerate(lines) if line.startswith("failed "))
    assert "Audit" in lines[failed]
    assert lines[failed + 1].strip().startswith("AUDIT_NOT_AUTHORIZED, ")
    assert "request id " in lines[failed + 1]
    assert lines[failed + 2].strip().startswith("remedy ")
    grant = statements(["audit"])[0].partition(" to ")[2]
    assert lines[failed + 3].strip().startswith("Allow group ")
    assert lines[failed + 3].strip().endswith(f" to {grant}")


@pytest.mark.slow
def test_a_remedy_is_told_once(capsys, sandbox, toml):
    """What stops every check has one remedy, to which the others point."""
    fault = sandbox.faults.add(InjectedFault("status", status=503))
    shown = call(capsys, "check", toml).out
    sandbox.faults.remove(fault)
    assert shown.count("SERVICE_ERROR, ") == 5
    assert " ".join(shown.split()).count("report the request id to Oracle") == 1
    assert shown.count("As for Authentication.") == 4


def test_wrong_settings_are_listed_by_field_and_nothing_is_sent(capsys, sandbox, tmp_path, tenancy):
    """Each field has a line of its own, and the exit code is 1."""
    path = write_instances(tmp_path, prod=tenancy.settings(region="nowhere", fingerprint="x"))
    ended = call(capsys, "check", path)
    assert ended.code == 1
    assert "\n  fingerprint " in ended.out
    assert "\n  region " in ended.out
    assert sandbox.requests == []


@pytest.mark.slow
def test_json_is_the_connector_s_own_answer(capsys, toml):
    """Programs get what the host gets, and nothing else on stdout."""
    answer = json.loads(call(capsys, "check", toml, "--json").out)
    assert answer["ok"] is True
    assert [check["name"] for check in answer["checks"]][:2] == ["settings", "private_key"]


def test_settings_of_a_call_are_changed_by_set(capsys, tenancy, toml):
    """The value of --set is read like that of a form."""
    tenancy.cloud_guard.status = "DISABLED"
    ended = call(capsys, "check", toml, "--strict", "--set", "cloud_guard_enabled=false")
    assert ended.code == 0
    assert "skipped  Cloud Guard" in ended.out


@pytest.mark.slow
def test_an_oci_profile_works_like_an_instance(capsys, tmp_path, tenancy):
    """The configuration file of the OCI tools is all that is needed."""
    key = tmp_path / "key.pem"
    key.touch(mode=0o600)
    key.write_text(tenancy.private_key_pem)
    config = tmp_path / "config"
    config.write_text(
        f"[READER]\nuser={tenancy.user}\ntenancy={tenancy.ocid}\nfingerprint={tenancy.fingerprint}\n"
        f"region=us-ashburn-1\nkey_file={key}\n"
    )
    options = ("--oci-config", config, "--profile", "READER")
    ended = call(capsys, "check", *options, "--set", f"endpoint_template={tenancy.endpoint_template}")
    assert ended.code == 0
    assert ended.out.startswith("READER: ok. ")


@pytest.mark.slow
def test_the_console_s_configuration_preview_can_be_used_as_pasted(capsys, tmp_path, tenancy):
    """Its remark behind the key file is no part of the path, and its placeholder is told as one."""
    key = tmp_path / "key.pem"
    key.touch(mode=0o600)
    key.write_text(tenancy.private_key_pem)
    config = tmp_path / "config"
    preview = (
        f"[DEFAULT]\nuser={tenancy.user}\nfingerprint={tenancy.fingerprint}\ntenancy={tenancy.ocid}\n"
        "region=us-ashburn-1\nkey_file=<path to your private keyfile> # TODO\n"
    )
    options = ("--oci-config", config, "--set", f"endpoint_template={tenancy.endpoint_template}")
    config.write_text(preview)
    assert "replace it with the path of the downloaded .pem file" in call(capsys, "check", *options).err
    config.write_text(preview.replace("<path to your private keyfile>", str(key)))
    assert call(capsys, "check", *options).code == 0
