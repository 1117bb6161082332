"""The settings: what a form sends becomes one normal form, and every mistake gets a sentence that says the way out."""

import copy
import pickle
import subprocess
import sys
import time
import traceback

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError
from support.cases import check_each

from signal_client_oci.errors.key_errors import KEY_ERRORS
from signal_client_oci.settings.config_preview import MAX_PREVIEW
from signal_client_oci.settings.model import Settings, SettingsError, parse_settings
from signal_client_oci.settings.parsing import _read_field
from signal_client_oci.settings.schema import FIELDS

_KEY_CANARY = "-----BEGIN PRIVATE KEY-----\ncanaryKEYcanaryKEY\n-----END PRIVATE KEY-----"
_PASSPHRASE_CANARY = "canary passphrase"
_TENANCY = "ocid1.tenancy.oc1..aaaaaaaat"
_USER = "ocid1.user.oc1..aaaaaaaau"
_COMPARTMENT = "ocid1.compartment.oc1..aaaaaaaac"
_GOOD = {
    "tenancy_ocid": _TENANCY,
    "user_ocid": _USER,
    "fingerprint": "12:34:56:78:90:ab:cd:ef:12:34:56:78:90:ab:cd:ef",
    "private_key": _KEY_CANARY,
    "private_key_passphrase": _PASSPHRASE_CANARY,
    "region": "us-ashburn-1",
}


def _read(**changes):
    return parse_settings(_GOOD | changes)


def _errors(**changes):
    with pytest.raises(SettingsError) as caught:
        _read(**changes)
    return caught.value.field_errors


