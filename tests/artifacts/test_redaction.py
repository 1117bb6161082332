"""Secrets are masked wherever they stand, and nothing else is touched."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.example_records import mapped

from signal_client_oci.artifacts.redaction import redact
from signal_client_oci.artifacts.secrets.hints import may_contain_secret as suspicious
from signal_client_oci.artifacts.secrets.places import Reader

CANARY = "c4naryS3cretValue0123456789"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLWNhbmFyeQ"
KEY_ID = "ocid1.tenancy.oc1..t/ocid1.user.oc1..u/20:3b:97:13"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----"
SIGNATURE = f'Signature version="1",keyId="a/b/c",algorithm="rsa-sha256",signature="{CANARY}"'

MASKED = [
    ({"Authorization": [SIGNATURE]}, "authorization"),
    ({"AUTHORIZATION": SIGNATURE}, "authorization"),
    ({"proxy-authorization": "Basic " + CANARY}, "authorization"),
    ({"identity": {"credentials": "ST$" + JWT}}, "session-token"),
    ({"credentials": CANARY}, "credentials"),
    ({"credentials": [CANARY]}, "credentials"),
    ({"token": {"issuer": "x", "value": CANARY}}, "token"),
    ({"opc-obo-token": [CANARY]}, "obo-token"),
    ({"Cookie": [f"JSESSIONID={CANARY}; lang=en"]}, "cookie"),
    ({"Set-Cookie": CANARY}, "cookie"),
    ({"x-auth-token": CANARY}, "token"),
    ({"X-CSRF-Token": [CANARY]}, "token"),
    ({"x-api-key": CANARY}, "key"),
    ({"X-Client-Secret": CANARY}, "secret"),
    ({"opc-sse-customer-key": CANARY}, "key"),
    ({"payload": {"adminPassword": CANARY}}, "password"),
    ({"privateKey": CANARY}, "private-key"),
    ({"access_token": CANARY}, "token"),
    ({"client_secret": CANARY}, "secret"),
    ({"message": f"token {PEM} end"}, "private-key"),
    ({"message": f"see ST${JWT} here"}, "session-token"),
    ({"message": f"jwt {JWT}"}, "token"),
    ({"message": f"user=bob password={CANARY} ok"}, "password"),
    ({"message": f"curl -H 'Authorization: Basic {CANARY}' https://x"}, "authorization"),
    ({"message": f"x-api-key: {CANARY}"}, "key"),
    ({"message": f"https://bob:{CANARY}@host/path"}, "password"),
    ({"url": f"https://objectstorage.x/p/{CANARY}/n/ns/b/bucket/o/obj"}, "par"),
    ({"url": f"https%3A%2F%2Fx%2Fp%2F{CANARY}%2Fn%2Fns%2Fb%2Fbucket"}, "par"),
    ({"url": f"https://x/o?X-Amz-Signature={CANARY}&X-Amz-Date=1"}, "signature"),
    ({"claims": [{"key": "authorization", "value": SIGNATURE}]}, "authorization"),
    ({"claims": [{"key": "h_opc-obo-token", "issuer": "h", "value": CANARY}]}, "obo-token"),
    ({"claims": [{"key": "h_x-api-key", "value": CANARY}, {"key": "h_cookie", "value": CANARY}]}, "cookie"),
    ({"claims": [{"value": CANARY, "key": "x-api-key"}, {"values": [CANARY], "name": "Cookie"}]}, "cookie"),
    ({"headers": [{"header": "opc-obo-token", "values": [CANARY]}]}, "obo-token"),
    ({"fields": [{"name": "password", "meta": {"type": ["text"], "size": 8}, "value": CANARY}]}, "password"),
    ({"url": f"https://x/o?X-AMZ-SIGNATURE={CANARY}"}, "signature"),
    (
        {"request": {"parameters": {"access_token": [CANARY]}}, "path": f"/x?access_token={CANARY}&b=1"},
        "token",
    ),
    (
        {"opc-principal": [json.dumps({"claims": [{"key": "authorization", "value": SIGNATURE}]})]},
        "authorization",
    ),
    ({"a": json.dumps({"b": json.dumps({"c": json.dumps({"password": CANARY})})})}, "password"),
    ({"eventName": "CreateCustomerSecretKey", "payload": {"id": "x", "key": CANARY}}, "secret"),
    ({"headers": f"{{'Authorization': ['Bearer {CANARY}'], 'Accept': ['*/*']}}"}, "authorization"),
    ({"headers": f"{{'X-Api-Key': ['{CANARY}']}}"}, "key"),
    ({"message": f'sent {{"Cookie":["a={CANARY}"]}} to x'}, "cookie"),
    ({"message": f'sent {{\\"password\\":\\"{CANARY}\\"}} to x'}, "password"),
    ({"message": f'connect with password="two words, {CANARY}" now'}, "password"),
    ({"message": f"export AWS_SECRET_ACCESS_KEY={CANARY}"}, "secret"),
    ({"payload": {"sslPrivateKey": CANARY, "tls_private_key": CANARY}}, "private-key"),
    ({"users": [{"user": {"client-key-data": CANARY}}]}, "private-key"),
    ({"payload": {"secretContent": {"contentType": "BASE64", "content": CANARY}}}, "secret"),
    ({"payload": {"secretBundleContent": {"content": CANARY}}}, "secret"),
    ({"xApiKey": CANARY, "OPENAI_API_KEY": CANARY}, "key"),
    (
        {"headers": [["Authorization", f"Bearer {CANARY}"]], "value": f"bearer  {CANARY}==", "name": "x"},
        "token",
    ),
    ({"bypasscode": CANARY, "passcode": CANARY}, "password"),
    ({"uri": f"https://x/cb?state=1%26jwt%3D{JWT}"}, "token"),
    ({"uri": f"/saml?t=ST%24{JWT}"}, "token"),
]


@pytest.mark.parametrize(("record", "kind"), MASKED, ids=range(len(MASKED)))
@pytest.mark.parametrize(
    "write", [json.dumps, lambda record: json.dumps(record, indent=2)], ids=["dense", "indented"]
)
def test_a_secret_is_masked_by_its_kind(record, kind, write):
    """Each kind of secret gives way to its marker, the JSON stays valid, and a second time changes nothing."""
    text, count = redact(write(record).encode())
    assert json.loads(text)
    assert f"<redacted:{kind}>".encode() in text
    assert CANARY.encode() not in text
    assert JWT.encode() not in text
    assert b"1234567890" not in text
    assert count >= 1
    assert redact(text) == (text, 0)


LEFT = [
    {"identity": {"credentials": KEY_ID}, "failedPassword": 7, "passwordExpired": True, "pwd": "/root"},
    {"credentials": None, "password": "", "token": None, "isPasswordSet": True},
    {"message": "Authorization failed or requested resource not found."},
    {"opc-retry-token": "r1", "nextToken": "n1", "opc-next-page": "p1", "pageToken": 3},
    {"secretId": "ocid1.vaultsecret.oc1..x", "x-kms-key": "ocid1.key.oc1..y", "secret": {"name": "db"}},
    {"tags": [{"key": "Owner", "value": "alice"}], "keyId": "k", "publicKey": "ssh-rsa AAAA"},
    {"eventName": "ListAuthTokens", "eventType": "com.oraclecloud.identityControlPlane.CreateAuthToken"},
    {"message": "Failed password for root from 203.0.113.5", "path": "/p/17/n/x"},
    {"password": "<redacted:password>"},
    {"eventName": "CreateCustomerSecretKey", "tags": [{"key": "Owner"}]},
    {"credentials": "None", "password": "null", "token": "", "secret": "None"},
    {
        "message": "the bearer token has expired",
        "securitySchemes": "bearer authentication",
        "name": "forbearer x",
    },
    {"needsPassword": "false", "message": "password=None"},
    {
        "message": "sudo: alice : TTY=pts/0 ; PWD=/home/alice ; USER=root ; COMMAND=/usr/bin/id",
        "env": "OLDPWD=/tmp",
    },
    {
        "tokenCount": 5,
        "fileName": "password-policy.pdf",
        "keyId": "ocid1.key.oc1.iad.x",
        "opc-idempotency-token": "i1",
    },
]


@pytest.mark.parametrize("record", LEFT, ids=range(len(LEFT)))
def test_what_is_no_secret_is_left(record):
    """Words that only sound like secrets, empty values and OCIDs stay, and the text is the same object."""
    text = json.dumps(record).encode()
    assert redact(text) == (text, 0)


def test_a_secret_that_is_written_like_a_time_leaves_the_times():
    """The time of an event stays a time, also where the credentials of the same event are that very text."""
    time = "2026-03-04T09:15:27.348Z"
    event = {"eventTime": time, "data": {"eventName": "GetUser", "identity": {"credentials": time}}}
    result = mapped("audit", event)
    assert result.redacted == 1
    assert result.artifact["metadata"]["startTimeUTC"] == time


def test_a_mark_that_begins_in_another_is_seen():
    """What a sentence about a password seems to begin hides no credentials that stand in it."""
    text = b'{"m":"Failed password for invalid user Basic YWRtaW46YWRtaW4= from 203.0.113.9 x=1"}'
    masked = text.replace(b"YWRtaW46YWRtaW4=", b"<redacted:authorization>")
    assert redact(text) == (masked, 1)


def test_a_failed_sign_in_sets_no_password():
    """Only a statement that sets a password for a user has one behind its sign; a log line has evidence there."""
    text = json.dumps({"m": 'Failed password for invalid user bob, rule="c0bc4d584abb0ba1" from 203.0.113.9'})
    assert redact(text.encode()) == (text.encode(), 0)
    statement = json.dumps({"m": "SET PASSWORD FOR 'bob'@'%' = 'c0bc4d584abb0ba1'"})
    assert b"c0bc4d584abb0ba1" not in redact(statement.encode())[0]


def test_everything_else_stays_byte_for_byte():
    """White space, escapes, numbers beyond 2^53 and doubled keys around a secret are untouched."""
    before = b'{ "n" : 12345678901234567890.10, "u":"\\u00e9\\/", "n":1e400,\r\n\t"token"\t:\t"'
    after = b'" , "x" : "\xc3\xa9 \\ud83d\\ude00" }'
    assert redact(before + b"s3cr3t" + after) == (before + b"<redacted:token>" + after, 1)


def test_a_nested_string_keeps_its_own_escapes():
    """Only the secret inside a string of JSON is replaced; the escapes around it stay as they were."""
    text = b'{"h":["{\\"a\\":\\"x\\\\u0041\\\\/\\",\\"password\\":\\"p\\\\\\"w\\",\\"z\\":1}"]}'
    masked = b'{"h":["{\\"a\\":\\"x\\\\u0041\\\\/\\",\\"password\\":\\"<redacted:password>\\",\\"z\\":1}"]}'
    assert redact(text) == (masked, 1)
    assert json.loads(json.loads(masked)["h"][0])["password"] == "<redacted:password>"


def test_keys_written_with_escapes_are_known():
    """A key's name counts, not how it is spelled."""
    assert redact(b'{"\\u0041uthoriz\\u0061tion":"x y","p\\u0061ssword":"q"}') == (
        b'{"\\u0041uthoriz\\u0061tion":"<redacted:authorization>","p\\u0061ssword":"<redacted:password>"}',
        2,
    )


