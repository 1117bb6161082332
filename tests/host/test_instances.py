"""Instances read from TOML files and OCI profiles, and what is said when that fails."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from signal_client_oci.contract import CONNECTOR
from signal_client_oci.host.instances import (
    Instance,
    InstancesError,
    InstanceSet,
    from_oci_profile,
    read_instances,
)
from signal_client_oci.settings.schema import FIELDS

PEM = "-----BEGIN PRIVATE KEY-----\nMIIcanary\n-----END PRIVATE KEY-----\n"
BASE = """
tenancy_ocid = "ocid1.tenancy.oc1..a"
user_ocid = "ocid1.user.oc1..u"
fingerprint = "aa:bb"
region = "us-ashburn-1"
"""


@pytest.fixture
def folder(tmp_path):
    """A directory with a private key file."""
    (tmp_path / "key.pem").write_text(PEM)
    (tmp_path / "key.pem").chmod(0o600)
    return tmp_path


def toml(folder, text):
    """A private TOML file with this text."""
    path = folder / "instances.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def table(*lines, name="prod", key='private_key_file = "key.pem"'):
    """One `[instances.NAME]` table."""
    return "\n".join((f"[instances.{name}]", BASE, key, *lines, ""))


def fault(call, *args, **named):
    """The text of the `InstancesError` of a call: one line, and without any secret."""
    with pytest.raises(InstancesError) as caught:
        call(*args, **named)
    text = str(caught.value)
    assert "\n" not in text
    assert "canary" not in text + repr(caught.value)
    return text


def test_an_instance_is_the_settings_and_when_to_poll(folder):
    """Settings go to the connector under their own names; the file's own keys do not."""
    path = toml(
        folder, table("enabled = false", "poll_interval_minutes = 0.5", 'additional_regions = ["all"]')
    )
    [one] = read_instances(path).instances
    assert (one.name, one.connector, one.enabled, one.poll_interval_minutes) == (
        "prod",
        CONNECTOR,
        False,
        0.5,
    )
    assert one.settings == {
        "tenancy_ocid": "ocid1.tenancy.oc1..a",
        "user_ocid": "ocid1.user.oc1..u",
        "fingerprint": "aa:bb",
        "region": "us-ashburn-1",
        "additional_regions": ["all"],
        "private_key": PEM,
    }


def test_without_more_words_an_instance_is_polled_every_five_minutes(folder):
    """Enabled and five minutes are the defaults, as the host recommends."""
    [one] = read_instances(toml(folder, table())).instances
    assert (one.enabled, one.poll_interval_minutes) == (True, 5)


def test_every_setting_of_the_connector_is_known(folder):
    """Each property of the schema may stand in the file."""
    lines = [f"{name} = 1" for name in FIELDS if name not in BASE and name != "private_key"]
    lines.remove("private_key_passphrase = 1")
    [one] = read_instances(toml(folder, table(*lines))).instances
    assert set(FIELDS) == {*one.settings, "private_key_passphrase"}


@pytest.mark.parametrize(
    "key",
    [
        'private_key_file = "{folder}/key.pem"',
        'private_key_file = "key.pem"',
        'private_key_file = "~/key.pem"',
        'private_key_env = "OCI_KEY"',
        "private_key = '''{pem}'''",
    ],
)
def test_the_key_comes_from_a_file_the_environment_or_the_table(folder, monkeypatch, key):
    """Paths may be full, relative to the TOML file (not to where the process runs), or begin with ~."""
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir("/")
    path = toml(folder, table(key=key.format(folder=folder, pem=PEM)))
    [one] = read_instances(path, environ={"OCI_KEY": PEM}).instances
    assert one.settings["private_key"] == PEM


def test_the_passphrase_may_come_from_the_environment(folder):
    """`private_key_passphrase_env` names the variable; an empty passphrase in the file is none."""
    path = toml(folder, table('private_key_passphrase_env = "PHRASE"'))
    [one] = read_instances(path, environ={"PHRASE": "canary"}).instances
    assert one.settings["private_key_passphrase"] == "canary"
    [two] = read_instances(toml(folder, table('private_key_passphrase = ""'))).instances
    assert two.settings["private_key_passphrase"] == ""


