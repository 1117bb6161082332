"""Reads the host's settings object by the table of fields, and collects everything that is wrong with it.

Errors are sentences for the operator. Of the values, they quote only region names and realms.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from pydantic import SecretStr
from typing_extensions import Self

from signal_client_oci.contract import SOURCES
from signal_client_oci.settings.config_preview import is_preview, line_of_preview
from signal_client_oci.settings.ocids import OCID_KINDS, parse_ocid
from signal_client_oci.settings.regions import ALL_REGIONS, realm_of
from signal_client_oci.settings.schema import FIELDS, MAX_PRIVATE_KEY, SECRETS, SettingField
from signal_client_oci.settings.values import is_blank, read_text

__all__ = ["SecretText", "SettingsError", "concealed", "read_alone", "read_settings"]

_MAX_WORD: Final = 100  # for a number, a switch or a choice that is given as text
_MAX_SHOWN_REALM: Final = 60
_MAX_UNKNOWN_NAMES: Final = 20
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}")


class SettingsError(ValueError):
    """Settings that cannot be used.

    Attributes:
        field_errors: Setting → what is wrong and what to do; "settings" stands for the whole object.
        code: "REALM_MISMATCH" if the fields only contradict each other by realm, else "SETTINGS_INVALID".
    """

    def __init__(self, field_errors: dict[str, str], code: str = "SETTINGS_INVALID") -> None:
        self.field_errors = field_errors
        self.code = code
        super().__init__(" ".join(f"{field}: {sentence}" for field, sentence in field_errors.items()))

    @property
    def sentences(self) -> str:
        """The errors as one text, each behind the title of its field."""
        titles = {name: field.schema["title"] for name, field in FIELDS.items()}
        return " ".join(f"{titles.get(name, name)}: {text}" for name, text in self.field_errors.items())


class SecretText(SecretStr):
    """A `SecretStr` that cannot be pickled; a copy is the secret itself."""

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("SecretText holds a secret and cannot be pickled")

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: Any) -> Self:
        return self


def concealed(given: object) -> object:
    """Return the host's settings object with its secrets as `SecretText`, so that no stack frame shows them."""
    if not isinstance(given, Mapping):
        return given
    texts = {name: given[name] for name in SECRETS if isinstance(given.get(name), str)}
    return {**given, **{name: SecretText(str(text)) for name, text in texts.items()}}


def read_settings(given: object) -> dict[str, Any]:
    """Return the value of every field, normalised, from the host's settings object.

    Raises:
        SettingsError: with the errors of all fields.
    """
    given = concealed(given)
    if not isinstance(given, Mapping):
        raise SettingsError(
            {"settings": "The settings are not a JSON object. Send one object with the fields of the form."}
        )
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for name in FIELDS:
        try:
            values[name] = _read_field(name, given.get(name))
        except ValueError as error:
            errors[name] = str(error)
    if "region" in values and "additional_regions" in values:
        values["additional_regions"] = [
            region for region in values["additional_regions"] if region != values["region"]
        ]
    realm_errors = _realm_errors(values)
    errors |= _swapped(given) | _contradictions(values) | realm_errors
    in_form_order = {name: errors[name] for name in FIELDS if name in errors}
    field_errors = in_form_order | _unknown_names(given)
    if field_errors:
        is_realm = field_errors.keys() <= realm_errors.keys()
        raise SettingsError(field_errors, "REALM_MISMATCH" if is_realm else "SETTINGS_INVALID")
    return values


def read_alone(name: str, given: object) -> Any:
    """Return one field of settings that may be unusable as a whole: its default, if any, where it cannot be read.

    Raises:
        ValueError: it is required, and cannot be read.
    """
    try:
        return _read_field(name, given.get(name) if isinstance(given, Mapping) else None)
    except ValueError:
        if FIELDS[name].is_required:
            raise
        return FIELDS[name].default


def _read_field(name: str, value: object) -> Any:
    """Return the value of one field: its default when it was left empty, else the result of its reader."""
    field = FIELDS[name]
    _check_size(name, value)
    if is_blank(value):
        if not field.is_required:
            return SecretText(field.default) if field.is_secret else field.default
        value = ""  # the reader says that it is missing
    if field.is_secret:
        # `str`: a `HiddenText` that settings keep would give the secret to whoever formats it
        return SecretText(str(field.read(value)))
    if field.schema["type"] != "string":
        return field.read(value)
    text = read_text(value)
    return field.read(text if field.preview_line is None else _from_preview(field, text))


