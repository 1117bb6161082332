"""The address that the server listens on, as an operator writes it."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from typing import Final

__all__ = ["ListenAddress", "ListenAddressError", "parse_address"]

_ADDRESS: Final = re.compile(r"(?:\[(?P<bracketed>[^\[\]]+)\]|(?P<plain>[^:\[\]]+)):(?P<port>[0-9]{1,5})")
_MAX_PORT: Final = 65_535
_EXAMPLE: Final = "127.0.0.1:9464"


class ListenAddressError(ValueError):
    """An address that cannot be listened on; one line with the way out."""


@dataclass(frozen=True)
class ListenAddress:
    """A numeric IP address and a port; port 0 takes one that is free."""

    ip: str
    port: int

    @property
    def family(self) -> socket.AddressFamily:
        """The family of the address."""
        return socket.AF_INET6 if ":" in self.ip else socket.AF_INET

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.ip).is_loopback

    def __str__(self) -> str:
        return f"[{self.ip}]:{self.port}" if ":" in self.ip else f"{self.ip}:{self.port}"


def parse_address(text: str) -> ListenAddress:
    """Return the address of a text such as `127.0.0.1:9464` or `[::1]:0`; raises `ListenAddressError`."""
    found = _ADDRESS.fullmatch(text.strip())
    if not found or int(found["port"]) > _MAX_PORT:
        raise ListenAddressError(f"{text[:100]!a} is not HOST:PORT; for example {_EXAMPLE}")
    host = found["bracketed"] or found["plain"]
    try:
        entries = socket.getaddrinfo(host, int(found["port"]), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise ListenAddressError(
            f"{host[:100]!a} is not an address of this machine; for example {_EXAMPLE}"
        ) from None
    entries.sort(key=lambda entry: entry[0] != socket.AF_INET)
    ip, port = entries[0][4][:2]
    return ListenAddress(str(ip), int(port))
