"""Reads the settings object of the host, field by field, and gathers everything that is wrong with it.

It goes by the fields of the model that it is given (names, defaults, bounds) and knows what each text must
be; errors are sentences for the operator and never quote a value other than a region's name.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from signal_client_oci.contract import SOURCES
from signal_client_oci.errors.key_errors import KEY_ERRORS
from signal_client_oci.settings.endpoint_template import read_endpoint_template
from signal_client_oci.settings.fingerprint import normalise_fingerprint
from signal_client_oci.settings.limits import MAX_PRIVATE_KEY, MAX_WORD
from signal_client_oci.settings.logging_query import logging_clause
from signal_client_oci.settings.ocids import OCID_KINDS, parse_ocid, read_ocid
from signal_client_oci.settings.regions import UnknownRegionError, canonical_region, realm_of
from signal_client_oci.settings.schema import FORM, SECRETS
from signal_client_oci.settings.values import (
    SecretText,
    is_blank,
    read_names,
    read_secret,
    read_switch,
    read_text,
    read_whole_number,
)

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

__all__ = ["ALL_REGIONS", "RISK_LEVELS", "SettingsError", "concealed", "read_settings"]

ALL_REGIONS: Final = "all"
RISK_LEVELS: Final = ("CRITICAL", "HIGH", "MEDIUM", "LOW", "MINOR")
"""Cloud Guard's risk levels, highest first (SDK cloud_guard/models/problem_summary.py)."""

