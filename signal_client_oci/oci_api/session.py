"""Prepares and signs what the SDK asks for, in place of the session of its `requests`, and hands it to the transport.

A session of `requests` parses the service's URL, merges settings, reads and keeps cookies and looks for redirects with
every request. Nothing of that is wanted here, and it took a sixth of a request's processor time. What is sent is, byte
for byte, what such a session would send; cookies of an answer are not sent back.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from oci._vendor.requests.models import PreparedRequest
from oci._vendor.requests.structures import CaseInsensitiveDict
from oci._vendor.requests.utils import default_headers

from signal_client_oci.oci_api.transport import Transport

__all__ = ["Session"]

_HEADERS: Final[Mapping[str, str]] = dict(default_headers())


class Session:
    """What an SDK client calls `session`; nothing that is set on it, or in the environment, has an effect."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def request(  # noqa: PLR0913  (as the SDK calls it)
        self,
        method: str,
        url: str,
        *,
        auth: Any,
        params: Mapping[str, Any] | None,
        headers: Mapping[str, str],
        data: Any,
        stream: bool,  # noqa: ARG002
        timeout: Any,  # noqa: ARG002  (the transport's own limits hold)
    ) -> Any:
        """Send one request, signed by `auth`, and return its answer; raises what `Transport.send` does."""
        request = PreparedRequest()
        request.method = method
        request.url = _url(url, params)
        request.headers = CaseInsensitiveDict(_HEADERS)
        request.headers.update(headers)
        request.prepare_body(data or {}, None)
        request.prepare_auth(auth)
        return self._transport.send(request)

    def close(self) -> None:
        """Close the connections; the session itself can be used again."""
        self._transport.close()


def _url(url: str, params: Mapping[str, Any] | None) -> str:
    """Return a URL with parameters, encoded as `requests` does it."""
    query = PreparedRequest._encode_params(params or {})  # noqa: SLF001
    return f"{_checked(url)}?{query}" if query else _checked(url)


@lru_cache(maxsize=512)
def _checked(url: str) -> str:
    """Return a URL as `requests` checks and writes it; most requests of a client go to the same one."""
    request = PreparedRequest()
    request.prepare_url(url, None)
    return str(request.url)
