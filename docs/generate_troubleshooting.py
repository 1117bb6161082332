"""Writes `docs/troubleshooting.md` from the catalog of codes: `python docs/generate_troubleshooting.py`.

A test compares the page with the output of this script.
"""

from __future__ import annotations

import re
from pathlib import Path

from signal_client_oci.errors.catalog import SECTIONS, CatalogEntry, Section
from signal_client_oci.errors.policies import DOMAIN_GROUP, statements

_STATEMENTS = re.compile(r": (`Allow [^`]*`(; )?)+")
PAGE = Path(__file__).parent / "troubleshooting.md"

HEAD = """\
# Troubleshooting

Every check, every failed source in a report and every warning in the log has a code. This page explains all codes:
what happened, how to find the cause, and what to do. `signal-client-oci explain CODE` prints the same entry, and
`signal-client-oci check` runs the connection test of the form.

If OCI returned a request id, a check contains it as `opc_request_id`. Oracle support finds the request by it.

## Where to start

| symptom | possible causes |
|---|---|
| 401, "not authenticated" | {auth} |
| 404 or 403, "not authorized or not found" | {rights} |
| "invalid region", or only some regions | {regions} |
| the tile is green, but no data arrives | {silence} |
| no endpoint can be reached | {network} |
| Cloud Guard problems are missing | {guard} |

## The policy

These are all statements that the connector can need, for a policy in the root compartment. A remedy lists those that
are missing.

```
{policy}
```

`<group>` is a group of the API user. In a tenancy with identity domains, name a group of a domain other than Default
with its domain: `Allow group {domain} to ...`. IAM policies cannot name a single user as the subject;
`signal-client-oci policy --user OCID` prints statements whose condition has the same effect.
"""

BEGINNINGS = {
    "auth": ("NOT_AUTHENTICATED", "CLOCK_SKEW", "REGION_NOT_SUBSCRIBED", "KEY_FINGERPRINT_MISMATCH"),
    "rights": (
        "AUDIT_NOT_AUTHORIZED",
        "LOGGING_NOT_AUTHORIZED",
        "AUDIT_SEARCH_NOT_AUTHORIZED",
        "CLOUD_GUARD_NOT_AUTHORIZED",
        "COMPARTMENTS_NOT_AUTHORIZED",
        "COMPARTMENT_UNKNOWN",
        "FORBIDDEN",
    ),
    "regions": (
        "REGION_UNKNOWN",
        "REGION_NOT_SUBSCRIBED",
        "REGION_NOT_READY",
        "REGION_REFUSES_KEY",
        "REALM_MISMATCH",
    ),
    "silence": (
        "LOGGING_NO_LOG_GROUPS",
        "AUDIT_SEARCH_INCOMPLETE",
        "SUBCOMPARTMENTS_NOT_AUTHORIZED",
        "COMPARTMENT_DELETED",
        "SWITCHED_OFF",
    ),
    "network": ("DNS_FAILED", "PROXY_FAILED", "TLS_UNKNOWN_CA", "TIMEOUT", "UNREACHABLE"),
    "guard": ("CLOUD_GUARD_DISABLED", "CLOUD_GUARD_NOT_ENABLED", "CLOUD_GUARD_REPORTING_REGION"),
}


def troubleshooting_page() -> str:
    """Return the text of the page."""
    links = {name: ", ".join(map(_link, codes)) for name, codes in BEGINNINGS.items()}
    policy = "\n".join(statements(("audit", "logging", "cloud_guard", "identity")))
    head = HEAD.format(**links, policy=policy, domain=DOMAIN_GROUP)
    return head + "".join(map(_section, SECTIONS))


def _link(code: str) -> str:
    return f"[{code}](#{code.lower()})"


def _section(section: Section) -> str:
    entries = "".join(_entry(code, entry) for code, entry in section.entries.items())
    return f"\n## {section.title}\n\n{section.introduction}\n{entries}"


def _entry(code: str, entry: CatalogEntry) -> str:
    statements_of = re.findall(r"`(Allow [^`]*)`", entry.remedy)
    remedy = _STATEMENTS.sub(" the statements below", entry.remedy)
    block = "\n```\n" + "\n".join(statements_of) + "\n```\n" if statements_of else ""
    return (
        f"\n### {code}\n\n{_sentence(entry.summary)}\n\n"
        f"- **Diagnosis:** {entry.diagnosis}\n"
        f"- **Remedy:** {remedy}\n{block}"
    )


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


if __name__ == "__main__":
    PAGE.write_text(troubleshooting_page(), encoding="utf-8")
