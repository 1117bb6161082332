"""The settings of one instance: what the form asks for, and what is made of the answers.

`Settings` is the one definition of both: the schema is drawn from its fields, and `parse_settings` reads
every field that it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from signal_client_oci.contract import SOURCES, SourceName
from signal_client_oci.endpoint_template import endpoint_url
from signal_client_oci.ocids import OCID_KINDS
from signal_client_oci.regions import realm_of
from signal_client_oci.settings_reading import ALL_REGIONS, RISK_LEVELS, SettingsError, read_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RISK_LEVELS", "RiskLevel", "Settings", "SettingsError", "parse_settings", "settings_schema"]

RiskLevel = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "MINOR"]

_SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ADVANCED: Final[dict[str, Any]] = {"x-advanced": True}

# Form generators show a pattern that does not match, so these can be read (dots stand bare). They stop the plain
# mistakes; all else is for `parse_settings`, which says what to do.
_FINGERPRINT_PATTERN: Final = r"([0-9A-Fa-f]\W*){32}"
_REGION_PATTERN: Final = "^[^.:/]*$"
_BLANK: Final = r"^\W*$"
_ONE_REGION: Final[dict[str, Any]] = {
    "type": "string",
    "title": "Region",
    "default": "",  # one that was added to the list and not filled in is no error
    "pattern": _REGION_PATTERN,
}


def _ocid_pattern(field: str) -> str:
    return "|".join(f"ocid1.{kind}|ocidv1:{kind}" for kind in OCID_KINDS[field].kinds)


class Settings(BaseModel):
    """The settings of one instance, read and normalised; made by `parse_settings`.

    Texts are stripped, the fingerprint is in lower case with colons, regions are identifiers of one realm,
    `additional_regions` is without `region` and holds nothing but "all" if it holds that, `logging_query` is
    a clause of `logging_clause`. Times are in minutes. A repr shows the tenancy and the region, nothing else.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, title="Oracle Cloud (OCI)"
    )

    tenancy_ocid: str = Field(
        title="Tenancy OCID",
        description=(
            "The tenancy to collect from; begins with ocid1.tenancy. "
            "OCI console: profile menu (top right) > Tenancy > OCID > Copy."
        ),
        examples=["ocid1.tenancy.oc1..aaaaaaaaexampletenancy"],
        json_schema_extra={"pattern": _ocid_pattern("tenancy_ocid")},
    )
    user_ocid: str = Field(
        title="User OCID",
        description=(
            "The user that the API key was added to; begins with ocid1.user. OCI console: "
            "Identity & Security > Domains > (domain) > Users > (user) > OCID > Copy."
        ),
        examples=["ocid1.user.oc1..aaaaaaaaexampleuser"],
        json_schema_extra={"pattern": _ocid_pattern("user_ocid")},
    )
    fingerprint: str = Field(
        title="Fingerprint",
        description=(
            "The fingerprint of the API key: 16 pairs of hex digits. "
            "OCI console: the user's page > API keys > Fingerprint."
        ),
        examples=["12:34:56:78:90:ab:cd:ef:12:34:56:78:90:ab:cd:ef"],
        json_schema_extra={"pattern": _FINGERPRINT_PATTERN},
    )
    private_key: SecretStr = Field(
        title="Private Key",
        description=(
            "The whole text of the .pem file that was downloaded when the API key was added, from the BEGIN "
            "line to the END line: RSA, 2048 bits or more. What a paste does to line ends and dashes is repaired."
        ),
        examples=["-----BEGIN PRIVATE KEY-----\n(many lines)\n-----END PRIVATE KEY-----"],
        json_schema_extra={"minLength": 1, "pattern": r"\S", "x-widget": "textarea"},
    )
    region: str = Field(
        title="Region",
        description=(
            "The identifier, not the name, of a region that the tenancy is subscribed to; best its home region. "
            "OCI console: region menu (top right) > Manage regions > Region identifier."
        ),
        examples=["us-ashburn-1", "eu-frankfurt-1", "uk-london-1", "ap-tokyo-1"],
        json_schema_extra={"pattern": _REGION_PATTERN},
    )
    compartment_ocid: str = Field(
        default="",
        title="Compartment OCID",
        description=(
            "The compartment to collect from; begins with ocid1.compartment. Empty: the whole tenancy. "
            "OCI console: Identity & Security > Compartments > (compartment) > OCID > Copy."
        ),
        examples=["ocid1.compartment.oc1..aaaaaaaaexamplecompartment"],
        json_schema_extra={"pattern": f"{_ocid_pattern('compartment_ocid')}|{_BLANK}"},
    )
    private_key_passphrase: SecretStr = Field(
        default=SecretStr(""),
        title="Private Key Passphrase",
        description=(
            "Leave it empty, unless the private key is encrypted: its file then says ENCRYPTED in its first lines."
        ),
    )
    include_subcompartments: bool = Field(
        default=True,
        title="Include Sub-compartments",
        description=(
            "Also collect from every compartment below the one in Compartment OCID (if that is empty: below the "
            "root), at any depth."
        ),
    )
    additional_regions: list[str] = Field(
        default=[],
        title="Additional Regions",
        description=(
            "More regions to collect from, by identifier; the word all stands for every region that the "
            "tenancy is subscribed to. None: only the one in Region."
        ),
        examples=[["eu-frankfurt-1", "uk-london-1"], ["all"]],
        json_schema_extra={"items": _ONE_REGION | {"examples": ["eu-frankfurt-1", "all"]}},
    )
    audit_enabled: bool = Field(
        default=True,
        title="Collect Audit Events",
        description="Who did what: every API call and console action in the tenancy, logins included.",
    )
    logging_enabled: bool = Field(
        default=True,
        title="Collect Logging Records",
        description="What the OCI Logging service holds: flow logs, service logs and custom logs.",
    )
    cloud_guard_enabled: bool = Field(
        default=True,
        title="Collect Cloud Guard Problems",
        description="What Cloud Guard finds and recommends; it must be enabled in the tenancy.",
    )
    logging_query: str = Field(
        default="",
        title="Logging Query",
        description=(
            "Which Logging records to collect: what follows the search part of a Logging query, beginning "
            "with where. Empty: all. Try it out in the OCI console: Observability & Management > Logging > "
            "Search > Advanced mode."
        ),
        examples=["where type = 'com.oraclecloud.vcn.flowlogs.DataEvent'", "where data.action = 'REJECT'"],
        json_schema_extra=_ADVANCED,
    )
    cloud_guard_interval_minutes: int = Field(
        default=30,
        ge=1,
        le=1440,
        title="Cloud Guard Interval (minutes)",
        description="How often Cloud Guard is read, 1 to 1440; it finds problems within hours, not seconds.",
        json_schema_extra=_ADVANCED,
    )
    cloud_guard_min_risk: RiskLevel = Field(
        default="MINOR",
        title="Cloud Guard Minimum Risk",
        description="Problems of this risk level and all above it are collected; MINOR: all problems.",
        json_schema_extra=_ADVANCED,
    )
    cloud_guard_details: bool = Field(
        default=True,
        title="Cloud Guard Details",
        description=(
            "Read the description and the recommendation of each new or changed problem (one request each)."
        ),
        json_schema_extra=_ADVANCED,
    )
    lookback_minutes: int = Field(
        default=60,
        ge=1,
        le=20160,
        title="First Poll Reaches Back (minutes)",
        description="How far back the very first poll reads, 1 to 20160 (14 days, all that Logging searches).",
        json_schema_extra=_ADVANCED,
    )
    overlap_minutes: int = Field(
        default=15,
        ge=0,
        le=120,
        title="Overlap (minutes)",
        description="How far back each poll reads again for late records, 0 to 120; repeats are left out.",
        json_schema_extra=_ADVANCED,
    )
    redact_secrets: bool = Field(
        default=True,
        title="Redact Secrets",
        description="Mask session tokens and credentials that OCI leaves inside events.",
        json_schema_extra=_ADVANCED,
    )
    max_concurrency: int = Field(
        default=8,
        ge=1,
        le=64,
        title="Requests in Flight",
        description="How many requests may wait for one service of one region at the same time, 1 to 64.",
        json_schema_extra=_ADVANCED,
    )
    endpoint_template: str = Field(
        default="",
        title="Endpoint Template",
        description=(
            "Base URL of a gateway that stands between here and OCI, with {region} and {service} in it (audit, "
            "logging, cloudguard, identity): https://, or http:// to 127.0.0.1. Empty: OCI's own hosts."
        ),
        examples=["https://oci-gateway.example.com/{region}/{service}"],
        json_schema_extra={"pattern": rf"\{{region\}}|{_BLANK}"} | _ADVANCED,
    )

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: object) -> object:
        return given if isinstance(given, cls) else read_settings(cls, given)

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """Name what a repr may show; all else stays out, so that no secret can get in."""
        yield "tenancy_ocid", self.tenancy_ocid
        yield "region", self.region

    @property
    def scope_ocid(self) -> str:
        """The compartment to collect from: the one chosen, else the tenancy's root."""
        return self.compartment_ocid or self.tenancy_ocid

    @property
    def realm(self) -> str:
        """The realm of the tenancy and of all its regions, such as `oc1`."""
        return realm_of(self.region)

    @property
    def wants_all_regions(self) -> bool:
        """Whether every subscribed region is collected from."""
        return self.additional_regions == [ALL_REGIONS]

    @property
    def enabled_sources(self) -> tuple[SourceName, ...]:
        """The sources that are switched on, in the order of `contract.SOURCES`."""
        return tuple(source for source in SOURCES if getattr(self, f"{source}_enabled"))

    @property
    def risk_levels(self) -> tuple[str, ...]:
        """Cloud Guard's risk levels that are collected, highest first."""
        return RISK_LEVELS[: RISK_LEVELS.index(self.cloud_guard_min_risk) + 1]

    def endpoint(self, service: str, region: str) -> str | None:
        """Return the base URL of a service (`audit`, `logging`, `cloudguard`, `identity`) in a region.

        None means the SDK's own endpoint.

        Raises:
            ValueError: with a template, for another service or a region that is no plain identifier.
        """
        return endpoint_url(self.endpoint_template, service, region) if self.endpoint_template else None


def parse_settings(settings: object) -> Settings:
    """Read the host's settings object.

    Everything is stripped and normalised, empty optional fields get their defaults, and whatever a form or a
    clipboard does to a value and can be undone is undone. The private key is only looked at by
    `load_api_key`.

    Raises:
        SettingsError: with all that is wrong, by field; it holds no value of a secret.
    """
    return Settings.model_construct(**read_settings(Settings, settings))


def settings_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the settings object, for a form generator.

    Properties are in form order. Secrets carry `format: password` and `writeOnly`, the key `x-widget:
    textarea`, rarely needed fields `x-advanced`. Every text that `parse_settings` accepts fits its `pattern`.
    """
    drawn = Settings.model_json_schema()
    drawn["description"] = (
        "Collects Audit events, Logging records and Cloud Guard problems of one OCI tenancy with an API key. "
        "Tenancy, user, fingerprint and region stand together in the OCI console: the user's page > API keys > "
        "(the key's menu) > View configuration file."
    )
    first = {"$schema": _SCHEMA_DIALECT, "title": drawn["title"], "description": drawn["description"]}
    return first | {key: drawn[key] for key in ("type", "required", "properties", "additionalProperties")}