def test_a_key_may_come_through_a_pipe(folder):
    """A key from a secret store, handed over as a process substitution, never lies in a file."""
    reading, writing = os.pipe()
    os.write(writing, PEM.encode())
    os.close(writing)
    try:
        path = toml(folder, table(key=f'private_key_file = "/dev/fd/{reading}"'))
        found = read_instances(path)
    finally:
        os.close(reading)
    assert found.instances[0].settings["private_key"] == PEM
    assert found.warnings == ()


TOML_FAULTS = {
    "no table": ('region = "x"', "has 'region' outside of an [instances.NAME] table; begin each instance"),
    "empty": ("# nothing\n", "has no instances; begin each instance with a line such as [instances.prod]"),
    "not tables": ("[[instances]]\na = 1", "has no instances; "),
    "no such table": ("instances.prod = 3", "instances.prod: is not a table; "),
    "nameless": ('[instances." "]', "instances.' ': is not a valid name; "),
    "control character": ('[instances."a\\u001b"]', "is not a valid name; use letters"),
    "bad TOML": (
        table("enabled = yes"),
        "is not valid TOML: Invalid value (at line 9, column 11); fix that line",
    ),
    "key pasted raw": (table(key=f'private_key = "{PEM}"'), "at line 8"),
    "not text": (b"\xff\xfe[\x00", "is not UTF-8 text"),
    "blank": ("  \n", "is empty; name an instances file"),
    "unknown key": (
        table("regoin = 'x'"),
        "instances.prod.regoin: is not a setting of the connector; did you mean region?",
    ),
    "nothing like it": (
        table("zzz = 1"),
        "instances.prod.zzz: is not a setting of the connector; known settings: tenancy_ocid, ",
    ),
    "a date": (
        table("lookback_minutes = 2024-01-01"),
        "instances.prod.lookback_minutes: has a value that no setting",
    ),
    "a table": (table("[instances.prod.region]"), "is not valid TOML: "),
    "a nested table": (
        table("redact_secrets = {a = 1}"),
        "instances.prod.redact_secrets: has a value that no",
    ),
    "a nested list": (
        table('additional_regions = [["a"]]'),
        "prod.additional_regions: has a value that no setting",
    ),
    "not a number": (
        table("lookback_minutes = nan"),
        "prod.lookback_minutes: has a value that no setting accepts",
    ),
    "no key": (
        table(key=""),
        'instances.prod: has no private key; add private_key_file = "/path/to/key.pem"',
    ),
    "two keys": (
        table("private_key = 'canary'"),
        "instances.prod: has both private_key_file and private_key; keep one of them",
    ),
    "two more keys": (
        table('private_key_env = "X"'),
        "has both private_key_file and private_key_env; keep one",
    ),
    "two passphrases": (
        table("private_key_passphrase = 'canary'", "private_key_passphrase_env = 'P'"),
        "has both private_key_passphrase_env and private_key_passphrase; keep one",
    ),
    "key number": (
        table(key="private_key = 5"),
        "prod.private_key: must be text that is not empty; give it in quotes",
    ),
    "key empty": (
        table(key='private_key_file = ""'),
        "prod.private_key_file: must be text that is not empty",
    ),
    "variable unset": (
        table(key='private_key_env = "NOT_SET"'),
        "prod.private_key_env: names an environment variable that is not set or empty; export it, or fix the name",
    ),
    "variable empty": (table(key='private_key_env = "EMPTY"'), "that is not set or empty"),
    "secret for a name": (table("private_key_passphrase_env = 'canary'"), "that is not set or empty"),
    "key for a path": (
        table(key=f"private_key_file = '''{PEM}'''"),
        "prod.private_key_file: is not a path (is it the key itself?); name the file that holds the key",
    ),
    "body for a path": (
        table(key=f"private_key_file = '{'canary/' * 200}'"),
        "is not a path (is it the key itself?)",
    ),
    "no such home": (
        table(key="private_key_file = '~nobody-here/k'"),
        "begins with ~ but there is no such home directory; give a full path",
    ),
    "NUL in the path": (table(key='private_key_file = "a\\u0000b"'), "cannot be opened; name the PEM file"),
    "enabled text": (
        table('enabled = "yes"'),
        "prod.enabled: is neither true nor false; write true or false",
    ),
    "interval zero": (
        table("poll_interval_minutes = 0"),
        "prod.poll_interval_minutes: is not a valid interval; give minutes",
    ),
    "interval text": (
        table('poll_interval_minutes = "5"'),
        "give minutes from 0.02 to 1440, without quotes",
    ),
    "interval bool": (
        table("poll_interval_minutes = true"),
        "poll_interval_minutes: is not a valid interval",
    ),
    "interval second": (
        table("poll_interval_minutes = 0.01"),
        "poll_interval_minutes: is not a valid interval",
    ),
    "shard text": (table('shard_by_region = "yes"'), "prod.shard_by_region: is neither true nor false"),
    "interval days": (
        table("poll_interval_minutes = 1441"),
        "poll_interval_minutes: is not a valid interval",
    ),
}


