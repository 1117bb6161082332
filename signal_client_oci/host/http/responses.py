"""What the server answers: each path with its content, and the headers that every response has."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Final

from signal_client_oci.host.http.board import BoardState, StatusBoard
from signal_client_oci.host.http.board_headline import duration_in_words
from signal_client_oci.host.http.metrics import Exposition
from signal_client_oci.host.http.page_state import page_state

__all__ = ["HEADERS", "Pages", "Response", "text_response"]

_TEXT: Final = "text/plain; charset=utf-8"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Headers of every response: the page loads nothing from elsewhere, and no other page loads it."""
_FILES: Final = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


@dataclass(frozen=True)
class Response:
    """A status, a body and the type of the body."""

    status: HTTPStatus
    body: bytes
    content_type: str = _TEXT


class Pages:
    """The content of each path; all of it is made from the board at the time of the request."""

    def __init__(self, board: StatusBoard) -> None:
        self._board = board
        self._exposition = Exposition(board)
        folder = files(__package__) / "page"
        self._files = {
            path: Response(HTTPStatus.OK, (folder / name).read_bytes(), kind)
            for path, (name, kind) in _FILES.items()
        }
        self._made: dict[str, Callable[[str], Response]] = {
            "/metrics": self._metrics,
            "/healthz": lambda _accept: text_response(HTTPStatus.OK, "alive"),
            "/readyz": lambda _accept: _readiness(board.state()),
            "/status.json": self._status,
        }

    def response(self, path: str, accept: str) -> Response:
        """Return the response for a path without query; `accept` is the request's Accept header."""
        if path in self._files:
            return self._files[path]
        if path in self._made:
            return self._made[path](accept)
        known = " ".join(sorted([*self._files, *self._made]))
        return text_response(HTTPStatus.NOT_FOUND, f"no such page; there are: {known}")

    def _metrics(self, accept: str) -> Response:
        body, content_type = self._exposition.render(accept)
        return Response(HTTPStatus.OK, body, content_type)

    def _status(self, _accept: str) -> Response:
        body = json.dumps(page_state(self._board.state()), separators=(",", ":"))
        return Response(HTTPStatus.OK, body.encode(), "application/json")


def text_response(status: HTTPStatus, text: str) -> Response:
    """Return a response of plain text."""
    return Response(status, f"{text}\n".encode())


def _readiness(state: BoardState) -> Response:
    """Return 200 if every instance was polled within three intervals, else 503 and which one was not."""
    behind = [
        f"{one.label}: {_last_report(one.reported_at, state.monotonic)}; its interval is "
        f"{duration_in_words(one.interval_seconds)}"
        for one in state.instances
        if one.reported_at is None or one.is_overdue(state.monotonic)
    ]
    if not behind:
        polled = "1 instance was" if len(state.instances) == 1 else f"{len(state.instances)} instances were"
        return text_response(HTTPStatus.OK, f"ready: {polled} polled within three intervals")
    return text_response(HTTPStatus.SERVICE_UNAVAILABLE, "\n".join(["not ready", *behind]))


def _last_report(reported_at: float | None, monotonic: float) -> str:
    if reported_at is None:
        return "no poll has ended with a report yet"
    return f"the last report of a poll was {duration_in_words(monotonic - reported_at)} ago"
