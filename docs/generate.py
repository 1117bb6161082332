"""Writes `docs/settings.md` from the table of settings: `python docs/generate.py`.

A test compares the page with the output of this script.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from signal_client_oci.settings.schema import settings_schema

PAGE = Path(__file__).parent / "settings.md"

HEAD = """\
# Settings

The settings object of one instance, in the order of the form. Surrounding white space is removed, and common changes
by forms and clipboards are repaired: line ends and quotes in a private key, missing colons in a fingerprint. The short
code of a region is replaced by its identifier. Tenancy OCID, User OCID, Fingerprint and Region each take their own line
from the OCI console's *configuration file preview*, pasted whole. An unknown setting is an error; it is never ignored.

"""


def settings_page() -> str:
    """Return the text of the page."""
    schema = settings_schema()
    required = set(schema["required"])
    return HEAD + "\n".join(_entry(name, one, required) for name, one in schema["properties"].items())


def _entry(name: str, one: dict[str, Any], required: set[str]) -> str:
    facts = ["required" if name in required else f"default `{json.dumps(one.get('default'))}`", _kind(one)]
    if "minimum" in one:
        facts.append(f"{one['minimum']} to {one['maximum']}")
    if one.get("writeOnly"):
        facts.append("secret")
    if one.get("x-advanced"):
        facts.append("advanced")
    lines = [f"## `{name}`", "", f"**{one['title']}** ({', '.join(facts)})", "", one["description"], ""]
    if "enum" in one:
        lines += ["One of " + ", ".join(f"`{value}`" for value in one["enum"]) + ".", ""]
    if one.get("examples") and not one.get("writeOnly"):
        lines += ["Examples: " + ", ".join(f"`{json.dumps(value)}`" for value in one["examples"]) + ".", ""]
    return "\n".join(lines)


def _kind(one: dict[str, Any]) -> str:
    names = {
        "string": "text",
        "integer": "whole number",
        "boolean": "true or false",
        "array": "list of texts",
    }
    return names[one["type"]]


if __name__ == "__main__":
    PAGE.write_text(settings_page(), encoding="utf-8")
