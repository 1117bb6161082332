"""What lies between an SDK client and the transport: prepares and signs each request without doing work twice.

A session of `requests` parses the service's URL, merges settings, reads and keeps cookies and looks for redirects with
every request. Nothing of that is wanted here, and it took a tenth of a request's processor time. What is sent is
what such a session would send; cookies of an answer are not sent back.

The SDK's own way from a client to its session makes five lines for a log, each with the time, whether or not anybody
reads them, and sends again what the poll sends again by itself. A good answer goes past it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, ValuesView
from functools import cached_property, lru_cache
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote_plus

from oci._vendor.requests.models import PreparedRequest
from oci._vendor.requests.structures import CaseInsensitiveDict
from oci._vendor.requests.utils import default_headers
from oci.response import Response

from signal_client_oci.oci_api.transport import Transport

__all__ = ["Session", "send_directly", "work_out_once"]

# methods of `oci.base_client.BaseClient` whose answer depends on nothing but endpoint and signer
_FIXED_ANSWERS: Final = (
    "_validate_endpoint_host_components",
    "is_instance_principal_or_resource_principal_signer",
    "update_endpoint_template_for_options",
)
_LONGEST_REMEMBERED: Final = 128  # characters; of times and OCIDs, while a long page token comes once


def work_out_once(base_client: Any) -> None:
    """Let an SDK client work out once what it otherwise does for every request, though it comes out the same."""
    for name in _FIXED_ANSWERS:
        if method := getattr(base_client, name, None):
            setattr(base_client, name, lru_cache(maxsize=1)(method))
    if not getattr(base_client, "PROPAGATION_ENABLED", True):
        # it looks for a file with a request id to pass on, and then does not
        base_client.get_downstream_request_id = lambda: None


def send_directly(base_client: Any, session: Session) -> None:
    """Let an SDK client send by `session`, hand good bodies on as bytes, and read other answers as it always does.

    In place of `oci.base_client.BaseClient.request`, which `call_api` calls with what it has prepared.
    """

    def request(request: Any, *described: Any) -> Response:
        signer = base_client.signer
        answer = session.request(
            request.method,
            request.url,
            auth=signer if request.enforce_content_headers else signer.without_content_headers,
            params=request.query_params,
            headers=request.header_params,
            data=request.body,
        )
        if HTTPStatus.OK <= answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
            return Response(answer.status_code, answer.headers, answer.content, request)
        reader = copy.copy(base_client)
        reader.session = _Answered(answer)
        return type(base_client).request(reader, request, *described)

    base_client.session = session
    base_client.request = request


class _Answered:
    """A session whose request was answered already; the body becomes UTF-8, which is all that the SDK reads."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        answer._content = answer.content.decode("utf-8", "replace").encode()  # noqa: SLF001

    def request(self, *_: Any, **__: Any) -> Any:
        """Return the answer."""
        return self._answer

    def close(self) -> None:
        """Leave the connections open: they are another session's."""


class Session:
    """What an SDK client calls `session`; nothing that is set on it, or in the environment, has an effect."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def request(  # noqa: PLR0913  (as the SDK calls it, whatever else it passes; limits are the transport's own)
        self,
        method: str,
        url: str,
        *,
        auth: Any,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        data: Any,
        **_: Any,
    ) -> Any:
        """Send one request, signed by `auth`, and return its answer; raises what `Transport.send` does."""
        request = _Request()
        request.method = method
        request.url = _url(url, params)
        request.headers = _HEADERS.copy()
        request.headers.update(headers)
        request.prepare_body(data or {}, None)
        request.prepare_auth(auth)
        return self._transport.send(request)

    def close(self) -> None:
        """Close the connections; the session itself can be used again."""
        self._transport.close()


class _Request(PreparedRequest):  # type: ignore[misc]  # the SDK has no types
    """A request as `requests` has it, whose target is worked out once: who signs and who sends ask for it."""

    @cached_property
    def path_url(self) -> str:
        """Path and query of the URL, which `_checked` gave a path and no fragment."""
        return str(self.url[self.url.find("/", len("https://")) :])


class _Headers(CaseInsensitiveDict):  # type: ignore[misc]  # as above
    """Headers as `requests` has them, quicker where all are meant; what shows them shows their names alone.

    Who signs and who sends take all of them several times, and name by name that takes much longer. `_store`, where
    `requests` has them, holds name and value by the name in lower case.
    """

    def update(self, headers: Mapping[str, str]) -> None:
        """Set all of these."""
        for name, value in headers.items():
            self._store[name.lower()] = (name, value)

    def items(self) -> ValuesView[tuple[str, str]]:
        """Return names and values in order."""
        pairs: ValuesView[tuple[str, str]] = self._store.values()
        return pairs

    def copy(self) -> _Headers:
        """Return others of the same names and values."""
        others = _Headers()
        others._store = self._store.copy()
        return others

    def __repr__(self) -> str:
        return f"<headers {', '.join(self)}>"  # one of them holds the signature


_HEADERS: Final = _Headers(default_headers())


def _url(url: str, params: Mapping[str, Any] | None) -> str:
    """Return a URL with parameters, encoded as `requests` does it."""
    query = _query(params or {})
    return f"{_checked(url)}?{query}" if query else _checked(url)


def _query(params: Mapping[str, Any]) -> str:
    if all(isinstance(value, str) and len(value) <= _LONGEST_REMEMBERED for value in params.values()):
        return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in params.items())
    return str(PreparedRequest._encode_params(params))  # noqa: SLF001


@lru_cache(maxsize=1024)
def _quoted(text: str) -> str:
    """Return a name or value of a query as it is sent; the same times and compartments are asked for all the time."""
    return quote_plus(text)


@lru_cache(maxsize=512)
def _checked(url: str) -> str:
    """Return a URL as `requests` checks and writes it; most requests of a client go to the same one."""
    request = PreparedRequest()
    request.prepare_url(url, None)
    return str(request.url)
