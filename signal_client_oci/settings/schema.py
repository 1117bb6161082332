"""The table of settings: what the form shows of each field, and how its value is read.

The form (JSON Schema 2020-12), the parsing and `docs/settings.md` are all made from this table. A host that only lists
its integrations needs the form, so this module loads no reader and no library before a value is read.

Form generators show a pattern that does not match, so patterns are short enough to read (dots are not escaped). They
stop obvious mistakes; the readers check the rest and say what to do. Every text that a reader accepts fits its pattern.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from importlib import import_module
from typing import Any, Final, Literal, NamedTuple, get_args

from signal_client_oci.contract import SOURCES
from signal_client_oci.settings.config_preview import MAX_PREVIEW
from signal_client_oci.settings.ocids import MAX_OCID, OCID_KINDS

__all__ = [
    "AUDIT_MODES",
    "FIELDS",
    "MAX_PRIVATE_KEY",
    "RISK_LEVELS",
    "SECRETS",
    "AuditMode",
    "RiskLevel",
    "SettingField",
    "settings_schema",
]

Property = dict[str, Any]

RiskLevel = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "MINOR"]
RISK_LEVELS: Final[tuple[RiskLevel, ...]] = get_args(RiskLevel)
"""Cloud Guard's risk levels, highest first (SDK cloud_guard/models/problem_summary.py)."""

AuditMode = Literal["events", "search"]
AUDIT_MODES: Final[tuple[AuditMode, ...]] = get_args(AuditMode)
"""How Audit is read: by ListEvents, compartment by compartment, or by one Logging search for each region."""

MAX_PRIVATE_KEY: Final = 20_000
"""How many characters a pasted key may have: RSA with 4096 bits has 3,300, six times as many as JSON escapes."""

_MAX_REGION: Final = 60  # below the 64 letters of a line of a pasted key
_MAX_REGIONS: Final = 200

_MAX_FINGERPRINT: Final = 200  # 47 in the console; longer digests are refused by name

_REGION_PATTERN: Final = "^[^.:/]*$"
_PREVIEW: Final = "Or paste the whole configuration file preview that the OCI console shows with the API key."
_BLANK: Final = r"^\W*$"


class SettingField(NamedTuple):
    """One setting.

    Attributes:
        schema: Its property in the JSON Schema. Title, default and limits are defined here only.
        reader: The function that reads a value, as `module.function` of this package; it is imported when it is used.
            It gets a value within the size limits of the schema, stripped if it is a text; a blank value only if
            the field has no default. It returns what `Settings` holds, or raises a ValueError for the operator.
        arguments: What the reader gets besides the value.
        preview_line: The name of its line in the console's configuration file preview, which may be pasted whole; "" if
            it has none there, None if nobody would paste a preview into it.
        max_length: Characters that a value has at most where the schema leaves room for a preview.
    """

    schema: Property
    reader: str
    arguments: Mapping[str, Any]
    preview_line: str | None = None
    max_length: int | None = None

    @property
    def is_required(self) -> bool:
        """Whether the form must be given a value."""
        return "default" not in self.schema

    @property
    def is_secret(self) -> bool:
        """Whether the value is never shown."""
        return "writeOnly" in self.schema

    @property
    def default(self) -> Any:
        """The value of a field that was left empty; each access returns a new object."""
        return deepcopy(self.schema["default"])

    def read(self, value: object) -> Any:
        """Return what `Settings` holds for a value (see `reader`)."""
        module, function = self.reader.split(".")
        return getattr(import_module(f"{__package__}.{module}"), function)(value, **self.arguments)


def _text(title: str, description: str, reader: str, **more: Any) -> SettingField:
    return SettingField({"type": "string", "title": title, "description": description, **more}, reader, {})


def _in_preview(field: SettingField, line: str, max_length: int) -> SettingField:
    """Return a field that takes its own line from a pasted configuration file preview, or says that it has none."""
    schema = {**field.schema, "maxLength": MAX_PREVIEW}
    if line:
        schema["description"] += f" {_PREVIEW}"
    return field._replace(schema=schema, preview_line=line, max_length=max_length)


def _ocid(
    name: str, title: str, description: str, *, preview_line: str = "", or_pattern: str = "", **more: Any
) -> SettingField:
    kinds = "|".join(f"ocid1.{kind}|ocidv1:{kind}" for kind in OCID_KINDS[name].kinds)
    field = _text(title, description, "ocids.read_ocid", **more, pattern=kinds + or_pattern)
    return _in_preview(field._replace(arguments={"field": name}), preview_line, MAX_OCID)


def _secret(title: str, description: str, reader: str, **more: Any) -> SettingField:
    return _text(title, description, reader, format="password", writeOnly=True, **more)


