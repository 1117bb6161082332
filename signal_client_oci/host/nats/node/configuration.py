"""The entries of `INTEGRATIONS` as shards to poll; a bad entry says what is wrong with it and touches no other.

An instance that is split by region becomes one shard for each: its settings with that region alone. Any region's
Identity service gives the list of compartments, so no shard depends on another region. Cloud Guard is a service of
the tenancy, not of a region, so the shard of `region` alone reads it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from signal_client_oci.contract import CONNECTOR
from signal_client_oci.host.instances import Instance
from signal_client_oci.host.nats.buckets.mirror import Observed
from signal_client_oci.host.nats.layout import (
    IntegrationEntry,
    Shard,
    TileStatus,
    from_value,
    integration_name,
)
from signal_client_oci.settings.parsing import SettingsError, read_settings
from signal_client_oci.settings.regions import ALL_REGIONS

__all__ = ["Configuration", "ShardConfig", "read_entry"]

_LEAST_MINUTES: Final = 0.01
_MOST_MINUTES: Final = 7 * 24 * 60.0
_REMEDY: Final = "correct the instance and save it again, or use `signal-client-oci cluster apply`"


@dataclass(frozen=True)
class ShardConfig:
    """A shard to poll; `revision` is that of its entry, so that a change is noticed."""

    shard: Shard
    instance: Instance
    revision: int


@dataclass(frozen=True)
class _Read:
    revision: int
    shards: tuple[ShardConfig, ...] = ()
    status: TileStatus | None = None


@dataclass
class Configuration:
    """What the entries ask for.

    Attributes:
        shards: What is to be polled.
        idle: Shard → its status, for instances that are not polled: disabled, or with an entry that is bad.
    """

    shards: dict[Shard, ShardConfig] = field(default_factory=dict)
    idle: dict[Shard, TileStatus] = field(default_factory=dict)
    _read: dict[str, _Read] = field(default_factory=dict, repr=False)

    def update(self, entries: Mapping[str, Observed]) -> None:
        """Take the entries as they are now; those that did not change are not read again."""
        read: dict[str, _Read] = {}
        for key in sorted(entries):
            before, entry = self._read.get(key), entries[key]
            unchanged = before is not None and before.revision == entry.revision
            read[key] = before if unchanged and before else _read_observed(key, entry)
        self._read = read
        self.shards = {one.shard: one for kept in read.values() for one in kept.shards}
        self.idle = {
            Shard(kept.status.instance): kept.status for kept in read.values() if kept.status is not None
        }

    def is_wanted(self, shard: Shard) -> bool:
        """Whether there is anything to say of a shard."""
        return shard in self.shards or shard in self.idle


def read_entry(name: str, value: bytes, revision: int) -> tuple[ShardConfig, ...]:
    """Return the shards of an instance's entry, none if it is disabled.

    Raises:
        SettingsError: the entry or its settings cannot be used; its texts quote no setting.
    """
    try:
        entry = from_value(value, IntegrationEntry)
    except msgspec.MsgspecError as error:
        raise SettingsError({"settings": f"The entry has another shape than the host's: {error}."}) from None
    errors = dict(_shape_errors(entry))
    if errors:
        raise SettingsError(errors)
    if not entry.enabled:
        return ()
    settings = read_settings(entry.credentials)
    if entry.shard_by_region and settings["additional_regions"] == [ALL_REGIONS]:
        raise SettingsError(
            {
                "shard_by_region": "The regions have to be named to share them between nodes. "
                "Name them in additional_regions instead of all."
            }
        )
    return tuple(
        ShardConfig(
            shard,
            Instance(
                name, {**entry.credentials, **changes}, poll_interval_minutes=entry.poll_interval_minutes
            ),
            revision,
        )
        for shard, changes in _shards(name, entry, settings)
    )


def _read_observed(key: str, entry: Observed) -> _Read:
    name = integration_name(key)
    try:
        shards = read_entry(name, entry.value, entry.revision)
    except SettingsError as error:
        message = "; ".join(f"{setting}: {text}" for setting, text in error.field_errors.items())
        status = TileStatus(
            name,
            state="failed",
            code=error.code,
            error=message,
            remedy=_REMEDY,
            field_errors=error.field_errors,
        )
        return _Read(entry.revision, status=status)
    if shards:
        return _Read(entry.revision, shards)
    return _Read(entry.revision, status=TileStatus(name, state="disabled"))


def _shape_errors(entry: IntegrationEntry) -> Iterator[tuple[str, str]]:
    minutes = entry.poll_interval_minutes
    if entry.integration_type != CONNECTOR:
        yield "integration_type", f"The key is of an {CONNECTOR} instance. Set it to {CONNECTOR}."
    if not (math.isfinite(minutes) and _LEAST_MINUTES <= minutes <= _MOST_MINUTES):
        yield (
            "poll_interval_minutes",
            f"The interval has to be between {_LEAST_MINUTES} and {_MOST_MINUTES:.0f} minutes.",
        )


def _shards(
    name: str, entry: IntegrationEntry, settings: Mapping[str, Any]
) -> Iterator[tuple[Shard, dict[str, Any]]]:
    """Yield each shard, and the settings in which it differs from the instance."""
    if not entry.shard_by_region:
        yield Shard(name), {}
        return
    alone: dict[str, Any] = {"additional_regions": []}
    yield Shard(name, settings["region"]), alone
    if settings["audit_enabled"] or settings["logging_enabled"]:
        for region in settings["additional_regions"]:
            yield Shard(name, region), {**alone, "region": region, "cloud_guard_enabled": False}
