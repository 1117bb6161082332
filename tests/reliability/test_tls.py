"""Promise 15: signed requests only ever go to a server whose certificate was verified, and to OCI's own hosts."""

import json
import os
import socket
import ssl
import subprocess
import sys
from http.client import HTTPConnection

import pytest
from cryptography import x509
from OpenSSL.crypto import X509
from support import seam
from support.certificates import certificates, server_context
from support.collecting import SOURCES, Host, raw_settings
from support.loopback_servers import Authority, LoopbackServer, TunnelProxy, certificate, http_answer
from support.validating import by_name, validated
from support.world import Instance, assert_exactly_once, codes

from signal_client_oci.errors.failure import Failure
from signal_client_oci.oci_api import client as clients
from signal_client_oci.oci_api import tls, transport
from signal_client_oci.oci_api.client import borrow
from signal_client_oci.sandbox import Sandbox, VirtualClock
from signal_client_oci.sandbox.data.keys import shared_private_key_pem
from signal_client_oci.settings.model import parse_settings

READ_BY_SOMEBODY = (
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE", "PYTHONHTTPSVERIFY", "NETRC", "OPENSSL_CONF"),
)
ANSWER = http_answer("200 OK", b'[{"regionName": "us-ashburn-1", "status": "READY", "isHomeRegion": true}]')
CODES = {
    "self-signed": "TLS_UNKNOWN_CA",
    "unknown": "TLS_UNKNOWN_CA",
    "other host": "TLS_WRONG_HOST",
    "expired": "TLS_EXPIRED",
    "not yet valid": "TLS_EXPIRED",
}


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch):
    """Keep what the machine sets, and clients that other tests left, out of the tests."""
    for name in READ_BY_SOMEBODY:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(clients, "_idle_clients", clients._IdleClients())


@pytest.fixture(scope="module")
def pems(tmp_path_factory):
    """Files: certificates of `localhost` by what is wrong with them, and `authority`, which issued most of them."""
    folder = tmp_path_factory.mktemp("certificates")
    authority = Authority(folder)
    return {
        "authority": authority.pem,
        "right": authority.issue(),
        "self-signed": certificate(folder),
        "unknown": Authority(folder, "stranger").issue("localhost", (-2, 2)),
        "other host": authority.issue("gateway.example"),
        "expired": authority.issue("localhost", (-3, -1)),
        "not yet valid": authority.issue("localhost", (1, 3)),
    }


def settings(server):
    """Return settings that lead to a TLS server on this machine."""
    template = f"https://localhost:{server.port}/{{region}}/{{service}}"
    return raw_settings(*SOURCES, endpoint_template=template, include_subcompartments=True)


def call(server):
    """Send one signed request."""
    given = parse_settings(settings(server))
    return seam.call("audit", "list_events", seam.TENANCY, seam_time(), seam_time(), of=given)


def seam_time():
    """Return a moment; it is of no account which."""
    return VirtualClock()()


def assert_refused(server, code, words=""):
    """Validate and poll: both fail with the code, and nothing of a request reached the server."""
    answer = validated(settings(server))
    made = [check for check in answer["checks"][2:] if check["status"] != "skipped"]
    assert answer["status"] == "failed"
    assert {check["code"] for check in made} == {code}
    assert all(words in check["message"] for check in made)
    assert_poll_refused(server, code, words)


def assert_poll_refused(server, code, words=""):
    """The report says failed for every source, with the code, and nothing of a request reached the server."""
    report = Host(settings(server), VirtualClock()).poll()
    errors = [source["error"] for source in report["sources"].values()]
    assert report["status"] == "failed"
    assert {error["code"] for error in errors} == {code}
    assert all(words in error["message"] for error in errors)
    assert server.received == b""


# --- the environment ----------------------------------------------------------------------------------------------

