"""OCIDs: the right kind for each field, and nothing that could do harm in a header, a URL or a query."""

import re

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from oci.config import PATTERNS

from signal_client_oci.settings.ocids import OCID_KINDS, parse_ocid, read_ocid

_UNIQUE = "aaaaaaaaba3pv6wkcr4jqae5f44n2b2m2yt2j6rx32uzr4h25vqstifsfdsq"


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("tenancy_ocid", f"ocid1.tenancy.oc1..{_UNIQUE}"),
        ("tenancy_ocid", "ocid1.tenancy.oc1..aaaaaaaat"),
        ("tenancy_ocid", "ocid1.tenancy.oc19..a_b-c.d"),
        ("tenancy_ocid", "ocidv1:tenancy:oc1:phx:1460406592660:aaaaaaaab4faofrfkxecohhjuivjq262pu"),
        ("user_ocid", "ocid1.user.oc1..aaaaaaaau"),
        ("user_ocid", "ocid1.saml2idpuser.oc1..aaaaaaaau"),
        ("compartment_ocid", "ocid1.compartment.oc1..aaaaaaaac"),
        ("compartment_ocid", "ocid1.tenancy.oc1..aaaaaaaat"),
    ],
)
def test_accepted(field, text):
    """OCIDs of the right kind pass unchanged, and the SDK's own check passes them too."""
    assert read_ocid(text, field) == text
    assert PATTERNS["tenancy"].match(text)


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        (
            "tenancy_ocid",
            "ocid1.compartment.oc1..aaa",
            "This is a compartment OCID, but a tenancy OCID begins with",
        ),
        ("tenancy_ocid", "ocid1.user.oc1..aaa", "This is a user OCID"),
        (
            "user_ocid",
            "ocid1.tenancy.oc1..aaa",
            "This is a tenancy OCID, but a user OCID begins with ocid1.user.",
        ),
        ("user_ocid", "ocid1.group.oc1..aaa", "This is a group OCID"),
        ("compartment_ocid", "ocid1.instance.oc1.iad.aaa", "This is an instance OCID"),
        ("tenancy_ocid", "", "missing"),
        ("tenancy_ocid", "acme-corp", "This is not an OCID"),
        ("user_ocid", "jane@example.com", "e-mail"),
        ("user_ocid", "user=ocid1.user.oc1..aaa", "= sign"),
        ("tenancy_ocid", '"ocid1.tenancy.oc1..aaa"', "quotes"),
        ("tenancy_ocid", "ocid1.tenancy.oc1..aa\na", "white space or a control"),
        ("tenancy_ocid", "ocid1.tenancy.oc1..aa\x00a", "white space or a control"),
        ("tenancy_ocid", "ocid1.tenancy.oc1", "incomplete"),
        ("tenancy_ocid", "ocid1.tenancy.oc1..", "incomplete"),
        ("tenancy_ocid", "ocid1.tenancy.oc1..aaa|bbb", "incomplete"),
        ("tenancy_ocid", "ocid1.tenancy.oc1..aaaaaaaa...s3kq2a", "abbreviated with dots"),
        ("tenancy_ocid", "ocid1.tenancy.oc1..aaaaaaaa\u2026s3kq2a", "abbreviated with dots"),
        ("tenancy_ocid", "ocid1.tenancy.oc1.." + "a" * 300, "incomplete"),
        ("tenancy_ocid", "-----BEGIN PRIVATE KEY-----", "Private Key"),
    ],
)
def test_refused(field, text, said):
    """Each error says what was entered, what the right OCID begins with and where to find it."""
    with pytest.raises(ValueError, match=re.escape(said)) as caught:
        read_ocid(text, field)
    assert f"begins with ocid1.{OCID_KINDS[field].kinds[0]}." in str(caught.value)
    assert "OCI console" in str(caught.value)


def test_parts():
    """Kind and realm are read from an OCID."""
    assert parse_ocid("ocid1.tenancy.oc19..aaa") == ("tenancy", "oc19")
    assert parse_ocid("tenancy") is None


@hypothesis_settings(deadline=None)
@given(
    st.sampled_from(sorted(OCID_KINDS)),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["ocid1.", "ocidv1:", "ocid2.", ""]),
        st.sampled_from(["tenancy", "user", "compartment", "saml2idpuser", "log", ""]),
        st.sampled_from([".oc1..", ":oc1:phx:", ".oc1.", "."]),
        st.text(alphabet="ab9._-: \n'\"|/", max_size=8),
    ),
)
@pytest.mark.slow
def test_what_passes_is_harmless_and_fits_the_grammar(field, text):
    """Exactly the OCIDs of the field's kinds pass, and none has a character with a meaning elsewhere."""
    kinds = "|".join(OCID_KINDS[field].kinds)
    grammar = rf"(?:ocid1\.|ocidv1:)(?:{kinds})[.:][a-z0-9_-]+[.:](?:[A-Za-z0-9_-]*[.:]){{1,2}}[A-Za-z0-9_-]+"
    fits = re.fullmatch(grammar, text) is not None
    try:
        passed = read_ocid(text, field)
    except ValueError:
        assert not fits
    else:
        assert fits
        assert re.fullmatch(r"[A-Za-z0-9._:-]+", passed)
