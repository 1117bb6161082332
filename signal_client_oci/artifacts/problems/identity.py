"""Tells one version of a problem from another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signal_client_oci.artifacts.envelope import fields_identity

if TYPE_CHECKING:
    from signal_client_oci.artifacts.envelope import Origin

__all__ = ["version_identity"]


def version_identity(origin: Origin, ocid: str, detail: str, risk: str, last_detected: str) -> str:
    """Return the id of a problem's version: another one when its state, risk or last detection changes."""
    return fields_identity("problem", origin.tenancy_ocid, "", (ocid, detail, risk, last_detected))
