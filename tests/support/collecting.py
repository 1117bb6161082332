"""What the tests of whole polls share: a host in memory, and OCI's services at the HTTP seam."""

from __future__ import annotations

import json
import threading
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

import responses

from signal_client_oci.host.conformance import PollTerms, checked_poll
from signal_client_oci.host.conformance.contract_checks import compact_json
from signal_client_oci.plugin import signal_client_poll
from signal_client_oci.sandbox.data.keys import shared_private_key_pem
from support import seam

SOURCES = ("audit", "logging", "cloud_guard")
SERVICES = {"audit": "audit", "logging": "logging", "cloud_guard": "cloudguard"}
"""Source → its name in the sandbox."""


class Host:
    """One instance as a host keeps it: each item is held against the contract, published, then stored."""

    def __init__(self, settings: dict[str, Any], clock: Callable[[], datetime], name: str = "acme") -> None:
        self.settings, self.clock, self.name = settings, clock, name
        self.stored = b"null"
        self.batches: list[dict[str, Any]] = []
        self.report: dict[str, Any] = {}

    def poll(self, **context: Any) -> dict[str, Any]:
        """Poll once to the end and return the report."""
        for item in self.items(**context):
            if item["type"] == "batch":
                self.batches.append(item)
            self.stored = compact_json(item["checkpoint"])
            self.report = item
        return self.report

    def items(self, **context: Any) -> Any:
        """Begin a poll: its items, unpublished and unstored."""
        given = {"now": self.clock, **context}
        items = signal_client_poll(
            connector="oci-cloud",
            instance=self.name,
            settings=self.settings,
            checkpoint=json.loads(self.stored),
            context=given,
        )
        return checked_poll(items, PollTerms.of_context(self.name, "oci-cloud", SOURCES, given))

    @property
    def checkpoint(self) -> Any:
        """What is stored."""
        return json.loads(self.stored)

    def source(self, name: str) -> dict[str, Any]:
        """The last report's part for a source."""
        return self.report["sources"][name]

    def artifacts(self, source: str) -> list[dict[str, Any]]:
        """What was delivered of a source, in order."""
        return [one for batch in self.batches if batch["source"] == source for one in batch["artifacts"]]

    def keys(self, source: str) -> list[str]:
        """The ground truth's keys of what was delivered, sorted, repeats included."""
        return sorted(key_of(source, artifact) for artifact in self.artifacts(source))

    def warned(self) -> set[str]:
        """The codes of the last report's warnings."""
        return {warning["code"] for warning in self.report["warnings"]}


def key_of(source: str, artifact: dict[str, Any]) -> str:
    """The sandbox's key of a delivered artifact."""
    record = json.loads(artifact["raw"])
    if source == "audit":
        return str(record["eventId"])
    if source == "logging":
        return str(record["logContent"]["data"]["sandboxMarker"])
    return " ".join(record[name] for name in ("id", "lifecycleDetail", "riskLevel", "timeLastDetected"))


# --- the HTTP seam ------------------------------------------------------------------------------------------------

COMPARTMENT = "ocid1.compartment.oc1..aaaaaaaaseam"
_PREFIXES = {
    "audit": "https://audit.{}.oraclecloud.com/20190901",
    "logging": "https://logging.{}.oci.oraclecloud.com/20190909",
    "cloudguard": "https://cloudguard-cp-api.{}.oci.oraclecloud.com/20200131",
    "identity": "https://identity.{}.oci.oraclecloud.com/20160918",
}
_NO_MORE = object()


def raw_settings(*sources: str, **overrides: Any) -> dict[str, Any]:
    """Settings of the tenancy at the seam with these sources on, its root compartment alone."""
    return {
        "tenancy_ocid": seam.TENANCY,
        "user_ocid": seam.USER,
        "fingerprint": seam.fingerprint(),
        "private_key": shared_private_key_pem(0),
        "region": seam.REGION,
        "include_subcompartments": False,
        **{f"{source}_enabled": source in sources for source in SOURCES},
    } | overrides


@dataclass(frozen=True)
class Asked:
    """One request that reached the seam."""

    service: str
    region: str
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]


@dataclass
class Answer:
    """One answer: JSON (or bytes as they are), the next page's token (None = no such header), the status."""

    content: Any
    token: str | None = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    def as_response(self) -> tuple[int, dict[str, str], bytes]:
        """What `responses` wants of a callback."""
        headers = {"opc-request-id": "RID", **self.headers}
        if self.token is not None:
            headers["opc-next-page"] = self.token
        body = self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()
        return self.status, headers, body


def denied() -> Answer:
    """OCI's 404."""
    return Answer(
        {
            "code": "NotAuthorizedOrNotFound",
            "message": "Authorization failed or requested resource not found.",
        },
        status=404,
    )


class Oci:
    """OCI at the HTTP seam: every request is noted; answers are given in order, the last one from then on."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.asked: list[Asked] = []
        self._mock = mock
        self._lock = threading.Lock()

    def answer(
        self,
        service: str,
        path: str,
        *answers: Answer | Callable[[Asked], Answer],
        region: str = seam.REGION,
        method: str = "GET",
    ) -> None:
        """Answer one operation; an answer may be a function of the request."""
        left = list(answers)

        def give(request: Any) -> tuple[int, dict[str, str], bytes]:
            asked = _asked(service, region, request)
            with self._lock:
                self.asked.append(asked)
                answer = left.pop(0) if len(left) > 1 else left[0]
            return (answer(asked) if callable(answer) else answer).as_response()

        self._mock.add_callback(method, _PREFIXES[service].format(region) + path, give)

    def forget(self) -> None:
        """Give up all answers that were arranged."""
        self._mock.reset()

    def audit(self, *answers: Any, region: str = seam.REGION) -> None:
        """Answer ListEvents."""
        self.answer("audit", "/auditEvents", *answers, region=region)

    def logging(self, *answers: Any, region: str = seam.REGION) -> None:
        """Answer SearchLogs."""
        self.answer("logging", "/search", *answers, region=region, method="POST")

    def compartments(self, *answers: Any) -> None:
        """Answer ListCompartments."""
        self.answer("identity", "/compartments", *answers)

    def paths(self, path: str) -> list[Asked]:
        """The requests whose path ends like this."""
        return [one for one in self.asked if one.path.endswith(path)]


def _asked(service: str, region: str, request: Any) -> Asked:
    url = urllib.parse.urlsplit(request.url)
    query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True, strict_parsing=bool(url.query)))
    body = request.body.read() if hasattr(request.body, "read") else request.body
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    return Asked(
        service, region, str(request.method), url.path, query, json.loads(body) if body else None, headers
    )


def at(text: str) -> datetime:
    """A moment of the tests' day, e.g. `at("09:00:30")`."""
    return datetime.fromisoformat(f"2026-03-02T{text}").replace(tzinfo=timezone.utc)
