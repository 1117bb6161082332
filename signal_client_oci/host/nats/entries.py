"""Instances of a file as entries of the bucket `INTEGRATIONS`: compared, then written by compare-and-set."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from nats.js.errors import APIError, KeyWrongLastSequenceError
from nats.js.kv import KeyValue

from signal_client_oci.host.instances import Instance
from signal_client_oci.host.nats.access import ClusterError
from signal_client_oci.host.nats.buckets.reading import BucketEntry, existing_bucket, read_bucket
from signal_client_oci.host.nats.layout import (
    INTEGRATION_KEYS,
    INTEGRATIONS,
    integration_key,
    integration_name,
)
from signal_client_oci.host.nats.session import CommandSession
from signal_client_oci.settings.api_key import PrivateKeyError, load_api_key
from signal_client_oci.settings.model import SettingsError, parse_settings
from signal_client_oci.settings.secrecy import HiddenBytes, HiddenText, HoldsSecret

__all__ = ["Applied", "EntryChange", "apply_entries", "entry_value", "instance_errors"]

_Action = Literal["added", "changed", "unchanged", "disabled", "removed"]
_SETTINGS: str = "credentials"


@dataclass(frozen=True)
class EntryChange:
    """What was done to one entry; `fields` are the names of what differs, never values."""

    name: str
    action: _Action
    fields: tuple[str, ...] = ()


@dataclass(frozen=True)
class Applied:
    """What was done, and the instances of the bucket that nothing was said about."""

    changes: tuple[EntryChange, ...]
    others: tuple[str, ...]


@dataclass(frozen=True)
class _Write(HoldsSecret):
    """A change that is to be made: `value` None removes the entry, `revision` None makes a new one."""

    change: EntryChange
    value: dict[str, Any] | None
    revision: int | None

    def __repr__(self) -> str:
        return f"<write: {self.change!r}>"


def instance_errors(instance: Instance) -> dict[str, str]:
    """Return what is wrong with the settings of an instance, by field; nothing is sent."""
    try:
        settings = parse_settings(instance.settings)
        load_api_key(settings.private_key, settings.private_key_passphrase, settings.fingerprint)
    except SettingsError as error:
        return error.field_errors
    except PrivateKeyError as error:
        return {error.field: f"{error.message} {error.remedy}"}
    if instance.shard_by_region and settings.wants_all_regions:
        return {
            "shard_by_region": "The regions have to be named to share them between nodes. "
            "Name them in additional_regions instead of all."
        }
    return {}


def entry_value(instance: Instance) -> dict[str, Any]:
    """Return the entry of an instance, its secrets among it, hidden from repr."""
    value: dict[str, Any] = {
        "enabled": instance.enabled,
        "integration_type": instance.connector,
        "poll_interval_minutes": instance.poll_interval_minutes,
        _SETTINGS: dict(instance.settings),
    }
    return value | ({"shard_by_region": True} if instance.shard_by_region else {})


async def apply_entries(
    session: CommandSession,
    instances: Iterable[Instance],
    remove: Sequence[str] = (),
    disable: Sequence[str] = (),
    *,
    dry_run: bool = False,
) -> Applied:
    """Write the instances, remove and disable those named; all is compared before the first is written.

    With `dry_run` nothing is written.

    Fields of an entry that this program does not know are kept. Raises `ClusterError` for a name that the bucket does
    not have, for a refusal, and for an entry that somebody else changed meanwhile.
    """
    bucket = await existing_bucket(session, INTEGRATIONS)
    entries = await read_bucket(session, INTEGRATIONS, INTEGRATION_KEYS)
    stored = {integration_name(key): entry for key, entry in entries.items()}
    keys = {integration_name(key): key for key in entries}  # the host may encode a name in another way
    if unknown := [name for name in (*remove, *disable) if name not in stored]:
        known = ", ".join(map(repr, stored)) or "none"
        raise ClusterError(f"there is no instance {unknown[0]!r} in {INTEGRATIONS}; it has: {known}")
    writes = [_write(one, stored.get(one.name)) for one in instances]
    writes += [_disabling(name, stored[name]) for name in disable]
    writes += [_Write(EntryChange(name, "removed"), None, stored[name].revision) for name in remove]
    for write in writes:
        if write.change.action != "unchanged" and not dry_run:
            name = write.change.name
            await _send(session, bucket, write, keys.get(name, integration_key(name)))
    mentioned = {write.change.name for write in writes}
    return Applied(
        tuple(write.change for write in writes), tuple(name for name in stored if name not in mentioned)
    )


def _write(instance: Instance, stored: BucketEntry | None) -> _Write:
    value = entry_value(instance)
    if stored is None:
        return _Write(EntryChange(instance.name, "added"), value, None)
    old = _decoded(stored)
    if "shard_by_region" in old:
        value.setdefault("shard_by_region", False)
    fields = tuple(_differences(old, value))
    change = EntryChange(instance.name, "changed" if fields else "unchanged", fields)
    return _Write(change, {**old, **value}, stored.revision)


def _disabling(name: str, stored: BucketEntry) -> _Write:
    old = _decoded(stored)
    action: _Action = "unchanged" if old.get("enabled") is False else "disabled"
    return _Write(EntryChange(name, action), {**old, "enabled": False}, stored.revision)


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterable[str]:
    """Yield the names of the fields and settings that differ; those of other programs in an entry are not compared."""
    yield from (name for name in new if name != _SETTINGS and old.get(name) != new[name])
    before, after = old.get(_SETTINGS), new[_SETTINGS]
    before = before if isinstance(before, dict) else {}
    yield from (name for name in {**before, **after} if before.get(name) != after.get(name))


async def _send(session: CommandSession, bucket: KeyValue, write: _Write, key: str) -> None:
    name = write.change.name
    what = f"writing the instance {name!r}"
    try:
        if write.value is None:
            await session.ask(what, bucket.delete(key, last=write.revision))
            return
        value = HiddenBytes(json.dumps(write.value).encode())
        if write.revision is None:
            await session.ask(what, bucket.create(key, value))
        else:
            await session.ask(what, bucket.update(key, value, last=write.revision))
    except KeyWrongLastSequenceError:
        raise ClusterError(
            f"{name!r} was changed by somebody else meanwhile; run the command again to see how it differs now"
        ) from None
    except APIError as error:
        raise session.refused(what, error) from None


def _decoded(stored: BucketEntry) -> dict[str, Any]:
    """Return a stored entry; one that cannot be read is replaced as a whole."""
    try:
        value = _hidden(json.loads(stored.value))
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _hidden(value: Any) -> Any:
    """Return a decoded value with every text hidden from repr, because any of them may be a secret."""
    if isinstance(value, dict):
        return {name: _hidden(one) for name, one in value.items()}
    return HiddenText(value) if isinstance(value, str) else value
