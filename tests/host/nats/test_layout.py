"""Names, keys and values of a cluster in JetStream."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signal_client_oci.host.nats.layout import (
    IntegrationEntry,
    Shard,
    artifacts_subject,
    decode_name,
    encode_name,
    integration_key,
    integration_name,
    to_value,
    try_value,
)

KEY = re.compile(r"[-/_=.a-zA-Z0-9]+")
NAMES = st.text("aZ9-_=./ @é€😀", min_size=1, max_size=20)


@given(NAMES)
@pytest.mark.slow
def test_every_name_has_a_key_of_its_own(name):
    """A name becomes one token of characters that a key may have, and comes back from it."""
    token = encode_name(name)
    assert KEY.fullmatch(token)
    assert "." not in token
    assert decode_name(token) == name
    assert integration_name(integration_key(name)) == name


@given(NAMES, st.sampled_from(["", "us-ashburn-1"]))
@pytest.mark.slow
def test_a_shard_comes_back_from_its_key(name, region):
    """Instance and region are told apart, whatever the name."""
    assert Shard.of_key(Shard(name, region).key) == Shard(name, region)


def test_a_key_of_another_hand_is_its_own_name():
    """A token that is no encoding, as a host may have written it, stands for itself."""
    assert decode_name("prod=zz") == "prod=zz"
    assert decode_name("=2d") == "=2d"
    assert integration_name("oci-cloud.=FF") == "=FF"


@pytest.mark.parametrize("appliance", ["", "a.b", "a b", "a>", "*", "ä", "x" * 101])
def test_an_appliance_is_one_token(appliance):
    """What cannot be part of a subject is refused."""
    with pytest.raises(ValueError, match="appliance ID"):
        artifacts_subject(appliance)


def test_an_entry_shows_no_setting():
    """The repr of an entry shows no value of its settings."""
    entry = IntegrationEntry(
        enabled=True,
        integration_type="oci-cloud",
        poll_interval_minutes=5,
        credentials={"private_key": "SECRET"},
    )
    assert "SECRET" not in repr(entry)
    assert try_value(to_value(entry), IntegrationEntry) == entry
    assert try_value(b"[]", IntegrationEntry) is None
