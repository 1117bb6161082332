"""Frames: what a crash reporter sees of our local variables, wherever an error strikes, holds no part of a secret."""

from __future__ import annotations

import base64
import copy
import dataclasses
import json
import pickle
import sys
import traceback
from functools import lru_cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from pydantic import SecretStr

import signal_client_oci
from signal_client_oci.host.instances import Instance, from_oci_profile, read_instances
from signal_client_oci.plugin import signal_client_poll, signal_client_validate_connection
from signal_client_oci.sandbox.data.keys import api_key_fingerprint, public_key_of, shared_private_key_pem
from signal_client_oci.settings.api_key import load_api_key
from signal_client_oci.settings.secrecy import HiddenBytes, HiddenText, hidden
from signal_client_oci.validation import connection_test as connection

PASSPHRASE = "canary passphrase 41d7"
PACKAGE = Path(signal_client_oci.__file__).parent


@lru_cache
def pems():
    """One key, as it comes in files and as it comes in pastes."""
    plain = shared_private_key_pem(0)
    key = load_pem_private_key(plain.encode(), None)
    lock = BestAvailableEncryption(PASSPHRASE.encode())
    return {
        "plain": plain,
        "locked": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock).decode(),
        "legacy": key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, lock).decode(),
        "bare": "".join(plain.splitlines()[1:-1]),
        "wrapped": base64.b64encode(plain.encode()).decode(),
    }


@lru_cache
def canaries():
    """Pieces of the key's text in every form, of its bytes as a repr shows them, and of the passphrase."""
    bodies = [[line for line in pem.splitlines() if not set(line) & set("-:")] for pem in pems().values()]
    texts = ["".join(lines) for lines in bodies]
    key = load_pem_private_key(pems()["plain"].encode(), None)
    der = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    texts += [repr(der[at : at + 32])[2:-1] for at in range(64, len(der), 32)]
    texts += [line for lines in bodies for line in lines]
    pieces = {text[at : at + 12] for text in texts for at in range(60, len(text) - 12, 12)}
    pieces |= {text[:12] for text in texts if len(text) > 40 and not text.startswith("MII")}
    return pieces | {PASSPHRASE, PASSPHRASE[7:]}


def given(form):
    """Settings as a host keeps them, the key in one of its forms."""
    return {
        "tenancy_ocid": "ocid1.tenancy.oc1..aaaaaaaat",
        "user_ocid": "ocid1.user.oc1..aaaaaaaau",
        "fingerprint": api_key_fingerprint(public_key_of(shared_private_key_pem(0))),
        "private_key": pems()[form],
        "private_key_passphrase": PASSPHRASE,
        "region": "us-ashburn-1",
        "endpoint_template": "http://127.0.0.1:9/{region}/{service}",
    }


def rendered(error):
    """Every frame of ours in an exception, and in what hangs on it, with its locals as their repr shows them."""
    waiting, shown = [error], []
    while waiting:
        one = waiting.pop()
        stack = traceback.TracebackException.from_exception(one, capture_locals=True).stack
        shown += [
            f"{frame.name} {frame.locals}" for frame in stack if Path(frame.filename).is_relative_to(PACKAGE)
        ]
        waiting += [link for link in (one.__cause__, one.__context__) if link is not None]
    return shown


def held(shown):
    """The functions in whose frames a piece of a secret is to be seen."""
    return [text.split()[0] for text in shown if any(piece in text for piece in canaries())]


class Struck(Exception):  # noqa: N818
    """What nobody expects."""


def strike(monkeypatch, stage):
    """Let a function of ours fail, and say what can be seen of our frames then."""
    frames = []

    def fail(*_, **__):
        frame = sys._getframe(1)
        while frame is not None:
            if Path(frame.f_code.co_filename).is_relative_to(PACKAGE):
                frames.append(f"{frame.f_code.co_name} { ({n: repr(v) for n, v in frame.f_locals.items()}) }")
            frame = frame.f_back
        raise Struck

    monkeypatch.setattr(f"signal_client_oci.{stage}", fail)
    return frames


