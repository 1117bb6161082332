"""Which regions a poll reads: those of the settings, or all that the tenancy is subscribed to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from signal_client_oci.errors.catalog import denied_code
from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api.operations import Page, RegionSubscription, list_region_subscriptions
from signal_client_oci.polling.scope_discovery.findings import ScopeFindings
from signal_client_oci.scheduler.requests import LaneKey, Task
from signal_client_oci.settings.model import Settings
from signal_client_oci.settings.regions import UnknownRegionError, canonical_region

__all__ = ["IDENTITY", "SubscribedRegions"]

IDENTITY = "identity"


class SubscribedRegions:
    """The regions of one poll.

    Attributes:
        names: Region identifiers, the home region first.
        tag: The tag of the request for the subscriptions.
    """

    tag = "regions"

    def __init__(self, settings: Settings, findings: ScopeFindings) -> None:
        self.names = [settings.region]
        self._settings = settings
        self._findings = findings

    def start(self) -> list[Task]:
        """Ask for the subscriptions where the settings want all of them; else take what the settings name."""
        if self._settings.additional_regions != ["all"]:
            self.names += self._settings.additional_regions
            return []
        call = partial(list_region_subscriptions, tenancy_ocid=self._settings.tenancy_ocid)
        return [Task(IDENTITY, LaneKey(self._settings.region, "identity"), call, self.tag)]

    def on_page(self, page: Page[RegionSubscription]) -> None:
        """Take the subscribed regions that are ready."""
        ready = [one.region_name for one in page.items if one.is_ready]
        self.names += [name for name in self._known(ready) if name not in self.names]

    def on_failure(self, failure: Failure) -> None:
        """Go on with the home region alone, and note why."""
        if failure.code == denied_code(IDENTITY):
            failure = failure.recoded("REGIONS_NOT_AUTHORIZED", failure.detail)
        self._findings.note("Subscribed regions", failure, f"collecting from {self._settings.region} alone")

    def _known(self, names: Iterable[str]) -> Iterator[str]:
        """Yield the regions that the SDK knows; an unknown name would make it build some other host's name."""
        for name in names:
            try:
                yield canonical_region(name)
            except UnknownRegionError:
                failure = Failure("REGION_UNKNOWN", detail=f"{name[:40]!a}")
                self._findings.note("Subscribed regions", failure, "it is not collected from")