def test_defaults():
    """Only five fields are needed; the others have the contract's defaults."""
    read = parse_settings({name: value for name, value in _GOOD.items() if name != "private_key_passphrase"})
    secrets = (read.private_key.get_secret_value(), read.private_key_passphrase.get_secret_value())
    assert secrets == (_KEY_CANARY, "")
    assert read.model_dump(exclude={"private_key", "private_key_passphrase"}) == {
        "tenancy_ocid": _TENANCY,
        "user_ocid": _USER,
        "fingerprint": _GOOD["fingerprint"],
        "region": "us-ashburn-1",
        "compartment_ocid": "",
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


@pytest.mark.parametrize("empty", [None, "", "  ", "\u200b\n"])
def test_empty_optional_fields_have_their_defaults(empty):
    """What a form leaves out or sends empty makes no difference."""
    optional = [name for name, field in FIELDS.items() if not field.is_required]
    given_values = {name: value for name, value in _GOOD.items() if name not in optional}
    assert parse_settings(given_values | dict.fromkeys(optional, empty)) == parse_settings(given_values)


def test_defaults_are_not_shared():
    """A list that came from a default belongs to its settings alone."""
    _read().additional_regions.append("changed")
    assert _read().additional_regions == []


def test_a_messy_form_reads_like_a_tidy_one():
    """White space, case, separators, short codes and strings for numbers are straightened out."""
    messy = {
        "tenancy_ocid": f"\ufeff{_TENANCY}\n",
        "user_ocid": f"\u00a0{_USER} ",
        "fingerprint": " 12345678 90ABCDEF 12345678 90ABCDEF ",
        "private_key": f"{_KEY_CANARY}\r\n",
        "private_key_passphrase": f"{_PASSPHRASE_CANARY}\n",
        "region": " IAD ",
        "additional_regions": "fra, LHR\nus-ashburn-1;eu-frankfurt-1",
        "include_subcompartments": "True",
        "logging_query": "| where type = 'x' -- flow logs\n",
        "lookback_minutes": "120",
        "cloud_guard_min_risk": " high",
        "audit_mode": "Search ",
        "endpoint_template": "https://gateway.example.com/{region}/{service}/",
    }
    tidy = _GOOD | {
        "additional_regions": ["eu-frankfurt-1", "uk-london-1"],
        "logging_query": "where type = 'x'",
        "lookback_minutes": 120,
        "cloud_guard_min_risk": "HIGH",
        "audit_mode": "search",
        "endpoint_template": "https://gateway.example.com/{region}/{service}",
    }
    assert parse_settings(messy) == parse_settings(tidy)


def test_reading_is_idempotent():
    """What was read and is read again stays the same."""
    read = _read(region="iad", logging_query="| where a = 1", additional_regions="all")
    assert parse_settings(dict(read)) == read


@pytest.mark.parametrize("value", [["all"], "all", " ALL ", ["fra", "All"]])
def test_all_regions(value):
    """The word "all" stands alone, whatever else is listed."""
    read = _read(additional_regions=value)
    assert read.additional_regions == ["all"]
    assert read.wants_all_regions
    assert not _read().wants_all_regions


_MISTAKES = [
    ("tenancy_ocid", None, "missing; a tenancy OCID begins with ocid1.tenancy. Copy it from the OCI console"),
    ("tenancy_ocid", "", "missing"),
    ("tenancy_ocid", 5, "text in quotes, not a number"),
    (
        "tenancy_ocid",
        _COMPARTMENT,
        "This is a compartment OCID, but a tenancy OCID begins with ocid1.tenancy.",
    ),
    ("tenancy_ocid", "ocid1.tenancy.oc1..aa\naa", "white space"),
    ("tenancy_ocid", "ocid1.tenancy.oc19..aaaaaaaat", "realm oc19, but region us-ashburn-1 is in realm oc1"),
    ("user_ocid", _TENANCY, "This is a tenancy OCID, but a user OCID begins with ocid1.user."),
    ("user_ocid", "ocid1.user.oc2..aaa", "realm oc2"),
    ("user_ocid", "jane", "This is not an OCID"),
    ("compartment_ocid", _USER, "This is a user OCID"),
    ("compartment_ocid", "ocid1.compartment.oc4..aaa", "realm oc4"),
    ("compartment_ocid", "ocid1.tenancy.oc1..other", "OCID of another tenancy. Leave Compartment OCID empty"),
    ("fingerprint", "", "The fingerprint is missing"),
    ("fingerprint", "SHA256:abc", "SHA-256"),
    ("fingerprint", ["12"], "not a list"),
    ("private_key", "", "Paste the complete text of the private key file"),
    ("private_key", None, "The private key is missing"),
    ("private_key", {"pem": "x"}, "not an object"),
    ("private_key_passphrase", 1234, "not a number"),
    ("region", "", "The region is missing"),
    ("region", "US East (Ashburn)", "Did you mean us-ashburn-1 (US East (Ashburn))?"),
    ("region", "mars-1", "is not an OCI region"),
    ("region", "evil.example.com", "is not an OCI region"),
    ("region", False, "not true or false"),
    ("additional_regions", ["fra", "Londn"], "Londn is not an OCI region. Did you mean uk-london-1"),
    ("additional_regions", ["ap-chiyoda-1"], "not in realm oc1, the realm of region us-ashburn-1"),
    ("additional_regions", {"region": "fra"}, "must be a list"),
    ("additional_regions", [1], "must be a list"),
    ("include_subcompartments", "yes", "must be true or false"),
    ("audit_enabled", 1, "must be true or false"),
    ("logging_enabled", "on", "must be true or false"),
    ("cloud_guard_enabled", [], "must be true or false"),
    ("cloud_guard_details", "maybe", "must be true or false"),
    ("redact_secrets", 0, "must be true or false"),
    ("logging_query", "'x'", "Each stage must be a condition"),
    ("logging_query", '| search "x"', "adds the search part itself"),
    ("logging_query", 5, "text in quotes"),
    ("cloud_guard_interval_minutes", 0, "at least 1 and at most 1440"),
    ("cloud_guard_min_risk", "SEVERE", "one of CRITICAL, HIGH, MEDIUM, LOW, MINOR"),
    ("cloud_guard_min_risk", 1, "text in quotes"),
    ("audit_mode", "export", "one of events, search"),
    ("lookback_minutes", 0, "at least 1 and at most 20160"),
    ("lookback_minutes", 20161, "at most 20160"),
    ("lookback_minutes", "an hour", "whole number"),
    ("overlap_minutes", -1, "at least 0 and at most 120"),
    ("overlap_minutes", 121, "at most 120"),
    ("overlap_minutes", 1.5, "whole number"),
    ("max_concurrency", 0, "at least 1 and at most 64"),
    ("max_concurrency", 65, "at most 64"),
    ("max_concurrency", True, "whole number"),
    ("endpoint_template", "http://gateway.example.com/{region}/{service}", "Without TLS"),
    ("endpoint_template", "https://gateway.example.com", "{region} and {service}"),
    ("endpoint_template", 5, "text in quotes"),
    ("lookback", 5, "no setting with this name. Did you mean lookback_minutes?"),
    ("tenancy_id", _TENANCY, "Did you mean tenancy_ocid?"),
    ("colour", "red", "There is no setting with this name. Remove it."),
]


@pytest.mark.parametrize(("field", "value", "said"), _MISTAKES)
def test_one_mistake(field, value, said):
    """One wrong field gives one error, at that field, that says what is wrong and what to do."""
    errors = _errors(**{field: value})
    assert list(errors) == [field]
    assert said in errors[field]


def test_every_field_has_a_mistake():
    """No field of the form is without a way to get it wrong here."""
    assert set(Settings.model_fields) <= {field for field, _, _ in _MISTAKES}


def test_all_mistakes_at_once():
    """All wrong fields are reported at once, in the order of the form, unknown names last."""
    worst = {field: value for field, value, _ in reversed(_MISTAKES) if field != "colour"} | {"colour": 1}
    names = list(parse_errors(worst))
    known = [name for name in Settings.model_fields if name in names]
    assert names[: len(known)] == known
    assert len(known) == len(Settings.model_fields)
    assert {"colour", "lookback"} <= set(names)


def parse_errors(given_value):
    """Return the errors of a whole settings object."""
    with pytest.raises(SettingsError) as caught:
        parse_settings(given_value)
    return caught.value.field_errors


def test_swapped_ocids():
    """Swapped user and tenancy OCIDs are reported as swapped, at both fields."""
    errors = _errors(tenancy_ocid=_USER, user_ocid=f" {_TENANCY}\n")
    assert list(errors) == ["tenancy_ocid", "user_ocid"]
    assert all("swapped" in error for error in errors.values())


def test_region_of_another_realm():
    """A region outside the tenancy's realm is reported at each OCID that it contradicts."""
    errors = _errors(region="eu-frankfurt-2", compartment_ocid=_COMPARTMENT)
    assert list(errors) == ["tenancy_ocid", "user_ocid", "compartment_ocid"]
    assert all("realm oc19" in error for error in errors.values())


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"region": "eu-frankfurt-2"}, "REALM_MISMATCH"),
        ({"additional_regions": ["ap-chiyoda-1"]}, "REALM_MISMATCH"),
        ({"region": "eu-frankfurt-2", "lookback_minutes": 0}, "SETTINGS_INVALID"),
        ({"region": "eu-frankfurt-2", "realm ": 1}, "SETTINGS_INVALID"),
        ({"region": "a realm "}, "SETTINGS_INVALID"),
    ],
)
def test_the_code_tells_a_realm_from_other_mistakes(changes, code):
    """The code says REALM_MISMATCH if the fields contradict each other by realm and nothing else is wrong."""
    with pytest.raises(SettingsError) as caught:
        _read(**changes)
    assert caught.value.code == code


