"""The connection test: settings → key → one cheap call per service → checks with remedies.

What can be known without the network is looked at first; nothing is sent before it is right, nor to the services when
Identity refuses the signature. The checks of the services run side by side. Whatever hangs, the answer is there well
within the contract's 20 seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from pydantic import SecretStr

from signal_client_oci.contract import SOURCES, Validation
from signal_client_oci.errors.failure import Failure
from signal_client_oci.settings.api_key import ApiKey, PrivateKeyError, load_api_key
from signal_client_oci.settings.model import Settings, SettingsError, parse_settings
from signal_client_oci.settings.parsing import concealed
from signal_client_oci.validation.access import Access, find_access
from signal_client_oci.validation.audit import check_audit
from signal_client_oci.validation.cloud_guard import check_cloud_guard
from signal_client_oci.validation.compartments import Below, check_compartments
from signal_client_oci.validation.findings import TITLES, Finding, bad, good, skipped, trouble
from signal_client_oci.validation.groups import with_groups
from signal_client_oci.validation.logging import check_logging
from signal_client_oci.validation.probe_session import Enquirer, internal_failure
from signal_client_oci.validation.verdict import verdict

__all__ = ["validate_connection"]

AUTHENTICATION_SECONDS: Final = 6.0
_OF_THE_KEY: Final = ("private_key", "private_key_passphrase", "fingerprint")
ALL_SECONDS: Final = 13.0  # leaves seconds of the contract's 20 for the SDK's import on a slow machine
_PATIENCE_SECONDS: Final = 1.2  # after ALL_SECONDS, for checks to make something of what they have


def validate_connection(settings: object) -> Validation:
    """Check settings, key and every enabled service; never raises, and takes less than 20 seconds.

    Args:
        settings: The settings object as the host keeps it.
    """
    settings = concealed(settings)
    examination = _Examination(settings)
    try:
        examination.run()
    except Exception as error:  # noqa: BLE001  (the contract: no exception out of a hook; it is reported and logged)
        examination.break_off(internal_failure(error))
    return verdict(examination.findings, examination.field_errors)


class _Examination:
    """One run through the checks, and what they found so far."""

    def __init__(self, given: object) -> None:
        self._given = given
        self._began = time.monotonic()
        self.findings: dict[str, Finding] = {}
        self.field_errors: dict[str, str] = {}

    def run(self) -> None:
        """Make the checks in order, until one fails that the others rest on."""
        settings = self._read_settings()
        api_key = self._open_key(settings) if settings else None
        if settings is None or api_key is None:
            return
        with Enquirer(settings, api_key, self._began + AUTHENTICATION_SECONDS) as enquirer:
            access = self._authenticate(enquirer)
            if not access.refused:
                enquirer.until = self._began + ALL_SECONDS
                self._ask_services(enquirer, access)
                self.findings = with_groups(enquirer, self.findings)

    def break_off(self, failure: Failure) -> None:
        """Lay an unexpected failure to the check that was being made."""
        name = next((name for name in TITLES if name not in self.findings), "cloud_guard")
        self.findings[name] = bad(failure)

    def _note(self, name: str, began: float, finding: Finding) -> None:
        self.findings[name] = replace(finding, seconds=time.monotonic() - began)

    def _read_settings(self) -> Settings | None:
        began = time.monotonic()
        try:
            settings = parse_settings(self._given)
        except SettingsError as error:
            self.field_errors = error.field_errors
            self._note("settings", began, _settings_trouble(error))
            self._look_at_key_beside(error)
            return None
        self._note("settings", began, good("the settings are complete and fit together"))
        return settings

    def _look_at_key_beside(self, error: SettingsError) -> None:
        """Tell of a key that cannot be used together with other settings' errors, not only after them."""
        if isinstance(self._given, Mapping) and not set(_OF_THE_KEY) & set(error.field_errors):
            private_key, passphrase, fingerprint = (self._given.get(name) or "" for name in _OF_THE_KEY)
            self._load_key(private_key, passphrase, fingerprint)

    def _open_key(self, settings: Settings) -> ApiKey | None:
        began = time.monotonic()
        key = self._load_key(settings.private_key, settings.private_key_passphrase, settings.fingerprint)
        if key is not None:
            bits = key.private_key.key_size
            self._note("private_key", began, good(f"an RSA key of {bits} bits, which fits the fingerprint"))
        return key

    def _load_key(
        self, private_key: str | SecretStr, passphrase: str | SecretStr, fingerprint: str
    ) -> ApiKey | None:
        """Return the key, or None after noting what is wrong with it."""
        began = time.monotonic()
        try:
            return load_api_key(private_key, passphrase, fingerprint)
        except PrivateKeyError as error:
            self.field_errors = {**self.field_errors, error.field: f"{error.message} {error.remedy}"}
            finding = Finding("failed", error.code, error.message, error.remedy)
            self._note("private_key", began, finding)
            return None

    def _authenticate(self, enquirer: Enquirer) -> Access:
        began = time.monotonic()
        access = find_access(enquirer)
        self._note("authentication", began, access.finding)
        if access.wrong_field:
            message = access.finding.check("authentication")["message"]
            self.field_errors = {access.wrong_field: f"{message} {access.finding.remedy}"}
        return access

    def _ask_services(self, enquirer: Enquirer, access: Access) -> None:
        below = Below()
        checks: dict[str, Callable[[], Finding]] = {
            "compartments": partial(check_compartments, enquirer, below),
            "audit": partial(check_audit, enquirer, access.coverage, below),
            "logging": partial(check_logging, enquirer, access.coverage, below),
            "cloud_guard": partial(check_cloud_guard, enquirer),
        }
        for source in SOURCES:
            if source not in enquirer.settings.enabled_sources:
                self.findings[source] = skipped("SWITCHED_OFF")
                del checks[source]
        began = time.monotonic()
        found = enquirer.together([partial(_timed, check) for check in checks.values()], _PATIENCE_SECONDS)
        for name, one in zip(checks, found, strict=True):
            if isinstance(one, Failure):
                self._note(name, began, bad(one))
            else:
                self.findings[name] = one
        self._reconsider(enquirer.settings)

    def _reconsider(self, settings: Settings) -> None:
        """See what the services' answers say about the checks before them."""
        authentication = self.findings["authentication"]
        works = any(self.findings[source].status == "ok" for source in settings.enabled_sources)
        if authentication.status == "failed" and works:
            message = f"{authentication.message}; other services accept the key"
            self.findings["authentication"] = replace(authentication, status="warning", message=message)
        compartments = self.findings["compartments"]
        if compartments.code in ("COMPARTMENT_UNKNOWN", "COMPARTMENT_DELETED"):
            text = compartments.check("compartments")["message"]
            self.field_errors = {"compartment_ocid": f"{text} {compartments.remedy}"}


def _timed(check: Callable[[], Finding]) -> Finding:
    """Make a check; a request that fails it is its finding."""
    began = time.monotonic()
    try:
        finding = check()
    except Failure as failure:
        finding = bad(failure)
    return replace(finding, seconds=time.monotonic() - began)


def _settings_trouble(error: SettingsError) -> Finding:
    fields = Settings.model_fields
    titles = {name: (fields[name].title if name in fields else None) or name for name in error.field_errors}
    message = " ".join(f"{titles[name]}: {text}" for name, text in error.field_errors.items())
    return trouble("failed", error.code, message)