def test_a_number_stays_a_number():
    """A password that is a number gives way to zero, so that the JSON keeps its types."""
    assert redact(b'{"password":1234567890,"failedPassword":7777}') == (
        b'{"password":0,"failedPassword":7777}',
        1,
    )


def test_secrets_are_counted():
    """Every value that is masked counts once."""
    text, count = redact(b'{"cookie":["k=x","k=y"],"x":{"token":"t","m":"password=x1 password=x2"}}')
    assert count == 5
    assert text.count(b"<redacted:") == 5


def test_clean_text_comes_back_as_the_same_object():
    """A text without a suspicious sequence is not copied."""
    text = json.dumps({"eventName": "GetInstance", "identity": {"credentials": None}}).encode()
    assert redact(text)[0] is text


BROKEN = [
    b'{"password":"' + CANARY.encode(),
    b"{garbage ST$" + JWT.encode() + b' "unclosed password=' + CANARY.encode(),
    b'{"token":"' + CANARY.encode() + b'","bad":"\x01\xff"}',
    b'{"password":' + b"[" * 5000 + b'"' + CANARY.encode() + b'"',
    b"password=" + CANARY.encode(),
]


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_text_that_is_no_json_is_masked_too(text):
    """A record that cannot be read does not give its secrets away."""
    masked, count = redact(text)
    assert CANARY.encode() not in masked
    assert JWT.encode() not in masked
    assert count >= 1


