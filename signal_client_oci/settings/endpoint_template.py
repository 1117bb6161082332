"""The optional base URL of all OCI services, for example of a gateway or a test server.

Requests are signed with the tenancy's key, so a template must send them only to the host that it names, over TLS;
without TLS only to the machine itself.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

__all__ = ["SERVICES", "endpoint_url", "read_endpoint_template"]

SERVICES: Final = frozenset({"audit", "logging", "cloudguard", "identity"})
"""The values of `{service}`."""

_EXAMPLE: Final = "https://oci-gateway.example.com/{region}/{service}"
# The hosts that the SDK accepts (base_client.py, _is_valid_endpoint_hostname).
_HOST: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*")
_REGION: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_HIGHEST_PORT: Final = 65535


def read_endpoint_template(text: str) -> str:
    """Return a template of endpoint URLs without its trailing slash.

    Raises:
        ValueError: it could send signed requests unencrypted or to another host, or the SDK would reject it.
    """
    wrong = _what_is_wrong(text)
    if wrong:
        raise ValueError(f"{wrong}. Example: {_EXAMPLE}.")
    scheme, rest = text.split(":", 1)
    return f"{scheme.lower()}:{rest.rstrip('/')}"


def endpoint_url(template: str, service: str, region: str) -> str:
    """Return the base URL of one service in one region.

    Raises:
        ValueError: there is no such service, or the region is not an identifier.
    """
    if service not in SERVICES:
        raise ValueError(f"unknown service; use one of {', '.join(sorted(SERVICES))}")
    if not _REGION.fullmatch(region):
        raise ValueError("a region identifier has only lowercase letters, digits and hyphens")
    return template.replace("{region}", region).replace("{service}", service)


def _what_is_wrong(template: str) -> str:
    """Return why a template is rejected, "" if it is valid."""
    if re.search(r"[^\x21-\x7e]|\\", template):
        return "A URL cannot contain spaces, control characters, backslashes or non-ASCII characters"
    bare = template.replace("{region}", "region").replace("{service}", "service")
    if "{region}" not in template or "{service}" not in template or re.search("[{}]", bare):
        return "The URL must contain {region} and {service}, and no other braces"
    try:
        parts, template_parts = urlsplit(bare), urlsplit(template)
    except ValueError:
        return "This is not a URL: its host cannot be read"
    return _wrong_with_host(parts, template_parts) or _wrong_with_rest(bare.rstrip("/"), parts)


def _wrong_with_host(parts: SplitResult, template_parts: SplitResult) -> str:
    host, colon, port = parts.netloc.partition(":")
    cases = {
        "The URL must begin with https:// (or http:// for 127.0.0.1)": parts.scheme not in {"http", "https"},
        "The URL must not contain a user name or password": "@" in parts.netloc,
        "The OCI SDK does not support IPv6 addresses; use 127.0.0.1": "[" in parts.netloc,
        "The host can contain only letters, digits, '-', '_' and '.'": not _HOST.fullmatch(host),
        "The port must be a number from 1 to 65535": bool(colon) and not _is_port(port),
        "The port must not contain a placeholder": "{" in template_parts.netloc.partition(":")[2],
        "Without TLS (http://) the host must be 127.0.0.1 or localhost; use https:// for any other host": (
            parts.scheme == "http" and not _is_loopback(template_parts.netloc.partition(":")[0])
        ),
    }
    return next((sentence for sentence, applies in cases.items() if applies), "")


def _wrong_with_rest(bare: str, parts: SplitResult) -> str:
    if "?" in bare or "#" in bare:
        return "The URL must not contain a query (?) or a fragment (#)"
    if not _PATH.fullmatch(parts.path.rstrip("/")):
        return "The path can contain only letters, digits, '-', '_', '.' and '~' between single slashes"
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
