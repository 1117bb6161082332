"""Promise 14: no setting and no answer sends a signed request anywhere but to the endpoint it is for."""

import json
import socket
import ssl
import threading
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.redirect_target import unvisited_target
from support.world import HOME, Instance, codes, emit_everywhere, key_of

from signal_client_oci.oci_api.operations import search_query
from signal_client_oci.oci_api.transport import Transport
from signal_client_oci.plugin import signal_client_validate_connection
from signal_client_oci.sandbox.data.keys import shared_private_key_pem
from signal_client_oci.sandbox.services.search_query import parse_query
from signal_client_oci.settings.model import SettingsError, parse_settings

FOREIGN_REGIONS = [
    "evil.example.com",
    "us-ashburn-1.evil.example.com",
    "us-ashburn-1/../../evil",
    "us-ashburn-1/",
    "//evil.example.com",
    "us-ashburn-1@evil.example.com",
    "us-ashburn-1#",
    "us-ashburn-1?x=",
    "us-ashburn-1:8443",
    "us-ashburn-1\\evil",
    "us-ashburn-1 evil",
    "us-ashburn-1\tevil",
    "us-ashburn-1\x00",
    "us-ashburn-1%2eevil",
    "\uff55s-ashburn-1",
    "mars-1",
    "..",
]
FOREIGN_TEMPLATES = [
    "http://evil.example.com/{region}/{service}",
    "http://127.0.0.1.evil.example.com/{region}/{service}",
    "http://localhost.evil.example.com/{region}/{service}",
    "http://0x7f000001.evil/{region}/{service}",
    "ftp://127.0.0.1/{region}/{service}",
    "file:///etc/{region}/{service}",
    "//evil.example.com/{region}/{service}",
    "https://user:password@evil.example.com/{region}/{service}",
    "https://127.0.0.1@evil.example.com/{region}/{service}",
    "http://127.0.0.1:80@evil.example.com/{region}/{service}",
    "http://127.0.0.1\\@evil.example.com/{region}/{service}",
    "http://127.0.0.1#@evil.example.com/{region}/{service}",
    "http://127.0.0.1?@evil.example.com/{region}/{service}",
    "https://evil.example.com/{region}/{service}?to=",
    "https://evil.example.com/{region}/{service}#",
    "https://evil.example.com/{region}/../{service}",
    "https://{region}",
    "https://evil.example.com/{tenancy}/{region}/{service}",
    "https://evil.example.com/{region.__class__}/{service}",
    "http://127.0.0.1/{region}/{service}\r\nX-Evil: 1",
    "http://169.254.169.254/{region}/{service}",
    "javascript:{region}{service}",
]
FOREIGN_OCIDS = [
    'ocid1.tenancy.oc1..aaaa" | search "ocid1.tenancy.oc1..bbbb',
    "ocid1.tenancy.oc1..aaaa\r\nX-Evil: 1",
    "ocid1.tenancy.oc1..aaaa/../../evil",
    "ocid1.tenancy.oc1..aaaa?x=1",
    "ocid1.tenancy.oc1..aaaa\x00",
    "ocid1.tenancy.oc1..aaaa\u2028b",
    "ocid1.tenancy.oc1..aa aa",
    "../../evil",
]


@pytest.fixture
def hosts(monkeypatch):
    """The hosts that anything signed is prepared for, whatever becomes of it."""
    reached = set()
    send = Transport.send

    def noting(transport, request, **kwargs):
        reached.add(urlsplit(request.url).hostname)
        return send(transport, request, **kwargs)

    monkeypatch.setattr(Transport, "send", noting)
    return reached


def _assert_refused(world, instance, field):
    """Both hooks name the field, and no request was made by either."""
    report = instance.poll()
    assert report["status"] == "failed"
    assert codes(report) == {"SETTINGS_INVALID"}
    answer = signal_client_validate_connection("oci-cloud", instance.settings)
    assert field in answer["field_errors"]
    assert answer["ok"] is False
    assert not world.sandbox.requests


@pytest.mark.parametrize("region", FOREIGN_REGIONS)
def test_a_region_cannot_name_a_host(world, hosts, region):
    """A region is one that the SDK knows; everything else is refused before anything is signed."""
    tenancy = world.tenancy()
    _assert_refused(world, Instance(tenancy, region=region), "region")
    _assert_refused(world, Instance(tenancy, additional_regions=[region]), "additional_regions")
    assert not hosts