@pytest.mark.parametrize("case", TOML_FAULTS)
def test_every_fault_of_a_toml_file_is_one_line(folder, case):
    """It begins with the file, names the key and the way out, and quotes no secret."""
    text, told = TOML_FAULTS[case]
    path = toml(folder, "")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    line = fault(read_instances, path, environ={"EMPTY": " "})
    assert line.startswith(f"{path}: ")
    assert told in line
    assert "; " in line


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda _path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a directory"),
        (lambda path: path.write_text(""), "is empty"),
        (lambda path: path.write_bytes(b"\x30\x82\x04\xbe"), "is not UTF-8 text"),
        (lambda path: path.write_text("x" * (1024 * 1024 + 1)), "is too large"),
        (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
    ],
)
def test_a_key_file_that_cannot_be_used_is_one_line(folder, make, told):
    """It names both files, the key and the way out."""
    make(folder / "other.pem")
    path = toml(folder, table(key='private_key_file = "other.pem"'))
    line = fault(read_instances, path)
    where = f"{path}: instances.prod.private_key_file: {folder / 'other.pem'}: "
    assert line == f"{where}{told}; name the PEM file of the API key"


def test_an_unreadable_file_is_told(folder, monkeypatch):
    """Missing rights are told as such."""

    def refused(*_args, **_named):
        raise PermissionError(13, "Permission denied")

    path = toml(folder, table())
    monkeypatch.setattr(Path, "open", refused)
    assert fault(read_instances, path) == f"{path}: cannot be read by this user; name an instances file"


def test_a_missing_toml_file_is_told(folder):
    """The file, and that it is not there."""
    assert fault(read_instances, folder / "no.toml").endswith(
        "no.toml: does not exist; name an instances file"
    )


def test_only_the_named_instances_are_read(folder):
    """A fault in one table does not keep another from being checked by name; all names together find it."""
    path = toml(folder, table(name="good") + table(name="bad", key=""))
    assert read_instances(path, names=["good"]).only("good").name == "good"
    assert "instances.bad: has no private key" in fault(read_instances, path)
    assert "has no instance 'other'; it has: good, bad" in fault(read_instances, path, names=["other"])


def test_the_only_instance_needs_no_name(folder):
    """With several one must be named; a wrong name is told with those there are."""
    one = read_instances(toml(folder, table()))
    assert one.only().name == one.only("prod").name == "prod"
    assert "has no instance 'dev'; it has: prod" in fault(one.only, "dev")
    two = read_instances(toml(folder, table() + table(name="dev")))
    assert two.only("dev").name == "dev"
    assert "has several instances; name one of: prod, dev" in fault(two.only)


def test_files_that_others_can_read_are_warned_of(folder):
    """A line with the command that mends it, once for each file, and only for files that hold a secret."""
    (folder / "key.pem").chmod(0o640)
    path = toml(folder, table() + table(name="dev"))
    path.chmod(0o644)
    found = read_instances(path)
    assert found.warnings == (
        f"{folder}/key.pem: other users can read the secret in this file; run: chmod 600 {folder}/key.pem",
    )
    (folder / "key.pem").chmod(0o600)
    path.write_text(table(key="private_key = 'canary'"))
    assert [line.split(":")[0] for line in read_instances(path).warnings] == [str(path)]
    path.chmod(0o600)
    assert read_instances(path).warnings == ()


