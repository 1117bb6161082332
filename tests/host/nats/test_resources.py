"""What a cluster needs, compared with what is there: pure functions."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamSource

from signal_client_oci.host.nats.layout import ALL_BUCKETS, LARGE_ARTIFACTS, STREAM
from signal_client_oci.host.nats.resource_fit import compare_with, covers
from signal_client_oci.host.nats.resources import StreamLimits, needed_resources

NEEDED = {one.name: one for one in needed_resources("edge-1", 3, StreamLimits())}


def test_everything_of_the_layout_is_needed_once():
    """The stream, each bucket and the object store of the layout are made, and nothing else."""
    assert list(NEEDED) == [STREAM, *ALL_BUCKETS, LARGE_ARTIFACTS]


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_made_fits(name):
    """Nothing that this program makes is a problem or a warning to it later."""
    fit = compare_with(NEEDED[name], NEEDED[name].config)
    assert (fit.problems, fit.warnings) == ((), ())


PROBLEMS = {
    "subject": (STREAM, {"subjects": ["edge-1.data.other"]}, "--subjects 'edge-1.data.other,edge-1.data"),
    "no subject": (STREAM, {"subjects": None}, "--subjects 'edge-1.data.artifacts.raw'"),
    "memory": (STREAM, {"storage": StorageType.MEMORY}, "nats stream rm DATA"),
    "mirror": (STREAM, {"mirror": StreamSource(name="HUB")}, "connect to where HUB is"),
    "sealed": (STREAM, {"sealed": True}, "nats stream rm DATA"),
    "no acknowledgement": (STREAM, {"no_ack": True}, "nats stream edit DATA --ack"),
    "short messages": (STREAM, {"max_msg_size": 1000}, "--max-msg-size=-1"),
    "short checkpoints": ("OCI_CHECKPOINTS", {"max_msg_size": 921_600}, "edit KV_OCI_CHECKPOINTS --max-msg"),
    "checkpoints forgotten": ("OCI_CHECKPOINTS", {"max_age": 3600.0}, "edit KV_OCI_CHECKPOINTS --max-age=0"),
    "leases forgotten": ("OCI_LEASES", {"max_age": 60.0}, "forgets an entry after 60 seconds"),
    "keys in memory": ("INTEGRATIONS", {"storage": StorageType.MEMORY}, "nats stream rm KV_INTEGRATIONS"),
    "queue": ("INTEGRATIONS", {"retention": RetentionPolicy.WORK_QUEUE}, "forgets what was read"),
}
WARNINGS = {
    "drops": ({"discard": DiscardPolicy.OLD, "max_bytes": 10**9}, "--discard=new"),
    "drops by count": ({"discard": DiscardPolicy.OLD, "max_msgs": 10}, "max_msgs"),
    "age": ({"max_age": 86_400.0}, "after 1 days"),
    "queue": ({"retention": RetentionPolicy.WORK_QUEUE}, "retention workqueue"),
    "interest": ({"retention": RetentionPolicy.INTEREST}, "retention interest"),
    "short window": ({"duplicate_window": 5.0}, "--dupe-window=120s"),
    "replicas": ({"num_replicas": 1}, "--replicas=3"),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_what_cannot_work_is_named_with_the_way_out(case):
    """Each configuration that nothing can work with is one problem that says what to run."""
    name, changes, words = PROBLEMS[case]
    fit = compare_with(NEEDED[name], replace(NEEDED[name].config, **changes))
    assert len(fit.problems) == 1
    assert name in fit.problems[0]
    assert words in fit.problems[0]


@pytest.mark.parametrize("case", WARNINGS)
def test_what_takes_a_promise_is_a_warning(case):
    """A stream of the host's own is used, and said to keep less than ours would."""
    changes, words = WARNINGS[case]
    fit = compare_with(NEEDED[STREAM], replace(NEEDED[STREAM].config, **changes))
    assert fit.problems == ()
    assert [words in warning for warning in fit.warnings] == [True]


@pytest.mark.parametrize(
    ("pattern", "subject", "is_covered"),
    [
        ("a.b", "a.b", True),
        ("a.*", "a.b", True),
        ("a.>", "a.b.c", True),
        ("a.>", "a", False),
        ("*", "a.b", False),
        ("a.b", "a.*", False),
        ("a.*", "a.>", False),
        ("a.b.c", "a.b", False),
        (">", "a.>", True),
    ],
)
def test_a_pattern_covers_what_the_server_would_take(pattern, subject, is_covered):
    """The rules of NATS for `*` and `>`."""
    assert covers(pattern, subject) is is_covered


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), st.data())
@pytest.mark.slow
def test_any_token_may_be_a_star(tokens, data):
    """A subject is covered by itself with any of its parts replaced, and by its beginning with `>`."""
    stars = [data.draw(st.sampled_from(["*", token])) for token in tokens]
    at = data.draw(st.integers(0, len(tokens) - 1))
    assert covers(".".join(stars), ".".join(tokens))
    assert covers(".".join([*tokens[:at], ">"]), ".".join(tokens))
