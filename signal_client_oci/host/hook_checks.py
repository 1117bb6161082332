"""The contract's rules for the answers of the other three hooks: descriptors, settings schema, validation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, cast

from signal_client_oci.host.contract_checks import (
    breach,
    choice,
    exact_keys,
    listing,
    mapping,
    plain_json,
    text,
    whole,
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
    """One check: a stable code, a sentence and, where something is wrong, a remedy."""
    check = exact_keys(value, where, _CHECK_KEYS)
    text(check["name"], f"{where}.name")
    text(check["title"], f"{where}.title")
    status = choice(check["status"], f"{where}.status", _CHECK_STATUSES)
    if not _CODE.fullmatch(text(check["code"], f"{where}.code")):
        breach("CHECK_CODE", f"{where}.code", "must be in UPPER_SNAKE case")
    text(check["message"], f"{where}.message")
    text(check["remedy"], f"{where}.remedy", empty=status in {"ok", "skipped"})
    whole(check["duration_ms"], f"{where}.duration_ms")
    if check["opc_request_id"] is not None:
        text(check["opc_request_id"], f"{where}.opc_request_id")
    plain_json(check, where)
    return cast("Check", check)


def check_validation(value: object) -> Validation:
    """The answer of `signal_client_validate_connection`: checks in order, a verdict that follows."""
    answer = exact_keys(value, "validation", ("ok", "status", "summary", "checks", "field_errors"))
    plain_json(answer, "validation")
    status = choice(answer["status"], "validation.status", ("ok", "degraded", "failed"))
    if answer["ok"] is not (status != "failed"):
        breach("STATUS", "validation.ok", "must be true exactly if `status` is not `failed`")
    text(answer["summary"], "validation.summary")
    checks = [
        check_check(check, f"validation.checks[{index}]")
        for index, check in enumerate(listing(answer["checks"], "validation.checks"))
    ]
    places = [
        VALIDATION_CHECKS.index(choice(check["name"], "validation.checks", VALIDATION_CHECKS))
        for check in checks
    ]
    if places != sorted(places):
        breach("CHECK_ORDER", "validation.checks", "must come in the contract's order")
    failed = any(check["status"] == "failed" for check in checks)
    if _field_errors(answer["field_errors"]) and status != "failed":
        breach("STATUS", "validation.status", "must be `failed` where a field is wrong")
    if failed and status == "ok":
        breach("STATUS", "validation.status", "is `ok`, yet a check failed")
    return cast("Validation", answer)


def check_connector(value: object, where: str) -> ConnectorInfo:
    """One descriptor of `signal_client_register_connectors`."""
    keys = (*_TEXTS, "multi_instance", "default_poll_interval_minutes", "sources")
    info = exact_keys(value, where, keys)
    plain_json(info, where)
    for key in _TEXTS:
        text(info[key], f"{where}.{key}")
    if type(info["multi_instance"]) is not bool:
        breach("WRONG_TYPE", f"{where}.multi_instance", "must be a bool")
    whole(info["default_poll_interval_minutes"], f"{where}.default_poll_interval_minutes")
    for index, source in enumerate(listing(info["sources"], f"{where}.sources")):
        at = f"{where}.sources[{index}]"
        exact_keys(source, at, ("name", "title", "default_interval_minutes"))
        text(source["name"], f"{at}.name")
        text(source["title"], f"{at}.title")
        whole(source["default_interval_minutes"], f"{at}.default_interval_minutes")
    return cast("ConnectorInfo", info)


def check_schema(value: object) -> dict[str, Any]:
    """A settings schema: properties with titles and descriptions, and secrets that are write-only."""
    schema = mapping(value, "schema", ("type", "properties"))
    plain_json(schema, "schema")
    choice(schema["type"], "schema.type", ("object",))
    properties = mapping(schema["properties"], "schema.properties")
    for name, spec in properties.items():
        _check_property(spec, f"schema.properties.{name}")
    for name in listing(schema.get("required", []), "schema.required"):
        choice(name, "schema.required", properties)
    return schema


def _check_property(value: object, where: str) -> None:
    spec = mapping(value, where, ("title", "description"))
    text(spec["title"], f"{where}.title")
    text(spec["description"], f"{where}.description")
    if spec.get("format") == "password" and spec.get("writeOnly") is not True:
        breach("SCHEMA", where, "is a password and must be `writeOnly`")


def _field_errors(value: object) -> dict[str, str]:
    errors = mapping(value, "validation.field_errors")
    for field, message in errors.items():
        text(message, f"validation.field_errors.{field}")
    return errors