SWITCHES = {
    "nothing": {},
    **{f"{name} {value!r}": {name: value} for name in tls.CA_VARIABLES for value in ("", " \t")},
    "both empty": dict.fromkeys(tls.CA_VARIABLES, ""),
    "Python's": {"PYTHONHTTPSVERIFY": "0"},
    "other programs'": {"GIT_SSL_NO_VERIFY": "1", "NODE_TLS_REJECT_UNAUTHORIZED": "0", "SSL_NO_VERIFY": "1"},
    "lower case": {"requests_ca_bundle": "", "curl_ca_bundle": "", "ssl_cert_file": ""},
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_no_variable_switches_verification_off(pems, monkeypatch, switch):
    """An empty or blank variable is one that is not set, and no other variable is asked whether to verify."""
    for name, value in SWITCHES[switch].items():
        monkeypatch.setenv(name, value)
    with LoopbackServer(ANSWER, pems["self-signed"]) as server:
        assert_refused(server, "TLS_UNKNOWN_CA")


def test_variables_that_have_no_effect(pems, monkeypatch):
    """OpenSSL's own variables add no authority to those that REQUESTS_CA_BUNDLE names."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pems["self-signed"]))
    monkeypatch.setenv("SSL_CERT_DIR", str(pems["self-signed"].parent))
    with LoopbackServer(ANSWER, pems["self-signed"]) as server:
        assert_refused(server, "TLS_UNKNOWN_CA")


@pytest.mark.parametrize("variable", tls.CA_VARIABLES)
@pytest.mark.parametrize("value", ["0", "false", "/no/such/file"])
def test_a_value_that_leads_to_no_authority_is_told(pems, monkeypatch, variable, value):
    """A word that means "no" to others, like a wrong path, is an error that names the variable, never a default."""
    monkeypatch.setenv(variable, value)
    with LoopbackServer(ANSWER, pems["right"]) as server:
        assert_refused(server, "CA_BUNDLE_UNREADABLE", f"{variable}: no such file")


@pytest.mark.parametrize("wrong", CODES)
def test_a_certificate_that_is_not_in_order(pems, monkeypatch, wrong):
    """Self-signed, of an unknown authority, of another host, of another time: each is told by its code."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pems["authority"]))
    with LoopbackServer(ANSWER, pems[wrong]) as server:
        assert_refused(server, CODES[wrong])


@pytest.mark.parametrize(
    "named",
    [
        {"REQUESTS_CA_BUNDLE": "authority"},
        {"CURL_CA_BUNDLE": "authority"},
        {"REQUESTS_CA_BUNDLE": "authority", "CURL_CA_BUNDLE": "self-signed"},
        {"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": "authority"},
    ],
    ids=" ".join,
)
def test_the_first_variable_that_is_set_names_the_authorities(pems, monkeypatch, named):
    """REQUESTS_CA_BUNDLE comes before CURL_CA_BUNDLE; the file that is named counts alone."""
    for name, pem in named.items():
        monkeypatch.setenv(name, str(pems[pem]) if pem else "")
    with LoopbackServer(ANSWER, pems["right"]) as server:
        assert by_name(validated(settings(server)))["authentication"]["code"] == "OK"
        assert b"\r\nauthorization: Signature " in server.received
    with LoopbackServer(ANSWER, pems["self-signed"]) as server:
        assert_poll_refused(server, "TLS_UNKNOWN_CA")


def test_a_whole_poll_with_a_named_authority(tmp_path, monkeypatch):
    """Over TLS everything is collected; `.netrc` changes no signature, and no session key is written to a file."""
    with Sandbox(clock=VirtualClock(), tls=server_context()) as sandbox:
        bundle, netrc, keys = tmp_path / "ca.pem", tmp_path / "netrc", tmp_path / "keys"
        bundle.write_text(certificates().authority)
        netrc.write_text("default login agent password canary")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
        tenancy = sandbox.add_tenancy("acme", ("us-ashburn-1",), private_key_pem=shared_private_key_pem(0))
        instance = Instance(tenancy)
        tenancy.emit_audit_event("us-ashburn-1", tenancy.ocid)
        assert instance.catch_up()["status"] == "ok"
        assert_exactly_once(instance, "audit")
    assert not keys.exists()


def _folder(path, content):
    """Make a folder as `openssl rehash` does."""
    path.mkdir()
    if content:
        hashed = X509.from_cryptography(x509.load_pem_x509_certificate(content)).subject_name_hash()
        (path / f"{hashed:08x}.0").write_bytes(content)
    return path


def test_a_folder_of_authorities(pems, tmp_path, monkeypatch):
    """A variable may name a folder; one without certificates under their hashes is told."""
    monkeypatch.setenv("CURL_CA_BUNDLE", str(_folder(tmp_path / "cas", pems["authority"].read_bytes())))
    with LoopbackServer(ANSWER, pems["right"]) as server:
        assert call(server).body.startswith(b"[")
    monkeypatch.setenv("CURL_CA_BUNDLE", str(_folder(tmp_path / "none", b"")))
    with LoopbackServer(ANSWER, pems["right"]) as server:
        assert_poll_refused(server, "CA_BUNDLE_UNREADABLE", "CURL_CA_BUNDLE: the folder holds no certificate")


@pytest.mark.parametrize(
    "content", [b"", b"none", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_file_without_a_certificate(tmp_path, monkeypatch, content):
    """An empty, wrong or damaged file is not taken for a bundle."""
    (tmp_path / "ca.pem").write_bytes(content)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with pytest.raises(
        Failure, match=r"CA_BUNDLE_UNREADABLE: .*REQUESTS_CA_BUNDLE: the file holds no certificate"
    ):
        tls.tls_context("/unused")


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("/dev/null", "neither a file nor a folder"),
        ("A" * 5000, "file name too long"),
        ("ä\udcff", "no such file"),
    ],
)
def test_a_path_that_nothing_can_be_read_from(monkeypatch, value, why):
    """A device, a pasted certificate and an odd name are refused at once, and the value is not quoted."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", value)
    with pytest.raises(Failure) as caught:
        tls.tls_context("/unused")
    assert f"REQUESTS_CA_BUNDLE: {why}" in caught.value.message
    assert value not in caught.value.message


def test_a_missing_default_is_told():
    """Where the environment names no authorities and the package's own are gone, nothing is trusted."""
    with pytest.raises(Failure, match="package certifi: no such file"):
        tls.tls_context("/no/such/file")


def test_a_bundle_is_parsed_once_until_it_changes(pems, tmp_path, monkeypatch):
    """The same file gives the same settings without parsing; a changed one counts from the next poll on."""
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(pems["authority"].read_bytes())
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    first = tls.tls_context("/unused")
    assert tls.tls_context("/unused") is first
    bundle.write_bytes(pems["self-signed"].read_bytes())
    assert tls.tls_context("/unused") is not first


# --- what others in the process do -----------------------------------------------------------------------------------


def _unverified():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _pool(client):
    return client.transport.get_connection(f"{client.key.endpoint}/x")


def _session(client):
    return client._sdk.base_client.session


def _send_with(client, verify):
    send = client.transport.send
    client.transport.send = lambda *args, **kwargs: send(*args, **kwargs | {"verify": verify})


MISDEEDS = {
    "session.verify": lambda client: setattr(_session(client), "verify", False),
    "session.trust_env": lambda client: setattr(_session(client), "trust_env", True),
    "session replaced by the SDK": lambda client: client._sdk.base_client._reset_session(),
    "session's own merging": lambda client: setattr(
        _session(client), "merge_environment_settings", lambda *_: {"verify": False, "proxies": {}}
    ),
    **{
        f"verify={value!r}": lambda client, value=value: _send_with(client, value)
        for value in (None, False, "", 0)
    },
    "pool.cert_reqs": lambda client: setattr(_pool(client), "cert_reqs", "CERT_NONE"),
    "pool.assert_hostname": lambda client: setattr(_pool(client), "assert_hostname", False),
    "pool's context": lambda client: _pool(client).conn_kw.update(ssl_context=_unverified()),
    "pool's host": lambda client: _pool(client).conn_kw.update(server_hostname="gateway.example"),
    "pool's authorities": lambda client: setattr(_pool(client), "ca_certs", os.environ["SSL_CERT_FILE"]),
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
@pytest.mark.parametrize("wrong", ["self-signed", "other host"])
def test_nothing_in_the_process_switches_verification_off(pems, monkeypatch, wrong, misdeed):
    """Sessions, adapters and pools that were told not to verify send nothing to whom they should not."""
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_unverified_context)
    monkeypatch.setenv("CURL_CA_BUNDLE", str(pems["authority"]) if wrong == "other host" else "")
    monkeypatch.setenv("SSL_CERT_FILE", str(pems["self-signed"]))
    with LoopbackServer(ANSWER, pems[wrong]) as server:
        given = parse_settings(settings(server))
        with borrow(given, seam.api_key(), seam.REGION, "audit", None) as client:
            MISDEEDS[misdeed](client)
            with pytest.raises(Failure, match=CODES[wrong]):
                client.call("list_events", seam.TENANCY, seam_time(), seam_time())
        assert server.received == b""


def test_a_cipher_without_certificates_is_refused(monkeypatch):
    """Where OpenSSL was made to accept servers that show no certificate, the connection ends before the request."""

    def anonymous(protocol):
        context = ssl.SSLContext(protocol)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("aNULL:@SECLEVEL=0")
        return context

    monkeypatch.setattr(
        "support.loopback_servers._server_context", lambda _: anonymous(ssl.PROTOCOL_TLS_SERVER)
    )
    monkeypatch.setattr(transport, "tls_context", lambda _: anonymous(ssl.PROTOCOL_TLS_CLIENT))
    with LoopbackServer(ANSWER, "no certificate") as server:
        with pytest.raises(Failure, match=r"TLS_FAILED: .*the server showed no certificate"):
            call(server)
        assert server.received == b""


def test_the_debugging_of_others_prints_no_signature(pems, monkeypatch, capfd):
    """`log_requests` of another client in the process makes http.client print what is sent; not what is sent here."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pems["authority"]))
    with LoopbackServer(ANSWER, pems["right"]) as server:
        with borrow(parse_settings(settings(server)), seam.api_key(), seam.REGION, "audit", None) as client:
            monkeypatch.setattr(HTTPConnection, "debuglevel", 1)
            client.call("list_events", seam.TENANCY, seam_time(), seam_time())
        assert b"Signature" in server.received
    assert "Signature" not in "".join(capfd.readouterr())


def test_plain_http_leads_to_this_machine_or_nowhere(monkeypatch):
    """An endpoint without TLS whose name leads to another machine gets no request."""
    with LoopbackServer(ANSWER) as server:
        monkeypatch.setattr(socket.socket, "getpeername", lambda _: ("203.0.113.7", server.port))
        given = raw_settings(
            "audit", endpoint_template=f"http://localhost:{server.port}/{{region}}/{{service}}"
        )
        with pytest.raises(Failure, match="PLAIN_HTTP_REFUSED"):
            seam.call(
                "audit", "list_events", seam.TENANCY, seam_time(), seam_time(), of=parse_settings(given)
            )
        assert server.received == b""


# --- proxies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("wrong", CODES)
def test_through_a_tunnel(pems, monkeypatch, scheme, wrong):
    """What a proxy leads to has to show a certificate that is in order, as without it."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pems["authority"]))
    monkeypatch.setenv("CURL_CA_BUNDLE", "")
    with (
        LoopbackServer(ANSWER, pems[wrong]) as server,
        TunnelProxy(server.port, pems["right"] if scheme == "https" else None) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://localhost:{proxy.port}")
        assert_poll_refused(server, CODES[wrong])
        assert proxy.heads
        assert all(head.startswith(b"CONNECT localhost:") for head in proxy.heads)
        assert b"ignature" not in proxy.received + proxy.passed


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_tunnel_to_the_right_server(pems, monkeypatch, scheme):
    """A proxy, with TLS of its own or without, passes on what it cannot read."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pems["authority"]))
    with (
        LoopbackServer(ANSWER, pems["right"]) as server,
        TunnelProxy(server.port, pems["right"] if scheme == "https" else None) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://agent:canary@localhost:{proxy.port}")
        assert call(server).body.startswith(b"[")
        assert b"authorization: Signature " in server.received
        assert b"roxy" not in server.received
        assert b"ignature" not in proxy.received + proxy.passed


@pytest.mark.parametrize("wrong", CODES)
@pytest.mark.parametrize("bundle", ["authority", ""])
def test_a_proxy_that_cannot_be_verified(pems, monkeypatch, wrong, bundle):
    """A proxy over TLS is verified too: it gets neither its password nor the name of the endpoint."""
    monkeypatch.setenv("CURL_CA_BUNDLE", str(pems[bundle]) if bundle else "")
    with LoopbackServer(ANSWER, pems["right"]) as server, TunnelProxy(server.port, pems[wrong]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://agent:canary@localhost:{proxy.port}")
        with pytest.raises(Failure, match=r"PROXY_FAILED: .*TLS with the proxy failed: .") as caught:
            call(server)
        assert "canary" not in str(caught.value)
        assert proxy.received == server.received == b""


def test_a_request_through_a_proxy_s_tls_can_be_ended(pems, monkeypatch):
    """Aborting ends a request inside TLS inside TLS as any other."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(pems["authority"]))
    with LoopbackServer(None, pems["right"]) as server, TunnelProxy(server.port, pems["right"]) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://localhost:{proxy.port}")
        report = Host(settings(server), VirtualClock()).poll(deadline_seconds=0.6)
    assert codes(report) == {"TIMEOUT"}
    assert b"ignature" in server.received


# --- other hosts --------------------------------------------------------------------------------------------------

REGION = {
    "realmKey": "oc99",
    "realmDomainComponent": "elsewhere.example",
    "regionKey": "XNT",
    "regionIdentifier": "xx-newtown-1",
}
HOME_REGION = REGION | {"realmKey": "oc1", "regionKey": "IAD", "regionIdentifier": "us-ashburn-1"}
_VALIDATE = (
    "import json, sys\n"
    "from signal_client_oci.plugin import signal_client_validate_connection as validate\n"
    "print(json.dumps(validate(connector='oci-cloud', settings=json.load(sys.stdin))))"
)


def validated_elsewhere(home, settings, **environment):
    """Validate in a new process, whose proxy stands for all other machines; return the answer and what it got."""
    with LoopbackServer(http_answer("403 Forbidden")) as proxy:
        done = subprocess.run(
            [sys.executable, "-c", _VALIDATE],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(home),
                "HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}",
            }
            | environment,
            input=json.dumps(settings),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return by_name(json.loads(done.stdout)), proxy.received.decode()


def test_a_declared_region_of_another_domain_gets_no_request(tmp_path):
    """A region that OCI_REGION_METADATA puts into a domain of its own is refused before a connection is opened."""
    ocids = {"tenancy_ocid": "ocid1.tenancy.oc99..aaaaaaaaseam", "user_ocid": "ocid1.user.oc99..aaaaaaaaseam"}
    given = raw_settings(*SOURCES, region="xx-newtown-1", **ocids)
    checks, received = validated_elsewhere(tmp_path, given, OCI_REGION_METADATA=json.dumps(REGION))
    assert {checks[name]["code"] for name in ("authentication", "audit", "logging")} == {"FOREIGN_ENDPOINT"}
    assert "elsewhere.example" in checks["audit"]["message"]
    assert received == ""


def test_a_file_cannot_move_a_region_to_another_domain(tmp_path):
    """The SDK's developer tool configuration replaces its whole table; the region still has Oracle's domain or none."""
    (tmp_path / ".oci").mkdir()
    declared = json.dumps({"services": [], "regions": [HOME_REGION]})
    (tmp_path / ".oci" / "developer-tool-configuration.json").write_text(declared)
    checks, received = validated_elsewhere(tmp_path, raw_settings(*SOURCES))
    assert {checks[name]["code"] for name in ("authentication", "audit", "logging")} == {"FOREIGN_ENDPOINT"}
    assert received == ""


def test_a_declared_region_of_a_known_realm_has_that_realms_domain(tmp_path):
    """A region that is newer than the SDK can be declared; the domain is the realm's, whatever is declared for it."""
    (tmp_path / ".oci").mkdir()
    (tmp_path / ".oci" / "regions-config.json").write_text(json.dumps([REGION | {"realmKey": "OC1"}]))
    given = raw_settings(*SOURCES, region="xx-newtown-1")
    checks, received = validated_elsewhere(tmp_path, given, OCI_DEFAULT_REALM="elsewhere.example")
    assert checks["audit"]["code"] == "PROXY_FAILED"
    assert "CONNECT audit.xx-newtown-1.oraclecloud.com:443 " in received
    assert "elsewhere.example" not in received
