"""Promise 13: no secret in any log record, repr, exception, traceback, report, checkpoint, artifact or file."""

import gc
import json
import logging
import re
import tempfile
import traceback
from functools import cache
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from support.world import HOME, Instance

from signal_client_oci.oci_api.client import Client
from signal_client_oci.oci_api.transport import Transport
from signal_client_oci.plugin import signal_client_validate_connection
from signal_client_oci.sandbox.data.keys import shared_private_key_pem

PASSPHRASE = "canary-passphrase-9d1f"
PROXY_PASSWORD = "canary-proxy-5c2e"
TOKEN = "ST$eyJraWQiOiJhc3dfY2FuYXJ5In0.Y2FuYXJ5LXRva2VuLWJvZHk.c2lnbmF0dXJlLWNhbmFyeQ"
PIECE = 16  # characters of a key's text that nobody may see
HEADER = 'Signature version="1",keyId="a/b/c",signature="Y2FuYXJ5LWhlYWRlci1zaWduYXR1cmU="'


class Everything:
    """Collects all that anybody could read: log records, texts of exceptions, and what is added by hand."""

    def __init__(self):
        self.texts = set()
        self.signatures = set()

    def add(self, *texts):
        """Add what was shown somewhere."""
        self.texts.update(map(str, texts))

    def held(self, canaries):
        """Return those canaries that are somewhere in it, in whatever case."""
        text = "\n".join(self.texts).lower()
        return [canary for canary in canaries if canary.lower() in text]