@pytest.mark.parametrize("template", FOREIGN_TEMPLATES)
def test_an_endpoint_template_is_https_or_loopback(world, hosts, template):
    """Neither another scheme, nor user info, nor a query, nor another host's name in disguise."""
    _assert_refused(world, Instance(world.tenancy(), endpoint_template=template), "endpoint_template")
    assert not hosts


@pytest.mark.parametrize("ocid", FOREIGN_OCIDS)
@pytest.mark.parametrize("field", ["tenancy_ocid", "user_ocid", "compartment_ocid"])
def test_an_ocid_is_only_an_ocid(world, hosts, field, ocid):
    """Nothing in an OCID can end a header, a path, a query parameter or a search scope."""
    ocid = ocid.replace("tenancy", field.removesuffix("_ocid"))
    _assert_refused(world, Instance(world.tenancy(), **{field: ocid}), field)
    assert not hosts


QUERIES_THAT_LEAVE = [
    '| search "ocid1.tenancy.oc1..other"',
    'where a = 1 | search "ocid1.tenancy.oc1..other"',
    "where a = 'x' | union [ search \"ocid1.tenancy.oc1..other\" ]",
    ', "ocid1.tenancy.oc1..other"',
    '"ocid1.tenancy.oc1..other"',
    "where a = 'x\\' | search \"ocid1.tenancy.oc1..other\"",
    "where a = 'x",
    'where a = "x',
    "where a = 'x' | summarize count()",
    "where a = 'x' | top 1 by datetime",
    "where a = 'x' | sort by datetime desc",
    "where a = 'x' | select datetime",
    "where a = 'x' | dedup datetime",
    "search",
    "where a = 'x'\nsearch b",
    "where a = 'x'\x00",
]


@pytest.mark.parametrize("query", QUERIES_THAT_LEAVE)
def test_a_logging_query_stays_in_its_scope(world, query):
    """No clause starts another search, reorders, cuts or reshapes what the scope gives."""
    _assert_refused(world, Instance(world.tenancy(), logging_query=query), "logging_query")


_PIECES = st.sampled_from(
    [
        "where",
        "search",
        "|",
        "'",
        '"',
        "\\",
        "\\'",
        "a",
        " ",
        "=",
        "and",
        "(",
        ")",
        "[",
        "]",
        "\n",
        ",",
        "ocid1.x",
        "--",
        "/*",
        "{",
    ]
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(_PIECES, max_size=14).map("".join))
def test_whatever_the_clause_the_query_has_one_search(clause):
    """Of any clause that is accepted, the stages of the whole query are ours, and the quoted scope is the given one."""
    try:
        accepted = parse_settings(_SETTINGS | {"logging_query": clause}).logging_query
    except SettingsError:
        return
    query = search_query(["ocid1.compartment.oc1..mine"], accepted)
    stages = _stages(query)
    assert stages[0] == 'search "ocid1.compartment.oc1..mine"'
    assert stages[-1] == "sort by datetime asc"
    assert all(stage.lower().startswith("where") for stage in stages[1:-1])


def _stages(query):
    """Cut at the pipes outside of quotes, with a reader of the query language that is not the plugin's."""
    stages, quote, at = [""], "", 0
    while at < len(query):
        character = query[at]
        if quote and character == "\\":
            stages[-1] += query[at : at + 2]
            at += 2
            continue
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "|":
            stages.append("")
            at += 1
            continue
        stages[-1] += character
        at += 1
    assert not quote, "a quote stays open"
    return [stage.strip() for stage in stages]


_SETTINGS = {
    "tenancy_ocid": "ocid1.tenancy.oc1..aaaaaaaaexample",
    "user_ocid": "ocid1.user.oc1..aaaaaaaaexample",
    "fingerprint": ":".join(["ab"] * 16),
    "private_key": "a key",
    "region": HOME,
}


def test_the_query_of_every_request_names_the_scope_only(world):
    """What was really sent searches exactly the compartments of the scope."""
    tenancy = world.tenancy(compartments=3)
    team = tenancy.tree.subtree(tenancy.ocid)[1]
    Instance(tenancy, compartment_ocid=team, logging_query="where type = 'x'").poll()
    for request in world.requests("search_logs"):
        query = parse_query(request.body["searchQuery"])
        assert {scope.compartment for scope in query.scopes} == {team}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(world, hosts, status):
    """Not to another host and not to the same one; the target of the redirect hears nothing."""
    tenancy = world.tenancy()
    emit_everywhere(tenancy, problems=1)
    world.clock.advance(minutes=2)
    for location in (
        "",
        f"{tenancy.endpoint_template.format(region=HOME, service='audit')}/20190901/auditEvents",
    ):
        fault = world.fault("redirect", status=status, location=location)
        report = Instance(tenancy).poll()
        assert codes(report) == {"REDIRECTED"}
        world.sandbox.faults.remove(fault)
    assert not unvisited_target().visits
    assert hosts == {"127.0.0.1"}


