"""The console's configuration file preview, pasted whole: each field takes its own line, or says why it cannot."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator
from support.validating import by_name, validated

from signal_client_oci.sandbox.data.keys import shared_private_key_pem
from signal_client_oci.settings.model import SettingsError, parse_settings
from signal_client_oci.settings.schema import FIELDS, settings_schema

_TENANCY = "ocid1.tenancy.oc1..aaaaaaaatregion"
_USER = "ocid1.user.oc1..aaaaaaaaufingerprint"
_FINGERPRINT = "12:34:56:78:90:ab:cd:ef:12:34:56:78:90:ab:cd:ef"
PREVIEW = f"""\
[DEFAULT]
user={_USER}
fingerprint={_FINGERPRINT}
tenancy={_TENANCY}
region=us-ashburn-1
key_file=<path to your private keyfile> # TODO
"""
_LINES = {"tenancy_ocid": _TENANCY, "user_ocid": _USER, "fingerprint": _FINGERPRINT, "region": "us-ashburn-1"}
_VALIDATOR = Draft202012Validator(settings_schema())


def _given(text, **changes):
    return {**dict.fromkeys(_LINES, text), "private_key": "-----BEGIN PRIVATE KEY-----", **changes}


def _error(field, text):
    with pytest.raises(SettingsError) as caught:
        parse_settings(_given(PREVIEW, **{field: text}))
    assert list(caught.value.field_errors) == [field]
    return caught.value.field_errors[field]


@pytest.mark.parametrize(
    "text",
    [
        PREVIEW,
        PREVIEW.replace("\n", " "),
        PREVIEW.replace("\n", ""),
        PREVIEW.replace("\n", "\r\n"),
        PREVIEW.replace("\n", "\\n"),
        PREVIEW.replace("\n", "\\r\\n"),
        PREVIEW.replace("=", " = "),
        PREVIEW.replace("=", " = ").replace("\n", "  "),
        PREVIEW.replace("[DEFAULT]", "[acme prod]"),
        PREVIEW.replace("[DEFAULT]\n", ""),
        f"# from the console\n; 2026\n\n{PREVIEW}\n# user=ocid1.user.oc1..old\n",
        PREVIEW.replace("us-ashburn-1", 'us-ashburn-1 ; "home"'),
        PREVIEW.replace("us-ashburn-1", "'us-ashburn-1'"),
        PREVIEW.replace("region=", "log_requests=false\nregion=").replace("\n", " "),
        f"\ufeff{PREVIEW}{PREVIEW}",
    ],
    ids=[
        "as shown",
        "joined by blanks",
        "joined by nothing",
        "CRLF",
        "escaped",
        "escaped CRLF",
        "blanks",
        "blanks everywhere",
        "another profile",
        "no profile",
        "comments",
        "comment behind a value",
        "quotes",
        "another setting",
        "twice",
    ],
)
def test_each_field_takes_its_own_line(text):
    """However a clipboard or a field of one line left the preview, it is read as its single values; the form agrees."""
    given = _given(text)
    assert not [error.message for error in _VALIDATOR.iter_errors(given)]
    read = parse_settings(given)
    assert {name: getattr(read, name) for name in _LINES} == _LINES


@pytest.mark.parametrize(("field", "line"), [("user_ocid", f"user={_USER}"), ("region", "region = IAD")])
def test_a_single_line_is_taken_too(field, line):
    """One line of the preview in its own field means its value."""
    assert getattr(parse_settings(_given(PREVIEW, **{field: line})), field) == _LINES[field]


_SECRET = "hunter2-secret"
_PEM = f"-----BEGIN PRIVATE KEY-----\n{_SECRET}\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("field", "text", "told"),
    [
        ("user_ocid", f"[DEFAULT]\ntenancy={_TENANCY}\n", "has no line that begins with user="),
        ("region", f"tenancy={_TENANCY}", "has no line that begins with region="),
        ("user_ocid", f"{PREVIEW}\n[prod]\nregion=us-phoenix-1\n", "more than one profile"),
        ("user_ocid", f"{PREVIEW}[prod]user=ocid1.user.oc1..other", "single profile"),
        ("tenancy_ocid", f"{PREVIEW}tenancy=ocid1.tenancy.oc1..b", "more than one line tenancy="),
        ("tenancy_ocid", f"{PREVIEW}pass_phrase={_SECRET}", "enter the secret in Private Key Passphrase"),
        ("region", f"key_content={_SECRET}\n{PREVIEW}", "enter the secret in Private Key."),
        ("user_ocid", f"{PREVIEW}{_PEM}", "Paste the configuration file preview without it"),
        ("region", PREVIEW.replace("\n", " ") + _PEM, "enter the key in Private Key."),
        ("tenancy_ocid", f"tenancy={_USER}", "This is a user OCID"),
        ("user_ocid", "[DEFAULT]\nuser=<user>", "not an OCID"),
        ("fingerprint", "[DEFAULT]\nfingerprint=", "The fingerprint is missing"),
        ("region", "region=mars-1", "mars-1 is not an OCI region"),
        ("compartment_ocid", PREVIEW, "names no compartment. Leave Compartment OCID empty"),
        ("compartment_ocid", PREVIEW.replace("\n", ""), "names no compartment"),
        ("user_ocid", PREVIEW + "#" * 4000, "the limit is 4000"),
    ],
)
def test_what_cannot_be_taken_is_told_at_the_field(field, text, told):
    """A missing, ambiguous, secret or wrong line is an error of that field alone, which says what to paste."""
    message = _error(field, text)
    assert told in message
    assert _SECRET not in message


@pytest.mark.parametrize("join", ["\n", " ", ""])
def test_the_preview_in_the_place_of_the_key_is_told(join):
    """The preview holds no key, whatever became of its line ends."""
    key = PREVIEW.replace("\n", join)
    answer = validated(_given(PREVIEW.replace(_FINGERPRINT, "ab" * 16), private_key=key))
    assert by_name(answer)["private_key"]["code"] == "PRIVATE_KEY_IS_CONFIG"


def test_the_key_is_compared_with_the_fingerprint_of_the_preview():
    """A wrong field beside it does not keep the key from being checked against the pasted preview."""
    answer = validated(_given(PREVIEW, private_key=shared_private_key_pem(0), region="mars-1"))
    check = by_name(answer)["private_key"]
    assert check["code"] == "KEY_FINGERPRINT_MISMATCH"
    assert _FINGERPRINT in check["message"]


def test_the_help_says_so():
    """The text of each of the four fields offers it, and no other does."""
    offering = [
        name for name, one in FIELDS.items() if "configuration file preview" in one.schema["description"]
    ]
    assert offering == list(_LINES)
