"""Cloud Guard: is it enabled, where are its problems, and can they be read there?"""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.pages import ORDINARY_PAGE, split_problems
from signal_client_oci.polling.sources.cloud_guard import reporting_region
from signal_client_oci.polling.sources.windowed_api import read_page
from signal_client_oci.scheduler.requests import Page
from signal_client_oci.settings.model import Settings
from signal_client_oci.validation.findings import Finding, bad, good, trouble
from signal_client_oci.validation.probe_session import Enquirer

__all__ = ["check_cloud_guard"]

_DENIED: Final = "CLOUD_GUARD_NOT_AUTHORIZED"


def check_cloud_guard(enquirer: Enquirer) -> Finding:
    """Ask for the configuration, then for one problem in the reporting region; raises `Failure` for the former."""
    settings = enquirer.settings
    ask = partial(_reporting_region, settings.tenancy_ocid)
    region = enquirer.ask(settings.region, "cloudguard", ask)
    try:
        page = enquirer.ask(region, "cloudguard", partial(_one_problem, settings))
    except Failure as failure:
        return _list_failed(settings, region, failure)
    where = f"the reporting region {region}"
    return good(f"Cloud Guard is enabled; problems can be read in {where}", page.opc_request_id)


def _reporting_region(tenancy: str, client: Client) -> str:
    return reporting_region(client, tenancy)


def _one_problem(settings: Settings, client: Client) -> Page:
    below: dict[str, Any] = {}
    if settings.include_subcompartments:
        below = {"compartment_id_in_subtree": True, "access_level": "ACCESSIBLE"}
    answer = client.call("list_problems", settings.scope_ocid, limit=1, **below)
    page = read_page(answer, split_problems, ORDINARY_PAGE._replace(check=client.check))
    return page._replace(texts=[])


def _list_failed(settings: Settings, region: str, failure: Failure) -> Finding:
    """Cloud Guard is known to be enabled here, so a 404 is about the rights, or about the compartment."""
    if failure.code == _DENIED:
        message = f"Cloud Guard is enabled, but its problems may not be listed in {region} (404)"
        return bad(failure, message)
    if region == settings.region:
        return bad(failure)
    message = f"Cloud Guard keeps its problems in {region}, and there: {failure.message}"
    return trouble("failed", "CLOUD_GUARD_REPORTING_REGION", message, failure.opc_request_id)
