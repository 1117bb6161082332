"""Entries of the configuration as shards: one bad entry touches no other."""

from __future__ import annotations

import json

import pytest
from support.collecting import raw_settings

from signal_client_oci.host.nats.buckets.mirror import Observed
from signal_client_oci.host.nats.layout import Shard, integration_key
from signal_client_oci.host.nats.node.configuration import Configuration

NAME = "prod"


def entry(*, changes=None, **settings):
    """An entry's value, with fields or settings that differ."""
    value = {
        "enabled": True,
        "integration_type": "oci-cloud",
        "poll_interval_minutes": 0.5,
        "credentials": raw_settings("audit", "logging", "cloud_guard", **settings),
    }
    return json.dumps(value | (changes or {})).encode()


def configured(**values):
    """The configuration of entries by name."""
    configuration = Configuration()
    configuration.update({integration_key(name): Observed(1, value, 0.0) for name, value in values.items()})
    return configuration


def test_an_entry_is_one_shard_with_its_settings_and_interval():
    """Fractions of a minute are an interval."""
    (config,) = configured(prod=entry()).shards.values()
    assert config.shard == Shard(NAME)
    assert config.instance.poll_interval_minutes == 0.5
    assert config.instance.settings["region"] == raw_settings()["region"]


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (b"no json", "settings"),
        (b'{"enabled": true, "integration_type": "\xff"}', "settings"),
        (entry(deep="x").replace(b'"x"', b"[" * 100_000), "settings"),
        (b'{"enabled": true}', "settings"),
        (entry(changes={"enabled": "yes"}), "settings"),
        (entry(changes={"integration_type": "aws"}), "integration_type"),
        (entry(changes={"poll_interval_minutes": 0}), "poll_interval_minutes"),
        (entry(region="nowhere"), "region"),
        (entry(changes={"shard_by_region": True}, additional_regions=["all"]), "shard_by_region"),
    ],
)
def test_a_bad_entry_is_a_failed_status_with_its_fields_and_touches_nobody_else(value, field):
    """The status names the field; the other instance is polled."""
    configuration = configured(bad=value, good=entry())
    status = configuration.idle[Shard("bad")]
    assert (status.state, list(status.field_errors)) == ("failed", [field])
    assert status.error
    assert status.remedy
    assert list(configuration.shards) == [Shard("good")]


def test_no_status_of_a_bad_entry_quotes_a_secret():
    """A key in the wrong place is not shown."""
    secret = "MIIEpAIBAAKCAQEAsecret"
    configuration = configured(one=entry(fingerprint=secret), two=entry(changes={"enabled": secret}))
    assert all(secret not in repr(status) for status in configuration.idle.values())


def test_a_disabled_entry_is_not_polled():
    """It has a status that says so."""
    configuration = configured(prod=entry(changes={"enabled": False}, region="nowhere"))
    assert configuration.shards == {}
    assert configuration.idle[Shard(NAME)].state == "disabled"


def test_regions_are_shards_and_cloud_guard_is_in_one_of_them():
    """Each shard has one region alone, and the first one the service of the tenancy."""
    value = entry(
        changes={"shard_by_region": True}, region="us-ashburn-1", additional_regions=["eu-frankfurt-1"]
    )
    shards = configured(prod=value).shards
    settings = {shard.region: config.instance.settings for shard, config in shards.items()}
    assert {name: one["region"] for name, one in settings.items()} == {name: name for name in settings}
    assert [one["additional_regions"] for one in settings.values()] == [[], []]
    assert {name: one["cloud_guard_enabled"] for name, one in settings.items()} == {
        "us-ashburn-1": True,
        "eu-frankfurt-1": False,
    }


def test_a_region_with_nothing_to_read_is_no_shard():
    """With Cloud Guard alone there is one shard."""
    value = entry(
        changes={"shard_by_region": True},
        audit_enabled=False,
        logging_enabled=False,
        cloud_guard_enabled=True,
        region="us-ashburn-1",
        additional_regions=["eu-frankfurt-1"],
    )
    assert list(configured(prod=value).shards) == [Shard(NAME, "us-ashburn-1")]


def test_what_did_not_change_is_not_read_again():
    """An entry of the same revision keeps its shards, one of a new revision does not."""
    configuration = configured(prod=entry())
    before = configuration.shards[Shard(NAME)]
    configuration.update({integration_key(NAME): Observed(1, b"", 5.0)})
    assert configuration.shards[Shard(NAME)] is before
    configuration.update({integration_key(NAME): Observed(2, entry(), 5.0)})
    assert configuration.shards[Shard(NAME)] is not before
    configuration.update({})
    assert configuration.shards == {}
