"""The form that a generator makes of the settings schema: what a tired operator sees, fills in and is told."""

from __future__ import annotations

import pytest

from signal_client_oci.sandbox import Sandbox
from signal_client_oci.settings.model import parse_settings
from signal_client_oci.settings.schema import settings_schema

_SCHEMA = settings_schema()
_PROPERTIES = _SCHEMA["properties"]
_REQUIRED = _SCHEMA["required"]
_ADVANCED = [name for name, about in _PROPERTIES.items() if about.get("x-advanced")]
_DEFAULTS = {name: about["default"] for name, about in _PROPERTIES.items() if "default" in about}
_RIGHT = {
    "tenancy_ocid": "ocid1.tenancy.oc1..aaaaaaaat",
    "user_ocid": "ocid1.user.oc1..aaaaaaaau",
    "fingerprint": "12:34:56:78:90:ab:cd:ef:12:34:56:78:90:ab:cd:ef",
    "private_key": "-----BEGIN PRIVATE KEY-----",
    "region": "us-ashburn-1",
}
_TITLES_SCRIPT = """
const titles = [...document.querySelectorAll("#form label, #form legend")];
return titles.filter((title) => title.id !== "root__title").map((title) => title.textContent.trim());
"""
_FIELD_SCRIPT = """
const field = document.getElementById("root_" + arguments[0]);
const shown = { checkbox: field.checked, "select-one": field.selectedOptions?.[0].text }[field.type] ?? field.value;
return { type: field.type, shown, placeholder: field.placeholder };
"""
_MESSAGES_SCRIPT = """
const lists = [...document.querySelectorAll(".error-detail")].filter((list) => list.children.length);
return lists.map((list) => [list.id.replace(/^root_(.*)__error$/, "$1"), list.innerText.trim()]);
"""


def _fields(browser):
    return {name: browser.run(_FIELD_SCRIPT, name) for name in _PROPERTIES if name != "additional_regions"}


def _fill(browser, values):
    for name, value in values.items():
        browser.paste(f"#root_{name}", value)


def _submit(browser, shows):
    """Submit, wait for what the page then has to show, and return the messages by field, in their order."""
    browser.click("button[type=submit]")
    browser.find(shows)
    return dict(browser.run(_MESSAGES_SCRIPT))


def test_labels_stand_in_the_order_of_the_contract(browser):
    """Every field has its title as its label, in the order of the schema, and only required ones are marked."""
    marked = [about["title"] + "*" * (name in _REQUIRED) for name, about in _PROPERTIES.items()]
    assert browser.run(_TITLES_SCRIPT) == marked


def test_every_field_shows_its_help(browser):
    """The description stands at its field, and that of the whole at the top."""
    assert browser.text("#root__description") == _SCHEMA["description"]
    browser.click("summary")
    for name, about in _PROPERTIES.items():
        assert browser.text(f"#root_{name}__description") == about["description"]


def test_widgets(browser):
    """The passphrase is hidden as it is typed, the key has an area that keeps its lines, choices are a list."""
    kinds = {"string": "text", "boolean": "checkbox", "integer": "number"}
    expected = {name: kinds.get(about["type"]) for name, about in _PROPERTIES.items()}
    expected |= {"private_key": "textarea", "private_key_passphrase": "password"}
    expected |= {"audit_mode": "select-one", "cloud_guard_min_risk": "select-one"}
    fields = _fields(browser)
    assert {name: field["type"] for name, field in fields.items()} == {
        name: expected[name] for name in fields
    }


def test_defaults_are_filled_in(browser):
    """A field shows what holds if it is left alone, and no secret is filled in."""
    shown = {name: field["shown"] for name, field in _fields(browser).items()}
    texts = {
        name: default if isinstance(default, bool) else str(default) for name, default in _DEFAULTS.items()
    }
    assert shown == dict.fromkeys(_REQUIRED, "") | {name: texts[name] for name in shown if name in texts}


def test_placeholders_show_the_form_of_an_answer(browser):
    """An empty text field shows its first example, and a required one has an example."""
    shown = {
        name: field["placeholder"] for name, field in _fields(browser).items() if field.get("placeholder")
    }
    texts = {name: about for name, about in _PROPERTIES.items() if about["type"] == "string"}
    assert shown == {name: about["examples"][0] for name, about in texts.items() if "examples" in about}
    assert set(_REQUIRED) < set(shown)


def test_advanced_fields_are_folded(browser):
    """What is rarely needed is out of sight until it is asked for; all else is in sight."""
    visible = {name: browser.is_visible(f"#root_{name}") for name in _PROPERTIES}
    assert visible == {name: name not in _ADVANCED for name in _PROPERTIES}
    browser.click("summary")
    assert all(browser.is_visible(f"#root_{name}") for name in _ADVANCED)


def test_an_empty_form_names_what_is_missing(browser, host):
    """Without an answer each required field says so by its title, no other says anything, and nothing is sent."""
    messages = _submit(browser, ".error-detail li")
    assert list(messages) == _REQUIRED
    assert all(_PROPERTIES[name]["title"] in message for name, message in messages.items())
    assert not host.submitted


