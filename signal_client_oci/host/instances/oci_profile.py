"""A profile of the OCI configuration file, read without the SDK."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from signal_client_oci.host.instances.instance import Instance, InstancesError, InstanceSet
from signal_client_oci.host.instances.names import is_safe_to_show, shown_name, shown_names
from signal_client_oci.host.instances.secret_files import expand_home, read_key_file, read_secret_file
from signal_client_oci.settings.secrecy import HiddenText

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["from_oci_profile"]

_OCI_KEYS: Final = {
    "tenancy": "tenancy_ocid",
    "user": "user_ocid",
    "fingerprint": "fingerprint",
    "region": "region",
}


def from_oci_profile(path: Path | None = None, profile: str = "DEFAULT") -> InstanceSet:
    """Read one instance, named like the profile, from the OCI configuration file.

    The file is `~/.oci/config` by default. Reads `user`, `fingerprint`, `tenancy`, `region`,
    `key_file` (`~`, or relative to the file) and `pass_phrase`; a profile inherits what it does not set from
    `[DEFAULT]`, as in Oracle's SDK. Raises `InstancesError`.
    """
    path = path or Path("~/.oci/config")
    path = expand_home(path, str(path))
    opened = read_secret_file(
        path, str(path), "name a configuration file, or create one with: oci setup config"
    )
    section = _profile(_parse_ini(opened.text, path), profile, path)
    where = f"{path}: [{profile}]" if is_safe_to_show(profile) else f"{path}: the profile given"
    _require_api_key(section, where)
    settings: dict[str, Any] = {ours: section[theirs] for theirs, ours in _OCI_KEYS.items()}
    key = read_key_file(_key_path(section["key_file"], where), path.parent, f"{where} key_file")
    settings["private_key"] = key.text
    warnings = list(key.warnings)
    if section.get("pass_phrase"):
        settings["private_key_passphrase"] = section["pass_phrase"]
        warnings += opened.warnings
    return InstanceSet(path, (Instance(profile, settings),), tuple(warnings))


def _key_path(value: str, where: str) -> str:
    """Return the path of a key file without the comment of the console's preview; its placeholder is refused."""
    path = value.removesuffix("# TODO").rstrip()
    if path.startswith("<"):
        problem = "key_file still has the placeholder of the console's configuration file preview"
        raise InstancesError(where, problem, "replace it with the path of the downloaded .pem file")
    return path


def _parse_ini(text: HiddenText, path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    # Blanks carry no meaning here, and the library takes quadratic time on a long run of them.
    text = HiddenText(re.sub(r"[^\S\r\n]+", " ", text))
    try:
        parser.read_string(text)
    except configparser.Error as error:
        # The library's own message quotes the line, which may be a passphrase.
        lines = [getattr(error, "lineno", None), *(number for number, _ in getattr(error, "errors", ()))]
        line = next((number for number in lines if number), None)
        kind = "has a duplicate" if "Duplicate" in type(error).__name__ else "is not valid"
        problem = f"{kind} at line {line}" if line else kind
    else:
        return parser
    # Raised outside of the handler, so that the library's error does not become the context of this one.
    remedy = "a profile is a line [NAME] with lines key=value below it, each key once"
    raise InstancesError(str(path), problem, remedy)


def _profile(parser: configparser.ConfigParser, profile: str, path: Path) -> dict[str, str]:
    names = [*(["DEFAULT"] if parser.defaults() else []), *parser.sections()]
    if profile not in names:
        remedy = f"it has: {shown_names(names)}" if names else "add one with: oci setup config"
        raise InstancesError(str(path), f"has no profile {shown_name(profile)}", remedy)
    return {key: HiddenText(value) for key, value in parser[profile].items()}


def _require_api_key(section: Mapping[str, str], where: str) -> None:
    missing = [key for key in (*_OCI_KEYS, "key_file") if not section.get(key)]
    if "user" in missing and (section.get("security_token_file") or section.get("delegation_token_file")):
        remedy = "name a profile with an API key, or create one with: oci setup config"
        raise InstancesError(where, "uses a session token, which the connector does not support", remedy)
    if missing:
        raise InstancesError(where, f"has no {', '.join(missing)}", "add it to the profile or to [DEFAULT]")