STAGES = {
    "settings.parsing._check_size": "plain",
    "settings.parsing.is_blank": "plain",
    "settings.values.hidden": "plain",
    "settings.values.read_text": "plain",
    "settings.regions.canonical_region": "plain",
    "settings.pem._cleaned": "plain",
    "settings.pem._single_backslashes": "plain",
    "settings.pem._unwrapped": "plain",
    "settings.pem._segments": "wrapped",
    "settings.pem._Segment": "plain",
    "settings.pem._legacy_key": "legacy",
    "settings.pem._decoded": "plain",
    "settings.pem._der_key": "bare",
    "settings.pem.base64.b64encode": "legacy",
    "settings.pem.base64.b64decode": "plain",
    "settings.pem.shape_error": "bare",
    "settings.key_shape._children": "plain",
    "settings.key_shape._content_at": "plain",
    "settings.key_shape._encryption_error": "locked",
    "settings.key_shape._rsa_numbers": "plain",
    "settings.api_key._load": "plain",
    "settings.api_key._digest": "locked",
    "settings.api_key.hashlib.blake2b": "locked",
    "settings.api_key._decrypted": "locked",
    "settings.api_key.load_der_private_key": "locked",
    "settings.api_key.load_pem_private_key": "legacy",
    "settings.api_key.serialization.load_der_private_key": "plain",
    "settings.api_key.prime_bits": "locked",
    "settings.api_key._open": "locked",
    "settings.api_key._try_open": "locked",
    "settings.api_key.fingerprint_of": "locked",
    "settings.api_key.normalise_fingerprint": "plain",
}


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_frames_of_the_connection_test_hold_no_secret(stage, monkeypatch):
    """Wherever the check of settings and key fails, neither its frames nor the error's show the key."""
    seen = []
    monkeypatch.setattr("signal_client_oci.settings.api_key._valid", set())
    monkeypatch.setattr(
        connection, "internal_failure", lambda error: seen.extend(rendered(error)) or _unknown()
    )
    frames = strike(monkeypatch, stage)
    signal_client_validate_connection("oci-cloud", given(STAGES[stage]))
    assert len(frames) >= 4
    assert not held([*frames, *seen])


def _unknown():
    return connection.Failure("INTERNAL_ERROR")


@pytest.mark.slow
@pytest.mark.parametrize("stage", [*STAGES, "polling.poll.PollContext", "oci_api.client.Transport"])
def test_frames_of_a_poll_hold_no_secret(stage, monkeypatch):
    """The same for a poll, from the hook down."""
    monkeypatch.setattr("signal_client_oci.settings.api_key._valid", set())
    frames = strike(monkeypatch, stage)
    seen = []
    try:
        list(signal_client_poll("oci-cloud", "one", given(STAGES.get(stage, "locked")), None, {}))
    except Struck as error:
        seen = rendered(error)
    assert frames
    assert not held([*frames, *seen])


@pytest.mark.parametrize("form", ["plain", "locked", "legacy", "bare", "wrapped"])
@pytest.mark.parametrize("wrap", [str, SecretStr])
def test_frames_of_refused_keys_hold_no_secret(form, wrap):
    """Whatever is refused, the error's frames show nothing of it, from the first that is given the key."""
    pem = pems()[form]
    for pasted, passphrase in ((pem[:-400], PASSPHRASE), (pem, PASSPHRASE + "x"), (pem, "")):
        with pytest.raises(ValueError, match=r"[A-Z_]+: ") as caught:
            load_api_key(wrap(pasted), wrap(passphrase), "ab" * 16)
        assert not held(rendered(caught.value))


def toml(folder, text):
    """A private file of instances."""
    path = folder / "instances.toml"
    path.write_text(text)
    path.chmod(0o600)
    return path


def table(key):
    """A table with the key in it."""
    lines = [f"{name} = '''{value}'''" for name, value in given("plain").items() if name != "private_key"]
    return "\n".join(["[instances.prod]", *lines, key, ""])


FILE_STAGES = [
    "toml_file._tables",
    "toml_file._hidden",
    "toml_file._TomlInstance.read",
    "toml_file._TomlInstance._check_value",
    "toml_file._TomlInstance._one_of",
    "toml_file._TomlInstance._switch",
    "toml_file.Instance",
    "instance._Settings",
    "secret_files._mode_warnings",
]


