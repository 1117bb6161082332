"""Requests must be signed as OCI demands, or they are answered with 401."""

import base64
import hashlib
import http.client
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime

import oci
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from support.sandbox_changes import revoke_key

from signal_client_oci.sandbox.data.keys import shared_private_key_pem


def refused(operation, *arguments):
    """Return the error of a call that must fail."""
    with pytest.raises(oci.exceptions.ServiceError) as caught:
        operation(*arguments)
    return caught.value


def test_a_signed_request_is_answered_with_the_clients_request_id_and_a_suffix(tenancy, connect):
    """The first segment is the client's id."""
    client = connect("identity")
    answer = client.get_tenancy(tenancy.ocid)
    sent = answer.request.header_params["opc-request-id"]
    assert answer.request_id.startswith(f"{sent}/")
    assert len(answer.request_id.split("/")) == 3


@pytest.mark.parametrize("part", ["user", "fingerprint", "tenancy", "key_content"])
@pytest.mark.slow
def test_no_part_of_the_credentials_may_be_wrong(tenancy, connect, part):
    """One message for all: the service does not tell which part it was."""
    wrong = {
        "user": "ocid1.user.oc1..aaaaaaaaelse",
        "fingerprint": ":".join(["00"] * 16),
        "tenancy": "ocid1.tenancy.oc1..aaaaaaaaelse",
        "key_content": shared_private_key_pem(7),
    }[part]
    error = refused(connect("identity", **{part: wrong}).get_tenancy, tenancy.ocid)
    assert (error.status, error.code) == (401, "NotAuthenticated")
    assert "not provided or was incorrect" in error.message
    assert error.request_id.count("/") == 2


@pytest.mark.slow
def test_a_revoked_key_is_unknown_and_another_can_be_registered(tenancy, connect):
    """Keys come and go as in the console."""
    pem = shared_private_key_pem(7)
    fingerprint = tenancy.register_key(pem)
    revoke_key(tenancy)
    assert refused(connect("identity").get_tenancy, tenancy.ocid).status == 401
    other = connect("identity", fingerprint=fingerprint, key_content=pem)
    assert other.get_tenancy(tenancy.ocid).status == 200


@pytest.mark.slow
def test_a_key_of_another_tenancy_opens_nothing(tenancy, sandbox, connect):
    """A user of one tenancy is nobody in another."""
    stranger = sandbox.add_tenancy("stranger")
    client = connect("identity", of=stranger, tenancy=tenancy.ocid)
    assert refused(client.get_tenancy, tenancy.ocid).status == 401


def test_a_region_that_is_not_subscribed_is_401(tenancy, connect):
    """As the real service answers, with the same code as for a wrong key."""
    error = refused(connect("identity", "ap-tokyo-1").get_tenancy, tenancy.ocid)
    assert (error.status, error.code) == (401, "NotAuthenticated")


@pytest.mark.parametrize(("minutes", "status"), [(4.9, 200), (-4.9, 200), (5.1, 401), (-5.1, 401)])
def test_the_clock_may_be_off_by_five_minutes(tenancy, sandbox, connect, minutes, status):
    """Beyond that the answer is 401, and its Date header is the service's own time."""
    sandbox.clock_offset = timedelta(minutes=minutes)
    client = connect("identity")
    if status == 200:
        assert client.get_tenancy(tenancy.ocid).status == 200
        return
    error = refused(client.get_tenancy, tenancy.ocid)
    assert (error.status, error.code) == (401, "NotAuthenticated")
    assert "clock skew" in error.message
    service_time = parsedate_to_datetime(error.headers["date"])
    assert abs(service_time - datetime.now(timezone.utc) - sandbox.clock_offset) < timedelta(seconds=10)


def test_the_virtual_clock_does_not_matter_to_signatures(tenancy, connect, clock):
    """Records live in virtual time, signatures in real time."""
    clock.advance(days=4000)
    assert connect("identity").get_tenancy(tenancy.ocid).status == 200


