"""The settings form: what the operator is asked, as the JSON Schema (2020-12) that a form generator draws.

Plain data, so that a host that only lists its integrations loads neither pydantic nor the SDK. `settings.Settings`
is the model of the same fields and takes defaults and bounds from here.

Patterns can be read (dots stand bare), because form generators show one that does not match. They stop the plain
mistakes; all else is for `parse_settings`, which says what to do. Every text that it accepts fits its pattern.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Final

from signal_client_oci.settings.limits import (
    MAX_ENDPOINT_TEMPLATE,
    MAX_FINGERPRINT,
    MAX_LOGGING_QUERY,
    MAX_OCID,
    MAX_PASSPHRASE,
    MAX_PRIVATE_KEY,
    MAX_REGION,
    MAX_REGIONS,
)
from signal_client_oci.settings.ocids import OCID_KINDS

__all__ = ["FORM", "SECRETS", "settings_schema"]

Property = dict[str, Any]

_REGION_PATTERN: Final = "^[^.:/]*$"
_BLANK: Final = r"^\W*$"


def _ocid_pattern(field: str) -> str:
    return "|".join(f"ocid1.{kind}|ocidv1:{kind}" for kind in OCID_KINDS[field].kinds)


def _text(title: str, description: str, **more: Any) -> Property:
    return {"type": "string", "title": title, "description": description, **more}


def _secret(title: str, description: str, **more: Any) -> Property:
    return _text(title, description, format="password", writeOnly=True, **more)


def _switch(title: str, description: str) -> Property:
    return {"type": "boolean", "title": title, "description": description, "default": True}


def _number(title: str, description: str, default: int, minimum: int, maximum: int) -> Property:
    bounds = {"default": default, "minimum": minimum, "maximum": maximum}
    return {"type": "integer", "title": title, "description": description, **bounds}


def _advanced(shown: Property) -> Property:
    return {**shown, "x-advanced": True}


FORM: Final[dict[str, Property]] = {
    "tenancy_ocid": _text(
        "Tenancy OCID",
        (
            "The tenancy to collect from; begins with ocid1.tenancy. OCI console: profile menu (top "
            "right) > Tenancy > OCID > Copy."
        ),
        examples=["ocid1.tenancy.oc1..aaaaaaaaexampletenancy"],
        maxLength=MAX_OCID,
        pattern=_ocid_pattern("tenancy_ocid"),
    ),
    "user_ocid": _text(
        "User OCID",
        (
            "The user that the API key was added to; begins with ocid1.user. OCI console: Identity & "
            "Security > Domains > (domain) > Users > (user) > OCID > Copy."
        ),
        examples=["ocid1.user.oc1..aaaaaaaaexampleuser"],
        maxLength=MAX_OCID,
        pattern=_ocid_pattern("user_ocid"),
    ),
    "fingerprint": _text(
        "Fingerprint",
        (
            "The fingerprint of the API key: 16 pairs of hex digits. OCI console: the user's page > "
            "API keys > Fingerprint."
        ),
        examples=["12:34:56:78:90:ab:cd:ef:12:34:56:78:90:ab:cd:ef"],
        maxLength=MAX_FINGERPRINT,
        pattern=r"([0-9A-Fa-f]\W*){32}",
    ),
    "private_key": _secret(
        "Private Key",
        (
            "The whole text of the .pem file that was downloaded when the API key was added, from the "
            "BEGIN line to the END line: RSA, 2048 bits or more. What a paste does to line ends and "
            "dashes is repaired."
        ),
        minLength=1,
        maxLength=MAX_PRIVATE_KEY,
        examples=["-----BEGIN PRIVATE KEY-----\n(many lines)\n-----END PRIVATE KEY-----"],
        pattern=r"\S",
        **{"x-widget": "textarea"},
    ),
    "region": _text(
        "Region",
        (
            "The identifier, not the name, of a region that the tenancy is subscribed to; best its "
            "home region. OCI console: region menu (top right) > Manage regions > Region identifier."
        ),
        examples=["us-ashburn-1", "eu-frankfurt-1", "uk-london-1", "ap-tokyo-1"],
        maxLength=MAX_REGION,
        pattern=_REGION_PATTERN,
    ),
    "compartment_ocid": _text(
        "Compartment OCID",
        (
            "The compartment to collect from; begins with ocid1.compartment. Empty: the whole "
            "tenancy. OCI console: Identity & Security > Compartments > (compartment) > OCID > Copy."
        ),
        default="",
        examples=["ocid1.compartment.oc1..aaaaaaaaexamplecompartment"],
        maxLength=MAX_OCID,
        pattern=f"{_ocid_pattern('compartment_ocid')}|{_BLANK}",
    ),
    "private_key_passphrase": _secret(
        "Private Key Passphrase",
        (
            "Leave it empty, unless the private key is encrypted: its file then says ENCRYPTED in its "
            "first lines."
        ),
        default="",
        maxLength=MAX_PASSPHRASE,
    ),
    "include_subcompartments": _switch(
        "Include Sub-compartments",
        (
            "Also collect from every compartment below the one in Compartment OCID (if that is empty: "
            "below the root), at any depth."
        ),
    ),
    "additional_regions": {
        "type": "array",
        "title": "Additional Regions",
        "description": (
            "More regions to collect from, by identifier; the word all stands for every region that the tenancy is "
            "subscribed to. None: only the one in Region."
        ),
        "default": [],
        "maxItems": MAX_REGIONS,
        "examples": [["eu-frankfurt-1", "uk-london-1"], ["all"]],
        "items": {
            "type": "string",
            "title": "Region",
            "default": "",  # one that was added to the list and not filled in is no error
            "maxLength": MAX_REGION,
            "pattern": _REGION_PATTERN,
            "examples": ["eu-frankfurt-1", "all"],
        },
    },
    "audit_enabled": _switch(
        "Collect Audit Events",
        "Who did what: every API call and console action in the tenancy, logins included.",
    ),
    "logging_enabled": _switch(
        "Collect Logging Records",
        "What the OCI Logging service holds: flow logs, service logs and custom logs.",
    ),
    "cloud_guard_enabled": _switch(
        "Collect Cloud Guard Problems",
        "What Cloud Guard finds and recommends; it must be enabled in the tenancy.",
    ),
    "logging_query": _advanced(
        _text(
            "Logging Query",
            (
                "Which Logging records to collect: what follows the search part of a Logging query, "
                "beginning with where. Empty: all. Try it out in the OCI console: Observability & "
                "Management > Logging > Search > Advanced mode."
            ),
            default="",
            maxLength=MAX_LOGGING_QUERY,
            examples=[
                "where type = 'com.oraclecloud.vcn.flowlogs.DataEvent'",
                "where data.action = 'REJECT'",
            ],
        )
    ),
    "cloud_guard_interval_minutes": _advanced(
        _number(
            "Cloud Guard Interval (minutes)",
            "How often Cloud Guard is read, 1 to 1440; it finds problems within hours, not seconds.",
            default=30,
            minimum=1,
            maximum=1440,
        )
    ),
    "cloud_guard_min_risk": _advanced(
        _text(
            "Cloud Guard Minimum Risk",
            "Problems of this risk level and all above it are collected; MINOR: all problems.",
            default="MINOR",
            enum=["CRITICAL", "HIGH", "MEDIUM", "LOW", "MINOR"],
        )
    ),
    "cloud_guard_details": _advanced(
        _switch(
            "Cloud Guard Details",
            (
                "Read the description and the recommendation of each new or changed problem (one request "
                "each)."
            ),
        )
    ),
    "lookback_minutes": _advanced(
        _number(
            "First Poll Reaches Back (minutes)",
            "How far back the very first poll reads, 1 to 20160 (14 days, all that Logging searches).",
            default=60,
            minimum=1,
            maximum=20160,
        )
    ),
    "overlap_minutes": _advanced(
        _number(
            "Overlap (minutes)",
            "How far back each poll reads again for late records, 0 to 120; repeats are left out.",
            default=15,
            minimum=0,
            maximum=120,
        )
    ),
    "redact_secrets": _advanced(
        _switch("Redact Secrets", ("Mask session tokens and credentials that OCI leaves inside events."))
    ),
    "max_concurrency": _advanced(
        _number(
            "Requests in Flight",
            "How many requests may wait for one service of one region at the same time, 1 to 64.",
            default=8,
            minimum=1,
            maximum=64,
        )
    ),
    "endpoint_template": _advanced(
        _text(
            "Endpoint Template",
            (
                "Base URL of a gateway that stands between here and OCI, with {region} and {service} in "
                "it (audit, logging, cloudguard, identity): https://, or http:// to 127.0.0.1. Empty: "
                "OCI's own hosts."
            ),
            default="",
            examples=["https://oci-gateway.example.com/{region}/{service}"],
            maxLength=MAX_ENDPOINT_TEMPLATE,
            pattern=rf"\{{region\}}|{_BLANK}",
        )
    ),
}

SECRETS: Final = frozenset(name for name, shown in FORM.items() if shown.get("writeOnly"))
"""The settings that are secrets."""


def settings_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the settings object, for a form generator.

    Properties are in form order. Secrets carry `format: password` and `writeOnly`, the key `x-widget:
    textarea`, rarely needed fields `x-advanced`. Each call gives an object of its own.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Oracle Cloud (OCI)",
        "description": (
            "Collects Audit events, Logging records and Cloud Guard problems of one OCI tenancy with an API key. "
            "Tenancy, user, fingerprint and region stand together in the OCI console: the user's page > API keys > "
            "(the key's menu) > View configuration file."
        ),
        "type": "object",
        "required": [name for name, shown in FORM.items() if "default" not in shown],
        "properties": deepcopy(FORM),
        "additionalProperties": False,
    }
