"""The records that the benchmark's server sends, numbered so that no two are the same.

Audit events have the parts and headers of the example in the SDK (`oci/audit/models`), log records those of a VCN flow
record, problems those of ListProblems.

A block is a thousand records joined with commas. It is made once, and where its number and its minute stand in it is
known; every further block is that text with the two written over, a fraction of a microsecond for each record.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from datetime import datetime, timedelta, timezone
from functools import cache, lru_cache
from typing import Any, Final

from signal_client_oci.sandbox.data.audit_events import AuditFields, audit_event, audit_log_content
from signal_client_oci.sandbox.data.log_records import log_content, search_result
from signal_client_oci.sandbox.data.problems import RISK_LEVELS, ProblemVersion, StoredProblem

__all__ = ["BLOCK", "TENANCY", "Block", "block_of", "minute_of", "minute_text"]

BLOCK: Final = 1000
TENANCY: Final = "ocid1.tenancy.oc1..aaaaaaaabenchmark"
_USER: Final = "ocid1.user.oc1..aaaaaaaab3zl7kq5x2w6ysn4pfhdtvucgjmoeqra"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=timezone.utc)
_TIME: Final = datetime(2009, 12, 31, 23, 59, 30, 250000, tzinfo=timezone.utc)
_NUMBER: Final = b"~number~"
_MINUTE: Final = b"2009-12-31T23:59"
_SECONDS: Final = b"1262303970"

_KEY: Final = f"{TENANCY}/{_USER}/12:34:56:78:90:ab:cd:ef:12:34:56:78:90:ab:cd:ef"
_REQUEST_HEADERS: Final = {
    "X-Oracle-Auth-Client-CN": ["splat-proxy-02302.node.ad2.iad"],
    "X-Forwarded-Host": ["compute-api.svc.ad1.iad"],
    "X-Forwarded-For": ["203.0.113.17"],
    "X-Real-IP": ["203.0.113.17"],
    "oci-original-url": [
        "https://iaas.us-ashburn-1.example.test/20160918/instances/ocid1.instance.oc1.iad.anuwclj7x2k5"
    ],
}
_RESPONSE_HEADERS: Final = {
    "ETag": ["5a7c0e3b1f"],
    "Connection": ["close"],
    "Content-Length": ["1828"],
    "Date": ["Thu, 31 Dec 2009 23:59:30 GMT"],
}
_CALLERS: Final = 20  # who have a session token of their own
_CLAIMS: Final = "eyJzdWIiOiJvY2lkMS51c2VyIn0" * 12
_AUDIT_KINDS: Final[tuple[AuditFields, ...]] = (
    {
        "event_name": "GetInstance",
        "resource_id": "ocid1.instance.oc1.iad.anuwclj7x2k5",
        "additional_details": {"imageId": "ocid1.image.oc1.iad.aaaaaaaa7k2", "shape": "VM.Standard.E4.Flex"},
    },
    {"event_name": "ListInstances", "path": "/20160918/instances?limit=1000&sortBy=TIMECREATED"},
    {
        "event_name": "GetBucket",
        "source": "ObjectStorage",
        "path": "/n/acme/b/exports",
        "resource_name": "exports",
    },
    {"event_name": "ListVnicAttachments", "resource_name": "frontend-7"},
    {
        "event_name": "UpdatePolicy",
        "source": "IdentityControlPlane",
        "action": "PUT",
        "resource_id": "ocid1.policy.oc1..aaaaaaaaq5f6u3kz",
        "state_change": {"current": {"statements": ["Allow group Auditors to read audit-events in tenancy"]}},
    },
    {
        "event_name": "GetVault",
        "source": "KeyManagement",
        "resource_name": "payments",
        "principal_name": "ci",
    },
    {
        "event_name": "InteractiveLogin",
        "source": "SignInAuthentication",
        "status": "400",
        "payload": {"login_input": "ada", "login_result": "PASSWORD_INVALID"},
    },
    {"event_name": "GetObject", "source": "ObjectStorage", "additional_details": {"bucketName": "exports"}},
    {
        "event_name": "ListCompartments",
        "source": "IdentityControlPlane",
        "defined_tags": {"Ops": {"Owner": "ada"}},
    },
    {
        "event_name": "LaunchInstance",
        "action": "POST",
        "status": "201",
        "resource_id": "ocid1.instance.oc1.iad.anuwcljt7x2k6",
    },
)

_VNICS: Final = 20
_FLOW: Final = {
    "action": "ACCEPT",
    "bytesOut": 4132,
    "destinationAddress": "10.0.2.14",
    "destinationPort": 443,
    "flowid": "75d72a74",
    "packets": 9,
    "protocol": 6,
    "protocolName": "TCP",
    "status": "OK",
    "version": "2",
}


class Block:
    """A thousand records, where each of them starts, and where to write what changes from block to block."""

    def __init__(self, texts: list[bytes]) -> None:
        self._text = b",".join(texts)
        self._starts = [0]
        for text in texts:
            self._starts.append(self._starts[-1] + len(text) + 1)
        self._places = [_places(self._text, mark) for mark in (_NUMBER, _MINUTE, _SECONDS)]

    def records(self, number: int, minute: int, first: int, after: int) -> bytearray:
        """Return the records from `first` on and before `after` of block `number`, with times in `minute`."""
        start, stop = self._starts[first], self._starts[after] - 1
        piece = bytearray(memoryview(self._text)[start:stop])
        written = (b"%08x" % number, minute_text(minute).encode(), b"%010d" % (minute * 60 + 30))
        for places, new in zip(self._places, written, strict=True):
            size = len(new)
            for place in places[bisect_left(places, start) : bisect_left(places, stop)]:
                at = place - start
                piece[at : at + size] = new
        return piece


def _places(text: bytes, mark: bytes) -> list[int]:
    places, at = [], text.find(mark)
    while at >= 0:
        places.append(at)
        at = text.find(mark, at + len(mark))
    return places


def minute_of(text: str) -> int:
    """Return the minute since 1970 of a time as a request has it, e.g. `2026-01-31T08:15:00.000Z`."""
    return (
        datetime.strptime(text[:16], "%Y-%m-%dT%H:%M").replace(tzinfo=timezone.utc) - _EPOCH
    ) // timedelta(minutes=1)


@lru_cache(maxsize=4096)
def minute_text(minute: int) -> str:
    """Return a minute as ISO 8601 without seconds."""
    return (_EPOCH + timedelta(minutes=minute)).strftime("%Y-%m-%dT%H:%M")


def _audit_event(slot: int) -> bytes:
    return (
        json.dumps(_event(slot), separators=(",", ":")).replace(_NUMBER.decode().upper(), "0AB34CD7").encode()
    )


def _searched_event(slot: int) -> bytes:
    """The same event as a search gives it."""
    text = search_result(_TIME, audit_log_content(_event(slot), TENANCY, _TIME))
    return text.replace(_NUMBER.upper(), b"0AB34CD7")


def _event(slot: int) -> dict[str, Any]:
    """One of ten kinds of events in turn: of ten of a kind, API keys signed five and session tokens the others."""
    name = f"{_NUMBER.decode()}-0000-4000-8000-{slot:012d}"
    kind = _AUDIT_KINDS[slot % len(_AUDIT_KINDS)]
    signer = slot // len(_AUDIT_KINDS) % 10
    token = f"ST$eyJraWQiOiJhc3cifQ.{_CLAIMS}.{'c2lnbmF0dXJl' * 10}{slot % _CALLERS:02d}"
    usual: AuditFields = {
        "request_headers": _REQUEST_HEADERS | (_secret_headers(token) if signer >= 8 else {}),
        "response_headers": _RESPONSE_HEADERS,
        "principal_id": _USER,
        "credentials": _KEY if signer < 5 else token,
    }
    return audit_event(name, _TIME, TENANCY, (TENANCY, "root"), {**usual, **kind})


def _secret_headers(token: str) -> dict[str, list[str]]:
    """Return the headers of a request that a session token signed, and that a service made for its caller."""
    signed = f'headers="date (request-target) host",keyId="{token}",algorithm="rsa-sha256"'
    return {
        "authorization": [f'Signature version="1",{signed},signature="{"QWIz" * 86}"'],
        "opc-obo-token": [f"eyJraWQiOiJvYm8ifQ.{_CLAIMS}.{'b2JvLXRva2Vu' * 4}"],
    }


def _log_record(slot: int) -> bytes:
    place = {
        "compartmentid": TENANCY,
        "loggroupid": "ocid1.loggroup.oc1.iad.amaaaaaabenchmark",
        "logid": "ocid1.log.oc1.iad.amaaaaaabenchmark",
        "tenantid": TENANCY,
        "vniccompartmentocid": TENANCY,
        "vnicocid": f"ocid1.vnic.oc1.iad.abuwcljbenchmark{slot % _VNICS}",
        "vnicsubnetocid": "ocid1.subnet.oc1.iad.aaaaaaaabenchmark",
    }
    payload = _FLOW | {
        "flowid": f"{_NUMBER.decode()}{slot:04d}",
        "sourceAddress": f"203.0.113.{slot % 250}",
        "sourcePort": 1024 + slot * 61,
        "startTime": int(_SECONDS),
        "endTime": int(_SECONDS),
    }
    return search_result(_TIME, log_content(_TIME, _TIME, place, {"payload": payload}))


def _problem(slot: int) -> bytes:
    ocid = f"ocid1.cloudguardproblem.oc1.iad.amaaaaaa{_NUMBER.decode()}{slot:04d}"
    problem = StoredProblem(
        ocid, TENANCY, _TIME, {"regions": ["us-ashburn-1"], "resource_name": f"bucket-{slot}"}
    )
    return problem.add_version(ProblemVersion(0, RISK_LEVELS[slot % 5], "OPEN", _TIME)).summary


def _block(service: str) -> Block:
    make = {
        "audit": _audit_event,
        "audit_search": _searched_event,
        "logging": _log_record,
        "cloudguard": _problem,
    }[service]
    return Block([make(slot) for slot in range(BLOCK)])


@cache
def block_of(service: str) -> Block:
    """Return a service's block, made once."""
    return _block(service)
