"""Text of a service is reduced to one short line without a signature; a request id has only the characters of an id."""

from __future__ import annotations

import re
import time

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st
from support import seam
from support.loopback_servers import LoopbackServer

from signal_client_oci.errors.failure import Failure, make_check
from signal_client_oci.errors.service_text import MAX_MESSAGE, MAX_REQUEST_ID, one_line, request_id
from signal_client_oci.sandbox.data.keys import shared_private_key_pem
from signal_client_oci.validation.connection_test import validate_connection
from signal_client_oci.validation.findings import Finding

OCI_ID = "9F1B2C3D4E5F60718293A4B5C6D7E8F9/0123456789ABCDEF0123456789ABCDEF/FEDCBA9876543210FEDCBA9876543210"
SIGNATURE = "aB3+/x9Z" * 43  # base64 of the signature of a key of 2048 bits has 344 letters
HEADER = f'Signature version="1",keyId="t/u/f",algorithm="rsa-sha256",headers="date",signature="{SIGNATURE}"'
HOSTILE = {
    "escape sequence": "\x1b]0;owned\x07\x1b[31mABC",
    "direction": "ABC\u202eDEF\u2066",
    "line ends": "ABC\r\nX-Evil: 1\u2028\x85",
    "NUL": "A\x00B",
    "a megabyte": "A" * 1_000_000,
    "a megabyte of lines": "A\n" * 500_000,
    "the signature": SIGNATURE,
    "the signature with words": f"id {SIGNATURE} id",
    "the whole header": HEADER,
    "letters of elsewhere": "\u0410\u0411\u0412",
    "blanks": " \t ",
    "nothing": "",
    "a list": ["A"],
    "a number": 5,
}


def test_request_ids_of_oci_stay():
    """An id of OCI is kept unchanged, also after an id that the client sent."""
    assert request_id(OCI_ID) == OCI_ID
    assert request_id("csid-1:a.b_c/D") == "csid-1:a.b_c/D"
    assert request_id(None) is None


@pytest.mark.parametrize("case", HOSTILE)
def test_request_ids_are_cleaned_and_cut(case):
    """Whatever the header contains, the id is short and has only the characters of an id, or there is none."""
    told = request_id(HOSTILE[case])
    assert told is None or re.fullmatch(r"[A-Za-z0-9/._:-]{1,128}", told)
    assert SIGNATURE[:40] not in (told or "")


@given(st.text() | st.text(alphabet="A/+=\x1b\n\u202e", min_size=100))
@pytest.mark.slow
def test_any_request_id(value):
    """The same for any text, and twice is the same as once."""
    told = request_id(value)
    assert told is None or re.fullmatch(r"[A-Za-z0-9/._:-]{1,128}", told)
    assert request_id(told) == told


@given(st.text() | st.text(alphabet="A+=\x1b\n\u202e ", min_size=100), st.integers(1, 50))
@pytest.mark.slow
def test_any_text_is_one_short_line(text, most):
    """Whatever a service says comes out printable and within the limit."""
    told = one_line(text, most)
    assert told.isprintable()
    assert len(told) <= most


def test_the_signature_is_not_told():
    """A service that sends the request's own signature back does not get it into a report."""
    told = one_line(f"refused: {HEADER}", 10_000)
    assert told.startswith("refused: Signature version")
    assert SIGNATURE[:60] not in told
    assert one_line(OCI_ID) == OCI_ID


@pytest.mark.slow
def test_long_texts_are_not_worked_through():
    """Of a hundred megabytes, only as much is read as can be shown."""
    text = "\x1b" * 100_000_000
    began = time.thread_time()
    assert len(one_line(text)) == 300
    assert request_id(text) is None
    assert time.thread_time() - began < 0.2


@pytest.mark.parametrize("case", HOSTILE)
def test_no_check_holds_what_a_service_likes(case):
    """Each way to a check, of a poll or of the connection test, goes by the same rules."""
    hostile = HOSTILE[case]
    failure = Failure("CONFLICT", detail=str(hostile), opc_request_id=hostile)
    checks = [
        failure.check("audit", "Audit"),
        failure.check("audit", "Audit", message=f"{hostile}"),
        make_check("audit", "Audit", "warning", "CONFLICT", f"{hostile}", opc_request_id=hostile),
        Finding("failed", "CONFLICT", f"{hostile}", opc_request_id=hostile).check("audit"),
    ]
    for check in checks:
        assert check["message"].isprintable()
        assert len(check["message"]) <= MAX_MESSAGE
        assert len(check["opc_request_id"] or "") <= MAX_REQUEST_ID
        assert SIGNATURE[:60] not in str(check)
    assert str(failure).isprintable()


@pytest.mark.slow
def test_the_id_of_a_good_answer_is_cleaned():
    """An answer that is no failure brings its id in the same shape, and the next page's token as it is."""
    headers = {"opc-request-id": "AB\x1b[31mC", "opc-next-page": "T\x1b"}
    with responses.RequestsMock(target=seam.TARGET) as mocked:
        mocked.get(re.compile("https://.*"), body=b"{}", headers=headers)
        answer = seam.call("cloudguard", "get_configuration", seam.TENANCY)
    assert (answer.opc_request_id, answer.next_page) == ("AB31mC", "T\x1b")


class _Echo(LoopbackServer):
    """Answers each request with its own Authorization header, wherever an answer has room for it."""

    def _serve(self, accepted):
        with accepted as connection:
            head = b""
            while b"\r\n\r\n" not in head:
                received = connection.recv(65536)
                if not received:
                    return
                head += received
            self.heads.append(head)
            sent = re.search(rb"(?i)authorization: ([^\r]*)", head)[1]
            quoted = sent.replace(b'"', b"'")
            body = b'{"code": "' + quoted + b'", "message": "\\u001b[31m' + quoted + b'\\n\\u202e"}'
            lines = (
                b"HTTP/1.1 400 Bad Request",
                b"Content-Length: %d" % len(body),
                b"Content-Type: application/json",
                b"Connection: close",
                b"opc-request-id: \x1b[31m" + re.search(rb'signature="([^"]*)', sent)[1],
                b"opc-next-page: " + sent,
                b"retry-after: " + sent,
            )
            connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n" + body)


def test_a_service_that_echoes_the_request():
    """Over a real socket, a server that sends our signature back in id, code and message finds it nowhere."""
    with _Echo(b"") as server:
        template = f"http://127.0.0.1:{server.port}/{{region}}/{{service}}"
        answer = validate_connection(
            {
                "tenancy_ocid": seam.TENANCY,
                "user_ocid": seam.USER,
                "fingerprint": seam.fingerprint(),
                "private_key": shared_private_key_pem(0),
                "region": seam.REGION,
                "endpoint_template": template,
            }
        )
    assert answer["status"] == "failed"
    shown = str(answer)
    signatures = {re.search(rb'signature="([^"]*)', head)[1].decode() for head in server.heads}
    assert signatures
    assert not [one for one in signatures if one[:60] in shown or one[100:160] in shown]
    assert not re.search("\\\\x1b|\\\\u202e|\\\\n", shown)
