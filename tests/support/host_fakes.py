"""Small connectors for the host's tests, and items that keep the contract for tests to break."""

from __future__ import annotations

import copy
from typing import Any

import pluggy

from signal_client_oci.host import Plugins
from signal_client_oci.host.instances import Instance

hookimpl = pluggy.HookimplMarker("signal_client")

NAME = "fake-cloud"
SOURCES = ("audit", "logging", "cloud_guard")
TIME = "2024-05-01T10:00:00Z"


def artifact(
    number: int = 1, instance: str = "one", source: str = "audit", raw: str | None = None
) -> dict[str, Any]:
    """Artifact `number`, as the contract wants it."""
    return {
        "id": f"{number:032x}",
        "source": NAME,
        "timestamp": TIME,
        "raw": f'{{"n":{number}}}' if raw is None else raw,
        "metadata": {
            "instance": instance,
            "streamName": f"oci_cloud_{source.removeprefix('cloud_')}",
            "messageType": "config_change",
            "severityLabel": "low",
            "severityCode": 5,
            "vendorCode": "n",
            "startTimeUTC": TIME,
            "geoRegion": "us-ashburn-1",
            "oci.tenancyId": "ocid1.tenancy.oc1..a",
        },
    }


def batch(
    *artifacts: dict[str, Any], source: str = "audit", checkpoint: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A batch of these artifacts."""
    return {
        "type": "batch",
        "source": source,
        "artifacts": list(artifacts),
        "checkpoint": {"version": 1} if checkpoint is None else checkpoint,
    }


def check(name: str = "audit", status: str = "failed") -> dict[str, Any]:
    """One check."""
    return {
        "name": name,
        "title": "Audit",
        "status": status,
        "code": "POLICY_MISSING",
        "message": "The policy is missing.",
        "remedy": "Add it.",
        "opc_request_id": None,
        "duration_ms": 3,
    }


def source_report(
    status: str = "ok", fetched: int = 0, error: dict[str, Any] | None = None
) -> dict[str, Any]:
    """How one source fared."""
    return {
        "status": status,
        "fetched": fetched,
        "requests": 0 if status == "skipped" else 1,
        "retries": 0,
        "error": error,
        "covered_until": TIME,
        "counts": {},
    }


def report(
    status: str = "ok", checkpoint: dict[str, Any] | None = None, **sources: dict[str, Any]
) -> dict[str, Any]:
    """A report; sources that are not given were fine and brought nothing."""
    return {
        "type": "report",
        "status": status,
        "started_at": TIME,
        "finished_at": TIME,
        "sources": {name: sources.get(name, source_report()) for name in SOURCES},
        "warnings": [],
        "checkpoint": {"version": 1} if checkpoint is None else checkpoint,
    }


def descriptor(name: str = NAME) -> dict[str, Any]:
    """A connector's descriptor."""
    texts = ("full_name", "title", "description", "category", "auth_method", "vendor_docs_url", "version")
    return {
        "name": name,
        **dict.fromkeys(texts, "x"),
        "multi_instance": True,
        "default_poll_interval_minutes": 5,
        "sources": [{"name": source, "title": source, "default_interval_minutes": 5} for source in SOURCES],
    }


VALIDATION = {
    "ok": True,
    "status": "ok",
    "summary": "All is well.",
    "checks": [check("settings", "ok"), check("audit", "ok")],
    "field_errors": {},
}
SCHEMA = {
    "type": "object",
    "required": ["secret"],
    "properties": {
        "secret": {"title": "Secret", "description": "A secret.", "format": "password", "writeOnly": True},
    },
}


class Fake:
    """A connector whose poll is a function (instance, settings, checkpoint, context) → iterable of items."""

    def __init__(self, poll, name: str = NAME, validation: Any = None, schema: Any = None):
        self.poll = poll
        self.name = name
        self.validation = copy.deepcopy(VALIDATION) if validation is None else validation
        self.given_schema = SCHEMA if schema is None else schema

    @hookimpl
    def signal_client_register_connectors(self):
        """One connector."""
        return [descriptor(self.name)]

    @hookimpl
    def signal_client_settings_schema(self, connector):
        """The given schema."""
        return self.given_schema if connector == self.name else None

    @hookimpl
    def signal_client_validate_connection(self, connector, settings):
        """The given answer, or what the given function makes of the settings."""
        if connector != self.name:
            return None
        return self.validation(settings) if callable(self.validation) else self.validation

    @hookimpl
    def signal_client_poll(self, connector, instance, settings, checkpoint, context):
        """What the given function answers."""
        return self.poll(instance, settings, checkpoint, context) if connector == self.name else None


def plugins_of(*fakes: Any) -> Plugins:
    """The host's plugins, with these registered straight into the plugin manager."""
    plugins = Plugins()
    for index, fake in enumerate(fakes):
        plugins.manager.register(fake, name=f"fake-{index}")
    return plugins


def instance(name: str = "one", connector: str = NAME, **settings: Any) -> Instance:
    """An instance of the fake connector."""
    return Instance(name, settings, connector)


def counting(total: int, size: int = 3):
    """A poll that delivers artifacts 0 to `total` - 1 once, `size` a batch, going on at its checkpoint."""

    def poll(instance, _settings, checkpoint, context):
        should_stop = context.get("should_stop", lambda: False)
        start = position = (checkpoint or {"next": 0})["next"]
        while position < total and not should_stop():
            until = min(position + size, total)
            items = [artifact(number, instance) for number in range(position, until)]
            position = until
            yield batch(*items, checkpoint={"version": 1, "next": position})
        done = position >= total
        audit = source_report("ok" if done else "partial", position - start)
        yield report("ok" if done else "degraded", {"version": 1, "next": position}, audit=audit)

    return poll