def _switch(title: str, description: str) -> SettingField:
    schema = {"type": "boolean", "title": title, "description": description, "default": True}
    return SettingField(schema, "values.read_switch", {})


def _number(title: str, description: str, default: int, minimum: int, maximum: int) -> SettingField:
    bounds = {"default": default, "minimum": minimum, "maximum": maximum}
    schema = {"type": "integer", "title": title, "description": description, **bounds}
    return SettingField(schema, "values.read_whole_number", {"least": minimum, "most": maximum})


def _choice(title: str, description: str, default: str, choices: tuple[str, ...]) -> SettingField:
    field = _text(title, description, "values.read_choice", default=default, enum=list(choices))
    return field._replace(arguments={"choices": choices})


def _advanced(field: SettingField) -> SettingField:
    return field._replace(schema={**field.schema, "x-advanced": True})


FIELDS: Final[dict[str, SettingField]] = {
    "tenancy_ocid": _ocid(
        "tenancy_ocid",
        "Tenancy OCID",
        (
            "The tenancy to collect from; begins with ocid1.tenancy. OCI console: profile menu (top "
            "right) > Tenancy > OCID > Copy."
        ),
        preview_line="tenancy",
        examples=["ocid1.tenancy.oc1..aaaaaaaaexampletenancy"],
    ),
    "user_ocid": _ocid(
        "user_ocid",
        "User OCID",
        (
            "The user that the API key was added to; begins with ocid1.user. OCI console: Identity & "
            "Security > Domains > (domain) > Users > (user) > OCID > Copy."
        ),
        preview_line="user",
        examples=["ocid1.user.oc1..aaaaaaaaexampleuser"],
    ),
    "fingerprint": _in_preview(
        _text(
            "Fingerprint",
            (
                "The fingerprint of the API key: 16 pairs of hex digits. OCI console: the user's page > "
                "API keys > Fingerprint."
            ),
            "api_key.normalise_fingerprint",
            examples=["12:34:56:78:90:ab:cd:ef:12:34:56:78:90:ab:cd:ef"],
            pattern=r"([0-9A-Fa-f]\W*){32}",
        ),
        "fingerprint",
        _MAX_FINGERPRINT,
    ),
    "private_key": _secret(
        "Private Key",
        (
            "The complete text of the .pem file that was downloaded when the API key was added, from the "
            "BEGIN line to the END line: RSA, 2048 bits or more. Changes that pasting makes to line ends "
            "and dashes are repaired."
        ),
        "api_key.read_private_key",
        minLength=1,
        maxLength=MAX_PRIVATE_KEY,
        examples=["-----BEGIN PRIVATE KEY-----\n(many lines)\n-----END PRIVATE KEY-----"],
        pattern=r"\S",
        **{"x-widget": "textarea"},
    ),
    "region": _in_preview(
        _text(
            "Region",
            (
                "The identifier (not the name) of a region that the tenancy is subscribed to, preferably its "
                "home region. OCI console: region menu (top right) > Manage regions > Region identifier."
            ),
            "regions.read_region",
            examples=["us-ashburn-1", "eu-frankfurt-1", "uk-london-1", "ap-tokyo-1"],
            pattern=r"^[^.:/]{0,60}$|region\s*=",
        ),
        "region",
        _MAX_REGION,
    ),
    "compartment_ocid": _ocid(
        "compartment_ocid",
        "Compartment OCID",
        (
            "The compartment to collect from; begins with ocid1.compartment. If empty, the whole tenancy "
            "is collected. OCI console: Identity & Security > Compartments > (compartment) > OCID > Copy."
        ),
        default="",
        examples=["ocid1.compartment.oc1..aaaaaaaaexamplecompartment"],
        or_pattern=f"|{_BLANK}",
    ),
    "private_key_passphrase": _secret(
        "Private Key Passphrase",
        (
            "Leave empty unless the private key is encrypted; the first lines of its file then contain "
            "the word ENCRYPTED."
        ),
        "values.read_secret",
        default="",
        maxLength=1024,  # the limit of OpenSSL
    ),
    "include_subcompartments": _switch(
        "Include Sub-compartments",
        (
            "Also collect from all compartments below the one in Compartment OCID, at any depth. If "
            "Compartment OCID is empty, these are all compartments of the tenancy."
        ),
    ),
    "additional_regions": SettingField(
        {
            "type": "array",
            "title": "Additional Regions",
            "description": (
                "More regions to collect from, by identifier. Enter all to collect from every region that "
                "the tenancy is subscribed to. If the list is empty, only the region in Region is "
                "collected."
            ),
            "default": [],
            "maxItems": _MAX_REGIONS,
            "examples": [["eu-frankfurt-1", "uk-london-1"], ["all"]],
            "items": {
                "type": "string",
                "title": "Region",
                "default": "",  # an entry that was added to the list but not filled in is not an error
                "maxLength": _MAX_REGION,
                "pattern": _REGION_PATTERN,
                "examples": ["eu-frankfurt-1", "all"],
            },
        },
        "regions.read_regions",
        {"most": _MAX_REGIONS, "longest": _MAX_REGION},
    ),
    "audit_enabled": _switch(
        "Collect Audit Events",
        "Who did what: every API call and console action in the tenancy, logins included.",
    ),
    "logging_enabled": _switch(
        "Collect Logging Records",
        "Records of the OCI Logging service: flow logs, service logs and custom logs.",
    ),
    "cloud_guard_enabled": _switch(
        "Collect Cloud Guard Problems",
        (
            "Problems that Cloud Guard detects, with its recommendations. Cloud Guard must be enabled in "
            "the tenancy."
        ),
    ),
    "audit_mode": _advanced(
        _choice(
            "Audit Mode",
            (
                "How audit events are read. events: one request for each compartment and region; complete by "
                "itself, and right for up to some hundred compartments. search: one Logging search for each "
                "region, whatever the number of compartments; right for thousands of compartments. It also "
                "needs the policies read log-groups and read log-content, re-reads at least 15 minutes, and "
                "is compared with events about once an hour."
            ),
            default="events",
            choices=AUDIT_MODES,
        )
    ),
    "logging_query": _advanced(
        _text(
            "Logging Query",
            (
                "A filter for Logging records: what follows the search part of a Logging query; the word "
                "where may be left out. If empty, all records are collected. To test it, use the OCI "
                "console: Observability & Management > Logging > Search > Advanced mode."
            ),
            "logging_query.logging_clause",
            default="",
            maxLength=4000,
            examples=[
                "where type = 'com.oraclecloud.vcn.flowlogs.DataEvent'",
                "where data.action = 'REJECT'",
            ],
        )
    ),
    "cloud_guard_interval_minutes": _advanced(
        _number(
            "Cloud Guard Interval (minutes)",
            (
                "How often Cloud Guard is read, 1 to 1440. Cloud Guard detects problems within hours, not "
                "seconds."
            ),
            default=SOURCES["cloud_guard"]["default_interval_minutes"],
            minimum=1,
            maximum=1440,
        )
    ),
    "cloud_guard_min_risk": _advanced(
        _choice(
            "Cloud Guard Minimum Risk",
            "Collect problems of this risk level and above. MINOR collects all problems.",
            default="MINOR",
            choices=RISK_LEVELS,
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
            "How far back the first poll reads, 1 to 20160 (14 days, the maximum of a Logging search).",
            default=60,
            minimum=1,
            maximum=20160,
        )
    ),
    "overlap_minutes": _advanced(
        _number(
            "Overlap (minutes)",
            (
                "How far back each poll reads again to find late records, 0 to 120; with the audit mode "
                "search, audit events at least 15. Records that were already delivered are left out."
            ),
            default=15,
            minimum=0,
            maximum=120,
        )
    ),
    "redact_secrets": _advanced(
        _switch("Redact Secrets", "Mask session tokens and credentials that OCI includes in events.")
    ),
    "max_concurrency": _advanced(
        _number(
            "Requests in Flight",
            "The maximum number of concurrent requests to one service in one region, 1 to 64.",
            default=8,
            minimum=1,
            maximum=64,
        )
    ),
    "endpoint_template": _advanced(
        _text(
            "Endpoint Template",
            (
                "Base URL of a gateway between the host and OCI. It must contain {region} and {service} "
                "(audit, logging, cloudguard, identity) and begin with https://, or http:// for "
                "127.0.0.1. If empty, OCI's own endpoints are used."
            ),
            "endpoint_template.read_endpoint_template",
            default="",
            examples=["https://oci-gateway.example.com/{region}/{service}"],
            maxLength=500,
            pattern=rf"\{{region\}}|{_BLANK}",
        )
    ),
}

SECRETS: Final = frozenset(name for name, field in FIELDS.items() if field.is_secret)
"""The names of the settings that are secrets."""


def settings_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the settings object, for a form generator.

    Properties are in form order. Secrets have `format: password` and `writeOnly`, the key `x-widget: textarea`,
    rarely needed fields `x-advanced`. Each call returns a new object.
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Oracle Cloud (OCI)",
        "description": (
            "Collects Audit events, Logging records and Cloud Guard problems of one OCI tenancy with an API key. "
            "The OCI console shows tenancy, user, fingerprint and region together: the user's page > API keys > "
            "(the key's menu) > View configuration file. Each of these fields takes its own line from that text."
        ),
        "type": "object",
        "required": [name for name, field in FIELDS.items() if field.is_required],
        "properties": {name: deepcopy(field.schema) for name, field in FIELDS.items()},
        "additionalProperties": False,
    }
