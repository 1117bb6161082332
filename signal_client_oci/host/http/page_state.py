"""The board as JSON for the page: what `status.json` holds, most troubled instance first."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from signal_client_oci import __version__
from signal_client_oci.artifacts.sanitize import sanitize
from signal_client_oci.contract import SOURCES, Check
from signal_client_oci.host.http.board import BoardState
from signal_client_oci.host.http.board_headline import board_headline, most_troubled_first
from signal_client_oci.host.http.chart import CHART_SLOTS, SLOT_SECONDS
from signal_client_oci.host.http.status import InstanceStatus, SourceStatus

__all__ = ["page_state"]

_MAX_TEXT: Final = 2000


def page_state(state: BoardState) -> dict[str, Any]:
    """Return everything that the page shows; times are RFC 3339 UTC, durations seconds."""
    return {
        "version": __version__,
        "now": _time(state.now),
        "headline": board_headline(state),
        "slot_seconds": SLOT_SECONDS,
        "instances": [_instance(one, state) for one in most_troubled_first(state)],
    }


def _instance(one: InstanceStatus, state: BoardState) -> dict[str, Any]:
    return {
        "name": one.label,
        "verdict": one.verdict(state.monotonic),
        "polling": one.is_polling,
        "started": _time(one.started),
        "ended": _time(one.ended),
        "result": one.result,
        "problem": _text(one.problem),
        "interval_seconds": one.interval_seconds,
        "seconds_without_report": round(one.seconds_without_report(state.monotonic), 1),
        "next_poll": _time(one.next_poll),
        "checkpoint_bytes": one.checkpoint_bytes,
        "sources": [_source(source, state.now) for source in one.sources],
        "findings": _findings(one),
    }


def _source(source: SourceStatus, now: datetime) -> dict[str, Any]:
    totals = source.totals
    lag = source.lag_seconds(now)
    return {
        "name": source.name,
        "title": SOURCES[source.name]["title"],
        "status": source.status,
        "code": _text(source.error["code"]) if source.error else None,
        "new": source.new,
        "records": totals.records,
        "throttled": totals.throttled,
        "repeats": totals.repeats,
        "masked": totals.masked,
        "lag_seconds": None if lag is None else round(lag, 1),
        "covered_until": _time(source.covered_until),
        "chart": _chart(source, now),
    }


def _chart(source: SourceStatus, now: datetime) -> dict[str, list[Any]]:
    """Return one value for each slot of the last hours, the oldest first; lag is None where no poll ended."""
    newest = int(now.timestamp()) // SLOT_SECONDS
    slots = range(newest - CHART_SLOTS + 1, newest + 1)
    points = {point.slot: point for point in source.chart}
    lags = [points[slot].lag_seconds if slot in points else None for slot in slots]
    return {
        "records": [points[slot].records if slot in points else 0 for slot in slots],
        "lag": [None if lag is None else round(lag) for lag in lags],
    }


def _findings(one: InstanceStatus) -> list[dict[str, Any]]:
    """Return the errors and warnings, each cause once with the sources that it stopped."""
    causes: dict[tuple[str, str, str], list[str]] = {}
    for source in one.sources:
        if source.error is not None:
            causes.setdefault(_cause(source.error), []).append(SOURCES[source.name]["title"])
    for warning in one.warnings:
        causes.setdefault(_cause(warning), [])
    return [_finding(*cause, titles) for cause, titles in causes.items()]


def _cause(check: Check) -> tuple[str, str, str]:
    return check["code"], check["message"], check["remedy"]


def _finding(code: str, message: str, remedy: str, titles: Iterable[str]) -> dict[str, Any]:
    return {
        "code": _text(code),
        "message": _text(message),
        "remedy": _text(remedy),
        "sources": list(titles),
    }


def _text(text: str) -> str:
    return sanitize(text)[:_MAX_TEXT]


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="seconds").replace("+00:00", "Z")