def test_all_sources_off():
    """Settings that collect nothing are an error."""
    off = dict.fromkeys(("audit_enabled", "logging_enabled", "cloud_guard_enabled"), False)
    assert _errors(**off) == {
        "audit_enabled": "All sources are switched off. Switch on Audit, Logging or Cloud Guard."
    }
    assert _read(**(off | {"logging_enabled": True})).enabled_sources == ("logging",)


@pytest.mark.parametrize("settings", [None, [], "x", 5, [_GOOD]])
def test_no_object(settings):
    """Settings that are not an object have one error for the whole."""
    assert list(parse_errors(settings)) == ["settings"]


def test_missing_key_in_the_words_of_the_key_check():
    """The form and the check of the key have the same message for a missing key."""
    assert KEY_ERRORS["PRIVATE_KEY_MISSING"].message in _errors(private_key=" ")["private_key"]


def test_scope():
    """The scope is the compartment chosen, else the root; the tenancy's own OCID is a scope too."""
    assert _read().scope_ocid == _TENANCY
    assert _read(compartment_ocid=_COMPARTMENT).scope_ocid == _COMPARTMENT
    assert _read(compartment_ocid=_TENANCY).scope_ocid == _TENANCY


def test_risk_levels():
    """The minimum risk level includes itself and all levels above."""
    assert _read(cloud_guard_min_risk="high").risk_levels == ("CRITICAL", "HIGH")
    assert len(_read().risk_levels) == 5


