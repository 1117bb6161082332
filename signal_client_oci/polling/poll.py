"""One poll: settings and checkpoint in, batches and a report out; no exception leaves it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from typing import Any

from signal_client_oci.artifacts.sanitize import sanitize_name
from signal_client_oci.contract import SOURCES, Batch, Check, Checkpoint, Report, SourceName
from signal_client_oci.errors.failure import make_check
from signal_client_oci.oci_api.loading import load_sdk
from signal_client_oci.polling.context import (
    ContextError,
    Limits,
    PollContext,
    clock_of,
    in_utc,
)
from signal_client_oci.polling.log_lines import internal_error, log_report
from signal_client_oci.polling.phases import PollPhases
from signal_client_oci.polling.report import failed_report
from signal_client_oci.settings.api_key import ApiKey, PrivateKeyError, load_api_key
from signal_client_oci.settings.model import Settings, SettingsError, parse_settings
from signal_client_oci.settings.parsing import concealed, read_alone
from signal_client_oci.state.changes import SetBackfill
from signal_client_oci.state.checkpoint import CheckpointError, may_be_stored, parse
from signal_client_oci.state.cursor import newest_readable
from signal_client_oci.state.poll_state import PollState
from signal_client_oci.state.windows import floor_minute

__all__ = ["poll"]


def poll(instance: object, settings: object, checkpoint: object, context: Any) -> Iterator[Batch | Report]:
    """Yield everything new as batches, then the report.

    Args:
        instance: The instance's name.
        settings: The settings object as the host keeps it.
        checkpoint: What the host stored last, or None.
        context: The host's deadline, clock, stop question and batch limits (`contract.Context`).
    """
    settings = concealed(settings)
    name = instance if isinstance(instance, str) else sanitize_name(instance)
    began, started = time.monotonic(), datetime.now(timezone.utc)
    try:
        clock, limits = clock_of(context), Limits.of_host(context)
        first = clock()
        started = in_utc(first)
        parsed = parse_settings(settings)
        api_key = _api_key(parsed)
    except Exception as error:  # noqa: BLE001  (the contract: no exception out of a hook)
        yield _unstarted(error, name, settings, checkpoint, (started, _later(started, began)))
        return
    kept = _storable(checkpoint) or _first_checkpoint(settings, started)
    phases: PollPhases | None = None
    try:
        fixed = PollContext(name, parsed, clock, started, first.utcoffset() is None)
        state, warnings = _continued(parsed.tenancy_ocid, checkpoint)
        load_sdk(parsed.enabled_sources)
        phases = PollPhases(fixed, state, api_key, limits, warnings)
        with closing(phases.batches_and_report()) as items:
            for item in items:
                kept = item["checkpoint"]
                yield item
    except Exception as error:  # noqa: BLE001  (the contract: no exception out of a hook; it is reported and logged)
        # what the poll knows now may count records that no batch has carried: the last batch's checkpoint holds
        delivered = phases.delivered() if phases else {}
        check, off = _check_of(error), _switched_off(settings)
        report = failed_report(check, started, _later(started, began), kept, off, delivered)
        log_report(report, name)
        yield report


def _unstarted(
    error: Exception, name: str, settings: object, checkpoint: object, times: tuple[datetime, datetime]
) -> Report:
    """Report a poll that nothing was sent for."""
    stored = _storable(checkpoint)
    kept = stored or _first_checkpoint(settings, times[0])
    report = failed_report(_check_of(error), *times, kept, _switched_off(settings))
    if checkpoint and not stored:
        report["warnings"].append(_replaced_check())
    log_report(report, name)
    return report


def _continued(tenancy: str, checkpoint: object) -> tuple[PollState, list[Check]]:
    """Return the state of the stored checkpoint, or a new one and why the stored one cannot be continued from."""
    if checkpoint is None:
        return PollState(tenancy), []
    try:
        state = parse(checkpoint)
    except CheckpointError as error:
        message = f"the checkpoint cannot be continued from: {error.detail}"
        return PollState(tenancy), [_checkpoint_warning(error.code, message)]
    if state.tenancy and state.tenancy != tenancy:
        message = f"the checkpoint is of {state.tenancy[:100]!a}, the settings name {tenancy}"
        return PollState(tenancy), [_checkpoint_warning("TENANCY_CHANGED", message)]
    return state.of_tenancy(tenancy), []


def _storable(checkpoint: object) -> Checkpoint:
    """Return the host's checkpoint as it is, an empty one where it is none or could not be stored again."""
    return checkpoint if isinstance(checkpoint, dict) and may_be_stored(checkpoint) else {}


def _replaced_check() -> Check:
    message = "the checkpoint cannot be continued from: it is not JSON that may be stored again"
    return _checkpoint_warning("CHECKPOINT_UNREADABLE", message)


def _checkpoint_warning(code: str, message: str) -> Check:
    return make_check("settings", "Checkpoint", "warning", code, message)


def _switched_off(settings: object) -> set[SourceName]:
    """Name the sources that are switched off, also in settings that cannot be used as a whole."""
    return {source for source in SOURCES if not read_alone(f"{source}_enabled", settings)}


def _first_checkpoint(settings: object, started: datetime) -> Checkpoint:
    """Keep the beginning of a first poll whose settings cannot be used, so that nothing is lost until they can."""
    lookback: int = read_alone("lookback_minutes", settings)
    state = PollState("")
    state.apply([SetBackfill(max(1, newest_readable(floor_minute(started)) - lookback))])
    return state.checkpoint()


def _api_key(settings: Settings) -> ApiKey:
    return load_api_key(settings.private_key, settings.private_key_passphrase, settings.fingerprint)


def _check_of(error: Exception) -> Check:
    if isinstance(error, ContextError):
        return make_check("settings", "Context", "failed", "CONTEXT_INVALID", str(error))
    if isinstance(error, PrivateKeyError):
        return make_check("private_key", "Private key", "failed", error.code, error.message, error.remedy)
    if not isinstance(error, SettingsError):
        return internal_error(error)
    return make_check("settings", "Settings", "failed", error.code, error.sentences)


def _later(started: datetime, began: float) -> datetime:
    """Return when a poll ended that began at `started`; the host's clock may be what failed, so it is not asked."""
    return started + timedelta(seconds=time.monotonic() - began)
