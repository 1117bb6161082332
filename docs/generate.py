"""Writes `docs/settings.md` from the settings' schema: `python docs/generate.py`.

A test compares the file with what this would write.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from signal_client_oci.settings.schema import settings_schema

PAGE = Path(__file__).parent / "settings.md"

HEAD = """\
# Settings

The settings object of one instance, in the order of the form. Texts are stripped, and what a form or a clipboard does
to a value and can be undone is undone: line ends and quotes in a key, colons in a fingerprint, a region's short code.
A setting that is not known is an error, never ignored.

"""


def settings_page() -> str:
    """Return the page's text."""
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