class Signed:
    """A request signed by hand, so that single parts can be made wrong."""

    def __init__(self, tenancy, method="GET", body=b""):
        self.tenancy, self.method, self.body = tenancy, method, body
        region = "/us-ashburn-1"
        self.target = (
            f"{region}/logging/20190909/search"
            if body
            else f"{region}/identity/20160918/tenancies/{tenancy.ocid}"
        )
        digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
        self.headers = {
            "date": format_datetime(datetime.now(timezone.utc), usegmt=True),
            "host": tenancy.endpoint_template.split("/")[2],
        }
        if body:
            self.headers |= {
                "content-length": str(len(body)),
                "content-type": "application/json",
                "x-content-sha256": digest,
            }
        self.signed = ["(request-target)", *self.headers]
        self.parameters = {"algorithm": "rsa-sha256", "version": "1"}

    def send(self):
        """Sign, send, and return the status."""
        key = load_pem_private_key(self.tenancy.private_key_pem.encode(), None)
        target = f"{self.method.lower()} {self.target}"
        values = {"(request-target)": target} | self.headers
        text = "\n".join(f"{name}: {values[name]}" for name in self.signed if name in values)
        signature = base64.b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()
        fields = {
            "headers": " ".join(self.signed),
            "keyId": f"{self.tenancy.ocid}/{self.tenancy.user}/{self.tenancy.fingerprint}",
            "signature": signature,
        } | self.parameters
        sent = self.headers | {
            "authorization": "Signature " + ",".join(f'{k}="{v}"' for k, v in fields.items())
        }
        connection = http.client.HTTPConnection(self.headers["host"].rpartition("@")[2], timeout=5)
        try:
            connection.request(self.method, self.target, self.body or None, sent)
            return connection.getresponse().status
        finally:
            connection.close()


QUERY = (
    b'{"timeStart":"2026-03-02T09:00:00Z","timeEnd":"2026-03-02T09:01:00Z","searchQuery":"search \\"x\\""}'
)


@pytest.mark.parametrize("body", [b"", QUERY])
@pytest.mark.slow
def test_a_request_signed_by_hand_is_accepted(tenancy, body):
    """The hand-made signature is right, so that the wrong ones below prove something."""
    assert Signed(tenancy, "POST" if body else "GET", body).send() == 200


@pytest.mark.slow
def test_x_date_may_stand_in_for_date(tenancy):
    """Browsers cannot set Date, so OCI accepts x-date."""
    request = Signed(tenancy)
    request.headers["x-date"] = request.headers.pop("date")
    request.signed[request.signed.index("date")] = "x-date"
    assert request.send() == 200


@pytest.mark.parametrize("header", ["(request-target)", "host", "date"])
@pytest.mark.slow
def test_every_required_header_must_be_signed(tenancy, header):
    """A signature that leaves one out proves too little."""
    request = Signed(tenancy)
    request.signed.remove(header)
    assert request.send() == 401


@pytest.mark.parametrize("header", ["content-length", "content-type", "x-content-sha256"])
@pytest.mark.slow
def test_a_body_must_be_signed_too(tenancy, header):
    """The same for the three headers of a body."""
    request = Signed(tenancy, "POST", QUERY)
    request.signed.remove(header)
    assert request.send() == 401


@pytest.mark.slow
def test_a_body_must_have_the_hash_that_was_signed(tenancy):
    """Another body under the same signature is refused."""
    request = Signed(tenancy, "POST", QUERY)
    request.body = QUERY.replace(b"x", b"y")
    assert request.send() == 401


@pytest.mark.slow
@pytest.mark.parametrize(
    "parameters",
    [
        {"algorithm": "rsa-sha1"},
        {"version": "2"},
        {"keyId": "only/two"},
        {"keyId": ""},
        {"signature": "no base64!"},
        {"signature": ""},
        {"headers": "date host (request-target) x-not-sent"},
    ],
)
def test_odd_signature_parameters_are_refused(tenancy, parameters):
    """None of them is a reason to fail otherwise than with 401."""
    request = Signed(tenancy)
    request.parameters |= parameters
    assert request.send() == 401


@pytest.mark.parametrize("date", ["yesterday", "", "Mon, 02 Mar 2026 09:00:00"])
@pytest.mark.slow
def test_a_date_that_is_none_is_refused(tenancy, date):
    """Without a time that can be read, nothing is fresh."""
    request = Signed(tenancy)
    request.headers["date"] = date
    assert request.send() == 401


def test_unsigned_requests_are_refused_whatever_they_ask(sandbox, tenancy):
    """Also for paths that do not exist: who is nobody learns nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
    try:
        for target in (f"/us-ashburn-1/identity/20160918/tenancies/{tenancy.ocid}", "/", "/favicon.ico"):
            connection.request("GET", target)
            answer = connection.getresponse()
            assert answer.status == 401
            assert b"NotAuthenticated" in answer.read()
    finally:
        connection.close()
