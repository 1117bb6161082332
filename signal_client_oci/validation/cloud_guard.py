"""Cloud Guard: is it enabled, where are its problems, and can they be read there?"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Final

from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.operations import Page, get_configuration, list_problems, reporting_region
from signal_client_oci.settings.model import Settings
from signal_client_oci.validation.findings import Finding
from signal_client_oci.validation.probe_session import ProbeSession

__all__ = ["check_cloud_guard"]

_DENIED: Final = "CLOUD_GUARD_NOT_AUTHORIZED"


def check_cloud_guard(session: ProbeSession) -> Finding:
    """Request the configuration, then one problem in the reporting region."""
    settings = session.settings
    call = partial(get_configuration, tenancy_ocid=settings.tenancy_ocid)
    try:
        region = reporting_region(session.call_main("cloudguard", call))
    except Failure as failure:
        return replace(Finding.from_failure(failure), is_of_scope=False)
    try:
        page = session.call(region, "cloudguard", partial(_probe_problems, settings))
    except Failure as failure:
        return _list_failed(settings, region, failure)
    where = f"the reporting region {region}"
    return Finding.ok(f"Cloud Guard is enabled; problems can be read in {where}", page.opc_request_id)


def _probe_problems(settings: Settings, client: Client) -> Page[bytes]:
    """Request one problem, and keep nothing of it."""
    page = list_problems(client, settings.scope_ocid, subtree=settings.include_subcompartments, limit=1)
    return replace(page, items=())


def _list_failed(settings: Settings, region: str, failure: Failure) -> Finding:
    """Cloud Guard is known to be enabled here, so a 404 is about the rights, or about the compartment."""
    if failure.code == _DENIED:
        message = f"Cloud Guard is enabled, but its problems may not be listed in {region} (404)"
        return Finding.from_failure(failure, message)
    if region == settings.region:
        return Finding.from_failure(failure)
    message = f"Cloud Guard keeps its problems in {region}, where they cannot be read: {failure.message}"
    return Finding.from_code("failed", "CLOUD_GUARD_REPORTING_REGION", message, failure.opc_request_id)
