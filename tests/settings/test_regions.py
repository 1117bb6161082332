"""Region names: what is taken, what is refused, and what is suggested instead."""

import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from oci import regions as sdk

from signal_client_oci.settings.regions import (
    DISPLAY_NAMES,
    UnknownRegionError,
    canonical_region,
    realm_of,
    region_label,
    shipped_domain,
)


@pytest.mark.parametrize("text", ["us-ashburn-1", " us-ashburn-1\n", "US-Ashburn-1", "iad", "IAD "])
def test_spellings_of_one_region(text):
    """An identifier or a short code names its region, whatever its case and the white space around it."""
    assert canonical_region(text) == "us-ashburn-1"


@pytest.mark.parametrize("short", sorted(sdk.REGIONS_SHORT_NAMES))
def test_every_short_code_is_translated(short):
    """Each short code of the SDK becomes a region that is its own canonical name."""
    region = canonical_region(short)
    assert region == sdk.REGIONS_SHORT_NAMES[short] == canonical_region(region)


@pytest.mark.parametrize("region", sorted(DISPLAY_NAMES))
def test_console_names_lead_to_their_region(region):
    """The name that the console shows is refused with its identifier as the first suggestion."""
    assert canonical_region(region) == region
    with pytest.raises(UnknownRegionError) as caught:
        canonical_region(DISPLAY_NAMES[region])
    assert caught.value.suggestions[0] == region


@pytest.mark.parametrize(
    ("text", "suggested"),
    [
        ("Frankfurt", "eu-frankfurt-1"),
        ("São Paulo", "sa-saopaulo-1"),
        ("us-ashburn", "us-ashburn-1"),
        ("us-ashbrun-1", "us-ashburn-1"),
        ("frankfrut", "eu-frankfurt-1"),
        ("us-east-1", "us-ashburn-1"),
        ("https://cloud.oracle.com/?region=eu-paris-1", "eu-paris-1"),
        ("Salt Lake", "us-saltlake-2"),
    ],
)
def test_near_misses_are_suggested(text, suggested):
    """A city, a missing number, a typing error or another cloud's name leads to the region meant."""
    with pytest.raises(UnknownRegionError) as caught:
        canonical_region(text)
    assert suggested in caught.value.suggestions
    assert region_label(suggested) in str(caught.value)


@pytest.mark.parametrize("text", ["us_ashburn_1", "us ashburn 1", "US_Ashburn-1"])
def test_other_separators_lead_to_the_one_region(text):
    """Blanks and underscores in the place of hyphens leave no doubt about the region that is meant."""
    with pytest.raises(UnknownRegionError) as caught:
        canonical_region(text)
    assert caught.value.suggestions == ("us-ashburn-1",)


def test_message_of_a_display_name():
    """The message says what is wrong and both names of the right region."""
    with pytest.raises(UnknownRegionError) as caught:
        canonical_region("US East (Ashburn)")
    assert (
        str(caught.value)
        == "US East (Ashburn) is not an OCI region. Did you mean us-ashburn-1 (US East (Ashburn))?"
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mars-1",
        "evil.example.com",
        "us-ashburn-1.evil.com",
        "us-ashburn-1/x",
        "us-ashburn-1@h",
        "us-ashburn-1\x00",
        "-",
        "us--ashburn-1",
        "{region}",
        "us-ashburn-1 us-phoenix-1",
        "a" * 5000,
    ],
)
def test_nothing_else_passes(text):
    """No text with dots, slashes or unknown names becomes a region, least of all one of realm OC1."""
    with pytest.raises(UnknownRegionError):
        canonical_region(text)
    with pytest.raises(UnknownRegionError):
        realm_of(text)


def test_a_key_in_the_wrong_field_is_not_quoted():
    """A long text is not repeated by the error: it may be the private key."""
    with pytest.raises(UnknownRegionError) as caught:
        canonical_region("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQ" * 5)
    assert "MIIE" not in str(caught.value)
    assert str(caught.value).startswith("This is not an OCI region")


@pytest.mark.parametrize(
    ("region", "realm"),
    [("us-ashburn-1", "oc1"), ("lfi", "oc2"), ("us-gov-phoenix-1", "oc3"), ("eu-frankfurt-2", "oc19")],
)
def test_realms(region, realm):
    """A region's realm is the SDK's."""
    assert realm_of(region) == realm


