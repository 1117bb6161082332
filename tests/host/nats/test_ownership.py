"""Who may take what, and when: placement, claims and leases as functions of observations and a clock."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from support.clock import Ticks

from signal_client_oci.host.instances import Instance
from signal_client_oci.host.nats.buckets.mirror import Observed
from signal_client_oci.host.nats.layout import Lease, NodeStatus, Shard, to_value
from signal_client_oci.host.nats.node.poll_times import first_poll_in, second_poll_after
from signal_client_oci.host.nats.ownership.claims import Claims
from signal_client_oci.host.nats.ownership.leases import free_since
from signal_client_oci.host.nats.ownership.live_nodes import LiveNodes
from signal_client_oci.host.nats.ownership.placement import RANK_SECONDS, rank_of, ranking

SHARDS = [Shard(f"instance-{number}") for number in range(300)]
LEASE_SECONDS = 30.0


def node(name, session="1"):
    """A node."""
    return NodeStatus(name, session, "0", "", "", LEASE_SECONDS)


NODES = [node(f"node-{number}") for number in range(3)]


def lease(holder, since, *, revision=1):
    """A lease as it was observed."""
    return Observed(revision, to_value(Lease(holder, 1, LEASE_SECONDS)), since)


def owners(nodes):
    """The owner of each shard."""
    return {shard: ranking(shard, nodes)[0].name for shard in SHARDS}


@pytest.fixture
def ticks():
    """A monotonic clock that is moved by hand."""
    return Ticks()


@pytest.fixture
def live(ticks):
    """The nodes as the first of them sees them, all alive and settled."""
    live = LiveNodes(NODES[0], ticks)
    entries = {f"node.{one.name}.1": Observed(1, to_value(one), ticks()) for one in NODES}
    live.update(entries)
    ticks.advance(5)
    return live


def seconds_until(claims, shard, leases):
    """How long a shard has to wait, with these leases."""
    claims.observe(leases)
    return claims.seconds_until(shard)


def shard_of_rank(rank, *, without=""):
    """A shard at which the first node has this rank."""
    nodes = [one for one in NODES if one.identity != without]
    return next(shard for shard in SHARDS if rank_of(NODES[0].identity, shard, nodes) == rank)


def test_every_node_names_the_same_owner():
    """The ranking does not depend on the order in which nodes were seen, and spreads the shards."""
    assert owners(NODES) == owners(NODES[::-1])
    assert min(Counter(owners(NODES).values()).values()) > len(SHARDS) / 3 * 0.7


def test_a_node_that_leaves_or_joins_moves_its_own_share_alone():
    """No shard moves between two nodes that were there before and after."""
    before, after = owners(NODES), owners(NODES[1:])
    assert all(before[shard] == after[shard] for shard in SHARDS if before[shard] != NODES[0].name)


def test_a_restarted_node_gets_its_own_shards_back():
    """The share depends on the name, not on the process."""
    restarted = [node("node-0", "2"), *NODES[1:]]
    assert owners(NODES) == owners(restarted)


def test_shards_that_begin_together_are_polled_apart_from_then_on():
    """The second polls of many shards are spread over half an interval; one that was given up keeps its turn."""
    parts = sorted(second_poll_after(None, shard) for shard in SHARDS)
    assert 0.5 <= parts[0] < 0.55
    assert 0.95 < parts[-1] < 1.0
    assert max(later - earlier for earlier, later in pairwise(parts)) < 0.05
    given_up = Lease("", 1, LEASE_SECONDS, due_in_seconds=7)
    assert second_poll_after(given_up, SHARDS[0]) == 1.0
    assert first_poll_in(given_up, Instance("prod", {})) == 7
    assert first_poll_in(Lease("dead/1", 1, LEASE_SECONDS), Instance("prod", {})) == 0


def test_a_lease_may_be_taken_only_after_its_length_without_a_change():
    """Watched unchanged for its length, given up, missing, or this process's own: nothing else is free."""
    assert free_since(lease("other/1", 100.0), "me/1") == 130.0
    assert free_since(lease("", 100.0), "me/1") == 100.0
    assert free_since(None, "me/1") == float("-inf")
    assert free_since(lease("me/1", 100.0), "me/1") == float("-inf")
    assert free_since(Observed(1, b"?", 100.0), "me/1") == float("-inf")


def test_the_first_of_the_ranking_takes_an_expired_lease_at_once(live, ticks):
    """The dead holder is left out of the ranking; before the lease is over, nobody takes it."""
    dead = NODES[1].identity
    shard = shard_of_rank(0, without=dead)
    leases = {shard.key: lease(dead, ticks())}
    claims = Claims(live, ticks)
    ticks.advance(LEASE_SECONDS - 0.1)
    assert seconds_until(claims, shard, leases) == pytest.approx(0.1)
    ticks.advance(0.1)
    assert seconds_until(claims, shard, leases) <= 0


def test_the_others_wait_a_little_longer(live, ticks):
    """The node of rank two takes a free shard when the two before it have had their time."""
    shard = shard_of_rank(2)
    claims = Claims(live, ticks)
    assert seconds_until(claims, shard, {shard.key: lease("", ticks())}) == pytest.approx(2 * RANK_SECONDS)
    ticks.advance(2 * RANK_SECONDS)
    assert seconds_until(claims, shard, {shard.key: lease("", ticks() - 2 * RANK_SECONDS)}) <= 0


def test_a_renewed_lease_starts_the_wait_again(live, ticks):
    """Each new revision is watched for the whole length."""
    shard = shard_of_rank(0, without=NODES[1].identity)
    claims = Claims(live, ticks)
    ticks.advance(100)
    renewed = {shard.key: lease(NODES[1].identity, ticks(), revision=2)}
    assert seconds_until(claims, shard, renewed) == pytest.approx(LEASE_SECONDS)


def test_a_region_waits_for_the_whole_instance_and_the_other_way_round(live, ticks):
    """An instance that was split, or joined again, is not read by two owners."""
    whole, region = Shard("prod"), Shard("prod", "us-ashburn-1")
    held = lease(NODES[1].identity, ticks())
    assert seconds_until(Claims(live, ticks), region, {whole.key: held}) == pytest.approx(LEASE_SECONDS)
    assert seconds_until(Claims(live, ticks), whole, {region.key: held}) == pytest.approx(LEASE_SECONDS)
    assert seconds_until(Claims(live, ticks), Shard("pro"), {region.key: held}) < LEASE_SECONDS


def test_a_node_is_alive_while_its_status_changes(live, ticks):
    """One whose status did not change for its lease's length is dead, this process never."""
    entries = {"node.node-1.1": Observed(2, to_value(NODES[1]), ticks())}
    live.update(entries)
    assert live.identities == {NODES[0].identity, NODES[1].identity}
    ticks.advance(LEASE_SECONDS)
    live.update(entries)
    assert live.identities == {NODES[0].identity}


def test_nothing_moves_in_the_moment_in_which_a_node_joins(live, ticks):
    """The nodes count as settled a second after the last one came."""
    assert live.are_settled
    live.update({"node.new.1": Observed(9, to_value(node("new")), ticks())})
    assert not live.are_settled
    ticks.advance(1.0)
    assert live.are_settled
