"""What the tests at the HTTP seam share: a key, settings, and the product's clients over a mocked transport."""

from __future__ import annotations

from functools import lru_cache

from signal_client_oci.oci_api.client import borrow
from signal_client_oci.sandbox.data.keys import api_key_fingerprint, public_key_of, shared_private_key_pem
from signal_client_oci.settings.api_key import load_api_key
from signal_client_oci.settings.model import parse_settings

TARGET = "oci._vendor.requests.adapters.HTTPAdapter.send"  # the SDK carries its own copy of requests
REGION = "us-ashburn-1"
TENANCY = "ocid1.tenancy.oc1..aaaaaaaaseam"
USER = "ocid1.user.oc1..aaaaaaaaseam"


@lru_cache
def fingerprint(number=0):
    """Return the fingerprint of the nth key."""
    return api_key_fingerprint(public_key_of(shared_private_key_pem(number)))


@lru_cache
def api_key(number=0):
    """Return the nth key, opened."""
    return load_api_key(shared_private_key_pem(number), "", fingerprint(number))


def settings(number=0, **overrides):
    """Return settings whose key is the nth one."""
    given = {
        "tenancy_ocid": TENANCY,
        "user_ocid": USER,
        "fingerprint": fingerprint(number),
        "private_key": shared_private_key_pem(number),
        "region": REGION,
    }
    return parse_settings(given | overrides)


def call(service, operation, *args, of=None, **kwargs):
    """Make one call with a client that is borrowed for it."""
    with borrow(of or settings(), api_key(), REGION, service, None) as client:
        return client.call(operation, *args, **kwargs)
