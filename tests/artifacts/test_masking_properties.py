"""Whatever the text: masking twice is masking once, nobody is forgotten, and the work grows no faster than the text."""

from __future__ import annotations

import json
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.cases import check_each
from support.example_records import NAMES, ORIGIN, example, mapped
from support.masking_records import artifact_of, records, text_of
from test_any_json import paths_of, replaced

from signal_client_oci.artifacts.audit import record as audit
from signal_client_oci.artifacts.redaction import redact, redact_value
from signal_client_oci.artifacts.secrets import places as secret_places

ENTRIES = records("secrets") + records("evidence")
BAITS = [
    "cookie=x",
    "authorization:x",
    "authorization: Basic x",
    "-----BEGIN PRIVATE KEY-----",
    "password=",
    "password: ",
    'password="',
    "token='",
    "--password",
    "Bearer ",
    "ST$admin",
    "curl -u a:",
    "IDENTIFIED BY ",
    '{"password":"',
    "<redacted:password>",
    "eyJhIjoi",
    "https://a:b@",
    "echo x | sudo -S",
]
WORDS = st.sampled_from(
    [
        *BAITS,
        *(f" {sign} " for sign in "=:,;&|<>"),
        *"=:,;&|<>\"'`\\{}[]()@/%$-_.\n\t ",
        *(
            "user",
            "alice",
            "203.0.113.9",
            "S3cret.Passw0rd!",
            "ghp_0123456789abcdefABCDEF0123456789abcd",
            "key",
            "value",
        ),
        *(
            "Authorization",
            "Cookie",
            "Set-Cookie",
            "x-api-key",
            "adminPassword",
            "client_secret",
            "kind",
            "Secret",
            "data",
        ),
        *(
            "Signature keyId=",
            "signature=",
            "%3D",
            "%26",
            "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC",
            "-----END PRIVATE KEY-----",
        ),
        *(
            "mysql -pS3cretX1",
            "sshpass -p",
            "net user bob",
            "user_data",
            "I2Nsb3VkLWNvbmZpZw==",
            "cGFzc3dvcmQ9UzNjcmV0WDE=",
            "null",
        ),
    ]
)
TEXTS = st.lists(WORDS, max_size=14).map("".join)
WHO_AND_WHENCE = (
    "userName",
    "clientIP",
    "clientPort",
    "serverIP",
    "serverPort",
    "streamName",
    "messageType",
    "action",
    "oci.status",
    "oci.outcome",
)


@pytest.mark.slow
def test_masking_a_record_twice_is_masking_it_once():
    """What was masked has nothing left to mask, neither the text nor a value of the metadata."""
    check_each(mask_twice, ((entry["name"], entry) for entry in ENTRIES))


def mask_twice(entry):
    """Mask an entry's record, and what came of it."""
    artifact = artifact_of(entry).artifact
    raw = artifact["raw"].encode()
    assert redact(raw) == (raw, 0)
    for value in artifact["metadata"].values():
        if isinstance(value, str):
            assert redact_value(value.encode()) == (value.encode(), 0)


@pytest.mark.slow
@given(TEXTS)
@settings(max_examples=150)
def test_masking_a_text_twice_is_masking_it_once(text):
    """There is no text, plain or in JSON, in which a second look would find what the first one left."""
    plain, _ = redact_value(text.encode())
    assert redact_value(plain) == (plain, 0)
    broken, _ = redact(text.encode())
    assert redact(broken) == (broken, 0)
    record, _ = redact(json.dumps({"m": text, text: "v"}).encode())
    assert redact(record) == (record, 0)
    assert json.loads(record)