def test_credentials_of_systemd_are_not_warned_of(folder, monkeypatch):
    """The group's bits of a credential say nothing of other users; everybody's still do, and elsewhere both."""
    path = toml(folder, table())
    (folder / "key.pem").chmod(0o440)
    assert len(read_instances(path).warnings) == 1
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    assert read_instances(path).warnings == ()
    (folder / "key.pem").chmod(0o444)
    assert len(read_instances(path).warnings) == 1
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder / "other"))
    assert len(read_instances(path).warnings) == 1


def test_no_secret_stands_in_a_repr(folder):
    """The objects that are handed about show names only."""
    found = read_instances(toml(folder, table('private_key_passphrase = "canary"')))
    assert "canary" not in repr(found) + repr(found.only())
    assert "prod" in repr(found)


def test_with_settings_changes_a_copy(folder):
    """Some settings changed, the rest kept, the original untouched."""
    one = Instance("one", {"region": "a", "audit_enabled": True})
    assert one.with_settings(region="b").settings == {"region": "b", "audit_enabled": True}
    assert one.settings["region"] == "a"
    assert InstanceSet(folder, (one,)).only() is one


CONFIG = """[DEFAULT]
user=ocid1.user.oc1..u
fingerprint=aa:bb
tenancy=ocid1.tenancy.oc1..a
region=us-ashburn-1
key_file=key.pem

[FRANKFURT]
region = eu-frankfurt-1
pass_phrase = 100%canary
"""


def config(folder, text=CONFIG):
    """A private configuration file with this text."""
    path = folder / "config"
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_a_profile_is_an_instance(folder):
    """The five keys become settings; the instance has the profile's name."""
    found = from_oci_profile(config(folder))
    assert found.only() == Instance(
        "DEFAULT",
        {
            "tenancy_ocid": "ocid1.tenancy.oc1..a",
            "user_ocid": "ocid1.user.oc1..u",
            "fingerprint": "aa:bb",
            "region": "us-ashburn-1",
            "private_key": PEM,
        },
    )
    assert found.warnings == ()


def test_a_profile_inherits_from_default(folder):
    """What a profile does not set comes from [DEFAULT]; a percent sign is nothing special."""
    settings = from_oci_profile(config(folder), "FRANKFURT").only().settings
    assert (settings["region"], settings["user_ocid"]) == ("eu-frankfurt-1", "ocid1.user.oc1..u")
    assert settings["private_key_passphrase"] == "100%canary"


def test_the_usual_file_is_in_the_home_directory(folder, monkeypatch):
    """Without a path `~/.oci/config` is read, and `~` in key_file is the home directory."""
    monkeypatch.setenv("HOME", str(folder))
    (folder / ".oci").mkdir()
    config(folder / ".oci", CONFIG.replace("key.pem", "~/key.pem"))
    assert from_oci_profile().only().settings["private_key"] == PEM
    assert from_oci_profile(Path("~/.oci/config")).path == folder / ".oci" / "config"


SESSION = "[DEFAULT]\nfingerprint=a\ntenancy=t\nregion=r\nkey_file=k\nsecurity_token_file=canary\n"

PROFILE_FAULTS = {
    "missing profile": (CONFIG, "PARIS", "has no profile 'PARIS'; it has: DEFAULT, FRANKFURT"),
    "no default": ("[A]\nuser=u\n[B]\n", "DEFAULT", "has no profile 'DEFAULT'; it has: A, B"),
    "no profiles": ("# nothing\n", "DEFAULT", "has no profile 'DEFAULT'; add one with: oci setup config"),
    "missing keys": (
        "[A]\nuser=u\nregion=\n",
        "A",
        "[A]: has no tenancy, fingerprint, region, key_file; add it to the profile or to [DEFAULT]",
    ),
    "session token": (
        SESSION,
        "DEFAULT",
        "uses a session token, which the connector does not support; name a profile",
    ),
    "no header": ("user=canary\n", "DEFAULT", "is not valid at line 1; a profile is a line [NAME]"),
    "stray line": ("[A]\nuser=u\ncanary\n", "A", "is not valid at line 3; "),
    "key twice": (CONFIG + "region=canary\n", "DEFAULT", "has a duplicate at line 11; "),
    "profile twice": (CONFIG + "[FRANKFURT]\n", "DEFAULT", "has a duplicate at line 11; "),
    "missing key file": (
        CONFIG.replace("key.pem", "no.pem"),
        "DEFAULT",
        "no.pem: does not exist; name the PEM file",
    ),
    "key for a path": (
        CONFIG.replace("key.pem", "-----BEGIN canary"),
        "DEFAULT",
        "key_file: is not a path (is it the key",
    ),
    "blank": ("\n", "DEFAULT", "is empty; name a configuration file, or create one with: oci setup config"),
}