@settings(deadline=None)
@given(st.binary())
@pytest.mark.slow
def test_any_bytes_are_taken(text):
    """Redaction never raises, and what it made it leaves."""
    masked, _ = redact(text)
    again, count = redact(masked)
    assert (again, count) == (masked, 0)


KEYS = st.sampled_from(
    ["password", "Authorization", "x-api-key", "credentials", "cookie", "token", "key", "value", "a"]
)
SECRETS = st.sampled_from([CANARY, f"password={CANARY}", "ST$" + CANARY, "authorization", "harmless", ""])
RECORDS = st.recursive(
    SECRETS | st.text(max_size=5) | st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3) | inner.map(json.dumps)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(RECORDS)
@pytest.mark.slow
def test_json_stays_valid_and_keeps_its_shape(record):
    """Whatever the nesting, the masked text is JSON of the same shape and a second time changes nothing."""
    masked, _ = redact(json.dumps(record).encode())
    assert _shape(json.loads(masked)) == _shape(record)
    assert redact(masked) == (masked, 0)


def _shape(value):
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in value.items()}
    return [_shape(inner) for inner in value] if isinstance(value, list) else None


_pieces = st.sampled_from(
    [
        *[
            "token",
            "cookie",
            "cookie2",
            "Set-Cookie",
            "key",
            "x-api-key",
            "x-a-secret",
            "password",
            "PassWd",
            "passphrase",
            "passcode",
            "PWD",
        ],
        *[
            "authorization",
            "opc-obo-token",
            "secret",
            "secretContent",
            "credentials",
            "privateKey",
            "client-key-data",
            "KEY-----",
        ],
        *[
            "-----BEGIN",
            "RSA",
            "PRIVATE",
            "KEY-----",
            "createCustomerSecretKey",
            "payload",
            "ST$",
            "eyJ",
            "signature=",
            "name",
            "value",
        ],
        *[
            "/p/",
            "/n/",
            "/b/",
            "%2Fp%2F",
            "\\/p\\/",
            "://",
            ":",
            "@",
            "=",
            '"',
            '\\"',
            "'",
            ",",
            "{",
            "}",
            "[",
            "]",
            "\\",
            "\\u0070",
            "null",
            "None",
            "true",
            "7",
            "-",
            "_",
            "x",
        ],
        " ",
        '"token":"',
        '":"',
        '":["',
        '\\":\\"',
        '":null',
        '":""',
        "a1b2c3d4e5f6a7b8.c9d0e1f2a3b4c5d6",
        "\u212a",
    ]
)


@pytest.mark.slow
@given(st.lists(_pieces, max_size=12).map("".join))
@settings(max_examples=500, deadline=None)
def test_the_quick_look_never_passes_over_what_would_be_masked(text):
    """A text that is said to hold no secret has none that a close reading would find."""
    raw = text.encode()
    if not suspicious(raw):
        assert not Reader(raw, 0, customer_key=False).spans()


@pytest.mark.parametrize(("record", "kind"), MASKED, ids=range(len(MASKED)))
@pytest.mark.parametrize("write", [json.dumps, lambda record: json.dumps(json.dumps(record))])
def test_the_quick_look_sees_every_kind(record, kind, write):
    """Each kind of secret makes a record suspicious by itself, also inside a string of JSON."""
    assert kind
    assert suspicious(write(record).encode())