@pytest.mark.slow
@given(name=st.sampled_from(NAMES), bait=TEXTS, data=st.data())
@settings(max_examples=150)
def test_masking_never_hides_who_and_from_where(name, bait, data):
    """Whatever somebody writes into a field, who, from where, what and with which outcome are as without masking."""
    given_record = example(name)
    path = data.draw(st.sampled_from(list(paths_of(given_record["record"]))))
    record = replaced(given_record["record"], path, bait)
    plain = type(ORIGIN)(
        ORIGIN.instance, ORIGIN.tenancy_ocid, ORIGIN.region, redact=False, read_at=ORIGIN.read_at
    )
    masked, unmasked = (
        mapped(given_record["source"], record),
        mapped(given_record["source"], record, origin=plain),
    )
    assert masked.artifact["id"] == unmasked.artifact["id"]
    assert set(masked.artifact["metadata"]) == set(unmasked.artifact["metadata"])
    for field in WHO_AND_WHENCE:
        before, after = (one.artifact["metadata"].get(field) for one in (unmasked, masked))
        if before != after:  # the field holds the bait itself, which is masked in it
            assert isinstance(before, str)
            assert field != "clientIP"
            assert (
                redact_value(before.encode())[0].decode() == after
                or "logged " in before
                or "<redacted" in after
                or "PHJlZGFjdGVk" in after  # a mask in base64
            )


@given(st.integers(0, len(ENTRIES) - 1))
@settings(max_examples=60, deadline=None)
@pytest.mark.slow
def test_what_the_structure_tells_is_masked_as_the_general_reading_does(index):
    """The quick way for session tokens and headers of audit events gives the very text that the slow one gives."""
    entry = ENTRIES[index]
    if entry["source"] == "audit":
        text = text_of(entry)
        assert artifact_of(entry).artifact["raw"].encode() == redact(text)[0]


@pytest.mark.parametrize("value", [",", ":", ":null,", "],", "alice@example.com", "null", "203.0.113.24"])
@pytest.mark.parametrize("header", ["cookie", "Authorization", "x-auth-token"])
def test_a_header_that_is_masked_masks_nothing_else(header, value):
    """Whatever a caller sends as a secret header, no other string or sign that reads the same is touched."""
    event = example("audit_update_security_list")["record"]
    event["data"]["request"]["headers"] = {header: [value], "x-seen": [value]}
    event["data"]["identity"]["principalName"] = value
    text = json.dumps(event, separators=(",", ":")).encode()
    raw = audit.read_audit_event(text, ORIGIN).to_artifact().artifact["raw"]
    assert raw.encode() == redact(text)[0]
    after = json.loads(raw)
    after["data"]["request"]["headers"][header] = [value]
    assert after == event


def test_the_quick_way_is_taken(monkeypatch):
    """An audit event with a session token and signed headers is never read string by string."""
    event = example("audit_update_security_list")["record"]
    event["data"]["identity"]["credentials"] = "ST$" + "eyJraWQiOiJhc3cifQ.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
    event["data"]["request"]["headers"] = {
        "authorization": ['Signature version="1",keyId="ST$a.b.c0123456789",signature="c2lnQQ=="']
    }
    monkeypatch.setattr(secret_places, "Reader", None)
    result = audit.read_audit_event(json.dumps(event).encode(), ORIGIN).to_artifact()
    assert result.redacted == 3
    assert "c2ln" not in json.dumps(result.artifact)


