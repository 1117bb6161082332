"""The connection test: settings → key → one cheap call per service → checks with remedies.

What can be known without the network is checked first; nothing is sent before it is right, nor to the services when
Identity refuses the signature. The checks of the services run in parallel. Whatever hangs, the answer comes well
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
from signal_client_oci.errors.catalog import CATALOG
from signal_client_oci.errors.failure import Failure
from signal_client_oci.errors.policies import GROUP_PLACEHOLDER
from signal_client_oci.oci_api.loading import load_sdk
from signal_client_oci.settings.api_key import ApiKey, PrivateKeyError, load_api_key
from signal_client_oci.settings.model import Settings, SettingsError, parse_settings
from signal_client_oci.settings.parsing import concealed, read_alone
from signal_client_oci.validation.audit import check_audit
from signal_client_oci.validation.audit_search import check_audit_search
from signal_client_oci.validation.authentication import Authentication, check_authentication
from signal_client_oci.validation.cloud_guard import check_cloud_guard
from signal_client_oci.validation.compartments import ChildCompartments, check_compartments
from signal_client_oci.validation.findings import TITLES, Finding
from signal_client_oci.validation.groups import name_groups
from signal_client_oci.validation.logging import check_logging
from signal_client_oci.validation.probe_session import ProbeSession, internal_failure
from signal_client_oci.validation.verdict import verdict

__all__ = ["validate_connection"]

AUTHENTICATION_SECONDS: Final = 6.0
ALL_SECONDS: Final = 13.0  # leaves seconds of the contract's 20 for the SDK's import on a slow machine
_GRACE_SECONDS: Final = 1.2  # after ALL_SECONDS, for checks to conclude from what they have
_KEY_FIELDS: Final = ("private_key", "private_key_passphrase", "fingerprint")


def validate_connection(settings: object) -> Validation:
    """Check settings, key and every enabled service; never raises, and takes less than 20 seconds.

    Args:
        settings: The settings object as the host keeps it.
    """
    settings = concealed(settings)
    test = ConnectionTest(settings)
    try:
        test.run()
    except Exception as error:  # noqa: BLE001  (the contract: no exception out of a hook; it is reported and logged)
        test.abort(internal_failure(error))
    return verdict(test.findings, test.field_errors)


class ConnectionTest:
    """One run through the checks.

    Attributes:
        findings: What was found so far, by the check's name.
        field_errors: What is wrong with single settings.
    """

    def __init__(self, given: object) -> None:
        self._given = given
        self._began = time.monotonic()
        self.findings: dict[str, Finding] = {}
        self.field_errors: dict[str, str] = {}

    def run(self) -> None:
        """Make the checks in order, up to one that fails and that the others depend on."""
        settings = self._read_settings()
        api_key = self._open_key(settings) if settings else None
        if settings is None or api_key is None:
            return
        load_sdk(settings.enabled_sources)
        with ProbeSession(settings, api_key, self._began + AUTHENTICATION_SECONDS) as session:
            authentication = self._authenticate(session)
            if not authentication.refused:
                session.until = self._began + ALL_SECONDS
                self._check_services(session, authentication)
                self.findings = name_groups(session, self.findings)

    def abort(self, failure: Failure) -> None:
        """Make an unexpected failure the finding of the check that was being made."""
        name = next((name for name in TITLES if name not in self.findings), "cloud_guard")
        self.findings[name] = Finding.from_failure(failure)

    def _note(self, name: str, began: float, finding: Finding) -> None:
        self.findings[name] = replace(finding, seconds=time.monotonic() - began)

    def _read_settings(self) -> Settings | None:
        began = time.monotonic()
        try:
            settings = parse_settings(self._given)
        except SettingsError as error:
            self.field_errors = error.field_errors
            self._note("settings", began, _settings_finding(error))
            self._check_key_despite(error)
            return None
        self._note("settings", began, Finding.ok("the settings are complete and fit together"))
        return settings

    def _check_key_despite(self, error: SettingsError) -> None:
        """Report a key that cannot be used together with the other settings' errors, not only after them."""
        if isinstance(self._given, Mapping) and not set(_KEY_FIELDS) & set(error.field_errors):
            private_key, passphrase = (self._given.get(name) or "" for name in _KEY_FIELDS[:2])
            self._load_key(private_key, passphrase, read_alone("fingerprint", self._given))

    def _open_key(self, settings: Settings) -> ApiKey | None:
        began = time.monotonic()
        key = self._load_key(settings.private_key, settings.private_key_passphrase, settings.fingerprint)
        if key is not None:
            bits = key.private_key.key_size
            finding = Finding.ok(f"an RSA key of {bits} bits, which fits the fingerprint")
            self._note("private_key", began, finding)
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

    def _authenticate(self, session: ProbeSession) -> Authentication:
        began = time.monotonic()
        authentication = check_authentication(session)
        finding = authentication.finding
        self._note("authentication", began, finding)
        if authentication.wrong_field:
            message = finding.check("authentication")["message"]
            self.field_errors = {authentication.wrong_field: f"{message} {finding.remedy}"}
        return authentication

    def _check_services(self, session: ProbeSession, authentication: Authentication) -> None:
        regions, children = authentication.regions, ChildCompartments()
        audit = check_audit_search if session.settings.searches_audit else check_audit
        checks: dict[str, Callable[[], Finding]] = {
            "compartments": partial(check_compartments, session, children),
            "audit": partial(audit, session, regions, children),
            "logging": partial(check_logging, session, regions, children),
            "cloud_guard": partial(check_cloud_guard, session),
        }
        for source in SOURCES:
            if source not in session.settings.enabled_sources:
                self.findings[source] = Finding.skipped("SWITCHED_OFF")
                del checks[source]
        began = time.monotonic()
        results = session.run_parallel([partial(_timed, check) for check in checks.values()], _GRACE_SECONDS)
        for name, result in zip(checks, results, strict=True):
            if isinstance(result, Failure):
                self._note(name, began, Finding.from_failure(result))
            else:
                self.findings[name] = result
        self._reconsider(session.settings)

    def _reconsider(self, settings: Settings) -> None:
        """Correct earlier findings by what the services' answers say about them."""
        authentication = self.findings["authentication"]
        works = any(self.findings[source].status == "ok" for source in settings.enabled_sources)
        if authentication.status == "failed" and works:
            message = f"{authentication.message}; other services accept the key"
            self.findings["authentication"] = replace(authentication, status="warning", message=message)
        compartments = self.findings["compartments"]
        if compartments.code in ("COMPARTMENT_UNKNOWN", "COMPARTMENT_DELETED"):
            text = compartments.check("compartments")["message"]
            self.field_errors = {"compartment_ocid": f"{text} {compartments.remedy}"}
            self._blame_scope(compartments.code)

    def _blame_scope(self, code: str) -> None:
        """Where the scope itself is wrong, no source of it lacks a policy."""
        for name, one in self.findings.items():
            if name in SOURCES and one.is_of_scope and GROUP_PLACEHOLDER in one.remedy:
                nothing = "nothing was found" if one.status == "warning" else "nothing can be read"
                message = f"{nothing}, because {CATALOG[code].summary}"
                remedy = f"Follow the remedy of {TITLES['compartments']}, then check again."
                self.findings[name] = replace(one, code=code, message=message, remedy=remedy)


def _timed(check: Callable[[], Finding]) -> Finding:
    """Make a check; a failed request that it does not handle is its finding."""
    began = time.monotonic()
    try:
        finding = check()
    except Failure as failure:
        finding = Finding.from_failure(failure)
    return replace(finding, seconds=time.monotonic() - began)


def _settings_finding(error: SettingsError) -> Finding:
    return Finding.from_code("failed", error.code, error.sentences)
