"""The contract's rules for the answers of the other three hooks: descriptors, settings schema, validation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from signal_client_oci.host.conformance.contract_checks import (
    as_choice,
    as_count,
    as_dict,
    as_list,
    as_text,
    exact_keys,
    fail,
    require_json,
)

if TYPE_CHECKING:
    from signal_client_oci.contract import Check, ConnectorInfo, Validation

__all__ = ["VALIDATION_CHECKS", "check_check", "check_connector", "check_schema", "check_validation"]

VALIDATION_CHECKS: Final = (
    "settings",
    "private_key",
    "authentication",
    "compartments",
    "audit",
    "logging",
    "cloud_guard",
)
_CHECK_KEYS: Final = (
    "name",
    "title",
    "status",
    "code",
    "message",
    "remedy",
    "opc_request_id",
    "duration_ms",
)
_CHECK_STATUSES: Final = ("ok", "warning", "failed", "skipped")
_TEXTS: Final = (
    "name",
    "full_name",
    "title",
    "description",
    "category",
    "auth_method",
    "vendor_docs_url",
    "version",
)
_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")


def check_check(value: object, where: str) -> Check:
    """Return the value as a check: a stable code, a message and, where something is wrong, a remedy."""
    check = exact_keys(value, where, _CHECK_KEYS)
    as_text(check["name"], f"{where}.name")
    as_text(check["title"], f"{where}.title")
    status = as_choice(check["status"], f"{where}.status", _CHECK_STATUSES)
    if not _CODE.fullmatch(as_text(check["code"], f"{where}.code")):
        fail("CHECK_CODE", f"{where}.code", "must be in UPPER_SNAKE case")
    as_text(check["message"], f"{where}.message")
    as_text(check["remedy"], f"{where}.remedy", empty=status in {"ok", "skipped"})
    as_count(check["duration_ms"], f"{where}.duration_ms")
    if check["opc_request_id"] is not None:
        as_text(check["opc_request_id"], f"{where}.opc_request_id")
    require_json(check, where)
    return cast("Check", check)


def check_validation(value: object) -> Validation:
    """Return the value as the answer of `signal_client_validate_connection`: checks in order, and a fitting status."""
    answer = exact_keys(value, "validation", ("ok", "status", "summary", "checks", "field_errors"))
    require_json(answer, "validation")
    status = as_choice(answer["status"], "validation.status", ("ok", "degraded", "failed"))
    if answer["ok"] is not (status != "failed"):
        fail("STATUS", "validation.ok", "must be true exactly if `status` is not `failed`")
    as_text(answer["summary"], "validation.summary")
    checks = [
        check_check(check, f"validation.checks[{index}]")
        for index, check in enumerate(as_list(answer["checks"], "validation.checks"))
    ]
    places = [
        VALIDATION_CHECKS.index(as_choice(check["name"], "validation.checks", VALIDATION_CHECKS))
        for check in checks
    ]
    if places != sorted(places):
        fail("CHECK_ORDER", "validation.checks", "must come in the contract's order")
    failed = any(check["status"] == "failed" for check in checks)
    if _field_errors(answer["field_errors"]) and status != "failed":
        fail("STATUS", "validation.status", "must be `failed` where a field is wrong")
    if failed and status == "ok":
        fail("STATUS", "validation.status", "is `ok` although a check failed")
    return cast("Validation", answer)


def check_connector(value: object, where: str) -> ConnectorInfo:
    """Return the value as one descriptor of `signal_client_register_connectors`."""
    keys = (*_TEXTS, "multi_instance", "default_poll_interval_minutes", "sources")
    info = exact_keys(value, where, keys)
    require_json(info, where)
    for key in _TEXTS:
        as_text(info[key], f"{where}.{key}")
    if type(info["multi_instance"]) is not bool:
        fail("WRONG_TYPE", f"{where}.multi_instance", "must be a bool")
    as_count(info["default_poll_interval_minutes"], f"{where}.default_poll_interval_minutes")
    for index, source in enumerate(as_list(info["sources"], f"{where}.sources")):
        at = f"{where}.sources[{index}]"
        exact_keys(source, at, ("name", "title", "default_interval_minutes"))
        as_text(source["name"], f"{at}.name")
        as_text(source["title"], f"{at}.title")
        as_count(source["default_interval_minutes"], f"{at}.default_interval_minutes")
    return cast("ConnectorInfo", info)


def check_schema(value: object) -> dict[str, Any]:
    """Return the value as a settings schema: properties with titles and descriptions, secrets write-only."""
    schema = as_dict(value, "schema", ("type", "properties"))
    require_json(schema, "schema")
    as_choice(schema["type"], "schema.type", ("object",))
    properties = as_dict(schema["properties"], "schema.properties")
    for name, spec in properties.items():
        _check_property(spec, f"schema.properties.{name}")
    for name in as_list(schema.get("required", []), "schema.required"):
        as_choice(name, "schema.required", properties)
    return schema


def _check_property(value: object, where: str) -> None:
    spec = as_dict(value, where, ("title", "description"))
    as_text(spec["title"], f"{where}.title")
    as_text(spec["description"], f"{where}.description")
    if spec.get("format") == "password" and spec.get("writeOnly") is not True:
        fail("SCHEMA", where, "is a password and must be `writeOnly`")


def _field_errors(value: object) -> dict[str, str]:
    errors = as_dict(value, "validation.field_errors")
    for field, message in errors.items():
        as_text(message, f"validation.field_errors.{field}")
    return errors