HARD = {
    "heads of tokens": lambda n: b'"' + b"eyJ" * n + b'"',
    "escapes": lambda n: b'{"a":"' + b"\\n" * n + b'token=1"}',
    "open brackets": lambda n: b"[" * n + b"token",
    "nested passwords": lambda n: b'{"password":' * n,
    "quotes": lambda n: b'{"a":"' + b'token"' * n,
    "users of URLs": lambda n: b'"' + b"://a:" * n + b'@"',
    "names of values": lambda n: b'{"key":"token",' * n,
    "values before names": lambda n: b'{"value":"x","key":"password"},' * n,
    "escaped quotes": lambda n: b'\\"' * n + b"token",
    "escaped members": lambda n: b'{"h":"' + b'{\\"token\\":' * n + b'"}',
    "open keys": lambda n: b'"' + b"-----BEGIN RSA PRIVATE KEY-----" * n + b'"',
    "kubernetes": lambda n: b'{"kind":"Secret","data":{' * n,
    "options": lambda n: b'"' + b"--password " * n + b'"',
    "commands": lambda n: b'"' + b"mysql -p " * n + b'"',
    "lists of commands": lambda n: b"[" + b'"mysql",' * n + b'"x"]',
    "cookies": lambda n: b'{"Cookie":"' + b"a=b; " * n + b'"}',
    "cookies in text": lambda n: b'"' + b"cookie: a=12345678; " * n + b'"',
    "signatures": lambda n: b'{"authorization":"Signature ' + b"a=b," * n + b'"}',
    "closing brackets": lambda n: b'"password=' + b")" * n + b'"',
    "separators": lambda n: b'"password=' + b"&;,|<" * n + b'"',
    "pipes": lambda n: b'"' + b"echo a | " * n + b'"',
    "base64 of base64": lambda n: b'"' + b"cGFzc3dvcmQ9" * n + b'"',
    "backslashes": lambda n: b'"password=' + b"\\\\" * n + b'"',
    "blanks": lambda n: b'"password:' + b" " * n + b'x"',
    "auditd": lambda n: b'"type=EXECVE ' + b'a0=\\"mysql\\" ' * n + b'"',
    "folded lines": lambda n: b'"Authorization: Basic' + b"\\r\\n " * n + b'"',
    "backslashes behind users": lambda n: b'"chpasswd: list:' + b"\\\\" * n + b'"',
    "words without a pipe": lambda n: b'"' + b"echo " * n + b'|"',
    "slashes behind a pipe": lambda n: b'"' + b"echo a |" * n + b"/" * n + b'"',
    "signatures of letters": lambda n: b'"' + b"signature=" * n + b'"',
    "basic words": lambda n: b'"' + b"basic+" * n + b'"',
    "headers of keys": lambda n: b'"' + b"-----BEGIN RSA PRIVATE KEY-----\\nVersion:" * n + b'"',
    "commands in commands": lambda n: b'"' + b"sshpass -p$" * n + b'"',
    "commands of networks": lambda n: b'"' + b"net use , " * n + b'"',
    "commands in URLs": lambda n: b'"' + b"command=-&" * n + b'"',
    "paths of cookies": lambda n: b'"' + b"cookie:path=" * n + b'"',
    "open authorizations": lambda n: b'"' + b"authorization=)" * n + b'"',
    "references in references": lambda n: b'"' + b"token=file:/)" * n + b'"',
    "tags of sudoers": lambda n: b'"' + b"passwd=ALL)" * n + b'"',
    "lists of secrets": lambda n: b'"data":{"kind":"SecretList"' * n,
    "kinds in one object": lambda n: b"{" + b'"kind":"Secret",' * n + b'"data":{"a":"b"}}',
    "names in one object": lambda n: b"{" + b'"key":"token",' * n + b'"value":"x"}',
    "names without commas": lambda n: b'{"credentials":"ST$aaaaaaaaaaaaaaaaaaaa","a":' + b'"key":"token"' * n,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", HARD)
@pytest.mark.sampled(4)
def test_the_work_grows_no_faster_than_the_text(name):
    """Four times the text takes four times the steps, each of which looks at a bounded stretch or at new text."""
    text_of_size = HARD[name]
    small, large = (steps(text_of_size(times)) for times in (150, 600))
    assert large < 5 * small + 500


@pytest.mark.slow
@pytest.mark.parametrize("name", HARD)
@pytest.mark.sampled(4)
def test_time_grows_no_faster_than_the_text(name):
    """Eight times the text takes about eight times the processor time, which expressions spend without any call."""
    text_of_size = HARD[name]
    eighth, whole = (seconds(text_of_size(times)) for times in (250, 2_000))
    assert whole < 24 * eighth + 0.02  # linear is 8 times, quadratic 64


def seconds(text: bytes) -> float:
    """Return the processor time of masking; the best of some, where one is so short that anything would disturb it."""
    taken: list[float] = []
    while len(taken) < 3 and sum(taken) < 0.02:
        start = time.thread_time()
        redact(text)
        taken.append(time.thread_time() - start)
    return min(taken)


def steps(text: bytes) -> int:
    """Count the calls that masking a text takes, those of the interpreter's own functions included."""
    count = 0

    def note(_frame, event, _function):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        redact(text)
    finally:
        sys.setprofile(None)
    return count