@pytest.mark.parametrize("case", PROFILE_FAULTS)
def test_every_fault_of_a_profile_is_one_line(folder, case):
    """It begins with the file, tells the line or the profile and the way out, and quotes no secret."""
    text, profile, told = PROFILE_FAULTS[case]
    path = config(folder, text)
    line = fault(from_oci_profile, path, profile)
    assert line.startswith(f"{path}: ")
    assert told in line


def test_a_missing_configuration_file_is_told(folder):
    """The way out is the tool that makes one."""
    line = fault(from_oci_profile, folder / "none")
    assert line.endswith(
        "none: does not exist; name a configuration file, or create one with: oci setup config"
    )


def test_profiles_that_others_can_read_are_warned_of(folder):
    """The key file always, the configuration only if it holds a pass phrase."""
    path = config(folder)
    path.chmod(0o644)
    assert from_oci_profile(path).warnings == ()
    (folder / "key.pem").chmod(0o604)
    both = from_oci_profile(path, "FRANKFURT").warnings
    assert [line.split(":")[0] for line in both] == [str(folder / "key.pem"), str(path)]


@pytest.mark.slow
def test_neither_sdk_nor_pydantic_is_loaded_for_a_profile():
    """Importing the module costs nothing that reading a profile does not need."""
    code = "import sys, signal_client_oci.host.instances; print({'oci', 'pydantic'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "set()"


def test_values_that_json_lacks_cannot_reach_the_connector(folder):
    """Whatever is read is plain JSON data, times and infinities excluded."""
    for value in ("inf", "-inf", "nan", "1979-05-27", "07:32:00"):
        path = toml(folder, table(f"max_concurrency = {value}"))
        assert "has a value that no setting accepts" in fault(read_instances, path)


SECRET_LINE = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCcanary0Zx7Qr"
KEY_LINE = "q8Zk1vT0RcanaryYp3nWm5Xs7Ld9Gf2Hj4Kb6Vc8Nx0Qz1Ew3Rt5Yu7Io9Pa2Sd"
WORD = "canaryTr0ub4dor"

MISPLACED_IN_TOML = {
    "key as the name of a table": (
        f'[instances."{SECRET_LINE}"]',
        "has a table at line 1 whose name looks like a",
    ),
    "line as the name of a table": (
        f"[instances.{KEY_LINE}]",
        "has a table at line 1 whose name looks like a",
    ),
    "whole key as the name": (
        f'[instances."{PEM.strip()}"]'.replace("\n", "\\n"),
        "whose name looks like a private key",
    ),
    "word as a table": (f"[instances.{WORD}]", "instances.(the table at line 1): has no private key; add"),
    "word as a value of instances": (
        f"[instances]\n{WORD} = 1",
        "instances: is not a table; begin each instance",
    ),
    "word as an unknown key": (
        table(f"{WORD} = 1"),
        "instances.prod: has a name at line 9 that is not a setting",
    ),
    "line as an unknown key": (
        table(f'"{KEY_LINE}" = 1'),
        "instances.prod: has a name at line 9 that is not a setting",
    ),
    "like a setting": (table(f"region{WORD} = 1"), "has a name at line 9 that is not a setting"),
    "outside": (f"{WORD} = 1", "has a name at line 1 outside of an [instances.NAME] table"),
    "table outside": (f"[{WORD}]", "has a name at line 1 outside of an [instances.NAME] table"),
    "quoted outside": (f"'{WORD} &' = 1", "has a name at line 1 outside of an [instances.NAME] table"),
    "twice": (f"[instances.{WORD}]\n[instances.{WORD}]", "is not valid TOML: Cannot declare (at line 2"),
    "twice inline": (f"[instances]\na = {{ {WORD} = 1, {WORD} = 2 }}", "is not valid TOML: "),
    "key over": (table(f"{WORD} = 1", f"{WORD} = 2"), "is not valid TOML: Cannot overwrite a value (at"),
    "bare word": (WORD, "is not valid TOML: Expected (at "),
    "pasted lines": (f"[instances.a]\nprivate_key = {PEM}", "is not valid TOML: Invalid value (at line 2"),
    "unclosed": (f'[instances.a]\nprivate_key = "{WORD}', "is not valid TOML: "),
    "digits": (f"[instances.a]\nlookback_minutes = {'9' * 5000}", "is not valid TOML: Exceeds the limit"),
    "deep": ("a = " + "[" * 100_000, "is not valid TOML: "),
    "word for a path": (
        table(key=f"private_key_file = '{WORD}'"),
        "private_key_file: does not exist; name the PEM",
    ),
    "line for a path": (
        table(key=f"private_key_file = '{KEY_LINE}/a'"),
        "private_key_file: does not exist; name",
    ),
    "line with slashes": (
        table(key=f"private_key_file = 'a/b/{SECRET_LINE}'"),
        "private_key_file: does not exist",
    ),
}