def test_endpoints():
    """Without a template the SDK's own endpoints are used, with one its URL."""
    assert _read().endpoint("audit", "us-ashburn-1") is None
    templated = _read(endpoint_template="http://127.0.0.1:80/{region}/{service}")
    assert templated.endpoint("cloudguard", "uk-london-1") == "http://127.0.0.1:80/uk-london-1/cloudguard"


def test_other_realms():
    """A tenancy of another realm is as good, with the regions of that realm."""
    read = _read(
        tenancy_ocid="ocid1.tenancy.oc19..t",
        user_ocid="ocid1.user.oc19..u",
        region="str",
        additional_regions=["eu-madrid-2"],
    )
    assert (read.region, read.realm) == ("eu-frankfurt-2", "oc19")


def test_settings_cannot_change():
    """Settings are frozen, and construct only from good values."""
    read = _read()
    with pytest.raises(ValidationError):
        read.region = "us-phoenix-1"
    assert Settings(**(_GOOD | {"region": "iad"})) == read
    with pytest.raises(ValidationError, match="not an OCI region"):
        Settings(**(_GOOD | {"region": "mars-1"}))


@pytest.mark.parametrize("copied", [copy.copy, lambda read: read.model_copy(), lambda read: read])
def test_no_repr_shows_a_secret(copied):
    """Neither settings nor copies or dumps of them show the key or the passphrase."""
    read = copied(_read())
    dumped = f"{read.model_dump()} {read.model_dump(mode='json')} {read.model_dump_json()} {dict(read)} {vars(read)}"
    shown = f"{read!r} {read} {[read]} {read.__rich_repr__()} {dumped}"
    assert "canary" not in shown
    assert repr(read) == f"Settings(tenancy_ocid='{_TENANCY}', region='us-ashburn-1')"


@pytest.mark.parametrize(
    "taken", [lambda read: read, vars, dict, lambda read: read.model_dump(), lambda read: read.private_key]
)
def test_settings_are_not_pickled(taken):
    """Neither settings nor their dumps nor the secrets themselves can be written with pickle."""
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="secret and cannot be pickled"):
            pickle.dumps(taken(_read()), protocol)


def test_settings_are_not_copied_deeply():
    """A deep copy of settings would be a second key in memory, and is refused; a list of their values shares it."""
    read = _read()
    with pytest.raises(TypeError, match="hold a secret and cannot be copied deeply"):
        copy.deepcopy(read)
    assert copy.deepcopy(read.private_key) is copy.copy(read.private_key) is read.private_key


_LIMITS = {
    "tenancy_ocid": 255,
    "user_ocid": 255,
    "fingerprint": 200,
    "private_key": 20_000,
    "region": 60,
    "compartment_ocid": 255,
    "private_key_passphrase": 1024,
    "logging_query": 4000,
    "endpoint_template": 500,
    "additional_regions": 200 * 61,
}


@pytest.mark.parametrize("field", Settings.model_fields)
@pytest.mark.parametrize("wrap", [str, SecretStr])
def test_no_field_is_read_beyond_its_limit(field, wrap, monkeypatch):
    """A text that is longer than its field allows is rejected with the limit, before anything reads it."""

    def looked_at(value):
        pytest.fail(f"{len(value)} characters were looked at")

    limit = _LIMITS.get(field, 100)
    monkeypatch.setattr(
        "signal_client_oci.settings.parsing.is_blank", lambda value: value and looked_at(value)
    )
    with pytest.raises(
        ValueError, match=f"has {limit + 1} characters; the limit is {limit}. Enter only "
    ) as caught:
        _read_field(field, wrap("\u00e9" * (limit + 1)))
    assert "\u00e9" not in str(caught.value)


def test_limits_are_those_of_the_form():
    """The form has a limit for every text, which leaves room for the console's preview where that may be pasted."""
    shown = {name: field.schema for name, field in FIELDS.items()}
    texts = {name: one for name, one in shown.items() if one["type"] == "string" and "enum" not in one}
    assert {name: one["maxLength"] for name, one in texts.items()} == {
        name: MAX_PREVIEW if FIELDS[name].preview_line is not None else limit
        for name, limit in _LIMITS.items()
        if name != "additional_regions"
    }
    regions = shown["additional_regions"]
    assert (regions["maxItems"], regions["items"]["maxLength"]) == (200, 60)


