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
@pytest.mark.sampled(3)
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


@pytest.mark.slow
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


TOKEN = "ST$eyJhbGciOiJSUzI1NiJ9.hunter2-hunter2.c2lnbmF0dXJl"
SIGNED = f'Signature version="1",keyId="{TOKEN}",algorithm="rsa-sha256",signature="hunter2hunter2QWIz"'
HEADERS = {
    "signed": {"authorization": [SIGNED]},
    "under another case": {"Authorization": [SIGNED]},
    "with an escape": {"authorization": [SIGNED + "\t"]},
    "with a backslash": {"cookie": ["session=hunter2\\hunter2"]},
    "in another alphabet": {"x-auth-token": ["hunter2-hünter2-hunter2"]},
    "twice": {"opc-obo-token": [TOKEN, TOKEN]},
    "no list": {"opc-obo-token": TOKEN},
    "behind its own name": {"x": ["authorization"], "opc-obo-token": [TOKEN], "authorization": [SIGNED]},
    "elsewhere too": {"referer": [f"https://example.com/?token={TOKEN}"], "x-auth-token": [TOKEN]},
    "marked": {"authorization": ["<redacted:authorization>"]},
}


@pytest.mark.parametrize("headers", HEADERS.values(), ids=HEADERS)
def test_a_header_is_masked_as_if_nobody_knew_its_place(headers):
    """What is masked by the place that an audit event has for it is masked as the reading of any JSON masks it."""
    record = example("audit_list_users")["record"]
    record["data"]["identity"]["credentials"] = TOKEN
    record["data"]["request"]["headers"] = headers
    text = text_of(record)
    masked, count = redact(text)
    result = mapped("audit", text)
    assert (result.artifact["raw"], result.redacted) == (masked.decode(), count)
    assert "hunter2" not in str(result.artifact)