@pytest.mark.parametrize(
    ("region", "domain"),
    [
        ("us-ashburn-1", "oraclecloud.com"),
        ("us-gov-phoenix-1", "oraclegovcloud.com"),
        ("eu-frankfurt-2", "oraclecloud.eu"),
    ],
)
def test_domains_are_those_of_the_package(monkeypatch, region, domain):
    """What was written over the SDK's tables in memory, for realms or regions, changes no domain."""
    for realm in sdk.REALMS:
        monkeypatch.setitem(sdk.REALMS, realm, "elsewhere.example")
    monkeypatch.setitem(sdk.REGION_REALMS, region, "oc99")
    assert shipped_domain(region) == domain


def test_a_realm_that_is_not_shipped_has_no_domain(monkeypatch):
    """A region that was declared in a realm of its own is known, its domain is not."""
    monkeypatch.setitem(sdk.REGION_REALMS, "xx-newtown-1", "oc99")
    monkeypatch.setitem(sdk.REALMS, "oc99", "elsewhere.example")
    assert (realm_of("xx-newtown-1"), shipped_domain("xx-newtown-1")) == ("oc99", None)


@hypothesis_settings(deadline=None)
@given(st.text(max_size=60))
@pytest.mark.slow
def test_any_text_is_a_known_region_or_refused(text):
    """Whatever is typed, the outcome is a region, or the one error with at most three suggestions."""
    try:
        outcome = [canonical_region(text)]
    except UnknownRegionError as error:
        outcome = list(error.suggestions)
    assert len(outcome) <= 3
    assert set(outcome) <= set(sdk.REGIONS)


_NEW = {
    "realmKey": "OC99",
    "realmDomainComponent": "oraclecloud99.com",
    "regionKey": "XYZ",
    "regionIdentifier": "xx-newtown-1",
}
_ASK = (
    "from signal_client_oci.settings.regions import canonical_region, realm_of\n"
    "print(canonical_region('xyz'), canonical_region('xx-newtown-1'), realm_of('xx-newtown-1'))"
)


def _in_new_process(home, script=_ASK, **environment):
    known = {"PATH": os.environ["PATH"], "HOME": str(home), **environment}
    done = subprocess.run(
        [sys.executable, "-c", script], env=known, capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout.split() if done.returncode == 0 else done.stderr


@pytest.mark.slow
def test_region_declared_in_the_environment(tmp_path):
    """A region that OCI_REGION_METADATA declares works, by short code and by name, in its own realm."""
    found = _in_new_process(tmp_path, OCI_REGION_METADATA=json.dumps(_NEW))
    assert found == ["xx-newtown-1", "xx-newtown-1", "oc99"]


@pytest.mark.slow
def test_region_declared_in_the_file(tmp_path):
    """A region that ~/.oci/regions-config.json adds to the SDK works too."""
    (tmp_path / ".oci").mkdir()
    (tmp_path / ".oci" / "regions-config.json").write_text(json.dumps([_NEW]))
    assert _in_new_process(tmp_path) == ["xx-newtown-1", "xx-newtown-1", "oc99"]


@pytest.mark.slow
@pytest.mark.parametrize("content", ["[1, 2]", '[{"realmKey": 1}]', "null", "\x00"])
def test_malformed_declaration_harms_nothing(tmp_path, content):
    """A broken regions-config.json neither raises nor hides the regions that the SDK knows."""
    (tmp_path / ".oci").mkdir()
    (tmp_path / ".oci" / "regions-config.json").write_text(content)
    script = (
        "from signal_client_oci.settings.regions import *\n"
        "try:\n    canonical_region('xyz')\n"
        "except UnknownRegionError:\n    print(canonical_region('fra'))"
    )
    assert _in_new_process(tmp_path, script) == ["eu-frankfurt-1"]


@pytest.mark.slow
def test_importing_does_not_import_the_sdk(tmp_path):
    """The module itself costs no import of the SDK."""
    script = "import sys, signal_client_oci.settings.regions; print('oci' in sys.modules)"
    assert _in_new_process(tmp_path, script) == ["False"]