@pytest.mark.parametrize("stage", FILE_STAGES)
def test_frames_of_reading_instances_hold_no_secret(stage, monkeypatch, tmp_path):
    """The same while a file of instances is read, with the key in the file or in one of its own."""
    (tmp_path / "key.pem").write_text(pems()["plain"])
    for key in (f"private_key = '''{pems()['plain']}'''", "private_key_file = 'key.pem'"):
        path = toml(tmp_path, table(key))
        with monkeypatch.context() as patch:
            frames = strike(patch, f"host.instances.{stage}")
            with pytest.raises(Struck) as caught:
                read_instances(path)
        assert not held([*frames, *rendered(caught.value)])


@pytest.mark.parametrize(
    "stage", ["oci_profile._profile", "oci_profile.read_key_file", "oci_profile.Instance"]
)
def test_frames_of_reading_a_profile_hold_no_secret(stage, monkeypatch, tmp_path):
    """The same for a profile of the OCI tools."""
    (tmp_path / "key.pem").write_text(pems()["plain"])
    lines = ["[DEFAULT]", *(f"{name} = x" for name in ("user", "tenancy", "fingerprint", "region"))]
    (tmp_path / "config").write_text("\n".join([*lines, "key_file = key.pem", f"pass_phrase = {PASSPHRASE}"]))
    frames = strike(monkeypatch, f"host.instances.{stage}")
    with pytest.raises(Struck) as caught:
        from_oci_profile(tmp_path / "config")
    assert not held([*frames, *rendered(caught.value)])


def test_nothing_hangs_on_a_fault_of_a_file(tmp_path):
    """The parser's own error holds the file, or the line that it stumbled over; ours comes without it."""
    (tmp_path / "config").write_text(f"[A]\n{PASSPHRASE}\n")
    for read in (
        lambda: read_instances(toml(tmp_path, table(f'private_key = "{pems()["plain"]}"'))),
        lambda: from_oci_profile(tmp_path / "config", "A"),
    ):
        with pytest.raises(ValueError, match="is not valid") as caught:
            read()
        assert caught.value.__context__ is None
        assert not held([*rendered(caught.value), f"text {caught.value!r}"])


@pytest.mark.parametrize("dump", [pickle.dumps, copy.copy, copy.deepcopy])
def test_hidden_bytes_are_not_dumped(dump):
    """Bytes that are a secret stay where they are."""
    with pytest.raises(TypeError, match="HiddenBytes holds a secret"):
        dump(HiddenBytes(b"canary"))


def test_hidden_text_is_text():
    """It compares, hashes and serialises as the text that it is, is never pickled, and its repr shows nothing."""
    secret = hidden("canary")
    assert secret == hidden(SecretStr("canary")) == "canary"
    assert json.dumps([secret]) == '["canary"]'
    assert {secret: 1}["canary"] == 1
    assert copy.deepcopy([secret])[0] is secret
    assert repr([secret, HiddenBytes(b"canary")]) == "['**********', b'**********']"
    with pytest.raises(TypeError, match="HiddenText holds a secret and cannot be pickled"):
        pickle.dumps({"private_key": HiddenText("canary")})


def test_instances_are_not_dumped():
    """Neither pickle, `copy`, `dataclasses.asdict`, `vars` nor `json` brings out the secrets of an instance."""
    one = Instance("prod", {"region": "r", "private_key": "canary", "private_key_passphrase": "canary"})
    dumps = [pickle.dumps, copy.copy, copy.deepcopy, dataclasses.asdict, lambda it: json.dumps(vars(it))]
    for dump in (*dumps, lambda it: pickle.dumps(it.settings), lambda it: pickle.dumps(dict(it.settings))):
        with pytest.raises(TypeError, match=r"holds a secret|not JSON serializable"):
            dump(one)
    assert "canary" not in f"{one} {vars(one)} {one.settings} {dict(one.settings)}"
    assert one.with_settings(region="s").settings == {**one.settings, "region": "s"}
    assert one.settings["private_key"] == "canary"
