"""Oracle Cloud identifiers (OCIDs): the kind of resource that one names, and whether a field accepts that kind.

An OCID is `ocid1.<kind>.<realm>.[region][.future use].<unique>`; the oldest tenancies have `ocidv1:<kind>:<realm>:...`
(Oracle's "Resource Identifiers"). OCIDs go into signed headers, URLs and queries, so only letters, digits,
dots, colons, hyphens and underscores are accepted.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["MAX_OCID", "OCID_KINDS", "Ocid", "OcidKind", "parse_ocid", "read_ocid"]

MAX_OCID: Final = 255  # real ones have about 80 characters
_OCID: Final = re.compile(
    r"(?:ocid1\.|ocidv1:)(?P<kind>[a-z0-9_-]+)[.:](?P<realm>[a-z0-9_-]+)[.:]"
    r"(?:[A-Za-z0-9_-]*[.:]){1,2}[A-Za-z0-9_-]+"
)
_MAX_SHOWN_KIND: Final = 30


class Ocid(NamedTuple):
    """The parts of an OCID that are used here: `kind` such as "tenancy", `realm` such as "oc1"."""

    kind: str
    realm: str


class OcidKind(NamedTuple):
    """What a field accepts: whose OCID (for a message), its kinds, and where the OCI console shows it."""

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
"""Setting → the OCID that it accepts."""


def parse_ocid(text: str) -> Ocid | None:
    """Return the kind and the realm of an OCID; None for any other text."""
    match = _OCID.fullmatch(text) if len(text) <= MAX_OCID else None
    return Ocid(match["kind"], match["realm"]) if match else None


def read_ocid(text: str, field: str) -> str:
    """Return `text` if it is an OCID of the kind that the setting `field` accepts.

    Raises:
        ValueError: it is not; the message says what it is and where to find the right one.
    """
    wanted = OCID_KINDS[field]
    ocid = parse_ocid(text)
    if ocid and ocid.kind in wanted.kinds:
        return text
    begins = f"a {wanted.owner} OCID begins with ocid1.{wanted.kinds[0]}."
    if ocid:
        article = "an" if ocid.kind[0] in "aeio" else "a"
        wrong = f"This is {article} {ocid.kind[:_MAX_SHOWN_KIND]} OCID, but {begins}"
    else:
        wrong = f"{_what_is_wrong(text)}; {begins}"
    raise ValueError(f"{wrong} Copy it from the OCI console: {wanted.where}.")


def _what_is_wrong(text: str) -> str:
    cases: dict[str, object] = {
        "The OCID is missing": not text,
        "This is a private key, which belongs in Private Key": "PRIVATE KEY" in text,
        "The OCID contains white space or a control character": re.search(r"[\s\x00-\x1f\x7f]", text),
        "The OCID contains quotes": re.search("[\"'`]", text),
        "Enter the OCID only, without a name and the = sign": "=" in text,
        "This is an e-mail address or user name, not an OCID": "@" in text,
        "The OCID is abbreviated with dots, as the console shows it in lists": re.search(
            r"[A-Za-z0-9](?:\.{3,}|\u2026)", text
        ),
        "The OCID is incomplete or contains characters that an OCID cannot have": text.lower().startswith(
            "ocid"
        ),
        "This is not an OCID": True,
    }
    return next(sentence for sentence, applies in cases.items() if applies)
