"""A host's side of the settings form on loopback: the page, the plugin's schema, the plugin's answer to a submit."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from signal_client_oci import plugin

CONNECTOR = "oci-cloud"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}


class FormHost(ThreadingHTTPServer):
    """Serves the files of `page` and `schema.json`, and answers `POST validate`; `submitted` keeps what came."""

    daemon_threads = True

    def __init__(self, page: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page = page
        self.submitted: list[dict[str, Any]] = []

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    server: FormHost

    def do_GET(self) -> None:
        """Answer with the schema or a file of the page."""
        name = self.path.lstrip("/") or "index.html"
        if name == "schema.json":
            self._answer(plugin.signal_client_settings_schema(CONNECTOR))
        elif name in {file.name for file in self.server.page.iterdir()}:
            self._send((self.server.page / name).read_bytes(), _TYPES[Path(name).suffix])
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        """Answer with what the plugin says of the settings."""
        settings = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.submitted.append(settings)
        self._answer(plugin.signal_client_validate_connection(CONNECTOR, settings))

    def _answer(self, value: Any) -> None:
        self._send(json.dumps(value).encode(), "application/json")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if self.path != "/schema.json":
            self.send_header("Cache-Control", "max-age=3600")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Keep requests out of the test's output."""
