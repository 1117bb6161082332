"""A profile of a configuration file of the OCI tools, read without the SDK."""

from __future__ import annotations

import configparser
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from signal_client_oci.host.instances.instance import Instance, InstancesError, InstanceSet
from signal_client_oci.host.instances.names import is_tellable, listed, told
from signal_client_oci.host.instances.secret_files import expanded, read_key_file, read_text
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
    """One instance, named like the profile, from a configuration file of the OCI tools.

    The file is `~/.oci/config` unless another is named. Reads `user`, `fingerprint`, `tenancy`, `region`,
    `key_file` (`~`, or relative to the file) and `pass_phrase`; a profile inherits what it does not set from
    `[DEFAULT]`, as in Oracle's SDK. Raises `InstancesError`.
    """
    path = path or Path("~/.oci/config")
    path = expanded(path, str(path))
    opened = read_text(path, str(path), "name a configuration file, or make one with: oci setup config")
    section = _profile(_parse_ini(opened.text, path), profile, path)
    where = f"{path}: [{profile}]" if is_tellable(profile) else f"{path}: the profile given"
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
    """Return the path of a key file without the remark of the console's preview; its placeholder is told as such."""
    path = value.removesuffix("# TODO").rstrip()
    if path.startswith("<"):
        problem = "has the placeholder of the console's configuration file preview in key_file"
        raise InstancesError(where, problem, "put the path of the downloaded .pem file in its place")
    return path


def _parse_ini(text: HiddenText, path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    # The library takes time with the square of a run of blanks, which mean nothing anywhere.
    text = HiddenText(re.sub(r"[^\S\r\n]+", " ", text))
    try:
        parser.read_string(text)
    except configparser.Error as error:
        # The library's own text quotes the line, which may be a pass phrase.
        lines = [getattr(error, "lineno", None), *(number for number, _ in getattr(error, "errors", ()))]
        line = next((number for number in lines if number), None)
        kind = "gives something twice" if "Duplicate" in type(error).__name__ else "is not valid"
        problem = f"{kind} at line {line}" if line else kind
    else:
        return parser
    # Raised here, outside any handler, so that the library's error does not hang on to this one as its context.
    remedy = "a profile is a line [NAME] with lines key=value below it, each key once"
    raise InstancesError(str(path), problem, remedy)


def _profile(parser: configparser.ConfigParser, profile: str, path: Path) -> dict[str, str]:
    there_are = [*(["DEFAULT"] if parser.defaults() else []), *parser.sections()]
    if profile not in there_are:
        remedy = f"there are: {listed(there_are)}" if there_are else "add one with: oci setup config"
        raise InstancesError(str(path), f"has no profile {told(profile)}", remedy)
    return {key: HiddenText(value) for key, value in parser[profile].items()}


def _require_api_key(section: Mapping[str, str], where: str) -> None:
    missing = [key for key in (*_OCI_KEYS, "key_file") if not section.get(key)]
    if "user" in missing and (section.get("security_token_file") or section.get("delegation_token_file")):
        remedy = "name a profile with an API key, or make one with: oci setup config"
        raise InstancesError(where, "signs with a session token, which the connector cannot use", remedy)
    if missing:
        raise InstancesError(where, f"has no {', '.join(missing)}", "add it to the profile or to [DEFAULT]")