@cache
def _encrypted_pem():
    key = load_pem_private_key(shared_private_key_pem(0).encode(), None)
    encryption = BestAvailableEncryption(PASSPHRASE.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


@cache
def _canaries():
    """Return every piece of every secret that would be worth something to a finder; opening a key takes a moment."""
    pems = (shared_private_key_pem(0), shared_private_key_pem(1), _encrypted_pem())
    lines = [line for pem in pems for line in pem.split("\n") if "-----" not in line]
    numbers = load_pem_private_key(shared_private_key_pem(0).encode(), None).private_numbers()
    found = {line[at : at + PIECE] for line in lines for at in range(0, len(line) - PIECE, PIECE)}
    found |= {PASSPHRASE, PROXY_PASSWORD, TOKEN, TOKEN[3:], "Y2FuYXJ5LWhlYWRlci1zaWduYXR1cmU="}
    found |= {str(numbers.d), f"{numbers.p:x}", str(numbers.q)}
    return frozenset(found)


class _Tap(logging.Handler):
    def __init__(self, everything):
        super().__init__(logging.DEBUG)
        self._everything = everything
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s %(pathname)s"))

    def emit(self, record):
        self._everything.add(self.format(record), repr(record.args), repr(record.__dict__.get("exc_text")))


@pytest.fixture
def everything(monkeypatch, tmp_path, capfd):
    """Everything that a poll lets out, with every logger at DEBUG and a directory of its own for files."""
    collected = Everything()
    tap = _Tap(collected)
    loggers = [
        logging.getLogger(),
        *(logging.getLogger(name) for name in ("oci", "urllib3", "signal_client_oci")),
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(tap)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    _tap_requests(monkeypatch, collected)
    yield collected
    logging.getLogger().removeHandler(tap)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    for path in Path(tmp_path).rglob("*"):
        collected.add(path.name, path.read_bytes().decode("latin-1") if path.is_file() else "")
    collected.add(*capfd.readouterr())
    leaked = [canary[:6] for canary in collected.held(_canaries() | collected.signatures)]
    assert not leaked


def _tap_requests(monkeypatch, collected):
    """Note the signatures that are sent, and how the exceptions of failed requests would print."""
    send, call = Transport.send, Client.call

    def noting(transport, request, *args, **kwargs):
        header = request.headers["authorization"]
        collected.signatures |= set(
            re.findall(r'signature="([^"]+)"', header if isinstance(header, str) else header.decode())
        )
        return send(transport, request, *args, **kwargs)

    def telling(client, *args, **kwargs):
        try:
            return call(client, *args, **kwargs)
        except Exception as error:
            collected.add(
                str(error), repr(error), repr(error.args), "".join(traceback.format_exception(error))
            )
            raise

    monkeypatch.setattr(Transport, "send", noting)
    monkeypatch.setattr(Client, "call", telling)


def _look_at(everything, instance, report):
    """Add what a poll left behind: reports, checkpoint, artifacts, and the repr of every object of ours."""
    everything.add(json.dumps(report), instance.stored.decode(), json.dumps(instance.published))
    for one in gc.get_objects():
        if _is_ours(type(one)):
            everything.add(repr(one), one)


@cache
def _is_ours(kind):
    module = str(kind.__module__)
    return module.startswith("signal_client_oci") and ".sandbox" not in module


def _emit_secrets(tenancy):
    tenancy.emit_audit_event(
        HOME,
        tenancy.ocid,
        credentials=TOKEN,
        request_headers={
            "Authorization": [HEADER],
            "opc-obo-token": [TOKEN],
            "opc-principal": [json.dumps({"t": TOKEN})],
        },
        response_headers={"x-auth-token": [TOKEN]},
    )
    tenancy.emit_log_record(
        HOME, tenancy.ocid, payload={"message": f"token {TOKEN}", "authorization": HEADER}
    )
    tenancy.add_problem(additional_details={"token": TOKEN}, description=f"see {TOKEN}")


def test_a_healthy_poll_shows_no_secret(world, everything):
    """Events that hold tokens and signatures are delivered without them, and nothing else leaks on the way."""
    tenancy = world.tenancy()
    instance = Instance(tenancy, private_key=_encrypted_pem(), private_key_passphrase=PASSPHRASE)
    _emit_secrets(tenancy)
    report = instance.catch_up(polls=2)
    assert report["status"] == "ok"
    assert len(instance.published) == 3
    assert sum(one["counts"].get("redacted", 0) for one in instance.reports[0]["sources"].values()) >= 3
    assert everything.signatures
    _look_at(everything, instance, instance.reports)


FAULTS = {
    "401": {"status": 401},
    "400": {"status": 400},
    "500": {"status": 500},
    "html": {"kind": "html"},
    "reset": {"kind": "reset"},
    "truncated": {"kind": "truncated"},
    "redirect": {"kind": "redirect"},
    "hang": {"kind": "hang"},
    "echo": {"status": 400, "message": "refused"},
}


@pytest.mark.parametrize("name", FAULTS)
@pytest.mark.sampled(3)
def test_a_failing_poll_shows_no_secret(world, everything, monkeypatch, name):
    """Whatever the service answers, neither the exceptions nor the report quote the request's signature."""
    monkeypatch.setattr("signal_client_oci.oci_api.transport.READ_SECONDS", 0.1)
    tenancy = world.tenancy()
    world.fault(**FAULTS[name])
    instance = Instance(tenancy, private_key=_encrypted_pem(), private_key_passphrase=PASSPHRASE)
    report = instance.poll()
    assert report["status"] == "failed"
    _look_at(everything, instance, report)
    everything.add(signal_client_validate_connection("oci-cloud", instance.settings))


WRONG = {
    "wrong passphrase": {"private_key_passphrase": PASSPHRASE + "x"},
    "no passphrase": {"private_key_passphrase": ""},
    "another key": {"private_key": shared_private_key_pem(1)},
    "half a key": {"private_key": shared_private_key_pem(0)[:900]},
    "a key in a list": {"private_key": [shared_private_key_pem(0)]},
    "the key as user": {"user_ocid": shared_private_key_pem(0)},
    "the key as fingerprint": {"fingerprint": shared_private_key_pem(0)},
    "the key as region": {"region": shared_private_key_pem(0)},
    "the key as query": {"logging_query": shared_private_key_pem(0)},
    "the key as template": {"endpoint_template": "https://" + PROXY_PASSWORD + "@host/{region}/{service}"},
    "the key as another region": {"additional_regions": [shared_private_key_pem(0)]},
    "the passphrase as number": {"overlap_minutes": PASSPHRASE},
    "the passphrase as field": {"unknown_field": PASSPHRASE},
    "the key as the settings": {},
}


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.sampled(4)
def test_wrong_settings_show_no_secret(world, everything, name):
    """A secret in the wrong field, or a wrong one in the right field, is not quoted by what says so."""
    tenancy = world.tenancy()
    right = {"private_key": _encrypted_pem(), "private_key_passphrase": PASSPHRASE}
    instance = Instance(tenancy, **(right | WRONG[name]))
    if name == "the key as the settings":
        instance.settings = {"tenancy_ocid": shared_private_key_pem(0), shared_private_key_pem(0): PASSPHRASE}
    report = instance.poll()
    _look_at(everything, instance, report)
    everything.add(signal_client_validate_connection("oci-cloud", instance.settings))
    assert report["status"] == "failed" or name == "the passphrase as field"


FIELDS = ["tenancy_ocid", "user_ocid", "fingerprint", "private_key", "region", "compartment_ocid"]


@pytest.mark.parametrize(
    ("field", "end"),
    [(field, "\n") for field in FIELDS]
    + list(zip(FIELDS, ["\r\n", "\x00", "\n\nX-Evil: 1"] * 2, strict=True)),
)
@pytest.mark.sampled(4)
def test_line_ends_in_fields_show_no_secret(world, everything, field, end):
    """The SDK quotes the signature header when a field ends in a line feed; here it never comes to that."""
    tenancy = world.tenancy()
    instance = Instance(tenancy)
    instance.settings[field] = (instance.settings.get(field) or tenancy.ocid) + end
    report = instance.poll()
    assert report["status"] in ("ok", "failed")
    if end.strip("\r\n") == "":
        assert report["status"] == "ok"
    _look_at(everything, instance, report)


def test_a_broken_proxy_shows_no_secret(world, everything, monkeypatch):
    """The proxy's own password, which stands in its URL, is not in what says that the proxy fails."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://user:{PROXY_PASSWORD}@127.0.0.1:9")
    instance = Instance(world.tenancy(), endpoint_template="https://oci.example.test/{region}/{service}")
    report = instance.poll()
    assert {one["error"]["code"] for one in report["sources"].values()} == {"PROXY_FAILED"}
    _look_at(everything, instance, report)


def test_a_defect_shows_no_secret(world, everything, monkeypatch):
    """The text of an exception that nobody expected is not shown: it may hold anything."""
    tenancy = world.tenancy()

    def explode(*_):
        raise RuntimeError(f"{TOKEN} {PASSPHRASE} {shared_private_key_pem(0)}")

    monkeypatch.setattr("signal_client_oci.polling.sources.audit.AuditApi.read", explode)
    monkeypatch.setattr("signal_client_oci.polling.sources.logging.LoggingApi.fetch", explode)
    tenancy.emit_audit_event(HOME, tenancy.ocid)
    world.clock.advance(minutes=2)
    instance = Instance(tenancy)
    report = instance.poll()
    assert report["status"] != "ok"
    _look_at(everything, instance, report)


def test_a_hostile_service_cannot_make_us_print_secrets(world, everything):
    """Error texts of the service are shortened, printable and on one line, and what is told is not what was sent."""
    tenancy = world.tenancy()
    for number, service in enumerate(("audit", "logging", "cloudguard")):
        world.fault(status=400, service=service, code="X" * 5000, message=f"{number}\n\x1b[31m{'y' * 9000}")
    instance = Instance(tenancy)
    report = instance.poll()
    for one in report["sources"].values():
        assert len(one["error"]["message"]) < 1000
        assert one["error"]["message"].isprintable()
    _look_at(everything, instance, report)


def test_the_environment_is_no_way_to_a_secret_in_a_file(world, everything, tmp_path):
    """Polling writes no file at all, neither key nor token nor cache."""
    instance = Instance(world.tenancy(), private_key=_encrypted_pem(), private_key_passphrase=PASSPHRASE)
    before = sorted(tmp_path.iterdir())
    instance.poll()
    assert sorted(tmp_path.iterdir()) == before == []
    _look_at(everything, instance, None)
