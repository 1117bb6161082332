"""Oracle Cloud identifiers: which kind of thing one names, and whether it is the kind that a field wants.

An OCID is `ocid1.<kind>.<realm>.[region][.future use].<unique>`; the oldest tenancies have `ocidv1:<kind>:<realm>:...`
(Oracle's "Resource Identifiers"). OCIDs go into signed headers, URLs and queries, so only letters, digits,
dots, colons, hyphens and underscores are let through.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from signal_client_oci.settings.limits import MAX_OCID

__all__ = ["OCID_KINDS", "Ocid", "OcidKind", "ocid_pattern", "parse_ocid", "read_ocid"]

_OCID: Final = re.compile(
    r"(?:ocid1\.|ocidv1:)(?P<kind>[a-z0-9_-]+)[.:](?P<realm>[a-z0-9_-]+)[.:]"
    r"(?:[A-Za-z0-9_-]*[.:]){1,2}[A-Za-z0-9_-]+"
)
_SHOWN_KIND: Final = 30


class Ocid(NamedTuple):
    """What an OCID says of itself, `kind` as "tenancy" and `realm` as "oc1"."""

    kind: str
    realm: str


class OcidKind(NamedTuple):
    """What a field takes: its name for a sentence, the kinds, and where the console shows it."""

    owner: str
    kinds: tuple[str, ...]
    where: str


OCID_KINDS: Final = {
    "tenancy_ocid": OcidKind("tenancy", ("tenancy",), "profile menu (top right) > Tenancy > OCID > Copy"),
    "user_ocid": OcidKind(
        "user",
        ("user", "saml2idpuser"),
        "Identity & Security > Domains > (domain) > Users > (API user) > OCID > Copy",
    ),
    "compartment_ocid": OcidKind(
        "compartment",
        ("compartment", "tenancy"),
        "Identity & Security > Compartments > (compartment) > OCID > Copy",
    ),
}
"""Setting → the OCID that it takes."""


def parse_ocid(text: str) -> Ocid | None:
    """Return kind and realm of an OCID, None for any other text."""
    match = _OCID.fullmatch(text) if len(text) <= MAX_OCID else None
    return Ocid(match["kind"], match["realm"]) if match else None


def read_ocid(text: str, field: str) -> str:
    """Return an OCID of the kind that a setting takes.

    Raises:
        ValueError: it is none, or one of another kind; the text says what it is and where the right one
            stands.
    """
    wanted = OCID_KINDS[field]
    ocid = parse_ocid(text)
    if ocid and ocid.kind in wanted.kinds:
        return text
    begins = f"the {wanted.owner}'s begins with ocid1.{wanted.kinds[0]}."
    if ocid:
        article = "an" if ocid.kind[0] in "aeio" else "a"
        wrong = f"This is {article} {ocid.kind[:_SHOWN_KIND]} OCID; {begins}"
    else:
        wrong = f"{_what_is_wrong(text)}; {begins}"
    raise ValueError(f"{wrong} Copy it from the OCI console: {wanted.where}.")


def ocid_pattern(field: str) -> str:
    """Return a regular expression (ECMA-262 and Python, no anchors) of the OCIDs for a setting."""
    kinds = "|".join(OCID_KINDS[field].kinds)
    return rf"(?:ocid1\.|ocidv1:)(?:{kinds})[.:][a-z0-9_-]+[.:](?:[A-Za-z0-9_-]*[.:]){{1,2}}[A-Za-z0-9_-]+"


def _what_is_wrong(text: str) -> str:
    cases: dict[str, object] = {
        "This is missing": not text,
        "This holds a private key, which belongs in Private Key": "PRIVATE KEY" in text,
        "This holds white space or a control character in the middle": re.search(r"[\s\x00-\x1f\x7f]", text),
        "This holds quotes, which do not belong to the OCID": re.search("[\"'`]", text),
        "Leave out the name and the = sign": "=" in text,
        "This is an e-mail address or user name": "@" in text,
        "This OCID is shortened by dots, as lists show it": re.search(r"[A-Za-z0-9](?:\.{3,}|\u2026)", text),
        "This OCID is cut off or holds characters that no OCID has": text.lower().startswith("ocid"),
        "This is no OCID": True,
    }
    return next(sentence for sentence, applies in cases.items() if applies)