_PLAIN_MISTAKES = {
    "tenancy_ocid": ("ocid1.user.oc1..aaaaaaaau", "ocid1.tenancy"),
    "user_ocid": ("jane@example.com", "ocid1.user"),
    "fingerprint": ("SHA256:abc", "{32}"),
    "private_key": ("   ", "must match"),
    "region": ("https://cloud.example.com", "must match"),
    "compartment_ocid": ("production", "ocid1.compartment"),
    "cloud_guard_interval_minutes": ("0", "must be >= 1"),
    "lookback_minutes": ("99999", "must be <= 20160"),
    "overlap_minutes": ("121", "must be <= 120"),
    "max_concurrency": ("65", "must be <= 64"),
    "endpoint_template": ("gateway.example.com", "{region"),
}
_LONGEST_THAT_IS_READ = 100


def test_plain_mistakes_are_told_at_their_fields(browser, host):
    """What the schema alone refuses is told where it stands, short enough to be read, and nothing is sent."""
    browser.click("summary")
    _fill(browser, {name: value for name, (value, _) in _PLAIN_MISTAKES.items()})
    messages = _submit(browser, ".error-detail li")
    assert list(messages) == list(_PLAIN_MISTAKES)
    for name, (_, told) in _PLAIN_MISTAKES.items():
        assert told in messages[name]
        assert len(messages[name]) <= _LONGEST_THAT_IS_READ
        assert "\\u" not in messages[name]
    assert not host.submitted


def test_an_error_unfolds_the_advanced_fields(browser):
    """A message is never out of sight."""
    browser.click("summary")
    _fill(browser, _RIGHT | {"overlap_minutes": "500"})
    browser.click("summary")
    assert not browser.is_visible("#root_overlap_minutes")
    assert _submit(browser, ".error-detail li") == {"overlap_minutes": "must be <= 120"}
    assert browser.is_visible("#root_overlap_minutes")


def test_the_plugins_sentences_stand_at_their_fields(browser):
    """What only the plugin can tell comes back in its words, at the fields to correct."""
    wrong = {
        "region": "US East (Ashburn)",
        "compartment_ocid": "ocid1.tenancy.oc1..another",
        "logging_query": "'x'",
    }
    browser.click("summary")
    _fill(browser, _RIGHT | wrong)
    messages = _submit(browser, "#answer")
    assert list(messages) == ["private_key", *wrong]  # the key is told of as well, though settings are wrong
    assert "part of the private key is missing" in messages["private_key"]
    assert "Did you mean us-ashburn-1 (US East (Ashburn))?" in messages["region"]
    assert "Leave Compartment OCID empty" in messages["compartment_ocid"]
    assert "where type = " in messages["logging_query"]


@pytest.mark.parametrize(
    ("pasted", "told"),
    [
        ("~/.oci/oci_api_key.pem", "path of a key file"),
        ("-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----", "public half"),
    ],
    ids=["path", "public"],
)
def test_a_wrong_key_is_told_at_the_key(browser, pasted, told):
    """Whatever was pasted instead of the key, the sentence stands under the key and quotes nothing of it."""
    _fill(browser, _RIGHT | {"private_key": pasted})
    messages = _submit(browser, "#answer")
    assert list(messages) == ["private_key"]
    assert told in messages["private_key"]
    assert pasted not in messages["private_key"]


_PREVIEW = """\
[DEFAULT]
user={user_ocid}
fingerprint={fingerprint}
tenancy={tenancy_ocid}
region={region}
key_file=<path to your private keyfile> # TODO
"""


def test_the_consoles_preview_pasted_whole_is_read(browser, host):
    """Whatever a field of one line makes of the text, the form lets it through and each field takes its own line."""
    preview = _PREVIEW.format(**_RIGHT)
    _fill(browser, _RIGHT | dict.fromkeys(("tenancy_ocid", "user_ocid", "fingerprint", "region"), preview))
    assert list(_submit(browser, "#answer")) == ["private_key"]
    read = parse_settings(host.submitted[0])
    assert {name: getattr(read, name) for name in _RIGHT if name != "private_key"} == {
        name: value for name, value in _RIGHT.items() if name != "private_key"
    }


def test_a_preview_in_the_wrong_field_is_told_there(browser):
    """The preview names no compartment and holds no key, and the plugin says so where it was pasted."""
    preview = _PREVIEW.format(**_RIGHT)
    _fill(browser, _RIGHT | {"compartment_ocid": preview, "private_key": preview})
    messages = _submit(browser, "#answer")
    assert "names no compartment" in messages["compartment_ocid"]
    assert "does not contain the private key" in messages["private_key"]


def test_a_region_left_empty_is_no_error(browser, host):
    """A line of the additional regions that was added and not filled in stops nobody."""
    _fill(browser, _RIGHT)
    browser.click("#root_additional_regions__add")
    assert "additional_regions" not in _submit(browser, "#answer")
    assert host.submitted[0]["additional_regions"] == [""]


def test_a_right_form_connects(browser, host):
    """Values arrive as they were pasted, every line of the key with them, and the answer is good."""
    with Sandbox() as sandbox:
        tenancy = sandbox.add_tenancy("acme")
        tenancy.add_log_group(tenancy.regions[0], tenancy.ocid)
        settings = tenancy.settings()
        texts = {name: value for name, value in settings.items() if name != "additional_regions"}
        browser.click("summary")
        _fill(browser, texts)
        browser.click("#root_additional_regions__add")
        browser.paste("#root_additional_regions_0", settings["additional_regions"][0])
        assert _submit(browser, "#answer") == {}
        assert browser.run("return document.getElementById('answer').className") == "ok", browser.text(
            "#answer"
        )
    assert host.submitted == [_DEFAULTS | settings]
    assert parse_settings(host.submitted[0]) == parse_settings(settings)
