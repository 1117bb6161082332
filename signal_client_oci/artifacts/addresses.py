"""Reads network addresses as records write them: an IP, an IP with a port, a list of them, or something else."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

__all__ = ["MAX_PORT", "endpoint", "first_ip", "one_ip", "port_number"]

MAX_LENGTH = 64  # the longest address with a zone and a port, generously
MAX_PORT = 65535


def one_ip(text: str | None) -> str | None:
    """Return the text, without the space around it, when it is exactly one IPv4 or IPv6 address, else None."""
    return _one_ip(text) if text and len(text) <= MAX_LENGTH else None


@lru_cache(maxsize=4096)
def _one_ip(text: str) -> str | None:
    text = text.strip()
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return None
    return text


def first_ip(text: str | None) -> str | None:
    """Return the first address of a list, as proxies write it; also one with a port. None when it begins otherwise."""
    found = one_ip(text)
    return found or (endpoint(text.partition(",")[0])[0] if text else None)


def endpoint(text: str | None) -> tuple[str | None, int | None]:
    """Return the address and port of `10.0.0.1:443`, `[2001:db8::1]:443` or of an address alone.

    Of several (a load balancer's `backendAddr` names every backend it tried) the last one counts.
    """
    last = (text or "").split(",")[-1].strip()
    if one_ip(last):
        return last, None
    host, _, port = last.rpartition(":")
    address = one_ip(host.removeprefix("[").removesuffix("]"))
    return (address, port_number(port)) if address else (None, None)


def port_number(value: object) -> int | None:
    """Return a port as a number, whether it is written as number or text; None when it is not one."""
    if isinstance(value, str) and len(value) <= len(str(MAX_PORT)) and value.isascii() and value.isdigit():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MAX_PORT else None