def test_a_region_from_the_service_is_checked_too(world, hosts):
    """What Cloud Guard or Identity answer names no host either: an unknown region is told, not asked."""
    tenancy = world.tenancy()
    evil = "evil.example.com"
    tenancy.cloud_guard.reporting_region = evil
    tenancy.identity.regions[evil] = "READY"
    report = Instance(tenancy, additional_regions=["all"]).poll()
    assert "REGION_UNKNOWN" in codes(report)
    assert report["sources"]["audit"]["status"] == "ok"
    assert hosts == {"127.0.0.1"}
    assert {one.region for one in world.sandbox.requests} == {HOME}


def test_an_ocid_from_the_service_cannot_leave_its_place(world, hosts):
    """A compartment or problem whose OCID is an attack is asked for as a value, or not at all."""
    tenancy = world.tenancy(compartments=1)
    tenancy.logging.groups.clear()
    body = [
        {
            "id": f'{tenancy.ocid}" | search "other',
            "compartmentId": tenancy.ocid,
            "name": "x",
            "lifecycleState": "ACTIVE",
        },
        {"id": "../../../evil?x=1#", "compartmentId": tenancy.ocid, "name": "y", "lifecycleState": "ACTIVE"},
        {
            "id": "ocid1.x\r\nX-Evil: 1",
            "compartmentId": tenancy.ocid,
            "name": "z",
            "lifecycleState": "ACTIVE",
        },
    ]
    world.fault("body", service="identity", body=json.dumps(body).encode())
    tenancy.add_problem(raw=b'{"id":"../../20160918/users/x?","lifecycleState":"ACTIVE","riskLevel":"HIGH"}')
    tenancy.emit_audit_event(HOME, tenancy.ocid)
    world.clock.advance(minutes=2)
    instance = Instance(tenancy)
    instance.poll()
    assert [key_of("audit", one) for one in instance.artifacts("audit")] == tenancy.ground_truth.keys("audit")
    for request in world.requests("search_logs"):
        stages = _stages(request.body["searchQuery"])
        assert len(stages) == 2
        assert stages[0].startswith("search ")
    assert not [one for one in world.sandbox.requests if "x-evil" in one.headers]
    assert {(one.service, one.operation) for one in world.sandbox.requests} <= {
        ("audit", "list_events"),
        ("logging", "search_logs"),
        ("identity", "list_compartments"),
        ("cloudguard", "get_configuration"),
        ("cloudguard", "list_problems"),
        ("cloudguard", "get_problem"),
        ("cloudguard", ""),
    }
    assert hosts == {"127.0.0.1"}


def test_an_untrusted_certificate_gets_nothing(world, tmp_path):
    """An endpoint that cannot prove who it is never sees a request; TLS is verified whatever the settings say."""
    with _TlsListener(tmp_path) as listener:
        template = f"https://127.0.0.1:{listener.port}/{{region}}/{{service}}"
        report = Instance(world.tenancy(), endpoint_template=template).poll()
        assert {code.partition("_")[0] for code in codes(report)} == {"TLS"}
    assert listener.heard == []


class _TlsListener(threading.Thread):
    """A TLS server with a certificate that nobody vouches for; keeps what it hears after a handshake."""

    def __init__(self, directory):
        super().__init__(daemon=True)
        pem = shared_private_key_pem(0)
        bundle = directory / "server.pem"
        bundle.write_text(pem + _certificate(pem))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(bundle)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.heard = []

    def run(self):
        """Take one connection after the other until closed."""
        while True:
            try:
                plain, _ = self._socket.accept()
            except OSError:
                return
            with plain:
                plain.settimeout(5)
                try:
                    with self._context.wrap_socket(plain, server_side=True) as secured:
                        self.heard.append(secured.recv(100))
                except OSError:
                    continue

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.join(5)


def _certificate(pem):
    key = load_pem_private_key(pem.encode(), None)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    built = built.serial_number(1).not_valid_before(now - timedelta(days=1))
    built = built.not_valid_after(now + timedelta(days=1))
    return built.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()
