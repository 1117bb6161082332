"""Fingerprints: every spelling of the right kind is taken, every other digest is named."""

import re

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from signal_client_oci.settings.api_key import normalise_fingerprint

_PROPER = "12:34:56:78:90:ab:cd:ef:12:34:56:78:90:ab:cd:ef"


@pytest.mark.parametrize(
    "text",
    [
        _PROPER,
        _PROPER.upper(),
        _PROPER.replace(":", ""),
        _PROPER.replace(":", "-"),
        _PROPER.replace(":", " "),
        f"MD5:{_PROPER}",
        f" {_PROPER}\n",
    ],
)
def test_spellings(text):
    """Case, separators, the prefix of ssh-keygen and white space make no difference."""
    assert normalise_fingerprint(text) == _PROPER


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "missing"),
        ("SHA256:2jmj7l5rSw0yVb/vlWAYkK/YBwk", "SHA-256"),
        ("ab" * 32, "SHA-256"),
        ("ab" * 20, "SHA-1"),
        (_PROPER[:-3], "30 hex digits"),
        ("fingerprint=" + _PROPER, "= sign"),
        (f'"{_PROPER}"', "quotes"),
        ("-----BEGIN PRIVATE KEY-----", "Private Key"),
        (_PROPER.replace("e", "g"), "hex digits (0-9, a-f)"),
    ],
)
def test_what_it_is_instead(text, said):
    """A refusal names what was pasted, and where the console shows the right thing."""
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        normalise_fingerprint(text)
    assert "API keys > Fingerprint" in str(caught.value)


@hypothesis_settings(deadline=None)
@given(st.text(alphabet="0123456789abcdefABCDEF:- \n", max_size=60) | st.text(max_size=60))
@pytest.mark.slow
def test_any_text_is_a_fingerprint_or_refused(text):
    """Exactly the texts of 32 hex digits with separators between them become a fingerprint, in its one normal form."""
    fits = re.fullmatch(r"(?:[Mm][Dd]5:)?(?:[0-9A-Fa-f][\s:-]*){32}", text.strip()) is not None
    try:
        proper = normalise_fingerprint(text)
    except ValueError:
        assert not fits
    else:
        assert fits
        assert re.fullmatch("([0-9a-f]{2}:){15}[0-9a-f]{2}", proper)
        assert normalise_fingerprint(proper) == proper
