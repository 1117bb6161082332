"""A secret is masked wherever in a record it stands."""

from __future__ import annotations

import pytest
from support.cases import check_each
from support.example_records import NAMES, each_path, example, mapped, text_of
from test_any_json import paths_of, replaced

from signal_client_oci.artifacts.redaction import redact

SECRETS = [
    "Authorization: Basic YWxpY2U6aHVudGVyMg==",
    "password: hunter2-hunter2",
    "https://alice:hunter2-hunter2@db.example.com/",
    "/p/hunter2-hunter2/n/acme/b/payroll/o/march.csv",
    "Bearer eyJhbGciOiJSUzI1NiJ9.hunter2-hunter2.c2lnbmF0dXJl",
    "ST$eyJhbGciOiJSUzI1NiJ9.hunter2-hunter2.c2lnbmF0dXJl",
    "-----BEGIN PRIVATE KEY-----MIIEvgIBADANBgkqhkiG9w0B-----END PRIVATE KEY-----",
]


@pytest.mark.slow
@pytest.mark.parametrize("secret", SECRETS)
def test_no_field_keeps_a_secret(secret):
    """The raw text is masked as the text by itself is, and nothing of the secret gets further."""
    for given, path in each_path():
        text = text_of(replaced(given["record"], path, secret))
        result = mapped(given["source"], text)
        masked, count = redact(text)
        assert (result.artifact["raw"], result.redacted) == (masked.decode(), count), path
        assert count > 0, path
        assert "hunter2-hunter2" not in str(result.artifact), path
        assert "YWxpY2U6aHVudGVyMg" not in str(result.artifact), path


def test_no_field_keeps_what_stands_under_the_key_of_a_secret():
    """A member called `password` is masked in every object of a record."""
    check_each(put_passwords, ((name, name) for name in NAMES))


def put_passwords(name):
    """Put a password into each object of an example."""
    given = example(name)
    record = given["record"]
    for path in [(), *paths_of(record)]:
        place = record
        for key in path:
            place = place[key]
        if not isinstance(place, dict):
            continue
        changed = {**place, "password": "hunter2-hunter2"}
        result = mapped(given["source"], replaced(record, path, changed))
        assert result.redacted > 0, path
        assert "hunter2-hunter2" not in str(result.artifact), path