def _from_preview(field: SettingField, text: str) -> str:
    """Return a field's own line of a pasted configuration file preview; any other text unchanged.

    Raises:
        ValueError: the preview does not contain the value, or contains it more than once.
    """
    if not is_preview(text):
        return text
    if not field.preview_line:
        raise ValueError(
            "This is the configuration file preview of the OCI console, which names no compartment. Leave "
            f"{field.schema['title']} empty to collect from the whole tenancy, or copy the OCID of a compartment."
        )
    return line_of_preview(text, field.preview_line)


def _check_size(name: str, value: object) -> None:
    """Refuse a text that is longer than its field allows, before anything else reads it.

    Raises:
        ValueError: the text is too long.
    """
    field, schema = FIELDS[name], FIELDS[name].schema
    most = schema.get("maxLength", _MAX_WORD)
    if "maxItems" in schema:
        most = schema["maxItems"] * (schema["items"]["maxLength"] + 1)
    if field.max_length and not (isinstance(value, str) and is_preview(value[:most])):
        most = field.max_length
    if not isinstance(value, str | SecretStr) or len(value) <= most:
        return
    too_long = f"The value has {len(value)} characters; the limit is {most}."
    if name not in SECRETS and isinstance(value, str) and "PRIVATE KEY" in value[:MAX_PRIVATE_KEY]:
        raise ValueError(f"{too_long} It contains a private key: paste that into Private Key.")
    only = (
        "a single key, from its BEGIN line to its END line" if name == "private_key" else "the value itself"
    )
    raise ValueError(f"{too_long} Enter only {only}.")


def _contradictions(values: dict[str, Any]) -> dict[str, str]:
    """Return the errors of fields that are valid by themselves, but not together."""
    errors: dict[str, str] = {}
    if not any(values.get(f"{source}_enabled", True) for source in SOURCES):
        errors["audit_enabled"] = "All sources are switched off. Switch on Audit, Logging or Cloud Guard."
    scope = values.get("compartment_ocid", "")
    parsed = parse_ocid(scope)
    if parsed and parsed.kind == "tenancy" and values.get("tenancy_ocid", scope) != scope:
        errors["compartment_ocid"] = (
            "This is the OCID of another tenancy. Leave Compartment OCID empty to collect from the whole "
            "tenancy, or copy the OCID of one of its compartments."
        )
    return errors


def _realm_errors(values: dict[str, Any]) -> dict[str, str]:
    """Return the errors of OCIDs and additional regions that are not in the realm of the main region."""
    if "region" not in values:
        return {}
    region, realm = values["region"], realm_of(values["region"])
    errors: dict[str, str] = {}
    for name in OCID_KINDS:
        ocid = parse_ocid(values.get(name, ""))
        if ocid and ocid.realm != realm:
            errors[name] = (
                f"This OCID is in realm {ocid.realm[:_MAX_SHOWN_REALM]}, but region {region} is in realm {realm}. "
                "A tenancy exists in one realm only: correct the OCID or the region."
            )
    foreign = [name for name in values.get("additional_regions", []) if name != ALL_REGIONS]
    foreign = [name for name in foreign if realm_of(name) != realm]
    if foreign:
        errors["additional_regions"] = (
            f"These regions are not in realm {realm}, the realm of region {region}: {', '.join(foreign)}. "
            "A tenancy exists in one realm only: remove them."
        )
    return errors


def _swapped(given: Mapping[str, object]) -> dict[str, str]:
    """Return the errors of a user OCID and a tenancy OCID that are in each other's field."""
    kinds = []
    for name in ("tenancy_ocid", "user_ocid"):
        value = given.get(name)
        ocid = parse_ocid(value.strip()) if isinstance(value, str) else None
        kinds.append(ocid.kind if ocid else "")
    if kinds[0] not in OCID_KINDS["user_ocid"].kinds or kinds[1] != "tenancy":
        return {}
    both = "Tenancy OCID and User OCID are swapped. Exchange them"
    return {
        "tenancy_ocid": f"{both}: this is the user OCID, and a tenancy OCID begins with ocid1.tenancy.",
        "user_ocid": f"{both}: this is the tenancy OCID, and a user OCID begins with ocid1.user.",
    }


def _unknown_names(given: Mapping[object, object]) -> dict[str, str]:
    errors: dict[str, str] = {}
    unknown = [key for key in given if key not in FIELDS]
    if len(unknown) > _MAX_UNKNOWN_NAMES:
        errors["settings"] = f"{len(unknown)} of the names are not settings. Remove them."
    for key in unknown[:_MAX_UNKNOWN_NAMES]:
        # Anything but a short word may be a pasted secret.
        name = key if isinstance(key, str) and _NAME.fullmatch(key) else "settings"
        near = difflib.get_close_matches(name.lower(), FIELDS, n=1, cutoff=0.5)
        what_to_do = f"Did you mean {near[0]}?" if near else "Remove it."
        errors.setdefault(name, f"There is no setting with this name. {what_to_do}")
    return errors