_LONGEST_REALM: Final = 60
_MOST_UNKNOWN: Final = 20
_ENTRY_TOO_LONG: Final = (
    "This must be a list of region identifiers, like eu-frankfurt-1; one entry is too long."
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")


class SettingsError(ValueError):
    """Settings that cannot be used.

    Attributes:
        field_errors: setting → one sentence that says what is wrong and the way out; "settings" stands for
            the whole.
    """

    def __init__(self, field_errors: dict[str, str]) -> None:
        self.field_errors = field_errors
        super().__init__(" ".join(f"{field}: {sentence}" for field, sentence in field_errors.items()))


def concealed(given: object) -> object:
    """Return the host's settings object with its secrets as `SecretText`, so that no frame shows them."""
    if not isinstance(given, Mapping):
        return given
    texts = {name: given[name] for name in SECRETS if isinstance(given.get(name), str)}
    return {**given, **{name: SecretText(str(text)) for name, text in texts.items()}}


def read_settings(model: type[BaseModel], given: object) -> dict[str, Any]:
    """Return every field of `model`, read and normalised, from the host's settings object.

    Raises:
        SettingsError: with all field errors at once.
    """
    given = concealed(given)
    if not isinstance(given, Mapping):
        raise SettingsError(
            {"settings": "The settings must be one object, with the fields of the form in it."}
        )
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name, field in model.model_fields.items():
        try:
            values[name] = _read_field(name, field, given.get(name))
        except ValueError as error:
            errors[name] = str(error)
    if "region" in values and "additional_regions" in values:
        values["additional_regions"] = [
            region for region in values["additional_regions"] if region != values["region"]
        ]
    errors |= _swapped(given) | _contradictions(values)
    in_form_order = {name: errors[name] for name in model.model_fields if name in errors}
    field_errors = in_form_order | _unknown_names(model, given)
    if field_errors:
        raise SettingsError(field_errors)
    return values


def _read_field(name: str, field: FieldInfo, value: object) -> Any:
    _check_size(name, value)
    if is_blank(value):
        if not field.is_required():
            return field.get_default(call_default_factory=True)
        value = ""
    if field.annotation is bool:
        return read_switch(value)
    if field.annotation is int:
        return read_whole_number(value, FORM[name]["minimum"], FORM[name]["maximum"])
    if field.annotation is SecretText:
        return _read_required_secret(name, value)
    if name == "additional_regions":
        return _read_regions(value)
    return _TEXT_READERS[name](read_text(value))


def _check_size(name: str, value: object) -> None:
    """Refuse what is longer than the field allows, before anything else looks at it.

    Raises:
        ValueError: there are too many characters or entries.
    """
    shown = FORM[name]
    most, entries = shown.get("maxLength", MAX_WORD), shown.get("maxItems")
    if entries is not None:
        longest = shown["items"]["maxLength"]
        most = entries * (longest + 1)
        if isinstance(value, list | tuple) and len(value) > entries:
            raise ValueError(f"This has {len(value)} entries, and {entries} are the most.")
        if isinstance(value, list | tuple) and any(
            isinstance(one, str) and len(one) > longest for one in value
        ):
            raise ValueError(_ENTRY_TOO_LONG)
    if isinstance(value, str | SecretStr) and len(value) > most:
        raise ValueError(_too_long(name, value, most))


def _too_long(name: str, value: str | SecretStr, most: int) -> str:
    too_long = f"This has {len(value)} characters, and {most} are the most"
    if name not in SECRETS and isinstance(value, str) and "PRIVATE KEY" in value[:MAX_PRIVATE_KEY]:
        return f"{too_long}: it holds a private key, which belongs in Private Key."
    alone = "one key, from its BEGIN line to its END line" if name == "private_key" else "its value"
    return f"{too_long}: put nothing but {alone} here."


def _read_required_secret(name: str, value: object) -> SecretText:
    if name == "private_key" and is_blank(value):
        problem = KEY_ERRORS["PRIVATE_KEY_MISSING"]
        raise ValueError(f"{problem.message} {problem.remedy}")
    return read_secret(value)


def _read_region(text: str) -> str:
    if not text:
        raise ValueError(
            "The region is missing: take its identifier, for example us-ashburn-1, from the OCI console: "
            "region menu (top right) > Manage regions."
        )
    return canonical_region(text)


def _read_regions(value: object) -> list[str]:
    """Return canonical regions, each once; the word "all" stands alone."""
    names = read_names(value)
    # A key pasted here would be cut into lines, and its short last one looks like a name.
    longest = FORM["additional_regions"]["items"]["maxLength"]
    if any(len(name) > longest or "PRIVATE KEY" in name for name in names):
        raise ValueError(_ENTRY_TOO_LONG)
    if any(name.lower() == ALL_REGIONS for name in names):
        return [ALL_REGIONS]
    regions: dict[str, None] = {}
    wrong: list[str] = []
    for name in names:
        try:
            regions[canonical_region(name)] = None
        except UnknownRegionError as error:
            wrong.append(str(error))
    if wrong:
        raise ValueError(" ".join(wrong[:3]))
    return list(regions)


def _read_risk(text: str) -> str:
    if text.upper() not in RISK_LEVELS:
        raise ValueError(f"This must be one of {', '.join(RISK_LEVELS)}.")
    return text.upper()


_TEXT_READERS: Final[dict[str, Callable[[str], str]]] = {
    "tenancy_ocid": lambda text: read_ocid(text, "tenancy_ocid"),
    "user_ocid": lambda text: read_ocid(text, "user_ocid"),
    "compartment_ocid": lambda text: read_ocid(text, "compartment_ocid"),
    "fingerprint": normalise_fingerprint,
    "region": _read_region,
    "logging_query": logging_clause,
    "cloud_guard_min_risk": _read_risk,
    "endpoint_template": read_endpoint_template,
}


def _contradictions(values: dict[str, Any]) -> dict[str, str]:
    """Return the errors of fields that are right by themselves, but not together."""
    errors: dict[str, str] = {}
    if not any(values.get(f"{source}_enabled", True) for source in SOURCES):
        errors["audit_enabled"] = "All sources are switched off: switch on Audit, Logging or Cloud Guard."
    scope = values.get("compartment_ocid", "")
    parsed = parse_ocid(scope)
    if parsed and parsed.kind == "tenancy" and values.get("tenancy_ocid", scope) != scope:
        errors["compartment_ocid"] = (
            "This is the OCID of another tenancy: leave Compartment OCID empty to collect from the whole "
            "tenancy, or copy the OCID of one of its compartments."
        )
    return errors | _realm_errors(values)


def _realm_errors(values: dict[str, Any]) -> dict[str, str]:
    """Return the errors of OCIDs and further regions that are not in the realm of the main region."""
    if "region" not in values:
        return {}
    region, realm = values["region"], realm_of(values["region"])
    errors: dict[str, str] = {}
    for name in OCID_KINDS:
        ocid = parse_ocid(values.get(name, ""))
        if ocid and ocid.realm != realm:
            errors[name] = (
                f"This OCID belongs to realm {ocid.realm[:_LONGEST_REALM]}, but the region {region} to realm "
                f"{realm}, and a tenancy lives in one realm only: correct the OCID, or the region."
            )
    strangers = [name for name in values.get("additional_regions", []) if name != ALL_REGIONS]
    strangers = [name for name in strangers if realm_of(name) != realm]
    if strangers:
        errors["additional_regions"] = (
            f"Not in realm {realm}, to which the region {region} belongs: {', '.join(strangers)}. "
            "A tenancy lives in one realm only: leave them out."
        )
    return errors


def _swapped(given: Mapping[str, object]) -> dict[str, str]:
    """Return the errors of a user's OCID and a tenancy's that stand in each other's field."""
    kinds = []
    for name in ("tenancy_ocid", "user_ocid"):
        value = given.get(name)
        ocid = parse_ocid(value.strip()) if isinstance(value, str) else None
        kinds.append(ocid.kind if ocid else "")
    if kinds[0] not in OCID_KINDS["user_ocid"].kinds or kinds[1] != "tenancy":
        return {}
    both = "Tenancy OCID and User OCID are swapped, exchange them"
    return {
        "tenancy_ocid": f"{both}: this is the user's, and the tenancy's begins with ocid1.tenancy.",
        "user_ocid": f"{both}: this is the tenancy's, and the user's begins with ocid1.user.",
    }


def _unknown_names(model: type[BaseModel], given: Mapping[object, object]) -> dict[str, str]:
    errors: dict[str, str] = {}
    unknown = [key for key in given if key not in model.model_fields]
    if len(unknown) > _MOST_UNKNOWN:
        errors["settings"] = f"There are {len(unknown)} names that are no settings; leave them out."
    for key in unknown[:_MOST_UNKNOWN]:
        # anything but a short word may be a pasted secret
        name = key if isinstance(key, str) and _NAME.fullmatch(key) else "settings"
        near = difflib.get_close_matches(name.lower(), model.model_fields, n=1, cutoff=0.5)
        way_out = f"did you mean {near[0]}?" if near else "leave it out."
        errors.setdefault(name, f"There is no setting of this name; {way_out}")
    return errors
