"""The form: a valid JSON Schema that helps the operator and refuses nothing that the plugin would take."""

import re

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from signal_client_oci.settings.model import Settings, SettingsError, parse_settings
from signal_client_oci.settings.schema import FIELDS, settings_schema

_SCHEMA = settings_schema()
_PROPERTIES = _SCHEMA["properties"]
_VALIDATOR = Draft202012Validator(_SCHEMA)
_GOOD = {
    "tenancy_ocid": "ocid1.tenancy.oc1..aaaaaaaat",
    "user_ocid": "ocid1.user.oc1..aaaaaaaau",
    "fingerprint": "12:34:56:78:90:ab:cd:ef:12:34:56:78:90:ab:cd:ef",
    "private_key": "-----BEGIN PRIVATE KEY-----",
    "region": "us-ashburn-1",
}
_CONTRACT = {
    "tenancy_ocid": None,
    "user_ocid": None,
    "fingerprint": None,
    "private_key": None,
    "region": None,
    "compartment_ocid": "",
    "private_key_passphrase": "",
    "include_subcompartments": True,
    "additional_regions": [],
    "audit_enabled": True,
    "logging_enabled": True,
    "cloud_guard_enabled": True,
    "audit_mode": "events",
    "logging_query": "",
    "cloud_guard_interval_minutes": 30,
    "cloud_guard_min_risk": "MINOR",
    "cloud_guard_details": True,
    "lookback_minutes": 60,
    "overlap_minutes": 15,
    "redact_secrets": True,
    "max_concurrency": 8,
    "endpoint_template": "",
}


def test_it_is_a_schema():
    """The schema is a valid one of 2020-12 and says so first."""
    Draft202012Validator.check_schema(_SCHEMA)
    assert list(_SCHEMA)[:3] == ["$schema", "title", "description"]
    assert _SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert _SCHEMA["title"] == "Oracle Cloud (OCI)"
    assert _SCHEMA["additionalProperties"] is False


def test_properties_and_defaults_of_the_contract():
    """Names, order, required fields and defaults are the contract's."""
    assert list(_PROPERTIES) == list(_CONTRACT) == list(Settings.model_fields)
    assert {name: about.get("default") for name, about in _PROPERTIES.items()} == _CONTRACT
    assert _SCHEMA["required"] == list(_CONTRACT)[:5]


@pytest.mark.parametrize("name", _CONTRACT)
def test_every_field_explains_itself(name):
    """Each field has a title and a description, and each text an example, unless it is a choice or a secret."""
    about = _PROPERTIES[name]
    assert about["title"]
    assert about["description"].endswith(".")
    assert ("examples" in about) == (
        about["type"] in {"string", "array"} and "enum" not in about and name != "private_key_passphrase"
    )


def test_the_credentials_say_where_they_stand():
    """The text of each credential names its place in the OCI console, or the file it came in."""
    for name in ("tenancy_ocid", "user_ocid", "fingerprint", "region", "compartment_ocid", "logging_query"):
        assert "OCI console: " in _PROPERTIES[name]["description"]
    assert ".pem" in _PROPERTIES["private_key"]["description"]


def test_widgets():
    """Secrets are password fields that are never sent back, the key is a text area, rare fields are advanced."""
    secret = {name for name, about in _PROPERTIES.items() if about.get("format") == "password"}
    assert secret == {name for name, about in _PROPERTIES.items() if about.get("writeOnly")}
    assert secret == {"private_key", "private_key_passphrase"}
    assert [name for name, about in _PROPERTIES.items() if "x-widget" in about] == ["private_key"]
    assert _PROPERTIES["private_key"]["x-widget"] == "textarea"
    advanced = [name for name, about in _PROPERTIES.items() if about.get("x-advanced")]
    assert advanced == list(_PROPERTIES)[-len(advanced) :]
    assert not set(advanced) & set(_SCHEMA["required"])


def test_choices_and_bounds():
    """The risk levels are a choice, and numbers have the bounds of the reader."""
    assert _PROPERTIES["cloud_guard_min_risk"]["enum"] == ["CRITICAL", "HIGH", "MEDIUM", "LOW", "MINOR"]
    assert _PROPERTIES["audit_mode"]["enum"] == ["events", "search"]
    bounds = {
        name: (about["minimum"], about["maximum"])
        for name, about in _PROPERTIES.items()
        if about["type"] == "integer"
    }
    assert bounds == {
        "cloud_guard_interval_minutes": (1, 1440),
        "lookback_minutes": (1, 20160),
        "overlap_minutes": (0, 120),
        "max_concurrency": (1, 64),
    }


