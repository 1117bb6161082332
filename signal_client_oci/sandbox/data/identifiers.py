"""OCIDs and ids in Oracle's shape, all derived from a seed so that two runs make the same ones."""

from __future__ import annotations

import base64
import hashlib
import uuid

__all__ = ["Identifiers", "region_key"]

_REGION_KEYS = {
    "us-ashburn-1": "iad",
    "us-phoenix-1": "phx",
    "eu-frankfurt-1": "fra",
    "eu-amsterdam-1": "ams",
    "uk-london-1": "lhr",
    "ap-tokyo-1": "nrt",
    "ap-sydney-1": "syd",
    "ca-toronto-1": "yyz",
}
"""Short keys of the regions that the sandbox is used with (package `oci`, `regions_definitions.py`)."""

_UNIQUE_LENGTH = 52


def region_key(region: str) -> str:
    """Return the region's short key; a newer region is its own key, as in real OCIDs."""
    return _REGION_KEYS.get(region, region)


class Identifiers:
    """Makes OCIDs and UUIDs; the nth of one seed is always the same."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def ocid(self, kind: str, region: str = "") -> str:
        """Return a new `ocid1.<kind>.oc1.<region key>.aaaaaaaa…`; global resources have no region."""
        unique = base64.b32encode(self._next(kind)).decode("ascii").lower().rstrip("=")[:_UNIQUE_LENGTH]
        return f"ocid1.{kind}.oc1.{region_key(region)}.aaaaaaaa{unique}"

    def uuid(self) -> str:
        """Return a new UUID in the usual spelling."""
        return str(uuid.UUID(bytes=self._next("uuid")[:16], version=4))

    def _next(self, kind: str) -> bytes:
        self._count += 1
        first = hashlib.sha256(f"{self._seed}/{kind}/{self._count}".encode()).digest()
        return first + hashlib.sha256(first).digest()[:8]
