"""The settings of one instance: what is made of the answers to `form.FORM`, field by field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, model_validator
from typing_extensions import Self

from signal_client_oci.contract import SOURCES, SourceName
from signal_client_oci.settings.endpoint_template import endpoint_url
from signal_client_oci.settings.parsing import (
    ALL_REGIONS,
    RISK_LEVELS,
    SettingsError,
    concealed,
    read_settings,
)
from signal_client_oci.settings.regions import realm_of
from signal_client_oci.settings.schema import FORM
from signal_client_oci.settings.values import SecretText

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RISK_LEVELS", "RiskLevel", "Settings", "SettingsError", "parse_settings"]

RiskLevel = Literal["CRITICAL", "HIGH", "MEDIUM", "LOW", "MINOR"]


def _default(name: str) -> Any:
    return FORM[name]["default"]


class Settings(BaseModel):
    """The settings of one instance, read and normalised; made by `parse_settings`.

    Texts are stripped, the fingerprint is in lower case with colons, regions are identifiers of one realm,
    `additional_regions` is without `region` and holds nothing but "all" if it holds that, `logging_query` is
    a clause of `logging_clause`. Times are in minutes. A repr shows the tenancy and the region, nothing else; dumps
    mask the secrets, and settings are neither pickled nor deeply copied.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    tenancy_ocid: str
    user_ocid: str
    fingerprint: str
    private_key: SecretText
    region: str
    compartment_ocid: str = _default("compartment_ocid")
    private_key_passphrase: SecretText = SecretText("")
    include_subcompartments: bool = _default("include_subcompartments")
    additional_regions: list[str] = _default("additional_regions")
    audit_enabled: bool = _default("audit_enabled")
    logging_enabled: bool = _default("logging_enabled")
    cloud_guard_enabled: bool = _default("cloud_guard_enabled")
    logging_query: str = _default("logging_query")
    cloud_guard_interval_minutes: int = _default("cloud_guard_interval_minutes")
    cloud_guard_min_risk: RiskLevel = _default("cloud_guard_min_risk")
    cloud_guard_details: bool = _default("cloud_guard_details")
    lookback_minutes: int = _default("lookback_minutes")
    overlap_minutes: int = _default("overlap_minutes")
    redact_secrets: bool = _default("redact_secrets")
    max_concurrency: int = _default("max_concurrency")
    endpoint_template: str = _default("endpoint_template")

    @model_validator(mode="before")
    @classmethod
    def _read(cls, given: object) -> object:
        return given if isinstance(given, cls) else read_settings(cls, given)

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """Name what a repr may show; all else stays out, so that no secret can get in."""
        yield "tenancy_ocid", self.tenancy_ocid
        yield "region", self.region

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("Settings hold a secret and cannot be pickled")

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        raise TypeError("Settings hold a secret and cannot be copied deeply; they are frozen, so share them")

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
    settings = concealed(settings)
    return Settings.model_construct(**read_settings(Settings, settings))