@pytest.mark.parametrize("name", [name for name, about in _PROPERTIES.items() if "examples" in about])
def test_examples_and_defaults_are_right(name):
    """Every example fits the schema and is read; so are the defaults."""
    defaults = {name: about["default"] for name, about in _PROPERTIES.items() if "default" in about}
    for example in _PROPERTIES[name]["examples"]:
        settings = _GOOD | defaults | {name: example}
        _VALIDATOR.validate(settings)
        parse_settings(settings)


@pytest.mark.parametrize("name", [name for name, about in _PROPERTIES.items() if "pattern" in about])
def test_patterns_are_plain(name):
    """Patterns mean the same in ECMA-262, which forms use, and in Python."""
    pattern = _PROPERTIES[name]["pattern"]
    assert not re.search(r"\(\?[^:]|\\[AZzhHRQpP]|\+\+|\*\+", pattern)


_SPACE = ["", " ", "\n", "\t", "\u00a0", "\u200b", "\ufeff", "\u2060", "\r\n"]
_CORES = {
    "tenancy_ocid": [
        "ocid1.tenancy.oc1..aaaaaaaat",
        "ocid1.tenancy.oc1..a.b_c-d",
        "ocidv1:tenancy:oc1:phx:1:aaa",
    ],
    "user_ocid": ["ocid1.user.oc1..aaaaaaaau", "ocid1.saml2idpuser.oc1..aaaaaaaau"],
    "compartment_ocid": ["", "ocid1.compartment.oc1..aaaaaaaac", "ocid1.tenancy.oc1..aaaaaaaat"],
    "fingerprint": ["AB" * 16, "ab:" * 15 + "ab", "ab " * 16, "md5:" + "ab-" * 15 + "ab"],
    "region": ["us-ashburn-1", "IAD", "Us-Ashburn-1"],
    "private_key": ["\\n", '"-----BEGIN', "\u2014BEGIN", "MIIE", "\ufeffx"],
    "endpoint_template": ["", "HTTPS://a.b/{region}/{service}", "http://127.0.0.1:1/{service}/{region}/"],
}


@hypothesis_settings(deadline=None)
@given(st.data())
@pytest.mark.slow
def test_the_form_refuses_nothing_that_is_read(data):
    """Every text that the plugin reads, with whatever space around it, fits the pattern of its field."""
    name = data.draw(st.sampled_from(sorted(_CORES)))
    space = st.sampled_from(_SPACE)
    value = data.draw(space) + data.draw(st.sampled_from(_CORES[name])) + data.draw(space)
    settings = _GOOD | {name: value}
    parse_settings(settings)
    assert not [error.message for error in _VALIDATOR.iter_errors(settings)]


@hypothesis_settings(deadline=None)
@given(st.sampled_from(sorted(_CORES)), st.text(alphabet="aF0 .:-_/{}ocid1tenyus\n\u200b", max_size=20))
@pytest.mark.slow
def test_the_form_refuses_nothing_that_is_read_by_chance(name, value):
    """The same for any text at all."""
    settings = _GOOD | {name: value}
    try:
        parse_settings(settings)
    except SettingsError:
        return
    assert _VALIDATOR.is_valid(settings)


@pytest.mark.parametrize("region", ["US East (Ashburn)", "Frankfurt", "mars-1"])
def test_the_form_leaves_regions_to_the_plugin(region):
    """A region's display name passes the form, so that the plugin can name the right identifier."""
    assert _VALIDATOR.is_valid(_GOOD | {"region": region})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tenancy_ocid", "ocid1.user.oc1..aaa"),
        ("fingerprint", "SHA256:abc"),
        ("private_key", " \n "),
        ("region", "evil.example.com"),
        ("endpoint_template", "gateway"),
        ("cloud_guard_min_risk", "SEVERE"),
        ("overlap_minutes", 500),
        ("colour", "red"),
    ],
)
def test_the_form_refuses_plain_mistakes(name, value):
    """What can never be right is refused before it is sent."""
    assert not _VALIDATOR.is_valid(_GOOD | {name: value})


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_a_reader(name):
    """Each row of the table names a function that reads a value with the row's arguments, or says what is wrong."""
    field = FIELDS[name]
    good = _GOOD | {key: row.default for key, row in FIELDS.items() if not row.is_required}
    value = good[name] or (field.schema.get("examples") or [good[name]])[0]
    assert field.read(value) is not None
    with pytest.raises(ValueError, match=r"[.?]$"):
        field.read("\ud800")