@pytest.mark.parametrize("field", ["fingerprint", "tenancy_ocid", "region", "logging_query"])
def test_a_key_in_a_short_field_is_still_told_as_one(field):
    """A text that is too long is checked for one thing only: a key that belongs in another field."""
    key = _KEY_CANARY.replace("canaryKEY", "canaryKEY" * 300)
    assert "It contains a private key: paste that into Private Key" in _errors(**{field: key})[field]


def _nested():
    nested = []
    for _ in range(100_000):
        nested = [nested]
    return nested


_ENDLESS = {
    "list": lambda: ["x"] * 1_000_000,
    "deep list": _nested,
    "deep object": lambda: {"a": _nested()},
    "number": lambda: 10**1_000_000,
    "negative number": lambda: -(10**1_000_000),
    "digits": lambda: "9" * 1_000_000,
}


@pytest.mark.parametrize("name", _ENDLESS)
@pytest.mark.slow
def test_values_without_end_are_refused_at_once(name):
    """Neither a million entries or digits nor a hundred thousand levels are worked through."""
    value = _ENDLESS[name]()
    check_each(_refused_at_once, ((field, (field, value)) for field in Settings.model_fields))


def _refused_at_once(given):
    field, value = given
    began = time.thread_time()
    errors = _errors(**{field: value})
    assert time.thread_time() - began < 0.5
    assert field in errors
    assert len(str(errors)) < 5000


def test_unknown_names_without_end():
    """Of a thousand unknown names, twenty are reported, and how many there are."""
    errors = _errors(**{f"unknown_{at}": at for at in range(1000)})
    assert len(errors) == 21
    assert errors["settings"] == "1000 of the names are not settings. Remove them."


def test_names_that_are_no_text():
    """A name that JSON cannot have is reported as an unknown name, however large it is."""
    errors = parse_errors(_GOOD | {10**5000: 1, None: 2, (1,) * 100_000: 3})
    assert list(errors) == ["settings"]


def _everything_shown(error):
    shown = [str(error), repr(error), repr(error.args), repr(vars(error))]
    shown += ["".join(traceback.format_exception(type(error), error, error.__traceback__))]
    assert error.__context__ is None
    assert error.__cause__ is None
    return "\n".join(shown)


@pytest.mark.parametrize(("field", "value", "said"), _MISTAKES)
def test_no_error_shows_a_secret(field, value, said):
    """No error about another field holds the key or the passphrase, and nothing hangs on it as its context."""
    with pytest.raises(SettingsError) as caught:
        _read(**{field: value})
    shown = _everything_shown(caught.value)
    assert "canary" not in shown
    assert said in shown


@pytest.mark.parametrize("field", [*Settings.model_fields, "unknown"])
@pytest.mark.parametrize("secret", [_KEY_CANARY, [_KEY_CANARY], {"key": _KEY_CANARY}])
def test_a_key_in_any_field_is_not_quoted(field, secret):
    """A private key that was pasted into the wrong field does not come back in the error."""
    try:
        shown = repr(_read(**{field: secret}))
    except SettingsError as error:
        shown = _everything_shown(error)
    assert "canaryKEY" not in shown


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(list(_GOOD.values())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.slow
@hypothesis_settings(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*Settings.model_fields, "extra"]) | st.text(max_size=12), _JSON, max_size=8
    )
)
def test_any_json_gives_settings_or_the_one_error(changes):
    """Whatever JSON the fields hold, the outcome is `Settings` or a `SettingsError` with sentences."""
    try:
        outcome = [repr(_read(**changes))]
    except SettingsError as error:
        outcome = [*error.field_errors.values(), str(error), *map(str, error.field_errors)]
        assert all(sentence.endswith((".", "?")) for sentence in error.field_errors.values())  # noqa: PT017
    assert all(isinstance(text, str) and text.encode() is not None for text in outcome)


@pytest.mark.slow
def test_the_form_loads_no_large_library():
    """The table of fields and the form are there without any library, and without what only reading needs."""
    script = (
        "import sys\n"
        "from signal_client_oci.settings.schema import settings_schema\n"
        "settings_schema()\n"
        "heavy = ('oci', 'pydantic', 'cryptography', 'urllib', 'difflib', 'signal_client_oci.errors')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
