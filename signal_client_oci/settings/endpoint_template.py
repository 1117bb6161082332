"""The optional base URL of all OCI services, such as a gateway's or a test server's.

Requests are signed with the tenancy's key, so a template must not be able to send them anywhere but to the
host that stands in it: TLS, or the machine itself.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from signal_client_oci.settings.limits import MAX_ENDPOINT_TEMPLATE

__all__ = ["SERVICES", "endpoint_url", "read_endpoint_template"]

SERVICES: Final = frozenset({"audit", "logging", "cloudguard", "identity"})
"""What `{service}` can stand for."""

_EXAMPLE: Final = "https://oci-gateway.example.com/{region}/{service}"
# What the SDK's own check of hosts lets through (base_client.py, _is_valid_endpoint_hostname).
_HOST: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*")
_REGION: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_HIGHEST_PORT: Final = 65535


def read_endpoint_template(text: str) -> str:
    """Return a template of endpoint URLs without its trailing slash.

    Raises:
        ValueError: it could send signed requests in the clear or astray, or the SDK would refuse it.
    """
    wrong = _what_is_wrong(text)
    if wrong:
        raise ValueError(f"{wrong}; for example {_EXAMPLE}.")
    scheme, rest = text.split(":", 1)
    return f"{scheme.lower()}:{rest.rstrip('/')}"


def endpoint_url(template: str, service: str, region: str) -> str:
    """Return the base URL of one service in one region.

    Raises:
        ValueError: there is no such service, or the region is no plain identifier.
    """
    if service not in SERVICES:
        raise ValueError(f"no service of that name; there are {', '.join(sorted(SERVICES))}")
    if not _REGION.fullmatch(region):
        raise ValueError("a region identifier has lower-case letters, digits and hyphens only")
    return template.replace("{region}", region).replace("{service}", service)


def _what_is_wrong(template: str) -> str:
    """Return why a template is refused, "" if it is not."""
    if len(template) > MAX_ENDPOINT_TEMPLATE or re.search(r"[^\x21-\x7e]|\\", template):
        return "A URL has no spaces, control characters, backslashes or letters outside ASCII"
    bare = template.replace("{region}", "region").replace("{service}", "service")
    if "{region}" not in template or "{service}" not in template or re.search("[{}]", bare):
        return "This must hold {region} and {service}, and no other braces"
    try:
        parts, template_parts = urlsplit(bare), urlsplit(template)
    except ValueError:
        return "This is no URL: its host cannot be read"
    return _wrong_with_host(parts, template_parts) or _wrong_with_rest(bare.rstrip("/"), parts)


def _wrong_with_host(parts: SplitResult, template_parts: SplitResult) -> str:
    host, colon, port = parts.netloc.partition(":")
    cases = {
        "This must begin with https:// (or http:// to 127.0.0.1)": parts.scheme not in {"http", "https"},
        "This must not hold a user name or password": "@" in parts.netloc,
        "The OCI SDK takes no IPv6 address; use 127.0.0.1": "[" in parts.netloc,
        "The host may hold letters, digits, '-', '_' and '.' only": not _HOST.fullmatch(host),
        "The port must be a number from 1 to 65535": bool(colon) and not _is_port(port),
        "The port must not hold a placeholder": "{" in template_parts.netloc.partition(":")[2],
        "Without TLS (http://) the host must be 127.0.0.1 or localhost; use https:// for any other": (
            parts.scheme == "http" and not _is_loopback(template_parts.netloc.partition(":")[0])
        ),
    }
    return next((sentence for sentence, applies in cases.items() if applies), "")


def _wrong_with_rest(bare: str, parts: SplitResult) -> str:
    if "?" in bare or "#" in bare:
        return "This must not hold a query (?) or a fragment (#)"
    if not _PATH.fullmatch(parts.path.rstrip("/")):
        return "The path may hold letters, digits, '-', '_', '.' and '~' between single slashes only"
    return ""


def _is_port(text: str) -> bool:
    return bool(re.fullmatch("[0-9]{1,5}", text)) and 0 < int(text) <= _HIGHEST_PORT


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False
