"""What the demo prints: the connector's entry in the host's list, its form, what it delivered."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from rich.json import JSON
from rich.text import Text

from signal_client_oci.cli.demo.demo_verification import Comparison
from signal_client_oci.cli.output.poll_report import SOURCE_TITLES
from signal_client_oci.cli.output.safe_text import printable, shortened
from signal_client_oci.cli.output.screen import Screen, word
from signal_client_oci.contract import Artifact, ConnectorInfo

__all__ = [
    "print_artifact",
    "print_cluster_comparison",
    "print_comparison",
    "print_entry",
    "print_form",
    "print_kinds",
]

_MAX_RAW_SHOWN: Final = 48
_MAX_TEXT_SHOWN: Final = 48
_SEVERITIES: Final = {
    "critical": "critical",
    "high": "high",
    "medium": "medium",
    "low": "low",
    "informational": "info",
}


def print_entry(screen: Screen, info: ConnectorInfo) -> None:
    """Print the connector as the host lists it."""
    facts = {
        "what": info["description"],
        "name": info["full_name"],
        "category": info["category"],
        "signs in by": info["auth_method"],
        "polled every": f"{info['default_poll_interval_minutes']} minutes",
        "collects": ", ".join(source["title"] for source in info["sources"]),
    }
    screen.print(screen.indented(Text(f"[ {printable(info['title'])} v ]", style="bold cyan")))
    for label, fact in facts.items():
        screen.print(screen.labelled(label, fact))


def print_form(screen: Screen, schema: Mapping[str, Any]) -> None:
    """Print the form's fields in their order; rarely needed ones in one line."""
    table = screen.table("Field", "Kind", "Default")
    advanced = []
    for name, field in schema["properties"].items():
        if field.get("x-advanced"):
            advanced.append(printable(field["title"]))
            continue
        star = Text(" *", style="red") if name in schema["required"] else Text("")
        table.add_row(Text(printable(field["title"])).append(star), _kind(field), _default(field))
    screen.print(table)
    screen.print(Text(f"* required. Advanced: {', '.join(advanced)}.", style="dim"))


def print_kinds(screen: Screen, artifacts: Iterable[Artifact]) -> None:
    """Print how many artifacts there are by kind and severity."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for artifact in artifacts:
        metadata = artifact["metadata"]
        kind = (str(metadata["streamName"]), str(metadata["messageType"]))
        found.setdefault(kind, Counter())[str(metadata["severityLabel"])] += 1
    table = screen.table("Stream", "Message type", "Count", "By severity", numbers=("Count",))
    for (stream, message_type), severities in sorted(found.items()):
        by_severity = (
            f"{severities[label]:,} {short}" for label, short in _SEVERITIES.items() if severities[label]
        )
        table.add_row(
            printable(stream), printable(message_type), f"{severities.total():,}", ", ".join(by_severity)
        )
    screen.print(table)


def print_artifact(screen: Screen, artifact: Artifact) -> None:
    """Print one artifact with long texts shortened and without the fields that only OCI has."""
    metadata = {
        name: shortened(value, _MAX_TEXT_SHOWN) if isinstance(value, str) else value
        for name, value in artifact["metadata"].items()
        if not name.startswith("oci.")
    }
    text = json.dumps({**artifact, "raw": shortened(artifact["raw"], _MAX_RAW_SHOWN), "metadata": metadata})
    screen.print(JSON(text, indent=2, ensure_ascii=True))
    more = len(artifact["metadata"]) - len(metadata)
    screen.print(Text(f"and {more} fields of OCI (oci.compartmentId, ...)", style="dim"))


def print_comparison(screen: Screen, comparisons: Sequence[Comparison]) -> None:
    """Print what was emitted and what was delivered, side by side."""
    headers = ("Source", "Emitted", "Delivered", "Missing", "Unexpected", "Repeated", "")
    table = screen.table(*headers, numbers=headers[1:6])
    for one in comparisons:
        numbers = (f"{number:,}" for number in one[1:])
        table.add_row(SOURCE_TITLES[one.source], *numbers, word("ok" if one.agrees else "failed"))
    screen.print(table)


def print_cluster_comparison(screen: Screen, comparisons: Iterable[Comparison]) -> None:
    """Print what each instance's tenancy emitted and what the stream has of it, and the sums."""
    headers = ("Instance", "Emitted", "Delivered", "Missing", "Unexpected", "Repeated", "")
    table = screen.table(*headers, numbers=headers[1:6])
    lines = list(comparisons)
    for one in [*lines, Comparison("all", *map(sum, zip(*(line[1:] for line in lines), strict=True)))]:
        numbers = (f"{number:,}" for number in one[1:])
        table.add_row(printable(one.source), *numbers, word("ok" if one.agrees else "failed"))
    screen.print(table)


def _kind(field: Mapping[str, Any]) -> str:
    if field.get("format") == "password":
        return "secret, several lines" if field.get("x-widget") == "textarea" else "secret"
    if "enum" in field:
        return "choice"
    return {"string": "text", "boolean": "switch", "integer": "number", "array": "list"}[field["type"]]


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value in (None, "", []) else printable(value)
