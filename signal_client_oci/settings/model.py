"""The settings of one instance, as the connector uses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from pydantic import BaseModel, ConfigDict, model_validator
from typing_extensions import Self

from signal_client_oci.contract import SOURCES, SourceName
from signal_client_oci.settings.endpoint_template import endpoint_url
from signal_client_oci.settings.parsing import SecretText, SettingsError, concealed, read_settings
from signal_client_oci.settings.regions import ALL_REGIONS, realm_of
from signal_client_oci.settings.schema import RISK_LEVELS, AuditMode, RiskLevel

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RISK_LEVELS", "RiskLevel", "Settings", "SettingsError", "parse_settings"]


class Settings(BaseModel):
    """The settings of one instance, read and normalised by `parse_settings`; `schema.FIELDS` describes each field.

    Texts are stripped, the fingerprint is in lowercase with colons, regions are identifiers of one realm,
    `additional_regions` does not contain `region` and is `["all"]` for all regions, `logging_query` is a result of
    `logging_clause`. A repr shows only the tenancy and the region; dumps mask the secrets, and settings can be neither
    pickled nor deeply copied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tenancy_ocid: str
    user_ocid: str
    fingerprint: str
    private_key: SecretText
    region: str
    compartment_ocid: str
    private_key_passphrase: SecretText
    include_subcompartments: bool
    additional_regions: list[str]
    audit_enabled: bool
    logging_enabled: bool
    cloud_guard_enabled: bool
    audit_mode: AuditMode
    logging_query: str
    cloud_guard_interval_minutes: int
    cloud_guard_min_risk: RiskLevel
    cloud_guard_details: bool
    lookback_minutes: int
    overlap_minutes: int
    redact_secrets: bool
    max_concurrency: int
    endpoint_template: str

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: object) -> object:
        return given if isinstance(given, cls) else read_settings(given)

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """Yield what a repr shows: a short list of names, so that no secret can be among them."""
        yield "tenancy_ocid", self.tenancy_ocid
        yield "region", self.region

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("Settings hold a secret and cannot be pickled")

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        raise TypeError("Settings hold a secret and cannot be copied deeply; they are frozen, so share them")

    @property
    def scope_ocid(self) -> str:
        """The compartment to collect from: the chosen one, or the root compartment of the tenancy."""
        return self.compartment_ocid or self.tenancy_ocid

    @property
    def realm(self) -> str:
        """The realm of the tenancy and of all its regions, such as `oc1`."""
        return realm_of(self.region)

    @property
    def wants_all_regions(self) -> bool:
        """Whether to collect from every subscribed region."""
        return self.additional_regions == [ALL_REGIONS]

    @property
    def searches_audit(self) -> bool:
        """Whether Audit is collected, and read by Logging searches."""
        return self.audit_enabled and self.audit_mode == "search"

    @property
    def enabled_sources(self) -> tuple[SourceName, ...]:
        """The sources that are switched on, in the order of `contract.SOURCES`."""
        return tuple(source for source in SOURCES if getattr(self, f"{source}_enabled"))

    @property
    def risk_levels(self) -> tuple[str, ...]:
        """The risk levels of the Cloud Guard problems to collect, highest first."""
        return RISK_LEVELS[: RISK_LEVELS.index(self.cloud_guard_min_risk) + 1]

    def endpoint(self, service: str, region: str) -> str | None:
        """Return the base URL of a service (`audit`, `logging`, `cloudguard`, `identity`) in a region.

        None means the SDK's own endpoint.

        Raises:
            ValueError: the template is asked for an unknown service, or for a region that is not an identifier.
        """
        return endpoint_url(self.endpoint_template, service, region) if self.endpoint_template else None


def parse_settings(settings: object) -> Settings:
    """Return the settings of the host's settings object.

    Values are normalised, empty optional fields get their defaults, and changes that forms and clipboards make to a
    value are undone. The private key is not checked here, but by `load_api_key`.

    Raises:
        SettingsError: with the errors of all fields; it contains no secret.
    """
    settings = concealed(settings)
    return Settings.model_construct(**read_settings(settings))