@pytest.mark.parametrize("case", MISPLACED_IN_TOML)
def test_no_fault_quotes_a_secret_in_the_wrong_place(folder, case):
    """A secret as a key, the name of a table or a path is told by its line, whoever finds it, parser or reader."""
    text, told = MISPLACED_IN_TOML[case]
    line = fault(read_instances, toml(folder, text))
    assert told in line
    assert not [piece for piece in (SECRET_LINE[:20], KEY_LINE[:20], "Tr0ub4dor", "MIIc") if piece in line]


@pytest.mark.parametrize(
    "name", ["prod", "tenant42a", "eu-frankfurt-1", "Acme GmbH", "R&D", "team_b2", "a" * 60]
)
def test_names_of_instances_are_free(folder, name):
    """Only what looks like a key is refused as the name of an instance."""
    assert read_instances(toml(folder, table(name=f'"{name}"'))).only().name == name


def test_names_that_may_be_secrets_are_counted(folder):
    """A list of the names there are leaves out what may be a secret, and says how many."""
    path = toml(folder, table() + table(name=WORD))
    told = fault(read_instances, path, names=["dev"])
    assert told.endswith("has no instance 'dev'; it has: prod, 1 more that may be a secret")
    assert "of the name given; it has: prod, 1 more" in fault(read_instances, path, names=[KEY_LINE])
    assert "name one of: prod, 1 more that may be a secret" in fault(read_instances(path).only)
    assert "has no instance of the name given" in fault(read_instances(path).only, KEY_LINE)


def test_no_fault_of_a_profile_quotes_a_secret_in_the_wrong_place(folder):
    """A secret as the name of a profile, as the one asked for or as the path of the key file is not quoted."""
    path = config(folder, f"{CONFIG}\n[{WORD}]\n[{KEY_LINE}]\n[X]\nkey_file={WORD}\n")
    asked = fault(from_oci_profile, path, KEY_LINE[:-1])
    assert asked.endswith(
        "has no profile of the name given; it has: DEFAULT, FRANKFURT, X, 2 more that may be a secret"
    )
    assert fault(from_oci_profile, path, "X").endswith(
        "[X] key_file: does not exist; name the PEM file of the API key"
    )
    path = config(folder, f"[{WORD}]\nuser=u\n")
    assert ": the profile given: has no tenancy" in fault(from_oci_profile, path, WORD)


def test_a_profile_with_a_run_of_blanks_is_read_at_once(folder):
    """A line of a megabyte of blanks, which the parser takes hours for, is read or refused like a short one."""
    blanks = " " * 500_000
    began = time.thread_time()
    assert (
        from_oci_profile(config(folder, f"{CONFIG}[X]\nregion{blanks}=\t{blanks}r\n"), "X")
        .only()
        .settings["region"]
        == "r"
    )
    assert "is not valid at line" in fault(from_oci_profile, config(folder, f"{CONFIG}stray{blanks}line\n"))
    assert time.thread_time() - began < 2
