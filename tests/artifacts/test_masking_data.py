"""Real shapes of records: what is secret in them is masked, and what is evidence stays."""

from __future__ import annotations

import json

import pytest
from support.cases import check_each
from support.masking_records import artifact_of, records, text_of

SECRETS, EVIDENCE = records("secrets"), records("evidence")
PIECE = 6
LEAST = 150


def named(entries):
    """Return the entries by what they are called in the lists."""
    return {entry["name"]: entry for entry in entries}


def pieces(secret):
    """Return all pieces of a secret that would give a part of it away."""
    return {secret[at : at + PIECE] for at in range(max(1, len(secret) - PIECE + 1))}


@pytest.mark.slow
def test_a_secret_is_masked_and_what_stands_beside_it_stays():
    """No piece of the secret is left in the artifact, the JSON is valid, and who, where and what are still told."""
    check_each(check_secret, named(SECRETS))


def check_secret(entry):
    """Mask a record with a secret."""
    result = artifact_of(entry)
    raw, metadata = result.artifact["raw"], json.dumps(result.artifact["metadata"], ensure_ascii=False)
    json.loads(raw)
    assert result.redacted > 0
    for secret in entry["secrets"]:
        assert not [piece for piece in pieces(secret) if piece in raw], secret
        assert not [piece for piece in pieces(secret) if piece in metadata], secret
    assert [text for text in entry.get("stays", ()) if text not in raw] == []
    assert told(result, entry) == entry.get("fields", {})


@pytest.mark.slow
def test_evidence_stays():
    """A record without a secret is handed on byte for byte; one with a bait keeps all that tells of the deed."""
    check_each(check_evidence, named(EVIDENCE))


def check_evidence(entry):
    """Look for secrets in a record that has none."""
    result = artifact_of(entry)
    raw = result.artifact["raw"]
    if entry["kind"] == "clean":
        assert (raw, result.redacted) == (text_of(entry).decode(), 0)
    assert [text for text in entry["stays"] if text not in raw] == []
    assert told(result, entry) == entry.get("fields", {})


def told(result, entry):
    """Return those of the artifact's metadata that an entry names."""
    return {name: result.artifact["metadata"].get(name) for name in entry.get("fields", {})}


def test_the_lists_are_long_enough_to_mean_something():
    """Both lists have many records of all three sources, each with a name of its own."""
    for entries in (SECRETS, EVIDENCE):
        assert len(entries) >= LEAST
        assert len({entry["name"] for entry in entries}) == len(entries)
        assert {entry["source"] for entry in entries} == {"audit", "logging", "cloud_guard"}
